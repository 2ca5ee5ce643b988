/* SPDX-License-Identifier: MIT */
/* The same tasks on a scheduler of fifty lines.
 *
 * Tasks and scheduler are not coupled: a task hands a call to whoever drives it. A driver resumes
 * its tasks with hk_coro_send. When one comes back with HK_TRAPPED it has made a call; the driver
 * signs it and lets its handler answer, now or later, through `complete`. This is the scheduler of
 * the course, line for line; the real one differs by what it can wait for. */
#include "appendix_a_tasks.h"

#include <stdlib.h>

struct task {
    hk_coro *target;
    int tid;
    void *sendval;
    struct task *next;
};
struct scheduler {
    hk_driver driver;
    struct task *head, **tail; /* those that can run, in order */
    int last_tid, live;
};

static void schedule(struct scheduler *s, struct task *t)
{
    t->next = NULL;
    *s->tail = t;
    s->tail = &t->next;
}

static void complete(hk_driver *driver, hk_call *call, intptr_t result)
{
    struct task *t = call->task;
    t->sendval = hk_val(result);
    schedule(HK_CONTAINER(driver, struct scheduler, driver), t);
}

static int64_t tid_of(hk_driver *driver, const hk_call *call)
{
    return ((struct task *)call->task)->tid;
}

static void new_task(struct scheduler *s, hk_entry *fn)
{
    struct task *t = calloc(1, sizeof *t);
    t->target = hk_coro_create(fn, NULL, &(hk_coro_options){ .driven = true });
    t->tid = ++s->last_tid;
    s->live++;
    schedule(s, t);
}

static void exit_task(struct scheduler *s, struct task *t)
{
    printf("Task %d terminated\n", t->tid);
    hk_coro_destroy(t->target);
    free(t);
    s->live--;
}

static void mainloop(struct scheduler *s)
{
    while (s->live > 0 && s->head != NULL) {
        struct task *t = s->head;
        if ((s->head = t->next) == NULL) s->tail = &s->head;
        hk_step step = hk_coro_send(t->target, t->sendval);
        t->sendval = NULL;
        if (step.outcome == HK_TRAPPED) {
            step.call->driver = &s->driver;
            step.call->task = t;
            step.call->type->handle(step.call);
        } else if (step.outcome == HK_YIELDED) {
            schedule(s, t);
        } else {
            exit_task(s, t);
        }
    }
}

int main(void)
{
    struct scheduler s = { .driver = { complete, tid_of }, .tail = &s.head };
    new_task(&s, foo);
    new_task(&s, bar);
    mainloop(&s);
}
