/* SPDX-License-Identifier: MIT */
/* pread, preadv, pwrite, pwritev: at a place in a file, all of it, the end apart.
 *
 * As at the file's position (position.c): what is cached at once, the rest as an operation, and
 * again. Nobody waits for anybody: each names its place. */
#include "calls/calls.h"

#include "sched/descriptor.h"
#include "sched/operation.h"

#include <limits.h>

enum { PIECES = 16 }; /* of what is left of a vector, for one direct try */

static hk_file_call *file_of(hk_call *call) { return HK_CONTAINER(call, hk_file_call, call); }

static inline int64_t call_directly(hk_sched *s, const hk_file_call *self, hk__direct *direct)
{
    struct hk__descriptor *d = &s->descriptors.table[self->operation.fd];
    direct->fd = self->operation.fd;
    direct->note = d->note;
    if (self->call.state == HK__CALL_HANDLING) s->budget -= HK__DIRECT_COST - 1;
    int64_t n = s->world->table->direct(s->world, direct);
    d->note = direct->note;
    return n;
}

static inline uint8_t direct_kind(const hk_file_call *self)
{
    return self->operation.kind == HK__OP_READ ? HK__DIRECT_PREAD : HK__DIRECT_PWRITE;
}

static inline int64_t try_all(hk_sched *s, const hk_file_call *self)
{
    hk__direct direct = { .kind = direct_kind(self), .count = self->operation.count };
    direct.vector = self->operation.vector;
    direct.offset = self->operation.offset;
    return call_directly(s, self, &direct);
}

static int64_t try_rest(hk_sched *s, const hk_file_call *self)
{
    const size_t done = self->with.data.progress;
    struct iovec rest[PIECES];
    hk__direct direct = { .kind = direct_kind(self), .vector = rest };
    direct.count =
        hk__vector_rest(self->operation.vector, self->operation.count, done, rest, PIECES);
    direct.offset = self->operation.offset + (int64_t)done;
    return call_directly(s, self, &direct);
}

/* 0, or -errno: nothing was begun. */
static int begin(hk_sched *s, hk_file_call *self)
{
    hk__operation operation = self->operation;
    const size_t done = self->with.data.progress;
    if (done != 0) {
        operation.count =
            hk__vector_rest(operation.vector, operation.count, done, &self->with.data.rest, 1);
        operation.vector = &self->with.data.rest;
        operation.offset += (int64_t)done;
    }
    return hk__file_begin(s, self, &operation);
}

static void finish(hk_file_call *self, int64_t n)
{
    const size_t done = self->with.data.progress;
    hk_call_complete(&self->call, done != 0 ? (intptr_t)done : (intptr_t)n);
}

/* n is what the last step gave. */
static void go_on(hk_sched *s, hk_file_call *self, int64_t n)
{
    const size_t size = hk__vector_size(self->operation.vector, self->operation.count);
    while (n > 0 && (self->with.data.progress += (size_t)n) < size) n = try_rest(s, self);
    if (n == -EAGAIN) {
        n = begin(s, self);
        if (n == 0) return;
    }
    finish(self, n);
}

/* The operation is done. What went is all where the task was cancelled, where the file is about to
 * be closed, and with O_DIRECT: what follows a short transfer would not be aligned. */
static void go_on_after(hk_sched *s, hk_file_call *self)
{
    const struct hk__descriptor *d = &s->descriptors.table[self->operation.fd];
    const int64_t n = hk__operation_result(s);
    const int fd = self->operation.fd;
    self->slot = 0;
    if (n <= 0 || self->call.abort_asked || d->closing || (d->note & HK__NOTE_UNCACHED)) {
        if (n > 0) self->with.data.progress += (size_t)n;
        finish(self, n);
    } else {
        go_on(s, self, n);
    }
    hk__descriptor_let_go(s, fd);
}

static int check(hk_sched *s, const hk_file_call *self)
{
    if (s == NULL) return -ENOSYS;
    if (self->operation.offset < 0 || self->operation.count < 0 || self->operation.count > IOV_MAX)
        return -EINVAL;
    if (HK__LIKELY((unsigned)self->operation.fd < s->descriptors.count)) return 0;
    return hk__descriptor_find(s, self->operation.fd);
}

static inline __attribute__((always_inline)) void handle(hk_call *call)
{
    hk_file_call *self = file_of(call);
    hk_sched *s = hk__sched_of(call);
    if (HK__UNLIKELY(self->slot != 0)) return go_on_after(s, self);
    int r = check(s, self);
    if (HK__UNLIKELY(r < 0)) return hk_call_complete(call, r);
    go_on(s, self, try_all(s, self));
}

void hk__pread_handle(hk_call *call) { handle(call); }
void hk__pwrite_handle(hk_call *call) { handle(call); }
