/* SPDX-License-Identifier: MIT */
/* Select: each kind of arm; one happens, and of the others nothing. */
#include "support/net.h"
#include "support/small.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

typedef HK_CHAN(int) int_chan;

static int_chan a, b;
static int result;

static void open_both(size_t capacity)
{
    hk_chan_open(&a, capacity);
    hk_chan_open(&b, capacity);
}

static void destroy_both(void)
{
    hk_chan_destroy(&a);
    hk_chan_destroy(&b);
}

static size_t waiting(int_chan ch)
{
    hk_chan_numbers n;
    hk_chan_stats(ch, &n);
    return n.senders + n.receivers;
}

static size_t held(int_chan ch)
{
    hk_chan_numbers n;
    hk_chan_stats(ch, &n);
    return n.count;
}

static void *sends_to_a(void *arg)
{
    int item = (int)hk_num(arg);
    result = hk_chan_send(a, &item);
    return NULL;
}

static void *sends_to_b(void *arg)
{
    int item = (int)hk_num(arg);
    result = hk_chan_send(b, &item);
    return NULL;
}

static void *receives_from_a(void *arg)
{
    int item = 0;
    result = hk_chan_recv(a, &item) == 1 ? item : -1;
    return arg;
}

/* ---- each kind, ready at once and later ---- */

TASK_TEST(an_arm_receives)
{
    for (size_t capacity = 0; capacity <= 1; capacity++)
        for (int later = 0; later <= 1; later++) {
            int item = 0;
            open_both(capacity);
            hk_arm arms[] = { hk_on_recv(a, &item), hk_on_recv(b, &item) };
            hk_spawn(HK_ROOT, sends_to_b, hk_val(7));
            if (!later) hk_sched_yield();
            CHECK_EQ(hk_select(arms, 2, HK_FAIR), 1);
            CHECK_EQ(arms[1].result, 1);
            CHECK_EQ(item, 7);
            CHECK_EQ(waiting(a) + waiting(b), 0);
            destroy_both();
        }
    return NULL;
}

TASK_TEST(an_arm_sends)
{
    for (int later = 0; later <= 1; later++) {
        int item = 9;
        open_both(0);
        hk_arm arms[] = { hk_on_send(b, &item), hk_on_send(a, &item) };
        hk_spawn(HK_ROOT, receives_from_a, NULL);
        if (!later) hk_sched_yield();
        CHECK_EQ(hk_select(arms, 2, HK_FAIR), 1);
        CHECK_EQ(arms[1].result, 0);
        hk_sched_yield();
        CHECK_EQ(result, 9);
        CHECK_EQ(waiting(a) + waiting(b), 0);
        destroy_both();
    }
    return NULL;
}

TASK_TEST(an_arm_ticks)
{
    int item;
    open_both(0);
    HK_TICKER(ticker, HK_US(300));
    hk_arm arms[] = { hk_on_recv(a, &item), hk_on_tick(&ticker) };
    for (int i = 0; i < 3; i++) {
        const int64_t next = ticker.next;
        CHECK_EQ(hk_select(arms, 2, HK_FAIR), 1);
        CHECK(arms[1].result >= 1);
        CHECK(hk_now() >= next);
        CHECK_EQ(ticker.next, next + arms[1].result * HK_US(300));
    }
    CHECK_EQ(hk_sleep(HK_US(400)), 0); /* and at once */
    CHECK_EQ(hk_select(arms, 2, HK_NOWAIT), 1);
    destroy_both();
    return NULL;
}

static void *writes_later(void *arg)
{
    hk_sched_yield();
    CHECK_EQ(write((int)hk_num(arg), "x", 1), 1);
    return NULL;
}

