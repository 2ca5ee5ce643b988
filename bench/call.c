/* SPDX-License-Identifier: MIT */
/* call_at_once: a system call that a program defines itself, and that has its answer at once.
 *
 * The floor is a function called through a pointer. */
#include "bench.h"

#include <hocket.h>

struct add {
    hk_call call;
    intptr_t a, b;
};

static void add_handle(hk_call *call)
{
    struct add *self = HK_CONTAINER(call, struct add, call);
    hk_call_complete(call, self->a + self->b);
}
static const hk_call_type add_type = { .name = "add", .handle = add_handle };

static uint64_t add(intptr_t a, intptr_t b)
{
    return (uint64_t)HK_TRAP(struct add, HK_CALL(add_type), .a = a, .b = b);
}

static int64_t ours(long count, uint64_t *ret_hash)
{
    uint64_t sum = 0;
    int64_t start = bench_cpu_now();
    for (long i = 0; i < count; i += 4) {
        sum += add(i, 1);
        sum += add(i, 2);
        sum += add(i, 3);
        sum += add(i, 4);
    }
    int64_t took = bench_cpu_now() - start;
    *ret_hash = bench_mix(1, sum);
    return took;
}

static __attribute__((noinline)) uint64_t plain_add(intptr_t a, intptr_t b)
{
    __asm__ volatile("");
    return (uint64_t)(a + b);
}
static uint64_t (*volatile pointer)(intptr_t a, intptr_t b) = plain_add;

static int64_t called(long count, uint64_t *ret_hash)
{
    uint64_t sum = 0;
    int64_t start = bench_cpu_now();
    for (long i = 0; i < count; i += 4) {
        sum += pointer(i, 1);
        sum += pointer(i, 2);
        sum += pointer(i, 3);
        sum += pointer(i, 4);
    }
    int64_t took = bench_cpu_now() - start;
    *ret_hash = bench_mix(1, sum);
    return took;
}

static void *measure(void *arg)
{
    bench_work *const work[] = { ours, called };
    struct bench_race race;
    bench_run_race(work, 2, bench_quick ? 1000 : 800000, &race);
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
