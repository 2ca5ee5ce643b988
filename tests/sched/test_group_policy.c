/* SPDX-License-Identifier: MIT */
/* What a close says: failures of body and children, policies, times, daemons, stops. */
#include "support/sim.h"
#include "support/steps.h"

static void *returns(void *arg) { return arg; }

static void *sleeps(void *arg)
{
    (void)arg;
    return hk_val(hk_sleep(HK_SEC(1000)));
}

struct late {
    int64_t ns;
    intptr_t value; /* returned after that */
    intptr_t cut;   /* returned where it was cut short; 0: what the sleep says */
};

static void *late(struct late *l)
{
    int r = hk_sleep(l->ns);
    return hk_val(r == 0 ? l->value : l->cut != 0 ? l->cut : r);
}
HK_ENTRY(late, struct late)

/* ---- who failed first ---- */

SIM_TEST(the_body_fails_first_then_children_in_their_cleanup)
{
    hk_failure list[4];
    HK_GROUP(g, NULL);
    hk_go(&g, late, HK_SEC(1), 0, -EIO);
    hk_go(&g, late, HK_SEC(1), 0, 0);
    hk_sleep(HK_MS(1));
    CHECK_NUMBER(hk_group_close(&g, hk_fail(-EPROTO, "the body's")), "-EPROTO");
    CHECK_STR(hk_why(), "the body's: Protocol error");
    CHECK_EQ(hk_group_failures(&g, list, 4), 2);
    CHECK_NUMBER(list[0].error, "-EPROTO");
    CHECK_EQ(list[0].tid, hk_task_self());
    CHECK_NUMBER(list[1].error, "-EIO");
}

SIM_TEST(a_child_fails_first_then_the_body_with_an_error_of_its_own)
{
    hk_failure list[4];
    HK_GROUP(g, NULL);
    hk_tid tid = hk_go(&g, late, HK_MS(1), -EIO, 0);
    CHECK_NUMBER(hk_sleep(HK_SEC(5)), "-ECANCELED");
    CHECK_NUMBER(hk_group_close(&g, -EPROTO), "-EIO");
    CHECK_EQ(hk_group_failures(&g, list, 4), 2);
    CHECK_EQ(list[0].tid, tid);
    CHECK_NUMBER(list[1].error, "-EPROTO");
}

SIM_TEST(two_children_fail_the_second_while_it_is_cancelled)
{
    hk_failure list[1];
    HK_GROUP(g, NULL);
    hk_go(&g, late, HK_SEC(1), 0, -EBADF);
    hk_go(&g, late, HK_MS(1), -EIO, 0);
    CHECK_NUMBER(hk_group_close(&g, 3), "-EIO");
    CHECK_EQ(hk_group_failures(&g, list, 1), 2);
}

static void *fails_in_a_group(void *arg)
{
    HK_GROUP(g, NULL);
    hk_go(&g, late, HK_MS(1), hk_num(arg), 0);
    return hk_val(hk_group_close(&g, 0));
}

SIM_TEST(a_failure_goes_up_through_groups)
{
    HK_GROUP(g, NULL);
    hk_spawn(&g, sleeps, NULL);
    hk_spawn(&g, fails_in_a_group, hk_val(-EIO));
    CHECK_NUMBER(hk_group_close(&g, 0), "-EIO");
    CHECK(strstr(hk_why(), "late") != NULL);
}

SIM_TEST(an_early_stop_of_a_group_is_no_error)
{
    HK_GROUP(g, NULL);
    hk_spawn(&g, sleeps, NULL);
    hk_group_cancel(&g, "enough");
    CHECK_NUMBER(hk_sleep(1), "-ECANCELED");
    CHECK_NUMBER(hk_group_close(&g, -ECANCELED), "0");
    CHECK_EQ(hk_group_failures(&g, NULL, 0), 0);
}

SIM_TEST(a_child_that_is_killed_is_no_failure)
{
    HK_GROUP(g, NULL);
    CHECK_EQ(hk_task_kill(hk_spawn(&g, sleeps, NULL)), 1);
    hk_go(&g, late, HK_MS(5), 0, -EIO);
    CHECK_EQ(hk_group_close(&g, 6), 6);
}

/* ---- policies ---- */

