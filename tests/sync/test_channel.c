/* SPDX-License-Identifier: MIT */
/* Channels: what arrives, in which order, what the two closes do, what a kill leaves. */
#include "support/net.h"
#include "support/small.h"

#include "sched/sched.h"
#include "sync/channel.h"

#include <stdlib.h>

typedef HK_CHAN(int) int_chan;

static int_chan shared;
static int got[64], got_count, last_result;

/* Some have it through a pointer to const: that is the channel's own. */
static void *sends_numbers(void *arg)
{
    const int_chan *through = &shared;
    int r = 0;
    for (int i = 1; i <= hk_num(arg) && r == 0; i++) r = hk_chan_send(*through, &i);
    last_result = r;
    return NULL;
}

static void *receives_all(void *arg)
{
    const int_chan *through = &shared;
    int r, item;
    while ((r = hk_chan_recv(*through, &item)) > 0) got[got_count++ & 63] = item;
    last_result = r;
    return arg;
}

static void check_got(const char *wanted)
{
    char text[256] = "";
    for (int i = 0; i < got_count; i++) sprintf(text + strlen(text), i > 0 ? " %d" : "%d", got[i]);
    CHECK_STR(text, wanted);
    got_count = 0;
}

/* ---- order ---- */

TASK_TEST(items_arrive_in_order_at_any_capacity)
{
    for (size_t capacity = 0; capacity <= 5; capacity++) {
        hk_chan_open(&shared, capacity);
        hk_spawn(HK_ROOT, sends_numbers, hk_val(7));
        hk_spawn(HK_ROOT, receives_all, NULL);
        hk_sched_yield();
        net_settle();
        hk_chan_close(shared);
        net_settle();
        check_got("1 2 3 4 5 6 7");
        CHECK_EQ(last_result, 0);
        hk_chan_destroy(&shared);
    }
    return NULL;
}

static void *sends_one(void *arg)
{
    int item = (int)hk_num(arg);
    last_result = hk_chan_send(shared, &item);
    return NULL;
}

TASK_TEST(those_who_wait_are_served_in_order)
{
    hk_chan_open(&shared, 1);
    for (int i = 1; i <= 5; i++) hk_spawn(HK_ROOT, sends_one, hk_val(i));
    hk_sched_yield();
    hk_chan_numbers n;
    hk_chan_stats(shared, &n);
    CHECK_EQ(n.senders, 4);
    for (int i = 1, item; i <= 5; i++) {
        CHECK_EQ(hk_chan_recv(shared, &item), 1);
        CHECK_EQ(item, i);
    }
    hk_chan_destroy(&shared);
    return NULL;
}

static void *receives_one(void *arg)
{
    int item = 0;
    int r = hk_chan_recv(shared, &item);
    last_result = r;
    got[got_count++] = (int)hk_num(arg) * 100 + item;
    return NULL;
}

TASK_TEST(receivers_that_wait_are_served_in_order)
{
    hk_chan_open(&shared, 2);
    for (int i = 1; i <= 3; i++) hk_spawn(HK_ROOT, receives_one, hk_val(i));
    hk_sched_yield();
    for (int i = 7; i <= 9; i++) CHECK_EQ(hk_chan_send(shared, &i), 0);
    hk_sched_yield();
    check_got("107 208 309");
    hk_chan_destroy(&shared);
    return NULL;
}

/* ---- items of all sizes ---- */

#define ROUND_TRIP(size) \
    do { \
        struct item { \
            unsigned char bytes[size]; \
        }; \
        typedef HK_CHAN(struct item) item_chan; \
        item_chan ch; \
        struct item in, out; \
        CHECK_EQ(hk_chan_open(&ch, 3), 0); \
        for (int round = 0; round < 8; round++) { \
            memset(&in, round + 1, sizeof in); \
            memset(&out, 0, sizeof out); \
            CHECK_EQ(hk_chan_send(ch, &in), 0); \
            CHECK_EQ(hk_chan_recv(ch, &out), 1); \
            CHECK_EQ(memcmp(&in, &out, sizeof in), 0); \
        } \
        hk_chan_destroy(&ch); \
    } while (0)

