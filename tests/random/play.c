/* SPDX-License-Identifier: MIT */
/* Tasks that do what a program says, and tell the models before.
 *
 * Everything a task works with lies in the run, so that the models can look at its call while it
 * waits. Whatever is left when the program can go on no more is cancelled by the deadline of the
 * group around it. */
#include "random/random.h"

#include "sched/sched.h"

#include <errno.h>
#include <string.h>

enum { RETURNING = 1 }; /* what a statement came to: < 0: unwinds with that; 0: goes on */
enum { LAST_RESORT = 1000 * 1000 * UNIT };

static intptr_t do_list(struct run *run, struct task *t, const struct stmt *s);

/* ---- calls that may wait ---- */

static hk_arm other_arm(struct run *run, const struct stmt *arm, intptr_t *item)
{
    switch (arm->op) {
    case OP_wait: return hk_on_event(&run->event[arm->object].real);
    case OP_hear: return hk_on_subscriber(&run->listener[arm->object].real, item);
    case OP_join: return hk_on_exit(run->task[arm->object].tid, NULL);
    default: return hk_on_tick(&run->ticker[arm->object].real);
    }
}

static hk_call *prepare_select(struct run *run, struct task *t, const struct stmt *s)
{
    int count = 0;
    for (const struct stmt *arm = s->body; arm != NULL; arm = arm->next, count++) {
        struct chan_model *c = &run->chan[arm->object % 4];
        if (arm->op == OP_send)
            t->arm[count] = hk_on_send(c->real, &t->arm_item[count]);
        else if (arm->op == OP_recv)
            t->arm[count] = hk_on_recv(c->real, &t->arm_item[count]);
        else
            t->arm[count] = other_arm(run, arm, &t->arm_item[count]);
        t->arm_item[count] = arm->op == OP_send ? ++run->next_item : 0;
    }
    hk_select_prepare(&t->call.select, t->arm, (size_t)count, (unsigned)s->arg);
    return &t->call.call;
}

static hk_call *prepare(struct run *run, struct task *t, const struct stmt *s)
{
    const int i = s->object;
    switch (s->op) {
    case OP_sleep: hk_sleep_prepare(&t->call.sleep, (int64_t)s->arg * UNIT); break;
    case OP_yield: hk_sleep_prepare(&t->call.sleep, 0); break;
    case OP_send: hk_chan_send_prepare(&t->call.sync, run->chan[i].real, &t->wait.item); break;
    case OP_recv: hk_chan_recv_prepare(&t->call.sync, run->chan[i].real, &t->item); break;
    case OP_select: return prepare_select(run, t, s);
    case OP_put:
    case OP_get: return bytes_prepare(run, t, s);
    case OP_tell:
        hk_broadcast_send_prepare(&t->call.sync, run->topic[i].real, &t->wait.item);
        break;
    case OP_hear:
        hk_subscriber_recv_prepare(&t->call.sync, &run->listener[i].real, &t->item);
        break;
    case OP_once: hk_once_run_prepare(&t->call.sync, &run->once[i].real); break;
    case OP_tick: hk_ticker_wait_prepare(&t->call.tick, &run->ticker[i].real); break;
    case OP_token: hk_limiter_wait_prepare(&t->call.sync, &run->limiter[i].real); break;
    case OP_wait: hk_event_wait_prepare(&t->call.sync, &run->event[i].real); break;
    case OP_await: hk_future_wait_prepare(&t->call.sync, &run->future[i].real, &t->future); break;
    case OP_acquire: hk_semaphore_acquire_prepare(&t->call.sync, &run->semaphore[i].real); break;
    case OP_barrier: hk_barrier_wait_prepare(&t->call.sync, &run->barrier[i].real); break;
    case OP_drain: hk_waitgroup_wait_prepare(&t->call.sync, &run->waitgroup[i].real); break;
    case OP_lock: hk_mutex_lock_prepare(&t->call.sync, &run->mutex[i].real); break;
    case OP_read: hk_rwlock_read_prepare(&t->call.sync, &run->rwlock[i].real); break;
    case OP_write: hk_rwlock_write_prepare(&t->call.sync, &run->rwlock[i].real); break;
    case OP_cwait:
        hk_condition_wait_prepare(&t->call.condition, &run->condition[i].real, &run->mutex[i].real);
        break;
    case OP_join: hk_task_wait_prepare(&t->call.wait, run->task[i].tid, &t->exit); break;
    default: return NULL; /* hidden: it has no value to look at */
    }
    return &t->call.call;
}

