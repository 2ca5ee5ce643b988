/* SPDX-License-Identifier: MIT */
/* Policies: what happens next where more than one thing may.
 *
 * Each kind of choice has a stream of its own, split from the seed, so that one more choice of one
 * kind does not shift the others.
 *
 * PCT (S. Burckhardt and others, "A randomized scheduler with probabilistic guarantees of finding
 * bugs", ASPLOS 2010): each task has a random priority, the highest that is ready runs, and at
 * depth - 1 random points the one that would run falls below all others. It starves tasks for as
 * long as it takes, which chance alone does not. How many decisions a run takes is not known
 * beforehand, and must not depend on other runs: so for each point the seed also draws the scale
 * on which it lies. A task that waits for others by asking again and again would never let them
 * run: after a while it falls, too. */
#include "world/sim.h"

#include <errno.h>

enum {
    ROW_MOST = 1000, /* turns of one task in a row, where others are ready */
    SCALE_LEAST = 2, /* change points lie within 2^2 ... */
    SCALES = 12,     /* ... 2^13 decisions */
    DEFAULT_DEPTH = 3,
    DOMAIN_PRIORITY = 100 /* streams besides those of the sites */
};

/* splitmix64 (G. Steele, D. Lea, C. Flood, 2014). */
static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static uint64_t next(uint64_t *stream) { return mix(*stream += 0x9e3779b97f4a7c15u); }

static uint64_t split(uint64_t seed, uint64_t domain) { return mix(mix(seed) + domain * 2 + 1); }

static uint32_t below(uint64_t *stream, uint32_t count)
{
    return (uint32_t)((next(stream) >> 32) * count >> 32);
}

static uint32_t draw(hk__sim *w, const hk__choice *c)
{
    return below(&w->random[c->site], c->count);
}

/* ---- PCT ---- */

static unsigned change_points(const hk__sim *w)
{
    const unsigned most = sizeof w->pct.changes / sizeof w->pct.changes[0];
    unsigned depth = w->setup.depth != 0 ? w->setup.depth : DEFAULT_DEPTH;
    return depth - 1 < most ? depth - 1 : most;
}

static void pct_begin(hk__sim *w)
{
    uint64_t stream = split(w->setup.seed, DOMAIN_PRIORITY + 1);
    w->pct.decisions = 0;
    w->pct.lowest = 0;
    w->pct.lowered_count = 0;
    w->pct.last = 0;
    w->pct.row = 0;
    for (unsigned i = 0; i < change_points(w); i++) {
        const uint32_t scale = 1u << (SCALE_LEAST + below(&stream, SCALES));
        w->pct.changes[i] = below(&stream, scale);
    }
}

static int64_t priority(const hk__sim *w, int64_t tid)
{
    const struct hk__sim_pct *p = &w->pct;
    const uint32_t room = sizeof p->lowered / sizeof p->lowered[0];
    const uint32_t known = p->lowered_count < room ? p->lowered_count : room;
    for (uint32_t i = 0; i < known; i++)
        if (p->lowered[i].tid == tid) return p->lowered[i].priority;
    return (int64_t)(split(w->setup.seed, DOMAIN_PRIORITY + ((uint64_t)tid << 8)) >> 1);
}

static uint32_t highest(const hk__sim *w, const hk__choice *c)
{
    uint32_t best = 0;
    int64_t most = INT64_MIN;
    for (uint32_t i = 0; i < c->count; i++) {
        int64_t it = priority(w, c->tid(c->from, i));
        if (it > most) {
            most = it;
            best = i;
        }
    }
    return best;
}

/* Below all that are there. Of very many that fell, the first are forgotten. */
static void lower(struct hk__sim_pct *p, int64_t tid)
{
    const uint32_t room = sizeof p->lowered / sizeof p->lowered[0];
    uint32_t i = 0;
    while (i < p->lowered_count && i < room && p->lowered[i].tid != tid) i++;
    if (i == room || i == p->lowered_count) i = p->lowered_count++ % room;
    p->lowered[i].tid = tid;
    p->lowered[i].priority = --p->lowest;
}

static bool falls_now(hk__sim *w, int64_t tid)
{
    struct hk__sim_pct *p = &w->pct;
    bool falls = false;
    for (unsigned i = 0; i < change_points(w); i++) falls |= p->changes[i] == p->decisions;
    p->row = tid == p->last ? p->row + 1 : 0;
    p->last = tid;
    if (p->row > ROW_MOST) falls = true;
    p->decisions++;
    return falls;
}

static uint32_t pct(hk__sim *w, const hk__choice *c)
{
    if (c->site != HK__SITE_TASK) return draw(w, c);
    uint32_t best = highest(w, c);
    int64_t tid = c->tid(c->from, best);
    if (!falls_now(w, tid)) return best;
    lower(&w->pct, tid);
    return highest(w, c);
}

/* ---- all of them ---- */

void hk__sim_choose_begin(hk__sim *w)
{
    w->hash = 0;
    for (uint64_t site = 0; site < HK__SITES; site++) w->random[site] = split(w->setup.seed, site);
    if (w->setup.policy == HK__POLICY_PCT) pct_begin(w);
    if (w->setup.policy == HK__POLICY_PATH) w->setup.path->position = 0;
}

static uint32_t pick(hk__sim *w, const hk__choice *c)
{
    if (c->count < 2) return 0;
    switch (w->setup.policy) {
    case HK__POLICY_RANDOM: return draw(w, c);
    case HK__POLICY_PCT: return pct(w, c);
    case HK__POLICY_PATH: return hk__sim_path_take(w->setup.path, c->count, c->goes_on);
    default: return 0;
    }
}

/* Whether what has happened is looked at before the next turn. The plain way, as in real worlds: at
 * the end of a pass. Where a turn is one call: at once, or, by chance, later. */
static bool looks(hk__sim *w)
{
    if (w->setup.policy == HK__POLICY_FIFO) return false;
    if (w->news_count == 0 && (w->flying == 0 || w->heap[0]->due > w->now)) return false;
    return w->setup.policy != HK__POLICY_RANDOM || next(&w->random[HK__SITE_LOOK]) >> 63;
}

static bool turn_begins(hk__sim *w)
{
    if (looks(w)) return false;
    if (w->turns >= w->setup.turns) w->over = -ELOOP;
    if (w->setup.policy == HK__POLICY_PATH && w->setup.path->failed) w->over = -ENOMEM;
    if (w->over != 0) return false;
    w->turns++;
    return true;
}

uint32_t hk__sim_choose(hk__world *world, const hk__choice *c)
{
    hk__sim *w = hk__sim_of(world);
    uint64_t who = 0;
    if (c->site == HK__SITE_TASK && !turn_begins(w)) return HK__CHOOSE_NONE;
    uint32_t value = pick(w, c);
    if (c->site == HK__SITE_TASK) who = (uint64_t)c->tid(c->from, value);
    w->hash = mix(w->hash ^ (uint64_t)w->now ^ (who << 40) ^ (uint64_t)c->site << 32 ^ value);
    return value;
}
