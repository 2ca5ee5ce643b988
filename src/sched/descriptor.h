/* SPDX-License-Identifier: MIT */
/* What the scheduler remembers of a descriptor, and what a call does with one.
 *
 * A handler enters, tries, and finishes or parks:
 *
 *     struct hk__io io;
 *     if (!hk__io_enter(&io, call, fd, HK__READER)) return;
 *     if (hk__io_ready(&io)) ... n = hk__io_direct(&io, &direct) ... hk__io_finish(&io, n)
 *     else hk__io_park(&io)
 *
 * and is run again, from the top, when the descriptor has become ready. */
#ifndef HK_SCHED_DESCRIPTOR_H
#define HK_SCHED_DESCRIPTOR_H

#include <hocket/io.h>

#include "sched/sched.h"

enum hk__side { HK__READER, HK__WRITER };

/* All zero: nothing is known, so it is taken to be ready. */
struct hk__descriptor {
    hk_call *waiter[2];  /* by side; of a file: first and last at its position, see line.c */
    uint32_t generation; /* of its ticket */
    uint8_t dry : 4;     /* HK__READABLE, HK__WRITABLE: known not to be */
    uint8_t paused : 4;  /* the waiter of that side waits for a timer: events are only remembered */
    uint8_t seen;        /* HK__HANGUP, HK__URGENT, by which a short read proves nothing */
    uint8_t watched;     /* directions in which the world watches it */
    uint8_t note;        /* the world's */
    uint32_t operations; /* under way on it: it is not closed before they are done */
    bool closing;        /* and then it is */
    bool passing;        /* line.c: the turn is being passed on */
    bool handed_in; /* what the writer has goes out with the next wait; he waits for no event */
    bool receives;  /* nor does the reader: an operation receives for him */
    int16_t lost;   /* of a file: what a sync failed with; 0: none did */
};

/* A call at a descriptor. */
struct hk__io {
    hk_sched *s;
    struct hk__descriptor *d; /* until another descriptor is entered: the table may move */
    hk_call *call;
    int fd;
    enum hk__side side;
};

/* The slow ways of enter and park. */
int hk__descriptor_find(hk_sched *s, int fd);
int hk__descriptor_watch(hk_sched *s, int fd, unsigned directions);
/* Nothing is watched any more, or known. */
void hk__descriptor_unwatch(hk_sched *s, int fd);

/* The number means another file from now on: whoever waited is told -EBADF. */
void hk__descriptor_reset(hk_sched *s, int fd);
/* The same, in the table alone, for a number that the system has just given out. */
void hk__descriptor_born(hk_sched *s, int fd, uint8_t note);

/* Nothing is left of it in the world, where none of our calls has ever transferred anything and
 * nobody waits. */
void hk__descriptor_forget(hk_sched *s, int fd);

/* For abort: the call no longer waits. */
void hk__descriptor_leave(hk_sched *s, int fd, const hk_call *call);

/* An operation on it begins, ends. hold: 0; -EBADF: also where it will be closed;
 * -ENOMEM. */
int hk__descriptor_hold(hk_sched *s, int fd);
void hk__descriptor_let_go(hk_sched *s, int fd);
/* For close. 0: nothing is under way, it may be closed; -EINPROGRESS: it is closed when what is
 * under way is done: the call is run again then, or, where it is NULL, nobody is told; -EBADF: that
 * is so already. */
int hk__descriptor_close_later(hk_sched *s, int fd, hk_io_call *close);
/* Closes it: 0 or -errno. */
int hk__descriptor_close(hk_sched *s, int fd);

/* line.c: calls at the position of a file. */
struct hk__io;
/* Others are at it. True: the call may go on; false: it waits for its turn, or has failed. */
bool hk__line_enter(struct hk__io *io);
/* The call is, or becomes, the first; it has an operation under way. */
void hk__line_join(struct hk__io *io);
/* The call has its result and is no longer in line. */
void hk__line_finish(struct hk__io *io, int64_t result);
/* For abort: it is no longer in line; the next one goes on. */
void hk__line_leave(hk_sched *s, hk_io_call *call);
/* The file is closed: all who wait for their turn are told. */
void hk__line_dissolve(hk_sched *s, int fd);

static inline unsigned hk__io_bit(const struct hk__io *io)
{
    _Static_assert(HK__READABLE == 1 << HK__READER && HK__WRITABLE == 1 << HK__WRITER,
                   "a bit a side");
    return 1u << io->side;
}

/* False: the call is complete: -ENOSYS under a foreign driver, -EBADF, -ENOMEM, -EBUSY where
 * another waits. */
