/* SPDX-License-Identifier: MIT */
/* The simulated world: its clock, and what is under way.
 *
 * Time stands still while anybody has something to do, and jumps when nobody has: to the next thing
 * that is in flight, or to where the scheduler wants to be woken. Where neither is, nothing can
 * ever come, and the world says so. */
#include "world/sim.h"
#include "world/work.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of a turn, once the run is over: so whoever ignores its end comes to it too. */
enum { ENDING_TURN_NS = 100 };

/* ---- in flight: a heap ---- */

static bool comes_before(const struct hk__sim_timed *a, const struct hk__sim_timed *b)
{
    return a->due != b->due ? a->due < b->due : a->order < b->order;
}

int hk__sim_reserve(hk__sim *w)
{
    if (w->flying < w->heap_room) return 0;
    size_t room = w->heap_room != 0 ? w->heap_room * 2 : 64;
    struct hk__sim_timed **heap = realloc(w->heap, room * sizeof *heap);
    if (heap == NULL) return -ENOMEM;
    w->heap = heap;
    w->heap_room = room;
    return 0;
}

void hk__sim_send(hk__sim *w, struct hk__sim_timed *timed, int64_t delay)
{
    size_t i = w->flying++;
    timed->due = w->now + delay;
    timed->order = w->order++;
    for (; i > 0 && comes_before(timed, w->heap[(i - 1) / 2]); i = (i - 1) / 2)
        w->heap[i] = w->heap[(i - 1) / 2];
    w->heap[i] = timed;
}

static struct hk__sim_timed *take_first(hk__sim *w)
{
    struct hk__sim_timed *first = w->heap[0], *last = w->heap[--w->flying];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < w->flying; i = child) {
        if (child + 1 < w->flying && comes_before(w->heap[child + 1], w->heap[child])) child++;
        if (!comes_before(w->heap[child], last)) break;
        w->heap[i] = w->heap[child];
    }
    w->heap[i] = last;
    return first;
}

static void land(hk__sim *w)
{
    while (w->flying > 0 && w->heap[0]->due <= w->now) {
        struct hk__sim_timed *first = take_first(w);
        first->arrive(w, first, false);
    }
}

/* ---- news ---- */

void hk__sim_tell(hk__sim *w, struct hk__sim_news *news)
{
    if (news->next != NULL) return;
    news->next = &w->news;
    news->prev = w->news.prev;
    news->prev->next = news->next->prev = news;
    w->news_count++;
}

void hk__sim_untell(hk__sim *w, struct hk__sim_news *news)
{
    if (news->next == NULL) return;
    news->next->prev = news->prev;
    news->prev->next = news->next;
    news->next = news->prev = NULL;
    w->news_count--;
}

/* They happened at the same moment: any order may be. */
static int tell(hk__sim *w, hk__event *ret_events, int capacity)
{
    int count = 0;
    while (count < capacity && w->news_count > 0) {
        struct hk__sim_news *news = w->news.next;
        uint32_t skip = hk__choose(&w->world, HK__SITE_EVENT, w->news_count);
        while (skip-- > 0) news = news->next;
        hk__sim_untell(w, news);
        count += news->tell(w, news, &ret_events[count]);
    }
    return count;
}

/* ---- operations ---- */

/* hk_offload's function runs when its time has come; there is no thread. */
struct hk__sim_operation {
    struct hk__sim_timed timed;
    struct hk__sim_news news;
    struct hk__sim_operation *next;
    hk__operation what;
    hk__ticket ticket;
    bool cancelled;
};

static void operation_arrives(hk__sim *w, struct hk__sim_timed *timed, bool gone)
{
    if (!gone) hk__sim_tell(w, &((struct hk__sim_operation *)timed)->news);
}

static int operation_told(hk__sim *w, struct hk__sim_news *news, hk__event *ret_event)
{
    struct hk__sim_operation *o =
        (struct hk__sim_operation *)(void *)((char *)news -
                                             offsetof(struct hk__sim_operation, news));
    struct hk__sim_operation **link = &w->operations;
    while (*link != o) link = &(*link)->next;
    *link = o->next;
    *ret_event = (hk__event){ .ticket = o->ticket, .kind = HK__EVENT_DONE, .result = -ECANCELED };
    if (!o->cancelled) ret_event->result = (intptr_t)o->what.work(o->what.argument);
    free(o);
    return 1;
}

/* There are no files; and no host has a name but this one, which nobody looks up. */
static int is_possible(const hk__operation *o)
{
    if (o->kind == HK__OP_LOOKUP) return -ENOENT;
    return o->kind == HK__OP_WORK && o->work != hk__work_entries && o->work != hk__work_copy
               ? 0
               : -ENOSYS;
}

static int sim_submit(hk__world *world, const hk__operation *operation, hk__ticket ticket)
{
    hk__sim *w = hk__sim_of(world);
    int r = is_possible(operation);
    if (r < 0) return r;
    struct hk__sim_operation *o = malloc(sizeof *o);
    if (o == NULL || hk__sim_reserve(w) < 0) {
        free(o);
        return -ENOMEM;
    }
    *o = (struct hk__sim_operation){ .what = *operation, .ticket = ticket, .next = w->operations };
    o->timed.arrive = operation_arrives;
    o->news.tell = operation_told;
    w->operations = o;
    hk__sim_send(w, &o->timed, 0);
    return 0;
}