TASK_TEST(an_arm_sees_a_descriptor_become_readable)
{
    int fds[2], item;
    char c;
    net_pipe(fds);
    open_both(0);
    hk_arm arms[] = { hk_on_recv(a, &item), hk_on_fd(fds[0], HK_READ) };
    for (int i = 0; i < 3; i++) {
        hk_spawn(HK_ROOT, writes_later, hk_val(fds[1]));
        CHECK_EQ(hk_select(arms, 2, HK_FAIR), 1);
        CHECK_EQ(arms[1].result, 0);
        CHECK_EQ(hk_select(arms, 2, HK_NOWAIT), 1);
        CHECK_EQ(hk_read(fds[0], &c, 1), 1);
        CHECK_EQ(hk_select(arms, 2, HK_NOWAIT), -EAGAIN);
    }
    hk_arm writable = hk_on_fd(fds[1], HK_WRITE);
    CHECK_EQ(hk_select(&writable, 1, HK_FAIR), 0);
    CHECK_EQ(writable.result, 0);
    hk_close(fds[0]);
    hk_close(fds[1]);
    destroy_both();
    return NULL;
}

static void *raises(void *arg)
{
    raise((int)hk_num(arg));
    return NULL;
}

TASK_TEST(an_arm_takes_a_signal)
{
    HK_SIGNALS(one, SIGUSR1);
    HK_SIGNALS(two, SIGUSR2, SIGHUP);
    hk_arm arms[] = { hk_on_signal(&one), hk_on_signal(&two) };
    hk_spawn(HK_ROOT, raises, hk_val(SIGHUP));
    CHECK_EQ(hk_select(arms, 2, HK_FAIR), 1);
    CHECK_EQ(arms[1].result, SIGHUP);
    /* Both have come when it looks: one is taken, the other stays. */
    raise(SIGUSR1);
    raise(SIGUSR2);
    int first = hk_select(arms, 2, HK_IN_ORDER), second = hk_select(arms, 2, HK_IN_ORDER);
    CHECK(first + second == 1 && first * second == 0);
    CHECK_EQ(arms[0].result, SIGUSR1);
    CHECK_EQ(arms[1].result, SIGUSR2);
    CHECK_EQ(hk_select(arms, 2, HK_NOWAIT), -EAGAIN);
    return NULL;
}

static hk_event event;
static void *sets_the_event(void *arg)
{
    hk_event_set(&event);
    return arg;
}

TASK_TEST(an_arm_waits_for_an_event)
{
    hk_event never = { .name = "never" };
    hk_arm arms[] = { hk_on_event(&never), hk_on_event(&event), hk_on_event(&event) };
    for (int i = 0; i < 3; i++) {
        hk_spawn(HK_ROOT, sets_the_event, NULL);
        CHECK(hk_select(arms, 3, HK_FAIR) > 0);
        CHECK(hk_select(arms, 3, HK_NOWAIT) > 0);
        hk_event_clear(&event);
        CHECK_EQ(hk_select(arms, 3, HK_NOWAIT), -EAGAIN);
        CHECK(event.waiters.first == NULL && never.waiters.first == NULL);
    }
    return NULL;
}

static void *ends_with(void *arg) { return arg; }

TASK_TEST(an_arm_sees_the_end_of_a_task)
{
    hk_exit how;
    hk_tid tid = hk_spawn(HK_ROOT, ends_with, hk_val(12));
    hk_arm arms[] = { hk_on_exit(tid, &how), hk_on_exit(tid, NULL), hk_on_exit(hk_task_self(), 0) };
    arms[2].off = true;
    int which = hk_select(arms, 3, HK_FAIR);
    CHECK(which == 0 || which == 1);
    CHECK_EQ(arms[which].result, 0);
    if (which == 0) CHECK_EQ(hk_num(how.value), 12);
    CHECK_EQ(hk_select(arms, 3, HK_IN_ORDER), 0);
    CHECK_EQ(arms[0].result, -ESRCH);
    arms[0].off = arms[1].off = true;
    arms[2].off = false;
    CHECK_EQ(hk_select(arms, 3, HK_IN_ORDER), 2);
    CHECK_EQ(arms[2].result, -EDEADLK);
    return NULL;
}

/* ---- one happens ---- */

TASK_TEST(of_two_that_are_ready_the_other_loses_nothing)
{
    for (size_t capacity = 0; capacity <= 1; capacity++) {
        int x = 0, y = 0;
        open_both(capacity);
        hk_spawn(HK_ROOT, sends_to_a, hk_val(1));
        hk_spawn(HK_ROOT, sends_to_b, hk_val(2));
        hk_sched_yield();
        hk_arm arms[] = { hk_on_recv(a, &x), hk_on_recv(b, &y) };
        CHECK_EQ(hk_select(arms, 2, HK_IN_ORDER), 0);
        CHECK_EQ(x, 1);
        CHECK_EQ(y, 0);
        CHECK_EQ(waiting(b) + held(b), 1);
        CHECK_EQ(hk_select(arms, 2, HK_IN_ORDER), 1);
        CHECK_EQ(y, 2);
        destroy_both();
    }
    return NULL;
}

