/* SPDX-License-Identifier: MIT */
/* Answers: they are written into the connection's buffer, which is sent when it is full, or when
 * the client is waited for. An error is remembered, and what follows does nothing, so that nobody
 * needs to look before the end. */
#include "http_fields.h"
#include "http_server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- The buffer ---- */

/* There is one. False: no memory, which is remembered. */
static bool borrow(struct http *h)
{
    struct http_server *server = h->server;
    if (h->out != NULL) return true;
    h->out = server->spare;
    if (h->out != NULL) {
        server->spare = h->out->next;
        server->spare_count--;
    } else {
        h->out = malloc(sizeof *h->out);
        if (h->out == NULL) h->error = -ENOMEM;
    }
    return h->out != NULL;
}

static void give_back(struct http *h)
{
    struct http_server *server = h->server;
    if (h->out != NULL && server->spare_count < HTTP_SPARE_MAX) {
        h->out->next = server->spare;
        server->spare = h->out;
        server->spare_count++;
    } else {
        free(h->out);
    }
    h->out = NULL;
}

static void send_all(struct http *h, size_t size)
{
    h->since = h->server->ticks;
    ssize_t n = hk_send(h->fd, h->out->bytes, size, 0);
    if (n > 0) h->server->bytes += n;
    if (n < (ssize_t)size) h->error = n < 0 ? (int)n : -EPIPE;
}

void http_flush(struct http *h)
{
    size_t size = h->out_used;
    h->out_used = 0;
    if (h->error == 0 && size > 0) send_all(h, size);
    give_back(h);
}

static void put(struct http *h, const char *text, size_t size)
{
    while (size > 0 && h->error == 0) {
        if (h->out_used == HTTP_OUT_SIZE) http_flush(h);
        if (!borrow(h)) return;
        size_t n = HTTP_OUT_SIZE - h->out_used;
        if (n > size) n = size;
        memcpy(h->out->bytes + h->out_used, text, n);
        h->out_used += n;
        text += n;
        size -= n;
    }
}

static void put_text(struct http *h, const char *text) { put(h, text, strlen(text)); }

static void put_number(struct http *h, int64_t number)
{
    char digits[24], *at = digits + sizeof digits;
    do {
        *--at = (char)('0' + number % 10);
    } while ((number /= 10) > 0);
    put(h, at, (size_t)(digits + sizeof digits - at));
}

/* ---- The head ---- */

static const struct {
    int status;
    const char *reason;
} reasons[] = {
    { 200, "OK" },
    { 206, "Partial Content" },
    { 301, "Moved Permanently" },
    { 304, "Not Modified" },
    { 400, "Bad Request" },
    { 403, "Forbidden" },
    { 404, "Not Found" },
    { 405, "Method Not Allowed" },
    { 413, "Content Too Large" },
    { 414, "URI Too Long" },
    { 416, "Range Not Satisfiable" },
    { 417, "Expectation Failed" },
    { 431, "Request Header Fields Too Large" },
    { 500, "Internal Server Error" },
    { 501, "Not Implemented" },
    { 503, "Service Unavailable" },
    { 505, "HTTP Version Not Supported" },
};

const char *http_reason(int status)
{
    for (size_t i = 0; i < HK_LEN(reasons); i++)
        if (reasons[i].status == status) return reasons[i].reason;
    return "Unknown";
}

/* The date is written once a second, not once an answer. */
static void put_date(struct http *h)
{
    struct http_server *server = h->server;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (now.tv_sec != server->date_time) {
        http_date(now.tv_sec, server->date);
        server->date_time = now.tv_sec;
    }
    http_field(h, "Date", server->date);
}

void http_begin(struct http *h, int status)
{
    h->status = status;
    if (status >= 400) h->server->refused++;
    if (status == 200) {
        put_text(h, "HTTP/1.1 200 OK\r\n");
    } else {
        put_text(h, "HTTP/1.1 ");
        put_number(h, status);
        put_text(h, " ");
        put_text(h, http_reason(status));
        put_text(h, "\r\n");
    }
    put_date(h);
}

void http_field(struct http *h, const char *name, const char *value)
{
    put_text(h, name);
    put(h, ": ", 2);
    put_text(h, value);
    put(h, "\r\n", 2);
}

static void end_head(struct http *h)
{
    if (h->close || !h->request.keep_alive)
        put_text(h, "Connection: close\r\n");
    else if (h->request.parser.http_minor == 0)
        put_text(h, "Connection: keep-alive\r\n");
    put(h, "\r\n", 2);
}

void http_length(struct http *h, int64_t size)
{
    if (h->status != 304) { /* which has no body, whatever its length would be */
        put_text(h, "Content-Length: ");
        put_number(h, size);
        put(h, "\r\n", 2);
    }
    end_head(h);
    h->unsent = h->request.method == HTTP_HEAD || h->status == 304 ? 0 : size;
}

/* ---- The body ---- */

void http_body(struct http *h, const char *data, size_t size)
{
    if ((int64_t)size > h->unsent) size = (size_t)h->unsent;
    put(h, data, size);
    h->unsent -= (int64_t)size;
}

char *http_body_room(struct http *h, size_t *ret_size)
{
    if (h->out_used > HTTP_OUT_SIZE / 2) http_flush(h);
    *ret_size = 0;
    if (h->error < 0 || !borrow(h)) return NULL;
    const size_t room = HTTP_OUT_SIZE - h->out_used;
    *ret_size = (int64_t)room < h->unsent ? room : (size_t)h->unsent;
    return h->out->bytes + h->out_used;
}

void http_body_fill(struct http *h, size_t size)
{
    h->out_used += size;
    h->unsent -= (int64_t)size;
}

void http_whole(struct http *h, const char *body, size_t size)
{
    http_length(h, (int64_t)size);
    http_body(h, body, size);
}

void http_short_answer(struct http *h, int status)
{
    char page[160];
    int n = snprintf(page, sizeof page, "<!doctype html>\n<title>%d</title>\n<p>%d %s\n", status,
                     status, http_reason(status));
    http_begin(h, status);
    http_field(h, "Content-Type", "text/html; charset=utf-8");
    if (status == 405) http_field(h, "Allow", "GET, HEAD");
    http_whole(h, page, (size_t)n);
}
