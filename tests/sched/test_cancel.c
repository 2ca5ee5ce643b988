/* SPDX-License-Identifier: MIT */
/* Cancelling a task: before it runs, while it waits, while it is ready; in every form of coroutine
 * (SEMANTICS 6, cases 52 to 63). */
#include "support/sim.h"
#include "support/steps.h"

static intptr_t result;

static void *sleeps(void *arg)
{
    (void)arg;
    result = hk_sleep(HK_SEC(1000));
    return hk_val(result);
}

/* ---- forms ---- */

static void *gen(void *arg)
{
    result = hk_sleep(HK_SEC(1000));
    if (result == 0) return hk_yield(arg);
    return hk_val(result);
}

static void *consumes(void *arg)
{
    void *value;
    HK_CORO(co, gen, arg, NULL);
    return hk_val(hk_coro_next(co, &value));
}

static void *delegates(void *arg)
{
    HK_CORO(co, gen, arg, NULL);
    return hk_coro_delegate(co);
}

static void *consumes_delegate(void *arg)
{
    void *value;
    HK_CORO(co, delegates, arg, NULL);
    return hk_val(hk_coro_next(co, &value));
}

struct frame {
    hk_coro co;
    hk_sleep_call sleep;
} frame;

static hk_step step(hk_coro *co, void *in)
{
    struct frame *f = HK_CONTAINER(co, struct frame, co);
    HK_BEGIN(co);
    hk_sleep_prepare(&f->sleep, HK_SEC(1000));
    HK_AWAIT(co, &f->sleep.call);
    result = f->sleep.call.result;
    HK_END(co, hk_val(result));
}

static void *consumes_stackless(void *arg)
{
    (void)arg;
    void *value;
    hk_stackless_init(&frame.co, step, NULL);
    int r = hk_coro_next(&frame.co, &value);
    return hk_val(r);
}

static hk_tid spawn_form(hk_group *g, int form)
{
    static hk_entry *const forms[] = { sleeps, consumes, consumes_delegate, consumes_stackless };
    if (form < (int)HK_LEN(forms)) return hk_spawn(g, forms[form], NULL);
    hk_stackless_init(&frame.co, step, NULL);
    return hk_spawn_stackless(g, &frame.co, "step");
}
enum { FORMS = 5 };

SIM_TEST(a_wait_is_cut_in_every_form_of_coroutine)
{
    for (int form = 0; form < FORMS; form++) {
        hk_exit how;
        int64_t start = hk_now();
        result = 1;
        HK_GROUP(g, NULL);
        hk_tid tid = spawn_form(&g, form);
        {
            HK_SCOPE(mine, HK_FOREVER);
            hk_scope_shield(&mine, true);
            hk_sleep(HK_MS(1));
            hk_group_cancel(&g, "a test of forms");
            CHECK_EQ(hk_task_wait(tid, &how), 0);
            hk_scope_close(&mine, 0);
        }
        CHECK_EQ(hk_group_close(&g, 0), 0);
        CHECK_NUMBER(result, "-ECANCELED");
        CHECK_EQ(how.how, HK_END_CANCELLED);
        CHECK(strstr(how.why, "a test of forms") != NULL);
        CHECK(hk_now() - start < HK_SEC(1));
    }
}

SIM_TEST(a_deadline_of_the_consumer_cuts_its_generator)
{
    void *value;
    HK_SCOPE(limit, HK_MS(1));
    HK_CORO(co, gen, NULL, NULL);
    int r = hk_coro_next(co, &value);
    CHECK_NUMBER(hk_scope_close(&limit, r), "-ETIMEDOUT");
    CHECK_EQ(hk_sleep(1), 0);
}

SIM_TEST(each_form_is_killed_before_it_ran)
{
    for (int form = 0; form < FORMS; form++) {
        hk_exit how;
        result = 1;
        HK_GROUP(g, NULL);
        hk_tid tid = spawn_form(&g, form);
        CHECK_EQ(hk_task_kill(tid), 1);
        CHECK_EQ(hk_task_kill(tid), 1);
        CHECK_EQ(hk_task_wait(tid, &how), 0);
        CHECK_EQ(how.how, HK_END_CANCELLED);
        CHECK_EQ(result, 1);
        CHECK_EQ(hk_task_kill(tid), 0);
        CHECK_EQ(hk_group_close(&g, 0), 0);
    }
}

/* ---- what the task does with it ---- */

SIM_TEST(who_swallows_it_meets_it_again_at_the_next_call)
{
    HK_SCOPE(s, HK_FOREVER);
    hk_scope_cancel(&s, "first");
    hk_scope_cancel(&s, "second");
    for (int i = 0; i < 3; i++) CHECK_NUMBER(hk_sleep(1), "-ECANCELED");
    CHECK_NUMBER(hk_sched_yield(), "-ECANCELED");
    CHECK(strstr(hk_why(), "first (") != NULL);
    CHECK_NUMBER(hk_scope_close(&s, 5), "5");
    CHECK_EQ(hk_sleep(1), 0);
    hk_scope_cancel(&s, "it is closed");
    CHECK_EQ(hk_sleep(1), 0);
}

