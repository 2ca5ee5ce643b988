/* SPDX-License-Identifier: MIT */
/* Child processes: started, fed, read, waited for, ended; nothing of them is left behind. */
#include "support/proc.h"
#include "support/tools.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SH(script) ((const char *const[]){ "sh", "-c", (script), NULL })

static int run_status(const hk_proc_options *options)
{
    int status = -1;
    HK_PROC(p);
    int r = hk_proc_start(&p, options);
    if (r == 0) r = hk_proc_wait(&p, &status);
    return r < 0 ? r : status;
}

PROC_TEST(exit_codes_and_signals)
{
    CHECK_EQ(run_status(&(hk_proc_options){ .argv = SH("exit 0") }), 0);
    CHECK_EQ(run_status(&(hk_proc_options){ .argv = SH("exit 7") }), W_EXITCODE(7, 0));
    CHECK_EQ(run_status(&(hk_proc_options){ .argv = SH("kill -9 $$") }), SIGKILL);
    CHECK_EQ(run_status(&(hk_proc_options){ .argv = SH("kill -TERM $$") }), SIGTERM);
    return NULL;
}

/* What hk_proc_run collects of a script, as a string. */
static const char *output(const hk_proc_options *options, const char *in)
{
    static char buf[4096];
    int status = -1;
    ssize_t n = hk_proc_run(options, in, in != NULL ? strlen(in) : 0, buf, sizeof buf - 1, &status);
    if (!CHECK(n >= 0)) return hk_why();
    CHECK_EQ(status, 0);
    buf[n] = '\0';
    return buf;
}

PROC_TEST(arguments_environment_directory)
{
    const char *const argv[] = { "sh", "-c", "echo \"$1|$2\"", "x", "a b", "", NULL };
    const char *const env[] = { "GREETING=hello", NULL };
    CHECK_STR(output(&(hk_proc_options){ .argv = argv }, NULL), "a b|\n");
    CHECK_STR(output(&(hk_proc_options){ .argv = SH("echo $GREETING"), .env = env }, NULL),
              "hello\n");
    CHECK_STR(output(&(hk_proc_options){ .argv = SH("pwd"), .dir = "/" }, NULL), "/\n");
    CHECK_STR(output(&(hk_proc_options){ .argv = SH("cat; echo end") }, "in\n"), "in\nend\n");
    return NULL;
}

/* Default dispositions, an empty mask, and no descriptor but three. */
PROC_TEST(what_a_child_gets)
{
    int leaky[2];
    sigset_t mask, old;
    net_pipe(leaky); /* not close-on-exec */
    sigfillset(&mask);
    sigprocmask(SIG_BLOCK, &mask, &old);
    signal(SIGHUP, SIG_IGN);
    const char *script = "grep -hE 'SigBlk|SigIgn' /proc/self/status";
    const char *out = output(&(hk_proc_options){ .argv = SH(script) }, NULL);
    unsigned long long blocked = 1, ignored = 1;
    CHECK_EQ(sscanf(out, "SigBlk: %llx SigIgn: %llx", &blocked, &ignored), 2);
    CHECK_EQ(blocked, 0);
    CHECK_EQ(ignored & 0x7fffffff, 0); /* two belong to libc */
    signal(SIGHUP, SIG_DFL);
    sigprocmask(SIG_SETMASK, &old, NULL);
    out = output(&(hk_proc_options){ .argv = SH("for i in 0 1 2 3 4 5 6 7 8 9 10 11 12; do "
                                                "[ -e /dev/fd/$i ] && echo $i; done; true"),
                                     .err = HK_NULL },
                 "");
    CHECK_STR(out, "0\n1\n2\n");
    hk_close(leaky[0]);
    hk_close(leaky[1]);
    return NULL;
}

PROC_TEST(pipes_of_every_kind)
{
    char buf[64];
    HK_PROC(p);
    hk_proc_options o = { .argv = SH("read x; echo out $x; echo err $x >&2; read y; exit 3"),
                          .in = HK_PIPE,
                          .out = HK_PIPE,
                          .err = HK_PIPE };
    CHECK_EQ(hk_proc_start(&p, &o), 0);
    CHECK(p.pid > 0);
    const int ends[] = { p.in, p.out, p.err };
    for (int i = 0; i < 3; i++) {
        CHECK(net_is_nonblocking(ends[i]));
        CHECK(fcntl(ends[i], F_GETFD) & FD_CLOEXEC);
    }
    CHECK_EQ(hk_write(p.in, "1\n", 2), 2);
    CHECK_EQ(hk_read(p.out, buf, sizeof buf), 6);
    CHECK_EQ(hk_read(p.err, buf, sizeof buf), 6);
    CHECK(memcmp(buf, "err 1\n", 6) == 0);
    hk_close(hk_fd_take(&p.in));
    CHECK_EQ(hk_read(p.out, buf, sizeof buf), 0);
    int status;
    CHECK_EQ(hk_proc_wait(&p, &status), 0);
    CHECK_EQ(status, W_EXITCODE(3, 0));
    CHECK_EQ(hk_proc_wait(&p, &status), 0); /* as often as one likes */
    CHECK_EQ(hk_proc_kill(&p, SIGTERM), -ESRCH);
    return NULL;
}

