/* SPDX-License-Identifier: MIT */
/* The contract between a scheduler and its world: where time and I/O come from.
 *
 * One table; each world fills it. Called by the scheduler's own thread, except wake(). Nothing
 * blocks except wait(). Nothing here knows of tasks, and nothing here resumes one. All
 * non-determinism enters through this table.
 *
 * Readiness and operations are different things. Readiness is edge-triggered: an event says that
 * something changed, the scheduler remembers it; it pins no memory. An operation pins what it
 * points to until its one DONE, which comes whether it was cancelled or not. A ticket, never a
 * pointer, is what the kernel gives back; events of a ticket that is no longer watched are never
 * delivered. */
#ifndef HK_WORLD_WORLD_H
#define HK_WORLD_WORLD_H

#include <hocket/operation.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* What runs whenever something has come from outside, on epoll and up to the task. It lies
 * together, since after a sleep each line and page of it is cold. */
#define HK__HOT __attribute__((hot))

typedef struct hk__world hk__world;

typedef struct hk__ticket {
    uint32_t slot, generation; /* slot: the descriptor, or the operation's; below 2^30 */
} hk__ticket;

enum { HK__READABLE = 1, HK__WRITABLE = 2, HK__HANGUP = 4, HK__URGENT = 8 };

enum hk__event_kind { HK__EVENT_READY, HK__EVENT_DONE };

typedef struct hk__event {
    hk__ticket ticket;
    uint32_t kind;  /* HK__EVENT_READY, HK__EVENT_DONE */
    uint32_t ready; /* READY: HK__READABLE ...; DONE of SEND, and of SEND_RECV where sending failed
                     * or fell short: HK__WRITABLE: that is its result */
    int64_t result; /* DONE: count, value or -errno; -ECANCELED: nothing of it happened */
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
    HK__DIRECT_POLL, /* flags: HK__READABLE or HK__WRITABLE; 0: it is, or the call would fail */
    /* Socket calls that never wait: socket.c */
    HK__DIRECT_SOCKET, /* fd: domain, flags: type, count: protocol; close-on-exec, non-blocking */
    /* address, *address_size; flags 1: the file of a local socket that nobody holds any more is
     * replaced */
    HK__DIRECT_BIND,
    HK__DIRECT_LISTEN, /* flags: backlog */
    HK__DIRECT_OPTION, /* setsockopt: flags: level, count: option, vector: one, its value */
    HK__DIRECT_PIPE,   /* extra: int[2]: the end to read, the end to write; as SOCKET */
    HK__DIRECT_NAME,   /* flags 0: getsockname, 1: getpeername; address, address_size */
    HK__DIRECT_PREAD,  /* vector, count, offset; -ESPIPE */
    HK__DIRECT_PWRITE, /* likewise */
    HK__DIRECT_OPEN,   /* extra: the path, flags; a descriptor: open.c */
    /* Processes: process.c */
    HK__DIRECT_SPAWN, /* extra: struct hk__spawn; a pidfd */
    HK__DIRECT_KILL,  /* fd: a pidfd; flags: the signal */
    HK__DIRECT_REAP   /* fd: a pidfd; extra: int, the wait status; -EAGAIN: it lives; flags 1: the
                       * thread waits for it, which must have been killed */
};

/* What a world notes about a descriptor, so that it asks the kernel once in the descriptor's life.
 * The caller keeps the byte, 0 at first, and hands it back with each call; of it all it reads
 * HK__NOTE_STREAM. */
enum {
    HK__NOTE_SOCKET = 1,
    HK__NOTE_STREAM = 2,        /* bytes without borders: a transfer may be continued by another */
    HK__NOTE_SHORT = 4,         /* a short read means that it is empty */
    HK__NOTE_LOCAL = 8,         /* socket: of the AF_UNIX family */
    HK__NOTE_UNCACHED = 8,      /* no socket: opened with O_DIRECT */
    HK__NOTE_NONBLOCK = 16,     /* O_NONBLOCK is set */
    HK__NOTE_MEMORY = 16,       /* file: of a file system in memory, where nothing waits */
    HK__NOTE_POLL = 32,         /* no socket: a read that does not wait needs a poll before it */
    HK__NOTE_READ_WAITS = 32,   /* file: a read cannot be asked not to wait */
    HK__NOTE_FILE = 64,         /* no readiness: what is not there at once is an operation */
    HK__NOTE_TERMINAL = 128,    /* a terminal to be written to through a descriptor of our own */
    HK__NOTE_WRITE_WAITS = 128, /* file: nor a write */
};

