/* SPDX-License-Identifier: MIT */
/* Descriptors and those who wait for them: two for one, close under a waiter, kill, numbers that
 * come again, duplicates, everybody who may close. */
#include "support/net.h"

#include "sched/descriptor.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

struct reader {
    int fd;
    char buf[16];
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

static char filler[1 << 20];

static void *write_filler(void *arg)
{
    struct reader *r = arg;
    r->result = hk_write(r->fd, filler, sizeof filler);
    r->done = true;
    return NULL;
}

static struct hk__descriptors *table(void) { return &((hk_sched *)hk__here.sched)->descriptors; }

/* ---- case 49: a second reader ---- */

TASK_TEST(second_reader_is_busy)
{
    int fds[2];
    char buf[8];
    struct reader first;
    net_local_pair(SOCK_STREAM, fds);
    start_reader(&first, fds[0]);
    CHECK_EQ(hk_read(fds[0], buf, sizeof buf), -EBUSY);
    CHECK_EQ(hk_recv(fds[0], buf, sizeof buf, 0), -EBUSY);
    CHECK_EQ(hk_fd_wait(fds[0], HK_READ), -EBUSY);
    CHECK_EQ(hk_fd_wait(fds[0], HK_WRITE), 0); /* the other direction is free */
    CHECK_EQ(hk_write(fds[0], "x", 1), 1);
    CHECK_EQ(hk_write(fds[1], "abc", 3), 3);
    net_settle();
    CHECK_EQ(first.result, 3);
    CHECK_EQ(hk_close(fds[0]), 0);
    CHECK_EQ(hk_close(fds[1]), 0);
    return NULL;
}

TASK_TEST(second_writer_is_busy)
{
    int fds[2];
    struct reader first = { .fd = -1 };
    net_local_pair(SOCK_STREAM, fds);
    first.fd = fds[0];
    hk_spawn(HK_ROOT, write_filler, &first);
    net_settle();
    CHECK(!first.done);
    CHECK_EQ(hk_write(fds[0], "x", 1), -EBUSY);
    struct reader reader;
    start_reader(&reader, fds[0]); /* reading goes on beside it */
    CHECK_EQ(hk_write(fds[1], "abc", 3), 3);
    net_settle();
    CHECK_EQ(reader.result, 3);
    hk_close(fds[0]);
    net_settle();
    CHECK(first.done && first.result > 0 && first.result < (ssize_t)sizeof filler);
    hk_close(fds[1]);
    return NULL;
}

/* ---- case 49: close under a waiter, a number that comes again ---- */

TASK_TEST(close_wakes_the_waiter)
{
    int fds[2];
    struct reader r;
    net_local_pair(SOCK_STREAM, fds);
    start_reader(&r, fds[0]);
    CHECK_EQ(table()->waiting, 1);
    CHECK_EQ(table()->watched, 1);
    CHECK_EQ(hk_close(fds[0]), 0);
    CHECK(fcntl(fds[0], F_GETFD) < 0);
    CHECK(!r.done);
    net_settle();
    CHECK_EQ(r.result, -EBADF);
    CHECK_EQ(table()->waiting, 0);
    CHECK_EQ(table()->watched, 0);
    CHECK_EQ(hk_read(fds[0], r.buf, 1), -EBADF);
    CHECK_EQ(hk_close(fds[0]), -EBADF);
    hk_close(fds[1]);
    return NULL;
}

TASK_TEST(reused_number_does_not_wake_the_old_waiter)
{
    int fds[2], again[2];
    struct reader old, new;
    net_local_pair(SOCK_STREAM, fds);
    start_reader(&old, fds[0]);
    CHECK_EQ(hk_write(fds[1], "old", 3), 3); /* an event is under way */
    hk_close(fds[0]);
    hk_close(fds[1]);
    net_local_pair(SOCK_STREAM, again);
    CHECK_EQ(again[0], fds[0]);
    start_reader(&new, again[0]);
    CHECK_EQ(old.result, -EBADF);
    CHECK(!new.done);
    CHECK_EQ(hk_write(again[1], "new!", 4), 4);
    net_settle();
    CHECK_EQ(new.result, 4);
    hk_close(again[0]);
    hk_close(again[1]);
    return NULL;
}

/* A storm: the same numbers over and over, readers parked, closed, killed, served. */
TASK_TEST(storm_of_reused_numbers, .seconds = 30)
{
    for (int i = 0; i < 3000; i++) {
        int fds[2];
        struct reader r;
        if (i % 2 == 0)
            net_local_pair(SOCK_STREAM, fds);
        else
            net_tcp_pair(fds);
        r = (struct reader){ .fd = fds[0] };
        hk_tid tid = hk_spawn(HK_ROOT, read_once, &r);
        hk_sched_yield();
        ssize_t expected = -EBADF;
        if (i % 3 == 1) {
            CHECK_EQ(hk_write(fds[1], "12345", 5), 5);
            hk_task_wait(tid, NULL);
            expected = 5;
        }
        if (i % 3 == 2) {
            CHECK_EQ(hk_task_kill(tid), 1);
            expected = -ECANCELED;
        }
        hk_close(fds[0]);
        hk_task_wait(tid, NULL);
        CHECK_EQ(r.result, expected);
        hk_close(fds[1]);
    }
    CHECK_EQ(table()->waiting, 0);
    CHECK_EQ(table()->watched, 0);
    return NULL;
}

/* A duplicate keeps the connection open after the close: nothing of it may reach the number's next
 * owner, and the loop must not turn in circles. */
TASK_TEST(duplicate_leaves_no_ghost)
{
    int fds[2], again[2];
    struct reader r, other;
    net_local_pair(SOCK_STREAM, fds);
    start_reader(&r, fds[0]);
    int copy = dup(fds[0]);
    hk_close(fds[0]);
    net_settle();
    CHECK_EQ(r.result, -EBADF);
    net_local_pair(SOCK_STREAM, again);
    CHECK_EQ(again[0], fds[0]);
    start_reader(&other, again[0]);
    int before = net_calls();
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(write(fds[1], "ghost", 5), 5);
        net_settle();
    }
    CHECK_EQ(net_calls(), before);
    CHECK(!other.done);
    CHECK_EQ(hk_read(copy, r.buf, sizeof r.buf), 16); /* the duplicate itself is fine */
    hk_close(again[1]);
    net_settle();
    CHECK_EQ(other.result, 0);
    hk_close(again[0]);
    hk_close(copy);
    hk_close(fds[1]);
    return NULL;
}