/* Its ends may block: a program that knows nothing of EAGAIN works. */
PROC_TEST(the_childs_ends_block)
{
    const char *out = output(
        &(hk_proc_options){
            .argv = SH("sleep 0.02; grep -h flags /proc/self/fdinfo/0 /proc/self/fdinfo/1") },
        "");
    for (const char *at = out; (at = strstr(at, "flags:")) != NULL; at++)
        CHECK_EQ(strtol(at + 6, NULL, 8) & O_NONBLOCK, 0);
    CHECK(strstr(out, "flags:") != NULL);
    return NULL;
}

/* Numbers 0 to 2 may be anything in the parent; what the child gets is what was said. */
PROC_TEST(descriptors_change_places)
{
    int saved[3], ends[2], more[2];
    char buf[16];
    for (int i = 0; i < 3; i++) saved[i] = fcntl(i, F_DUPFD_CLOEXEC, 20);
    for (int i = 0; i < 3; i++) close(i);
    net_pipe(ends); /* 0 and 1 */
    net_pipe(more); /* 2 and some other */
    int results[6];
    {
        HK_PROC(p); /* writes to our 1, reads our 2 */
        results[0] =
            hk_proc_start(&p, &(hk_proc_options){ .argv = SH("read x; echo got $x; echo $x >&2"),
                                                  .in = 2,
                                                  .out = 1,
                                                  .err = HK_INHERIT });
        results[1] = (int)hk_write(more[1], "a\n", 2);
        results[2] = (int)hk_read(0, buf, sizeof buf);
        results[3] = hk_proc_wait(&p, NULL);
    }
    {
        HK_PROC(p); /* its error output is what our 0 leads to: no place to write to */
        results[4] = hk_proc_start(
            &p, &(hk_proc_options){ .argv = SH("echo x >&2 || exit 4"), .err = HK_STDIN });
        hk_proc_wait(&p, &results[5]);
    }
    for (int i = 0; i < 3; i++) hk_close(i);
    hk_close(more[1]);
    for (int i = 0; i < 3; i++) {
        dup2(saved[i], i);
        close(saved[i]);
    }
    CHECK_EQ(results[0], 0);
    CHECK_EQ(results[1], 2);
    CHECK_EQ(results[2], 6);
    CHECK(memcmp(buf, "got a\n", 6) == 0);
    CHECK_EQ(results[3], 0);
    CHECK_EQ(results[4], 0);
    CHECK_EQ(results[5], W_EXITCODE(4, 0));
    return NULL;
}

PROC_TEST(starts_that_fail)
{
    if (on_emulator()) return NULL; /* qemu forks, and the failure stays in the child */
    static char huge[3 << 20];
    memset(huge, 'x', sizeof huge - 1);
    char path[] = "/tmp/hocket-not-a-program-XXXXXX";
    int fd = mkstemp(path);
    hk_close(fd);
    const char *const none[] = { NULL }, *const missing[] = { "no-such-program-at-all", NULL };
    const char *const plain[] = { path, NULL }, *const big[] = { "true", huge, NULL };
    HK_PROC(p);
    CHECK_EQ(hk_proc_start(&p, &(hk_proc_options){ .argv = none }), -EINVAL);
    CHECK_EQ(hk_proc_start(&p, &(hk_proc_options){ .argv = missing, .out = HK_PIPE }), -ENOENT);
    CHECK(strstr(hk_why(), "no-such-program-at-all") != NULL);
    CHECK_EQ(p.pid, 0);
    CHECK_EQ(p.out, -1);
    CHECK_EQ(hk_proc_start(&p, &(hk_proc_options){ .argv = plain, .in = HK_PIPE }), -EACCES);
    CHECK_EQ(hk_proc_start(&p, &(hk_proc_options){ .argv = SH(""), .dir = "/no/such" }), -ENOENT);
    CHECK_EQ(hk_proc_start(&p, &(hk_proc_options){ .argv = SH(""), .dir = path }), -ENOTDIR);
    CHECK_EQ(hk_proc_start(&p, &(hk_proc_options){ .argv = big, .out = HK_PIPE }), -E2BIG);
    CHECK_EQ(hk_proc_start(&p, &(hk_proc_options){ .argv = SH(""), .out = 999 }), -EBADF);
    CHECK_EQ(hk_proc_start(&p, &(hk_proc_options){ .argv = SH(""), .out = -ENOSPC }), -ENOSPC);
    CHECK_EQ(hk_proc_start(&p, &(hk_proc_options){ .argv = SH(""), .in = -9999 }), -EBADF);
    CHECK_EQ(hk_proc_wait(&p, NULL), -ESRCH);
    CHECK_EQ(hk_proc_kill(&p, SIGTERM), -ESRCH);
    CHECK_EQ(
        hk_proc_run(&(hk_proc_options){ .argv = SH(""), .err = HK_PIPE }, NULL, 0, NULL, 0, NULL),
        -EINVAL);
    CHECK_EQ(hk_proc_run(&(hk_proc_options){ .argv = missing }, "x", 1, huge, 1, NULL), -ENOENT);
    unlink(path);
    return NULL;
}

