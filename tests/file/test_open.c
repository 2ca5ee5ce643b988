/* SPDX-License-Identifier: MIT */
/* Opens that do not wait, and those that may: which way each goes, and that both end alike. */
#include "support/faults.h"
#include "support/files.h"
#include "support/spy.h"
#include "support/tools.h"

#include "sched/sched.h"

#include <linux/magic.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

/* How the opens since begin() went. */
static int direct, submitted;

static void count(enum spy_point point, int kind, int64_t *result)
{
    (void)result;
    direct += point == SPY_DIRECT && kind == HK__DIRECT_OPEN;
    submitted += point == SPY_SUBMIT && kind == HK__OP_OPEN;
}

static void begin(void) { direct = submitted = 0; }

/* Whether opens can do without waiting: the kernel's part, and that of the folder's file system. */
static bool can_be_at_once(void)
{
    const uint64_t how[3] = { O_PATH | O_CLOEXEC, 0, 0x20 };
    struct statfs fs;
    if (ON_VALGRIND) return false;
    long r = syscall(437, AT_FDCWD, "/", how, sizeof how);
    if (r >= 0) close((int)r);
    if (r < 0 || statfs("/var/tmp", &fs) < 0) return false;
    return fs.f_type == EXT4_SUPER_MAGIC || fs.f_type == BTRFS_SUPER_MAGIC ||
           fs.f_type == TMPFS_MAGIC || fs.f_type == 0x58465342;
}

static bool skip(bool wrong, const char *why)
{
    if (wrong) test_skip(why);
    return wrong;
}

static bool skip_here(void)
{
    return skip(!can_be_at_once(), "this kernel, or this file system, opens nothing at once");
}

/* The kernel may forget, or be disturbed; not often. */
static int open_at_once(const char *path, int flags)
{
    for (int i = 0; i < 100; i++) {
        begin();
        int fd = hk_open(path, flags, 0);
        if (submitted == 0) return fd;
        if (fd >= 0) hk_close(fd);
    }
    test_fail("%s is never opened at once", path);
    return -EIO;
}

TASK_TEST(what_is_cached_is_opened_at_once)
{
    static const int flags[] = { O_RDONLY,
                                 O_WRONLY,
                                 O_RDWR | O_APPEND,
                                 O_RDONLY | O_NONBLOCK,
                                 O_RDONLY | O_NOFOLLOW,
                                 O_WRONLY | O_DSYNC,
                                 O_RDONLY | O_NOATIME };
    if (skip_here()) return NULL;
    struct files f;
    int made = files_make(&f);
    char text[8] = "";
    CHECK_EQ(write(made, "hello", 5), 5);
    spy_start(count);
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        int theirs = open(files_path(&f, "file"), flags[i]);
        int ours = open_at_once(files_path(&f, "file"), flags[i]);
        CHECK_EQ(direct, 1);
        CHECK_EQ(ours, theirs + 1);
        CHECK_EQ(fcntl(ours, F_GETFL), fcntl(theirs, F_GETFL));
        CHECK_EQ(fcntl(ours, F_GETFD), FD_CLOEXEC);
        if ((flags[i] & O_ACCMODE) == O_RDONLY) {
            CHECK_EQ(hk_read(ours, text, sizeof text), 5);
            CHECK_STR(text, "hello");
        } else {
            CHECK_EQ(hk_write(ours, "hello", 5), 5);
            CHECK_EQ(ftruncate(ours, 5), 0);
        }
        hk_close(ours);
        close(theirs);
    }
    close(made);
    files_close(&f);
    return NULL;
}

TASK_TEST(folders_and_links_are_opened_at_once)
{
    if (skip_here()) return NULL;
    struct files f;
    struct stat ours, theirs;
    int made = files_make(&f);
    spy_start(count);
    int fd = open_at_once(f.folder, O_RDONLY | O_DIRECTORY);
    CHECK(fstat(fd, &ours) == 0 && S_ISDIR(ours.st_mode));
    CHECK_EQ(hk_close(fd), 0);
    CHECK_EQ(hk_open(f.folder, O_WRONLY, 0), -EISDIR);
    CHECK_EQ(hk_open(files_path(&f, "file"), O_RDONLY | O_DIRECTORY, 0), -ENOTDIR);
    CHECK_EQ(hk_open(files_path(&f, "file/x"), O_RDONLY, 0), -ENOTDIR);
    CHECK_EQ(symlink("file", files_path(&f, "link")), 0);
    fd = open_at_once(files_path(&f, "link"), O_RDONLY);
    CHECK_EQ(fstat(fd, &ours) | fstat(made, &theirs), 0);
    CHECK_EQ(ours.st_ino, theirs.st_ino);
    CHECK_EQ(hk_close(fd), 0);
    CHECK_EQ(hk_open(files_path(&f, "link"), O_RDONLY | O_NOFOLLOW, 0), -ELOOP);
    close(made);
    files_close(&f);
    return NULL;
}

