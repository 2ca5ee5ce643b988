/* SPDX-License-Identifier: MIT */
/* park_timer: tasks that sleep a nanosecond again and again: each sleep parks its task, and a timer
 * wakes it. With 64 and with 1000 tasks, so that few and many deadlines are kept.
 *
 * The floor is a bare switch from one context to the next: what a sleep would cost if nobody had to
 * remember when it ends. */
#include "bench.h"

#include <hocket.h>

#include "floor.h"
#include "park.h"

enum { MOST = 1000 };

static long tasks, left;
static uint64_t turns[MOST];
static int64_t stopped;

static void begin_round(long count)
{
    left = count;
    for (long i = 0; i < tasks; i++) turns[i] = 0;
}

static void end_round(void) { stopped = bench_cpu_now(); }

/* Timers are late by a little, and not all by the same: what everybody had is not told, only that
 * all turns were taken. */
static uint64_t count_turns(void)
{
    uint64_t sum = 0;
    for (long i = 0; i < tasks; i++) sum += turns[i];
    return bench_mix(1, sum);
}

/* ---- ours ---- */

static void *sleeper(void *arg)
{
    uint64_t *turn = arg;
    while (left > 0) {
        ++*turn;
        if (--left == 0) end_round();
        if (hk_sleep(1) < 0) break;
    }
    return NULL;
}

static int64_t ours(long count, uint64_t *ret_hash)
{
    begin_round(count);
    hk_tid tid[MOST];
    for (long i = 0; i < tasks; i++) {
        tid[i] = hk_spawn(HK_ROOT, sleeper, &turns[i]);
        if (tid[i] < 0) bench_fail("no memory for a task");
    }
    int64_t start = bench_cpu_now();
    for (long i = 0; i < tasks; i++) hk_task_wait(tid[i], NULL);
    *ret_hash = count_turns();
    return stopped - start;
}

/* ---- the floor ---- */

static struct bare main_context, contexts[MOST];
static char *stacks;

static void bare_sleeper(void *arg)
{
    struct bare *me = arg;
    for (;;) {
        turns[me - contexts]++;
        if (--left == 0) {
            end_round();
            bare_switch(me, &main_context, NULL);
        }
        struct bare *next = me + 1;
        if (next == contexts + tasks) next = contexts;
        bare_switch(me, next, NULL);
    }
}

static int64_t bare(long count, uint64_t *ret_hash)
{
    begin_round(count);
    for (long i = 0; i < tasks; i++)
        bare_prepare(&contexts[i], bare_top(stacks, (size_t)i), bare_sleeper, &contexts[i]);
    int64_t start = bench_cpu_now();
    bare_switch(&main_context, contexts, NULL);
    *ret_hash = count_turns();
    return stopped - start;
}

static void *measure(void *arg)
{
    bench_work *const work[] = { ours, BARE_WORKS ? bare : NULL };
    struct bench_race race;
    stacks = bare_stacks(MOST);
    tasks = 64;
    bench_run_race(work, 2, bench_quick ? 640 : 64 * 2000, &race);
    bench_emit_race("park_timer", &race, 1);
    tasks = MOST;
    bench_run_race(work, 2, bench_quick ? 3000 : MOST * 120, &race);
    bench_emit_race("park_timer_1000", &race, 1);
    return NULL;
}

static void run(void)
{
    int r = hk_run(measure, NULL, NULL);
    if (r != 0) bench_fail("park_timer: hk_run says %d", r);
}

static const struct bench_row rows[] = {
    { "park_timer", "ns", "<= 30", 30, false },
    { "park_timer_1000", "ns", "<= 30", 30, false },
    { 0 },
};
const struct bench bench_timer = { rows, run };