TASK_TEST(items_of_any_size_arrive_whole)
{
    ROUND_TRIP(1);
    ROUND_TRIP(4);
    ROUND_TRIP(8);
    ROUND_TRIP(12);
    ROUND_TRIP(16);
    ROUND_TRIP(1000);
    return NULL;
}

/* ---- the two closes: by state of the channel, what each party is told ---- */

TASK_TEST(close_lets_receivers_drain_and_then_end)
{
    int item = 5;
    HK_CHANNEL(int_chan, ch, 2);
    CHECK_EQ(hk_chan_send(ch, &item), 0);
    CHECK_EQ(hk_chan_send(ch, &item), 0);
    hk_chan_close(ch);
    hk_chan_close(ch);
    CHECK_EQ(hk_chan_send(ch, &item), -EPIPE);
    CHECK_EQ(hk_chan_recv(ch, &item), 1);
    CHECK_EQ(hk_chan_recv(ch, &item), 1);
    CHECK_EQ(hk_chan_recv(ch, &item), 0);
    CHECK_EQ(hk_chan_recv(ch, &item), 0);
    return NULL;
}

TASK_TEST(close_ends_those_who_wait)
{
    for (size_t capacity = 0; capacity <= 1; capacity++) {
        hk_chan_open(&shared, capacity);
        hk_spawn(HK_ROOT, receives_one, hk_val(1));
        hk_spawn(HK_ROOT, receives_one, hk_val(2));
        hk_sched_yield();
        last_result = 1;
        hk_chan_close(shared);
        hk_sched_yield();
        check_got("100 200");
        CHECK_EQ(last_result, 0);
        hk_chan_destroy(&shared);
    }
    return NULL;
}

TASK_TEST(a_send_that_waits_when_it_is_closed_was_not_taken)
{
    int item;
    hk_chan_open(&shared, 1);
    hk_spawn(HK_ROOT, sends_one, hk_val(1));
    hk_spawn(HK_ROOT, sends_one, hk_val(2));
    hk_sched_yield();
    hk_chan_close(shared);
    hk_sched_yield();
    CHECK_EQ(last_result, -EPIPE);
    CHECK_EQ(hk_chan_recv(shared, &item), 1);
    CHECK_EQ(item, 1);
    CHECK_EQ(hk_chan_recv(shared, &item), 0);
    hk_chan_destroy(&shared);
    return NULL;
}

static int released[8], released_count;
static void release_int(void *item) { released[released_count++] = *(int *)item; }

TASK_TEST(abandon_releases_what_is_left_and_refuses_the_rest)
{
    const hk_chan_options options = { .item_release = release_int };
    hk_chan_open_with(&shared, 3, &options);
    for (int i = 1, item; i <= 5; i++) { /* so that they lie around the end of the ring */
        CHECK_EQ(hk_chan_send(shared, &i), 0);
        if (i <= 2) CHECK_EQ(hk_chan_recv(shared, &item), 1);
    }
    hk_spawn(HK_ROOT, sends_one, hk_val(6));
    hk_sched_yield();
    hk_chan_abandon(shared);
    hk_sched_yield();
    CHECK_EQ(last_result, -EPIPE);
    CHECK_EQ(released_count, 3);
    for (int i = 0; i < 3; i++) CHECK_EQ(released[i], i + 3);
    int item = 7;
    CHECK_EQ(hk_chan_send(shared, &item), -EPIPE);
    CHECK_EQ(hk_chan_recv(shared, &item), 0);
    hk_chan_abandon(shared);
    hk_chan_destroy(&shared);
    CHECK_EQ(released_count, 3);
    return NULL;
}

TASK_TEST(abandon_and_destroy_end_those_who_receive)
{
    for (int destroy = 0; destroy <= 1; destroy++) {
        hk_chan_open(&shared, 1);
        hk_spawn(HK_ROOT, receives_one, hk_val(1));
        hk_sched_yield();
        last_result = 1;
        if (!destroy) hk_chan_abandon(shared);
        hk_chan_destroy(&shared);
        hk_sched_yield();
        CHECK_EQ(last_result, 0);
        check_got("100");
    }
    return NULL;
}

