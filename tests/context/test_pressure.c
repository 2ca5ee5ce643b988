/* SPDX-License-Identifier: MIT */
/* Two contexts that take turns in a loop without a call, so that the compiler holds in registers
 * whatever the switch does not claim: what it claims too little shows as a wrong sum. */
#include "harness/harness.h"

#include <string.h>

#include <hocket/context.h>

#include "coro/stack.h"
#include "support/fresh_context.h"
#include "support/tools.h"

struct sums {
    uint64_t i[12];
    double d[14];
    long double x[5];
};

static hk__context context[3]; /* the last is the test itself */
static struct sums sums[2];
static unsigned rounds;

#define EACH_I(M) M(0) M(1) M(2) M(3) M(4) M(5) M(6) M(7) M(8) M(9) M(10) M(11)
#define EACH_D(M) EACH_I(M) M(12) M(13)
#define EACH_X(M) M(0) M(1) M(2) M(3) M(4)

#define DECLARE_I(n) uint64_t i##n = start + n;
#define DECLARE_D(n) double d##n = (double)start / (n + 3);
#define DECLARE_X(n) long double x##n = (long double)start / (n + 7);
#define ADVANCE_I(n) i##n = i##n * (2 * n + 3) + k;
#define ADVANCE_D(n) d##n = d##n * 0.5 + (n + 1);
#define ADVANCE_X(n) x##n = x##n * 0.25L + (n + 1);
#define STORE_I(n)   ret_sums->i[n] = i##n;
#define STORE_D(n)   ret_sums->d[n] = d##n;
#define STORE_X(n)   ret_sums->x[n] = x##n;

/* One function for those that switch and for the model, which does not. */
static inline __attribute__((always_inline)) void loop(unsigned me, bool switches,
                                                       struct sums *ret_sums)
{
    uint64_t start = me * 1000 + 17;
    EACH_I(DECLARE_I)
    EACH_D(DECLARE_D)
    EACH_X(DECLARE_X)
    for (unsigned k = 0; k < rounds; k++) {
        if (switches) hk__switch(&context[me], &context[!me], 1, NULL);
        EACH_I(ADVANCE_I)
        EACH_D(ADVANCE_D)
        EACH_X(ADVANCE_X)
    }
    EACH_I(STORE_I)
    EACH_D(STORE_D)
    EACH_X(STORE_X)
}

static void first(void)
{
    loop(0, true, &sums[0]);
    hk__switch(&context[0], &context[1], 1, NULL);
}

static void second(void)
{
    loop(1, true, &sums[1]);
    hk__switch(&context[1], &context[2], 1, NULL);
}

TEST(nothing_stays_in_a_register, .seconds = 30)
{
    static void (*const bodies[])(void) = { first, second };
    hk__stackful *stack[2];
    if (SANITIZED) SKIP("a bare switch tells sanitizers nothing");
    rounds = 100000;
    for (int i = 0; i < 2; i++) {
        stack[i] = hk__stack_get(0, false);
        fresh_context(&context[i], stack[i]->stack, (char *)stack[i], bodies[i]);
    }
    hk__switch(&context[2], &context[0], 1, NULL);
    for (unsigned i = 0; i < 2; i++) {
        struct sums model;
        loop(i, false, &model);
        CHECK(memcmp(model.i, sums[i].i, sizeof model.i) == 0);
        CHECK(memcmp(model.d, sums[i].d, sizeof model.d) == 0);
        for (unsigned k = 0; k < HK_LEN(model.x); k++) CHECK(model.x[k] == sums[i].x[k]);
        hk__stack_put(stack[i]);
    }
}
