/* SPDX-License-Identifier: MIT */
/* Stackless tasks and every kind of call.
 *
 * A call lives in the frame, HK_AWAIT makes it; all else is as with a task that has a stack. The
 * frames here are on the heap and counted: each is released once, however its task ended. */
#include "support/sim.h"
#include "support/steps.h"

#include <stdlib.h>
#include <string.h>

static int frames; /* alive */

struct frame {
    hk_coro co;
    char name;
    int i;
    intptr_t a, b;
    hk_tid tid;
    hk_exit how;
    hk_coro *inner;
    void *value;
    union {
        struct add_one add;
        struct keep keep;
        hk_sleep_call sleep;
        hk_wait_call wait;
    } u;
};

static struct frame *frame_of(hk_coro *co) { return HK_CONTAINER(co, struct frame, co); }

static void release(hk_coro *co)
{
    frames--;
    free(frame_of(co));
}

static struct frame *make(hk_step_fn *fn)
{
    struct frame *f = calloc(1, sizeof *f);
    frames++;
    hk_stackless_init(&f->co, fn, release);
    return f;
}

static hk_tid spawn(hk_step_fn *fn) { return hk_spawn_stackless(HK_ROOT, &make(fn)->co, "step"); }

/* Spawns fn, waits for its end. */
static hk_exit run_to_end(hk_step_fn *fn)
{
    hk_exit how;
    CHECK_EQ(hk_task_wait(spawn(fn), &how), 0);
    return how;
}

static void check_returned(hk_step_fn *fn, intptr_t value)
{
    hk_exit how = run_to_end(fn);
    CHECK_EQ(how.how, HK_END_RETURNED);
    CHECK_EQ(hk_num(how.value), value);
}

/* Tests are the bodies of main tasks. */
static void run(hk_entry *fn)
{
    CHECK_EQ(sim_once(fn, NULL), 0);
    CHECK_EQ(frames, 0);
}

/* ---- each kind of call ---- */

static hk_step calls_at_once(hk_coro *co, void *in)
{
    struct frame *f = frame_of(co);
    HK_BEGIN(co);
    for (f->i = 0; f->i < 1000; f->i++) { /* beyond the budget: it is queued in between */
        f->u.add = (struct add_one){ HK_CALL(add_one_type), .x = f->i };
        HK_AWAIT(co, &f->u.add.call);
        f->a += f->u.add.call.result;
    }
    HK_END(co, hk_val(f->a));
}

static void *main_at_once(void *arg)
{
    check_returned(calls_at_once, 500500);
    return arg;
}

TEST(a_call_that_completes_at_once_goes_on_in_the_same_step) { run(main_at_once); }

static hk_step parks(hk_coro *co, void *in)
{
    struct frame *f = frame_of(co);
    HK_BEGIN(co);
    f->u.keep = (struct keep){ HK_CALL(keep_type) };
    HK_AWAIT(co, &f->u.keep.call);
    f->a = f->u.keep.call.result;
    note("%s ", number_text(f->a));
    HK_END(co, hk_val(f->a));
}

static void *main_parks(void *arg)
{
    hk_exit how;
    hk_tid tid = spawn(parks);
    hk_sched_yield();
    hk_call_complete(kept, -5000); /* any number will do that is no error */
    CHECK_EQ(hk_task_wait(tid, &how), 0);
    CHECK_EQ(how.how, HK_END_RETURNED);
    CHECK_EQ(hk_num(how.value), -5000);
    return arg;
}

TEST(a_call_that_parks_resumes_the_step_with_its_result) { run(main_parks); }

static hk_step sleeps(hk_coro *co, void *in)
{
    struct frame *f = frame_of(co);
    HK_BEGIN(co);
    f->a = hk_now();
    hk_sleep_prepare(&f->u.sleep, HK_MS(2));
    HK_AWAIT(co, &f->u.sleep.call);
    CHECK_EQ(f->u.sleep.call.result, 0);
    CHECK_EQ(hk_now() - f->a, HK_MS(2));
    for (f->i = 0; f->i < 3; f->i++) {
        note("%c ", 's');
        hk_sleep_prepare(&f->u.sleep, 0);
        HK_AWAIT(co, &f->u.sleep.call);
    }
    HK_END(co, NULL);
}

