/* SPDX-License-Identifier: MIT */
/* The direct calls that make and name sockets. None of them waits. */
#include "world/world.h"

#include <errno.h>
#include <sys/socket.h>

static int64_t call(hk__direct *d)
{
    switch (d->kind) {
    case HK__DIRECT_SOCKET: return socket(d->fd, d->flags | SOCK_CLOEXEC | SOCK_NONBLOCK, d->count);
    case HK__DIRECT_BIND: return bind(d->fd, d->address, *d->address_size);
    case HK__DIRECT_LISTEN: return listen(d->fd, d->flags);
    case HK__DIRECT_OPTION:
        return setsockopt(d->fd, d->flags, d->count, d->vector->iov_base,
                          (socklen_t)d->vector->iov_len);
    case HK__DIRECT_NAME:
        return d->flags ? getpeername(d->fd, d->address, d->address_size)
                        : getsockname(d->fd, d->address, d->address_size);
    default: errno = ENOSYS; return -1;
    }
}

int64_t hk__direct_socket(hk__direct *d)
{
    int64_t r = call(d);
    return r < 0 ? -errno : r;
}
