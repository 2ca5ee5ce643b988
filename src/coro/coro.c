/* SPDX-License-Identifier: MIT */
/* Coroutines: create, send, throw, close, destroy.
 *
 * The way in and out that is taken a million times, send to a suspended coroutine and yield back,
 * is inline in <hocket/coro.h>. Here is the rest, sorted by the one word that decides: co->state.
 * It holds a small number, or the thread that the coroutine is suspended on; so one compare in
 * hk_coro_send refuses a fresh, running, finished, foreign, stackless or trapped one at once, and
 * hk__coro_send_slow sorts out which it was.
 *
 * A coroutine begins in hk__coro_main, on its own stack, and ends there: body, at_end handlers,
 * last switch. */
#include "coro/coro.h"

#include "base/say.h"
#include "coro/context.h"
#include "coro/stack.h"

#include <stdlib.h>
#include <string.h>

static uintptr_t state_of(const hk_coro *co)
{
    return __atomic_load_n(&co->state, __ATOMIC_RELAXED);
}
static void set_state(hk_coro *co, uintptr_t state)
{
    __atomic_store_n(&co->state, state, __ATOMIC_RELAXED);
}

/* From CREATED, where threads may race for it. */
static bool claim(hk_coro *co, uintptr_t state)
{
    uintptr_t created = HK__CREATED;
    return __atomic_compare_exchange_n(&co->state, &created, state, false, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED);
}

void hk__coro_main(hk_coro *co)
{
    hk__stackful *s = (hk__stackful *)co;
    hk__arrive(co);
    void *value;
    if (HK__UNLIKELY(s->seldom.killer != 0)) { /* before it began */
        if (s->arg_release != NULL) s->arg_release(s->arg);
        value = hk_val(-ECANCELED);
    } else {
        value = s->entry(s->arg);
    }
    if (HK__UNLIKELY(s->at_end != NULL)) hk__at_end_run(s);
    hk__scopes_check(co, co->root, "ends");
    s->end(s, value);
    __builtin_unreachable();
}

/* The end of a coroutine that is no task: its resumer gets the value, and the failure's text with
 * it. */
static void end_plain(hk__stackful *s, void *value)
{
    hk_coro *co = &s->coro, *to = s->resumer;
    bool failed = hk_is_err(value);
    if (failed) hk__why_pass(co, to, hk_num(value));
    set_state(co, HK__FINISHED);
    hk__leave(co, to, true);
    hk__switch(&co->at.context, &s->back, failed ? HK_FAILED : HK_RETURNED, value);
    __builtin_unreachable();
}

static __attribute__((noinline)) void copy_argument(hk__stackful *s, size_t size)
{
    char *top = (char *)(((uintptr_t)s - size) & ~(uintptr_t)15);
    s->arg = memcpy(top, s->arg, size);
    hk__context_prepare(&s->coro.at.context, s->stack, top, &s->coro);
}

/* In the order of the fields, so that a compiler clears several at once. */
void hk__coro_arm(hk__stackful *s, hk_entry *fn, void *arg, const hk_coro_options *options,
                  void (*end)(hk__stackful *self, void *value))
{
    hk_coro *co = &s->coro;
    co->state = HK__CREATED;
    co->leaf = co->root = co;
    co->tid = 0;
    co->scope = NULL;
    s->call = NULL;
    s->waiters = NULL;
    s->at_end = NULL;
    s->seldom.why = NULL;
    s->seldom.values = NULL;
    s->seldom.killer = 0;
    s->refusals = 0;
    s->owns_name = false;
    s->started = false;
    s->holds = false;
    s->daemon = options->daemon;
    s->entry = fn;
    s->arg = arg;
    s->end = end;
    s->exceptions = (struct hk__cxx_exceptions){ NULL, 0 };
    s->arg_release = options->arg_release;
    if (options->arg_size != 0)
        copy_argument(s, options->arg_size);
    else
        hk__context_prepare(&co->at.context, s->stack, (char *)s, co);
}

