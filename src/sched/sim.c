/* SPDX-License-Identifier: MIT */
/* Simulated runs: one after the other, until one fails; what is said of it, and how to have it
 * again. */
#include <hocket/sim.h>

#include "base/say.h"
#include "coro/stack.h"
#include "sched/sched.h"
#include "world/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_PREEMPTIONS = 2, DEFAULT_TURNS = 10 * 1000 * 1000 };
static const int64_t DEFAULT_LATENCY = HK_US(50);

/* All runs of one hk_sim_run. */
struct hk__simulation {
    hk__sim *world;
    struct hk__sim_setup setup;
    struct hk__sim_path path;
    uint32_t preemptions;
    hk_sim_result result;
    void (*trace)(void *arg, const char *line);
    void *trace_arg;
    bool own_command;
    int64_t progress_at; /* of the real clock; INT64_MAX: nobody watches */
    bool progress_shown;
    hk_tid current; /* traced: whose turn it is; 0: nobody's */
    char name[32];  /* traced: its */
};

/* ---- the command line, to be said again ---- */

static char **arguments;

/* glibc hands them to constructors. */
static __attribute__((constructor)) void know_arguments(int argc, char **argv)
{
    arguments = argc > 0 ? argv : NULL;
}

/* As a shell takes it. */
static void quote(const char *text, char *buf, size_t size)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-+=:,./@%";
    size_t used = 0;
    if (*text != '\0' && text[strspn(text, plain)] == '\0') {
        snprintf(buf, size, " %s", text);
        return;
    }
    used += (size_t)snprintf(buf, size, " '");
    for (; *text != '\0' && used + 6 < size; text++)
        used += (size_t)snprintf(buf + used, size - used, *text == '\'' ? "'\\''" : "%c", *text);
    snprintf(buf + used, size - used, "'");
}

static void format_arguments(char *buf, size_t size)
{
    size_t used = 0;
    buf[0] = '\0';
    for (char **argument = arguments; argument != NULL && *argument != NULL && used < size;
         argument++) {
        quote(*argument, buf + used, size - used);
        used += strlen(buf + used);
    }
}

/* "random:17": its end is where it is cut. */
static size_t format_schedule(const struct hk__simulation *run, char *buf, size_t size)
{
    const struct hk__sim_setup *setup = &run->setup;
    const unsigned long long seed = setup->seed;
    int used;
    switch (setup->policy) {
    case HK__POLICY_FIFO: return (size_t)snprintf(buf, size, "fifo");
    case HK__POLICY_RANDOM: return (size_t)snprintf(buf, size, "random:%llu", seed);
    case HK__POLICY_PCT: return (size_t)snprintf(buf, size, "pct:%llu:%u", seed, setup->depth);
    default:
        used = snprintf(buf, size, "choices:");
        return (size_t)used + hk__sim_path_format(&run->path, buf + used, size - (size_t)used);
    }
}

/* ---- what went wrong ---- */

static void measure(struct hk__simulation *run)
{
    run->result.virtual_ns = run->world->now - HK__SIM_START;
    run->result.switches = run->world->turns;
}

static void report(struct hk__simulation *run, int error, const char *what)
{
    if (run->result.error != 0) return; /* what came first */
    run->result.error = error;
    measure(run);
    snprintf(run->result.report, sizeof run->result.report, "%s", what);
}

/* The tasks that are there, as far as there is room. */
static void report_tasks(struct hk__simulation *run, hk_sched *s, int error, const char *what)
{
    char text[sizeof run->result.report];
    hk_task_info list[8];
    size_t count = hk_sched_tasks(s, list, HK_LEN(list));
    size_t used =
        (size_t)snprintf(text, sizeof text, "%s, %zu task%s", what, count, count == 1 ? "" : "s");
    for (size_t i = 0; i < count && i < HK_LEN(list) && used < sizeof text; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%lld '%s' %s%s",
                                 i == 0 ? ": " : ", ", (long long)list[i].tid, list[i].name,
                                 list[i].waits[0] != '\0' ? "waits for " : list[i].state,
                                 list[i].waits);
    report(run, error, text);
}

void hk__simulation_ended(hk_sched *s, int error)
{
    const char *what = error == -EDEADLK ? "deadlock"
                       : error == -ETIME ? "it takes more virtual time than its limit"
                       : error == -ELOOP ? "it takes more turns than its limit"
                                         : strerrordesc_np(-error);
    report_tasks(s->simulation, s, error, what);
}

