/* SPDX-License-Identifier: MIT */
/* What calls on descriptors have in common.
 *
 *   fd        the descriptor
 *   flags     of the call of that name
 *   data      where the bytes are
 *   progress  how many went: a call that moved some of them and then fails says how many
 *   slot      the operation under way: of a file, or what was handed in for a socket */
#include "calls/calls.h"

#include "sched/descriptor.h"
#include "sched/operation.h"

#include <stdio.h>

/* False: its operation is under way, and it will hear of that. */
static bool leave(hk_io_call *io)
{
    hk_sched *s = hk__sched_of(&io->call);
    const bool is_file = s->descriptors.table[io->fd].note & HK__NOTE_FILE;
    if (io->slot != 0) {
        if (hk__operation_abort(s, io->slot) == HK_ABORT_LATER) return false;
        io->slot = 0;
        if (!is_file) hk__io_take_back(&s->descriptors.table[io->fd], &io->call);
        hk__descriptor_let_go(s, io->fd);
    } else if (!is_file) {
        hk__descriptor_leave(s, io->fd, &io->call);
    }
    if (is_file) hk__line_leave(s, io);
    return true;
}

/* A call that has moved bytes is not cancelled, it is done early: they would be lost. */
int hk__io_abort(hk_call *call)
{
    hk_io_call *io = HK_CONTAINER(call, hk_io_call, call);
    if (!leave(io)) return HK_ABORT_LATER;
    if (io->progress == 0) return HK_ABORTED;
    hk_call_complete(call, (intptr_t)io->progress);
    return HK_ABORT_LATER;
}

int hk__io_describe(const hk_call *call, char *buf, size_t size)
{
    const hk_io_call *io = HK_CONTAINER(call, hk_io_call, call);
    return snprintf(buf, size, "%s fd %d%s", call->type->name, io->fd,
                    io->slot != 0 ? ", under way" : "");
}

size_t hk__vector_size(const struct iovec *vector, int count)
{
    size_t size = 0;
    for (int i = 0; i < count; i++) size += vector[i].iov_len;
    return size;
}

int hk__vector_rest(const struct iovec *vector, int count, size_t done, struct iovec *ret_rest,
                    int room)
{
    int used = 0;
    for (int i = 0; i < count && used < room; i++) {
        size_t skip = done < vector[i].iov_len ? done : vector[i].iov_len;
        done -= skip;
        if (skip == vector[i].iov_len) continue;
        ret_rest[used].iov_base = (char *)vector[i].iov_base + skip;
        ret_rest[used++].iov_len = vector[i].iov_len - skip;
    }
    return used;
}
