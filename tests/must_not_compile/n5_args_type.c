/* expect: makes integer from pointer|incompatible pointer to integer */
/* SPDX-License-Identifier: MIT */
/* An argument of the wrong type for the struct of a typed task. */
#include <hocket.h>

struct conn {
    int fd;
    const char *name;
};
static void *serve(struct conn *conn) { return conn->fd > 0 ? NULL : conn; }
HK_ENTRY(serve, struct conn)

hk_tid go(hk_group *group)
{
#ifdef FIXED
    return hk_go(group, serve, 3, "x");
#else
    return hk_go(group, serve, "x", 3);
#endif
}