/* The same as people write it, for what need not wait. */
static intptr_t direct(struct run *run, struct task *t, const struct stmt *s)
{
    const int i = s->object;
    switch (s->op) {
    case OP_sleep: return hk_sleep((int64_t)s->arg * UNIT);
    case OP_yield: return hk_sched_yield();
    case OP_send: return hk_chan_send(run->chan[i].real, &t->wait.item);
    case OP_recv: return hk_chan_recv(run->chan[i].real, &t->item);
    case OP_tell: return hk_broadcast_send(run->topic[i].real, &t->wait.item);
    case OP_hear: return hk_subscriber_recv(&run->listener[i].real, &t->item);
    case OP_tick: return hk_ticker_wait(&run->ticker[i].real);
    case OP_token: return hk_limiter_wait(&run->limiter[i].real);
    case OP_wait: return hk_event_wait(&run->event[i].real);
    case OP_await: return hk_future_wait(&run->future[i].real, &t->future);
    case OP_acquire: return hk_semaphore_acquire(&run->semaphore[i].real);
    case OP_barrier: return hk_barrier_wait(&run->barrier[i].real);
    case OP_drain: return hk_waitgroup_wait(&run->waitgroup[i].real);
    case OP_lock: return hk_mutex_lock(&run->mutex[i].real);
    case OP_read: return hk_rwlock_read(&run->rwlock[i].real);
    case OP_write: return hk_rwlock_write(&run->rwlock[i].real);
    case OP_join: return hk_task_wait(run->task[i].tid, &t->exit);
    case OP_gwait: return hk_group_wait(run->scope[i].group);
    default: return hk_trap(&t->call.call);
    }
}

/* Whether it has to wait is not for the model to say. */
static bool only_it_knows(const struct stmt *s)
{
    bool joins = s->op == OP_join;
    for (const struct stmt *arm = s->op == OP_select ? s->body : NULL; arm != NULL; arm = arm->next)
        joins |= arm->op == OP_join;
    return joins || s->op == OP_token || s->op == OP_put || s->op == OP_get;
}

static void begin_wait(struct run *run, struct task *t, const struct stmt *s)
{
    struct wait *w = &t->wait;
    check_all(run);
    const unsigned cause = cause_of(t);
    *w = (struct wait){ .active = true, .op = s->op, .object = s->object, .stmt = s };
    w->due = hk_now() + (int64_t)s->arg * UNIT;
    if (s->op == OP_send || s->op == OP_tell) w->item = ++run->next_item;
    w->call = prepare(run, t, s);
    w->hidden = w->call == NULL;
    const int refusal = refusal_of(cause);
    if (refusal < 0) {
        decide(w, refusal);
        bytes_withdraw(run, t);
    } else {
        model_begin(run, t);
    }
    if (w->decided || w->opaque || only_it_knows(s) || !(cause & NO_WAIT)) return;
    if (w->op == OP_cwait) {
        locks_cancel(run, t);
        return;
    }
    model_withdraw(run, t);
    locks_withdraw(run, t);
    locks_admit(run);
    decide(w, -ECANCELED);
}

static void check_exit(const struct task *t, const struct task *target)
{
    const bool failed = target->value < 0;
    if (t->exit.error != (failed ? (int)target->value : 0) ||
        t->exit.value != (failed ? NULL : hk_val(target->value)) ||
        (t->exit.how == HK_END_RETURNED) == failed)
        random_fail("task %d: it hears that task %d ended with %d, not %ld", t->id, target->id,
                    t->exit.error, (long)target->value);
}

