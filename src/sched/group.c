/* SPDX-License-Identifier: MIT */
/* Groups: tasks that do not outlive a block.
 *
 * A group counts its children and links them in order of creation. It is a scope of the strand that
 * opened it, so the body is in it, and what is in force for it is in force for its children. Each
 * child that ends is judged here: whether that was a failure, whether it ends the others, and what
 * the close has to say in the end. The close is a call like others, which completes when the last
 * child has ended; it is never refused and never aborted, so nothing gets out of a block before
 * them. */
#include "sched/sched.h"

#include "base/say.h"

#include <stdio.h>
#include <string.h>

static hk_sched *sched_of(const hk_group *g) { return g->scope.sched; }

static bool is_open(const hk_group *g) { return g->scope.owner != NULL; }

/* ---- opening ---- */

static void link_group(hk_sched *s, hk_group *g)
{
    g->next = NULL;
    g->prev = s->last_group;
    if (g->prev != NULL) g->prev->next = g;
    s->last_group = g;
}

static void unlink_group(hk_sched *s, hk_group *g)
{
    g->prev->next = g->next; /* HK_ROOT is before all */
    if (g->next != NULL)
        g->next->prev = g->prev;
    else
        s->last_group = g->prev;
}

void hk__group_open(hk_group *g, const hk_group_options *options, const char *file, int line)
{
    memset((char *)g + offsetof(hk_group, first), 0, sizeof *g - offsetof(hk_group, first));
    int64_t timeout = HK_FOREVER;
    if (options != NULL) {
        g->name = options->name;
        g->policy = (uint8_t)options->policy;
        g->limit = options->limit;
        if (options->timeout != 0) timeout = options->timeout;
    }
    g->scope.is = HK__IS_GROUP;
    hk__scope_begin(&g->scope, timeout, file, line);
    g->force = (uint8_t)(hk__strand_force(g->scope.strand) & ~(unsigned)HK__SOFT);
    if (g->scope.sched != NULL) link_group(sched_of(g), g);
}

void hk__group_open_root(hk_sched *s)
{
    s->trunk.coro.state = HK__BOUND;
    s->trunk.coro.leaf = &s->trunk.coro;
    s->trunk.coro.scope = &s->root.scope;
    s->root.scope = (hk_scope){ .owner = &s->trunk.coro,
                                .strand = &s->trunk.coro,
                                .sched = s,
                                .is = HK__IS_GROUP,
                                .file = "hk_run" };
    link_group(s, &s->root);
}

static void stop_grace(hk_group *g)
{
    if (g->grace.fire != NULL) hk__alarm_stop(sched_of(g), &g->grace);
}

void hk__group_restart_root(hk_sched *s)
{
    stop_grace(&s->root);
    s->root.scope.is = HK__IS_GROUP;
    s->root.force = 0;
}

/* ---- children ---- */

static void leave(hk_group *g, hk_coro *child)
{
    if (child->prev != NULL)
        child->prev->next = child->next;
    else
        g->first = child->next;
    if (child->next != NULL) {
        child->next->prev = child->prev;
        __builtin_prefetch(&child->next->group); /* often the next to end */
    } else {
        g->last = child->prev;
    }
    if (HK__UNLIKELY(hk__task_is_daemon(child)))
        g->daemons--;
    else
        g->live--;
}

static void cancel_for(hk_group *g, hk_tid by, const char *why)
{
    hk__scope_cut(&g->scope, 0, (hk__reason){ by, why, g->scope.file, g->scope.line });
}

static void child_failed(hk_group *g, const hk_coro *t, int error, enum hk__told told)
{
    const char *why = hk__why_of(t, error);
    const hk_failure failure = { t->tid, hk__task_name(t), error, why };
    hk__ends_fail(g, &failure);
    if (g->policy == HK_INDEPENDENT) {
        if (told == HK__TOLD_NOBODY) hk__task_report(sched_of(g), &failure);
        return;
    }
    if (g->error == 0 && !hk__scope_timed_out(&g->scope)) g->in_time = true;
    if (g->error == 0) g->error = error;
    if (g->policy == HK_ALL) cancel_for(g, t->tid, "it has failed");
}

