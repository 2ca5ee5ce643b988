/* SPDX-License-Identifier: MIT */
/* throw: an error becomes the result of the pending yield.
 *
 * Cases 12 to 18 and 21. (19 and 20, delegation: test_delegate.c; 22 and 23, texts and causes:
 * test_failure.c; every kind of error against every kind of body: test_matrix.c.) */
#include "support/steps.h"

/* Notes what comes in; lets errors pass. */
static void *lets_pass(void *arg)
{
    (void)arg;
    note("begins ");
    void *in = hk_yield(hk_val(1));
    note("%s ", number_text(hk_num(in)));
    return in;
}

/* Takes an error for a reason to go on: yields 2, then returns 7. */
static void *handles(void *arg)
{
    (void)arg;
    void *in = hk_yield(hk_val(1));
    if (hk_is_err(in)) note("handled %s ", number_text(hk_num(in)));
    in = hk_yield(hk_val(2));
    return hk_is_err(in) ? in : hk_val(7);
}

/* Takes an error for a reason to end well. */
static void *ends_well(void *arg)
{
    (void)arg;
    return hk_is_err(hk_yield(hk_val(1))) ? hk_val(99) : NULL;
}

/* Case 12. */
TEST(throw_into_a_fresh_one_finishes_it_without_running)
{
    HK_CORO(co, lets_pass, NULL, NULL);
    CHECK_STEP(hk_coro_throw(co, -EIO), "failed EIO");
    CHECK_STR(trace, "");
    CHECK_STEP(hk_coro_send(co, NULL), "finished");
}

/* Case 13. */
TEST(an_unhandled_error_comes_back_to_the_thrower)
{
    HK_CORO(co, lets_pass, NULL, NULL);
    hk_coro_send(co, NULL);
    CHECK_STEP(hk_coro_throw(co, -EIO), "failed EIO");
    CHECK_STR(trace, "begins -EIO ");
    CHECK_STEP(hk_coro_send(co, NULL), "finished");
}

/* Case 14. */
TEST(a_body_that_handles_the_error_gives_its_next_yield)
{
    HK_CORO(co, handles, NULL, NULL);
    hk_coro_send(co, NULL);
    CHECK_STEP(hk_coro_throw(co, -EIO), "yielded 2");
    CHECK_STR(trace, "handled -EIO ");
    CHECK_STEP(hk_coro_send(co, NULL), "returned 7");
}

/* Case 15. */
TEST(a_body_that_handles_the_error_and_ends_gives_its_value)
{
    HK_CORO(co, ends_well, NULL, NULL);
    hk_coro_send(co, NULL);
    CHECK_STEP(hk_coro_throw(co, -EIO), "returned 99");
    CHECK_STEP(hk_coro_send(co, NULL), "finished");
}

/* Case 16. */
TEST(throw_into_a_finished_one_comes_back_each_time)
{
    HK_CORO(co, ends_well, NULL, NULL);
    hk_coro_send(co, NULL);
    hk_coro_send(co, NULL);
    for (int i = 0; i < 2; i++) {
        CHECK_STEP(hk_coro_throw(co, -EIO), "failed EIO");
        CHECK_STEP(hk_coro_send(co, hk_val(-EPROTO)), "failed EPROTO");
    }
    CHECK_STEP(hk_coro_send(co, NULL), "finished");
}

static void *throws_at_itself(void *arg)
{
    hk_coro **self = arg;
    CHECK_STEP(hk_coro_throw(*self, -EIO), "refused EALREADY");
    CHECK_STEP(hk_coro_send(*self, hk_val(-EIO)), "refused EALREADY");
    return hk_yield(hk_val(1));
}

/* Case 17. */
TEST(throw_into_a_running_one_is_refused_and_its_body_goes_on)
{
    hk_coro *co = hk_coro_create(throws_at_itself, &co, NULL);
    CHECK_STEP(hk_coro_send(co, NULL), "yielded 1");
    CHECK_STEP(hk_coro_send(co, hk_val(5)), "returned 5");
    CHECK_EQ(hk_coro_destroy(co), 0);
}

