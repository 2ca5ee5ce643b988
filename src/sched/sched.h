/* SPDX-License-Identifier: MIT */
/* The scheduler's parts and how they hang together.
 *
 * A scheduler is a ready ring, a map of tasks, timers, tables of descriptors and of operations, an
 * inbox and one world. One thread owns all of it; only the inbox, the flags beside it and the count
 * of holds are touched by others. */
#ifndef HK_SCHED_SCHED_H
#define HK_SCHED_SCHED_H

#include <hocket/group.h>
#include <hocket/queue.h>
#include <hocket/sched.h>
#include <hocket/signal.h>
#include <hocket/task.h>
#include <hocket/variable.h>

#include "base/say.h"
#include "coro/coro.h"
#include "coro/lazy.h"
#include "world/world.h"

/* All limits on one page. */
enum {
    HK__PASS_TASKS = 256, /* tasks run before the loop looks at the world again */
    HK__BATCH_TASKS = 64, /* tasks run before the clock is read: a pass is over after PASS_NS too */
    HK__PASS_NS = 200 * 1000,
    HK__BUDGET = 256,     /* calls that complete at once before a task gives up the processor */
    HK__DIRECT_COST = 16, /* of that budget, for a system call of the kernel's */
    HK__REFUSALS_REPORTED = 1000, /* refused calls in a row before a task is reported */
    HK__FAILURES_KEPT = 64,       /* of a group, with their texts */
    HK__REASON_LEVELS = 32,       /* tasks outwards that are asked why one has ended */
    HK__EVENTS_SERVED = 4,        /* before those who waited for them run */
    HK__EVENTS = 256,             /* taken from the world at once */
    HK__TURN_LAZY = 16384,        /* tasks made in one turn whose stacks come when they run */
    HK__FRESH_TIMERS = 256,       /* started before the clock is read for them */
    HK__SPIN_NS = 50 * 1000       /* looking for events before the thread sleeps */
};

/* Ready tasks, in order. Never full: its capacity is kept above the number of tasks. */
struct hk__ready {
    hk_coro **slot;
    uint32_t mask;
    uint32_t head, tail; /* free running */
    uint32_t end;        /* of the batch that may run without the loop, if there are so many */
    int32_t quota;       /* tasks left in this pass */
    bool chosen;         /* by the world, each: it is a simulated one */
};

/* tid -> task: slot[tid & mask]. A number whose slot is taken is skipped, so there are no
 * collisions. */
struct hk__task_map {
    hk_coro **slot;
    uint64_t mask;
    int64_t last; /* tid given out */
};

/* Deadlines: a wheel; see timer.c. Timers started in this pass wait in `fresh` until the clock is
 * read; of those, prev is NULL and next the number of the place. */
enum { HK__TIMER_LEVELS = 11 };
struct hk__timers {
    uint64_t now;                     /* of the wheel */
    uint64_t slots[HK__TIMER_LEVELS]; /* a bit for each that is not empty */
    uint32_t levels;                  /* likewise */
    hk__timer due;                    /* head of a ring */
    uint32_t fresh_count;
    hk__timer *fresh[HK__FRESH_TIMERS];
    hk__timer wheel[HK__TIMER_LEVELS][64];
};

struct hk__post {
    struct hk__post *next;
    void (*fn)(void *arg);
    void *arg;
};

/* What other threads touch. Atomic. */
struct hk__inbox {
    struct hk__post *posts; /* newest first */
    uint32_t posters;       /* inside hk_sched_post, or a signal handler */
    bool open;
    bool sleeping; /* the loop waits, or is about to: wake it */
    bool notified; /* the world has, or had, something for us */
    int32_t holds;
    uint64_t listens; /* bit n - 1: signal n is wanted here */
    uint64_t signals; /* those of them that have come */
};

/* Signals that this scheduler listens to. */
enum { HK__SIGNALS = 65 };
struct hk__signals {
    hk_signals *first;          /* open objects */
    uint16_t open[HK__SIGNALS]; /* how many want it */
};

