/* SPDX-License-Identifier: MIT */
/* A deadline, and what has to be done all the same.
 *
 * Once the time of a scope is over, the call that waits in it ends with -ECANCELED, and each later
 * one that may wait is refused. So a function that returns on errors returns soon, whatever it was
 * doing. But to undo what it had begun it may have to wait once more: a shield hides the deadline
 * from that, and has one of its own, since somebody waits for us.
 *
 * The scope whose time it was calls the error by its name: its close makes -ETIMEDOUT of it. */
#include "timed.h"

static int message(const char *what, int ms)
{
    int r = hk_sleep(HK_MS(ms)); /* stands for a message, and its answer */
    say("%s: %s", what, r == 0 ? "done" : "cancelled");
    return r;
}

static void give_back(void)
{
    HK_SCOPE(cleanup, HK_MS(100));
    hk_scope_shield(&cleanup, true);
    if (hk_scope_close(&cleanup, message("give the seat back", 20)) < 0) say("the seat is lost");
}

static int book(int ms)
{
    int r = message("take a seat", 30);
    if (r < 0) return r;
    if ((r = message("pay", ms)) < 0) {
        message("say goodbye", 20); /* no shield: refused before anything is sent */
        give_back();
    }
    return r;
}

static int book_in_time(int ms)
{
    HK_SCOPE(limit, HK_MS(50));
    return (int)hk_scope_close(&limit, book(ms));
}

static void *start(void *arg)
{
    for (int ms = 10; ms < 100; ms += 50) {
        int r = book_in_time(ms);
        say("booked: %s", r == 0 ? "yes" : r == -ETIMEDOUT ? "no, it took too long" : "no");
    }
    return NULL;
}

int main(void) { return run_timed(start); }
