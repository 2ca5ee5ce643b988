/* SPDX-License-Identifier: MIT */
/* Channels: tasks hand each other items, by value, in order.
 *
 *     typedef HK_CHAN(struct job) job_chan;
 *     HK_CHANNEL(job_chan, jobs, 16);
 *     r = hk_chan_send(jobs, &job);                       // 0, or -errno
 *     while ((r = hk_chan_recv(jobs, &job)) > 0) ...      // 0: it has ended
 *
 * The type of its items is part of a channel's own: any other is an error of the compiler's. A
 * channel holds `capacity` items; with 0 a sender waits for its receiver. Items arrive in the order
 * they were sent, or, where it was opened with a compare function, the smallest of those it holds
 * first. Both ends can say that they are done: hk_chan_close for the senders, hk_chan_abandon for
 * the receivers. A wait that is cancelled leaves no trace: what was sent before arrives, what was
 * not stays.
 *
 * A channel belongs to one scheduler at a time. For stackless steps a send or receive is also a
 * value: hk_chan_recv_prepare(&f->recv, jobs, &f->job), then HK_AWAIT(co, &f->recv.call). */
#ifndef HOCKET_CHANNEL_H
#define HOCKET_CHANNEL_H

#include <hocket/queue.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hk_chan hk_chan;

typedef struct hk_chan_options {
    /* For reports; must live as long as the channel. NULL: as it was written where it was
     * opened. */
    const char *name;
    /* Below 0: *a comes first. 0: in the order they were sent. NULL: all in that order. */
    int (*compare)(const void *a, const void *b);
    /* Called with each item that nobody will receive. May not wait. */
    void (*item_release)(void *item);
    uint64_t reserved[3];
} hk_chan_options;

/* A channel in numbers. */
typedef struct hk_chan_numbers {
    size_t capacity;
    size_t count;              /* items it holds */
    size_t most;               /* that it ever held */
    uint64_t sent;             /* items, those handed over directly included */
    size_t senders, receivers; /* that wait */
    bool closed, abandoned;
} hk_chan_numbers;

extern HK_API const hk_call_type hk__chan_send_type, hk__chan_recv_type;

HK_API int hk__chan_open(hk_chan **ret_ch, size_t item_size, size_t capacity, const char *name,
                         const hk_chan_options *options);
HK_API int hk__chan_send(hk_chan *ch, const void *item) HK_MUST_CHECK;
HK_API int hk__chan_recv(hk_chan *ch, void *item) HK_MUST_CHECK;
HK_API void hk__chan_close(hk_chan *ch);
HK_API void hk__chan_abandon(hk_chan *ch);
HK_API void hk__chan_destroy(hk_chan **ch);
HK_API void hk__chan_numbers(const hk_chan *ch, hk_chan_numbers *ret_numbers);

/* The end of an HK_CHANNEL block. */
static inline void hk__chan_leave(void *ch) { hk__chan_destroy((hk_chan **)ch); }

static inline void hk__chan_send_prepare(hk_sync_call *send, hk_chan *ch, const void *item)
{
    hk__call_init(&send->call, &hk__chan_send_type);
    send->object = ch;
    send->given = item;
}

static inline void hk__chan_recv_prepare(hk_sync_call *recv, hk_chan *ch, void *item)
{
    hk__call_init(&recv->call, &hk__chan_recv_type);
    recv->object = ch;
    recv->item = item;
}

#ifdef __cplusplus
}
#endif

/* typedef HK_CHAN(struct job) job_chan; it is passed by value, and all zero it is not open.
 * HK__TO, HK__FROM: a pointer to exactly the items' type, for `from` const or not. */
#ifndef __cplusplus
#define HK_CHAN(T) \
    union { \
        hk_chan *raw; \
        T *type; \
    }
#define HK__TO(type, p) _Generic((p), __typeof__(*(type)) * : (p))
#define HK__FROM(type, p) \
    _Generic((p), __typeof__(*(type)) * : (p), const __typeof__(*(type)) * : (p))
#else
extern "C++" {
template <class T> union hk_chan_of {
    hk_chan *raw;
    T *type;
};
template <class T> inline T *hk__to(T *, T *p) { return p; }
template <class T> struct hk__exactly {
    typedef T type;
};
template <class T> inline const T *hk__from(T *, const typename hk__exactly<T>::type *p)
{
    return p;
}
}
#define HK_CHAN(T)        hk_chan_of<T>
#define HK__TO(type, p)   hk__to((type), (p))
#define HK__FROM(type, p) hk__from((type), (p))
#endif

