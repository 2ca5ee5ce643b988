/* SPDX-License-Identifier: MIT */
/* hk_run, schedulers from outside, shutdown, the deadlock report, the table of tasks. */
#include <hocket.h>

#include "sched/sched.h"
#include "support/sim.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void *returns_arg(void *arg) { return arg; }

TEST(run_returns_mains_number) { CHECK_EQ(hk_run(returns_arg, hk_val(42), NULL), 42); }

static void *fails_with_reason(void *arg)
{
    (void)arg;
    return hk_val(hk_fail(-EIO, "the disk"));
}
TEST(run_returns_mains_failure_and_its_reason)
{
    CHECK_EQ(hk_run(fails_with_reason, NULL, NULL), -EIO);
    CHECK_STR(hk_why(), "the disk: Input/output error");
}

static void *exits_with(void *arg)
{
    hk_task_exit(arg);
    return NULL;
}
TEST(run_returns_what_main_exits_with)
{
    CHECK_EQ(hk_run(exits_with, hk_val(5), NULL), 5);
    CHECK_EQ(hk_run(exits_with, hk_val(-EIO), NULL), -EIO);
}

static char order[64];
static void *unwinds(void *arg)
{
    if (hk_sleep(HK_SEC(1000)) == -ECANCELED) strcat(order, arg);
    return hk_val(-ECANCELED);
}
static void *main_fails(void *arg)
{
    (void)arg;
    hk_spawn(HK_ROOT, unwinds, "a");
    hk_spawn(HK_ROOT, unwinds, "b");
    hk_spawn(HK_ROOT, unwinds, "c");
    hk_sched_yield();
    return hk_val(-EPIPE);
}
TEST(mains_failure_cancels_the_rest_youngest_first)
{
    CHECK_EQ(hk_run(main_fails, NULL, NULL), -EPIPE);
    CHECK_STR(order, "cba");
}

static void *runs_again(void *arg)
{
    (void)arg;
    CHECK_EQ(hk_run(returns_arg, NULL, NULL), -EDEADLK);
    return NULL;
}
TEST(one_scheduler_runs_on_a_thread) { CHECK_EQ(hk_run(runs_again, NULL, NULL), 0); }

static void *thread_runs(void *arg)
{
    (void)arg;
    return hk_val(hk_run(returns_arg, hk_val(5), NULL));
}
TEST(each_thread_may_run_its_own)
{
    pthread_t t[4];
    for (int i = 0; i < 4; i++) CHECK_EQ(pthread_create(&t[i], NULL, thread_runs, NULL), 0);
    for (int i = 0; i < 4; i++) {
        void *value;
        pthread_join(t[i], &value);
        CHECK_EQ(hk_num(value), 5);
    }
}

static void *spawns_while_stopping(void *arg)
{
    CHECK_EQ(hk_sleep(HK_SEC(1000)), -ECANCELED);
    *(hk_tid *)arg = hk_spawn(HK_ROOT, returns_arg, NULL);
    return NULL;
}
static void *stopper(void *arg)
{
    hk_sched_stop(arg, 0);
    return NULL;
}
TEST(stop_kills_all_and_admits_nobody)
{
    hk_tid tid = 0;
    hk_sched *s = hk_sched_create(NULL);
    hk_sched_spawn(s, spawns_while_stopping, &tid);
    hk_sched_spawn(s, stopper, s);
    CHECK_EQ(hk_sched_run(s), 0);
    CHECK_EQ(tid, -ECANCELED);
    CHECK(hk_sched_spawn(s, returns_arg, NULL) > 0); /* once all have ended it can be used again */
    CHECK_EQ(hk_sched_run(s), 0);
    hk_sched_destroy(s);
}

