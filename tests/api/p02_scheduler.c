/* SPDX-License-Identifier: MIT */
/* 2. The seed's Scheduler on layer 1 alone. foo and bar of p01 run on it unchanged. */
#include <hocket.h>
#include <stdio.h>
#include <stdlib.h>

struct task {
    hk_coro *target;
    hk_tid tid;
    void *sendval;
    struct task *next;
};
struct scheduler {
    hk_driver driver;
    struct task *head, **tail;
    hk_tid last;
    int live;
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
    (void)driver;
    return ((struct task *)call->task)->tid;
}

static hk_tid spawn(struct scheduler *s, hk_entry *fn, void *arg)
{
    struct task *t = calloc(1, sizeof *t);
    *t = (struct task){ .target = hk_coro_create(fn, arg, &(hk_coro_options){ .driven = true }),
                        .tid = ++s->last };
    s->live++;
    schedule(s, t);
    return t->tid;
}

static void mainloop(struct scheduler *s)
{
    while (s->live && s->head) {
        struct task *t = s->head;
        if (!(s->head = t->next)) s->tail = &s->head;
        hk_step step = hk_coro_send(t->target, t->sendval);
        t->sendval = NULL;
        if (step.outcome == HK_TRAPPED) {
            step.call->driver = &s->driver;
            step.call->task = t;
            step.call->type->handle(step.call);
        } else if (step.outcome == HK_YIELDED) {
            schedule(s, t);
        } else {
            printf("Task %d terminated\n", (int)t->tid);
            hk_coro_destroy(t->target);
            free(t);
            s->live--;
        }
    }
}

void *foo(void *), *bar(void *);
int main(void)
{
    struct scheduler s = { .driver = { complete, tid_of }, .tail = &s.head };
    spawn(&s, foo, NULL);
    spawn(&s, bar, NULL);
    mainloop(&s);
}
