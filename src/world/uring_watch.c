/* SPDX-License-Identifier: MIT */
/* The world on io_uring: readiness.
 *
 * The generation of a poll is its own, not its ticket's: a number that was closed behind our back
 * may be watched again with the same ticket, while the old poll still lies on the old file.
 *
 * The kernel ends a lasting poll when the queue of completions is full, and whenever it sees fit;
 * what it said last counts, and the poll is armed anew at the next wait. */
#include "world/uring.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/stat.h>

enum { MOST_TURNS = 1000, BATCH = 64 };

/* ---- polls ---- */

uint32_t hk__uring_serial(struct hk__uring *w)
{
    return ++w->serial != 0 ? w->serial : ++w->serial;
}

/* False: there is no room now. */
bool hk__uring_add_poll(struct hk__uring *w, int fd, uint32_t events, uint64_t data)
{
    struct io_uring_sqe *sqe = hk__ring_sqe(&w->ring);
    if (sqe == NULL) return false;
    io_uring_prep_poll_multishot(sqe, fd, events | EPOLLET);
    sqe->user_data = data;
    return true;
}

static void arm(struct hk__uring *w, uint32_t fd, enum hk__uring_kind side)
{
    static const uint32_t events[] = { EPOLLIN | EPOLLRDHUP | EPOLLPRI, EPOLLOUT };
    const uint32_t serial = hk__uring_serial(w);
    if (hk__uring_add_poll(w, (int)fd, events[side], hk__uring_pack(side, fd, serial)))
        w->watched[fd].serial[side] = serial;
    else
        w->missing = true;
}

