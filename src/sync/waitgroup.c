/* SPDX-License-Identifier: MIT */
/* waitgroup: counts what is under way; at 0 whoever waits goes on. */
#include "sync/sync.h"

#include "base/say.h"

void hk_waitgroup_add(hk_waitgroup *w, int64_t n)
{
    char name[64];
    w->count += n;
    if (w->count < 0)
        hk__misuse("wait group%s: more is over than was ever under way",
                   hk__sync_quote(w->name, name, sizeof name));
    for (hk_sync_call *c; w->count == 0 && (c = hk__queue_take(&w->waiters)) != NULL;)
        hk__call_ends(&c->call, 0);
}

void hk__waitgroup_wait_handle(hk_call *call)
{
    hk_sync_call *c = hk__sync_of(call);
    const hk_waitgroup *w = c->object;
    if (w->count == 0)
        hk_call_complete(call, 0);
    else
        hk__sync_park(c);
}

int hk_waitgroup_wait(hk_waitgroup *w)
{
    if (w->count == 0 && hk__sched_quick() != NULL) return 0;
    return hk__sync_wait(&hk__waitgroup_wait_type, w);
}
