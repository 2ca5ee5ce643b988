/* SPDX-License-Identifier: MIT */
/* The direct calls of real worlds: made now, never waiting, whatever the descriptor.
 *
 * A socket is asked not to wait call by call (MSG_DONTWAIT), so that the flags of a descriptor that
 * others share, a shell's standard input say, stay as they are; accept and connect know no such
 * flag, there O_NONBLOCK is set. What is no socket is read with RWF_NOWAIT; where its driver does
 * not know that, it is polled first, and a terminal is written to through a descriptor of our own.
 * Which of these it is, is found out once and noted (world.h).
 *
 * A file has no readiness. What RWF_NOWAIT does not give at once is an operation; so is everything
 * where the file system does not know that flag (ext4's buffered writes), unless it lies in memory,
 * and all of O_DIRECT, which would wait for the disk whatever the flags.
 *
 * A short transfer says that the descriptor is empty (or full) without another system call, but
 * only where that is so: on TCP; on FIFOs (one in packet mode, pipe2's O_DIRECT, cannot be told
 * from others by its reader, and is not supported); on local streams unless the border of a control
 * message ended the read. Peeking proves nothing. Urgent data and the end of the stream, which also
 * end a read early, have events of their own. */
#include "world/world.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <termios.h>
#include <unistd.h>

/* Written at once to a terminal that we may not open. */
enum { CAREFUL_BYTES = 256 };
/* Connections that were lost while they queued, before we admit it. */
enum { ACCEPT_TRIES = 128 };

/* The result, or -errno; EINTR is nobody's business. */
#define TRY(expression) \
    ({ \
        int64_t hk__r; \
        do hk__r = (expression); \
        while (hk__r < 0 && errno == EINTR); \
        hk__r < 0 ? -(int64_t)errno : hk__r; \
    })

static size_t size_of(const struct iovec *vector, int count)
{
    size_t size = 0;
    for (int i = 0; i < count; i++) size += vector[i].iov_len;
    return size;
}

/* ---- what a descriptor is ---- */

/* 0 or -errno. SCTP and the like call themselves streams and have borders, so TCP is asked for by
 * name. */
static int learn_socket(hk__direct *d)
{
    int domain, type;
    socklen_t size = sizeof domain;
    if (getsockopt(d->fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) < 0) return -errno;
    bool internet = domain == AF_INET || domain == AF_INET6;
    size = sizeof type;
    if (getsockopt(d->fd, SOL_SOCKET, internet ? SO_PROTOCOL : SO_TYPE, &type, &size) < 0)
        return -errno;
    d->note = HK__NOTE_SOCKET;
    if (internet && (type == IPPROTO_TCP || type == IPPROTO_MPTCP))
        d->note |= HK__NOTE_STREAM | HK__NOTE_SHORT;
    if (!internet && type == SOCK_STREAM) d->note |= HK__NOTE_STREAM;
    if (domain == AF_UNIX) d->note |= HK__NOTE_LOCAL | (type == SOCK_STREAM ? HK__NOTE_SHORT : 0);
    return 0;
}

static int learn(hk__direct *d)
{
    struct stat st;
    if (fstat(d->fd, &st) < 0) return -errno;
    if (S_ISSOCK(st.st_mode)) return learn_socket(d);
    int flags = fcntl(d->fd, F_GETFL);
    if (flags < 0) return -errno;
    if (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode) || S_ISDIR(st.st_mode)) {
        d->note = HK__NOTE_FILE | HK__NOTE_STREAM | (flags & O_DIRECT ? HK__NOTE_UNCACHED : 0);
        return 0;
    }
    d->note = HK__NOTE_STREAM | (flags & O_NONBLOCK ? HK__NOTE_NONBLOCK : 0);
    if (S_ISFIFO(st.st_mode)) d->note |= HK__NOTE_SHORT;
    return 0;
}

/* The driver does not know RWF_NOWAIT. The master's side of a pseudo-terminal cannot be opened a
 * second time: opening it makes a new terminal. */
static void learn_to_poll(hk__direct *d)
{
    unsigned number;
    d->note |= HK__NOTE_POLL;
    if (isatty(d->fd) && ioctl(d->fd, TIOCGPTN, &number) < 0) d->note |= HK__NOTE_TERMINAL;
}

static int64_t is_ready(const hk__direct *d, short events)
{
    struct pollfd p = { .fd = d->fd, .events = events };
    int64_t r = TRY(poll(&p, 1, 0));
    if (r < 0) return r;
    if (p.revents & POLLNVAL) return -EBADF;
    return r == 0 ? -EAGAIN : 0;
}

