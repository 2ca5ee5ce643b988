/* SPDX-License-Identifier: MIT */
/* send_yield: a value sent into a coroutine, and one yielded back.
 *
 * Eight generators and eight places that send to them, and who sends to whom changes from turn to
 * turn, as in a program: a bench with one call site flatters the branch predictor. The floors do
 * the same by a bare switch and by calling functions through pointers. */
#include "bench.h"

#include <hocket/coro.h>

#include "floor.h"

enum { SITES = 8 };

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

static hk_coro *generators[SITES];

static int64_t ours(long count, uint64_t *ret_hash)
{
    static hk_entry *const bodies[] = { generator_0, generator_1, generator_2, generator_3,
                                        generator_4, generator_5, generator_6, generator_7 };
    for (int k = 0; k < SITES; k++) {
        generators[k] = hk_coro_create(bodies[k], NULL, NULL);
        if (!generators[k] || hk_coro_send(generators[k], NULL).outcome != HK_YIELDED)
            bench_fail("a generator does not begin");
    }
    uintptr_t sum = 0;
    int64_t start = bench_cpu_now();
    for (long i = 0; i < count; i += SITES) {
        uintptr_t turn = (uintptr_t)i / SITES;
#define SEND(k) \
    MARK(k); \
    sum += (uintptr_t)hk_coro_send(generators[(turn + (k)) % SITES], (void *)(turn + 1)).value;
        EACH_SITE(SEND)
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
    uintptr_t sum = 0;
    int64_t start = bench_cpu_now();
    for (long i = 0; i < count; i += SITES) {
        uintptr_t turn = (uintptr_t)i / SITES;
#define SWITCH(k) \
    MARK(k); \
    sum += (uintptr_t)bare_switch(&main_context, &contexts[(turn + (k)) % SITES], \
                                  (void *)(turn + 1));
        EACH_SITE(SWITCH)
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

static int64_t called(long count, uint64_t *ret_hash)
{
    uintptr_t sum = 0;
    int64_t start = bench_cpu_now();
    for (long i = 0; i < count; i += SITES) {
        uintptr_t turn = (uintptr_t)i / SITES;
#define CALL(k) \
    MARK(k); \
    sum += (uintptr_t)functions[(turn + (k)) % SITES]((void *)(turn + 1));
        EACH_SITE(CALL)
    }
    int64_t took = bench_cpu_now() - start;
    *ret_hash = bench_mix(1, sum);
    return took;
}

static void run(void)
{
    bench_work *const work[] = { ours, BARE_WORKS ? bare : NULL, called };
    struct bench_race race;
    bench_run_race(work, 3, bench_quick ? 800 : 8000000, &race);
    bench_emit_race("send_yield", &race, 1);
    bench_emit_race("send_yield_over_call", &race, 2);
}

static const struct bench_row rows[] = {
    { "send_yield", "ns", "<= 2x", 2, true },
    { "send_yield_over_call", "ns", "-", 0, false },
    { 0 },
};
const struct bench bench_send = { rows, run };
