/* SPDX-License-Identifier: MIT */
/* chan_send, chan_recv: items go from task to task.
 *
 *   object  the channel
 *   item    where it goes to
 *   given   where it comes from, read when it is taken
 *
 * An item is copied once where a receiver waits, straight to its place; else it lies in the channel
 * in between. Who waits is served by whoever makes that possible, in order: so receivers wait only
 * at an empty channel, senders only at a full one, and nobody can overtake them. A task that need
 * not wait makes no system call: hk__chan_send and hk__chan_recv do the same as the handlers, at
 * once; and where it must, it parks in a call that has begun already. */
#include "sync/channel.h"

#include "sync/arms.h"

#include "base/say.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- items ---- */

static inline __attribute__((always_inline)) void put(hk_chan *ch, const void *item)
{
    if (HK__LIKELY(ch->places == NULL)) {
        hk__item_copy(ch->tail, item, ch->size);
        ch->tail += ch->size;
        if (ch->tail == ch->end) ch->tail = ch->items;
    } else {
        hk__ordered_put(ch, item);
    }
    ch->sent++;
    if (++ch->count > ch->most) ch->most = ch->count;
}

static inline __attribute__((always_inline)) void take(hk_chan *ch, void *item)
{
    if (HK__LIKELY(ch->places == NULL)) {
        hk__item_copy(item, ch->head, ch->size);
        ch->head += ch->size;
        if (ch->head == ch->end) ch->head = ch->items;
    } else {
        hk__ordered_take(ch, item);
    }
    ch->count--;
}

static void release_all(hk_chan *ch)
{
    size_t count = ch->count;
    char *item = ch->head;
    ch->count = 0; /* nobody finds them any more */
    for (size_t i = 0; i < count && ch->item_release != NULL; i++) {
        ch->item_release(ch->places != NULL ? ch->places[i].item : item);
        item += ch->size;
        if (item == ch->end) item = ch->items;
    }
    ch->head = ch->tail;
}

/* ---- sending and receiving ---- */

/* The first of those who wait that is no arm of the same select as `who`. */
static __attribute__((noinline)) hk_sync_call *stranger(const hk__queue *q, hk_call *who)
{
    hk_sync_call *c = q->first;
    do {
        if (!hk__are_siblings(&c->call, who)) return c;
        c = c->next;
    } while (c != q->first);
    return NULL;
}

/* The first of those who wait and can be served by `who`, no longer in the queue; NULL: none. */
static inline hk_sync_call *partner(hk__queue *q, hk_call *who)
{
    hk_sync_call *c = q->first;
    if (c != NULL && who != NULL && HK__UNLIKELY(who->done != NULL)) c = stranger(q, who);
    if (c != NULL) hk__queue_remove(q, c);
    return c;
}

/* Whoever waits is told last: by then all is as it should be. who: the call; NULL: there is none
 * yet. */
static inline __attribute__((always_inline)) int try_send(hk_chan *ch, const void *item,
                                                          hk_call *who)
{
    if (HK__UNLIKELY(ch->closed | ch->abandoned)) return -EPIPE;
    hk_sync_call *receiver = partner(&ch->receivers, who);
    if (receiver != NULL) {
        hk__item_copy(receiver->item, item, ch->size);
        ch->sent++;
        hk__call_ends(&receiver->call, 1);
        return 0;
    }
    if (ch->count == ch->capacity) return -EAGAIN;
    put(ch, item);
    return 0;
}

static inline __attribute__((always_inline)) int try_recv(hk_chan *ch, void *item, hk_call *who)
{
    hk_sync_call *sender;
    if (ch->count > 0) {
        take(ch, item);
        sender = hk__queue_take(&ch->senders);
        if (sender == NULL) return 1;
        put(ch, sender->given);
    } else {
        sender = partner(&ch->senders, who);
        if (sender == NULL) return (ch->closed | ch->abandoned) ? 0 : -EAGAIN;
        hk__item_copy(item, sender->given, ch->size);
        ch->sent++;
    }
    hk__call_ends(&sender->call, 0);
    return 1;
}

/* Until somebody serves it. */
static inline __attribute__((always_inline)) int wait_in(hk__queue *q, hk_sched *s, hk_sync_call *c)
{
    hk_coro *me = hk__here.self;
    hk__queue_push(q, c);
    hk__jump_over(me, hk__call_park(s, &c->call));
    return (int)c->call.result;
}

