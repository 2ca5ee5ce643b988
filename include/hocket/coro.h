/* SPDX-License-Identifier: MIT */
/* Layer 1: coroutines.
 *
 * A coroutine is a function with a stack of its own. Its consumer resumes it with hk_coro_send; it
 * hands back a value with hk_yield, from any call depth, and goes on where it was when the next
 * value is sent:
 *
 *     void *body(void *arg) { void *pong = arg, *ping;
 *                             while (!hk_is_err(ping = hk_yield(pong))) pong = reply(ping);
 *                             return NULL; }
 *
 * Sending an error value is throwing it: the pending yield returns it, and the body unwinds by
 * returning. Closing is throwing -ECANCELED and expecting the body to end.
 *
 * States: CREATED -> RUNNING <-> SUSPENDED -> FINISHED. A coroutine that has resumed another one is
 * RUNNING too. A strand is a coroutine that a driver resumed (its root) and all that it resumed in
 * turn, down to the leaf that runs; a system call (call.h) suspends the whole strand. A coroutine
 * that was started stays on its thread: others are refused (-EALREADY). */
#ifndef HOCKET_CORO_H
#define HOCKET_CORO_H

#include <hocket/context.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hk_coro hk_coro;
typedef struct hk_task_link hk_task_link;

/* One resume of a stackless coroutine (stackless.h). */
typedef hk_step hk_step_fn(hk_coro *co, void *in);

/* What few of the stackless ones have, and those allocate it when they do. Private. */
struct hk__seldom {
    const char *name;
    struct hk__why *why;      /* what hk_fail recorded */
    struct hk__bound *values; /* a task's: context variables that it has inherited */
    int64_t killer;           /* who killed it; -1: no task; 0: nobody */
};

/* The part that both kinds share; private. Line 0 is all that a switch between tasks touches.
 * Millions of stackless ones may wait: so they have no more than this, and share words that only
 * one of two states needs. */
struct hk_coro {
    union {
        hk__context context; /* where the strand goes on: own frame, or its leaf's */
        struct {
            hk_step_fn *step;             /* the body */
            void (*release)(hk_coro *co); /* the frame goes back to its owner */
            struct hk_wait_call *waiters; /* as a stackful one's */
            intptr_t seldom;              /* the address of its hk__seldom; odd: it has none, this
                                           * is twice its killer, and 1 */
            int pc;                       /* where its step goes on */
            uint16_t refusals;
            bool holds;
        } stackless;
    } at;
    uintptr_t state; /* HK__CREATED ..., or the thread it is suspended on */
    hk_coro *leaf;   /* who runs when this strand is resumed; NULL: stackless */
    union {
        /* Root of the strand it runs in; NULL: it drives whatever it resumes, as a stackless one
         * does. */
        hk_coro *root;
        hk_call *returned; /* of a stackless one while it does not run: the call it returned last */
    };

    int64_t tid;            /* the task's number, 0: no task */
    struct hk_group *group; /* a task's */
    union {
        hk_coro *next;     /* tasks of one group, in order of creation */
        hk_coro *borrowed; /* of a stackless one that is no task: whose stack it runs on */
    };
    hk_coro *prev;
    struct hk_scope *scope; /* root only: the innermost that is open in this strand */
};

enum {
    HK__CREATED,
    HK__RUNNING,
    HK__SCOPED,
    HK__FINISHED,
    HK__TASK,
    HK__TASK_MARKED,
    HK__TASK_INHERITED,
    HK__BOUND
};
/* RUNNING may yield; SCOPED may not, because it has a scope open; TASK and TASK_MARKED run (or are
 * parked) under a scheduler, which for the latter looks at its scopes at each call; TASK_INHERITED
 * goes on in the child of a fork, where that scheduler is dead; BOUND runs and may not yield: a
 * thread, a stackless step, a coroutine that runs the handlers of a dropped stack. Any other value
 * is &hk__here of the thread that it is suspended on, plus HK__STACKLESS, plus HK__IN_CALL where
 * its strand is parked in a system call, plus HK__CLOSING where that call is made by the cleanup of
 * one that HK_DELEGATE closes. */
