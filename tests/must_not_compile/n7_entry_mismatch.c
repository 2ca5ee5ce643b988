/* expect: incompatible.pointer.type */
/* SPDX-License-Identifier: MIT */
/* A typed task whose struct is not the one its function takes. */
#include <hocket.h>

struct conn {
    int fd;
};
struct other {
    int fd;
};
static void *serve(struct conn *conn) { return conn->fd > 0 ? NULL : conn; }
#ifdef FIXED
HK_ENTRY(serve, struct conn)
#else
HK_ENTRY(serve, struct other)
#endif

hk_tid go(hk_group *group) { return hk_go(group, serve, 3); }
