/* SPDX-License-Identifier: MIT */
/* What a scheduler can tell of its tasks: the table, for programs and for people, and the stack of
 * one that would not end. Who waits for whom in a ring: cycle.c. */
#include "sched/sched.h"

#include "base/say.h"
#include "coro/context.h"

#include <execinfo.h>
#include <stdio.h>
#include <string.h>

void hk__report_call(const hk_call *call, char *buf, size_t size)
{
    if (call->type->describe == NULL || call->type->describe(call, buf, size) < 0)
        snprintf(buf, size, "%s", call->type->name);
}

static void fill(const hk_sched *s, const hk_coro *t, hk_task_info *info)
{
    *info = (hk_task_info){ .tid = t->tid, .killed = hk__killer_of(t) != 0 };
    snprintf(info->name, sizeof info->name, "%s", hk__task_name(t));
    const hk_call *call = hk__task_call(t);
    const char *state = t == hk__task_here() ? "running" : call != NULL ? "waiting" : "ready";
    snprintf(info->state, sizeof info->state, "%s", state);
    if (call == NULL) return;
    hk__report_call(call, info->waits, sizeof info->waits);
    info->waited = hk__call_waited(call, s->world->table->now(s->world));
}

size_t hk_sched_tasks(hk_sched *s, hk_task_info *ret_list, size_t max)
{
    if (s == NULL) s = hk__here.sched;
    if (s == NULL) return 0;
    size_t n = 0;
    for (const hk_coro *t = NULL; n < max && (t = hk__task_after(s, t)) != NULL;)
        fill(s, t, &ret_list[n++]);
    return s->live;
}

/* By its name, or by where it was opened; "" of HK_ROOT. */
static void name_group(const hk_group *g, char *buf, size_t size)
{
    *buf = '\0';
    if (g == &((const hk_sched *)g->scope.sched)->root) return;
    if (g->name != NULL)
        snprintf(buf, size, ", in group %s", g->name);
    else
        snprintf(buf, size, ", in the group of %s:%d", g->scope.file, g->scope.line);
}

static void say_task(const hk_sched *s, const hk_coro *t)
{
    hk_task_info info;
    char group[80];
    fill(s, t, &info);
    name_group(t->group, group, sizeof group);
    if (hk__task_call(t) == NULL)
        hk__say("  task %-6lld %-20s %s%s%s", (long long)info.tid, info.name, info.state,
                info.killed ? ", killed" : "", group);
    else
        hk__say("  task %-6lld %-20s waiting for %s, %.3f s%s%s", (long long)info.tid, info.name,
                info.waits, (double)info.waited / 1e9, info.killed ? ", killed" : "", group);
}

void hk__report_tasks(hk_sched *s, const char *title)
{
    enum { SHOWN = 1000 };
    hk__say("%s: %u task%s", title, s->live, s->live == 1 ? "" : "s");
    size_t n = 0;
    for (const hk_coro *t = NULL; n < SHOWN && (t = hk__task_after(s, t)) != NULL; n++)
        say_task(s, t);
    if (s->live > n) hk__say("  and %zu more", s->live - n);
    hk__report_cycles(s);
}

void hk_sched_print(hk_sched *s)
{
    if (s == NULL) s = hk__here.sched;
    if (s != NULL) hk__report_tasks(s, "tasks");
}

/* Called with a parked task as its caller, as far as unwinders can tell. */
static void print_stack(void *arg)
{
    (void)arg;
    void *frames[32];
    int n = backtrace(frames, HK_LEN(frames));
    if (n > 2) backtrace_symbols_fd(frames + 2, n - 2, 2);
}

/* Groups too. The scopes of variables have no place. */
static void say_scopes(const hk_scope *innermost)
{
    enum { SHOWN = 8 };
    unsigned n = 0;
    for (const hk_scope *s = innermost; s != NULL && n < SHOWN; s = s->outer) {
        if (s->is & HK__IS_BINDING) continue;
        hk__say("  in the %s opened at %s:%d", s->is & HK__IS_GROUP ? "group" : "scope", s->file,
                s->line);
        n++;
    }
}

void hk__report_stuck(const hk_coro *t)
{
    hk__say("task %lld '%s' did not end when it was killed, and is dropped", (long long)t->tid,
            hk__task_name(t));
    say_task(hk__task_sched(t), t);
    say_scopes(t->scope);
    if (t->leaf != NULL) hk__call_as_caller(&t->at.context, print_stack, NULL);
}

/* ---- leaks ---- */

void hk__list(struct hk__listed *it, hk_sched *s)
{
    if (s == NULL) return;
    it->sched = s;
    it->serial = s->serial;
    it->next = s->channels;
    if (it->next != NULL) it->next->prev = it;
    s->channels = it;
}

void hk__unlist(struct hk__listed *it)
{
    if (it->sched == NULL || it->sched->serial != it->serial) return;
    if (it->next != NULL) it->next->prev = it->prev;
    if (it->prev != NULL)
        it->prev->next = it->next;
    else
        it->sched->channels = it->next;
}

void hk__report_leaks(const hk_sched *s)
{
    enum { SHOWN = 16 };
    unsigned n = 0;
    for (const struct hk__listed *c = s->channels; c != NULL; c = c->next)
        if (n++ < SHOWN) hk__say("%s '%s' was never destroyed", c->kind, c->name);
    if (n > SHOWN) hk__say("and %u more channels", n - SHOWN);
    for (int number = 1; number < HK__SIGNALS; number++) {
        const char *name = sigabbrev_np(number);
        if (s->signals.open[number] > 0)
            hk__say("hk_signals of signal %d%s%s: %u never closed", number,
                    name != NULL ? ", SIG" : "", name != NULL ? name : "", s->signals.open[number]);
    }
}
