/* SPDX-License-Identifier: MIT */
/* Programs from seeds. Each has a few themes, so that what it does has to do with each other. */
#include "random/random.h"

#include <string.h>

enum { DEPTH = 5 };

struct maker {
    struct program *program;
    uint64_t random;
    unsigned themes;
    int left; /* statements */
};

static int pick(struct maker *m, int below) { return (int)chance(&m->random, (uint64_t)below); }

static bool is_task(enum op op) { return op_info[op].flags & TASK; }

/* A word of the program's themes, now and then of any; OPS: none that fits. */
static enum op pick_op(struct maker *m, int depth, bool light)
{
    for (int tries = 0; tries < 60; tries++) {
        const enum op op = (enum op)pick(m, OPS);
        const struct op_info *info = &op_info[op];
        if (light && !(info->flags & LIGHT)) continue;
        if (!(m->themes & 1u << info->theme) && pick(m, 12) > 0) continue;
        if (info->flags & RARE && pick(m, 8) > 0) continue;
        if (info->flags & BODY && op != OP_select && depth >= DEPTH) continue;
        if (is_task(op) && m->program->tasks >= MAX_TASKS) continue;
        if (info->flags & BODY && !(info->flags & WAITS) && !is_task(op) &&
            m->program->scopes >= MAX_SCOPES)
            continue;
        return op;
    }
    return OPS;
}

static struct stmt *make_list(struct maker *m, int depth, bool light, int most);

static int pick_time(struct maker *m)
{
    static const int usual[] = { 1, 1, 2, 3, 5, 8, 20, 100 };
    return usual[pick(m, 8)];
}

static int pick_timeout(struct maker *m, enum op op)
{
    const int kind = pick(m, 12);
    if (op == OP_shield) return kind < 2 ? 0 : pick_time(m); /* it must end by itself */
    if (kind == 0) return -1;
    if (kind <= 2) return 0;
    return kind <= 6 ? -2 : pick_time(m);
}

/* Kinds 0 to 3 are of channels, 7 to 10 of subscribers. */
static struct stmt make_arm(struct maker *m, int kind)
{
    switch (kind) {
    case 4: return (struct stmt){ .op = OP_tick, .object = pick(m, 2) };
    case 5: return (struct stmt){ .op = OP_wait, .object = pick(m, 2) };
    case 6: return (struct stmt){ .op = OP_join, .object = pick(m, m->program->tasks) };
    default: break;
    }
    if (kind > 6) return (struct stmt){ .op = OP_hear, .object = kind - 7 };
    return (struct stmt){ .op = pick(m, 2) > 0 ? OP_send : OP_recv, .object = kind };
}

/* No two arms of a select serve the same end of a channel, or each other. */
static struct stmt *make_arms(struct maker *m)
{
    struct program *p = m->program;
    struct stmt *first = NULL;
    unsigned used = 0;
    for (int arms = 1 + pick(m, MAX_ARMS); arms > 0 && p->stmts < MAX_STMTS; arms--) {
        const int kind = pick(m, 11);
        if (used & 1u << kind) continue;
        used |= 1u << kind;
        struct stmt *s = &p->stmt[p->stmts++];
        *s = make_arm(m, kind);
        s->next = first;
        first = s;
    }
    return first;
}

/* Somewhere in it it says that it has started; some never do. */
static void add_word(struct maker *m, struct stmt *s)
{
    struct program *p = m->program;
    struct stmt **at = &s->body;
    if (pick(m, 4) == 0 || p->stmts == MAX_STMTS) return;
    for (int n = pick(m, 4); n > 0 && *at != NULL; n--) at = &(*at)->next;
    struct stmt *word = &p->stmt[p->stmts++];
    *word = (struct stmt){ .op = OP_started, .next = *at };
    *at = word;
}

static void fill_in(struct maker *m, struct stmt *s, int depth)
{
    struct program *p = m->program;
    const unsigned flags = op_info[s->op].flags;
    const bool group = op_info[s->op].theme == GROUPS;
    s->goes_on = pick(m, 5) == 0;
    if (op_info[s->op].objects > 0) s->object = pick(m, (int)op_info[s->op].objects);
    if (flags & TO_SCOPE) s->object = pick(m, p->scopes + 1 < MAX_SCOPES ? p->scopes + 1 : 1);
    if (flags & TO_TASK) s->object = pick(m, p->tasks + 1 < MAX_TASKS ? p->tasks + 1 : 1);
    if (s->op == OP_sleep) s->arg = pick(m, 6) == 0 ? 0 : pick_time(m);
    if (s->op == OP_put || s->op == OP_get) s->arg = pick_time(m);
    if (s->op == OP_stop) s->arg = pick(m, 3) == 0 ? 0 : pick_time(m);
    if (s->op == OP_rearm) s->arg = pick_timeout(m, s->op);
    if (s->op == OP_select) {
        s->arg = pick(m, 2) == 0 ? HK_FAIR : HK_IN_ORDER;
        s->body = make_arms(m);
    } else if (is_task(s->op)) {
        s->object = p->tasks++;
        s->body = make_list(m, depth + 1, s->op == OP_light, 8);
        if (s->op == OP_start) add_word(m, s);
    } else if (flags & BODY && flags & WAITS) {
        s->limit = pick(m, 8) == 0;
        s->body = make_list(m, depth + 1, false, 4);
    } else if (s->op == OP_with) {
        s->body = make_list(m, depth + 1, false, 4);
    } else if (flags & BODY) {
        s->object = p->scopes++;
        if (!group)
            s->arg = pick_timeout(m, s->op);
        else if (pick(m, 3) == 0)
            s->arg = pick_time(m);
        if (group && pick(m, 4) == 0) s->limit = 1 + pick(m, 2);
        s->body = make_list(m, depth + 1, false, 6);
    }
}

static struct stmt *make_list(struct maker *m, int depth, bool light, int most)
{
    struct program *p = m->program;
    struct stmt *first = NULL, **last = &first;
    for (int n = 1 + pick(m, most); n > 0 && m->left > 0 && p->stmts < MAX_STMTS - MAX_ARMS; n--) {
        const enum op op = pick_op(m, depth, light);
        if (op == OPS) break;
        struct stmt *s = &p->stmt[p->stmts++];
        m->left--;
        *s = (struct stmt){ .op = op };
        fill_in(m, s, depth);
        if (op == OP_select && s->body == NULL) continue;
        *last = s;
        last = &s->next;
    }
    return first;
}

/* Numbers that no statement has are of tasks and scopes that never are. */
void generate(struct program *p, uint64_t seed)
{
    struct maker m = { p, seed * 2 + 1, 1u << FLOW, 0 };
    for (int n = 1 + pick(&m, 4); n > 0; n--) m.themes |= 1u << pick(&m, THEMES);
    m.left = 4 + pick(&m, pick(&m, 3) == 0 ? 100 : 25);
    p->stmts = 0;
    p->tasks = 1;
    p->scopes = 1;
    p->main = make_list(&m, 0, false, 12);
    struct stmt **last = &p->main;
    while (*last != NULL) last = &(*last)->next;
    for (int tasks = 1 + pick(&m, 5); tasks > 0 && p->tasks < MAX_TASKS; tasks--) {
        if (p->stmts >= MAX_STMTS - 1) break;
        struct stmt *s = &p->stmt[p->stmts++];
        *s = (struct stmt){ .op = OP_spawn };
        m.left += 4;
        fill_in(&m, s, 0);
        *last = s;
        last = &s->next;
    }
    if (p->scopes < MAX_SCOPES) p->scopes++;
    if (p->tasks < MAX_TASKS) p->tasks++;
}
