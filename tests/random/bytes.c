/* SPDX-License-Identifier: MIT */
/* Pipes: how many bytes go at once, and when, is the world's choice; but each arrives, once, in
 * order, and a write or read that was cancelled has moved none. */
#include "random/random.h"

#include <errno.h>

enum { PIPES = 2, LARGE = 20, MOST = 70 * 1000 }; /* a pipe holds 65,536 */

static char buffers[MAX_TASKS][MOST];

static size_t size_of(const struct stmt *s)
{
    const size_t size = (size_t)s->arg * (s->arg >= LARGE ? 700 : 1);
    return size == 0 ? 1 : size < MOST ? size : MOST;
}

bool bytes_possible(const struct run *run, const struct stmt *s)
{
    const struct pipe_model *p = &run->pipe[s->object];
    return s->op == OP_put ? p->writer == NULL : p->reader == NULL;
}

hk_call *bytes_prepare(struct run *run, struct task *t, const struct stmt *s)
{
    struct pipe_model *p = &run->pipe[s->object];
    char *bytes = buffers[t->id];
    if (s->op == OP_get) {
        p->reader = t;
        memset(bytes, -1, size_of(s));
        hk_read_prepare(&t->call.io, p->fds[0], bytes, size_of(s));
        return &t->call.call;
    }
    p->writer = t;
    for (size_t i = 0; i < size_of(s); i++) bytes[i] = (char)((p->written + (int)i) % 100);
    hk_write_prepare(&t->call.io, p->fds[1], bytes, size_of(s));
    return &t->call.call;
}

static void check_read(const struct pipe_model *p, const struct task *t, intptr_t count)
{
    const intptr_t under_way = p->writer != NULL ? (intptr_t)size_of(p->writer->wait.stmt) : 0;
    if (p->read + count > p->written + under_way)
        random_fail("task %d: it reads %ld bytes, of which some were never written", t->id,
                    (long)count);
    for (intptr_t i = 0; i < count; i++)
        if (buffers[t->id][i] != (char)((p->read + i) % 100))
            random_fail("task %d: byte %ld is not the one that comes next", t->id,
                        (long)(p->read + i));
}

/* It was neither refused nor cancelled. */
void bytes_settled(struct run *run, struct task *t)
{
    struct wait *w = &t->wait;
    struct pipe_model *p = &run->pipe[w->object];
    const intptr_t count = w->call->result;
    if (count <= 0 || count > (intptr_t)size_of(w->stmt))
        random_fail("task %d: its %s ended with %ld", t->id, op_info[w->op].name, (long)count);
    if (w->op == OP_get) {
        check_read(p, t, count);
        p->read += (int)count;
    } else {
        p->written += (int)count;
    }
    bytes_withdraw(run, t);
    decide(w, count);
}

void bytes_withdraw(struct run *run, const struct task *t)
{
    for (int i = 0; i < PIPES; i++) {
        if (run->pipe[i].writer == t) run->pipe[i].writer = NULL;
        if (run->pipe[i].reader == t) run->pipe[i].reader = NULL;
    }
}

void bytes_open(struct run *run)
{
    for (int i = 0; i < PIPES; i++)
        if (hk_pipe(run->pipe[i].fds) < 0) random_fail("there is no pipe");
}

/* What was written and not read is still there. */
void bytes_close(struct run *run)
{
    char *bytes = buffers[0];
    for (int i = 0; i < PIPES; i++) {
        struct pipe_model *p = &run->pipe[i];
        int r = hk_close(p->fds[1]);
        for (ssize_t n; (n = hk_read(p->fds[0], bytes, MOST)) > 0; p->read += (int)n)
            for (ssize_t at = 0; at < n; at++)
                if (bytes[at] != (char)((p->read + at) % 100))
                    random_fail("pipe %d holds other bytes", i);
        r |= hk_close(p->fds[0]);
        if (r != 0 || p->read != p->written)
            random_fail("of pipe %d %d bytes were read, and %d written", i, p->read, p->written);
    }
}
