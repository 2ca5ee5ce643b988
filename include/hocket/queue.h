/* SPDX-License-Identifier: MIT */
/* Calls that wait for an object of sync.h, channel.h and their like, in the order they came.
 * Private; public only because the objects lie in their users' memory, and the calls in the frames
 * of stackless steps. */
#ifndef HOCKET_QUEUE_H
#define HOCKET_QUEUE_H

#include <hocket/task.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A wait for an object. */
typedef struct hk_sync_call {
    hk_call call;
    struct hk_sync_call *next, *prev; /* in the object's queue, while it waits */
    void *object;
    union {
        void *item;        /* where it goes to, or comes from */
        const void *given; /* likewise */
        intptr_t number;   /* what the object's kind says */
    };
} hk_sync_call;

static inline void hk__sync_prepare(hk_sync_call *c, const hk_call_type *type, void *object)
{
    hk__call_init(&c->call, type);
    c->object = object;
    c->number = 0;
}

/* Something that is to be told of the end of a task: a lock that it holds, and others wait for. */
typedef struct hk__held {
    struct hk__held *next, **link; /* link: what points here; NULL: the task knows nothing of it */
    const void *owner;
    void (*ended)(struct hk__held *held);
} hk__held;

typedef struct hk__queue {
    hk_sync_call *first; /* of a ring; NULL: nobody waits */
} hk__queue;

static inline void hk__queue_push(hk__queue *q, hk_sync_call *c)
{
    if (q->first == NULL) {
        q->first = c->next = c->prev = c;
        return;
    }
    c->next = q->first;
    c->prev = q->first->prev;
    c->prev->next = q->first->prev = c;
}

static inline void hk__queue_remove(hk__queue *q, hk_sync_call *c)
{
    c->prev->next = c->next;
    c->next->prev = c->prev;
    if (q->first == c) q->first = c->next != c ? c->next : NULL;
}

/* The one that came first, no longer in the queue; NULL: nobody waits. */
static inline hk_sync_call *hk__queue_take(hk__queue *q)
{
    hk_sync_call *c = q->first;
    if (c != NULL) hk__queue_remove(q, c);
    return c;
}

#ifdef __cplusplus
}
#endif
#endif
