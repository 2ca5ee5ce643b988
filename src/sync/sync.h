/* SPDX-License-Identifier: MIT */
/* What the objects of synchronisation share.
 *
 * An object begins with its name and the queue of those who wait. Each operation is tried right
 * where it is called, where the task may complete a call without making it (hk__sched_quick); if it
 * must wait, or may not go on, or somebody else drives, it is a system call, whose handler does the
 * same. */
#ifndef HK_SYNC_SYNC_H
#define HK_SYNC_SYNC_H

#include <hocket/sync.h>

#include "sched/sched.h"

#define HK__CALL_DEF(name, ...) void hk__##name##_handle(hk_call *call);
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
/* Leaves the queue: all that most waits have to undo. */
int hk__sync_abort(hk_call *call);
/* "mutex 'fork 2', held by task 3 'plato'" */
int hk__sync_describe(const hk_call *call, char *buf, size_t size);
/* The name of an object in quotes, behind a blank; "" without one. */
const char *hk__sync_quote(const char *name, char *buf, size_t size);

int hk__barrier_wait_abort(hk_call *call);
int hk__limiter_wait_abort(hk_call *call);

#endif
