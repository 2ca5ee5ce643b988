/* SPDX-License-Identifier: MIT */
/* Scopes and groups where tasks have no stack, and where a coroutine has a driver of its own. */
#include "support/sim.h"
#include "support/steps.h"

static const hk_coro_options driven = { .driven = true };

static void *sleeps(void *arg)
{
    int r = hk_sleep(hk_num(arg));
    note("%s ", number_text(r));
    return hk_val(r);
}

static void *fails(void *arg)
{
    CHECK_EQ(hk_sleep(HK_MS(1)), 0);
    return arg;
}

/* ---- stackless ---- */

struct frame {
    hk_coro co;
    hk_scope limit;
    hk_group group;
    union {
        hk_sleep_call sleep;
        hk_sync_call close;
    };
    intptr_t result;
};
static struct frame frame;

static hk_step limited_step(hk_coro *co, void *in)
{
    struct frame *f = HK_CONTAINER(co, struct frame, co);
    HK_BEGIN(co);
    hk_scope_open(&f->limit, HK_MS(5));
    hk_sleep_prepare(&f->sleep, HK_MS(1));
    HK_AWAIT(co, &f->sleep.call);
    note("%s ", number_text(f->sleep.call.result));
    hk_sleep_prepare(&f->sleep, HK_SEC(1000));
    HK_AWAIT(co, &f->sleep.call);
    note("%s ", number_text(f->sleep.call.result));
    hk_sleep_prepare(&f->sleep, HK_SEC(1000));
    HK_AWAIT(co, &f->sleep.call);
    note("%s ", number_text(f->sleep.call.result));
    f->result = hk_scope_close(&f->limit, f->sleep.call.result);
    note("%s ", number_text(f->result));
    hk_sleep_prepare(&f->sleep, 1);
    HK_AWAIT(co, &f->sleep.call);
    note("%s", number_text(f->sleep.call.result));
    HK_END(co, NULL);
}

static void run_step(hk_step (*step)(hk_coro *co, void *in))
{
    trace_clear();
    memset(&frame, 0, sizeof frame);
    hk_stackless_init(&frame.co, step, NULL);
    HK_GROUP(g, NULL);
    CHECK(hk_spawn_stackless(&g, &frame.co, "step") > 0);
    CHECK_EQ(hk_group_close(&g, 0), 0);
}

SIM_TEST(a_scope_is_open_across_the_steps_of_a_stackless_task)
{
    run_step(limited_step);
    CHECK_STR(trace, "0 -ECANCELED -ECANCELED -ETIMEDOUT 0");
}

static hk_step group_step(hk_coro *co, void *in)
{
    struct frame *f = HK_CONTAINER(co, struct frame, co);
    HK_BEGIN(co);
    hk_group_open(&f->group, NULL);
    hk_spawn(&f->group, sleeps, hk_val(HK_MS(1)));
    hk_spawn(&f->group, sleeps, hk_val(HK_MS(2)));
    hk_group_close_prepare(&f->close, &f->group, 7);
    HK_AWAIT(co, &f->close.call);
    note("%s", number_text(f->close.call.result));
    hk_group_leave(&f->group);
    hk_group_open(&f->group, NULL);
    hk_group_close_prepare(&f->close, &f->group, 8); /* it need not wait */
    HK_AWAIT(co, &f->close.call);
    note(" %s", number_text(f->close.call.result));
    hk_group_leave(&f->group);
    HK_END(co, NULL);
}

SIM_TEST(a_stackless_task_awaits_the_end_of_its_group)
{
    run_step(group_step);
    CHECK_STR(trace, "0 0 7 8");
}

static hk_step failing_group_step(hk_coro *co, void *in)
{
    struct frame *f = HK_CONTAINER(co, struct frame, co);
    HK_BEGIN(co);
    hk_group_open(&f->group, NULL);
    hk_spawn(&f->group, sleeps, hk_val(HK_SEC(1000)));
    hk_spawn(&f->group, fails, hk_val(-EIO));
    hk_sleep_prepare(&f->sleep, HK_SEC(1000)); /* the body waits, and is cancelled as well */
    HK_AWAIT(co, &f->sleep.call);
    f->result = f->sleep.call.result;
    hk_group_close_prepare(&f->close, &f->group, f->result);
    HK_AWAIT(co, &f->close.call);
    note("%s %s", number_text(f->result), number_text(f->close.call.result));
    hk_group_leave(&f->group);
    HK_END(co, NULL);
}

SIM_TEST(a_failure_in_the_group_of_a_stackless_task_cancels_its_steps)
{
    run_step(failing_group_step);
    if (!sim_is_fifo()) return;
    CHECK(strstr(trace, "-ECANCELED -ECANCELED ") == trace);
    CHECK(strstr(trace, "-EIO") != NULL);
}

SIM_TEST(a_stackless_task_that_is_killed_waits_for_its_group_and_that_is_cancelled)
{
    hk_exit how;
    trace_clear();
    memset(&frame, 0, sizeof frame);
    hk_stackless_init(&frame.co, group_step, NULL);
    HK_GROUP(g, NULL);
    hk_tid tid = hk_spawn_stackless(&g, &frame.co, "step");
    hk_sleep(HK_US(500));
    CHECK_STR(trace, "");
    hk_task_kill(tid);
    CHECK_EQ(hk_task_wait(tid, &how), 0);
    CHECK_EQ(how.how, HK_END_RETURNED);
    CHECK_STR(trace, "-ECANCELED -ECANCELED -ECANCELED 8");
    CHECK_EQ(hk_group_close(&g, 0), 0);
}

