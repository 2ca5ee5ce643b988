/* SPDX-License-Identifier: MIT */
/* hk_spawn_started: what the child says, what it fails with, and who cancels whom meanwhile
 * (SEMANTICS 6, start). */
#include "support/sim.h"
#include "support/steps.h"

static struct {
    bool ran, ended;
    int said;
} child;

static void begin(void) { memset(&child, 0, sizeof child); }

static void *says(void *arg)
{
    child.ran = true;
    child.said = hk_task_started(arg);
    CHECK_NUMBER(hk_task_started(arg), "-EALREADY");
    child.ended = true;
    return NULL;
}

SIM_TEST(a_starter_gets_what_its_child_says_and_a_second_word_is_refused)
{
    void *value = NULL;
    begin();
    HK_GROUP(g, NULL);
    CHECK(hk_spawn_started(&g, says, &child, &value) > 0);
    CHECK_EQ(value, &child);
    CHECK_EQ(hk_group_close(&g, 0), 0);
    CHECK(child.ended && child.said == 0);
}

struct pair {
    int a, b;
};

static void *adds(void *arg)
{
    const struct pair *pair = arg;
    hk_task_info list[2];
    hk_sched_tasks(NULL, list, 2);
    CHECK_STR(list[1].name, "adds");
    CHECK_EQ(hk_task_started(hk_val(pair->a + pair->b)), 0);
    return NULL;
}

SIM_TEST(an_argument_may_be_a_compound_literal)
{
    void *sum = NULL;
    HK_GROUP(g, NULL);
    CHECK(hk_spawn_started(&g, adds, &(struct pair){ 3, 4 }, &sum) > 0);
    CHECK_EQ(hk_num(sum), 7);
    CHECK_EQ(hk_group_close(&g, 0), 0);
}

static void *nobody_asked(void *arg)
{
    child.said = hk_task_started(arg);
    return NULL;
}

SIM_TEST(who_was_not_asked_says_nothing)
{
    begin();
    HK_GROUP(g, NULL);
    hk_spawn(&g, nobody_asked, NULL);
    CHECK_EQ(hk_group_close(&g, 0), 0);
    CHECK_NUMBER(child.said, "-EPERM");
}

static void *is_silent(void *arg)
{
    CHECK_EQ(hk_sleep(HK_US(3)), 0);
    return arg;
}

SIM_TEST(a_child_that_ends_without_a_word_is_an_error_of_its_starter)
{
    HK_GROUP(g, NULL);
    CHECK_NUMBER(hk_spawn_started(&g, is_silent, NULL, NULL), "-ENOMSG");
    CHECK_NUMBER(hk_spawn_started(&g, is_silent, hk_val(-EIO), NULL), "-EIO");
    CHECK_EQ(hk_sleep(1), 0); /* which is no failure of the group */
    CHECK_EQ(hk_group_failures(&g, NULL, 0), 0);
    CHECK_EQ(hk_group_close(&g, 0), 0);
}

static void *says_and_fails(void *arg)
{
    hk_task_started(NULL);
    return arg;
}

SIM_TEST(a_child_that_fails_after_its_word_is_a_failure_of_the_group)
{
    HK_GROUP(g, NULL);
    CHECK(hk_spawn_started(&g, says_and_fails, hk_val(-EIO), NULL) > 0);
    CHECK_NUMBER(hk_group_close(&g, 0), "-EIO");
}

/* ---- the starter is cancelled ---- */

/* Cleans up where nobody can cut that short, and fails with arg there. */
static void *is_slow(void *arg)
{
    child.ran = true;
    int r = hk_sleep(HK_SEC(1000));
    HK_SCOPE(cleanup, HK_FOREVER);
    hk_scope_shield(&cleanup, true);
    CHECK_EQ(hk_sleep(HK_MS(5)), 0);
    if (arg == &child) child.said = hk_task_started(arg);
    child.ended = true;
    return hk_is_err(arg) ? arg : hk_val(r);
}

SIM_TEST(a_starter_that_is_out_of_time_kills_its_child_and_waits_for_its_end)
{
    begin();
    HK_GROUP(g, NULL);
    HK_SCOPE(limit, HK_MS(1));
    hk_tid tid = hk_spawn_started(&g, is_slow, NULL, NULL);
    CHECK_NUMBER(tid, "-ECANCELED");
    CHECK(child.ended);
    CHECK_NUMBER(hk_scope_close(&limit, tid), "-ETIMEDOUT");
    CHECK_EQ(hk_group_close(&g, 0), 0);
}

static void *starts(void *g)
{
    hk_tid tid = hk_spawn_started((hk_group *)g, is_slow, NULL, NULL);
    CHECK(child.ended);
    return hk_val(tid < 0 ? tid : 0);
}

SIM_TEST(a_starter_that_is_killed_kills_its_child_and_waits_for_its_end)
{
    hk_exit how;
    begin();
    HK_GROUP(g, NULL);
    HK_GROUP(starters, NULL);
    hk_tid tid = hk_spawn(&starters, starts, &g);
    hk_sleep(HK_MS(1));
    CHECK(child.ran && !child.ended);
    CHECK_EQ(hk_task_kill(tid), 1);
    CHECK_EQ(hk_task_wait(tid, &how), 0);
    CHECK_EQ(how.how, HK_END_CANCELLED);
    CHECK_EQ(hk_group_close(&starters, 0), 0);
    CHECK_EQ(hk_group_close(&g, 0), 0);
}

