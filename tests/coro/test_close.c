/* SPDX-License-Identifier: MIT */
/* close: throws -ECANCELED and expects the end. And what rests on it: destroy, the end of a block.
 *
 * Cases 24 to 34. (32, nested, also in test_delegate.c; close of one parked in a call: test_table.c
 * and tests/call.) */
#include "support/steps.h"

struct plan {
    void *answer; /* to a close: returned; NULL: lets the error pass */
    int ignores;  /* so many closes are answered with a yield */
};

/* Yields 1, 2, 3 ...; notes "cleanup" when it was told to end. */
static void *body(void *arg)
{
    const struct plan *plan = arg;
    int ignored = 0;
    note("begins ");
    for (intptr_t i = 1;; i++) {
        void *in = hk_yield(hk_val(i));
        if (!hk_is_err(in) || ignored++ < plan->ignores) continue;
        CHECK_EQ(hk_num(in), -ECANCELED);
        note("cleanup ");
        return plan->answer != NULL ? plan->answer : in;
    }
}

static const struct plan plain;

/* Case 24. */
TEST(close_of_a_fresh_one_runs_neither_body_nor_cleanup)
{
    HK_CORO(co, body, (void *)&plain, NULL);
    CHECK_STEP(hk_coro_close(co), "returned 0");
    CHECK_STR(trace, "");
    CHECK_STEP(hk_coro_send(co, NULL), "finished");
}

/* Case 25. */
TEST(close_of_a_suspended_one_runs_its_cleanup_once)
{
    HK_CORO(co, body, (void *)&plain, NULL);
    hk_coro_send(co, NULL);
    CHECK_STEP(hk_coro_close(co), "returned 0");
    CHECK_STR(trace, "begins cleanup ");
    CHECK_STEP(hk_coro_send(co, NULL), "finished");
}

/* Case 26. */
TEST(a_body_that_returns_a_value_to_close_is_heard)
{
    HK_CORO(co, body, (&(struct plan){ .answer = hk_val(99) }), NULL);
    hk_coro_send(co, NULL);
    CHECK_STEP(hk_coro_close(co), "returned 99");
}

/* Case 27. */
TEST(a_body_that_yields_to_close_is_busy_and_stays_usable)
{
    HK_CORO(co, body, (&(struct plan){ .ignores = 1 }), NULL);
    hk_coro_send(co, NULL);
    CHECK_STEP(hk_coro_close(co), "refused EBUSY");
    CHECK_STEP(hk_coro_send(co, NULL), "yielded 3"); /* the 2 went to nobody */
    CHECK_STEP(hk_coro_close(co), "returned 0");
    CHECK_STR(trace, "begins cleanup ");
}

/* Case 28. */
TEST(a_body_that_answers_close_with_another_error_is_heard)
{
    HK_CORO(co, body, (&(struct plan){ .answer = hk_val(-EIO) }), NULL);
    hk_coro_send(co, NULL);
    CHECK_STEP(hk_coro_close(co), "failed EIO");
    CHECK_STEP(hk_coro_send(co, NULL), "finished");
}

/* Cases 29 and 30. */
TEST(close_of_a_finished_one_is_nothing)
{
    HK_CORO(co, body, (void *)&plain, NULL);
    hk_coro_send(co, NULL);
    CHECK_STEP(hk_coro_close(co), "returned 0");
    CHECK_STEP(hk_coro_close(co), "finished");
    CHECK_STEP(hk_coro_close(co), "finished");
    CHECK_STR(trace, "begins cleanup ");
}

static void *closes_itself(void *arg)
{
    hk_coro **self = arg;
    CHECK_STEP(hk_coro_close(*self), "refused EALREADY");
    CHECK_NUMBER(hk_coro_destroy(*self), "-EALREADY");
    return hk_yield(hk_val(1));
}

/* Case 31. */
TEST(close_of_oneself_is_refused_and_the_body_goes_on)
{
    hk_coro *co = hk_coro_create(closes_itself, &co, NULL);
    CHECK_STEP(hk_coro_send(co, NULL), "yielded 1");
    CHECK_STEP(hk_coro_send(co, hk_val(5)), "returned 5");
    CHECK_EQ(hk_coro_destroy(co), 0);
}

static void *outer(void *arg)
{
    HK_CORO(inner, body, (void *)&plain, NULL);
    void *item, *in;
    while (hk_coro_next(inner, &item) > 0) {
        in = hk_yield(item);
        if (!hk_is_err(in)) continue;
        note("outer unwinds ");
        return in;
    }
    return arg;
}

