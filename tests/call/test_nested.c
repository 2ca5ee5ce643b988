/* SPDX-License-Identifier: MIT */
/* Drivers inside drivers.
 *
 * What a driver does not know it hands up. Waiting: hk_trap, and the driver is parked until the
 * answer is there. Not waiting: call->done and hk_call_start; then it can go on with other children
 * meanwhile, and is told when the call has its result. That is how schedulers nest. */
#include "support/sim.h"
#include "support/steps.h"

#include <stdlib.h>

static const hk_coro_options driven = { .driven = true };

/* ---- waiting ---- */

struct price {
    hk_call call;
};
/* No handler: the driver that knows it serves it itself. */
static const hk_call_type price_type = { .name = "price" };
static intptr_t price(void) { return HK_TRAP(struct price, HK_CALL(price_type)); }

static void *shops(void *arg)
{
    CHECK_EQ(price(), 500);
    CHECK_EQ(add_one(1), 2);
    int r = hk_sleep(HK_MS(1));
    note("slept %s ", number_text(r));
    return r < 0 ? hk_val(r) : arg;
}

/* Serves price, hands everything else up. */
static void *serves_price(void *arg)
{
    HK_CORO(co, arg, hk_val(9), &driven);
    hk_step step = hk_coro_send(co, NULL);
    while (step.outcome == HK_TRAPPED) {
        intptr_t r = step.call->type == &price_type ? 500 : hk_trap(step.call);
        step = hk_coro_send(co, hk_val(r));
    }
    return step.value;
}

SIM_TEST(a_driver_serves_what_it_knows_and_hands_up_the_rest)
{
    trace_clear();
    CHECK_EQ(hk_num(serves_price(shops)), 9);
    CHECK_STR(trace, "slept 0 ");
}

static void *serves_nothing_of_it(void *arg)
{
    HK_CORO(co, serves_price, arg, &driven);
    hk_step step = hk_coro_send(co, NULL);
    while (step.outcome == HK_TRAPPED) {
        CHECK(step.call->type != &price_type);
        note("%s ", step.call->type->name);
        step = hk_coro_send(co, hk_val(hk_trap(step.call)));
    }
    return step.value;
}

SIM_TEST(calls_climb_through_two_drivers)
{
    trace_clear();
    CHECK_EQ(hk_num(serves_nothing_of_it(shops)), 9);
    CHECK_STR(trace, "add_one sleep slept 0 ");
}

static void *kills_soon(void *arg)
{
    hk_exit how;
    CHECK_EQ(hk_sleep(1), 0);
    CHECK_EQ(hk_task_kill(hk_num(arg)), 1);
    CHECK_EQ(hk_task_wait(hk_num(arg), &how), 0);
    CHECK_EQ(how.how, HK_END_CANCELLED);
    return NULL;
}

static void *spawns_and_kills(void *arg)
{
    hk_tid tid = hk_spawn(HK_ROOT, arg, shops);
    return kills_soon(hk_val(tid));
}

SIM_TEST(a_kill_comes_down_as_the_answer_of_the_call_that_was_handed_up)
{
    trace_clear();
    spawns_and_kills(serves_price);
    CHECK_STR(trace, "slept -ECANCELED ");
    trace_clear();
    spawns_and_kills(serves_nothing_of_it);
    CHECK_STR(trace, "add_one sleep slept -ECANCELED ");
}

/* A driver may change what comes down: this is how faults are injected. */
static void *lies(void *arg)
{
    HK_CORO(co, arg, hk_val(9), &driven);
    hk_step step = hk_coro_send(co, NULL);
    while (step.outcome == HK_TRAPPED) {
        intptr_t r = step.call->type == &price_type ? 500 : hk_trap(step.call);
        step = hk_coro_send(co, step.call->type == &hk__sleep_type ? hk_val(-EIO) : hk_val(r));
    }
    CHECK_STR(step_text(step), "failed EIO");
    return NULL;
}

