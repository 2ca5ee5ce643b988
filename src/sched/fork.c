/* SPDX-License-Identifier: MIT */
/* The child of a fork.
 *
 * It has one thread, and of all schedulers only a copy of their memory: what the copies would do to
 * a ring or an epoll set they would do to the parent's. So each is marked dead before fork returns
 * in the child: its world gives back the child's descriptors and is replaced by one that does
 * nothing, its queues are empty. Nothing of this costs a scheduler anything that lives.
 *
 * Where a task has forked, the child goes on in that task, with nobody to drive it. Its state says
 * so: calls take their slow way, and there they are answered -ECHILD. It may do what a child does
 * between fork and exec; it must not come back to the loop, which is the parent's. A child that was
 * forked elsewhere may make schedulers of its own. */
#include "sched/sched.h"

#include "base/say.h"
#include "world/signal.h"

#include <pthread.h>

/* The thread that goes on inside a dead scheduler. */
static const hk__thread *stranded;

int hk__outside(void) { return stranded == &hk__here ? -ECHILD : -EPERM; }

void hk__outside_end(void)
{
    hk__misuse("fork was called in a task, and the child has come to that task's end: it must end "
               "by exec or _exit");
}

static void end_of_task(hk__stackful *task, void *value)
{
    (void)task, (void)value;
    hk__outside_end();
}

/* The task in which this thread runs, however many coroutines and drivers lie between. */
static hk_coro *task_around(hk_coro *co)
{
    while (co != NULL && co->state != HK__TASK && co->state != HK__TASK_MARKED) {
        if (co->leaf == NULL)
            co = hk__lender_of(co);
        else if (co->root != NULL && co->root != co)
            co = co->root;
        else
            co = ((hk__stackful *)co)->resumer;
    }
    return co;
}

static void strand(void)
{
    hk_coro *task = task_around(hk__here.self);
    stranded = &hk__here;
    hk__here.sched = NULL;
    if (task == NULL) return; /* the loop itself, in a function that was posted */
    task->state = HK__TASK_INHERITED;
    if (task->leaf != NULL) ((hk__stackful *)task)->end = end_of_task;
}

static void mark_dead(hk_sched *s)
{
    s->inherited = true;
    s->inbox.open = false;
    s->world->table->inherited(s->world);
    s->former = s->world;
    s->world = hk__world_none();
    s->ready.head = s->ready.end = s->ready.tail;
    s->live = s->operations.count = 0;
    s->root.first = s->root.last = NULL;
}

static void before(void)
{
    hk__run_lock();
    hk__signals_lock();
}

static void in_parent(void)
{
    hk__signals_unlock();
    hk__run_unlock();
}

/* Posters of other threads are not there any more. */
static void in_child(void)
{
    hk__signals_inherited();
    hk__signals_forget_quit();
    in_parent();
    if (hk__here.sched != NULL) strand();
    for (hk_sched *s = hk__signals_known(); s != NULL; s = s->next_known) {
        if (s->inbox.open) mark_dead(s);
        s->inbox.posters = 0;
        s->inbox.listens = s->inbox.signals = 0;
    }
}

/* From the beginning: another thread may fork while the first scheduler is made. */
static __attribute__((constructor)) void watch_forks(void)
{
    pthread_atfork(before, in_parent, in_child);
}