/* ---- sockets ---- */

static int64_t receive_message(hk__direct *d, struct msghdr *message, int flags)
{
    int64_t n = TRY(recvmsg(d->fd, message, flags));
    if (n > 0 && (d->note & HK__NOTE_SHORT) && message->msg_controllen == 0 &&
        !(message->msg_flags & MSG_CTRUNC))
        d->spent = (size_t)n < size_of(message->msg_iov, (int)message->msg_iovlen);
    return n;
}

static __attribute__((noinline)) int64_t receive_many(hk__direct *d, int flags)
{
    struct msghdr plain = { .msg_iov = (struct iovec *)(uintptr_t)d->vector,
                            .msg_iovlen = (size_t)d->count };
    return receive_message(d, d->message != NULL ? d->message : &plain, flags);
}

static HK__HOT int64_t receive(hk__direct *d)
{
    const unsigned local_stream = HK__NOTE_LOCAL | HK__NOTE_SHORT;
    const int flags = (d->flags & ~MSG_WAITALL) | MSG_DONTWAIT;
    int64_t n;
    if (d->count == 1 && (d->note & local_stream) != local_stream) {
        const struct iovec *one = d->vector;
        n = TRY(recv(d->fd, one->iov_base, one->iov_len, flags));
        d->spent = n > 0 && (d->note & HK__NOTE_SHORT) && (size_t)n < one->iov_len;
    } else {
        n = receive_many(d, flags);
    }
    if (n == -EAGAIN) d->spent = true;
    if (__builtin_expect(flags & (MSG_PEEK | MSG_OOB | MSG_ERRQUEUE), 0))
        d->spent = n == -EAGAIN && (flags & MSG_PEEK);
    return n;
}

/* A datagram with an address of its own may find its receiver's queue full; no event tells of
 * that. */
static bool waits_for_stranger(const hk__direct *d)
{
    return (d->note & (HK__NOTE_LOCAL | HK__NOTE_STREAM)) == HK__NOTE_LOCAL && d->message != NULL &&
           d->message->msg_name != NULL && is_ready(d, POLLOUT) == 0;
}

static __attribute__((noinline)) int64_t transmit_many(hk__direct *d, int flags)
{
    struct msghdr plain = { .msg_iov = (struct iovec *)(uintptr_t)d->vector,
                            .msg_iovlen = (size_t)d->count };
    const struct msghdr *m = d->message != NULL ? d->message : &plain;
    int64_t n = TRY(sendmsg(d->fd, m, flags));
    if (n == -EAGAIN && waits_for_stranger(d)) return -ENOBUFS;
    d->spent = n == -EAGAIN || (n > 0 && (size_t)n < size_of(m->msg_iov, (int)m->msg_iovlen));
    return n;
}

static HK__HOT int64_t transmit(hk__direct *d)
{
    const int flags = d->flags | MSG_DONTWAIT | MSG_NOSIGNAL;
    if (d->count != 1 || d->message != NULL) return transmit_many(d, flags);
    const struct iovec *one = d->vector;
    int64_t n = TRY(send(d->fd, one->iov_base, one->iov_len, flags));
    d->spent = n == -EAGAIN || (n > 0 && (size_t)n < one->iov_len);
    return n;
}

static int set_nonblocking(hk__direct *d)
{
    int on = 1;
    if (d->note & HK__NOTE_NONBLOCK) return 0;
    if (ioctl(d->fd, FIONBIO, &on) < 0) return -errno;
    d->note |= HK__NOTE_NONBLOCK;
    return 0;
}

/* The errors of a connection that was lost before it was accepted; the next one may be well. */
static bool was_lost(int64_t error)
{
    switch (-error) {
    case ECONNABORTED:
    case EPROTO:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case ENETUNREACH: return true;
    default: return false;
    }
}

