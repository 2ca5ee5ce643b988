/* SPDX-License-Identifier: MIT */
/* What most waits for an object have in common: how they are given up, and how they read. */
#include "sync/sync.h"

#include <stdio.h>
#include <string.h>

int hk__sync_abort(hk_call *call)
{
    hk_sync_call *c = hk__sync_of(call);
    hk__queue_remove(hk__sync_queue(c), c);
    return HK_ABORTED;
}

const char *hk__sync_quote(const char *name, char *buf, size_t size)
{
    if (name == NULL) return "";
    snprintf(buf, size, " '%s'", name);
    return buf;
}

int hk__sync_describe(const hk_call *call, char *buf, size_t size)
{
    const char *kind = call->type->name, *name = *(const char *const *)hk__sync_of(call)->object;
    char quoted[64];
    return snprintf(buf, size, "%.*s%s", (int)strcspn(kind, "_"), kind,
                    hk__sync_quote(name, quoted, sizeof quoted));
}
