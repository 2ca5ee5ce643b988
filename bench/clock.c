/* SPDX-License-Identifier: MIT */
/* Clocks, and what is made of their readings. */
#include "bench.h"

#include <stdlib.h>
#include <time.h>

static int64_t read_clock(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t bench_now(void) { return read_clock(CLOCK_MONOTONIC); }

int64_t bench_cpu_now(void) { return read_clock(CLOCK_THREAD_CPUTIME_ID); }

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void bench_sort(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, by_size);
}

double bench_median(double *values, int count)
{
    bench_sort(values, count);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}
