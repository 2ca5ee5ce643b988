/* SPDX-License-Identifier: MIT */
/* Channels in C++. */
#include "harness/harness.h"

#include <hocket.h>

struct point {
    int x, y;
};
typedef HK_CHAN(point) point_chan;

static void *sends_points(void *arg)
{
    const point_chan *points = static_cast<const point_chan *>(arg);
    for (int i = 0; i < 5; i++) {
        const point p = { i, -i };
        if (hk_chan_send(*points, &p) < 0) break;
    }
    hk_chan_close(*points);
    return nullptr;
}

static int by_x(const void *a, const void *b)
{
    return static_cast<const point *>(b)->x - static_cast<const point *>(a)->x;
}

static void *receives_points(void *)
{
    HK_CHANNEL(point_chan, points, 2);
    point p;
    int sum = 0, r;
    CHECK(hk_spawn(HK_ROOT, sends_points, &points) > 0);
    while ((r = hk_chan_recv(points, &p)) > 0) sum += p.x * 10 + p.y;
    CHECK_EQ(r, 0);
    CHECK_EQ(sum, 90);
    point_chan largest;
    hk_chan_options options = {};
    options.compare = by_x;
    CHECK_EQ(hk_chan_open_with(&largest, 5, &options), 0);
    sends_points(&largest);
    CHECK_EQ(hk_chan_recv(largest, &p), 1);
    CHECK_EQ(p.x, 4);
    hk_chan_numbers numbers;
    hk_chan_stats(largest, &numbers);
    CHECK_EQ(numbers.count, 4);
    hk_chan_destroy(&largest);
    return nullptr;
}

typedef HK_BROADCAST(point) point_broadcast;
typedef HK_SUBSCRIBER(point) point_subscriber;

static void *selects_points(void *)
{
    HK_CHANNEL(point_chan, in, 1);
    HK_CHANNEL(point_chan, out, 1);
    HK_BROADCAST_CHANNEL(point_broadcast, all, 2);
    HK_SUBSCRIPTION(point_subscriber, mine, all);
    HK_TICKER(never, HK_FOREVER);
    point a = { 1, 2 }, b = { 3, 4 }, c = { 0, 0 };
    hk_arm arms[] = { hk_on_recv(in, &a), hk_on_subscriber(&mine, &c), hk_on_tick(&never),
                      hk_on_send(out, &b) };
    CHECK_EQ(hk_select(arms, 4, HK_IN_ORDER), 3);
    arms[3].off = true;
    CHECK_EQ(hk_broadcast_send(all, &a), 0);
    CHECK_EQ(hk_select(arms, 4, HK_IN_ORDER), 1);
    CHECK_EQ(c.y, 2);
    CHECK_EQ(hk_chan_recv(out, &c), 1);
    CHECK_EQ(c.x, 3);
    CHECK_EQ(hk_select(arms, 4, HK_NOWAIT), -EAGAIN);
    return nullptr;
}

TEST(select_in_cxx) { CHECK_EQ(hk_run(selects_points, nullptr, nullptr), 0); }

TEST(channels_in_cxx) { CHECK_EQ(hk_run(receives_points, nullptr, nullptr), 0); }
