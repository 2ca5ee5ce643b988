/* SPDX-License-Identifier: MIT */
/* Ours once more: tasks without a stack, each a struct of the program's and a step function. They
 * have the rows in which what a task costs is what is measured. */
#include <hocket.h>

#include "peer.h"

static struct peer_share share;
static uint64_t sum;
static long parked;

static void must(int r, const char *what)
{
    if (r < 0) peer_fail("%s: %s", what, strerror(-r));
}

static void spawn(hk_group *g, hk_coro *co, hk_step_fn *step)
{
    hk_stackless_init(co, step, NULL);
    if (hk_spawn_stackless(g, co, NULL) < 0) peer_fail("no memory for a task");
}

/* ---- yield ---- */

struct yielder {
    hk_coro co;
    long turn;
    hk_sleep_call yield;
};

#define YIELDER(k) \
    static hk_step yielder_##k(hk_coro *co, void *in) \
    { \
        struct yielder *f = HK_CONTAINER(co, struct yielder, co); \
        HK_BEGIN(co); \
        for (f->turn = 0; f->turn < share.turns; f->turn++) { \
            PEER_MARK(k); \
            peer_tick(); \
            hk_sleep_prepare(&f->yield, 0); \
            HK_AWAIT(co, &f->yield.call); \
        } \
        HK_END(co, NULL); \
    }
PEER_EACH_SITE(YIELDER)

static void yield(long size, long count)
{
#define YIELDER_NAME(k) yielder_##k,
    static hk_step_fn *const bodies[] = { PEER_EACH_SITE(YIELDER_NAME) };
    share = peer_plan(size, count);
    struct yielder *tasks = peer_alloc((size_t)size, sizeof *tasks);
    HK_GROUP(all, NULL);
    for (long i = 0; i < size; i++) spawn(&all, &tasks[i].co, bodies[i % PEER_SITES]);
    must((int)hk_group_close(&all, 0), "a task");
    free(tasks);
    peer_report(share.total, (uint64_t)share.total);
}

/* ---- spawn and join ---- */

struct child {
    hk_coro co;
    long index;
};

static hk_step child(hk_coro *co, void *in)
{
    sum += (uint64_t)HK_CONTAINER(co, struct child, co)->index;
    HK_RETURN(co, NULL);
}

static void spawn_batches(struct child *tasks, long size, long count)
{
    sum = 0;
    for (long done = 0; done < count; done += size) {
        HK_GROUP(batch, NULL);
        for (long i = 0; i < size; i++) {
            tasks[i].index = i;
            spawn(&batch, &tasks[i].co, child);
        }
        must((int)hk_group_close(&batch, 0), "a task");
    }
}

static void spawn_join(long size, long count)
{
    count = peer_whole(count, size);
    struct child *tasks = peer_alloc((size_t)size, sizeof *tasks);
    spawn_batches(tasks, size, count / 10 + 1);
    peer_begin();
    spawn_batches(tasks, size, count);
    peer_end();
    free(tasks);
    peer_report(count, sum);
}

/* ---- skynet ---- */

/* A node has its children in one block, which it frees when they have ended. */
struct node {
    hk_coro co;
    uint64_t number; /* the first of its leaves; at its end, what it says */
    long leaves;
    struct below *below;
};

struct below {
    hk_group group;
    hk_sync_call close;
    struct node child[10];
};

static hk_step node(hk_coro *co, void *in);

static void spawn_children(struct node *f)
{
    const long each = f->leaves / 10;
    f->below = malloc(sizeof *f->below);
    if (!f->below) peer_fail("no memory for ten tasks");
    hk_group_open(&f->below->group, NULL);
    for (int i = 0; i < 10; i++) {
        f->below->child[i].number = f->number + (uint64_t)(each * i);
        f->below->child[i].leaves = each;
        spawn(&f->below->group, &f->below->child[i].co, node);
    }
    hk_group_close_prepare(&f->below->close, &f->below->group, 0);
}

