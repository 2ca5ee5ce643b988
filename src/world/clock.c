/* SPDX-License-Identifier: MIT */
/* The clock of real worlds. */
#include "world/world.h"

#include <time.h>

int64_t hk__clock_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}
