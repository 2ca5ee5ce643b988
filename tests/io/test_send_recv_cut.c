/* SPDX-License-Identifier: MIT */
/* hk_send_recv, cut short: by a kill, a deadline, a close, the end of the scheduler. What was sent
 * is known, what comes is not lost, and the socket goes on working. */
#include "support/asker.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { MANY = 32 };

static bool gets(int fd, const char *text)
{
    char buf[64];
    const ssize_t n = hk_recv(fd, buf, sizeof buf, 0);
    return n == (ssize_t)strlen(text) && memcmp(buf, text, strlen(text)) == 0;
}

/* The next question, and its answer. */
static void check_goes_on(const int fds[2])
{
    struct asker a;
    asker_start(&a, fds[0], "next", 4);
    CHECK(!a.done);
    CHECK_EQ(asker_is_handed_in(fds[0]), asker_receives_by_request());
    CHECK(asker_peer_gets(fds[1], "next"));
    CHECK_EQ(net_put(fds[1], "answer", 6), 6);
    asker_wait(&a);
    CHECK_EQ(a.result, 6);
    CHECK_EQ(a.sent, 4);
}

/* ---- kills ---- */

ALL_WAYS_SIM(a_kill_while_it_waits_to_receive)
{
    int fds[2];
    struct asker a;
    asker_tcp(fds);
    for (int i = 0; i < 3; i++) {
        asker_start(&a, fds[0], "question", 8);
        CHECK(!a.done);
        CHECK_EQ(hk_task_kill(a.tid), 1);
        asker_wait(&a);
        CHECK_EQ(a.result, -ECANCELED);
        CHECK_EQ(a.sent, 8);
        CHECK(asker_peer_gets(fds[1], "question"));
        CHECK_EQ(net_put(fds[1], "late", 4), 4);
        CHECK(gets(fds[0], "late"));
        check_goes_on(fds);
    }
    asker_close(fds);
    return NULL;
}

ALL_WAYS_SIM(a_kill_while_it_waits_to_send)
{
    int fds[2];
    struct asker a;
    asker_local(fds);
    asker_fill(fds[0]);
    asker_start(&a, fds[0], "question", 8);
    CHECK(!a.done);
    CHECK_EQ(net_put(fds[1], "late", 4), 4);
    CHECK_EQ(hk_task_kill(a.tid), 1);
    asker_wait(&a);
    CHECK_EQ(a.result, -ECANCELED);
    CHECK_EQ(a.sent, 0);
    CHECK(gets(fds[0], "late"));
    for (char buf[4096]; net_take(fds[1], buf, sizeof buf) > 0;) CHECK_EQ(buf[0], 0);
    net_settle(); /* the loop sees that there is room */
    check_goes_on(fds);
    asker_close(fds);
    return NULL;
}

/* In the pass in which they have run: the kernel does not have what they have handed in yet. */
static struct asker all[MANY];
static int pairs[MANY][2];
static bool were_early;

static void *kills_all(void *arg)
{
    char c;
    were_early = true;
    for (int i = 0; i < MANY; i++) {
        if (i >= MANY - 3) /* else the ring was too small for all */
            were_early &= asker_is_handed_in(pairs[i][0]) && net_take(pairs[i][1], &c, 1) < 0;
        CHECK(!all[i].done);
    }
    for (int i = 0; i < MANY; i++) CHECK_EQ(hk_task_kill(all[i].tid), 1);
    return arg;
}

ALL_WAYS(a_kill_before_it_is_handed_over)
{
    for (int i = 0; i < MANY; i++) asker_local(pairs[i]);
    const int64_t begun = hk_now();
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < MANY; i++) asker_begin(&all[i], pairs[i][0], "question", 8);
        hk_task_wait(hk_spawn(HK_ROOT, kills_all, NULL), NULL);
        for (int i = 0; i < MANY; i++) {
            asker_wait(&all[i]);
            CHECK_EQ(all[i].result, -ECANCELED);
            CHECK_EQ(all[i].sent, 8);
            CHECK(asker_peer_gets(pairs[i][1], "question"));
        }
        CHECK(were_early || !asker_is_together());
    }
    CHECK(hk_now() - begun < HK_MS(10) * 5 * MANY / 2 * test_time_factor());
    for (int i = 0; i < MANY; i++) {
        if (i % 8 == 0) check_goes_on(pairs[i]);
        asker_close(pairs[i]);
    }
    return NULL;
}

