/* SPDX-License-Identifier: MIT */
/* lookup: asks the system's resolver for a host's addresses, on a thread of the pool.
 *
 *   host      the name
 *   ret_list  where the addresses go
 *   lookup    what the thread works with
 *
 * A resolver can hang for many seconds and cannot be interrupted. So that its asker need not wait
 * for it, the thread works with memory of its own, and the operation belongs to a call of its own
 * that outlives the asker: whoever is left last frees it. */
#include "calls/calls.h"

#include "sched/operation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct hk__lookup {
    hk_call call; /* the operation's */
    uint32_t slot;
    struct hk__lookup_call *asker; /* NULL: it was cancelled */
    hk_addr list[HK_NET_ADDRESSES];
    char host[];
};

static void work_handle(hk_call *call)
{
    struct hk__lookup *l = HK_CONTAINER(call, struct hk__lookup, call);
    const hk__operation operation = {
        .kind = HK__OP_LOOKUP, .path = l->host, .addresses = l->list, .count = HK_NET_ADDRESSES
    };
    hk_sched *s = hk__sched_of(call);
    int64_t r;
    if (l->slot != 0) {
        r = hk__operation_result(s);
        l->slot = 0;
    } else if ((r = hk__operation_start(s, call, &operation, &l->slot)) == 0) {
        return;
    }
    hk_call_complete(call, (intptr_t)r);
}

static const hk_call_type work_type = { .name = "lookup on a thread", .handle = work_handle };

/* The end of the operation. */
static void work_done(hk_call *call)
{
    struct hk__lookup *l = HK_CONTAINER(call, struct hk__lookup, call);
    struct hk__lookup_call *asker = l->asker;
    const intptr_t r = call->result;
    if (asker != NULL && r > 0) memcpy(asker->ret_list, l->list, (size_t)r * sizeof *l->list);
    free(l);
    if (asker != NULL) hk_call_complete(&asker->call, r);
}

void hk__lookup_handle(hk_call *call)
{
    struct hk__lookup_call *self = HK_CONTAINER(call, struct hk__lookup_call, call);
    hk_sched *s = hk__sched_of(call);
    const size_t size = strlen(self->host) + 1;
    struct hk__lookup *l = s != NULL ? malloc(sizeof *l + size) : NULL;
    if (l == NULL) {
        hk_call_complete(call, s != NULL ? -ENOMEM : -ENOSYS);
        return;
    }
    *l = (struct hk__lookup){ .asker = self };
    memcpy(l->host, self->host, size);
    hk__call_init(&l->call, &work_type);
    l->call.done = work_done;
    self->lookup = l;
    if (hk__call_forward(s, call->task, &l->call)) work_done(&l->call);
}

int hk__lookup_abort(hk_call *call)
{
    struct hk__lookup *l = HK_CONTAINER(call, struct hk__lookup_call, call)->lookup;
    l->asker = NULL;
    if (hk__operation_abort(hk__sched_of(call), l->slot) == HK_ABORTED) free(l);
    return HK_ABORTED;
}

int hk__lookup_describe(const hk_call *call, char *buf, size_t size)
{
    return snprintf(buf, size, "look up %s",
                    HK_CONTAINER(call, struct hk__lookup_call, call)->host);
}