SIM_TEST(who_makes_no_call_in_a_cancelled_scope_does_not_notice)
{
    HK_SCOPE(s, -1);
    CHECK_EQ(hk_scope_close(&s, 9), 9);
}

static void *cleans_up(void *arg)
{
    (void)arg;
    for (int i = 0; i < 3; i++) note("%s ", number_text(hk_sleep(HK_SEC(1))));
    return NULL;
}

SIM_TEST(each_call_of_the_cleanup_is_refused_and_a_value_is_no_cancel)
{
    hk_exit how;
    trace_clear();
    HK_GROUP(g, NULL);
    hk_tid tid = hk_spawn(&g, cleans_up, NULL);
    hk_sleep(HK_MS(1));
    hk_task_kill(tid);
    CHECK_EQ(hk_task_wait(tid, &how), 0);
    CHECK_EQ(how.how, HK_END_RETURNED);
    CHECK_STR(trace, "-ECANCELED -ECANCELED -ECANCELED ");
    CHECK_EQ(hk_group_close(&g, 0), 0);
}

/* ---- ABORT_LATER ---- */

static void *keeps(void *arg)
{
    (void)arg;
    result = keep();
    note("%s %s", number_text(result), number_text(hk_sleep(1)));
    return NULL;
}

static void *later_main(void *arg)
{
    keep_abort_answer = HK_ABORT_LATER;
    hk_tid tid = hk_spawn(HK_ROOT, keeps, NULL);
    hk_sched_yield();
    hk_task_kill(tid);
    hk_sched_yield();
    CHECK_STR(trace, "");
    hk_call_complete(kept, 77);
    CHECK_EQ(hk_task_wait(tid, NULL), 0);
    CHECK_STR(trace, "77 -ECANCELED");
    CHECK_EQ(keep_aborts, 1);
    return arg;
}

TEST(what_completes_after_an_abort_that_comes_later_is_reported_and_the_next_call_cancelled)
{
    CHECK_EQ(sim_once(later_main, NULL), 0);
}

static void *try_later(void *arg)
{
    (void)arg;
    HK_SCOPE(try, 0);
    result = keep();
    return hk_val(hk_scope_close(&try, result));
}

static void *try_later_main(void *arg)
{
    keep_abort_answer = HK_ABORT_LATER;
    hk_exit how;
    hk_tid tid = hk_spawn(HK_ROOT, try_later, NULL);
    hk_sched_yield();
    CHECK_EQ(keep_aborts, 1);
    hk_call_complete(kept, -ECANCELED);
    CHECK_EQ(hk_task_wait(tid, &how), 0);
    CHECK_NUMBER(how.error, "-ETIMEDOUT");
    return arg;
}

TEST(where_nothing_may_wait_a_call_is_aborted_as_well_later)
{
    CHECK_EQ(sim_once(try_later_main, NULL), 0);
}

/* ---- misuse, and no scheduler ---- */

TEST(a_scope_outside_any_scheduler_gives_its_result_back)
{
    HK_SCOPE(limit, HK_MS(1));
    HK_GROUP(g, NULL);
    CHECK_NUMBER(hk_sleep(1), "-ENOSYS");
    CHECK_NUMBER(hk_group_close(&g, -EIO), "-EIO");
    CHECK_EQ(hk_scope_close(&limit, 4), 4);
}

TEST(a_close_without_an_open, .aborts = "hk_scope_close: it is not open")
{
    static hk_scope s;
    hk_scope_close(&s, 0);
}

TEST(a_group_close_without_an_open, .aborts = "hk_group_close: it is not open")
{
    static hk_group g;
    intptr_t r = hk_group_close(&g, 0);
    test_fail("%d", (int)r);
}

TEST(a_group_is_not_closed_as_a_scope, .aborts = "hk_group_close closes it")
{
    HK_GROUP(g, NULL);
    hk_scope_close(hk_group_scope(&g), 0);
}

static hk_scope shared;
static void *closes_others(void *arg)
{
    hk_scope_close(&shared, 0);
    return arg;
}

static void *opens_shared(void *arg)
{
    hk_scope_open(&shared, HK_FOREVER);
    return hk_val(hk_task_wait(hk_spawn(HK_ROOT, closes_others, arg), NULL));
}

TEST(a_scope_is_not_closed_by_another_task, .aborts = "'main', which must close it")
{
    sim_once(opens_shared, NULL);
}

static void *ends_open(void *arg)
{
    hk_scope_open(&shared, HK_FOREVER);
    return arg;
}

TEST(a_task_does_not_end_with_a_scope_open, .aborts = "'main' ends, but the scope it opened at")
{
    sim_once(ends_open, NULL);
}
