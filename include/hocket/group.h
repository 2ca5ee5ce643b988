/* SPDX-License-Identifier: MIT */
/* Layer 3: groups: tasks that do not outlive a block.
 *
 *     HK_GROUP(g, NULL);
 *     hk_go(&g, fetch, "a");
 *     hk_go(&g, fetch, "b");
 *     int r = work();
 *     return hk_group_close(&g, r);
 *
 * The close waits for all of them. The first failure cancels the others and the body (the code
 * between opening and close), and is what the close returns: one returns from it knowing that
 * nothing is left running. A body that fails hands its result to the close, and the children are
 * cancelled. A group is a scope: it has a deadline, can be shielded and cancelled, nests.
 *
 * Its tasks end as cancelled where somebody has cancelled them and they return -ECANCELED: that is
 * no failure. Stopping a group early, softly or not, is none either. */
#ifndef HOCKET_GROUP_H
#define HOCKET_GROUP_H

#include <hocket/queue.h>
#include <hocket/scope.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum hk_policy {
    HK_ALL,           /* the first failure cancels the others */
    HK_ANY,           /* the first that ends, in whatever way, cancels the others */
    HK_FIRST_SUCCESS, /* the first that does not fail cancels the others */
    HK_INDEPENDENT    /* nobody cancels anybody; failures are reported as those of HK_ROOT */
} hk_policy;

typedef struct hk_group_options {
    const char *name; /* borrowed; shown in reports */
    hk_policy policy;
    int64_t timeout; /* ns; 0: none */
    uint32_t limit;  /* so many live at once, a spawn above that waits; 0: no limit */
    uint64_t reserved[3];
} hk_group_options;

/* Lies in the block it guards; not moved while it is open. Private. */
struct hk_group {
    hk_scope scope;
    hk_coro *first, *last; /* children, in order of creation */
    uint32_t live;         /* of them, those that the close waits for */
    uint32_t daemons;      /* and those that it ends */
    uint32_t promised;     /* room that was given to spawns which are not yet done */
    uint32_t limit;
    uint8_t policy;
    uint8_t force; /* what is in force for its children: HK__CANCELLED ... */
    bool closing;
    bool cut;     /* a task was cancelled otherwise than by a kill */
    bool won;     /* HK_FIRST_SUCCESS: one has succeeded */
    bool in_time; /* the first failure was before the deadline */
    const char *name;
    hk__queue waiters; /* for the last child, or for room */
    hk__alarm grace;   /* of the soft stop */
    int error;         /* the first failure; 0: none */
    struct hk__ends *ends;
    struct hk_group *next, *prev; /* of the scheduler, in order of opening */
};

extern HK_API const hk_call_type hk__group_close_type, hk__group_room_type, hk__group_wait_type,
    hk__start_type;

HK_API void hk__group_open(hk_group *g, const hk_group_options *options, const char *file,
                           int line);

/* Opens a group. All of it lies in *g, so this cannot fail.
 *   g: the group. Where it is not declared with HK_GROUP, hk_group_leave must follow its close.
 *   options: NULL for defaults.
 * Returns: nothing. Blocks: never. Cancel: not refused. Threads: any; tasks need a scheduler's. */
#define hk_group_open(g, ...) hk__group_open((g), (__VA_ARGS__), __FILE__, __LINE__)

/* Waits until no task of it is left, and closes it. Daemons are cancelled when all others have
 * ended.
 *   g: opened here, the last scope that is open; anything else aborts with a sentence.
 *   result: what the body came to; < 0: it has failed, the children are cancelled.
 * Returns: the first failure, the body's or a child's, with its reason in hk_why(); -ETIMEDOUT
 * where its time was over before that, and cut something short; -ECANCELED where something outside
 * of it did; else result, or 0 where that is the -ECANCELED or -ESHUTDOWN which the group itself
 * has caused.
 * Blocks: until all have ended. Cancel: of the tasks, not of this wait. Threads: its own. */
HK_API HK_MUST_CHECK intptr_t hk_group_close(hk_group *g, intptr_t result);

/* The end of an HK_GROUP block: closes with -ECANCELED a group that is open, reports the failures
 * that its close then would have returned, and gives back what was kept of its tasks.
 *   g: the group.
 * Returns: nothing. Blocks: as hk_group_close. Cancel: of the tasks, not of this wait. Threads: its
 * own. */
