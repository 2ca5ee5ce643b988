/* SPDX-License-Identifier: MIT */
/* echo_*: a TCP echo on the loopback, one request under way on each connection: processor time of
 * the server for each request, its system calls, and how long a client waits.
 *
 * Ours on epoll, ours on io_uring and the loop written by hand serve by turns, from one processor;
 * the generators of load have the other. The server's clock is read right before and right after
 * each round. spin_1 is the same stage with two of ours, one that spins and one that never does. */
#include "echo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <hocket.h>

#include "bench.h"
#include "stage.h"

enum { ROUNDS = 15 };

/* Who serves: the options of ours; NULL: the loop by hand. */
static const hk_run_options *contender[ECHO_SERVERS];
static int contenders;

struct server {
    struct stage_process process, load;
    int listener;
    int orders;        /* a socket to the generator, */
    int orders_inside; /* and its other end */
    uint16_t port;
    int connections, size;
    bool count_calls;
    const hk_run_options *options;
    struct echo_count *count;
};

static struct server servers[ECHO_SERVERS];

/* What one server did in each round. */
struct figures {
    double cpu_us[ROUNDS], us[ROUNDS], calls[ROUNDS], p99_us[ROUNDS];
};

static void serve(void *arg)
{
    struct server *s = arg;
    if (s->options == NULL) echo_epoll(s->listener, s->count);
    echo_hocket(s->listener, s->count, s->options, s->count_calls);
}

static void send_load(void *arg)
{
    const struct server *s = arg;
    echo_load(s->orders_inside, s->port, s->connections, s->size);
}

static void start(struct server *s)
{
    int ends[2];
    s->listener = stage_listen(&s->port);
    s->count = stage_share(sizeof *s->count);
    s->process = stage_start(0, serve, s);
    close(s->listener);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) bench_fail("socketpair");
    s->orders = ends[0];
    s->orders_inside = ends[1];
    s->load = stage_start(1, send_load, s);
    close(ends[1]);
}

static void start_all(int connections, int size, bool count_calls)
{
    for (int i = 0; i < contenders; i++) {
        servers[i] = (struct server){ .options = contender[i],
                                      .connections = connections,
                                      .size = size,
                                      .count_calls = count_calls };
        start(&servers[i]);
    }
}

static void stop_all(void)
{
    for (int i = 0; i < contenders; i++) {
        stage_stop(&servers[i].load);
        stage_stop(&servers[i].process);
        close(servers[i].orders);
        munmap(servers[i].count, sizeof *servers[i].count);
    }
}

static void await(const struct server *s, struct echo_answer *answer)
{
    if (read(s->orders, answer, sizeof *answer) != sizeof *answer) bench_fail("the load is gone");
}

static void serve_round(int server, long requests, struct figures *ret, int round)
{
    struct server *s = &servers[server];
    struct echo_order order = { .requests = requests };
    struct echo_answer answer;
    struct echo_count before = *s->count;
    double cpu = stage_cpu(&s->process);
    int64_t start = bench_now();
    if (write(s->orders, &order, sizeof order) != sizeof order) bench_fail("the load is gone");
    await(s, &answer);
    cpu = stage_cpu(&s->process) - cpu;
    int64_t ns = bench_now() - start;
    struct echo_count after = *s->count;
    await(s, &answer);
    if (answer.requests != requests || after.requests - before.requests != (uint64_t)requests)
        bench_fail("of %ld requests %ld were answered, and %llu seen", requests, answer.requests,
                   (unsigned long long)(after.requests - before.requests));
    if (round < 0) return;
    ret->cpu_us[round] = cpu / (double)requests;
    ret->calls[round] = (double)(after.calls - before.calls) / (double)requests;
    ret->us[round] = (double)ns / 1000 / (double)requests;
    ret->p99_us[round] = answer.p99_us;
}

static void serve_rounds(long requests, int rounds, struct figures *figures)
{
    for (int round = -1; round < rounds; round++) {
        for (int i = 0; i < contenders; i++) {
            const int server = (i + round + 1) % contenders;
            serve_round(server, requests, &figures[server], round);
        }
    }
}

/* ---- the rows ---- */

static void emit(const char *name, double *ours, double *other, int rounds, uint64_t hash)
{
    double ratio[ROUNDS];
    for (int i = 0; i < rounds; i++) ratio[i] = ours[i] / other[i];
    struct bench_value row = { .ratio = bench_median(ratio, rounds),
                               .hash = hash,
                               .floor_hash = hash };
    double ours_sorted[ROUNDS], other_sorted[ROUNDS];
    memcpy(ours_sorted, ours, (size_t)rounds * sizeof *ours);
    memcpy(other_sorted, other, (size_t)rounds * sizeof *other);
    row.value = bench_median(ours_sorted, rounds);
    row.floor = bench_median(other_sorted, rounds);
    row.least = ours_sorted[0];
    snprintf(row.name, sizeof row.name, "%s", name);
    bench_emit(&row);
}

