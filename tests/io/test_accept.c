/* SPDX-License-Identifier: MIT */
/* accept and connect: connections made, refused, lost, too many. */
#include "support/net.h"
#include "support/tools.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <unistd.h>

struct client {
    struct sockaddr_in address;
    int fd, result;
};

static int new_socket(void) { return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); }

static void *connect_once(void *arg)
{
    struct client *c = arg;
    c->fd = new_socket();
    c->result = hk_connect(c->fd, (struct sockaddr *)&c->address, sizeof c->address);
    return NULL;
}

TASK_TEST(connect_and_accept)
{
    struct client c;
    struct sockaddr_in peer, mine;
    socklen_t size = sizeof peer, my_size = sizeof mine;
    int listener = net_listen(&c.address, 8);
    hk_spawn(HK_ROOT, connect_once, &c);
    int fd = hk_accept(listener, (struct sockaddr *)&peer, &size);
    CHECK(fd >= 0);
    net_settle();
    CHECK_EQ(c.result, 0);
    CHECK_EQ(size, sizeof peer);
    getsockname(c.fd, (struct sockaddr *)&mine, &my_size);
    CHECK_EQ(peer.sin_port, mine.sin_port);
    CHECK(net_is_nonblocking(fd));
    CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    CHECK_EQ(hk_connect(c.fd, (struct sockaddr *)&c.address, sizeof c.address), -EISCONN);
    hk_close(fd);
    hk_close(c.fd);
    hk_close(listener);
    return NULL;
}

/* What accept returns is known at once: its first read is one system call. */
TASK_TEST(accepted_socket_costs_nothing_more)
{
    struct client c;
    char buf[16];
    int listener = net_listen(&c.address, 8);
    hk_spawn(HK_ROOT, connect_once, &c);
    int fd = hk_accept(listener, NULL, NULL);
    net_settle();
    CHECK_EQ(write(c.fd, "abc", 3), 3);
    net_settle();
    int before = net_calls();
    CHECK_EQ(hk_read(fd, buf, sizeof buf), 3);
    CHECK_EQ(net_calls() - before, 1);
    hk_close(fd);
    hk_close(c.fd);
    hk_close(listener);
    return NULL;
}

TASK_TEST(connection_refused)
{
    struct client c;
    int listener = net_listen(&c.address, 8);
    hk_close(listener);
    c.fd = new_socket();
    CHECK_EQ(hk_connect(c.fd, (struct sockaddr *)&c.address, sizeof c.address), -ECONNREFUSED);
    hk_close(c.fd);
    CHECK_EQ(hk_connect(STDIN_FILENO, (struct sockaddr *)&c.address, sizeof c.address), -ENOTSOCK);
    return NULL;
}

TASK_TEST(accept_on_what_does_not_listen)
{
    int fd = new_socket();
    CHECK_EQ(hk_accept(fd, NULL, NULL), -EINVAL);
    hk_close(fd);
    CHECK_EQ(hk_accept(STDIN_FILENO, NULL, NULL), -ENOTSOCK);
    return NULL;
}

/* 192.0.2.0/24 goes nowhere: the connect waits for an answer, or the machine has no way out. */
TASK_TEST(connect_that_never_ends_is_killed)
{
    struct client c = { .address = { .sin_family = AF_INET, .sin_port = htons(9) }, .result = 1 };
    c.address.sin_addr.s_addr = htonl(0xc0000201);
    hk_tid tid = hk_spawn(HK_ROOT, connect_once, &c);
    net_settle();
    hk_task_kill(tid);
    net_settle();
    CHECK(c.result == -ECANCELED || c.result == -ENETUNREACH || c.result == -EHOSTUNREACH ||
          c.result == -ECONNREFUSED || c.result == -EPERM || c.result == -EACCES || c.result == 0);
    hk_close(c.fd);
    return NULL;
}

/* ---- local sockets ---- */

static void *connect_local(void *arg)
{
    struct client *c = arg;
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    /* In the abstract space: a name that no file has. */
    snprintf(a.sun_path + 1, sizeof a.sun_path - 1, "hocket-test-%d", (int)getpid());
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    c->result = hk_connect(c->fd, (struct sockaddr *)&a, sizeof a);
    return NULL;
}

