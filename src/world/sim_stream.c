/* SPDX-License-Identifier: MIT */
/* Streams of bytes: pipes, and connections of stream sockets.
 *
 * What is sent over a connection with latency arrives later, in order: bytes, the end, and the news
 * that the other side knows nothing of it any more (a reset): it was closed with bytes unread, or
 * got some afterwards. */
#include "world/sim_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum what { BYTES, END, RESET };

struct segment {
    struct hk__sim_timed timed;
    struct hk__sim_connection *connection;
    struct hk__sim_way *way;
    enum what what;
    uint32_t size;
};

int hk__sim_connect(hk__sim_file *a, hk__sim_file *b, bool both_ways, int64_t latency)
{
    struct hk__sim_connection *c = calloc(1, sizeof *c);
    if (c == NULL) return -ENOMEM;
    c->references = 2;
    c->latency = latency;
    a->connection = b->connection = c;
    a->in = b->out = &c->way[0];
    c->way[0].reader = a;
    c->way[0].writer = b;
    if (!both_ways) return 0;
    a->out = b->in = &c->way[1];
    c->way[1].reader = b;
    c->way[1].writer = a;
    return 0;
}

static void release(struct hk__sim_connection *c)
{
    if (--c->references > 0) return;
    free(c->way[0].bytes);
    free(c->way[1].bytes);
    free(c);
}

static struct hk__sim_way *back(struct hk__sim_connection *c, struct hk__sim_way *way)
{
    return way == &c->way[0] ? &c->way[1] : &c->way[0];
}

/* ---- arrival ---- */

static void dispatch(hk__sim *w, struct hk__sim_connection *c, struct hk__sim_way *way,
                     enum what what, uint32_t size);

static void break_way(hk__sim *w, struct hk__sim_way *way)
{
    way->broken = true;
    hk__sim_file_changed(w, way->writer, HK__WRITABLE | HK__HANGUP);
}

/* At the reader of this way. */
static void arrive(hk__sim *w, struct hk__sim_connection *c, struct hk__sim_way *way,
                   enum what what, uint32_t size)
{
    if (what == BYTES) {
        way->flying -= size;
        way->seen += size;
        if (way->reader == NULL) dispatch(w, c, back(c, way), RESET, 0);
    } else if (what == END) {
        way->ended = true;
    } else {
        way->reset = way->ended = true;
        way->seen = 0;
        break_way(w, back(c, way));
    }
    hk__sim_file_changed(w, way->reader, HK__READABLE | (what == BYTES ? 0 : HK__HANGUP));
}

static void segment_arrives(hk__sim *w, struct hk__sim_timed *timed, bool gone)
{
    struct segment *s = (struct segment *)timed;
    if (!gone) arrive(w, s->connection, s->way, s->what, s->size);
    release(s->connection);
    free(s);
}

/* Without memory for it, it arrives at once: sooner than it should, but nothing is lost. */
static void dispatch(hk__sim *w, struct hk__sim_connection *c, struct hk__sim_way *way,
                     enum what what, uint32_t size)
{
    struct segment *s = c->latency > 0 && hk__sim_reserve(w) == 0 ? malloc(sizeof *s) : NULL;
    if (what == BYTES) way->flying += size;
    if (s == NULL) {
        c->references++;
        arrive(w, c, way, what, size);
        release(c);
        return;
    }
    *s = (struct segment){ .connection = c, .way = way, .what = what, .size = size };
    s->timed.arrive = segment_arrives;
    c->references++;
    hk__sim_send(w, &s->timed, c->latency);
}

/* ---- calls ---- */

bool hk__sim_stream_is_over(const hk__sim_file *file)
{
    return file->connection != NULL && (file->in == NULL || file->in->ended) &&
           (file->out == NULL || file->out->broken);
}

unsigned hk__sim_stream_state(const hk__sim_file *file)
{
    const struct hk__sim_way *in = file->in, *out = file->out;
    unsigned bits = 0;
    if (in != NULL && (in->seen > 0 || in->ended)) bits |= HK__READABLE;
    if (in != NULL && in->ended) bits |= HK__HANGUP;
    if (out != NULL && (out->broken || file->shut_down || out->seen + out->flying < HK__SIM_BUFFER))
        bits |= HK__WRITABLE;
    if (out != NULL && out->broken) bits |= HK__HANGUP;
    if (hk__sim_stream_is_over(file)) bits = HK__READABLE | HK__WRITABLE | HK__HANGUP;
    return bits;
}

