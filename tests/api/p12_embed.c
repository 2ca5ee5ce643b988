/* SPDX-License-Identifier: MIT */
/* 12. Inside libuv: one poll handle on the scheduler's fd, one timer for its next deadline. (GLib:
 * a GSource with the same three.) */
#include <hocket.h>
/* stand-ins, so that this compiles without libuv */
typedef struct uv_loop_s uv_loop_t;
typedef struct uv_poll_s {
    void *data;
} uv_poll_t;
typedef struct uv_timer_s {
    void *data;
} uv_timer_t;
enum { UV_READABLE = 1 };
int uv_poll_init(uv_loop_t *, uv_poll_t *, int), uv_poll_stop(uv_poll_t *);
int uv_poll_start(uv_poll_t *, int, void (*)(uv_poll_t *, int, int));
int uv_timer_init(uv_loop_t *, uv_timer_t *), uv_timer_stop(uv_timer_t *);
int uv_timer_start(uv_timer_t *, void (*)(uv_timer_t *), uint64_t, uint64_t);

struct host {
    hk_sched *sched;
    uv_poll_t poll;
    uv_timer_t timer;
};

static void on_timer(uv_timer_t *timer);
static void step(struct host *h)
{
    int64_t next = hk_sched_step(h->sched); /* never blocks; one budget of tasks */
    uv_timer_stop(&h->timer);
    if (next < 0)
        uv_poll_stop(&h->poll); /* -ECHILD: no task is left */
    else if (next < HK_FOREVER)
        uv_timer_start(&h->timer, on_timer, (uint64_t)((next + HK_MS(1) - 1) / HK_MS(1)), 0);
}
static void on_timer(uv_timer_t *timer) { step(timer->data); }
static void on_fd(uv_poll_t *poll, int status, int events)
{
    (void)status, (void)events, step(poll->data);
}

int host_start(struct host *h, uv_loop_t *loop, hk_entry *fn, void *arg)
{
    if (!(h->sched = hk_sched_create(NULL))) return -ENOMEM;
    uv_poll_init(loop, &h->poll, hk_sched_fd(h->sched));
    uv_timer_init(loop, &h->timer);
    h->poll.data = h->timer.data = h;
    uv_poll_start(&h->poll, UV_READABLE, on_fd);
    hk_tid tid = hk_sched_spawn(
        h->sched, fn,
        arg); /* from the loop's thread, outside any task: legal; makes the fd readable */
    return tid < 0 ? (int)tid : 0;
}