/* The kernel may have the bytes already: then they are the result, else they are in the socket. */
ALL_WAYS_SIM(a_kill_when_the_answer_has_just_come)
{
    int fds[2], received = 0;
    struct asker a;
    asker_local(fds);
    for (int i = 0; i < 20; i++) {
        asker_start(&a, fds[0], "q", 1);
        CHECK(asker_peer_gets(fds[1], "q"));
        if (i % 2 == 0) CHECK_EQ(net_put(fds[1], "answer", 6), 6);
        CHECK_EQ(hk_task_kill(a.tid), 1);
        if (i % 2 == 1) CHECK_EQ(net_put(fds[1], "answer", 6), 6);
        asker_wait(&a);
        CHECK_EQ(a.sent, 1);
        CHECK(a.result == 6 || a.result == -ECANCELED);
        received += a.result == 6;
        if (a.result == 6)
            CHECK(memcmp(a.in, "answer", 6) == 0);
        else
            CHECK(gets(fds[0], "answer"));
    }
    CHECK(received == 0 || asker_is_together());
    asker_close(fds);
    return NULL;
}

/* ---- deadlines ---- */

static ssize_t ask_within(int64_t timeout, int fd, size_t *ret_sent, ssize_t *ret_closed)
{
    char in[16];
    HK_SCOPE(limit, timeout);
    const ssize_t n = hk_send_recv(fd, "question", 8, in, sizeof in, ret_sent);
    *ret_closed = hk_scope_close(&limit, n);
    return n;
}

ALL_WAYS_SIM(a_deadline)
{
    int fds[2];
    ssize_t closed;
    size_t sent;
    asker_tcp(fds);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(ask_within(HK_MS(2), fds[0], &sent, &closed), -ECANCELED);
        CHECK_EQ(closed, -ETIMEDOUT);
        CHECK_EQ(sent, 8);
        CHECK(asker_peer_gets(fds[1], "question"));
        CHECK_EQ(net_put(fds[1], "late", 4), 4);
        CHECK(gets(fds[0], "late"));
        check_goes_on(fds);
    }
    asker_close(fds);
    return NULL;
}

ALL_WAYS_SIM(where_nothing_may_wait)
{
    int fds[2];
    ssize_t closed;
    size_t sent;
    asker_tcp(fds);
    CHECK_EQ(ask_within(0, fds[0], &sent, &closed), -ECANCELED);
    CHECK_EQ(closed, -ETIMEDOUT);
    CHECK_EQ(sent, 8);
    CHECK(asker_peer_gets(fds[1], "question"));
    CHECK_EQ(net_put(fds[1], "early", 5), 5);
    net_settle();
    CHECK_EQ(ask_within(-1, fds[0], &sent, &closed), -ECANCELED); /* refused */
    CHECK_EQ(sent, 0);
    CHECK_EQ(ask_within(0, fds[0], &sent, &closed), 5);
    CHECK_EQ(closed, 5);
    CHECK_EQ(sent, 8);
    CHECK(asker_peer_gets(fds[1], "question"));
    check_goes_on(fds);
    asker_close(fds);
    asker_local(fds);
    asker_fill(fds[0]);
    CHECK_EQ(ask_within(0, fds[0], &sent, &closed), -ECANCELED);
    CHECK_EQ(closed, -ETIMEDOUT);
    CHECK_EQ(sent, 0);
    asker_close(fds);
    return NULL;
}

/* ---- in every order ---- */

static void recv_at_once(const int fds[2])
{
    CHECK_EQ(net_put(fds[1], "a", 1), 1);
    CHECK(gets(fds[0], "a"));
}

static void *receives(void *fd) { return hk_val(gets((int)hk_num(fd), "b")); }
static void recv_later(const int fds[2])
{
    hk_exit end;
    const hk_tid tid = hk_spawn(HK_ROOT, receives, hk_val(fds[0]));
    hk_sched_yield();
    CHECK_EQ(net_put(fds[1], "b", 1), 1);
    CHECK_EQ(hk_task_wait(tid, &end), 0);
    CHECK_EQ(hk_num(end.value), 1);
}