/* Not by a request to remove the poll, which is refused while an event of it is on its way. */
static void disarm(struct hk__uring *w, uint32_t fd, enum hk__uring_kind side)
{
    const uint32_t serial = w->watched[fd].serial[side];
    if (serial != 0) hk__uring_cancel_request(w, hk__uring_pack(side, fd, serial));
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

/* Where a poll has failed, whoever waits is to try, and finds out himself. */
void hk__uring_poll_completed(struct hk__uring *w, enum hk__uring_kind side, uint32_t fd,
                              uint32_t serial, const struct io_uring_cqe *cqe)
{
    struct hk__uring_watched *it = &w->watched[fd];
    if (it->serial[side] != serial) return; /* of a file that had this number before */
    const bool over = !(cqe->flags & IORING_CQE_F_MORE);
    if (over) it->serial[side] = 0;
    if (!(it->wanted & 1u << side)) return; /* it is being unwatched */
    if (over) w->missing = true;
    it->error = cqe->res < 0 ? cqe->res : 0;
    hk__uring_tell_ready(w, fd,
                         cqe->res < 0 ? HK__READABLE | HK__WRITABLE | HK__HANGUP
                                      : ready_of((uint32_t)cqe->res));
    if (cqe->res == -EBADF) it->wanted &= (uint8_t) ~(1u << side); /* closed behind our back */
}

/* Rare, so it looks through the table. */
bool hk__uring_arm_missing(struct hk__uring *w, bool failed_too)
{
    bool any_failed = false;
    for (uint32_t fd = 0; fd < w->watched_size; fd++) {
        struct hk__uring_watched *it = &w->watched[fd];
        for (enum hk__uring_kind side = HK__URING_READ; side <= HK__URING_WRITE; side++) {
            if (!(it->wanted & 1u << side) || it->serial[side] != 0) continue;
            any_failed |= it->error != 0;
            if (it->error == 0 || failed_too)
                arm(w, fd, side);
            else
                w->missing = true;
        }
    }
    return any_failed;
}

/* A socket's wake-up says "urgent" with whatever comes, and a poll request repeats it unseen. So
 * those are asked whether it is true, all in one call: to believe it would cost a read that finds
 * nothing after each short one. */
void hk__uring_confirm(hk__event *events, int count)
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

/* ---- watching ---- */

/* The number is looked at before the table grows to it: it may be nonsense. */
static int make_room_for(struct hk__uring *w, int fd)
{
    if (fd < 0 || fcntl(fd, F_GETFD) < 0) return -EBADF;
    void *more =
        hk__uring_grown(w->watched, &w->watched_size, (uint32_t)fd + 1, sizeof *w->watched);
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

/* How the polls fared that were made just now. */
static int judge(const struct hk__uring_watched *it, int fd, unsigned directions)
{
    int r = 0;
    for (enum hk__uring_kind side = HK__URING_READ; side <= HK__URING_WRITE && r == 0; side++)
        if (directions & 1u << side && it->serial[side] == 0)
            r = it->error != 0 ? it->error : why_over(fd);
    return r;
}

/* What was watched before still is; nothing else. */
static void take_back(struct hk__uring *w, int fd, unsigned before)
{
    struct hk__uring_watched *it = &w->watched[fd];
    it->wanted = (uint8_t)before;
    w->missing = true;
    if (before == 0)
        hk__uring_unwatch(&w->world, fd, (hk__ticket){ 0 });
    else if (before != (HK__READABLE | HK__WRITABLE))
        disarm(w, (uint32_t)fd, before == HK__READABLE ? HK__URING_WRITE : HK__URING_READ);
}

/* Each direction anew, since the number may stand for another file than before: what lies on the
 * old one is cancelled, and not heard any more. */
int hk__uring_watch(hk__world *world, int fd, unsigned directions, hk__ticket ticket)
{
    struct hk__uring *w = hk__uring_of(world);
    int r = (unsigned)fd < w->watched_size ? 0 : make_room_for(w, fd);
    if (r < 0) return r;
    struct hk__uring_watched *it = &w->watched[fd];
    hk__uring_reap(w);
    const unsigned before = it->wanted;
    it->generation = ticket.generation;
    it->wanted |= (uint8_t)directions;
    it->error = 0;
    if ((before & ~directions) == 0) it->ready = 0; /* the new polls tell it anew */
    for (enum hk__uring_kind side = HK__URING_READ; side <= HK__URING_WRITE; side++) {
        if (!(directions & 1u << side)) continue;
        disarm(w, (uint32_t)fd, side);
        it->serial[side] = 0;
        arm(w, (uint32_t)fd, side);
        if (it->serial[side] == 0) it->error = -EAGAIN;
    }
    hk__ring_enter(&w->ring, HK__RING_SUBMIT, 0);
    hk__uring_reap(w);
    r = judge(it, fd, directions);
    if (r < 0) take_back(w, fd, before);
    hk__uring_settle(w);
    return r;
}

/* The kernel lets go of the file when the poll is cancelled, which is when its last completion has
 * come: nearly always within the one call. */
void hk__uring_unwatch(hk__world *world, int fd, hk__ticket ticket)
{
    (void)ticket;
    struct hk__uring *w = hk__uring_of(world);
    if ((unsigned)fd >= w->watched_size) return;
    struct hk__uring_watched *it = &w->watched[fd];
    it->wanted = it->ready = 0;
    for (int i = 0; i < MOST_TURNS && (it->serial[0] | it->serial[1]) != 0; i++) {
        disarm(w, (uint32_t)fd, HK__URING_READ);
        disarm(w, (uint32_t)fd, HK__URING_WRITE);
        hk__ring_enter(&w->ring, HK__RING_TURN, 0);
        hk__uring_reap(w);
    }
    it->serial[0] = it->serial[1] = 0;
    hk__uring_settle(w);
}

/* Files that were watched are let go of here, not when the kernel finds the time. */
void hk__uring_unwatch_all(struct hk__uring *w)
{
    for (uint32_t fd = 0; fd < w->watched_size; fd++)
        if ((w->watched[fd].serial[0] | w->watched[fd].serial[1]) != 0)
            hk__uring_unwatch(&w->world, (int)fd, (hk__ticket){ fd, 0 });
}
