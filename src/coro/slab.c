/* SPDX-License-Identifier: MIT */
/* Slabs of stacks.
 *
 * A slab is one mapping, cut into stacks of equal size; nothing of it costs memory until it is
 * touched. The lowest page of each stack is a guard. MADV_GUARD_INSTALL makes one without splitting
 * the mapping, so a million stacks are a handful of mappings, because the kernel joins neighbouring
 * slabs. Kernels before 6.13 do not know it, and none does it to locked memory: there mprotect
 * makes the guard, which costs a mapping for each stack, so that some 32,000 stacks are the end of
 * the default vm.max_map_count. Either way a stack without a guard is never handed out.
 *
 * A slab is reserved when the last one is used up. Stacks are carved from it in order; those that
 * come back are bits in its map. Slabs with room are taken from newest-opened first, and a full one
 * that gets a stack back is put in front: so the fullest are filled and the emptiest drain. An
 * empty slab is unmapped, except one of each class, which spares whoever breathes in and out the
 * work.
 *
 * The smallest stacks have no guards, and share pages with others: theirs are to be huge ones, and
 * their memory goes with their slab, which is one such page: of just this size, as the kernel looks
 * for a fitting place only for whole ones. */
#include "coro/slab.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/say.h"
#include "coro/sanitize.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

enum { GUARDS_AT_ONCE = 16 };

static struct {
    struct hk__slab *roomy, *full;
    uint32_t empty; /* slabs of which no stack is out */
} classes[HK__STACK_CLASSES];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

size_t hk__page_size(void)
{
    static size_t known; /* atomic: all threads find the same */
    size_t size = __atomic_load_n(&known, __ATOMIC_RELAXED);
    if (size == 0) __atomic_store_n(&known, size = getauxval(AT_PAGESZ), __ATOMIC_RELAXED);
    return size;
}

static void link_slab(struct hk__slab **list, struct hk__slab *slab)
{
    slab->next = *list;
    slab->link = list;
    if (slab->next) slab->next->link = &slab->next;
    *list = slab;
}

static void unlink_slab(struct hk__slab *slab)
{
    *slab->link = slab->next;
    if (slab->next) slab->next->link = slab->link;
}

/* Where pages are large, a small stack still has a few besides its guard. */
static size_t stack_size(unsigned size_class)
{
    size_t size = (size_t)2048 << size_class, least = 4 * hk__page_size();
    return size > least || size_class < HK__STACK_GUARDED ? size : least;
}

static void lock_before_fork(void) { pthread_mutex_lock(&lock); }
static void unlock_after_fork(void) { pthread_mutex_unlock(&lock); }

/* A child must not find the lock held by a thread that it does not have. The first stack may be
 * taken while another thread forks: then it would be too late to say this. */
static __attribute__((constructor)) void watch_forks(void)
{
    pthread_atfork(lock_before_fork, unlock_after_fork, unlock_after_fork);
}

/* Below the lowest stack without a guard there is room for what the sentence about its overflow
 * takes. Below the others lie stacks, of a process that ends. */
static size_t lead_of(unsigned size_class) { return size_class < HK__STACK_GUARDED ? 8192 : 0; }

/* MAP_STACK by itself rules huge pages out. */
static char *reserve(size_t bytes, bool dense)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | (dense ? 0 : MAP_STACK);
    char *low = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (low == MAP_FAILED) return NULL;
    /* Refused where there are no huge pages: as good. */
    madvise(low, bytes, dense ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    return low;
}

/* A new slab; a smaller one where memory is limited (RLIMIT_AS, strict overcommit, mlockall). */
static struct hk__slab *open_slab(unsigned size_class)
{
    size_t size = stack_size(size_class);
    const bool dense = size_class < HK__STACK_GUARDED;
    const size_t lead = lead_of(size_class), all = dense ? HK__SLAB_DENSE : HK__SLAB_BYTES;
    size_t count = size > HK__SLAB_SHARED ? 1 : (all - lead) / size;
    struct hk__slab *slab = calloc(1, sizeof *slab + (count + 63) / 64 * sizeof *slab->free);
    if (!slab) return NULL;
    while (!(slab->low = reserve(lead + count * size, dense)) && count > 1) count /= 2;
    if (!slab->low) {
        free(slab);
        return NULL;
    }
    slab->low += lead;
    slab->stack_size = size;
    slab->count = (uint32_t)count;
    slab->size_class = (uint8_t)size_class;
    link_slab(&classes[size_class].roomy, slab);
    classes[size_class].empty++;
    return slab;
}

