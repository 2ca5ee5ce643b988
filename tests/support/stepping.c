/* SPDX-License-Identifier: MIT */
/* One instruction at a time, by the trap flag: each raises SIGTRAP, and its handler unwinds. */
#include "support/stepping.h"

#include <signal.h>
#include <unwind.h>

static void (*volatile looking)(const struct chain *chain);

/* The end, an undefined return address, reads as 0. */
static _Unwind_Reason_Code add_frame(struct _Unwind_Context *context, void *arg)
{
    struct chain *chain = arg;
    int before_ip = 0;
    uintptr_t ip = _Unwind_GetIPInfo(context, &before_ip);
    if (ip == 0 || chain->depth == STEPPING_DEPTH) return _URC_END_OF_STACK;
    chain->ip[chain->depth] = ip;
    chain->cfa[chain->depth] = _Unwind_GetCFA(context);
    chain->function[chain->depth] = (uintptr_t)_Unwind_FindEnclosingFunction(
        (void *)(before_ip ? ip + 1 : ip)); /* it takes what a call would return to */
    chain->depth++;
    return _URC_NO_REASON;
}

void chain_take(struct chain *chain)
{
    chain->depth = 0;
    _Unwind_Backtrace(add_frame, chain);
}

int chain_find(const struct chain *chain, const void *function)
{
    for (int i = 0; i < chain->depth; i++)
        if (chain->function[i] == (uintptr_t)function) return i;
    return -1;
}

#ifdef __x86_64__

static char handler_stack[1 << 17];

#include <ucontext.h>

enum { TRAP_FLAG = 0x100 };

/* The chain as the interrupted instruction has it: two frames up, past the handler and past the
 * frame that the kernel made. */
static void take_interrupted(struct chain *chain, uintptr_t pc)
{
    struct chain all;
    chain_take(&all);
    chain->depth = 0;
    for (int i = 0; i < all.depth; i++) {
        if (chain->depth == 0 && all.ip[i] != pc) continue;
        chain->ip[chain->depth] = all.ip[i];
        chain->cfa[chain->depth] = all.cfa[i];
        chain->function[chain->depth++] = all.function[i];
    }
}

/* The flag is set and cleared here, where nobody's stack has to hold it meanwhile. */
static void on_trap(int sig, siginfo_t *info, void *arg)
{
    ucontext_t *interrupted = arg;
    greg_t *reg = interrupted->uc_mcontext.gregs;
    struct chain chain;
    (void)sig;
    if (!looking) {
        reg[REG_EFL] &= ~(greg_t)TRAP_FLAG;
    } else if (info->si_code <= 0) {
        reg[REG_EFL] |= TRAP_FLAG;
    } else {
        take_interrupted(&chain, (uintptr_t)reg[REG_RIP]);
        looking(&chain);
    }
}

bool stepping_start(void (*look)(const struct chain *chain))
{
    stack_t stack = { .ss_sp = handler_stack, .ss_size = sizeof handler_stack };
    struct sigaction action = { .sa_sigaction = on_trap, .sa_flags = SA_SIGINFO | SA_ONSTACK };
    looking = look;
    sigaltstack(&stack, NULL);
    sigaction(SIGTRAP, &action, NULL);
    raise(SIGTRAP);
    return true;
}

#else

bool stepping_start(void (*look)(const struct chain *chain))
{
    looking = look;
    return false;
}

#endif

/* The next instruction is the last to trap. */
void stepping_stop(void) { looking = NULL; }
