/* SPDX-License-Identifier: MIT */
/* Schedulers: their birth, their run, their bounded end. */
#include "sched/sched.h"

#include "base/say.h"
#include "coro/stack.h"
#include "world/signal.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static const hk_run_options default_options;

/* ---- memory: never given back, see inbox.c ---- */

static pthread_mutex_t free_lock = PTHREAD_MUTEX_INITIALIZER;
static hk_sched *free_list;

static hk_sched *take_memory(void)
{
    pthread_mutex_lock(&free_lock);
    hk_sched *s = free_list;
    if (s != NULL) free_list = s->next_free;
    pthread_mutex_unlock(&free_lock);
    if (s != NULL) return s;
    s = aligned_alloc(64, (sizeof *s + 63) & ~(size_t)63);
    if (s == NULL) return NULL;
    memset(s, 0, sizeof *s);
    hk__signals_know(s);
    return s;
}

static void give_memory(hk_sched *s)
{
    pthread_mutex_lock(&free_lock);
    s->next_free = free_list;
    free_list = s;
    pthread_mutex_unlock(&free_lock);
}

void hk__run_lock(void) { pthread_mutex_lock(&free_lock); }

void hk__run_unlock(void) { pthread_mutex_unlock(&free_lock); }

/* ---- birth and death ---- */

static int64_t driver_tid(hk_driver *driver, const hk_call *call)
{
    (void)driver;
    return ((const hk_coro *)call->task)->tid;
}

/* What destroy must give back, as far as create came. */
static void finish(hk_sched *s)
{
    hk__signals_close(s);
    hk__descriptors_close(s);
    hk__operations_close(s);
    if (s->world != NULL) s->world->table->destroy(s->world);
    hk__ends_forget(s, NULL);
    free(s->trunk.seldom.why);
    hk__tasks_release(s);
    give_memory(s);
}

/* From a thread of the pool. The flag is for a step that has looked already and not yet returned:
 * its host must be told. */
static void notify(void *sched)
{
    hk_sched *s = sched;
    __atomic_store_n(&s->inbox.notified, true, __ATOMIC_SEQ_CST);
    hk__inbox_wake(s);
}

/* The inbox of the scheduler before is closed and empty, but a late poster may be at its door.
 * world: NULL: one is opened. */
static int begin(hk_sched *s, const hk_run_options *options, hk__world *world)
{
    static uint64_t serials;
    memset(&s->ready, 0, offsetof(hk_sched, events) - offsetof(hk_sched, ready));
    memset(&s->map, 0, sizeof *s - offsetof(hk_sched, map));
    __atomic_store_n(&s->inbox.holds, 0, __ATOMIC_RELAXED);
    s->serial = __atomic_add_fetch(&serials, 1, __ATOMIC_RELAXED);
    s->budget = s->allowance = HK__BUDGET;
    s->driver = (hk_driver){ hk__driver_complete, driver_tid };
    s->stack = options->stack;
    s->grace = options->grace != 0 ? options->grace : HK_SEC(1);
    s->unhandled = options->unhandled;
    s->spin.most = options->spin > 0                    ? options->spin
                   : options->spin < 0 || world != NULL ? 0
                   : hk__clock_cpus() > 1               ? HK__SPIN_NS
                                                        : 0;
    s->world = world;
    int r = world == NULL ? hk__world_open(options->world, &s->world) : 0;
    if (r == 0) r = hk__descriptors_open(s);
    if (r == 0) r = hk__tasks_reserve(s);
    if (r < 0) return r;
    s->ready.chosen = s->world->table->choose != NULL;
    s->world->notify = notify;
    s->world->notify_arg = s;
    s->now = s->world->table->now(s->world);
    hk__timers_open(s);
    hk__group_open_root(s);
    hk__why_cancelled(hk__scope_explain);
    /* Outside run and step a post makes the descriptor readable. */
    __atomic_store_n(&s->inbox.sleeping, true, __ATOMIC_SEQ_CST);
    __atomic_store_n(&s->inbox.open, true, __ATOMIC_SEQ_CST);
    if (world == NULL) hk__signal_ignore_deadly();
    return 0;
}

