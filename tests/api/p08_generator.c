/* SPDX-License-Identifier: MIT */
/* 8. A generator that itself sleeps, consumed by a task: its items come to the consumer, its
 * sleeps go to the scheduler. */
#include <hocket.h>
#include <stdio.h>

static void *retries(void *arg) /* 1, 2, 4, 8 ... with that many milliseconds before each */
{
    for (intptr_t ms = 1; ms <= *(int *)arg; ms *= 2) {
        int r = hk_sleep(HK_MS(ms));
        if (r < 0 || hk_is_err(hk_yield(hk_val(ms)))) return hk_val(r);
    }
    return NULL;
}

void *task(void *arg)
{
    (void)arg;
    HK_SCOPE(limit, HK_SEC(1)); /* also cuts a sleep inside the generator */
    HK_CORO(gen, retries, (&(int){ 64 }), NULL);
    void *ms;
    int r;
    while ((r = hk_coro_next(gen, &ms)) > 0) printf("attempt after %d ms\n", (int)hk_num(ms));
    return hk_val(hk_scope_close(&limit, r));
}
