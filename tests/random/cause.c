/* SPDX-License-Identifier: MIT */
/* Who may still wait, looked up anew each time: the scopes around a task, up to a shield; whether
 * it was killed; then those around its group. And what the end of a task does to its group, and
 * what the close of that says. */
#include "random/random.h"

#include "sched/sched.h"

#include <errno.h>

static unsigned own_of(const struct scope *s) { return s->own | (s->cancelled ? CUT : 0); }

static unsigned cause_from(const struct task *t, const struct scope *s);

/* Whoever waits for its word is cancelled: that kills it. */
static bool starter_is_cut(const struct task *t)
{
    if (t->starter == NULL) return false;
    const unsigned cause = cause_from(t->starter, t->starter->top);
    return refusal_of(cause) < 0 || cause & NO_WAIT;
}

void starter_lets_go(struct task *t)
{
    t->killed |= starter_is_cut(t);
    t->starter = NULL;
}

static unsigned cause_from(const struct task *t, const struct scope *s)
{
    unsigned cause = 0, mask = CUT | STOP | NO_WAIT | SOFT;
    for (;;) {
        for (; s != NULL; s = s->outer) {
            cause |= own_of(s) & mask;
            if (s->shield) return cause;
        }
        if (t->killed || starter_is_cut(t)) cause |= CUT;
        s = t->base;
        if (s == NULL) return cause;
        t = s->owner;
        mask &= ~(unsigned)SOFT;
    }
}

unsigned cause_of(const struct task *t) { return cause_from(t, t->top); }

int refusal_of(unsigned cause)
{
    if (cause & CUT) return -ECANCELED;
    return (cause & (STOP | SOFT)) == (STOP | SOFT) ? -ESHUTDOWN : 0;
}

bool caused_by(const struct scope *s)
{
    if (!(own_of(s) & (CUT | NO_WAIT))) return false;
    return s->shield || !(cause_from(s->owner, s->outer) & (CUT | NO_WAIT));
}

/* ---- deadlines ---- */

void cancel_scope(struct scope *s) { s->cancelled = true; }

static void age_one(struct scope *s)
{
    const int64_t now = hk_now();
    if (!s->open || s->cancelled) return;
    s->expired = s->deadline <= now && s->deadline <= s->grace_end;
    s->cancelled = s->expired || s->grace_end <= now;
}

void age(struct run *run)
{
    for (int i = 0; i < run->program->scopes; i++) age_one(&run->scope[i]);
    for (int i = 0; i < run->program->tasks; i++) age_one(&run->task[i].resort);
}

void move_deadline(struct scope *s, int64_t timeout)
{
    s->deadline = INT64_MAX;
    if (timeout != 0) s->own &= ~(unsigned)NO_WAIT;
    if (s->cancelled || timeout == HK_FOREVER) return;
    if (timeout == 0)
        s->own |= NO_WAIT;
    else if (timeout < 0)
        s->cancelled = s->expired = true;
    else
        s->deadline = hk_now() + timeout;
}

void open_scope(struct run *run, struct task *t, struct scope *s, int64_t timeout)
{
    (void)run;
    s->outer = t->top;
    s->owner = t;
    s->grace_end = INT64_MAX;
    s->open = true;
    t->top = s;
    move_deadline(s, timeout);
}

/* Its time was over, or it allowed no waiting, before anybody cancelled it. */
static bool timed_out(const struct scope *s)
{
    return (s->cancelled ? s->expired : s->own & NO_WAIT) && caused_by(s);
}

intptr_t scope_result(const struct scope *s, intptr_t result)
{
    return result == -ECANCELED && timed_out(s) ? -ETIMEDOUT : result;
}

/* ---- groups ---- */

static intptr_t verdict(const struct scope *g)
{
    if (g->won && g->result >= 0 && !timed_out(g)) return g->result;
    if (timed_out(g) && g->cut && !g->failed_in_time) return -ETIMEDOUT;
    if (g->error != 0) return g->error;
    return g->cut && !caused_by(g) ? -ECANCELED : g->result;
}

