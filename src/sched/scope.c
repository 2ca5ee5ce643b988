/* SPDX-License-Identifier: MIT */
/* Scopes: what is cancelled, for whom, and why.
 *
 * The open scopes of a strand are a list, the innermost first; a group is one of them, and the
 * scopes of its children are inside of it. What is in force somewhere is that of all scopes around,
 * outwards, up to a shield. It is looked up when something has changed, and not at each call: a
 * change is spread to all tasks below, each of which is marked where it may not simply call any
 * more, and whose present call ends if it must. A group keeps what is in force for its children,
 * so that a look never goes further than that. */
#include "sched/sched.h"

#include "base/say.h"
#include "coro/stack.h"

#include <limits.h>
#include <stdio.h>

enum { INHERITED = HK__CANCELLED | HK__STOPPING | HK__NO_WAITING };

/* ---- what is in force ---- */

unsigned hk__scope_force(const hk_coro *strand, const hk_scope *in)
{
    unsigned force = 0;
    for (const hk_scope *s = in; s != NULL; s = s->outer) {
        force |= s->is & (INHERITED | HK__SOFT);
        if (s->is & HK__SHIELD) return force;
    }
    if (hk__killer_of(strand) != 0) force |= HK__CANCELLED;
    return strand->group != NULL ? force | strand->group->force : force;
}

int hk__scope_refusal(unsigned force, const hk_call *call)
{
    if (force & HK__CANCELLED) return -ECANCELED;
    bool accepts = force & HK__SOFT || call->type->flags & HK_CALL_ACCEPTS;
    return force & HK__STOPPING && accepts ? -ESHUTDOWN : 0;
}

/* The task's calls are looked at from now on, or no more. */
static void mark(hk_coro *t, unsigned force)
{
    if (t->state != HK__TASK && t->state != HK__TASK_MARKED) return;
    if (force & INHERITED) {
        t->state = HK__TASK_MARKED;
    } else if (t->state == HK__TASK_MARKED) {
        t->state = HK__TASK;
        *hk__task_refusals(t) = 0;
    }
}

/* Ends the call in which a strand waits, where it may not wait any more. The strand need not be the
 * task that made the call: a driver has handed it up for one of its own. */
static void interrupt(hk_coro *strand, unsigned force)
{
    hk_call *call = hk__task_call(strand);
    if (call == NULL || call->state != HK__CALL_PARKED) return;
    const hk_sched *s = hk__sched_of(call);
    if (s == NULL || s->inherited) return;
    int r = hk__scope_refusal(force, call);
    if (r == 0 && force & HK__NO_WAITING) r = -ECANCELED;
    void (*done)(hk_call *) = call->done; /* where the result will be */
    if (r == 0 || !hk__call_abort(call, r)) return;
    if (done != NULL)
        done(call);
    else
        call->driver->complete(call->driver, call, r);
}

/* ---- spreading it ---- */

/* The outermost group with children on a strand, from its innermost scope up to `last` (NULL: to
 * all of them). */
static hk_group *outermost(const hk_coro *strand, const hk_scope *last, const hk_scope *before)
{
    hk_group *found = NULL;
    for (hk_scope *s = strand->scope; s != NULL && s != before; s = s->outer) {
        if (s->is & HK__IS_GROUP && ((hk_group *)s)->first != NULL) found = (hk_group *)s;
        if (s == last) break;
    }
    return found;
}

/* The strand after t below `top`, where only what is in scope `in` counts. Parents come before
 * their children, of which the youngest is first. */
static hk_coro *next_below(hk_coro *t, hk_coro *top, const hk_scope *in)
{
    hk_group *g = outermost(t, t == top ? in : NULL, NULL);
    while (g == NULL && t != top) {
        if (t->prev != NULL) return t->prev;
        const hk_scope *up = &t->group->scope;
        t = up->strand;
        g = outermost(t, NULL, up);
    }
    return g != NULL ? g->last : NULL;
}

static void renew(hk_coro *strand, const hk_scope *last)
{
    for (hk_scope *s = strand->scope; s != NULL; s = s->outer) {
        if (s->is & HK__IS_GROUP)
            ((hk_group *)s)->force = (uint8_t)(hk__scope_force(strand, s) & INHERITED);
        if (s == last) break;
    }
    unsigned force = hk__strand_force(strand);
    mark(strand, force);
    interrupt(strand, force);
}

