/* SPDX-License-Identifier: MIT */
/* What all waits for an object of synchronisation have in common, tried with each of them, under
 * Hocket's scheduler and under a foreign driver: they are served in order, a cancelled one leaves
 * no trace, and done beats cancelled (SEMANTICS 3, case 62). */
#include "support/small.h"
#include "support/steps.h"

#include "sync/sync.h"

/* ---- who drives: a test's body may stand outside tasks, or in one ---- */

struct driven_by {
    const char *name;
    void (*run)(void (*body)(void));
    hk_tid (*spawn)(hk_entry *fn, void *arg);
    hk_tid (*adopt)(hk_coro *co); /* stackless */
    void (*kill)(hk_tid tid);
    void (*settle)(void); /* until all that live wait */
};

static void *hocket_main(void *arg)
{
    ((void (*)(void))arg)();
    return NULL;
}
static void hocket_run(void (*body)(void)) { CHECK_EQ(hk_run(hocket_main, (void *)body, NULL), 0); }
static hk_tid hocket_spawn(hk_entry *fn, void *arg) { return hk_spawn(HK_ROOT, fn, arg); }
static hk_tid hocket_adopt(hk_coro *co) { return hk_spawn_stackless(HK_ROOT, co, NULL); }
static void hocket_kill(hk_tid tid) { CHECK_EQ(hk_task_kill(tid), 1); }
static void hocket_settle(void)
{
    for (int i = 0; i < 20; i++) hk_sched_yield();
}

static small driver;
static void small_main(void (*body)(void))
{
    small_init(&driver);
    body();
    CHECK_EQ(small_run(&driver), 0); /* nobody is left */
}
static hk_tid foreign_spawn(hk_entry *fn, void *arg) { return small_spawn(&driver, fn, arg); }
static hk_tid foreign_adopt(hk_coro *co) { return small_adopt(&driver, co); }
static void foreign_kill(hk_tid tid) { CHECK_EQ(small_kill(&driver, tid), 1); }
static void foreign_settle(void) { small_run(&driver); }

static const struct driven_by drivers[] = {
    { "hocket", hocket_run, hocket_spawn, hocket_adopt, hocket_kill, hocket_settle },
    { "small", small_main, foreign_spawn, foreign_adopt, foreign_kill, foreign_settle },
};
static const struct driven_by *by;

/* ---- what is waited for ---- */

struct kind {
    const char *name;
    void (*reset)(void); /* whoever waits now does wait */
    int (*wait)(void);
    void (*wake)(void);  /* one of them, or all */
    void (*after)(void); /* gives back what it got; NULL: nothing */
    hk__queue *queue;
    void (*prepare)(hk_sync_call *wait);
    hk_entry *holder; /* a task that holds it until it is woken; NULL: none */
};

static hk_event event;
static void event_reset(void) { event = (hk_event){ .name = "e" }; }
static int event_wait(void) { return hk_event_wait(&event); }
static void event_wake(void) { hk_event_set(&event); }
static void event_prepare(hk_sync_call *wait) { hk_event_wait_prepare(wait, &event); }

static hk_semaphore semaphore;
static void semaphore_reset(void) { semaphore = (hk_semaphore){ .name = "s" }; }
static int semaphore_wait(void) { return hk_semaphore_acquire(&semaphore); }
static void semaphore_wake(void) { hk_semaphore_release(&semaphore); }
static void semaphore_prepare(hk_sync_call *wait)
{
    hk_semaphore_acquire_prepare(wait, &semaphore);
}

static hk_future future;
static void future_reset(void) { future = (hk_future){ .name = "f" }; }
static int future_wait(void)
{
    void *value = NULL;
    int r = hk_future_wait(&future, &value);
    CHECK_EQ(hk_num(value), r == 0 ? 42 : 0);
    return r;
}
static void future_wake(void)
{
    if (!future.is_set) hk_future_set(&future, hk_val(42));
}
static void future_prepare(hk_sync_call *wait) { hk_future_wait_prepare(wait, &future, NULL); }

