/* SPDX-License-Identifier: MIT */
/* Streams: a buffer for each direction of a descriptor.
 *
 *     HK_STREAM(s, fd);
 *     while ((r = hk_stream_line(&s, &line, NULL)) > 0)
 *         if ((r = hk_stream_printf(&s, "you said %s\n", line)) < 0) break;
 *
 * Nothing is lost where a task is killed, or where a call fails: what was read and not taken is
 * there for the next call, what was written and not sent is sent by the next flush, once. A call
 * that did a part says how much, and the next one says why; a failure that came behind bytes is
 * told when these have been taken.
 *
 * What is written waits in its buffer until that is full, or flushed: flush before you wait for an
 * answer. One task may read a stream while another one writes it.
 *
 * Data that a call shows (ret_data, ret_line) lies in the buffer, and stays until the next call
 * that reads. The stream borrows its descriptor: where both are declared in one block, HK_FD stands
 * first. */
#ifndef HOCKET_STREAM_H
#define HOCKET_STREAM_H

#include <hocket/io.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hk_stream_options {
    /* Memory for the buffers, the caller's; NULL: allocated when it is first needed. */
    void *in, *out;
    /* Their sizes, bytes; 0: 16 KiB. */
    size_t in_size, out_size;
    uint64_t reserved[2];
} hk_stream_options;

/* One direction's buffer; private. */
typedef struct hk__stream_buffer {
    char *data;
    size_t size;       /* of it */
    size_t start, end; /* what is in it */
    int behind;        /* what came behind bytes and is to be told: -errno; 1: the end */
    bool allocated;
} hk__stream_buffer;

/* Its fields are private, but for fd. */
typedef struct hk_stream {
    int fd;
    hk__stream_buffer in, out;
} hk_stream;

/* Begins a stream on a descriptor. Cannot fail: without memory, the calls that need it say so.
 *   s: the stream.
 *   fd: borrowed: sockets, pipes, terminals, files read or written in order.
 *   options: NULL for defaults.
 * Returns: nothing. Blocks: never. Cancel: no. Threads: any. */
HK_API void hk_stream_open(hk_stream *s, int fd, const hk_stream_options *options);

/* Ends a stream: flushes it and frees its buffers. The descriptor stays open.
 *   s: the stream; may be closed twice.
 * Returns: as hk_stream_flush; what could not be sent is dropped. Blocks: as hk_stream_flush.
 * Cancel: likewise: in a killed task nothing is sent. Threads: any that drives. */
HK_API int hk_stream_close(hk_stream *s);

/* The end of an HK_STREAM block: hk_stream_close.
 *   s: the block's variable.
 * Returns: nothing. Blocks: as hk_stream_close. Cancel: likewise. Threads: any that
 * drives. */
static inline void hk_stream_leave(hk_stream *s) { (void)hk_stream_close(s); }

/* HK_STREAM(s, fd): a stream that is flushed and ends with the block it is declared in.
 * HK_STREAM_WITH: with options. */
#define HK_STREAM(name, fd) HK_STREAM_WITH(name, fd, NULL)
#define HK_STREAM_WITH(name, fd, options) \
    hk_stream name HK_ON_LEAVE(hk_stream_leave); \
    hk_stream_open(&name, (fd), (options))

/* ---- reading ---- */

/* Reads what is there, and waits where there is nothing: hk_read through the buffer.
 *   s: the stream.
 *   buf, size: where to, and how many bytes at most.
 * Returns: bytes; 0 at the end; else as hk_read; -ENOMEM. Blocks: the task, until there is
 * something. Cancel: at once, nothing is lost. Threads: any that drives. */
HK_API ssize_t hk_stream_read(hk_stream *s, void *buf, size_t size);

/* Reads exactly so many bytes.
 *   s: the stream.
 *   buf, size: where to, and how many.
 * Returns: size; 0: the end, before the first byte; between: so many are in buf, then the end came,
 * or it failed or was cancelled, and the next call says which; else as hk_stream_read.
 * Blocks: the task, until they have come. Cancel: at once, nothing is lost. Threads: any that
 * drives. */
HK_API ssize_t hk_stream_read_all(hk_stream *s, void *buf, size_t size);

