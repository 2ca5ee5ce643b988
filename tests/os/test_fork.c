/* SPDX-License-Identifier: MIT */
/* fork: the child's copy of a scheduler is dead, the parent's goes on as if nothing had been. */
#include "support/proc.h"
#include "support/tools.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* How a child ended, as its exit status; waits through its pidfd. */
static int status_of(pid_t pid)
{
    siginfo_t info = { 0 };
    HK_FD(fd, pidfd_open(pid, 0));
    if (proc_have_pidfds()) CHECK_EQ(hk_fd_wait(fd, HK_READ), 0);
    CHECK_EQ(waitid(P_PID, (id_t)pid, &info, WEXITED), 0);
    return info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
}

static int status_outside(pid_t pid)
{
    int status = -1;
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void *echo(void *arg)
{
    int fd = *(int *)arg;
    char buf[64];
    ssize_t n;
    while ((n = hk_read(fd, buf, sizeof buf)) > 0 && hk_write(fd, buf, (size_t)n) == n) {}
    return NULL;
}

static void *tick(void *arg)
{
    while (hk_sleep(HK_MS(1)) == 0) ++*(int *)arg;
    return NULL;
}

static void nothing(void *arg) { (void)arg; }

static void *never(void *arg)
{
    (void)arg;
    _exit(99);
}

/* Each step of what the child may and may not do has a number, which is the child's status where it
 * goes wrong. */
static int child_in_task(hk_sched *s, int fd)
{
    char byte;
    hk_signals signals;
    hk_exit end;
    if (hk_sleep(1) != -ECHILD) return 1;
    if (hk_sched_yield() != -ECHILD) return 2;
    if (hk_read(fd, &byte, 1) != -ECHILD) return 3;
    if (hk_write(fd, "x", 1) != -ECHILD) return 4;
    if (hk_spawn(HK_ROOT, never, NULL) != -ECHILD) return 5;
    if (hk_task_wait(2, &end) != -ECHILD) return 6;
    if (hk_task_kill(2) != -ECHILD) return 7;
    if (hk_task_self() != -ECHILD) return 8;
    if (hk_run(never, NULL, NULL) != -ECHILD) return 9;
    if (hk_sched_run(s) != -ECHILD) return 10;
    if (hk_sched_step(s) != -ECHILD) return 11;
    if (hk_sched_spawn(s, never, NULL) != -ECHILD) return 12;
    if (hk_sched_post(s, nothing, NULL) != -ECHILD) return 13;
    if (hk_close(fd) != 0) return 14;
    if (hk_close(fd) != -EBADF) return 15;
    if (hk_now() <= 0) return 16;
    hk_signals_open(&signals, (const int[]){ SIGUSR1 }, 1);
    if (hk_signals_wait(&signals) != -ECHILD) return 17;
    hk_sched_stop(s, 0);
    hk_sched_print(s);
    hk_sched_destroy(s);
    if (hk_sched_tasks(s, NULL, 0) != 0) return 18;
    return 0;
}

TASK_TEST(fork_in_a_task)
{
    int pair[2], ticks = 0;
    char buf[8];
    hk_sched *s = hk__here.sched;
    net_local_pair(SOCK_STREAM, pair);
    hk_tid other = hk_spawn(HK_ROOT, echo, &pair[0]), timer = hk_spawn(HK_ROOT, tick, &ticks);
    net_settle();
    for (int i = 0; i < 3; i++) {
        pid_t pid = fork();
        if (pid == 0) _exit(child_in_task(s, pair[1]));
        CHECK_EQ(hk_write(pair[1], "hello", 5), 5);
        CHECK_EQ(hk_read(pair[1], buf, sizeof buf), 5);
        int before = ticks;
        CHECK_EQ(status_of(pid), 0);
        net_settle();
        CHECK(ticks > before);
    }
    hk_close(pair[1]);
    CHECK_EQ(hk_task_wait(other, NULL), 0);
    hk_task_kill(timer);
    CHECK_EQ(hk_task_wait(timer, NULL), 0);
    hk_close(pair[0]);
    return NULL;
}

static void *gen_forks(void *arg)
{
    (void)arg;
    pid_t pid = fork();
    if (pid == 0) _exit(hk_sleep(1) == -ECHILD ? 7 : 1);
    return hk_val(status_of(pid));
}

TASK_TEST(fork_in_a_generator)
{
    HK_CORO(gen, gen_forks, NULL, NULL);
    CHECK_EQ(hk_num(hk_coro_send(gen, NULL).value), 7);
    return NULL;
}

/* Between the task and the one who forks stands a driver. */
TASK_TEST(fork_below_a_driver)
{
    HK_CORO(gen, gen_forks, NULL, &(hk_coro_options){ .driven = true });
    hk_step step = hk_coro_send(gen, NULL);
    while (step.outcome == HK_TRAPPED) step = hk_coro_send(gen, hk_val(hk_trap(step.call)));
    CHECK_EQ(step.outcome, HK_RETURNED);
    CHECK_EQ(hk_num(step.value), 7);
    return NULL;
}

struct forker {
    hk_coro co;
    hk_sleep_call sleep;
    pid_t pid;
};
static hk_step fork_step(hk_coro *co, void *in)
{
    struct forker *f = HK_CONTAINER(co, struct forker, co);
    HK_BEGIN(co);
    f->pid = fork();
    hk_sleep_prepare(&f->sleep, HK_MS(1));
    HK_AWAIT(co, &f->sleep.call);
    if (f->pid == 0) _exit(f->sleep.call.result == -ECHILD ? 7 : 1);
    HK_END(co, NULL);
}

TASK_TEST(fork_in_a_stackless_step)
{
    struct forker f;
    hk_stackless_init(&f.co, fork_step, NULL);
    hk_tid tid = hk_spawn_stackless(HK_ROOT, &f.co, "step");
    CHECK_EQ(hk_task_wait(tid, NULL), 0);
    CHECK_EQ(status_of(f.pid), 7);
    return NULL;
}

/* A child that comes back to the loop would be a second parent. */
TASK_TEST(the_child_must_not_return)
{
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGABRT, SIG_DFL);
        return NULL;
    }
    CHECK_EQ(status_of(pid), -SIGABRT);
    return NULL;
}

