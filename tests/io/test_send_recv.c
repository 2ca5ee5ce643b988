/* SPDX-License-Identifier: MIT */
/* hk_send_recv: what it says, by which a program cannot tell it from hk_send and hk_recv. */
#include "support/asker.h"
#include "support/faults.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- question and answer ---- */

enum { ROUNDS = 100 };

/* In and out are the same memory. */
static void *echo(void *arg)
{
    const int fd = (int)hk_num(arg);
    char buf[100];
    ssize_t n = hk_recv(fd, buf, sizeof buf, 0);
    while (n > 0) {
        size_t sent = 0;
        const ssize_t was = n;
        n = hk_send_recv(fd, buf, (size_t)n, buf, sizeof buf, &sent);
        CHECK_EQ(sent, was);
    }
    CHECK_EQ(n, 0);
    CHECK_EQ(hk_close(fd), 0);
    return NULL;
}

static void ping_pong(const int fds[2])
{
    const hk_tid tid = hk_spawn(HK_ROOT, echo, hk_val(fds[1]));
    for (int i = 0; i < ROUNDS; i++) {
        char out[32], in[32] = "";
        const int size = snprintf(out, sizeof out, "%*d", 1 + i % 20, i);
        CHECK_EQ(hk_send_recv(fds[0], out, (size_t)size, in, sizeof in, NULL), size);
        CHECK_STR(in, out);
    }
    CHECK_EQ(hk_close(fds[0]), 0);
    hk_task_wait(tid, NULL);
}

ALL_WAYS_SIM(ping_pong_over_tcp)
{
    int fds[2];
    net_tcp_pair(fds);
    ping_pong(fds);
    return NULL;
}

ALL_WAYS_SIM(ping_pong_over_local_streams)
{
    int fds[2];
    net_local_pair(SOCK_STREAM, fds);
    ping_pong(fds);
    return NULL;
}

ALL_WAYS_SIM(an_answer_that_is_there_already)
{
    int fds[2];
    char in[8];
    size_t sent = 77;
    asker_local(fds);
    CHECK_EQ(net_put(fds[1], "answer", 6), 6);
    CHECK_EQ(hk_send_recv(fds[0], "question", 8, in, sizeof in, &sent), 6);
    CHECK_EQ(sent, 8);
    CHECK(memcmp(in, "answer", 6) == 0);
    CHECK(asker_peer_gets(fds[1], "question"));
    /* And one that is longer than there is room for. */
    CHECK_EQ(net_put(fds[1], "abcdefghij", 10), 10);
    CHECK_EQ(hk_send_recv(fds[0], "q", 1, in, sizeof in, NULL), 8);
    CHECK_EQ(hk_send_recv(fds[0], "r", 1, in, sizeof in, NULL), 2);
    CHECK(memcmp(in, "ij", 2) == 0);
    CHECK(asker_peer_gets(fds[1], "qr"));
    asker_close(fds);
    return NULL;
}

/* As sockets are that Hocket has made: with O_NONBLOCK. */
ALL_WAYS_SIM(sockets_that_do_not_block)
{
    int fds[2];
    hk_addr address;
    struct asker a;
    const int listener = hk_net_listen("tcp:127.0.0.1:0", 4);
    CHECK_EQ(hk_net_local(listener, &address), 0);
    fds[0] = hk_net_connect(&address);
    fds[1] = hk_accept(listener, NULL, NULL);
    CHECK_EQ(hk_close(listener), 0);
    asker_learn(fds[0], fds[1]);
    for (int i = 0; i < 3; i++) {
        asker_start(&a, fds[0], "question", 8);
        CHECK_EQ(asker_is_handed_in(fds[0]), asker_receives_by_request());
        CHECK(asker_peer_gets(fds[1], "question"));
        CHECK_EQ(net_put(fds[1], "answer", 6), 6);
        asker_wait(&a);
        CHECK_EQ(a.result, 6);
    }
    ping_pong(fds);
    return NULL;
}

/* A size of which the low half is nothing. */
TASK_TEST(room_for_more_than_a_request_counts)
{
    int fds[2];
    char in[64];
    if (!asker_together()) return NULL;
    asker_local(fds);
    CHECK_EQ(net_put(fds[1], "answer", 6), 6);
    CHECK_EQ(hk_send_recv(fds[0], "q", 1, in, (size_t)1 << 32, NULL), 6);
    asker_close(fds);
    return NULL;
}

