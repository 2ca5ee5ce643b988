/* SPDX-License-Identifier: MIT */
/* A million switches between contexts that hold live values in all kinds of registers, checked
 * against the same calculation without switches.
 *
 * Each context is a small machine: integers, doubles, long doubles and a control word of its own.
 * Who goes next, and by which form of the switch, follows from a seed; so the switches inline and
 * out of line meet in every order. The model runs the same steps in a loop. */
#include "harness/harness.h"

#include <fenv.h>
#include <stdlib.h>

#include <hocket/context.h>

#include "coro/stack.h"
#include "support/fresh_context.h"
#include "support/tools.h"

#ifndef HK_CONTEXT_REFERENCE
hk_step hk__switch_outline(hk__context *from, const hk__context *to, uintptr_t outcome,
                           void *value);
#endif

enum { MACHINES = 12, SWITCHES = 1000000 };
enum form { INLINE, OUTLINE, MIXED };

static const int roundings[] = { FE_TONEAREST, FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO };

/* What a machine holds between two switches. */
struct state {
    uint64_t a, b, c, d, e, f, g, h;
    double p, q, r, s, t;
    long double x, y;
};

static struct {
    hk__context context[MACHINES + 1]; /* the last is the test itself */
    struct state result[MACHINES];
    uint64_t random;
    unsigned turn, left, wrong;
    uint64_t sent;
    enum form form;
} world;

static uint64_t next_random(void)
{
    world.random ^= world.random << 13;
    world.random ^= world.random >> 7;
    return world.random ^= world.random << 17;
}

static struct state first_state(unsigned machine)
{
    uint64_t k = machine * UINT64_C(0x9e3779b97f4a7c15) + 1;
    double z = 1.0 + machine;
    return (struct state){ k,     k + 1,   k + 2, k + 3,   k + 4,   k + 5,     k + 6,    k + 7,
                           z / 3, z / 0.7, z / 7, z / 1.1, z / 1.3, z / 17.0L, z / 19.0L };
}

/* Everything depends on everything, and doubles round in the machine's own direction. */
static inline __attribute__((always_inline)) void advance(struct state *s, uint64_t by)
{
    s->a = s->a * 3 + s->h + by;
    s->b ^= s->a >> 3;
    s->c += s->b * 5;
    s->d ^= s->c << 1;
    s->e += s->d ^ s->a;
    s->f = s->f * 7 + s->e;
    s->g ^= s->f + s->b;
    s->h += s->g;
    s->p = s->p * 1.1 + 1.0 / 3.0;
    s->q = s->q / 1.3 + s->p;
    s->r = (s->r + s->q) / 3.0;
    s->s = s->s * 0.7 + s->r;
    s->t = s->t / 1.7 + s->s;
    s->p = s->p > 1e9 ? s->p / 1e9 : s->p;
    s->x = s->x / 3.0L + s->y;
    s->y = (s->y + s->x) / 5.0L + (long double)s->t;
}

static uint64_t digest(const struct state *s)
{
    uint64_t sum = s->a ^ s->b ^ s->c ^ s->d ^ s->e ^ s->f ^ s->g ^ s->h;
    double d = s->p + s->q + s->r + s->s + s->t + (double)s->x + (double)s->y;
    return sum ^ (uint64_t)(int64_t)(d * 1e6);
}

/* Whose turn is next; the test's own when all is done. */
static unsigned choose(void)
{
    if (world.left == 0) return MACHINES;
    world.left--;
    return (unsigned)(next_random() >> 33) % MACHINES;
}

static inline __attribute__((always_inline)) hk_step leave(unsigned me, unsigned to, void *value)
{
    hk__context *from = &world.context[me], *target = &world.context[to];
#ifndef HK_CONTEXT_REFERENCE
    if (world.form == OUTLINE || (world.form == MIXED && (world.sent & 1)))
        return hk__switch_outline(from, target, me + 1, value);
#endif
    return hk__switch(from, target, me + 1, value);
}

