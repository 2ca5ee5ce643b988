/* SPDX-License-Identifier: MIT */
/* Locks as they are meant. What a waiter will be told when its turn comes is in its `result`, not
 * yet decided. */
#include "random/random.h"

#include "sync/sync.h"

#include <errno.h>

/* ---- mutexes ---- */

static void pass(struct mutex_model *m)
{
    if (m->waiters.count == 0) {
        m->owner = NULL;
        return;
    }
    struct task *t = m->waiters.entry[0].task;
    line_remove(&m->waiters, t);
    m->owner = t;
    decide(&t->wait, t->wait.result);
}

/* Behind those who wait; an owner that has ended is none. */
static void enter(struct mutex_model *m, struct task *t)
{
    if (m->owner != NULL && m->owner->ended) {
        m->owner = NULL;
        t->wait.result = -EOWNERDEAD;
    }
    line_add(&m->waiters, t, -1);
    if (m->owner == NULL) pass(m);
}

static void all_are_told(const struct line *line)
{
    for (int i = 0; i < line->count; i++) line->entry[i].task->wait.result = -EOWNERDEAD;
}

/* ---- readers and writers ---- */

static void admit(struct rwlock_model *l)
{
    while (l->writer == NULL && l->waiters.count > 0) {
        struct task *t = l->waiters.entry[0].task;
        const bool writes = t->wait.op == OP_write;
        if (writes && l->readers > 0) return;
        line_remove(&l->waiters, t);
        if (writes)
            l->writer = t;
        else
            l->readers++;
        decide(&t->wait, t->wait.result);
    }
}

static void rwlock_begin(struct rwlock_model *l, struct task *t)
{
    if (l->writer == t) {
        decide(&t->wait, -EDEADLK);
        return;
    }
    if (l->writer != NULL && l->writer->ended) {
        l->writer = NULL;
        t->wait.result = -EOWNERDEAD;
    }
    line_add(&l->waiters, t, -1);
    admit(l);
}

/* ---- conditions ---- */

/* Notified, or cancelled: now it waits for the mutex, and nothing ends that. */
static void take_again(struct run *run, struct task *t, intptr_t result)
{
    line_remove(&run->condition[t->wait.object].waiters, t);
    t->wait.result = result;
    t->wait.committed = 1;
    enter(&run->mutex[t->wait.object], t);
}

void locks_cancel(struct run *run, struct task *t) { take_again(run, t, -ECANCELED); }

static bool is_cut(const struct task *t)
{
    const unsigned cause = cause_of(t);
    return refusal_of(cause) < 0 || cause & NO_WAIT;
}

static void moved(struct run *run, struct task *t)
{
    const int refusal = refusal_of(cause_of(t));
    if (!is_cut(t)) random_fail("task %d: it waits for a condition no more, why?", t->id);
    take_again(run, t, refusal < 0 ? refusal : -ECANCELED);
}

/* Whoever was cancelled in a condition has gone over to the mutex: in which order, if they were
 * several at once, is not for us to say. */
void locks_look(struct run *run)
{
    for (int i = 0; i < 2; i++) {
        struct line *line = &run->condition[i].waiters;
        for (int n = 0; n < line->count; n++) {
            struct task *t = line->entry[n].task;
            if (t->wait.call->state == HK__CALL_SETTLED && t->wait.active) {
                moved(run, t);
                n = -1;
            }
        }
        const hk_sync_call *first = run->mutex[i].real.waiters.first, *c = first;
        for (bool more = first != NULL; more; c = c->next, more = c != first)
            for (int n = 0; n < line->count; n++)
                if (line->entry[n].task->wait.call == &c->call) moved(run, line->entry[n].task);
    }
}

/* ---- once ---- */

static void run_next(struct once_model *o)
{
    o->runner = NULL;
    if (o->waiters.count == 0) return;
    o->runner = o->waiters.entry[0].task;
    line_remove(&o->waiters, o->runner);
    decide(&o->runner->wait, 1);
}

