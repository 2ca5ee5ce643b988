/* SPDX-License-Identifier: MIT */
/* broadcast_send, subscriber_recv: every item to every subscriber.
 *
 *   object  the channel; the subscriber
 *   item    where it goes to
 *   given   where it comes from, read when it is taken
 *
 * Items are numbered and lie in a ring; each knows how many have yet to receive it. A subscriber
 * knows the number that comes next for it. Since all receive in order, items are done with in
 * order. */
#include "sync/arms.h"
#include "sync/channel.h"

#include "base/say.h"

#include <stdio.h>
#include <stdlib.h>

struct hk_broadcast {
    size_t size, capacity, mask; /* the ring has mask + 1 places, at least capacity */
    uint64_t next, oldest;       /* numbers: of the item sent next, of the oldest that it holds */
    uint32_t *unread;            /* by place: who has yet to receive it */
    char *items;
    hk_subscriber *first; /* the youngest */
    uint32_t subscribers;
    hk__queue senders; /* that wait: then it is full */
    bool closed;
    struct hk__listed open;
};

static hk_sync_call *call_of(const hk_call *call) { return HK_CONTAINER(call, hk_sync_call, call); }

static char *item_at(const hk_broadcast *b, uint64_t number)
{
    return b->items + ((size_t)number & b->mask) * b->size;
}

static uint32_t *unread_at(const hk_broadcast *b, uint64_t number)
{
    return &b->unread[(size_t)number & b->mask];
}

static bool is_full(const hk_broadcast *b) { return b->next - b->oldest == b->capacity; }

static void forget_old(hk_broadcast *b)
{
    while (b->oldest != b->next && *unread_at(b, b->oldest) == 0) b->oldest++;
}

static void store(hk_broadcast *b, const void *item)
{
    if (b->subscribers == 0) return;
    hk__item_copy(item_at(b, b->next), item, b->size);
    *unread_at(b, b->next) = b->subscribers;
    b->next++;
}

static void receive(hk_subscriber *s, void *item)
{
    hk_broadcast *b = s->of;
    hk__item_copy(item, item_at(b, s->at), b->size);
    --*unread_at(b, s->at++);
}

/* To those who wait for what was just stored. Whoever is told may stop waiting elsewhere: the item
 * stays for that subscriber. */
static void deliver(hk_broadcast *b)
{
    for (hk_subscriber *s = b->first; s != NULL; s = s->next) {
        hk_sync_call *receiver = s->at != b->next ? hk__queue_take(&s->receivers) : NULL;
        if (receiver == NULL) continue;
        receive(s, receiver->item);
        hk__call_ends(&receiver->call, 1);
    }
    forget_old(b);
}

/* There may be room: for those who wait to send, in order. */
static void admit(hk_broadcast *b)
{
    forget_old(b);
    while (!is_full(b)) {
        hk_sync_call *sender = hk__queue_take(&b->senders);
        if (sender == NULL) return;
        store(b, sender->given);
        hk__call_ends(&sender->call, 0);
        deliver(b);
    }
}

/* ---- the calls ---- */

static int try_send(hk_broadcast *b, const void *item)
{
    if (b == NULL) hk__misuse("a broadcast channel is used that is not open");
    if (!hk__is_open(b)) return (int)hk_num(b);
    if (b->closed) return -EPIPE;
    if (is_full(b)) return -EAGAIN;
    store(b, item);
    deliver(b);
    return 0;
}

int hk__subscriber_try_recv(hk_subscriber *s, void *item)
{
    hk_broadcast *b = s->of;
    if (b == NULL) return s->error;
    if (s->at == b->next) return b->closed ? 0 : -EAGAIN;
    const uint64_t number = s->at;
    receive(s, item);
    if (number == b->oldest && *unread_at(b, number) == 0) admit(b);
    return 1;
}

int hk__broadcast_send(hk_broadcast *b, const void *item)
{
    int r = hk__sched_quick() != NULL ? try_send(b, item) : -EAGAIN;
    if (r != -EAGAIN) return r;
    hk_sync_call send;
    hk__broadcast_send_prepare(&send, b, item);
    return (int)hk_trap(&send.call);
}

int hk__subscriber_recv(hk_subscriber *s, void *item)
{
    int r = hk__sched_quick() != NULL ? hk__subscriber_try_recv(s, item) : -EAGAIN;
    if (r != -EAGAIN) return r;
    hk_sync_call recv;
    hk__subscriber_recv_prepare(&recv, s, item);
    return (int)hk_trap(&recv.call);
}

void hk__broadcast_send_handle(hk_call *call)
{
    hk_sync_call *self = call_of(call);
    hk_broadcast *b = self->object;
    int r = try_send(b, self->given);
    if (r == -EAGAIN)
        hk__queue_push(&b->senders, self);
    else
        hk_call_complete(call, r);
}

