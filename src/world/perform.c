/* SPDX-License-Identifier: MIT */
/* Operations as the calls they are named after, for threads that may block. */
#include "world/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int64_t transfer(const hk__operation *o)
{
    if (o->kind == HK__OP_READ)
        return o->offset < 0 ? readv(o->fd, o->vector, o->count)
                             : preadv(o->fd, o->vector, o->count, o->offset);
    return o->offset < 0 ? writev(o->fd, o->vector, o->count)
                         : pwritev(o->fd, o->vector, o->count, o->offset);
}

/* The kernel says -EFAULT where there is none; the C library must not be asked. */
static bool has_paths(const hk__operation *o)
{
    switch (o->kind) {
    case HK__OP_RENAME: return o->path != NULL && o->path2 != NULL;
    case HK__OP_OPEN:
    case HK__OP_STAT:
    case HK__OP_UNLINK:
    case HK__OP_MKDIR: return o->path != NULL;
    default: return true;
    }
}

/* As the system call: -1 and errno. */
static int64_t call(const hk__operation *o)
{
    switch (o->kind) {
    case HK__OP_READ:
    case HK__OP_WRITE: return transfer(o);
    case HK__OP_FSYNC: return o->flags ? fdatasync(o->fd) : fsync(o->fd);
    case HK__OP_TRUNCATE: return ftruncate(o->fd, o->offset);
    case HK__OP_OPEN: return open(o->path, o->flags | O_CLOEXEC, o->mode);
    case HK__OP_STAT:
        return statx(o->fd, o->path, o->flags, STATX_BASIC_STATS | STATX_BTIME, o->statx);
    case HK__OP_RENAME: return renameat2(AT_FDCWD, o->path, AT_FDCWD, o->path2, (unsigned)o->flags);
    case HK__OP_UNLINK: return unlinkat(AT_FDCWD, o->path, o->flags);
    case HK__OP_MKDIR: return mkdir(o->path, o->mode);
    default: errno = ENOSYS; return -1;
    }
}

int64_t hk__perform(const hk__operation *o)
{
    if (o->kind == HK__OP_WORK) return (intptr_t)o->work(o->argument);
    if (o->kind == HK__OP_LOOKUP) return hk__resolve_host(o->path, o->addresses, (size_t)o->count);
    if (!has_paths(o)) return -EFAULT;
    int64_t r;
    do r = call(o);
    while (r < 0 && errno == EINTR);
    return r < 0 ? -errno : r;
}
