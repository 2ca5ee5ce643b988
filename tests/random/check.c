/* SPDX-License-Identifier: MIT */
/* What is, against what must be: between any two steps. */
#include "random/random.h"

#include "sched/sched.h"
#include "support/structure.h"

#include <errno.h>

static bool is_settled(const struct wait *w)
{
    return !w->hidden && w->call->state == HK__CALL_SETTLED;
}

/* Who must do something before a task that waits can go on; NULL: it may be anybody. */
static const struct task *needed_by(const struct run *run, const struct task *t)
{
    const struct wait *w = &t->wait;
    if (!w->active || w->decided || t->ended) return NULL;
    if (w->op == OP_join || w->op == OP_start) return &run->task[w->object];
    if (w->op == OP_once) return run->once[w->object].runner;
    if (w->op == OP_lock || (w->op == OP_cwait && w->committed == 1))
        return run->mutex[w->object].owner;
    if (w->op == OP_read || w->op == OP_write) return run->rwlock[w->object].writer;
    const bool room = op_info[w->op].flags & TASK;
    if (w->object < 0) return NULL; /* HK_ROOT */
    if (room ? run->scope[w->object].live != 1 : op_info[w->op].theme != GROUPS) return NULL;
    const struct task *only = NULL;
    for (int i = 0; i < run->program->tasks; i++) {
        const struct task *child = &run->task[i];
        if (!child->born || child->ended || child->base != &run->scope[w->object]) continue;
        if (child->is_daemon && child->base->live > 0) continue;
        if (only != NULL) return NULL;
        only = child;
    }
    return only;
}

bool waits_for(const struct run *run, const struct task *t, const struct task *who)
{
    for (int most = MAX_TASKS; t != NULL && t != who && most > 0; most--) t = needed_by(run, t);
    return t == who;
}

static bool is_cancelled(const struct task *t)
{
    const unsigned cause = cause_of(t);
    const intptr_t r = t->wait.call->result;
    return r < 0 && (r == refusal_of(cause) || (r == -ECANCELED && cause & NO_WAIT));
}

/* A call ended that nobody served: it was cancelled, rightly, or its time had come. */
static void explain(struct run *run, struct task *t)
{
    struct wait *w = &t->wait;
    const intptr_t r = w->call->result;
    if (w->opaque && r >= 0) {
        model_commit(run, t, (int)r);
    } else if (is_cancelled(t)) {
        model_withdraw(run, t);
        locks_withdraw(run, t);
        decide(w, r);
    } else if (w->op == OP_join && r == -EDEADLK && waits_for(run, &run->task[w->object], t)) {
        decide(w, r);
    } else if (w->op == OP_sleep || w->op == OP_tick || w->op == OP_token) {
        model_settled(run, t);
    } else if (w->op == OP_put || w->op == OP_get) {
        bytes_settled(run, t);
    } else if (w->op == OP_select && r >= 0 && r < MAX_ARMS &&
               (t->arm[r].result > 0 || t->arm[r].result == -EDEADLK)) { /* a tick; an end */
        model_commit(run, t, (int)r);
    } else {
        random_fail("task %d: its %s ended with %ld, but must wait", t->id, op_info[w->op].name,
                    (long)r);
    }
}

static void compare(const struct task *t)
{
    const struct wait *w = &t->wait;
    const char *name = op_info[w->op].name;
    const bool settled = is_settled(w);
    if (w->hidden) return;
    if (w->decided && !settled)
        random_fail("task %d: its %s still waits, but has happened", t->id, name);
    else if (w->decided && w->call->result != w->result)
        random_fail("task %d: its %s ended with %ld, not %ld", t->id, name, (long)w->call->result,
                    (long)w->result);
    else if (!w->decided && op_info[w->op].flags & WAITS && refusal_of(cause_of(t)) < 0 &&
             !(w->op == OP_cwait && w->committed == 1))
        random_fail("task %d: its %s still waits, but is cancelled", t->id, name);
    else if (!w->decided && w->op == OP_sleep && hk_now() >= w->due)
        random_fail("task %d: it sleeps too long", t->id);
}

