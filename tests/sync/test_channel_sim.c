/* SPDX-License-Identifier: MIT */
/* Channels, selects and tickers in virtual time: what must hold in every order of events. */
#include "support/sim.h"

#include <hocket.h>

typedef HK_CHAN(int) int_chan;

static int_chan a, b;
static int received, sent;

/* ---- two selects that could serve each other in two ways, others at each channel ---- */

static void *selects_crosswise(void *arg)
{
    int in = 0, out = 1;
    hk_arm arms[] = { hk_on_recv(arg != NULL ? a : b, &in), hk_on_send(arg != NULL ? b : a, &out) };
    int which = hk_select(arms, 2, HK_FAIR);
    if (which == 0 && arms[0].result == 1) received++;
    if (which == 1 && arms[1].result == 0) sent++;
    return NULL;
}

static void *sends_one(void *arg)
{
    int item = 1;
    if (hk_chan_send(a, &item) == 0) sent++;
    return arg;
}

static void *receives_one(void *arg)
{
    int item;
    if (hk_chan_recv(b, &item) == 1) received++;
    return arg;
}

static void crosswise(bool with_others, bool with_kill)
{
    received = sent = 0;
    hk_chan_open(&a, 0);
    hk_chan_open(&b, 0);
    hk_tid one = hk_spawn(HK_ROOT, selects_crosswise, &a);
    hk_spawn(HK_ROOT, selects_crosswise, NULL);
    if (with_others) hk_spawn(HK_ROOT, sends_one, NULL);
    if (with_others) hk_spawn(HK_ROOT, receives_one, NULL);
    if (with_kill) hk_task_kill(one);
    hk_sleep(HK_SEC(1));
    CHECK_EQ(sent, received);
    CHECK(sent >= (with_kill ? 0 : 1));
    hk_chan_destroy(&a);
    hk_chan_destroy(&b);
    hk_sleep(HK_SEC(1));
}

SIM_SEARCH(two_selects_make_one_pair_in_any_order, 2)
{
    crosswise(false, false);
    CHECK_EQ(sent, 1);
}

SIM_SEARCH(four_parties_commit_both_sides_or_none, 1) { crosswise(true, false); }

SIM_TEST(one_of_four_parties_is_killed) { crosswise(true, true); }

/* ---- time ---- */

SIM_TEST(a_ticker_does_not_drift_in_ten_days)
{
    HK_TICKER(hour, HK_SEC(3600));
    const int64_t start = hk_now();
    int64_t ticks = 0;
    while (ticks < 240) {
        hk_sleep(HK_SEC(1700));
        ticks += hk_ticker_wait(&hour);
        CHECK_EQ((hk_now() - start) % HK_SEC(3600), 0);
    }
    CHECK_EQ(hk_now() - start, HK_SEC(3600) * 240);
}

static void *sends_each_second(void *arg)
{
    HK_TICKER(second, HK_SEC(1));
    for (int i = 0; i < 10; i++) {
        hk_ticker_wait(&second);
        if (hk_chan_send(a, &i) < 0) break;
    }
    hk_chan_close(a);
    return arg;
}

SIM_TEST(a_timer_in_a_select_does_not_begin_anew)
{
    int item, items = 0, ticks = 0;
    hk_chan_open(&a, 0);
    hk_spawn(HK_ROOT, sends_each_second, NULL);
    HK_TICKER(slow, HK_SEC(3) + 1);
    hk_arm arms[] = { hk_on_recv(a, &item), hk_on_tick(&slow) };
    while (!arms[0].off) {
        int which = hk_select(arms, 2, HK_FAIR);
        if (which == 1) ticks += (int)arms[1].result;
        if (which == 0 && arms[0].result == 1) items++;
        if (which == 0 && arms[0].result == 0) arms[0].off = true;
    }
    CHECK_EQ(items, 10);
    CHECK_EQ(ticks, 3);
    hk_chan_destroy(&a);
}

/* A wait without a time of its own, in a scope that has one. */
SIM_TEST(a_scope_ends_a_select_and_nothing_is_taken)
{
    int item = 4;
    hk_chan_numbers n;
    hk_chan_open(&a, 1);
    hk_chan_open(&b, 1);
    hk_arm arms[] = { hk_on_recv(a, &item), hk_on_recv(b, &item) };
    hk_scope scope;
    hk_scope_open(&scope, HK_SEC(5));
    int r = hk_select(arms, 2, HK_FAIR);
    CHECK_EQ(r, -ECANCELED);
    CHECK_EQ(hk_scope_close(&scope, r), -ETIMEDOUT);
    CHECK_EQ(hk_chan_send(b, &item), 0);
    hk_chan_stats(b, &n);
    CHECK_EQ(n.count, 1);
    hk_scope_open(&scope, 0); /* nothing in here may wait */
    r = hk_select(arms, 2, HK_FAIR);
    CHECK_EQ(hk_scope_close(&scope, r), 1);
    hk_scope_open(&scope, 0);
    r = hk_select(arms, 2, HK_FAIR);
    CHECK_EQ(hk_scope_close(&scope, r), -ETIMEDOUT);
    hk_scope_open(&scope, 0);
    CHECK_EQ(hk_chan_send(a, &item), 0);
    CHECK_EQ(hk_chan_recv(a, &item), 1);
    r = hk_chan_recv(a, &item);
    CHECK_EQ(hk_scope_close(&scope, r), -ETIMEDOUT);
    hk_chan_destroy(&a);
    hk_chan_destroy(&b);
}