/* More clients than the listener's queue holds: they wait, and all get in. */
TASK_TEST(full_local_queue_is_waited_for)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    struct client c[12];
    int fds[12];
    snprintf(a.sun_path + 1, sizeof a.sun_path - 1, "hocket-test-%d", (int)getpid());
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_EQ(bind(listener, (struct sockaddr *)&a, sizeof a), 0);
    CHECK_EQ(listen(listener, 2), 0);
    for (int i = 0; i < 12; i++) {
        c[i] = (struct client){ .result = 1 };
        hk_spawn(HK_ROOT, connect_local, &c[i]);
    }
    net_settle();
    int waiting = 0;
    for (int i = 0; i < 12; i++) waiting += c[i].result == 1;
    CHECK(waiting > 0);
    for (int i = 0; i < 12; i++) CHECK((fds[i] = hk_accept(listener, NULL, NULL)) >= 0);
    hk_sleep(HK_MS(10));
    for (int i = 0; i < 12; i++) {
        CHECK_EQ(c[i].result, 0);
        hk_close(c[i].fd);
        hk_close(fds[i]);
    }
    /* One that waits for the queue can be killed. */
    for (int i = 0; i < 12; i++) {
        c[i] = (struct client){ .result = 1 };
        hk_tid tid = hk_spawn(HK_ROOT, connect_local, &c[i]);
        hk_sleep(0);
        hk_task_kill(tid);
    }
    net_settle();
    CHECK_EQ(c[11].result, -ECANCELED);
    for (int i = 0; i < 12; i++) hk_close(c[i].fd);
    hk_close(listener);
    return NULL;
}

/* ---- many ---- */

struct server {
    int listener, served;
};

static void *serve_one(void *arg)
{
    HK_FD(fd, (int)hk_num(arg));
    char buf[64];
    ssize_t n;
    while ((n = hk_read(fd, buf, sizeof buf)) > 0)
        if (hk_write(fd, buf, (size_t)n) < 0) break;
    return NULL;
}

static void *serve(void *arg)
{
    struct server *s = arg;
    int fd;
    while ((fd = hk_accept(s->listener, NULL, NULL)) >= 0) {
        s->served++;
        hk_spawn(HK_ROOT, serve_one, hk_val(fd));
    }
    return hk_val(fd == -EBADF ? 0 : fd);
}

static void *come_and_go(void *arg)
{
    const struct client *c = arg;
    char buf[8];
    for (int i = 0; i < 50; i++) {
        HK_FD(fd, new_socket());
        while (fd < 0 && hk_sleep(HK_MS(1)) == 0) fd = new_socket(); /* none is free */
        CHECK_EQ(hk_connect(fd, (const struct sockaddr *)&c->address, sizeof c->address), 0);
        if (i % 3 == 0) continue; /* goes without a word */
        CHECK_EQ(hk_send(fd, "hello", 5, 0), 5);
        if (i % 3 == 1) continue; /* goes without listening */
        CHECK_EQ(hk_recv(fd, buf, 5, MSG_WAITALL), 5);
    }
    return NULL;
}

TASK_TEST(many_come_and_go, .seconds = 30)
{
    struct server s = { .served = 0 };
    struct client c;
    hk_tid clients[20];
    s.listener = net_listen(&c.address, 64);
    hk_tid server = hk_spawn(HK_ROOT, serve, &s);
    for (int i = 0; i < 20; i++) clients[i] = hk_spawn(HK_ROOT, come_and_go, &c);
    for (int i = 0; i < 20; i++) hk_task_wait(clients[i], NULL);
    hk_sleep(HK_MS(20));
    CHECK_EQ(s.served, 1000);
    hk_close(s.listener);
    hk_task_wait(server, NULL);
    return NULL;
}

/* Connections that were reset while they queued are passed over or die at the first read. */
TASK_TEST(lost_before_accepted)
{
    struct client c;
    struct linger now = { .l_onoff = 1 };
    int listener = net_listen(&c.address, 8);
    for (int i = 0; i < 3; i++) {
        int fd = new_socket();
        CHECK_EQ(hk_connect(fd, (struct sockaddr *)&c.address, sizeof c.address), 0);
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        if (i < 2)
            hk_close(fd);
        else
            c.fd = fd;
    }
    net_settle();
    char byte;
    int good = 0;
    while (good == 0) {
        HK_FD(fd, hk_accept(listener, NULL, NULL));
        if (!CHECK(fd >= 0)) break;
        if (hk_recv(fd, &byte, 1, MSG_DONTWAIT) == -EAGAIN) good = 1;
    }
    CHECK_EQ(good, 1);
    hk_close(c.fd);
    hk_close(listener);
    return NULL;
}

/* ---- no descriptor is free ---- */

static struct rlimit old_limit;

/* So that `room` more descriptors can be opened. */
/* Valgrind keeps a limit of its own. */
static bool cannot_limit(void)
{
    if (ON_VALGRIND) test_skip("Valgrind's descriptors are not limited");
    return ON_VALGRIND;
}

static void limit_fds(int room)
{
    int next = dup(0);
    close(next);
    getrlimit(RLIMIT_NOFILE, &old_limit);
    struct rlimit low = { (rlim_t)(next + room), old_limit.rlim_max };
    setrlimit(RLIMIT_NOFILE, &low);
}

