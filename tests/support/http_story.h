/* SPDX-License-Identifier: MIT */
/* What a server would learn from the bytes of a connection, as text: a line for each request. It
 * must be the same however the bytes are cut. */
#ifndef HTTP_STORY_H
#define HTTP_STORY_H

#include "http_request.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct story {
    size_t used;
    char text[2 * HTTP_HEAD_MAX];
    uint64_t hash; /* of all of it, also where the text is cut */
};

static inline void story_add(struct story *s, const char *text)
{
    for (; *text != '\0'; text++) {
        s->hash = (s->hash ^ (unsigned char)*text) * 0x100000001b3;
        if (s->used < sizeof s->text - 1) s->text[s->used++] = *text;
    }
    s->text[s->used] = '\0';
}

static inline void story_add_request(struct story *s, const struct http_request *r)
{
    char line[64];
    if (r->stage == HTTP_REFUSED) {
        snprintf(line, sizeof line, "refused %d\n", r->status);
        story_add(s, line);
        return;
    }
    story_add(s, http_method_str((enum http_method)r->method));
    story_add(s, " ");
    story_add(s, r->target);
    for (int i = 0; i < HTTP_FIELDS; i++) {
        if (r->field[i] == NULL) continue;
        snprintf(line, sizeof line, " %d=", i);
        story_add(s, line);
        story_add(s, r->field[i]);
    }
    story_add(s, r->keep_alive ? " keep\n" : " close\n");
}

/* piece(arg): how long the next piece is to be, at least 1. */
static inline void story_tell(struct story *s, const char *data, size_t size,
                              size_t (*piece)(void *arg), void *arg)
{
    static struct http_request r;
    const char *end = data + size, *piece_end = data;
    memset(s, 0, sizeof *s);
    for (;;) {
        http_request_begin(&r);
        while (r.stage < HTTP_COMPLETE && data < end) {
            if (data == piece_end) {
                size_t n = piece(arg);
                piece_end = n < (size_t)(end - data) ? data + n : end;
            }
            bool in_head = r.stage == HTTP_IN_HEAD;
            data += http_request_feed(&r, data, (size_t)(piece_end - data));
            if (in_head && r.stage == HTTP_IN_BODY) story_add(s, "(body) ");
        }
        if (data == end && !http_request_end(&r)) break;
        story_add_request(s, &r);
        if (r.stage == HTTP_REFUSED || !r.keep_alive) return;
    }
    story_add(s, "end\n");
}

#endif
