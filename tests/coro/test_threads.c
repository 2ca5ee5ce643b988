/* SPDX-License-Identifier: MIT */
/* Coroutines and OS threads.
 *
 * A fresh coroutine belongs to nobody: any thread may start, close or destroy it, and of several
 * that try at once one does (case 8). A started one stays on its thread; others are refused. */
#include "support/steps.h"

#include <pthread.h>
#include <sched.h>

enum { ROUNDS = 2000, THREADS = 2 };

static int ran, refused, returned, released;

static void *counts(void *arg)
{
    __atomic_add_fetch(&ran, 1, __ATOMIC_RELAXED);
    return arg;
}

/* Runs until the other thread was refused: so that each round is a race. */
static void *counts_and_holds(void *arg)
{
    int round = __atomic_add_fetch(&ran, 1, __ATOMIC_RELAXED);
    while (__atomic_load_n(&refused, __ATOMIC_RELAXED) < round) sched_yield();
    return arg;
}

static struct {
    hk_coro *fresh[ROUNDS];
    int arrived;
    hk_step (*op)(hk_coro *co);
} race;

/* A barrier would let them go one after the other; whoever spins is off at once. */
static void meet(int round)
{
    __atomic_add_fetch(&race.arrived, 1, __ATOMIC_SEQ_CST);
    for (int i = 0; __atomic_load_n(&race.arrived, __ATOMIC_SEQ_CST) < THREADS * (round + 1); i++)
        if (i % 1000 == 999) sched_yield();
}

static hk_step send_null(hk_coro *co) { return hk_coro_send(co, NULL); }

/* Each round both threads go for the same coroutine as closely together as they can. */
static void *races(void *arg)
{
    for (int i = 0; i < ROUNDS; i++) {
        meet(i);
        hk_step step = race.op(race.fresh[i]);
        if (step.outcome == HK_RETURNED) __atomic_add_fetch(&returned, 1, __ATOMIC_RELAXED);
        if (step.outcome == HK_REFUSED && step.error == -EALREADY)
            __atomic_add_fetch(&refused, 1, __ATOMIC_RELAXED);
    }
    return arg;
}

static void release(void *arg)
{
    (void)arg;
    __atomic_add_fetch(&released, 1, __ATOMIC_RELAXED);
}

static void run_race(hk_entry *body, hk_step (*op)(hk_coro *co))
{
    pthread_t threads[THREADS];
    race.op = op;
    race.arrived = 0;
    ran = refused = returned = released = 0;
    for (int i = 0; i < ROUNDS; i++)
        race.fresh[i] = hk_coro_create(body, NULL, &(hk_coro_options){ .arg_release = release });
    for (int i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, races, NULL);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < ROUNDS; i++) CHECK_EQ(hk_coro_destroy(race.fresh[i]), 0);
}

/* Case 8. */
TEST(of_two_threads_that_start_one_coroutine_exactly_one_does, .seconds = 60)
{
    run_race(counts_and_holds, send_null);
    CHECK_EQ(ran, ROUNDS);
    CHECK_EQ(returned, ROUNDS);
    CHECK_EQ(refused, ROUNDS);
    CHECK_EQ(released, 0);
}

/* Two closes: the body of none runs, each argument is released once. */
TEST(of_two_threads_that_close_a_fresh_one_exactly_one_does, .seconds = 60)
{
    run_race(counts, hk_coro_close);
    CHECK_EQ(ran, 0);
    CHECK_EQ(released, ROUNDS);
    CHECK_EQ(returned, ROUNDS);
}

static hk_step send_or_close(hk_coro *co)
{
    static __thread bool closes;
    static int next;
    if (__atomic_fetch_add(&next, 1, __ATOMIC_RELAXED) == 0) closes = true;
    return closes ? hk_coro_close(co) : hk_coro_send(co, NULL);
}

/* Whoever wins: either the body runs or the argument is released. */
TEST(of_one_that_starts_and_one_that_closes_one_wins, .seconds = 60)
{
    run_race(counts, send_or_close);
    CHECK_EQ(ran + released, ROUNDS);
}

/* ---- a started one stays where it is ---- */

static void *yields(void *arg)
{
    void *in = hk_yield(arg);
    return in;
}

