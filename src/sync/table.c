/* SPDX-License-Identifier: MIT */
/* The types of the calls that wait for objects of synchronisation, made from their list. */
#include "sync/sync.h"

#define HK__CALL_DEF(id, aborter, its_owner, its_flags, summary) \
    const hk_call_type hk__##id##_type = { \
        .name = #id, \
        .handle = hk__##id##_handle, \
        .abort = aborter, \
        .describe = hk__sync_describe, \
        .flags = its_flags, \
        .owner = its_owner, \
    };
#include "sync/sync.def"
