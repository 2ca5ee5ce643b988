/* SPDX-License-Identifier: MIT */
/* Context variables: what a block gives to those it calls and to those it makes. */
#include "support/sim.h"
#include "support/steps.h"

#include <stdlib.h>

static const hk_variable colour = { "colour" }, shape = { "shape" };

static const char *now(const hk_variable *v)
{
    const char *value = hk_variable_get(v);
    return value != NULL ? value : "none";
}

TEST(the_innermost_binding_counts)
{
    CHECK_STR(now(&colour), "none");
    HK_WITH(a, &colour, "red");
    CHECK_STR(now(&colour), "red");
    {
        HK_WITH(b, &colour, "blue");
        HK_WITH(c, &shape, "round");
        CHECK_STR(now(&colour), "blue");
        HK_WITH(d, &colour, NULL);
        CHECK_STR(now(&colour), "none");
    }
    CHECK_STR(now(&colour), "red");
    CHECK_STR(now(&shape), "none");
}

static void *notes(void *arg)
{
    hk_sleep(hk_num(arg));
    note("%s %s, ", now(&colour), now(&shape));
    HK_WITH(own, &colour, "own");
    HK_GROUP(g, NULL);
    if (arg != NULL) hk_spawn(&g, notes, NULL);
    return hk_val(hk_group_close(&g, 0));
}

SIM_TEST(a_task_inherits_what_is_bound_where_it_is_made)
{
    trace_clear();
    {
        HK_WITH(a, &shape, "round");
        hk_spawn(HK_ROOT, notes, hk_val(HK_SEC(1)));
        HK_WITH(b, &colour, "red");
        hk_spawn(HK_ROOT, notes, hk_val(HK_SEC(2)));
        hk_spawn(HK_ROOT, notes, hk_val(HK_SEC(3)));
        HK_WITH(c, &shape, "square");
        hk_sleep(HK_MS(500));
    }
    hk_sleep(HK_SEC(10)); /* long after these blocks */
    CHECK_STR(trace, "none round, own round, red round, own round, red round, own round, ");
}

/* A binding of a consumer is seen by its generator. */
static void *generator(void *arg)
{
    return hk_is_err(hk_yield((char *)(uintptr_t)now(&colour))) ? NULL : arg;
}

SIM_TEST(a_generator_sees_what_its_consumer_has_bound)
{
    HK_CORO(co, generator, NULL, NULL);
    HK_WITH(a, &colour, "red");
    void *value = NULL;
    CHECK_EQ(hk_coro_next(co, &value), 1);
    CHECK_STR(value, "red");
}

static void *yields_in_a_binding(void *arg)
{
    HK_WITH(a, &colour, "red");
    return hk_yield(arg);
}

TEST(a_generator_does_not_yield_in_its_own_binding, .aborts = "yields, but the scope it opened at")
{
    HK_CORO(co, yields_in_a_binding, NULL, NULL);
    void *value;
    hk_coro_next(co, &value);
}

static void *exits(void *arg)
{
    (void)arg;
    HK_WITH(a, &colour, "blue");
    hk_spawn(HK_ROOT, notes, NULL);
    hk_task_exit(NULL);
}

SIM_TEST(a_task_that_exits_leaves_its_bindings)
{
    trace_clear();
    HK_WITH(a, &colour, "red");
    CHECK_EQ(hk_task_wait(hk_spawn(HK_ROOT, exits, NULL), NULL), 0);
    hk_sleep(1);
    CHECK_STR(trace, "blue none, ");
}
