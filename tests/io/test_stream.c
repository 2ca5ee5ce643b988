/* SPDX-License-Identifier: MIT */
/* Streams: what is read, what is written, when the kernel is asked and when it need not be. */
#include "support/net.h"

#include <stdlib.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BIG = 4 << 20 };

/* Bytes that tell where in the stream they stand. */
static unsigned char byte_at(size_t i) { return (unsigned char)((i * 2654435761u) >> 13); }

static unsigned char *new_bytes(size_t n)
{
    unsigned char *bytes = malloc(n);
    for (size_t i = 0; i < n; i++) bytes[i] = byte_at(i);
    return bytes;
}

struct writer {
    int fd;
    size_t size;
    ssize_t result;
    bool done;
};

static void *write_big(void *arg)
{
    struct writer *w = arg;
    unsigned char *bytes = new_bytes(w->size);
    w->result = hk_write(w->fd, bytes, w->size);
    w->done = true;
    free(bytes);
    return NULL;
}

/* Reads to the end; how many bytes came, all of them right. */
static size_t read_all(int fd, size_t piece)
{
    unsigned char buf[8192];
    size_t got = 0;
    ssize_t n;
    bool right = true;
    while ((n = hk_read(fd, buf, piece)) > 0) {
        for (ssize_t i = 0; i < n; i++) right &= buf[i] == byte_at(got + (size_t)i);
        got += (size_t)n;
    }
    CHECK_EQ(n, 0);
    CHECK(right);
    return got;
}

/* ---- whole writes ---- */

static void big_through(int fds[2], size_t size, size_t piece)
{
    struct writer w = { .fd = fds[1], .size = size };
    hk_tid tid = hk_spawn(HK_ROOT, write_big, &w);
    size_t got = 0;
    unsigned char buf[8192];
    while (got < size) {
        ssize_t n = hk_read(fds[0], buf, piece);
        if (!CHECK(n > 0)) break;
        for (ssize_t i = 0; i < n; i++)
            if (buf[i] != byte_at(got + (size_t)i)) test_fail("wrong byte at %zu", got);
        got += (size_t)n;
    }
    hk_task_wait(tid, NULL);
    CHECK_EQ(w.result, size);
    hk_close(fds[1]);
    CHECK_EQ(read_all(fds[0], piece), 0);
    hk_close(fds[0]);
}

TASK_TEST_SIM(write_is_whole_over_tcp)
{
    int fds[2];
    net_tcp_pair(fds);
    big_through(fds, BIG, 8192);
    return NULL;
}

TASK_TEST(write_is_whole_with_small_buffers)
{
    int fds[2];
    net_tcp_pair(fds);
    net_set_buffer(fds[0], SO_RCVBUF, 4096);
    net_set_buffer(fds[1], SO_SNDBUF, 4096);
    big_through(fds, 30000, 1000);
    return NULL;
}

TASK_TEST_SIM(write_is_whole_over_local_sockets)
{
    int fds[2];
    net_local_pair(SOCK_STREAM, fds);
    net_set_buffer(fds[1], SO_SNDBUF, 1);
    big_through(fds, BIG, 777);
    return NULL;
}

TASK_TEST_SIM(write_is_whole_through_a_pipe)
{
    int fds[2];
    net_pipe(fds);
    big_through(fds, BIG, 5000);
    return NULL;
}

/* A reader that takes a byte now and then: the writer waits, without turning in circles. */
TASK_TEST(slow_reader_costs_nothing)
{
    int fds[2];
    net_tcp_pair(fds);
    net_set_buffer(fds[0], SO_RCVBUF, 1);
    net_set_buffer(fds[1], SO_SNDBUF, 1);
    struct writer w = { .fd = fds[1], .size = 200000 };
    hk_tid tid = hk_spawn(HK_ROOT, write_big, &w);
    net_settle();
    int before = net_calls();
    for (int i = 0; i < 50; i++) {
        char byte;
        CHECK_EQ(hk_read(fds[0], &byte, 1), 1);
        CHECK_EQ((unsigned char)byte, byte_at((size_t)i));
        hk_sleep(HK_US(100));
    }
    CHECK(net_calls() - before < 200);
    CHECK(!w.done);
    hk_close(fds[0]);
    CHECK_EQ(hk_task_wait(tid, NULL), 0);
    CHECK(w.result > 0 && w.result < 200000); /* what went, then the reset */
    hk_close(fds[1]);
    return NULL;
}

