/* SPDX-License-Identifier: MIT */
/* Programs as text: NAME[OBJECT][:ARG][/LIMIT][!][{ ... }], one after the other. */
#include "random/random.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct op_info op_info[OPS] = {
#define X(name, theme, objects, flags) { #name, theme, objects, flags },
    RANDOM_OPS(X)
#undef X
};

void format_stmt(const struct stmt *s, char *buf, size_t size)
{
    const struct op_info *info = &op_info[s->op];
    size_t used = (size_t)snprintf(buf, size, "%s", info->name);
    if (info->objects > 0 || info->flags & (BODY | TO_SCOPE | TO_TASK))
        used += (size_t)snprintf(buf + used, size - used, "%d", s->object);
    if (s->arg != 0) used += (size_t)snprintf(buf + used, size - used, ":%d", s->arg);
    if (s->limit != 0) used += (size_t)snprintf(buf + used, size - used, "/%d", s->limit);
    if (s->goes_on) snprintf(buf + used, size - used, "!");
}

static void print_list(const struct stmt *s, int depth)
{
    char text[64];
    for (bool begins = true; s != NULL; s = s->next) {
        format_stmt(s, text, sizeof text);
        if (begins) fprintf(stderr, "%*s", depth * 4, "");
        fprintf(stderr, "%s%s", begins ? "" : " ", text);
        begins = false;
        if (s->body == NULL) continue;
        fprintf(stderr, " {\n");
        print_list(s->body, depth + 1);
        fprintf(stderr, "%*s}\n", depth * 4, "");
        begins = true;
        if (s->next == NULL) return;
    }
    fprintf(stderr, "\n");
}

void print_program(const struct program *p) { print_list(p->main, 1); }

static void print_rest(const struct stmt *s)
{
    char text[64];
    for (; s != NULL; s = s->next) {
        format_stmt(s, text, sizeof text);
        fprintf(stderr, "%s", text);
        if (s->body != NULL) {
            fprintf(stderr, "{ ");
            print_rest(s->body);
            fprintf(stderr, " }");
        }
        if (s->next != NULL) fprintf(stderr, " ");
    }
}

void print_in_a_line(const struct program *p) { print_rest(p->main); }

/* ---- reading ---- */

struct reader {
    struct program *program;
    const char *at;
    bool failed;
};

static void skip_space(struct reader *r) { r->at += strspn(r->at, " \t\n"); }

static int read_number(struct reader *r, char mark)
{
    if (mark != '\0' && *r->at++ != mark) {
        r->at--;
        return 0;
    }
    char *end;
    long n = strtol(r->at, &end, 10);
    r->at = end;
    return (int)n;
}

static void *trouble(struct reader *r, const char *what)
{
    if (!r->failed) fprintf(stderr, "program: %s at '%.20s'\n", what, r->at);
    r->failed = true;
    return NULL;
}

static enum op read_op(struct reader *r)
{
    const size_t length = strcspn(r->at, "0123456789:/!{} \t\n");
    for (int op = 0; op < OPS; op++)
        if (strlen(op_info[op].name) == length && memcmp(op_info[op].name, r->at, length) == 0) {
            r->at += length;
            return (enum op)op;
        }
    trouble(r, "no such word");
    return OPS;
}

static bool info_is_scope(enum op op) { return op_info[op].theme <= GROUPS && op != OP_spawn; }

static void count_numbers(struct program *p, const struct stmt *s)
{
    const unsigned flags = op_info[s->op].flags;
    const bool task = flags & TASK;
    if (task && s->object >= p->tasks) p->tasks = s->object + 1;
    if (flags & BODY && !task && info_is_scope(s->op) && s->object >= p->scopes)
        p->scopes = s->object + 1;
}

static struct stmt *read_list(struct reader *r);

static struct stmt *read_stmt(struct reader *r)
{
    struct program *p = r->program;
    const enum op op = read_op(r);
    if (op == OPS) return NULL;
    if (p->stmts == MAX_STMTS) return trouble(r, "too long");
    struct stmt *s = &p->stmt[p->stmts++];
    *s = (struct stmt){ .op = op };
    if (isdigit((unsigned char)*r->at)) s->object = read_number(r, '\0');
    s->arg = read_number(r, ':');
    s->limit = read_number(r, '/');
    if (*r->at == '!') {
        s->goes_on = true;
        r->at++;
    }
    count_numbers(p, s);
    if (p->tasks > MAX_TASKS || p->scopes > MAX_SCOPES) return trouble(r, "too many");
    skip_space(r);
    if (*r->at != '{') return s;
    r->at++;
    s->body = read_list(r);
    if (*r->at != '}') return trouble(r, "no }");
    r->at++;
    return s;
}

static struct stmt *read_list(struct reader *r)
{
    struct stmt *first = NULL, **last = &first;
    for (skip_space(r); *r->at != '\0' && *r->at != '}' && !r->failed; skip_space(r)) {
        *last = read_stmt(r);
        if (*last != NULL) last = &(*last)->next;
    }
    return first;
}

bool parse(struct program *p, const char *text)
{
    struct reader r = { p, text, false };
    p->stmts = 0;
    p->tasks = 1;
    p->scopes = 1;
    p->main = read_list(&r);
    if (*r.at != '\0') trouble(&r, "too many }");
    return !r.failed;
}
