/* SPDX-License-Identifier: MIT */
/* What is particular to mutex, rwlock and once: who has it, who is next, and what becomes of it
 * when its owner ends. What all waits have in common is in test_waits.c. */
#include "support/small.h"
#include "support/steps.h"

static int run(hk_entry *main_task)
{
    trace_clear();
    return hk_run(main_task, NULL, NULL);
}
static void settle(void)
{
    for (int i = 0; i < 10; i++) hk_sched_yield();
}
static hk_tid spawn(hk_entry *fn, int number)
{
    hk_tid tid = hk_spawn(HK_ROOT, fn, hk_val(number));
    settle();
    return tid;
}

static hk_mutex mutex;
static hk_event let_go;

/* Has the mutex until it is told, or killed. */
static void *holds(void *arg)
{
    int n = (int)hk_num(arg);
    int r = hk_mutex_lock(&mutex);
    note("%d:%s ", n, number_text(r));
    if (r < 0 && r != -EOWNERDEAD) return NULL;
    hk_event_wait(&let_go);
    hk_mutex_unlock(&mutex);
    return NULL;
}
static void *locks(void *arg)
{
    int r = hk_mutex_lock(&mutex);
    note("%d:%s ", (int)hk_num(arg), number_text(r));
    if (r == 0 || r == -EOWNERDEAD) hk_mutex_unlock(&mutex);
    return NULL;
}

/* ---- mutex ---- */

static void *mutex_main(void *arg)
{
    mutex = (hk_mutex){ 0 };
    CHECK_EQ(hk_mutex_lock(&mutex), 0);
    CHECK_EQ(hk_mutex_lock(&mutex), -EDEADLK); /* not recursive */
    spawn(locks, 1);
    CHECK_EQ(hk_mutex_lock(&mutex), -EDEADLK);
    spawn(locks, 2);
    hk_mutex_unlock(&mutex);
    CHECK_EQ(mutex.owner.tid, 2); /* from hand to hand: nobody comes between */
    CHECK_EQ(hk_mutex_lock(&mutex), 0);
    CHECK_STR(trace, "1:0 2:0 ");
    hk_mutex_unlock(&mutex);
    CHECK(mutex.owner.held.link == NULL);
    return arg;
}
TEST(a_mutex_goes_from_hand_to_hand) { CHECK_EQ(run(mutex_main), 0); }

static void *released_then_killed(void *arg)
{
    mutex = (hk_mutex){ 0 };
    CHECK_EQ(hk_mutex_lock(&mutex), 0);
    hk_tid first = spawn(locks, 1);
    spawn(locks, 2);
    hk_mutex_unlock(&mutex);
    CHECK_EQ(hk_task_kill(first), 1);
    CHECK_EQ(mutex.owner.tid, first); /* it was handed over */
    settle();
    CHECK_STR(trace, "1:0 2:0 ");
    CHECK_EQ(mutex.owner.tid, 0);
    return arg;
}
TEST(released_and_then_cancelled_the_lock_is_handed_over)
{
    CHECK_EQ(run(released_then_killed), 0);
}

static void *unlocks_when_killed(void *arg)
{
    mutex = (hk_mutex){ 0 };
    let_go = (hk_event){ 0 };
    hk_tid holder = spawn(holds, 1);
    CHECK_EQ(hk_task_kill(holder), 1);
    settle();
    CHECK_EQ(mutex.owner.tid, 0); /* an unlock is not refused */
    CHECK_EQ(hk_mutex_lock(&mutex), 0);
    return arg;
}
TEST(a_killed_task_lets_go) { CHECK_EQ(run(unlocks_when_killed), 0); }

static void *in_a_generator(void *arg)
{
    (void)arg;
    hk_mutex_unlock(&mutex);
    CHECK_EQ(hk_mutex_lock(&mutex), 0);
    void *sent = hk_yield(NULL);
    return sent;
}
static void *with_a_generator(void *arg)
{
    mutex = (hk_mutex){ 0 };
    CHECK_EQ(hk_mutex_lock(&mutex), 0);
    HK_CORO(co, in_a_generator, NULL, NULL);
    void *value;
    CHECK_EQ(hk_coro_next(co, &value), 1);
    hk_mutex_unlock(&mutex);
    CHECK_EQ(mutex.owner.tid, 0);
    return arg;
}
TEST(a_generator_locks_for_its_task) { CHECK_EQ(run(with_a_generator), 0); }

