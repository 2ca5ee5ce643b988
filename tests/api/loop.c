/* SPDX-License-Identifier: MIT */
/* Stand-ins for the part of libuv that p12_embed.c uses, on poll(2), and a program that lives in
 * them: its tasks sleep, yield and wait for each other. One loop, one poll handle, one timer. */
#include <hocket.h>
#include <poll.h>
#include <stdio.h>

typedef struct uv_loop_s uv_loop_t;
typedef struct uv_poll_s {
    void *data;
} uv_poll_t;
typedef struct uv_timer_s {
    void *data;
} uv_timer_t;
struct host {
    hk_sched *sched;
    uv_poll_t poll;
    uv_timer_t timer;
};

typedef void poll_fn(uv_poll_t *poll, int status, int events);
typedef void timer_fn(uv_timer_t *timer);

int uv_poll_init(uv_loop_t *, uv_poll_t *, int), uv_poll_stop(uv_poll_t *);
int uv_poll_start(uv_poll_t *, int, poll_fn *);
int uv_timer_init(uv_loop_t *, uv_timer_t *), uv_timer_stop(uv_timer_t *);
int uv_timer_start(uv_timer_t *, timer_fn *, uint64_t, uint64_t);
int host_start(struct host *h, uv_loop_t *loop, hk_entry *fn, void *arg);

static struct {
    int fd;
    uv_poll_t *poll;
    poll_fn *on_poll; /* NULL: stopped */
    uv_timer_t *timer;
    timer_fn *on_timer; /* NULL: stopped */
    int64_t due;        /* ns of hk_now */
} the_loop;

int uv_poll_init(uv_loop_t *loop, uv_poll_t *poll, int fd)
{
    the_loop.fd = fd;
    the_loop.poll = poll;
    return 0;
}

int uv_poll_start(uv_poll_t *poll, int events, poll_fn *fn)
{
    the_loop.on_poll = fn;
    return 0;
}

int uv_poll_stop(uv_poll_t *poll)
{
    the_loop.on_poll = NULL;
    return 0;
}

int uv_timer_init(uv_loop_t *loop, uv_timer_t *timer)
{
    the_loop.timer = timer;
    return 0;
}

int uv_timer_start(uv_timer_t *timer, timer_fn *fn, uint64_t ms, uint64_t repeat)
{
    the_loop.on_timer = fn;
    the_loop.due = hk_now() + HK_MS(ms);
    return 0;
}

int uv_timer_stop(uv_timer_t *timer)
{
    the_loop.on_timer = NULL;
    return 0;
}

static void run(void)
{
    while (the_loop.on_poll != NULL || the_loop.on_timer != NULL) {
        int64_t left = the_loop.due - hk_now();
        int ms = the_loop.on_timer == NULL ? -1 : left <= 0 ? 0 : (int)(left / HK_MS(1)) + 1;
        struct pollfd fd = { .fd = the_loop.on_poll != NULL ? the_loop.fd : -1, .events = POLLIN };
        if (poll(&fd, 1, ms) > 0) the_loop.on_poll(the_loop.poll, 0, 1);
        timer_fn *fn = the_loop.on_timer;
        if (fn != NULL && hk_now() >= the_loop.due) {
            the_loop.on_timer = NULL;
            fn(the_loop.timer);
        }
    }
}

static void *child(void *arg)
{
    for (int i = 0; i < 3; i++) {
        printf("child %d\n", i);
        if (hk_sleep(HK_MS(5)) < 0) break;
    }
    return hk_val(7);
}

static void *parent(void *arg)
{
    hk_exit end;
    int r = hk_task_wait(hk_spawn(HK_ROOT, child, NULL), &end);
    printf("parent %d %d\n", r, (int)hk_num(end.value));
    for (int i = 0; i < 1000; i++) hk_sched_yield();
    puts("parent ends");
    return NULL;
}

int main(void)
{
    struct host host;
    if (host_start(&host, NULL, parent, NULL) < 0) return 1;
    run();
    puts("the loop ends");
    hk_sched_destroy(host.sched);
}
