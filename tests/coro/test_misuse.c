/* SPDX-License-Identifier: MIT */
/* Misuse aborts, each kind with its one sentence. */
#include "support/steps.h"

#include <stdlib.h>

/* ---- yields that nobody can take ---- */

TEST(yield_in_plain_code, .aborts = "hocket: hk_yield outside any coroutine\n")
{
    (void)!hk_yield(NULL);
}

static void *ends(void *arg) { return arg; }

TEST(yield_in_plain_code_that_has_resumed_coroutines,
     .aborts = "hocket: hk_yield outside any coroutine\n")
{
    HK_CORO(co, ends, NULL, NULL);
    hk_coro_send(co, NULL);
    (void)!hk_yield(NULL);
}

static void *yields(void *arg)
{
    void *in = hk_yield(arg);
    return in;
}

static void *spawns_one_that_yields(void *arg)
{
    hk_spawn_with(HK_ROOT, yields, arg, &(hk_coro_options){ .name = "giver" });
    return NULL;
}

TEST(yield_in_a_task, .aborts = "hocket: task 2 'giver' yields a value that nobody consumes: "
                                "hk_sched_yield gives up the processor\n")
{
    hk_run(spawns_one_that_yields, NULL, NULL);
}

TEST(yield_of_an_error, .aborts = "hocket: 'coroutine' yields the error -5: errors are sent and "
                                  "returned, never yielded\n")
{
    HK_CORO(co, yields, hk_val(-EIO), NULL);
    hk_coro_send(co, NULL);
}

static hk_step yields_in_a_step(hk_coro *co, void *in)
{
    (void)co;
    return hk__step(HK_YIELDED, hk_yield(in));
}

TEST(yield_in_a_stackless_step,
     .aborts = "hocket: hk_yield inside the stackless step of 'coroutine': HK_GIVE yields there\n")
{
    hk_coro co;
    hk_stackless_init(&co, yields_in_a_step, NULL);
    hk_coro_send(&co, NULL);
}

static void *consumes_stackless(void *arg) { return hk_coro_send(arg, NULL).value; }

TEST(yield_in_a_stackless_step_consumed_by_a_coroutine,
     .aborts = "hocket: hk_yield inside the stackless step of 'coroutine': HK_GIVE yields there\n")
{
    hk_coro co;
    hk_stackless_init(&co, yields_in_a_step, NULL);
    HK_CORO(consumer, consumes_stackless, &co, NULL);
    hk_coro_send(consumer, NULL);
}

static hk_coro stackless_task;

static void *spawns_stackless(void *arg)
{
    hk_spawn_stackless(HK_ROOT, &stackless_task, arg);
    return NULL;
}

TEST(yield_in_the_step_of_a_stackless_task,
     .aborts = "hocket: hk_yield inside the stackless step of 'worker': HK_GIVE yields there\n")
{
    hk_stackless_init(&stackless_task, yields_in_a_step, NULL);
    hk_run(spawns_stackless, (void *)(uintptr_t) "worker", NULL);
}

static hk_step gives(hk_coro *co, void *in)
{
    HK_BEGIN(co);
    HK_GIVE(co, hk_val(3));
    HK_END(co, in);
}

TEST(give_in_a_stackless_task, .aborts = "hocket: task 2 'worker' yields a value that nobody "
                                         "consumes: hk_sched_yield gives up the processor\n")
{
    hk_stackless_init(&stackless_task, gives, NULL);
    hk_run(spawns_stackless, (void *)(uintptr_t) "worker", NULL);
}

static hk_step gives_an_error(hk_coro *co, void *in)
{
    HK_BEGIN(co);
    HK_GIVE(co, hk_val(-EIO));
    HK_END(co, in);
}

TEST(give_of_an_error, .aborts = "hocket: 'coroutine' yields the error -5: errors are sent and "
                                 "returned, never yielded\n")
{
    hk_coro co;
    hk_stackless_init(&co, gives_an_error, NULL);
    hk_coro_send(&co, NULL);
}

/* ---- handlers of a dropped stack ---- */

static void yields_at_end(void *arg) { (void)!hk_yield(arg); }
static void calls_at_end(void *arg) { add_one((int)hk_num(arg)); }

static void *stubborn(void *arg)
{
    CHECK_EQ(hk_at_end((void (*)(void *))(uintptr_t)arg, NULL), 0);
    while (hk_yield(NULL) != hk_val(77)) continue;
    return NULL;
}

static void *drops(void *arg)
{
    HK_CORO(co, stubborn, arg, NULL);
    hk_coro_send(co, NULL);
    return NULL;
}

