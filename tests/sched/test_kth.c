/* SPDX-License-Identifier: MIT */
/* A program of nested groups, a lock, a semaphore, a channel and a pipe is cancelled, killed or
 * stopped at its k-th turn, for every k until it runs through. Whatever k was: no task is left, no
 * lock or permit is held, and what was sent was received, or is still where it was sent to. */
#include "support/sim.h"
#include "support/steps.h"

typedef HK_CHAN(int) int_chan;

/* Time stands still while anybody is ready: a microsecond has so many of the k. */
enum { TURNS = 8 };

enum way { CANCEL, KILL, STOP, DEADLINE };

static struct program {
    int_chan items;
    int pipe[2];
    hk_mutex lock;
    hk_semaphore permits;
    int sent, received; /* items */
    int written, read;  /* bytes */
    int inside, live;
    bool done; /* it ran through */
} p;

static void *producer(void *arg)
{
    int r = 0;
    p.live++;
    for (int i = 0; i < 4 && r == 0; i++) {
        r = hk_semaphore_acquire(&p.permits);
        if (r < 0) break;
        r = hk_chan_send(p.items, &i);
        if (r == 0) p.sent++;
        hk_semaphore_release(&p.permits);
    }
    p.live--;
    return hk_val(r);
}

static void *consumer(void *arg)
{
    int item, r;
    p.live++;
    while ((r = hk_chan_recv(p.items, &item)) > 0) {
        p.received++;
        r = hk_mutex_lock(&p.lock);
        if (r < 0) break;
        CHECK_EQ(p.inside++, 0);
        r = hk_sleep(HK_US(3));
        p.inside--;
        hk_mutex_unlock(&p.lock);
        ssize_t n = r == 0 ? hk_write(p.pipe[1], "x", 1) : r;
        if (n == 1) p.written++;
        if (n < 0) {
            r = (int)n;
            break;
        }
    }
    p.live--;
    return hk_val(r < 0 ? r : 0);
}

static void *drain(void *arg)
{
    char buf[4];
    p.live++;
    for (;;) {
        ssize_t n = hk_read(p.pipe[0], buf, sizeof buf);
        if (n > 0) p.read += (int)n;
        if (n <= 0) {
            p.live--;
            return hk_val(n);
        }
    }
}

static void *producers(void *arg)
{
    HK_GROUP(g, &(hk_group_options){ .limit = 2 });
    int r = 0;
    for (int i = 0; i < 3 && r == 0; i++) {
        hk_tid tid = hk_spawn(&g, producer, NULL);
        r = tid < 0 ? (int)tid : 0;
    }
    r = (int)hk_group_close(&g, r);
    hk_chan_close(p.items);
    return hk_val(r);
}

static void *program(void *arg)
{
    HK_GROUP(g, NULL);
    hk_spawn_with(&g, drain, NULL, &(hk_coro_options){ .daemon = true });
    HK_GROUP(inner, NULL);
    hk_spawn(&inner, producers, NULL);
    for (int i = 0; i < 2; i++) hk_spawn(&inner, consumer, NULL);
    int r = (int)hk_group_close(&inner, 0);
    if (r == 0 && p.sent == 12) p.done = true;
    return hk_val(hk_group_close(&g, r));
}

static void cut(hk_group *g, hk_tid tid, enum way way)
{
    switch (way) {
    case CANCEL: hk_group_cancel(g, "the k-th turn"); break;
    case KILL: hk_task_kill(tid); break;
    case STOP: hk_group_stop(g, 0); break;
    case DEADLINE: hk_scope_rearm(hk_group_scope(g), -1); break;
    }
}

/* True: it ran through before its k-th turn. */
static bool run_once(int k, enum way way)
{
    char byte;
    int item, left = 0;
    memset(&p, 0, sizeof p);
    p.permits.count = 2;
    CHECK_EQ(hk_chan_open(&p.items, 1), 0);
    CHECK_EQ(hk_pipe(p.pipe), 0);
    HK_GROUP(g, NULL);
    hk_tid tid = hk_spawn(&g, program, NULL);
    {
        HK_SCOPE(mine, HK_FOREVER);
        hk_scope_shield(&mine, true);
        if (k >= TURNS) hk_sleep(HK_US(k / TURNS));
        for (int i = 0; i < k % TURNS; i++) hk_sched_yield();
        if (!p.done) cut(&g, tid, way);
        hk_scope_close(&mine, 0);
    }
    intptr_t r = hk_group_close(&g, 0);
    CHECK(r == 0 || (way == DEADLINE && r == -ETIMEDOUT));
    CHECK_EQ(p.live, 0);
    CHECK_EQ(p.inside, 0);
    CHECK_EQ(p.permits.count, 2);
    CHECK_EQ(hk_mutex_lock(&p.lock), 0);
    hk_mutex_unlock(&p.lock);
    hk_chan_close(p.items);
    while (hk_chan_recv(p.items, &item) > 0) left++;
    CHECK_EQ(p.sent, p.received + left);
    hk_chan_destroy(&p.items);
    CHECK_EQ(hk_close(p.pipe[1]), 0);
    for (left = 0; hk_read(p.pipe[0], &byte, 1) > 0; left++) {}
    CHECK_EQ(p.written, p.read + left);
    CHECK_EQ(hk_close(p.pipe[0]), 0);
    return p.done;
}

static void for_every_k(enum way way)
{
    int k = 0;
    while (!run_once(k, way) && k < 5000) k++;
    CHECK(k > 10);
    CHECK(k < 5000);
}

SIM_TEST(cancelled_at_every_turn, .seconds = 60) { for_every_k(CANCEL); }

SIM_TEST(killed_at_every_turn, .seconds = 60) { for_every_k(KILL); }

SIM_TEST(stopped_at_every_turn, .seconds = 60) { for_every_k(STOP); }

SIM_TEST(out_of_time_at_every_turn, .seconds = 60) { for_every_k(DEADLINE); }
