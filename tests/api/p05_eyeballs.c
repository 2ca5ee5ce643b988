/* SPDX-License-Identifier: MIT */
/* 5. Happy eyeballs: one attempt every 250 ms or at each failure, the first connection wins,
 * the others are cancelled. */
#include <hocket.h>

struct attempt {
    const hk_addr *addr;
    hk_event *failed;
    int *winner;
};
static void *attempt(struct attempt *a)
{
    int fd = hk_net_connect(a->addr);
    if (fd < 0) {
        hk_event_set(a->failed);
        return hk_val(fd);
    }
    if (*a->winner >= 0)
        hk_close(fd); /* two in one tick: both completed, one is surplus */
    else
        *a->winner = fd;
    return NULL;
}
HK_ENTRY(attempt, struct attempt)

int dial(const char *address, int64_t timeout)
{
    hk_addr list[16];
    int winner = -1;
    hk_event failed = { 0 };
    HK_SCOPE(limit, timeout);
    int n = hk_net_resolve(address, list, HK_LEN(list));
    HK_GROUP(race, (&(hk_group_options){ .policy = HK_FIRST_SUCCESS }));
    int r = n;
    for (int i = 0; i < n && winner < 0 && r >= 0; i++) {
        hk_event_clear(&failed);
        hk_go(&race, attempt, &list[i], &failed, &winner);
        HK_SCOPE(stagger, HK_MS(250));
        r = (int)hk_scope_close(&stagger, hk_event_wait(&failed));
        if (r == -ETIMEDOUT) r = 0;
    }
    /* on success the body's own -ECANCELED was the group's: r is 0 */
    r = (int)hk_group_close(&race, r);
    r = (int)hk_scope_close(&limit, r);
    return winner >= 0 ? winner
           : r < 0     ? r
                       : hk_fail(-EHOSTUNREACH, "dial %s: no address answered", address);
}
