/* SPDX-License-Identifier: MIT */
/* Address texts: SCHEME:HOST:PORT and SCHEME:PATH, taken apart and put together.
 *
 * What is a number here, or "localhost", is an address at once; what else could be a host's name is
 * left to the resolver. Everything else is refused with a reason. */
#include "net/address.h"

#include "world/world.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

/* ---- local sockets ---- */

static int parse_local(const char *path, struct hk__address *a)
{
    struct sockaddr_un *local = (struct sockaddr_un *)&a->list[0].sa;
    const size_t size = strlen(path);
    const bool abstract = path[0] == '@';
    if (size == 0 || (abstract && size == 1)) return hk_fail(-EINVAL, "no path");
    /* The '\0' behind a path counts, that before an abstract name is the "@". */
    if (size + !abstract > sizeof local->sun_path)
        return hk_fail(-EINVAL, "the path has %zu bytes, %zu are allowed", size,
                       sizeof local->sun_path - !abstract);
    local->sun_family = AF_UNIX;
    memcpy(local->sun_path, path, size);
    if (abstract) local->sun_path[0] = '\0';
    a->list[0].len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size + !abstract);
    a->count = 1;
    return 0;
}

/* ---- hosts and ports ---- */

static void add_v4(struct hk__address *a, struct in_addr ip)
{
    hk_addr *to = &a->list[a->count++];
    struct sockaddr_in *in = (struct sockaddr_in *)&to->sa;
    *in = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr = ip };
    in->sin_port = htons(a->port);
    to->len = sizeof *in;
}

static void add_v6(struct hk__address *a, struct in6_addr ip, unsigned zone)
{
    hk_addr *to = &a->list[a->count++];
    struct sockaddr_in6 *in = (struct sockaddr_in6 *)&to->sa;
    *in = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_addr = ip };
    in->sin6_scope_id = zone;
    in->sin6_port = htons(a->port);
    to->len = sizeof *in;
}

static int parse_port(const char *text, uint16_t *ret_port)
{
    char *end;
    unsigned long port = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || end - text > 5 || port > 65535)
        return hk_fail(-EINVAL, "'%s' is no port, which is 0 to 65535", text);
    *ret_port = (uint16_t)port;
    return 0;
}

/* "::1", "fe80::1%eth0", "fe80::1%2" */
static int parse_v6(char *host, struct hk__address *a)
{
    struct in6_addr ip;
    unsigned zone = 0;
    char *percent = strchr(host, '%');
    if (percent != NULL) {
        char *end;
        *percent = '\0';
        const unsigned long number = strtoul(percent + 1, &end, 10);
        if (percent[1] < '0' || percent[1] > '9' || *end != '\0')
            zone = hk__resolve_zone(percent + 1);
        else if (number <= INT32_MAX)
            zone = (unsigned)number;
        if (zone == 0) return hk_fail(-EINVAL, "no network interface '%s'", percent + 1);
    }
    if (inet_pton(AF_INET6, host, &ip) != 1)
        return hk_fail(-EINVAL, "'%s' is no address of IPv6", host);
    add_v6(a, ip, zone);
    return 0;
}

static bool may_be_name(const char *host)
{
    for (const unsigned char *c = (const unsigned char *)host; *c != '\0'; c++)
        if (*c <= ' ' || *c == 0x7f || strchr("!\"#$%&'()*+,/:;<=>?@[\\]^`{|}~", *c) != NULL)
            return false;
    return host[0] != '\0' && host[0] != '.' && host[0] != '-';
}

static int parse_name(const char *host, struct hk__address *a)
{
    struct in_addr ip;
    if (strcmp(host, "*") == 0) {
        a->any = true;
        add_v6(a, in6addr_any, 0);
        add_v4(a, (struct in_addr){ htonl(INADDR_ANY) });
    } else if (inet_pton(AF_INET, host, &ip) == 1) {
        add_v4(a, ip);
    } else if (strcasecmp(host, "localhost") == 0) {
        add_v4(a, (struct in_addr){ htonl(INADDR_LOOPBACK) });
        add_v6(a, in6addr_loopback, 0);
    } else if (strchr(host, ':') != NULL) {
        return hk_fail(-EINVAL, "an address of IPv6 stands in brackets: [::1]:80");
    } else if (!may_be_name(host)) {
        return hk_fail(-EINVAL, "'%s' is no name of a host", host);
    } else {
        strcpy(a->host, host);
    }
    return 0;
}

static int parse_internet(const char *text, struct hk__address *a)
{
    char host[HK__HOST_SIZE];
    const bool brackets = text[0] == '[';
    const char *end = strrchr(text, brackets ? ']' : ':');
    if (end == NULL) return hk_fail(-EINVAL, brackets ? "no ] behind the host" : "no port");
    if (brackets && end[1] != ':') return hk_fail(-EINVAL, "no port");
    const size_t size = (size_t)(end - text) - brackets;
    if (size == 0) return hk_fail(-EINVAL, "no host");
    if (size >= sizeof host) return hk_fail(-EINVAL, "the host has %zu bytes", size);
    memcpy(host, text + brackets, size);
    host[size] = '\0';
    int r = parse_port(end + 1 + brackets, &a->port);
    if (r < 0) return r;
    return brackets ? parse_v6(host, a) : parse_name(host, a);
}

int hk__address_parse(const char *text, struct hk__address *ret_address)
{
    static const struct scheme {
        const char *name;
        int type;
        int (*parse)(const char *rest, struct hk__address *a);
    } schemes[] = { { "tcp:", SOCK_STREAM, parse_internet },
                    { "udp:", SOCK_DGRAM, parse_internet },
                    { "unix:", SOCK_STREAM, parse_local },
                    { "unixgram:", SOCK_DGRAM, parse_local } };
    for (size_t i = 0; i < HK_LEN(schemes); i++) {
        const size_t size = strlen(schemes[i].name);
        if (strncmp(text, schemes[i].name, size) != 0) continue;
        *ret_address = (struct hk__address){ .type = schemes[i].type };
        int r = schemes[i].parse(text + size, ret_address);
        return r < 0 ? hk_fail(r, "address '%.100s'", text) : 0;
    }
    return hk_fail(
        -EINVAL, "address '%.100s': begins with neither tcp: nor udp:, unix: nor unixgram:", text);
}

/* ---- as text ---- */

static int format_local(const hk_addr *addr, char *buf, size_t size)
{
    const struct sockaddr_un *local = (const struct sockaddr_un *)&addr->sa;
    const size_t before = offsetof(struct sockaddr_un, sun_path);
    int length = addr->len > before ? (int)(addr->len - before) : 0;
    if (length > 0 && local->sun_path[0] == '\0')
        return snprintf(buf, size, "@%.*s", length - 1, local->sun_path + 1);
    return snprintf(buf, size, "%.*s", length, local->sun_path);
}

int hk_net_format(const hk_addr *addr, char *buf, size_t size)
{
    char host[INET6_ADDRSTRLEN], zone[16] = "";
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&addr->sa;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&addr->sa;
    switch (addr->sa.ss_family) {
    case AF_INET:
        inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host);
        return snprintf(buf, size, "%s:%u", host, ntohs(v4->sin_port));
    case AF_INET6:
        inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
        if (v6->sin6_scope_id != 0) snprintf(zone, sizeof zone, "%%%u", v6->sin6_scope_id);
        return snprintf(buf, size, "[%s%s]:%u", host, zone, ntohs(v6->sin6_port));
    case AF_UNIX: return format_local(addr, buf, size);
    default: return -EAFNOSUPPORT;
    }
}
