/* SPDX-License-Identifier: MIT */
/* Where contexts begin, and how to look at one that is parked. Whoever leaves one uses hk__switch
 * of hocket/context.h. */
#ifndef HK_CORO_CONTEXT_H
#define HK_CORO_CONTEXT_H

#include <hocket/context.h>

typedef struct hk_coro hk_coro;

/* Makes ctx a fresh context: the first switch to it calls hk__coro_main(co) on the stack between
 * low and top. It begins with the control words that every program begins with, not its maker's. */
void hk__context_prepare(hk__context *ctx, char *low, char *top, hk_coro *co);

/* Where a fresh context begins; the last frame that an unwinder sees. */
void hk__context_entry(void);

/* Supplied by coro.c: the life of a coroutine. Never returns. */
void hk__coro_main(hk_coro *co) __attribute__((noreturn));

/* Calls fn(arg) here, on this stack, while unwinders are told that its caller is the parked context
 * ctx: backtrace() in fn shows where ctx was left. False: contexts of this build cannot be walked,
 * and fn was not called. */
bool hk__call_as_caller(const hk__context *ctx, void (*fn)(void *arg), void *arg);

#endif
