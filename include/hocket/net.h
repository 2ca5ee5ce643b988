/* SPDX-License-Identifier: MIT */
/* Names, addresses, servers.
 *
 * An address is a text:
 *
 *     tcp:127.0.0.1:7777    tcp:[::1]:80      tcp:example.org:443   tcp:*:8080
 *     udp:127.0.0.1:53      unix:/run/x       unix:@name            unixgram:/run/y
 *
 * "*" is for listening: all addresses of this machine, of both families. Ports are numbers; 0 is
 * for listening: one that is free (hk_net_local tells which). "@" begins an abstract name, which is
 * in no directory. A name of a host is looked up; "localhost" is not: it is 127.0.0.1, then ::1.
 *
 * All sockets made here are non-blocking, close-on-exec, and closed with hk_close. Those of TCP
 * send small segments at once (TCP_NODELAY), also those accepted from a listener made here: what
 * belongs together should be one write, see stream.h.
 *
 * Whatever fails says in words what was wrong, and with which address: hk_why. */
#ifndef HOCKET_NET_H
#define HOCKET_NET_H

#include <hocket/io.h>

#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One address, as the kernel has it. */
typedef struct hk_addr {
    struct sockaddr_storage sa;
    socklen_t len;
} hk_addr;

/* So many addresses of one name are tried; enough for a text from hk_net_format. */
enum { HK_NET_ADDRESSES = 16, HK_NET_TEXT = 112 };

/* ---- names ---- */

/* Looks an address up. Numbers, "localhost" and local sockets need no waiting. Names go to the
 * system's resolver, on a thread of the pool, or to another that the program has started (dns.h).
 *   address: the text.
 *   ret_list: filled with at most max addresses, the ones to try first at the front, families in
 *   turn.
 *   max: how many fit.
 * Returns: how many, at least 1; -EINVAL: no address; -ENOENT: there is no such host, or it has no
 * address; -EREMOTEIO: the name servers did not answer, or failed: it may work later; -ENOMEM;
 * -EBUSY: no thread for it; -ECANCELED; -ENOSYS where nobody drives.
 * Blocks: the task, while a name is looked up. Cancel: at once; the thread goes on alone, and the
 * end of the scheduler waits for it. Threads: any that drives; where nothing is to be looked up,
 * any. */
HK_API int hk_net_resolve(const char *address, hk_addr *ret_list, size_t max);

/* An address as text, for people and logs: what follows the first colon in the texts above,
 * "127.0.0.1:80", "[::1]:80", "/run/x", "@name"; "" for a local socket without a name.
 *   addr: the address.
 *   buf, size: where the text goes; HK_NET_TEXT bytes are enough.
 * Returns: its length, as snprintf; -EAFNOSUPPORT: of another family. Blocks: never. Cancel: no.
 * Threads: any. */
HK_API int hk_net_format(const hk_addr *addr, char *buf, size_t size);

/* The address of a socket, and that of its peer.
 *   fd: the socket.
 *   ret_addr: filled in.
 * Returns: 0; -ENOTCONN, -EBADF, -ENOTSOCK as getpeername(2). Blocks: never. Cancel: not refused.
 * Threads: any. */
HK_API int hk_net_local(int fd, hk_addr *ret_addr);
HK_API int hk_net_peer(int fd, hk_addr *ret_addr);

typedef int hk__resolver(const char *host, hk_addr *ret_list, size_t max);
/* Who looks names up from now on; NULL: the system's resolver. */
HK_API void hk__net_resolver_set(hk__resolver *resolver);

/* ---- sockets ---- */

/* Makes a listening socket. A local socket's file that nobody listens on any more is replaced (to
 * find out, it is connected to); it stays when the socket is closed.
 *   address: "tcp:..." (SO_REUSEADDR; an address of IPv6 listens on that family alone) or
 *   "unix:...".
 *   backlog: as listen(2).
 * Returns: the descriptor; -EINVAL: no address, or none to listen on; -EADDRINUSE, -EADDRNOTAVAIL,
 * -EACCES, -EMFILE ... as socket(2), bind(2), listen(2); else as hk_net_resolve.
 * Blocks: only where a name is looked up. Cancel: only there. Threads: any. */
HK_API int hk_net_listen(const char *address, int backlog);

/* Makes a bound socket for datagrams.
 *   address: "udp:..." or "unixgram:...", as in hk_net_listen.
 * Returns: as hk_net_listen. Blocks: only where a name is looked up. Cancel: only there.
 * Threads: any. */
HK_API int hk_net_bind(const char *address);

/* Connects to an address, by name or number. The addresses of a name are tried 250 ms one after the
 * other, or at each failure; the first connection wins, the others are given up (RFC 8305).
 *   address: any of the texts above.
 * Returns: the connected descriptor; -ECONNREFUSED, -ETIMEDOUT, -EHOSTUNREACH ...: no address
 * answered, and what the first one said (where there is no route to it, the next); -EMFILE;
 * else as hk_net_resolve.
 * Blocks: the task. Cancel: at once; nothing is left open. Threads: any that drives. */
