/* SPDX-License-Identifier: MIT */
/* The trampoline, made needless.
 *
 * In the course a task that wants help from another coroutine cannot call it: it yields it to
 * the scheduler, which runs it and sends the result back. All that is a function call here. add
 * gives up the processor in the middle, which suspends the whole task, and later returns to its
 * caller. */
#include <hocket.h>
#include <stdio.h>

static int add(int x, int y)
{
    int r = hk_sched_yield();
    return r < 0 ? r : x + y;
}

static void *start(void *arg)
{
    int r = add(2, 2);
    printf("%d\n", r);
    return NULL;
}

int main(void) { return hk_run(start, NULL, NULL) < 0; }
