/* SPDX-License-Identifier: MIT */
/* A task waits for another one.
 *
 * hk_spawn puts the child into the queue and goes on at once. In the course the scheduler runs the
 * child first; giving up the processor once does the same here. hk_task_wait returns when the child
 * is over, and how it ended: with a value, with an error, or killed. */
#include "announced.h"

static void *foo(void *arg)
{
    for (int i = 0; i < 5; i++) {
        puts("I'm foo");
        if (hk_sched_yield() < 0) break;
    }
    return NULL;
}

static void *start(void *arg)
{
    struct announced child = { foo };
    hk_tid tid = hk_spawn(HK_ROOT, announced, &child);
    hk_sched_yield();
    puts("Waiting for child");
    hk_exit end;
    int r = hk_task_wait(tid, &end);
    if (r == 0 && end.how == HK_END_RETURNED) puts("Child done");
    return hk_val(r);
}

int main(void) { return hk_run(announced, &(struct announced){ start }, NULL) < 0; }
