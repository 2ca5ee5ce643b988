/* SPDX-License-Identifier: MIT */
/* Small stacks without guards: close together, apart from each other, enough for what tasks do, and
 * an overflow is told of. */
#include "harness/harness.h"

#include <hocket.h>

#include <string.h>
#include <sys/mman.h>

#include "coro/slab.h"
#include "coro/stack.h"
#include "support/memory.h"
#include "support/sim.h"
#include "support/tools.h"

/* Where frames are larger than usual every stack has a guard. */
static bool there_are_none(void)
{
    hk__stackful *owner = hk__stack_get(1, true);
    const bool none = owner->size >= HK__STACK_LEAST;
    hk__stack_put(owner);
    return none;
}

#define NEED_SMALL_STACKS() \
    if (there_are_none()) SKIP("every stack has a guard here")

TEST(as_small_as_they_are_asked_for)
{
    static const struct {
        size_t wanted, size;
    } cases[] = { { 1, 2048 },    { 2048, 2048 },  { 2049, 4096 },
                  { 8192, 8192 }, { 8193, 16384 }, { 0, 65536 } };
    NEED_SMALL_STACKS();
    for (size_t i = 0; i < HK_LEN(cases); i++) {
        hk__stackful *owner = hk__stack_get(cases[i].wanted, true);
        if (!CHECK(owner)) continue;
        CHECK_EQ(owner->size, cases[i].size);
        CHECK((char *)(owner + 1) <= owner->stack + owner->size);
        hk__stack_put(owner);
    }
}

enum { MANY = 5000 };

/* Each is written whole but for its lowest line; then each must still hold it. */
TEST(they_do_not_touch)
{
    static hk__stackful *owner[MANY];
    NEED_SMALL_STACKS();
    for (int i = 0; i < MANY; i++) {
        owner[i] = hk__stack_get((size_t)2048 << i % 3, true);
        if (!CHECK(owner[i])) return;
        for (char *p = owner[i]->stack + 64; p < (char *)owner[i]; p += sizeof i)
            memcpy(p, &i, sizeof i);
    }
    for (int i = 0; i < MANY; i++) {
        int wrong = 0, held;
        for (char *p = owner[i]->stack + 64; p < (char *)owner[i]; p += sizeof i) {
            memcpy(&held, p, sizeof held);
            wrong += held != i;
        }
        CHECK_EQ(wrong, 0);
        CHECK(!hk__stack_overflowed(owner[i]));
        hk__stack_put(owner[i]);
    }
    while (hk__stack_trim()) continue;
}

/* ---- memory ---- */