static __attribute__((noinline, cold, noreturn)) void overflowed(const hk__stackful *s)
{
    hk__misuse("stack overflow in %s '%s' (%u KiB, unguarded): give it more with "
               "hk_coro_options.stack",
               s->coro.tid != 0 ? "task" : "coroutine", hk__coro_name(&s->coro), s->size / 1024);
}

struct hk__seldom *hk__seldom_make(hk_coro *co)
{
    struct hk__seldom *it = hk__seldom_of(co);
    if (it != NULL) return it;
    it = malloc(sizeof *it);
    if (it == NULL) return NULL;
    *it = (struct hk__seldom){ .killer = co->at.stackless.seldom >> 1 };
    co->at.stackless.seldom = (intptr_t)it;
    return it;
}

static void clear_stackless(hk_coro *co)
{
    struct hk__seldom *it = hk__seldom_of(co);
    co->at.stackless.seldom = 0;
    if (it == NULL) return;
    free(it->why);
    free(it);
}

void hk__coro_clear(hk_coro *co)
{
    if (co->leaf == NULL) {
        if (HK__UNLIKELY(co->at.stackless.seldom != 0)) clear_stackless(co);
        return;
    }
    hk__stackful *s = (hk__stackful *)co;
    if (HK__UNLIKELY(s->seldom.why != NULL)) {
        free(s->seldom.why);
        s->seldom.why = NULL;
    }
    if (HK__UNLIKELY(hk__stack_overflowed(s))) overflowed(s);
    if (HK__UNLIKELY(s->owns_name)) free((char *)(uintptr_t)s->seldom.name);
}

/* Answers the calls of a coroutine that nobody serves, until it yields or ends. */
static hk_step without_system(hk_coro *co, hk_step step)
{
    while (step.outcome == HK_TRAPPED) step = hk_coro_send(co, hk_val(-ENOSYS));
    return step;
}

hk_coro *hk_coro_create(hk_entry *fn, void *arg, const hk_coro_options *options)
{
    static const hk_coro_options defaults;
    if (options == NULL) options = &defaults;
    if (fn == NULL) hk__misuse("hk_coro_create without a function");
    hk__stackful *s = hk__stack_get(options->stack, options->unguarded);
    if (s == NULL || !hk__coro_fits(s, options)) {
        if (s != NULL) hk__stack_put(s);
        if (options->arg_release != NULL) options->arg_release(arg);
        return NULL;
    }
    hk__coro_arm(s, fn, arg, options, end_plain);
    s->seldom.name = options->name;
    s->driven = options->driven;
    if (options->primed) without_system(&s->coro, hk_coro_send(&s->coro, NULL));
    return &s->coro;
}

/* Ends a coroutine whose body never runs. */
static bool finish_unstarted(hk_coro *co)
{
    if (!claim(co, HK__FINISHED)) return false;
    if (co->leaf != NULL) {
        hk__stackful *s = (hk__stackful *)co;
        if (s->arg_release != NULL) s->arg_release(s->arg);
    }
    return true;
}

/* Whether a call may be answered with this value now. One that somebody accepted and has not
 * completed must be let go of first; one that waits in a scheduler for a driver which handed it up
 * and waits too (it has no `done`) is that driver's: to others the strand runs. */
static int answerable(hk_call *call, void *value)
{
    if (call->driver == NULL || call->state == HK__CALL_SETTLED) return 0;
    if (call->state == HK__CALL_PARKED && call->done == NULL) return -EALREADY;
    return hk_is_err(value) && hk__call_abort(call, hk_num(value)) ? 0 : -EINPROGRESS;
}

/* Resumes a strand that is parked in a call. */
static hk_step resume_in_call(hk_coro *co, void *value)
{
    int r = answerable(hk__call_of(co), value);
    if (r < 0) return hk__refused(r);
    if (co->leaf == NULL) return hk__stackless_send(co, value);
    hk__stackful *s = (hk__stackful *)co;
    bool driven = s->driven;
    s->driven = true; /* a strand inside a call keeps its root, whoever resumes it */
    hk_step step = hk__coro_resume(co, value);
    s->driven = driven;
    return step;
}

