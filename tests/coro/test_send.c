/* SPDX-License-Identifier: MIT */
/* send and yield: the two directions of a coroutine, and the end of it.
 *
 * Cases 1 to 7, 10 and 11 of the semantics. (8, two threads: test_threads.c; 9, registers:
 * tests/context.) */
#include "support/steps.h"

/* Yields 1, then whatever was sent, then returns 7. */
static void *echo(void *arg)
{
    bool *began = arg;
    if (began != NULL) *began = true;
    void *in = hk_yield(hk_val(1));
    if (hk_is_err(in)) return in;
    in = hk_yield(in);
    return hk_is_err(in) ? in : hk_val(7);
}

/* Case 1. */
TEST(create_runs_nothing)
{
    bool began = false;
    hk_coro *co = hk_coro_create(echo, &began, NULL);
    CHECK(co != NULL && !began);
    CHECK_EQ(hk_coro_destroy(co), 0);
    CHECK(!began);
}

/* Case 2. */
TEST(the_first_send_starts_the_body)
{
    bool began = false;
    HK_CORO(co, echo, &began, NULL);
    CHECK_STEP(hk_coro_send(co, NULL), "yielded 1");
    CHECK(began);
}

/* Case 3. */
TEST(yield_returns_what_was_sent)
{
    HK_CORO(co, echo, NULL, NULL);
    CHECK_STEP(hk_coro_send(co, NULL), "yielded 1");
    CHECK_STEP(hk_coro_send(co, hk_val(42)), "yielded 42");
}

/* Case 4. */
TEST(the_return_value_travels_once)
{
    HK_CORO(co, echo, NULL, NULL);
    hk_coro_send(co, NULL);
    hk_coro_send(co, NULL);
    CHECK_STEP(hk_coro_send(co, NULL), "returned 7");
    CHECK_STEP(hk_coro_send(co, NULL), "finished");
}

/* Case 5. */
TEST(a_finished_coroutine_says_so_each_time)
{
    HK_CORO(co, echo, NULL, NULL);
    while (hk_coro_send(co, NULL).outcome == HK_YIELDED) continue;
    for (int i = 0; i < 3; i++) {
        CHECK_STEP(hk_coro_send(co, NULL), "finished");
        CHECK_STEP(hk_coro_send(co, hk_val(5)), "finished");
    }
}

TEST(a_value_to_a_fresh_coroutine_is_refused_and_it_can_still_be_started)
{
    bool began = false;
    HK_CORO(co, echo, &began, NULL);
    CHECK_STEP(hk_coro_send(co, hk_val(5)), "refused EINVAL");
    CHECK(!began);
    CHECK_STEP(hk_coro_send(co, NULL), "yielded 1");
}

TEST(no_coroutine_at_all_is_refused)
{
    void *item = hk_val(3);
    CHECK_STEP(hk_coro_send(NULL, NULL), "refused EINVAL");
    CHECK_STEP(hk_coro_throw(NULL, -EIO), "refused EINVAL");
    CHECK_STEP(hk_coro_close(NULL), "refused EINVAL");
    CHECK_NUMBER(hk_coro_next(NULL, &item), "-EINVAL");
    CHECK_EQ(hk_num(item), 3);
    CHECK_EQ(hk_coro_destroy(NULL), 0);
}

static void *sends_to_itself(void *arg)
{
    hk_coro **self = arg;
    CHECK_STEP(hk_coro_send(*self, NULL), "refused EALREADY");
    CHECK_STEP(hk_coro_send(*self, hk_val(5)), "refused EALREADY");
    void *in = hk_yield(hk_val(1));
    CHECK_EQ(hk_num(in), 9);
    CHECK_STEP(hk_coro_send(*self, NULL), "refused EALREADY");
    return hk_val(7);
}

/* Case 6. */
TEST(send_to_a_running_coroutine_is_refused_and_its_body_goes_on)
{
    hk_coro *co = hk_coro_create(sends_to_itself, &co, NULL);
    CHECK_STEP(hk_coro_send(co, NULL), "yielded 1");
    CHECK_STEP(hk_coro_send(co, hk_val(9)), "returned 7");
    CHECK_EQ(hk_coro_destroy(co), 0);
}

struct pair {
    hk_coro *a, *b;
};

static void *resumes_a(void *arg)
{
    struct pair *pair = arg;
    CHECK_STEP(hk_coro_send(pair->a, NULL), "refused EALREADY");
    return hk_val(2);
}

static void *resumes_b(void *arg)
{
    struct pair *pair = arg;
    CHECK_STEP(hk_coro_send(pair->b, NULL), "returned 2");
    return hk_val(1);
}

/* Case 7: one that has resumed another is running too. */
TEST(a_cycle_is_refused_in_the_inner_send)
{
    struct pair pair;
    pair.a = hk_coro_create(resumes_b, &pair, NULL);
    pair.b = hk_coro_create(resumes_a, &pair, NULL);
    CHECK_STEP(hk_coro_send(pair.a, NULL), "returned 1");
    CHECK_EQ(hk_coro_destroy(pair.a), 0);
    CHECK_EQ(hk_coro_destroy(pair.b), 0);
}

static intptr_t dig(int depth)
{
    volatile char room[100];
    room[0] = (char)depth;
    if (depth == 0) return hk_num(hk_yield(hk_val(50)));
    return dig(depth - 1) + (room[0] != (char)depth);
}

static void *digs(void *arg) { return hk_val(dig((int)hk_num(arg))); }

/* Case 10. */
TEST(a_yield_works_fifty_calls_deep)
{
    HK_CORO(co, digs, hk_val(50), NULL);
    CHECK_STEP(hk_coro_send(co, NULL), "yielded 50");
    CHECK_STEP(hk_coro_send(co, hk_val(6)), "returned 6");
}

