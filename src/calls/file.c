/* SPDX-License-Identifier: MIT */
/* open, stat, fsync and their like: calls that are one operation each.
 *
 *   operation  what it does
 *   held       the descriptors it does it to; they are not closed before it is done
 *   slot       once it is under way
 *   ret_stat   stat: where the answer goes */
#include "calls/calls.h"

#include "sched/descriptor.h"
#include "sched/operation.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

static hk_file_call *file_of(const hk_call *call) { return HK_CONTAINER(call, hk_file_call, call); }

/* ---- what all have in common ---- */

static void let_go(hk_sched *s, const int held[2])
{
    for (int i = 0; i < 2; i++)
        if (held[i] >= 0) hk__descriptor_let_go(s, held[i]);
}

/* A negative number that is to be a descriptor is refused by whoever prepares the call. */
static int hold(hk_sched *s, const int held[2])
{
    int r = held[0] >= 0 ? hk__descriptor_hold(s, held[0]) : 0;
    if (r < 0 || held[1] < 0) return r;
    r = hk__descriptor_hold(s, held[1]);
    if (r < 0 && held[0] >= 0) hk__descriptor_let_go(s, held[0]);
    return r;
}

int hk__file_begin(hk_sched *s, hk_file_call *file, const hk__operation *operation)
{
    int r = hold(s, file->held);
    if (r < 0) return r;
    r = hk__operation_start(s, &file->call, operation, &file->slot);
    if (r < 0) let_go(s, file->held);
    return r;
}

void hk__file_end(hk_sched *s, hk_file_call *file)
{
    file->slot = 0;
    let_go(s, file->held);
}

/* Where a part went already, that is its result. */
int hk__file_abort(hk_call *call)
{
    hk_file_call *self = file_of(call);
    hk_sched *s = hk__sched_of(call);
    const bool transfers = call->type == &hk__pread_type || call->type == &hk__pwrite_type;
    if (hk__operation_abort(s, self->slot) == HK_ABORT_LATER) return HK_ABORT_LATER;
    hk__file_end(s, self);
    if (!transfers || self->with.data.progress == 0) return HK_ABORTED;
    hk_call_complete(call, (intptr_t)self->with.data.progress);
    return HK_ABORT_LATER;
}

int hk__file_describe(const hk_call *call, char *buf, size_t size)
{
    const hk_file_call *self = file_of(call);
    if (self->held[0] < 0)
        return snprintf(buf, size, "%s '%s'", call->type->name, self->operation.path);
    return snprintf(buf, size, "%s fd %d", call->type->name, self->held[0]);
}

void hk__file_handle(hk_call *call)
{
    hk_file_call *self = file_of(call);
    hk_sched *s = hk__sched_of(call);
    if (s == NULL) {
        hk_call_complete(call, -ENOSYS);
    } else if (self->slot != 0) {
        const intptr_t r = hk__operation_result(s);
        hk__file_end(s, self);
        hk_call_complete(call, r);
    } else {
        int r = hk__file_begin(s, self, &self->operation);
        if (r < 0) hk_call_complete(call, r);
    }
}

/* ---- open ---- */

/* What need not wait is opened at once: true, the call is complete. */
static bool open_directly(hk_sched *s, hk_file_call *self)
{
    hk__direct direct = { .kind = HK__DIRECT_OPEN, .flags = self->operation.flags };
    direct.extra = (void *)(uintptr_t)self->operation.path;
    if (self->call.state == HK__CALL_HANDLING) s->budget -= HK__DIRECT_COST - 1;
    int64_t r = s->world->table->direct(s->world, &direct);
    if (r == -EAGAIN) return false;
    if (r >= 0) hk__descriptor_born(s, (int)r, direct.born);
    hk_call_complete(&self->call, (intptr_t)r);
    return true;
}

void hk__open_handle(hk_call *call)
{
    hk_file_call *self = file_of(call);
    hk_sched *s = hk__sched_of(call);
    if (self->slot != 0) {
        const intptr_t fd = hk__operation_result(s);
        if (fd >= 0) hk__descriptor_born(s, (int)fd, 0);
    } else if (s != NULL && open_directly(s, self)) {
        return;
    }
    hk__file_handle(call);
}

