/* SPDX-License-Identifier: MIT */
/* Conditions and ranges, as RFC 9110 has them (sections 5.6.7, 8.8, 13, 14). What cannot be
 * understood is as if it were not there: the client gets the whole file, which is never wrong. */
#define _GNU_SOURCE /* strptime, timegm */
#include "http_fields.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

static const char date_format[] = "%a, %d %b %Y %H:%M:%S GMT";

void http_date(time_t time, char ret[HTTP_DATE_SIZE])
{
    struct tm parts = { 0 };
    gmtime_r(&time, &parts);
    strftime(ret, HTTP_DATE_SIZE, date_format, &parts); /* the locale is C: nobody changed it */
}

/* False: not in the form that everybody has written since 1995. */
static bool read_date(const char *text, time_t *ret)
{
    struct tm parts = { 0 };
    const char *end = strptime(text, date_format, &parts);
    if (end == NULL || *end != '\0') return false;
    *ret = timegm(&parts);
    return true;
}

/* ---- Conditions ---- */

/* Whether a list like `"a", W/"b"` names the tag. */
static bool list_has(const char *list, const char *tag)
{
    size_t size = strlen(tag);
    if (strcmp(list, "*") == 0) return true;
    for (;;) {
        list += strspn(list, " \t,");
        if (strncmp(list, "W/", 2) == 0) list += 2;
        const char *end = *list == '"' ? strchr(list + 1, '"') : NULL;
        if (end == NULL) return false;
        if ((size_t)(end + 1 - list) == size && memcmp(list, tag, size) == 0) return true;
        list = end + 1;
    }
}

bool http_is_known(const struct http_version *v, const char *if_none_match,
                   const char *if_modified_since)
{
    time_t since;
    if (if_none_match != NULL) return list_has(if_none_match, v->tag);
    return if_modified_since != NULL && read_date(if_modified_since, &since) && v->changed <= since;
}

/* ---- Ranges ---- */

/* Takes a number off the front. False: none, or a huge one. */
static bool take_number(const char **text, int64_t *ret)
{
    const char *start = *text;
    for (*ret = 0; isdigit((unsigned char)**text); ++*text) {
        if (*ret > (INT64_MAX - 9) / 10) return false;
        *ret = *ret * 10 + (**text - '0');
    }
    return *text > start;
}

/* "bytes=3-5", "bytes=3-", "bytes=-5" for the last five: from, and the last; -1: not written. */
static bool read_range(const char *text, int64_t *ret_from, int64_t *ret_last)
{
    *ret_from = *ret_last = -1;
    if (strncasecmp(text, "bytes=", 6) != 0) return false;
    text += 6;
    bool has_from = take_number(&text, ret_from);
    if (!has_from) *ret_from = -1;
    if (*text++ != '-') return false;
    bool has_last = take_number(&text, ret_last);
    if (!has_last) *ret_last = -1;
    return *text == '\0' && (has_from || has_last) &&
           !(has_from && has_last && *ret_last < *ret_from);
}

static bool is_same_version(const struct http_version *v, const char *if_range)
{
    time_t date;
    if (*if_range == '"') return strcmp(if_range, v->tag) == 0;
    return read_date(if_range, &date) && date == v->changed;
}

int http_choose_range(const struct http_version *v, int64_t size, const char *range,
                      const char *if_range, struct http_range *ret)
{
    int64_t from, last;
    *ret = (struct http_range){ 0, size };
    if (range == NULL || !read_range(range, &from, &last)) return 200;
    if (if_range != NULL && !is_same_version(v, if_range)) return 200;
    if (from < 0) { /* the last so many */
        if (last == 0 || size == 0) return 416;
        ret->size = last < size ? last : size;
        ret->from = size - ret->size;
        return 206;
    }
    if (from >= size) return 416;
    ret->from = from;
    ret->size = (last < 0 || last >= size ? size - 1 : last) + 1 - from;
    return 206;
}

/* ---- Types ---- */

const char *http_type_of(const char *name)
{
    static const struct {
        const char *ending, *type;
    } types[] = {
        { "html", "text/html; charset=utf-8" },
        { "htm", "text/html; charset=utf-8" },
        { "txt", "text/plain; charset=utf-8" },
        { "md", "text/plain; charset=utf-8" },
        { "c", "text/plain; charset=utf-8" },
        { "h", "text/plain; charset=utf-8" },
        { "css", "text/css; charset=utf-8" },
        { "js", "text/javascript; charset=utf-8" },
        { "json", "application/json" },
        { "svg", "image/svg+xml" },
        { "png", "image/png" },
        { "jpg", "image/jpeg" },
        { "jpeg", "image/jpeg" },
        { "gif", "image/gif" },
        { "webp", "image/webp" },
        { "ico", "image/vnd.microsoft.icon" },
        { "pdf", "application/pdf" },
        { "wasm", "application/wasm" },
        { "woff2", "font/woff2" },
        { "mp3", "audio/mpeg" },
        { "mp4", "video/mp4" },
        { "webm", "video/webm" },
        { "gz", "application/gzip" },
        { "zip", "application/zip" },
    };
    const char *dot = strrchr(name, '.'), *slash = strrchr(name, '/');
    if (dot != NULL && (slash == NULL || dot > slash))
        for (size_t i = 0; i < sizeof types / sizeof *types; i++)
            if (strcasecmp(dot + 1, types[i].ending) == 0) return types[i].type;
    return "application/octet-stream";
}
