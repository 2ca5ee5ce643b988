/* SPDX-License-Identifier: MIT */
/* Files: the POSIX calls that may wait for a disk, blocking the task only.
 *
 * Each has the arguments of the call it is named after and returns its result, or -errno. Reading
 * what the kernel has in its cache costs little more than pread(2); whatever would wait is an
 * operation that the kernel, or a thread of a pool, performs while other tasks run.
 *
 * An operation that has begun cannot be taken back: until it is done it works with the caller's
 * memory. So a kill does not end such a call at once. It is asked to hurry, nothing more is begun
 * for it, and it reports what was done: what completed is never reported as cancelled, bytes that
 * were moved are counted. -ECANCELED means that nothing happened.
 *
 * Several tasks may use one descriptor. Those that name an offset run at once, those at the file's
 * position (hk_read, hk_write) take turns. hk_close waits for operations of other tasks on it.
 * For stackless steps each call is also a value: hk_open_prepare(&f->file, path, flags, mode), then
 * HK_AWAIT(co, &f->file.call). */
#ifndef HOCKET_FILE_H
#define HOCKET_FILE_H

#include <hocket/io.h>
#include <hocket/operation.h>

#include <sys/stat.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A directory that is read, and what it holds. hk_dir is the caller's memory; private. */
typedef struct hk_dir {
    int fd;
    int error;         /* why it could not be opened; 0: it could */
    bool reading;      /* a piece is under way */
    uint32_t at, size; /* of the piece: the next entry, and the end, bytes */
    char *piece;
} hk_dir;

typedef struct hk_dir_entry {
    const char *name; /* valid until the next one is asked for */
    uint64_t inode;
    unsigned char type; /* DT_REG, DT_DIR ... of dirent.h; DT_UNKNOWN on some file systems */
} hk_dir_entry;

/* A call as a value. What it points to must live until it has its result. Fields are private. */
typedef struct hk_file_call {
    hk_call call;
    uint32_t slot;           /* the operation under way; 0: none */
    int held[2];             /* descriptors that stay open until then; -1: none */
    hk__operation operation; /* as it begins */
    union {
        struct {
            struct iovec one, rest; /* rest: what the operation works on after a part of it */
            size_t progress;
        } data;
        uint64_t statx[32];
    } with;
    struct stat *ret_stat;
} hk_file_call;

extern HK_API const hk_call_type hk__pread_type, hk__pwrite_type;

static inline void hk__file_prepare(hk_file_call *file, const hk_call_type *type, int kind, int fd)
{
    hk__call_init(&file->call, type);
    file->slot = 0;
    file->held[0] = fd;
    file->held[1] = -1;
    file->operation.kind = (uint8_t)kind;
    file->operation.fd = fd;
    file->operation.flags = 0;
}

/* Fill in the calls further below, for HK_AWAIT in a stackless step.
 *   file: the call.
 *   fd, buf, size, vector, count, offset, path, flags, mode, ret_stat, from, to: as in the call of
 *   that name.
 * Returns: nothing. Blocks: never. Cancel: no. Threads: any. */
static inline void hk_preadv_prepare(hk_file_call *file, int fd, const struct iovec *vector,
                                     int count, off_t offset)
{
    hk__file_prepare(file, &hk__pread_type, HK__OP_READ, fd);
    file->operation.vector = vector;
    file->operation.count = count;
    file->operation.offset = offset;
    file->with.data.progress = 0;
}
static inline void hk_pwritev_prepare(hk_file_call *file, int fd, const struct iovec *vector,
                                      int count, off_t offset)
{
    hk_preadv_prepare(file, fd, vector, count, offset);
    file->call.type = &hk__pwrite_type;
    file->operation.kind = HK__OP_WRITE;
}
static inline void hk_pread_prepare(hk_file_call *file, int fd, void *buf, size_t size,
                                    off_t offset)
{
    hk_preadv_prepare(file, fd, &file->with.data.one, 1, offset);
    file->with.data.one.iov_base = buf;
    file->with.data.one.iov_len = size;
}
static inline void hk_pwrite_prepare(hk_file_call *file, int fd, const void *buf, size_t size,
                                     off_t offset)
{
    hk_pwritev_prepare(file, fd, &file->with.data.one, 1, offset);
    file->with.data.one.iov_base = (void *)(uintptr_t)buf;
    file->with.data.one.iov_len = size;
}
HK_API void hk_open_prepare(hk_file_call *file, const char *path, int flags, mode_t mode);
HK_API void hk_fsync_prepare(hk_file_call *file, int fd);
HK_API void hk_fdatasync_prepare(hk_file_call *file, int fd);
HK_API void hk_ftruncate_prepare(hk_file_call *file, int fd, off_t size);
HK_API void hk_stat_prepare(hk_file_call *file, const char *path, struct stat *ret_stat);
HK_API void hk_lstat_prepare(hk_file_call *file, const char *path, struct stat *ret_stat);
HK_API void hk_fstat_prepare(hk_file_call *file, int fd, struct stat *ret_stat);
HK_API void hk_rename_prepare(hk_file_call *file, const char *from, const char *to);
HK_API void hk_unlink_prepare(hk_file_call *file, const char *path);
HK_API void hk_rmdir_prepare(hk_file_call *file, const char *path);
HK_API void hk_mkdir_prepare(hk_file_call *file, const char *path, mode_t mode);