typedef struct hk__direct {
    uint8_t kind; /* HK__DIRECT_READ ... */
    uint8_t note; /* in, out */
    uint8_t born; /* out, ACCEPT, OPEN: the note of the new descriptor */
    bool spent;   /* out: nothing more can be read (or written) until an event says so */
    int fd;
    int flags;
    int count;
    const struct iovec *vector;
    union {
        struct msghdr *message;
        void *extra;
        int64_t offset;
    };
    struct sockaddr *address;
    socklen_t *address_size;
} hk__direct;

/* Where more than one thing may happen next, a simulated world chooses. Values are stable: recorded
 * schedules name them. */
enum hk__site {
    HK__SITE_TASK,   /* which ready task runs */
    HK__SITE_LOOK,   /* whether the world is looked at before that */
    HK__SITE_EVENT,  /* which of the events of one moment is told first */
    HK__SITE_SELECT, /* where a select that favours nobody begins to look */
    HK__SITES
};

typedef struct hk__choice {
    enum hk__site site;
    uint32_t count; /* of alternatives, > 0. The plain one is 0 */
    /* TASK: the tid of an alternative. The first is the task that ran last and could go on, where
     * `goes_on`; the others are in the order in which they became ready. */
    int64_t (*tid)(const void *from, uint32_t alternative);
    const void *from;
    bool goes_on;
} hk__choice;

/* TASK: none of them; the world is to be looked at first. */
#define HK__CHOOSE_NONE UINT32_MAX

/* A child's descriptor: one of ours, or one of these. */
enum { HK__SPAWN_INHERIT = -1, HK__SPAWN_PIPE = -2, HK__SPAWN_NULL = -3 };

struct hk__spawn {
    const char *const *argv, *const *env; /* env NULL: ours */
    const char *dir;                      /* NULL: ours */
    int child[3];                         /* what its 0, 1 and 2 are */
    int pid;                              /* out */
    int ours[3]; /* out: our ends of pipes, non-blocking, close-on-exec; -1: none */
};

typedef struct hk__world_table {
    const char *name; /* "epoll" */

    /* From now until unwatch, events in these directions (HK__READABLE | HK__WRITABLE); what is the
     * case at this moment is told too. Again, with more of them: widens. 0; -EPERM: always ready (a
     * regular file); -errno. */
    int (*watch)(hk__world *world, int fd, unsigned directions, hk__ticket ticket);
    /* At return no event with this ticket will come, and the world holds on to nothing of the file:
     * closing it now closes it. */
    void (*unwatch)(hk__world *world, int fd, hk__ticket ticket);

    /* Starts an operation; the struct is copied, what it points to stays until its DONE. 0, which
     * has also reserved what its cancel needs; -EAGAIN: no room until a DONE has come; -ENOBUFS: of
     * what is handed in together: not now, do it by calls; -errno. */
    int (*submit)(hk__world *world, const hk__operation *operation, hk__ticket ticket);
    /* A hint, at most once for each operation: its DONE comes sooner, with -ECANCELED, or as if
     * nothing had been said. */
    void (*cancel)(hk__world *world, hk__ticket ticket);

    /* Events, at most capacity. until: 0: do not wait; INT64_MAX: no limit; else the clock's time.
     * May return 0 early. Of a simulated world, < 0: the end: -EDEADLK: nothing can ever come; else
     * why it goes no further. What is left may unwind: later waits are waits again. */
    int (*wait)(hk__world *world, hk__event *ret_events, int capacity, int64_t until);
    /* Events that are there, as cheaply as the world can: for those who look again and again. */
    int (*peek)(hk__world *world, hk__event *ret_events, int capacity);
    /* Makes the next wait return. Any thread, signal handlers too. */
    void (*wake)(hk__world *world);

    /* Never waits: count, value, -errno; -EAGAIN: wait for readiness, or, where the note says
     * HK__NOTE_FILE, and of PREAD, PWRITE and OPEN, submit it as an operation. Never -EINTR. */
    int64_t (*direct)(hk__world *world, hk__direct *direct);
    /* Monotonic, ns. */
    int64_t (*now)(hk__world *world);
    /* Readable when wait would return events. */
    int (*descriptor)(hk__world *world);
    /* What it is and how it was set up, one line, as snprintf. */
    int (*describe)(hk__world *world, char *buf, size_t size);
    /* Which alternative it is to be, below count. NULL: always the plain one. */
    uint32_t (*choose)(hk__world *world, const hk__choice *choice);
    /* In the child of a fork: gives back what is the child's, touches nothing of the parent's.
     * Then the world is gone. */
    void (*inherited)(hk__world *world);
    /* No operation is under way. */
    void (*destroy)(hk__world *world);
} hk__world_table;

