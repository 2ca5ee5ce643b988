/* SPDX-License-Identifier: MIT */
/* Delegation: a coroutine hands all that it is sent on to an inner one, until that ends.
 *
 * Python's `yield from`. hk_coro_delegate for bodies with a stack, HK_DELEGATE for stackless ones;
 * every test here runs with both kinds at every level. Cases 19, 20 and 32. */
#include "support/steps.h"

#include <stdlib.h>

/* ---- the innermost: yields 1, then echoes ---- */

enum manner {
    PASSES,   /* returns an error that it is sent */
    HANDLES,  /* goes on after an error: yields its number; ends on the next NULL with 7 */
    ENDS_WELL /* returns 7 on an error */
};

static void *stackful_inner(void *arg)
{
    enum manner manner = (enum manner)hk_num(arg);
    void *in = hk_yield(hk_val(1));
    for (;;) {
        if (in == NULL) return hk_val(7);
        if (!hk_is_err(in)) {
            in = hk_yield(in);
            continue;
        }
        note("inner %s ", number_text(hk_num(in)));
        if (manner == PASSES) return in;
        if (manner == ENDS_WELL) return hk_val(7);
        in = hk_yield(hk_val(-hk_num(in)));
    }
}

struct frame {
    hk_coro co;
    enum manner manner;
    hk_coro *inner;
    const char *name;
    void *value;
};

static hk_step stackless_inner(hk_coro *co, void *in)
{
    struct frame *f = HK_CONTAINER(co, struct frame, co);
    HK_BEGIN(co);
    HK_GIVE(co, hk_val(1));
    while (in != NULL) {
        if (!hk_is_err(in)) {
            HK_GIVE(co, in);
            continue;
        }
        note("inner %s ", number_text(hk_num(in)));
        if (f->manner == PASSES) HK_RETURN(co, in);
        if (f->manner == ENDS_WELL) HK_RETURN(co, hk_val(7));
        HK_GIVE(co, hk_val(-hk_num(in)));
    }
    HK_END(co, hk_val(7));
}

/* ---- a level: delegates, notes what came of it, hands it on with 100 more ---- */

struct level {
    hk_coro *inner;
    const char *name;
};

static void *stackful_level(void *arg)
{
    struct level level = *(struct level *)arg;
    void *value = hk_coro_delegate(level.inner);
    note("%s %s ", level.name, number_text(hk_num(value)));
    return hk_is_err(value) ? value : hk_val(hk_num(value) + 100);
}

static hk_step stackless_level(hk_coro *co, void *in)
{
    struct frame *f = HK_CONTAINER(co, struct frame, co);
    HK_BEGIN(co);
    HK_DELEGATE(co, f->inner, &f->value);
    note("%s %s ", f->name, number_text(hk_num(f->value)));
    HK_END(co, hk_is_err(f->value) ? f->value : hk_val(hk_num(f->value) + 100));
}

/* ---- three levels over an innermost one, each of either kind ---- */

enum { LEVELS = 3, KINDS = 1 << (LEVELS + 1) };

struct tower {
    int kinds;
    enum manner manner;
    hk_coro *inner, *level[LEVELS], *top; /* level[0] delegates to inner; top: the last */
};

static void free_frame(hk_coro *co) { free(HK_CONTAINER(co, struct frame, co)); }

static hk_coro *make(bool stackless, enum manner manner, hk_coro *inner, const char *name)
{
    if (!stackless && inner == NULL) return hk_coro_create(stackful_inner, hk_val(manner), NULL);
    if (!stackless)
        return hk_coro_create(stackful_level, &(struct level){ inner, name },
                              &(hk_coro_options){ .arg_size = sizeof(struct level) });
    struct frame *f = calloc(1, sizeof *f);
    *f = (struct frame){ .manner = manner, .inner = inner, .name = name };
    hk_stackless_init(&f->co, inner == NULL ? stackless_inner : stackless_level, free_frame);
    return &f->co;
}

/* kinds: bit 0 for the innermost, the others for the levels; set: stackless. */
static struct tower build(int kinds, enum manner manner)
{
    static const char *const names[LEVELS] = { "a", "b", "c" };
    struct tower t = { kinds, manner, .inner = make((kinds & 1) != 0, manner, NULL, NULL) };
    t.top = t.inner;
    for (int i = 0; i < LEVELS; i++)
        t.top = t.level[i] = make((kinds >> (i + 1) & 1) != 0, manner, t.top, names[i]);
    trace_clear();
    CHECK_STEP(hk_coro_send(t.top, NULL), "yielded 1");
    return t;
}

