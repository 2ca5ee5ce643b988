/* SPDX-License-Identifier: MIT */
/* HK_CALL_ON_LOOP: a handler that needs a deep stack runs on the loop's.
 *
 * The tasks here have 16 KiB, the handler uses 40: anywhere else it would overflow. Everything else
 * must be as with any call. */
#include "support/small.h"
#include "support/steps.h"

enum { SMALL_STACK = 16 * 1024, DEEP = 40 * 1024 };

struct deep {
    hk_call call;
    int x;
    bool parks;
};

static char *main_frame;
static int on_main_stack;
static hk_call *parked;

__attribute__((noinline)) static int dig(int x)
{
    volatile char room[DEEP];
    for (int i = 0; i < DEEP; i += 1024) room[i] = (char)x;
    return room[DEEP - 1024];
}

static void deep_handle(hk_call *call)
{
    struct deep *d = HK_CONTAINER(call, struct deep, call);
    intptr_t distance = main_frame - (char *)__builtin_frame_address(0);
    on_main_stack += distance > 0 && distance < 256 * 1024;
    int result = dig(d->x) + 1;
    if (!d->parks)
        hk_call_complete(call, result);
    else
        parked = call;
}

static int deep_abort(hk_call *call)
{
    CHECK(parked == call);
    parked = NULL;
    return HK_ABORTED;
}

static const hk_call_type deep_type = {
    .name = "deep", .handle = deep_handle, .abort = deep_abort, .flags = HK_CALL_ON_LOOP
};

static intptr_t deep(int x, bool parks)
{
    return HK_TRAP(struct deep, HK_CALL(deep_type), .x = x, .parks = parks);
}

static const hk_coro_options small_stack = { .stack = SMALL_STACK };

/* Runs fn as a task with a small stack; its value. */
static intptr_t run_small(hk_entry *fn, void *arg)
{
    main_frame = __builtin_frame_address(0);
    return hk_run(fn, arg, &(hk_run_options){ .stack = SMALL_STACK });
}

static void *calls(void *arg)
{
    intptr_t sum = 0;
    (void)arg;
    for (int i = 0; i < 10; i++) sum += deep(i, false);
    return hk_val(sum);
}

TEST(a_handler_runs_on_the_loops_stack_and_completes_at_once)
{
    CHECK_EQ(run_small(calls, NULL), 55);
    CHECK_EQ(on_main_stack, 10);
}

/* ---- parking, completed by another ---- */

static void *completes_parked(void *arg)
{
    note("completes ");
    hk_call_complete(parked, 77);
    return arg;
}

static void *parks(void *arg)
{
    hk_spawn(HK_ROOT, completes_parked, NULL);
    note("%s ", number_text(deep(1, true)));
    return arg;
}

TEST(it_may_park)
{
    CHECK_EQ(run_small(parks, NULL), 0);
    CHECK_EQ(on_main_stack, 1);
    CHECK_STR(trace, "completes 77 ");
}

/* ---- killed ---- */

static void *parks_twice(void *arg)
{
    note("%s ", number_text(deep(1, true)));
    note("%s ", number_text(deep(1, false)));
    return arg;
}

static void *kills(void *arg)
{
    hk_tid tid = hk_spawn(HK_ROOT, parks_twice, NULL);
    hk_sched_yield();
    CHECK(parked != NULL);
    CHECK_EQ(hk_task_kill(tid), 1);
    CHECK_EQ(hk_task_wait(tid, NULL), 0);
    return arg;
}

TEST(it_is_aborted_and_refused_like_any_other)
{
    CHECK_EQ(run_small(kills, NULL), 0);
    CHECK_EQ(on_main_stack, 1); /* the refused one's handler never ran */
    CHECK_STR(trace, "-ECANCELED -ECANCELED ");
}

/* ---- from a generator, from a stackless task ---- */

static void *generates(void *arg)
{
    (void)arg;
    for (int i = 0; i < 3; i++) {
        void *in = hk_yield(hk_val(deep(i * 10, false)));
        if (hk_is_err(in)) return in;
    }
    return NULL;
}

static void *consumes(void *arg)
{
    HK_CORO(co, generates, arg, &small_stack);
    intptr_t sum = 0;
    void *item;
    while (hk_coro_next(co, &item) > 0) sum += hk_num(item);
    return hk_val(sum);
}

TEST(it_works_in_a_generator)
{
    CHECK_EQ(run_small(consumes, NULL), 33);
    CHECK_EQ(on_main_stack, 3);
}

static struct {
    hk_coro co;
    struct deep deep;
} frame;

static hk_step step(hk_coro *co, void *in)
{
    HK_BEGIN(co);
    frame.deep = (struct deep){ HK_CALL(deep_type), .x = 5 };
    HK_AWAIT(co, &frame.deep.call);
    HK_END(co, hk_val(frame.deep.call.result));
}

static void *waits_for_stackless(void *arg)
{
    hk_exit how;
    (void)arg;
    hk_stackless_init(&frame.co, step, NULL);
    CHECK_EQ(hk_task_wait(hk_spawn_stackless(HK_ROOT, &frame.co, "step"), &how), 0);
    return how.value;
}

TEST(it_works_in_a_stackless_task)
{
    CHECK_EQ(run_small(waits_for_stackless, NULL), 6);
    CHECK_EQ(on_main_stack, 1);
}

/* ---- forwarded by a driver inside a task ---- */

static bool told;
static void tell(hk_call *call)
{
    told = true;
    note("told %s ", number_text(call->result));
}

static void *child(void *arg)
{
    intptr_t a = deep(1, false), b = deep(2, true);
    (void)arg;
    return hk_val(a + b);
}

static void *forwards(void *arg)
{
    HK_CORO(co, child, arg, &(hk_coro_options){ .stack = SMALL_STACK, .driven = true });
    hk_step s = hk_coro_send(co, NULL);
    while (s.outcome == HK_TRAPPED) {
        s.call->done = tell;
        if (!hk_call_start(s.call)) {
            CHECK(parked == s.call && !told);
            hk_call_complete(parked, 40);
            CHECK(told);
        }
        s = hk_coro_send(co, hk_val(s.call->result));
    }
    return s.value;
}

TEST(it_runs_on_the_loops_stack_when_it_is_forwarded_too)
{
    CHECK_EQ(run_small(forwards, NULL), 42);
    CHECK_EQ(on_main_stack, 2);
    CHECK_STR(trace, "told 40 ");
}

/* ---- a foreign driver has no loop to speak of: its own stack does ---- */

TEST(under_a_foreign_driver_it_runs_where_the_driver_does)
{
    small s;
    main_frame = __builtin_frame_address(0);
    small_init(&s);
    small_adopt(&s, hk_coro_create(calls, NULL, &small_stack));
    CHECK_EQ(small_run(&s), 0);
    CHECK_EQ(on_main_stack, 10);
}

/* ---- for ever ---- */

static bool stop;

static void *calls_for_ever(void *arg)
{
    while (!stop) deep(1, false);
    return arg;
}

static void *stops_it(void *arg)
{
    hk_spawn(HK_ROOT, calls_for_ever, NULL);
    for (int i = 0; i < 10; i++) CHECK_EQ(hk_sched_yield(), 0);
    stop = true;
    return arg;
}

TEST(one_that_calls_for_ever_starves_nobody) { CHECK_EQ(run_small(stops_it, NULL), 0); }