void hk__scope_spread(hk_coro *strand, hk_scope *in)
{
    renew(strand, in);
    for (hk_coro *t = strand; (t = next_below(t, strand, in)) != NULL;) renew(t, NULL);
}

/* ---- cancelling ---- */

void hk__scope_cut(hk_scope *s, unsigned is, hk__reason reason)
{
    if (s->is & HK__CANCELLED) return;
    s->is |= (uint16_t)(HK__CANCELLED | is);
    s->reason = reason;
    hk__scope_spread(s->strand, s);
}

void hk__scope_cancel(hk_scope *s, const char *file, int line, const char *why)
{
    if (s->owner == NULL) return;
    hk_tid by = hk_task_self();
    hk__scope_cut(s, 0, (hk__reason){ by > 0 ? by : -1, why, file, line });
}

static void expire(hk__alarm *alarm)
{
    hk_scope *s = HK_CONTAINER(alarm, hk_scope, deadline);
    s->is &= (uint16_t)~HK__TIMING;
    hk__scope_cut(s, HK__EXPIRED, (hk__reason){ 0, "its time is over", s->file, s->line });
}

static void stop_timer(hk_scope *s)
{
    if (s->is & HK__TIMING) hk__alarm_stop(s->sched, &s->deadline);
    s->is &= (uint16_t)~HK__TIMING;
}

static void set_deadline(hk_scope *s, int64_t timeout)
{
    if (timeout > 0) {
        if (timeout == HK_FOREVER || s->sched == NULL) return;
        hk__alarm_start(s->sched, &s->deadline, timeout, expire);
        s->is |= HK__TIMING;
    } else if (timeout == 0) {
        s->is |= HK__NO_WAITING;
        hk__scope_spread(s->strand, s);
    } else {
        hk__scope_cut(s, HK__EXPIRED, (hk__reason){ 0, "its time is over", s->file, s->line });
    }
}

void hk_scope_rearm(hk_scope *s, int64_t timeout)
{
    if (s->owner == NULL) hk__misuse("hk_scope_rearm of a scope that is not open");
    stop_timer(s);
    if (s->is & HK__NO_WAITING && timeout != 0) {
        s->is &= (uint16_t)~HK__NO_WAITING;
        hk__scope_spread(s->strand, s);
    }
    if (!(s->is & HK__CANCELLED)) set_deadline(s, timeout);
}

static void turn(hk_scope *s, unsigned bit, bool on, const char *what)
{
    if (s->owner == NULL) hk__misuse("hk_scope_%s of a scope that is not open", what);
    s->is = (uint16_t)(on ? s->is | bit : s->is & ~bit);
    hk__scope_spread(s->strand, s);
}

void hk_scope_shield(hk_scope *s, bool on) { turn(s, HK__SHIELD, on, "shield"); }

void hk_scope_soft(hk_scope *s, bool on) { turn(s, HK__SOFT, on, "soft"); }

/* ---- opening and closing ---- */

void hk__scope_begin(hk_scope *s, int64_t timeout, const char *file, int line)
{
    hk_coro *me = hk__here.self;
    if (HK__UNLIKELY(me == NULL)) me = hk__thread_enter();
    hk_coro *strand = hk__strand_of(me);
    s->outer = strand->scope;
    s->owner = me;
    s->strand = strand;
    s->sched = hk__here.sched;
    s->file = file;
    s->line = line;
    s->reason.why = NULL;
    strand->scope = s;
    if (me->state == HK__RUNNING) me->state = HK__SCOPED;
    if (timeout != HK_FOREVER) set_deadline(s, timeout);
}

void hk__scope_open(hk_scope *s, int64_t timeout, const char *file, int line)
{
    s->is = 0;
    hk__scope_begin(s, timeout, file, line);
}

void hk__scope_check(const hk_scope *s, const char *verb)
{
    const hk_coro *me = hk__here.self;
    if (s->owner == NULL) hk__misuse("%s: it is not open", verb);
    if (s->owner != me)
        hk__misuse("%s in '%s': it was opened at %s:%d in '%s', which must close it", verb,
                   me != NULL ? hk__coro_name(me) : "thread", s->file, s->line,
                   hk__coro_name(s->owner));
    const hk_scope *inner = s->strand->scope;
    if (inner != s)
        hk__misuse("%s: what was opened at %s:%d is closed before what was opened in it at %s:%d",
                   verb, s->file, s->line, inner->file, inner->line);
}

