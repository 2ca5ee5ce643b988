/* SPDX-License-Identifier: MIT */
/* Streams: a buffer for each direction of a descriptor.
 *
 * All of it is made of hk_read and hk_writev, and so runs under every driver. Bytes leave a buffer
 * only when they have been handed on: to the caller's memory, or to the kernel, as far as it says.
 * So a call may fail or be cancelled anywhere, and the next one finds everything in its place. What
 * can no longer be found is a failure that the kernel tells once, behind bytes that the caller has
 * been given already: it is kept beside the buffer. */
#include <hocket/stream.h>

#include "base/say.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { USUAL_SIZE = 16384, THE_END = 1 };

/* ---- buffers ---- */

/* One byte more than is used: for the '\0' behind a line or a text. */
static hk__stream_buffer make_buffer(void *memory, size_t size)
{
    if (memory != NULL && size < 2)
        hk__misuse("hk_stream_open: a buffer of %zu bytes is too small", size);
    if (memory == NULL && size == 0) size = USUAL_SIZE;
    return (hk__stream_buffer){ .data = memory, .size = memory != NULL ? size - 1 : size };
}

void hk_stream_open(hk_stream *s, int fd, const hk_stream_options *options)
{
    static const hk_stream_options usual;
    if (options == NULL) options = &usual;
    *s = (hk_stream){ .fd = fd,
                      .in = make_buffer(options->in, options->in_size),
                      .out = make_buffer(options->out, options->out_size) };
}

static int need_memory(hk__stream_buffer *b)
{
    if (HK__LIKELY(b->data != NULL)) return 0;
    b->data = malloc(b->size + 1);
    b->allocated = b->data != NULL;
    return b->allocated ? 0 : -ENOMEM;
}

static void drop_memory(hk__stream_buffer *b)
{
    if (b->allocated) free(b->data);
    *b = (hk__stream_buffer){ .size = b->size };
}

static size_t held(const hk__stream_buffer *b) { return b->end - b->start; }

static void take(hk__stream_buffer *b, size_t size)
{
    b->start += size;
    if (b->start == b->end) b->start = b->end = 0;
}

/* Where there is more room before the bytes than behind them, they move to the front. */
static void make_room(hk__stream_buffer *b)
{
    if (b->start == 0 || b->start < b->size - b->end) return;
    memmove(b->data, b->data + b->start, held(b));
    b->end -= b->start;
    b->start = 0;
}

int hk_stream_close(hk_stream *s)
{
    int r = hk_stream_flush(s);
    drop_memory(&s->in);
    drop_memory(&s->out);
    return r;
}

/* ---- reading ---- */

/* What was kept back: -errno, or 0 for the end; 1: nothing was. */
static int tell(hk_stream *s)
{
    int behind = s->in.behind;
    s->in.behind = 0;
    return behind == 0 ? 1 : behind == THE_END ? 0 : behind;
}

/* The result of a call that has handed on `done` bytes and then met r, 0 or -errno. A cancelled
 * task meets that again by itself. */
static int64_t outcome(hk_stream *s, int64_t done, int64_t r)
{
    if (done == 0) return r;
    if (r != -ECANCELED) s->in.behind = r == 0 ? THE_END : (int)r;
    return done;
}

static ssize_t read_more(hk_stream *s, void *buf, size_t size)
{
    int r = tell(s);
    return r <= 0 ? r : hk_read(s->fd, buf, size);
}

/* There is room: more into the buffer. Bytes; 0: the end; -errno. */
static ssize_t fill(hk_stream *s)
{
    hk__stream_buffer *b = &s->in;
    int r = need_memory(b);
    if (r < 0) return r;
    make_room(b);
    ssize_t n = read_more(s, b->data + b->end, b->size - b->end);
    if (n > 0) b->end += (size_t)n;
    return n;
}

static size_t take_into(hk_stream *s, void *buf, size_t size)
{
    if (size > held(&s->in)) size = held(&s->in);
    if (size == 0) return 0;
    memcpy(buf, s->in.data + s->in.start, size);
    take(&s->in, size);
    return size;
}

ssize_t hk_stream_read(hk_stream *s, void *buf, size_t size)
{
    if (size == 0) return 0;
    if (held(&s->in) == 0) {
        if (size >= s->in.size) return read_more(s, buf, size);
        ssize_t n = fill(s);
        if (n <= 0) return n;
    }
    return (ssize_t)take_into(s, buf, size);
}

ssize_t hk_stream_read_all(hk_stream *s, void *buf, size_t size)
{
    size_t done = 0;
    while (done < size) {
        ssize_t n = hk_stream_read(s, (char *)buf + done, size - done);
        if (n <= 0) return outcome(s, (int64_t)done, n);
        done += (size_t)n;
    }
    return (ssize_t)done;
}

ssize_t hk_stream_peek(hk_stream *s, size_t least, char **ret_data)
{
    if (least > s->in.size) return -EMSGSIZE;
    while (held(&s->in) < least) {
        ssize_t n = fill(s);
        if (n < 0) return n;
        if (n == 0) break;
    }
    if (ret_data != NULL) *ret_data = held(&s->in) > 0 ? s->in.data + s->in.start : NULL;
    return (ssize_t)held(&s->in);
}

void hk_stream_skip(hk_stream *s, size_t size)
{
    if (size > held(&s->in))
        hk__misuse("hk_stream_skip: %zu bytes, but %zu are there", size, held(&s->in));
    take(&s->in, size);
}