static int rounds;
static void *counts_rounds(void *arg)
{
    while (mutex.name != NULL) {
        rounds++;
        hk_sched_yield();
    }
    return arg;
}
static void *locks_often(void *arg)
{
    mutex = (hk_mutex){ .name = "busy" };
    hk_spawn(HK_ROOT, counts_rounds, NULL);
    for (int i = 0; i < 10000; i++) {
        if (!CHECK_EQ(hk_mutex_lock(&mutex), 0)) break;
        hk_mutex_unlock(&mutex);
    }
    mutex.name = NULL;
    return arg;
}
TEST(a_loop_of_lock_and_unlock_lets_others_run)
{
    CHECK_EQ(run(locks_often), 0);
    CHECK(rounds >= 30);
}

/* ---- misuse ---- */

static void *unlocks(void *arg)
{
    hk_task_name("thief");
    hk_mutex_unlock(&mutex);
    return arg;
}
static void *somebody_elses(void *arg)
{
    mutex = (hk_mutex){ .name = "fork 2" };
    hk_task_name("plato");
    hk_mutex_lock(&mutex);
    spawn(unlocks, 0);
    return arg;
}
TEST(
    unlocking_somebody_elses_mutex,
    .aborts = "hocket: mutex 'fork 2' is unlocked by task 2 'thief', but task 1 'plato' holds it\n")
{
    run(somebody_elses);
}
static void *nobodys(void *arg)
{
    mutex = (hk_mutex){ .name = "m" };
    hk_mutex_unlock(&mutex);
    return arg;
}
TEST(unlocking_a_mutex_that_nobody_has,
     .aborts = "hocket: mutex 'm' is unlocked by task 1 'main', but nobody holds it\n")
{
    run(nobodys);
}
TEST(unlocking_a_mutex_outside_tasks,
     .aborts = "hocket: mutex is unlocked by nobody, but nobody holds it\n")
{
    mutex = (hk_mutex){ 0 };
    hk_mutex_unlock(&mutex);
}
static void *foreign_thief(void *arg)
{
    (void)arg;
    hk_mutex_unlock(&mutex);
    return NULL;
}
TEST(unlocking_somebody_elses_mutex_under_a_foreign_driver,
     .aborts = "hocket: mutex is unlocked by task 2, but task 1 holds it\n")
{
    small s;
    small_init(&s);
    mutex = (hk_mutex){ 0 };
    let_go = (hk_event){ 0 };
    small_spawn(&s, holds, NULL);
    small_spawn(&s, foreign_thief, NULL);
    small_run(&s);
}

static hk_rwlock rwlock;
static void *unlocks_rwlock(void *arg)
{
    hk_rwlock_unlock(&rwlock);
    return arg;
}
static void *writer_and_thief(void *arg)
{
    rwlock = (hk_rwlock){ .name = "rw" };
    hk_rwlock_write(&rwlock);
    spawn(unlocks_rwlock, 0);
    return arg;
}
static void *unlocks_free_rwlock(void *arg)
{
    rwlock = (hk_rwlock){ 0 };
    return unlocks_rwlock(arg);
}
TEST(unlocking_somebody_elses_rwlock,
     .aborts = "hocket: rwlock 'rw' is unlocked by task 2 'fn', but task 1 'main' holds it\n")
{
    run(writer_and_thief);
}
TEST(unlocking_a_free_rwlock,
     .aborts = "hocket: rwlock is unlocked by task 1 'main', but nobody holds it\n")
{
    run(unlocks_free_rwlock);
}
TEST(ending_a_once_that_nobody_runs, .aborts = "hocket: once 'o' ends, but nobody runs it\n")
{
    hk_once once = { .name = "o" };
    hk_once_end(&once, 0);
}

/* ---- the owner ends ---- */

/* Ends with the mutex in its hands. */
static void *dies(void *arg)
{
    CHECK_EQ(hk_mutex_lock(&mutex), hk_num(arg));
    hk_event_wait(&let_go);
    return NULL;
}

