/* SPDX-License-Identifier: MIT */
/* Supervision: what fails is made again, later each time, and not for ever. */
#include "support/sim.h"
#include "support/steps.h"

struct job {
    int runs, fails; /* how often so far, at first */
    int64_t lives;   /* ns, before it fails */
    int64_t begun[16];
};

static void *work(void *arg)
{
    struct job *job = arg;
    int run = job->runs++;
    if (run < 16) job->begun[run] = hk_now();
    if (hk_sleep(job->lives) < 0) return hk_val(-ECANCELED);
    return hk_val(run < job->fails ? hk_fail(-EIO, "run %d", run) : 0);
}

/* SIM_TEST has no room for an observer of failures: they are lines on stderr. */
SIM_TEST(it_is_made_again_with_growing_pauses, .prints = "failed with -5: run 2")
{
    struct job job = { .fails = 4 };
    const hk_supervise_options how = { .first = HK_SEC(1), .most = HK_SEC(5) };
    CHECK_EQ(hk_supervise(work, &job, &how), 0);
    CHECK_EQ(job.runs, 5);
    CHECK_EQ(job.begun[1] - job.begun[0], HK_SEC(1));
    CHECK_EQ(job.begun[2] - job.begun[1], HK_SEC(2));
    CHECK_EQ(job.begun[3] - job.begun[2], HK_SEC(4));
    CHECK_EQ(job.begun[4] - job.begun[3], HK_SEC(5));
}

SIM_TEST(pauses_begin_anew_after_a_long_life)
{
    struct job job = { .fails = 3, .lives = HK_SEC(6) };
    const hk_supervise_options how = { .first = HK_SEC(1), .most = HK_SEC(5) };
    CHECK_EQ(hk_supervise(work, &job, &how), 0);
    CHECK_EQ(job.begun[3] - job.begun[2], HK_SEC(7));
}

SIM_TEST(what_fails_too_often_is_given_up)
{
    struct job job = { .fails = 100 };
    const hk_supervise_options how = { .first = 1, .most = 1, .failures = 3, .period = HK_SEC(1) };
    CHECK_NUMBER(hk_supervise(work, &job, &how), "-EIO");
    CHECK_EQ(job.runs, 4);
    CHECK(strstr(hk_why(), "run 3") != NULL);
}

SIM_TEST(failures_that_are_rare_are_forgiven)
{
    struct job job = { .fails = 10, .lives = HK_SEC(1) };
    const hk_supervise_options how = { .first = 1, .failures = 2, .period = HK_MS(1500) };
    CHECK_EQ(hk_supervise(work, &job, &how), 0);
    CHECK_EQ(job.runs, 11);
}

SIM_TEST(a_deadline_ends_the_task_and_its_supervisor)
{
    struct job job = { .fails = 100, .lives = HK_SEC(2) };
    HK_SCOPE(limit, HK_SEC(5));
    int r = hk_supervise(work, &job, NULL);
    CHECK_NUMBER(hk_scope_close(&limit, r), "-ETIMEDOUT");
    CHECK_EQ(job.runs, 3);
}
