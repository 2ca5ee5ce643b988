/* SPDX-License-Identifier: MIT */
/* The server's share of HTTP: it understands GET and HEAD of one page, and refuses what is not
 * written as RFC 9112 says. The head is judged as a whole, once its empty line has come, so nothing
 * here waits. */
#define _GNU_SOURCE /* memmem */
#include "server.h"

#include <string.h>
#include <strings.h>

struct text {
    const char *at, *end;
};

static bool is_token(char c)
{
    return c > ' ' && c < 127 && strchr("()<>@,;:\\\"/[]?={}", c) == NULL;
}
static bool is_visible(char c) { return c > ' ' && c < 127; }
static bool is_value(char c) { return (unsigned char)c >= ' ' ? c != 127 : c == '\t'; }
static bool is_path(char c) { return is_visible(c) && c != '?'; }

/* Takes what satisfies `is` off the front. */
static struct text take(struct text *rest, bool (*is)(char))
{
    struct text taken = { rest->at, rest->at };
    while (taken.end < rest->end && is(*taken.end)) taken.end++;
    rest->at = taken.end;
    return taken;
}

/* Takes a word off the front, if it stands there. */
static bool take_word(struct text *rest, const char *word)
{
    size_t n = strlen(word);
    if ((size_t)(rest->end - rest->at) < n || memcmp(rest->at, word, n) != 0) return false;
    rest->at += n;
    return true;
}

static size_t length(struct text text) { return (size_t)(text.end - text.at); }

static bool is_word(struct text text, const char *word)
{
    return length(text) == strlen(word) && memcmp(text.at, word, length(text)) == 0;
}

/* `Name: value`, a line each, then the empty line. One Host; none will do for HTTP/1.0. */
static bool fields_are_right(struct text rest, bool host_needed)
{
    int hosts = 0;
    while (!take_word(&rest, "\r\n")) {
        struct text name = take(&rest, is_token);
        if (length(name) == 0 || !take_word(&rest, ":")) return false;
        take(&rest, is_value);
        if (!take_word(&rest, "\r\n")) return false;
        if (length(name) == 4 && strncasecmp(name.at, "host", 4) == 0) hosts++;
    }
    return length(rest) == 0 && hosts <= 1 && (hosts == 1 || !host_needed);
}

int http_judge(const char *head, size_t size, bool *ret_head_only)
{
    struct text rest = { head, head + size };
    struct text method = take(&rest, is_token);
    if (length(method) == 0 || !take_word(&rest, " ")) return 400;
    struct text path = take(&rest, is_path);
    take(&rest, is_visible); /* ?query */
    if (length(path) == 0 || *path.at != '/' || !take_word(&rest, " HTTP/1.")) return 400;
    bool is_1_1 = take_word(&rest, "1");
    if (!is_1_1 && !take_word(&rest, "0")) return 400;
    if (!take_word(&rest, "\r\n") || !fields_are_right(rest, is_1_1)) return 400;

    *ret_head_only = is_word(method, "HEAD");
    if (!*ret_head_only && !is_word(method, "GET")) return 405;
    return is_word(path, "/") ? 200 : 404;
}

/* A line that ends without its carriage return ends the head too: it is wrong, so why wait. */
size_t http_head_size(const char *data, size_t size)
{
    const char *end = memmem(data, size, "\n\r\n", 3), *wrong = memmem(data, size, "\n\n", 2);
    if (wrong != NULL && (end == NULL || wrong < end)) return (size_t)(wrong + 2 - data);
    return end != NULL ? (size_t)(end + 3 - data) : 0;
}

const char *http_reason(int status)
{
    switch (status) {
    case 200: return "OK";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 431: return "Request Header Fields Too Large";
    default: return "Bad Request";
    }
}
