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
    void *value;
};

struct kept {
    struct kept *next;
    hk_failure failure; /* name and why point into this */
    char name[32];
    char why[256];
};

enum { FEW = 16 };
struct hk__ends {
    uint32_t count, room;
    uint32_t sorted; /* so many of the first are known to stand in order of their tids */
    uint32_t failed; /* so many failures there were */
    uint32_t kept;
    struct kept *first, **last;
    struct end *end;     /* the first of `room` */
    struct end few[FEW]; /* which are these, until there are more */
};

static struct hk__ends *ends_of(hk_group *g)
{
    if (HK__LIKELY(g->ends != NULL)) return g->ends;
    struct hk__ends *e = g->ends = malloc(sizeof *e);
    if (e == NULL) return NULL;
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

void hk__ends_add(hk_group *g, hk_tid tid, void *value, bool cancelled)
{
    struct hk__ends *e = ends_of(g);
    if (e == NULL || (HK__UNLIKELY(e->count == e->room) && !grow(e))) return;
    e->end[e->count++] = (struct end){ (uint64_t)tid, cancelled, value };
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
    hk__task_tell(ret_exit, end->value, end->cancelled);
    for (const struct kept *k = e->first; k != NULL; k = k->next)
        if (k->failure.tid == (hk_tid)end->tid)
            snprintf(ret_exit->why, sizeof ret_exit->why, "%s", k->why);
}

bool hk__ends_find(const hk_sched *s, hk_tid tid, hk_exit *ret_exit)
{
    for (const hk_group *g = &s->root; g != NULL; g = g->next) {
        const struct end *end = g->ends != NULL ? find(g->ends, tid) : NULL;
        if (end == NULL) continue;
        if (ret_exit != NULL) tell(g->ends, end, ret_exit);
        return true;
    }
    return false;
}

/* ---- what the close says ---- */

void hk__ends_explain(hk_group *g, intptr_t result)
{
    hk_coro *owner = g->scope.owner;
    if (result >= 0) return;
    if (result == -ETIMEDOUT && g->scope.is & HK__EXPIRED) {
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

void hk__ends_free(hk_group *g)
{
    if (g->ends == NULL) return;
    for (struct kept *k = g->ends->first, *next; k != NULL; k = next) {
        next = k->next;
        free(k);
    }
    if (g->ends->end != g->ends->few) free(g->ends->end);
    free(g->ends);
    g->ends = NULL;
}
