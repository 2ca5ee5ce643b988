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
 * the meantime is silent. The generation of a poll is its own, not its ticket's: a number that was
 * closed behind our back may be watched again with the same ticket, while the old poll still lies
 * on the old file.
 *
 * The kernel ends a lasting poll when the queue of completions is full, and whenever it sees fit;
 * what it said last counts, and the poll is armed anew at the next wait. */
#include "world/pool.h"
#include "world/ring.h"

#include "base/say.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

enum kind { POLL_READ, POLL_WRITE, OPERATION, OTHER };

/* Slots of OTHER: what has no slot. */
enum { NOBODY, WAKE, TRIAL };

enum { LEAST = 64, MOST_TURNS = 1000, BATCH = 64 };
enum { RETRY_NS = 10 * 1000 * 1000 }; /* before a poll that failed is armed again */
enum { OP_FTRUNCATE = 55, OP_NONE = 255, MOST_BYTES = 0x7ffff000 };

/* A descriptor, by its number. */
struct watched {
    uint32_t generation; /* of its ticket */
    uint32_t serial[2];  /* of the poll in each direction; 0: none */
    uint32_t next;       /* in the queue */
    int error;           /* by which a poll ended */
    uint8_t wanted;      /* directions */
    uint8_t ready;       /* to be told */
    bool queued;
};

enum state { FREE, IN_RING, IN_POOL, DONE };

/* An operation, by its slot. */
struct under_way {
    uint32_t generation;
    uint32_t next; /* in the queue */
    uint8_t state;
    bool cancelled, cancel_waits; /* asked for; and there was no room to say so */
    int64_t result;
    hk__operation operation;
};

struct uring_world {
    hk__world world;
    struct hk__ring ring;
    struct hk__pool_client pool;
    int eventfd;
    int timer_slack; /* of the thread, before */
    struct watched *watched;
    struct under_way *operations;
    uint32_t watched_size, operations_size;
    uint32_t serial;      /* the last one given out */
    uint32_t wake_serial; /* of the eventfd's poll; 0: none */
    uint32_t first, last; /* the queue of what is to be told; see tag_of */
    uint32_t count;       /* operations under way */
    bool woken;           /* a wake has come that no wait has returned for yet */
    bool tried;           /* the trial request was done */
    bool missing;         /* polls, or cancels, that have yet to be made */
    bool foreign;         /* a foreign loop watches our descriptor */
    int64_t retry_at;     /* no polls are made before; 0: at once */
};

static struct uring_world *of(hk__world *world) { return (struct uring_world *)world; }

static uint64_t pack(enum kind kind, uint32_t slot, uint32_t generation)
{
    return (uint64_t)generation << 32 | (uint64_t)slot << 2 | kind;
}

/* ---- the queue ---- */

/* Who is in the queue: 0 is nobody. */
static uint32_t tag_of(enum kind kind, uint32_t slot)
{
    return (slot + 1) << 1 | (kind == OPERATION);
}

static uint32_t *next_of(struct uring_world *w, uint32_t tag)
{
    const uint32_t slot = (tag >> 1) - 1;
    return tag & 1 ? &w->operations[slot].next : &w->watched[slot].next;
}

static void append(struct uring_world *w, uint32_t tag)
{
    *next_of(w, tag) = 0;
    if (w->first == 0)
        w->first = tag;
    else
        *next_of(w, w->last) = tag;
    w->last = tag;
}

static void tell_ready(struct uring_world *w, uint32_t fd, unsigned ready)
{
    struct watched *it = &w->watched[fd];
    it->ready |= (uint8_t)ready;
    if (it->queued) return;
    it->queued = true;
    append(w, tag_of(POLL_READ, fd));
}

static void tell_done(struct uring_world *w, uint32_t slot, int64_t result)
{
    w->operations[slot].state = DONE;
    w->operations[slot].result = result;
    append(w, tag_of(OPERATION, slot));
}

/* Out of the queue. One that was unwatched since has nothing to tell. */
static int take_queued(struct uring_world *w, hk__event *ret_events, int capacity)
{
    int count = 0;
    while (count < capacity && w->first != 0) {
        const uint32_t tag = w->first, slot = (tag >> 1) - 1;
        w->first = *next_of(w, tag);
        if (tag & 1) {
            struct under_way *o = &w->operations[slot];
            o->state = FREE;
            w->count--;
            ret_events[count++] = (hk__event){ .kind = HK__EVENT_DONE,
                                               .ticket = { slot, o->generation },
                                               .result = o->result };
        } else {
            struct watched *it = &w->watched[slot];
            it->queued = false;
            if (it->ready == 0) continue;
            ret_events[count++] =
                (hk__event){ .ticket = { slot, it->generation }, .ready = it->ready };
            it->ready = 0;
        }
    }
    return count;
}