static void fork_here(void *arg)
{
    *(pid_t *)arg = fork();
    if (*(pid_t *)arg == 0) signal(SIGABRT, SIG_DFL);
}

TASK_TEST(the_child_of_a_post_must_not_return)
{
    pid_t pid = -1;
    hk_sched_post(hk__here.sched, fork_here, &pid);
    net_settle();
    CHECK_EQ(status_of(pid), -SIGABRT);
    return NULL;
}

TASK_TEST(exec_in_the_child)
{
    pid_t pid = fork();
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", "exit 5", (char *)NULL);
        _exit(1);
    }
    CHECK_EQ(status_of(pid), 5);
    return NULL;
}

/* A signal that a task waits for is the parent's; its child dies of it, as it would have. */
TASK_TEST(signals_are_the_parents)
{
    HK_SIGNALS(s, SIGTERM, SIGQUIT);
    pid_t pid = fork();
    if (pid == 0) {
        raise(SIGTERM);
        _exit(1);
    }
    CHECK_EQ(status_of(pid), -SIGTERM);
    raise(SIGTERM);
    CHECK_EQ(hk_signals_wait(&s), SIGTERM);
    return NULL;
}

static void *add_one(void *arg) { return hk_val(hk_num(arg) + 1); }

static void *of_its_own(void *arg)
{
    int ends[2];
    char byte = 0;
    HK_SIGNALS(s, SIGUSR1);
    net_pipe(ends);
    hk_tid tid = hk_spawn(HK_ROOT, tick, arg);
    hk_write(ends[1], "x", 1);
    hk_read(ends[0], &byte, 1);
    hk_sleep(HK_MS(3));
    if (hk_num(hk_offload(add_one, hk_val(4))) != 5) return hk_val(2);
    if (hk_close(hk_open("/dev/null", O_RDONLY, 0)) != 0) return hk_val(3);
    hk_task_kill(tid);
    hk_close(ends[0]);
    hk_close(ends[1]);
    raise(SIGUSR1);
    return hk_val(byte == 'x' && *(int *)arg > 0 && hk_signals_wait(&s) == SIGUSR1 ? 11 : 1);
}

static int run_in_child(void)
{
    int ticks = 0;
    pid_t pid = fork();
    if (pid == 0) _exit(hk_run(of_its_own, &ticks, NULL));
    return status_outside(pid);
}

/* Outside tasks the child makes schedulers of its own, whatever the parent has. */
TEST(fork_outside_tasks)
{
    CHECK_EQ(run_in_child(), 11);
    hk_sched *s = hk_sched_create(NULL);
    CHECK_EQ(run_in_child(), 11);
    pid_t pid = fork();
    if (pid == 0) {
        int r = hk_sched_run(s) == -ECHILD && hk_sched_post(s, nothing, NULL) == -ECHILD ? 12 : 1;
        hk_sched_destroy(s);
        _exit(r);
    }
    CHECK_EQ(status_outside(pid), 12);
    CHECK_EQ(hk_sched_run(s), 0);
    hk_sched_destroy(s);
    CHECK_EQ(run_in_child(), 11);
}

/* ---- operations under way: in the ring (or the pool) and in the pool ---- */

static struct {
    char directory[32], path[48];
    int gate[2], opened;
    intptr_t worked;
    bool begun;
} under_way;

static void *open_fifo(void *arg)
{
    under_way.opened = hk_open(under_way.path, O_RDONLY, 0);
    return arg;
}

