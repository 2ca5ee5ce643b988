/* SPDX-License-Identifier: MIT */
/* limiter: the generic cell rate algorithm (GCRA) of the ITU-T's recommendation I.371, in its form
 * of virtual scheduling.
 *
 * `next` is when the bucket would be full again: each token that is taken moves it on by one
 * interval, and one may be taken while it lies less than a whole bucket ahead. The interval need
 * not be a whole number of nanoseconds: its fraction is carried, so that no rate drifts. The first
 * who waits has the timer; the others stand behind. */
#include "sync/sync.h"

#include "base/say.h"

static const int64_t second = 1000 * 1000 * 1000;

static int64_t now_of(const hk_sched *s) { return s->world->table->now(s->world); }

/* How long until there is a token, ns; <= 0: there is one. */
static int64_t delay(const hk_limiter *l, int64_t now)
{
    const int64_t room = l->burst > 1 ? (l->burst - 1) * second : 0; /* in 1/per_second ns */
    const int64_t whole = room / l->per_second;
    const uint64_t part = (uint64_t)(room % l->per_second);
    return l->next - whole + (l->part > part) - now;
}

static void take_token(hk_limiter *l, int64_t now)
{
    if (l->next + (l->part > 0) < now) { /* a part of a nanosecond is our own rounding */
        l->next = now;
        l->part = 0;
    }
    l->next += second / l->per_second;
    l->part += (uint64_t)(second % l->per_second);
    if (l->part < l->per_second) return;
    l->part -= l->per_second;
    l->next++;
}

static void start_timer(hk_sched *s, hk_limiter *l, int64_t now);

static void fire(hk__alarm *alarm)
{
    hk_limiter *l = HK_CONTAINER(alarm, hk_limiter, alarm);
    hk_sched *s = hk__sched_of(&l->waiters.first->call);
    const int64_t now = now_of(s);
    l->timing = false;
    while (l->waiters.first != NULL && delay(l, now) <= 0) {
        take_token(l, now);
        hk__call_ends(&hk__queue_take(&l->waiters)->call, 0);
    }
    if (l->waiters.first != NULL) start_timer(s, l, now);
}

static void start_timer(hk_sched *s, hk_limiter *l, int64_t now)
{
    if (l->timing) return;
    l->timing = true;
    hk__alarm_start(s, &l->alarm, delay(l, now), fire);
}

/* Whether a token was there, which is taken then. */
static bool try(hk_limiter *l, int64_t now)
{
    char name[64];
    if (l->per_second == 0)
        hk__misuse("limiter%s has no rate: set per_second",
                   hk__sync_quote(l->name, name, sizeof name));
    if (l->waiters.first != NULL || delay(l, now) > 0) return false;
    take_token(l, now);
    return true;
}

void hk__limiter_wait_handle(hk_call *call)
{
    hk_sched *s = hk__sched_of(call);
    hk_limiter *l = hk__sync_of(call)->object;
    const int64_t now = s != NULL ? now_of(s) : 0;
    if (s == NULL) {
        hk_call_complete(call, -ENOSYS);
    } else if (try(l, now)) {
        hk_call_complete(call, 0);
    } else {
        hk__sync_park(hk__sync_of(call));
        start_timer(s, l, now);
    }
}

int hk__limiter_wait_abort(hk_call *call)
{
    hk_limiter *l = hk__sync_of(call)->object;
    hk__sync_abort(call);
    if (l->waiters.first == NULL && l->timing) {
        hk__alarm_stop(hk__sched_of(call), &l->alarm);
        l->timing = false;
    }
    return HK_ABORTED;
}

int hk_limiter_wait(hk_limiter *l) { return hk__sync_wait(&hk__limiter_wait_type, l); }