static void *yields(void *arg)
{
    for (int i = 0; i < 3; i++) {
        note("y ");
        hk_sched_yield();
    }
    return arg;
}

static void *main_sleeps(void *arg)
{
    hk_tid tid = spawn(sleeps);
    hk_sleep(HK_MS(1));
    CHECK_EQ(hk_task_wait(tid, NULL), 0);
    return arg;
}

TEST(a_stackless_task_sleeps) { run(main_sleeps); }

static hk_step yields_by_sleeping(hk_coro *co, void *in)
{
    struct frame *f = frame_of(co);
    HK_BEGIN(co);
    for (f->i = 0; f->i < 3; f->i++) {
        note("s ");
        hk_sleep_prepare(&f->u.sleep, 0);
        HK_AWAIT(co, &f->u.sleep.call);
    }
    HK_END(co, NULL);
}

static void *main_yields(void *arg)
{
    spawn(yields_by_sleeping);
    hk_spawn(HK_ROOT, yields, NULL);
    return arg;
}

TEST(tasks_of_both_kinds_take_turns)
{
    run(main_yields);
    CHECK_STR(trace, "s y s y s y ");
}

static hk_step waits(hk_coro *co, void *in)
{
    struct frame *f = frame_of(co);
    HK_BEGIN(co);
    f->tid = hk_spawn(HK_ROOT, yields, hk_val(9));
    hk_task_wait_prepare(&f->u.wait, f->tid, &f->how);
    HK_AWAIT(co, &f->u.wait.call);
    CHECK_EQ(f->u.wait.call.result, 0);
    CHECK(f->how.how == HK_END_RETURNED && f->how.value == hk_val(9));
    hk_task_wait_prepare(&f->u.wait, f->tid, &f->how);
    HK_AWAIT(co, &f->u.wait.call);
    CHECK_NUMBER(f->u.wait.call.result, "-ESRCH");
    hk_task_wait_prepare(&f->u.wait, hk_task_self(), NULL);
    HK_AWAIT(co, &f->u.wait.call);
    CHECK_NUMBER(f->u.wait.call.result, "-EDEADLK");
    HK_END(co, hk_val(hk_task_self()));
}

static void *main_waits(void *arg)
{
    check_returned(waits, 2);
    return arg;
}

TEST(a_stackless_task_waits_for_another) { run(main_waits); }

/* ---- its end ---- */

static hk_step fails(hk_coro *co, void *in)
{
    (void)in;
    HK_BEGIN(co);
    HK_END(co, hk_val(hk_fail(-EPROTO, "no luck")));
}

static void *main_fails(void *arg)
{
    hk_exit how = run_to_end(fails);
    CHECK_EQ(how.how, HK_END_FAILED);
    CHECK_EQ(how.error, -EPROTO);
    CHECK_STR(how.why, "no luck: Protocol error");
    return arg;
}

TEST(a_stackless_task_fails_with_its_text) { run(main_fails); }

static hk_step runs_once(hk_coro *co, void *in)
{
    (void)co;
    CHECK(in == NULL);
    note("ran ");
    return hk__step(HK_RETURNED, hk_val(4));
}

static void *main_runs_once(void *arg)
{
    check_returned(runs_once, 4);
    return arg;
}

TEST(a_step_may_be_written_by_hand)
{
    run(main_runs_once);
    CHECK_STR(trace, "ran ");
}

TEST(a_spawn_that_fails_releases)
{
    CHECK_NUMBER(spawn(runs_once), "-EPERM");
    CHECK_EQ(frames, 0);
    CHECK_STR(trace, "");
}

/* ---- kill ---- */

