/* SPDX-License-Identifier: MIT */
/* Reading and writing files, by many, while tasks are killed: no byte is lost, none is reported
 * that did not go, and the kernel leaves a buffer alone once the call has returned. */
#include "support/files.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>

enum { PAGE = FILES_PAGE, READERS = 1000 };

static void *page(void)
{
    void *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) abort();
    return p;
}

static int direct_of(struct files *f)
{
    return hk_open(files_path(f, "file"), O_RDWR | O_DIRECT, 0);
}

struct reader {
    int fd, number;
    ssize_t n;
    unsigned *buf;
    bool right, done;
};

static void *read_page(void *arg)
{
    struct reader *r = arg;
    r->n = hk_pread(r->fd, r->buf, PAGE, (off_t)r->number * PAGE);
    r->right = r->n == PAGE;
    for (int k = 0; k < PAGE / 4 && r->right; k++) r->right = r->buf[k] == (unsigned)r->number;
    r->done = true;
    return NULL;
}

static void read_all_at_once(int fd)
{
    static struct reader r[READERS];
    char *memory = mmap(NULL, (size_t)READERS * PAGE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    hk_tid tid[READERS];
    for (int i = 0; i < READERS; i++) {
        r[i] = (struct reader){ .fd = fd, .number = i };
        r[i].buf = (unsigned *)(void *)(memory + (size_t)i * PAGE);
        tid[i] = hk_spawn(HK_ROOT, read_page, &r[i]);
    }
    int right = 0;
    for (int i = 0; i < READERS; i++) {
        hk_task_wait(tid[i], NULL);
        right += r[i].right;
    }
    CHECK_EQ(right, READERS);
    munmap(memory, (size_t)READERS * PAGE);
}

TASK_TEST(a_thousand_readers)
{
    struct files f;
    int fd = files_make_pages(&f, READERS);
    read_all_at_once(fd);
    int direct = direct_of(&f);
    if (direct >= 0) read_all_at_once(direct);
    if (direct >= 0) hk_close(direct);
    hk_close(fd);
    files_close(&f);
    return NULL;
}

/* Partly cached: what comes is all of it. */
TASK_TEST(reads_are_short_at_the_end_alone)
{
    struct files f;
    enum { PAGES = 64 };
    int fd = files_make_pages(&f, PAGES);
    char *buf = malloc(PAGES * PAGE + 100);
    for (int i = 1; i < PAGES; i += 7) CHECK_EQ(pread(fd, buf, 1, (off_t)i * PAGE), 1);
    CHECK_EQ(hk_pread(fd, buf, PAGES * PAGE + 100, 10), PAGES * PAGE - 10);
    files_forget(fd);
    CHECK_EQ(hk_read(fd, buf, PAGES * PAGE + 100), PAGES * PAGE);
    CHECK_EQ(hk_read(fd, buf, 1), 0);
    int direct = direct_of(&f);
    if (direct >= 0) {
        unsigned *aligned = page();
        CHECK_EQ(ftruncate(fd, 3 * PAGE + 100), 0);
        CHECK_EQ(hk_pread(direct, aligned, PAGE, 2 * PAGE), PAGE);
        CHECK_EQ(hk_pread(direct, aligned, PAGE, 3 * PAGE), 100);
        CHECK_EQ(hk_pread(direct, aligned, PAGE, 4 * PAGE), 0);
        CHECK_EQ(hk_read(direct, aligned, PAGE), PAGE);
        CHECK_EQ(hk_pread(direct, (char *)aligned + 1, 100, 1), -EINVAL);
        hk_close(direct);
        munmap(aligned, PAGE);
    }
    free(buf);
    hk_close(fd);
    files_close(&f);
    return NULL;
}

TASK_TEST(a_file_that_grows)
{
    struct files f;
    char buf[64];
    int fd = files_make(&f), in = hk_open(files_path(&f, "file"), O_RDONLY, 0);
    for (int i = 0; i < 20; i++) {
        CHECK_EQ(hk_read(in, buf, sizeof buf), 0);
        CHECK_EQ(hk_write(fd, "12345", 5), 5);
        CHECK_EQ(hk_read(in, buf, sizeof buf), 5);
    }
    hk_close(in);
    hk_close(fd);
    files_close(&f);
    return NULL;
}

/* ---- many at one position ---- */

enum { WRITERS = 50, LINES = 10, LINE = 8 };

static void *write_lines(void *arg)
{
    struct reader *r = arg;
    char line[16];
    for (int i = 0; i < LINES; i++) {
        snprintf(line, sizeof line, "%03d %03d\n", r->number, i);
        if (!CHECK_EQ(hk_write(r->fd, line, LINE), LINE)) break;
    }
    return NULL;
}

static char seen[WRITERS][LINES];

static void *read_lines(void *arg)
{
    struct reader *r = arg;
    char line[LINE + 1] = "";
    int writer, number;
    while ((r->n = hk_read(r->fd, line, LINE)) > 0) {
        CHECK_EQ(r->n, LINE);
        if (CHECK_EQ(sscanf(line, "%d %d", &writer, &number), 2)) seen[writer][number]++;
    }
    CHECK_EQ(r->n, 0);
    return NULL;
}

static void run_many(int fd, hk_entry *fn)
{
    static struct reader r[WRITERS];
    hk_tid tid[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        r[i] = (struct reader){ .fd = fd, .number = i };
        tid[i] = hk_spawn(HK_ROOT, fn, &r[i]);
    }
    for (int i = 0; i < WRITERS; i++) hk_task_wait(tid[i], NULL);
}

TASK_TEST(tasks_take_turns_at_a_position)
{
    struct files f;
    int fd = files_make(&f), once = 0;
    run_many(fd, write_lines);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), WRITERS * LINES * LINE);
    lseek(fd, 0, SEEK_SET);
    files_forget(fd);
    run_many(fd, read_lines);
    for (int i = 0; i < WRITERS; i++)
        for (int k = 0; k < LINES; k++) once += seen[i][k] == 1;
    CHECK_EQ(once, WRITERS * LINES);
    hk_close(fd);
    files_close(&f);
    return NULL;
}

