/* expect: selector.* is not compatible|controlling expression type .* not compatible */
/* SPDX-License-Identifier: MIT */
/* A variable that is no item of the channel. */
#include <hocket.h>

struct job {
    int id;
};
typedef HK_CHAN(struct job) job_chan;

int receive(job_chan ch)
{
#ifdef FIXED
    struct job x;
#else
    long x;
#endif
    return hk_chan_recv(ch, &x);
}
