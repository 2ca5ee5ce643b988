/* SPDX-License-Identifier: MIT */
/* Tickers: never early, without drift, each tick told once. */
#include "support/net.h"
#include "support/sim.h"
#include "support/small.h"

SIM_ONCE(a_ticker_is_never_early_and_does_not_drift)
{
    const int64_t period = HK_US(200);
    HK_TICKER(ticker, period);
    const int64_t first = ticker.next;
    CHECK(first >= period);
    int64_t all = 0;
    for (int i = 0; i < 5; i++) {
        int64_t n = hk_ticker_wait(&ticker);
        CHECK(n >= 1);
        all += n;
        CHECK(hk_now() >= first + (all - 1) * period);
        CHECK_EQ(ticker.next, first + all * period);
    }
    return NULL;
}

SIM_ONCE(ticks_that_were_missed_are_told_at_once)
{
    const int64_t period = HK_US(100);
    HK_TICKER(ticker, period);
    const int64_t first = ticker.next;
    CHECK_EQ(hk_sleep(HK_MS(1)), 0);
    int64_t n = hk_ticker_wait(&ticker);
    CHECK(n >= 10);
    CHECK_EQ(ticker.next, first + n * period);
    return NULL;
}

static hk_ticker shared;
static int64_t told;
static int waiters_ended;

static void *waits_for_ticks(void *arg)
{
    for (int i = 0; i < 3; i++) {
        int64_t n = hk_ticker_wait(&shared);
        if (n < 0) break;
        told += n;
    }
    waiters_ended++;
    return arg;
}

SIM_ONCE(each_tick_is_for_one_of_several_tasks)
{
    hk_ticker_open(&shared, HK_US(100));
    const int64_t first = shared.next;
    hk_tid tasks[3];
    for (int i = 0; i < 3; i++) tasks[i] = hk_spawn(HK_ROOT, waits_for_ticks, NULL);
    for (int i = 0; i < 3; i++) hk_task_wait(tasks[i], NULL);
    CHECK(told >= 9);
    CHECK_EQ(shared.next, first + told * HK_US(100));
    return NULL;
}

SIM_ONCE(a_killed_wait_takes_no_tick)
{
    hk_ticker_open(&shared, HK_SEC(1000));
    hk_tid tid = hk_spawn(HK_ROOT, waits_for_ticks, NULL);
    hk_sched_yield();
    const hk_ticker before = shared;
    hk_task_kill(tid);
    CHECK_EQ(hk_task_wait(tid, NULL), 0);
    CHECK_EQ(waiters_ended, 1);
    CHECK_EQ(told, 0);
    CHECK_EQ(memcmp(&before, &shared, sizeof before), 0);
    return NULL;
}

SIM_ONCE(a_ticker_for_ever_is_one)
{
    hk_ticker_open(&shared, HK_FOREVER);
    hk_tid tid = hk_spawn(HK_ROOT, waits_for_ticks, NULL);
    net_settle();
    CHECK_EQ(waiters_ended, 0);
    hk_task_kill(tid);
    return NULL;
}

struct frame {
    hk_coro co;
    hk_tick_call tick;
    int64_t told;
};

static hk_step step_waits(hk_coro *co, void *in)
{
    struct frame *f = HK_CONTAINER(co, struct frame, co);
    HK_BEGIN(co);
    hk_ticker_wait_prepare(&f->tick, &shared);
    HK_AWAIT(co, &f->tick.call);
    f->told = f->tick.call.result;
    HK_END(co, NULL);
}

SIM_ONCE(a_step_waits_for_a_tick)
{
    static struct frame frame;
    hk_ticker_open(&shared, HK_US(500));
    hk_stackless_init(&frame.co, step_waits, NULL);
    CHECK_EQ(hk_task_wait(hk_spawn_stackless(HK_ROOT, &frame.co, NULL), NULL), 0);
    CHECK(frame.told >= 1);
    return NULL;
}

static void *waits_under_another(void *arg)
{
    hk_ticker_open(&shared, HK_MS(1));
    CHECK_EQ(hk_ticker_wait(&shared), -ENOSYS);
    return arg;
}

TEST(no_ticks_where_the_driver_keeps_no_time)
{
    small s;
    small_init(&s);
    small_spawn(&s, waits_under_another, NULL);
    CHECK_EQ(small_run(&s), 0);
    waits_under_another(NULL); /* nobody drives */
}

TEST(a_ticker_needs_a_period, .aborts = "hk_ticker_open with a period of 0 ns: it must be > 0")
{
    hk_ticker_open(&shared, 0);
}

static void *waits_unopened(void *arg)
{
    hk_ticker_wait(&shared);
    return arg;
}

TEST(a_ticker_is_to_be_opened, .aborts = "a ticker is waited for that is not open")
{
    sim_once(waits_unopened, NULL);
}
