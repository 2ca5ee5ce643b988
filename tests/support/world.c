/* SPDX-License-Identifier: MIT */
/* What tests of worlds share. */
#include "support/world.h"

#include <hocket/task.h>

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

int world_cooperative(unsigned entries, hk__world **ret_world)
{
    return hk__world_uring_at(1, entries, ret_world);
}

int world_plain(unsigned entries, hk__world **ret_world)
{
    return hk__world_uring_at(2, entries, ret_world);
}

hk__world *world_open(int (*open)(unsigned entries, hk__world **ret_world), unsigned entries)
{
    hk__world *w = NULL;
    int r = open(entries, &w);
    if (r < 0 && open != hk__world_epoll && open != hk__world_sim)
        test_skip("no io_uring here");
    else
        CHECK_EQ(r, 0);
    return w;
}

void world_run(hk__world *w, void (*body)(hk__world *w))
{
    if (w == NULL) return;
    body(w);
    w->table->destroy(w);
}

int64_t world_now(hk__world *w) { return w->table->now(w); }

hk__ticket world_ticket(int slot, uint32_t generation)
{
    return (hk__ticket){ .slot = (uint32_t)slot, .generation = generation };
}

unsigned world_look(hk__world *w, int64_t until, hk__ticket ticket, int *ret_others)
{
    hk__event events[8];
    unsigned ready = 0;
    int count = w->table->wait(w, events, 8, until), others = 0;
    for (int i = 0; i < count; i++) {
        bool same = events[i].ticket.slot == ticket.slot;
        if (same && events[i].ticket.generation == ticket.generation)
            ready |= events[i].ready;
        else
            others++;
    }
    if (ret_others != NULL) *ret_others = others;
    return ready;
}

unsigned world_look_for(hk__world *w, hk__ticket ticket, unsigned wanted)
{
    int64_t limit = world_now(w) + HK_SEC(5);
    unsigned ready = 0;
    while ((ready & wanted) != wanted && world_now(w) < limit)
        ready |= world_look(w, limit, ticket, NULL);
    return ready;
}

bool world_is_readable(int fd, int milliseconds)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };
    return poll(&p, 1, milliseconds) == 1;
}

/* ---- through direct calls ---- */

int64_t world_transfer(hk__world *w, int kind, int fd, void *buf, size_t size)
{
    struct iovec one = { buf, size };
    hk__direct d = { .kind = (uint8_t)kind, .fd = fd, .vector = &one, .count = 1 };
    return w->table->direct(w, &d);
}

int64_t world_read(hk__world *w, int fd, void *buf, size_t size)
{
    return world_transfer(w, HK__DIRECT_READ, fd, buf, size);
}

int64_t world_write(hk__world *w, int fd, const void *buf, size_t size)
{
    return world_transfer(w, HK__DIRECT_WRITE, fd, (void *)buf, size);
}

static int64_t call(hk__world *w, int kind, int fd, int flags)
{
    hk__direct d = { .kind = (uint8_t)kind, .fd = fd, .flags = flags };
    return w->table->direct(w, &d);
}

int64_t world_shutdown(hk__world *w, int fd, int how)
{
    return call(w, HK__DIRECT_SHUTDOWN, fd, how);
}

int64_t world_close(hk__world *w, int fd) { return call(w, HK__DIRECT_CLOSE, fd, 0); }

bool world_shows(hk__world *w, int fd)
{
    if (strcmp(w->table->name, "sim") != 0) world_is_readable(fd, 1000);
    return call(w, HK__DIRECT_POLL, fd, HK__READABLE) == 0;
}

/* ---- pipes and sockets ---- */

static int64_t must(int64_t r, const char *what)
{
    if (r >= 0) return r;
    fprintf(stderr, "%s: %s\n", what, strerror((int)-r));
    abort();
}

void world_pipe(hk__world *w, int ret_fds[2])
{
    hk__direct d = { .kind = HK__DIRECT_PIPE, .extra = ret_fds };
    must(w->table->direct(w, &d), "pipe");
}

int world_socket(hk__world *w, int domain)
{
    return (int)must(call(w, HK__DIRECT_SOCKET, domain, SOCK_STREAM), "socket");
}

static int64_t call_address(hk__world *w, int kind, int fd, int flags, void *address,
                            socklen_t *size)
{
    hk__direct d = { .kind = (uint8_t)kind, .fd = fd, .flags = flags };
    d.address = address;
    d.address_size = size;
    return w->table->direct(w, &d);
}

int64_t world_bind(hk__world *w, int fd, const void *address, size_t size)
{
    socklen_t n = (socklen_t)size;
    return call_address(w, HK__DIRECT_BIND, fd, 0, (void *)address, &n);
}

/* Both worlds answer a local connect at once. */
void world_local_pair(hk__world *w, int ret_fds[2])
{
    static int number;
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int listener = world_socket(w, AF_UNIX);
    int length = snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "hocket-test-%d-%d",
                          (int)getpid(), number++);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
    must(world_bind(w, listener, &address, size), "bind");
    must(call(w, HK__DIRECT_LISTEN, listener, 1), "listen");
    ret_fds[0] = world_socket(w, AF_UNIX);
    must(call_address(w, HK__DIRECT_CONNECT, ret_fds[0], 0, &address, &size), "connect");
    ret_fds[1] = (int)must(call(w, HK__DIRECT_ACCEPT, listener, 0), "accept");
    world_close(w, listener);
}

int world_listen(hk__world *w, struct sockaddr_in *ret_address)
{
    int fd = world_socket(w, AF_INET);
    socklen_t size = sizeof *ret_address;
    *ret_address = (struct sockaddr_in){ .sin_family = AF_INET };
    ret_address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    must(world_bind(w, fd, ret_address, size), "bind");
    must(call(w, HK__DIRECT_LISTEN, fd, 4), "listen");
    must(call_address(w, HK__DIRECT_NAME, fd, 0, ret_address, &size), "name");
    return fd;
}

/* The connection of `fd`: tests run side by side, and a stranger may be first. */
static int accept_from(hk__world *w, int listener, int fd)
{
    struct sockaddr_in wanted, peer;
    socklen_t size = sizeof wanted;
    must(call_address(w, HK__DIRECT_NAME, fd, 0, &wanted, &size), "name");
    for (;;) {
        size = sizeof peer;
        CHECK(world_shows(w, listener));
        int accepted =
            (int)must(call_address(w, HK__DIRECT_ACCEPT, listener, 0, &peer, &size), "accept");
        if (peer.sin_port == wanted.sin_port) return accepted;
        world_close(w, accepted);
    }
}

/* It must watch nothing: what is on its way in a simulated one arrives in a wait. */
void world_tcp_pair(hk__world *w, int ret_fds[2])
{
    struct sockaddr_in address;
    int listener = world_listen(w, &address);
    socklen_t size = sizeof address;
    hk__event event;
    ret_fds[0] = world_socket(w, AF_INET);
    int64_t r = call_address(w, HK__DIRECT_CONNECT, ret_fds[0], 0, &address, &size);
    CHECK(r == 0 || r == -EAGAIN);
    CHECK_EQ(w->table->wait(w, &event, 1, 0), 0);
    ret_fds[1] = accept_from(w, listener, ret_fds[0]);
    if (r < 0) must(call_address(w, HK__DIRECT_CONNECT, ret_fds[0], 1, &address, &size), "connect");
    world_close(w, listener);
}