static void *dead_before(void *arg)
{
    mutex = (hk_mutex){ 0 };
    let_go = (hk_event){ .is_set = true };
    spawn(dies, 0);
    CHECK_EQ(hk_mutex_lock(&mutex), -EOWNERDEAD);
    CHECK_EQ(mutex.owner.tid, 1);
    hk_mutex_unlock(&mutex);
    CHECK_EQ(hk_mutex_lock(&mutex), 0); /* like any again */
    hk_mutex_unlock(&mutex);
    spawn(dies, 0);
    spawn(dies, -EOWNERDEAD);
    CHECK_EQ(hk_mutex_lock(&mutex), -EOWNERDEAD);
    hk_mutex_unlock(&mutex);
    return arg;
}
TEST(a_mutex_whose_owner_is_gone_says_so_to_the_next) { CHECK_EQ(run(dead_before), 0); }

static void *dead_with_waiters(void *arg)
{
    mutex = (hk_mutex){ 0 };
    let_go = (hk_event){ 0 };
    spawn(dies, 0);
    for (int i = 1; i <= 3; i++) spawn(i == 1 ? holds : locks, i);
    CHECK(mutex.owner.held.link != NULL);
    hk_event_set(&let_go); /* dies; 1 holds it */
    hk_event_clear(&let_go);
    settle();
    CHECK_STR(trace, "1:-EOWNERDEAD ");
    spawn(locks, 4); /* did not wait when it broke */
    hk_event_set(&let_go);
    settle();
    CHECK_STR(trace, "1:-EOWNERDEAD 2:-EOWNERDEAD 3:-EOWNERDEAD 4:0 ");
    CHECK_EQ(mutex.owner.tid, 0);
    CHECK(mutex.owner.held.link == NULL);
    return arg;
}
TEST(when_the_owner_ends_each_who_waits_is_told) { CHECK_EQ(run(dead_with_waiters), 0); }

static void *dies_with_two(void *arg)
{
    hk_mutex *two = arg;
    hk_mutex_lock(&two[0]);
    hk_mutex_lock(&two[1]);
    hk_event_wait(&let_go);
    return NULL;
}
static void *waits_for(void *arg)
{
    note("%s ", number_text(hk_mutex_lock(arg)));
    return NULL; /* and dies in its turn */
}
static void *two_break(void *arg)
{
    hk_mutex two[2] = { { .name = "a" }, { .name = "b" } };
    let_go = (hk_event){ 0 };
    hk_spawn(HK_ROOT, dies_with_two, two);
    settle();
    hk_tid waiter = hk_spawn(HK_ROOT, waits_for, &two[0]);
    hk_spawn(HK_ROOT, waits_for, &two[1]);
    hk_spawn(HK_ROOT, waits_for, &two[1]);
    settle();
    hk_task_kill(waiter); /* of the first lock nobody is to be told any more */
    settle();
    CHECK(two[0].owner.held.link == NULL);
    hk_event_set(&let_go);
    settle();
    CHECK_STR(trace, "-ECANCELED -EOWNERDEAD -EOWNERDEAD ");
    CHECK_EQ(hk_mutex_lock(&two[0]), -EOWNERDEAD);
    CHECK_EQ(hk_mutex_lock(&two[1]), -EOWNERDEAD);
    return arg;
}
TEST(an_owner_of_several_breaks_them_all) { CHECK_EQ(run(two_break), 0); }

static void *killed_and_keeps(void *arg)
{
    mutex = (hk_mutex){ 0 };
    let_go = (hk_event){ 0 };
    hk_tid owner = spawn(dies, 0);
    spawn(locks, 1);
    hk_task_kill(owner);
    settle();
    CHECK_STR(trace, "1:-EOWNERDEAD ");
    return arg;
}
TEST(a_killed_owner_breaks_it_when_it_ends) { CHECK_EQ(run(killed_and_keeps), 0); }

