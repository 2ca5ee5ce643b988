/* SPDX-License-Identifier: MIT */
/* 7. One wait on a channel, a timer, an fd and a signal. */
#include <hocket.h>
#include <signal.h>
#include <stdio.h>

typedef HK_CHAN(int) int_chan;
int serve(int_chan work, int control_fd)
{
    HK_TICKER(second, HK_SEC(1));
    HK_SIGNALS(signals, SIGHUP, SIGTERM);
    int item;
    enum { WORK, TICK, CONTROL, SIGNAL };
    hk_arm arms[] = {
        [WORK] = hk_on_recv(work, &item),
        [TICK] = hk_on_tick(&second),
        [CONTROL] = hk_on_fd(control_fd, HK_READ),
        [SIGNAL] = hk_on_signal(&signals),
    };
    for (;;) {
        int which = hk_select(arms, HK_LEN(arms), HK_FAIR);
        switch (which) {
        case WORK:
            if (arms[WORK].result > 0)
                printf("item %d\n", item);
            else
                arms[WORK].off = true; /* the channel has ended: leave it out from now on */
            break;
        case TICK: puts("tick"); break;
        case CONTROL: {
            char c;
            if (hk_read(control_fd, &c, 1) <= 0) arms[CONTROL].off = true;
            break;
        }
        case SIGNAL:
            if (arms[SIGNAL].result == SIGTERM) return 0;
            break;
        default: return which; /* -ECANCELED */
        }
    }
}
