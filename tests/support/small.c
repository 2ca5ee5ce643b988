/* SPDX-License-Identifier: MIT */
/* The scheduler of fifty lines. */
#include "support/small.h"

#include <stdlib.h>

static void schedule(small *s, small_task *t)
{
    t->next = NULL;
    *s->tail = t;
    s->tail = &t->next;
}

static void complete(hk_driver *driver, hk_call *call, intptr_t result)
{
    small_task *t = call->task;
    t->call = NULL;
    t->sendval = hk_val(result);
    schedule(HK_CONTAINER(driver, small, driver), t);
}

static int64_t tid_of(hk_driver *driver, const hk_call *call)
{
    (void)driver;
    return ((small_task *)call->task)->tid;
}

void small_init(small *s) { *s = (small){ .driver = { complete, tid_of }, .tail = &s->head }; }

hk_tid small_adopt(small *s, hk_coro *co)
{
    small_task *t = calloc(1, sizeof *t);
    *t = (small_task){ .target = co, .tid = ++s->last, .older = s->newest };
    s->newest = t;
    s->live++;
    schedule(s, t);
    return t->tid;
}

hk_tid small_spawn(small *s, hk_entry *fn, void *arg)
{
    return small_adopt(s, hk_coro_create(fn, arg, &(hk_coro_options){ .driven = true }));
}

static void end(small *s, small_task *t, hk_step step)
{
    small_task **link = &s->newest;
    while (*link != t) link = &(*link)->older;
    *link = t->older;
    s->live--;
    if (s->ended != NULL) s->ended(t->tid, step);
    hk_coro_destroy(t->target);
    free(t);
}

static bool refused(const small_task *t, const hk_call *call)
{
    return t->killed && !(call->type->flags & HK_CALL_NO_REFUSAL);
}

/* What a resume gave: serve it. */
static void serve(small *s, small_task *t, hk_step step)
{
    if (step.outcome == HK_TRAPPED && !refused(t, step.call)) {
        t->call = step.call;
        step.call->driver = &s->driver;
        step.call->task = t;
        step.call->type->handle(step.call);
    } else if (step.outcome == HK_TRAPPED || step.outcome == HK_YIELDED) {
        t->sendval = step.outcome == HK_TRAPPED ? hk_val(-ECANCELED) : NULL;
        schedule(s, t);
    } else {
        end(s, t, step);
    }
}

int small_run(small *s)
{
    for (small_task *t; (t = s->head) != NULL;) {
        if ((s->head = t->next) == NULL) s->tail = &s->head;
        void *value = t->sendval;
        t->sendval = NULL;
        bool stillborn = t->killed && !t->started;
        t->started = true;
        serve(s, t, stillborn ? hk_coro_close(t->target) : hk_coro_send(t->target, value));
    }
    return s->live;
}

int small_kill(small *s, hk_tid tid)
{
    small_task *t = s->newest;
    while (t != NULL && t->tid != tid) t = t->older;
    if (t == NULL) return 0;
    t->killed = true;
    if (t->call == NULL) return 1; /* ready: its next call tells it */
    t->call = NULL;
    hk_step step = hk_coro_close(t->target);
    if (step.outcome != HK_REFUSED)
        serve(s, t, step);
    else if (step.error == -EBUSY)
        schedule(s, t);
    return 1; /* -EINPROGRESS: when the call completes */
}