/* bogus.py: a generator that is also sent to. A sent value replaces the count. */
static void *countdown(void *arg)
{
    intptr_t n = hk_num(arg);
    while (n >= 0) {
        void *in = hk_yield(hk_val(n));
        if (hk_is_err(in)) return in;
        n = in != NULL ? hk_num(in) : n - 1;
    }
    return NULL;
}

/* Case 11: 5 2 1 0. The 3 that was sent comes back from that send, so the loop does not see it. */
TEST(bogus_countdown)
{
    HK_CORO(co, countdown, hk_val(5), NULL);
    void *n;
    while (hk_coro_next(co, &n) > 0) {
        note("%d ", (int)hk_num(n));
        if (hk_num(n) == 5) CHECK_STEP(hk_coro_send(co, hk_val(3)), "yielded 3");
    }
    CHECK_STR(trace, "5 2 1 0 ");
}

TEST(next_reads_items_then_0_for_ever)
{
    HK_CORO(co, countdown, hk_val(1), NULL);
    void *item = NULL;
    CHECK_EQ(hk_coro_next(co, &item), 1);
    CHECK_EQ(hk_num(item), 1);
    CHECK_EQ(hk_coro_next(co, &item), 1);
    CHECK_EQ(hk_num(item), 0);
    item = hk_val(99);
    CHECK_EQ(hk_coro_next(co, &item), 0);
    CHECK_EQ(hk_coro_next(co, &item), 0);
    CHECK_EQ(hk_num(item), 99); /* untouched where there is no item */
}

static void *fails(void *arg) { return arg; }

TEST(next_gives_the_failure_once_then_0)
{
    HK_CORO(co, fails, hk_val(-EIO), NULL);
    void *item = hk_val(99);
    CHECK_NUMBER(hk_coro_next(co, &item), "-EIO");
    CHECK_EQ(hk_coro_next(co, &item), 0);
    CHECK_EQ(hk_num(item), 99);
}

/* An error is a value in -4095..-1; all others are values. */
TEST(where_errors_end_and_values_begin)
{
    static const struct {
        intptr_t value;
        const char *outcome;
    } list[] = {
        { -1, "failed EPERM" }, { -4095, "failed 4095" }, { -4096, "returned -4096" },
        { 0, "returned 0" },    { 1, "returned 1" },      { INTPTR_MIN, NULL },
        { INTPTR_MAX, NULL },
    };
    for (size_t i = 0; i < HK_LEN(list); i++) {
        HK_CORO(co, fails, hk_val(list[i].value), NULL);
        hk_step step = hk_coro_send(co, NULL);
        CHECK_EQ(hk_num(step.value), list[i].value);
        if (list[i].outcome != NULL)
            CHECK_STR(step_text(step), list[i].outcome);
        else
            CHECK_EQ(step.outcome, HK_RETURNED);
    }
}

static void *yields_extremes(void *arg)
{
    (void)arg;
    CHECK(hk_yield(hk_val(INTPTR_MIN)) == hk_val(INTPTR_MAX));
    CHECK(hk_yield(hk_val(-4096)) == hk_val(-4096));
    return NULL;
}

TEST(values_travel_whole_in_both_directions)
{
    HK_CORO(co, yields_extremes, NULL, NULL);
    CHECK(hk_coro_send(co, NULL).value == hk_val(INTPTR_MIN));
    CHECK(hk_coro_send(co, hk_val(INTPTR_MAX)).value == hk_val(-4096));
    CHECK_STEP(hk_coro_send(co, hk_val(-4096)), "returned 0");
}

static void *hears_twice(void *arg)
{
    (void)arg;
    CHECK_EQ(hk_num(hk_yield(NULL)), 5);
    CHECK_EQ(hk_num(hk_yield(NULL)), 0);
    return NULL;
}

/* In the seed a stale value would come once more. */
TEST(each_resume_carries_a_fresh_value)
{
    HK_CORO(co, hears_twice, NULL, NULL);
    hk_coro_send(co, NULL);
    hk_coro_send(co, hk_val(5));
    CHECK_STEP(hk_coro_send(co, NULL), "returned 0");
}

enum { MANY = 1000 };

/* They are independent: interleaved, each keeps its own count. */
TEST(a_thousand_coroutines_side_by_side)
{
    static hk_coro *list[MANY];
    for (int i = 0; i < MANY; i++) list[i] = hk_coro_create(countdown, hk_val(i % 10), NULL);
    for (int round = 0; round < 12; round++) {
        for (int i = 0; i < MANY; i++) {
            int left = i % 10 - round;
            hk_step step = hk_coro_send(list[i], NULL);
            if (left >= 0 ? step.outcome != HK_YIELDED || hk_num(step.value) != left
                          : step.outcome != (left == -1 ? HK_RETURNED : HK_FINISHED))
                test_fail("coroutine %d in round %d: %s", i, round, step_text(step));
        }
    }
    for (int i = 0; i < MANY; i++) CHECK_EQ(hk_coro_destroy(list[i]), 0);
}

static void *nest(void *arg)
{
    intptr_t depth = hk_num(arg);
    if (depth == 0) return NULL;
    HK_CORO(inner, nest, hk_val(depth - 1), NULL);
    hk_step step = hk_coro_send(inner, NULL);
    return hk_val(hk_num(step.value) + 1);
}

TEST(coroutines_resume_coroutines_a_thousand_deep)
{
    HK_CORO(co, nest, hk_val(1000), NULL);
    CHECK_STEP(hk_coro_send(co, NULL), "returned 1000");
}
