/* SPDX-License-Identifier: MIT */
/* What one task holds while others wait: mutex, readers and writer, condition, once.
 *
 * As in sync.h, each is a struct in your memory, ready for use when it is zeroed, whose name is
 * yours to set. Tasks share variables without locks as long as they do not wait in between; these
 * are for what is to stay as it is while its task waits:
 *
 *     static hk_mutex fork2 = { .name = "fork 2" };
 *     int r = hk_mutex_lock(&fork2);
 *     if (r < 0 && r != -EOWNERDEAD) return r;
 *     ...
 *     hk_mutex_unlock(&fork2);
 *
 * A lock is handed over to whoever waits longest. One whose task ends while it holds it breaks, as
 * POSIX has it for robust mutexes: the others get the lock all the same, but are told -EOWNERDEAD,
 * since what it protects may be in disorder: each of those who waited at that moment when its turn
 * comes, or, where nobody did, the next that comes. For all others it is a lock like any. (Under a
 * driver that is not Hocket's scheduler nobody knows of such an end.) */
#ifndef HOCKET_LOCK_H
#define HOCKET_LOCK_H

#include <hocket/queue.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Who holds a lock. Private. */
typedef struct hk__owner {
    int64_t tid;   /* 0: nobody */
    hk__held held; /* at that task, while others wait */
} hk__owner;

/* ---- mutex ---- */

typedef struct hk_mutex {
    const char *name;
    hk__queue waiters;
    hk__owner owner;
} hk_mutex;

extern HK_API const hk_call_type hk__mutex_lock_type, hk__mutex_unlock_type;

/* Fills in a lock, for HK_AWAIT in a stackless step; see hk_mutex_lock.
 *   lock: the call.
 *   m: the mutex.
 * Returns: nothing. Blocks: never. Cancel: no. Threads: any. */
static inline void hk_mutex_lock_prepare(hk_sync_call *lock, hk_mutex *m)
{
    hk__sync_prepare(lock, &hk__mutex_lock_type, m);
}

/* Takes the mutex.
 *   m: the mutex.
 * Returns: 0; -EOWNERDEAD: the caller has it, but whoever had it before has ended; -EDEADLK: the
 * caller has it already; -ECANCELED; -ENOSYS where nobody drives. Blocks: while another task holds
 * it. Cancel: leaves no trace; one that it was handed to has it. Threads: its scheduler's. */
HK_API int hk_mutex_lock(hk_mutex *m);

/* Fills in an unlock, for stackless steps of drivers that are not Hocket's scheduler; there
 * hk_mutex_unlock will do.
 *   unlock: the call.
 *   m: the mutex.
 * Returns: nothing. Blocks: never. Cancel: no. Threads: any. */
static inline void hk_mutex_unlock_prepare(hk_sync_call *unlock, hk_mutex *m)
{
    hk__sync_prepare(unlock, &hk__mutex_unlock_type, m);
}

/* Lets go of the mutex, or hands it over to the task that waits longest.
 *   m: the mutex; of somebody else's, or nobody's, it aborts with a sentence.
 * Returns: nothing. Blocks: never. Cancel: not refused. Threads: its scheduler's. */
HK_API void hk_mutex_unlock(hk_mutex *m);

/* ---- many readers, or one writer ---- */

typedef struct hk_rwlock {
    const char *name;
    hk__queue waiters;
    hk__owner writer;
    uint32_t readers;
} hk_rwlock;

extern HK_API const hk_call_type hk__rwlock_read_type, hk__rwlock_write_type,
    hk__rwlock_unlock_type;

/* Fills in a lock for reading, for HK_AWAIT in a stackless step; see hk_rwlock_read.
 *   lock: the call.
 *   l: the lock.
 * Returns: nothing. Blocks: never. Cancel: no. Threads: any. */
static inline void hk_rwlock_read_prepare(hk_sync_call *lock, hk_rwlock *l)
{
    hk__sync_prepare(lock, &hk__rwlock_read_type, l);
}

/* Takes the lock for reading, beside other readers. Of all who wait nobody overtakes: a reader
 * behind a writer that waits, waits too. So whoever reads already must not read once more. Nobody
 * knows who reads: a task that ends meanwhile leaves the lock taken for ever.
 *   l: the lock.
 * Returns: 0; -EOWNERDEAD: the caller has it, but its last writer has ended; -EDEADLK: the caller
 * writes; -ECANCELED; -ENOSYS where nobody drives. Blocks: while another task writes, or waits
 * before. Cancel: leaves no trace. Threads: its scheduler's. */
HK_API int hk_rwlock_read(hk_rwlock *l);

/* Fills in a lock for writing, for HK_AWAIT in a stackless step; see hk_rwlock_write.
 *   lock: the call.
 *   l: the lock.
 * Returns: nothing. Blocks: never. Cancel: no. Threads: any. */
static inline void hk_rwlock_write_prepare(hk_sync_call *lock, hk_rwlock *l)
{
    hk__sync_prepare(lock, &hk__rwlock_write_type, l);
}

