/* SPDX-License-Identifier: MIT */
/* Signals as objects: each gets each, none is lost while one is open; then all is as before. */
#include "support/net.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static void *raise_twice(void *arg)
{
    (void)arg;
    raise(SIGTERM);
    hk_sleep(HK_MS(1));
    raise(SIGUSR1);
    return NULL;
}

TASK_TEST(signals_wait_tells_which)
{
    HK_SIGNALS(s, SIGTERM, SIGUSR1);
    hk_spawn(HK_ROOT, raise_twice, NULL);
    CHECK_EQ(hk_signals_wait(&s), SIGTERM);
    CHECK_EQ(hk_signals_wait(&s), SIGUSR1);
    return NULL;
}

TASK_TEST(signals_are_remembered_once_each)
{
    HK_SIGNALS(s, SIGTERM, SIGUSR1, SIGTERM);
    for (int i = 0; i < 3; i++) raise(SIGTERM);
    raise(SIGUSR1);
    hk_sched_yield();
    CHECK_EQ(hk_signals_wait(&s), SIGUSR1);
    CHECK_EQ(hk_signals_wait(&s), SIGTERM);
    return NULL;
}

static int handled;
static void count(int number)
{
    (void)number;
    handled++;
}

TASK_TEST(what_was_before_comes_back)
{
    struct sigaction mine = { .sa_handler = count }, now;
    sigaction(SIGUSR1, &mine, NULL);
    {
        HK_SIGNALS(one, SIGUSR1);
        {
            HK_SIGNALS(two, SIGUSR1);
            raise(SIGUSR1);
            CHECK_EQ(hk_signals_wait(&two), SIGUSR1);
        }
        raise(SIGUSR1);
        CHECK_EQ(hk_signals_wait(&one), SIGUSR1);
        CHECK_EQ(handled, 0);
    }
    raise(SIGUSR1);
    CHECK_EQ(handled, 1);
    sigaction(SIGUSR1, NULL, &now);
    CHECK(now.sa_handler == count);
    return NULL;
}

TASK_TEST(a_handler_set_meanwhile_stays)
{
    struct sigaction now;
    {
        HK_SIGNALS(one, SIGUSR1);
        signal(SIGUSR1, count);
    }
    sigaction(SIGUSR1, NULL, &now);
    CHECK(now.sa_handler == count);
    return NULL;
}

/* What came before an object was opened is not for it. */
TASK_TEST(an_object_is_told_of_what_comes_later)
{
    HK_SIGNALS(first, SIGUSR1);
    raise(SIGUSR1);
    HK_SIGNALS(second, SIGUSR1, SIGUSR2);
    raise(SIGUSR2);
    CHECK_EQ(hk_signals_wait(&first), SIGUSR1);
    CHECK_EQ(hk_signals_wait(&second), SIGUSR2);
    return NULL;
}

TASK_TEST(signals_that_cannot_be_had)
{
    static const int bad[] = { SIGKILL, SIGSTOP, SIGSEGV, 0, -1, 65, 1000, 32 };
    struct sigaction now;
    for (size_t i = 0; i < HK_LEN(bad); i++) {
        HK_SIGNALS(s, SIGUSR1, bad[i]);
        CHECK_EQ(hk_signals_wait(&s), -EINVAL);
        sigaction(SIGUSR1, NULL, &now);
        CHECK(now.sa_handler == SIG_DFL);
    }
    hk_signals none;
    hk_signals_open(&none, bad, 0);
    CHECK_EQ(hk_signals_wait(&none), -EINVAL);
    hk_signals_close(&none);
    return NULL;
}

TEST(signals_outside_a_scheduler)
{
    HK_SIGNALS(s, SIGUSR1);
    CHECK_EQ(s.error, -EPERM);
    CHECK_EQ(hk_signals_wait(&s), -ENOSYS);
}

static void *wait_and_tell(void *arg)
{
    int r = hk_signals_wait(arg);
    return hk_val(r < 0 ? -r : 1000 + r);
}

