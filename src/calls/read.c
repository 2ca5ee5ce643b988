/* SPDX-License-Identifier: MIT */
/* read, readv, recv, recvmsg: take what is there, or wait until there is something.
 *
 * With MSG_WAITALL the same again until the buffer is full. Urgent data and the queue of errors are
 * no part of what the table remembers: there the kernel is asked each time. */
#include "calls/calls.h"

#include "sched/descriptor.h"

#include <limits.h>

enum { UNREMEMBERED = MSG_DONTWAIT | MSG_OOB | MSG_ERRQUEUE };

/* Into `vector`, or, where that is NULL, as `message` says. Inline: the common calls come this
 * way. */
static inline __attribute__((always_inline)) void take(hk_call *call, uint8_t kind, int flags,
                                                       const struct iovec *vector, int count,
                                                       struct msghdr *message)
{
    struct hk__io io;
    if (kind == HK__DIRECT_READ && HK__UNLIKELY(HK_CONTAINER(call, hk_io_call, call)->slot != 0))
        return hk__file_done(call);
    if (!hk__io_enter(&io, call, HK_CONTAINER(call, hk_io_call, call)->fd, HK__READER)) return;
    int64_t n = -EAGAIN;
    if (hk__io_ready(&io) || (flags & UNREMEMBERED)) {
        hk__direct direct = { .kind = kind, .flags = flags, .count = count };
        direct.vector = vector;
        direct.message = message;
        n = hk__io_direct(&io, &direct);
    }
    if (kind == HK__DIRECT_READ && HK__UNLIKELY(io.d->note & HK__NOTE_FILE))
        return hk__file_go_on(&io, n);
    if (n == -EAGAIN && !(flags & MSG_DONTWAIT)) {
        n = hk__io_park(&io);
        if (n == 0) return;
    }
    hk__io_finish(&io, n);
}

static void take_all(hk_call *call)
{
    hk_io_call *self = HK_CONTAINER(call, hk_io_call, call);
    const struct iovec *one = &self->data.one;
    struct hk__io io;
    if (!hk__io_enter(&io, call, self->fd, HK__READER)) return;
    int64_t n = -EAGAIN;
    while (hk__io_ready(&io)) {
        struct iovec rest;
        hk__direct direct = { .kind = HK__DIRECT_RECV, .flags = self->flags, .vector = &rest };
        direct.count = hk__vector_rest(one, 1, self->progress, &rest, 1);
        n = hk__io_direct(&io, &direct);
        if (n == -EAGAIN) break;
        if (n > 0) self->progress += (size_t)n;
        bool more = n > 0 && self->progress < one->iov_len && (io.d->note & HK__NOTE_STREAM);
        if (!more) return hk__io_finish(&io, hk__io_outcome(self, n));
    }
    n = hk__io_park(&io);
    if (n < 0) hk__io_finish(&io, hk__io_outcome(self, n));
}

/* read(2) of nothing takes nothing, not even a datagram; it only sees whether there is such a
 * descriptor. */
static void take_nothing(hk_call *call)
{
    struct hk__io io;
    hk__direct direct = { .kind = HK__DIRECT_POLL, .flags = HK__READABLE };
    if (!hk__io_enter(&io, call, HK_CONTAINER(call, hk_io_call, call)->fd, HK__READER)) return;
    int64_t r = hk__io_direct(&io, &direct);
    hk__io_finish(&io, r == -EAGAIN ? 0 : r);
}

HK__HOT void hk__read_handle(hk_call *call)
{
    const struct iovec *one = &HK_CONTAINER(call, hk_io_call, call)->data.one;
    if (HK__LIKELY(one->iov_len != 0))
        take(call, HK__DIRECT_READ, 0, one, 1, NULL);
    else
        take_nothing(call);
}

void hk__readv_handle(hk_call *call)
{
    hk_io_call *self = HK_CONTAINER(call, hk_io_call, call);
    const struct iovec *vector = self->data.vector.list;
    const int count = self->data.vector.count;
    if (count < 0 || count > IOV_MAX)
        hk_call_complete(call, -EINVAL);
    else if (hk__vector_size(vector, count) == 0)
        take_nothing(call);
    else
        take(call, HK__DIRECT_READ, 0, vector, count, NULL);
}

HK__HOT void hk__recv_handle(hk_call *call)
{
    hk_io_call *self = HK_CONTAINER(call, hk_io_call, call);
    if (HK__LIKELY((self->flags & (MSG_WAITALL | MSG_PEEK | UNREMEMBERED)) != MSG_WAITALL))
        take(call, HK__DIRECT_RECV, self->flags, &self->data.one, 1, NULL);
    else
        take_all(call);
}

void hk__recvmsg_handle(hk_call *call)
{
    hk_io_call *self = HK_CONTAINER(call, hk_io_call, call);
    take(call, HK__DIRECT_RECV, self->flags, NULL, 0, self->data.message);
}
