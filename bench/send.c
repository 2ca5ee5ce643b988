/* SPDX-License-Identifier: MIT */
/* send_yield: a value sent into a coroutine, and one yielded back.
 *
 * Eight generators and eight places that send to them, and who sends to whom changes now and then,
 * as in a program: a bench with one call site flatters the branch predictor.
 *
 * Three floors do the same. A bare switch between contexts, where all generators go back to one
 * place that the linker knows; the same where each generator remembers who resumed it, which is the
 * least that makes it one; and functions called through pointers. */
#include "bench.h"

#include <hocket/coro.h>

#include "floor.h"

enum { SITES = 8, LAPS = 64 };

#define EACH_SITE(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)
/* What makes the code of each site its own. */
#define MARK(k) __asm__ volatile("" ::"i"(k))

/* ---- ours ---- */

#define GENERATOR(k) \
    static void *generator_##k(void *arg) \
    { \
        uintptr_t v = (uintptr_t)hk_yield(arg); \
        while (!hk_is_err((void *)v)) { \
            MARK(k); \
            v = (uintptr_t)hk_yield((void *)(v + (k))); \
        } \
        return NULL; \
    }
EACH_SITE(GENERATOR)

#define SEND(k) \
    MARK(k); \
    sum += (uintptr_t)hk_coro_send(to[k], (void *)turn).value;

static int64_t ours(long count, uint64_t *ret_hash)
{
    static hk_entry *const bodies[] = { generator_0, generator_1, generator_2, generator_3,
                                        generator_4, generator_5, generator_6, generator_7 };
    hk_coro *generators[SITES];
    for (int k = 0; k < SITES; k++) {
        generators[k] = hk_coro_create(bodies[k], NULL, NULL);
        if (!generators[k] || hk_coro_send(generators[k], NULL).outcome != HK_YIELDED)
            bench_fail("a generator does not begin");
    }
    uintptr_t sum = 0, turn = 0;
    int64_t start = bench_cpu_now();
    for (long i = 0; i < count; i += SITES * LAPS) {
        hk_coro *to[SITES]; /* each place sends to another one than before */
        for (long k = 0; k < SITES; k++) to[k] = generators[(i / (SITES * LAPS) + k) % SITES];
        for (int lap = 0; lap < LAPS; lap++) {
            turn++;
            EACH_SITE(SEND)
        }
    }
    int64_t took = bench_cpu_now() - start;
    for (int k = 0; k < SITES; k++)
        if (hk_coro_destroy(generators[k]) != 0) bench_fail("a generator does not end");
    *ret_hash = bench_mix(1, sum);
    return took;
}

/* ---- the floor: a bare switch ---- */

static struct bare main_context, contexts[SITES];

#define BARE_GENERATOR(k) \
    static void bare_generator_##k(void *arg) \
    { \
        uintptr_t v = (uintptr_t)arg; \
        for (;;) { \
            MARK(k); \
            v = (uintptr_t)bare_switch(&contexts[k], &main_context, (void *)(v + (k))); \
        } \
    }
EACH_SITE(BARE_GENERATOR)

#define SWITCH(k) \
    MARK(k); \
    sum += (uintptr_t)bare_switch(&main_context, to[k], (void *)turn);

static int64_t bare(long count, uint64_t *ret_hash)
{
    static void (*const bodies[])(void *) = { bare_generator_0, bare_generator_1, bare_generator_2,
                                              bare_generator_3, bare_generator_4, bare_generator_5,
                                              bare_generator_6, bare_generator_7 };
    char *stacks = bare_stacks(SITES);
    for (int k = 0; k < SITES; k++) {
        bare_prepare(&contexts[k], bare_top(stacks, (size_t)k), bodies[k], NULL);
        bare_switch(&main_context, &contexts[k], NULL);
    }
    uintptr_t sum = 0, turn = 0;
    int64_t start = bench_cpu_now();
    for (long i = 0; i < count; i += SITES * LAPS) {
        struct bare *to[SITES]; /* each place sends to another one than before */
        for (long k = 0; k < SITES; k++) to[k] = &contexts[(i / (SITES * LAPS) + k) % SITES];
        for (int lap = 0; lap < LAPS; lap++) {
            turn++;
            EACH_SITE(SWITCH)
        }
    }
    int64_t took = bench_cpu_now() - start;
    bare_free(stacks, SITES);
    *ret_hash = bench_mix(1, sum);
    return took;
}

