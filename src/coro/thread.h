/* SPDX-License-Identifier: MIT */
/* What a thread brings along: itself as a coroutine, and an end. */
#ifndef HK_CORO_THREAD_H
#define HK_CORO_THREAD_H

#include <stdbool.h>

#include <hocket/coro.h>

/* Whether this is the coroutine that stands for its thread. Safe in signal handlers. */
bool hk__thread_is(const hk_coro *co);

/* Whoever keeps something for this thread asks to be told when it ends: the functions below. */
void hk__thread_watch_end(void);

/* stack.c: gives back the stacks that this thread kept. */
void hk__stack_thread_ends(void);

/* overflow.c: makes this thread report stack overflows, as far as memory allows; and no more. */
void hk__overflow_thread_begins(void);
void hk__overflow_thread_ends(void);

#endif
