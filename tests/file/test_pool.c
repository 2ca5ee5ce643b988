/* SPDX-License-Identifier: MIT */
/* Functions on the thread pool: others run meanwhile, the pool grows and ends, what is stuck holds
 * up nobody, what was begun is waited for. */
#include "support/files.h"
#include "support/tools.h"

#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

enum { MOST = 16, TASKS = 24 };

/* A gate at which functions of the pool wait. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t opened = PTHREAD_COND_INITIALIZER;
static bool is_open;
static int begun; /* under the lock */

static void *wait_at_gate(void *arg)
{
    pthread_mutex_lock(&lock);
    begun++;
    while (!is_open) pthread_cond_wait(&opened, &lock);
    pthread_mutex_unlock(&lock);
    return arg;
}

static void open_gate(void)
{
    pthread_mutex_lock(&lock);
    is_open = true;
    pthread_cond_broadcast(&opened);
    pthread_mutex_unlock(&lock);
}

static int begun_now(void)
{
    pthread_mutex_lock(&lock);
    int n = begun;
    pthread_mutex_unlock(&lock);
    return n;
}

static bool await_begun(int count)
{
    for (int i = 0; i < 5000 && begun_now() < count; i++) hk_sleep(HK_MS(1));
    return begun_now() >= count;
}

static int threads(void)
{
    int count = 0;
    DIR *dir = opendir("/proc/self/task");
    while (readdir(dir) != NULL) count++;
    closedir(dir);
    return count - 2;
}

struct offloader {
    hk_tid tid;
    void *result;
    bool done;
};

static void *offload(void *arg)
{
    struct offloader *o = arg;
    o->result = hk_offload(wait_at_gate, o);
    o->done = true;
    return NULL;
}

static void start(struct offloader *list, int count)
{
    for (int i = 0; i < count; i++) {
        list[i] = (struct offloader){ .done = false };
        list[i].tid = hk_spawn(HK_ROOT, offload, &list[i]);
    }
}

static void end(struct offloader *list, int count)
{
    open_gate();
    for (int i = 0; i < count; i++) hk_task_wait(list[i].tid, NULL);
}

TASK_TEST(others_run_while_a_function_waits)
{
    struct offloader o;
    start(&o, 1);
    CHECK(await_begun(1));
    for (int i = 0; i < 1000; i++) CHECK_EQ(hk_sched_yield(), 0);
    CHECK(!o.done);
    end(&o, 1);
    CHECK(o.done);
    CHECK_EQ(o.result, &o);
    return NULL;
}

TASK_TEST(pool_grows_to_16_and_the_rest_queues)
{
    struct offloader list[TASKS];
    start(list, TASKS);
    CHECK(await_begun(MOST));
    net_settle();
    CHECK_EQ(begun_now(), MOST);
    for (int i = 0; i < 100; i++) CHECK_EQ(hk_sched_yield(), 0);
    end(list, TASKS);
    CHECK_EQ(begun_now(), TASKS);
    for (int i = 0; i < TASKS; i++) CHECK_EQ(list[i].result, &list[i]);
    return NULL;
}

TASK_TEST(kill_ends_what_queues_and_waits_for_what_runs)
{
    struct offloader list[TASKS];
    start(list, TASKS);
    CHECK(await_begun(MOST));
    for (int i = 0; i < TASKS; i++) CHECK_EQ(hk_task_kill(list[i].tid), 1);
    net_settle();
    int done = 0;
    for (int i = 0; i < TASKS; i++) {
        done += list[i].done;
        if (list[i].done) CHECK_EQ(hk_num(list[i].result), -ECANCELED);
    }
    CHECK_EQ(done, TASKS - MOST);
    end(list, TASKS);
    done = 0;
    for (int i = 0; i < TASKS; i++) done += list[i].result == &list[i];
    CHECK_EQ(done, MOST);
    CHECK_EQ(begun_now(), MOST);
    return NULL;
}

static void *offload_killed(void *arg)
{
    struct offloader *o = arg;
    hk_task_kill(hk_task_self());
    o->result = hk_offload(wait_at_gate, NULL);
    return NULL;
}

TASK_TEST(killed_task_is_refused_at_once)
{
    struct offloader o = { 0 };
    hk_task_wait(hk_spawn(HK_ROOT, offload_killed, &o), NULL);
    CHECK_EQ(hk_num(o.result), -ECANCELED);
    CHECK_EQ(begun_now(), 0);
    return NULL;
}

/* ---- the pool's threads ---- */

static void *run_some(void *arg)
{
    struct offloader list[8];
    start(list, 8);
    CHECK(await_begun(8));
    CHECK(threads() >= 1 + 8);
    end(list, 8);
    return arg;
}

