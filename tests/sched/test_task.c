/* SPDX-License-Identifier: MIT */
/* Tasks under the scheduler: birth, numbers, kill, wait, exit. SEMANTICS 2-3, cases 38-50 (the
 * transcripts of case 38 are examples). */
#include <hocket.h>

#include "support/faults.h"
#include "support/sim.h"

#include <stdio.h>
#include <string.h>

static char trace[512];
static void note(const char *text) { strncat(trace, text, sizeof trace - strlen(trace) - 1); }

static int run(hk_entry *main_task, void *arg)
{
    trace[0] = 0;
    return (int)sim_once(main_task, arg);
}

static void *returns_arg(void *arg) { return arg; }

/* ---- numbers ---- */

static void *numbers_main(void *arg)
{
    (void)arg;
    CHECK_EQ(hk_task_self(), 1);
    hk_tid a = hk_spawn(HK_ROOT, returns_arg, NULL), b = hk_spawn(HK_ROOT, returns_arg, NULL);
    CHECK_EQ(a, 2);
    CHECK_EQ(b, 3);
    CHECK_EQ(hk_task_wait(b, NULL), 0);
    CHECK_EQ(hk_spawn(HK_ROOT, returns_arg, NULL), 4); /* never reused */
    return NULL;
}
TEST(tids_count_from_one_and_are_never_reused) { CHECK_EQ(run(numbers_main, NULL), 0); }

static void *outlives(void *arg)
{
    (void)arg;
    hk_tid old = hk_task_self();
    for (int i = 0; i < 500; i++) {
        hk_tid tid = hk_spawn(HK_ROOT, returns_arg, NULL);
        CHECK(tid > old);
        CHECK_EQ(hk_task_wait(tid, NULL), 0);
    }
    return NULL;
}
TEST(a_number_whose_slot_is_taken_is_skipped)
{
    CHECK_EQ(run(outlives, NULL),
             0); /* main sits in slot 1 of a map of 64 and is met again and again */
}

TEST(outside_a_task_there_is_no_task)
{
    CHECK_EQ(hk_task_self(), -EPERM);
    CHECK_EQ(hk_spawn(HK_ROOT, returns_arg, NULL), -EPERM);
    CHECK_EQ(hk_task_kill(1), -EPERM);
    CHECK_EQ(hk_task_name("x"), -EPERM);
    CHECK_EQ(hk_sleep(1), -ENOSYS);
    CHECK_EQ(hk_sched_yield(), -ENOSYS);
    CHECK_EQ(hk_task_wait(1, NULL), -ENOSYS);
}

static void *counts_up(void *arg)
{
    ++*(int *)arg;
    return NULL;
}
static void *spawns_many(void *arg)
{
    for (int i = 0; i < 5000; i++) CHECK(hk_spawn(HK_ROOT, counts_up, arg) > 0);
    CHECK_EQ(*(int *)arg, 0); /* the child is queued, the caller goes on */
    return NULL;
}
TEST(run_returns_when_no_task_is_left) /* case 50 */
{
    int count = 0;
    CHECK_EQ(run(spawns_many, &count), 0);
    CHECK_EQ(count, 5000); /* gcc's ThreadSanitizer knows 8128 at most */
}

/* ---- kill: cases 40-46 ---- */

static void *sleeps_long(void *arg)
{
    int r = hk_sleep(HK_SEC(1000));
    note(r == -ECANCELED ? "c" : "?");
    CHECK_EQ(hk_sleep(1), -ECANCELED); /* cancelled again at each later call */
    CHECK_EQ(hk_sched_yield(), -ECANCELED);
    if (arg != NULL) *(int *)arg = 1;
    return hk_val(r);
}

static void *kill_main(void *arg)
{
    (void)arg;
    CHECK_EQ(hk_task_kill(77), 0);
    CHECK_EQ(hk_task_kill(0), 0);
    CHECK_EQ(hk_task_kill(-5), 0);
    hk_tid quick = hk_spawn(HK_ROOT, returns_arg, NULL);
    CHECK_EQ(hk_task_wait(quick, NULL), 0);
    CHECK_EQ(hk_task_kill(quick), 0);
    int unwound = 0;
    hk_tid sleeper = hk_spawn(HK_ROOT, sleeps_long, &unwound);
    hk_sched_yield();
    CHECK_EQ(hk_task_kill(sleeper), 1);
    CHECK_EQ(hk_task_kill(sleeper), 1); /* not over yet */
    hk_exit end;
    CHECK_EQ(hk_task_wait(sleeper, &end), 0);
    CHECK_EQ(end.how, HK_END_CANCELLED);
    CHECK_EQ(end.error, -ECANCELED);
    CHECK_EQ(unwound, 1);
    CHECK_EQ(hk_task_kill(sleeper), 0);
    return NULL;
}
TEST(kill_answers_one_until_the_target_is_over_then_zero) /* case 40 */
{
    CHECK_EQ(run(kill_main, NULL), 0);
    CHECK_STR(trace, "c");
}