static void once_begin(struct once_model *o, struct task *t)
{
    if (o->is_done || o->runner == t) {
        decide(&t->wait, o->is_done ? 0 : -EDEADLK);
        return;
    }
    line_add(&o->waiters, t, -1);
    if (o->runner == NULL || o->runner->ended) run_next(o);
}

void locks_once_ends(struct run *run, const struct stmt *s, intptr_t result)
{
    struct once_model *o = &run->once[s->object];
    if (result < 0) {
        run_next(o);
        return;
    }
    o->is_done = true;
    o->runner = NULL;
    while (o->waiters.count > 0) {
        struct task *t = o->waiters.entry[0].task;
        line_remove(&o->waiters, t);
        decide(&t->wait, 0);
    }
}

/* ---- all of them ---- */

void locks_begin(struct run *run, struct task *t)
{
    struct wait *w = &t->wait;
    struct mutex_model *m = &run->mutex[w->object];
    w->result = 0;
    if (w->op == OP_lock && m->owner == t) {
        decide(w, -EDEADLK);
    } else if (w->op == OP_lock) {
        enter(m, t);
    } else if (w->op == OP_cwait) {
        line_add(&run->condition[w->object].waiters, t, -1);
        pass(m);
    } else if (w->op == OP_once) {
        once_begin(&run->once[w->object], t);
    } else {
        rwlock_begin(&run->rwlock[w->object], t);
    }
}

void locks_act(struct run *run, const struct stmt *s)
{
    struct line *line = &run->condition[s->object].waiters;
    int count = s->op == OP_notify ? 1 : line->count;
    for (; count > 0 && line->count > 0; count--) take_again(run, line->entry[0].task, 0);
}

void locks_unlock(struct run *run, const struct stmt *s)
{
    struct rwlock_model *l = &run->rwlock[s->object];
    if (s->op == OP_lock) {
        pass(&run->mutex[s->object]);
        return;
    }
    if (l->writer != NULL)
        l->writer = NULL;
    else
        l->readers--;
    admit(l);
}

void locks_withdraw(struct run *run, struct task *t)
{
    for (int i = 0; i < 2; i++) {
        line_remove(&run->mutex[i].waiters, t);
        line_remove(&run->rwlock[i].waiters, t);
        line_remove(&run->once[i].waiters, t);
    }
}

void locks_admit(struct run *run)
{
    for (int i = 0; i < 2; i++) admit(&run->rwlock[i]);
}

/* The end of a task breaks what it holds. */
void locks_break(struct run *run, const struct task *t)
{
    for (int i = 0; i < 2; i++) {
        struct mutex_model *m = &run->mutex[i];
        struct rwlock_model *l = &run->rwlock[i];
        if (m->owner == t && m->waiters.count > 0) {
            all_are_told(&m->waiters);
            pass(m);
        }
        if (l->writer == t && l->waiters.count > 0) {
            all_are_told(&l->waiters);
            l->writer = NULL;
            admit(l);
        }
        if (run->once[i].runner == t && run->once[i].waiters.count > 0) run_next(&run->once[i]);
    }
}

void locks_check(struct run *run)
{
    for (int i = 0; i < 2; i++) {
        const struct mutex_model *m = &run->mutex[i];
        const struct rwlock_model *l = &run->rwlock[i];
        const struct once_model *o = &run->once[i];
        if (m->real.owner.tid != (m->owner != NULL ? m->owner->tid : 0))
            random_fail("mutex %d is held by %ld", i, (long)m->real.owner.tid);
        if (l->real.writer.tid != (l->writer != NULL ? l->writer->tid : 0) ||
            l->real.readers != (uint32_t)l->readers)
            random_fail("rwlock %d is held by %ld and %u readers, not %d", i,
                        (long)l->real.writer.tid, l->real.readers, l->readers);
        if (o->real.runner.tid != (o->runner != NULL ? o->runner->tid : 0) ||
            o->real.is_done != o->is_done)
            random_fail("once %d is run by %ld", i, (long)o->real.runner.tid);
    }
}
