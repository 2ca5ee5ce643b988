/* SPDX-License-Identifier: MIT */
/* What the rooms above need of coroutines. */
#ifndef HK_CORO_CORO_H
#define HK_CORO_CORO_H

#include <hocket/call.h>
#include <hocket/coro.h>
#include <hocket/scope.h>

struct hk__why {
    int error;
    char text[252];
};

/* Whether a stack has room for what is to be copied to its top. */
static inline bool hk__coro_fits(const hk__stackful *s, const hk_coro_options *options)
{
    return options->arg_size <= s->size / 2;
}
/* coro.c. Readies a fresh stack on which that fits, but for its name: entry, argument, context.
 * `end` is called with the body's value and must not return. */
void hk__coro_arm(hk__stackful *s, hk_entry *fn, void *arg, const hk_coro_options *options,
                  void (*end)(hk__stackful *self, void *value));
void hk__coro_main(hk_coro *co) __attribute__((noreturn, used));
/* Misuse: a task yields an item; an error is yielded. */
void hk__yield_unconsumed(const hk_coro *task) __attribute__((noreturn, cold));
void hk__yield_of_error(const hk_coro *co, const void *value) __attribute__((noreturn, cold));
/* NULL: a stackless one that has none. */
static inline struct hk__seldom *hk__seldom_of(const hk_coro *co)
{
    hk__stackful *s = (hk__stackful *)(uintptr_t)co;
    if (co->leaf != NULL) return &s->seldom;
    const intptr_t it = co->at.stackless.seldom;
    return it & 1 ? NULL : (struct hk__seldom *)it;
}
/* The same, which is made where it is not there; NULL: no memory. coro.c. */
struct hk__seldom *hk__seldom_make(hk_coro *co);
/* NULL: it has none. */
static inline const char *hk__name_given(const hk_coro *co)
{
    const struct hk__seldom *it = hk__seldom_of(co);
    return it != NULL ? it->name : NULL;
}
static inline const char *hk__coro_name(const hk_coro *co)
{
    const char *name = hk__name_given(co);
    return name != NULL ? name : co->tid != 0 ? "task" : "coroutine";
}
/* The call that a suspended strand is parked in, or, of a stackless one, was. */
static inline hk_call *hk__call_of(const hk_coro *co)
{
    return co->leaf != NULL ? ((const hk__stackful *)co)->call : co->returned;
}
/* The one on which the scopes of a coroutine's code are, as it runs. */
static inline hk_coro *hk__strand_of(const hk_coro *co)
{
    while (co->leaf == NULL && co->state == HK__BOUND)
        co = hk__lender_of(co); /* a step runs as part of who resumed it */
    return co->leaf == NULL || co->root == NULL ? (hk_coro *)(uintptr_t)co : co->root;
}
/* Misuse: co ends, or yields, and has a scope open. */
void hk__scope_left_open(const hk_coro *co, const hk_scope *scope, const char *verb)
    __attribute__((noreturn, cold));
static inline void hk__scopes_check(const hk_coro *co, const hk_coro *strand, const char *verb)
{
    const hk_scope *scope = strand->scope;
    if (HK__UNLIKELY(scope != NULL && scope->owner == co)) hk__scope_left_open(co, scope, verb);
}
/* Frees what belongs to a coroutine besides its stack. */
void hk__coro_clear(hk_coro *co);
static inline hk_step hk__refused(int error)
{
    return (hk_step){ .outcome = HK_REFUSED, .error = error };
}

/* at_end.c */
void hk__at_end_run(hk__stackful *s);

/* stackless.c: one resume on the caller's stack, and what its consumer must do about it. */
hk_step hk__stackless_send(hk_coro *co, void *value);

/* call.c */
/* Hands a call of the strand that runs to the driver of its root, and waits. */
void hk__call_hand_up(hk_coro *self, hk_call *call);
/* Asks, once, whether a parked call can be let go of; true: it is settled with result. */
bool hk__call_abort(hk_call *call, intptr_t result);

/* failure.c. The text of a failure goes with it: up, to who resumed the one that ended; or, as a
 * copy, down to the one it is thrown into. */
void hk__why_pass(hk_coro *from, hk_coro *to, intptr_t error);
/* What was said of this error; NULL: nothing. */
const char *hk__why_of(const hk_coro *co, int error);
/* Takes the place of what was said. */
void hk__why_put(hk_coro *co, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4), cold));
/* Who is asked why a coroutine is cancelled; the length of the text, 0: it is not. */
void hk__why_cancelled(int (*explain)(hk_coro *me, char *buf, size_t size));
void hk__why_lend(const hk_coro *from, hk_coro *to, intptr_t error);

#endif
