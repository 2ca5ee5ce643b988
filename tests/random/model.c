/* SPDX-License-Identifier: MIT */
/* Each object as it is meant: a few variables, and who waits, in order. */
#include "random/random.h"

#include <errno.h>

void decide(struct wait *w, intptr_t result)
{
    w->decided = true;
    w->decided_at = hk_now();
    w->result = result;
}

/* ---- lines ---- */

void line_add(struct line *line, struct task *t, int arm)
{
    line->entry[line->count++] = (struct entry){ t, arm };
}

void line_remove(struct line *line, const struct task *t)
{
    int kept = 0;
    for (int i = 0; i < line->count; i++)
        if (line->entry[i].task != t) line->entry[kept++] = line->entry[i];
    line->count = kept;
}

void model_withdraw(struct run *run, struct task *t)
{
    for (int i = 0; i < 4; i++) {
        line_remove(&run->chan[i].senders, t);
        line_remove(&run->chan[i].receivers, t);
    }
    for (int i = 0; i < 2; i++) {
        line_remove(&run->event[i].waiters, t);
        line_remove(&run->future[i].waiters, t);
        line_remove(&run->barrier[i].waiters, t);
        line_remove(&run->waitgroup[i].waiters, t);
        line_remove(&run->limiter[i].waiters, t);
    }
    for (int i = 0; i < 3; i++) line_remove(&run->semaphore[i].waiters, t);
    broadcast_withdraw(run, t);
    bytes_withdraw(run, t);
}

/* What the first of a line waits for has happened. */
void model_serve(struct run *run, const struct line *line, intptr_t result, intptr_t item)
{
    const struct entry e = line->entry[0];
    struct wait *w = &e.task->wait;
    model_withdraw(run, e.task);
    if (e.arm < 0) {
        if (w->op == OP_recv || w->op == OP_hear) w->item = item;
        decide(w, result);
    } else {
        w->committed = e.arm;
        w->arm_result = result;
        if (result > 0) w->arm_item[e.arm] = item;
        decide(w, e.arm);
    }
}

void model_serve_all(struct run *run, const struct line *line, intptr_t result)
{
    while (line->count > 0) model_serve(run, line, result, 0);
}

static void begin_in(struct line *line, struct task *t, intptr_t result)
{
    if (result == MUST_WAIT)
        line_add(line, t, -1);
    else
        decide(&t->wait, result);
}

/* ---- channels ---- */

intptr_t model_item_of(struct entry e)
{
    return e.arm < 0 ? e.task->wait.item : e.task->wait.arm_item[e.arm];
}

static void put(struct chan_model *c, intptr_t item) { c->item[c->count++] = item; }

static intptr_t take(struct chan_model *c)
{
    int best = 0;
    for (int i = 1; c->ordered && i < c->count; i++)
        if (c->item[i] % 4 < c->item[best] % 4) best = i;
    const intptr_t item = c->item[best];
    c->count--;
    for (int i = best; i < c->count; i++) c->item[i] = c->item[i + 1];
    return item;
}

static intptr_t try_send(struct run *run, struct chan_model *c, intptr_t item)
{
    if (c->closed || c->abandoned) return -EPIPE;
    if (c->receivers.count > 0)
        model_serve(run, &c->receivers, 1, item);
    else if (c->count < c->capacity)
        put(c, item);
    else
        return MUST_WAIT;
    return 0;
}

static intptr_t try_recv(struct run *run, struct chan_model *c, intptr_t *ret_item)
{
    if (c->count > 0) {
        *ret_item = take(c);
        if (c->senders.count > 0) {
            put(c, model_item_of(c->senders.entry[0]));
            model_serve(run, &c->senders, 0, 0);
        }
        return 1;
    }
    if (c->senders.count > 0) {
        *ret_item = model_item_of(c->senders.entry[0]);
        model_serve(run, &c->senders, 0, 0);
        return 1;
    }
    return c->closed || c->abandoned ? 0 : MUST_WAIT;
}

static void shut(struct run *run, struct chan_model *c, bool abandoned)
{
    model_serve_all(run, &c->senders, -EPIPE);
    if (!abandoned) {
        c->closed = true;
        if (c->count == 0) model_serve_all(run, &c->receivers, 0);
        return;
    }
    c->abandoned = true;
    model_serve_all(run, &c->receivers, 0);
    run->must_release += c->count;
    c->count = 0;
}

