/* SPDX-License-Identifier: MIT */
/* Streams: what they show and take, and that nothing is lost where a call is cut short. */
#include "support/net.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A pair of sockets; bytes that are written to fds[1] without Hocket. */
static int fds[2];

static void open_pair(void)
{
    net_local_pair(SOCK_STREAM, fds);
    net_set_buffer(fds[0], SO_SNDBUF, 4096);
}

static void say(const char *text) { CHECK_EQ(net_put(fds[1], text, strlen(text)), strlen(text)); }

static void close_pair(void)
{
    hk_close(fds[0]);
    if (fds[1] >= 0) net_close(fds[1]);
}

static void hang_up(void)
{
    net_close(fds[1]);
    fds[1] = -1;
}

static const char *line_of(hk_stream *s)
{
    static char text[256];
    char *line;
    size_t size;
    int r = hk_stream_line(s, &line, &size);
    if (r == 1 && CHECK_EQ(strlen(line), size)) return line;
    snprintf(text, sizeof text, "%s", r == 0 ? "(end)" : strerrorname_np(-r));
    return text;
}

TASK_TEST_SIM(stream_reads_lines)
{
    open_pair();
    say("one\ntwo\r\n\n\r\nfi\rve\n\r\r\nlast");
    hang_up();
    HK_STREAM(s, fds[0]);
    static const char *const lines[] = { "one", "two",  "",      "",     "fi\rve",
                                         "\r",  "last", "(end)", "(end)" };
    for (size_t i = 0; i < HK_LEN(lines); i++) CHECK_STR(line_of(&s), lines[i]);
    close_pair();
    return NULL;
}

/* Of a terminal and of a FIFO the end is told once: it is not asked for again behind a last line
 * that nothing ends. */
