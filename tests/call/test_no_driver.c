/* SPDX-License-Identifier: MIT */
/* Calls that nobody serves: -ENOSYS.
 *
 * Where no driver is, the call is answered at once. Where the driver is somebody else's, Hocket's
 * own calls answer so themselves: they know no other scheduler. */
#include "support/sim.h"
#include "support/small.h"
#include "support/steps.h"

#include <pthread.h>

static void check_all_calls(void)
{
    hk_exit how;
    CHECK_NUMBER(add_one(1), "-ENOSYS");
    CHECK_NUMBER(keep(), "-ENOSYS");
    CHECK_NUMBER(hk_sleep(HK_MS(1)), "-ENOSYS");
    CHECK_NUMBER(hk_sleep(0), "-ENOSYS");
    CHECK_NUMBER(hk_sched_yield(), "-ENOSYS");
    CHECK_NUMBER(hk_task_wait(1, &how), "-ENOSYS");
    CHECK(kept == NULL);
    CHECK_EQ(add_one_handled, 0);
}

TEST(plain_code_has_no_driver) { check_all_calls(); }

static void *does_nothing(void *arg) { return arg; }

TEST(plain_code_that_has_resumed_coroutines_has_none_either)
{
    HK_CORO(co, does_nothing, NULL, NULL);
    hk_coro_send(co, NULL);
    check_all_calls();
    CHECK_EQ(sim_once(does_nothing, NULL), 0);
    check_all_calls();
}

static void *in_a_thread(void *arg)
{
    check_all_calls();
    return arg;
}

TEST(a_fresh_thread_has_none)
{
    pthread_t thread;
    CHECK_EQ(pthread_create(&thread, NULL, in_a_thread, NULL), 0);
    pthread_join(thread, NULL);
}

static void posted(void *arg)
{
    check_all_calls(); /* the loop runs it: no task does */
    *(bool *)arg = true;
}

TEST(what_was_posted_to_the_loop_has_none)
{
    bool ran = false;
    hk_sched *s = hk_sched_create(&(hk_run_options){ .world = sim_world() });
    hk_sched_spawn(s, does_nothing, NULL);
    CHECK_EQ(hk_sched_post(s, posted, &ran), 0);
    CHECK_EQ(hk_sched_run(s), 0);
    hk_sched_destroy(s);
    CHECK(ran);
}

/* ---- a foreign driver ---- */

static void *calls_under_a_foreign_driver(void *arg)
{
    hk_exit how;
    (void)arg;
    CHECK_NUMBER(hk_sleep(HK_MS(1)), "-ENOSYS");
    CHECK_NUMBER(hk_task_wait(1, &how), "-ENOSYS");
    CHECK_EQ(add_one(1), 2);       /* it serves what speaks to its driver alone, */
    CHECK_EQ(hk_sched_yield(), 0); /* and this asks for nothing but to be completed */
    CHECK_NUMBER(hk_task_self(), "-EPERM");
    note("done ");
    return NULL;
}

TEST(built_in_calls_under_a_foreign_driver)
{
    small s;
    small_init(&s);
    small_spawn(&s, calls_under_a_foreign_driver, NULL);
    CHECK_EQ(small_run(&s), 0);
    CHECK_STR(trace, "done ");
}

static void *runs_a_small_one(void *arg)
{
    small s;
    small_init(&s);
    small_spawn(&s, calls_under_a_foreign_driver, NULL);
    CHECK_EQ(small_run(&s), 0);
    return arg;
}

/* A driver that accepts what it does not know is foreign even inside a task. (One that hands up:
 * test_nested.c.) */
TEST(a_foreign_driver_inside_a_task_is_foreign_too)
{
    CHECK_EQ(sim_once(runs_a_small_one, NULL), 0);
    CHECK_STR(trace, "done ");
}

/* ---- consumers that read only ---- */

static void *notes_results(void *arg)
{
    note("%s ", number_text(add_one(1)));
    void *in = hk_yield(hk_val(5));
    note("%s ", number_text(hk_sleep(1)));
    (void)arg;
    return in;
}

/* hk_coro_next and hk_coro_destroy are no drivers: they answer for nobody. */
TEST(next_and_destroy_answer_the_calls_of_one_that_nobody_drives)
{
    hk_coro *co = hk_coro_create(notes_results, NULL, NULL);
    void *item;
    CHECK_EQ(hk_coro_next(co, &item), 1);
    CHECK_EQ(hk_num(item), 5);
    CHECK_EQ(hk_coro_destroy(co), 0);
    CHECK_STR(trace, "-ENOSYS -ENOSYS ");
}

static void *reads_a_driven_one(void *arg)
{
    HK_CORO(co, notes_results, NULL, &(hk_coro_options){ .driven = true });
    void *item;
    (void)arg;
    CHECK_EQ(hk_coro_next(co, &item), 1);
    CHECK_EQ(hk_coro_next(co, &item), 0);
    return NULL;
}

TEST(a_driven_one_that_is_only_read_gets_no_service_even_in_a_task)
{
    CHECK_EQ(sim_once(reads_a_driven_one, NULL), 0);
    CHECK_STR(trace, "-ENOSYS -ENOSYS ");
}

/* ---- starting without waiting ---- */

static void told(hk_call *call) { note("told %s ", number_text(call->result)); }

TEST(a_call_that_is_started_where_nobody_can_be_told_has_its_answer)
{
    struct add_one call = { .call = { .type = &add_one_type, .done = told }, .x = 1 };
    CHECK(hk_call_start(&call.call));
    CHECK_NUMBER(call.call.result, "-ENOSYS");
    CHECK_STR(trace, "");
}

static void *starts_under_a_foreign_driver(void *arg)
{
    struct add_one call = { .call = { .type = &add_one_type, .done = told }, .x = 1 };
    CHECK(hk_call_start(&call.call));
    CHECK_NUMBER(call.call.result, "-ENOSYS");
    return arg;
}

TEST(a_foreign_driver_cannot_be_asked_to_tell_later)
{
    small s;
    small_init(&s);
    small_spawn(&s, starts_under_a_foreign_driver, NULL);
    CHECK_EQ(small_run(&s), 0);
    CHECK_STR(trace, "");
}
