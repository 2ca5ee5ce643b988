/* SPDX-License-Identifier: MIT */
/* The inbox: the only door for other threads.
 *
 * A post is pushed on a lock-free list and taken by the loop all at once. Waking the loop costs a
 * system call, so it is woken only where it sleeps: the poster pushes, then reads `sleeping`; the
 * loop sets `sleeping`, then looks at the list. All four are sequentially consistent, or both could
 * miss each other; the same goes for the count of holds. (The flag is exchanged, not stored: under
 * qemu a load may pass even a sequentially consistent store.)
 *
 * A scheduler's memory is never given back, only used again: so a post that comes too late finds a
 * closed door, not freed memory. The count of posters keeps the world's wake-up descriptor alive
 * while one of them is at it. */
#include "sched/sched.h"

#include <sched.h>
#include <stdlib.h>

void hk__inbox_wake(hk_sched *s)
{
    if (__atomic_load_n(&s->inbox.sleeping, __ATOMIC_SEQ_CST) &&
        __atomic_exchange_n(&s->inbox.sleeping, false, __ATOMIC_ACQ_REL))
        s->world->table->wake(s->world);
}

int hk_sched_post(hk_sched *s, void (*fn)(void *arg), void *arg)
{
    struct hk__post *post = malloc(sizeof *post);
    if (post == NULL) return -ENOMEM;
    post->fn = fn;
    post->arg = arg;
    __atomic_fetch_add(&s->inbox.posters, 1, __ATOMIC_SEQ_CST);
    bool open = __atomic_load_n(&s->inbox.open, __ATOMIC_SEQ_CST);
    if (open) {
        post->next = __atomic_load_n(&s->inbox.posts, __ATOMIC_RELAXED);
        while (!__atomic_compare_exchange_n(&s->inbox.posts, &post->next, post, true,
                                            __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {}
        hk__inbox_wake(s);
    } else {
        free(post);
    }
    __atomic_fetch_sub(&s->inbox.posters, 1, __ATOMIC_RELEASE);
    return open ? 0 : s->inherited ? -ECHILD : -ESHUTDOWN;
}

/* From a signal handler. A wake-up may be one too many, never one too few. */
void hk__inbox_signal(hk_sched *s, uint64_t bit)
{
    __atomic_fetch_add(&s->inbox.posters, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&s->inbox.open, __ATOMIC_SEQ_CST)) {
        __atomic_fetch_or(&s->inbox.signals, bit, __ATOMIC_SEQ_CST);
        s->world->table->wake(s->world);
    }
    __atomic_fetch_sub(&s->inbox.posters, 1, __ATOMIC_RELEASE);
}

/* What was posted, oldest first. */
static struct hk__post *take_all(hk_sched *s)
{
    struct hk__post *newest = __atomic_exchange_n(&s->inbox.posts, NULL, __ATOMIC_ACQUIRE),
                    *list = NULL;
    while (newest != NULL) {
        struct hk__post *next = newest->next;
        newest->next = list;
        list = newest;
        newest = next;
    }
    return list;
}

HK__HOT void hk__inbox_drain(hk_sched *s)
{
    if (__atomic_load_n(&s->inbox.posts, __ATOMIC_RELAXED) != NULL) {
        for (struct hk__post *post = take_all(s), *next; post != NULL; post = next) {
            next = post->next;
            post->fn(post->arg);
            free(post);
        }
    }
    if (__atomic_load_n(&s->inbox.signals, __ATOMIC_RELAXED) != 0) hk__signals_deliver(s);
}

void hk__inbox_close(hk_sched *s)
{
    __atomic_store_n(&s->inbox.open, false, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&s->inbox.posters, __ATOMIC_ACQUIRE) != 0) sched_yield();
    hk__inbox_drain(s);
}

void hk_sched_hold(hk_sched *s) { __atomic_fetch_add(&s->inbox.holds, 1, __ATOMIC_RELAXED); }

void hk_sched_release(hk_sched *s)
{
    __atomic_fetch_sub(&s->inbox.holds, 1, __ATOMIC_SEQ_CST);
    hk__inbox_wake(s);
}
