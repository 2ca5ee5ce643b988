/* SPDX-License-Identifier: MIT */
/* Layer 3: scopes: deadlines and cancellation.
 *
 * A scope is a stretch of code, from its opening to its close, that can be cancelled: by its
 * deadline, or by anybody who holds it. Whatever waits in there ends with -ECANCELED, and every
 * later call in there that may wait is refused, until the scope is closed:
 *
 *     HK_SCOPE(limit, HK_SEC(5));
 *     ssize_t n = hk_read(fd, buf, sizeof buf);
 *     return hk_val(hk_scope_close(&limit, n));     -- -ETIMEDOUT where the five seconds were over
 *
 * So no call takes a timeout. Scopes nest: the one that ends first counts. A timeout of 0 forbids
 * waiting: what need not wait succeeds ("try"). A call that completed is never undone: it says what
 * it did, and the next one is refused.
 *
 * A scope belongs to the coroutine that opened it, and to what that calls and consumes: the sleep
 * of a generator is cut by a scope of its consumer. It is closed by who opened it, the last opened
 * first. A generator cannot yield while a scope of its own is open, a body cannot end so: that
 * aborts, with the place. Cancelling reaches every task of the groups (group.h) opened inside.
 *
 * Under a driver that is not Hocket's scheduler there is no time: deadlines mean nothing there, and
 * a cancelled scope refuses calls where they are made. */
#ifndef HOCKET_SCOPE_H
#define HOCKET_SCOPE_H

#include <hocket/task.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Where and why something was cancelled, and by whom. */
typedef struct hk__reason {
    hk_tid by;        /* 0: nobody, its time was over; -1: no task */
    const char *why;  /* NULL: it is not cancelled */
    const char *file; /* NULL: no place */
    int line;
} hk__reason;

/* Lies in the block it guards; not moved while it is open. Private. */
typedef struct hk_scope {
    struct hk_scope *outer; /* of the same strand */
    hk_coro *owner;         /* who opened it; NULL: it is not open */
    hk_coro *strand;        /* the root of where it was opened */
    void *sched;            /* NULL: none runs here */
    hk__alarm deadline;
    const char *file; /* where it was opened */
    int line;
    uint16_t is; /* HK__CANCELLED ... */
    hk__reason reason;
} hk_scope;

HK_API void hk__scope_open(hk_scope *s, int64_t timeout, const char *file, int line);
HK_API void hk__scope_cancel(hk_scope *s, const char *file, int line, const char *why);

/* Opens a scope around what follows.
 *   s: the scope.
 *   timeout: ns; HK_FOREVER: none; 0: nothing in here may wait; < 0: it is over already.
 * Returns: nothing; cannot fail. Blocks: never. Cancel: not refused. Threads: any. */
#define hk_scope_open(s, timeout) hk__scope_open((s), (timeout), __FILE__, __LINE__)

/* Closes a scope.
 *   s: opened here, the last that is open; anything else aborts with a sentence.
 *   result: what the code inside came to.
 * Returns: result; or -ETIMEDOUT where that is the -ECANCELED which the deadline of this scope has
 * caused, or its ban on waiting. Where an outer scope is cancelled too, -ECANCELED stays: it is for
 * that one to say. Blocks: never. Cancel: not refused. Threads: its own. */
HK_API intptr_t hk_scope_close(hk_scope *s, intptr_t result);

/* The end of an HK_SCOPE block: closes a scope that is open.
 *   s: the scope.
 * Returns: nothing. Blocks: never. Cancel: not refused. Threads: its own. */
HK_API void hk_scope_leave(hk_scope *s);

/* Moves the deadline. One that is cancelled, or over, stays so.
 *   s: an open scope.
 *   timeout: ns from now; HK_FOREVER, 0 and < 0 as for hk_scope_open.
 * Returns: nothing. Blocks: never. Cancel: not refused. Threads: its scheduler's. */
HK_API void hk_scope_rearm(hk_scope *s, int64_t timeout);

/* Hides what is outside of a scope from what is in it: cancels, kills, deadlines, soft stops. Its
 * own deadline works, and whoever cancels it itself.
 *   s: an open scope.
 *   on: or no more: then what was hidden counts at once.
 * Returns: nothing. Blocks: never. Cancel: not refused. Threads: its scheduler's. */
HK_API void hk_scope_shield(hk_scope *s, bool on);

/* Marks what waits in a scope as accept-like: a soft stop (hk_group_stop) ends it with -ESHUTDOWN,
 * as it does hk_accept. For a server that waits for the next request of an idle connection. Tasks
 * of groups inside are not concerned.
 *   s: an open scope.
 *   on: or no more.
 * Returns: nothing. Blocks: never. Cancel: not refused. Threads: its scheduler's. */
HK_API void hk_scope_soft(hk_scope *s, bool on);

/* Cancels a scope. The first reason is kept: who, why, and where this stands.
 *   s: an open scope; one that is not open is left alone.
 *   why: a few words, not NULL; they must live as long as the scope.
 * Returns: nothing. Blocks: never. Cancel: not refused. Threads: its scheduler's; from others
 * through hk_sched_post. */
#define hk_scope_cancel(s, why) hk__scope_cancel((s), __FILE__, __LINE__, (why))

/* A goto past what stands here into its block is an error: the end of the block would close what
 * was never opened. Clang says so by itself, and C++. */
#if defined __GNUC__ && !defined __clang__ && !defined __cplusplus
#define HK__NO_JUMP(name) \
    _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wvla\"") \
        __attribute__((unused)) typedef char name##_hk__no_jump[1 + ((uintptr_t)&name & 1)]; \
    _Pragma("GCC diagnostic pop")
#else
#define HK__NO_JUMP(name)
#endif

/* HK_SCOPE(limit, HK_SEC(5)): a scope that is open to the end of its block at most. */
#define HK_SCOPE(name, timeout) \
    hk_scope name HK_ON_LEAVE(hk_scope_leave); \
    HK__NO_JUMP(name) \
    hk_scope_open(&name, (timeout))

#ifdef __cplusplus
}
#endif
#endif
