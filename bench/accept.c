/* SPDX-License-Identifier: MIT */
/* accept: connections accepted and closed at once, processor time for each.
 *
 * Ours on epoll, ours on io_uring, and accept4 by hand in a loop on epoll serve by turns. The
 * client opens a batch of connections, which the listener's queue takes, and then waits for their
 * ends. They end with a reset, or the ports would be used up. Nobody spins: what it costs to accept
 * is to be seen, not what it costs to wait. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <hocket.h>

#include "bench.h"
#include "stage.h"

enum { BATCH = 64, ROUNDS = 15, SERVERS = 3 };

struct server {
    struct stage_process process;
    int listener;
    uint16_t port;
    const hk_run_options *options; /* NULL: by hand */
};

/* ---- servers ---- */

static void *accept_and_close(void *arg)
{
    const int listener = (int)hk_num(arg);
    int fd;
    while ((fd = hk_accept(listener, NULL, NULL)) >= 0) hk_close(fd);
    return hk_val(fd);
}

static void accept_by_hand(int listener)
{
    struct epoll_event event = { .events = EPOLLIN };
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) < 0) bench_fail("epoll");
    for (;;) {
        int fd;
        epoll_wait(epoll, &event, 1, -1);
        while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) close(fd);
    }
}

static void serve(void *arg)
{
    const struct server *s = arg;
    if (s->options == NULL) accept_by_hand(s->listener);
    bench_fail("the server ended with %d",
               hk_run(accept_and_close, hk_val(s->listener), s->options));
}

static void start(struct server *s, const hk_run_options *options)
{
    const struct linger reset = { .l_onoff = 1 };
    s->listener = stage_listen(&s->port);
    setsockopt(s->listener, SOL_SOCKET, SO_LINGER, &reset, sizeof reset); /* also of its children */
    s->options = options;
    s->process = stage_start(0, serve, s);
    close(s->listener);
}

/* ---- the client ---- */

static int dial(uint16_t port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = port,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 ||
        (connect(fd, (struct sockaddr *)&address, sizeof address) < 0 && errno != ECONNRESET))
        bench_fail("connect: %s", strerror(errno));
    return fd;
}

/* The server's processor time for each connection, us. */
static double measure(const struct server *s, long connections)
{
    double cpu = stage_cpu(&s->process);
    for (long done = 0; done < connections; done += BATCH) {
        int fds[BATCH];
        char byte;
        for (int i = 0; i < BATCH; i++) fds[i] = dial(s->port);
        for (int i = 0; i < BATCH; i++) {
            if (recv(fds[i], &byte, 1, 0) > 0) bench_fail("a byte from nowhere");
            close(fds[i]);
        }
    }
    return (stage_cpu(&s->process) - cpu) / (double)connections;
}

static void emit(const char *name, double us[SERVERS][ROUNDS], int ours, int rounds, uint64_t hash)
{
    double ratio[ROUNDS], floor[ROUNDS];
    for (int i = 0; i < rounds; i++) {
        ratio[i] = us[ours][i] / us[1][i];
        floor[i] = us[1][i];
    }
    struct bench_value row = { .value = bench_median(us[ours], rounds),
                               .floor = bench_median(floor, rounds),
                               .ratio = bench_median(ratio, rounds),
                               .hash = hash,
                               .floor_hash = hash };
    row.least = us[ours][0];
    strcpy(row.name, name);
    bench_emit(&row);
}

static void run(void)
{
    const hk_run_options epoll = { .world = hk_world_epoll(), .spin = -1 },
                         ring = { .world = hk_world_uring(), .spin = -1 };
    const long connections = bench_quick ? BATCH : BATCH * 100;
    const int rounds = bench_quick ? 1 : ROUNDS, servers = stage_has_uring() ? 3 : 2;
    const uint64_t hash = bench_mix(1, (uint64_t)connections);
    struct server server[SERVERS];
    double us[SERVERS][ROUNDS];
    unsetenv("HOCKET_WORLD");
    start(&server[0], &epoll);
    start(&server[1], NULL);
    if (servers == 3) start(&server[2], &ring);
    for (int round = -1; round < rounds; round++) {
        for (int i = 0; i < servers; i++) {
            const int which = (i + round + 1) % servers;
            double each = measure(&server[which], connections);
            if (round >= 0) us[which][round] = each;
        }
    }
    for (int i = 0; i < servers; i++) stage_stop(&server[i].process);
    emit("accept_epoll", us, 0, rounds, hash);
    if (servers == 3) emit("accept_uring", us, 2, rounds, hash);
}

static const struct bench_row rows[] = {
    { "accept_epoll", "us/conn", "<= 1.05x", 1.05, true },
    { "accept_uring", "us/conn", "<= 1.05x", 1.05, true },
    { 0 },
};
const struct bench bench_accept = { rows, run };
