/* SPDX-License-Identifier: MIT */
/* A server's unit test: a thousand runs, each of which takes a minute that nobody waits for.
 *
 *     echo_test [shared]
 *
 * In a simulated run there are sockets too, so what is tested is the server as it is, with its idle
 * limit of thirty seconds. Each seed mixes the tasks in another way. HK_CHECK says what must hold;
 * the first run in which it does not is the last, and can be had again by its number.
 *
 * With `shared` all connections use one buffer. Nothing goes wrong as long as nobody runs between a
 * read and its write, which may be for years. Here some seed finds it at once. */
#include <hocket.h>
#include <stdio.h>
#include <string.h>

static const char address[] = "tcp:127.0.0.1:7777";
static bool is_shared;

/* ---- what is tested ---- */

struct connection {
    int fd;
};
static void drop(struct connection *c) { hk_close(c->fd); }

static void *echo(struct connection *c)
{
    static char shared[100];
    char own[100], *buf = is_shared ? shared : own;
    HK_FD(fd, c->fd);
    HK_SCOPE(idle, HK_SEC(30));
    ssize_t n;
    while ((n = hk_recv(fd, buf, sizeof own, 0)) > 0 && (n = hk_send(fd, buf, (size_t)n, 0)) > 0)
        hk_scope_rearm(&idle, HK_SEC(30));
    n = hk_scope_close(&idle, n);
    return hk_val(n == -ETIMEDOUT ? 0 : n);
}
HK_ENTRY_OWNING(echo, struct connection, drop)

static void *server(void *listener)
{
    HK_GROUP(connections, NULL);
    hk_task_started(&connections);
    int fd;
    while ((fd = hk_accept((int)hk_num(listener), NULL, NULL)) >= 0) hk_go(&connections, echo, fd);
    return hk_val(hk_group_close(&connections, fd));
}

/* ---- how ---- */

static void *talker(void *number)
{
    HK_FD(fd, hk_net_dial(address));
    HK_CHECK(fd >= 0);
    for (int i = 0; i < 10; i++) {
        char out[100], in[100] = "";
        int size = snprintf(out, sizeof out, "message %d of %d", i, (int)hk_num(number));
        HK_CHECK(hk_send(fd, out, (size_t)size, 0) == size);
        HK_CHECK(hk_recv(fd, in, (size_t)size, MSG_WAITALL) == size);
        HK_CHECK(strcmp(in, out) == 0);
        if (hk_sleep(HK_MS(500)) < 0) break;
    }
    return NULL;
}

static void *silent(void *arg)
{
    HK_FD(fd, hk_net_dial(address));
    int64_t since = hk_now();
    char c;
    HK_CHECK(hk_recv(fd, &c, 1, 0) == 0);
    HK_CHECK(hk_now() - since >= HK_SEC(30) && hk_now() - since < HK_SEC(31));
    return NULL;
}

static void *scenario(void *arg)
{
    HK_FD(listener, hk_net_listen(address, 16));
    HK_GROUP(all, NULL);
    void *connections;
    hk_tid tid = hk_spawn_started(&all, server, hk_val(listener), &connections);
    HK_CHECK(tid > 0);
    for (int i = 0; i < 5; i++) hk_spawn(&all, talker, hk_val(i));
    hk_spawn(&all, silent, NULL);
    hk_sleep(HK_SEC(60));
    hk_group_stop(connections, HK_SEC(10));
    return hk_val(hk_group_close(&all, 0));
}

int main(int argc, char **argv)
{
    is_shared = argc > 1 && strcmp(argv[1], "shared") == 0;
    const hk_sim_options options = { .seed = 1, .runs = 1000, .limit = HK_SEC(100) };
    hk_sim_result result;
    int r = hk_sim_run(scenario, NULL, &options, &result);
    if (r == 0) printf("%d runs, nothing wrong\n", (int)result.schedules);
    if (r < 0) printf("seed %d: %s\n", (int)result.seed, result.report);
    return r < 0;
}