static int make(const hk_run_options *options, hk__world *world, hk_sched **ret_sched)
{
    hk_sched *s = take_memory();
    if (s == NULL) return -ENOMEM;
    int r = begin(s, options != NULL ? options : &default_options, world);
    if (r < 0)
        finish(s);
    else
        *ret_sched = s;
    return r;
}

hk_sched *hk_sched_create(const hk_run_options *options)
{
    hk_sched *s = NULL;
    int r = make(options, NULL, &s);
    if (r < 0) hk_fail(r, "hk_sched_create");
    return s;
}

/* Everything of a scheduler that runs on this thread happens between these two. */
static void enter(hk_sched *s)
{
    s->thread = hk__thread_enter();
    s->running = true;
    hk__here.sched = s;
    hk__here.host = s->thread;
    __atomic_store_n(&s->inbox.sleeping, false, __ATOMIC_RELAXED);
}

static void leave(hk_sched *s)
{
    if (s->inherited) hk__outside_end();
    hk__here.sched = NULL;
    s->running = false;
    if (s->live == 0) {
        s->stopping = false;
        hk__group_restart_root(s);
    }
    (void)__atomic_exchange_n(&s->inbox.sleeping, true, __ATOMIC_SEQ_CST);
    bool notified = __atomic_exchange_n(&s->inbox.notified, false, __ATOMIC_SEQ_CST);
    if (notified || hk__inbox_any(s)) hk__inbox_wake(s);
}

enum { STUCK = 32 }; /* tasks shown at most */

/* What an operation works with is on its task's stack: there is no bound to this. */
static void report_operations(const hk_sched *s)
{
    hk__say("the scheduler ends, but waits for %u operations that cannot be cancelled (of files, "
            "hk_offload, or names being looked up):",
            s->operations.count);
    unsigned shown = 0;
    for (const hk_coro *t = NULL; shown++ < STUCK && (t = hk__task_after(s, t)) != NULL;)
        hk__report_stuck(t);
}

static void unwind(hk_sched *s)
{
    int64_t limit = s->world->table->now(s->world) + s->grace;
    hk__task_kill_all(s);
    while ((s->live > 0 || s->operations.count > 0) && !hk__loop_deadlocked(s) &&
           s->world->table->now(s->world) < limit)
        hk__loop_pass(s, limit);
    if (s->operations.count > 0) report_operations(s);
    while (s->operations.count > 0) hk__loop_pass(s, INT64_MAX);
}

static void drop_all(hk_sched *s)
{
    if (s->live > STUCK) hk__say("%u tasks did not end, of which %d are shown", s->live, STUCK);
    for (unsigned n = 0; s->live > 0; n++) { /* those below others first */
        const hk_group *g = s->last_group;
        while (g->last == NULL) g = g->prev;
        if (n < STUCK) hk__report_stuck(g->last);
        hk__task_drop(g->last);
    }
    s->ready.head = s->ready.tail;
}

void hk_sched_destroy(hk_sched *s)
{
    if (s == NULL || s->inherited) return;
    if (s->running || hk__here.sched != NULL)
        hk__misuse("hk_sched_destroy while a scheduler runs on this thread");
    enter(s);
    if (s->live > 0 || s->operations.count > 0) unwind(s);
    hk__report_leaks(s); /* names may lie on stacks that are dropped next */
    drop_all(s);
    hk__inbox_close(s);
    leave(s);
    finish(s);
}

/* ---- run ---- */

hk_tid hk__sched_spawn(hk_sched *s, hk_entry *fn, void *arg, const char *name)
{
    if (s->inherited) return -ECHILD;
    return hk__task_spawn(s, &s->root, fn, arg, hk__name_of(name), &(hk_coro_options){ 0 });
}

