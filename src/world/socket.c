/* SPDX-License-Identifier: MIT */
/* The direct calls that make and name sockets, and pipes. None of them waits.
 *
 * The file of a local socket outlives who listened on it, and a new server finds it in its place.
 * Whether somebody still listens is known only by connecting: where that is refused, the file may
 * go. Between the question and the removal another server may have done the same; of two that start
 * in the same moment one may lose its file. */
#include "world/world.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Nobody holds the local socket of this address. */
static bool is_abandoned(int type, const struct sockaddr *address, socklen_t size)
{
    int probe = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (probe < 0) return false;
    bool refused = connect(probe, address, size) < 0 && errno == ECONNREFUSED;
    close(probe);
    return refused;
}

/* False: it is no file, no socket's, or somebody holds it. */
static bool remove_abandoned(int fd, const struct sockaddr *address, socklen_t size)
{
    const struct sockaddr_un *local = (const struct sockaddr_un *)(const void *)address;
    char path[sizeof local->sun_path + 1] = "";
    struct stat st;
    int type;
    socklen_t type_size = sizeof type;
    if (address->sa_family != AF_UNIX || size <= offsetof(struct sockaddr_un, sun_path))
        return false;
    memcpy(path, local->sun_path, size - offsetof(struct sockaddr_un, sun_path));
    return path[0] != '\0' && lstat(path, &st) == 0 && S_ISSOCK(st.st_mode) &&
           getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_size) == 0 &&
           is_abandoned(type, address, size) && unlink(path) == 0;
}

static int bind_to(const hk__direct *d)
{
    int r = bind(d->fd, d->address, *d->address_size);
    if (r == 0 || errno != EADDRINUSE || !d->flags) return r;
    if (remove_abandoned(d->fd, d->address, *d->address_size))
        return bind(d->fd, d->address, *d->address_size);
    errno = EADDRINUSE;
    return -1;
}

static int64_t call(hk__direct *d)
{
    switch (d->kind) {
    case HK__DIRECT_SOCKET: return socket(d->fd, d->flags | SOCK_CLOEXEC | SOCK_NONBLOCK, d->count);
    case HK__DIRECT_BIND: return bind_to(d);
    case HK__DIRECT_LISTEN: return listen(d->fd, d->flags);
    case HK__DIRECT_OPTION:
        return setsockopt(d->fd, d->flags, d->count, d->vector->iov_base,
                          (socklen_t)d->vector->iov_len);
    case HK__DIRECT_PIPE: return pipe2(d->extra, O_CLOEXEC | O_NONBLOCK);
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