/* ---- case 43: kill ---- */

TASK_TEST(killed_waiter_is_gone_at_once)
{
    int fds[2];
    struct reader r, next;
    net_local_pair(SOCK_STREAM, fds);
    hk_tid tid = start_reader(&r, fds[0]);
    CHECK_EQ(hk_task_kill(tid), 1);
    CHECK_EQ(table()->waiting, 0);
    start_reader(&next, fds[0]); /* the descriptor is free at once */
    CHECK_EQ(r.result, -ECANCELED);
    CHECK(!next.done);
    CHECK_EQ(hk_write(fds[1], "abc", 3), 3);
    net_settle();
    CHECK_EQ(next.result, 3);
    hk_close(fds[0]);
    hk_close(fds[1]);
    return NULL;
}

TASK_TEST(killed_writer_says_how_much_went)
{
    int fds[2];
    struct reader w = { .fd = -1 };
    char buf[4096];
    ssize_t got = 0, n;
    net_local_pair(SOCK_STREAM, fds);
    w.fd = fds[0];
    hk_tid tid = hk_spawn(HK_ROOT, write_filler, &w);
    net_settle();
    CHECK_EQ(hk_task_kill(tid), 1);
    net_settle();
    CHECK(w.result > 0);
    hk_close(fds[0]);
    while ((n = hk_read(fds[1], buf, sizeof buf)) > 0) got += n;
    CHECK_EQ(got, w.result);
    hk_close(fds[1]);
    return NULL;
}