/* What should be ended before its scheduler is. */
struct hk__listed {
    const char *kind, *name;
    struct hk__listed *next, *prev;
    hk_sched *sched; /* whose list it is in; NULL: none's */
    uint64_t serial; /* its: the list of a scheduler that is gone is gone with it */
};

struct hk__descriptor;
struct hk__descriptors {
    struct hk__descriptor *table; /* by number */
    uint32_t count;
    uint32_t waiting;               /* calls parked on one */
    uint32_t watched;               /* descriptors the world watches */
    struct hk_accept_call *stalled; /* accepts that found no descriptor free, in order */
    struct hk_io_call *closing;     /* closes that wait for operations */
};

struct hk__slot;
struct hk__operations {
    struct hk__slot *table;
    uint32_t size, free; /* free: the first such slot; 0: none */
    uint32_t count;      /* under way, or waiting for room */
    uint32_t waiting;    /* the first that the world had no room for; 0: none */
    intptr_t result;     /* of the one that is done */
    bool halved;         /* and that is what became of sending */
};

/* Whether it pays to look again and again before sleeping; see loop.c. */
struct hk__spin {
    int64_t most; /* ns; 0: never */
    int credit;
    unsigned next;           /* in the talk: whose place is taken next */
    uint32_t in_the_talk[4]; /* whose news came last */
};

struct hk_sched {
    struct hk__inbox inbox;
    hk_sched *next_known; /* all there ever were; never changes */

    struct hk__ready ready __attribute__((aligned(64)));
    hk__context loop; /* where the loop goes on when a task finds nobody to switch to */
    hk_coro *thread;  /* who runs the loop */
    int32_t budget;
    int32_t allowance; /* what the budget is for each turn */
    uint32_t live;     /* tasks */
    uint32_t room;     /* so many fit the ring and the map */
    hk_call *on_loop;  /* a handler that asked for the loop's stack */
    hk_coro *spent;    /* the task that ran last and is ready still: its budget is; else NULL */
    hk_coro *dead;     /* a task that has ended, on whose stack somebody may still stand */
    hk_driver driver;

    int64_t now;    /* as of the last pass; about a millisecond older where no timer runs */
    uint64_t ticks; /* the processor's, in about milliseconds, when it was last read for reports */
    hk__world *world;
    struct hk__descriptors descriptors;
    struct hk__operations operations;
    uint32_t outside;     /* calls parked on something else that the outside world will bring */
    uint32_t timer_count; /* that run */
    struct hk__spin spin;
    bool running;  /* inside run or step */
    bool together; /* the world had news for many at once: what they send goes out together */
    struct hk__simulation *simulation; /* what this is a run of; NULL: of nothing, it is real */
    int over; /* the world said that this is the end, and why; 0: it did not */

    hk__event events[HK__EVENTS]; /* what the world had to tell: the first of them not far away */

    struct hk__task_map map;
    hk__stackful trunk; /* a strand of nobody, in which HK_ROOT is open */
    hk_group root;      /* HK_ROOT; the first of all groups that are open */
    hk_group *last_group;
    hk__held *held;              /* locks that somebody waits for */
    struct hk__ends *kept;       /* of groups that are closed, but not left */
    struct hk__listed *channels; /* open ones, the youngest first; of any kind */
    uint64_t turn;               /* of select: with which arm it begins */
    struct {
        uint32_t turn, made; /* so many in the turn that began with this head of the ring */
    } lazy;
    struct hk__signals signals;
    size_t stack;
    int64_t grace;
    void (*unhandled)(const hk_failure *failure);
    hk_call *begun;    /* what the stackless task that runs is parked in, and has yet to return */
    hk_tid main;       /* hk_run's task; 0: none */
    void *main_value;  /* what it ended with */
    bool stopping;     /* no more tasks are born */
    bool inherited;    /* we are in the child of a fork, it is the parent's; see fork.c */
    hk__world *former; /* in the child of a fork: what it lived in; its memory stays */
    uint64_t serial;   /* no two have the same, though they may have had the same memory */
    hk_sched *next_free;

