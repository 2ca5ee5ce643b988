/* SPDX-License-Identifier: MIT */
/* Arrays of coroutines that double, up to many millions. */
#ifndef HK_CORO_SLOTS_H
#define HK_CORO_SLOTS_H

#include <hocket/coro.h>

enum { HK__SLOTS_LEAST = 64 };

/* Twice as many slots, what was in the first ones, the others NULL; of none (NULL, 0), so many as
 * above. NULL: no memory, and nothing has changed. */
hk_coro **hk__slots_widen(hk_coro **slot, uint64_t before);

/* NULL is taken. */
void hk__slots_free(hk_coro **slot, uint64_t count);

#endif
