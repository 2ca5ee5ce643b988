/* SPDX-License-Identifier: MIT */
/* Tests in virtual time.
 *
 *     SIM_TEST(a_mutex_excludes)
 *     {
 *         hk_spawn(HK_ROOT, worker, &state);
 *         hk_sleep(HK_SEC(10));
 *         CHECK_EQ(state.inside, 0);
 *     }
 *
 * The body is the main task of a simulated run. It runs many times: first come, first served; then
 * under as many schedules by chance and by priorities as SIM_SEEDS says. So statics must be set at
 * its beginning. A failed CHECK ends it, and the command line that runs this schedule again, with
 * each turn on stderr, is in the test's output. CHECKs about who runs first hold under FIFO alone:
 * there sim_is_fifo().
 *
 * SIM_SEARCH(name, preemptions) runs all schedules with so many preemptions: for a few tasks with a
 * few calls each. Options of TEST may follow in both. */
#ifndef SUPPORT_SIM_H
#define SUPPORT_SIM_H

#include "harness/harness.h"

#include <hocket/sim.h>

#include "support/tools.h"

/* As hk_run, but in virtual time and first come, first served: what main says. For tests of what
 * happens in time, where the order of tasks is a part of it. */
intptr_t sim_once(hk_entry *main_task, void *arg);

/* Such a world for hk_run_options, whatever the environment says: for schedulers that the test
 * makes itself. What it waits for is over at once. While a task is ready no time passes. */
const hk_world *sim_world(void);

/* A test whose body is the main task of such a run. */
#define SIM_ONCE(id, ...) \
    static void *id(void *arg); \
    TEST(id, ##__VA_ARGS__) { CHECK_EQ(sim_once(id, NULL), 0); } \
    static void *id(void *arg)

/* A sanitizer makes each task dear; what it is for shows in few schedules as well as in many. */
enum { SIM_SEEDS = SANITIZED ? 5 : 50 };

#define SIM_TEST(id, ...) \
    static void id(void); \
    TEST(id, ##__VA_ARGS__) { sim_run_seeds(id, SIM_SEEDS); } \
    static void id(void)

#define SIM_SEARCH(id, preemptions, ...) \
    static void id(void); \
    TEST(id, ##__VA_ARGS__) { sim_run_all(id, (preemptions)); } \
    static void id(void)

/* In their bodies: the run that goes on is the one of first come, first served. */
bool sim_is_fifo(void);

void sim_run_seeds(void (*body)(void), unsigned seeds);
/* preemptions: 0: none. How many schedules there were. */
uint64_t sim_run_all(void (*body)(void), int preemptions);

#endif
