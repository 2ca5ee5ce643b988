/* SPDX-License-Identifier: MIT */
/* Dialling: who wins, what is said when nobody does, and that nothing is left open. */
#include "support/faults.h"
#include "support/net.h"

#include "calls/calls.h"

#include <dirent.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- addresses that answer, refuse, or say nothing ---- */

static int open_fds(void)
{
    int count = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (readdir(dir) != NULL) count++;
    closedir(dir);
    return count;
}

static hk_addr as_addr(const struct sockaddr_in *in)
{
    hk_addr addr = { .len = sizeof *in };
    memcpy(&addr.sa, in, sizeof *in);
    return addr;
}

/* A port that nobody listens on: bound, so that nobody else takes it. */
struct refusing {
    int fd;
    hk_addr addr;
};
static struct refusing refusing(void)
{
    struct refusing r = { .fd = socket(AF_INET, SOCK_STREAM, 0) };
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof in;
    CHECK_EQ(bind(r.fd, (struct sockaddr *)&in, size), 0);
    getsockname(r.fd, (struct sockaddr *)&in, &size);
    r.addr = as_addr(&in);
    return r;
}

/* A listener whose queue is full: whoever connects hears nothing. */
struct silent {
    int listener, queued[2];
    hk_addr addr;
};
static struct silent silent(void)
{
    struct silent s;
    struct sockaddr_in in;
    s.listener = net_listen(&in, 0);
    for (int i = 0; i < 2; i++) {
        s.queued[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(s.queued[i], (struct sockaddr *)&in, sizeof in);
    }
    s.addr = as_addr(&in);
    return s;
}
static void silent_end(struct silent *s)
{
    close(s->queued[0]);
    close(s->queued[1]);
    close(s->listener);
}

static int dial_list(const hk_addr *list, int count)
{
    struct hk__dial_call dial;
    hk__dial_prepare(&dial, "a list", SOCK_STREAM, list, count);
    return (int)hk_trap(&dial.call);
}

static int port_of_peer(int fd)
{
    hk_addr peer;
    CHECK_EQ(hk_net_peer(fd, &peer), 0);
    return ((struct sockaddr_in *)&peer.sa)->sin_port;
}

static int port_of(const hk_addr *addr)
{
    return ((const struct sockaddr_in *)&addr->sa)->sin_port;
}

/* ---- one address ---- */

TASK_TEST(dial_tcp)
{
    char address[HK_NET_TEXT + 4] = "tcp:";
    hk_addr local, peer;
    HK_FD(listener, hk_net_listen("tcp:127.0.0.1:0", 5));
    CHECK(listener >= 0);
    CHECK_EQ(hk_net_local(listener, &local), 0);
    hk_net_format(&local, address + 4, HK_NET_TEXT);
    HK_FD(fd, hk_net_dial(address));
    CHECK(fd >= 0);
    HK_FD(other, hk_accept(listener, NULL, NULL));
    CHECK(other >= 0);
    CHECK(net_is_nonblocking(fd));
    int both[2] = { fd, other };
    for (int i = 0; i < 2; i++) {
        int on = 0;
        socklen_t size = sizeof on;
        CHECK_EQ(getsockopt(both[i], IPPROTO_TCP, TCP_NODELAY, &on, &size), 0);
        CHECK(on);
    }
    CHECK_EQ(hk_net_local(fd, &local), 0);
    CHECK_EQ(hk_net_peer(other, &peer), 0);
    CHECK_EQ(port_of(&local), port_of(&peer));
    CHECK_EQ(hk_net_peer(listener, &peer), -ENOTCONN);
    CHECK_EQ(hk_net_peer(-1, &peer), -EBADF);
    CHECK_EQ(hk_write(fd, "x", 1), 1);
    char byte;
    CHECK_EQ(hk_read(other, &byte, 1), 1);
    return NULL;
}

TASK_TEST(dial_refused)
{
    char address[HK_NET_TEXT + 4] = "tcp:";
    struct refusing r = refusing();
    int before = open_fds();
    hk_net_format(&r.addr, address + 4, HK_NET_TEXT);
    CHECK_EQ(hk_net_dial(address), -ECONNREFUSED);
    CHECK(strstr(hk_why(), address) != NULL);
    CHECK(strstr(hk_why(), "Connection refused") != NULL);
    CHECK_EQ(hk_net_connect(&r.addr), -ECONNREFUSED);
    CHECK_EQ(open_fds(), before);
    close(r.fd);
    return NULL;
}

TASK_TEST(dial_what_cannot_be_dialled)
{
    hk_addr none = { .len = 2 };
    CHECK_EQ(hk_net_dial("tcp:*:80"), -EINVAL);
    CHECK(strstr(hk_why(), "'*' is for listening") != NULL);
    CHECK_EQ(hk_net_dial("tcp:127.0.0.1:0"), -EINVAL);
    CHECK(strstr(hk_why(), "port 0 is for listening") != NULL);
    CHECK_EQ(hk_net_dial("unix:/nowhere/at/all"), -ENOENT);
    CHECK_EQ(hk_net_connect(&none), -EAFNOSUPPORT);
    CHECK_EQ(hk_net_listen("udp:127.0.0.1:0", 5), -EINVAL);
    CHECK_EQ(hk_net_bind("tcp:127.0.0.1:0"), -EINVAL);
    CHECK_EQ(hk_net_listen("tcp:192.0.2.1:0", 5), -EADDRNOTAVAIL);
    CHECK(strstr(hk_why(), "listen on tcp:192.0.2.1:0: ") != NULL);
    CHECK_EQ(hk_net_listen("unix:/nowhere/at/all", 5), -ENOENT);
    return NULL;
}

TEST(dial_where_nobody_drives)
{
    int fd = hk_net_listen("tcp:127.0.0.1:0", 5);
    CHECK(fd >= 0);
    CHECK_EQ(hk_close(fd), 0);
    CHECK_EQ(hk_net_dial("tcp:127.0.0.1:1"), -ENOSYS);
}

/* ---- several ---- */

static struct sockaddr_in good_in;

TASK_TEST(dial_the_first_that_answers_wins)
{
    hk_addr list[4];
    struct refusing r = refusing();
    struct silent s = silent();
    HK_FD(listener, net_listen(&good_in, 5));
    CHECK(listener >= 0);
    int before = open_fds();
    list[0] = r.addr;
    list[1] = s.addr;
    list[2] = s.addr;
    list[3] = as_addr(&good_in);
    int64_t start = hk_now();
    int fd = dial_list(list, 4);
    CHECK_EQ(port_of_peer(fd), good_in.sin_port);
    CHECK(hk_now() - start >= HK_MS(500)); /* two silent ones, a quarter of a second each */
    CHECK_EQ(open_fds(), before + 1);
    hk_close(fd);
    /* The first of the list wins at once, and the others are not even asked. */
    list[0] = as_addr(&good_in);
    start = hk_now();
    fd = dial_list(list, 4);
    CHECK_EQ(port_of_peer(fd), good_in.sin_port);
    CHECK_EQ(open_fds(), before + 1);
    hk_close(fd);
    silent_end(&s);
    close(r.fd);
    return NULL;
}

/* An address that comes to life while later ones are tried: it is not forgotten. */
static void *opens_the_queue(void *arg)
{
    struct silent *s = arg;
    hk_sleep(HK_MS(300));
    for (int i = 0; i < 2; i++) hk_close(accept(s->listener, NULL, NULL));
    return NULL;
}

TASK_TEST(dial_a_slow_one_may_win)
{
    hk_addr list[2];
    struct silent s = silent(), t = silent();
    list[0] = s.addr;
    list[1] = t.addr;
    hk_tid tid = hk_spawn(HK_ROOT, opens_the_queue, &s);
    int fd = dial_list(list, 2);
    CHECK_EQ(port_of_peer(fd), port_of(&s.addr));
    hk_close(fd);
    hk_task_wait(tid, NULL);
    silent_end(&s);
    silent_end(&t);
    return NULL;
}

TASK_TEST(dial_what_is_said_when_all_fail)
{
    hk_addr list[3];
    struct refusing r = refusing();
    hk_addr nowhere = r.addr;
    ((struct sockaddr_in *)&nowhere.sa)->sin_family = AF_INET;
    nowhere.sa.ss_family = 63; /* of no family: as where there is no IPv6 */
    int before = open_fds();
    list[0] = nowhere;
    list[1] = r.addr;
    list[2] = nowhere;
    CHECK_EQ(dial_list(list, 3), -ECONNREFUSED);
    CHECK_EQ(dial_list(list, 1), -EAFNOSUPPORT);
    CHECK_EQ(open_fds(), before);
    close(r.fd);
    return NULL;
}

struct attempt {
    hk_addr list[5];
    int count, result;
};

static void *dials(void *arg)
{
    struct attempt *a = arg;
    a->result = dial_list(a->list, a->count);
    if (a->result >= 0) hk_close(a->result);
    return NULL;
}

/* Killed after k turns of the others, for all k until it has its answer: nothing is left. */
TASK_TEST(dial_killed_at_every_point)
{
    struct refusing r = refusing();
    struct silent s = silent();
    int listener = net_listen(&good_in, 100);
    struct attempt a = { .count = 5 };
    hk_addr kinds[3] = { r.addr, s.addr, as_addr(&good_in) };
    for (int shape = 0; shape < 9; shape++) {
        for (int i = 0; i < 5; i++) a.list[i] = kinds[i == 0 ? shape % 3 : i == 1 ? shape / 3 : 0];
        int before = open_fds();
        for (int turns = 0; turns < 6; turns++) {
            hk_exit how;
            a.result = 77;
            hk_tid tid = hk_spawn(HK_ROOT, dials, &a);
            for (int i = 0; i < turns; i++) hk_sleep(i > 3 ? HK_MS(1) : 0);
            hk_task_kill(tid);
            hk_task_wait(tid, &how);
            CHECK_EQ(open_fds(), before);
        }
    }
    hk_close(listener);
    silent_end(&s);
    close(r.fd);
    return NULL;
}

/* Killed when the second attempt runs beside the first. */
TASK_TEST(dial_killed_with_two_under_way)
{
    struct silent s = silent();
    struct attempt a = { .list = { s.addr, s.addr }, .count = 2 };
    int before = open_fds();
    hk_tid tid = hk_spawn(HK_ROOT, dials, &a);
    hk_sleep(HK_MS(260));
    CHECK_EQ(open_fds(), before + 2);
    hk_task_kill(tid);
    hk_task_wait(tid, NULL);
    CHECK_EQ(a.result, -ECANCELED);
    CHECK_EQ(open_fds(), before);
    silent_end(&s);
    return NULL;
}

/* ---- names ---- */

static int answer[8], answers;

static int made_up(const char *host, hk_addr *ret_list, size_t max)
{
    if (strcmp(host, "nobody.test") == 0) return -ENOENT;
    if (strcmp(host, "broken.test") == 0) return -EREMOTEIO;
    CHECK_STR(host, "some.test");
    CHECK_EQ(max, HK_NET_ADDRESSES);
    for (int i = 0; i < answers; i++) {
        char text[32];
        snprintf(text, sizeof text, answer[i] > 0 ? "tcp:127.0.0.%d:1" : "tcp:[::%d]:1",
                 abs(answer[i]));
        CHECK_EQ(hk_net_resolve(text, &ret_list[i], 1), 1);
    }
    return answers;
}

static const char *resolved(void)
{
    static char line[400];
    hk_addr list[8];
    size_t used = 0;
    int n = hk_net_resolve("tcp:some.test:99", list, 8);
    line[0] = '\0';
    for (int i = 0; i < n; i++) {
        char text[HK_NET_TEXT];
        hk_net_format(&list[i], text, sizeof text);
        used += (size_t)snprintf(line + used, sizeof line - used, "%s ", text);
    }
    return line;
}

TEST(resolve_takes_the_families_in_turn)
{
    static const int lists[][8] = {
        { -1, -2, -3, 4, 5 }, { 1, 2, 3 }, { 1, -2, 3, -4 }, { 1, -2, -3, -4, 5 }
    };
    static const char *const wanted[] = {
        "[::1]:99 127.0.0.4:99 [::2]:99 127.0.0.5:99 [::3]:99 ",
        "127.0.0.1:99 127.0.0.2:99 127.0.0.3:99 ",
        "127.0.0.1:99 [::2]:99 127.0.0.3:99 [::4]:99 ",
        "127.0.0.1:99 [::2]:99 127.0.0.5:99 [::3]:99 [::4]:99 ",
    };
    hk__net_resolver_set(made_up);
    for (size_t i = 0; i < HK_LEN(lists); i++) {
        for (answers = 0; answers < 8 && lists[i][answers] != 0; answers++)
            answer[answers] = lists[i][answers];
        CHECK_STR(resolved(), wanted[i]);
    }
}

TASK_TEST(dial_a_name)
{
    char address[40];
    hk__net_resolver_set(made_up);
    CHECK_EQ(hk_net_dial("tcp:nobody.test:80"), -ENOENT);
    CHECK(strstr(hk_why(), "'tcp:nobody.test:80': no such host") != NULL);
    CHECK_EQ(hk_net_dial("tcp:broken.test:80"), -EREMOTEIO);
    int listener = net_listen(&good_in, 5);
    answers = 3; /* of which nobody listens on the first two */
    answer[0] = 2;
    answer[1] = 3;
    answer[2] = 1;
    snprintf(address, sizeof address, "tcp:some.test:%d", ntohs(good_in.sin_port));
    HK_FD(fd, hk_net_dial(address));
    CHECK(fd >= 0);
    hk_close(listener);
    return NULL;
}

/* ---- the system's resolver ---- */

TASK_TEST(resolve_by_the_system)
{
    hk_addr list[4];
    /* A numeric form that only the system's resolver knows. */
    CHECK_EQ(hk_net_resolve("tcp:127.1:80", list, 4), 1);
    CHECK_EQ(list[0].sa.ss_family, AF_INET);
    CHECK_EQ(port_of(&list[0]), htons(80));
    return NULL;
}

static void *resolves(void *arg)
{
    hk_addr list[4];
    *(int *)arg = hk_net_resolve("tcp:127.1:80", list, 4);
    return NULL;
}

TASK_TEST(resolve_killed_at_every_point)
{
    for (int turns = 0; turns < 40; turns++) {
        int result = 77;
        hk_tid tid = hk_spawn(HK_ROOT, resolves, &result);
        for (int i = 0; i < turns % 4; i++) hk_sleep(i > 1 ? HK_US(50) : 0);
        hk_task_kill(tid);
        hk_task_wait(tid, NULL);
        CHECK(result == 77 || result == 1 || result == -ECANCELED);
    }
    return NULL; /* and the scheduler ends with look-ups under way */
}

TASK_TEST(resolve_a_hundred_at_once)
{
    static int results[100];
    hk_tid tids[100];
    for (int i = 0; i < 100; i++) tids[i] = hk_spawn(HK_ROOT, resolves, &results[i]);
    for (int i = 0; i < 100; i++) {
        hk_task_wait(tids[i], NULL);
        CHECK_EQ(results[i], 1);
    }
    return NULL;
}

static void *lets_the_resolver_go(void *arg)
{
    usleep(20000); /* the grace is over by then */
    faults_hold_resolver(false);
    return arg;
}

/* A resolver that hangs holds nobody but the end of the scheduler. */
TEST(resolve_killed_while_the_resolver_hangs,
     .prints = "waits for 3 operations that cannot be cancelled")
{
    static int results[3];
    hk_sched *s = hk_sched_create(&(hk_run_options){ .grace = HK_MS(1) });
    faults_hold_resolver(true);
    for (int i = 0; i < 3; i++) hk_sched_spawn(s, resolves, &results[i]);
    while (faults_in_resolver() < 3) hk_sched_step(s);
    for (int i = 0; i < 3; i++) CHECK_EQ(results[i], 0);
    hk_sched_stop(s, 0);
    CHECK_EQ(hk_sched_run(s), 0);
    for (int i = 0; i < 3; i++) CHECK_EQ(results[i], -ECANCELED);
    CHECK_EQ(hk_sched_tasks(s, NULL, 0), 0);
    CHECK_EQ(faults_in_resolver(), 3);
    pthread_t thread;
    pthread_create(&thread, NULL, lets_the_resolver_go, NULL);
    hk_sched_destroy(s);
    CHECK_EQ(faults_in_resolver(), 0);
    pthread_join(thread, NULL);
}

/* ---- IPv6 and both families ---- */

static int dial_port(const char *format, int listener)
{
    hk_addr local;
    char address[64];
    CHECK_EQ(hk_net_local(listener, &local), 0);
    int port = local.sa.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&local.sa)->sin6_port
                                              : port_of(&local);
    snprintf(address, sizeof address, format, ntohs((uint16_t)port));
    int fd = hk_net_dial(address);
    if (fd >= 0) hk_close(fd);
    return fd < 0 ? fd : 0;
}

