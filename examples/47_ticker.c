/* SPDX-License-Identifier: MIT */
/* Something to be done every 100 ms, without drift.
 *
 * Who sleeps 100 ms behind each piece of work comes later with each turn. A ticker has its times
 * from the beginning: 100, 200, 300. Who is late once, here at the third turn, is told how many
 * ticks there were meanwhile, and is in time again at the next. */
#include "timed.h"

static int work(int turn) { return hk_sleep(HK_MS(turn == 3 ? 250 : 30)); }

static void *with_sleep(void *arg)
{
    int r = 0;
    for (int turn = 1; turn <= 5 && r == 0; turn++) {
        if ((r = hk_sleep(HK_MS(100))) < 0) break;
        say("  a sleep, turn %d", turn);
        r = work(turn);
    }
    return hk_val(r);
}

static void *with_ticker(void *arg)
{
    HK_TICKER(ticker, HK_MS(100));
    int r = 0;
    for (int turn = 1; turn <= 5 && r == 0; turn++) {
        int64_t ticks = hk_ticker_wait(&ticker);
        if (ticks < 0) return hk_val(ticks);
        say("the ticker, turn %d%s", turn, ticks > 1 ? ", a tick was missed" : "");
        r = work(turn);
    }
    return hk_val(r);
}

static void *start(void *arg)
{
    HK_GROUP(both, NULL);
    hk_spawn(&both, with_ticker, NULL);
    hk_spawn(&both, with_sleep, NULL);
    return hk_val(hk_group_close(&both, 0));
}

int main(void) { return run_timed(start); }
