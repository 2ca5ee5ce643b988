/* SPDX-License-Identifier: MIT */
/* Waits for objects of synchronisation under deadlines, and under a shield when the scheduler
 * ends. */
#include "support/steps.h"

static hk_mutex mutex;
static hk_condition condition;
static hk_semaphore semaphore;

static void settle(void)
{
    for (int i = 0; i < 10; i++) hk_sched_yield();
}

static void *nothing_may_wait(void *arg)
{
    mutex = (hk_mutex){ 0 };
    semaphore = (hk_semaphore){ .count = 1 };
    HK_SCOPE(now, 0);
    CHECK_EQ(hk_mutex_lock(&mutex), 0); /* what need not wait is done */
    CHECK_EQ(hk_semaphore_acquire(&semaphore), 0);
    CHECK_NUMBER(hk_semaphore_acquire(&semaphore), "-ECANCELED");
    CHECK(semaphore.waiters.first == NULL);
    CHECK_NUMBER(hk_condition_wait(&condition, &mutex), "-ECANCELED");
    CHECK_EQ(mutex.owner.tid, 1);
    CHECK(condition.waiters.first == NULL);
    hk_mutex_unlock(&mutex);
    CHECK_NUMBER(hk_scope_close(&now, -ECANCELED), "-ETIMEDOUT");
    return arg;
}
TEST(a_timeout_of_zero_takes_what_is_there_and_waits_for_nothing)
{
    CHECK_EQ(hk_run(nothing_may_wait, NULL, NULL), 0);
}

static void *wants_the_mutex(void *arg)
{
    CHECK_EQ(hk_mutex_lock(&mutex), 0);
    note("got it ");
    hk_mutex_unlock(&mutex);
    return arg;
}

/* Where nothing may wait, it does wait for the mutex that it has let go of: somebody has it. */
static void *waits_for_the_mutex_alone(void *arg)
{
    mutex = (hk_mutex){ 0 };
    CHECK_EQ(hk_mutex_lock(&mutex), 0);
    hk_spawn(HK_ROOT, wants_the_mutex, NULL);
    settle();
    HK_SCOPE(now, 0);
    CHECK_NUMBER(hk_condition_wait(&condition, &mutex), "-ECANCELED");
    CHECK_EQ(mutex.owner.tid, 1);
    CHECK_STR(trace, "got it ");
    hk_mutex_unlock(&mutex);
    CHECK_NUMBER(hk_scope_close(&now, -ECANCELED), "-ETIMEDOUT");
    return arg;
}
TEST(a_timeout_of_zero_waits_for_the_mutex_that_was_let_go_of)
{
    CHECK_EQ(hk_run(waits_for_the_mutex_alone, NULL, NULL), 0);
}

static void *deadline(void *arg)
{
    mutex = (hk_mutex){ 0 };
    CHECK_EQ(hk_mutex_lock(&mutex), 0);
    HK_SCOPE(limit, 1);
    CHECK_NUMBER(hk_condition_wait(&condition, &mutex), "-ECANCELED");
    CHECK_EQ(mutex.owner.tid, 1);
    hk_mutex_unlock(&mutex);
    CHECK_NUMBER(hk_scope_close(&limit, -ECANCELED), "-ETIMEDOUT");
    return arg;
}
TEST(a_deadline_ends_the_wait_with_the_mutex_held) { CHECK_EQ(hk_run(deadline, NULL, NULL), 0); }

/* ---- a shield, and the end of the scheduler ---- */

static void *waits_under_a_shield(void *arg)
{
    HK_SCOPE(scope, HK_FOREVER);
    hk_scope_shield(&scope, true);
    hk_mutex_lock(&mutex);
    return arg;
}
static void *never_lets_go(void *arg)
{
    CHECK_EQ(hk_mutex_lock(&mutex), 0);
    for (;;) keep();
    return arg;
}
TEST(one_that_is_dropped_under_a_shield_leaves_the_queue, .prints = "is dropped")
{
    mutex = (hk_mutex){ 0 };
    keep_abort_answer = HK_ABORT_LATER;
    hk_sched *s = hk_sched_create(&(hk_run_options){ .grace = 1 });
    hk_sched_hold(s);
    hk_sched_spawn(s, never_lets_go, NULL);
    hk_sched_spawn(s, waits_under_a_shield, NULL);
    hk_sched_spawn(s, waits_under_a_shield, NULL);
    while (hk_sched_step(s) == 0) continue;
    CHECK(mutex.waiters.first != NULL);
    hk_sched_destroy(s);
    CHECK(mutex.waiters.first == NULL);
    CHECK(mutex.owner.held.link == NULL);
}