static int take_pooled(struct uring_world *w, hk__event *ret_events, int capacity)
{
    int count = hk__pool_take(&w->pool, ret_events, capacity);
    for (int i = 0; i < count; i++) w->operations[ret_events[i].ticket.slot].state = FREE;
    w->count -= (uint32_t)count;
    return count;
}

/* ---- polls ---- */

static uint32_t next_serial(struct uring_world *w)
{
    return ++w->serial != 0 ? w->serial : ++w->serial;
}

/* False: there is no room now. */
static bool add_poll(struct uring_world *w, int fd, uint32_t events, uint64_t data)
{
    struct io_uring_sqe *sqe = hk__ring_sqe(&w->ring);
    if (sqe == NULL) return false;
    io_uring_prep_poll_multishot(sqe, fd, events | EPOLLET);
    sqe->user_data = data;
    return true;
}

/* Not a removal of the poll, which is refused while an event of it is on its way. */
static bool cancel_request(struct uring_world *w, uint64_t data)
{
    struct io_uring_sqe *sqe = hk__ring_sqe(&w->ring);
    if (sqe == NULL) return false;
    io_uring_prep_cancel64(sqe, data, 0);
    sqe->flags |= w->ring.quiet;
    sqe->user_data = pack(OTHER, NOBODY, 0);
    return true;
}

static void arm(struct uring_world *w, uint32_t fd, enum kind side)
{
    static const uint32_t events[] = { EPOLLIN | EPOLLRDHUP | EPOLLPRI, EPOLLOUT };
    const uint32_t serial = next_serial(w);
    if (add_poll(w, (int)fd, events[side], pack(side, fd, serial)))
        w->watched[fd].serial[side] = serial;
    else
        w->missing = true;
}

static void disarm(struct uring_world *w, uint32_t fd, enum kind side)
{
    const uint32_t serial = w->watched[fd].serial[side];
    if (serial != 0) cancel_request(w, pack(side, fd, serial));
}

static void arm_wake(struct uring_world *w)
{
    const uint32_t serial = next_serial(w);
    if (add_poll(w, w->eventfd, EPOLLIN, pack(OTHER, WAKE, serial)))
        w->wake_serial = serial;
    else
        w->missing = true;
}

static unsigned ready_of(uint32_t events)
{
    unsigned ready = 0;
    if (events & EPOLLIN) ready |= HK__READABLE;
    if (events & EPOLLOUT) ready |= HK__WRITABLE;
    if (events & EPOLLPRI) ready |= HK__URGENT;
    if (events & EPOLLRDHUP) ready |= HK__READABLE | HK__HANGUP;
    if (events & (EPOLLHUP | EPOLLERR)) ready |= HK__READABLE | HK__WRITABLE | HK__HANGUP;
    return ready;
}

/* A poll has failed: whoever waits is to try, and find out himself. It is not made again at once,
 * lest we do nothing else. */
static void poll_failed(struct uring_world *w, uint32_t fd, int error)
{
    w->watched[fd].error = error;
    tell_ready(w, fd, HK__READABLE | HK__WRITABLE | HK__HANGUP);
    w->retry_at = hk__clock_now() + RETRY_NS;
}

static void poll_completed(struct uring_world *w, enum kind side, uint32_t fd, uint32_t serial,
                           const struct io_uring_cqe *cqe)
{
    struct watched *it = &w->watched[fd];
    if (it->serial[side] != serial) return; /* of a file that had this number before */
    const bool over = !(cqe->flags & IORING_CQE_F_MORE);
    if (over) it->serial[side] = 0;
    if (!(it->wanted & 1u << side)) return; /* it is being unwatched */
    it->error = 0;
    if (cqe->res >= 0)
        tell_ready(w, fd, ready_of((uint32_t)cqe->res));
    else
        poll_failed(w, fd, cqe->res);
    if (over) w->missing = true;
}

