/* SPDX-License-Identifier: MIT */
/* Coroutines without a stack: a struct and a step function.
 *
 * Same verbs, same protocol, same scheduler; a fiftieth of the memory. What must survive a
 * suspension lives in the struct, and the step returns at each one:
 *
 *     struct count { hk_coro co; int i, n; };
 *     static hk_step count(hk_coro *co, void *in)
 *     {
 *         struct count *f = HK_CONTAINER(co, struct count, co);
 *         HK_BEGIN(co);
 *         for (f->i = 0; f->i < f->n; f->i++) {
 *             HK_GIVE(co, hk_val(f->i));
 *             if (hk_is_err(in)) HK_RETURN(co, in);
 *         }
 *         HK_END(co, NULL);
 *     }
 *
 * `in` is what was sent. Between HK_BEGIN and HK_END no switch statement of your own may enclose
 * one of these macros, and locals do not survive them. hk_trap and the blocking calls built on it
 * abort in a step: HK_AWAIT is their form here. */
#ifndef HOCKET_STACKLESS_H
#define HOCKET_STACKLESS_H

#include <hocket/call.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Makes a stackless coroutine in the caller's memory.
 *   co: the first steps' struct; not moved until it has ended.
 *   step: the body.
 *   release: called once when co has ended as a task or is destroyed, and may free it; NULL:
 *   nothing.
 * Returns: nothing; cannot fail. Blocks: never. Cancel: no. Threads: any. */
HK_API void hk_stackless_init(hk_coro *co, hk_step_fn *step, void (*release)(hk_coro *co));

HK_API hk_step hk__stackless_delegate(hk_coro *inner, void *in, bool fresh);

static inline hk_step hk__step(hk_outcome outcome, void *value)
{
    hk_step step;
    step.outcome = outcome;
    step.value = value;
    return step;
}

static inline hk_step hk__step_end(void *value)
{
    return hk__step(hk_is_err(value) ? HK_FAILED : HK_RETURNED, value);
}

static inline hk_step hk__step_trap(hk_call *call) { return hk__step(HK_TRAPPED, call); }

#define HK_BEGIN(co) \
    switch ((co)->at.stackless.pc) { \
    case 0:

/* The last line of a step: the coroutine's value; an error is a failure. */
#define HK_END(co, v) \
    } \
    return hk__step_end(v)

/* Ends the coroutine early. */
#define HK_RETURN(co, v) return hk__step_end(v)

/* Yields v; then `in` is what was sent. */
#define HK_GIVE(co, v) HK__GIVE(co, v, __COUNTER__ + 1)
#define HK__GIVE(co, v, n) \
    do { \
        (co)->at.stackless.pc = (n); \
        return hk__step(HK_YIELDED, (v)); \
    case (n):; \
    } while (0)

/* Makes a call that lives in the frame: (c)->type and its fields set by you, the rest done here.
 * Then (c)->result is there. */
#define HK_AWAIT(co, c) HK__AWAIT(co, c, __COUNTER__ + 1)
#define HK__AWAIT(co, c, n) \
    do { \
        (c)->state = HK__CALL_NEW; \
        (c)->abort_asked = 0; \
        (c)->done = NULL; \
        if (!hk_call_start(c)) { \
            (co)->at.stackless.pc = (n); \
            return hk__step_trap(c); \
        case (n): (c)->result = hk_num(in); \
        } \
    } while (0)

/* Hands all that is sent on to `inner` until it ends; then *ret_value is its value, or its error as
 * a value. The struct must hold what inner and ret_value point to. */
#define HK_DELEGATE(co, inner, ret_value) HK__DELEGATE(co, inner, ret_value, __COUNTER__ + 1)
#define HK__DELEGATE(co, inner, ret_value, n) \
    do { \
        hk_step hk__inner = hk__stackless_delegate((inner), NULL, true); \
        while (hk__inner.outcome == HK_YIELDED || hk__inner.outcome == HK_TRAPPED) { \
            (co)->at.stackless.pc = (n); \
            return hk__inner; \
        case (n): hk__inner = hk__stackless_delegate((inner), in, false); \
        } \
        *(ret_value) = hk__inner.value; \
    } while (0)

#ifdef __cplusplus
}
#endif
#endif
