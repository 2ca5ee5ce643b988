/* SPDX-License-Identifier: MIT */
/* echo_*: a TCP echo of 64 bytes on the loopback, 64 or 1000 connections with one request each
 * under
 * way: processor time of the server for each request, its system calls, and how long a client
 * waits.
 *
 * Ours and the loop written by hand serve by turns, from one processor; the generator of load has
 * the other. The server's clock is read right before and right after each round. */
#include "echo.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

enum { ROUNDS = 15, OURS = 0, BY_HAND = 1 };

struct server {
    pid_t pid;
    clockid_t clock;
    uint16_t port; /* network order */
    struct echo_count *count;
};

static struct {
    struct server server[ECHO_SERVERS];
    int load; /* a socket to the generator */
    pid_t load_pid;
    long requests; /* each has got */
} stage;

/* What one server did in each round. */
struct figures {
    double cpu_us[ROUNDS], calls[ROUNDS], p50_us[ROUNDS], p99_us[ROUNDS];
};

static void pin(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((unsigned)cpu, &set);
    sched_setaffinity(0, sizeof set, &set); /* one processor less is no failure */
}

static void allow_descriptors(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static pid_t fork_child(void)
{
    pid_t pid = fork();
    if (pid < 0) bench_fail("fork: %s", strerror(errno));
    if (pid == 0) prctl(PR_SET_PDEATHSIG, SIGKILL);
    return pid;
}

static void start_server(struct server *s, bool ours, bool count_calls)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) < 0 ||
        listen(listener, 4096) < 0 || getsockname(listener, (struct sockaddr *)&address, &size) < 0)
        bench_fail("listen: %s", strerror(errno));
    s->port = address.sin_port;
    s->count =
        mmap(NULL, sizeof *s->count, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (s->count == MAP_FAILED) bench_fail("mmap: %s", strerror(errno));
    s->pid = fork_child();
    if (s->pid == 0) {
        pin(0);
        (ours ? echo_hocket : echo_epoll)(listener, s->count, count_calls);
        _exit(1);
    }
    close(listener);
    if (clock_getcpuclockid(s->pid, &s->clock) != 0) bench_fail("a server has no clock");
}

static void start_all(int connections, bool count_calls)
{
    int ends[2];
    allow_descriptors();
    start_server(&stage.server[OURS], true, count_calls);
    start_server(&stage.server[BY_HAND], false, count_calls);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0) bench_fail("socketpair");
    stage.load_pid = fork_child();
    if (stage.load_pid == 0) {
        uint16_t ports[] = { stage.server[OURS].port, stage.server[BY_HAND].port };
        close(ends[0]);
        pin(1);
        echo_load(ends[1], ports, ECHO_SERVERS, connections);
        _exit(0);
    }
    close(ends[1]);
    stage.load = ends[0];
    stage.requests = 0;
}

static void stop(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void stop_all(void)
{
    stop(stage.load_pid);
    close(stage.load);
    for (int i = 0; i < ECHO_SERVERS; i++) {
        stop(stage.server[i].pid);
        munmap(stage.server[i].count, sizeof *stage.server[i].count);
    }
}

static double cpu_of(const struct server *s)
{
    struct timespec t;
    if (clock_gettime(s->clock, &t) < 0) bench_fail("a server is gone");
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void await(struct echo_answer *answer)
{
    if (read(stage.load, answer, sizeof *answer) != sizeof *answer) bench_fail("the load is gone");
}

static void serve_round(int server, long requests, struct figures *ret, int round)
{
    struct server *s = &stage.server[server];
    struct echo_order order = { server, requests };
    struct echo_answer answer;
    struct echo_count before = *s->count;
    double cpu = cpu_of(s);
    if (write(stage.load, &order, sizeof order) != sizeof order) bench_fail("the load is gone");
    await(&answer);
    cpu = cpu_of(s) - cpu;
    struct echo_count after = *s->count;
    await(&answer);
    if (answer.requests != requests || after.requests - before.requests != (uint64_t)requests)
        bench_fail("of %ld requests %ld were answered, and %llu seen", requests, answer.requests,
                   (unsigned long long)(after.requests - before.requests));
    if (round < 0) return;
    ret->cpu_us[round] = cpu / (double)requests;
    ret->calls[round] = (double)(after.calls - before.calls) / (double)requests;
    ret->p50_us[round] = answer.p50_us;
    ret->p99_us[round] = answer.p99_us;
}

static void serve_rounds(long requests, int rounds, struct figures *figures)
{
    for (int round = -1; round < rounds; round++)
        for (int i = 0; i < ECHO_SERVERS; i++)
            serve_round(round % 2 == 0 ? i : ECHO_SERVERS - 1 - i, requests,
                        &figures[round % 2 == 0 ? i : ECHO_SERVERS - 1 - i], round);
}

/* ---- the rows ---- */

static void emit(const char *name, int connections, double *ours, double *by_hand, int rounds,
                 uint64_t hash)
{
    double ratio[ROUNDS];
    for (int i = 0; i < rounds; i++) ratio[i] = ours[i] / by_hand[i];
    struct bench_value row = { .value = bench_median(ours, rounds),
                               .floor = bench_median(by_hand, rounds),
                               .ratio = bench_median(ratio, rounds),
                               .hash = hash,
                               .floor_hash = hash };
    row.least = ours[0];
    snprintf(row.name, sizeof row.name, "%s_%d", name, connections);
    bench_emit(&row);
}

static void run(int connections, long requests)
{
    struct figures f[ECHO_SERVERS];
    int rounds = bench_quick ? 1 : ROUNDS;
    if (bench_quick) requests = connections * 5;
    uint64_t hash = bench_mix(1, (uint64_t)requests);
    start_all(connections, false);
    serve_rounds(requests, rounds, f);
    stop_all();
    emit("echo_cpu", connections, f[OURS].cpu_us, f[BY_HAND].cpu_us, rounds, hash);
    emit("echo_p50", connections, f[OURS].p50_us, f[BY_HAND].p50_us, rounds, hash);
    emit("echo_p99", connections, f[OURS].p99_us, f[BY_HAND].p99_us, rounds, hash);
    start_all(connections, true);
    serve_rounds(requests, 1, f);
    stop_all();
    emit("echo_syscalls", connections, f[OURS].calls, f[BY_HAND].calls, 1, hash);
}

static void run_64(void) { run(64, 64 * 1000); }
static void run_1000(void) { run(1000, 1000 * 64); }

static const struct bench_row rows_64[] = {
    { "echo_cpu_64", "us/req", "<= 1.05x", 1.05, true },
    { "echo_p50_64", "us", "-", 0, false },
    { "echo_p99_64", "us", "-", 0, false },
    { "echo_syscalls_64", "calls/req", "2.0", 2.2, false },
    { 0 },
};
static const struct bench_row rows_1000[] = {
    { "echo_cpu_1000", "us/req", "<= 1.05x", 1.05, true },
    { "echo_p50_1000", "us", "-", 0, false },
    { "echo_p99_1000", "us", "-", 0, false },
    { "echo_syscalls_1000", "calls/req", "2.0", 2.2, false },
    { 0 },
};
const struct bench bench_echo_64 = { rows_64, run_64 };
const struct bench bench_echo_1000 = { rows_1000, run_1000 };
