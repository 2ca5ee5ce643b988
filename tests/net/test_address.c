/* SPDX-License-Identifier: MIT */
/* Address texts: what they mean, and what is refused with which words. */
#include "support/net.h"

#include <stdlib.h>
#include <unistd.h>

/* The addresses of a text, as text; or its error and reason. */
static const char *shown(const char *address)
{
    static char line[600];
    hk_addr list[HK_NET_ADDRESSES];
    int n = hk_net_resolve(address, list, HK_LEN(list));
    if (n < 0) {
        snprintf(line, sizeof line, "%s: %s", strerrorname_np(-n), hk_why());
        return line;
    }
    size_t used = 0;
    line[0] = '\0';
    for (int i = 0; i < n; i++) {
        char text[HK_NET_TEXT];
        CHECK(hk_net_format(&list[i], text, sizeof text) > 0);
        used += (size_t)snprintf(line + used, sizeof line - used, "%s%s", i > 0 ? " " : "", text);
    }
    return line;
}

TEST(address_texts_that_need_no_looking_up)
{
    static const char *const texts[][2] = {
        { "tcp:127.0.0.1:7777", "127.0.0.1:7777" },
        { "tcp:[::1]:80", "[::1]:80" },
        { "tcp:[::ffff:1.2.3.4]:1", "[::ffff:1.2.3.4]:1" },
        { "tcp:[fe80::1%1]:5", "[fe80::1%1]:5" },
        { "tcp:[fe80::1%lo]:5", "[fe80::1%1]:5" },
        { "tcp:*:8080", "[::]:8080 0.0.0.0:8080" },
        { "tcp:localhost:65535", "127.0.0.1:65535 [::1]:65535" },
        { "tcp:LocalHost:0", "127.0.0.1:0 [::1]:0" },
        { "udp:0.0.0.0:53", "0.0.0.0:53" },
        { "tcp:1.2.3.4:00080", "1.2.3.4:80" },
        { "unix:/run/x", "/run/x" },
        { "unix:x", "x" },
        { "unix:a:b", "a:b" },
        { "unix:@name", "@name" },
        { "unixgram:@a b", "@a b" },
    };
    for (size_t i = 0; i < HK_LEN(texts); i++) CHECK_STR(shown(texts[i][0]), texts[i][1]);
}

TEST(address_texts_that_are_none)
{
    static const char *const texts[][2] = {
        { "", "begins with neither" },
        { "127.0.0.1:80", "begins with neither" },
        { "http://x/", "begins with neither" },
        { "TCP:1.2.3.4:5", "begins with neither" },
        { "tcp", "begins with neither" },
        { "tcp:", "no port" },
        { "tcp:127.0.0.1", "no port" },
        { "tcp:127.0.0.1:", "'' is no port" },
        { "tcp:127.0.0.1:http", "'http' is no port" },
        { "tcp:127.0.0.1:65536", "'65536' is no port" },
        { "tcp:127.0.0.1:-1", "'-1' is no port" },
        { "tcp:127.0.0.1:+1", "'+1' is no port" },
        { "tcp:127.0.0.1: 1", "' 1' is no port" },
        { "tcp:127.0.0.1:1 ", "'1 ' is no port" },
        { "tcp:127.0.0.1:0x10", "is no port" },
        { "tcp:127.0.0.1:99999999999999999999999", "is no port" },
        { "tcp::80", "no host" },
        { "tcp:[]:80", "no host" },
        { "tcp:[::1]", "no port" },
        { "tcp:[::1]80", "no port" },
        { "tcp:[::1:80", "no ] behind" },
        { "tcp:::1:80", "stands in brackets" },
        { "tcp:[127.0.0.1]:80", "is no address of IPv6" },
        { "tcp:[fe80::1%]:80", "no network interface" },
        { "tcp:[fe80::1%nosuchif0]:80", "no network interface 'nosuchif0'" },
        { "tcp:[fe80::1%4294967297]:80", "no network interface" },
        { "tcp:[fe80::1%99999999999999999999]:80", "no network interface" },
        { "tcp:a b:80", "is no name of a host" },
        { "tcp:a/b:80", "is no name of a host" },
        { "tcp:-a:80", "is no name of a host" },
        { "tcp:.:80", "is no name of a host" },
        { "tcp:a\nb:80", "is no name of a host" },
        { "unix:", "no path" },
        { "unix:@", "no path" },
    };
    for (size_t i = 0; i < HK_LEN(texts); i++) {
        const char *line = shown(texts[i][0]);
        if (strncmp(line, "EINVAL: address '", 17) != 0 || strstr(line, texts[i][1]) == NULL)
            test_fail("%s: %s", texts[i][0], line);
    }
}

TEST(address_texts_at_their_limits)
{
    char text[400] = "unix:", host[300];
    memset(text + 5, 'p', 107);
    CHECK_EQ(strlen(shown(text)), 107);
    text[5 + 107] = 'p';
    CHECK(strstr(shown(text), "the path has 108 bytes, 107 are allowed") != NULL);
    text[5] = '@';
    CHECK_EQ(strlen(shown(text)), 108);
    text[5 + 108] = 'p';
    CHECK(strstr(shown(text), "the path has 109 bytes, 108 are allowed") != NULL);
    memset(host, 'h', sizeof host);
    host[254] = '\0';
    snprintf(text, sizeof text, "tcp:%s:1", host);
    CHECK(strstr(shown(text), "the host has 254 bytes") != NULL);
    host[253] = '\0'; /* a name, and nobody to look it up */
    snprintf(text, sizeof text, "tcp:%s:1", host);
    CHECK(strncmp(shown(text), "ENOSYS", 6) == 0);
}

TEST(address_as_text_is_cut)
{
    hk_addr one;
    char text[6];
    CHECK_EQ(hk_net_resolve("tcp:127.0.0.1:80", &one, 1), 1);
    CHECK_EQ(hk_net_format(&one, text, sizeof text), 12);
    CHECK_STR(text, "127.0");
    CHECK_EQ(hk_net_resolve("tcp:localhost:80", &one, 1), 1);
    one = (hk_addr){ .len = 2 };
    one.sa.ss_family = AF_UNIX;
    CHECK_EQ(hk_net_format(&one, text, sizeof text), 0);
    one.sa.ss_family = AF_APPLETALK;
    CHECK_EQ(hk_net_format(&one, text, sizeof text), -EAFNOSUPPORT);
}

/* Texts with a few bytes changed: refused or understood, never more. */
TEST(address_texts_at_random)
{
    static const char *const seeds[] = { "tcp:127.0.0.1:80", "tcp:[fe80::1%lo]:80", "unix:@abc",
                                         "udp:example.org:1" };
    static const char bytes[] = ":[]%@*. \n0/xé\xff";
    srandom(1);
    for (int i = 0; i < 20000; i++) {
        char text[32];
        strcpy(text, seeds[(size_t)random() % HK_LEN(seeds)]);
        for (long changes = random() % 4; changes > 0; changes--)
            text[(size_t)random() % strlen(text)] = bytes[(size_t)random() % (sizeof bytes - 1)];
        hk_addr list[2];
        int r = hk_net_resolve(text, list, 2);
        if (r != 1 && r != 2 && r != -EINVAL && r != -ENOSYS) test_fail("%s: %d", text, r);
    }
}