static size_t copy_out(const struct hk__sim_way *way, uint32_t at, char *to, size_t size)
{
    uint32_t begin = (way->head + at) & (way->room - 1);
    size_t first = way->room - begin < size ? way->room - begin : size;
    memcpy(to, way->bytes + begin, first);
    memcpy(to + first, way->bytes, size - first);
    return size;
}

int64_t hk__sim_stream_read(hk__sim *w, hk__sim_file *file, const struct iovec *vector, int count,
                            int flags)
{
    struct hk__sim_way *in = file->in;
    uint32_t done = 0;
    if (in == NULL) return -EBADF;
    if (in->reset) {
        in->reset = false;
        return -ECONNRESET;
    }
    for (int i = 0; i < count && done < in->seen; i++) {
        size_t left = in->seen - done;
        size_t size = vector[i].iov_len < left ? vector[i].iov_len : left;
        if (size > 0) done += (uint32_t)copy_out(in, done, vector[i].iov_base, size);
    }
    if (done == 0) return in->seen > 0 || (in->ended && in->flying == 0) ? 0 : -EAGAIN;
    if (flags & MSG_PEEK) return done;
    in->head += done;
    in->seen -= done;
    if (in->full) {
        in->full = false;
        hk__sim_file_changed(w, in->writer, HK__WRITABLE);
    }
    return done;
}

/* Room for so many bytes more: a power of two. */
static bool make_room(struct hk__sim_way *way, uint32_t size)
{
    uint32_t used = way->seen + way->flying, room = way->room != 0 ? way->room : 256;
    while (room < used + size) room *= 2;
    if (room == way->room) return true;
    char *bytes = malloc(room);
    if (bytes == NULL) return false;
    if (used > 0) copy_out(way, 0, bytes, used);
    free(way->bytes);
    way->bytes = bytes;
    way->room = room;
    way->head = 0;
    return true;
}

static void copy_in(struct hk__sim_way *way, uint32_t at, const char *from, size_t size)
{
    uint32_t begin = (way->head + at) & (way->room - 1);
    size_t first = way->room - begin < size ? way->room - begin : size;
    memcpy(way->bytes + begin, from, first);
    memcpy(way->bytes, from + first, size - first);
}

int64_t hk__sim_stream_write(hk__sim *w, hk__sim_file *file, const struct iovec *vector, int count)
{
    struct hk__sim_way *out = file->out;
    size_t wanted = 0;
    if (out == NULL) return -EBADF;
    if (file->in != NULL && file->in->reset) {
        file->in->reset = false;
        return -ECONNRESET;
    }
    if (out->broken || file->shut_down) return -EPIPE;
    for (int i = 0; i < count; i++) wanted += vector[i].iov_len;
    if (wanted == 0) return 0;
    const uint32_t used = out->seen + out->flying, free_now = HK__SIM_BUFFER - used;
    if (wanted >= free_now) {
        out->full = true; /* to the last byte, too: the call says so (spent) */
        wanted = free_now;
    }
    if (wanted == 0) return -EAGAIN;
    if (!make_room(out, (uint32_t)wanted)) return -ENOBUFS;
    uint32_t done = 0;
    for (int i = 0; done < wanted; i++) {
        size_t left = wanted - done;
        size_t size = vector[i].iov_len < left ? vector[i].iov_len : left;
        if (size > 0) copy_in(out, used + done, vector[i].iov_base, size);
        done += (uint32_t)size;
    }
    dispatch(w, file->connection, out, BYTES, done);
    return done;
}

int64_t hk__sim_stream_shutdown(hk__sim *w, hk__sim_file *file, int how)
{
    if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR) return -EINVAL;
    if (how != SHUT_WR) {
        file->in->seen = 0;
        file->in->ended = true;
        hk__sim_file_changed(w, file, HK__READABLE | HK__HANGUP);
    }
    if (how != SHUT_RD && !file->shut_down) {
        file->shut_down = true;
        dispatch(w, file->connection, file->out, END, 0);
    }
    return 0;
}

/* What was not read is lost, and the other side is told so. Where nothing lies between the two it
 * knows at once that nobody will read; else when it tries. */
void hk__sim_stream_close(hk__sim *w, hk__sim_file *file)
{
    struct hk__sim_connection *c = file->connection;
    if (c == NULL) return;
    const bool unread = file->unaccepted || (file->in != NULL && file->in->seen > 0);
    file->connection = NULL;
    if (file->in != NULL) file->in->reader = NULL;
    if (file->out != NULL) file->out->writer = NULL;
    if (file->out != NULL && unread)
        dispatch(w, c, file->out, RESET, 0);
    else if (file->out != NULL && !file->shut_down)
        dispatch(w, c, file->out, END, 0);
    if (file->in != NULL && c->latency == 0) break_way(w, file->in);
    release(c);
}
