/* SPDX-License-Identifier: MIT */
/* A pool of workers, with back-pressure.
 *
 * Three tasks take jobs from one channel. It holds two; where it is full, sending waits, so whoever
 * makes the jobs is never more than that ahead, however fast. Closing the channel says that there
 * will be no more: the workers take what is left, and end.
 *
 * The order of the two declarations is the order in which things may be used: the group is closed
 * before the channel goes. */
#include "timed.h"

typedef HK_CHAN(int) job_chan;

struct worker {
    int number;
    job_chan jobs;
};
static void *worker(struct worker *self)
{
    int job, r;
    while ((r = hk_chan_recv(self->jobs, &job)) > 0) {
        if ((r = hk_sleep(HK_MS(100))) < 0) break; /* the work */
        say("worker %d has done job %d", self->number, job);
    }
    return hk_val(r);
}
HK_ENTRY(worker, struct worker)

static void *start(void *arg)
{
    HK_CHANNEL(job_chan, jobs, 2);
    HK_GROUP(workers, NULL);
    for (int i = 1; i <= 3; i++) hk_go(&workers, worker, i, jobs);
    int r = 0;
    for (int job = 1; job <= 8 && r == 0; job++) {
        r = hk_chan_send(jobs, &job);
        if (r == 0) say("job %d is handed in", job);
    }
    hk_chan_close(jobs);
    return hk_val(hk_group_close(&workers, r));
}

int main(void) { return run_timed(start); }