hk_step hk__coro_send_slow(hk_coro *co, void *value)
{
    hk__thread_enter();
    if (co == NULL) return hk__refused(-EINVAL);
    uintptr_t state = state_of(co);
    switch (state) {
    case HK__CREATED:
        if (hk_is_err(value)) return hk_coro_throw(co, (int)hk_num(value));
        if (value != NULL) return hk__refused(-EINVAL);
        if (!claim(co, HK__RUNNING)) return hk__refused(-EALREADY);
        return co->leaf == NULL ? hk__stackless_send(co, NULL) : hk__coro_resume(co, NULL);
    case HK__FINISHED:
        if (hk_is_err(value)) return (hk_step){ .outcome = HK_FAILED, .value = value };
        return (hk_step){ .outcome = HK_FINISHED, .value = NULL };
    case HK__RUNNING:
    case HK__SCOPED:
    case HK__TASK:
    case HK__TASK_MARKED:
    case HK__TASK_INHERITED:
    case HK__BOUND: return hk__refused(-EALREADY);
    default: break;
    }
    if ((state & ~(uintptr_t)(HK__STACKLESS | HK__IN_CALL | HK__CLOSING)) != (uintptr_t)&hk__here)
        return hk__refused(-EALREADY);
    if (state & HK__IN_CALL) return resume_in_call(co, value);
    return state & HK__STACKLESS ? hk__stackless_send(co, value) : hk__coro_resume(co, value);
}

/* Whether it is parked in a call that was accepted and is complete, but was not resumed since. */
static bool has_result(const hk_coro *co)
{
    uintptr_t in_call = (uintptr_t)&hk__here + HK__IN_CALL;
    if ((state_of(co) & ~(uintptr_t)(HK__STACKLESS | HK__CLOSING)) != in_call) return false;
    const hk_call *call = hk__call_of(co);
    return call->driver != NULL && call->state == HK__CALL_SETTLED;
}

/* Sends an error. Done beats a later cancel: a call that is complete reports its result, and the
 * error is met where the strand waits next. */
static hk_step interrupt(hk_coro *co, int error)
{
    if (HK__UNLIKELY(has_result(co))) {
        hk_step step = hk_coro_send(co, hk_val(hk__call_of(co)->result));
        if (step.outcome != HK_YIELDED && step.outcome != HK_TRAPPED) return step;
    }
    return hk_coro_send(co, hk_val(error));
}

hk_step hk_coro_throw(hk_coro *co, int error)
{
    if (co == NULL || error >= 0 || error < -4095) return hk__refused(-EINVAL);
    uintptr_t state = state_of(co);
    if (state == HK__FINISHED || (state == HK__CREATED && finish_unstarted(co)))
        return (hk_step){ .outcome = HK_FAILED, .error = error };
    if ((state & ~(uintptr_t)HK__STACKLESS) == (uintptr_t)&hk__here)
        hk__why_lend(hk__here.self, co, error);
    return interrupt(co, error);
}

hk_step hk_coro_close(hk_coro *co)
{
    if (co == NULL) return hk__refused(-EINVAL);
    if (state_of(co) == HK__CREATED && finish_unstarted(co))
        return (hk_step){ .outcome = HK_RETURNED, .value = NULL };
    if (state_of(co) == HK__FINISHED) return (hk_step){ .outcome = HK_FINISHED, .value = NULL };
    hk_step step = interrupt(co, -ECANCELED);
    if (step.outcome == HK_YIELDED) return hk__refused(-EBUSY);
    if (step.outcome == HK_FAILED && step.error == -ECANCELED)
        return (hk_step){ .outcome = HK_RETURNED, .value = NULL };
    return step;
}

static void free_coroutine(hk_coro *co)
{
    hk__coro_clear(co);
    if (co->leaf != NULL)
        hk__stack_put((hk__stackful *)co);
    else if (co->at.stackless.release != NULL)
        co->at.stackless.release(co);
}

int hk_coro_destroy(hk_coro *co)
{
    if (co == NULL) return 0;
    hk_step step = without_system(co, hk_coro_close(co));
    if (step.outcome == HK_REFUSED) return (int)step.error;
    if (step.outcome == HK_YIELDED) return -EBUSY;
    free_coroutine(co);
    return 0;
}

