/* SPDX-License-Identifier: MIT */
/* Stacks: their sizes, their places, where they come from and where they go. */
#include "harness/harness.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "coro/slab.h"
#include "coro/stack.h"
#include "support/memory.h"
#include "support/tools.h"

/* Dies where the address is a guard. */
static bool is_guarded(char *address)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        signal(SIGSEGV, SIG_DFL);
        signal(SIGBUS, SIG_DFL);
        *(volatile char *)address = 1;
        _exit(0);
    }
    waitpid(child, &status, 0);
    return !(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void check_place(hk__stackful *owner, size_t wanted, size_t size)
{
    char *top = owner->stack + owner->size, *end = (char *)(owner + 1);
    CHECK(owner->size >= wanted);
    if (size != 0 && hk__page_size() == 4096) CHECK_EQ(owner->size, size);
    CHECK_EQ((uintptr_t)owner->stack % hk__page_size(), 0);
    CHECK_EQ((uintptr_t)owner % 64, 0);
    CHECK(end <= top && top - end < 2048);
}

TEST(sizes_are_powers_of_two)
{
    static const struct {
        size_t wanted, size;
    } cases[] = {
        { 0, 65536 },         { 1, 16384 },           { 16384, 16384 },     { 16385, 32768 },
        { 65536, 65536 },     { 100000, 131072 },     { 1 << 20, 1 << 20 }, { 3 << 20, 4 << 20 },
        { 5 << 20, 8 << 20 }, { 64 << 20, 64 << 20 }, { 1 << 30, 1 << 30 },
    };
    for (size_t i = 0; i < HK_LEN(cases); i++) {
        hk__stackful *owner = hk__stack_get(cases[i].wanted, false);
        if (!CHECK(owner)) continue;
        char *low = owner->stack + hk__page_size();
        check_place(owner, cases[i].wanted, cases[i].size);
        memset(low, 1, 100); /* all of it is there */
        memset((char *)owner - 100, 1, 100);
        if (tools_none()) CHECK(is_guarded(low - 1) && is_guarded(owner->stack));
        hk__stack_put(owner);
    }
}

TEST(beyond_the_largest_there_is_nothing)
{
    CHECK(!hk__stack_get(((size_t)1 << 31) + 1, false));
    CHECK(!hk__stack_get((size_t)1 << 40, false));
    CHECK(!hk__stack_get(SIZE_MAX, false));
}

TEST(freed_last_is_taken_first)
{
    hk__stackful *a = hk__stack_get(0, false), *b = hk__stack_get(0, false),
                 *small = hk__stack_get(1, false);
    CHECK(a != b);
    hk__stack_put(a);
    hk__stack_put(small);
    hk__stack_put(b);
    CHECK_EQ(hk__stack_get(0, false), b);
    CHECK_EQ(hk__stack_get(0, false), a);
    CHECK_EQ(hk__stack_get(1, false), small);
}

enum { MANY = 3000 };

/* Each stack is written whole, with its own number; then each must still hold it. */
TEST(stacks_do_not_touch, .seconds = 60)
{
    static hk__stackful *owner[MANY];
    static const size_t sizes[] = { 0, 16384, 32768, 131072 };
    int many = tools_none() ? MANY : 300;
    size_t page = hk__page_size();
    for (int i = 0; i < many; i++) {
        owner[i] = hk__stack_get(sizes[i % 4], false);
        if (!CHECK(owner[i])) return;
        char *low = owner[i]->stack + page;
        for (char *p = low; p < (char *)owner[i]; p += sizeof i) memcpy(p, &i, sizeof i);
    }
    for (int i = 0; i < many; i++) {
        int wrong = 0, held;
        for (char *p = owner[i]->stack + page; p < (char *)owner[i]; p += sizeof i) {
            memcpy(&held, p, sizeof held);
            wrong += held != i;
        }
        CHECK_EQ(wrong, 0);
        hk__stack_put(owner[i]);
    }
    while (hk__stack_trim()) continue;
}

TEST(neighbours_have_different_colours)
{
    hk__stackful *owner[8];
    uint64_t seen = 0;
    for (int i = 0; i < 8; i++) {
        owner[i] = hk__stack_get(0, false);
        seen |= UINT64_C(1) << ((uintptr_t)owner[i] / 64 % 64);
    }
    CHECK_EQ(__builtin_popcountll(seen), 8);
    for (int i = 0; i < 8; i++) hk__stack_put(owner[i]);
}

TEST(trim_is_bounded_and_says_what_is_left)
{
    static hk__stackful *owner[1000];
    for (int i = 0; i < 1000; i++) owner[i] = hk__stack_get(0, false);
    for (int i = 0; i < 1000; i++) hk__stack_put(owner[i]);
    int calls = 1;
    while (hk__stack_trim()) calls++;
    CHECK(calls > 5 && calls <= 1000 / 16);
    CHECK(!hk__stack_trim());
    for (int i = 0; i < 1000; i++) { /* cold and hot ones alike can be used again */
        owner[i] = hk__stack_get(0, false);
        check_place(owner[i], 65536, 65536);
        memset((char *)owner[i] - 3000, 1, 3000);
    }
    for (int i = 0; i < 1000; i++) hk__stack_put(owner[i]);
}

/* Threads that end with stacks on their shelves. */

static void *use_stacks(void *arg)
{
    hk__stackful *owner[400];
    for (int i = 0; i < 400; i++) owner[i] = hk__stack_get(i % 2 ? 0 : 16384, false);
    for (int i = 0; i < 400; i++) {
        memset((char *)owner[i] - 6000, 1, 6000);
        hk__stack_put(owner[i]);
    }
    return arg;
}

static void run_threads(int count)
{
    pthread_t thread[4];
    for (int k = 0; k < count; k += 4) {
        for (int i = 0; i < 4; i++) CHECK_EQ(pthread_create(&thread[i], NULL, use_stacks, NULL), 0);
        for (int i = 0; i < 4; i++) CHECK_EQ(pthread_join(thread[i], NULL), 0);
    }
}

TEST(threads_give_back_what_they_kept, .seconds = 30)
{
    run_threads(8);
    long size = memory_kib("VmSize"), rss = memory_kib("VmRSS");
    run_threads(tools_none() ? 80 : 8);
    if (!tools_none()) return;
    CHECK(memory_kib("VmSize") <= size + 2 * 64 * 1024);
    CHECK(memory_kib("VmRSS") <= rss + 1024);
}

static void *yield_once(void *arg) { return hk_yield(arg); }

static void *destroy(void *arg) { return hk_val(hk_coro_destroy(arg)); }

TEST(destroyed_by_another_thread)
{
    pthread_t thread;
    void *result;
    for (int i = 0; i < 100; i++) {
        hk_coro *co = hk_coro_create(yield_once, NULL, NULL);
        CHECK_EQ(pthread_create(&thread, NULL, destroy, co), 0);
        CHECK_EQ(pthread_join(thread, &result), 0);
        CHECK_EQ(hk_num(result), 0);
    }
}

static pthread_key_t late;

static void destroy_late(void *co) { hk_coro_destroy(co); }

static void *leave_one_behind(void *arg)
{
    hk_coro *co = hk_coro_create(yield_once, NULL, NULL);
    CHECK_EQ(hk_coro_send(co, NULL).outcome, HK_YIELDED);
    hk_coro_destroy(hk_coro_create(yield_once, NULL, NULL));
    pthread_setspecific(late, co);
    return arg;
}

/* Another destructor of the thread frees a coroutine after ours gave back its stacks. */
TEST(destroyed_while_its_thread_ends)
{
    pthread_t thread;
    hk_coro_destroy(hk_coro_create(yield_once, NULL, NULL)); /* our key is older */
    CHECK_EQ(pthread_key_create(&late, destroy_late), 0);
    for (int i = 0; i < 50; i++) {
        CHECK_EQ(pthread_create(&thread, NULL, leave_one_behind, NULL), 0);
        CHECK_EQ(pthread_join(thread, NULL), 0);
    }
}

TEST(a_forked_child_goes_on)
{
    int status;
    hk_coro *co = hk_coro_create(yield_once, hk_val(1), NULL);
    CHECK_EQ(hk_coro_send(co, NULL).outcome, HK_YIELDED);
    pid_t child = fork();
    if (child == 0) {
        hk_coro *fresh = hk_coro_create(yield_once, hk_val(2), NULL);
        bool ok = hk_coro_send(fresh, NULL).outcome == HK_YIELDED && hk_coro_destroy(fresh) == 0 &&
                  hk_coro_send(co, NULL).outcome == HK_RETURNED;
        _exit(ok ? 7 : 1);
    }
    waitpid(child, &status, 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    hk_coro_destroy(co);
}

/* A child that is forked while another thread is about to take a stack from its slab. */

static bool enough;

static void *take_and_return(void *arg)
{
    while (!__atomic_load_n(&enough, __ATOMIC_RELAXED)) {
        hk__stackful *owner[4]; /* large ones: each has a slab of its own */
        for (int i = 0; i < 4; i++) owner[i] = hk__stack_get(8 << 20, false);
        for (int i = 0; i < 4; i++) hk__stack_put(owner[i]);
        while (hk__stack_trim()) continue;
    }
    return arg;
}

TEST(a_child_forked_in_the_middle_goes_on, .seconds = 30)
{
    pthread_t thread;
    if (SANITIZED || on_emulator()) SKIP("not every tool follows forks of threads");
    CHECK_EQ(pthread_create(&thread, NULL, take_and_return, NULL), 0);
    for (int i = 0; i < 100; i++) {
        int status;
        pid_t child = fork();
        if (child == 0) {
            alarm(5);
            _exit(hk__stack_get(16 << 20, false) ? 7 : 1);
        }
        waitpid(child, &status, 0);
        CHECK_EQ(status, 7 << 8);
    }
    __atomic_store_n(&enough, true, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
}

/* Where address space is limited, slabs shrink, and in the end there is an answer. */
TEST(without_memory_there_is_null)
{
    static hk__stackful *owner[4000];
    struct rlimit was, tight;
    if (!tools_none()) SKIP("tools need address space of their own");
    int count = 0;
    getrlimit(RLIMIT_AS, &was);
    tight = was;
    tight.rlim_cur = (rlim_t)memory_kib("VmSize") * 1024 + (48 << 20);
    if (setrlimit(RLIMIT_AS, &tight) < 0) SKIP("no limit of address space here");
    errno = 99;
    while (count < 4000 && (owner[count] = hk__stack_get(0, false))) count++;
    CHECK_EQ(errno, 99);
    CHECK(count > 500 && count < 800); /* 48 MiB of 64 KiB stacks; most of that, at least */
    CHECK(!hk__stack_get(0, false));
    setrlimit(RLIMIT_AS, &was);
    hk__stackful *more = hk__stack_get(0, false);
    CHECK(more);
    hk__stack_put(more);
    for (int i = 0; i < count; i++) hk__stack_put(owner[i]);
}
