/* SPDX-License-Identifier: MIT */
/* The wrappers behind faults.h.
 *
 * Each asks `fails` first. Blocks that were allocated while armed are remembered in a table, so
 * that a scenario can be asked what it has left behind. */
#include "support/faults.h"

#include <errno.h>
#include <fcntl.h>
#ifdef SUPPORT_RING
#include <liburing.h>
#endif
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static __thread int armed, countdown;
static __thread const char *failed;

int faults_enter_error = EINTR;
int faults_put_off, faults_put_off_count, faults_polls;

enum { BLOCKS = 4096 };
static void *blocks[BLOCKS];
static int block_count;

void faults_arm(int n)
{
    countdown = n;
    failed = NULL;
    armed = 1;
}

bool faults_disarm(const char **ret_name)
{
    armed = 0;
    *ret_name = failed != NULL ? failed : "nothing";
    return failed != NULL;
}

int faults_blocks(void) { return block_count; }

static bool fails(const char *name, int error)
{
    if (!armed || countdown == 0 || --countdown != 0) return false;
    failed = name;
    errno = error;
    return true;
}

static void *remember(void *p)
{
    if (!armed || p == NULL) return p;
    for (int i = 0; i < BLOCKS; i++) {
        if (blocks[i] != NULL) continue;
        blocks[i] = p;
        block_count++;
        return p;
    }
    abort();
}

static void forget(const void *p)
{
    if (p == NULL || block_count == 0) return;
    for (int i = 0; i < BLOCKS; i++) {
        if (blocks[i] != p) continue;
        blocks[i] = NULL;
        block_count--;
        return;
    }
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    return fails("malloc", ENOMEM) ? NULL : remember(__real_malloc(size));
}

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size)
{
    return fails("calloc", ENOMEM) ? NULL : remember(__real_calloc(n, size));
}

void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size)
{
    if (fails("realloc", ENOMEM)) return NULL;
    forget(old);
    return remember(__real_realloc(old, size));
}

void __real_free(void *p);
void __wrap_free(void *p);
void __wrap_free(void *p)
{
    forget(p);
    __real_free(p);
}

/* The rest only fail. R: what they return then. */
#define FAILING(type, name, R, error, parameters, arguments) \
    type __real_##name parameters; \
    type __wrap_##name parameters; \
    type __wrap_##name parameters { return fails(#name, error) ? (R) : __real_##name arguments; }

FAILING(void *, mmap, MAP_FAILED, ENOMEM, (void *a, size_t n, int p, int f, int fd, off_t o),
        (a, n, p, f, fd, o))
FAILING(void *, mmap64, MAP_FAILED, ENOMEM, (void *a, size_t n, int p, int f, int fd, off_t o),
        (a, n, p, f, fd, o))
FAILING(int, mprotect, -1, ENOMEM, (void *a, size_t n, int p), (a, n, p))
FAILING(int, madvise, -1, EINVAL, (void *a, size_t n, int advice), (a, n, advice))
FAILING(int, epoll_create1, -1, EMFILE, (int flags), (flags))
FAILING(int, eventfd, -1, EMFILE, (unsigned count, int flags), (count, flags))
FAILING(int, epoll_ctl, -1, ENOMEM, (int ep, int op, int fd, struct epoll_event *e),
        (ep, op, fd, e))
FAILING(int, accept4, -1, EMFILE, (int fd, struct sockaddr *a, socklen_t *n, int f), (fd, a, n, f))
FAILING(ssize_t, recv, -1, ECONNRESET, (int fd, void *p, size_t n, int f), (fd, p, n, f))
FAILING(ssize_t, send, -1, EPIPE, (int fd, const void *p, size_t n, int f), (fd, p, n, f))
FAILING(ssize_t, recvmsg, -1, ECONNRESET, (int fd, struct msghdr *m, int f), (fd, m, f))
FAILING(ssize_t, sendmsg, -1, EPIPE, (int fd, const struct msghdr *m, int f), (fd, m, f))
FAILING(int, socket, -1, EAFNOSUPPORT, (int family, int type, int protocol),
        (family, type, protocol))
FAILING(int, bind, -1, EADDRNOTAVAIL, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n))
FAILING(int, listen, -1, EOPNOTSUPP, (int fd, int n), (fd, n))
FAILING(int, setsockopt, -1, ENOBUFS, (int fd, int l, int o, const void *v, socklen_t n),
        (fd, l, o, v, n))
FAILING(int, connect, -1, ECONNREFUSED, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n))
FAILING(ssize_t, preadv64v2, -1, EIO, (int fd, const struct iovec *v, int n, off_t o, int f),
        (fd, v, n, o, f))
FAILING(ssize_t, pwritev64v2, -1, EIO, (int fd, const struct iovec *v, int n, off_t o, int f),
        (fd, v, n, o, f))
FAILING(int, pipe2, -1, EMFILE, (int *fds, int flags), (fds, flags))
FAILING(int, fcntl64, -1, EMFILE, (int fd, int command, long argument), (fd, command, argument))
FAILING(int, pidfd_open, -1, EMFILE, (pid_t pid, unsigned flags), (pid, flags))
FAILING(int, fstat64, -1, EOVERFLOW, (int fd, struct stat64 *st), (fd, st))
FAILING(int, poll, -1, ENOMEM, (struct pollfd * fds, nfds_t n, int ms), (fds, n, ms))
FAILING(int, waitid, -1, EIO, (idtype_t type, id_t id, siginfo_t *info, int options),
        (type, id, info, options))
