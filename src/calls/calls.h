/* SPDX-License-Identifier: MIT */
/* The built-in system calls: what their files share. */
#ifndef HK_CALLS_CALLS_H
#define HK_CALLS_CALLS_H

#include "sched/sched.h"

void hk__yield_handle(hk_call *call);
void hk__sleep_handle(hk_call *call);
int hk__sleep_abort(hk_call *call);
int hk__sleep_describe(const hk_call *call, char *buf, size_t size);
void hk__wait_handle(hk_call *call);
int hk__wait_abort(hk_call *call);
int hk__wait_describe(const hk_call *call, char *buf, size_t size);
extern const hk_call_type hk__wait_type;

#endif
