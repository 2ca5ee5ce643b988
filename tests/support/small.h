/* SPDX-License-Identifier: MIT */
/* A scheduler of fifty lines, on layers 1 and 2 alone: the seed's, with kill.
 *
 * A foreign driver, as far as calls can tell. Tests run the same tasks on it and on Hocket's own
 * scheduler: the tasks must not notice. */
#ifndef SUPPORT_SMALL_H
#define SUPPORT_SMALL_H

#include <hocket.h>

typedef struct small_task {
    hk_coro *target;
    hk_tid tid;
    void *sendval;
    hk_call *call;        /* that it is parked in */
    bool started, killed; /* killed: every call that may wait is refused */
    struct small_task *next, *older;
} small_task;

typedef struct small {
    hk_driver driver;
    small_task *head, **tail; /* ready */
    small_task *newest;       /* of those that live */
    hk_tid last;
    int live;
    void (*ended)(hk_tid tid, hk_step step); /* told of each end; may be NULL */
} small;

void small_init(small *s);
hk_tid small_spawn(small *s, hk_entry *fn, void *arg);
/* A task of any coroutine; destroyed at its end. */
hk_tid small_adopt(small *s, hk_coro *co);
/* Runs until nobody is ready; returns how many are parked. */
int small_run(small *s);
/* 1: it will end; 0: it is gone, or was never there. */
int small_kill(small *s, hk_tid tid);

#endif
