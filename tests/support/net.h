/* SPDX-License-Identifier: MIT */
/* What tests of input and output share: connected pairs, a count of system calls. */
#ifndef SUPPORT_NET_H
#define SUPPORT_NET_H

#include "harness/harness.h"
#include "support/sim.h"

#include <hocket.h>

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

/* A test whose body is task 1 of a scheduler: return NULL at its end. */
#define TASK_TEST(id, ...) \
    static void *task_##id(void *arg); \
    TEST(id, ##__VA_ARGS__) { CHECK_EQ(hk_run(task_##id, NULL, NULL), 0); } \
    static void *task_##id(void *arg)

/* The same, and once more in the simulated world, under many schedules. Its sockets and pipes must
 * be made by what stands here or by Hocket, and used likewise: a number there is no descriptor of
 * the process. */
#define TASK_TEST_SIM(id, ...) \
    static void *task_##id(void *arg); \
    static void sim_of_##id(void) { task_##id(NULL); } \
    TEST(sim_##id, ##__VA_ARGS__) { sim_run_seeds(sim_of_##id, 12); } \
    TASK_TEST(id, ##__VA_ARGS__)

/* A listener on the loopback, port of the system's choice. */
int net_listen(struct sockaddr_in *ret_address, int backlog);
/* Two connected TCP sockets, without a delay for small segments; made without Hocket, where the
 * world is a real one, as are those that follow. */
void net_tcp_pair(int ret_fds[2]);
/* A pipe, a pair of local sockets; blocking ends. */
void net_pipe(int ret_fds[2]);
void net_local_pair(int type, int ret_fds[2]);
/* As the other side, without waiting and without being counted: bytes, or -errno. */
int64_t net_put(int fd, const void *buf, size_t size);
int64_t net_take(int fd, void *buf, size_t size);
void net_close(int fd);

/* Whether fd has O_NONBLOCK. */
bool net_is_nonblocking(int fd);
/* The size of a socket's send or receive buffer; of a pipe's. Simulated ones are of one size. */
void net_set_buffer(int fd, int option, int size);
void net_set_pipe(int fd, int size);
/* The scheduler's direct system calls so far; counting begins with the first use. */
int net_calls(void);
/* CPU time of this process, ns. */
int64_t net_cpu(void);

/* Lets all others run until they wait. */
void net_settle(void);

#endif
