/* SPDX-License-Identifier: MIT */
/* Why something failed, in words.
 *
 * A failure is a number; its text lies beside it, with the coroutine that failed, and is handed to
 * whoever gets the number. The chain of causes is one line, the newest first. */
#include "coro/coro.h"

#include "coro/stack.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int hk_fail(int error, const char *format, ...)
{
    hk_coro *me = hk__thread_enter();
    struct hk__why *why = malloc(sizeof *why), *old = me->why;
    if (why == NULL) return error;
    va_list args;
    va_start(args, format);
    int used = vsnprintf(why->text, sizeof why->text, format, args);
    va_end(args);
    if (used < 0) used = 0;
    if ((size_t)used < sizeof why->text) {
        const char *name = strerrordesc_np(-error);
        bool same = old != NULL && old->error == error;
        snprintf(why->text + used, sizeof why->text - (size_t)used, ": %s%s%s",
                 same           ? old->text
                 : name != NULL ? name
                                : "unknown error",
                 same || old == NULL ? "" : "; during: ", same || old == NULL ? "" : old->text);
    }
    why->error = error;
    me->why = why;
    free(old);
    return error;
}

const char *hk_why(void)
{
    const hk_coro *me = hk__here.self;
    return me != NULL && me->why != NULL ? me->why->text : "";
}

/* Only with its own error: what was said of another, handled meanwhile, would mislead. */
void hk__why_pass(hk_coro *from, hk_coro *to, intptr_t error)
{
    struct hk__why *why = from->why;
    from->why = NULL;
    if (why != NULL && why->error == error) {
        free(to->why);
        to->why = why;
    } else {
        free(why);
    }
}

void hk__why_lend(const hk_coro *from, hk_coro *to, intptr_t error)
{
    if (from->why == NULL || from->why->error != error) return;
    struct hk__why *why = malloc(sizeof *why);
    if (why == NULL) return;
    *why = *from->why;
    free(to->why);
    to->why = why;
}