/* for (struct tower *t = first(PASSES); t != NULL; t = next(t)): every mixture of kinds in turn. */
static struct tower *first(enum manner manner)
{
    static struct tower t;
    t = build(0, manner);
    return &t;
}

static struct tower *next(struct tower *t)
{
    for (int i = LEVELS - 1; i >= 0; i--) CHECK_EQ(hk_coro_destroy(t->level[i]), 0);
    CHECK_EQ(hk_coro_destroy(t->inner), 0);
    if (t->kinds + 1 == KINDS) return NULL;
    *t = build(t->kinds + 1, t->manner);
    return t;
}

TEST(values_pass_through_all_levels_and_the_inner_value_is_the_delegations)
{
    for (struct tower *t = first(PASSES); t != NULL; t = next(t)) {
        CHECK_STEP(hk_coro_send(t->top, hk_val(5)), "yielded 5");
        CHECK_STEP(hk_coro_send(t->top, hk_val(6)), "yielded 6");
        CHECK_STEP(hk_coro_send(t->top, NULL), "returned 307");
        CHECK_STR(trace, "a 7 b 107 c 207 ");
        CHECK_STEP(hk_coro_send(t->inner, NULL), "finished");
    }
}

/* Case 19. */
TEST(a_throw_reaches_the_innermost_first_and_unwinds_outwards)
{
    for (struct tower *t = first(PASSES); t != NULL; t = next(t)) {
        CHECK_STEP(hk_coro_throw(t->top, -EIO), "failed EIO");
        CHECK_STR(trace, "inner -EIO a -EIO b -EIO c -EIO ");
    }
}

/* Case 20. */
TEST(an_inner_one_handles_the_error_and_the_outer_ones_go_on_with_its_value)
{
    for (struct tower *t = first(ENDS_WELL); t != NULL; t = next(t)) {
        CHECK_STEP(hk_coro_throw(t->top, -EIO), "returned 307");
        CHECK_STR(trace, "inner -EIO a 7 b 107 c 207 ");
    }
    for (struct tower *t = first(HANDLES); t != NULL; t = next(t)) {
        CHECK_STEP(hk_coro_throw(t->top, -EIO), "yielded 5"); /* EIO */
        CHECK_STEP(hk_coro_send(t->top, hk_val(8)), "yielded 8");
        CHECK_STEP(hk_coro_send(t->top, NULL), "returned 307");
        CHECK_STR(trace, "inner -EIO a 7 b 107 c 207 ");
    }
}

/* Case 32. */
TEST(close_unwinds_the_inner_before_the_outer)
{
    for (struct tower *t = first(PASSES); t != NULL; t = next(t)) {
        CHECK_STEP(hk_coro_close(t->top), "returned 0");
        CHECK_STR(trace, "inner -ECANCELED a -ECANCELED b -ECANCELED c -ECANCELED ");
    }
}

/* An inner one that ends well when it is closed has ended; but the outer one is closed all the same
 * (Python raises GeneratorExit at the delegation then). */
TEST(an_inner_one_that_ends_well_does_not_keep_the_outer_from_being_closed)
{
    for (struct tower *t = first(ENDS_WELL); t != NULL; t = next(t)) {
        CHECK_STEP(hk_coro_close(t->top), "returned 0");
        CHECK_STR(trace, "inner -ECANCELED a -ECANCELED b -ECANCELED c -ECANCELED ");
    }
}

/* One that ignores its close is -EBUSY at the delegation. What it is then is its owner's
 * business. */
TEST(an_inner_one_that_ignores_its_close_is_an_error_at_the_delegation)
{
    for (struct tower *t = first(HANDLES); t != NULL; t = next(t)) {
        CHECK_STEP(hk_coro_close(t->top), "failed EBUSY");
        CHECK_STR(trace, "inner -ECANCELED a -EBUSY b -EBUSY c -EBUSY ");
        CHECK_STEP(hk_coro_send(t->inner, hk_val(9)), "yielded 9");
        CHECK_STEP(hk_coro_send(t->inner, NULL), "returned 7");
    }
}

