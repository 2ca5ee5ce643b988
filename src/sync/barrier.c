/* SPDX-License-Identifier: MIT */
/* barrier: the last that comes lets the others go. */
#include "sync/sync.h"

#include "base/say.h"

void hk__barrier_wait_handle(hk_call *call)
{
    hk_sync_call *c = hk__sync_of(call);
    hk_barrier *b = c->object;
    char name[64];
    if (b->parties == 0)
        hk__misuse("barrier%s has no parties", hk__sync_quote(b->name, name, sizeof name));
    if (b->arrived + 1 < b->parties) {
        b->arrived++;
        hk__sync_park(c);
        return;
    }
    const uint32_t others = b->arrived;
    b->arrived = 0; /* from now on the next round comes */
    for (uint32_t i = 0; i < others && (c = hk__queue_take(&b->waiters)) != NULL; i++)
        hk__call_ends(&c->call, 0);
    hk_call_complete(call, 1);
}

int hk__barrier_wait_abort(hk_call *call)
{
    hk_barrier *b = hk__sync_of(call)->object;
    b->arrived--;
    return hk__sync_abort(call);
}

int hk_barrier_wait(hk_barrier *b) { return hk__sync_wait(&hk__barrier_wait_type, b); }
