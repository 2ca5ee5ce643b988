/* SPDX-License-Identifier: MIT */
/* An open that never waits: of what the kernel has in its cache, on a file system of this machine.
 *
 * RESOLVE_CACHED (Linux 5.12) keeps the way to the file from waiting, but not what its driver does
 * then: opening a FIFO waits for its other end, and without waiting its other end sees somebody
 * come; a device may do anything; a file system elsewhere asks its server. So the first look is one
 * by O_PATH, which opens nothing, and only a regular file or a directory of a file system that is
 * known is then opened. Between the two the name may get another meaning: so the second does not
 * wait either (O_NONBLOCK, which a lease of somebody else respects too), and what it has opened is
 * looked at once more. What this cannot open, and why, is for the operation to find out.
 *
 * The first look's descriptor is closed before the second: so the number is the lowest that is
 * free, as open(2) promises. */
#include "world/world.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define RUNNING_ON_VALGRIND 0
#endif

/* As the kernel has them; the C library's headers may be older. */
enum { OPENAT2 = 437, RESOLVE_CACHED_ONLY = 0x20 };
struct how {
    uint64_t flags, mode, resolve;
};

/* The kernel, or a filter before it, does not know this. Atomic: all threads find the same. */
static bool unknown;

/* A disk that a file system of this machine was found on; 0: none yet. Atomic. One without a disk
 * (of major number 0) is asked each time: its number may soon be that of another. */
static uint64_t local_disk;

static int open_cached(const char *path, int flags)
{
    const struct how how = { .flags = (unsigned)flags | O_CLOEXEC, .resolve = RESOLVE_CACHED_ONLY };
    long r;
    if (RUNNING_ON_VALGRIND) return -ENOSYS; /* it would complain */
    do r = syscall(OPENAT2, AT_FDCWD, path, &how, sizeof how);
    while (r < 0 && errno == EINTR);
    return r < 0 ? -errno : (int)r;
}

/* Overlays copy a file that is opened for writing, all of it. */
static bool is_local(int fd, dev_t device, bool writes)
{
    enum { XFS = 0x58465342 };
    struct statfs fs;
    if (device == __atomic_load_n(&local_disk, __ATOMIC_RELAXED)) return true;
    if (fstatfs(fd, &fs) < 0) return false;
    switch ((uint32_t)fs.f_type) {
    case EXT4_SUPER_MAGIC:
    case XFS:
    case BTRFS_SUPER_MAGIC:
    case TMPFS_MAGIC: break;
    case OVERLAYFS_SUPER_MAGIC: return !writes;
    default: return false;
    }
    if (major(device) != 0) __atomic_store_n(&local_disk, device, __ATOMIC_RELAXED);
    return true;
}

static bool is_file(const struct stat *st) { return S_ISREG(st->st_mode) || S_ISDIR(st->st_mode); }

/* What the path leads to may be opened without waiting: 0; else -errno, which is final where it is
 * -ENOENT. */
static int look(const char *path, int flags)
{
    struct stat st;
    int fd = open_cached(path, O_PATH | (flags & O_NOFOLLOW));
    if (fd == -ENOSYS || fd == -EINVAL) __atomic_store_n(&unknown, true, __ATOMIC_RELAXED);
    if (fd < 0) return fd;
    bool good = fstat(fd, &st) == 0 && is_file(&st) &&
                is_local(fd, st.st_dev, (flags & O_ACCMODE) != O_RDONLY);
    close(fd);
    return good ? 0 : -EAGAIN;
}

/* As it was asked for: 0 or -errno. */
static int settle(int fd, int flags)
{
    struct stat st;
    int off = 0;
    if (fstat(fd, &st) < 0 || !is_file(&st)) return -EAGAIN;
    return !(flags & O_NONBLOCK) && ioctl(fd, FIONBIO, &off) < 0 ? -errno : 0;
}

int64_t hk__direct_open(hk__direct *d)
{
    const bool other =
        d->flags & (O_CREAT | O_TRUNC | O_PATH); /* nor O_TMPFILE: the kernel says so */
    if (other || __atomic_load_n(&unknown, __ATOMIC_RELAXED)) return -EAGAIN;
    int r = look(d->extra, d->flags);
    if (r < 0) return r == -ENOENT ? r : -EAGAIN;
    int fd = open_cached(d->extra, d->flags | O_NONBLOCK);
    if (fd < 0) return -EAGAIN;
    if (settle(fd, d->flags) < 0) {
        close(fd);
        return -EAGAIN;
    }
    d->born = HK__NOTE_FILE | HK__NOTE_STREAM | (d->flags & O_DIRECT ? HK__NOTE_UNCACHED : 0);
    return fd;
}
