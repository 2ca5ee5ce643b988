/* SPDX-License-Identifier: MIT */
/* Tickers: something to be done at regular times.
 *
 *     HK_TICKER(second, HK_SEC(1));
 *     while ((n = hk_ticker_wait(&second)) > 0) ...
 *
 * It ticks at the time it was opened plus one period, two, three and so on: never early, and who is
 * late once is not later from then on. Ticks are not stored up: a wait tells how many there were
 * since the one before. A ticker is a note of its next time; there is nothing to close. */
#ifndef HOCKET_TICKER_H
#define HOCKET_TICKER_H

#include <hocket/task.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Private. */
typedef struct hk_ticker {
    int64_t period, next; /* ns; by the scheduler's clock */
} hk_ticker;

/* A wait as a value, for stackless steps. */
typedef struct hk_tick_call {
    hk_call call;
    hk__timer timer;
    hk_ticker *ticker;
} hk_tick_call;

extern HK_API const hk_call_type hk__tick_type;

/* Begins to tick.
 *   t: the ticker.
 *   period: nanoseconds, > 0: anything else aborts with a sentence.
 * Returns: nothing. Blocks: never. Cancel: not refused. Threads: any, by whose clock it ticks. */
HK_API void hk_ticker_open(hk_ticker *t, int64_t period);

/* Fills in a wait, for HK_AWAIT in a stackless step; see hk_ticker_wait.
 *   wait: the call.
 *   t: the ticker.
 * Returns: nothing. Blocks: never. Cancel: no. Threads: any. */
static inline void hk_ticker_wait_prepare(hk_tick_call *wait, hk_ticker *t)
{
    hk__call_init(&wait->call, &hk__tick_type);
    wait->ticker = t;
}

/* Waits for a tick. Where several tasks wait for one ticker, each tick is for one of them.
 *   t: the ticker.
 * Returns: how many ticks there were since it was opened or last waited for, >= 1; -ECANCELED;
 * -ENOSYS where nobody drives or the driver keeps no time.
 * Blocks: until the next tick. Cancel: at once; no tick is lost. Threads: its scheduler's. */
static inline int64_t hk_ticker_wait(hk_ticker *t)
{
    hk_tick_call wait;
    hk_ticker_wait_prepare(&wait, t);
    return hk_trap(&wait.call);
}

/* HK_TICKER(second, HK_SEC(1)): a ticker that ticks from here on. */
#define HK_TICKER(name, period) \
    hk_ticker name; \
    hk_ticker_open(&name, (period))

#ifdef __cplusplus
}
#endif
#endif