/* ---- the canary ---- */

/* Kills a task that reads into a page, or writes one, at a moment that moves. When the call has
 * returned the task paints the page, which nobody may touch any more: not by writing to it, nor by
 * reading the paint. (To protect the page would not do: a late copy then fails silently, and the
 * disk has the page itself.) */
enum { CANARIES = 100, PAINT = 0xa5 };

static bool is_all(const void *page, int byte)
{
    const unsigned char *p = page;
    for (int i = 0; i < PAGE; i++)
        if (p[i] != byte) return false;
    return true;
}

static void *read_and_paint(void *arg)
{
    struct reader *r = arg;
    r->n = r->number >= 0 ? hk_pread(r->fd, r->buf, PAGE, (off_t)r->number * PAGE)
                          : hk_read(r->fd, r->buf, PAGE);
    memset(r->buf, PAINT, PAGE);
    r->done = true;
    return NULL;
}

static void *write_and_paint(void *arg)
{
    struct reader *r = arg;
    memset(r->buf, 'w', PAGE);
    r->n = r->number >= 0 ? hk_pwrite(r->fd, r->buf, PAGE, (off_t)r->number * PAGE)
                          : hk_write(r->fd, r->buf, PAGE);
    memset(r->buf, PAINT, PAGE);
    r->done = true;
    return NULL;
}

