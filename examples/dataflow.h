/* SPDX-License-Identifier: MIT */
/* The parts of a push pipeline, for copipe, cobroadcast and cobroadcast2.
 *
 * Each is a coroutine that receives one item after another with hk_yield and sends on what it wants
 * to. A part does not know who sends to it, and ends when it is closed. */
#ifndef DATAFLOW_H
#define DATAFLOW_H

#include <hocket.h>
#include <stdio.h>
#include <string.h>

/* The end of a pipeline: prints what it receives. */
static inline void *printer(void *arg)
{
    void *line;
    while (!hk_is_err(line = hk_yield(NULL))) puts(line);
    return NULL;
}

/* The middle: sends on the lines that contain a pattern. */
struct grep {
    const char *pattern;
    hk_coro *target;
};

static inline void *grep(void *arg)
{
    struct grep *self = arg;
    void *line;
    while (!hk_is_err(line = hk_yield(NULL)))
        if (strstr(line, self->pattern) != NULL) hk_coro_send(self->target, line);
    return NULL;
}

/* A fork: sends each item to all its targets. */
struct broadcast {
    hk_coro **targets;
    size_t count;
};

static inline void *broadcast(void *arg)
{
    struct broadcast *self = arg;
    void *item;
    while (!hk_is_err(item = hk_yield(NULL)))
        for (size_t i = 0; i < self->count; i++) hk_coro_send(self->targets[i], item);
    return NULL;
}

/* The beginning: no coroutine but a function, since nobody sends to it. */
static inline void source(hk_coro *target)
{
    static char *lines[] = { "python is nice", "lex is not", "ply is nice", "swig and python" };
    for (size_t i = 0; i < HK_LEN(lines); i++) hk_coro_send(target, lines[i]);
}

static const hk_coro_options primed = { .primed = true };

#endif
