/* SPDX-License-Identifier: MIT */
/* hk_serve: the limit, the stop, the grace, the kill, and that nothing is left. */
#include "support/net.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>
#include <valgrind/valgrind.h>

struct server {
    int listener, result;
    hk_addr addr;
    hk_serve_fn *handler;
    hk_serve_options options;
    hk_tid tid;
    bool over;
    int now, most, served, cancelled; /* connections */
};

static void *server_task(void *arg)
{
    struct server *s = arg;
    s->result = hk_serve(s->listener, s->handler, &s->options);
    s->over = true;
    CHECK_EQ(s->now, 0);
    return hk_val(s->result == -ECANCELED ? s->result : 0);
}

static int echo(int fd, void *arg)
{
    struct server *s = arg;
    char buf[256];
    ssize_t n;
    if (++s->now > s->most) s->most = s->now;
    while ((n = hk_read(fd, buf, sizeof buf)) > 0)
        if ((n = hk_write(fd, buf, (size_t)n)) < 0) break;
    s->now--;
    s->served++;
    s->cancelled += n == -ECANCELED;
    return n == -EPIPE || n == -ECONNRESET ? 0 : (int)n;
}

static void begin(struct server *s)
{
    if (s->handler == NULL) s->handler = echo;
    s->options.arg = s;
    s->result = 77;
    s->listener = hk_net_listen("tcp:127.0.0.1:0", 1024);
    CHECK_EQ(hk_net_local(s->listener, &s->addr), 0);
    s->tid = hk_spawn(HK_ROOT, server_task, s);
    hk_sleep(1); /* until it waits: in a simulated run a yield is no promise */
}

static int connect_to(struct server *s)
{
    int fd = hk_net_connect(&s->addr);
    CHECK(fd >= 0);
    return fd;
}

/* Without a turn for anybody else. */
static int connect_at_once(struct server *s)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK_EQ(connect(fd, (struct sockaddr *)&s->addr.sa, s->addr.len), 0);
    return fd;
}

static bool echoes(int fd)
{
    char byte;
    return hk_write(fd, "x", 1) == 1 && hk_read(fd, &byte, 1) == 1;
}

static void stop(struct server *s)
{
    if (!s->over) hk_close(s->listener);
    hk_task_wait(s->tid, NULL);
    CHECK(s->over);
}

/* Until the condition holds. */
#define WAIT_UNTIL(condition) \
    for (int hk__i = 0; !(condition) && hk__i < 2000; hk__i++) hk_sleep(HK_MS(1)); \
    CHECK(condition)

TASK_TEST_SIM(serve_until_the_listener_is_closed)
{
    struct server s = { .options = { .name = "echo" } };
    begin(&s);
    int fd = connect_to(&s), second = connect_to(&s);
    CHECK(echoes(fd) && echoes(second));
    hk_task_info tasks[8];
    CHECK_EQ(hk_sched_tasks(NULL, tasks, 8), 4);
    CHECK_STR(tasks[3].name, "echo");
    hk_close(s.listener);
    net_settle();
    CHECK(!s.over); /* it waits for its connections, as long as they need */
    CHECK_EQ(hk_net_connect(&s.addr), -ECONNREFUSED);
    CHECK(echoes(fd));
    hk_sched_tasks(NULL, tasks, 8);
    CHECK(strncmp(tasks[1].waits, "the end of group connections of 2 tasks", 39) == 0);
    hk_close(fd);
    net_settle();
    CHECK(!s.over);
    hk_close(second);
    hk_task_wait(s.tid, NULL);
    CHECK_EQ(s.result, 0);
    CHECK_EQ(s.served, 2);
    return NULL;
}

TASK_TEST_SIM(serve_stopped_with_nobody_there)
{
    struct server s = { 0 };
    begin(&s);
    stop(&s);
    CHECK_EQ(s.result, 0);
    s = (struct server){ 0 };
    begin(&s);
    int fd = connect_to(&s);
    hk_close(s.listener); /* in the same pass: the connection may be anywhere */
    hk_close(fd);
    hk_task_wait(s.tid, NULL);
    CHECK_EQ(s.result, 0);
    return NULL;
}

