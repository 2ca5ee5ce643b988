/* SPDX-License-Identifier: MIT */
/* The stackless kind: a resume is a call of its step function on the resumer's stack.
 *
 * It cannot wait inside a call, so it returns it. Where a driver resumed it, that is the end of it:
 * TRAPPED. Where a coroutine with a stack consumes it, the consumer's stack waits in its place, and
 * the consumer never sees the call: the same as with a generator that has a stack. */
#include "coro/coro.h"

#include "coro/stack.h"

#include <hocket/stackless.h>

#include <string.h>

void hk_stackless_init(hk_coro *co, hk_step_fn *step, void (*release)(hk_coro *co))
{
    memset(co, 0, sizeof *co);
    co->state = HK__CREATED;
    co->at.stackless.step = step;
    co->at.stackless.release = release;
}

static hk_step step_once(hk_coro *co, void *in, hk_coro *me)
{
    __atomic_store_n(&co->state, (uintptr_t)HK__BOUND, __ATOMIC_RELAXED);
    co->at.stackless.borrowed = me;
    co->call = NULL;
    hk__here.self = co;
    hk_step step = co->at.stackless.step(co, in);
    hk__here.self = me;
    return step;
}

hk_step hk__stackless_send(hk_coro *co, void *value)
{
    hk_coro *me = hk__thread_enter();
    bool drives = me->root == NULL;
    hk_step step;
    while ((step = step_once(co, value, me)).outcome == HK_TRAPPED && !drives)
        value = hk_val(hk_trap(step.call));
    uintptr_t state = (uintptr_t)&hk__here + HK__STACKLESS;
    if (step.outcome == HK_TRAPPED) {
        co->call = step.call;
        if (step.call->state == HK__CALL_NEW) step.call->driver = NULL;
        state += HK__IN_CALL;
    } else if (step.outcome != HK_YIELDED) {
        state = HK__FINISHED;
        if (step.outcome == HK_FAILED) hk__why_pass(co, me);
    }
    __atomic_store_n(&co->state, state, __ATOMIC_RELAXED);
    return step;
}

/* One round of HK_DELEGATE; an ended inner as its value or error. */
hk_step hk__stackless_delegate(hk_coro *inner, void *in, bool fresh)
{
    hk_step step;
    if (!fresh && in == hk_val(-ECANCELED) && !(inner->state & HK__IN_CALL)) {
        step = hk_coro_close(inner);
        if (step.outcome == HK_RETURNED || step.outcome == HK_FINISHED)
            step = hk__step(HK_FAILED, in);
    } else {
        step = hk_coro_send(inner, in);
    }
    if (step.outcome == HK_FINISHED) step.value = NULL;
    return step;
}
