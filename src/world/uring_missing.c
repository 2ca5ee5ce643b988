/* SPDX-License-Identifier: MIT */
/* In place of uring.c and ring.c where there is no liburing: no world on io_uring. */
#include "world/world.h"

#include <errno.h>

int hk__world_uring(unsigned entries, hk__world **ret_world)
{
    (void)entries, (void)ret_world;
    return -ENOSYS;
}

int hk__world_uring_at(unsigned rung, unsigned entries, hk__world **ret_world)
{
    (void)rung;
    return hk__world_uring(entries, ret_world);
}
