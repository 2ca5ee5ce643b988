/* SPDX-License-Identifier: MIT */
/* Shields: what is outside does not reach in, what is inside of the shield still works, and nothing
 * is lost by being hidden. */
#include "support/sim.h"
#include "support/steps.h"

static int slept, after;

/* Waits behind a shield, and then without. */
static void *shielded_sleeper(void *arg)
{
    (void)arg;
    HK_SCOPE(shield, HK_FOREVER);
    hk_scope_shield(&shield, true);
    slept = hk_sleep(HK_SEC(1));
    hk_scope_close(&shield, 0);
    after = hk_sleep(HK_SEC(1));
    return hk_val(after);
}

static void reset(void)
{
    slept = after = 1;
    trace_clear();
}

/* Its end, how it came. */
static void expect_cut(hk_tid tid)
{
    hk_exit how;
    CHECK_EQ(hk_task_wait(tid, &how), 0);
    CHECK_EQ(how.how, HK_END_CANCELLED);
    CHECK_EQ(slept, 0);
    CHECK_NUMBER(after, "-ECANCELED");
}

SIM_TEST(a_kill_waits_behind_a_shield_and_is_met_at_its_close)
{
    reset();
    hk_tid tid = hk_spawn(HK_ROOT, shielded_sleeper, NULL);
    hk_sleep(HK_MS(1));
    CHECK_EQ(hk_task_kill(tid), 1);
    expect_cut(tid);
}

SIM_TEST(a_cancel_waits_behind_a_shield_and_is_met_at_its_close)
{
    reset();
    HK_GROUP(g, NULL);
    hk_tid tid = hk_spawn(&g, shielded_sleeper, NULL);
    {
        HK_SCOPE(mine, HK_FOREVER);
        hk_scope_shield(&mine, true);
        hk_sleep(HK_MS(1));
        hk_group_cancel(&g, "a test");
        expect_cut(tid);
        hk_scope_close(&mine, 0);
    }
    CHECK_EQ(hk_group_close(&g, 4), 4);
}

SIM_TEST(a_deadline_waits_behind_a_shield_and_is_met_at_its_close)
{
    HK_SCOPE(limit, HK_MS(1));
    hk_scope shield;
    hk_scope_open(&shield, HK_FOREVER);
    hk_scope_shield(&shield, true);
    CHECK_EQ(hk_sleep(HK_MS(5)), 0);
    CHECK_EQ(hk_scope_close(&shield, 0), 0);
    int r = hk_sleep(1);
    CHECK_NUMBER(r, "-ECANCELED");
    CHECK_NUMBER(hk_scope_close(&limit, r), "-ETIMEDOUT");
}

SIM_TEST(a_shield_on_a_group_hides_from_its_tasks_what_is_outside)
{
    reset();
    HK_SCOPE(outer, HK_FOREVER);
    hk_group g;
    hk_group_open(&g, NULL);
    hk_scope_shield(hk_group_scope(&g), true);
    hk_spawn(&g, shielded_sleeper, NULL);
    hk_scope_cancel(&outer, "a test");
    CHECK_EQ(hk_sched_yield(), 0);
    CHECK_EQ(hk_group_close(&g, 0), 0);
    CHECK_EQ(slept, 0);
    CHECK_EQ(after, 0);
    CHECK_NUMBER(hk_sched_yield(), "-ECANCELED"); /* the close took the shield away */
    hk_group_leave(&g);
    CHECK_NUMBER(hk_scope_close(&outer, -ECANCELED), "-ECANCELED");
}

SIM_TEST(a_shield_hides_a_soft_stop)
{
    HK_GROUP(g, NULL);
    hk_group_stop(&g, HK_SEC(10));
    HK_SCOPE(soft, HK_FOREVER);
    hk_scope_soft(&soft, true);
    CHECK_NUMBER(hk_sleep(1), "-ESHUTDOWN");
    hk_scope_shield(&soft, true);
    CHECK_EQ(hk_sleep(1), 0);
    hk_scope_shield(&soft, false);
    CHECK_NUMBER(hk_sleep(1), "-ESHUTDOWN");
    hk_scope_close(&soft, 0);
    CHECK_EQ(hk_sleep(1), 0);
    CHECK_EQ(hk_group_close(&g, 0), 0);
}

static hk_scope *parked_in;

static void *parked_behind(void *arg)
{
    (void)arg;
    HK_SCOPE(shield, HK_FOREVER);
    hk_scope_shield(&shield, true);
    parked_in = &shield;
    slept = hk_sleep(HK_SEC(1000));
    CHECK_NUMBER(hk_scope_close(&shield, slept), "-ECANCELED");
    return hk_val(slept);
}

SIM_TEST(a_shield_that_is_turned_off_delivers_to_who_is_parked)
{
    int64_t start = hk_now();
    reset();
    hk_tid tid = hk_spawn(HK_ROOT, parked_behind, NULL);
    hk_sleep(HK_MS(1));
    hk_task_kill(tid);
    hk_sleep(HK_MS(1));
    CHECK_EQ(slept, 1);
    hk_scope_shield(parked_in, false);
    CHECK_EQ(hk_task_wait(tid, NULL), 0);
    CHECK_NUMBER(slept, "-ECANCELED");
    CHECK(hk_now() - start < HK_SEC(1000));
}

SIM_TEST(a_shielded_scope_has_its_own_deadline_and_can_be_cancelled_itself)
{
    HK_SCOPE(outer, HK_FOREVER);
    hk_scope_cancel(&outer, "a test");
    hk_scope inner;
    hk_scope_open(&inner, HK_MS(1));
    hk_scope_shield(&inner, true);
    CHECK_NUMBER(hk_scope_close(&inner, hk_sleep(HK_SEC(1))), "-ETIMEDOUT");
    hk_scope_open(&inner, HK_FOREVER);
    hk_scope_shield(&inner, true);
    hk_scope_cancel(&inner, "itself");
    CHECK_NUMBER(hk_sleep(1), "-ECANCELED");
    CHECK(strstr(hk_why(), "itself") != NULL);
    CHECK_NUMBER(hk_scope_close(&inner, -ECANCELED), "-ECANCELED");
    CHECK_NUMBER(hk_scope_close(&outer, -ECANCELED), "-ECANCELED");
}
