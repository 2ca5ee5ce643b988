/* SPDX-License-Identifier: MIT */
/* A server that shows its own tasks.
 *
 *     server [--echo-port PORT] [--http-port PORT]
 *
 * Two services in one process, until Ctrl-C: one echoes, the other answers with a page that lists
 * the tasks of this very process, one for each connection, and what each waits for. Open the page,
 * connect with `nc 127.0.0.1 7777`, and see a task appear.
 *
 * It is made of what the examples before it showed. A connection is a task that reads and writes. A
 * signal is a descriptor to read from. A time limit is a task that sleeps and then kills another
 * one, unless it was killed before. */
#include "listen.h"
#include "server.h"

#include <getopt.h>
#include <hocket.h>
#include <signal.h>
#include <sys/signalfd.h>

enum { HEAD_MAX = 8192, SURPLUS_MAX = 1 << 20 };

static struct totals totals;

/* ---- What a connection and a listener are, for both services ---- */

struct connection {
    int fd, port; /* the client's */
};
static void drop(struct connection *c) { hk_close(c->fd); }

struct service {
    const char *name, *option;
    int port, listener;
    hk_tid (*start)(int fd, int port);
};

static void *serve(void *arg)
{
    struct service *self = arg;
    HK_FD(listener, self->listener);
    hk_task_name("%s listener", self->name);
    for (;;) {
        struct sockaddr_in peer;
        socklen_t size = sizeof peer;
        int fd = hk_accept(listener, (struct sockaddr *)&peer, &size);
        if (fd < 0) return hk_val(fd);
        self->start(fd, ntohs(peer.sin_port)); /* fd is the task's, also where it cannot start */
    }
}

/* ---- The echo service ---- */

static void *echo(struct connection *c)
{
    HK_FD(fd, c->fd);
    hk_task_name("echo, client %d", c->port);
    totals.echo_connections++;
    totals.echo_open++;
    char buf[4096];
    ssize_t n;
    while ((n = hk_recv(fd, buf, sizeof buf, 0)) > 0 && (n = hk_send(fd, buf, (size_t)n, 0)) > 0)
        totals.echo_bytes += n;
    totals.echo_open--;
    return NULL; /* a client that goes away is no failure of ours */
}
HK_ENTRY_OWNING(echo, struct connection, drop)
static hk_tid echo_start(int fd, int port) { return hk_go(HK_ROOT, echo, fd, port); }

/* ---- The page ---- */

struct limit {
    hk_tid whom;
    int64_t ns;
};
static void *limit(struct limit *self)
{
    hk_task_name("limit of task %ld", (long)self->whom);
    if (hk_sleep(self->ns) == 0) hk_task_kill(self->whom);
    return NULL;
}
HK_ENTRY(limit, struct limit)

/* The status to answer with; 0 where there is nobody left to answer, or -errno. */
static int read_request(int fd, bool *ret_head_only)
{
    char head[HEAD_MAX];
    size_t used = 0, size;
    while ((size = http_head_size(head, used)) == 0) {
        if (used == sizeof head) return 431;
        ssize_t n = hk_recv(fd, head + used, sizeof head - used, 0);
        if (n < 0) return (int)n;
        if (n == 0) return used == 0 ? 0 : 400;
        used += (size_t)n;
    }
    return http_judge(head, size, ret_head_only);
}

static void answer(int fd, int status, bool head_only)
{
    size_t size;
    char *page = page_write(&totals, status, &size);
    if (page == NULL) return;
    char head[256];
    int n =
        snprintf(head, sizeof head,
                 "HTTP/1.1 %d %s\r\nContent-Type: text/html; charset=utf-8\r\n"
                 "Content-Length: %zu\r\nCache-Control: no-store\r\n%sConnection: close\r\n\r\n",
                 status, http_reason(status), size, status == 405 ? "Allow: GET, HEAD\r\n" : "");
    ssize_t sent = hk_send(fd, head, (size_t)n, head_only ? 0 : MSG_MORE);
    if (sent == n && !head_only) sent = hk_send(fd, page, size, 0);
    if (sent > 0) totals.page_bytes += sent;
    free(page);
}

/* Closing a socket with unread bytes in it resets the connection, and the answer may be lost. */
static void read_surplus(int fd)
{
    char buf[4096];
    ssize_t n, left = SURPLUS_MAX;
    hk_shutdown(fd, SHUT_WR);
    while (left > 0 && (n = hk_recv(fd, buf, sizeof buf, 0)) > 0) left -= n;
}