static int x, y;
static hk_arm two_arms[2];
static void *selects(void *arg)
{
    two_arms[0] = hk_on_recv(a, &x);
    two_arms[1] = hk_on_recv(b, &y);
    result = hk_select(two_arms, 2, (unsigned)hk_num(arg));
    return NULL;
}

TASK_TEST(of_two_that_become_ready_in_one_pass_the_first_happens)
{
    int item = 3;
    open_both(1);
    hk_spawn(HK_ROOT, selects, hk_val(HK_FAIR));
    hk_sched_yield();
    CHECK_EQ(hk_chan_send(b, &item), 0);
    CHECK_EQ(hk_chan_send(a, &item), 0);
    CHECK_EQ(held(a), 1);
    CHECK_EQ(held(b), 0);
    hk_sched_yield();
    CHECK_EQ(result, 1);
    CHECK_EQ(x, 0);
    CHECK_EQ(y, 3);
    destroy_both();
    return NULL;
}

TASK_TEST(what_has_happened_is_told_though_the_task_is_killed)
{
    int item = 4;
    open_both(1);
    hk_tid tid = hk_spawn(HK_ROOT, selects, hk_val(HK_FAIR));
    hk_sched_yield();
    CHECK_EQ(hk_chan_send(b, &item), 0);
    CHECK_EQ(hk_chan_send(a, &item), 0);
    hk_task_kill(tid);
    hk_sched_yield();
    CHECK_EQ(result, 1);
    CHECK_EQ(y, 4);
    CHECK_EQ(held(a), 1);
    destroy_both();
    return NULL;
}

TASK_TEST(killed_before_anything_happened_it_takes_nothing)
{
    int item = 4;
    open_both(1);
    hk_tid tid = hk_spawn(HK_ROOT, selects, hk_val(HK_FAIR));
    hk_sched_yield();
    CHECK_EQ(waiting(a) + waiting(b), 2);
    hk_task_kill(tid);
    CHECK_EQ(waiting(a) + waiting(b), 0);
    CHECK_EQ(hk_chan_send(b, &item), 0);
    hk_sched_yield();
    CHECK_EQ(result, -ECANCELED);
    CHECK_EQ(held(b), 1);
    destroy_both();
    return NULL;
}

static void *selects_first(void *arg)
{
    CHECK_EQ(hk_select(two_arms, 1, HK_FAIR), 0);
    return arg;
}

TASK_TEST(a_sent_item_is_read_when_it_goes)
{
    open_both(0);
    x = 1;
    two_arms[0] = hk_on_send(a, &x);
    hk_tid tid = hk_spawn(HK_ROOT, selects_first, NULL);
    hk_sched_yield();
    x = 2;
    int item;
    CHECK_EQ(hk_chan_recv(a, &item), 1);
    CHECK_EQ(item, 2);
    CHECK_EQ(hk_task_wait(tid, NULL), 0);
    destroy_both();
    return NULL;
}

/* ---- two ends of one channel ---- */

static void *selects_both_ends(void *arg)
{
    const int me = (int)hk_num(arg);
    int out = me, in = 0;
    hk_arm arms[] = { hk_on_recv(a, &in), hk_on_send(a, &out), hk_on_recv(a, &in) };
    int which = hk_select(arms, 3, HK_FAIR);
    if (which == 1)
        x += me * 1000;
    else
        y += me * 1000 + in;
    return NULL;
}

TASK_TEST(a_select_does_not_serve_itself_but_another_one)
{
    open_both(0);
    hk_spawn(HK_ROOT, selects_both_ends, hk_val(1));
    net_settle();
    CHECK_EQ(waiting(a), 3);
    hk_spawn(HK_ROOT, selects_both_ends, hk_val(2));
    net_settle();
    CHECK_EQ(waiting(a), 0);
    CHECK((x == 1000 && y == 2001) || (x == 2000 && y == 1002));
    destroy_both();
    return NULL;
}