static void ignores_and_unlocks(void *arg) { hk_mutex_unlock(arg); }
static void *never_ends(void *arg)
{
    hk_mutex_lock(&mutex);
    hk_at_end(ignores_and_unlocks, &mutex);
    for (;;) keep();
    return arg;
}
TEST(the_handler_of_a_dropped_task_unlocks, .prints = "is dropped")
{
    mutex = (hk_mutex){ 0 };
    keep_abort_answer = HK_ABORT_LATER;
    hk_sched *s = hk_sched_create(&(hk_run_options){ .grace = 1 });
    hk_sched_hold(s);
    hk_sched_spawn(s, never_ends, NULL);
    while (hk_sched_step(s) == 0) continue;
    CHECK_EQ(mutex.owner.tid, 1);
    hk_sched_destroy(s);
    CHECK_EQ(mutex.owner.tid, 0);
}

/* ---- what the report says ---- */

static void *describes(void *arg)
{
    hk_task_info info[4];
    mutex = (hk_mutex){ .name = "fork 2" };
    rwlock = (hk_rwlock){ 0 };
    hk_task_name("plato");
    hk_mutex_lock(&mutex);
    hk_rwlock_read(&rwlock);
    hk_tid a = spawn(locks, 1);
    hk_tid b = hk_spawn(HK_ROOT, unlocks_rwlock, NULL);
    (void)b;
    settle();
    CHECK_EQ(hk_sched_tasks(NULL, info, HK_LEN(info)), 2);
    CHECK_STR(info[1].waits, "mutex 'fork 2', held by task 1 'plato'");
    hk_task_kill(a);
    return arg;
}
TEST(a_report_names_the_lock_and_who_holds_it) { CHECK_EQ(run(describes), 0); }

static void *locks_second(void *arg)
{
    hk_mutex *forks = arg;
    CHECK_EQ(hk_mutex_lock(&forks[1]), 0);
    hk_sched_yield();
    return hk_val(hk_mutex_lock(&forks[0]));
}
static void *locks_first(void *arg)
{
    static hk_mutex forks[2] = { { .name = "fork 1" }, { .name = "fork 2" } };
    hk_spawn(HK_ROOT, locks_second, forks);
    CHECK_EQ(hk_mutex_lock(&forks[0]), 0);
    hk_sched_yield();
    hk_mutex_lock(&forks[1]);
    return arg;
}
TEST(two_that_wait_for_each_other_are_reported,
     .prints = "waiting for mutex 'fork 1', held by task 1 'main'")
{
    CHECK_NUMBER(run(locks_first), "-EDEADLK");
}

/* ---- readers and writers ---- */

static hk_event let_read;
static void *reads(void *arg)
{
    int r = hk_rwlock_read(&rwlock);
    note("r%d:%s ", (int)hk_num(arg), number_text(r));
    if (r < 0 && r != -EOWNERDEAD) return NULL;
    hk_event_wait(&let_read);
    hk_rwlock_unlock(&rwlock);
    return NULL;
}
static void *writes(void *arg)
{
    int r = hk_rwlock_write(&rwlock);
    note("w%d:%s ", (int)hk_num(arg), number_text(r));
    if (r < 0 && r != -EOWNERDEAD) return NULL;
    hk_event_wait(&let_go);
    hk_rwlock_unlock(&rwlock);
    return NULL;
}
static void rwlock_begin(void)
{
    rwlock = (hk_rwlock){ .name = "rw" };
    let_go = let_read = (hk_event){ 0 };
}

static void *fair(void *arg)
{
    rwlock_begin();
    spawn(reads, 1);
    spawn(reads, 2); /* beside the first */
    spawn(writes, 3);
    spawn(reads, 4); /* behind the writer */
    spawn(reads, 5);
    spawn(writes, 6);
    CHECK_STR(trace, "r1:0 r2:0 ");
    hk_event_set(&let_read);
    hk_event_clear(&let_read);
    settle();
    CHECK_STR(trace, "r1:0 r2:0 w3:0 ");
    CHECK_EQ(hk_num((void *)(intptr_t)rwlock.readers), 0);
    hk_event_set(&let_go);
    settle();
    CHECK_STR(trace, "r1:0 r2:0 w3:0 r4:0 r5:0 ");
    CHECK_EQ(rwlock.readers, 2);
    hk_event_set(&let_read);
    settle();
    CHECK_STR(trace, "r1:0 r2:0 w3:0 r4:0 r5:0 w6:0 ");
    CHECK_EQ(rwlock.readers, 0);
    CHECK_EQ(rwlock.writer.tid, 0);
    return arg;
}
TEST(readers_read_together_and_nobody_overtakes) { CHECK_EQ(run(fair), 0); }

