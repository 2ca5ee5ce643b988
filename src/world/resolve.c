/* SPDX-License-Identifier: MIT */
/* The system's resolver: hosts file, name servers and whatever else it was set up to ask. It blocks
 * its thread, so it is for threads of the pool. */
#include "world/world.h"

#include <hocket/net.h>

#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <string.h>

static int error_of(int r)
{
    switch (r) {
    case EAI_NONAME:
    case EAI_NODATA:
    case EAI_ADDRFAMILY: return -ENOENT;
    case EAI_MEMORY: return -ENOMEM;
    case EAI_SYSTEM: return errno == EMFILE || errno == ENFILE ? -errno : -EREMOTEIO;
    default: return -EREMOTEIO;
    }
}

int hk__resolve_host(const char *host, struct hk_addr *ret_list, size_t max)
{
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM }; /* each address once */
    struct addrinfo *found;
    int r = getaddrinfo(host, NULL, &hints, &found);
    if (r != 0) return error_of(r);
    int count = 0;
    for (struct addrinfo *a = found; a != NULL && (size_t)count < max; a = a->ai_next) {
        if (a->ai_family != AF_INET && a->ai_family != AF_INET6) continue;
        memset(&ret_list[count], 0, sizeof ret_list[count]);
        memcpy(&ret_list[count].sa, a->ai_addr, a->ai_addrlen);
        ret_list[count++].len = a->ai_addrlen;
    }
    freeaddrinfo(found);
    return count > 0 ? count : -ENOENT;
}

unsigned hk__resolve_zone(const char *name) { return if_nametoindex(name); }
