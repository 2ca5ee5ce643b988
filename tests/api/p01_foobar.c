/* SPDX-License-Identifier: MIT */
/* 1. The seed's foo and bar, with a system call of the user's own. Runs on any driver: the real
 * scheduler here, p02 there. */
#include <hocket.h>
#include <stdio.h>

struct get_tid {
    hk_call call;
};
static void get_tid_handle(hk_call *call) { hk_call_complete(call, hk_call_tid(call)); }
static const hk_call_type get_tid_type = { .name = "get_tid", .handle = get_tid_handle };
static hk_tid get_tid(void) { return HK_TRAP(struct get_tid, HK_CALL(get_tid_type)); }

static void *count(const char *name, int n) /* a yield works at any depth */
{
    hk_tid tid = get_tid();
    for (int i = 0; i < n; i++) {
        printf("I'm %s %d\n", name, (int)tid);
        hk_sched_yield();
    }
    return NULL;
}
void *foo(void *arg)
{
    (void)arg;
    return count("foo", 3);
}
void *bar(void *arg)
{
    (void)arg;
    return count("bar", 5);
}

#ifndef FOOBAR_ONLY
int main(void)
{
    hk_sched *sched = hk_sched_create(NULL);
    hk_sched_spawn(sched, foo, NULL);
    hk_sched_spawn(sched, bar, NULL);
    int r = hk_sched_run(sched);
    hk_sched_destroy(sched);
    return r < 0;
}
#endif