static void check_result(const struct run *run, const struct task *t, intptr_t r)
{
    const struct wait *w = &t->wait;
    const unsigned cause = cause_of(t);
    if (w->hidden && r < 0 && r == refusal_of(cause)) return;
    if (!w->decided || r != w->result) {
        random_fail("task %d: its %s returns %ld, not %ld%s", t->id, op_info[w->op].name, (long)r,
                    (long)w->result, w->decided ? "" : ": it should wait");
    } else if (w->decided_at != hk_now()) {
        random_fail("task %d: it hears of the end of its %s %ld ns late", t->id,
                    op_info[w->op].name, (long)(hk_now() - w->decided_at));
    } else if ((w->op == OP_recv || w->op == OP_hear) && r > 0 && t->item != w->item) {
        random_fail("task %d: it received item %ld, not %ld", t->id, (long)t->item, (long)w->item);
    } else if (w->op == OP_select && r >= 0) {
        if (t->arm[r].result != w->arm_result || t->arm_item[r] != w->arm_item[r])
            random_fail("task %d: arm %ld of its select says %ld and item %ld, not %ld and %ld",
                        t->id, (long)r, (long)t->arm[r].result, (long)t->arm_item[r],
                        (long)w->arm_result, (long)w->arm_item[r]);
    } else if (w->op == OP_join && r == 0) {
        check_exit(t, &run->task[w->object]);
    } else if (w->op == OP_await && r == 0 && t->future != &run->future[w->object]) {
        random_fail("task %d: the future has another value", t->id);
    }
}

static intptr_t end_wait(struct run *run, struct task *t, intptr_t r)
{
    check_all(run);
    if (!run->failed) check_result(run, t, r);
    t->wait.active = false;
    return r;
}

/* What names a task or group that is not there yet is left out. */
static bool is_possible(const struct run *run, const struct task *t, const struct stmt *s)
{
    if (s->op == OP_cwait) return run->mutex[s->object].owner == t;
    if (s->op == OP_join || s->op == OP_kill) return run->task[s->object].born;
    if (s->op == OP_gwait || s->op == OP_stop) return run->scope[s->object].group != NULL;
    if (s->op == OP_cancel) return run->scope[s->object].real != NULL;
    if (s->op == OP_resolve || s->op == OP_refuse) return !run->future[s->object].is_set;
    if (s->op == OP_subscribe) return !run->listener[s->object].open;
    if (s->op == OP_leave) return run->listener[s->object].open;
    if (s->op == OP_put || s->op == OP_get) return bytes_possible(run, s);
    if (s->op == OP_done) return run->waitgroup[s->object].count > 0;
    return true;
}

static intptr_t do_wait(struct run *run, struct task *t, const struct stmt *s)
{
    begin_wait(run, t, s);
    const bool ours = !t->wait.hidden && !(t->wait.decided && chance(&run->random, 2) == 0);
    if (!ours) t->wait.hidden = true;
    return end_wait(run, t, ours ? hk_trap(&t->call.call) : direct(run, t, s));
}

/* ---- what never waits ---- */

static void do_act(struct run *run, const struct stmt *s)
{
    const int i = s->object;
    struct scope *scope = &run->scope[i];
    check_all(run);
    model_act(run, s);
    switch (s->op) {
    case OP_close: hk_chan_close(run->chan[i].real); break;
    case OP_abandon: hk_chan_abandon(run->chan[i].real); break;
    case OP_set: hk_event_set(&run->event[i].real); break;
    case OP_clear: hk_event_clear(&run->event[i].real); break;
    case OP_resolve: hk_future_set(&run->future[i].real, &run->future[i]); break;
    case OP_refuse: hk_future_fail(&run->future[i].real, -EIO); break;
    case OP_subscribe:
    case OP_leave:
    case OP_hush: broadcast_act(run, s); break;
    case OP_release: hk_semaphore_release(&run->semaphore[i].real); break;
    case OP_add: hk_waitgroup_add(&run->waitgroup[i].real, 1); break;
    case OP_done: hk_waitgroup_done(&run->waitgroup[i].real); break;
    case OP_notify: hk_condition_notify(&run->condition[i].real); break;
    case OP_wake: hk_condition_notify_all(&run->condition[i].real); break;
    case OP_kill:
        if (!run->task[i].ended) run->task[i].killed = true;
        if (hk_task_kill(run->task[i].tid) != !run->task[i].ended)
            random_fail("the kill of task %d does not know whether it has ended", i);
        break;
    case OP_cancel:
        if (scope->open) cancel_scope(scope);
        hk_scope_cancel(scope->real, "by the program");
        break;
    case OP_stop:
        if (scope->open) {
            scope->own |= STOP;
            if (s->arg == 0)
                cancel_scope(scope);
            else if (hk_now() + (int64_t)s->arg * UNIT < scope->grace_end)
                scope->grace_end = hk_now() + (int64_t)s->arg * UNIT; /* what is over first */
        }
        hk_group_stop(scope->group, (int64_t)s->arg * UNIT);
        break;
    default: break;
    }
}

