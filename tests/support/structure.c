/* SPDX-License-Identifier: MIT */
/* The scheduler's structure, looked at from outside. */
#include "support/structure.h"

#include "sched/sched.h"

#include <stdio.h>

#define HOLD(condition, ...) \
    do { \
        if (!(condition)) { \
            snprintf(ret_why, size, __VA_ARGS__); \
            return false; \
        } \
    } while (0)

static const hk_sched *here(void) { return hk__here.sched; }

unsigned structure_timers(void) { return here()->timer_count; }

static bool is_task(const hk_coro *t)
{
    return t->state == HK__TASK || t->state == HK__TASK_MARKED;
}

static bool groups_hold(const hk_sched *s, char *ret_why, size_t size)
{
    uint32_t all = 0;
    const hk_group *before = NULL;
    for (const hk_group *g = &s->root; g != NULL; before = g, g = g->next) {
        uint32_t count = 0;
        const hk_coro *last = NULL;
        HOLD(g->prev == before && g->scope.owner != NULL, "the list of groups is broken");
        for (const hk_coro *t = g->first; t != NULL; last = t, t = t->next, count++) {
            HOLD(t->prev == last && t->group == g, "the list of a group's tasks is broken");
            HOLD(is_task(t) && hk__task_find(s, t->tid) == t, "task %lld is not in the map",
                 (long long)t->tid);
        }
        HOLD(g->last == last && count == g->live + g->daemons, "a group counts %u of %u tasks",
             g->live + g->daemons, count);
        all += count;
    }
    HOLD(s->last_group == before && all == s->live, "the scheduler counts %u of %u tasks", s->live,
         all);
    return true;
}

/* Nobody is ready twice; whoever is ready waits for nothing. */
static bool ready_holds(const hk_sched *s, char *ret_why, size_t size)
{
    const struct hk__ready *r = &s->ready;
    HOLD(r->tail - r->head <= s->live, "%u are ready of %u tasks", r->tail - r->head, s->live);
    for (uint32_t i = r->head; i != r->tail; i++) {
        const hk_coro *t = r->slot[i & r->mask];
        HOLD(is_task(t), "somebody is ready that is no task");
        HOLD(hk__task_call(t) == NULL, "task %lld is ready, and waits", (long long)t->tid);
        for (uint32_t j = i + 1; j != r->tail; j++)
            HOLD(r->slot[j & r->mask] != t, "task %lld is ready twice", (long long)t->tid);
    }
    return true;
}

static bool timers_hold(const hk_sched *s, char *ret_why, size_t size)
{
    const struct hk__timers *t = &s->timers;
    uint32_t count = 0;
    for (uint32_t i = 0; i < t->fresh_count; i++) count += t->fresh[i] != NULL;
    for (unsigned level = 0; level < HK__TIMER_LEVELS; level++)
        for (unsigned slot = 0; slot < 64; slot++) {
            const hk__timer *head = &t->wheel[level][slot];
            const bool marked = t->slots[level] >> slot & 1 && t->levels >> level & 1;
            HOLD(marked == (head->next != head), "a slot of the wheel is not marked as it is");
            for (const hk__timer *one = head->next; one != head; one = one->next, count++)
                HOLD(one->next->prev == one, "the timers of a slot are broken");
        }
    HOLD(count == s->timer_count, "%u timers are counted, %u are there", s->timer_count, count);
    return true;
}

bool structure_holds(char *ret_why, size_t size)
{
    const hk_sched *s = hk__here.sched;
    return groups_hold(s, ret_why, size) && ready_holds(s, ret_why, size) &&
           timers_hold(s, ret_why, size);
}
