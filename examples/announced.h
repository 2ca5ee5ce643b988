/* SPDX-License-Identifier: MIT */
/* A task that says when it is over, as the course's scheduler does for each.
 *
 *     hk_sched_spawn(sched, announced, &(struct announced){ foo });
 */
#ifndef ANNOUNCED_H
#define ANNOUNCED_H

#include <hocket.h>
#include <stdio.h>

struct announced {
    hk_entry *entry;
};

static inline void *announced(void *arg)
{
    struct announced *self = arg;
    void *value = self->entry(NULL);
    printf("Task %d terminated\n", (int)hk_task_self());
    return value;
}

#endif
