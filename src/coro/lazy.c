/* SPDX-License-Identifier: MIT */
/* Coroutines whose stacks are still to come.
 *
 * What one of them is until it runs fits a small block, together with the right to a stack: one
 * that is reserved in a slab, of which nothing is touched. When it runs it gets a stack that was
 * used before, if there is one by now, and the block keeps its right for the next. Free blocks go
 * when stacks do: when the loop has nothing better to do, and with their thread. */
#include "coro/lazy.h"

#include "coro/thread.h"

#include <stdlib.h>

enum { TRIM_BATCH = 256 }; /* given back by one call */

static __thread hk_coro *shelves[HK__STACK_CLASSES] /* linked by next; hk__kept counts them */
    __attribute__((tls_model("initial-exec")));

static hk__lazy *take(hk_coro **shelf)
{
    hk_coro *co = *shelf;
    *shelf = co->next;
    hk__kept.blocks--;
    return (hk__lazy *)co;
}

static hk__lazy *make(unsigned size_class)
{
    hk__lazy *l = malloc(sizeof *l);
    if (l == NULL) return NULL;
    l->size_class = (uint8_t)size_class;
    l->reserved.stack = NULL;
    return l;
}

hk__lazy *hk__lazy_get(unsigned size_class)
{
    hk_coro **shelf = &shelves[size_class];
    hk__lazy *l = HK__LIKELY(*shelf != NULL) ? take(shelf) : make(size_class);
    if (l == NULL || l->reserved.stack != NULL) return l;
    if (hk__stack_reserve(size_class, &l->reserved)) return l;
    free(l);
    return NULL;
}

hk__stackful *hk__lazy_stack(hk__lazy *l)
{
    hk__stackful *used = hk__stack_get_used(l->size_class);
    if (HK__LIKELY(used != NULL)) return used;
    hk__stackful *mine = hk__stack_redeem(&l->reserved);
    l->reserved.stack = NULL;
    return mine;
}

void hk__lazy_put(hk_coro *co)
{
    hk_coro **shelf = &shelves[((hk__lazy *)co)->size_class];
    hk__thread_watch_end();
    co->next = *shelf;
    *shelf = co;
    hk__kept.blocks++;
}

bool hk__lazy_trim(void)
{
    hk_coro **shelf = shelves;
    for (int n = 0; n < TRIM_BATCH && hk__kept.blocks > 0; n++) {
        while (*shelf == NULL) shelf++;
        hk__lazy *l = take(shelf);
        if (l->reserved.stack != NULL) hk__slab_return(l->reserved.slab, l->reserved.stack);
        free(l);
    }
    return hk__kept.blocks > 0;
}
