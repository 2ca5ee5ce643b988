/* SPDX-License-Identifier: MIT */
/* A server that stops without breaking anything off.
 *
 *     graceful [ADDRESS]     then SIGTERM or Ctrl-C
 *
 * A soft stop ends at once what waits for something new: hk_accept, and whatever stands in a scope
 * that is marked soft, here the wait for a connection's next request. All else goes on: a request
 * that has been read is answered. Who is not ready when the grace is over is cancelled. The group's
 * close waits for all of it, so nothing is left when it returns. */
#include <hocket.h>
#include <signal.h>
#include <stdio.h>

static long requests, answers;

static ssize_t next_request(int fd, char *buf, size_t size)
{
    HK_SCOPE(idle, HK_SEC(30));
    hk_scope_soft(&idle, true);
    return hk_scope_close(&idle, hk_recv(fd, buf, size, 0));
}

struct connection {
    int fd;
};
static void drop(struct connection *c) { hk_close(c->fd); }

static void *serve(struct connection *c)
{
    HK_FD(fd, c->fd);
    char buf[1000];
    ssize_t n;
    while ((n = next_request(fd, buf, sizeof buf)) > 0) {
        requests++;
        int r = hk_sleep(HK_MS(50)); /* the work */
        if (r < 0) return hk_val(r);
        if ((n = hk_send(fd, buf, (size_t)n, 0)) < 0) break;
        answers++;
    }
    return hk_val(n);
}
HK_ENTRY_OWNING(serve, struct connection, drop)

static void *stop_on_signal(void *connections)
{
    HK_SIGNALS(stop, SIGINT, SIGTERM);
    int r = hk_signals_wait(&stop);
    if (r > 0) hk_group_stop(connections, HK_SEC(5));
    return hk_val(r < 0 ? r : 0);
}

static void *server(void *address)
{
    const hk_group_options each_alone = { .policy = HK_INDEPENDENT, .limit = 10000 };
    HK_FD(listener, hk_net_listen(address, 128));
    if (listener < 0) return hk_val(listener);
    hk_addr local;
    char text[HK_NET_TEXT];
    if (hk_net_local(listener, &local) == 0 && hk_net_format(&local, text, sizeof text) > 0)
        printf("listening on %s\n", text);
    fflush(stdout);

    HK_GROUP(connections, &each_alone);
    hk_spawn_with(&connections, stop_on_signal, &connections, &(hk_coro_options){ .daemon = true });
    int fd;
    while ((fd = hk_accept(listener, NULL, NULL)) >= 0) hk_go(&connections, serve, fd);
    intptr_t r = hk_group_close(&connections, fd);
    printf("%ld requests, %ld answers\n", requests, answers);
    return hk_val(r);
}

int main(int argc, char **argv)
{
    char *address = argc > 1 ? argv[1] : "tcp:127.0.0.1:7777";
    int r = hk_run(server, address, NULL);
    if (r < 0) fprintf(stderr, "%s: %s\n", argv[0], hk_why());
    return r < 0;
}
