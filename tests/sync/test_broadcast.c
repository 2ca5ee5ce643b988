/* SPDX-License-Identifier: MIT */
/* Broadcast channels: every subscriber gets every item sent after it subscribed, once, in order. */
#include "support/net.h"
#include "support/small.h"

typedef HK_BROADCAST(int) int_broadcast;
typedef HK_SUBSCRIBER(int) int_subscriber;

static int_broadcast b;
static int sent, last_result, ended, sums[8];

static void *sends(void *arg)
{
    int r = 0;
    for (int i = 1; i <= hk_num(arg) && r == 0; i++)
        if ((r = hk_broadcast_send(b, &i)) == 0) sent++;
    last_result = r;
    return NULL;
}

/* The sum of all that comes; each item must follow the one before. */
static void *listens(void *arg)
{
    HK_SUBSCRIPTION(int_subscriber, mine, b);
    int item, sum = 0, before = -1, r;
    while ((r = hk_subscriber_recv(&mine, &item)) > 0) {
        if (before >= 0 && before != item) CHECK_EQ(item, before + 1);
        before = item;
        sum += item;
        if (arg != NULL && item % 2 == 0) hk_sched_yield();
    }
    sums[ended++ & 7] = r == 0 ? sum : r;
    return NULL;
}

TASK_TEST(every_subscriber_gets_every_item)
{
    for (size_t capacity = 1; capacity <= 5; capacity++) {
        ended = 0;
        CHECK_EQ(hk_broadcast_open(&b, capacity), 0);
        for (int i = 0; i < 3; i++) hk_spawn(HK_ROOT, listens, hk_val(i % 2));
        hk_sched_yield();
        CHECK_EQ(hk_task_wait(hk_spawn(HK_ROOT, sends, hk_val(100)), NULL), 0);
        CHECK_EQ(last_result, 0);
        hk_broadcast_close(b);
        net_settle();
        CHECK_EQ(ended, 3);
        for (int i = 0; i < 3; i++) CHECK_EQ(sums[i], 5050);
        hk_broadcast_destroy(&b);
    }
    return NULL;
}

TASK_TEST(what_was_sent_before_is_not_received)
{
    int item = 1;
    HK_BROADCAST_CHANNEL(int_broadcast, ch, 3);
    CHECK_EQ(hk_broadcast_send(ch, &item), 0); /* to nobody */
    HK_SUBSCRIPTION(int_subscriber, early, ch);
    item = 2;
    CHECK_EQ(hk_broadcast_send(ch, &item), 0);
    HK_SUBSCRIPTION(int_subscriber, late, ch);
    item = 3;
    CHECK_EQ(hk_broadcast_send(ch, &item), 0);
    for (int i = 2; i <= 3; i++) {
        CHECK_EQ(hk_subscriber_recv(&early, &item), 1);
        CHECK_EQ(item, i);
    }
    CHECK_EQ(hk_subscriber_recv(&late, &item), 1);
    CHECK_EQ(item, 3);
    return NULL;
}

TASK_TEST(a_send_waits_for_the_slowest)
{
    int item;
    int_subscriber fast, slow;
    hk_broadcast_open(&b, 2);
    hk_subscriber_open(&fast, b);
    hk_subscriber_open(&slow, b);
    hk_spawn(HK_ROOT, sends, hk_val(5));
    hk_sched_yield();
    CHECK_EQ(sent, 2);
    CHECK_EQ(hk_subscriber_recv(&fast, &item), 1);
    CHECK_EQ(hk_subscriber_recv(&fast, &item), 1);
    hk_sched_yield();
    CHECK_EQ(sent, 2);
    CHECK_EQ(hk_subscriber_recv(&slow, &item), 1);
    hk_sched_yield();
    CHECK_EQ(sent, 3);
    CHECK_EQ(hk_subscriber_recv(&fast, &item), 1);
    CHECK_EQ(item, 3);
    /* Who leaves keeps nobody waiting; the other one misses nothing. */
    hk_subscriber_close(&slow);
    hk_subscriber_close(&slow);
    for (int i = 4; i <= 5; i++) {
        CHECK_EQ(hk_subscriber_recv(&fast, &item), 1);
        CHECK_EQ(item, i);
    }
    hk_sched_yield();
    CHECK_EQ(sent, 5);
    CHECK_EQ(hk_subscriber_recv(&slow, &item), 0);
    hk_subscriber_close(&fast);
    hk_spawn(HK_ROOT, sends, hk_val(9)); /* to nobody: none of them waits */
    hk_sched_yield();
    CHECK_EQ(sent, 14);
    hk_broadcast_destroy(&b);
    return NULL;
}

