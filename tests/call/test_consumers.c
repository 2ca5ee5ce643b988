/* SPDX-License-Identifier: MIT */
/* The consumer matrix of both kinds.
 *
 * A generator with a stack or without, that makes calls or not, is consumed by a coroutine with a
 * stack or without, that runs under plain thread code, under a coroutine that drives it, under a
 * scheduler of fifty lines, or under Hocket's. Each of the 32 gives the same sum, and none of the
 * four programs knows what it stands in. */
#include "support/small.h"
#include "support/steps.h"

#include <stdlib.h>

enum { ITEMS = 3 };

/* ---- generators: yield 1, 11, 21; or 0, 10, 20 where they do not call ---- */

static void *stackful_generator(void *arg)
{
    for (int i = 0; i < ITEMS; i++) {
        intptr_t item = arg != NULL ? add_one(i * 10) : i * 10;
        if (item < 0) return hk_val(item);
        void *in = hk_yield(hk_val(item));
        if (hk_is_err(in)) return in;
    }
    return NULL;
}

struct generator {
    hk_coro co;
    bool calls;
    int i;
    intptr_t item;
    struct add_one add;
};

static hk_step stackless_generator(hk_coro *co, void *in)
{
    struct generator *f = HK_CONTAINER(co, struct generator, co);
    HK_BEGIN(co);
    for (; f->i < ITEMS; f->i++) {
        f->item = f->i * 10;
        if (f->calls) {
            f->add = (struct add_one){ HK_CALL(add_one_type), .x = f->i * 10 };
            HK_AWAIT(co, &f->add.call);
            f->item = f->add.call.result;
            if (f->item < 0) HK_RETURN(co, hk_val(f->item));
        }
        HK_GIVE(co, hk_val(f->item));
        if (hk_is_err(in)) HK_RETURN(co, in);
    }
    HK_END(co, NULL);
}

static void free_generator(hk_coro *co) { free(HK_CONTAINER(co, struct generator, co)); }

static hk_coro *make_generator(bool stackless, bool calls)
{
    if (!stackless) return hk_coro_create(stackful_generator, hk_val(calls), NULL);
    struct generator *f = calloc(1, sizeof *f);
    f->calls = calls;
    hk_stackless_init(&f->co, stackless_generator, free_generator);
    return &f->co;
}

/* ---- consumers: sum the items, after a call of their own: 100 more ---- */

static void *stackful_consumer(void *arg)
{
    hk_coro *generator HK_ON_LEAVE(hk_coro_leave) = arg;
    intptr_t sum = add_one(99);
    for (;;) {
        hk_step step = hk_coro_send(generator, NULL);
        if (step.outcome == HK_FAILED) return step.value;
        if (step.outcome != HK_YIELDED) return hk_val(sum);
        sum += hk_num(step.value);
    }
}

struct consumer {
    hk_coro co;
    hk_coro *generator;
    hk_step step;
    intptr_t sum;
    struct add_one add;
};

/* A step is a driver: it is handed the calls of its generator, and makes them in its own name. */
static hk_step stackless_consumer(hk_coro *co, void *in)
{
    struct consumer *f = HK_CONTAINER(co, struct consumer, co);
    HK_BEGIN(co);
    f->add = (struct add_one){ HK_CALL(add_one_type), .x = 99 };
    HK_AWAIT(co, &f->add.call);
    f->sum = f->add.call.result;
    for (;;) {
        f->step = hk_coro_send(f->generator, NULL);
        while (f->step.outcome == HK_TRAPPED) {
            HK_AWAIT(co, f->step.call);
            f->step = hk_coro_send(f->generator, hk_val(f->step.call->result));
        }
        if (f->step.outcome != HK_YIELDED) break;
        f->sum += hk_num(f->step.value);
    }
    hk_coro_leave(&f->generator);
    HK_END(co, f->step.outcome == HK_FAILED ? f->step.value : hk_val(f->sum));
}

static void free_consumer(hk_coro *co) { free(HK_CONTAINER(co, struct consumer, co)); }

static hk_coro *make_consumer(bool stackless, hk_coro *generator, bool driven)
{
    if (!stackless)
        return hk_coro_create(stackful_consumer, generator, &(hk_coro_options){ .driven = driven });
    struct consumer *f = calloc(1, sizeof *f);
    f->generator = generator;
    hk_stackless_init(&f->co, stackless_consumer, free_consumer);
    return &f->co;
}

/* ---- drivers ---- */

static void *drive_and_destroy(void *arg)
{
    hk_coro *co = arg;
    hk_step step = hk_coro_send(co, NULL);
    while (step.outcome == HK_TRAPPED) {
        CHECK(accept_call(step.call)); /* add_one is answered at once */
        step = hk_coro_send(co, hk_val(step.call->result));
    }
    CHECK_EQ(hk_coro_destroy(co), 0);
    return step.value;
}

static intptr_t under_thread_code(hk_coro *co) { return hk_num(drive_and_destroy(co)); }

/* A stackless one cannot be created driven; under a coroutine with a stack its calls pass through
 * to where the thread serves them. That is the same program, so it must give the same. */
static intptr_t under_a_driver(hk_coro *co)
{
    hk_coro *driver = hk_coro_create(drive_and_destroy, co, NULL);
    return hk_num(drive_and_destroy(driver));
}

static hk_step last;
static void remember(hk_tid tid, hk_step step)
{
    (void)tid;
    last = step;
}

