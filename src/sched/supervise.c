/* SPDX-License-Identifier: MIT */
/* A task that is made again when it fails: a group of one, in a loop, with pauses that double.
 *
 * How often is too often is judged over a period that begins with a failure: the first one after
 * its end begins the next. So no list of times is kept, and a limit of n lets no more than 2 n pass
 * within any such time. */
#include <hocket/supervise.h>

#include "sched/sched.h"

struct pauses {
    int64_t next, first, most;
};

struct tolerance {
    unsigned most, seen; /* 0: any number */
    int64_t period, since;
};

static int run_once(hk_entry *fn, void *arg, const char *name)
{
    HK_GROUP(g, NULL);
    hk_tid tid = hk_spawn_with(&g, fn, arg, &(hk_coro_options){ .name = name });
    if (tid < 0) return (int)tid;
    int r = (int)hk_group_close(&g, 0);
    hk_failure failure;
    if (hk_group_failures(&g, &failure, 1) > 0) hk__task_report(hk__here.sched, &failure);
    return r;
}

static int64_t double_pause(struct pauses *p)
{
    int64_t pause = p->next;
    p->next = pause < p->most / 2 ? pause * 2 : p->most;
    return pause;
}

static bool is_too_much(struct tolerance *t, int64_t now)
{
    if (t->most == 0) return false;
    if (t->seen == 0 || now - t->since > t->period) {
        t->since = now;
        t->seen = 0;
    }
    return ++t->seen > t->most;
}

int hk_supervise(hk_entry *fn, void *arg, const hk_supervise_options *options)
{
    static const hk_supervise_options usual;
    const hk_supervise_options *o = options != NULL ? options : &usual;
    struct pauses pauses = { .first = o->first > 0 ? o->first : HK_MS(100),
                             .most = o->most > 0 ? o->most : HK_SEC(30) };
    struct tolerance tolerance = { .most = o->failures,
                                   .period = o->period > 0 ? o->period : HK_SEC(10) };
    pauses.next = pauses.first;
    for (;;) {
        int64_t begun = hk_now();
        int r = run_once(fn, arg, o->name);
        if (r == 0 || r == -ECANCELED) return r;
        if (is_too_much(&tolerance, hk_now())) return r;
        if (hk_now() - begun > pauses.most) pauses.next = pauses.first;
        if (hk_sleep(double_pause(&pauses)) < 0) return -ECANCELED;
    }
}