static bool holds_group(const struct task *t)
{
    for (const struct scope *s = t->top; s != NULL; s = s->outer)
        if (s->is_group) return true;
    return false;
}

/* One that is kept breaks, since its task ends here: it must not wait for others, who may have to
 * have the lock before they can end. */
static intptr_t do_lock(struct run *run, struct task *t, const struct stmt *s)
{
    intptr_t r = do_wait(run, t, s);
    if (r < 0 && r != -EOWNERDEAD) return r;
    r = do_list(run, t, s->body);
    if (s->limit != 0 && t->id != 0 && !holds_group(t)) return r < 0 ? r : RETURNING;
    check_all(run);
    locks_unlock(run, s);
    if (s->op == OP_lock)
        hk_mutex_unlock(&run->mutex[s->object].real);
    else
        hk_rwlock_unlock(&run->rwlock[s->object].real);
    return r;
}

/* What runs once: its failure is the next one's chance; so is the end of its task. */
static intptr_t do_once(struct run *run, struct task *t, const struct stmt *s)
{
    const intptr_t r = do_wait(run, t, s);
    if (r != 1) return r;
    intptr_t result = do_list(run, t, s->body);
    if (s->limit != 0 && t->id != 0 && !holds_group(t)) return result < 0 ? result : RETURNING;
    check_all(run);
    locks_once_ends(run, s, result);
    hk_once_end(&run->once[s->object].real, (int)result);
    return result;
}

/* ---- tasks ---- */

static void *task_body(void *arg);

static void ended(void *arg)
{
    struct task *t = arg;
    check_all(the_run);
    task_ends(the_run, t, t->value);
}

static void never_ran(void *arg)
{
    struct task *t = arg;
    if (t->is_light)
        find_started(the_run); /* it has ended by now */
    else
        check_all(the_run);
    if (t->born && !t->killed) random_fail("task %d never ran, but nobody has killed it", t->id);
    if (t->born) task_ends(the_run, t, -ECANCELED);
}

/* Whatever is left of a task of HK_ROOT at the end is cancelled too. */
static intptr_t do_root(struct run *run, struct task *t)
{
    HK_SCOPE(real, LAST_RESORT);
    open_scope(run, t, &t->resort, LAST_RESORT);
    const intptr_t r = do_list(run, t, t->stmt->body);
    check_all(run);
    t->resort.open = false;
    t->top = NULL;
    return hk_scope_close(&real, r);
}

static void *task_body(void *arg)
{
    struct task *t = arg;
    hk_at_end(ended, t);
    check_all(the_run);
    if (t->killed) random_fail("task %d runs, though it was killed before", t->id);
    t->runs = true;
    const intptr_t r = t->base != NULL ? do_list(the_run, t, t->stmt->body) : do_root(the_run, t);
    if (r < 0) t->value = r;
    return hk_val(t->value);
}

static const hk_variable variables[2] = { { "first" }, { "second" } };

static void check_values(const struct task *t)
{
    for (int i = 0; i < 2; i++)
        if (hk_variable_get(&variables[i]) != t->values[i])
            random_fail("task %d: variable %d has another value", t->id, i);
}

/* One without a stack: a list of calls. */
struct light {
    hk_coro co;
    struct task *task;
    const struct stmt *at;
    intptr_t result;
};