static void *must_not_run(void *arg)
{
    (void)arg;
    note("ran");
    return NULL;
}
struct owned {
    int *released;
};
static void owned_release(struct owned *o) { ++*o->released; }
static void *owner(struct owned *o)
{
    (void)o;
    note("ran");
    return NULL;
}
HK_ENTRY_OWNING(owner, struct owned, owned_release)

static void *kill_fresh(void *arg)
{
    hk_tid fresh = hk_spawn(HK_ROOT, must_not_run, NULL), owning = hk_go(HK_ROOT, owner, arg);
    CHECK_EQ(hk_task_kill(fresh), 1);
    CHECK_EQ(hk_task_kill(owning), 1);
    hk_exit end;
    CHECK_EQ(hk_task_wait(fresh, &end), 0);
    CHECK_EQ(end.how, HK_END_CANCELLED);
    hk_task_wait(owning, NULL);
    CHECK_EQ(*(int *)arg, 1);
    return NULL;
}
TEST(a_killed_fresh_task_never_runs_and_its_argument_is_released) /* case 41 */
{
    int released = 0;
    CHECK_EQ(run(kill_fresh, &released), 0);
    CHECK_STR(trace, "");
}

static void *kills_itself(void *arg)
{
    (void)arg;
    CHECK_EQ(hk_task_kill(hk_task_self()), 1);
    note("on");
    CHECK_EQ(hk_sleep(1), -ECANCELED);
    return hk_val(-ECANCELED);
}
static void *kill_self_main(void *arg)
{
    hk_exit end;
    CHECK_EQ(hk_task_wait(hk_spawn(HK_ROOT, kills_itself, arg), &end), 0);
    CHECK_EQ(end.how, HK_END_CANCELLED);
    return NULL;
}
TEST(killing_oneself_takes_effect_at_the_next_call) /* case 42 */
{
    CHECK_EQ(run(kill_self_main, NULL), 0);
    CHECK_STR(trace, "on");
}

static void unwound(void *arg) { note(arg); }
static int frame_3(void)
{
    int r = hk_sleep(HK_SEC(1000));
    note("3");
    return r;
}
static int frame_2(void)
{
    int r = frame_3();
    note("2");
    return r;
}
static void *frame_1(void *arg)
{
    hk_at_end(unwound, arg);
    int r = frame_2();
    note("1");
    return hk_val(r);
}
static void *kill_frames(void *arg)
{
    hk_tid tid = hk_spawn(HK_ROOT, frame_1, arg);
    hk_sched_yield();
    hk_task_kill(tid);
    note("k");
    hk_task_wait(tid, NULL);
    return NULL;
}
TEST(kill_unwinds_all_frames_inner_to_outer) /* case 44 */
{
    char end[] = "e";
    CHECK_EQ(run(kill_frames, end), 0);
    CHECK_STR(trace, "k321e");
}

/* A cleanup that cannot be refused may take its time; the killer is not held up. */
static hk_call *held;
static void hold(hk_call *call) { held = call; }
static const hk_call_type cleanup_type = { .name = "cleanup",
                                           .handle = hold,
                                           .flags = HK_CALL_NO_REFUSAL };
struct cleanup {
    hk_call call;
};
static void *cleans_up_slowly(void *arg)
{
    (void)arg;
    hk_sleep(HK_SEC(1000));
    note("[");
    CHECK_EQ(HK_TRAP(struct cleanup, HK_CALL(cleanup_type)), 5);
    note("]");
    return NULL;
}
static void *kill_slow(void *arg)
{
    hk_tid tid = hk_spawn(HK_ROOT, cleans_up_slowly, arg);
    hk_sched_yield();
    CHECK_EQ(hk_task_kill(tid), 1);
    note("k");
    hk_sched_yield();
    note("on");
    hk_call_complete(held, 5);
    hk_exit end;
    hk_task_wait(tid, &end);
    CHECK_EQ(end.how, HK_END_RETURNED);
    return NULL;
}
TEST(a_cleanup_that_waits_does_not_harm_the_killer) /* case 45 */
{
    CHECK_EQ(run(kill_slow, NULL), 0);
    CHECK_STR(trace, "k[on]");
}

