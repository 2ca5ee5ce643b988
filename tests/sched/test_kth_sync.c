/* SPDX-License-Identifier: MIT */
/* As test_kth.c, for all other objects: two tasks go through a broadcast channel, once, locks for
 * reading and writing, a condition, a barrier, a future, an event, a wait group, a limiter, a
 * ticker, a select and a task that says when it has started, and are cancelled, killed or stopped
 * at their k-th turn, for every k. Whatever k was: no task is left, and nobody waits for, holds or
 * counts in any object. */
#include "support/sim.h"
#include "support/steps.h"

typedef HK_BROADCAST(int) int_broadcast;
typedef HK_SUBSCRIBER(int) int_subscriber;

enum { TURNS = 8 }; /* to a microsecond, as there */

enum way { CANCEL, KILL, STOP };

static struct program {
    int_broadcast news;
    hk_once once;
    hk_rwlock lock;
    hk_mutex mutex;
    hk_condition changed;
    hk_barrier barrier;
    hk_future future;
    hk_event event;
    hk_waitgroup under_way;
    hk_limiter limiter;
    hk_ticker ticker;
    int sent, readers, writers, ready, live, runs;
    bool done; /* it ran through */
} p;

static int runs_once(void *arg)
{
    CHECK_EQ(p.runs, 0);
    int r = hk_sleep(HK_US(1));
    if (r == 0) p.runs++;
    return r;
}

/* The subscriber is there before anything is sent, and gets it all, unless it is cut short. */
static int hears(int_subscriber *mine)
{
    int item = 0, before = 0, r = 0;
    while (before < 2 && (r = hk_subscriber_recv(mine, &item)) > 0) {
        CHECK_EQ(item, ++before);
        CHECK(item <= p.sent + 1);
    }
    return r < 0 ? r : 0;
}

static int reads_and_writes(void)
{
    int r = hk_rwlock_read(&p.lock);
    if (r < 0) return r;
    p.readers++;
    r = hk_sleep(HK_US(1));
    CHECK_EQ(p.writers, 0);
    p.readers--;
    hk_rwlock_unlock(&p.lock);
    if (r == 0) r = hk_rwlock_write(&p.lock);
    if (r < 0) return r;
    CHECK(p.writers++ == 0 && p.readers == 0);
    r = hk_sched_yield();
    p.writers--;
    hk_rwlock_unlock(&p.lock);
    return r;
}

/* The second that comes wakes the first. */
static int waits_for_both(void)
{
    int r = hk_mutex_lock(&p.mutex);
    if (r < 0) return r;
    p.ready++;
    hk_condition_notify_all(&p.changed);
    while (r == 0 && p.ready < 2) r = hk_condition_wait(&p.changed, &p.mutex);
    CHECK_EQ(p.mutex.owner.tid, hk_task_self());
    hk_mutex_unlock(&p.mutex);
    return r;
}

static void *begins(void *arg)
{
    int r = hk_sched_yield();
    if (r < 0) return hk_val(r);
    hk_task_started(&p);
    hk_waitgroup_add(&p.under_way, 1);
    r = hk_sleep(HK_US(2));
    hk_waitgroup_done(&p.under_way);
    return hk_val(r);
}

static int starts_one(void)
{
    void *word = NULL;
    HK_GROUP(g, NULL);
    hk_tid tid = hk_spawn_started(&g, begins, NULL, &word);
    CHECK(tid < 0 || word == &p);
    int r = tid < 0 ? (int)tid : hk_waitgroup_wait(&p.under_way);
    return (int)hk_group_close(&g, r);
}

static int waits_for_time(void)
{
    hk_arm arms[] = { hk_on_event(&p.event), hk_on_tick(&p.ticker) };
    int r = hk_limiter_wait(&p.limiter);
    if (r == 0) r = (int)hk_ticker_wait(&p.ticker);
    if (r > 0) r = hk_select(arms, 2, HK_FAIR);
    if (r < 0) return r;
    hk_event_set(&p.event);
    return hk_event_wait(&p.event);
}

