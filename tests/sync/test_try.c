/* SPDX-License-Identifier: MIT */
/* A scope with timeout 0 around every call that waits for other tasks: what need not wait is done,
 * all else ends as -ECANCELED at the call and as -ETIMEDOUT at the close, and leaves no trace. */
#include "support/sim.h"
#include "support/steps.h"

typedef HK_CHAN(int) int_chan;
typedef HK_BROADCAST(int) int_broadcast;
typedef HK_SUBSCRIBER(int) int_subscriber;

static struct {
    hk_event event, let_go;
    hk_semaphore semaphore;
    hk_future future;
    hk_waitgroup waitgroup;
    hk_barrier barrier;
    hk_limiter limiter;
    hk_mutex mutex;
    hk_rwlock read, write;
    hk_once once;
    int_chan full, empty;
    int_broadcast full_broadcast, broadcast;
    int_subscriber slow, subscriber;
    hk_ticker ticker;
    hk_group *group;
    hk_tid task;
    int item;
} w;

/* ---- those who hold what is waited for, until they are told ---- */

static void *holds_mutex(void *arg)
{
    CHECK_EQ(hk_mutex_lock(&w.mutex), 0);
    CHECK_EQ(hk_rwlock_write(&w.read), 0);
    CHECK_EQ(hk_rwlock_read(&w.write), 0);
    CHECK_EQ(hk_event_wait(&w.let_go), 0);
    hk_rwlock_unlock(&w.write);
    hk_rwlock_unlock(&w.read);
    hk_mutex_unlock(&w.mutex);
    return arg;
}

static int is_told(void *arg)
{
    (void)arg;
    return hk_event_wait(&w.let_go);
}
static void *runs_once(void *arg)
{
    CHECK_EQ(hk_once_run(&w.once, is_told, NULL), 0);
    return arg;
}
static void *ends_when_told(void *arg)
{
    CHECK_EQ(hk_event_wait(&w.let_go), 0);
    return arg;
}
static int does_nothing(void *arg)
{
    (void)arg;
    return 0;
}

/* ---- the calls ---- */

static int try_event(void) { return hk_event_wait(&w.event); }
static int try_semaphore(void) { return hk_semaphore_acquire(&w.semaphore); }
static int try_future(void)
{
    void *value;
    return hk_future_wait(&w.future, &value);
}
static int try_waitgroup(void) { return hk_waitgroup_wait(&w.waitgroup); }
static int try_limiter(void) { return hk_limiter_wait(&w.limiter); }
static int try_mutex(void)
{
    int r = hk_mutex_lock(&w.mutex);
    if (r == 0) hk_mutex_unlock(&w.mutex);
    return r;
}
static int try_read(void)
{
    int r = hk_rwlock_read(&w.read);
    if (r == 0) hk_rwlock_unlock(&w.read);
    return r;
}
static int try_write(void)
{
    int r = hk_rwlock_write(&w.write);
    if (r == 0) hk_rwlock_unlock(&w.write);
    return r;
}
static int try_once(void) { return hk_once_run(&w.once, does_nothing, NULL); }
static int try_send(void) { return hk_chan_send(w.full, &w.item); }
static int try_recv(void)
{
    int r = hk_chan_recv(w.empty, &w.item);
    return r > 0 ? 0 : r;
}
static int try_broadcast(void) { return hk_broadcast_send(w.full_broadcast, &w.item); }
static int try_subscriber(void)
{
    int r = hk_subscriber_recv(&w.subscriber, &w.item);
    return r > 0 ? 0 : r;
}
static int try_ticker(void)
{
    int64_t r = hk_ticker_wait(&w.ticker);
    return r > 0 ? 0 : (int)r;
}
static int try_select(void)
{
    hk_arm arms[] = { hk_on_recv(w.empty, &w.item), hk_on_event(&w.event),
                      hk_on_exit(w.task, NULL) };
    int r = hk_select(arms, HK_LEN(arms), HK_FAIR);
    return r > 0 ? 0 : r;
}
static int try_group_wait(void) { return hk_group_wait(w.group); }
static int try_task_wait(void) { return hk_task_wait(w.task, NULL); }
static int try_spawn(void)
{
    hk_tid tid = hk_spawn(w.group, ends_when_told, NULL);
    return tid > 0 ? 0 : (int)tid;
}
static int try_barrier(void)
{
    int r = hk_barrier_wait(&w.barrier);
    return r > 0 ? 0 : r;
}