static void emit_both(const char *what, int connections, int size, bool uring, double *on_epoll,
                      double *on_uring, double *by_hand, int rounds, uint64_t hash)
{
    char name[32];
    snprintf(name, sizeof name, "echo_epoll%s_%d_%d", what, connections, size);
    emit(name, on_epoll, by_hand, rounds, hash);
    snprintf(name, sizeof name, "echo_uring%s_%d_%d", what, connections, size);
    if (uring) emit(name, on_uring, by_hand, rounds, hash);
}

static void run(int connections, int size)
{
    static const long requests = 50000;
    const hk_run_options epoll = { .world = hk_world_epoll() },
                         ring = { .world = hk_world_uring() };
    struct figures f[ECHO_SERVERS];
    const int rounds = bench_quick ? 1 : ROUNDS;
    /* A quick run does with fewer tasks: some sanitizers have few fibers, and slow ones. */
    const int open = bench_quick && connections > 2000 ? 2000 : connections;
    const long count = bench_quick ? open * 5L : connections > 1 ? requests : requests / 5;
    const uint64_t hash = bench_mix(1, (uint64_t)count);
    const bool uring = stage_has_uring();
    unsetenv("HOCKET_WORLD"); /* each has its own */
    if (!stage_allow_descriptors(open)) {
        bench_say("too few descriptors for %d connections: ulimit -n", open);
        return;
    }
    contender[0] = &epoll;
    contender[1] = NULL;
    contender[2] = &ring;
    contenders = uring ? 3 : 2;
    start_all(open, size, false);
    serve_rounds(count, rounds, f);
    stop_all();
    emit_both("", connections, size, uring, f[0].cpu_us, f[2].cpu_us, f[1].cpu_us, rounds, hash);
    emit_both("_p99", connections, size, uring, f[0].p99_us, f[2].p99_us, f[1].p99_us, rounds,
              hash);
}

static void run_syscalls(void)
{
    const hk_run_options epoll = { .world = hk_world_epoll() };
    const long requests = bench_quick ? 640 : 64000;
    struct figures f[ECHO_SERVERS];
    unsetenv("HOCKET_WORLD");
    contender[0] = &epoll;
    contender[1] = NULL;
    contenders = 2;
    start_all(64, 64, true);
    serve_rounds(requests, 1, f);
    stop_all();
    emit("echo_syscalls_64", f[0].calls, f[1].calls, 1, bench_mix(1, (uint64_t)requests));
}

/* Requests a second, as a ratio to what comes without spinning. */
static void run_spin(void)
{
    const hk_run_options with = { .spin = 0 }, without = { .spin = -1 };
    const long requests = bench_quick ? 10 : 5000;
    const int rounds = bench_quick ? 1 : ROUNDS;
    struct figures f[ECHO_SERVERS];
    contender[0] = &with;
    contender[1] = &without;
    contenders = 2;
    start_all(1, 64, false);
    serve_rounds(requests, rounds, f);
    stop_all();
    for (int i = 0; i < contenders; i++)
        for (int round = 0; round < rounds; round++) f[i].us[round] = 1e6 / f[i].us[round];
    emit("spin_1", f[0].us, f[1].us, rounds, bench_mix(1, (uint64_t)requests));
}

#define ECHO(connections, size) \
    static void run_##connections##_##size(void) { run(connections, size); } \
    static const struct bench_row rows_##connections##_##size[] = { \
        { "echo_epoll_" #connections "_" #size, "us/req", "<= 1.05x", 1.05, true }, \
        { "echo_uring_" #connections "_" #size, "us/req", "<= 1.05x", 1.05, true }, \
        { "echo_epoll_p99_" #connections "_" #size, "us", "<= 1.05x", 1.05, true }, \
        { "echo_uring_p99_" #connections "_" #size, "us", "<= 1.05x", 1.05, true }, \
        { 0 }, \
    }; \
    const struct bench bench_echo_##connections##_##size = { rows_##connections##_##size, \
                                                             run_##connections##_##size };
ECHO(1, 64)
ECHO(1, 4096)
ECHO(64, 64)
ECHO(64, 4096)
ECHO(1000, 64)
ECHO(1000, 4096)
ECHO(10000, 64)
ECHO(10000, 4096)

static const struct bench_row syscall_rows[] = {
    { "echo_syscalls_64", "calls/req", "2.0-2.1", 2.1, false },
    { 0 },
};
const struct bench bench_echo_syscalls = { syscall_rows, run_syscalls };

static const struct bench_row spin_rows[] = {
    { "spin_1", "req/s", ">= 2x", -2, true },
    { 0 },
};
const struct bench bench_spin = { spin_rows, run_spin };
