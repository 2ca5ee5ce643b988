/* SPDX-License-Identifier: MIT */
/* Strands: a call suspends the coroutine that a driver resumed, and all that it resumed in turn.
 *
 * The driver sees TRAPPED at the root; to everyone else the members are still running. What the
 * driver sends to the root is the call's result, and it arrives at the leaf. */
#include "support/steps.h"

#include <stdlib.h>

/* x + 1 without its handler, as a driver may that knows the call. */
static hk_step answer(hk_coro *co, hk_step step)
{
    CHECK(step.outcome == HK_TRAPPED && step.call->type == &add_one_type);
    return hk_coro_send(co, hk_val(HK_CONTAINER(step.call, struct add_one, call)->x + 1));
}

static void *calls_twice(void *arg)
{
    intptr_t a = add_one(1), b = add_one(10);
    (void)arg;
    return hk_val(a + b);
}

TEST(thread_code_is_a_driver)
{
    HK_CORO(co, calls_twice, NULL, NULL);
    hk_step step = hk_coro_send(co, NULL);
    CHECK_STR(step_text(step), "trapped add_one");
    step = answer(co, step);
    CHECK_STR(step_text(step), "trapped add_one");
    CHECK_STEP(answer(co, step), "returned 13");
}

static intptr_t call_at_depth(int depth)
{
    volatile char room[64];
    room[0] = 1;
    intptr_t r = depth == 0 ? add_one(41) : call_at_depth(depth - 1);
    return r + (room[0] != 1);
}

static void *calls_deep_down(void *arg) { return hk_val(call_at_depth((int)hk_num(arg))); }

TEST(a_call_works_at_any_depth)
{
    HK_CORO(co, calls_deep_down, hk_val(50), NULL);
    CHECK_STEP(answer(co, hk_coro_send(co, NULL)), "returned 42");
}

static void *serves_nothing(void *arg)
{
    hk_step step = hk_coro_send(arg, NULL);
    note("%s ", step_text(step));
    return step.value;
}

TEST(a_consumer_with_a_stack_never_sees_the_calls_of_what_it_consumes)
{
    HK_CORO(inner, calls_twice, NULL, NULL);
    HK_CORO(middle, serves_nothing, inner, NULL);
    HK_CORO(outer, serves_nothing, middle, NULL);
    hk_step step = hk_coro_send(outer, NULL);
    CHECK_STR(step_text(step), "trapped add_one");
    CHECK_STEP(answer(outer, answer(outer, step)), "returned 13");
    CHECK_STR(trace, "returned 13 returned 13 ");
}

static const hk_coro_options driven = { .driven = true };

static void *drives(void *arg)
{
    hk_step step = hk_coro_send(arg, NULL);
    while (step.outcome == HK_TRAPPED) {
        note("serves %s ", step.call->type->name);
        step = answer(arg, step);
    }
    note("%s ", step_text(step));
    return step.value;
}

TEST(whoever_resumes_a_driven_one_is_its_driver)
{
    HK_CORO(inner, calls_twice, NULL, &driven);
    HK_CORO(outer, drives, inner, NULL);
    CHECK_STEP(hk_coro_send(outer, NULL), "returned 13");
    CHECK_STR(trace, "serves add_one serves add_one returned 13 ");
}

/* The generator below the driven one belongs to its strand, so its calls stop there too. */
TEST(a_driven_one_is_the_root_for_all_below_it)
{
    HK_CORO(inner, calls_twice, NULL, NULL);
    HK_CORO(middle, serves_nothing, inner, &driven);
    HK_CORO(outer, drives, middle, NULL);
    CHECK_STEP(hk_coro_send(outer, NULL), "returned 13");
    CHECK_STR(trace, "serves add_one serves add_one returned 13 returned 13 ");
}

/* ---- a stackless step is a driver ---- */

struct stackless_driver {
    hk_coro co;
    hk_coro *inner;
    hk_step step;
};

