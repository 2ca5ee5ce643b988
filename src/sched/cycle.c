/* SPDX-License-Identifier: MIT */
/* Who waits for whom, in a ring.
 *
 * A parked call may name the task without which it cannot go on (hk_call_type.owner); the end of a
 * group needs all its children. Following that from each task, depth first, every task once, all
 * rings are met. No task is shown in two of them: of ten children that wait for a lock of their
 * parent, which waits for their end, one is enough to see it, and the table shows the others. */
#include "sched/sched.h"

#include "base/say.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { UNSEEN, ON_PATH, OVER };
enum { CYCLES = 16, LINKS = 32 }; /* shown at most */

struct place {
    hk_coro *from, *to; /* on the path */
    uint8_t state;
    bool shown;
};

struct search {
    const hk_sched *s;
    struct place *places; /* as the tasks in the map */
    unsigned found;
};

static struct place *place_of(const struct search *q, const hk_coro *t)
{
    return &q->places[(uint64_t)t->tid & q->s->map.mask];
}

/* The task that t needs, or, after that one, the next. */
static hk_coro *next_needed(const hk_sched *s, const hk_coro *t, const hk_coro *last)
{
    const hk_call *call = hk__task_call(t);
    if (call == NULL) return NULL;
    if (call->type->owner == hk__group_owner) return hk__group_needed(call, last);
    return last == NULL ? hk__task_owner(s, t) : NULL;
}

/* ---- saying it ---- */

static bool ends_with(const char *text, const char *end)
{
    const size_t length = strlen(text), rest = strlen(end);
    return length >= rest && strcmp(text + length - rest, end) == 0;
}

/* What t waits for, and who that is, unless the call's own words close with that. */
static void say_link(const struct search *q, const hk_coro *t, const char *lead, const char *end)
{
    const hk_coro *to = place_of(q, t)->to;
    char waits[160], who[80];
    hk__report_call(hk__task_call(t), waits, sizeof waits);
    snprintf(who, sizeof who, "task %lld '%.*s'", (long long)to->tid, 40, hk__task_name(to));
    const bool told = ends_with(waits, who);
    hk__say("  %s waits for %s%s%s%s", lead, waits, told ? "" : ": ", told ? "" : who, end);
}

static void say_cycle(const struct search *q, const hk_coro *first, unsigned count)
{
    const hk_coro *t = first;
    char lead[80];
    snprintf(lead, sizeof lead, "cycle: task %lld '%.*s'", (long long)t->tid, 40, hk__task_name(t));
    for (unsigned i = 1; i <= count && i <= LINKS; i++, t = place_of(q, t)->to)
        say_link(q, t, i == 1 ? lead : "       which", i < count ? "," : "");
    if (count > LINKS) hk__say("         and so on: %u tasks", count);
}

/* The path leads from one of its tasks back to that one. */
static void found(struct search *q, const hk_coro *start)
{
    const hk_coro *t = start, *first = start;
    unsigned count = 0;
    do {
        if (place_of(q, t)->shown) return;
        if (t->tid < first->tid) first = t;
        t = place_of(q, t)->to;
        count++;
    } while (t != start);
    do {
        place_of(q, t)->shown = true;
        t = place_of(q, t)->to;
    } while (t != start);
    if (++q->found <= CYCLES) say_cycle(q, first, count);
}

/* ---- finding it ---- */

static void follow(struct search *q, hk_coro *t)
{
    hk_coro *last = NULL;
    place_of(q, t)->state = ON_PATH;
    while (t != NULL) {
        struct place *here = place_of(q, t);
        hk_coro *next = next_needed(q->s, t, last);
        last = next;
        if (next == NULL) { /* back to where t was needed */
            here->state = OVER;
            last = t;
            t = here->from;
            continue;
        }
        here->to = next;
        struct place *there = place_of(q, next);
        if (there->state == ON_PATH) found(q, next);
        if (there->state != UNSEEN) continue;
        *there = (struct place){ .from = t, .state = ON_PATH };
        t = next;
        last = NULL;
    }
}

void hk__report_cycles(const hk_sched *s)
{
    struct search q = { .s = s };
    for (hk_coro *t = NULL; (t = hk__task_after(s, t)) != NULL;) {
        if (next_needed(s, t, NULL) == NULL) continue;
        if (q.places == NULL) q.places = calloc(s->map.mask + 1, sizeof *q.places);
        if (q.places == NULL) {
            hk__say("  no memory to look for cycles");
            return;
        }
        if (place_of(&q, t)->state == UNSEEN) follow(&q, t);
    }
    if (q.found > CYCLES) hk__say("  and %u more cycles", q.found - CYCLES);
    free(q.places);
}
