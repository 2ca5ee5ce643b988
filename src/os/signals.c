/* SPDX-License-Identifier: MIT */
/* Signals as objects: opened and closed by the scheduler's own thread, anything else is kept as
 * their failure. */
#include <hocket/signal.h>

#include "sched/sched.h"

void hk_signals_open(hk_signals *signals, const int *list, size_t count)
{
    hk_sched *s = hk__here.sched;
    *signals = (hk_signals){ .error = s != NULL ? 0 : hk__outside() };
    if (s == NULL) return;
    signals->error = hk__signals_begin(s, signals, list, count);
    if (signals->error < 0) return;
    signals->sched = s;
    signals->serial = s->serial;
}

void hk_signals_close(hk_signals *signals)
{
    hk_sched *s = hk__here.sched;
    if (signals->sched == NULL) return;
    /* Where its scheduler is gone, its signals are given back already. */
    if (s == signals->sched && s->serial == signals->serial) {
        hk__signals_end(s, signals);
        hk_call *waiter = signals->waiter;
        if (waiter != NULL && waiter->type->abort(waiter) == HK_ABORTED)
            hk_call_complete(waiter, -EBADF);
    }
    *signals = (hk_signals){ .error = -EBADF };
}
