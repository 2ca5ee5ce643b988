/* SPDX-License-Identifier: MIT */
/* Tasks whose stacks come when they first run: until then, and from then on, they are tasks like
 * others. */
#include "support/sim.h"
#include "support/steps.h"

#include <errno.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "coro/stack.h"
#include "sched/sched.h"
#include "support/faults.h"
#include "support/memory.h"
#include "support/tools.h"

enum { BURST = 400, MOST = 4096, STACK = 1 << 20 };

static hk__stackful *occupied[MOST];
static int occupied_count;

/* As if so many stacks of a kind were in use, and none of them free, that tasks that are made at
 * once are what is tested here. */
static void occupy(unsigned size_class)
{
    hk__stackful *f;
    while ((f = hk__stack_get_used(size_class)) != NULL || !hk__stack_many(size_class)) {
        if (f == NULL) f = hk__stack_get_cold(size_class);
        if (!CHECK(f != NULL && occupied_count < MOST)) return;
        occupied[occupied_count++] = f;
    }
}

static void vacate(void)
{
    while (occupied_count > 0) hk__stack_put(occupied[--occupied_count]);
}

static bool is_lazy(hk_tid tid)
{
    const hk_coro *t = hk__task_find(hk__here.sched, tid);
    return t != NULL && hk__lazy_is(t);
}

/* Of a burst the first may have nobody before it. */
static void check_lazy(const hk_tid *tids, int count)
{
    int lazy = 0;
    for (int i = 0; i < count; i++) lazy += is_lazy(tids[i]);
    CHECK(lazy >= count - 1);
}

/* Of large stacks there are soon many. */
static void occupy_all(void) { occupy(hk__stack_class(STACK, false)); }

static const hk_run_options large = { .stack = STACK, .grace = HK_SEC(60) };

static int run(hk_entry *main_task)
{
    return hk_run(main_task, NULL, &(hk_run_options){ .stack = STACK, .world = sim_world() });
}

