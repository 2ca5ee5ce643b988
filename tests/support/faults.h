/* SPDX-License-Identifier: MIT */
/* Failing the n-th allocation or system call that the library makes.
 *
 * The linker routes what the library calls through wrappers (tests/meson.build, --wrap). Armed,
 * they count, and the n-th fails the way the kernel or libc would fail it. */
#ifndef SUPPORT_FAULTS_H
#define SUPPORT_FAULTS_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* From now on, on this thread, call number n fails (1: the next); 0: none does, they are only
 * counted. */
void faults_arm(int n);

/* By which error entering a ring fails. */
extern int faults_enter_error;

/* What the kernel says of the next so many operations in a ring, though it has done them. */
extern int faults_put_off, faults_put_off_count;
/* So many of the next polls in a ring fail, in place of their next event. */
extern int faults_polls;

/* The end of it. True: the n-th was reached and failed; *ret_name is what failed. */
bool faults_disarm(const char **ret_name);

/* Blocks allocated while armed and not freed yet, by whatever thread. */
int faults_blocks(void);

/* Not NULL: asked before each openat2, which fails with what it returns, unless that is 0. */
extern int (*faults_openat2)(uint64_t flags);

/* Not 0: what the real clock says, so much more each time. */
extern int64_t faults_clock_step;

/* True: whoever asks the system's resolver hangs there, until it is false again. How many do. */
void faults_hold_resolver(bool held);
int faults_in_resolver(void);

#ifdef __cplusplus
}
#endif

#endif
