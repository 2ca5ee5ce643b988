/* SPDX-License-Identifier: MIT */
/* channel_buffered: a producer, a consumer, and a channel of 128 between them. channel_handoff: two
 * tasks that send each other a number through channels that hold nothing, so that each way one
 * parks and the other goes on. select_4: of four channels one holds something.
 *
 * The floors: a ring by hand, and two bare contexts that switch where it is full or empty; two bare
 * contexts and a variable; a look at four such rings. */
#include "bench.h"

#include <hocket.h>

#include "floor.h"

typedef HK_CHAN(uint64_t) numbers;

enum { CAPACITY = 128, CHANNELS = 4, BATCH = 1000 };

static numbers buffered, there, back, several[CHANNELS];
static char *stacks;

static hk_tid spawn(hk_entry *fn, long *count)
{
    hk_tid tid = hk_spawn(HK_ROOT, fn, count);
    if (tid < 0) bench_fail("no memory for a task");
    return tid;
}

/* ---- buffered ---- */

static void *produce(void *arg)
{
    const long *count = arg;
    for (uint64_t i = 0; i < (uint64_t)*count; i++)
        if (hk_chan_send(buffered, &i) < 0) break;
    return NULL;
}

static int64_t ours_buffered(long count, uint64_t *ret_hash)
{
    uint64_t sum = 0, item = 0;
    hk_tid producer = spawn(produce, &count);
    int64_t start = bench_cpu_now();
    for (long i = 0; i < count && hk_chan_recv(buffered, &item) == 1; i++) sum += item;
    int64_t took = bench_cpu_now() - start;
    hk_task_wait(producer, NULL);
    *ret_hash = bench_mix(1, sum);
    return took;
}

struct ring {
    uint64_t slot[BATCH + CAPACITY];
    uint32_t head, count;
};
static struct ring ring;
static struct bare consumer, producer;

static __attribute__((noinline)) void ring_put(struct ring *r, uint32_t size, uint64_t item)
{
    uint32_t at = r->head + r->count++;
    r->slot[at < size ? at : at - size] = item;
}

static __attribute__((noinline)) uint64_t ring_take(struct ring *r, uint32_t size)
{
    uint64_t item = r->slot[r->head++];
    if (r->head == size) r->head = 0;
    r->count--;
    return item;
}

static void bare_produce(void *arg)
{
    const long *count = arg;
    for (uint64_t i = 0; i < (uint64_t)*count; i++) {
        if (ring.count == CAPACITY) bare_switch(&producer, &consumer, NULL);
        ring_put(&ring, CAPACITY, i);
    }
    for (;;) bare_switch(&producer, &consumer, NULL);
}

static int64_t bare_buffered(long count, uint64_t *ret_hash)
{
    uint64_t sum = 0;
    bare_prepare(&producer, bare_top(stacks, 0), bare_produce, &count);
    int64_t start = bench_cpu_now();
    for (long i = 0; i < count; i++) {
        if (ring.count == 0) bare_switch(&consumer, &producer, NULL);
        sum += ring_take(&ring, CAPACITY);
    }
    int64_t took = bench_cpu_now() - start;
    *ret_hash = bench_mix(1, sum);
    return took;
}

/* ---- from hand to hand ---- */

static void *answer(void *arg)
{
    const long *count = arg;
    uint64_t item;
    for (long i = 0; i < *count; i += 2) {
        if (hk_chan_recv(there, &item) != 1) break;
        item++;
        if (hk_chan_send(back, &item) < 0) break;
    }
    return NULL;
}

static int64_t ours_handoff(long count, uint64_t *ret_hash)
{
    uint64_t item = 0;
    hk_tid other = spawn(answer, &count);
    int64_t start = bench_cpu_now();
    for (long i = 0; i < count; i += 2) {
        item++;
        if (hk_chan_send(there, &item) < 0 || hk_chan_recv(back, &item) != 1) break;
    }
    int64_t took = bench_cpu_now() - start;
    hk_task_wait(other, NULL);
    *ret_hash = bench_mix(1, item);
    return took;
}

static uint64_t *volatile handed; /* to its receiver's frame */

static void bare_answer(void *arg)
{
    for (;;) {
        uint64_t item = *handed + 1;
        handed = &item;
        bare_switch(&producer, &consumer, NULL);
    }
}