/* What its end means for the others. */
static __attribute__((noinline)) void judge(hk_group *g, const hk_coro *t, void *value,
                                            bool cancelled, enum hk__told told)
{
    const bool stopped = value == hk_val(-ESHUTDOWN) && g->force & HK__STOPPING;
    if (g->policy != HK_INDEPENDENT) hk__ends_add(g, t, value, cancelled);
    if (cancelled && hk__killer_of(t) == 0) g->cut = true;
    if (hk_is_err(value) && !cancelled && !stopped && told != HK__TOLD_STARTER)
        child_failed(g, t, (int)hk_num(value), told);
    if (g->policy == HK_FIRST_SUCCESS && !hk_is_err(value)) {
        g->won = true;
        cancel_for(g, t->tid, "it was the first that succeeded");
    }
    if (g->policy == HK_ANY && (!cancelled || hk__killer_of(t) != 0))
        cancel_for(g, t->tid, "it was the first that ended");
}

static void close_over(hk_sync_call *close);

/* Children that the close waits for, those included that are about to be born. */
static uint32_t expected(const hk_group *g) { return g->live + g->promised; }

/* Room goes to those who wait for it, in order, and is promised to them: else somebody else could
 * take it, or the group be closed, before that task runs. */
static void give_room(hk_group *g)
{
    hk_sync_call *w = g->waiters.first;
    while (w != NULL && expected(g) < g->limit) {
        hk_sync_call *next = w->next != g->waiters.first ? w->next : NULL;
        if (w->call.type == &hk__group_room_type) {
            hk__queue_remove(&g->waiters, w);
            g->promised++;
            hk_call_complete(&w->call, 0);
        }
        w = next;
    }
}

/* Somebody may go on: who waits for room, or for the last child. */
static __attribute__((noinline)) void tell_waiters(hk_group *g)
{
    give_room(g);
    if (expected(g) > 0) return;
    if (g->closing && g->daemons > 0) cancel_for(g, -1, "only daemons are left");
    for (hk_sync_call *w = g->waiters.first, *next; w != NULL; w = next) {
        next = w->next != g->waiters.first ? w->next : NULL;
        const bool closes = w->call.type == &hk__group_close_type;
        if (closes && g->daemons > 0) continue;
        hk__queue_remove(&g->waiters, w);
        if (closes)
            close_over(w);
        else
            hk_call_complete(&w->call, 0);
    }
}

void hk__group_exit(hk_group *g, hk_coro *t, void *value, bool cancelled, enum hk__told told)
{
    leave(g, t);
    if (g == &sched_of(g)->root) return;
    if (HK__LIKELY(g->policy == HK_ALL && !hk_is_err(value)))
        hk__ends_add(g, t, value, false);
    else
        judge(g, t, value, cancelled, told);
    if (g->waiters.first != NULL && (g->live == 0 || g->limit != 0)) tell_waiters(g);
}

/* ---- room ---- */

void hk__group_room_handle(hk_call *call)
{
    hk_sync_call *wait = HK_CONTAINER(call, hk_sync_call, call);
    hk_group *g = wait->object;
    if (expected(g) < g->limit) {
        g->promised++;
        hk_call_complete(call, 0);
    } else {
        hk__queue_push(&g->waiters, wait);
    }
}

static void wait_prepare(hk_sync_call *wait, const hk_call_type *type, hk_group *g)
{
    hk__call_init(&wait->call, type);
    wait->object = g;
}

int hk__group_make_room(hk_group *g)
{
    if (expected(g) < g->limit) return 0;
    if (hk__here.self->leaf == NULL) return -EAGAIN;
    hk_sync_call wait;
    wait_prepare(&wait, &hk__group_room_type, g);
    intptr_t r = hk_trap(&wait.call);
    return r < 0 ? (int)r : 1;
}

void hk__group_keep(hk_group *g)
{
    g->promised--;
    if (g->waiters.first != NULL) tell_waiters(g); /* where no child was born after all */
}

