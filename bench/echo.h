/* SPDX-License-Identifier: MIT */
/* The echo benches: servers, and for each of them a generator of load.
 *
 * Each is a process. The servers share a processor, the generators have the other one; all live
 * through all rounds, all but one pair of them idle. */
#ifndef BENCH_ECHO_H
#define BENCH_ECHO_H

#include <stdbool.h>
#include <stdint.h>

enum { ECHO_BUFFER = 4096, ECHO_SERVERS = 3 };

/* What a server tells of itself, in shared memory. */
struct echo_count {
    uint64_t requests; /* reads that brought something */
    uint64_t calls;    /* system calls, as far as it counts them */
};

struct hk_run_options;

/* Serve connections of a listening socket, for ever. */
void echo_hocket(int listener, struct echo_count *count, const struct hk_run_options *options,
                 bool count_calls);
void echo_epoll(int listener, struct echo_count *count);

/* What the generator is asked for, and its answer. */
struct echo_order {
    long requests; /* so many, */
    int64_t ns;    /* or as many as begin in this time; 0: however long it takes */
};
struct echo_answer {
    long requests; /* answered, and with the bytes that were sent */
    double p50_us, p99_us, p999_us;
};

/* Keeps `connections` connections to the port, in network order, and one request of `size` bytes
 * under way on each while it follows an order. */
void load_open(uint16_t port, int connections, int size);
/* Follows an order. Returns how many requests were answered; at least one must be. */
long load_follow(const struct echo_order *order);
/* What the clients of the last order waited for. */
struct echo_answer load_sum(void);

/* All of that: reads orders from fd and answers them twice, when it has followed them and when it
 * has summed up, until its end. */
void echo_load(int fd, uint16_t port, int connections, int size);

#endif
