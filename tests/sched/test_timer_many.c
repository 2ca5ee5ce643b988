/* SPDX-License-Identifier: MIT */
/* Many timers started at once, more than wait for the clock together: each fires, none early, and
 * those of equal duration in the order they were started; stopped ones never. */
#include <hocket.h>

#include "support/sim.h"
#include "harness/harness.h"

enum { MANY = 1000, DURATIONS = 5 };

static struct timed {
    hk_sleep_call sleep;
    int64_t due;
    bool stopped;
} timed[MANY];
static int fired, last[DURATIONS];

static int64_t duration(int i) { return HK_US(100) * (1 + i % DURATIONS); }

static void on_fire(hk_call *call)
{
    struct timed *t = HK_CONTAINER(call, struct timed, sleep.call);
    int i = (int)(t - timed);
    fired++;
    CHECK(!t->stopped);
    CHECK(hk_now() >= t->due);
    CHECK(i >= last[i % DURATIONS]);
    last[i % DURATIONS] = i;
}

static void start(int i)
{
    struct timed *t = &timed[i];
    hk_sleep_prepare(&t->sleep, duration(i));
    t->sleep.call.done = on_fire;
    t->due = hk_now() + duration(i);
    CHECK(!hk_call_start(&t->sleep.call));
}

static void stop(int i)
{
    timed[i].stopped = true;
    CHECK_EQ(timed[i].sleep.call.type->abort(&timed[i].sleep.call), HK_ABORTED);
}

static void *start_many(void *arg)
{
    int stopped = 0;
    for (int i = 0; i < MANY; i++) {
        start(i);
        if (i % 7 == 6) stop(i - 3), stopped++; /* while it still waits for the clock, mostly */
    }
    for (int i = 0; i < MANY; i += 7) stop(i), stopped++; /* armed, but for the last ones */
    CHECK_EQ(hk_sleep(HK_MS(2)), 0);
    CHECK_EQ(fired, MANY - stopped);
    return NULL;
}

TEST(more_timers_at_once_than_wait_together) { CHECK_EQ(sim_once(start_many, NULL), 0); }