/* ---- in their own time ---- */

static int64_t ticks_now(const struct run *run, int i)
{
    const int64_t total = (hk_now() - run->ticker[i].opened) / run->ticker[i].real.period;
    return total - run->ticker[i].ticks;
}

static void take_ticks(struct run *run, int i, intptr_t count)
{
    if (count != ticks_now(run, i))
        random_fail("ticker %d says %ld, but it has ticked %ld times since", i, (long)count,
                    (long)ticks_now(run, i));
    run->ticker[i].ticks += count;
}

/* Never more than its rate and what it may save up; served in order. */
static void take_token(struct run *run, struct task *t)
{
    const int i = t->wait.object;
    const hk_limiter *l = &run->limiter[i].real;
    const struct line *line = &run->limiter[i].waiters;
    const int64_t most =
        l->burst + (hk_now() - run->started) / (INT64_C(1000000000) / l->per_second);
    if (++run->limiter[i].granted > most)
        random_fail("limiter %d gave %ld tokens where %ld were there", i,
                    (long)run->limiter[i].granted, (long)most);
    if (line->count > 0 && line->entry[0].task != t)
        random_fail("limiter %d serves task %d, but task %d came first", i, t->id,
                    line->entry[0].task->id);
}

void model_settled(struct run *run, struct task *t)
{
    struct wait *w = &t->wait;
    const intptr_t r = w->call->result;
    decide(w, r);
    if (w->op == OP_sleep) {
        if (r != 0 || hk_now() != w->due)
            random_fail("task %d: sleep says %ld, %ld ns late", t->id, (long)r,
                        (long)(hk_now() - w->due));
    } else if (w->op == OP_tick) {
        take_ticks(run, w->object, r);
    } else {
        take_token(run, t);
        line_remove(&run->limiter[w->object].waiters, t);
    }
}

/* ---- select ---- */

static const struct stmt *arm_at(const struct stmt *s, int arm)
{
    for (s = s->body; arm > 0; arm--) s = s->next;
    return s;
}

/* Whether a wait for its end is over at once. */
static bool end_is_known(const struct run *run, const struct task *t, const struct task *target)
{
    const struct task *u = target;
    while (u != t && u->wait.active && u->wait.op == OP_join && !u->wait.decided && !u->ended)
        u = &run->task[u->wait.object];
    return !target->born || target->ended || u == t;
}

bool model_arm_ready(struct run *run, const struct task *t, const struct stmt *arm)
{
    const struct chan_model *c = &run->chan[arm->object % 4];
    const bool shut = c->closed || c->abandoned;
    switch (arm->op) {
    case OP_send: return shut || c->receivers.count > 0 || c->count < c->capacity;
    case OP_recv: return shut || c->senders.count > 0 || c->count > 0;
    case OP_wait: return run->event[arm->object].is_set;
    case OP_hear: return broadcast_is_ready(run, arm->object);
    case OP_join: return end_is_known(run, t, &run->task[arm->object]);
    default: return ticks_now(run, arm->object) > 0;
    }
}

/* Where an arm waits; NULL: for a time, or a task. */
static struct line *line_of_arm(struct run *run, const struct stmt *arm)
{
    switch (arm->op) {
    case OP_send: return &run->chan[arm->object].senders;
    case OP_recv: return &run->chan[arm->object].receivers;
    case OP_wait: return &run->event[arm->object].waiters;
    case OP_hear: return &run->listener[arm->object].receivers;
    default: return NULL;
    }
}

static void select_begin(struct run *run, struct task *t)
{
    struct wait *w = &t->wait;
    int arm = 0;
    w->committed = -1;
    for (const struct stmt *s = w->stmt->body; s != NULL; s = s->next, arm++) {
        w->arm_item[arm] = s->op == OP_send ? t->arm_item[arm] : 0;
        if (model_arm_ready(run, t, s)) w->opaque = true;
    }
    if (w->opaque) return; /* which one it took is seen at the next check, before all else */
    arm = 0;
    for (const struct stmt *s = w->stmt->body; s != NULL; s = s->next, arm++)
        if (line_of_arm(run, s) != NULL) line_add(line_of_arm(run, s), t, arm);
}

static bool ends_known(const struct task *target)
{
    const struct scope *g = target->base;
    return g != NULL && g->group != NULL && g->policy != OP_alone; /* until it is left */
}

