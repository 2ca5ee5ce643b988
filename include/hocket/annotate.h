/* SPDX-License-Identifier: MIT */
/* What sanitizers and the C++ runtime must be told at a switch. Private; included by coro.h.
 *
 * - AddressSanitizer: start/finish_switch_fiber around each switch, NULL for the fake stack of one
 * that never comes back.
 * - ThreadSanitizer: switch_to_fiber, inlined into the function that switches: a hook that is
 * called pushes its own frame on the old fiber's shadow stack and pops it from the new one's.
 * - C++: the exceptions being handled are per coroutine, or two tasks parked in catch blocks
 * rethrow each other's. Who leaves puts those of the other in their place: one look serves both.
 *
 * Valgrind and the rest of the sanitizers' calls concern stacks, not switches: src/coro/stack.c. */
#ifndef HOCKET_ANNOTATE_H
#define HOCKET_ANNOTATE_H

#include <hocket/coro.h>

#if defined(__SANITIZE_ADDRESS__)
#define HK__ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HK__ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define HK__TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HK__TSAN 1
#endif
#endif
#ifdef HK__ASAN
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef HK__TSAN
#include <sanitizer/tsan_interface.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Whose stack `co` runs on: a stackless step borrows that of whoever resumed it. */
static inline hk__stackful *hk__stack_owner(hk_coro *co)
{
    while (co->leaf == NULL) co = hk__lender_of(co);
    return (hk__stackful *)co;
}

/* Just before a switch from `from` to `to`; `last`: from never runs again. */
static inline __attribute__((always_inline)) void hk__leave(hk_coro *from, hk_coro *to, bool last)
{
    (void)to;
    (void)last;
    if (HK__UNLIKELY(hk__here.exceptions != NULL)) {
        hk__stack_owner(from)->exceptions = *hk__here.exceptions;
        *hk__here.exceptions = hk__stack_owner(to)->exceptions;
    }
#ifdef HK__ASAN
    hk__stackful *there = hk__stack_owner(to);
    __sanitizer_start_switch_fiber(last ? NULL : &hk__stack_owner(from)->fake_stack, there->stack,
                                   there->size);
#endif
#ifdef HK__TSAN
    __tsan_switch_to_fiber(hk__stack_owner(to)->fiber, 0);
#endif
}

/* Just after a switch came back to `me`. */
static inline __attribute__((always_inline)) void hk__arrive(hk_coro *me)
{
    (void)me;
#ifdef HK__ASAN
    __sanitizer_finish_switch_fiber(hk__stack_owner(me)->fake_stack, NULL, NULL);
#endif
}

#ifdef __cplusplus
}
#endif
#endif
