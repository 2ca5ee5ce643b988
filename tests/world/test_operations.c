/* SPDX-License-Identifier: MIT */
/* The contract of a world, continued: operations. Each has one DONE, whatever befalls it.
 *
 * The simulated world has one kind of operation, work, and no threads: the tests that it passes too
 * are in a part of their own. */
#include "support/faults.h"
#include "support/net.h"
#include "support/world.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST = 400, NOT_YET = -100000 };

/* What the operations of a test came to, by slot. */
static int64_t results[MOST];
static int dones;

static void begin(void)
{
    for (int i = 0; i < MOST; i++) results[i] = NOT_YET;
    dones = 0;
}

static void take(const hk__event *events, int count)
{
    for (int i = 0; i < count; i++) {
        if (!CHECK_EQ(events[i].kind, HK__EVENT_DONE)) continue;
        CHECK_EQ(results[events[i].ticket.slot], NOT_YET);
        CHECK_EQ(events[i].ticket.generation, events[i].ticket.slot + 7);
        results[events[i].ticket.slot] = events[i].result;
        dones++;
    }
}

static hk__ticket ticket(int slot) { return world_ticket(slot, (uint32_t)slot + 7); }

/* Waits until so many are done. */
static void await(hk__world *w, int count)
{
    hk__event events[16];
    for (int64_t limit = world_now(w) + HK_SEC(8); dones < count && world_now(w) < limit;)
        take(events, w->table->wait(w, events, 16, limit));
    CHECK_EQ(dones, count);
}

/* Until the world takes it. */
static void submit(hk__world *w, int slot, const hk__operation *o)
{
    hk__event events[16];
    int r;
    while ((r = w->table->submit(w, o, ticket(slot))) == -EAGAIN)
        take(events, w->table->wait(w, events, 16, INT64_MAX));
    CHECK_EQ(r, 0);
}

/* One by itself: its result. */
static int64_t perform(hk__world *w, const hk__operation *o)
{
    hk__event events[4];
    begin();
    submit(w, 3, o);
    await(w, 1);
    CHECK_EQ(w->table->wait(w, events, 4, 0), 0);
    return results[3];
}

static hk__operation transfer(int kind, int fd, struct iovec *vector, int count, int64_t offset)
{
    return (hk__operation){
        .kind = (uint8_t)kind, .fd = fd, .vector = vector, .count = count, .offset = offset
    };
}

static int64_t perform_path(hk__world *w, int kind, const char *path, const char *path2, int flags)
{
    hk__operation o = { .kind = (uint8_t)kind,
                        .fd = AT_FDCWD,
                        .path = path,
                        .path2 = path2,
                        .flags = flags,
                        .mode = 0600 };
    return perform(w, &o);
}

