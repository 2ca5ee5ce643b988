/* SPDX-License-Identifier: MIT */
/* The example server's glue around its parser: each request alone; and the same request cut into
 * pieces in every way that two cuts allow, which must make no difference. */
#include "harness/harness.h"
#include "support/http_story.h"

#include <stdlib.h>

#define HOST "Host: x\r\n"

struct example {
    const char *bytes, *story;
};

static const struct example examples[] = {
    /* Requests. */
    { "GET / HTTP/1.1\r\n" HOST "\r\n", "GET / 0=x keep\nend\n" },
    { "HEAD /a%20b?c#d HTTP/1.0\r\n\r\n", "HEAD /a%20b?c#d close\n" },
    { "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "GET / keep\nend\n" },
    { "GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\nGET", "GET / 0=x close\n" },
    { "GET /1 HTTP/1.1\r\n" HOST "\r\n\r\nGET /2 HTTP/1.1\r\n" HOST "\r\n",
      "GET /1 0=x keep\nGET /2 0=x keep\nend\n" },
    { "GET / HTTP/1.1\r\nrAnGe:\t bytes=1-2 \t\r\n" HOST "If-Range: \"a\"\r\n\r\n",
      "GET / 0=x 2=bytes=1-2 3=\"a\" keep\nend\n" },
    { "GET / HTTP/1.1\r\n" HOST "Range:\r\nRange: 2\r\nRanger: 3\r\nX: y\r\n\r\n",
      "GET / 0=x 2= keep\nend\n" },
    { "GET / HTTP/1.1\r\n" HOST "If-None-Match: a,\r\n b\r\nIf-Modified-Since: now\r\n\r\n",
      "GET / 0=x 4=a, b 5=now keep\nend\n" },
    { "GET / HTTP/1.1\r\n" HOST "A-very-long-name-that-is-none-of-ours: y\r\n\r\n",
      "GET / 0=x keep\nend\n" },
    { "GET http://x:80/y HTTP/1.1\r\n" HOST "\r\n", "GET http://x:80/y 0=x keep\nend\n" },
    { "GET / HTTP/1.1\r\n" HOST "Upgrade: h2c\r\nConnection: upgrade\r\n\r\n",
      "GET / 0=x keep\nend\n" },
    { "CONNECT x:80 HTTP/1.1\r\n" HOST "\r\nany", "CONNECT x:80 0=x close\n" },
    { "\r\n\r\n", "end\n" },
    { "", "end\n" },
    /* Bodies. */
    { "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\n" HOST "\r\n",
      "(body) POST / 0=x keep\nGET / 0=x keep\nend\n" },
    { "POST / HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n",
      "POST / 0=x keep\nGET / 0=x keep\nend\n" },
    { "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
      "3;x=y\r\nabc\r\n0\r\nRange: 1\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n",
      "(body) POST / 0=x keep\nGET / 0=x keep\nend\n" },
    { "PUT / HTTP/1.1\r\n" HOST "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\nx",
      "(body) PUT / 0=x 1=100-Continue keep\nend\n" },
    /* Refused. */
    { "GET / HTTP/1.1\r\n\r\n", "refused 400\n" },
    { "GET / HTTP/1.1\r\n" HOST HOST "\r\n", "refused 400\n" },
    { "GET / HTTP/1.1\r\nHost : x\r\n\r\n", "refused 400\n" },
    { "GET / HTTP/1.1\r\n" HOST "nonsense\r\n\r\n", "refused 400\n" },
    { "GET /\x80 HTTP/1.1\r\n" HOST "\r\n", "refused 400\n" },
    { "GET /\r\n\r\n", "refused 400\n" },
    { "GET nothing HTTP/1.1\r\n" HOST "\r\n", "refused 400\n" },
    { "GET / HTTP/x\r\n" HOST "\r\n", "refused 400\n" },
    { "GET / HTTP/1.1\r\n" HOST, "refused 400\n" },
    { "G", "refused 400\n" },
    { " GET / HTTP/1.1\r\n" HOST "\r\n", "refused 400\n" },
    { "\x16\x03\x01\x02", "refused 400\n" },
    { "BREW / HTTP/1.1\r\n" HOST "\r\n", "refused 501\n" },
    { "get / HTTP/1.1\r\n" HOST "\r\n", "refused 501\n" },
    { "GET / HTTP/2.0\r\n" HOST "\r\n", "refused 505\n" },
    { "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\n", "refused 501\n" },
    { "POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
      "refused 400\n" },
    { "POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
      "refused 400\n" },
    { "POST / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n", "refused 400\n" },
    { "POST / HTTP/1.1\r\n" HOST "Content-Length: 1048577\r\n\r\n", "refused 413\n" },
    { "POST / HTTP/1.1\r\n" HOST "Expect: more\r\nContent-Length: 1\r\n\r\n", "refused 417\n" },
    { "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nabc", "(body) refused 400\n" },
    { "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
      "(body) refused 400\n" },
};
enum { EXAMPLES = sizeof examples / sizeof *examples };

/* ---- Cutting ---- */

/* At two places, then no more. */
struct cuts {
    size_t length[3];
    int next;
};
static size_t piece_of_cuts(void *arg)
{
    struct cuts *c = arg;
    size_t n = c->next < 3 ? c->length[c->next++] : SIZE_MAX;
    return n > 0 ? n : 1;
}
static size_t piece_of_one(void *arg) { return 1; }
static size_t piece_of_all(void *arg) { return SIZE_MAX; }

/* Whether all ways to cut it give the same story. */
static bool is_stable(const char *bytes, size_t size)
{
    struct story whole, cut;
    story_tell(&whole, bytes, size, piece_of_all, NULL);
    story_tell(&cut, bytes, size, piece_of_one, NULL);
    if (cut.hash != whole.hash) return false;
    for (size_t i = 1; i < size; i++)
        for (size_t j = 1; i + j <= size; j++) {
            struct cuts cuts = { { i, j, SIZE_MAX }, 0 };
            story_tell(&cut, bytes, size, piece_of_cuts, &cuts);
            if (cut.hash != whole.hash) return false;
        }
    return true;
}

TEST(http_request_each)
{
    for (int i = 0; i < EXAMPLES; i++) {
        struct story story;
        story_tell(&story, examples[i].bytes, strlen(examples[i].bytes), piece_of_all, NULL);
        if (!CHECK_STR(story.text, examples[i].story)) test_fail("after %s", examples[i].bytes);
    }
}

TEST(http_request_in_pieces, .seconds = 30)
{
    for (int i = 0; i < EXAMPLES; i++)
        if (!CHECK(is_stable(examples[i].bytes, strlen(examples[i].bytes))))
            test_fail("of %s", examples[i].bytes);
}

TEST(http_request_with_nul)
{
    static const char bytes[] = "GET / HTTP/1.1\r\n" HOST "A: b\0c\r\n\r\n";
    struct story story;
    story_tell(&story, bytes, sizeof bytes - 1, piece_of_all, NULL);
    CHECK_STR(story.text, "refused 400\n");
    CHECK(is_stable(bytes, sizeof bytes - 1));
}

/* ---- Limits: the byte that is one too many ---- */

static void check_long(const char *before, size_t size, const char *after, const char *wanted)
{
    size_t head = strlen(before), tail = strlen(after);
    char *bytes = malloc(size);
    struct story whole, cut;
    memset(bytes, 'a', size);
    memcpy(bytes, before, head);
    memcpy(bytes + size - tail, after, tail);
    story_tell(&whole, bytes, size, piece_of_all, NULL);
    story_tell(&cut, bytes, size, piece_of_one, NULL);
    const char *last = strrchr(whole.text, ' ');
    CHECK_STR(last != NULL ? last + 1 : whole.text, wanted);
    CHECK_EQ(whole.hash, cut.hash);
    free(bytes);
}

TEST(http_request_limits)
{
    static const char line_end[] = " HTTP/1.1\r\n" HOST "\r\n";
#define CHUNKED "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"
    static const char chunk[] = CHUNKED "10000\r\n", chunk_end[] = "\r\n0\r\n\r\n";
    check_long("GET /", HTTP_HEAD_MAX, line_end, "keep\nend\n");
    check_long("GET /", HTTP_HEAD_MAX + 1, line_end, "431\n");
    check_long("GET /", HTTP_HEAD_MAX + 100, line_end, "414\n");
    check_long("GET / HTTP/1.1\r\n" HOST "A: ", HTTP_HEAD_MAX, "\r\n\r\n", "keep\nend\n");
    check_long("GET / HTTP/1.1\r\n" HOST "A: ", HTTP_HEAD_MAX + 1, "\r\n\r\n", "431\n");
    check_long("GET / HTTP/1.1\r\n" HOST "Range: ", HTTP_HEAD_MAX, "\r\n\r\n", "keep\nend\n");
    check_long(chunk, strlen(chunk) + 0x10000 + strlen(chunk_end), chunk_end, "close\n");
    check_long(CHUNKED "100000\r\n", HTTP_BODY_MAX + 100, "", "413\n");
    check_long(CHUNKED "1;", 100000, chunk_end, "431\n"); /* the library's own limit */
}

TEST(http_request_full_of_fields)
{
    char bytes[HTTP_HEAD_MAX + 1] = "GET / HTTP/1.0\r\n";
    struct story story;
    while (strlen(bytes) + 7 < HTTP_HEAD_MAX) strcat(bytes, "a:\n");
    strcat(bytes, "\r\n");
    story_tell(&story, bytes, strlen(bytes), piece_of_one, NULL);
    CHECK_STR(story.text, "GET / close\n");
}

/* ---- Paths ---- */

TEST(http_path_of_target)
{
    static const struct {
        const char *target, *path;
    } right[] = {
        { "/", "/" },         { "/a/b?c=d", "/a/b" },         { "/a%20b%2f%2E.", "/a b/.." },
        { "//x/y", "//x/y" }, { "http://host:80/x?y", "/x" }, { "http://host", "/" },
    };
    static const char *const wrong[] = { "*", "x", "/%", "/%4", "/%g0", "/%00", "/a%0", "" };
    char path[HTTP_HEAD_MAX];
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        CHECK_EQ(http_path(right[i].target, path), 0);
        CHECK_STR(path, right[i].path);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (!CHECK_EQ(http_path(wrong[i], path), 400)) test_fail("of %s", wrong[i]);
}
