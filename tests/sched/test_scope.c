/* SPDX-License-Identifier: MIT */
/* Scopes: deadlines, cancels, shields. */
#include "support/sim.h"
#include "support/steps.h"

static void *nothing_may_wait(void *arg)
{
    (void)arg;
    HK_SCOPE(try, 0);
    CHECK_EQ(hk_sched_yield(), 0);
    CHECK_NUMBER(hk_sleep(HK_SEC(1)), "-ECANCELED");
    CHECK_NUMBER(hk_scope_close(&try, -ECANCELED), "-ETIMEDOUT");
    CHECK_EQ(hk_sleep(1), 0);
    return NULL;
}

TEST(a_timeout_of_zero_forbids_waiting) { CHECK_EQ(sim_once(nothing_may_wait, NULL), 0); }

static void *shielded(void *arg)
{
    (void)arg;
    HK_SCOPE(outer, HK_FOREVER);
    hk_scope_cancel(&outer, "a test");
    CHECK_NUMBER(hk_sleep(1), "-ECANCELED");
    CHECK(strstr(hk_why(), "a test") != NULL);
    {
        HK_SCOPE(inner, HK_SEC(5));
        hk_scope_shield(&inner, true);
        CHECK_EQ(hk_sleep(1), 0);
        hk_scope_shield(&inner, false);
        CHECK_NUMBER(hk_sleep(1), "-ECANCELED");
        CHECK_NUMBER(hk_scope_close(&inner, -ECANCELED), "-ECANCELED");
    }
    CHECK_NUMBER(hk_scope_close(&outer, -ECANCELED), "-ECANCELED");
    return NULL;
}

TEST(a_shield_hides_the_cancel_outside) { CHECK_EQ(sim_once(shielded, NULL), 0); }

static void *left_shielded(void *arg)
{
    (void)arg;
    HK_SCOPE(outer, HK_FOREVER);
    HK_SCOPE(inner, HK_FOREVER);
    hk_scope_shield(&inner, true);
    hk_scope_cancel(&outer, "while the shield is on");
    CHECK_EQ(hk_sleep(1), 0);
    hk_scope_close(&inner, 0);
    CHECK_EQ(hk_sleep(1), -ECANCELED);
    return NULL;
}

TEST(what_a_shield_has_hidden_counts_when_its_scope_is_closed)
{
    CHECK_EQ(sim_once(left_shielded, NULL), 0);
}

static void *gen(void *arg)
{
    HK_SCOPE(own, HK_FOREVER);
    void *r = hk_yield(arg);
    hk_scope_close(&own, 0);
    return r;
}

static void *consumes(void *arg)
{
    (void)arg;
    HK_CORO(co, gen, NULL, NULL);
    void *value;
    return hk_val(hk_coro_next(co, &value));
}

TEST(a_generator_does_not_yield_in_its_own_scope,
     .aborts = "'coroutine' yields, but the scope it opened at")
{
    sim_once(consumes, NULL);
}

static void *misnests(void *arg)
{
    (void)arg;
    hk_scope a, b;
    hk_scope_open(&a, HK_FOREVER);
    hk_scope_open(&b, HK_FOREVER);
    hk_scope_close(&a, 0);
    return NULL;
}

TEST(scopes_close_in_reverse_order, .aborts = "is closed before what was opened in it at")
{
    sim_once(misnests, NULL);
}