int hk__chan_send(hk_chan *ch, const void *item)
{
    hk_sched *s = hk__sched_quick();
    hk_sync_call send;
    if (HK__LIKELY(s != NULL) && hk__is_open(ch) && HK__LIKELY(ch->sched == s)) {
        int r = try_send(ch, item, NULL);
        if (r != -EAGAIN) return r;
        hk__chan_send_prepare(&send, ch, item);
        return wait_in(&ch->senders, s, &send);
    }
    hk__chan_send_prepare(&send, ch, item);
    return (int)hk_trap(&send.call);
}

int hk__chan_recv(hk_chan *ch, void *item)
{
    hk_sched *s = hk__sched_quick();
    hk_sync_call recv;
    if (HK__LIKELY(s != NULL) && hk__is_open(ch) && HK__LIKELY(ch->sched == s)) {
        int r = try_recv(ch, item, NULL);
        if (r != -EAGAIN) return r;
        hk__chan_recv_prepare(&recv, ch, item);
        return wait_in(&ch->receivers, s, &recv);
    }
    hk__chan_recv_prepare(&recv, ch, item);
    return (int)hk_trap(&recv.call);
}

/* ---- the calls ---- */

static hk_sync_call *call_of(const hk_call *call) { return HK_CONTAINER(call, hk_sync_call, call); }

static bool is_of(const hk_chan *ch, const hk_sched *s)
{
    return ch->sched == s && ch->serial == s->serial;
}

/* A channel that was opened outside, or whose scheduler is gone, belongs to the first that uses
 * it. */
static int adopt(hk_chan *ch, hk_sched *s)
{
    if (ch->sched != NULL && ch->sched->serial == ch->serial) return -EPERM;
    ch->sched = s;
    ch->serial = s->serial;
    return 0;
}

/* Why the tasks of a scheduler (NULL: another driver) cannot use a channel; 0: they can. */
static int refusal(hk_chan *ch, hk_sched *s)
{
    if (ch == NULL) hk__misuse("a channel is used that is not open");
    if (!hk__is_open(ch)) return (int)hk_num(ch);
    return s == NULL || HK__LIKELY(is_of(ch, s)) ? 0 : adopt(ch, s);
}

int hk__chan_try_send(hk_sched *s, hk_chan *ch, const void *item)
{
    int r = refusal(ch, s);
    return r < 0 ? r : try_send(ch, item, NULL);
}

int hk__chan_try_recv(hk_sched *s, hk_chan *ch, void *item)
{
    int r = refusal(ch, s);
    return r < 0 ? r : try_recv(ch, item, NULL);
}

void hk__chan_send_handle(hk_call *call)
{
    hk_sync_call *self = call_of(call);
    hk_chan *ch = self->object;
    int r = refusal(ch, hk__sched_of(call));
    if (r == 0) r = try_send(ch, self->given, call);
    if (r == -EAGAIN)
        hk__queue_push(&ch->senders, self);
    else
        hk_call_complete(call, r);
}

void hk__chan_recv_handle(hk_call *call)
{
    hk_sync_call *self = call_of(call);
    hk_chan *ch = self->object;
    int r = refusal(ch, hk__sched_of(call));
    if (r == 0) r = try_recv(ch, self->item, call);
    if (r == -EAGAIN)
        hk__queue_push(&ch->receivers, self);
    else
        hk_call_complete(call, r);
}

int hk__chan_send_abort(hk_call *call)
{
    hk_chan *ch = call_of(call)->object;
    hk__queue_remove(&ch->senders, call_of(call));
    return HK_ABORTED;
}

int hk__chan_recv_abort(hk_call *call)
{
    hk_chan *ch = call_of(call)->object;
    hk__queue_remove(&ch->receivers, call_of(call));
    return HK_ABORTED;
}

int hk__chan_send_describe(const hk_call *call, char *buf, size_t size)
{
    const hk_chan *ch = call_of(call)->object;
    return snprintf(buf, size, "to send on channel '%s', which holds %zu of %zu", ch->open.name,
                    ch->count, ch->capacity);
}

int hk__chan_recv_describe(const hk_call *call, char *buf, size_t size)
{
    const hk_chan *ch = call_of(call)->object;
    return snprintf(buf, size, "to receive from channel '%s', which is empty", ch->open.name);
}