TEST(the_inner_one_is_running_while_it_is_delegated_to_only_when_it_runs)
{
    for (struct tower *t = first(PASSES); t != NULL; t = next(t)) {
        /* Between two sends nobody runs: the inner one may be driven from outside, unwise as it
         * is. */
        CHECK_STEP(hk_coro_send(t->inner, hk_val(3)), "yielded 3");
        CHECK_STEP(hk_coro_send(t->top, hk_val(4)), "yielded 4");
        CHECK_STEP(hk_coro_send(t->inner, NULL), "returned 7");
        CHECK_STEP(hk_coro_send(t->top, hk_val(5)), "returned 300"); /* it had ended: no value */
    }
}

/* ---- where the inner one cannot be resumed, or not at first ---- */

static void check_both(hk_coro *inner, const char *text)
{
    struct frame f = { .inner = inner, .name = "x" };
    HK_CORO(stackful, stackful_level, (&(struct level){ inner, "x" }), NULL);
    CHECK_STEP(hk_coro_send(stackful, NULL), text);
    hk_stackless_init(&f.co, stackless_level, NULL);
    CHECK_STEP(hk_coro_send(&f.co, NULL), text);
}

TEST(delegating_to_a_finished_one_gives_null)
{
    HK_CORO(inner, stackful_inner, hk_val(PASSES), NULL);
    CHECK_STEP(hk_coro_close(inner), "returned 0");
    check_both(inner, "returned 100");
}

TEST(delegating_to_none_is_an_error)
{
    HK_CORO(co, stackful_level, (&(struct level){ NULL, "x" }), NULL);
    CHECK_STEP(hk_coro_send(co, NULL), "failed EINVAL");
}

static void *delegates_to_a_running_one(void *arg)
{
    check_both(*(hk_coro **)arg, "failed EALREADY");
    return NULL;
}

TEST(delegating_to_a_running_one_is_an_error)
{
    hk_coro *co = hk_coro_create(delegates_to_a_running_one, &co, NULL);
    CHECK_STEP(hk_coro_send(co, NULL), "returned 0");
    CHECK_EQ(hk_coro_destroy(co), 0);
}

TEST(delegating_to_one_that_is_under_way_goes_on_with_it)
{
    HK_CORO(inner, stackful_inner, hk_val(PASSES), NULL);
    hk_coro_send(inner, NULL);
    HK_CORO(co, stackful_level, (&(struct level){ inner, "x" }), NULL);
    CHECK_STEP(hk_coro_send(co, NULL), "returned 107"); /* the first send is NULL: it ends */
}

/* ---- calls inside ---- */

static void *calls_between(void *arg)
{
    void *in = hk_yield(hk_val(add_one(1)));
    if (!hk_is_err(in)) in = hk_yield(hk_val(add_one((int)hk_num(in))));
    if (hk_is_err(in)) note("cleanup %s ", number_text(add_one(10)));
    (void)arg;
    return in;
}

/* Serves add_one, as a driver may: without its handler. */
static hk_step serve(hk_coro *co, hk_step step)
{
    while (step.outcome == HK_TRAPPED)
        step = hk_coro_send(co, hk_val(HK_CONTAINER(step.call, struct add_one, call)->x + 1));
    return step;
}

static void check_calls(bool stackless)
{
    trace_clear();
    HK_CORO(inner, calls_between, NULL, NULL);
    hk_coro *co = make(stackless, PASSES, inner, "x");
    CHECK_STEP(serve(co, hk_coro_send(co, NULL)), "yielded 2");
    CHECK_STEP(serve(co, hk_coro_send(co, hk_val(30))), "yielded 31");
    CHECK_STEP(serve(co, hk_coro_send(co, hk_val(4))), "returned 104");
    CHECK_EQ(hk_coro_destroy(co), 0);
}

TEST(calls_of_the_inner_one_go_to_the_driver_of_the_outer)
{
    check_calls(false);
    check_calls(true);
}

static void *ends_well_after_a_call(void *arg)
{
    void *in = hk_yield(hk_val(1));
    if (hk_is_err(in)) note("cleanup %s ", number_text(add_one(10)));
    return arg;
}

