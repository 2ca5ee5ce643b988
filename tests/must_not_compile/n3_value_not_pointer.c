/* expect: selector.* is not compatible|controlling expression type .* not compatible */
/* SPDX-License-Identifier: MIT */
/* An item itself where a pointer to it belongs. */
#include <hocket.h>

typedef HK_CHAN(int) int_chan;

int give(int_chan ch)
{
#ifdef FIXED
    return hk_chan_send(ch, &(int){ 5 });
#else
    return hk_chan_send(ch, 5);
#endif
}
