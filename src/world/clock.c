/* SPDX-License-Identifier: MIT */
/* The clock of real worlds, and how many processors they have. */
#include "world/world.h"

#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

HK__HOT int64_t hk__clock_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int hk__clock_cpus(void)
{
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 1 ? (int)online : 1;
}

/* The kernel may delay a timeout by the thread's timer slack, 50 us: sleeps would be late by that
 * much. */
int hk__clock_fine(void)
{
    int before = prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0);
    if (before > 0) prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
    return before;
}

void hk__clock_coarse(int before)
{
    if (before > 0) prctl(PR_SET_TIMERSLACK, (unsigned long)before, 0, 0, 0);
}