/* A task that somebody waits to hear of has no number yet that the model knows, and where it is
 * killed before it runs, no end. */
void find_started(struct run *run)
{
    const hk_sched *s = hk__here.sched;
    for (int i = 0; i < run->program->tasks; i++) {
        struct task *t = &run->task[i];
        if (!t->is_started || t->ended) continue;
        if (!t->born) {
            t->born = true;
            t->tid = s->map.last;
            if (t->base != NULL) t->base->live++;
        }
        if (!t->runs && hk__task_find(s, t->tid) == NULL) {
            if (!(cause_of(t) & CUT))
                random_fail("task %d never ran, but nobody has killed it", t->id);
            task_ends(run, t, -ECANCELED);
        }
    }
}

void check_all(struct run *run)
{
    char why[160];
    if (run->failed) return;
    age(run);
    for (int i = 0; i < run->program->tasks; i++) {
        struct task *t = &run->task[i];
        if (t->wait.active && t->wait.opaque && is_settled(&t->wait)) explain(run, t);
    }
    find_started(run);
    locks_look(run);
    for (int others = 0; others < 2; others++) { /* who is gone lets others in */
        for (int i = 0; i < run->program->tasks; i++) {
            struct task *t = &run->task[i];
            if (t->wait.active && !t->wait.decided && is_settled(&t->wait) &&
                (others == 1 || is_cancelled(t)))
                explain(run, t);
        }
        locks_admit(run);
    }
    for (int i = 0; i < run->program->tasks && !run->failed; i++)
        if (run->task[i].wait.active) compare(&run->task[i]);
    locks_check(run);
    for (int i = 0; i < run->program->scopes; i++) {
        const struct scope *g = &run->scope[i];
        if (!g->open || !g->is_group) continue;
        if (g->limit > 0 && g->live > g->limit)
            random_fail("group %d has %d tasks, its limit is %d", i, g->live, g->limit);
        if ((int)g->group->live != g->live || (int)g->group->daemons != g->daemons)
            random_fail("group %d counts %u + %u tasks, not %d + %d", i, g->group->live,
                        g->group->daemons, g->live, g->daemons);
    }
    if (!structure_holds(why, sizeof why)) random_fail("%s", why);
}

/* Nothing is left over. */
void check_at_end(struct run *run)
{
    check_all(run);
    for (int i = 0; i < run->program->tasks; i++) {
        const struct task *t = &run->task[i];
        if (t->born && !t->ended) random_fail("task %d has not ended", i);
    }
    for (int i = 0; i < 4; i++) {
        const struct chan_model *c = &run->chan[i];
        hk_chan_numbers n;
        hk_chan_stats(c->real, &n);
        if (n.count != (size_t)c->count || n.senders + n.receivers > 0)
            random_fail("channel %d holds %zu items, not %d; %zu and %zu wait", i, n.count,
                        c->count, n.senders, n.receivers);
    }
    for (int i = 0; i < 3; i++)
        if (run->semaphore[i].real.count != run->semaphore[i].count ||
            run->semaphore[i].real.waiters.first != NULL)
            random_fail("semaphore %d has %lu permits, not %lu", i,
                        (unsigned long)run->semaphore[i].real.count,
                        (unsigned long)run->semaphore[i].count);
    for (int i = 0; i < 2; i++)
        if (run->barrier[i].real.arrived != 0 || run->event[i].real.waiters.first != NULL ||
            run->future[i].real.waiters.first != NULL ||
            run->waitgroup[i].real.waiters.first != NULL || run->limiter[i].real.timing)
            random_fail("somebody still waits for an object");
    if (structure_timers() != 0) random_fail("%u timers still run", structure_timers());
}
