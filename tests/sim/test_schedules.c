/* SPDX-License-Identifier: MIT */
/* Schedules: what each policy finds, that it is found again, and that a search leaves nothing
 * out. */
#include "support/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- a counter without a lock ---- */

static int counter;

static void *increments(void *arg)
{
    int seen = counter;
    hk_sched_yield();
    counter = seen + 1;
    return NULL;
}

static void *two_increments(void *arg)
{
    counter = 0;
    hk_tid a = hk_spawn(HK_ROOT, increments, NULL), b = hk_spawn(HK_ROOT, increments, NULL);
    hk_task_wait(a, NULL);
    hk_task_wait(b, NULL);
    HK_CHECK(counter == 2);
    return NULL;
}

static uint64_t runs_until_found(hk_sim_policy policy, hk_entry *scenario)
{
    hk_sim_options options = { .policy = policy, .runs = 1000 };
    hk_sim_result result;
    CHECK_EQ(hk_sim_run(scenario, NULL, &options, &result), -EPROTO);
    return result.schedules;
}

TEST(a_race_is_found, .prints = "HK_CHECK(counter == 2) does not hold, in task 1 'main'")
{
    CHECK(runs_until_found(HK_SIM_RANDOM, two_increments) < 100);
    CHECK(runs_until_found(HK_SIM_PCT, two_increments) < 100);
    CHECK(runs_until_found(HK_SIM_EXHAUSTIVE, two_increments) < 100);
}

/* ---- what only starvation shows ---- */

enum { CROWD = 8, STEPS = 30 };
static bool freed;

static void *late(void *arg)
{
    for (int i = 0; i < STEPS; i++) hk_sched_yield();
    freed = true;
    return NULL;
}

static void *early(void *arg)
{
    for (int i = 0; i < 2; i++) hk_sched_yield();
    HK_CHECK(!freed);
    return NULL;
}

static void *bystander(void *arg)
{
    for (int i = 0; i < STEPS; i++) hk_sched_yield();
    return NULL;
}

static void *late_before_early(void *arg)
{
    freed = false;
    hk_spawn(HK_ROOT, early, NULL);
    hk_spawn(HK_ROOT, late, NULL);
    for (int i = 0; i < CROWD - 2; i++) hk_spawn(HK_ROOT, bystander, NULL);
    return NULL;
}

TEST(priorities_find_what_chance_does_not)
{
    hk_sim_options options = { .policy = HK_SIM_RANDOM, .runs = 2000 };
    hk_sim_result result;
    CHECK_EQ(hk_sim_run(late_before_early, NULL, &options, &result), 0);
    CHECK(runs_until_found(HK_SIM_PCT, late_before_early) < 100);
}

/* ---- a search ---- */

/* A call that is complete at once: its task could go on. */
static void pass_handle(hk_call *call) { hk_call_complete(call, 0); }
static const hk_call_type pass_type = { .name = "pass", .handle = pass_handle };

static void pass(void)
{
    hk_call call;
    hk__call_init(&call, &pass_type);
    hk_trap(&call);
}

static char order[8], orders[100][8];
static int order_count;

static void *says(void *arg)
{
    const char *text = arg;
    for (; *text != '\0'; text++) {
        strncat(order, text, 1);
        if (text[1] != '\0') pass();
    }
    return NULL;
}

static void two_who_say(void)
{
    order[0] = '\0';
    hk_tid a = hk_spawn(HK_ROOT, says, "ab"), b = hk_spawn(HK_ROOT, says, "xy");
    hk_task_wait(a, NULL);
    hk_task_wait(b, NULL);
    for (int i = 0; i < order_count; i++)
        if (strcmp(order, orders[i]) == 0) return;
    memcpy(orders[order_count++], order, sizeof order);
}

/* Two steps each: six orders, of which two need no preemption and two need one. */
TEST(a_search_finds_each_order)
{
    static const int wanted[] = { 2, 4, 6, 6 };
    uint64_t before = 0;
    for (int preemptions = 0; preemptions < 4; preemptions++) {
        order_count = 0;
        uint64_t schedules = sim_run_all(two_who_say, preemptions);
        CHECK_EQ(order_count, wanted[preemptions]);
        CHECK(schedules >= before && schedules < 100);
        before = schedules;
    }
}

SIM_SEARCH(a_search_is_a_test, 2)
{
    two_who_say();
    CHECK(strlen(order) == 4);
}

/* ---- the same again ---- */

