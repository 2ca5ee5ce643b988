/* SPDX-License-Identifier: MIT */
/* Asynchronous generators: ones that make system calls, consumed by a task.
 *
 * The items go to the consumer, the calls to the scheduler: the whole strand is parked, and nothing
 * else need be said. Nobody else can touch its members meanwhile. */
#include "support/sim.h"
#include "support/steps.h"

/* 1, 2, 3, with a nap before each. */
static void *naps(void *arg)
{
    for (int i = 1; i <= 3; i++) {
        int r = hk_sleep(HK_MS(1));
        note("g%s ", r == 0 ? "" : number_text(r));
        if (r < 0) return hk_val(r);
        void *in = hk_yield(hk_val(i));
        if (hk_is_err(in)) return in;
    }
    return arg;
}

static void *consumes_naps(void *arg)
{
    HK_CORO(generator, naps, NULL, NULL);
    void *item;
    int r;
    (void)arg;
    while ((r = hk_coro_next(generator, &item)) > 0) note("c%d ", (int)hk_num(item));
    return hk_val(r);
}

static void *other_task(void *arg)
{
    for (int i = 0; i < 3; i++) {
        note("o ");
        hk_sched_yield();
    }
    return arg;
}

static void *consumer_beside_another(void *arg)
{
    hk_spawn(HK_ROOT, other_task, NULL);
    return consumes_naps(arg);
}

TEST(a_generator_that_sleeps_parks_its_consumer_and_nobody_else)
{
    CHECK_EQ(sim_once(consumer_beside_another, NULL), 0);
    CHECK_STR(trace, "o o o g c1 g c2 g c3 ");
}

/* ---- through several levels ---- */

static void *doubled(void *arg)
{
    HK_CORO(inner, naps, NULL, NULL);
    void *item;
    (void)arg;
    while (hk_coro_next(inner, &item) > 0) {
        CHECK_EQ(hk_sched_yield(), 0); /* a call of this level, between the inner one's */
        void *in = hk_yield(hk_val(2 * hk_num(item)));
        if (hk_is_err(in)) return in;
    }
    return NULL;
}

static void *sums_doubled(void *arg)
{
    HK_CORO(generator, doubled, NULL, NULL);
    intptr_t sum = 0;
    void *item;
    (void)arg;
    while (hk_coro_next(generator, &item) > 0) sum += hk_num(item);
    return hk_val(sum);
}

SIM_TEST(generators_of_generators_call_from_every_level)
{
    CHECK_EQ(hk_num(sums_doubled(NULL)), 12);
}

/* ---- one generator, several tasks ---- */

static hk_coro *shared;

static void *takes_from_shared(void *arg)
{
    void *item;
    int r = hk_coro_next(shared, &item);
    note("%c%s ", (int)hk_num(arg), r == 1 ? number_text(hk_num(item)) : number_text(r));
    return NULL;
}

static void *shares(void *arg)
{
    shared = hk_coro_create(naps, NULL, NULL);
    hk_tid a = hk_spawn(HK_ROOT, takes_from_shared, hk_val('a'));
    hk_tid b = hk_spawn(HK_ROOT, takes_from_shared, hk_val('b'));
    (void)arg;
    hk_task_wait(a, NULL);
    hk_task_wait(b, NULL);
    takes_from_shared(hk_val('m'));
    CHECK_EQ(hk_coro_destroy(shared), 0);
    return NULL;
}

/* While a waits inside it, it is running to b; afterwards anybody may have the next item. */
TEST(a_generator_serves_one_task_at_a_time_and_any_in_turn)
{
    CHECK_EQ(sim_once(shares, NULL), 0);
    CHECK_STR(trace, "b-EALREADY g a1 g m2 ");
}

static void *meddles(void *arg)
{
    void *item;
    CHECK_STEP(hk_coro_send(shared, NULL), "refused EALREADY");
    CHECK_STEP(hk_coro_throw(shared, -EIO), "refused EALREADY");
    CHECK_STEP(hk_coro_close(shared), "refused EALREADY");
    CHECK_NUMBER(hk_coro_next(shared, &item), "-EALREADY");
    CHECK_NUMBER(hk_coro_destroy(shared), "-EALREADY");
    return arg;
}

static void *lends(void *arg)
{
    hk_spawn(HK_ROOT, meddles, NULL);
    shared = hk_coro_create(naps, NULL, NULL);
    takes_from_shared(hk_val('m'));
    CHECK_EQ(hk_coro_destroy(shared), 0);
    return arg;
}

TEST(another_task_cannot_touch_a_generator_that_is_parked)
{
    CHECK_EQ(sim_once(lends, NULL), 0);
    CHECK_STR(trace, "g m1 ");
}

/* ---- kill: case 44 at the level of strands ---- */

static void *inner_frames(void *arg)
{
    HK_CORO(generator, naps, NULL, NULL);
    hk_step step = hk_coro_send(generator, NULL);
    note("inner %s ", step_text(step));
    CHECK_NUMBER(hk_sleep(1), "-ECANCELED"); /* refused from now on, at every level */
    (void)arg;
    return step.value;
}

