/* SPDX-License-Identifier: MIT */
/* No failure of an allocation or of a system call is fatal: a scenario that uses everything is run
 * once for every n, with the n-th such call failing. It must come to its end, leave no block and no
 * descriptor behind, and tell the failure to somebody; what must not happen is a crash, a hang, or
 * a task that was never heard of again. */
#include <hocket.h>

#include "harness/harness.h"
#include "support/faults.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int errors, started, ended;
static bool stuck;
static const hk_world *world;

static void saw(intptr_t r)
{
    if (r < 0) errors++;
}
static void on_end(void *arg) { ++*(int *)arg; }

static void *generator(void *arg)
{
    (void)arg;
    saw(hk_at_end(on_end, &ended));
    started++;
    for (int i = 0; i < 3; i++) {
        saw(hk_sleep(1));
        if (hk_is_err(hk_yield(hk_val(i)))) break;
    }
    return hk_val(hk_fail(-EIO, "generator %d", 1));
}

static void *consumer(void *arg)
{
    HK_CORO(gen, generator, arg, &(hk_coro_options){ .arg_size = 0 });
    if (gen == NULL) {
        saw(-ENOMEM);
        return NULL;
    }
    void *item;
    int r;
    while ((r = hk_coro_next(gen, &item)) > 0) saw(hk_task_name("consumer %d", (int)hk_num(item)));
    saw(r);
    return NULL;
}

static void *echo(void *arg)
{
    HK_FD(fd, (int)hk_num(arg));
    char buf[64];
    ssize_t n;
    while ((n = hk_read(fd, buf, sizeof buf)) > 0)
        if ((n = hk_write(fd, buf, (size_t)n)) < 0) break;
    saw(n);
    return NULL;
}

static void *client(void *arg)
{
    HK_FD(fd, socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    int r = hk_connect(fd, arg, sizeof(struct sockaddr_in));
    char buf[8];
    if (r == 0 && (r = (int)hk_send(fd, "hello", 5, 0)) == 5) {
        saw(hk_shutdown(fd, SHUT_WR));
        while ((r = (int)hk_recv(fd, buf, sizeof buf, 0)) > 0) {}
    }
    saw(r);
    return NULL;
}

struct listening {
    int fd;
    struct sockaddr_in address;
};
static void *server(void *arg)
{
    struct listening *l = arg;
    hk_tid tid = hk_spawn(HK_ROOT, client, &l->address);
    if (tid < 0) return hk_val(tid);
    int fd = hk_accept(l->fd, NULL, NULL);
    if (fd < 0) return hk_val(fd);
    tid = hk_spawn(HK_ROOT, echo, hk_val(fd));
    if (tid < 0) hk_close(fd);
    return hk_val(tid < 0 ? tid : 0);
}

/* A task that would wait for what the fault has prevented is ended by this one. */
static void *watchdog(void *arg)
{
    for (int i = 0; i < 100 && hk_sched_tasks(arg, NULL, 0) > 1; i++) saw(hk_sleep(HK_MS(1)));
    stuck = hk_sched_tasks(arg, NULL, 0) > 1;
    hk_sched_stop(arg, 0);
    return NULL;
}

static void *pipes(void *arg)
{
    int *fd = arg;
    char byte;
    saw(hk_write(fd[1], "x", 1));
    saw(hk_read(fd[0], &byte, 1));
    return NULL;
}

static void *nothing(void *arg) { return arg; }

static void *operations(void *arg)
{
    char path[] = "/tmp/hocket-test-XXXXXX", buf[8];
    struct stat st;
    int made = mkstemp(path);
    HK_FD(fd, hk_open(path, O_RDWR, 0));
    saw(fd);
    saw(hk_write(fd, "hello", 5));
    saw(hk_pwrite(fd, "hello", 5, 5));
    saw(hk_fsync(fd));
    saw(hk_pread(fd, buf, sizeof buf, 1));
    saw(hk_stat(path, &st));
    saw(hk_unlink(path));
    unlink(path);
    close(made);
    return arg;
}

static void *files(void *arg)
{
    char buf[64];
    hk_dir_entry entry;
    saw(hk_num(hk_offload(nothing, arg)));
    HK_FD(fd, hk_open("/proc/self/limits", O_RDONLY, 0));
    saw(fd);
    saw(hk_read(fd, buf, sizeof buf));
    saw(hk_pread(fd, buf, sizeof buf, 10));
    saw(hk_file_copy(fd, -1, NULL) == -EBADF ? 0 : -EIO);
    HK_DIR(dir, "/dev");
    saw(hk_dir_next(&dir, &entry));
    return NULL;
}

static void post(void *arg) { ++*(int *)arg; }
static void unhandled(const hk_failure *failure) { saw(failure->error); }

static int scenario(struct listening *l, int *pipe_fds)
{
    hk_sched *s = hk_sched_create(
        &(hk_run_options){ .grace = HK_MS(200), .unhandled = unhandled, .world = world });
    if (s == NULL) return -ENOMEM;
    int posted = 0, made = 0;
    hk_tid r[5];
    hk_tid f = hk_sched_spawn(s, files, NULL);
    saw(f);
    saw(hk_sched_spawn(s, operations, NULL));
    made += (r[0] = hk_sched_spawn(s, consumer, NULL)) > 0;
    made += (r[1] = hk_sched_spawn(s, server, l)) > 0;
    made += (r[2] = hk_sched_spawn(s, pipes, pipe_fds)) > 0;
    made += (r[3] = hk_sched_spawn(s, watchdog, s)) > 0;
    for (int i = 0; i < 4; i++) saw(r[i]);
    saw(hk_sched_post(s, post, &posted));
    saw(r[3] < 0 ? 0 : hk_sched_run(s));
    hk_sched_destroy(s);
    return made;
}

static bool run_with_fault(int n, const char **ret_name)
{
    struct listening l = { .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
                           .address = { .sin_family = AF_INET,
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK) } };
    socklen_t size = sizeof l.address;
    CHECK_EQ(bind(l.fd, (struct sockaddr *)&l.address, size), 0);
    CHECK_EQ(listen(l.fd, 4), 0);
    getsockname(l.fd, (struct sockaddr *)&l.address, &size);
    int fds[2];
    CHECK_EQ(pipe(fds), 0);
    errors = started = ended = 0;
    stuck = false;
    faults_arm(n);
    int made = scenario(&l, fds);
    bool failed = faults_disarm(ret_name);
    CHECK(ended == started || errors > 0);
    CHECK(made < 0 || made + errors >= 4);
    close(l.fd);
    close(fds[0]);
    close(fds[1]);
    return failed;
}