/* What the arm that was taken says, by the model. */
static intptr_t take_arm(struct run *run, struct task *t, const struct stmt *s, int arm)
{
    const intptr_t said = t->arm[arm].result;
    struct task *target = &run->task[s->object % MAX_TASKS];
    switch (s->op) {
    case OP_send: return try_send(run, &run->chan[s->object], t->wait.arm_item[arm]);
    case OP_recv: return try_recv(run, &run->chan[s->object], &t->wait.arm_item[arm]);
    case OP_wait: return 0;
    case OP_hear: return broadcast_hear(run, s->object, &t->wait.arm_item[arm]);
    case OP_join:
        if (said == -EDEADLK && waits_for(run, target, t)) return said;
        return target->born && ends_known(target) ? 0 : -ESRCH;
    default: take_ticks(run, s->object, said); return said;
    }
}

void model_commit(struct run *run, struct task *t, int arm)
{
    struct wait *w = &t->wait;
    const struct stmt *s = arm_at(w->stmt, arm);
    const bool in_ring = s->op == OP_join && t->arm[arm].result == -EDEADLK;
    if (!in_ring && !model_arm_ready(run, t, s))
        random_fail("task %d: select took arm %d, which is not ready", t->id, arm);
    for (int i = 0; i < arm && w->stmt->arg & HK_IN_ORDER; i++)
        if (model_arm_ready(run, t, arm_at(w->stmt, i)))
            random_fail("task %d: select in order took arm %d, but %d is ready", t->id, arm, i);
    model_withdraw(run, t);
    w->opaque = false;
    w->committed = arm;
    decide(w, arm);
    w->arm_result = take_arm(run, t, s, arm);
}

/* ---- joins and group waits ---- */

static void join_begin(struct run *run, struct task *t)
{
    const struct task *target = &run->task[t->wait.object];
    if (target->ended)
        decide(&t->wait, ends_known(target) ? 0 : -ESRCH);
    else if (end_is_known(run, t, target))
        decide(&t->wait, -EDEADLK);
}

/* The arm of a select that waits for the end of t; -1: none. */
static int arm_for(const struct wait *w, const struct task *t)
{
    int arm = 0;
    if (!w->active || w->decided || w->opaque || w->op != OP_select) return -1;
    for (const struct stmt *s = w->stmt->body; s != NULL; s = s->next, arm++)
        if (s->op == OP_join && s->object == t->id) return arm;
    return -1;
}

void model_task_ended(struct run *run, struct task *t)
{
    for (int i = 0; i < run->program->tasks; i++) {
        struct wait *w = &run->task[i].wait;
        const int arm = arm_for(w, t);
        if (w->active && !w->decided && w->op == OP_join && w->object == t->id) decide(w, 0);
        if (arm < 0) continue;
        model_withdraw(run, &run->task[i]);
        w->committed = arm;
        w->arm_result = 0;
        decide(w, arm);
    }
}

static void gwait_begin(struct run *run, struct task *t)
{
    const struct scope *g = &run->scope[t->wait.object], *above = t->base;
    while (above != NULL && above != g) above = above->owner->base;
    if (!g->open)
        decide(&t->wait, -EPIPE);
    else if (above == g)
        decide(&t->wait, -EDEADLK);
    else if (g->live == 0)
        decide(&t->wait, 0);
}

/* ---- all of them ---- */

static void barrier_begin(struct run *run, struct task *t)
{
    const int i = t->wait.object;
    struct line *line = &run->barrier[i].waiters;
    if (line->count + 1 < (int)run->barrier[i].real.parties) {
        line_add(line, t, -1);
        return;
    }
    model_serve_all(run, line, 0);
    decide(&t->wait, 1);
}

static void timed_begin(struct run *run, struct task *t)
{
    struct wait *w = &t->wait;
    if (w->op == OP_sleep && w->due <= hk_now())
        decide(w, 0);
    else if (w->op == OP_tick && ticks_now(run, w->object) > 0) {
        decide(w, ticks_now(run, w->object));
        run->ticker[w->object].ticks += w->result;
    } else if (w->op == OP_token)
        line_add(&run->limiter[w->object].waiters, t, -1);
}

