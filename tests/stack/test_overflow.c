/* SPDX-License-Identifier: MIT */
/* A stack overflow names the coroutine, its stack and the cure, touches no other stack, and then
 * goes where any fault goes. */
#include "harness/harness.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <hocket.h>

#include "coro/slab.h"
#include "coro/stack.h"
#include "support/memory.h"
#include "support/tools.h"

enum { SEEN = 42 };

static __attribute__((noinline)) int recurse(int n)
{
    volatile char frame[500];
    frame[0] = (char)n;
    return n > 0 ? recurse(n - 1) + frame[0] : 0;
}

/* More than a guard page: without -fstack-clash-protection it would step over it. */
static __attribute__((noinline)) int one_large_frame(void)
{
    char frame[22 * 1024];
    __asm__ volatile("" : : "r"(frame) : "memory"); /* all of it is needed */
    frame[0] = 1;
    __asm__ volatile("" : : "r"(frame) : "memory");
    return frame[0];
}

static void *overflow_by_recursion(void *arg)
{
    (void)arg;
    return hk_val(recurse(1000000));
}

static void *overflow_by_one_frame(void *arg)
{
    (void)arg;
    return hk_val(one_large_frame());
}

/* The stacks on both sides of the one that overflows, filled with a pattern. */
static hk__stackful *neighbour[8];

static void fill_neighbours(size_t size)
{
    for (int i = 0; i < 8; i++) {
        neighbour[i] = hk__stack_get(size, false);
        char *low = neighbour[i]->stack + hk__page_size();
        memset(low, 0x5a, (size_t)((char *)neighbour[i] - low));
    }
    hk__stack_put(neighbour[4]); /* the one that overflows lies between the others */
}

static bool neighbours_are_whole(void)
{
    for (int i = 0; i < 8; i++) {
        if (i == 4 || !neighbour[i]) continue;
        for (char *p = neighbour[i]->stack + hk__page_size(); p < (char *)neighbour[i]; p++)
            if (*p != 0x5a) return false;
    }
    return true;
}

/* The handler that was there before ours, and must be called after it. */
static void old_handler(int sig, siginfo_t *info, void *context)
{
    (void)sig;
    (void)context;
    char *guard = hk__here.self ? hk__stack_owner(hk__here.self)->stack : NULL;
    bool in_guard = (uintptr_t)info->si_addr - (uintptr_t)guard < hk__page_size();
    _exit(in_guard && neighbours_are_whole() ? SEEN : 1);
}

static void handle_faults(void)
{
    struct sigaction action = { .sa_sigaction = old_handler, .sa_flags = SA_SIGINFO | SA_ONSTACK };
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
}

static void overflow(hk_entry *body, const char *name, size_t size)
{
    hk_coro_options options = { .name = name, .stack = size };
    handle_faults();
    fill_neighbours(size);
    hk_coro_send(hk_coro_create(body, NULL, &options), NULL);
}

#define GIVE_MORE "KiB): give it more with hk_coro_options.stack"

TEST(recursion, .exits = SEEN,
     .prints = "hocket: stack overflow in coroutine 'deep' (64 " GIVE_MORE)
{
    overflow(overflow_by_recursion, "deep", 0);
}

TEST(large_stack, .exits = SEEN, .prints = "stack overflow in coroutine 'deeper' (1024 " GIVE_MORE)
{
    overflow(overflow_by_recursion, "deeper", 1 << 20);
}

TEST(without_a_name, .exits = SEEN, .prints = "stack overflow in coroutine 'coroutine' (64 KiB)")
{
    overflow(overflow_by_recursion, NULL, 0);
}

TEST(one_frame_larger_than_the_guard, .exits = SEEN,
     .prints = "stack overflow in coroutine 'wide' (16 KiB)")
{
    overflow(overflow_by_one_frame, "wide", 16384);
}

/* Where the kernel has no light guards, as before Linux 6.13. */
TEST(guard_by_protection, .exits = SEEN, .prints = "stack overflow in coroutine 'old' (64 KiB)")
{
    memory_refuse_light_guards(EINVAL);
    overflow(overflow_by_recursion, "old", 0);
}

TEST(guard_by_protection_and_one_frame, .exits = SEEN,
     .prints = "stack overflow in coroutine 'old' (16 KiB)")
{
    memory_refuse_light_guards(EINVAL);
    overflow(overflow_by_one_frame, "old", 16384);
}

