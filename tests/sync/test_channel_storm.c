/* SPDX-License-Identifier: MIT */
/* Many tasks of both kinds at one channel, some of which are killed at any moment: no item is lost,
 * doubled, or made up. */
#include "support/net.h"

enum { TASKS = 24, ITEMS = 4000 };

typedef HK_CHAN(uint32_t) number_chan;

static number_chan ch;
static uint32_t next_number;
static unsigned char sent[ITEMS], received[ITEMS];
static unsigned random_state = 1;

static unsigned chance(unsigned n)
{
    random_state = random_state * 1664525 + 1013904223;
    return (random_state >> 16) % n;
}

static void *sends(void *arg)
{
    for (;;) {
        uint32_t item = next_number;
        if (item >= ITEMS) return arg;
        next_number++;
        if (hk_chan_send(ch, &item) < 0) return arg;
        sent[item]++;
        if (chance(3) == 0 && hk_sched_yield() < 0) return arg;
    }
}

static void *receives(void *arg)
{
    uint32_t item;
    while (hk_chan_recv(ch, &item) > 0) {
        received[item]++;
        if (chance(3) == 0 && hk_sched_yield() < 0) return arg;
    }
    return arg;
}

/* The same two as stackless steps. */
struct frame {
    hk_coro co;
    hk_sync_call call;
    uint32_t item;
};
static struct frame frames[2 * TASKS];
static int frames_used;

static hk_step step_sends(hk_coro *co, void *in)
{
    struct frame *f = HK_CONTAINER(co, struct frame, co);
    HK_BEGIN(co);
    while (next_number < ITEMS) {
        f->item = next_number++;
        hk_chan_send_prepare(&f->call, ch, &f->item);
        HK_AWAIT(co, &f->call.call);
        if (f->call.call.result < 0) HK_RETURN(co, NULL);
        sent[f->item]++;
    }
    HK_END(co, NULL);
}

static hk_step step_receives(hk_coro *co, void *in)
{
    struct frame *f = HK_CONTAINER(co, struct frame, co);
    HK_BEGIN(co);
    for (;;) {
        hk_chan_recv_prepare(&f->call, ch, &f->item);
        HK_AWAIT(co, &f->call.call);
        if (f->call.call.result <= 0) HK_RETURN(co, NULL);
        received[f->item]++;
    }
    HK_END(co, NULL);
}

static hk_tid spawn(bool sender)
{
    if (frames_used == 2 * TASKS || chance(2) == 0)
        return hk_spawn(HK_ROOT, sender ? sends : receives, NULL);
    struct frame *f = &frames[frames_used++];
    hk_stackless_init(&f->co, sender ? step_sends : step_receives, NULL);
    return hk_spawn_stackless(HK_ROOT, &f->co, NULL);
}

static void *storm(void *arg)
{
    hk_tid tasks[TASKS];
    hk_chan_open(&ch, (size_t)hk_num(arg));
    for (int i = 0; i < TASKS; i++) tasks[i] = spawn(i % 2);
    while (next_number < ITEMS) {
        if (chance(2) == 0) {
            unsigned i = chance(TASKS);
            hk_task_kill(tasks[i]);
            tasks[i] = spawn(i % 2);
        }
        hk_sched_yield();
    }
    hk_tid receiver = hk_spawn(HK_ROOT, receives, NULL);
    for (int i = 1; i < TASKS; i += 2) hk_task_wait(tasks[i], NULL);
    hk_chan_close(ch);
    CHECK_EQ(hk_task_wait(receiver, NULL), 0);
    hk_sched_yield();
    hk_chan_destroy(&ch);
    return NULL;
}

TEST(a_storm_loses_no_item)
{
    static const int capacities[] = { 0, 1, 3, 100 };
    for (size_t c = 0; c < HK_LEN(capacities); c++) {
        next_number = 0;
        frames_used = 0;
        memset(sent, 0, sizeof sent);
        memset(received, 0, sizeof received);
        CHECK_EQ(hk_run(storm, hk_val(capacities[c]), NULL), 0);
        int wrong = 0, all = 0;
        for (int i = 0; i < ITEMS; i++) {
            wrong += sent[i] != received[i] || sent[i] > 1;
            all += received[i];
        }
        CHECK_EQ(wrong, 0);
        CHECK(all > ITEMS / 4);
    }
}