static void *outer_frames(void *arg)
{
    HK_CORO(inner, inner_frames, NULL, NULL);
    hk_step step = hk_coro_send(inner, NULL);
    note("outer %s ", step_text(step));
    CHECK_NUMBER(hk_sched_yield(), "-ECANCELED");
    (void)arg;
    return step.value;
}

static void *kills_a_strand(void *arg)
{
    hk_exit how;
    hk_tid tid = hk_spawn(HK_ROOT, outer_frames, NULL);
    (void)arg;
    CHECK_EQ(hk_sleep(1), 0);
    CHECK_EQ(hk_task_kill(tid), 1);
    CHECK_EQ(hk_task_kill(tid), 1);
    CHECK_EQ(hk_task_wait(tid, &how), 0);
    CHECK_EQ(how.how, HK_END_CANCELLED);
    CHECK_EQ(hk_task_kill(tid), 0);
    return NULL;
}

SIM_TEST(a_kill_reaches_the_innermost_call_and_unwinds_outwards)
{
    trace_clear();
    kills_a_strand(NULL);
    CHECK_STR(trace, "g-ECANCELED inner failed ECANCELED outer failed ECANCELED ");
}

static void *swallows(void *arg)
{
    HK_CORO(generator, naps, NULL, NULL);
    void *item;
    (void)arg;
    CHECK_NUMBER(hk_coro_next(generator, &item), "-ECANCELED");
    HK_CORO(again, naps, NULL, NULL); /* a fresh one is no way round it */
    CHECK_NUMBER(hk_coro_next(again, &item), "-ECANCELED");
    return hk_val(7);
}

static void *kills_one_that_swallows(void *arg)
{
    hk_exit how;
    hk_tid tid = hk_spawn(HK_ROOT, swallows, NULL);
    (void)arg;
    CHECK_EQ(hk_sleep(1), 0);
    CHECK_EQ(hk_task_kill(tid), 1);
    CHECK_EQ(hk_task_wait(tid, &how), 0);
    CHECK(how.how == HK_END_RETURNED && how.value == hk_val(7)); /* it ended as it liked */
    return NULL;
}

SIM_TEST(a_killed_task_cannot_wait_in_any_generator)
{
    trace_clear();
    kills_one_that_swallows(NULL);
    CHECK_STR(trace, "g-ECANCELED g-ECANCELED ");
}

/* ---- cleanup that calls ---- */

static void *cleans_up_slowly(void *arg)
{
    void *in = hk_yield(hk_val(1));
    note("[ ");
    note("%s ", number_text(hk_sleep(HK_MS(1))));
    note("] ");
    (void)arg;
    return in;
}

static void *closes_slow_one(void *arg)
{
    hk_coro *co = hk_coro_create(cleans_up_slowly, NULL, NULL);
    hk_spawn(HK_ROOT, other_task, NULL);
    (void)arg;
    hk_coro_send(co, NULL);
    CHECK_STEP(hk_coro_close(co), "returned 0");
    note("closed ");
    CHECK_EQ(hk_coro_destroy(co), 0);
    return NULL;
}

TEST(close_waits_while_the_cleanup_calls_and_others_run)
{
    CHECK_EQ(sim_once(closes_slow_one, NULL), 0);
    CHECK_STR(trace, "[ o o o 0 ] closed ");
}

/* ---- a plain yield is an item, the processor's yield a call ---- */

static void *yields_both_ways(void *arg)
{
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(hk_sched_yield(), 0);
        void *in = hk_yield(hk_val(i));
        if (hk_is_err(in)) return in;
    }
    return arg;
}

static void *consumes_both_ways(void *arg)
{
    HK_CORO(generator, yields_both_ways, NULL, NULL);
    void *item;
    (void)arg;
    hk_spawn(HK_ROOT, other_task, NULL);
    while (hk_coro_next(generator, &item) > 0) note("%d ", (int)hk_num(item));
    return NULL;
}

TEST(giving_up_the_processor_is_right_inside_a_generator)
{
    CHECK_EQ(sim_once(consumes_both_ways, NULL), 0);
    CHECK_STR(trace, "o 0 o 1 o 2 ");
}

/* ---- who am I ---- */

static hk_step tells_tid(hk_coro *co, void *in)
{
    (void)in;
    HK_BEGIN(co);
    HK_END(co, hk_val(hk_task_self()));
}

static void *yields_tid(void *arg)
{
    hk_coro stackless;
    (void)arg;
    (void)!hk_yield(hk_val(hk_task_self()));
    hk_stackless_init(&stackless, tells_tid, NULL);
    return hk_coro_send(&stackless, NULL).value;
}

static void *asks_its_generators(void *arg)
{
    HK_CORO(generator, yields_tid, NULL, NULL);
    (void)arg;
    CHECK_EQ(hk_task_self(), 1);
    CHECK_STEP(hk_coro_send(generator, NULL), "yielded 1");
    CHECK_STEP(hk_coro_send(generator, NULL), "returned 1"); /* asked in a stackless step */
    return NULL;
}

TEST(a_generator_of_either_kind_runs_as_its_consumers_task)
{
    CHECK_EQ(sim_once(asks_its_generators, NULL), 0);
    CHECK_NUMBER(hk_task_self(), "-EPERM");
}
