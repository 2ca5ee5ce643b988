/* SPDX-License-Identifier: MIT */
/* connect: asks once, waits until the socket is writable, asks for the outcome.
 *
 *   timer                  the next try, where a local listener's queue was full
 *   fd                     the socket
 *   paused                 it waits for that timer
 *   address, address_size  whereto
 *
 * A local socket whose listener is busy is told "not now", and no event ever tells "now": that one
 * asks again after a while. */
#include "calls/calls.h"

#include "sched/descriptor.h"

#include <stdio.h>

static const int64_t BACK_OFF = HK_MS(2);

static hk_connect_call *connect_of(const hk_call *call)
{
    return HK_CONTAINER(call, hk_connect_call, call);
}

/* A number that nobody waits for is that of a fresh socket, whatever the table thinks. */
static void start_afresh(const hk_call *call, int fd)
{
    hk_sched *s = hk__sched_of(call);
    if (s == NULL || (unsigned)fd >= s->descriptors.count) return;
    const struct hk__descriptor *d = &s->descriptors.table[fd];
    if (d->waiter[HK__READER] == NULL && d->waiter[HK__WRITER] == NULL) hk__descriptor_reset(s, fd);
}

/* What is connected will be read: it is watched for that at the same cost. */
static int wait_for_outcome(struct hk__io *io)
{
    const unsigned both = HK__READABLE | HK__WRITABLE;
    int r = io->d->watched == 0 ? hk__descriptor_watch(io->s, io->fd, both) : 0;
    return r < 0 ? r : hk__io_park(io);
}

static int pause_it(struct hk__io *io, hk_connect_call *self)
{
    int r = hk__io_park(io);
    if (r < 0) return r;
    self->timer.deadline = BACK_OFF;
    hk__timer_start(io->s, &self->timer);
    self->paused = true;
    io->d->paused |= HK__WRITABLE;
    return 0;
}

void hk__connect_handle(hk_call *call)
{
    hk_connect_call *self = connect_of(call);
    bool first = call->state != HK__CALL_PARKED;
    struct hk__io io;
    if (first) start_afresh(call, self->fd);
    if (!hk__io_enter(&io, call, self->fd, HK__WRITER)) return;
    if (self->paused) {
        self->paused = false;
        io.d->paused &= ~HK__WRITABLE & 15;
        first = true;
    }
    hk__direct direct = { .kind = HK__DIRECT_CONNECT, .flags = !first };
    direct.address = (struct sockaddr *)(uintptr_t)self->address;
    direct.address_size = &self->address_size;
    int64_t r = hk__io_direct(&io, &direct);
    if (r == -EAGAIN)
        r = wait_for_outcome(&io);
    else if (r == -EBUSY)
        r = pause_it(&io, self);
    else
        return hk__io_finish(&io, r);
    if (r < 0) hk__io_finish(&io, r);
}

int hk__connect_abort(hk_call *call)
{
    hk_connect_call *self = connect_of(call);
    hk_sched *s = hk__sched_of(call);
    if (self->paused) hk__timer_stop(s, &self->timer);
    hk__descriptor_leave(s, self->fd, call);
    return HK_ABORTED;
}

int hk__connect_describe(const hk_call *call, char *buf, size_t size)
{
    return snprintf(buf, size, "connect fd %d", connect_of(call)->fd);
}
