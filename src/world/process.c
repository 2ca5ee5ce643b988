/* SPDX-License-Identifier: MIT */
/* The direct calls that concern child processes. */
#include "world/world.h"

#include <errno.h>

int64_t hk__direct_process(hk__direct *d)
{
    (void)d;
    return -ENOSYS;
}
