/* SPDX-License-Identifier: MIT */
/* The glue between the parser and a server.
 *
 * The library calls back with pieces of the target, of names and of values, cut wherever the bytes
 * were cut that it was given. Here they are put together again, so that a request is the same
 * however it came. The library pauses at the end of each stage: then the server gets its turn, to
 * say "100 Continue" or to answer.
 *
 * Debian builds the library in its lenient mode, and some of what that lets through is refused
 * here: blanks in names, NUL in values, bytes in the target that are not ASCII. */
#include "http_request.h"

#include <string.h>
#include <strings.h>

static const char *const field_names[HTTP_FIELDS] = {
    [HTTP_HOST] = "host",
    [HTTP_EXPECT] = "expect",
    [HTTP_RANGE] = "range",
    [HTTP_IF_RANGE] = "if-range",
    [HTTP_IF_NONE_MATCH] = "if-none-match",
    [HTTP_IF_MODIFIED_SINCE] = "if-modified-since",
};

static void refuse(struct http_request *r, int status)
{
    r->stage = HTTP_REFUSED;
    r->status = status;
}

/* For the callbacks: a value that makes the parser stop. */
static int refused(struct http_request *r, int status)
{
    refuse(r, status);
    return -1;
}

static void keep(struct http_request *r, const char *at, size_t size)
{
    memcpy(r->text + r->text_used, at, size); /* the head is limited, so there is room */
    r->text_used += size;
}

/* ---- What the library tells ---- */

static int on_message_begin(http_parser *parser)
{
    struct http_request *r = parser->data;
    r->begun = true;
    return 0;
}

static int on_url(http_parser *parser, const char *at, size_t size)
{
    struct http_request *r = parser->data;
    for (size_t i = 0; i < size; i++)
        if (at[i] <= ' ' || at[i] == 127) return refused(r, 400);
    if (r->target == NULL) r->target = r->text;
    keep(r, at, size);
    return 0;
}

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

/* The text of a target or a value is complete. */
static void end_text(struct http_request *r)
{
    if (r->current != HTTP_FIELDS) {
        const char *start = r->field[r->current];
        while (r->text + r->text_used > start && is_blank(r->text[r->text_used - 1]))
            r->text_used--;
    }
    r->text[r->text_used++] = '\0';
    r->in_value = false;
    r->current = HTTP_FIELDS;
}

static int on_header_field(http_parser *parser, const char *at, size_t size)
{
    struct http_request *r = parser->data;
    if (memchr(at, ' ', size) != NULL) return refused(r, 400);
    if (r->stage != HTTP_IN_HEAD) return 0; /* behind a body; nobody asks for these */
    if (r->in_value || r->name_used == 0) {
        end_text(r);
        r->name_used = 0;
    }
    size_t room = sizeof r->name - r->name_used; /* a longer one is none of ours */
    if (size > room) size = room;
    memcpy(r->name + r->name_used, at, size);
    r->name_used += size;
    return 0;
}

static void begin_value(struct http_request *r)
{
    r->in_value = true;
    r->current = HTTP_FIELDS;
    for (int i = 0; i < HTTP_FIELDS; i++)
        if (strlen(field_names[i]) == r->name_used &&
            strncasecmp(field_names[i], r->name, r->name_used) == 0)
            r->current = i;
    if (r->current == HTTP_HOST) r->hosts++;
    if (r->current != HTTP_FIELDS && r->field[r->current] != NULL) r->current = HTTP_FIELDS;
    if (r->current != HTTP_FIELDS) r->field[r->current] = r->text + r->text_used;
}

static int on_header_value(http_parser *parser, const char *at, size_t size)
{
    struct http_request *r = parser->data;
    if (memchr(at, '\0', size) != NULL) return refused(r, 400);
    if (r->stage != HTTP_IN_HEAD) return 0;
    if (!r->in_value) begin_value(r);
    if (r->current != HTTP_FIELDS) keep(r, at, size);
    return 0;
}