WORLD_TEST_REAL(operations_on_files)
{
    char directory[] = "/tmp/hocket-test-XXXXXX", path[64], other[64], a[4] = "", b[8] = "";
    CHECK(mkdtemp(directory) != NULL);
    snprintf(path, sizeof path, "%s/file", directory);
    snprintf(other, sizeof other, "%s/other", directory);

    CHECK_EQ(perform_path(w, HK__OP_OPEN, path, NULL, O_RDWR), -ENOENT);
    int fd = (int)perform_path(w, HK__OP_OPEN, path, NULL, O_RDWR | O_CREAT);
    if (!CHECK(fd >= 0)) return;
    CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);

    struct iovec two[] = { { (void *)"abc", 3 }, { (void *)"defgh", 5 } };
    hk__operation o = transfer(HK__OP_WRITE, fd, two, 2, 2);
    CHECK_EQ(perform(w, &o), 8);
    o = transfer(HK__OP_WRITE, fd, two, 1, -1); /* where the file stands, which is at its begin */
    CHECK_EQ(perform(w, &o), 3);
    o = transfer(HK__OP_READ, fd, (struct iovec[]){ { a, 3 }, { b, 2 } }, 2, -1);
    CHECK_EQ(perform(w, &o), 5);
    CHECK_STR(a, "bcd");
    o = transfer(HK__OP_READ, fd, &(struct iovec){ b, sizeof b }, 1, 5);
    CHECK_EQ(perform(w, &o), 5);
    CHECK(memcmp(b, "defgh", 5) == 0);
    o = transfer(HK__OP_READ, fd, &(struct iovec){ b, sizeof b }, 1, 100);
    CHECK_EQ(perform(w, &o), 0);
    o = transfer(HK__OP_READ, 999, &(struct iovec){ b, sizeof b }, 1, 0);
    CHECK_EQ(perform(w, &o), -EBADF);

    o = (hk__operation){ .kind = HK__OP_TRUNCATE, .fd = fd, .offset = 6 };
    CHECK_EQ(perform(w, &o), 0);
    for (int data = 0; data < 2; data++) {
        o = (hk__operation){ .kind = HK__OP_FSYNC, .fd = fd, .flags = data };
        CHECK_EQ(perform(w, &o), 0);
    }
    struct statx st;
    o = (hk__operation){ .kind = HK__OP_STAT, .fd = AT_FDCWD, .path = path, .statx = &st };
    CHECK_EQ(perform(w, &o), 0);
    CHECK_EQ(st.stx_size, 6);
    o = (hk__operation){
        .kind = HK__OP_STAT, .fd = fd, .path = "", .flags = AT_EMPTY_PATH, .statx = &st
    };
    CHECK_EQ(perform(w, &o), 0);
    CHECK_EQ(st.stx_mode, S_IFREG | 0600);
    close(fd);

    CHECK_EQ(perform_path(w, HK__OP_RENAME, path, other, 0), 0);
    CHECK_EQ(perform_path(w, HK__OP_UNLINK, path, NULL, 0), -ENOENT);
    CHECK_EQ(perform_path(w, HK__OP_MKDIR, path, NULL, 0), 0);
    CHECK_EQ(perform_path(w, HK__OP_MKDIR, path, NULL, 0), -EEXIST);
    CHECK_EQ(perform_path(w, HK__OP_RENAME, path, other, RENAME_NOREPLACE), -EEXIST);
    CHECK_EQ(perform_path(w, HK__OP_UNLINK, path, NULL, AT_REMOVEDIR), 0);
    CHECK_EQ(perform_path(w, HK__OP_UNLINK, other, NULL, 0), 0);
    CHECK_EQ(rmdir(directory), 0);
}

/* Room for a few: everything comes all the same, each once, cancelled or not. */
WORLD_TEST_REAL(more_operations_than_room)
{
    char path[] = "/tmp/hocket-test-XXXXXX";
    static char bytes[MOST];
    static struct iovec one[MOST];
    int fd = mkstemp(path);
    unlink(path);
    for (int i = 0; i < MOST; i++) {
        char c = (char)(i * 7);
        CHECK_EQ(pwrite(fd, &c, 1, i), 1);
    }
    begin();
    for (int i = 0; i < MOST; i++) {
        one[i] = (struct iovec){ &bytes[i], 1 };
        hk__operation o = transfer(HK__OP_READ, fd, &one[i], 1, i);
        if (i % 3 == 1) o = (hk__operation){ .kind = HK__OP_FSYNC, .fd = fd, .flags = 1 };
        submit(w, i, &o);
        if (i % 5 == 4 && results[i - 1] == NOT_YET) w->table->cancel(w, ticket(i - 1));
    }
    await(w, MOST);
    for (int i = 0; i < MOST; i++) {
        if (i % 5 == 3 && results[i] == -ECANCELED) continue;
        CHECK_EQ(results[i], i % 3 == 1 ? 0 : 1);
        if (i % 3 != 1) CHECK_EQ(bytes[i], (char)(i * 7));
    }
    close(fd);
}

/* ---- cancels ---- */

/* One read of a pipe, which must be told in full: the byte is delivered, or it is still there. */
static void check_read(int in, int64_t result, char got)
{
    char c = 0;
    if (result == 1) {
        CHECK_EQ(got, 'x');
        CHECK(!world_is_readable(in, 0));
    } else {
        CHECK_EQ(result, -ECANCELED);
        CHECK_EQ(read(in, &c, 1), 1);
        CHECK_EQ(c, 'x');
    }
}

