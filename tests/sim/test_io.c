/* SPDX-License-Identifier: MIT */
/* Pipes and sockets of the simulated world, through the calls that programs make. */
#include "support/sim.h"

#include <hocket/file.h>
#include <hocket/io.h>
#include <hocket/net.h>
#include <hocket/offload.h>
#include <hocket/signal.h>

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

/* ---- pipes ---- */

static int ends[2];

static void *writes_much(void *arg)
{
    static char bytes[200000];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (char)(i * 7 + i / 256);
    CHECK_EQ(hk_write(ends[1], bytes, sizeof bytes), sizeof bytes);
    CHECK_EQ(hk_close(ends[1]), 0);
    return NULL;
}

SIM_TEST(a_pipe_brings_all_in_order)
{
    size_t done = 0;
    char buf[1000];
    ssize_t n;
    CHECK_EQ(hk_pipe(ends), 0);
    CHECK_EQ(ends[0], 3);
    CHECK_EQ(ends[1], 4);
    hk_spawn(HK_ROOT, writes_much, NULL);
    while ((n = hk_read(ends[0], buf, sizeof buf)) > 0) {
        for (ssize_t i = 0; i < n; i++, done++)
            if (buf[i] != (char)(done * 7 + done / 256)) return (void)CHECK(false);
    }
    CHECK_EQ(n, 0);
    CHECK_EQ(done, 200000);
    CHECK_EQ(hk_read(ends[0], buf, sizeof buf), 0);
    CHECK_EQ(hk_close(ends[0]), 0);
    CHECK_EQ(hk_read(ends[0], buf, sizeof buf), -EBADF);
}

static void *closes_reader(void *arg)
{
    hk_sleep(HK_SEC(1));
    hk_close(ends[0]);
    return NULL;
}

SIM_TEST(a_pipe_that_nobody_reads)
{
    static char bytes[100000];
    CHECK_EQ(hk_pipe(ends), 0);
    hk_spawn(HK_ROOT, closes_reader, NULL);
    CHECK_EQ(hk_write(ends[1], bytes, sizeof bytes), 65536);
    CHECK_EQ(hk_write(ends[1], bytes, 1), -EPIPE);
    CHECK_EQ(hk_close(ends[1]), 0);
    CHECK_EQ(hk_pipe(ends), 0);
    CHECK_EQ(ends[0], 3); /* the lowest number is free again */
}

static void *reads_for_ever(void *arg)
{
    char c;
    int fds[2];
    hk_pipe(fds);
    return hk_val(hk_read(fds[0], &c, 1));
}

TEST(a_reader_whom_nobody_writes_is_a_deadlock)
{
    hk_sim_result result;
    CHECK_EQ(hk_sim_run(reads_for_ever, NULL, NULL, &result), -EDEADLK);
    CHECK_STR(result.report, "deadlock, 1 task: 1 'main' waits for read fd 3");
}

static void pipe_anywhere(void)
{
    char buf[8];
    CHECK_EQ(hk_pipe(ends), 0);
    CHECK_EQ(hk_write(ends[1], "ping", 4), 4);
    CHECK_EQ(hk_read(ends[0], buf, sizeof buf), 4);
    CHECK_EQ(hk_close(ends[1]), 0);
    CHECK_EQ(hk_read(ends[0], buf, sizeof buf), 0);
    CHECK_EQ(hk_close(ends[0]), 0);
}

static void *in_a_task(void *arg)
{
    pipe_anywhere();
    return NULL;
}

TEST(a_pipe_of_the_kernel) { CHECK_EQ(hk_run(in_a_task, NULL, NULL), 0); }
SIM_TEST(a_pipe_of_the_simulation) { pipe_anywhere(); }

static void *empties(void *arg)
{
    static char buf[65536];
    hk_sleep(1); /* the writer waits */
    CHECK_EQ(hk_read((int)hk_num(arg), buf, sizeof buf), sizeof buf);
    return NULL;
}

SIM_TEST(a_pipe_that_was_filled_to_the_last_byte_has_room_again)
{
    static char all[65536];
    CHECK_EQ(hk_pipe(ends), 0);
    CHECK_EQ(hk_write(ends[1], all, sizeof all), sizeof all);
    hk_tid tid = hk_spawn(HK_ROOT, empties, hk_val(ends[0]));
    CHECK_EQ(hk_write(ends[1], "x", 1), 1);
    hk_task_wait(tid, NULL);
    hk_close(ends[0]);
    hk_close(ends[1]);
}