static void send_alone(const int fds[2])
{
    CHECK_EQ(hk_send(fds[0], "c", 1, 0), 1);
    CHECK(asker_peer_gets(fds[1], "c"));
}

static void answered_before(const int fds[2])
{
    char in[8];
    CHECK_EQ(net_put(fds[1], "d", 1), 1);
    CHECK_EQ(hk_send_recv(fds[0], "D", 1, in, sizeof in, NULL), 1);
    CHECK_EQ(in[0], 'd');
    CHECK(asker_peer_gets(fds[1], "D"));
}

static void answered_later(const int fds[2])
{
    struct asker a;
    asker_begin(&a, fds[0], "E", 1);
    hk_sched_yield();
    CHECK(asker_peer_gets(fds[1], "E"));
    CHECK_EQ(net_put(fds[1], "e", 1), 1);
    asker_wait(&a);
    CHECK_EQ(a.result, 1);
}

static void killed(const int fds[2])
{
    struct asker a;
    asker_begin(&a, fds[0], "F", 1);
    hk_sched_yield();
    CHECK_EQ(hk_task_kill(a.tid), 1);
    asker_wait(&a);
    CHECK_EQ(a.result, -ECANCELED);
    CHECK(asker_peer_gets(fds[1], "F"));
}

static void to_the_brim(const int fds[2])
{
    char in[64];
    CHECK_EQ(net_put(fds[1], asker_bytes(64), 64), 64);
    CHECK_EQ(hk_send_recv(fds[0], "G", 1, in, sizeof in, NULL), 64);
    CHECK(asker_peer_gets(fds[1], "G"));
}

static void (*const kinds[])(const int fds[2]) = { recv_at_once,    recv_later,     send_alone,
                                                   answered_before, answered_later, killed,
                                                   to_the_brim };

/* Else what comes while an operation receives would be an event of long ago when it is done. */
ALL_WAYS_SIM(what_an_operation_receives_is_no_event)
{
    int fds[2];
    struct asker a;
    hk_exit end;
    asker_local(fds);
    for (int i = 0; i < 3; i++) {
        const hk_tid tid = hk_spawn(HK_ROOT, receives, hk_val(fds[0]));
        net_settle();
        CHECK(asker_is_watched(fds[0]));
        CHECK_EQ(net_put(fds[1], "b", 1), 1);
        CHECK_EQ(hk_task_wait(tid, &end), 0);
        CHECK_EQ(hk_num(end.value), 1);
        asker_start(&a, fds[0], "q", 1);
        CHECK_EQ(asker_is_watched(fds[0]), !asker_receives_by_request());
        CHECK_EQ(net_put(fds[1], "a", 1), 1);
        asker_wait(&a);
        CHECK_EQ(a.result, 1);
    }
    CHECK(asker_peer_gets(fds[1], "qqq"));
    asker_close(fds);
    return NULL;
}

/* Each three of them, one after the other, on the same socket. */
static void in_every_order(void (*make)(int ret_fds[2]))
{
    enum { KINDS = HK_LEN(kinds) };
    int fds[2];
    make(fds);
    for (size_t i = 0; i < KINDS * KINDS * KINDS && !test_has_failed(); i++) {
        kinds[i / KINDS / KINDS](fds);
        kinds[i / KINDS % KINDS](fds);
        kinds[i % KINDS](fds);
        if (test_has_failed())
            printf("kinds %zu %zu %zu\n", i / KINDS / KINDS, i / KINDS % KINDS, i % KINDS);
    }
    asker_close(fds);
}

ALL_WAYS(every_order_over_tcp, .seconds = 30)
{
    in_every_order(asker_tcp);
    return NULL;
}

ALL_WAYS(every_order_over_local_streams, .seconds = 30)
{
    in_every_order(asker_local);
    return NULL;
}

/* ---- closes ---- */

struct closer {
    int fd, result;
};

static void *closes(void *arg)
{
    struct closer *c = arg;
    c->result = hk_close(c->fd);
    return NULL;
}

