/* SPDX-License-Identifier: MIT */
/* write, writev, send, sendmsg: hand over all of it, however often that takes.
 *
 * What went so far is counted in the call. A failure on the way is told by a short count; it is
 * still there for the next call. Nothing of the caller's is changed: what is left of several
 * buffers is put together anew for each try.
 *
 * Where a system call is dear, and many tasks have been woken together, what they send is handed in
 * with the next wait, all of it by one call. Such a send is tried there once, and goes on here. */
#include "calls/calls.h"

#include "sched/descriptor.h"
#include "sched/operation.h"

#include <limits.h>

enum { PIECES = 16 }; /* of the rest of a vector, for one try: no more of the task's stack */

/* What a call writes. */
struct load {
    uint8_t kind;
    int flags, count;
    size_t size; /* bytes in all */
    const struct iovec *vector;
    struct msghdr *message; /* NULL, or whose vector it is */
};

/* One try at what is left. Control data goes with the first byte, and only with that. */
static int64_t put_rest(struct hk__io *io, const struct load *load, size_t done)
{
    struct iovec rest[PIECES];
    hk__direct direct = { .kind = load->kind, .flags = load->flags, .vector = rest };
    direct.count = hk__vector_rest(load->vector, load->count, done, rest, PIECES);
    return hk__io_direct(io, &direct);
}

static inline int64_t put_first(struct hk__io *io, const struct load *load)
{
    hk__direct direct = { .kind = load->kind, .flags = load->flags, .count = load->count };
    direct.vector = load->vector;
    direct.message = load->message;
    return hk__io_direct(io, &direct);
}

/* What is left, from the first try or after it. Inline: the common calls come this way. */
static inline __attribute__((always_inline)) void put_on(struct hk__io *io, const struct load *load)
{
    hk_io_call *self = HK_CONTAINER(io->call, hk_io_call, call);
    const bool no_wait = load->kind == HK__DIRECT_SEND && (load->flags & MSG_DONTWAIT);
    while (HK__LIKELY(hk__io_ready(io)) || load->size == 0 || no_wait) {
        int64_t n = HK__LIKELY(self->progress == 0) ? put_first(io, load)
                                                    : put_rest(io, load, self->progress);
        if (load->kind == HK__DIRECT_WRITE && HK__UNLIKELY(io->d->note & HK__NOTE_FILE))
            return hk__file_go_on(io, n);
        if (n == -EAGAIN && !no_wait) break;
        if (n > 0) self->progress += (size_t)n;
        bool more = n > 0 && self->progress < load->size && (io->d->note & HK__NOTE_STREAM);
        if (HK__LIKELY(!more)) return hk__io_finish(io, hk__io_outcome(self, n));
    }
    int r = hk__io_park(io);
    if (r < 0) hk__io_finish(io, hk__io_outcome(self, r));
}

/* Whether what a task itself sends may be handed in. */
static bool goes_together(const struct hk__io *io, const struct load *load)
{
    return !io->d->handed_in && load->count == 1 && load->message == NULL &&
           !(load->flags & ~MSG_NOSIGNAL) && hk__io_hands_in(io, load->size);
}

/* False: it is not to be, or there is no room. */
static HK__HOT __attribute__((noinline)) bool hand_in(struct hk__io *io, const struct load *load)
{
    hk_io_call *self = HK_CONTAINER(io->call, hk_io_call, call);
    const hk__operation operation = {
        .kind = HK__OP_SEND, .fd = io->fd, .flags = load->flags, .count = 1, .vector = load->vector
    };
    if (!goes_together(io, load) || hk__descriptor_hold(io->s, io->fd) < 0) return false;
    if (hk__operation_start(io->s, io->call, &operation, &self->slot) < 0) {
        hk__descriptor_let_go(io->s, io->fd);
        return false;
    }
    hk__io_hand_in(io);
    return true;
}

/* What was handed in is done, or some of it. */
static HK__HOT __attribute__((noinline)) void handed_in(hk_call *call, const struct load *load)
{
    hk_io_call *self = HK_CONTAINER(call, hk_io_call, call);
    hk_sched *s = hk__sched_of(call);
    const int fd = self->fd; /* the call may be gone by the end */
    struct hk__io io = { s, &s->descriptors.table[fd], call, fd, HK__WRITER };
    const int64_t n = hk__operation_result(s);
    const bool is_ours = hk__io_take_back(io.d, call);
    self->slot = 0;
    if (n > 0) self->progress += (size_t)n;
    const bool more = n == -EAGAIN || (n > 0 && self->progress < load->size);
    if (more && is_ours && !io.d->closing && !call->abort_asked)
        put_on(&io, load); /* tries: whether it is full is not known for sure by now */
    else
        hk_call_complete(call, hk__io_outcome(self, n != -EAGAIN                ? n
                                                    : !is_ours || io.d->closing ? -EBADF
                                                                                : -ECANCELED));
    hk__descriptor_let_go(s, fd);
}

/* Inline: the common calls come this way. */
static inline __attribute__((always_inline)) void put(hk_call *call, struct load load)
{
    hk_io_call *self = HK_CONTAINER(call, hk_io_call, call);
    struct hk__io io;
    if (HK__UNLIKELY(self->slot != 0)) {
        if (hk__sched_of(call)->descriptors.table[self->fd].note & HK__NOTE_FILE)
            return hk__file_done(call);
        return handed_in(call, &load);
    }
    if (!hk__io_enter(&io, call, self->fd, HK__WRITER)) return;
    if (HK__UNLIKELY(io.s->together) && hand_in(&io, &load)) return;
    put_on(&io, &load);
}

static inline struct load one_buffer(const hk_io_call *self, uint8_t kind)
{
    const struct iovec *one = &self->data.one;
    return (struct load){ kind, self->flags, 1, one->iov_len, one, NULL };
}

HK__HOT void hk__write_handle(hk_call *call)
{
    put(call, one_buffer(HK_CONTAINER(call, hk_io_call, call), HK__DIRECT_WRITE));
}

HK__HOT void hk__send_handle(hk_call *call)
{
    put(call, one_buffer(HK_CONTAINER(call, hk_io_call, call), HK__DIRECT_SEND));
}

static void put_many(hk_call *call, struct load load)
{
    load.size = hk__vector_size(load.vector, load.count);
    put(call, load);
}

void hk__writev_handle(hk_call *call)
{
    hk_io_call *self = HK_CONTAINER(call, hk_io_call, call);
    const struct iovec *vector = self->data.vector.list;
    const int count = self->data.vector.count;
    if (count < 0 || count > IOV_MAX)
        hk_call_complete(call, -EINVAL);
    else
        put_many(call, (struct load){ HK__DIRECT_WRITE, 0, count, 0, vector, NULL });
}

void hk__sendmsg_handle(hk_call *call)
{
    hk_io_call *self = HK_CONTAINER(call, hk_io_call, call);
    struct msghdr *message = self->data.message;
    const int count = (int)message->msg_iovlen;
    if (message->msg_iovlen > IOV_MAX)
        hk_call_complete(call, -EMSGSIZE);
    else
        put_many(call, (struct load){ HK__DIRECT_SEND, self->flags, count, 0, message->msg_iov,
                                      message });
}
