/* SPDX-License-Identifier: MIT */
/* Letting go of a call: what close, throw and kill do to a strand that is parked in one.
 *
 * It depends on who has the call. Nobody yet: the error is its answer. Somebody who can let go at
 * once: abort, then the error. Somebody who cannot: refused, and the completion decides. Somebody
 * who has completed it: the result is reported, and the error is met at the next wait (done XOR
 * cancelled). */
#include "coro/coro.h"
#include "support/sim.h"
#include "support/small.h"
#include "support/steps.h"

#include <stdlib.h>

/* One kept call, then an item, then one more call, then 7. Notes what each gave. */
static void *body(void *arg)
{
    (void)arg;
    intptr_t r = keep();
    note("call %s ", number_text(r));
    if (r < 0) return hk_val(r);
    void *in = hk_yield(hk_val(1));
    note("yield %s ", number_text(hk_num(in)));
    if (hk_is_err(in)) return in;
    r = add_one(1);
    note("call %s ", number_text(r));
    return r < 0 ? hk_val(r) : hk_val(7);
}

struct frame {
    hk_coro co;
    struct keep keep;
    struct add_one add;
};

static hk_step step(hk_coro *co, void *in)
{
    struct frame *f = HK_CONTAINER(co, struct frame, co);
    HK_BEGIN(co);
    f->keep = (struct keep){ HK_CALL(keep_type) };
    HK_AWAIT(co, &f->keep.call);
    note("call %s ", number_text(f->keep.call.result));
    if (f->keep.call.result < 0) HK_RETURN(co, hk_val(f->keep.call.result));
    HK_GIVE(co, hk_val(1));
    note("yield %s ", number_text(hk_num(in)));
    if (hk_is_err(in)) HK_RETURN(co, in);
    f->add = (struct add_one){ HK_CALL(add_one_type), .x = 1 };
    HK_AWAIT(co, &f->add.call);
    note("call %s ", number_text(f->add.call.result));
    HK_END(co, f->add.call.result < 0 ? hk_val(f->add.call.result) : hk_val(7));
}

/* A member in between, so that the call is made deeper in the strand than its driver looks. */
static void *passes_through(void *arg)
{
    void *value = hk_coro_delegate(arg);
    return value;
}

enum { STACKFUL, STACKLESS, DEEP, KINDS };

static struct frame frame;
static hk_coro *deep_inner;

static hk_coro *make(int kind)
{
    trace_clear();
    kept = NULL;
    keep_aborts = 0;
    keep_abort_answer = HK_ABORTED;
    if (kind == STACKFUL) return hk_coro_create(body, NULL, NULL);
    if (kind == DEEP) {
        deep_inner = hk_coro_create(body, NULL, NULL);
        return hk_coro_create(passes_through, deep_inner, NULL);
    }
    memset(&frame, 0, sizeof frame);
    hk_stackless_init(&frame.co, step, NULL);
    return &frame.co;
}

/* Parked in the kept call, which is not accepted yet. */
static hk_coro *park(int kind)
{
    hk_coro *co = make(kind);
    CHECK_STEP(hk_coro_send(co, NULL), "trapped keep");
    return co;
}

/* for (hk_coro *co = first_kind(); co != NULL; co = next_kind(co)): each kind in turn, parked. */
static int kind;

static hk_coro *first_kind(void) { return park(kind = 0); }

static hk_coro *next_kind(hk_coro *co)
{
    CHECK_EQ(hk_coro_destroy(co), 0);
    if (kind == DEEP) CHECK_EQ(hk_coro_destroy(deep_inner), 0);
    return ++kind < KINDS ? park(kind) : NULL;
}

TEST(not_accepted_the_error_is_the_answer)
{
    for (hk_coro *co = first_kind(); co != NULL; co = next_kind(co)) {
        CHECK_STEP(hk_coro_throw(co, -EIO), "failed EIO");
        CHECK_STR(trace, "call -EIO ");
        CHECK_EQ(keep_aborts, 0);
    }
    for (hk_coro *co = first_kind(); co != NULL; co = next_kind(co)) {
        CHECK_STEP(hk_coro_close(co), "returned 0");
        CHECK_STR(trace, "call -ECANCELED ");
        CHECK_EQ(keep_aborts, 0);
    }
}

