/* SPDX-License-Identifier: MIT */
/* What Hocket says to people.
 *
 * A line is built whole and handed to the kernel in one write, so that lines of several threads do
 * not mix. */
#include "base/say.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void say(const char *format, va_list args)
{
    char line[1024] = "hocket: ";
    size_t used = 8;
    int n = vsnprintf(line + used, sizeof line - used - 1, format, args);
    if (n > 0) used += (size_t)n < sizeof line - used - 1 ? (size_t)n : sizeof line - used - 2;
    line[used++] = '\n';
    ssize_t ignored = write(STDERR_FILENO, line, used);
    (void)ignored;
}

void hk__say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(format, args);
    va_end(args);
}

static void put(const char *text)
{
    ssize_t ignored = write(STDERR_FILENO, text, strlen(text));
    (void)ignored;
}

void hk__say_long(const char *a, const char *b, const char *c)
{
    put("hocket: ");
    put(a);
    put(b);
    put(c);
    put("\n");
}

void hk__misuse(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(format, args);
    va_end(args);
    abort();
}