TASK_TEST_SIM(serve_gives_grace)
{
    struct server s = { .options = { .grace = HK_MS(20) } };
    begin(&s);
    int fd = connect_to(&s);
    char byte;
    CHECK(echoes(fd));
    int64_t start = hk_now();
    stop(&s);
    CHECK(hk_now() - start >= HK_MS(20));
    CHECK_EQ(s.result, 0);
    CHECK_EQ(s.cancelled, 1);
    CHECK_EQ(hk_read(fd, &byte, 1), 0);
    hk_close(fd);
    /* Those that end in time are not killed, and nobody waits longer. */
    s = (struct server){ .options = { .grace = HK_SEC(100) } };
    begin(&s);
    fd = connect_to(&s);
    CHECK(echoes(fd));
    hk_close(s.listener);
    net_settle();
    hk_close(fd);
    hk_task_wait(s.tid, NULL);
    CHECK_EQ(s.cancelled, 0);
    /* Nothing of the grace is left behind. */
    s = (struct server){ .options = { .grace = HK_MS(5) } };
    begin(&s);
    fd = connect_to(&s);
    CHECK(echoes(fd));
    hk_close(s.listener);
    net_settle();
    hk_close(fd);
    hk_task_wait(s.tid, NULL);
    hk_sleep(HK_MS(10));
    return NULL;
}

TASK_TEST_SIM(serve_killed)
{
    struct server s = { 0 };
    begin(&s);
    int fds[5];
    char byte;
    for (int i = 0; i < 5; i++) CHECK(echoes(fds[i] = connect_to(&s)));
    hk_task_kill(s.tid);
    hk_task_wait(s.tid, NULL);
    CHECK_EQ(s.result, -ECANCELED);
    CHECK_EQ(s.cancelled, 5);
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(hk_read(fds[i], &byte, 1), 0);
        hk_close(fds[i]);
    }
    CHECK_EQ(hk_net_connect(&s.addr), -ECONNREFUSED);
    return NULL;
}

/* One whose handler needs time for its cleanup: a killed server waits for that too. */
static int stubborn(int fd, void *arg)
{
    struct server *s = arg;
    char byte;
    s->now++;
    hk_read(fd, &byte, 1);
    for (int i = 0; i < 5; i++) hk_sched_yield();
    s->now--;
    return 0;
}

TASK_TEST(serve_killed_at_every_point)
{
    for (int shape = 0; shape < 4; shape++)
        for (int turns = 0; turns < 8; turns++) {
            struct server s = { .handler = shape % 2 ? echo : stubborn };
            if (shape / 2) s.options.limit = 2;
            begin(&s);
            int fds[4];
            for (int i = 0; i < 4; i++) {
                fds[i] = connect_at_once(&s);
                CHECK_EQ(write(fds[i], "x", 1), 1);
            }
            for (int i = 0; i < turns; i++) hk_sched_yield();
            if (turns == 6) hk_close(s.listener);
            if (turns == 7) hk_sched_yield();
            hk_task_kill(s.tid);
            hk_task_wait(s.tid, NULL);
            CHECK(s.over);
            CHECK(s.result == -ECANCELED || (turns == 6 && s.result == 0));
            for (int i = 0; i < 4; i++) hk_close(fds[i]);
        }
    return NULL;
}

TASK_TEST_SIM(serve_keeps_its_limit)
{
    struct server s = { .options = { .limit = 3 } };
    begin(&s);
    int fds[8];
    for (int i = 0; i < 8; i++) fds[i] = connect_to(&s);
    WAIT_UNTIL(s.now == 3);
    net_settle();
    CHECK_EQ(s.now, 3);
    hk_task_info tasks[8];
    hk_sched_tasks(NULL, tasks, 8);
    CHECK_STR(tasks[1].waits, "serve: room for a connection, 3 are there");
    for (int i = 0; i < 8; i++) {
        CHECK(echoes(fds[i]));
        hk_close(fds[i]);
    }
    stop(&s);
    CHECK_EQ(s.most, 3);
    CHECK_EQ(s.served, 8);
    CHECK_EQ(s.result, 0);
    return NULL;
}

TASK_TEST_SIM(serve_stopped_at_its_limit)
{
    struct server s = { .options = { .limit = 1, .grace = HK_MS(5) } };
    begin(&s);
    int fds[2] = { connect_to(&s), connect_to(&s) };
    CHECK(echoes(fds[0]));
    stop(&s); /* the grace begins now, not when there is room */
    CHECK_EQ(s.result, 0);
    CHECK_EQ(s.cancelled, 1);
    hk_close(fds[0]);
    hk_close(fds[1]);
    return NULL;
}

static int fails(int fd, void *arg)
{
    (void)fd;
    ((struct server *)arg)->served++;
    return hk_fail(-EPROTO, "a bad greeting");
}