TASK_TEST(that_there_is_no_such_file_is_told_at_once)
{
    if (skip_here()) return NULL;
    struct files f;
    int made = files_make(&f);
    spy_start(count);
    CHECK_EQ(hk_open(files_path(&f, "none"), O_RDONLY, 0), -ENOENT);
    CHECK_EQ(open_at_once(files_path(&f, "none"), O_RDONLY), -ENOENT);
    CHECK_EQ(symlink("none", files_path(&f, "link")), 0);
    CHECK_EQ(hk_open(files_path(&f, "link"), O_RDONLY, 0), -ENOENT);
    CHECK_EQ(hk_open(files_path(&f, "link"), O_RDONLY | O_NOFOLLOW, 0), -ELOOP);
    int fd = hk_open(files_path(&f, "none"), O_RDWR | O_CREAT, 0600);
    CHECK(fd >= 0);
    hk_close(fd);
    fd = open_at_once(files_path(&f, "link"), O_RDONLY);
    CHECK(fd >= 0);
    hk_close(fd);
    close(made);
    files_close(&f);
    return NULL;
}

TASK_TEST(what_makes_or_changes_files_goes_the_other_way)
{
    static const int flags[] = { O_RDWR | O_CREAT, O_RDWR | O_CREAT | O_EXCL, O_RDWR | O_TRUNC,
                                 O_PATH };
    struct files f;
    struct stat st;
    int made = files_make(&f);
    spy_start(count);
    CHECK_EQ(write(made, "hello", 5), 5);
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        begin();
        int fd = hk_open(files_path(&f, i == 1 ? "new" : "file"), flags[i], 0600);
        CHECK(fd >= 0);
        CHECK_EQ(submitted, 1);
        CHECK_EQ(fstat(fd, &st), 0);
        CHECK_EQ(st.st_size, i == 0 ? 5 : 0);
        hk_close(fd);
    }
    begin();
    int fd = hk_open(f.folder, O_RDWR | O_TMPFILE, 0600);
    CHECK(fd >= 0 || fd == -EOPNOTSUPP);
    CHECK_EQ(submitted, 1);
    if (fd >= 0) hk_close(fd);
    close(made);
    files_close(&f);
    return NULL;
}

/* ---- what must not be touched ---- */

static bool was_opened(int watch)
{
    struct inotify_event event[8];
    return read(watch, event, sizeof event) > 0;
}

/* Nobody sees that a FIFO was looked at. */
TEST(a_fifo_is_not_opened_at_once)
{
    struct files f;
    files_open(&f);
    CHECK_EQ(mkfifo(files_path(&f, "fifo"), 0600), 0);
    int watch = inotify_init1(IN_NONBLOCK);
    CHECK(inotify_add_watch(watch, f.path, IN_OPEN) >= 0);
    hk__direct d = { .kind = HK__DIRECT_OPEN, .extra = f.path, .flags = O_RDONLY };
    CHECK_EQ(hk__direct_call(NULL, &d), -EAGAIN);
    d.flags = O_RDONLY | O_NONBLOCK;
    CHECK_EQ(hk__direct_call(NULL, &d), -EAGAIN);
    CHECK(!was_opened(watch));
    close(open(f.path, O_RDONLY | O_NONBLOCK));
    CHECK(was_opened(watch));
    close(watch);
    files_close(&f);
}

TEST(devices_and_what_the_kernel_makes_up_are_not_opened_at_once)
{
    static const char *const paths[] = { "/dev/null", "/dev/tty", "/proc/self/limits" };
    for (int i = 0; i < 3; i++) {
        hk__direct d = { .kind = HK__DIRECT_OPEN, .extra = (void *)(uintptr_t)paths[i] };
        close(open(paths[i], O_RDONLY | O_NOCTTY));
        CHECK_EQ(hk__direct_call(NULL, &d), -EAGAIN);
    }
}

/* ---- what goes wrong on the way ---- */

static int reader;

static void *open_path(void *path)
{
    reader = hk_open(path, O_RDONLY, 0);
    return NULL;
}

static struct files place;
static int asked, refusal;

static int refuse(uint64_t flags)
{
    (void)flags;
    asked++;
    return refusal;
}

TASK_TEST(a_kernel_that_does_not_know_it_is_asked_once)
{
    if (skip(ON_VALGRIND, "Valgrind does not know it, and is not asked")) return NULL;
    int made = files_make(&place);
    spy_start(count);
    faults_openat2 = refuse;
    refusal = EPERM; /* said by filters, and perhaps of one file only */
    for (int i = 1; i <= 3; i++) {
        CHECK_EQ(hk_close(hk_open(files_path(&place, "file"), O_RDONLY, 0)), 0);
        CHECK_EQ(submitted, i);
        CHECK_EQ(asked, i);
    }
    refusal = ENOSYS;
    for (int i = 4; i <= 6; i++) {
        CHECK_EQ(hk_close(hk_open(files_path(&place, "file"), O_RDONLY, 0)), 0);
        CHECK_EQ(submitted, i);
        CHECK_EQ(asked, 4);
    }
    close(made);
    files_close(&place);
    return NULL;
}