/* Takes the lock for writing, alone.
 *   l: the lock.
 * Returns: as hk_rwlock_read. Blocks: while others read or write, or wait before. Cancel: leaves no
 * trace: readers that waited behind are let in. Threads: its scheduler's. */
HK_API int hk_rwlock_write(hk_rwlock *l);

/* Fills in an unlock, for stackless steps of drivers that are not Hocket's scheduler; there
 * hk_rwlock_unlock will do.
 *   unlock: the call.
 *   l: the lock.
 * Returns: nothing. Blocks: never. Cancel: no. Threads: any. */
static inline void hk_rwlock_unlock_prepare(hk_sync_call *unlock, hk_rwlock *l)
{
    hk__sync_prepare(unlock, &hk__rwlock_unlock_type, l);
}

/* Lets go of the lock, as reader or as writer.
 *   l: the lock; where somebody else writes, or nobody has it, it aborts with a sentence.
 * Returns: nothing. Blocks: never. Cancel: not refused. Threads: its scheduler's. */
HK_API void hk_rwlock_unlock(hk_rwlock *l);

/* ---- condition: wait until what a mutex protects has changed ---- */

typedef struct hk_condition {
    const char *name;
    hk__queue waiters;
} hk_condition;

/* A wait as a value, for stackless steps. */
typedef struct hk_condition_call {
    hk_sync_call sync;
    hk_condition *condition;
    hk_mutex *mutex;
    hk__held held; /* at its own task, while it takes the mutex again */
} hk_condition_call;

extern HK_API const hk_call_type hk__condition_wait_type;

/* Fills in a wait, for HK_AWAIT(co, &f->wait.sync.call) in a stackless step; see hk_condition_wait.
 *   wait: the call.
 *   c: the condition.
 *   m: the mutex.
 * Returns: nothing. Blocks: never. Cancel: no. Threads: any. */
static inline void hk_condition_wait_prepare(hk_condition_call *wait, hk_condition *c, hk_mutex *m)
{
    hk__sync_prepare(&wait->sync, &hk__condition_wait_type, c);
    wait->condition = c;
    wait->mutex = m;
}

/* Lets go of the mutex, waits to be notified, takes the mutex again: it is held at return, always.
 * What the caller waits for is to be looked at in a loop: others may have been there first.
 *   c: the condition.
 *   m: the mutex; where the caller does not hold it, it aborts with a sentence.
 * Returns: 0: notified; -EOWNERDEAD: whoever had the mutex meanwhile has ended; -ECANCELED; -ENOSYS
 * where nobody drives. Blocks: until notified, then while another task holds the mutex. Cancel: the
 * wait leaves no trace, the mutex is waited for all the same; whoever was notified was not
 * cancelled. Threads: its scheduler's. */
HK_API int hk_condition_wait(hk_condition *c, hk_mutex *m);

/* Wakes the task that waits longest; where nobody waits nothing happens, and nothing is remembered.
 *   c: the condition.
 * Returns: nothing. Blocks: never. Cancel: no. Threads: its scheduler's. */
HK_API void hk_condition_notify(hk_condition *c);

/* Wakes all who wait.
 *   c: the condition.
 * Returns: nothing. Blocks: never. Cancel: no. Threads: its scheduler's. */
HK_API void hk_condition_notify_all(hk_condition *c);

/* ---- once ---- */

typedef struct hk_once {
    const char *name;
    hk__queue waiters;
    hk__owner runner;
    bool is_done;
} hk_once;

extern HK_API const hk_call_type hk__once_run_type;

/* Runs a function once, whoever comes: the first runs it in its own task, the others wait for that.
 * Where it fails (is cancelled, or its task ends in it), the next that waits or comes runs it.
 *   o: the once.
 *   fn: called with arg; its result < 0 is a failure.
 *   arg: handed to it.
 * Returns: 0: it has run; its error to the task that ran it; -EDEADLK inside fn; -ECANCELED;
 * -ENOSYS where nobody drives. Blocks: while another task runs it. Cancel: leaves no trace.
 * Threads: its scheduler's. */
HK_API int hk_once_run(hk_once *o, int (*fn)(void *arg), void *arg);

/* Fills in the wait of hk_once_run, for HK_AWAIT in a stackless step. Its result 1: the caller is
 * to do the work, and to call hk_once_end; 0: it has been done.
 *   wait: the call.
 *   o: the once.
 * Returns: nothing. Blocks: never. Cancel: no. Threads: any. */
static inline void hk_once_run_prepare(hk_sync_call *wait, hk_once *o)
{
    hk__sync_prepare(wait, &hk__once_run_type, o);
}

/* The work that hk_once_run_prepare speaks of is done, or has failed.
 *   o: the once; where nobody runs it, it aborts with a sentence.
 *   result: < 0 is a failure.
 * Returns: nothing. Blocks: never. Cancel: no. Threads: its scheduler's. */
HK_API void hk_once_end(hk_once *o, int result);

#ifdef __cplusplus
}
#endif
#endif