static int failures;
static void count_failure(const hk_failure *f)
{
    failures++;
    CHECK_EQ(f->error, -EPROTO);
    CHECK(strncmp(f->why, "a bad greeting", 14) == 0);
    CHECK_STR(f->name, "connection");
}

static void *failing(void *arg)
{
    struct server s = { .handler = fails };
    begin(&s);
    for (int i = 0; i < 3; i++) hk_close(connect_to(&s));
    WAIT_UNTIL(s.served == 3);
    stop(&s);
    CHECK_EQ(s.result, 0);
    return arg;
}

TEST(serve_reports_handlers_that_fail)
{
    CHECK_EQ(hk_run(failing, NULL, &(hk_run_options){ .unhandled = count_failure }), 0);
    CHECK_EQ(failures, 3);
}

static int exits(int fd, void *arg)
{
    (void)fd;
    ((struct server *)arg)->served++;
    hk_task_exit(NULL);
}

TASK_TEST_SIM(serve_handlers_may_exit)
{
    struct server s = { .handler = exits };
    begin(&s);
    char byte;
    int fd = connect_to(&s);
    CHECK_EQ(hk_read(fd, &byte, 1), 0);
    hk_close(fd);
    stop(&s);
    CHECK_EQ(s.served, 1);
    return NULL;
}

TASK_TEST_SIM(serve_what_is_no_listener)
{
    int fds[2];
    CHECK_EQ(hk_serve(-EADDRINUSE, echo, NULL), -EADDRINUSE);
    CHECK_EQ(hk_serve(9999, echo, NULL), -EBADF);
    net_tcp_pair(fds);
    CHECK_EQ(hk_serve(fds[0], echo, NULL), -EINVAL); /* and it is closed: the harness counts */
    net_close(fds[1]);
    net_pipe(fds);
    CHECK_EQ(hk_serve(fds[0], echo, NULL), -ENOTSOCK);
    net_close(fds[1]);
    return NULL;
}

TEST(serve_outside_tasks)
{
    CHECK_EQ(hk_serve(hk_net_listen("tcp:127.0.0.1:0", 5), echo, NULL), -ENOSYS);
}

/* The listener's number is another listener's when the server looks again. */
TASK_TEST_SIM(serve_is_not_fooled_by_a_number_that_is_used_again)
{
    struct server s = { .options = { .limit = 1 } };
    begin(&s);
    int fd = connect_to(&s);
    CHECK(echoes(fd));
    for (int i = 0; i < 2; i++) {
        int number = s.listener;
        hk_close(number);
        int other = hk_net_listen("tcp:127.0.0.1:0", 5);
        CHECK_EQ(other, number);
        hk_close(fd);
        hk_task_wait(s.tid, NULL);
        CHECK_EQ(s.result, 0);
        CHECK_EQ(hk_close(other), 0); /* it is still there */
        if (i == 0) {
            s = (struct server){ 0 };
            begin(&s);
            fd = connect_to(&s);
            CHECK(echoes(fd));
        }
    }
    return NULL;
}

/* Until the second task has been woken and has not run yet. */
static void wait_until_ready(void)
{
    hk_task_info tasks[2];
    for (int i = 0; i < 5000; i++) {
        hk_sched_yield();
        if (hk_sched_tasks(NULL, tasks, 2) == 2 && strcmp(tasks[1].state, "ready") == 0) break;
    }
    CHECK_STR(tasks[1].state, "ready");
}

/* Killed when a connection's task has been made and has not begun: it never does. */
TASK_TEST(serve_killed_before_a_connection_begins)
{
    struct server s = { 0 };
    begin(&s);
    hk_sched_yield();
    int fd = connect_at_once(&s);
    wait_until_ready(); /* it has the connection, and is refused its next call */
    hk_task_kill(s.tid);
    hk_task_wait(s.tid, NULL);
    CHECK_EQ(s.most, 0);
    close(fd);
    return NULL;
}

