/* SPDX-License-Identifier: MIT */
/* What tests of worlds share. A test is a function of a world, written against its table alone:
 * pipes and sockets come from its direct calls, and are read, written and closed through them.
 *
 * WORLD_TEST registers it once for each kind of world there is: on rings as older kernels have them
 * too, and simulated. WORLD_TEST_REAL leaves the simulated one out, where the test is about what
 * that does not have: files, threads, signals, descriptors of others. */
#ifndef SUPPORT_WORLD_H
#define SUPPORT_WORLD_H

#include "harness/harness.h"

#include "world/sim.h"

#include <netinet/in.h>

#define WORLD_TEST(id, ...) \
    WORLD_TEST_REAL_(id, ##__VA_ARGS__) \
    TEST(sim_##id, ##__VA_ARGS__) { world_run(world_open(hk__world_sim, 0), id); } \
    static void id(hk__world *w)

#define WORLD_TEST_REAL(id, ...) \
    WORLD_TEST_REAL_(id, ##__VA_ARGS__) \
    static void id(hk__world *w)

#define WORLD_TEST_REAL_(id, ...) \
    static void id(hk__world *w); \
    TEST(epoll_##id, ##__VA_ARGS__) { world_run(world_open(hk__world_epoll, 0), id); } \
    TEST(uring_##id, ##__VA_ARGS__) { world_run(world_open(hk__world_uring, 0), id); } \
    TEST(uring8_##id, ##__VA_ARGS__) { world_run(world_open(hk__world_uring, 8), id); } \
    TEST(cooperative_##id, ##__VA_ARGS__) { world_run(world_open(world_cooperative, 0), id); } \
    TEST(plain_##id, ##__VA_ARGS__) { world_run(world_open(world_plain, 0), id); } \
    TEST(plain8_##id, ##__VA_ARGS__) { world_run(world_open(world_plain, 8), id); }

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

/* ---- through direct calls ---- */

/* Transfers as read, write, recv, send; -errno. */
int64_t world_transfer(hk__world *w, int kind, int fd, void *buf, size_t size);
int64_t world_read(hk__world *w, int fd, void *buf, size_t size);
int64_t world_write(hk__world *w, int fd, const void *buf, size_t size);
int64_t world_shutdown(hk__world *w, int fd, int how);
int64_t world_close(hk__world *w, int fd);
/* A read would not wait, now or within a second of a real world. */
bool world_shows(hk__world *w, int fd);

/* Non-blocking: a pipe, connected local streams, connected TCP sockets. */
void world_pipe(hk__world *w, int ret_fds[2]);
void world_local_pair(hk__world *w, int ret_fds[2]);
void world_tcp_pair(hk__world *w, int ret_fds[2]);
/* On the loopback: a port of the world's choice. */
int world_listen(hk__world *w, struct sockaddr_in *ret_address);
int64_t world_bind(hk__world *w, int fd, const void *address, size_t size);
int world_socket(hk__world *w, int domain);

#endif
