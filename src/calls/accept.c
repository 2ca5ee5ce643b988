/* SPDX-License-Identifier: MIT */
/* accept: waits for a connection.
 *
 *   timer                  the next try, where no descriptor was free
 *   fd                     the listener
 * stalled it waits for a free descriptor, in the scheduler's list
 *   address, address_size  as accept(2); may be NULL
 *   next                   in that list
 *
 * Where the process or the system is out of descriptors, the connection stays in the listener's
 * queue. Asking again at once would spin, giving up would end the server: so the call waits until a
 * close here frees a number, or, since others close too, a little while. */
#include "calls/calls.h"

#include "sched/descriptor.h"

#include <stdio.h>

static const int64_t BACK_OFF = HK_MS(50);

static hk_accept_call *accept_of(const hk_call *call)
{
    return HK_CONTAINER(call, hk_accept_call, call);
}

static bool no_room(int64_t r)
{
    return r == -EMFILE || r == -ENFILE || r == -ENOBUFS || r == -ENOMEM;
}

/* 0 or -errno: then it waits for nothing. One that has tried again in vain keeps its place. */
static int stall(struct hk__io *io, hk_accept_call *self)
{
    int r = hk__io_park(io);
    if (r < 0) return r;
    self->timer.deadline = BACK_OFF;
    hk__timer_start(io->s, &self->timer);
    if (self->stalled) return 0;
    hk_accept_call **last = &io->s->descriptors.stalled;
    while (*last != NULL) last = &(*last)->next;
    *last = self;
    self->next = NULL;
    self->stalled = true;
    io->d->paused |= HK__READABLE;
    return 0;
}

/* Its timer does not run any more. */
static void unstall(hk_sched *s, hk_accept_call *self)
{
    hk_accept_call **link = &s->descriptors.stalled;
    while (*link != self) link = &(*link)->next;
    *link = self->next;
    self->stalled = false;
    s->descriptors.table[self->fd].paused &= ~HK__READABLE & 15;
}

void hk__accept_resume(hk_sched *s)
{
    hk_accept_call *self = s->descriptors.stalled;
    hk__timer_stop(s, &self->timer);
    hk__call_retry(&self->call);
}

void hk__accept_handle(hk_call *call)
{
    hk_accept_call *self = accept_of(call);
    struct hk__io io;
    if (!hk__io_enter(&io, call, self->fd, HK__READER)) return;
    hk__direct direct = { .kind = HK__DIRECT_ACCEPT };
    direct.address = self->address;
    direct.address_size = self->address_size;
    int64_t r = hk__io_ready(&io) ? hk__io_direct(&io, &direct) : -EAGAIN;
    if (self->stalled && !no_room(r)) unstall(io.s, self);
    if (r == -EAGAIN)
        r = hk__io_park(&io);
    else if (no_room(r))
        r = stall(&io, self) < 0 ? r : 0;
    else {
        if (r >= 0) hk__descriptor_born(io.s, (int)r, direct.born);
        io.d = &io.s->descriptors.table[self->fd]; /* the table may have moved */
        return hk__io_finish(&io, r);
    }
    if (r < 0) hk__io_finish(&io, r);
}

int hk__accept_abort(hk_call *call)
{
    hk_accept_call *self = accept_of(call);
    hk_sched *s = hk__sched_of(call);
    if (self->stalled) {
        hk__timer_stop(s, &self->timer);
        unstall(s, self);
    }
    hk__descriptor_leave(s, self->fd, call);
    return HK_ABORTED;
}

int hk__accept_describe(const hk_call *call, char *buf, size_t size)
{
    const hk_accept_call *self = accept_of(call);
    return snprintf(buf, size, "accept fd %d%s", self->fd,
                    self->stalled ? ", no descriptor is free" : "");
}
