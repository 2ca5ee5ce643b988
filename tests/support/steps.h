/* SPDX-License-Identifier: MIT */
/* What the tests of coroutines and calls share: outcomes as text, a trace, a call of their own.
 *
 * Most of these tests say what a resume gave back, so it is written as one reads it:
 *
 *     CHECK_STEP(hk_coro_send(co, NULL), "yielded 1");
 *     CHECK_STEP(hk_coro_throw(co, -EIO), "failed EIO");
 *     CHECK_STEP(hk_coro_send(co, NULL), "finished"); */
#ifndef SUPPORT_STEPS_H
#define SUPPORT_STEPS_H

#include "harness/harness.h"

#include <hocket.h>

#include <stdio.h>
#include <string.h>

/* "yielded 1", "returned 7", "failed EIO", "refused EALREADY", "finished", "trapped get_tid". */
const char *step_text(hk_step step);
/* A number, or the name of an error: "3", "-EIO". */
const char *number_text(intptr_t n);

#define CHECK_STEP(step, text) \
    test_check_str(step_text(step), (text), #step, #text, __FILE__, __LINE__)
#define CHECK_NUMBER(n, text) test_check_str(number_text(n), (text), #n, #text, __FILE__, __LINE__)

/* What happened, in order: note("a") appends. Cleared by trace_clear. */
extern char trace[512];
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));
void trace_clear(void);

/* A call of our own that is answered at once with x + 1: what most tests trap with. */
struct add_one {
    hk_call call;
    int x;
};
extern const hk_call_type add_one_type;
intptr_t add_one(int x);
/* How many were ever handled. */
extern int add_one_handled;

/* A call of our own that its handler keeps, in `kept`; whoever holds it completes it. What its
 * abort answers is set in advance. */
struct keep {
    hk_call call;
};
extern const hk_call_type keep_type;
intptr_t keep(void);
extern hk_call *kept;
extern int keep_abort_answer; /* HK_ABORTED at first */
extern int keep_aborts;       /* how often abort was asked */

/* A driver that accepts calls, runs their handlers, and notes nothing else: what any driver's
 * acceptance looks like. True: the call has its result. */
bool accept_call(hk_call *call);

#endif
