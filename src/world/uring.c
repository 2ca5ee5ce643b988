/* SPDX-License-Identifier: MIT */
/* The world on io_uring.
 *
 * Readiness is a poll request for each descriptor and direction, edge-triggered and lasting, armed
 * when something first waits for it. Operations are requests of their own; what the kernel has no
 * request for goes to the thread pool. Waiting, handing over requests and cancels share one system
 * call, and looking whether anything has come needs none.
 *
 * What the kernel gives back is a kind, a slot and a generation. Each completion is entered into a
 * table, of descriptors or of operations, and what there is to tell is queued through these tables:
 * so a completion is never lost for want of memory, whenever it is taken, and what was unwatched in
 * the meantime is silent. */
#include "world/uring.h"

#include "base/say.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { LEAST = 64, MANY = 4 };

/* Also in signal handlers. The counter has room for 2^64 - 2 of these; each is an edge, so nobody
 * needs to read it. */
static void signal_eventfd(int fd)
{
    static const uint64_t one = 1;
    int saved = errno;
    ssize_t ignored = write(fd, &one, sizeof one);
    (void)ignored;
    errno = saved;
}

/* ---- the queue ---- */

/* Who is in the queue: 0 is nobody. */
static uint32_t tag_of(enum hk__uring_kind kind, uint32_t slot)
{
    return (slot + 1) << 1 | (kind == HK__URING_OPERATION);
}

static uint32_t *next_of(struct hk__uring *w, uint32_t tag)
{
    const uint32_t slot = (tag >> 1) - 1;
    return tag & 1 ? &w->operations[slot].next : &w->watched[slot].next;
}

static HK__HOT void append(struct hk__uring *w, uint32_t tag)
{
    *next_of(w, tag) = 0;
    if (w->first == 0)
        w->first = tag;
    else
        *next_of(w, w->last) = tag;
    w->last = tag;
}

HK__HOT void hk__uring_tell_ready(struct hk__uring *w, uint32_t fd, unsigned ready)
{
    struct hk__uring_watched *it = &w->watched[fd];
    it->ready |= (uint8_t)ready;
    if (it->queued) return;
    it->queued = true;
    append(w, tag_of(HK__URING_READ, fd));
}

HK__HOT void hk__uring_tell_done(struct hk__uring *w, uint32_t slot, int64_t result)
{
    w->operations[slot].state = HK__URING_DONE;
    w->operations[slot].result = result;
    append(w, tag_of(HK__URING_OPERATION, slot));
}

/* Out of the queue. One that was unwatched since has nothing to tell. */
static HK__HOT int take_queued(struct hk__uring *w, hk__event *ret_events, int capacity)
{
    int count = 0;
    while (count < capacity && w->first != 0) {
        const uint32_t tag = w->first, slot = (tag >> 1) - 1;
        w->first = *next_of(w, tag);
        if (tag & 1) {
            struct hk__uring_operation *o = &w->operations[slot];
            o->state = HK__URING_FREE;
            w->count--;
            ret_events[count++] = (hk__event){ .kind = HK__EVENT_DONE,
                                               .ticket = { slot, o->generation },
                                               .ready = o->halved ? HK__WRITABLE : 0,
                                               .result = o->result };
        } else {
            struct hk__uring_watched *it = &w->watched[slot];
            it->queued = false;
            if (it->ready == 0) continue;
            ret_events[count++] =
                (hk__event){ .ticket = { slot, it->generation }, .ready = it->ready };
            it->ready = 0;
        }
    }
    return count;
}

static int take_pooled(struct hk__uring *w, hk__event *ret_events, int capacity)
{
    int count = hk__pool_take(&w->pool, ret_events, capacity);
    for (int i = 0; i < count; i++) w->operations[ret_events[i].ticket.slot].state = HK__URING_FREE;
    w->count -= (uint32_t)count;
    return count;
}

/* ---- completions ---- */

