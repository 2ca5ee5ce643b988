/* SPDX-License-Identifier: MIT */
/* The items of an ordered channel: a heap.
 *
 * Items stay where they were put; what moves in the heap are the places, which say where an item is
 * and when it was sent, so that equal ones come out in that order. The places behind the count are
 * free and keep the addresses that are. */
#include "sync/channel.h"

void hk__ordered_open(hk_chan *ch)
{
    for (size_t i = 0; i < ch->capacity; i++) ch->places[i].item = ch->items + i * ch->size;
}

static bool is_before(const hk_chan *ch, const struct hk__place *a, const struct hk__place *b)
{
    int order = ch->compare(a->item, b->item);
    return order < 0 || (order == 0 && a->order < b->order);
}

void hk__ordered_put(hk_chan *ch, const void *item)
{
    struct hk__place *heap = ch->places, place = heap[ch->count];
    hk__item_copy(place.item, item, ch->size);
    place.order = ch->sent;
    size_t at = ch->count;
    for (; at > 0; at = (at - 1) / 2) {
        const struct hk__place *above = &heap[(at - 1) / 2];
        if (!is_before(ch, &place, above)) break;
        heap[at] = *above;
    }
    heap[at] = place;
}

void hk__ordered_take(hk_chan *ch, void *item)
{
    struct hk__place *heap = ch->places, first = heap[0];
    const size_t count = ch->count - 1; /* of those that stay */
    const struct hk__place last = heap[count];
    hk__item_copy(item, first.item, ch->size);
    size_t at = 0;
    for (size_t below = 1; below < count; below = 2 * at + 1) {
        if (below + 1 < count && is_before(ch, &heap[below + 1], &heap[below])) below++;
        if (!is_before(ch, &heap[below], &last)) break;
        heap[at] = heap[below];
        at = below;
    }
    heap[at] = last;
    heap[count] = first;
}