/* What has arrived before the kill was delivered is not lost: done beats cancelled. */
TASK_TEST(completed_read_survives_the_kill)
{
    int fds[2];
    struct reader r;
    net_local_pair(SOCK_STREAM, fds);
    hk_tid tid = start_reader(&r, fds[0]);
    CHECK_EQ(write(fds[1], "abc", 3), 3);
    hk__event event = { .ready = HK__READABLE };
    event.ticket.slot = (uint32_t)fds[0];
    event.ticket.generation = table()->table[fds[0]].generation;
    hk__descriptor_event(hk__here.sched, &event); /* settled, not yet delivered */
    CHECK_EQ(hk_task_kill(tid), 1);
    net_settle();
    CHECK_EQ(r.result, 3);
    hk_close(fds[0]);
    hk_close(fds[1]);
    return NULL;
}

static void *close_in_cleanup(void *arg)
{
    struct reader *r = arg;
    HK_FD(fd, r->fd);
    r->result = hk_read(fd, r->buf, sizeof r->buf);
    r->done = true;
    CHECK_EQ(hk_read(fd, r->buf, 1), -ECANCELED); /* refused */
    CHECK_EQ(hk_shutdown(fd, SHUT_WR), 0);        /* not refused, nor is the close */
    return hk_val(-ECANCELED);
}

TASK_TEST(close_is_never_refused)
{
    int fds[2];
    char byte;
    net_local_pair(SOCK_STREAM, fds);
    struct reader r = { .fd = fds[0] };
    hk_tid tid = hk_spawn(HK_ROOT, close_in_cleanup, &r);
    net_settle();
    hk_task_kill(tid);
    net_settle();
    CHECK_EQ(r.result, -ECANCELED);
    CHECK(fcntl(fds[0], F_GETFD) < 0);
    CHECK_EQ(hk_read(fds[1], &byte, 1), 0);
    hk_close(fds[1]);
    return NULL;
}

/* ---- events that come out of nowhere ---- */

TASK_TEST(stale_and_foreign_events_are_ignored)
{
    int fds[2];
    struct reader r;
    net_local_pair(SOCK_STREAM, fds);
    start_reader(&r, fds[0]);
    hk__event event = { .ready = HK__READABLE | HK__WRITABLE | HK__HANGUP };
    int before = net_calls();
    event.ticket.slot = (uint32_t)fds[0];
    event.ticket.generation = table()->table[fds[0]].generation + 1;
    hk__descriptor_event(hk__here.sched, &event);
    event.ticket.slot = 1u << 30;
    hk__descriptor_event(hk__here.sched, &event);
    CHECK_EQ(net_calls(), before);
    /* One of the right generation that turns out to be nothing does no harm either. */
    event.ticket.slot = (uint32_t)fds[0];
    event.ticket.generation--;
    hk__descriptor_event(hk__here.sched, &event);
    CHECK_EQ(net_calls(), before + 1);
    CHECK(!r.done);
    CHECK_EQ(hk_write(fds[1], "abc", 3), 3);
    net_settle();
    CHECK_EQ(r.result, 3);
    hk_close(fds[0]);
    hk_close(fds[1]);
    return NULL;
}

TASK_TEST(numbers_that_are_none)
{
    char byte;
    CHECK_EQ(hk_read(-1, &byte, 1), -EBADF);
    CHECK_EQ(hk_read(INT32_MAX, &byte, 1), -EBADF);
    CHECK_EQ(hk_write(999, &byte, 1), -EBADF);
    CHECK_EQ(hk_accept(999, NULL, NULL), -EBADF);
    CHECK_EQ(hk_fd_wait(999, HK_READ), -EBADF);
    CHECK_EQ(hk_fd_wait(-5, HK_WRITE), -EBADF);
    CHECK_EQ(hk_shutdown(999, SHUT_RD), -EBADF);
    CHECK_EQ(hk_close(-1), -EBADF);
    CHECK(table()->count < 100000);
    return NULL;
}

/* The table grows with the numbers. */
TASK_TEST(high_numbers)
{
    int fds[2], high;
    struct reader r;
    net_local_pair(SOCK_STREAM, fds);
    struct reader low;
    start_reader(&low, fds[1]);
    high = fcntl(fds[0], F_DUPFD, 800);
    CHECK(high >= 800);
    start_reader(&r, high);
    CHECK(table()->count > 800);
    CHECK_EQ(hk_write(high, "abc", 3), 3);
    CHECK_EQ(write(fds[1], "abcd", 4), 4);
    net_settle();
    CHECK_EQ(r.result, 4);
    CHECK_EQ(low.result, 3);
    hk_close(high);
    hk_close(fds[0]);
    hk_close(fds[1]);
    return NULL;
}