static void arm_wake(struct hk__uring *w)
{
    const uint32_t serial = hk__uring_serial(w);
    if (hk__uring_add_poll(w, w->eventfd, EPOLLIN,
                           hk__uring_pack(HK__URING_OTHER, HK__URING_WAKE, serial)))
        w->wake_serial = serial;
    else
        w->missing = true;
}

static void wake_completed(struct hk__uring *w, uint32_t serial, const struct io_uring_cqe *cqe)
{
    if (serial != w->wake_serial) return;
    w->woken = true;
    if (cqe->flags & IORING_CQE_F_MORE) return;
    w->wake_serial = 0;
    w->missing = true;
    w->wake_failed = cqe->res < 0;
}

/* Enters all that are there into the tables. */
HK__HOT void hk__uring_reap(struct hk__uring *w)
{
    struct io_uring_cqe cqe;
    while (hk__ring_take(&w->ring, &cqe)) {
        const uint32_t generation = (uint32_t)(cqe.user_data >> 32);
        const uint32_t slot = (uint32_t)cqe.user_data >> 2;
        const enum hk__uring_kind kind = cqe.user_data & 3;
        if (kind == HK__URING_OPERATION)
            hk__uring_operation_completed(w, slot, generation, cqe.res);
        else if (kind != HK__URING_OTHER)
            hk__uring_poll_completed(w, kind, slot, generation, &cqe);
        else if (slot == HK__URING_WAKE)
            wake_completed(w, generation, &cqe);
        else if (slot == HK__URING_TRIAL)
            w->tried = cqe.res == 0;
        else if (slot == HK__URING_ALARM)
            w->alarmed = false;
        else if (slot >= HK__URING_HALVES)
            hk__uring_half_completed(w, slot - HK__URING_HALVES, generation, cqe.res);
    }
}

/* Makes what is missing. What has failed is made again at most once in a while, lest we do nothing
 * else. */
static void make_up(struct hk__uring *w)
{
    const int64_t now = hk__clock_now();
    const bool failed_too = now >= w->retry_at;
    bool any_failed = w->wake_failed;
    w->missing = w->wake_failed && !failed_too;
    if (w->wake_serial == 0 && !w->missing) arm_wake(w);
    any_failed |= hk__uring_arm_missing(w, failed_too);
    hk__uring_cancel_missing(w);
    if (any_failed && failed_too) w->retry_at = now + HK__URING_RETRY_NS;
}

/* A foreign loop does not know that something is to be tried again: the bell rings in a while. */
static void set_alarm(struct hk__uring *w)
{
    static struct __kernel_timespec delay = { .tv_nsec = HK__URING_RETRY_NS };
    struct io_uring_sqe *sqe = w->alarmed ? NULL : hk__ring_sqe(&w->ring);
    if (sqe == NULL) return;
    io_uring_prep_timeout(sqe, &delay, 0, 0);
    sqe->user_data = hk__uring_pack(HK__URING_OTHER, HK__URING_ALARM, 0);
    w->alarmed = true;
}

/* A foreign loop sleeps elsewhere: so whatever is not in the kernel's hands when we return to it
 * would wait for ever. The bell is rung for all that is here; the kernel rings it for what comes.
 */
void hk__uring_settle(struct hk__uring *w)
{
    if (!w->foreign) return;
    if (w->missing) make_up(w);
    if (w->missing) set_alarm(w);
    if (hk__ring_unsubmitted(&w->ring)) hk__ring_enter(&w->ring, HK__RING_SUBMIT, 0);
    if (w->first != 0 || w->woken || hk__pool_any(&w->pool) || hk__ring_any(&w->ring) ||
        hk__ring_stirs(&w->ring))
        signal_eventfd(w->bell);
}

/* What has rung until now has been seen, or will be in settle. Whether it had. */
static HK__HOT bool silence_bell(struct hk__uring *w)
{
    uint64_t rung;
    return w->foreign && read(w->bell, &rung, sizeof rung) > 0;
}

void *hk__uring_grown(void *table, uint32_t *size, uint32_t wanted, size_t each)
{
    uint32_t count = *size != 0 ? *size : LEAST;
    while (count < wanted) count *= 2;
    char *more = realloc(table, count * each);
    if (more == NULL) return NULL;
    memset(more + *size * each, 0, (count - *size) * each);
    *size = count;
    return more;
}

