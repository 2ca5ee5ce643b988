/* SPDX-License-Identifier: MIT */
/* The world on io_uring: operations.
 *
 * Each is one request; what the kernel has no request for, or no room, is the pool's. */
#include "world/uring.h"

#include "base/say.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

enum { OP_FTRUNCATE = 55, OP_NONE = 255, MOST_BYTES = 0x7ffff000 };

/* At a file's own position the ring takes no lock, and after a short write it leaves the position
 * anywhere (seen on Linux 6.18, with RLIMIT_FSIZE): that is for the pool. */
static HK__HOT uint8_t opcode_of(const hk__operation *o)
{
    if ((o->kind == HK__OP_READ || o->kind == HK__OP_WRITE) && o->offset < 0) return OP_NONE;
    switch (o->kind) {
    case HK__OP_READ: return o->count == 1 ? IORING_OP_READ : IORING_OP_READV;
    case HK__OP_WRITE: return o->count == 1 ? IORING_OP_WRITE : IORING_OP_WRITEV;
    case HK__OP_FSYNC: return IORING_OP_FSYNC;
    case HK__OP_TRUNCATE: return OP_FTRUNCATE;
    case HK__OP_OPEN: return IORING_OP_OPENAT;
    case HK__OP_STAT: return IORING_OP_STATX;
    case HK__OP_RENAME: return IORING_OP_RENAMEAT;
    case HK__OP_UNLINK: return IORING_OP_UNLINKAT;
    case HK__OP_MKDIR: return IORING_OP_MKDIRAT;
    case HK__OP_SEND: return IORING_OP_SEND;
    case HK__OP_SEND_RECV: return IORING_OP_RECV;
    default: return OP_NONE;
    }
}

static void prepare_transfer(struct io_uring_sqe *sqe, uint8_t opcode, const hk__operation *o)
{
    const struct iovec *v = o->vector;
    const uint64_t offset = (uint64_t)o->offset;
    if (o->count != 1)
        io_uring_prep_rw(opcode, sqe, o->fd, v, (unsigned)o->count, offset);
    else
        io_uring_prep_rw(opcode, sqe, o->fd, v->iov_base,
                         v->iov_len < MOST_BYTES ? (unsigned)v->iov_len : MOST_BYTES, offset);
}

static HK__HOT void prepare(struct io_uring_sqe *sqe, uint8_t opcode, const hk__operation *o)
{
    switch (o->kind) {
    case HK__OP_FSYNC: io_uring_prep_fsync(sqe, o->fd, o->flags ? IORING_FSYNC_DATASYNC : 0); break;
    case HK__OP_TRUNCATE: io_uring_prep_rw(opcode, sqe, o->fd, NULL, 0, (uint64_t)o->offset); break;
    case HK__OP_OPEN:
        io_uring_prep_openat(sqe, AT_FDCWD, o->path, o->flags | O_CLOEXEC, o->mode);
        /* Else it is tried with O_NONBLOCK first, by which a FIFO opens at once, or fails. */
        sqe->flags |= IOSQE_ASYNC;
        break;
    case HK__OP_STAT:
        io_uring_prep_statx(sqe, o->fd, o->path, o->flags, STATX_BASIC_STATS | STATX_BTIME,
                            o->statx);
        break;
    case HK__OP_RENAME:
        io_uring_prep_renameat(sqe, AT_FDCWD, o->path, AT_FDCWD, o->path2, (unsigned)o->flags);
        break;
    case HK__OP_UNLINK: io_uring_prep_unlinkat(sqe, AT_FDCWD, o->path, o->flags); break;
    case HK__OP_MKDIR: io_uring_prep_mkdirat(sqe, AT_FDCWD, o->path, o->mode); break;
    case HK__OP_SEND:
        io_uring_prep_send(sqe, o->fd, o->vector->iov_base, o->vector->iov_len,
                           o->flags | MSG_DONTWAIT | MSG_NOSIGNAL);
        break;
    case HK__OP_SEND_RECV: {
        const struct iovec *in = o->argument;
        io_uring_prep_recv(sqe, o->fd, in->iov_base,
                           in->iov_len < MOST_BYTES ? in->iov_len : MOST_BYTES, 0);
        break;
    }
    default: prepare_transfer(sqe, opcode, o);
    }
}

/* The first of two requests, which only lets the second begin when all was sent. So it says nothing
 * where that is so. */
static HK__HOT bool prepare_half(struct hk__uring *w, const hk__operation *o, hk__ticket ticket)
{
    struct hk__ring *ring = &w->ring;
    if (io_uring_sq_space_left(&ring->uring) < 2) hk__ring_enter(ring, HK__RING_SUBMIT, 0);
    if (io_uring_sq_space_left(&ring->uring) < 2) return false;
    struct io_uring_sqe *sqe = hk__ring_sqe(ring);
    io_uring_prep_send(sqe, o->fd, o->vector->iov_base, o->vector->iov_len,
                       o->flags | MSG_DONTWAIT | MSG_WAITALL | MSG_NOSIGNAL);
    sqe->flags |= IOSQE_IO_LINK | ring->quiet;
    sqe->user_data =
        hk__uring_pack(HK__URING_OTHER, HK__URING_HALVES + ticket.slot, ticket.generation);
    return true;
}

/* Some requests let out what the kernel says to itself where a call is to be begun again:
 * -ERESTARTSYS and its like, which no call ever returns. */
