/* expect: selector.* is not compatible|controlling expression type .* not compatible */
/* SPDX-License-Identifier: MIT */
/* Receiving into what is const. */
#include <hocket.h>

typedef HK_CHAN(int) int_chan;

int receive(int_chan ch)
{
#ifdef FIXED
    int x = 0;
#else
    const int x = 0;
#endif
    return hk_chan_recv(ch, &x);
}