static void machine(void)
{
    unsigned me = world.turn;
    fesetround(roundings[me % 4]);
    struct state s = first_state(me);
    for (;;) {
        unsigned to = choose();
        world.result[me] = s;
        if (to != me) {
            world.turn = to;
            hk_step step = leave(me, to, hk_val((intptr_t)world.sent));
            world.wrong += step.outcome == 0 || (uint64_t)hk_num(step.value) != world.sent;
            world.wrong += fegetround() != roundings[me % 4];
        }
        advance(&s, world.sent);
        world.sent = digest(&s) >> 8;
    }
}

static void begin(enum form form)
{
    world.random = 88172645463325252;
    world.left = SWITCHES / (unsigned)test_time_factor();
    world.sent = 1;
    world.form = form;
    world.wrong = 0;
}

static void run_switching(enum form form, struct state *ret_result)
{
    hk__stackful *stack[MACHINES];
    for (int i = 0; i < MACHINES; i++) {
        stack[i] = hk__stack_get(0, false);
        fresh_context(&world.context[i], stack[i]->stack, (char *)stack[i], machine);
    }
    begin(form);
    fesetround(FE_TONEAREST);
    world.turn = choose();
    leave(MACHINES, world.turn, hk_val((intptr_t)world.sent));
    CHECK_EQ(fegetround(), FE_TONEAREST);
    CHECK_EQ(world.wrong, 0);
    for (int i = 0; i < MACHINES; i++) {
        ret_result[i] = world.result[i];
        hk__stack_put(stack[i]);
    }
}

static void run_model(struct state *ret_result)
{
    struct state s[MACHINES];
    bool begun[MACHINES] = { false };
    begin(INLINE);
    unsigned me = choose(), to;
    while (me != MACHINES) {
        fesetround(roundings[me % 4]);
        if (!begun[me])
            s[me] = first_state(me);
        else
            advance(&s[me], world.sent);
        if (begun[me]) world.sent = digest(&s[me]) >> 8;
        begun[me] = true;
        while ((to = choose()) == me) {
            advance(&s[me], world.sent);
            world.sent = digest(&s[me]) >> 8;
        }
        ret_result[me] = s[me];
        me = to;
    }
    fesetround(FE_TONEAREST);
}

#if defined(__x86_64__) && !defined(HK_CONTEXT_OUTLINE) && !defined(HK_CONTEXT_REFERENCE)
/* As if the processor were one of the other kind. */
static void pretend(bool loads_are_free) { hk__mxcsr_loads_free = loads_are_free; }
#else
static void pretend(bool loads_are_free) { (void)loads_are_free; }
#endif

static void compare(enum form form)
{
    struct state real[MACHINES], model[MACHINES];
    if (SANITIZED) SKIP("a bare switch tells sanitizers nothing");
    run_switching(form, real);
    run_model(model);
    for (int i = 0; i < MACHINES; i++) {
        CHECK_EQ(real[i].a, model[i].a);
        CHECK_EQ(real[i].h, model[i].h);
        CHECK_EQ(digest(&real[i]), digest(&model[i]));
        CHECK(real[i].x == model[i].x && real[i].y == model[i].y);
    }
}

TEST(inline_form_keeps_every_register, .seconds = 60) { compare(INLINE); }
TEST(so_it_does_where_mxcsr_is_compared, .seconds = 60)
{
    pretend(false);
    compare(INLINE);
}
TEST(and_where_it_is_loaded_always, .seconds = 60)
{
    pretend(true);
    compare(INLINE);
}
#ifndef HK_CONTEXT_REFERENCE
TEST(outline_form_keeps_every_register, .seconds = 60) { compare(OUTLINE); }
TEST(both_forms_understand_each_other, .seconds = 60) { compare(MIXED); }
TEST(both_where_mxcsr_is_compared, .seconds = 60)
{
    pretend(false);
    compare(MIXED);
}
TEST(both_where_it_is_loaded_always, .seconds = 60)
{
    pretend(true);
    compare(MIXED);
}
#endif
