/* SPDX-License-Identifier: MIT */
/* Select: waits for several things at once, and exactly one of them happens.
 *
 *     enum { WORK, TICK, STOP };
 *     hk_arm arms[] = { [WORK] = hk_on_recv(work, &item),
 *                       [TICK] = hk_on_tick(&second),
 *                       [STOP] = hk_on_signal(&signals) };
 *     switch (hk_select(arms, HK_LEN(arms), HK_FAIR)) {
 *     case WORK: if (arms[WORK].result == 0) arms[WORK].off = true; ...
 *
 * An arm is a call that may or may not be made. The one that happened has been made, as if it had
 * stood alone, and its result is in the arm; of the others nothing has happened: no item has gone,
 * no signal is lost. An arm whose call fails has happened too: its result is -errno. Arms name
 * objects, never durations: so a timer does not begin anew with each turn. They may be used again
 * and again, and switched off and on. */
#ifndef HOCKET_SELECT_H
#define HOCKET_SELECT_H

#include <hocket/broadcast.h>
#include <hocket/io.h>
#include <hocket/signal.h>
#include <hocket/sync.h>
#include <hocket/ticker.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    HK_FAIR = 0,     /* where several are ready, each has its turn */
    HK_IN_ORDER = 1, /* the first in the array */
    HK_NOWAIT = 2    /* where none is ready: -EAGAIN */
};

enum { HK_SELECT_ARMS = 64 }; /* at most */

typedef struct hk_select_call hk_select_call;

typedef struct hk_arm {
    intptr_t result;        /* where it happened: what its call returned */
    bool off;               /* yours to set: left out */
    uint8_t kind;           /* this and what follows is private */
    hk_select_call *select; /* that it is an arm of at the moment */
    union {
        hk_sync_call sync; /* the call comes first in all of them */
        hk_tick_call tick;
        hk_io_call io;
        hk_signals_call signals;
        hk_wait_call wait;
    } as;
} hk_arm;

/* A select as a value, for stackless steps. Private. */
struct hk_select_call {
    hk_call call;
    hk_arm *arms;
    size_t count;
    uint64_t begun; /* bit n: arm n waits */
    unsigned flags;
    int early;      /* the arm that happened while others were begun; -1: none */
    bool beginning; /* arms are being begun */
};

extern HK_API const hk_call_type hk__select_type;

HK_API hk_arm hk__on_recv(hk_chan *ch, void *item);
HK_API hk_arm hk__on_send(hk_chan *ch, const void *item);
HK_API hk_arm hk__on_subscriber(hk_subscriber *s, void *item);

/* Make the arms of a select. On a channel: to receive, to send; the item is read when it goes.
 *   ch, item: as in hk_chan_recv and hk_chan_send; what item points to lives as long as the arm.
 * Returns: the arm; its result is that of hk_chan_recv, hk_chan_send. Blocks: never. Cancel: no.
 * Threads: any. */
#define hk_on_recv(ch, item) hk__on_recv((ch).raw, HK__TO((ch).type, item))
#define hk_on_send(ch, item) hk__on_send((ch).raw, HK__FROM((ch).type, item))

/* To receive from a broadcast channel.
 *   s, item: as in hk_subscriber_recv; what item points to lives as long as the arm.
 * Returns: the arm; its result is that of hk_subscriber_recv. Blocks: never. Cancel: no. Threads:
 * any. */
#define hk_on_subscriber(s, item) hk__on_subscriber(&(s)->raw, HK__TO((s)->type, item))

/* A tick.
 *   t: the ticker.
 * Returns: the arm; its result is that of hk_ticker_wait. Blocks: never. Cancel: no. Threads:
 * any. */
HK_API hk_arm hk_on_tick(hk_ticker *t);

/* A descriptor is ready: the next hk_read or hk_write need not wait.
 *   fd: the descriptor.
 *   direction: HK_READ or HK_WRITE.
 * Returns: the arm; its result is that of hk_fd_wait: -EBUSY where somebody else, or another arm,
 * waits for the same. Blocks: never. Cancel: no. Threads: any. */
HK_API hk_arm hk_on_fd(int fd, int direction);

/* A signal.
 *   s: the object.
 * Returns: the arm; its result is that of hk_signals_wait: the number. Blocks: never. Cancel: no.
 * Threads: any. */
HK_API hk_arm hk_on_signal(hk_signals *s);

/* An event is set.
 *   e: the event.
 * Returns: the arm; its result is hk_event_wait's. Blocks: never. Cancel: no. Threads: any. */
HK_API hk_arm hk_on_event(hk_event *e);

/* The end of a task.
 *   tid: the task.
 *   ret_exit: how it ended; may be NULL. Lives as long as the arm.
 * Returns: the arm; its result is that of hk_task_wait. Blocks: never. Cancel: no. Threads: any. */
HK_API hk_arm hk_on_exit(hk_tid tid, hk_exit *ret_exit);

/* Fills in a select, for HK_AWAIT in a stackless step; see hk_select.
 *   select: the call.
 *   arms, count, flags: as there.
 * Returns: nothing. Blocks: never. Cancel: no. Threads: any. */
static inline void hk_select_prepare(hk_select_call *select, hk_arm *arms, size_t count,
                                     unsigned flags)
{
    hk__call_init(&select->call, &hk__select_type);
    select->arms = arms;
    select->count = count;
    select->flags = flags;
}

/* Waits until one of the arms happens.
 *   arms, count: the arms, at most HK_SELECT_ARMS; those that are off do not count.
 *   flags: HK_FAIR or HK_IN_ORDER, and HK_NOWAIT.
 * Returns: the index of the one that happened: its result is new, all others are as they were;
 * -EAGAIN with HK_NOWAIT: none is ready; -EINVAL: no arm, all are off, or too many; -ECANCELED:
 * none has happened; -ENOSYS where nobody drives or the driver is no scheduler of ours.
 * Blocks: the task, until one is ready. Cancel: at once. Threads: a scheduler's task. */
static inline int hk_select(hk_arm *arms, size_t count, unsigned flags)
{
    hk_select_call select;
    hk_select_prepare(&select, arms, count, flags);
    return (int)hk_trap(&select.call);
}

#ifdef __cplusplus
}
#endif
#endif