static int released;
static void release(void *arg)
{
    (void)arg;
    released++;
}
static void *spawn_owning(void *arg)
{
    hk_spawn_with(HK_ROOT, returns_arg, arg, &(hk_coro_options){ .arg_release = release });
    return NULL;
}
TEST(destroy_ends_tasks_that_never_ran)
{
    hk_sched *s = hk_sched_create(NULL);
    hk_sched_spawn(s, spawn_owning, NULL);
    hk_sched_spawn(s, unwinds, "");
    hk_sched_destroy(s);
    CHECK_EQ(released, 0);
    hk_sched_destroy(NULL);
}

/* ---- deadlock: case 51 ---- */

static void forget(hk_call *call) { (void)call; }
static int let_go(hk_call *call)
{
    (void)call;
    return HK_ABORTED;
}
static int say_what(const hk_call *call, char *buf, size_t size)
{
    (void)call;
    return snprintf(buf, size, "Godot");
}
static const hk_call_type godot_type = {
    .name = "godot", .handle = forget, .abort = let_go, .describe = say_what
};
struct godot {
    hk_call call;
};
static void *waits_for_godot(void *arg)
{
    CHECK_EQ(HK_TRAP(struct godot, HK_CALL(godot_type)), -ECANCELED);
    ++*(int *)arg;
    return hk_val(-ECANCELED);
}
static void *two_wait(void *arg)
{
    hk_spawn_with(HK_ROOT, waits_for_godot, arg, &(hk_coro_options){ .name = "estragon" });
    hk_task_wait(2, NULL);
    return NULL;
}
TEST(all_blocked_is_reported_and_ends,
     .prints = "task 2      estragon             waiting for Godot")
{
    int unwound = 0;
    CHECK_EQ(hk_run(two_wait, &unwound, NULL), -EDEADLK);
    CHECK_EQ(unwound, 1); /* cancelled by the end of run, not lost */
}
TEST(the_deadlock_report_tells_who_waits_for_whom,
     .prints = "waiting for the end of task 2 'estragon'")
{
    int unwound = 0;
    CHECK_EQ(hk_run(two_wait, &unwound, NULL), -EDEADLK);
}

/* ---- the table ---- */

static void *tabled(void *arg)
{
    hk_spawn_with(HK_ROOT, waits_for_godot, arg, &(hk_coro_options){ .name = "estragon" });
    hk_sched_yield();
    hk_spawn_with(HK_ROOT, returns_arg, NULL, &(hk_coro_options){ .name = "pozzo" });
    hk_sleep(HK_MS(3)); /* pozzo ends */
    hk_spawn_with(HK_ROOT, returns_arg, NULL, &(hk_coro_options){ .name = "lucky" });
    hk_task_info list[8];
    CHECK_EQ(hk_sched_tasks(NULL, list, 8), 3);
    CHECK_EQ(list[0].tid, 1);
    CHECK_STR(list[0].state, "running");
    CHECK_STR(list[1].name, "estragon");
    CHECK_STR(list[1].state, "waiting");
    CHECK_STR(list[1].waits, "Godot");
    CHECK_EQ((list[1].waited + 500) / 1000, 3000); /* kept to some 100 ns */
    CHECK_STR(list[2].name, "lucky");
    CHECK_STR(list[2].state, "ready");
    CHECK_EQ(hk_sched_tasks(NULL, list, 1), 3);
    hk_task_kill(2);
    return NULL;
}
TEST(the_table_shows_state_and_wait)
{
    int unwound = 0;
    CHECK_EQ(hk_run(tabled, &unwound, &(hk_run_options){ .world = sim_world() }), 0);
}

static void *asks_itself(void *arg)
{
    hk_spawn_with(HK_ROOT, waits_for_godot, arg, &(hk_coro_options){ .name = "estragon" });
    hk_sched_yield();
    kill(getpid(), SIGQUIT);
    hk_sleep(HK_MS(20)); /* real: ThreadSanitizer may bring a signal late */
    hk_task_kill(2);
    return NULL;
}
TEST(sigquit_prints_the_table, .prints = "SIGQUIT: 2 tasks")
{
    signal(SIGQUIT, SIG_DFL); /* a shell's background job inherits SIG_IGN, and that is respected */
    int unwound = 0;
    CHECK_EQ(hk_run(asks_itself, &unwound, NULL), 0);
}

