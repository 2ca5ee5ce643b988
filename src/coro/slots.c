/* SPDX-License-Identifier: MIT */
/* Arrays of coroutines that double.
 *
 * Large ones are mappings of their own: those grow by moving pages and not what is in them, and
 * what of them was never touched takes no memory. */
#include "coro/slots.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { MAPPED = 8192 }; /* slots from which on it is one */

static hk_coro **map_slots(uint64_t count)
{
    void *fresh = mmap(NULL, count * sizeof(hk_coro *), PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return fresh != MAP_FAILED ? fresh : NULL;
}

hk_coro **hk__slots_widen(hk_coro **slot, uint64_t before)
{
    const size_t size = before * sizeof *slot;
    if (before == 0) return calloc(HK__SLOTS_LEAST, sizeof *slot);
    if (before >= MAPPED) {
        void *moved = mremap(slot, size, 2 * size, MREMAP_MAYMOVE);
        return moved != MAP_FAILED ? moved : NULL;
    }
    hk_coro **wide = 2 * before < MAPPED ? calloc(2 * before, sizeof *slot) : map_slots(2 * before);
    if (wide == NULL) return NULL;
    memcpy(wide, slot, size);
    free(slot);
    return wide;
}

void hk__slots_free(hk_coro **slot, uint64_t count)
{
    if (slot != NULL && count >= MAPPED)
        munmap(slot, count * sizeof *slot);
    else
        free(slot);
}