static void *selects_crosswise(void *arg)
{
    int in = 0, out = 1;
    bool first = arg != NULL;
    hk_arm arms[] = { hk_on_recv(first ? a : b, &in), hk_on_send(first ? b : a, &out) };
    int which = hk_select(arms, 2, HK_FAIR);
    x += which == 0 ? 1 : 16;
    return NULL;
}

TASK_TEST(two_selects_crosswise_make_one_pair)
{
    open_both(0);
    for (int i = 0; i < 50; i++) {
        x = 0;
        hk_spawn(HK_ROOT, selects_crosswise, hk_val(i & 1));
        hk_spawn(HK_ROOT, selects_crosswise, hk_val(~i & 1));
        hk_sched_yield();
        hk_sched_yield();
        CHECK_EQ(x, 17);
        CHECK_EQ(waiting(a) + waiting(b), 0);
    }
    destroy_both();
    return NULL;
}

/* ---- turns ---- */

static void count_wins(size_t count, uint64_t ready, unsigned flags, int *wins)
{
    int_chan ch[8];
    hk_arm arms[8];
    int item = 0;
    for (size_t i = 0; i < count; i++) {
        hk_chan_open(&ch[i], 1);
        arms[i] = hk_on_recv(ch[i], &item);
        wins[i] = 0;
    }
    for (int n = 0; n < 1200; n++) {
        for (size_t i = 0; i < count; i++)
            if (ready >> i & 1 && held(ch[i]) == 0) CHECK_EQ(hk_chan_send(ch[i], &item), 0);
        int which = hk_select(arms, count, flags);
        if (CHECK(which >= 0)) wins[which]++;
    }
    for (size_t i = 0; i < count; i++) hk_chan_destroy(&ch[i]);
}

TASK_TEST(fair_gives_each_its_turn)
{
    int wins[8];
    count_wins(3, 7, HK_FAIR, wins);
    for (int i = 0; i < 3; i++) CHECK(wins[i] > 350 && wins[i] < 450);
    count_wins(8, 0x81, HK_FAIR, wins);
    CHECK(wins[0] > 500 && wins[7] > 500);
    count_wins(5, 0x6, HK_FAIR, wins);
    CHECK(wins[1] > 500 && wins[2] > 500);
    return NULL;
}

TASK_TEST(in_order_the_first_wins)
{
    int wins[8];
    count_wins(4, 0xe, HK_IN_ORDER, wins);
    CHECK_EQ(wins[1], 1200);
    return NULL;
}

/* ---- nothing to wait for ---- */

static void *sleeps_long(void *arg)
{
    hk_sleep(HK_SEC(1000));
    return arg;
}

TASK_TEST(without_waiting_nothing_is_left_behind)
{
    int fds[2], item;
    net_pipe(fds);
    open_both(0);
    HK_SIGNALS(signals, SIGUSR1);
    HK_TICKER(ticker, HK_SEC(1000));
    hk_tid tid = hk_spawn(HK_ROOT, sleeps_long, NULL);
    hk_arm arms[] = { hk_on_recv(a, &item),   hk_on_send(b, &item),
                      hk_on_signal(&signals), hk_on_fd(fds[0], HK_READ),
                      hk_on_tick(&ticker),    hk_on_exit(hk_task_self(), NULL),
                      hk_on_exit(tid, NULL) };
    arms[5].off = true;
    for (int i = 0; i < 20; i++) CHECK_EQ(hk_select(arms, HK_LEN(arms), HK_NOWAIT), -EAGAIN);
    CHECK_EQ(waiting(a) + waiting(b), 0);
    CHECK(signals.waiter == NULL);
    hk_task_kill(tid);
    hk_close(fds[0]);
    hk_close(fds[1]);
    destroy_both();
    return NULL;
}