TEST(no_process_outside_a_scheduler)
{
    HK_PROC(p);
    CHECK_EQ(hk_proc_start(&p, &(hk_proc_options){ .argv = SH("") }), -EPERM);
    CHECK_EQ(hk_proc_wait(&p, NULL), -ENOSYS);
}

/* With every number of descriptors left, from none: it starts, or says so and leaves nothing. */
PROC_TEST(too_few_descriptors)
{
    struct rlimit old, few;
    getrlimit(RLIMIT_NOFILE, &old);
    int next = dup(0), started = 0, failed = 0;
    close(next);
    for (int room = 0; room < 14; room++) {
        few = (struct rlimit){ (rlim_t)(next + room), old.rlim_max };
        setrlimit(RLIMIT_NOFILE, &few);
        HK_PROC(p);
        int r = hk_proc_start(
            &p, &(hk_proc_options){
                    .argv = SH("exit 0"), .in = HK_PIPE, .out = HK_PIPE, .err = HK_PIPE });
        setrlimit(RLIMIT_NOFILE, &old);
        if (r == 0)
            started++;
        else
            failed++, CHECK_EQ(r, -EMFILE);
    }
    CHECK(started > 0);
    CHECK(failed > 5);
    return NULL;
}

PROC_TEST(a_megabyte_through_cat)
{
    enum { SIZE = 1 << 20 };
    char *in = malloc(SIZE), *out = calloc(1, SIZE + 1);
    for (int i = 0; i < SIZE; i++) in[i] = (char)(i * 31 + i / 4096);
    int status = -1;
    CHECK_EQ(hk_proc_run(&(hk_proc_options){ .argv = SH("cat") }, in, SIZE, out, SIZE, &status),
             SIZE);
    CHECK_EQ(status, 0);
    CHECK(memcmp(in, out, SIZE) == 0);
    /* More than there is room for is read and dropped, or it would never end. */
    CHECK_EQ(
        hk_proc_run(&(hk_proc_options){ .argv = SH("cat; exit 3") }, in, SIZE, out, 1000, &status),
        1000);
    CHECK_EQ(status, W_EXITCODE(3, 0));
    CHECK(memcmp(in, out, 1000) == 0);
    /* Input that nobody reads is no failure. */
    CHECK_EQ(
        hk_proc_run(&(hk_proc_options){ .argv = SH("echo done") }, in, SIZE, out, SIZE, &status),
        5);
    CHECK_EQ(hk_proc_run(&(hk_proc_options){ .argv = SH("true") }, NULL, 0, NULL, 0, NULL), 0);
    free(in);
    free(out);
    return NULL;
}

/* Another process keeps the pipes: it is over when the program is. */
PROC_TEST(grandchildren_keep_the_pipe)
{
    char buf[64];
    int status;
    ssize_t n = hk_proc_run(&(hk_proc_options){ .argv = SH("sleep 30 & echo $!; exit 0") }, "", 0,
                            buf, sizeof buf - 1, &status);
    if (!CHECK(n > 0)) return NULL;
    buf[n] = '\0';
    CHECK_EQ(kill((pid_t)atol(buf), SIGKILL), 0);
    return NULL;
}

static void *run_long(void *arg)
{
    char buf[64];
    return hk_val(hk_proc_run(arg, "x", 1, buf, sizeof buf, NULL));
}