TASK_TEST(dial_ipv6_and_both)
{
    HK_FD(v6, hk_net_listen("tcp:[::1]:0", 5));
    HK_FD(both, hk_net_listen("tcp:*:0", 5));
    CHECK(both >= 0);
    CHECK_EQ(dial_port("tcp:127.0.0.1:%d", both), 0);
    CHECK_EQ(dial_port("tcp:localhost:%d", both), 0);
    if (v6 < 0) {
        test_skip("no IPv6 here");
        return NULL;
    }
    CHECK_EQ(dial_port("tcp:[::1]:%d", both), 0);
    CHECK_EQ(dial_port("tcp:[::1]:%d", v6), 0);
    CHECK_EQ(dial_port("tcp:localhost:%d", v6), 0); /* 127.0.0.1 refuses */
    HK_FD(only, hk_net_listen("tcp:[::]:0", 5));
    CHECK_EQ(dial_port("tcp:[::1]:%d", only), 0);
    CHECK_EQ(dial_port("tcp:127.0.0.1:%d", only), -ECONNREFUSED);
    return NULL;
}

TASK_TEST(listen_where_somebody_listens)
{
    hk_addr local;
    char address[HK_NET_TEXT + 4] = "tcp:";
    HK_FD(first, hk_net_listen("tcp:127.0.0.1:0", 5));
    CHECK_EQ(hk_net_local(first, &local), 0);
    hk_net_format(&local, address + 4, HK_NET_TEXT);
    CHECK_EQ(hk_net_listen(address, 5), -EADDRINUSE);
    CHECK(strstr(hk_why(), "Address already in use") != NULL);
    return NULL;
}

/* What is wrong is that the port is taken, not that there is no IPv6. */
TASK_TEST(listen_without_ipv6_where_somebody_listens)
{
    hk_addr local;
    char address[HK_NET_TEXT + 4];
    const char *name;
    HK_FD(first, hk_net_listen("tcp:0.0.0.0:0", 5));
    CHECK_EQ(hk_net_local(first, &local), 0);
    snprintf(address, sizeof address, "tcp:*:%d", ntohs((uint16_t)port_of(&local)));
    faults_arm(1);
    int r = hk_net_listen(address, 5);
    CHECK(faults_disarm(&name));
    CHECK_STR(name, "socket");
    CHECK_EQ(r, -EADDRINUSE);
    CHECK(strstr(hk_why(), "Address already in use") != NULL);
    return NULL;
}