/* How many bytes stand before the delimiter. 1; 0: the end came first; -errno. */
static int find(hk_stream *s, const void *delimiter, size_t size, size_t *ret_before)
{
    hk__stream_buffer *b = &s->in;
    size_t clean = 0; /* so many hold no delimiter, nor its beginning */
    for (;;) {
        const char *from =
            held(b) > clean ? b->data + b->start + clean : NULL; /* or no buffer yet */
        const char *found = from != NULL ? memmem(from, held(b) - clean, delimiter, size) : NULL;
        if (found != NULL) {
            *ret_before = (size_t)(found - from) + clean;
            return 1;
        }
        if (held(b) == b->size) return -EMSGSIZE;
        clean = held(b) >= size ? held(b) - size + 1 : 0;
        ssize_t n = fill(s);
        if (n <= 0) return (int)n;
    }
}

int hk_stream_until(hk_stream *s, const void *delimiter, size_t delimiter_size, char **ret_data,
                    size_t *ret_size)
{
    size_t size;
    if (delimiter_size == 0) hk__misuse("hk_stream_until: an empty delimiter");
    int r = find(s, delimiter, delimiter_size, &size);
    if (r == 0 && held(&s->in) > 0) return -ENODATA;
    if (r <= 0) return r;
    *ret_data = s->in.data + s->in.start;
    if (ret_size != NULL) *ret_size = size;
    take(&s->in, size + delimiter_size);
    return 1;
}

int hk_stream_line(hk_stream *s, char **ret_line, size_t *ret_size)
{
    size_t size;
    int r = find(s, "\n", 1, &size);
    if (r < 0 || (r == 0 && held(&s->in) == 0)) return r;
    char *line = s->in.data + s->in.start;
    if (r == 0) { /* the last one, which nothing ends */
        size = held(&s->in);
        s->in.behind = THE_END;
    }
    take(&s->in, size + (size_t)r);
    if (r == 1 && size > 0 && line[size - 1] == '\r') size--;
    line[size] = '\0';
    *ret_line = line;
    if (ret_size != NULL) *ret_size = size;
    return 1;
}

/* ---- writing ---- */

/* Sends what is in the buffer, and these bytes behind it. How many of these went; -errno: none. */
static ssize_t send_with(hk_stream *s, const void *buf, size_t size)
{
    size_t done = 0;
    while (held(&s->out) > 0 || done < size) {
        const size_t first = held(&s->out);
        struct iovec pieces[2]; /* of what there is: an empty buffer may be no memory at all */
        int count = 0;
        if (first > 0)
            pieces[count++] =
                (struct iovec){ .iov_base = s->out.data + s->out.start, .iov_len = first };
        if (size > done)
            pieces[count++] =
                (struct iovec){ .iov_base = (char *)(uintptr_t)buf + done, .iov_len = size - done };
        ssize_t n = count == 2 ? hk_writev(s->fd, pieces, 2)
                               : hk_write(s->fd, pieces[0].iov_base, pieces[0].iov_len);
        if (n < 0) return done > 0 ? (ssize_t)done : n;
        const size_t own = (size_t)n < first ? (size_t)n : first;
        take(&s->out, own);
        done += (size_t)n - own;
    }
    return (ssize_t)done;
}

int hk_stream_flush(hk_stream *s) { return (int)send_with(s, NULL, 0); }

/* Room behind what waits, at most the whole buffer; 0 or -ENOMEM. */
static int need_room(hk_stream *s)
{
    int r = need_memory(&s->out);
    if (r == 0) make_room(&s->out);
    return r;
}

ssize_t hk_stream_write(hk_stream *s, const void *buf, size_t size)
{
    int r = need_room(s);
    if (r < 0) return r;
    hk__stream_buffer *b = &s->out;
    if (size > b->size - b->end) return send_with(s, buf, size);
    if (size > 0) memcpy(b->data + b->end, buf, size);
    b->end += size;
    return (ssize_t)size;
}

static int print_long(hk_stream *s, const char *format, va_list args)
{
    char *text;
    int size = vasprintf(&text, format, args);
    if (size < 0) return -ENOMEM;
    int r = (int)hk_stream_write(s, text, (size_t)size);
    free(text);
    return r;
}

int hk_stream_printf(hk_stream *s, const char *format, ...)
{
    int r = need_room(s);
    if (r < 0) return r;
    hk__stream_buffer *b = &s->out;
    const size_t room = b->size - b->end;
    va_list args;
    va_start(args, format);
    r = vsnprintf(b->data + b->end, room + 1, format, args);
    va_end(args);
    if (r < 0) return -EINVAL;
    if ((size_t)r > room) {
        va_start(args, format);
        r = print_long(s, format, args);
        va_end(args);
    } else {
        b->end += (size_t)r;
    }
    return r;
}

int hk_stream_finish(hk_stream *s)
{
    int r = hk_stream_flush(s);
    return r < 0 ? r : hk_shutdown(s->fd, SHUT_WR);
}

/* ---- both ---- */

int64_t hk_stream_copy(hk_stream *from, hk_stream *to, int64_t size)
{
    int64_t done = 0;
    while (done < size) {
        if (held(&from->in) == 0) {
            ssize_t n = fill(from);
            if (n <= 0) return outcome(from, done, n);
        }
        size_t piece = held(&from->in);
        if ((int64_t)piece > size - done) piece = (size_t)(size - done);
        ssize_t n = send_with(to, from->in.data + from->in.start, piece);
        if (n < 0) return done > 0 ? done : n;
        take(&from->in, (size_t)n);
        done += n;
    }
    return done;
}
