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
 * ends of blocks rely on it. */
#include "calls/calls.h"

#include "sched/descriptor.h"

int hk__close_here(int fd)
{
    hk_sched *s = hk__here.sched;
    hk__direct direct = { .kind = HK__DIRECT_CLOSE, .fd = fd };
    if (s == NULL) return (int)hk__direct_call(NULL, &direct);
    hk__descriptor_reset(s, fd);
    s->budget -= HK__DIRECT_COST - 1;
    int r = (int)s->world->table->direct(s->world, &direct);
    if (HK__UNLIKELY(s->descriptors.stalled != NULL) && r != -EBADF) hk__accept_resume(s);
    return r;
}

void hk__close_handle(hk_call *call)
{
    hk_sched *s = hk__sched_of(call);
    if (s != NULL && hk__descriptor_close_later(s, HK_CONTAINER(call, hk_io_call, call))) return;
    hk_call_complete(call, hk__close_here(HK_CONTAINER(call, hk_io_call, call)->fd));
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
