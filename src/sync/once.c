/* SPDX-License-Identifier: MIT */
/* once: whoever runs it holds it, as a lock; whoever gets it after a success has nothing to do. */
#include "sync/sync.h"

#include "base/say.h"

static void owner_ended(hk__held *held);

static void let_run(hk_once *o, hk_sync_call *c)
{
    hk__owner_set(&o->runner, hk_call_tid(&c->call));
    hk__owner_watch(&o->runner, &o->waiters, owner_ended);
    hk__call_ends(&c->call, 1);
}

/* It has failed: the next one tries. */
static void pass(hk_once *o)
{
    hk__owner_set(&o->runner, 0);
    hk_sync_call *next = hk__queue_take(&o->waiters);
    if (next != NULL) let_run(o, next);
}

static void owner_ended(hk__held *held) { pass(HK_CONTAINER(held, hk_once, runner.held)); }

void hk__once_run_handle(hk_call *call)
{
    hk_sync_call *c = hk__sync_of(call);
    hk_once *o = c->object;
    if (o->is_done) {
        hk_call_complete(call, 0);
    } else if (o->runner.tid == hk_call_tid(call)) {
        hk_call_complete(call, -EDEADLK);
    } else if (o->runner.tid == 0 || hk__owner_is_gone(&o->runner, hk__sched_of(call))) {
        let_run(o, c);
    } else {
        hk__sync_park(c);
        hk__owner_watch(&o->runner, &o->waiters, owner_ended);
    }
}

int hk__once_run_abort(hk_call *call)
{
    hk_once *o = hk__sync_of(call)->object;
    hk__owner_leave(&o->runner, hk__sync_of(call));
    return HK_ABORTED;
}

int64_t hk__once_owner(const hk_call *call)
{
    const hk_once *o = hk__sync_of(call)->object;
    return o->runner.tid;
}

void hk_once_end(hk_once *o, int result)
{
    char name[64];
    if (o->runner.tid == 0)
        hk__misuse("once%s ends, but nobody runs it", hk__sync_quote(o->name, name, sizeof name));
    if (result < 0) {
        pass(o);
        return;
    }
    o->is_done = true;
    hk__owner_set(&o->runner, 0);
    for (hk_sync_call *c; (c = hk__queue_take(&o->waiters)) != NULL;) hk__call_ends(&c->call, 0);
}

int hk_once_run(hk_once *o, int (*fn)(void *arg), void *arg)
{
    if (o->is_done && hk__sched_quick() != NULL) return 0;
    hk_sync_call wait;
    hk_once_run_prepare(&wait, o);
    intptr_t r = hk_trap(&wait.call);
    if (r != 1) return (int)r;
    r = fn(arg);
    hk_once_end(o, (int)r);
    return r < 0 ? (int)r : 0;
}
