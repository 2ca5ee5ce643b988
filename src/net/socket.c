/* SPDX-License-Identifier: MIT */
/* Sockets from address texts: listening, bound, connected; what they are called; descriptors sent
 * through them.
 *
 * Making and naming a socket never waits, and so is no system call of a task's: it goes straight to
 * the world of the scheduler that runs here, or to the kernel where none does. A server can open
 * its listeners before there are tasks. */
#include "net/address.h"

#include "calls/calls.h"
#include "sched/descriptor.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

static int64_t direct(hk__direct *d)
{
    hk_sched *s = hk__here.sched;
    return s != NULL ? s->world->table->direct(s->world, d) : hk__direct_call(NULL, d);
}

static int set_option(int fd, int level, int option, int value)
{
    struct iovec one = { &value, sizeof value };
    hk__direct d = { .kind = HK__DIRECT_OPTION, .fd = fd, .flags = level, .count = option };
    d.vector = &one;
    return (int)direct(&d);
}

static int get_name(int fd, int of_peer, hk_addr *ret_addr)
{
    hk_addr addr = { .len = sizeof addr.sa };
    hk__direct d = { .kind = HK__DIRECT_NAME, .fd = fd, .flags = of_peer };
    d.address = (struct sockaddr *)&addr.sa;
    d.address_size = &addr.len;
    int r = (int)direct(&d);
    if (r == 0) *ret_addr = addr;
    return r;
}

int hk_net_local(int fd, hk_addr *ret_addr) { return get_name(fd, 0, ret_addr); }
int hk_net_peer(int fd, hk_addr *ret_addr) { return get_name(fd, 1, ret_addr); }

/* ---- listening ---- */

/* An address that was chosen is for its own family; of "*", IPv6 brings both. */
static int prepare(int fd, const struct hk__address *a, int family)
{
    int r = 0;
    if (family == AF_INET6) r = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, !a->any);
    if (r == 0 && family != AF_UNIX && a->type == SOCK_STREAM) {
        r = set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
        if (r == 0) r = set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1); /* those accepted inherit it */
    }
    return r;
}

/* A bound socket; backlog < 0: not listening. */
static int open_at(const struct hk__address *a, const hk_addr *at, int backlog)
{
    hk_addr copy = *at;
    hk__direct make = { .kind = HK__DIRECT_SOCKET, .fd = at->sa.ss_family, .flags = a->type };
    int fd = (int)direct(&make);
    if (fd < 0) return fd;
    if (hk__here.sched != NULL) hk__descriptor_reset(hk__here.sched, fd);
    hk__direct bind = { .kind = HK__DIRECT_BIND, .fd = fd, .flags = 1 };
    bind.address = (struct sockaddr *)&copy.sa;
    bind.address_size = &copy.len;
    hk__direct listen = { .kind = HK__DIRECT_LISTEN, .fd = fd, .flags = backlog };
    int r = prepare(fd, a, at->sa.ss_family);
    if (r == 0) r = (int)direct(&bind);
    if (r == 0 && backlog >= 0) r = (int)direct(&listen);
    if (r == 0) return fd;
    hk__close_here(fd);
    return r;
}

/* The first address that can be had; else what the first one said, as in dial. */
static int open_any(const struct hk__address *a, const char *text, int backlog)
{
    hk_addr list[HK_NET_ADDRESSES];
    int count = hk__address_resolve(a, text, list);
    if (count < 0) return count;
    int r = -EINVAL, first = 0;
    for (int i = 0; i < count; i++) {
        r = open_at(a, &list[i], backlog);
        if (r >= 0) return r;
        if (first == 0 || hk__has_no_route(first)) first = r;
        if (r == -EADDRINUSE) break;
    }
    return hk_fail(first, "listen on %s: %s", text, strerrordesc_np(-first));
}

int hk_net_listen(const char *address, int backlog)
{
    struct hk__address a;
    int r = hk__address_parse(address, &a);
    if (r == 0 && a.type != SOCK_STREAM)
        r = hk_fail(-EINVAL, "address '%s': nobody connects to datagrams: hk_net_bind", address);
    return r < 0 ? r : open_any(&a, address, backlog < 0 ? 0 : backlog);
}

int hk_net_bind(const char *address)
{
    struct hk__address a;
    int r = hk__address_parse(address, &a);
    if (r == 0 && a.type != SOCK_DGRAM)
        r = hk_fail(-EINVAL, "address '%s': not of datagrams: hk_net_listen", address);
    return r < 0 ? r : open_any(&a, address, -1);
}

/* ---- connecting ---- */

static int dial(const char *what, int type, const hk_addr *list, int count)
{
    struct hk__dial_call dial;
    hk__dial_prepare(&dial, what, type, list, count);
    int r = (int)hk_trap(&dial.call);
    return r < 0 ? hk_fail(r, "dial %s: %s", what, strerrordesc_np(-r)) : r;
}

int hk_net_dial(const char *address)
{
    struct hk__address a;
    hk_addr list[HK_NET_ADDRESSES];
    int n = hk__address_parse(address, &a);
    if (n < 0) return n;
    if (a.any) return hk_fail(-EINVAL, "address '%s': '*' is for listening", address);
    if (a.port == 0 && a.list[0].sa.ss_family != AF_UNIX)
        return hk_fail(-EINVAL, "address '%s': port 0 is for listening", address);
    n = hk__address_resolve(&a, address, list);
    return n < 0 ? n : dial(address, a.type, list, n);
}

int hk_net_connect(const hk_addr *addr)
{
    char what[HK_NET_TEXT];
    int r = hk_net_format(addr, what, sizeof what);
    if (r < 0) return hk_fail(r, "connect: no address of a family that is known");
    return dial(what, SOCK_STREAM, addr, 1);
}

/* ---- descriptors as messages ---- */

/* Room for one and no more: the kernel drops the rest. */
union control {
    char bytes[CMSG_LEN(sizeof(int))];
    struct cmsghdr header;
};

int hk_net_send_fd(int socket, int fd)
{
    char byte = 0;
    struct iovec one = { &byte, 1 };
    union control control = { .header = { .cmsg_len = CMSG_LEN(sizeof fd),
                                          .cmsg_level = SOL_SOCKET,
                                          .cmsg_type = SCM_RIGHTS } };
    struct msghdr message = { .msg_iov = &one, .msg_iovlen = 1 };
    message.msg_control = &control;
    message.msg_controllen = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
    ssize_t n = hk_sendmsg(socket, &message, 0);
    return n < 0 ? (int)n : 0;
}

int hk_net_recv_fd(int socket)
{
    char byte;
    int fd;
    struct iovec one = { &byte, 1 };
    union control control = { .header = { .cmsg_len = 0 } };
    struct msghdr message = { .msg_iov = &one, .msg_iovlen = 1 };
    message.msg_control = &control;
    message.msg_controllen = CMSG_LEN(sizeof fd);
    ssize_t n = hk_recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    if (n < 0) return (int)n;
    const struct cmsghdr *c = CMSG_FIRSTHDR(&message);
    if (c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
        c->cmsg_len >= CMSG_LEN(sizeof fd)) {
        memcpy(&fd, CMSG_DATA(c), sizeof fd);
        return fd;
    }
    if (n == 0) return -ENODATA;
    return message.msg_flags & MSG_CTRUNC ? -EMFILE : -EPROTO;
}
