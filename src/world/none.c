/* SPDX-License-Identifier: MIT */
/* The world of a scheduler whose own is gone, in the child of a fork: nothing happens there. */
#include "world/world.h"

#include <errno.h>
#include <stdio.h>

static int none_watch(hk__world *world, int fd, unsigned directions, hk__ticket ticket)
{
    (void)world, (void)fd, (void)directions, (void)ticket;
    return -ECHILD;
}

static void none_unwatch(hk__world *world, int fd, hk__ticket ticket)
{
    (void)world, (void)fd, (void)ticket;
}

static int none_submit(hk__world *world, const hk__operation *operation, hk__ticket ticket)
{
    (void)world, (void)operation, (void)ticket;
    return -ECHILD;
}

static void none_cancel(hk__world *world, hk__ticket ticket) { (void)world, (void)ticket; }

static int none_wait(hk__world *world, hk__event *ret_events, int capacity, int64_t until)
{
    (void)world, (void)ret_events, (void)capacity, (void)until;
    return 0;
}

static int none_peek(hk__world *world, hk__event *ret_events, int capacity)
{
    return none_wait(world, ret_events, capacity, 0);
}

static void none_nothing(hk__world *world) { (void)world; }

static int64_t none_direct(hk__world *world, hk__direct *direct)
{
    (void)world, (void)direct;
    return -ECHILD;
}

static int64_t none_now(hk__world *world)
{
    (void)world;
    return hk__clock_now();
}

static int none_descriptor(hk__world *world)
{
    (void)world;
    return -ECHILD;
}

static int none_describe(hk__world *world, char *buf, size_t size)
{
    (void)world;
    return snprintf(buf, size, "none (this is the child of a fork)");
}

static const hk__world_table table = {
    .name = "none",
    .watch = none_watch,
    .unwatch = none_unwatch,
    .submit = none_submit,
    .cancel = none_cancel,
    .wait = none_wait,
    .peek = none_peek,
    .wake = none_nothing,
    .direct = none_direct,
    .now = none_now,
    .descriptor = none_descriptor,
    .describe = none_describe,
    .inherited = none_nothing,
    .destroy = none_nothing,
};

hk__world *hk__world_none(void)
{
    static hk__world none = { .table = &table };
    return &none;
}