static hk_waitgroup waitgroup;
static void waitgroup_reset(void)
{
    waitgroup = (hk_waitgroup){ .name = "w" };
    hk_waitgroup_add(&waitgroup, 1);
}
static int waitgroup_wait(void) { return hk_waitgroup_wait(&waitgroup); }
static void waitgroup_wake(void)
{
    if (waitgroup.count > 0) hk_waitgroup_done(&waitgroup);
}
static void waitgroup_prepare(hk_sync_call *wait) { hk_waitgroup_wait_prepare(wait, &waitgroup); }

/* What is held, is held by a task that lets go when it is told: an unlock is its owner's. */
static hk_event let_go;
static void holder_wake(void) { hk_event_set(&let_go); }

static hk_mutex mutex;
static void mutex_reset(void)
{
    mutex = (hk_mutex){ .name = "m" };
    let_go = (hk_event){ 0 };
}
static int mutex_wait(void) { return hk_mutex_lock(&mutex); }
static void mutex_after(void) { hk_mutex_unlock(&mutex); }
static void mutex_prepare(hk_sync_call *wait) { hk_mutex_lock_prepare(wait, &mutex); }
static void *mutex_holder(void *arg)
{
    CHECK_EQ(hk_mutex_lock(&mutex), 0);
    hk_event_wait(&let_go);
    hk_mutex_unlock(&mutex);
    return arg;
}

static hk_rwlock rwlock;
static void rwlock_reset(void)
{
    rwlock = (hk_rwlock){ .name = "rw" };
    let_go = (hk_event){ 0 };
}
static void rwlock_after(void) { hk_rwlock_unlock(&rwlock); }
static int read_wait(void) { return hk_rwlock_read(&rwlock); }
static void read_prepare(hk_sync_call *wait) { hk_rwlock_read_prepare(wait, &rwlock); }
static void *writes(void *arg)
{
    CHECK_EQ(hk_rwlock_write(&rwlock), 0);
    hk_event_wait(&let_go);
    hk_rwlock_unlock(&rwlock);
    return arg;
}
static int write_wait(void) { return hk_rwlock_write(&rwlock); }
static void write_prepare(hk_sync_call *wait) { hk_rwlock_write_prepare(wait, &rwlock); }
static void *reads(void *arg)
{
    CHECK_EQ(hk_rwlock_read(&rwlock), 0);
    hk_event_wait(&let_go);
    hk_rwlock_unlock(&rwlock);
    return arg;
}

static hk_once once;
static void once_reset(void)
{
    once = (hk_once){ .name = "o" };
    let_go = (hk_event){ 0 };
}
static int does_nothing(void *arg) { return (int)hk_num(arg); }
static int once_wait(void) { return hk_once_run(&once, does_nothing, NULL); }
static void once_prepare(hk_sync_call *wait) { hk_once_run_prepare(wait, &once); }
static int is_told(void *arg)
{
    int r = hk_event_wait(&let_go);
    return r < 0 ? r : (int)hk_num(arg);
}
static void *once_holder(void *arg)
{
    hk_once_run(&once, is_told, arg);
    return arg;
}

static const struct kind kinds[] = {
    { "event", event_reset, event_wait, event_wake, NULL, &event.waiters, event_prepare, NULL },
    { "semaphore", semaphore_reset, semaphore_wait, semaphore_wake, NULL, &semaphore.waiters,
      semaphore_prepare, NULL },
    { "future", future_reset, future_wait, future_wake, NULL, &future.waiters, future_prepare,
      NULL },
    { "waitgroup", waitgroup_reset, waitgroup_wait, waitgroup_wake, NULL, &waitgroup.waiters,
      waitgroup_prepare, NULL },
    { "mutex", mutex_reset, mutex_wait, holder_wake, mutex_after, &mutex.waiters, mutex_prepare,
      mutex_holder },
    { "read", rwlock_reset, read_wait, holder_wake, rwlock_after, &rwlock.waiters, read_prepare,
      writes },
    { "write", rwlock_reset, write_wait, holder_wake, rwlock_after, &rwlock.waiters, write_prepare,
      reads },
    { "once", once_reset, once_wait, holder_wake, NULL, &once.waiters, once_prepare, once_holder },
};
static const struct kind *kind;

