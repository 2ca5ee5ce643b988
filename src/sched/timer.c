/* SPDX-License-Identifier: MIT */
/* Timers: a hierarchical wheel that is exact to the nanosecond.
 *
 * A deadline is read as eleven digits of six bits. A timer lies at the level of the highest digit
 * in which it differs from the wheel's time, in the slot of its own digit there. So whatever lies
 * at a lower level is earlier than all above it, starting and stopping are a few instructions
 * however many there are, and the next one is found with two bit scans. When the time reaches a
 * slot of an upper level, its timers move down, in order; at level 0 a slot is one nanosecond, and
 * they fire. Equal deadlines are always in one slot, in the order they were started. (G. Varghese,
 * A. Lauck, "Hashed and hierarchical timing wheels", 1987. At 100 sleeping tasks a heap spent half
 * of all instructions on keeping its order.)
 *
 * Starting a timer reads no clock: it waits on a list with its duration, and is armed when the loop
 * reads the clock at the end of the pass. So it can be late by what is left of the pass, never
 * early. A timer lies directly behind its call; when it fires, the call's handler is run again. */
#include "sched/sched.h"

struct timed_call {
    hk_call call;
    hk__timer timer;
};

enum { DIGIT = 6, SLOTS = 1 << DIGIT };

static void make_empty(hk__timer *head) { head->next = head->prev = head; }

static void append(hk__timer *head, hk__timer *timer)
{
    timer->next = head;
    timer->prev = head->prev;
    head->prev->next = timer;
    head->prev = timer;
}

void hk__timers_open(hk_sched *s)
{
    struct hk__timers *t = &s->timers;
    t->now = (uint64_t)s->now;
    make_empty(&t->fresh);
    make_empty(&t->due);
    for (int level = 0; level < HK__TIMER_LEVELS; level++)
        for (int slot = 0; slot < SLOTS; slot++) make_empty(&t->wheel[level][slot]);
}

static void insert(struct hk__timers *t, hk__timer *timer)
{
    uint64_t differs = (uint64_t)timer->deadline ^ t->now;
    unsigned level = differs != 0 ? (63 - (unsigned)__builtin_clzll(differs)) / DIGIT : 0;
    unsigned slot = (uint64_t)timer->deadline >> level * DIGIT & (SLOTS - 1);
    append(&t->wheel[level][slot], timer);
    t->slots[level] |= UINT64_C(1) << slot;
    t->levels |= 1u << level;
}

static void slot_is_empty(struct hk__timers *t, unsigned level, unsigned slot)
{
    t->slots[level] &= ~(UINT64_C(1) << slot);
    if (t->slots[level] == 0) t->levels &= ~(1u << level);
}

/* The slot that comes next; false: there is none. */
static bool next_slot(const struct hk__timers *t, unsigned *ret_level, unsigned *ret_slot,
                      uint64_t *ret_start)
{
    if (t->levels == 0) return false;
    unsigned level = (unsigned)__builtin_ctz(t->levels);
    unsigned slot = (unsigned)__builtin_ctzll(t->slots[level]);
    unsigned above = (level + 1) * DIGIT;
    uint64_t higher = above < 64 ? t->now >> above << above : 0;
    *ret_level = level;
    *ret_slot = slot;
    *ret_start = higher | (uint64_t)slot << level * DIGIT;
    return true;
}

void hk__timer_start(hk_sched *s, hk__timer *timer)
{
    s->timers.count++;
    append(&s->timers.fresh, timer);
}

void hk__timer_stop(hk_sched *s, hk__timer *timer)
{
    struct hk__timers *t = &s->timers;
    timer->next->prev = timer->prev;
    timer->prev->next = timer->next;
    t->count--;
    hk__timer *head = timer->next;
    if (head != timer->prev || head == &t->fresh || head == &t->due) return;
    /* Two neighbours that are one: the head of a slot that is empty now. */
    unsigned index = (unsigned)(head - t->wheel[0]);
    slot_is_empty(t, index / SLOTS, index % SLOTS);
}

void hk__timers_arm(hk_sched *s)
{
    struct hk__timers *t = &s->timers;
    for (hk__timer *timer = t->fresh.next, *next; timer != &t->fresh; timer = next) {
        next = timer->next;
        int64_t duration = timer->deadline;
        timer->deadline = duration > INT64_MAX - s->now ? INT64_MAX : s->now + duration;
        insert(t, timer);
    }
    make_empty(&t->fresh);
}

/* All timers of a slot are due: to fire, or to move down. A handler may stop one of them. */
static void take(struct hk__timers *t, unsigned level, unsigned slot)
{
    hk__timer *head = &t->wheel[level][slot];
    t->due = *head;
    t->due.next->prev = t->due.prev->next = &t->due;
    make_empty(head);
    slot_is_empty(t, level, slot);
}

static hk__timer *take_first_due(struct hk__timers *t)
{
    hk__timer *timer = t->due.next;
    t->due.next = timer->next;
    timer->next->prev = &t->due;
    return timer;
}

void hk__timers_expire(hk_sched *s)
{
    struct hk__timers *t = &s->timers;
    unsigned level, slot;
    uint64_t start;
    while (next_slot(t, &level, &slot, &start) && start <= (uint64_t)s->now) {
        t->now = start;
        take(t, level, slot);
        while (t->due.next != &t->due) {
            hk__timer *timer = take_first_due(t);
            if (level > 0) {
                insert(t, timer);
            } else {
                t->count--;
                hk__call_retry(&HK_CONTAINER(timer, struct timed_call, timer)->call);
            }
        }
    }
    t->now = (uint64_t)s->now;
}

/* Exact where few timers share the slot that comes next, as they do when a program idles; else its
 * start, which is early: then they move down, and the loop asks again. */
int64_t hk__timers_next(const hk_sched *s)
{
    enum { FEW = 8 };
    const struct hk__timers *t = &s->timers;
    unsigned level, slot;
    uint64_t start;
    if (!next_slot(t, &level, &slot, &start)) return INT64_MAX;
    const hk__timer *head = &t->wheel[level][slot], *timer = head->next;
    int64_t earliest = INT64_MAX;
    for (int i = 0; i < FEW; i++, timer = timer->next) {
        if (timer == head) return earliest;
        if (timer->deadline < earliest) earliest = timer->deadline;
    }
    return (int64_t)start;
}
