/* SPDX-License-Identifier: MIT */
/* Tasks: their birth, their number, their end.
 *
 * A task is a coroutine that belongs to a scheduler. At its end everything is settled on its own
 * stack: its waiters have their answer, the map has forgotten it; then it leaves for the next task
 * and never comes back, and whoever runs next frees the stack it left from. */
#include "sched/sched.h"

#include "base/say.h"
#include "coro/stack.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static hk_sched *here(void) { return hk__here.sched; }

hk_coro *hk__task_here(void)
{
    hk_coro *self = hk__here.self;
    while (self != NULL && self->leaf == NULL && self->state == HK__BOUND)
        self = hk__lender_of(self); /* a step runs as part of who resumed it */
    hk_coro *t = self == NULL || self->leaf == NULL ? self : self->root;
    return t != NULL && (t->state == HK__TASK || t->state == HK__TASK_MARKED) ? t : NULL;
}

/* ---- birth ---- */

/* It is the youngest child of its group. */
static inline void enter(hk_group *g, hk_coro *child, bool daemon)
{
    hk_coro *last = g->last;
    child->group = g;
    child->next = NULL;
    child->prev = last;
    *(last != NULL ? &last->next : &g->first) = child;
    g->last = child;
    if (HK__UNLIKELY(daemon))
        g->daemons++;
    else
        g->live++;
    child->state = HK__LIKELY(g->force == 0) ? HK__TASK : HK__TASK_MARKED;
}

static inline __attribute__((always_inline)) hk_tid enrol(hk_sched *s, hk_group *g, hk_coro *t,
                                                          bool daemon)
{
    struct hk__task_map *m = &s->map;
    do m->last++;
    while (HK__UNLIKELY(m->slot[(uint64_t)m->last & m->mask] != NULL));
    m->slot[(uint64_t)m->last & m->mask] = t;
    t->tid = m->last;
    enter(g, t, daemon);
    s->live++;
    hk__task_wake(s, t);
    return t->tid;
}

static int reserve(hk_sched *s)
{
    if (HK__UNLIKELY(s->stopping)) return -ECANCELED;
    return HK__LIKELY(s->live < s->room) ? 0 : hk__tasks_reserve(s);
}

/* The context variables of whoever makes it. */
static inline int inherit(hk_coro *child)
{
    const hk_coro *me = hk__here.self;
    if (HK__LIKELY(!__atomic_load_n(&hk__values_used, __ATOMIC_RELAXED)) || me == NULL) return 0;
    const hk_coro *strand = hk__strand_of(me);
    struct hk__bound *values = hk__values_around(strand, strand->scope);
    return HK__UNLIKELY(values != NULL) ? hk__values_inherit(values, child) : 0;
}

/* It is not born: what it was to get is released. */
static __attribute__((noinline, cold)) hk_tid unborn(void *arg, const hk_coro_options *options,
                                                     int error)
{
    if (options->arg_release != NULL) options->arg_release(arg);
    return error;
}

static inline __attribute__((always_inline)) hk_tid spawn_on(hk__stackful *f, hk_sched *s,
                                                             hk_group *g, hk_entry *fn, void *arg,
                                                             const char *name,
                                                             const hk_coro_options *options)
{
    if (HK__LIKELY(hk__coro_fits(f, options))) {
        hk__coro_arm(f, fn, arg, options, hk__task_end);
        f->seldom.name = name;
        if (HK__LIKELY(inherit(&f->coro) == 0)) return enrol(s, g, &f->coro, options->daemon);
    }
    hk__stack_put(f);
    return unborn(arg, options, -ENOMEM);
}

/* No used stack is free. */
static __attribute__((noinline)) hk_tid spawn_cold(unsigned size_class, hk_sched *s, hk_group *g,
                                                   hk_entry *fn, void *arg, const char *name,
                                                   const hk_coro_options *options)
{
    hk__lazy *l = hk__lazy_make(s, fn, arg, size_class, options);
    if (l == NULL) {
        hk__stackful *f = hk__stack_get_cold(size_class);
        if (f == NULL) return unborn(arg, options, -ENOMEM);
        return spawn_on(f, s, g, fn, arg, name, options);
    }
    l->seldom.name = name;
    if (HK__LIKELY(inherit(&l->coro) == 0)) return enrol(s, g, &l->coro, false);
    hk__lazy_put(&l->coro);
    return unborn(arg, options, -ENOMEM);
}