hk_tid(hk_sched_spawn)(hk_sched *s, hk_entry *fn, void *arg)
{
    return hk__sched_spawn(s, fn, arg, NULL);
}

HK__HOT int hk_sched_run(hk_sched *s)
{
    if (s->inherited) return -ECHILD;
    if (hk__here.sched != NULL) return -EDEADLK;
    enter(s);
    int r = 0;
    while (s->live > 0 && r == 0) {
        hk__loop_pass(s, INT64_MAX);
        if (s->live > 0 && (s->over != 0 || hk__loop_deadlocked(s)))
            r = s->over != 0 ? s->over : -EDEADLK;
    }
    if (r == -EDEADLK) hk__report_tasks(s, "deadlock: nothing can ever run again");
    if (r < 0 && s->simulation != NULL) hk__simulation_ended(s, r);
    leave(s);
    return r;
}

int64_t hk_sched_step(hk_sched *s)
{
    if (s->inherited) return -ECHILD;
    if (hk__here.sched != NULL) return -EDEADLK;
    enter(s);
    hk__loop_pass(s, 0);
    int64_t next = hk__timers_next(s);
    int64_t r = s->live == 0             ? -ECHILD
                : hk__ready_any(s)       ? 0
                : hk__loop_deadlocked(s) ? -EDEADLK
                : next == INT64_MAX      ? HK_FOREVER
                : next > s->now          ? next - s->now
                                         : 0;
    if (r == -EDEADLK) hk__report_tasks(s, "deadlock: nothing can ever run again");
    leave(s);
    return r;
}

int hk_sched_world(hk_sched *s, char *buf, size_t size)
{
    if (s == NULL) s = hk__here.sched;
    return s != NULL ? s->world->table->describe(s->world, buf, size) : hk__outside();
}

/* From now on a foreign loop may sleep at any time, and not only where we say so: the pool is to
 * wake the world itself. */
int hk_sched_fd(hk_sched *s)
{
    __atomic_store_n(&s->world->notify, NULL, __ATOMIC_RELEASE);
    return s->world->table->descriptor(s->world);
}

void hk_sched_stop(hk_sched *s, int64_t grace)
{
    if (s == NULL) s = hk__here.sched;
    if (s == NULL) return;
    if (grace <= 0)
        hk__task_kill_all(s);
    else
        hk_group_stop(&s->root, grace);
}

int64_t hk_now(void)
{
    const hk_sched *s = hk__here.sched;
    return s != NULL ? s->world->table->now(s->world) : hk__clock_now();
}

/* ---- hk_run ---- */

static int run_main(hk_sched *s, hk_entry *main_task, void *arg)
{
    s->main_value = hk_val(-ECANCELED);
    s->main = hk__task_spawn(s, &s->root, main_task, arg, "main", &(hk_coro_options){ 0 });
    return s->main < 0 ? (int)s->main : hk_sched_run(s);
}

/* What hk_run returns. */
static int end_with(hk_sched *s, int r)
{
    int value = (int)hk_num(s->main_value);
    hk_sched_destroy(s);
    return r < 0 ? r : value;
}

int hk_run(hk_entry *main_task, void *arg, const hk_run_options *options)
{
    if (hk__here.sched != NULL) return -EDEADLK;
    if (hk__outside() == -ECHILD) return -ECHILD;
    hk_sched *s;
    int r = make(options, NULL, &s);
    if (r < 0) return r;
    bool answers = hk__signals_answer_quit(s);
    r = run_main(s, main_task, arg);
    if (answers) hk__signals_answer_no_more(s);
    return end_with(s, r);
}

int hk__run_in(hk__world *world, struct hk__simulation *simulation, int32_t allowance,
               hk_entry *main_task, void *arg, const hk_run_options *options)
{
    hk_sched *s;
    int r = make(options, world, &s);
    if (r < 0) return r;
    s->simulation = simulation;
    s->budget = s->allowance = allowance;
    return end_with(s, run_main(s, main_task, arg));
}