TASK_TEST(the_end_of_its_block_destroys_a_channel)
{
    {
        HK_CHANNEL(int_chan, ch, 4);
        int item = 3;
        shared = ch;
        CHECK_EQ(hk_chan_send(ch, &item), 0);
        hk_spawn(HK_ROOT, sends_numbers, hk_val(9));
        hk_sched_yield();
    }
    hk_sched_yield();
    CHECK_EQ(last_result, -EPIPE);
    return NULL;
}

/* ---- a kill leaves no trace ---- */

TASK_TEST(a_killed_receiver_takes_nothing)
{
    hk_chan_open(&shared, 0);
    hk_tid first = hk_spawn(HK_ROOT, receives_one, hk_val(1));
    hk_spawn(HK_ROOT, receives_one, hk_val(2));
    hk_sched_yield();
    hk_task_kill(first);
    int item = 8;
    CHECK_EQ(hk_chan_send(shared, &item), 0);
    hk_sched_yield();
    check_got("100 208");
    hk_chan_numbers n;
    hk_chan_stats(shared, &n);
    CHECK_EQ(n.receivers, 0);
    hk_chan_destroy(&shared);
    return NULL;
}

TASK_TEST(a_killed_sender_sends_nothing)
{
    int item;
    hk_chan_open(&shared, 0);
    hk_tid first = hk_spawn(HK_ROOT, sends_one, hk_val(1));
    hk_spawn(HK_ROOT, sends_one, hk_val(2));
    hk_sched_yield();
    hk_task_kill(first);
    CHECK_EQ(hk_chan_recv(shared, &item), 1);
    CHECK_EQ(item, 2);
    hk_chan_numbers n;
    hk_chan_stats(shared, &n);
    CHECK_EQ(n.senders, 0);
    CHECK_EQ(n.sent, 1);
    hk_chan_destroy(&shared);
    return NULL;
}

/* The four races: done before the kill, or after it; the receiver's or the sender's. */
TASK_TEST(sent_then_killed_the_receiver_has_it)
{
    hk_chan_open(&shared, 0);
    hk_tid receiver = hk_spawn(HK_ROOT, receives_one, hk_val(1));
    hk_sched_yield();
    int item = 8;
    CHECK_EQ(hk_chan_send(shared, &item), 0);
    hk_task_kill(receiver);
    hk_sched_yield();
    CHECK_EQ(last_result, 1);
    check_got("108");
    hk_chan_destroy(&shared);
    return NULL;
}

TASK_TEST(killed_then_sent_the_item_stays)
{
    hk_chan_open(&shared, 1);
    hk_tid receiver = hk_spawn(HK_ROOT, receives_one, hk_val(1));
    hk_sched_yield();
    int item = 8;
    hk_task_kill(receiver);
    CHECK_EQ(hk_chan_send(shared, &item), 0);
    hk_sched_yield();
    CHECK_EQ(last_result, -ECANCELED);
    check_got("100");
    CHECK_EQ(hk_chan_recv(shared, &item), 1);
    hk_chan_destroy(&shared);
    return NULL;
}

TASK_TEST(received_then_killed_the_sender_has_sent)
{
    int item;
    hk_chan_open(&shared, 0);
    hk_tid sender = hk_spawn(HK_ROOT, sends_one, hk_val(4));
    hk_sched_yield();
    CHECK_EQ(hk_chan_recv(shared, &item), 1);
    hk_task_kill(sender);
    hk_sched_yield();
    CHECK_EQ(last_result, 0);
    hk_chan_destroy(&shared);
    return NULL;
}

TASK_TEST(killed_then_received_there_is_nothing)
{
    hk_chan_open(&shared, 0);
    hk_tid sender = hk_spawn(HK_ROOT, sends_one, hk_val(4));
    hk_sched_yield();
    hk_task_kill(sender);
    hk_spawn(HK_ROOT, receives_one, hk_val(1));
    hk_sched_yield();
    hk_chan_numbers n;
    hk_chan_stats(shared, &n);
    CHECK_EQ(last_result, -ECANCELED);
    CHECK_EQ(n.receivers, 1);
    CHECK_EQ(n.sent, 0);
    hk_chan_destroy(&shared);
    hk_sched_yield();
    got_count = 0;
    return NULL;
}

