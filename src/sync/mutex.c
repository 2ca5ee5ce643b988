/* SPDX-License-Identifier: MIT */
/* mutex: the owner's number, and who waits.
 *
 *   number  of a wait: what it will be told when its turn comes */
#include "sync/sync.h"

#include "base/say.h"

static void owner_ended(hk__held *held)
{
    hk_mutex *m = HK_CONTAINER(held, hk_mutex, owner.held);
    hk__owner_died(&m->owner, &m->waiters);
    hk__mutex_pass(m);
}

/* The call has the mutex. */
static void grant(hk_mutex *m, hk_sync_call *c)
{
    hk__owner_set(&m->owner, hk_call_tid(&c->call));
    hk__owner_watch(&m->owner, &m->waiters, owner_ended);
    if (c->call.type == &hk__mutex_relock_type) hk__condition_end(c);
    hk__call_ends(&c->call, c->number);
}

void hk__mutex_pass(hk_mutex *m)
{
    hk_sync_call *next = hk__queue_take(&m->waiters);
    if (next != NULL)
        grant(m, next);
    else
        hk__owner_set(&m->owner, 0);
}

static void enter(hk_mutex *m, hk_sync_call *c)
{
    if (hk__owner_is_gone(&m->owner, hk__sched_of(&c->call))) {
        hk__owner_set(&m->owner, 0);
        c->number = -EOWNERDEAD;
    }
    if (m->owner.tid == 0) {
        grant(m, c);
        return;
    }
    hk__sync_park(c);
    hk__owner_watch(&m->owner, &m->waiters, owner_ended);
}

void hk__mutex_lock_handle(hk_call *call)
{
    hk_sync_call *c = hk__sync_of(call);
    hk_mutex *m = c->object;
    c->number = 0;
    if (m->owner.tid == hk_call_tid(call))
        hk_call_complete(call, -EDEADLK);
    else
        enter(m, c);
}

/* relock: what a wait for a condition becomes when it is over. Its number is set. */
void hk__mutex_relock_handle(hk_call *call) { enter(hk__sync_of(call)->object, hk__sync_of(call)); }

int hk__mutex_lock_abort(hk_call *call)
{
    hk_mutex *m = hk__sync_of(call)->object;
    hk__owner_leave(&m->owner, hk__sync_of(call));
    return HK_ABORTED;
}

int hk__mutex_relock_abort(hk_call *call)
{
    (void)call;
    return HK_ABORT_LATER;
}

int64_t hk__mutex_owner(const hk_call *call)
{
    const hk_mutex *m = hk__sync_of(call)->object;
    return m->owner.tid;
}

int hk_mutex_lock(hk_mutex *m)
{
    if (HK__LIKELY(m->owner.tid == 0) && HK__LIKELY(hk__sched_quick() != NULL)) {
        m->owner.tid = hk__here.self->root->tid;
        return 0;
    }
    return hk__sync_wait(&hk__mutex_lock_type, m);
}

static void unlock(hk_mutex *m, const hk_sched *s, int64_t tid)
{
    if (m->owner.tid != tid) hk__owner_misuse("mutex", m->name, &m->owner, s, tid);
    hk__mutex_pass(m);
}

void hk__mutex_unlock_handle(hk_call *call)
{
    unlock(hk__sync_of(call)->object, hk__sched_of(call), hk_call_tid(call));
    hk_call_complete(call, 0);
}

/* Somebody waits, or it is another driver that knows who runs. */
static __attribute__((noinline)) void unlock_slowly(hk_mutex *m)
{
    const int64_t tid = hk__owner_here(&m->owner);
    if (tid != 0) {
        unlock(m, hk__here.sched, tid);
        return;
    }
    hk_sync_call call;
    hk_mutex_unlock_prepare(&call, m);
    if (hk_trap(&call.call) == -ENOSYS) hk__owner_misuse("mutex", m->name, &m->owner, NULL, 0);
}

void hk_mutex_unlock(hk_mutex *m)
{
    const hk_coro *self = hk__here.self, *t = self != NULL ? self->root : NULL;
    if (HK__LIKELY(t != NULL && t->tid == m->owner.tid && t->tid != 0 && m->waiters.first == NULL))
        m->owner.tid = 0;
    else
        unlock_slowly(m);
}
