/* SPDX-License-Identifier: MIT */
/* Which tools watch this run: some tests are for one of them, some are not for any. */
#ifndef SUPPORT_TOOLS_H
#define SUPPORT_TOOLS_H

#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>

#include <hocket/coro.h>

#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#define ON_VALGRIND RUNNING_ON_VALGRIND
#else
#define ON_VALGRIND 0
#define VALGRIND_DISABLE_ERROR_REPORTING
#define VALGRIND_ENABLE_ERROR_REPORTING
#endif

#if defined(__has_feature)
#if __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(HK__ASAN) || defined(HK__TSAN)
#define SANITIZED 1
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* So many tasks fit beside each other. A sanitizer maps memory of its own for each, and there is an
 * end to mappings; gcc's ThreadSanitizer gives up at 8128 threads, tasks counted. */
#if defined(HK__TSAN) && !defined(__clang__)
#define IS_GCC_TSAN 1
#else
#define IS_GCC_TSAN 0
#endif
enum { MOST_TASKS = IS_GCC_TSAN ? 8000 : SANITIZED ? 20000 : 100000 };

/* An emulator takes any advice about memory. */
static inline bool on_emulator(void)
{
    long page = sysconf(_SC_PAGESIZE);
    return madvise((void *)((uintptr_t)environ & ~((uintptr_t)page - 1)), 1, 4711) == 0;
}

#define NO_THREADS_AFTER_FORK \
    "the emulator starts no thread in the child of a process that has some"

/* Whether this is the real machine with nobody between: memory and addresses are what they seem. */
static inline bool tools_none(void) { return !SANITIZED && !ON_VALGRIND && !on_emulator(); }

#endif
