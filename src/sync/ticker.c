/* SPDX-License-Identifier: MIT */
/* tick: waits for a ticker.
 *
 *   timer   until its next time
 *   ticker  the ticker; whoever is told of its ticks moves its next time on */
#include "sync/arms.h"

#include "base/say.h"
#include "calls/calls.h"

#include <stdio.h>

static hk_tick_call *call_of(const hk_call *call) { return HK_CONTAINER(call, hk_tick_call, call); }

static int64_t later(int64_t time, int64_t duration)
{
    return duration > INT64_MAX - time ? INT64_MAX : time + duration;
}

void hk_ticker_open(hk_ticker *t, int64_t period)
{
    if (period <= 0)
        hk__misuse("hk_ticker_open with a period of %lld ns: it must be > 0", (long long)period);
    *t = (hk_ticker){ .period = period, .next = later(hk_now(), period) };
}

intptr_t hk__ticker_take(hk_ticker *t, int64_t now)
{
    if (HK__UNLIKELY(t->period <= 0)) hk__misuse("a ticker is waited for that is not open");
    if (now < t->next) return 0;
    const int64_t count = (now - t->next) / t->period + 1;
    t->next = later(t->next, count * t->period);
    return (intptr_t)count;
}

/* The clock is read where the scheduler's last look at it is not enough to tell. */
void hk__tick_handle(hk_call *call)
{
    hk_sched *s = hk__sched_of(call);
    hk_tick_call *self = call_of(call);
    if (s == NULL) {
        hk_call_complete(call, -ENOSYS);
        return;
    }
    int64_t now = s->now;
    intptr_t count = hk__ticker_take(self->ticker, now);
    if (count == 0) {
        now = s->world->table->now(s->world);
        count = hk__ticker_take(self->ticker, now);
    }
    if (count > 0) {
        hk_call_complete(call, count);
    } else {
        self->timer.deadline = self->ticker->next - now;
        hk__timer_start(s, &self->timer);
    }
}

int hk__tick_abort(hk_call *call)
{
    hk__timer_stop(hk__sched_of(call), &call_of(call)->timer);
    return HK_ABORTED;
}

int hk__tick_describe(const hk_call *call, char *buf, size_t size)
{
    const hk_ticker *t = call_of(call)->ticker;
    int64_t left = t->next - hk__sched_of(call)->now;
    return snprintf(buf, size, "a tick, in %.3f s", left > 0 ? (double)left / 1e9 : 0.0);
}
