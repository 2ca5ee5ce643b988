/* SPDX-License-Identifier: MIT */
/* condition: a wait in two parts that is one call.
 *
 * First it stands in the condition's queue. When it is notified, or cancelled, it moves over to the
 * mutex's, as a call of another type: that of one who takes a mutex and cannot be turned away. So a
 * task that is notified is not woken only to wait again, and every driver sees one call that ends
 * with the mutex held. What the result will be is decided when it moves: done or cancelled.
 *
 * A task may be dropped meanwhile (hk_sched_destroy): so it is to tell of its end. */
#include "sync/sync.h"

#include "base/say.h"

static hk_condition_call *wait_of(hk_sync_call *c)
{
    return HK_CONTAINER(c, hk_condition_call, sync);
}

static void dropped(hk__held *held)
{
    hk_condition_call *w = HK_CONTAINER(held, hk_condition_call, held);
    hk__owner_leave(&w->mutex->owner, &w->sync);
}

/* Over to the mutex; result: what it will say. */
static void take_again(hk_sync_call *c, intptr_t result)
{
    hk_sched *s = hk__sched_of(&c->call);
    hk_coro *task = s != NULL ? hk__task_find(s, hk_call_tid(&c->call)) : NULL;
    c->call.type = &hk__mutex_relock_type;
    c->object = wait_of(c)->mutex;
    c->number = result;
    if (task != NULL) hk__held_add(task, &wait_of(c)->held, dropped);
    c->call.type->handle(&c->call);
}

void hk__condition_end(hk_sync_call *c)
{
    hk__held_remove(&wait_of(c)->held);
    c->call.type = &hk__condition_wait_type;
    c->object = wait_of(c)->condition;
}

void hk__condition_wait_handle(hk_call *call)
{
    hk_sync_call *c = hk__sync_of(call);
    hk_condition_call *w = wait_of(c);
    const int64_t tid = hk_call_tid(call);
    char condition[64], mutex[64], task[64];
    if (w->mutex->owner.tid != tid)
        hk__misuse("condition%s: %s waits without holding the mutex%s",
                   hk__sync_quote(w->condition->name, condition, sizeof condition),
                   hk__sync_task(hk__sched_of(call), tid, task, sizeof task),
                   hk__sync_quote(w->mutex->name, mutex, sizeof mutex));
    w->held.link = NULL;
    hk__sync_park(c);
    hk__mutex_pass(w->mutex);
}

/* Why it is aborted the wait has to find out itself: its task will hear of it much later. */
int hk__condition_wait_abort(hk_call *call)
{
    const hk_coro *t = hk__sched_of(call) != NULL ? call->task : NULL;
    const int r = t != NULL ? hk__scope_refusal(hk__strand_force(t), call) : 0;
    hk__sync_abort(call);
    take_again(hk__sync_of(call), r < 0 ? r : -ECANCELED);
    return HK_ABORT_LATER;
}

int hk_condition_wait(hk_condition *c, hk_mutex *m)
{
    hk_condition_call wait;
    hk_condition_wait_prepare(&wait, c, m);
    return (int)hk_trap(&wait.sync.call);
}

void hk_condition_notify(hk_condition *c)
{
    hk_sync_call *first = hk__queue_take(&c->waiters);
    if (first != NULL) take_again(first, 0);
}

void hk_condition_notify_all(hk_condition *c)
{
    const hk_sync_call *last = c->waiters.first != NULL ? c->waiters.first->prev : NULL;
    for (hk_sync_call *w = NULL; w != last && (w = hk__queue_take(&c->waiters)) != NULL;)
        take_again(w, 0);
}
