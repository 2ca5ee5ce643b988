/* SPDX-License-Identifier: MIT */
/* Coroutines whose stacks are still to come. */
#ifndef HK_CORO_LAZY_H
#define HK_CORO_LAZY_H

#include "coro/stack.h"

enum { HK__LAZY_COPY = 48 };

typedef struct hk__lazy {
    hk_coro coro; /* until it has its stack; it looks like a stackless one */
    struct hk__seldom seldom;
    hk_entry *entry;
    void *arg;
    void (*arg_release)(void *arg);
    uint32_t arg_size;
    uint8_t size_class;
    struct hk__reserved reserved; /* .stack is NULL: it is in use */
    char copy[HK__LAZY_COPY];     /* of *arg, where arg_size is not 0 */
} hk__lazy;

/* One that has a stack reserved; all else in it is the caller's to set. NULL: no memory. */
hk__lazy *hk__lazy_get(unsigned size_class);

/* The stack that it gets: a used one, where one is free by now, or the one it has reserved. */
hk__stackful *hk__lazy_stack(hk__lazy *lazy);

/* Gives it back: kept for the next on this thread. As the release of its coroutine it says what
 * that is. */
void hk__lazy_put(hk_coro *lazy);
static inline bool hk__lazy_is(const hk_coro *co)
{
    return co->leaf == NULL && co->at.stackless.release == hk__lazy_put;
}

/* Frees those that are kept, with what they have reserved, a bounded number per call. True: there
 * are more. */
bool hk__lazy_trim(void);

#endif
