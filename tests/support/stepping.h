/* SPDX-License-Identifier: MIT */
/* Executes code one instruction at a time, as a profiler that interrupts each would see it. */
#ifndef SUPPORT_STEPPING_H
#define SUPPORT_STEPPING_H

#include <stdbool.h>
#include <stdint.h>

enum { STEPPING_DEPTH = 40 };

/* Who called whom at an instruction, innermost first. */
struct chain {
    int depth;
    uintptr_t ip[STEPPING_DEPTH];
    uintptr_t cfa[STEPPING_DEPTH];
    uintptr_t function[STEPPING_DEPTH]; /* its first instruction */
};

/* False where there is no such thing on this machine. */
bool stepping_start(void (*look)(const struct chain *chain));
void stepping_stop(void);

/* The chain from here, without the one who asks. */
void chain_take(struct chain *chain);

/* The frame of a function, or -1. */
int chain_find(const struct chain *chain, const void *function);

#endif
