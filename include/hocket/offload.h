/* SPDX-License-Identifier: MIT */
/* Work for other threads: what would hold up all tasks of the scheduler runs on a pool instead.
 *
 * For libraries that block, and for long computations. The pool is the process's: up to 16 threads,
 * shared with the operations on files; what finds none free waits in a queue. */
#ifndef HOCKET_OFFLOAD_H
#define HOCKET_OFFLOAD_H

#include <hocket/file.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Fills in hk_offload, for HK_AWAIT in a stackless step; its value is hk_val(result).
 *   file: the call.
 *   fn, arg: as there.
 * Returns: nothing. Blocks: never. Cancel: no. Threads: any. */
HK_API void hk_offload_prepare(hk_file_call *file, hk_entry *fn, void *arg);

/* Runs a function on a thread of the pool and waits for it; other tasks run meanwhile.
 *   fn: there it has that thread's errno and thread-locals, and all signals are blocked. It is no
 *   task: hk_ functions that wait return -ENOSYS, text of hk_fail stays behind. It may resume
 *   coroutines of its own, and use hk_sched_post.
 *   arg: handed to it; may point into the caller's stack.
 * Returns: what fn returned; as an error value: -ECANCELED: it never began; -ENOMEM: no memory, or
 * no thread; -ENOSYS where nobody drives.
 * Blocks: the task, until fn returns. Cancel: only while it waits for a thread; once it has begun
 * it is waited for. Threads: any that drives. */
HK_API void *hk_offload(hk_entry *fn, void *arg);

#ifdef __cplusplus
}
#endif
#endif
