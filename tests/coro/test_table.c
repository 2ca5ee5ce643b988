/* SPDX-License-Identifier: MIT */
/* The whole table: each state of a coroutine against each operation on it, for both kinds.
 *
 * A row brings a coroutine into a state, applies an operation, and says what that gave and what the
 * next plain send then gives. The subject makes one call (where it has to park), yields 1, yields
 * what it was sent or 2, and returns 7; errors it lets pass.
 *
 * PARKED has five forms, told apart by who has the call: its driver has just been handed it; its
 * driver accepted it, and it can be aborted, or only later, or it is complete by now but its result
 * was not sent yet; or the subject is a member of somebody else's strand. The last is the same as
 * running: only the driver of a strand can do anything with it. */
#include "support/steps.h"

#include <stdlib.h>

/* ---- the subject, in both kinds ---- */

static void *stackful_body(void *arg)
{
    if (arg != NULL) {
        intptr_t r = keep();
        if (r < 0) return hk_val(r);
    }
    void *in = hk_yield(hk_val(1));
    if (hk_is_err(in)) return in;
    in = hk_yield(in != NULL ? in : hk_val(2));
    return hk_is_err(in) ? in : hk_val(7);
}

struct frame {
    hk_coro co;
    bool parks;
    struct keep call;
};

static hk_step stackless_body(hk_coro *co, void *in)
{
    struct frame *f = HK_CONTAINER(co, struct frame, co);
    HK_BEGIN(co);
    if (f->parks) {
        f->call = (struct keep){ HK_CALL(keep_type) };
        HK_AWAIT(co, &f->call.call);
        if (f->call.call.result < 0) HK_RETURN(co, hk_val(f->call.call.result));
    }
    HK_GIVE(co, hk_val(1));
    if (hk_is_err(in)) HK_RETURN(co, in);
    HK_GIVE(co, in != NULL ? in : hk_val(2));
    if (hk_is_err(in)) HK_RETURN(co, in);
    HK_END(co, hk_val(7));
}

static void free_frame(hk_coro *co) { free(HK_CONTAINER(co, struct frame, co)); }

static hk_coro *create(bool stackless, bool parks)
{
    if (!stackless) return hk_coro_create(stackful_body, hk_val(parks), NULL);
    struct frame *f = calloc(1, sizeof *f);
    f->parks = parks;
    hk_stackless_init(&f->co, stackless_body, free_frame);
    return &f->co;
}

/* ---- the states ---- */

enum state {
    CREATED,
    SUSPENDED,
    FINISHED,
    PARKED_HANDED,   /* its driver has the call in hand */
    PARKED_ACCEPTED, /* accepted, can be aborted */
    PARKED_LATER,    /* accepted, cannot be aborted yet */
    PARKED_COMPLETE, /* accepted and complete; the result is 0 */
};

static hk_coro *bring(bool stackless, enum state state)
{
    hk_coro *co = create(stackless, state >= PARKED_HANDED);
    if (state == CREATED) return co;
    hk_step step = hk_coro_send(co, NULL);
    if (state < PARKED_HANDED) CHECK_STR(step_text(step), "yielded 1");
    while (state == FINISHED && step.outcome == HK_YIELDED) step = hk_coro_send(co, NULL);
    if (state < PARKED_HANDED) return co;
    CHECK_STR(step_text(step), "trapped keep");
    keep_abort_answer = state == PARKED_ACCEPTED ? HK_ABORTED : HK_ABORT_LATER;
    if (state >= PARKED_ACCEPTED) CHECK(!accept_call(step.call));
    if (state == PARKED_COMPLETE) hk_call_complete(step.call, 0);
    return co;
}

/* ---- the operations ---- */

enum op { SEND_NULL, SEND_5, SEND_ERROR, THROW, THROW_NONSENSE, CLOSE, NEXT, DESTROY, LEAVE };
static const char *const op_names[] = { "send NULL", "send 5", "send -EIO", "throw -EIO", "throw 0",
                                        "close",     "next",   "destroy",   "leave" };

