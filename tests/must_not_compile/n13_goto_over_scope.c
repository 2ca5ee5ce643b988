/* expect: jump into scope of identifier|cannot jump from this goto statement */
/* SPDX-License-Identifier: MIT */
/* A goto past the opening of a scope: the end of the block would close what was never opened. */
#include <hocket.h>

int work(int r);

int work(int r)
{
#ifdef FIXED
    if (r < 0) return r;
#else
    if (r < 0) goto out;
#endif
    HK_SCOPE(s, HK_SEC(1));
    r = (int)hk_scope_close(&s, 0);
#ifndef FIXED
out:
#endif
    return r;
}
