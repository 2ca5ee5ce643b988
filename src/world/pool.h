/* SPDX-License-Identifier: MIT */
/* The thread pool: for operations that the kernel offers only as calls that block, and for work of
 * the user's that would.
 *
 * One pool for the whole process; its threads start when they are needed and block every signal.
 * Each world that uses it is a client: what is finished waits there until the world takes it. */
#ifndef HK_WORLD_POOL_H
#define HK_WORLD_POOL_H

#include "world/world.h"

struct hk__pool_item;

/* A world's end of the pool. Zeroed but for the world. */
struct hk__pool_client {
    hk__world *world;            /* whose notify, or wake, is called */
    struct hk__pool_item *done;  /* newest first; atomic */
    struct hk__pool_item *taken; /* of these, oldest first, what the world has yet to see */
    uint32_t workers;            /* threads that are about to say so; atomic */
    bool joined;
};

/* 0; -ENOMEM: no memory, or no thread could be started. */
int hk__pool_submit(struct hk__pool_client *client, const hk__operation *operation,
                    hk__ticket ticket);
/* One that no thread has begun ends with -ECANCELED. False: there is none. */
bool hk__pool_cancel(struct hk__pool_client *client, hk__ticket ticket);
static inline bool hk__pool_any(const struct hk__pool_client *client)
{
    return client->taken != NULL || __atomic_load_n(&client->done, __ATOMIC_SEQ_CST) != NULL;
}
/* Finished ones, at most capacity, oldest first. */
int hk__pool_take_some(struct hk__pool_client *client, hk__event *ret_events, int capacity);
static inline int hk__pool_take(struct hk__pool_client *client, hk__event *ret_events, int capacity)
{
    return hk__pool_any(client) ? hk__pool_take_some(client, ret_events, capacity) : 0;
}
/* The client goes; nothing of it is under way. The last one ends the threads. */
void hk__pool_leave(struct hk__pool_client *client);

/* perform.c. Performs an operation now, blocking the thread: its result. */
int64_t hk__perform(const hk__operation *operation);

#endif