static void canary(int fd, hk_entry *fn, bool at_place)
{
    static struct reader r[CANARIES];
    int killed = 0;
    for (int i = 0; i < CANARIES; i++) {
        r[i] = (struct reader){ .fd = fd, .number = at_place ? i : -1, .buf = page() };
        hk_tid tid = hk_spawn(HK_ROOT, fn, &r[i]);
        if (!at_place) lseek(fd, 0, SEEK_SET);
        hk_sched_yield();
        if (i % 4) hk_sleep(i % 4 * 10000);
        hk_task_kill(tid);
        hk_task_wait(tid, NULL);
        CHECK(r[i].done);
        CHECK(r[i].n == PAGE || r[i].n == -ECANCELED);
        killed += r[i].n != PAGE;
    }
    printf("%d of %d killed\n", killed, CANARIES);
    hk_sleep(HK_MS(5)); /* time for what comes late */
    for (int i = 0; i < CANARIES; i++) {
        CHECK(is_all(r[i].buf, PAINT));
        munmap(r[i].buf, PAGE);
    }
}

static void write_canary(int fd, int plain, bool at_place)
{
    unsigned char buf[PAGE];
    canary(fd, write_and_paint, at_place);
    for (int i = 0; i < CANARIES; i++) {
        CHECK_EQ(pread(plain, buf, PAGE, (off_t)i * PAGE), PAGE);
        CHECK(memchr(buf, PAINT, PAGE) == NULL);
    }
}

TASK_TEST(nobody_touches_a_buffer_after_the_call)
{
    struct files f;
    int fd = files_make_pages(&f, CANARIES), direct = direct_of(&f);
    canary(fd, read_and_paint, true);
    files_forget(fd);
    canary(fd, read_and_paint, false);
    write_canary(fd, fd, true);
    write_canary(fd, fd, false);
    if (direct >= 0) {
        canary(direct, read_and_paint, true);
        canary(direct, read_and_paint, false);
        write_canary(direct, fd, true);
        write_canary(direct, fd, false);
        hk_close(direct);
    }
    hk_close(fd);
    files_close(&f);
    return NULL;
}

TASK_TEST(nobody_touches_a_buffer_after_a_receive)
{
    int fds[2];
    net_tcp_pair(fds);
    for (int i = 0; i < 50; i++) {
        struct reader r = { .fd = fds[0], .number = -1, .buf = page() };
        hk_tid tid = hk_spawn(HK_ROOT, read_and_paint, &r);
        hk_sched_yield();
        hk_task_kill(tid);
        hk_task_wait(tid, NULL);
        CHECK_EQ(r.n, -ECANCELED);
        CHECK_EQ(write(fds[1], "x", 1), 1);
        hk_sleep(HK_US(100));
        char byte;
        CHECK_EQ(hk_read(fds[0], &byte, 1), 1);
        CHECK(is_all(r.buf, PAINT));
        munmap(r.buf, PAGE);
    }
    hk_close(fds[0]);
    hk_close(fds[1]);
    return NULL;
}

/* ---- a close that cannot wait ---- */

struct closer {
    struct files f;
    int fd, other;
};

