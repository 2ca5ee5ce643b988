/* SPDX-License-Identifier: MIT */
/* The line at a file's position.
 *
 * hk_read and hk_write on a file begin where it stands and move that on. While the operation of one
 * call is under way nobody knows where that will be, so all others wait for their turn: the first
 * in line has the operation, or is about to. A descriptor that is a file keeps first and last where
 * others keep the one who waits for either side. */
#include "base/say.h"
#include "sched/descriptor.h"

static struct hk__descriptor *of(hk_sched *s, int fd) { return &s->descriptors.table[fd]; }

static hk_io_call *first(hk_sched *s, int fd)
{
    hk_call *call = of(s, fd)->waiter[0];
    return call != NULL ? HK_CONTAINER(call, hk_io_call, call) : NULL;
}

static void append(hk_sched *s, hk_io_call *call)
{
    struct hk__descriptor *d = of(s, call->fd);
    call->next = NULL;
    if (d->waiter[1] != NULL)
        HK_CONTAINER(d->waiter[1], hk_io_call, call)->next = call;
    else
        d->waiter[0] = &call->call;
    d->waiter[1] = &call->call;
}

static void unlink_from(hk_sched *s, hk_io_call *call)
{
    struct hk__descriptor *d = of(s, call->fd);
    hk_io_call *before = NULL;
    for (hk_io_call *at = first(s, call->fd); at != call; at = at->next) before = at;
    if (before != NULL)
        before->next = call->next;
    else
        d->waiter[0] = call->next != NULL ? &call->next->call : NULL;
    if (d->waiter[1] == &call->call) d->waiter[1] = before != NULL ? &before->call : NULL;
}

/* Whoever is first now tries. One that is done at once has left before its retry returns, and finds
 * us at it: so this does not nest. */
static void pass_on(hk_sched *s, int fd)
{
    if (of(s, fd)->passing) return;
    of(s, fd)->passing = true;
    hk_io_call *next = first(s, fd), *tried = NULL;
    while (next != NULL && next != tried && next->slot == 0) {
        tried = next;
        hk__call_retry(&next->call);
        next = first(s, fd);
    }
    of(s, fd)->passing = false;
}

static bool uses_position(const hk_call *call)
{
    return call->type == &hk__read_type || call->type == &hk__readv_type ||
           call->type == &hk__write_type || call->type == &hk__writev_type;
}

bool hk__line_enter(struct hk__io *io)
{
    if (io->d->waiter[0] == io->call || !uses_position(io->call)) return true;
    if (io->d->closing) {
        hk_call_complete(io->call, -EBADF);
        return false;
    }
    append(io->s, HK_CONTAINER(io->call, hk_io_call, call));
    return false;
}

void hk__line_join(struct hk__io *io)
{
    if (io->d->waiter[0] == io->call) return;
    HK__ASSERT(io->d->waiter[0] == NULL);
    append(io->s, HK_CONTAINER(io->call, hk_io_call, call));
}

void hk__line_finish(struct hk__io *io, int64_t result)
{
    const bool was_first = io->d->waiter[0] == io->call;
    if (was_first) unlink_from(io->s, HK_CONTAINER(io->call, hk_io_call, call));
    hk_call_complete(io->call, (intptr_t)result);
    if (was_first) pass_on(io->s, io->fd);
}

void hk__line_leave(hk_sched *s, hk_io_call *call)
{
    unlink_from(s, call);
    pass_on(s, call->fd);
}

void hk__line_dissolve(hk_sched *s, int fd)
{
    hk_io_call *at = first(s, fd);
    if (at == NULL) return;
    hk_io_call *waiting = at->slot != 0 ? at->next : at;
    of(s, fd)->waiter[0] = of(s, fd)->waiter[1] = at->slot != 0 ? &at->call : NULL;
    if (at->slot != 0) at->next = NULL;
    for (hk_io_call *next; waiting != NULL; waiting = next) {
        next = waiting->next;
        hk_call_complete(&waiting->call,
                         waiting->progress != 0 ? (intptr_t)waiting->progress : -EBADF);
    }
}
