/* SPDX-License-Identifier: MIT */
/* stackless_send: a value sent into a stackless coroutine, and one given back. stackless_yield:
 * stackless tasks that give up the processor by turns, a thousand of them. stackless_spawn: such
 * tasks born, run and buried, in batches of a thousand.
 *
 * The floors: a function called through a pointer, for each turn and each task. */
#include "bench.h"

#include <hocket.h>

#include "calls/calls.h"

enum { TASKS = 1000 };

struct frame {
    hk_coro co;
    hk_call call;
    long turns;
};
static struct frame frames[TASKS];
static uint64_t sum;

static __attribute__((noinline)) void plain_step(uintptr_t v)
{
    __asm__ volatile("");
    sum += v;
}
static void (*volatile pointer)(uintptr_t v) = plain_step;

static int64_t called(long count, uint64_t *ret_hash)
{
    sum = 0;
    int64_t start = bench_cpu_now();
    for (long i = 0; i < count; i++) pointer(1);
    int64_t took = bench_cpu_now() - start;
    *ret_hash = bench_mix(1, sum);
    return took;
}

/* ---- send ---- */

static hk_step generator(hk_coro *co, void *in)
{
    HK_BEGIN(co);
    while (!hk_is_err(in)) HK_GIVE(co, in);
    HK_END(co, NULL);
}

static int64_t ours_send(long count, uint64_t *ret_hash)
{
    hk_coro co;
    hk_stackless_init(&co, generator, NULL);
    sum = (uintptr_t)hk_coro_send(&co, NULL).value;
    int64_t start = bench_cpu_now();
    for (long i = 0; i < count; i++) sum += (uintptr_t)hk_coro_send(&co, (void *)1).value;
    int64_t took = bench_cpu_now() - start;
    if (hk_coro_close(&co).outcome != HK_RETURNED) bench_fail("a generator does not end");
    *ret_hash = bench_mix(1, sum);
    return took;
}

/* ---- tasks ---- */

/* Makes a task of each frame and waits for the last one's end; they run in order of birth. */
static void run_frames(hk_step_fn *step, long turns)
{
    hk_tid last = 0;
    for (int k = 0; k < TASKS; k++) {
        frames[k].turns = turns;
        hk_stackless_init(&frames[k].co, step, NULL);
        last = hk_spawn_stackless(HK_ROOT, &frames[k].co, NULL);
        if (last < 0) bench_fail("no memory for a task");
    }
    if (hk_task_wait(last, NULL) != 0) bench_fail("the last of a batch is lost");
}

static hk_step yielder(hk_coro *co, void *in)
{
    struct frame *f = HK_CONTAINER(co, struct frame, co);
    HK_BEGIN(co);
    while (f->turns-- > 0) {
        sum++;
        f->call.type = &hk__yield_type;
        HK_AWAIT(co, &f->call);
        if (f->call.result < 0) break;
    }
    HK_END(co, NULL);
}

static int64_t ours_yield(long count, uint64_t *ret_hash)
{
    sum = 0;
    int64_t start = bench_cpu_now();
    run_frames(yielder, count / TASKS);
    int64_t took = bench_cpu_now() - start;
    *ret_hash = bench_mix(1, sum);
    return took;
}

static hk_step child(hk_coro *co, void *in)
{
    sum++;
    return hk__step_end(NULL);
}

static int64_t ours_spawn(long count, uint64_t *ret_hash)
{
    sum = 0;
    int64_t start = bench_cpu_now();
    for (long i = 0; i < count; i += TASKS) run_frames(child, 0);
    int64_t took = bench_cpu_now() - start;
    *ret_hash = bench_mix(1, sum);
    return took;
}

/* ---- the rows ---- */

static void race(const char *name, bench_work *ours, long count)
{
    bench_work *const work[] = { ours, called };
    struct bench_race result;
    bench_run_race(work, 2, bench_quick ? 3 * TASKS : count, &result);
    bench_emit_race(name, &result, 1);
}

static void *measure(void *arg)
{
    race("stackless_send", ours_send, 400000);
    race("stackless_yield", ours_yield, 200 * TASKS);
    race("stackless_spawn", ours_spawn, 100 * TASKS);
    return NULL;
}

static void run(void)
{
    int r = hk_run(measure, NULL, NULL);
    if (r != 0) bench_fail("stackless_send: hk_run says %d", r);
}

static const struct bench_row rows[] = {
    { "stackless_send", "ns", "-", 0, false },
    { "stackless_yield", "ns", "-", 0, false },
    { "stackless_spawn", "ns", "-", 0, false },
    { 0 },
};
const struct bench bench_step = { rows, run };