static void *write_vector(void *arg)
{
    int fd = *(int *)arg;
    unsigned char *bytes = new_bytes(BIG);
    struct iovec v[40];
    size_t at = 0;
    for (int i = 0; i < 40; i++) {
        size_t n = i == 39 ? BIG - at : i % 3 == 0 ? 0 : (size_t)(i * 1237);
        v[i] = (struct iovec){ bytes + at, n };
        at += n;
    }
    CHECK_EQ(hk_writev(fd, v, 40), BIG);
    CHECK(v[1].iov_base == bytes && v[1].iov_len == 1237); /* not changed */
    hk_close(fd);
    free(bytes);
    return NULL;
}

static void vector_through(int fds[2])
{
    hk_spawn(HK_ROOT, write_vector, &fds[1]);
    CHECK_EQ(read_all(fds[0], 8192), BIG);
    hk_close(fds[0]);
}

TASK_TEST_SIM(writev_is_whole)
{
    int fds[2];
    net_tcp_pair(fds);
    vector_through(fds);
    net_local_pair(SOCK_STREAM, fds);
    vector_through(fds);
    net_pipe(fds);
    vector_through(fds);
    return NULL;
}

TASK_TEST_SIM(readv_takes_what_is_there)
{
    int fds[2];
    char a[3], b[4];
    struct iovec v[3] = { { a, 3 }, { a, 0 }, { b, 4 } };
    for (int kind = 0; kind < 3; kind++) {
        if (kind == 0) net_tcp_pair(fds);
        if (kind == 1) net_local_pair(SOCK_STREAM, fds);
        if (kind == 2) net_pipe(fds);
        CHECK_EQ(hk_write(fds[1], "abcde", 5), 5);
        CHECK_EQ(hk_readv(fds[0], v, 3), 5);
        CHECK(memcmp(a, "abc", 3) == 0 && memcmp(b, "de", 2) == 0);
        CHECK_EQ(hk_readv(fds[0], v, -1), -EINVAL);
        CHECK_EQ(hk_writev(fds[1], v, 100000), -EINVAL);
        CHECK_EQ(hk_readv(fds[0], v + 1, 1), 0);
        hk_close(fds[1]);
        CHECK_EQ(hk_readv(fds[0], v, 3), 0);
        hk_close(fds[0]);
    }
    return NULL;
}

/* ---- short reads ---- */

struct reader {
    int fd;
    char buf[64];
    ssize_t result;
};

static void *read_once(void *arg)
{
    struct reader *r = arg;
    r->result = hk_read(r->fd, r->buf, sizeof r->buf);
    return NULL;
}

/* A read that came back short need not be followed by one that finds nothing. */
static void short_reads(int fds[2], int calls_expected)
{
    struct reader r = { .fd = fds[0] };
    hk_tid tid;
    tid = hk_spawn(HK_ROOT, read_once, &r); /* waits once, so that it is watched */
    net_settle();
    CHECK_EQ(write(fds[1], "x", 1), 1);
    hk_task_wait(tid, NULL);
    int before = net_calls();
    for (int i = 0; i < 10; i++) {
        tid = hk_spawn(HK_ROOT, read_once, &r);
        net_settle();
        CHECK_EQ(write(fds[1], "hello", 5), 5);
        hk_task_wait(tid, NULL);
        CHECK_EQ(r.result, 5);
    }
    CHECK_EQ(net_calls() - before, calls_expected);
    hk_close(fds[0]);
    hk_close(fds[1]);
}

TASK_TEST(short_read_of_tcp_means_empty)
{
    int fds[2];
    net_tcp_pair(fds);
    short_reads(fds, 10);
    return NULL;
}

