/* SPDX-License-Identifier: MIT */
/* Sees what a scheduler asks of its world, and what it is told. */
#ifndef SUPPORT_SPY_H
#define SUPPORT_SPY_H

#include <stdint.h>

enum spy_point {
    SPY_DIRECT, /* a transfer or an open was tried directly; kind: HK__DIRECT_READ ... */
    SPY_SUBMIT, /* an operation was begun; kind: HK__OP_READ ... */
    SPY_DONE    /* it is done, and the scheduler does not know yet; as SUBMIT */
};

typedef void spy_fn(enum spy_point point, int kind, int64_t *result);

/* From now on fn sees each of these of the scheduler that runs here, and may change the result. To
 * be called before the pool has done anything for it. */
void spy_start(spy_fn *fn);

/* From now on every second direct transfer of a file finds nothing in the cache. (The kernel's own
 * cache forgets when it likes.) */
void spy_forget(void);

#endif