static void *tries_when_killed(void *arg)
{
    int item = 3;
    hk_task_kill(hk_task_self());
    CHECK_EQ(hk_chan_send(shared, &item), -ECANCELED);
    CHECK_EQ(hk_chan_recv(shared, &item), -ECANCELED);
    return arg;
}

TASK_TEST(a_killed_task_is_refused_though_it_need_not_wait)
{
    int item = 1;
    hk_chan_open(&shared, 2);
    CHECK_EQ(hk_chan_send(shared, &item), 0);
    hk_spawn(HK_ROOT, tries_when_killed, NULL);
    hk_sched_yield();
    hk_chan_numbers n;
    hk_chan_stats(shared, &n);
    CHECK_EQ(n.count, 1);
    CHECK_EQ(n.sent, 1);
    hk_chan_destroy(&shared);
    return NULL;
}

/* ---- ordered ---- */

struct job {
    int urgency, number;
};
typedef HK_CHAN(struct job) job_chan;

static int by_urgency(const void *a, const void *b)
{
    return ((const struct job *)a)->urgency - ((const struct job *)b)->urgency;
}

static const hk_chan_options urgent = { .compare = by_urgency };

TASK_TEST(an_ordered_channel_gives_the_smallest_first)
{
    job_chan jobs;
    unsigned random = 12345;
    CHECK_EQ(hk_chan_open_with(&jobs, 200, &urgent), 0);
    for (int round = 0; round < 20; round++) {
        struct job job, before = { -1, 0 };
        for (int i = 0; i < 200 - round; i++) {
            random = random * 1103515245 + 12345;
            job = (struct job){ (int)(random >> 16) % (1 + 3 * round), i };
            CHECK_EQ(hk_chan_send(jobs, &job), 0);
        }
        for (int i = 0; i < 200 - round; i++) {
            CHECK_EQ(hk_chan_recv(jobs, &job), 1);
            CHECK(job.urgency > before.urgency ||
                  (job.urgency == before.urgency && job.number > before.number));
            before = job;
        }
    }
    hk_chan_destroy(&jobs);
    return NULL;
}

static job_chan queue;
static void *sends_urgently(void *arg)
{
    struct job job = { (int)hk_num(arg), 0 };
    CHECK_EQ(hk_chan_send(queue, &job), 0);
    return NULL;
}

TASK_TEST(what_waits_for_room_is_ordered_once_it_is_in)
{
    static const int wanted[] = { 1, 2, 5, 9 };
    CHECK_EQ(hk_chan_open_with(&queue, 2, &urgent), 0);
    static const int sent[] = { 9, 2, 5, 1 };
    for (int i = 0; i < 4; i++) hk_spawn(HK_ROOT, sends_urgently, hk_val(sent[i]));
    hk_sched_yield();
    struct job job;
    CHECK_EQ(hk_chan_recv(queue, &job), 1);
    CHECK_EQ(job.urgency, 2);
    CHECK_EQ(hk_chan_recv(queue, &job), 1);
    CHECK_EQ(job.urgency, 5);
    CHECK_EQ(hk_chan_recv(queue, &job), 1);
    CHECK_EQ(job.urgency, wanted[0]);
    CHECK_EQ(hk_chan_recv(queue, &job), 1);
    CHECK_EQ(job.urgency, wanted[3]);
    hk_chan_destroy(&queue);
    return NULL;
}

static int jobs_released;
static void release_job(void *item) { jobs_released += ((struct job *)item)->number; }

TASK_TEST(an_ordered_channel_releases_each_item_once)
{
    job_chan jobs;
    const hk_chan_options options = { .compare = by_urgency, .item_release = release_job };
    CHECK_EQ(hk_chan_open_with(&jobs, 4, &options), 0);
    for (int i = 0; i < 4; i++) {
        struct job job = { 10 - i, 1 << i };
        CHECK_EQ(hk_chan_send(jobs, &job), 0);
    }
    struct job first;
    CHECK_EQ(hk_chan_recv(jobs, &first), 1);
    CHECK_EQ(first.number, 8);
    hk_chan_destroy(&jobs);
    CHECK_EQ(jobs_released, 7);
    return NULL;
}