    struct hk__timers timers;
};

_Static_assert(offsetof(struct hk_sched, dead) + sizeof(hk_coro *) <=
                   offsetof(struct hk_sched, ready) + 2 * 64,
               "a switch between tasks touches two lines of the scheduler");
_Static_assert(sizeof(hk_call) <= 64, "a call fits into one line");

/* The scheduler that accepted a call; NULL: some other driver. */
static inline hk_sched *hk__sched_of(const hk_call *call);

/* ready.c. Room for one more task in the ring and the map: 0 or -ENOMEM. */
int hk__tasks_reserve(hk_sched *s);
void hk__tasks_release(hk_sched *s); /* both are gone */
/* The next batch; false: nobody is ready, or the pass is over. */
bool hk__ready_extend(hk_sched *s);
/* Somebody may run without a look at the clock: the batch is not over, nor is the ring empty. */
static inline bool hk__ready_at_once(const struct hk__ready *r)
{
    return HK__LIKELY(r->head != r->end) && HK__LIKELY(r->head != r->tail);
}
/* Somebody may run in this pass. */
static inline bool hk__ready_goes_on(hk_sched *s)
{
    const struct hk__ready *r = &s->ready;
    return hk__ready_at_once(r) || ((r->head != r->tail || r->chosen) && hk__ready_extend(s));
}
static inline bool hk__ready_any(const hk_sched *s) { return s->ready.head != s->ready.tail; }
static inline void hk__ready_push(hk_sched *s, hk_coro *task)
{
    s->ready.slot[s->ready.tail++ & s->ready.mask] = task;
}

/* Makes a task ready; the loop is told where it does not run (a host's loop that completes a
 * call). */
static inline void hk__task_wake(hk_sched *s, hk_coro *task);

/* task.c. Into a group that is open and has room; the name is not that of the options. */
hk_tid hk__task_spawn(hk_sched *s, hk_group *g, hk_entry *fn, void *arg, const char *name,
                      const hk_coro_options *options);
/* lazy.c. A task that gets its stack when it first runs; NULL: it should have one now. */
hk__lazy *hk__lazy_make(hk_sched *s, hk_entry *fn, void *arg, unsigned size_class,
                        const hk_coro_options *options);
/* It runs: it gets its stack, at whose top the task is from now on. */
hk_coro *hk__lazy_begin(hk_coro *lazy);
hk_coro *hk__task_find(const hk_sched *s, hk_tid tid);
/* The task that runs, or NULL: outside any, or where somebody else drives. */
hk_coro *hk__task_here(void);
void hk__task_kill(hk_coro *task);
void hk__task_kill_all(hk_sched *s); /* youngest first; nobody is born any more */
/* All tasks: of the groups in order of opening, oldest first; from NULL to NULL. */
hk_coro *hk__task_after(const hk_sched *s, const hk_coro *t);
/* The task without which t's call cannot go on, so far as that is known. */
hk_coro *hk__task_owner(const hk_sched *s, const hk_coro *t);
/* The end of a task: its waiters get the value, the scheduler forgets it. Its memory is the
 * caller's. */
void hk__task_finish(hk_coro *task, void *value);
/* Takes a wait from the waiters of the task that it is for. */
void hk__task_unwait(hk_wait_call *wait);
/* How a task ended: with that value, cancelled or not. */
void hk__task_tell(hk_exit *ret_exit, void *value, bool cancelled);
/* Nobody has taken notice of a failure. */
void hk__task_report(const hk_sched *s, const hk_failure *failure);
/* Task t is to tell this of its end. */
void hk__held_add(hk_coro *t, hk__held *held, void (*ended)(hk__held *held));
/* Not any more; where it was not going to, nothing happens. */
void hk__held_remove(hk__held *held);
/* The end of the body of one, on its stack. */
void hk__task_end(hk__stackful *task, void *value) __attribute__((noreturn));
void hk__task_reap(hk_sched *s);   /* frees the stack of the task that ended last */
void hk__task_drop(hk_coro *task); /* at shutdown: one that would not end */
/* An expression's text as a name. */
static inline const char *hk__name_of(const char *text)
{
    return text != NULL && *text == '&' ? text + 1 : text;
}
static inline const char *hk__task_name(const hk_coro *task)
{
    const char *name = hk__name_given(task);
    return name != NULL ? name : "task";
}

