/* SPDX-License-Identifier: MIT */
/* The example server's dates, tags and ranges. */
#include "harness/harness.h"

#include "http_fields.h"

#include <stddef.h>

static const struct http_version version = { "\"v2\"", 784111777 };

TEST(http_dates)
{
    char date[HTTP_DATE_SIZE];
    http_date(784111777, date);
    CHECK_STR(date, "Sun, 06 Nov 1994 08:49:37 GMT");
    CHECK(http_is_known(&version, NULL, "Sun, 06 Nov 1994 08:49:37 GMT"));
    CHECK(http_is_known(&version, NULL, "Mon, 07 Nov 1994 08:49:37 GMT"));
    CHECK(!http_is_known(&version, NULL, "Sun, 06 Nov 1994 08:49:36 GMT"));
    CHECK(!http_is_known(&version, NULL, "Sun, 06 Nov 1994 08:49:37 GMT+1"));
    CHECK(!http_is_known(&version, NULL, "yesterday"));
    CHECK(!http_is_known(&version, NULL, NULL));
}

TEST(http_tags)
{
    static const char *const known[] = { "\"v2\"", "*", "W/\"v2\"", "\"v1\", \"v2\"",
                                         "\"v1\",W/\"v2\" " };
    static const char *const unknown[] = { "\"v1\"", "v2", "\"v2", "\"v22\"", "", ",", "\"v1\" x" };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        CHECK(http_is_known(&version, known[i], NULL));
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        CHECK(!http_is_known(&version, unknown[i], "Mon, 07 Nov 1994 08:49:37 GMT"));
}

static void check_range(int64_t size, const char *range, int status, int64_t from, int64_t length)
{
    struct http_range got;
    if (!CHECK_EQ(http_choose_range(&version, size, range, NULL, &got), status) ||
        (status != 416 && (!CHECK_EQ(got.from, from) || !CHECK_EQ(got.size, length))))
        test_fail("of %s", range);
}

TEST(http_ranges)
{
    check_range(10, NULL, 200, 0, 10);
    check_range(10, "bytes=0-0", 206, 0, 1);
    check_range(10, "bytes=3-5", 206, 3, 3);
    check_range(10, "bytes=3-", 206, 3, 7);
    check_range(10, "Bytes=-4", 206, 6, 4);
    check_range(10, "bytes=-40", 206, 0, 10);
    check_range(10, "bytes=9-100", 206, 9, 1);
    check_range(10, "bytes=10-", 416, 0, 0);
    check_range(10, "bytes=-0", 416, 0, 0);
    check_range(0, "bytes=0-", 416, 0, 0);
    check_range(0, "bytes=-1", 416, 0, 0);
    static const char *const nonsense[] = {
        "bytes=",    "bytes=-", "bytes=5-3", "bytes=0-1,3-4", "lines=1-2",
        "bytes=a-b", "",        "bytes=1",   "bytes=1-2x",    "bytes=99999999999999999999-",
        "bytes=--1",
    };
    for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++)
        check_range(10, nonsense[i], 200, 0, 10);
}

TEST(http_if_range)
{
    static const struct {
        const char *if_range;
        int status;
    } cases[] = {
        { "\"v2\"", 206 },
        { "\"v1\"", 200 },
        { "W/\"v2\"", 200 },
        { "Sun, 06 Nov 1994 08:49:37 GMT", 206 },
        { "Mon, 07 Nov 1994 08:49:37 GMT", 200 },
        { "", 200 },
    };
    struct http_range got;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        CHECK_EQ(http_choose_range(&version, 10, "bytes=1-1", cases[i].if_range, &got),
                 cases[i].status);
}

TEST(http_types)
{
    CHECK_STR(http_type_of("/a.b/index.HTML"), "text/html; charset=utf-8");
    CHECK_STR(http_type_of("/a.html/b"), "application/octet-stream");
    CHECK_STR(http_type_of("/x.y.svg"), "image/svg+xml");
}
