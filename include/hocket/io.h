/* SPDX-License-Identifier: MIT */
/* Input and output: the POSIX calls, blocking the task only.
 *
 * Each has the arguments of the call it is named after and returns its result, or -errno; -EAGAIN
 * and -EINTR never come through. hk_write and hk_send write everything, as on a descriptor that
 * blocks: less than asked means that something failed or the task was cancelled on the way, and the
 * next call says what.
 *
 * Any descriptor will do: sockets, pipes (not in packet mode), terminals, eventfds. Regular files
 * are read at once where the kernel has the bytes; else they come while others run (file.h). Flags
 * of a descriptor that came from outside (a shell's standard input, say) stay as they are, but
 * accept and connect need O_NONBLOCK and set it. One task may read and another write; a second one
 * that would wait in the same direction gets -EBUSY (on files they take turns). A descriptor that
 * was used here is closed with hk_close: close(2) would leave Hocket believing what it knew of the
 * number.
 *
 * A kill ends each wait at once, -ECANCELED, with nothing read and nothing lost. For stackless
 * steps each call is also a value: hk_read_prepare(&f->io, fd, buf, size), then
 * HK_AWAIT(co, &f->io.call). */
#ifndef HOCKET_IO_H
#define HOCKET_IO_H

#include <hocket/task.h>

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A call as a value. What it points to must live until it has its result. Fields are private. */
typedef struct hk_io_call {
    hk_call call;
    int fd;
    int flags;
    union {
        struct iovec one;
        struct {
            const struct iovec *list;
            int count;
        } vector;
        struct msghdr *message;
    } data;
    size_t progress;         /* bytes that went so far */
    uint32_t slot;           /* of a file: the operation under way; 0: none */
    struct iovec rest;       /* what that works on, where a part went already; where to receive */
    struct hk_io_call *next; /* at the same file's position, or closing, after this one */
} hk_io_call;

typedef struct hk_accept_call {
    hk_call call;
    hk__timer timer; /* until the next try, where no descriptor was free */
    int fd;
    bool stalled;
    struct sockaddr *address;
    socklen_t *address_size;
    struct hk_accept_call *next; /* the stalled ones of a scheduler, in order */
} hk_accept_call;

typedef struct hk_connect_call {
    hk_call call;
    hk__timer timer; /* until the next try, where the listener's queue was full */
    int fd;
    bool paused;
    const struct sockaddr *address;
    socklen_t address_size;
} hk_connect_call;

extern HK_API const hk_call_type hk__read_type, hk__readv_type, hk__recv_type, hk__recvmsg_type;
extern HK_API const hk_call_type hk__write_type, hk__writev_type, hk__send_type, hk__sendmsg_type;
extern HK_API const hk_call_type hk__accept_type, hk__connect_type, hk__shutdown_type;
extern HK_API const hk_call_type hk__close_type, hk__fd_wait_type;

enum { HK_READ = 1, HK_WRITE = 2 }; /* directions */

static inline void hk__io_prepare(hk_io_call *io, const hk_call_type *type, int fd, int flags)
{
    hk__call_init(&io->call, type);
    io->fd = fd;
    io->flags = flags;
    io->progress = 0;
    io->slot = 0;
}

static inline void hk__io_prepare_one(hk_io_call *io, const hk_call_type *type, int fd,
                                      const void *buf, size_t size, int flags)
{
    hk__io_prepare(io, type, fd, flags);
    io->data.one.iov_base = (void *)(uintptr_t)buf;
    io->data.one.iov_len = size;
}

/* Fill in the calls further below, for HK_AWAIT in a stackless step.
 *   io: the call.
 *   fd, buf, size, vector, count, message, flags, how, direction: as in the call of that name.
 * Returns: nothing. Blocks: never. Cancel: no. Threads: any. */
