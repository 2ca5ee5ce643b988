/* SPDX-License-Identifier: MIT */
/* 3. Push pipeline: source -> broadcast -> grep -> printer, by send alone; no scheduler. */
#include <hocket.h>
#include <stdio.h>
#include <string.h>

static void *printer(void *arg)
{
    (void)arg;
    for (void *line = hk_yield(NULL); !hk_is_err(line); line = hk_yield(NULL)) puts(line);
    return NULL; /* closed: its yield returned -ECANCELED */
}

struct grep {
    const char *pattern;
    hk_coro *target;
};
static void *grep(void *arg)
{
    struct grep *g = arg;
    for (void *line = hk_yield(NULL); !hk_is_err(line); line = hk_yield(NULL))
        if (strstr(line, g->pattern)) hk_coro_send(g->target, line);
    return NULL;
}

struct broadcast {
    hk_coro **targets;
    size_t count;
};
static void *broadcast(void *arg)
{
    struct broadcast *b = arg;
    for (void *item = hk_yield(NULL); !hk_is_err(item); item = hk_yield(NULL))
        for (size_t i = 0; i < b->count; i++) hk_coro_send(b->targets[i], item);
    return NULL;
}

int main(void)
{
    const hk_coro_options primed = { .primed = true };
    HK_CORO(out, printer, NULL, &primed);
    HK_CORO(python, grep, (&(struct grep){ "python", out }), &primed);
    HK_CORO(swig, grep, (&(struct grep){ "swig", out }), &primed);
    HK_CORO(all, broadcast, (&(struct broadcast){ (hk_coro *[]){ python, swig }, 2 }), &primed);
    static char *lines[] = { "python is nice", "lex is not", "swig and python" };
    for (size_t i = 0; i < HK_LEN(lines); i++) hk_coro_send(all, lines[i]);
} /* left in reverse order: all, swig, python, out are closed */
