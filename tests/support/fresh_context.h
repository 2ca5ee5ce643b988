/* SPDX-License-Identifier: MIT */
/* A context that begins in a function of the test's, for tests of the bare switch. */
#ifndef SUPPORT_FRESH_CONTEXT_H
#define SUPPORT_FRESH_CONTEXT_H

#include <hocket/context.h>

/* body never returns, and finds no arguments. stack_top is 16-byte aligned. */
void fresh_context(hk__context *context, char *stack_low, char *stack_top, void (*body)(void));

#endif
