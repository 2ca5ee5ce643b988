/* SPDX-License-Identifier: MIT */
/* What a channel is made of. */
#ifndef HK_SYNC_CHANNEL_H
#define HK_SYNC_CHANNEL_H

#include <hocket/channel.h>

#include "calls/calls.h"

#include <string.h>

/* A place in the heap of an ordered channel. */
struct hk__place {
    uint64_t order; /* when it was sent */
    char *item;     /* behind the channel; of places that are free: where the next items go */
};

struct hk_chan {
    hk_sched *sched; /* whose tasks use it; NULL: not known yet */
    size_t size;     /* of an item, bytes */
    size_t count, capacity;
    char *head, *tail; /* items in a ring: the oldest, and where the next one goes */
    char *items, *end;
    hk__queue senders, receivers; /* that wait; receivers only where it is empty */
    uint64_t sent;
    size_t most;
    bool closed, abandoned;

    uint64_t serial; /* of its scheduler */
    struct hk__listed open;
    struct hk__place *places; /* of an ordered one, a heap: the first is the smallest */
    int (*compare)(const void *a, const void *b);
    void (*item_release)(void *item);
};

/* Whether a channel, of any kind, is one: not NULL, and no error in place of one that could not be
 * opened. */
static inline bool hk__is_open(const void *ch)
{
    return HK__LIKELY((uintptr_t)ch - 1 < (uintptr_t)-4096);
}

/* Items are small: most of them a pointer, a number or two. */
static inline __attribute__((always_inline)) void hk__item_copy(void *to, const void *from,
                                                                size_t size)
{
    if (HK__LIKELY(size == 8))
        memcpy(to, from, 8);
    else if (size == 4)
        memcpy(to, from, 4);
    else if (size == 16)
        memcpy(to, from, 16);
    else
        memcpy(to, from, size);
}

/* ordered.c: the places of an ordered channel, which has room, or an item. */
void hk__ordered_open(hk_chan *ch);
void hk__ordered_put(hk_chan *ch, const void *item);
void hk__ordered_take(hk_chan *ch, void *item);

#endif