/* when: 0: the byte is there first, 1: the cancel is, 2: and has been looked at, 3: no cancel. */
WORLD_TEST_REAL(cancel_against_completion)
{
    int fds[2];
    net_pipe(fds);
    for (int when = 0; when < 4; when++) {
        char c = 0;
        hk__event events[4];
        hk__operation o = transfer(HK__OP_READ, fds[0], &(struct iovec){ &c, 1 }, 1, -1);
        begin();
        if (when == 0) CHECK_EQ(write(fds[1], "x", 1), 1);
        submit(w, 3, &o);
        if (when == 0) usleep(1000);
        if (when == 2) take(events, w->table->wait(w, events, 4, world_now(w) + HK_MS(2)));
        if (when != 3) w->table->cancel(w, ticket(3));
        if (when == 2) take(events, w->table->wait(w, events, 4, world_now(w) + HK_MS(2)));
        if (when != 0) CHECK_EQ(write(fds[1], "x", 1), 1);
        await(w, 1);
        check_read(fds[0], results[3], c);
        CHECK_EQ(w->table->wait(w, events, 4, 0), 0);
    }
    close(fds[0]);
    close(fds[1]);
}

static void *write_later(void *arg)
{
    const int *at = arg;
    for (volatile int i = 0; i < at[1]; i++) {}
    CHECK_EQ(write(at[0], "x", 1), 1);
    return NULL;
}

WORLD_TEST_REAL(cancel_races_with_completion)
{
    int fds[2];
    net_pipe(fds);
    for (int round = 0; round < 150; round++) {
        char c = 0;
        pthread_t thread;
        hk__event events[4];
        hk__operation o = transfer(HK__OP_READ, fds[0], &(struct iovec){ &c, 1 }, 1, -1);
        begin();
        submit(w, 3, &o);
        w->table->peek(w, events, 4);
        int at[] = { fds[1], round * 300 };
        pthread_create(&thread, NULL, write_later, at);
        for (volatile int i = 0; i < 20000; i++) {}
        w->table->cancel(w, ticket(3));
        await(w, 1);
        pthread_join(thread, NULL);
        check_read(fds[0], results[3], c);
    }
    close(fds[0]);
    close(fds[1]);
}

/* A call that does not end by itself: cancelled, or done when its time has come; an interruption is
 * nobody's result. */
WORLD_TEST_REAL(cancel_of_an_open_that_waits)
{
    char directory[] = "/tmp/hocket-test-XXXXXX", path[64];
    CHECK(mkdtemp(directory) != NULL);
    snprintf(path, sizeof path, "%s/fifo", directory);
    CHECK_EQ(mkfifo(path, 0600), 0);
    for (int cancel = 0; cancel < 2; cancel++) {
        hk__event events[4];
        hk__operation o = { .kind = HK__OP_OPEN, .path = path, .flags = O_RDONLY };
        begin();
        submit(w, 3, &o);
        take(events, w->table->wait(w, events, 4, world_now(w) + HK_MS(5)));
        if (cancel) w->table->cancel(w, ticket(3));
        take(events, w->table->wait(w, events, 4, world_now(w) + HK_MS(5)));
        int writer = open(path, O_RDWR);
        await(w, 1);
        if (results[3] < 0) CHECK_EQ(results[3], cancel ? -ECANCELED : 0);
        if (results[3] >= 0) close((int)results[3]);
        close(writer);
    }
    unlink(path);
    rmdir(directory);
}

/* A slot is used again: a cancel of the one before does not concern it. */
WORLD_TEST_REAL(cancel_of_an_older_generation)
{
    int fds[2];
    char c = 0;
    net_pipe(fds);
    hk__operation o = transfer(HK__OP_READ, fds[0], &(struct iovec){ &c, 1 }, 1, -1);
    begin();
    submit(w, 3, &o);
    w->table->cancel(w, world_ticket(3, 9));
    CHECK_EQ(write(fds[1], "x", 1), 1);
    await(w, 1);
    CHECK_EQ(results[3], 1);
    close(fds[0]);
    close(fds[1]);
}

