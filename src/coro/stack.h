/* SPDX-License-Identifier: MIT */
/* Stacks with a coroutine at their top. */
#ifndef HK_CORO_STACK_H
#define HK_CORO_STACK_H

#include <hocket/coro.h>

#include "coro/slab.h"

enum { HK__STACK_DEFAULT = 64 * 1024 };

/* A stack of at least `size` bytes (0: the default), guarded unless it is small and need not be,
 * ready for use, whatever sanitizers think of it cleaned. At its coloured top lies the
 * hk__stackful, whose `stack`, `size` and `size_class` are filled in and kept for ever; all else in
 * it is the caller's to set. NULL: no memory. Any thread; the thread's own recently freed ones come
 * first. */
hk__stackful *hk__stack_get(size_t size, bool unguarded);

/* Whether somebody has written below a stack without a guard. */
bool hk__stack_is_damaged(const hk__stackful *unguarded);
static inline bool hk__stack_overflowed(const hk__stackful *owner)
{
    return HK__UNLIKELY(owner->size_class < HK__STACK_GUARDED) && hk__stack_is_damaged(owner);
}

/* Gives it back: kept hot for the next on this thread. */
void hk__stack_put(hk__stackful *owner);

/* Gives the memory of stacks freed beyond the hot ones back to the kernel, a bounded number per
 * call. True: there are more. */
bool hk__stack_trim(void);

/* This thread's coroutine, made when the thread first resumes one; hk__here.self from then on where
 * no coroutine runs. */
hk_coro *hk__thread_enter(void);

#endif