static void wake_completed(struct uring_world *w, uint32_t serial, const struct io_uring_cqe *cqe)
{
    if (serial != w->wake_serial) return;
    w->woken = true;
    if (cqe->flags & IORING_CQE_F_MORE) return;
    w->wake_serial = 0;
    w->missing = true;
    if (cqe->res < 0) w->retry_at = hk__clock_now() + RETRY_NS;
}

/* ---- operations ---- */

static uint8_t opcode_of(const hk__operation *o)
{
    switch (o->kind) {
    case HK__OP_READ: return o->count == 1 ? IORING_OP_READ : IORING_OP_READV;
    case HK__OP_WRITE: return o->count == 1 ? IORING_OP_WRITE : IORING_OP_WRITEV;
    case HK__OP_FSYNC: return IORING_OP_FSYNC;
    case HK__OP_TRUNCATE: return OP_FTRUNCATE;
    case HK__OP_OPEN: return IORING_OP_OPENAT;
    case HK__OP_STAT: return IORING_OP_STATX;
    case HK__OP_RENAME: return IORING_OP_RENAMEAT;
    case HK__OP_UNLINK: return IORING_OP_UNLINKAT;
    case HK__OP_MKDIR: return IORING_OP_MKDIRAT;
    default: return OP_NONE;
    }
}

static void prepare_transfer(struct io_uring_sqe *sqe, uint8_t opcode, const hk__operation *o)
{
    const struct iovec *v = o->vector;
    const uint64_t offset = (uint64_t)o->offset; /* -1: where the file stands */
    if (o->count != 1)
        io_uring_prep_rw(opcode, sqe, o->fd, v, (unsigned)o->count, offset);
    else
        io_uring_prep_rw(opcode, sqe, o->fd, v->iov_base,
                         v->iov_len < MOST_BYTES ? (unsigned)v->iov_len : MOST_BYTES, offset);
}

static void prepare(struct io_uring_sqe *sqe, uint8_t opcode, const hk__operation *o)
{
    switch (o->kind) {
    case HK__OP_FSYNC: io_uring_prep_fsync(sqe, o->fd, o->flags ? IORING_FSYNC_DATASYNC : 0); break;
    case HK__OP_TRUNCATE: io_uring_prep_rw(opcode, sqe, o->fd, NULL, 0, (uint64_t)o->offset); break;
    case HK__OP_OPEN:
        io_uring_prep_openat(sqe, AT_FDCWD, o->path, o->flags | O_CLOEXEC, o->mode);
        break;
    case HK__OP_STAT:
        io_uring_prep_statx(sqe, o->fd, o->path, o->flags, STATX_BASIC_STATS | STATX_BTIME,
                            o->statx);
        break;
    case HK__OP_RENAME:
        io_uring_prep_renameat(sqe, AT_FDCWD, o->path, AT_FDCWD, o->path2, (unsigned)o->flags);
        break;
    case HK__OP_UNLINK: io_uring_prep_unlinkat(sqe, AT_FDCWD, o->path, o->flags); break;
    case HK__OP_MKDIR: io_uring_prep_mkdirat(sqe, AT_FDCWD, o->path, o->mode); break;
    default: prepare_transfer(sqe, opcode, o);
    }
}

/* The kernel's result, unless it says that it could not do it in this way: then the pool does it.
 * (A worker of the kernel's that is told of a cancel returns from its call with -EINTR.) */
static void operation_completed(struct uring_world *w, uint32_t slot, uint32_t generation, int res)
{
    struct under_way *o = &w->operations[slot];
    if (o->state != IN_RING || o->generation != generation) return;
    int64_t result = res;
    if (res == -EINTR || res == -EAGAIN) {
        o->state = IN_POOL;
        result = o->cancelled
                     ? -ECANCELED
                     : hk__pool_submit(&w->pool, &o->operation, (hk__ticket){ slot, generation });
        if (result == 0) return;
    }
    tell_done(w, slot, result);
}

/* ---- completions ---- */

/* Enters all that are there into the tables. */
static void reap(struct uring_world *w)
{
    struct io_uring_cqe cqe;
    while (hk__ring_take(&w->ring, &cqe)) {
        const uint32_t generation = (uint32_t)(cqe.user_data >> 32);
        const uint32_t slot = (uint32_t)cqe.user_data >> 2;
        const enum kind kind = cqe.user_data & 3;
        if (kind == OPERATION)
            operation_completed(w, slot, generation, cqe.res);
        else if (kind != OTHER)
            poll_completed(w, kind, slot, generation, &cqe);
        else if (slot == WAKE)
            wake_completed(w, generation, &cqe);
        else if (slot == TRIAL)
            w->tried = cqe.res == 0;
    }
}

