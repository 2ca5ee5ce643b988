/* SPDX-License-Identifier: MIT */
/* Stacks, hot, warm and cold.
 *
 * A free stack cools down in three steps. Hot: the last ones freed on this thread, taken again
 * first, because their tops are in the cache. Warm: those beyond, still with their memory; the loop
 * trims them when it has nothing better to do. Cold: without memory, a bit in the map of a slab,
 * for any thread. Only the last step costs a system call, and only it takes a lock.
 *
 * A coroutine gives back the stack that it still runs on, and switches away. So putting one back
 * touches nothing of it but the owner at its top, and never trims the stack that was put.
 *
 * The owner, the hk__stackful, does not lie at the very top but some cache lines below, more or
 * fewer from stack to stack. Stacks are aligned to powers of two, so without this the busiest lines
 * of all coroutines would share a few sets of the cache.
 *
 * The smallest stacks have no guard but a line of a known pattern at their low end, and cannot give
 * back their memory by themselves: it goes with that of their neighbours. Where frames are larger
 * than a compiler meant them to be, there are none of that kind. */
#include "coro/stack.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "coro/lazy.h"
#include "coro/sanitize.h"
#include "coro/slab.h"
#include "coro/thread.h"

/* A switch among 1500 coroutines takes 8 ns with these colours, 10 with 16 that are a line apart,
 * and 20 with none. */
enum { LINE = 64, COLOURS = 8, COLOUR_STEP = 3 * LINE, DENSE_COLOURS = 4 };
static const uint64_t pattern = UINT64_C(0x6b636f6820657261); /* at the end of the smallest */

enum {
    HOT_MOST = 256,          /* hot stacks of one class and thread, */
    HOT_BYTES = 16 << 20,    /* or fewer where they are large */
    MANY = 4,                /* times as many, in use or not, and further ones can wait */
    TRIM_BATCH = 64,         /* stacks cooled down by one call */
    WARM_WITHOUT_LOOP = 1024 /* warm stacks of a thread that has no loop to trim them */
};

/* What lies near the top of each stack: the owner, and what is ours for as long as the stack is out
 * of its slab. */
struct place {
    hk__stackful owner;
    struct place *under; /* on a shelf */
    struct hk__slab *slab;
    unsigned valgrind; /* its number for this stack */
} __attribute__((aligned(LINE)));
_Static_assert(sizeof(hk_coro) == 104, "a task without a stack takes no more");
_Static_assert(offsetof(hk_coro, root) + sizeof(hk_coro *) == LINE &&
                   offsetof(hk_coro, tid) == LINE,
               "a switch between tasks touches one line of a coroutine");
_Static_assert(offsetof(hk__stackful, seldom) == 2 * LINE &&
                   offsetof(hk__stackful, back) == 3 * LINE &&
                   offsetof(hk__stackful, driven) < 4 * LINE &&
                   offsetof(hk__stackful, exceptions) == 4 * LINE &&
                   sizeof(struct place) == 5 * LINE,
               "a task's life touches all lines but the one of a consumer's switch");

/* Free stacks of one class. */
struct shelf {
    struct place *hot, *warm;
    uint32_t hot_room; /* for more; none before a thread's first stack is put */
    uint32_t warm_count;
    int32_t count; /* that have memory: fetched by this thread, less those that it has cooled */
};

static __thread struct {
    struct shelf of[HK__STACK_CLASSES];
    bool end_is_watched, on_valgrind; /* both known once a stack has been put */
} shelves __attribute__((tls_model("initial-exec")));

static uint32_t hot_limit(unsigned size_class)
{
    uint32_t fit = HOT_BYTES / 2048 >> size_class;
    return fit >= HOT_MOST ? HOT_MOST : fit + 1;
}

static void push(struct place **list, struct place *place)
{
    place->under = *list;
    *list = place;
}

/* Whoever makes one task often makes another: the lines of the next owner that its birth writes are
 * fetched meanwhile. */