static bool peer_sees_end(int peer)
{
    char c;
    int64_t n = -EAGAIN;
    for (int i = 0; i < 2000 && n == -EAGAIN; i++)
        if ((n = net_take(peer, &c, 1)) == -EAGAIN) hk_sleep(HK_US(200));
    return n == 0;
}

ALL_WAYS_SIM(a_close_while_it_waits_to_receive)
{
    int fds[2];
    struct asker a;
    asker_tcp(fds);
    asker_start(&a, fds[0], "question", 8);
    CHECK(!a.done);
    CHECK_EQ(hk_close(fds[0]), 0);
    asker_wait(&a);
    CHECK_EQ(a.result, -EBADF);
    CHECK_EQ(a.sent, 8);
    CHECK_EQ(net_take(fds[1], a.in, 8), 8);
    CHECK(peer_sees_end(fds[1]));
    CHECK_EQ(hk_send_recv(fds[0], "x", 1, a.in, 1, NULL), -EBADF);
    net_close(fds[1]);
    return NULL;
}

ALL_WAYS_SIM(a_close_while_it_waits_to_send)
{
    int fds[2];
    struct asker a;
    asker_local(fds);
    asker_fill(fds[0]);
    asker_start(&a, fds[0], "question", 8);
    CHECK(!a.done);
    CHECK_EQ(hk_close(fds[0]), 0);
    asker_wait(&a);
    CHECK_EQ(a.result, -EBADF);
    CHECK_EQ(a.sent, 0);
    for (char buf[4096]; net_take(fds[1], buf, sizeof buf) > 0;) CHECK_EQ(buf[0], 0);
    CHECK(peer_sees_end(fds[1]));
    net_close(fds[1]);
    return NULL;
}

/* A close, a second one, a kill, all before the loop sees any of it, in each order. */
enum { CLOSE, CLOSE_TOO, KILL };

static void all_at_once(const int order[3])
{
    int fds[2];
    struct asker a;
    asker_tcp(fds);
    asker_start(&a, fds[0], "q", 1);
    struct closer c[2] = { { fds[0], 1 }, { fds[0], 1 } };
    hk_tid tid[2] = { 0, 0 };
    for (int i = 0; i < 3; i++) {
        if (order[i] == KILL)
            CHECK_EQ(hk_task_kill(a.tid), 1);
        else
            tid[order[i]] = hk_spawn(HK_ROOT, closes, &c[order[i]]);
        if (i == 0) hk_sched_yield();
    }
    for (int i = 0; i < 2; i++) hk_task_wait(tid[i], NULL);
    asker_wait(&a);
    CHECK(a.result == -EBADF || a.result == -ECANCELED);
    CHECK_EQ(a.sent, 1);
    CHECK_EQ(c[0].result + c[1].result, -EBADF);
    CHECK(c[0].result == 0 || c[1].result == 0);
    net_settle();
    CHECK_EQ(net_take(fds[1], a.in, 8), 1);
    CHECK(peer_sees_end(fds[1]));
    net_close(fds[1]);
}

ALL_WAYS(closes_and_a_kill_in_each_order)
{
    static const int orders[][3] = { { CLOSE, CLOSE_TOO, KILL }, { CLOSE, KILL, CLOSE_TOO },
                                     { KILL, CLOSE, CLOSE_TOO }, { CLOSE_TOO, KILL, CLOSE },
                                     { KILL, CLOSE_TOO, CLOSE }, { CLOSE_TOO, CLOSE, KILL } };
    for (size_t i = 0; i < HK_LEN(orders); i++) all_at_once(orders[i]);
    return NULL;
}

/* The number means another socket right after. */
ALL_WAYS(the_number_comes_again)
{
    int fds[2], again[2];
    struct asker old, new;
    asker_local(fds);
    for (int i = 0; i < 20; i++) {
        asker_start(&old, fds[0], "q", 1);
        CHECK_EQ(net_put(fds[1], "old", 3), 3);
        CHECK_EQ(hk_close(fds[0]), 0);
        const int was = fds[0];
        net_close(fds[1]);
        asker_local(again);
        CHECK(again[0] == was || again[1] == was);
        asker_start(&new, again[0], "question", 8);
        CHECK(old.done && (old.result == -EBADF || old.result == 3));
        CHECK(!new.done);
        CHECK(asker_peer_gets(again[1], "question"));
        CHECK_EQ(net_put(again[1], "new!", 4), 4);
        asker_wait(&new);
        CHECK_EQ(new.result, 4);
        check_goes_on(again);
        fds[0] = again[0], fds[1] = again[1];
    }
    asker_close(fds);
    return NULL;
}

