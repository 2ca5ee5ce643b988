/* SPDX-License-Identifier: MIT */
/* A task makes another one, and kills it.
 *
 * The child runs for ever, as far as it knows. hk_task_kill does not tear it down: from then on
 * each call of it that may wait says -ECANCELED, and it ends by returning. So its own cleanup
 * runs, and what it holds is given back. The killer is not kept waiting; start waits to see the
 * child gone. */
#include "announced.h"

static void *foo(void *arg)
{
    while (hk_sched_yield() == 0) printf("I'm foo %d\n", (int)hk_task_self());
    return hk_val(-ECANCELED);
}

static void *start(void *arg)
{
    struct announced child = { foo };
    hk_tid tid = hk_spawn(HK_ROOT, announced, &child);
    for (int i = 0; i < 5; i++) hk_sched_yield();
    hk_task_kill(tid);
    hk_task_wait(tid, NULL);
    puts("main done");
    return NULL;
}

int main(void) { return hk_run(announced, &(struct announced){ start }, NULL) < 0; }
