/* SPDX-License-Identifier: MIT */
/* Arbitrary bytes in arbitrary pieces into the HTTP server's glue: whatever the pieces are, the
 * story must be that of the bytes given at once. The first byte seeds the lengths of the pieces. */
#include "support/http_story.h"

#include "http_fields.h"

#include <stdlib.h>

static size_t piece_of_all(void *arg) { return SIZE_MAX; }

/* Mostly short ones; the numbers are Marsaglia's xorshift. */
static size_t piece_by_chance(void *arg)
{
    uint32_t *seed = arg;
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed % 4 == 0 ? 1 + *seed / 4 % 100 : 1 + *seed / 4 % 4;
}

/* What else is read from a request: nothing to compare, but nothing may go wrong. */
static void look_at_fields(const char *text)
{
    static const struct http_version version = { "\"v\"", 784111777 };
    char path[HTTP_HEAD_MAX];
    struct http_range range;
    if (http_path(text, path) == 0 && (path[0] != '/' || strlen(path) > strlen(text) + 1)) abort();
    int status = http_choose_range(&version, 1000, text, NULL, &range);
    if (status != 416 && (range.from < 0 || range.size < 1 || range.from + range.size > 1000))
        abort();
    http_is_known(&version, text, NULL);
    http_is_known(&version, NULL, text);
    http_choose_range(&version, 1000, "bytes=1-2", text, &range);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct story whole, cut;
    if (size == 0) return 0;
    uint32_t seed = data[0] + 1u;
    const char *bytes = (const char *)data + 1;
    story_tell(&whole, bytes, size - 1, piece_of_all, NULL);
    story_tell(&cut, bytes, size - 1, piece_by_chance, &seed);
    if (whole.hash != cut.hash) {
        fprintf(stderr, "at once:\n%sin pieces:\n%s", whole.text, cut.text);
        abort();
    }
    if (size < HTTP_HEAD_MAX) {
        char *text = strndup(bytes, size - 1);
        look_at_fields(text);
        free(text);
    }
    return 0;
}