static const char *next_text(hk_coro *co)
{
    static char text[40];
    void *item = hk_val(99);
    int r = hk_coro_next(co, &item);
    if (r == 1)
        snprintf(text, sizeof text, "item %s", number_text(hk_num(item)));
    else
        snprintf(text, sizeof text, "%s", number_text(r));
    if (r != 1) CHECK_EQ(hk_num(item), 99);
    return text;
}

/* What the operation gave; *co is NULL where that freed it. */
static const char *apply(enum op op, hk_coro **co)
{
    int r;
    switch (op) {
    case SEND_NULL: return step_text(hk_coro_send(*co, NULL));
    case SEND_5: return step_text(hk_coro_send(*co, hk_val(5)));
    case SEND_ERROR: return step_text(hk_coro_send(*co, hk_val(-EIO)));
    case THROW: return step_text(hk_coro_throw(*co, -EIO));
    case THROW_NONSENSE: return step_text(hk_coro_throw(*co, 0));
    case CLOSE: return step_text(hk_coro_close(*co));
    case NEXT: return next_text(*co);
    case DESTROY:
        r = hk_coro_destroy(*co);
        if (r == 0) *co = NULL;
        return number_text(r);
    case LEAVE: hk_coro_leave(co); return "";
    }
    return "?";
}

struct row {
    enum state state;
    enum op op;
    const char *gives, *then; /* then: what the next send(NULL) gives; NULL: it is gone */
};

static void check_row(const struct row *row, bool stackless)
{
    hk_coro *co = bring(stackless, row->state);
    char gave[64], then[64] = "";
    snprintf(gave, sizeof gave, "%s", apply(row->op, &co));
    if (co != NULL && row->state == PARKED_LATER && kept->state != HK__CALL_SETTLED)
        hk_call_complete(kept, 0); /* what was to come later comes now */
    if (co != NULL) snprintf(then, sizeof then, "%s", step_text(hk_coro_send(co, NULL)));
    if (strcmp(gave, row->gives) != 0 || strcmp(then, row->then != NULL ? row->then : "") != 0)
        test_fail("%s, state %d, %s: gave '%s', then '%s'; must be '%s', then '%s'",
                  stackless ? "stackless" : "stackful", (int)row->state, op_names[row->op], gave,
                  then, row->gives, row->then != NULL ? row->then : "");
    CHECK_EQ(hk_coro_destroy(co), 0);
}

