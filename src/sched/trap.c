/* SPDX-License-Identifier: MIT */
/* A system call under the scheduler.
 *
 * The handler runs on the trapping task's own stack. If the call completes at once the task never
 * leaves; if not, the task is parked and the next ready one is picked here, and the switch to it
 * happens at the call site of the one who leaves: these functions only say from where to where. A
 * call is settled once, by whoever gets there first (its completion, or an abort); the task learns
 * of it later, and that decides nothing. */
#include "sched/sched.h"

#include "base/say.h"

enum { PREFETCH = 8 };

static const hk__jump stay = { NULL, NULL };

/* What is left of park: the batch is over, or whoever is next is no other task with a stack. */
static HK__HOT __attribute__((noinline)) hk__jump park_slowly(hk_sched *s, hk_coro *t)
{
    struct hk__ready *r = &s->ready;
    if (hk__ready_goes_on(s)) {
        hk_coro *next = r->slot[r->head & r->mask];
        if (next->leaf != NULL) {
            r->head++;
            if (next == t) return stay; /* never switch to yourself */
            hk__here.self = next->leaf;
            return (hk__jump){ &t->at.context, &next->at.context };
        }
    }
    hk__here.self = s->thread;
    return (hk__jump){ &t->at.context, &s->loop };
}

/* Saves task t, whose leaf is self, and picks who runs next on this thread. */
static inline __attribute__((always_inline)) hk__jump park(hk_sched *s, hk_coro *self, hk_coro *t)
{
    struct hk__ready *r = &s->ready;
    t->leaf = self;
    s->budget = s->allowance; /* the next one's */
    hk_coro *next = r->slot[r->head & r->mask];
    if (HK__UNLIKELY(!hk__ready_at_once(r) || next->leaf == NULL || next == t))
        return park_slowly(s, t);
    r->head++;
    /* Its context, and the line of its stack that a task parked in its first function needs. */
    const uintptr_t later = (uintptr_t)r->slot[(r->head + PREFETCH) & r->mask];
    __builtin_prefetch((const void *)later);
    __builtin_prefetch((const void *)(later - 128));
    hk__here.self = next->leaf;
    return (hk__jump){ &t->at.context, &next->at.context };
}

hk__jump hk__task_park(hk_sched *s, hk_coro *self, hk_coro *t) { return park(s, self, t); }

/* A cancelled task calls: nothing of the call happens. It costs budget, so that a task that ignores
 * it starves nobody. */
static void refuse(hk_coro *t, hk_call *call, int error)
{
    uint16_t *refusals = hk__task_refusals(t);
    if (*refusals < UINT16_MAX && ++*refusals == HK__REFUSALS_REPORTED)
        hk__say("task %lld '%s' was cancelled and ignores it: %u calls refused in a row, the last "
                "was '%s'",
                (long long)t->tid, hk__task_name(t), *refusals, call->type->name);
    call->result = error;
    call->state = HK__CALL_SETTLED;
}

/* The handler's first run. False: the call is parked. */
static bool handle(hk_sched *s, hk_call *call)
{
    call->state = HK__CALL_HANDLING;
    call->type->handle(call);
    if (HK__LIKELY(call->state == HK__CALL_SETTLED)) return true;
    call->state = HK__CALL_PARKED;
    hk__call_parks(call, s->now);
    return false;
}

/* A task that is marked calls: is that refused? */
static __attribute__((noinline)) bool refused_slowly(hk_coro *t, hk_call *call)
{
    int r = hk__scope_refusal(hk__strand_force(t), call);
    if (r < 0)
        refuse(t, call, r);
    else
        *hk__task_refusals(t) = 0;
    return r < 0;
}

static inline bool refused(hk_coro *t, hk_call *call)
{
    return HK__UNLIKELY(t->state == HK__TASK_MARKED) && !(call->type->flags & HK_CALL_NO_REFUSAL) &&
           refused_slowly(t, call);
}

/* A call that would wait, where nothing may. True: it is settled. */
static bool forbidden(hk_coro *t, hk_call *call)
{
    return t->state == HK__TASK_MARKED && !(call->type->flags & HK_CALL_NO_REFUSAL) &&
           hk__strand_force(t) & HK__NO_WAITING && hk__call_abort(call, -ECANCELED);
}

/* A call that completed at once may go on, until the budget is spent. */
static inline bool may_go_on(hk_sched *s, hk_coro *t)
{
    if (HK__LIKELY(--s->budget > 0)) return true;
    s->budget = s->allowance;
    s->spent = t;
    hk__ready_push(s, t);
    return false;
}

/* A step that runs has yet to return the call; or has, and it was handed up: then it is known. */
static inline void note_parked(hk_sched *s, hk_coro *t, hk_call *call)
{
    if (t->leaf != NULL)
        ((hk__stackful *)t)->call = call;
    else if (t->returned == NULL)
        s->begun = call;
}

HK__HOT bool hk__call_begin(hk_sched *s, hk_coro *t, hk_call *call)
{
    call->driver = &s->driver;
    call->task = t;
    if (!refused(t, call) && !handle(s, call)) {
        note_parked(s, t, call); /* its abort may complete it */
        if (!forbidden(t, call)) return false;
        if (t->leaf != NULL) ((hk__stackful *)t)->call = NULL;
    }
    return may_go_on(s, t);
}