static struct place *pop(struct place **list)
{
    struct place *place = *list, *next = place->under;
    *list = next;
    const uintptr_t lines = (uintptr_t)next; /* of nothing, where there is none */
    __builtin_prefetch((const void *)lines);
    __builtin_prefetch((const void *)(lines + offsetof(hk_coro, tid)));
    __builtin_prefetch((const void *)(lines + offsetof(hk__stackful, seldom)));
    __builtin_prefetch((const void *)(lines + offsetof(struct place, under)));
    return place;
}

/* How far below the top a stack has its owner. */
static size_t colour_of(size_t stack_size, size_t index)
{
    return stack_size < HK__STACK_LEAST ? index % DENSE_COLOURS * LINE
                                        : index % COLOURS * COLOUR_STEP;
}

bool hk__stack_reserve(unsigned size_class, struct hk__reserved *ret_cold)
{
    if (size_class >= HK__STACK_CLASSES) return false;
    int error = errno; /* belongs to whoever runs */
    ret_cold->stack = hk__slab_take(size_class, &ret_cold->slab);
    errno = error;
    return ret_cold->stack != NULL;
}

static struct place *furnish(const struct hk__reserved *cold)
{
    char *stack = cold->stack;
    struct hk__slab *slab = cold->slab;
    size_t index = (size_t)(stack - slab->low) / slab->stack_size;
    struct place *place = (struct place *)(void *)(stack + slab->stack_size) - 1;
    place = (struct place *)(void *)((char *)place - colour_of(slab->stack_size, index));
    place->owner.stack = stack;
    place->owner.size = (uint32_t)slab->stack_size;
    place->owner.size_class = slab->size_class;
    place->slab = slab;
    shelves.of[slab->size_class].count++;
    if (slab->stack_size < HK__STACK_LEAST) memcpy(stack, &pattern, sizeof pattern);
    place->valgrind = VALGRIND_STACK_REGISTER(stack, stack + slab->stack_size);
    return place;
}

static struct place *take_warm(struct shelf *shelf)
{
    shelf->warm_count--;
    hk__kept.stacks--;
    return pop(&shelf->warm);
}

static inline hk__stackful *hand_out(struct place *place)
{
    if (HK__UNLIKELY(shelves.on_valgrind)) hk__valgrind_get(&place->owner);
    hk__sanitize_get(&place->owner);
    return &place->owner;
}

static __attribute__((noinline)) hk__stackful *get_warm(struct shelf *shelf)
{
    return shelf->warm ? hand_out(take_warm(shelf)) : NULL;
}

hk__stackful *hk__stack_redeem(const struct hk__reserved *cold) { return hand_out(furnish(cold)); }

hk__stackful *hk__stack_get_cold(unsigned size_class)
{
    struct hk__reserved cold;
    return hk__stack_reserve(size_class, &cold) ? hk__stack_redeem(&cold) : NULL;
}

hk__stackful *hk__stack_get_used(unsigned size_class)
{
    if (size_class >= HK__STACK_CLASSES) return NULL;
    struct shelf *shelf = &shelves.of[size_class];
    if (HK__UNLIKELY(shelf->hot == NULL)) return get_warm(shelf);
    shelf->hot_room++;
    return hand_out(pop(&shelf->hot));
}

hk__stackful *hk__stack_get(size_t size, bool unguarded)
{
    const unsigned size_class = hk__stack_class(size, unguarded);
    hk__stackful *used = hk__stack_get_used(size_class);
    return HK__LIKELY(used != NULL) ? used : hk__stack_get_cold(size_class);
}

bool hk__stack_many(unsigned size_class)
{
    return size_class < HK__STACK_CLASSES &&
           shelves.of[size_class].count >= MANY * (int32_t)hot_limit(size_class);
}

bool hk__stack_is_damaged(const hk__stackful *unguarded)
{
    return memcmp(unguarded->stack, &pattern, sizeof pattern) != 0;
}

static inline void take_back(hk__stackful *owner)
{
    if (HK__UNLIKELY(shelves.on_valgrind)) hk__valgrind_put(owner);
    hk__sanitize_put(owner);
}

static void put_hot(struct shelf *shelf, struct place *place)
{
    shelf->hot_room--;
    push(&shelf->hot, place);
    take_back(&place->owner);
}