#define RUN_ONCE(id, ...) \
    static void *id(void *arg); \
    TEST(id, ##__VA_ARGS__) { CHECK_EQ(run(id), 0); } \
    static void *id(void *arg)

static int begun, released, next_index;

static void count_release(void *arg) { released += *(int *)arg; }

static void *begins(void *arg)
{
    begun++;
    return arg;
}

static void *checks_order(void *arg)
{
    CHECK_EQ(hk_num(arg), next_index++);
    if (next_index % 3 == 0) CHECK_EQ(hk_sched_yield(), 0);
    return NULL;
}

/* What waits and what does not, with a stack and without. */
RUN_ONCE(they_run_in_the_order_of_their_spawns)
{
    (void)arg;
    for (int round = 0; round < 3; round++) {
        occupy_all();
        next_index = 0;
        HK_GROUP(g, NULL);
        for (int i = 0; i < BURST; i++) CHECK(hk_spawn(&g, checks_order, hk_val(i)) > 0);
        CHECK_EQ(hk_group_close(&g, 0), 0);
        CHECK_EQ(next_index, BURST);
    }
    return NULL;
}

/* A killed one ends where it would have begun; what it was given is released, once, from its own
 * copy. */
static void *kills_main(void *arg)
{
    hk_tid tids[BURST];
    hk_exit end;
    (void)arg;
    const hk_coro_options options = { .arg_size = sizeof(int), .arg_release = count_release };
    HK_GROUP(g, NULL);
    occupy_all();
    for (int i = 0, one = 1; i < BURST; i++, one = 1) {
        tids[i] = hk_spawn_with(&g, begins, &one, &options);
        one = 1000;
    }
    check_lazy(tids, BURST);
    for (int i = 0; i < BURST; i += 2) CHECK_EQ(hk_task_kill(tids[i]), 1);
    for (int i = 0; i < BURST; i++) {
        CHECK_EQ(hk_task_wait(tids[i], &end), 0);
        CHECK_EQ(end.how, i % 2 == 0 ? HK_END_CANCELLED : HK_END_RETURNED);
        if (i % 2 == 0) CHECK_STR(end.why, "killed by task 1 'main'");
    }
    CHECK_EQ(begun, BURST / 2);
    CHECK_EQ(released, BURST / 2);
    CHECK_EQ(hk_group_close(&g, 0), 0);
    return NULL;
}

TEST(killed_before_they_run) { CHECK_EQ(run(kills_main), 0); }

static hk_event gate;

static void *is_refused(void *arg)
{
    CHECK_EQ(hk_event_wait(&gate), -ECANCELED);
    begun++;
    return arg;
}

RUN_ONCE(in_a_group_that_is_cancelled_they_begin)
{
    hk_tid tids[BURST];
    (void)arg;
    begun = 0;
    occupy_all();
    HK_GROUP(g, NULL);
    for (int i = 0; i < BURST; i++) tids[i] = hk_spawn(&g, is_refused, NULL);
    check_lazy(tids, BURST);
    hk_group_cancel(&g, "the test says so");
    CHECK_EQ(hk_group_close(&g, 0), 0);
    CHECK_EQ(begun, BURST);
    return NULL;
}

static void *passes(void *arg)
{
    CHECK_EQ(hk_event_wait(&gate), 0);
    return arg;
}

static hk_tid awaited, waiters[4];

static void *waits(void *arg)
{
    hk_exit end = { .value = NULL };
    if (hk_task_wait(awaited, &end) < 0) return hk_val(-ECANCELED);
    CHECK_EQ(hk_num(end.value), 77);
    note("%d ", (int)hk_num(arg));
    return NULL;
}

static void *kills(void *arg)
{
    CHECK(is_lazy(awaited));
    CHECK_EQ(hk_task_kill(waiters[0]), 1);
    return arg;
}

/* Who waits for one may go before it has its stack, and afterwards. */
RUN_ONCE(who_waits_for_one_is_told)
{
    hk_tid tids[BURST];
    (void)arg;
    trace_clear();
    occupy_all();
    HK_GROUP(g, NULL);
    for (int i = 0; i < 4; i++) waiters[i] = hk_spawn(&g, waits, hk_val(i));
    hk_spawn(&g, kills, NULL);
    for (int i = 0; i < BURST; i++) tids[i] = hk_spawn(&g, passes, hk_val(77));
    check_lazy(tids, BURST);
    awaited = tids[BURST - 1];
    hk_sched_yield();
    CHECK(!is_lazy(awaited));
    CHECK_EQ(hk_task_kill(waiters[2]), 1);
    hk_event_set(&gate);
    CHECK_EQ(hk_group_close(&g, 0), 0);
    CHECK_STR(trace, "1 3 ");
    return NULL;
}

static const hk_variable colour = { "colour" };

static void *looks(void *arg)
{
    CHECK_STR(hk_variable_get(&colour), arg);
    return NULL;
}

RUN_ONCE(they_inherit_what_is_bound)
{
    hk_tid tids[BURST];
    (void)arg;
    static char *const colours[] = { "red", "blue" };
    occupy_all();
    for (int i = 0; i < BURST; i++) {
        HK_WITH(a, &colour, colours[i % 2]);
        tids[i] = hk_spawn(HK_ROOT, looks, colours[i % 2]);
    }
    check_lazy(tids, BURST);
    return NULL;
}

/* In a coroutine they are the task's. */
static void *spawns(void *arg)
{
    hk_tid tids[BURST];
    {
        HK_WITH(a, &colour, "green");
        for (int i = 0; i < BURST; i++) tids[i] = hk_spawn(HK_ROOT, looks, "green");
    }
    check_lazy(tids, BURST);
    hk_sched_yield();
    return hk_yield(arg);
}

RUN_ONCE(a_generator_spawns_them)
{
    void *value;
    occupy_all();
    HK_CORO(generator, spawns, arg, NULL);
    CHECK_EQ(hk_coro_next(generator, &value), 1);
    return NULL;
}

struct few {
    int list[HK__LAZY_COPY / sizeof(int)];
};
struct many {
    int list[HK__LAZY_COPY / sizeof(int) + 1];
};

static void *adds(void *arg)
{
    const struct few *few = arg;
    int sum = 0;
    for (size_t i = 0; i < HK_LEN(few->list); i++) sum += few->list[i];
    begun += sum;
    return NULL;
}

/* Arguments that fit the block go into it; larger ones go to a stack at once. */
RUN_ONCE(arguments_are_copied)
{
    (void)arg;
    begun = 0;
    occupy_all();
    hk_spawn(HK_ROOT, begins, NULL);
    for (int i = 0; i < BURST; i++) {
        const bool fits = i % 2 == 0;
        struct many all;
        for (size_t k = 0; k < HK_LEN(all.list); k++) all.list[k] = 1;
        const hk_coro_options options = { .arg_size = fits ? sizeof(struct few) : sizeof all };
        const hk_tid tid = hk_spawn_with(HK_ROOT, adds, &all, &options);
        CHECK_EQ(is_lazy(tid), fits);
        memset(&all, 0, sizeof all);
    }
    while (hk_sched_tasks(NULL, NULL, 0) > 1) CHECK_EQ(hk_sched_yield(), 0);
    CHECK_EQ(begun, 1 + BURST * (int)(HK__LAZY_COPY / sizeof(int)));
    return NULL;
}

/* In a table they are in their places, before and after they have moved. */
static void check_table(const hk_tid *tids, int count, const char *state)
{
    static hk_task_info list[BURST + 1];
    CHECK_EQ(hk_sched_tasks(NULL, list, HK_LEN(list)), count + 1);
    for (int i = 0; i < count; i++) {
        CHECK_EQ(list[i + 1].tid, tids[i]);
        CHECK_STR(list[i + 1].name, i % 2 == 0 ? "even" : "odd");
        CHECK_STR(list[i + 1].state, state);
        CHECK_EQ(list[i + 1].killed, false);
    }
}

RUN_ONCE(the_table_shows_them)
{
    hk_tid tids[BURST];
    (void)arg;
    occupy_all();
    HK_GROUP(g, NULL);
    for (int i = 0; i < BURST; i++)
        tids[i] = hk_spawn_with(&g, passes, NULL,
                                &(hk_coro_options){ .name = i % 2 == 0 ? "even" : "odd" });
    check_lazy(tids, BURST);
    check_table(tids, BURST, "ready");
    hk_sched_yield();
    for (int i = 0; i < BURST; i++) CHECK(!is_lazy(tids[i]));
    check_table(tids, BURST, "waiting");
    hk_event_set(&gate);
    CHECK_EQ(hk_group_close(&g, 0), 0);
    return NULL;
}

static void *starts(void *arg)
{
    CHECK_EQ(hk_task_started(hk_val(5)), 0);
    CHECK_EQ(hk_event_wait(&gate), 0);
    return arg;
}

RUN_ONCE(one_that_says_that_it_has_started)
{
    void *value = NULL;
    (void)arg;
    occupy_all();
    HK_GROUP(g, NULL);
    for (int i = 0; i < 10; i++) hk_spawn(&g, passes, NULL);
    CHECK(hk_spawn_started(&g, starts, NULL, &value) > 0);
    CHECK_EQ(hk_num(value), 5);
    hk_event_set(&gate);
    CHECK_EQ(hk_group_close(&g, 0), 0);
    return NULL;
}

static void *has_its_size(void *arg)
{
    CHECK_EQ(((hk__stackful *)hk__here.self)->size_class, hk_num(arg));
    CHECK_EQ(hk_sched_yield(), 0);
    begun++;
    return NULL;
}

/* Each kind of stack by itself. */
RUN_ONCE(their_stacks_have_the_size_that_was_asked_for)
{
    static const hk_coro_options kinds[] = { { .stack = 2048, .unguarded = true },
                                             { .stack = 4096, .unguarded = true },
                                             { .stack = 8192, .unguarded = true },
                                             { .stack = 16384 },
                                             { .stack = 1 << 20 },
                                             { .stack = 8 << 20 } };
    enum { EACH = 20 };
    hk_tid tids[EACH];
    (void)arg;
    begun = 0;
    HK_GROUP(g, NULL);
    hk_spawn(&g, begins, NULL);
    for (size_t i = 0; i < HK_LEN(kinds); i++) {
        const unsigned size_class = hk__stack_class(kinds[i].stack, kinds[i].unguarded);
        occupy(size_class);
        for (int k = 0; k < EACH; k++)
            tids[k] = hk_spawn_with(&g, has_its_size, hk_val(size_class), &kinds[i]);
        check_lazy(tids, EACH);
        vacate();
    }
    CHECK_EQ(hk_group_close(&g, 0), 0);
    CHECK_EQ(begun, 1 + EACH * (int)HK_LEN(kinds));
    return NULL;
}

/* Under each schedule: which of them run, and when, does not depend on what they are. */
static void *yields(void *arg)
{
    if (hk_sched_yield() == 0) begun++;
    return arg;
}

SIM_TEST(they_run_under_any_schedule)
{
    hk_tid tids[20];
    begun = 0;
    vacate();
    occupy(hk__stack_class(0, false));
    HK_GROUP(g, NULL);
    for (size_t i = 0; i < HK_LEN(tids); i++) tids[i] = hk_spawn(&g, yields, NULL);
    check_lazy(tids, HK_LEN(tids));
    for (size_t i = 0; i < 5; i++) hk_task_kill(tids[i]);
    CHECK_EQ(hk_group_close(&g, 0), 0);
    CHECK_EQ(begun, 15);
}

/* ---- which are made so ---- */

SIM_ONCE(what_one_turn_may_make_is_bounded, .seconds = 30)
{
    int lazy = 0, made = SANITIZED || ON_VALGRIND ? 0 : HK__TURN_LAZY + 2000;
    (void)arg;
    occupy(hk__stack_class(0, false));
    HK_GROUP(g, NULL);
    hk_spawn(&g, begins, NULL);
    for (int i = 0; i < made; i++) lazy += is_lazy(hk_spawn(&g, begins, NULL));
    CHECK_EQ(lazy, made > 0 ? HK__TURN_LAZY : 0);
    hk_sched_yield();
    occupy(hk__stack_class(0, false));
    hk_spawn(&g, begins, NULL);
    CHECK(is_lazy(hk_spawn(&g, begins, NULL)));
    CHECK_EQ(hk_group_close(&g, 0), 0);
    return NULL;
}

/* Of a burst, those before the first that has no stack. */
static int count_ready_made(void)
{
    int count = 0;
    HK_GROUP(g, NULL);
    while (count < MOST && !is_lazy(hk_spawn(&g, begins, NULL))) count++;
    CHECK_EQ(hk_group_close(&g, 0), 0);
    return count;
}

/* So many of a thread have their stacks at once: all that exist are used again, and where an idle
 * loop has given them back others take their place. */
SIM_ONCE(the_first_have_their_stacks_when_they_are_made)
{
    (void)arg;
    for (int round = 0; round < 3; round++) {
        const int few = count_ready_made();
        CHECK(few >= 1000 && few <= 1024);
        if (round == 1)
            while (hk__stack_trim()) continue;
    }
    return NULL;
}

RUN_ONCE(daemons_and_who_has_nobody_before_it_have_a_stack)
{
    (void)arg;
    occupy_all();
    CHECK(!is_lazy(hk_spawn(HK_ROOT, begins, NULL)));
    const hk_coro_options daemon = { .daemon = true };
    CHECK(!is_lazy(hk_spawn_with(HK_ROOT, begins, NULL, &daemon)));
    CHECK(is_lazy(hk_spawn(HK_ROOT, begins, NULL)));
    return NULL;
}

/* ---- memory ---- */

static void *makes_many(void *arg)
{
    HK_GROUP(g, NULL);
    for (int i = 0; i < 10000; i++) hk_spawn(&g, begins, NULL);
    hk_sched_yield(); /* so that all bursts are there before one of them begins */
    CHECK_EQ(hk_group_close(&g, 0), 0);
    return arg;
}

/* A page each would be 400 MB. */
SIM_ONCE(a_hundred_thousand_that_never_wait_need_few_stacks, .seconds = 60)
{
    (void)arg;
    if (!tools_none()) return NULL;
    occupy(hk__stack_class(0, false));
    const long before = memory_kib("VmRSS");
    begun = 0;
    HK_GROUP(g, NULL);
    for (int i = 0; i < 10; i++) hk_spawn(&g, makes_many, NULL);
    CHECK_EQ(hk_group_close(&g, 0), 0);
    CHECK_EQ(begun, 100000);
    CHECK(memory_kib("VmRSS") - before < 80 * 1024);
    return NULL;
}

/* Where there is no room for a stack, spawn says so, though it would have touched none; and those
 * that it has made all run. They wait, so each has its own. */
static void *limited_main(void *arg)
{
    struct rlimit was, tight;
    int made = 0;
    (void)arg;
    occupy(hk__stack_class(0, false));
    getrlimit(RLIMIT_AS, &was);
    tight = was;
    tight.rlim_cur = (rlim_t)memory_kib("VmSize") * 1024 + (48 << 20);
    if (setrlimit(RLIMIT_AS, &tight) < 0) return NULL;
    HK_GROUP(g, NULL);
    hk_tid tid = 0, last = 0;
    const hk_coro_options options = { .arg_size = sizeof made, .arg_release = count_release };
    while (made < 4000 && (tid = hk_spawn_with(&g, passes, &made, &options)) > 0) {
        last = tid;
        made++;
    }
    CHECK_EQ(tid, -ENOMEM);
    CHECK_EQ(released, made);
    CHECK(made > 500 && made < 800);
    CHECK(is_lazy(last));
    hk_sched_yield();
    hk_event_set(&gate);
    CHECK_EQ(hk_group_close(&g, 0), 0);
    setrlimit(RLIMIT_AS, &was);
    return NULL;
}

TEST(without_memory_for_a_stack_spawn_says_so)
{
    if (!tools_none()) SKIP("tools need address space of their own");
    CHECK_EQ(sim_once(limited_main, NULL), 0);
}

/* Whichever allocation fails: there is such a task, or there is none and its argument is
 * released. */
RUN_ONCE(without_memory_for_one_it_has_a_stack_or_spawn_says_so)
{
    int made = 0, refused = 0, one = 1;
    bool reached = true;
    (void)arg;
    begun = 0;
    occupy_all();
    const hk_coro_options options = { .arg_size = sizeof one, .arg_release = count_release };
    hk_spawn(HK_ROOT, begins, NULL);
    for (int n = 1; reached; n++) {
        const char *what;
        HK_WITH(fresh, &colour, "red");
        faults_arm(n);
        const hk_tid tid = hk_spawn_with(HK_ROOT, begins, &one, &options);
        reached = faults_disarm(&what);
        CHECK(tid > 0 || (reached && tid == -ENOMEM));
        *(tid > 0 ? &made : &refused) += 1;
    }
    CHECK(made >= 2 && refused >= 1);
    CHECK_EQ(released, refused);
    hk_sched_yield();
    CHECK_EQ(begun, 1 + made);
    return NULL;
}

/* ---- schedulers that end, processes that fork ---- */

TEST(a_scheduler_is_destroyed_with_them)
{
    int one = 1;
    hk_sched *s = hk_sched_create(&large);
    if (!CHECK(s)) return;
    occupy_all();
    const hk_coro_options options = { .arg_size = sizeof one, .arg_release = count_release };
    for (int i = 0; i < BURST; i++)
        CHECK(hk__task_spawn(s, &s->root, begins, &one, "burst", &options) > 0);
    CHECK(hk__lazy_is(s->root.last));
    hk_sched_destroy(s);
    CHECK_EQ(released, BURST);
    CHECK_EQ(begun, 0);
}

/* Its time is over before they have run: their stacks are dropped as those of others are. */
TEST(a_scheduler_drops_them, .prints = "400 tasks did not end, of which 32 are shown")
{
    faults_clock_step = HK_MS(1);
    hk_sched *s = hk_sched_create(&(hk_run_options){ .stack = STACK, .grace = 1 });
    if (!CHECK(s)) return;
    occupy_all();
    for (int i = 0; i < BURST; i++)
        CHECK(hk__task_spawn(s, &s->root, begins, NULL, "burst", &(hk_coro_options){ 0 }) > 0);
    CHECK(hk__lazy_is(s->root.last));
    hk_sched_destroy(s);
    CHECK_EQ(begun, 0);
}

static void *forks(void *arg)
{
    int status;
    (void)arg;
    occupy_all();
    for (int i = 0; i < BURST; i++) hk_spawn(HK_ROOT, begins, NULL);
    const pid_t child = fork();
    if (child == 0) _exit(hk_spawn(HK_ROOT, begins, NULL) == -ECHILD && begun == 0 ? 7 : 1);
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 7 << 8);
    return NULL;
}

