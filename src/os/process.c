/* SPDX-License-Identifier: MIT */
/* Child processes: started, signalled, left, and run to their end. */
#include <hocket/group.h>
#include <hocket/process.h>

#include "calls/calls.h"
#include "sched/descriptor.h"

#include <signal.h>

static const int64_t KILL_AFTER = HK_MS(500);

static int64_t direct(hk__direct *d)
{
    hk_sched *s = hk__here.sched;
    return s != NULL ? s->world->table->direct(s->world, d) : hk__direct_call(NULL, d);
}

/* ---- start ---- */

/* As the world names it; other negative numbers are failures. */
static int child_fd(int option, int *ret_fd)
{
    switch (option) {
    case HK_INHERIT: *ret_fd = HK__SPAWN_INHERIT; return 0;
    case HK_PIPE: *ret_fd = HK__SPAWN_PIPE; return 0;
    case HK_NULL: *ret_fd = HK__SPAWN_NULL; return 0;
    case HK_STDIN: *ret_fd = 0; return 0;
    default: *ret_fd = option; return option > 0 ? 0 : option >= -4095 ? option : -EBADF;
    }
}

static int start(hk_proc *p, const hk_proc_options *options)
{
    struct hk__spawn spawn = { .argv = options->argv, .env = options->env, .dir = options->dir };
    hk__direct d = { .kind = HK__DIRECT_SPAWN, .extra = &spawn };
    int r = child_fd(options->in, &spawn.child[0]);
    if (r == 0) r = child_fd(options->out, &spawn.child[1]);
    if (r == 0) r = child_fd(options->err, &spawn.child[2]);
    if (r == 0) r = (int)direct(&d);
    if (r < 0) return r;
    p->pid = spawn.pid;
    p->fd = r;
    p->in = spawn.ours[0];
    p->out = spawn.ours[1];
    p->err = spawn.ours[2];
    p->kill_after = options->kill_after != 0 ? options->kill_after : KILL_AFTER;
    return 0;
}

/* These numbers are new, whatever the table of descriptors thought of them. */
static void announce(const hk_proc *p)
{
    const int fds[] = { p->fd, p->in, p->out, p->err };
    for (size_t i = 0; i < HK_LEN(fds); i++)
        if (fds[i] >= 0) hk__descriptor_born(hk__here.sched, fds[i], 0);
}

int hk_proc_start(hk_proc *p, const hk_proc_options *options)
{
    *p = hk__proc_none();
    if (hk__here.sched == NULL) return hk__outside();
    if (options->argv == NULL || options->argv[0] == NULL)
        return hk_fail(-EINVAL, "a program is started without a name");
    int r = start(p, options);
    if (r == 0) {
        announce(p);
        return 0;
    }
    const char *dir = options->dir;
    return hk_fail(r, "cannot start '%s'%s%s", options->argv[0], dir != NULL ? " in " : "",
                   dir != NULL ? dir : "");
}

/* ---- the rest of its life ---- */

int hk_proc_wait(hk_proc *p, int *ret_status)
{
    hk_proc_call wait;
    hk_proc_wait_prepare(&wait, p);
    int r = (int)hk_trap(&wait.call);
    if (r == 0 && ret_status != NULL) *ret_status = p->status;
    return r;
}

int hk_proc_kill(hk_proc *p, int number)
{
    hk__direct d = { .kind = HK__DIRECT_KILL, .fd = p->fd, .flags = number };
    return p->pid != 0 ? (int)direct(&d) : -ESRCH;
}

/* Where nobody drives. In the child of a fork it is the parent's, and only the numbers go. */
static void leave_at_once(hk_proc *p)
{
    hk__direct d = { .kind = HK__DIRECT_REAP, .fd = p->fd, .flags = 1, .extra = &p->status };
    if (hk__outside() != -ECHILD) {
        hk_proc_kill(p, SIGKILL);
        (void)direct(&d);
    }
    hk_fd_leave(&p->in), hk_fd_leave(&p->out), hk_fd_leave(&p->err), hk_fd_leave(&p->fd);
    *p = hk__proc_none();
}

void hk_proc_leave(hk_proc *p)
{
    hk_proc_leave_call leave;
    if (p->pid == 0) return;
    hk_proc_leave_prepare(&leave, p);
    if (hk_trap(&leave.call) < 0) leave_at_once(p);
}

/* ---- run ----
 *
 * One task feeds it and one collects while the caller waits for its end. Both work with what is the
 * caller's, so it never goes without them: cancelled, they let go at once. */

struct feeding {
    int fd;
    const void *data;
    size_t size;
};

static void drop_feeding(struct feeding *f) { hk_close(f->fd); }

/* Whether all of it was read is the program's business. */
static void *feed(struct feeding *f)
{
    hk_write(f->fd, f->data, f->size);
    hk_close(f->fd);
    return NULL;
}
HK_ENTRY_OWNING(feed, struct feeding, drop_feeding)

struct collection {
    int fd, error;
    char *buf;
    size_t got, size;
};

static void *collect(void *arg)
{
    struct collection *c = arg;
    char beyond[4096];
    ssize_t n;
    do {
        const bool full = c->got == c->size;
        n = full ? hk_read(c->fd, beyond, sizeof beyond)
                 : hk_read(c->fd, c->buf + c->got, c->size - c->got);
        if (n > 0 && !full) c->got += (size_t)n;
    } while (n > 0);
    if (n < 0 && n != -ECANCELED) c->error = (int)n;
    return NULL;
}

/* The process has ended: what it wrote is there, and what another one may write is not waited
 * for. */
static void collect_rest(struct collection *c)
{
    int64_t n = 1;
    while (n > 0 && c->got < c->size) {
        struct iovec rest = { c->buf + c->got, c->size - c->got };
        hk__direct d = { .kind = HK__DIRECT_READ, .fd = c->fd, .count = 1, .vector = &rest };
        n = direct(&d);
        if (n > 0) c->got += (size_t)n;
    }
}

static int attend(hk_proc *p, struct collection *c, const void *in, size_t in_size, int *ret_status)
{
    HK_GROUP(helpers, NULL);
    hk_tid r = 0;
    if (p->in >= 0) r = hk_go(&helpers, feed, hk_fd_take(&p->in), in, in_size);
    if (p->out >= 0 && r >= 0) r = hk_spawn(&helpers, collect, c);
    if (r >= 0) r = hk_proc_wait(p, ret_status);
    if (r == 0) hk_group_cancel(&helpers, "the process has ended");
    r = hk_group_close(&helpers, r);
    if (r < 0) return (int)r;
    if (p->out >= 0) collect_rest(c);
    return c->error;
}

ssize_t hk_proc_run(const hk_proc_options *options, const void *in, size_t in_size, void *ret_out,
                    size_t size, int *ret_status)
{
    hk_proc_options o = *options;
    if (o.err == HK_PIPE || (in == NULL && o.in == HK_PIPE) ||
        (ret_out == NULL && o.out == HK_PIPE))
        return hk_fail(-EINVAL, "hk_proc_run: a pipe without another end");
    if (in != NULL) o.in = HK_PIPE;
    if (ret_out != NULL) o.out = HK_PIPE;
    HK_PROC(proc);
    int r = hk_proc_start(&proc, &o);
    if (r < 0) return r;
    struct collection c = { .fd = proc.out, .buf = ret_out, .size = size };
    r = attend(&proc, &c, in, in_size, ret_status);
    return r < 0 ? r : (ssize_t)c.got;
}
