/* SPDX-License-Identifier: MIT */
/* Timers: never early, equal deadlines in order, and the wheel against a sorted list under random
 * programs, on a clock that the test holds in its hand. */
#include "sched/sched.h"

#include "support/faults.h"
#include "support/sim.h"
#include "harness/harness.h"

#include <stdlib.h>
#include <string.h>

static int64_t clock_now;
static int64_t fake_now(hk__world *world)
{
    (void)world;
    return clock_now;
}
static const hk__world_table fake_table = { .name = "fake", .now = fake_now };
static hk__world fake_world = { .table = &fake_table };

struct timed {
    hk_call call;
    hk__timer timer;
    int64_t deadline; /* what the model says */
    int order;
    bool running, fired;
};
static int fired_count;
static struct timed *last_fired;
static void fire(hk_call *call)
{
    struct timed *t = HK_CONTAINER(call, struct timed, call);
    CHECK(t->running && !t->fired);
    CHECK(t->deadline <= clock_now);
    if (last_fired != NULL) {
        CHECK(last_fired->deadline < t->deadline ||
              (last_fired->deadline == t->deadline && last_fired->order < t->order));
    }
    last_fired = t;
    t->fired = true;
    t->running = false;
    fired_count++;
}
static const hk_call_type timed_type = { .name = "timed", .handle = fire };

static void start(hk_sched *s, struct timed *t, int64_t duration)
{
    static int order;
    *t = (struct timed){ .call = { .type = &timed_type, .state = HK__CALL_PARKED },
                         .timer = { .deadline = duration },
                         .deadline = INT64_MAX,
                         .order = order++,
                         .running = true };
    hk__timer_start(s, &t->timer);
}

static hk_sched *make(void)
{
    hk_sched *s = calloc(1, sizeof *s);
    s->world = &fake_world;
    s->now = clock_now;
    hk__timers_open(s);
    return s;
}
static void pass(hk_sched *s)
{
    s->now = clock_now;
    hk__timers_arm(s);
    last_fired = NULL;
    hk__timers_expire(s);
}

enum { TIMERS = 300 };

/* Everything due has fired, nothing else has; the wheel never sleeps past the earliest. */
static void compare(const hk_sched *s, const struct timed *t)
{
    int64_t next = INT64_MAX;
    for (int i = 0; i < TIMERS; i++) {
        if (!t[i].running) continue;
        CHECK(t[i].deadline > clock_now);
        if (t[i].deadline < next) next = t[i].deadline;
    }
    CHECK(hk__timers_next(s) <= next && hk__timers_next(s) > clock_now);
}

/* The durations of fresh timers count from now. */
static void model_arms(struct timed *t)
{
    for (int i = 0; i < TIMERS; i++)
        if (t[i].running && t[i].deadline == INT64_MAX)
            t[i].deadline = clock_now + t[i].timer.deadline;
}

TEST(the_wheel_agrees_with_a_sorted_list)
{
    for (unsigned seed = 1; seed <= 40; seed++) {
        srand(seed);
        hk_sched *s = make();
        struct timed *t = calloc(TIMERS, sizeof *t);
        for (int step = 0; step < 2000; step++) {
            struct timed *one = &t[rand() % TIMERS];
            if (!one->running) {
                start(s, one, 1 + rand() % (rand() % 3 != 0 ? 50 : 50000)); /* many are equal */
            } else if (rand() % 3 == 0) {
                hk__timer_stop(s, &one->timer);
                one->running = false;
            }
            if (rand() % 4 == 0) {
                model_arms(t);
                pass(s);
                clock_now += rand() % (rand() % 8 != 0 ? 20 : 20000);
                pass(s);
                compare(s, t);
            }
        }
        free(t);
        free(s);
    }
    CHECK(fired_count > 1000);
}

static int64_t early;
static void *sleeps(void *arg)
{
    int64_t duration = hk_num(arg) * 1000 + 1;
    for (int i = 0; i < 20; i++) {
        int64_t start_ns = hk_now();
        hk_sleep(duration);
        int64_t slept = hk_now() - start_ns;
        if (slept < duration) early = duration - slept;
    }
    return NULL;
}
static void *sleepers(void *arg)
{
    for (int i = 0; i < 100; i++) hk_spawn(HK_ROOT, sleeps, hk_val(i * 37));
    return arg;
}
TEST(no_sleep_is_shorter_than_asked)
{
    CHECK_EQ(sim_once(sleepers, NULL), 0);
    CHECK_EQ(early, 0);
}

static char order[16];
static void *logs(void *arg)
{
    hk_sleep(HK_MS(5));
    strcat(order, arg);
    return NULL;
}
static void *equal_sleeps(void *arg)
{
    hk_spawn(HK_ROOT, logs, "a");
    hk_spawn(HK_ROOT, logs, "b");
    hk_spawn(HK_ROOT, logs, "c");
    return arg;
}
TEST(equal_sleeps_end_in_the_order_they_began)
{
    sim_once(equal_sleeps, NULL);
    CHECK_STR(order, "abc");
}

static void *short_sleeps(void *arg)
{
    CHECK_EQ(hk_sleep(0), 0);
    CHECK_EQ(hk_sleep(-5), 0);
    CHECK_EQ(hk_sleep(INT64_MIN), 0);
    return arg;
}
TEST(a_sleep_of_nothing_is_a_yield) { CHECK_EQ(sim_once(short_sleeps, NULL), 0); }

static void *sleeps_for_ever(void *arg)
{
    CHECK_EQ(hk_sleep(HK_FOREVER), -ECANCELED);
    return arg;
}
static void *kills_sleeper(void *arg)
{
    hk_tid tid = hk_spawn(HK_ROOT, sleeps_for_ever, NULL);
    hk_sched_yield();
    hk_task_kill(tid); /* in the pass that started the timer: it is fresh */
    hk_tid later = hk_spawn(HK_ROOT, sleeps_for_ever, NULL);
    hk_sleep(HK_MS(1));
    hk_task_kill(later); /* armed */
    return arg;
}
TEST(a_sleep_for_ever_can_be_cancelled) { CHECK_EQ(sim_once(kills_sleeper, NULL), 0); }

/* A task that only yields does not hold up timers. */
static bool over;
static void *spins(void *arg)
{
    while (!over) hk_sched_yield();
    return arg;
}
static void *sleeps_beside(void *arg)
{
    hk_spawn(HK_ROOT, spins, NULL);
    hk_sleep(HK_MS(2));
    over = true;
    return arg;
}
TEST(a_yield_loop_does_not_starve_timers)
{
    faults_clock_step =
        HK_US(10); /* virtual time would stand still; the real clock goes by itself */
    CHECK_EQ(hk_run(sleeps_beside, NULL, NULL), 0);
}
