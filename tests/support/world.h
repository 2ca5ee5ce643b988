/* SPDX-License-Identifier: MIT */
/* What tests of worlds share. A test is a function of a world, written against its table alone;
 * WORLD_TEST registers it once for each kind of world there is: on rings as older kernels have them
 * too. */
#ifndef SUPPORT_WORLD_H
#define SUPPORT_WORLD_H

#include "harness/harness.h"

#include "world/world.h"

#define WORLD_TEST(id, ...) \
    static void id(hk__world *w); \
    TEST(epoll_##id, ##__VA_ARGS__) { world_run(world_open(hk__world_epoll, 0), id); } \
    TEST(uring_##id, ##__VA_ARGS__) { world_run(world_open(hk__world_uring, 0), id); } \
    TEST(uring8_##id, ##__VA_ARGS__) { world_run(world_open(hk__world_uring, 8), id); } \
    TEST(cooperative_##id, ##__VA_ARGS__) { world_run(world_open(world_cooperative, 0), id); } \
    TEST(plain_##id, ##__VA_ARGS__) { world_run(world_open(world_plain, 0), id); } \
    TEST(plain8_##id, ##__VA_ARGS__) { world_run(world_open(world_plain, 8), id); } \
    static void id(hk__world *w)

/* Worlds on rings of lower rungs. */
int world_cooperative(unsigned entries, hk__world **ret_world);
int world_plain(unsigned entries, hk__world **ret_world);

/* NULL, and the test is skipped, where the kernel refuses io_uring. */
hk__world *world_open(int (*open)(unsigned entries, hk__world **ret_world), unsigned entries);
/* Hands it to a test, then destroys it. NULL is taken. */
void world_run(hk__world *w, void (*body)(hk__world *w));

int64_t world_now(hk__world *w);
hk__ticket world_ticket(int slot, uint32_t generation);
/* One wait; the readiness of the ticket, all events of it together. Others are counted. */
unsigned world_look(hk__world *w, int64_t until, hk__ticket ticket, int *ret_others);
/* The readiness that shows within some time. */
unsigned world_look_for(hk__world *w, hk__ticket ticket, unsigned wanted);
bool world_is_readable(int fd, int milliseconds);

#endif
