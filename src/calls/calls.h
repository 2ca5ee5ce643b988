/* SPDX-License-Identifier: MIT */
/* The built-in system calls: what their files share. */
#ifndef HK_CALLS_CALLS_H
#define HK_CALLS_CALLS_H

#include <hocket/file.h>
#include <hocket/io.h>
#include <hocket/net.h>
#include <hocket/offload.h>
#include <hocket/select.h>
#include <hocket/send_recv.h>

#include "sched/sched.h"

#define HK__CALL_DEF(name, ...) \
    extern const hk_call_type hk__##name##_type; \
    void hk__##name##_handle(hk_call *call);
#define HK__CALL_OWNED HK__CALL_DEF
#include "calls/calls.def"
#undef HK__CALL_DEF
#undef HK__CALL_OWNED

/* Of objects that tasks synchronise with: src/sync. */
int hk__chan_send_abort(hk_call *call);
int hk__chan_send_describe(const hk_call *call, char *buf, size_t size);
int hk__chan_recv_abort(hk_call *call);
int hk__chan_recv_describe(const hk_call *call, char *buf, size_t size);
int hk__broadcast_send_abort(hk_call *call);
int hk__broadcast_send_describe(const hk_call *call, char *buf, size_t size);
int hk__subscriber_recv_abort(hk_call *call);
int hk__subscriber_recv_describe(const hk_call *call, char *buf, size_t size);
int hk__tick_abort(hk_call *call);
int hk__tick_describe(const hk_call *call, char *buf, size_t size);
int hk__select_abort(hk_call *call);
int hk__select_describe(const hk_call *call, char *buf, size_t size);

int hk__sleep_abort(hk_call *call);
int hk__sleep_describe(const hk_call *call, char *buf, size_t size);
int hk__wait_abort(hk_call *call);
int hk__start_abort(hk_call *call);
int hk__wait_describe(const hk_call *call, char *buf, size_t size);
int64_t hk__wait_owner(const hk_call *call);

/* io.c: what all hk_io_call have in common. */
int hk__io_abort(hk_call *call);
int hk__fd_wait_abort(hk_call *call);
int hk__send_recv_abort(hk_call *call);
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

/* position.c. read, write and their like on a file. go_on: n is what the direct try gave. done: the
 * call's operation is. */
struct hk__io;
void hk__file_go_on(struct hk__io *io, int64_t n);
void hk__file_done(hk_call *call);

/* file.c: what all hk_file_call have in common. */
int hk__file_abort(hk_call *call);
int hk__file_describe(const hk_call *call, char *buf, size_t size);
/* Starts the operation. 0 or -errno: nothing was begun. */
int hk__file_begin(hk_sched *s, hk_file_call *file, const hk__operation *operation);
/* It is done, or was never begun in earnest: what it held is let go. */
void hk__file_end(hk_sched *s, hk_file_call *file);
/* The handler of a call that is one operation, with its result as it is. */
void hk__file_handle(hk_call *call);
int hk__dir_next_abort(hk_call *call);

int hk__fd_wait_describe(const hk_call *call, char *buf, size_t size);
int hk__accept_abort(hk_call *call);
int hk__accept_describe(const hk_call *call, char *buf, size_t size);
/* A descriptor is free again: the first accept that found none tries. */
void hk__accept_resume(hk_sched *s);
int hk__connect_abort(hk_call *call);
int hk__connect_describe(const hk_call *call, char *buf, size_t size);
int hk__signals_abort(hk_call *call);
int hk__signals_describe(const hk_call *call, char *buf, size_t size);
int hk__proc_wait_abort(hk_call *call);
int hk__proc_wait_describe(const hk_call *call, char *buf, size_t size);
int hk__proc_leave_abort(hk_call *call);
int hk__proc_leave_describe(const hk_call *call, char *buf, size_t size);

/* Of several addresses, one that says this is out of the question: what the others say matters. */
static inline bool hk__has_no_route(int error)
{
    return error == -ENETUNREACH || error == -EADDRNOTAVAIL || error == -EAFNOSUPPORT;
}

/* dial.c: a new socket, connected to one of these addresses. */
struct hk__dial_call;
struct hk__attempt {
    hk_connect_call connect;
    struct hk__dial_call *dial;
    int fd; /* -1: over */
};
struct hk__dial_call {
    hk_call call;
    hk__timer timer;  /* until the next attempt */
    const char *what; /* for people */
    const hk_addr *list;
    int count, type;
    int next;  /* in the list */
    int live;  /* attempts under way */
    int error; /* what to say where all fail */
    bool timing;
    struct hk__attempt attempts[HK_NET_ADDRESSES];
};
void hk__dial_prepare(struct hk__dial_call *dial, const char *what, int type, const hk_addr *list,
                      int count);
int hk__dial_abort(hk_call *call);
int hk__dial_describe(const hk_call *call, char *buf, size_t size);

/* lookup.c: the addresses of a host, from the system's resolver, without ports. */
struct hk__lookup;
struct hk__lookup_call {
    hk_call call;
    const char *host;
    hk_addr *ret_list; /* HK_NET_ADDRESSES of them */
    struct hk__lookup *lookup;
};
int hk__lookup_abort(hk_call *call);
int hk__lookup_describe(const hk_call *call, char *buf, size_t size);

#endif
