/* SPDX-License-Identifier: MIT */
/* Where this project began: foo and bar on the real scheduler.
 *
 * They are the tasks of an answer on how to do David Beazley's course with native coroutines. The
 * next example runs them, unchanged, on a scheduler of fifty lines. */
#include "announced.h"
#include "appendix_a_tasks.h"

int main(void)
{
    hk_sched *sched = hk_sched_create(NULL);
    hk_sched_spawn(sched, announced, &(struct announced){ foo });
    hk_sched_spawn(sched, announced, &(struct announced){ bar });
    int r = hk_sched_run(sched);
    hk_sched_destroy(sched);
    return r < 0;
}
