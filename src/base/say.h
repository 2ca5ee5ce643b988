/* SPDX-License-Identifier: MIT */
/* What Hocket says to people: one line on stderr, never more than 1 KiB, written at once. */
#ifndef HK_BASE_SAY_H
#define HK_BASE_SAY_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* "hocket: <text>\n". Safe in a signal handler as far as snprintf of %s %d %zu %p %lld is. */
void hk__say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Progress, for somebody who watches: a line of at most 79 columns, which whatever is said next
 * writes over; and an empty one in its place. */
bool hk__say_is_watched(void);
void hk__say_passing(const char *format, ...) __attribute__((format(printf, 1, 2)));
void hk__say_passed(void);

/* The same of three texts, however long they are: in several writes. */
void hk__say_long(const char *a, const char *b, const char *c);

/* Says what was misused, and aborts. */
void hk__misuse(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn, cold));

/* A condition that only a fault of Hocket itself can break. */
#define HK__ASSERT(cond) \
    do { \
        if (__builtin_expect(!(cond), 0)) \
            hk__misuse("fault in Hocket: %s (%s:%d)", #cond, __FILE__, __LINE__); \
    } while (0)

#endif
