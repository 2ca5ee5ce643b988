/* expect: jump into scope of identifier|cannot jump from this goto statement */
/* SPDX-License-Identifier: MIT */
/* A goto past the opening of a group: the end of the block would close what was never opened. */
#include <hocket.h>

int work(int r);

int work(int r)
{
#ifdef FIXED
    if (r < 0) return r;
#else
    if (r < 0) goto out;
#endif
    HK_GROUP(g, NULL);
    r = (int)hk_group_close(&g, 0);
#ifndef FIXED
out:
#endif
    return r;
}
