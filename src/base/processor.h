/* SPDX-License-Identifier: MIT */
/* Two instructions of the processor's that C has no words for. */
#ifndef HK_BASE_PROCESSOR_H
#define HK_BASE_PROCESSOR_H

#include <stdint.h>

/* In a loop that looks again and again. */
static inline void hk__relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* A counter that time moves on. To read it touches no memory, where the kernel's clock needs three
 * pages that are cold after a sleep. Between 2^HK__TICKS_SHIFT of them lies about a millisecond: a
 * quarter on a fast x86-64, 16 us where an aarch64 counts nanoseconds. Where there is no such
 * counter it is never the same millisecond. */
#if defined(__x86_64__)
enum { HK__TICKS_SHIFT = 20 };
static inline uint64_t hk__ticks(void) { return __builtin_ia32_rdtsc(); }
#elif defined(__aarch64__)
enum { HK__TICKS_SHIFT = 14 };
static inline uint64_t hk__ticks(void)
{
    uint64_t ticks;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
    return ticks;
}
#else
enum { HK__TICKS_SHIFT = 0 };
static inline uint64_t hk__ticks(void)
{
    static uint64_t ticks;
    return __atomic_add_fetch(&ticks, 1, __ATOMIC_RELAXED);
}
#endif

#endif
