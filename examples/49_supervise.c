/* SPDX-License-Identifier: MIT */
/* A task that is made again when it fails, and a value that goes with it.
 *
 * The feed drops its connection twice. hk_supervise reports that on stderr, waits, each time twice
 * as long, and makes the task again. Which feed it is lies in a context variable: whoever is made
 * inside the block inherits it, so nobody has to hand it down. */
#include "timed.h"

static const hk_variable feed_name = { "feed" };

static const char *feed(void) { return hk_variable_get(&feed_name); }

/* A function deep down, which has no argument to tell it for whom it works. */
static int receive(int attempt)
{
    if (hk_sleep(HK_MS(10)) < 0) return -ECANCELED;
    say("%s, attempt %d: %s", feed(), attempt, attempt < 3 ? "lost" : "all is received");
    return attempt < 3 ? hk_fail(-ECONNRESET, "%s has hung up", feed()) : 0;
}

static void *follow(void *arg)
{
    int *attempts = arg;
    say("%s, attempt %d", feed(), ++*attempts);
    return hk_val(receive(*attempts));
}

static void *start(void *arg)
{
    (void)arg;
    int attempts = 0;
    HK_WITH(name, &feed_name, "weather");
    const hk_supervise_options patient = { .name = "follow", .first = HK_MS(100) };
    return hk_val(hk_supervise(follow, &attempts, &patient));
}

int main(void) { return run_timed(start); }