/* The kernel says that it could not do it in this way: then it is done in another, unless it has
 * been cancelled. */
WORLD_TEST_REAL(what_the_kernel_puts_off_is_done)
{
    static const int reasons[] = { -EAGAIN, -EINTR, -512, -513, -514, -516 };
    const bool in_ring = strcmp(w->table->name, "uring") == 0;
    char path[] = "/tmp/hocket-test-XXXXXX", buf[4];
    int fd = mkstemp(path);
    for (int i = 0; i < 6; i++) {
        faults_put_off = reasons[i];
        faults_put_off_count = in_ring ? 5 : 0;
        hk__operation o = transfer(HK__OP_WRITE, fd, &(struct iovec){ (void *)"abcd", 4 }, 1, i);
        CHECK_EQ(perform(w, &o), 4);
        o = transfer(HK__OP_READ, fd, &(struct iovec){ buf, 4 }, 1, i);
        CHECK_EQ(perform(w, &o), 4);
        CHECK_EQ(memcmp(buf, "abcd", 4), 0);
        o = (hk__operation){ .kind = HK__OP_FSYNC, .fd = fd };
        CHECK_EQ(perform(w, &o), 0);
        int other = (int)perform_path(w, HK__OP_OPEN, "/dev/null", NULL, O_RDONLY);
        CHECK(other >= 0);
        /* Their own number: the open that the kernel had done all the same. */
        if (in_ring) close(other - 1);
        close(other);
        o = transfer(HK__OP_READ, fd, &(struct iovec){ buf, 4 }, 1, 0);
        begin();
        submit(w, 3, &o);
        w->table->cancel(w, ticket(3));
        await(w, 1);
        CHECK(in_ring ? results[3] == -ECANCELED : results[3] == 4 || results[3] == -ECANCELED);
        CHECK_EQ(faults_put_off_count, 0);
    }
    close(fd);
    unlink(path);
}

/* More cancels at once than a small ring has room for. */
WORLD_TEST_REAL(many_cancels)
{
    enum { READS = 12 }; /* the threads of the pool bound what can wait at once */
    int fds[READS][2];
    char bytes[READS] = "";
    struct iovec one[READS];
    begin();
    for (int i = 0; i < READS; i++) {
        net_pipe(fds[i]);
        one[i] = (struct iovec){ &bytes[i], 1 };
        hk__operation o = transfer(HK__OP_READ, fds[i][0], &one[i], 1, -1);
        submit(w, i, &o);
    }
    for (int i = 0; i < READS; i++) w->table->cancel(w, ticket(i));
    for (int i = 0; i < READS; i++) CHECK_EQ(write(fds[i][1], "x", 1), 1);
    await(w, READS);
    for (int i = 0; i < READS; i++) {
        check_read(fds[i][0], results[i], bytes[i]);
        close(fds[i][0]);
        close(fds[i][1]);
    }
}

/* ---- work ---- */

static void *add_one(void *argument) { return hk_val(hk_num(argument) + 1); }

static int gate[2];
static int begun;

static void *wait_at_the_gate(void *argument)
{
    char c;
    __atomic_fetch_add(&begun, 1, __ATOMIC_SEQ_CST);
    CHECK_EQ(read(gate[0], &c, 1), 1);
    return argument;
}

static hk__operation work(void *(*fn)(void *argument), intptr_t argument)
{
    return (hk__operation){ .kind = HK__OP_WORK, .work = fn, .argument = hk_val(argument) };
}

WORLD_TEST(work_is_done)
{
    begin();
    for (int i = 0; i < 100; i++) {
        hk__operation o = work(add_one, i * 10);
        submit(w, i, &o);
    }
    await(w, 100);
    for (int i = 0; i < 100; i++) CHECK_EQ(results[i], i * 10 + 1);
}

