/* SPDX-License-Identifier: MIT */
/* The types of the built-in system calls, made from their list. */
#include "calls/calls.h"

#define HK__CALL_DEF(id, aborter, describer, its_flags, summary) \
    HK__CALL_OWNED(id, aborter, describer, NULL, its_flags, summary)
#define HK__CALL_OWNED(id, aborter, describer, its_owner, its_flags, summary) \
    const hk_call_type hk__##id##_type = { \
        .name = #id, \
        .handle = hk__##id##_handle, \
        .abort = aborter, \
        .describe = describer, \
        .flags = its_flags, \
        .owner = its_owner, \
    };
#include "calls/calls.def"