/* Arms what is wanted and not armed, and cancels what there was no room for. Rare, so it looks
 * through the tables. */
static void make_up(struct uring_world *w)
{
    if (w->retry_at != 0 && hk__clock_now() < w->retry_at) return;
    w->retry_at = 0;
    w->missing = false;
    if (w->wake_serial == 0) arm_wake(w);
    for (uint32_t fd = 0; fd < w->watched_size; fd++)
        for (enum kind side = POLL_READ; side <= POLL_WRITE; side++)
            if (w->watched[fd].wanted & 1u << side && w->watched[fd].serial[side] == 0)
                arm(w, fd, side);
    for (uint32_t slot = 0; slot < w->operations_size; slot++) {
        struct under_way *o = &w->operations[slot];
        if (o->state != IN_RING || !o->cancel_waits) continue;
        o->cancel_waits = !cancel_request(w, pack(OPERATION, slot, o->generation));
        if (o->cancel_waits) w->missing = true;
    }
    if (w->missing) w->retry_at = hk__clock_now() + RETRY_NS;
}

/* A foreign loop sees the ring and nothing else: so whatever is not in the kernel's hands when we
 * return to it would wait for ever. */
static void settle(struct uring_world *w)
{
    if (!w->foreign) return;
    if (w->missing) make_up(w);
    if (hk__ring_unsubmitted(&w->ring)) hk__ring_enter(&w->ring, HK__RING_SUBMIT, 0);
    if (w->first != 0) w->world.table->wake(&w->world);
}

/* ---- watching ---- */

static void *grown(void *table, uint32_t *size, uint32_t wanted, size_t each)
{
    uint32_t count = *size != 0 ? *size : LEAST;
    while (count < wanted) count *= 2;
    char *more = realloc(table, count * each);
    if (more == NULL) return NULL;
    memset(more + *size * each, 0, (count - *size) * each);
    *size = count;
    return more;
}

/* The number is looked at before the table grows to it: it may be nonsense. */
static int make_room_for(struct uring_world *w, int fd)
{
    if (fd < 0 || fcntl(fd, F_GETFD) < 0) return -EBADF;
    void *more = grown(w->watched, &w->watched_size, (uint32_t)fd + 1, sizeof *w->watched);
    if (more == NULL) return -ENOMEM;
    w->watched = more;
    return 0;
}

/* A poll that was over at once, though it did not fail: of a file that is always ready. Where the
 * kernel does its work when it pleases, the queue may also have been full. */
static int why_over(int fd)
{
    struct stat st;
    if (fstat(fd, &st) < 0) return -errno;
    return S_ISREG(st.st_mode) || S_ISDIR(st.st_mode) || S_ISBLK(st.st_mode) || S_ISCHR(st.st_mode)
               ? -EPERM
               : 0;
}

/* How the polls fared that were made just now; those that could not be made are no longer wanted.
 */
static int judge(struct uring_world *w, int fd, unsigned directions)
{
    struct watched *it = &w->watched[fd];
    int r = 0;
    for (enum kind side = POLL_READ; side <= POLL_WRITE && r == 0; side++)
        if (directions & 1u << side && it->serial[side] == 0)
            r = it->error != 0 ? it->error : why_over(fd);
    if (r == 0) return 0;
    it->wanted &= ~directions & 3;
    it->ready = 0;
    return r;
}

/* Each direction anew, since the number may stand for another file than before: what lies on the
 * old one is cancelled, and not heard any more. */
static int uring_watch(hk__world *world, int fd, unsigned directions, hk__ticket ticket)
{
    struct uring_world *w = of(world);
    int r = (unsigned)fd < w->watched_size ? 0 : make_room_for(w, fd);
    if (r < 0) return r;
    struct watched *it = &w->watched[fd];
    reap(w);
    it->generation = ticket.generation;
    it->wanted |= (uint8_t)directions;
    it->error = 0;
    for (enum kind side = POLL_READ; side <= POLL_WRITE; side++) {
        if (!(directions & 1u << side)) continue;
        disarm(w, (uint32_t)fd, side);
        it->serial[side] = 0;
        arm(w, (uint32_t)fd, side);
        if (it->serial[side] == 0) it->error = -EAGAIN;
    }
    hk__ring_enter(&w->ring, HK__RING_SUBMIT, 0);
    reap(w);
    r = judge(w, fd, directions);
    settle(w);
    return r;
}