static hk_step light_step(hk_coro *co, void *in)
{
    struct light *f = HK_CONTAINER(co, struct light, co);
    struct run *run = the_run;
    HK_BEGIN(co);
    for (f->at = f->task->stmt->body; f->at != NULL; f->at = f->at->next) {
        check_values(f->task);
        if (!is_possible(run, f->task, f->at)) continue;
        if (!(op_info[f->at->op].flags & WAITS)) {
            do_act(run, f->at);
            continue;
        }
        begin_wait(run, f->task, f->at);
        HK_AWAIT(co, &f->task->call.call);
        f->result = end_wait(run, f->task, f->task->call.call.result);
        if ((f->result == -ECANCELED || f->result == -ESHUTDOWN) && !f->at->goes_on) {
            f->task->value = f->result;
            break;
        }
    }
    ended(f->task);
    HK_END(co, hk_val(f->task->value));
}

static struct light lights[MAX_TASKS];

static void light_release(hk_coro *co)
{
    struct light *f = HK_CONTAINER(co, struct light, co);
    if (!f->task->ended) never_ran(f->task);
}

static hk_tid make_task(struct task *t, hk_group *g)
{
    if (t->is_light) {
        struct light *f = &lights[t->id];
        *f = (struct light){ .task = t };
        hk_stackless_init(&f->co, light_step, light_release);
        return hk_spawn_stackless(g, &f->co, "light");
    }
    const hk_coro_options options = { .name = "task",
                                      .arg_release = never_ran,
                                      .daemon = t->is_daemon };
    return hk_spawn_with(g, task_body, t, &options);
}

static struct scope *group_around(const struct task *t)
{
    struct scope *s = t->top;
    while (s != NULL && !s->is_group) s = s->outer;
    return s != NULL ? s : t->base;
}

/* Where the group is full the spawn waits: how long is not known, but not above its limit. */
static intptr_t do_spawn(struct run *run, struct task *parent, const struct stmt *s)
{
    struct task *t = &run->task[s->object];
    struct scope *g = s->op != OP_root ? group_around(parent) : NULL;
    struct wait *w = &parent->wait;
    if (g == NULL && s->op == OP_light) return 0; /* nothing would end it */
    check_all(run);
    *t = (struct task){ .id = s->object, .stmt = s, .base = g };
    memcpy(t->values, parent->values, sizeof t->values);
    t->is_daemon = s->op == OP_daemon;
    t->is_light = s->op == OP_light;
    *w = (struct wait){ .active = true, .hidden = true, .op = s->op, .stmt = s };
    w->object = g != NULL ? (int)(g - run->scope) : -1;
    const hk_tid tid = make_task(t, g != NULL ? g->group : HK_ROOT);
    w->active = false;
    if (tid > 0) {
        t->tid = tid;
        t->born = true;
        if (g != NULL && t->is_daemon)
            g->daemons++;
        else if (g != NULL)
            g->live++;
    }
    check_all(run);
    const unsigned cause = cause_of(parent);
    if (tid < 0 && g == NULL) random_fail("task %d: a spawn fails with %ld", parent->id, (long)tid);
    if (tid < 0 && g != NULL && !(tid == -ECANCELED && g->limit > 0 && cause & (CUT | NO_WAIT)) &&
        !(tid == -ESHUTDOWN && g->limit > 0 && refusal_of(cause) == tid) &&
        !(tid == -EPIPE && !g->open))
        random_fail("task %d: a spawn fails with %ld", parent->id, (long)tid);
    return tid == -ECANCELED || tid == -ESHUTDOWN ? tid : 0;
}

/* Waits for the word of a new task. */
static intptr_t do_start(struct run *run, struct task *parent, const struct stmt *s)
{
    struct task *t = &run->task[s->object];
    struct scope *g = group_around(parent);
    struct wait *w = &parent->wait;
    void *word = NULL;
    if (g != NULL && (g->limit > 0 || !g->open)) return 0;
    check_all(run);
    const int refusal = refusal_of(cause_of(parent));
    *t = (struct task){ .id = s->object, .stmt = s, .base = g, .is_started = true };
    memcpy(t->values, parent->values, sizeof t->values);
    *w = (struct wait){ .active = true, .hidden = true, .op = s->op, .object = t->id, .stmt = s };
    t->killed = refusal < 0;
    if (refusal < 0)
        decide(w, refusal);
    else
        t->starter = parent;
    const intptr_t r = hk_spawn_started(g != NULL ? g->group : HK_ROOT, task_body, t, &word);
    if (r > 0 && word != t) random_fail("task %d: it heard another word", parent->id);
    return end_wait(run, parent, r);
}

