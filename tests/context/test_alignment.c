/* SPDX-License-Identifier: MIT */
/* A body finds its stack as any function does: aligned, whatever was copied to its top. */
#include "harness/harness.h"

#include <stdalign.h>
#include <stdio.h>
#include <string.h>

#include <hocket/coro.h>

static bool is_aligned(const volatile void *p, uintptr_t to) { return (uintptr_t)p % to == 0; }

/* The compiler takes 16 for granted and makes the rest itself. */
static void *body(void *arg)
{
    alignas(16) volatile char sixteen[16] = { 0 };
    alignas(64) volatile char line[64] = { 0 };
    char text[40];
    CHECK(is_aligned(sixteen, 16) && is_aligned(line, 64));
    void *got = hk_yield(arg);
    CHECK(is_aligned(sixteen, 16) && is_aligned(line, 64));
    CHECK(snprintf(text, sizeof text, "%.3f %.2Lf", 1.5, 2.25L) > 0); /* movaps */
    CHECK_STR(text, "1.500 2.25");
    CHECK(is_aligned(__builtin_frame_address(0), 16));
    return got;
}

static void run(const void *arg, size_t arg_size)
{
    hk_coro_options options = { .arg_size = arg_size };
    hk_coro *co = hk_coro_create(body, (void *)(uintptr_t)arg, &options);
    hk_step step = hk_coro_send(co, NULL);
    CHECK_EQ(step.outcome, HK_YIELDED);
    if (arg_size != 0) {
        CHECK(is_aligned(step.value, 16));
        CHECK(memcmp(step.value, arg, arg_size) == 0);
    }
    CHECK_EQ(hk_coro_send(co, hk_val(5)).outcome, HK_RETURNED);
    CHECK_EQ(hk_coro_destroy(co), 0);
}

TEST(body_is_aligned) { run(NULL, 0); }

TEST(body_is_aligned_below_any_argument)
{
    char arg[200];
    for (size_t i = 0; i < sizeof arg; i++) arg[i] = (char)i;
    for (size_t size = 1; size <= sizeof arg; size++) run(arg, size);
}
