/* SPDX-License-Identifier: MIT */
/* What the objects of synchronisation share.
 *
 * An object begins with its name and the queue of those who wait. Each operation is tried right
 * where it is called, where the task may complete a call without making it (hk__sched_quick); if it
 * must wait, or may not go on, or somebody else drives, it is a system call, whose handler does the
 * same. */
#ifndef HK_SYNC_SYNC_H
#define HK_SYNC_SYNC_H

#include <hocket/lock.h>
#include <hocket/sync.h>

#include "sched/sched.h"

#define HK__CALL_DEF(name, ...) \
    extern const hk_call_type hk__##name##_type; \
    void hk__##name##_handle(hk_call *call);
#include "sync/sync.def"
#undef HK__CALL_DEF

/* How each object begins. */
struct hk__object {
    const char *name;
    hk__queue waiters;
};

static inline hk_sync_call *hk__sync_of(const hk_call *call)
{
    return HK_CONTAINER(call, hk_sync_call, call);
}

static inline hk__queue *hk__sync_queue(const hk_sync_call *c)
{
    _Static_assert(offsetof(struct hk__object, waiters) == offsetof(hk_event, waiters), "");
    return (hk__queue *)(void *)((char *)c->object + offsetof(struct hk__object, waiters));
}

/* wait.c */
/* The call waits, behind those who came before. */
static inline void hk__sync_park(hk_sync_call *c) { hk__queue_push(hk__sync_queue(c), c); }
/* Makes a call of that type. */
int hk__sync_wait(const hk_call_type *type, void *object);
/* Leaves the queue: all that most waits have to undo. */
int hk__sync_abort(hk_call *call);
/* "mutex 'fork 2', held by task 3 'plato'" */
int hk__sync_describe(const hk_call *call, char *buf, size_t size);
/* "task 3 'plato'", or what else is known of it. */
const char *hk__sync_task(const hk_sched *s, int64_t tid, char *buf, size_t size);
/* The name of an object in quotes, behind a blank; "" without one. */
const char *hk__sync_quote(const char *name, char *buf, size_t size);

/* owner.c: who holds a lock. Its task knows of it as long as others wait, and not before: so to
 * take it and let go of it is to write a number. */
static inline bool hk__owner_is_gone(const hk__owner *owner, const hk_sched *s)
{
    return owner->tid != 0 && s != NULL && hk__task_find(s, owner->tid) == NULL;
}
/* Somebody waits: ended(held) is to be called if the owner ends. */
void hk__owner_watch(hk__owner *owner, const hk__queue *waiters, void (*ended)(hk__held *held));
/* Somebody else, or nobody (0). */
void hk__owner_set(hk__owner *owner, int64_t tid);
/* Leaves the queue; the last that does makes the owner forget. */
void hk__owner_leave(hk__owner *owner, hk_sync_call *c);
/* It broke: all who wait are told, each in its turn. */
void hk__owner_died(hk__owner *owner, const hk__queue *waiters);
/* The number of the task that runs, for an unlock; 0: it is not known here. Where a task is dropped
 * its handlers run in the loop: whoever unlocks there is taken for the owner. */
int64_t hk__owner_here(const hk__owner *owner);
/* Misuse: tid unlocks what is not its own. */
void hk__owner_misuse(const char *kind, const char *name, const hk__owner *owner, const hk_sched *s,
                      int64_t tid) __attribute__((noreturn, cold));

int hk__mutex_lock_abort(hk_call *call);
int hk__mutex_relock_abort(hk_call *call);
int64_t hk__mutex_owner(const hk_call *call);
/* condition.c: a wait has its mutex again. */
void hk__condition_end(hk_sync_call *c);
/* Lets go, or hands over. */
void hk__mutex_pass(hk_mutex *m);
int hk__condition_wait_abort(hk_call *call);
int hk__rwlock_abort(hk_call *call);
int64_t hk__rwlock_owner(const hk_call *call);
int hk__once_run_abort(hk_call *call);
int64_t hk__once_owner(const hk_call *call);
int hk__barrier_wait_abort(hk_call *call);
int hk__limiter_wait_abort(hk_call *call);

#endif