/* ---- who may close ---- */

static void *close_from_thread(void *arg)
{
    CHECK_EQ(hk_close(*(int *)arg), 0);
    return NULL;
}

TEST(close_outside_any_task)
{
    int fd = dup(0);
    CHECK_EQ(hk_close(fd), 0);
    CHECK_EQ(hk_close(fd), -EBADF);
    pthread_t thread;
    fd = dup(0);
    pthread_create(&thread, NULL, close_from_thread, &fd);
    pthread_join(thread, NULL);
    CHECK_EQ(hk_close(fd), -EBADF);
    {
        HK_FD(block, dup(0));
        fd = block;
    }
    CHECK_EQ(hk_close(fd), -EBADF);
    {
        HK_FD(block, dup(0));
        fd = hk_fd_take(&block);
        CHECK_EQ(block, -1);
    }
    CHECK_EQ(hk_close(fd), 0);
}

static void post_close(void *arg) { CHECK_EQ(hk_close(*(int *)arg), 0); }

/* In the scheduler's loop, but in no task: the waiter is told all the same. */
TASK_TEST(close_in_a_posted_function)
{
    int fds[2];
    struct reader r;
    net_local_pair(SOCK_STREAM, fds);
    start_reader(&r, fds[0]);
    hk_sched_post(hk__here.sched, post_close, &fds[0]);
    net_settle();
    CHECK_EQ(r.result, -EBADF);
    hk_close(fds[1]);
    return NULL;
}

static void *calls_of_all_kinds(void *arg)
{
    char byte;
    struct iovec one = { &byte, 1 };
    struct msghdr m = { .msg_iov = &one, .msg_iovlen = 1 };
    struct sockaddr_in a = { .sin_family = AF_INET };
    int fd = *(int *)arg;
    CHECK_EQ(hk_read(fd, &byte, 1), -ENOSYS);
    CHECK_EQ(hk_write(fd, &byte, 1), -ENOSYS);
    CHECK_EQ(hk_readv(fd, &one, 1), -ENOSYS);
    CHECK_EQ(hk_writev(fd, &one, 1), -ENOSYS);
    CHECK_EQ(hk_recv(fd, &byte, 1, 0), -ENOSYS);
    CHECK_EQ(hk_send(fd, &byte, 1, 0), -ENOSYS);
    CHECK_EQ(hk_recvmsg(fd, &m, 0), -ENOSYS);
    CHECK_EQ(hk_sendmsg(fd, &m, 0), -ENOSYS);
    CHECK_EQ(hk_accept(fd, NULL, NULL), -ENOSYS);
    CHECK_EQ(hk_connect(fd, (struct sockaddr *)&a, sizeof a), -ENOSYS);
    CHECK_EQ(hk_shutdown(fd, SHUT_WR), -ENOSYS);
    CHECK_EQ(hk_fd_wait(fd, HK_READ), -ENOSYS);
    CHECK_EQ(hk_close(fd), 0);
    return NULL;
}

TEST(plain_thread_drives_nothing)
{
    int fd = dup(0);
    calls_of_all_kinds(&fd);
    CHECK(fcntl(fd, F_GETFD) < 0);
}

static void foreign_complete(hk_driver *driver, hk_call *call, intptr_t result)
{
    (void)driver, (void)call, (void)result;
}
static int64_t foreign_tid(hk_driver *driver, const hk_call *call)
{
    (void)driver, (void)call;
    return 1;
}

