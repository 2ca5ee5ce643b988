/* SPDX-License-Identifier: MIT */
/* yield_N: N tasks that give up the processor by turns, from eight call sites.
 *
 * The tasks live through all rounds. Whoever takes the last turn of a round stops the clock and
 * wakes the measuring task; a round is a whole number of laps, so every task has had as many turns
 * as any other. The floor is a bare switch from one context to the next one of an array. */
#include "bench.h"

#include <hocket.h>

#include <stdlib.h>

#include "floor.h"
#include "park.h"

enum { SITES = 8 };

#define EACH_SITE(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)
#define MARK(k)      __asm__ volatile("" ::"i"(k))

static long tasks, left;
static uint64_t turns[SITES];
static int64_t stopped; /* when the round ended */
static uint64_t hash;

static unsigned site_of(long i) { return (uint32_t)i * 2654435761u >> 7 & (SITES - 1); }

static void begin_round(long count)
{
    left = count;
    for (int k = 0; k < SITES; k++) turns[k] = 0;
}

static void end_round(void)
{
    stopped = bench_cpu_now();
    hash = 1;
    for (int k = 0; k < SITES; k++) hash = bench_mix(hash, turns[k]);
}

/* ---- ours ---- */

static __attribute__((noinline)) void end_ours(void)
{
    end_round();
    unpark();
}

#define TASK(k) \
    static void *task_##k(void *arg) \
    { \
        for (;;) { \
            MARK(k); \
            turns[k]++; \
            if (HK__UNLIKELY(--left == 0)) end_ours(); \
            if (HK__UNLIKELY(hk_sched_yield() < 0)) return NULL; \
        } \
    }
EACH_SITE(TASK)

static int64_t ours(long count, uint64_t *ret_hash)
{
    begin_round(count);
    int64_t start = bench_cpu_now();
    park();
    *ret_hash = hash;
    return stopped - start;
}

static void spawn_tasks(void)
{
    static hk_entry *const bodies[] = { task_0, task_1, task_2, task_3,
                                        task_4, task_5, task_6, task_7 };
    for (long i = 0; i < tasks; i++)
        if (hk_spawn(HK_ROOT, bodies[site_of(i)], NULL) < 0) bench_fail("no memory for a task");
}

/* ---- the floor ---- */

static struct bare main_context, *contexts;
static struct bare
    *first; /* to be resumed: who ended the last round, and goes on to the next one */
static char *stacks;

static inline __attribute__((always_inline)) void bare_yield(struct bare *me)
{
    struct bare *next = me + 1;
    if (next == contexts + tasks) next = contexts;
    bare_switch(me, next, NULL);
}

static __attribute__((noinline)) void end_bare(struct bare *me)
{
    end_round();
    first = me;
    bare_switch(me, &main_context, NULL);
}

#define BARE_TASK(k) \
    static void bare_task_##k(void *arg) \
    { \
        for (;;) { \
            MARK(k); \
            turns[k]++; \
            if (HK__UNLIKELY(--left == 0)) end_bare(arg); \
            bare_yield(arg); \
        } \
    }
EACH_SITE(BARE_TASK)

static int64_t bare(long count, uint64_t *ret_hash)
{
    begin_round(count);
    int64_t start = bench_cpu_now();
    bare_switch(&main_context, first, NULL);
    *ret_hash = hash;
    return stopped - start;
}

static void make_contexts(void)
{
    static void (*const bodies[])(void *) = { bare_task_0, bare_task_1, bare_task_2, bare_task_3,
                                              bare_task_4, bare_task_5, bare_task_6, bare_task_7 };
    contexts = calloc((size_t)tasks, sizeof *contexts);
    if (!contexts) bench_fail("no memory for contexts");
    stacks = bare_stacks((size_t)tasks);
    for (long i = 0; i < tasks; i++)
        bare_prepare(&contexts[i], bare_top(stacks, (size_t)i), bodies[site_of(i)], &contexts[i]);
    first = contexts;
}

/* ---- the rows ---- */

static void *measure(void *arg)
{
    const char *name = arg;
    bench_work *const work[] = { ours, BARE_WORKS ? bare : NULL };
    struct bench_race race;
    long count = tasks * (bench_quick ? 3 : tasks < 400000 ? 400000 / tasks : 1);
    make_contexts();
    spawn_tasks();
    bench_run_race(work, 2, count, &race);
    bench_emit_race(name, &race, 1);
    hk_sched_stop(hk__here.sched, 0);
    return NULL;
}

static void run(const char *name, long count)
{
    tasks = count;
    int r = hk_run(measure, (void *)(uintptr_t)name, NULL);
    if (r != 0) bench_fail("%s: hk_run says %d", name, r);
}

static void run_2(void) { run("yield_2", 2); }
static void run_1000(void) { run("yield_1000", 1000); }
static void run_100000(void) { run("yield_100000", bench_quick ? 4000 : 100000); }

static const struct bench_row rows_2[] = { { "yield_2", "ns", "-", 0, false }, { 0 } };
static const struct bench_row rows_1000[] = { { "yield_1000", "ns", "<= 10", 10, false }, { 0 } };
static const struct bench_row rows_100000[] = { { "yield_100000", "ns", "<= 70", 70, false },
                                                { 0 } };
const struct bench bench_yield_2 = { rows_2, run_2 };
const struct bench bench_yield_1000 = { rows_1000, run_1000 };
const struct bench bench_yield_100000 = { rows_100000, run_100000 };
