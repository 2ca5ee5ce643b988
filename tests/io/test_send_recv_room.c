/* SPDX-License-Identifier: MIT */
/* hk_send_recv on sockets that are full, beside other tasks, in rings that are full, under other
 * drivers. */
#include "support/asker.h"
#include "support/faults.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- no room, or room for a part ---- */

static bool discard(int fd, size_t size)
{
    char buf[4096];
    for (int tries = 0; tries < 5000 && size > 0;) {
        const int64_t n = net_take(fd, buf, size < sizeof buf ? size : sizeof buf);
        if (n == 0 || (n < 0 && n != -EAGAIN)) return false;
        if (n > 0)
            size -= (size_t)n;
        else
            tries++, hk_sleep(HK_US(200));
    }
    return size == 0;
}

ALL_WAYS_SIM(it_waits_for_room_and_then_for_the_answer)
{
    int fds[2];
    struct asker a;
    asker_local(fds);
    const size_t filled = asker_fill(fds[0]);
    asker_start(&a, fds[0], "question", 8);
    CHECK(!a.done);
    CHECK(!asker_is_handed_in(fds[0]));
    CHECK_EQ(net_put(fds[1], "early", 5), 5); /* not received before all is sent */
    net_settle();
    CHECK(!a.done);
    CHECK(discard(fds[1], filled));
    asker_wait(&a);
    CHECK_EQ(a.result, 5);
    CHECK_EQ(a.sent, 8);
    CHECK(asker_peer_gets(fds[1], "question"));
    asker_close(fds);
    return NULL;
}

/* More than the socket takes, whose peer reads slowly. */
static void by_and_by(void (*make)(int ret_fds[2]), size_t size, bool small)
{
    int fds[2];
    struct asker a;
    make(fds);
    if (small) net_set_buffer(fds[0], SO_SNDBUF, 1);
    if (small) net_set_buffer(fds[1], SO_RCVBUF, 1);
    asker_start(&a, fds[0], asker_bytes(size), size);
    CHECK(!a.done);
    CHECK(asker_drain(fds[1], 0, size));
    net_settle();
    CHECK(!a.done);
    CHECK_EQ(net_put(fds[1], "done", 4), 4);
    asker_wait(&a);
    CHECK_EQ(a.result, 4);
    CHECK_EQ(a.sent, size);
    CHECK(asker_peer_gets(fds[1], ""));
    asker_close(fds);
}

ALL_WAYS_SIM(what_a_local_socket_takes_in_parts)
{
    by_and_by(asker_local, 16000, true);
    return NULL;
}

ALL_WAYS_SIM(what_a_tcp_socket_takes_in_parts)
{
    by_and_by(asker_tcp, 16000, true);
    return NULL;
}

ALL_WAYS_SIM(more_than_is_handed_in)
{
    by_and_by(asker_local, 300000, false);
    by_and_by(asker_tcp, 400000, false);
    return NULL;
}

/* A part went at once, and then the task is killed: what it says it sent is what came. */
ALL_WAYS_SIM(a_kill_in_the_middle_of_sending)
{
    int fds[2];
    struct asker a;
    const size_t size = asker_is_together() ? 16000 : 400000;
    asker_local(fds);
    net_set_buffer(fds[0], SO_SNDBUF, 1);
    asker_start(&a, fds[0], asker_bytes(size), size);
    CHECK(!a.done);
    CHECK_EQ(hk_task_kill(a.tid), 1);
    asker_wait(&a);
    CHECK_EQ(a.result, -ECANCELED);
    CHECK(a.sent > 0 && a.sent < size);
    CHECK(asker_drain(fds[1], 0, a.sent));
    CHECK(asker_peer_gets(fds[1], ""));
    asker_close(fds);
    return NULL;
}