static hk_step steps_and_serves(hk_coro *co, void *in)
{
    struct stackless_driver *f = HK_CONTAINER(co, struct stackless_driver, co);
    (void)in;
    HK_BEGIN(co);
    f->step = hk_coro_send(f->inner, NULL);
    while (f->step.outcome == HK_TRAPPED) {
        note("serves %s ", f->step.call->type->name);
        f->step = answer(f->inner, f->step);
    }
    HK_END(co, f->step.value);
}

TEST(a_stackless_step_is_the_driver_of_what_it_resumes)
{
    HK_CORO(inner, calls_twice, NULL, NULL);
    struct stackless_driver f = { .inner = inner };
    hk_stackless_init(&f.co, steps_and_serves, NULL);
    CHECK_STEP(hk_coro_send(&f.co, NULL), "returned 13");
    CHECK_STR(trace, "serves add_one serves add_one ");
}

/* ---- moving between strands ---- */

static void *calls_then_yields(void *arg)
{
    (void)arg;
    for (;;) {
        void *in = hk_yield(hk_val(add_one(1)));
        if (hk_is_err(in)) return in;
    }
}

static void *takes_one(void *arg)
{
    hk_step step = hk_coro_send(arg, NULL);
    return hk_val(hk_num(step.value) * 10);
}

/* A call goes to the driver of whoever resumed the generator this time. */
TEST(a_generator_may_be_consumed_by_different_strands)
{
    HK_CORO(generator, calls_then_yields, NULL, NULL);
    HK_CORO(a, takes_one, generator, NULL);
    HK_CORO(b, takes_one, generator, &driven);
    HK_CORO(driver_of_b, drives, b, NULL);
    CHECK_STEP(answer(a, hk_coro_send(a, NULL)), "returned 20");
    CHECK_STEP(hk_coro_send(driver_of_b, NULL), "returned 20");
    CHECK_STR(trace, "serves add_one returned 20 ");
    CHECK_STEP(answer(generator, hk_coro_send(generator, NULL)), "yielded 2");
}

static void *finishes_the_call(void *arg)
{
    hk_coro *co = arg;
    hk_step step = hk_coro_send(co, hk_val(5)); /* the result of the call it was parked in */
    note("%s ", step_text(step));
    while (step.outcome == HK_TRAPPED) step = answer(co, step);
    return step.value;
}

static void *calls_three_times(void *arg)
{
    (void)arg;
    intptr_t a = add_one(1), b = add_one(2), c = add_one(3);
    note("%d %d %d ", (int)a, (int)b, (int)c);
    void *in = hk_yield(hk_val(a + b + c));
    if (hk_is_err(in)) return in;
    return hk_val(add_one(4));
}

/* Parked in a call, a strand keeps its root: whoever sends the result is its driver until it
 * yields. */
TEST(a_strand_parked_in_a_call_keeps_its_root_whoever_resumes_it)
{
    HK_CORO(co, calls_three_times, NULL, NULL);
    HK_CORO(other, finishes_the_call, co, NULL);
    CHECK_STEP(hk_coro_send(co, NULL), "trapped add_one");
    CHECK_STEP(hk_coro_send(other, NULL), "returned 12");
    CHECK_STR(trace, "trapped add_one 5 3 4 ");
    /* Consumed from now on: its calls pass through. */
    HK_CORO(consumer, serves_nothing, co, NULL);
    CHECK_STEP(answer(consumer, hk_coro_send(consumer, NULL)), "returned 5");
}

/* ---- fresh results ---- */

static void *yields_after_a_call(void *arg)
{
    (void)arg;
    CHECK_EQ(add_one(1), 77);
    CHECK_EQ(hk_num(hk_yield(NULL)), 0);
    CHECK_EQ(add_one(1), 0);
    CHECK_EQ(hk_num(hk_yield(NULL)), 5);
    return NULL;
}

