/* SPDX-License-Identifier: MIT */
/* The ready ring and the task map: two arrays that grow with the number of tasks, at spawn, where a
 * failure can be told; so that waking a task, which must not fail, is one store. */
#include "sched/sched.h"

#include "coro/slots.h"

/* An index that is one bit longer says whether its slot stays or moves up by as much as there
 * was. */

static int widen_ring(struct hk__ready *r)
{
    const uint32_t before = r->slot != NULL ? r->mask + 1 : 0;
    hk_coro **slot = hk__slots_widen(r->slot, before);
    if (slot == NULL) return -ENOMEM;
    for (uint32_t i = r->head; i != r->tail; i++)
        if (i & before) slot[(i & r->mask) + before] = slot[i & r->mask];
    r->slot = slot;
    r->mask = before != 0 ? 2 * before - 1 : HK__SLOTS_LEAST - 1;
    return 0;
}

static int widen_map(struct hk__task_map *m)
{
    const uint64_t before = m->slot != NULL ? m->mask + 1 : 0;
    hk_coro **slot = hk__slots_widen(m->slot, before);
    if (slot == NULL) return -ENOMEM;
    for (uint64_t i = 0; i < before; i++) {
        if (slot[i] == NULL || !((uint64_t)slot[i]->tid & before)) continue;
        slot[i + before] = slot[i];
        slot[i] = NULL;
    }
    m->slot = slot;
    m->mask = before != 0 ? 2 * before - 1 : HK__SLOTS_LEAST - 1;
    return 0;
}

void hk__tasks_release(hk_sched *s)
{
    hk__slots_free(s->ready.slot, (uint64_t)s->ready.mask + 1);
    hk__slots_free(s->map.slot, s->map.mask + 1);
}

int hk__tasks_reserve(hk_sched *s)
{
    int r = 0;
    uint64_t ring = s->ready.slot != NULL ? s->ready.mask : 0;
    if (s->live >= ring) r = widen_ring(&s->ready);
    uint64_t map = s->map.slot != NULL ? (s->map.mask + 1) / 4 * 3 : 0;
    if (r == 0 && s->live >= map) r = widen_map(&s->map);
    if (r < 0) return r;
    map = (s->map.mask + 1) / 4 * 3;
    s->room = (uint32_t)(s->ready.mask < map ? s->ready.mask : map);
    return 0;
}

/* ---- simulated worlds ---- */

struct alternatives {
    const struct hk__ready *ready;
    uint32_t count;
    uint32_t first; /* where the one that goes on stands; count: nobody does */
};

/* Who goes on comes first, the others as they stand. */
static uint32_t index_of(const struct alternatives *a, uint32_t alternative)
{
    if (a->first == a->count) return alternative;
    return alternative == 0 ? a->first : alternative - (alternative <= a->first);
}

static hk_coro *task_at(const struct hk__ready *r, uint32_t index)
{
    return r->slot[(r->head + index) & r->mask];
}

static int64_t tid_of(const void *from, uint32_t alternative)
{
    const struct alternatives *a = from;
    return task_at(a->ready, index_of(a, alternative))->tid;
}

static uint32_t place_of(const struct hk__ready *r, const hk_coro *task, uint32_t count)
{
    uint32_t index = task != NULL ? count : 0;
    while (index > 0 && task_at(r, index - 1) != task) index--;
    return index > 0 ? index - 1 : count;
}

/* It runs next; the others keep their order. */
static void move_to_front(struct hk__ready *r, uint32_t index)
{
    hk_coro *task = task_at(r, index);
    for (; index > 0; index--) r->slot[(r->head + index) & r->mask] = task_at(r, index - 1);
    r->slot[r->head & r->mask] = task;
}

/* There the batch is always of one task, which is chosen. Where a turn is one call, who made it may
 * go on; where turns are longer he had his share. */
static __attribute__((noinline)) bool choose_next(hk_sched *s)
{
    struct hk__ready *r = &s->ready;
    const uint32_t count = r->tail - r->head;
    if (s->simulation != NULL) hk__simulation_turned(s, NULL);
    if (count == 0 || r->quota <= 0) return false;
    const struct alternatives a = { r, count,
                                    place_of(r, s->allowance == 1 ? s->spent : NULL, count) };
    const hk__choice choice = { .site = HK__SITE_TASK,
                                .count = count,
                                .tid = tid_of,
                                .from = &a,
                                .goes_on = a.first != count };
    uint32_t alternative = s->world->table->choose(s->world, &choice);
    if (alternative == HK__CHOOSE_NONE) {
        r->quota = 0;
        return false;
    }
    s->spent = NULL;
    move_to_front(r, index_of(&a, alternative));
    r->quota--;
    r->end = r->head + 1;
    if (s->simulation != NULL) hk__simulation_turned(s, task_at(r, 0));
    return true;
}

/* ---- all worlds ---- */

HK__HOT bool hk__ready_extend(hk_sched *s)
{
    struct hk__ready *r = &s->ready;
    if (HK__UNLIKELY(r->chosen)) return choose_next(s);
    if (r->quota <= 0) return false;
    if (r->quota < HK__PASS_TASKS) {
        const int64_t now = s->world->table->now(s->world);
        if (now - s->now > HK__PASS_NS) {
            s->now = now; /* it may have been old: it cuts no other pass short */
            r->quota = 0;
            return false;
        }
    }
    r->quota -= HK__BATCH_TASKS;
    r->end = r->head + HK__BATCH_TASKS;
    return true;
}
