/* SPDX-License-Identifier: MIT */
/* libev: callbacks, and less of them than libuv: it watches descriptors and timers, the system
 * calls are ours. So it has the rows timers, echo and http. */
#include "peer.h"

#include <ev.h>

static struct ev_loop *loop;

/* ---- timers ---- */

struct sleeper {
    ev_timer timer;
    int64_t start_ns;
    long ms;
};

static void wake(struct ev_loop *l, ev_timer *timer, int events)
{
    (void)l, (void)events;
    struct sleeper *s = (struct sleeper *)timer;
    peer_woke(s->start_ns, s->ms);
}

static void timers(long size, long count)
{
    (void)count;
    uint64_t asked = 0;
    struct sleeper *sleepers = peer_alloc((size_t)size, sizeof *sleepers);
    peer_late_prepare(size);
    peer_begin();
    for (long i = 0; i < size; i++) {
        struct sleeper *s = &sleepers[i];
        s->ms = peer_sleep_ms(i);
        s->start_ns = peer_now();
        asked += (uint64_t)s->ms;
        if (i % 1000 == 0) ev_now_update(loop); /* a timer counts from the loop's time */
        ev_timer_init(&s->timer, wake, (double)s->ms / 1000, 0);
        ev_timer_start(loop, &s->timer);
    }
    ev_run(loop, 0);
    peer_end();
    peer_report_timers(asked);
}

/* ---- servers ---- */

struct connection {
    ev_io io;
    size_t used;         /* bytes of a request that has not come wholly */
    const char *to_send; /* what the socket did not take */
    size_t left;
    char buffer[PEER_BUFFER];
};

static void (*answer)(struct connection *);

static void hang_up(struct connection *c)
{
    ev_io_stop(loop, &c->io);
    close(c->io.fd);
    free(c);
}

static void watch(struct connection *c, int events)
{
    if (c->io.events == events) return;
    ev_io_stop(loop, &c->io);
    ev_io_set(&c->io, c->io.fd, events);
    ev_io_start(loop, &c->io);
}

/* Sends what is left, and reads again when that is nothing. */
static void send_rest(struct connection *c)
{
    ssize_t n = write(c->io.fd, c->to_send, c->left);
    if (n < 0 && errno != EAGAIN) {
        hang_up(c);
        return;
    }
    if (n > 0) {
        c->to_send += n;
        c->left -= (size_t)n;
    }
    watch(c, c->left > 0 ? EV_WRITE : EV_READ);
}

static void send_all(struct connection *c, const char *bytes, size_t length)
{
    c->to_send = bytes;
    c->left = length;
    c->used = 0;
    send_rest(c);
}

static void answer_echo(struct connection *c) { send_all(c, c->buffer, c->used); }

static void answer_http(struct connection *c)
{
    size_t length;
    const char *text = peer_http_answer(c->buffer, c->used, &length);
    if (text)
        send_all(c, text, length);
    else if (c->used == sizeof c->buffer)
        hang_up(c);
}

static void on_ready(struct ev_loop *l, ev_io *io, int events)
{
    (void)l;
    struct connection *c = (struct connection *)io;
    if (events & EV_WRITE) {
        send_rest(c);
        return;
    }
    ssize_t n = read(io->fd, c->buffer + c->used, sizeof c->buffer - c->used);
    if (n > 0) {
        c->used += (size_t)n;
        answer(c);
    } else if (n == 0 || errno != EAGAIN) {
        hang_up(c);
    }
}

static void on_connection(struct ev_loop *l, ev_io *listener, int events)
{
    (void)l, (void)events;
    int fd;
    while ((fd = peer_accept(listener->fd)) >= 0) {
        struct connection *c = peer_alloc(1, sizeof *c);
        ev_io_init(&c->io, on_ready, fd, EV_READ);
        ev_io_start(loop, &c->io);
    }
}

static void serve(void (*how)(struct connection *))
{
    static ev_io listener;
    answer = how;
    ev_io_init(&listener, on_connection, peer_listen(), EV_READ);
    ev_io_start(loop, &listener);
    ev_run(loop, 0);
}

static void echo(long size, long count)
{
    (void)size, (void)count;
    serve(answer_echo);
}

static void http(long size, long count)
{
    (void)size, (void)count;
    serve(answer_http);
}

int main(int argc, char **argv)
{
    static const struct peer_row rows[] = {
        { "timers", timers },
        { "echo", echo },
        { "http", http },
        { NULL, NULL },
    };
    loop = ev_default_loop(EVFLAG_AUTO);
    if (!loop) peer_fail("libev has no loop");
    return peer_main(argc, argv, rows);
}
