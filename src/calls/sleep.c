/* SPDX-License-Identifier: MIT */
/* sleep: a call that a timer runs again.
 *
 *   timer.deadline  duration, ns; the deadline once it is armed */
#include "calls/calls.h"

#include <stdio.h>

static hk_sleep_call *sleep_of(const hk_call *call)
{
    return HK_CONTAINER(call, hk_sleep_call, call);
}

void hk__sleep_handle(hk_call *call)
{
    hk_sched *s = hk__sched_of(call);
    if (s == NULL) {
        hk_call_complete(call, -ENOSYS);
    } else if (call->state == HK__CALL_PARKED) { /* the timer fired */
        hk_call_complete(call, 0);
    } else if (sleep_of(call)->timer.deadline <= 0) {
        hk__yield_handle(call);
    } else {
        hk__timer_start(s, &sleep_of(call)->timer);
    }
}

int hk__sleep_abort(hk_call *call)
{
    hk__timer_stop(hk__sched_of(call), &sleep_of(call)->timer);
    return HK_ABORTED;
}

int hk__sleep_describe(const hk_call *call, char *buf, size_t size)
{
    hk_sched *s = hk__sched_of(call);
    const hk__timer *timer = &sleep_of(call)->timer;
    int64_t left = timer->prev != NULL ? timer->deadline - s->now : timer->deadline;
    return snprintf(buf, size, "sleep, %.3f s left", left > 0 ? (double)left / 1e9 : 0.0);
}