static bool let_go;
static void *ignores(void *arg)
{
    while (!let_go) hk_sleep(HK_MS(1));
    return arg;
}
static void *kill_ignorer(void *arg)
{
    hk_tid tid = hk_spawn(HK_ROOT, ignores, arg);
    hk_sched_yield();
    CHECK_EQ(hk_task_kill(tid), 1);
    for (int i = 0; i < 50; i++) hk_sched_yield(); /* it spins on refusals, and starves nobody */
    let_go = true;
    return NULL;
}
TEST(a_task_that_ignores_its_kill_starves_nobody_and_is_reported,
     .prints = "was cancelled and ignores it") /* case 46 */
{
    CHECK_EQ(run(kill_ignorer, NULL), 0);
}

static void *ignores_for_ever(void *arg)
{
    for (;;) hk_sleep(HK_MS(1));
    return arg;
}
static void dropped(void *arg) { note(arg); }
static void *ignores_with_handler(void *arg)
{
    hk_at_end(dropped, arg);
    return ignores_for_ever(NULL);
}
static void *leaves_ignorers(void *arg)
{
    hk_spawn(HK_ROOT, ignores_with_handler, arg);
    hk_sched_yield();
    return hk_val(-EIO);
}
TEST(shutdown_is_bounded_and_reports_the_stuck,
     .prints = "did not end when it was killed, and is dropped") /* case 46 */
{
    char end[] = "e";
    /* The ignorer is always ready, and virtual time would stand still: so it is the real clock, and
     * goes by itself. */
    faults_clock_step = HK_US(10);
    int64_t start = hk_now();
    trace[0] = 0;
    /* main's failure cancels the rest, and run returns only when all have ended: so stop it from
     * outside by destroy */
    hk_sched *s = hk_sched_create(&(hk_run_options){ .grace = HK_MS(50) });
    hk_sched_spawn(s, leaves_ignorers, end);
    for (int i = 0; i < 10; i++) hk_sched_step(s);
    hk_sched_destroy(s);
    CHECK(hk_now() - start >= HK_MS(50));
    CHECK_STR(trace, "e");
}

/* ---- wait: case 47 ---- */

static void *waits_for(void *arg)
{
    hk_exit end;
    int r = hk_task_wait(*(hk_tid *)arg, &end);
    char text[16];
    snprintf(text, sizeof text, "%lld:%d ", (long long)hk_task_self(),
             r == 0 ? (int)hk_num(end.value) : r);
    note(text);
    return NULL;
}
static void *naps_and_returns(void *arg)
{
    hk_sleep(HK_MS(2));
    return arg;
}
static void *wait_main(void *arg)
{
    hk_tid target = hk_spawn(HK_ROOT, naps_and_returns, hk_val(42));
    for (int i = 0; i < 3; i++) hk_spawn(HK_ROOT, waits_for, &target);
    hk_exit end;
    CHECK_EQ(hk_task_wait(target, &end), 0);
    CHECK_EQ(end.how, HK_END_RETURNED);
    CHECK_EQ(hk_num(end.value), 42);
    CHECK_EQ(hk_task_wait(target, &end), -ESRCH); /* over: of a task of HK_ROOT nothing is kept */
    CHECK_EQ(hk_task_wait(12345, NULL), -ESRCH);
    CHECK_EQ(hk_task_wait(hk_task_self(), NULL), -EDEADLK);
    hk_sched_yield();
    CHECK_STR(trace, "3:42 4:42 5:42 ");
    return arg;
}
TEST(wait_gives_the_value_to_all_waiters_in_order) { CHECK_EQ(run(wait_main, NULL), 0); }

static void *fails(void *arg)
{
    (void)arg;
    hk_sched_yield();
    return hk_val(hk_fail(-EPROTO, "bad length %d", 7));
}
static void *wait_failed(void *arg)
{
    (void)arg;
    hk_exit end;
    CHECK_EQ(hk_task_wait(hk_spawn(HK_ROOT, fails, NULL), &end), 0);
    CHECK_EQ(end.how, HK_END_FAILED);
    CHECK_EQ(end.error, -EPROTO);
    CHECK_STR(end.why, "bad length 7: Protocol error");
    return NULL;
}
TEST(wait_tells_how_a_task_failed_and_why) { CHECK_EQ(run(wait_failed, NULL), 0); }

static hk_tid ring[3];
static void *waits_for_next(void *arg)
{
    int i = (int)hk_num(arg), r = hk_task_wait(ring[(i + 1) % 3], NULL);
    if (r == -EDEADLK) note("D");
    return NULL;
}
static void *wait_cycle(void *arg)
{
    for (int i = 0; i < 3; i++) ring[i] = hk_spawn(HK_ROOT, waits_for_next, hk_val(i));
    return arg;
}
TEST(a_cycle_of_waits_is_refused_to_the_one_that_closes_it)
{
    CHECK_EQ(run(wait_cycle, NULL), 0);
    CHECK_STR(trace, "D");
}

