/* SPDX-License-Identifier: MIT */
/* What tests of input and output share. */
#include "support/net.h"

#include "sched/sched.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static void must(int r, const char *what)
{
    if (r >= 0) return;
    perror(what);
    abort();
}

int net_listen(struct sockaddr_in *ret_address, int backlog)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    socklen_t size = sizeof *ret_address;
    must(fd, "socket");
    *ret_address = (struct sockaddr_in){ .sin_family = AF_INET };
    ret_address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    must(bind(fd, (struct sockaddr *)ret_address, size), "bind");
    must(listen(fd, backlog), "listen");
    must(getsockname(fd, (struct sockaddr *)ret_address, &size), "getsockname");
    return fd;
}

/* The next connection that comes from `fd`. Tests run side by side, and some connect to a number
 * that was free a moment ago: a stranger may be first. */
static int accept_from(int listener, int fd)
{
    struct sockaddr_in wanted, peer;
    socklen_t size = sizeof wanted;
    must(getsockname(fd, (struct sockaddr *)&wanted, &size), "getsockname");
    for (;;) {
        size = sizeof peer;
        int accepted = accept(listener, (struct sockaddr *)&peer, &size);
        if (accepted < 0 && errno == EINTR) continue;
        must(accepted, "accept");
        if (peer.sin_port == wanted.sin_port) return accepted;
        close(accepted);
    }
}

void net_tcp_pair(int ret_fds[2])
{
    struct sockaddr_in address;
    int listener = net_listen(&address, 4), on = 1;
    ret_fds[0] = socket(AF_INET, SOCK_STREAM, 0);
    must(ret_fds[0], "socket");
    int r; /* tests send signals: then it is under way, and the next call waits for it */
    do r = connect(ret_fds[0], (struct sockaddr *)&address, sizeof address);
    while (r < 0 && errno == EINTR);
    must(r, "connect");
    ret_fds[1] = accept_from(listener, ret_fds[0]);
    close(listener);
    for (int i = 0; i < 2; i++)
        must(setsockopt(ret_fds[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), "TCP_NODELAY");
}

void net_pipe(int ret_fds[2]) { must(pipe(ret_fds), "pipe"); }

void net_local_pair(int type, int ret_fds[2])
{
    must(socketpair(AF_UNIX, type, 0, ret_fds), "socketpair");
}

bool net_is_nonblocking(int fd) { return fcntl(fd, F_GETFL) & O_NONBLOCK; }

void net_set_buffer(int fd, int option, int size)
{
    must(setsockopt(fd, SOL_SOCKET, option, &size, sizeof size), "buffer size");
}

static int calls;
static hk__world_table counting;
static int64_t (*direct)(hk__world *world, hk__direct *direct);

static int64_t count_direct(hk__world *world, hk__direct *d)
{
    calls++;
    return direct(world, d);
}

int net_calls(void)
{
    hk__world *world = ((hk_sched *)hk__here.sched)->world;
    if (world->table != &counting) {
        counting = *world->table;
        direct = counting.direct;
        counting.direct = count_direct;
        world->table = &counting;
        calls = 0;
    }
    return calls;
}

int64_t net_cpu(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

void net_settle(void)
{
    for (int i = 0; i < 3; i++) hk_sleep(HK_MS(1));
}
