/* SPDX-License-Identifier: MIT */
/* Signals as objects that a task waits for.
 *
 *     HK_SIGNALS(stop, SIGTERM, SIGINT);
 *     int number = hk_signals_wait(&stop);
 *
 * While an object is open its signals do nothing else in this process. One that comes while nobody
 * waits is remembered, once each. Several objects, in several schedulers and threads too, may be
 * open for the same signal: each gets it. What the signal did before comes back when the last of
 * them closes. */
#ifndef HOCKET_SIGNAL_H
#define HOCKET_SIGNAL_H

#include <hocket/task.h>

#include <signal.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Not to be moved while it is open. Private. */
typedef struct hk_signals {
    void *sched;             /* where it was opened; NULL: it is not open */
    uint64_t serial;         /* that scheduler's */
    uint64_t set, pending;   /* bit n - 1 for signal n */
    hk_call *waiter;         /* parked */
    struct hk_signals *next; /* of that scheduler */
    int error;               /* why it could not be opened */
} hk_signals;

/* A wait as a value, for stackless steps. */
typedef struct hk_signals_call {
    hk_call call;
    hk_signals *signals;
} hk_signals_call;

extern HK_API const hk_call_type hk__signals_type;

/* Takes signals over from now on. A failure is kept, and hk_signals_wait reports it: -EINVAL: no
 * such signal, none at all, or one that cannot be taken (SIGKILL, SIGSTOP) or waited for (SIGSEGV,
 * SIGBUS, SIGFPE, SIGILL); -EPERM outside a scheduler; -ECHILD in the child of a fork.
 *   s: the object.
 *   list, count: the signals.
 * Returns: nothing. Blocks: never. Cancel: not refused. Threads: a scheduler's. */
HK_API void hk_signals_open(hk_signals *s, const int *list, size_t count);

/* Gives them back. Whoever waits for it is told -EBADF. One that is not open is left alone.
 *   s: the object.
 * Returns: nothing. Blocks: never. Cancel: not refused. Threads: its scheduler's. */
HK_API void hk_signals_close(hk_signals *s);

/* Fills in a wait, for HK_AWAIT in a stackless step; see hk_signals_wait.
 *   wait: the call.
 *   s: the object.
 * Returns: nothing. Blocks: never. Cancel: no. Threads: any. */
static inline void hk_signals_wait_prepare(hk_signals_call *wait, hk_signals *s)
{
    hk__call_init(&wait->call, &hk__signals_type);
    wait->signals = s;
}

/* Waits for a signal. Of several that have come, the lowest number first.
 *   s: the object.
 * Returns: the signal's number; why it could not be opened; -EBUSY: another task waits for it;
 * -EBADF: it is closed, or was closed meanwhile; -EPERM: it belongs to another scheduler;
 * -ECANCELED; -ENOSYS where nobody drives.
 * Blocks: the task. Cancel: at once, no signal is lost. Threads: its scheduler's. */
static inline int hk_signals_wait(hk_signals *s)
{
    hk_signals_call wait;
    hk_signals_wait_prepare(&wait, s);
    return (int)hk_trap(&wait.call);
}

/* HK_SIGNALS(stop, SIGTERM, SIGINT): an object that is open to the end of its block. */
#define HK_SIGNALS(name, ...) \
    const int name##_hk_list[] = { __VA_ARGS__ }; \
    hk_signals name HK_ON_LEAVE(hk_signals_close); \
    hk_signals_open(&name, name##_hk_list, HK_LEN(name##_hk_list))

#ifdef __cplusplus
}
#endif
#endif