static inline bool hk__io_enter(struct hk__io *io, hk_call *call, int fd, enum hk__side side)
{
    hk_sched *s = hk__sched_of(call);
    int r = s == NULL ? -ENOSYS : 0;
    if (HK__LIKELY(r == 0) && HK__UNLIKELY((unsigned)fd >= s->descriptors.count))
        r = hk__descriptor_find(s, fd);
    if (HK__LIKELY(r == 0)) {
        struct hk__descriptor *d = &s->descriptors.table[fd];
        *io = (struct hk__io){ .s = s, .d = d, .call = call, .fd = fd, .side = side };
        if (HK__LIKELY(d->waiter[side] == NULL || d->waiter[side] == call)) return true;
        if (d->note & HK__NOTE_FILE) return hk__line_enter(io);
        if (side == HK__WRITER && d->handed_in) return true; /* unless it would have to wait */
        r = -EBUSY;
    }
    hk_call_complete(call, r);
    return false;
}

/* Where nothing may wait, what the table remembers is not enough: something may have come that the
 * loop has not seen yet. */
static inline bool hk__io_must_ask(const struct hk__io *io)
{
    const hk_coro *t = io->call->task;
    return t->state == HK__TASK_MARKED && io->call->state == HK__CALL_HANDLING &&
           hk__strand_force(t) & HK__NO_WAITING;
}

/* Not known to be otherwise: a try may be worth its while. */
static inline bool hk__io_ready(const struct hk__io *io)
{
    return HK__LIKELY(!(io->d->dry & hk__io_bit(io))) || hk__io_must_ask(io);
}

/* Makes the system call and remembers what it shows. */
static inline int64_t hk__io_direct(struct hk__io *io, hk__direct *direct)
{
    struct hk__descriptor *d = io->d;
    direct->fd = io->fd;
    direct->note = d->note;
    if (io->call->state == HK__CALL_HANDLING) io->s->budget -= HK__DIRECT_COST - 1; /* its task's */
    int64_t n = io->s->world->table->direct(io->s->world, direct);
    d->note = direct->note;
    if (direct->spent) {
        /* -EAGAIN is certain, and an end that was seen was not the end. A short read may stand
         * before the end of the stream or urgent data, of which no second event would come. */
        if (n == -EAGAIN && io->side == HK__READER) d->seen = 0;
        if (io->side == HK__WRITER || d->seen == 0) d->dry |= hk__io_bit(io) & 15;
    }
    return n;
}

/* The call no longer waits on its side, if it did. */
static inline void hk__io_leave(struct hk__io *io)
{
    if (io->d->waiter[io->side] != io->call) return;
    io->d->waiter[io->side] = NULL;
    io->s->descriptors.waiting--;
}

/* The call has its result and is no longer the waiter. */
static inline void hk__io_finish(struct hk__io *io, int64_t result)
{
    if (io->d->waiter[io->side] != NULL) {
        if (HK__UNLIKELY(io->d->note & HK__NOTE_FILE)) return hk__line_finish(io, result);
        hk__io_leave(io);
    }
    hk_call_complete(io->call, (intptr_t)result);
}

/* Whether so many bytes that a task itself sends may be handed in: with more, the call is not what
 * costs. */
static inline bool hk__io_hands_in(const struct hk__io *io, size_t size)
{
    enum { MOST = 16384, STREAM = HK__NOTE_SOCKET | HK__NOTE_STREAM };
    const hk_coro *t = io->call->task;
    return hk__io_ready(io) && io->call->state == HK__CALL_HANDLING && io->call->done == NULL &&
           t->state == HK__TASK && (io->d->note & STREAM) == STREAM && size > 0 && size < MOST;
}

/* What the call writes goes out with the next wait. */
static inline void hk__io_hand_in(struct hk__io *io)
{
    io->d->waiter[HK__WRITER] = io->call;
    io->d->handed_in = true;
}

/* It has. False: the number means something else by now. */
static inline bool hk__io_take_back(struct hk__descriptor *d, const hk_call *call)
{
    if (d->waiter[HK__WRITER] != call) return false;
    d->waiter[HK__WRITER] = NULL;
    d->handed_in = false;
    return true;
}

/* What the call sends, and what it receives then, is one operation. */
static inline void hk__io_receive(struct hk__io *io)
{
    io->d->waiter[HK__READER] = io->call;
    io->d->receives = true;
}

/* It is done. False: the number means something else by now. */
static inline bool hk__io_received(struct hk__descriptor *d, const hk_call *call)
{
    if (d->waiter[HK__READER] != call) return false;
    d->waiter[HK__READER] = NULL;
    d->receives = false;
    return true;
}

/* The call waits for the next event. 0, or -errno: the descriptor cannot be watched, or another
 * waits; the call is not parked. */
static inline int hk__io_park(struct hk__io *io)
{
    const hk_call *waiter = io->d->waiter[io->side];
    if (HK__UNLIKELY(waiter != NULL && waiter != io->call)) return -EBUSY;
    if (HK__UNLIKELY(!(io->d->watched & hk__io_bit(io)))) {
        int r = hk__descriptor_watch(io->s, io->fd, hk__io_bit(io));
        if (r < 0) return r;
    }
    if (waiter == NULL) {
        io->d->waiter[io->side] = io->call;
        io->s->descriptors.waiting++;
    }
    return 0;
}

#endif