enum { HK__STACKLESS = 1, HK__IN_CALL = 2, HK__CLOSING = 4 };

struct hk__cxx_exceptions {
    void *caught;
    unsigned uncaught;
};

/* A coroutine with a stack; at the top of that stack. Private. A line is what a consumer and its
 * coroutine touch when they switch, besides line 0, and no task does: so the life of a task is in
 * four lines, and a generator's switch in two. */
typedef struct hk__stackful {
    hk_coro coro;
    hk_call *call;                /* root only: the call it is parked in */
    struct hk_wait_call *waiters; /* the last of a ring: who waits for its end */
    struct hk__at_end *at_end;

    struct hk__seldom seldom;
    uint16_t refusals; /* of a cancelled task, in a row */
    bool owns_name;    /* name is on the heap */
    bool started;      /* it has said so to whoever made it */
    bool holds;        /* locks that others wait for */
    bool daemon;       /* its group does not wait for it */
    hk_entry *entry;
    void *arg;
    void (*end)(struct hk__stackful *self, void *value); /* after the body; does not return */

    hk__context back; /* where its resumer goes on */
    hk_coro *resumer;
    union {
        void *fake_stack; /* AddressSanitizer's */
        void *fiber;      /* ThreadSanitizer's */
    };
    bool driven; /* no task's */

    struct hk__cxx_exceptions exceptions;
    void (*arg_release)(void *arg);
    char *stack;        /* lowest address, the guard's */
    uint32_t size;      /* of the stack, guard included, bytes */
    uint8_t size_class; /* where it is kept when it is free */
} hk__stackful;

/* What a thread knows; its address is the thread's identity. */
typedef struct hk__thread {
    /* Who runs: a coroutine, or the thread itself; NULL until it first resumes one. */
    hk_coro *self;
    /* The C++ runtime's record for this thread; NULL where there is none. */
    struct hk__cxx_exceptions *exceptions;
    /* The scheduler that runs here. */
    void *sched;
    /* Who runs its loop, or ran it last: on whose stack all stackless tasks run. */
    hk_coro *host;
} hk__thread;
extern HK_API __thread hk__thread hk__here __attribute__((tls_model("initial-exec")));

/* On whose stack a stackless one runs: that of whoever resumed it. */
static inline hk_coro *hk__lender_of(const hk_coro *co)
{
    return co->tid != 0 ? hk__here.host : co->borrowed;
}

#ifdef __cplusplus
}
#endif

#include <hocket/annotate.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hk_coro_options {
    const char *name; /* shown in reports; borrowed. NULL: "coroutine" or the task's function */
    /* Bytes, guard page included; 0: 64 KiB. Rounded up to a power of two, at least 16 KiB, or,
     * where it is unguarded, 2 KiB. */
    size_t stack;
    /* Bytes; not 0: *arg is copied to the top of the new stack, and the body gets the copy. */
    size_t arg_size;
    /* Called instead of the body where the body never runs, a failed create included. */
    void (*arg_release)(void *arg);
    /* Whoever resumes it is its driver: its system calls stop there. */
    bool driven;
    /* create runs it to its first yield, so that the first send is received. */
    bool primed;
    /* Of a task in a group: the close does not wait for it, but cancels it when all others have
     * ended. */
    bool daemon;
    /* For very many that need very little: a stack below 16 KiB is as small as that, with no guard
     * page, close to others in large pages. Who overflows it writes into another's stack; that is
     * noticed when it ends, and aborts with a sentence. hk_fail with a text needs 4 KiB by
     * itself. */
    bool unguarded;
    uint64_t reserved[3];
} hk_coro_options;