struct hk__world {
    const hk__world_table *table;
    /* A system call is dear here, and what goes into many sockets is better handed in with the next
     * wait, all of it together, than put into each by a call of its own: HK__OP_SEND. Where it
     * pairs, what comes out of them likewise: HK__OP_SEND_RECV. */
    bool together, pairs;
    int many; /* so many pieces of news at once are for many: they send together */
    /* Called by other threads (of the pool) when an event has come for a wait that may have begun;
     * NULL: then wake is. Set by whoever owns the world. */
    void (*notify)(void *arg);
    void *notify_arg;
    char reason[96]; /* why it is this world and not a better one; "": it was asked for */
};

/* A kind of world, by which users name one. */
struct hk_world {
    const char *name;
    int (*open)(unsigned entries, hk__world **ret_world); /* entries: of a ring; 0: the usual */
};

/* worlds.c. The world that HOCKET_WORLD names ("epoll", "uring", "uring:ENTRIES"), else `wanted`,
 * else the best there is. 0 or -errno, of which hk_why tells more. */
int hk__world_open(const struct hk_world *wanted, hk__world **ret_world);

/* A choice without identities. */
static inline uint32_t hk__choose(hk__world *world, enum hk__site site, uint32_t count)
{
    const hk__choice choice = { .site = site, .count = count };
    if (world->table->choose == NULL || count < 2) return 0;
    return world->table->choose(world, &choice);
}

/* The clock of real worlds: CLOCK_MONOTONIC, ns. */
int64_t hk__clock_now(void);
/* Processors of the machine; 1 where that is not known. */
int hk__clock_cpus(void);
/* This thread's timeouts are exact from now on; what they were before, to be given back. */
int hk__clock_fine(void);
void hk__clock_coarse(int before);

/* The direct calls of real worlds. Needs no world (NULL). */
int64_t hk__direct_call(hk__world *world, hk__direct *direct);

/* Parts of it, by subject: open.c, socket.c, process.c. */
int64_t hk__direct_open(hk__direct *direct);
int64_t hk__direct_socket(hk__direct *direct);
int64_t hk__direct_process(hk__direct *direct);

/* none.c. Takes the place of an inherited one: nothing happens there, calls are answered
 * -ECHILD. */
hk__world *hk__world_none(void);

/* resolve.c. Looks a host's name up, blocking the thread: how many addresses, without ports, or
 * -ENOENT, -EREMOTEIO, -ENOMEM, -EMFILE, -ENFILE. */
struct hk_addr;
int hk__resolve_host(const char *host, struct hk_addr *ret_list, size_t max);
/* The number of a network interface; 0: there is none of this name. Does not block. */
unsigned hk__resolve_zone(const char *name);

/* epoll.c, uring.c (uring_missing.c). 0 or -errno. */
int hk__world_epoll(unsigned entries, hk__world **ret_world);
int hk__world_uring(unsigned entries, hk__world **ret_world);
/* On a ring as older kernels offer it: 1: with cooperative task work, 2: a plain one. */
int hk__world_uring_at(unsigned rung, unsigned entries, hk__world **ret_world);

#endif
