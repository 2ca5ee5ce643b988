/* SPDX-License-Identifier: MIT */
/* A request of HTTP/1.1, read from bytes that come in pieces of any size. The parser is
 * libhttp-parser; this is what a server needs around it: the fields it cares for, limits, and a
 * status to refuse with. Nothing here waits, or knows where the bytes come from. */
#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

#include <http_parser.h>
#include <stdbool.h>
#include <stddef.h>

enum { HTTP_HEAD_MAX = 8192, HTTP_BODY_MAX = 1 << 20 }; /* bytes, as they come */

/* The fields that are kept; of those that come twice, the first. */
enum http_field {
    HTTP_HOST,
    HTTP_EXPECT,
    HTTP_RANGE,
    HTTP_IF_RANGE,
    HTTP_IF_NONE_MATCH,
    HTTP_IF_MODIFIED_SINCE,
    HTTP_FIELDS,
};

enum http_stage {
    HTTP_IN_HEAD, /* more bytes are needed */
    HTTP_IN_BODY, /* the head is there, and a body follows; it is read and dropped */
    HTTP_COMPLETE,
    HTTP_REFUSED, /* as status says; what else comes on this connection has no meaning */
};

struct http_request {
    enum http_stage stage;
    int status;                     /* REFUSED: 400, 413, 414, 417, 431, 501, 505 */
    bool begun;                     /* there was more than empty lines */
    unsigned method;                /* HTTP_GET ... as the library counts them */
    bool keep_alive;                /* the client would like to go on */
    const char *target;             /* as it came: "/a%20b?c"; NULL: it did not come that far */
    const char *field[HTTP_FIELDS]; /* without blanks around; NULL: not there */

    /* The rest is private. */
    http_parser parser;
    size_t bytes; /* of this stage, so far */
    size_t name_used, text_used;
    int current, hosts; /* the field whose value comes: HTTP_FIELDS: none that is kept */
    bool in_value;
    char name[20];
    char text[HTTP_HEAD_MAX]; /* the target and the values; each is followed by a NUL */
};

/* Before the first byte of each request. */
void http_request_begin(struct http_request *r);

/* Takes bytes, at most to the end of a stage. Returns how many; those that are left are for the
 * next stage, or the next request. */
size_t http_request_feed(struct http_request *r, const char *data, size_t size);

/* There are no more bytes. False: there was no request, and nobody waits for an answer. Else it is
 * COMPLETE, or REFUSED now. */
bool http_request_end(struct http_request *r);

/* The path of a target, "/a b", with what was written as %20 put back. ret_path: at least
 * HTTP_HEAD_MAX bytes. Returns 0; 400: it is none. */
int http_path(const char *target, char *ret_path);

#endif
