/* SPDX-License-Identifier: MIT */
/* dial: several connects, of which the first to succeed wins (RFC 8305).
 *
 *   timer     until the next attempt
 *   list      the addresses, count of them, in the order to try
 *   type      of the sockets
 *   attempts  a connect for each address; fd -1: it failed, or was not begun
 *
 * Each attempt is a call of its own, forwarded to the scheduler, which tells the attempt and not
 * the task when it is done. An attempt begins when the timer fires or when one has failed. The
 * first to succeed completes the call. Whoever ends the call, winner or abort, gives up all the
 * others on the spot: a connect can always be aborted at once, so nothing of it is left. */
#include "calls/calls.h"

#include "sched/descriptor.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>

static const int64_t STAGGER = HK_MS(250);

static void attempt_done(hk_call *call);

void hk__dial_prepare(struct hk__dial_call *dial, const char *what, int type, const hk_addr *list,
                      int count)
{
    hk__call_init(&dial->call, &hk__dial_type);
    dial->what = what;
    dial->list = list;
    dial->count = count;
    dial->type = type;
    dial->next = dial->live = dial->error = 0;
    dial->timing = false;
    for (int i = 0; i < count; i++) dial->attempts[i].fd = -1;
}

/* What is said in the end is what the first one said, unless that was only that there is no way to
 * it. */
static void note(struct hk__dial_call *self, int error)
{
    if (self->error == 0 || hk__has_no_route(self->error)) self->error = error;
}

static int new_socket(const hk_sched *s, int family, int type)
{
    int on = 1;
    struct iovec value = { &on, sizeof on };
    hk__direct make = { .kind = HK__DIRECT_SOCKET, .fd = family, .flags = type };
    int fd = (int)s->world->table->direct(s->world, &make);
    if (fd < 0 || family == AF_UNIX || type != SOCK_STREAM) return fd;
    hk__direct no_delay = { .kind = HK__DIRECT_OPTION, .fd = fd, .flags = IPPROTO_TCP };
    no_delay.count = TCP_NODELAY;
    no_delay.vector = &value;
    s->world->table->direct(s->world, &no_delay);
    return fd;
}

/* 1: connected; 0: under way; -errno. */
static int begin(hk_sched *s, struct hk__dial_call *self, int i)
{
    const hk_addr *to = &self->list[i];
    struct hk__attempt *a = &self->attempts[i];
    int fd = new_socket(s, to->sa.ss_family, self->type);
    if (fd < 0) return fd;
    hk_connect_prepare(&a->connect, fd, (const struct sockaddr *)&to->sa, to->len);
    a->connect.call.done = attempt_done;
    a->dial = self;
    a->fd = fd;
    self->live++;
    if (!hk__call_forward(s, self->call.task, &a->connect.call)) return 0;
    return a->connect.call.result < 0 ? (int)a->connect.call.result : 1;
}

static void end(struct hk__dial_call *self, struct hk__attempt *a)
{
    if (a->fd < 0) return;
    hk__close_here(a->fd);
    a->fd = -1;
    self->live--;
}

static void stop_timer(hk_sched *s, struct hk__dial_call *self)
{
    if (self->timing) hk__timer_stop(s, &self->timer);
    self->timing = false;
}

static void give_up(hk_sched *s, struct hk__dial_call *self)
{
    stop_timer(s, self);
    for (int i = 0; i < self->next; i++) {
        struct hk__attempt *a = &self->attempts[i];
        if (a->fd >= 0) hk__call_abort(&a->connect.call, -ECANCELED);
        end(self, a);
    }
}

static void win(hk_sched *s, struct hk__dial_call *self, struct hk__attempt *a)
{
    int fd = a->fd;
    a->fd = -1;
    give_up(s, self);
    hk_call_complete(&self->call, fd);
}

/* Begins attempts until one is under way. */
static void go_on(hk_sched *s, struct hk__dial_call *self)
{
    while (self->next < self->count) {
        struct hk__attempt *a = &self->attempts[self->next];
        int r = begin(s, self, self->next++);
        if (r > 0) return win(s, self, a);
        if (r == 0) break;
        note(self, r);
        end(self, a);
    }
    if (self->live == 0) {
        hk_call_complete(&self->call, self->error);
    } else if (self->next < self->count) {
        self->timer.deadline = STAGGER;
        hk__timer_start(s, &self->timer);
        self->timing = true;
    }
}

static void attempt_done(hk_call *call)
{
    struct hk__attempt *a = HK_CONTAINER(call, struct hk__attempt, connect.call);
    struct hk__dial_call *self = a->dial;
    hk_sched *s = hk__sched_of(call);
    if (call->result == 0) return win(s, self, a);
    note(self, (int)call->result);
    end(self, a);
    stop_timer(s, self);
    go_on(s, self);
}

void hk__dial_handle(hk_call *call)
{
    struct hk__dial_call *self = HK_CONTAINER(call, struct hk__dial_call, call);
    hk_sched *s = hk__sched_of(call);
    self->timing = false; /* it has fired, or never ran */
    if (s != NULL)
        go_on(s, self);
    else
        hk_call_complete(call, -ENOSYS);
}

int hk__dial_abort(hk_call *call)
{
    give_up(hk__sched_of(call), HK_CONTAINER(call, struct hk__dial_call, call));
    return HK_ABORTED;
}

int hk__dial_describe(const hk_call *call, char *buf, size_t size)
{
    const struct hk__dial_call *self = HK_CONTAINER(call, struct hk__dial_call, call);
    return snprintf(buf, size, "dial %s, address %d of %d", self->what, self->next, self->count);
}
