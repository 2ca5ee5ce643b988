/* SPDX-License-Identifier: MIT */
/* Inside the world on io_uring: what uring.c (waiting), uring_watch.c (readiness) and
 * uring_submit.c (operations) share. */
#ifndef HK_WORLD_URING_H
#define HK_WORLD_URING_H

#include "world/pool.h"
#include "world/ring.h"

/* What a completion is about: the two low bits of what the kernel gives back; above them the slot,
 * above that the generation. */
enum hk__uring_kind { HK__URING_READ, HK__URING_WRITE, HK__URING_OPERATION, HK__URING_OTHER };

/* Slots of OTHER. From HALVES on: the first half of the operation of that slot; it says nothing
 * where all is well. */
enum { HK__URING_NOBODY, HK__URING_WAKE, HK__URING_TRIAL, HK__URING_ALARM, HK__URING_HALVES };

enum { HK__URING_RETRY_NS = 10 * 1000 * 1000 }; /* before what failed is tried again */

/* A descriptor, by its number. */
struct hk__uring_watched {
    uint32_t generation; /* of its ticket */
    uint32_t serial[2];  /* of the poll in each direction; 0: none */
    uint32_t next;       /* in the queue */
    int error;           /* by which a poll ended; 0: by none */
    uint8_t wanted;      /* directions */
    uint8_t ready;       /* to be told */
    bool queued;
};

enum hk__uring_state { HK__URING_FREE, HK__URING_IN_RING, HK__URING_IN_POOL, HK__URING_DONE };

/* An operation, by its slot. */
struct hk__uring_operation {
    uint32_t generation;
    uint32_t next; /* in the queue */
    uint8_t state;
    bool cancelled, cancel_waits; /* asked for; and it is to be said, or said again */
    bool halved;                  /* the result is that of sending: nothing was received */
    int64_t result;
    hk__operation operation;
};

struct hk__uring {
    hk__world world;
    struct hk__ring ring;
    struct hk__pool_client pool;
    int eventfd;     /* of wake */
    int bell;        /* what a foreign loop watches */
    int timer_slack; /* of the thread, before */
    struct hk__uring_watched *watched;
    struct hk__uring_operation *operations;
    uint32_t watched_size, operations_size;
    uint32_t serial;      /* the last one given out */
    uint32_t wake_serial; /* of the eventfd's poll; 0: none */
    uint32_t first, last; /* the queue of what is to be told */
    uint32_t count;       /* operations under way */
    bool woken;           /* a wake has come that no wait has returned for yet */
    bool tried;           /* the trial request was done */
    bool missing;         /* polls, or cancels, that have yet to be made */
    bool foreign;         /* a foreign loop watches the bell; atomic, like the next */
    bool blocked;         /* a wait of ours sleeps all the same, and must be woken */
    bool wake_failed;     /* the poll of the eventfd */
    bool alarmed;         /* the kernel will ring the bell when it is time to try again */
    int64_t retry_at;     /* what has failed is not made before */
};

static inline struct hk__uring *hk__uring_of(hk__world *world) { return (struct hk__uring *)world; }

static inline uint64_t hk__uring_pack(enum hk__uring_kind kind, uint32_t slot, uint32_t generation)
{
    return (uint64_t)generation << 32 | (uint64_t)slot << 2 | kind;
}

/* uring.c */

/* Queues what there is to tell. */
void hk__uring_tell_ready(struct hk__uring *w, uint32_t fd, unsigned ready);
void hk__uring_tell_done(struct hk__uring *w, uint32_t slot, int64_t result);
/* Enters all completions that are there into the tables. */
void hk__uring_reap(struct hk__uring *w);
/* At the end of whatever may be the last thing before a foreign loop goes to sleep. */
void hk__uring_settle(struct hk__uring *w);
/* A table with room for `wanted`; NULL: no memory, it is as it was. */
void *hk__uring_grown(void *table, uint32_t *size, uint32_t wanted, size_t each);

/* uring_watch.c */

/* False: there is no room now. */
bool hk__uring_add_poll(struct hk__uring *w, int fd, uint32_t events, uint64_t data);
uint32_t hk__uring_serial(struct hk__uring *w);
void hk__uring_poll_completed(struct hk__uring *w, enum hk__uring_kind side, uint32_t fd,
                              uint32_t serial, const struct io_uring_cqe *cqe);
/* Arms what is wanted and not armed; where that has failed, only if so told. Whether there is such
 * a one. */
bool hk__uring_arm_missing(struct hk__uring *w, bool failed_too);
/* Takes off what was not true when it was said. */
void hk__uring_confirm(hk__event *events, int count);
int hk__uring_watch(hk__world *world, int fd, unsigned directions, hk__ticket ticket);
void hk__uring_unwatch(hk__world *world, int fd, hk__ticket ticket);
void hk__uring_unwatch_all(struct hk__uring *w);

/* uring_submit.c */

/* Of any request. False: there is no room now. */
bool hk__uring_cancel_request(struct hk__uring *w, uint64_t data);
void hk__uring_operation_completed(struct hk__uring *w, uint32_t slot, uint32_t generation,
                                   int res);
void hk__uring_half_completed(struct hk__uring *w, uint32_t slot, uint32_t generation, int res);
void hk__uring_cancel_missing(struct hk__uring *w);
int hk__uring_submit(hk__world *world, const hk__operation *operation, hk__ticket ticket);
void hk__uring_cancel(hk__world *world, hk__ticket ticket);

#endif
