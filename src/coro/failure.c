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

static struct hk__why *why_of(const hk_coro *co)
{
    const struct hk__seldom *it = hk__seldom_of(co);
    return it != NULL ? it->why : NULL;
}

/* In the place of what was said before. Without memory it is lost. */
static void put(hk_coro *co, struct hk__why *why)
{
    struct hk__seldom *it = hk__seldom_make(co);
    if (it == NULL) {
        free(why);
        return;
    }
    free(it->why);
    it->why = why;
}

int hk_fail(int error, const char *format, ...)
{
    hk_coro *me = hk__thread_enter();
    struct hk__why *why = malloc(sizeof *why), *old = why_of(me);
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
    put(me, why);
    return error;
}

void hk__why_put(hk_coro *co, int error, const char *format, ...)
{
    struct hk__why *why = malloc(sizeof *why);
    if (why == NULL) return;
    va_list args;
    va_start(args, format);
    vsnprintf(why->text, sizeof why->text, format, args);
    va_end(args);
    why->error = error;
    put(co, why);
}

const char *hk__why_of(const hk_coro *co, int error)
{
    const struct hk__why *why = why_of(co);
    return why != NULL && why->error == error ? why->text : NULL;
}

/* Why a coroutine is cancelled is known to those who have cancelled it, and put into words only
 * here: most who are cancelled never ask. */
static int (*explain)(hk_coro *me, char *buf, size_t size);

void hk__why_cancelled(int (*fn)(hk_coro *me, char *buf, size_t size))
{
    __atomic_store_n(&explain, fn, __ATOMIC_RELAXED);
}

const char *hk_why(void)
{
    hk_coro *me = hk__here.self;
    if (me == NULL) return "";
    char text[200];
    int (*ask)(hk_coro *, char *, size_t) = __atomic_load_n(&explain, __ATOMIC_RELAXED);
    if (ask != NULL && hk__why_of(me, -ECANCELED) == NULL && ask(me, text, sizeof text) > 0)
        hk_fail(-ECANCELED, "%s", text);
    const struct hk__why *why = why_of(me);
    return why != NULL ? why->text : "";
}

/* Only with its own error: what was said of another, handled meanwhile, would mislead. */
void hk__why_pass(hk_coro *from, hk_coro *to, intptr_t error)
{
    struct hk__why *why = why_of(from);
    if (why == NULL) return;
    hk__seldom_of(from)->why = NULL;
    if (why->error == error)
        put(to, why);
    else
        free(why);
}

void hk__why_lend(const hk_coro *from, hk_coro *to, intptr_t error)
{
    const struct hk__why *said = why_of(from);
    if (said == NULL || said->error != error) return;
    struct hk__why *why = malloc(sizeof *why);
    if (why == NULL) return;
    *why = *said;
    put(to, why);
}
