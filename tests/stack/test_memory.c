/* SPDX-License-Identifier: MIT */
/* What stacks cost: memory for each that is parked, and none for those that have gone. */
#include "harness/harness.h"

#include <stdio.h>
#include <stdlib.h>

#include <hocket/coro.h>

#include "coro/stack.h"
#include "support/memory.h"
#include "support/tools.h"

static void *park(void *arg)
{
    while (!hk_is_err(hk_yield(arg))) continue;
    return arg;
}

/* Starts so many coroutines of default size; the number that could be made. */
static int start(hk_coro **co, int count, hk_entry *body)
{
    for (int i = 0; i < count; i++) {
        co[i] = hk_coro_create(body, NULL, NULL);
        if (!co[i]) return i;
        hk_coro_send(co[i], NULL);
    }
    return count;
}

/* count parked coroutines: a page each, 2 bytes of page table for each KiB, and few mappings. */
static void check_cost(int count)
{
    hk_coro **co = calloc((size_t)count, sizeof(*co));
    if (!CHECK(co)) return;
    long rss = memory_kib("VmRSS"), tables = memory_kib("VmPTE");
    CHECK_EQ(start(co, count, park), count);
    rss = memory_kib("VmRSS") - rss - (long)sizeof(*co) * count / 1024;
    tables = memory_kib("VmPTE") - tables;
    printf("each: %.3f KiB resident, %.3f KiB of page table; %ld mappings\n", (double)rss / count,
           (double)tables / count, memory_maps());
    CHECK(rss <= count * 4.5);
    CHECK(tables <= count * 0.15 + 64);
    CHECK(memory_maps() <= 200);
    for (int i = 0; i < count; i++) hk_coro_destroy(co[i]);
    free(co);
}

TEST(parked_coroutines_cost_a_page_each, .seconds = 30)
{
    if (!tools_none()) SKIP("tools have memory of their own");
    check_cost(20000);
}

TEST(a_million_parked_coroutines, .seconds = 120, .slow = true)
{
    if (!tools_none()) SKIP("tools have memory of their own");
    if (memory_available_kib() < 6 << 20) SKIP("less than 6 GiB of memory to be had");
    check_cost(1000000);
}

static void *park_deep(void *arg)
{
    char frame[20000];
    __asm__ volatile("" : : "r"(frame) : "memory"); /* all of it is needed */
    for (int i = 0; i < 20000; i += 1000) frame[i] = 1;
    __asm__ volatile("" : : "r"(frame) : "memory");
    arg = hk_yield(arg);
    return hk_is_err(arg) ? arg : hk_val(frame[0]);
}

/* Without a loop that trims when idle, stacks are given back by whoever frees more of them. */
TEST(memory_comes_back_after_a_burst, .seconds = 30)
{
    enum { COUNT = 10000 };
    static hk_coro *co[COUNT];
    if (!tools_none()) SKIP("tools have memory of their own");
    for (int round = 0; round < 3; round++) {
        long before = memory_kib("VmRSS");
        CHECK_EQ(start(co, COUNT, park_deep), COUNT);
        CHECK(memory_kib("VmRSS") - before >= COUNT * (round == 0 ? 20L : 16L));
        for (int i = 0; i < COUNT; i++) CHECK_EQ(hk_coro_destroy(co[i]), 0);
        CHECK(memory_kib("VmRSS") - before <= (256 + 1024 + 64) * 28L);
        while (hk__stack_trim()) continue;
        CHECK(memory_kib("VmRSS") - before <= 256 * 28L + 1024);
    }
}
