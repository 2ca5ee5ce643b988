/* SPDX-License-Identifier: MIT */
/* What is kept of the children of a group when they are gone: how each ended, for hk_task_wait, and
 * the reasons of those that failed. Where there is no memory for it, it is lost; the number of the
 * first failure never is. */
#include "sched/sched.h"

#include "base/say.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct end {
    uint64_t tid : 63; /* tids are given out one by one */
    uint64_t cancelled : 1;
    union {
        void *value;
        hk_tid killer; /* of one that was cancelled */
    };
};

struct kept {
    struct kept *next;
    hk_failure failure; /* name and why point into this */
    char name[32];
    char why[256];
};

enum { FEW = 16 };
struct hk__ends {
    hk_sched *sched; /* where they are among those of closed groups; NULL: they are not */
    const hk_coro *owner;
    struct hk__ends *next, *before;
    uint32_t count, room;
    uint32_t sorted; /* so many of the first are known to stand in order of their tids */
    uint32_t failed; /* so many failures there were */
    uint32_t kept;
    struct kept *first, **last;
    struct end *end;     /* the first of `room` */
    struct end few[FEW]; /* which are these, until there are more */
    hk__reason reason;   /* why those were cancelled that nobody has killed: the first */
};

static struct hk__ends *ends_of(hk_group *g)
{
    if (HK__LIKELY(g->ends != NULL)) return g->ends;
    struct hk__ends *e = g->ends = malloc(sizeof *e);
    if (e == NULL) return NULL;
    e->sched = NULL;
    e->reason.why = NULL;
    e->count = e->sorted = e->failed = e->kept = 0;
    e->room = FEW;
    e->first = NULL;
    e->last = &e->first;
    e->end = e->few;
    return e;
}

static __attribute__((noinline)) bool grow(struct hk__ends *e)
{
    struct end *grown = e->end != e->few ? e->end : NULL;
    struct end *end = realloc(grown, (size_t)e->room * 2 * sizeof *end);
    if (end == NULL) return false;
    if (grown == NULL) memcpy(end, e->few, sizeof e->few);
    e->end = end;
    e->room *= 2;
    return true;
}

void hk__ends_add(hk_group *g, const hk_coro *child, void *value, bool cancelled)
{
    struct hk__ends *e = ends_of(g);
    if (e == NULL || (HK__UNLIKELY(e->count == e->room) && !grow(e))) return;
    struct end *end = &e->end[e->count++];
    *end = (struct end){ .tid = (uint64_t)child->tid, .cancelled = cancelled, .value = value };
    if (HK__LIKELY(!cancelled)) return;
    end->killer = hk__killer_of(child);
    if (end->killer == 0 && e->reason.why == NULL)
        hk__scope_reason(child, HK__REASON_LEVELS, &e->reason);
}

void hk__ends_fail(hk_group *g, const hk_failure *failure)
{
    struct hk__ends *e = ends_of(g);
    if (e == NULL) return;
    e->failed++;
    struct kept *k = e->kept < HK__FAILURES_KEPT ? malloc(sizeof *k) : NULL;
    if (k == NULL) return;
    const char *why = failure->why != NULL ? failure->why : strerrordesc_np(-failure->error);
    snprintf(k->name, sizeof k->name, "%s", failure->name);
    snprintf(k->why, sizeof k->why, "%s", why != NULL ? why : "unknown error");
    k->failure = (hk_failure){ failure->tid, k->name, failure->error, k->why };
    k->next = NULL;
    *e->last = k;
    e->last = &k->next;
    e->kept++;
}

size_t hk_group_failures(const hk_group *g, hk_failure *ret_list, size_t max)
{
    if (g->ends == NULL) return 0;
    size_t n = 0;
    for (const struct kept *k = g->ends->first; k != NULL && n < max; k = k->next)
        ret_list[n++] = k->failure;
    return g->ends->failed;
}

/* ---- looking one up ---- */

static int by_tid(const void *a, const void *b)
{
    const struct end *x = a, *y = b;
    return x->tid < y->tid ? -1 : x->tid > y->tid;
}