/* ---- waiting ---- */

/* Where a foreign loop is served as well, a wake rings the bell and then looks whether we sleep; we
 * say that we do and then look whether it has rung. */
static HK__HOT void sleep_in_ring(struct hk__uring *w, int64_t ns)
{
    (void)__atomic_exchange_n(&w->blocked, true, __ATOMIC_SEQ_CST);
    if (!silence_bell(w))
        hk__ring_enter(&w->ring, HK__RING_WAIT, ns);
    else if (hk__ring_stirs(&w->ring))
        hk__ring_enter(&w->ring, HK__RING_TURN, 0);
    __atomic_store_n(&w->blocked, false, __ATOMIC_RELAXED);
}

/* ns: how long to wait at most, < 0: no limit. */
static HK__HOT int look(struct hk__uring *w, hk__event *ret_events, int capacity, int64_t ns)
{
    int count = take_pooled(w, ret_events, capacity);
    if (count == capacity) return count;
    hk__uring_reap(w);
    if (w->missing) make_up(w);
    const bool patient = ns != 0 && count == 0 && w->first == 0 && !w->woken;
    if (patient && w->missing && (ns < 0 || ns > HK__URING_RETRY_NS)) ns = HK__URING_RETRY_NS;
    if (patient)
        sleep_in_ring(w, ns);
    else if (hk__ring_stirs(&w->ring))
        hk__ring_enter(&w->ring, HK__RING_TURN, 0);
    hk__uring_reap(w);
    const int told = take_queued(w, ret_events + count, capacity - count);
    hk__uring_confirm(ret_events + count, told);
    return count + told;
}

static HK__HOT int uring_wait(hk__world *world, hk__event *ret_events, int capacity, int64_t until)
{
    int64_t ns = until;
    if (until == INT64_MAX) {
        ns = -1;
    } else if (until > 0) {
        int64_t now = hk__clock_now();
        ns = until > now ? until - now : 0;
    }
    struct hk__uring *w = hk__uring_of(world);
    int count = look(w, ret_events, capacity, ns);
    w->woken = false;
    silence_bell(w);
    hk__uring_settle(w);
    return count;
}

static HK__HOT int uring_peek(hk__world *world, hk__event *ret_events, int capacity)
{
    return look(hk__uring_of(world), ret_events, capacity, 0);
}

/* The bell is not left to the kernel here: it is late where one eventfd is to ring another. */
static void uring_wake(hk__world *world)
{
    struct hk__uring *w = hk__uring_of(world);
    if (__atomic_load_n(&w->foreign, __ATOMIC_SEQ_CST)) {
        signal_eventfd(w->bell);
        if (!__atomic_load_n(&w->blocked, __ATOMIC_SEQ_CST)) return;
    }
    signal_eventfd(w->eventfd);
}

static int64_t uring_now(hk__world *world)
{
    (void)world;
    return hk__clock_now();
}

/* Not the ring: where the kernel defers its work for us, nobody who sleeps on a ring is told that
 * there is some. An eventfd that the ring knows is told. */
static int uring_descriptor(hk__world *world)
{
    struct hk__uring *w = hk__uring_of(world);
    if (!w->foreign && io_uring_register_eventfd(&w->ring.uring, w->bell) < 0)
        return w->ring.uring.ring_fd;
    __atomic_store_n(&w->foreign, true, __ATOMIC_SEQ_CST);
    world->together = false; /* nothing may lie in the ring while the loop sleeps elsewhere */
    hk__uring_settle(w);
    return w->bell;
}

static int uring_describe(hk__world *world, char *buf, size_t size)
{
    const struct hk__ring *ring = &hk__uring_of(world)->ring;
    return snprintf(buf, size, "uring (%u entries, %s%s)", ring->uring.sq.ring_entries, ring->mode,
                    world->together ? ", sends together" : "");
}

/* ---- birth and death ---- */

