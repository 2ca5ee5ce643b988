/* SPDX-License-Identifier: MIT */
/* Deadlines: whose it was, moved, over, equal; and scopes in which nothing may wait. */
#include "support/sim.h"
#include "support/steps.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static intptr_t nested(int64_t outer_ns, int64_t inner_ns, intptr_t *ret_inner)
{
    HK_SCOPE(outer, outer_ns);
    intptr_t r;
    {
        HK_SCOPE(inner, inner_ns);
        r = hk_sleep(HK_SEC(1000));
        *ret_inner = r = hk_scope_close(&inner, r);
    }
    return hk_scope_close(&outer, r);
}

SIM_TEST(the_smallest_deadline_wins_and_its_scope_says_so)
{
    intptr_t inner;
    int64_t start = hk_now();
    CHECK_NUMBER(nested(HK_MS(20), HK_MS(500), &inner), "-ETIMEDOUT");
    CHECK_NUMBER(inner, "-ECANCELED");
    CHECK(hk_now() - start < HK_MS(30));
    CHECK_NUMBER(nested(HK_MS(500), HK_MS(20), &inner), "-ETIMEDOUT");
    CHECK_NUMBER(inner, "-ETIMEDOUT"); /* and nothing else makes it go on */
    CHECK(hk_now() - start < HK_MS(60));
}

SIM_TEST(of_equal_deadlines_the_outermost_says_so)
{
    intptr_t inner;
    CHECK_NUMBER(nested(HK_MS(20), HK_MS(20), &inner), "-ETIMEDOUT");
    CHECK_NUMBER(inner, "-ECANCELED");
}

SIM_TEST(equal_deadlines_where_the_outer_one_was_moved_there)
{
    HK_SCOPE(outer, HK_SEC(5));
    HK_SCOPE(inner, HK_MS(5));
    hk_scope_rearm(&outer, HK_MS(5));
    intptr_t r = hk_sleep(HK_SEC(1));
    CHECK_NUMBER(hk_scope_close(&inner, r), sim_is_fifo() ? "-ECANCELED" : number_text(r));
    CHECK_NUMBER(hk_scope_close(&outer, -ECANCELED), "-ETIMEDOUT");
}

static hk_scope *moved;
static int64_t moved_to;

static void *mover(void *arg)
{
    (void)arg;
    hk_sleep(HK_MS(5));
    hk_scope_rearm(moved, moved_to);
    return NULL;
}

/* A scope of 10 ms, which somebody moves after 5; how long did the sleep of 20 ms in it last? */
static int64_t sleep_moved(int64_t to, const char *result)
{
    HK_GROUP(g, NULL);
    HK_SCOPE(limit, HK_MS(10));
    int64_t start = hk_now();
    moved = &limit;
    moved_to = to;
    hk_spawn(&g, mover, NULL);
    int r = hk_sleep(HK_MS(20));
    int64_t lasted = hk_now() - start;
    CHECK_NUMBER(hk_scope_close(&limit, r), result);
    CHECK_EQ(hk_group_close(&g, 0), 0);
    return lasted;
}

SIM_TEST(a_deadline_is_moved_while_its_task_waits)
{
    CHECK(sleep_moved(HK_SEC(1), "0") >= HK_MS(20));
    CHECK(sleep_moved(HK_FOREVER, "0") >= HK_MS(20));
    CHECK(sleep_moved(HK_MS(1), "-ETIMEDOUT") < HK_MS(10));
    CHECK(sleep_moved(-1, "-ETIMEDOUT") < HK_MS(10));
    CHECK(sleep_moved(0, "-ETIMEDOUT") < HK_MS(10));
}

SIM_TEST(a_deadline_that_is_over_stays_over)
{
    HK_SCOPE(limit, HK_MS(1));
    CHECK_NUMBER(hk_sleep(HK_SEC(1)), "-ECANCELED");
    hk_scope_rearm(&limit, HK_SEC(10));
    CHECK_NUMBER(hk_sleep(1), "-ECANCELED");
    hk_scope_rearm(&limit, HK_FOREVER);
    CHECK_NUMBER(hk_sleep(1), "-ECANCELED");
    CHECK_NUMBER(hk_scope_close(&limit, -ECANCELED), "-ETIMEDOUT");
}

SIM_TEST(a_ban_on_waiting_can_be_lifted)
{
    HK_SCOPE(try, 0);
    CHECK_NUMBER(hk_sleep(1), "-ECANCELED");
    hk_scope_rearm(&try, HK_SEC(1));
    CHECK_EQ(hk_sleep(1), 0);
    hk_scope_rearm(&try, 0);
    CHECK_NUMBER(hk_sleep(1), "-ECANCELED");
    CHECK_NUMBER(hk_scope_close(&try, -ECANCELED), "-ETIMEDOUT");
}

