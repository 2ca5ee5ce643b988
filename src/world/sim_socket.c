/* SPDX-License-Identifier: MIT */
/* Sockets of the simulated world: names, and how connections come about.
 *
 * There is one machine, with its loopback addresses, any of them, of both families. A connect takes
 * the time of the way there and back; one that finds a listener's queue full asks again, as TCP
 * does. Local sockets answer at once. */
#include "world/sim_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { RETRIES = 6, UNASKED = 4096 };
static const int64_t RETRY_NS = 1000 * 1000 * 1000;

/* ---- addresses ---- */

static const struct sockaddr_in *v4(const struct sockaddr *a) { return (const void *)a; }
static const struct sockaddr_in6 *v6(const struct sockaddr *a) { return (const void *)a; }

static uint16_t port_of(const struct sockaddr *a)
{
    return ntohs(a->sa_family == AF_INET ? v4(a)->sin_port : v6(a)->sin6_port);
}

static void set_port(struct sockaddr_storage *a, uint16_t port)
{
    if (a->ss_family == AF_INET)
        ((struct sockaddr_in *)a)->sin_port = htons(port);
    else
        ((struct sockaddr_in6 *)a)->sin6_port = htons(port);
}

static bool is_any(const struct sockaddr *a)
{
    return a->sa_family == AF_INET ? v4(a)->sin_addr.s_addr == htonl(INADDR_ANY)
                                   : IN6_IS_ADDR_UNSPECIFIED(&v6(a)->sin6_addr);
}

bool hk__sim_address_is_here(const struct sockaddr *a)
{
    if (a->sa_family == AF_UNIX || is_any(a)) return true;
    return a->sa_family == AF_INET ? ntohl(v4(a)->sin_addr.s_addr) >> 24 == 127
                                   : IN6_IS_ADDR_LOOPBACK(&v6(a)->sin6_addr);
}

/* 0, or what is wrong with it for a socket of this domain. */
static int check(const struct sockaddr *a, socklen_t size, int domain)
{
    if (a == NULL || size < sizeof(sa_family_t)) return -EINVAL;
    if (a->sa_family != domain) return -EAFNOSUPPORT;
    if (domain == AF_UNIX)
        return size <= sizeof(struct sockaddr_un) && size > sizeof(sa_family_t) ? 0 : -EINVAL;
    return size >= (domain == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6))
               ? 0
               : -EINVAL;
}

static bool is_same_host(const struct sockaddr *a, const struct sockaddr *b)
{
    if (a->sa_family != b->sa_family) return false;
    if (a->sa_family == AF_INET) return v4(a)->sin_addr.s_addr == v4(b)->sin_addr.s_addr;
    return memcmp(&v6(a)->sin6_addr, &v6(b)->sin6_addr, sizeof(struct in6_addr)) == 0;
}

/* Whether what is sent to `address` comes to one bound as `file` is. */
static bool reaches(const struct sockaddr *address, socklen_t size, const hk__sim_file *file)
{
    const struct sockaddr *local = (const struct sockaddr *)&file->local.sa;
    if (address->sa_family == AF_UNIX || local->sa_family == AF_UNIX)
        return size == file->local.size && memcmp(address, local, size) == 0;
    if (port_of(address) != port_of(local)) return false;
    if (is_any(local))
        return address->sa_family == local->sa_family ||
               (local->sa_family == AF_INET6 && !file->only_v6);
    return is_same_host(address, local) ||
           (is_any(address) && address->sa_family == local->sa_family);
}

static bool is_datagram(enum hk__sim_kind kind) { return kind == HK__SIM_DATAGRAM; }

hk__sim_file *hk__sim_socket_at(hk__sim *w, enum hk__sim_kind kind, const struct sockaddr *address,
                                socklen_t size)
{
    for (hk__sim_file *f = w->bound; f != NULL; f = f->next_bound)
        if (f->kind == kind && reaches(address, size, f)) return f;
    return NULL;
}

