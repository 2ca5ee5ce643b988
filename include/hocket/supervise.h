/* SPDX-License-Identifier: MIT */
/* Supervision: a task that is made again when it fails. */
#ifndef HOCKET_SUPERVISE_H
#define HOCKET_SUPERVISE_H

#include <hocket/group.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hk_supervise_options {
    const char *name; /* of the task; borrowed */
    int64_t first;    /* ns before it is made again, twice as many each time; 0: 100 ms */
    int64_t most;     /* ns: no longer than that; 0: 30 s */
    /* Gives up where it failed more often than `failures` times within `period` ns; 0: never, 0:
     * 10 s. */
    unsigned failures;
    int64_t period;
    uint64_t reserved[3];
} hk_supervise_options;

/* Runs fn in a task, and again when that has failed, with growing pauses; after one that lived
 * longer than the longest pause they start from the first. Each failure is reported as one of
 * HK_ROOT is. (J. Armstrong's supervisors of Erlang/OTP: "transient", with intensity and period.)
 *   fn, arg: as hk_spawn.
 *   options: NULL for defaults.
 * Returns: 0: it has ended without failing, or was killed; its error: it failed too often;
 * -ECANCELED.
 * Blocks: until then. Cancel: of the task, and waits for its end. Threads: a scheduler's task. */
HK_API int hk_supervise(hk_entry *fn, void *arg, const hk_supervise_options *options);

#ifdef __cplusplus
}
#endif
#endif
