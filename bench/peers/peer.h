/* SPDX-License-Identifier: MIT */
/* What the contenders of bench-peers in C and C++ share: the command line, the clocks, the line of
 * results, the measure of memory and of lateness, the listening socket.
 *
 * A contender is a table of rows, each a name and a function, and a main that calls peer_main. A
 * row does its work once, between peer_begin and peer_end, and reports. Where many tasks do the
 * same thing by turns, no single place begins or ends: there peer_plan says how often each task
 * does it, peer_tick counts, and the tick by which the warm-up is over starts the clock, the last
 * one stops it. So what the tasks cost to make and to end is not in the figure.
 *
 * Header only, for C11 and C++14. One row a process, so all state is static. */
#ifndef PEER_H
#define PEER_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#ifdef __cplusplus
#include <exception>
#endif

/* A row of a contender. Its function gets what stands on the command line; for a server, zeros. */
struct peer_row {
    const char *name;
    void (*run)(long size, long count);
};

static struct {
    int64_t cpu_ns, wall_ns; /* at peer_begin the clocks; since peer_end the time between */
    long left, goal;         /* ticks until the clock starts or stops; ticks that are measured */
    int64_t *late_ns;        /* how much too late each sleeper woke */
    long woken;
    long memory; /* bytes at peer_memory_begin */
} peer;

/* ---- failure ---- */

/* Ends the program with a sentence: what the coordinator shows where the figure would stand. */
__attribute__((format(printf, 1, 2), noreturn, cold)) static inline void peer_fail(const char *text,
                                                                                   ...)
{
    va_list args;
    va_start(args, text);
    vfprintf(stderr, text, args);
    va_end(args);
    fputc('\n', stderr);
    _exit(1);
}

static inline void *peer_alloc(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (!memory) peer_fail("no memory for %zu * %zu bytes", count, size);
    return memory;
}

/* ---- clocks ---- */

static inline int64_t peer_clock(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static inline int64_t peer_now(void) { return peer_clock(CLOCK_MONOTONIC); }

/* The work begins: all before was setup. */
static inline void peer_begin(void)
{
    peer.wall_ns = peer_now();
    peer.cpu_ns = peer_clock(CLOCK_PROCESS_CPUTIME_ID);
}

/* The work is done. */
static inline void peer_end(void)
{
    peer.cpu_ns = peer_clock(CLOCK_PROCESS_CPUTIME_ID) - peer.cpu_ns;
    peer.wall_ns = peer_now() - peer.wall_ns;
}

/* ---- work that many tasks share ---- */

/* Count, rounded up to a whole number of parts. */
static inline long peer_whole(long count, long part) { return (count + part - 1) / part * part; }

/* How often each of size tasks works: its part of count, and a tenth more before, to warm up. */
struct peer_share {
    long warm, each; /* before the clock starts; while it runs */
    long turns;      /* both */
    long total;      /* what all tasks do while the clock runs */
};

/* Plans the ticks of size tasks, each of which must call peer_tick .turns times, more or less by
 * turns. */
static inline struct peer_share peer_plan(long size, long count)
{
    struct peer_share share;
    share.each = count > size ? count / size : 1;
    share.warm = share.each / 10 > 0 ? share.each / 10 : 1;
    share.turns = share.warm + share.each;
    share.total = share.each * size;
    peer.left = share.warm * size;
    peer.goal = share.total;
    return share;
}

__attribute__((noinline, cold)) static void peer_phase(void)
{
    if (peer.goal == 0) {
        peer_end();
        return;
    }
    peer.left = peer.goal;
    peer.goal = 0;
    peer_begin();
}

/* One unit of work is done. */
static inline void peer_tick(void)
{
    if (__builtin_expect(--peer.left == 0, 0)) peer_phase();
}

/* Eight copies of a body, or of a place that resumes one: a bench with one call site flatters the
 * branch predictor. The mark makes each copy's code its own, lest the compiler merge them. */
enum { PEER_SITES = 8 };
#define PEER_EACH_SITE(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)
#define PEER_MARK(k)      __asm__ volatile("" ::"i"(k))

/* ---- results ---- */

static inline void peer_report(long count, uint64_t check)
{
    printf("cpu_ns=%lld wall_ns=%lld count=%ld check=%llu\n", (long long)peer.cpu_ns,
           (long long)peer.wall_ns, count, (unsigned long long)check);
}

/* ---- timers ---- */

/* The sleeper's milliseconds. */
static inline long peer_sleep_ms(long i) { return 1 + i * 7919 % 1000; }

/* Makes room for the lateness of so many sleepers. */
static inline void peer_late_prepare(long sleepers)
{
    peer.late_ns = (int64_t *)peer_alloc((size_t)sleepers, sizeof *peer.late_ns);
    memset(peer.late_ns, 1, (size_t)sleepers * sizeof *peer.late_ns); /* its pages are there */
}

/* A sleeper that began at start_ns, for so many milliseconds, is awake. Returns how many are. */
static inline long peer_woke(int64_t start_ns, long ms)
{
    peer.late_ns[peer.woken++] = peer_now() - start_ns - ms * 1000000;
    return peer.woken;
}

static inline int peer_compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* The line of the row timers; check is the sum of what the sleepers asked for. */
static inline void peer_report_timers(uint64_t check)
{
    qsort(peer.late_ns, (size_t)peer.woken, sizeof *peer.late_ns, peer_compare);
    printf("late_p50_ns=%lld late_p99_ns=%lld ", (long long)peer.late_ns[peer.woken / 2],
           (long long)peer.late_ns[peer.woken - 1 - peer.woken / 100]);
    peer_report(peer.woken, check);
}

/* ---- memory ---- */

/* Bytes of memory that this process has, and of its page tables. */
static inline long peer_memory(void)
{
    char line[256];
    long sum = 0, kib;
    FILE *status = fopen("/proc/self/status", "r");
    if (!status) peer_fail("/proc/self/status cannot be read: %s", strerror(errno));
    while (fgets(line, sizeof line, status))
        if (sscanf(line, "VmRSS: %ld", &kib) == 1 || sscanf(line, "VmPTE: %ld", &kib) == 1)
            sum += kib * 1024;
    fclose(status);
    return sum;
}

static inline void peer_memory_begin(void) { peer.memory = peer_memory(); }

/* All tasks are parked: prints what one takes, and ends the program, which is quicker than to
 * end a million tasks. */
__attribute__((noreturn)) static inline void peer_memory_end(long tasks)
{
    printf("bytes=%ld check=%ld\n", (peer_memory() - peer.memory) / tasks, tasks);
    fflush(stdout);
    _exit(0);
}

/* ---- files ---- */

enum { PEER_FILES = 100, PEER_FILE_SIZE = 4096 };

/* The path of the file that task i reads; it lives until the program ends. */
static inline const char *peer_path(long i)
{
    static char *paths[PEER_FILES];
    char **path = &paths[i % PEER_FILES];
    if (*path) return *path;
    const char *folder = getenv("PEERS_FILES");
    if (!folder) peer_fail("PEERS_FILES does not name the folder with the files");
    if (asprintf(path, "%s/%d", folder, (int)(i % PEER_FILES)) < 0) peer_fail("no memory");
    return *path;
}

/* What a file's bytes add to the sum: its first eight, little endian. */
static inline uint64_t peer_file_value(const void *bytes)
{
    uint64_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

/* Reads task i's file by plain system calls, for a peer that has none of its own. */
static inline uint64_t peer_read_file(long i)
{
    static char bytes[PEER_FILE_SIZE]; /* nobody else runs meanwhile, and stacks may be small */
    int fd = open(peer_path(i), O_RDONLY | O_CLOEXEC);
    if (fd < 0) peer_fail("%s: %s", peer_path(i), strerror(errno));
    if (read(fd, bytes, sizeof bytes) != sizeof bytes) peer_fail("%s: short", peer_path(i));
    close(fd);
    return peer_file_value(bytes);
}

/* ---- servers ---- */

enum { PEER_BUFFER = 4096, PEER_BACKLOG = 4096 };

static inline void peer_terminate(int signal_number)
{
    (void)signal_number;
    _exit(0);
}

/* Returns a listening socket that never blocks, whose port it has printed. SIGTERM ends the
 * program from now on. */
static inline int peer_listen(void)
{
    struct sockaddr_in name;
    socklen_t length = sizeof name;
    memset(&name, 0, sizeof name);
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&name, sizeof name) < 0 ||
        listen(fd, PEER_BACKLOG) < 0 || getsockname(fd, (struct sockaddr *)&name, &length) < 0)
        peer_fail("a socket does not listen: %s", strerror(errno));
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, peer_terminate);
    printf("port=%d\n", ntohs(name.sin_port));
    fflush(stdout);
    return fd;
}

