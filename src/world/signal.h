/* SPDX-License-Identifier: MIT */
/* What signals do in this process; see signal.c. */
#ifndef HK_WORLD_SIGNAL_H
#define HK_WORLD_SIGNAL_H

#include <stdbool.h>

void hk__signal_ignore_deadly(void);

/* Installs the handler, the same for all, unless it is there already; counted. 0 or -errno. */
int hk__signal_take(int number, void (*handler)(int number));
/* The last to give it back restores what was there before the first. */
void hk__signal_give(int number);
/* Whether nobody but us handles or ignores it. */
bool hk__signal_is_default(int number);

/* Around a fork; in its child all of them are given back. */
void hk__signals_lock(void);
void hk__signals_unlock(void);
void hk__signals_inherited(void);

#endif
