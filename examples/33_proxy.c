/* SPDX-License-Identifier: MIT */
/* A proxy: whoever connects here is connected there.
 *
 *     proxy LISTEN TARGET     try it: proxy tcp:127.0.0.1:8000 tcp:localhost:7777
 *
 * Each connection is served by two tasks, one for each direction. Each copies until its side says
 * nothing more, and passes that on: so a client may end its request and still read the answer. One
 * line is printed when both are over.
 *
 * The two know each other by their numbers alone. A number is never used again, so either may end
 * without telling: the one that fails kills the other, which may be gone. For the same reason the
 * way back has descriptors of its own: it may live longer than what started it. */
#define _GNU_SOURCE
#include <hocket.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE = 128 * 1024 };

/* What both tasks of a connection share; the second to let go of it prints the line. */
struct session {
    char client[HK_NET_TEXT];
    int64_t there, back;
    int holders;
    char why[80];
};

static void let_go(struct session **held)
{
    struct session *s = *held;
    if (--s->holders > 0) return;
    printf("%s: %lld bytes there, %lld back%s%s\n", s->client, (long long)s->there,
           (long long)s->back, s->why[0] != '\0' ? ", " : "", s->why);
    fflush(stdout);
    free(s);
}

static void note(struct session *s, const char *what, int error)
{
    if (s->why[0] == '\0' && error != -ECANCELED)
        snprintf(s->why, sizeof s->why, "%s: %s", what, strerror(-error));
}

/* Everything that one side says goes to the other, the end of it too. */
static int pump(int from, int to, int64_t *bytes)
{
    const hk_stream_options big = { .in_size = PIECE };
    HK_STREAM_WITH(in, from, &big);
    HK_STREAM(out, to);
    int64_t n;
    while ((n = hk_stream_copy(&in, &out, HK_FOREVER)) > 0) *bytes += n;
    return n < 0 ? (int)n : hk_stream_finish(&out);
}

struct way_back {
    int from, to;
    struct session *session;
    hk_tid way_there;
};
static void drop(struct way_back *w)
{
    hk_close(w->from);
    hk_close(w->to);
    let_go(&w->session);
}

static void *way_back(struct way_back *w)
{
    HK_FD(from, w->from);
    HK_FD(to, w->to);
    struct session *session HK_ON_LEAVE(let_go) = w->session;
    hk_task_name("%s, back", session->client);
    int r = pump(from, to, &session->back);
    if (r < 0) {
        note(session, "back", r);
        hk_task_kill(w->way_there);
    }
    return NULL;
}
HK_ENTRY_OWNING(way_back, struct way_back, drop)

static struct session *new_session(int client)
{
    struct session *s = calloc(1, sizeof *s);
    hk_addr peer;
    if (s == NULL) return NULL;
    s->holders = 2;
    if (hk_net_peer(client, &peer) == 0) hk_net_format(&peer, s->client, sizeof s->client);
    return s;
}

static int serve(int client, void *target)
{
    HK_FD(server, hk_net_dial(target));
    if (server < 0) {
        if (server != -ECANCELED) printf("%s\n", hk_why());
        fflush(stdout);
        return 0;
    }
    struct session *session HK_ON_LEAVE(let_go) = new_session(client);
    if (session == NULL) return -ENOMEM;
    hk_task_name("%s, there", session->client);
    hk_tid back = hk_go(HK_ROOT, way_back, fcntl(server, F_DUPFD_CLOEXEC, 0),
                        fcntl(client, F_DUPFD_CLOEXEC, 0), session, hk_task_self());
    int r = pump(client, server, &session->there);
    if (r < 0) note(session, "there", r);
    if (r < 0 || hk_task_wait(back, NULL) == -ECANCELED) hk_task_kill(back);
    return 0;
}

/* ---- The program ---- */

struct program {
    const char *listen, *target;
};

/* Closing the listener stops the server. */
static void *stop_on_signal(void *listener)
{
    HK_SIGNALS(stop, SIGINT, SIGTERM);
    int r = hk_signals_wait(&stop);
    if (r > 0) hk_close((int)hk_num(listener));
    return hk_val(r < 0 ? r : 0);
}

static void *program(void *arg)
{
    const struct program *self = arg;
    char text[HK_NET_TEXT] = "";
    hk_addr here;
    int listener = hk_net_listen(self->listen, SOMAXCONN);
    if (listener < 0) {
        fprintf(stderr, "proxy: %s\n", hk_why());
        return hk_val(listener);
    }
    if (hk_net_local(listener, &here) == 0) hk_net_format(&here, text, sizeof text);
    printf("listening on %s\n", text);
    fflush(stdout);
    hk_tid stop = hk_spawn(HK_ROOT, stop_on_signal, hk_val(listener));
    const hk_serve_options how = { .arg = (void *)(uintptr_t)self->target,
                                   .limit = 10000,
                                   .grace = HK_SEC(1) };
    int r = hk_serve(listener, serve, &how);
    hk_task_kill(stop);
    return hk_val(r);
}

int main(int argc, char **argv)
{
    bool help = argc == 2 && strcmp(argv[1], "--help") == 0;
    if (argc != 3) {
        fputs("usage: proxy LISTEN TARGET\n"
              "Both are addresses: tcp:127.0.0.1:8000, tcp:*:8000, tcp:[::1]:80, unix:/run/x.\n"
              "Prints a line for each connection that is over. Ctrl-C ends it.\n",
              help ? stdout : stderr);
        return help ? 0 : 2;
    }
    struct program self = { argv[1], argv[2] };
    return hk_run(program, &self, NULL) < 0;
}