HK_API void hk_group_leave(hk_group *g);

/* Waits until none of its tasks lives, daemons apart; it stays open.
 *   g: an open group.
 * Returns: 0; -EDEADLK: the caller is one of them, or below one; -EPIPE: it is closed; -ECANCELED.
 * Blocks: until then. Cancel: at once. Threads: its scheduler's. */
HK_API int hk_group_wait(hk_group *g);

/* Stops a group softly: accept-like calls in it, the body's too, end with -ESHUTDOWN now, and are
 * refused so; all else may finish. What has not when the grace is over is cancelled. The close
 * takes neither for a failure.
 *   g: an open group; one that is not open is left alone.
 *   grace: ns; 0: cancel now; HK_FOREVER: never. Of several stops the grace that is over first
 *   counts.
 * Returns: nothing. Blocks: never. Cancel: not refused. Threads: its scheduler's. */
HK_API void hk_group_stop(hk_group *g, int64_t grace);

/* A group as the scope that it is, for all of scope.h but the close.
 *   g: the group.
 * Returns: the scope; no errors. Blocks: never. Cancel: no. Threads: any. */
static inline hk_scope *hk_group_scope(hk_group *g) { return &g->scope; }

/* Cancels the body and all tasks; see hk_scope_cancel.
 *   g: the group.
 *   why: a few words; they must live as long as the group.
 * Returns: nothing. Blocks: never. Cancel: not refused. Threads: its scheduler's. */
#define hk_group_cancel(g, why) hk_scope_cancel(hk_group_scope(g), (why))

/* A task that failed. */
typedef struct hk_failure {
    hk_tid tid;
    const char *name;
    int error;
    const char *why;
} hk_failure;

/* The failures of a group, first to last; readable after the close too, until hk_group_leave.
 *   g: the group; it keeps the texts.
 *   ret_list: filled with at most max of them; the first 64 are kept.
 *   max: how many fit.
 * Returns: how many there were. Blocks: never. Cancel: no. Threads: its scheduler's. */
HK_API size_t hk_group_failures(const hk_group *g, hk_failure *ret_list, size_t max);

/* HK_GROUP(g, NULL): a group that is closed at the end of its block at the latest. */
#define HK_GROUP(name, ...) \
    hk_group name HK_ON_LEAVE(hk_group_leave); \
    HK__NO_JUMP(name) \
    hk_group_open(&name, __VA_ARGS__)

/* Fills in a close, for stackless steps: HK_AWAIT(co, &f->close.call), then hk_group_leave; see
 * hk_group_close.
 *   close: the call.
 *   g: the group.
 *   result: the body's.
 * Returns: nothing. Blocks: never. Cancel: no. Threads: any. */
HK_API void hk_group_close_prepare(hk_sync_call *close, hk_group *g, intptr_t result);

/* ---- started ---- */

/* Makes a task and waits until that says hk_task_started.
 *   g, fn, arg: as hk_spawn.
 *   ret_value: what it has said; may be NULL.
 * Returns: its tid; -ENOMSG: it ended without a word; what it failed with before it did so (which
 * is no failure of the group then); as hk_spawn; -ECANCELED: then the task has been killed, and has
 * ended; -ESHUTDOWN: likewise, where a soft stop has ended the wait (hk_scope_soft).
 * Blocks: until then. Cancel: kills the task and waits for its end. Threads: a scheduler's task. */
HK_API hk_tid hk_spawn_started(hk_group *g, hk_entry *fn, void *arg, void **ret_value);
#ifndef __cplusplus
#define hk_spawn_started(g, fn, ...) hk__spawn_started((g), (fn), #fn, __VA_ARGS__)
#endif

HK_API hk_tid hk__spawn_started(hk_group *g, hk_entry *fn, const char *name, void *arg,
                                void **ret_value);

/* Says that the calling task has started: for hk_spawn_started.
 *   value: for whoever waits.
 * Returns: 0; -EALREADY: it has said so before; -EPERM: nobody asked, or outside a task. Blocks:
 * never. Cancel: not refused. Threads: a task's. */
HK_API int hk_task_started(void *value);

#ifdef __cplusplus
}
#endif
#endif
