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
 * Starting a timer reads no clock: it waits in an array with its duration, and is armed when the
 * loop reads the clock at the end of the pass, or the array is full. So it can be late by what is
 * left of the pass, never early. (An array, because to walk along a list of timers that lie on as
 * many stacks is to wait for each of them.) A timer lies directly behind its call, whose handler
 * is run again when it fires; or it has a function of its own. */
#include "sched/sched.h"

struct timed_call {
    hk_call call;
    hk__timer timer;
};

/* So many bytes before a timer it says what the timer lies behind. */
enum { STATE = offsetof(struct timed_call, timer) - offsetof(struct timed_call, call.state) };
_Static_assert(offsetof(hk__alarm, timer) - offsetof(hk__alarm, state) == STATE,
               "calls and alarms have it in the same place");

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
    make_empty(&t->due);
    for (int level = 0; level < HK__TIMER_LEVELS; level++)
        for (int slot = 0; slot < SLOTS; slot++) make_empty(&t->wheel[level][slot]);
}

/* The ring for timers of that deadline, which gets one now. */
static hk__timer *slot_for(struct hk__timers *t, int64_t deadline)
{
    uint64_t differs = (uint64_t)deadline ^ t->now;
    unsigned level = differs != 0 ? (63 - (unsigned)__builtin_clzll(differs)) / DIGIT : 0;
    unsigned slot = (uint64_t)deadline >> level * DIGIT & (SLOTS - 1);
    t->slots[level] |= UINT64_C(1) << slot;
    t->levels |= 1u << level;
    return &t->wheel[level][slot];
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

/* Many of a pass have the same duration: they follow each other into one slot. */
static void arm(struct hk__timers *t, int64_t now)
{
    int64_t before = 0; /* a duration that nobody has */
    hk__timer *slot = NULL;
    for (uint32_t i = 0; i < t->fresh_count; i++) {
        hk__timer *timer = t->fresh[i];
        if (timer == NULL) continue; /* it was stopped */
        int64_t duration = timer->deadline;
        timer->deadline = duration > INT64_MAX - now ? INT64_MAX : now + duration;
        if (duration != before) slot = slot_for(t, timer->deadline);
        before = duration;
        append(slot, timer);
    }
    t->fresh_count = 0;
}

HK__HOT void hk__timers_arm(hk_sched *s) { arm(&s->timers, s->now); }

HK__HOT void hk__timer_start(hk_sched *s, hk__timer *timer)
{
    struct hk__timers *t = &s->timers;
    if (HK__UNLIKELY(t->fresh_count == HK__FRESH_TIMERS)) arm(t, s->world->table->now(s->world));
    timer->prev = NULL;
    timer->next = hk_val(t->fresh_count);
    t->fresh[t->fresh_count++] = timer;
    s->timer_count++;
}

HK__HOT void hk__timer_stop(hk_sched *s, hk__timer *timer)
{
    struct hk__timers *t = &s->timers;
    s->timer_count--;
    if (timer->prev == NULL) {
        t->fresh[hk_num(timer->next)] = NULL;
        return;
    }
    timer->next->prev = timer->prev;
    timer->prev->next = timer->next;
    hk__timer *head = timer->next;
    if (head != timer->prev || head == &t->due) return;
    /* Two neighbours that are one: the head of a slot that is empty now. */
    unsigned index = (unsigned)(head - t->wheel[0]);
    slot_is_empty(t, index / SLOTS, index % SLOTS);
}

void hk__alarm_start(hk_sched *s, hk__alarm *alarm, int64_t duration,
                     void (*fire)(hk__alarm *alarm))
{
    alarm->fire = fire;
    alarm->state = HK__CALL_ALARM;
    alarm->timer.deadline = duration;
    hk__timer_start(s, &alarm->timer);
}

void hk__alarm_stop(hk_sched *s, hk__alarm *alarm)
{
    if (alarm->fire != NULL) hk__timer_stop(s, &alarm->timer);
    alarm->fire = NULL;
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

static void fire(hk__timer *timer)
{
    if (*((const uint8_t *)timer - STATE) != HK__CALL_ALARM) {
        hk__call_retry(&HK_CONTAINER(timer, struct timed_call, timer)->call);
        return;
    }
    hk__alarm *alarm = HK_CONTAINER(timer, hk__alarm, timer);
    void (*function)(hk__alarm *) = alarm->fire;
    alarm->fire = NULL;
    function(alarm);
}

HK__HOT void hk__timers_expire(hk_sched *s)
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
                append(slot_for(t, timer->deadline), timer);
            } else {
                s->timer_count--;
                fire(timer);
            }
        }
    }
    t->now = (uint64_t)s->now;
}

/* Exact where few timers share the slot that comes next, as they do when a program idles; else its
 * start, which is early: then they move down, and the loop asks again. */
HK__HOT int64_t hk__timers_next(const hk_sched *s)
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
