/* SPDX-License-Identifier: MIT */
/* Work of our own for threads that may block: HK__OP_WORK's functions. Each returns a number as a
 * value, -errno too. */
#ifndef HK_WORLD_WORK_H
#define HK_WORLD_WORK_H

#include <stddef.h>
#include <stdint.h>

/* The next entries of a directory, as getdents64: bytes; 0 at the end. */
struct hk__work_entries {
    int fd;
    void *buf;
    size_t size;
};
void *hk__work_entries(void *work);

/* A part of one file to another, as copy_file_range: bytes; 0 at the end. */
struct hk__work_copy {
    int from, to;
    int64_t offset; /* in from; to where it stands */
    size_t size;
};
void *hk__work_copy(void *work);

#endif
