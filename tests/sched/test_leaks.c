/* SPDX-License-Identifier: MIT */
/* What is said at the end of a run of what nobody has ended, and that it is nothing otherwise. */
#include "support/said.h"
#include "support/sim.h"
#include "support/steps.h"

static int run(void *main_task)
{
    return hk_run((hk_entry *)(uintptr_t)main_task, NULL,
                  &(hk_run_options){ .grace = HK_MS(10), .world = sim_world() });
}

static int run_entry(hk_entry *main_task) { return said_by(run, (void *)(uintptr_t)main_task); }

typedef HK_CHAN(int) int_chan;
static int_chan left[20];
static size_t left_count;

static void *leaves_channels(void *arg)
{
    for (size_t i = 0; i < left_count; i++)
        CHECK_EQ(hk_chan_open_with(&left[i], 1, &(hk_chan_options){ .name = "letters" }), 0);
    return arg;
}

static void destroy_channels(void)
{
    for (size_t i = 0; i < left_count; i++) hk_chan_destroy(&left[i]);
}

TEST(a_channel_that_is_left)
{
    left_count = 1;
    CHECK_EQ(run_entry(leaves_channels), 0);
    CHECK_STR(said, "hocket: channel 'letters' was never destroyed\n");
    destroy_channels();
}

TEST(many_channels_that_are_left)
{
    left_count = 20;
    CHECK_EQ(run_entry(leaves_channels), 0);
    CHECK_EQ(said_times("channel 'letters' was never destroyed\n"), 16);
    CHECK_EQ(said_times("hocket: and 4 more channels\n"), 1);
    destroy_channels();
}

typedef HK_BROADCAST(int) int_broadcast;
static int_broadcast news, old_news;

static void *leaves_a_broadcast(void *arg)
{
    CHECK_EQ(hk_broadcast_open(&old_news, 4), 0);
    CHECK_EQ(hk_broadcast_open(&news, 4), 0);
    hk_broadcast_destroy(&old_news);
    return arg;
}

TEST(a_broadcast_channel_that_is_left)
{
    CHECK_EQ(run_entry(leaves_a_broadcast), 0);
    CHECK_STR(said, "hocket: broadcast 'news' was never destroyed\n");
    hk_broadcast_destroy(&news);
}

static hk_signals open_signals;

static void *leaves_signals(void *arg)
{
    const int list[] = { SIGTERM };
    hk_signals_open(&open_signals, list, 1);
    return arg;
}

TEST(signals_that_are_left)
{
    CHECK_EQ(run_entry(leaves_signals), 0);
    CHECK_STR(said, "hocket: hk_signals of signal 15, SIGTERM: 1 never closed\n");
}

/* ---- tasks that do not end ---- */

static void never_handle(hk_call *call) { (void)call; }
static const hk_call_type never_type = { .name = "never", .handle = never_handle };
struct never_call {
    hk_call call;
};

static void *never_ends(void *arg)
{
    return hk_val(HK_TRAP(struct never_call, HK_CALL(never_type)) + hk_num(arg));
}

static int scope_line;

static void *in_a_scope(void *arg)
{
    scope_line = __LINE__ + 1;
    HK_SCOPE(limit, HK_FOREVER);
    return never_ends(arg);
}

TEST(a_task_that_is_dropped_in_a_scope)
{
    char line[200];
    CHECK_EQ(run_entry(in_a_scope), -EDEADLK);
    snprintf(line, sizeof line, "hocket:   in the scope opened at %s:%d\n", __FILE__, scope_line);
    CHECK_EQ(said_times("task 1 'main' did not end when it was killed, and is dropped\n"), 1);
    CHECK_EQ(said_times(line), 1);
}

static void *fifty_never_end(void *arg)
{
    for (int i = 0; i < 50; i++) hk_spawn(HK_ROOT, never_ends, NULL);
    return arg;
}

TEST(many_tasks_that_are_dropped)
{
    CHECK_EQ(run_entry(fifty_never_end), -EDEADLK);
    CHECK_EQ(said_times("hocket: 50 tasks did not end, of which 32 are shown\n"), 1);
    CHECK_EQ(said_times(" did not end when it was killed, and is dropped\n"), 32);
}

/* ---- and nothing ---- */

static void *sleeps(void *arg)
{
    HK_SCOPE(limit, HK_SEC(1000));
    return hk_val(hk_sleep(HK_SEC(2000)) + hk_num(arg));
}

static void *clean(void *arg)
{
    (void)arg;
    HK_SIGNALS(stop, SIGTERM);
    HK_CHANNEL(int_chan, letters, 1);
    HK_GROUP(g, NULL);
    int item = 1;
    CHECK_EQ(hk_chan_send(letters, &item), 0);
    hk_spawn(&g, sleeps, NULL);
    hk_group_cancel(&g, "enough");
    return hk_val(hk_group_close(&g, 0));
}

TEST(a_clean_program_is_silent)
{
    CHECK_EQ(run_entry(clean), 0);
    CHECK_STR(said, "");
}
