/* SPDX-License-Identifier: MIT */
/* Tasks that wait for each other: event, semaphore, barrier, future, wait group, limiter. (Those
 * that one task holds are in lock.h.)
 *
 * Each is a struct in your memory: zeroed, or with the fields set that are named here, it is ready
 * for use, and it may go when nobody waits for it any more. All other fields are private. The name
 * is yours to set, and shown where somebody waits:
 *
 *     static hk_semaphore slots = { .name = "slots", .count = 4 };
 *     int r = hk_semaphore_acquire(&slots);
 *
 * Whoever waits is served in the order of coming. A wait that is cancelled leaves no trace; one
 * that was over before its task was cancelled has succeeded. What never waits may be used outside
 * tasks too. An object belongs to the scheduler (or other driver) whose tasks wait for it. */
#ifndef HOCKET_SYNC_H
#define HOCKET_SYNC_H

#include <hocket/queue.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- event: something has happened ---- */

typedef struct hk_event {
    const char *name;
    hk__queue waiters;
    bool is_set;
} hk_event;

extern HK_API const hk_call_type hk__event_wait_type;

/* Says that it has happened: all who wait go on, and whoever waits later need not.
 *   e: the event.
 * Returns: nothing. Blocks: never. Cancel: no. Threads: its scheduler's. */
HK_API void hk_event_set(hk_event *e);

/* It has not happened, or is over.
 *   e: the event.
 * Returns: nothing. Blocks: never. Cancel: no. Threads: its scheduler's. */
HK_API void hk_event_clear(hk_event *e);

/* Fills in a wait, for HK_AWAIT in a stackless step; see hk_event_wait.
 *   wait: the call.
 *   e: the event.
 * Returns: nothing. Blocks: never. Cancel: no. Threads: any. */
static inline void hk_event_wait_prepare(hk_sync_call *wait, hk_event *e)
{
    hk__sync_prepare(wait, &hk__event_wait_type, e);
}

/* Waits until it has happened.
 *   e: the event.
 * Returns: 0; -ECANCELED; -ENOSYS where nobody drives. Blocks: while it is not set. Cancel: leaves
 * no trace. Threads: its scheduler's. */
HK_API int hk_event_wait(hk_event *e);

/* ---- semaphore: so many at a time ---- */

typedef struct hk_semaphore {
    const char *name;
    hk__queue waiters;
    uint64_t count; /* permits that are free; yours to set at the beginning */
} hk_semaphore;

extern HK_API const hk_call_type hk__semaphore_acquire_type;

/* Fills in an acquire, for HK_AWAIT in a stackless step; see hk_semaphore_acquire.
 *   wait: the call.
 *   s: the semaphore.
 * Returns: nothing. Blocks: never. Cancel: no. Threads: any. */
static inline void hk_semaphore_acquire_prepare(hk_sync_call *wait, hk_semaphore *s)
{
    hk__sync_prepare(wait, &hk__semaphore_acquire_type, s);
}

/* Takes a permit.
 *   s: the semaphore.
 * Returns: 0; -ECANCELED; -ENOSYS where nobody drives. Blocks: while none is free. Cancel: leaves
 * no trace. Threads: its scheduler's. */
HK_API int hk_semaphore_acquire(hk_semaphore *s);

/* Gives a permit, to the task that waits longest if there is one: nobody comes between.
 *   s: the semaphore.
 * Returns: nothing. Blocks: never. Cancel: no. Threads: its scheduler's. */
HK_API void hk_semaphore_release(hk_semaphore *s);

/* ---- barrier: all go on together ---- */

typedef struct hk_barrier {
    const char *name;
    hk__queue waiters;
    uint32_t parties; /* how many; yours to set */
    uint32_t arrived;
} hk_barrier;

extern HK_API const hk_call_type hk__barrier_wait_type;

/* Fills in a wait, for HK_AWAIT in a stackless step; see hk_barrier_wait.
 *   wait: the call.
 *   b: the barrier.
 * Returns: nothing. Blocks: never. Cancel: no. Threads: any. */
static inline void hk_barrier_wait_prepare(hk_sync_call *wait, hk_barrier *b)
{
    hk__sync_prepare(wait, &hk__barrier_wait_type, b);
}

/* Waits until as many tasks wait as there are parties. Then it can be used again.
 *   b: the barrier; without parties it aborts with a sentence.
 * Returns: 1 to the last that came, 0 to the others; -ECANCELED; -ENOSYS where nobody drives.
 * Blocks: until the last comes. Cancel: as if it had never come. Threads: its scheduler's. */
HK_API int hk_barrier_wait(hk_barrier *b);

/* ---- future: a value that will be there ---- */