TASK_TEST(short_read_of_a_pipe_means_empty)
{
    int fds[2];
    net_pipe(fds);
    short_reads(fds, 10);
    return NULL;
}

TASK_TEST(short_read_of_a_local_stream_means_empty)
{
    int fds[2];
    net_local_pair(SOCK_STREAM, fds);
    short_reads(fds, 10);
    return NULL;
}

TASK_TEST(short_read_of_a_datagram_means_nothing)
{
    int fds[2];
    net_local_pair(SOCK_DGRAM, fds);
    short_reads(fds, 20);
    net_local_pair(SOCK_SEQPACKET, fds);
    short_reads(fds, 20);
    return NULL;
}

/* Two datagrams: after the first, which is short, the second is there without an event. */
TASK_TEST(datagrams_are_not_forgotten)
{
    int fds[2];
    char buf[64];
    net_local_pair(SOCK_DGRAM, fds);
    CHECK_EQ(hk_write(fds[1], "one", 3), 3);
    CHECK_EQ(hk_write(fds[1], "second", 6), 6);
    CHECK_EQ(hk_read(fds[0], buf, sizeof buf), 3);
    CHECK_EQ(hk_read(fds[0], buf, sizeof buf), 6);
    hk_close(fds[0]);
    hk_close(fds[1]);
    return NULL;
}

/* The end of the stream comes together with the last bytes: one event, two reads. */
static void end_with_data(int fds[2])
{
    struct reader r = { .fd = fds[0] };
    hk_tid tid = hk_spawn(HK_ROOT, read_once, &r);
    net_settle();
    CHECK_EQ(net_put(fds[1], "last", 4), 4);
    net_close(fds[1]);
    hk_task_wait(tid, NULL);
    CHECK_EQ(r.result, 4);
    CHECK_EQ(hk_read(fds[0], r.buf, sizeof r.buf), 0);
    CHECK_EQ(hk_read(fds[0], r.buf, sizeof r.buf), 0);
    hk_close(fds[0]);
}

TASK_TEST_SIM(end_comes_with_the_last_bytes)
{
    int fds[2];
    net_tcp_pair(fds);
    end_with_data(fds);
    net_local_pair(SOCK_STREAM, fds);
    end_with_data(fds);
    net_pipe(fds);
    end_with_data(fds);
    return NULL;
}

/* As before, but the end was there before the descriptor was ever watched. */
static void end_before_watch(int fds[2])
{
    char buf[64];
    CHECK_EQ(net_put(fds[1], "last", 4), 4);
    net_close(fds[1]);
    CHECK_EQ(hk_read(fds[0], buf, sizeof buf), 4);
    CHECK_EQ(hk_read(fds[0], buf, sizeof buf), 0);
    hk_close(fds[0]);
}

TASK_TEST_SIM(end_before_anybody_watched)
{
    int fds[2];
    net_tcp_pair(fds);
    end_before_watch(fds);
    net_local_pair(SOCK_STREAM, fds);
    end_before_watch(fds);
    net_pipe(fds);
    end_before_watch(fds);
    return NULL;
}

/* Bytes that come between a short read and the next wait are seen, many times over. */
static void *trickle(void *arg)
{
    int fd = *(int *)arg;
    for (int i = 0; i < 2000; i++) {
        CHECK_EQ(hk_write(fd, "0123456789", (size_t)(1 + i % 10)), 1 + i % 10);
        if (i % 7 == 0) hk_sched_yield();
    }
    hk_close(fd);
    return NULL;
}

static void trickle_through(int fds[2])
{
    char buf[16];
    ssize_t n, got = 0;
    hk_spawn(HK_ROOT, trickle, &fds[1]);
    while ((n = hk_read(fds[0], buf, sizeof buf)) > 0) got += n;
    CHECK_EQ(n, 0);
    CHECK_EQ(got, 11000);
    hk_close(fds[0]);
}

TASK_TEST_SIM(trickle_is_not_lost)
{
    int fds[2];
    net_tcp_pair(fds);
    trickle_through(fds);
    net_local_pair(SOCK_STREAM, fds);
    trickle_through(fds);
    net_pipe(fds);
    trickle_through(fds);
    return NULL;
}