static int on_headers_complete(http_parser *parser)
{
    struct http_request *r = parser->data;
    end_text(r);
    r->method = parser->method;
    r->keep_alive = http_should_keep_alive(parser) && parser->method != HTTP_CONNECT;
    const char *expect = r->field[HTTP_EXPECT];
    bool has_length = (parser->flags & F_CONTENTLENGTH) != 0;
    if (parser->http_major == 0) return refused(r, 400); /* no version at all, as in 1991 */
    if (parser->http_major != 1) return refused(r, 505);
    if (r->hosts > 1 || (r->hosts == 0 && parser->http_minor > 0)) return refused(r, 400);
    if (expect != NULL && strcasecmp(expect, "100-continue") != 0) return refused(r, 417);
    if (has_length && parser->content_length > HTTP_BODY_MAX) return refused(r, 413);
    if ((has_length && parser->content_length > 0) || (parser->flags & F_CHUNKED)) {
        r->stage = HTTP_IN_BODY;
        http_parser_pause(parser, 1);
    }
    return 0;
}

static int on_message_complete(http_parser *parser)
{
    struct http_request *r = parser->data;
    r->stage = HTTP_COMPLETE;
    http_parser_pause(parser, 1);
    return 0;
}

static const http_parser_settings settings = {
    .on_message_begin = on_message_begin,
    .on_url = on_url,
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_headers_complete = on_headers_complete,
    .on_message_complete = on_message_complete,
};

/* ---- Feeding it ---- */

void http_request_begin(struct http_request *r)
{
    memset(r, 0, offsetof(struct http_request, text));
    r->current = HTTP_FIELDS;
    http_parser_init(&r->parser, HTTP_REQUEST);
    r->parser.data = r;
}

/* A method that nobody knows is no mistake of the client's; bytes that are no name at all are. */
static int status_of_error(const http_parser *parser, char at)
{
    switch (HTTP_PARSER_ERRNO(parser)) {
    case HPE_INVALID_METHOD:
        return at > ' ' && at < 127 && strchr("()<>@,;:\\\"/[]?={}", at) == NULL ? 501 : 400;
    case HPE_INVALID_TRANSFER_ENCODING: return 501;
    case HPE_HEADER_OVERFLOW: return 431;
    default: return 400;
    }
}

/* The body is counted as it comes, chunk heads included. (Its length, where that was given, was
 * judged before; the library leaves the last byte of the head to the body.) */
static void judge_size(struct http_request *r)
{
    if (r->stage == HTTP_IN_HEAD && r->bytes >= HTTP_HEAD_MAX)
        refuse(r, r->parser.http_major == 0 ? 414 : 431);
    if (r->stage == HTTP_IN_BODY && r->bytes >= HTTP_BODY_MAX + 2) refuse(r, 413);
}

size_t http_request_feed(struct http_request *r, const char *data, size_t size)
{
    enum http_stage stage = r->stage;
    size_t room = (stage == HTTP_IN_HEAD ? HTTP_HEAD_MAX : HTTP_BODY_MAX + 2) - r->bytes;
    if (stage >= HTTP_COMPLETE || size == 0) return 0; /* to the library, 0 bytes are the end */
    http_parser_pause(&r->parser, 0);
    size_t taken = http_parser_execute(&r->parser, &settings, data, size < room ? size : room);
    enum http_errno error = HTTP_PARSER_ERRNO(&r->parser);
    r->bytes += taken;
    if (error != HPE_OK && error != HPE_PAUSED && r->stage != HTTP_REFUSED)
        refuse(r, status_of_error(&r->parser, taken < size ? data[taken] : '\0'));
    if (r->stage == stage)
        judge_size(r);
    else
        r->bytes = 0;
    return taken;
}

bool http_request_end(struct http_request *r)
{
    if (!r->begun && r->stage == HTTP_IN_HEAD) return false;
    if (r->stage < HTTP_COMPLETE) refuse(r, 400);
    return true;
}

/* ---- Targets ---- */

static int digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

int http_path(const char *target, char *ret_path)
{
    struct http_parser_url url;
    http_parser_url_init(&url);
    if (http_parser_parse_url(target, strlen(target), 0, &url) != 0) return 400;
    if ((url.field_set & 1 << UF_PATH) == 0) { /* http://host */
        strcpy(ret_path, "/");
        return (url.field_set & 1 << UF_HOST) != 0 ? 0 : 400;
    }
    const char *at = target + url.field_data[UF_PATH].off, *end = at + url.field_data[UF_PATH].len;
    if (*at != '/') return 400;
    for (; at < end; at++) {
        char c = *at;
        if (c == '%') {
            int high = end - at > 2 ? digit(at[1]) : -1, low = high < 0 ? -1 : digit(at[2]);
            if (low < 0 || (c = (char)(high << 4 | low)) == '\0') return 400;
            at += 2;
        }
        *ret_path++ = c;
    }
    *ret_path = '\0';
    return 0;
}