static bool has_run[8];

static void *mark(void *argument)
{
    has_run[hk_num(argument)] = true;
    return argument;
}

/* One DONE, which says what happened. */
WORLD_TEST(cancel_against_work)
{
    for (int cancel = 0; cancel < 2; cancel++) {
        hk__event events[4];
        hk__operation o = work(mark, 1);
        has_run[1] = false;
        begin();
        submit(w, 3, &o);
        if (cancel) w->table->cancel(w, ticket(3));
        await(w, 1);
        if (!cancel) CHECK_EQ(results[3], 1);
        if (cancel) CHECK(results[3] == 1 || results[3] == -ECANCELED);
        CHECK_EQ(has_run[1], results[3] == 1);
        CHECK_EQ(w->table->wait(w, events, 4, world_now(w) + HK_MS(1)), 0);
    }
}

/* The slot is used again: what is said of another generation, or of another slot, is not of it. */
WORLD_TEST(cancel_of_older_work)
{
    hk__operation o = work(mark, 1);
    begin();
    submit(w, 3, &o);
    w->table->cancel(w, world_ticket(3, 9));
    w->table->cancel(w, world_ticket(4, 10));
    await(w, 1);
    CHECK_EQ(results[3], 1);
    for (int i = 0; i < 20; i++) {
        begin();
        submit(w, 3, &o);
        w->table->cancel(w, world_ticket(3, 11));
        await(w, 1);
        CHECK_EQ(results[3], 1);
    }
}

/* Some may be done, or under way, while the first was taken; what ran is what says so. */
WORLD_TEST(cancel_of_what_waits_to_be_taken)
{
    hk__event event;
    begin();
    for (int i = 0; i < 8; i++) {
        hk__operation o = work(mark, i);
        submit(w, i, &o);
    }
    while (dones == 0) take(&event, w->table->wait(w, &event, 1, INT64_MAX));
    for (int i = 0; i < 8; i++)
        if (results[i] == NOT_YET) w->table->cancel(w, ticket(i));
    await(w, 8);
    for (int i = 0; i < 8; i++) CHECK_EQ(results[i], has_run[i] ? i : -ECANCELED);
}

/* Of many some are cancelled: those alone. */
WORLD_TEST(cancel_of_some_work)
{
    begin();
    for (int i = 0; i < 100; i++) {
        hk__operation o = work(add_one, i);
        submit(w, i, &o);
        if (i % 3 == 0 && results[i] == NOT_YET) w->table->cancel(w, ticket(i));
    }
    await(w, 100);
    for (int i = 0; i < 100; i++)
        CHECK(results[i] == i + 1 || (i % 3 == 0 && results[i] == -ECANCELED));
}

static void *wakes(void *argument)
{
    hk__world *w = argument;
    w->table->wake(w);
    return hk_val(7);
}

/* During a wait, by work: the next one may be short, and the one after that is not. */
WORLD_TEST(wake_by_work)
{
    hk__event events[4];
    hk__operation o = { .kind = HK__OP_WORK, .work = wakes, .argument = w };
    begin();
    submit(w, 0, &o);
    await(w, 1);
    CHECK_EQ(results[0], 7);
    w->table->wait(w, events, 4, world_now(w) + HK_MS(1));
    int64_t until = world_now(w) + HK_MS(3);
    CHECK_EQ(w->table->wait(w, events, 4, until), 0);
    CHECK(world_now(w) >= until);
}

/* Work that has begun goes on; work that has not never does. */
WORLD_TEST_REAL(cancel_of_work)
{
    enum { ALL = 40 };
    net_pipe(gate);
    begun = 0;
    begin();
    for (int i = 0; i < ALL; i++) {
        hk__operation o = work(wait_at_the_gate, i);
        submit(w, i, &o);
    }
    while (__atomic_load_n(&begun, __ATOMIC_SEQ_CST) < 16) usleep(100);
    for (int i = 0; i < ALL; i++) w->table->cancel(w, ticket(i));
    await(w, ALL - 16);
    for (int i = 0; i < 16; i++) CHECK_EQ(write(gate[1], "x", 1), 1);
    await(w, ALL);
    CHECK_EQ(begun, 16);
    int cancelled = 0;
    for (int i = 0; i < ALL; i++) {
        CHECK(results[i] == i || results[i] == -ECANCELED);
        cancelled += results[i] == -ECANCELED;
    }
    CHECK_EQ(cancelled, ALL - 16);
    close(gate[0]);
    close(gate[1]);
}

