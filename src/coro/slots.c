/* SPDX-License-Identifier: MIT */
/* Arrays of coroutines that double.
 *
 * Large ones are mappings of their own: those grow by moving pages and not what is in them, and
 * what of them was never touched takes no memory. The largest are in huge pages: they fill up, and
 * to find memory for each small page would take longer than to make the tasks. */
#include "coro/slots.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { MAPPED = 8192 };  /* slots from which on it is one */
enum { HUGE = 2 << 20 }; /* bytes from which on it is in huge pages */

static void prefer_huge(void *map, size_t size)
{
    int error = errno;
    if (size >= HUGE) madvise(map, size, MADV_HUGEPAGE);
    errno = error;
}

static hk_coro **map_slots(uint64_t count)
{
    void *fresh = mmap(NULL, count * sizeof(hk_coro *), PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return fresh != MAP_FAILED ? fresh : NULL;
}

static hk_coro **remap(hk_coro **slot, size_t size)
{
    void *moved = mremap(slot, size, 2 * size, MREMAP_MAYMOVE);
    if (moved == MAP_FAILED) return NULL;
    prefer_huge(moved, 2 * size);
    return moved;
}

hk_coro **hk__slots_widen(hk_coro **slot, uint64_t before)
{
    const size_t size = before * sizeof *slot;
    if (before == 0) return calloc(HK__SLOTS_LEAST, sizeof *slot);
    if (before >= MAPPED) return remap(slot, size);
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