bool hk__check(bool holds, const char *text, const char *file, int line)
{
    hk_sched *s = hk__here.sched;
    char what[256];
    if (HK__LIKELY(holds)) return true;
    struct hk__simulation *run = s != NULL ? s->simulation : NULL;
    if (run == NULL) hk__misuse("%s:%d: HK_CHECK(%s) does not hold", file, line, text);
    const hk_coro *t = hk__task_here();
    snprintf(what, sizeof what, "%s:%d: HK_CHECK(%s) does not hold, in task %lld '%s'", file, line,
             text, t != NULL ? (long long)t->tid : 0, t != NULL ? hk__task_name(t) : "none");
    report(run, -EPROTO, what);
    hk__task_kill_all(s);
    return false;
}

/* ---- the trace ---- */

void hk__simulation_turned(hk_sched *s, const hk_coro *next)
{
    struct hk__simulation *run = s->simulation;
    if (HK__LIKELY(run->trace == NULL)) return;
    if (run->current != 0) {
        const hk_coro *t = hk__task_find(s, run->current);
        char line[192], what[96] = "ends";
        const hk_call *call = t != NULL ? hk__task_call(t) : NULL;
        if (t != NULL && call == NULL) snprintf(what, sizeof what, "goes on");
        if (call != NULL) hk__report_call(call, what, sizeof what);
        snprintf(line, sizeof line, "%lld %lld %s: %s", (long long)(s->now - HK__SIM_START),
                 (long long)run->current, run->name, what);
        run->trace(run->trace_arg, line);
    }
    run->current = next != NULL ? next->tid : 0;
    if (next != NULL) snprintf(run->name, sizeof run->name, "%s", hk__task_name(next));
}

static void trace_to_people(void *arg, const char *line)
{
    (void)arg;
    hk__say("%s", line);
}

/* ---- one run ---- */

static int run_once(struct hk__simulation *run, hk_entry *main_task, void *arg,
                    const hk_run_options *how)
{
    hk__world *world = hk__sim_begin(run->world, &run->setup);
    const int32_t allowance = run->setup.policy == HK__POLICY_FIFO ? HK__BUDGET : 1;
    int r = hk__run_in(world, run, allowance, main_task, arg, how);
    run->result.seed = run->setup.seed;
    run->result.schedules++;
    run->result.trace = run->result.trace * 0x9e3779b97f4a7c15u ^ run->world->hash;
    run->current = 0;
    if (r < 0) {
        const char *why = hk__why_of(hk__thread_enter(), r);
        char what[sizeof run->result.report];
        snprintf(what, sizeof what, "the main task failed with %d: %s", r,
                 why != NULL ? why : strerrordesc_np(-r));
        report(run, r, what);
    }
    if (run->result.error == 0) measure(run);
    return run->result.error;
}

static void say_failure(const struct hk__simulation *run)
{
    hk__say("simulation: turn %llu, after %.9g s: %s", (unsigned long long)run->result.switches,
            (double)run->result.virtual_ns / 1e9, run->result.report);
}

static void say_again(const struct hk__simulation *run)
{
    char line[512];
    size_t size = format_schedule(run, line, 1) + 1;
    char *schedule = malloc(size);
    if (schedule != NULL) format_schedule(run, schedule, size);
    format_arguments(line, sizeof line);
    hk__say_long("again: HOCKET_REPLAY=", schedule != NULL ? schedule : "?", line);
    free(schedule);
}

/* ---- all of them ---- */

static enum hk__policy policy_of(hk_sim_policy policy)
{
    switch (policy) {
    case HK_SIM_FIFO: return HK__POLICY_FIFO;
    case HK_SIM_PCT: return HK__POLICY_PCT;
    case HK_SIM_EXHAUSTIVE: return HK__POLICY_PATH;
    default: return HK__POLICY_RANDOM;
    }
}

static void set_up(struct hk__simulation *run, const hk_sim_options *o)
{
    run->setup = (struct hk__sim_setup){ .policy = policy_of(o->policy),
                                         .seed = o->seed,
                                         .depth = o->depth != 0 ? o->depth : 3,
                                         .path = &run->path,
                                         .limit = o->limit,
                                         .turns = o->turns != 0 ? o->turns : DEFAULT_TURNS };
    run->setup.latency = o->latency > 0 ? o->latency : o->latency < 0 ? 0 : DEFAULT_LATENCY;
    run->preemptions = o->preemptions > 0   ? (uint32_t)o->preemptions
                       : o->preemptions < 0 ? 0
                                            : DEFAULT_PREEMPTIONS;
    run->trace = o->trace;
    run->trace_arg = o->trace_arg;
    run->own_command = o->own_command;
}

