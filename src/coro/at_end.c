/* SPDX-License-Identifier: MIT */
/* What runs when a coroutine ends: a list, last registered first. */
#include "coro/coro.h"

#include <stdlib.h>

struct hk__at_end {
    struct hk__at_end *next;
    void (*fn)(void *arg);
    void *arg;
};

int hk_at_end(void (*fn)(void *arg), void *arg)
{
    hk_coro *me = hk__here.self;
    if (me == NULL || me->leaf == NULL || me->root == NULL || me->state == HK__BOUND) return -EPERM;
    struct hk__at_end *handler = malloc(sizeof *handler);
    if (handler == NULL) return -ENOMEM;
    hk__stackful *s = (hk__stackful *)me;
    *handler = (struct hk__at_end){ s->at_end, fn, arg };
    s->at_end = handler;
    return 0;
}

void hk__at_end_run(hk__stackful *s)
{
    while (s->at_end != NULL) {
        struct hk__at_end handler = *s->at_end;
        free(s->at_end);
        s->at_end =
            handler.next; /* first: a handler may register another, and may never come back */
        handler.fn(handler.arg);
    }
}
