/* SPDX-License-Identifier: MIT */
/* hk_at_end: what runs when a coroutine ends, last registered first, once, however it ends. */
#include "support/sim.h"
#include "support/steps.h"

static void handler(void *arg) { note("%s ", (const char *)arg); }

static void at_end(const char *name) { CHECK_EQ(hk_at_end(handler, (void *)(uintptr_t)name), 0); }

/* Registers three, then waits; returns what comes in. */
static void *body(void *arg)
{
    (void)arg;
    at_end("one");
    at_end("two");
    at_end("three");
    void *in = hk_yield(hk_val(1));
    note("body ");
    return in;
}

#define LIFO "body three two one "

TEST(handlers_run_last_first_after_a_return)
{
    HK_CORO(co, body, NULL, NULL);
    hk_coro_send(co, NULL);
    CHECK_STR(trace, "");
    CHECK_STEP(hk_coro_send(co, hk_val(5)), "returned 5");
    CHECK_STR(trace, LIFO);
    CHECK_STEP(hk_coro_send(co, NULL), "finished");
    CHECK_STR(trace, LIFO);
}

TEST(handlers_run_after_a_throw)
{
    HK_CORO(co, body, NULL, NULL);
    hk_coro_send(co, NULL);
    CHECK_STEP(hk_coro_throw(co, -EIO), "failed EIO");
    CHECK_STR(trace, LIFO);
}

TEST(handlers_run_after_a_close)
{
    HK_CORO(co, body, NULL, NULL);
    hk_coro_send(co, NULL);
    CHECK_STEP(hk_coro_close(co), "returned 0");
    CHECK_STR(trace, LIFO);
}

TEST(handlers_run_in_a_destroy)
{
    hk_coro *co = hk_coro_create(body, NULL, NULL);
    hk_coro_send(co, NULL);
    CHECK_EQ(hk_coro_destroy(co), 0);
    CHECK_STR(trace, LIFO);
}

static void *loops_for_ever(void *arg)
{
    at_end("one");
    at_end("two");
    while (hk_yield(arg) != hk_val(77)) continue;
    return NULL;
}

TEST(handlers_run_where_the_stack_is_dropped, .prints = "its stack is dropped")
{
    {
        HK_CORO(co, loops_for_ever, NULL, NULL);
        hk_coro_send(co, NULL);
    }
    CHECK_STR(trace, "two one ");
}

static void *sleeps_with_handlers(void *arg)
{
    (void)arg;
    at_end("one");
    at_end("two");
    int r = hk_sleep(HK_SEC(100));
    note("%s ", number_text(r));
    return hk_val(r);
}

static void *kills(void *arg)
{
    hk_tid tid = hk_spawn(HK_ROOT, arg, NULL);
    CHECK_EQ(hk_sleep(1), 0);
    CHECK_EQ(hk_task_kill(tid), 1);
    CHECK_EQ(hk_task_wait(tid, NULL), 0);
    return NULL;
}

SIM_TEST(handlers_run_after_a_kill)
{
    trace_clear();
    kills(sleeps_with_handlers);
    CHECK_STR(trace, "-ECANCELED two one ");
}

static void *exits_deep_down(void *arg)
{
    char local[] = "local";
    CHECK_EQ(hk_at_end(handler, local), 0);
    at_end("two");
    if (arg == NULL) hk_task_exit(hk_val(5));
    note("not reached ");
    return NULL;
}

static void *waits_for_exit(void *arg)
{
    hk_exit how;
    (void)arg;
    CHECK_EQ(hk_task_wait(hk_spawn(HK_ROOT, exits_deep_down, NULL), &how), 0);
    CHECK(how.how == HK_END_RETURNED && how.value == hk_val(5));
    return NULL;
}

TEST(handlers_are_all_that_runs_after_task_exit)
{
    CHECK_EQ(sim_once(waits_for_exit, NULL), 0);
    CHECK_STR(trace, "two local ");
}

static void *fails_at_once(void *arg)
{
    at_end("one");
    return arg;
}

TEST(handlers_run_after_a_failure_and_do_not_change_it)
{
    HK_CORO(co, fails_at_once, hk_val(-EIO), NULL);
    CHECK_STEP(hk_coro_send(co, NULL), "failed EIO");
    CHECK_STR(trace, "one ");
}

/* ---- handlers that do things ---- */

static void yields(void *arg)
{
    note("asks ");
    void *in = hk_yield(arg);
    note("heard %s ", number_text(hk_num(in)));
}

static void *ends_in_talk(void *arg)
{
    at_end("last");
    CHECK_EQ(hk_at_end(yields, hk_val(50)), 0);
    CHECK_EQ(hk_at_end(yields, hk_val(51)), 0);
    at_end("first");
    return hk_yield(arg);
}