TEST(threads_end_with_the_last_scheduler)
{
    if (SANITIZED || on_emulator()) SKIP("the tool has threads of its own");
    for (int i = 0; i < 3; i++) {
        is_open = false, begun = 0;
        CHECK_EQ(hk_run(run_some, NULL, NULL), 0);
        for (int k = 0; k < 1000 && threads() > 1; k++) usleep(1000); /* joined, but still listed */
        CHECK_EQ(threads(), 1);
    }
}

static void *shrink(void *arg)
{
    struct offloader list[MOST];
    start(list, MOST);
    CHECK(await_begun(MOST));
    end(list, MOST);
    int before = threads();
    hk_sleep(HK_SEC(7));
    CHECK_EQ(before - threads(), MOST - 4);
    return arg;
}

TEST(pool_shrinks_when_idle, .slow = true, .seconds = 20)
{
    CHECK_EQ(hk_run(shrink, NULL, NULL), 0);
}

static void *eight(void *arg)
{
    struct offloader list[8];
    start(list, 8);
    for (int i = 0; i < 8; i++) hk_task_wait(list[i].tid, NULL);
    return arg;
}

static void *one_in_a_thread(void *arg)
{
    CHECK_EQ(hk_run(eight, NULL, NULL), 0);
    return arg;
}

/* Each comes and goes while the others do. */
TEST(schedulers_share_the_pool)
{
    pthread_t t[4];
    is_open = true, begun = 1000;
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < 4; i++) pthread_create(&t[i], NULL, one_in_a_thread, NULL);
        for (int i = 0; i < 4; i++) pthread_join(t[i], NULL);
    }
    CHECK_EQ(begun, 1000 + 10 * 4 * 8);
}

static void *just_offload(void *arg) { return hk_offload(wait_at_gate, arg); }

