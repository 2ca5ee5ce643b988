/* SPDX-License-Identifier: MIT */
/* Each object of sync.h, lock.h, channel.h, broadcast.h, select.h and ticker.h in a small scenario
 * that has to hold on every schedule, whoever is killed meanwhile: by chance, by priorities, and on
 * all schedules with few preemptions. What is waited for and never comes is a deadlock, which fails
 * the run. */
#include "support/sim.h"
#include "support/steps.h"
#include "support/tools.h"

/* AddressSanitizer maps memory for each task that comes and unmaps it when it goes: there a search
 * takes ten times as long. */
#ifdef HK__ASAN
#define SEARCHED(preemptions) ((preemptions)-1)
#else
#define SEARCHED(preemptions) (preemptions)
#endif

/* One scenario, two tests. */
#define SYNC_TEST(id, preemptions) \
    static void id(void); \
    SIM_TEST(id##_by_chance) { id(); } \
    SIM_SEARCH(id##_on_every_schedule, SEARCHED(preemptions), .seconds = 60) { id(); } \
    static void id(void)

/* ---- who takes part ---- */

enum stage { FRESH, WAITS, OVER };

static struct worker {
    hk_tid tid;
    enum stage stage;
    int result; /* of its wait, once it is over */
} workers[3];

static int number_of(const struct worker *w) { return (int)(w - workers); }

static void start(int i, hk_entry *work)
{
    workers[i] = (struct worker){ .stage = FRESH, .result = 1000 };
    workers[i].tid = hk_spawn(HK_ROOT, work, &workers[i]);
}

static void start_all(hk_entry *work)
{
    for (int i = 0; i < (int)HK_LEN(workers); i++) start(i, work);
}

static void await(int i)
{
    int r = hk_task_wait(workers[i].tid, NULL);
    CHECK(r == 0 || r == -ESRCH); /* over already */
}

static void await_all(void)
{
    for (int i = 0; i < (int)HK_LEN(workers); i++) await(i);
}

static void begins(struct worker *w) { w->stage = WAITS; }

static int ends(struct worker *w, intptr_t result)
{
    w->stage = OVER;
    return w->result = (int)result;
}

/* Makes a call that may wait, so that all see how far it is. */
#define WAIT(worker, wait) (begins(worker), ends((worker), (wait)))

/* Kills worker 0, at a time of the schedule's choice. */
static void kill_the_first(void)
{
    hk_sched_yield();
    hk_task_kill(workers[0].tid);
}

/* ---- event, future ---- */

static hk_event event;

static void *waits_for_event(void *arg)
{
    struct worker *w = arg;
    if (WAIT(w, hk_event_wait(&event)) == 0) CHECK(event.is_set);
    return NULL;
}

static void *sets_event(void *arg)
{
    hk_sched_yield();
    hk_event_set(&event);
    return arg;
}

/* A wait that was over at the kill has succeeded, another has not. */
static void check_killed(const struct worker *at_kill, bool was_over)
{
    const struct worker *w = &workers[0];
    if (at_kill->stage == FRESH) CHECK_EQ(w->stage, FRESH);
    if (at_kill->stage == WAITS) CHECK_EQ(w->result, was_over ? 0 : -ECANCELED);
    if (at_kill->stage == OVER) CHECK_EQ(w->result, 0);
}

SYNC_TEST(an_event_wakes_all_but_the_killed, 2)
{
    event = (hk_event){ 0 };
    start(0, waits_for_event);
    start(1, waits_for_event);
    start(2, sets_event);
    hk_sched_yield();
    const struct worker at_kill = workers[0];
    const bool was_set = event.is_set;
    hk_task_kill(workers[0].tid);
    await_all();
    check_killed(&at_kill, was_set);
    CHECK_EQ(workers[1].result, 0);
}

static hk_future future;

static void *waits_for_value(void *arg)
{
    struct worker *w = arg;
    void *value = NULL;
    if (WAIT(w, hk_future_wait(&future, &value)) == 0) CHECK_EQ(hk_num(value), 42);
    return NULL;
}

static void *sets_value(void *arg)
{
    hk_sched_yield();
    hk_future_set(&future, hk_val(42));
    return arg;
}

SYNC_TEST(a_future_reaches_all_but_the_killed, 2)
{
    future = (hk_future){ 0 };
    start(0, waits_for_value);
    start(1, waits_for_value);
    start(2, sets_value);
    hk_sched_yield();
    const struct worker at_kill = workers[0];
    const bool was_set = future.is_set;
    hk_task_kill(workers[0].tid);
    await_all();
    check_killed(&at_kill, was_set);
    CHECK_EQ(workers[1].result, 0);
}

/* ---- semaphore ---- */

static hk_semaphore semaphore;
static int inside, served;

static void *takes_a_permit(void *arg)
{
    if (WAIT(arg, hk_semaphore_acquire(&semaphore)) < 0) return NULL;
    CHECK(++inside <= 1);
    hk_sched_yield();
    inside--;
    served++;
    hk_semaphore_release(&semaphore);
    return NULL;
}

SYNC_TEST(no_permit_is_lost_or_doubled, 2)
{
    semaphore = (hk_semaphore){ .count = 1 };
    inside = served = 0;
    start_all(takes_a_permit);
    kill_the_first();
    await_all();
    CHECK_EQ(served, 2 + (workers[0].result == 0));
    CHECK_EQ(semaphore.count, 1);
}

/* ---- mutex ---- */

static hk_mutex mutex;
static bool dead; /* whoever had it last has ended, and nobody knows it yet */
static int deaths, told_dead;

/* Ends with the lock where it is killed while it has it. */
static void *locks(void *arg)
{
    struct worker *w = arg;
    int r = WAIT(w, hk_mutex_lock(&mutex));
    if (r == -ECANCELED) return NULL;
    CHECK(r == 0 || r == -EOWNERDEAD);
    if (dead) CHECK_EQ(r, -EOWNERDEAD);
    dead = false;
    told_dead += r == -EOWNERDEAD;
    CHECK(++inside <= 1);
    r = hk_sched_yield();
    inside--;
    served++;
    if (r < 0)
        dead = true, deaths++;
    else
        hk_mutex_unlock(&mutex);
    return NULL;
}

SYNC_TEST(a_mutex_excludes_and_tells_of_a_dead_owner, 2)
{
    mutex = (hk_mutex){ 0 };
    inside = served = deaths = told_dead = 0;
    dead = false;
    start_all(locks);
    kill_the_first();
    await_all();
    CHECK(served >= 2);
    CHECK(deaths > 0 || told_dead == 0);
    const bool last = dead;
    CHECK_EQ(hk_mutex_lock(&mutex), last ? -EOWNERDEAD : 0);
    hk_mutex_unlock(&mutex);
}

/* ---- readers and writers ---- */

static hk_rwlock rwlock;
static int reading, writing;

static void *reads(void *arg)
{
    if (WAIT(arg, hk_rwlock_read(&rwlock)) < 0) return NULL;
    reading++;
    CHECK_EQ(writing, 0);
    hk_sched_yield();
    CHECK_EQ(writing, 0);
    reading--;
    hk_rwlock_unlock(&rwlock);
    return NULL;
}

static void *writes(void *arg)
{
    if (WAIT(arg, hk_rwlock_write(&rwlock)) < 0) return NULL;
    CHECK(++writing == 1 && reading == 0);
    hk_sched_yield();
    CHECK(writing == 1 && reading == 0);
    writing--;
    hk_rwlock_unlock(&rwlock);
    return NULL;
}

static void readers_and_writers(hk_entry *first, hk_entry *second, hk_entry *third)
{
    rwlock = (hk_rwlock){ 0 };
    reading = writing = 0;
    start(0, first);
    start(1, second);
    start(2, third);
    kill_the_first();
    await_all();
    CHECK_EQ(workers[1].result, 0);
    CHECK_EQ(workers[2].result, 0);
    CHECK_EQ(hk_rwlock_write(&rwlock), 0); /* nobody has it */
    hk_rwlock_unlock(&rwlock);
}

SYNC_TEST(a_killed_writer_lets_readers_in, 2) { readers_and_writers(writes, reads, reads); }
SYNC_TEST(a_killed_reader_lets_writers_in, 2) { readers_and_writers(reads, writes, writes); }
SYNC_TEST(a_killed_writer_between_both, 2) { readers_and_writers(writes, reads, writes); }

/* ---- condition ---- */

static hk_condition condition;
static int items, eaten;
static bool no_more;

static void *eats(void *arg)
{
    struct worker *w = arg;
    int r = 0;
    if (hk_mutex_lock(&mutex) < 0) return NULL;
    while (r == 0 && !(items == 0 && no_more)) {
        while (items == 0 && !no_more && r == 0) {
            r = WAIT(w, hk_condition_wait(&condition, &mutex));
            CHECK_EQ(mutex.owner.tid, hk_task_self());
        }
        if (r == 0 && items > 0) items--, eaten++;
    }
    hk_mutex_unlock(&mutex);
    return NULL;
}

static void *cooks(void *arg)
{
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(hk_mutex_lock(&mutex), 0);
        items++;
        hk_condition_notify(&condition);
        hk_mutex_unlock(&mutex);
        hk_sched_yield();
    }
    while (items > 0) CHECK_EQ(hk_sleep(1), 0); /* no notification may be lost */
    CHECK_EQ(hk_mutex_lock(&mutex), 0);
    no_more = true;
    hk_condition_notify_all(&condition);
    hk_mutex_unlock(&mutex);
    return arg;
}

SYNC_TEST(no_notification_is_lost_with_a_killed_task, 1)
{
    mutex = (hk_mutex){ 0 };
    condition = (hk_condition){ 0 };
    items = eaten = 0;
    no_more = false;
    start(0, eats);
    start(1, eats);
    start(2, cooks);
    kill_the_first();
    await_all();
    CHECK_EQ(eaten, 2);
    CHECK_EQ(mutex.owner.tid, 0);
}

/* ---- barrier ---- */

static hk_barrier barrier;

static void *meets(void *arg)
{
    WAIT(arg, hk_barrier_wait(&barrier));
    return NULL;
}

SYNC_TEST(a_barrier_counts_no_killed_task, 2)
{
    barrier = (hk_barrier){ .parties = 3 };
    start_all(meets);
    kill_the_first();
    await(0);
    int mine = workers[0].result;
    if (mine != 0 && mine != 1) mine = hk_barrier_wait(&barrier); /* in its stead */
    await_all();
    CHECK_EQ(mine + workers[1].result + workers[2].result, 1); /* the last of them */
    CHECK_EQ(barrier.arrived, 0);
}

/* ---- once ---- */

static hk_once once;
static int runs, done;

static int runs_once(void *arg)
{
    CHECK_EQ(++runs, 1);
    CHECK_EQ(done, 0);
    int r = hk_sched_yield();
    runs--;
    if (r == 0) done++;
    return r;
}

static void *runs_it(void *arg)
{
    WAIT(arg, hk_once_run(&once, runs_once, NULL));
    return NULL;
}

SYNC_TEST(once_runs_to_its_end_once, 2)
{
    once = (hk_once){ 0 };
    runs = done = 0;
    start_all(runs_it);
    kill_the_first();
    await_all();
    CHECK_EQ(workers[1].result, 0);
    CHECK_EQ(workers[2].result, 0);
    CHECK_EQ(done, 1);
    CHECK_EQ(hk_once_run(&once, runs_once, NULL), 0);
    CHECK_EQ(done, 1);
}

/* ---- wait group ---- */

static hk_waitgroup group;

static void *is_done(void *arg)
{
    hk_sched_yield();
    hk_waitgroup_done(&group);
    return NULL;
}

static void *waits_for_group(void *arg)
{
    if (WAIT(arg, hk_waitgroup_wait(&group)) == 0) CHECK_EQ(group.count, 0);
    return NULL;
}

SYNC_TEST(a_wait_group_is_over_when_all_are_done, 2)
{
    group = (hk_waitgroup){ 0 };
    hk_waitgroup_add(&group, 2);
    start(0, waits_for_group);
    start(1, is_done);
    start(2, is_done);
    hk_sched_yield();
    const struct worker at_kill = workers[0];
    const bool was_over = group.count == 0;
    hk_task_kill(workers[0].tid);
    CHECK_EQ(hk_waitgroup_wait(&group), 0);
    CHECK_EQ(group.count, 0);
    await_all();
    check_killed(&at_kill, was_over);
}

/* ---- limiter, ticker ---- */

static hk_limiter limiter;
static int64_t begin, tokens;

static void *takes_a_token(void *arg)
{
    if (WAIT(arg, hk_limiter_wait(&limiter)) < 0) return NULL;
    CHECK_EQ(hk_now() - begin, HK_MS(100) * tokens++); /* no sooner; and none is lost */
    return NULL;
}

SYNC_TEST(a_limiter_loses_no_token_with_a_killed_task, 2)
{
    limiter = (hk_limiter){ .per_second = 10 };
    begin = hk_now();
    tokens = 0;
    start_all(takes_a_token);
    hk_sched_yield();
    CHECK_EQ(hk_sleep(HK_MS(50)), 0);
    hk_task_kill(workers[0].tid);
    await_all();
    CHECK_EQ(tokens, 2 + (workers[0].result == 0));
}

static hk_ticker ticker;
static int64_t ticks;

static void *counts_ticks(void *arg)
{
    struct worker *w = arg;
    for (int i = 0; i < 2 && WAIT(w, hk_ticker_wait(&ticker)) > 0; i++) {
        ticks += w->result;
        CHECK_EQ(hk_now() - begin, HK_MS(100) * ticks);
    }
    return NULL;
}

SYNC_TEST(each_tick_is_told_once_whoever_is_killed, 1)
{
    begin = hk_now();
    ticks = 0;
    hk_ticker_open(&ticker, HK_MS(100));
    start_all(counts_ticks);
    hk_sched_yield();
    CHECK_EQ(hk_sleep(HK_MS(150)), 0);
    hk_task_kill(workers[0].tid);
    await_all();
    CHECK_EQ(ticker.next - begin, HK_MS(100) * (ticks + 1));
}

/* ---- channel ---- */

typedef HK_CHAN(int) int_chan;
static int_chan first, second;
static int sent, received;

static void *receives(void *arg)
{
    struct worker *w = arg;
    int item = 0, before[HK_LEN(workers)] = { 0 };
    while (WAIT(w, hk_chan_recv(first, &item)) > 0) {
        CHECK(item % 10 > before[item / 10]); /* those of one sender come in order */
        before[item / 10] = item % 10;
        received++;
    }
    return NULL;
}

static void *sends(void *arg)
{
    struct worker *w = arg;
    int item = 10 * number_of(w) + 1;
    for (; item % 10 <= 2 && WAIT(w, hk_chan_send(first, &item)) == 0; item++) sent++;
    return NULL;
}

static void pipeline(size_t capacity, hk_entry *killed, hk_entry *other, hk_entry *third)
{
    sent = received = 0;
    CHECK_EQ(hk_chan_open(&first, capacity), 0);
    start(0, killed);
    start(1, other);
    start(2, third);
    kill_the_first();
    for (int i = 0; i < 3; i++) {
        hk_entry *work = i == 0 ? killed : i == 1 ? other : third;
        if (work == sends) await(i);
    }
    hk_chan_close(first);
    await_all();
    CHECK_EQ(received, sent);
    hk_chan_destroy(&first);
}

SYNC_TEST(a_channel_loses_nothing_with_a_killed_receiver, 2)
{
    pipeline(1, receives, receives, sends);
}
SYNC_TEST(a_channel_loses_nothing_with_a_killed_sender, 2) { pipeline(1, sends, sends, receives); }
SYNC_TEST(a_handover_loses_nothing_with_a_killed_receiver, 2)
{
    pipeline(0, receives, receives, sends);
}
SYNC_TEST(a_handover_loses_nothing_with_a_killed_sender, 2) { pipeline(0, sends, sends, receives); }

/* ---- broadcast ---- */

typedef HK_BROADCAST(int) int_broadcast;
typedef HK_SUBSCRIBER(int) int_subscriber;
static int_broadcast broadcast;
static int_subscriber subscribers[2];

static void *listens(void *arg)
{
    struct worker *w = arg;
    int_subscriber *mine = &subscribers[number_of(w)];
    int item = 0, before = 0;
    while (WAIT(w, hk_subscriber_recv(mine, &item)) > 0) CHECK_EQ(item, ++before);
    if (w->result == 0) CHECK_EQ(before, 3);
    hk_subscriber_close(mine);
    return NULL;
}

static void *speaks(void *arg)
{
    for (int i = 1; i <= 3; i++) CHECK_EQ(hk_broadcast_send(broadcast, &i), 0);
    hk_broadcast_close(broadcast);
    return arg;
}

SYNC_TEST(a_killed_subscriber_holds_up_nobody, 2)
{
    CHECK_EQ(hk_broadcast_open(&broadcast, 1), 0);
    for (int i = 0; i < 2; i++) hk_subscriber_open(&subscribers[i], broadcast);
    start(0, listens);
    start(1, listens);
    start(2, speaks);
    kill_the_first();
    await(0);
    if (workers[0].stage == FRESH) hk_subscriber_close(&subscribers[0]); /* it never ran */
    await_all();
    CHECK_EQ(workers[1].result, 0);
    hk_broadcast_destroy(&broadcast);
}

/* ---- select ---- */

static void *selects(void *arg)
{
    struct worker *w = arg;
    int a = 0, b = 0;
    hk_arm arms[] = { hk_on_recv(first, &a), hk_on_recv(second, &b) };
    while (!(arms[0].off && arms[1].off)) {
        a = b = 0;
        int i = WAIT(w, hk_select(arms, 2, HK_FAIR));
        if (i < 0) break;
        CHECK_EQ(arms[i].result, i == 0 ? a == 1 : b == 2);
        CHECK_EQ(i == 0 ? b : a, 0); /* of the other arm nothing has happened */
        if (arms[i].result == 1)
            received++;
        else
            arms[i].off = true;
    }
    return NULL;
}

static void *sends_to_one(void *arg)
{
    struct worker *w = arg;
    int item = number_of(w);
    int_chan ch = item == 1 ? first : second;
    for (int i = 0; i < 2 && WAIT(w, hk_chan_send(ch, &item)) == 0; i++) sent++;
    hk_chan_close(ch);
    return NULL;
}

static void select_from(size_t capacity, bool kills)
{
    hk_chan_numbers a, b;
    sent = received = 0;
    CHECK_EQ(hk_chan_open(&first, capacity), 0);
    CHECK_EQ(hk_chan_open(&second, capacity), 0);
    start(0, selects);
    start(1, sends_to_one);
    start(2, sends_to_one);
    if (kills) kill_the_first();
    await(0);
    hk_chan_stats(first, &a);
    hk_chan_stats(second, &b);
    CHECK_EQ(received + (int)(a.count + b.count), (int)(a.sent + b.sent));
    hk_chan_abandon(first); /* the senders are free */
    hk_chan_abandon(second);
    await_all();
    CHECK_EQ((int)(a.sent + b.sent) <= sent, 1);
    if (!kills) CHECK_EQ(received, 4);
    hk_chan_destroy(&first);
    hk_chan_destroy(&second);
}

SYNC_TEST(a_select_makes_one_call_of_two, 1) { select_from(1, false); }
SYNC_TEST(a_killed_select_makes_none, 1) { select_from(1, true); }
SYNC_TEST(a_killed_select_takes_nothing_over, 1) { select_from(0, true); }
