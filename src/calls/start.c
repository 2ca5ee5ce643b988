/* SPDX-License-Identifier: MIT */
/* start: makes a task, and waits until that says it has started.
 *
 *   tid       the task
 *   ret_exit  how it ended, where it did; its value, where it has started
 *
 * The wait is the first among the waiters of the task's end. Where it is cancelled the task is
 * killed, and the wait goes on to its end: it works with what its starter gave it. */
#include "calls/calls.h"

#include <hocket/group.h>

enum { ENDED, STARTED };

void hk__start_handle(hk_call *call)
{
    hk_wait_call *w = HK_CONTAINER(call, hk_wait_call, call);
    hk_sched *s = hk__sched_of(call);
    hk_coro *target = s != NULL ? hk__task_find(s, w->tid) : NULL;
    if (target == NULL) {
        hk_call_complete(call, -ENOSYS);
        return;
    }
    w->next = w;
    *hk__task_waiters(target) = w;
}

int hk__start_abort(hk_call *call)
{
    hk_wait_call *w = HK_CONTAINER(call, hk_wait_call, call);
    hk__task_kill(hk__task_find(hk__sched_of(call), w->tid));
    return HK_ABORT_LATER;
}

/* What is in force refuses this call: 0 or -errno. */
static int refusal(const hk_call *call)
{
    return hk__scope_refusal(hk__strand_force(hk__strand_of(hk__here.self)), call);
}

/* A failure comes before the cancel on whose way it happened: nobody else hears of it. */
static int why_ended(const hk_wait_call *w)
{
    const hk_exit *end = w->ret_exit;
    if (end->how == HK_END_FAILED) return end->error;
    if (!w->call.abort_asked) return end->error < 0 ? end->error : -ENOMSG;
    int r = refusal(&w->call);
    return r < 0 ? r : -ECANCELED;
}

hk_tid(hk_spawn_started)(hk_group *g, hk_entry *fn, void *arg, void **ret_value)
{
    return hk__spawn_started(g, fn, NULL, arg, ret_value);
}

hk_tid hk__spawn_started(hk_group *g, hk_entry *fn, const char *name, void *arg, void **ret_value)
{
    hk_exit end = { .value = NULL };
    hk_wait_call wait = { .tid = hk__spawn(g, fn, arg, name), .ret_exit = &end };
    if (wait.tid < 0) return wait.tid;
    hk__call_init(&wait.call, &hk__start_type);
    if (refusal(&wait.call) < 0) hk_task_kill(wait.tid); /* now: others may run before the answer */
    intptr_t r = hk_trap(&wait.call);
    if (r < 0) { /* it was refused: the task never begins */
        hk_task_kill(wait.tid);
        return r;
    }
    if (r == ENDED) return why_ended(&wait);
    if (ret_value != NULL) *ret_value = end.value;
    return wait.tid;
}

/* The wait of whoever started t, which is not among its waiters any more; NULL: there is none. */
static hk_wait_call *take_starter(hk_coro *t)
{
    hk_wait_call **waiters = hk__task_waiters(t), *last = *waiters;
    hk_wait_call *first = last != NULL ? last->next : NULL;
    if (first == NULL || first->call.type != &hk__start_type) return NULL;
    last->next = first->next;
    if (first == last) *waiters = NULL;
    return first;
}

int hk_task_started(void *value)
{
    hk_coro *t = hk__task_here();
    if (t == NULL || t->leaf == NULL) return t == NULL ? hk__outside() : -EPERM;
    hk__stackful *f = (hk__stackful *)t;
    hk_wait_call *w = take_starter(t);
    if (w == NULL) return f->started ? -EALREADY : -EPERM;
    f->started = true;
    w->ret_exit->value = value;
    hk_call_complete(&w->call, STARTED);
    return 0;
}