static const struct row table[] = {
    { CREATED, SEND_NULL, "yielded 1", "yielded 2" },
    { CREATED, SEND_5, "refused EINVAL", "yielded 1" },
    { CREATED, SEND_ERROR, "failed EIO", "finished" },
    { CREATED, THROW, "failed EIO", "finished" },
    { CREATED, THROW_NONSENSE, "refused EINVAL", "yielded 1" },
    { CREATED, CLOSE, "returned 0", "finished" },
    { CREATED, NEXT, "item 1", "yielded 2" },
    { CREATED, DESTROY, "0", NULL },
    { CREATED, LEAVE, "", NULL },

    { SUSPENDED, SEND_NULL, "yielded 2", "returned 7" },
    { SUSPENDED, SEND_5, "yielded 5", "returned 7" },
    { SUSPENDED, SEND_ERROR, "failed EIO", "finished" },
    { SUSPENDED, THROW, "failed EIO", "finished" },
    { SUSPENDED, THROW_NONSENSE, "refused EINVAL", "yielded 2" },
    { SUSPENDED, CLOSE, "returned 0", "finished" },
    { SUSPENDED, NEXT, "item 2", "returned 7" },
    { SUSPENDED, DESTROY, "0", NULL },
    { SUSPENDED, LEAVE, "", NULL },

    { FINISHED, SEND_NULL, "finished", "finished" },
    { FINISHED, SEND_5, "finished", "finished" },
    { FINISHED, SEND_ERROR, "failed EIO", "finished" },
    { FINISHED, THROW, "failed EIO", "finished" },
    { FINISHED, THROW_NONSENSE, "refused EINVAL", "finished" },
    { FINISHED, CLOSE, "finished", "finished" },
    { FINISHED, NEXT, "0", "finished" },
    { FINISHED, DESTROY, "0", NULL },
    { FINISHED, LEAVE, "", NULL },

    /* What its driver sends is the call's result. */
    { PARKED_HANDED, SEND_NULL, "yielded 1", "yielded 2" },
    { PARKED_HANDED, SEND_5, "yielded 1", "yielded 2" },
    { PARKED_HANDED, SEND_ERROR, "failed EIO", "finished" },
    { PARKED_HANDED, THROW, "failed EIO", "finished" },
    { PARKED_HANDED, THROW_NONSENSE, "refused EINVAL", "yielded 1" },
    { PARKED_HANDED, CLOSE, "returned 0", "finished" },
    { PARKED_HANDED, NEXT, "item 1", "yielded 2" },
    { PARKED_HANDED, DESTROY, "0", NULL },
    { PARKED_HANDED, LEAVE, "", NULL },

    /* Errors abort the call; values have to wait for its completion. (Then: refused once more.) */
    { PARKED_ACCEPTED, SEND_NULL, "refused EINPROGRESS", "refused EINPROGRESS" },
    { PARKED_ACCEPTED, SEND_5, "refused EINPROGRESS", "refused EINPROGRESS" },
    { PARKED_ACCEPTED, SEND_ERROR, "failed EIO", "finished" },
    { PARKED_ACCEPTED, THROW, "failed EIO", "finished" },
    { PARKED_ACCEPTED, THROW_NONSENSE, "refused EINVAL", "refused EINPROGRESS" },
    { PARKED_ACCEPTED, CLOSE, "returned 0", "finished" },
    { PARKED_ACCEPTED, NEXT, "-EINPROGRESS", "refused EINPROGRESS" },
    { PARKED_ACCEPTED, DESTROY, "0", NULL },
    { PARKED_ACCEPTED, LEAVE, "", NULL },

    /* Everything waits for its completion, which came right after the operation. */
    { PARKED_LATER, SEND_NULL, "refused EINPROGRESS", "yielded 1" },
    { PARKED_LATER, SEND_5, "refused EINPROGRESS", "yielded 1" },
    { PARKED_LATER, SEND_ERROR, "refused EINPROGRESS", "yielded 1" },
    { PARKED_LATER, THROW, "refused EINPROGRESS", "yielded 1" },
    { PARKED_LATER, THROW_NONSENSE, "refused EINVAL", "yielded 1" },
    { PARKED_LATER, CLOSE, "refused EINPROGRESS", "yielded 1" },
    { PARKED_LATER, NEXT, "-EINPROGRESS", "yielded 1" },
    { PARKED_LATER, DESTROY, "-EINPROGRESS", "yielded 1" },

    /* Done beats a later cancel: the call reports its result, the error meets the next yield. */
    { PARKED_COMPLETE, SEND_NULL, "yielded 1", "yielded 2" },
    { PARKED_COMPLETE, THROW, "failed EIO", "finished" },
    { PARKED_COMPLETE, THROW_NONSENSE, "refused EINVAL", "yielded 1" },
    { PARKED_COMPLETE, CLOSE, "returned 0", "finished" },
    { PARKED_COMPLETE, NEXT, "item 1", "yielded 2" },
    { PARKED_COMPLETE, DESTROY, "0", NULL },
    { PARKED_COMPLETE, LEAVE, "", NULL },
};

TEST(every_state_against_every_operation_stackful)
{
    for (size_t i = 0; i < HK_LEN(table); i++) check_row(&table[i], false);
}

TEST(every_state_against_every_operation_stackless)
{
    for (size_t i = 0; i < HK_LEN(table); i++) check_row(&table[i], true);
}

/* ---- running ---- */