/* Another driver accepts each call and runs its handler, as call.h says. */
TEST(foreign_driver_gets_an_answer)
{
    hk_driver driver = { foreign_complete, foreign_tid };
    int fd = dup(0), served = 0;
    hk_coro *co = hk_coro_create(calls_of_all_kinds, &fd, &(hk_coro_options){ .driven = true });
    hk_step step = hk_coro_send(co, NULL);
    while (step.outcome == HK_TRAPPED) {
        hk_call *call = step.call;
        call->driver = &driver;
        call->task = NULL;
        call->state = HK__CALL_HANDLING;
        call->type->handle(call);
        CHECK_EQ(call->state, HK__CALL_SETTLED);
        served++;
        step = hk_coro_send(co, hk_val(call->result));
    }
    CHECK_EQ(step.outcome, HK_RETURNED);
    CHECK_EQ(served, 13);
    CHECK(fcntl(fd, F_GETFD) < 0);
    hk_coro_destroy(co);
}

/* ---- fd_wait ---- */

static void *wait_readable(void *arg)
{
    struct reader *r = arg;
    r->result = hk_fd_wait(r->fd, HK_READ);
    r->done = true;
    return NULL;
}

TASK_TEST(fd_wait_is_about_the_level)
{
    int fds[2];
    char buf[8];
    net_local_pair(SOCK_STREAM, fds);
    struct reader r = { .fd = fds[0] };
    hk_tid tid = hk_spawn(HK_ROOT, wait_readable, &r);
    net_settle();
    CHECK(!r.done);
    CHECK_EQ(write(fds[1], "abcd", 4), 4);
    hk_task_wait(tid, NULL);
    CHECK_EQ(r.result, 0);
    CHECK_EQ(hk_fd_wait(fds[0], HK_READ), 0); /* still there */
    CHECK_EQ(read(fds[0], buf, 2), 2);
    CHECK_EQ(hk_fd_wait(fds[0], HK_READ), 0);
    CHECK_EQ(read(fds[0], buf, 2), 2); /* taken by others than us: empty now */
    r = (struct reader){ .fd = fds[0] };
    hk_spawn(HK_ROOT, wait_readable, &r);
    net_settle();
    CHECK(!r.done);
    hk_close(fds[1]);
    net_settle();
    CHECK(r.done && r.result == 0); /* the end is ready too */
    CHECK_EQ(hk_fd_wait(fds[0], HK_READ | HK_WRITE), -EINVAL);
    CHECK_EQ(hk_fd_wait(fds[0], 0), -EINVAL);
    hk_close(fds[0]);
    return NULL;
}

static void *wait_writable(void *arg)
{
    struct reader *r = arg;
    r->result = hk_fd_wait(r->fd, HK_WRITE);
    r->done = true;
    return NULL;
}

TASK_TEST(fd_wait_for_room)
{
    int fds[2];
    net_local_pair(SOCK_STREAM, fds);
    while (send(fds[0], filler, sizeof filler, MSG_DONTWAIT) > 0) {}
    struct reader r = { .fd = fds[0] };
    hk_tid tid = hk_spawn(HK_ROOT, wait_writable, &r);
    net_settle();
    CHECK(!r.done);
    while (recv(fds[1], filler, sizeof filler, MSG_DONTWAIT) > 0) {}
    hk_task_wait(tid, NULL);
    CHECK_EQ(r.result, 0);
    CHECK_EQ(hk_fd_wait(fds[0], HK_WRITE), 0);
    hk_close(fds[0]);
    hk_close(fds[1]);
    return NULL;
}

/* A library closes its descriptor and opens another that gets the number; we are never told. */
/* Whether the peer of a descriptor sees its end when somebody else closes it. */
static void close_behind_our_back(int fd, int peer)
{
    char buf[8];
    close(fd);
    CHECK_EQ(recv(peer, buf, sizeof buf, MSG_DONTWAIT), 0);
    close(peer);
}

TASK_TEST(fd_wait_lets_go_of_the_file)
{
    int fds[2];
    char c;
    net_local_pair(SOCK_STREAM, fds);
    struct reader r = { .fd = fds[0] };
    hk_tid t = hk_spawn(HK_ROOT, wait_readable, &r);
    net_settle();
    CHECK_EQ(write(fds[1], "x", 1), 1);
    hk_task_wait(t, NULL);
    CHECK_EQ(r.result, 0);
    CHECK_EQ(read(fds[0], &c, 1), 1);
    close_behind_our_back(fds[0], fds[1]);
    return NULL;
}

