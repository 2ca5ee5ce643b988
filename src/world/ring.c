/* SPDX-License-Identifier: MIT */
/* Setting up an io_uring and entering it.
 *
 * What a kernel can do is asked of it and never concluded from its version: distributions carry
 * things back, containers forbid them. Flags that it refuses are left out step by step; what cannot
 * be done without, it must offer as a feature; requests that it does not know are performed by the
 * thread pool.
 *
 * The best set of flags defers all the kernel's work for this ring until its thread asks for it: no
 * interruption, no lock, and a flag in shared memory that says when to ask. (Rings without the
 * array of indices, which newer kernels offer, would need a newer liburing.) */
#include "world/ring.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define RUNNING_ON_VALGRIND 0
#endif

/* Newer than the headers of the oldest distribution that we build on. */
enum { FEATURE_NO_IOWAIT = 1 << 17, ENTER_NO_IOWAIT = 1 << 7, SETUP_NO_SQARRAY = 1 << 16 };

enum { USUAL_ENTRIES = 256, USUAL_COMPLETIONS = 4096 };

enum { NEEDED = IORING_FEAT_NODROP | IORING_FEAT_EXT_ARG | IORING_FEAT_SUBMIT_STABLE };

static const struct {
    unsigned flags;
    const char *mode;
} ladder[] = {
    { IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
          IORING_SETUP_SUBMIT_ALL,
      "deferred task work" },
    { IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL,
      "cooperative task work" },
    { 0, "plain" },
};

/* ---- set-up ---- */

static int queues(struct hk__ring *ring, unsigned entries, unsigned rung,
                  struct io_uring_params *ret_params)
{
    int r = -EINVAL;
    for (size_t i = rung; r == -EINVAL && i < sizeof ladder / sizeof *ladder; i++) {
        *ret_params = (struct io_uring_params){
            .flags = ladder[i].flags | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP,
            .cq_entries = entries != 0 ? entries : USUAL_COMPLETIONS,
        };
        r = io_uring_queue_init_params(entries != 0 ? entries : USUAL_ENTRIES, &ring->uring,
                                       ret_params);
        ring->mode = ladder[i].mode;
    }
    return r == -EINVAL ? -ENOSYS : r;
}

static int ask_opcodes(struct hk__ring *ring)
{
    struct io_uring_probe *probe = io_uring_get_probe_ring(&ring->uring);
    if (probe == NULL) return -ENOSYS;
    for (int i = 0; i < 64; i++)
        if (io_uring_opcode_supported(probe, i)) ring->opcodes |= UINT64_C(1) << i;
    io_uring_free_probe(probe);
    const bool enough =
        hk__ring_knows(ring, IORING_OP_POLL_ADD) && hk__ring_knows(ring, IORING_OP_ASYNC_CANCEL);
    return enough ? 0 : -ENOSYS;
}

int hk__ring_open(struct hk__ring *ring, unsigned entries, unsigned rung)
{
    struct io_uring_params params;
    /* Valgrind stops all other threads while one waits in a ring, and does not see what the kernel
     * writes. */
    if (RUNNING_ON_VALGRIND) return -ENOSYS;
    *ring = (struct hk__ring){ .mode = "" };
    int r = queues(ring, entries, rung, &params);
    if (r < 0) return r;
    r = (params.features & NEEDED) == NEEDED ? ask_opcodes(ring) : -ENOSYS;
    if (r < 0) {
        io_uring_queue_exit(&ring->uring);
        return r;
    }
    /* Request i is always in place i. */
    struct io_uring_sq *sq = &ring->uring.sq;
    if (!(params.flags & SETUP_NO_SQARRAY))
        for (unsigned i = 0; i < params.sq_entries; i++) sq->array[i] = i;
    ring->defers = params.flags & IORING_SETUP_DEFER_TASKRUN;
    if (params.features & IORING_FEAT_CQE_SKIP) ring->quiet = IOSQE_CQE_SKIP_SUCCESS;
    /* Else a process that only waits is shown as one that waits for a disk. */
    if (params.features & FEATURE_NO_IOWAIT) ring->waiting = ENTER_NO_IOWAIT;
    /* Spares the kernel a look-up in each call; not all can. */
    if (io_uring_register_ring_fd(&ring->uring) == 1) ring->entering = IORING_ENTER_REGISTERED_RING;
    return 0;
}

/* Whole pages, as ThreadSanitizer forgets only what was in those. */
static void unmap(void *memory, size_t size)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    munmap(memory, (size + page - 1) / page * page);
}

void hk__ring_inherited(struct hk__ring *ring)
{
    struct io_uring *u = &ring->uring;
    unmap(u->sq.sqes, u->sq.ring_entries * sizeof *u->sq.sqes);
    if (u->cq.ring_ptr != NULL && u->cq.ring_ptr != u->sq.ring_ptr)
        unmap(u->cq.ring_ptr, u->cq.ring_sz);
    unmap(u->sq.ring_ptr, u->sq.ring_sz);
    close(u->ring_fd);
}

/* Not io_uring_queue_exit: it goes past the C library, and ThreadSanitizer, which does not see the
 * memory go, takes the next ring at this address, whichever thread's, for the same. */
void hk__ring_close(struct hk__ring *ring)
{
    if (ring->entering != 0) io_uring_unregister_ring_fd(&ring->uring);
    hk__ring_inherited(ring);
}

/* ---- use ---- */

__attribute__((hot)) int hk__ring_enter(struct hk__ring *ring, enum hk__ring_how how, int64_t ns)
{
    struct io_uring_sq *sq = &ring->uring.sq;
    struct __kernel_timespec limit = { .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };
    struct io_uring_getevents_arg argument = {
        .sigmask_sz = _NSIG / 8,
        .ts = ns < 0 ? 0 : (uintptr_t)&limit,
    };
    io_uring_smp_store_release(sq->ktail, sq->sqe_tail);
    const unsigned count = sq->sqe_tail - io_uring_smp_load_acquire(sq->khead);
    const int fd = ring->uring.enter_ring_fd;
    int r;
    if (how == HK__RING_WAIT)
        r = io_uring_enter2((unsigned)fd, count, 1,
                            ring->entering | ring->waiting | IORING_ENTER_GETEVENTS |
                                IORING_ENTER_EXT_ARG,
                            (sigset_t *)&argument, sizeof argument);
    else
        r = io_uring_enter2((unsigned)fd, count, 0,
                            ring->entering | (how == HK__RING_TURN ? IORING_ENTER_GETEVENTS : 0),
                            NULL, _NSIG / 8);
    return r < 0 ? r : 0;
}

__attribute__((hot)) struct io_uring_sqe *hk__ring_sqe(struct hk__ring *ring)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->uring);
    if (sqe != NULL) return sqe;
    hk__ring_enter(ring, HK__RING_SUBMIT, 0);
    return io_uring_get_sqe(&ring->uring);
}
