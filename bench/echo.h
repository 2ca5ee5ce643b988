/* SPDX-License-Identifier: MIT */
/* The echo benches: two servers, and one generator of load for both.
 *
 * Each is a process. The servers share a processor, the generator has the other one; both servers
 * live through all rounds, one of them idle. */
#ifndef BENCH_ECHO_H
#define BENCH_ECHO_H

#include <stdbool.h>
#include <stdint.h>

enum { ECHO_SIZE = 64, ECHO_BUFFER = 4096, ECHO_SERVERS = 2 };

/* What a server tells of itself, in shared memory. */
struct echo_count {
    uint64_t requests; /* reads that brought something */
    uint64_t calls;    /* system calls, as far as it counts them */
};

/* Serve connections of a listening socket, for ever. */
void echo_hocket(int listener, struct echo_count *count, bool count_calls);
void echo_epoll(int listener, struct echo_count *count, bool count_calls);

/* What the generator is asked for, and its answer. */
struct echo_order {
    int server;
    long requests;
};
struct echo_answer {
    long requests; /* answered, and with the bytes that were sent */
    double p50_us, p99_us;
};

/* Keeps `connections` connections to each port, and one request under way on each while it follows
 * an order. Reads orders from fd and answers them, until its end. */
void echo_load(int fd, const uint16_t *ports, int servers, int connections);

#endif
