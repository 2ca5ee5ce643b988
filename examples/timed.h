/* SPDX-License-Identifier: MIT */
/* For examples about time: they run in virtual time, so that they take none, and say the same each
 * time they run.
 *
 *     int main(void) { return run_timed(start); }
 */
#ifndef TIMED_H
#define TIMED_H

#include <hocket.h>
#include <stdarg.h>
#include <stdio.h>

struct timed {
    hk_entry *start;
    int64_t since; /* ns, of hk_now */
};
static struct timed timed;

/* printf, behind the milliseconds since the beginning. */
__attribute__((format(printf, 1, 2))) static inline void say(const char *format, ...)
{
    printf("%4d ms  ", (int)((hk_now() - timed.since) / HK_MS(1)));
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
}

static inline void *timed_main(void *arg)
{
    timed.since = hk_now();
    return timed.start(arg);
}

static inline int run_timed(hk_entry *start)
{
    timed.start = start;
    const hk_sim_options fifo = { .policy = HK_SIM_FIFO };
    return hk_sim_run(timed_main, NULL, &fifo, NULL) < 0;
}

#endif