/* ---- the tasks ---- */

static hk_event open_door = { .is_set = true };

static void *waits(void *arg)
{
    int r = kind->wait();
    note("%d:%s ", (int)hk_num(arg), number_text(r));
    if (r == 0 && kind->after != NULL) kind->after();
    if (hk_event_wait(&open_door) < 0) note("then -ECANCELED ");
    return NULL;
}

static hk_tid tids[4];
static void three_wait(void)
{
    for (int i = 1; i <= 3; i++) tids[i] = by->spawn(waits, hk_val(i));
    by->settle();
    CHECK_STR(trace, "");
}

static void wake_all(void)
{
    for (int i = 0; i < 3; i++) {
        kind->wake();
        by->settle();
    }
    CHECK(kind->queue->first == NULL);
}

static void (*inner_body)(void);
static void with_holder(void)
{
    if (kind->holder != NULL) {
        by->spawn(kind->holder, NULL);
        by->settle();
    }
    inner_body();
}

/* Runs a body for each kind under each driver. */
static void each(void (*body)(void))
{
    for (size_t d = 0; d < HK_LEN(drivers); d++) {
        for (size_t k = 0; k < HK_LEN(kinds); k++) {
            by = &drivers[d];
            kind = &kinds[k];
            trace_clear();
            kind->reset();
            inner_body = body;
            by->run(with_holder);
            if (kind->queue->first != NULL) test_fail("%s: somebody still waits", kind->name);
        }
    }
}

#define CHECK_TRACE(text) \
    do { \
        if (strcmp(trace, (text)) != 0) \
            test_fail("%s under %s: \"%s\", not \"%s\"", kind->name, by->name, trace, (text)); \
    } while (0)

static void in_order(void)
{
    three_wait();
    wake_all();
    CHECK_TRACE("1:0 2:0 3:0 ");
}
TEST(all_are_served_in_the_order_of_coming) { each(in_order); }

/* ---- cancelled ---- */

static int victim;
static void one_is_killed(void)
{
    static const char *const texts[] = { "1:-ECANCELED then -ECANCELED 2:0 3:0 ",
                                         "2:-ECANCELED then -ECANCELED 1:0 3:0 ",
                                         "3:-ECANCELED then -ECANCELED 1:0 2:0 " };
    three_wait();
    by->kill(tids[victim]);
    by->settle();
    wake_all();
    CHECK_TRACE(texts[victim - 1]);
}
TEST(a_cancelled_wait_leaves_no_trace)
{
    for (victim = 1; victim <= 3; victim++) each(one_is_killed);
}

static void killed_then_woken(void)
{
    three_wait();
    by->kill(tids[1]);
    kind->wake();
    by->settle();
    CHECK(strstr(trace, "1:-ECANCELED") != NULL);
    CHECK(strstr(trace, "2:0 ") != NULL); /* it went to the next */
    wake_all();
    CHECK(strstr(trace, "3:0 ") != NULL);
}
TEST(cancelled_and_then_woken_in_one_tick_it_goes_to_the_next) { each(killed_then_woken); }

static void woken_then_killed(void)
{
    if (kind->holder != NULL) {
        kind->wake(); /* it is let go of later: see test_lock.c */
        return;
    }
    three_wait();
    kind->wake();
    by->kill(tids[1]);
    by->settle();
    wake_all();
    CHECK(strstr(trace, "1:0 ") != NULL && strstr(trace, "then -ECANCELED ") != NULL);
    CHECK(strstr(trace, "2:0 ") != NULL);
    CHECK(strstr(trace, "3:0 ") != NULL);
}

TEST(woken_and_then_cancelled_in_one_tick_it_has_succeeded) { each(woken_then_killed); }

