/* SPDX-License-Identifier: MIT */
/* The direct calls that concern child processes.
 *
 * A child is started by posix_spawn, which borrows our memory until it has left for its program:
 * the thread stands still as long, but nothing is copied and no lock of ours is seen half-held. It
 * is known by its pidfd from then on. Its descriptors are first copied to numbers above 2, so that
 * none of them is overwritten while they are put in their places. */
#include "world/world.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void close_all(int fds[3])
{
    for (int i = 0; i < 3; i++) {
        if (fds[i] >= 0) close(fds[i]);
        fds[i] = -1;
    }
}

/* ---- the child's descriptors ---- */

static int copy_above(int fd)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    return copy < 0 ? -errno : copy;
}

/* The child reads from its descriptor 0 and writes to the others. Its end may block, ours not. */
static int make_pipe(int number, int *ret_ours)
{
    int ends[2], on = 1;
    if (pipe2(ends, O_CLOEXEC) < 0) return -errno;
    const int theirs = ends[number == 0 ? 0 : 1];
    *ret_ours = ends[number == 0 ? 1 : 0];
    int r = ioctl(*ret_ours, FIONBIO, &on) < 0 ? -errno : copy_above(theirs);
    close(theirs);
    return r;
}

/* What goes to this number, to be closed again; -1: nothing need be done, or -errno. */
static int source(struct hk__spawn *spawn, int number, bool *ret_failed)
{
    int r;
    switch (spawn->child[number]) {
    case HK__SPAWN_NULL: return -1;
    case HK__SPAWN_PIPE: r = make_pipe(number, &spawn->ours[number]); break;
    case HK__SPAWN_INHERIT:
        r = copy_above(number);
        if (r == -EBADF) return -1; /* we have none */
        break;
    default: r = copy_above(spawn->child[number]);
    }
    *ret_failed = r < 0;
    return r;
}

static int sources(struct hk__spawn *spawn, int ret_fds[3])
{
    for (int i = 0; i < 3; i++) ret_fds[i] = spawn->ours[i] = -1;
    for (int i = 0; i < 3; i++) {
        bool failed = false;
        int r = source(spawn, i, &failed);
        if (failed) return r;
        ret_fds[i] = r;
    }
    return 0;
}

/* ---- the start; these return errno, as posix_spawn does ---- */

static int add_actions(posix_spawn_file_actions_t *actions, const struct hk__spawn *spawn,
                       const int fds[3])
{
    int r = 0;
    for (int i = 0; i < 3 && r == 0; i++) {
        if (spawn->child[i] == HK__SPAWN_NULL)
            r = posix_spawn_file_actions_addopen(actions, i, "/dev/null", O_RDWR, 0);
        else if (fds[i] >= 0)
            r = posix_spawn_file_actions_adddup2(actions, fds[i], i);
    }
    if (r == 0) r = posix_spawn_file_actions_addclosefrom_np(actions, 3);
    if (r == 0 && spawn->dir != NULL) r = posix_spawn_file_actions_addchdir_np(actions, spawn->dir);
    return r;
}

static int start_with(struct hk__spawn *spawn, const posix_spawn_file_actions_t *actions)
{
    posix_spawnattr_t attributes;
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    int r = posix_spawnattr_init(&attributes);
    if (r != 0) return r;
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    char *const *env = spawn->env != NULL ? (char *const *)(uintptr_t)spawn->env : environ;
    r = posix_spawnp(&spawn->pid, spawn->argv[0], actions, &attributes,
                     (char *const *)(uintptr_t)spawn->argv, env);
    posix_spawnattr_destroy(&attributes);
    return r;
}

static int start(struct hk__spawn *spawn, const int fds[3])
{
    posix_spawn_file_actions_t actions;
    int r = posix_spawn_file_actions_init(&actions);
    if (r != 0) return r;
    r = add_actions(&actions, spawn, fds);
    if (r == 0) r = start_with(spawn, &actions);
    posix_spawn_file_actions_destroy(&actions);
    return r;
}

/* It has started and we cannot hold it: it ends again. A process that is killed ends soon. */
static void undo(pid_t pid)
{
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {}
}

static int64_t spawn(struct hk__spawn *spawn)
{
    int fds[3];
    int64_t r = sources(spawn, fds);
    if (r == 0) r = -start(spawn, fds);
    if (r == 0) {
        r = pidfd_open(spawn->pid, 0);
        if (r < 0 && errno == ESRCH) {
            r = -ECHILD; /* it has ended, and nobody keeps what has ended: SIGCHLD is ignored */
        } else if (r < 0) {
            r = -errno;
            undo(spawn->pid);
        }
    }
    close_all(fds);
    if (r < 0) close_all(spawn->ours);
    return r;
}

/* ---- its end ---- */

/* The status as waitpid tells it. */
static int64_t reap(const hk__direct *d)
{
    siginfo_t info = { 0 };
    int r;
    do r = waitid(P_PIDFD, (id_t)d->fd, &info, WEXITED | (d->flags ? 0 : WNOHANG));
    while (r < 0 && errno == EINTR);
    if (r < 0) return -errno;
    if (info.si_pid == 0) return -EAGAIN;
    int *status = d->extra;
    *status = info.si_code == CLD_EXITED   ? W_EXITCODE(info.si_status, 0)
              : info.si_code == CLD_DUMPED ? info.si_status | WCOREFLAG
                                           : info.si_status;
    return 0;
}

int64_t hk__direct_process(hk__direct *d)
{
    switch (d->kind) {
    case HK__DIRECT_SPAWN: return spawn(d->extra);
    case HK__DIRECT_KILL: return pidfd_send_signal(d->fd, d->flags, NULL, 0) < 0 ? -errno : 0;
    case HK__DIRECT_REAP: return reap(d);
    default: return -ENOSYS;
    }
}
