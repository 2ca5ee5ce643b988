/* SPDX-License-Identifier: MIT */
/* Arbitrary texts as addresses: each is refused with a reason, or a name to look up, or addresses
 * that are the same when they were written as text and read again. */
#include "net/address.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "not true: %s\n", #condition); \
            abort(); \
        } \
    } while (0)

static void check_again(const char *scheme, const hk_addr *addr)
{
    char text[16 + HK_NET_TEXT];
    struct hk__address again;
    size_t before = (size_t)snprintf(text, sizeof text, "%s", scheme);
    int n = hk_net_format(addr, text + before, HK_NET_TEXT);
    CHECK(n > 0 && n < HK_NET_TEXT);
    CHECK(hk__address_parse(text, &again) == 0);
    CHECK(again.count == 1 && again.host[0] == '\0');
    CHECK(again.list[0].len == addr->len);
    CHECK(memcmp(&again.list[0].sa, &addr->sa, addr->len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hk__address address;
    char scheme[16], *text = strndup((const char *)data, size);
    int r = hk__address_parse(text, &address);
    if (r < 0) {
        CHECK(r == -EINVAL && strstr(hk_why(), "address '") != NULL);
    } else {
        snprintf(scheme, sizeof scheme, "%.*s", (int)strcspn(text, ":") + 1, text);
        CHECK(address.count >= 0 && address.count <= 2);
        CHECK((address.count == 0) == (address.host[0] != '\0'));
        for (int i = 0; i < address.count; i++) check_again(scheme, &address.list[i]);
    }
    free(text);
    return 0;
}
