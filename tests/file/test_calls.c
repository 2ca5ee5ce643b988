/* SPDX-License-Identifier: MIT */
/* Each call on files: what it does, and its errors. */
#include "support/files.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>

TASK_TEST(open_read_write_close)
{
    struct files f;
    char buf[16] = "";
    files_open(&f);
    int fd = hk_open(files_path(&f, "a"), O_RDWR | O_CREAT | O_EXCL, 0640);
    CHECK(fd >= 0);
    CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    CHECK_EQ(hk_write(fd, "hello", 5), 5);
    CHECK_EQ(hk_write(fd, " world", 6), 6);
    CHECK_EQ(hk_read(fd, buf, sizeof buf), 0);
    CHECK_EQ(hk_pread(fd, buf, sizeof buf, 3), 8);
    CHECK_STR(buf, "lo world");
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 11);
    CHECK_EQ(hk_pwrite(fd, "W", 1, 6), 1);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 11);
    CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
    CHECK_EQ(hk_read(fd, buf, 5), 5);
    CHECK_EQ(hk_read(fd, buf, sizeof buf), 6);
    CHECK_EQ(memcmp(buf, " World", 6), 0);
    CHECK_EQ(hk_read(fd, buf, sizeof buf), 0);
    CHECK_EQ(hk_pread(fd, buf, sizeof buf, 11), 0);
    CHECK_EQ(hk_pread(fd, buf, sizeof buf, 4711), 0);
    CHECK_EQ(hk_fsync(fd), 0);
    CHECK_EQ(hk_fdatasync(fd), 0);
    CHECK_EQ(hk_close(fd), 0);
    CHECK_EQ(hk_close(fd), -EBADF);
    files_close(&f);
    return NULL;
}

TASK_TEST(open_fails_as_open)
{
    struct files f;
    files_open(&f);
    CHECK_EQ(hk_open(files_path(&f, "none"), O_RDONLY, 0), -ENOENT);
    CHECK_EQ(hk_open(f.folder, O_RDWR, 0), -EISDIR);
    CHECK_EQ(hk_open(f.folder, O_CREAT | O_EXCL | O_RDWR, 0600), -EEXIST);
    CHECK_EQ(hk_open("", O_RDONLY, 0), -ENOENT);
    CHECK_EQ(hk_open(NULL, O_RDONLY, 0), -EFAULT);
    CHECK_EQ(hk_open(files_path(&f, "a"), O_RDONLY | O_DIRECTORY, 0), -ENOENT);
    files_close(&f);
    return NULL;
}

TASK_TEST(no_path_is_said_as_the_kernel_does)
{
    struct stat st;
    CHECK_EQ(hk_stat(NULL, &st), -EFAULT);
    CHECK_EQ(hk_lstat(NULL, &st), -EFAULT);
    CHECK_EQ(hk_rename(NULL, "/a"), -EFAULT);
    CHECK_EQ(hk_rename("/none", NULL), -EFAULT);
    CHECK_EQ(hk_unlink(NULL), -EFAULT);
    CHECK_EQ(hk_rmdir(NULL), -EFAULT);
    CHECK_EQ(hk_mkdir(NULL, 0700), -EFAULT);
    return NULL;
}

TASK_TEST(vectors_at_a_place)
{
    struct files f;
    char a[4], b[1], c[64];
    const struct iovec out[] = { { "abc", 3 }, { NULL, 0 }, { "defgh", 5 } };
    const struct iovec in[] = { { a, sizeof a }, { b, sizeof b }, { c, sizeof c } };
    int fd = files_make(&f);
    CHECK_EQ(hk_pwritev(fd, out, 3, 2), 8);
    CHECK_EQ(hk_preadv(fd, in, 3, 1), 9);
    CHECK_EQ(memcmp(a, "\0abc", 4), 0);
    CHECK_EQ(b[0], 'd');
    CHECK_EQ(memcmp(c, "efgh", 4), 0);
    CHECK_EQ(hk_preadv(fd, in, 0, 0), 0);
    CHECK_EQ(hk_preadv(fd, in, -1, 0), -EINVAL);
    CHECK_EQ(hk_preadv(fd, in, 1025, 0), -EINVAL);
    CHECK_EQ(hk_pwritev(fd, out, 1025, 0), -EINVAL);
    CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
    CHECK_EQ(hk_writev(fd, out, 3), 8);
    CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
    CHECK_EQ(hk_readv(fd, in, 3), 10);
    hk_close(fd);
    files_close(&f);
    return NULL;
}

