/* SPDX-License-Identifier: MIT */
/* condition: whatever happens, the mutex is held at return. */
#include "support/small.h"
#include "support/steps.h"

#include "sched/sched.h"

static int run(hk_entry *main_task)
{
    trace_clear();
    return hk_run(main_task, NULL, NULL);
}
static void settle(void)
{
    for (int i = 0; i < 10; i++) hk_sched_yield();
}

static hk_mutex mutex;
static hk_condition condition;
static bool frees; /* the waiters unlock */

static void begin(void)
{
    mutex = (hk_mutex){ .name = "m" };
    condition = (hk_condition){ .name = "c" };
    frees = true;
}

static void *waits(void *arg)
{
    CHECK_EQ(hk_mutex_lock(&mutex), 0);
    int r = hk_condition_wait(&condition, &mutex);
    note("%d:%s ", (int)hk_num(arg), number_text(r));
    if (mutex.owner.tid != hk_task_self() && hk_task_self() > 0) note("without the mutex! ");
    if (frees) hk_mutex_unlock(&mutex);
    return NULL;
}
static hk_tid spawn(hk_entry *fn, int number)
{
    hk_tid tid = hk_spawn(HK_ROOT, fn, hk_val(number));
    settle();
    return tid;
}

/* ---- notified ---- */

static void *notified(void *arg)
{
    begin();
    hk_condition_notify(&condition); /* nobody waits: nothing, and nothing is remembered */
    hk_condition_notify_all(&condition);
    for (int i = 1; i <= 4; i++) spawn(waits, i);
    CHECK_EQ(mutex.owner.tid, 0); /* let go of */
    hk_condition_notify(&condition);
    settle();
    CHECK_STR(trace, "1:0 ");
    CHECK_EQ(hk_mutex_lock(&mutex), 0);
    hk_condition_notify_all(&condition);
    settle();
    CHECK_STR(trace, "1:0 "); /* they wait for the mutex now */
    hk_mutex_unlock(&mutex);
    settle();
    CHECK_STR(trace, "1:0 2:0 3:0 4:0 ");
    CHECK_EQ(mutex.owner.tid, 0);
    return arg;
}
TEST(the_notified_wake_in_order_each_with_the_mutex) { CHECK_EQ(run(notified), 0); }

static void *queue_of_mutex(void *arg)
{
    int n = (int)hk_num(arg);
    CHECK_EQ(hk_mutex_lock(&mutex), 0);
    note("lock%d ", n);
    hk_mutex_unlock(&mutex);
    return NULL;
}
static void *behind_who_waits(void *arg)
{
    begin();
    spawn(waits, 1);
    CHECK_EQ(hk_mutex_lock(&mutex), 0);
    spawn(queue_of_mutex, 2);
    hk_condition_notify(&condition);
    spawn(queue_of_mutex, 3);
    hk_mutex_unlock(&mutex);
    settle();
    CHECK_STR(trace, "lock2 1:0 lock3 ");
    return arg;
}
TEST(the_notified_wait_for_the_mutex_in_its_queue) { CHECK_EQ(run(behind_who_waits), 0); }

static void *lets_others_in(void *arg)
{
    CHECK_EQ(hk_mutex_lock(&mutex), 0);
    hk_condition_notify(&condition);
    CHECK_EQ(hk_condition_wait(&condition, &mutex), -ECANCELED);
    CHECK_EQ(mutex.owner.tid, hk_task_self());
    hk_mutex_unlock(&mutex);
    return arg;
}
static void *a_wait_hands_over(void *arg)
{
    begin();
    spawn(waits, 1);
    hk_tid tid = spawn(lets_others_in, 0);
    CHECK_STR(trace, "1:0 "); /* it went from hand to hand in the wait */
    hk_task_kill(tid);
    return arg;
}
TEST(a_wait_hands_the_mutex_over) { CHECK_EQ(run(a_wait_hands_over), 0); }

/* ---- cancelled ---- */

static void *killed(void *arg)
{
    begin();
    hk_tid tids[4];
    for (int i = 1; i <= 3; i++) tids[i] = spawn(waits, i);
    hk_task_kill(tids[2]);
    settle();
    CHECK_STR(trace, "2:-ECANCELED ");
    hk_condition_notify(&condition);
    hk_condition_notify(&condition);
    settle();
    CHECK_STR(trace, "2:-ECANCELED 1:0 3:0 ");
    CHECK(condition.waiters.first == NULL);
    return arg;
}
TEST(who_is_cancelled_has_the_mutex_and_leaves_no_trace) { CHECK_EQ(run(killed), 0); }

