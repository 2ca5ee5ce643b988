/* SPDX-License-Identifier: MIT */
/* What the library itself has threads of the pool do, beyond operations. */
#include "world/work.h"

#include <hocket/value.h>

#include <dirent.h>
#include <errno.h>
#include <unistd.h>

void *hk__work_entries(void *work)
{
    const struct hk__work_entries *w = work;
    ssize_t n = getdents64(w->fd, w->buf, w->size);
    return hk_val(n < 0 ? -errno : n);
}

void *hk__work_copy(void *work)
{
    const struct hk__work_copy *w = work;
    off_t offset = w->offset;
    ssize_t n;
    do n = copy_file_range(w->from, &offset, w->to, NULL, w->size, 0);
    while (n < 0 && errno == EINTR);
    return hk_val(n < 0 ? -errno : n);
}