void model_begin(struct run *run, struct task *t)
{
    struct wait *w = &t->wait;
    const int i = w->object;
    switch (w->op) {
    case OP_yield: decide(w, 0); break;
    case OP_send: begin_in(&run->chan[i].senders, t, try_send(run, &run->chan[i], w->item)); break;
    case OP_recv:
        begin_in(&run->chan[i].receivers, t, try_recv(run, &run->chan[i], &w->item));
        break;
    case OP_select: select_begin(run, t); break;
    case OP_wait: begin_in(&run->event[i].waiters, t, run->event[i].is_set ? 0 : MUST_WAIT); break;
    case OP_await:
        begin_in(&run->future[i].waiters, t,
                 run->future[i].is_set ? run->future[i].error : MUST_WAIT);
        break;
    case OP_acquire:
        begin_in(&run->semaphore[i].waiters, t, run->semaphore[i].count > 0 ? 0 : MUST_WAIT);
        if (w->decided) run->semaphore[i].count--;
        break;
    case OP_barrier: barrier_begin(run, t); break;
    case OP_drain:
        begin_in(&run->waitgroup[i].waiters, t, run->waitgroup[i].count == 0 ? 0 : MUST_WAIT);
        break;
    case OP_join: join_begin(run, t); break;
    case OP_gwait: gwait_begin(run, t); break;
    case OP_lock:
    case OP_read:
    case OP_write:
    case OP_once:
    case OP_cwait: locks_begin(run, t); break;
    case OP_tell: begin_in(&run->topic[i].senders, t, broadcast_tell(run, i, w->item)); break;
    case OP_hear: begin_in(&run->listener[i].receivers, t, broadcast_hear(run, i, &w->item)); break;
    default: timed_begin(run, t);
    }
}

void model_act(struct run *run, const struct stmt *s)
{
    const int i = s->object;
    switch (s->op) {
    case OP_close: shut(run, &run->chan[i], false); break;
    case OP_abandon: shut(run, &run->chan[i], true); break;
    case OP_set:
        run->event[i].is_set = true;
        model_serve_all(run, &run->event[i].waiters, 0);
        break;
    case OP_clear: run->event[i].is_set = false; break;
    case OP_resolve:
    case OP_refuse:
        run->future[i].is_set = true;
        run->future[i].error = s->op == OP_refuse ? -EIO : 0;
        model_serve_all(run, &run->future[i].waiters, run->future[i].error);
        break;
    case OP_release:
        if (run->semaphore[i].waiters.count > 0)
            model_serve(run, &run->semaphore[i].waiters, 0, 0);
        else
            run->semaphore[i].count++;
        break;
    case OP_add: run->waitgroup[i].count++; break;
    case OP_done:
        if (--run->waitgroup[i].count == 0) model_serve_all(run, &run->waitgroup[i].waiters, 0);
        break;
    case OP_notify:
    case OP_wake: locks_act(run, s); break;
    default: break;
    }
}

/* ---- the objects themselves ---- */

static void count_released(void *item)
{
    (void)item;
    the_run->released++;
}

static int by_rest(const void *a, const void *b)
{
    return (int)(*(const intptr_t *)a % 4 - *(const intptr_t *)b % 4);
}

void objects_open(struct run *run)
{
    static const int capacities[4] = { 0, 1, 3, 2 };
    for (int i = 0; i < 4; i++) {
        struct chan_model *c = &run->chan[i];
        c->capacity = capacities[i];
        c->ordered = i == 3;
        const hk_chan_options options = { .compare = c->ordered ? by_rest : NULL,
                                          .item_release = count_released };
        hk_chan_open_with(&c->real, (size_t)c->capacity, &options);
    }
    for (int i = 0; i < 3; i++)
        run->semaphore[i].count = run->semaphore[i].real.count = (uint64_t)i;
    for (int i = 0; i < 2; i++) {
        run->barrier[i].real.parties = (uint32_t)i + 2;
        run->limiter[i].real.per_second = i == 0 ? 500000 : 200000;
        run->limiter[i].real.burst = (uint32_t)i * 2 + 1;
        hk_ticker_open(&run->ticker[i].real, (i + 1) * 3 * UNIT);
        run->ticker[i].opened = hk_now();
    }
    broadcast_open(run);
    bytes_open(run);
}

void objects_close(struct run *run)
{
    broadcast_close(run);
    bytes_close(run);
    for (int i = 0; i < 4; i++) {
        run->must_release += run->chan[i].count;
        hk_chan_destroy(&run->chan[i].real);
    }
    if (run->released != run->must_release)
        random_fail("%d items were released, but nobody received %d", run->released,
                    run->must_release);
}
