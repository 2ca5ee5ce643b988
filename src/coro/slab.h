/* SPDX-License-Identifier: MIT */
/* Memory for stacks: slabs of equal stacks, each with a guard page below, except the smallest. */
#ifndef HK_CORO_SLAB_H
#define HK_CORO_SLAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HK__STACK_CLASSES = 21, /* 2 KiB << size_class, so up to 2 GiB */
    HK__STACK_GUARDED = 3,  /* the first class with guards: 16 KiB */
    HK__STACK_LEAST = 2048 << HK__STACK_GUARDED,
    HK__SLAB_DENSE = 2 * 1024 * 1024,  /* one of stacks without guards: a huge page */
    HK__SLAB_BYTES = 64 * 1024 * 1024, /* address space reserved at once */
    HK__SLAB_SHARED = 4 * 1024 * 1024  /* larger stacks have a slab of their own */
};

struct hk__slab {
    struct hk__slab *next, **link; /* in a list of its class: those with room, or the full ones */
    char *low;
    size_t stack_size;
    uint32_t count;   /* stacks that fit */
    uint32_t carved;  /* so many were ever taken */
    uint32_t guarded; /* so many have their guards, if they are the cheaper kind */
    uint32_t cold;    /* so many of those that were taken are free */
    uint8_t size_class;
    bool guards_by_protection; /* the kernel refused the cheaper kind here */
    uint64_t free[];           /* a bit for each stack that was carved and is free */
};

/* A stack's lowest address, and its slab. NULL: no memory. */
char *hk__slab_take(unsigned size_class, struct hk__slab **ret_slab);

/* Takes a stack back whose memory has been given back already; nothing of it is needed here. */
void hk__slab_return(struct hk__slab *slab, char *stack);

/* For process_madvise: PIDFD_SELF of Linux 6.14; older ones say EBADF. */
enum { HK__THIS_PROCESS = -10001 };

/* The system's, bytes. */
size_t hk__page_size(void);

/* What of a stack of that size is no room: the guard page, or the line that stands for it. */
static inline size_t hk__stack_guard(size_t stack_size)
{
    return stack_size < HK__STACK_LEAST ? 64 : hk__page_size();
}

#endif
