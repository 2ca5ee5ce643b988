/* SPDX-License-Identifier: MIT */
/* Happy eyeballs: a name has several addresses, the first that answers is taken.
 *
 * An attempt is made every 250 ms, or as soon as one has failed; the first that succeeds cancels
 * the others. What this takes: a group whose policy is the first success, an event for a failure,
 * and a scope for the 250 ms. The addresses are made up, and so is the time: hk_net_dial does this
 * with real ones. (RFC 8305) */
#include "timed.h"

struct address {
    const char *text;
    int ms, result;
};
static const struct address addresses[] = {
    { "2001:db8::1", 21000, -ETIMEDOUT }, /* nobody there */
    { "2001:db8::2", 30, -ECONNREFUSED },
    { "192.0.2.1", 150, 0 },
    { "192.0.2.2", 10, 0 },
};

struct attempt {
    const struct address *address;
    hk_event *failed;
    const struct address **winner;
};
static void *attempt(struct attempt *self)
{
    const struct address *address = self->address;
    say("%s is tried", address->text);
    int r = hk_sleep(HK_MS(address->ms)); /* stands for hk_net_connect */
    if (r == 0) r = address->result;
    say("%s: %s", address->text, r == 0 ? "connected" : r == -ECANCELED ? "given up" : "failed");
    if (r == 0) *self->winner = address;
    if (r < 0) hk_event_set(self->failed);
    return hk_val(r);
}
HK_ENTRY(attempt, struct attempt)

static int dial(const struct address **ret_winner)
{
    const hk_group_options first = { .policy = HK_FIRST_SUCCESS };
    hk_event failed = { .name = "a failure" };
    HK_GROUP(race, &first);
    int r = 0;
    for (size_t i = 0; i < HK_LEN(addresses) && r == 0; i++) {
        hk_event_clear(&failed);
        hk_go(&race, attempt, &addresses[i], &failed, ret_winner);
        HK_SCOPE(pause, HK_MS(250));
        r = (int)hk_scope_close(&pause, hk_event_wait(&failed));
        if (r == -ETIMEDOUT) r = 0; /* the next one, beside this one */
    }
    return (int)hk_group_close(&race, r); /* -ECANCELED by a winner is 0 here */
}

static void *start(void *arg)
{
    const struct address *winner;
    int r = dial(&winner);
    if (r == 0) say("talking to %s", winner->text);
    return hk_val(r);
}

int main(void) { return run_timed(start); }