FAILING(int, posix_spawnp, EAGAIN, EAGAIN,
        (pid_t * pid, const char *file, const posix_spawn_file_actions_t *actions,
         const posix_spawnattr_t *attributes, char *const argv[], char *const env[]),
        (pid, file, actions, attributes, argv, env))
FAILING(int, posix_spawn_file_actions_adddup2, ENOMEM, ENOMEM,
        (posix_spawn_file_actions_t * actions, int fd, int other), (actions, fd, other))
FAILING(int, posix_spawn_file_actions_addopen, ENOMEM, ENOMEM,
        (posix_spawn_file_actions_t * actions, int fd, const char *path, int flags, mode_t mode),
        (actions, fd, path, flags, mode))
FAILING(int, posix_spawn_file_actions_addclosefrom_np, ENOMEM, ENOMEM,
        (posix_spawn_file_actions_t * actions, int fd), (actions, fd))
FAILING(int, pthread_create, EAGAIN, EAGAIN,
        (pthread_t * thread, const pthread_attr_t *attributes, void *(*fn)(void *), void *arg),
        (thread, attributes, fn, arg))

#ifdef SUPPORT_RING

FAILING(int, io_uring_queue_init_params, -ENOMEM, ENOMEM,
        (unsigned n, struct io_uring *ring, struct io_uring_params *p), (n, ring, p))
FAILING(struct io_uring_probe *, io_uring_get_probe_ring, NULL, ENOMEM, (struct io_uring * ring),
        (ring))
FAILING(int, io_uring_register_ring_fd, -EINVAL, EINVAL, (struct io_uring * ring), (ring))
FAILING(int, io_uring_register_eventfd, -ENOMEM, ENOMEM, (struct io_uring * ring, int fd),
        (ring, fd))

/* Nothing was taken over, and nothing waited for. */
int __real_io_uring_enter2(unsigned fd, unsigned submit, unsigned wait, unsigned flags,
                           sigset_t *mask, size_t size);
int __wrap_io_uring_enter2(unsigned fd, unsigned submit, unsigned wait, unsigned flags,
                           sigset_t *mask, size_t size);
int __wrap_io_uring_enter2(unsigned fd, unsigned submit, unsigned wait, unsigned flags,
                           sigset_t *mask, size_t size)
{
    if (!fails("io_uring_enter2", faults_enter_error))
        return __real_io_uring_enter2(fd, submit, wait, flags, mask, size);
    return -faults_enter_error;
}

struct hk__uring;
void __real_hk__uring_operation_completed(struct hk__uring *w, uint32_t slot, uint32_t generation,
                                          int res);
void __wrap_hk__uring_operation_completed(struct hk__uring *w, uint32_t slot, uint32_t generation,
                                          int res);
void __wrap_hk__uring_operation_completed(struct hk__uring *w, uint32_t slot, uint32_t generation,
                                          int res)
{
    if (faults_put_off_count > 0) {
        faults_put_off_count--;
        res = faults_put_off;
    }
    __real_hk__uring_operation_completed(w, slot, generation, res);
}

void __real_hk__uring_poll_completed(struct hk__uring *w, int side, uint32_t fd, uint32_t serial,
                                     const struct io_uring_cqe *cqe);
void __wrap_hk__uring_poll_completed(struct hk__uring *w, int side, uint32_t fd, uint32_t serial,
                                     const struct io_uring_cqe *cqe);
void __wrap_hk__uring_poll_completed(struct hk__uring *w, int side, uint32_t fd, uint32_t serial,
                                     const struct io_uring_cqe *cqe)
{
    static const struct io_uring_cqe failed_poll = { .res = -ENOMEM };
    const bool fail = faults_polls > 0 && faults_polls-- > 0;
    __real_hk__uring_poll_completed(w, side, fd, serial, fail ? &failed_poll : cqe);
}

#endif

/* ---- openat2, which has no function of its own ---- */

int (*faults_openat2)(uint64_t flags);

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
long __wrap_syscall(long number, ...)
{
    enum { OPENAT2 = 437, MOST = 5 };
    long a[MOST];
    va_list args;
    va_start(args, number);
    const int count = number == OPENAT2 ? 4 : MOST;
    for (int i = 0; i < count; i++) a[i] = va_arg(args, long);
    va_end(args);
    if (number != OPENAT2) return __real_syscall(number, a[0], a[1], a[2], a[3], a[4]);
    if (fails("openat2", EMFILE)) return -1;
    int error = faults_openat2 != NULL ? faults_openat2(*(const uint64_t *)a[2]) : 0;
    if (error == 0) return __real_syscall(number, a[0], a[1], a[2], a[3]);
    errno = error;
    return -1;
}

/* ---- the clock ---- */

int64_t faults_clock_step;

int64_t __real_hk__clock_now(void);
int64_t __wrap_hk__clock_now(void);
int64_t __wrap_hk__clock_now(void)
{
    static int64_t now = 1;
    return faults_clock_step != 0 ? (now += faults_clock_step) : __real_hk__clock_now();
}

/* ---- the resolver ---- */

static bool resolver_held;
static int held_there;

void faults_hold_resolver(bool held) { __atomic_store_n(&resolver_held, held, __ATOMIC_SEQ_CST); }

int faults_in_resolver(void) { return __atomic_load_n(&held_there, __ATOMIC_SEQ_CST); }

int __real_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **ret);
int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **ret);
int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **ret)
{
    __atomic_add_fetch(&held_there, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&resolver_held, __ATOMIC_SEQ_CST)) usleep(100);
    __atomic_sub_fetch(&held_there, 1, __ATOMIC_SEQ_CST);
    return __real_getaddrinfo(host, service, hints, ret);
}
