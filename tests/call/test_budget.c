/* SPDX-License-Identifier: MIT */
/* The budget: calls that complete at once do not give up the processor, but only so many in a row.
 *
 * Otherwise one task that always finds something to do would starve all others, the timers and the
 * world. Refused calls of a killed task count too. */
#include "support/faults.h"
#include "support/sim.h"
#include "support/steps.h"

#include "sched/sched.h"

static bool stop;
static long turns;      /* how often the other task ran */
static long calls;      /* at once, since the other task ran last */
static long most_calls; /* in a row */

static void count_call(void)
{
    if (++calls > most_calls) most_calls = calls;
}

/* ---- those that never stop of themselves, in all kinds ---- */

static void *calls_for_ever(void *arg)
{
    while (!stop) {
        CHECK_EQ(add_one(1), 2);
        count_call();
    }
    return arg;
}

static void *generates_for_ever(void *arg)
{
    for (;;) {
        void *in = hk_yield(hk_val(add_one(1)));
        if (hk_is_err(in)) return in;
    }
    return arg;
}

static void *consumes_for_ever(void *arg)
{
    HK_CORO(co, generates_for_ever, NULL, NULL);
    void *item;
    while (!stop && hk_coro_next(co, &item) == 1) count_call();
    return arg;
}

static void *drives_for_ever(void *arg)
{
    HK_CORO(co, calls_for_ever, NULL, &(hk_coro_options){ .driven = true });
    hk_step step = hk_coro_send(co, NULL);
    while (step.outcome == HK_TRAPPED) step = hk_coro_send(co, hk_val(hk_trap(step.call)));
    return arg;
}

static struct {
    hk_coro co;
    struct add_one add;
} frame;

static hk_step steps_for_ever(hk_coro *co, void *in)
{
    HK_BEGIN(co);
    while (!stop) {
        frame.add = (struct add_one){ HK_CALL(add_one_type), .x = 1 };
        HK_AWAIT(co, &frame.add.call);
        count_call();
    }
    HK_END(co, NULL);
}

static void *spawns_stackless(void *arg)
{
    hk_stackless_init(&frame.co, steps_for_ever, NULL);
    CHECK(hk_spawn_stackless(HK_ROOT, &frame.co, "steps") > 0);
    return arg;
}

/* ---- those that would starve ---- */

static void *takes_turns(void *arg)
{
    hk_spawn(HK_ROOT, arg, NULL);
    while (turns < 100) {
        CHECK_EQ(hk_sched_yield(), 0);
        calls = 0;
        turns++;
    }
    stop = true;
    return NULL;
}

static void check_turns(hk_entry *greedy)
{
    CHECK_EQ(sim_once(takes_turns, greedy), 0);
    CHECK_EQ(turns, 100);
    CHECK(most_calls > HK__BUDGET / 2); /* it is a budget, not a rule to yield each time */
    CHECK(most_calls <= HK__BUDGET);
}

TEST(a_task_that_calls_for_ever_gives_way) { check_turns(calls_for_ever); }
TEST(a_generator_that_calls_for_ever_gives_way) { check_turns(consumes_for_ever); }
TEST(a_driver_that_hands_up_for_ever_gives_way) { check_turns(drives_for_ever); }
TEST(a_stackless_task_that_calls_for_ever_gives_way) { check_turns(spawns_stackless); }

static void *sleeps_then_stops(void *arg)
{
    hk_spawn(HK_ROOT, arg, NULL);
    CHECK_EQ(hk_sleep(HK_MS(2)), 0);
    stop = true;
    return NULL;
}

/* Virtual time stands still while a task is ready. So it is the real clock, and goes by itself. */
TEST(timers_fire_beside_one_that_calls_for_ever)
{
    faults_clock_step = HK_US(10);
    CHECK_EQ(hk_run(sleeps_then_stops, calls_for_ever, NULL), 0);
    stop = false;
    CHECK_EQ(hk_run(sleeps_then_stops, spawns_stackless, NULL), 0);
}

static void stops(void *arg) { stop = arg == NULL; }

TEST(posts_arrive_beside_one_that_calls_for_ever)
{
    hk_sched *s = hk_sched_create(&(hk_run_options){ .world = sim_world() });
    hk_sched_spawn(s, calls_for_ever, NULL);
    CHECK_EQ(hk_sched_post(s, stops, NULL), 0);
    CHECK_EQ(hk_sched_run(s), 0);
    hk_sched_destroy(s);
}

/* ---- one that has nobody to give way to ---- */

static void *calls_a_lot(void *arg)
{
    intptr_t sum = 0;
    for (int i = 0; i < 10 * HK__BUDGET; i++) sum += add_one(0);
    (void)arg;
    return hk_val(sum);
}

TEST(a_single_task_goes_on_after_its_budget)
{
    CHECK_EQ(sim_once(calls_a_lot, NULL), 10 * HK__BUDGET);
}

/* ---- killed, and deaf to it ---- */

static void *ignores_its_kill(void *arg)
{
    while (!stop) {
        intptr_t r = add_one(1);
        if (r == -ECANCELED) count_call();
    }
    return arg;
}

static void *kills_a_deaf_one(void *arg)
{
    hk_tid tid = hk_spawn(HK_ROOT, ignores_its_kill, NULL);
    (void)arg;
    hk_sched_yield();
    CHECK_EQ(hk_task_kill(tid), 1);
    while (turns < 100) {
        CHECK_EQ(hk_sched_yield(), 0);
        calls = 0;
        turns++;
    }
    stop = true;
    CHECK_EQ(hk_task_wait(tid, NULL), 0);
    CHECK(most_calls > 0 && most_calls <= HK__BUDGET);
    return NULL;
}

TEST(a_killed_task_that_ignores_refusals_starves_nobody_and_is_reported,
     .prints = "hocket: task 2 'ignores_its_kill' was cancelled and ignores it: 1000 calls refused "
               "in a row, the "
               "last was 'add_one'\n")
{
    CHECK_EQ(sim_once(kills_a_deaf_one, NULL), 0);
}

/* ---- sleep(0) and yield spend all of it ---- */

static void *naps_of_nothing(void *arg)
{
    for (int i = 0; i < 3; i++) {
        note("%c ", (int)hk_num(arg));
        CHECK_EQ(hk_sleep(hk_num(arg) == 'a' ? 0 : -HK_SEC(5)), 0);
    }
    return NULL;
}

static void *spawns_two(void *arg)
{
    hk_spawn(HK_ROOT, naps_of_nothing, hk_val('a'));
    hk_spawn(HK_ROOT, naps_of_nothing, hk_val('b'));
    return arg;
}

TEST(a_sleep_of_nothing_or_less_is_a_yield)
{
    CHECK_EQ(sim_once(spawns_two, NULL), 0);
    CHECK_STR(trace, "a b a b a b ");
}
