/* SPDX-License-Identifier: MIT */
/* How far many runs are, for somebody who watches. */
#include "support/faults.h"
#include "support/said.h"
#include "support/sim.h"

#include <pty.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void *nothing(void *arg) { return arg; }

static void *fails_at_last(void *arg)
{
    int *left = arg;
    return hk_val(--*left == 0 ? hk_fail(-EPROTO, "the last one") : 0);
}

/* Of a terminal: what was written to it while it was stderr. */
static void on_terminal(hk_entry *main_task, void *arg, const hk_sim_options *options, int wanted)
{
    int master = -1, slave = -1, old = dup(STDERR_FILENO);
    CHECK(old >= 0 && openpty(&master, &slave, NULL, NULL, NULL) == 0);
    dup2(slave, STDERR_FILENO);
    faults_clock_step = HK_MS(600);
    int r = hk_sim_run(main_task, arg, options, NULL);
    faults_clock_step = 0;
    CHECK_EQ(write(STDERR_FILENO, "|", 1), 1); /* so that there is an end to read */
    dup2(old, STDERR_FILENO);
    size_t size = 0;
    ssize_t n; /* what was written may come in parts */
    do {
        n = read(master, said + size, sizeof said - 1 - size);
        if (n > 0) size += (size_t)n;
    } while (n > 0 && memchr(said, '|', size) == NULL);
    said[size] = '\0';
    CHECK_EQ(r, wanted);
    close(old);
    close(master);
    close(slave);
}

static char gone[80 + 1];
static void expect(const char *lines)
{
    char text[512];
    memset(gone, ' ', 79);
    gone[79] = '\r';
    snprintf(text, sizeof text, "%s%s", lines, gone);
    CHECK(strncmp(said, text, strlen(text)) == 0);
}

TEST(progress_of_many_runs)
{
    on_terminal(nothing, NULL, &(hk_sim_options){ .runs = 7 }, 0);
    expect("hocket: simulation: 2 of 7 runs\rhocket: simulation: 4 of 7 runs\r"
           "hocket: simulation: 6 of 7 runs\r");
    CHECK_STR(said + strlen(said) - 2, "\r|");
}

static void *yields(void *arg)
{
    hk_sched_yield();
    hk_sched_yield();
    return arg;
}

static void *three_tasks(void *arg)
{
    for (int i = 0; i < 2; i++) hk_spawn(HK_ROOT, yields, NULL);
    return yields(arg);
}

TEST(progress_of_a_search)
{
    on_terminal(three_tasks, NULL, &(hk_sim_options){ .policy = HK_SIM_EXHAUSTIVE }, 0);
    CHECK(strncmp(said, "hocket: simulation: 2 schedules\rhocket: simulation: 4 schedules\r", 64) ==
          0);
}

/* The failure has its line to itself. */
TEST(progress_before_a_failure)
{
    int left = 4;
    on_terminal(fails_at_last, &left, &(hk_sim_options){ .runs = 9 }, -EPROTO);
    expect("hocket: simulation: 2 of 9 runs\r");
    CHECK(strncmp(said + 32 + 80, "hocket: simulation: turn ", 25) == 0);
}

static int run_many(void *arg)
{
    (void)arg;
    return hk_sim_run(nothing, NULL, &(hk_sim_options){ .runs = 9 }, NULL);
}

/* A file, a pipe: nobody watches. And one run is none of many. */
TEST(no_progress_where_nobody_watches)
{
    faults_clock_step = HK_MS(600);
    CHECK_EQ(said_by(run_many, NULL), 0);
    CHECK_STR(said, "");
    faults_clock_step = 0;
    on_terminal(nothing, NULL, NULL, 0);
    CHECK_STR(said, "|");
}
