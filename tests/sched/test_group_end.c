/* SPDX-License-Identifier: MIT */
/* Groups whose task does not go on: exits, drops at shutdown, forks; and many of them. */
#include "support/sim.h"
#include "support/steps.h"
#include "support/tools.h"

#include <sys/wait.h>
#include <unistd.h>

static int ended;

static void *sleeps(void *arg)
{
    int r = hk_sleep(HK_SEC(1000));
    ended++;
    return arg != NULL ? arg : hk_val(r);
}

static void *exits(void *arg)
{
    HK_GROUP(closed, NULL);
    hk_spawn(&closed, sleeps, hk_val(1));
    hk_group_cancel(&closed, "done");
    CHECK_EQ(hk_group_close(&closed, 0), 0);
    HK_SCOPE(limit, HK_SEC(5));
    HK_GROUP(outer, NULL);
    hk_spawn(&outer, sleeps, NULL);
    HK_GROUP(inner, &(hk_group_options){ .timeout = HK_SEC(1) });
    hk_spawn(&inner, sleeps, hk_val(-EIO));
    hk_sleep(1);
    hk_task_exit(arg);
}

static int failures;
static void count_failure(const hk_failure *failure)
{
    CHECK_NUMBER(failure->error, "-EIO");
    failures++;
}

static void *exit_main(void *arg)
{
    hk_exit how;
    (void)arg;
    CHECK_EQ(hk_task_wait(hk_spawn(HK_ROOT, exits, hk_val(7)), &how), 0);
    CHECK_EQ(how.how, HK_END_RETURNED);
    CHECK_EQ(hk_num(how.value), 7);
    CHECK_EQ(ended, 3);
    return NULL;
}

TEST(an_exit_with_groups_open_ends_their_tasks_first)
{
    CHECK_EQ(hk_run(exit_main, NULL,
                    &(hk_run_options){ .unhandled = count_failure, .world = sim_world() }),
             0);
    CHECK_EQ(failures, 1); /* which nobody else was told of */
}

static void *killed_with_group(void *arg)
{
    HK_GROUP(g, NULL);
    for (int i = 0; i < 3; i++) hk_spawn(&g, sleeps, NULL);
    return hk_val(hk_group_close(&g, hk_num(arg)));
}

SIM_TEST(a_kill_reaches_the_tasks_of_groups_below)
{
    hk_exit how;
    int64_t start = hk_now();
    ended = 0;
    hk_tid tid = hk_spawn(HK_ROOT, killed_with_group, NULL);
    hk_sleep(HK_MS(1));
    CHECK_EQ(hk_task_kill(tid), 1);
    CHECK_EQ(hk_task_wait(tid, &how), 0);
    CHECK_EQ(how.how, HK_END_CANCELLED);
    CHECK_EQ(ended, 3);
    CHECK(hk_now() - start < HK_SEC(1));
}

/* ---- dropped ---- */

static int handlers;
static void handler(void *arg)
{
    (void)arg;
    handlers++;
}

/* For ever behind a shield. */
static void *stubborn(void *arg)
{
    hk_at_end(handler, NULL);
    HK_SCOPE(shield, HK_SEC(5000));
    hk_scope_shield(&shield, true);
    if (arg != NULL) return hk_val(hk_task_wait((hk_tid)hk_num(arg), NULL));
    hk_event never = { 0 };
    return hk_val(hk_event_wait(&never));
}

static void *starts_stubborn(void *arg)
{
    hk_at_end(handler, NULL);
    return hk_val(hk_spawn_started(HK_ROOT, stubborn, arg, NULL));
}

static void *holds_all(void *arg)
{
    hk_at_end(handler, NULL);
    HK_GROUP(closed, NULL);
    hk_spawn(&closed, sleeps, hk_val(1));
    hk_group_cancel(&closed, "done");
    CHECK_EQ(hk_group_close(&closed, 0), 0); /* what is kept of it is not given back by its block */
    hk_tid in_root = hk_spawn(HK_ROOT, stubborn, NULL);
    HK_GROUP(g, &(hk_group_options){ .timeout = HK_SEC(5000) });
    hk_group_stop(&g, HK_SEC(4000));
    hk_spawn(&g, stubborn, NULL);
    hk_spawn(&g, stubborn, hk_val(in_root)); /* dropped before the one that it waits for */
    hk_spawn(&g, starts_stubborn, NULL);
    return hk_val(hk_group_close(&g, hk_num(arg)));
}

static void *drop_main(void *arg)
{
    hk_spawn(HK_ROOT, holds_all, NULL);
    for (int i = 0; i < 5; i++) hk_sched_yield();
    return arg;
}

TEST(tasks_that_are_dropped_with_groups_open_leave_nothing,
     .prints = "did not end when it was killed, and is dropped")
{
    hk_sched *s = hk_sched_create(&(hk_run_options){ .grace = HK_MS(1), .world = sim_world() });
    hk_sched_spawn(s, drop_main, NULL);
    for (int i = 0; i < 20; i++) hk_sched_step(s);
    hk_sched_destroy(s);
    CHECK_EQ(handlers, 6);
}

/* ---- forks ---- */