static void unlimit_fds(void) { setrlimit(RLIMIT_NOFILE, &old_limit); }

struct acceptor {
    int listener, result;
    bool done;
};

static void *accept_once(void *arg)
{
    struct acceptor *a = arg;
    a->result = hk_accept(a->listener, NULL, NULL);
    a->done = true;
    return NULL;
}

struct crowd {
    struct client c;
    struct acceptor a;
    hk_tid tid;
};

/* One client is connected and queued, an accept that finds no descriptor waits for one. */
static void stall(struct crowd *w)
{
    w->a = (struct acceptor){ .listener = net_listen(&w->c.address, 8) };
    w->c.fd = new_socket();
    CHECK_EQ(hk_connect(w->c.fd, (struct sockaddr *)&w->c.address, sizeof w->c.address), 0);
    limit_fds(0);
    w->tid = hk_spawn(HK_ROOT, accept_once, &w->a);
    net_settle();
    CHECK(!w->a.done);
}

static void leave(struct crowd *w)
{
    unlimit_fds();
    if (w->a.result >= 0) hk_close(w->a.result);
    hk_close(w->c.fd);
    hk_close(w->a.listener);
}

TASK_TEST(accept_recovers_after_a_close)
{
    if (cannot_limit()) return NULL;
    struct crowd w;
    int spare = dup(0);
    stall(&w);
    hk_close(spare);
    net_settle();
    CHECK(w.a.done); /* long before the timer of 50 ms, unless the machine is very busy */
    leave(&w);
    return NULL;
}

TASK_TEST(accept_recovers_by_itself)
{
    if (cannot_limit()) return NULL;
    struct crowd w;
    stall(&w);
    int64_t start = hk_now();
    unlimit_fds();
    while (!w.a.done && hk_now() - start < HK_SEC(2)) hk_sleep(HK_MS(5));
    CHECK(w.a.result >= 0);
    leave(&w);
    return NULL;
}

TASK_TEST(stalled_accept_does_not_spin)
{
    if (cannot_limit()) return NULL;
    struct crowd w;
    stall(&w);
    int before = net_calls();
    int64_t cpu = net_cpu(), start = hk_now();
    for (int i = 0; i < 220; i++) hk_sleep(HK_MS(1));
    int64_t tries = net_calls() - before, periods = (hk_now() - start) / HK_MS(50);
    CHECK(tries >= 2 && tries <= periods + 2);
    CHECK(net_cpu() - cpu < HK_MS(60) * test_time_factor());
    hk_task_kill(w.tid);
    net_settle();
    CHECK_EQ(w.a.result, -ECANCELED);
    leave(&w);
    return NULL;
}

TASK_TEST(stalled_accept_is_closed)
{
    struct crowd w;
    stall(&w);
    hk_close(w.a.listener);
    net_settle();
    CHECK_EQ(w.a.result, -EBADF);
    w.a.listener = -1;
    leave(&w);
    return NULL;
}

/* Two listeners are stalled; each close lets one of them go on, in order. */
TASK_TEST(stalled_accepts_go_on_in_order)
{
    if (cannot_limit()) return NULL;
    struct crowd one, two;
    int spare[2] = { dup(0), dup(0) };
    struct client second;
    int listener = net_listen(&second.address, 8);
    second.fd = new_socket();
    CHECK_EQ(hk_connect(second.fd, (struct sockaddr *)&second.address, sizeof second.address), 0);
    stall(&one);
    two.a = (struct acceptor){ .listener = listener };
    hk_spawn(HK_ROOT, accept_once, &two.a);
    net_settle();
    hk_close(spare[0]);
    net_settle();
    CHECK(one.a.done && !two.a.done);
    hk_close(spare[1]);
    net_settle();
    CHECK(two.a.done && two.a.result >= 0);
    hk_close(two.a.result);
    hk_close(second.fd);
    hk_close(listener);
    leave(&one);
    return NULL;
}

/* Thousands of attempts through a needle's eye: all are served in the end. */
TASK_TEST(few_descriptors_many_clients, .seconds = 60)
{
    if (cannot_limit()) return NULL;
    struct server s = { .served = 0 };
    struct client c;
    hk_tid clients[10];
    s.listener = net_listen(&c.address, 64);
    hk_tid server = hk_spawn(HK_ROOT, serve, &s);
    for (int i = 0; i < 10; i++) clients[i] = hk_spawn(HK_ROOT, come_and_go, &c);
    limit_fds(14);
    for (int i = 0; i < 10; i++) hk_task_wait(clients[i], NULL);
    unlimit_fds();
    hk_sleep(HK_MS(120));
    CHECK_EQ(s.served, 500);
    hk_close(s.listener);
    hk_task_wait(server, NULL);
    return NULL;
}
