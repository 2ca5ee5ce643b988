/* SPDX-License-Identifier: MIT */
/* Ten million idle stackless tasks fit in 2.5 GB.
 *
 * Once all asleep, once all parked in a call of the user's. Each frame is an allocation of its own,
 * as a server would have them; what the scheduler keeps for each (its place in the ring, in the map
 * of numbers, in the clock) is in the sum. Then all of them are killed, and all of them end. */
#include "support/steps.h"

#include <stdlib.h>
#include <unistd.h>

enum { TASKS = 10 * 1000 * 1000, SECONDS = 300 };
static const double LIMIT = 2.5e9;

struct sleeper {
    hk_coro co;
    hk_sleep_call sleep;
};

struct keeper {
    hk_coro co;
    struct keep keep;
};

static long steps, ended;

static hk_step sleeps(hk_coro *co, void *in)
{
    struct sleeper *f = HK_CONTAINER(co, struct sleeper, co);
    HK_BEGIN(co);
    steps++;
    hk_sleep_prepare(&f->sleep, HK_SEC(1000000));
    HK_AWAIT(co, &f->sleep.call);
    HK_END(co, hk_val(f->sleep.call.result));
}

static hk_step keeps(hk_coro *co, void *in)
{
    struct keeper *f = HK_CONTAINER(co, struct keeper, co);
    HK_BEGIN(co);
    steps++;
    f->keep = (struct keep){ HK_CALL(keep_type) };
    HK_AWAIT(co, &f->keep.call);
    HK_END(co, hk_val(f->keep.call.result));
}

static void release_sleeper(hk_coro *co)
{
    ended++;
    free(HK_CONTAINER(co, struct sleeper, co));
}

static void release_keeper(hk_coro *co)
{
    ended++;
    free(HK_CONTAINER(co, struct keeper, co));
}

static hk_coro *make_sleeper(void)
{
    struct sleeper *f = malloc(sizeof *f);
    if (f != NULL) hk_stackless_init(&f->co, sleeps, release_sleeper);
    return f != NULL ? &f->co : NULL;
}

static hk_coro *make_keeper(void)
{
    struct keeper *f = malloc(sizeof *f);
    if (f != NULL) hk_stackless_init(&f->co, keeps, release_keeper);
    return f != NULL ? &f->co : NULL;
}

static double resident(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file != NULL && fscanf(file, "%*d %ld", &pages) != 1) pages = 0;
    if (file != NULL) fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static hk_sched *sched;

static void *fills_the_house(void *arg)
{
    hk_coro *(*const *make)(void) = arg;
    double before = resident();
    for (long i = 0; i < TASKS; i++) {
        hk_coro *co = (*make)();
        if (co == NULL || hk_spawn_stackless(HK_ROOT, co, NULL) < 0) {
            test_fail("task %ld could not be made", i);
            break;
        }
    }
    while (steps < TASKS && hk_sched_yield() == 0) continue;
    CHECK_EQ(steps, TASKS);
    double used = resident() - before;
    printf("%.2f GB, %.1f bytes per task\n", used / 1e9, used / TASKS);
    CHECK(used <= LIMIT);
    hk_sched_stop(sched, 0);
    return NULL;
}

static bool has_room(void)
{
    return (double)sysconf(_SC_AVPHYS_PAGES) * (double)sysconf(_SC_PAGESIZE) > 1.5 * LIMIT;
}

static void run(hk_coro *(*make)(void))
{
    sched = hk_sched_create(NULL);
    hk_sched_spawn(sched, fills_the_house, &make);
    CHECK_EQ(hk_sched_run(sched), 0);
    hk_sched_destroy(sched);
    CHECK_EQ(ended, TASKS);
}

#if defined(HK__ASAN) || defined(HK__TSAN)
#define UNDER_SANITIZER 1
#else
#define UNDER_SANITIZER 0
#endif

TEST(asleep, .slow = true, .seconds = SECONDS)
{
    if (UNDER_SANITIZER) SKIP("a sanitizer's memory would be measured");
    if (!has_room()) SKIP("less than 3.75 GB of free memory");
    run(make_sleeper);
}

TEST(parked_in_a_users_call, .slow = true, .seconds = SECONDS)
{
    if (UNDER_SANITIZER) SKIP("a sanitizer's memory would be measured");
    if (!has_room()) SKIP("less than 3.75 GB of free memory");
    run(make_keeper);
}