static void do_started(struct run *run, struct task *t)
{
    check_all(run);
    const int must = t->starter != NULL ? 0 : t->said ? -EALREADY : -EPERM;
    if (t->starter != NULL) {
        t->said = true;
        decide(&t->starter->wait, t->tid);
        starter_lets_go(t);
    }
    const int r = hk_task_started(t);
    if (r != must) random_fail("task %d: its word is answered with %d, not %d", t->id, r, must);
}

/* ---- blocks ---- */

static intptr_t do_with(struct run *run, struct task *t, const struct stmt *s)
{
    const void *const before = t->values[s->object];
    HK_WITH(binding, &variables[s->object], (void *)(uintptr_t)s);
    t->values[s->object] = s;
    const intptr_t r = do_list(run, t, s->body);
    t->values[s->object] = before;
    return r;
}

static int64_t timeout_of(const struct stmt *s)
{
    return s->arg == -2 ? HK_FOREVER : (int64_t)s->arg * UNIT;
}

static intptr_t do_scope(struct run *run, struct task *t, const struct stmt *s)
{
    struct scope *model = &run->scope[s->object];
    hk_scope real;
    check_all(run);
    *model = (struct scope){ .stmt = s, .real = &real };
    hk_scope_open(&real, timeout_of(s));
    open_scope(run, t, model, timeout_of(s));
    if (s->op == OP_shield) {
        model->shield = true;
        hk_scope_shield(&real, true);
    } else if (s->op == OP_soft) {
        model->own |= SOFT;
        hk_scope_soft(&real, true);
    }
    intptr_t r = do_list(run, t, s->body);
    check_all(run);
    const intptr_t must = scope_result(model, r);
    model->open = false;
    model->real = NULL;
    t->top = model->outer;
    r = hk_scope_close(&real, r);
    if (r != must)
        random_fail("task %d: scope %d is closed with %ld, not %ld", t->id, s->object, (long)r,
                    (long)must);
    return r;
}

static void check_failures(const struct scope *model)
{
    if ((int)hk_group_failures(model->group, NULL, 0) < model->failures)
        random_fail("a group knows of fewer failures than its %d", model->failures);
}

static intptr_t do_group(struct run *run, struct task *t, const struct stmt *s)
{
    static const hk_policy policies[] = { [OP_all] = HK_ALL,
                                          [OP_any] = HK_ANY,
                                          [OP_first] = HK_FIRST_SUCCESS,
                                          [OP_alone] = HK_INDEPENDENT };
    struct scope *model = &run->scope[s->object];
    struct wait *w = &t->wait;
    hk_group real;
    check_all(run);
    const hk_group_options options = { .policy = policies[s->op],
                                       .timeout = s->arg > 0 ? timeout_of(s) : 0,
                                       .limit = (uint32_t)s->limit };
    *model = (struct scope){ .stmt = s, .is_group = true, .policy = s->op, .limit = s->limit };
    model->group = &real;
    model->real = hk_group_scope(&real);
    hk_group_open(&real, &options);
    open_scope(run, t, model, s->arg > 0 ? timeout_of(s) : HK_FOREVER);
    intptr_t r = do_list(run, t, s->body);
    const bool returning = r == RETURNING;
    check_all(run);
    *w = (struct wait){ .active = true, .op = s->op, .object = s->object, .stmt = s };
    hk_group_close_prepare(&t->call.sync, &real, r < 0 ? r : 0);
    w->call = &t->call.call;
    group_close_begins(run, model, t, r < 0 ? r : 0);
    if (chance(&run->random, 2) == 0) {
        r = hk_trap(&t->call.call);
    } else {
        w->hidden = true;
        r = hk_group_close(&real, r < 0 ? r : 0);
    }
    check_all(run);
    w->active = false;
    if (model->open || r != w->result)
        random_fail("task %d: group %d is closed with %ld, not %ld; %d of its tasks live", t->id,
                    s->object, (long)r, (long)w->result, model->live + model->daemons);
    check_failures(model);
    model->real = NULL;
    model->group = NULL;
    hk_group_leave(&real);
    return r < 0 ? r : returning ? RETURNING : 0;
}

