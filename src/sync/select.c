/* SPDX-License-Identifier: MIT */
/* select: several calls, of which one is made.
 *
 *   arms   each with a call of its own; count of them
 *   begun  those whose calls wait
 *   early  one that was over while others were still being begun
 *
 * First each arm is tried, in order, where its kind can be tried for less than it costs to begin
 * and to abort; others are begun at once. (A subscriber must be tried: what it receives makes room
 * for an item that another arm would be given, were it begun.) If none is ready, all are begun:
 * forwarded to the scheduler, which tells the arm and not the task when a call is over. A call that
 * is over has happened: an item has gone, a signal is taken. So the first to be over wins, and at
 * that moment all others are aborted, which every kind allows at once.
 *
 * While arms are being begun one of them can fail (its descriptor turns out to be closed), and only
 * fail, since arms of one select do not serve each other: it wins unless the one that is just being
 * begun is over as well, which may have taken something. */
#include "sync/arms.h"

#include "base/say.h"
#include "calls/calls.h"
#include "sched/descriptor.h"

#include <stdio.h>

enum kind { NO_KIND, RECV, SEND, TICK, FD, SIGNAL, EVENT, SUBSCRIBER, EXIT };

static hk_select_call *select_of(const hk_call *call)
{
    return HK_CONTAINER(call, hk_select_call, call);
}

static uint64_t bit_of(size_t i) { return UINT64_C(1) << i; }

/* ---- making arms ---- */

hk_arm hk__on_recv(hk_chan *ch, void *item)
{
    hk_arm arm = { .kind = RECV };
    hk__chan_recv_prepare(&arm.as.sync, ch, item);
    return arm;
}

hk_arm hk__on_send(hk_chan *ch, const void *item)
{
    hk_arm arm = { .kind = SEND };
    hk__chan_send_prepare(&arm.as.sync, ch, item);
    return arm;
}

hk_arm hk__on_subscriber(hk_subscriber *s, void *item)
{
    hk_arm arm = { .kind = SUBSCRIBER };
    hk__subscriber_recv_prepare(&arm.as.sync, s, item);
    return arm;
}

hk_arm hk_on_tick(hk_ticker *t)
{
    hk_arm arm = { .kind = TICK };
    hk_ticker_wait_prepare(&arm.as.tick, t);
    return arm;
}

hk_arm hk_on_fd(int fd, int direction)
{
    hk_arm arm = { .kind = FD };
    hk_fd_wait_prepare(&arm.as.io, fd, direction);
    return arm;
}

hk_arm hk_on_signal(hk_signals *s)
{
    hk_arm arm = { .kind = SIGNAL };
    hk_signals_wait_prepare(&arm.as.signals, s);
    return arm;
}

hk_arm hk_on_event(hk_event *e)
{
    hk_arm arm = { .kind = EVENT };
    hk_event_wait_prepare(&arm.as.sync, e);
    return arm;
}

hk_arm hk_on_exit(hk_tid tid, hk_exit *ret_exit)
{
    hk_arm arm = { .kind = EXIT };
    hk_task_wait_prepare(&arm.as.wait, tid, ret_exit);
    return arm;
}

/* ---- beginning and giving up ---- */

/* An abort says no where the call is about to be over in any case: its descriptor is being closed.
 * What it says then, in a moment, is not listened to. */
static void give_up(hk_select_call *self)
{
    uint64_t begun = self->begun;
    self->begun = 0;
    for (; begun != 0; begun &= begun - 1)
        hk__call_abort(&self->arms[__builtin_ctzll(begun)].as.sync.call, -ECANCELED);
}

static void commit(hk_select_call *self, size_t i, intptr_t result)
{
    if (self->begun != 0) give_up(self);
    self->arms[i].result = result;
    hk_call_complete(&self->call, (intptr_t)i);
}

void hk__arm_done(hk_call *call)
{
    hk_arm *arm = hk__arm_of(call);
    hk_select_call *self = arm->select;
    const size_t i = (size_t)(arm - self->arms);
    if (!(self->begun & bit_of(i))) return;
    self->begun &= ~bit_of(i);
    if (!self->beginning) {
        commit(self, i, call->result);
    } else if (self->early < 0) {
        arm->result = call->result;
        self->early = (int)i;
    }
}

/* The result, or -EAGAIN: it waits. */
static intptr_t begin(hk_sched *s, hk_select_call *self, size_t i)
{
    hk_call *call = &self->arms[i].as.sync.call;
    hk__call_init(call, call->type);
    call->done = hk__arm_done;
    self->arms[i].select = self;
    if (self->arms[i].kind == FD) self->arms[i].as.io.progress = 0;
    self->beginning = true;
    const bool over = hk__call_forward(s, self->call.task, call);
    self->beginning = false;
    if (over) return call->result;
    self->begun |= bit_of(i);
    return -EAGAIN;
}

