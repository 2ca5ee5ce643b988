/* SPDX-License-Identifier: MIT */
/* read, readv, write, writev on a file: at its position, all of it, the end apart.
 *
 * What the kernel has in its cache is moved at once, and the rest as an operation; after each the
 * direct try comes again, and it is what sees the end. While the operation is under way the call is
 * first in the line at the file's position. */
#include "calls/calls.h"

#include "sched/descriptor.h"
#include "sched/operation.h"

enum { PIECES = 16 }; /* of what is left of a vector, for one direct try */

static hk_io_call *io_of(hk_call *call) { return HK_CONTAINER(call, hk_io_call, call); }

static bool writes(const hk_io_call *self)
{
    return self->call.type == &hk__write_type || self->call.type == &hk__writev_type;
}

static const struct iovec *vector_of(const hk_io_call *self, int *ret_count)
{
    const bool many = self->call.type == &hk__readv_type || self->call.type == &hk__writev_type;
    *ret_count = many ? self->data.vector.count : 1;
    return many ? self->data.vector.list : &self->data.one;
}

static int64_t try_rest(struct hk__io *io, const hk_io_call *self)
{
    struct iovec rest[PIECES];
    int count;
    const struct iovec *vector = vector_of(self, &count);
    hk__direct direct = { .kind = writes(self) ? HK__DIRECT_WRITE : HK__DIRECT_READ };
    direct.vector = rest;
    direct.count = hk__vector_rest(vector, count, self->progress, rest, PIECES);
    return hk__io_direct(io, &direct);
}

/* 0, or -errno: nothing was begun. */
static int begin(struct hk__io *io, hk_io_call *self)
{
    hk__operation operation = { .kind = writes(self) ? HK__OP_WRITE : HK__OP_READ, .fd = io->fd };
    operation.offset = -1;
    operation.vector = vector_of(self, &operation.count);
    if (self->progress != 0) {
        operation.count =
            hk__vector_rest(operation.vector, operation.count, self->progress, &self->rest, 1);
        operation.vector = &self->rest;
    }
    int r = hk__descriptor_hold(io->s, io->fd);
    if (r < 0) return r;
    r = hk__operation_start(io->s, io->call, &operation, &self->slot);
    if (r < 0)
        hk__descriptor_let_go(io->s, io->fd);
    else
        hk__line_join(io);
    return r;
}

void hk__file_go_on(struct hk__io *io, int64_t n)
{
    hk_io_call *self = io_of(io->call);
    int count;
    const struct iovec *vector = vector_of(self, &count);
    const size_t size = hk__vector_size(vector, count);
    while (n > 0 && (self->progress += (size_t)n) < size) n = try_rest(io, self);
    if (n == -EAGAIN) n = begin(io, self);
    if (n == 0 && self->slot != 0) return;
    hk__io_finish(io, hk__io_outcome(self, n));
}

/* Where the number means something else by now, or soon will, and where the task was cancelled,
 * what went is all. So is a short transfer of O_DIRECT: what follows would not be aligned. */
static bool is_over(const struct hk__io *io, int64_t n)
{
    return n <= 0 || io->call->abort_asked || io->d->closing || io->d->waiter[0] != io->call ||
           (io->d->note & HK__NOTE_UNCACHED);
}

void hk__file_done(hk_call *call)
{
    hk_io_call *self = io_of(call);
    hk_sched *s = hk__sched_of(call);
    struct hk__io io = { .s = s,
                         .d = &s->descriptors.table[self->fd],
                         .call = call,
                         .fd = self->fd,
                         .side = writes(self) ? HK__WRITER : HK__READER };
    const int64_t n = hk__operation_result(s);
    const int fd = self->fd; /* the call may be gone by the end */
    self->slot = 0;
    if (is_over(&io, n)) {
        if (n > 0) self->progress += (size_t)n;
        hk__line_finish(&io, hk__io_outcome(self, n));
    } else {
        hk__file_go_on(&io, n);
    }
    hk__descriptor_let_go(s, fd);
}
