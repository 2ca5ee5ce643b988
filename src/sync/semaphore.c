/* SPDX-License-Identifier: MIT */
/* semaphore: while somebody waits no permit is free, since each goes from hand to hand. */
#include "sync/sync.h"

void hk__semaphore_acquire_handle(hk_call *call)
{
    hk_sync_call *c = hk__sync_of(call);
    hk_semaphore *s = c->object;
    if (s->count == 0) {
        hk__sync_park(c);
        return;
    }
    s->count--;
    hk_call_complete(call, 0);
}

int hk_semaphore_acquire(hk_semaphore *s)
{
    if (s->count > 0 && hk__sched_quick() != NULL) {
        s->count--;
        return 0;
    }
    return hk__sync_wait(&hk__semaphore_acquire_type, s);
}

void hk_semaphore_release(hk_semaphore *s)
{
    hk_sync_call *c = hk__queue_take(&s->waiters);
    if (c != NULL)
        hk__call_ends(&c->call, 0);
    else
        s->count++;
}
