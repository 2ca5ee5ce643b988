/* SPDX-License-Identifier: MIT */
/* The echo server, second form: the calls of POSIX, waiting the task alone.
 *
 *     echo [PORT [COUNT]]     try it: nc 127.0.0.1 7777
 *
 * Read it as a program with one thread per connection: accept, start, read, write, close. HK_FD
 * closes the descriptor when the block is left. hk_go starts a task with typed arguments, which
 * belong to it from then on; where the task never runs, drop closes what it was given. */
#include "listen.h"

#include <hocket.h>

struct connection {
    int fd;
};
static void drop(struct connection *c) { hk_close(c->fd); }

static void *serve(struct connection *c)
{
    HK_FD(fd, c->fd);
    char buf[4096];
    ssize_t n;
    while ((n = hk_recv(fd, buf, sizeof buf, 0)) > 0)
        if ((n = hk_send(fd, buf, (size_t)n, 0)) < 0) break;
    return hk_val(n);
}
HK_ENTRY_OWNING(serve, struct connection, drop)

struct server {
    int listener;
    long count;
};

static void *server(void *arg)
{
    struct server *self = arg;
    HK_FD(listener, self->listener);
    for (long i = 0; self->count == 0 || i < self->count; i++) {
        int fd = hk_accept(listener, NULL, NULL);
        if (fd < 0) return hk_val(fd);
        hk_go(HK_ROOT, serve, fd);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    struct server self;
    self.listener = listen_as_told(argc, argv, &self.count);
    return self.listener < 0 || hk_run(server, &self, NULL) < 0;
}