static bool is_taken(hk__sim *w, const hk__sim_file *file, const struct sockaddr *address,
                     socklen_t size)
{
    for (const hk__sim_file *f = w->bound; f != NULL; f = f->next_bound) {
        if (is_datagram(f->kind) != is_datagram(file->kind)) continue;
        if (reaches(address, size, f)) return true;
        if (f->domain == AF_UNIX || address->sa_family == AF_UNIX || !is_any(address)) continue;
        if (port_of(address) == port_of((const struct sockaddr *)&f->local.sa) &&
            (f->domain == file->domain || (file->domain == AF_INET6 && !file->only_v6)))
            return true;
    }
    return false;
}

void hk__sim_address_give(const struct hk__sim_address *from, struct sockaddr *address,
                          socklen_t *size)
{
    if (address == NULL || size == NULL) return;
    memcpy(address, &from->sa, *size < from->size ? *size : from->size);
    *size = from->size;
}

/* ---- names ---- */

static void set_local(hk__sim *w, hk__sim_file *file, const struct sockaddr *address,
                      socklen_t size)
{
    memcpy(&file->local.sa, address, size);
    file->local.size = size;
    file->next_bound = w->bound;
    w->bound = file;
}

static void unbind(hk__sim *w, hk__sim_file *file)
{
    hk__sim_file **link = &w->bound;
    while (*link != NULL && *link != file) link = &(*link)->next_bound;
    if (*link != NULL) *link = file->next_bound;
}

/* A port that nobody has. */
static int choose_port(hk__sim *w, const hk__sim_file *file, struct hk__sim_address *address)
{
    for (int tries = 0; tries < 65536 - HK__SIM_EPHEMERAL; tries++) {
        if (w->port < HK__SIM_EPHEMERAL || w->port == UINT16_MAX)
            w->port = HK__SIM_EPHEMERAL;
        else
            w->port++;
        set_port(&address->sa, w->port);
        if (!is_taken(w, file, (const struct sockaddr *)&address->sa, address->size)) return 0;
    }
    return -EADDRINUSE;
}

static int bind_to(hk__sim *w, hk__sim_file *file, const struct sockaddr *address, socklen_t size)
{
    struct hk__sim_address at = { .size = size };
    int r = check(address, size, file->domain);
    if (r < 0) return r;
    if (file->local.size != 0) return -EINVAL;
    if (!hk__sim_address_is_here(address)) return -EADDRNOTAVAIL;
    memcpy(&at.sa, address, size);
    if (file->domain != AF_UNIX && port_of(address) == 0)
        r = choose_port(w, file, &at);
    else if (is_taken(w, file, address, size))
        r = -EADDRINUSE;
    if (r == 0) set_local(w, file, (const struct sockaddr *)&at.sa, size);
    return r;
}

int hk__sim_socket_bind_any(hk__sim *w, hk__sim_file *file)
{
    struct sockaddr_in any4 = { .sin_family = AF_INET };
    struct sockaddr_in6 any6 = { .sin6_family = AF_INET6 };
    if (file->domain == AF_UNIX || file->local.size != 0) return 0;
    any4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    any6.sin6_addr = in6addr_loopback;
    if (file->domain == AF_INET) return bind_to(w, file, (void *)&any4, sizeof any4);
    return bind_to(w, file, (void *)&any6, sizeof any6);
}

/* ---- connecting ---- */

/* A connect on its way: there, or back with the answer. */
struct knock {
    struct hk__sim_timed timed;
    hk__sim_file *file;
    bool back;
    int outcome, tries;
};

/* The listener's end waits to be accepted, the other one for the answer. -EBUSY: no room. */
static int join(hk__sim *w, hk__sim_file *file, hk__sim_file *listener, int64_t latency)
{
    if (listener->queued > listener->backlog) return -EBUSY;
    hk__sim_file *end = hk__sim_file_new(HK__SIM_STREAM, file->domain);
    int r = end != NULL ? hk__sim_connect(file, end, true, latency) : -ENOMEM;
    if (r < 0) {
        free(end);
        return r;
    }
    end->unaccepted = true;
    end->local = file->peer;
    end->peer = file->local;
    if (end->peer.size == 0) {
        end->peer.sa.ss_family = (sa_family_t)file->domain;
        end->peer.size = sizeof(sa_family_t);
    }
    *(listener->first != NULL ? &listener->last->next : &listener->first) = end;
    listener->last = end;
    listener->queued++;
    hk__sim_file_changed(w, listener, HK__READABLE);
    return 0;
}

