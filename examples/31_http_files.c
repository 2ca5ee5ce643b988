/* SPDX-License-Identifier: MIT */
/* A file server.
 *
 *     http_files [--listen ADDRESS] [FOLDER]     try it: curl -i http://127.0.0.1:8080/
 *
 * Serves the files of a folder over HTTP/1.1: several requests on a connection, parts of files,
 * "not changed since"; a folder as its index.html, or as a list. Ctrl-C: no more connections, what
 * is under way is finished, and a last line sums up.
 *
 * This file is the program. http_request.c reads requests, http_server.c has the connections,
 * http_answer.c writes answers, http_files.c finds them. */
#include "http_files.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 4000, PATIENCE_MS = 15000, GRACE_S = 10, BACKLOG = 1000 };

struct program {
    const char *folder;
    int listener;
    struct http_server server;
    hk_signals *signals;
};

static void *stop_by_signal(void *arg)
{
    struct program *self = arg;
    hk_task_name("signals");
    if (hk_signals_wait(self->signals) > 0) http_stop(&self->server);
    return NULL;
}

static void *program(void *arg)
{
    struct program *self = arg;
    char text[HK_NET_TEXT];
    hk_addr address;
    hk_task_name("listener");
    HK_SIGNALS(signals, SIGINT, SIGTERM);
    self->signals = &signals;
    hk_tid stopper = hk_spawn(HK_ROOT, stop_by_signal, self);
    hk_net_local(self->listener, &address);
    hk_net_format(&address, text, sizeof text);
    printf("%s at http://%s/\nCtrl-C ends it.\n", self->folder, text);
    fflush(stdout);
    int r = http_serve(self->listener, &self->server);
    hk_task_kill(stopper);
    return hk_val(r);
}

static int usage(FILE *out, int status)
{
    fputs("usage: http_files [--listen ADDRESS] [FOLDER]\n"
          "Serves the files of FOLDER (.) over HTTP. Ctrl-C ends it.\n"
          "  --listen ADDRESS  tcp:127.0.0.1:8080; port 0 takes any that is free\n"
          "  --help            this text\n",
          out);
    return status;
}

/* -1: go on; else the program ends with this. */
static int read_options(int argc, char **argv, const char **ret_address, const char **ret_folder)
{
    static const struct option options[] = { { "listen", required_argument, NULL, 'l' },
                                             { "help", no_argument, NULL, 'h' },
                                             { 0 } };
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c != 'l') return usage(c == 'h' ? stdout : stderr, c == 'h' ? 0 : 2);
        *ret_address = optarg;
    }
    if (argc - optind > 1) return usage(stderr, 2);
    if (optind < argc) *ret_folder = argv[optind];
    return -1;
}

static int complain(const char *what, int error)
{
    fprintf(stderr, "http_files: %s: %s\n", what, strerror(-error));
    return 1;
}

static void sum_up(const struct http_server *server, int64_t started)
{
    printf("stopped after %.1f s: %ld connections, %ld requests, %ld of them refused, %lld bytes\n",
           (double)(hk_now() - started) / 1e9, server->connections, server->requests,
           server->refused, (long long)server->bytes);
}

int main(int argc, char **argv)
{
    const char *address = "tcp:127.0.0.1:8080";
    struct http_files files;
    struct program self = { .folder = ".",
                            .server = { .name = "http",
                                        .connections_max = CONNECTIONS_MAX,
                                        .patience_ms = PATIENCE_MS,
                                        .grace = HK_SEC(GRACE_S),
                                        .answer = http_files_answer,
                                        .data = &files } };
    int r = read_options(argc, argv, &address, &self.folder);
    if (r >= 0) return r;
    if ((r = http_files_open(&files, self.folder)) < 0) return complain(self.folder, r);
    self.listener = hk_net_listen(address, BACKLOG);
    if (self.listener < 0) return complain(address, self.listener);
    int64_t started = hk_now();
    r = hk_run(program, &self, NULL);
    close(files.root);
    sum_up(&self.server, started);
    return r < 0;
}
