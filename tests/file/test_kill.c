/* SPDX-License-Identifier: MIT */
/* Files and what goes wrong: a kill at each step that the world makes for a task, syncs that fail.
 *
 * Steps are counted, not timed: each direct transfer, each operation begun, each operation done but
 * not yet told. The job runs once for each of them, until it ends before it is killed. */
#include "support/files.h"
#include "support/spy.h"
#include "support/tools.h"

/* ---- a kill at every point ---- */

static struct {
    hk_sched *sched;
    hk_tid victim; /* 0: nobody */
    int at, steps, points[3];
    bool shot;
} gun;

static void fire(void *tid) { hk_task_kill(hk_num(tid)); }

/* Where something is done the loop is there, and no handler: the kill comes between the end of the
 * operation and its event. Else at the next turn of the loop, where the job may be over. */
static void on_step(enum spy_point point, int kind, int64_t *result)
{
    (void)kind, (void)result;
    if (gun.victim == 0) return;
    gun.points[point]++;
    if (++gun.steps != gun.at) return;
    gun.shot = true;
    if (point == SPY_DONE)
        fire(hk_val(gun.victim));
    else
        CHECK_EQ(hk_sched_post(gun.sched, fire, hk_val(gun.victim)), 0);
}

static void start_counting(void)
{
    gun.sched = hk__here.sched;
    spy_start(on_step);
}

/* Runs the job and kills it at the k-th step. False: it has fewer. */
static bool kill_at(hk_entry *fn, void *job, int k)
{
    gun.at = k;
    gun.steps = 0;
    gun.shot = false;
    gun.victim = hk_spawn(HK_ROOT, fn, job);
    hk_task_wait(gun.victim, NULL);
    gun.victim = 0;
    return gun.shot;
}

static void say_points(int runs)
{
    printf("%d runs: %d direct, %d begun, %d done\n", runs, gun.points[SPY_DIRECT],
           gun.points[SPY_SUBMIT], gun.points[SPY_DONE]);
    CHECK(gun.points[SPY_SUBMIT] > 0 && gun.points[SPY_DONE] > 0);
}

struct job {
    int from, to;
    off_t done; /* bytes that the task was told of */
    off_t offset;
};

static void *write_pieces(void *arg)
{
    struct job *j = arg;
    char a[1000], b[500];
    memset(a, 'a', sizeof a);
    memset(b, 'b', sizeof b);
    const struct iovec v[] = { { a, sizeof a }, { b, sizeof b } };
    ssize_t n = 0;
    for (int i = 0; i < 6 && n >= 0; i++) {
        n = i % 2 ? hk_writev(j->to, v, 2) : hk_pwritev(j->to, v, 2, j->done);
        if (n > 0) j->done += n;
        if (n > 0 && i % 2 == 0) lseek(j->to, j->done, SEEK_SET);
        if (n > 0 && hk_fdatasync(j->to) < 0) break;
    }
    return hk_val(n < 0 ? n : 0);
}

static void *read_pieces(void *arg)
{
    struct job *j = arg;
    char buf[FILES_PAGE];
    ssize_t n;
    while ((n = hk_read(j->from, buf, sizeof buf)) > 0) j->done += n;
    return hk_val(n);
}

static void *read_places(void *arg)
{
    struct job *j = arg;
    static _Alignas(FILES_PAGE) char buf[FILES_PAGE];
    ssize_t n;
    while ((n = hk_pread(j->from, buf, sizeof buf, j->done)) > 0) j->done += n;
    return hk_val(n);
}

static void *copy_pieces(void *arg)
{
    struct job *j = arg;
    return hk_val(hk_file_copy(j->from, j->to, &j->offset));
}

TASK_TEST(kill_at_every_point_of_a_write, .seconds = 30)
{
    bool shot = true;
    int k = 0;
    start_counting();
    while (shot) {
        struct files f;
        struct stat st;
        struct job j = { .to = files_make(&f) };
        shot = kill_at(write_pieces, &j, ++k);
        CHECK_EQ(fstat(j.to, &st), 0);
        shot &= CHECK_EQ(st.st_size, j.done);
        hk_close(j.to);
        files_close(&f);
    }
    say_points(k);
    return NULL;
}

TASK_TEST(kill_at_every_point_of_a_read, .seconds = 30)
{
    struct files f;
    int fd = files_make_pages(&f, 16), k = 0;
    struct job j;
    bool shot = true;
    start_counting();
    spy_forget();
    while (shot) {
        lseek(fd, 0, SEEK_SET);
        j = (struct job){ .from = fd };
        shot = kill_at(read_pieces, &j, ++k);
        shot &= CHECK_EQ(lseek(fd, 0, SEEK_CUR), j.done);
    }
    CHECK_EQ(j.done, 16 * FILES_PAGE);
    say_points(k);
    hk_close(fd);
    files_close(&f);
    return NULL;
}

