/* SPDX-License-Identifier: MIT */
/* Connections. Each is a task that reads a request, has it answered, and reads the next one,
 * written down as one thinks it. hk_serve accepts them, and waits where there are too many; the
 * watch kills those that take too long.
 *
 * A kill makes the calls of a task that wait fail with -ECANCELED, so there is one way out of a
 * connection, whatever ends it. */
#include "http_server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- One connection ---- */

/* Waits for bytes. Returns as hk_recv. */
static ssize_t receive(struct http *h)
{
    http_flush(h);
    if (h->error < 0) return h->error;
    h->idle = !h->request.begun;
    ssize_t n = h->idle && h->server->stopping ? 0 : hk_recv(h->fd, h->in, sizeof h->in, 0);
    h->idle = false;
    h->in_at = 0;
    h->in_used = n > 0 ? (size_t)n : 0;
    return n;
}

static void say_continue(struct http *h)
{
    static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";
    http_flush(h);
    if (h->error == 0) h->error = (int)hk_send(h->fd, line, sizeof line - 1, 0) < 0 ? -EPIPE : 0;
}

/* Reads a request to its end. False: none came. */
static bool read_request(struct http *h)
{
    struct http_request *r = &h->request;
    http_request_begin(r);
    h->since = h->server->ticks;
    while (r->stage < HTTP_COMPLETE) {
        if (h->in_at == h->in_used) {
            ssize_t n = receive(h);
            if (n < 0) return false;
            if (n == 0) return http_request_end(r);
        }
        bool in_head = r->stage == HTTP_IN_HEAD;
        h->in_at += http_request_feed(r, h->in + h->in_at, h->in_used - h->in_at);
        if (in_head && r->stage == HTTP_IN_BODY && r->field[HTTP_EXPECT] != NULL) say_continue(h);
    }
    return true;
}

static void answer(struct http *h)
{
    struct http_request *r = &h->request;
    h->server->requests++;
    h->unsent = 0;
    h->close = r->stage == HTTP_REFUSED || h->server->stopping;
    if (r->stage == HTTP_REFUSED)
        http_short_answer(h, r->status);
    else if (r->method != HTTP_GET && r->method != HTTP_HEAD)
        http_short_answer(h, 405);
    else
        h->server->answer(h);
    if (h->unsent > 0 && h->error == 0) h->error = -EIO; /* the client must not take it for all */
    if (!r->keep_alive) h->close = true;
}

/* Closing a socket with unread bytes in it resets the connection, and the answer may be lost. */
static void read_surplus(struct http *h)
{
    int64_t left = HTTP_BODY_MAX;
    ssize_t n;
    h->since = h->server->ticks;
    hk_shutdown(h->fd, SHUT_WR);
    while (left > 0 && (n = hk_recv(h->fd, h->in, sizeof h->in, 0)) > 0) left -= n;
}

static void converse(struct http *h)
{
    while (h->error == 0 && !h->close && read_request(h)) answer(h);
    http_flush(h);
    if (h->error == 0 && h->close) read_surplus(h);
}

/* ---- All of them ---- */

static void link_in(struct http *h)
{
    h->next = h->server->first;
    h->link = &h->server->first;
    if (h->next != NULL) h->next->link = &h->next;
    h->server->first = h;
}

static void unlink_it(struct http *h)
{
    *h->link = h->next;
    if (h->next != NULL) h->next->link = h->link;
}

static void name_task(const struct http *h)
{
    char text[HK_NET_TEXT] = "";
    hk_addr peer;
    if (hk_net_peer(h->fd, &peer) == 0) hk_net_format(&peer, text, sizeof text);
    hk_task_name("%s, %s", h->server->name, text);
}

/* A client that goes away is no failure of ours. */
static int connection(int fd, void *arg)
{
    struct http_server *server = arg;
    struct http *h = malloc(sizeof *h);
    if (h == NULL) return -ENOMEM;
    memset(h, 0, offsetof(struct http, in));
    h->server = server;
    h->fd = fd;
    h->task = hk_task_self();
    name_task(h);
    server->connections++;
    link_in(h);
    converse(h);
    unlink_it(h);
    free(h);
    return 0;
}

/* Kills who takes too long: one clock for all, read four times a second. */
static void *watch(void *arg)
{
    struct http_server *server = arg;
    hk_task_name("%s watch", server->name);
    while (hk_sleep(HK_MS(HTTP_TICK_MS)) == 0) {
        server->ticks++;
        for (struct http *h = server->first; h != NULL; h = h->next)
            if ((server->ticks - h->since) * HTTP_TICK_MS > server->patience_ms)
                hk_task_kill(h->task);
    }
    return NULL;
}

int http_serve(int listener, struct http_server *server)
{
    const hk_serve_options options = { .arg = server,
                                       .name = server->name,
                                       .limit = server->connections_max,
                                       .grace = server->grace,
                                       .stack = 128 << 10 }; /* paths lie there, and pages */
    hk_tid watching = hk_spawn(HK_ROOT, watch, server);
    server->listener = listener;
    int r = hk_serve(listener, connection, &options);
    hk_task_kill(watching);
    while (server->spare != NULL) {
        union http_buffer *buffer = server->spare;
        server->spare = buffer->next;
        free(buffer);
    }
    server->spare_count = 0;
    return r;
}

void http_stop(struct http_server *server)
{
    server->stopping = true;
    for (struct http *h = server->first; h != NULL; h = h->next)
        if (h->idle) hk_task_kill(h->task);
    hk_close(server->listener);
}