/* Closed behind our back, and given out again by a call of ours. */
ALL_WAYS(the_number_comes_again_as_a_pipe)
{
    int fds[2], ends[2];
    char c;
    struct asker a;
    asker_local(fds);
    asker_start(&a, fds[0], "q", 1);
    CHECK(!a.done);
    CHECK_EQ(close(fds[0]), 0);
    CHECK_EQ(hk_pipe(ends), 0);
    CHECK_EQ(ends[0], fds[0]);
    asker_wait(&a);
    CHECK_EQ(a.result, -EBADF);
    CHECK_EQ(a.sent, 1);
    CHECK_EQ(hk_write(ends[1], "x", 1), 1);
    CHECK_EQ(hk_read(ends[0], &c, 1), 1);
    asker_close(ends);
    net_close(fds[1]);
    return NULL;
}

/* The same end of the stream by a shutdown, which is none of ours to hear of. */
ALL_WAYS(a_shutdown_while_it_waits)
{
    int fds[2];
    struct asker a;
    asker_tcp(fds);
    asker_start(&a, fds[0], "q", 1);
    CHECK_EQ(hk_shutdown(fds[0], SHUT_RDWR), 0);
    asker_wait(&a);
    CHECK_EQ(a.result, 0);
    CHECK_EQ(a.sent, 1);
    asker_close(fds);
    return NULL;
}

/* ---- the end of it all ---- */

static bool with_requests;

/* Some wait for an answer, some for room, some have just handed in. */
static void open_many(void)
{
    for (int i = 0; i < MANY; i++) {
        asker_local(pairs[i]);
        if (i % 4 == 1) asker_fill(pairs[i][0]);
        asker_begin(&all[i], pairs[i][0], "question", 8);
        if (i == MANY / 2) net_settle();
    }
    hk_sched_yield();
}

static void close_many(void)
{
    for (int i = 0; i < MANY; i++) {
        CHECK(all[i].done);
        CHECK_EQ(all[i].result, -ECANCELED);
        CHECK_EQ(all[i].sent, i % 4 == 1 ? 0 : 8);
        close(pairs[i][0]);
        close(pairs[i][1]);
    }
}

static void *stops(void *arg)
{
    if (!(with_requests ? asker_together() : asker_apart())) return NULL;
    open_many();
    hk_sched_stop(NULL, 0);
    return arg;
}

static void *only_opens(void *arg)
{
    if (!(with_requests ? asker_together() : asker_apart())) return NULL;
    open_many();
    return arg;
}

static void *is_killed(void *arg)
{
    if (!(with_requests ? asker_together() : asker_apart())) return NULL;
    open_many();
    return hk_val(-EIO); /* main fails: the others are cancelled */
}

static void ends(hk_entry *main_task, intptr_t wanted)
{
    memset(all, 0, sizeof all);
    const intptr_t r = hk_run(main_task, NULL, NULL);
    if (all[0].tid == 0) return; /* skipped */
    CHECK_EQ(r, wanted);
    close_many();
}

TEST(a_stop) { ends(stops, 0); }
TEST(main_fails) { ends(is_killed, -EIO); }
TEST(together_a_stop) { with_requests = true, ends(stops, 0); }
TEST(together_main_fails) { with_requests = true, ends(is_killed, -EIO); }

/* From outside, in the middle of it. */
static void destroyed(bool together)
{
    with_requests = together;
    memset(all, 0, sizeof all);
    hk_sched *s = hk_sched_create(NULL);
    hk_sched_spawn(s, only_opens, NULL);
    for (int i = 0; i < 200 && hk_sched_step(s) >= 0; i++) usleep(100);
    hk_sched_destroy(s);
    if (all[0].tid != 0) close_many();
}

TEST(a_scheduler_that_is_destroyed) { destroyed(false); }
TEST(together_a_scheduler_that_is_destroyed) { destroyed(true); }
