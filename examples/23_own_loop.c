/* SPDX-License-Identifier: MIT */
/* A scheduler inside a loop that was there first: libuv's.
 *
 * The loop watches one descriptor, hk_sched_fd, and keeps one timer, for the time that
 * hk_sched_step asks for. A step runs the tasks that can run and never waits.
 *
 * And the other way round: a task waits for something of the host's. `offload` is a system call of
 * our own. Its handler has libuv run a function on its thread pool and keeps the call; libuv's
 * callback completes it, and the task goes on. While such a call is out, hk_sched_hold says that
 * help can come from outside: else tasks that all wait for it would be a deadlock. */
#include <hocket.h>
#include <stdio.h>
#include <uv.h>

struct host {
    hk_sched *sched;
    uv_poll_t poll;
    uv_timer_t timer;
};

static void on_timer(uv_timer_t *timer);

static void step(struct host *h)
{
    int64_t next = hk_sched_step(h->sched);
    uv_timer_stop(&h->timer);
    if (next < 0)
        uv_poll_stop(&h->poll); /* no task is left */
    else if (next < HK_FOREVER)
        uv_timer_start(&h->timer, on_timer, (uint64_t)((next + HK_MS(1) - 1) / HK_MS(1)), 0);
}

static void on_timer(uv_timer_t *timer) { step(timer->data); }
static void on_readable(uv_poll_t *poll, int status, int events) { step(poll->data); }

struct offload {
    hk_call call;
    struct host *host;
    intptr_t (*fn)(intptr_t arg);
    intptr_t arg;
    uv_work_t work;
};

static void offload_work(uv_work_t *work) /* in a thread of libuv's */
{
    struct offload *self = HK_CONTAINER(work, struct offload, work);
    self->arg = self->fn(self->arg);
}

static void offload_done(uv_work_t *work, int status) /* in the loop again */
{
    struct offload *self = HK_CONTAINER(work, struct offload, work);
    hk_sched_release(self->host->sched);
    hk_call_complete(&self->call, status < 0 ? status : self->arg);
}

static void offload_handle(hk_call *call)
{
    struct offload *self = HK_CONTAINER(call, struct offload, call);
    int r = uv_queue_work(self->host->poll.loop, &self->work, offload_work, offload_done);
    if (r < 0)
        hk_call_complete(call, r);
    else
        hk_sched_hold(self->host->sched);
}

static const hk_call_type offload_type = { .name = "offload", .handle = offload_handle };

static intptr_t think(intptr_t n)
{
    printf("thread: thinks about %d\n", (int)n);
    return n + 1;
}

static void *task(void *host)
{
    puts("task: asks");
    intptr_t answer = HK_TRAP(struct offload, HK_CALL(offload_type), host, think, 41);
    printf("task: the answer is %d\n", (int)answer);
    int r = hk_sleep(HK_MS(20));
    puts("task: done");
    return hk_val(r);
}

int main(void)
{
    uv_loop_t *loop = uv_default_loop();
    struct host host = { .sched = hk_sched_create(NULL) };
    if (host.sched == NULL) return 1;
    uv_poll_init(loop, &host.poll, hk_sched_fd(host.sched));
    uv_timer_init(loop, &host.timer);
    host.poll.data = host.timer.data = &host;
    uv_poll_start(&host.poll, UV_READABLE, on_readable);
    hk_sched_spawn(host.sched, task, &host);
    uv_run(loop, UV_RUN_DEFAULT);
    puts("loop: nothing is left");
    uv_close((uv_handle_t *)&host.poll, NULL);
    uv_close((uv_handle_t *)&host.timer, NULL);
    uv_run(loop, UV_RUN_DEFAULT);
    hk_sched_destroy(host.sched);
    return uv_loop_close(loop) < 0;
}