/* Makes a coroutine. Nothing of fn runs yet, unless primed.
 *   fn: the body; its return value is the coroutine's.
 *   arg: handed to it.
 *   options: NULL for defaults.
 * Returns: the coroutine, or NULL without memory for a stack (-ENOMEM; arg_release has been
 * called).
 * Blocks: never; a primed body may trap. Cancel: no. Threads: any. */
HK_API hk_coro *hk_coro_create(hk_entry *fn, void *arg, const hk_coro_options *options);

/* Closes a coroutine and frees it. NULL is taken.
 *   co: not usable afterwards where 0 is returned.
 * Returns: 0; -EBUSY where it ignores its close, -EALREADY where it runs, -EINPROGRESS where it is
 * parked in a call that cannot be aborted at once: then nothing is freed. What the body failed with
 * while closing is dropped.
 * Blocks: as long as the body's cleanup does. Cancel: no. Threads: the one it was started on; any,
 * if never started. */
HK_API int hk_coro_destroy(hk_coro *co);

/* hk_coro_throw: an error becomes the result of the pending yield. A fresh coroutine finishes
 * without running.
 *   co: the target.
 *   error: -1..-4095.
 * Returns: as hk_coro_send; FAILED with error itself where the body lets it pass, never ran, or had
 * finished; REFUSED: -EINVAL (no error, nothing was resumed), -EALREADY (it runs), -EINPROGRESS
 * (parked in an accepted call whose abort comes later). Where it is parked in a call that is
 * complete, that reports its result, and the error is met where it waits next. Blocks: as
 * hk_coro_send. Cancel: no. Threads: the one it was started on. */
HK_API hk_step hk_coro_throw(hk_coro *co, int error);

/* hk_coro_close: throws -ECANCELED, as hk_coro_throw does, and expects the end. Cleanup of a fresh
 * coroutine does not run: it never began.
 *   co: the target.
 * Returns: RETURNED with the body's value (NULL where it let -ECANCELED pass or never ran);
 * FINISHED where it had ended; FAILED with another error of the body; TRAPPED to a driver whose
 * call the cleanup makes: serve it and go on with send;
 * REFUSED: -EBUSY (it yielded again: still suspended and usable), -EALREADY, -EINPROGRESS.
 * Blocks: as hk_coro_send. Cancel: no. Threads: the one it was started on. */
HK_API hk_step hk_coro_close(hk_coro *co);

/* The next item of a generator: send(NULL) for those who only read.
 *   co: the generator.
 *   ret_value: receives the item; untouched otherwise.
 * Returns: 1 an item; 0 it returned or had ended; -errno it failed or was refused. A system call of
 * it that nobody serves is answered -ENOSYS, and it goes on. Blocks: as long as the body. Cancel:
 * no.
 * Threads: its own. */
HK_API int hk_coro_next(hk_coro *co, void **ret_value);

/* Hands all sends, throws and the close of this coroutine on to an inner one until that ends
 * (Python's `yield from`).
 *   inner: a coroutine not running; stays the caller's to destroy.
 * Returns: the inner's value, or its error as a value: -EBUSY where it ignored its close,
 * -ECANCELED after this one was closed. Blocks: the coroutine, while the inner lives. Cancel: close
 * unwinds inner before outer. Threads: its own. */
HK_API void *hk_coro_delegate(hk_coro *inner) HK_MUST_CHECK;

/* Registers a function to be called when this coroutine or task ends: last registered first, once,
 * after the body returned or where its stack is dropped (hk_task_exit, a close that was ignored).
 * Handlers may yield and make calls, except where the stack was dropped by others.
 *   fn: called with arg.
 *   arg: may point into this coroutine's own stack.
 * Returns: 0; -ENOMEM; -EPERM outside a coroutine with a stack. Blocks: never. Cancel: no. Threads:
 * its own. */
HK_API int hk_at_end(void (*fn)(void *arg), void *arg);

