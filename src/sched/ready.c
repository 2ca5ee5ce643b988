/* SPDX-License-Identifier: MIT */
/* The ready ring and the task map: two arrays that grow with the number of tasks, at spawn, where a
 * failure can be told; so that waking a task, which must not fail, is one store. */
#include "sched/sched.h"

#include <stdlib.h>

int hk__ready_reserve(hk_sched *s, uint32_t tasks)
{
    struct hk__ready *r = &s->ready;
    if (r->slot != NULL && tasks <= r->mask) return 0;
    uint32_t capacity = r->slot != NULL ? (r->mask + 1) * 2 : 64;
    hk_coro **slot = malloc(capacity * sizeof(hk_coro *));
    if (slot == NULL) return -ENOMEM;
    uint32_t count = r->tail - r->head, batch = r->end - r->head;
    for (uint32_t i = 0; i < count; i++) slot[i] = r->slot[(r->head + i) & r->mask];
    for (uint32_t i = count; i < count + 16 && i < capacity; i++)
        slot[i] = NULL; /* the prefetcher looks ahead */
    free(r->slot);
    r->slot = slot;
    r->mask = capacity - 1;
    r->head = 0;
    r->tail = count;
    r->end = batch;
    return 0;
}

int hk__map_reserve(hk_sched *s, uint32_t tasks)
{
    struct hk__task_map *m = &s->map;
    uint64_t capacity = m->slot != NULL ? m->mask + 1 : 0;
    if (tasks <= capacity / 4 * 3) return 0;
    uint64_t wider = capacity != 0 ? capacity * 2 : 64;
    hk_coro **slot = calloc(wider, sizeof(hk_coro *));
    if (slot == NULL) return -ENOMEM;
    for (hk_coro *t = s->first; t != NULL; t = t->next) slot[(uint64_t)t->tid & (wider - 1)] = t;
    free(m->slot);
    m->slot = slot;
    m->mask = wider - 1;
    return 0;
}

bool hk__ready_extend(hk_sched *s)
{
    struct hk__ready *r = &s->ready;
    uint32_t count = r->tail - r->head;
    if (count == 0 || r->quota <= 0) return false;
    if (count > HK__BATCH_TASKS) count = HK__BATCH_TASKS;
    int32_t before = r->quota;
    r->quota -= (int32_t)count;
    if (before / HK__BATCH_TASKS != r->quota / HK__BATCH_TASKS && before < HK__PASS_TASKS) {
        int64_t now = s->world->table->now(s->world);
        if (now - s->now > HK__PASS_NS) {
            r->quota = 0;
            return false;
        }
    }
    r->end = r->head + count;
    return true;
}
