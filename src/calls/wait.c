/* SPDX-License-Identifier: MIT */
/* wait: for the end of a task.
 *
 *   tid       whom
 *   ret_exit  how it ended
 *   next      waiters of one task: a ring, the task keeps the last, so that they are woken in
 *   order */
#include "calls/calls.h"

#include <stdio.h>

static hk_wait_call *wait_of(const hk_call *call) { return HK_CONTAINER(call, hk_wait_call, call); }

/* Whether task t waits, directly or through others, for `who`. Among the others there may be rings,
 * of locks that are taken crosswise. */
static bool waits_for(const hk_sched *s, const hk_coro *t, const hk_coro *who)
{
    for (uint32_t most = s->live; t != NULL && t != who && most > 0; most--)
        t = hk__task_owner(s, t);
    return t == who;
}

void hk__wait_handle(hk_call *call)
{
    hk_sched *s = hk__sched_of(call);
    hk_wait_call *w = wait_of(call);
    hk_coro *target = s != NULL ? hk__task_find(s, w->tid) : NULL;
    if (s == NULL) {
        hk_call_complete(call, -ENOSYS);
    } else if (target == NULL) {
        hk_call_complete(call, hk__ends_find(s, w->tid, w->ret_exit) ? 0 : -ESRCH);
    } else if (waits_for(s, target, call->task)) {
        hk_call_complete(call, -EDEADLK);
    } else {
        hk_wait_call **waiters = hk__task_waiters(target), *last = *waiters;
        w->next = last != NULL ? last->next : w;
        if (last != NULL) last->next = w;
        *waiters = w;
    }
}

int hk__wait_abort(hk_call *call)
{
    hk__task_unwait(wait_of(call));
    return HK_ABORTED;
}

int64_t hk__wait_owner(const hk_call *call) { return wait_of(call)->tid; }

int hk__wait_describe(const hk_call *call, char *buf, size_t size)
{
    const hk_coro *target = hk__task_find(hk__sched_of(call), wait_of(call)->tid);
    return snprintf(buf, size, "the end of task %lld '%s'", (long long)wait_of(call)->tid,
                    target != NULL ? hk__task_name(target) : "?");
}

void hk_task_wait_prepare(hk_wait_call *wait, hk_tid tid, hk_exit *ret_exit)
{
    hk__call_init(&wait->call, &hk__wait_type);
    wait->tid = tid;
    wait->ret_exit = ret_exit;
}

int hk_task_wait(hk_tid tid, hk_exit *ret_exit)
{
    hk_wait_call wait;
    hk_task_wait_prepare(&wait, tid, ret_exit);
    return (int)hk_trap(&wait.call);
}
