/* SPDX-License-Identifier: MIT */
/* Operations: what the kernel does in its own time, on files above all. Private to the library; it
 * is here because calls as values hold one.
 *
 * What an operation points to belongs to whoever performs it, until its one result has come. */
#ifndef HOCKET_OPERATION_H
#define HOCKET_OPERATION_H

#include <stdint.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif

struct statx;
struct hk_addr;

/* Each as the call of that name; paths are relative to the working directory. */
enum hk__operation_kind {
    HK__OP_READ,     /* fd, vector, count, offset; -1: where the file stands */
    HK__OP_WRITE,    /* likewise */
    HK__OP_FSYNC,    /* fd; flags 1: fdatasync */
    HK__OP_TRUNCATE, /* fd, offset: the size */
    HK__OP_OPEN,     /* path, flags, mode: a descriptor, close-on-exec */
    HK__OP_STAT,     /* fd, path, flags: AT_..., statx */
    HK__OP_RENAME,   /* path, path2, flags: RENAME_... */
    HK__OP_UNLINK,   /* path, flags: AT_REMOVEDIR */
    HK__OP_MKDIR,    /* path, mode */
    HK__OP_LOOKUP,   /* path: a host's name, addresses: the list, count: its size; how many */
    HK__OP_WORK,     /* work(argument), on a thread of the pool; its value */
    /* fd, vector: one, flags: what a socket takes at once, or -EAGAIN; done before the next wait
     * ends. Only in worlds that hand in together (world.h) */
    HK__OP_SEND,
    /* The same, and, when the socket has taken all of it, argument: an iovec: a receive that waits.
     * Its result is that of the half that was done last; which one that is, the event tells. */
    HK__OP_SEND_RECV
};

typedef struct hk__operation {
    uint8_t kind; /* HK__OP_READ ... */
    int fd;
    int flags;
    union {
        int count;
        unsigned mode;
    };
    int64_t offset;
    union {
        const struct iovec *vector;
        const char *path;
        void *(*work)(void *argument);
    };
    union {
        const char *path2;
        struct statx *statx;
        struct hk_addr *addresses;
        void *argument;
    };
} hk__operation;

#ifdef __cplusplus
}
#endif
#endif
