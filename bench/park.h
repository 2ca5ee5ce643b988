/* SPDX-License-Identifier: MIT */
/* park: a call of the benches' own that waits until somebody completes it. */
#ifndef BENCH_PARK_H
#define BENCH_PARK_H

#include <hocket/call.h>

struct park {
    hk_call call;
    struct park *next;
};

/* Those that wait: newest first. */
struct parked {
    struct park *list;
    long count;
};
extern struct parked parked;
extern const hk_call_type park_type;

static inline void park(void)
{
    struct park p = { .call.type = &park_type };
    (void)hk_trap(&p.call);
}

/* Completes the one that came last; false: nobody waits. */
bool unpark(void);

#endif