static void *main_kills_fresh(void *arg)
{
    hk_exit how;
    hk_tid tid = spawn(runs_once);
    CHECK_EQ(hk_task_kill(tid), 1);
    CHECK_EQ(hk_task_wait(tid, &how), 0);
    CHECK_EQ(how.how, HK_END_CANCELLED);
    CHECK_EQ(frames, 0);
    return arg;
}

TEST(one_killed_before_its_first_step_never_runs_and_is_released)
{
    run(main_kills_fresh);
    CHECK_STR(trace, "");
}

static hk_step parks_twice(hk_coro *co, void *in)
{
    struct frame *f = frame_of(co);
    HK_BEGIN(co);
    for (f->i = 0; f->i < 2; f->i++) {
        f->u.keep = (struct keep){ HK_CALL(keep_type) };
        HK_AWAIT(co, &f->u.keep.call);
        note("%s ", number_text(f->u.keep.call.result));
    }
    hk_sleep_prepare(&f->u.sleep, HK_SEC(100));
    HK_AWAIT(co, &f->u.sleep.call);
    note("%s ", number_text(f->u.sleep.call.result));
    HK_END(co, hk_val(f->u.sleep.call.result));
}

static void *main_kills_parked(void *arg)
{
    hk_exit how;
    hk_tid tid = spawn(parks_twice);
    hk_sched_yield();
    CHECK_EQ(hk_task_kill(tid), 1);
    CHECK_EQ(hk_task_kill(tid), 1);
    CHECK_EQ(hk_task_wait(tid, &how), 0);
    CHECK_EQ(how.how, HK_END_CANCELLED);
    CHECK_EQ(keep_aborts, 1);
    return arg;
}

TEST(one_killed_in_a_call_is_aborted_and_then_refused)
{
    run(main_kills_parked);
    CHECK_STR(trace, "-ECANCELED -ECANCELED -ECANCELED ");
}

static void *main_kills_later(void *arg)
{
    hk_tid tid = spawn(parks_twice);
    hk_sched_yield();
    keep_abort_answer = HK_ABORT_LATER;
    CHECK_EQ(hk_task_kill(tid), 1);
    hk_sched_yield();
    CHECK_STR(trace, "");
    hk_call_complete(kept, 7);
    CHECK_EQ(hk_task_wait(tid, NULL), 0);
    return arg;
}

TEST(one_killed_in_a_call_that_ends_later_gets_its_result_first)
{
    run(main_kills_later);
    CHECK_STR(trace, "7 -ECANCELED -ECANCELED ");
}

static void *main_kills_done(void *arg)
{
    hk_tid tid = spawn(parks_twice);
    hk_sched_yield();
    hk_call_complete(kept, 7);
    CHECK_EQ(hk_task_kill(tid), 1);
    CHECK_EQ(hk_task_wait(tid, NULL), 0);
    return arg;
}

TEST(one_killed_after_its_call_was_complete_gets_the_result)
{
    run(main_kills_done);
    CHECK_STR(trace, "7 -ECANCELED -ECANCELED ");
    CHECK_EQ(keep_aborts, 0);
}

static hk_step awaits_it_twice(hk_coro *co, void *in)
{
    struct frame *f = frame_of(co);
    HK_BEGIN(co);
    f->u.keep = (struct keep){ HK_CALL(keep_type) };
    HK_AWAIT(co, &f->u.keep.call);
    HK_AWAIT(co, &f->u.keep.call);
    HK_END(co, hk_val(f->u.keep.call.result));
}

TEST(a_call_may_be_awaited_again_as_it_is)
{
    hk_coro *co = &make(awaits_it_twice)->co;
    CHECK(!accept_call(hk_coro_send(co, NULL).call));
    keep_abort_answer = HK_ABORT_LATER;
    CHECK_STEP(hk_coro_close(co), "refused EINPROGRESS");
    hk_call_complete(kept, 1);
    CHECK(!accept_call(hk_coro_send(co, hk_val(1)).call));
    keep_abort_answer = HK_ABORTED;
    CHECK_STEP(hk_coro_close(co), "returned 0");
    CHECK_EQ(keep_aborts, 2); /* once for each time it was made */
    CHECK_EQ(hk_coro_destroy(co), 0);
    CHECK_EQ(frames, 0);
}

