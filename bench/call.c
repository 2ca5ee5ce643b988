/* SPDX-License-Identifier: MIT */
/* call_at_once: a system call that a program defines itself, and that has its answer at once.
 *
 * The floor is a function called through a pointer. */
#include "bench.h"

#include <hocket.h>

struct get_tid {
    hk_call call;
};

static void get_tid_handle(hk_call *call) { hk_call_complete(call, (intptr_t)hk_call_tid(call)); }
static const hk_call_type get_tid_type = { .name = "get_tid", .handle = get_tid_handle };
static hk_tid get_tid(void) { return HK_TRAP(struct get_tid, HK_CALL(get_tid_type)); }

static int64_t ours(long count, uint64_t *ret_hash)
{
    uint64_t sum = 0;
    int64_t start = bench_cpu_now();
    for (long i = 0; i < count; i += 4) {
        sum += (uint64_t)get_tid();
        sum += (uint64_t)get_tid() * 2;
        sum += (uint64_t)get_tid() * 3;
        sum += (uint64_t)get_tid() * 4;
    }
    int64_t took = bench_cpu_now() - start;
    *ret_hash = bench_mix(1, sum);
    return took;
}

static __attribute__((noinline)) hk_tid one(void)
{
    __asm__ volatile("");
    return 1;
}
static hk_tid (*volatile pointer)(void) = one;

static int64_t called(long count, uint64_t *ret_hash)
{
    uint64_t sum = 0;
    int64_t start = bench_cpu_now();
    for (long i = 0; i < count; i += 4) {
        sum += (uint64_t)pointer();
        sum += (uint64_t)pointer() * 2;
        sum += (uint64_t)pointer() * 3;
        sum += (uint64_t)pointer() * 4;
    }
    int64_t took = bench_cpu_now() - start;
    *ret_hash = bench_mix(1, sum);
    return took;
}

static void *measure(void *arg)
{
    bench_work *const work[] = { ours, called };
    struct bench_race race;
    bench_run_race(work, 2, bench_quick ? 1000 : 8000000, &race);
    bench_emit_race("call_at_once", &race, 1);
    return NULL;
}

static void run(void)
{
    int r = hk_run(measure, NULL, NULL);
    if (r != 0) bench_fail("call_at_once: hk_run says %d", r);
}

static const struct bench_row rows[] = { { "call_at_once", "ns", "<= 6", 6, false }, { 0 } };
const struct bench bench_call = { rows, run };