static void *stranger(void *arg)
{
    hk_coro *co = arg;
    void *item = hk_val(99);
    CHECK_STEP(hk_coro_send(co, NULL), "refused EALREADY");
    CHECK_STEP(hk_coro_send(co, hk_val(5)), "refused EALREADY");
    CHECK_STEP(hk_coro_throw(co, -EIO), "refused EALREADY");
    CHECK_STEP(hk_coro_throw(co, 0), "refused EINVAL");
    CHECK_STEP(hk_coro_close(co), "refused EALREADY");
    CHECK_NUMBER(hk_coro_next(co, &item), "-EALREADY");
    CHECK_NUMBER(hk_coro_destroy(co), "-EALREADY");
    CHECK_EQ(hk_num(item), 99);
    return NULL;
}

static void send_stranger(hk_coro *co)
{
    pthread_t thread;
    CHECK_EQ(pthread_create(&thread, NULL, stranger, co), 0);
    pthread_join(thread, NULL);
}

TEST(a_started_coroutine_refuses_other_threads)
{
    HK_CORO(co, yields, hk_val(1), NULL);
    CHECK_STEP(hk_coro_send(co, NULL), "yielded 1");
    send_stranger(co);
    CHECK_STEP(hk_coro_send(co, hk_val(7)), "returned 7");
}

static void *calls(void *arg)
{
    (void)arg;
    return hk_val(add_one(1));
}

TEST(one_that_is_parked_in_a_call_refuses_other_threads)
{
    HK_CORO(co, calls, NULL, NULL);
    CHECK_STEP(hk_coro_send(co, NULL), "trapped add_one");
    send_stranger(co);
    CHECK_STEP(hk_coro_send(co, hk_val(2)), "returned 2");
}

static void *shows_itself(void *arg)
{
    send_stranger(*(hk_coro **)arg);
    return hk_yield(hk_val(1));
}

TEST(a_running_one_refuses_other_threads)
{
    hk_coro *co = hk_coro_create(shows_itself, &co, NULL);
    CHECK_STEP(hk_coro_send(co, NULL), "yielded 1");
    CHECK_EQ(hk_coro_destroy(co), 0);
}

static hk_step stackless_yields(hk_coro *co, void *in)
{
    HK_BEGIN(co);
    HK_GIVE(co, hk_val(1));
    HK_END(co, in);
}

TEST(a_started_stackless_one_refuses_other_threads)
{
    hk_coro co;
    hk_stackless_init(&co, stackless_yields, NULL);
    CHECK_STEP(hk_coro_send(&co, NULL), "yielded 1");
    send_stranger(&co);
    CHECK_STEP(hk_coro_send(&co, hk_val(7)), "returned 7");
}

/* ---- made here, used there ---- */

static void *runs_it_all(void *arg)
{
    hk_coro *co = arg;
    CHECK_STEP(hk_coro_send(co, NULL), "yielded 1");
    CHECK_STEP(hk_coro_send(co, hk_val(3)), "returned 3");
    CHECK_EQ(hk_coro_destroy(co), 0);
    return NULL;
}

TEST(a_fresh_one_may_be_started_and_destroyed_by_another_thread)
{
    for (int i = 0; i < 100; i++) {
        pthread_t thread;
        hk_coro *co = hk_coro_create(yields, hk_val(1), NULL);
        CHECK_EQ(pthread_create(&thread, NULL, runs_it_all, co), 0);
        pthread_join(thread, NULL);
    }
}

static void *destroys(void *arg)
{
    CHECK_EQ(hk_coro_destroy(arg), 0);
    return NULL;
}

TEST(a_finished_one_may_be_destroyed_by_another_thread)
{
    pthread_t thread;
    hk_coro *co = hk_coro_create(yields, hk_val(1), NULL);
    hk_coro_send(co, NULL);
    CHECK_STEP(hk_coro_close(co), "returned 0");
    CHECK_EQ(pthread_create(&thread, NULL, destroys, co), 0);
    pthread_join(thread, NULL);
}

static void *many_round_trips(void *arg)
{
    intptr_t sum = 0;
    (void)arg;
    for (int i = 0; i < 10000; i++) {
        HK_CORO(one, yields, hk_val(i), NULL);
        sum += hk_num(hk_coro_send(one, NULL).value);
    }
    return hk_val(sum);
}

TEST(threads_have_coroutines_of_their_own, .seconds = 60)
{
    pthread_t threads[4];
    void *sum;
    for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, many_round_trips, NULL);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], &sum);
        CHECK_EQ(hk_num(sum), 49995000);
    }
}
