/* SPDX-License-Identifier: MIT */
/* Answers out of a folder: its files, and lists of what is in it. */
#ifndef HTTP_FILES_H
#define HTTP_FILES_H

#include "http_server.h"

struct http_files {
    int root; /* a descriptor of the folder */
};

/* Opens the folder. Returns 0; -errno. */
int http_files_open(struct http_files *files, const char *path);

/* An `answer` of http_server, whose data is a struct http_files. */
void http_files_answer(struct http *h);

/* http_listing.c: the page that lists a folder. path: as the client asked for it, without the last
 * slash. Returns text to be freed, NULL without memory or where it cannot be read. */
char *http_listing(int folder, const char *path, size_t *ret_size);
/* A path as it stands in a link. ret: three times as much room, and one byte. */
void http_quote_path(const char *path, char *ret);

#endif
