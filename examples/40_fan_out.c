/* SPDX-License-Identifier: MIT */
/* Fan-out and fan-in: three questions at once, one answer made of theirs.
 *
 * The tasks of a group do not outlive its block: hk_group_close waits for all of them, so they may
 * use the variables of the function that started them. The first that fails cancels the others,
 * and its failure is what the close returns, with its reason in hk_why(). Those that were cancelled
 * have not failed: one is told the cause, not its consequences. */
#include "timed.h"

struct question {
    const char *shop;
    int ms, price; /* it takes so long to ask; < 0: it is closed */
    int *ret_price;
};
static void *ask(struct question *q)
{
    int r = hk_sleep(HK_MS(q->ms)); /* stands for a conversation with somebody far away */
    say("%s: %s", q->shop, r < 0 ? "no longer asked" : "has answered");
    if (r < 0) return hk_val(r);
    if (q->price < 0) return hk_val(hk_fail(-EHOSTUNREACH, "the %s is closed", q->shop));
    *q->ret_price = q->price;
    return NULL;
}
HK_ENTRY(ask, struct question)

static int ask_all(int price_of_milk, int *ret_sum)
{
    int bread, milk, meat;
    HK_GROUP(g, NULL);
    hk_go(&g, ask, "baker", 30, 4, &bread);
    hk_go(&g, ask, "grocer", 60, price_of_milk, &milk);
    hk_go(&g, ask, "butcher", 90, 7, &meat);
    int r = (int)hk_group_close(&g, 0);
    if (r == 0) *ret_sum = bread + milk + meat;
    return r;
}

static void *start(void *arg)
{
    int sum;
    int r = ask_all(2, &sum);
    if (r == 0) say("all of it costs %d", sum);
    r = ask_all(-1, &sum);
    if (r < 0) say("no sum: %s", hk_why());
    return NULL;
}

int main(void) { return run_timed(start); }
