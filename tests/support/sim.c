/* SPDX-License-Identifier: MIT */
/* Tests in virtual time. */
#include "support/sim.h"

#include "world/sim.h"

#include <stdlib.h>

static bool fifo;

bool sim_is_fifo(void) { return fifo; }

struct body {
    void (*run)(void);
};

static void *run_body(void *arg)
{
    const struct body *body = arg;
    body->run();
    return hk_val(test_has_failed() ? hk_fail(-EPROTO, "a check has failed") : 0);
}

/* 0: all went well. A failure that no check of the test has shown fails the test. */
static int run(void (*body)(void), hk_sim_options *options, hk_sim_result *ret_result)
{
    struct body it = { body };
    fifo = options->policy == HK_SIM_FIFO;
    int r = hk_sim_run(run_body, &it, options, ret_result);
    if (r < 0 && !test_has_failed()) test_fail("%s", ret_result->report);
    return r;
}

void sim_run_seeds(void (*body)(void), unsigned seeds)
{
    const char *again = getenv("HOCKET_REPLAY");
    hk_sim_options options = { .policy = HK_SIM_FIFO };
    hk_sim_result result;
    if (run(body, &options, &result) < 0 || (again != NULL && *again != '\0')) return;
    options = (hk_sim_options){ .policy = HK_SIM_RANDOM, .seed = 1, .runs = seeds };
    if (run(body, &options, &result) < 0) return;
    options.policy = HK_SIM_PCT;
    run(body, &options, &result);
}

uint64_t sim_run_all(void (*body)(void), int preemptions)
{
    hk_sim_options options = { .policy = HK_SIM_EXHAUSTIVE };
    hk_sim_result result;
    options.preemptions = preemptions > 0 ? preemptions : -1;
    run(body, &options, &result);
    return result.schedules;
}

const hk_world *sim_world(void)
{
    static const hk_world world = { "sim", hk__world_sim };
    unsetenv("HOCKET_WORLD"); /* each test is a process of its own */
    return &world;
}

struct once {
    hk_entry *main_task;
    void *arg;
    intptr_t said;
};

static void *run_once(void *arg)
{
    struct once *once = arg;
    once->said = hk_num(once->main_task(once->arg));
    return NULL;
}

intptr_t sim_once(hk_entry *main_task, void *arg)
{
    struct once once = { main_task, arg, 0 };
    int r = hk_sim_run(run_once, &once, &(hk_sim_options){ .policy = HK_SIM_FIFO }, NULL);
    return r < 0 ? r : once.said;
}
