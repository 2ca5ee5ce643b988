/* SPDX-License-Identifier: MIT */
/* The loop.
 *
 *     run what is ready -> take what others posted -> fire timers -> look at the world, or wait
 *
 * Tasks switch to each other directly; the loop is entered when a pass is over, when nobody is
 * ready, or for the few things that need its stack. A pass is a few batches of so many tasks, with
 * a look at the clock between them, until it has run its share of tasks or of time: so a task that
 * wakes others cannot keep the world waiting. */
#include "sched/sched.h"

#include "base/processor.h"
#include "base/say.h"
#include "coro/stack.h"

/* Onto the stack of a task, until somebody comes back to the loop. */
static HK__HOT void switch_to(hk_sched *s, hk_coro *t)
{
    hk_coro *me = s->thread;
    hk__here.self = t->leaf;
    hk__leave(me, t->leaf, false);
    hk__switch(&s->loop, &t->at.context, 0, NULL);
    hk__arrive(me);
}

static HK__HOT void run_stackful(hk_sched *s, hk_coro *t)
{
    switch_to(s, t);
    while (HK__UNLIKELY(s->on_loop != NULL)) { /* a handler that asked for this stack */
        hk_call *call = s->on_loop;
        s->on_loop = NULL;
        t = call->task;
        if (call->done != NULL)
            hk__call_forward(s, t, call);
        else if (!hk__call_begin(s, t, call))
            break;
        switch_to(s, t);
    }
    if (s->dead != NULL) hk__task_reap(s);
}

static void end_stackless(hk_coro *t, void *value)
{
    if (HK__UNLIKELY(t->state == HK__TASK_INHERITED)) hk__outside_end();
    if (HK__UNLIKELY(t->scope != NULL)) hk__scope_left_open(t, t->scope, "ends");
    hk__task_finish(t, value);
    if (t->at.stackless.release != NULL) t->at.stackless.release(t);
}

/* Its first turn. True: it has had it, being no stackless one, or killed. */
static bool first_turn(hk_sched *s, hk_coro *t)
{
    if (hk__lazy_is(t))
        run_stackful(s, hk__lazy_begin(t));
    else if (HK__UNLIKELY(hk__killer_of(t) != 0))
        end_stackless(t, hk_val(-ECANCELED));
    else
        return false;
    return true;
}

/* Steps a stackless task until it is parked, queued or over. */
static void run_stackless(hk_sched *s, hk_coro *t)
{
    hk_call *call = t->returned;
    if (call == NULL && first_turn(s, t)) return;
    void *in = call != NULL ? hk_val(call->result) : NULL;
    for (;;) {
        t->root = NULL;
        hk__here.self = t;
        hk_step step = t->at.stackless.step(t, in);
        hk__here.self = s->thread;
        s->begun = NULL;
        if (step.outcome != HK_TRAPPED) {
            if (step.outcome == HK_YIELDED) hk__yield_unconsumed(t);
            end_stackless(t, step.value);
            return;
        }
        t->returned = step.call;
        /* A call that HK_AWAIT has begun is parked already; one handed up from an inner coroutine
         * is not. */
        if (step.call->state != HK__CALL_NEW || !hk__call_begin(s, t, step.call)) return;
        in = hk_val(step.call->result);
    }
}

static HK__HOT void run_ready(hk_sched *s)
{
    struct hk__ready *r = &s->ready;
    r->quota = HK__PASS_TASKS;
    r->end = r->head;
    while (hk__ready_goes_on(s)) {
        hk_coro *t = r->slot[r->head++ & r->mask];
        s->budget = s->allowance;
        if (t->leaf != NULL)
            run_stackful(s, t);
        else
            run_stackless(s, t);
    }
}

static void take_time(hk_sched *s)
{
    s->now = s->world->table->now(s->world);
    if (s->timer_count == 0) return;
    hk__timers_expire(s);
    hk__timers_arm(s); /* none of these is due, and the wheel has the time by now */
}

HK__HOT bool hk__loop_deadlocked(const hk_sched *s)
{
    if (hk__ready_any(s)) return false;
    if (HK__UNLIKELY(s->over != 0)) return true;
    return s->timer_count == 0 && s->descriptors.waiting == 0 && s->operations.count == 0 &&
           s->outside == 0 && __atomic_load_n(&s->inbox.holds, __ATOMIC_SEQ_CST) <= 0 &&
           !hk__inbox_any(s);
}

/* How long to wait for the world: not at all where there is work, or nothing to wait for. */
static int64_t patience(hk_sched *s, int64_t limit)
{
    if (limit == 0 || hk__ready_any(s) || hk__loop_deadlocked(s)) return 0;
    if (s->live == 0 && s->operations.count == 0) return 0;
    if (hk__stack_trims() && hk__stack_trim())
        return 0; /* idle: a part of the unused stacks goes back, then we look again */
    if (s->timer_count == 0) return limit;
    int64_t next = hk__timers_next(s);
    return next < limit ? next : limit;
}

/* Of a thousand connections each is cold when its turn comes: its call and its task are fetched
 * while those before it are served. */
