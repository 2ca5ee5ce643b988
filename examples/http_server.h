/* SPDX-License-Identifier: MIT */
/* A server of HTTP/1.1: connections, one task each, that read requests and have them answered by a
 * function of yours.
 *
 *     static void answer(struct http *h)
 *     {
 *         http_begin(h, 200);
 *         http_field(h, "Content-Type", "text/plain");
 *         http_whole(h, "Hello\n", 6);
 *     }
 *     struct http_server server = { .name = "hello", .answer = answer, ... };
 *     int r = http_serve(hk_net_listen("tcp:127.0.0.1:8080", 1000), &server);
 *
 * Requests are answered in order, and several that came together are answered together. A peer that
 * is slow holds nobody but itself, and not for ever. */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include "http_request.h"

#include <hocket.h>
#include <stdint.h>
#include <time.h>

enum { HTTP_IN_SIZE = 4096, HTTP_OUT_SIZE = 65536, HTTP_SPARE_MAX = 256, HTTP_TICK_MS = 250 };

struct http;
union http_buffer;

struct http_server {
    /* What the program decides. */
    const char *name;               /* in the table of tasks */
    unsigned connections_max;       /* at once; more wait until they are accepted */
    int patience_ms;                /* for a whole request, and for each piece of an answer */
    int64_t grace;                  /* ns that what is under way gets after http_stop */
    void (*answer)(struct http *h); /* a GET or a HEAD */
    void *data;                     /* for it */

    /* What happened so far. */
    long connections, requests, refused;
    int64_t bytes; /* that were sent */

    /* The rest is private. */
    int listener;
    bool stopping;
    int64_t ticks;
    struct http *first;
    union http_buffer *spare; /* those of answers that are sent; many are on their way at once */
    int spare_count;
    time_t date_time;
    char date[32];
};

/* A connection, while a request is answered. */
struct http {
    struct http_server *server;
    int fd;
    int error;  /* -errno: the connection is broken, and all that follows does nothing */
    int status; /* of this answer */
    bool close; /* after this answer */

    /* The rest is private. */
    hk_tid task;
    bool idle;
    int64_t since; /* ticks */
    struct http *next, **link;
    size_t in_at, in_used, out_used;
    int64_t unsent;         /* of the body that was announced */
    union http_buffer *out; /* while there is an answer in it; NULL: none is borrowed */
    char in[HTTP_IN_SIZE];
    struct http_request request;
};

/* Few answers are under way at once, so few of these are needed, and those stay in the cache. */
union http_buffer {
    char bytes[HTTP_OUT_SIZE];
    union http_buffer *next; /* of those that are spare */
};

/* Serves until http_stop. listener: as in hk_serve; returns as that. */
int http_serve(int listener, struct http_server *server);

/* From now on nobody is accepted, connections on which nothing is asked are closed, and http_serve
 * returns when the answers under way are sent, or when the grace is over. */
void http_stop(struct http_server *server);

/* ---- For answers: http_begin, http_field ..., then http_whole, or http_length and a body of just
 * this length by http_body and http_body_room. Where HEAD is asked, all is given just the same, and
 * the body is not sent. ---- */

void http_begin(struct http *h, int status);
void http_field(struct http *h, const char *name, const char *value);
void http_whole(struct http *h, const char *body, size_t size);
void http_length(struct http *h, int64_t size);
void http_body(struct http *h, const char *data, size_t size);

/* Room for the next bytes of the body, to be read into; then how many these were. */
char *http_body_room(struct http *h, size_t *ret_size);
void http_body_fill(struct http *h, size_t size);

/* Sends what was written so far. */
void http_flush(struct http *h);

/* A few words about a status, as the whole answer. */
void http_short_answer(struct http *h, int status);
const char *http_reason(int status);

#endif
