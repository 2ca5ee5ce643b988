/* SPDX-License-Identifier: MIT */
/* The tasks of appendix_a and appendix_a_small: the very same functions, whoever drives them.
 *
 * They make two system calls: get_tid, defined here, and Hocket's own hk_sched_yield. */
#ifndef APPENDIX_A_TASKS_H
#define APPENDIX_A_TASKS_H

#include <hocket.h>
#include <stdio.h>

struct get_tid {
    hk_call call;
};
static void get_tid_handle(hk_call *call) { hk_call_complete(call, hk_call_tid(call)); }
static const hk_call_type get_tid_type = { .name = "get_tid", .handle = get_tid_handle };

static void *count(const char *name, int n)
{
    int mytid = (int)HK_TRAP(struct get_tid, HK_CALL(get_tid_type));
    for (int i = 0; i < n; i++) {
        printf("I'm %s %d\n", name, mytid);
        if (hk_sched_yield() < 0) break;
    }
    return NULL;
}

static void *foo(void *arg) { return count("foo", 3); }
static void *bar(void *arg) { return count("bar", 5); }

#endif
