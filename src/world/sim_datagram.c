/* SPDX-License-Identifier: MIT */
/* Datagrams of the simulated world: each arrives whole, in order, or, where its receiver's buffer
 * is full or nobody is there, not at all. Between local sockets the sender is told, and waits for
 * room where it is connected. */
#include "world/sim_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 65507 };

struct hk__sim_datagram {
    struct hk__sim_timed timed;
    struct hk__sim_datagram *next;
    struct hk__sim_address from, to;
    uint32_t size;
    char bytes[];
};

static int deliver(hk__sim *w, struct hk__sim_datagram *it)
{
    hk__sim_file *file =
        hk__sim_socket_at(w, HK__SIM_DATAGRAM, (const struct sockaddr *)&it->to.sa, it->to.size);
    if (file == NULL) return -ECONNREFUSED;
    if (file->datagram_bytes + it->size > HK__SIM_BUFFER) {
        file->crowded = true;
        return -EAGAIN;
    }
    it->next = NULL;
    *file->last_datagram = it;
    file->last_datagram = &it->next;
    file->datagram_bytes += it->size;
    hk__sim_file_changed(w, file, HK__READABLE);
    return 0;
}

static void datagram_arrives(hk__sim *w, struct hk__sim_timed *timed, bool gone)
{
    if (gone || deliver(w, (struct hk__sim_datagram *)timed) < 0) free(timed);
}

/* Whoever was held up tries again, whatever it was sending to. */
static void make_room(hk__sim *w, hk__sim_file *file)
{
    if (!file->crowded) return;
    file->crowded = false;
    for (size_t i = 0; i < w->file_room; i++) {
        hk__sim_file *sender = w->files[i];
        if (sender == NULL || !sender->held_up) continue;
        sender->held_up = false;
        hk__sim_file_changed(w, sender, HK__WRITABLE);
    }
}

/* Where to, and what. */
struct load {
    const struct iovec *vector;
    int count;
    const struct sockaddr *to;
    socklen_t to_size;
    size_t size;
};

static int weigh(const hk__sim_file *file, const hk__direct *d, struct load *ret_load)
{
    const struct msghdr *m = d->kind == HK__DIRECT_SEND ? d->message : NULL;
    *ret_load = (struct load){ .vector = m != NULL ? m->msg_iov : d->vector,
                               .count = m != NULL ? (int)m->msg_iovlen : d->count,
                               .to = m != NULL ? m->msg_name : NULL,
                               .to_size = m != NULL ? m->msg_namelen : 0 };
    if (ret_load->to == NULL) {
        ret_load->to = (const struct sockaddr *)&file->peer.sa;
        ret_load->to_size = file->peer.size;
    }
    if (ret_load->to_size == 0) return -EDESTADDRREQ;
    if (ret_load->to_size > sizeof(struct sockaddr_storage)) return -EINVAL;
    if (ret_load->to->sa_family != file->domain) return -EAFNOSUPPORT;
    for (int i = 0; i < ret_load->count; i++) ret_load->size += ret_load->vector[i].iov_len;
    return ret_load->size <= MOST ? 0 : -EMSGSIZE;
}

static void fill(char *to, const struct load *load)
{
    for (int i = 0; i < load->count; i++) {
        if (load->vector[i].iov_len > 0)
            memcpy(to, load->vector[i].iov_base, load->vector[i].iov_len);
        to += load->vector[i].iov_len;
    }
}

int64_t hk__sim_datagram_send(hk__sim *w, hk__sim_file *file, const hk__direct *d)
{
    struct load load;
    int r = weigh(file, d, &load);
    if (r < 0) return r;
    if (!hk__sim_address_is_here(load.to)) return -ENETUNREACH;
    r = hk__sim_socket_bind_any(w, file);
    if (r < 0) return r;
    struct hk__sim_datagram *it = hk__sim_reserve(w) == 0 ? malloc(sizeof *it + load.size) : NULL;
    if (it == NULL) return -ENOBUFS;
    *it = (struct hk__sim_datagram){ .from = file->local, .size = (uint32_t)load.size };
    memcpy(&it->to.sa, load.to, load.to_size);
    it->to.size = load.to_size;
    it->timed.arrive = datagram_arrives;
    fill(it->bytes, &load);
    if (file->domain != AF_UNIX) {
        hk__sim_send(w, &it->timed, w->setup.latency);
        return (int64_t)load.size;
    }
    r = deliver(w, it);
    if (r == 0) return (int64_t)load.size;
    free(it);
    if (r == -EAGAIN && load.to != (const struct sockaddr *)&file->peer.sa) return -ENOBUFS;
    file->held_up = r == -EAGAIN;
    return r;
}

/* What does not fit is lost. */
static size_t spread(const struct hk__sim_datagram *it, const struct iovec *vector, int count)
{
    size_t done = 0;
    for (int i = 0; i < count && done < it->size; i++) {
        size_t left = it->size - done;
        size_t size = vector[i].iov_len < left ? vector[i].iov_len : left;
        if (size > 0) memcpy(vector[i].iov_base, it->bytes + done, size);
        done += size;
    }
    return done;
}

int64_t hk__sim_datagram_receive(hk__sim *w, hk__sim_file *file, const hk__direct *d)
{
    struct msghdr *m = d->kind == HK__DIRECT_RECV ? d->message : NULL;
    struct hk__sim_datagram *it = file->datagrams;
    if (it == NULL) return -EAGAIN;
    size_t n =
        spread(it, m != NULL ? m->msg_iov : d->vector, m != NULL ? (int)m->msg_iovlen : d->count);
    if (m != NULL) {
        m->msg_controllen = 0;
        m->msg_flags = n < it->size ? MSG_TRUNC : 0;
        hk__sim_address_give(&it->from, m->msg_name, &m->msg_namelen);
    }
    if (d->kind == HK__DIRECT_RECV && (d->flags & MSG_TRUNC)) n = it->size;
    if (d->kind == HK__DIRECT_RECV && (d->flags & MSG_PEEK)) return (int64_t)n;
    file->datagrams = it->next;
    if (file->datagrams == NULL) file->last_datagram = &file->datagrams;
    file->datagram_bytes -= it->size;
    free(it);
    make_room(w, file);
    return (int64_t)n;
}

void hk__sim_datagram_close(hk__sim *w, hk__sim_file *file)
{
    make_room(w, file);
    while (file->datagrams != NULL) {
        struct hk__sim_datagram *it = file->datagrams;
        file->datagrams = it->next;
        free(it);
    }
}