static void prepare_path(hk_file_call *file, const hk_call_type *type, int kind, const char *path,
                         int flags)
{
    hk__file_prepare(file, type, kind, -1);
    file->operation.path = path;
    file->operation.flags = flags;
    file->operation.path2 = NULL;
}

void hk_open_prepare(hk_file_call *file, const char *path, int flags, mode_t mode)
{
    prepare_path(file, &hk__open_type, HK__OP_OPEN, path, flags);
    file->operation.mode = mode;
}

int hk_open(const char *path, int flags, mode_t mode)
{
    hk_file_call file;
    hk_open_prepare(&file, path, flags, mode);
    return (int)hk_trap(&file.call);
}

/* ---- of a descriptor ---- */

/* A number that cannot be one is no operation. */
static void handle_fd(hk_call *call)
{
    if (hk__sched_of(call) != NULL && file_of(call)->operation.fd < 0)
        hk_call_complete(call, -EBADF);
    else
        hk__file_handle(call);
}

/* The kernel tells of lost data once, and then calls the file clean. Whoever syncs again must not
 * believe that, so the descriptor remembers. */
static bool is_lost(int64_t r) { return r == -EIO || r == -ENOSPC || r == -EDQUOT; }

void hk__fsync_handle(hk_call *call)
{
    const hk_file_call *self = file_of(call);
    const hk_sched *s = hk__sched_of(call);
    const bool known = s != NULL && (unsigned)self->operation.fd < s->descriptors.count;
    struct hk__descriptor *d = known ? &s->descriptors.table[self->operation.fd] : NULL;
    if (self->slot != 0 && is_lost(hk__operation_result(s)))
        d->lost = (int16_t)hk__operation_result(s);
    if (self->slot == 0 && d != NULL && d->lost != 0)
        hk_call_complete(call, d->lost);
    else
        handle_fd(call);
}

void hk__ftruncate_handle(hk_call *call) { handle_fd(call); }

void hk_fsync_prepare(hk_file_call *file, int fd)
{
    hk__file_prepare(file, &hk__fsync_type, HK__OP_FSYNC, fd);
}

void hk_fdatasync_prepare(hk_file_call *file, int fd)
{
    hk_fsync_prepare(file, fd);
    file->operation.flags = 1;
}

void hk_ftruncate_prepare(hk_file_call *file, int fd, off_t size)
{
    hk__file_prepare(file, &hk__ftruncate_type, HK__OP_TRUNCATE, fd);
    file->operation.offset = size;
}

int hk_fsync(int fd)
{
    hk_file_call file;
    hk_fsync_prepare(&file, fd);
    return (int)hk_trap(&file.call);
}

int hk_fdatasync(int fd)
{
    hk_file_call file;
    hk_fdatasync_prepare(&file, fd);
    return (int)hk_trap(&file.call);
}

int hk_ftruncate(int fd, off_t size)
{
    hk_file_call file;
    hk_ftruncate_prepare(&file, fd, size);
    return (int)hk_trap(&file.call);
}

/* ---- stat ---- */

static struct timespec time_of(const struct statx_timestamp *t)
{
    return (struct timespec){ .tv_sec = t->tv_sec, .tv_nsec = t->tv_nsec };
}

static void answer(const hk_file_call *self)
{
    struct statx x;
    _Static_assert(sizeof x <= sizeof self->with.statx, "room for the kernel's answer");
    memcpy(&x, self->with.statx, sizeof x);
    *self->ret_stat = (struct stat){ .st_dev = makedev(x.stx_dev_major, x.stx_dev_minor),
                                     .st_rdev = makedev(x.stx_rdev_major, x.stx_rdev_minor),
                                     .st_ino = x.stx_ino,
                                     .st_mode = x.stx_mode,
                                     .st_nlink = x.stx_nlink,
                                     .st_uid = x.stx_uid,
                                     .st_gid = x.stx_gid,
                                     .st_size = (off_t)x.stx_size,
                                     .st_blksize = (blksize_t)x.stx_blksize,
                                     .st_blocks = (blkcnt_t)x.stx_blocks,
                                     .st_atim = time_of(&x.stx_atime),
                                     .st_mtim = time_of(&x.stx_mtime),
                                     .st_ctim = time_of(&x.stx_ctime) };
}

