/* SPDX-License-Identifier: MIT */
/* No stack without a guard: where the kernel refuses every kind, there is no stack. */
#include "harness/harness.h"

#include <errno.h>
#include <unistd.h>

#include "coro/slab.h"
#include "coro/stack.h"
#include "support/memory.h"
#include "support/tools.h"

/* The kernel may not read it either. (Emulators of system calls see to that too.) */
static bool is_guarded(const char *byte)
{
    int fds[2];
    if (!CHECK_EQ(pipe(fds), 0)) return false;
    VALGRIND_DISABLE_ERROR_REPORTING;
    const ssize_t n = write(fds[1], byte, 1);
    const int error = errno;
    VALGRIND_ENABLE_ERROR_REPORTING;
    close(fds[0]);
    close(fds[1]);
    return n < 0 && CHECK_EQ(error, EFAULT);
}

/* Several are made at once. */
TEST(every_stack_has_its_own)
{
    enum { COUNT = 100 };
    hk__stackful *owner[COUNT];
    const size_t page = hk__page_size();
    for (int i = 0; i < COUNT; i++)
        if (!CHECK((owner[i] = hk__stack_get(1 << 20, false)) != NULL)) return;
    for (int i = 0; i < COUNT; i++) {
        CHECK(is_guarded(owner[i]->stack));
        CHECK(is_guarded(owner[i]->stack + page - 1));
        CHECK(!is_guarded(owner[i]->stack + page));
    }
    for (int i = 0; i < COUNT; i++) hk__stack_put(owner[i]);
    while (hk__stack_trim()) continue;
}

static void check_nothing_is_kept(void)
{
    CHECK(!hk__stack_get(0, false));
    CHECK(!hk__stack_get(128 << 20, false));
    long size = memory_kib("VmSize"), maps = memory_maps();
    for (int i = 0; i < 500; i++) {
        CHECK(!hk__stack_get(0, false));
        CHECK(!hk__stack_get(128 << 20, false));
    }
    if (!tools_none()) return;
    CHECK_EQ(memory_kib("VmSize"), size);
    CHECK_EQ(memory_maps(), maps);
}

TEST(refused_guard_is_refused_stack)
{
    if (SANITIZED) SKIP("sanitizers protect memory too");
    if (!memory_refuse_light_guards(EINVAL) || !memory_refuse_protection()) SKIP("no seccomp here");
    check_nothing_is_kept();
}

static void *yield_once(void *arg) { return hk_yield(arg); }

static void count_release(void *arg) { ++*(int *)arg; }

TEST(create_without_a_stack_releases_the_argument)
{
    int released = 0;
    hk_coro_options options = { .arg_release = count_release };
    if (SANITIZED) SKIP("sanitizers protect memory too");
    if (!memory_refuse_light_guards(ENOMEM) || !memory_refuse_protection()) SKIP("no seccomp here");
    for (int i = 1; i <= 100; i++) {
        CHECK(!hk_coro_create(yield_once, &released, &options));
        CHECK_EQ(released, i);
    }
}

/* The end of vm.max_map_count is an answer as well, and those that were made stay good. */
TEST(many_guards_by_protection, .seconds = 30)
{
    static hk__stackful *owner[70000];
    int count = 0;
    if (!tools_none()) SKIP("tools make mappings of their own");
    if (!memory_refuse_light_guards(EINVAL)) SKIP("no seccomp here");
    while (count < 70000 && (owner[count] = hk__stack_get(16384, false))) count++;
    CHECK(count > 10000);
    for (int i = 0; i < count; i++) *(volatile char *)owner[i] = *(char *)owner[i];
    for (int i = 0; i < count; i++) hk__stack_put(owner[i]);
    while (hk__stack_trim()) continue;
    CHECK(memory_maps() < 20000);
    hk__stackful *again = hk__stack_get(16384, false);
    CHECK(again);
}
