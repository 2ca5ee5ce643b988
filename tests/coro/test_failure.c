/* SPDX-License-Identifier: MIT */
/* Why something failed, in words: hk_fail and hk_why.
 *
 * The number of a failure travels as a value; its text lies beside it, with the coroutine, and goes
 * the same way. Cases 22 and 23. */
#include "support/steps.h"

#include <pthread.h>

TEST(a_failure_has_a_number_and_a_text)
{
    CHECK_STR(hk_why(), "");
    CHECK_EQ(hk_fail(-EPROTO, "bad length %d", 7), -EPROTO);
    CHECK_STR(hk_why(), "bad length 7: Protocol error");
}

static int read_length(void) { return hk_fail(-EPROTO, "bad length %d", -3); }
static int read_frame(void)
{
    int r = read_length();
    return r < 0 ? hk_fail(r, "frame %d", 12) : 0;
}

TEST(the_same_error_again_is_its_cause)
{
    CHECK_EQ(read_frame(), -EPROTO);
    CHECK_STR(hk_why(), "frame 12: bad length -3: Protocol error");
}

static int clean_up(void) { return hk_fail(-EIO, "flush"); }

TEST(another_error_keeps_the_first_as_what_it_came_during)
{
    CHECK_EQ(read_frame(), -EPROTO);
    CHECK_EQ(clean_up(), -EIO);
    CHECK_STR(hk_why(), "flush: Input/output error; "
                        "during: frame 12: bad length -3: Protocol error");
}

TEST(a_long_chain_keeps_its_newest_part)
{
    for (int i = 0; i < 100; i++) hk_fail(-EIO, "level %d", i);
    CHECK(strncmp(hk_why(), "level 99: level 98: level 97: ", 30) == 0);
    CHECK(strlen(hk_why()) >= 240);
    hk_fail(-EIO, "%0300d", 1);
    CHECK(strlen(hk_why()) >= 240);
}

TEST(an_error_without_a_name_has_a_text_too)
{
    hk_fail(-4095, "odd");
    CHECK_STR(hk_why(), "odd: unknown error");
}

/* ---- between coroutines ---- */

static void *fails_with_text(void *arg)
{
    void *in = hk_yield(arg);
    (void)in;
    return hk_val(hk_fail(-EPROTO, "bad length %d", 7));
}

TEST(the_text_travels_with_the_failure)
{
    HK_CORO(co, fails_with_text, NULL, NULL);
    hk_coro_send(co, NULL);
    CHECK_STR(hk_why(), "");
    CHECK_STEP(hk_coro_send(co, NULL), "failed EPROTO");
    CHECK_STR(hk_why(), "bad length 7: Protocol error");
    CHECK_EQ(hk_fail(-EPROTO, "file %s", "x.mp4"), -EPROTO);
    CHECK_STR(hk_why(), "file x.mp4: bad length 7: Protocol error");
}

static void *adds_context(void *arg)
{
    HK_CORO(co, arg, NULL, NULL);
    hk_step step = hk_coro_send(co, NULL);
    while (step.outcome == HK_YIELDED) step = hk_coro_send(co, NULL);
    return hk_val(hk_fail((int)step.error, "outer"));
}

TEST(each_level_may_add_its_own_words)
{
    HK_CORO(co, adds_context, fails_with_text, NULL);
    CHECK_STEP(hk_coro_send(co, NULL), "failed EPROTO");
    CHECK_STR(hk_why(), "outer: bad length 7: Protocol error");
}

TEST(a_failure_through_delegation_and_destroy)
{
    hk_coro *co = hk_coro_create(fails_with_text, NULL, NULL);
    hk_coro_send(co, NULL);
    CHECK_EQ(hk_coro_destroy(co), 0);
    CHECK_STR(hk_why(), "bad length 7: Protocol error"); /* the number is dropped, why is not */
}

struct stackless {
    hk_coro co;
};

static hk_step stackless_fails(hk_coro *co, void *in)
{
    (void)in;
    HK_BEGIN(co);
    HK_GIVE(co, NULL);
    HK_END(co, hk_val(hk_fail(-EPROTO, "stackless")));
}

TEST(a_stackless_one_tells_too)
{
    hk_coro co;
    hk_stackless_init(&co, stackless_fails, NULL);
    hk_coro_send(&co, NULL);
    CHECK_STEP(hk_coro_send(&co, NULL), "failed EPROTO");
    CHECK_STR(hk_why(), "stackless: Protocol error");
    CHECK_EQ(hk_coro_destroy(&co), 0);
}

static void *cleanup_fails(void *arg)
{
    void *in = hk_yield(arg);
    if (!hk_is_err(in)) return in;
    note("%s", hk_why());
    return hk_val(hk_fail(-EPROTO, "the flush"));
}