hk_tid hk__task_spawn(hk_sched *s, hk_group *g, hk_entry *fn, void *arg, const char *name,
                      const hk_coro_options *options)
{
    if (fn == NULL) hk__misuse("a task is spawned without a function");
    const int r = reserve(s);
    if (HK__UNLIKELY(r < 0)) return unborn(arg, options, r);
    const unsigned size_class =
        hk__stack_class(options->stack != 0 ? options->stack : s->stack, options->unguarded);
    hk__stackful *f = hk__stack_get_used(size_class);
    if (HK__UNLIKELY(f == NULL)) return spawn_cold(size_class, s, g, fn, arg, name, options);
    return spawn_on(f, s, g, fn, arg, name, options);
}

static inline bool is_unlimited(const hk_group *g, const hk_sched *s)
{
    return g->scope.owner != NULL && g->scope.sched == s && g->limit == 0;
}

/* The group that is meant, where it may get one more now. */
static inline int admit(hk_group **g)
{
    hk_sched *s = here();
    if (HK__UNLIKELY(s == NULL)) return hk__outside();
    if (*g == HK_ROOT) *g = &s->root;
    if (HK__LIKELY(is_unlimited(*g, s))) return 0;
    if ((*g)->scope.owner == NULL) return -EPIPE;
    if ((*g)->scope.sched != s) return -EPERM;
    return hk__group_make_room(*g);
}

static __attribute__((noinline)) hk_tid spawn_slowly(hk_group *g, hk_entry *fn, void *arg,
                                                     const char *name,
                                                     const hk_coro_options *options)
{
    int r = admit(&g);
    if (r < 0) return unborn(arg, options, r);
    hk_tid tid = hk__task_spawn(here(), g, fn, arg, name, options);
    if (r > 0) hk__group_keep(g);
    return tid;
}

static inline hk_tid spawn_into(hk_group *g, hk_entry *fn, void *arg, const char *name,
                                const hk_coro_options *options)
{
    hk_sched *s = here();
    if (HK__UNLIKELY(s == NULL || (g != HK_ROOT && !is_unlimited(g, s))))
        return spawn_slowly(g, fn, arg, name, options);
    return hk__task_spawn(s, g != HK_ROOT ? g : &s->root, fn, arg, name, options);
}

static const hk_coro_options default_options;

hk_tid hk_spawn_with(hk_group *g, hk_entry *fn, void *arg, const hk_coro_options *options)
{
    if (options == NULL) options = &default_options;
    return spawn_into(g, fn, arg, options->name, options);
}

hk_tid hk__spawn(hk_group *g, hk_entry *fn, void *arg, const char *name)
{
    return spawn_into(g, fn, arg, hk__name_of(name), &default_options);
}

hk_tid(hk_spawn)(hk_group *g, hk_entry *fn, void *arg) { return hk__spawn(g, fn, arg, NULL); }

/* What of it there need not be. */
static int outfit(hk_coro *co, const char *name)
{
    if (name != NULL) {
        struct hk__seldom *it = hk__seldom_make(co);
        if (it == NULL) return -ENOMEM;
        it->name = name;
    }
    return inherit(co);
}

hk_tid hk_spawn_stackless(hk_group *g, hk_coro *co, const char *name)
{
    if (co == NULL || co->state != HK__CREATED || co->leaf != NULL)
        hk__misuse("hk_spawn_stackless takes a coroutine fresh from hk_stackless_init");
    int r = admit(&g);
    const bool promised = r > 0;
    if (r >= 0) r = reserve(here());
    if (r == 0) r = outfit(co, name);
    hk_tid tid = r < 0 ? r : enrol(here(), g, co, false);
    if (HK__UNLIKELY(promised)) hk__group_keep(g);
    if (tid > 0) return tid;
    co->state = HK__FINISHED;
    hk__coro_clear(co);
    if (co->at.stackless.release != NULL) co->at.stackless.release(co);
    return tid;
}

