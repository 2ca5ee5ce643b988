/* SPDX-License-Identifier: MIT */
/* Soft stops: their grace, several of them, groups inside (SEMANTICS 6, case 61). */
#include "support/sim.h"
#include "support/steps.h"

static struct {
    int idle, busy;      /* how many waits ended so */
    int64_t start, over; /* when the busy one was cut */
} seen;

static void begin(void)
{
    memset(&seen, 0, sizeof seen);
    seen.start = hk_now();
}

/* Waits for the next request, say. */
static void *is_idle(void *arg)
{
    (void)arg;
    HK_SCOPE(idle, HK_FOREVER);
    hk_scope_soft(&idle, true);
    int r = hk_sleep(HK_SEC(1000));
    if (r == -ESHUTDOWN && hk_now() == seen.start) seen.idle++;
    return hk_val(hk_scope_close(&idle, r));
}

static void *is_busy(void *ns)
{
    int r = hk_sleep(hk_num(ns));
    if (r == -ECANCELED) seen.over = hk_now() - seen.start;
    if (r == 0) seen.busy++;
    return hk_val(r);
}

/* Its tasks are in a group of its own. */
static void *is_nested(void *ns)
{
    HK_GROUP(g, NULL);
    hk_spawn(&g, is_idle, NULL);
    hk_spawn(&g, is_busy, ns);
    return hk_val(hk_group_close(&g, 0));
}

/* All of them sleep by then, and no time has passed. */
static void settle(void)
{
    for (int i = 0; i < 10; i++) hk_sched_yield();
}

SIM_TEST(what_has_not_ended_when_the_grace_is_over_is_cancelled)
{
    begin();
    HK_GROUP(g, NULL);
    hk_spawn(&g, is_idle, NULL);
    hk_spawn(&g, is_busy, hk_val(HK_MS(4)));
    hk_spawn(&g, is_busy, hk_val(HK_SEC(1000)));
    hk_group_stop(&g, HK_MS(5));
    CHECK_EQ(hk_group_close(&g, 0), 0);
    CHECK_EQ(seen.idle, 1);
    CHECK_EQ(seen.busy, 1);
    CHECK_EQ(seen.over, HK_MS(5));
}

SIM_TEST(a_grace_that_nobody_needs_is_not_waited_for)
{
    begin();
    {
        HK_GROUP(g, NULL);
        hk_spawn(&g, is_idle, NULL);
        hk_spawn(&g, is_busy, hk_val(HK_MS(1)));
        hk_group_stop(&g, HK_SEC(5));
        CHECK_EQ(hk_group_close(&g, 0), 0);
    }
    CHECK_EQ(hk_now() - seen.start, HK_MS(1));
    CHECK_EQ(hk_sleep(HK_SEC(10)), 0); /* its timer is gone with it */
}

SIM_TEST(a_grace_without_end_cancels_nothing)
{
    begin();
    HK_GROUP(g, NULL);
    hk_spawn(&g, is_idle, NULL);
    hk_spawn(&g, is_busy, hk_val(HK_SEC(100000)));
    hk_group_stop(&g, HK_FOREVER);
    CHECK_EQ(hk_group_close(&g, 0), 0);
    CHECK_EQ(seen.idle, 1);
    CHECK_EQ(seen.busy, 1);
}

/* Of several the one that is over first. */
static void stop_twice(int64_t first, int64_t between, int64_t second, int64_t wanted)
{
    begin();
    HK_GROUP(g, NULL);
    hk_spawn(&g, is_busy, hk_val(HK_SEC(1000)));
    hk_group_stop(&g, first);
    {
        HK_SCOPE(mine, HK_FOREVER);
        hk_scope_shield(&mine, true);
        hk_sleep(between);
        hk_scope_close(&mine, 0);
    }
    hk_group_stop(&g, second);
    CHECK_EQ(hk_group_close(&g, 0), 0);
    CHECK_EQ(seen.over, wanted);
}

