/* SPDX-License-Identifier: MIT */
/* Descriptors: what is known of each, and who waits for it.
 *
 * A call tries first. Only where the world says -EAGAIN it waits, and only then is the descriptor
 * watched, once for its life: watching reports the present state, so nothing that came in between
 * is lost. From there on the table remembers: an event makes a side ready, a transfer that shows
 * the end of what is there makes it dry, and a call on a dry side waits without asking. An event
 * runs the waiting call's handler again, here in the loop.
 *
 * A number means a new file after each close. So each has a generation, which is part of its
 * ticket: an event of an older one finds nobody. */
#include "sched/descriptor.h"

#include "base/say.h"

#include <stdlib.h>
#include <string.h>

enum { LEAST = 64 };

int hk__descriptors_open(hk_sched *s)
{
    s->descriptors = (struct hk__descriptors){ .table = NULL };
    return 0;
}

void hk__descriptors_close(hk_sched *s)
{
    free(s->descriptors.table);
    s->descriptors = (struct hk__descriptors){ .table = NULL };
}

static int grow(struct hk__descriptors *all, uint32_t count)
{
    uint32_t wanted = all->count != 0 ? all->count : LEAST;
    while (wanted < count) wanted *= 2;
    struct hk__descriptor *table = realloc(all->table, wanted * sizeof *table);
    if (table == NULL) return -ENOMEM;
    memset(table + all->count, 0, (wanted - all->count) * sizeof *table);
    all->table = table;
    all->count = wanted;
    return 0;
}

/* The number is looked at before the table grows to it: it may be nonsense. */
int hk__descriptor_find(hk_sched *s, int fd)
{
    hk__direct look = { .kind = HK__DIRECT_POLL, .fd = fd, .flags = HK__READABLE };
    if (fd < 0) return -EBADF;
    int64_t r = s->world->table->direct(s->world, &look);
    if (r < 0 && r != -EAGAIN) return (int)r;
    return grow(&s->descriptors, (uint32_t)fd + 1);
}

static hk__ticket ticket_of(const hk_sched *s, int fd)
{
    return (hk__ticket){ .slot = (uint32_t)fd, .generation = s->descriptors.table[fd].generation };
}

int hk__descriptor_watch(hk_sched *s, int fd, unsigned directions)
{
    struct hk__descriptor *d = &s->descriptors.table[fd];
    directions |= d->watched;
    int r = s->world->table->watch(s->world, fd, directions, ticket_of(s, fd));
    if (r < 0) return r;
    if (d->watched == 0) s->descriptors.watched++;
    d->watched = (uint8_t)directions;
    return 0;
}

void hk__descriptor_unwatch(hk_sched *s, int fd)
{
    struct hk__descriptor *d = &s->descriptors.table[fd];
    if (d->watched == 0) return;
    s->world->table->unwatch(s->world, fd, ticket_of(s, fd));
    s->descriptors.watched--;
    d->generation++; /* events that are still to be served are not told */
    d->watched = d->seen = d->dry = 0;
}

/* ---- a number changes its meaning ---- */

/* Takes a waiting call off its descriptor. A write that has begun completes with what it did, and
 * is gone. */
static hk_call *detach(hk_sched *s, int fd, enum hk__side side)
{
    hk_call *call = s->descriptors.table[fd].waiter[side];
    if (call == NULL) return NULL;
    call->abort_asked = 1; /* it will be told, and nobody need ask again */
    return call->type->abort(call) == HK_ABORTED ? call : NULL;
}

/* Those who wait are told last: by then nothing here is about them. */
static void change(hk_sched *s, int fd, uint8_t note)
{
    struct hk__descriptor *d = &s->descriptors.table[fd];
    if (d->note & HK__NOTE_FILE) {
        hk__line_dissolve(s, fd);
        d->waiter[0] = d->waiter[1] = NULL;
    }
    hk_call *reader = detach(s, fd, HK__READER), *writer = detach(s, fd, HK__WRITER);
    d = &s->descriptors.table[fd];
    if (d->watched != 0) s->descriptors.watched--;
    *d = (struct hk__descriptor){ .generation = d->generation + 1,
                                  .note = note,
                                  .operations = d->operations };
    if (reader != NULL) hk_call_complete(reader, -EBADF);
    if (writer != NULL) hk_call_complete(writer, -EBADF);
}

void hk__descriptor_reset(hk_sched *s, int fd)
{
    if ((unsigned)fd >= s->descriptors.count) return;
    if (s->descriptors.table[fd].watched != 0)
        s->world->table->unwatch(s->world, fd, ticket_of(s, fd));
    change(s, fd, 0);
}

void hk__descriptor_born(hk_sched *s, int fd, uint8_t note)
{
    if ((unsigned)fd >= s->descriptors.count && grow(&s->descriptors, (uint32_t)fd + 1) < 0) return;
    change(s, fd, note);
}

