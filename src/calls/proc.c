/* SPDX-License-Identifier: MIT */
/* proc_wait and proc_leave: the end of a child process.
 *
 *   proc   the process
 *   reap   leave: the wait that it makes itself
 *   timer  leave: until the process is killed
 *   timed  leave: the timer runs
 *
 * A process that has ended makes its pidfd readable; then it is asked how, without waiting.
 *
 * A block is left in cleanup, where a task may have been killed. So proc_leave is never refused and
 * never aborted. It ends by itself: the process is asked to end, and killed after a while. */
#include "calls/calls.h"

#include <hocket/process.h>

#include "sched/descriptor.h"

#include <signal.h>
#include <stdio.h>

static hk_proc *proc_of(const hk_call *call)
{
    return HK_CONTAINER(call, hk_proc_call, call)->proc;
}

/* ---- wait ---- */

void hk__proc_wait_handle(hk_call *call)
{
    hk_proc *p = proc_of(call);
    struct hk__io io;
    if (p->pid == 0 || p->ended) {
        hk_call_complete(call, hk__sched_of(call) == NULL ? -ENOSYS : p->ended ? 0 : -ESRCH);
        return;
    }
    if (!hk__io_enter(&io, call, p->fd, HK__READER)) return;
    hk__direct direct = { .kind = HK__DIRECT_REAP, .extra = &p->status };
    int64_t r = hk__io_direct(&io, &direct);
    if (r == -EAGAIN) {
        r = hk__io_park(&io);
        if (r == 0) return;
    }
    if (r == 0) p->ended = true;
    hk__io_finish(&io, r);
}

int hk__proc_wait_abort(hk_call *call)
{
    hk__descriptor_leave(hk__sched_of(call), proc_of(call)->fd, call);
    return HK_ABORTED;
}

int hk__proc_wait_describe(const hk_call *call, char *buf, size_t size)
{
    return snprintf(buf, size, "the end of process %d", (int)proc_of(call)->pid);
}

/* ---- leave ---- */

static hk_proc_leave_call *leave_of(const hk_call *call)
{
    return HK_CONTAINER(call, hk_proc_leave_call, call);
}

static void send_signal(hk_sched *s, const hk_proc *p, int number)
{
    hk__direct direct = { .kind = HK__DIRECT_KILL, .fd = p->fd, .flags = number };
    (void)s->world->table->direct(s->world, &direct);
}

/* Where it could not be watched it is killed, and waited for by the thread: a moment. */
static void kill_and_reap(hk_sched *s, hk_proc *p)
{
    hk__direct direct = { .kind = HK__DIRECT_REAP, .fd = p->fd, .flags = 1, .extra = &p->status };
    send_signal(s, p, SIGKILL);
    (void)s->world->table->direct(s->world, &direct);
}

static void finish(hk_proc_leave_call *self)
{
    hk_sched *s = hk__sched_of(&self->call);
    hk_proc *p = self->proc;
    if (self->timed) hk__timer_stop(s, &self->timer);
    if (self->reap.call.result < 0 && self->reap.call.result != -ECHILD) kill_and_reap(s, p);
    hk__close_here(p->fd);
    *p = hk__proc_none();
    hk_call_complete(&self->call, 0);
}

static void reaped(hk_call *reap) { finish(HK_CONTAINER(reap, hk_proc_leave_call, reap.call)); }

/* Closing first: a process that reads its input or writes to us may end by itself. A task that
 * waits for the process is told that its block is left. */
static void begin(hk_sched *s, hk_proc_leave_call *self)
{
    hk_proc *p = self->proc;
    hk_fd_leave(&p->in), hk_fd_leave(&p->out), hk_fd_leave(&p->err);
    hk__descriptor_reset(s, p->fd);
    self->reap =
        (hk_proc_call){ .call = { .type = &hk__proc_reap_type, .done = reaped }, .proc = p };
    if (hk__call_forward(s, self->call.task, &self->reap.call)) {
        finish(self);
        return;
    }
    send_signal(s, p, p->kill_after < 0 ? SIGKILL : SIGTERM);
    if (p->kill_after < 0 || p->kill_after == HK_FOREVER) return;
    self->timer.deadline = p->kill_after;
    self->timed = true;
    hk__timer_start(s, &self->timer);
}

void hk__proc_leave_handle(hk_call *call)
{
    hk_proc_leave_call *self = leave_of(call);
    hk_sched *s = hk__sched_of(call);
    if (s == NULL) {
        hk_call_complete(call, -ENOSYS);
    } else if (self->proc->pid == 0) {
        hk_call_complete(call, 0);
    } else if (call->state != HK__CALL_PARKED) {
        begin(s, self);
    } else { /* its time is over */
        self->timed = false;
        send_signal(s, self->proc, SIGKILL);
    }
}

int hk__proc_leave_abort(hk_call *call)
{
    (void)call;
    return HK_ABORT_LATER;
}

int hk__proc_leave_describe(const hk_call *call, char *buf, size_t size)
{
    return snprintf(buf, size, "process %d to end", (int)leave_of(call)->proc->pid);
}

/* The wait that leave makes. */
void hk__proc_reap_handle(hk_call *call) { hk__proc_wait_handle(call); }
