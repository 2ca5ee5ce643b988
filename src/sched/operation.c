/* SPDX-License-Identifier: MIT */
/* Operations: which call each belongs to.
 *
 * The world knows an operation by a ticket alone: a slot here, and its generation. A slot is free
 * again when the operation's one DONE has come and not before, so the kernel never writes for a
 * call that is gone: its task stays parked until then. Where the world has no room, the slot keeps
 * the operation, and it is tried again when something is done. */
#include "sched/operation.h"

#include "base/say.h"

#include <stdlib.h>

enum { LEAST = 16 };

struct hk__slot {
    hk_call *call; /* NULL: free */
    uint32_t generation;
    uint32_t next;           /* free, or waiting for room: the next such; 0: none */
    bool waits;              /* for room */
    hk__operation operation; /* while it waits */
};

static hk__ticket ticket_of(const hk_sched *s, uint32_t slot)
{
    return (hk__ticket){ .slot = slot, .generation = s->operations.table[slot].generation };
}

/* Slot 0 is none. */
static int grow(struct hk__operations *all)
{
    uint32_t wanted = all->size != 0 ? all->size * 2 : LEAST;
    struct hk__slot *table = realloc(all->table, wanted * sizeof *table);
    if (table == NULL) return -ENOMEM;
    for (uint32_t i = wanted - 1; i >= all->size && i > 0; i--) {
        table[i] = (struct hk__slot){ .next = all->free };
        all->free = i;
    }
    all->table = table;
    all->size = wanted;
    return 0;
}

static HK__HOT void give_back(struct hk__operations *all, uint32_t slot)
{
    struct hk__slot *it = &all->table[slot];
    *it = (struct hk__slot){ .generation = it->generation + 1, .next = all->free };
    all->free = slot;
    all->count--;
}

static void wait_for_room(struct hk__operations *all, uint32_t slot, const hk__operation *operation)
{
    struct hk__slot *it = &all->table[slot];
    uint32_t *link = &all->waiting;
    while (*link != 0) link = &all->table[*link].next;
    *link = slot;
    it->next = 0;
    it->waits = true;
    it->operation = *operation;
}

HK__HOT int hk__operation_start(hk_sched *s, hk_call *call, const hk__operation *operation,
                                uint32_t *ret_slot)
{
    struct hk__operations *all = &s->operations;
    if (all->free == 0 && grow(all) < 0) return -ENOMEM;
    const uint32_t slot = all->free;
    all->free = all->table[slot].next;
    all->table[slot].call = call;
    all->count++;
    int r = all->waiting != 0 ? -EAGAIN
                              : s->world->table->submit(s->world, operation, ticket_of(s, slot));
    if (r == -EAGAIN) {
        wait_for_room(all, slot, operation);
    } else if (r < 0) {
        give_back(all, slot);
        return r;
    }
    *ret_slot = slot;
    return 0;
}

static void leave_queue(struct hk__operations *all, uint32_t slot)
{
    uint32_t *link = &all->waiting;
    while (*link != slot) link = &all->table[*link].next;
    *link = all->table[slot].next;
}

int hk__operation_abort(hk_sched *s, uint32_t slot)
{
    struct hk__operations *all = &s->operations;
    if (!all->table[slot].waits) {
        s->world->table->cancel(s->world, ticket_of(s, slot));
        return HK_ABORT_LATER;
    }
    leave_queue(all, slot);
    give_back(all, slot);
    return HK_ABORTED;
}

static HK__HOT void finish(hk_sched *s, uint32_t slot, int64_t result, bool halved)
{
    hk_call *call = s->operations.table[slot].call;
    give_back(&s->operations, slot);
    s->operations.result = (intptr_t)result;
    s->operations.halved = halved;
    hk__call_retry(call);
}

/* There may be room now for one that waits. */
static void submit_waiting(hk_sched *s)
{
    struct hk__operations *all = &s->operations;
    while (all->waiting != 0) {
        const uint32_t slot = all->waiting;
        struct hk__slot *it = &all->table[slot];
        int r = s->world->table->submit(s->world, &it->operation, ticket_of(s, slot));
        if (r == -EAGAIN) return;
        all->waiting = it->next;
        it->waits = false;
        if (r < 0) finish(s, slot, r, true);
    }
}

HK__HOT void hk__operation_event(hk_sched *s, const hk__event *event)
{
    const uint32_t slot = event->ticket.slot;
    HK__ASSERT(slot < s->operations.size && s->operations.table[slot].call != NULL &&
               s->operations.table[slot].generation == event->ticket.generation);
    finish(s, slot, event->result, event->ready & HK__WRITABLE);
    if (s->operations.waiting != 0) submit_waiting(s);
}

void hk__operations_close(hk_sched *s)
{
    HK__ASSERT(s->operations.count == 0);
    free(s->operations.table);
    s->operations = (struct hk__operations){ .table = NULL };
}
