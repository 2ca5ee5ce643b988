/* SPDX-License-Identifier: MIT */
/* The echo server, first form: wait, then call.
 *
 *     echo_wait [PORT [COUNT]]     try it: nc 127.0.0.1 7777
 *
 * hk_fd_wait waits until a descriptor is ready; the calls themselves are the kernel's, on sockets
 * that do not block. This is the form for descriptors that a library owns and reads. Only close is
 * Hocket's: it must hear that a number is free. */
#define _GNU_SOURCE /* accept4 */
#include "listen.h"

#include <hocket.h>

static void *serve(void *arg)
{
    HK_FD(fd, (int)hk_num(arg));
    char buf[4096];
    int r;
    while ((r = hk_fd_wait(fd, HK_READ)) == 0) {
        ssize_t n = recv(fd, buf, sizeof buf, 0);
        if (n < 0 && errno == EAGAIN) continue;
        if (n <= 0) break;
        for (ssize_t at = 0; at < n && (r = hk_fd_wait(fd, HK_WRITE)) == 0;) {
            ssize_t sent = send(fd, buf + at, (size_t)(n - at), MSG_NOSIGNAL);
            if (sent < 0 && errno != EAGAIN) return hk_val(-errno);
            if (sent > 0) at += sent;
        }
    }
    return hk_val(r);
}

struct server {
    int listener;
    long count;
};

static void *server(void *arg)
{
    struct server *self = arg;
    HK_FD(listener, self->listener);
    for (long i = 0; self->count == 0 || i < self->count;) {
        int r = hk_fd_wait(listener, HK_READ);
        if (r < 0) return hk_val(r);
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) continue; /* gone again before it was accepted */
        hk_tid tid = hk_spawn(HK_ROOT, serve, hk_val(fd));
        if (tid < 0) hk_close(fd);
        i++;
    }
    return NULL;
}

int main(int argc, char **argv)
{
    struct server self;
    self.listener = listen_as_told(argc, argv, &self.count);
    return self.listener < 0 || hk_run(server, &self, NULL) < 0;
}