/* The kernel has done it, and we make it say something else of receiving. */
TASK_TEST(a_receive_that_is_put_off_is_tried_again)
{
    static const int says[] = { -EAGAIN, -EINTR };
    int fds[2];
    struct asker a;
    if (!asker_together()) return NULL;
    for (int i = 0; i < 2; i++) {
        asker_tcp(fds);
        asker_start(&a, fds[0], "question", 8);
        CHECK(asker_is_handed_in(fds[0]));
        faults_put_off = says[i];
        faults_put_off_count = 1;
        CHECK_EQ(net_put(fds[1], "lost", 4), 4);
        net_settle();
        CHECK_EQ(faults_put_off_count, 0);
        CHECK(!a.done);
        CHECK_EQ(net_put(fds[1], "answer", 6), 6);
        asker_wait(&a);
        CHECK_EQ(a.result, 6);
        CHECK_EQ(a.sent, 8);
        CHECK(asker_peer_gets(fds[1], "question"));
        asker_close(fds);
    }
    return NULL;
}

/* ---- beside others ---- */

struct writer {
    int fd;
    size_t size;
    ssize_t result;
    bool done;
};

static void *writes(void *arg)
{
    struct writer *w = arg;
    w->result = hk_send(w->fd, asker_bytes(w->size), w->size, 0);
    w->done = true;
    return NULL;
}

static void *waits_for_room(void *arg)
{
    struct writer *w = arg;
    w->result = hk_fd_wait(w->fd, HK_WRITE);
    w->done = true;
    return NULL;
}

ALL_WAYS_SIM(a_second_receiver_is_busy)
{
    int fds[2];
    char c;
    struct asker a;
    asker_local(fds);
    asker_start(&a, fds[0], "q", 1);
    CHECK_EQ(hk_recv(fds[0], &c, 1, 0), -EBUSY);
    CHECK_EQ(hk_read(fds[0], &c, 1), -EBUSY);
    CHECK_EQ(hk_fd_wait(fds[0], HK_READ), -EBUSY);
    size_t sent;
    CHECK_EQ(hk_send_recv(fds[0], "r", 1, &c, 1, &sent), -EBUSY);
    CHECK_EQ(sent, 1); /* as hk_send would have */
    CHECK(!a.done);
    CHECK_EQ(net_put(fds[1], "a", 1), 1);
    asker_wait(&a);
    CHECK_EQ(a.result, 1);
    CHECK(asker_peer_gets(fds[1], "qr"));
    asker_close(fds);
    return NULL;
}

ALL_WAYS_SIM(a_second_sender_goes_ahead)
{
    int fds[2];
    struct asker a;
    asker_local(fds);
    asker_start(&a, fds[0], "q", 1);
    CHECK_EQ(hk_send(fds[0], "second", 6, 0), 6);
    CHECK_EQ(hk_fd_wait(fds[0], HK_WRITE), 0);
    CHECK(asker_peer_gets(fds[1], "qsecond"));
    CHECK(!a.done);
    /* Also where it must wait for room, and an answer comes meanwhile, or not. */
    for (int i = 0; i < 2; i++) {
        struct writer w = { .fd = fds[0], .size = 400000 };
        hk_tid tid = hk_spawn(HK_ROOT, writes, &w);
        net_settle();
        CHECK(!w.done);
        CHECK_EQ(asker_is_handed_in(fds[0]), asker_receives_by_request());
        if (i == 1) CHECK_EQ(net_put(fds[1], "a", 1), 1);
        net_settle();
        CHECK_EQ(a.done, i == 1);
        CHECK(asker_drain(fds[1], 0, w.size));
        hk_task_wait(tid, NULL);
        CHECK_EQ(w.result, w.size);
    }
    CHECK_EQ(a.result, 1);
    asker_close(fds);
    return NULL;
}