void hk__descriptor_forget(hk_sched *s, int fd)
{
    const struct hk__descriptor *d = &s->descriptors.table[fd];
    if (d->note == 0 && d->watched != 0 && d->waiter[HK__READER] == NULL &&
        d->waiter[HK__WRITER] == NULL)
        hk__descriptor_reset(s, fd);
}

void hk__descriptor_leave(hk_sched *s, int fd, const hk_call *call)
{
    struct hk__descriptor *d = &s->descriptors.table[fd];
    enum hk__side side = d->waiter[HK__WRITER] == call ? HK__WRITER : HK__READER;
    HK__ASSERT(d->waiter[side] == call);
    d->waiter[side] = NULL;
    d->paused &= ~(1u << side) & 15;
    s->descriptors.waiting--;
}

/* ---- operations on it ---- */

/* An operation names its file by number, and whoever performs it may look that up late: so the
 * number keeps its meaning until then. */
HK__HOT int hk__descriptor_hold(hk_sched *s, int fd)
{
    int r = (unsigned)fd < s->descriptors.count ? 0 : hk__descriptor_find(s, fd);
    if (r < 0) return r;
    struct hk__descriptor *d = &s->descriptors.table[fd];
    if (d->closing) return -EBADF;
    d->operations++;
    return 0;
}

HK__HOT void hk__descriptor_let_go(hk_sched *s, int fd)
{
    struct hk__descriptor *d = &s->descriptors.table[fd];
    HK__ASSERT(d->operations > 0);
    if (--d->operations > 0 || !d->closing) return;
    hk_io_call **link = &s->descriptors.closing;
    while (*link != NULL && (*link)->fd != fd) link = &(*link)->next;
    hk_io_call *close = *link;
    if (close == NULL) {
        hk__descriptor_close(s, fd);
        return;
    }
    *link = close->next;
    hk__call_retry(&close->call);
}

/* Else it would be closed when something has come. */
static void stop_receiving(hk_sched *s, int fd)
{
    if (s->descriptors.table[fd].waiter[HK__READER]->abort_asked) return;
    hk_call *reader = detach(s, fd, HK__READER);
    if (reader != NULL) hk_call_complete(reader, -EBADF);
}

int hk__descriptor_close_later(hk_sched *s, int fd, hk_io_call *close)
{
    if ((unsigned)fd >= s->descriptors.count) return 0;
    struct hk__descriptor *d = &s->descriptors.table[fd];
    if (d->operations > 0 && d->closing) return -EBADF;
    if (d->receives) stop_receiving(s, fd);
    if (d->operations == 0) return 0;
    d->closing = true;
    if (close != NULL) {
        close->next = s->descriptors.closing;
        s->descriptors.closing = close;
    }
    if (d->note & HK__NOTE_FILE) hk__line_dissolve(s, fd);
    return -EINPROGRESS;
}

int hk__descriptor_close(hk_sched *s, int fd)
{
    hk__direct direct = { .kind = HK__DIRECT_CLOSE, .fd = fd };
    hk__descriptor_reset(s, fd);
    s->budget -= HK__DIRECT_COST - 1;
    return (int)s->world->table->direct(s->world, &direct);
}

/* ---- events ---- */

static void wake(hk_sched *s, uint32_t slot, enum hk__side side)
{
    const struct hk__descriptor *d = &s->descriptors.table[slot];
    if (side == HK__WRITER ? d->handed_in : d->receives) return;
    if (d->waiter[side] != NULL && !(d->paused & 1u << side)) hk__call_retry(d->waiter[side]);
}

HK__HOT void hk__descriptor_event(hk_sched *s, const hk__event *event)
{
    const uint32_t slot = event->ticket.slot;
    if (slot >= s->descriptors.count) return;
    struct hk__descriptor *d = &s->descriptors.table[slot];
    if (d->generation != event->ticket.generation) return;
    d->dry &= ~event->ready & 15;
    d->seen |= event->ready & (HK__HANGUP | HK__URGENT);
    if (event->ready & (HK__READABLE | HK__URGENT)) wake(s, slot, HK__READER);
    if (event->ready & HK__WRITABLE) wake(s, slot, HK__WRITER);
}

HK__HOT void hk__descriptor_prefetch(const hk_sched *s, const hk__event *event, bool later)
{
    if (event->kind != HK__EVENT_READY || event->ticket.slot >= s->descriptors.count) return;
    const hk_call *call = s->descriptors.table[event->ticket.slot].waiter[HK__READER];
    if (call == NULL) return;
    const char *line = later ? call->task : (const void *)call;
    __builtin_prefetch(line);
    __builtin_prefetch(line + 64);
}
