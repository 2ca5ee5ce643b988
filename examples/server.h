/* SPDX-License-Identifier: MIT */
/* What the three files of the example server share. */
#ifndef SERVER_H
#define SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What has happened since the start; one thread, so plain numbers will do. */
struct totals {
    int64_t started; /* hk_now() then */
    long echo_open, echo_connections, echo_bytes;
    long requests, refused, page_bytes;
    int echo_port;
};

/* server_http.c: judges the head of a request, from its first byte to the empty line.
 * Returns the status to answer with: 200, 400, 404, 405. */
int http_judge(const char *head, size_t size, bool *ret_head_only);
/* The offset behind the empty line; 0: it has not come yet. */
size_t http_head_size(const char *data, size_t size);
const char *http_reason(int status);

/* server_page.c: the page that shows the tasks, or a few words about another status. Returns text
 * to be freed, NULL without memory. */
char *page_write(const struct totals *totals, int status, size_t *ret_size);

#endif
