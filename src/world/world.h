/* SPDX-License-Identifier: MIT */
/* The contract between a scheduler and its world: where time and I/O come from.
 *
 * One table; each world fills it. Called by the scheduler's own thread, except wake(). Nothing blocks except wait(). Nothing
 * here knows of tasks, and nothing here resumes one. All non-determinism enters through this table.
 *
 * Readiness is edge-triggered: an event says that something changed, the scheduler remembers it. A ticket, never a pointer,
 * is what the kernel gives back; events of a ticket that is no longer watched are never delivered. */
#ifndef HK_WORLD_WORLD_H
#define HK_WORLD_WORLD_H

#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

typedef struct hk__world hk__world;

typedef struct hk__ticket {
    uint32_t slot, generation; /* slot: the descriptor */
} hk__ticket;

enum { HK__READABLE = 1, HK__WRITABLE = 2, HK__HANGUP = 4, HK__URGENT = 8 };

typedef struct hk__event {
    hk__ticket ticket;
    uint32_t ready; /* HK__READABLE ... */
} hk__event;

/* A system call that is made now and never waits: its arguments, as that call has them. */
enum hk__direct_kind {
    HK__DIRECT_READ,     /* vector, count */
    HK__DIRECT_WRITE,    /* vector, count */
    HK__DIRECT_RECV,     /* message, flags */
    HK__DIRECT_SEND,     /* message, flags */
    HK__DIRECT_ACCEPT,   /* address, address_size; the new descriptor is non-blocking and close-on-exec */
    HK__DIRECT_CONNECT,  /* address, *address_size; once more after WRITABLE: its outcome */
    HK__DIRECT_SHUTDOWN, /* flags: how */
    HK__DIRECT_CLOSE
};

typedef struct hk__direct {
    enum hk__direct_kind kind;
    int fd;
    int flags;
    int count;
    const struct iovec *vector;
    struct msghdr *message;
    struct sockaddr *address;
    socklen_t *address_size;
} hk__direct;

typedef struct hk__world_table {
    const char *name; /* "epoll" */

    /* For the descriptor's life. 0; -EPERM: always ready (a regular file); -errno. */
    int (*watch)(hk__world *world, int fd, hk__ticket ticket);
    /* At return no event with this ticket will come. Before the descriptor is closed. */
    void (*unwatch)(hk__world *world, int fd, hk__ticket ticket);
    /* Events, at most capacity. until: 0: do not wait; INT64_MAX: no limit; else the clock's time. May return 0 early. */
    int (*wait)(hk__world *world, hk__event *ret_events, int capacity, int64_t until);
    /* Makes the next wait return. Any thread, signal handlers too. */
    void (*wake)(hk__world *world);
    /* Never waits: count, value, -errno; -EAGAIN: wait for readiness. */
    int64_t (*direct)(hk__world *world, const hk__direct *direct);
    /* Monotonic, ns. */
    int64_t (*now)(hk__world *world);
    /* Readable when wait would return events. */
    int (*descriptor)(hk__world *world);
    void (*destroy)(hk__world *world);
} hk__world_table;

struct hk__world {
    const hk__world_table *table;
};

/* The world on epoll. 0 or -errno. */
int hk__world_epoll(hk__world **ret_world);

#endif