static void *writer_killed(void *arg)
{
    rwlock_begin();
    spawn(reads, 1);
    hk_tid writer = spawn(writes, 2);
    spawn(reads, 3);
    CHECK_STR(trace, "r1:0 ");
    hk_task_kill(writer);
    settle();
    CHECK(strstr(trace, "r3:0 ") != NULL && strstr(trace, "w2:-ECANCELED ") != NULL);
    hk_event_set(&let_read);
    return arg;
}
TEST(a_cancelled_writer_lets_the_readers_behind_in) { CHECK_EQ(run(writer_killed), 0); }

static void *writes_twice(void *arg)
{
    rwlock_begin();
    CHECK_EQ(hk_rwlock_write(&rwlock), 0);
    CHECK_EQ(hk_rwlock_write(&rwlock), -EDEADLK);
    CHECK_EQ(hk_rwlock_read(&rwlock), -EDEADLK);
    hk_rwlock_unlock(&rwlock);
    CHECK_EQ(hk_rwlock_read(&rwlock), 0);
    hk_rwlock_unlock(&rwlock);
    return arg;
}
TEST(a_writer_that_locks_again_is_told) { CHECK_EQ(run(writes_twice), 0); }

static void *writer_dies(void *arg)
{
    CHECK_EQ(hk_rwlock_write(&rwlock), 0);
    hk_event_wait(&let_go);
    return arg;
}
static void *writer_is_dead(void *arg)
{
    rwlock_begin();
    spawn(writer_dies, 0);
    spawn(reads, 1);
    spawn(reads, 2);
    spawn(writes, 3);
    hk_event_set(&let_go);
    hk_event_set(&let_read);
    settle();
    CHECK_STR(trace, "r1:-EOWNERDEAD r2:-EOWNERDEAD w3:-EOWNERDEAD ");
    CHECK_EQ(hk_rwlock_write(&rwlock), 0);
    hk_rwlock_unlock(&rwlock);
    spawn(writer_dies, 0);
    CHECK_EQ(hk_rwlock_read(&rwlock), -EOWNERDEAD);
    CHECK_EQ(hk_rwlock_read(&rwlock), 0);
    hk_rwlock_unlock(&rwlock);
    hk_rwlock_unlock(&rwlock);
    return arg;
}
TEST(when_the_writer_ends_those_who_wait_are_told) { CHECK_EQ(run(writer_is_dead), 0); }

/* ---- once ---- */

static hk_once once;
static int runs;
static int first_fails(void *arg)
{
    note("run%d ", ++runs);
    if (hk_event_wait(&let_go) < 0) return -ECANCELED;
    return runs == 1 ? (int)hk_num(arg) : 0;
}
static int fail_with;
static void *runs_once(void *arg)
{
    int r = hk_once_run(&once, first_fails, hk_val(fail_with));
    note("%d:%s ", (int)hk_num(arg), number_text(r));
    return NULL;
}
static void once_begin(int error)
{
    once = (hk_once){ 0 };
    let_go = (hk_event){ 0 };
    runs = 0;
    fail_with = error;
}

static void *once_main(void *arg)
{
    once_begin(5); /* a success, though not 0 */
    for (int i = 1; i <= 3; i++) spawn(runs_once, i);
    CHECK_STR(trace, "run1 ");
    hk_event_set(&let_go);
    settle();
    spawn(runs_once, 4);
    CHECK_STR(trace, "run1 1:0 2:0 3:0 4:0 ");
    return arg;
}
TEST(it_runs_once) { CHECK_EQ(run(once_main), 0); }

static void *once_fails(void *arg)
{
    once_begin(-EIO);
    for (int i = 1; i <= 3; i++) spawn(runs_once, i);
    hk_event_set(&let_go);
    settle();
    CHECK_STR(trace, "run1 1:-EIO run2 2:0 3:0 ");
    return arg;
}
TEST(where_it_fails_the_next_runs_it) { CHECK_EQ(run(once_fails), 0); }

