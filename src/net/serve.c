/* SPDX-License-Identifier: MIT */
/* hk_serve: a task that accepts, and a group with a task for each connection.
 *
 * The limit is kept before accepting, not at the spawn as the limit of a group is: who cannot be
 * served yet stays in the listener's queue, where he may be served by another process. That wait is
 * a call of its own, at the listener, so that a close of the listener reaches it too; a connection
 * that ends has it look again.
 *
 * A number that was closed may mean another file a moment later. So the stop is known by the
 * generation of the listener's descriptor, not by its number. */
#include "sched/descriptor.h"

#include <hocket/net.h>

#include <stdio.h>

struct server {
    hk_call room; /* waits for it */
    hk_sched *s;
    hk_serve_fn *handler;
    const hk_serve_options *options;
    int listener;
    uint32_t generation; /* of its descriptor */
    unsigned live;       /* connections, from their spawn on */
    hk_group connections;
};

struct connection {
    struct server *server;
    int fd;
};

/* ---- room ---- */

static struct server *server_of(const hk_call *call)
{
    return HK_CONTAINER(call, struct server, room);
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

static int room_describe(const hk_call *call, char *buf, size_t size)
{
    return snprintf(buf, size, "%s, %u are there", call->type->name, server_of(call)->live);
}

static const hk_call_type room_type = { .name = "serve: room for a connection",
                                        .handle = room_handle,
                                        .abort = room_abort,
                                        .describe = room_describe };

static int wait_for_room(struct server *self)
{
    hk__call_init(&self->room, &room_type);
    return (int)hk_trap(&self->room);
}

/* ---- a connection ---- */

/* Of one that ran, or never did. */
static void connection_end(void *arg)
{
    const struct connection *c = arg;
    struct server *self = c->server;
    hk__close_here(c->fd);
    self->live--;
    hk__call_retry(&self->room);
}

/* Nobody begins to be served by a server that is killed. */
static void *connection(void *arg)
{
    const struct connection *c = arg;
    int r = hk_at_end(connection_end, arg);
    if (r < 0) {
        connection_end(arg);
        return hk_val(r);
    }
    if (hk__strand_force(hk__task_here()) & HK__CANCELLED) return hk_val(-ECANCELED);
    return hk_val(c->server->handler(c->fd, c->server->options->arg));
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
    hk_spawn_with(&self->connections, connection, &c, &how);
}

/* ---- the server ---- */

/* Until it is stopped (0), or cannot go on. */
static int accept_all(struct server *self)
{
    const unsigned limit = self->options->limit;
    for (;;) {
        int r = limit != 0 && self->live >= limit ? wait_for_room(self) : 0;
        if (r == 0) r = is_stopped(self) ? -EBADF : hk_accept(self->listener, NULL, NULL);
        if (r < 0) return r == -EBADF && is_stopped(self) ? 0 : r;
        start(self, r);
    }
}

int hk_serve(int listener, hk_serve_fn *handler, const hk_serve_options *options)
{
    static const hk_serve_options usual;
    static const hk_group_options together = { .name = "connections", .policy = HK_INDEPENDENT };
    struct server self = { .s = hk__here.sched, .handler = handler, .listener = listener };
    if (listener < 0) return listener;
    int r = hk__task_here() != NULL ? hk__descriptor_find(self.s, listener) : -ENOSYS;
    if (r < 0) {
        hk_close(listener);
        return r;
    }
    self.options = options != NULL ? options : &usual;
    self.generation = self.s->descriptors.table[listener].generation;
    hk_group_open(&self.connections, &together);
    r = accept_all(&self);
    if (!is_stopped(&self)) hk_close(listener);
    hk_group_stop(&self.connections, self.options->grace > 0 ? self.options->grace : HK_FOREVER);
    intptr_t ended = hk_group_close(&self.connections, r == -ECANCELED ? r : 0);
    hk_group_leave(&self.connections);
    return ended == -ECANCELED ? -ECANCELED : r;
}
