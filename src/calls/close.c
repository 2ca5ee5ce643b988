/* SPDX-License-Identifier: MIT */
/* close and shutdown: never refused.
 *
 *   fd     the descriptor
 *   flags  shutdown: how
 *
 * A close takes the number out of the scheduler's table before the kernel may give it out again:
 * whoever waits for it is told, and it is unwatched first, since a duplicate of it elsewhere would
 * keep it in the kernel's list for ever. Only where operations on it are under way it waits for
 * their end: they know it by its number. It works outside tasks and under every driver, because the
 * ends of blocks rely on it; where it cannot wait it says 0, and the descriptor is closed when they
 * are done. */
#include "calls/calls.h"

#include "sched/descriptor.h"

static int close_now(hk_sched *s, int fd)
{
    int r = hk__descriptor_close(s, fd);
    if (HK__UNLIKELY(s->descriptors.stalled != NULL) && r != -EBADF) hk__accept_resume(s);
    return r;
}

int hk__close_here(int fd)
{
    hk_sched *s = hk__here.sched;
    hk__direct direct = { .kind = HK__DIRECT_CLOSE, .fd = fd };
    if (s == NULL) return (int)hk__direct_call(NULL, &direct);
    int r = hk__descriptor_close_later(s, fd, NULL);
    return r == 0 ? close_now(s, fd) : r == -EINPROGRESS ? 0 : r;
}

void hk__close_handle(hk_call *call)
{
    hk_io_call *self = HK_CONTAINER(call, hk_io_call, call);
    hk_sched *s = hk__sched_of(call);
    int r = s != NULL ? hk__descriptor_close_later(s, self->fd, self) : 0;
    if (r == -EINPROGRESS) return;
    hk_call_complete(call, r < 0       ? r
                           : s != NULL ? close_now(s, self->fd)
                                       : hk__close_here(self->fd));
}

void hk__shutdown_handle(hk_call *call)
{
    hk_io_call *self = HK_CONTAINER(call, hk_io_call, call);
    hk_sched *s = hk__sched_of(call);
    hk__direct direct = { .kind = HK__DIRECT_SHUTDOWN, .fd = self->fd, .flags = self->flags };
    if (s != NULL) s->budget -= HK__DIRECT_COST - 1;
    hk_call_complete(call,
                     s != NULL ? (intptr_t)s->world->table->direct(s->world, &direct) : -ENOSYS);
}