TEST(accepted_and_abortable_the_call_is_let_go_of_first)
{
    for (hk_coro *co = first_kind(); co != NULL; co = next_kind(co)) {
        CHECK(!accept_call(hk__call_of(co)));
        CHECK_STEP(hk_coro_throw(co, -EIO), "failed EIO");
        CHECK_STR(trace, "call -EIO ");
        CHECK_EQ(keep_aborts, 1);
    }
    for (hk_coro *co = first_kind(); co != NULL; co = next_kind(co)) {
        CHECK(!accept_call(hk__call_of(co)));
        CHECK_STEP(hk_coro_close(co), "returned 0");
        CHECK_STR(trace, "call -ECANCELED ");
        CHECK_EQ(keep_aborts, 1);
    }
}

TEST(accepted_and_abortable_a_destroy_lets_go_of_it_too)
{
    hk_coro *co = park(STACKFUL);
    CHECK(!accept_call(hk__call_of(co)));
    CHECK_EQ(hk_coro_destroy(co), 0);
    CHECK_STR(trace, "call -ECANCELED ");
    CHECK_EQ(keep_aborts, 1);
}

TEST(accepted_and_later_it_is_refused_and_the_completion_decides)
{
    for (hk_coro *co = first_kind(); co != NULL; co = next_kind(co)) {
        CHECK(!accept_call(hk__call_of(co)));
        keep_abort_answer = HK_ABORT_LATER;
        CHECK_STEP(hk_coro_throw(co, -EIO), "refused EINPROGRESS");
        CHECK_STEP(hk_coro_close(co), "refused EINPROGRESS");
        CHECK_NUMBER(hk_coro_destroy(co), "-EINPROGRESS");
        CHECK_STEP(hk_coro_send(co, hk_val(5)), "refused EINPROGRESS");
        CHECK_EQ(keep_aborts, 1); /* asked once, however often it is wanted */
        CHECK_STR(trace, "");
        hk_call_complete(kept, 42);
        CHECK_STEP(hk_coro_send(co, hk_val(kept->result)), "yielded 1");
        CHECK_STR(trace, "call 42 ");
    }
}

static void handle_for_ever(hk_call *call) { kept = call; }
static const hk_call_type unabortable = { .name = "unabortable", .handle = handle_for_ever };

static void *makes_unabortable(void *arg)
{
    (void)arg;
    intptr_t r = HK_TRAP(struct keep, HK_CALL(unabortable));
    return hk_val(r);
}

TEST(a_call_without_abort_cannot_be_aborted)
{
    HK_CORO(co, makes_unabortable, NULL, NULL);
    CHECK(!accept_call(hk_coro_send(co, NULL).call));
    CHECK_STEP(hk_coro_close(co), "refused EINPROGRESS");
    CHECK_STEP(hk_coro_throw(co, -EIO), "refused EINPROGRESS");
    hk_call_complete(kept, 3);
    CHECK_STEP(hk_coro_send(co, hk_val(3)), "returned 3");
}

/* ---- complete, but not resumed ---- */

TEST(complete_the_result_is_reported_and_the_error_met_at_the_next_yield)
{
    for (hk_coro *co = first_kind(); co != NULL; co = next_kind(co)) {
        CHECK(!accept_call(hk__call_of(co)));
        hk_call_complete(kept, 42);
        CHECK_STEP(hk_coro_close(co), "returned 0");
        CHECK_STR(trace, "call 42 yield -ECANCELED ");
        CHECK_EQ(keep_aborts, 0);
    }
    for (hk_coro *co = first_kind(); co != NULL; co = next_kind(co)) {
        CHECK(!accept_call(hk__call_of(co)));
        hk_call_complete(kept, 42);
        CHECK_STEP(hk_coro_throw(co, -EIO), "failed EIO");
        CHECK_STR(trace, "call 42 yield -EIO ");
    }
}

