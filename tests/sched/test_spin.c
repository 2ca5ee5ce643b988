/* SPDX-License-Identifier: MIT */
/* Looking for events before sleeping: for a talk with a few, not for the news of many. The events
 * and the clock are the test's. */
#include "sched/sched.h"

#include "harness/harness.h"

/* Each wait and each look brings one event, the next of so many descriptors', after `takes` ns. */
static uint32_t talkers, turn;
static int64_t clock_now, takes;
static const hk__world_table *real;
static hk__world_table table;

static int64_t next_now(hk__world *world)
{
    (void)world;
    return ++clock_now;
}

/* Of a number that the scheduler does not know: it remembers whose it was, and serves nobody. */
static int bring(hk__event *ret_events)
{
    clock_now += takes;
    ret_events[0] = (hk__event){ .ticket = { 1u << 20 | turn++ % talkers, 1 } };
    return 1;
}

static int bring_wait(hk__world *world, hk__event *ret_events, int capacity, int64_t until)
{
    return until == 0 ? real->wait(world, ret_events, capacity, 0) : bring(ret_events);
}

static int bring_peek(hk__world *world, hk__event *ret_events, int capacity)
{
    (void)world;
    (void)capacity;
    return bring(ret_events);
}

static void *sleeps(void *arg)
{
    hk_sleep(1000 * takes);
    return arg;
}

/* What looking has earned in a thousand waits. */
static int earned(uint32_t so_many, int64_t each_takes)
{
    hk_sched *s = hk_sched_create(NULL);
    s->spin.most = HK_US(50);
    talkers = so_many;
    takes = each_takes;
    turn = 0;
    real = s->world->table;
    table = *real;
    table.now = next_now;
    table.wait = bring_wait;
    table.peek = bring_peek;
    s->world->table = &table;
    hk_sched_spawn(s, sleeps, NULL);
    CHECK_EQ(hk_sched_run(s), 0);
    CHECK(turn >= 900);
    const int credit = s->spin.credit;
    s->world->table = real;
    hk_sched_destroy(s);
    return credit;
}

TEST(it_looks_for_the_news_of_a_few)
{
    for (uint32_t n = 1; n <= 4; n++) CHECK(earned(n, HK_US(10)) > 50);
}

TEST(it_sleeps_where_the_news_is_of_many)
{
    for (uint32_t n = 5; n <= 100; n += 19) CHECK(earned(n, HK_US(10)) < 0);
}

TEST(it_sleeps_where_news_takes_long) { CHECK(earned(1, HK_US(60)) < 0); }
