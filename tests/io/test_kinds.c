/* SPDX-License-Identifier: MIT */
/* Descriptors of all kinds: terminals, a shell's standard input, datagrams, counters, files; and
 * the world around them: signals, idleness. */
#include "support/net.h"

#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

struct reader {
    int fd;
    char buf[64];
    ssize_t result;
    bool done;
};

static void *read_once(void *arg)
{
    struct reader *r = arg;
    r->result = hk_read(r->fd, r->buf, sizeof r->buf);
    r->done = true;
    return NULL;
}

static hk_tid start_reader(struct reader *r, int fd)
{
    *r = (struct reader){ .fd = fd };
    hk_tid tid = hk_spawn(HK_ROOT, read_once, r);
    net_settle();
    return tid;
}

/* ---- terminals ---- */

static void open_terminal(int *ret_master, int *ret_slave)
{
    struct termios raw;
    if (openpty(ret_master, ret_slave, NULL, NULL, NULL) < 0) abort();
    tcgetattr(*ret_slave, &raw);
    cfmakeraw(&raw);
    tcsetattr(*ret_slave, TCSANOW, &raw);
}

TASK_TEST(terminal_both_ways)
{
    int master, slave;
    struct reader r;
    open_terminal(&master, &slave);
    for (int i = 0; i < 3; i++) {
        hk_tid tid = start_reader(&r, slave);
        CHECK(!r.done);
        CHECK_EQ(hk_write(master, "typed", 5), 5);
        hk_task_wait(tid, NULL);
        CHECK_EQ(r.result, 5);
        tid = start_reader(&r, master);
        CHECK(!r.done);
        CHECK_EQ(hk_write(slave, "shown!", 6), 6);
        hk_task_wait(tid, NULL);
        CHECK_EQ(r.result, 6);
    }
    CHECK(!net_is_nonblocking(master) && !net_is_nonblocking(slave));
    hk_close(slave);
    CHECK_EQ(hk_read(master, r.buf, sizeof r.buf), -EIO);
    hk_close(master);
    return NULL;
}

struct printer {
    int fd;
    ssize_t result;
    bool done;
};

static char page[100000];

static void *print(void *arg)
{
    struct printer *p = arg;
    p->result = hk_write(p->fd, page, sizeof page);
    p->done = true;
    return NULL;
}

/* A terminal that shows nothing more: its writer waits, the program does not. */
static void stuck_terminal(int out, int in)
{
    char buf[4096];
    struct printer p = { .fd = out };
    memset(page, 'x', sizeof page);
    hk_tid tid = hk_spawn(HK_ROOT, print, &p);
    net_settle();
    CHECK(!p.done);
    size_t got = 0;
    while (got < sizeof page) {
        ssize_t n = hk_read(in, buf, 100 + got % 3000);
        if (!CHECK(n > 0)) break;
        got += (size_t)n;
    }
    hk_task_wait(tid, NULL);
    CHECK_EQ(p.result, (ssize_t)sizeof page);
    CHECK_EQ(got, sizeof page);
    CHECK(!net_is_nonblocking(out));
}

TASK_TEST(stuck_terminal_holds_up_nobody)
{
    int master, slave;
    open_terminal(&master, &slave);
    stuck_terminal(slave, master);
    hk_close(slave);
    hk_close(master);
    return NULL;
}

TASK_TEST(stuck_program_holds_up_no_terminal)
{
    int master, slave;
    open_terminal(&master, &slave);
    stuck_terminal(master, slave);
    hk_close(slave);
    hk_close(master);
    return NULL;
}

/* ---- standard input ---- */

/* What the shell gave us is used by others too: its flags stay, whatever it is. */
TASK_TEST(standard_input_keeps_its_flags)
{
    for (int kind = 0; kind < 4; kind++) {
        int fds[2], old = dup(STDIN_FILENO);
        struct reader r;
        if (kind == 0) net_pipe(fds);
        if (kind == 1) open_terminal(&fds[1], &fds[0]);
        if (kind == 2) net_tcp_pair(fds);
        if (kind == 3) net_local_pair(SOCK_STREAM, fds);
        dup2(fds[0], STDIN_FILENO);
        int before = fcntl(STDIN_FILENO, F_GETFL);
        hk_tid tid = start_reader(&r, STDIN_FILENO);
        CHECK_EQ(hk_write(fds[1], "line\n", 5), 5);
        hk_task_wait(tid, NULL);
        CHECK_EQ(r.result, 5);
        CHECK_EQ(fcntl(STDIN_FILENO, F_GETFL), before);
        hk_close(STDIN_FILENO);
        dup2(old, STDIN_FILENO);
        hk_close(old);
        hk_close(fds[0]);
        hk_close(fds[1]);
    }
    return NULL;
}

/* ---- datagrams ---- */