/* Who waits until it may write gets events, of which receiving must not hear. */
ALL_WAYS_SIM(one_that_waits_for_room_beside_it)
{
    int fds[2];
    struct asker a;
    asker_local(fds);
    asker_start(&a, fds[0], "q", 1);
    CHECK(asker_peer_gets(fds[1], "q"));
    for (int i = 0; i < 3; i++) {
        const size_t filled = asker_fill(fds[0]);
        struct writer w = { .fd = fds[0] };
        CHECK_EQ(hk_send(fds[0], "x", 0, 0), 0);
        CHECK_EQ(hk_sched_yield(), 0);
        hk_tid tid = hk_spawn(HK_ROOT, waits_for_room, &w);
        net_settle();
        CHECK(!w.done);
        CHECK(discard(fds[1], filled));
        hk_task_wait(tid, NULL);
        CHECK_EQ(w.result, 0);
        CHECK(!a.done);
    }
    CHECK_EQ(net_put(fds[1], "answer", 6), 6);
    asker_wait(&a);
    CHECK_EQ(a.result, 6);
    asker_close(fds);
    return NULL;
}

/* The end comes as an event to the writer, and as a result to the receiver. */
ALL_WAYS(an_end_while_another_waits_for_room)
{
    int fds[2];
    struct asker a;
    asker_local(fds);
    asker_start(&a, fds[0], "q", 1);
    asker_fill(fds[0]);
    struct writer w = { .fd = fds[0], .size = 8 };
    hk_tid tid = hk_spawn(HK_ROOT, writes, &w);
    net_settle();
    CHECK(!w.done && !a.done);
    net_close(fds[1]);
    hk_task_wait(tid, NULL);
    asker_wait(&a);
    CHECK_EQ(w.result, -EPIPE);
    CHECK_EQ(a.result, -ECONNRESET); /* what the peer closed, it had not read */
    CHECK_EQ(hk_close(fds[0]), 0);
    return NULL;
}

/* ---- a full ring, a foreign loop ---- */

enum { PAIRS = 64 };

static void many_pairs(void)
{
    static struct asker all[PAIRS];
    static int fds[PAIRS][2];
    for (int i = 0; i < PAIRS; i++) asker_local(fds[i]);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < PAIRS; i++) asker_begin(&all[i], fds[i][0], "question", 8);
        net_settle();
        for (int i = 0; i < PAIRS; i++) CHECK(!all[i].done);
        for (int i = 0; i < PAIRS; i++) CHECK(asker_peer_gets(fds[i][1], "question"));
        for (int i = 0; i < PAIRS; i++) CHECK_EQ(net_put(fds[i][1], (char *)&i, 4), 4);
        for (int i = 0; i < PAIRS; i++) {
            asker_wait(&all[i]);
            CHECK_EQ(all[i].result, 4);
            CHECK(memcmp(all[i].in, &i, 4) == 0);
        }
    }
    for (int i = 0; i < PAIRS; i++) asker_close(fds[i]);
}

ALL_WAYS_SIM(many_pairs_at_once)
{
    many_pairs();
    return NULL;
}

static void *many_in_foreign_loop(void *arg)
{
    many_pairs();
    return arg;
}

static int bell;

/* Handed in before there was a foreign loop, by some; the others come later. */
static void *starts_early(void *together)
{
    static int fds[2], others[2];
    struct asker a, killed;
    if (hk_num(together) && !asker_together()) return NULL;
    if (!hk_num(together)) asker_apart();
    asker_local(fds);
    asker_local(others);
    asker_start(&a, fds[0], "q", 1);
    asker_start(&killed, others[0], "q", 1);
    CHECK_EQ(asker_is_handed_in(others[0]), asker_receives_by_request());
    bell = hk_sched_fd(hk__here.sched);
    CHECK_EQ(hk_task_kill(killed.tid), 1);
    asker_wait(&killed);
    CHECK_EQ(killed.result, -ECANCELED);
    CHECK_EQ(net_put(fds[1], "a", 1), 1);
    asker_wait(&a);
    CHECK_EQ(a.result, 1);
    CHECK(asker_peer_gets(fds[1], "q"));
    asker_close(others);
    asker_close(fds);
    return many_in_foreign_loop(NULL);
}