static void *killed_while_held(void *arg)
{
    begin();
    hk_tid first = spawn(waits, 1);
    spawn(waits, 2);
    CHECK_EQ(hk_mutex_lock(&mutex), 0);
    CHECK_EQ(hk_task_kill(first), 1);
    CHECK_EQ(hk_task_kill(first), 1);
    settle();
    CHECK_STR(trace, "");            /* it waits for the mutex */
    hk_condition_notify(&condition); /* not for the one who was cancelled */
    hk_mutex_unlock(&mutex);
    settle();
    CHECK_STR(trace, "1:-ECANCELED 2:0 ");
    return arg;
}
TEST(who_is_cancelled_waits_for_the_mutex_all_the_same) { CHECK_EQ(run(killed_while_held), 0); }

static void *notified_then_killed(void *arg)
{
    begin();
    hk_tid first = spawn(waits, 1);
    spawn(waits, 2);
    CHECK_EQ(hk_mutex_lock(&mutex), 0);
    hk_condition_notify(&condition);
    hk_task_kill(first);
    settle();
    hk_mutex_unlock(&mutex);
    settle();
    CHECK_STR(trace, "1:0 "); /* done beats cancelled */
    hk_condition_notify(&condition);
    return arg;
}
TEST(notified_and_then_cancelled_it_was_notified) { CHECK_EQ(run(notified_then_killed), 0); }

static void *kills_itself_and_waits(void *arg)
{
    begin();
    CHECK_EQ(hk_mutex_lock(&mutex), 0);
    hk_task_kill(hk_task_self());
    CHECK_EQ(hk_condition_wait(&condition, &mutex), -ECANCELED);
    CHECK_EQ(mutex.owner.tid, 1); /* refused: it was never let go of */
    hk_mutex_unlock(&mutex);
    return arg;
}
TEST(a_refused_wait_keeps_the_mutex) { CHECK_EQ(run(kills_itself_and_waits), 0); }

/* ---- the owner ends ---- */

static void *locks_and_dies(void *arg)
{
    CHECK_EQ(hk_mutex_lock(&mutex), 0);
    hk_sched_yield();
    return arg;
}
static void *owner_dies(void *arg)
{
    begin();
    hk_tid first = spawn(waits, 1);
    spawn(waits, 2);
    hk_spawn(HK_ROOT, locks_and_dies, NULL);
    hk_sched_yield();
    hk_condition_notify(&condition);
    hk_condition_notify(&condition);
    hk_task_kill(first);
    settle();
    CHECK_STR(trace, "1:-EOWNERDEAD 2:-EOWNERDEAD ");

    trace_clear();
    spawn(waits, 3);
    hk_spawn(HK_ROOT, locks_and_dies, NULL);
    settle();
    hk_condition_notify(&condition); /* long after its end */
    settle();
    CHECK_STR(trace, "3:-EOWNERDEAD ");
    return arg;
}
TEST(who_is_notified_is_told_of_a_broken_mutex) { CHECK_EQ(run(owner_dies), 0); }

/* Its call can be given up by nobody; the scheduler ends, and its stack goes. */
static void *waits_and_is_dropped(void *arg)
{
    CHECK_EQ(hk_mutex_lock(&mutex), 0);
    hk_condition_wait(&condition, &mutex);
    return arg;
}
/* The oldest, so that it is dropped last. */
static void *never_lets_go(void *arg)
{
    settle();
    CHECK_EQ(hk_mutex_lock(&mutex), 0);
    for (;;) keep();
    return arg;
}
TEST(one_that_is_dropped_while_it_takes_the_mutex_leaves_its_queue, .prints = "is dropped")
{
    begin();
    keep_abort_answer = HK_ABORT_LATER;
    hk_sched *s = hk_sched_create(&(hk_run_options){ .grace = 1 });
    hk_sched_hold(s);
    hk_sched_spawn(s, never_lets_go, NULL);
    hk_sched_spawn(s, waits_and_is_dropped, NULL);
    hk_sched_spawn(s, waits_and_is_dropped, NULL);
    while (hk_sched_step(s) == 0) continue;
    CHECK_EQ(mutex.owner.tid, 1);
    hk_condition_notify(&condition); /* the first is notified, the second cancelled */
    hk_sched_destroy(s);
    CHECK(mutex.waiters.first == NULL);
    CHECK(mutex.owner.held.link == NULL);
}

/* ---- misuse, reports ---- */

static void *waits_without(void *arg)
{
    begin();
    return hk_val(hk_condition_wait(&condition, &mutex));
}
TEST(waiting_without_the_mutex,
     .aborts = "hocket: condition 'c': task 1 'main' waits without holding the mutex 'm'\n")
{
    run(waits_without);
}

