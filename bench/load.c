/* SPDX-License-Identifier: MIT */
/* The generator of load: a closed loop on each connection. A request is sent, its answer awaited
 * and compared, then comes the next, until the order is fulfilled. */
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
    union {
        uint64_t number;
        char bytes[ECHO_SIZE];
    } request, answer;
};

static struct {
    int epoll, connections;
    struct client *clients[ECHO_SERVERS];
    double *us; /* of each answer */
    long room, sent, answered;
    uint64_t last_number;
} load;

static struct client *find_client(int server, int index) { return &load.clients[server][index]; }

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
    for (size_t i = 0; i < ECHO_SIZE; i++) c->request.bytes[i] = (char)('a' + i % 26);
}

static void send_next(struct client *c, long requests)
{
    c->number = 0;
    if (load.sent == requests) return;
    load.sent++;
    c->number = c->request.number = ++load.last_number;
    c->got = 0;
    c->since = bench_now();
    if (send(c->fd, &c->request, ECHO_SIZE, MSG_NOSIGNAL) != ECHO_SIZE)
        bench_fail("send: %s", strerror(errno));
}

static void receive(struct client *c, long requests)
{
    ssize_t n = recv(c->fd, c->answer.bytes + c->got, ECHO_SIZE - c->got, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) bench_fail("recv: %s", n < 0 ? strerror(errno) : "the server hung up");
    c->got += (size_t)n;
    if (c->got < ECHO_SIZE) return;
    if (c->number == 0 || memcmp(&c->request, &c->answer, ECHO_SIZE) != 0)
        bench_fail("an answer is wrong");
    load.us[load.answered++] = (double)(bench_now() - c->since) / 1000;
    send_next(c, requests);
}

static struct echo_answer follow(const struct echo_order *order)
{
    if (order->requests > load.room) {
        load.room = order->requests;
        load.us = realloc(load.us, (size_t)load.room * sizeof *load.us);
        if (!load.us) bench_fail("no memory");
    }
    load.sent = load.answered = 0;
    for (int i = 0; i < load.connections; i++)
        send_next(find_client(order->server, i), order->requests);
    struct epoll_event events[EVENTS];
    while (load.answered < order->requests) {
        int n = epoll_wait(load.epoll, events, EVENTS, -1);
        for (int i = 0; i < n; i++) receive(events[i].data.ptr, order->requests);
    }
    return (struct echo_answer){ .requests = load.answered };
}

void echo_load(int fd, const uint16_t *ports, int servers, int connections)
{
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    load.connections = connections;
    for (int s = 0; s < servers; s++) {
        load.clients[s] = calloc((size_t)connections, sizeof **load.clients);
        if (!load.clients[s]) bench_fail("no memory");
        for (int i = 0; i < connections; i++) open_connection(find_client(s, i), ports[s]);
    }
    struct echo_order order;
    while (read(fd, &order, sizeof order) == sizeof order) {
        struct echo_answer answer = follow(&order);
        if (write(fd, &answer, sizeof answer) != sizeof answer) break;
        /* The clock of the servers is read at the first answer, so sorting comes after it. */
        bench_sort(load.us, (int)answer.requests);
        answer.p50_us = load.us[answer.requests / 2];
        answer.p99_us = load.us[answer.requests * 99 / 100];
        if (write(fd, &answer, sizeof answer) != sizeof answer) break;
    }
}
