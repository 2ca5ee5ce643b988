/* SPDX-License-Identifier: MIT */
/* A hundred thousand tasks.
 *
 *     many_tasks [COUNT]
 *
 * Each has a stack of its own, of which only the pages that it touches take memory, and sleeps
 * for a while, so that all of them are there at once. hk_go checks its arguments against the
 * task's struct and copies them onto the task's stack: no malloc, and nothing that must outlive
 * the loop. */
#include <hocket.h>
#include <stdio.h>
#include <stdlib.h>

struct counters {
    long awake, asleep, most_asleep;
};

struct sleeper {
    struct counters *counters;
    int64_t ns;
};
static void *sleeper(struct sleeper *self)
{
    struct counters *c = self->counters;
    if (++c->asleep > c->most_asleep) c->most_asleep = c->asleep;
    int r = hk_sleep(self->ns);
    c->asleep--;
    c->awake++;
    return hk_val(r);
}
HK_ENTRY(sleeper, struct sleeper)

static void *start(void *arg)
{
    long count = *(long *)arg;
    static struct counters c;
    hk_tid last = 0;
    for (long i = 0; i < count && last >= 0; i++)
        last = hk_go(HK_ROOT, sleeper, &c, HK_SEC(1) + HK_US(i % 1000));
    if (last < 0) return hk_val(last);
    while (c.awake < count && hk_sleep(HK_MS(10)) == 0) {}
    printf("%ld tasks slept, up to %ld at once\n", c.awake, c.most_asleep);
    return NULL;
}

int main(int argc, char **argv)
{
    long count = argc > 1 ? atol(argv[1]) : 100000;
    return hk_run(start, &count, NULL) < 0;
}