SIM_TEST(of_several_stops_the_one_that_is_over_first_counts)
{
    stop_twice(HK_MS(10), HK_MS(1), HK_MS(5), HK_MS(6));
    stop_twice(HK_MS(5), HK_MS(1), HK_MS(10), HK_MS(5));
    stop_twice(HK_MS(5), HK_MS(4), HK_MS(3), HK_MS(5));
    stop_twice(HK_FOREVER, HK_MS(1), HK_MS(5), HK_MS(6));
    stop_twice(HK_MS(5), HK_MS(1), HK_FOREVER, HK_MS(5));
    stop_twice(HK_MS(5), HK_MS(1), 0, HK_MS(1));
    stop_twice(HK_MS(2), HK_MS(3), HK_MS(9), HK_MS(2));
    stop_twice(0, HK_MS(1), HK_MS(5), 0);
}

SIM_TEST(a_stop_reaches_the_groups_inside_and_its_grace_too)
{
    begin();
    HK_GROUP(g, NULL);
    hk_spawn(&g, is_nested, hk_val(HK_MS(4)));
    hk_spawn(&g, is_nested, hk_val(HK_SEC(1000)));
    settle();
    hk_group_stop(&g, HK_MS(5));
    CHECK_EQ(hk_group_close(&g, 0), 0);
    CHECK_EQ(seen.idle, 2);
    CHECK_EQ(seen.busy, 1);
    CHECK_EQ(seen.over, HK_MS(5));
}

SIM_TEST(a_stop_does_not_reach_what_is_outside)
{
    begin();
    HK_GROUP(outer, NULL);
    hk_spawn(&outer, is_idle, NULL);
    HK_GROUP(inner, NULL);
    hk_spawn(&inner, is_idle, NULL);
    settle();
    hk_group_stop(&inner, HK_MS(5));
    CHECK_EQ(hk_group_close(&inner, 0), 0);
    CHECK_EQ(seen.idle, 1);
    hk_sleep(HK_MS(10));
    CHECK_EQ(seen.idle, 1);
    hk_group_cancel(&outer, "enough");
    CHECK_EQ(hk_group_close(&outer, 0), 0);
}

/* What is opened when the stop is there already is stopped too. */
SIM_TEST(who_comes_into_a_stopped_group_finishes_but_waits_for_nothing_new)
{
    begin();
    HK_GROUP(g, NULL);
    hk_group_stop(&g, HK_MS(5));
    hk_spawn(&g, is_nested, hk_val(HK_MS(1)));
    CHECK_EQ(hk_group_close(&g, 0), 0);
    CHECK_EQ(seen.idle, 1);
    CHECK_EQ(seen.busy, 1);
}

/* A group inside that is stopped sooner has its own end; and the other way round. */
SIM_TEST(the_grace_of_an_inner_group_and_that_of_the_outer_one)
{
    for (int i = 0; i < 2; i++) {
        begin();
        HK_GROUP(outer, NULL);
        HK_GROUP(inner, NULL);
        hk_spawn(&inner, is_busy, hk_val(HK_SEC(1000)));
        hk_group_stop(&outer, i == 0 ? HK_MS(9) : HK_MS(3));
        hk_group_stop(&inner, i == 0 ? HK_MS(3) : HK_MS(9));
        CHECK_EQ(hk_group_close(&inner, 0), i == 0 ? 0 : -ECANCELED);
        CHECK_EQ(hk_group_close(&outer, i == 0 ? 0 : -ECANCELED), 0);
        CHECK_EQ(seen.over, HK_MS(3));
    }
}

SIM_TEST(a_scheduler_is_stopped_with_all_its_tasks)
{
    begin();
    HK_GROUP(g, NULL);
    hk_spawn(&g, is_idle, NULL);
    hk_spawn(HK_ROOT, is_nested, hk_val(HK_MS(4)));
    hk_spawn(HK_ROOT, is_nested, hk_val(HK_SEC(1000)));
    settle();
    hk_sched_stop(NULL, HK_MS(9));
    hk_sched_stop(NULL, HK_MS(5));
    CHECK_EQ(hk_sleep(HK_MS(4)), 0);
    CHECK_NUMBER(hk_sleep(HK_SEC(1)), "-ECANCELED");
    CHECK_EQ(hk_now() - seen.start, HK_MS(5));
    CHECK_NUMBER(hk_spawn(HK_ROOT, is_idle, NULL), "-ECANCELED");
    CHECK_EQ(hk_group_close(&g, 0), 0);
    CHECK_EQ(seen.idle, 3);
    CHECK_EQ(seen.busy, 1);
}