/* ---- a foreign loop ---- */

/* What it waits for shows in the descriptor, and is gone when it was taken. */
static void shows(hk__world *w, int count)
{
    hk__event events[4];
    int fd = w->table->descriptor(w), got = 0;
    while (got < count && CHECK(world_is_readable(fd, 5000))) {
        int n = w->table->wait(w, events, 4, 0);
        take(events, n);
        got += n;
    }
    CHECK_EQ(dones, count);
    for (int i = 0; i < 10 && world_is_readable(fd, 0); i++) w->table->wait(w, events, 4, 0);
    CHECK(!world_is_readable(fd, 0));
}

WORLD_TEST_REAL(descriptor_shows_operations)
{
    char path[] = "/tmp/hocket-test-XXXXXX";
    int fd = mkstemp(path);
    CHECK(!world_is_readable(w->table->descriptor(w), 0));
    unlink(path);
    begin();
    for (int i = 0; i < 11; i++) { /* more than are taken at once */
        hk__operation o = { .kind = HK__OP_FSYNC, .fd = fd };
        submit(w, i, &o);
    }
    shows(w, 11);
    begin();
    for (int i = 0; i < 11; i++) {
        hk__operation o = work(add_one, i);
        submit(w, i, &o);
    }
    shows(w, 11);
    close(fd);
}

static void *add_one_later(void *argument)
{
    usleep(20000);
    return add_one(argument);
}

/* The wake-up is for the wait that is under way: it takes what came, or leaves it to be seen. */
WORLD_TEST_REAL(descriptor_shows_what_ends_during_a_wait)
{
    hk__event event;
    hk__operation o = work(add_one_later, 1);
    int fd = w->table->descriptor(w);
    begin();
    submit(w, 0, &o);
    for (int64_t limit = world_now(w) + HK_SEC(8); dones == 0 && world_now(w) < limit;) {
        int n = w->table->wait(w, &event, 1, limit);
        take(&event, n);
        if (n == 0 && !CHECK(world_is_readable(fd, 0))) break;
    }
    CHECK_EQ(results[0], 2);
}

WORLD_TEST_REAL(descriptor_shows_what_was_cancelled)
{
    net_pipe(gate);
    begun = 0;
    begin();
    CHECK(w->table->descriptor(w) >= 0);
    for (int i = 0; i < 20; i++) {
        hk__operation o = work(wait_at_the_gate, i);
        submit(w, i, &o);
    }
    while (__atomic_load_n(&begun, __ATOMIC_SEQ_CST) < 16) usleep(100);
    for (int i = 0; i < 20; i++) w->table->cancel(w, ticket(i));
    shows(w, 4);
    for (int i = 0; i < 16; i++) CHECK_EQ(write(gate[1], "x", 1), 1);
    await(w, 20);
    close(gate[0]);
    close(gate[1]);
}

static void *wake_soon(void *arg)
{
    hk__world *w = arg;
    usleep(2000);
    w->table->wake(w);
    return NULL;
}

