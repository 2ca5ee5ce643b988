/* SPDX-License-Identifier: MIT */
/* What signals do in this process: a table of those that we handle, with what they did before.
 *
 * A handler, not a signalfd: that one needs the signal blocked in every thread, and the threads of
 * a program or of its libraries that do not know of it would still die of the signal. A disposition
 * that somebody else has set in the meantime is left alone. */
#include "world/signal.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    unsigned count;
    void (*handler)(int number);
    struct sigaction before;
} table[_NSIG];

static void ignore(int number)
{
    struct sigaction old;
    if (sigaction(number, NULL, &old) == 0 && old.sa_handler == SIG_DFL) signal(number, SIG_IGN);
}

void hk__signal_ignore_deadly(void)
{
    ignore(SIGPIPE);
    ignore(SIGXFSZ);
}

/* A handler that returns to the faulting instruction is called again, for ever. */
static bool is_fault(int number)
{
    return number == SIGSEGV || number == SIGBUS || number == SIGFPE || number == SIGILL;
}

int hk__signal_take(int number, void (*handler)(int number))
{
    struct sigaction ours = { .sa_handler = handler, .sa_flags = SA_RESTART | SA_ONSTACK };
    if (number <= 0 || number >= _NSIG || is_fault(number)) return -EINVAL;
    pthread_mutex_lock(&lock);
    int r = table[number].count == 0 ? sigaction(number, &ours, &table[number].before) : 0;
    r = r < 0 ? -errno : 0;
    if (r == 0) {
        table[number].count++;
        table[number].handler = handler;
    }
    pthread_mutex_unlock(&lock);
    return r;
}

/* Under the lock. */
static void restore(int number)
{
    struct sigaction now;
    if (sigaction(number, NULL, &now) == 0 && now.sa_handler == table[number].handler)
        sigaction(number, &table[number].before, NULL);
}

void hk__signal_give(int number)
{
    pthread_mutex_lock(&lock);
    if (--table[number].count == 0) restore(number);
    pthread_mutex_unlock(&lock);
}

bool hk__signal_is_default(int number)
{
    struct sigaction now;
    pthread_mutex_lock(&lock);
    bool is = sigaction(number, NULL, &now) == 0;
    if (is && table[number].count > 0 && now.sa_handler == table[number].handler)
        now = table[number].before;
    pthread_mutex_unlock(&lock);
    return is && now.sa_handler == SIG_DFL;
}

void hk__signals_lock(void) { pthread_mutex_lock(&lock); }

void hk__signals_unlock(void) { pthread_mutex_unlock(&lock); }

void hk__signals_inherited(void)
{
    for (int number = 1; number < _NSIG; number++) {
        if (table[number].count > 0) restore(number);
        table[number].count = 0;
    }
}