static void end_children(struct node *f)
{
    must((int)f->below->close.call.result, "a child");
    hk_group_leave(&f->below->group);
    f->number = 0;
    for (int i = 0; i < 10; i++) f->number += f->below->child[i].number;
    free(f->below);
}

static hk_step node(hk_coro *co, void *in)
{
    struct node *f = HK_CONTAINER(co, struct node, co);
    HK_BEGIN(co);
    if (f->leaves == 1) HK_RETURN(co, NULL);
    spawn_children(f);
    HK_AWAIT(co, &f->below->close.call);
    end_children(f);
    HK_END(co, NULL);
}

static void skynet(long size, long count)
{
    struct node root = { .leaves = size };
    peer_begin();
    HK_GROUP(all, NULL);
    spawn(&all, &root.co, node);
    must((int)hk_group_close(&all, 0), "the tree");
    peer_end();
    peer_report(count, root.number);
}

/* ---- timers ---- */

struct sleeper {
    hk_coro co;
    int ms;
    int64_t start;
    hk_sleep_call sleep;
};

static hk_step sleeper(hk_coro *co, void *in)
{
    struct sleeper *f = HK_CONTAINER(co, struct sleeper, co);
    HK_BEGIN(co);
    f->start = peer_now();
    sum += (uint64_t)f->ms;
    hk_sleep_prepare(&f->sleep, HK_MS(f->ms));
    HK_AWAIT(co, &f->sleep.call);
    must((int)f->sleep.call.result, "a sleep");
    peer_woke(f->start, f->ms);
    HK_END(co, NULL);
}

static void timers(long size, long count)
{
    peer_late_prepare(size);
    peer_begin();
    struct sleeper *tasks = peer_alloc((size_t)size, sizeof *tasks);
    HK_GROUP(all, NULL);
    for (long i = 0; i < size; i++) {
        tasks[i].ms = (int)peer_sleep_ms(i);
        spawn(&all, &tasks[i].co, sleeper);
    }
    must((int)hk_group_close(&all, 0), "a sleeper");
    free(tasks);
    peer_end();
    peer_report_timers(sum);
}

/* ---- memory ---- */

struct waiter {
    hk_coro co;
    hk_sync_call wait;
};

static hk_event never = { .name = "never" };

static hk_step waiter(hk_coro *co, void *in)
{
    struct waiter *f = HK_CONTAINER(co, struct waiter, co);
    HK_BEGIN(co);
    parked++;
    hk_event_wait_prepare(&f->wait, &never);
    HK_AWAIT(co, &f->wait.call);
    HK_END(co, NULL);
}

static void memory(long size, long count)
{
    peer_memory_begin();
    struct waiter *tasks = peer_alloc((size_t)size, sizeof *tasks);
    for (long i = 0; i < size; i++) spawn(HK_ROOT, &tasks[i].co, waiter);
    while (parked < size) hk_sched_yield();
    peer_memory_end(size);
}

/* ---- the table ---- */

struct work {
    void (*run)(long size, long count);
    long size, count;
};

static void *run_work(void *arg)
{
    const struct work *work = arg;
    work->run(work->size, work->count);
    return NULL;
}

#define IN_TASK(name) \
    static void name##_in_task(long size, long count) \
    { \
        struct work work = { name, size, count }; \
        must(hk_run(run_work, &work, NULL), "hk_run"); \
    }
IN_TASK(yield)
IN_TASK(spawn_join)
IN_TASK(skynet)
IN_TASK(timers)
IN_TASK(memory)

static const struct peer_row rows[] = {
    { "yield", yield_in_task },   { "spawn_join", spawn_join_in_task },
    { "skynet", skynet_in_task }, { "timers", timers_in_task },
    { "memory", memory_in_task }, { NULL, NULL },
};

int main(int argc, char **argv) { return peer_main(argc, argv, rows); }