/* The same where the server has just accepted and is about to look again, at its limit or not. */
TASK_TEST(serve_does_not_accept_for_another_listener)
{
    for (unsigned limit = 0; limit < 2; limit++) {
        struct server s = { .options = { .limit = limit } }, other = { 0 };
        begin(&s);
        hk_sched_yield();
        int fd = connect_at_once(&s);
        wait_until_ready();
        hk_close(s.listener);
        other.listener = hk_net_listen("tcp:127.0.0.1:0", 5);
        CHECK_EQ(hk_net_local(other.listener, &other.addr), 0);
        CHECK_EQ(other.listener, s.listener);
        int stranger = connect_at_once(&other);
        net_settle();
        hk_task_info now[4];
        size_t count = hk_sched_tasks(NULL, now, 4);
        CHECK(count <= 3);
        CHECK(strncmp(now[1].waits, "the end of group connections of 1 task", 38) == 0);
        close(fd);
        hk_task_wait(s.tid, NULL);
        CHECK_EQ(s.result, 0);
        CHECK_EQ(hk_close(hk_accept(other.listener, NULL, NULL)), 0);
        close(stranger);
        hk_close(other.listener);
    }
    return NULL;
}

/* ---- many ---- */

/* Who resets at once may be gone before the system had told the listener of him. */
static int certain; /* connections that are accepted */
static void *come_and_go(void *arg)
{
    struct server *s = arg;
    struct linger now = { .l_onoff = 1 };
    for (int i = 0; i < 100; i++) {
        HK_FD(fd, hk_net_connect(&s->addr));
        if (fd == -ECONNREFUSED || fd == -ECONNRESET || fd == -EMFILE) continue;
        if (!CHECK(fd >= 0)) break;
        if (i % 4 == 1) setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        certain += i % 4 != 1;
        if (i % 4 < 2) continue;
        if (i % 4 == 2)
            hk_write(fd, "bye", 3);
        else
            echoes(fd);
    }
    return NULL;
}

TASK_TEST(serve_two_thousand, .seconds = 30)
{
    struct server s = { .options = { .limit = 7 } };
    begin(&s);
    hk_tid clients[20];
    for (int i = 0; i < 20; i++) clients[i] = hk_spawn(HK_ROOT, come_and_go, &s);
    for (int i = 0; i < 20; i++) hk_task_wait(clients[i], NULL);
    CHECK_EQ(certain, 1500);
    WAIT_UNTIL(s.served >= certain && s.now == 0);
    stop(&s);
    CHECK(s.served <= 2000);
    CHECK(s.most <= 7);
    CHECK_EQ(s.result, 0);
    return NULL;
}

TASK_TEST(serve_stopped_under_load, .seconds = 30)
{
    struct server s = { .options = { .grace = HK_MS(10) } };
    begin(&s);
    hk_tid clients[20];
    for (int i = 0; i < 20; i++) clients[i] = hk_spawn(HK_ROOT, come_and_go, &s);
    WAIT_UNTIL(s.served > 100);
    stop(&s);
    CHECK_EQ(s.result, 0);
    for (int i = 0; i < 20; i++) hk_task_wait(clients[i], NULL);
    return NULL;
}

TASK_TEST(serve_without_descriptors_and_again, .seconds = 30)
{
    if (RUNNING_ON_VALGRIND) return NULL; /* it keeps a limit of its own */
    struct server s = { 0 };
    struct rlimit old, low;
    int next = dup(0);
    close(next);
    begin(&s);
    hk_tid clients[10];
    getrlimit(RLIMIT_NOFILE, &old);
    low = (struct rlimit){ (rlim_t)next + 8, old.rlim_max };
    setrlimit(RLIMIT_NOFILE, &low);
    for (int i = 0; i < 10; i++) clients[i] = hk_spawn(HK_ROOT, come_and_go, &s);
    for (int i = 0; i < 10; i++) hk_task_wait(clients[i], NULL);
    setrlimit(RLIMIT_NOFILE, &old);
    int fd = connect_to(&s);
    CHECK(echoes(fd));
    hk_close(fd);
    stop(&s);
    CHECK_EQ(s.result, 0);
    CHECK(s.served > 100);
    return NULL;
}

/* A scheduler that ends: connections that ignore it are dropped, and the server with them. */
static int ignores(int fd, void *arg)
{
    (void)fd;
    ((struct server *)arg)->now++;
    for (;;) hk_sched_yield();
    return 0;
}

static void *one_comes(void *arg)
{
    struct server *s = arg;
    begin(s);
    hk_close(connect_to(s));
    return NULL;
}

TEST(serve_dropped_at_shutdown, .prints = "was cancelled and ignores it")
{
    struct server s = { .handler = ignores };
    hk_sched *sched = hk_sched_create(&(hk_run_options){ .grace = HK_MS(20) });
    hk_sched_spawn(sched, one_comes, &s);
    while (s.now == 0) hk_sched_step(sched);
    hk_sched_destroy(sched);
    CHECK(!s.over);
}