static char trace[1 << 16];
static size_t trace_size;

static void keep(void *arg, const char *line)
{
    trace_size += (size_t)snprintf(trace + trace_size, sizeof trace - trace_size, "%s\n", line);
}

/* The text after `before` on the line of the trace that a failed run left. */
static uint64_t failed_once(hk_sim_policy policy, hk_sim_result *ret_result)
{
    hk_sim_options options = { .policy = policy, .runs = 1000 };
    CHECK_EQ(hk_sim_run(two_increments, NULL, &options, ret_result), -EPROTO);
    options = (hk_sim_options){ .policy = policy, .seed = ret_result->seed, .trace = keep };
    trace_size = 0;
    hk_sim_result again;
    hk_sim_run(two_increments, NULL, &options, &again);
    return again.trace;
}

static void check_replay(const char *schedule, uint64_t wanted, const char *report)
{
    static char first[sizeof trace];
    hk_sim_options options = { .runs = 1000, .trace = keep };
    hk_sim_result result;
    memcpy(first, trace, sizeof trace);
    trace_size = 0;
    setenv("HOCKET_REPLAY", schedule, 1);
    CHECK_EQ(hk_sim_run(two_increments, NULL, &options, &result), -EPROTO);
    unsetenv("HOCKET_REPLAY");
    CHECK_EQ(result.schedules, 1);
    CHECK_EQ(result.trace, wanted);
    CHECK_STR(trace, first);
    CHECK_STR(result.report, report);
}

TEST(a_failure_by_chance_is_had_again)
{
    hk_sim_result result;
    char schedule[64];
    uint64_t wanted = failed_once(HK_SIM_RANDOM, &result);
    snprintf(schedule, sizeof schedule, "random:%llu", (unsigned long long)result.seed);
    check_replay(schedule, wanted, result.report);
    wanted = failed_once(HK_SIM_PCT, &result);
    snprintf(schedule, sizeof schedule, "pct:%llu:3", (unsigned long long)result.seed);
    check_replay(schedule, wanted, result.report);
}

static void *b_comes_first(void *arg)
{
    order[0] = '\0';
    hk_spawn(HK_ROOT, says, "ab");
    hk_spawn(HK_ROOT, says, "xy");
    for (int i = 0; i < 10; i++) pass();
    HK_CHECK(strcmp(order, "axb") != 0);
    return NULL;
}

TEST(a_failure_of_a_search_is_had_again, .prints = "HOCKET_REPLAY=choices:9=1,10=1,11=2 ")
{
    hk_sim_options options = { .policy = HK_SIM_EXHAUSTIVE, .preemptions = 3 };
    hk_sim_result result;
    CHECK_EQ(hk_sim_run(b_comes_first, NULL, &options, &result), -EPROTO);
    CHECK(!result.exhausted);
    char report[sizeof result.report];
    memcpy(report, result.report, sizeof report);
    setenv("HOCKET_REPLAY", "choices:9=1,10=1,11=2", 1);
    CHECK_EQ(hk_sim_run(b_comes_first, NULL, NULL, &result), -EPROTO);
    CHECK_EQ(result.schedules, 1);
    CHECK_STR(result.report, report);
}

TEST(a_schedule_that_cannot_be_read)
{
    static const char *const wrong[] = { "random", "random:1x",    "pct:1",          "choices:2",
                                         "fifo:1", "choices:1=2;", "choices:2=1,1=1" };
    for (size_t i = 0; i < HK_LEN(wrong); i++) {
        setenv("HOCKET_REPLAY", wrong[i], 1);
        CHECK_EQ(hk_sim_run(two_increments, NULL, NULL, NULL), -EINVAL);
    }
    setenv("HOCKET_REPLAY", "fifo", 1);
    CHECK_EQ(hk_sim_run(two_increments, NULL, NULL, NULL), -EPROTO);
}

TEST(a_search_comes_to_its_end)
{
    hk_sim_options options = { .policy = HK_SIM_EXHAUSTIVE, .runs = 5 };
    hk_sim_result result;
    order[0] = '\0';
    CHECK_EQ(hk_sim_run(says, (char *)"abc", &options, &result), 0);
    CHECK(result.exhausted);
    CHECK_EQ(result.schedules, 1);
    CHECK_EQ(hk_sim_run(late_before_early, NULL, &options, &result), 0);
    CHECK(!result.exhausted);
    CHECK_EQ(result.schedules, 5);
}