TASK_TEST(the_last_to_leave_lets_those_who_wait_go_on)
{
    int_subscriber only;
    hk_broadcast_open(&b, 1);
    hk_subscriber_open(&only, b);
    hk_spawn(HK_ROOT, sends, hk_val(3));
    hk_sched_yield();
    CHECK_EQ(sent, 1);
    hk_subscriber_close(&only);
    hk_sched_yield();
    CHECK_EQ(sent, 3);
    hk_broadcast_destroy(&b);
    return NULL;
}

TASK_TEST(close_lets_subscribers_drain_and_refuses_the_rest)
{
    int item;
    int_subscriber s;
    hk_broadcast_open(&b, 1);
    hk_subscriber_open(&s, b);
    hk_spawn(HK_ROOT, sends, hk_val(2));
    hk_sched_yield();
    hk_broadcast_close(b);
    hk_sched_yield();
    CHECK_EQ(last_result, -EPIPE);
    CHECK_EQ(sent, 1);
    CHECK_EQ(hk_broadcast_send(b, &item), -EPIPE);
    CHECK_EQ(hk_subscriber_recv(&s, &item), 1);
    CHECK_EQ(hk_subscriber_recv(&s, &item), 0);
    CHECK_EQ(hk_subscriber_recv(&s, &item), 0);
    hk_subscriber_close(&s);
    hk_broadcast_destroy(&b);
    return NULL;
}

TASK_TEST(close_and_destroy_end_those_who_wait)
{
    for (int destroy = 0; destroy <= 1; destroy++) {
        ended = 0;
        hk_broadcast_open(&b, 1);
        for (int i = 0; i < 3; i++) hk_spawn(HK_ROOT, listens, NULL);
        hk_sched_yield();
        if (!destroy) hk_broadcast_close(b);
        hk_broadcast_destroy(&b);
        hk_sched_yield();
        CHECK_EQ(ended, 3);
    }
    return NULL;
}

/* ---- kills, and the races of done and cancelled ---- */

TASK_TEST(a_killed_wait_leaves_no_trace)
{
    int item = 7;
    int_subscriber s;
    hk_broadcast_open(&b, 1);
    hk_tid tid = hk_spawn(HK_ROOT, listens, NULL);
    hk_sched_yield();
    hk_subscriber_open(&s, b);
    hk_task_kill(tid);
    hk_sched_yield();
    CHECK_EQ(ended, 1);
    CHECK_EQ(hk_broadcast_send(b, &item), 0);
    tid = hk_spawn(HK_ROOT, sends, hk_val(1));
    hk_sched_yield();
    hk_task_kill(tid); /* a send that waits for s */
    hk_sched_yield();
    CHECK_EQ(last_result, -ECANCELED);
    CHECK_EQ(hk_subscriber_recv(&s, &item), 1);
    CHECK_EQ(item, 7);
    CHECK_EQ(hk_broadcast_send(b, &item), 0);
    hk_subscriber_close(&s);
    hk_broadcast_destroy(&b);
    return NULL;
}

static int_subscriber shared;
static int received;
static void *receives_one(void *arg)
{
    int item = 0;
    last_result = hk_subscriber_recv(&shared, &item);
    received = item;
    return arg;
}