TASK_TEST(there_must_be_arms_and_not_too_many)
{
    static hk_arm arms[65];
    int item = 5;
    open_both(1);
    CHECK_EQ(hk_select(arms, 0, HK_FAIR), -EINVAL);
    for (int i = 0; i < 65; i++) arms[i] = hk_on_recv(a, &item);
    CHECK_EQ(hk_select(arms, 65, HK_FAIR), -EINVAL);
    CHECK_EQ(hk_chan_send(a, &item), 0);
    CHECK(hk_select(arms, 64, HK_FAIR) >= 0);
    for (int i = 0; i < 65; i++) arms[i].off = true;
    CHECK_EQ(hk_select(arms, 64, HK_FAIR), -EINVAL);
    CHECK_EQ(hk_select(arms, 64, HK_NOWAIT), -EINVAL);
    hk_spawn(HK_ROOT, sends_to_a, hk_val(6));
    arms[63] = hk_on_recv(a, &item);
    CHECK_EQ(hk_select(arms, 64, HK_FAIR), 63);
    CHECK_EQ(item, 6);
    destroy_both();
    return NULL;
}

/* ---- arms that fail ---- */

TASK_TEST(an_end_and_a_failure_happen_too)
{
    int item = 1;
    struct big {
        char bytes[4096];
    };
    HK_CHAN(struct big) none;
    static struct big big;
    CHECK_EQ(hk_chan_open(&none, SIZE_MAX / 16384), -ENOMEM);
    open_both(1);
    hk_arm arms[] = { hk_on_recv(a, &item), hk_on_send(b, &item), hk_on_recv(none, &big) };
    CHECK_EQ(hk_chan_send(b, &item), 0);
    CHECK_EQ(hk_select(arms, 3, HK_FAIR), 2);
    CHECK_EQ(arms[2].result, -ENOMEM);
    arms[2].off = true;
    hk_chan_close(a);
    CHECK_EQ(hk_select(arms, 3, HK_FAIR), 0);
    CHECK_EQ(arms[0].result, 0);
    arms[0].off = true;
    hk_chan_abandon(b);
    CHECK_EQ(hk_select(arms, 3, HK_FAIR), 1);
    CHECK_EQ(arms[1].result, -EPIPE);
    destroy_both();
    return NULL;
}

TASK_TEST(the_same_direction_twice_is_busy)
{
    int fds[2];
    net_pipe(fds);
    hk_arm arms[] = { hk_on_fd(fds[0], HK_READ), hk_on_fd(fds[0], HK_READ) };
    CHECK_EQ(hk_select(arms, 2, HK_IN_ORDER), 1);
    CHECK_EQ(arms[1].result, -EBUSY);
    arms[1] = hk_on_fd(fds[0], 3);
    CHECK_EQ(hk_select(arms, 2, HK_FAIR), 1);
    CHECK_EQ(arms[1].result, -EINVAL);
    arms[1] = hk_on_fd(-1, HK_READ);
    CHECK_EQ(hk_select(arms, 2, HK_FAIR), 1);
    CHECK_EQ(arms[1].result, -EBADF);
    hk_close(fds[0]);
    hk_close(fds[1]);
    return NULL;
}

static void *waits_to_read(void *arg)
{
    result = hk_fd_wait((int)hk_num(arg), HK_READ);
    return NULL;
}

TASK_TEST(a_descriptor_that_another_task_waits_for_is_busy)
{
    int fds[2];
    net_pipe(fds);
    hk_spawn(HK_ROOT, waits_to_read, hk_val(fds[0]));
    hk_sched_yield();
    CHECK_EQ(write(fds[1], "x", 1), 1); /* though it could be read */
    hk_arm arm = hk_on_fd(fds[0], HK_READ);
    CHECK_EQ(hk_select(&arm, 1, HK_FAIR), 0);
    CHECK_EQ(arm.result, -EBUSY);
    net_settle();
    CHECK_EQ(result, 0);
    hk_close(fds[0]);
    hk_close(fds[1]);
    return NULL;
}

static void *closes(void *arg)
{
    CHECK_EQ(hk_close((int)hk_num(arg)), 0);
    return NULL;
}

TASK_TEST(closing_a_descriptor_ends_one_of_its_arms)
{
    int fds[2], item;
    net_local_pair(SOCK_STREAM, fds);
    open_both(0);
    char junk[4096] = "";
    while (send(fds[0], junk, sizeof junk, MSG_DONTWAIT) > 0) {}
    hk_arm arms[] = { hk_on_fd(fds[0], HK_READ), hk_on_recv(a, &item), hk_on_fd(fds[0], HK_WRITE) };
    hk_spawn(HK_ROOT, closes, hk_val(fds[0]));
    int which = hk_select(arms, 3, HK_FAIR);
    CHECK(which == 0 || which == 2);
    CHECK_EQ(arms[which].result, -EBADF);
    CHECK_EQ(waiting(a), 0);
    hk_close(fds[1]);
    destroy_both();
    return NULL;
}

