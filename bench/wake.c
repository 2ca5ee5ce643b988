/* SPDX-License-Identifier: MIT */
/* event_wake: two tasks that wake each other by turns, each through an event of its own.
 * spawn_wait: a task is spawned, does nothing, and its end is waited for, one after the other.
 *
 * The floors: two bare contexts that switch to each other; a context readied on a stack that has
 * been used, and a switch there and back. */
#include "bench.h"

#include <hocket.h>

#include "floor.h"

static char *stacks;
static struct bare waker, woken;

/* ---- event ---- */

static hk_event ping = { .name = "ping" }, pong = { .name = "pong" };

static void *answer(void *arg)
{
    const long *count = arg;
    for (long i = 0; i < *count; i += 2) {
        if (hk_event_wait(&ping) < 0) break;
        hk_event_clear(&ping);
        hk_event_set(&pong);
    }
    return NULL;
}

static int64_t ours_event(long count, uint64_t *ret_hash)
{
    uint64_t woken_up = 0;
    hk_tid other = hk_spawn(HK_ROOT, answer, &count);
    if (other < 0) bench_fail("no memory for a task");
    int64_t start = bench_cpu_now();
    for (long i = 0; i < count; i += 2) {
        hk_event_set(&ping);
        if (hk_event_wait(&pong) < 0) break;
        hk_event_clear(&pong);
        woken_up++;
    }
    int64_t took = bench_cpu_now() - start;
    hk_task_wait(other, NULL);
    *ret_hash = bench_mix(1, woken_up);
    return took;
}

static void bare_answer(void *arg)
{
    for (;;) bare_switch(&woken, &waker, arg);
}

static int64_t bare_event(long count, uint64_t *ret_hash)
{
    uint64_t woken_up = 0;
    bare_prepare(&woken, bare_top(stacks, 0), bare_answer, NULL);
    int64_t start = bench_cpu_now();
    for (long i = 0; i < count; i += 2) {
        bare_switch(&waker, &woken, NULL);
        woken_up++;
    }
    int64_t took = bench_cpu_now() - start;
    *ret_hash = bench_mix(1, woken_up);
    return took;
}

/* ---- a task, waited for ---- */

static uint64_t sum;

static void *child(void *arg)
{
    sum += (uintptr_t)arg;
    return NULL;
}

static int64_t ours_wait(long count, uint64_t *ret_hash)
{
    sum = 0;
    int64_t start = bench_cpu_now();
    for (long i = 0; i < count; i++)
        if (hk_task_wait(hk_spawn(HK_ROOT, child, (void *)1), NULL) != 0)
            bench_fail("a task is lost");
    int64_t took = bench_cpu_now() - start;
    *ret_hash = bench_mix(1, sum);
    return took;
}

static void bare_child(void *arg)
{
    sum += (uintptr_t)arg;
    bare_switch(&woken, &waker, NULL);
}

static int64_t bare_wait(long count, uint64_t *ret_hash)
{
    sum = 0;
    int64_t start = bench_cpu_now();
    for (long i = 0; i < count; i++) {
        bare_prepare(&woken, bare_top(stacks, 0), bare_child, (void *)1);
        bare_switch(&waker, &woken, NULL);
    }
    int64_t took = bench_cpu_now() - start;
    *ret_hash = bench_mix(1, sum);
    return took;
}

/* ---- the rows ---- */

static void *measure(void *arg)
{
    bench_work *const event[] = { ours_event, BARE_WORKS ? bare_event : NULL };
    bench_work *const wait[] = { ours_wait, BARE_WORKS ? bare_wait : NULL };
    struct bench_race race;
    stacks = bare_stacks(1);
    bench_run_race(event, 2, bench_quick ? 1000 : 128000, &race);
    bench_emit_race("event_wake", &race, 1);
    bench_run_race(wait, 2, bench_quick ? 1000 : 64000, &race);
    bench_emit_race("spawn_wait", &race, 1);
    return NULL;
}

static void run(void)
{
    int r = hk_run(measure, NULL, NULL);
    if (r != 0) bench_fail("event_wake: hk_run says %d", r);
}

static const struct bench_row rows[] = {
    { "event_wake", "ns", "-", 0, false },
    { "spawn_wait", "ns", "-", 0, false },
    { 0 },
};
const struct bench bench_wake = { rows, run };