TEST(a_handler_may_yield_and_the_end_comes_after_it)
{
    HK_CORO(co, ends_in_talk, NULL, NULL);
    hk_coro_send(co, NULL);
    CHECK_STEP(hk_coro_send(co, hk_val(7)), "yielded 51");
    CHECK_STEP(hk_coro_send(co, hk_val(3)), "yielded 50");
    CHECK_STEP(hk_coro_send(co, NULL), "returned 7");
    CHECK_STR(trace, "first asks heard 3 asks heard 0 last ");
}

TEST(a_handler_that_yields_to_close_is_busy_and_the_next_close_goes_on)
{
    HK_CORO(co, ends_in_talk, NULL, NULL);
    hk_coro_send(co, NULL);
    CHECK_STEP(hk_coro_close(co), "refused EBUSY");
    CHECK_STEP(hk_coro_close(co), "refused EBUSY");
    CHECK_STEP(hk_coro_close(co), "returned 0");
    CHECK_STR(trace, "first asks heard -ECANCELED asks heard -ECANCELED last ");
}

static void never_stops_talking(void *arg)
{
    note("talks ");
    while (hk_yield(arg) != hk_val(77)) continue;
}

static void *ends_in_endless_talk(void *arg)
{
    at_end("last");
    CHECK_EQ(hk_at_end(never_stops_talking, NULL), 0);
    at_end("first");
    return arg;
}

/* Dropped while it is in a handler: the ones that are left run, that one does not again. */
TEST(a_stack_dropped_in_a_handler_runs_the_others, .prints = "its stack is dropped")
{
    {
        HK_CORO(co, ends_in_endless_talk, NULL, NULL);
        CHECK_STEP(hk_coro_send(co, NULL), "yielded 0");
    }
    CHECK_STR(trace, "first talks last ");
}

static void registers_another(void *arg)
{
    note("%s ", (const char *)arg);
    at_end("another");
}

static void *registers_late(void *arg)
{
    at_end("one");
    CHECK_EQ(hk_at_end(registers_another, (void *)(uintptr_t) "two"), 0);
    return arg;
}

TEST(a_handler_may_register_another_which_runs_next)
{
    HK_CORO(co, registers_late, NULL, NULL);
    CHECK_STEP(hk_coro_send(co, NULL), "returned 0");
    CHECK_STR(trace, "two another one ");
}

static void calls(void *arg) { note("%s ", number_text(add_one((int)hk_num(arg)))); }

static void *calls_at_end(void *arg)
{
    CHECK_EQ(hk_at_end(calls, hk_val(5)), 0);
    return hk_yield(arg);
}

TEST(a_handler_may_call_and_close_says_trapped_to_a_driver)
{
    HK_CORO(co, calls_at_end, NULL, NULL);
    hk_coro_send(co, NULL);
    CHECK_STEP(hk_coro_close(co), "trapped add_one");
    CHECK_STEP(hk_coro_send(co, hk_val(66)), "failed ECANCELED");
    CHECK_STR(trace, "66 ");
}

static void *closes_one_that_calls(void *arg)
{
    HK_CORO(co, calls_at_end, arg, NULL);
    hk_coro_send(co, NULL);
    CHECK_STEP(hk_coro_close(co), "returned 0");
    return NULL;
}

TEST(a_handler_may_call_and_a_consumer_does_not_notice)
{
    CHECK_EQ(sim_once(closes_one_that_calls, NULL), 0);
    CHECK_STR(trace, "6 ");
}

static void *stack_of_500(void *arg)
{
    intptr_t *count = arg;
    for (int i = 0; i < 500; i++) at_end("x");
    (*count)++;
    return NULL;
}

TEST(there_may_be_many_handlers)
{
    intptr_t count = 0;
    HK_CORO(co, stack_of_500, &count, NULL);
    CHECK_STEP(hk_coro_send(co, NULL), "returned 0");
    CHECK_EQ(count, 1);
    CHECK_EQ(strlen(trace), sizeof trace - 1); /* 500 notes of 2 letters: cut */
}

/* ---- where it is refused ---- */

static hk_step step(hk_coro *co, void *in)
{
    (void)in;
    HK_BEGIN(co);
    CHECK_NUMBER(hk_at_end(handler, NULL), "-EPERM");
    HK_END(co, NULL);
}

TEST(only_a_coroutine_with_a_stack_can_register)
{
    hk_coro stackless;
    CHECK_NUMBER(hk_at_end(handler, NULL), "-EPERM");
    hk_stackless_init(&stackless, step, NULL);
    CHECK_STEP(hk_coro_send(&stackless, NULL), "returned 0");
    CHECK_NUMBER(hk_at_end(handler, NULL), "-EPERM");
}

static void *registers_for_its_own_end(void *arg)
{
    HK_CORO(inner, fails_at_once, NULL, NULL);
    at_end("outer");
    CHECK_STEP(hk_coro_send(inner, NULL), "returned 0");
    note("between ");
    return arg;
}

TEST(handlers_belong_to_the_coroutine_that_runs)
{
    HK_CORO(co, registers_for_its_own_end, NULL, NULL);
    CHECK_STEP(hk_coro_send(co, NULL), "returned 0");
    CHECK_STR(trace, "one between outer ");
}