static hk_step yields_in_its_scope(hk_coro *co, void *in)
{
    struct frame *f = HK_CONTAINER(co, struct frame, co);
    HK_BEGIN(co);
    (void)in;
    hk_scope_open(&f->limit, HK_FOREVER);
    HK_GIVE(co, hk_val(1));
    hk_scope_close(&f->limit, 0);
    HK_END(co, NULL);
}

static void *consumes_a_step(void *arg)
{
    void *value;
    hk_stackless_init(&frame.co, yields_in_its_scope, NULL);
    hk_coro_next(&frame.co, &value);
    return arg;
}

TEST(a_stackless_generator_does_not_yield_in_its_own_scope,
     .aborts = "yields, but the scope it opened at")
{
    sim_once(consumes_a_step, NULL);
}

static hk_step ends_in_its_scope(hk_coro *co, void *in)
{
    struct frame *f = HK_CONTAINER(co, struct frame, co);
    HK_BEGIN(co);
    (void)in;
    hk_scope_open(&f->limit, HK_FOREVER);
    HK_END(co, NULL);
}

static void *spawns_a_step(void *arg)
{
    hk_stackless_init(&frame.co, ends_in_its_scope, NULL);
    CHECK_EQ(hk_task_wait(hk_spawn_stackless(HK_ROOT, &frame.co, "step"), NULL), 0);
    return arg;
}

TEST(a_stackless_task_does_not_end_in_its_own_scope, .aborts = "but the scope it opened at")
{
    sim_once(spawns_a_step, NULL);
}

/* ---- driven: a scope of the coroutine's own, whose driver hands its calls on ---- */

static void *limited(void *arg)
{
    HK_SCOPE(limit, HK_MS(1));
    int r = hk_sleep(HK_SEC(1000));
    note("%s ", number_text(r));
    note("%s ", number_text(hk_scope_close(&limit, r)));
    note("%s", number_text(hk_sleep(1)));
    return arg;
}

static void *hands_up(void *fn)
{
    HK_CORO(co, (hk_entry *)fn, NULL, &driven);
    hk_step step = hk_coro_send(co, NULL);
    while (step.outcome == HK_TRAPPED) step = hk_coro_send(co, hk_val(hk_trap(step.call)));
    return step.value;
}

SIM_TEST(a_deadline_of_a_driven_coroutine_cuts_the_call_that_its_driver_waits_in)
{
    trace_clear();
    HK_GROUP(g, NULL);
    int64_t start = hk_now();
    hk_spawn(&g, hands_up, (void *)limited);
    CHECK_EQ(hk_group_close(&g, 0), 0);
    CHECK_STR(trace, "-ECANCELED -ETIMEDOUT 0");
    CHECK(hk_now() - start < HK_SEC(1));
}

static hk_event answer;
static void answered(hk_call *call)
{
    (void)call;
    hk_event_set(&answer);
}

/* One call at a time; told by call->done, and not by its own wake-up. */
static void *forwards(void *fn)
{
    HK_CORO(co, (hk_entry *)fn, NULL, &driven);
    hk_step step = hk_coro_send(co, NULL);
    while (step.outcome == HK_TRAPPED) {
        hk_call *call = step.call;
        hk_event_clear(&answer);
        call->done = answered;
        if (!hk_call_start(call) && hk_event_wait(&answer) < 0) {
            note("close ");
            step = hk_coro_close(co); /* which aborts the call */
        } else {
            step = hk_coro_send(co, hk_val(call->result));
        }
    }
    return step.value;
}

SIM_TEST(a_deadline_of_a_driven_coroutine_cuts_the_call_that_was_forwarded)
{
    trace_clear();
    HK_GROUP(g, NULL);
    int64_t start = hk_now();
    hk_spawn(&g, forwards, (void *)limited);
    CHECK_EQ(hk_group_close(&g, 0), 0);
    CHECK_STR(trace, "-ECANCELED -ETIMEDOUT 0");
    CHECK(hk_now() - start < HK_SEC(1));
}

static void *sleeps_twice(void *arg)
{
    note("%s ", number_text(hk_sleep(HK_SEC(1000))));
    note("%s ", number_text(hk_sleep(HK_SEC(1000))));
    return arg;
}

/* Its own wait ends with the cancel; what it has forwarded is its own to abort; what it forwards
 * from then on is refused. */
SIM_TEST(a_driver_in_a_cancelled_task_closes_and_what_it_forwards_is_refused)
{
    trace_clear();
    HK_GROUP(g, NULL);
    int64_t start = hk_now();
    hk_tid tid = hk_spawn(&g, forwards, (void *)sleeps_twice);
    hk_sleep(HK_MS(1));
    hk_task_kill(tid);
    CHECK_EQ(hk_group_close(&g, 0), 0);
    CHECK_STR(trace, "close -ECANCELED -ECANCELED ");
    CHECK(hk_now() - start < HK_SEC(1));
}

static hk_scope *inside;
static void *opens_one(void *arg)
{
    HK_SCOPE(own, HK_FOREVER);
    inside = &own;
    int r = hk_sleep(HK_SEC(1000));
    note("%s %s", number_text(r), strstr(hk_why(), "from the outside") != NULL ? "why" : "?");
    hk_scope_close(&own, 0);
    return arg;
}

SIM_TEST(a_scope_of_a_driven_coroutine_is_cancelled_by_another_task)
{
    hk_entry *const drivers[] = { hands_up, forwards };
    for (int i = 0; i < 2; i++) {
        trace_clear();
        HK_GROUP(g, NULL);
        int64_t start = hk_now();
        hk_spawn(&g, drivers[i], (void *)opens_one);
        hk_sleep(HK_MS(1));
        hk_scope_cancel(inside, "from the outside");
        CHECK_EQ(hk_group_close(&g, 0), 0);
        CHECK_STR(trace, "-ECANCELED why");
        CHECK(hk_now() - start < HK_SEC(1));
    }
}
