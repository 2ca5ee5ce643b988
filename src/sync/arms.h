/* SPDX-License-Identifier: MIT */
/* What the kinds of arms and select know of each other. */
#ifndef HK_SYNC_ARMS_H
#define HK_SYNC_ARMS_H

#include <hocket/select.h>

#include "sched/sched.h"

/* Tries, without waiting: what the call would return at once, or -EAGAIN. */
int hk__chan_try_send(hk_sched *s, hk_chan *ch, const void *item);
int hk__chan_try_recv(hk_sched *s, hk_chan *ch, void *item);
int hk__subscriber_try_recv(hk_subscriber *s, void *item);
/* The ticks there were until now, a time not later than the clock's; 0: none. */
intptr_t hk__ticker_take(hk_ticker *t, int64_t now);

/* The call of an arm has its result. */
void hk__arm_done(hk_call *call);

static inline hk_arm *hk__arm_of(hk_call *call) { return HK_CONTAINER(call, hk_arm, as.sync.call); }

/* Whether two calls are arms of one select, which must not serve each other. */
static inline bool hk__are_siblings(hk_call *a, hk_call *b)
{
    return a->done == hk__arm_done && b->done == hk__arm_done &&
           hk__arm_of(a)->select == hk__arm_of(b)->select;
}

#endif
