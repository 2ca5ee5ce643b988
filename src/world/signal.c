/* SPDX-License-Identifier: MIT */
/* The two signals that running tasks concerns: SIGPIPE, which must not kill, and SIGQUIT, which
 * asks what all are doing.
 *
 * A disposition that somebody else has set is left alone. */
#include "world/signal.h"

#include <signal.h>
#include <stddef.h>

static struct sigaction old_quit;

void hk__signal_ignore_pipe(void)
{
    struct sigaction old;
    if (sigaction(SIGPIPE, NULL, &old) == 0 && old.sa_handler == SIG_DFL) signal(SIGPIPE, SIG_IGN);
}

bool hk__signal_take_quit(void (*handler)(int signal))
{
    struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART | SA_ONSTACK };
    return sigaction(SIGQUIT, NULL, &old_quit) == 0 && old_quit.sa_handler == SIG_DFL &&
           sigaction(SIGQUIT, &action, NULL) == 0;
}

void hk__signal_give_quit(void) { sigaction(SIGQUIT, &old_quit, NULL); }
