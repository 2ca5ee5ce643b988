/* SPDX-License-Identifier: MIT */
/* The world's table is exchanged for one that looks. */
#include "support/spy.h"

#include "sched/sched.h"

#include <errno.h>
#include <stdlib.h>

enum { SLOTS = 4096 };

static const hk__world_table *seen;
static hk__world_table spying;
static spy_fn *spy;
static uint8_t kinds[SLOTS]; /* of operations */
static bool forgets;         /* every second time nothing of a file is in the cache */

static bool is_transfer(int kind)
{
    return kind == HK__DIRECT_READ || kind == HK__DIRECT_WRITE || kind == HK__DIRECT_PREAD ||
           kind == HK__DIRECT_PWRITE;
}

static int64_t spy_direct(hk__world *world, hk__direct *d)
{
    static unsigned turn;
    const bool uncached = forgets && d->note & HK__NOTE_FILE && is_transfer(d->kind) && turn++ % 2;
    int64_t r = uncached ? -EAGAIN : seen->direct(world, d);
    if (is_transfer(d->kind) || d->kind == HK__DIRECT_OPEN) spy(SPY_DIRECT, d->kind, &r);
    return r;
}

static int spy_submit(hk__world *world, const hk__operation *o, hk__ticket ticket)
{
    if (ticket.slot >= SLOTS) abort();
    int64_t r = seen->submit(world, o, ticket);
    kinds[ticket.slot] = o->kind;
    spy(SPY_SUBMIT, o->kind, &r);
    return (int)r;
}

static int look_at(hk__event *events, int count)
{
    for (int i = 0; i < count; i++)
        if (events[i].kind == HK__EVENT_DONE)
            spy(SPY_DONE, kinds[events[i].ticket.slot], &events[i].result);
    return count;
}

static int spy_wait(hk__world *world, hk__event *ret_events, int capacity, int64_t until)
{
    return look_at(ret_events, seen->wait(world, ret_events, capacity, until));
}

static int spy_peek(hk__world *world, hk__event *ret_events, int capacity)
{
    return look_at(ret_events, seen->peek(world, ret_events, capacity));
}

void spy_forget(void) { forgets = true; }

void spy_start(spy_fn *fn)
{
    hk__world *world = ((hk_sched *)hk__here.sched)->world;
    spy = fn;
    seen = world->table;
    spying = *seen;
    spying.direct = spy_direct;
    spying.submit = spy_submit;
    spying.wait = spy_wait;
    spying.peek = spy_peek;
    world->table = &spying;
}
