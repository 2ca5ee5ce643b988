/* SPDX-License-Identifier: MIT */
/* Counting instructions instead of time: a machine that others use counts as well as an idle one.
 *
 * A row does its work three times: once so that stacks and queues are there, then some of it, then
 * four times as much. Callgrind writes down what each took. The difference of the last two is the
 * work alone: what begins and ends a round has cancelled out. */
#include "bench.h"

#include <hocket.h>

#include <stdio.h>

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define RUNNING_ON_VALGRIND           0
#define CALLGRIND_ZERO_STATS          ((void)0)
#define CALLGRIND_DUMP_STATS_AT(text) ((void)(text))
#endif

#define TEXT(x)  TEXT_(x)
#define TEXT_(x) #x

#ifdef __clang__
#define COMPILER "clang-" TEXT(__clang_major__)
#else
#define COMPILER "gcc-" TEXT(__GNUC__)
#endif

#if !defined(__OPTIMIZE__) || defined(HK__ASAN) || defined(HK__TSAN)
#define KEY NULL
#elif defined(HK_CONTEXT_OUTLINE) || defined(HK_CONTEXT_REFERENCE)
#define KEY NULL
#elif defined(__x86_64__)
#define KEY COMPILER " x86_64"
#else
#define KEY COMPILER " aarch64"
#endif

const char *bench_count_key(void) { return RUNNING_ON_VALGRIND ? KEY : NULL; }

void bench_count(const char *name, bench_work *work, long count)
{
    static const int times[] = { 2, 8 };
    uint64_t hash;
    work(count, &hash);
    for (int i = 0; i < 2; i++) {
        char text[64];
        snprintf(text, sizeof text, "%s %ld", name, times[i] * count);
        CALLGRIND_ZERO_STATS;
        work(times[i] * count, &hash);
        CALLGRIND_DUMP_STATS_AT(text);
    }
}