TASK_TEST(an_order_needs_room)
{
    job_chan jobs;
    struct job job = { 0, 0 };
    CHECK_EQ(hk_chan_open_with(&jobs, 0, &urgent), -EINVAL);
    CHECK_EQ(hk_chan_send(jobs, &job), -EINVAL);
    hk_chan_destroy(&jobs);
    return NULL;
}

/* ---- numbers ---- */

TASK_TEST(a_channel_tells_its_numbers)
{
    HK_CHANNEL(int_chan, ch, 3);
    hk_chan_numbers n;
    int item = 1;
    for (int i = 0; i < 3; i++) CHECK_EQ(hk_chan_send(ch, &item), 0);
    CHECK_EQ(hk_chan_recv(ch, &item), 1);
    CHECK_EQ(hk_chan_recv(ch, &item), 1);
    hk_chan_close(ch);
    hk_chan_stats(ch, &n);
    CHECK_EQ(n.capacity, 3);
    CHECK_EQ(n.count, 1);
    CHECK_EQ(n.most, 3);
    CHECK_EQ(n.sent, 3);
    CHECK_EQ(n.senders + n.receivers, 0);
    CHECK(n.closed && !n.abandoned);
    return NULL;
}

/* ---- where there is no memory, no scheduler, another driver ---- */

TASK_TEST(a_channel_that_could_not_be_opened_says_so)
{
    typedef HK_CHAN(struct files_of_bytes { char bytes[4096]; }) big_chan;
    static struct files_of_bytes item;
    HK_CHANNEL(big_chan, ch, SIZE_MAX / 16384);
    hk_chan_numbers n;
    CHECK_EQ(hk_chan_send(ch, &item), -ENOMEM);
    CHECK_EQ(hk_chan_recv(ch, &item), -ENOMEM);
    hk_chan_close(ch);
    hk_chan_abandon(ch);
    hk_chan_stats(ch, &n);
    CHECK_EQ(n.capacity, 0);
    big_chan overflow;
    CHECK_EQ(hk_chan_open(&overflow, SIZE_MAX / 4096), -ENOMEM);
    CHECK_EQ(hk_chan_open(&overflow, SIZE_MAX / 16), -ENOMEM);
    return NULL;
}

TEST(a_channel_outside_waits_for_nobody)
{
    int item = 1;
    hk_chan_open(&shared, 2);
    CHECK_EQ(hk_chan_send(shared, &item), -ENOSYS);
    hk_chan_close(shared);
    hk_chan_destroy(&shared);
}

static void *uses_shared(void *arg)
{
    int item = 6;
    CHECK_EQ(hk_chan_send(shared, &item), 0);
    CHECK_EQ(hk_chan_send(shared, &item), 0);
    CHECK_EQ(hk_chan_recv(shared, &item), 1);
    CHECK_EQ(hk_chan_recv(shared, &item), 1);
    return arg;
}

TEST(a_channel_lives_through_several_schedulers)
{
    hk_chan_open(&shared, 2);
    for (int i = 0; i < 3; i++) CHECK_EQ(hk_run(uses_shared, NULL, NULL), 0);
    hk_chan_destroy(&shared);
}

static void *opens_shared(void *arg)
{
    int_chan other;
    hk_chan_open(&shared, 2);
    hk_chan_open(&other, 2);
    hk_chan_destroy(&other);
    return arg;
}

TEST(a_channel_outlives_its_scheduler)
{
    CHECK_EQ(hk_run(opens_shared, NULL, NULL), 0);
    CHECK_EQ(hk_run(uses_shared, NULL, NULL), 0);
    hk_chan_destroy(&shared);
}

static void *adopts_shared(void *arg)
{
    int_chan other;
    const hk_sched *s = hk__here.sched;
    int item;
    hk_arm arm = hk_on_recv(shared, &item);
    hk_chan_open(&other, 1);
    CHECK_EQ(hk_select(&arm, 1, HK_NOWAIT), -EAGAIN);
    CHECK(s->channels == &other.raw->open);
    hk_chan_destroy(&shared);
    CHECK(s->channels == &other.raw->open);
    hk_chan_destroy(&other);
    CHECK(s->channels == NULL);
    return arg;
}

TEST(a_channel_that_is_adopted_is_in_no_list)
{
    CHECK_EQ(hk_run(opens_shared, NULL, NULL), 0);
    CHECK_EQ(hk_run(adopts_shared, NULL, NULL), 0);
}