/* Whether the kernel looks for a place where a huge page fits, by itself. */
static bool mappings_are_aligned(void)
{
    char *map[2];
    bool all = true;
    for (int i = 0; i < 2; i++) {
        map[i] =
            mmap(NULL, HK__SLAB_DENSE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (!CHECK(map[i] != MAP_FAILED)) return false;
        all &= (uintptr_t)map[i] % HK__SLAB_DENSE == 0;
    }
    for (int i = 0; i < 2; i++) munmap(map[i], HK__SLAB_DENSE);
    return all;
}

TEST(a_slab_is_a_huge_page)
{
    NEED_SMALL_STACKS();
    if (!mappings_are_aligned()) SKIP("this kernel maps them anywhere");
    for (unsigned size_class = 0; size_class < HK__STACK_GUARDED; size_class++) {
        struct hk__slab *slab;
        char *stack = hk__slab_take(size_class, &slab);
        if (!CHECK(stack != NULL)) return;
        CHECK_EQ(((uintptr_t)slab->low + slab->count * slab->stack_size) % HK__SLAB_DENSE, 0);
        hk__slab_return(slab, stack);
    }
}

static void *wait_for_it(void *event) { return hk_val(hk_event_wait(event)); }

static const hk_coro_options small = { .stack = 2048, .unguarded = true };

static void *park_many(void *arg)
{
    enum { COUNT = 100000 };
    hk_event event = { 0 };
    const double before = (double)memory_kib("VmRSS");
    for (int i = 0; i < COUNT; i++) CHECK(hk_spawn_with(HK_ROOT, wait_for_it, &event, &small) > 0);
    for (int i = 0; i < 3; i++) hk_sched_yield();
    if (tools_none()) CHECK(((double)memory_kib("VmRSS") - before) / COUNT < 2.4);
    hk_event_set(&event);
    return NULL;
}

TEST(a_parked_task_costs_little_more_than_2_kib, .seconds = 60)
{
    NEED_SMALL_STACKS();
    CHECK_EQ(hk_run(park_many, NULL, NULL), 0);
}

static void *measure_burst(void *arg)
{
    const double before = (double)memory_kib("VmRSS");
    CHECK_EQ(hk_num(park_many(NULL)), 0);
    for (int i = 0; i < 3; i++) hk_sched_yield();
    /* Idle, the loop gives memory back, in real time. */
    for (int i = 0; i < 1000 && (double)memory_kib("VmRSS") - before > 100000 * 2.0 / 4; i++)
        hk_sleep(HK_MS(5));
    if (tools_none()) CHECK((double)memory_kib("VmRSS") - before < 100000 * 2.0 / 4);
    return NULL;
}

TEST(memory_goes_back_with_the_slabs, .seconds = 60)
{
    NEED_SMALL_STACKS();
    CHECK_EQ(hk_run(measure_burst, NULL, NULL), 0);
}

/* ---- what fits ---- */

typedef HK_CHAN(int) ints;

struct work {
    ints jobs, results;
    hk_mutex mutex;
    int done;
};

static void *work(void *arg)
{
    struct work *w = arg;
    int job;
    while (hk_chan_recv(w->jobs, &job) > 0) {
        if (hk_mutex_lock(&w->mutex) < 0) break;
        if (hk_sleep(HK_MS(1)) < 0) break;
        hk_mutex_unlock(&w->mutex);
        HK_SCOPE(limit, HK_SEC(1));
        hk_sched_yield();
        int r = hk_chan_send(w->results, &job);
        if (hk_scope_close(&limit, r) < 0) break;
    }
    w->done++;
    return NULL;
}

static void *spread_work(void *arg)
{
    enum { WORKERS = 10, JOBS = 100 };
    struct work w = { 0 };
    int sum = 0, result;
    CHECK_EQ(hk_chan_open(&w.jobs, 0), 0);
    CHECK_EQ(hk_chan_open(&w.results, JOBS), 0);
    HK_GROUP(workers, NULL);
    for (int i = 0; i < WORKERS; i++) CHECK(hk_spawn_with(&workers, work, &w, &small) > 0);
    for (int i = 0; i < JOBS; i++) CHECK_EQ(hk_chan_send(w.jobs, &i), 0);
    hk_chan_close(w.jobs);
    CHECK_EQ(hk_group_close(&workers, 0), 0);
    for (int i = 0; i < JOBS; i++) {
        CHECK_EQ(hk_chan_recv(w.results, &result), 1);
        sum += result;
    }
    CHECK_EQ(sum, JOBS * (JOBS - 1) / 2);
    CHECK_EQ(w.done, WORKERS);
    hk_chan_destroy(&w.jobs);
    hk_chan_destroy(&w.results);
    return NULL;
}

/* Channels, locks, scopes, sleeps, in all worlds; tasks of theirs that end look at their stacks. */
TEST(two_kib_do_for_tasks_that_wait_for_each_other)
{
    CHECK_EQ(hk_run(spread_work, NULL, NULL), 0);
    CHECK_EQ(sim_once(spread_work, NULL), 0);
}

static void *talk(void *arg)
{
    const int *ends = arg;
    char c = 'a', answer = 0;
    CHECK_EQ(hk_write(ends[1], &c, 1), 1);
    CHECK_EQ(hk_read(ends[0], &answer, 1), 1);
    CHECK_EQ(answer, 'a');
    return NULL;
}

static void *talk_small(void *arg)
{
    int ends[2];
    CHECK_EQ(hk_pipe(ends), 0);
    HK_GROUP(group, NULL);
    CHECK(hk_spawn_with(&group, talk, ends, &small) > 0);
    CHECK_EQ(hk_group_close(&group, 0), 0);
    hk_close(ends[0]);
    hk_close(ends[1]);
    return NULL;
}

TEST(and_for_pipes) { CHECK_EQ(hk_run(talk_small, NULL, NULL), 0); }

/* ---- what does not ---- */

#if !defined(HK__ASAN) && !defined(HK__TSAN) && !defined(HK_CONTEXT_REFERENCE)

/* As a frame does that is too large. */
static void *reach_too_far(void *arg)
{
    const hk__stackful *me = (const hk__stackful *)hk__here.self;
    memset(me->stack, 1, 8);
    return NULL;
}

TEST(an_overflow_is_told_when_it_ends,
     .aborts = "stack overflow in coroutine 'wide' (2 KiB, unguarded)")
{
    hk_coro_options options = small;
    options.name = "wide";
    hk_coro *co = hk_coro_create(reach_too_far, NULL, &options);
    CHECK_EQ(hk_coro_send(co, NULL).outcome, HK_RETURNED);
    hk_coro_destroy(co);
}

static void *spawn_wide(void *arg)
{
    CHECK(hk_spawn_with(HK_ROOT, reach_too_far, NULL, &small) > 0);
    return NULL;
}

TEST(a_tasks_too, .aborts = "stack overflow in task 'task' (2 KiB, unguarded)")
{
    hk_run(spawn_wide, NULL, NULL);
}

#endif
