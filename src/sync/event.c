/* SPDX-License-Identifier: MIT */
/* event: whoever waits goes on while it is set. */
#include "sync/sync.h"

void hk_event_set(hk_event *e)
{
    e->is_set = true;
    for (hk_sync_call *c; e->is_set && (c = hk__queue_take(&e->waiters)) != NULL;)
        hk__call_ends(&c->call, 0);
}

void hk_event_clear(hk_event *e) { e->is_set = false; }

void hk__event_wait_handle(hk_call *call)
{
    hk_sync_call *c = hk__sync_of(call);
    const hk_event *e = c->object;
    if (e->is_set)
        hk_call_complete(call, 0);
    else
        hk__sync_park(c);
}

int hk_event_wait(hk_event *e)
{
    if (e->is_set && hk__sched_quick() != NULL) return 0;
    return hk__sync_wait(&hk__event_wait_type, e);
}