TEST(results_and_values_do_not_mix)
{
    HK_CORO(co, yields_after_a_call, NULL, NULL);
    CHECK_STEP(hk_coro_send(co, NULL), "trapped add_one");
    CHECK_STEP(hk_coro_send(co, hk_val(77)), "yielded 0");
    CHECK_STEP(hk_coro_send(co, NULL), "trapped add_one");
    CHECK_STEP(hk_coro_send(co, NULL), "yielded 0");
    CHECK_STEP(hk_coro_send(co, hk_val(5)), "returned 0");
}

static void *wants_an_error(void *arg)
{
    (void)arg;
    CHECK_NUMBER(add_one(1), "-EIO");
    CHECK_NUMBER(add_one(1), "-ECANCELED");
    CHECK_EQ(add_one(1), INTPTR_MIN);
    return hk_val(3);
}

/* The result of a call may be any number; an error is no end of the strand. */
TEST(a_driver_may_answer_with_any_number)
{
    HK_CORO(co, wants_an_error, NULL, NULL);
    hk_coro_send(co, NULL);
    CHECK_STEP(hk_coro_send(co, hk_val(-EIO)), "trapped add_one");
    CHECK_STEP(hk_coro_close(co), "trapped add_one"); /* close is an answer too */
    CHECK_STEP(hk_coro_send(co, hk_val(INTPTR_MIN)), "returned 3");
}

/* ---- fresh, whatever lay there ---- */

__attribute__((noinline)) static void litter_the_stack(void)
{
    volatile char room[4096];
    for (size_t i = 0; i < sizeof room; i++) room[i] = (char)0xff;
}

__attribute__((noinline)) static int sleeps_there(void)
{
    int r = hk_sleep(1);
    return r;
}

static void *sleeps_among_litter(void *arg)
{
    (void)arg;
    litter_the_stack();
    return hk_val(sleeps_there());
}

struct littered {
    hk_coro co;
    hk_sleep_call sleep;
};

static hk_step awaits_among_litter(hk_coro *co, void *in)
{
    struct littered *f = HK_CONTAINER(co, struct littered, co);
    HK_BEGIN(co);
    hk_sleep_prepare(&f->sleep, 1);
    HK_AWAIT(co, &f->sleep.call);
    HK_END(co, hk_val(f->sleep.call.result));
}

/* What is left over in a call's memory accepts nothing. */
TEST(a_call_that_was_prepared_is_not_accepted_by_what_lay_there_before)
{
    HK_CORO(co, sleeps_among_litter, NULL, NULL);
    CHECK_STEP(hk_coro_send(co, NULL), "trapped sleep");
    CHECK_STEP(hk_coro_send(co, hk_val(3)), "returned 3");
    struct littered f;
    memset(&f, 0xff, sizeof f);
    hk_stackless_init(&f.co, awaits_among_litter, NULL);
    CHECK_STEP(hk_coro_send(&f.co, NULL), "trapped sleep");
    CHECK_STEP(hk_coro_send(&f.co, hk_val(3)), "returned 3");
}

/* ---- a hundred strands of three members, answered in another order ---- */

enum { STRANDS = 100 };

static void *adds_to(void *arg) { return hk_val(add_one((int)hk_num(arg))); }

static void *doubles(void *arg)
{
    HK_CORO(inner, adds_to, arg, NULL);
    return hk_val(2 * hk_num(hk_coro_send(inner, NULL).value));
}

TEST(strands_do_not_disturb_each_other)
{
    static hk_coro *list[STRANDS];
    static hk_step steps[STRANDS];
    for (int i = 0; i < STRANDS; i++) {
        list[i] = hk_coro_create(doubles, hk_val(i), NULL);
        steps[i] = hk_coro_send(list[i], NULL);
    }
    for (int k = 0; k < STRANDS; k++) {
        int i = k * 37 % STRANDS;
        hk_step step = answer(list[i], steps[i]);
        CHECK(step.outcome == HK_RETURNED && hk_num(step.value) == 2 * (i + 1));
        CHECK_EQ(hk_coro_destroy(list[i]), 0);
    }
}
