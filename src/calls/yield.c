/* SPDX-License-Identifier: MIT */
/* yield: gives up the processor.
 *
 * Under our scheduler it is a call that completes at once and spends the whole budget, which sends
 * its task to the tail of the ready queue (hk_sched_yield has a shorter way for the common case).
 * Under another driver, completing it is enough. */
#include "calls/calls.h"

void hk__yield_handle(hk_call *call)
{
    hk_sched *s = hk__sched_of(call);
    if (s != NULL) s->budget = 0;
    hk_call_complete(call, 0);
}