/* Who killed a task, or whatever else a strand's root is; -1: no task; 0: nobody. */
static inline int64_t hk__killer_of(const hk_coro *t)
{
    const struct hk__seldom *it = hk__seldom_of(t);
    return it != NULL ? it->killer : t->at.stackless.seldom >> 1;
}

/* Who waits for its end: the last of a ring. */
static inline hk_wait_call **hk__task_waiters(hk_coro *t)
{
    return t->leaf == NULL ? &t->at.stackless.waiters : &((hk__stackful *)t)->waiters;
}

/* Of a task. */
static inline hk_sched *hk__task_sched(const hk_coro *t) { return t->group->scope.sched; }

/* The call that a task is parked in, or another strand; NULL: it is ready, or runs. */
static inline hk_call *hk__task_call(const hk_coro *t)
{
    hk_call *call = hk__call_of(t);
    if (t->leaf != NULL) return call;
    if (call == NULL) call = hk__task_sched(t)->begun;
    return call != NULL && call->task == t && call->state == HK__CALL_PARKED ? call : NULL;
}

/* Calls of a cancelled task that were refused, in a row. */
static inline uint16_t *hk__task_refusals(hk_coro *t)
{
    return t->leaf == NULL ? &t->at.stackless.refusals : &((hk__stackful *)t)->refusals;
}

/* scope.c. What a scope is, of itself, and what is in force somewhere: that of all scopes around,
 * up to a shield. */
enum {
    HK__CANCELLED = 1,
    HK__STOPPING = 2, /* softly */
    HK__NO_WAITING = 4,
    HK__SOFT = 8, /* what waits here is accept-like */
    HK__SHIELD = 16,
    HK__EXPIRED = 32, /* cancelled by its deadline */
    HK__TIMING = 64,  /* the timer runs */
    HK__IS_GROUP = 128,
    HK__IS_BINDING = 256 /* of a context variable */
};
/* In force for the code of a strand that is in a scope (the innermost, or NULL). */
unsigned hk__scope_force(const hk_coro *strand, const hk_scope *in);
static inline unsigned hk__strand_force(const hk_coro *strand)
{
    return hk__scope_force(strand, strand->scope);
}
/* Whether what is in force refuses, or ends, this call: 0, -ECANCELED, -ESHUTDOWN. */
int hk__scope_refusal(unsigned force, const hk_call *call);
/* Something has changed for what is in scope `in` of a strand (NULL: all of it) and in the groups
 * there: calls that may not wait any more end. */
void hk__scope_spread(hk_coro *strand, hk_scope *in);
void hk__scope_begin(hk_scope *scope, int64_t timeout, const char *file, int line);
/* Aborts with a sentence unless it may be closed now. */
void hk__scope_check(const hk_scope *scope, const char *verb);
/* Is no longer one. */
void hk__scope_end(hk_scope *scope);
/* Whether the -ECANCELED that is met in there is its own doing. */
bool hk__scope_caused(const hk_scope *scope);
/* The same, by its time: its close says -ETIMEDOUT. */
bool hk__scope_timed_out(const hk_scope *scope);
/* Cancels, for a reason, once. */
void hk__scope_cut(hk_scope *scope, unsigned is, hk__reason reason);
/* Why a strand is cancelled, as far as so many strands outwards say. False: they do not. */
bool hk__scope_reason(const hk_coro *strand, unsigned levels, hk__reason *ret_reason);
int hk__reason_describe(const hk__reason *reason, const hk_sched *s, char *buf, size_t size);
/* Why a coroutine is cancelled, in words: their length; 0: it is not. */
int hk__scope_explain(hk_coro *co, char *buf, size_t size);
/* Where its body does not go on: leaves them all, innermost first. */
void hk__scopes_leave(hk_coro *strand);
/* At the drop of a stack: its scopes are no more. */
void hk__scopes_drop(hk_coro *strand);

