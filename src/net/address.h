/* SPDX-License-Identifier: MIT */
/* Address texts, taken apart. */
#ifndef HK_NET_ADDRESS_H
#define HK_NET_ADDRESS_H

#include <hocket/net.h>

enum { HK__HOST_SIZE = 254 };

struct hk__address {
    int type;                 /* SOCK_STREAM, SOCK_DGRAM */
    bool any;                 /* "*" */
    char host[HK__HOST_SIZE]; /* a name to be looked up; "": list has the addresses */
    uint16_t port;            /* not of local sockets */
    int count;
    hk_addr list[2];
};

/* 0, or -EINVAL, of which hk_why says what is wrong. */
int hk__address_parse(const char *text, struct hk__address *ret_address);

/* The addresses that are meant, ports filled in: how many, or -errno. May wait. */
int hk__address_resolve(const struct hk__address *address, const char *text, hk_addr *ret_list);

#endif