static inline void hk_read_prepare(hk_io_call *io, int fd, void *buf, size_t size)
{
    hk__io_prepare_one(io, &hk__read_type, fd, buf, size, 0);
}
static inline void hk_write_prepare(hk_io_call *io, int fd, const void *buf, size_t size)
{
    hk__io_prepare_one(io, &hk__write_type, fd, buf, size, 0);
}
static inline void hk_readv_prepare(hk_io_call *io, int fd, const struct iovec *vector, int count)
{
    hk__io_prepare(io, &hk__readv_type, fd, 0);
    io->data.vector.list = vector;
    io->data.vector.count = count;
}
static inline void hk_writev_prepare(hk_io_call *io, int fd, const struct iovec *vector, int count)
{
    hk__io_prepare(io, &hk__writev_type, fd, 0);
    io->data.vector.list = vector;
    io->data.vector.count = count;
}
static inline void hk_recv_prepare(hk_io_call *io, int fd, void *buf, size_t size, int flags)
{
    hk__io_prepare_one(io, &hk__recv_type, fd, buf, size, flags);
}
static inline void hk_send_prepare(hk_io_call *io, int fd, const void *buf, size_t size, int flags)
{
    hk__io_prepare_one(io, &hk__send_type, fd, buf, size, flags);
}
static inline void hk_recvmsg_prepare(hk_io_call *io, int fd, struct msghdr *message, int flags)
{
    hk__io_prepare(io, &hk__recvmsg_type, fd, flags);
    io->data.message = message;
}
static inline void hk_sendmsg_prepare(hk_io_call *io, int fd, const struct msghdr *message,
                                      int flags)
{
    hk__io_prepare(io, &hk__sendmsg_type, fd, flags);
    io->data.message = (struct msghdr *)(uintptr_t)message;
}
static inline void hk_shutdown_prepare(hk_io_call *io, int fd, int how)
{
    hk__io_prepare(io, &hk__shutdown_type, fd, how);
}
static inline void hk_close_prepare(hk_io_call *io, int fd)
{
    hk__io_prepare(io, &hk__close_type, fd, 0);
}
static inline void hk_fd_wait_prepare(hk_io_call *io, int fd, int direction)
{
    hk__io_prepare(io, &hk__fd_wait_type, fd, direction);
}

/* Fill in hk_accept and hk_connect, likewise.
 *   accept, connect: the call.
 *   fd, address, address_size: as there.
 * Returns: nothing. Blocks: never. Cancel: no. Threads: any. */
static inline void hk_accept_prepare(hk_accept_call *accept, int fd, struct sockaddr *address,
                                     socklen_t *address_size)
{
    hk__call_init(&accept->call, &hk__accept_type);
    accept->fd = fd;
    accept->stalled = false;
    accept->address = address;
    accept->address_size = address_size;
}
static inline void hk_connect_prepare(hk_connect_call *connect, int fd,
                                      const struct sockaddr *address, socklen_t address_size)
{
    hk__call_init(&connect->call, &hk__connect_type);
    connect->fd = fd;
    connect->paused = false;
    connect->address = address;
    connect->address_size = address_size;
}

/* Reads what is there, and waits where there is nothing.
 *   fd: the descriptor.
 *   buf, size: where to, and how many bytes at most.
 * Returns: bytes; of a file less than size only at its end; 0 at the end; -EBUSY: another task
 * waits to read; -EBADF: also where it is closed
 * by another task meanwhile; -ECANCELED; -ENOMEM, -ENOSPC: no room to watch one more descriptor;
 * -EPERM: it can neither be read now nor be waited for; -ENOSYS where nobody drives; and as
 * read(2).
 * Blocks: the task, until there is something. Cancel: at once, nothing is lost; of a file: when
 * what was begun is done (file.h).
 * Threads: any that drives. */
static inline ssize_t hk_read(int fd, void *buf, size_t size)
{
    hk_io_call io;
    hk_read_prepare(&io, fd, buf, size);
    return hk_trap(&io.call);
}

/* Writes all of it.
 *   fd: the descriptor.
 *   buf, size: the bytes.
 * Returns: size; less where something failed or the task was cancelled after a part was written;
 * -EPIPE without a signal; else as hk_read and write(2).
 * Blocks: the task, until all is written. Cancel: at once, see Returns. Threads: any that
 * drives. */
static inline ssize_t hk_write(int fd, const void *buf, size_t size)
{
    hk_io_call io;
    hk_write_prepare(&io, fd, buf, size);
    return hk_trap(&io.call);
}