void hk__stat_handle(hk_call *call)
{
    if (file_of(call)->slot != 0 && hk__operation_result(hk__sched_of(call)) == 0)
        answer(file_of(call));
    if (file_of(call)->operation.fd == AT_FDCWD)
        hk__file_handle(call);
    else
        handle_fd(call);
}

static void prepare_stat(hk_file_call *file, const char *path, int flags, struct stat *ret_stat)
{
    prepare_path(file, &hk__stat_type, HK__OP_STAT, path, flags);
    file->operation.fd = AT_FDCWD;
    file->operation.statx = (struct statx *)(void *)file->with.statx;
    file->ret_stat = ret_stat;
}

void hk_stat_prepare(hk_file_call *file, const char *path, struct stat *ret_stat)
{
    prepare_stat(file, path, 0, ret_stat);
}

void hk_lstat_prepare(hk_file_call *file, const char *path, struct stat *ret_stat)
{
    prepare_stat(file, path, AT_SYMLINK_NOFOLLOW, ret_stat);
}

void hk_fstat_prepare(hk_file_call *file, int fd, struct stat *ret_stat)
{
    prepare_stat(file, "", AT_EMPTY_PATH, ret_stat);
    file->operation.fd = file->held[0] = fd >= 0 ? fd : -1;
}

int hk_stat(const char *path, struct stat *ret_stat)
{
    hk_file_call file;
    hk_stat_prepare(&file, path, ret_stat);
    return (int)hk_trap(&file.call);
}

int hk_lstat(const char *path, struct stat *ret_stat)
{
    hk_file_call file;
    hk_lstat_prepare(&file, path, ret_stat);
    return (int)hk_trap(&file.call);
}

int hk_fstat(int fd, struct stat *ret_stat)
{
    hk_file_call file;
    hk_fstat_prepare(&file, fd, ret_stat);
    return (int)hk_trap(&file.call);
}

/* ---- names ---- */

void hk__rename_handle(hk_call *call) { hk__file_handle(call); }
void hk__unlink_handle(hk_call *call) { hk__file_handle(call); }
void hk__mkdir_handle(hk_call *call) { hk__file_handle(call); }

void hk_rename_prepare(hk_file_call *file, const char *from, const char *to)
{
    prepare_path(file, &hk__rename_type, HK__OP_RENAME, from, 0);
    file->operation.path2 = to;
}

void hk_unlink_prepare(hk_file_call *file, const char *path)
{
    prepare_path(file, &hk__unlink_type, HK__OP_UNLINK, path, 0);
}

void hk_rmdir_prepare(hk_file_call *file, const char *path)
{
    prepare_path(file, &hk__unlink_type, HK__OP_UNLINK, path, AT_REMOVEDIR);
}

void hk_mkdir_prepare(hk_file_call *file, const char *path, mode_t mode)
{
    prepare_path(file, &hk__mkdir_type, HK__OP_MKDIR, path, 0);
    file->operation.mode = mode;
}

int hk_rename(const char *from, const char *to)
{
    hk_file_call file;
    hk_rename_prepare(&file, from, to);
    return (int)hk_trap(&file.call);
}

int hk_unlink(const char *path)
{
    hk_file_call file;
    hk_unlink_prepare(&file, path);
    return (int)hk_trap(&file.call);
}

int hk_rmdir(const char *path)
{
    hk_file_call file;
    hk_rmdir_prepare(&file, path);
    return (int)hk_trap(&file.call);
}

int hk_mkdir(const char *path, mode_t mode)
{
    hk_file_call file;
    hk_mkdir_prepare(&file, path, mode);
    return (int)hk_trap(&file.call);
}