static int udp(struct sockaddr_in *ret_address)
{
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    socklen_t size = sizeof *ret_address;
    *ret_address = (struct sockaddr_in){ .sin_family = AF_INET };
    ret_address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK_EQ(bind(fd, (struct sockaddr *)ret_address, size), 0);
    CHECK_EQ(getsockname(fd, (struct sockaddr *)ret_address, &size), 0);
    return fd;
}

static ssize_t send_to(int fd, const struct sockaddr_in *to, const char *text)
{
    struct iovec one = { (void *)(uintptr_t)text, strlen(text) };
    struct msghdr m = { .msg_name = (void *)(uintptr_t)to, .msg_namelen = sizeof *to };
    m.msg_iov = &one;
    m.msg_iovlen = 1;
    return hk_sendmsg(fd, &m, 0);
}

TASK_TEST(datagrams_with_addresses)
{
    struct sockaddr_in a, b, from;
    int one = udp(&a), two = udp(&b);
    char buf[32];
    struct reader r;
    hk_tid tid = start_reader(&r, one); /* waits */
    CHECK_EQ(send_to(two, &a, "first"), 5);
    hk_task_wait(tid, NULL);
    CHECK_EQ(r.result, 5);
    CHECK_EQ(send_to(two, &a, "second"), 6);
    CHECK_EQ(send_to(two, &a, "third one"), 9);
    struct iovec v = { buf, sizeof buf };
    struct msghdr m = { .msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &v };
    m.msg_iovlen = 1;
    CHECK_EQ(hk_recvmsg(one, &m, 0), 6);
    CHECK_EQ(from.sin_port, b.sin_port);
    v.iov_len = 4;
    CHECK_EQ(hk_recvmsg(one, &m, 0), 4);
    CHECK(m.msg_flags & MSG_TRUNC);
    hk_close(one);
    CHECK_EQ(hk_connect(two, (struct sockaddr *)&a, sizeof a), 0);
    CHECK_EQ(hk_send(two, "x", 1, 0), 1);
    net_settle();
    CHECK_EQ(hk_recv(two, buf, 1, 0), -ECONNREFUSED); /* told once */
    hk_close(two);
    return NULL;
}

/* An error that is told once must not make the descriptor look ready for ever. */
TASK_TEST(datagram_error_is_told_once)
{
    struct sockaddr_in a, b;
    int one = udp(&a), two = udp(&b);
    struct reader r;
    hk_close(one);
    CHECK_EQ(hk_connect(two, (struct sockaddr *)&a, sizeof a), 0);
    hk_tid tid = start_reader(&r, two);
    CHECK_EQ(hk_send(two, "x", 1, 0), 1);
    hk_task_wait(tid, NULL);
    CHECK_EQ(r.result, -ECONNREFUSED);
    start_reader(&r, two);
    CHECK(!r.done);
    int64_t cpu = net_cpu();
    for (int i = 0; i < 20; i++) hk_sleep(HK_MS(1));
    CHECK(net_cpu() - cpu < HK_MS(15) * test_time_factor());
    hk_close(two);
    net_settle();
    CHECK_EQ(r.result, -EBADF);
    return NULL;
}

static void *send_many(void *arg)
{
    for (int i = 0; i < 500; i++) CHECK_EQ(hk_send(*(int *)arg, &i, sizeof i, 0), sizeof i);
    return NULL;
}

/* The queue of a local datagram socket is short: its sender waits for the receiver. */
TASK_TEST(local_datagrams_wait_for_room)
{
    int fds[2], number;
    net_local_pair(SOCK_DGRAM, fds);
    hk_spawn(HK_ROOT, send_many, &fds[1]);
    for (int i = 0; i < 500; i++) {
        if (i % 50 == 0) hk_sleep(HK_US(100));
        CHECK_EQ(hk_recv(fds[0], &number, sizeof number, 0), sizeof number);
        CHECK_EQ(number, i);
    }
    hk_close(fds[0]);
    hk_close(fds[1]);
    return NULL;
}

/* ---- counters, timers, files ---- */

TASK_TEST(counters_and_timers)
{
    struct reader r;
    uint64_t count;
    int fd = eventfd(0, 0);
    hk_tid tid = start_reader(&r, fd);
    CHECK(!r.done);
    count = 3;
    CHECK_EQ(hk_write(fd, &count, 8), 8);
    hk_task_wait(tid, NULL);
    CHECK_EQ(r.result, 8);
    hk_close(fd);
    fd = timerfd_create(CLOCK_MONOTONIC, 0);
    struct itimerspec in_a_while = { .it_value = { 0, 3000000 } };
    timerfd_settime(fd, 0, &in_a_while, NULL);
    CHECK_EQ(hk_read(fd, &count, 8), 8);
    CHECK_EQ(count, 1);
    hk_close(fd);
    return NULL;
}