/* Reads from a place in a file; the file's position stays.
 *   fd: the descriptor.
 *   buf, size: where to, and how many bytes.
 *   offset: of the first byte.
 * Returns: bytes: less than size only at the end of the file, or where it failed or was cancelled
 * on the way; 0 at the end; -ESPIPE: a pipe or socket; -EBADF: also where another task closes it;
 * -ECANCELED; -ENOMEM; -ENOSYS where nobody drives; and as pread(2).
 * Blocks: the task, where the bytes are not in the cache. Cancel: when what was begun is done.
 * Threads: any that drives. */
static inline ssize_t hk_pread(int fd, void *buf, size_t size, off_t offset)
{
    hk_file_call file;
    hk_pread_prepare(&file, fd, buf, size, offset);
    return hk_trap(&file.call);
}

/* Writes all of it to a place in a file; the file's position stays.
 *   fd: the descriptor.
 *   buf, size: the bytes.
 *   offset: where the first goes.
 * Returns: size; less where it failed or was cancelled on the way; -ENOSPC, -EFBIG (no signal), ...
 * as hk_pread and pwrite(2).
 * Blocks: the task. Cancel: when what was begun is done. Threads: any that drives. */
static inline ssize_t hk_pwrite(int fd, const void *buf, size_t size, off_t offset)
{
    hk_file_call file;
    hk_pwrite_prepare(&file, fd, buf, size, offset);
    return hk_trap(&file.call);
}

/* hk_pread into several buffers.
 *   fd: the descriptor.
 *   vector, count: the buffers, filled in order; at most IOV_MAX.
 *   offset: of the first byte.
 * Returns: as hk_pread; -EINVAL: too many. Blocks: the task. Cancel: as hk_pread. Threads: any that
 * drives. */
static inline ssize_t hk_preadv(int fd, const struct iovec *vector, int count, off_t offset)
{
    hk_file_call file;
    hk_preadv_prepare(&file, fd, vector, count, offset);
    return hk_trap(&file.call);
}

/* hk_pwrite from several buffers; all of them.
 *   fd: the descriptor.
 *   vector, count: the buffers; at most IOV_MAX; not changed.
 *   offset: where the first byte goes.
 * Returns: as hk_pwrite; -EINVAL: too many. Blocks: the task. Cancel: as hk_pwrite. Threads: any
 * that drives. */
static inline ssize_t hk_pwritev(int fd, const struct iovec *vector, int count, off_t offset)
{
    hk_file_call file;
    hk_pwritev_prepare(&file, fd, vector, count, offset);
    return hk_trap(&file.call);
}

/* Opens a file.
 *   path: relative to the working directory, like all paths here.
 *   flags, mode: as open(2); close-on-exec is implied.
 * Returns: the descriptor, to be closed with hk_close; -ENOENT ... as open(2); -ECANCELED; -ENOMEM;
 * -ENOSYS where nobody drives.
 * Blocks: the task; a FIFO until it has another end, which a kill does not shorten everywhere.
 * Cancel: where it was opened all the same, the descriptor is returned.
 * Threads: any that drives. */
HK_API int hk_open(const char *path, int flags, mode_t mode) HK_MUST_CHECK;

/* Waits until what was written is on the disk: all of the file, or its data alone.
 *   fd: the descriptor.
 * Returns: 0; -EIO, -ENOSPC, -EDQUOT: something that was written before is lost, and all later
 * syncs of this descriptor say so again: it must be written anew, to a file that is opened anew;
 * else as hk_open and fsync(2).
 * Blocks: the task. Cancel: when it is done. Threads: any that drives. */