static void uring_inherited(hk__world *world)
{
    struct hk__uring *w = hk__uring_of(world);
    hk__ring_inherited(&w->ring);
    close(w->eventfd);
    close(w->bell);
}

static void close_eventfds(struct hk__uring *w)
{
    if (w->eventfd >= 0) close(w->eventfd);
    if (w->bell >= 0) close(w->bell);
}

static void uring_destroy(hk__world *world)
{
    struct hk__uring *w = hk__uring_of(world);
    HK__ASSERT(w->count == 0);
    hk__pool_leave(&w->pool);
    w->foreign = false;
    hk__uring_unwatch_all(w);
    hk__ring_close(&w->ring);
    close_eventfds(w);
    hk__clock_coarse(w->timer_slack);
    free(w->watched);
    free(w->operations);
    free(w);
}

static const hk__world_table table = {
    .name = "uring",
    .watch = hk__uring_watch,
    .unwatch = hk__uring_unwatch,
    .submit = hk__uring_submit,
    .cancel = hk__uring_cancel,
    .wait = uring_wait,
    .peek = uring_peek,
    .wake = uring_wake,
    .direct = hk__direct_call,
    .now = uring_now,
    .descriptor = uring_descriptor,
    .describe = uring_describe,
    .inherited = uring_inherited,
    .destroy = uring_destroy,
};

/* Sets it to work before anybody relies on it: an emulator may know the calls and not do what they
 * say. */
static bool works(struct hk__uring *w)
{
    struct io_uring_sqe *sqe = hk__ring_sqe(&w->ring);
    if (sqe == NULL) return false;
    io_uring_prep_nop(sqe);
    sqe->user_data = hk__uring_pack(HK__URING_OTHER, HK__URING_TRIAL, 0);
    arm_wake(w);
    hk__ring_enter(&w->ring, HK__RING_SUBMIT, 0);
    uring_wake(&w->world);
    for (int i = 0; i < 10 && !(w->tried && w->woken); i++) {
        hk__ring_enter(&w->ring, HK__RING_WAIT, HK__URING_RETRY_NS);
        hk__uring_reap(w);
    }
    const bool all = w->tried && w->woken && !w->missing;
    w->woken = false;
    return all;
}

/* On virtual machines whose hypervisor stands between a process and its kernel a system call costs
 * ten times what it costs elsewhere. The least of a few tries: the others were disturbed. */
static bool calls_are_dear(void)
{
    enum { TRIES = 16, DEAR_NS = 400 };
    int64_t least = INT64_MAX;
    for (int i = 0; i < TRIES; i++) {
        const int64_t start = hk__clock_now();
        getppid();
        const int64_t took = hk__clock_now() - start;
        if (took < least) least = took;
    }
    return least > DEAR_NS;
}

int hk__world_uring_at(unsigned rung, unsigned entries, hk__world **ret_world)
{
    struct hk__uring *w = calloc(1, sizeof *w);
    if (w == NULL) return -ENOMEM;
    w->world.table = &table;
    w->pool.world = &w->world;
    w->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    w->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int r = w->eventfd < 0 || w->bell < 0 ? -errno : hk__ring_open(&w->ring, entries, rung);
    if (r == 0 && !works(w)) {
        hk__ring_close(&w->ring);
        r = -ENOSYS;
    }
    if (r < 0) {
        close_eventfds(w);
        free(w);
        return r;
    }
    w->timer_slack = hk__clock_fine();
    /* Linux 5.19 and 6.0 lose count of a send that falls short. */
    const bool sends = hk__ring_knows(&w->ring, IORING_OP_SEND);
    w->world.pairs =
        sends && hk__ring_knows(&w->ring, IORING_OP_RECV) && w->ring.defers && w->ring.quiet != 0;
    w->world.together = sends && calls_are_dear();
    w->world.many = MANY;
    *ret_world = &w->world;
    return 0;
}

int hk__world_uring(unsigned entries, hk__world **ret_world)
{
    return hk__world_uring_at(0, entries, ret_world);
}
