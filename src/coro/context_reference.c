/* SPDX-License-Identifier: MIT */
/* Contexts on ucontext: slow, obvious, and portable; what the fast ones are tested against.
 *
 * Whoever leaves keeps a ucontext_t in its own frame; the context's ip points to it. The two values
 * travel in thread-locals, which is safe because a coroutine that was started stays on its thread.
 * Every switch also saves and restores the signal mask, by a system call: the fast ones do not. */
#include <ucontext.h>

#include "coro/context.h"

/* What travels with the switch under way. */
static __thread struct {
    hk_step step;
    const hk__context *to;
} under_way;

hk_step hk__switch_reference(hk__context *from, const hk__context *to, uintptr_t outcome,
                             void *value)
{
    ucontext_t here;
    from->ip = &here;
    from->sp = __builtin_frame_address(0);
    under_way.step = (hk_step){ .outcome = (hk_outcome)outcome, .value = value };
    under_way.to = to;
    swapcontext(&here, to->ip);
    return under_way.step;
}

void hk__context_entry(void) { hk__coro_main(under_way.to->fp); }

/* What the psABI says a process starts with; elsewhere they are the maker's. */
static void set_fresh_control_words(ucontext_t *fresh)
{
#ifdef __x86_64__
    fresh->uc_mcontext.fpregs->mxcsr = 0x1f80;
    fresh->uc_mcontext.fpregs->cwd = 0x37f;
#else
    (void)fresh;
#endif
}

/* The fresh ucontext_t lies at the top of the stack that it describes. */
void hk__context_prepare(hk__context *ctx, char *low, char *top, hk_coro *co)
{
    ucontext_t *fresh = (ucontext_t *)(void *)((uintptr_t)top & ~(uintptr_t)63) - 1;
    fresh = (ucontext_t *)(void *)((uintptr_t)fresh & ~(uintptr_t)63);
    getcontext(fresh);
    set_fresh_control_words(fresh);
    fresh->uc_stack.ss_sp = low;
    fresh->uc_stack.ss_size = (size_t)((char *)fresh - low);
    fresh->uc_link = NULL;
    makecontext(fresh, hk__context_entry, 0);
    *ctx = (hk__context){ .sp = fresh, .ip = fresh, .fp = co };
}

bool hk__call_as_caller(const hk__context *ctx, void (*fn)(void *arg), void *arg)
{
    (void)ctx;
    (void)fn;
    (void)arg;
    return false;
}