static void answered(hk__sim *w, hk__sim_file *file, int outcome)
{
    if (outcome == 0)
        file->kind = HK__SIM_STREAM;
    else
        file->error = outcome;
    hk__sim_file_changed(w, file, hk__sim_file_state(file));
}

static void knock_again(hk__sim *w, struct knock *k, int64_t delay)
{
    if (hk__sim_reserve(w) == 0) {
        hk__sim_send(w, &k->timed, delay);
        return;
    }
    if (k->file->fd >= 0) answered(w, k->file, -ENOBUFS);
    hk__sim_file_release(k->file);
    free(k);
}

static void knock_arrives(hk__sim *w, struct hk__sim_timed *timed, bool gone)
{
    struct knock *k = (struct knock *)timed;
    hk__sim_file *file = k->file;
    if (gone || k->back || file->fd < 0) {
        if (!gone && file->fd >= 0) answered(w, file, k->outcome);
        hk__sim_file_release(file);
        free(k);
        return;
    }
    hk__sim_file *listener = hk__sim_socket_at(
        w, HK__SIM_LISTENER, (const struct sockaddr *)&file->peer.sa, file->peer.size);
    int r = listener != NULL ? join(w, file, listener, w->setup.latency) : -ECONNREFUSED;
    if (r == -EBUSY && k->tries++ < RETRIES) return knock_again(w, k, RETRY_NS);
    k->outcome = r == -EBUSY ? -ETIMEDOUT : r;
    k->back = true;
    knock_again(w, k, w->setup.latency);
}

static int begin_connect(hk__sim *w, hk__sim_file *file, const struct sockaddr *address)
{
    if (!hk__sim_address_is_here(address)) return -ENETUNREACH;
    int r = hk__sim_socket_bind_any(w, file);
    struct knock *k = r == 0 && hk__sim_reserve(w) == 0 ? malloc(sizeof *k) : NULL;
    if (k == NULL) return r < 0 ? r : -ENOBUFS;
    *k = (struct knock){ .file = file };
    k->timed.arrive = knock_arrives;
    file->references++;
    file->kind = HK__SIM_CONNECTING;
    hk__sim_send(w, &k->timed, w->setup.latency);
    return -EAGAIN;
}

static int connect_local(hk__sim *w, hk__sim_file *file, const struct sockaddr *address,
                         socklen_t size)
{
    hk__sim_file *listener = hk__sim_socket_at(w, HK__SIM_LISTENER, address, size);
    const bool is_path = ((const struct sockaddr_un *)(const void *)address)->sun_path[0] != '\0';
    if (listener == NULL) return is_path ? -ENOENT : -ECONNREFUSED;
    int r = join(w, file, listener, 0);
    if (r == 0) file->kind = HK__SIM_STREAM;
    return r;
}

/* One that has failed may be tried again. */
static int outcome_of(hk__sim_file *file)
{
    int r = file->error;
    if (r == 0) return -EAGAIN;
    file->error = 0;
    file->kind = HK__SIM_FRESH;
    return r;
}

static int connect_to(hk__sim *w, hk__sim_file *file, const struct sockaddr *address,
                      socklen_t size, bool again)
{
    int r = check(address, size, file->domain);
    if (r < 0) return r;
    if (file->kind == HK__SIM_CONNECTING) return outcome_of(file);
    if (file->kind == HK__SIM_STREAM) return again ? 0 : -EISCONN;
    if (file->kind == HK__SIM_LISTENER) return -EISCONN;
    memcpy(&file->peer.sa, address, size);
    file->peer.size = size;
    if (file->kind == HK__SIM_DATAGRAM) return hk__sim_socket_bind_any(w, file);
    return file->domain == AF_UNIX ? connect_local(w, file, address, size)
                                   : begin_connect(w, file, address);
}

/* ---- listening ---- */