TASK_TEST(done_or_cancelled_but_never_both)
{
    for (int kill_first = 0; kill_first <= 1; kill_first++) {
        int item = 5;
        hk_broadcast_open(&b, 1);
        hk_subscriber_open(&shared, b);
        hk_tid tid = hk_spawn(HK_ROOT, receives_one, NULL);
        hk_sched_yield();
        if (kill_first) hk_task_kill(tid);
        CHECK_EQ(hk_broadcast_send(b, &item), 0);
        hk_task_kill(tid);
        hk_sched_yield();
        CHECK_EQ(last_result, kill_first ? -ECANCELED : 1);
        CHECK_EQ(received, kill_first ? 0 : 5);
        hk_broadcast_close(b);
        CHECK_EQ(hk_subscriber_recv(&shared, &item), kill_first);
        hk_subscriber_close(&shared);
        hk_broadcast_destroy(&b);
    }
    return NULL;
}

TASK_TEST(several_tasks_share_a_subscriber)
{
    hk_broadcast_open(&b, 4);
    hk_subscriber_open(&shared, b);
    for (int i = 0; i < 2; i++) hk_spawn(HK_ROOT, receives_one, NULL);
    hk_sched_yield();
    int item = 1;
    CHECK_EQ(hk_broadcast_send(b, &item), 0);
    item = 2;
    CHECK_EQ(hk_broadcast_send(b, &item), 0);
    hk_sched_yield();
    CHECK_EQ(received, 2);
    hk_subscriber_close(&shared);
    hk_broadcast_destroy(&b);
    return NULL;
}

/* ---- select, stackless ---- */

static int first_item, second_item;
static int_subscriber first, second;
static void *selects(void *arg)
{
    hk_arm arms[] = { hk_on_subscriber(&first, &first_item),
                      hk_on_subscriber(&second, &second_item) };
    last_result = hk_select(arms, 2, HK_FAIR);
    return arg;
}

TASK_TEST(of_two_subscribers_in_a_select_one_receives)
{
    int item = 6;
    hk_broadcast_open(&b, 1);
    hk_subscriber_open(&first, b);
    hk_subscriber_open(&second, b);
    hk_spawn(HK_ROOT, selects, NULL);
    hk_sched_yield();
    CHECK_EQ(hk_broadcast_send(b, &item), 0);
    hk_sched_yield();
    CHECK(last_result == 0 || last_result == 1);
    CHECK_EQ(first_item + second_item, 6);
    CHECK(first.raw.receivers.first == NULL && second.raw.receivers.first == NULL);
    int_subscriber *other = last_result == 0 ? &second : &first;
    CHECK_EQ(hk_subscriber_recv(other, &item), 1);
    CHECK_EQ(item, 6);
    hk_subscriber_close(&first);
    hk_subscriber_close(&second);
    hk_broadcast_destroy(&b);
    return NULL;
}

struct frame {
    hk_coro co;
    hk_sync_call call;
    int_subscriber mine;
    int item, sum;
};

static hk_step step_listens(hk_coro *co, void *in)
{
    struct frame *f = HK_CONTAINER(co, struct frame, co);
    HK_BEGIN(co);
    hk_subscriber_open(&f->mine, b);
    for (;;) {
        hk_subscriber_recv_prepare(&f->call, &f->mine, &f->item);
        HK_AWAIT(co, &f->call.call);
        if (f->call.call.result <= 0) break;
        f->sum += f->item;
    }
    hk_subscriber_close(&f->mine);
    HK_END(co, hk_val(f->sum));
}

static hk_step step_sends(hk_coro *co, void *in)
{
    struct frame *f = HK_CONTAINER(co, struct frame, co);
    HK_BEGIN(co);
    for (f->item = 1; f->item <= 10; f->item++) {
        hk_broadcast_send_prepare(&f->call, b, &f->item);
        HK_AWAIT(co, &f->call.call);
    }
    hk_broadcast_close(b);
    HK_END(co, NULL);
}

TASK_TEST(steps_send_and_listen)
{
    static struct frame sender, listener;
    hk_exit how;
    hk_broadcast_open(&b, 1);
    hk_stackless_init(&listener.co, step_listens, NULL);
    hk_stackless_init(&sender.co, step_sends, NULL);
    hk_tid tid = hk_spawn_stackless(HK_ROOT, &listener.co, NULL);
    hk_spawn_stackless(HK_ROOT, &sender.co, NULL);
    CHECK_EQ(hk_task_wait(tid, &how), 0);
    CHECK_EQ(hk_num(how.value), 55);
    hk_broadcast_destroy(&b);
    return NULL;
}