int hk__group_abort(hk_call *call)
{
    hk_sync_call *wait = HK_CONTAINER(call, hk_sync_call, call);
    hk_group *g = wait->object;
    hk__queue_remove(&g->waiters, wait);
    return HK_ABORTED;
}

/* A trace has this, and is the same wherever the program was built: so without the folder. */
int hk__group_describe(const hk_call *call, char *buf, size_t size)
{
    const hk_group *g = HK_CONTAINER(call, hk_sync_call, call)->object;
    const char *what = call->type == &hk__group_room_type ? "room in" : "the end of";
    const uint32_t tasks = g->live + g->daemons;
    const char *plural = tasks == 1 ? "" : "s";
    if (g->name != NULL)
        return snprintf(buf, size, "%s group %s of %u task%s", what, g->name, tasks, plural);
    const char *folder = strrchr(g->scope.file, '/');
    return snprintf(buf, size, "%s the group of %s:%d of %u task%s", what,
                    folder != NULL ? folder + 1 : g->scope.file, g->scope.line, tasks, plural);
}

/* Daemons are ended by the close itself, when all others have. Room is anybody's to make. */
hk_coro *hk__group_needed(const hk_call *call, const hk_coro *last)
{
    const hk_group *g = HK_CONTAINER(call, hk_sync_call, call)->object;
    if (call->type == &hk__group_room_type && g->live != 1) return NULL;
    hk_coro *t = last != NULL ? last->next : g->first;
    while (t != NULL && hk__task_is_daemon(t) && g->live > 0) t = t->next;
    return t;
}

/* Of several children none is the owner. */
int64_t hk__group_owner(const hk_call *call)
{
    const hk_coro *one = hk__group_needed(call, NULL);
    return one != NULL && hk__group_needed(call, one) == NULL ? one->tid : 0;
}

/* ---- waiting ---- */

/* Whether a task is in a group, or below one that is. */
static bool is_below(const hk_coro *t, const hk_group *g)
{
    while (t->group != NULL && t->group != g) t = t->group->scope.strand;
    return t->group == g;
}

void hk__group_wait_handle(hk_call *call)
{
    hk_sync_call *wait = HK_CONTAINER(call, hk_sync_call, call);
    hk_group *g = wait->object;
    const hk_sched *s = hk__sched_of(call);
    if (!is_open(g))
        hk_call_complete(call, -EPIPE);
    else if (s != NULL && is_below(call->task, g))
        hk_call_complete(call, -EDEADLK);
    else if (expected(g) == 0)
        hk_call_complete(call, 0);
    else
        hk__queue_push(&g->waiters, wait);
}

int hk_group_wait(hk_group *g)
{
    hk_sync_call wait;
    wait_prepare(&wait, &hk__group_wait_type, g);
    return (int)hk_trap(&wait.call);
}

/* ---- closing ---- */

/* The body is over. What it met on behalf of the group is no failure of it. */
static intptr_t judge_body(hk_group *g, intptr_t result)
{
    if (result == -ECANCELED && hk__scope_caused(&g->scope)) {
        g->cut = true;
        return 0;
    }
    if (result == -ESHUTDOWN && g->scope.is & HK__STOPPING) return 0;
    if (result == -ESHUTDOWN && hk__scope_force(g->scope.strand, &g->scope) & HK__STOPPING)
        return result; /* for the one that was stopped to take; the children may finish */
    if (result < 0) {
        const hk_coro *me = g->scope.owner;
        if (result != -ECANCELED) {
            const char *why = hk__why_of(me, (int)result);
            hk__ends_fail(g, &(hk_failure){ me->tid, hk__coro_name(me), (int)result, why });
        }
        cancel_for(g, me->tid > 0 ? me->tid : -1, "the body has failed");
        if (g->error == 0) g->error = (int)result;
    }
    return result;
}

static intptr_t verdict(hk_group *g, intptr_t result)
{
    const bool expired = hk__scope_timed_out(&g->scope);
    if (g->won && result >= 0 && !expired) return result;
    if (expired && g->cut && !g->in_time) return -ETIMEDOUT;
    if (g->error != 0) return g->error;
    return g->cut && !hk__scope_caused(&g->scope) ? -ECANCELED : result;
}