/* ---- connections ---- */

static int echo(int fd, void *arg)
{
    char buf[512];
    ssize_t n;
    while ((n = hk_read(fd, buf, sizeof buf)) > 0)
        if (hk_write(fd, buf, (size_t)n) < n) return -EIO;
    return (int)n;
}

static void *serves(void *arg)
{
    int r = hk_serve((int)hk_num(arg), echo, NULL);
    CHECK(r == 0 || r == -ECANCELED);
    return NULL;
}

static void *asks(void *arg)
{
    const char *address = arg;
    HK_FD(fd, hk_net_dial(address));
    if (!CHECK(fd >= 0)) return NULL;
    for (int i = 0; i < 10; i++) {
        char out[32], in[32];
        size_t size = (size_t)snprintf(out, sizeof out, "message %d", i);
        CHECK_EQ(hk_send(fd, out, size, 0), size);
        CHECK_EQ(hk_recv(fd, in, size, MSG_WAITALL), size);
        CHECK(memcmp(in, out, size) == 0);
    }
    return NULL;
}

static void echo_at(const char *listen, char *dial)
{
    hk_tid clients[10];
    int listener = hk_net_listen(listen, 5);
    if (!CHECK(listener >= 0)) return;
    hk_tid server = hk_spawn(HK_ROOT, serves, hk_val(listener));
    for (int i = 0; i < 10; i++) clients[i] = hk_spawn(HK_ROOT, asks, dial);
    for (int i = 0; i < 10; i++) hk_task_wait(clients[i], NULL);
    CHECK_EQ(hk_close(listener), 0);
    hk_task_wait(server, NULL);
}

SIM_TEST(an_echo_over_tcp) { echo_at("tcp:127.0.0.1:7777", "tcp:localhost:7777"); }
SIM_TEST(an_echo_over_both_families) { echo_at("tcp:*:7777", "tcp:[::1]:7777"); }
SIM_TEST(an_echo_over_a_local_socket) { echo_at("unix:/run/echo", "unix:/run/echo"); }

/* Two round trips: to be connected, and for the answer. */
SIM_TEST(the_way_takes_its_time)
{
    const int64_t latency = HK_US(50), begin = hk_now();
    char c = 'x';
    int listener = hk_net_listen("tcp:127.0.0.1:0", 5);
    hk_tid server = hk_spawn(HK_ROOT, serves, hk_val(listener));
    hk_addr at;
    CHECK_EQ(hk_net_local(listener, &at), 0);
    int fd = hk_net_connect(&at);
    CHECK_EQ(hk_now() - begin, 2 * latency);
    CHECK_EQ(hk_write(fd, &c, 1), 1);
    CHECK_EQ(hk_read(fd, &c, 1), 1);
    CHECK_EQ(hk_now() - begin, 4 * latency);
    hk_close(fd);
    hk_close(listener);
    hk_task_wait(server, NULL);
}

SIM_TEST(what_cannot_be_reached)
{
    hk_addr list[4];
    CHECK_EQ(hk_net_dial("tcp:127.0.0.1:1"), -ECONNREFUSED);
    CHECK_EQ(hk_net_dial("tcp:[::1]:1"), -ECONNREFUSED);
    CHECK_EQ(hk_net_dial("tcp:192.0.2.1:1"), -ENETUNREACH);
    CHECK_EQ(hk_net_dial("unix:/nowhere"), -ENOENT);
    CHECK_EQ(hk_net_dial("tcp:no.such.host:1"), -ENOENT);
    CHECK_EQ(hk_net_resolve("tcp:localhost:80", list, 4), 2);
    CHECK_EQ(hk_net_listen("tcp:192.0.2.1:1", 5), -EADDRNOTAVAIL);
    int a = hk_net_listen("tcp:127.0.0.1:80", 5);
    CHECK_EQ(hk_net_listen("tcp:127.0.0.1:80", 5), -EADDRINUSE);
    CHECK_EQ(hk_net_listen("tcp:*:80", 5), -EADDRINUSE);
    CHECK_EQ(hk_close(a), 0);
    a = hk_net_listen("tcp:127.0.0.1:80", 5);
    CHECK(a >= 0);
    hk_close(a);
}

/* A connection: [0] dialled, [1] accepted. */
static void connect_pair(int fds[2])
{
    hk_addr at;
    int listener = hk_net_listen("tcp:127.0.0.1:0", 5);
    hk_net_local(listener, &at);
    fds[0] = hk_net_connect(&at);
    fds[1] = hk_accept(listener, NULL, NULL);
    CHECK(fds[0] >= 0 && fds[1] >= 0);
    hk_close(listener);
}

