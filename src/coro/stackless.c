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
    co->borrowed = me;
    co->root = NULL;
    hk__here.self = co;
    hk_step step = co->at.stackless.step(co, in);
    hk__here.self = me;
    return step;
}

/* A driver that gets its call keeps it as it is, with its scopes. */
static void check_scopes(const hk_coro *co, const hk_coro *me, hk_outcome outcome)
{
    const hk_scope *scope = hk__strand_of(me)->scope;
    if (HK__UNLIKELY(scope != NULL && scope->owner == co && outcome != HK_TRAPPED))
        hk__scope_left_open(co, scope, outcome == HK_YIELDED ? "yields" : "ends");
}

hk_step hk__stackless_send(hk_coro *co, void *value)
{
    hk_coro *me = hk__thread_enter();
    bool drives = me->root == NULL;
    hk_step step;
    while ((step = step_once(co, value, me)).outcome == HK_TRAPPED && !drives)
        value = hk_val(hk_trap(step.call));
    uintptr_t state = (uintptr_t)&hk__here + HK__STACKLESS;
    check_scopes(co, me, step.outcome);
    if (step.outcome == HK_TRAPPED) {
        co->returned = step.call;
        if (step.call->state == HK__CALL_NEW) step.call->driver = NULL;
        state += HK__IN_CALL;
    } else if (step.outcome == HK_YIELDED) {
        if (HK__UNLIKELY(hk_is_err(step.value))) hk__yield_of_error(co, step.value);
    } else {
        state = HK__FINISHED;
        if (step.outcome == HK_FAILED) hk__why_pass(co, me, step.error);
        hk__coro_clear(co); /* whoever drives it need not destroy it */
    }
    __atomic_store_n(&co->state, state, __ATOMIC_RELAXED);
    return step;
}

/* The inner one's cleanup may call: then the close is not over, and the mark in its state remembers
 * so until the call is answered. */
static hk_step go_on_closing(hk_coro *inner, hk_step step)
{
    if (step.outcome == HK_TRAPPED)
        __atomic_fetch_or(&inner->state, (uintptr_t)HK__CLOSING, __ATOMIC_RELAXED);
    else if (step.outcome == HK_YIELDED)
        step = hk__refused(-EBUSY);
    else if (step.outcome == HK_RETURNED || step.outcome == HK_FINISHED)
        step = hk__step(HK_FAILED, hk_val(-ECANCELED));
    return step;
}

/* One round of HK_DELEGATE; an ended inner as its value or error. */
hk_step hk__stackless_delegate(hk_coro *inner, void *in, bool fresh)
{
    if (fresh) return hk_coro_send(inner, in);
    uintptr_t state = __atomic_load_n(&inner->state, __ATOMIC_RELAXED);
    bool called = state > HK__BOUND && (state & HK__IN_CALL);
    if (called && (state & HK__CLOSING)) return go_on_closing(inner, hk_coro_send(inner, in));
    if (called || !hk_is_err(in)) return hk_coro_send(inner, in);
    if (in == hk_val(-ECANCELED)) return go_on_closing(inner, hk_coro_close(inner));
    return hk_coro_throw(inner, (int)hk_num(in));
}
