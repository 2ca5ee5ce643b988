/* SPDX-License-Identifier: MIT */
/* Stacks with a coroutine at their top. */
#ifndef HK_CORO_STACK_H
#define HK_CORO_STACK_H

#include <hocket/coro.h>

#include "coro/slab.h"

enum { HK__STACK_DEFAULT = 64 * 1024 };

#if defined(HK__ASAN) || defined(HK__TSAN) || defined(HK_CONTEXT_REFERENCE)
enum { HK__STACK_CLASS_LEAST = HK__STACK_GUARDED };
#else
enum { HK__STACK_CLASS_LEAST = 0 };
#endif

/* A stack of at least `size` bytes (0: the default), guarded unless it is small and need not be,
 * ready for use, whatever sanitizers think of it cleaned. At its coloured top lies the
 * hk__stackful, whose `stack`, `size` and `size_class` are filled in and kept for ever; all else in
 * it is the caller's to set. NULL: no memory. Any thread; the thread's own recently freed ones come
 * first. */
hk__stackful *hk__stack_get(size_t size, bool unguarded);

/* The same in parts. A size's class; HK__STACK_CLASSES or more: there is no such stack. */
static inline unsigned hk__stack_class(size_t size, bool unguarded)
{
    if (size == 0) return (unsigned)__builtin_ctz(HK__STACK_DEFAULT) - 11;
    const unsigned least = unguarded ? HK__STACK_CLASS_LEAST : HK__STACK_GUARDED;
    if (size < (size_t)2048 << least) return least;
    return (unsigned)(64 - __builtin_clzll(size - 1)) - 11;
}

/* A stack that was in use before and has its memory; NULL: none is free here. */
hk__stackful *hk__stack_get_used(unsigned size_class);

/* One that was not. NULL: no memory. */
hk__stackful *hk__stack_get_cold(unsigned size_class);

/* Whether this thread has so many that have memory that who needs one more better waits for it. */
bool hk__stack_many(unsigned size_class);

/* A cold one for later: address space with its guard, of which nothing is touched until it is
 * redeemed. reserve: false: no memory. */
struct hk__reserved {
    char *stack;
    struct hk__slab *slab;
};
bool hk__stack_reserve(unsigned size_class, struct hk__reserved *ret_cold);
hk__stackful *hk__stack_redeem(const struct hk__reserved *cold);

/* Whether somebody has written below a stack without a guard. */
bool hk__stack_is_damaged(const hk__stackful *unguarded);
static inline bool hk__stack_overflowed(const hk__stackful *owner)
{
    return HK__UNLIKELY(owner->size_class < HK__STACK_GUARDED) && hk__stack_is_damaged(owner);
}

/* Gives it back: kept hot for the next on this thread. */
void hk__stack_put(hk__stackful *owner);

/* What this thread keeps though nobody uses it: stacks beyond the hot ones, blocks of lazy.c. */
struct hk__kept {
    uint32_t stacks, blocks;
};
extern __thread struct hk__kept hk__kept __attribute__((tls_model("initial-exec")));

/* Gives memory of these back to the kernel, a bounded number per call. True: there are more. */
bool hk__stack_trim(void);
static inline bool hk__stack_trims(void) { return (hk__kept.stacks | hk__kept.blocks) != 0; }

/* This thread's coroutine, made when the thread first resumes one; hk__here.self from then on where
 * no coroutine runs. */
hk_coro *hk__thread_enter(void);

#endif