/* Case 32, where the outer one owns the inner: leaving its block closes it. */
TEST(close_unwinds_what_the_body_owns)
{
    HK_CORO(co, outer, NULL, NULL);
    hk_coro_send(co, NULL);
    hk_coro_send(co, NULL);
    CHECK_STEP(hk_coro_close(co), "returned 0");
    CHECK_STR(trace, "begins outer unwinds cleanup ");
}

/* Case 33. */
TEST(destroy_closes_first)
{
    hk_coro *co = hk_coro_create(body, (void *)&plain, NULL);
    hk_coro_send(co, NULL);
    CHECK_EQ(hk_coro_destroy(co), 0);
    CHECK_STR(trace, "begins cleanup ");
}

TEST(destroy_of_one_that_fails_in_its_cleanup_drops_the_error)
{
    hk_coro *co = hk_coro_create(body, (&(struct plan){ .answer = hk_val(-EIO) }), NULL);
    hk_coro_send(co, NULL);
    CHECK_EQ(hk_coro_destroy(co), 0);
}

TEST(destroy_of_one_that_ignores_its_close_frees_nothing)
{
    hk_coro *co = hk_coro_create(body, (&(struct plan){ .ignores = 2 }), NULL);
    hk_coro_send(co, NULL);
    CHECK_NUMBER(hk_coro_destroy(co), "-EBUSY");
    CHECK_NUMBER(hk_coro_destroy(co), "-EBUSY");
    CHECK_STEP(hk_coro_send(co, NULL), "yielded 4");
    CHECK_EQ(hk_coro_destroy(co), 0);
    CHECK_STR(trace, "begins cleanup ");
}

/* Case 34. */
TEST(breaking_out_of_a_foreach_closes)
{
    {
        HK_CORO(co, body, (void *)&plain, NULL);
        void *item;
        while (hk_coro_next(co, &item) > 0)
            if (hk_num(item) == 3) break;
    }
    CHECK_STR(trace, "begins cleanup ");
}

static intptr_t first_item(hk_entry *fn, const void *arg)
{
    HK_CORO(co, fn, (void *)(uintptr_t)arg, NULL);
    void *item;
    return hk_coro_next(co, &item) > 0 ? hk_num(item) : -1;
}

TEST(returning_out_of_a_block_closes)
{
    CHECK_EQ(first_item(body, &plain), 1);
    CHECK_STR(trace, "begins cleanup ");
}

static void registered(void *arg) { note("%s ", (const char *)arg); }

static void *stubborn(void *arg)
{
    (void)arg;
    char local[] = "its_own_frame"; /* still there when the handler runs */
    CHECK_EQ(hk_at_end(registered, (void *)(uintptr_t) "first"), 0);
    CHECK_EQ(hk_at_end(registered, local), 0);
    while (hk_yield(NULL) != hk_val(77)) continue;
    return NULL;
}

TEST(one_that_ignores_its_close_at_a_blocks_end_loses_its_stack,
     .prints = "hocket: coroutine 'mule' ignored its close: its stack is dropped\n")
{
    {
        HK_CORO(co, stubborn, NULL, &(hk_coro_options){ .name = "mule" });
        hk_coro_send(co, NULL);
    }
    CHECK_STR(trace, "its_own_frame first ");
}

static void tries_to_register(void *arg)
{
    (void)arg;
    CHECK_NUMBER(hk_at_end(registered, NULL), "-EPERM");
    note("ran ");
}

static void *stubborn_registrar(void *arg)
{
    (void)arg;
    CHECK_EQ(hk_at_end(tries_to_register, NULL), 0);
    while (hk_yield(NULL) != hk_val(77)) continue;
    return NULL;
}

static void *owner_of_a_mule(void *arg)
{
    (void)arg;
    {
        HK_CORO(co, stubborn_registrar, NULL, NULL);
        hk_coro_send(co, NULL);
    }
    void *in = hk_yield(hk_val(1)); /* the owner itself is none the worse */
    return in;
}

/* The handlers of a dropped stack run as their dropper's: what they register would be its. */
TEST(handlers_of_a_dropped_stack_register_nothing,
     .prints = "coroutine 'coroutine' ignored its close")
{
    HK_CORO(co, owner_of_a_mule, NULL, NULL);
    CHECK_STEP(hk_coro_send(co, NULL), "yielded 1");
    CHECK_STR(trace, "ran ");
    CHECK_STEP(hk_coro_send(co, hk_val(3)), "returned 3");
}

TEST(leaving_a_block_whose_create_failed_is_nothing)
{
    HK_CORO(co, body, (void *)&plain, &(hk_coro_options){ .stack = SIZE_MAX / 4 });
    CHECK(co == NULL);
}

TEST(leave_forgets_the_coroutine)
{
    hk_coro *co = hk_coro_create(body, (void *)&plain, NULL);
    hk_coro_leave(&co);
    CHECK(co == NULL);
    hk_coro_leave(&co);
}
