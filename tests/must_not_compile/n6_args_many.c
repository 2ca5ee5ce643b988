/* expect: excess elements in struct initializer */
/* SPDX-License-Identifier: MIT */
/* More arguments than the struct of a typed task has fields. */
#include <hocket.h>

struct conn {
    int fd;
};
static void *serve(struct conn *conn) { return conn->fd > 0 ? NULL : conn; }
HK_ENTRY(serve, struct conn)

hk_tid go(hk_group *group)
{
#ifdef FIXED
    return hk_go(group, serve, 3);
#else
    return hk_go(group, serve, 3, 4);
#endif
}