/* hk_read into several buffers.
 *   fd: the descriptor.
 *   vector, count: the buffers, filled in order; at most IOV_MAX.
 * Returns: as hk_read and readv(2). Blocks: the task. Cancel: at once. Threads: any that drives. */
static inline ssize_t hk_readv(int fd, const struct iovec *vector, int count)
{
    hk_io_call io;
    hk_readv_prepare(&io, fd, vector, count);
    return hk_trap(&io.call);
}

/* hk_write from several buffers; all of them.
 *   fd: the descriptor.
 *   vector, count: the buffers; at most IOV_MAX; not changed.
 * Returns: as hk_write and writev(2). Blocks: the task. Cancel: at once, see hk_write.
 * Threads: any that drives. */
static inline ssize_t hk_writev(int fd, const struct iovec *vector, int count)
{
    hk_io_call io;
    hk_writev_prepare(&io, fd, vector, count);
    return hk_trap(&io.call);
}

/* hk_read for sockets.
 *   fd: the socket.
 *   buf, size: where to, and how many bytes at most.
 *   flags: as recv(2). MSG_WAITALL: waits until size bytes have come (a stream; not with MSG_PEEK);
 *   fewer at the end, or where it failed or was cancelled on the way. MSG_DONTWAIT: -EAGAIN.
 * Returns: as hk_read and recv(2). Blocks: the task. Cancel: at once. Threads: any that drives. */
static inline ssize_t hk_recv(int fd, void *buf, size_t size, int flags)
{
    hk_io_call io;
    hk_recv_prepare(&io, fd, buf, size, flags);
    return hk_trap(&io.call);
}

/* hk_write for sockets.
 *   fd: the socket.
 *   buf, size: the bytes.
 *   flags: as send(2). MSG_NOSIGNAL is implied. MSG_DONTWAIT: what fits now, or -EAGAIN.
 * Returns: as hk_write and send(2). Blocks: the task, until the kernel has all of it.
 * Cancel: at once, see hk_write. Threads: any that drives. */
static inline ssize_t hk_send(int fd, const void *buf, size_t size, int flags)
{
    hk_io_call io;
    hk_send_prepare(&io, fd, buf, size, flags);
    return hk_trap(&io.call);
}

/* Receives a message: several buffers, the sender's address, control data.
 *   fd: the socket.
 *   message: as recvmsg(2); changed only where something was received.
 *   flags: as recvmsg(2); MSG_WAITALL has no effect.
 * Returns: as hk_recv. Blocks: the task. Cancel: at once. Threads: any that drives. */
static inline ssize_t hk_recvmsg(int fd, struct msghdr *message, int flags)
{
    hk_io_call io;
    hk_recvmsg_prepare(&io, fd, message, flags);
    return hk_trap(&io.call);
}

/* Sends a message; all of it. Control data goes with the first byte.
 *   fd: the socket.
 *   message: as sendmsg(2); not changed.
 *   flags: as hk_send.
 * Returns: as hk_send; -ENOBUFS: the queue of a local datagram socket that this one is not
 * connected to is full, and nothing tells when it no longer is.
 * Blocks: the task. Cancel: at once, see hk_write. Threads: any that drives. */
static inline ssize_t hk_sendmsg(int fd, const struct msghdr *message, int flags)
{
    hk_io_call io;
    hk_sendmsg_prepare(&io, fd, message, flags);
    return hk_trap(&io.call);
}

/* Waits for a connection. Where no descriptor is free it waits for one (a try per hk_close, and
 * each 50 ms); connections that were lost before they were accepted are passed over.
 *   fd: the listening socket; O_NONBLOCK is set on it.
 *   address, address_size: as accept(2); may be NULL.
 * Returns: the descriptor, non-blocking and close-on-exec; -EBUSY: another task waits; -EINVAL: it
 * does not listen; else as hk_read and accept(2).
 * Blocks: the task. Cancel: at once; no connection is lost. Threads: any that drives. */
static inline int hk_accept(int fd, struct sockaddr *address, socklen_t *address_size)
{
    hk_accept_call accept;
    hk_accept_prepare(&accept, fd, address, address_size);
    return (int)hk_trap(&accept.call);
}