static void *wait_at_gate(void *arg)
{
    char c;
    __atomic_store_n(&under_way.begun, true, __ATOMIC_SEQ_CST);
    CHECK_EQ(read(under_way.gate[0], &c, 1), 1);
    return arg;
}

static void *work(void *arg)
{
    under_way.worked = hk_num(hk_offload(wait_at_gate, hk_val(9)));
    return arg;
}

static void prepare(void)
{
    strcpy(under_way.directory, "/tmp/hocket-test-XXXXXX");
    CHECK(mkdtemp(under_way.directory) != NULL);
    snprintf(under_way.path, sizeof under_way.path, "%s/fifo", under_way.directory);
    CHECK_EQ(mkfifo(under_way.path, 0600), 0);
    net_pipe(under_way.gate);
    under_way.opened = -1;
    under_way.begun = false;
}

/* Lets both go on. The other end of the FIFO, which stays open until they are done. */
static int open_gates(void)
{
    CHECK_EQ(under_way.opened, -1);
    CHECK_EQ(write(under_way.gate[1], "x", 1), 1);
    return open(under_way.path, O_RDWR);
}

static void check_results(int other)
{
    CHECK(under_way.opened >= 0);
    CHECK_EQ(under_way.worked, 9);
    close(under_way.opened);
    close(other);
    close(under_way.gate[0]);
    close(under_way.gate[1]);
    unlink(under_way.path);
    rmdir(under_way.directory);
}

TASK_TEST(fork_with_operations_under_way)
{
    int pair[2];
    hk_sched *s = hk__here.sched;
    if (ON_VALGRIND) return NULL; /* what a thread of the pool holds is lost in the child */
    prepare();
    net_local_pair(SOCK_STREAM, pair);
    hk_tid opener = hk_spawn(HK_ROOT, open_fifo, NULL), worker = hk_spawn(HK_ROOT, work, NULL);
    while (!__atomic_load_n(&under_way.begun, __ATOMIC_SEQ_CST)) net_settle();
    pid_t pid = fork();
    if (pid == 0) _exit(child_in_task(s, pair[1]));
    CHECK_EQ(status_of(pid), 0);
    int other = open_gates();
    hk_task_wait(opener, NULL);
    hk_task_wait(worker, NULL);
    check_results(other);
    hk_close(pair[0]);
    hk_close(pair[1]);
    return NULL;
}

TEST(fork_outside_tasks_with_operations_under_way)
{
    if (ON_VALGRIND) SKIP("what a thread of the pool holds is lost in the child");
#ifdef HK__TSAN
    SKIP("ThreadSanitizer starts no thread after the fork of a process that has some");
#endif
    if (on_emulator()) SKIP(NO_THREADS_AFTER_FORK);
    prepare();
    hk_sched *s = hk_sched_create(NULL);
    hk_sched_spawn(s, open_fifo, NULL);
    hk_sched_spawn(s, work, NULL);
    while (!__atomic_load_n(&under_way.begun, __ATOMIC_SEQ_CST)) hk_sched_step(s);
    CHECK_EQ(run_in_child(), 11);
    int other = open_gates();
    CHECK_EQ(hk_sched_run(s), 0);
    hk_sched_destroy(s);
    check_results(other);
}

/* Another thread forks while schedulers work; what they have under way goes on. */
static int stop;
static void *busy(void *arg)
{
    int pair[2];
    char buf[8];
    (void)arg;
    net_local_pair(SOCK_STREAM, pair);
    hk_tid other = hk_spawn(HK_ROOT, echo, &pair[0]);
    long rounds = 0;
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED) || rounds < 10) {
        CHECK_EQ(hk_write(pair[1], "hello", 5), 5);
        CHECK_EQ(hk_read(pair[1], buf, sizeof buf), 5);
        if (!ON_VALGRIND) CHECK_EQ(hk_num(hk_offload(add_one, hk_val(4))), 5);
        rounds++;
    }
    hk_close(pair[1]);
    CHECK_EQ(hk_task_wait(other, NULL), 0);
    hk_close(pair[0]);
    return NULL;
}

static void *run_busy(void *arg)
{
    CHECK_EQ(hk_run(busy, arg, NULL), 0);
    return NULL;
}

TEST(fork_beside_schedulers, .seconds = 20)
{
    pthread_t thread[2];
    if (SANITIZED) SKIP("a sanitizer's allocator may be locked for ever in such a child");
    if (ON_VALGRIND) SKIP("what other threads hold is lost in the child");
    if (on_emulator()) SKIP(NO_THREADS_AFTER_FORK);
    for (int i = 0; i < 2; i++) pthread_create(&thread[i], NULL, run_busy, NULL);
    for (int i = 0; i < 10; i++) CHECK_EQ(run_in_child(), 11);
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    for (int i = 0; i < 2; i++) pthread_join(thread[i], NULL);
}