TEST(nobody_to_serve_it)
{
    char c;
    size_t sent = 77;
    CHECK_EQ(hk_send_recv(0, "q", 1, &c, 1, &sent), -ENOSYS);
    CHECK_EQ(sent, 0);
}

ALL_WAYS_SIM(it_waits_for_the_answer)
{
    int fds[2];
    struct asker a;
    asker_tcp(fds);
    asker_start(&a, fds[0], "question", 8);
    CHECK(!a.done);
    CHECK_EQ(asker_is_handed_in(fds[0]), asker_receives_by_request());
    CHECK(asker_peer_gets(fds[1], "question"));
    CHECK_EQ(net_put(fds[1], "42", 2), 2);
    asker_wait(&a);
    CHECK_EQ(a.result, 2);
    CHECK_EQ(a.sent, 8);
    CHECK(memcmp(a.in, "42", 2) == 0);
    CHECK(!asker_is_handed_in(fds[0]));
    asker_close(fds);
    return NULL;
}

ALL_WAYS_SIM(nothing_to_be_sent)
{
    int fds[2];
    struct asker a;
    asker_local(fds);
    asker_start(&a, fds[0], NULL, 0);
    CHECK(!a.done);
    CHECK_EQ(net_put(fds[1], "abc", 3), 3);
    asker_wait(&a);
    CHECK_EQ(a.result, 3);
    CHECK_EQ(a.sent, 0);
    CHECK(asker_peer_gets(fds[1], ""));
    asker_close(fds);
    return NULL;
}

/* As hk_recv: it says that something is there, and leaves it. */
ALL_WAYS(nowhere_to_receive_to)
{
    int fds[2];
    char in[8];
    size_t sent;
    asker_local(fds);
    CHECK_EQ(net_put(fds[1], "abc", 3), 3);
    CHECK_EQ(hk_recv(fds[0], in, 0, 0), 0);
    CHECK_EQ(hk_send_recv(fds[0], "x", 1, in, 0, &sent), 0);
    CHECK_EQ(sent, 1);
    CHECK_EQ(hk_recv(fds[0], in, sizeof in, 0), 3);
    CHECK(asker_peer_gets(fds[1], "x"));
    asker_close(fds);
    return NULL;
}

ALL_WAYS(datagrams_stay_whole)
{
    int fds[2];
    char in[8];
    net_local_pair(SOCK_DGRAM, fds);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(net_put(fds[1], "one", 3), 3);
        CHECK_EQ(net_put(fds[1], "eleven", 6), 6);
        CHECK_EQ(hk_send_recv(fds[0], "abc", 3, in, sizeof in, NULL), 3);
        CHECK_EQ(hk_send_recv(fds[0], "de", 2, in, 4, NULL), 4);
        CHECK(memcmp(in, "elev", 4) == 0);
        CHECK_EQ(net_take(fds[1], in, sizeof in), 3);
        CHECK_EQ(net_take(fds[1], in, sizeof in), 2);
        CHECK_EQ(net_take(fds[1], in, sizeof in), -EAGAIN);
    }
    struct asker a;
    asker_start(&a, fds[0], "?", 1);
    CHECK(!a.done);
    CHECK_EQ(send(fds[1], "", 0, 0), 0); /* an empty one is one */
    asker_wait(&a);
    CHECK_EQ(a.result, 0);
    asker_close(fds);
    return NULL;
}

/* ---- what goes wrong ---- */

static ssize_t try_on(int fd)
{
    char c = 'x';
    size_t sent = 77;
    const ssize_t n = hk_send_recv(fd, &c, 1, &c, 1, &sent);
    CHECK_EQ(sent, 0);
    return n;
}

