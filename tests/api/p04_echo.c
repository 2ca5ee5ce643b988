/* SPDX-License-Identifier: MIT */
/* 4. TCP echo: 30 s idle limit per connection; SIGTERM stops accepting, gives 10 s to finish, then
 * cancels. */
#include <hocket.h>
#include "p04_echo.h"

struct conn {
    int fd;
};
static void conn_release(struct conn *conn) { hk_close(conn->fd); } /* where echo never runs */
static void *echo(struct conn *conn)
{
    HK_FD(fd, conn->fd);
    HK_SCOPE(idle, HK_SEC(30));
    hk_scope_soft(&idle, true); /* a connection between two messages is ended by the soft stop */
    char buf[4096];
    ssize_t n;
    while ((n = hk_read(fd, buf, sizeof buf)) > 0 && (n = hk_write(fd, buf, (size_t)n)) > 0)
        hk_scope_rearm(&idle, HK_SEC(30));
    return hk_val(hk_scope_close(&idle, n));
}
HK_ENTRY_OWNING(echo, struct conn, conn_release)

static void *stop_on_term(void *arg)
{
    HK_SIGNALS(term, SIGTERM, SIGINT);
    int r = hk_signals_wait(&term);
    if (r > 0) hk_group_stop(arg, HK_SEC(10));
    return hk_val(r < 0 ? r : 0);
}

void *echo_server(void *address)
{
    HK_GROUP(all, NULL);
    HK_GROUP(conns, (&(hk_group_options){ .policy = HK_INDEPENDENT, .limit = 10000 }));
    hk_spawn(&all, stop_on_term, &conns);
    HK_FD(listener, hk_net_listen(address, 1024));
    if (listener < 0) return hk_val(listener);
    int fd;
    while ((fd = hk_accept(listener, NULL, NULL)) >= 0) hk_go(&conns, echo, fd);
    intptr_t r = hk_group_close(&conns, fd); /* 0 where fd is the -ESHUTDOWN of its own stop */
    hk_group_cancel(&all, "server over");    /* the signal watcher */
    return hk_val(hk_group_close(&all, r));
}
