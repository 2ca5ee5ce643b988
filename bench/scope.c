/* SPDX-License-Identifier: MIT */
/* scope, scope_deadline: an empty scope, opened and closed. mutex: locked and unlocked, nobody
 * else wants it. group_child: groups of a thousand children that do nothing; for each child, with
 * its part of opening and closing the group.
 *
 * The floors: a link put at the head of a list and taken off again, and an owner written and taken
 * away again, each in functions of their own; a thousand contexts readied on stacks that have been
 * used, each of which switches straight on to the next. */
#include "bench.h"

#include <hocket.h>

#include "floor.h"

enum { CHILDREN = 1000 };

/* ---- scope ---- */

static __attribute__((noinline)) bool open_and_close(int64_t timeout)
{
    hk_scope scope;
    hk_scope_open(&scope, timeout);
    return hk_scope_close(&scope, 0) == 0;
}

static int64_t scopes(long count, int64_t timeout, uint64_t *ret_hash)
{
    uint64_t closed = 0;
    int64_t start = bench_cpu_now();
    for (long i = 0; i < count; i++) closed += open_and_close(timeout);
    int64_t took = bench_cpu_now() - start;
    *ret_hash = bench_mix(1, closed);
    return took;
}

static int64_t ours_scope(long count, uint64_t *ret_hash)
{
    return scopes(count, HK_FOREVER, ret_hash);
}

static int64_t ours_deadline(long count, uint64_t *ret_hash)
{
    return scopes(count, HK_SEC(10), ret_hash);
}

struct link {
    struct link *outer;
    struct link **list;
};
static struct link *links;

static __attribute__((noinline)) void push(struct link *link)
{
    link->list = &links;
    link->outer = links;
    links = link;
}

static __attribute__((noinline)) bool pop(struct link *link)
{
    if (links != link) return false;
    *link->list = link->outer;
    return true;
}

static __attribute__((noinline)) bool push_and_pop(void)
{
    struct link link;
    push(&link);
    return pop(&link);
}

static int64_t bare_scope(long count, uint64_t *ret_hash)
{
    uint64_t closed = 0;
    int64_t start = bench_cpu_now();
    for (long i = 0; i < count; i++) closed += push_and_pop();
    int64_t took = bench_cpu_now() - start;
    *ret_hash = bench_mix(1, closed);
    return took;
}

/* ---- mutex ---- */

static hk_mutex mutex;

static int64_t ours_mutex(long count, uint64_t *ret_hash)
{
    uint64_t locked = 0;
    int64_t start = bench_cpu_now();
    for (long i = 0; i < count; i++) {
        locked += hk_mutex_lock(&mutex) == 0;
        hk_mutex_unlock(&mutex);
    }
    int64_t took = bench_cpu_now() - start;
    *ret_hash = bench_mix(1, locked);
    return took;
}

static volatile int64_t owner;

static __attribute__((noinline)) int take(int64_t who)
{
    if (owner != 0) return -1;
    owner = who;
    return 0;
}

static __attribute__((noinline)) void give(int64_t who)
{
    if (owner == who) owner = 0;
}

static int64_t bare_mutex(long count, uint64_t *ret_hash)
{
    uint64_t locked = 0;
    int64_t start = bench_cpu_now();
    for (long i = 0; i < count; i++) {
        locked += take(1) == 0;
        give(1);
    }
    int64_t took = bench_cpu_now() - start;
    *ret_hash = bench_mix(1, locked);
    return took;
}

/* ---- group ---- */

static uint64_t sum;

static void *child(void *arg)
{
    sum += (uintptr_t)arg;
    return NULL;
}

static void one_group(void)
{
    HK_GROUP(g, NULL);
    for (uintptr_t k = 0; k < CHILDREN; k++)
        if (hk_spawn(&g, child, (void *)(k + 1)) < 0) bench_fail("no memory for a task");
    if (hk_group_close(&g, 0) != 0) bench_fail("a group fails");
}

static int64_t ours_group(long count, uint64_t *ret_hash)
{
    sum = 0;
    int64_t start = bench_cpu_now();
    for (long i = 0; i < count; i += CHILDREN) one_group();
    int64_t took = bench_cpu_now() - start;
    *ret_hash = bench_mix(1, sum);
    return took;
}

static struct bare contexts[CHILDREN + 1]; /* the last is who readied them */
static char *stacks;

static void bare_child(void *arg)
{
    struct bare *me = arg;
    sum += (uintptr_t)(me - contexts) + 1;
    bare_switch(me, me + 1, NULL);
}

static int64_t bare_group(long count, uint64_t *ret_hash)
{
    sum = 0;
    int64_t start = bench_cpu_now();
    for (long i = 0; i < count; i += CHILDREN) {
        for (size_t k = 0; k < CHILDREN; k++)
            bare_prepare(&contexts[k], bare_top(stacks, k), bare_child, &contexts[k]);
        bare_switch(&contexts[CHILDREN], &contexts[0], NULL);
    }
    int64_t took = bench_cpu_now() - start;
    *ret_hash = bench_mix(1, sum);
    return took;
}

/* ---- the rows ---- */

static void race(const char *name, bench_work *ours, bench_work *floor, long count)
{
    bench_work *const work[] = { ours, floor };
    struct bench_race result;
    if (!bench_wanted(name)) return;
    bench_run_race(work, 2, bench_quick ? 3 * CHILDREN : count, &result);
    bench_emit_race(name, &result, 1);
}

static void *measure(void *arg)
{
    stacks = bare_stacks(CHILDREN);
    race("mutex", ours_mutex, bare_mutex, 400000);
    race("scope", ours_scope, bare_scope, 400000);
    race("scope_deadline", ours_deadline, bare_scope, 200000);
    race("group_child", ours_group, BARE_WORKS ? bare_group : NULL, 100 * CHILDREN);
    return NULL;
}

static void run(void)
{
    int r = hk_run(measure, NULL, NULL);
    if (r != 0) bench_fail("scope: hk_run says %d", r);
}

static const struct bench_row rows[] = {
    { "mutex", "ns", "<= 5", 5, false },
    { "scope", "ns", "<= 20", 20, false },
    { "scope_deadline", "ns", "<= 20", 20, false },
    { "group_child", "ns", "<= 50", 50, false },
    { 0 },
};
const struct bench bench_scope = { rows, run };
