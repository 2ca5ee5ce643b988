/* SPDX-License-Identifier: MIT */
/* The contract between a scheduler and its world: where time and I/O come from.
 *
 * One table; each world fills it. Called by the scheduler's own thread, except wake(). Nothing
 * blocks except wait(). Nothing here knows of tasks, and nothing here resumes one. All
 * non-determinism enters through this table.
 *
 * Readiness is edge-triggered: an event says that something changed, the scheduler remembers it. A
 * ticket, never a pointer, is what the kernel gives back; events of a ticket that is no longer
 * watched are never delivered. */
#ifndef HK_WORLD_WORLD_H
#define HK_WORLD_WORLD_H

#include <stdbool.h>
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
    HK__DIRECT_READ,  /* vector, count */
    HK__DIRECT_WRITE, /* vector, count */
    HK__DIRECT_RECV,  /* vector, count, or message; flags */
    HK__DIRECT_SEND,  /* vector, count, or message; flags */
    /* address, address_size; the new descriptor is non-blocking and close-on-exec. -EMFILE,
     * -ENFILE, -ENOBUFS, -ENOMEM: the system has no room for one, the connection still waits. */
    HK__DIRECT_ACCEPT,
    /* address, *address_size; after WRITABLE once more, with flags 1: its outcome. -EBUSY: the
     * listener's queue is full, and no event will tell. */
    HK__DIRECT_CONNECT,
    HK__DIRECT_SHUTDOWN, /* flags: how */
    HK__DIRECT_CLOSE,
    HK__DIRECT_POLL /* flags: HK__READABLE or HK__WRITABLE; 0: it is, or the call would fail */
};

/* What a world notes about a descriptor, so that it asks the kernel once in the descriptor's life.
 * The caller keeps the byte, 0 at first, and hands it back with each call; of it all it reads
 * HK__NOTE_STREAM. */
enum {
    HK__NOTE_SOCKET = 1,
    HK__NOTE_STREAM = 2,     /* bytes without borders: a transfer may be continued by another */
    HK__NOTE_SHORT = 4,      /* a short read means that it is empty */
    HK__NOTE_LOCAL = 8,      /* socket: of the AF_UNIX family */
    HK__NOTE_NONBLOCK = 16,  /* O_NONBLOCK is set */
    HK__NOTE_POLL = 32,      /* no socket: a read that does not wait needs a poll before it */
    HK__NOTE_FILE = 64,      /* never waits */
    HK__NOTE_TERMINAL = 128, /* a terminal to be written to through a descriptor of our own */
};

typedef struct hk__direct {
    uint8_t kind; /* HK__DIRECT_READ ... */
    uint8_t note; /* in, out */
    uint8_t born; /* out, ACCEPT: the note of the new descriptor */
    bool spent;   /* out: nothing more can be read (or written) until an event says so */
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

    /* From now until unwatch, events in these directions (HK__READABLE | HK__WRITABLE); what is the
     * case at this moment is told too. Again, with more of them: widens. 0; -EPERM: always ready (a
     * regular file); -errno. */
    int (*watch)(hk__world *world, int fd, unsigned directions, hk__ticket ticket);
    /* At return no event with this ticket will come. Before the descriptor is closed. */
    void (*unwatch)(hk__world *world, int fd, hk__ticket ticket);
    /* Events, at most capacity. until: 0: do not wait; INT64_MAX: no limit; else the clock's time.
     * May return 0 early. */
    int (*wait)(hk__world *world, hk__event *ret_events, int capacity, int64_t until);
    /* Makes the next wait return. Any thread, signal handlers too. */
    void (*wake)(hk__world *world);
    /* Never waits: count, value, -errno; -EAGAIN: wait for readiness. Never -EINTR. */
    int64_t (*direct)(hk__world *world, hk__direct *direct);
    /* Monotonic, ns. */
    int64_t (*now)(hk__world *world);
    /* Readable when wait would return events. */
    int (*descriptor)(hk__world *world);
    void (*destroy)(hk__world *world);
} hk__world_table;

struct hk__world {
    const hk__world_table *table;
};

/* The clock of real worlds: CLOCK_MONOTONIC, ns. */
int64_t hk__clock_now(void);

/* The direct calls of real worlds. Needs no world (NULL). */
int64_t hk__direct_call(hk__world *world, hk__direct *direct);

/* The world on epoll. 0 or -errno. */
int hk__world_epoll(hk__world **ret_world);

#endif