SIM_TEST(any_is_over_when_the_first_has_ended)
{
    hk_exit how;
    int64_t start = hk_now();
    HK_GROUP(g, &(hk_group_options){ .policy = HK_ANY });
    hk_spawn(&g, sleeps, NULL);
    hk_tid winner = hk_go(&g, late, HK_MS(5), 42, 0);
    CHECK_EQ(hk_group_close(&g, 0), 0);
    CHECK(hk_now() - start < HK_SEC(1));
    CHECK_EQ(hk_task_wait(winner, &how), 0); /* its result is readable after the close */
    CHECK_EQ(how.how, HK_END_RETURNED);
    CHECK_EQ(hk_num(how.value), 42);
    hk_group_leave(&g);
    CHECK_NUMBER(hk_task_wait(winner, &how), "-ESRCH");
}

SIM_TEST(any_ends_with_a_failure_too)
{
    HK_GROUP(g, &(hk_group_options){ .policy = HK_ANY });
    hk_spawn(&g, sleeps, NULL);
    hk_go(&g, late, HK_MS(5), -EIO, 0);
    CHECK_NUMBER(hk_group_close(&g, 0), "-EIO");
}

SIM_TEST(any_ends_with_a_kill_too)
{
    int64_t start = hk_now();
    HK_GROUP(g, &(hk_group_options){ .policy = HK_ANY });
    hk_spawn(&g, sleeps, NULL);
    hk_task_kill(hk_spawn(&g, sleeps, NULL));
    CHECK_EQ(hk_group_close(&g, 0), 0);
    CHECK(hk_now() - start < HK_SEC(900));
}

SIM_TEST(the_first_success_makes_failures_before_it_forgotten)
{
    HK_GROUP(g, &(hk_group_options){ .policy = HK_FIRST_SUCCESS });
    hk_go(&g, late, HK_MS(1), -EIO, 0);
    hk_tid winner = hk_go(&g, late, HK_MS(5), 1, 0);
    hk_go(&g, late, HK_SEC(5), 2, 0);
    hk_exit how;
    CHECK_EQ(hk_group_close(&g, 8), 8);
    CHECK_EQ(hk_group_failures(&g, NULL, 0), 1);
    CHECK_EQ(hk_task_wait(winner, &how), 0);
    CHECK_EQ(hk_num(how.value), 1);
}

SIM_TEST(without_a_success_the_first_failure_is_said)
{
    HK_GROUP(g, &(hk_group_options){ .policy = HK_FIRST_SUCCESS });
    hk_go(&g, late, HK_MS(1), -EIO, 0);
    hk_go(&g, late, HK_MS(5), -EBADF, 0);
    CHECK_NUMBER(hk_group_close(&g, 8), "-EIO");
}

SIM_TEST(without_a_success_daemons_are_none)
{
    HK_GROUP(g, &(hk_group_options){ .policy = HK_FIRST_SUCCESS });
    hk_spawn_with(&g, sleeps, NULL, &(hk_coro_options){ .daemon = true });
    hk_go(&g, late, HK_MS(1), -EIO, 0);
    CHECK_NUMBER(hk_group_close(&g, 8), "-EIO");
}

SIM_TEST(a_failure_before_the_time_is_over_is_what_the_close_says)
{
    HK_GROUP(g, &(hk_group_options){ .policy = HK_FIRST_SUCCESS, .timeout = HK_MS(10) });
    hk_go(&g, late, HK_MS(1), -EIO, 0);
    hk_spawn(&g, sleeps, NULL);
    CHECK_NUMBER(hk_group_close(&g, 0), "-EIO");
}

SIM_TEST(time_that_was_over_first_is_what_the_close_says)
{
    HK_GROUP(g, &(hk_group_options){ .timeout = HK_MS(10) });
    hk_go(&g, late, HK_SEC(1), 0, -EIO);
    hk_spawn(&g, sleeps, NULL);
    CHECK_NUMBER(hk_group_close(&g, 0), "-ETIMEDOUT");
    CHECK(strstr(hk_why(), "test_group_policy.c") != NULL);
    HK_GROUP(idle, &(hk_group_options){ .timeout = HK_MS(10) });
    CHECK_EQ(hk_sleep(HK_MS(9)), 0);
    CHECK_EQ(hk_group_close(&idle, 5), 5);
}

static int reports;
static void count_report(const hk_failure *failure)
{
    CHECK_NUMBER(failure->error, "-EIO");
    reports++;
}

static hk_run_options reporting = { .unhandled = count_report };

