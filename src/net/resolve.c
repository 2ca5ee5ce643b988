/* SPDX-License-Identifier: MIT */
/* From an address text to addresses: numbers at once, names by the resolver that the program has
 * chosen, which is the system's unless told otherwise. */
#include "net/address.h"

#include "calls/calls.h"

#include <netinet/in.h>
#include <string.h>

static hk__resolver *chosen;

void hk__net_resolver_set(hk__resolver *resolver)
{
    __atomic_store_n(&chosen, resolver, __ATOMIC_RELEASE);
}

static int ask_system(const char *host, hk_addr *ret_list)
{
    struct hk__lookup_call lookup = { .host = host, .ret_list = ret_list };
    hk__call_init(&lookup.call, &hk__lookup_type);
    return (int)hk_trap(&lookup.call);
}

static void set_port(hk_addr *addr, uint16_t port)
{
    if (addr->sa.ss_family == AF_INET)
        ((struct sockaddr_in *)&addr->sa)->sin_port = htons(port);
    else
        ((struct sockaddr_in6 *)&addr->sa)->sin6_port = htons(port);
}

/* Families in turn, each in the order it had: a family that does not work costs one try. */
static void interleave(hk_addr *list, int count)
{
    for (int i = 1; i < count; i++) {
        int other = i;
        while (other < count && list[other].sa.ss_family == list[i - 1].sa.ss_family) other++;
        if (other == count) return;
        hk_addr moved = list[other];
        memmove(&list[i + 1], &list[i], (size_t)(other - i) * sizeof *list);
        list[i] = moved;
    }
}

int hk__address_resolve(const struct hk__address *a, const char *text, hk_addr *ret_list)
{
    if (a->host[0] == '\0') {
        memcpy(ret_list, a->list, sizeof a->list);
        return a->count;
    }
    hk__resolver *resolver = __atomic_load_n(&chosen, __ATOMIC_ACQUIRE);
    int n = resolver != NULL ? resolver(a->host, ret_list, HK_NET_ADDRESSES)
                             : ask_system(a->host, ret_list);
    if (n == -ENOENT) return hk_fail(n, "address '%s': no such host", text);
    if (n == -EREMOTEIO) return hk_fail(n, "address '%s': the name servers did not tell", text);
    for (int i = 0; i < n; i++) set_port(&ret_list[i], a->port);
    interleave(ret_list, n);
    return n < 0 ? hk_fail(n, "address '%s': %s", text, strerrordesc_np(-n)) : n;
}

int hk_net_resolve(const char *address, hk_addr *ret_list, size_t max)
{
    struct hk__address a;
    hk_addr list[HK_NET_ADDRESSES];
    int n = hk__address_parse(address, &a);
    if (n == 0) n = hk__address_resolve(&a, address, list);
    if (n < 0) return n;
    if ((size_t)n > max) n = (int)max;
    memcpy(ret_list, list, (size_t)n * sizeof *list);
    return n;
}