static int64_t bare_handoff(long count, uint64_t *ret_hash)
{
    uint64_t item = 0;
    bare_prepare(&producer, bare_top(stacks, 0), bare_answer, NULL);
    int64_t start = bench_cpu_now();
    for (long i = 0; i < count; i += 2) {
        item++;
        handed = &item;
        bare_switch(&consumer, &producer, NULL);
        item = *handed;
    }
    int64_t took = bench_cpu_now() - start;
    *ret_hash = bench_mix(1, item);
    return took;
}

/* ---- one of four ---- */

static int64_t ours_select(long count, uint64_t *ret_hash)
{
    uint64_t item = 0, hash = 1, sum = 0;
    int64_t took = 0;
    hk_arm arms[CHANNELS];
    for (int k = 0; k < CHANNELS; k++) arms[k] = hk_on_recv(several[k], &item);
    for (long i = 0; i < count; i += BATCH) {
        const int ready = (int)(i / BATCH % CHANNELS);
        for (uint64_t n = 0; n < BATCH; n++)
            if (hk_chan_send(several[ready], &n) < 0) bench_fail("select_4: a send failed");
        int64_t start = bench_cpu_now();
        for (int n = 0; n < BATCH; n++)
            if (hk_select(arms, CHANNELS, HK_FAIR) == ready) sum += item;
        took += bench_cpu_now() - start;
        hash = bench_mix(hash, sum);
    }
    *ret_hash = hash;
    return took;
}

static struct ring rings[CHANNELS];

static __attribute__((noinline)) int look_at(struct ring *list, unsigned first, uint64_t *ret_item)
{
    for (unsigned k = 0; k < CHANNELS; k++) {
        const unsigned at = (first + k) % CHANNELS;
        if (list[at].count == 0) continue;
        *ret_item = ring_take(&list[at], BATCH);
        return (int)at;
    }
    return -1;
}

static int64_t bare_select(long count, uint64_t *ret_hash)
{
    uint64_t item = 0, hash = 1, sum = 0;
    int64_t took = 0;
    for (long i = 0; i < count; i += BATCH) {
        const int ready = (int)(i / BATCH % CHANNELS);
        for (uint64_t n = 0; n < BATCH; n++) ring_put(&rings[ready], BATCH, n);
        int64_t start = bench_cpu_now();
        for (unsigned n = 0; n < BATCH; n++)
            if (look_at(rings, n, &item) == ready) sum += item;
        took += bench_cpu_now() - start;
        hash = bench_mix(hash, sum);
    }
    *ret_hash = hash;
    return took;
}

/* ---- the rows ---- */

static void race(const char *name, bench_work *ours, bench_work *floor, long count)
{
    bench_work *const work[] = { ours, floor };
    struct bench_race result;
    if (!bench_wanted(name)) return;
    bench_run_race(work, 2, bench_quick ? 4 * BATCH : count, &result);
    bench_emit_race(name, &result, 1);
}

static void *measure(void *arg)
{
    stacks = bare_stacks(1);
    int r = hk_chan_open(&buffered, CAPACITY);
    if (r == 0) r = hk_chan_open(&there, 0);
    if (r == 0) r = hk_chan_open(&back, 0);
    for (int k = 0; k < CHANNELS && r == 0; k++) r = hk_chan_open(&several[k], BATCH);
    if (r < 0) bench_fail("no memory for channels");
    race("channel_buffered", ours_buffered, BARE_WORKS ? bare_buffered : NULL, 256000);
    race("channel_handoff", ours_handoff, BARE_WORKS ? bare_handoff : NULL, 128000);
    race("select_4", ours_select, bare_select, 64 * BATCH);
    hk_chan_destroy(&buffered);
    hk_chan_destroy(&there);
    hk_chan_destroy(&back);
    for (int k = 0; k < CHANNELS; k++) hk_chan_destroy(&several[k]);
    return NULL;
}

static void run(void)
{
    int r = hk_run(measure, NULL, NULL);
    if (r != 0) bench_fail("channel: hk_run says %d", r);
}

static const struct bench_row rows[] = {
    { "channel_buffered", "ns", "<= 10", 10, false },
    { "channel_handoff", "ns", "<= 30", 30, false },
    { "select_4", "ns", "<= 40", 40, false },
    { 0 },
};
const struct bench bench_channel = { rows, run };