static int killed_after(hk_tid tid, int64_t ns)
{
    hk_exit end;
    hk_sleep(ns);
    hk_task_kill(tid);
    int r = hk_task_wait(tid, &end);
    return r < 0 ? r : end.error;
}

static int children(void)
{
    siginfo_t info = { 0 };
    int r = waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT);
    return r < 0 ? -errno : 1;
}

/* By now, before it runs, while it starts up, while it is long under way. */
PROC_TEST(a_killed_run_ends_its_program)
{
    static const int64_t times[] = { 0, 1, HK_US(200), HK_MS(2), HK_MS(20) };
    hk_proc_options o = { .argv = SH("sleep 30; echo x") };
    for (size_t i = 0; i < HK_LEN(times); i++) {
        hk_tid tid = hk_spawn(HK_ROOT, run_long, &o);
        CHECK_EQ(killed_after(tid, times[i]), -ECANCELED);
        CHECK_EQ(children(), -ECHILD);
    }
    return NULL;
}

static void *leave_it(void *arg)
{
    char byte;
    HK_PROC(p);
    int r = hk_proc_start(&p, arg);
    if (r == 0) r = (int)hk_read(p.out, &byte, 1); /* it is ready */
    if (r == 1) r = hk_proc_wait(&p, NULL);
    return hk_val(r);
}

PROC_TEST(one_that_ignores_being_asked)
{
    hk_proc_options o = { .argv = SH("trap '' TERM; echo; while :; do sleep 0.01; done"),
                          .out = HK_PIPE,
                          .err = HK_NULL,
                          .kill_after = HK_MS(30) };
    hk_tid tid = hk_spawn(HK_ROOT, leave_it, &o);
    CHECK_EQ(killed_after(tid, HK_MS(20)), -ECANCELED);
    CHECK_EQ(children(), -ECHILD);
    o.kill_after = -1;
    tid = hk_spawn(HK_ROOT, leave_it, &o);
    CHECK_EQ(killed_after(tid, HK_MS(20)), -ECANCELED);
    CHECK_EQ(children(), -ECHILD);
    return NULL;
}

/* Asked, and given the time to go in its own way. */
PROC_TEST(one_that_cleans_up)
{
    int ends[2];
    char buf[8];
    net_pipe(ends);
    {
        HK_PROC(p);
        hk_proc_options o = {
            .argv = SH("trap 'echo bye; exit 0' TERM; echo >&2; while :; do sleep 0.01; done"),
            .out = ends[1],
            .err = HK_PIPE,
            .kill_after = HK_FOREVER
        };
        CHECK_EQ(hk_proc_start(&p, &o), 0);
        CHECK_EQ(hk_read(p.err, buf, 1), 1);
    }
    hk_close(ends[1]);
    CHECK_EQ(hk_read(ends[0], buf, sizeof buf), 4);
    hk_close(ends[0]);
    return NULL;
}

static void *wait_it(void *arg) { return hk_val(hk_proc_wait(arg, NULL)); }

PROC_TEST(a_killed_wait_leaves_the_process)
{
    HK_PROC(p);
    CHECK_EQ(hk_proc_start(&p, &(hk_proc_options){ .argv = SH("read x; exit 5"), .in = HK_PIPE }),
             0);
    hk_tid tid = hk_spawn(HK_ROOT, wait_it, &p);
    hk_sched_yield();
    CHECK_EQ(hk_proc_wait(&p, NULL), -EBUSY);
    CHECK_EQ(hk_proc_kill(&p, 0), 0);
    CHECK_EQ(killed_after(tid, 0), -ECANCELED);
    hk_close(hk_fd_take(&p.in));
    int status;
    CHECK_EQ(hk_proc_wait(&p, &status), 0);
    CHECK_EQ(status, W_EXITCODE(5, 0));
    return NULL;
}

PROC_TEST(the_block_is_left_while_another_waits)
{
    hk_exit end;
    hk_proc p;
    CHECK_EQ(hk_proc_start(&p, &(hk_proc_options){ .argv = SH("sleep 30") }), 0);
    hk_tid tid = hk_spawn(HK_ROOT, wait_it, &p);
    hk_sched_yield();
    hk_proc_leave(&p);
    CHECK_EQ(p.pid, 0);
    CHECK_EQ(hk_task_wait(tid, &end), -ESRCH); /* told -EBADF, which is reported */
    hk_proc_leave(&p);
    return NULL;
}

/* Other children of the program are not ours to wait for. */
PROC_TEST(other_children_are_left_alone)
{
    pid_t other = fork();
    if (other == 0) _exit(9);
    CHECK_EQ(run_status(&(hk_proc_options){ .argv = SH("exit 1") }), W_EXITCODE(1, 0));
    int status = -1;
    CHECK_EQ(waitpid(other, &status, 0), other);
    CHECK_EQ(WEXITSTATUS(status), 9);
    return NULL;
}

