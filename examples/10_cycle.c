/* SPDX-License-Identifier: MIT */
/* What pushing cannot do: a cycle.
 *
 * a sends to b, and b sends back to a. But a is in the middle of its own send: it runs, in a
 * sense, and cannot be resumed. The inner send is refused with -EALREADY, nothing happens to a,
 * and both go on. Where Python raises "ValueError: generator already executing", a step has an
 * outcome of its own: REFUSED means that the target was not touched, FAILED that the target
 * ended. */
#include <hocket.h>
#include <stdio.h>
#include <string.h>

struct node {
    const char *name;
    hk_coro *target;
};

static void *node(void *arg)
{
    struct node *self = arg;
    void *item;
    while (!hk_is_err(item = hk_yield(NULL))) {
        printf("%s sends\n", self->name);
        hk_step step = hk_coro_send(self->target, item);
        if (step.outcome == HK_REFUSED)
            printf("%s is refused: %s\n", self->name, strerror((int)-step.error));
    }
    printf("%s ends\n", self->name);
    return NULL;
}

int main(void)
{
    const hk_coro_options primed = { .primed = true };
    struct node first = { "a", NULL }, second = { "b", NULL };
    HK_CORO(a, node, &first, &primed);
    HK_CORO(b, node, &second, &primed);
    first.target = b;
    second.target = a;
    hk_coro_send(a, "hello");
    puts("and both are still there:");
    hk_coro_send(b, "hello");
}
