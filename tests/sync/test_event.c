/* SPDX-License-Identifier: MIT */
/* What is particular to event, barrier, future and wait group. What they have in common with all
 * others is in test_waits.c. */
#include "support/steps.h"

static int run(hk_entry *main_task)
{
    trace_clear();
    return hk_run(main_task, NULL, NULL);
}
static void settle(void)
{
    for (int i = 0; i < 10; i++) hk_sched_yield();
}

/* ---- event ---- */

static hk_event event;
static void *waits_for_event(void *arg)
{
    note("%d:%s ", (int)hk_num(arg), number_text(hk_event_wait(&event)));
    return NULL;
}

static void *event_main(void *arg)
{
    hk_event_set(&event);
    hk_event_set(&event); /* nobody waits: a no-op */
    CHECK_EQ(hk_event_wait(&event), 0);
    CHECK_EQ(hk_event_wait(&event), 0); /* it stays */
    hk_event_clear(&event);
    for (int i = 1; i <= 3; i++) hk_spawn(HK_ROOT, waits_for_event, hk_val(i));
    settle();
    CHECK_STR(trace, "");
    hk_event_set(&event);
    hk_event_clear(&event);
    settle();
    CHECK_STR(trace, "1:0 2:0 3:0 "); /* those who waited when it was set */
    hk_spawn(HK_ROOT, waits_for_event, hk_val(4));
    settle();
    CHECK_STR(trace, "1:0 2:0 3:0 ");
    hk_event_set(&event);
    return arg;
}
TEST(an_event_wakes_all_and_stays_until_it_is_cleared) { CHECK_EQ(run(event_main), 0); }

static void *waits_in_a_generator(void *arg)
{
    CHECK_EQ(hk_event_wait(&event), 0);
    void *sent = hk_yield(hk_val(7));
    return sent != NULL ? sent : arg;
}
static void *generator_main(void *arg)
{
    HK_CORO(co, waits_in_a_generator, NULL, NULL);
    void *value;
    CHECK_EQ(hk_coro_next(co, &value), 1);
    CHECK_EQ(hk_num(value), 7);
    return arg;
}
static void *sets_event(void *arg)
{
    hk_event_set(&event);
    return arg;
}
static void *generator_and_setter(void *arg)
{
    hk_spawn(HK_ROOT, sets_event, NULL);
    return generator_main(arg);
}
TEST(a_wait_in_a_generator_blocks_its_task) { CHECK_EQ(run(generator_and_setter), 0); }

/* ---- barrier ---- */

static hk_barrier barrier;
static void *comes(void *arg)
{
    for (int round = 0; round < 2; round++)
        note("%d:%s ", (int)hk_num(arg), number_text(hk_barrier_wait(&barrier)));
    return NULL;
}

static void *barrier_main(void *arg)
{
    barrier = (hk_barrier){ .name = "all here", .parties = 3 };
    for (int i = 1; i <= 3; i++) hk_spawn(HK_ROOT, comes, hk_val(i));
    settle();
    /* the last does not wait, so it is the first that comes to the second round */
    CHECK_STR(trace, "3:1 1:0 2:0 2:1 3:0 1:0 ");
    return arg;
}

static void *comes_once(void *arg)
{
    note("%d:%s ", (int)hk_num(arg), number_text(hk_barrier_wait(&barrier)));
    return NULL;
}
static void *barrier_killed(void *arg)
{
    barrier = (hk_barrier){ .parties = 3 };
    hk_spawn(HK_ROOT, comes_once, hk_val(1));
    hk_tid second = hk_spawn(HK_ROOT, comes_once, hk_val(2));
    settle();
    hk_task_kill(second);
    settle();
    hk_spawn(HK_ROOT, comes_once, hk_val(3));
    settle();
    CHECK_STR(trace, "2:-ECANCELED "); /* two are there, not three */
    hk_spawn(HK_ROOT, comes_once, hk_val(4));
    settle();
    CHECK_STR(trace, "2:-ECANCELED 4:1 1:0 3:0 ");
    return arg;
}

static void *barrier_done_then_killed(void *arg)
{
    barrier = (hk_barrier){ .parties = 2 };
    hk_tid first = hk_spawn(HK_ROOT, comes_once, hk_val(1));
    settle();
    CHECK_EQ(hk_barrier_wait(&barrier), 1);
    hk_task_kill(first);
    settle();
    CHECK_STR(trace, "1:0 ");
    CHECK_EQ(barrier.arrived, 0);
    return arg;
}

static void *barrier_of_one(void *arg)
{
    barrier = (hk_barrier){ .parties = 1 };
    CHECK_EQ(hk_barrier_wait(&barrier), 1);
    CHECK_EQ(hk_barrier_wait(&barrier), 1);
    return arg;
}