static void in_foreign_loop(bool together)
{
    hk_sched *s = hk_sched_create(NULL);
    hk_sched_spawn(s, starts_early, hk_val(together));
    int64_t ns;
    bell = -1; /* poll takes that too */
    while ((ns = hk_sched_step(s)) >= 0) {
        struct pollfd p = { .fd = bell, .events = POLLIN };
        poll(&p, 1, bell < 0 ? ns != 0 : ns == HK_FOREVER ? 1000 : (int)((ns + 999999) / 1000000));
    }
    CHECK_EQ(ns, -ECHILD);
    hk_sched_destroy(s);
}

TEST(in_a_foreign_loop) { in_foreign_loop(false); }
TEST(together_until_there_is_a_foreign_loop) { in_foreign_loop(true); }

/* ---- without a stack, under a driver ---- */

struct stepper {
    hk_coro co;
    int fd;
    char in[16];
    hk_io_call io;
    intptr_t result[3];
    size_t sent[3];
    int round;
};

static hk_step step(hk_coro *co, void *in)
{
    struct stepper *f = HK_CONTAINER(co, struct stepper, co);
    (void)in;
    HK_BEGIN(co);
    for (f->round = 0; f->round < 3; f->round++) {
        hk_send_recv_prepare(&f->io, f->fd, "stackless", (size_t)(3 * f->round), f->in,
                             sizeof f->in);
        HK_AWAIT(co, &f->io.call);
        f->result[f->round] = f->io.call.result;
        f->sent[f->round] = hk_send_recv_sent(&f->io);
    }
    HK_END(co, NULL);
}

ALL_WAYS_SIM(stackless)
{
    static struct stepper f;
    int fds[2];
    asker_local(fds);
    f = (struct stepper){ .fd = fds[0] };
    hk_stackless_init(&f.co, step, NULL);
    const hk_tid tid = hk_spawn_stackless(HK_ROOT, &f.co, NULL);
    for (int i = 0; i < 3; i++) {
        net_settle();
        CHECK_EQ(asker_is_handed_in(fds[0]), asker_receives_by_request() && i > 0);
        CHECK(asker_peer_gets(fds[1], i == 0 ? "" : i == 1 ? "sta" : "stackl"));
        CHECK_EQ(net_put(fds[1], "abc", (size_t)i + 1), i + 1);
    }
    hk_task_wait(tid, NULL);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(f.result[i], i + 1);
        CHECK_EQ(f.sent[i], 3 * i);
    }
    asker_close(fds);
    return NULL;
}

static int told;
static struct idle {
    hk_call call;
} idle;

static void idle_handle(hk_call *call) { (void)call; }
static int idle_abort(hk_call *call)
{
    (void)call;
    return HK_ABORTED;
}
static const hk_call_type idle_type = { .name = "idle",
                                        .handle = idle_handle,
                                        .abort = idle_abort };

static void tell(hk_call *call)
{
    (void)call;
    told++;
    hk_call_complete(&idle.call, 0);
}

/* A driver inside the task: what the child asks is forwarded. */
static void *drives(void *arg)
{
    HK_CORO(co, asker_main, arg, &(hk_coro_options){ .driven = true });
    hk_step s = hk_coro_send(co, NULL);
    while (s.outcome == HK_TRAPPED) {
        s.call->done = tell;
        idle = (struct idle){ HK_CALL(idle_type) };
        if (!hk_call_start(s.call)) CHECK_EQ(hk_trap(&idle.call), 0);
        s = hk_coro_send(co, hk_val(s.call->result));
    }
    return s.value;
}

ALL_WAYS_SIM(forwarded_by_a_driver)
{
    int fds[2];
    asker_local(fds);
    struct asker a = { .fd = fds[0], .out = "question", .out_size = 8 };
    told = 0;
    a.tid = hk_spawn(HK_ROOT, drives, &a);
    net_settle();
    CHECK(!a.done);
    CHECK(asker_peer_gets(fds[1], "question"));
    CHECK_EQ(net_put(fds[1], "abc", 3), 3);
    asker_wait(&a);
    CHECK_EQ(a.result, 3);
    CHECK_EQ(a.sent, 8);
    CHECK_EQ(told, 1);
    asker_close(fds);
    return NULL;
}