/* variable.c. Whether a variable was ever bound in this process. */
extern bool hk__values_used;
/* The scope of a binding ends. */
void hk__binding_end(hk_scope *scope);
/* What is bound in a strand from scope `in` outwards (NULL: outside all of them), the innermost
 * first; what it has inherited comes last. */
static inline hk__bound *hk__values_around(const hk_coro *strand, const hk_scope *in)
{
    while (in != NULL && !(in->is & HK__IS_BINDING)) in = in->outer;
    if (in != NULL) return (hk__bound *)&HK_CONTAINER(in, const hk_binding, scope)->bound;
    const struct hk__seldom *it = hk__seldom_of(strand);
    return it != NULL ? it->values : NULL;
}
/* A new task inherits these, of its maker. 0 or -ENOMEM. */
int hk__values_inherit(hk__bound *values, hk_coro *child);
void hk__values_release(hk__bound *inherited);

/* group.c; the handlers and types as in calls.def. */
void hk__group_close_handle(hk_call *call);
void hk__group_room_handle(hk_call *call);
void hk__group_wait_handle(hk_call *call);
int hk__group_abort(hk_call *call);
int hk__group_close_abort(hk_call *call);
int hk__group_describe(const hk_call *call, char *buf, size_t size);
int64_t hk__group_owner(const hk_call *call);
/* All tasks that must end before it can go on: from NULL to NULL. */
hk_coro *hk__group_needed(const hk_call *call, const hk_coro *last);
/* HK_ROOT, of a scheduler without tasks. */
void hk__group_open_root(hk_sched *s);
/* One that has a limit: waits until it may get one more child. 0; 1: it has waited, and room is
 * promised, until hk__group_keep says that the child is born, or will not be; -errno. */
int hk__group_make_room(hk_group *g);
void hk__group_keep(hk_group *g);
/* HK_ROOT is stopped no more: all its tasks have ended. */
void hk__group_restart_root(hk_sched *s);
/* It lay on a stack that is dropped; it has no children. */
void hk__group_drop(hk_group *g);
/* Who knows of the failure of a task: one that waited for its end; who has started it, and has
 * taken it on itself. */
enum hk__told { HK__TOLD_NOBODY, HK__TOLD_WAITER, HK__TOLD_STARTER };
/* A child has ended. */
void hk__group_exit(hk_group *g, hk_coro *child, void *value, bool cancelled, enum hk__told told);

/* ends.c: what is kept of the children of a group. */
void hk__ends_add(hk_group *g, const hk_coro *child, void *value, bool cancelled);
void hk__ends_fail(hk_group *g, const hk_failure *failure);
/* How a task of any open group has ended. False: it is not known. */
bool hk__ends_find(const hk_sched *s, hk_tid tid, hk_exit *ret_exit);
/* The owner's hk_why(), where the close says this. */
void hk__ends_explain(hk_group *g, intptr_t result);
/* Nobody has asked for what the close said. */
void hk__ends_report(hk_group *g);
void hk__ends_free(hk_group *g);
/* From the close on they can be looked up, until they are freed. */
void hk__ends_keep(hk_group *g);
/* Its owner will not free them any more (NULL: nobody will). */
void hk__ends_forget(hk_sched *s, const hk_coro *owner);

/* When a call parked, in 48 bits of a call that is to stay small: good for two years of waiting. */
enum { HK__SINCE_SHIFT = 8 };
static inline void hk__call_parks(hk_call *call, int64_t now)
{
    call->since = (uint32_t)(now >> HK__SINCE_SHIFT);
    call->since_above = (uint16_t)(now >> HK__SINCE_SHIFT >> 32);
}
/* ns that it has waited. */
static inline int64_t hk__call_waited(const hk_call *call, int64_t now)
{
    const uint64_t bits = (UINT64_C(1) << 48) - 1;
    uint64_t since = (uint64_t)call->since_above << 32 | call->since;
    return (int64_t)(((((uint64_t)now >> HK__SINCE_SHIFT) - since) & bits) << HK__SINCE_SHIFT);
}