/* A FIFO whose last writer leaves and another comes: the end is not for ever. */
TASK_TEST(fifo_with_a_second_writer)
{
    char path[64], buf[16];
    snprintf(path, sizeof path, "/tmp/hocket-fifo-%d", (int)getpid());
    if (!CHECK_EQ(mkfifo(path, 0600), 0)) return NULL;
    int fd = open(path, O_RDONLY | O_NONBLOCK), writer = open(path, O_WRONLY);
    struct reader r = { .fd = fd };
    hk_tid tid = hk_spawn(HK_ROOT, read_once, &r);
    net_settle();
    CHECK_EQ(write(writer, "a", 1), 1);
    close(writer);
    hk_task_wait(tid, NULL);
    CHECK_EQ(r.result, 1);
    CHECK_EQ(hk_read(fd, buf, sizeof buf), 0);
    writer = open(path, O_WRONLY);
    for (int i = 0; i < 3; i++) {
        tid = hk_spawn(HK_ROOT, read_once, &r);
        net_settle();
        CHECK_EQ(write(writer, "bc", 2), 2);
        hk_task_wait(tid, NULL);
        CHECK_EQ(r.result, 2);
    }
    close(writer);
    hk_close(fd);
    unlink(path);
    return NULL;
}

/* ---- flags ---- */

static void *send_slowly(void *arg)
{
    for (int i = 0; i < 10; i++) {
        CHECK_EQ(hk_send(*(int *)arg, "0123456789", 10, 0), 10);
        hk_sleep(HK_US(200));
    }
    hk_shutdown(*(int *)arg, SHUT_WR);
    return NULL;
}

TASK_TEST_SIM(waitall_waits_for_all)
{
    int fds[2];
    char buf[100];
    for (int kind = 0; kind < 2; kind++) {
        if (kind == 0)
            net_tcp_pair(fds);
        else
            net_local_pair(SOCK_STREAM, fds);
        hk_spawn(HK_ROOT, send_slowly, &fds[1]);
        CHECK_EQ(hk_recv(fds[0], buf, 73, MSG_WAITALL), 73);
        CHECK_EQ(hk_recv(fds[0], buf, 73, MSG_WAITALL), 27); /* then the end */
        CHECK_EQ(hk_recv(fds[0], buf, 73, MSG_WAITALL), 0);
        hk_close(fds[0]);
        hk_close(fds[1]);
    }
    return NULL;
}

TASK_TEST(waitall_of_a_datagram_is_one)
{
    int fds[2];
    char buf[100];
    net_local_pair(SOCK_DGRAM, fds);
    CHECK_EQ(hk_send(fds[1], "abc", 3, 0), 3);
    CHECK_EQ(hk_recv(fds[0], buf, sizeof buf, MSG_WAITALL), 3);
    hk_close(fds[0]);
    hk_close(fds[1]);
    return NULL;
}

TASK_TEST_SIM(peek_proves_nothing)
{
    int fds[2];
    char buf[100];
    net_tcp_pair(fds);
    CHECK_EQ(hk_send(fds[1], "abc", 3, 0), 3);
    for (int i = 0; i < 3; i++) CHECK_EQ(hk_recv(fds[0], buf, sizeof buf, MSG_PEEK), 3);
    CHECK_EQ(hk_recv(fds[0], buf, sizeof buf, 0), 3);
    hk_close(fds[0]);
    hk_close(fds[1]);
    return NULL;
}

TASK_TEST_SIM(dontwait_does_not_wait)
{
    int fds[2];
    char buf[100];
    static char big[1 << 20];
    net_tcp_pair(fds);
    CHECK_EQ(hk_recv(fds[0], buf, sizeof buf, MSG_DONTWAIT), -EAGAIN);
    CHECK_EQ(hk_send(fds[1], "abc", 3, 0), 3);
    net_settle();
    CHECK_EQ(hk_recv(fds[0], buf, sizeof buf, MSG_DONTWAIT), 3);
    CHECK_EQ(hk_recv(fds[0], buf, sizeof buf, MSG_DONTWAIT), -EAGAIN);
    net_set_buffer(fds[1], SO_SNDBUF, 4096);
    ssize_t n, sent = 0;
    while ((n = hk_send(fds[1], big, sizeof big, MSG_DONTWAIT)) > 0) sent += n;
    CHECK_EQ(n, -EAGAIN);
    CHECK(sent > 0);
    hk_close(fds[0]);
    hk_close(fds[1]);
    return NULL;
}