TASK_TEST(stream_remembers_the_end_behind_a_last_line)
{
    char path[] = "/tmp/hocket-fifo-XXXXXX";
    CHECK(mkdtemp(path) != NULL);
    char fifo[sizeof path + 8];
    snprintf(fifo, sizeof fifo, "%s/fifo", path);
    CHECK_EQ(mkfifo(fifo, 0600), 0);
    HK_FD(from, open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    HK_STREAM(s, from);
    static const char *const lines[] = { "last", "more" };
    for (int i = 0; i < 2; i++) {
        int to = open(fifo, O_WRONLY | O_CLOEXEC);
        CHECK_EQ(write(to, lines[i], 4), 4);
        close(to);
        CHECK_STR(line_of(&s), lines[i]);
        to = open(fifo, O_WRONLY | O_CLOEXEC);
        CHECK_EQ(write(to, "late\n", 5), 5);
        close(to);
        CHECK_STR(line_of(&s), "(end)");
        CHECK_STR(line_of(&s), "late");
    }
    unlink(fifo);
    rmdir(path);
    return NULL;
}

TASK_TEST_SIM(stream_reads_some_exactly_and_the_end)
{
    char buf[64];
    open_pair();
    say("hello, world");
    HK_STREAM(s, fds[0]);
    CHECK_EQ(hk_stream_read(&s, buf, 0), 0);
    CHECK_EQ(hk_stream_read(&s, buf, 3), 3);
    CHECK(memcmp(buf, "hel", 3) == 0);
    CHECK_EQ(hk_stream_unread(&s), 9);
    CHECK_EQ(hk_stream_read_all(&s, buf, 4), 4);
    CHECK(memcmp(buf, "lo, ", 4) == 0);
    hang_up();
    CHECK_EQ(hk_stream_read_all(&s, buf, 6), 5);
    CHECK(memcmp(buf, "world", 5) == 0);
    CHECK_EQ(hk_stream_read_all(&s, buf, 6), 0);
    CHECK_EQ(hk_stream_read(&s, buf, 6), 0);
    close_pair();
    return NULL;
}

TASK_TEST_SIM(stream_reads_until)
{
    char *data;
    size_t size;
    open_pair();
    say("a--b---c--");
    HK_STREAM(s, fds[0]);
    CHECK_EQ(hk_stream_until(&s, "--", 2, &data, &size), 1);
    CHECK(size == 1 && data[0] == 'a');
    CHECK_EQ(hk_stream_until(&s, "--", 2, &data, NULL), 1);
    CHECK(data[0] == 'b');
    CHECK_EQ(hk_stream_until(&s, "--", 2, &data, &size), 1);
    CHECK(size == 2 && memcmp(data, "-c", 2) == 0);
    say("-");
    CHECK_EQ(hk_stream_peek(&s, 1, NULL), 1);
    say("-rest");
    CHECK_EQ(hk_stream_until(&s, "--", 2, &data, &size), 1); /* a delimiter in two pieces */
    CHECK_EQ(size, 0);
    hang_up();
    CHECK_EQ(hk_stream_until(&s, "--", 2, &data, &size), -ENODATA);
    CHECK_EQ(hk_stream_peek(&s, 0, &data), 4);
    CHECK(memcmp(data, "rest", 4) == 0);
    hk_stream_skip(&s, 4);
    CHECK_EQ(hk_stream_until(&s, "--", 2, &data, &size), 0);
    close_pair();
    return NULL;
}

static void *says_in_pieces(void *arg)
{
    for (const char *text = arg; *text != '\0'; text++) {
        CHECK_EQ(hk_write(fds[1], text, 1), 1);
        hk_sleep(HK_US(100)); /* so that the other side is seen to first */
    }
    return NULL;
}

TASK_TEST_SIM(stream_finds_delimiters_that_come_in_pieces)
{
    char *data;
    size_t size;
    open_pair();
    HK_STREAM(s, fds[0]);
    hk_spawn(HK_ROOT, says_in_pieces, "ab-a---b--");
    CHECK_EQ(hk_stream_until(&s, "--", 2, &data, &size), 1);
    CHECK(size == 4 && memcmp(data, "ab-a", 4) == 0);
    CHECK_EQ(hk_stream_until(&s, "-b--", 4, &data, &size), 1);
    CHECK_EQ(size, 0);
    close_pair();
    return NULL;
}

TASK_TEST_SIM(stream_buffer_is_a_limit)
{
    char memory[9], out[2], buf[64], *data;
    hk_stream_options options = { .in = memory, .in_size = sizeof memory };
    options.out = out;
    options.out_size = sizeof out;
    open_pair();
    HK_STREAM_WITH(s, fds[0], &options);
    say("1234567\n12345678\n");
    CHECK_STR(line_of(&s), "1234567");
    CHECK_STR(line_of(&s), "EMSGSIZE");
    CHECK_STR(line_of(&s), "EMSGSIZE");
    CHECK_EQ(hk_stream_peek(&s, 9, &data), -EMSGSIZE);
    CHECK_EQ(hk_stream_peek(&s, 8, &data), 8);
    CHECK(memcmp(data, "12345678", 8) == 0);
    hk_stream_skip(&s, 1);
    CHECK_STR(line_of(&s), "2345678");
    CHECK_EQ(hk_stream_printf(&s, "%d-%s", 123, "four"), 8); /* more than its buffer holds */
    CHECK_EQ(hk_stream_flush(&s), 0);
    CHECK_EQ(net_take(fds[1], buf, sizeof buf), 8);
    CHECK(memcmp(buf, "123-four", 8) == 0);
    close_pair();
    return NULL;
}

TEST(stream_skip_of_what_is_not_there, .aborts = "hk_stream_skip: 1 bytes, but 0 are there")
{
    hk_stream s;
    hk_stream_open(&s, 0, NULL);
    hk_stream_skip(&s, 1);
}

TEST(stream_with_a_buffer_of_nothing, .aborts = "a buffer of 1 bytes is too small")
{
    hk_stream s;
    char byte;
    hk_stream_open(&s, 0, &(hk_stream_options){ .in = &byte, .in_size = 1 });
}

TASK_TEST_SIM(stream_writes_when_flushed_full_or_closed)
{
    char buf[64];
    open_pair();
    {
        HK_STREAM_WITH(s, fds[0], (&(hk_stream_options){ .out_size = 8 }));
        CHECK_EQ(hk_stream_write(&s, "ab", 2), 2);
        CHECK_EQ(net_take(fds[1], buf, sizeof buf), -EAGAIN);
        CHECK_EQ(hk_stream_unsent(&s), 2);
        CHECK_EQ(hk_stream_flush(&s), 0);
        CHECK_EQ(net_take(fds[1], buf, sizeof buf), 2);
        CHECK_EQ(hk_stream_write(&s, "12345678", 8), 8);
        CHECK_EQ(net_take(fds[1], buf, sizeof buf), -EAGAIN);
        CHECK_EQ(hk_stream_write(&s, "9", 1), 1);
        CHECK_EQ(net_take(fds[1], buf, sizeof buf), 9);
        CHECK_EQ(hk_stream_printf(&s, "%s", "bye"), 3);
    }
    CHECK_EQ(net_take(fds[1], buf, sizeof buf), 3);
    close_pair();
    return NULL;
}

TASK_TEST_SIM(stream_half_close)
{
    char buf[16];
    open_pair();
    HK_STREAM(s, fds[0]);
    hk_stream_write(&s, "ask", 3);
    CHECK_EQ(hk_stream_finish(&s), 0);
    CHECK_EQ(net_take(fds[1], buf, sizeof buf), 3);
    CHECK_EQ(net_take(fds[1], buf, sizeof buf), 0);
    say("answer\n");
    CHECK_STR(line_of(&s), "answer");
    CHECK_EQ(hk_stream_write(&s, "more", 4), 4);
    CHECK_EQ(hk_stream_flush(&s), -EPIPE);
    CHECK_EQ(hk_stream_unsent(&s), 4);
    close_pair();
    return NULL;
}

TASK_TEST_SIM(stream_copies)
{
    int to[2];
    char buf[64];
    open_pair();
    net_pipe(to);
    HK_STREAM(from, fds[0]);
    {
        HK_STREAM(pipe, to[1]);
        say("header\nbody and more");
        CHECK_STR(line_of(&from), "header");
        hk_stream_write(&pipe, "> ", 2);
        CHECK_EQ(hk_stream_copy(&from, &pipe, 4), 4);
        CHECK_EQ(net_take(to[0], buf, sizeof buf), 6);
        CHECK(memcmp(buf, "> body", 6) == 0);
        hang_up();
        CHECK_EQ(hk_stream_copy(&from, &pipe, HK_FOREVER), 9);
        CHECK_EQ(hk_stream_copy(&from, &pipe, HK_FOREVER), 0);
        CHECK_EQ(hk_stream_finish(&pipe), -ENOTSOCK);
        CHECK_EQ(net_take(to[0], buf, sizeof buf), 9);
    }
    net_close(to[0]);
    hk_close(to[1]);
    close_pair();
    return NULL;
}

/* The kernel tells a reset once; the stream tells it behind the bytes that came before. */
TASK_TEST(stream_tells_a_failure_behind_bytes)
{
    int tcp[2];
    char buf[8];
    struct linger now = { .l_onoff = 1 };
    net_tcp_pair(tcp);
    HK_STREAM(s, tcp[0]);
    CHECK_EQ(send(tcp[1], "abc", 3, 0), 3);
    CHECK_EQ(hk_stream_peek(&s, 3, NULL), 3);
    setsockopt(tcp[1], SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(tcp[1]);
    CHECK_EQ(hk_stream_read_all(&s, buf, sizeof buf), 3);
    CHECK_EQ(hk_stream_read_all(&s, buf, sizeof buf), -ECONNRESET);
    CHECK_EQ(hk_stream_read(&s, buf, sizeof buf), 0);
    hk_close(tcp[0]);
    return NULL;
}

TEST(stream_where_nobody_drives)
{
    char byte;
    hk_stream s;
    hk_stream_open(&s, 0, NULL);
    CHECK_EQ(hk_stream_read(&s, &byte, 1), -ENOSYS);
    CHECK_EQ(hk_stream_write(&s, "x", 1), 1);
    CHECK_EQ(hk_stream_close(&s), -ENOSYS);
    CHECK_EQ(hk_stream_close(&s), 0);
}

/* ---- the property ----
 *
 * A sequence of bytes of which each tells its place. A reader takes it with calls chosen at random
 * and is killed again and again, each time another task goes on with the same stream: what it gets
 * is the sequence. Likewise a writer. Who kills counts turns, of which an unfair schedule may give
 * the others none: so they get time, too, now and then. */

enum { TOTAL = 6000 };

static char byte_at(size_t i) { return (char)("abcdefgh,\n"[(i * i + i / 7) % 10]); }

struct flow {
    hk_stream s;
    int peer;
    size_t done;  /* of the sequence, as the model has it */
    size_t total; /* its length */
    unsigned chance;
    bool over;
};

static unsigned next_of(unsigned *chance, unsigned below)
{
    *chance = *chance * 1103515245u + 12345u;
    return (*chance >> 16) % below;
}

static bool expect(struct flow *f, const char *data, size_t size)
{
    for (size_t i = 0; i < size; i++, f->done++)
        if (f->done >= f->total || data[i] != byte_at(f->done)) {
            test_fail("byte %zu is wrong", f->done);
            f->over = true;
            return false;
        }
    return true;
}

static ssize_t read_until_comma(struct flow *f)
{
    char *data;
    size_t size;
    int r = hk_stream_until(&f->s, ",", 1, &data, &size);
    if (r == 1 && expect(f, data, size)) expect(f, ",", 1);
    if (r == -ENODATA || r == -EMSGSIZE) {
        ssize_t there = hk_stream_peek(&f->s, 0, &data);
        CHECK(there > 0);
        expect(f, data, (size_t)there);
        hk_stream_skip(&f->s, (size_t)there);
        return there;
    }
    return r;
}

static ssize_t read_line(struct flow *f)
{
    char *line;
    size_t size;
    int r = hk_stream_line(&f->s, &line, &size);
    if (r == 1 && expect(f, line, size) && f->done < f->total) expect(f, "\n", 1);
    return r == -EMSGSIZE ? read_until_comma(f) : r;
}

static ssize_t read_peeked(struct flow *f, size_t least)
{
    char *data;
    ssize_t n = hk_stream_peek(&f->s, least, &data);
    if (n <= 0) return n;
    size_t size = 1 + next_of(&f->chance, (unsigned)n);
    expect(f, data, size);
    hk_stream_skip(&f->s, size);
    return n;
}

static ssize_t read_somehow(struct flow *f)
{
    char buf[100];
    const size_t size = 1 + next_of(&f->chance, sizeof buf - 1);
    ssize_t n;
    switch (next_of(&f->chance, 5)) {
    case 0: n = hk_stream_read(&f->s, buf, size); break;
    case 1: n = hk_stream_read_all(&f->s, buf, size); break;
    case 2: return read_until_comma(f);
    case 3: return read_line(f);
    default: return read_peeked(f, 1 + next_of(&f->chance, (unsigned)f->s.in.size));
    }
    if (n > 0) expect(f, buf, (size_t)n);
    return n;
}

static void *reader(void *arg)
{
    struct flow *f = arg;
    ssize_t n = 0;
    while (!f->over && (n = read_somehow(f)) > 0) {}
    if (f->over || n == -ECANCELED) return NULL;
    CHECK_EQ(n, 0);
    f->over = true;
    return NULL;
}

static void *trickles(void *arg)
{
    struct flow *f = arg;
    unsigned chance = f->chance + 1;
    for (size_t sent = 0; sent < f->total;) {
        static char piece[5000];
        const unsigned most = f->total > TOTAL ? sizeof piece - 1 : 299;
        size_t size = next_of(&chance, 3) == 0 ? 1 + next_of(&chance, most) : 1;
        if (size > f->total - sent) size = f->total - sent;
        for (size_t i = 0; i < size; i++) piece[i] = byte_at(sent + i);
        CHECK_EQ(hk_write(f->peer, piece, size), size);
        sent += size;
        if (hk_sched_yield() < 0) break;
    }
    hk_close(f->peer);
    return NULL;
}

/* A task that is killed after some turns, and another in its place, until all is done. */
static void kill_again_and_again(struct flow *f, hk_entry *fn)
{
    while (!f->over) {
        hk_tid tid = hk_spawn(HK_ROOT, fn, f);
        for (unsigned turns = next_of(&f->chance, 40); turns > 0; turns--) hk_sched_yield();
        if (next_of(&f->chance, 4) == 0) hk_sleep(HK_US(60));
        hk_task_kill(tid);
        hk_task_wait(tid, NULL);
    }
}

TASK_TEST_SIM(stream_reading_loses_nothing_when_killed, .seconds = 60)
{
    for (unsigned seed = 1; seed <= 12; seed++) {
        struct flow f = { .chance = seed, .total = TOTAL };
        net_local_pair(SOCK_STREAM, fds);
        hk_stream_open(&f.s, fds[0], &(hk_stream_options){ .in_size = 20 + 17 * seed });
        f.peer = fds[1];
        hk_spawn(HK_ROOT, trickles, &f);
        kill_again_and_again(&f, reader);
        CHECK_EQ(f.done, TOTAL);
        hk_stream_close(&f.s);
        hk_close(fds[0]);
    }
    return NULL;
}

/* What a write took is the stream's: the model counts it, whatever happens to the task. Through a
 * pipe of the smallest size, with pieces that do not fit it: so writes are cut in the middle. */
static void *writer(void *arg)
{
    struct flow *f = arg;
    while (f->done < f->total) {
        static char piece[9000];
        size_t size = 1 + next_of(&f->chance, next_of(&f->chance, 2) ? sizeof piece - 1 : 300);
        if (size > f->total - f->done) size = f->total - f->done;
        for (size_t i = 0; i < size; i++) piece[i] = byte_at(f->done + i);
        ssize_t n = next_of(&f->chance, 4) != 0 ? hk_stream_write(&f->s, piece, size)
                                                : hk_stream_printf(&f->s, "%.*s", (int)size, piece);
        if (n > 0) f->done += (size_t)n;
        if (n >= 0 && next_of(&f->chance, 5) == 0) n = hk_stream_flush(&f->s);
        if (n < 0) return NULL;
    }
    if (hk_stream_flush(&f->s) < 0) return NULL;
    f->over = true;
    hk_close(f->s.fd);
    return NULL;
}

static void *sips(void *arg)
{
    struct flow *f = arg;
    struct flow got = { .chance = f->chance + 1, .total = f->total };
    char buf[1500];
    ssize_t n;
    while ((n = hk_read(f->peer, buf, 1 + next_of(&got.chance, sizeof buf - 1))) > 0) {
        expect(&got, buf, (size_t)n);
        if (hk_sched_yield() < 0) break;
    }
    CHECK_EQ(got.done, f->total);
    hk_close(f->peer);
    return NULL;
}

static void open_small_pipe(int ret_fds[2])
{
    net_pipe(ret_fds);
    net_set_pipe(ret_fds[1], 4096);
}

TASK_TEST_SIM(stream_writing_loses_and_doubles_nothing_when_killed, .seconds = 60)
{
    for (unsigned seed = 1; seed <= 12; seed++) {
        struct flow f = { .chance = seed, .total = 150000 };
        int ends[2];
        open_small_pipe(ends);
        hk_stream_open(&f.s, ends[1], &(hk_stream_options){ .out_size = 20 + 900 * seed });
        f.peer = ends[0];
        hk_tid peer = hk_spawn(HK_ROOT, sips, &f);
        kill_again_and_again(&f, writer);
        hk_task_wait(peer, NULL);
        hk_stream_close(&f.s);
    }
    return NULL;
}

/* Through two streams and a third task that copies between them and is killed. */
struct copier {
    struct flow from, to;
    bool over;
};

static void *copies(void *arg)
{
    struct copier *c = arg;
    int64_t n;
    while ((n = hk_stream_copy(&c->from.s, &c->to.s, 1 + next_of(&c->to.chance, 20000))) > 0) {}
    if (n < 0) return NULL;
    c->over = true;
    hk_close(c->to.s.fd);
    return NULL;
}

TASK_TEST_SIM(stream_copying_loses_nothing_when_killed, .seconds = 60)
{
    for (unsigned seed = 1; seed <= 6; seed++) {
        int in[2], out[2];
        struct copier c = { .from = { .chance = seed, .total = 60000 } };
        net_local_pair(SOCK_STREAM, in);
        open_small_pipe(out);
        c.to = c.from;
        hk_stream_open(&c.from.s, in[0], &(hk_stream_options){ .in_size = 3000 * seed });
        hk_stream_open(&c.to.s, out[1], NULL);
        c.from.peer = in[1];
        c.to.peer = out[0];
        hk_spawn(HK_ROOT, trickles, &c.from);
        hk_tid last = hk_spawn(HK_ROOT, sips, &c.to);
        while (!c.over) {
            hk_tid tid = hk_spawn(HK_ROOT, copies, &c);
            for (unsigned turns = next_of(&c.to.chance, 60); turns > 0; turns--) hk_sched_yield();
            if (next_of(&c.to.chance, 4) == 0) hk_sleep(HK_US(60));
            hk_task_kill(tid);
            hk_task_wait(tid, NULL);
        }
        hk_task_wait(last, NULL);
        hk_stream_close(&c.from.s);
        hk_stream_close(&c.to.s);
        hk_close(in[0]);
    }
    return NULL;
}