TEST(a_driver_may_answer_otherwise_than_was_answered)
{
    CHECK_EQ(sim_once(lies, shops), 0);
    CHECK_STR(trace, "slept -EIO ");
}

/* One that leaves while its child is in a call: the child unwinds, and every call it still makes is
 * answered -ENOSYS by nobody in particular. */
static void *gives_up(void *arg)
{
    HK_CORO(co, arg, hk_val(9), &driven);
    hk_step step = hk_coro_send(co, NULL);
    while (step.outcome == HK_TRAPPED && step.call->type != &hk__sleep_type) {
        intptr_t r = step.call->type == &price_type ? 500 : hk_trap(step.call);
        step = hk_coro_send(co, hk_val(r));
    }
    return NULL;
}

TEST(a_driver_may_leave_in_the_middle)
{
    CHECK_EQ(sim_once(gives_up, shops), 0);
    CHECK_STR(trace, "slept -ECANCELED ");
}

/* ---- a child that waits in a call handed up is running to everyone else ---- */

static hk_coro *child;

static void *sleeps_once(void *arg)
{
    int r = hk_sleep(HK_MS(2));
    note("child %s ", number_text(r));
    void *in = hk_yield(hk_val(1));
    return hk_is_err(in) ? in : arg;
}

static void *drives_child(void *arg)
{
    hk_step step = hk_coro_send(child, NULL);
    CHECK_STR(step_text(step), "trapped sleep");
    step = hk_coro_send(child, hk_val(hk_trap(step.call)));
    CHECK_STR(step_text(step), "yielded 1");
    note("driver ");
    return arg;
}

static void *meddles_with_child(void *arg)
{
    CHECK_EQ(hk_sched_yield(), 0);
    CHECK_STEP(hk_coro_send(child, NULL), "refused EALREADY");
    CHECK_STEP(hk_coro_throw(child, -EIO), "refused EALREADY");
    CHECK_STEP(hk_coro_close(child), "refused EALREADY");
    CHECK_NUMBER(hk_coro_destroy(child), "-EALREADY");
    note("meddler ");
    return arg;
}

static void *spawns_driver_and_meddler(void *arg)
{
    child = hk_coro_create(sleeps_once, NULL, &driven);
    hk_tid driver = hk_spawn(HK_ROOT, drives_child, NULL);
    hk_tid meddler = hk_spawn(HK_ROOT, meddles_with_child, NULL);
    CHECK_EQ(hk_task_wait(driver, NULL), 0);
    hk_task_wait(meddler, NULL);
    CHECK_EQ(hk_coro_destroy(child), 0);
    return arg;
}

TEST(others_cannot_touch_a_child_whose_driver_waits_for_it)
{
    CHECK_EQ(sim_once(spawns_driver_and_meddler, NULL), 0);
    CHECK_STR(trace, "meddler child 0 driver ");
}

/* ---- not waiting: a scheduler inside a task ----
 *
 * Its children's calls are forwarded; when all of them wait, it parks in a call of its own, idle,
 * that the first answer completes. */

enum { MAX = 8 };

struct inner {
    hk_coro *child[MAX];
    hk_call *call[MAX]; /* forwarded, not yet answered */
    int ready[64];
    unsigned head, tail;
    int count, live;
    struct inner *next;
    struct idle {
        hk_call call;
        bool waiting;
    } idle;
};

static void idle_handle(hk_call *call) { HK_CONTAINER(call, struct idle, call)->waiting = true; }

static int idle_abort(hk_call *call)
{
    HK_CONTAINER(call, struct idle, call)->waiting = false;
    return HK_ABORTED;
}

static const hk_call_type idle_type = { .name = "idle",
                                        .handle = idle_handle,
                                        .abort = idle_abort };

static struct inner *inners; /* all of them: done is told the call, and nothing of its driver */