TASK_TEST(where_there_is_no_descriptor_that_is_said)
{
    int made = files_make(&place);
    struct rlimit old, none;
    getrlimit(RLIMIT_NOFILE, &old);
    none = (struct rlimit){ .rlim_max = old.rlim_max };
    setrlimit(RLIMIT_NOFILE, &none);
    CHECK_EQ(hk_open(files_path(&place, "file"), O_RDONLY, 0), -EMFILE);
    setrlimit(RLIMIT_NOFILE, &old);
    close(made);
    files_close(&place);
    return NULL;
}

/* The name becomes a FIFO's between the look and the open. */
static int exchange(uint64_t flags)
{
    char fifo[sizeof place.path];
    if (flags & O_PATH) return 0;
    faults_openat2 = NULL;
    snprintf(fifo, sizeof fifo, "%s", files_path(&place, "fifo"));
    CHECK_EQ(rename(fifo, files_path(&place, "file")), 0);
    access(place.path, F_OK); /* cached again */
    return 0;
}

TASK_TEST(a_name_that_becomes_a_fifos_meanwhile_is_opened_as_that)
{
    if (skip_here()) return NULL;
    char path[sizeof place.path];
    int made = files_make(&place);
    CHECK_EQ(mkfifo(files_path(&place, "fifo"), 0600), 0);
    snprintf(path, sizeof path, "%s", files_path(&place, "file"));
    spy_start(count);
    faults_openat2 = exchange;
    hk_tid tid = hk_spawn(HK_ROOT, open_path, path);
    for (int i = 0; i < 100 && faults_openat2 != NULL; i++) hk_sleep(HK_US(100));
    CHECK(faults_openat2 == NULL);
    CHECK_EQ(submitted, 1);
    int writer = hk_open(path, O_WRONLY, 0);
    hk_task_wait(tid, NULL);
    CHECK_EQ(hk_write(writer, "x", 1), 1);
    CHECK_EQ(hk_read(reader, path, 8), 1);
    hk_close(reader);
    hk_close(writer);
    close(made);
    files_close(&place);
    return NULL;
}

/* Who holds a lease is asked to give it up, and is waited for: by the task alone. */
TASK_TEST(a_lease_parks_the_task)
{
    char path[sizeof place.path];
    int made = files_make(&place);
    snprintf(path, sizeof path, "%s", files_path(&place, "file"));
    signal(SIGIO, SIG_IGN);
    if (skip(fcntl(made, F_SETLEASE, F_WRLCK) < 0, "no leases here")) return NULL;
    spy_start(count);
    hk_tid tid = hk_spawn(HK_ROOT, open_path, path);
    while (submitted == 0) hk_sleep(HK_US(100));
    CHECK_EQ(fcntl(made, F_SETLEASE, F_UNLCK), 0);
    hk_task_wait(tid, NULL);
    CHECK_EQ(hk_close(reader), 0);
    close(made);
    files_close(&place);
    return NULL;
}

/* What was known of the number is about another file, which nobody has said was closed. */
TASK_TEST(a_number_that_was_closed_elsewhere_is_another_file)
{
    if (skip_here()) return NULL;
    char text[8] = "";
    int made = files_make(&place), ends[2];
    CHECK_EQ(write(made, "hello", 5), 5);
    spy_start(count);
    CHECK_EQ(pipe(ends), 0);
    CHECK_EQ(write(ends[1], "x", 1), 1);
    CHECK_EQ(hk_read(ends[0], text, sizeof text), 1); /* and now it is known to be empty */
    close(ends[0]);
    CHECK_EQ(open_at_once(files_path(&place, "file"), O_RDONLY), ends[0]);
    CHECK_EQ(hk_read(ends[0], text, sizeof text), 5);
    CHECK_STR(text, "hello");
    CHECK_EQ(hk_close(ends[0]), 0);
    close(ends[1]);
    close(made);
    files_close(&place);
    return NULL;
}

/* ---- as all calls ---- */

enum { OPENS = 100 };

static int opened, fds[OPENS];

static void *open_many(void *path)
{
    for (; opened < OPENS; opened++) fds[opened] = hk_open(path, O_RDONLY, 0);
    return NULL;
}

TASK_TEST(opens_cost_of_the_budget)
{
    int made = files_make(&place), turns = 0;
    char path[sizeof place.path];
    snprintf(path, sizeof path, "%s", files_path(&place, "file"));
    hk_spawn(HK_ROOT, open_many, path);
    while (opened < OPENS) {
        turns++;
        hk_sched_yield();
    }
    CHECK(turns >= OPENS * HK__DIRECT_COST / HK__BUDGET);
    for (int i = 0; i < OPENS; i++) CHECK_EQ(hk_close(fds[i]), 0);
    close(made);
    files_close(&place);
    return NULL;
}

TASK_TEST(a_cancelled_task_opens_nothing)
{
    int made = files_make(&place);
    spy_start(count);
    HK_SCOPE(scope, HK_FOREVER);
    hk_scope_cancel(&scope, "a test");
    CHECK_EQ(hk_open(files_path(&place, "file"), O_RDONLY, 0), -ECANCELED);
    hk_scope_close(&scope, 0);
    CHECK_EQ(direct + submitted, 0);
    close(made);
    files_close(&place);
    return NULL;
}
