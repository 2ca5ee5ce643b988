/* SPDX-License-Identifier: MIT */
/* What most waits for an object have in common: how they are given up, and how they read. */
#include "sync/sync.h"

#include <stdio.h>
#include <string.h>

/* Not inline: what need not wait saves no registers. */
int hk__sync_wait(const hk_call_type *type, void *object)
{
    hk_sync_call wait;
    hk__sync_prepare(&wait, type, object);
    return (int)hk_trap(&wait.call);
}

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

const char *hk__sync_task(const hk_sched *s, int64_t tid, char *buf, size_t size)
{
    const hk_coro *t = s != NULL ? hk__task_find(s, tid) : NULL;
    if (tid == 0)
        snprintf(buf, size, "nobody");
    else if (t != NULL)
        snprintf(buf, size, "task %lld '%s'", (long long)tid, hk__task_name(t));
    else
        snprintf(buf, size, "task %lld", (long long)tid);
    return buf;
}

int hk__sync_describe(const hk_call *call, char *buf, size_t size)
{
    const char *kind = call->type->name, *name = *(const char *const *)hk__sync_of(call)->object;
    const int64_t owner = call->type->owner != NULL ? call->type->owner(call) : 0;
    char quoted[64], task[64];
    return snprintf(buf, size, "%.*s%s%s%s", (int)strcspn(kind, "_"), kind,
                    hk__sync_quote(name, quoted, sizeof quoted), owner != 0 ? ", held by " : "",
                    owner != 0 ? hk__sync_task(hk__sched_of(call), owner, task, sizeof task) : "");
}