/* ---- the number ---- */

hk_coro *hk__task_find(const hk_sched *s, hk_tid tid)
{
    if (tid <= 0) return NULL;
    hk_coro *t = s->map.slot != NULL ? s->map.slot[(uint64_t)tid & s->map.mask] : NULL;
    return t != NULL && t->tid == tid ? t : NULL;
}

hk_coro *hk__task_owner(const hk_sched *s, const hk_coro *t)
{
    const hk_call *call = hk__task_call(t);
    if (call == NULL || call->type->owner == NULL) return NULL;
    return hk__task_find(s, call->type->owner(call));
}

hk_tid hk_task_self(void)
{
    const hk_coro *t = hk__task_here();
    return t != NULL ? t->tid : hk__outside();
}

int hk_task_name(const char *format, ...)
{
    hk_coro *t = hk__task_here();
    if (t == NULL || t->leaf == NULL) return t == NULL ? hk__outside() : -EPERM;
    hk__stackful *f = (hk__stackful *)t;
    char *name;
    va_list args;
    va_start(args, format);
    int r = vasprintf(&name, format, args);
    va_end(args);
    if (r < 0) return -ENOMEM;
    if (f->owns_name) free((char *)(uintptr_t)f->seldom.name);
    f->seldom.name = name;
    f->owns_name = true;
    return 0;
}

/* ---- the end ---- */

int hk_task_kill(hk_tid tid)
{
    if (here() == NULL) return hk__outside();
    hk_coro *t = hk__task_find(here(), tid);
    if (t == NULL) return 0;
    hk__task_kill(t);
    return 1;
}

void hk__task_kill(hk_coro *t)
{
    if (hk__killer_of(t) != 0) return;
    hk_tid by = hk_task_self();
    by = by > 0 ? by : -1;
    struct hk__seldom *it = hk__seldom_of(t);
    if (it != NULL)
        it->killer = by;
    else
        t->at.stackless.seldom = by * 2 + 1;
    hk__scope_spread(t, NULL);
}

static void kill_children(const hk_group *g)
{
    for (hk_coro *t = g->last; t != NULL; t = t->prev) hk__task_kill(t);
}

/* Those of groups that a task has opened go with that task. */
void hk__task_kill_all(hk_sched *s)
{
    s->stopping = true;
    for (const hk_group *g = s->last_group; g != NULL; g = g->prev)
        if (g->scope.strand->group == NULL) kill_children(g);
}

hk_coro *hk__task_after(const hk_sched *s, const hk_coro *t)
{
    if (t != NULL && t->next != NULL) return t->next;
    const hk_group *g = t != NULL ? t->group->next : &s->root;
    while (g != NULL && g->first == NULL) g = g->next;
    return g != NULL ? g->first : NULL;
}

void hk__task_tell(hk_exit *ret_exit, void *value, bool cancelled)
{
    bool failed = hk_is_err(value);
    *ret_exit = (hk_exit){ .how = !failed      ? HK_END_RETURNED
                                  : !cancelled ? HK_END_FAILED
                                               : HK_END_CANCELLED,
                           .value = failed ? NULL : value,
                           .error = failed ? (int)hk_num(value) : 0 };
}

static void tell(hk_coro *t, hk_exit *ret_exit, void *value, bool cancelled)
{
    hk__task_tell(ret_exit, value, cancelled);
    const char *why = ret_exit->error != 0 ? hk__why_of(t, ret_exit->error) : NULL;
    if (why != NULL)
        snprintf(ret_exit->why, sizeof ret_exit->why, "%s", why);
    else if (cancelled)
        hk__scope_explain(t, ret_exit->why, sizeof ret_exit->why);
}

__attribute__((noinline, cold)) void hk__task_report(const hk_sched *s, const hk_failure *failure)
{
    if (s->unhandled != NULL)
        s->unhandled(failure);
    else
        hk__say("task %lld '%s' failed with %d: %s", (long long)failure->tid, failure->name,
                failure->error, failure->why);
}