TASK_TEST(fd_wait_that_is_killed_lets_go_of_the_file)
{
    int fds[2];
    net_local_pair(SOCK_STREAM, fds);
    struct reader r = { .fd = fds[0] };
    hk_tid t = hk_spawn(HK_ROOT, wait_readable, &r);
    net_settle();
    hk_task_kill(t);
    hk_task_wait(t, NULL);
    CHECK_EQ(r.result, -ECANCELED);
    close_behind_our_back(fds[0], fds[1]);
    return NULL;
}

TASK_TEST(fd_wait_on_numbers_that_others_close)
{
    for (int i = 0; i < 5; i++) {
        int fds[2];
        net_local_pair(SOCK_STREAM, fds);
        struct reader r = { .fd = fds[0] };
        hk_tid tid = hk_spawn(HK_ROOT, wait_readable, &r);
        net_settle();
        CHECK(!r.done);
        CHECK_EQ(write(fds[1], "x", 1), 1);
        hk_task_wait(tid, NULL);
        CHECK_EQ(r.result, 0);
        close(fds[0]);
        close(fds[1]);
    }
    return NULL;
}

/* ---- in a stackless step ---- */

struct echo {
    hk_coro co;
    hk_io_call io;
    int fd;
    char buf[16];
    int rounds;
};

static hk_step echo(hk_coro *co, void *in)
{
    struct echo *e = HK_CONTAINER(co, struct echo, co);
    HK_BEGIN(co);
    for (;;) {
        hk_read_prepare(&e->io, e->fd, e->buf, sizeof e->buf);
        HK_AWAIT(co, &e->io.call);
        if (e->io.call.result <= 0) break;
        hk_write_prepare(&e->io, e->fd, e->buf, (size_t)e->io.call.result);
        HK_AWAIT(co, &e->io.call);
        e->rounds++;
    }
    hk_close_prepare(&e->io, e->fd);
    HK_AWAIT(co, &e->io.call);
    HK_END(co, NULL);
}

TASK_TEST(stackless_echo)
{
    int fds[2];
    char buf[16];
    net_tcp_pair(fds);
    struct echo e = { .fd = fds[0] };
    hk_stackless_init(&e.co, echo, NULL);
    hk_tid tid = hk_spawn_stackless(HK_ROOT, &e.co, "echo");
    for (int i = 0; i < 100; i++) {
        CHECK_EQ(hk_write(fds[1], "hello", 5), 5);
        CHECK_EQ(hk_recv(fds[1], buf, 5, MSG_WAITALL), 5);
    }
    hk_close(fds[1]);
    hk_task_wait(tid, NULL);
    CHECK_EQ(e.rounds, 100);
    CHECK(fcntl(fds[0], F_GETFD) < 0);
    return NULL;
}

/* ---- in a generator ---- */

static void *numbers(void *arg)
{
    char byte;
    while (hk_read(*(int *)arg, &byte, 1) == 1)
        if (hk_is_err(hk_yield(hk_val(byte)))) break;
    return NULL;
}

static void *write_numbers(void *arg)
{
    for (char i = 0; i < 20; i++) {
        CHECK_EQ(hk_write(*(int *)arg, &i, 1), 1);
        if (i % 3 == 0) hk_sleep(HK_US(100));
    }
    hk_close(*(int *)arg);
    return NULL;
}

/* A generator that waits for its input: the task that takes its items waits with it. */
TASK_TEST(generator_that_reads)
{
    int fds[2], got = 0;
    void *value;
    net_pipe(fds);
    hk_spawn(HK_ROOT, write_numbers, &fds[1]);
    {
        HK_CORO(source, numbers, &fds[0], NULL);
        while (hk_coro_next(source, &value) == 1) CHECK_EQ(hk_num(value), got++);
    }
    CHECK_EQ(got, 20);
    hk_close(fds[0]);
    return NULL;
}

/* ---- the table of tasks ---- */