HK_API int hk_net_dial(const char *address);

/* Connects a new stream socket to one address.
 *   addr: the address.
 * Returns: as hk_net_dial. Blocks: the task. Cancel: at once; nothing is left open. Threads: any
 * that drives. */
HK_API int hk_net_connect(const hk_addr *addr);

/* ---- datagrams ---- */

/* Sends a datagram; hk_send to an address.
 *   fd: the socket.
 *   buf, size: the datagram.
 *   flags: as hk_send.
 *   address, address_size: whereto; NULL and 0 where it is connected.
 * Returns: as hk_sendmsg and sendto(2). Blocks: the task. Cancel: at once. Threads: any that
 * drives. */
static inline ssize_t hk_sendto(int fd, const void *buf, size_t size, int flags,
                                const struct sockaddr *address, socklen_t address_size)
{
    struct iovec one;
    struct msghdr message;
    memset(&message, 0, sizeof message);
    one.iov_base = (void *)(uintptr_t)buf;
    one.iov_len = size;
    message.msg_name = (void *)(uintptr_t)address;
    message.msg_namelen = address_size;
    message.msg_iov = &one;
    message.msg_iovlen = 1;
    return hk_sendmsg(fd, &message, flags);
}

/* Receives a datagram, and who sent it.
 *   fd: the socket.
 *   buf, size: where to; what does not fit is lost.
 *   flags: as hk_recvmsg.
 *   ret_address, address_size: as recvfrom(2): *address_size is how much fits, then how long the
 *   address is; may be NULL.
 * Returns: as hk_recvmsg and recvfrom(2). Blocks: the task. Cancel: at once; no datagram is lost.
 * Threads: any that drives. */
static inline ssize_t hk_recvfrom(int fd, void *buf, size_t size, int flags,
                                  struct sockaddr *ret_address, socklen_t *address_size)
{
    struct iovec one;
    struct msghdr message;
    memset(&message, 0, sizeof message);
    one.iov_base = buf;
    one.iov_len = size;
    message.msg_name = ret_address;
    message.msg_namelen = ret_address != NULL && address_size != NULL ? *address_size : 0;
    message.msg_iov = &one;
    message.msg_iovlen = 1;
    ssize_t n = hk_recvmsg(fd, &message, flags);
    if (n >= 0 && ret_address != NULL && address_size != NULL) *address_size = message.msg_namelen;
    return n;
}

/* ---- descriptors as messages ---- */

/* Hands a descriptor to the process at the other end of a local socket; the caller keeps its own.
 * One byte goes with it.
 *   socket: connected, "unix:" or "unixgram:".
 *   fd: any descriptor.
 * Returns: 0; -EBADF; -EPIPE, -ECONNRESET; else as hk_sendmsg.
 * Blocks: the task. Cancel: at once; then nothing was sent. Threads: any that drives. */
HK_API int hk_net_send_fd(int socket, int fd);

/* Takes a descriptor that hk_net_send_fd sent. Further ones in the same message are closed.
 *   socket: as there.
 * Returns: the descriptor, close-on-exec; -ENODATA: the end; -EPROTO: a byte without one; -EMFILE:
 * there was no number free for it, and it is lost; else as hk_recvmsg.
 * Blocks: the task. Cancel: at once; nothing is lost. Threads: any that drives. */
HK_API int hk_net_recv_fd(int socket);

/* ---- servers ---- */

/* Serves one connection. The descriptor is closed when it returns.
 *   fd: the connection; not the handler's to close.
 *   arg: of the options.
 * A return value below 0 is the failure of the connection's task: it is reported, and stops nobody
 * else. */
typedef int hk_serve_fn(int fd, void *arg);

typedef struct hk_serve_options {
    void *arg;        /* handed to each handler */
    const char *name; /* of the connections' tasks; borrowed. NULL: "connection" */
    size_t stack;     /* theirs, bytes; 0: as the scheduler's */
    /* Connections at once: where there are so many, accepting waits. 0: no limit. */
    unsigned limit;
    /* ns that connections get to end by themselves after the stop, which is a soft one for them too
     * (hk_group_stop); then they are cancelled; 0: as long as they need. */
    int64_t grace;
    uint64_t reserved[4];
} hk_serve_options;

/* Accepts connections, and serves each in a task of its own, until the listener is closed by
 * another task (hk_close(listener)): that is the soft stop. Then it waits for its connections.
 * Nothing that it has started is left when it returns.
 *   listener: its own from now on: closed at return. An error in its place is returned, so
 *   hk_serve(hk_net_listen(...), ...) will do.
 *   handler: runs once for each connection.
 *   options: NULL for defaults.
 * Returns: 0 after a stop; -ECANCELED: it was killed; else why it could not accept, as hk_accept.
 * Blocks: the task. Cancel: its connections are cancelled, and waited for, without a limit: the end
 * of the scheduler has one. Threads: a scheduler's task. */
HK_API int hk_serve(int listener, hk_serve_fn *handler, const hk_serve_options *options);

#ifdef __cplusplus
}
#endif
#endif
