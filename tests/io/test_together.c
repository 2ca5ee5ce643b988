/* SPDX-License-Identifier: MIT */
/* What many tasks send at once, where a system call is dear: it goes out with the next wait, by one
 * call for all, and nobody sees a difference. Here a system call is dear by decree. */
#include "support/net.h"

#include "sched/descriptor.h"
#include "support/faults.h"

#include <stdlib.h>
#include <unistd.h>

enum { PAIRS = 8, LONG = 4096 };

/* A task that answers the first byte it gets. */
struct answerer {
    int fd, to, other; /* to: where the answer goes; other: who gets it */
    size_t size;
    ssize_t said;
    bool was_handed_in; /* when it had the first byte, others' sends were under way */
    hk_tid tid;
};

static struct answerer all[PAIRS];

/* A small ring brings its news in small portions: who is last may be woken alone. */
static bool ring_is_small(void)
{
    const char *world = getenv("HOCKET_WORLD");
    return world != NULL && strcmp(world, "uring:8") == 0;
}

static hk_sched *sched(void) { return hk__here.sched; }

static bool is_under_way(const struct answerer *a)
{
    return (unsigned)a->to < sched()->descriptors.count &&
           sched()->descriptors.table[a->to].handed_in;
}

static void *answer(void *arg)
{
    struct answerer *a = arg;
    char byte, bytes[LONG];
    if (hk_recv(a->fd, &byte, 1, 0) != 1) return NULL;
    a->was_handed_in = a == all ? false : is_under_way(a - 1);
    memset(bytes, byte, a->size);
    a->said = hk_send(a->to, bytes, a->size, 0);
    return NULL;
}

/* False, and the test is skipped: the world has no ring. */
static bool begin(size_t size, void (*connect_pair)(int ret_fds[2]))
{
    if (strcmp(sched()->world->table->name, "uring") != 0) {
        test_skip("no io_uring");
        return false;
    }
    sched()->world->together = true;
    for (int i = 0; i < PAIRS; i++) {
        int fds[2];
        connect_pair(fds);
        all[i] = (struct answerer){ .fd = fds[0], .to = fds[0], .other = fds[1], .size = size };
    }
    return true;
}

static void spawn_all(hk_entry *last)
{
    for (int i = 0; i < PAIRS; i++)
        all[i].tid = hk_spawn(HK_ROOT, i == PAIRS - 1 && last != NULL ? last : answer, &all[i]);
    hk_sched_yield();
}

/* All are woken by the same wait. */
static void poke_all(void)
{
    for (int i = 0; i < PAIRS; i++) CHECK_EQ(net_put(all[i].other, "x", 1), 1);
}

static void wait_for_all(void)
{
    for (int i = 0; i < PAIRS; i++) hk_task_wait(all[i].tid, NULL);
}

static void close_all(void)
{
    for (int i = 0; i < PAIRS; i++) {
        hk_close(all[i].fd);
        net_close(all[i].other);
    }
}

static bool has_got(const struct answerer *a, size_t size)
{
    char buf[LONG];
    size_t got = 0;
    int64_t n;
    while (got < size && (n = net_take(a->other, buf, sizeof buf)) != 0) {
        if (n > 0) got += (size_t)n;
        if (n == -EAGAIN) usleep(100);
    }
    return got == size;
}

TASK_TEST(answers_go_out_together)
{
    if (!begin(100, net_tcp_pair)) return NULL;
    spawn_all(NULL);
    int calls = net_calls();
    poke_all();
    wait_for_all();
    CHECK(net_calls() - calls == PAIRS || ring_is_small()); /* those that received */
    for (int i = 0; i < PAIRS; i++) {
        CHECK_EQ(all[i].said, 100);
        CHECK(has_got(&all[i], 100));
        CHECK(all[i].was_handed_in == (i > 0) || ring_is_small());
    }
    close_all();
    return NULL;
}

static size_t fill(int fd)
{
    static const char zeros[LONG];
    size_t size = 0;
    int64_t n;
    while ((n = net_put(fd, zeros, sizeof zeros)) > 0) size += (size_t)n;
    CHECK_EQ(n, -EAGAIN);
    return size;
}

static void local_pair(int ret_fds[2]) { net_local_pair(SOCK_STREAM, ret_fds); }

TASK_TEST(what_finds_no_room_waits_for_it)
{
    if (!begin(100, local_pair)) return NULL;
    size_t filled[PAIRS];
    for (int i = 0; i < PAIRS; i++) filled[i] = fill(all[i].fd);
    spawn_all(NULL);
    poke_all();
    net_settle();
    for (int i = 0; i < PAIRS; i++) {
        CHECK_EQ(all[i].said, 0);
        CHECK(!is_under_way(&all[i]));
        CHECK(has_got(&all[i], filled[i]));
    }
    wait_for_all();
    for (int i = 0; i < PAIRS; i++) CHECK(all[i].said == 100 && has_got(&all[i], 100));
    close_all();
    return NULL;
}

/* The kernel has sent all of it, and we make it say something else: what it says is believed, and
 * the rest is sent by a call. */
static void check_what_is_said(int says, size_t comes)
{
    if (!begin(100, net_tcp_pair)) return;
    spawn_all(NULL);
    poke_all();
    faults_put_off = says;
    faults_put_off_count = PAIRS;
    wait_for_all();
    CHECK(faults_put_off_count == 0 || ring_is_small());
    faults_put_off_count = 0;
    for (int i = 0; i < PAIRS; i++) {
        CHECK_EQ(all[i].said, 100);
        CHECK(has_got(&all[i], comes) || ring_is_small());
    }
    close_all();
}

TASK_TEST(a_part_is_followed_by_the_rest)
{
    check_what_is_said(40, 160);
    return NULL;
}