SIM_TEST(a_timeout_below_zero_is_over_before_it_begins)
{
    HK_SCOPE(limit, -5);
    CHECK_NUMBER(hk_sched_yield(), "-ECANCELED");
    CHECK(strstr(hk_why(), "its time is over") != NULL);
    CHECK_NUMBER(hk_scope_close(&limit, -ECANCELED), "-ETIMEDOUT");
    CHECK(strstr(hk_why(), "test_scope_deadline.c") != NULL);
}

SIM_TEST(a_deadline_during_cleanup_cuts_what_waits_there)
{
    HK_SCOPE(outer, HK_MS(3));
    {
        HK_SCOPE(inner, HK_MS(1));
        CHECK_NUMBER(hk_sleep(HK_SEC(1)), "-ECANCELED");
        hk_scope cleanup;
        hk_scope_open(&cleanup, HK_MS(10));
        hk_scope_shield(&cleanup, true);
        CHECK_EQ(hk_sleep(HK_MS(5)), 0);
        CHECK_EQ(hk_scope_close(&cleanup, 0), 0);
        CHECK_NUMBER(hk_scope_close(&inner, -ECANCELED), "-ECANCELED"); /* both are over by now */
    }
    CHECK_NUMBER(hk_scope_close(&outer, -ECANCELED), "-ETIMEDOUT");
}

SIM_TEST(what_completed_after_the_deadline_but_before_the_cut_is_a_success)
{
    HK_SCOPE(limit, HK_MS(1));
    CHECK_EQ(hk_sleep(HK_US(900)), 0);
    CHECK_NUMBER(hk_scope_close(&limit, 7), "7");
    hk_scope again;
    hk_scope_open(&again, HK_MS(1));
    CHECK_NUMBER(hk_sleep(HK_SEC(1)), "-ECANCELED");
    CHECK_NUMBER(hk_scope_close(&again, 7), "7"); /* the body says that all is well */
    CHECK_EQ(hk_sleep(1), 0);
}

SIM_TEST(who_was_cancelled_is_not_late)
{
    HK_SCOPE(try, 0);
    hk_scope_cancel(&try, "a test");
    CHECK_NUMBER(hk_scope_close(&try, hk_sleep(1)), "-ECANCELED");
    HK_SCOPE(limit, HK_MS(1));
    hk_scope_cancel(&limit, "a test");
    hk_scope shield;
    hk_scope_open(&shield, HK_FOREVER);
    hk_scope_shield(&shield, true);
    CHECK_EQ(hk_sleep(HK_MS(5)), 0);
    hk_scope_close(&shield, 0);
    CHECK_NUMBER(hk_sleep(1), "-ECANCELED");
    CHECK(strstr(hk_why(), "a test (") != NULL); /* the first reason */
    CHECK_NUMBER(hk_scope_close(&limit, -ECANCELED), "-ECANCELED");
}

/* ---- refused calls ---- */

static void *times_out(void *arg)
{
    for (int i = 0; i < 2500; i++) {
        HK_SCOPE(limit, -1);
        CHECK_NUMBER(hk_scope_close(&limit, hk_sleep(1)), "-ETIMEDOUT");
    }
    return arg;
}

static void *ignores(void *arg)
{
    HK_SCOPE(cancelled, HK_FOREVER);
    hk_scope_cancel(&cancelled, "a test");
    for (int i = 0; i < (int)hk_num(arg); i++) CHECK_NUMBER(hk_sleep(1), "-ECANCELED");
    hk_scope_close(&cancelled, 0);
    return NULL;
}

TEST(who_ignores_a_thousand_refusals_is_reported,
     .prints = "task 1 'main' was cancelled and ignores it: 1000 calls refused in a row, the last "
               "was 'sleep'")
{
    CHECK_EQ(sim_once(ignores, hk_val(1000)), 0);
}

/* How many bytes are printed on stderr while it runs. */
static off_t printed_by(hk_entry *main_task)
{
    struct stat info;
    int saved = dup(2), caught = memfd_create("stderr", MFD_CLOEXEC);
    dup2(caught, 2);
    intptr_t r = sim_once(main_task, NULL);
    dup2(saved, 2);
    CHECK_EQ(r, 0);
    CHECK_EQ(fstat(caught, &info), 0);
    close(saved);
    close(caught);
    return info.st_size;
}

TEST(a_server_that_times_out_a_thousand_times_is_not_reported)
{
    CHECK_EQ(printed_by(times_out), 0);
}

static void *spins(void *arg)
{
    bool *stop = arg;
    HK_SCOPE(cancelled, HK_FOREVER);
    hk_scope_cancel(&cancelled, "a test");
    while (!*stop) hk_sleep(1);
    hk_scope_close(&cancelled, 0);
    return NULL;
}

TEST(who_ignores_its_cancel_starves_nobody)
{
    bool stop = false;
    hk_sched *s = hk_sched_create(&(hk_run_options){ .world = sim_world() });
    hk_sched_spawn(s, spins, &stop);
    for (int i = 0; i < 20; i++) CHECK_EQ(hk_sched_step(s), 0);
    stop = true;
    CHECK_EQ(hk_sched_run(s), 0);
    hk_sched_destroy(s);
}
