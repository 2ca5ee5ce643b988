/* SPDX-License-Identifier: MIT */
/* Broadcast channels: every subscriber gets every item.
 *
 *     typedef HK_BROADCAST(struct event) event_broadcast;
 *     typedef HK_SUBSCRIBER(struct event) event_subscriber;
 *     HK_BROADCAST_CHANNEL(event_broadcast, events, 16);
 *     ...
 *     HK_SUBSCRIPTION(event_subscriber, mine, events);    // in each task that listens
 *     while ((r = hk_subscriber_recv(&mine, &event)) > 0) ...
 *
 * A subscriber gets what is sent after it subscribed, in order. The channel holds `capacity` items
 * that not all have received yet, and a sender waits for the slowest: nothing is lost. Where nobody
 * subscribes, what is sent is gone. Whoever leaves no longer keeps anybody waiting. */
#ifndef HOCKET_BROADCAST_H
#define HOCKET_BROADCAST_H

#include <hocket/channel.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hk_broadcast hk_broadcast;

/* Not to be moved while it is open. Private. */
typedef struct hk_subscriber {
    hk_broadcast *of;    /* NULL: there is none any more */
    uint64_t at;         /* the number of the item that comes next */
    hk__queue receivers; /* that wait: then it has received all */
    struct hk_subscriber *next, *prev;
    int error; /* why it could not be opened */
} hk_subscriber;

extern HK_API const hk_call_type hk__broadcast_send_type, hk__subscriber_recv_type;

HK_API int hk__broadcast_open(hk_broadcast **ret_b, size_t item_size, size_t capacity,
                              const char *name);
HK_API int hk__broadcast_send(hk_broadcast *b, const void *item) HK_MUST_CHECK;
HK_API void hk__broadcast_close(hk_broadcast *b);
HK_API void hk__broadcast_destroy(hk_broadcast **b);
HK_API void hk__subscriber_open(hk_subscriber *s, hk_broadcast *b);
HK_API int hk__subscriber_recv(hk_subscriber *s, void *item) HK_MUST_CHECK;
HK_API void hk__subscriber_close(hk_subscriber *s);

/* The ends of blocks. */
static inline void hk__broadcast_leave(void *b) { hk__broadcast_destroy((hk_broadcast **)b); }
static inline void hk__subscriber_leave(void *s) { hk__subscriber_close((hk_subscriber *)s); }

static inline void hk__broadcast_send_prepare(hk_sync_call *send, hk_broadcast *b, const void *item)
{
    hk__call_init(&send->call, &hk__broadcast_send_type);
    send->object = b;
    send->given = item;
}

static inline void hk__subscriber_recv_prepare(hk_sync_call *recv, hk_subscriber *s, void *item)
{
    hk__call_init(&recv->call, &hk__subscriber_recv_type);
    recv->object = s;
    recv->item = item;
}

#ifdef __cplusplus
}
#endif

/* The two types, as HK_CHAN. A subscriber is not passed by value. */
#ifndef __cplusplus
#define HK_BROADCAST(T) \
    union { \
        hk_broadcast *raw; \
        T *type; \
    }
#define HK_SUBSCRIBER(T) \
    struct { \
        hk_subscriber raw; \
        T *type; \
    }
#define HK__ZERO \
    { \
        0 \
    }
#else
extern "C++" {
template <class T> union hk_broadcast_of {
    hk_broadcast *raw;
    T *type;
};
template <class T> struct hk_subscriber_of {
    hk_subscriber raw;
    T *type;
};
}
#define HK_BROADCAST(T)  hk_broadcast_of<T>
#define HK_SUBSCRIBER(T) hk_subscriber_of<T>
#define HK__ZERO \
    { \
    }
#endif

/* Opens a broadcast channel. A failure is kept: sending and receiving report it.
 *   b: the variable.
 *   capacity: items it holds, at least 1.
 * Returns: 0; -ENOMEM; -EINVAL: no capacity. Blocks: never. Cancel: not refused. Threads: any. */
#define hk_broadcast_open(b, capacity) \
    hk__broadcast_open(&(b)->raw, sizeof *(b)->type, (capacity), #b)

/* Sends an item to all who subscribe.
 *   b: the channel.
 *   item: a pointer to it.
 * Returns: 0: it has been taken; -EPIPE, it was not: closed, meanwhile too; -ENOMEM, -EINVAL: it
 * could not be opened; -ECANCELED; -ENOSYS where nobody drives.
 * Blocks: the task, while the channel is full: until the slowest has received one. Cancel: at once;
 * the item was not taken. Threads: its scheduler's. */
#define hk_broadcast_send(b, item) hk__broadcast_send((b).raw, HK__FROM((b).type, item))

/* No more is sent. Subscribers receive what is there and then 0; a send that still waits fails.
 *   b: the channel.
 * Returns: nothing. Blocks: never. Cancel: not refused. Threads: its scheduler's. */
#define hk_broadcast_close(b) hk__broadcast_close((b).raw)

/* Frees it; one that is not open is left alone. To its subscribers it has ended.
 *   b: the variable; it is not open afterwards.
 * Returns: nothing. Blocks: never. Cancel: not refused. Threads: its scheduler's. */
#define hk_broadcast_destroy(b) hk__broadcast_destroy(&(b)->raw)

/* Subscribes: what is sent from now on is received here too.
 *   s: the variable.
 *   b: the channel.
 * Returns: nothing: a failure of the channel is kept. Blocks: never. Cancel: not refused. Threads:
 * its scheduler's. */
#define hk_subscriber_open(s, b) \
    ((void)sizeof *HK__TO((b).type, (s)->type), hk__subscriber_open(&(s)->raw, (b).raw))

/* Receives an item.
 *   s: the subscriber.
 *   item: a pointer to where it goes.
 * Returns: 1; 0: the channel has ended, and all is received; -ENOMEM, -EINVAL: it could not be
 * opened; -ECANCELED; -ENOSYS where nobody drives.
 * Blocks: the task, until there is one. Cancel: at once; no item is lost. Threads: its
 * scheduler's. */
#define hk_subscriber_recv(s, item) hk__subscriber_recv(&(s)->raw, HK__TO((s)->type, item))

/* Leaves: what it has not received keeps nobody waiting any more. Whoever waits here is told 0. One
 * that is not open is left alone.
 *   s: the subscriber.
 * Returns: nothing. Blocks: never. Cancel: not refused. Threads: its scheduler's. */
#define hk_subscriber_close(s) hk__subscriber_close(&(s)->raw)

/* Fill in a send or a receive, for HK_AWAIT in a stackless step.
 *   send, recv: the call, an hk_sync_call.
 *   b, s, item: as there; what item points to lives as long as the call.
 * Returns: nothing. Blocks: never. Cancel: no. Threads: any. */
#define hk_broadcast_send_prepare(send, b, item) \
    hk__broadcast_send_prepare((send), (b).raw, HK__FROM((b).type, item))
#define hk_subscriber_recv_prepare(recv, s, item) \
    hk__subscriber_recv_prepare((recv), &(s)->raw, HK__TO((s)->type, item))

/* To the end of their block: a channel, a subscriber of one. */
#define HK_BROADCAST_CHANNEL(T, name, capacity) \
    T name HK_ON_LEAVE(hk__broadcast_leave) = HK__ZERO; \
    hk_broadcast_open(&name, (capacity))
#define HK_SUBSCRIPTION(T, name, b) \
    T name HK_ON_LEAVE(hk__subscriber_leave) = HK__ZERO; \
    hk_subscriber_open(&name, (b))

#endif