TASK_TEST(nothing_is_tried_again)
{
    check_what_is_said(-EAGAIN, 200);
    return NULL;
}

/* The last one that is woken ends the others, whose answers are handed in. */
static void *kill_others(void *arg)
{
    struct answerer *a = arg;
    char byte;
    CHECK_EQ(hk_recv(a->fd, &byte, 1, 0), 1);
    for (int i = 0; i < PAIRS - 1; i++) {
        a->was_handed_in |= is_under_way(&all[i]);
        CHECK_EQ(hk_task_kill(all[i].tid), 1);
    }
    return NULL;
}

TASK_TEST(what_is_handed_in_is_not_called_back)
{
    if (!begin(100, net_tcp_pair)) return NULL;
    spawn_all(kill_others);
    poke_all();
    wait_for_all();
    CHECK(all[PAIRS - 1].was_handed_in || ring_is_small());
    for (int i = 0; i < PAIRS - 1; i++) {
        CHECK_EQ(all[i].said, 100);
        CHECK(has_got(&all[i], 100));
    }
    close_all();
    return NULL;
}

static void *close_others(void *arg)
{
    struct answerer *a = arg;
    char byte;
    CHECK_EQ(hk_recv(a->fd, &byte, 1, 0), 1);
    for (int i = 0; i < PAIRS - 1; i++) {
        a->was_handed_in |= is_under_way(&all[i]);
        CHECK_EQ(hk_close(all[i].to), 0);
    }
    return NULL;
}

/* On descriptors that nobody watches, or what is handed in would go out with the end of that. */
TASK_TEST(a_close_waits_for_what_is_handed_in)
{
    int answers[PAIRS][2];
    if (!begin(100, net_tcp_pair)) return NULL;
    for (int i = 0; i < PAIRS; i++) {
        net_tcp_pair(answers[i]);
        all[i].to = answers[i][0];
        CHECK_EQ(hk_send(all[i].to, "?", 1, 0), 1); /* what it is, is known by then */
    }
    spawn_all(close_others);
    poke_all();
    wait_for_all();
    CHECK(all[PAIRS - 1].was_handed_in || ring_is_small());
    close_all();
    for (int i = 0; i < PAIRS; i++) {
        all[i].other = answers[i][1];
        if (i < PAIRS - 1) CHECK(all[i].said == 100 && has_got(&all[i], 101));
        net_close(answers[i][1]);
    }
    hk_close(answers[PAIRS - 1][0]);
    return NULL;
}

/* Another writer does not have to wait, and his bytes are whole. */
static void *write_to_others(void *arg)
{
    struct answerer *a = arg;
    char byte;
    CHECK_EQ(hk_recv(a->fd, &byte, 1, 0), 1);
    for (int i = 0; i < PAIRS - 1; i++) {
        a->was_handed_in |= is_under_way(&all[i]);
        CHECK_EQ(hk_send(all[i].fd, "yyyyy", 5, 0), 5);
        CHECK_EQ(hk_fd_wait(all[i].fd, HK_WRITE), 0);
    }
    return NULL;
}

TASK_TEST(another_writer_need_not_wait)
{
    if (!begin(100, net_tcp_pair)) return NULL;
    spawn_all(write_to_others);
    poke_all();
    wait_for_all();
    CHECK(all[PAIRS - 1].was_handed_in || ring_is_small());
    for (int i = 0; i < PAIRS - 1; i++) {
        char buf[105];
        CHECK_EQ(all[i].said, 100);
        CHECK_EQ(net_take(all[i].other, buf, sizeof buf), 105);
        CHECK(memmem(buf, sizeof buf, "yyyyy", 5) == buf ||
              memmem(buf, sizeof buf, "yyyyy", 5) == buf + 100);
    }
    close_all();
    return NULL;
}

TASK_TEST(errors_are_those_of_a_send)
{
    if (!begin(100, net_tcp_pair)) return NULL;
    for (int i = 0; i < PAIRS; i++) shutdown(all[i].fd, SHUT_WR);
    spawn_all(NULL);
    poke_all();
    wait_for_all();
    for (int i = 0; i < PAIRS; i++) CHECK_EQ(all[i].said, -EPIPE);
    close_all();
    return NULL;
}

/* The step of a task without a stack that answers: it waits for its send as others do. */
struct stepper {
    hk_coro co;
    struct answerer *a;
    char byte;
    hk_io_call io;
};

static hk_step step(hk_coro *co, void *in)
{
    struct stepper *f = HK_CONTAINER(co, struct stepper, co);
    (void)in;
    HK_BEGIN(co);
    hk_recv_prepare(&f->io, f->a->fd, &f->byte, 1, 0);
    HK_AWAIT(co, &f->io.call);
    hk_send_prepare(&f->io, f->a->fd, &f->byte, 1, 0);
    HK_AWAIT(co, &f->io.call);
    f->a->said = f->io.call.result;
    HK_END(co, NULL);
}

TASK_TEST(stackless_answers_go_out_together)
{
    static struct stepper steppers[PAIRS];
    if (!begin(1, net_tcp_pair)) return NULL;
    for (int i = 0; i < PAIRS; i++) {
        hk_stackless_init(&steppers[i].co, step, NULL);
        steppers[i].a = &all[i];
        all[i].tid = hk_spawn_stackless(HK_ROOT, &steppers[i].co, NULL);
    }
    hk_sched_yield();
    int calls = net_calls();
    poke_all();
    wait_for_all();
    CHECK(net_calls() - calls == PAIRS || ring_is_small());
    for (int i = 0; i < PAIRS; i++) CHECK(all[i].said == 1 && has_got(&all[i], 1));
    close_all();
    return NULL;
}