/* ---- statements ---- */

static intptr_t do_exit(struct task *t)
{
    t->value = 3;
    if (t->id == 0 || holds_group(t)) return RETURNING;
    check_all(the_run);
    for (; t->top != NULL; t->top = t->top->outer) {
        t->top->open = false;
        t->top->real = NULL;
    }
    hk_task_exit(hk_val(t->value));
}

static intptr_t do_stmt(struct run *run, struct task *t, const struct stmt *s)
{
    check_values(t);
    if (s->op == OP_once) return do_once(run, t, s);
    if (op_info[s->op].flags & WAITS && op_info[s->op].flags & BODY && s->op != OP_select)
        return do_lock(run, t, s);
    if (op_info[s->op].flags & WAITS) return do_wait(run, t, s);
    switch (s->op) {
    case OP_fail: t->value = -EIO; return -EIO;
    case OP_return: t->value = 2; return RETURNING;
    case OP_exit: return do_exit(t);
    case OP_scope:
    case OP_shield:
    case OP_soft: return do_scope(run, t, s);
    case OP_all:
    case OP_any:
    case OP_first:
    case OP_alone: return do_group(run, t, s);
    case OP_spawn:
    case OP_daemon:
    case OP_root:
    case OP_light: return do_spawn(run, t, s);
    case OP_start: return do_start(run, t, s);
    case OP_started: do_started(run, t); return 0;
    case OP_with: return do_with(run, t, s);
    case OP_rearm:
        if (t->top == NULL || t->top->is_group || t->top == &t->resort) return 0;
        if (t->top->shield && s->arg == -2) return 0; /* nothing else would end it */
        check_all(run);
        move_deadline(t->top, timeout_of(s));
        hk_scope_rearm(t->top->real, timeout_of(s));
        return 0;
    default: do_act(run, s); return 0;
    }
}

static bool unwinds(const struct stmt *s, intptr_t r)
{
    if (r == RETURNING && (op_info[s->op].flags & BODY || !(op_info[s->op].flags & WAITS)) &&
        s->op != OP_select)
        return true;
    return (r == -ECANCELED || r == -ESHUTDOWN || r == -ETIMEDOUT || r == -EIO) && !s->goes_on;
}

static intptr_t do_list(struct run *run, struct task *t, const struct stmt *s)
{
    for (; s != NULL && !run->failed; s = s->next) {
        if (!is_possible(run, t, s)) continue;
        const intptr_t r = do_stmt(run, t, s);
        if (unwinds(s, r)) return r;
    }
    return run->failed ? -EPROTO : 0;
}

/* ---- all of it ---- */

static hk_sched *here(void) { return hk__here.sched; }

static void ignore_failure(const hk_failure *failure) { (void)failure; }

static bool all_have_ended(const struct run *run)
{
    for (int i = 1; i < run->program->tasks; i++)
        if (run->task[i].born && !run->task[i].ended) return false;
    return true;
}

void *play(void *arg)
{
    struct run *run = arg;
    struct task *t = &run->task[0];
    const struct stmt body = { .op = OP_alone,
                               .arg = LAST_RESORT / UNIT,
                               .body = run->program->main };
    run->started = hk_now();
    here()->unhandled = ignore_failure; /* many fail, of groups that do not mind */
    *t = (struct task){ .born = true, .tid = hk_task_self() };
    objects_open(run);
    do_group(run, t, &body);
    HK_SCOPE(end, HK_FOREVER);
    hk_scope_shield(&end, true);
    for (check_all(run); !run->failed && !all_have_ended(run); check_all(run))
        hk_sleep(LAST_RESORT / 10);
    if (!run->failed) {
        t->ended = true;
        check_at_end(run);
    }
    objects_close(run);
    hk_scope_close(&end, 0);
    return hk_val(run->failed ? -EPROTO : 0);
}
