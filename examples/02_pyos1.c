/* SPDX-License-Identifier: MIT */
/* A coroutine, stepped by hand.
 *
 * Creating one runs nothing of it. The first send starts it; it runs until it yields, and then its
 * caller goes on. The next send continues it behind that yield, with all its variables in place.
 * At the end of the block HK_CORO closes it: the yield where it waits returns an error. */
#include <hocket.h>
#include <stdio.h>

static void *foo(void *arg)
{
    puts("Part 1");
    if (hk_is_err(hk_yield(NULL))) return NULL;
    puts("Part 2");
    if (hk_is_err(hk_yield(NULL))) return NULL;
    puts("Part 3, which nobody asks for");
    return NULL;
}

int main(void)
{
    HK_CORO(f, foo, NULL, NULL);
    puts("Running foo()");
    hk_coro_send(f, NULL);
    puts("Resuming foo()");
    hk_coro_send(f, NULL);
}
