/* expect: selector.* is not compatible|controlling expression type .* not compatible */
/* SPDX-License-Identifier: MIT */
/* A number of another size than the items. */
#include <hocket.h>

typedef HK_CHAN(int) int_chan;

int give(int_chan ch)
{
#ifdef FIXED
    int x = 1;
#else
    short x = 1;
#endif
    return hk_chan_send(ch, &x);
}