/* Takes the stack from a suspended coroutine that will not end. Its handlers run here, because what
 * they were given may lie in its frames. */
static void drop(hk__stackful *s)
{
    hk_coro *me = hk__thread_enter();
    uintptr_t state = me->state;
    hk__say("coroutine '%s' ignored its close: its stack is dropped", hk__coro_name(&s->coro));
    me->state = HK__BOUND;
    hk__at_end_run(s);
    if (me->state == HK__BOUND) me->state = state; /* else a handler has killed it */
    set_state(&s->coro, HK__FINISHED);
    free_coroutine(&s->coro);
}

void hk_coro_leave(hk_coro **co)
{
    int r = hk_coro_destroy(*co);
    if (r == -EBUSY && (*co)->leaf != NULL)
        drop((hk__stackful *)*co);
    else if (r < 0)
        hk__misuse("coroutine '%s' leaves its block %s", hk__coro_name(*co),
                   r == -EALREADY      ? "while it runs"
                   : r == -EINPROGRESS ? "while it is parked in a call that cannot be aborted"
                                       : "and ignores its close; its frame would be lost");
    *co = NULL;
}

int hk_coro_next(hk_coro *co, void **ret_value)
{
    hk_step step = without_system(co, hk_coro_send(co, NULL));
    switch (step.outcome) {
    case HK_YIELDED: *ret_value = step.value; return 1;
    case HK_FAILED:
    case HK_REFUSED: return (int)step.error;
    default: return 0;
    }
}

/* The calls of a driven inner one go up: nobody here serves them. */
static hk_step hand_up(hk_coro *inner, hk_step step)
{
    while (step.outcome == HK_TRAPPED) step = hk_coro_send(inner, hk_val(hk_trap(step.call)));
    return step;
}

void *hk_coro_delegate(hk_coro *inner)
{
    hk_step step = hand_up(inner, hk_coro_send(inner, NULL));
    while (step.outcome == HK_YIELDED) {
        void *sent = hk_yield(step.value);
        if (sent == hk_val(-ECANCELED)) {
            step = hand_up(inner, hk_coro_close(inner));
            if (step.outcome == HK_YIELDED) return hk_val(-EBUSY);
            return step.outcome == HK_FAILED || step.outcome == HK_REFUSED ? step.value : sent;
        }
        step = hand_up(inner, hk_is_err(sent) ? hk_coro_throw(inner, (int)hk_num(sent))
                                              : hk_coro_send(inner, sent));
    }
    return step.outcome == HK_FINISHED ? NULL : step.value;
}

void hk__yield_unconsumed(const hk_coro *task)
{
    hk__misuse("task %lld '%s' yields a value that nobody consumes: hk_sched_yield gives up the "
               "processor",
               (long long)task->tid, hk__coro_name(task));
}

void hk__scope_left_open(const hk_coro *co, const hk_scope *scope, const char *verb)
{
    hk__misuse(
        "'%s' %s, but the scope it opened at %s:%d is open: whoever opens one closes it first",
        hk__coro_name(co), verb, scope->file, scope->line);
}

void hk__yield_of_error(const hk_coro *co, const void *value)
{
    hk__misuse("'%s' yields the error %d: errors are sent and returned, never yielded",
               hk__coro_name(co), (int)hk_num(value));
}

void hk__yield_misuse(const hk_coro *me, const void *value)
{
    if (me == NULL || (me->state == HK__BOUND && me->root == NULL && me->leaf == me))
        hk__misuse("hk_yield outside any coroutine");
    if (me->leaf == NULL)
        hk__misuse("hk_yield inside the stackless step of '%s': HK_GIVE yields there",
                   hk__coro_name(me));
    if (me->state >= HK__TASK && me->state <= HK__TASK_INHERITED) hk__yield_unconsumed(me);
    if (me->state == HK__SCOPED) hk__scopes_check(me, hk__strand_of(me), "yields");
    if (hk_is_err(value)) hk__yield_of_error(me, value);
    hk__misuse("'%s' yields in an at_end handler of a stack that was dropped", hk__coro_name(me));
}
