/* SPDX-License-Identifier: MIT */
/* fd_wait: until a descriptor is ready in one direction, which in `flags` is HK_READ or HK_WRITE.
 *
 * Its caller reads behind our back, so nothing that the table remembers counts: the kernel is asked
 * each time, and told again that we watch, in case a library has closed the descriptor and got the
 * same number for another. When the wait is over, and nobody else of ours has used the descriptor,
 * it is no longer watched: what watches it may hold on to the file, and then a close(2) of the
 * library's would not be the end of it. */
#include "calls/calls.h"

#include "sched/descriptor.h"

#include <stdio.h>

_Static_assert((int)HK_READ == (int)HK__READABLE && (int)HK_WRITE == (int)HK__WRITABLE, "as bits");

void hk__fd_wait_handle(hk_call *call)
{
    hk_io_call *self = HK_CONTAINER(call, hk_io_call, call);
    const bool first = call->state != HK__CALL_PARKED;
    struct hk__io io;
    if (self->flags != HK_READ && self->flags != HK_WRITE) {
        hk_call_complete(call, hk__sched_of(call) != NULL ? -EINVAL : -ENOSYS);
        return;
    }
    if (!hk__io_enter(&io, call, self->fd, self->flags == HK_READ ? HK__READER : HK__WRITER))
        return;
    hk__direct direct = { .kind = HK__DIRECT_POLL, .flags = self->flags };
    int64_t r = hk__io_direct(&io, &direct);
    if (r == -EAGAIN) {
        r = first ? hk__descriptor_watch(io.s, self->fd, (unsigned)self->flags) : 0;
        if (r == 0) r = hk__io_park(&io);
        if (r == 0) return;
    }
    if (r == 0) io.d->dry &= ~hk__io_bit(&io) & 15;
    if (io.d->waiter[io.side] == call) hk__descriptor_leave(io.s, self->fd, call);
    hk__descriptor_forget(io.s, self->fd);
    hk_call_complete(call, (intptr_t)r);
}

int hk__fd_wait_abort(hk_call *call)
{
    hk_sched *s = hk__sched_of(call);
    const int fd = HK_CONTAINER(call, hk_io_call, call)->fd;
    hk__descriptor_leave(s, fd, call);
    hk__descriptor_forget(s, fd);
    return HK_ABORTED;
}

int hk__fd_wait_describe(const hk_call *call, char *buf, size_t size)
{
    const hk_io_call *self = HK_CONTAINER(call, hk_io_call, call);
    return snprintf(buf, size, "fd %d to be %s", self->fd,
                    self->flags == HK_READ ? "readable" : "writable");
}