static struct task *closer_of(struct run *run, const struct scope *g)
{
    struct task *t = g->owner;
    (void)run;
    return g->is_closing && t->wait.active && !t->wait.decided ? t : NULL;
}

/* A spawn waits for room, which it will have, or has it. */
static bool expects_more(const struct run *run, const struct scope *g)
{
    bool any = g->group->promised > 0;
    for (int i = 0; i < run->program->tasks; i++) {
        const struct task *t = &run->task[i];
        const bool spawns = op_info[t->wait.op].flags & TASK && t->wait.op != OP_start;
        if (t->wait.active && spawns && t->wait.object == (int)(g - run->scope))
            any |= hk__task_call(hk__task_find(hk__here.sched, t->tid)) != NULL;
    }
    return any;
}

/* A child has ended, or the close begins. */
static void group_moves(struct run *run, struct scope *g)
{
    if (g->live > 0 || expects_more(run, g)) return;
    if (g->is_closing && g->daemons > 0) cancel_scope(g);
    for (int i = 0; i < run->program->tasks; i++) {
        struct task *t = &run->task[i];
        if (t->wait.active && t->wait.op == OP_gwait && !t->wait.decided &&
            &run->scope[t->wait.object] == g)
            decide(&t->wait, 0);
    }
    struct task *closer = closer_of(run, g);
    if (closer == NULL || g->daemons > 0) return;
    decide(&closer->wait, verdict(g));
    g->open = false;
    closer->top = g->outer;
}

void group_close_begins(struct run *run, struct scope *g, struct task *t, intptr_t result)
{
    g->result = result;
    g->is_closing = true;
    if (result == -ECANCELED && caused_by(g)) {
        g->cut = true;
        g->result = 0;
    } else if (result == -ESHUTDOWN && g->own & STOP) {
        g->result = 0;
    } else if (result == -ESHUTDOWN && cause_from(t, g) & STOP) {
        g->result = result; /* of a stop further out: the children may finish */
    } else if (result < 0) {
        cancel_scope(g);
        if (g->error == 0) g->error = (int)result;
    }
    t->wait.result = 0;
    group_moves(run, g);
}

/* What the end of a child means for the others. */
static void judge(struct scope *g, const struct task *t, intptr_t value, bool cancelled, bool told)
{
    const bool stopped = value == -ESHUTDOWN && cause_from(g->owner, g) & STOP;
    if (cancelled && !t->killed) g->cut = true;
    if (value < 0 && !cancelled && !stopped && !told) {
        g->failures++;
        if (g->policy != OP_alone && g->error == 0) g->failed_in_time = !timed_out(g);
        if (g->policy != OP_alone && g->error == 0) g->error = (int)value;
        if (g->policy == OP_all) cancel_scope(g);
    } else if (g->policy == OP_first && value >= 0) {
        g->won = true;
        cancel_scope(g);
    }
    if (g->policy == OP_any && (!cancelled || t->killed)) cancel_scope(g);
}

/* Without a word. */
static void start_ends(struct task *t, intptr_t value, bool cancelled)
{
    const unsigned cause = cause_of(t->starter);
    const bool cut = starter_is_cut(t);
    intptr_t result = value < 0 ? value : -ENOMSG;
    if (cut && (value >= 0 || cancelled)) {
        result = refusal_of(cause) < 0 ? refusal_of(cause) : -ECANCELED;
    }
    decide(&t->starter->wait, result);
    starter_lets_go(t);
}

void task_ends(struct run *run, struct task *t, intptr_t value)
{
    if (t->ended) {
        random_fail("task %d ended twice", t->id);
        return;
    }
    const bool cancelled = value == -ECANCELED && cause_of(t) & (CUT | NO_WAIT);
    struct task *starter = t->starter;
    if (starter != NULL) start_ends(t, value, cancelled);
    t->ended = true;
    t->value = value;
    model_task_ended(run, t);
    locks_break(run, t);
    struct scope *g = t->base;
    if (g == NULL) return;
    if (t->is_daemon)
        g->daemons--;
    else
        g->live--;
    judge(g, t, value, cancelled, starter != NULL);
    group_moves(run, g);
}