void hk__scope_end(hk_scope *s)
{
    hk_coro *strand = s->strand, *owner = s->owner;
    if (s->is & HK__TIMING) stop_timer(s);
    if (HK__UNLIKELY(s->is & HK__IS_BINDING)) hk__binding_end(s);
    strand->scope = s->outer;
    s->owner = NULL;
    if (owner->state == HK__SCOPED && (s->outer == NULL || s->outer->owner != owner))
        owner->state = HK__RUNNING;
    if (HK__UNLIKELY(strand->state == HK__TASK_MARKED || s->is & HK__SHIELD)) {
        unsigned force = hk__strand_force(strand);
        mark(strand, force);
    }
}

bool hk__scope_caused(const hk_scope *s)
{
    const unsigned ends = HK__CANCELLED | HK__NO_WAITING;
    if (!(s->is & ends)) return false;
    return s->is & HK__SHIELD || !(hk__scope_force(s->strand, s->outer) & ends);
}

/* Its time was over, or nothing could wait in it, before anybody has cancelled it. */
bool hk__scope_timed_out(const hk_scope *s)
{
    if (!(s->is & (s->is & HK__CANCELLED ? HK__EXPIRED : HK__NO_WAITING))) return false;
    return hk__scope_caused(s);
}

intptr_t hk_scope_close(hk_scope *s, intptr_t result)
{
    if (s->owner == NULL || s->owner != hk__here.self || s->strand->scope != s)
        hk__scope_check(s, "hk_scope_close");
    if (s->is & HK__IS_GROUP) hk__misuse("hk_scope_close of a group: hk_group_close closes it");
    if (HK__UNLIKELY(result == -ECANCELED) && hk__scope_timed_out(s)) {
        result = -ETIMEDOUT;
        if (s->is & HK__EXPIRED)
            hk_fail(-ETIMEDOUT, "the scope opened at %s:%d is over its time", s->file, s->line);
    }
    hk__scope_end(s);
    return result;
}

void hk_scope_leave(hk_scope *s)
{
    if (s->owner != NULL) hk_scope_close(s, 0);
}

void hk__scopes_leave(hk_coro *strand)
{
    while (strand->scope != NULL)
        if (strand->scope->is & HK__IS_GROUP)
            hk_group_leave((hk_group *)strand->scope);
        else
            hk_scope_leave(strand->scope);
}

void hk__scopes_drop(hk_coro *strand)
{
    for (hk_scope *s = strand->scope; s != NULL; s = s->outer) {
        stop_timer(s);
        if (s->is & HK__IS_GROUP) hk__group_drop((hk_group *)s);
        if (s->is & HK__IS_BINDING) hk__binding_end(s);
    }
    strand->scope = NULL;
}

/* ---- why ---- */

int hk__reason_describe(const hk__reason *r, const hk_sched *s, char *buf, size_t size)
{
    const hk_coro *by = s != NULL && r->by > 0 ? hk__task_find(s, r->by) : NULL;
    char who[64] = "";
    if (by != NULL)
        snprintf(who, sizeof who, " by task %lld '%s'", (long long)r->by, hk__task_name(by));
    else if (r->by > 0)
        snprintf(who, sizeof who, " by task %lld", (long long)r->by);
    if (r->file == NULL) return snprintf(buf, size, "%s%s", r->why, who);
    return snprintf(buf, size, "cancelled%s: %s (%s:%d)", who, r->why, r->file, r->line);
}

/* The outermost reason that no shield hides, since that is what the others followed. */
bool hk__scope_reason(const hk_coro *strand, unsigned levels, hk__reason *ret_reason)
{
    const hk_scope *in = strand->scope;
    ret_reason->why = NULL;
    for (; strand != NULL && levels > 0; levels--) {
        for (const hk_scope *s = in; s != NULL; s = s->outer) {
            if (s->is & HK__CANCELLED) *ret_reason = s->reason;
            if (s->is & HK__SHIELD) return ret_reason->why != NULL;
        }
        if (hk__killer_of(strand) != 0)
            *ret_reason = (hk__reason){ hk__killer_of(strand), "killed", NULL, 0 };
        in = strand->group != NULL ? &strand->group->scope : NULL;
        strand = in != NULL ? in->strand : NULL;
    }
    return ret_reason->why != NULL;
}

int hk__scope_explain(hk_coro *co, char *buf, size_t size)
{
    hk__reason reason;
    if (!hk__scope_reason(hk__strand_of(co), UINT_MAX, &reason)) return 0;
    return hk__reason_describe(&reason, hk__here.sched, buf, size);
}
