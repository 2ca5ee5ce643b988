/* SPDX-License-Identifier: MIT */
/* Who holds a lock, and what becomes of it when that task ends.
 *
 * Without waiters its number alone stands in the lock; whoever comes later sees that there is no
 * such task. When the first waiter comes, the lock lets its owner know, so that the owner's end
 * wakes the waiters. (Only Hocket's scheduler knows of the end of a task.) */
#include "sync/sync.h"

#include "base/say.h"

void hk__owner_watch(hk__owner *owner, const hk__queue *waiters, void (*ended)(hk__held *held))
{
    if (owner->held.link != NULL || owner->tid == 0 || waiters->first == NULL) return;
    const hk_sched *s = hk__sched_of(&waiters->first->call);
    hk_coro *task = s != NULL ? hk__task_find(s, owner->tid) : NULL;
    if (task != NULL) hk__held_add(task, &owner->held, ended);
}

void hk__owner_set(hk__owner *owner, int64_t tid)
{
    hk__held_remove(&owner->held);
    owner->tid = tid;
}

void hk__owner_leave(hk__owner *owner, hk_sync_call *c)
{
    hk__queue *waiters = hk__sync_queue(c);
    hk__queue_remove(waiters, c);
    if (waiters->first == NULL) hk__held_remove(&owner->held);
}

void hk__owner_died(hk__owner *owner, const hk__queue *waiters)
{
    hk__owner_set(owner, 0);
    hk_sync_call *c = waiters->first;
    if (c == NULL) return;
    do {
        c->number = -EOWNERDEAD;
        c = c->next;
    } while (c != waiters->first);
}

int64_t hk__owner_here(const hk__owner *owner)
{
    const hk_coro *t = hk__task_here();
    const hk_sched *s = hk__here.sched;
    if (t != NULL) return t->tid;
    return s != NULL && hk__here.self == s->thread ? owner->tid : 0;
}

void hk__owner_misuse(const char *kind, const char *name, const hk__owner *owner, const hk_sched *s,
                      int64_t tid)
{
    char quoted[64], who[64], holder[64];
    hk__misuse("%s%s is unlocked by %s, but %s holds it", kind,
               hk__sync_quote(name, quoted, sizeof quoted), hk__sync_task(s, tid, who, sizeof who),
               hk__sync_task(s, owner->tid, holder, sizeof holder));
}