/* A loop that sleeps: its thread, and the pipe that is its stderr meanwhile. */
static struct sleeping {
    hk_sched *sched;
    pthread_t thread, quitter;
    pid_t tid;
    int said[2];
    char text[1024];
} sleeping;

static bool is_asleep(pid_t tid)
{
    char path[64], state = '?';
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)tid);
    FILE *file = fopen(path, "re");
    if (file == NULL) return true;
    if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1) state = '?';
    fclose(file);
    return state == 'S';
}
static void stops_it(void *arg)
{
    (void)arg;
    hk_sched_stop(NULL, 0);
}
static void *quits(void *arg)
{
    size_t size = 0;
    /* The loop should be asleep by then; where it is not yet, less is tested. */
    for (int i = 0; i < 1000 && !is_asleep(sleeping.tid); i++) usleep(1000);
    pthread_kill(sleeping.thread, SIGQUIT);
    while (strstr(sleeping.text, "waiting for sleep") == NULL) { /* or for ever */
        ssize_t n = read(sleeping.said[0], sleeping.text + size, sizeof sleeping.text - 1 - size);
        if (n <= 0) break;
        size += (size_t)n;
    }
    CHECK_EQ(hk_sched_post(sleeping.sched, stops_it, NULL), 0);
    return arg;
}
static void *sleeps_until_stopped(void *arg)
{
    (void)arg;
    sleeping.sched = hk__here.sched;
    sleeping.thread = pthread_self();
    sleeping.tid = gettid();
    CHECK_EQ(pthread_create(&sleeping.quitter, NULL, quits, NULL), 0);
    return hk_val(hk_sleep(HK_SEC(1000)));
}
TEST(sigquit_wakes_a_sleeping_loop)
{
    signal(SIGQUIT, SIG_DFL);
    int before = dup(STDERR_FILENO);
    CHECK_EQ(pipe(sleeping.said), 0);
    dup2(sleeping.said[1], STDERR_FILENO);
    CHECK_EQ(hk_run(sleeps_until_stopped, NULL, NULL), -ECANCELED);
    pthread_join(sleeping.quitter, NULL);
    dup2(before, STDERR_FILENO);
    for (int i = 0; i < 2; i++) close(sleeping.said[i]);
    close(before);
    CHECK(strstr(sleeping.text, "task 1      main                 waiting for sleep") != NULL);
}

/* ---- guest mode ---- */

static void *naps(void *arg)
{
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(hk_sleep(HK_MS(2)), 0);
        hk_sched_yield();
    }
    ++*(int *)arg;
    return NULL;
}
TEST(step_lives_inside_a_poll_loop)
{
    int ended = 0;
    hk_sched *s = hk_sched_create(NULL);
    CHECK_EQ(hk_sched_step(s), -ECHILD);
    hk_sched_spawn(s, naps, &ended);
    struct pollfd p = { .fd = hk_sched_fd(s), .events = POLLIN };
    CHECK_EQ(poll(&p, 1, 0), 1); /* a spawn from outside makes it readable */
    int64_t next;
    int steps = 0;
    while ((next = hk_sched_step(s)) >= 0) {
        steps++;
        if (next > 0)
            poll(&p, 1, next == HK_FOREVER ? 1000 : (int)((next + HK_MS(1) - 1) / HK_MS(1)));
    }
    CHECK_EQ(next, -ECHILD);
    CHECK_EQ(ended, 1);
    CHECK(steps < 100); /* it waited, it did not spin */
    hk_sched_destroy(s);
}