/* The kernel lets go of the file when the poll is cancelled, which is when its last completion has
 * come: nearly always within the one call. */
static void uring_unwatch(hk__world *world, int fd, hk__ticket ticket)
{
    (void)ticket;
    struct uring_world *w = of(world);
    if ((unsigned)fd >= w->watched_size) return;
    struct watched *it = &w->watched[fd];
    it->wanted = it->ready = 0;
    for (int i = 0; i < MOST_TURNS && (it->serial[0] | it->serial[1]) != 0; i++) {
        disarm(w, (uint32_t)fd, POLL_READ);
        disarm(w, (uint32_t)fd, POLL_WRITE);
        hk__ring_enter(&w->ring, HK__RING_TURN, 0);
        reap(w);
    }
    it->serial[0] = it->serial[1] = 0;
    settle(w);
}

/* ---- submitting ---- */

/* The ring, where it has such a request and room, else the pool. There is always a place to note a
 * cancel. */
static int uring_submit(hk__world *world, const hk__operation *operation, hk__ticket ticket)
{
    struct uring_world *w = of(world);
    if (ticket.slot >= w->operations_size) {
        void *more =
            grown(w->operations, &w->operations_size, ticket.slot + 1, sizeof *w->operations);
        if (more == NULL) return -ENOMEM;
        w->operations = more;
    }
    struct under_way *o = &w->operations[ticket.slot];
    HK__ASSERT(o->state == FREE);
    const uint8_t opcode = opcode_of(operation);
    struct io_uring_sqe *sqe = hk__ring_knows(&w->ring, opcode) ? hk__ring_sqe(&w->ring) : NULL;
    if (sqe == NULL) {
        int r = hk__pool_submit(&w->pool, operation, ticket);
        if (r < 0) return r;
    } else {
        prepare(sqe, opcode, operation);
        sqe->user_data = pack(OPERATION, ticket.slot, ticket.generation);
    }
    *o = (struct under_way){ .generation = ticket.generation,
                             .state = sqe != NULL ? IN_RING : IN_POOL,
                             .operation = *operation };
    w->count++;
    settle(w);
    return 0;
}

static void uring_cancel(hk__world *world, hk__ticket ticket)
{
    struct uring_world *w = of(world);
    struct under_way *o = &w->operations[ticket.slot];
    if (o->generation != ticket.generation) return;
    o->cancelled = true;
    if (o->state == IN_RING) {
        o->cancel_waits = !cancel_request(w, pack(OPERATION, ticket.slot, ticket.generation));
        if (o->cancel_waits) w->missing = true;
    } else if (o->state == IN_POOL && hk__pool_cancel(&w->pool, ticket)) {
        world->table->wake(world);
    }
    settle(w);
}

/* ---- waiting ---- */

/* A socket's wake-up says "urgent" with whatever comes, and a poll request repeats it unseen. So
 * those are asked whether it is true, all in one call: to believe it would cost a read that finds
 * nothing after each short one. */
static void confirm_urgent(hk__event *events, int count)
{
    struct pollfd asked[BATCH];
    hk__event *who[BATCH];
    nfds_t n = 0;
    for (int i = 0; i < count; i++) {
        if (events[i].kind == HK__EVENT_READY && events[i].ready & HK__URGENT) {
            asked[n] = (struct pollfd){ .fd = (int)events[i].ticket.slot, .events = POLLPRI };
            who[n++] = &events[i];
        }
        if (n == BATCH || (n > 0 && i == count - 1)) {
            poll(asked, n, 0);
            while (n-- > 0)
                if (!(asked[n].revents & POLLPRI)) who[n]->ready &= ~(unsigned)HK__URGENT;
            n = 0;
        }
    }
}

/* ns: how long to wait at most, < 0: no limit. */
static int look(struct uring_world *w, hk__event *ret_events, int capacity, int64_t ns)
{
    int count = take_pooled(w, ret_events, capacity);
    if (count == capacity) return count;
    reap(w);
    if (w->missing) make_up(w);
    const bool patient = ns != 0 && count == 0 && w->first == 0 && !w->woken;
    if (patient && w->missing && (ns < 0 || ns > RETRY_NS)) ns = RETRY_NS;
    if (patient)
        hk__ring_enter(&w->ring, HK__RING_WAIT, ns);
    else if (hk__ring_stirs(&w->ring))
        hk__ring_enter(&w->ring, HK__RING_TURN, 0);
    reap(w);
    const int told = take_queued(w, ret_events + count, capacity - count);
    confirm_urgent(ret_events + count, told);
    settle(w);
    return count + told;
}