TEST(complete_with_an_error_it_is_that_error_that_is_reported)
{
    for (hk_coro *co = first_kind(); co != NULL; co = next_kind(co)) {
        CHECK(!accept_call(hk__call_of(co)));
        hk_call_complete(kept, -EPIPE);
        CHECK_STEP(hk_coro_close(co), "failed EPIPE");
        CHECK_STR(trace, "call -EPIPE ");
    }
}

static void *calls_twice(void *arg)
{
    (void)arg;
    note("first %s ", number_text(keep()));
    intptr_t r = keep();
    note("second %s ", number_text(r));
    return hk_val(r);
}

TEST(complete_the_error_may_be_met_at_the_next_call)
{
    HK_CORO(co, calls_twice, NULL, NULL);
    accept_call(hk_coro_send(co, NULL).call);
    hk_call_complete(kept, 42);
    CHECK_STEP(hk_coro_close(co), "returned 0");
    CHECK_STR(trace, "first 42 second -ECANCELED ");
}

TEST(complete_a_destroy_reports_the_result_too)
{
    hk_coro *co = park(STACKFUL);
    accept_call(hk__call_of(co));
    hk_call_complete(kept, 42);
    CHECK_EQ(hk_coro_destroy(co), 0);
    CHECK_STR(trace, "call 42 yield -ECANCELED ");
}

/* What a driver itself sends is its word, whatever the handler said. */
TEST(complete_a_driver_may_still_send_what_it_likes)
{
    hk_coro *co = park(STACKFUL);
    accept_call(hk__call_of(co));
    hk_call_complete(kept, 42);
    CHECK_STEP(hk_coro_send(co, hk_val(-EIO)), "failed EIO");
    CHECK_STR(trace, "call -EIO ");
    CHECK_EQ(hk_coro_destroy(co), 0);
}

/* ---- tasks ---- */

static hk_tid victim;

static void *keeps(void *arg)
{
    note("kept %s ", number_text(keep()));
    note("then %s ", number_text(keep()));
    return arg;
}

static void *kills_many_times(void *arg)
{
    victim = hk_spawn(HK_ROOT, keeps, NULL);
    hk_sched_yield();
    for (int i = 0; i < 5; i++) CHECK_EQ(hk_task_kill(victim), 1);
    CHECK_EQ(hk_task_wait(victim, NULL), 0);
    CHECK_EQ(hk_task_kill(victim), 0);
    return arg;
}

TEST(abort_is_asked_at_most_once)
{
    CHECK_EQ(sim_once(kills_many_times, NULL), 0);
    CHECK_EQ(keep_aborts, 1);
    CHECK_STR(trace, "kept -ECANCELED then -ECANCELED ");
}

static void *ends_while_one_is_parked(void *arg)
{
    hk_sched_yield();
    return arg;
}

/* The end of a scheduler is a kill: asked once, then the task is waited for until the grace is
 * over; one whose call never completes is reported and dropped. */
TEST(shutdown_asks_once_and_drops_what_never_comes,
     .prints = "hocket: task 2 'keeps' did not end when it was killed, and is dropped\n")
{
    hk_sched *s = hk_sched_create(&(hk_run_options){ .grace = HK_MS(20), .world = sim_world() });
    hk_sched_spawn(s, ends_while_one_is_parked, NULL);
    hk_sched_spawn(s, keeps, NULL);
    hk_sched_hold(s);
    while (hk_sched_step(s) == 0) continue;
    keep_abort_answer = HK_ABORT_LATER;
    hk_sched_destroy(s);
    CHECK_EQ(keep_aborts, 1);
    CHECK_STR(trace, "");
}

/* ---- refusal at entry ---- */

