/* SPDX-License-Identifier: MIT */
/* Layer 3: tasks.
 *
 * A task is a coroutine that a scheduler drives. Its number, the tid, is the only handle: 64 bits,
 * never reused. A failure is contained: it stops nobody else, and is always reported somewhere. A
 * task that is killed is not torn down: every later call of it that may wait is refused with
 * -ECANCELED, and it unwinds by returning. */
#ifndef HOCKET_TASK_H
#define HOCKET_TASK_H

#include <hocket/call.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef int64_t hk_tid; /* > 0; < 0: -errno */

/* Who answers for a task: a group of group.h, or HK_ROOT, the scheduler itself: failures there are
 * reported and stop nobody. */
typedef struct hk_group hk_group;
#define HK_ROOT ((hk_group *)0)

/* Makes a task of the scheduler that runs here; it is queued, the caller goes on. In a group that
 * is cancelled it runs to its first call that may wait, since it may own things.
 *   g: HK_ROOT, or an open group of this scheduler.
 *   fn: its body.
 *   arg: borrowed: it must live as long as the task.
 * Returns: its tid; -ENOMEM; -EPERM outside a task; -EPIPE: the group is closed; -ECANCELED while
 * the scheduler shuts down, or where it would have to wait for room in the group; -EAGAIN: that in
 * a stackless step.
 * Blocks: while the group is full (hk_group_options.limit). Cancel: of that wait. Threads: a
 * scheduler's. */
HK_API hk_tid hk_spawn(hk_group *g, hk_entry *fn, void *arg);
#ifndef __cplusplus
#define hk_spawn(g, fn, ...) hk__spawn((g), (fn), (__VA_ARGS__), #fn) /* it is called as fn is */
#endif

HK_API hk_tid hk__spawn(hk_group *g, hk_entry *fn, void *arg, const char *name);

/* hk_spawn with a name, a stack size, a copied argument.
 *   g: HK_ROOT, or an open group of this scheduler.
 *   fn: its body.
 *   arg: see options->arg_size; where that is 0, borrowed. Ownership moves, always: where the body
 *   never runs, this call's failure included, options->arg_release is called.
 *   options: NULL for defaults; driven and primed do not apply.
 * Returns: as hk_spawn. Blocks: as hk_spawn. Cancel: likewise. Threads: a scheduler's. */
HK_API hk_tid hk_spawn_with(hk_group *g, hk_entry *fn, void *arg, const hk_coro_options *options);

/* Makes a task of a stackless coroutine.
 *   g: HK_ROOT, or an open group of this scheduler.
 *   co: made by hk_stackless_init and never resumed; the task's until its release is called (also
 *   where this fails).
 *   name: borrowed; takes a small block of memory; NULL: "task".
 * Returns: as hk_spawn. Blocks: as hk_spawn. Cancel: likewise. Threads: a scheduler's. */
HK_API hk_tid hk_spawn_stackless(hk_group *g, hk_coro *co, const char *name);

/* A typed task: an ordinary function `void *serve(struct conn *c)`, then HK_ENTRY(serve, struct
 * conn); then hk_go below. HK_ENTRY_OWNING: release(T *) is called instead of the body where it
 * never runs, a failed spawn included. */
#define HK_ENTRY(fn, T) HK_ENTRY_OWNING(fn, T, NULL)
#define HK_ENTRY_OWNING(fn, T, release) \
    typedef T fn##_hk_arg; \
    static void *fn##_hk_entry(void *arg) { return fn((T *)arg); } \
    static void fn##_hk_release(void *arg) \
    { \
        void (*hk__release)(T *) = (release); \
        if (hk__release) hk__release((T *)arg); \
    }
#ifndef __cplusplus
/* Makes a typed task: hk_go(HK_ROOT, serve, fd, server) checks the arguments against struct conn
 * and copies them onto the task's own stack.
 *   g: HK_ROOT, or an open group of this scheduler.
 *   fn: a function that HK_ENTRY has named.
 * Returns: as hk_spawn_with. Blocks: as hk_spawn. Cancel: likewise. Threads: a scheduler's. */
