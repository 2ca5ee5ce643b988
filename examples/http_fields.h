/* SPDX-License-Identifier: MIT */
/* What the fields of a request mean for a file: dates, tags, ranges; and the type of a file by its
 * name. Plain functions: nothing waits here. */
#ifndef HTTP_FIELDS_H
#define HTTP_FIELDS_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

enum { HTTP_DATE_SIZE = 30, HTTP_TAG_SIZE = 64 };

/* "Sun, 06 Nov 1994 08:49:37 GMT". */
void http_date(time_t time, char ret[HTTP_DATE_SIZE]);

/* What a file is now: of its tag and its last change. */
struct http_version {
    char tag[HTTP_TAG_SIZE]; /* with its quotes */
    time_t changed;
};

/* Whether the client has it already. if_none_match, if_modified_since: the fields, or NULL. */
bool http_is_known(const struct http_version *v, const char *if_none_match,
                   const char *if_modified_since);

/* A part of a file. */
struct http_range {
    int64_t from, size;
};

/* What is to be sent of a file of this size. range, if_range: the fields, or NULL.
 * Returns the status: 200: all of it (also where several parts are asked for, or nonsense);
 * 206: the part; 416: it has no such part. */
int http_choose_range(const struct http_version *v, int64_t size, const char *range,
                      const char *if_range, struct http_range *ret);

const char *http_type_of(const char *name);

#endif