/* Urgent data ends a read early, with more behind it. */
TASK_TEST(urgent_data_does_not_hide_what_follows)
{
    int fds[2];
    char buf[100];
    net_tcp_pair(fds);
    struct reader r = { .fd = fds[0] };
    hk_tid tid = hk_spawn(HK_ROOT, read_once, &r);
    net_settle();
    CHECK_EQ(send(fds[1], "ab", 2, 0), 2);
    CHECK_EQ(send(fds[1], "!", 1, MSG_OOB), 1);
    CHECK_EQ(send(fds[1], "cd", 2, 0), 2);
    hk_task_wait(tid, NULL);
    CHECK_EQ(r.result, 2);
    CHECK_EQ(hk_recv(fds[0], buf, 1, MSG_OOB), 1);
    CHECK_EQ(buf[0], '!');
    CHECK_EQ(hk_read(fds[0], buf, sizeof buf), 2);
    CHECK(memcmp(buf, "cd", 2) == 0);
    hk_close(fds[0]);
    hk_close(fds[1]);
    return NULL;
}

TASK_TEST(nothing_is_read_and_written_at_once)
{
    int fds[2];
    net_tcp_pair(fds);
    CHECK_EQ(hk_read(fds[0], NULL, 0), 0);
    CHECK_EQ(hk_write(fds[0], NULL, 0), 0);
    hk_close(fds[0]);
    hk_close(fds[1]);
    CHECK_EQ(hk_read(fds[0], NULL, 0), -EBADF);
    net_local_pair(SOCK_DGRAM, fds);
    char buf[8];
    CHECK_EQ(hk_write(fds[1], "x", 1), 1);
    CHECK_EQ(hk_read(fds[0], NULL, 0), 0); /* does not eat the datagram */
    CHECK_EQ(hk_read(fds[0], buf, 8), 1);
    hk_close(fds[0]);
    hk_close(fds[1]);
    return NULL;
}

/* ---- the other side ---- */

TASK_TEST(reset_by_the_peer)
{
    int fds[2];
    net_tcp_pair(fds);
    struct reader r = { .fd = fds[0] };
    struct linger now = { .l_onoff = 1 };
    setsockopt(fds[1], SOL_SOCKET, SO_LINGER, &now, sizeof now);
    hk_tid tid = hk_spawn(HK_ROOT, read_once, &r);
    net_settle();
    hk_close(fds[1]);
    hk_task_wait(tid, NULL);
    CHECK_EQ(r.result, -ECONNRESET);
    CHECK_EQ(hk_write(fds[0], "x", 1), -EPIPE);
    hk_close(fds[0]);
    return NULL;
}

TASK_TEST_SIM(peer_vanishes_under_a_writer)
{
    int fds[2];
    for (int kind = 0; kind < 3; kind++) {
        if (kind == 0) net_tcp_pair(fds);
        if (kind == 1) net_local_pair(SOCK_STREAM, fds);
        if (kind == 2) net_pipe(fds);
        struct writer w = { .fd = fds[1], .size = BIG * 2 };
        hk_tid tid = hk_spawn(HK_ROOT, write_big, &w);
        net_settle();
        CHECK(!w.done);
        net_close(fds[0]);
        hk_task_wait(tid, NULL);
        CHECK(w.result > 0 && w.result < BIG * 2); /* the count so far */
        ssize_t n = hk_write(fds[1], "x", 1);
        CHECK(n == -EPIPE || (kind == 0 && n == -ECONNRESET)); /* and no SIGPIPE */
        hk_close(fds[1]);
    }
    return NULL;
}

