/* SPDX-License-Identifier: MIT */
/* Layer 2: system calls.
 *
 * A system call is a value that a coroutine hands, through any depth of calls and generators, to
 * whoever drives it. A call of your own embeds hk_call, as a class derives from SystemCall in David
 * Beazley's course:
 *
 *     struct get_tid { hk_call call; };
 *     static void get_tid_handle(hk_call *call) { hk_call_complete(call, hk_call_tid(call)); }
 *     static const hk_call_type get_tid_type = { .name = "get_tid", .handle = get_tid_handle };
 *     static hk_tid get_tid(void) { return HK_TRAP(struct get_tid, HK_CALL(get_tid_type)); }
 *
 * Its handler speaks to the call's driver alone, so it works under every driver: Hocket's
 * scheduler, or one of yours. Drivers are: plain thread code, a stackless step, the scheduler, and
 * whoever resumes a coroutine created `driven`. A driver that gets HK_TRAPPED fills in call->driver
 * and call->task, which accepts the call, and runs call->type->handle(call); or serves the call
 * itself and sends the result; or hands up what it does not know, waiting (hk_trap) or not
 * (call->done and hk_call_start); or answers -ENOSYS. One that accepted a call owns it until it is
 * complete or aborted. */
#ifndef HOCKET_CALL_H
#define HOCKET_CALL_H

#include <hocket/coro.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hk_driver hk_driver;
struct hk_driver {
    /* The call has its result (call->result): make its task go on. Any time after the handler
     * began. Not of a call with `done`: that is called instead. */
    void (*complete)(hk_driver *driver, hk_call *call, intptr_t result);
    /* The number of the call's task. */
    int64_t (*tid)(hk_driver *driver, const hk_call *call);
};

enum { HK_ABORTED, HK_ABORT_LATER };

enum {
    HK_CALL_ON_LOOP = 1, /* the handler needs a deep stack: it runs on the loop's */
    HK_CALL_NO_REFUSAL =
        2, /* never waits, or must work in cleanup: not refused where its task is cancelled */
    HK_CALL_ACCEPTS = 4 /* waits for new work: a soft stop ends it with -ESHUTDOWN */
};

typedef struct hk_call_type {
    const char *name;
    /* Completes the call, or keeps it and completes it later; never traps, never waits. */
    void (*handle)(hk_call *call);
    /* Asked at most once. HK_ABORTED: let go of, nothing will come. HK_ABORT_LATER: a completion
     * will come. NULL: it cannot be aborted, as LATER. */
    int (*abort)(hk_call *call);
    /* As snprintf; NULL: the name will do. */
    int (*describe)(const hk_call *call, char *buf, size_t size);
    uint32_t flags;
    /* The number of the task without which a parked call cannot go on: it holds the lock, it is
     * waited for. 0, or NULL: it may be anybody. For the report of a deadlock. */
    int64_t (*owner)(const hk_call *call);
} hk_call_type;

struct hk_call {
    const hk_call_type *type;
    hk_driver *driver; /* filled in by who accepts it */
    void *task;        /* likewise: the driver's own */
    union {
        /* Until there is a result: of a forwarded call, which is told here, and its task is not
         * resumed; else NULL. */
        void (*done)(hk_call *call);
        intptr_t result; /* from then on */
    };
    uint32_t since; /* when it parked, units of 256 ns; the lower bits */
    uint8_t state;  /* HK__CALL_NEW ... */
    uint8_t abort_asked;
    uint16_t since_above; /* the upper bits */
};

enum { HK__CALL_NEW, HK__CALL_HANDLING, HK__CALL_PARKED, HK__CALL_SETTLED, HK__CALL_ALARM };

HK_API void hk__call_misuse(const hk_call *call, const char *what) __attribute__((noreturn, cold));

/* Gives a call its result. For handlers, and for whoever kept the call; once.
 *   call: the call.
 *   result: a number, or -errno.
 * Returns: nothing; a second completion aborts with a sentence. Blocks: never. Cancel: done beats a
 * later cancel.
 * Threads: the driver's; from others through hk_sched_post. */
static inline void hk_call_complete(hk_call *call, intptr_t result)
{
    unsigned state = call->state;
    void (*done)(hk_call *) = call->done;
    if (HK__UNLIKELY(state == HK__CALL_SETTLED)) hk__call_misuse(call, "was completed twice");
    call->result = result;
    call->state = HK__CALL_SETTLED;
    if (state == HK__CALL_HANDLING) return;
    if (HK__UNLIKELY(call->driver == NULL))
        hk__call_misuse(call, "was completed, but no driver has accepted it");
    if (HK__UNLIKELY(done != NULL))
        done(call);
    else
        call->driver->complete(call->driver, call, result);
}

/* The number of the task that made a call.
 *   call: an accepted call.
 * Returns: the tid; no errors. Blocks: never. Cancel: no. Threads: the driver's. */
static inline int64_t hk_call_tid(const hk_call *call)
{
    return call->driver->tid(call->driver, call);
}

/* Makes a call without waiting: for stackless steps, and for drivers that forward a call with
 * call->done set.
 *   call: fresh (zeroed but for type, done and its own fields).
 * Returns: true: it has its result (call->result, -ENOSYS where nobody above can be told later);
 * false: it is under way, or, without done, to be returned as HK_TRAPPED. Blocks: never. Cancel: as
 * the call; a forwarded one is its driver's to abort.
 * Threads: the driver's. */
HK_API bool hk_call_start(hk_call *call);

/* Where a task or strand goes on elsewhere: from, to; to NULL: it need not leave. */
typedef struct hk__jump {
    hk__context *from;
    const hk__context *to;
} hk__jump;

HK_API hk__jump hk__trap_begin(hk_call *call);

static inline __attribute__((always_inline)) void hk__jump_over(hk_coro *me, hk__jump jump)
{
    if (jump.to == NULL) return;
    hk__leave(me, hk__here.self, false);
    hk__switch(jump.from, jump.to, 0, NULL);
    hk__arrive(me);
}

/* The one door: hands a call to whoever drives this strand and waits for its result.
 *   call: fresh; lives until this returns.
 * Returns: the result; -ECANCELED where the task was cancelled before the call began (nothing of it
 * happened) or while it waited; -ENOSYS where nobody knows the call. In a stackless step it aborts
 * with a sentence (HK_AWAIT is for those).
 * Blocks: the task, as the call says. Cancel: by the call's abort. Threads: any that drives. */
static inline __attribute__((always_inline)) intptr_t hk_trap(hk_call *call)
{
    hk_coro *me = hk__here.self;
    hk__jump_over(me, hk__trap_begin(call));
    return call->result;
}

/* HK_TRAP(struct get_tid, HK_CALL(get_tid_type), .field = 1): builds the call and traps. */
#define HK_CALL(call_type) .call = { .type = &(call_type) }
#ifndef __cplusplus
#define HK_TRAP(T, ...) hk_trap(&(T){ __VA_ARGS__ }.call)
#endif

#ifdef __cplusplus
}
#endif
#endif