/* ---- the floor: a bare switch, and each generator has its own way back ---- */

static struct pair {
    struct bare own __attribute__((aligned(64))), back __attribute__((aligned(64)));
} pairs[SITES];

#define PAIR_GENERATOR(k) \
    static void pair_generator_##k(void *arg) \
    { \
        struct pair *me = arg; \
        uintptr_t v = 0; \
        for (;;) { \
            MARK(k); \
            v = (uintptr_t)bare_switch(&me->own, &me->back, (void *)(v + (k))); \
        } \
    }
EACH_SITE(PAIR_GENERATOR)

#define RESUME(k) \
    MARK(k); \
    sum += (uintptr_t)bare_switch(&to[k]->back, &to[k]->own, (void *)turn);

static int64_t paired(long count, uint64_t *ret_hash)
{
    static void (*const bodies[])(void *) = { pair_generator_0, pair_generator_1, pair_generator_2,
                                              pair_generator_3, pair_generator_4, pair_generator_5,
                                              pair_generator_6, pair_generator_7 };
    char *stacks = bare_stacks(SITES);
    for (int k = 0; k < SITES; k++) {
        bare_prepare(&pairs[k].own, bare_top(stacks, (size_t)k), bodies[k], &pairs[k]);
        bare_switch(&pairs[k].back, &pairs[k].own, NULL);
    }
    uintptr_t sum = 0, turn = 0;
    int64_t start = bench_cpu_now();
    for (long i = 0; i < count; i += SITES * LAPS) {
        struct pair *to[SITES];
        for (long k = 0; k < SITES; k++) to[k] = &pairs[(i / (SITES * LAPS) + k) % SITES];
        for (int lap = 0; lap < LAPS; lap++) {
            turn++;
            EACH_SITE(RESUME)
        }
    }
    int64_t took = bench_cpu_now() - start;
    bare_free(stacks, SITES);
    *ret_hash = bench_mix(1, sum);
    return took;
}

/* ---- the floor: functions called through pointers ---- */

#define FUNCTION(k) \
    static __attribute__((noinline)) void *function_##k(void *arg) \
    { \
        MARK(k); \
        return (void *)((uintptr_t)arg + (k)); \
    }
EACH_SITE(FUNCTION)

static hk_entry *volatile functions[SITES] = { function_0, function_1, function_2, function_3,
                                               function_4, function_5, function_6, function_7 };

#define CALL(k) \
    MARK(k); \
    sum += (uintptr_t)to[k]((void *)turn);

static int64_t called(long count, uint64_t *ret_hash)
{
    uintptr_t sum = 0, turn = 0;
    int64_t start = bench_cpu_now();
    for (long i = 0; i < count; i += SITES * LAPS) {
        hk_entry *to[SITES]; /* each place sends to another one than before */
        for (long k = 0; k < SITES; k++) to[k] = functions[(i / (SITES * LAPS) + k) % SITES];
        for (int lap = 0; lap < LAPS; lap++) {
            turn++;
            EACH_SITE(CALL)
        }
    }
    int64_t took = bench_cpu_now() - start;
    *ret_hash = bench_mix(1, sum);
    return took;
}

static void run(void)
{
    bench_work *const work[] = { ours, BARE_WORKS ? bare : NULL, BARE_WORKS ? paired : NULL,
                                 called };
    struct bench_race race;
    bench_run_race(work, 4, SITES * LAPS * (bench_quick ? 10 : 2000), &race);
    bench_emit_race("send_yield", &race, 1);
    bench_emit_race("send_yield_over_pair", &race, 2);
    bench_emit_race("send_yield_over_call", &race, 3);
}

static const struct bench_row rows[] = {
    { "send_yield", "ns", "<= 2x", 2, true },
    { "send_yield_over_pair", "ns", "-", 0, false },
    { "send_yield_over_call", "ns", "-", 0, false },
    { 0 },
};
const struct bench bench_send = { rows, run };
