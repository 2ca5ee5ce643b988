/* SPDX-License-Identifier: MIT */
/* limiter: when exactly each token comes, on a clock that the test holds in its hand. */
#include "support/steps.h"

#include "sched/sched.h"

/* ---- a clock that jumps to what is waited for ---- */

static int64_t clock_now, late;
static const hk__world_table *real;
static hk__world_table table;

static int64_t jump_now(hk__world *world)
{
    (void)world;
    return clock_now;
}
static int jump_wait(hk__world *world, hk__event *ret_events, int capacity, int64_t until)
{
    if (until > clock_now && until != INT64_MAX) clock_now = until + late;
    return real->wait(world, ret_events, capacity, 0);
}

static int64_t start;
static hk_limiter limiter;

/* Runs a task of a scheduler on that clock. */
static void run(hk_entry *main_task)
{
    hk_sched *s = hk_sched_create(&(hk_run_options){ .spin = -1 });
    trace_clear();
    real = s->world->table;
    table = *real;
    table.now = jump_now;
    table.wait = jump_wait;
    clock_now = start = hk_now();
    s->world->table = &table;
    hk_sched_spawn(s, main_task, NULL);
    CHECK_EQ(hk_sched_run(s), 0);
    s->world->table = real;
    CHECK_EQ(s->timer_count, 0);
    hk_sched_destroy(s);
}

static int64_t elapsed(void) { return clock_now - start; }

static void *third_of_a_second(void *arg)
{
    limiter = (hk_limiter){ .name = "thirds", .per_second = 3 };
    /* k/3 s, rounded up: no error grows */
    static const int64_t due[] = { 0, 333333334, 666666667, 1000000000, 1333333334 };
    for (size_t i = 0; i < HK_LEN(due); i++) {
        CHECK_EQ(hk_limiter_wait(&limiter), 0);
        CHECK_EQ(elapsed(), due[i]);
    }
    for (int i = HK_LEN(due); i < 3000; i++) CHECK_EQ(hk_limiter_wait(&limiter), 0);
    CHECK_EQ(elapsed(), 999666666667);
    return arg;
}
TEST(a_limiter_is_exact_to_the_nanosecond) { run(third_of_a_second); }

static void take(int count, int64_t at)
{
    for (int i = 0; i < count; i++) CHECK_EQ(hk_limiter_wait(&limiter), 0);
    CHECK_EQ(elapsed(), at);
}

static void *bursts(void *arg)
{
    limiter = (hk_limiter){ .per_second = 10, .burst = 3 };
    take(3, 0);
    take(1, HK_MS(100));
    CHECK_EQ(hk_sleep(HK_MS(150)), 0);
    take(1, HK_MS(250)); /* saved since 200 ms */
    take(1, HK_MS(300));
    CHECK_EQ(hk_sleep(HK_SEC(100)), 0);
    take(3, HK_MS(100300)); /* no more than a burst is saved */
    take(1, HK_MS(100400));
    return arg;
}
TEST(a_limiter_saves_no_more_than_a_burst) { run(bursts); }

static void *late_timers(void *arg)
{
    late = HK_MS(30);
    limiter = (hk_limiter){ .per_second = 10, .burst = 1 };
    take(1, 0);
    take(1, HK_MS(130));
    take(1, HK_MS(260)); /* never two closer than their distance */
    limiter = (hk_limiter){ .per_second = 10, .burst = 2 };
    take(2, HK_MS(260));
    take(10, HK_MS(1290)); /* made up for: ten in a second, and the last is late */
    return arg;
}
TEST(what_timers_are_late_is_made_up_for_by_the_burst) { run(late_timers); }

static void *faster_than_the_clock(void *arg)
{
    limiter = (hk_limiter){ .per_second = 4000000000u, .burst = 4000000000u };
    take(8, 0);
    CHECK_EQ(limiter.next + (limiter.part > 0), start + 2);
    limiter = (hk_limiter){ .per_second = 4000000000u };
    take(1000, 250);
    return arg;
}
TEST(a_limiter_of_several_tokens_a_nanosecond) { run(faster_than_the_clock); }

/* ---- many wait ---- */

static void *waits(void *arg)
{
    int r = hk_limiter_wait(&limiter);
    note("%d:%s@%d ", (int)hk_num(arg), number_text(r), (int)(elapsed() / HK_MS(1)));
    return NULL;
}

static hk_tid tids[6];
static void spawn(int first, int last)
{
    for (int i = first; i <= last; i++) tids[i] = hk_spawn(HK_ROOT, waits, hk_val(i));
}

static void *in_order(void *arg)
{
    limiter = (hk_limiter){ .per_second = 10 };
    spawn(1, 3);
    CHECK_EQ(hk_sleep(HK_MS(150)), 0);
    spawn(4, 4);
    return arg;
}
TEST(tokens_come_in_the_order_of_waiting)
{
    run(in_order);
    CHECK_STR(trace, "1:0@0 2:0@100 3:0@200 4:0@300 ");
}

static void *some_are_killed(void *arg)
{
    limiter = (hk_limiter){ .per_second = 10 };
    spawn(1, 5);
    CHECK_EQ(hk_sleep(HK_MS(50)), 0);
    hk_task_kill(tids[2]); /* the first that waits */
    hk_task_kill(tids[4]);
    CHECK_EQ(hk_sleep(HK_MS(1)), 0);
    return arg;
}
TEST(a_cancelled_wait_takes_no_token)
{
    run(some_are_killed);
    CHECK_STR(trace, "1:0@0 2:-ECANCELED@50 4:-ECANCELED@50 3:0@100 5:0@200 ");
}

static void *all_are_killed(void *arg)
{
    limiter = (hk_limiter){ .per_second = 10 };
    spawn(1, 3);
    CHECK_EQ(hk_sleep(HK_MS(50)), 0);
    hk_task_kill(tids[2]);
    hk_task_kill(tids[3]);
    CHECK(!limiter.timing);
    CHECK_EQ(hk_sleep(HK_MS(10)), 0);
    take(1, HK_MS(100));
    return arg;
}
TEST(when_all_are_cancelled_no_timer_is_left) { run(all_are_killed); }

struct frame {
    hk_coro co;
    hk_sync_call wait;
};
static hk_step waits_step(hk_coro *co, void *in)
{
    struct frame *f = HK_CONTAINER(co, struct frame, co);
    HK_BEGIN(co);
    hk_limiter_wait_prepare(&f->wait, &limiter);
    HK_AWAIT(co, &f->wait.call);
    HK_AWAIT(co, &f->wait.call);
    note("%s@%d ", number_text(f->wait.call.result), (int)(elapsed() / HK_MS(1)));
    HK_END(co, NULL);
}
static void *stackless(void *arg)
{
    static struct frame frame;
    limiter = (hk_limiter){ .per_second = 10 };
    hk_stackless_init(&frame.co, waits_step, NULL);
    hk_spawn_stackless(HK_ROOT, &frame.co, NULL);
    return arg;
}
TEST(a_limiter_for_a_stackless_task)
{
    run(stackless);
    CHECK_STR(trace, "0@100 ");
}

static void *no_rate(void *arg)
{
    limiter = (hk_limiter){ .name = "l" };
    hk_limiter_wait(&limiter);
    return arg;
}
TEST(a_limiter_without_a_rate, .aborts = "hocket: limiter 'l' has no rate: set per_second\n")
{
    run(no_rate);
}
