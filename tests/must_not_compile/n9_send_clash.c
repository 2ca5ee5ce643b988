/* expect: makes pointer from integer|incompatible integer to pointer */
/* SPDX-License-Identifier: MIT */
/* A number where the coroutine belongs: hk_coro_send is not hk_send. */
#include <hocket.h>

hk_step send_to(hk_coro *co)
{
#ifdef FIXED
    return hk_coro_send(co, co);
#else
    return hk_coro_send(3, co);
#endif
}
