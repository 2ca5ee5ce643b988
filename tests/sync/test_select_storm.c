/* SPDX-License-Identifier: MIT */
/* Selects over several channels at both ends, some of which are killed at any moment: no item is
 * lost, doubled, or made up, and each select does what it says and nothing else. */
#include "support/net.h"

enum { TASKS = 16, ITEMS = 3000, CHANNELS = 3 };

typedef HK_CHAN(uint32_t) number_chan;

static number_chan ch[CHANNELS];
static uint32_t next_number;
static unsigned char sent[ITEMS], received[ITEMS];
static unsigned random_state = 7;

static unsigned chance(unsigned n)
{
    random_state = random_state * 1664525 + 1013904223;
    return (random_state >> 16) % n;
}

/* What a task does over and over: sends or receives, on one of the channels or whichever is ready,
 * perhaps with both ends of a channel in one select. */
static bool turn(uint32_t *mine, bool *have)
{
    uint32_t in = UINT32_MAX;
    hk_arm arms[2 * CHANNELS];
    for (int i = 0; i < CHANNELS; i++) {
        arms[i] = hk_on_recv(ch[i], &in);
        arms[CHANNELS + i] = hk_on_send(ch[i], mine);
        arms[i].off = chance(3) == 0;
        arms[CHANNELS + i].off = !*have || chance(3) == 0;
    }
    const unsigned flags = chance(2) * HK_IN_ORDER + (chance(4) == 0) * HK_NOWAIT;
    int which = hk_select(arms, HK_LEN(arms), flags);
    if (which == -EAGAIN || which == -EINVAL) return hk_sched_yield() == 0;
    if (which < 0) return false;
    CHECK(!arms[which].off);
    if (which >= CHANNELS) {
        CHECK_EQ(in, UINT32_MAX);
        if (arms[which].result < 0) return false;
        sent[*mine]++;
        *have = false;
    } else if (arms[which].result == 1) {
        if (CHECK(in < ITEMS)) received[in]++;
    }
    return arms[which].result >= (which < CHANNELS ? 1 : 0);
}

static void *does_both(void *arg)
{
    uint32_t mine = 0;
    bool have = false;
    do {
        if (!have && next_number < ITEMS) {
            mine = next_number++;
            have = true;
        }
    } while (turn(&mine, &have));
    return arg;
}

static void *receives(void *arg)
{
    uint32_t item;
    while (hk_chan_recv(ch[hk_num(arg)], &item) > 0) received[item]++;
    return NULL;
}

static void *storm(void *arg)
{
    hk_tid tasks[TASKS];
    for (int i = 0; i < CHANNELS; i++) hk_chan_open(&ch[i], (size_t)(hk_num(arg) * i));
    for (int i = 0; i < TASKS; i++) tasks[i] = hk_spawn(HK_ROOT, does_both, NULL);
    while (next_number < ITEMS) {
        unsigned i = chance(8 * TASKS);
        if (i < TASKS) {
            hk_task_kill(tasks[i]);
            tasks[i] = hk_spawn(HK_ROOT, does_both, NULL);
        }
        hk_sched_yield();
    }
    for (int i = 0; i < CHANNELS; i++) hk_spawn(HK_ROOT, receives, hk_val(i));
    net_settle();
    for (int i = 0; i < CHANNELS; i++) hk_chan_close(ch[i]);
    net_settle();
    for (int i = 0; i < CHANNELS; i++) {
        hk_chan_numbers n;
        hk_chan_stats(ch[i], &n);
        CHECK_EQ(n.count + n.senders + n.receivers, 0);
        hk_chan_destroy(&ch[i]);
    }
    return NULL;
}

TEST(a_storm_of_selects_loses_no_item)
{
    for (int capacity = 0; capacity <= 2; capacity++) {
        next_number = 0;
        memset(sent, 0, sizeof sent);
        memset(received, 0, sizeof received);
        CHECK_EQ(hk_run(storm, hk_val(capacity), NULL), 0);
        int wrong = 0, all = 0;
        for (int i = 0; i < ITEMS; i++) {
            wrong += sent[i] != received[i] || sent[i] > 1;
            all += received[i];
        }
        CHECK_EQ(wrong, 0);
        CHECK(all > ITEMS / 2);
    }
}