TEST(a_child_that_is_forked_has_nothing_of_them)
{
    CHECK_EQ(hk_run(forks, NULL, &large), 0);
    CHECK_EQ(begun, BURST);
}

/* ---- other threads ---- */

static void spawns_many(void *arg)
{
    hk_tid tids[BURST];
    occupy_all();
    for (int i = 0; i < BURST; i++) tids[i] = hk_spawn(HK_ROOT, begins, NULL);
    check_lazy(tids, BURST);
    hk_event_set(arg);
}

static void *posts(void *sched)
{
    CHECK_EQ(hk_sched_post(sched, spawns_many, &gate), 0);
    return NULL;
}

static void *is_posted_to(void *arg)
{
    pthread_t thread;
    pthread_create(&thread, NULL, posts, hk__here.sched);
    hk_sched_hold(hk__here.sched);
    CHECK_EQ(hk_event_wait(&gate), 0);
    hk_sched_release(hk__here.sched);
    pthread_join(thread, NULL);
    return arg;
}

TEST(a_function_that_was_posted_spawns_them)
{
    CHECK_EQ(hk_run(is_posted_to, NULL, &large), 0);
    CHECK_EQ(begun, BURST);
}

static void *runs_on_its_thread(void *arg)
{
    CHECK_EQ(run(kills_main), 0);
    vacate();
    return arg;
}

/* What it reserved goes with it: each time 400 MB. */
TEST(a_thread_that_ends_keeps_nothing_of_them)
{
    long before = 0;
    for (int i = 0; i < 5; i++) {
        pthread_t thread;
        begun = released = 0;
        pthread_create(&thread, NULL, runs_on_its_thread, NULL);
        pthread_join(thread, NULL);
        if (i == 1) before = memory_kib("VmSize");
    }
    if (tools_none()) CHECK(memory_kib("VmSize") - before < 200 * 1024);
}
