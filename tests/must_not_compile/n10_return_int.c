/* expect: makes pointer from integer|incompatible integer to pointer */
/* SPDX-License-Identifier: MIT */
/* A number returned from an entry without hk_val. */
#include <hocket.h>

void *body(void *arg)
{
    int result = hk_sleep(arg ? 1 : 2);
#ifdef FIXED
    return hk_val(result);
#else
    return result;
#endif
}
