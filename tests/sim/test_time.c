/* SPDX-License-Identifier: MIT */
/* Virtual time: it jumps, it stands still, it never runs ahead; and the end of a run. */
#include "support/said.h"
#include "support/sim.h"

#include <hocket/offload.h>

#include <string.h>

enum { SLEEPERS = 1000 };
static int awake;

static int sleeps(void) { return 1000 / test_time_factor(); }

static void *sleeper(void *arg)
{
    const int64_t asked = (hk_num(arg) + 1) * HK_SEC(864) / sleeps(), begin = hk_now();
    for (int i = 0; i < sleeps(); i++)
        if (hk_sleep(asked) < 0) return NULL;
    CHECK_EQ(hk_now() - begin, asked * sleeps());
    awake++;
    return NULL;
}

static void *ten_days(void *arg)
{
    awake = 0;
    for (int i = 0; i < SLEEPERS; i++) hk_spawn(HK_ROOT, sleeper, hk_val(i));
    return NULL;
}

TEST(ten_days_pass)
{
    hk_sim_options options = { .policy = HK_SIM_FIFO };
    hk_sim_result result;
    CHECK_EQ(hk_sim_run(ten_days, NULL, &options, &result), 0);
    CHECK_EQ(awake, SLEEPERS);
    CHECK_EQ(result.virtual_ns, HK_SEC(864) * SLEEPERS / sleeps() * sleeps());
    CHECK_EQ(result.schedules, 1);
    CHECK(result.switches > SLEEPERS * (uint64_t)sleeps());
}

SIM_TEST(time_stands_still_while_tasks_run)
{
    const int64_t begin = hk_now();
    for (int i = 0; i < 1000; i++) hk_sched_yield();
    CHECK_EQ(hk_now(), begin);
    CHECK_EQ(hk_sleep(1), 0);
    CHECK_EQ(hk_now(), begin + 1);
    CHECK_EQ(hk_sleep(HK_SEC(3600)), 0);
    CHECK_EQ(hk_now(), begin + 1 + HK_SEC(3600));
}

static void *fails(void *arg)
{
    hk_sleep(HK_SEC(1));
    return hk_val(hk_fail(-EXDEV, "it is too far"));
}

TEST(main_fails_the_run)
{
    hk_sim_result result;
    CHECK_EQ(hk_sim_run(fails, NULL, NULL, &result), -EXDEV);
    CHECK_STR(result.report, "the main task failed with -18: it is too far: Invalid cross-device "
                             "link");
    CHECK_EQ(result.virtual_ns, HK_SEC(1));
}

static void never_handle(hk_call *call) {}
static int never_abort(hk_call *call) { return HK_ABORTED; }
static const hk_call_type never_type = { .name = "what never comes",
                                         .handle = never_handle,
                                         .abort = never_abort };

static void *waits_for_ever(void *arg)
{
    hk_call call;
    hk_sleep(HK_SEC(5));
    hk__call_init(&call, &never_type);
    return hk_val(hk_trap(&call));
}

TEST(a_deadlock_is_told, .prints = "again: HOCKET_REPLAY=random:9 ")
{
    hk_sim_options options = { .seed = 9, .runs = 100 };
    hk_sim_result result;
    CHECK_EQ(hk_sim_run(waits_for_ever, NULL, &options, &result), -EDEADLK);
    CHECK_STR(result.report, "deadlock, 1 task: 1 'main' waits for what never comes");
    CHECK_EQ(result.virtual_ns, HK_SEC(5));
    CHECK_EQ(result.schedules, 1);
    CHECK_EQ(result.seed, 9);
}

static int fails_with_options(void *options)
{
    return hk_sim_run(waits_for_ever, NULL, options, NULL);
}

TEST(who_has_a_command_of_his_own_says_it)
{
    hk_sim_options options = { .own_command = false };
    CHECK_EQ(said_by(fails_with_options, &options), -EDEADLK);
    CHECK_EQ(said_times("again: HOCKET_REPLAY="), 1);
    options.own_command = true;
    CHECK_EQ(said_by(fails_with_options, &options), -EDEADLK);
    CHECK_EQ(said_times("simulation: turn "), 1);
    CHECK_EQ(said_times("HOCKET_REPLAY"), 0);
}

TEST(the_limit_of_time)
{
    hk_sim_options options = { .limit = HK_SEC(100) };
    hk_sim_result result;
    CHECK_EQ(hk_sim_run(ten_days, NULL, &options, &result), -ETIME);
    CHECK(strstr(result.report, "more virtual time than its limit") != NULL);
    CHECK_EQ(result.virtual_ns, HK_SEC(100));
}

static void *polls(void *arg)
{
    while (hk_sched_yield() == 0) continue;
    return NULL;
}

TEST(the_limit_of_turns)
{
    hk_sim_options options = { .turns = 10000 };
    hk_sim_result result;
    CHECK_EQ(hk_sim_run(polls, NULL, &options, &result), -ELOOP);
    CHECK(strstr(result.report, "more turns than its limit") != NULL);
}

static void *ignores_its_end(void *arg)
{
    for (;;) hk_sched_yield();
    return NULL;
}

TEST(who_ignores_the_end_is_dropped, .prints = "did not end when it was killed")
{
    hk_sim_options options = { .turns = 10000 };
    CHECK_EQ(hk_sim_run(ignores_its_end, NULL, &options, NULL), -ELOOP);
}

static void *checks(void *arg)
{
    hk_sleep(HK_MS(1500));
    if (HK_CHECK(1 + 1 == 3)) return NULL;
    CHECK_EQ(hk_sleep(1), -ECANCELED);
    return NULL;
}

TEST(a_check_fails_the_run, .prints = "HK_CHECK(1 + 1 == 3) does not hold, in task 1 'main'")
{
    hk_sim_result result;
    CHECK_EQ(hk_sim_run(checks, NULL, NULL, &result), -EPROTO);
    CHECK_EQ(result.virtual_ns, HK_MS(1500));
}

static void *check_outside(void *arg)
{
    HK_CHECK(false);
    return NULL;
}

TEST(a_check_elsewhere_aborts, .aborts = "HK_CHECK(false) does not hold")
{
    hk_run(check_outside, NULL, NULL);
}

static void *simulates(void *arg) { return hk_val(hk_sim_run(polls, NULL, NULL, NULL)); }

TEST(not_inside_another) { CHECK_EQ(hk_run(simulates, NULL, NULL), -EDEADLK); }

static void *adds(void *arg)
{
    ++*(int *)arg;
    return hk_val(7);
}

SIM_TEST(offloaded_work_is_done_in_between)
{
    int count = 0;
    const int64_t begin = hk_now();
    for (int i = 0; i < 100; i++) CHECK_EQ(hk_num(hk_offload(adds, &count)), 7);
    CHECK_EQ(count, 100);
    CHECK_EQ(hk_now(), begin);
}