/* ---- open and shut ---- */

/* One block: the channel, its items, the places of an ordered one. NULL: there is no memory. */
static hk_chan *allocate(size_t item_size, size_t capacity, bool ordered)
{
    enum { ALIGNED = 16 };
    const size_t head = (sizeof(hk_chan) + ALIGNED - 1) & ~(size_t)(ALIGNED - 1);
    size_t items, places, all;
    if (__builtin_mul_overflow(item_size, capacity, &items) ||
        __builtin_add_overflow(items, ALIGNED - 1, &items) ||
        __builtin_mul_overflow(ordered ? sizeof(struct hk__place) : 0, capacity, &places))
        return NULL;
    items &= ~(size_t)(ALIGNED - 1);
    if (__builtin_add_overflow(head + places, items, &all) || all < head + places ||
        all > PTRDIFF_MAX)
        return NULL;
    hk_chan *ch = malloc(all);
    if (ch == NULL) return NULL;
    memset(ch, 0, sizeof *ch);
    ch->items = (char *)ch + head;
    if (ordered) ch->places = (struct hk__place *)(void *)(ch->items + items);
    return ch;
}

int hk__chan_open(hk_chan **ret_ch, size_t item_size, size_t capacity, const char *name,
                  const hk_chan_options *options)
{
    static const hk_chan_options none;
    if (options == NULL) options = &none;
    const bool ordered = options->compare != NULL;
    hk_chan *ch = allocate(item_size, capacity, ordered);
    int r = ordered && capacity == 0 ? -EINVAL : ch == NULL ? -ENOMEM : 0;
    if (r < 0) {
        free(ch);
        *ret_ch = hk_val(r);
        return r;
    }
    ch->size = item_size;
    ch->capacity = capacity;
    ch->head = ch->tail = ch->items;
    ch->end = ch->items + item_size * capacity;
    ch->compare = options->compare;
    ch->item_release = options->item_release;
    ch->open.name = options->name != NULL ? options->name : *name == '&' ? name + 1 : name;
    if (ordered) hk__ordered_open(ch);
    ch->open.kind = "channel";
    ch->sched = hk__here.sched;
    if (ch->sched != NULL) ch->serial = ch->sched->serial;
    hk__list(&ch->open, ch->sched);
    *ret_ch = ch;
    return 0;
}

static void complete_all(hk__queue *waiting, int result)
{
    for (hk_sync_call *c; (c = hk__queue_take(waiting)) != NULL;)
        hk_call_complete(&c->call, result);
}

static void check_open(const hk_chan *ch, const char *what)
{
    if (ch == NULL) hk__misuse("%s of a channel that is not open", what);
}

void hk__chan_close(hk_chan *ch)
{
    check_open(ch, "hk_chan_close");
    if (!hk__is_open(ch)) return;
    ch->closed = true;
    complete_all(&ch->senders, -EPIPE);
    if (ch->count == 0) complete_all(&ch->receivers, 0);
}

void hk__chan_abandon(hk_chan *ch)
{
    check_open(ch, "hk_chan_abandon");
    if (!hk__is_open(ch)) return;
    ch->abandoned = true;
    complete_all(&ch->senders, -EPIPE);
    complete_all(&ch->receivers, 0);
    release_all(ch);
}

void hk__chan_destroy(hk_chan **ret_ch)
{
    hk_chan *ch = *ret_ch;
    *ret_ch = NULL;
    if (!hk__is_open(ch)) return;
    hk__chan_abandon(ch);
    hk__unlist(&ch->open);
    free(ch);
}

static size_t length(const hk__queue *q)
{
    size_t n = 0;
    for (const hk_sync_call *c = q->first; c != NULL; c = c->next != q->first ? c->next : NULL) n++;
    return n;
}

void hk__chan_numbers(const hk_chan *ch, hk_chan_numbers *ret_numbers)
{
    check_open(ch, "hk_chan_stats");
    *ret_numbers = (hk_chan_numbers){ 0 };
    if (!hk__is_open(ch)) return;
    *ret_numbers = (hk_chan_numbers){
        .capacity = ch->capacity,
        .count = ch->count,
        .most = ch->most,
        .sent = ch->sent,
        .senders = length(&ch->senders),
        .receivers = length(&ch->receivers),
        .closed = ch->closed,
        .abandoned = ch->abandoned,
    };
}