TEST(a_broadcast_works_under_any_driver)
{
    small s;
    small_init(&s);
    hk_broadcast_open(&b, 2);
    small_spawn(&s, listens, NULL);
    small_spawn(&s, listens, NULL);
    small_spawn(&s, sends, hk_val(9));
    CHECK_EQ(small_run(&s), 2);
    hk_broadcast_close(b);
    CHECK_EQ(small_run(&s), 0);
    CHECK_EQ(ended, 2);
    CHECK_EQ(sent, 9);
    hk_broadcast_destroy(&b);
}

/* What the slow one receives makes room for an item that the fast one waits for: of two arms still
 * one happens, and that item is there afterwards. */
TASK_TEST(a_select_from_two_subscribers_loses_nothing)
{
    int one = 0, two = 0;
    hk_broadcast_open(&b, 1);
    HK_SUBSCRIPTION(int_subscriber, fast, b);
    HK_SUBSCRIPTION(int_subscriber, slow, b);
    sent = 0;
    hk_tid tid = hk_spawn(HK_ROOT, sends, hk_val(2));
    hk_sched_yield();
    CHECK_EQ(sent, 1);
    CHECK_EQ(hk_subscriber_recv(&fast, &one), 1);
    hk_arm arms[] = { hk_on_subscriber(&fast, &one), hk_on_subscriber(&slow, &two) };
    CHECK_EQ(hk_select(arms, 2, HK_IN_ORDER), 1);
    CHECK_EQ(two, 1);
    CHECK_EQ(one, 1); /* of the other nothing has happened */
    CHECK_EQ(hk_task_wait(tid, NULL), 0);
    CHECK_EQ(hk_select(arms, 2, HK_IN_ORDER), 0);
    CHECK_EQ(one, 2);
    hk_broadcast_destroy(&b);
    return NULL;
}

/* ---- failures, misuse ---- */

TASK_TEST(a_broadcast_that_could_not_be_opened_says_so)
{
    int item = 1;
    CHECK_EQ(hk_broadcast_open(&b, 0), -EINVAL);
    CHECK_EQ(hk_broadcast_send(b, &item), -EINVAL);
    hk_broadcast_destroy(&b);
    CHECK_EQ(hk_broadcast_open(&b, SIZE_MAX), -ENOMEM);
    CHECK_EQ(hk_broadcast_open(&b, SIZE_MAX / 64), -ENOMEM);
    CHECK_EQ(hk_broadcast_send(b, &item), -ENOMEM);
    HK_SUBSCRIPTION(int_subscriber, s, b);
    CHECK_EQ(hk_subscriber_recv(&s, &item), -ENOMEM);
    hk_broadcast_close(b);
    hk_broadcast_destroy(&b);
    return NULL;
}

TEST(a_broadcast_that_is_not_open_is_misused,
     .aborts = "a broadcast channel is used that is not open")
{
    hk_run(sends, hk_val(1), NULL);
}

TEST(nobody_subscribes_to_what_is_not_open,
     .aborts = "hk_subscriber_open to a broadcast channel that is not open")
{
    hk_subscriber_open(&shared, b);
}

static void *listens_for_ever(void *arg)
{
    HK_BROADCAST_CHANNEL(int_broadcast, news, 1);
    b = news;
    hk_spawn(HK_ROOT, listens, NULL);
    hk_sched_yield();
    int_subscriber lazy;
    int item = 1, r = 0;
    hk_subscriber_open(&lazy, news);
    while (r == 0) r = hk_broadcast_send(news, &item);
    hk_subscriber_close(&lazy);
    return arg;
}

TEST(a_deadlock_names_the_slow, .prints = "to send on broadcast 'news', whose slowest of 2 is 1")
{
    CHECK_EQ(hk_run(listens_for_ever, NULL, NULL), -EDEADLK);
}

TEST(a_deadlock_names_who_listens, .prints = "to receive from broadcast 'news'")
{
    CHECK_EQ(hk_run(listens_for_ever, NULL, NULL), -EDEADLK);
}