SIM_TEST(half_of_it_is_closed)
{
    int fds[2];
    char buf[8];
    connect_pair(fds);
    CHECK_EQ(hk_write(fds[0], "last", 4), 4);
    CHECK_EQ(hk_shutdown(fds[0], SHUT_WR), 0);
    CHECK_EQ(hk_write(fds[0], "x", 1), -EPIPE);
    CHECK_EQ(hk_recv(fds[1], buf, sizeof buf, MSG_WAITALL), 4);
    CHECK_EQ(hk_read(fds[1], buf, sizeof buf), 0);
    CHECK_EQ(hk_write(fds[1], "answer", 6), 6);
    CHECK_EQ(hk_recv(fds[0], buf, 6, MSG_WAITALL), 6);
    hk_close(fds[0]);
    hk_close(fds[1]);
}

SIM_TEST(who_leaves_bytes_unread_resets)
{
    int fds[2];
    char buf[8];
    connect_pair(fds);
    CHECK_EQ(hk_write(fds[0], "unread", 6), 6);
    hk_sleep(HK_MS(1));
    CHECK_EQ(hk_close(fds[1]), 0);
    CHECK_EQ(hk_read(fds[0], buf, sizeof buf), -ECONNRESET);
    CHECK_EQ(hk_read(fds[0], buf, sizeof buf), 0);
    CHECK_EQ(hk_write(fds[0], "x", 1), -EPIPE);
    hk_close(fds[0]);
}

SIM_TEST(what_comes_too_late_resets)
{
    int fds[2];
    char buf[8];
    connect_pair(fds);
    CHECK_EQ(hk_close(fds[1]), 0);
    CHECK_EQ(hk_read(fds[0], buf, sizeof buf), 0);
    CHECK_EQ(hk_write(fds[0], "x", 1), 1);
    hk_sleep(HK_MS(1));
    CHECK_EQ(hk_write(fds[0], "x", 1), -ECONNRESET);
    CHECK_EQ(hk_write(fds[0], "x", 1), -EPIPE);
    hk_close(fds[0]);
}

SIM_TEST(a_full_queue_is_asked_again)
{
    const int64_t begin = hk_now();
    int listener = hk_net_listen("tcp:127.0.0.1:80", 0), first = hk_net_dial("tcp:127.0.0.1:80");
    CHECK(first >= 0);
    CHECK_EQ(hk_net_dial("tcp:127.0.0.1:80"), -ETIMEDOUT);
    CHECK(hk_now() - begin > HK_SEC(5));
    CHECK_EQ(hk_close(listener), 0);
    char c;
    CHECK_EQ(hk_read(first, &c, 1), -ECONNRESET);
    hk_close(first);
}

SIM_TEST(an_accept_makes_room)
{
    int listener = hk_net_listen("tcp:127.0.0.1:80", 0);
    const int64_t begin = hk_now();
    for (int i = 0; i < 5; i++) {
        int fd = hk_net_dial("tcp:127.0.0.1:80"), other = hk_accept(listener, NULL, NULL);
        CHECK(fd >= 0 && other >= 0);
        hk_close(fd);
        hk_close(other);
    }
    CHECK(hk_now() - begin < HK_MS(1)); /* nobody had to ask again */
    hk_close(listener);
}

/* ---- datagrams ---- */

SIM_TEST(datagrams)
{
    int a = hk_net_bind("udp:127.0.0.1:53"), b = hk_net_bind("udp:127.0.0.1:0");
    struct sockaddr_storage from;
    socklen_t size = sizeof from;
    hk_addr at;
    char buf[64];
    CHECK_EQ(hk_net_local(a, &at), 0);
    CHECK_EQ(hk_sendto(b, "question", 8, 0, (struct sockaddr *)&at.sa, at.len), 8);
    CHECK_EQ(hk_sendto(b, "", 0, 0, (struct sockaddr *)&at.sa, at.len), 0);
    CHECK_EQ(hk_recvfrom(a, buf, 4, 0, (struct sockaddr *)&from, &size), 4);
    CHECK_EQ(hk_recv(a, buf, sizeof buf, 0), 0);
    CHECK_EQ(hk_sendto(a, "answer", 6, 0, (struct sockaddr *)&from, size), 6);
    CHECK_EQ(hk_recv(b, buf, sizeof buf, 0), 6);
    CHECK(memcmp(buf, "answer", 6) == 0);
    hk_close(a);
    CHECK_EQ(hk_sendto(b, "lost", 4, 0, (struct sockaddr *)&at.sa, at.len), 4);
    hk_close(b);
    int c = hk_net_bind("unixgram:/run/c"), d = hk_net_dial("unixgram:/run/c");
    CHECK_EQ(hk_send(d, "local", 5, 0), 5);
    CHECK_EQ(hk_recv(c, buf, sizeof buf, 0), 5);
    hk_close(c);
    CHECK_EQ(hk_send(d, "local", 5, 0), -ECONNREFUSED);
    hk_close(d);
}

