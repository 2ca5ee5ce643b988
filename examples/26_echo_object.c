/* SPDX-License-Identifier: MIT */
/* The echo server, third form: a socket object.
 *
 *     echo_object [PORT [COUNT]]     try it: nc 127.0.0.1 7777
 *
 * The course ends with a Socket class whose methods wait. Here a method that waits is a function
 * that calls one that waits, so such an object is only worth its name when it adds something:
 * this one reads lines, and keeps what came too early for the next one. The server answers in
 * capitals. */
#include "listen.h"

#include <ctype.h>
#include <hocket.h>

struct sock {
    int fd;
    size_t used; /* bytes in buf */
    char buf[1024];
};

static void sock_close(struct sock *s) { hk_close(s->fd); }

static int sock_accept(struct sock *s, struct sock *ret_client)
{
    ret_client->used = 0;
    ret_client->fd = hk_accept(s->fd, NULL, NULL);
    return ret_client->fd;
}

static ssize_t sock_send(struct sock *s, const char *data, size_t size)
{
    return hk_send(s->fd, data, size, 0);
}

/* One line with its newline (or the rest, or as much as fits): its length, 0 at the end, -errno. */
static ssize_t sock_read_line(struct sock *s, char *line, size_t size)
{
    char *newline;
    while ((newline = memchr(s->buf, '\n', s->used)) == NULL && s->used < sizeof s->buf) {
        ssize_t n = hk_recv(s->fd, s->buf + s->used, sizeof s->buf - s->used, 0);
        if (n < 0) return n;
        if (n == 0) break;
        s->used += (size_t)n;
    }
    size_t length = newline != NULL ? (size_t)(newline + 1 - s->buf) : s->used;
    if (length > size) length = size;
    memcpy(line, s->buf, length);
    memmove(s->buf, s->buf + length, s->used -= length);
    return (ssize_t)length;
}

static void *serve(struct sock *s)
{
    char line[1024];
    ssize_t n;
    while ((n = sock_read_line(s, line, sizeof line)) > 0) {
        for (ssize_t i = 0; i < n; i++) line[i] = (char)toupper((unsigned char)line[i]);
        if ((n = sock_send(s, line, (size_t)n)) < 0) break;
    }
    sock_close(s);
    return hk_val(n);
}
HK_ENTRY_OWNING(serve, struct sock, sock_close)

struct server {
    struct sock listener;
    long count;
};

static void *server(void *arg)
{
    struct server *self = arg;
    int r = 0;
    for (long i = 0; r >= 0 && (self->count == 0 || i < self->count); i++) {
        struct sock client;
        if ((r = sock_accept(&self->listener, &client)) >= 0)
            hk_go(HK_ROOT, serve, .fd = client.fd);
    }
    sock_close(&self->listener);
    return hk_val(r < 0 ? r : 0);
}

int main(int argc, char **argv)
{
    struct server self = { 0 };
    self.listener.fd = listen_as_told(argc, argv, &self.count);
    return self.listener.fd < 0 || hk_run(server, &self, NULL) < 0;
}