/* The cleanup of an inner one that is closed may call, and end as it likes: closed is closed. */
static void check_close_with_calls(bool stackless, hk_entry *fn, const char *expected)
{
    trace_clear();
    HK_CORO(inner, fn, hk_val(7), NULL);
    hk_coro *co = make(stackless, PASSES, inner, "x");
    CHECK_STEP(serve(co, hk_coro_send(co, NULL)), fn == calls_between ? "yielded 2" : "yielded 1");
    hk_step step = hk_coro_close(co);
    CHECK_STR(step_text(step), "trapped add_one");
    CHECK_STEP(serve(co, step), "failed ECANCELED");
    CHECK_STR(trace, expected);
    CHECK_EQ(hk_coro_destroy(co), 0);
}

TEST(close_through_a_call_in_the_inner_cleanup_is_still_a_close)
{
    for (int stackless = 0; stackless < 2; stackless++) {
        check_close_with_calls(stackless, calls_between, "cleanup 11 x -ECANCELED ");
        check_close_with_calls(stackless, ends_well_after_a_call, "cleanup 11 x -ECANCELED ");
    }
}

static void *goes_on_after_a_call(void *arg)
{
    void *in = hk_yield(hk_val(1));
    note("cleanup %s ", number_text(add_one(10)));
    in = hk_yield(hk_val(2));
    return hk_is_err(in) ? in : arg;
}

TEST(an_inner_one_that_calls_and_then_ignores_its_close_is_an_error_too)
{
    for (int kind = 0; kind < 4; kind++) {
        trace_clear();
        hk_coro_options options = { .driven = (kind & 1) != 0 };
        HK_CORO(inner, goes_on_after_a_call, hk_val(7), &options);
        hk_coro *co = make((kind & 2) != 0, PASSES, inner, "x");
        CHECK_STEP(hk_coro_send(co, NULL), "yielded 1");
        CHECK_STEP(serve(co, hk_coro_close(co)), "failed EBUSY");
        CHECK_STR(trace, "cleanup 11 x -EBUSY ");
        CHECK_STEP(hk_coro_send(inner, NULL), "returned 7");
        CHECK_EQ(hk_coro_destroy(co), 0);
    }
}

/* An inner one that was created driven hands its calls to its consumer, which delegates: up they
 * go. */
TEST(calls_of_a_driven_inner_one_are_handed_up)
{
    for (int stackless = 0; stackless < 2; stackless++) {
        trace_clear();
        HK_CORO(inner, calls_between, NULL, &(hk_coro_options){ .driven = true });
        hk_coro *co = make(stackless, PASSES, inner, "x");
        CHECK_STEP(serve(co, hk_coro_send(co, NULL)), "yielded 2");
        CHECK_STEP(serve(co, hk_coro_send(co, hk_val(5))), "yielded 6");
        CHECK_STEP(serve(co, hk_coro_close(co)), "failed ECANCELED");
        CHECK_STR(trace, "cleanup 11 x -ECANCELED ");
        CHECK_EQ(hk_coro_destroy(co), 0);
    }
}

/* ---- the seed's tunnel ---- */

static void *awaitable(void *arg)
{
    static const char *const heard[] = { "one", "two", "three" };
    for (int i = 0; i < 3; i++) {
        void *in = hk_yield(hk_val(i + 1));
        if (hk_is_err(in)) return in;
        CHECK_STR((const char *)in, heard[i]);
    }
    return arg;
}

static void *foo(void *arg)
{
    (void)arg;
    note("foo start ");
    HK_CORO(inner, awaitable, hk_val(42), NULL);
    note("foo received result: %s ", number_text(hk_num(hk_coro_delegate(inner))));
    return NULL;
}

TEST(the_tunnel_of_the_seed)
{
    HK_CORO(co, foo, NULL, NULL);
    CHECK_STEP(hk_coro_send(co, NULL), "yielded 1");
    CHECK_STEP(hk_coro_send(co, (void *)(uintptr_t) "one"), "yielded 2");
    CHECK_STEP(hk_coro_send(co, (void *)(uintptr_t) "two"), "yielded 3");
    CHECK_STEP(hk_coro_send(co, (void *)(uintptr_t) "three"), "returned 0");
    CHECK_STR(trace, "foo start foo received result: 42 ");
}
