/* SPDX-License-Identifier: MIT */
/* A yield gives a value and takes one: newvalue = hk_yield(n).
 *
 * So a generator can be a receiver too, and the course calls this one bogus, for good reason: it
 * is hard to follow. The send in the middle of the loop is itself a step. The countdown answers it
 * with 3, and since nobody looks at that answer, the next item is 2. Use a coroutine one way or
 * the other: to pull items out of, or to push items into.
 *
 * Numbers travel as values: hk_val(3) dresses one up, hk_num(v) undresses it. The number 0 is
 * NULL. */
#include <hocket.h>
#include <stdio.h>

static void *countdown(void *start)
{
    intptr_t n = hk_num(start);
    printf("Counting down from %d\n", (int)n);
    while (n >= 0) {
        void *newvalue = hk_yield(hk_val(n));
        if (hk_is_err(newvalue)) return newvalue;
        if (newvalue != NULL)
            n = hk_num(newvalue);
        else
            n--;
    }
    return NULL;
}

int main(void)
{
    HK_CORO(c, countdown, hk_val(5), NULL);
    void *n;
    while (hk_coro_next(c, &n) > 0) {
        printf("%d\n", (int)hk_num(n));
        if (hk_num(n) == 5) hk_coro_send(c, hk_val(3));
    }
}