TEST(a_barrier_lets_all_go_when_the_last_comes_and_again) { CHECK_EQ(run(barrier_main), 0); }
TEST(who_is_cancelled_at_a_barrier_had_never_come) { CHECK_EQ(run(barrier_killed), 0); }
TEST(who_was_let_go_from_a_barrier_has_passed) { CHECK_EQ(run(barrier_done_then_killed), 0); }
TEST(a_barrier_of_one_holds_nobody_up) { CHECK_EQ(run(barrier_of_one), 0); }

static void *barrier_misuse(void *arg)
{
    barrier = (hk_barrier){ .name = "b" };
    return hk_val(hk_barrier_wait(&barrier));
}
TEST(a_barrier_without_parties, .aborts = "hocket: barrier 'b' has no parties\n")
{
    run(barrier_misuse);
}

struct frame {
    hk_coro co;
    hk_sync_call wait;
};
static hk_step comes_step(hk_coro *co, void *in)
{
    struct frame *f = HK_CONTAINER(co, struct frame, co);
    HK_BEGIN(co);
    hk_barrier_wait_prepare(&f->wait, &barrier);
    HK_AWAIT(co, &f->wait.call);
    note("s:%s ", number_text(f->wait.call.result));
    HK_END(co, NULL);
}
static void *barrier_stackless(void *arg)
{
    static struct frame frames[2];
    barrier = (hk_barrier){ .parties = 2 };
    for (int i = 0; i < 2; i++) {
        hk_stackless_init(&frames[i].co, comes_step, NULL);
        hk_spawn_stackless(HK_ROOT, &frames[i].co, NULL);
    }
    return arg;
}
TEST(a_barrier_for_stackless_tasks)
{
    CHECK_EQ(run(barrier_stackless), 0);
    CHECK_STR(trace, "s:1 s:0 ");
}

/* ---- future ---- */

static void *future_main(void *arg)
{
    hk_future f = { 0 };
    void *value = NULL;
    hk_future_set(&f, hk_val(5));
    for (int i = 0; i < 2; i++) CHECK_EQ(hk_future_wait(&f, &value), 0);
    CHECK_EQ(hk_num(value), 5);
    CHECK_EQ(hk_future_wait(&f, NULL), 0);

    hk_future broken = { 0 };
    hk_future_fail(&broken, -EIO);
    CHECK_EQ(hk_future_wait(&broken, &value), -EIO);
    CHECK_EQ(hk_num(value), 5);
    return arg;
}
TEST(a_future_keeps_its_value_or_its_error) { CHECK_EQ(run(future_main), 0); }

static hk_future shared;
static void *waits_for_failure(void *arg)
{
    note("%s ", number_text(hk_future_wait(&shared, NULL)));
    return arg;
}
static void *future_fails(void *arg)
{
    for (int i = 0; i < 2; i++) hk_spawn(HK_ROOT, waits_for_failure, NULL);
    settle();
    hk_future_fail(&shared, -EPIPE);
    return arg;
}
TEST(a_failed_future_tells_all_who_wait)
{
    CHECK_EQ(run(future_fails), 0);
    CHECK_STR(trace, "-EPIPE -EPIPE ");
}

TEST(a_future_is_set_once, .aborts = "hocket: future 'answer' is set twice\n")
{
    hk_future f = { .name = "answer" };
    hk_future_set(&f, NULL);
    hk_future_fail(&f, -EIO);
}
TEST(a_future_is_not_set_to_an_error,
     .aborts = "hocket: future is set to the error -5: hk_future_fail says that\n")
{
    hk_future f = { 0 };
    hk_future_set(&f, hk_val(-EIO));
}
TEST(a_future_fails_with_an_error, .aborts = "hocket: future 'f' fails with 0, which is no error\n")
{
    hk_future f = { .name = "f" };
    hk_future_fail(&f, 0);
}

/* ---- wait group ---- */

static hk_waitgroup group;
static void *is_done(void *arg)
{
    note("done ");
    hk_waitgroup_done(&group);
    return arg;
}
static void *group_main(void *arg)
{
    CHECK_EQ(hk_waitgroup_wait(&group), 0); /* nothing is under way */
    hk_waitgroup_add(&group, 3);
    for (int i = 0; i < 3; i++) hk_spawn(HK_ROOT, is_done, NULL);
    CHECK_EQ(hk_waitgroup_wait(&group), 0);
    CHECK_STR(trace, "done done done ");
    return arg;
}
TEST(a_wait_group_waits_for_all) { CHECK_EQ(run(group_main), 0); }

TEST(a_wait_group_below_zero,
     .aborts = "hocket: wait group 'w': more is over than was ever under way\n")
{
    hk_waitgroup w = { .name = "w", .count = 1 };
    hk_waitgroup_done(&w);
    hk_waitgroup_done(&w);
}