TASK_TEST(driver_without_nowait)
{
    char path[] = "/tmp/hocket-test-XXXXXX";
    struct reader r;
    int file = mkstemp(path), fd = inotify_init1(IN_CLOEXEC);
    CHECK(inotify_add_watch(fd, path, IN_MODIFY) >= 0);
    hk_tid tid = start_reader(&r, fd);
    CHECK(!r.done);
    CHECK_EQ(hk_write(file, "x", 1), 1);
    hk_task_wait(tid, NULL);
    CHECK(r.result > 0);
    hk_close(fd);
    hk_close(file);
    unlink(path);
    return NULL;
}

TASK_TEST(regular_files)
{
    char path[] = "/tmp/hocket-test-XXXXXX", buf[16] = "";
    int fd = mkstemp(path);
    CHECK_EQ(hk_write(fd, "hello", 5), 5);
    CHECK_EQ(hk_read(fd, buf, sizeof buf), 0);
    CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
    CHECK_EQ(hk_fd_wait(fd, HK_READ), 0);
    CHECK_EQ(hk_read(fd, buf, sizeof buf), 5);
    CHECK_EQ(hk_recv(fd, buf, sizeof buf, 0), -ENOTSOCK);
    CHECK_EQ(hk_close(fd), 0);
    fd = open("/tmp", O_RDONLY | O_DIRECTORY);
    CHECK_EQ(hk_read(fd, buf, sizeof buf), -EISDIR);
    hk_close(fd);
    fd = open("/dev/null", O_RDWR);
    CHECK_EQ(hk_read(fd, buf, sizeof buf), 0);
    CHECK_EQ(hk_write(fd, buf, sizeof buf), (ssize_t)sizeof buf);
    hk_close(fd);
    fd = open("/dev/full", O_RDWR);
    CHECK_EQ(hk_write(fd, buf, sizeof buf), -ENOSPC);
    hk_close(fd);
    fd = open(path, O_RDONLY);
    CHECK_EQ(hk_write(fd, buf, sizeof buf), -EBADF);
    hk_close(fd);
    unlink(path);
    return NULL;
}

/* ---- signals ---- */

static volatile int alarms;
static void on_alarm(int signal)
{
    (void)signal;
    alarms++;
}

static void *echo(void *arg)
{
    int fd = *(int *)arg;
    char buf[1000];
    ssize_t n;
    while ((n = hk_read(fd, buf, sizeof buf)) > 0) CHECK_EQ(hk_write(fd, buf, (size_t)n), n);
    CHECK_EQ(n, 0);
    hk_close(fd);
    return NULL;
}

/* A thousand interruptions a second, none of which anybody sees. */
TASK_TEST(signals_are_nobodys_business, .seconds = 20)
{
    struct sigaction sa = { .sa_handler = on_alarm, .sa_flags = SA_ONSTACK };
    struct itimerval tick = { { 0, 1000 }, { 0, 1000 } }, off = { { 0, 0 }, { 0, 0 } };
    char buf[1000] = "";
    int fds[2], rounds = 0;
    net_tcp_pair(fds);
    hk_spawn(HK_ROOT, echo, &fds[1]);
    sigaction(SIGALRM, &sa, NULL);
    setitimer(ITIMER_REAL, &tick, NULL);
    while (alarms < 300 && rounds < 1000000) {
        CHECK_EQ(hk_send(fds[0], buf, sizeof buf, 0), (ssize_t)sizeof buf);
        CHECK_EQ(hk_recv(fds[0], buf, sizeof buf, MSG_WAITALL), (ssize_t)sizeof buf);
        if (++rounds % 10 == 0) CHECK_EQ(hk_sleep(HK_US(1500)), 0);
    }
    setitimer(ITIMER_REAL, &off, NULL);
    CHECK(alarms >= 300);
    hk_close(fds[0]);
    return NULL;
}

/* ---- idle ---- */

static void *read_for_ever(void *arg)
{
    char byte;
    hk_read(*(int *)arg, &byte, 1);
    return NULL;
}

/* Waiting, with everything watched in both directions, costs nothing. */
TASK_TEST(idle_is_idle)
{
    int fds[2], pipes[2];
    static char big[1 << 20];
    net_tcp_pair(fds);
    net_pipe(pipes);
    hk_spawn(HK_ROOT, read_for_ever, &fds[0]);
    hk_spawn(HK_ROOT, read_for_ever, &pipes[0]);
    hk_spawn(HK_ROOT, read_for_ever, &fds[1]);
    while (hk_send(fds[0], big, sizeof big, MSG_DONTWAIT) > 0) {}
    net_settle();
    int calls = net_calls();
    int64_t cpu = net_cpu();
    hk_sleep(HK_MS(100));
    CHECK_EQ(net_calls(), calls);
    CHECK(net_cpu() - cpu < HK_MS(5) * test_time_factor());
    hk_close(fds[0]);
    hk_close(fds[1]);
    hk_close(pipes[0]);
    hk_close(pipes[1]);
    return NULL;
}