static void begin(void)
{
    shelves.end_is_watched = true;
    shelves.on_valgrind = RUNNING_ON_VALGRIND;
    for (unsigned i = 0; i < HK__STACK_CLASSES; i++) shelves.of[i].hot_room = hot_limit(i);
    hk__thread_watch_end();
}

/* There is no room among the hot ones, or it is not known yet how much there is. */
static __attribute__((noinline)) void put_slowly(struct shelf *shelf, struct place *place)
{
    if (HK__UNLIKELY(!shelves.end_is_watched)) {
        begin();
        put_hot(shelf, place);
        return;
    }
    if (hk__kept.stacks >= WARM_WITHOUT_LOOP && !hk__here.sched) hk__stack_trim();
    shelf->warm_count++;
    hk__kept.stacks++;
    push(&shelf->warm, place);
    take_back(&place->owner);
}

void hk__stack_put(hk__stackful *owner)
{
    struct place *place = (struct place *)owner;
    struct shelf *shelf = &shelves.of[owner->size_class];
    if (HK__LIKELY(shelf->hot_room > 0))
        put_hot(shelf, place);
    else
        put_slowly(shelf, place);
}

/* A batch of stacks on their way to their slabs. */
struct batch {
    struct iovec memory[TRIM_BATCH];
    struct hk__slab *slab[TRIM_BATCH];
    unsigned count;
};

/* After this the batch is all that knows of the stack; or its slab, where it shares its pages. */
static void add(struct batch *batch, struct place *place)
{
    hk__sanitize_return(&place->owner);
    const size_t guard = hk__stack_guard(place->owner.size);
    if (shelves.on_valgrind) hk__valgrind_return(&place->owner);
    VALGRIND_STACK_DEREGISTER(place->valgrind);
    shelves.of[place->owner.size_class].count--;
    if (place->owner.size < HK__STACK_LEAST) {
        hk__slab_return(place->slab, place->owner.stack);
        return;
    }
    struct iovec *memory = &batch->memory[batch->count];
    memory->iov_base = place->owner.stack + guard;
    memory->iov_len = place->owner.size - guard;
    batch->slab[batch->count++] = place->slab;
}

/* One call for all of them costs a third, where the kernel knows it; Valgrind does not. */
static long forget(const struct iovec *memory, unsigned count)
{
    if (RUNNING_ON_VALGRIND) return -1;
    return syscall(SYS_process_madvise, HK__THIS_PROCESS, memory, count, MADV_DONTNEED, 0);
}

/* Locked memory is not given back, and is not meant to be. */
static void cool(struct batch *batch)
{
    size_t page = hk__page_size();
    const struct iovec *memory = batch->memory;
    int error = errno;
    long done = forget(memory, batch->count);
    for (unsigned i = 0; i < batch->count; i++) {
        if (done <= 0) madvise(memory[i].iov_base, memory[i].iov_len, MADV_DONTNEED);
        hk__slab_return(batch->slab[i], (char *)memory[i].iov_base - page);
        done -= (long)memory[i].iov_len;
    }
    errno = error;
}

static __attribute__((noinline)) bool trim(void)
{
    struct batch batch;
    struct shelf *shelf = shelves.of;
    batch.count = 0;
    for (int n = 0; n < TRIM_BATCH && hk__kept.stacks > 0; n++) {
        while (!shelf->warm) shelf++;
        add(&batch, take_warm(shelf));
    }
    if (batch.count > 0) cool(&batch);
    return hk__kept.stacks > 0 || hk__lazy_trim();
}

__thread struct hk__kept hk__kept __attribute__((tls_model("initial-exec")));

bool hk__stack_trim(void) { return hk__kept.stacks > 0 ? trim() : hk__lazy_trim(); }

/* What is hot here is warm for nobody. */
static void let_cool(struct shelf *shelf)
{
    while (shelf->hot) {
        push(&shelf->warm, pop(&shelf->hot));
        shelf->warm_count++;
        hk__kept.stacks++;
    }
    shelf->hot_room = 0;
}

void hk__stack_thread_ends(void)
{
    shelves.end_is_watched = false;
    for (int i = 0; i < HK__STACK_CLASSES; i++) let_cool(&shelves.of[i]);
    while (hk__stack_trim()) continue;
    hk__sanitize_thread_ends();
}