/* Opens a channel. A failure is kept: sending and receiving report it.
 *   ch: the variable.
 *   capacity: items it holds.
 * Returns: 0; -ENOMEM. Blocks: never. Cancel: not refused. Threads: any. */
#define hk_chan_open(ch, capacity) \
    hk__chan_open(&(ch)->raw, sizeof *(ch)->type, (capacity), #ch, NULL)

/* The same with a name, an order, or a function for what nobody receives.
 *   ch: the variable.
 *   capacity: items it holds.
 *   options: NULL for defaults.
 * Returns: 0; -ENOMEM; -EINVAL: nothing to compare with capacity 0. Blocks: never. Cancel: not
 * refused. Threads: any. */
#define hk_chan_open_with(ch, capacity, options) \
    hk__chan_open(&(ch)->raw, sizeof *(ch)->type, (capacity), #ch, (options))

/* Sends an item: copies it, to a receiver that waits or into the channel.
 *   ch: the channel.
 *   item: a pointer to it.
 * Returns: 0: it has been taken; -EPIPE, it was not: closed or abandoned, meanwhile too; -ENOMEM,
 * -EINVAL: it could not be opened; -EPERM: it belongs to another scheduler; -ECANCELED; -ENOSYS
 * where nobody drives.
 * Blocks: the task, while the channel is full. Cancel: at once; the item was not taken. Threads:
 * its scheduler's. */
#define hk_chan_send(ch, item) hk__chan_send((ch).raw, HK__FROM((ch).type, item))

/* Receives an item.
 *   ch: the channel.
 *   item: a pointer to where it goes.
 * Returns: 1; 0: the channel has ended: closed and empty, or abandoned; else as hk_chan_send.
 * Blocks: the task, while the channel is empty. Cancel: at once; no item is lost. Threads: its
 * scheduler's. */
#define hk_chan_recv(ch, item) hk__chan_recv((ch).raw, HK__TO((ch).type, item))

/* Fill in the two, for HK_AWAIT in a stackless step.
 *   send, recv: the call, an hk_sync_call.
 *   ch, item: as there; what item points to lives as long as the call.
 * Returns: nothing. Blocks: never. Cancel: no. Threads: any. */
#define hk_chan_send_prepare(send, ch, item) \
    hk__chan_send_prepare((send), (ch).raw, HK__FROM((ch).type, item))
#define hk_chan_recv_prepare(recv, ch, item) \
    hk__chan_recv_prepare((recv), (ch).raw, HK__TO((ch).type, item))

/* The senders are done. What the channel holds can still be received, then receivers get 0; a send
 * that still waits fails, its item was not taken. Closing twice is fine.
 *   ch: the channel.
 * Returns: nothing. Blocks: never. Cancel: not refused. Threads: its scheduler's. */
#define hk_chan_close(ch) hk__chan_close((ch).raw)

/* The receivers are done. What the channel holds is released; sends get -EPIPE, receives 0.
 *   ch: the channel.
 * Returns: nothing. Blocks: never. Cancel: not refused. Threads: its scheduler's. */
#define hk_chan_abandon(ch) hk__chan_abandon((ch).raw)

/* Abandons it and frees it; one that is not open is left alone. Copies of the variable must not be
 * used any more.
 *   ch: the variable; it is not open afterwards.
 * Returns: nothing. Blocks: never. Cancel: not refused. Threads: its scheduler's. */
#define hk_chan_destroy(ch) hk__chan_destroy(&(ch)->raw)

/* What the channel holds and has held, and who waits.
 *   ch: the channel.
 *   ret_numbers: an hk_chan_numbers; all zero where it could not be opened.
 * Returns: nothing. Blocks: never. Cancel: not refused. Threads: its scheduler's. */
#define hk_chan_stats(ch, ret_numbers) hk__chan_numbers((ch).raw, (ret_numbers))

/* HK_CHANNEL(job_chan, jobs, 16): a channel that is destroyed at the end of its block. */
#ifndef __cplusplus
#define HK_CHANNEL(T, name, capacity) \
    T name HK_ON_LEAVE(hk__chan_leave) = { 0 }; \
    hk_chan_open(&name, (capacity))
#else
#define HK_CHANNEL(T, name, capacity) \
    T name HK_ON_LEAVE(hk__chan_leave) = {}; \
    hk_chan_open(&name, (capacity))
#endif

#endif
