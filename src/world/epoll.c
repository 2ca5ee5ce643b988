/* SPDX-License-Identifier: MIT */
/* The world on epoll.
 *
 * A descriptor is registered when something first waits for it, edge-triggered, and stays
 * registered until it is closed: while it is busy epoll costs it nothing. It starts with the
 * directions that are waited for, since a socket that is only read would else report each
 * acknowledged write; a second direction widens it for good. What the kernel gives back is the
 * ticket.
 *
 * Operations go to the thread pool.
 *
 * wake() writes to an eventfd. That too is watched by its edges: each write is one, so nobody ever
 * needs to read it. */
#include "world/pool.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 256, WAKE_SLOT = UINT32_MAX };

struct epoll_world {
    hk__world world;
    int epoll, eventfd;
    int timer_slack;   /* of the thread, before */
    bool milliseconds; /* the kernel has no epoll_pwait2 */
    struct hk__pool_client pool;
    struct epoll_event batch[BATCH];
};

static struct epoll_world *of(hk__world *world) { return (struct epoll_world *)world; }

/* ---- what is watched ---- */

static uint64_t pack(hk__ticket ticket) { return (uint64_t)ticket.generation << 32 | ticket.slot; }

static hk__ticket unpack(uint64_t data)
{
    return (hk__ticket){ .slot = (uint32_t)data, .generation = (uint32_t)(data >> 32) };
}

static uint32_t events_of(unsigned directions)
{
    uint32_t events = EPOLLET;
    if (directions & HK__READABLE) events |= EPOLLIN | EPOLLRDHUP | EPOLLPRI;
    if (directions & HK__WRITABLE) events |= EPOLLOUT;
    return events;
}

static unsigned ready_of(uint32_t events)
{
    unsigned ready = 0;
    if (events & EPOLLIN) ready |= HK__READABLE;
    if (events & EPOLLOUT) ready |= HK__WRITABLE;
    if (events & EPOLLPRI) ready |= HK__URGENT;
    if (events & EPOLLRDHUP) ready |= HK__READABLE | HK__HANGUP;
    if (events & (EPOLLHUP | EPOLLERR)) ready |= HK__READABLE | HK__WRITABLE | HK__HANGUP;
    return ready;
}

/* It is new where it was never watched, and also where somebody closed it behind our back and its
 * number came again: so the one operation is tried where the other does not fit. Both report the
 * present state. */
static int epoll_watch(hk__world *world, int fd, unsigned directions, hk__ticket ticket)
{
    struct epoll_event event = { .events = events_of(directions), .data.u64 = pack(ticket) };
    int r = epoll_ctl(of(world)->epoll, EPOLL_CTL_ADD, fd, &event);
    if (r < 0 && errno == EEXIST) r = epoll_ctl(of(world)->epoll, EPOLL_CTL_MOD, fd, &event);
    return r < 0 ? -errno : 0;
}

static void epoll_unwatch(hk__world *world, int fd, hk__ticket ticket)
{
    (void)ticket;
    epoll_ctl(of(world)->epoll, EPOLL_CTL_DEL, fd, NULL);
}

/* Also in signal handlers. The counter has room for 2^64 - 2 of these. */
static void epoll_wake(hk__world *world)
{
    static const uint64_t one = 1;
    int saved = errno;
    ssize_t ignored = write(of(world)->eventfd, &one, sizeof one);
    (void)ignored;
    errno = saved;
}

/* ---- operations ---- */

static int epoll_submit(hk__world *world, const hk__operation *operation, hk__ticket ticket)
{
    return hk__pool_submit(&of(world)->pool, operation, ticket);
}

static void epoll_cancel(hk__world *world, hk__ticket ticket)
{
    if (hk__pool_cancel(&of(world)->pool, ticket)) epoll_wake(world); /* its DONE is there */
}

/* ---- waiting ---- */

/* Milliseconds, rounded up: never early. A wait longer than an int holds ends early with nothing,
 * which is allowed. */
static int in_milliseconds(int64_t ns)
{
    int64_t ms = ns / 1000000 + (ns % 1000000 != 0);
    return ms < INT_MAX ? (int)ms : INT_MAX;
}