static void sim_cancel(hk__world *world, hk__ticket ticket)
{
    struct hk__sim_operation *o = hk__sim_of(world)->operations;
    while (o != NULL &&
           (o->ticket.slot != ticket.slot || o->ticket.generation != ticket.generation))
        o = o->next;
    if (o != NULL) o->cancelled = true;
}

/* ---- the clock ---- */

static int say_over(hk__sim *w, int error)
{
    w->over = 0;
    w->ending = true;
    return error;
}

/* The next moment at which something happens; INT64_MAX: none. */
static int64_t next_moment(const hk__sim *w, int64_t until)
{
    return w->flying > 0 && w->heap[0]->due < until ? w->heap[0]->due : until;
}

static int look(hk__sim *w, hk__event *ret_events, int capacity, int64_t until)
{
    if (w->over != 0) return say_over(w, w->over);
    for (;;) {
        land(w);
        int count = tell(w, ret_events, capacity);
        if (count > 0 || until <= w->now) return count;
        int64_t moment = next_moment(w, until);
        if (moment == INT64_MAX) return say_over(w, -EDEADLK);
        if (moment > w->limit && !w->ending) {
            w->now = w->limit;
            return say_over(w, -ETIME);
        }
        w->now = moment;
    }
}

static int sim_wait(hk__world *world, hk__event *ret_events, int capacity, int64_t until)
{
    hk__sim *w = hk__sim_of(world);
    if (__atomic_exchange_n(&w->woken, false, __ATOMIC_ACQUIRE)) until = 0;
    return look(w, ret_events, capacity, until);
}

static int sim_peek(hk__world *world, hk__event *ret_events, int capacity)
{
    return look(hk__sim_of(world), ret_events, capacity, 0);
}

static int64_t sim_now(hk__world *world) { return hk__sim_of(world)->now; }

/* By work, or by a handler of signals: nobody else could come upon a wait, which never lasts. */
static void sim_wake(hk__world *world)
{
    __atomic_store_n(&hk__sim_of(world)->woken, true, __ATOMIC_RELEASE);
}

static uint32_t sim_choose(hk__world *world, const hk__choice *choice)
{
    hk__sim *w = hk__sim_of(world);
    if (w->ending && choice->site == HK__SITE_TASK) w->now += ENDING_TURN_NS;
    return w->ending ? 0 : hk__sim_choose(world, choice);
}

/* A loop of somebody else's would wait in real time. */
static int sim_descriptor(hk__world *world)
{
    (void)world;
    return -ENOSYS;
}

static int sim_describe(hk__world *world, char *buf, size_t size)
{
    static const char *const names[] = { "first come, first served", "random", "PCT", "replayed" };
    const struct hk__sim_setup *setup = &hk__sim_of(world)->setup;
    return snprintf(buf, size, "simulated (%s, seed %llu)", names[setup->policy],
                    (unsigned long long)setup->seed);
}

/* ---- life ---- */

static void clear(hk__sim *w)
{
    hk__sim_files_clear(w);
    while (w->flying > 0) {
        struct hk__sim_timed *last = w->heap[--w->flying];
        last->arrive(w, last, true);
    }
    for (struct hk__sim_operation *o = w->operations, *next; o != NULL; o = next) {
        next = o->next;
        free(o);
    }
    w->operations = NULL;
}

static void sim_destroy(hk__world *world)
{
    hk__sim *w = hk__sim_of(world);
    clear(w);
    if (!w->keep) hk__sim_free(w);
}

/* The child of a fork has no use for it; the memory stays with the parent's copy. */
static void sim_inherited(hk__world *world) { (void)world; }

static const hk__world_table table = {
    .name = "sim",
    .watch = hk__sim_watch,
    .unwatch = hk__sim_unwatch,
    .submit = sim_submit,
    .cancel = sim_cancel,
    .wait = sim_wait,
    .peek = sim_peek,
    .wake = sim_wake,
    .direct = hk__sim_direct,
    .now = sim_now,
    .descriptor = sim_descriptor,
    .describe = sim_describe,
    .choose = sim_choose,
    .inherited = sim_inherited,
    .destroy = sim_destroy,
};

hk__sim *hk__sim_new(void)
{
    hk__sim *w = calloc(1, sizeof *w);
    if (w == NULL) return NULL;
    w->keep = true;
    w->world.table = &table;
    return w;
}

void hk__sim_free(hk__sim *w)
{
    free(w->heap);
    free(w->files);
    free(w);
}

hk__world *hk__sim_begin(hk__sim *w, const struct hk__sim_setup *setup)
{
    w->setup = *setup;
    w->ending = false;
    w->woken = false;
    w->over = 0;
    w->now = HK__SIM_START;
    w->limit =
        setup->limit > 0 && setup->limit < INT64_MAX - w->now ? w->now + setup->limit : INT64_MAX;
    w->turns = 0;
    w->order = 0;
    w->port = 0;
    w->news.next = w->news.prev = &w->news;
    w->news_count = 0;
    hk__sim_choose_begin(w);
    return &w->world;
}

int hk__world_sim(unsigned entries, hk__world **ret_world)
{
    static const struct hk__sim_setup setup = { .policy = HK__POLICY_FIFO, .turns = UINT64_MAX };
    hk__sim *w = hk__sim_new();
    (void)entries;
    if (w == NULL) return -ENOMEM;
    w->keep = false;
    *ret_world = hk__sim_begin(w, &setup);
    return 0;
}