/* Unmaps an empty slab that is in no list. The kernel may refuse, as it does where the hole would
 * need one mapping more than it allows: then the slab stays in use. */
static void close_slab(struct hk__slab *slab)
{
    const size_t lead = lead_of(slab->size_class);
    if (munmap(slab->low - lead, lead + slab->count * slab->stack_size) == 0) {
        free(slab);
        return;
    }
    pthread_mutex_lock(&lock);
    link_slab(&classes[slab->size_class].roomy, slab);
    classes[slab->size_class].empty++;
    pthread_mutex_unlock(&lock);
}

/* Emulators take any advice and do nothing, so the first guard of a slab is tried: nothing can be
 * populated there. */
static bool install_light_guard(char *stack, size_t page, bool try)
{
    return madvise(stack, page, MADV_GUARD_INSTALL) == 0 &&
           !(try && madvise(stack, page, MADV_POPULATE_READ) == 0);
}

/* Those of the next few stacks by one call, at a quarter of the price. False: no such call. */
static bool install_guards(struct hk__slab *slab, char *stack, size_t page)
{
    static bool unknown; /* under the lock */
    struct iovec guard[GUARDS_AT_ONCE];
    uint32_t n = slab->count - slab->carved;
    if (unknown || RUNNING_ON_VALGRIND) return false;
    if (n > GUARDS_AT_ONCE) n = GUARDS_AT_ONCE;
    for (uint32_t i = 0; i < n; i++)
        guard[i] = (struct iovec){ stack + i * slab->stack_size, page };
    long done = syscall(SYS_process_madvise, HK__THIS_PROCESS, guard, n, MADV_GUARD_INSTALL, 0);
    unknown = done < 0;
    if (done > 0) slab->guarded = slab->carved + (uint32_t)((size_t)done / page);
    return done > 0;
}

static bool install_guard(struct hk__slab *slab, char *stack)
{
    size_t page = hk__page_size();
    if (slab->size_class < HK__STACK_GUARDED || slab->carved < slab->guarded) return true;
    if (!slab->guards_by_protection) {
        const bool first = slab->carved == 0;
        if (!first && install_guards(slab, stack, page)) return true;
        if (install_light_guard(stack, page, first)) return true;
        slab->guards_by_protection = true;
    }
    return mprotect(stack, page, PROT_NONE) == 0;
}

/* A free stack of a slab with room; its number, or -1 where the kernel refuses its guard. */
static int64_t take_from(struct hk__slab *slab)
{
    if (slab->cold == 0) {
        if (!install_guard(slab, slab->low + slab->carved * slab->stack_size)) return -1;
        return slab->carved++;
    }
    uint64_t *word = slab->free;
    while (*word == 0) word++;
    int bit = __builtin_ctzll(*word);
    *word &= *word - 1;
    slab->cold--;
    return (word - slab->free) * 64 + bit;
}

char *hk__slab_take(unsigned size_class, struct hk__slab **ret_slab)
{
    char *stack = NULL;
    pthread_mutex_lock(&lock);
    struct hk__slab *slab = classes[size_class].roomy;
    if (!slab) slab = open_slab(size_class);
    if (slab) {
        bool was_empty = slab->cold == slab->carved;
        int64_t index = take_from(slab);
        if (index >= 0) {
            stack = slab->low + (size_t)index * slab->stack_size;
            *ret_slab = slab;
            classes[size_class].empty -= was_empty;
        }
        if (slab->cold == 0 && slab->carved == slab->count) {
            unlink_slab(slab);
            link_slab(&classes[size_class].full, slab);
        }
    }
    pthread_mutex_unlock(&lock);
    return stack;
}

void hk__slab_return(struct hk__slab *slab, char *stack)
{
    size_t index = (size_t)(stack - slab->low) / slab->stack_size;
    uint64_t bit = UINT64_C(1) << (index % 64);
    bool close = false;
    pthread_mutex_lock(&lock);
    HK__ASSERT(index < slab->carved && !(slab->free[index / 64] & bit));
    if (slab->cold == 0 && slab->carved == slab->count) {
        unlink_slab(slab);
        link_slab(&classes[slab->size_class].roomy, slab);
    }
    slab->free[index / 64] |= bit;
    if (++slab->cold == slab->carved) {
        close = slab->count == 1 || classes[slab->size_class].empty > 0;
        if (close)
            unlink_slab(slab);
        else
            classes[slab->size_class].empty++;
    }
    pthread_mutex_unlock(&lock);
    if (close) close_slab(slab);
}
