/* SPDX-License-Identifier: MIT */
/* Names without threads: an optional library of its own, hocket-dns (pkg-config hocket-dns), on
 * c-ares.
 *
 * A look-up is then sockets and timers like everything else: any number at once, and nothing is
 * left of one whose task is killed. */
#ifndef HOCKET_DNS_H
#define HOCKET_DNS_H

#include <hocket/net.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hk_dns_options {
    const char *servers; /* "10.0.0.1,10.0.0.2:5353"; copied. NULL: those of /etc/resolv.conf */
    int64_t timeout;     /* ns, for the first try of each server; 0: as c-ares has it */
    int tries;           /* of each server; 0: as c-ares has it */
    uint64_t reserved[4];
} hk_dns_options;

/* From now on hk_net_resolve and hk_net_dial look names up by c-ares, in the whole process: in
 * /etc/hosts, then by the name servers. Other sources of the system's resolver are not asked.
 *   options: NULL for defaults.
 * Returns: 0; -EINVAL: of the servers one is no address; -ENOMEM. Blocks: never. Cancel: not
 * refused. Threads: any, before there are tasks that look up names. */
HK_API int hk_dns_start(const hk_dns_options *options);

#ifdef __cplusplus
}
#endif
#endif