static void *described(void *arg)
{
    begin();
    hk_task_info info[2];
    spawn(waits, 1);
    hk_sched_tasks(NULL, info, 2);
    CHECK_STR(info[1].waits, "condition 'c'");
    CHECK_EQ(hk_mutex_lock(&mutex), 0);
    hk_condition_notify(&condition);
    hk_sched_tasks(NULL, info, 2);
    CHECK_STR(info[1].waits, "mutex 'm', held by task 1 'main'");
    hk_mutex_unlock(&mutex);
    return arg;
}
TEST(a_report_says_what_part_of_the_wait_it_is) { CHECK_EQ(run(described), 0); }

static void *waits_for_ever(void *arg)
{
    begin();
    return waits(arg);
}
TEST(a_wait_that_nobody_ends_is_a_deadlock, .prints = "waiting for condition 'c'")
{
    CHECK_NUMBER(run(waits_for_ever), "-EDEADLK");
}

/* ---- other drivers, stackless ---- */

static void *foreign_notifies(void *arg)
{
    hk_condition_notify_all(&condition);
    return arg;
}
TEST(under_a_foreign_driver_it_is_the_same)
{
    small s;
    begin();
    small_init(&s);
    hk_tid first = small_spawn(&s, waits, hk_val(1));
    small_spawn(&s, waits, hk_val(2));
    hk_tid third = small_spawn(&s, waits, hk_val(3));
    CHECK_EQ(small_run(&s), 3);
    CHECK_EQ(small_kill(&s, first), 1);
    CHECK_EQ(mutex.owner.tid, first); /* at once: nobody has it */
    CHECK_EQ(small_run(&s), 2);
    CHECK_STR(trace, "1:-ECANCELED ");
    small_spawn(&s, foreign_notifies, NULL);
    CHECK_EQ(small_run(&s), 0);
    CHECK_STR(trace, "1:-ECANCELED 2:0 3:0 ");
    CHECK_EQ(small_kill(&s, third), 0);
    CHECK_EQ(mutex.owner.tid, 0);
}

struct frame {
    hk_coro co;
    hk_sync_call call;
    hk_condition_call wait;
    int round;
};
static hk_step waits_step(hk_coro *co, void *in)
{
    struct frame *f = HK_CONTAINER(co, struct frame, co);
    HK_BEGIN(co);
    hk_mutex_lock_prepare(&f->call, &mutex);
    HK_AWAIT(co, &f->call.call);
    hk_condition_wait_prepare(&f->wait, &condition, &mutex);
    for (f->round = 0; f->round < 2; f->round++) { /* made again as it is */
        HK_AWAIT(co, &f->wait.sync.call);
        note("%s ", number_text(f->wait.sync.call.result));
    }
    hk_mutex_unlock(&mutex);
    HK_END(co, NULL);
}
static void *stackless(void *arg)
{
    static struct frame frame;
    begin();
    hk_stackless_init(&frame.co, waits_step, NULL);
    hk_tid tid = hk_spawn_stackless(HK_ROOT, &frame.co, NULL);
    settle();
    hk_condition_notify(&condition);
    settle();
    CHECK_STR(trace, "0 ");
    CHECK_EQ(mutex.owner.tid, 0);
    hk_task_kill(tid);
    settle();
    CHECK_STR(trace, "0 -ECANCELED ");
    CHECK_EQ(mutex.owner.tid, 0);
    return arg;
}
TEST(a_stackless_task_waits_for_a_condition) { CHECK_EQ(run(stackless), 0); }

/* ---- soft stops ---- */

static void *waits_softly(void *arg)
{
    begin();
    HK_SCOPE(soft, HK_FOREVER);
    hk_scope_soft(&soft, true);
    CHECK_EQ(hk_mutex_lock(&mutex), 0);
    int r = hk_condition_wait(&condition, &mutex);
    hk_mutex_unlock(&mutex);
    return hk_val(hk_scope_close(&soft, r));
}

static void *softly(void *arg)
{
    HK_GROUP(g, NULL);
    hk_tid tid = hk_spawn(&g, waits_softly, NULL);
    hk_exit end;
    settle();
    hk_group_stop(&g, HK_FOREVER);
    CHECK_EQ(hk_task_wait(tid, &end), 0);
    CHECK_NUMBER(end.error, "-ESHUTDOWN");
    return hk_val(hk_group_close(&g, 0));
}

TEST(a_soft_stop_says_that_it_is_one) { CHECK_EQ(run(softly), 0); }
