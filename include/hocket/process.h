/* SPDX-License-Identifier: MIT */
/* Child processes.
 *
 *     HK_PROC(proc);
 *     int r = hk_proc_start(&proc, &(hk_proc_options){ .argv = argv, .out = HK_PIPE });
 *     ... hk_read(proc.out, buf, sizeof buf) ...
 *     r = hk_proc_wait(&proc, &status);
 *
 * A process that was started in a block does not outlive it: leaving the block asks it to end,
 * makes it, and reaps it. It is known by a pidfd: no other child of the program is waited for, no
 * signal goes to a number that means another process by now. The pipes are ordinary descriptors,
 * to be used with hk_read, hk_write and hk_close. */
#ifndef HOCKET_PROCESS_H
#define HOCKET_PROCESS_H

#include <hocket/io.h>

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a child's descriptor 0, 1 or 2 shall be: a descriptor of ours above 0, or one of these.
 * Passing on the result of a call that failed (-errno) fails with it. */
enum {
    HK_INHERIT = 0,   /* ours of the same number */
    HK_PIPE = -10001, /* a pipe; our end is in hk_proc */
    HK_NULL = -10002, /* /dev/null */
    HK_STDIN = -10003 /* our descriptor 0, whose number is taken above */
};

typedef struct hk_proc_options {
    /* The program, looked for in PATH, and its arguments; ends with NULL. */
    const char *const *argv;
    /* Its environment; NULL: ours. */
    const char *const *env;
    /* Where it runs; NULL: where we do. A relative argv[0] is looked for from there. */
    const char *dir;
    /* See above. It gets no descriptor but these three. */
    int in, out, err;
    /* ns between being asked to end (SIGTERM) and being killed (SIGKILL), where its block is left;
     * 0: half a second; < 0: killed at once; HK_FOREVER: only asked. */
    int64_t kill_after;
    uint64_t reserved[4];
} hk_proc_options;

typedef struct hk_proc {
    pid_t pid;        /* 0: none */
    int in, out, err; /* our ends of pipes, non-blocking and close-on-exec; -1: none */
    int fd;           /* its pidfd; private, like all that follows */
    int status;
    bool ended;
    int64_t kill_after;
} hk_proc;

/* A wait as a value, for stackless steps. */
typedef struct hk_proc_call {
    hk_call call;
    hk_proc *proc;
} hk_proc_call;

/* The end of a block as a value. */
typedef struct hk_proc_leave_call {
    hk_call call;
    hk__timer timer; /* until it is killed */
    bool timed;
    hk_proc *proc;
    hk_proc_call reap;
} hk_proc_leave_call;

extern HK_API const hk_call_type hk__proc_wait_type, hk__proc_leave_type;

/* Starts a program, with all signals at their defaults and none blocked.
 *   p: the process; what was in it is lost.
 *   options: the program and what it gets.
 * Returns: 0; -ENOENT, -EACCES, -ENOEXEC, -E2BIG ...: of the program or its directory; -EMFILE,
 * -ENFILE, -EAGAIN, -ENOMEM: no room; -EBADF: no such descriptor; -EINVAL: no argv; -EPERM outside
 * a scheduler; -ECHILD in the child of a fork, and where SIGCHLD is ignored and it has ended
 * already. hk_why() names the program. After a failure there is nothing to leave.
 * Blocks: the thread, until the new process has left our memory (some 100 us).
 * Cancel: not refused. Threads: a scheduler's. */
HK_API int hk_proc_start(hk_proc *p, const hk_proc_options *options);

/* Fills in a wait, for HK_AWAIT in a stackless step; then p->status holds the status.
 *   wait: the call.
 *   p: the process.
 * Returns: nothing. Blocks: never. Cancel: no. Threads: any. */
static inline void hk_proc_wait_prepare(hk_proc_call *wait, hk_proc *p)
{
    hk__call_init(&wait->call, &hk__proc_wait_type);
    wait->proc = p;
}

/* Waits for the end of a process; again, as often as you like.
 *   p: the process.
 *   ret_status: as of waitpid(2), for WIFEXITED and the like; may be NULL.
 * Returns: 0; -ESRCH: none was started; -ECHILD: nobody knows how it ended (SIGCHLD is ignored, or
 * somebody else has waited for it); -EBUSY: another task waits; -EBADF: its block was left
 * meanwhile; -ECANCELED; -ENOMEM, -ENOSPC: no room to watch it; -ENOSYS where nobody drives.
 * Blocks: the task. Cancel: at once; it can still be waited for. Threads: a scheduler's. */
HK_API int hk_proc_wait(hk_proc *p, int *ret_status);

/* Sends a signal to a process.
 *   p: the process.
 *   number: the signal; 0 only asks.
 * Returns: 0, also where it has ended and nobody has waited for it yet; -ESRCH: it is gone, or none
 * was started; -EINVAL: no such signal; -EPERM: it runs as somebody else. Blocks: never.
 * Cancel: not refused. Threads: any. */
HK_API int hk_proc_kill(hk_proc *p, int number);

/* Fills in the end of a block, for HK_AWAIT in a stackless step.
 *   leave: the call.
 *   p: the process.
 * Returns: nothing. Blocks: never. Cancel: no. Threads: any. */
static inline void hk_proc_leave_prepare(hk_proc_leave_call *leave, hk_proc *p)
{
    hk__call_init(&leave->call, &hk__proc_leave_type);
    leave->timed = false;
    leave->proc = p;
}

/* The end of an HK_PROC block: closes the pipes, asks the process to end, kills it where it does
 * not, and reaps it. What it has started itself is left alone.
 *   p: the process; none afterwards. One that was never started is taken.
 * Returns: nothing. Blocks: the task, until it has ended: kill_after, and then a moment.
 * Cancel: not refused and not ended by a kill: it is bounded. Threads: a scheduler's; elsewhere it
 * is killed at once. */
HK_API void hk_proc_leave(hk_proc *p);

/* Runs a program to its end: feeds it, collects its output up to a size, waits. Output beyond that
 * is read and dropped. It is over when the program has ended, even where another one, which it has
 * started, keeps the pipes open.
 *   options: the program; where in and ret_out are not NULL, its in and out do not count. err must
 *   not be HK_PIPE.
 *   in, in_size: its input; in NULL: options->in.
 *   ret_out, size: where its output goes; ret_out NULL: to options->out.
 *   ret_status: as hk_proc_wait.
 * Returns: bytes in ret_out; -EINVAL: a pipe without another end; what hk_proc_start, hk_spawn,
 * hk_read and hk_proc_wait return. Not reading all of its input is no failure. Blocks: the task.
 * Cancel: the process is ended as at the end of a block. Threads: a scheduler's task. */
HK_API ssize_t hk_proc_run(const hk_proc_options *options, const void *in, size_t in_size,
                           void *ret_out, size_t size, int *ret_status);

static inline hk_proc hk__proc_none(void)
{
    hk_proc none;
    none.pid = 0;
    none.in = none.out = none.err = none.fd = -1;
    none.status = 0;
    none.ended = false;
    none.kill_after = 0;
    return none;
}

/* HK_PROC(proc): a process that ends with its block, if it is started. */
#define HK_PROC(name) hk_proc name HK_ON_LEAVE(hk_proc_leave) = hk__proc_none()

#ifdef __cplusplus
}
#endif
#endif
