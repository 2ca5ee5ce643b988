/* SPDX-License-Identifier: MIT */
/* A server that shows its own tasks.
 *
 *     server [--echo-port PORT] [--http-port PORT]
 *
 * Two services in one process, until Ctrl-C: one echoes, the other answers with a page that lists
 * the tasks of this very process, one for each connection, and what each waits for. Open the page,
 * connect with `nc 127.0.0.1 7777`, and see a task appear.
 *
 * It is made of what the examples before it showed. A connection is a task that reads and writes.
 * The page is served by http_server.c, which 31_http_files.c uses too. */
#include "http_server.h"
#include "server.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGES_MAX = 1000, PATIENCE_MS = 5000, BACKLOG = 1000 };

static struct totals totals;

static struct service {
    const char *name, *option;
    int port, listener;
} services[] = { { "echo", "--echo-port", 7777, -1 }, { "http", "--http-port", 8080, -1 } };

/* ---- The echo service ---- */

static int echo(int fd, void *arg)
{
    char buf[4096], text[HK_NET_TEXT] = "";
    hk_addr peer;
    ssize_t n;
    if (hk_net_peer(fd, &peer) == 0) hk_net_format(&peer, text, sizeof text);
    hk_task_name("echo, %s", text);
    totals.echo_connections++;
    totals.echo_open++;
    while ((n = hk_recv(fd, buf, sizeof buf, 0)) > 0 && (n = hk_send(fd, buf, (size_t)n, 0)) > 0)
        totals.echo_bytes += n;
    totals.echo_open--;
    return 0; /* a client that goes away is no failure of ours */
}

static void *echo_listener(void *arg)
{
    hk_task_name("echo listener");
    return hk_val(hk_serve(services[0].listener, echo, NULL));
}

/* ---- The page ---- */

static void answer(struct http *h)
{
    char path[HTTP_HEAD_MAX];
    size_t size;
    int status = http_path(h->request.target, path);
    if (status != 0 || strcmp(path, "/") != 0) {
        http_short_answer(h, status != 0 ? status : 404);
        return;
    }
    totals.requests = h->server->requests;
    char *page = page_write(&totals, &size);
    if (page == NULL) {
        http_short_answer(h, 503);
        return;
    }
    http_begin(h, 200);
    http_field(h, "Content-Type", "text/html; charset=utf-8");
    http_field(h, "Cache-Control", "no-store");
    http_whole(h, page, size);
    free(page);
}

static struct http_server pages = {
    .name = "http",
    .connections_max = PAGES_MAX,
    .patience_ms = PATIENCE_MS,
    .answer = answer,
};

static void *http_listener(void *arg)
{
    hk_task_name("http listener");
    return hk_val(http_serve(services[1].listener, &pages));
}

/* ---- The program ---- */

static void *program(void *arg)
{
    hk_task_name("signals");
    HK_SIGNALS(signals, SIGINT, SIGTERM);
    hk_tid tid = hk_spawn(HK_ROOT, echo_listener, NULL);
    if (tid > 0) tid = hk_spawn(HK_ROOT, http_listener, NULL);
    if (tid < 0) return hk_val(tid);
    printf("echo   nc 127.0.0.1 %d\nhttp   http://127.0.0.1:%d/\nCtrl-C ends it.\n",
           services[0].port, services[1].port);
    fflush(stdout);
    int number = hk_signals_wait(&signals);
    hk_sched_stop(NULL, 0);
    return hk_val(number < 0 ? number : 0);
}

/* Port 0 has become a real one then. */
static int open_service(struct service *s)
{
    char address[32];
    hk_addr here;
    snprintf(address, sizeof address, "tcp:127.0.0.1:%d", s->port);
    s->listener = hk_net_listen(address, BACKLOG);
    int r = s->listener < 0 ? s->listener : hk_net_local(s->listener, &here);
    if (r == 0) s->port = ntohs(((struct sockaddr_in *)&here.sa)->sin_port);
    return r;
}

static int open_services(void)
{
    for (size_t i = 0; i < HK_LEN(services); i++) {
        struct service *s = &services[i];
        int r = open_service(s);
        if (r == 0) continue;
        fprintf(stderr, "server: %s: port %d: %s\n", s->name, s->port, strerror(-r));
        if (r == -EADDRINUSE)
            fprintf(stderr, "choose another with %s PORT; 0 takes any that is free\n", s->option);
        return r;
    }
    return 0;
}

static void print_totals(void)
{
    printf("stopped after %.1f s: %ld echo connections, %ld bytes echoed; "
           "%ld requests, %ld of them refused, %lld bytes of answers\n",
           (double)(hk_now() - totals.started) / 1e9, totals.echo_connections, totals.echo_bytes,
           pages.requests, pages.refused, (long long)pages.bytes);
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
    totals.started = hk_now();
    totals.echo_port = services[0].port;
    r = hk_run(program, NULL, NULL);
    print_totals();
    return r < 0;
}