/* ---- delegating to a generator with a stack that traps ---- */

static void *naps_and_yields(void *arg)
{
    for (int i = 1; i <= 3; i++) {
        int r = hk_sleep(HK_MS(1));
        if (r < 0) {
            note("inner %s ", number_text(r));
            return hk_val(r);
        }
        note("%d ", (int)add_one(i));
    }
    return arg;
}

static hk_step delegates(hk_coro *co, void *in)
{
    struct frame *f = frame_of(co);
    HK_BEGIN(co);
    f->inner = hk_coro_create(naps_and_yields, hk_val(40), NULL);
    HK_DELEGATE(co, f->inner, &f->value);
    CHECK_EQ(hk_coro_destroy(f->inner), 0);
    HK_END(co, hk_is_err(f->value) ? f->value : hk_val(hk_num(f->value) + 2));
}

static void *main_delegates(void *arg)
{
    check_returned(delegates, 42);
    return arg;
}

TEST(a_stackless_task_delegates_to_a_generator_that_calls)
{
    run(main_delegates);
    CHECK_STR(trace, "2 3 4 ");
}

static void *main_kills_delegating(void *arg)
{
    hk_exit how;
    hk_tid tid = spawn(delegates);
    hk_sched_yield();
    CHECK_EQ(hk_task_kill(tid), 1);
    CHECK_EQ(hk_task_wait(tid, &how), 0);
    CHECK_EQ(how.how, HK_END_CANCELLED);
    return arg;
}

TEST(a_kill_reaches_the_generator_and_unwinds_outwards)
{
    run(main_kills_delegating);
    CHECK_STR(trace, "inner -ECANCELED ");
}

/* A stackless inner one that calls, two deep. */
static hk_step innermost(hk_coro *co, void *in)
{
    struct frame *f = frame_of(co);
    HK_BEGIN(co);
    hk_sleep_prepare(&f->u.sleep, HK_MS(1));
    HK_AWAIT(co, &f->u.sleep.call);
    f->u.add = (struct add_one){ HK_CALL(add_one_type), .x = 20 };
    HK_AWAIT(co, &f->u.add.call);
    HK_END(co, hk_val(f->u.add.call.result));
}

static hk_step middle(hk_coro *co, void *in)
{
    struct frame *f = frame_of(co);
    HK_BEGIN(co);
    f->inner = &make(innermost)->co;
    HK_DELEGATE(co, f->inner, &f->value);
    hk_coro_leave(&f->inner);
    HK_END(co, f->value);
}

static hk_step outermost(hk_coro *co, void *in)
{
    struct frame *f = frame_of(co);
    HK_BEGIN(co);
    f->inner = &make(middle)->co;
    HK_DELEGATE(co, f->inner, &f->value);
    hk_coro_leave(&f->inner);
    HK_END(co, f->value);
}

static void *main_deep(void *arg)
{
    check_returned(outermost, 21);
    return arg;
}

TEST(calls_of_stackless_ones_pass_through_stackless_ones) { run(main_deep); }

/* ---- what few of them have ---- */

/* The text of its failure needs memory that a task without a name has not had before. */
static hk_step sleeps_and_fails(hk_coro *co, void *in)
{
    struct frame *f = frame_of(co);
    HK_BEGIN(co);
    hk_sleep_prepare(&f->u.sleep, HK_SEC(1000));
    HK_AWAIT(co, &f->u.sleep.call);
    note("%s ", number_text(f->u.sleep.call.result));
    hk_fail(-EPROTO, "the first trouble");
    HK_END(co, hk_val(f->i != 0 ? -EPROTO : f->u.sleep.call.result));
}