/* trap.c */
/* Starts a call of task t: true: it is settled and t may go on; else t is parked in it, or
 * queued. */
bool hk__call_begin(hk_sched *s, hk_coro *t, hk_call *call);
/* The same for a call that a driver forwards: it is told by done, and t goes on in either case. */
bool hk__call_forward(hk_sched *s, hk_coro *t, hk_call *call);
/* Saves task t, whose leaf is self, and picks who runs next on this thread. */
hk__jump hk__task_park(hk_sched *s, hk_coro *self, hk_coro *t);
/* Parks the task that runs in a call which waits already: for who may make it at once
 * (hk__sched_quick), and has seen that it cannot be. Where to go. */
hk__jump hk__call_park(hk_sched *s, hk_call *call);
void hk__driver_complete(hk_driver *driver, hk_call *call, intptr_t result)
    __attribute__((visibility("hidden"))); /* else its address is looked up in a table each time */
/* Runs a parked call's handler once more: its descriptor is ready, its time has come. */
void hk__call_retry(hk_call *call);

static inline hk_sched *hk__sched_of(const hk_call *call)
{
    return call->driver->complete == hk__driver_complete
               ? HK_CONTAINER(call->driver, hk_sched, driver)
               : NULL;
}

/* The scheduler, where the task that runs may complete a call at once without making it: nobody
 * has cancelled it, and it has budget left, which this takes from. NULL: it is to make the call,
 * whoever drives. */
static inline hk_sched *hk__sched_quick(void)
{
    const hk_coro *self = hk__here.self, *t = self != NULL ? self->root : NULL;
    if (HK__UNLIKELY(t == NULL || t->state != HK__TASK)) return NULL;
    hk_sched *s = hk__here.sched;
    if (HK__UNLIKELY(s->budget <= 1)) return NULL;
    s->budget--;
    return s;
}

/* timer.c. A timer lies directly behind the call whose handler is run again when it fires:
 * struct { hk_call call; hk__timer timer; }. start: deadline holds the duration, > 0. */
void hk__timers_open(hk_sched *s);
void hk__timer_start(hk_sched *s, hk__timer *timer);
/* The same for a function of its own; the duration is > 0. An alarm that fires has stopped, fire is
 * NULL then; one that does not run may be stopped. */
void hk__alarm_start(hk_sched *s, hk__alarm *alarm, int64_t duration,
                     void (*fire)(hk__alarm *alarm));
void hk__alarm_stop(hk_sched *s, hk__alarm *alarm);
void hk__timer_stop(hk_sched *s, hk__timer *timer);
void hk__timers_arm(hk_sched *s);
void hk__timers_expire(hk_sched *s);
int64_t hk__timers_next(const hk_sched *s); /* when to look again; INT64_MAX: never */

/* descriptor.c */
int hk__descriptors_open(hk_sched *s);
void hk__descriptors_close(hk_sched *s);
void hk__descriptor_event(hk_sched *s, const hk__event *event);
/* Of an event that is to come: its waiting call, and later, where the call is, the call's task. */
void hk__descriptor_prefetch(const hk_sched *s, const hk__event *event, bool later);

/* operation.c */
void hk__operations_close(hk_sched *s);
void hk__operation_event(hk_sched *s, const hk__event *event);

/* inbox.c */
void hk__inbox_drain(hk_sched *s);
void hk__inbox_wake(hk_sched *s);                 /* any thread */
void hk__inbox_signal(hk_sched *s, uint64_t bit); /* signal handlers */
void hk__inbox_close(hk_sched *s);
static inline bool hk__inbox_any(const hk_sched *s)
{
    return __atomic_load_n(&s->inbox.posts, __ATOMIC_SEQ_CST) != NULL ||
           __atomic_load_n(&s->inbox.signals, __ATOMIC_SEQ_CST) != 0;
}