#define hk_go(g, fn, ...) \
    hk_spawn_with((g), fn##_hk_entry, &(fn##_hk_arg){ __VA_ARGS__ }, \
                  &(hk_coro_options){ .name = #fn, \
                                      .arg_size = sizeof(fn##_hk_arg), \
                                      .arg_release = fn##_hk_release })
#endif

typedef enum hk_end { HK_END_RETURNED, HK_END_FAILED, HK_END_CANCELLED } hk_end;

typedef struct hk_exit {
    hk_end how;
    void *value;   /* RETURNED */
    int error;     /* FAILED, CANCELLED: -errno */
    char why[120]; /* hk_why() of the task, or who cancelled it and why; cut */
} hk_exit;

/* The number of the task that runs.
 * Returns: the tid; -EPERM outside a task. Blocks: never. Cancel: no. Threads: any. */
HK_API hk_tid hk_task_self(void);

/* A wait as a value, for stackless steps. */
typedef struct hk_wait_call {
    hk_call call;
    hk_tid tid; /* whom it waits for */
    hk_exit *ret_exit;
    struct hk_wait_call *next;
} hk_wait_call;

/* Fills in a wait; see hk_task_wait.
 *   wait: the call.
 *   tid: the task.
 *   ret_exit: how it ended; may be NULL.
 * Returns: nothing. Blocks: never. Cancel: no. Threads: any. */
HK_API void hk_task_wait_prepare(hk_wait_call *wait, hk_tid tid, hk_exit *ret_exit);

/* Waits for the end of a task. Many may wait for one; they are woken in order. How a task of a
 * group ended is known until hk_group_leave, so after the close too, unless that is HK_INDEPENDENT.
 *   tid: the task.
 *   ret_exit: how it ended; may be NULL.
 * Returns: 0; -ESRCH: gone, or never there; -EDEADLK: itself, or it waits (through others) for the
 * caller; -ECANCELED.
 * Blocks: until it has ended. Cancel: leaves no trace. Threads: a scheduler's task. */
HK_API int hk_task_wait(hk_tid tid, hk_exit *ret_exit);

/* Cancels a task for good, as a scope around all of it would (so a shield hides it): a wait ends
 * with -ECANCELED at once, later calls that may wait are refused. One that never ran never will.
 * Killing oneself is allowed.
 *   tid: the task.
 * Returns: 1: it will end; 0: it is gone or was never there; -EPERM outside a scheduler's thread.
 * Blocks: never. Cancel: not refused. Threads: its scheduler's. */
HK_API int hk_task_kill(hk_tid tid);

/* Ends the calling task here: its at_end handlers run, nothing else of it does.
 *   value: its value; an error is a failure.
 * Returns: never; outside a task, or in a generator or a stackless step, it aborts with a sentence.
 * Blocks: as the handlers. Cancel: no. Threads: a task's. */
HK_API void hk_task_exit(void *value) __attribute__((noreturn));

/* Names the calling task, for reports.
 *   format: printf's.
 * Returns: 0; -ENOMEM; -EPERM outside a task. Blocks: never. Cancel: no. Threads: a task's. */
HK_API int hk_task_name(const char *format, ...) __attribute__((format(printf, 1, 2)));

extern HK_API const hk_call_type hk__yield_type, hk__sleep_type;

static inline void hk__call_init(hk_call *call, const hk_call_type *type)
{
    call->type = type;
    call->done = NULL;
    call->state = HK__CALL_NEW;
    call->abort_asked = 0;
}

typedef struct hk__timer {
    int64_t deadline; /* ns; until it is armed: the duration */
    struct hk__timer *next, *prev;
} hk__timer;

/* A timer that lies behind no call, but has a function of its own. Private. */
typedef struct hk__alarm {
    void (*fire)(struct hk__alarm *alarm); /* NULL: it does not run */
    uint32_t unused;
    uint8_t state; /* where a call has its own, relative to the timer: HK__CALL_ALARM */
    hk__timer timer;
} hk__alarm;

/* A sleep as a value, for stackless steps: hk_sleep_prepare(&f->sleep, HK_MS(5)); HK_AWAIT(co,
 * &f->sleep.call). */
typedef struct hk_sleep_call {
    hk_call call;
    hk__timer timer;
} hk_sleep_call;

/* Fills in a sleep.
 *   sleep: the call.
 *   ns: nanoseconds; <= 0 is a yield.
 * Returns: nothing. Blocks: never. Cancel: no. Threads: any. */
static inline void hk_sleep_prepare(hk_sleep_call *sleep, int64_t ns)
{
    hk__call_init(&sleep->call, &hk__sleep_type);
    sleep->timer.deadline = ns;
}

/* Where to go; where `to` is NULL, `from` is the result. */
HK_API hk__jump hk__yield_begin(void);

/* Gives up the processor: the task goes to the tail of the ready queue. A system call, so right
 * inside a generator too.
 * Returns: 0; -ECANCELED; -ENOSYS where nobody drives. Blocks: while others run. Cancel: refused at
 * entry.
 * Threads: any that drives. */
static inline __attribute__((always_inline)) int hk_sched_yield(void)
{
    hk_coro *me = hk__here.self;
    hk__jump jump = hk__yield_begin();
    if (jump.to == NULL) return (int)hk_num(jump.from);
    hk__jump_over(me, jump);
    return 0;
}

/* Sleeps; never less than asked.
 *   ns: nanoseconds; <= 0 is a yield.
 * Returns: 0; -ECANCELED; -ENOSYS where nobody drives or the driver keeps no time. Blocks: the
 * task. Cancel: at once.
 * Threads: any that drives. */
static inline __attribute__((always_inline)) int hk_sleep(int64_t ns)
{
    hk_sleep_call sleep;
    hk_sleep_prepare(&sleep, ns);
    return (int)hk_trap(&sleep.call);
}

/* The scheduler's monotonic clock.
 * Returns: nanoseconds since some start; no errors. Blocks: never. Cancel: no. Threads: any. */
HK_API int64_t hk_now(void);

#ifdef __cplusplus
}
#endif
#endif