/* On the loop: no task, so nothing can wait here. */
static void close_and_open(void *arg)
{
    struct closer *c = arg;
    CHECK_EQ(hk_close(c->fd), 0);
    CHECK_EQ(hk_close(c->fd), -EBADF);
    c->other = open(files_path(&c->f, "other"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

static void *write_page(void *arg)
{
    struct reader *r = arg;
    r->n = hk_pwrite(r->fd, r->buf, PAGE, 0);
    r->done = true;
    return NULL;
}

/* The operation has yet to be begun when its file is closed: it must not find another one. */
TASK_TEST(a_close_that_cannot_wait_is_made_later)
{
    for (int i = 0; i < 20; i++) {
        struct closer c = { .other = -1 };
        struct stat st;
        int plain = files_make(&c.f);
        c.fd = direct_of(&c.f);
        if (c.fd < 0) c.fd = dup(plain);
        struct reader r = { .fd = c.fd, .buf = page() };
        memset(r.buf, 'w', PAGE);
        CHECK_EQ(hk_sched_post(hk__here.sched, close_and_open, &c), 0);
        hk_tid tid = hk_spawn(HK_ROOT, write_page, &r);
        hk_task_wait(tid, NULL);
        CHECK_EQ(r.n, PAGE);
        if (!CHECK(c.other >= 0)) break;
        CHECK_EQ(fstat(plain, &st), 0);
        CHECK_EQ(st.st_size, PAGE);
        CHECK_EQ(fstat(c.other, &st), 0);
        CHECK_EQ(st.st_size, 0);
        if (c.other != c.fd) CHECK_EQ(fcntl(c.fd, F_GETFD), -1);
        munmap(r.buf, PAGE);
        hk_close(c.other);
        hk_close(plain);
        files_close(&c.f);
    }
    return NULL;
}

/* ---- no room on the disk ---- */

TASK_TEST(a_full_disk_is_a_short_write_and_then_an_error)
{
    struct files f;
    files_open(&f);
    if (mount("none", f.folder, "tmpfs", 0, "size=64k") < 0) {
        files_close(&f);
        test_skip("not ours to mount a file system that is full soon");
        return NULL;
    }
    char *buf = calloc(1, 100000);
    int fd = hk_open(files_path(&f, "file"), O_RDWR | O_CREAT, 0600);
    ssize_t n = hk_write(fd, buf, 100000);
    CHECK(n > 0 && n < 100000);
    CHECK_EQ(hk_write(fd, buf, 100000), -ENOSPC);
    CHECK_EQ(hk_pread(fd, buf, 100000, 0), n);
    hk_close(fd);
    free(buf);
    CHECK_EQ(umount(f.folder), 0);
    files_close(&f);
    return NULL;
}

/* ---- copies ---- */

static bool same(int a, int b)
{
    char x[PAGE], y[PAGE];
    ssize_t n, m;
    off_t at = 0;
    do {
        n = pread(a, x, sizeof x, at);
        m = pread(b, y, sizeof y, at);
        at += n;
    } while (n > 0 && n == m && memcmp(x, y, (size_t)n) == 0);
    return n == 0 && m == 0;
}

TASK_TEST(copies)
{
    struct files f;
    int from = files_make_pages(&f, 700), fds[2];
    int to = hk_open(files_path(&f, "copy"), O_RDWR | O_CREAT, 0600);
    CHECK_EQ(hk_file_copy(from, to, NULL), 0);
    CHECK(same(from, to));
    hk_close(to);
    /* O_APPEND is not for copy_file_range */
    to = hk_open(files_path(&f, "append"), O_RDWR | O_CREAT | O_APPEND, 0600);
    off_t at = 100 * PAGE;
    CHECK_EQ(hk_file_copy(from, to, &at), 0);
    CHECK_EQ(at, 700 * PAGE);
    CHECK_EQ(lseek(to, 0, SEEK_END), 600 * PAGE);
    CHECK_EQ(hk_file_copy(from, to, &at), 0);
    CHECK_EQ(at, 700 * PAGE);
    hk_close(to);
    /* what knows no size, to what is no file */
    net_pipe(fds);
    int proc = hk_open("/proc/self/limits", O_RDONLY, 0);
    char text[4096] = "";
    CHECK_EQ(hk_file_copy(proc, fds[1], NULL), 0);
    CHECK(hk_read(fds[0], text, sizeof text) > 100);
    CHECK(strstr(text, "Max open files") != NULL);
    CHECK_EQ(hk_file_copy(fds[0], proc, NULL), -ESPIPE);
    CHECK_EQ(hk_file_copy(from, proc, NULL), -EBADF);
    CHECK_EQ(hk_file_copy(-1, proc, NULL), -EBADF);
    CHECK_EQ(hk_file_copy(from, -1, NULL), -EBADF);
    hk_close(proc);
    hk_close(fds[0]);
    hk_close(fds[1]);
    int full = hk_open("/dev/full", O_WRONLY, 0);
    at = 0;
    CHECK_EQ(hk_file_copy(from, full, &at), -ENOSPC);
    CHECK_EQ(at, 0);
    hk_close(full);
    hk_close(from);
    files_close(&f);
    return NULL;
}