static void *once_killed(void *arg)
{
    once_begin(0);
    hk_tid first = spawn(runs_once, 1);
    spawn(runs_once, 2);
    hk_task_kill(first);
    settle();
    CHECK_STR(trace, "run1 1:-ECANCELED run2 ");
    hk_event_set(&let_go);
    settle();
    CHECK_STR(trace, "run1 1:-ECANCELED run2 2:0 ");
    return arg;
}
TEST(where_its_runner_is_cancelled_the_next_runs_it) { CHECK_EQ(run(once_killed), 0); }

static int exits(void *arg)
{
    hk_event_wait(&let_go);
    hk_task_exit(arg);
}
static void *exits_inside(void *arg)
{
    hk_once_run(&once, exits, NULL);
    return arg;
}
static void *once_exits(void *arg)
{
    once_begin(0);
    spawn(exits_inside, 0);
    spawn(runs_once, 1);
    hk_event_set(&let_go);
    settle();
    CHECK_STR(trace, "run1 1:0 ");
    once_begin(0); /* nobody waits when it ends */
    let_go.is_set = true;
    spawn(exits_inside, 0);
    spawn(runs_once, 2);
    CHECK_STR(trace, "run1 1:0 run1 2:0 ");
    return arg;
}
TEST(where_the_task_ends_inside_the_next_runs_it) { CHECK_EQ(run(once_exits), 0); }

static int runs_itself(void *arg) { return hk_once_run(&once, runs_itself, arg); }
static void *once_recursive(void *arg)
{
    once_begin(0);
    CHECK_EQ(hk_once_run(&once, runs_itself, NULL), -EDEADLK);
    return arg;
}
TEST(once_inside_once_is_told) { CHECK_EQ(run(once_recursive), 0); }

/* ---- stackless ---- */

struct frame {
    hk_coro co;
    hk_sync_call call;
    int number;
};

static hk_step locks_step(hk_coro *co, void *in)
{
    struct frame *f = HK_CONTAINER(co, struct frame, co);
    HK_BEGIN(co);
    hk_mutex_lock_prepare(&f->call, &mutex);
    HK_AWAIT(co, &f->call.call);
    note("s%d:%s ", f->number, number_text(f->call.call.result));
    if (f->call.call.result < 0) HK_RETURN(co, NULL);
    hk_event_wait_prepare(&f->call, &let_go);
    HK_AWAIT(co, &f->call.call);
    hk_mutex_unlock_prepare(&f->call, &mutex);
    HK_AWAIT(co, &f->call.call);
    HK_END(co, NULL);
}

static struct frame frames[3];
static hk_coro *step_of(int i)
{
    frames[i].number = i;
    hk_stackless_init(&frames[i].co, locks_step, NULL);
    return &frames[i].co;
}

static void *stackless_main(void *arg)
{
    hk_tid tids[3];
    mutex = (hk_mutex){ 0 };
    let_go = (hk_event){ 0 };
    for (int i = 0; i < 3; i++) tids[i] = hk_spawn_stackless(HK_ROOT, step_of(i), NULL);
    settle();
    hk_task_kill(tids[1]);
    hk_event_set(&let_go);
    return arg;
}
TEST(stackless_tasks_lock_and_unlock)
{
    CHECK_EQ(run(stackless_main), 0);
    CHECK_STR(trace, "s0:0 s1:-ECANCELED s2:0 ");
    CHECK_EQ(mutex.owner.tid, 0);

    trace_clear();
    mutex = (hk_mutex){ 0 };
    let_go = (hk_event){ 0 };
    small s;
    small_init(&s);
    for (int i = 0; i < 3; i++) small_adopt(&s, step_of(i));
    CHECK_EQ(small_run(&s), 3);
    hk_event_set(&let_go);
    CHECK_EQ(small_run(&s), 0);
    CHECK_STR(trace, "s0:0 s1:0 s2:0 ");
    CHECK_EQ(mutex.owner.tid, 0);
}
