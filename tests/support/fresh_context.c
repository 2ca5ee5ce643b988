/* SPDX-License-Identifier: MIT */
/* A context that begins in a function of the test's.
 *
 * For the switches in assembly it is the address of the function, on a stack that looks as if it
 * had been called; for the reference it is a ucontext_t at the top of the stack. */
#include "support/fresh_context.h"

#ifdef HK_CONTEXT_REFERENCE

#include <ucontext.h>

void fresh_context(hk__context *context, char *stack_low, char *stack_top, void (*body)(void))
{
    ucontext_t *fresh = (ucontext_t *)(void *)(stack_top - (sizeof *fresh + 15) / 16 * 16);
    getcontext(fresh);
    fresh->uc_stack.ss_sp = stack_low;
    fresh->uc_stack.ss_size = (size_t)((char *)fresh - stack_low);
    makecontext(fresh, body, 0);
    *context = (hk__context){ .ip = fresh };
}

#else

void fresh_context(hk__context *context, char *stack_low, char *stack_top, void (*body)(void))
{
    (void)stack_low;
#ifdef __x86_64__
    stack_top -= 8;
    *(void **)(void *)stack_top = NULL;
    uint64_t fpu = UINT64_C(0x37f) << 32 | 0x1f80;
#else
    uint64_t fpu = 0;
#endif
    *context = (hk__context){ .sp = stack_top, .ip = (void *)(uintptr_t)body, .fpu = fpu };
}

#endif
