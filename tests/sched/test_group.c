/* SPDX-License-Identifier: MIT */
/* Groups: the close waits for all, says the first failure, and cancels what that one should. */
#include "support/sim.h"
#include "support/steps.h"

static void *returns(void *arg) { return arg; }

static void *sleeps(void *arg)
{
    int r = hk_sleep(arg != NULL ? hk_num(arg) : HK_SEC(1000));
    note("%s ", number_text(r));
    return hk_val(r);
}

static void *empty_main(void *arg)
{
    (void)arg;
    HK_GROUP(g, NULL);
    return hk_val(hk_group_close(&g, 7));
}

TEST(an_empty_group_closes_with_the_result) { CHECK_EQ(sim_once(empty_main, NULL), 7); }

static void *waits_main(void *arg)
{
    (void)arg;
    HK_GROUP(g, NULL);
    for (int i = 1; i <= 3; i++) hk_spawn(&g, sleeps, hk_val(HK_US(i)));
    note("body ");
    intptr_t r = hk_group_close(&g, 5);
    note("closed");
    return hk_val(r);
}

TEST(the_close_waits_for_all)
{
    CHECK_EQ(sim_once(waits_main, NULL), 5);
    CHECK_STR(trace, "body 0 0 0 closed");
}

static void *fails_main(void *arg)
{
    hk_failure list[4];
    HK_GROUP(g, NULL);
    hk_spawn(&g, sleeps, NULL);
    hk_tid tid = hk_spawn(&g, returns, hk_val(-EIO));
    hk_spawn(&g, sleeps, NULL);
    int r = arg != NULL ? hk_sleep(HK_SEC(1000)) : 0;
    note("body %s ", number_text(r));
    CHECK_NUMBER(hk_group_close(&g, r), "-EIO");
    CHECK_STR(hk_why(), "task 3 returns: Input/output error");
    CHECK_EQ(hk_group_failures(&g, list, 4), 1);
    CHECK_EQ(list[0].tid, tid);
    CHECK_EQ(list[0].error, -EIO);
    return NULL;
}

TEST(the_first_failure_cancels_the_others)
{
    CHECK_EQ(sim_once(fails_main, NULL), 0);
    CHECK_STR(trace, "body 0 -ECANCELED -ECANCELED ");
}

TEST(the_first_failure_cancels_the_body_too)
{
    CHECK_EQ(sim_once(fails_main, hk_val(1)), 0);
    CHECK(strstr(trace, "body -ECANCELED") != NULL);
}

static void *deadline_main(void *arg)
{
    (void)arg;
    HK_SCOPE(limit, HK_MS(1));
    HK_GROUP(g, NULL);
    hk_spawn(&g, sleeps, NULL);
    intptr_t r = hk_group_close(&g, 0);
    CHECK_NUMBER(r, "-ECANCELED");
    CHECK_NUMBER(hk_sleep(1), "-ECANCELED");
    r = hk_scope_close(&limit, r);
    CHECK_EQ(hk_sleep(1), 0);
    return hk_val(r);
}

TEST(a_deadline_outside_reaches_the_children)
{
    CHECK_EQ(sim_once(deadline_main, NULL), -ETIMEDOUT);
    CHECK_STR(trace, "-ECANCELED ");
}

static void *stops_main(void *arg)
{
    (void)arg;
    HK_GROUP(g, NULL);
    hk_spawn(&g, sleeps, NULL);
    hk_group_stop(&g, HK_MS(1));
    return hk_val(hk_group_close(&g, 3));
}

TEST(a_stop_is_no_failure) { CHECK_EQ(sim_once(stops_main, NULL), 3); }

static void *left_main(void *arg)
{
    (void)arg;
    HK_GROUP(g, NULL);
    hk_spawn(&g, sleeps, NULL);
    return hk_val(9);
}

TEST(a_block_that_is_left_cancels_and_waits)
{
    CHECK_EQ(sim_once(left_main, NULL), 9);
    CHECK_STR(trace, "-ECANCELED ");
}

static void *says_started(void *arg)
{
    note("child ");
    CHECK_EQ(hk_task_started(arg), 0);
    CHECK_NUMBER(hk_task_started(arg), "-EALREADY");
    return NULL;
}

static void *started_main(void *arg)
{
    (void)arg;
    void *value = NULL;
    HK_GROUP(g, NULL);
    CHECK_EQ(hk_spawn_started(&g, says_started, hk_val(42), &value), 2);
    CHECK_EQ(hk_num(value), 42);
    CHECK_NUMBER(hk_spawn_started(&g, returns, hk_val(-EIO), &value), "-EIO");
    CHECK_NUMBER(hk_spawn_started(&g, returns, NULL, &value), "-ENOMSG");
    return hk_val(hk_group_close(&g, 0));
}

TEST(start_waits_until_the_child_says_so) { CHECK_EQ(sim_once(started_main, NULL), 0); }

/* ---- room ---- */

static struct {
    hk_group *group;
    int live, most, ran;
} room;

static void *lives(void *arg)
{
    room.ran++;
    if (++room.live > room.most) room.most = room.live;
    hk_sleep(hk_num(arg));
    room.live--;
    return NULL;
}

static void *spawns_one(void *arg)
{
    return hk_spawn(room.group, lives, hk_val(1)) > 0 ? arg : hk_val(-EPROTO);
}

/* The room that one task has waited for is free, and another asks for it before that task runs. */
static void *room_main(void *arg)
{
    (void)arg;
    hk_group_options options = { .limit = 2 };
    HK_GROUP(g, &options);
    room.group = &g;
    hk_spawn(HK_ROOT, spawns_one, NULL);
    hk_spawn(&g, lives, hk_val(HK_US(1)));
    hk_spawn(&g, lives, hk_val(0));
    hk_sched_yield();
    hk_sched_yield();
    CHECK(hk_spawn(&g, lives, hk_val(1)) > 0);
    return hk_val(hk_group_close(&g, 0));
}

TEST(room_goes_to_whom_it_was_given)
{
    CHECK_EQ(sim_once(room_main, NULL), 0);
    CHECK_EQ(room.ran, 4);
    CHECK_EQ(room.most, 2);
}

/* Its last child gone, a group that is being closed waits for a spawn that has waited for room. */
static void *close_main(void *arg)
{
    (void)arg;
    hk_group_options options = { .limit = 1 };
    HK_GROUP(g, &options);
    room.group = &g;
    hk_spawn(&g, lives, hk_val(HK_US(1)));
    hk_tid spawner = hk_spawn(HK_ROOT, spawns_one, NULL);
    intptr_t r = hk_group_close(&g, 0);
    CHECK_EQ(room.ran, 2);
    CHECK_EQ(room.live, 0);
    hk_task_wait(spawner, NULL);
    return hk_val(r);
}

TEST(a_close_waits_for_a_spawn_that_waits_for_room) { CHECK_EQ(sim_once(close_main, NULL), 0); }