void hk__subscriber_recv_handle(hk_call *call)
{
    hk_sync_call *self = call_of(call);
    hk_subscriber *s = self->object;
    int r = hk__subscriber_try_recv(s, self->item);
    if (r == -EAGAIN)
        hk__queue_push(&s->receivers, self);
    else
        hk_call_complete(call, r);
}

int hk__broadcast_send_abort(hk_call *call)
{
    hk_broadcast *b = call_of(call)->object;
    hk__queue_remove(&b->senders, call_of(call));
    return HK_ABORTED;
}

int hk__subscriber_recv_abort(hk_call *call)
{
    hk_subscriber *s = call_of(call)->object;
    hk__queue_remove(&s->receivers, call_of(call));
    return HK_ABORTED;
}

int hk__broadcast_send_describe(const hk_call *call, char *buf, size_t size)
{
    const hk_broadcast *b = call_of(call)->object;
    return snprintf(buf, size, "to send on broadcast '%s', whose slowest of %u is %zu behind",
                    b->open.name, b->subscribers, (size_t)(b->next - b->oldest));
}

int hk__subscriber_recv_describe(const hk_call *call, char *buf, size_t size)
{
    const hk_subscriber *s = call_of(call)->object;
    return snprintf(buf, size, "to receive from broadcast '%s'", s->of->open.name);
}

/* ---- open and shut ---- */

static hk_broadcast *allocate(size_t item_size, size_t capacity)
{
    enum { ALIGNED = 16 };
    const size_t head = (sizeof(hk_broadcast) + ALIGNED - 1) & ~(size_t)(ALIGNED - 1);
    size_t places = 1, each, all;
    while (places < capacity && places <= SIZE_MAX / 4) places *= 2;
    if (places < capacity || __builtin_add_overflow(item_size, sizeof(uint32_t), &each) ||
        __builtin_mul_overflow(each, places, &all) ||
        __builtin_add_overflow(all, head + ALIGNED, &all))
        return NULL;
    hk_broadcast *b = malloc(all);
    if (b == NULL) return NULL;
    memset(b, 0, sizeof *b);
    b->mask = places - 1;
    b->items = (char *)b + head;
    size_t items = (item_size * places + ALIGNED - 1) & ~(size_t)(ALIGNED - 1);
    b->unread = (uint32_t *)(void *)(b->items + items);
    return b;
}

int hk__broadcast_open(hk_broadcast **ret_b, size_t item_size, size_t capacity, const char *name)
{
    hk_broadcast *b = capacity > 0 ? allocate(item_size, capacity) : NULL;
    if (b == NULL) {
        int r = capacity > 0 ? -ENOMEM : -EINVAL;
        *ret_b = hk_val(r);
        return r;
    }
    b->size = item_size;
    b->capacity = capacity;
    b->open.kind = "broadcast";
    b->open.name = *name == '&' ? name + 1 : name;
    hk__list(&b->open, hk__here.sched);
    *ret_b = b;
    return 0;
}

static void complete_all(hk__queue *waiting, int result)
{
    for (hk_sync_call *c; (c = hk__queue_take(waiting)) != NULL;)
        hk_call_complete(&c->call, result);
}

void hk__broadcast_close(hk_broadcast *b)
{
    if (b == NULL) hk__misuse("hk_broadcast_close of a broadcast channel that is not open");
    if (!hk__is_open(b)) return;
    b->closed = true;
    complete_all(&b->senders, -EPIPE);
    for (hk_subscriber *s = b->first; s != NULL; s = s->next) complete_all(&s->receivers, 0);
}

void hk__broadcast_destroy(hk_broadcast **ret_b)
{
    hk_broadcast *b = *ret_b;
    *ret_b = NULL;
    if (!hk__is_open(b)) return;
    hk__broadcast_close(b);
    for (hk_subscriber *s = b->first; s != NULL; s = s->next) s->of = NULL;
    hk__unlist(&b->open);
    free(b);
}

void hk__subscriber_open(hk_subscriber *s, hk_broadcast *b)
{
    if (b == NULL) hk__misuse("hk_subscriber_open to a broadcast channel that is not open");
    *s = (hk_subscriber){ .error = hk__is_open(b) ? 0 : (int)hk_num(b) };
    if (!hk__is_open(b)) return;
    s->of = b;
    s->at = b->next;
    s->next = b->first;
    if (s->next != NULL) s->next->prev = s;
    b->first = s;
    b->subscribers++;
}

void hk__subscriber_close(hk_subscriber *s)
{
    hk_broadcast *b = s->of;
    if (b == NULL) return;
    for (uint64_t n = s->at; n != b->next; n++) --*unread_at(b, n);
    if (s->next != NULL) s->next->prev = s->prev;
    if (s->prev != NULL)
        s->prev->next = s->next;
    else
        b->first = s->next;
    b->subscribers--;
    s->of = NULL;
    complete_all(&s->receivers, 0);
    admit(b);
}