static void *wait_cancelled(void *arg)
{
    hk_tid target = hk_spawn(HK_ROOT, naps_and_returns, NULL), waiter[3];
    for (int i = 0; i < 3; i++) waiter[i] = hk_spawn(HK_ROOT, waits_for, &target);
    hk_sched_yield();
    CHECK_EQ(hk_task_kill(waiter[1]), 1); /* out of the middle of the queue */
    CHECK_EQ(hk_task_wait(waiter[1], NULL), 0);
    CHECK_EQ(hk_task_kill(waiter[2]), 1); /* the last */
    CHECK_EQ(hk_task_wait(waiter[2], NULL), 0);
    CHECK_EQ(hk_task_kill(waiter[0]), 1); /* the only one */
    CHECK_EQ(hk_task_wait(waiter[0], NULL), 0);
    CHECK_EQ(hk_task_wait(target, NULL), 0);
    CHECK_STR(trace, "4:-125 5:-125 3:-125 ");
    return arg;
}
TEST(a_cancelled_wait_leaves_no_trace) { CHECK_EQ(run(wait_cancelled, NULL), 0); }

/* ---- containment: case 48 ---- */

static void *steady(void *arg)
{
    for (int i = 0; i < 100; i++) hk_sched_yield();
    ++*(int *)arg;
    return NULL;
}
static hk_failure seen;
static void on_failure(const hk_failure *failure)
{
    seen = *failure;
    note(failure->why);
}
static void *contain_main(void *arg)
{
    hk_spawn(HK_ROOT, steady, arg);
    hk_spawn_with(HK_ROOT, fails, NULL, &(hk_coro_options){ .name = "faulty" });
    hk_spawn(HK_ROOT, steady, arg);
    return hk_val(3);
}
TEST(one_fails_the_others_go_on_and_it_is_reported)
{
    int ended = 0;
    trace[0] = 0;
    CHECK_EQ(hk_run(contain_main, &ended,
                    &(hk_run_options){ .unhandled = on_failure, .world = sim_world() }),
             3);
    CHECK_EQ(ended, 2);
    CHECK_EQ(seen.tid, 3);
    CHECK_EQ(seen.error, -EPROTO);
    CHECK_STR(trace, "bad length 7: Protocol error");
}
TEST(an_unhandled_failure_is_a_line_on_stderr,
     .prints = "task 3 'faulty' failed with -71: bad length 7: Protocol error")
{
    int ended = 0;
    CHECK_EQ(sim_once(contain_main, &ended), 3);
}

/* ---- exit ---- */

static void exits_deep(int n);
static void (*volatile deeper)(int n) = exits_deep;
static void exits_deep(int n)
{
    if (n == 0) hk_task_exit(hk_val(9));
    deeper(n - 1);
    note("never");
}
static void *exits(void *arg)
{
    hk_at_end(dropped, arg);
    exits_deep(20);
    return NULL;
}
static void *exit_main(void *arg)
{
    hk_exit end;
    CHECK_EQ(hk_task_wait(hk_spawn(HK_ROOT, exits, arg), &end), 0);
    CHECK_EQ(hk_num(end.value), 9);
    return NULL;
}
TEST(after_exit_nothing_of_a_task_runs_but_its_handlers)
{
    char end[] = "e";
    CHECK_EQ(run(exit_main, end), 0);
    CHECK_STR(trace, "e");
}
TEST(exit_outside_a_task_is_misuse, .aborts = "hk_task_exit outside a task") { hk_task_exit(NULL); }

static void *exits_in_generator(void *arg)
{
    hk_task_exit(arg);
    return NULL;
}
static void *exit_generator_main(void *arg)
{
    HK_CORO(gen, exits_in_generator, arg, NULL);
    hk_coro_send(gen, NULL);
    return NULL;
}
TEST(exit_in_a_generator_is_misuse, .aborts = "hk_task_exit in a generator of task 1 'main'")
{
    sim_once(exit_generator_main, NULL);
}

static void *named(void *arg)
{
    CHECK_EQ(hk_task_name("conn %d", 7), 0);
    CHECK_EQ(hk_task_name("conn %d", 8), 0);
    hk_task_info info[2];
    CHECK_EQ(hk_sched_tasks(NULL, info, 2), 1);
    CHECK_STR(info[0].name, "conn 8");
    CHECK_STR(info[0].state, "running");
    return arg;
}
TEST(a_task_can_name_itself) { CHECK_EQ(run(named, NULL), 0); }
