/* SPDX-License-Identifier: MIT */
/* Limits of groups, spawning into what is closing, closed or somebody else's, and what becomes of
 * an argument that no body ever sees. */
#include "support/sim.h"
#include "support/steps.h"

#include <pthread.h>

static int live, most, released, ran;

static void reset(void) { live = most = released = ran = 0; }

struct job {
    hk_group *g;
    int64_t ns;
};

static void *job(struct job *j)
{
    ran++;
    if (++live > most) most = live;
    int r = hk_sleep(j->ns);
    live--;
    return hk_val(r);
}
static void release_job(struct job *j)
{
    (void)j;
    released++;
}
HK_ENTRY_OWNING(job, struct job, release_job)

static void *spawner(struct job *j)
{
    for (int i = 0; i < 3; i++) {
        hk_tid tid = hk_go(j->g, job, j->g, j->ns);
        if (tid < 0) return hk_val(tid);
    }
    return NULL;
}
HK_ENTRY(spawner, struct job)

SIM_TEST(a_spawn_waits_for_room_and_no_more_live_than_the_limit)
{
    reset();
    HK_GROUP(g, &(hk_group_options){ .limit = 2 });
    HK_GROUP(outer, NULL);
    for (int i = 0; i < 4; i++) hk_go(&outer, spawner, &g, HK_US(i + 1));
    CHECK_EQ(hk_group_close(&outer, 0), 0);
    CHECK_EQ(hk_group_close(&g, 0), 0);
    CHECK_EQ(most, 2);
    CHECK_EQ(ran, 12);
}

/* Who waits for room has it before the close is over, and nobody takes it away. */
SIM_TEST(a_close_lets_those_in_that_wait_for_room)
{
    reset();
    HK_GROUP(outer, NULL);
    {
        HK_GROUP(g, &(hk_group_options){ .limit = 1 });
        for (int i = 0; i < 3; i++) hk_go(&outer, spawner, &g, HK_MS(2));
        hk_sleep(HK_MS(1));
        CHECK_EQ(hk_group_close(&g, 0), 0);
        CHECK_EQ(live, 0);
        CHECK(ran >= 4);
    }
    intptr_t r = hk_group_close(&outer, 0);
    CHECK_NUMBER(r, ran == 9 ? "0" : "-EPIPE");
    CHECK_EQ(most, 1);
}

static hk_group *full;

static void *waits_for_room(void *arg)
{
    (void)arg;
    HK_SCOPE(limit, HK_MS(5));
    hk_tid tid = hk_go(full, job, full, 0);
    CHECK_NUMBER(tid, "-ECANCELED");
    CHECK_EQ(released, 1);
    return hk_val(hk_scope_close(&limit, tid));
}

SIM_TEST(a_wait_for_room_that_is_cut_releases_the_argument)
{
    reset();
    HK_GROUP(g, &(hk_group_options){ .limit = 1 });
    full = &g;
    hk_go(&g, job, &g, HK_MS(50));
    hk_exit how;
    hk_tid tid = hk_spawn(HK_ROOT, waits_for_room, NULL);
    CHECK_EQ(hk_task_wait(tid, &how), 0);
    CHECK_NUMBER(how.error, "-ETIMEDOUT");
    CHECK_EQ(hk_group_close(&g, 0), 0);
    CHECK_EQ(ran, 1);
    {
        HK_SCOPE(try, 0);
        HK_GROUP(small, &(hk_group_options){ .limit = 1 });
        CHECK(hk_go(&small, job, &small, 0) > 0);
        CHECK_NUMBER(hk_go(&small, job, &small, 0), "-ECANCELED"); /* would have to wait */
        CHECK_EQ(released, 2);
        CHECK_EQ(hk_group_close(&small, 0), 0);
        hk_scope_close(&try, 0);
    }
}