static const struct end *find(struct hk__ends *e, hk_tid tid)
{
    while (e->sorted < e->count &&
           (e->sorted == 0 || e->end[e->sorted - 1].tid < e->end[e->sorted].tid))
        e->sorted++;
    if (e->sorted < e->count) {
        qsort(e->end, e->count, sizeof *e->end, by_tid);
        e->sorted = e->count;
    }
    const struct end key = { .tid = (uint64_t)tid };
    return e->count > 0 ? bsearch(&key, e->end, e->count, sizeof *e->end, by_tid) : NULL;
}

static void tell(const struct hk__ends *e, const struct end *end, hk_exit *ret_exit)
{
    hk__task_tell(ret_exit, end->cancelled ? hk_val(-ECANCELED) : end->value, end->cancelled);
    if (end->cancelled) {
        const hk__reason killed = { end->killer, "killed", NULL, 0 };
        const hk__reason *reason = end->killer != 0 ? &killed : &e->reason;
        if (reason->why != NULL)
            hk__reason_describe(reason, hk__here.sched, ret_exit->why, sizeof ret_exit->why);
        return;
    }
    for (const struct kept *k = e->first; k != NULL; k = k->next)
        if (k->failure.tid == (hk_tid)end->tid)
            snprintf(ret_exit->why, sizeof ret_exit->why, "%s", k->why);
}

static bool look_up(struct hk__ends *e, hk_tid tid, hk_exit *ret_exit)
{
    const struct end *end = find(e, tid);
    if (end != NULL && ret_exit != NULL) tell(e, end, ret_exit);
    return end != NULL;
}

bool hk__ends_find(const hk_sched *s, hk_tid tid, hk_exit *ret_exit)
{
    for (const hk_group *g = &s->root; g != NULL; g = g->next)
        if (g->ends != NULL && look_up(g->ends, tid, ret_exit)) return true;
    for (struct hk__ends *e = s->kept; e != NULL; e = e->next)
        if (look_up(e, tid, ret_exit)) return true;
    return false;
}

/* ---- what the close says ---- */

void hk__ends_explain(hk_group *g, intptr_t result)
{
    hk_coro *owner = g->scope.owner;
    if (result >= 0) return;
    if (result == -ETIMEDOUT && g->scope.is & (HK__EXPIRED | HK__NO_WAITING)) {
        hk__why_put(owner, -ETIMEDOUT, "the group opened at %s:%d is over its time", g->scope.file,
                    g->scope.line);
        return;
    }
    const struct kept *k = g->ends != NULL ? g->ends->first : NULL;
    if (k == NULL || k->failure.error != result || k->failure.tid == owner->tid) return;
    hk__why_put(owner, (int)result, "task %lld %s: %s", (long long)k->failure.tid, k->name, k->why);
}

void hk__ends_report(hk_group *g)
{
    const struct hk__ends *e = g->ends;
    for (const struct kept *k = e != NULL ? e->first : NULL; k != NULL; k = k->next)
        if (k->failure.error != -ECANCELED) hk__task_report(g->scope.sched, &k->failure);
}

/* ---- how long ---- */

void hk__ends_keep(hk_group *g)
{
    struct hk__ends *e = g->ends;
    hk_sched *s = g->scope.sched;
    if (e == NULL || s == NULL) return;
    e->sched = s;
    e->owner = g->scope.owner;
    e->before = NULL;
    e->next = s->kept;
    if (e->next != NULL) e->next->before = e;
    s->kept = e;
}

static void unlink_ends(struct hk__ends *e)
{
    if (e->next != NULL) e->next->before = e->before;
    if (e->before != NULL)
        e->before->next = e->next;
    else
        e->sched->kept = e->next;
}

static void free_ends(struct hk__ends *e)
{
    if (e->sched != NULL) unlink_ends(e);
    for (struct kept *k = e->first, *next; k != NULL; k = next) {
        next = k->next;
        free(k);
    }
    if (e->end != e->few) free(e->end);
    free(e);
}

void hk__ends_free(hk_group *g)
{
    if (g->ends == NULL) return;
    free_ends(g->ends);
    g->ends = NULL;
}

void hk__ends_forget(hk_sched *s, const hk_coro *owner)
{
    for (struct hk__ends *e = s->kept, *next; e != NULL; e = next) {
        next = e->next;
        if (owner == NULL || e->owner == owner) free_ends(e);
    }
}