static void *destroys_a(void *arg)
{
    hk_chan_destroy(&a);
    return arg;
}

TASK_TEST(destroying_a_channel_ends_its_arms)
{
    int item = 0;
    open_both(0);
    hk_arm arms[] = { hk_on_recv(a, &item), hk_on_recv(b, &item), hk_on_send(a, &item),
                      hk_on_recv(a, &item) };
    hk_spawn(HK_ROOT, destroys_a, NULL);
    int which = hk_select(arms, 4, HK_FAIR);
    CHECK(which == 0 || which == 2 || which == 3);
    CHECK_EQ(arms[which].result, which == 2 ? -EPIPE : 0);
    CHECK_EQ(waiting(b), 0);
    destroy_both();
    return NULL;
}

/* ---- stackless, other drivers, misuse ---- */

struct frame {
    hk_coro co;
    hk_select_call select;
    hk_arm arms[2];
    int items[2], sum;
};

static hk_step step_selects(hk_coro *co, void *in)
{
    struct frame *f = HK_CONTAINER(co, struct frame, co);
    HK_BEGIN(co);
    f->arms[0] = hk_on_recv(a, &f->items[0]);
    f->arms[1] = hk_on_recv(b, &f->items[1]);
    for (;;) {
        hk_select_prepare(&f->select, f->arms, 2, HK_FAIR);
        HK_AWAIT(co, &f->select.call);
        if (f->select.call.result < 0) HK_RETURN(co, hk_val(f->sum));
        if (f->arms[f->select.call.result].result > 0)
            f->sum += f->items[f->select.call.result];
        else
            f->arms[f->select.call.result].off = true;
    }
    HK_END(co, NULL);
}

static void *sends_and_closes(void *arg)
{
    for (int i = 1; i <= 10; i++) CHECK_EQ(hk_chan_send(arg != NULL ? a : b, &i), 0);
    hk_chan_close(arg != NULL ? a : b);
    return NULL;
}

TASK_TEST(a_step_selects)
{
    static struct frame frame;
    hk_exit how;
    open_both(0);
    hk_stackless_init(&frame.co, step_selects, NULL);
    hk_tid tid = hk_spawn_stackless(HK_ROOT, &frame.co, NULL);
    hk_spawn(HK_ROOT, sends_and_closes, NULL);
    hk_spawn(HK_ROOT, sends_and_closes, &frame);
    CHECK_EQ(hk_task_wait(tid, &how), 0);
    CHECK_EQ(hk_num(how.value), 110);
    destroy_both();
    return NULL;
}

static void *selects_under_another(void *arg)
{
    int item;
    hk_arm arms[] = { hk_on_recv(a, &item) };
    CHECK_EQ(hk_select(arms, 1, HK_FAIR), -ENOSYS);
    return arg;
}

TEST(no_select_under_a_foreign_driver)
{
    small s;
    open_both(1);
    small_init(&s);
    small_spawn(&s, selects_under_another, NULL);
    CHECK_EQ(small_run(&s), 0);
    selects_under_another(NULL);
    destroy_both();
}

static void *selects_nothing(void *arg)
{
    hk_arm arms[2] = { { .off = true } };
    hk_select(arms, 2, HK_FAIR);
    return arg;
}

TEST(an_arm_that_is_none_is_misuse, .aborts = "arm 1 of hk_select was made by none of hk_on_...")
{
    hk_run(selects_nothing, NULL, NULL);
}

static void *selects_for_ever(void *arg)
{
    open_both(0);
    selects(arg);
    destroy_both();
    return NULL;
}

TEST(a_deadlock_names_all_arms,
     .prints = "to receive from channel 'a', which is empty, or to receive from channel 'b'")
{
    CHECK_EQ(hk_run(selects_for_ever, NULL, NULL), -EDEADLK);
}