ALL_WAYS(only_sockets)
{
    int fds[2];
    char c = 'x', name[] = "/tmp/hocket-XXXXXX";
    net_pipe(fds);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(try_on(fds[1]), -ENOTSOCK);
        CHECK_EQ(try_on(fds[0]), -ENOTSOCK);
        CHECK_EQ(hk_send_recv(fds[0], NULL, 0, &c, 1, NULL), -ENOTSOCK);
        CHECK_EQ(hk_write(fds[1], "x", 1), 1); /* by now it is known what they are */
        CHECK_EQ(hk_read(fds[0], &c, 1), 1);
    }
    asker_close(fds);
    const int file = mkstemp(name);
    unlink(name);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(try_on(file), -ENOTSOCK);
        CHECK_EQ(hk_send_recv(file, NULL, 0, &c, 1, NULL), -ENOTSOCK);
        CHECK_EQ(hk_write(file, "x", 1), 1);
    }
    CHECK_EQ(hk_close(file), 0);
    CHECK_EQ(try_on(file), -EBADF);
    CHECK_EQ(try_on(-1), -EBADF);
    CHECK_EQ(try_on(1000000), -EBADF);
    return NULL;
}

static void end_of(void (*make)(int ret_fds[2]))
{
    int fds[2];
    struct asker a;
    make(fds);
    asker_start(&a, fds[0], "question", 8);
    CHECK(!a.done);
    CHECK(asker_peer_gets(fds[1], "question"));
    net_close(fds[1]);
    asker_wait(&a);
    CHECK_EQ(a.result, 0);
    CHECK_EQ(a.sent, 8);
    CHECK_EQ(hk_close(fds[0]), 0);
}

ALL_WAYS_SIM(the_end_of_a_tcp_stream)
{
    end_of(asker_tcp);
    return NULL;
}

ALL_WAYS_SIM(the_end_of_a_local_stream)
{
    end_of(asker_local);
    return NULL;
}

ALL_WAYS(a_peer_that_only_listens)
{
    int fds[2];
    char in[8];
    size_t sent;
    asker_tcp(fds);
    CHECK_EQ(net_put(fds[1], "last", 4), 4);
    CHECK_EQ(shutdown(fds[1], SHUT_WR), 0);
    net_settle();
    CHECK_EQ(hk_send_recv(fds[0], "a", 1, in, sizeof in, NULL), 4);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(hk_send_recv(fds[0], "b", 1, in, sizeof in, &sent), 0);
        CHECK_EQ(sent, 1);
    }
    CHECK(asker_peer_gets(fds[1], "abbb"));
    asker_close(fds);
    return NULL;
}

static void reset(int fd)
{
    const struct linger none = { .l_onoff = 1 };
    CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none), 0);
    net_close(fd);
}

ALL_WAYS(a_reset_while_it_waits)
{
    int fds[2];
    struct asker a;
    asker_tcp(fds);
    asker_start(&a, fds[0], "question", 8);
    CHECK(!a.done);
    reset(fds[1]);
    asker_wait(&a);
    CHECK_EQ(a.result, -ECONNRESET);
    CHECK_EQ(a.sent, 8);
    CHECK_EQ(hk_close(fds[0]), 0);
    return NULL;
}

ALL_WAYS(a_reset_before)
{
    int fds[2];
    struct asker a;
    asker_tcp(fds);
    reset(fds[1]);
    net_settle();
    asker_start(&a, fds[0], "question", 8);
    asker_wait(&a);
    CHECK_EQ(a.result, -ECONNRESET);
    CHECK_EQ(a.sent, 0);
    CHECK_EQ(hk_close(fds[0]), 0);
    return NULL;
}

ALL_WAYS(the_peer_has_closed_before)
{
    int fds[2];
    struct asker a;
    asker_local(fds);
    net_close(fds[1]);
    asker_start(&a, fds[0], "question", 8);
    asker_wait(&a);
    CHECK_EQ(a.result, -EPIPE);
    CHECK_EQ(a.sent, 0);
    CHECK_EQ(hk_close(fds[0]), 0);
    return NULL;
}

ALL_WAYS(one_that_may_not_send_any_more)
{
    int fds[2];
    struct asker a;
    asker_tcp(fds);
    CHECK_EQ(shutdown(fds[0], SHUT_WR), 0);
    CHECK_EQ(net_put(fds[1], "x", 1), 1);
    asker_start(&a, fds[0], "question", 8);
    asker_wait(&a);
    CHECK_EQ(a.result, -EPIPE);
    CHECK_EQ(a.sent, 0);
    CHECK_EQ(hk_recv(fds[0], a.in, 8, 0), 1); /* it was not lost */
    asker_close(fds);
    return NULL;
}