static void *independent_main(void *arg)
{
    hk_exit how;
    HK_GROUP(g, &(hk_group_options){ .policy = HK_INDEPENDENT });
    hk_tid sleeper = hk_go(&g, late, HK_MS(2), 5, 0);
    hk_go(&g, late, HK_US(1), -EIO, 0); /* is reported */
    hk_tid known = hk_go(&g, late, HK_US(1), -EIO, 0);
    CHECK_EQ(hk_task_wait(known, &how), 0); /* is not */
    CHECK_NUMBER(how.error, "-EIO");
    CHECK_EQ(hk_task_wait(sleeper, &how), 0);
    CHECK_EQ(hk_num(how.value), 5);
    CHECK_EQ(hk_group_failures(&g, NULL, 0), 2);
    CHECK_EQ(hk_group_close(&g, 7), 7);
    return arg;
}

TEST(independent_tasks_cancel_nobody_and_failures_nobody_waits_for_are_reported)
{
    reporting.world = sim_world();
    CHECK_EQ(hk_run(independent_main, NULL, &reporting), 0);
    CHECK_EQ(reports, 1);
}

/* ---- left open ---- */

static void *leaves_open(void *arg)
{
    HK_GROUP(g, NULL);
    hk_go(&g, late, HK_SEC(5), 0, -EIO);
    hk_sleep(HK_US(1));
    return arg;
}

TEST(a_failure_in_the_cleanup_of_a_block_that_was_left_is_reported)
{
    reporting.world = sim_world();
    CHECK_EQ(hk_run(leaves_open, hk_val(3), &reporting), 3);
    CHECK_EQ(reports, 1);
}

/* ---- daemons ---- */

SIM_TEST(a_daemon_is_not_waited_for_but_cancelled)
{
    hk_exit how;
    int64_t start = hk_now();
    HK_GROUP(g, NULL);
    hk_tid daemon = hk_spawn_with(&g, sleeps, NULL, &(hk_coro_options){ .daemon = true });
    hk_go(&g, late, HK_MS(5), 1, 0);
    CHECK_EQ(hk_group_wait(&g), 0);
    CHECK_EQ(hk_sleep(HK_MS(5)), 0);
    CHECK_EQ(hk_group_close(&g, 9), 9);
    CHECK(hk_now() - start < HK_SEC(900));
    CHECK_EQ(hk_task_wait(daemon, &how), 0);
    CHECK_EQ(how.how, HK_END_CANCELLED);
    CHECK(strstr(how.why, "only daemons are left") != NULL);
}

SIM_TEST(a_daemon_that_fails_is_a_failure)
{
    HK_GROUP(g, NULL);
    hk_spawn_with(&g, returns, hk_val(-EIO), &(hk_coro_options){ .daemon = true });
    CHECK_NUMBER(hk_sleep(HK_MS(1)), "-ECANCELED");
    CHECK_NUMBER(hk_group_close(&g, 0), "-EIO");
}

/* ---- bans on waiting ---- */

SIM_TEST(tasks_that_may_not_wait_are_cut_and_have_not_failed)
{
    HK_GROUP(g, NULL);
    hk_spawn(&g, sleeps, NULL);
    hk_go(&g, late, HK_SEC(1), 0, 0);
    hk_scope_rearm(hk_group_scope(&g), 0);
    CHECK_NUMBER(hk_group_close(&g, 0), "-ETIMEDOUT");
    CHECK_EQ(hk_group_failures(&g, NULL, 0), 0);
    HK_SCOPE(try, 0);
    HK_GROUP(inner, NULL);
    hk_spawn(&inner, returns, hk_val(1));
    CHECK_EQ(hk_group_close(&inner, 5), 5); /* nothing had to wait */
    HK_GROUP(other, NULL);
    hk_spawn(&other, sleeps, NULL);
    CHECK_NUMBER(hk_group_close(&other, 5), "-ECANCELED");
    CHECK_NUMBER(hk_scope_close(&try, -ECANCELED), "-ETIMEDOUT");
}

static hk_tid quick(hk_group *g) { return hk_spawn(g, returns, hk_val(7)); }

SIM_TEST(how_a_task_ended_is_known_while_its_group_lives)
{
    hk_exit how;
    hk_tid tid[20];
    HK_GROUP(g, NULL);
    for (size_t i = 0; i < HK_LEN(tid); i++) tid[i] = quick(&g);
    CHECK_EQ(hk_group_wait(&g), 0);
    for (size_t i = 0; i < HK_LEN(tid); i++) {
        CHECK_EQ(hk_task_wait(tid[i], &how), 0);
        CHECK_EQ(hk_num(how.value), 7);
    }
    hk_tid of_root = quick(HK_ROOT);
    hk_sleep(1);
    CHECK_NUMBER(hk_task_wait(of_root, &how), "-ESRCH");
    CHECK_EQ(hk_group_close(&g, 0), 0);
    CHECK_EQ(hk_task_wait(tid[3], NULL), 0);
}
