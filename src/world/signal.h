/* SPDX-License-Identifier: MIT */
/* Process-wide signals; see signal.c. */
#ifndef HK_WORLD_SIGNAL_H
#define HK_WORLD_SIGNAL_H

#include <stdbool.h>

void hk__signal_ignore_pipe(void);

/* Installs a handler for SIGQUIT. False: somebody else has one. One caller at a time. */
bool hk__signal_take_quit(void (*handler)(int signal));
void hk__signal_give_quit(void);

#endif
