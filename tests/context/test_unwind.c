/* SPDX-License-Identifier: MIT */
/* Unwinding works from every instruction, and through a parked context. */
#include "context/steps.h"

#if !defined(HK_CONTEXT_REFERENCE) && !SANITIZED
TEST(unwinds_from_every_instruction, .seconds = 60) { check_all_steps(); }

/* A parked coroutine's stack, seen from outside. */

static struct chain parked;

static __attribute__((noinline)) void take_parked(void *arg) { chain_take(arg); }

TEST(parked_context_can_be_walked)
{
    static const void *expected[] = { (void *)(uintptr_t)plain_frame, (void *)(uintptr_t)body,
                                      (void *)(uintptr_t)hk__coro_main };
    hk_coro *co = hk_coro_create(body, hk_val(3), NULL);
    CHECK(hk__call_as_caller(&co->at.context, take_parked, &parked));
    CHECK(chain_find(&parked, expected[2]) < 0); /* it has not begun */
    CHECK(parked.function[parked.depth - 1] != 0);
    hk_coro_send(co, NULL);
    uintptr_t top = (uintptr_t)co;
    CHECK(hk__call_as_caller(&co->at.context, take_parked, &parked));
    int at = chain_find(&parked, expected[0]);
    CHECK(at > 0);
    for (int i = 0; i < 3 && at >= 0; i++) CHECK_EQ(parked.function[at + i], expected[i]);
    CHECK_EQ(parked.depth, at + 4);
    CHECK_EQ(parked.cfa[parked.depth - 1], top);
    CHECK(chain_find(&parked, (void *)(uintptr_t)test_parked_context_can_be_walked) < 0);
    hk_coro_destroy(co);
}
#endif