static int64_t accept_one(hk__direct *d)
{
    int64_t r = set_nonblocking(d);
    if (r < 0) return r;
    int tries = ACCEPT_TRIES;
    do r = TRY(accept4(d->fd, d->address, d->address_size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    while (r < 0 && was_lost(r) && --tries > 0);
    if (r == -EAGAIN) d->spent = true;
    d->born = d->note;
    return r;
}

/* The second connect() is its outcome: unlike SO_ERROR it tells "not yet" from "yes", and no reader
 * can have taken it. */
static int64_t connect_to(hk__direct *d)
{
    int64_t r = set_nonblocking(d);
    if (r < 0) return r;
    r = TRY(connect(d->fd, d->address, *d->address_size));
    if (r == -EISCONN && d->flags) return 0;
    if (r == -EAGAIN) return -EBUSY;
    if (r != -EINPROGRESS && r != -EALREADY) return r;
    d->spent = true;
    return -EAGAIN;
}

/* ---- files ---- */

static bool is_in_memory(int fd)
{
    enum {
        TMPFS = 0x01021994,
        RAMFS = 0x858458f6 - 0x100000000,
        HUGETLBFS = 0x958458f6 - 0x100000000
    };
    struct statfs fs;
    if (fstatfs(fd, &fs) < 0) return false;
    const int32_t type = (int32_t)fs.f_type;
    return type == TMPFS || type == RAMFS || type == HUGETLBFS;
}

/* flags: RWF_NOWAIT, or 0. offset: -1: where the file stands. */
static int64_t transfer(const hk__direct *d, bool writes, off_t offset, int flags)
{
    return writes ? TRY(pwritev2(d->fd, d->vector, d->count, offset, flags))
                  : TRY(preadv2(d->fd, d->vector, d->count, offset, flags));
}

/* The first that RWF_NOWAIT is unknown for. */
static __attribute__((noinline)) int64_t learn_to_wait(hk__direct *d, bool writes, off_t offset)
{
    if ((d->note & HK__NOTE_FILE) && is_in_memory(d->fd)) {
        d->note |= HK__NOTE_MEMORY;
        return transfer(d, writes, offset, 0);
    }
    if (d->note & HK__NOTE_FILE) d->note |= writes ? HK__NOTE_WRITE_WAITS : HK__NOTE_READ_WAITS;
    return -EAGAIN;
}

static inline int64_t transfer_file(hk__direct *d, bool writes, off_t offset)
{
    const unsigned waits = writes ? HK__NOTE_WRITE_WAITS : HK__NOTE_READ_WAITS;
    const bool file = d->note & HK__NOTE_FILE;
    if (file && (d->note & (HK__NOTE_UNCACHED | waits))) return -EAGAIN;
    if (file && (d->note & HK__NOTE_MEMORY)) return transfer(d, writes, offset, 0);
    int64_t n = transfer(d, writes, offset, RWF_NOWAIT);
    if (__builtin_expect(n == -EOPNOTSUPP || n == -ENOSYS, 0))
        return learn_to_wait(d, writes, offset);
    return n;
}

/* ---- all other descriptors ---- */

/* A driver without a vectored read would take the pieces one by one, and wait for the second. */
static int64_t read_piece(const hk__direct *d)
{
    const struct iovec *v = d->vector;
    for (int left = d->count; left > 1 && v->iov_len == 0; left--) v++;
    return TRY(read(d->fd, v->iov_base, v->iov_len));
}

static int64_t read_other(hk__direct *d)
{
    const struct iovec *v = d->vector;
    if (d->note & HK__NOTE_FILE) return transfer_file(d, false, -1);
    int64_t n = -EOPNOTSUPP;
    if (d->note & HK__NOTE_NONBLOCK) {
        n = d->count == 1 ? TRY(read(d->fd, v->iov_base, v->iov_len))
                          : TRY(readv(d->fd, v, d->count));
    } else if (!(d->note & HK__NOTE_POLL)) {
        n = TRY(preadv2(d->fd, v, d->count, -1, RWF_NOWAIT));
        if (n == -EOPNOTSUPP || n == -ENOSYS) learn_to_poll(d);
    }
    if (d->note & HK__NOTE_POLL) {
        n = is_ready(d, POLLIN);
        if (n == 0) n = d->note & HK__NOTE_SHORT ? TRY(readv(d->fd, v, d->count)) : read_piece(d);
    }
    d->spent = n == -EAGAIN ||
               (n > 0 && (d->note & HK__NOTE_SHORT) && (size_t)n < size_of(d->vector, d->count));
    return n;
}

/* A terminal is called writable at the first free byte: only a descriptor of our own can refuse the
 * second. 0 bytes never happen: -EOPNOTSUPP where we may not open it. */
static int64_t write_terminal(hk__direct *d)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", d->fd);
    int own = (int)TRY(open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (own < 0) return -EOPNOTSUPP;
    int64_t n = TRY(writev(own, d->vector, d->count));
    close(own);
    return n;
}

/* How much may be written at once to what poll called writable, so that it does not wait. Devices
 * whose writes are records get them whole. */
static size_t careful_size(const hk__direct *d)
{
    if (d->note & HK__NOTE_SHORT) return PIPE_BUF;
    return isatty(d->fd) ? CAREFUL_BYTES : SSIZE_MAX;
}

static int64_t write_polled(hk__direct *d)
{
    int64_t n = is_ready(d, POLLOUT);
    if (n == 0 && (d->note & HK__NOTE_TERMINAL)) n = write_terminal(d);
    if (n != 0 && n != -EOPNOTSUPP) return n;
    const struct iovec *v = d->vector;
    for (int left = d->count; left > 1 && v->iov_len == 0; left--) v++;
    const size_t most = careful_size(d);
    return TRY(write(d->fd, v->iov_base, v->iov_len < most ? v->iov_len : most));
}

static int64_t write_other(hk__direct *d)
{
    const struct iovec *v = d->vector;
    if (d->note & HK__NOTE_FILE) return transfer_file(d, true, -1);
    int64_t n = -EOPNOTSUPP;
    if (d->note & HK__NOTE_NONBLOCK) {
        n = d->count == 1 ? TRY(write(d->fd, v->iov_base, v->iov_len))
                          : TRY(writev(d->fd, v, d->count));
    } else if (!(d->note & HK__NOTE_POLL)) {
        n = TRY(pwritev2(d->fd, v, d->count, -1, RWF_NOWAIT));
        if (n == -EOPNOTSUPP || n == -ENOSYS) learn_to_poll(d);
    }
    if (d->note & HK__NOTE_POLL) {
        n = write_polled(d);
        d->spent = n == -EAGAIN;
        return n;
    }
    d->spent = n == -EAGAIN || (n > 0 && (size_t)n < size_of(v, d->count));
    return n;
}

/* ---- the door ---- */

static int64_t rarer(hk__direct *d)
{
    switch (d->kind) {
    case HK__DIRECT_ACCEPT: return accept_one(d);
    case HK__DIRECT_CONNECT: return connect_to(d);
    case HK__DIRECT_SHUTDOWN: return shutdown(d->fd, d->flags) < 0 ? -errno : 0;
    case HK__DIRECT_CLOSE: return close(d->fd) < 0 && errno != EINTR ? -errno : 0;
    case HK__DIRECT_POLL:
        return is_ready(d, d->flags & HK__READABLE ? POLLIN | POLLRDHUP : POLLOUT);
    case HK__DIRECT_OPEN: return hk__direct_open(d);
    case HK__DIRECT_SOCKET:
    case HK__DIRECT_BIND:
    case HK__DIRECT_LISTEN:
    case HK__DIRECT_OPTION:
    case HK__DIRECT_PIPE:
    case HK__DIRECT_NAME: return hk__direct_socket(d);
    default: return hk__direct_process(d);
    }
}

/* Not yet noted what it is: 0 or -errno. */
static int meet(hk__direct *d)
{
    if (d->kind == HK__DIRECT_READ || d->kind == HK__DIRECT_WRITE || d->kind == HK__DIRECT_PREAD ||
        d->kind == HK__DIRECT_PWRITE)
        return learn(d);
    return d->kind < HK__DIRECT_SHUTDOWN ? learn_socket(d) : 0;
}

static __attribute__((noinline)) int64_t less_common(hk__direct *d)
{
    if (d->note == 0) {
        int r = meet(d);
        if (r < 0) return r;
    }
    const bool socket = d->note & HK__NOTE_SOCKET;
    switch (d->kind) {
    case HK__DIRECT_READ: return socket ? receive(d) : read_other(d);
    case HK__DIRECT_RECV: return socket ? receive(d) : -ENOTSOCK;
    case HK__DIRECT_WRITE: return socket ? transmit(d) : write_other(d);
    case HK__DIRECT_SEND: return socket ? transmit(d) : -ENOTSOCK;
    case HK__DIRECT_PREAD:
    case HK__DIRECT_PWRITE:
        return socket ? -ESPIPE : transfer_file(d, d->kind == HK__DIRECT_PWRITE, d->offset);
    default: return rarer(d);
    }
}

/* What is known to be a socket and moves bytes takes a way of a few instructions. */
HK__HOT int64_t hk__direct_call(hk__world *world, hk__direct *d)
{
    _Static_assert(HK__DIRECT_READ == 0 && HK__DIRECT_WRITE == 1 && HK__DIRECT_RECV == 2 &&
                       HK__DIRECT_SEND == 3,
                   "odd is out");
    (void)world;
    d->spent = false;
    if (__builtin_expect(!(d->note & HK__NOTE_SOCKET) || d->kind > HK__DIRECT_SEND, 0))
        return less_common(d);
    return d->kind & 1 ? transmit(d) : receive(d);
}
