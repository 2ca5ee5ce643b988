/* SPDX-License-Identifier: MIT */
/* Tests of hk_send_recv, each in all ways: as two calls; and, where there is a ring, as two
 * requests that are handed in together, and as one, to send, as where the news was for many. There
 * a system call is dear by decree. */
#ifndef SUPPORT_ASKER_H
#define SUPPORT_ASKER_H

#include "support/net.h"

#include "sched/descriptor.h"

#define ALL_WAYS(id, ...) \
    static void *task_##id(void *arg); \
    static void *called_##id(void *arg) { return asker_apart() ? task_##id(arg) : NULL; } \
    static void *together_##id(void *arg) { return asker_together() ? task_##id(arg) : NULL; } \
    static void *of_many_##id(void *arg) { return asker_of_many() ? task_##id(arg) : NULL; } \
    TEST(of_many_##id, ##__VA_ARGS__) { CHECK_EQ(hk_run(of_many_##id, NULL, NULL), 0); } \
    TEST(together_##id, ##__VA_ARGS__) { CHECK_EQ(hk_run(together_##id, NULL, NULL), 0); } \
    TEST(id, ##__VA_ARGS__) { CHECK_EQ(hk_run(called_##id, NULL, NULL), 0); } \
    static void *task_##id(void *arg)

/* The same, and in the simulated world, under many schedules. */
#define ALL_WAYS_SIM(id, ...) \
    static void *task_##id(void *arg); \
    static void sim_of_##id(void) { task_##id(NULL); } \
    TEST(sim_##id, ##__VA_ARGS__) { sim_run_seeds(sim_of_##id, 12); } \
    ALL_WAYS(id, ##__VA_ARGS__)

/* From now on here; false: the test is skipped, there is no ring. */
bool asker_together(void);
bool asker_of_many(void);
bool asker_apart(void);
/* Here it is so; the receive too is a request. */
bool asker_is_together(void);
bool asker_receives_by_request(void);

/* A task that asks once. */
struct asker {
    int fd;
    const char *out;
    size_t out_size;
    char in[64];
    ssize_t result;
    size_t sent;
    bool done;
    hk_tid tid;
};

/* Starts it, and lets it get as far as it gets. */
void asker_start(struct asker *a, int fd, const char *out, size_t size);
void asker_begin(struct asker *a, int fd, const char *out, size_t size); /* it has not run yet */
void *asker_main(void *arg);
void asker_wait(struct asker *a);
/* One request, or two, of its are in the ring. */
bool asker_is_handed_in(int fd);

/* The loop hears of what happens on it. */
bool asker_is_watched(int fd);

/* Makes known to the scheduler what fd is, by one byte each way. */
void asker_learn(int fd, int peer);
/* A pair whose first is known. */
void asker_tcp(int ret_fds[2]);
void asker_local(int ret_fds[2]);
void asker_close(const int fds[2]);
/* What the peer gets is this, and no more. */
bool asker_peer_gets(int peer, const char *text);
/* Until nothing more goes in. How much that was. */
size_t asker_fill(int fd);
/* Takes so many bytes, while others run. True: byte i is asker_byte(i), from `from` on. */
bool asker_drain(int peer, size_t from, size_t size);
char asker_byte(size_t i);
/* So many bytes that tell where they stand. */
const char *asker_bytes(size_t size);

#endif
