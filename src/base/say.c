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

static void say(const char *format, va_list args, char end)
{
    char line[1024] = "hocket: ";
    size_t used = 8;
    int n = vsnprintf(line + used, sizeof line - used - 1, format, args);
    if (n > 0) used += (size_t)n < sizeof line - used - 1 ? (size_t)n : sizeof line - used - 2;
    line[used++] = end;
    ssize_t ignored = write(STDERR_FILENO, line, used);
    (void)ignored;
}

void hk__say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(format, args, '\n');
    va_end(args);
}

bool hk__say_is_watched(void) { return isatty(STDERR_FILENO); }

/* The cursor goes back to its begin: numbers that grow cover the ones before. */
void hk__say_passing(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(format, args, '\r');
    va_end(args);
}

static void put(const char *text)
{
    ssize_t ignored = write(STDERR_FILENO, text, strlen(text));
    (void)ignored;
}

void hk__say_passed(void)
{
    char empty[82];
    snprintf(empty, sizeof empty, "%79s\r", "");
    put(empty);
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
    say(format, args, '\n');
    va_end(args);
    abort();
}
