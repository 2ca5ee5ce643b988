/* SPDX-License-Identifier: MIT */
/* An io_uring: its set-up, which asks the kernel what it can do, and the one system call by which
 * it is used. Only where liburing is at hand. */
#ifndef HK_WORLD_RING_H
#define HK_WORLD_RING_H

#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>

struct hk__ring {
    struct io_uring uring;
    uint64_t opcodes;  /* a bit for each that the kernel knows */
    unsigned entering; /* IORING_ENTER_... of each call */
    unsigned waiting;  /* and of those that wait */
    uint8_t quiet;     /* IOSQE_CQE_SKIP_SUCCESS, where there is such a thing */
    bool defers;       /* the kernel leaves its work to our calls; it is 6.1 or newer */
    const char *mode;  /* which set of flags the kernel took, for people */
};

enum hk__ring_how {
    HK__RING_SUBMIT, /* only hands over what was prepared */
    HK__RING_TURN,   /* and has the kernel finish what it has put off for us */
    HK__RING_WAIT    /* and waits until one completion is there */
};

/* entries: of both queues; 0: the usual. rung: the first set of flags to be tried; 0: the best.
 * 0; -ENOSYS: there is none, or it cannot do what we need; -EPERM, -EACCES, -ENOMEM, -EMFILE ... as
 * the kernel says. */
int hk__ring_open(struct hk__ring *ring, unsigned entries, unsigned rung);
void hk__ring_close(struct hk__ring *ring);
/* In the child of a fork: the parent goes on using it. */
void hk__ring_inherited(struct hk__ring *ring);

/* ns: how long to wait; < 0: no limit. 0 or -errno, which only matters where it goes on for ever:
 * -ETIME, -EINTR, and whatever hinders the kernel from taking more now. */
int hk__ring_enter(struct hk__ring *ring, enum hk__ring_how how, int64_t ns);

/* Room for one request, which the next enter hands over. NULL: the kernel takes none now. */
struct io_uring_sqe *hk__ring_sqe(struct hk__ring *ring);

/* The next completion, taken from the queue; false: there is none. */
static inline bool hk__ring_take(struct hk__ring *ring, struct io_uring_cqe *ret_cqe)
{
    struct io_uring_cq *cq = &ring->uring.cq;
    unsigned head = *cq->khead;
    if (head == io_uring_smp_load_acquire(cq->ktail)) return false;
    *ret_cqe = cq->cqes[head & cq->ring_mask];
    io_uring_smp_store_release(cq->khead, head + 1);
    return true;
}

/* Whether completions are there. */
static inline bool hk__ring_any(const struct hk__ring *ring)
{
    return *ring->uring.cq.khead != io_uring_smp_load_acquire(ring->uring.cq.ktail);
}

/* Requests that the kernel has yet to be given. */
static inline bool hk__ring_unsubmitted(const struct hk__ring *ring)
{
    return ring->uring.sq.sqe_tail != IO_URING_READ_ONCE(*ring->uring.sq.khead);
}

/* Whether it is worth a call: requests to hand over, work that waits for us, completions that
 * found the queue full. */
static inline bool hk__ring_stirs(const struct hk__ring *ring)
{
    return hk__ring_unsubmitted(ring) || (IO_URING_READ_ONCE(*ring->uring.sq.kflags) &
                                          (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW));
}

static inline bool hk__ring_knows(const struct hk__ring *ring, unsigned opcode)
{
    return opcode < 64 && ring->opcodes >> opcode & 1;
}

#endif