/* The end of an HK_CORO block: destroys; one that ignores its close loses its stack, its at_end
 * handlers run, and one line on stderr says so.
 *   co: the block's variable.
 * Returns: nothing. Blocks: as hk_coro_destroy. Cancel: no. Threads: its own. */
HK_API void hk_coro_leave(hk_coro **co);

/* HK_CORO(name, fn, arg, options): a coroutine that ends with the block it is declared in. */
#define HK_CORO(name, ...) hk_coro *name HK_ON_LEAVE(hk_coro_leave) = hk_coro_create(__VA_ARGS__)

HK_API hk_step hk__coro_send_slow(hk_coro *co, void *value);
HK_API void hk__yield_misuse(const hk_coro *me, const void *value) __attribute__((noreturn, cold));

/* A compiler that sees the struct of a stackless coroutine here thinks it is resumed like this. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Warray-bounds"

/* Resumes a suspended coroutine with a stack; the caller has checked that it is one, suspended on
 * this thread. */
static inline __attribute__((always_inline)) hk_step hk__coro_resume(hk_coro *co, void *value)
{
    hk_coro *me = hk__here.self;
    hk__stackful *s = (hk__stackful *)co;
    co->root = me->root == NULL || s->driven ? co : me->root;
    __atomic_store_n(&co->state, (uintptr_t)HK__RUNNING, __ATOMIC_RELAXED);
    s->resumer = me;
    hk__here.self = co->leaf;
    hk__leave(me, co->leaf, false);
    hk_step step = hk__switch(&s->back, &co->at.context, 0, value);
    hk__here.self = me;
    hk__arrive(me);
    return step;
}

#pragma GCC diagnostic pop

/* Resumes a coroutine: its pending yield returns value. The first send starts it and must carry
 * NULL.
 *   co: the target.
 *   value: an error value is thrown (see hk_coro_throw).
 * Returns: YIELDED with the yield's value; RETURNED with the body's, once; FAILED with the body's
 * error, once; FINISHED where it had ended; TRAPPED to a driver, with the call; REFUSED, the target
 * untouched: -EALREADY (it runs, or belongs to another thread), -EINVAL (a value to a fresh one, or
 * no coroutine).
 * Blocks: until it yields or ends; its system calls wait in the caller's strand. Cancel: no.
 * Threads: the one it was started on; of several that start it at once, one does. */
static inline __attribute__((always_inline)) hk_step hk_coro_send(hk_coro *co, void *value)
{
    if (HK__UNLIKELY(co == NULL ||
                     __atomic_load_n(&co->state, __ATOMIC_RELAXED) != (uintptr_t)&hk__here))
        return hk__coro_send_slow(co, value);
    return hk__coro_resume(co, value);
}

/* Hands a value to the consumer and waits for the next: ping = hk_yield(pong).
 *   value: the item; an error is misuse.
 * Returns: what the consumer sent; an error value where it threw or closed: clean up and return.
 * Yielding outside a coroutine, in a task (give up the processor with hk_sched_yield) or in a
 * stackless step aborts with a sentence.
 * Blocks: until resumed. Cancel: by close and throw. Threads: its own. */
static inline __attribute__((always_inline)) HK_MUST_CHECK void *hk_yield(void *value)
{
    hk_coro *me = hk__here.self;
    if (HK__UNLIKELY(me == NULL || hk_is_err(value) ||
                     __atomic_load_n(&me->state, __ATOMIC_RELAXED) != HK__RUNNING))
        hk__yield_misuse(me, value);
    hk__stackful *s = (hk__stackful *)me;
    __atomic_store_n(&me->state, (uintptr_t)&hk__here, __ATOMIC_RELAXED);
    hk__leave(me, s->resumer, false);
    hk_step step = hk__switch(&me->at.context, &s->back, HK_YIELDED, value);
    hk__arrive(me);
    return step.value;
}

#ifdef __cplusplus
}
#endif
#endif
