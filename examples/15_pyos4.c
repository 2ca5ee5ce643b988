/* SPDX-License-Identifier: MIT */
/* A system call of one's own.
 *
 * A task asks for its number as a program asks its kernel: it hands over a request and gets an
 * answer. The request is a struct that begins with an hk_call, its type says who handles it. The
 * handler runs on the other side of the trap and speaks to the call's driver alone, so it works
 * under every driver: Hocket's scheduler here, one of fifty lines in appendix_a_small.
 *
 * (Hocket has a function for this number, hk_task_self. It needs no special door either.) */
#include "announced.h"

struct get_tid {
    hk_call call;
};
static void get_tid_handle(hk_call *call) { hk_call_complete(call, hk_call_tid(call)); }
static const hk_call_type get_tid_type = { .name = "get_tid", .handle = get_tid_handle };
static int get_tid(void) { return (int)HK_TRAP(struct get_tid, HK_CALL(get_tid_type)); }

static void *foo(void *arg)
{
    int mytid = get_tid();
    for (int i = 0; i < 5; i++) {
        printf("I'm foo %d\n", mytid);
        if (hk_sched_yield() < 0) break;
    }
    return NULL;
}

static void *bar(void *arg)
{
    int mytid = get_tid();
    for (int i = 0; i < 10; i++) {
        printf("I'm bar %d\n", mytid);
        if (hk_sched_yield() < 0) break;
    }
    return NULL;
}

int main(void)
{
    hk_sched *sched = hk_sched_create(NULL);
    hk_sched_spawn(sched, announced, &(struct announced){ foo });
    hk_sched_spawn(sched, announced, &(struct announced){ bar });
    int r = hk_sched_run(sched);
    hk_sched_destroy(sched);
    return r < 0;
}
