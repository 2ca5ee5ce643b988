/* SPDX-License-Identifier: MIT */
/* The clock of real worlds, and how much may run at one time. */
#include "world/world.h"

#include <sched.h>
#include <time.h>

int64_t hk__clock_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int hk__clock_cpus(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}
