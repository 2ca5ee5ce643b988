/* SPDX-License-Identifier: MIT */
/* What tests of worlds share. */
#include "support/world.h"

#include <hocket/task.h>

#include <poll.h>

int world_cooperative(unsigned entries, hk__world **ret_world)
{
    return hk__world_uring_at(1, entries, ret_world);
}

int world_plain(unsigned entries, hk__world **ret_world)
{
    return hk__world_uring_at(2, entries, ret_world);
}

hk__world *world_open(int (*open)(unsigned entries, hk__world **ret_world), unsigned entries)
{
    hk__world *w = NULL;
    int r = open(entries, &w);
    if (r < 0 && open != hk__world_epoll)
        test_skip("no io_uring here");
    else
        CHECK_EQ(r, 0);
    return w;
}

void world_run(hk__world *w, void (*body)(hk__world *w))
{
    if (w == NULL) return;
    body(w);
    w->table->destroy(w);
}

int64_t world_now(hk__world *w) { return w->table->now(w); }

hk__ticket world_ticket(int slot, uint32_t generation)
{
    return (hk__ticket){ .slot = (uint32_t)slot, .generation = generation };
}

unsigned world_look(hk__world *w, int64_t until, hk__ticket ticket, int *ret_others)
{
    hk__event events[8];
    unsigned ready = 0;
    int count = w->table->wait(w, events, 8, until), others = 0;
    for (int i = 0; i < count; i++) {
        bool same = events[i].ticket.slot == ticket.slot;
        if (same && events[i].ticket.generation == ticket.generation)
            ready |= events[i].ready;
        else
            others++;
    }
    if (ret_others != NULL) *ret_others = others;
    return ready;
}

unsigned world_look_for(hk__world *w, hk__ticket ticket, unsigned wanted)
{
    int64_t limit = world_now(w) + HK_SEC(5);
    unsigned ready = 0;
    while ((ready & wanted) != wanted && world_now(w) < limit)
        ready |= world_look(w, limit, ticket, NULL);
    return ready;
}

bool world_is_readable(int fd, int milliseconds)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };
    return poll(&p, 1, milliseconds) == 1;
}