static bool is_put_off(int res)
{
    return res == -EINTR || res == -EAGAIN || (res <= -512 && res >= -516);
}

/* It was sent in part, or not at all. That is the end: the other half is called off, and of the
 * rest of a chain whose quiet request has failed the kernel says nothing. (Where it says something
 * all the same, the slot means another operation by then, or none.) */
void hk__uring_half_completed(struct hk__uring *w, uint32_t slot, uint32_t generation, int res)
{
    struct hk__uring_operation *o = &w->operations[slot];
    if (o->state != HK__URING_IN_RING || o->generation != generation) return;
    o->halved = true;
    hk__uring_tell_done(w, slot, res);
}

static bool is_of_sockets(const hk__operation *o)
{
    return o->kind == HK__OP_SEND || o->kind == HK__OP_SEND_RECV;
}

/* The kernel's result, unless it says that it could not do it in this way: then the pool does it.
 * (A worker of the kernel's that is told of a cancel returns from its call with -EINTR.) */
HK__HOT void hk__uring_operation_completed(struct hk__uring *w, uint32_t slot, uint32_t generation,
                                           int res)
{
    struct hk__uring_operation *o = &w->operations[slot];
    if (o->state != HK__URING_IN_RING || o->generation != generation) return;
    int64_t result = res;
    if (is_put_off(res) && !is_of_sockets(&o->operation)) {
        o->state = HK__URING_IN_POOL;
        result = o->cancelled
                     ? -ECANCELED
                     : hk__pool_submit(&w->pool, &o->operation, (hk__ticket){ slot, generation });
        if (result == 0) return;
    }
    hk__uring_tell_done(w, slot, result);
}

bool hk__uring_cancel_request(struct hk__uring *w, uint64_t data)
{
    struct io_uring_sqe *sqe = hk__ring_sqe(&w->ring);
    if (sqe == NULL) return false;
    io_uring_prep_cancel64(sqe, data, 0);
    sqe->flags |= w->ring.quiet;
    sqe->user_data = hk__uring_pack(HK__URING_OTHER, HK__URING_NOBODY, 0);
    return true;
}

/* The ring, where it has such a request and room, else the pool. There is always a place to note a
 * cancel. */
HK__HOT int hk__uring_submit(hk__world *world, const hk__operation *operation, hk__ticket ticket)
{
    struct hk__uring *w = hk__uring_of(world);
    if (ticket.slot >= w->operations_size) {
        void *more = hk__uring_grown(w->operations, &w->operations_size, ticket.slot + 1,
                                     sizeof *w->operations);
        if (more == NULL) return -ENOMEM;
        w->operations = more;
    }
    struct hk__uring_operation *o = &w->operations[ticket.slot];
    HK__ASSERT(o->state == HK__URING_FREE);
    const uint8_t opcode = opcode_of(operation);
    if (operation->kind == HK__OP_SEND_RECV && !prepare_half(w, operation, ticket)) return -ENOBUFS;
    struct io_uring_sqe *sqe = hk__ring_knows(&w->ring, opcode) ? hk__ring_sqe(&w->ring) : NULL;
    if (sqe == NULL && is_of_sockets(operation)) return -ENOBUFS;
    if (sqe == NULL) {
        int r = hk__pool_submit(&w->pool, operation, ticket);
        if (r < 0) return r;
    } else {
        prepare(sqe, opcode, operation);
        sqe->user_data = hk__uring_pack(HK__URING_OPERATION, ticket.slot, ticket.generation);
    }
    *o = (struct hk__uring_operation){ .generation = ticket.generation,
                                       .state = sqe != NULL ? HK__URING_IN_RING : HK__URING_IN_POOL,
                                       .halved = operation->kind == HK__OP_SEND,
                                       .operation = *operation };
    w->count++;
    hk__uring_settle(w);
    return 0;
}

/* The second of two requests cannot be found before the first is done. So the first is handed over
 * now, and the cancel is said again until it has worked. */
static void cancel_in_ring(struct hk__uring *w, uint32_t slot)
{
    struct hk__uring_operation *o = &w->operations[slot];
    const uint64_t data = hk__uring_pack(HK__URING_OPERATION, slot, o->generation);
    const bool is_second = o->operation.kind == HK__OP_SEND_RECV;
    if (is_second && hk__ring_unsubmitted(&w->ring)) hk__ring_enter(&w->ring, HK__RING_TURN, 0);
    o->cancel_waits = !hk__uring_cancel_request(w, data) || is_second;
    if (o->cancel_waits) w->missing = true;
}

void hk__uring_cancel(hk__world *world, hk__ticket ticket)
{
    struct hk__uring *w = hk__uring_of(world);
    struct hk__uring_operation *o = &w->operations[ticket.slot];
    if (o->generation != ticket.generation) return;
    o->cancelled = true;
    if (o->state == HK__URING_IN_RING)
        cancel_in_ring(w, ticket.slot);
    else if (o->state == HK__URING_IN_POOL && hk__pool_cancel(&w->pool, ticket))
        world->table->wake(world); /* its DONE is there */
    hk__uring_settle(w);
}

/* Rare, so it looks through the table. */
void hk__uring_cancel_missing(struct hk__uring *w)
{
    for (uint32_t slot = 0; slot < w->operations_size; slot++)
        if (w->operations[slot].state == HK__URING_IN_RING && w->operations[slot].cancel_waits)
            cancel_in_ring(w, slot);
}
