/* SPDX-License-Identifier: MIT */
/* The rest of a program around the server of p07_select.c: who sends it work, words, a signal. */
#include <hocket.h>

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

typedef HK_CHAN(int) int_chan;
int serve(int_chan work, int control_fd);

static int_chan work;
static int control[2];

static void *client(void *arg)
{
    for (int i = 1; i <= 3; i++)
        if (hk_chan_send(work, &i) < 0) return arg;
    hk_chan_close(work);
    if (hk_write(control[1], "ab", 2) != 2) return arg;
    hk_close(control[1]);
    hk_sleep(HK_MS(1));
    raise(SIGHUP);
    hk_sleep(HK_MS(1));
    raise(SIGTERM);
    return NULL;
}

static void *body(void *arg)
{
    hk_chan_open(&work, 0);
    if (pipe(control) < 0 || hk_spawn(HK_ROOT, client, NULL) < 0) return arg;
    int r = serve(work, control[0]);
    printf("served: %d\n", r);
    hk_close(control[0]);
    hk_chan_destroy(&work);
    return NULL;
}

int main(void) { return hk_run(body, NULL, NULL) < 0; }