TASK_TEST(places_that_are_none)
{
    struct files f;
    char buf[8] = "";
    int fds[2], fd = files_make(&f);
    CHECK_EQ(hk_pread(fd, buf, 8, -1), -EINVAL);
    CHECK_EQ(hk_pwrite(fd, buf, 8, -1), -EINVAL);
    CHECK_EQ(hk_pread(-1, buf, 8, 0), -EBADF);
    CHECK_EQ(hk_pread(4711, buf, 8, 0), -EBADF);
    CHECK_EQ(hk_pwrite(INT32_MAX, buf, 8, 0), -EBADF);
    net_pipe(fds);
    CHECK_EQ(hk_pread(fds[0], buf, 8, 0), -ESPIPE);
    CHECK_EQ(hk_pwrite(fds[1], buf, 8, 0), -ESPIPE);
    hk_close(fds[0]);
    hk_close(fds[1]);
    net_local_pair(SOCK_STREAM, fds);
    CHECK_EQ(hk_pread(fds[0], buf, 8, 0), -ESPIPE);
    hk_close(fds[0]);
    hk_close(fds[1]);
    int zero = hk_open("/dev/zero", O_RDONLY, 0);
    CHECK_EQ(hk_pread(zero, buf, 8, 100), 8);
    hk_close(zero);
    hk_close(fd);
    fd = hk_open(f.folder, O_RDONLY, 0);
    CHECK_EQ(hk_pread(fd, buf, 8, 0), -EISDIR);
    CHECK_EQ(hk_pwrite(fd, buf, 8, 0), -EBADF);
    hk_close(fd);
    files_close(&f);
    return NULL;
}

TASK_TEST(stat_says_what_stat_says)
{
    struct files f;
    struct stat ours, theirs, untouched;
    int fd = files_make(&f);
    CHECK_EQ(hk_pwrite(fd, "hello", 5, 100), 5);
    CHECK_EQ(symlink("file", files_path(&f, "link")), 0);
    char link[sizeof f.path];
    snprintf(link, sizeof link, "%s", f.path);
    memset(&ours, 0, sizeof ours);
    memset(&theirs, 0, sizeof theirs);
    CHECK_EQ(hk_stat(link, &ours), 0);
    CHECK_EQ(stat(link, &theirs), 0);
    CHECK_EQ(memcmp(&ours, &theirs, sizeof ours), 0);
    CHECK_EQ(ours.st_size, 105);
    CHECK_EQ(hk_lstat(link, &ours), 0);
    CHECK_EQ(lstat(link, &theirs), 0);
    CHECK_EQ(memcmp(&ours, &theirs, sizeof ours), 0);
    CHECK(S_ISLNK(ours.st_mode));
    CHECK_EQ(hk_fstat(fd, &ours), 0);
    CHECK_EQ(fstat(fd, &theirs), 0);
    CHECK_EQ(memcmp(&ours, &theirs, sizeof ours), 0);
    CHECK_EQ(hk_stat("/dev/null", &ours), 0);
    CHECK_EQ(stat("/dev/null", &theirs), 0);
    CHECK_EQ(ours.st_rdev, theirs.st_rdev);
    memset(&ours, 7, sizeof ours);
    untouched = ours;
    CHECK_EQ(hk_stat("/dev/none", &ours), -ENOENT);
    CHECK_EQ(hk_fstat(-1, &ours), -EBADF);
    CHECK_EQ(hk_fstat(AT_FDCWD, &ours), -EBADF);
    CHECK_EQ(hk_fstat(4711, &ours), -EBADF);
    CHECK_EQ(memcmp(&ours, &untouched, sizeof ours), 0);
    hk_close(fd);
    files_close(&f);
    return NULL;
}

TASK_TEST(names_come_and_go)
{
    struct files f;
    char a[PATH_MAX], b[PATH_MAX];
    files_open(&f);
    snprintf(a, sizeof a, "%s", files_path(&f, "a"));
    snprintf(b, sizeof b, "%s", files_path(&f, "b"));
    CHECK_EQ(hk_mkdir(a, 0700), 0);
    CHECK_EQ(hk_mkdir(a, 0700), -EEXIST);
    CHECK_EQ(hk_rename(a, b), 0);
    CHECK_EQ(hk_rename(a, b), -ENOENT);
    CHECK_EQ(hk_unlink(b), -EISDIR);
    CHECK_EQ(hk_rmdir(b), 0);
    CHECK_EQ(hk_rmdir(b), -ENOENT);
    CHECK_EQ(hk_unlink(b), -ENOENT);
    int fd = hk_open(a, O_CREAT | O_WRONLY, 0600);
    CHECK_EQ(hk_rmdir(a), -ENOTDIR);
    CHECK_EQ(hk_mkdir(files_path(&f, "a/b"), 0700), -ENOTDIR);
    CHECK_EQ(hk_unlink(a), 0);
    CHECK_EQ(access(a, F_OK), -1);
    hk_close(fd);
    files_close(&f);
    return NULL;
}

TASK_TEST(truncate_and_sync)
{
    struct files f;
    struct stat st;
    int fds[2], fd = files_make(&f);
    CHECK_EQ(hk_ftruncate(fd, 12345), 0);
    CHECK_EQ(hk_fstat(fd, &st), 0);
    CHECK_EQ(st.st_size, 12345);
    CHECK_EQ(hk_ftruncate(fd, 0), 0);
    CHECK_EQ(hk_ftruncate(fd, -1), -EINVAL);
    CHECK_EQ(hk_ftruncate(-1, 0), -EBADF);
    CHECK_EQ(hk_fsync(-1), -EBADF);
    CHECK_EQ(hk_fdatasync(4711), -EBADF);
    net_pipe(fds);
    CHECK_EQ(hk_fsync(fds[1]), -EINVAL);
    CHECK_EQ(hk_ftruncate(fds[1], 0), -EINVAL);
    hk_close(fds[0]);
    hk_close(fds[1]);
    hk_close(fd);
    fd = hk_open(files_path(&f, "file"), O_RDONLY, 0);
    CHECK_EQ(hk_ftruncate(fd, 0), -EINVAL);
    hk_close(fd);
    files_close(&f);
    return NULL;
}

