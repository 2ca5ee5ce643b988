/* SPDX-License-Identifier: MIT */
/* The generator of load: a closed loop on each connection. A request is sent, its answer awaited
 * and compared, then comes the next, until the order is fulfilled. A request is its number and then
 * letters, the same in all, so that a connection needs no buffer of its own.
 *
 * It serves the echo benches and, as a program (peers/load.c), bench-peers. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"
#include "echo.h"

enum { EVENTS = 256 };

struct client {
    int fd;
    uint64_t number; /* of the request under way; 0: none */
    int64_t since;
    size_t got;
};

union message {
    uint64_t number;
    char bytes[ECHO_BUFFER];
};

static struct {
    int epoll, connections;
    size_t size; /* of a request */
    union message request;
    char answer[ECHO_BUFFER];
    struct client *clients;
    double *us; /* of each answer */
    long room, sent, answered;
    int64_t until; /* nothing is sent after that; 0: as long as it takes */
    uint64_t last_number;
} load;

static void open_connection(struct client *c, uint16_t port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = port,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int on = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&address, sizeof address) < 0)
        bench_fail("connect: %s", strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.ptr = c };
    if (epoll_ctl(load.epoll, EPOLL_CTL_ADD, c->fd, &event) < 0)
        bench_fail("epoll_ctl: %s", strerror(errno));
}

static void send_next(struct client *c, long requests)
{
    c->number = 0;
    int64_t now = bench_now();
    if (load.sent == requests || (load.until != 0 && now >= load.until)) return;
    load.sent++;
    c->number = load.request.number = ++load.last_number;
    c->got = 0;
    c->since = now;
    if (send(c->fd, &load.request, load.size, MSG_NOSIGNAL) != (ssize_t)load.size)
        bench_fail("send: %s", strerror(errno));
}

static void receive(struct client *c, long requests)
{
    ssize_t n = recv(c->fd, load.answer, load.size - c->got, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) bench_fail("recv: %s", n < 0 ? strerror(errno) : "the server hung up");
    load.request.number = c->number;
    if (c->number == 0 || memcmp(load.request.bytes + c->got, load.answer, (size_t)n) != 0)
        bench_fail("an answer is wrong");
    c->got += (size_t)n;
    if (c->got < load.size) return;
    load.us[load.answered++] = (double)(bench_now() - c->since) / 1000;
    send_next(c, requests);
}

void load_open(uint16_t port, int connections, int size)
{
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    load.connections = connections;
    load.size = (size_t)size;
    for (size_t i = 0; i < ECHO_BUFFER; i++) load.request.bytes[i] = (char)('a' + i % 26);
    load.clients = calloc((size_t)connections, sizeof *load.clients);
    if (!load.clients) bench_fail("no memory");
    for (int i = 0; i < connections; i++) open_connection(&load.clients[i], port);
}

long load_follow(const struct echo_order *order)
{
    if (order->requests > load.room) {
        load.room = order->requests;
        load.us = realloc(load.us, (size_t)load.room * sizeof *load.us);
        if (!load.us) bench_fail("no memory");
    }
    load.sent = load.answered = 0;
    load.until = order->ns != 0 ? bench_now() + order->ns : 0;
    for (int i = 0; i < load.connections; i++) send_next(&load.clients[i], order->requests);
    struct epoll_event events[EVENTS];
    while (load.answered < load.sent) {
        int n = epoll_wait(load.epoll, events, EVENTS, -1);
        for (int i = 0; i < n; i++) receive(events[i].data.ptr, order->requests);
    }
    return load.answered;
}

struct echo_answer load_sum(void)
{
    long n = load.answered;
    bench_sort(load.us, (int)n);
    return (struct echo_answer){ .requests = n,
                                 .p50_us = load.us[n / 2],
                                 .p99_us = load.us[n * 99 / 100],
                                 .p999_us = load.us[n * 999 / 1000] };
}

void echo_load(int fd, uint16_t port, int connections, int size)
{
    load_open(port, connections, size);
    struct echo_order order;
    while (read(fd, &order, sizeof order) == sizeof order) {
        struct echo_answer answer = { .requests = load_follow(&order) };
        if (write(fd, &answer, sizeof answer) != sizeof answer) break;
        /* The clock of the servers is read at the first answer, so sorting comes after it. */
        answer = load_sum();
        if (write(fd, &answer, sizeof answer) != sizeof answer) break;
    }
}