static void *forks(void *arg)
{
    int status;
    HK_SCOPE(limit, HK_SEC(1000));
    HK_GROUP(g, &(hk_group_options){ .timeout = HK_SEC(1000) });
    hk_spawn(&g, sleeps, NULL);
    hk_sched_yield();
    pid_t pid = fork();
    if (pid == 0) {
        HK_SCOPE(inner, HK_MS(1));
        if (hk_scope_close(&inner, 3) != 3) _exit(1);
        HK_GROUP(own, NULL);
        if (hk_spawn(&own, sleeps, NULL) != -ECHILD && hk_spawn(&own, sleeps, NULL) != -EPERM)
            _exit(2);
        if (hk_group_close(&own, 4) != 4) _exit(3);
        hk_group_cancel(&g, "in the child");
        if (hk_group_close(&g, 0) != -ECHILD) _exit(4);
        if (hk_scope_close(&limit, 5) != 5) _exit(5);
        _exit(0);
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(WEXITSTATUS(status), 0);
    hk_group_cancel(&g, "in the parent");
    CHECK_EQ(hk_group_close(&g, 0), 0);
    CHECK_EQ(hk_scope_close(&limit, 0), 0);
    return arg;
}

TEST(the_child_of_a_fork_leaves_groups_and_scopes_behind)
{
    CHECK_EQ(hk_run(forks, NULL, &(hk_run_options){ .world = sim_world() }), 0);
}

/* ---- many ---- */

static void *nests(void *arg)
{
    intptr_t depth = hk_num(arg);
    if (depth == 0) return sleeps(NULL);
    HK_GROUP(g, NULL);
    hk_spawn(&g, nests, hk_val(depth - 1));
    return hk_val(hk_group_close(&g, 0));
}

static void *deep_main(void *arg)
{
    hk_exit how;
    hk_tid tid = hk_spawn(HK_ROOT, nests, arg);
    for (intptr_t i = 0; i < hk_num(arg) + 5; i++) hk_sched_yield();
    hk_task_kill(tid);
    CHECK_EQ(hk_task_wait(tid, &how), 0);
    CHECK_EQ(how.how, HK_END_CANCELLED);
    CHECK_EQ(ended, 1);
    return NULL;
}

TEST(ten_thousand_groups_each_below_the_other, .seconds = 60)
{
    CHECK_EQ(sim_once(deep_main, hk_val(MOST_TASKS < 10000 ? MOST_TASKS : 10000)), 0);
}

static void *wide_main(void *arg)
{
    intptr_t count = hk_num(arg);
    HK_GROUP(g, NULL);
    for (intptr_t i = 0; i < count; i++) CHECK(hk_spawn(&g, sleeps, NULL) > 0);
    hk_sched_yield();
    hk_group_cancel(&g, "a test");
    CHECK_EQ(hk_group_close(&g, 0), 0);
    CHECK_EQ(ended, count);
    return NULL;
}

TEST(a_hundred_thousand_children_are_cancelled, .seconds = 60)
{
    if (on_emulator()) SKIP("there a guard is a mapping, and too few of them");
    if (ON_VALGRIND) SKIP("Valgrind looks through all stacks at each switch");
    CHECK_EQ(hk_run(wide_main, hk_val(MOST_TASKS),
                    &(hk_run_options){ .stack = 16384, .world = sim_world() }),
             0);
}

TEST(a_million_children_are_cancelled, .seconds = 120, .slow = true)
{
    if (SANITIZED) SKIP("a sanitizer keeps more for each of a million than there is");
    if (on_emulator()) SKIP("there a guard is a mapping, and too few of them");
    CHECK_EQ(hk_run(wide_main, hk_val(1000000),
                    &(hk_run_options){ .stack = 16384, .world = sim_world() }),
             0);
}

/* ---- a scheduler that was stopped ---- */

static int accepted;
static void *soft_waiter(void *arg)
{
    HK_SCOPE(soft, HK_FOREVER);
    hk_scope_soft(&soft, true);
    accepted = hk_sleep(HK_US(1));
    return hk_val(hk_scope_close(&soft, arg != NULL ? hk_num(arg) : accepted));
}

static void *stops_all(void *arg)
{
    hk_spawn(HK_ROOT, soft_waiter, NULL);
    hk_sched_stop(NULL, HK_SEC(5));
    return arg;
}

TEST(a_scheduler_that_was_stopped_softly_runs_again)
{
    hk_sched *s = hk_sched_create(&(hk_run_options){ .world = sim_world() });
    hk_sched_spawn(s, stops_all, NULL);
    CHECK_EQ(hk_sched_run(s), 0);
    CHECK_NUMBER(accepted, "-ESHUTDOWN");
    hk_sched_spawn(s, soft_waiter, NULL);
    CHECK_EQ(hk_sched_run(s), 0);
    CHECK_EQ(accepted, 0);
    hk_sched_destroy(s);
}

static int finished;
static void *finishes_later(void *arg)
{
    if (hk_sleep(HK_MS(2)) == 0) finished++;
    return arg;
}

static void *stopped_main(void *arg)
{
    (void)arg;
    hk_spawn(HK_ROOT, finishes_later, NULL);
    hk_sched_stop(NULL, HK_SEC(5));
    HK_SCOPE(soft, HK_FOREVER);
    hk_scope_soft(&soft, true);
    return hk_val(hk_scope_close(&soft, hk_sleep(1)));
}

TEST(a_main_task_that_was_stopped_softly_has_not_failed)
{
    CHECK_EQ(hk_run(stopped_main, NULL, &(hk_run_options){ .world = sim_world() }), 0);
    CHECK_EQ(finished, 1);
}