/* Small answers are sent at once. */
static inline void peer_nodelay(int fd)
{
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/* Accepts a connection that never blocks, or -1. */
static inline int peer_accept(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) peer_nodelay(fd);
    return fd;
}

#define PEER_HELLO \
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!"
#define PEER_NOT_FOUND "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"

/* What to answer to the request in a buffer: text of *ret_length bytes, or NULL while the request's
 * blank line has not come. */
static inline const char *peer_http_answer(const char *request, size_t length, size_t *ret_length)
{
    if (!memmem(request, length, "\r\n\r\n", 4)) return NULL;
    bool is_known = length > 6 && memcmp(request, "GET / ", 6) == 0;
    *ret_length = is_known ? sizeof PEER_HELLO - 1 : sizeof PEER_NOT_FOUND - 1;
    return is_known ? PEER_HELLO : PEER_NOT_FOUND;
}

/* ---- the command line ---- */

static inline long peer_number(const char *text, long least)
{
    char *end;
    errno = 0;
    long number = strtol(text, &end, 10);
    if (errno || end == text || *end || number < least) peer_fail("%s is no number to use", text);
    return number;
}

/* As many descriptors as this process may have. */
static inline void peer_raise_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static inline void peer_run(const struct peer_row *row, long size, long count)
{
#ifdef __cplusplus
    try {
        row->run(size, count);
    } catch (const std::exception &e) {
        peer_fail("%s %ld %ld: %s", row->name, size, count, e.what());
    }
#else
    row->run(size, count);
#endif
}

/* The program: `--rows`, or `ROW SIZE COUNT`, or the name of a server. The table ends with NULL. */
static inline int peer_main(int argc, char **argv, const struct peer_row *rows)
{
    if (argc == 2 && strcmp(argv[1], "--rows") == 0) {
        for (; rows->name; rows++) puts(rows->name);
        return 0;
    }
    if (argc != 2 && argc != 4) peer_fail("usage: %s --rows | ROW SIZE COUNT | SERVER", argv[0]);
    for (; rows->name; rows++) {
        if (strcmp(argv[1], rows->name) != 0) continue;
        long size = argc == 4 ? peer_number(argv[2], 0) : 0;
        long count = argc == 4 ? peer_number(argv[3], 1) : 0;
        peer_raise_limit();
        peer_run(rows, size, count);
        fflush(stdout);
        return 0;
    }
    peer_fail("there is no row %s", argv[1]);
}

#endif