static int uring_wait(hk__world *world, hk__event *ret_events, int capacity, int64_t until)
{
    int64_t ns = until;
    if (until == INT64_MAX) {
        ns = -1;
    } else if (until > 0) {
        int64_t now = hk__clock_now();
        ns = until > now ? until - now : 0;
    }
    int count = look(of(world), ret_events, capacity, ns);
    of(world)->woken = false;
    return count;
}

static int uring_peek(hk__world *world, hk__event *ret_events, int capacity)
{
    return look(of(world), ret_events, capacity, 0);
}

/* Also in signal handlers. The counter has room for 2^64 - 2 of these; each is an edge, so nobody
 * ever needs to read it. */
static void uring_wake(hk__world *world)
{
    static const uint64_t one = 1;
    int saved = errno;
    ssize_t ignored = write(of(world)->eventfd, &one, sizeof one);
    (void)ignored;
    errno = saved;
}

static int64_t uring_now(hk__world *world)
{
    (void)world;
    return hk__clock_now();
}

/* The ring itself is readable when completions are there, or work that will make them. */
static int uring_descriptor(hk__world *world)
{
    of(world)->foreign = true;
    settle(of(world));
    return of(world)->ring.uring.ring_fd;
}

static int uring_describe(hk__world *world, char *buf, size_t size)
{
    const struct hk__ring *ring = &of(world)->ring;
    return snprintf(buf, size, "uring (%u entries, %s)", ring->uring.sq.ring_entries, ring->mode);
}

/* ---- birth and death ---- */

static void uring_inherited(hk__world *world)
{
    hk__ring_inherited(&of(world)->ring);
    close(of(world)->eventfd);
}

/* Files that were watched are let go of here, not when the kernel finds the time. */
static void unwatch_all(struct uring_world *w)
{
    for (uint32_t fd = 0; fd < w->watched_size; fd++)
        if ((w->watched[fd].serial[0] | w->watched[fd].serial[1]) != 0)
            uring_unwatch(&w->world, (int)fd, (hk__ticket){ fd, 0 });
}

static void uring_destroy(hk__world *world)
{
    struct uring_world *w = of(world);
    HK__ASSERT(w->count == 0);
    hk__pool_leave(&w->pool);
    w->foreign = false;
    unwatch_all(w);
    hk__ring_close(&w->ring);
    close(w->eventfd);
    hk__clock_coarse(w->timer_slack);
    free(w->watched);
    free(w->operations);
    free(w);
}

static const hk__world_table table = {
    .name = "uring",
    .watch = uring_watch,
    .unwatch = uring_unwatch,
    .submit = uring_submit,
    .cancel = uring_cancel,
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
static bool works(struct uring_world *w)
{
    struct io_uring_sqe *sqe = hk__ring_sqe(&w->ring);
    if (sqe == NULL) return false;
    io_uring_prep_nop(sqe);
    sqe->user_data = pack(OTHER, TRIAL, 0);
    arm_wake(w);
    hk__ring_enter(&w->ring, HK__RING_SUBMIT, 0);
    uring_wake(&w->world);
    for (int i = 0; i < 10 && !(w->tried && w->woken); i++) {
        hk__ring_enter(&w->ring, HK__RING_WAIT, RETRY_NS);
        reap(w);
    }
    const bool all = w->tried && w->woken && !w->missing;
    w->woken = false;
    return all;
}

int hk__world_uring(unsigned entries, hk__world **ret_world)
{
    struct uring_world *w = calloc(1, sizeof *w);
    if (w == NULL) return -ENOMEM;
    w->world.table = &table;
    w->pool.world = &w->world;
    w->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int r = w->eventfd < 0 ? -errno : hk__ring_open(&w->ring, entries);
    if (r == 0 && !works(w)) {
        hk__ring_close(&w->ring);
        r = -ENOSYS;
    }
    if (r < 0) {
        if (w->eventfd >= 0) close(w->eventfd);
        free(w);
        return r;
    }
    w->timer_slack = hk__clock_fine();
    *ret_world = &w->world;
    return 0;
}
