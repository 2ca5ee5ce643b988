/* SPDX-License-Identifier: MIT */
/* Calls as coroutines see them: handed up to a driver, aborted.
 *
 * A strand that traps is suspended as a whole: its root records the leaf, and to everyone but the
 * driver all its members are running still. What the driver sends to the root is the call's
 * result. */
#include "coro/coro.h"

#include "base/say.h"

void hk__call_hand_up(hk_coro *self, hk_call *call)
{
    hk_coro *root = self->root;
    hk__stackful *r = (hk__stackful *)root;
    call->driver = NULL;
    call->state = HK__CALL_NEW;
    uintptr_t state = root->state;
    r->call = call;
    root->leaf = self;
    __atomic_store_n(&root->state, (uintptr_t)&hk__here + HK__IN_CALL, __ATOMIC_RELAXED);
    hk__leave(self, r->resumer, false);
    hk_step step = hk__switch(&root->at.context, &r->back, HK_TRAPPED, call);
    hk__arrive(self);
    __atomic_store_n(&root->state, state, __ATOMIC_RELAXED);
    root->leaf = root;
    r->call = NULL;
    call->result = hk_num(step.value);
    call->state = HK__CALL_SETTLED;
}

bool hk__call_abort(hk_call *call, intptr_t result)
{
    if (call->abort_asked || call->type->abort == NULL) return false;
    call->abort_asked = 1;
    if (call->type->abort(call) != HK_ABORTED) return false;
    if (call->state == HK__CALL_SETTLED)
        hk__call_misuse(call, "was completed by its abort, which says that nothing comes");
    call->result = result;
    call->state = HK__CALL_SETTLED;
    return true;
}

void hk__call_misuse(const hk_call *call, const char *what)
{
    hk__misuse("call '%s' %s", call->type->name, what);
}
