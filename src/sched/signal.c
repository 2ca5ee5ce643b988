/* SPDX-License-Identifier: MIT */
/* Signals: from the one handler to the schedulers that listen, from there to their objects.
 *
 * The handler may do next to nothing: it sets a bit in the inbox of each scheduler that listens and
 * wakes its loop, which does the rest. It finds them in a list that only grows: a scheduler's
 * memory is never given back, so a scheduler that ends at this moment is a closed door. SIGQUIT,
 * which asks what all are doing, comes the same way. */
#include "sched/sched.h"

#include "world/signal.h"

#include <signal.h>

static hk_sched *all, *quit_target;

static uint64_t bit_of(int number) { return UINT64_C(1) << (number - 1); }

void hk__signals_know(hk_sched *s)
{
    s->next_known = __atomic_load_n(&all, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&all, &s->next_known, s, true, __ATOMIC_SEQ_CST,
                                        __ATOMIC_RELAXED)) {}
}

hk_sched *hk__signals_known(void) { return __atomic_load_n(&all, __ATOMIC_SEQ_CST); }

static void on_signal(int number)
{
    int saved = errno;
    for (hk_sched *s = hk__signals_known(); s != NULL; s = s->next_known)
        if (__atomic_load_n(&s->inbox.listens, __ATOMIC_SEQ_CST) & bit_of(number))
            hk__inbox_signal(s, bit_of(number));
    errno = saved;
}

/* ---- listening ---- */

static int listen_to(hk_sched *s, int number)
{
    if (number <= 0 || number >= HK__SIGNALS) return -EINVAL;
    int r = s->signals.open[number] == 0 ? hk__signal_take(number, on_signal) : 0;
    if (r < 0) return r;
    s->signals.open[number]++;
    __atomic_fetch_or(&s->inbox.listens, bit_of(number), __ATOMIC_SEQ_CST);
    return 0;
}

static void listen_no_more(hk_sched *s, int number)
{
    if (--s->signals.open[number] > 0) return;
    __atomic_fetch_and(&s->inbox.listens, ~bit_of(number), __ATOMIC_SEQ_CST);
    hk__signal_give(number);
}

int hk__signals_begin(hk_sched *s, hk_signals *object, const int *list, size_t count)
{
    int r = count == 0 ? -EINVAL : s->simulation != NULL ? -ENOSYS : 0;
    hk__signals_deliver(s); /* what came before is not for this one */
    for (size_t i = 0; i < count && r == 0; i++) {
        r = listen_to(s, list[i]);
        if (r < 0) break;
        if (object->set & bit_of(list[i])) listen_no_more(s, list[i]); /* named twice */
        object->set |= bit_of(list[i]);
    }
    object->next = s->signals.first;
    s->signals.first = object;
    if (r < 0) hk__signals_end(s, object);
    return r;
}

void hk__signals_end(hk_sched *s, hk_signals *object)
{
    hk_signals **link = &s->signals.first;
    while (*link != object) link = &(*link)->next;
    *link = object->next;
    for (int number = 1; number < HK__SIGNALS; number++)
        if (object->set & bit_of(number)) listen_no_more(s, number);
}

/* Objects that are still open may lie on stacks that are gone. */
void hk__signals_close(hk_sched *s)
{
    for (int number = 1; number < HK__SIGNALS; number++) {
        if (s->signals.open[number] == 0) continue;
        s->signals.open[number] = 1;
        listen_no_more(s, number);
    }
    s->signals.first = NULL;
}

/* ---- delivery ---- */

void hk__signals_deliver(hk_sched *s)
{
    const uint64_t came = __atomic_exchange_n(&s->inbox.signals, 0, __ATOMIC_ACQUIRE);
    uint64_t told = 0;
    for (hk_signals *object = s->signals.first; object != NULL; object = object->next) {
        object->pending |= came & object->set;
        told |= came & object->set;
        if (object->pending != 0 && object->waiter != NULL) hk__call_retry(object->waiter);
    }
    if (came & ~told & bit_of(SIGQUIT)) hk__report_tasks(s, "SIGQUIT");
}

/* ---- SIGQUIT ---- */

/* One scheduler of a process answers: the first, and only where nobody else does. */
bool hk__signals_answer_quit(hk_sched *s)
{
    hk_sched *none = NULL;
    if (!__atomic_compare_exchange_n(&quit_target, &none, s, false, __ATOMIC_SEQ_CST,
                                     __ATOMIC_RELAXED))
        return false;
    if (hk__signal_is_default(SIGQUIT) && listen_to(s, SIGQUIT) == 0) return true;
    __atomic_store_n(&quit_target, NULL, __ATOMIC_SEQ_CST);
    return false;
}

void hk__signals_answer_no_more(hk_sched *s)
{
    listen_no_more(s, SIGQUIT);
    __atomic_store_n(&quit_target, NULL, __ATOMIC_SEQ_CST);
}

void hk__signals_forget_quit(void) { quit_target = NULL; }