static void *function(void (*fn)(void *)) { return (void *)(uintptr_t)fn; }

TEST(yield_in_a_handler_of_a_dropped_stack,
     .aborts = "hocket: 'dropper' yields in an at_end handler of a stack that was dropped\n")
{
    HK_CORO(co, drops, function(yields_at_end), &(hk_coro_options){ .name = "dropper" });
    hk_coro_send(co, NULL);
}

TEST(yield_in_a_handler_of_a_stack_dropped_by_a_thread,
     .aborts = "hocket: hk_yield outside any coroutine\n")
{
    HK_CORO(co, stubborn, function(yields_at_end), NULL);
    hk_coro_send(co, NULL);
}

TEST(call_in_a_handler_of_a_dropped_stack,
     .aborts = "hocket: call 'add_one' is made in an at_end handler of a stack that was dropped\n")
{
    HK_CORO(co, drops, function(calls_at_end), NULL);
    hk_coro_send(co, NULL);
}

TEST(call_in_a_handler_of_a_stack_that_a_task_dropped,
     .aborts = "hocket: call 'add_one' is made in an at_end handler of a stack that was dropped\n")
{
    hk_run(drops, function(calls_at_end), NULL);
}

/* ---- calls ---- */

static void *keeps(void *arg)
{
    (void)arg;
    return hk_val(keep());
}

TEST(completing_a_call_twice, .aborts = "hocket: call 'keep' was completed twice\n")
{
    HK_CORO(co, keeps, NULL, NULL);
    accept_call(hk_coro_send(co, NULL).call);
    hk_call_complete(kept, 1);
    hk_call_complete(kept, 1);
}

static void completes_twice_handle(hk_call *call)
{
    hk_call_complete(call, 1);
    hk_call_complete(call, 2);
}
static const hk_call_type completes_twice = { .name = "twice", .handle = completes_twice_handle };

static void *calls_twice(void *arg)
{
    (void)arg;
    return hk_val(HK_TRAP(struct keep, HK_CALL(completes_twice)));
}

TEST(a_handler_that_completes_twice, .aborts = "hocket: call 'twice' was completed twice\n")
{
    hk_run(calls_twice, NULL, NULL);
}

/* Aborted is settled: nothing may come later, and the call's memory may be gone. */
TEST(completing_a_call_that_was_aborted, .aborts = "hocket: call 'keep' was completed twice\n")
{
    static struct keep call = { HK_CALL(keep_type) };
    accept_call(&call.call);
    CHECK_EQ(call.call.type->abort(&call.call), HK_ABORTED);
    call.call.state = HK__CALL_SETTLED; /* as the driver that aborted it leaves it */
    hk_call_complete(&call.call, 0);
}

static int abort_completes(hk_call *call)
{
    hk_call_complete(call, 5);
    return HK_ABORTED;
}
static const hk_call_type undecided = { .name = "undecided",
                                        .handle = NULL,
                                        .abort = abort_completes };

static void *makes_undecided(void *arg)
{
    (void)arg;
    return hk_val(HK_TRAP(struct keep, HK_CALL(undecided)));
}

static void ignore_completion(hk_driver *driver, hk_call *call, intptr_t result)
{
    (void)driver;
    (void)call;
    (void)result;
}

TEST(an_abort_that_completes_and_says_aborted,
     .aborts =
         "hocket: call 'undecided' was completed by its abort, which says that nothing comes\n")
{
    hk_driver driver = { .complete = ignore_completion };
    HK_CORO(co, makes_undecided, NULL, NULL);
    hk_coro_send(co, NULL).call->driver = &driver;
    hk_coro_close(co);
}

TEST(completing_a_call_that_nobody_accepted,
     .aborts = "hocket: call 'keep' was completed, but no driver has accepted it\n")
{
    HK_CORO(co, keeps, NULL, NULL);
    hk_call_complete(hk_coro_send(co, NULL).call, 1);
}

static hk_step traps_in_a_step(hk_coro *co, void *in)
{
    (void)in;
    return hk__step(HK_RETURNED, hk_val(add_one((int)(co->state & 1))));
}

TEST(trap_in_a_stackless_step,
     .aborts = "hocket: call 'add_one': hk_trap inside the stackless step of 'coroutine': HK_AWAIT "
               "waits there\n")
{
    hk_coro co;
    hk_stackless_init(&co, traps_in_a_step, NULL);
    hk_coro_send(&co, NULL);
}

