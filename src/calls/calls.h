/* SPDX-License-Identifier: MIT */
/* The built-in system calls: what their files share. */
#ifndef HK_CALLS_CALLS_H
#define HK_CALLS_CALLS_H

#include <hocket/io.h>

#include "sched/sched.h"

#define HK__CALL_DEF(name, ...) \
    extern const hk_call_type hk__##name##_type; \
    void hk__##name##_handle(hk_call *call);
#include "calls/calls.def"
#undef HK__CALL_DEF

int hk__sleep_abort(hk_call *call);
int hk__sleep_describe(const hk_call *call, char *buf, size_t size);
int hk__wait_abort(hk_call *call);
int hk__wait_describe(const hk_call *call, char *buf, size_t size);

/* io.c: what all hk_io_call have in common. */
int hk__io_abort(hk_call *call);
int hk__io_describe(const hk_call *call, char *buf, size_t size);
/* The result of a call that has moved some bytes, perhaps none, and now meets r. */
static inline int64_t hk__io_outcome(const hk_io_call *io, int64_t r)
{
    return io->progress != 0 ? (int64_t)io->progress : r;
}
/* Bytes in all pieces. */
size_t hk__vector_size(const struct iovec *vector, int count);
/* What is left of them after `done` bytes, at most room pieces of it; returns how many. */
int hk__vector_rest(const struct iovec *vector, int count, size_t done, struct iovec *ret_rest,
                    int room);

int hk__fd_wait_describe(const hk_call *call, char *buf, size_t size);
int hk__accept_abort(hk_call *call);
int hk__accept_describe(const hk_call *call, char *buf, size_t size);
/* A descriptor is free again: the first accept that found none tries. */
void hk__accept_resume(hk_sched *s);
int hk__connect_abort(hk_call *call);
int hk__connect_describe(const hk_call *call, char *buf, size_t size);
int hk__signals_abort(hk_call *call);
int hk__signals_describe(const hk_call *call, char *buf, size_t size);

#endif