static const struct {
    enum op op;
    const char *gives;
} when_running[] = {
    { SEND_NULL, "refused EALREADY" },
    { SEND_5, "refused EALREADY" },
    { SEND_ERROR, "refused EALREADY" },
    { THROW, "refused EALREADY" },
    { THROW_NONSENSE, "refused EINVAL" },
    { CLOSE, "refused EALREADY" },
    { NEXT, "-EALREADY" },
    { DESTROY, "-EALREADY" },
};

/* Everything but LEAVE, which aborts (test_misuse.c). */
static void try_everything(hk_coro *co)
{
    for (size_t i = 0; i < HK_LEN(when_running); i++)
        CHECK_STR(apply(when_running[i].op, &co), when_running[i].gives);
}

static void *stackful_tries_itself(void *arg)
{
    try_everything(*(hk_coro **)arg);
    void *in = hk_yield(hk_val(1));
    try_everything(*(hk_coro **)arg);
    return in;
}

static hk_step stackless_tries_itself(hk_coro *co, void *in)
{
    HK_BEGIN(co);
    try_everything(co);
    HK_GIVE(co, hk_val(1));
    try_everything(co);
    HK_END(co, in);
}

TEST(a_running_one_refuses_every_operation_and_goes_on)
{
    hk_coro *co = hk_coro_create(stackful_tries_itself, &co, NULL), stackless;
    CHECK_STEP(hk_coro_send(co, NULL), "yielded 1");
    CHECK_STEP(hk_coro_send(co, hk_val(5)), "returned 5");
    CHECK_EQ(hk_coro_destroy(co), 0);
    hk_stackless_init(&stackless, stackless_tries_itself, NULL);
    CHECK_STEP(hk_coro_send(&stackless, NULL), "yielded 1");
    CHECK_STEP(hk_coro_send(&stackless, hk_val(5)), "returned 5");
}

/* ---- a member of somebody else's strand ---- */

struct members {
    hk_coro *root, *middle, *leaf;
};

static void *passes_on(void *arg)
{
    hk_coro **inner = arg;
    void *item;
    int r = hk_coro_next(*inner, &item);
    return r == 1 ? item : hk_val(r);
}

static void check_parked_members(bool stackless)
{
    struct members m = { .leaf = create(stackless, true) };
    m.middle = hk_coro_create(passes_on, &m.leaf, NULL);
    m.root = hk_coro_create(passes_on, &m.middle, NULL);
    CHECK_STEP(hk_coro_send(m.root, NULL), "trapped keep");
    try_everything(m.leaf);
    try_everything(m.middle);
    CHECK_STEP(hk_coro_send(m.root, NULL), "returned 0"); /* middle RETURNED: next says 0 */
    CHECK_STEP(hk_coro_send(m.leaf, NULL), "yielded 2");
    CHECK_EQ(hk_coro_destroy(m.root), 0);
    CHECK_EQ(hk_coro_destroy(m.middle), 0);
    CHECK_EQ(hk_coro_destroy(m.leaf), 0);
}

TEST(members_of_a_parked_strand_are_running_to_everyone)
{
    check_parked_members(false);
    check_parked_members(true);
}

/* ---- threads, tasks ---- */

static void *does_nothing(void *arg) { return arg; }

static void *tries_a_task(void *arg)
{
    struct frame *f = arg;
    try_everything(&f->co); /* queued, never run: a task is the scheduler's from the start */
    return NULL;
}

static hk_step one_step(hk_coro *co, void *in)
{
    HK_BEGIN(co);
    HK_END(co, in);
}

static void *spawns(void *arg)
{
    static struct frame f;
    (void)arg;
    hk_stackless_init(&f.co, one_step, NULL);
    CHECK(hk_spawn_stackless(HK_ROOT, &f.co, "target") > 0);
    tries_a_task(&f);
    CHECK(hk_spawn(HK_ROOT, does_nothing, NULL) > 0);
    return NULL;
}

TEST(a_task_is_its_schedulers_alone) { CHECK_EQ(hk_run(spawns, NULL, NULL), 0); }
