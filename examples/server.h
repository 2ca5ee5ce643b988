/* SPDX-License-Identifier: MIT */
/* What the two files of the example server share. */
#ifndef SERVER_H
#define SERVER_H

#include <stddef.h>
#include <stdint.h>

/* What has happened since the start; one thread, so plain numbers will do. */
struct totals {
    int64_t started; /* hk_now() then */
    long echo_open, echo_connections, echo_bytes;
    long requests;
    int echo_port;
};

/* server_page.c: the page that shows the tasks. Returns text to be freed, NULL without memory. */
char *page_write(const struct totals *totals, size_t *ret_size);

#endif