/* Nobody knows how it ended, but that it did. */
PROC_TEST(ignored_children)
{
    signal(SIGCHLD, SIG_IGN);
    for (int i = 0; i < 10; i++)
        CHECK_EQ(run_status(&(hk_proc_options){ .argv = SH("exit 1") }), -ECHILD);
    {
        HK_PROC(p);
        CHECK_EQ(hk_proc_start(&p, &(hk_proc_options){ .argv = SH("sleep 30") }), 0);
    }
    signal(SIGCHLD, SIG_DFL);
    return NULL;
}

static void *one_of_many(void *arg)
{
    char script[32], buf[32];
    int status, n = (int)hk_num(arg);
    snprintf(script, sizeof script, "cat; exit %d", n % 100);
    int length = snprintf(buf, sizeof buf, "child %d", n), got;
    got = (int)hk_proc_run(&(hk_proc_options){ .argv = SH(script) }, buf, (size_t)length, buf + 16,
                           16, &status);
    CHECK_EQ(got, length);
    CHECK_EQ(status, W_EXITCODE(n % 100, 0));
    return NULL;
}

PROC_TEST(many_at_once, .seconds = 30)
{
    enum { MANY = 200 };
    hk_tid tid[MANY];
    int many = tools_none() ? MANY : 20;
    for (int i = 0; i < many; i++) tid[i] = hk_spawn(HK_ROOT, one_of_many, hk_val(i));
    for (int i = 0; i < many; i++) hk_task_wait(tid[i], NULL);
    return NULL;
}

static void *left_running(void *arg)
{
    (void)arg;
    HK_PROC(p);
    CHECK_EQ(hk_proc_start(&p, &(hk_proc_options){ .argv = SH("sleep 30") }), 0);
    return hk_val(hk_proc_wait(&p, NULL));
}

/* The end of a scheduler is a kill too. */
TEST(a_scheduler_ends_with_children)
{
    if (!proc_have_pidfds()) SKIP("no pidfd_open here");
    hk_sched *s = hk_sched_create(NULL);
    for (int i = 0; i < 3; i++) hk_sched_spawn(s, left_running, NULL);
    hk_sched_step(s);
    hk_sched_destroy(s);
    CHECK_EQ(children(), -ECHILD);
}

struct stepper {
    hk_coro co;
    hk_proc proc;
    hk_proc_call wait;
    hk_proc_leave_call leave;
    int status, pid;
};
static hk_step step(hk_coro *co, void *in)
{
    struct stepper *f = HK_CONTAINER(co, struct stepper, co);
    HK_BEGIN(co);
    CHECK_EQ(hk_proc_start(&f->proc, &(hk_proc_options){ .argv = SH("exit 4") }), 0);
    hk_proc_wait_prepare(&f->wait, &f->proc);
    HK_AWAIT(co, &f->wait.call);
    f->status = f->proc.status;
    hk_proc_leave_prepare(&f->leave, &f->proc);
    HK_AWAIT(co, &f->leave.call);
    CHECK_EQ(hk_proc_start(&f->proc, &(hk_proc_options){ .argv = SH("sleep 30") }), 0);
    hk_proc_leave_prepare(&f->leave, &f->proc);
    HK_AWAIT(co, &f->leave.call);
    f->pid = f->proc.pid;
    HK_END(co, NULL);
}

PROC_TEST(processes_in_stackless_steps)
{
    struct stepper f = { .pid = -1 };
    hk_stackless_init(&f.co, step, NULL);
    hk_tid tid = hk_spawn_stackless(HK_ROOT, &f.co, "step");
    CHECK_EQ(hk_task_wait(tid, NULL), 0);
    CHECK_EQ(f.status, W_EXITCODE(4, 0));
    CHECK_EQ(f.pid, 0);
    return NULL;
}

static void *describe_it(void *arg)
{
    hk_task_info list[4];
    hk_tid tid = hk_spawn(HK_ROOT, wait_it, arg);
    hk_sched_yield();
    hk_sched_tasks(NULL, list, 4);
    CHECK(strncmp(list[1].waits, "the end of process ", 19) == 0);
    hk_task_kill(tid);
    return NULL;
}

PROC_TEST(what_the_table_says_of_it)
{
    HK_PROC(p);
    CHECK_EQ(hk_proc_start(&p, &(hk_proc_options){ .argv = SH("sleep 30") }), 0);
    return describe_it(&p);
}