TEST(trap_in_the_step_of_a_stackless_task,
     .aborts = "hocket: call 'add_one': hk_trap inside the stackless step of 'worker': HK_AWAIT "
               "waits there\n")
{
    hk_stackless_init(&stackless_task, traps_in_a_step, NULL);
    hk_run(spawns_stackless, (void *)(uintptr_t) "worker", NULL);
}

static hk_step yields_the_processor(hk_coro *co, void *in)
{
    (void)co;
    (void)in;
    return hk__step(HK_RETURNED, hk_val(hk_sched_yield()));
}

TEST(giving_up_the_processor_in_a_stackless_step,
     .aborts = "hocket: call 'yield': hk_trap inside the stackless step of 'worker': HK_AWAIT "
               "waits there\n")
{
    hk_stackless_init(&stackless_task, yields_the_processor, NULL);
    hk_run(spawns_stackless, (void *)(uintptr_t) "worker", NULL);
}

/* ---- the end of a block ---- */

static void *leaves_itself(void *arg)
{
    hk_coro_leave(arg);
    return NULL;
}

TEST(leaving_a_running_one, .aborts = "hocket: coroutine 'me' leaves its block while it runs\n")
{
    hk_coro *co = hk_coro_create(leaves_itself, &co, &(hk_coro_options){ .name = "me" });
    hk_coro_send(co, NULL);
}

TEST(leaving_one_that_is_parked_for_good,
     .aborts =
         "hocket: coroutine 'stuck' leaves its block while it is parked in a call that cannot "
         "be aborted\n")
{
    HK_CORO(co, keeps, NULL, &(hk_coro_options){ .name = "stuck" });
    keep_abort_answer = HK_ABORT_LATER;
    accept_call(hk_coro_send(co, NULL).call);
}

static hk_step stubborn_step(hk_coro *co, void *in)
{
    (void)in;
    HK_BEGIN(co);
    for (;;) HK_GIVE(co, NULL);
    HK_END(co, NULL);
}

TEST(leaving_a_stackless_one_that_ignores_its_close,
     .aborts = "hocket: coroutine 'coroutine' leaves its block and ignores its close; its frame "
               "would be lost\n")
{
    hk_coro frame, *co HK_ON_LEAVE(hk_coro_leave) = &frame;
    hk_stackless_init(co, stubborn_step, NULL);
    hk_coro_send(co, NULL);
}

/* ---- making and ending ---- */

TEST(create_without_a_function, .aborts = "hocket: hk_coro_create without a function\n")
{
    hk_coro_create(NULL, NULL, NULL);
}

static void *exits(void *arg) { hk_task_exit(arg); }

TEST(task_exit_outside_a_task, .aborts = "hocket: hk_task_exit outside a task\n")
{
    HK_CORO(co, exits, NULL, NULL);
    hk_coro_send(co, NULL);
}

static void *consumes_one_that_exits(void *arg)
{
    HK_CORO(co, exits, arg, NULL);
    hk_coro_send(co, NULL);
    return NULL;
}

TEST(task_exit_in_a_generator, .aborts = "hocket: hk_task_exit in a generator of task 1 'main'\n")
{
    hk_run(consumes_one_that_exits, NULL, NULL);
}

static hk_step exits_in_a_step(hk_coro *co, void *in)
{
    (void)co;
    hk_task_exit(in);
}

TEST(task_exit_in_a_stackless_step,
     .aborts = "hocket: hk_task_exit in the stackless step of task 2 'worker'\n")
{
    hk_stackless_init(&stackless_task, exits_in_a_step, NULL);
    hk_run(spawns_stackless, (void *)(uintptr_t) "worker", NULL);
}

static void *spawns_it_twice(void *arg)
{
    spawns_stackless(arg);
    spawns_stackless(arg);
    return NULL;
}

TEST(spawning_a_stackless_one_twice,
     .aborts = "hocket: hk_spawn_stackless takes a coroutine fresh from hk_stackless_init\n")
{
    hk_stackless_init(&stackless_task, gives, NULL);
    hk_run(spawns_it_twice, (void *)(uintptr_t) "worker", NULL);
}

static void *spawns_a_stackful_one(void *arg)
{
    hk_spawn_stackless(HK_ROOT, arg, NULL);
    return NULL;
}

TEST(spawning_one_with_a_stack_as_stackless,
     .aborts = "hocket: hk_spawn_stackless takes a coroutine fresh from hk_stackless_init\n")
{
    HK_CORO(co, ends, NULL, NULL);
    hk_run(spawns_a_stackful_one, co, NULL);
}