enum { LETTERS = 300 };

struct letters {
    int fd, sent, last;
};

static void *sends_letters(void *arg)
{
    struct letters *l = arg;
    char letter[1000] = "";
    for (l->sent = 0; l->sent < LETTERS; l->sent++) {
        memcpy(letter, &l->sent, sizeof l->sent);
        l->last = (int)hk_send(l->fd, letter, sizeof letter, 0);
        if (l->last < 0) return NULL;
        CHECK_EQ(l->last, sizeof letter);
    }
    return NULL;
}

static void read_letters(int fd, int first, int last)
{
    char letter[1000];
    for (int i = first, number; i < last; i++) {
        CHECK_EQ(hk_recv(fd, letter, sizeof letter, 0), sizeof letter);
        memcpy(&number, letter, sizeof number);
        CHECK_EQ(number, i);
    }
}

/* Who is connected waits for it; who names the address each time has nothing to wait on. */
SIM_TEST(a_local_datagram_waits_for_room)
{
    hk_addr at;
    int receiver = hk_net_bind("unixgram:/run/r"), stranger = hk_net_bind("unixgram:/run/s");
    struct letters one = { .fd = hk_net_dial("unixgram:/run/r") },
                   two = { .fd = hk_net_dial("unixgram:/run/r") };
    hk_tid tid = hk_spawn(HK_ROOT, sends_letters, &one);
    hk_sleep(1);
    CHECK(one.sent > 0 && one.sent < LETTERS);
    CHECK_EQ(hk_send(one.fd, "x", 1, MSG_DONTWAIT), -EBUSY); /* one at a time */
    CHECK_EQ(hk_net_local(receiver, &at), 0);
    char letter[1000] = "";
    CHECK_EQ(hk_sendto(stranger, letter, 1000, 0, (struct sockaddr *)&at.sa, at.len), -ENOBUFS);
    CHECK_EQ(hk_send(two.fd, letter, 1000, MSG_DONTWAIT), -EAGAIN);
    read_letters(receiver, 0, LETTERS);
    hk_task_wait(tid, NULL);
    CHECK_EQ(one.sent, LETTERS);
    /* The receiver goes. */
    tid = hk_spawn(HK_ROOT, sends_letters, &two);
    hk_sleep(1);
    CHECK(two.sent > 0 && two.sent < LETTERS);
    hk_close(receiver);
    hk_task_wait(tid, NULL);
    CHECK_EQ(two.last, -ECONNREFUSED);
    hk_close(one.fd);
    hk_close(two.fd);
    hk_close(stranger);
}

/* ---- what there is not ---- */

SIM_TEST(what_the_simulation_has_not)
{
    HK_SIGNALS(signals, SIGTERM);
    CHECK_EQ(hk_signals_wait(&signals), -ENOSYS);
    CHECK_EQ(hk_open("/etc/passwd", 0, 0), -ENOSYS);
    CHECK_EQ(hk_pipe(ends), 0);
    CHECK_EQ(hk_pread(ends[0], NULL, 0, 0), -ESPIPE);
    CHECK_EQ(hk_file_copy(ends[0], ends[1], NULL), -ESPIPE);
    hk_close(ends[0]);
    hk_close(ends[1]);
}

static void *leaves_all_open(void *arg)
{
    int fds[2];
    hk_pipe(ends);
    connect_pair(fds);
    hk_write(fds[0], "under way", 9);
    hk_net_bind("udp:127.0.0.1:0");
    return NULL;
}

TEST(the_next_run_finds_nothing_of_the_last)
{
    hk_sim_options options = { .runs = 100 };
    CHECK_EQ(hk_sim_run(leaves_all_open, NULL, &options, NULL), 0);
    CHECK_EQ(ends[0], 3);
}