/* signal.c. Fresh memory for a scheduler: handlers look there from now on. */
void hk__signals_know(hk_sched *s);
/* The first of all schedulers that ever were, dead ones too; next_known leads to the others. */
hk_sched *hk__signals_known(void);
/* An object (whose fields are zero) listens, and no more. 0 or -errno. */
int hk__signals_begin(hk_sched *s, hk_signals *object, const int *list, size_t count);
void hk__signals_end(hk_sched *s, hk_signals *object);
void hk__signals_deliver(hk_sched *s);
void hk__signals_close(hk_sched *s);
/* SIGQUIT prints the table of tasks. False: that is somebody else's. */
bool hk__signals_answer_quit(hk_sched *s);
void hk__signals_answer_no_more(hk_sched *s);
void hk__signals_forget_quit(void);

/* fork.c. Why there is no scheduler here: -EPERM, or -ECHILD in a task that goes on in the child of
 * a fork. */
int hk__outside(void) __attribute__((cold));
/* Such a task, or the loop there, has come to its end. */
void hk__outside_end(void) __attribute__((noreturn, cold));

/* sim.c. The end of a run, while its tasks are still there. */
void hk__simulation_ended(hk_sched *s, int error);
/* A turn is over. next: whose is the next one, NULL: nobody's yet. */
void hk__simulation_turned(hk_sched *s, const hk_coro *next);

/* run.c. hk_run in a world that the caller has made, which is destroyed at the end. `spin` and
 * `world` of the options have no meaning. */
int hk__run_in(hk__world *world, struct hk__simulation *simulation, int32_t allowance,
               hk_entry *main_task, void *arg, const hk_run_options *options);

/* run.c. Around a fork. */
void hk__run_lock(void);
void hk__run_unlock(void);

static inline void hk__task_wake(hk_sched *s, hk_coro *task)
{
    hk__ready_push(s, task);
    if (HK__UNLIKELY(!s->running)) hk__inbox_wake(s);
}

/* The task whose call is complete goes on. */
static inline void hk__task_completed(hk_sched *s, hk_call *call)
{
    hk_coro *t = call->task;
    if (HK__LIKELY(t->leaf != NULL)) {
        HK__ASSERT(((hk__stackful *)t)->call == call);
        ((hk__stackful *)t)->call = NULL;
    }
    hk__task_wake(s, t);
}

/* hk_call_complete for a call that is likely one of this scheduler's (NULL: there is none) that
 * waits: then nobody is asked by a pointer. */
static inline void hk__call_ends(hk_call *call, intptr_t result)
{
    hk_sched *s = hk__here.sched;
    if (HK__UNLIKELY(s == NULL || call->driver != &s->driver || call->done != NULL ||
                     call->state != HK__CALL_PARKED)) {
        hk_call_complete(call, result);
        return;
    }
    call->result = result;
    call->state = HK__CALL_SETTLED;
    hk__task_completed(s, call);
}

static inline bool hk__task_is_daemon(const hk_coro *t)
{
    return t->leaf != NULL && ((const hk__stackful *)t)->daemon;
}

/* report.c. Tasks, and cycles of them. */
void hk__report_tasks(hk_sched *s, const char *title);
void hk__report_stuck(const hk_coro *task); /* with its stack */
void hk__report_cycles(const hk_sched *s);  /* cycle.c */
/* What nobody has closed or destroyed. */
void hk__report_leaks(const hk_sched *s);
/* Opened, under this scheduler (NULL: under none, and nobody asks for it); destroyed. */
void hk__list(struct hk__listed *it, hk_sched *s);
void hk__unlist(struct hk__listed *it);
void hk__report_call(const hk_call *call, char *buf, size_t size);

/* loop.c. One pass; where nothing is ready it waits, but not beyond limit (the clock's time; 0: not
 * at all). */
void hk__loop_pass(hk_sched *s, int64_t limit);
/* Nothing is ready, and nothing can come. */
bool hk__loop_deadlocked(const hk_sched *s);

#endif
