/* SPDX-License-Identifier: MIT */
/* Inside a test's process.
 *
 * The checks, and the frame around a body: what was open before it must be open after it and
 * nothing else. Checks write with one write(2) from a small buffer, so that they work on the small
 * stack of a coroutine, in a signal handler's neighbourhood and from many threads. The count of
 * failures lies in memory shared with the runner: it survives any death of the process. */
#include "harness/inside.h"

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static struct verdict *verdict;
static int time_factor = 1;

static void say(const char *text, size_t length)
{
    if (write(STDERR_FILENO, text, length) < 0) return;
}

static void fail_at(const char *file, int line, const char *format, ...)
{
    char text[700];
    va_list args;
    int length = snprintf(text, sizeof text, "%s:%d: ", file, line);
    va_start(args, format);
    length += vsnprintf(text + length, sizeof text - (size_t)length - 1, format, args);
    va_end(args);
    if (length > (int)sizeof text - 2) length = (int)sizeof text - 2;
    text[length++] = '\n';
    say(text, (size_t)length);
    __atomic_add_fetch(&verdict->failures, 1, __ATOMIC_RELAXED);
}

bool test_check(bool ok, const char *text, const char *file, int line)
{
    if (!ok) fail_at(file, line, "failed: %s", text);
    return ok;
}

bool test_check_eq(intmax_t a, intmax_t b, const char *a_text, const char *b_text, const char *file,
                   int line)
{
    if (a == b) return true;
    fail_at(file, line, "failed: %s == %s: %" PRIdMAX " != %" PRIdMAX, a_text, b_text, a, b);
    return false;
}

bool test_check_str(const char *a, const char *b, const char *a_text, const char *b_text,
                    const char *file, int line)
{
    if (a == b || (a && b && strcmp(a, b) == 0)) return true;
    fail_at(file, line, "failed: %s == %s:\n    \"%s\"\n    \"%s\"", a_text, b_text,
            a ? a : "(null)", b ? b : "(null)");
    return false;
}

void test_fail(const char *format, ...)
{
    char text[600];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    dprintf(STDERR_FILENO, "failed: %s\n", text);
    __atomic_add_fetch(&verdict->failures, 1, __ATOMIC_RELAXED);
}

void test_skip(const char *why)
{
    verdict->skipped = true;
    snprintf(verdict->why, sizeof verdict->why, "%s", why);
}

int test_time_factor(void) { return time_factor; }

bool test_has_failed(void) { return __atomic_load_n(&verdict->failures, __ATOMIC_RELAXED) > 0; }

void inside_run(const struct test *test, struct verdict *shared, int factor)
{
    static struct fd_list before, after;

    verdict = shared;
    time_factor = factor;
    setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
    setvbuf(stdout, NULL, _IOLBF, 0);
    /* A sanitizer would turn the signal that is waited for into an exit. */
    if (test->options.signal) signal(test->options.signal, SIG_DFL);
    leaks_list_fds(&before);
    test->body();
    leaks_list_fds(&after);
    leaks_check_fds(&before, &after);
    leaks_check_children();
    verdict->finished = true;
    exit(verdict->failures ? 1 : 0);
}
