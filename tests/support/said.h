/* SPDX-License-Identifier: MIT */
/* What was written to stderr, for tests that look at all of it. */
#ifndef SUPPORT_SAID_H
#define SUPPORT_SAID_H

extern char said[16384];

/* Runs it; what it writes to stderr is in `said` from then on, and nowhere else. Returns what it
 * returns. */
int said_by(int (*run)(void *arg), void *arg);
/* How often that is in `said`. */
unsigned said_times(const char *text);

#endif