/* ---- no room ---- */

TASK_TEST(a_full_device_is_a_result)
{
    int fd = hk_open("/dev/full", O_RDWR, 0);
    CHECK_EQ(hk_write(fd, "x", 1), -ENOSPC);
    CHECK_EQ(hk_pwrite(fd, "x", 1, 0), -ENOSPC);
    hk_close(fd);
    return NULL;
}

/* A limit of the size of files comes with a signal that kills. */
TASK_TEST(a_file_that_is_too_large_is_a_result)
{
    struct files f;
    char page[4096] = "";
    int fd = files_make(&f);
    struct rlimit old, limit;
    getrlimit(RLIMIT_FSIZE, &old);
    limit = (struct rlimit){ .rlim_cur = 6000, .rlim_max = old.rlim_max };
    CHECK_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
    CHECK_EQ(hk_write(fd, page, sizeof page), 4096);
    CHECK_EQ(hk_write(fd, page, sizeof page), 6000 - 4096);
    CHECK_EQ(hk_write(fd, page, sizeof page), -EFBIG);
    CHECK_EQ(hk_pwrite(fd, page, sizeof page, 4096), 6000 - 4096);
    CHECK_EQ(hk_pwrite(fd, page, sizeof page, 10000), -EFBIG);
    CHECK_EQ(hk_ftruncate(fd, 10000), -EFBIG);
    setrlimit(RLIMIT_FSIZE, &old);
    hk_close(fd);
    files_close(&f);
    return NULL;
}

/* ---- nobody drives ---- */

TEST(plain_threads_are_told_that_nobody_drives)
{
    char buf[8];
    struct stat st;
    hk_dir_entry entry;
    CHECK_EQ(hk_open("/dev/null", O_RDONLY, 0), -ENOSYS);
    CHECK_EQ(hk_pread(0, buf, 8, 0), -ENOSYS);
    CHECK_EQ(hk_pwrite(0, buf, 8, 0), -ENOSYS);
    CHECK_EQ(hk_fsync(0), -ENOSYS);
    CHECK_EQ(hk_ftruncate(0, 0), -ENOSYS);
    CHECK_EQ(hk_stat("/", &st), -ENOSYS);
    CHECK_EQ(hk_fstat(0, &st), -ENOSYS);
    CHECK_EQ(hk_rename("a", "b"), -ENOSYS);
    CHECK_EQ(hk_unlink("a"), -ENOSYS);
    CHECK_EQ(hk_mkdir("a", 0), -ENOSYS);
    CHECK_EQ(hk_file_copy(0, 1, NULL), -ENOSYS);
    HK_DIR(dir, "/");
    CHECK_EQ(hk_dir_next(&dir, &entry), -ENOSYS);
    CHECK_EQ(hk_num(hk_offload(NULL, NULL)), -ENOSYS);
}

/* ---- as values ---- */

struct stepper {
    hk_coro co;
    hk_file_call file;
    const char *path;
    char buf[8];
    int fd;
    ssize_t got;
    struct stat st;
};

static hk_step step(hk_coro *co, void *in)
{
    struct stepper *f = HK_CONTAINER(co, struct stepper, co);
    HK_BEGIN(co);
    hk_open_prepare(&f->file, f->path, O_RDWR, 0);
    HK_AWAIT(co, &f->file.call);
    f->fd = (int)f->file.call.result;
    hk_pwrite_prepare(&f->file, f->fd, "abc", 3, 0);
    HK_AWAIT(co, &f->file.call);
    hk_pread_prepare(&f->file, f->fd, f->buf, sizeof f->buf, 0);
    HK_AWAIT(co, &f->file.call);
    f->got = f->file.call.result;
    hk_fstat_prepare(&f->file, f->fd, &f->st);
    HK_AWAIT(co, &f->file.call);
    HK_END(co, NULL);
}

TASK_TEST(calls_are_values_too)
{
    struct files f;
    int fd = files_make(&f);
    struct stepper s = { .path = files_path(&f, "file") };
    hk_stackless_init(&s.co, step, NULL);
    hk_tid tid = hk_spawn_stackless(HK_ROOT, &s.co, "stepper");
    hk_task_wait(tid, NULL);
    CHECK(s.fd > 0);
    CHECK_EQ(s.got, 3);
    CHECK_STR(s.buf, "abc");
    CHECK_EQ(s.st.st_size, 3);
    hk_close(s.fd);
    hk_close(fd);
    files_close(&f);
    return NULL;
}