static void *page(struct connection *c)
{
    HK_FD(fd, c->fd);
    hk_task_name("page for client %d", c->port);
    hk_tid guard = hk_go(HK_ROOT, limit, hk_task_self(), HK_SEC(5));
    bool head_only = false;
    int status = read_request(fd, &head_only);
    if (status > 0) {
        totals.requests++;
        if (status != 200) totals.refused++;
        answer(fd, status, head_only);
        read_surplus(fd);
    }
    hk_task_kill(guard);
    return NULL;
}
HK_ENTRY_OWNING(page, struct connection, drop)
static hk_tid page_start(int fd, int port) { return hk_go(HK_ROOT, page, fd, port); }

/* ---- The program ---- */

static struct service services[] = { { "echo", "--echo-port", 7777, -1, echo_start },
                                     { "http", "--http-port", 8080, -1, page_start } };

struct program {
    hk_sched *sched;
    int signals;
};

static void *program(void *arg)
{
    struct program *self = arg;
    HK_FD(signals, self->signals);
    hk_task_name("signals");
    for (size_t i = 0; i < HK_LEN(services); i++) {
        hk_tid tid = hk_spawn(HK_ROOT, serve, &services[i]);
        if (tid < 0) return hk_val(tid);
    }
    struct signalfd_siginfo info;
    ssize_t n = hk_read(signals, &info, sizeof info);
    hk_sched_stop(self->sched);
    return hk_val(n < 0 ? n : 0);
}

/* From now on SIGINT and SIGTERM interrupt nobody: they are read from a descriptor. */
static int open_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0) return -errno;
    int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int open_services(void)
{
    for (size_t i = 0; i < HK_LEN(services); i++) {
        struct service *s = &services[i];
        s->listener = listen_on(s->port, &s->port);
        if (s->listener >= 0) continue;
        fprintf(stderr, "server: %s: port %d: %s\n", s->name, s->port, strerror(-s->listener));
        if (s->listener == -EADDRINUSE)
            fprintf(stderr, "choose another with %s PORT; 0 takes any that is free\n", s->option);
        return s->listener;
    }
    return 0;
}

static void print_totals(void)
{
    printf("stopped after %.1f s: %ld echo connections, %ld bytes echoed; "
           "%ld requests, %ld of them refused, %ld bytes of pages\n",
           (double)(hk_now() - totals.started) / 1e9, totals.echo_connections, totals.echo_bytes,
           totals.requests, totals.refused, totals.page_bytes);
}

static void usage(FILE *out)
{
    fputs("usage: server [--echo-port PORT] [--http-port PORT]\n"
          "  --echo-port PORT  where it echoes (7777)\n"
          "  --http-port PORT  where it shows its tasks (8080)\n"
          "Both on 127.0.0.1; 0 takes any port that is free. Ctrl-C ends it.\n",
          out);
}

/* 0: go on; 1: help was printed; -EINVAL. */
static int read_options(int argc, char **argv)
{
    const struct option options[] = { { "echo-port", required_argument, NULL, 0 },
                                      { "http-port", required_argument, NULL, 1 },
                                      { "help", no_argument, NULL, 'h' },
                                      { NULL, 0, NULL, 0 } };
    int which;
    while ((which = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (which == 'h') {
            usage(stdout);
            return 1;
        }
        if (which == '?') break;
        char *end;
        long port = strtol(optarg, &end, 10);
        if (end == optarg || *end != '\0' || port < 0 || port > 65535) {
            fprintf(stderr, "server: not a port, which is 0 to 65535: %s\n", optarg);
            return -EINVAL;
        }
        services[which].port = (int)port;
    }
    if (which == -1 && optind == argc) return 0;
    usage(stderr);
    return -EINVAL;
}

int main(int argc, char **argv)
{
    int r = read_options(argc, argv);
    if (r != 0) return r < 0 ? 2 : 0;
    if (open_services() < 0) return 1;
    struct program self = { hk_sched_create(NULL), open_signals() };
    if (self.sched == NULL || self.signals < 0) {
        fprintf(stderr, "server: no scheduler, or no descriptor for signals\n");
        return 1;
    }
    printf("echo   nc 127.0.0.1 %d\nhttp   http://127.0.0.1:%d/\nCtrl-C ends it.\n",
           services[0].port, services[1].port);
    fflush(stdout);
    totals.started = hk_now();
    totals.echo_port = services[0].port;
    hk_sched_spawn(self.sched, program, &self);
    r = hk_sched_run(self.sched);
    hk_sched_destroy(self.sched);
    print_totals();
    return r < 0;
}