typedef struct hk_future {
    const char *name;
    hk__queue waiters;
    void *value;
    bool is_set;
} hk_future;

extern HK_API const hk_call_type hk__future_wait_type;

/* The value is there, and stays.
 *   f: the future; set before, it aborts with a sentence.
 *   value: no error value.
 * Returns: nothing. Blocks: never. Cancel: no. Threads: its scheduler's. */
HK_API void hk_future_set(hk_future *f, void *value);

/* There will be no value.
 *   f: the future; set before, it aborts with a sentence.
 *   error: -1..-4095.
 * Returns: nothing. Blocks: never. Cancel: no. Threads: its scheduler's. */
HK_API void hk_future_fail(hk_future *f, int error);

/* Fills in a wait, for HK_AWAIT in a stackless step; see hk_future_wait.
 *   wait: the call.
 *   f: the future.
 *   ret_value: receives the value; may be NULL.
 * Returns: nothing. Blocks: never. Cancel: no. Threads: any. */
static inline void hk_future_wait_prepare(hk_sync_call *wait, hk_future *f, void **ret_value)
{
    hk__sync_prepare(wait, &hk__future_wait_type, f);
    wait->item = ret_value;
}

/* Waits for the value.
 *   f: the future.
 *   ret_value: receives it; untouched where it failed; may be NULL.
 * Returns: 0; what it failed with; -ECANCELED; -ENOSYS where nobody drives. Blocks: until it is
 * set. Cancel: leaves no trace. Threads: its scheduler's. */
HK_API int hk_future_wait(hk_future *f, void **ret_value);

/* ---- wait group: the end of many things ---- */

typedef struct hk_waitgroup {
    const char *name;
    hk__queue waiters;
    int64_t count;
} hk_waitgroup;

extern HK_API const hk_call_type hk__waitgroup_wait_type;

/* So many more things are under way. At 0 all who wait go on; below 0 it aborts with a sentence.
 *   w: the wait group.
 *   n: how many.
 * Returns: nothing. Blocks: never. Cancel: no. Threads: its scheduler's. */
HK_API void hk_waitgroup_add(hk_waitgroup *w, int64_t n);

/* One of them is over.
 *   w: the wait group.
 * Returns: nothing. Blocks: never. Cancel: no. Threads: its scheduler's. */
static inline void hk_waitgroup_done(hk_waitgroup *w) { hk_waitgroup_add(w, -1); }

/* Fills in a wait, for HK_AWAIT in a stackless step; see hk_waitgroup_wait.
 *   wait: the call.
 *   w: the wait group.
 * Returns: nothing. Blocks: never. Cancel: no. Threads: any. */
static inline void hk_waitgroup_wait_prepare(hk_sync_call *wait, hk_waitgroup *w)
{
    hk__sync_prepare(wait, &hk__waitgroup_wait_type, w);
}

/* Waits until nothing is under way.
 *   w: the wait group.
 * Returns: 0; -ECANCELED; -ENOSYS where nobody drives. Blocks: while there is. Cancel: leaves no
 * trace. Threads: its scheduler's. */
HK_API int hk_waitgroup_wait(hk_waitgroup *w);

/* ---- limiter: so many in a time ---- */

typedef struct hk_limiter {
    const char *name;
    hk__queue waiters;
    uint32_t per_second; /* tokens; yours to set */
    uint32_t burst;      /* so many at once after a pause; 0 is 1; yours to set */
    int64_t next;        /* when all would be there again: ns, and parts of one */
    uint64_t part;       /* in 1/per_second ns */
    hk__alarm alarm;     /* of the first who waits */
    bool timing;
} hk_limiter;

extern HK_API const hk_call_type hk__limiter_wait_type;

/* Fills in a wait, for HK_AWAIT in a stackless step; see hk_limiter_wait.
 *   wait: the call.
 *   l: the limiter.
 * Returns: nothing. Blocks: never. Cancel: no. Threads: any. */
static inline void hk_limiter_wait_prepare(hk_sync_call *wait, hk_limiter *l)
{
    hk__sync_prepare(wait, &hk__limiter_wait_type, l);
}

/* Waits for a token: never more than burst at once, and per_second in each second beyond them. What
 * timers are late is made up for as far as burst reaches.
 *   l: the limiter; without per_second it aborts with a sentence.
 * Returns: 0; -ECANCELED; -ENOSYS where nobody drives or the driver keeps no time. Blocks: while
 * there is none. Cancel: leaves no trace, no token is lost. Threads: its scheduler's. */
HK_API int hk_limiter_wait(hk_limiter *l);

#ifdef __cplusplus
}
#endif
#endif