static void answered(hk_call *call)
{
    struct inner *s = inners;
    int i = 0;
    while (s->call[i] != call)
        if (++i == MAX) s = s->next, i = 0;
    s->ready[s->tail++ % HK_LEN(s->ready)] = i;
    if (s->idle.waiting) {
        s->idle.waiting = false;
        hk_call_complete(&s->idle.call, 0);
    }
}

/* What child i did: its call is forwarded, its end is counted. */
static void take_step(struct inner *s, int i, hk_step step)
{
    while (step.outcome == HK_TRAPPED) {
        s->call[i] = step.call;
        step.call->done = answered;
        if (!hk_call_start(step.call)) return;
        intptr_t result = step.call->result;
        s->call[i] = NULL;
        step = hk_coro_send(s->child[i], hk_val(result));
    }
    CHECK(step.outcome == HK_RETURNED || step.outcome == HK_FAILED);
    s->live--;
}

static void run_ready(struct inner *s)
{
    while (s->head != s->tail) {
        int i = s->ready[s->head++ % HK_LEN(s->ready)];
        hk_call *call = s->call[i];
        s->call[i] = NULL;
        take_step(s, i, hk_coro_send(s->child[i], call != NULL ? hk_val(call->result) : NULL));
    }
}

/* The inner scheduler was killed: it closes what waits. Its own calls would be refused now. */
static void close_all(struct inner *s)
{
    for (int i = 0; i < s->count; i++) {
        if (s->call[i] == NULL) continue;
        s->call[i] = NULL;
        take_step(s, i, hk_coro_close(s->child[i]));
    }
}

static void run_inner(struct inner *s)
{
    s->next = inners;
    inners = s;
    s->live = s->count;
    for (int i = 0; i < s->count; i++) s->ready[s->tail++] = i;
    for (;;) {
        run_ready(s);
        if (s->live == 0) break;
        s->idle = (struct idle){ HK_CALL(idle_type) };
        if (hk_trap(&s->idle.call) < 0) close_all(s);
    }
    for (int i = 0; i < s->count; i++) CHECK_EQ(hk_coro_destroy(s->child[i]), 0);
    struct inner **link = &inners;
    while (*link != s) link = &(*link)->next;
    *link = s->next;
}

static void add_child(struct inner *s, hk_entry *fn, void *arg)
{
    s->child[s->count++] = hk_coro_create(fn, arg, &driven);
}

static void *sleeps(void *arg)
{
    int r = hk_sleep(HK_MS(hk_num(arg)));
    note("%s%d ", r == 0 ? "" : "!", (int)hk_num(arg));
    return hk_val(r);
}

static void *two_sleepers(void *arg)
{
    struct inner s = { .count = 0 };
    add_child(&s, sleeps, hk_val(60));
    add_child(&s, sleeps, hk_val(40));
    run_inner(&s);
    return arg;
}

/* One after the other it would be 60 and then 40. */
SIM_TEST(two_children_of_an_inner_scheduler_sleep_at_the_same_time)
{
    const int64_t begun = hk_now();
    trace_clear();
    two_sleepers(NULL);
    CHECK_EQ(hk_now() - begun, HK_MS(60));
    CHECK_STR(trace, "40 60 ");
}

/* Each child waits at a gate of its own, which opens when something is written. */
static int gates[4][2];

static void *waits_at_gate(void *arg)
{
    char c;
    CHECK_EQ(hk_read(gates[hk_num(arg)][0], &c, 1), 1);
    note("%d ", (int)hk_num(arg));
    return arg;
}

static void *two_at_gates(void *arg)
{
    struct inner s = { .count = 0 };
    add_child(&s, waits_at_gate, arg);
    add_child(&s, waits_at_gate, hk_val(hk_num(arg) + 1));
    run_inner(&s);
    return arg;
}

static void open_gate(int i)
{
    size_t before = strlen(trace);
    CHECK_EQ(hk_write(gates[i][1], "x", 1), 1);
    while (strlen(trace) == before) CHECK_EQ(hk_sched_yield(), 0);
}