/* Locked memory takes no light guards either. */
TEST(locked_memory, .exits = SEEN, .prints = "stack overflow in coroutine 'locked' (64 KiB)")
{
    if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) < 0)
        fprintf(stderr, "not locked: %s\n", strerror(errno));
    overflow(overflow_by_recursion, "locked", 0);
}

static void *overflow_in_thread(void *arg)
{
    overflow(overflow_by_recursion, "threaded", 0);
    return arg;
}

TEST(in_another_thread, .exits = SEEN, .prints = "stack overflow in coroutine 'threaded' (64 KiB)")
{
    pthread_t thread;
    hk_coro_destroy(hk_coro_create(overflow_by_recursion, NULL, NULL));
    CHECK_EQ(pthread_create(&thread, NULL, overflow_in_thread, NULL), 0);
    pthread_join(thread, NULL);
}

static void *resume_inner(void *arg)
{
    hk_coro_options options = { .name = "inner", .stack = 32768 };
    hk_coro_send(hk_coro_create(overflow_by_recursion, NULL, &options), NULL);
    return arg;
}

TEST(of_an_inner_coroutine, .exits = SEEN, .prints = "stack overflow in coroutine 'inner' (32 KiB)")
{
    overflow(resume_inner, "outer", 0);
}

/* Any other fault says nothing of ours, and reaches the old handler too. */

static int plain_faults;

static void count_fault(int sig)
{
    (void)sig;
    plain_faults++;
    _exit(plain_faults == 1 ? SEEN : 1);
}

static void *fault(void *arg)
{
    *(volatile int *)arg = 1;
    return NULL;
}

/* Behind the end of a file there is memory, and no way to fill it. */
TEST(other_faults_are_passed_on, .exits = SEEN)
{
    int fd = memfd_create("empty", MFD_CLOEXEC);
    char *behind = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (ON_VALGRIND) _exit(SEEN); /* which does not survive such a fault itself */
    signal(SIGBUS, count_fault);
    hk_coro_send(hk_coro_create(fault, behind, NULL), NULL);
}

static volatile sig_atomic_t sent;

static void note_signal(int sig) { sent += sig == SIGSEGV; }

static void *raise_and_return(void *arg)
{
    raise(SIGSEGV);
    return arg;
}

TEST(signals_that_were_sent_are_passed_on)
{
    signal(SIGSEGV, note_signal);
    hk_coro *co = hk_coro_create(raise_and_return, NULL, NULL);
    CHECK_EQ(hk_coro_send(co, NULL).outcome, HK_RETURNED);
    CHECK_EQ(sent, 1);
    hk_coro_destroy(co);
}

TEST(signals_that_were_ignored_stay_ignored)
{
    signal(SIGBUS, SIG_IGN);
    hk_coro *co = hk_coro_create(raise_and_return, NULL, NULL);
    signal(SIGSEGV, SIG_IGN);
    CHECK_EQ(hk_coro_send(co, NULL).outcome, HK_RETURNED);
    raise(SIGBUS);
    raise(SIGBUS);
    hk_coro_destroy(co);
}

#if !SANITIZED /* they end the process in their own way */
TEST(default_action_follows, .signal = SIGSEGV, .prints = "stack overflow in coroutine 'deep'")
{
    hk_coro_options options = { .name = "deep" };
    hk_coro_send(hk_coro_create(overflow_by_recursion, NULL, &options), NULL);
}

TEST(signals_that_were_sent_still_kill, .signal = SIGSEGV)
{
    hk_coro_send(hk_coro_create(raise_and_return, NULL, NULL), NULL);
}
#endif

/* In a scheduler: the task by its number, and a generator by its task. */

static void *spawn_overflow(void *arg)
{
    hk_coro_options options = { .name = "conn" };
    return hk_val(hk_spawn_with(HK_ROOT, overflow_by_recursion, arg, &options) == 2
                      ? hk_sched_yield()
                      : -EINVAL);
}

TEST(of_a_task, .exits = SEEN, .prints = "hocket: stack overflow in task 2 'conn' (64 " GIVE_MORE)
{
    handle_faults();
    hk_run(spawn_overflow, NULL, NULL);
}

static void *call_generator(void *arg)
{
    hk_coro_options options = { .name = "items" };
    hk_coro_send(hk_coro_create(overflow_by_recursion, NULL, &options), NULL);
    return arg;
}

TEST(of_a_generator_in_a_task, .exits = SEEN,
     .prints = "stack overflow in coroutine 'items' of task 1 'main' (64 KiB)")
{
    handle_faults();
    hk_run(call_generator, NULL, NULL);
}
