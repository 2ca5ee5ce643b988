/* SPDX-License-Identifier: MIT */
/* An answer, and the next question, as one call: what a server does that answers and then waits, or
 * a client that asks.
 *
 *     ssize_t n = hk_recv(fd, buf, sizeof buf, 0);
 *     while (n > 0) n = hk_send_recv(fd, buf, (size_t)n, buf, sizeof buf, NULL);
 *
 * It does what hk_send and hk_recv do one after the other. Where a system call is dear, as on
 * virtual machines, and io_uring is there (Linux 6.1), the kernel is called once for both and for
 * the wait between them, as soon as no task is ready to run: for less than 16 KiB, on a stream that
 * was used before. */
#ifndef HOCKET_SEND_RECV_H
#define HOCKET_SEND_RECV_H

#include <hocket/io.h>

#ifdef __cplusplus
extern "C" {
#endif

extern HK_API const hk_call_type hk__send_recv_type;

/* Fills in the call, for HK_AWAIT in a stackless step; see hk_send_recv. How many bytes were sent
 * says hk_send_recv_sent.
 *   io: the call.
 *   fd, out, out_size, in, in_size: as there.
 * Returns: nothing. Blocks: never. Cancel: no. Threads: any. */
static inline void hk_send_recv_prepare(hk_io_call *io, int fd, const void *out, size_t out_size,
                                        void *in, size_t in_size)
{
    hk__io_prepare_one(io, &hk__send_recv_type, fd, out, out_size, 0);
    io->rest.iov_base = in;
    io->rest.iov_len = in_size;
}

/* How many bytes a call that has its result has sent.
 *   io: the call.
 * Returns: bytes; no errors. Blocks: never. Cancel: no. Threads: any. */
static inline size_t hk_send_recv_sent(const hk_io_call *io) { return io->progress; }

/* Sends all of one buffer, then receives what comes into another.
 *   fd: a socket.
 *   out, out_size: the bytes to be sent; none: it only receives.
 *   in, in_size: where to receive to, and how many bytes at most; may be the memory of out.
 *   ret_sent: how many bytes were sent: all of them, unless it failed or was cancelled on the way;
 *   NULL: nobody asks.
 * Returns: bytes received; 0 at the end; else as hk_send or hk_recv, whichever failed.
 * Blocks: the task, until the kernel has all of out and something has come. Cancel: at once; what
 * comes is not lost, what was sent stays sent. Threads: any that drives. */
static inline ssize_t hk_send_recv(int fd, const void *out, size_t out_size, void *in,
                                   size_t in_size, size_t *ret_sent)
{
    hk_io_call io;
    hk_send_recv_prepare(&io, fd, out, out_size, in, in_size);
    const ssize_t n = (ssize_t)hk_trap(&io.call);
    if (ret_sent != NULL) *ret_sent = hk_send_recv_sent(&io);
    return n;
}

#ifdef __cplusplus
}
#endif
#endif
