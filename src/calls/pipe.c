/* SPDX-License-Identifier: MIT */
/* hk_pipe. Making one never waits, and so is no system call of a task's: it goes straight to the
 * world of the scheduler that runs here, or to the kernel where none does. */
#include "calls/calls.h"

#include "sched/descriptor.h"

int hk_pipe(int ret_fds[2])
{
    hk_sched *s = hk__here.sched;
    hk__direct d = { .kind = HK__DIRECT_PIPE };
    int fds[2];
    d.extra = fds;
    int r = (int)(s != NULL ? s->world->table->direct(s->world, &d) : hk__direct_call(NULL, &d));
    if (r < 0) return r;
    for (int i = 0; i < 2; i++) {
        if (s != NULL) hk__descriptor_reset(s, fds[i]);
        ret_fds[i] = fds[i];
    }
    return 0;
}