static hk_sched *other_sched;
static void *uses_it_elsewhere(void *arg)
{
    int item = 1;
    CHECK_EQ(hk_chan_send(shared, &item), -EPERM);
    CHECK_EQ(hk_chan_recv(shared, &item), -EPERM);
    return arg;
}

TEST(a_channel_belongs_to_one_scheduler)
{
    other_sched = hk_sched_create(NULL);
    if (!CHECK(other_sched != NULL)) return;
    CHECK(hk_sched_spawn(other_sched, opens_shared, NULL) > 0);
    CHECK_EQ(hk_sched_run(other_sched), 0);
    CHECK_EQ(hk_run(uses_it_elsewhere, NULL, NULL), 0);
    hk_sched_destroy(other_sched);
    hk_chan_destroy(&shared);
}

static void *closes_when_done(void *arg)
{
    sends_numbers(arg);
    hk_chan_close(shared);
    return NULL;
}

TEST(a_channel_works_under_any_driver)
{
    for (size_t capacity = 0; capacity <= 2; capacity++) {
        small s;
        small_init(&s);
        hk_chan_open(&shared, capacity);
        small_spawn(&s, receives_all, NULL);
        small_spawn(&s, closes_when_done, hk_val(5));
        CHECK_EQ(small_run(&s), 0);
        check_got("1 2 3 4 5");
        CHECK_EQ(last_result, 0);
        hk_chan_destroy(&shared);
    }
}

TEST(a_foreign_driver_can_abort_either_end)
{
    small s;
    small_init(&s);
    hk_chan_open(&shared, 0);
    hk_tid receiver = small_spawn(&s, receives_one, hk_val(1));
    CHECK_EQ(small_run(&s), 1);
    CHECK_EQ(small_kill(&s, receiver), 1);
    hk_tid sender = small_spawn(&s, sends_one, hk_val(1));
    CHECK_EQ(small_run(&s), 1);
    check_got("100");
    CHECK_EQ(small_kill(&s, sender), 1);
    CHECK_EQ(small_run(&s), 0);
    CHECK_EQ(last_result, -ECANCELED);
    hk_chan_destroy(&shared);
}

/* ---- misuse ---- */

TEST(a_channel_that_is_not_open_is_misused, .aborts = "a channel is used that is not open")
{
    hk_run(sends_one, NULL, NULL);
}

TEST(closing_what_is_not_open_is_misuse, .aborts = "hk_chan_close of a channel that is not open")
{
    hk_chan_close(shared);
}

static hk_step step_that_traps(hk_coro *co, void *in)
{
    int item = 1;
    (void)in;
    HK_BEGIN(co);
    CHECK_EQ(hk_chan_send(shared, &item), 0);
    HK_END(co, NULL);
}

static void *spawns_a_step(void *arg)
{
    static hk_coro co;
    hk_chan_open(&shared, 1);
    hk_stackless_init(&co, step_that_traps, NULL);
    CHECK(hk_spawn_stackless(HK_ROOT, &co, "step") > 0);
    return arg;
}

TEST(a_stackless_step_must_await, .aborts = "hk_trap inside the stackless step")
{
    hk_run(spawns_a_step, NULL, NULL);
}

/* ---- reports ---- */

static void *waits_for_ever(void *arg)
{
    HK_CHANNEL(int_chan, letters, 4);
    int item;
    return hk_val(hk_chan_recv(letters, &item) + hk_num(arg));
}

TEST(a_deadlock_names_the_channel, .prints = "to receive from channel 'letters', which is empty")
{
    CHECK_EQ(hk_run(waits_for_ever, NULL, NULL), -EDEADLK);
}

static void *sends_for_ever(void *arg)
{
    HK_CHANNEL(int_chan, letters, 4);
    int item = 0, r = 0;
    while (r == 0) r = hk_chan_send(letters, &item);
    return hk_val(r + hk_num(arg));
}

TEST(a_deadlock_says_how_full_it_is, .prints = "to send on channel 'letters', which holds 4 of 4")
{
    CHECK_EQ(hk_run(sends_for_ever, NULL, NULL), -EDEADLK);
}