static int end_of(hk_tid tid)
{
    hk_exit end;
    CHECK_EQ(hk_task_wait(tid, &end), 0);
    return end.how == HK_END_RETURNED ? (int)hk_num(end.value) : end.error;
}

TASK_TEST(a_wait_for_signals_is_killed_and_closed)
{
    hk_signals s;
    hk_signals_open(&s, (const int[]){ SIGUSR1 }, 1);
    hk_tid first = hk_spawn(HK_ROOT, wait_and_tell, &s);
    hk_sched_yield();
    CHECK_EQ(hk_signals_wait(&s), -EBUSY);
    raise(SIGUSR1); /* comes and is not lost: the killed one does not take it */
    hk_task_kill(first);
    CHECK_EQ(end_of(first), ECANCELED);
    CHECK_EQ(hk_signals_wait(&s), SIGUSR1);
    hk_tid second = hk_spawn(HK_ROOT, wait_and_tell, &s);
    hk_sched_yield();
    hk_signals_close(&s);
    CHECK_EQ(end_of(second), EBADF);
    CHECK_EQ(hk_signals_wait(&s), -EBADF);
    hk_signals_close(&s);
    return NULL;
}

/* Not a deadlock, although nothing else is there to wake it. */
static void *only_a_signal(void *arg)
{
    HK_SIGNALS(s, SIGUSR1);
    __atomic_store_n((int *)arg, 1, __ATOMIC_RELEASE);
    int number = hk_signals_wait(&s);
    __atomic_store_n((int *)arg, 2, __ATOMIC_RELEASE);
    return hk_val(number);
}

static void *send_later(void *arg)
{
    while (!__atomic_load_n((int *)arg, __ATOMIC_ACQUIRE)) usleep(100);
    usleep(2000);
    kill(getpid(), SIGUSR1);
#ifdef HK__TSAN /* holds a signal back that comes right before a call it does not know */
    for (; __atomic_load_n((int *)arg, __ATOMIC_ACQUIRE) != 2; usleep(2000))
        kill(getpid(), SIGUSR1);
#endif
    return NULL;
}

TEST(waiting_for_a_signal_is_no_deadlock)
{
    pthread_t thread;
    int ready = 0;
    signal(SIGUSR1, SIG_IGN); /* one too many may come when nobody listens any more */
    pthread_create(&thread, NULL, send_later, &ready);
    CHECK_EQ(hk_run(only_a_signal, &ready, NULL), SIGUSR1);
    pthread_join(thread, NULL);
}

/* Many threads, each with a scheduler; every object gets every signal. */
enum { THREADS = 4, ROUNDS = 50 };
static int got;
static pthread_barrier_t barrier;

static void *listen_on(void *arg)
{
    HK_SIGNALS(s, SIGUSR1, SIGUSR2);
    (void)arg;
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < ROUNDS; i++) {
        CHECK_EQ(hk_signals_wait(&s), i % 2 ? SIGUSR2 : SIGUSR1);
        __atomic_add_fetch(&got, 1, __ATOMIC_SEQ_CST);
    }
    return NULL;
}

static void *run_one(void *arg)
{
    CHECK_EQ(hk_run(listen_on, arg, NULL), 0);
    return NULL;
}

TEST(every_scheduler_gets_each, .seconds = 20)
{
    pthread_t thread[THREADS];
    pthread_barrier_init(&barrier, NULL, THREADS + 1);
    for (int i = 0; i < THREADS; i++) pthread_create(&thread[i], NULL, run_one, NULL);
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < ROUNDS; i++) {
        kill(getpid(), i % 2 ? SIGUSR2 : SIGUSR1);
        while (__atomic_load_n(&got, __ATOMIC_SEQ_CST) < (i + 1) * THREADS) usleep(20);
    }
    for (int i = 0; i < THREADS; i++) pthread_join(thread[i], NULL);
}

