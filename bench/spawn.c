/* SPDX-License-Identifier: MIT */
/* spawn_exit: tasks born, run and buried, in batches of a thousand.
 *
 * Tasks run in order of birth, so whoever waits for the last of a batch has waited for all of them.
 * The floor readies a thousand contexts on stacks that have been used before and runs through them:
 * each goes straight on to the next. */
#include "bench.h"

#include <hocket.h>

#include "floor.h"

enum { BATCH = 1000 };

static uint64_t sum;

/* ---- ours ---- */

static void *child(void *arg)
{
    sum += (uintptr_t)arg;
    return arg;
}

static int64_t ours(long count, uint64_t *ret_hash)
{
    sum = 0;
    int64_t start = bench_cpu_now();
    for (long i = 0; i < count; i += BATCH) {
        hk_tid last = 0;
        for (uintptr_t k = 0; k < BATCH; k++) {
            last = hk_spawn(HK_ROOT, child, (void *)(k + 1));
            if (last < 0) bench_fail("no memory for a task");
        }
        if (hk_task_wait(last, NULL) != 0) bench_fail("the last of a batch is lost");
    }
    int64_t took = bench_cpu_now() - start;
    *ret_hash = bench_mix(1, sum);
    return took;
}

/* ---- the floor ---- */

static struct bare contexts[BATCH + 1]; /* the last is who readied them */
static char *stacks;

static void bare_child(void *arg)
{
    struct bare *me = arg;
    sum += (uintptr_t)(me - contexts) + 1;
    bare_switch(me, me + 1, NULL);
}

static int64_t bare(long count, uint64_t *ret_hash)
{
    sum = 0;
    int64_t start = bench_cpu_now();
    for (long i = 0; i < count; i += BATCH) {
        for (size_t k = 0; k < BATCH; k++)
            bare_prepare(&contexts[k], bare_top(stacks, k), bare_child, &contexts[k]);
        bare_switch(&contexts[BATCH], &contexts[0], NULL);
    }
    int64_t took = bench_cpu_now() - start;
    *ret_hash = bench_mix(1, sum);
    return took;
}

static void *measure(void *arg)
{
    bench_work *const work[] = { ours, BARE_WORKS ? bare : NULL };
    struct bench_race race;
    stacks = bare_stacks(BATCH);
    bench_run_race(work, 2, bench_quick ? 3 * BATCH : 200 * BATCH, &race);
    bench_emit_race("spawn_exit", &race, 1);
    return NULL;
}

static void run(void)
{
    int r = hk_run(measure, NULL, NULL);
    if (r != 0) bench_fail("spawn_exit: hk_run says %d", r);
}

static const struct bench_row rows[] = { { "spawn_exit", "ns", "<= 30", 30, false }, { 0 } };
const struct bench bench_spawn = { rows, run };