TEST(forked_while_the_pool_runs)
{
    if (SANITIZED) SKIP("ThreadSanitizer knows no threads after such a fork");
    if (on_emulator()) SKIP(NO_THREADS_AFTER_FORK);
    if (ON_VALGRIND) SKIP("what a thread of the pool holds is lost in the child");
    hk_sched *s = hk_sched_create(NULL);
    struct offloader o = { .done = false };
    hk_sched_spawn(s, offload, &o);
    while (begun_now() == 0) hk_sched_step(s);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        is_open = true;
        pthread_mutex_init(&lock, NULL);
        _exit(hk_run(just_offload, hk_val(7), NULL) == 7 ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    CHECK_EQ(status, 0);
    open_gate();
    CHECK_EQ(hk_sched_run(s), 0);
    hk_sched_destroy(s);
    CHECK(o.done);
}

/* ---- what a function may do there ---- */

static __thread int local = 5;

static void *look_around(void *arg)
{
    char buf[8];
    sigset_t blocked;
    CHECK_EQ(local, 5);
    local = 6;
    CHECK_EQ(hk_sleep(1), -ENOSYS);
    CHECK_EQ(hk_read(0, buf, 8), -ENOSYS);
    CHECK_EQ(hk_open("/", O_RDONLY, 0), -ENOSYS);
    CHECK_EQ(hk_num(hk_offload(look_around, NULL)), -ENOSYS);
    CHECK_EQ(hk_task_self(), -EPERM);
    CHECK(hk_now() > 0);
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    CHECK(sigismember(&blocked, SIGTERM) == 1);
    errno = 77;
    return hk_val(-EDOM);
}

TASK_TEST(what_a_function_may_do)
{
    errno = 3;
    local = 9;
    CHECK_EQ(hk_num(hk_offload(look_around, NULL)), -EDOM);
    CHECK_EQ(errno, 3);
    CHECK_EQ(local, 9);
    return NULL;
}

static void *sleep_a_little(void *arg)
{
    pthread_mutex_lock(&lock);
    begun++;
    pthread_mutex_unlock(&lock);
    nanosleep(&(struct timespec){ .tv_nsec = 300 * 1000 * 1000 }, NULL); /* a shutdown begins */
    *(bool *)arg = true;
    return NULL;
}

static void *offload_sleep(void *arg) { return hk_offload(sleep_a_little, arg); }

TEST(shutdown_waits_for_a_function_and_says_so, .prints = "waits for 1 operation")
{
    bool done = false;
    hk_sched *s = hk_sched_create(&(hk_run_options){ .grace = HK_MS(1) });
    hk_sched_spawn(s, offload_sleep, &done);
    while (begun_now() == 0) hk_sched_step(s);
    hk_sched_destroy(s);
    CHECK(done);
}

/* A host that sleeps on the scheduler's descriptor hears of the end. */
TEST(stepping_host_is_told)
{
    for (int i = 0; i < 50; i++) {
        bool done = false;
        hk_sched *s = hk_sched_create(NULL);
        hk_sched_spawn(s, i % 2 ? offload_sleep : just_offload, &done);
        is_open = true;
        int64_t next;
        while ((next = hk_sched_step(s)) != -ECHILD) {
            struct pollfd p = { .fd = hk_sched_fd(s), .events = POLLIN };
            if (next == HK_FOREVER && !CHECK_EQ(poll(&p, 1, 5000), 1)) break;
        }
        hk_sched_destroy(s);
        CHECK(done == i % 2);
    }
}

/* ---- calls that wait in the kernel ---- */

struct opener {
    const char *path;
    int fd;
    bool done;
};

static void *open_fifo(void *arg)
{
    struct opener *o = arg;
    o->fd = hk_open(o->path, O_RDONLY, 0);
    o->done = true;
    return NULL;
}

TASK_TEST(others_run_while_a_fifo_is_opened)
{
    struct files f;
    files_open(&f);
    struct opener o = { .path = files_path(&f, "fifo") };
    CHECK_EQ(mkfifo(o.path, 0600), 0);
    hk_tid tid = hk_spawn(HK_ROOT, open_fifo, &o);
    for (int i = 0; i < 20; i++) CHECK_EQ(hk_sleep(HK_US(500)), 0);
    CHECK(!o.done);
    int fd = hk_open(o.path, O_WRONLY, 0);
    CHECK(fd >= 0);
    hk_task_wait(tid, NULL);
    CHECK(o.fd >= 0);
    hk_close(fd);
    hk_close(o.fd);
    files_close(&f);
    return NULL;
}

/* ---- a close among operations ---- */

struct writer {
    int fd;
    const char *text;
    ssize_t result;
    bool done;
};

static void *write_text(void *arg)
{
    struct writer *w = arg;
    w->result = w->text != NULL ? hk_write(w->fd, w->text, strlen(w->text)) : hk_close(w->fd);
    w->done = true;
    return NULL;
}

static hk_tid start_writer(struct writer *w, int fd, const char *text)
{
    *w = (struct writer){ .fd = fd, .text = text };
    hk_tid tid = hk_spawn(HK_ROOT, write_text, w);
    net_settle();
    return tid;
}

/* The number means the same file until all that was begun on it is done. */
TASK_TEST(close_waits_for_operations_of_others)
{
    struct files f;
    struct offloader stuck[MOST];
    struct writer first, second, closer;
    struct stat st;
    int fd = files_make(&f);
    start(stuck, MOST);
    CHECK(await_begun(MOST));
    hk_tid tid = start_writer(&first, fd, "first");
    if (first.done) { /* the file system writes without waiting */
        end(stuck, MOST);
        hk_close(fd);
        files_close(&f);
        return NULL;
    }
    hk_tid tid2 = start_writer(&second, fd, "second");
    CHECK(!second.done);
    hk_tid tid3 = start_writer(&closer, fd, NULL);
    CHECK(!closer.done);
    CHECK(second.done);
    CHECK_EQ(second.result, -EBADF);
    CHECK_EQ(hk_close(fd), -EBADF);
    CHECK_EQ(hk_write(fd, "x", 1), -EBADF);
    CHECK_EQ(hk_pwrite(fd, "x", 1, 0), -EBADF);
    CHECK(fcntl(fd, F_GETFD) >= 0);
    end(stuck, MOST);
    hk_task_wait(tid, NULL);
    hk_task_wait(tid2, NULL);
    hk_task_wait(tid3, NULL);
    CHECK_EQ(first.result, 5);
    CHECK_EQ(closer.result, 0);
    CHECK_EQ(fcntl(fd, F_GETFD), -1);
    CHECK_EQ(stat(files_path(&f, "file"), &st), 0);
    CHECK_EQ(st.st_size, 5);
    files_close(&f);
    return NULL;
}

/* Each of a line of writers is killed once: it has written nothing, the others all. */
TASK_TEST(killed_writer_leaves_the_line)
{
    for (int victim = 0; victim < 4; victim++) {
        struct files f;
        struct offloader stuck[MOST];
        struct writer w[4];
        hk_tid tid[4];
        struct stat st;
        int fd = files_make(&f);
        is_open = false, begun = 0;
        start(stuck, MOST);
        CHECK(await_begun(MOST));
        for (int i = 0; i < 4; i++) tid[i] = start_writer(&w[i], fd, "12345");
        bool waits = !w[victim].done;
        hk_task_kill(tid[victim]);
        net_settle();
        if (waits) CHECK_EQ(w[victim].result, -ECANCELED);
        end(stuck, MOST);
        for (int i = 0; i < 4; i++) hk_task_wait(tid[i], NULL);
        CHECK_EQ(fstat(fd, &st), 0);
        CHECK_EQ(st.st_size, waits ? 15 : 20);
        hk_close(fd);
        files_close(&f);
    }
    return NULL;
}