TASK_TEST(children_and_windows_too)
{
    HK_SIGNALS(s, SIGCHLD, SIGWINCH, SIGPIPE);
    raise(SIGWINCH);
    CHECK_EQ(hk_signals_wait(&s), SIGWINCH);
    raise(SIGCHLD);
    CHECK_EQ(hk_signals_wait(&s), SIGCHLD);
    raise(SIGPIPE);
    CHECK_EQ(hk_signals_wait(&s), SIGPIPE);
    return NULL;
}

static void *open_and_stay(void *arg)
{
    HK_SIGNALS(s, SIGUSR1);
    while (hk_signals_wait(&s) == -ECANCELED && ++*(int *)arg < 100000000) {}
    return NULL;
}

/* A task that is dropped takes its object along. */
TEST(a_dropped_task_gives_its_signals_back)
{
    struct sigaction now;
    int refusals = 0;
    signal(SIGUSR1, count);
    hk_sched *s = hk_sched_create(&(hk_run_options){ .grace = HK_MS(5) });
    hk_sched_spawn(s, open_and_stay, &refusals);
    hk_sched_step(s);
    hk_sched_destroy(s);
    sigaction(SIGUSR1, NULL, &now);
    CHECK(now.sa_handler == count);
    raise(SIGUSR1);
    CHECK_EQ(handled, 1);
}

/* A host's loop: the signal makes the scheduler's descriptor readable, whenever it comes. */
static hk_signals hosted;
static void *host_task(void *arg)
{
    hk_signals_open(&hosted, (const int[]){ SIGUSR1 }, 1);
    for (int i = 0; i < 100; i++) CHECK_EQ(hk_signals_wait(&hosted), SIGUSR1);
    hk_signals_close(&hosted);
    *(int *)arg = 1;
    return NULL;
}

TEST(a_signal_wakes_a_hosts_loop)
{
    int done = 0;
    hk_sched *s = hk_sched_create(NULL);
    hk_sched_spawn(s, host_task, &done);
    for (int i = 0; hk_sched_step(s) != -ECHILD && i < 1000; i++) raise(SIGUSR1);
    CHECK_EQ(done, 1);
    hk_sched_destroy(s);
}

/* SIGQUIT goes to who waits for it; without one it prints the table. */
static void *quit_task(void *arg)
{
    {
        HK_SIGNALS(s, SIGQUIT);
        raise(SIGQUIT);
        CHECK_EQ(hk_signals_wait(&s), SIGQUIT);
    }
    hk_task_name("without an object");
    raise(SIGQUIT);
    return hk_val(hk_sleep(HK_MS(1)));
}

TEST(sigquit_belongs_to_its_object, .prints = "SIGQUIT: 1 task\nhocket:   task 1      without")
{
    signal(SIGQUIT, SIG_DFL);
    CHECK_EQ(hk_run(quit_task, NULL, NULL), 0);
}

struct stepper {
    hk_coro co;
    hk_signals_call wait;
    hk_signals *signals;
    int number;
};
static hk_step step(hk_coro *co, void *in)
{
    struct stepper *f = HK_CONTAINER(co, struct stepper, co);
    HK_BEGIN(co);
    hk_signals_wait_prepare(&f->wait, f->signals);
    HK_AWAIT(co, &f->wait.call);
    f->number = (int)f->wait.call.result;
    HK_END(co, NULL);
}

TASK_TEST(signals_for_stackless_steps)
{
    HK_SIGNALS(s, SIGUSR1);
    struct stepper f = { .signals = &s };
    hk_stackless_init(&f.co, step, NULL);
    hk_tid tid = hk_spawn_stackless(HK_ROOT, &f.co, "step");
    hk_sched_yield();
    hk_task_info list[4];
    CHECK_EQ(hk_sched_tasks(NULL, list, 4), 2);
    CHECK_STR(list[1].waits, "signal USR1");
    raise(SIGUSR1);
    CHECK_EQ(hk_task_wait(tid, NULL), 0);
    CHECK_EQ(f.number, SIGUSR1);
    return NULL;
}