static int64_t listen_on(hk__sim *w, hk__sim_file *file, int backlog)
{
    if (file->kind == HK__SIM_DATAGRAM) return -EOPNOTSUPP;
    if (file->kind != HK__SIM_FRESH && file->kind != HK__SIM_LISTENER) return -EINVAL;
    if (file->domain == AF_UNIX && file->local.size == 0) return -EINVAL;
    int r = hk__sim_socket_bind_any(w, file);
    if (r < 0) return r;
    file->kind = HK__SIM_LISTENER;
    file->backlog = backlog < 0 ? 0 : backlog > UNASKED ? UNASKED : (unsigned)backlog;
    return 0;
}

static int64_t accept_one(hk__sim *w, hk__sim_file *listener, hk__direct *d)
{
    if (listener->kind == HK__SIM_DATAGRAM) return -EOPNOTSUPP;
    if (listener->kind != HK__SIM_LISTENER) return -EINVAL;
    hk__sim_file *file = listener->first;
    d->spent = file == NULL;
    if (file == NULL) return -EAGAIN;
    int fd = hk__sim_file_number(w, file);
    if (fd < 0) return fd;
    listener->first = file->next;
    listener->queued--;
    file->next = NULL;
    file->unaccepted = false;
    hk__sim_address_give(&file->peer, d->address, d->address_size);
    d->spent = listener->first == NULL;
    d->born = HK__NOTE_SOCKET | HK__NOTE_STREAM;
    return fd;
}

void hk__sim_socket_close(hk__sim *w, hk__sim_file *file)
{
    if (file->local.size != 0) unbind(w, file);
    for (hk__sim_file *end = file->first, *next; end != NULL; end = next) {
        next = end->next;
        hk__sim_file_close(w, end);
    }
    file->first = NULL;
}

/* ---- calls ---- */

static int64_t make(hk__sim *w, const hk__direct *d)
{
    const int type = d->flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (d->fd != AF_INET && d->fd != AF_INET6 && d->fd != AF_UNIX) return -EAFNOSUPPORT;
    if (type != SOCK_STREAM && type != SOCK_DGRAM) return -EPROTONOSUPPORT;
    hk__sim_file *file =
        hk__sim_file_new(type == SOCK_STREAM ? HK__SIM_FRESH : HK__SIM_DATAGRAM, d->fd);
    int fd = file != NULL ? hk__sim_file_number(w, file) : -ENOMEM;
    if (fd < 0) free(file);
    return fd;
}

static int64_t name(const hk__sim_file *file, const hk__direct *d)
{
    struct hk__sim_address none = { .size = sizeof(sa_family_t) };
    const struct hk__sim_address *it = d->flags ? &file->peer : &file->local;
    if (d->flags &&
        (file->peer.size == 0 || (file->kind != HK__SIM_STREAM && file->kind != HK__SIM_DATAGRAM)))
        return -ENOTCONN;
    none.sa.ss_family = (sa_family_t)file->domain;
    hk__sim_address_give(it->size != 0 ? it : &none, d->address, d->address_size);
    return 0;
}

/* Of all options one has a meaning here. */
static int64_t set_option(hk__sim_file *file, const hk__direct *d)
{
    if (d->flags == IPPROTO_IPV6 && d->count == IPV6_V6ONLY && d->vector->iov_len == sizeof(int)) {
        int on;
        memcpy(&on, d->vector->iov_base, sizeof on);
        file->only_v6 = on != 0;
    }
    return 0;
}

int64_t hk__sim_socket(hk__sim *w, hk__direct *d)
{
    hk__sim_file *file = hk__sim_file_at(w, d->fd);
    const socklen_t size = d->address_size != NULL ? *d->address_size : 0;
    switch (d->kind) {
    case HK__DIRECT_SOCKET: return make(w, d);
    case HK__DIRECT_BIND: return bind_to(w, file, d->address, size);
    case HK__DIRECT_LISTEN: return listen_on(w, file, d->flags);
    case HK__DIRECT_ACCEPT: return accept_one(w, file, d);
    case HK__DIRECT_CONNECT: return connect_to(w, file, d->address, size, d->flags != 0);
    case HK__DIRECT_OPTION: return set_option(file, d);
    case HK__DIRECT_NAME: return name(file, d);
    case HK__DIRECT_SHUTDOWN:
        return file->kind == HK__SIM_STREAM ? hk__sim_stream_shutdown(w, file, d->flags)
                                            : -ENOTCONN;
    default: return -ENOSYS;
    }
}
