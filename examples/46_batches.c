/* SPDX-License-Identifier: MIT */
/* A pipeline with select: items are collected into batches, which are sent when they are full, or
 * old.
 *
 * The middle of the pipeline waits for two things at once: an item, or the tick of a clock. Exactly
 * one of them happens, and nothing is lost of the other. Closing a channel runs down the pipeline:
 * the source is done, the collector sends what it has and is done, the sink has seen everything.
 *
 * All of it has one deadline, of which no part knows: the second source falls asleep, and the
 * second pipeline is over in time. */
#include "timed.h"

enum { FULL = 4 };
struct batch {
    int count, items[FULL];
};
typedef HK_CHAN(int) item_chan;
typedef HK_CHAN(struct batch) batch_chan;

struct source {
    item_chan out;
    int pause; /* ms, behind the sixth item */
};
static void *source(struct source *self)
{
    int r = 0;
    for (int i = 1; i <= 9 && r == 0; i++)
        if ((r = hk_chan_send(self->out, &i)) == 0) r = hk_sleep(HK_MS(i == 6 ? self->pause : 20));
    hk_chan_close(self->out);
    return hk_val(r);
}
HK_ENTRY(source, struct source)

struct collector {
    item_chan in;
    batch_chan out;
};
static void *collector(struct collector *self)
{
    enum { ITEM, TICK };
    int item, r = 0;
    HK_TICKER(clock, HK_MS(100));
    hk_arm arms[] = { [ITEM] = hk_on_recv(self->in, &item), [TICK] = hk_on_tick(&clock) };
    struct batch batch = { 0 };
    bool is_open = true;
    while (is_open && r >= 0 && (r = hk_select(arms, HK_LEN(arms), HK_FAIR)) >= 0) {
        is_open = r == TICK || arms[ITEM].result > 0;
        if (r == ITEM && is_open) batch.items[batch.count++] = item;
        if (batch.count == FULL || (batch.count > 0 && (r == TICK || !is_open))) {
            r = hk_chan_send(self->out, &batch);
            batch.count = 0;
        }
    }
    hk_chan_close(self->out);
    return hk_val(r < 0 ? r : 0);
}
HK_ENTRY(collector, struct collector)

static int run(int pause)
{
    HK_CHANNEL(item_chan, items, 0);
    HK_CHANNEL(batch_chan, batches, 1);
    HK_GROUP(pipeline, (&(hk_group_options){ .timeout = HK_MS(1000) }));
    hk_go(&pipeline, source, items, pause);
    hk_go(&pipeline, collector, items, batches);
    struct batch batch;
    int r;
    while ((r = hk_chan_recv(batches, &batch)) > 0)
        say("a batch of %d: %d to %d", batch.count, batch.items[0], batch.items[batch.count - 1]);
    return (int)hk_group_close(&pipeline, r);
}

static void *start(void *arg)
{
    int r = run(150);
    say("the end: %d", r);
    r = run(5000);
    say("the end: %s", r == -ETIMEDOUT ? "timed out" : "not as expected");
    return NULL;
}

int main(void) { return run_timed(start); }