static int handled;
static void count_handle(hk_call *call)
{
    handled++;
    hk_call_complete(call, handled);
}
static const hk_call_type at_once_type = { .name = "at_once", .handle = count_handle };
static const hk_call_type exempt_type = { .name = "exempt",
                                          .handle = count_handle,
                                          .flags = HK_CALL_NO_REFUSAL };

static intptr_t make_call(const hk_call_type *type)
{
    struct keep call = { .call = { .type = type } };
    return hk_trap(&call.call);
}

static void *calls_after_its_kill(void *arg)
{
    (void)arg;
    CHECK_EQ(hk_task_kill(hk_task_self()), 1);
    CHECK_NUMBER(make_call(&at_once_type), "-ECANCELED"); /* though it would not have waited */
    CHECK_NUMBER(keep(), "-ECANCELED");
    CHECK_EQ(handled, 0);
    CHECK(kept == NULL);
    CHECK_EQ(make_call(&exempt_type), 1);
    CHECK_EQ(make_call(&exempt_type), 2);
    CHECK_NUMBER(hk_sched_yield(), "-ECANCELED");
    CHECK_NUMBER(hk_sleep(0), "-ECANCELED");
    CHECK_NUMBER(hk_task_wait(12345, NULL), "-ECANCELED");
    CHECK(hk_spawn(HK_ROOT, ends_while_one_is_parked, NULL) > 0); /* no call */
    return NULL;
}

TEST(a_killed_task_is_refused_before_anything_happens_but_for_what_must_work_in_cleanup)
{
    CHECK_EQ(sim_once(calls_after_its_kill, NULL), 0);
    CHECK_EQ(handled, 2);
}

static void keep_exempt_handle(hk_call *call) { kept = call; }
static int keep_exempt_abort(hk_call *call)
{
    (void)call;
    note("aborted ");
    return HK_ABORTED;
}
static const hk_call_type keep_exempt = { .name = "keep_exempt",
                                          .handle = keep_exempt_handle,
                                          .abort = keep_exempt_abort,
                                          .flags = HK_CALL_NO_REFUSAL };

static void *waits_in_cleanup(void *arg)
{
    CHECK_NUMBER(keep(), "-ECANCELED");
    note("cleanup %s ", number_text(make_call(&keep_exempt)));
    return arg;
}

static void *kills_then_completes(void *arg)
{
    victim = hk_spawn(HK_ROOT, waits_in_cleanup, NULL);
    hk_sched_yield();
    hk_task_kill(victim);
    hk_sched_yield();
    CHECK_EQ(hk_task_kill(victim), 1); /* again: the exempt call is not aborted for it */
    hk_sched_yield();
    CHECK_STR(trace, "");
    hk_call_complete(kept, 5);
    CHECK_EQ(hk_task_wait(victim, NULL), 0);
    return arg;
}

TEST(an_exempt_call_may_wait_in_a_killed_task)
{
    CHECK_EQ(sim_once(kills_then_completes, NULL), 0);
    CHECK_STR(trace, "cleanup 5 ");
}

/* ---- the abort of a call made deep in a strand of a task ---- */

static void *consumes(void *arg)
{
    HK_CORO(co, body, NULL, NULL);
    hk_step s = hk_coro_send(co, NULL);
    note("consumer %s ", step_text(s));
    (void)arg;
    return s.value;
}

static void *kills_consumer(void *arg)
{
    hk_exit how;
    victim = hk_spawn(HK_ROOT, consumes, NULL);
    hk_sched_yield();
    CHECK_EQ(hk_task_kill(victim), 1);
    CHECK_EQ(hk_task_wait(victim, &how), 0);
    CHECK_EQ(how.how, HK_END_CANCELLED);
    return arg;
}

TEST(a_kill_lets_go_of_the_call_of_the_innermost_generator)
{
    CHECK_EQ(sim_once(kills_consumer, NULL), 0);
    CHECK_STR(trace, "call -ECANCELED consumer failed ECANCELED ");
    CHECK_EQ(keep_aborts, 1);
}