/* It is asleep when they come. */
WORLD_TEST_REAL(descriptor_wakes_a_foreign_loop)
{
    int fds[2], pair[2];
    char c = 0;
    pthread_t thread;
    hk__event events[4];
    CHECK(!world_is_readable(w->table->descriptor(w), 0));
    pthread_create(&thread, NULL, wake_soon, w);
    CHECK(world_is_readable(w->table->descriptor(w), 5000));
    CHECK_EQ(w->table->wait(w, events, 4, 0), 0);
    pthread_join(thread, NULL);

    net_pipe(fds);
    hk__operation o = transfer(HK__OP_READ, fds[0], &(struct iovec){ &c, 1 }, 1, -1);
    begin();
    submit(w, 3, &o);
    int at[] = { fds[1], 1000000 };
    pthread_create(&thread, NULL, write_later, at);
    shows(w, 1);
    pthread_join(thread, NULL);

    net_local_pair(SOCK_STREAM, pair);
    CHECK_EQ(w->table->watch(w, pair[0], HK__READABLE, world_ticket(pair[0], 1)), 0);
    at[0] = pair[1];
    pthread_create(&thread, NULL, write_later, at);
    CHECK(world_is_readable(w->table->descriptor(w), 5000));
    CHECK_EQ(world_look(w, 0, world_ticket(pair[0], 1), NULL), HK__READABLE);
    pthread_join(thread, NULL);
    w->table->unwatch(w, pair[0], world_ticket(pair[0], 1));
    for (int i = 0; i < 2; i++) {
        close(fds[i]);
        close(pair[i]);
    }
}

/* Both ways at once: a wait that sleeps although somebody else watches the descriptor. */
WORLD_TEST_REAL(wake_of_a_wait_beside_a_foreign_loop)
{
    pthread_t thread;
    hk__event events[4];
    CHECK(!world_is_readable(w->table->descriptor(w), 0));
    for (int i = 0; i < 10; i++) {
        if (i % 2 == 0) w->table->wake(w);
        if (i % 2 == 1) pthread_create(&thread, NULL, wake_soon, w);
        CHECK_EQ(w->table->wait(w, events, 4, INT64_MAX), 0);
        if (i % 2 == 1) pthread_join(thread, NULL);
    }
    w->table->wait(w, events, 4, 0);
    int64_t until = world_now(w) + HK_MS(3);
    CHECK_EQ(w->table->wait(w, events, 4, until), 0);
    CHECK(world_now(w) >= until);
}

/* Something else takes an event out of the kernel: it is not forgotten. */
WORLD_TEST_REAL(descriptor_shows_what_unwatch_came_upon)
{
    int fds[2], others[2];
    net_local_pair(SOCK_STREAM, fds);
    net_local_pair(SOCK_STREAM, others);
    CHECK(w->table->descriptor(w) >= 0);
    CHECK_EQ(w->table->watch(w, fds[0], HK__READABLE, world_ticket(fds[0], 1)), 0);
    CHECK_EQ(w->table->watch(w, others[0], HK__READABLE, world_ticket(others[0], 1)), 0);
    CHECK_EQ(write(fds[1], "x", 1), 1);
    w->table->unwatch(w, others[0], world_ticket(others[0], 1));
    CHECK(world_is_readable(w->table->descriptor(w), 1000));
    CHECK_EQ(world_look(w, 0, world_ticket(fds[0], 1), NULL), HK__READABLE);
    w->table->unwatch(w, fds[0], world_ticket(fds[0], 1));
    for (int i = 0; i < 2; i++) {
        close(fds[i]);
        close(others[i]);
    }
}

/* A poll has failed, and the next one too: it is made again, though a foreign loop sleeps and
 * nothing else happens. */
WORLD_TEST_REAL(failed_poll_beside_a_foreign_loop)
{
    int fds[2];
    if (strcmp(w->table->name, "uring") != 0) return;
    net_local_pair(SOCK_STREAM, fds);
    hk__ticket t = world_ticket(fds[0], 1);
    int fd = w->table->descriptor(w);
    CHECK_EQ(w->table->watch(w, fds[0], HK__READABLE, t), 0);
    faults_polls = 2;
    CHECK_EQ(write(fds[1], "x", 1), 1);
    unsigned ready = 0; /* after a failure more is said than is true: whoever waits is to try */
    while (ready != HK__READABLE && CHECK(world_is_readable(fd, 5000)))
        ready = world_look(w, 0, t, NULL);
    CHECK_EQ(faults_polls, 0);
    w->table->unwatch(w, fds[0], t);
    close(fds[0]);
    close(fds[1]);
}