/* Shows what comes, for parsers: waits until at least so many bytes are in the buffer. They are
 * taken with hk_stream_skip.
 *   s: the stream.
 *   least: bytes; 0: whatever is there, without waiting.
 *   ret_data: where they are; may be NULL.
 * Returns: how many are there, fewer than least only at the end (0: nothing is left); -EMSGSIZE:
 * least is more than the buffer holds; else as hk_stream_read.
 * Blocks: the task, until they have come. Cancel: at once, nothing is lost. Threads: any that
 * drives. */
HK_API ssize_t hk_stream_peek(hk_stream *s, size_t least, char **ret_data);

/* Takes bytes that hk_stream_peek has shown.
 *   s: the stream.
 *   size: at most what is there, else it aborts with a sentence.
 * Returns: nothing. Blocks: never. Cancel: no. Threads: any. */
HK_API void hk_stream_skip(hk_stream *s, size_t size);

/* Reads up to a delimiter, and takes both.
 *   s: the stream.
 *   delimiter, delimiter_size: its bytes, at least 1.
 *   ret_data, ret_size: what stood before it, which may be nothing; ret_size may be NULL.
 * Returns: 1; 0: the end, and nothing before it; -ENODATA: the end came first: what is there can be
 * peeked at; -EMSGSIZE: the buffer is full and there is no delimiter in it, likewise; else as
 * hk_stream_read.
 * Blocks: the task, until it has come. Cancel: at once, nothing is lost. Threads: any that
 * drives. */
HK_API int hk_stream_until(hk_stream *s, const void *delimiter, size_t delimiter_size,
                           char **ret_data, size_t *ret_size);

/* Reads a line. It ends with \n or \r\n, which are taken and not shown, or with the input.
 *   s: the stream.
 *   ret_line, ret_size: the line, '\0' behind it; ret_size may be NULL.
 * Returns: 1; 0: the end; -EMSGSIZE: it is longer than the buffer; else as hk_stream_until.
 * Blocks: the task, until it has come. Cancel: at once, nothing is lost. Threads: any that
 * drives. */
HK_API int hk_stream_line(hk_stream *s, char **ret_line, size_t *ret_size);

/* ---- writing ---- */

/* Writes all of it, into the buffer where it fits.
 *   s: the stream.
 *   buf, size: the bytes.
 * Returns: size; less: so many were taken, then it failed or was cancelled, and the next call says
 * which; else as hk_write, and nothing of it was taken; -ENOMEM.
 * Blocks: the task, where the buffer is full. Cancel: see Returns; where it fits it is not refused.
 * Threads: any that drives. */
HK_API ssize_t hk_stream_write(hk_stream *s, const void *buf, size_t size);

/* Writes text.
 *   s: the stream.
 *   format: printf's.
 * Returns: as hk_stream_write. Blocks: likewise. Cancel: likewise. Threads: any that drives. */
HK_API int hk_stream_printf(hk_stream *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Sends what was written.
 *   s: the stream.
 * Returns: 0; else as hk_write: what was not sent stays for the next flush. Blocks: the task, until
 * the kernel has all of it. Cancel: at once; what was not sent stays. Threads: any that drives. */
HK_API int hk_stream_flush(hk_stream *s);

/* Flushes, then ends this direction: the other side reads the end, and can still answer.
 *   s: the stream, on a socket.
 * Returns: 0; as hk_stream_flush and hk_shutdown. Blocks: as hk_stream_flush. Cancel: likewise.
 * Threads: any that drives. */
HK_API int hk_stream_finish(hk_stream *s);

/* How many bytes are read and not taken, written and not sent.
 *   s: the stream.
 * Returns: bytes; no errors. Blocks: never. Cancel: no. Threads: any. */
static inline size_t hk_stream_unread(const hk_stream *s) { return s->in.end - s->in.start; }
static inline size_t hk_stream_unsent(const hk_stream *s) { return s->out.end - s->out.start; }

/* Copies from one stream to another, each piece as it comes: it is sent at once, together with what
 * was written before.
 *   from, to: the streams.
 *   size: bytes; HK_FOREVER: to the end.
 * Returns: bytes copied; less than size: the end came, or it failed or was cancelled, and the next
 * call says which; -errno: of either, nothing was copied.
 * Blocks: the task. Cancel: at once; what was read and not sent stays in `from`. Threads: any that
 * drives. */
HK_API int64_t hk_stream_copy(hk_stream *from, hk_stream *to, int64_t size);

#ifdef __cplusplus
}
#endif
#endif
