/* SPDX-License-Identifier: MIT */
/* Simulation: a program of tasks runs in virtual time, under schedules that a seed or a search
 * chooses, and a run that fails can be had again.
 *
 *     static void *scenario(void *arg) { ... HK_CHECK(total == 10); return NULL; }
 *
 *     hk_sim_options options = { .seed = 1, .runs = 10000 };
 *     hk_sim_result result;
 *     if (hk_sim_run(scenario, NULL, &options, &result) < 0) return 1;
 *
 * In such a run the clock jumps to the next event as soon as every task waits, so that ten days of
 * sleeping take as long as what is done in between. No system call is made but for memory. The same
 * seed gives the same run, to the byte of its trace, wherever and however it was compiled: as long
 * as the program itself asks nobody else (the real clock, random numbers, addresses, threads).
 *
 * A run fails where its main task does, where an HK_CHECK does not hold, where nothing can ever go
 * on, and at its limits. Then what was wrong is on stderr, and one command line that runs this
 * schedule again: HOCKET_REPLAY=random:17 ./program. With HOCKET_REPLAY set, hk_sim_run runs that
 * schedule alone, and prints each turn of a task on stderr. Where stderr is a terminal, a line
 * there tells each second of real time how many runs are done, and is gone at the end. */
#ifndef HOCKET_SIM_H
#define HOCKET_SIM_H

#include <hocket/sched.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Who runs next, of the tasks that are ready. Except under FIFO a turn is a single call: after each
 * another task may run. */
typedef enum hk_sim_policy {
    HK_SIM_RANDOM,    /* anybody */
    HK_SIM_FIFO,      /* first come, first served, as in a real world */
    HK_SIM_PCT,       /* the one of highest priority, by the seed; finds what needs starvation */
    HK_SIM_EXHAUSTIVE /* every schedule, one after the other */
} hk_sim_policy;

typedef struct hk_sim_options {
    uint64_t seed; /* of the first run */
    /* seed, seed + 1, ... until one fails; 0: one. EXHAUSTIVE: at most so many; 0: all. */
    uint64_t runs;
    hk_sim_policy policy;
    /* PCT: it finds bugs that need so many orderings of two events; 0: 3. */
    unsigned depth;
    /* EXHAUSTIVE: how often a schedule takes a task off that could go on, at most; 0: twice, < 0:
     * never. */
    int preemptions;
    /* ns that bytes between two sockets are under way; 0: 50 us, < 0: none. */
    int64_t latency;
    /* ns of virtual time that a run may take (-ETIME); 0: no limit. */
    int64_t limit;
    /* Turns that a run may take (-ELOOP); 0: ten million. */
    uint64_t turns;
    size_t stack; /* of each task, bytes; 0: 64 KiB */
    /* Told of each turn in a line without its end: nanoseconds since the beginning, tid, name, and
     * what the task does now: what it waits for, "goes on", "ends". NULL: nobody is. */
    void (*trace)(void *arg, const char *line);
    void *trace_arg;
    /* How a failure is had again is the caller's to say: what main_task does depends on more than
     * the command line and the schedule. */
    bool own_command;
    uint64_t reserved[5];
} hk_sim_options;

typedef struct hk_sim_result {
    uint64_t seed;      /* of the last run, which is the one that failed */
    int error;          /* 0, or what hk_sim_run returned */
    bool exhausted;     /* EXHAUSTIVE: there is no further schedule */
    int64_t virtual_ns; /* that the last run took */
    uint64_t switches;  /* turns of tasks in it */
    uint64_t schedules; /* runs */
    uint64_t trace;     /* a hash of every choice of all runs, and of when it was made */
    char report[256];   /* what was wrong; "" */
} hk_sim_result;

/* Runs main_task and all that it spawns in a simulated world, once or many times.
 *   main_task: task 1. Each run must find what it works on as the first one did.
 *   arg: handed to it.
 *   options: NULL for defaults: one run, seed 0.
 *   ret_result: filled in; may be NULL.
 * Returns: 0; what main failed with; -EPROTO: an HK_CHECK did not hold; -EDEADLK: every task waited
 * for something that could never come, or a scheduler runs on this thread already; -ETIME, -ELOOP:
 * see limit, turns; -EINVAL: HOCKET_REPLAY cannot be read; -ENOMEM. Blocks: the thread. Cancel: no.
 * Threads: any. */
HK_API int hk_sim_run(hk_entry *main_task, void *arg, const hk_sim_options *options,
                      hk_sim_result *ret_result);

/* What must be so. Where it is not: says so, with the place and the schedule, kills every task, and
 * fails the run; the caller goes on, and returns. Elsewhere than in a simulated run it aborts.
 *   condition: evaluated once.
 * Returns: whether it is. Blocks: never. Cancel: not refused. Threads: any. */
#define HK_CHECK(condition) hk__check(!!(condition), #condition, __FILE__, __LINE__)

HK_API bool hk__check(bool holds, const char *text, const char *file, int line);

#ifdef __cplusplus
}
#endif
#endif