SIM_TEST(a_spawn_into_a_closed_group_is_refused_and_releases)
{
    reset();
    hk_group g;
    hk_group_open(&g, NULL);
    CHECK_EQ(hk_group_close(&g, 0), 0);
    CHECK_NUMBER(hk_go(&g, job, &g, 0), "-EPIPE");
    CHECK_EQ(released, 1);
    CHECK_NUMBER(hk_group_wait(&g), "-EPIPE");
    hk_group_stop(&g, 0);
    hk_group_cancel(&g, "nothing");
    hk_group_leave(&g);
    CHECK_EQ(ran, 0);
}

SIM_TEST(a_fresh_child_of_a_cancelled_group_runs_to_its_first_wait)
{
    hk_exit how;
    reset();
    HK_GROUP(g, NULL);
    hk_group_cancel(&g, "a test");
    hk_tid tid = hk_go(&g, job, &g, 0);
    CHECK(tid > 0);
    hk_tid killed = hk_go(&g, job, &g, 0);
    CHECK_EQ(hk_task_kill(killed), 1);
    CHECK_EQ(hk_group_close(&g, 0), 0);
    CHECK_EQ(ran, 1);
    CHECK_EQ(released, 1); /* of the one that was killed before it ran */
    CHECK_EQ(hk_task_wait(tid, &how), 0);
    CHECK_EQ(how.how, HK_END_CANCELLED);
    CHECK(strstr(how.why, "a test (") != NULL);
    CHECK(strstr(how.why, "test_group_limit.c") != NULL);
    CHECK_EQ(hk_task_wait(killed, &how), 0);
    CHECK(strstr(how.why, "killed by task 1") != NULL);
}

static void *spawns_sibling(struct job *j)
{
    hk_sleep(j->ns);
    CHECK(hk_go(j->g, job, j->g, HK_MS(5)) > 0);
    return NULL;
}
HK_ENTRY(spawns_sibling, struct job)

SIM_TEST(a_child_spawns_into_its_group_while_the_body_closes_it)
{
    reset();
    HK_GROUP(g, NULL);
    hk_go(&g, spawns_sibling, &g, HK_MS(5));
    CHECK_EQ(hk_group_close(&g, 0), 0);
    CHECK_EQ(ran, 1);
    CHECK_EQ(live, 0);
}

static void *waits_for_its_group(void *arg) { return hk_val(hk_group_wait(arg)); }

static void *waits_below(void *arg)
{
    HK_GROUP(g, NULL);
    hk_spawn(&g, waits_for_its_group, arg);
    return hk_val(hk_group_close(&g, 0));
}

SIM_TEST(a_task_cannot_wait_for_a_group_that_waits_for_it)
{
    HK_GROUP(g, NULL);
    hk_spawn(&g, waits_for_its_group, &g);
    CHECK_NUMBER(hk_group_close(&g, 0), "-EDEADLK");
    HK_GROUP(h, NULL);
    hk_spawn(&h, waits_below, &h);
    CHECK_NUMBER(hk_group_close(&h, 0), "-EDEADLK");
}

/* ---- a group of another scheduler ---- */

static void *stranger(void *arg)
{
    reset();
    CHECK_NUMBER(hk_go((hk_group *)arg, job, arg, 0), "-EPERM");
    CHECK_EQ(released, 1);
    return NULL;
}

static void *thread(void *arg)
{
    CHECK_EQ(hk_run(stranger, arg, &(hk_run_options){ .world = sim_world() }), 0);
    return NULL;
}

static void *foreign_main(void *arg)
{
    pthread_t other;
    HK_GROUP(g, NULL);
    CHECK_EQ(pthread_create(&other, NULL, thread, &g), 0);
    CHECK_EQ(pthread_join(other, NULL), 0);
    CHECK_EQ(hk_group_close(&g, 0), 0);
    return arg;
}

TEST(a_spawn_into_a_group_of_another_scheduler_is_refused)
{
    CHECK_EQ(hk_run(foreign_main, NULL, &(hk_run_options){ .world = sim_world() }), 0);
}
