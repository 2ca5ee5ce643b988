/* SPDX-License-Identifier: MIT */
/* send_recv: all of one buffer goes out, then what comes goes into another.
 *
 * It is send and recv one after the other, each of which tries and, where it must, waits for
 * readiness. Where a system call is dear, both are handed in as one operation, with the wait that
 * the loop would have made anyway: one call in place of three. An operation receives for itself, so
 * the descriptor is not watched meanwhile. Where the news is for many, the wait is shared anyhow,
 * and to receive by a call what readiness has told of costs less than an operation that waits: then
 * only what is to be sent is handed in. */
#include "calls/calls.h"

#include "sched/descriptor.h"
#include "sched/operation.h"

static void receive(hk_io_call *self)
{
    struct hk__io io;
    if (!hk__io_enter(&io, &self->call, self->fd, HK__READER)) return;
    if (hk__io_ready(&io)) {
        hk__direct direct = { .kind = HK__DIRECT_RECV, .count = 1, .vector = &self->rest };
        const int64_t n = hk__io_direct(&io, &direct);
        if (n != -EAGAIN) return hk__io_finish(&io, n);
    }
    const int r = hk__io_park(&io);
    if (r < 0) hk__io_finish(&io, r);
}

/* The rest of it, and then the other half. */
static void send_on(hk_io_call *self, struct hk__io *io)
{
    const struct iovec *all = &self->data.one;
    while (hk__io_ready(io)) {
        const struct iovec rest = { (char *)all->iov_base + self->progress,
                                    all->iov_len - self->progress };
        hk__direct direct = { .kind = HK__DIRECT_SEND, .count = 1, .vector = &rest };
        const int64_t n = hk__io_direct(io, &direct);
        if (n == -EAGAIN) break;
        if (n < 0) return hk__io_finish(io, n);
        self->progress += (size_t)n;
        if (self->progress < all->iov_len) continue;
        hk__io_leave(io);
        return receive(self);
    }
    const int r = hk__io_park(io);
    if (r < 0) hk__io_finish(io, r);
}

static void go_on(hk_io_call *self)
{
    struct hk__io io;
    if (self->progress == self->data.one.iov_len)
        receive(self);
    else if (hk__io_enter(&io, &self->call, self->fd, HK__WRITER))
        send_on(self, &io);
}

/* Whether what a task itself sends and receives may be handed in. */
static HK__HOT bool goes_together(const struct hk__io *io, const hk_io_call *self)
{
    const hk__world *world = io->s->world;
    return world->together && (world->pairs || io->s->together) && self->rest.iov_len > 0 &&
           io->d->waiter[HK__READER] == NULL && io->d->waiter[HK__WRITER] == NULL &&
           hk__io_hands_in(io, self->data.one.iov_len);
}

/* False: it is not to be, or there is no room. */
static HK__HOT bool hand_in(hk_io_call *self, struct hk__io *io)
{
    const bool alone = io->s->together;
    const hk__operation operation = { .kind = alone ? HK__OP_SEND : HK__OP_SEND_RECV,
                                      .fd = io->fd,
                                      .count = 1,
                                      .vector = &self->data.one,
                                      .argument = &self->rest };
    if (!goes_together(io, self) || hk__descriptor_hold(io->s, io->fd) < 0) return false;
    if (!alone) hk__descriptor_unwatch(io->s, io->fd);
    if (hk__operation_start(io->s, io->call, &operation, &self->slot) < 0) {
        hk__descriptor_let_go(io->s, io->fd);
        return false;
    }
    hk__io_receive(io);
    return true;
}

/* What was handed in is done: all of it, or sending is, as far as it went. */
static HK__HOT void handed_in(hk_io_call *self)
{
    hk_sched *s = hk__sched_of(&self->call);
    const int fd = self->fd; /* the call may be gone by the end */
    struct hk__descriptor *d = &s->descriptors.table[fd];
    const int64_t n = hk__operation_result(s);
    const bool is_ours = hk__io_received(d, &self->call) && !d->closing;
    const bool sent = !hk__operation_halved(s);
    self->slot = 0;
    if (sent || n > 0) self->progress = sent ? self->data.one.iov_len : (size_t)n;
    const bool more = sent ? n == -EAGAIN || n == -EINTR : n >= 0 || n == -EAGAIN || n == -EINTR;
    if (sent && n > 0 && (size_t)n < self->rest.iov_len && d->note & HK__NOTE_SHORT && is_ours)
        d->dry |= HK__READABLE;
    if (more && is_ours && !self->call.abort_asked)
        go_on(self);
    else if (more || n == -ECANCELED)
        hk_call_complete(&self->call, is_ours ? -ECANCELED : -EBADF);
    else
        hk_call_complete(&self->call, n);
    hk__descriptor_let_go(s, fd);
}

HK__HOT void hk__send_recv_handle(hk_call *call)
{
    hk_io_call *self = HK_CONTAINER(call, hk_io_call, call);
    struct hk__io io;
    const hk_sched *s = hk__sched_of(call);
    if (self->slot != 0) return handed_in(self);
    if (s != NULL && (unsigned)self->fd < s->descriptors.count &&
        s->descriptors.table[self->fd].note & HK__NOTE_FILE)
        return hk_call_complete(call, -ENOTSOCK);
    if (self->progress == self->data.one.iov_len) return receive(self);
    if (!hk__io_enter(&io, call, self->fd, HK__WRITER)) return;
    if (!hand_in(self, &io)) send_on(self, &io);
}

/* What was sent is known beside the result, so a cancel is one in any case. */
int hk__send_recv_abort(hk_call *call)
{
    hk_io_call *self = HK_CONTAINER(call, hk_io_call, call);
    hk_sched *s = hk__sched_of(call);
    if (self->slot == 0) {
        hk__descriptor_leave(s, self->fd, call);
        return HK_ABORTED;
    }
    if (hk__operation_abort(s, self->slot) == HK_ABORT_LATER) return HK_ABORT_LATER;
    self->slot = 0;
    hk__io_received(&s->descriptors.table[self->fd], call);
    hk__descriptor_let_go(s, self->fd);
    return HK_ABORTED;
}