TASK_TEST(table_of_tasks_says_what_for)
{
    int fds[2];
    hk_task_info info[4];
    char text[40];
    struct reader r;
    net_local_pair(SOCK_STREAM, fds);
    start_reader(&r, fds[0]);
    CHECK_EQ(hk_sched_tasks(NULL, info, 4), 2);
    snprintf(text, sizeof text, "read fd %d", fds[0]);
    CHECK_STR(info[1].waits, text);
    hk_close(fds[0]);
    struct reader w = { .fd = fds[1] };
    net_settle();
    hk_spawn(HK_ROOT, wait_readable, &w);
    hk_close(fds[1]);
    net_settle(); /* w is ours */
    return NULL;
}

/* A budget: a task that never has to wait starves nobody. */
static void *tick(void *arg)
{
    ++*(int *)arg;
    return NULL;
}

TASK_TEST(busy_descriptor_starves_nobody)
{
    int fds[2], ticks = 0, rounds = 0;
    char byte = 0;
    net_pipe(fds);
    hk_spawn(HK_ROOT, tick, &ticks);
    while (ticks == 0 && rounds < 1000) {
        CHECK_EQ(hk_write(fds[1], &byte, 1), 1);
        CHECK_EQ(hk_read(fds[0], &byte, 1), 1);
        rounds++;
    }
    CHECK(rounds <= HK__BUDGET / HK__DIRECT_COST / 2 + 1);
    hk_close(fds[0]);
    hk_close(fds[1]);
    return NULL;
}

/* ---- one batch of events ---- */

/* All are ready at once. The first that runs closes the others, among them those whose events have
 * been taken from the world and not been looked at yet, and puts a new file under each number: what
 * was said of the old one is nothing to the new: who waits there does not even try, and where
 * nobody does, nothing is remembered. */
enum { BATCH = 6 };

static struct {
    int old[BATCH][2], fresh[BATCH][2];
    struct reader reader[BATCH];
    bool begun;
} batch;

static void take_its_place(int i)
{
    int fd = batch.old[i][0];
    CHECK_EQ(hk_close(fd), 0);
    CHECK_EQ(dup2(batch.fresh[i][0], fd), fd);
    batch.reader[i] = (struct reader){ .fd = fd };
    if (i % 2 == 0) hk_spawn(HK_ROOT, read_once, &batch.reader[i]);
}

static void *read_and_replace(void *arg)
{
    int *number = arg; /* then: whether it was closed */
    char c;
    ssize_t n = hk_read(batch.old[*number][0], &c, 1);
    *number = n == -EBADF;
    if (batch.begun) return NULL;
    batch.begun = true;
    for (int i = 0; i < BATCH; i++) take_its_place(i);
    return NULL;
}

TASK_TEST(an_event_of_the_same_batch_is_not_the_next_files)
{
    int closed[BATCH], count = 0;
    for (int i = 0; i < BATCH; i++) {
        net_local_pair(SOCK_STREAM, batch.old[i]);
        net_local_pair(SOCK_STREAM, batch.fresh[i]);
        closed[i] = i;
        hk_spawn(HK_ROOT, read_and_replace, &closed[i]);
    }
    net_settle();
    int calls = net_calls();
    for (int i = 0; i < BATCH; i++) close(batch.old[i][1]); /* readable, and over */
    net_settle();
    calls = net_calls() - calls;
    for (int i = 0; i < BATCH; i++) count += closed[i];
    CHECK(count > 0); /* whose events were late */
    /* Of the old ones a read each and a close, of those who wait for a new one a read. */
    CHECK_EQ(calls, BATCH - count + BATCH + BATCH / 2);
    for (int i = 0; i < BATCH; i++) {
        const struct hk__descriptor *d = &table()->table[batch.old[i][0]];
        CHECK_EQ(d->seen, 0);
        CHECK_EQ(d->dry, i % 2 == 0 ? HK__READABLE : 0);
        CHECK(!batch.reader[i].done);
        CHECK_EQ(write(batch.fresh[i][1], "x", 1), 1);
    }
    net_settle();
    for (int i = 0; i < BATCH; i++) {
        CHECK_EQ(batch.reader[i].result, i % 2 == 0 ? 1 : 0);
        hk_close(batch.old[i][0]);
        close(batch.fresh[i][0]);
        close(batch.fresh[i][1]);
    }
    return NULL;
}