/* Whether a descriptor is ready. What fd_wait would refuse is left to it. */
static intptr_t try_fd(hk_sched *s, const hk_io_call *io)
{
    hk__direct look = { .kind = HK__DIRECT_POLL, .fd = io->fd, .flags = io->flags };
    struct hk__descriptor *d =
        (unsigned)io->fd < s->descriptors.count ? &s->descriptors.table[io->fd] : NULL;
    const int side = io->flags == HK_WRITE ? HK__WRITER : HK__READER;
    if (io->fd < 0 || (io->flags != HK_READ && io->flags != HK_WRITE)) return -EAGAIN;
    if (d != NULL && d->waiter[side] != NULL) return -EAGAIN;
    s->budget -= HK__DIRECT_COST - 1;
    if (d != NULL) look.note = d->note;
    const intptr_t r = (intptr_t)s->world->table->direct(s->world, &look);
    if (r == 0 && d != NULL) d->dry &= ~io->flags & 15;
    return r;
}

/* The result, or -EAGAIN: it is not ready, and perhaps it waits already. */
static intptr_t try_arm(hk_sched *s, hk_select_call *self, size_t i)
{
    hk_arm *arm = &self->arms[i];
    intptr_t count;
    switch (arm->kind) {
    case RECV: return hk__chan_try_recv(s, arm->as.sync.object, arm->as.sync.item);
    case SEND: return hk__chan_try_send(s, arm->as.sync.object, arm->as.sync.given);
    case SUBSCRIBER: return hk__subscriber_try_recv(arm->as.sync.object, arm->as.sync.item);
    case TICK:
        count = hk__ticker_take(arm->as.tick.ticker, s->now);
        return count > 0 ? count : -EAGAIN;
    case FD: return try_fd(s, &arm->as.io);
    case NO_KIND: hk__misuse("arm %zu of hk_select was made by none of hk_on_...", i);
    default: return begin(s, self, i);
    }
}

/* ---- the call ---- */

/* In which order arms have their chance. The starts of successive turns are spread evenly (a Weyl
 * sequence), and it goes up or down: so of two arms that are always ready each wins every other
 * time, wherever they stand. A simulated world may have it begin elsewhere. */
struct order {
    size_t at, step, count;
};

static inline struct order order_of(hk_sched *s, const hk_select_call *self)
{
    const size_t count = self->count;
    if (self->flags & HK_IN_ORDER) return (struct order){ 0, 1, count };
    s->turn += UINT64_C(0x9E3779B97F4A7C15);
    size_t at =
        ((s->turn >> 32) * count >> 32) + hk__choose(s->world, HK__SITE_SELECT, self->count);
    return (struct order){ at < count ? at : at - count, s->turn & 1u << 31 ? 1 : count - 1,
                           count };
}

static inline void order_next(struct order *o)
{
    o->at += o->step;
    if (o->at >= o->count) o->at -= o->count;
}

/* One of the two passes over the arms. True: one has happened. */
static bool pass(hk_sched *s, hk_select_call *self, struct order order, bool try)
{
    for (size_t n = 0; n < self->count; n++, order_next(&order)) {
        const size_t i = order.at;
        if (self->arms[i].off || self->begun & bit_of(i)) continue;
        const intptr_t r = try ? try_arm(s, self, i) : begin(s, self, i);
        if (r == -EAGAIN && self->early < 0) continue;
        if (r != -EAGAIN)
            commit(self, i, r);
        else
            commit(self, (size_t)self->early, self->arms[self->early].result);
        return true;
    }
    return false;
}

static bool any_on(const hk_select_call *self)
{
    for (size_t i = 0; i < self->count; i++)
        if (!self->arms[i].off) return true;
    return false;
}

void hk__select_handle(hk_call *call)
{
    hk_select_call *self = select_of(call);
    hk_sched *s = hk__sched_of(call);
    self->begun = 0;
    self->early = -1;
    self->beginning = false;
    if (s == NULL || self->count == 0 || self->count > HK_SELECT_ARMS) {
        hk_call_complete(call, s == NULL ? -ENOSYS : -EINVAL);
        return;
    }
    const struct order order = order_of(s, self);
    if (pass(s, self, order, true)) return;
    if (!any_on(self)) {
        hk_call_complete(call, -EINVAL);
    } else if (self->flags & HK_NOWAIT) {
        give_up(self);
        hk_call_complete(call, -EAGAIN);
    } else {
        pass(s, self, order, false);
    }
}

int hk__select_abort(hk_call *call)
{
    give_up(select_of(call));
    return HK_ABORTED;
}

/* All that it waits for. */
int hk__select_describe(const hk_call *call, char *buf, size_t size)
{
    const hk_select_call *self = select_of(call);
    size_t used = 0;
    for (uint64_t left = self->begun; left != 0 && used < size; left &= left - 1) {
        const hk_call *one = &self->arms[__builtin_ctzll(left)].as.sync.call;
        if (used > 0) used += (size_t)snprintf(buf + used, size - used, ", or ");
        if (used >= size) break;
        int n = one->type->describe(one, buf + used, size - used);
        if (n > 0) used += (size_t)n;
    }
    return (int)used;
}
