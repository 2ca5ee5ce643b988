/* SPDX-License-Identifier: MIT */
/* What sanitizers and Valgrind must be told about stacks. (About switches: hocket/annotate.h.)
 *
 * - AddressSanitizer: a stack comes clean, whatever its last user's frames left in the shadow. A
 *   free one is poisoned, so that a destroyed coroutine that is used is reported. LeakSanitizer
 *   looks for pointers into the heap on stacks that are in use.
 * - ThreadSanitizer: a fiber for each coroutine. It cannot be destroyed by itself, so that of a
 *   coroutine that gives back the stack it runs on waits for the next occasion.
 * - Valgrind: which addresses are a stack, while it is out of its slab; what lies on a fresh one is
 *   undefined, and on a free one nobody's. Outside Valgrind none of it is called, except for a few
 *   instructions that do nothing. */
#ifndef HK_CORO_SANITIZE_H
#define HK_CORO_SANITIZE_H

#include <hocket/coro.h>

#include "coro/slab.h"

#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#else
#define RUNNING_ON_VALGRIND                    0
#define VALGRIND_STACK_REGISTER(low, high)     ((void)(low), (void)(high), 0)
#define VALGRIND_STACK_DEREGISTER(id)          ((void)(id))
#define VALGRIND_MAKE_MEM_NOACCESS(low, size)  ((void)(low), (void)(size))
#define VALGRIND_MAKE_MEM_UNDEFINED(low, size) ((void)(low), (void)(size))
#endif
#ifdef HK__ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/lsan_interface.h>
#endif

/* A stack without its guard and its owner. */
static inline char *hk__stack_low(const hk__stackful *owner)
{
    return owner->stack + hk__stack_guard(owner->size);
}

static inline size_t hk__stack_room(const hk__stackful *owner)
{
    return (size_t)((const char *)owner - hk__stack_low(owner));
}

static inline bool hk__stack_is_mine(const hk__stackful *owner)
{
    return (uintptr_t)__builtin_frame_address(0) - (uintptr_t)owner->stack < owner->size;
}

static __attribute__((noinline, unused)) void hk__valgrind_get(hk__stackful *owner)
{
    VALGRIND_MAKE_MEM_UNDEFINED(hk__stack_low(owner), hk__stack_room(owner));
}

static __attribute__((noinline, unused)) void hk__valgrind_put(hk__stackful *owner)
{
    if (hk__stack_is_mine(owner)) return;
    VALGRIND_MAKE_MEM_NOACCESS(hk__stack_low(owner), hk__stack_room(owner));
}

static inline void hk__valgrind_return(hk__stackful *owner) { hk__valgrind_get(owner); }

#ifdef HK__ASAN

static inline void hk__sanitize_return(hk__stackful *owner)
{
    ASAN_UNPOISON_MEMORY_REGION(owner, sizeof *owner);
    ASAN_UNPOISON_MEMORY_REGION(hk__stack_low(owner), hk__stack_room(owner));
}

static inline void hk__sanitize_get(hk__stackful *owner)
{
    hk__sanitize_return(owner);
    owner->fake_stack = NULL;
    __lsan_register_root_region(hk__stack_low(owner), hk__stack_room(owner) + sizeof *owner);
}

/* Of a large stack the top must do: or the shadow of all of it would be written each time. */
static inline void hk__sanitize_put(hk__stackful *owner)
{
    size_t room = hk__stack_room(owner), most = 256 * 1024;
    __lsan_unregister_root_region(hk__stack_low(owner), room + sizeof *owner);
    if (hk__stack_is_mine(owner)) return;
    hk__sanitize_return(owner);
    if (room > most) room = most;
    ASAN_POISON_MEMORY_REGION((char *)owner - room, room + sizeof *owner);
}

static inline void hk__sanitize_thread_ends(void) {}

#elif defined(HK__TSAN)

static __thread void *hk__ended_fiber;

static inline void hk__sanitize_thread_ends(void)
{
    if (hk__ended_fiber == NULL || hk__ended_fiber == __tsan_get_current_fiber()) return;
    __tsan_destroy_fiber(hk__ended_fiber);
    hk__ended_fiber = NULL;
}

static inline void hk__sanitize_get(hk__stackful *owner)
{
    hk__sanitize_thread_ends();
    owner->fiber = __tsan_create_fiber(0);
}

static inline void hk__sanitize_put(hk__stackful *owner)
{
    hk__sanitize_thread_ends();
    if (owner->fiber == __tsan_get_current_fiber())
        hk__ended_fiber = owner->fiber;
    else
        __tsan_destroy_fiber(owner->fiber);
    owner->fiber = NULL;
}

static inline void hk__sanitize_return(hk__stackful *owner) { (void)owner; }

#else

static inline void hk__sanitize_get(hk__stackful *owner) { (void)owner; }
static inline void hk__sanitize_put(hk__stackful *owner) { (void)owner; }
static inline void hk__sanitize_return(hk__stackful *owner) { (void)owner; }
static inline void hk__sanitize_thread_ends(void) {}

#endif
#endif