static HK__HOT int wait_for(struct epoll_world *w, int capacity, int64_t ns)
{
    if (ns > 0 && !w->milliseconds) {
        struct timespec timeout = { .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };
        int count = epoll_pwait2(w->epoll, w->batch, capacity, &timeout, NULL);
        if (count >= 0 || (errno != ENOSYS && errno != EPERM)) return count;
        w->milliseconds = true; /* an old kernel, or a seccomp filter older than the call */
    }
    return epoll_wait(w->epoll, w->batch, capacity, ns < 0 ? -1 : in_milliseconds(ns));
}

/* The wake-up was taken from the descriptor, and what it came for may have been finished since the
 * pool was looked at: it is taken too, or shows again. */
static int take_since(struct epoll_world *w, hk__event *ret_events, int count, int capacity)
{
    count += hk__pool_take(&w->pool, ret_events + count, capacity - count);
    if (hk__pool_any(&w->pool)) epoll_wake(&w->world);
    return count;
}

static HK__HOT int epoll_world_wait(hk__world *world, hk__event *ret_events, int capacity,
                                    int64_t until)
{
    struct epoll_world *w = of(world);
    int count = hk__pool_take(&w->pool, ret_events, capacity);
    if (count > 0) until = 0;
    if (count == capacity) return count;
    int64_t ns = until;
    if (until == INT64_MAX) {
        ns = -1;
    } else if (until > 0) {
        int64_t now = hk__clock_now();
        ns = until > now ? until - now : 0;
    }
    const int room = capacity - count;
    bool woken = false;
    int got = wait_for(w, room < BATCH ? room : BATCH, ns);
    for (int i = 0; i < got; i++) {
        hk__ticket ticket = unpack(w->batch[i].data.u64);
        if (ticket.slot == WAKE_SLOT) {
            woken = true;
            continue;
        }
        ret_events[count++] =
            (hk__event){ .ticket = ticket, .ready = ready_of(w->batch[i].events) };
    }
    return woken ? take_since(w, ret_events, count, capacity) : count;
}

static int epoll_peek(hk__world *world, hk__event *ret_events, int capacity)
{
    return epoll_world_wait(world, ret_events, capacity, 0);
}

static HK__HOT int64_t epoll_now(hk__world *world)
{
    (void)world;
    return hk__clock_now();
}

static int epoll_descriptor(hk__world *world) { return of(world)->epoll; }

static int epoll_describe(hk__world *world, char *buf, size_t size)
{
    const char *open = world->reason[0] != '\0' ? " (" : "", *close = *open != '\0' ? ")" : "";
    return snprintf(buf, size, "epoll%s%s%s", open, world->reason, close);
}

/* ---- birth and death ---- */

static void epoll_inherited(hk__world *world)
{
    struct epoll_world *w = of(world);
    close(w->epoll);
    close(w->eventfd);
}

static void epoll_destroy(hk__world *world)
{
    struct epoll_world *w = of(world);
    hk__pool_leave(&w->pool);
    if (w->epoll >= 0) close(w->epoll);
    if (w->eventfd >= 0) close(w->eventfd);
    hk__clock_coarse(w->timer_slack);
    free(w);
}

static const hk__world_table table = {
    .name = "epoll",
    .watch = epoll_watch,
    .unwatch = epoll_unwatch,
    .submit = epoll_submit,
    .cancel = epoll_cancel,
    .wait = epoll_world_wait,
    .peek = epoll_peek,
    .wake = epoll_wake,
    .direct = hk__direct_call,
    .now = epoll_now,
    .descriptor = epoll_descriptor,
    .describe = epoll_describe,
    .inherited = epoll_inherited,
    .destroy = epoll_destroy,
};

static int open_descriptors(struct epoll_world *w)
{
    struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.u64 = WAKE_SLOT };
    w->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (w->epoll < 0) return -errno;
    w->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (w->eventfd < 0) return -errno;
    return epoll_ctl(w->epoll, EPOLL_CTL_ADD, w->eventfd, &event) < 0 ? -errno : 0;
}

int hk__world_epoll(unsigned entries, hk__world **ret_world)
{
    (void)entries;
    struct epoll_world *w = calloc(1, sizeof *w);
    if (w == NULL) return -ENOMEM;
    w->world.table = &table;
    w->pool.world = &w->world;
    w->epoll = w->eventfd = -1;
    int r = open_descriptors(w);
    if (r < 0) {
        epoll_destroy(&w->world);
        return r;
    }
    w->timer_slack = hk__clock_fine();
    *ret_world = &w->world;
    return 0;
}