SIM_TEST(a_word_that_is_said_though_the_starter_was_cancelled_counts)
{
    begin();
    HK_GROUP(g, NULL);
    HK_SCOPE(limit, HK_MS(1));
    CHECK(hk_spawn_started(&g, is_slow, &child, NULL) > 0);
    CHECK_EQ(child.said, 0);
    CHECK_NUMBER(hk_sleep(1), "-ECANCELED");
    CHECK_NUMBER(hk_scope_close(&limit, -ECANCELED), "-ETIMEDOUT");
    CHECK_EQ(hk_group_close(&g, 0), 0);
}

/* Nobody else would hear of it. */
SIM_TEST(a_child_that_fails_while_it_is_killed_for_its_starter_is_an_error_of_that)
{
    begin();
    HK_GROUP(g, NULL);
    HK_SCOPE(limit, HK_MS(1));
    CHECK_NUMBER(hk_spawn_started(&g, is_slow, hk_val(-EIO), NULL), "-EIO");
    CHECK(child.ended);
    hk_scope_close(&limit, 0);
    CHECK_EQ(hk_group_close(&g, 0), 0);
}

/* A start is accept-like where its scope is soft, as any wait. */
SIM_TEST(a_starter_that_is_stopped_softly_says_so)
{
    begin();
    HK_GROUP(g, NULL);
    HK_GROUP(stopped, NULL);
    HK_SCOPE(idle, HK_FOREVER);
    hk_scope_soft(&idle, true);
    hk_group_stop(&stopped, HK_SEC(5));
    hk_tid tid = hk_spawn_started(&g, is_slow, NULL, NULL);
    CHECK_NUMBER(tid, "-ESHUTDOWN");
    CHECK(!child.ran);
    hk_scope_close(&idle, 0);
    CHECK_EQ(hk_group_close(&stopped, tid), 0);
    CHECK_EQ(hk_group_close(&g, 0), 0);
}

static hk_group *to_stop;
static void *stops_it(void *arg)
{
    CHECK_EQ(hk_sleep(HK_MS(1)), 0);
    hk_group_stop(to_stop, HK_SEC(5));
    return arg;
}

SIM_TEST(a_starter_that_is_stopped_softly_while_it_waits_says_so)
{
    begin();
    HK_GROUP(g, NULL);
    HK_GROUP(stopped, NULL);
    to_stop = &stopped;
    hk_spawn(&g, stops_it, NULL);
    HK_SCOPE(idle, HK_FOREVER);
    hk_scope_soft(&idle, true);
    hk_tid tid = hk_spawn_started(&g, is_slow, NULL, NULL);
    CHECK_NUMBER(tid, "-ESHUTDOWN");
    CHECK(child.ended);
    hk_scope_close(&idle, 0);
    CHECK_EQ(hk_group_close(&stopped, tid), 0);
    CHECK_EQ(hk_group_close(&g, 0), 0);
}

/* ---- where nothing may wait ---- */

SIM_TEST(in_a_cancelled_scope_the_child_never_runs)
{
    begin();
    HK_GROUP(g, NULL);
    HK_SCOPE(over, -1);
    CHECK_NUMBER(hk_spawn_started(&g, says, NULL, NULL), "-ECANCELED");
    CHECK_NUMBER(hk_scope_close(&over, -ECANCELED), "-ETIMEDOUT");
    CHECK_EQ(hk_group_close(&g, 0), 0);
    CHECK(!child.ran);
}

SIM_TEST(where_nothing_may_wait_the_child_never_runs)
{
    begin();
    HK_GROUP(g, NULL);
    HK_SCOPE(now, 0);
    hk_tid tid = hk_spawn_started(&g, says, NULL, NULL);
    CHECK_NUMBER(tid, "-ECANCELED");
    CHECK_NUMBER(hk_scope_close(&now, tid), "-ETIMEDOUT");
    CHECK_EQ(hk_group_close(&g, 0), 0);
    CHECK(!child.ran);
}

SIM_TEST(a_start_that_waits_for_room_is_cut_before_there_is_a_child)
{
    begin();
    HK_GROUP(g, &(hk_group_options){ .limit = 1 });
    CHECK(hk_spawn(&g, is_silent, NULL) > 0);
    HK_SCOPE(limit, HK_US(1));
    hk_tid tid = hk_spawn_started(&g, says, NULL, NULL);
    CHECK_NUMBER(hk_scope_close(&limit, tid), "-ETIMEDOUT");
    CHECK_EQ(hk_group_close(&g, 0), 0);
    CHECK(!child.ran);
}

/* ---- the child's group is cancelled ---- */

SIM_TEST(a_child_of_a_cancelled_group_can_still_say_so_before_it_waits)
{
    begin();
    HK_GROUP(g, NULL);
    hk_group_cancel(&g, "before it began");
    {
        HK_SCOPE(mine, HK_FOREVER);
        hk_scope_shield(&mine, true);
        CHECK(hk_spawn_started(&g, says, NULL, NULL) > 0);
        CHECK_NUMBER(hk_spawn_started(&g, is_slow, NULL, NULL), "-ECANCELED");
        CHECK_EQ(hk_sleep(1), 0);
        hk_scope_close(&mine, 0);
    }
    CHECK_EQ(hk_group_close(&g, 0), 0);
    CHECK(child.ended);
}

TEST(no_start_outside_a_scheduler)
{
    CHECK_NUMBER(hk_spawn_started(HK_ROOT, says, NULL, NULL), "-EPERM");
    CHECK_NUMBER(hk_task_started(NULL), "-EPERM");
}
