/* SPDX-License-Identifier: MIT */
/* Scopes over input and output: a wait is cut by a cancel, by a deadline, and where nothing may
 * wait; what has begun says what it did, and the next call is cancelled (SEMANTICS 6, case 63). */
#include "support/files.h"
#include "support/proc.h"
#include "support/spy.h"

#include <signal.h>
#include <stdlib.h>

/* ---- calls that wait, and what makes that needless ---- */

static int pair[2], listener, queued[2], filled[2];
static char address[64];
static hk_signals *signals;
static hk_proc *proc;

static ssize_t reads(void)
{
    char c;
    return hk_read(pair[0], &c, 1);
}
static ssize_t receives(void)
{
    char c;
    return hk_recv(pair[0], &c, 1, 0);
}
static ssize_t waits_for_fd(void) { return hk_fd_wait(pair[0], HK_READ); }
static void gives_byte(void) { CHECK_EQ(write(pair[1], "x", 1), 1); }
static void takes_byte(void)
{
    char c;
    CHECK_EQ(read(pair[0], &c, 1), 1);
}

static ssize_t accepts(void)
{
    int fd = hk_accept(listener, NULL, NULL);
    return fd >= 0 ? hk_close(fd) : fd;
}
static void connects(void)
{
    struct sockaddr_in to;
    socklen_t size = sizeof to;
    getsockname(listener, (struct sockaddr *)&to, &size);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_EQ(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    close(fd);
}

/* The queue of what it dials is full. */
static ssize_t dials(void)
{
    int fd = hk_net_dial(address);
    return fd >= 0 ? hk_close(fd) : fd;
}

/* And of this one's peer. */
static ssize_t writes(void) { return hk_write(filled[1], "x", 1); }
static void empties(void)
{
    static char buf[1 << 16];
    while (recv(filled[0], buf, sizeof buf, MSG_DONTWAIT) > 0) {}
}

static ssize_t waits_for_signal(void)
{
    int r = hk_signals_wait(signals);
    return r > 0 ? 0 : r;
}
static void raises(void) { raise(SIGUSR1); }

static ssize_t waits_for_process(void) { return hk_proc_wait(proc, NULL); }
static void ends_process(void)
{
    hk_close(proc->in);
    proc->in = -1;
    CHECK_EQ(hk_proc_wait(proc, NULL), 0);
}

static const struct {
    const char *name;
    ssize_t (*call)(void);
    void (*give)(void);
    void (*after)(void); /* takes what a call has left */
    ssize_t result;
} waits[] = {
    { "read", reads, gives_byte, NULL, 1 },
    { "recv", receives, gives_byte, NULL, 1 },
    { "fd_wait", waits_for_fd, gives_byte, takes_byte, 0 },
    { "accept", accepts, connects, NULL, 0 },
    { "dial", dials, NULL, NULL, 0 },
    { "write", writes, empties, NULL, 1 },
    { "signals_wait", waits_for_signal, raises, NULL, 0 },
    { "proc_wait", waits_for_process, ends_process, NULL, 0 },
};

static void open_all(void)
{
    struct sockaddr_in in;
    int silent = net_listen(&in, 0);
    for (int i = 0; i < 2; i++) {
        queued[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        connect(queued[i], (struct sockaddr *)&in, sizeof in);
    }
    snprintf(address, sizeof address, "tcp:127.0.0.1:%d", ntohs(in.sin_port));
    CHECK_EQ(dup2(silent, 200), 200);
    close(silent);
    listener = net_listen(&in, 8);
    net_local_pair(SOCK_STREAM, pair);
    net_local_pair(SOCK_STREAM, filled);
    static char buf[1 << 16];
    while (send(filled[1], buf, sizeof buf, MSG_DONTWAIT) > 0) {}
    while (send(filled[1], buf, 1, MSG_DONTWAIT) > 0) {}
    CHECK_EQ(hk_proc_start(proc, &(hk_proc_options){ .argv = (const char *const[]){ "cat", NULL },
                                                     .in = HK_PIPE,
                                                     .out = HK_NULL }),
             0);
}

static void close_all(void)
{
    for (int i = 0; i < 2; i++) {
        hk_close(pair[i]);
        hk_close(filled[i]);
        close(queued[i]);
    }
    close(200);
    hk_close(listener);
}

static void expect(size_t i, ssize_t r, ssize_t wanted)
{
    if (r != wanted) test_fail("%s: %zd, not %zd", waits[i].name, r, wanted);
}

/* ---- cut by whom ---- */

static struct {
    size_t i;
    hk_scope *scope;
    ssize_t result, next;
} cut;

static void *waits_in_scope(void *arg)
{
    HK_SCOPE(s, HK_FOREVER);
    cut.scope = &s;
    cut.result = waits[cut.i].call();
    cut.next = waits[cut.i].call();
    CHECK_EQ(hk_scope_close(&s, cut.result), cut.result);
    return arg;
}

static void by_cancel(size_t i)
{
    cut.i = i;
    cut.result = 1;
    hk_tid tid = hk_spawn(HK_ROOT, waits_in_scope, NULL);
    net_settle();
    expect(i, cut.result, 1);
    hk_scope_cancel(cut.scope, "a test");
    hk_task_wait(tid, NULL);
    expect(i, cut.result, -ECANCELED);
    expect(i, cut.next, -ECANCELED);
}

static void by_time(size_t i, int64_t timeout, ssize_t wanted)
{
    HK_SCOPE(limit, timeout);
    ssize_t r = waits[i].call();
    expect(i, r, wanted);
    expect(i, hk_scope_close(&limit, r), wanted < 0 ? -ETIMEDOUT : wanted);
    if (wanted >= 0 && waits[i].after != NULL) waits[i].after();
}

PROC_TEST(every_wait_is_cut_and_what_is_there_is_not_lost)
{
    HK_SIGNALS(s, SIGUSR1);
    HK_PROC(p);
    signals = &s;
    proc = &p;
    open_all();
    for (size_t i = 0; i < HK_LEN(waits); i++) {
        by_cancel(i);
        by_time(i, HK_US(1), -ECANCELED);
        by_time(i, 0, -ECANCELED);
        by_time(i, -1, -ECANCELED);
        if (waits[i].give == NULL) continue;
        waits[i].give();
        by_time(i, -1, -ECANCELED); /* refused, though it is there */
        /* The kernel knows of it; signals and the ends of children must be seen by the loop. */
        if (waits[i].call == waits_for_signal || waits[i].call == waits_for_process) net_settle();
        by_time(i, 0, waits[i].result);
    }
    close_all();
    return NULL;
}

/* ---- what has begun ---- */

enum { BIG = 4 << 20 };

static struct {
    hk_scope *scope;
    ssize_t first, second, closed;
} writer;

static void *writes_big(void *timeout)
{
    char *bytes = calloc(1, BIG);
    HK_SCOPE(s, hk_num(timeout));
    writer.scope = &s;
    writer.first = hk_write(pair[1], bytes, BIG);
    writer.second = hk_write(pair[1], bytes, 1);
    writer.closed = hk_scope_close(&s, writer.second);
    free(bytes);
    return NULL;
}

TASK_TEST(a_write_that_has_begun_says_how_far_it_came)
{
    static char buf[1 << 16];
    const int64_t timeouts[] = { HK_FOREVER, HK_MS(1), 0 };
    for (size_t i = 0; i < HK_LEN(timeouts); i++) {
        net_local_pair(SOCK_STREAM, pair);
        hk_tid tid = hk_spawn(HK_ROOT, writes_big, hk_val(timeouts[i]));
        net_settle();
        if (timeouts[i] == HK_FOREVER) hk_scope_cancel(writer.scope, "a test");
        hk_task_wait(tid, NULL);
        CHECK(writer.first > 0 && writer.first < BIG);
        CHECK_EQ(writer.second, -ECANCELED);
        CHECK_EQ(writer.closed, timeouts[i] == HK_FOREVER ? -ECANCELED : -ETIMEDOUT);
        ssize_t n, got = 0;
        while ((n = recv(pair[0], buf, sizeof buf, MSG_DONTWAIT)) > 0) got += n;
        CHECK_EQ(got, writer.first);
        hk_close(pair[0]);
        hk_close(pair[1]);
    }
    return NULL;
}

/* ---- files: the operation is done when the cancel comes, and nobody knows yet ---- */

static hk_scope *armed;
static bool shot;

static void cancel_when_done(enum spy_point point, int kind, int64_t *result)
{
    (void)kind, (void)result;
    if (point != SPY_DONE || armed == NULL) return;
    hk_scope *s = armed;
    armed = NULL;
    shot = true;
    hk_scope_cancel(s, "it is done");
}

TASK_TEST(what_a_file_has_done_counts_and_the_next_call_is_cancelled)
{
    static char buf[FILES_PAGE];
    struct files f;
    int fd = files_make_pages(&f, 1);
    spy_start(cancel_when_done);
    for (int i = 0; i < 2; i++) {
        HK_SCOPE(s, HK_FOREVER);
        armed = &s;
        shot = false;
        CHECK_EQ(i == 0 ? hk_fsync(fd) : hk_pread(fd, buf, sizeof buf, 0), i == 0 ? 0 : FILES_PAGE);
        CHECK(shot || i == 1); /* a page may be in the kernel's cache */
        armed = NULL;
        CHECK_EQ(hk_fsync(fd), shot ? -ECANCELED : 0);
        CHECK_EQ(hk_pread(fd, buf, sizeof buf, 0), shot ? -ECANCELED : FILES_PAGE);
        hk_scope_close(&s, 0);
    }
    hk_close(fd);
    files_close(&f);
    return NULL;
}

TASK_TEST(where_nothing_may_wait_a_file_is_done_or_not)
{
    static char buf[FILES_PAGE];
    struct files f;
    int fd = files_make_pages(&f, 1);
    for (int i = 0; i < 2; i++) {
        HK_SCOPE(now, 0);
        ssize_t wanted = i == 0 ? 0 : FILES_PAGE;
        ssize_t r = i == 0 ? hk_fsync(fd) : hk_pread(fd, buf, sizeof buf, 0);
        CHECK(r == -ECANCELED || r == wanted);
        CHECK_EQ(hk_scope_close(&now, r), r == wanted ? wanted : -ETIMEDOUT);
    }
    CHECK_EQ(hk_close(fd), 0);
    files_close(&f);
    return NULL;
}

/* ---- a function on the pool: what works with the caller's things is waited for ---- */

static int gate[2];
static bool begun;

static void *waits_at_gate(void *arg)
{
    char c;
    __atomic_store_n(&begun, true, __ATOMIC_RELEASE);
    return read(gate[0], &c, 1) == 1 ? arg : hk_val(-EIO);
}

static struct {
    hk_scope *scope;
    void *result;
    int next;
    bool done;
} offloader;

static void *offloads(void *arg)
{
    HK_SCOPE(s, HK_FOREVER);
    offloader.scope = &s;
    offloader.result = hk_offload(waits_at_gate, arg);
    offloader.next = hk_sched_yield();
    offloader.done = true;
    hk_scope_close(&s, 0);
    return NULL;
}

TASK_TEST(a_function_on_the_pool_is_waited_for_and_its_value_counts)
{
    net_pipe(gate);
    hk_tid tid = hk_spawn(HK_ROOT, offloads, &offloader);
    while (!__atomic_load_n(&begun, __ATOMIC_ACQUIRE)) hk_sleep(HK_US(100));
    hk_scope_cancel(offloader.scope, "a test");
    net_settle();
    CHECK(!offloader.done);
    CHECK_EQ(write(gate[1], "x", 1), 1);
    hk_task_wait(tid, NULL);
    CHECK_EQ(offloader.result, &offloader);
    CHECK_EQ(offloader.next, -ECANCELED);
    close(gate[0]);
    close(gate[1]);
    return NULL;
}
