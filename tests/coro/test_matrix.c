/* SPDX-License-Identifier: MIT */
/* Every way of stopping a coroutine against every way of taking it.
 *
 * Case 35: {close, throw of 4 kinds} x {lets pass, re-raises, other error, yields, returns}.
 * Python's four kinds are four ways to build an exception; here an error is a number, and the four
 * are those that could be mixed up: an ordinary one, close's own, the first and the last of the
 * range. Each for both kinds of coroutine, and for a body that waits at some depth of calls. */
#include "support/steps.h"

#include <stdlib.h>

enum taking { LETS_PASS, RE_RAISES, OTHER_ERROR, YIELDS, RETURNS };
enum stopping { CLOSE, THROW_EIO, THROW_CANCELED, THROW_FIRST, THROW_LAST, STOPPINGS };

/* The answer to an error; NULL: a yield. */
static void *answer(enum taking taking, void *error)
{
    switch (taking) {
    case LETS_PASS: return error;
    case RE_RAISES: note("cleanup "); return error;
    case OTHER_ERROR: return hk_val(-EPROTO);
    case RETURNS: return hk_val(99);
    default: return NULL;
    }
}

static void *at_depth(int depth)
{
    volatile char room[64];
    room[0] = 1;
    void *in = depth == 0 ? hk_yield(hk_val(1)) : at_depth(depth - 1);
    room[1] = room[0];
    return in;
}

struct plan {
    enum taking taking;
    int depth;
};

static void *stackful_body(void *arg)
{
    const struct plan *plan = arg;
    void *in = at_depth(plan->depth);
    if (plan->taking != YIELDS) return answer(plan->taking, in);
    in = hk_yield(hk_val(2));
    return hk_is_err(in) ? in : hk_val(7);
}

struct frame {
    hk_coro co;
    enum taking taking;
};

static hk_step stackless_body(hk_coro *co, void *in)
{
    struct frame *f = HK_CONTAINER(co, struct frame, co);
    HK_BEGIN(co);
    HK_GIVE(co, hk_val(1));
    if (f->taking != YIELDS) HK_RETURN(co, answer(f->taking, in));
    HK_GIVE(co, hk_val(2));
    HK_END(co, hk_is_err(in) ? in : hk_val(7));
}

static hk_step stop(enum stopping stopping, hk_coro *co)
{
    static const int errors[] = {
        [THROW_EIO] = -EIO, [THROW_CANCELED] = -ECANCELED, [THROW_FIRST] = -1, [THROW_LAST] = -4095
    };
    return stopping == CLOSE ? hk_coro_close(co) : hk_coro_throw(co, errors[stopping]);
}

static const char *const expected[STOPPINGS][5] = {
    [CLOSE] = { "returned 0", "returned 0", "failed EPROTO", "refused EBUSY", "returned 99" },
    [THROW_EIO] = { "failed EIO", "failed EIO", "failed EPROTO", "yielded 2", "returned 99" },
    [THROW_CANCELED] = { "failed ECANCELED", "failed ECANCELED", "failed EPROTO", "yielded 2",
                         "returned 99" },
    [THROW_FIRST] = { "failed EPERM", "failed EPERM", "failed EPROTO", "yielded 2", "returned 99" },
    [THROW_LAST] = { "failed 4095", "failed 4095", "failed EPROTO", "yielded 2", "returned 99" },
};

static void check_cell(hk_coro *co, enum stopping stopping, enum taking taking)
{
    trace_clear();
    CHECK_STEP(hk_coro_send(co, NULL), "yielded 1");
    CHECK_STEP(stop(stopping, co), expected[stopping][taking]);
    CHECK_STR(trace, taking == RE_RAISES ? "cleanup " : "");
    /* One that yielded goes on as if nothing had been; the others are over. */
    CHECK_STEP(hk_coro_send(co, NULL), taking == YIELDS ? "returned 7" : "finished");
    CHECK_STEP(hk_coro_close(co), "finished");
}

static void check_all(int depth)
{
    for (int stopping = 0; stopping < STOPPINGS; stopping++) {
        for (int taking = LETS_PASS; taking <= RETURNS; taking++) {
            struct plan plan = { taking, depth };
            HK_CORO(co, stackful_body, &plan, NULL);
            check_cell(co, stopping, taking);
        }
    }
}

TEST(all_ways_to_stop_against_all_ways_to_take_it_stackful) { check_all(0); }

TEST(all_ways_to_stop_against_all_ways_to_take_it_deep_down) { check_all(50); }

TEST(all_ways_to_stop_against_all_ways_to_take_it_stackless)
{
    for (int stopping = 0; stopping < STOPPINGS; stopping++) {
        for (int taking = LETS_PASS; taking <= RETURNS; taking++) {
            struct frame f = { .taking = taking };
            hk_stackless_init(&f.co, stackless_body, NULL);
            check_cell(&f.co, stopping, taking);
            CHECK_EQ(hk_coro_destroy(&f.co), 0);
        }
    }
}

/* The same through a coroutine that delegates: it must not be noticed that it is in between. */
static void *delegates(void *arg) { return hk_coro_delegate(arg); }

TEST(all_ways_to_stop_against_all_ways_to_take_it_through_delegation)
{
    for (int stopping = 0; stopping < STOPPINGS; stopping++) {
        for (int taking = LETS_PASS; taking <= RETURNS; taking++) {
            struct plan plan = { taking, 0 };
            HK_CORO(inner, stackful_body, &plan, NULL);
            HK_CORO(co, delegates, inner, NULL);
            const char *text = expected[stopping][taking];
            bool closes = stopping == CLOSE || stopping == THROW_CANCELED;
            CHECK_STEP(hk_coro_send(co, NULL), "yielded 1");
            /* Closed, the outer one ends whatever the inner made of it, with what went wrong. */
            if (closes && taking == YIELDS)
                text = "failed EBUSY";
            else if (closes && taking != OTHER_ERROR)
                text = stopping == CLOSE ? "returned 0" : "failed ECANCELED";
            CHECK_STEP(stop(stopping, co), text);
        }
    }
}
