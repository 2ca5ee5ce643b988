/* SPDX-License-Identifier: MIT */
/* The echo server, by hand: a loop on edge-triggered epoll, one buffer for all connections.
 *
 * After a short read there is nothing more to read, so it goes on to the next event without asking
 * again: two system calls a request. What the kernel does not take at once waits in memory of its
 * own for EPOLLOUT. */
#include "echo.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

enum { EVENTS = 256 };

struct connection {
    int fd;
    size_t pending; /* bytes that wait in rest, from `sent` on */
    size_t sent;
    char rest[ECHO_BUFFER];
};

static struct echo_count *counts;
static char buffer[ECHO_BUFFER];

static void close_connection(struct connection *c)
{
    close(c->fd);
    free(c);
}

static void accept_all(int epoll, int listener)
{
    int fd, on = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct connection *c = malloc(sizeof *c);
        if (!c) bench_fail("no memory for a connection");
        c->fd = fd;
        c->pending = c->sent = 0;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                     .data.ptr = c };
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0) bench_fail("epoll_ctl");
    }
}

/* 1: all is written; 0: the rest waits; -1: it is broken. */
static int send_all(struct connection *c, const char *bytes, size_t size)
{
    counts->calls++;
    ssize_t n = send(c->fd, bytes, size, MSG_NOSIGNAL);
    if (n == (ssize_t)size) return 1;
    if (n < 0 && errno != EAGAIN) return -1;
    size_t done = n > 0 ? (size_t)n : 0;
    c->pending = size - done;
    c->sent = 0;
    memmove(c->rest, bytes + done, c->pending);
    return 0;
}

static void serve(struct connection *c)
{
    if (c->pending > 0) {
        int r = send_all(c, c->rest, c->pending);
        if (r == 0) return;
        c->pending = 0;
        if (r < 0) return close_connection(c);
    }
    for (;;) {
        counts->calls++;
        ssize_t n = recv(c->fd, buffer, sizeof buffer, 0);
        if (n < 0 && errno == EAGAIN) return;
        if (n <= 0) return close_connection(c);
        counts->requests++;
        int r = send_all(c, buffer, (size_t)n);
        if (r < 0) return close_connection(c);
        if (r == 0 || (size_t)n < sizeof buffer) return;
    }
}

void echo_epoll(int listener, struct echo_count *count)
{
    counts = count;
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL }, events[EVENTS];
    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) < 0) bench_fail("epoll");
    for (;;) {
        counts->calls++;
        int n = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            struct connection *c = events[i].data.ptr;
            if (!c)
                accept_all(epoll, listener);
            else if (c->pending == 0 ? events[i].events & ~(uint32_t)EPOLLOUT
                                     : events[i].events & EPOLLOUT)
                serve(c);
        }
    }
}