/* No child is left: the group is closed, before anybody runs. */
static void close_over(hk_sync_call *close)
{
    hk_group *g = close->object;
    hk_sched *s = sched_of(g);
    const intptr_t result = verdict(g, close->number);
    stop_grace(g);
    if (s != NULL) unlink_group(s, g);
    hk__ends_explain(g, result);
    hk__ends_keep(g);
    hk__scope_end(&g->scope);
    hk_call_complete(&close->call, result);
}

void hk__group_close_handle(hk_call *call)
{
    hk_sync_call *close = HK_CONTAINER(call, hk_sync_call, call);
    hk_group *g = close->object;
    close->number = judge_body(g, close->number);
    g->closing = true;
    if (expected(g) == 0 && g->daemons > 0) cancel_for(g, -1, "only daemons are left");
    if (expected(g) + g->daemons == 0)
        close_over(close);
    else
        hk__queue_push(&g->waiters, close);
}

/* Never: its tasks may use what lies in the block. */
int hk__group_close_abort(hk_call *call)
{
    (void)call;
    return HK_ABORT_LATER;
}

void hk_group_close_prepare(hk_sync_call *close, hk_group *g, intptr_t result)
{
    if (!is_open(g) || g->scope.owner != hk__here.self || g->scope.strand->scope != &g->scope)
        hk__scope_check(&g->scope, "hk_group_close");
    wait_prepare(close, &hk__group_close_type, g);
    close->number = result;
}

/* Where nobody serves the call it is done here; and where it would have to wait, nobody can. */
intptr_t hk_group_close(hk_group *g, intptr_t result)
{
    hk_sync_call close;
    hk_group_close_prepare(&close, g, result);
    if (g->first == NULL && g->promised == 0) {
        close.call.state = HK__CALL_HANDLING;
        hk__group_close_handle(&close.call);
        return close.call.result;
    }
    intptr_t r = hk_trap(&close.call);
    if (r == -ECHILD && is_open(g))
        hk__scope_end(&g->scope); /* in the child of a fork; the tasks are the parent's */
    if (is_open(g))
        hk__misuse("hk_group_close: whoever drives '%s' answers %d, but tasks of the group opened "
                   "at %s:%d are left",
                   hk__coro_name(hk__here.self), (int)r, g->scope.file, g->scope.line);
    return r;
}

void hk_group_leave(hk_group *g)
{
    if (is_open(g)) {
        intptr_t r = hk_group_close(g, -ECANCELED);
        if (r < 0 && g->policy != HK_INDEPENDENT && r != -ECHILD) hk__ends_report(g);
    }
    hk__ends_free(g);
}

void hk__group_drop(hk_group *g)
{
    stop_grace(g);
    if (g->scope.sched != NULL) unlink_group(sched_of(g), g);
    hk__ends_free(g);
}

/* ---- stopping ---- */

static void grace_over(hk__alarm *alarm)
{
    hk_group *g = HK_CONTAINER(alarm, hk_group, grace);
    if (g == &sched_of(g)->root)
        hk__task_kill_all(sched_of(g));
    else
        cancel_for(g, 0, "the grace of its stop is over");
}

/* Of the stop before; of several the end that comes first counts. */
static int64_t grace_left(const hk_group *g)
{
    if (g->grace.fire == NULL) return HK_FOREVER;
    const hk__timer *t = &g->grace.timer;
    return t->prev == NULL ? t->deadline : t->deadline - sched_of(g)->now;
}

void hk_group_stop(hk_group *g, int64_t grace)
{
    if (!is_open(g)) return;
    g->scope.is |= HK__STOPPING;
    if (grace <= 0) {
        hk_tid by = hk_task_self();
        cancel_for(g, by > 0 ? by : -1, "it was stopped");
        return;
    }
    hk__scope_spread(g->scope.strand, &g->scope);
    if (g->scope.sched == NULL || grace >= grace_left(g)) return;
    stop_grace(g);
    hk__alarm_start(sched_of(g), &g->grace, grace, grace_over);
}