/* What HOCKET_REPLAY says, instead of the options. */
static int set_up_again(struct hk__simulation *run, const char *text)
{
    unsigned long long seed = 0;
    int r = 0, used = 0;
    if (strcmp(text, "fifo") == 0)
        run->setup.policy = HK__POLICY_FIFO;
    else if (sscanf(text, "random:%llu%n", &seed, &used) == 1 && text[used] == '\0')
        run->setup.policy = HK__POLICY_RANDOM;
    else if (sscanf(text, "pct:%llu:%u%n", &seed, &run->setup.depth, &used) == 2 &&
             text[used] == '\0')
        run->setup.policy = HK__POLICY_PCT;
    else if (strncmp(text, "choices:", 8) == 0) {
        run->setup.policy = HK__POLICY_PATH;
        r = hk__sim_path_parse(&run->path, text + 8);
    } else
        r = -EINVAL;
    run->setup.seed = seed;
    if (run->trace == NULL) run->trace = trace_to_people;
    return r < 0 ? hk_fail(r,
                           "HOCKET_REPLAY=%s: there are fifo, random:SEED, pct:SEED:DEPTH and "
                           "choices:NUMBER=VALUE,...",
                           text)
                 : 0;
}

/* Between runs, now and then: within one nothing asks for the real time. */
static void show_progress(struct hk__simulation *run, uint64_t done, uint64_t runs)
{
    if (run->progress_at == INT64_MAX) return;
    int64_t now = hk__clock_now();
    if (now < run->progress_at) return;
    run->progress_at = now + HK_SEC(1);
    run->progress_shown = true;
    if (runs == UINT64_MAX)
        hk__say_passing("simulation: %llu schedules", (unsigned long long)done);
    else
        hk__say_passing("simulation: %llu of %llu runs", (unsigned long long)done,
                        (unsigned long long)runs);
}

static void run_each(struct hk__simulation *run, uint64_t runs, hk_entry *main_task, void *arg,
                     const hk_run_options *how)
{
    const bool searches = run->setup.policy == HK__POLICY_PATH;
    for (uint64_t n = 1; run_once(run, main_task, arg, how) == 0; n++) {
        if (searches && !hk__sim_path_next(&run->path, run->preemptions)) {
            run->result.exhausted = true;
            return;
        }
        if (n >= runs) return;
        if (!searches) run->setup.seed++;
        show_progress(run, n, runs);
    }
}

static void run_all(struct hk__simulation *run, uint64_t runs, hk_entry *main_task, void *arg,
                    const hk_run_options *how)
{
    const bool watched = runs > 1 && hk__say_is_watched();
    run->progress_at = watched ? hk__clock_now() + HK_SEC(1) : INT64_MAX;
    run_each(run, runs, main_task, arg, how);
    if (run->progress_shown) hk__say_passed();
    if (run->result.error < 0) say_failure(run);
    if (run->result.error < 0 && !run->own_command) say_again(run);
}

int hk_sim_run(hk_entry *main_task, void *arg, const hk_sim_options *options,
               hk_sim_result *ret_result)
{
    static const hk_sim_options usual;
    struct hk__simulation run = { .current = 0 };
    const char *again = getenv("HOCKET_REPLAY");
    if (options == NULL) options = &usual;
    if (ret_result != NULL) *ret_result = run.result;
    if (hk__here.sched != NULL) return -EDEADLK;
    set_up(&run, options);
    uint64_t runs = options->runs;
    if (runs == 0) runs = options->policy == HK_SIM_EXHAUSTIVE ? UINT64_MAX : 1;
    int r = 0;
    if (again != NULL && *again != '\0') {
        r = set_up_again(&run, again);
        runs = 1;
    }
    run.world = r == 0 ? hk__sim_new() : NULL;
    if (r == 0 && run.world == NULL) r = -ENOMEM;
    if (r == 0) {
        run_all(&run, runs, main_task, arg, &(hk_run_options){ .stack = options->stack });
        r = run.result.error;
        if (ret_result != NULL) *ret_result = run.result;
        hk__sim_free(run.world);
    }
    hk__sim_path_free(&run.path);
    return r;
}
