/* SPDX-License-Identifier: MIT */
/* Runs: a seed gives the program, the policy, and the schedule. */
#include "random/random.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct run *the_run;

const char *program_name = "build/tests/hocket_random";

uint64_t chance(uint64_t *state, uint64_t below)
{
    uint64_t x = *state += 0x9e3779b97f4a7c15u; /* splitmix64 */
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return ((x ^ (x >> 31)) >> 32) * below >> 32;
}

const char *program_text;

/* A search finds the same again, at once. */
static void say_again(uint64_t seed)
{
    if (program_text == NULL)
        fprintf(stderr, "again: %s --seed %llu\n", program_name, (unsigned long long)seed);
    else if (seed != 0)
        fprintf(stderr, "again: %s --schedule %llu --program '%s'\n", program_name,
                (unsigned long long)seed, program_text);
    else
        fprintf(stderr, "again: %s --program '%s'\n", program_name, program_text);
}

void random_fail(const char *format, ...)
{
    struct run *run = the_run;
    if (run->failed) return;
    run->failed = true;
    va_list args;
    va_start(args, format);
    fprintf(stderr, "seed %llu, at %lld ns: ", (unsigned long long)run->seed,
            (long long)(hk_now() - run->started));
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
    print_program(run->program);
    say_again(run->seed);
    hk_sched_stop(NULL, 0);
}

static struct run *fresh(const struct program *p, uint64_t seed)
{
    static struct run run;
    memset(&run, 0, sizeof run);
    run.program = p;
    run.seed = run.random = seed;
    the_run = &run;
    return &run;
}

static int play_once(struct run *run, const hk_sim_options *options, hk_sim_result *ret_result)
{
    int r = hk_sim_run(play, run, options, ret_result);
    if (r < 0 && !run->failed) {
        run->failed = true;
        fprintf(stderr, "seed %llu: %s\n", (unsigned long long)run->seed, ret_result->report);
        print_program(run->program);
        say_again(run->seed);
    }
    return r;
}

static void trace_line(void *arg, const char *line)
{
    (void)arg;
    fprintf(stderr, "%s\n", line);
}

bool run_program(const struct program *p, uint64_t seed, bool traced)
{
    static const hk_sim_policy policies[4] = { HK_SIM_RANDOM, HK_SIM_PCT, HK_SIM_RANDOM,
                                               HK_SIM_FIFO };
    hk_sim_result result;
    hk_sim_options options = { .seed = seed,
                               .policy = policies[seed % 4],
                               .turns = 100 * 1000,
                               .trace = traced ? trace_line : NULL,
                               .own_command = true };
    return play_once(fresh(p, seed), &options, &result) == 0;
}

bool run_seed(uint64_t seed, bool traced)
{
    static struct program program;
    generate(&program, seed);
    return run_program(&program, seed, traced);
}

/* Each run begins as the first did. */
static void *play_anew(void *arg)
{
    const struct program *p = arg;
    return play(fresh(p, 0));
}

uint64_t run_every_schedule(const char *text, int preemptions)
{
    static struct program program;
    hk_sim_result result;
    if (!parse(&program, text)) return 0;
    fresh(&program, 0);
    program_text = text;
    hk_sim_options options = { .policy = HK_SIM_EXHAUSTIVE,
                               .preemptions = preemptions,
                               .turns = 10 * 1000,
                               .own_command = true };
    int r = hk_sim_run(play_anew, &program, &options, &result);
    if (r < 0 && !the_run->failed) {
        fprintf(stderr, "%s: %s\n", text, result.report);
        say_again(0);
    }
    program_text = NULL;
    return r < 0 ? 0 : result.schedules;
}