static void all_killed(void)
{
    three_wait();
    for (int i = 1; i <= 3; i++) by->kill(tids[i]);
    by->settle();
    CHECK(kind->queue->first == NULL);
    trace_clear();
    kind->wake(); /* what nobody waited for is there for who comes */
    by->settle();
    by->spawn(waits, hk_val(4));
    by->settle();
    CHECK_TRACE("4:0 ");
}
TEST(when_all_are_cancelled_nothing_is_lost) { each(all_killed); }

/* ---- refused ---- */

static void *waits_when_told(void *arg)
{
    hk_event_wait(arg);
    return waits(hk_val(1));
}

static void refused(void)
{
    hk_event go = { 0 };
    hk_tid tid = by->spawn(waits_when_told, &go);
    by->settle();
    kind->wake();
    by->settle();
    hk_event_set(&go);
    by->kill(tid);
    by->settle();
    CHECK_TRACE("1:-ECANCELED then -ECANCELED ");
    trace_clear();
    by->spawn(waits, hk_val(2)); /* nothing was taken */
    by->settle();
    CHECK_TRACE("2:0 ");
}
TEST(a_killed_task_is_refused_even_what_is_there) { each(refused); }

/* ---- stackless ---- */

struct frame {
    hk_coro co;
    hk_sync_call wait;
};

static hk_step waits_step(hk_coro *co, void *in)
{
    struct frame *f = HK_CONTAINER(co, struct frame, co);
    HK_BEGIN(co);
    kind->prepare(&f->wait);
    HK_AWAIT(co, &f->wait.call);
    note("s:%s ", number_text(f->wait.call.result));
    if (f->wait.call.result == 0 && kind->after != NULL && by == &drivers[0]) kind->after();
    HK_END(co, NULL);
}

static void stackless(void)
{
    static struct frame frames[2];
    for (int i = 0; i < 2; i++) {
        hk_stackless_init(&frames[i].co, waits_step, NULL);
        tids[i] = by->adopt(&frames[i].co);
    }
    by->settle();
    CHECK_TRACE("");
    by->kill(tids[0]);
    by->settle();
    CHECK_TRACE("s:-ECANCELED ");
    kind->wake();
    by->settle();
    CHECK_TRACE("s:-ECANCELED s:0 ");
}

TEST(stackless_tasks_wait_as_well) { each(stackless); }

/* ---- nobody drives, nobody wakes ---- */

TEST(where_nobody_drives_a_wait_is_unknown)
{
    for (size_t k = 0; k < HK_LEN(kinds); k++) {
        kinds[k].reset();
        CHECK_NUMBER(kinds[k].wait(), "-ENOSYS");
        CHECK(kinds[k].queue->first == NULL);
    }
}

static void *waits_for_ever(void *arg)
{
    kind = arg;
    kind->reset();
    if (kind->holder != NULL) hk_spawn(HK_ROOT, kind->holder, NULL);
    hk_sched_yield();
    return hk_val(kind->wait());
}

TEST(a_wait_that_nobody_can_end_is_a_deadlock, .prints = "waiting for semaphore 's'")
{
    for (size_t k = 0; k < HK_LEN(kinds); k++)
        CHECK_NUMBER(hk_run(waits_for_ever, (void *)(uintptr_t)&kinds[k], NULL), "-EDEADLK");
}

/* ---- starvation ---- */

static int rounds_of_others;
static void *counts_rounds(void *arg)
{
    hk_event *over = arg;
    while (!over->is_set) {
        rounds_of_others++;
        hk_sched_yield();
    }
    return NULL;
}

static void *takes_and_gives(void *arg)
{
    hk_event over = { 0 };
    hk_semaphore s = { .count = 1 };
    hk_spawn(HK_ROOT, counts_rounds, &over);
    for (int i = 0; i < 10000; i++) {
        CHECK_EQ(hk_semaphore_acquire(&s), 0);
        hk_semaphore_release(&s);
    }
    hk_event_set(&over);
    hk_sched_yield();
    return arg;
}

TEST(a_loop_that_never_waits_lets_others_run)
{
    CHECK_EQ(hk_run(takes_and_gives, NULL, NULL), 0);
    CHECK(rounds_of_others >= 10000 / HK__BUDGET);
}
