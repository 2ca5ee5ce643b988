/* SPDX-License-Identifier: MIT */
/* Whether what the scheduler that runs here is made of hangs together: its ready ring, the tasks
 * of its groups, its map, its timers. Looks at all of it: for tests with few tasks. */
#ifndef SUPPORT_STRUCTURE_H
#define SUPPORT_STRUCTURE_H

#include <stdbool.h>
#include <stddef.h>

bool structure_holds(char *ret_why, size_t size);
/* Timers that run. */
unsigned structure_timers(void);

#endif