static void *works(void *arg)
{
    void *value = NULL;
    p.live++;
    int r = hk_once_run(&p.once, runs_once, NULL);
    if (r == 0) r = hears(arg);
    if (r == 0) r = reads_and_writes();
    if (r == 0) r = waits_for_both();
    if (r == 0) r = hk_barrier_wait(&p.barrier);
    if (r == 1) hk_future_set(&p.future, &p);
    if (r >= 0) r = hk_future_wait(&p.future, &value);
    if (r == 0) CHECK_EQ(value, &p);
    if (r == 0) r = starts_one();
    if (r == 0) r = waits_for_time();
    p.live--;
    return hk_val(r);
}

static void *program(void *arg)
{
    int_subscriber mine[2];
    for (int i = 0; i < 2; i++) hk_subscriber_open(&mine[i], p.news);
    HK_GROUP(g, NULL);
    for (int i = 0; i < 2; i++) hk_spawn(&g, works, &mine[i]);
    int r = 0;
    for (int i = 1; i <= 2 && r == 0; i++)
        if ((r = hk_broadcast_send(p.news, &i)) == 0) p.sent++;
    r = (int)hk_group_close(&g, r);
    p.done = r == 0 && p.event.is_set;
    for (int i = 0; i < 2; i++) hk_subscriber_close(&mine[i]);
    return hk_val(r);
}

static void check_nothing_is_left(void)
{
    int item = 1;
    CHECK_EQ(p.live + p.readers + p.writers, 0);
    CHECK(p.once.waiters.first == NULL && p.once.runner.tid == 0);
    CHECK(p.lock.waiters.first == NULL && p.lock.readers == 0 && p.lock.writer.tid == 0);
    CHECK(p.mutex.waiters.first == NULL && p.mutex.owner.tid == 0);
    CHECK(p.changed.waiters.first == NULL);
    CHECK(p.barrier.waiters.first == NULL && p.barrier.arrived == 0);
    CHECK(p.future.waiters.first == NULL && p.event.waiters.first == NULL);
    CHECK(p.under_way.waiters.first == NULL && p.under_way.count == 0);
    CHECK(p.limiter.waiters.first == NULL && !p.limiter.timing);
    for (int i = 0; i < 3; i++) CHECK_EQ(hk_broadcast_send(p.news, &item), 0); /* to nobody */
}

/* True: it ran through before its k-th turn. */
static bool run_once(int k, enum way way)
{
    memset(&p, 0, sizeof p);
    p.barrier.parties = 2;
    p.limiter.per_second = 500 * 1000;
    hk_ticker_open(&p.ticker, HK_US(3));
    CHECK_EQ(hk_broadcast_open(&p.news, 1), 0);
    HK_GROUP(g, NULL);
    hk_tid tid = hk_spawn(&g, program, NULL);
    {
        HK_SCOPE(mine, HK_FOREVER);
        hk_scope_shield(&mine, true);
        if (k >= TURNS) hk_sleep(HK_US(k / TURNS));
        for (int i = 0; i < k % TURNS; i++) hk_sched_yield();
        if (!p.done && way == CANCEL) hk_group_cancel(&g, "the k-th turn");
        if (!p.done && way == KILL) hk_task_kill(tid);
        if (!p.done && way == STOP) hk_group_stop(&g, HK_US(1));
        hk_scope_close(&mine, 0);
    }
    CHECK_EQ(hk_group_close(&g, 0), 0);
    check_nothing_is_left();
    hk_broadcast_destroy(&p.news);
    return p.done;
}

static void for_every_k(enum way way)
{
    int k = 0;
    while (!run_once(k, way) && k < 5000) k++;
    CHECK(k > 10);
    CHECK(k < 5000);
}

SIM_TEST(all_objects_cancelled_at_every_turn, .seconds = 60) { for_every_k(CANCEL); }

SIM_TEST(all_objects_killed_at_every_turn, .seconds = 60) { for_every_k(KILL); }

SIM_TEST(all_objects_stopped_at_every_turn, .seconds = 60) { for_every_k(STOP); }