/* Nobody waited for a task of HK_ROOT that failed. */
static __attribute__((noinline, cold)) void report(const hk_sched *s, const hk_coro *t, int error)
{
    const char *why = hk__why_of(t, error);
    if (why == NULL) why = strerrordesc_np(-error);
    hk_failure failure = { t->tid, hk__task_name(t), error, why != NULL ? why : "unknown error" };
    hk__task_report(s, &failure);
}

/* hk_run's task: what it says is what hk_run returns, and its failure is everybody's end. */
static void finish_main(hk_sched *s, hk_coro *t, void *value)
{
    if (value == hk_val(-ESHUTDOWN) && s->root.scope.is & HK__STOPPING) value = NULL;
    s->main_value = value;
    if (!hk_is_err(value)) return;
    hk__why_pass(t, s->thread, hk_num(value));
    hk__task_kill_all(s);
}

/* True: one of them has taken the failure on itself. */
static bool tell_waiters(hk_coro *t, void *value, bool cancelled)
{
    bool started_it = false;
    hk_wait_call **waiters = hk__task_waiters(t);
    for (hk_wait_call *last; (last = *waiters) != NULL;) {
        hk_wait_call *w = last->next; /* one that is told may take others off the ring */
        last->next = w->next;
        if (w == last) *waiters = NULL;
        started_it |= w->call.type == &hk__start_type;
        if (w->ret_exit != NULL) tell(t, w->ret_exit, value, cancelled);
        hk_call_complete(&w->call, 0);
    }
    return started_it;
}

/* An error that is no failure: it was told to end, and has. */
static bool was_ended(const hk_coro *t, void *value, bool *ret_cancelled)
{
    unsigned force = hk__strand_force(t);
    *ret_cancelled = value == hk_val(-ECANCELED) && force & (HK__CANCELLED | HK__NO_WAITING);
    return *ret_cancelled || (value == hk_val(-ESHUTDOWN) && force & HK__STOPPING);
}

static bool *holds_of(hk_coro *t)
{
    return t->leaf == NULL ? &t->at.stackless.holds : &((hk__stackful *)t)->holds;
}

/* There are never many: locks that somebody waits for. So they are one list, and a task knows only
 * whether one of them may be its. */
void hk__held_add(hk_coro *t, hk__held *held, void (*ended)(hk__held *held))
{
    hk__held **list = &hk__task_sched(t)->held;
    held->owner = t;
    held->ended = ended;
    held->next = *list;
    held->link = list;
    if (held->next != NULL) held->next->link = &held->next;
    *list = held;
    *holds_of(t) = true;
}

void hk__held_remove(hk__held *held)
{
    if (held->link == NULL) return;
    *held->link = held->next;
    if (held->next != NULL) held->next->link = held->link;
    held->link = NULL;
}

/* It ends, and others wait for what it holds. */
static void tell_held(hk_coro *t)
{
    hk__held *held = hk__task_sched(t)->held;
    while (held != NULL && held->owner != t) held = held->next;
    if (held == NULL) return;
    hk__held_remove(held);
    held->ended(held);
    tell_held(t);
}

/* Somebody wants to know of it. */
static __attribute__((noinline)) enum hk__told tell_all(hk_sched *s, hk_coro *t, void *value,
                                                        bool *ret_cancelled)
{
    hk_wait_call **waiters = hk__task_waiters(t);
    enum hk__told told = *waiters != NULL || t->tid == s->main ? HK__TOLD_WAITER : HK__TOLD_NOBODY;
    if (hk_is_err(value) && !was_ended(t, value, ret_cancelled) && !told && t->group == &s->root)
        report(s, t, (int)hk_num(value));
    if (*holds_of(t)) tell_held(t);
    if (*waiters != NULL && tell_waiters(t, value, *ret_cancelled)) told = HK__TOLD_STARTER;
    if (t->tid == s->main) finish_main(s, t, value);
    return told;
}

/* awaited: somebody waits for its end, or for what it holds. */
static inline __attribute__((always_inline)) void finish(hk_coro *t, void *value, bool awaited)
{
    hk_sched *s = hk__task_sched(t);
    bool cancelled = false;
    enum hk__told told = HK__TOLD_NOBODY;
    if (HK__UNLIKELY(hk_is_err(value) || awaited || t->tid == s->main))
        told = tell_all(s, t, value, &cancelled);
    s->map.slot[(uint64_t)t->tid & s->map.mask] = NULL;
    hk__group_exit(t->group, t, value, cancelled, told);
    s->live--;
    t->state = HK__FINISHED;
}

