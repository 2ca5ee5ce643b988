/* SPDX-License-Identifier: MIT */
/* Two coroutines, walked at every instruction, by whichever form of the switch the includer has.
 *
 * They are executed one instruction at a time, from before the first send to after the last
 * destroy, and at each the stack is walked. Every walk must come to one of two ends,
 * with the stack pointer that end really has: the test, from which the walk goes on to main; or the
 * entry of a context, where it stops. Frames with and without a frame pointer take part, and frames
 * that need a base pointer besides. */
#ifndef CONTEXT_STEPS_H
#define CONTEXT_STEPS_H

#include "harness/harness.h"

#include <alloca.h>
#include <stdalign.h>
#include <stdio.h>
#include <string.h>

#include "coro/context.h"
#include "coro/stack.h"
#include "support/stepping.h"
#include "support/tools.h"

static struct {
    const void *test, *entry; /* functions of the two ends */
    uintptr_t test_cfa, entry_cfa[2];
    long steps, at_test, at_entry, wrong;
} walk;

static bool is_entry(const struct chain *chain, int i)
{
    return chain->ip[i] - (uintptr_t)walk.entry <= 32 &&
           (chain->cfa[i] == walk.entry_cfa[0] || chain->cfa[i] == walk.entry_cfa[1]);
}

static void look(const struct chain *chain)
{
    int at = chain_find(chain, walk.test), last = chain->depth - 1;
    walk.steps++;
    if (at >= 0 && chain->cfa[at] == walk.test_cfa && at < last) {
        walk.at_test++;
    } else if (last >= 0 && is_entry(chain, last)) {
        walk.at_entry++;
    } else if (walk.wrong++ < 5) {
        printf("lost at step %ld, from %d frames:\n", walk.steps, chain->depth);
        for (int i = 0; i <= last; i++)
            printf("  ip %#lx cfa %#lx in %#lx\n", (long)chain->ip[i], (long)chain->cfa[i],
                   (long)chain->function[i]);
    }
}

static __attribute__((noinline)) void *plain_frame(void *value)
{
    void *got = hk_yield(value);
    return hk_is_err(got) ? got : hk_val(hk_num(got) + 1);
}

/* alloca: a frame pointer; the alignment: one more register, for what lies between. */
static __attribute__((noinline)) void *odd_frame(void *value)
{
    alignas(64) volatile char line[64];
    volatile char *more = alloca((size_t)hk_num(value) * 16 + 1);
    line[0] = more[0] = 1;
    void *got = hk_yield(value);
    return hk_is_err(got) ? got : hk_val(hk_num(got) + line[0] + more[0]);
}

static void *body(void *arg)
{
    for (int i = 0; i < 6 && !hk_is_err(arg); i++)
        arg = i % 2 == 0 ? plain_frame(arg) : odd_frame(arg);
    return arg;
}

static __attribute__((noinline)) void drive(hk_coro *const *co)
{
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < 2; k++) hk_coro_send(co[k], i == 0 ? NULL : hk_val(i));
}

static __attribute__((noinline)) void drive_oddly(hk_coro *const *co, int size)
{
    alignas(64) volatile char line[64];
    volatile char *more = alloca((size_t)size);
    line[0] = more[0] = 1;
    drive(co);
    for (int k = 0; k < 2; k++) hk_coro_send(co[k], hk_val(line[0] + more[0]));
}

static __attribute__((noinline)) bool all_steps(void)
{
    hk_coro *co[2];
    struct chain here;
    chain_take(&here);
    walk.test = (const void *)(uintptr_t)all_steps;
    walk.entry = (const void *)(uintptr_t)hk__context_entry;
    int at = chain_find(&here, walk.test);
    if (!CHECK(at >= 0)) return false;
    walk.test_cfa = here.cfa[at];
    for (int k = 0; k < 2; k++) {
        co[k] = hk_coro_create(body, hk_val(3), NULL);
        walk.entry_cfa[k] = (uintptr_t)co[k]->at.context.sp;
    }
    bool steps = stepping_start(look);
    drive_oddly(co, 100);
    for (int k = 0; k < 2; k++) hk_coro_destroy(co[k]);
    stepping_stop();
    return steps;
}

__attribute__((unused)) static void check_all_steps(void)
{
    if (ON_VALGRIND) SKIP("Valgrind does not know the trap flag");
    if (!all_steps()) SKIP("no trap flag on this machine");
    CHECK_EQ(walk.wrong, 0);
    CHECK(walk.at_test > 300);
    CHECK(walk.at_entry > 300);
    CHECK_EQ(walk.at_test + walk.at_entry, walk.steps);
}

#endif