enum { AHEAD = 3 };

static void serve(hk_sched *s, const hk__event *events, int count)
{
    for (int i = 0; i < count; i++) {
        if (i + 2 * AHEAD < count) hk__descriptor_prefetch(s, &events[i + 2 * AHEAD], false);
        if (i + AHEAD < count) hk__descriptor_prefetch(s, &events[i + AHEAD], true);
        if (events[i].kind == HK__EVENT_READY)
            hk__descriptor_event(s, &events[i]);
        else
            hk__operation_event(s, &events[i]);
        /* Whoever was served runs while what was received is still in the cache. */
        if (i % HK__EVENTS_SERVED == HK__EVENTS_SERVED - 1) run_ready(s);
    }
}

/* ---- waiting ---- */

/* Sleeping and being woken costs more than some tens of microseconds of looking: so before it
 * sleeps the loop looks, where that has paid lately. It has paid where the wait was short and
 * brought news of the few that the last news were of: each of them waits for us before it goes on.
 * Of many, some are always on their way, and share the price of one wake-up if they are let come.
 * A look in vain costs more credit than one that paid earns. */
enum { SPIN_MOST = 64, SPIN_LEAST = -16, SPIN_LOST = 4 };

static bool is_in_the_talk(struct hk__spin *spin, const hk__event *event)
{
    const uint32_t who = event->ticket.slot << 1 | (event->kind == HK__EVENT_DONE);
    for (unsigned i = 0; i < HK_LEN(spin->in_the_talk); i++)
        if (spin->in_the_talk[i] == who) return true;
    spin->in_the_talk[spin->next++ % HK_LEN(spin->in_the_talk)] = who;
    return false;
}

/* count: of the events that a short wait has brought. */
static void learn(struct hk__spin *spin, const hk__event *events, int count)
{
    bool has_paid = count > 0;
    for (int i = 0; i < count; i++) has_paid &= is_in_the_talk(spin, &events[i]);
    spin->credit += has_paid ? 1 : -SPIN_LOST;
    if (spin->credit > SPIN_MOST) spin->credit = SPIN_MOST;
    if (spin->credit < SPIN_LEAST) spin->credit = SPIN_LEAST;
}

/* How many events came while it looked; 0: none, but something may have been posted. */
static int look_again(hk_sched *s, hk__event *ret_events, int64_t until)
{
    const int64_t start = s->world->table->now(s->world), most = start + s->spin.most;
    int count = 0;
    for (int64_t now = start; now < most && now < until; now = s->world->table->now(s->world)) {
        count = s->world->table->peek(s->world, ret_events, HK__EVENTS);
        if (count > 0 || hk__inbox_any(s)) break;
        hk__relax();
    }
    learn(&s->spin, ret_events, count);
    return count;
}

static int sleep_until(hk_sched *s, hk__event *ret_events, int64_t until)
{
    (void)__atomic_exchange_n(&s->inbox.sleeping, true, __ATOMIC_SEQ_CST);
    if (hk__inbox_any(s) || hk__loop_deadlocked(s)) until = 0; /* since we looked */
    const bool learns = s->spin.most > 0 && s->spin.credit <= 0;
    const int64_t start = learns ? s->world->table->now(s->world) : 0;
    int count = s->world->table->wait(s->world, ret_events, HK__EVENTS, until);
    __atomic_store_n(&s->inbox.sleeping, false, __ATOMIC_RELAXED);
    if (learns && count > 0) {
        const bool was_short = s->world->table->now(s->world) - start < s->spin.most;
        learn(&s->spin, ret_events, was_short ? count : 0);
    }
    return count;
}

static void look_at_world(hk_sched *s, int64_t until)
{
    hk__event *events = s->events;
    int count = 0;
    if (until == 0)
        count = s->world->table->wait(s->world, events, HK__EVENTS, 0);
    else if (s->spin.credit > 0)
        count = look_again(s, events, until);
    if (until != 0 && count == 0) count = sleep_until(s, events, until);
    if (HK__UNLIKELY(count < 0) && s->simulation != NULL) s->over = count;
    s->together = s->world->together && count >= s->world->many;
    serve(s, events, count);
}

/* Where no timer runs, the time is for reports: read anew when about a millisecond has gone by. */
static HK__HOT void let_time_go_on(hk_sched *s)
{
    const uint64_t ticks = hk__ticks() >> HK__TICKS_SHIFT;
    if (ticks == s->ticks && !s->ready.chosen) return;
    s->ticks = ticks;
    take_time(s);
}

HK__HOT void hk__loop_pass(hk_sched *s, int64_t limit)
{
    s->over = 0;
    run_ready(s);
    hk__inbox_drain(s);
    if (s->timer_count > 0) take_time(s);
    const int64_t until = patience(s, limit);
    if (until != 0 || limit == 0 || s->descriptors.watched > 0 || s->operations.count > 0 ||
        s->simulation != NULL)
        look_at_world(s, until);
    if (s->timer_count == 0)
        let_time_go_on(s);
    else if (until != 0 || limit == 0)
        take_time(s); /* a host is told when the next timer is due: the new ones count */
}
