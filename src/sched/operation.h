/* SPDX-License-Identifier: MIT */
/* Operations of calls: what the world does in its own time.
 *
 * A handler submits and returns; when the operation is done the handler is run again, and asks for
 * its result:
 *
 *     if (self->slot != 0) { self->slot = 0; ... hk__operation_result(s) ... }
 *     else r = hk__operation_start(s, call, &operation, &self->slot); */
#ifndef HK_SCHED_OPERATION_H
#define HK_SCHED_OPERATION_H

#include "sched/sched.h"

/* *ret_slot is not 0 from now on, until the handler that is run again sets it so. What the
 * operation points to must stay until then. 0 or -errno: nothing was begun. */
int hk__operation_start(hk_sched *s, hk_call *call, const hk__operation *operation,
                        uint32_t *ret_slot);

/* Of the operation whose handler is run again; there, until it submits another. */
static inline intptr_t hk__operation_result(const hk_sched *s) { return s->operations.result; }

/* Of a SEND_RECV: that is what became of sending; nothing was received. */
static inline bool hk__operation_halved(const hk_sched *s) { return s->operations.halved; }

/* For abort: what abort returns. LATER: the handler will be run. */
int hk__operation_abort(hk_sched *s, uint32_t slot);

#endif
