/* SPDX-License-Identifier: MIT */
/* park: the handler keeps the call on a list, and that is all. */
#include "park.h"

struct parked parked;

static void handle(hk_call *call)
{
    struct park *p = HK_CONTAINER(call, struct park, call);
    p->next = parked.list;
    parked.list = p;
    parked.count++;
}

const hk_call_type park_type = { .name = "park", .handle = handle };

bool unpark(void)
{
    struct park *p = parked.list;
    if (!p) return false;
    parked.list = p->next;
    parked.count--;
    hk_call_complete(&p->call, 0);
    return true;
}