/* ---- local sockets that carry descriptors ---- */

static void send_fd(int fd, const char *text, int passed)
{
    union {
        char space[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = { { 0 } };
    struct iovec one = { (void *)(uintptr_t)text, strlen(text) };
    struct msghdr message = { .msg_iov = &one, .msg_iovlen = 1 };
    message.msg_control = control.space;
    message.msg_controllen = sizeof control.space;
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &passed, sizeof passed);
    CHECK_EQ(hk_sendmsg(fd, &message, 0), (ssize_t)strlen(text));
}

/* The border of a message with descriptors ends a read early. The rest must not be forgotten, be
 * the descriptors taken or dropped. */
TASK_TEST(borders_of_passed_descriptors)
{
    int fds[2], passed;
    char buf[64], space[64];
    net_local_pair(SOCK_STREAM, fds);
    struct reader r = { .fd = fds[0] };
    hk_tid tid = hk_spawn(HK_ROOT, read_once, &r); /* so that it is watched */
    net_settle();
    CHECK_EQ(write(fds[1], "x", 1), 1);
    hk_task_wait(tid, NULL);
    for (int how = 0; how < 3; how++) {
        send_fd(fds[1], "abc", STDIN_FILENO);
        CHECK_EQ(hk_send(fds[1], "defg", 4, 0), 4);
        send_fd(fds[1], "hi", STDIN_FILENO);
        net_settle();
        size_t got = 0;
        while (got < 9) {
            struct iovec one = { buf, sizeof buf };
            struct msghdr m = { .msg_iov = &one, .msg_iovlen = 1 };
            m.msg_control = space;
            m.msg_controllen = sizeof space;
            ssize_t n = how == 0   ? hk_read(fds[0], buf, sizeof buf)
                        : how == 1 ? hk_recv(fds[0], buf, sizeof buf, 0)
                                   : hk_recvmsg(fds[0], &m, 0);
            if (!CHECK(n > 0)) return NULL;
            got += (size_t)n;
            struct cmsghdr *c = how == 2 ? CMSG_FIRSTHDR(&m) : NULL;
            if (c != NULL) {
                memcpy(&passed, CMSG_DATA(c), sizeof passed);
                CHECK_EQ(hk_close(passed), 0);
            }
        }
        CHECK_EQ(got, 9);
    }
    hk_close(fds[0]);
    hk_close(fds[1]);
    return NULL;
}

/* The descriptor goes once, with the first byte, however often the message is continued. */
static void *send_big_message(void *arg)
{
    static char big[BIG];
    struct iovec v[2] = { { big, 1000 }, { big, BIG - 1000 } };
    union {
        char space[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = { { 0 } };
    struct msghdr message = { .msg_iov = v, .msg_iovlen = 2, .msg_control = control.space };
    message.msg_controllen = sizeof control.space;
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memset(CMSG_DATA(c), 0, sizeof(int));
    CHECK_EQ(hk_sendmsg(*(int *)arg, &message, 0), BIG);
    hk_close(*(int *)arg);
    return NULL;
}

TASK_TEST(sendmsg_is_whole_and_passes_once)
{
    int fds[2], passed = 0;
    char buf[8192], space[64];
    size_t got = 0;
    ssize_t n;
    net_local_pair(SOCK_STREAM, fds);
    hk_spawn(HK_ROOT, send_big_message, &fds[1]);
    do {
        struct iovec one = { buf, sizeof buf };
        struct msghdr m = { .msg_iov = &one, .msg_iovlen = 1, .msg_control = space };
        m.msg_controllen = sizeof space;
        n = hk_recvmsg(fds[0], &m, 0);
        got += n > 0 ? (size_t)n : 0;
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        if (n > 0 && c != NULL) {
            int fd;
            memcpy(&fd, CMSG_DATA(c), sizeof fd);
            hk_close(fd);
            passed++;
        }
    } while (n > 0);
    CHECK_EQ(n, 0);
    CHECK_EQ(got, BIG);
    CHECK_EQ(passed, 1);
    hk_close(fds[0]);
    return NULL;
}
