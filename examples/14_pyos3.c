/* SPDX-License-Identifier: MIT */
/* Two tasks take turns.
 *
 * A scheduler keeps a queue of tasks that can run. hk_sched_yield puts the task that calls it at
 * the end and runs the first one. That is all of multitasking; what follows only decides who waits
 * for what. The number of a task is given out in order, from 1. */
#include "announced.h"

static void *foo(void *arg)
{
    for (int i = 0; i < 10; i++) {
        puts("I'm foo");
        if (hk_sched_yield() < 0) break;
    }
    return NULL;
}

static void *bar(void *arg)
{
    for (int i = 0; i < 5; i++) {
        puts("I'm bar");
        if (hk_sched_yield() < 0) break;
    }
    return NULL;
}

int main(void)
{
    hk_sched *sched = hk_sched_create(NULL);
    hk_sched_spawn(sched, announced, &(struct announced){ foo });
    hk_sched_spawn(sched, announced, &(struct announced){ bar });
    int r = hk_sched_run(sched);
    hk_sched_destroy(sched);
    return r < 0;
}