/* Connects a socket.
 *   fd: the socket; O_NONBLOCK is set on it.
 *   address, address_size: whereto, as connect(2).
 * Returns: 0; -ECONNREFUSED, -ETIMEDOUT, -EISCONN ... as connect(2); else as hk_read.
 * Blocks: the task, until it is connected; while the queue of a local listener is full.
 * Cancel: at once; the kernel goes on trying until the socket is closed. Threads: any that
 * drives. */
static inline int hk_connect(int fd, const struct sockaddr *address, socklen_t address_size)
{
    hk_connect_call connect;
    hk_connect_prepare(&connect, fd, address, address_size);
    return (int)hk_trap(&connect.call);
}

/* Ends one direction of a connection, or both.
 *   fd: the socket.
 *   how: SHUT_RD, SHUT_WR, SHUT_RDWR.
 * Returns: 0; as shutdown(2); -ENOSYS where nobody drives. Blocks: never. Cancel: not refused.
 * Threads: any that drives. */
static inline int hk_shutdown(int fd, int how)
{
    hk_io_call io;
    hk_shutdown_prepare(&io, fd, how);
    return (int)hk_trap(&io.call);
}

HK_API int hk__close_here(int fd);

/* Closes a descriptor. Whoever waits for it is told -EBADF. The number is free at return, whatever
 * is returned; but where operations on it, a file, are under way, and the caller is no task that
 * could wait for them, it is free when they are done.
 *   fd: the descriptor.
 * Returns: 0; -EBADF; -EIO, -ENOSPC, -EDQUOT: of what was written before.
 * Blocks: only while operations of other tasks on it, a file, are under way (and as close(2)).
 * Cancel: not refused. Threads: any; where no scheduler runs it is close(2). One that tasks of
 * another thread wait for is theirs to close. */
static inline int hk_close(int fd)
{
    hk_io_call io;
    hk_close_prepare(&io, fd);
    int r = (int)hk_trap(&io.call);
    return HK__UNLIKELY(r == -ENOSYS || r == -ECHILD) ? hk__close_here(fd) : r;
}

/* Waits until a descriptor is ready, for those who then call read(2) and the like themselves: it
 * asks the kernel each time. A library's descriptor too: it may close its own without telling.
 *   fd: the descriptor.
 *   direction: HK_READ or HK_WRITE.
 * Returns: 0: ready, also where the call would fail or meet the end; -EINVAL: no such direction;
 * -EBUSY, -EBADF, -ECANCELED, -ENOMEM, -ENOSPC, -EPERM, -ENOSYS as hk_read.
 * Blocks: the task. Cancel: at once. Threads: any that drives. */
static inline int hk_fd_wait(int fd, int direction)
{
    hk_io_call io;
    hk_fd_wait_prepare(&io, fd, direction);
    return (int)hk_trap(&io.call);
}

/* Makes a pipe. Both ends are non-blocking, close-on-exec, and closed with hk_close.
 *   ret_fds: the end to read from, the end to write to.
 * Returns: 0; -EMFILE, -ENFILE. Blocks: never. Cancel: not refused. Threads: any. */
HK_API int hk_pipe(int ret_fds[2]);

/* The end of an HK_FD block: closes, unless it was taken or never was one.
 *   fd: the block's variable.
 * Returns: nothing. Blocks: never. Cancel: not refused. Threads: any. */
static inline void hk_fd_leave(int *fd)
{
    if (*fd >= 0) hk_close(*fd);
}

/* HK_FD(fd, hk_accept(listener, NULL, NULL)): a descriptor that is closed with the block it is
 * declared in; a negative value (a failure) is left alone. */
#define HK_FD(name, ...) int name HK_ON_LEAVE(hk_fd_leave) = __VA_ARGS__

/* Takes the descriptor out of its HK_FD block: return hk_fd_take(&fd).
 *   fd: the block's variable; -1 afterwards.
 * Returns: what it was. Blocks: never. Cancel: no. Threads: any. */
static inline int hk_fd_take(int *fd)
{
    int taken = *fd;
    *fd = -1;
    return taken;
}

#ifdef __cplusplus
}
#endif
#endif
