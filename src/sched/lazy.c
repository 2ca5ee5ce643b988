/* SPDX-License-Identifier: MIT */
/* Tasks whose stacks come when they first run.
 *
 * Of ten thousand tasks that are made at once each has to wait for its turn, and many never wait
 * again: those need one stack, one after the other. So where a thread has many stacks and none of
 * them is free, a task that is made while others are to run gets none. It is a small block
 * (coro/lazy.c): to everybody a task like others, to the loop one without a stack, for which tasks
 * that leave call the loop. There it gets a stack: often the very one that the task before it has
 * left, in the cache as it is. It moves to the top of that stack, and runs as if it had always been
 * there.
 *
 * Where those tasks do wait, nothing is saved, and what their stacks cost is paid while they begin,
 * by those that have begun already. So what one turn of a task can put before all others has a
 * bound: beyond it the task that makes them pays for the stacks itself.
 *
 * That there is a stack is known at spawn: it is reserved. */
#include "sched/sched.h"

#include <string.h>

/* One more, where the next may be one. */
static bool count_one(hk_sched *s, unsigned size_class, const hk_coro_options *options)
{
    if (!hk__stack_many(size_class) || !hk__ready_any(s)) return false;
    if (options->daemon || options->arg_size > HK__LAZY_COPY) return false;
    if (s->lazy.turn != s->ready.head) s->lazy.made = 0;
    s->lazy.turn = s->ready.head;
    return s->lazy.made++ < HK__TURN_LAZY;
}

hk__lazy *hk__lazy_make(hk_sched *s, hk_entry *fn, void *arg, unsigned size_class,
                        const hk_coro_options *options)
{
    hk__lazy *l = count_one(s, size_class, options) ? hk__lazy_get(size_class) : NULL;
    if (l == NULL) return NULL;
    memset(&l->coro, 0, sizeof l->coro);
    l->seldom = (struct hk__seldom){ .name = NULL };
    l->coro.at.stackless.release = hk__lazy_put;
    l->coro.at.stackless.seldom = (intptr_t)&l->seldom;
    l->entry = fn;
    l->arg = arg;
    l->arg_release = options->arg_release;
    l->arg_size = (uint32_t)options->arg_size;
    if (l->arg_size != 0) l->arg = memcpy(l->copy, arg, l->arg_size);
    return l;
}

/* Everything that may refer to a task before it runs, or that it refers to: it has made no call,
 * and opened no scope. */
static void move(const hk__lazy *l, hk__stackful *f)
{
    const hk_coro *from = &l->coro;
    hk_coro *to = &f->coro;
    hk_group *g = from->group;
    const struct hk__task_map *m = &hk__task_sched(from)->map;
    m->slot[(uint64_t)from->tid & m->mask] = to;
    *(from->prev != NULL ? &from->prev->next : &g->first) = to;
    *(from->next != NULL ? &from->next->prev : &g->last) = to;
    to->state = from->state;
    to->tid = from->tid;
    to->group = g;
    to->next = from->next;
    to->prev = from->prev;
    f->waiters = from->at.stackless.waiters;
    f->seldom = l->seldom;
}

hk_coro *hk__lazy_begin(hk_coro *t)
{
    hk__lazy *l = (hk__lazy *)t;
    hk__stackful *f = hk__lazy_stack(l);
    const hk_coro_options options = { .arg_size = l->arg_size, .arg_release = l->arg_release };
    hk__coro_arm(f, l->entry, l->arg, &options, hk__task_end);
    move(l, f);
    hk__lazy_put(t);
    return &f->coro;
}
