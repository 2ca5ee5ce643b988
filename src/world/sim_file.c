/* SPDX-License-Identifier: MIT */
/* Descriptors of the simulated world: numbers, readiness, and which call does what to which kind of
 * file. Numbers are given out lowest first, as the kernel does: what mixes up two files that had
 * the same number, one after the other, does so here too. */
#include "world/sim_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

hk__sim_file *hk__sim_file_at(hk__sim *w, int fd)
{
    int index = fd - HK__SIM_FIRST_FD;
    return index >= 0 && (size_t)index < w->file_room ? w->files[index] : NULL;
}

static int widen(hk__sim *w)
{
    size_t room = w->file_room != 0 ? w->file_room * 2 : 16;
    if (room > HK__SIM_FILES) return -EMFILE;
    hk__sim_file **files = realloc(w->files, room * sizeof(hk__sim_file *));
    if (files == NULL) return -ENOMEM;
    memset(files + w->file_room, 0, (room - w->file_room) * sizeof(hk__sim_file *));
    w->files = files;
    w->file_room = room;
    return 0;
}

int hk__sim_file_number(hk__sim *w, hk__sim_file *file)
{
    size_t i = w->file_low;
    while (i < w->file_room && w->files[i] != NULL) i++;
    int r = i == w->file_room ? widen(w) : 0;
    if (r < 0) return r;
    w->files[i] = file;
    w->file_low = i + 1;
    file->fd = (int)i + HK__SIM_FIRST_FD;
    return file->fd;
}

/* ---- readiness ---- */

unsigned hk__sim_file_state(const hk__sim_file *file)
{
    switch (file->kind) {
    case HK__SIM_LISTENER: return file->queued > 0 ? HK__READABLE : 0;
    case HK__SIM_CONNECTING: return file->error != 0 ? HK__READABLE | HK__WRITABLE | HK__HANGUP : 0;
    case HK__SIM_DATAGRAM:
        return (file->held_up ? 0 : HK__WRITABLE) | (file->datagrams != NULL ? HK__READABLE : 0);
    case HK__SIM_FRESH: return HK__WRITABLE | HK__HANGUP;
    default: return hk__sim_stream_state(file);
    }
}

void hk__sim_file_changed(hk__sim *w, hk__sim_file *file, unsigned bits)
{
    enum { ALL = HK__READABLE | HK__WRITABLE | HK__HANGUP };
    if (file == NULL || file->watched == 0) return;
    /* Once it is over both ways everybody is told, whatever they watch: as the kernel does. */
    if ((bits & HK__HANGUP) && hk__sim_stream_is_over(file)) {
        file->pending |= ALL;
        hk__sim_tell(w, &file->news);
        return;
    }
    if (!(file->watched & HK__READABLE)) bits &= ~(unsigned)(HK__READABLE | HK__HANGUP);
    if (!(file->watched & HK__WRITABLE)) bits &= ~(unsigned)HK__WRITABLE;
    if (bits == 0) return;
    file->pending |= bits & 15;
    hk__sim_tell(w, &file->news);
}

static int file_told(hk__sim *w, struct hk__sim_news *news, hk__event *ret_event)
{
    hk__sim_file *file = (hk__sim_file *)news; /* its first member */
    (void)w;
    *ret_event =
        (hk__event){ .ticket = file->ticket, .kind = HK__EVENT_READY, .ready = file->pending };
    file->pending = 0;
    return 1;
}

int hk__sim_watch(hk__world *world, int fd, unsigned directions, hk__ticket ticket)
{
    hk__sim *w = hk__sim_of(world);
    hk__sim_file *file = hk__sim_file_at(w, fd);
    if (file == NULL) return -EBADF;
    file->ticket = ticket;
    file->watched = directions & 15;
    hk__sim_file_changed(w, file, hk__sim_file_state(file));
    return 0;
}

static void unwatch(hk__sim *w, hk__sim_file *file)
{
    hk__sim_untell(w, &file->news);
    file->watched = file->pending = 0;
}

void hk__sim_unwatch(hk__world *world, int fd, hk__ticket ticket)
{
    hk__sim *w = hk__sim_of(world);
    hk__sim_file *file = hk__sim_file_at(w, fd);
    if (file != NULL && file->ticket.generation == ticket.generation) unwatch(w, file);
}

/* ---- birth and end ---- */

hk__sim_file *hk__sim_file_new(enum hk__sim_kind kind, int domain)
{
    hk__sim_file *file = calloc(1, sizeof *file);
    if (file == NULL) return NULL;
    file->news.tell = file_told;
    file->references = 1;
    file->fd = -1;
    file->kind = kind;
    file->domain = domain;
    file->last_datagram = &file->datagrams;
    return file;
}

void hk__sim_file_release(hk__sim_file *file)
{
    if (--file->references == 0) free(file);
}

void hk__sim_file_close(hk__sim *w, hk__sim_file *file)
{
    if (file->fd >= 0) {
        size_t index = (size_t)file->fd - HK__SIM_FIRST_FD;
        w->files[index] = NULL;
        if (index < w->file_low) w->file_low = index;
        file->fd = -1;
    }
    unwatch(w, file);
    hk__sim_socket_close(w, file);
    hk__sim_stream_close(w, file);
    hk__sim_datagram_close(w, file);
    hk__sim_file_release(file);
}