static void *two_inner_schedulers(void *arg)
{
    for (int i = 0; i < 4; i++) CHECK_EQ(hk_pipe(gates[i]), 0);
    hk_tid a = hk_spawn(HK_ROOT, two_at_gates, hk_val(0));
    hk_tid b = hk_spawn(HK_ROOT, two_at_gates, hk_val(2));
    open_gate(1);
    open_gate(3);
    open_gate(0);
    hk_task_wait(a, NULL); /* gone, or about to be; the other waits */
    note("end ");
    open_gate(2);
    hk_task_wait(b, NULL);
    note("end ");
    for (int i = 0; i < 8; i++) hk_close(gates[i / 2][i % 2]);
    return arg;
}

TEST(two_inner_schedulers_side_by_side)
{
    CHECK_EQ(sim_once(two_inner_schedulers, NULL), 0);
    CHECK_STR(trace, "1 3 0 end 2 end ");
}

/* ---- killed ---- */

static void *two_long_sleepers(void *arg)
{
    struct inner s = { .count = 0 };
    add_child(&s, sleeps, hk_val(100000));
    add_child(&s, sleeps, hk_val(200000));
    run_inner(&s);
    return arg;
}

static void *kills_it(void *arg)
{
    hk_tid tid = hk_spawn(HK_ROOT, arg, NULL);
    CHECK_EQ(hk_sleep(1), 0);
    CHECK_EQ(hk_task_kill(tid), 1);
    CHECK_EQ(hk_task_wait(tid, NULL), 0);
    return NULL;
}

SIM_TEST(a_killed_inner_scheduler_closes_its_children_and_their_calls_are_let_go_of)
{
    const int64_t begun = hk_now();
    trace_clear();
    kills_it(two_long_sleepers);
    CHECK_EQ(hk_now() - begun, 1);
    CHECK_STR(trace, "!100000 !200000 ");
}

static void *keeps_one(void *arg)
{
    intptr_t r = keep();
    note("kept %s ", number_text(r));
    return arg;
}

static void *one_keeper(void *arg)
{
    struct inner s = { .count = 0 };
    add_child(&s, keeps_one, NULL);
    run_inner(&s);
    return arg;
}

static void *completes_then_kills(void *arg)
{
    hk_tid tid = hk_spawn(HK_ROOT, arg, NULL);
    CHECK_EQ(hk_sleep(1), 0);
    hk_call_complete(kept, 7); /* the inner scheduler knows, but has not run yet */
    CHECK_EQ(hk_task_kill(tid), 1);
    CHECK_EQ(hk_task_wait(tid, NULL), 0);
    return NULL;
}

/* Done beats the cancel at every level: the child gets its 7. */
SIM_TEST(an_answer_that_came_before_the_kill_is_not_lost)
{
    trace_clear();
    completes_then_kills(one_keeper);
    CHECK_STR(trace, "kept 7 ");
}

/* ---- every kind ---- */

static void *many_kinds_of_calls(void *arg)
{
    intptr_t sum = add_one(1); /* at once */
    CHECK_EQ(hk_sched_yield(), 0);
    CHECK_EQ(hk_sleep(HK_MS(1)), 0);
    sum += add_one((int)hk_num(arg));
    HK_CORO(co, sleeps, hk_val(1), NULL); /* a generator of the child is in its strand */
    hk_coro_send(co, NULL);
    return hk_val(sum);
}

static void *mixed_children(void *arg)
{
    struct inner s = { .count = 0 };
    for (int i = 0; i < MAX; i++) add_child(&s, many_kinds_of_calls, hk_val(i));
    run_inner(&s);
    return arg;
}

SIM_TEST(an_inner_scheduler_serves_all_kinds_of_calls)
{
    trace_clear();
    add_one_handled = 0;
    mixed_children(NULL);
    CHECK_STR(trace, "1 1 1 1 1 1 1 1 ");
    CHECK_EQ(add_one_handled, 2 * MAX);
}