/* hk_trap where no driver is above. */
static hk__jump nobody(const hk_coro *self, hk_call *call)
{
    if (self != NULL && self->leaf == NULL)
        hk__misuse("call '%s': hk_trap inside the stackless step of '%s': HK_AWAIT waits there",
                   call->type->name, hk__coro_name(self));
    call->result = -ENOSYS;
    call->state = HK__CALL_SETTLED;
    return (hk__jump){ NULL, NULL };
}

/* For a handler that asked for the loop's stack. Nothing else runs until the loop has seen to
 * it. */
static hk__jump go_to_loop(hk_sched *s, hk_coro *self, hk_coro *t, hk_call *call)
{
    call->task = t;
    s->on_loop = call;
    t->leaf = self;
    hk__here.self = s->thread;
    return (hk__jump){ &t->at.context, &s->loop };
}

/* In the child of a fork nobody serves the parent's tasks. */
static void settle_inherited(hk_call *call)
{
    call->result = -ECHILD;
    call->state = HK__CALL_SETTLED;
}

/* What hk__trap_begin leaves: marked tasks, drivers that are not ours, handlers for the loop. */
static __attribute__((noinline)) hk__jump trap_slowly(hk_coro *self, hk_coro *t, hk_call *call)
{
    if (t == NULL) return nobody(self, call);
    if (t->state == HK__BOUND)
        hk__call_misuse(call, "is made in an at_end handler of a stack that was dropped");
    if (t->state == HK__TASK_INHERITED) {
        settle_inherited(call);
        return stay;
    }
    if (t->state != HK__TASK && t->state != HK__TASK_MARKED) {
        int r = t->scope != NULL ? hk__scope_refusal(hk__strand_force(t), call) : 0;
        if (r < 0 && !(call->type->flags & HK_CALL_NO_REFUSAL)) {
            call->result = r;
            call->state = HK__CALL_SETTLED;
        } else {
            hk__call_hand_up(self, call);
        }
        return stay;
    }
    hk_sched *s = hk__here.sched;
    if (call->type->flags & HK_CALL_ON_LOOP) return go_to_loop(s, self, t, call);
    return hk__call_begin(s, t, call) ? stay : park(s, self, t);
}

HK__HOT hk__jump hk__trap_begin(hk_call *call)
{
    hk_coro *self = hk__here.self;
    hk_coro *t = self != NULL ? self->root : NULL;
    const hk_call_type *type = call->type;
    if (HK__UNLIKELY(t == NULL || t->state != HK__TASK || type->flags & HK_CALL_ON_LOOP))
        return trap_slowly(self, t, call);
    hk_sched *s = hk__here.sched;
    call->driver = &s->driver;
    call->task = t;
    call->state = HK__CALL_HANDLING;
    type->handle(call);
    if (HK__LIKELY(call->state == HK__CALL_SETTLED)) {
        if (may_go_on(s, t)) return stay;
    } else {
        call->state = HK__CALL_PARKED;
        hk__call_parks(call, s->now);
        ((hk__stackful *)t)->call = call;
    }
    return park(s, self, t);
}

hk__jump hk__call_park(hk_sched *s, hk_call *call)
{
    hk_coro *self = hk__here.self, *t = self->root;
    call->driver = &s->driver;
    call->task = t;
    call->state = HK__CALL_PARKED;
    hk__call_parks(call, s->now);
    ((hk__stackful *)t)->call = call;
    return park(s, self, t);
}

/* A yield in a task that is marked, to a driver that is not ours, or where nobody drives. */
static __attribute__((noinline)) hk__jump yield_slowly(void)
{
    hk_call call;
    hk__call_init(&call, &hk__yield_type);
    return (hk__jump){ hk_val(hk_trap(&call)), NULL };
}

hk__jump hk__yield_begin(void)
{
    hk_coro *self = hk__here.self;
    hk_coro *t = self != NULL ? self->root : NULL;
    if (HK__UNLIKELY(t == NULL || t->state != HK__TASK)) return yield_slowly();
    hk_sched *s = hk__here.sched;
    hk__ready_push(s, t);
    return park(s, self, t);
}

bool hk__call_forward(hk_sched *s, hk_coro *t, hk_call *call)
{
    call->driver = &s->driver;
    call->task = t;
    return refused(t, call) || handle(s, call);
}

static bool start_forwarded(hk_coro *self, hk_coro *t, hk_call *call)
{
    hk_sched *s = hk__task_sched(t);
    if (!(call->type->flags & HK_CALL_ON_LOOP) || self->leaf == NULL)
        return hk__call_forward(s, t, call);
    hk__jump_over(self, go_to_loop(s, self, t, call));
    return call->state == HK__CALL_SETTLED;
}

bool hk_call_start(hk_call *call)
{
    hk_coro *self = hk__here.self, *t = hk__task_here();
    if (HK__UNLIKELY(t == NULL) && hk__outside() == -ECHILD) {
        settle_inherited(call);
        return true;
    }
    if (call->done != NULL) {
        if (t != NULL && (t == self || self->leaf != NULL)) return start_forwarded(self, t, call);
        call->result = -ENOSYS;
        call->state = HK__CALL_SETTLED;
        return true;
    }
    return t != NULL && t == self && t->root == NULL && hk__call_begin(hk__task_sched(t), t, call);
}

HK__HOT void hk__driver_complete(hk_driver *driver, hk_call *call, intptr_t result)
{
    (void)result; /* it is in the call */
    hk__task_completed(HK_CONTAINER(driver, hk_sched, driver), call);
}

HK__HOT void hk__call_retry(hk_call *call)
{
    if (call->state == HK__CALL_PARKED) call->type->handle(call);
}