static void kill_nameless(int fails, hk_end how, const char *why)
{
    struct frame *f = make(sleeps_and_fails);
    f->i = fails;
    hk_exit end;
    hk_tid tid = hk_spawn_stackless(HK_ROOT, &f->co, NULL);
    hk_sched_yield();
    CHECK_EQ(hk_task_kill(tid), 1);
    CHECK_EQ(hk_task_wait(tid, &end), 0);
    CHECK_EQ(end.how, how);
    CHECK(strncmp(end.why, why, strlen(why)) == 0);
}

static void *main_kills_nameless(void *arg)
{
    kill_nameless(1, HK_END_FAILED, "the first trouble");
    kill_nameless(0, HK_END_CANCELLED, "killed by task ");
    return arg;
}

TEST(who_killed_a_nameless_one_is_known_beside_the_text_of_its_failure)
{
    run(main_kills_nameless);
    CHECK_STR(trace, "-ECANCELED -ECANCELED ");
}

static hk_step crowd_step(hk_coro *co, void *in);

static void says_who(void *arg) { note("%s ", number_text(hk_task_self())); }

static void *does_not_end(void *arg)
{
    CHECK_EQ(hk_at_end(says_who, NULL), 0);
    while (hk_yield(NULL) != hk_val(77)) continue;
    return arg;
}

/* The handlers of the stack that it drops are nobody's, though it has siblings. */
static hk_step drops_a_stack(hk_coro *co, void *in)
{
    struct frame *f = frame_of(co);
    HK_BEGIN(co);
    f->inner = hk_coro_create(does_not_end, NULL, &(hk_coro_options){ .name = "mule" });
    CHECK_EQ(hk_coro_send(f->inner, NULL).outcome, HK_YIELDED);
    hk_coro_leave(&f->inner);
    note("%s ", hk_task_self() > 0 ? "again" : "lost");
    HK_END(co, NULL);
}

static void *main_drops(void *arg)
{
    hk_tid first = spawn(drops_a_stack), second = spawn(crowd_step);
    CHECK_EQ(hk_task_wait(first, NULL), 0);
    CHECK_EQ(hk_task_wait(second, NULL), 0);
    return arg;
}

TEST(a_stack_that_a_stackless_task_drops_is_no_task_of_its_siblings,
     .prints = "hocket: coroutine 'mule' ignored its close: its stack is dropped\n")
{
    run(main_drops);
    CHECK_STR(trace, "-EPERM again ");
}

/* ---- a thousand of both kinds on one scheduler ---- */

enum { CROWD = 1000 };

static long total;

static hk_step crowd_step(hk_coro *co, void *in)
{
    struct frame *f = frame_of(co);
    HK_BEGIN(co);
    for (f->i = 0; f->i < 5; f->i++) {
        hk_sleep_prepare(&f->u.sleep, f->i % 2 != 0 ? HK_US(50) : 0);
        HK_AWAIT(co, &f->u.sleep.call);
        f->u.add = (struct add_one){ HK_CALL(add_one_type), .x = f->i };
        HK_AWAIT(co, &f->u.add.call);
        total += f->u.add.call.result;
    }
    HK_END(co, NULL);
}

static void *crowd_task(void *arg)
{
    for (int i = 0; i < 5; i++) {
        if (hk_sleep(i % 2 != 0 ? HK_US(50) : 0) < 0) return arg;
        total += add_one(i);
    }
    return arg;
}

static void *main_crowd(void *arg)
{
    for (int i = 0; i < CROWD; i++) {
        CHECK(spawn(crowd_step) > 0);
        CHECK(hk_spawn(HK_ROOT, crowd_task, NULL) > 0);
    }
    return arg;
}

TEST(one_scheduler_runs_a_crowd_of_both_kinds, .seconds = 30)
{
    run(main_crowd);
    CHECK_EQ(total, 2 * CROWD * 15);
}