/* With O_DIRECT each of these is an operation. */
TASK_TEST(kill_at_every_point_of_reads_at_places, .seconds = 30)
{
    struct files f;
    start_counting(); /* before a thread of the pool knows this world */
    int fd = files_make_pages(&f, 16), k = 0;
    int direct = hk_open(files_path(&f, "file"), O_RDONLY | O_DIRECT, 0);
    struct job j;
    bool shot = true;
    while (shot) {
        files_forget(fd);
        j = (struct job){ .from = direct >= 0 ? direct : fd };
        shot = kill_at(read_places, &j, ++k);
        shot &= CHECK_EQ(j.done % FILES_PAGE, 0);
    }
    CHECK_EQ(j.done, 16 * FILES_PAGE);
    say_points(k);
    if (direct >= 0) hk_close(direct);
    hk_close(fd);
    files_close(&f);
    return NULL;
}

TASK_TEST(kill_at_every_point_of_a_copy, .seconds = 30)
{
    struct files f;
    int from = files_make_pages(&f, 1024), k = 0;
    struct job j;
    bool shot = true;
    start_counting();
    while (shot) {
        struct stat st;
        j = (struct job){ .from = from };
        j.to = hk_open(files_path(&f, "copy"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
        shot = kill_at(copy_pieces, &j, ++k);
        CHECK_EQ(fstat(j.to, &st), 0);
        shot &= CHECK_EQ(st.st_size, j.offset);
        hk_close(j.to);
    }
    CHECK_EQ(j.offset, 1024 * FILES_PAGE);
    say_points(k);
    hk_close(from);
    files_close(&f);
    return NULL;
}

static void *open_one(void *arg)
{
    struct job *j = arg;
    struct files *f = (struct files *)(uintptr_t)j->offset;
    j->to = hk_open(files_path(f, "opened"), O_RDWR | O_CREAT, 0600);
    return hk_val(j->to < 0 ? j->to : 0);
}

/* What was opened is in the task's hands, or was never opened. */
TASK_TEST(kill_at_every_point_of_an_open)
{
    if (ON_VALGRIND) {
        test_skip("it opens files of its own, and which number is next cannot be told");
        return NULL;
    }
    struct files f;
    int k = 0, before = files_make(&f), next = before + 1;
    bool shot = true;
    start_counting();
    while (shot) {
        struct job j = { .to = -1, .offset = (off_t)(uintptr_t)&f };
        shot = kill_at(open_one, &j, ++k);
        CHECK(j.to == next || j.to == -ECANCELED);
        CHECK_EQ(access(files_path(&f, "opened"), F_OK), j.to >= 0 ? 0 : -1);
        if (j.to >= 0) hk_close(j.to);
        unlink(files_path(&f, "opened"));
        int lowest = dup(before);
        shot &= CHECK_EQ(lowest, next);
        close(lowest);
    }
    say_points(k);
    hk_close(before);
    files_close(&f);
    return NULL;
}

/* ---- syncs that fail ---- */

static int sync_error;

static void fail_sync(enum spy_point point, int kind, int64_t *result)
{
    if (point == SPY_DONE && kind == HK__OP_FSYNC && sync_error != 0) *result = sync_error;
}

static void sync_fails(struct files *f, int error)
{
    int fd = hk_open(files_path(f, "file"), O_RDWR, 0), other = dup(fd);
    CHECK_EQ(hk_fsync(fd), 0);
    sync_error = error;
    CHECK_EQ(hk_fsync(fd), error);
    sync_error = 0;
    CHECK_EQ(hk_fsync(fd), error); /* the kernel would say 0 */
    CHECK_EQ(hk_fdatasync(fd), error);
    CHECK_EQ(hk_fsync(other), 0);
    CHECK_EQ(hk_close(fd), 0);
    int again = hk_open(files_path(f, "file"), O_RDWR, 0);
    CHECK_EQ(again, fd);
    CHECK_EQ(hk_fsync(again), 0);
    hk_close(again);
    hk_close(other);
}

TASK_TEST(a_failed_sync_is_not_forgotten)
{
    struct files f;
    int fd = files_make(&f);
    spy_start(fail_sync);
    sync_fails(&f, -EIO);
    sync_fails(&f, -ENOSPC);
    sync_fails(&f, -EDQUOT);
    sync_error = -ENOLCK; /* says nothing of the data */
    CHECK_EQ(hk_fsync(fd), -ENOLCK);
    sync_error = 0;
    CHECK_EQ(hk_fsync(fd), 0);
    hk_close(fd);
    files_close(&f);
    return NULL;
}