static void every_call_fails_once(void)
{
    const char *name;
    for (int warm = 0; warm < 2; warm++) run_with_fault(warm, &name); /* what is kept for ever */
    faults_arm(0);
    hk_fail(-EIO, "the text of a thread's last failure is, too");
    faults_disarm(&name);
    int kept = faults_blocks();
    run_with_fault(0, &name);
    const int usual = errors;
    int n = 1;
    while (run_with_fault(n, &name)) {
        if (faults_blocks() > kept) {
            test_fail("call %d (%s) failed: %d blocks are left over", n, name,
                      faults_blocks() - kept);
            kept = faults_blocks();
        }
        /* That the kernel takes nothing now is nobody's failure: what comes is only later. */
        if (strcmp(name, "io_uring_enter2") == 0 && (errors != usual || stuck))
            test_fail("call %d (%s) failed: %d errors, %d usual; stuck: %d", n, name, errors, usual,
                      stuck);
        printf("%s ", name);
        n++;
    }
    printf("%d calls failed, one at a time\n", n - 1);
    CHECK(n > 20);
}

TEST(no_failed_allocation_or_system_call_is_fatal, .seconds = 60)
{
    static const int reasons[] = { EINTR, EBUSY, EAGAIN, ENOMEM };
    for (int i = 0; i < 4; i++) {
        faults_enter_error = reasons[i];
        every_call_fails_once();
    }
}

TEST(no_failed_call_is_fatal_on_epoll, .seconds = 60)
{
    world = hk_world_epoll();
    every_call_fails_once();
}

/* The thread's and the process's first use: nothing is warm. */
TEST(no_failure_at_the_first_use_is_fatal, .seconds = 60)
{
    for (int n = 1; n < 40; n++) {
        fflush(NULL);
        pid_t child = fork();
        if (child == 0) {
            const char *name;
            run_with_fault(n, &name);
            _exit(0);
        }
        int status = -1;
        while (waitpid(child, &status, 0) < 0) {}
        if (status != 0) test_fail("the first run, with call %d failing, ended with %x", n, status);
    }
}
