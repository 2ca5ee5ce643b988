/* SPDX-License-Identifier: MIT */
/* The echo server, ours: a task for each connection, as one would write it.
 *
 * Where system calls are to be counted, the world's table is exchanged for one that counts and
 * passes on: they all go through it. */
#include "echo.h"

#include <hocket.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include "sched/sched.h"

#include "bench.h"

static struct echo_count *counts;
static int listening;

static void *echo(void *arg)
{
    HK_FD(fd, (int)hk_num(arg));
    char buf[ECHO_BUFFER];
    ssize_t n = hk_recv(fd, buf, sizeof buf, 0);
    while (n > 0) {
        counts->requests++;
        n = hk_send_recv(fd, buf, (size_t)n, buf, sizeof buf, NULL);
    }
    return NULL;
}

static void *serve(void *arg)
{
    int fd, on = 1;
    while ((fd = hk_accept(listening, NULL, NULL)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (hk_spawn(HK_ROOT, echo, hk_val(fd)) < 0) bench_fail("no memory for a task");
    }
    return hk_val(fd);
}

/* ---- counting ---- */

static const hk__world_table *counted;

static int counting_wait(hk__world *world, hk__event *ret_events, int capacity, int64_t until)
{
    counts->calls++;
    return counted->wait(world, ret_events, capacity, until);
}

static int64_t counting_direct(hk__world *world, hk__direct *direct)
{
    counts->calls++;
    return counted->direct(world, direct);
}

static void *serve_counted(void *arg)
{
    static hk__world_table table;
    hk_sched *s = hk__here.sched;
    counted = s->world->table;
    table = *counted;
    table.wait = counting_wait;
    table.direct = counting_direct;
    s->world->table = &table;
    return serve(arg);
}

void echo_hocket(int listener, struct echo_count *count, const hk_run_options *options,
                 bool count_calls)
{
    counts = count;
    listening = listener;
    int r = hk_run(count_calls ? serve_counted : serve, NULL, options);
    bench_fail("the server ended with %d", r);
}
