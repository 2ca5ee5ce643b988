/* expect: unused.result */
/* SPDX-License-Identifier: MIT */
/* A yield whose answer (stop, perhaps) nobody looks at. */
#include <hocket.h>

void *generate(void *arg)
{
    for (intptr_t i = 0;; i++) {
#ifdef FIXED
        if (hk_is_err(hk_yield(hk_val(i)))) break;
#else
        hk_yield(hk_val(i));
#endif
    }
    return arg;
}