HK_API int hk_fsync(int fd) HK_MUST_CHECK;
HK_API int hk_fdatasync(int fd) HK_MUST_CHECK;

/* Sets the size of a file.
 *   fd: the descriptor.
 *   size: bytes.
 * Returns: 0; -EFBIG, -EINVAL ... as ftruncate(2); else as hk_open. Blocks: the task.
 * Cancel: when it is done. Threads: any that drives. */
HK_API int hk_ftruncate(int fd, off_t size) HK_MUST_CHECK;

/* What a file is: of a path; of a path, and of the link itself where it is one; of a descriptor.
 *   path, fd: which.
 *   ret_stat: receives it; untouched otherwise.
 * Returns: 0; as stat(2); else as hk_open. Blocks: the task. Cancel: when it is done.
 * Threads: any that drives. */
HK_API int hk_stat(const char *path, struct stat *ret_stat) HK_MUST_CHECK;
HK_API int hk_lstat(const char *path, struct stat *ret_stat) HK_MUST_CHECK;
HK_API int hk_fstat(int fd, struct stat *ret_stat) HK_MUST_CHECK;

/* Renames a file; one that has the new name already is replaced.
 *   from, to: the names.
 * Returns: 0; as rename(2); else as hk_open. Blocks: the task. Cancel: when it is done.
 * Threads: any that drives. */
HK_API int hk_rename(const char *from, const char *to);

/* Removes a file; an empty directory.
 *   path: which.
 * Returns: 0; as unlink(2), rmdir(2); else as hk_open. Blocks: the task. Cancel: when it is done.
 * Threads: any that drives. */
HK_API int hk_unlink(const char *path);
HK_API int hk_rmdir(const char *path);

/* Makes a directory.
 *   path: which.
 *   mode: as mkdir(2).
 * Returns: 0; as mkdir(2); else as hk_open. Blocks: the task. Cancel: when it is done.
 * Threads: any that drives. */
HK_API int hk_mkdir(const char *path, mode_t mode);

/* Copies what is in a file, in pieces, where the file system can without moving the bytes.
 *   from: a regular file, or a block device; its position stays.
 *   to: anything that can be written to; the bytes go where it stands.
 *   offset: of the first byte; moves on by what was copied, also where it fails: so it shows the
 *   progress, and calling again goes on. NULL: from the beginning.
 * Returns: 0: up to the end of from; -ECANCELED; -ENOSPC ... as hk_pread and hk_write.
 * Blocks: the task. Cancel: after at most one piece (1 MiB). Threads: any that drives. */
HK_API int hk_file_copy(int from, int to, off_t *offset);

/* Opens a directory to read its entries. A failure is kept, and hk_dir_next says it too.
 *   dir: the caller's memory.
 *   path: which.
 * Returns: 0; -ENOTDIR ... as hk_open. Blocks: the task. Cancel: as hk_open. Threads: any that
 * drives. */
HK_API int hk_dir_open(hk_dir *dir, const char *path);

/* The next entry, in no order; "." and ".." are left out.
 *   dir: the directory.
 *   ret_entry: receives it; untouched otherwise.
 * Returns: 1 an entry; 0 the end; -EBUSY: another task reads it; what hk_dir_open failed with;
 * -ENOENT: it was removed; else as hk_open.
 * Blocks: the task. Cancel: no entry is lost. Threads: any that drives. */
HK_API int hk_dir_next(hk_dir *dir, hk_dir_entry *ret_entry) HK_MUST_CHECK;

/* Closes a directory, also one that could not be opened.
 *   dir: not usable afterwards; while another task reads it, this aborts with a sentence.
 * Returns: 0; as hk_close. Blocks: never. Cancel: not refused. Threads: its own. */
HK_API int hk_dir_close(hk_dir *dir);

/* The end of an HK_DIR block.
 *   dir: the block's variable.
 * Returns: nothing. Blocks: never. Cancel: not refused. Threads: its own. */
static inline void hk_dir_leave(hk_dir *dir) { hk_dir_close(dir); }

/* HK_DIR(dir, "/etc"): a directory that is closed with the block it is declared in:
 *     HK_DIR(dir, path);
 *     while ((r = hk_dir_next(&dir, &entry)) > 0) ... */
#define HK_DIR(name, path) \
    hk_dir name HK_ON_LEAVE(hk_dir_leave); \
    hk_dir_open(&name, (path))

#ifdef __cplusplus
}
#endif
#endif
