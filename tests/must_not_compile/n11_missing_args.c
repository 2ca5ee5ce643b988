/* expect: [Mm]issing.(field|initializer) */
/* SPDX-License-Identifier: MIT */
/* Fewer arguments than the struct of a typed task has fields. */
#include <hocket.h>

struct conn {
    int fd;
    int *out;
};
static void *serve(struct conn *conn) { return conn->out; }
HK_ENTRY(serve, struct conn)

hk_tid go(hk_group *group)
{
#ifdef FIXED
    return hk_go(group, serve, 3, NULL);
#else
    return hk_go(group, serve, 3);
#endif
}