void hk__sim_files_clear(hk__sim *w)
{
    for (size_t i = 0; i < w->file_room; i++)
        if (w->files[i] != NULL) hk__sim_file_close(w, w->files[i]);
    w->file_low = 0;
}

/* ---- direct calls ---- */

static int64_t make_pipe(hk__sim *w, int *ret_fds)
{
    hk__sim_file *reader = hk__sim_file_new(HK__SIM_PIPE, 0),
                 *writer = hk__sim_file_new(HK__SIM_PIPE, 0);
    int r = reader != NULL && writer != NULL ? hk__sim_connect(reader, writer, false, 0) : -ENOMEM;
    if (r < 0) {
        free(reader);
        free(writer);
        return r;
    }
    r = hk__sim_file_number(w, reader);
    if (r >= 0) r = hk__sim_file_number(w, writer);
    if (r < 0) {
        hk__sim_file_close(w, reader);
        hk__sim_file_close(w, writer);
        return r;
    }
    ret_fds[0] = reader->fd;
    ret_fds[1] = writer->fd;
    return 0;
}

static bool is_stream(const hk__sim_file *file)
{
    return file->kind == HK__SIM_PIPE || file->kind == HK__SIM_STREAM;
}

/* Where the message or the vector says. */
static int64_t receive(hk__sim *w, hk__sim_file *file, const hk__direct *d)
{
    struct msghdr *message = d->kind == HK__DIRECT_RECV ? d->message : NULL;
    if (d->kind == HK__DIRECT_RECV && (d->flags & (MSG_OOB | MSG_ERRQUEUE))) return -EOPNOTSUPP;
    if (file->kind == HK__SIM_DATAGRAM) return hk__sim_datagram_receive(w, file, d);
    if (!is_stream(file)) return -ENOTCONN;
    if (message == NULL)
        return hk__sim_stream_read(w, file, d->vector, d->count,
                                   d->kind == HK__DIRECT_RECV ? d->flags : 0);
    message->msg_namelen = 0;
    message->msg_controllen = 0;
    message->msg_flags = 0;
    return hk__sim_stream_read(w, file, message->msg_iov, (int)message->msg_iovlen, d->flags);
}

static int64_t transmit(hk__sim *w, hk__sim_file *file, const hk__direct *d)
{
    const struct msghdr *message = d->kind == HK__DIRECT_SEND ? d->message : NULL;
    if (message != NULL && message->msg_controllen > 0) return -EOPNOTSUPP;
    if (file->kind == HK__SIM_DATAGRAM) return hk__sim_datagram_send(w, file, d);
    if (!is_stream(file)) return file->kind == HK__SIM_CONNECTING ? -EAGAIN : -EPIPE;
    if (message == NULL) return hk__sim_stream_write(w, file, d->vector, d->count);
    return hk__sim_stream_write(w, file, message->msg_iov, (int)message->msg_iovlen);
}

static int64_t poll_file(const hk__sim_file *file, unsigned direction)
{
    return hk__sim_file_state(file) & direction ? 0 : -EAGAIN;
}

static int64_t call_on(hk__sim *w, hk__sim_file *file, hk__direct *d)
{
    const bool reads = d->kind == HK__DIRECT_READ || d->kind == HK__DIRECT_RECV;
    int64_t r;
    switch (d->kind) {
    case HK__DIRECT_RECV:
    case HK__DIRECT_SEND:
        if (file->kind == HK__SIM_PIPE) return -ENOTSOCK;
        __attribute__((fallthrough));
    case HK__DIRECT_READ:
    case HK__DIRECT_WRITE:
        r = reads ? receive(w, file, d) : transmit(w, file, d);
        d->spent = !(hk__sim_file_state(file) & (reads ? HK__READABLE : HK__WRITABLE));
        return r;
    case HK__DIRECT_CLOSE: hk__sim_file_close(w, file); return 0;
    case HK__DIRECT_POLL: return poll_file(file, (unsigned)d->flags);
    case HK__DIRECT_PREAD:
    case HK__DIRECT_PWRITE: return -ESPIPE;
    default: return file->kind == HK__SIM_PIPE ? -ENOTSOCK : hk__sim_socket(w, d);
    }
}

int64_t hk__sim_direct(hk__world *world, hk__direct *d)
{
    hk__sim *w = hk__sim_of(world);
    d->spent = false;
    switch (d->kind) {
    case HK__DIRECT_PIPE: return make_pipe(w, d->extra);
    case HK__DIRECT_SOCKET: return hk__sim_socket(w, d);
    case HK__DIRECT_OPEN: return -EAGAIN;
    case HK__DIRECT_SPAWN:
    case HK__DIRECT_KILL:
    case HK__DIRECT_REAP: return -ENOSYS;
    default: break;
    }
    hk__sim_file *file = hk__sim_file_at(w, d->fd);
    if (file == NULL) return -EBADF;
    if (file->kind != HK__SIM_PIPE) d->note |= HK__NOTE_SOCKET;
    if (file->kind != HK__SIM_DATAGRAM) d->note |= HK__NOTE_STREAM;
    return call_on(w, file, d);
}