/* Case 22. The text of what is thrown goes with it, so the chain knows what was being handled. */
TEST(an_error_in_cleanup_replaces_the_original_and_keeps_it_as_cause)
{
    HK_CORO(co, cleanup_fails, NULL, NULL);
    hk_coro_send(co, NULL);
    CHECK_STEP(hk_coro_throw(co, hk_fail(-EIO, "the disk")), "failed EPROTO");
    CHECK_STR(trace, "the disk: Input/output error");
    CHECK_STR(hk_why(), "the flush: Protocol error; during: the disk: Input/output error");
}

static void *passes(void *arg)
{
    void *in = hk_yield(arg);
    return in;
}

TEST(an_error_that_is_let_pass_comes_back_with_its_text)
{
    HK_CORO(co, passes, NULL, NULL);
    hk_coro_send(co, NULL);
    CHECK_STEP(hk_coro_throw(co, hk_fail(-EIO, "the disk")), "failed EIO");
    CHECK_STR(hk_why(), "the disk: Input/output error");
}

/* Case 23. */
static void *fails_privately(void *arg)
{
    CHECK_STR(hk_why(), "");
    CHECK_EQ(hk_fail(-EIO, "coroutine %d", (int)hk_num(arg)), -EIO);
    char mine[40];
    snprintf(mine, sizeof mine, "coroutine %d: Input/output error", (int)hk_num(arg));
    (void)!hk_yield(NULL);
    CHECK_STR(hk_why(), mine);
    return NULL;
}

TEST(errors_are_per_coroutine)
{
    HK_CORO(a, fails_privately, hk_val(1), NULL);
    HK_CORO(b, fails_privately, hk_val(2), NULL);
    hk_fail(-EPROTO, "thread");
    hk_coro_send(a, NULL);
    CHECK_STR(hk_why(), "thread: Protocol error");
    hk_coro_send(b, NULL);
    CHECK_STEP(hk_coro_send(a, NULL), "returned 0"); /* it did not fail: its text stays there */
    CHECK_STEP(hk_coro_send(b, NULL), "returned 0");
    CHECK_STR(hk_why(), "thread: Protocol error");
}

static void *recovers_then_fails_otherwise(void *arg)
{
    CHECK_EQ(hk_fail(-EPROTO, "a hiccup"), -EPROTO); /* handled here: nobody's business */
    (void)!hk_yield(arg);
    return hk_val(-EIO);
}

/* A text is handed on with its own error only; another's would mislead. */
TEST(a_text_does_not_travel_with_another_error)
{
    HK_CORO(co, recovers_then_fails_otherwise, NULL, NULL);
    hk_coro_send(co, NULL);
    CHECK_STEP(hk_coro_send(co, NULL), "failed EIO");
    CHECK_STR(hk_why(), "");
}

static void *waits_for_hiccup(void *arg)
{
    hk_exit how;
    hk_tid tid = hk_spawn(HK_ROOT, arg, NULL);
    CHECK_EQ(hk_task_wait(tid, &how), 0);
    CHECK_EQ(how.how, HK_END_FAILED);
    note("%s: %s", number_text(how.error), how.why);
    return NULL;
}

static void *task_recovers_then_fails(void *arg)
{
    hk_fail(-EPROTO, "a hiccup");
    (void)arg;
    return hk_val(-EIO);
}

static void *task_fails(void *arg)
{
    (void)arg;
    return hk_val(hk_fail(-EIO, "disk %d", 3));
}

TEST(who_waits_for_a_task_learns_why_it_failed)
{
    CHECK_EQ(hk_run(waits_for_hiccup, task_fails, NULL), 0);
    CHECK_STR(trace, "-EIO: disk 3: Input/output error");
    trace_clear();
    CHECK_EQ(hk_run(waits_for_hiccup, task_recovers_then_fails, NULL), 0);
    CHECK_STR(trace, "-EIO: ");
}

static void *spawns(void *arg) { return hk_spawn(HK_ROOT, arg, NULL) > 0 ? NULL : hk_val(-EIO); }

TEST(an_uncaught_failure_is_told_with_its_text,
     .prints = "hocket: task 2 'arg' failed with -5: disk 3: Input/output error\n")
{
    CHECK_EQ(hk_run(spawns, task_fails, NULL), 0);
}

TEST(an_uncaught_failure_is_not_told_with_anothers_text,
     .prints = "hocket: task 2 'arg' failed with -5: Input/output error\n")
{
    CHECK_EQ(hk_run(spawns, task_recovers_then_fails, NULL), 0);
}

static void *in_a_thread(void *arg)
{
    CHECK_STR(hk_why(), "");
    hk_fail(-EIO, "another thread");
    CHECK_STR(hk_why(), "another thread: Input/output error");
    return arg;
}

TEST(threads_have_their_own)
{
    pthread_t thread;
    hk_fail(-EPROTO, "main");
    CHECK_EQ(pthread_create(&thread, NULL, in_a_thread, NULL), 0);
    pthread_join(thread, NULL);
    CHECK_STR(hk_why(), "main: Protocol error");
}
