/* SPDX-License-Identifier: MIT */
/* Copying a file, piece by piece.
 *
 * copy_file_range lets the file system share or move the bytes itself. It knows regular files only,
 * and not all of them; it says 0 for files of /proc that have something to say. So where it ends or
 * refuses, reading and writing go on from there. */
#include "calls/calls.h"

#include "world/work.h"

#include <stdlib.h>

enum { PIECE = 1 << 20, BUFFER = 1 << 16 };

void hk__file_copy_handle(hk_call *call) { hk__file_handle(call); }

static int64_t copy_piece(int from, int to, off_t offset)
{
    struct hk__work_copy work = { .from = from, .to = to, .offset = offset, .size = PIECE };
    hk_file_call file;
    hk__file_prepare(&file, &hk__file_copy_type, HK__OP_WORK, from);
    file.held[1] = to;
    file.operation.work = hk__work_copy;
    file.operation.argument = &work;
    return hk_trap(&file.call);
}

/* No reason to give up: the other way may do, and tells more. */
static bool is_unable(int64_t error)
{
    return error == 0 || error == -EXDEV || error == -EINVAL || error == -EOPNOTSUPP ||
           error == -ENOSYS || error == -EPERM || error == -EBADF || error == -ETXTBSY ||
           error == -EOVERFLOW;
}

/* Nothing that was read is lost where its write fails: only what was written counts. */
static int copy_by_hand(int from, int to, off_t *offset)
{
    char *buf = malloc(BUFFER);
    ssize_t n = buf != NULL ? 1 : -ENOMEM, written = 0;
    while (n > 0 && written >= 0) {
        n = hk_pread(from, buf, BUFFER, *offset);
        for (ssize_t done = 0; done < n && written >= 0; done += written) {
            written = hk_write(to, buf + done, (size_t)(n - done));
            if (written > 0) *offset += written;
        }
    }
    free(buf);
    return (int)(written < 0 ? written : n);
}

int hk_file_copy(int from, int to, off_t *offset)
{
    off_t beginning = 0;
    if (offset == NULL) offset = &beginning;
    if (from < 0 || to < 0) return -EBADF;
    int64_t n;
    while ((n = copy_piece(from, to, *offset)) > 0) *offset += n;
    return is_unable(n) ? copy_by_hand(from, to, offset) : (int)n;
}
