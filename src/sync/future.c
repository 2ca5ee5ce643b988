/* SPDX-License-Identifier: MIT */
/* future: a value that is set once.
 *
 *   item  of a wait: where the value goes, or NULL */
#include "sync/sync.h"

#include "base/say.h"

/* Tells a wait what there is. */
static void answer(const hk_future *f, hk_sync_call *c)
{
    bool failed = hk_is_err(f->value);
    if (!failed && c->item != NULL) *(void **)c->item = f->value;
    hk__call_ends(&c->call, failed ? hk_num(f->value) : 0);
}

static void settle(hk_future *f, void *value)
{
    char name[64];
    if (f->is_set) hk__misuse("future%s is set twice", hk__sync_quote(f->name, name, sizeof name));
    f->is_set = true;
    f->value = value;
    for (hk_sync_call *c; (c = hk__queue_take(&f->waiters)) != NULL;) answer(f, c);
}

void hk_future_set(hk_future *f, void *value)
{
    char name[64];
    if (hk_is_err(value))
        hk__misuse("future%s is set to the error %d: hk_future_fail says that",
                   hk__sync_quote(f->name, name, sizeof name), (int)hk_num(value));
    settle(f, value);
}

void hk_future_fail(hk_future *f, int error)
{
    char name[64];
    if (!hk_is_err(hk_val(error)))
        hk__misuse("future%s fails with %d, which is no error",
                   hk__sync_quote(f->name, name, sizeof name), error);
    settle(f, hk_val(error));
}

void hk__future_wait_handle(hk_call *call)
{
    hk_sync_call *c = hk__sync_of(call);
    const hk_future *f = c->object;
    if (f->is_set)
        answer(f, c);
    else
        hk__sync_park(c);
}

int hk_future_wait(hk_future *f, void **ret_value)
{
    hk_sync_call wait;
    hk_future_wait_prepare(&wait, f, ret_value);
    return (int)hk_trap(&wait.call);
}
