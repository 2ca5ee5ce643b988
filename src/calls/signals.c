/* SPDX-License-Identifier: MIT */
/* signals: waits for one of the signals of an object.
 *
 *   signals  the object; it remembers what has come, and who waits */
#include "calls/calls.h"

#include <hocket/signal.h>

#include <stdio.h>
#include <string.h>

static hk_signals *object_of(const hk_call *call)
{
    return HK_CONTAINER(call, hk_signals_call, call)->signals;
}

/* Why it cannot be waited for; 0: it can. */
static int refusal(const hk_sched *s, const hk_signals *object, const hk_call *call)
{
    if (s == NULL) return -ENOSYS;
    if (object->error < 0) return object->error;
    if (object->sched != s || object->serial != s->serial) return -EPERM;
    return object->waiter != NULL && object->waiter != call ? -EBUSY : 0;
}

/* No longer the waiter, if it was. */
static void leave(hk_sched *s, hk_signals *object)
{
    if (object->waiter != NULL) s->outside--;
    object->waiter = NULL;
}

void hk__signals_handle(hk_call *call)
{
    hk_sched *s = hk__sched_of(call);
    hk_signals *object = object_of(call);
    int r = refusal(s, object, call);
    if (r < 0) {
        hk_call_complete(call, r);
    } else if (object->pending != 0) {
        int number = __builtin_ctzll(object->pending) + 1;
        object->pending &= object->pending - 1;
        leave(s, object);
        hk_call_complete(call, number);
    } else if (object->waiter == NULL) {
        object->waiter = call;
        s->outside++;
    }
}

int hk__signals_abort(hk_call *call)
{
    leave(hk__sched_of(call), object_of(call));
    return HK_ABORTED;
}

int hk__signals_describe(const hk_call *call, char *buf, size_t size)
{
    const uint64_t set = object_of(call)->set;
    int first = set != 0 ? __builtin_ctzll(set) + 1 : 0;
    const char *name = sigabbrev_np(first);
    return snprintf(buf, size, "signal %s%s", name != NULL ? name : "?",
                    set & (set - 1) ? " or others" : "");
}
