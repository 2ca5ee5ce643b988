/* SPDX-License-Identifier: MIT */
/* sim_schedules_per_s: schedules of 250 turns, of nine tasks that yield, each with a seed of its
 * own. virtual_10_days: a thousand tasks that sleep a thousand times each, the last of them for ten
 * days, and how long that really takes.
 *
 * The floors: as many bare contexts, readied for each schedule, of which a generator of random
 * numbers says who is next; a thousand deadlines in a heap by hand, and a bare switch to whose
 * context has the least. */
#include "bench.h"

#include <hocket.h>

#include <math.h>
#include <stdio.h>

#include "floor.h"

enum { WORKERS = 8, WORKER_TURNS = 31, TURNS = 250, SLEEPERS = 1000 };
_Static_assert(WORKERS *WORKER_TURNS + 2 == TURNS, "");

static uint64_t turns;
static char *stacks;
static struct bare loop, contexts[SLEEPERS];

static int64_t simulate(hk_entry *scenario, const hk_sim_options *options, hk_sim_result *ret)
{
    turns = 0;
    int64_t start = bench_cpu_now();
    int r = hk_sim_run(scenario, NULL, options, ret);
    int64_t took = bench_cpu_now() - start;
    if (r < 0) bench_fail("hk_sim_run says %d", r);
    return took;
}

/* ---- schedules ---- */

static void *worker(void *arg)
{
    turns++;
    for (int i = 1; i < WORKER_TURNS; i++) {
        if (hk_sched_yield() < 0) break;
        turns++;
    }
    return NULL;
}

static void *scenario(void *arg)
{
    for (int i = 0; i < WORKERS; i++)
        if (hk_spawn(HK_ROOT, worker, NULL) < 0) bench_fail("no memory for a task");
    turns++;
    if (hk_sched_yield() == 0) turns++;
    return NULL;
}

static int64_t ours_schedules(long count, uint64_t *ret_hash)
{
    const hk_sim_options options = { .seed = 1, .runs = (uint64_t)count };
    hk_sim_result result;
    int64_t took = simulate(scenario, &options, &result);
    if (result.switches != TURNS)
        bench_fail("a schedule has %llu turns", (unsigned long long)turns);
    *ret_hash = bench_mix(1, turns);
    return took;
}

static void bare_worker(void *arg)
{
    struct bare *me = arg;
    for (;;) {
        turns++;
        bare_switch(me, &loop, NULL);
    }
}

static int64_t bare_schedules(long count, uint64_t *ret_hash)
{
    uint64_t random = 1;
    turns = 0;
    int64_t start = bench_cpu_now();
    for (long i = 0; i < count; i++) {
        for (size_t k = 0; k <= WORKERS; k++)
            bare_prepare(&contexts[k], bare_top(stacks, k), bare_worker, &contexts[k]);
        for (int n = 0; n < TURNS; n++) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            bare_switch(&loop, &contexts[(random >> 32) * (WORKERS + 1) >> 32], NULL);
        }
    }
    int64_t took = bench_cpu_now() - start;
    *ret_hash = bench_mix(1, turns);
    return took;
}

/* A rate: the larger the better. */
static void measure_schedules(void)
{
    bench_work *const work[] = { ours_schedules, BARE_WORKS ? bare_schedules : NULL };
    struct bench_race race;
    bench_run_race(work, 2, bench_quick ? 10 : 1000, &race);
    for (int i = 0; i < 2; i++) {
        race.median[i] = 1e9 / race.median[i];
        race.least[i] = 1e9 / race.least[i];
        race.ratio[i] = 1 / race.ratio[i];
    }
    bench_emit_race("sim_schedules_per_s", &race, 1);
}

/* ---- ten days ---- */

static long sleeps; /* of each */

static int64_t duration(long sleeper) { return (sleeper + 1) * HK_MS(864); }

static void *sleeper(void *arg)
{
    for (long i = 0; i < sleeps; i++)
        if (hk_sleep(duration(hk_num(arg))) == 0) turns++;
    return NULL;
}

static void *ten_days(void *arg)
{
    for (int i = 0; i < SLEEPERS; i++)
        if (hk_spawn(HK_ROOT, sleeper, hk_val(i)) < 0) bench_fail("no memory for a task");
    return NULL;
}

static int64_t ours_days(long count, uint64_t *ret_hash)
{
    sleeps = count / SLEEPERS;
    const hk_sim_options options = { .policy = HK_SIM_FIFO };
    hk_sim_result result;
    int64_t took = simulate(ten_days, &options, &result);
    if (result.virtual_ns != duration(SLEEPERS - 1) * sleeps) bench_fail("virtual time is wrong");
    *ret_hash = bench_mix(1, turns);
    return took;
}

struct deadline {
    int64_t time;
    long sleeper;
};

/* The first of a heap has become later. */
static void sift(struct deadline *heap)
{
    const struct deadline moved = heap[0];
    size_t at = 0;
    for (size_t below = 1; below < SLEEPERS; below = 2 * at + 1) {
        if (below + 1 < SLEEPERS && heap[below + 1].time < heap[below].time) below++;
        if (heap[below].time >= moved.time) break;
        heap[at] = heap[below];
        at = below;
    }
    heap[at] = moved;
}

static int64_t bare_days(long count, uint64_t *ret_hash)
{
    static struct deadline heap[SLEEPERS];
    static long left[SLEEPERS];
    turns = 0;
    int64_t start = bench_cpu_now();
    for (long k = 0; k < SLEEPERS; k++) {
        bare_prepare(&contexts[k], bare_top(stacks, (size_t)k), bare_worker, &contexts[k]);
        heap[k] = (struct deadline){ duration(k), k };
        left[k] = count / SLEEPERS;
    }
    for (long n = 0; n < count; n++) {
        const long k = heap[0].sleeper;
        bare_switch(&loop, &contexts[k], NULL);
        heap[0].time = --left[k] > 0 ? heap[0].time + duration(k) : INT64_MAX;
        sift(heap);
    }
    int64_t took = bench_cpu_now() - start;
    *ret_hash = bench_mix(1, turns);
    return took;
}

static void measure_days(void)
{
    const long count = (bench_quick ? 3 : 1000) * SLEEPERS;
    bench_work *const work[] = { ours_days, BARE_WORKS ? bare_days : NULL };
    struct bench_race race;
    bench_rounds = 9;
    bench_run_race(work, 2, count, &race);
    for (int i = 0; i < 2; i++) {
        race.median[i] *= (double)count / 1e6;
        race.least[i] *= (double)count / 1e6;
    }
    bench_emit_race("virtual_10_days", &race, 1);
}

static void run(void)
{
    stacks = bare_stacks(SLEEPERS);
    if (bench_wanted("sim_schedules_per_s")) measure_schedules();
    if (bench_wanted("virtual_10_days")) measure_days();
}

static const struct bench_row rows[] = {
    { "sim_schedules_per_s", "1/s", ">= 50000", -50000, false },
    { "virtual_10_days", "ms", "-", 0, false },
    { 0 },
};
const struct bench bench_sim = { rows, run };