static intptr_t under_fifty_lines(hk_coro *co)
{
    small s;
    small_init(&s);
    s.ended = remember;
    small_adopt(&s, co);
    CHECK_EQ(small_run(&s), 0);
    return hk_num(last.value);
}

/* Tasks are made by their scheduler: a stackful one is spawned as such. */
static void *waits_for(void *arg)
{
    hk_exit how;
    hk_tid tid = hk_spawn_stackless(HK_ROOT, arg, "consumer");
    CHECK_EQ(hk_task_wait(tid, &how), 0);
    return how.how == HK_END_RETURNED ? how.value : hk_val(how.error);
}

static intptr_t under_hocket(bool stackless, hk_coro *generator)
{
    if (!stackless) return hk_run(stackful_consumer, generator, NULL);
    return hk_run(waits_for, make_consumer(true, generator, false), NULL);
}

static intptr_t run_one(int driver, bool consumer_stackless, hk_coro *generator)
{
    static intptr_t (*const drivers[])(hk_coro *) = { under_thread_code, under_a_driver,
                                                      under_fifty_lines };
    if (driver == 3) return under_hocket(consumer_stackless, generator);
    return drivers[driver](make_consumer(consumer_stackless, generator, driver != 0));
}

TEST(the_consumer_matrix_of_both_kinds)
{
    for (int i = 0; i < 32; i++) {
        bool generator_stackless = i & 1, calls = i & 2, consumer_stackless = i & 4;
        int handled = add_one_handled, driver = i >> 3;
        hk_coro *generator = make_generator(generator_stackless, calls);
        intptr_t sum = run_one(driver, consumer_stackless, generator);
        if (sum != (calls ? 133 : 130) || add_one_handled - handled != (calls ? 4 : 1))
            test_fail("generator %s%s, consumer %s, driver %d: %s, %d calls handled",
                      generator_stackless ? "stackless" : "stackful", calls ? " that calls" : "",
                      consumer_stackless ? "stackless" : "stackful", driver, number_text(sum),
                      add_one_handled - handled);
    }
}

/* ---- chains: each level consumes the one below and adds 1 to every item ---- */

struct link {
    hk_coro co;
    hk_coro *inner;
    hk_step step;
};

static void *stackful_link(void *arg)
{
    hk_coro *inner HK_ON_LEAVE(hk_coro_leave) = arg;
    void *item;
    int r;
    while ((r = hk_coro_next(inner, &item)) > 0) {
        void *in = hk_yield(hk_val(hk_num(item) + add_one(0)));
        if (hk_is_err(in)) return in;
    }
    return hk_val(r);
}

static hk_step stackless_link(hk_coro *co, void *in)
{
    struct link *f = HK_CONTAINER(co, struct link, co);
    HK_BEGIN(co);
    for (;;) {
        f->step = hk_coro_send(f->inner, NULL);
        while (f->step.outcome == HK_TRAPPED) {
            HK_AWAIT(co, f->step.call);
            f->step = hk_coro_send(f->inner, hk_val(f->step.call->result));
        }
        if (f->step.outcome != HK_YIELDED) break;
        HK_GIVE(co, hk_val(hk_num(f->step.value) + 1));
        if (hk_is_err(in)) break;
    }
    hk_coro_leave(&f->inner);
    HK_END(co, f->step.outcome == HK_FAILED ? f->step.value : hk_is_err(in) ? in : NULL);
}

static void free_link(hk_coro *co) { free(HK_CONTAINER(co, struct link, co)); }

enum { LINKS = 4 };

static hk_coro *make_chain(int kinds, bool calls)
{
    hk_coro *co = make_generator(kinds & 1, calls);
    for (int i = 1; i <= LINKS; i++) {
        if ((kinds >> i & 1) == 0) {
            co = hk_coro_create(stackful_link, co, NULL);
            continue;
        }
        struct link *f = calloc(1, sizeof *f);
        f->inner = co;
        hk_stackless_init(&f->co, stackless_link, free_link);
        co = &f->co;
    }
    return co;
}

/* Every mixture of kinds in a chain of a generator and four links: calls find their way up through
 * steps and stacks alike. */
TEST(calls_pass_through_every_mixture_of_links, .seconds = 60)
{
    for (int kinds = 0; kinds < 1 << (LINKS + 1); kinds++) {
        for (int driver = 0; driver < 4; driver++) {
            bool calls = (kinds + driver) % 2 != 0, consumer_stackless = driver & 1;
            intptr_t sum = run_one(driver, consumer_stackless, make_chain(kinds, calls));
            if (sum != (calls ? 133 : 130) + ITEMS * LINKS)
                test_fail("kinds %x, driver %d: %s", kinds, driver, number_text(sum));
        }
    }
}

/* ---- closed in the middle ---- */

static void *takes_one_and_leaves(void *arg)
{
    hk_coro *chain HK_ON_LEAVE(hk_coro_leave) = arg;
    void *item = NULL;
    CHECK_EQ(hk_coro_next(chain, &item), 1);
    return item;
}

TEST(a_chain_that_is_left_early_is_closed_all_the_way)
{
    for (int kinds = 0; kinds < 1 << (LINKS + 1); kinds++)
        CHECK_EQ(hk_run(takes_one_and_leaves, make_chain(kinds, true), NULL), 1 + LINKS);
}