static inline void finish_stackful(hk__stackful *f, void *value)
{
    finish(&f->coro, value, f->waiters != NULL || f->holds);
    if (HK__UNLIKELY(f->seldom.values != NULL)) hk__values_release(f->seldom.values);
    hk__coro_clear(&f->coro);
}

static __attribute__((noinline)) void clear_stackless(hk_coro *t)
{
    const struct hk__seldom *it = hk__seldom_of(t);
    if (it != NULL) hk__values_release(it->values);
    hk__coro_clear(t);
}

void hk__task_finish(hk_coro *t, void *value)
{
    if (t->leaf != NULL) {
        finish_stackful((hk__stackful *)t, value);
        return;
    }
    finish(t, value, t->at.stackless.waiters != NULL || t->at.stackless.holds);
    if (HK__UNLIKELY(t->at.stackless.seldom != 0)) clear_stackless(t);
}

HK__HOT void hk__task_reap(hk_sched *s)
{
    hk_coro *t = s->dead;
    s->dead = NULL;
    if (t != NULL) hk__stack_put((hk__stackful *)t);
}

void hk__task_end(hk__stackful *f, void *value)
{
    hk_coro *t = &f->coro;
    hk_sched *s = hk__task_sched(t);
    finish_stackful(f, value);
    hk__task_reap(s); /* the one before: this stack is still in use */
    s->dead = t;
    hk__jump jump = hk__task_park(s, t, t);
    hk__leave(t, hk__here.self, true);
    hk__switch(jump.from, jump.to, 0, NULL);
    __builtin_unreachable();
}

void hk_task_exit(void *value)
{
    hk_coro *t = hk__task_here();
    if (t == NULL) hk__misuse("hk_task_exit outside a task");
    if (t != hk__here.self || t->leaf == NULL)
        hk__misuse("hk_task_exit in %s of task %lld '%s'",
                   t->leaf == NULL ? "the stackless step" : "a generator", (long long)t->tid,
                   hk__task_name(t));
    hk__scopes_leave(t);
    if (HK__UNLIKELY(here()->kept != NULL)) hk__ends_forget(here(), t);
    hk__at_end_run((hk__stackful *)t);
    hk__task_end((hk__stackful *)t, value);
}

void hk__task_unwait(hk_wait_call *wait)
{
    hk_coro *target = hk__task_find(hk__sched_of(&wait->call), wait->tid);
    hk_wait_call **waiters = hk__task_waiters(target), *last = *waiters, *before = last;
    while (before->next != wait) before = before->next;
    before->next = wait->next;
    if (last == wait) *waiters = before != wait ? before : NULL;
}

/* A shield has kept it waiting, or its abort says that something will come: no queue is to know of
 * its call any more, which lies on the stack that goes. */
static void let_go(hk_coro *t)
{
    hk_call *call = hk__task_call(t);
    if (call == NULL || call->state != HK__CALL_PARKED) return;
    if (call->type == &hk__start_type)
        hk__task_unwait(HK_CONTAINER(call, hk_wait_call, call));
    else if (!hk__call_abort(call, -ECANCELED))
        return;
    if (t->leaf != NULL)
        ((hk__stackful *)t)->call = NULL;
    else
        t->returned = NULL;
}

/* Drops the stack of a task that would not end. Its handlers run here; what it was given is its own
 * loss. */
void hk__task_drop(hk_coro *t)
{
    hk_sched *s = hk__task_sched(t);
    if (hk__lazy_is(t)) t = hk__lazy_begin(t);
    let_go(t);
    if (t->leaf != NULL) hk__at_end_run((hk__stackful *)t);
    hk__scopes_drop(t);
    hk__task_finish(t, hk_val(-ECANCELED));
    if (t->leaf != NULL)
        hk__stack_put((hk__stackful *)t);
    else if (t->at.stackless.release != NULL)
        t->at.stackless.release(t);
    HK__ASSERT(s->dead != t);
}
