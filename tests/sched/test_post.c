/* SPDX-License-Identifier: MIT */
/* The inbox: posts from other threads, among them a cancel. Run under ThreadSanitizer too. */
#include <hocket.h>

#include "support/steps.h"

#include <pthread.h>
#include <unistd.h>

struct poster {
    hk_sched *sched;
    int count, id;
};
static int arrived, last_of[4];
static bool in_order = true;

static void arrive(void *arg)
{
    int id = (int)hk_num(arg) & 3, n = (int)hk_num(arg) >> 2;
    if (n != last_of[id] + 1) in_order = false;
    last_of[id] = n;
    arrived++;
}
static void *posts(void *arg)
{
    struct poster *p = arg;
    for (int i = 1; i <= p->count; i++) {
        CHECK_EQ(hk_sched_post(p->sched, arrive, hk_val(i << 2 | p->id)), 0);
        if (i % 1000 == 0) usleep(100); /* the loop may fall asleep, or not */
    }
    return NULL;
}
static void *waits_for_all(void *arg)
{
    while (arrived < *(int *)arg) hk_sleep(HK_MS(1));
    return NULL;
}
TEST(posts_of_each_thread_arrive_in_order, .seconds = 30)
{
    enum { EACH = 5000 };
    int total = 4 * EACH;
    hk_sched *s = hk_sched_create(NULL);
    hk_sched_spawn(s, waits_for_all, &total);
    struct poster p[4];
    pthread_t t[4];
    for (int i = 0; i < 4; i++) {
        p[i] = (struct poster){ s, EACH, i };
        pthread_create(&t[i], NULL, posts, &p[i]);
    }
    CHECK_EQ(hk_sched_run(s), 0);
    for (int i = 0; i < 4; i++) pthread_join(t[i], NULL);
    CHECK_EQ(arrived, total);
    CHECK(in_order);
    hk_sched_destroy(s);
}

/* A task waits in a call that another thread completes through a post. Every lost wake-up would
 * hang here. */
static hk_call *waiting;
static void keep_waiting(hk_call *call) { __atomic_store_n(&waiting, call, __ATOMIC_RELEASE); }
static const hk_call_type answer_type = { .name = "answer", .handle = keep_waiting };
struct answer {
    hk_call call;
};
static void complete(void *arg) { hk_call_complete(arg, 1); }
static void *answers(void *arg)
{
    struct poster *p = arg;
    for (int i = 0; i < p->count;) {
        hk_call *call = __atomic_exchange_n(&waiting, NULL, __ATOMIC_ACQUIRE);
        if (call == NULL) continue;
        CHECK_EQ(hk_sched_post(p->sched, complete, call), 0);
        i++;
    }
    return NULL;
}
static void *asks(void *arg)
{
    struct poster *p = arg;
    for (int i = 0; i < p->count; i++) CHECK_EQ(HK_TRAP(struct answer, HK_CALL(answer_type)), 1);
    return NULL;
}
TEST(no_wake_up_is_lost_between_threads, .seconds = 60)
{
    hk_sched *s = hk_sched_create(NULL);
    hk_sched_hold(s);
    struct poster p = { s, 20000, 0 };
    pthread_t t;
    pthread_create(&t, NULL, answers, &p);
    hk_sched_spawn(s, asks, &p);
    CHECK_EQ(hk_sched_run(s), 0);
    pthread_join(t, NULL);
    hk_sched_release(s);
    hk_sched_destroy(s);
}

TEST(a_post_to_a_scheduler_that_is_gone_is_refused)
{
    hk_sched *s = hk_sched_create(NULL);
    hk_sched_destroy(s);
    CHECK_EQ(hk_sched_post(s, arrive, NULL), -ESHUTDOWN);
}

TEST(destroy_runs_what_was_posted_before)
{
    hk_sched *s = hk_sched_create(NULL);
    CHECK_EQ(hk_sched_post(s, arrive, hk_val(1 << 2)), 0);
    hk_sched_destroy(s);
    CHECK_EQ(arrived, 1);
}

static void *post_until_refused(void *arg)
{
    int n = 0;
    while (hk_sched_post(arg, arrive, hk_val(++n << 2)) == 0) {}
    return hk_val(n - 1);
}
TEST(posts_race_with_destroy)
{
    for (int round = 0; round < 50; round++) {
        arrived = last_of[0] = 0;
        hk_sched *s = hk_sched_create(NULL);
        pthread_t t;
        pthread_create(&t, NULL, post_until_refused, s);
        usleep(200); /* before the first post, or behind: any moment will do */
        hk_sched_destroy(s);
        void *accepted;
        pthread_join(t, &accepted);
        CHECK_EQ(arrived, hk_num(accepted));
    }
    CHECK(in_order);
}

static void *releases_later(void *arg)
{
    usleep(20000); /* what the hold must outlast */
    hk_sched_release(arg);
    return NULL;
}
static void *waits_in_vain(void *arg)
{
    (void)arg;
    HK_TRAP(struct answer, HK_CALL(answer_type));
    return NULL;
}
TEST(a_deadlock_is_none_while_somebody_holds, .prints = "deadlock")
{
    hk_sched *s = hk_sched_create(&(hk_run_options){ .grace = HK_MS(1) });
    hk_sched_hold(s);
    hk_sched_spawn(s, waits_in_vain, NULL);
    pthread_t t;
    int64_t start = hk_now();
    pthread_create(&t, NULL, releases_later, s);
    CHECK_EQ(hk_sched_run(s), -EDEADLK);
    CHECK(hk_now() - start >= HK_MS(19));
    pthread_join(t, NULL);
    hk_sched_destroy(s);
}

/* ---- a scope that another thread cancels ---- */

static struct {
    hk_sched *sched;
    hk_scope *scope;
    int result;
} other;

static void cut(void *scope) { hk_scope_cancel((hk_scope *)scope, "from a thread"); }

static void *posts_a_cancel(void *arg)
{
    CHECK_EQ(hk_sched_post(other.sched, cut, other.scope), 0);
    return arg;
}

static void *waits_in_its_scope(void *arg)
{
    pthread_t thread;
    HK_SCOPE(s, HK_FOREVER);
    other.scope = &s;
    CHECK_EQ(pthread_create(&thread, NULL, posts_a_cancel, NULL), 0);
    other.result = hk_sleep(HK_SEC(100000));
    CHECK(strstr(hk_why(), "cancelled: from a thread (") != NULL); /* by no task */
    CHECK_NUMBER(hk_sleep(1), "-ECANCELED");
    CHECK_NUMBER(hk_scope_close(&s, other.result), "-ECANCELED");
    CHECK_EQ(hk_sleep(1), 0);
    pthread_join(thread, NULL);
    return arg;
}

TEST(a_scope_is_cancelled_from_another_thread)
{
    other.sched = hk_sched_create(NULL);
    hk_sched_spawn(other.sched, waits_in_its_scope, NULL);
    CHECK_EQ(hk_sched_run(other.sched), 0);
    CHECK_NUMBER(other.result, "-ECANCELED");
    hk_sched_destroy(other.sched);
}
