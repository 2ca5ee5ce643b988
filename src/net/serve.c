/* SPDX-License-Identifier: MIT */
/* hk_serve: a task that accepts, and a task for each connection.
 *
 * The server lies on the stack of the task that accepts, and its connections point to it: so it
 * does not leave before the last of them has ended, killed or not. It waits in three ways, which
 * are calls of its own: for room under the limit, where a close of the listener must reach it too;
 * for the end of its connections; and for their end where it is killed itself, which cannot be
 * aborted. A connection that ends has the waiting call look again.
 *
 * A number that was closed may mean another file a moment later. So the stop is known by the
 * generation of the listener's descriptor, not by its number. */
#include "sched/descriptor.h"

#include <hocket/net.h>

#include <stdio.h>

struct connection;
struct server {
    struct {
        hk_call call;
        hk__timer timer; /* the grace */
    } wait;
    hk_sched *s;
    hk_serve_fn *handler;
    const hk_serve_options *options;
    int listener;
    uint32_t generation;      /* of its descriptor */
    unsigned live;            /* connections, from their spawn on */
    struct connection *first; /* those that have begun */
    bool timing;              /* the timer runs */
    bool ending;              /* no handler begins any more */
};

struct connection {
    struct server *server;
    int fd;
    hk_tid tid;
    struct connection *next, **link; /* link: where the pointer to this one is; NULL: none */
};

/* ---- waiting ---- */

static struct server *server_of(const hk_call *call)
{
    return HK_CONTAINER(call, struct server, wait.call);
}

static bool is_stopped(const struct server *self)
{
    return self->s->descriptors.table[self->listener].generation != self->generation;
}

/* On the listener's idle side, where a close reaches it. */
static void room_handle(hk_call *call)
{
    struct server *self = server_of(call);
    struct hk__io io;
    if (is_stopped(self)) {
        hk_call_complete(call, -EBADF);
        return;
    }
    if (!hk__io_enter(&io, call, self->listener, HK__WRITER)) return;
    int r = self->live < self->options->limit ? 0 : hk__io_park(&io);
    if (r < 0 || self->live < self->options->limit) hk__io_finish(&io, r);
}

static int room_abort(hk_call *call)
{
    struct server *self = server_of(call);
    hk__descriptor_leave(self->s, self->listener, call);
    return HK_ABORTED;
}

/* Run again when the last one has ended, or by the timer. */
static void end_handle(hk_call *call)
{
    struct server *self = server_of(call);
    if (call->state == HK__CALL_HANDLING && self->live > 0) {
        if (self->options->grace <= 0) return;
        self->wait.timer.deadline = self->options->grace;
        hk__timer_start(self->s, &self->wait.timer);
        self->timing = true;
        return;
    }
    if (self->live == 0 && self->timing) hk__timer_stop(self->s, &self->wait.timer);
    self->timing = false;
    hk_call_complete(call, self->live == 0 ? 0 : -ETIME);
}

static int end_abort(hk_call *call)
{
    struct server *self = server_of(call);
    if (self->timing) hk__timer_stop(self->s, &self->wait.timer);
    self->timing = false;
    return HK_ABORTED;
}

static void last_handle(hk_call *call)
{
    if (server_of(call)->live == 0) hk_call_complete(call, 0);
}

static int wait_describe(const hk_call *call, char *buf, size_t size)
{
    return snprintf(buf, size, "%s, %u are there", call->type->name, server_of(call)->live);
}

static const hk_call_type room_type = { .name = "serve: room for a connection",
                                        .handle = room_handle,
                                        .abort = room_abort,
                                        .describe = wait_describe };
static const hk_call_type end_type = { .name = "serve: the end of its connections",
                                       .handle = end_handle,
                                       .abort = end_abort,
                                       .describe = wait_describe };
static const hk_call_type last_type = { .name = "serve: the end of killed connections",
                                        .handle = last_handle,
                                        .describe = wait_describe,
                                        .flags = HK_CALL_NO_REFUSAL };

static int wait_for(struct server *self, const hk_call_type *type)
{
    hk__call_init(&self->wait.call, type);
    return (int)hk_trap(&self->wait.call);
}

/* ---- a connection ---- */

/* Of one that ran, or never did. The server may be gone afterwards. */
static void connection_end(void *arg)
{
    struct connection *c = arg;
    struct server *self = c->server;
    if (c->link != NULL) {
        *c->link = c->next;
        if (c->next != NULL) c->next->link = c->link;
    }
    hk__close_here(c->fd);
    self->live--;
    if (self->live == 0 || self->wait.call.type == &room_type) hk__call_retry(&self->wait.call);
}

static void *connection(void *arg)
{
    struct connection *c = arg;
    struct server *self = c->server;
    int r = hk_at_end(connection_end, c);
    if (r < 0) {
        connection_end(c);
        return hk_val(r);
    }
    if (self->ending) return NULL;
    c->tid = hk_task_self();
    c->next = self->first;
    c->link = &self->first;
    if (c->next != NULL) c->next->link = &c->next;
    self->first = c;
    return hk_val(self->handler(c->fd, self->options->arg));
}

/* One that finds no memory is dropped; the next may be luckier. */
static void start(struct server *self, int fd)
{
    struct connection c = { .server = self, .fd = fd };
    const char *name = self->options->name != NULL ? self->options->name : "connection";
    const hk_coro_options how = { .name = name,
                                  .stack = self->options->stack,
                                  .arg_size = sizeof c,
                                  .arg_release = connection_end };
    self->live++;
    hk_spawn_with(HK_ROOT, connection, &c, &how);
}

/* ---- the server ---- */

/* Until it is stopped (0), or cannot go on. */
static int accept_all(struct server *self)
{
    const unsigned limit = self->options->limit;
    for (;;) {
        int r = limit != 0 && self->live >= limit ? wait_for(self, &room_type) : 0;
        if (r == 0) r = is_stopped(self) ? -EBADF : hk_accept(self->listener, NULL, NULL);
        if (r < 0) return r == -EBADF && is_stopped(self) ? 0 : r;
        start(self, r);
    }
}

static void kill_all(struct server *self)
{
    self->ending = true;
    for (struct connection *c = self->first; c != NULL; c = c->next) hk_task_kill(c->tid);
    wait_for(self, &last_type);
}

int hk_serve(int listener, hk_serve_fn *handler, const hk_serve_options *options)
{
    static const hk_serve_options usual;
    struct server self = { .s = hk__here.sched, .handler = handler, .listener = listener };
    if (listener < 0) return listener;
    int r = hk__task_here() != NULL ? hk__descriptor_find(self.s, listener) : -ENOSYS;
    if (r < 0) {
        hk_close(listener);
        return r;
    }
    self.options = options != NULL ? options : &usual;
    self.generation = self.s->descriptors.table[listener].generation;
    r = accept_all(&self);
    if (!is_stopped(&self)) hk_close(listener);
    int ended = r != -ECANCELED ? wait_for(&self, &end_type) : r;
    if (ended < 0) kill_all(&self);
    return ended == -ECANCELED ? ended : r;
}