/* Case 18. */
TEST(throwing_what_is_no_error_is_refused_and_resumes_nothing)
{
    static const int no_errors[] = { 0, 1, EIO, INT32_MAX, -4096, INT32_MIN };
    HK_CORO(co, lets_pass, NULL, NULL);
    for (size_t i = 0; i < HK_LEN(no_errors); i++)
        CHECK_STEP(hk_coro_throw(co, no_errors[i]), "refused EINVAL");
    CHECK_STEP(hk_coro_send(co, NULL), "yielded 1");
    for (size_t i = 0; i < HK_LEN(no_errors); i++)
        CHECK_STEP(hk_coro_throw(co, no_errors[i]), "refused EINVAL");
    CHECK_STR(trace, "begins ");
    CHECK_STEP(hk_coro_send(co, hk_val(5)), "returned 5");
    CHECK_STEP(hk_coro_throw(co, 0), "refused EINVAL");
}

TEST(sending_an_error_value_is_throwing_it)
{
    HK_CORO(fresh, lets_pass, NULL, NULL);
    CHECK_STEP(hk_coro_send(fresh, hk_val(-EIO)), "failed EIO");
    HK_CORO(co, handles, NULL, NULL);
    hk_coro_send(co, NULL);
    CHECK_STEP(hk_coro_send(co, hk_val(-EIO)), "yielded 2");
    CHECK_STEP(hk_coro_send(co, hk_val(-EPROTO)), "failed EPROTO");
    CHECK_STR(trace, "handled -EIO ");
}

TEST(the_largest_error_is_one)
{
    HK_CORO(co, lets_pass, NULL, NULL);
    hk_coro_send(co, NULL);
    CHECK_STEP(hk_coro_throw(co, -4095), "failed 4095");
}

static void yields_on_the_way_out(void *arg)
{
    void *in = hk_yield(arg);
    note("cleanup heard %s ", number_text(hk_num(in)));
}

static void *has_talkative_cleanup(void *arg)
{
    CHECK_EQ(hk_at_end(yields_on_the_way_out, arg), 0);
    return hk_yield(hk_val(1));
}

/* Case 21: the thrower gets what the cleanup yields; the next resume delivers the error. */
TEST(cleanup_that_yields_comes_first_then_the_error)
{
    HK_CORO(co, has_talkative_cleanup, hk_val(50), NULL);
    hk_coro_send(co, NULL);
    CHECK_STEP(hk_coro_throw(co, -EIO), "yielded 50");
    CHECK_STEP(hk_coro_send(co, hk_val(6)), "failed EIO");
    CHECK_STR(trace, "cleanup heard 6 ");
    CHECK_STEP(hk_coro_send(co, NULL), "finished");
}

/* A second error that meets the cleanup is the cleanup's to handle: the first one is delivered. */
TEST(an_error_thrown_into_cleanup_does_not_replace_the_first)
{
    HK_CORO(co, has_talkative_cleanup, hk_val(50), NULL);
    hk_coro_send(co, NULL);
    CHECK_STEP(hk_coro_throw(co, -EIO), "yielded 50");
    CHECK_STEP(hk_coro_throw(co, -EPROTO), "failed EIO");
    CHECK_STR(trace, "cleanup heard -EPROTO ");
}

static void *counts_errors(void *arg)
{
    intptr_t errors = 0;
    (void)arg;
    for (int i = 0; i < 100; i++) errors += hk_is_err(hk_yield(hk_val(errors)));
    return hk_val(errors);
}

TEST(a_body_may_take_any_number_of_errors)
{
    HK_CORO(co, counts_errors, NULL, NULL);
    hk_step step = hk_coro_send(co, NULL);
    for (int i = 1; i <= 100; i++) {
        CHECK_EQ(step.outcome, HK_YIELDED);
        step = i % 2 != 0 ? hk_coro_throw(co, -i) : hk_coro_send(co, NULL);
    }
    CHECK_STEP(step, "returned 50");
}
