/* SPDX-License-Identifier: MIT */
/* cancel_million, cancel_million_stackless: a million tasks of a group wait for an event; how long
 * it takes from cancelling the group until its close returns, when all of them have ended.
 *
 * The floor of those with stacks: a million bare contexts, each parked on a stack of its own, are
 * switched to once more, one after the other. Without stacks: a function called for each frame. */
#include "bench.h"

#include <hocket.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "floor.h"

enum { MILLION = 1000000, BYTES_EACH = 10000, BYTES_EACH_STACKLESS = 400 };

static hk_event never = { .name = "never" };
static long parked, ended;

static int64_t cancel(hk_group *g, long count, uint64_t *ret_hash)
{
    while (parked < count) hk_sched_yield();
    int64_t start = bench_cpu_now();
    hk_group_cancel(g, "the bench is over");
    intptr_t r = hk_group_close(g, 0);
    int64_t took = bench_cpu_now() - start;
    if (r != 0 || ended != count) bench_fail("the close says %ld", (long)r);
    *ret_hash = bench_mix(1, (uint64_t)ended);
    return took;
}

/* ---- with stacks ---- */

static void *task(void *arg)
{
    parked++;
    int r = hk_event_wait(&never);
    ended++;
    return hk_val(r);
}

static int64_t ours(long count, uint64_t *ret_hash)
{
    parked = ended = 0;
    HK_GROUP(g, NULL);
    for (long i = 0; i < count; i++)
        if (hk_spawn(&g, task, NULL) < 0) bench_fail("no memory for task %ld", i);
    return cancel(&g, count, ret_hash);
}

static struct bare *contexts; /* the last is who readied them */

static void bare_task(void *arg)
{
    struct bare *me = arg;
    bare_switch(me, me + 1, NULL); /* parked */
    ended++;
    bare_switch(me, me + 1, NULL);
}

static int64_t bare(long count, uint64_t *ret_hash)
{
    char *stacks = bare_stacks((size_t)count);
    contexts = calloc((size_t)count + 1, sizeof *contexts);
    if (contexts == NULL) bench_fail("no memory for contexts");
    ended = 0;
    for (long i = 0; i < count; i++)
        bare_prepare(&contexts[i], bare_top(stacks, (size_t)i), bare_task, &contexts[i]);
    bare_switch(&contexts[count], &contexts[0], NULL);
    int64_t start = bench_cpu_now();
    bare_switch(&contexts[count], &contexts[0], NULL);
    int64_t took = bench_cpu_now() - start;
    free(contexts);
    bare_free(stacks, (size_t)count);
    *ret_hash = bench_mix(1, (uint64_t)ended);
    return took;
}

/* ---- without ---- */

struct frame {
    hk_coro co;
    hk_sync_call wait;
};
static struct frame *frames;

static hk_step step(hk_coro *co, void *in)
{
    struct frame *f = HK_CONTAINER(co, struct frame, co);
    HK_BEGIN(co);
    parked++;
    hk_event_wait_prepare(&f->wait, &never);
    HK_AWAIT(co, &f->wait.call);
    ended++;
    HK_END(co, hk_val(f->wait.call.result));
}

static int64_t ours_stackless(long count, uint64_t *ret_hash)
{
    parked = ended = 0;
    HK_GROUP(g, NULL);
    for (long i = 0; i < count; i++) {
        hk_stackless_init(&frames[i].co, step, NULL);
        if (hk_spawn_stackless(&g, &frames[i].co, NULL) < 0)
            bench_fail("no memory for task %ld", i);
    }
    return cancel(&g, count, ret_hash);
}

static void bare_step(struct frame *f)
{
    f->wait.call.result = -ECANCELED;
    ended++;
}
static void (*volatile pointer)(struct frame *f) = bare_step;

static int64_t bare_stackless(long count, uint64_t *ret_hash)
{
    ended = 0;
    int64_t start = bench_cpu_now();
    for (long i = 0; i < count; i++) pointer(&frames[i]);
    int64_t took = bench_cpu_now() - start;
    *ret_hash = bench_mix(1, (uint64_t)ended);
    return took;
}

/* ---- the rows ---- */

/* In seconds for a million. */
static void race(const char *name, bench_work *ours_work, bench_work *floor, long count)
{
    bench_work *const work[] = { ours_work, floor };
    struct bench_race result;
    bench_run_race(work, 2, count, &result);
    for (int i = 0; i < 2; i++) {
        result.median[i] *= MILLION / 1e9;
        result.least[i] *= MILLION / 1e9;
    }
    bench_emit_race(name, &result, 1);
}

static void *measure(void *arg)
{
    race("cancel_million", ours, BARE_WORKS ? bare : NULL,
         bench_quick ? 1000 : bench_fitting(MILLION, BYTES_EACH));
    return NULL;
}

static void *measure_stackless(void *arg)
{
    long count = bench_quick ? 1000 : bench_fitting(MILLION, BYTES_EACH_STACKLESS);
    frames = calloc((size_t)count, sizeof *frames);
    if (frames == NULL) bench_fail("no memory for frames");
    race("cancel_million_stackless", ours_stackless, bare_stackless, count);
    free(frames);
    return NULL;
}

static void run_one(hk_entry *fn)
{
    bench_rounds = 3;
    int r = hk_run(fn, NULL, NULL);
    if (r != 0) bench_fail("cancel: hk_run says %d", r);
}

static void run(void) { run_one(measure); }
static void run_stackless(void) { run_one(measure_stackless); }

static const struct bench_row rows[] = { { "cancel_million", "s", "<= 1", 1, false }, { 0 } };
static const struct bench_row rows_stackless[] = {
    { "cancel_million_stackless", "s", "<= 1", 1, false }, { 0 }
};
const struct bench bench_cancel = { rows, run };
const struct bench bench_cancel_stackless = { rows_stackless, run_stackless };
