/* SPDX-License-Identifier: MIT */
/* A proxy: whoever connects here is connected there.
 *
 *     proxy LISTEN TARGET     try it: proxy tcp:127.0.0.1:8000 tcp:localhost:7777
 *
 * Each connection is served by two tasks, one for each direction. Each copies until its side says
 * nothing more, and passes that on: so a client may end its request and still read the answer. One
 * line is printed when both are over.
 *
 * The two are a group: whoever fails ends the other, and the function that started them returns
 * when both are over. So they share its descriptors, and count into its variables. */
#include <hocket.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { PIECE = 128 * 1024 };

/* Everything that one side says goes to the other, the end of it too. */
struct pump {
    int from, to;
    int64_t *bytes;
};
static void *pump(struct pump *self)
{
    const hk_stream_options big = { .in_size = PIECE };
    HK_STREAM_WITH(in, self->from, &big);
    HK_STREAM(out, self->to);
    int64_t n;
    while ((n = hk_stream_copy(&in, &out, HK_FOREVER)) > 0) *self->bytes += n;
    return hk_val(n < 0 ? n : hk_stream_finish(&out));
}
HK_ENTRY(pump, struct pump)

static int serve(int client, void *target)
{
    HK_FD(server, hk_net_dial(target));
    if (server < 0) {
        if (server != -ECANCELED) printf("%s\n", hk_why());
        fflush(stdout);
        return 0;
    }
    hk_addr peer;
    char text[HK_NET_TEXT] = "";
    if (hk_net_peer(client, &peer) == 0) hk_net_format(&peer, text, sizeof text);
    int64_t there = 0, back = 0;
    HK_GROUP(both, NULL);
    hk_go(&both, pump, client, server, &there);
    hk_go(&both, pump, server, client, &back);
    int r = (int)hk_group_close(&both, 0);
    printf("%s: %lld bytes there, %lld back%s%s\n", text, (long long)there, (long long)back,
           r < 0 ? ", " : "", r < 0 ? strerror(-r) : "");
    fflush(stdout);
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
