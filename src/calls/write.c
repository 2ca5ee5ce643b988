/* SPDX-License-Identifier: MIT */
/* write, writev, send, sendmsg: hand over all of it, however often that takes.
 *
 * What went so far is counted in the call. A failure on the way is told by a short count; it is
 * still there for the next call. Nothing of the caller's is changed: what is left of several
 * buffers is put together anew for each try. */
#include "calls/calls.h"

#include "sched/descriptor.h"

#include <limits.h>

enum { PIECES = 16 }; /* of the rest of a vector, for one try: no more of the task's stack */

/* One try at what is left. direct says what the first try is; later ones carry no control data. */
static int64_t put_some(struct hk__io *io, hk_io_call *self, const hk__direct *first,
                        const struct iovec *vector, int count)
{
    hk__direct direct = *first;
    if (HK__LIKELY(self->progress == 0)) {
        direct.vector = vector;
        direct.count = count;
        return hk__io_direct(io, &direct);
    }
    struct iovec rest[PIECES];
    direct.message = NULL;
    direct.vector = rest;
    direct.count = hk__vector_rest(vector, count, self->progress, rest, PIECES);
    return hk__io_direct(io, &direct);
}

static void put(hk_call *call, const hk__direct *first, const struct iovec *vector, int count)
{
    hk_io_call *self = HK_CONTAINER(call, hk_io_call, call);
    const bool no_wait = first->kind == HK__DIRECT_SEND && (first->flags & MSG_DONTWAIT);
    const size_t size = hk__vector_size(vector, count);
    struct hk__io io;
    if (!hk__io_enter(&io, call, self->fd, HK__WRITER)) return;
    while (hk__io_ready(&io) || size == 0 || no_wait) {
        int64_t n = put_some(&io, self, first, vector, count);
        if (n == -EAGAIN && !no_wait) break;
        if (n > 0) self->progress += (size_t)n;
        bool more = n > 0 && self->progress < size && (io.d->note & HK__NOTE_STREAM);
        if (!more) return hk__io_finish(&io, hk__io_outcome(self, n));
    }
    int r = hk__io_park(&io);
    if (r < 0) hk__io_finish(&io, hk__io_outcome(self, r));
}

void hk__write_handle(hk_call *call)
{
    const hk__direct direct = { .kind = HK__DIRECT_WRITE };
    put(call, &direct, &HK_CONTAINER(call, hk_io_call, call)->data.one, 1);
}

void hk__writev_handle(hk_call *call)
{
    hk_io_call *self = HK_CONTAINER(call, hk_io_call, call);
    const hk__direct direct = { .kind = HK__DIRECT_WRITE };
    const int count = self->data.vector.count;
    if (count < 0 || count > IOV_MAX)
        hk_call_complete(call, -EINVAL);
    else
        put(call, &direct, self->data.vector.list, count);
}

void hk__send_handle(hk_call *call)
{
    hk_io_call *self = HK_CONTAINER(call, hk_io_call, call);
    const hk__direct direct = { .kind = HK__DIRECT_SEND, .flags = self->flags };
    put(call, &direct, &self->data.one, 1);
}

void hk__sendmsg_handle(hk_call *call)
{
    hk_io_call *self = HK_CONTAINER(call, hk_io_call, call);
    struct msghdr *message = self->data.message;
    const hk__direct direct = { .kind = HK__DIRECT_SEND, .flags = self->flags, .message = message };
    if (message->msg_iovlen > IOV_MAX)
        hk_call_complete(call, -EMSGSIZE);
    else
        put(call, &direct, message->msg_iov, (int)message->msg_iovlen);
}
