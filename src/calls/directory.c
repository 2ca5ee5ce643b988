/* SPDX-License-Identifier: MIT */
/* Directories: their entries one by one, fetched by the piece.
 *
 *   file       the operation that fetches a piece
 *   dir        whose pieces
 *   ret_entry  where the next entry goes
 *   work       what the operation works on */
#include "calls/calls.h"

#include "base/say.h"
#include "sched/descriptor.h"
#include "sched/operation.h"
#include "world/work.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE = 32 * 1024 };

struct next_call {
    hk_file_call file;
    hk_dir *dir;
    hk_dir_entry *ret_entry;
    struct hk__work_entries work;
};

static struct next_call *next_of(hk_call *call)
{
    return HK_CONTAINER(HK_CONTAINER(call, hk_file_call, call), struct next_call, file);
}

/* 1: an entry; 0: the piece is used up. */
static int take(hk_dir *dir, hk_dir_entry *ret_entry)
{
    while (dir->at < dir->size) {
        const struct dirent64 *d = (const void *)(dir->piece + dir->at);
        dir->at += d->d_reclen;
        if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0) continue;
        *ret_entry = (hk_dir_entry){ .name = d->d_name, .inode = d->d_ino, .type = d->d_type };
        return 1;
    }
    return 0;
}

/* 0 or -errno. */
static int fetch(hk_sched *s, struct next_call *self)
{
    hk_dir *dir = self->dir;
    int r = hk__file_begin(s, &self->file, &self->file.operation);
    dir->reading = r == 0;
    return r;
}

static int look(hk_sched *s, struct next_call *self)
{
    if (s == NULL) return -ENOSYS;
    if (self->dir->error != 0) return self->dir->error;
    if (self->dir->reading) return -EBUSY;
    int r = take(self->dir, self->ret_entry);
    return r != 0 ? r : fetch(s, self);
}

/* A piece has come: there is something in it, or it was the last. A piece of nothing but "." and
 * ".." is followed by another. */
static int look_again(hk_sched *s, struct next_call *self, int64_t n)
{
    self->dir->reading = false;
    if (n <= 0) return (int)n;
    self->dir->at = 0;
    self->dir->size = (uint32_t)n;
    int r = take(self->dir, self->ret_entry);
    if (r == 0) r = self->file.call.abort_asked ? -ECANCELED : fetch(s, self);
    return r;
}

void hk__dir_next_handle(hk_call *call)
{
    struct next_call *self = next_of(call);
    hk_sched *s = hk__sched_of(call);
    int r;
    if (self->file.slot != 0) {
        const intptr_t n = hk__operation_result(s);
        hk__file_end(s, &self->file);
        r = look_again(s, self, n);
    } else {
        r = look(s, self);
    }
    if (self->file.slot == 0) hk_call_complete(call, r);
}

int hk__dir_next_abort(hk_call *call)
{
    int r = hk__file_abort(call);
    if (r == HK_ABORTED) next_of(call)->dir->reading = false;
    return r;
}

int hk_dir_next(hk_dir *dir, hk_dir_entry *ret_entry)
{
    struct next_call next = { .dir = dir, .ret_entry = ret_entry };
    next.work = (struct hk__work_entries){ .fd = dir->fd, .buf = dir->piece, .size = PIECE };
    hk__file_prepare(&next.file, &hk__dir_next_type, HK__OP_WORK, dir->fd);
    next.file.operation.work = hk__work_entries;
    next.file.operation.argument = &next.work;
    return (int)hk_trap(&next.file.call);
}

int hk_dir_open(hk_dir *dir, const char *path)
{
    *dir = (hk_dir){ .fd = -1, .piece = malloc(PIECE) };
    if (dir->piece == NULL) return dir->error = -ENOMEM;
    dir->fd = hk_open(path, O_RDONLY | O_DIRECTORY, 0);
    return dir->error = dir->fd < 0 ? dir->fd : 0;
}

int hk_dir_close(hk_dir *dir)
{
    if (dir->reading) hk__misuse("hk_dir_close: another task reads the directory");
    int r = dir->fd >= 0 ? hk_close(dir->fd) : 0;
    free(dir->piece);
    *dir = (hk_dir){ .fd = -1, .error = -EBADF };
    return r;
}