/* So many that the loop lets tasks run while it tells of the events. */
enum { READERS = 8 };
static void *reads_and_sleeps(void *arg)
{
    char byte;
    CHECK_EQ(hk_read((int)hk_num(arg), &byte, 1), 1);
    return hk_val(hk_sleep(HK_MS(10)));
}
TEST(a_step_tells_of_timers_that_its_events_have_started)
{
    int fds[READERS][2];
    hk_sched *s = hk_sched_create(NULL);
    for (int i = 0; i < READERS; i++) {
        CHECK_EQ(pipe(fds[i]), 0);
        hk_sched_spawn(s, reads_and_sleeps, hk_val(fds[i][0]));
    }
    CHECK_EQ(hk_sched_step(s), HK_FOREVER);
    for (int i = 0; i < READERS; i++) CHECK_EQ(write(fds[i][1], "x", 1), 1);
    const int64_t next = hk_sched_step(s);
    CHECK(next >= 0 && next <= HK_MS(10));
    CHECK_EQ(hk_sched_run(s), 0);
    hk_sched_destroy(s);
    for (int i = 0; i < READERS; i++) CHECK(close(fds[i][0]) == 0 && close(fds[i][1]) == 0);
}

static hk_call *kept;
static void keep(hk_call *call) { kept = call; }
static const hk_call_type host_type = { .name = "host", .handle = keep, .abort = let_go };
static void *asks_host(void *arg)
{
    *(intptr_t *)arg = HK_TRAP(struct godot, HK_CALL(host_type));
    return NULL;
}
TEST(the_host_completes_a_call_from_outside)
{
    intptr_t answer = 0;
    hk_sched *s = hk_sched_create(NULL);
    hk_sched_hold(s); /* without it, step would call this a deadlock */
    hk_sched_spawn(s, asks_host, &answer);
    CHECK_EQ(hk_sched_step(s), HK_FOREVER);
    struct pollfd p = { .fd = hk_sched_fd(s), .events = POLLIN };
    CHECK_EQ(poll(&p, 1, 0), 0);
    hk_call_complete(kept, 11);
    CHECK_EQ(poll(&p, 1, 0), 1);
    CHECK_EQ(hk_sched_step(s), -ECHILD);
    CHECK_EQ(answer, 11);
    hk_sched_release(s);
    hk_sched_destroy(s);
}
TEST(step_reports_a_deadlock_without_a_hold, .prints = "deadlock")
{
    intptr_t answer = 0;
    hk_sched *s = hk_sched_create(NULL);
    hk_sched_spawn(s, asks_host, &answer);
    CHECK_EQ(hk_sched_step(s), -EDEADLK);
    hk_sched_destroy(s);
    CHECK_EQ(answer, -ECANCELED);
}

TEST(destroying_a_scheduler_that_runs_is_misuse,
     .aborts = "hk_sched_destroy while a scheduler runs on this thread")
{
    hk_sched *s = hk_sched_create(NULL);
    hk_sched_spawn(s, (hk_entry *)(void *)hk_sched_destroy, s);
    hk_sched_run(s);
}

/* ---- the clock ---- */

static void *waits_for_ever(void *arg) { return hk_val(hk_event_wait(arg)); }

static void let_pass(int64_t ns)
{
    for (const int64_t start = hk_now(); hk_now() - start < ns;) continue;
}

/* Reports and tickers go by it, which may be late by some milliseconds, and no more. */
TEST(time_goes_on_where_no_timer_runs)
{
    hk_event never = { 0 };
    hk_sched *s = hk_sched_create(NULL);
    hk_sched_hold(s); /* else it ends, since nobody can go on */
    CHECK(hk_sched_spawn(s, waits_for_ever, &never) > 0);
    CHECK_EQ(hk_sched_step(s), HK_FOREVER);
    for (int i = 0; i < 3; i++) {
        const int64_t before = s->now;
        let_pass(HK_MS(40));
        CHECK_EQ(hk_sched_step(s), HK_FOREVER);
        CHECK(s->now - before >= HK_MS(30));
    }
    hk_sched_release(s);
    hk_sched_destroy(s);
}
