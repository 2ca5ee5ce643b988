/* SPDX-License-Identifier: MIT */
/* Running tasks: hk_run for a program that is made of them, a scheduler of your own for a program
 * that has a loop already.
 *
 * A scheduler belongs to the thread that created it. hk_sched_post is the one door for other
 * threads. */
#ifndef HOCKET_SCHED_H
#define HOCKET_SCHED_H

#include <hocket/group.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hk_sched hk_sched;

/* Where time and input come from: a kind of world. */
typedef struct hk_world hk_world;

/* The worlds on epoll and on io_uring, for hk_run_options. HOCKET_WORLD=epoll, uring, or
 * uring:ENTRIES (the size of its rings) in the environment overrides what a program says.
 * Returns: the world; no errors. Blocks: never. Cancel: no. Threads: any. */
HK_API const hk_world *hk_world_epoll(void);
HK_API const hk_world *hk_world_uring(void);

typedef struct hk_run_options {
    /* Of each task, bytes; 0: 64 KiB. */
    size_t stack;
    /* ns that hk_sched_destroy gives tasks to unwind before they are dropped; 0: one second. */
    int64_t grace;
    /* A task failed and nobody waited for it; NULL: a line on stderr. */
    void (*unhandled)(const hk_failure *failure);
    /* That one or none; NULL: io_uring where it works, else epoll. */
    const hk_world *world;
    /* ns that a thread looks for events before it sleeps, where that has paid lately; 0: 50 us,
     * nothing on one processor; < 0: none. */
    int64_t spin;
    uint64_t reserved[6];
} hk_run_options;

/* Runs main_task and all that it spawns. SIGPIPE is ignored from now on, SIGQUIT prints the table
 * of tasks.
 *   main_task: task 1; its failure cancels the others.
 *   arg: handed to it.
 *   options: NULL for defaults.
 * Returns: main's number when every task has ended, or its -errno; -ENOMEM, -EMFILE ...: no
 * scheduler could be made; -EDEADLK: every task waited for something that could never come (a
 * report is on stderr), or a scheduler runs on this thread already. Blocks: the thread. Cancel: no.
 * Threads: any, one scheduler each. */
HK_API int hk_run(hk_entry *main_task, void *arg, const hk_run_options *options);

/* Makes a scheduler for this thread.
 *   options: NULL for defaults; copied.
 * Returns: the scheduler, or NULL: without memory or file descriptors; hk_why() says which. Blocks:
 * never. Cancel: no.
 * Threads: the creator's. */
HK_API hk_sched *hk_sched_create(const hk_run_options *options);

/* Ends a scheduler: kills its tasks in reverse order of creation, runs them until they have unwound
 * or the grace is over, reports and drops those that have not. Channels that were opened here and
 * not destroyed, and signals that were not closed, are named on stderr. NULL is taken.
 *   s: not usable afterwards.
 * Returns: nothing; aborts with a sentence where it runs. Blocks: at most the grace. Cancel: no.
 * Threads: its own. */
HK_API void hk_sched_destroy(hk_sched *s);

/* Makes a task from outside.
 *   s: the scheduler.
 *   fn: the body.
 *   arg: borrowed.
 * Returns: its tid; -ENOMEM. Blocks: never. Cancel: no. Threads: its own. */
HK_API hk_tid hk_sched_spawn(hk_sched *s, hk_entry *fn, void *arg);
#ifndef __cplusplus
#define hk_sched_spawn(s, fn, ...) hk__sched_spawn((s), (fn), (__VA_ARGS__), #fn)
#endif

HK_API hk_tid hk__sched_spawn(hk_sched *s, hk_entry *fn, void *arg, const char *name);

/* Runs until no task is left, or hk_sched_stop.
 *   s: the scheduler.
 * Returns: 0; -EDEADLK: nothing can ever run again (see the report), or it runs already. Blocks:
 * the thread. Cancel: no.
 * Threads: its own. */
HK_API int hk_sched_run(hk_sched *s);

/* One pass, for programs that have a loop of their own: runs what is ready, takes what has arrived,
 * never waits.
 *   s: the scheduler.
 * Returns: nanoseconds until it wants to be called again: 0 now, HK_FOREVER when its fd is
 * readable; -ECHILD: no task is left; -EDEADLK as run. Blocks: never. Cancel: no. Threads: its
 * own. */
HK_API int64_t hk_sched_step(hk_sched *s);

/* The world a scheduler runs on, how it was set up, and why it is not a better one: "epoll
 * (io_uring: Operation not permitted)".
 *   s: the scheduler; NULL: the one that runs here.
 *   buf, size: where the line goes; cut to size.
 * Returns: its length, as snprintf; -EPERM outside a scheduler. Blocks: never. Cancel: no.
 * Threads: its own. */
HK_API int hk_sched_world(hk_sched *s, char *buf, size_t size);

/* A file descriptor that is readable when hk_sched_step has something to do.
 *   s: the scheduler; keeps the descriptor.
 * Returns: the descriptor; no errors. Blocks: never. Cancel: no. Threads: its own. */
HK_API int hk_sched_fd(hk_sched *s);

/* Stops every task: softly at first (see hk_group_stop), and kills those that are left when the
 * grace is over; run and step go on until they have unwound, however long that takes.
 *   s: the scheduler; NULL: the one that runs here.
 *   grace: ns; 0: kill now.
 * Returns: nothing. Blocks: never. Cancel: no. Threads: its own; from others through
 * hk_sched_post. */
HK_API void hk_sched_stop(hk_sched *s, int64_t grace);

/* Has fn(arg) called in the scheduler's loop, in the order of posting.
 *   s: the scheduler.
 *   fn: must not trap.
 *   arg: handed to it.
 * Returns: 0; -ENOMEM; -ESHUTDOWN: it has been destroyed. Blocks: never. Cancel: no. Threads: any,
 * not signal handlers. */
HK_API int hk_sched_post(hk_sched *s, void (*fn)(void *arg), void *arg);

/* Tells that somebody outside (a thread, the host's loop) will post or complete something: while
 * held, tasks that wait are no deadlock. Counted.
 *   s: the scheduler.
 * Returns: nothing. Blocks: never. Cancel: no. Threads: any. */
HK_API void hk_sched_hold(hk_sched *s);

/* The opposite of hk_sched_hold.
 *   s: the scheduler.
 * Returns: nothing. Blocks: never. Cancel: no. Threads: any. */
HK_API void hk_sched_release(hk_sched *s);

typedef struct hk_task_info {
    hk_tid tid;
    char name[32];
    char state[12]; /* "running", "ready", "waiting" */
    char waits[80]; /* what for, "" unless waiting */
    int64_t waited; /* ns */
    bool killed;
} hk_task_info;

/* The table of tasks, oldest first.
 *   s: the scheduler; NULL: the one that runs here.
 *   ret_list: filled with at most max entries.
 *   max: how many fit.
 * Returns: how many tasks there are. Blocks: never. Cancel: no. Threads: its own. */
HK_API size_t hk_sched_tasks(hk_sched *s, hk_task_info *ret_list, size_t max);

/* Prints the table of tasks on stderr, and each cycle of tasks that wait for one another, as
 * SIGQUIT does under hk_run, and the report of a deadlock: a cycle among some tasks, while others
 * live, is no deadlock, but shows here.
 *   s: the scheduler; NULL: the one that runs here.
 * Returns: nothing. Blocks: never. Cancel: no. Threads: its own. */
HK_API void hk_sched_print(hk_sched *s);

#ifdef __cplusplus
}
#endif
#endif
