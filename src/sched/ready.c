/* SPDX-License-Identifier: MIT */
/* The ready ring and the task map: two arrays that grow with the number of tasks, at spawn, where a
 * failure can be told; so that waking a task, which must not fail, is one store. */
#include "sched/sched.h"

#include <stdlib.h>

static int widen_ring(struct hk__ready *r)
{
    uint32_t capacity = r->slot != NULL ? (r->mask + 1) * 2 : 64;
    hk_coro **slot = malloc(capacity * sizeof(hk_coro *));
    if (slot == NULL) return -ENOMEM;
    uint32_t count = r->tail - r->head;
    for (uint32_t i = 0; i < count; i++) slot[i] = r->slot[(r->head + i) & r->mask];
    free(r->slot);
    r->slot = slot;
    r->mask = capacity - 1;
    r->end -= r->head;
    r->head = 0;
    r->tail = count;
    return 0;
}

static int widen_map(hk_sched *s)
{
    struct hk__task_map *m = &s->map;
    uint64_t wider = m->slot != NULL ? (m->mask + 1) * 2 : 64;
    hk_coro **slot = calloc(wider, sizeof(hk_coro *));
    if (slot == NULL) return -ENOMEM;
    for (uint64_t i = 0; m->slot != NULL && i <= m->mask; i++)
        if (m->slot[i] != NULL) slot[(uint64_t)m->slot[i]->tid & (wider - 1)] = m->slot[i];
    free(m->slot);
    m->slot = slot;
    m->mask = wider - 1;
    return 0;
}

int hk__tasks_reserve(hk_sched *s)
{
    int r = 0;
    uint64_t ring = s->ready.slot != NULL ? s->ready.mask : 0;
    if (s->live >= ring) r = widen_ring(&s->ready);
    uint64_t map = s->map.slot != NULL ? (s->map.mask + 1) / 4 * 3 : 0;
    if (r == 0 && s->live >= map) r = widen_map(s);
    if (r < 0) return r;
    map = (s->map.mask + 1) / 4 * 3;
    s->room = (uint32_t)(s->ready.mask < map ? s->ready.mask : map);
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
