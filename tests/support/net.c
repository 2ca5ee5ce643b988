/* SPDX-License-Identifier: MIT */
/* What tests of input and output share. */
#include "support/net.h"

#include "support/world.h"

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

/* The world around this task, where it is the simulated one. */
static hk__world *simulated(void)
{
    const hk_sched *s = hk__here.sched;
    return s != NULL && strcmp(s->world->table->name, "sim") == 0 ? s->world : NULL;
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

static void simulated_tcp_pair(int ret_fds[2])
{
    hk_addr address;
    int listener = hk_net_listen("tcp:127.0.0.1:0", 4);
    CHECK_EQ(hk_net_local(listener, &address), 0);
    ret_fds[0] = hk_net_connect(&address);
    ret_fds[1] = hk_accept(listener, NULL, NULL);
    CHECK(ret_fds[0] >= 0 && ret_fds[1] >= 0);
    CHECK_EQ(hk_close(listener), 0);
}

void net_tcp_pair(int ret_fds[2])
{
    if (simulated() != NULL) return simulated_tcp_pair(ret_fds);
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

void net_pipe(int ret_fds[2])
{
    if (simulated() != NULL)
        CHECK_EQ(hk_pipe(ret_fds), 0);
    else
        must(pipe(ret_fds), "pipe");
}

void net_local_pair(int type, int ret_fds[2])
{
    if (simulated() == NULL)
        must(socketpair(AF_UNIX, type, 0, ret_fds), "socketpair");
    else if (CHECK_EQ(type, SOCK_STREAM))
        world_local_pair(simulated(), ret_fds);
}

bool net_is_nonblocking(int fd) { return fcntl(fd, F_GETFL) & O_NONBLOCK; }

static int64_t call(int kind, int fd, void *buf, size_t size)
{
    struct iovec one = { buf, size };
    hk__direct d = { .kind = (uint8_t)kind, .fd = fd, .vector = &one, .count = 1 };
    return simulated() != NULL ? hk__sim_direct(simulated(), &d) : hk__direct_call(NULL, &d);
}

int64_t net_put(int fd, const void *buf, size_t size)
{
    return call(HK__DIRECT_WRITE, fd, (void *)buf, size);
}

int64_t net_take(int fd, void *buf, size_t size) { return call(HK__DIRECT_READ, fd, buf, size); }

void net_close(int fd) { CHECK_EQ(call(HK__DIRECT_CLOSE, fd, NULL, 0), 0); }

void net_set_buffer(int fd, int option, int size)
{
    if (simulated() != NULL) return;
    must(setsockopt(fd, SOL_SOCKET, option, &size, sizeof size), "buffer size");
}

void net_set_pipe(int fd, int size)
{
    if (simulated() == NULL) CHECK_EQ(fcntl(fd, F_SETPIPE_SZ, size), size);
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