static const struct {
    const char *name;
    int (*call)(void);
    bool twice; /* that it did not wait leaves nothing changed, so that it does not again */
} tries[] = {
    { "event", try_event, true },
    { "semaphore", try_semaphore, false },
    { "future", try_future, true },
    { "waitgroup", try_waitgroup, true },
    { "limiter", try_limiter, false },
    { "mutex", try_mutex, true },
    { "read", try_read, true },
    { "write", try_write, true },
    { "once", try_once, true },
    { "recv", try_recv, false },
    { "send", try_send, false },
    { "broadcast", try_broadcast, false },
    { "subscriber", try_subscriber, false },
    { "ticker", try_ticker, false },
    { "group_wait", try_group_wait, true },
    { "task_wait", try_task_wait, true },
    { "barrier", try_barrier, true },
    { "select", try_select, true },
    { "spawn", try_spawn, false }, /* the last: then there is no room */
};

/* Nothing is there: whatever is called now would wait. */
static void open_all(hk_group *g)
{
    memset(&w, 0, sizeof w);
    w.group = g;
    w.limiter.per_second = 1;
    w.barrier.parties = 2;
    hk_waitgroup_add(&w.waitgroup, 1);
    hk_chan_open(&w.full, 1);
    hk_chan_open(&w.empty, 1);
    hk_broadcast_open(&w.full_broadcast, 1);
    hk_broadcast_open(&w.broadcast, 1);
    hk_subscriber_open(&w.slow, w.full_broadcast);
    hk_subscriber_open(&w.subscriber, w.broadcast);
    hk_ticker_open(&w.ticker, HK_SEC(10));
    CHECK_EQ(hk_chan_send(w.full, &w.item), 0);
    CHECK_EQ(hk_broadcast_send(w.full_broadcast, &w.item), 0);
    CHECK_EQ(hk_limiter_wait(&w.limiter), 0);
    hk_spawn(HK_ROOT, holds_mutex, NULL);
    hk_spawn(HK_ROOT, runs_once, NULL);
    w.task = hk_spawn(g, ends_when_told, NULL);
    hk_sleep(HK_US(1)); /* until all of them hold what they hold */
}

/* All is there. */
static void *comes_to_the_barrier(void *arg)
{
    CHECK(hk_barrier_wait(&w.barrier) >= 0);
    return arg;
}
static void give_all(void)
{
    hk_event_set(&w.event);
    hk_event_set(&w.let_go);
    hk_semaphore_release(&w.semaphore);
    hk_future_set(&w.future, NULL);
    hk_waitgroup_done(&w.waitgroup);
    CHECK(hk_chan_recv(w.full, &w.item) > 0);
    CHECK_EQ(hk_chan_send(w.empty, &w.item), 0);
    CHECK(hk_subscriber_recv(&w.slow, &w.item) > 0);
    CHECK_EQ(hk_broadcast_send(w.broadcast, &w.item), 0);
    hk_spawn(HK_ROOT, comes_to_the_barrier, NULL);
    hk_sleep(HK_SEC(10)); /* a tick, a token */
}

static void close_all(void)
{
    hk_subscriber_close(&w.slow);
    hk_subscriber_close(&w.subscriber);
    hk_broadcast_destroy(&w.broadcast);
    hk_broadcast_destroy(&w.full_broadcast);
    hk_chan_destroy(&w.full);
    hk_chan_destroy(&w.empty);
}

static void check_try(size_t i, int wanted)
{
    HK_SCOPE(now, 0);
    int64_t start = hk_now();
    int r = tries[i].call();
    if (r != wanted) test_fail("%s: %s", tries[i].name, number_text(r));
    CHECK_EQ(hk_now(), start);
    r = (int)hk_scope_close(&now, r);
    CHECK_EQ(r, wanted == 0 ? 0 : -ETIMEDOUT);
}

SIM_TEST(what_would_wait_is_cut_leaves_no_trace_and_is_done_when_it_need_not)
{
    HK_GROUP(g, &(hk_group_options){ .limit = 1 });
    open_all(&g);
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < HK_LEN(tries); i++) check_try(i, -ECANCELED);
    CHECK_EQ(w.barrier.arrived, 0);
    give_all();
    for (size_t i = 0; i < HK_LEN(tries); i++) {
        check_try(i, 0);
        if (tries[i].twice && tries[i].call != try_barrier) check_try(i, 0);
        if (!tries[i].twice) check_try(i, -ECANCELED);
    }
    CHECK_EQ(hk_group_close(&g, 0), 0);
    close_all();
}
