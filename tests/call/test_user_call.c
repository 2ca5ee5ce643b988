/* SPDX-License-Identifier: MIT */
/* Calls that users define, under Hocket's scheduler and under one of fifty lines.
 *
 * A handler speaks to the call's driver alone, and a task to its calls alone: so each test runs the
 * same tasks on both, and they must not notice. */
#include "support/small.h"
#include "support/steps.h"

/* ---- both schedulers behind one door ---- */

static hk_sched *sched;
static small little;
static bool is_little;

static hk_tid spawn(hk_entry *fn, void *arg)
{
    return is_little ? small_spawn(&little, fn, arg) : hk_sched_spawn(sched, fn, arg);
}

static int kill_task(hk_tid tid)
{
    return is_little ? small_kill(&little, tid) : hk_task_kill(tid);
}

/* Runs body once on each, and the tasks that it spawned. */
static void on_both(void (*spawns)(void), void (*after)(void))
{
    for (int i = 0; i < 2; i++) {
        is_little = i == 1;
        trace_clear();
        kept = NULL;
        keep_aborts = 0;
        keep_abort_answer = HK_ABORTED;
        if (is_little) {
            small_init(&little);
            spawns();
            CHECK_EQ(small_run(&little), 0);
        } else {
            sched = hk_sched_create(NULL);
            spawns();
            CHECK_EQ(hk_sched_run(sched), 0);
            hk_sched_destroy(sched);
        }
        after();
    }
}

/* ---- the seed's own program ---- */

struct get_tid {
    hk_call call;
};
static void get_tid_handle(hk_call *call) { hk_call_complete(call, hk_call_tid(call)); }
static const hk_call_type get_tid_type = { .name = "get_tid", .handle = get_tid_handle };
static hk_tid get_tid(void) { return HK_TRAP(struct get_tid, HK_CALL(get_tid_type)); }

static void count(const char *name, int n)
{
    hk_tid tid = get_tid();
    for (int i = 0; i < n; i++) {
        note("%s%d ", name, (int)tid);
        CHECK_EQ(hk_sched_yield(), 0);
    }
    note("%s- ", name);
}

static void *foo(void *arg)
{
    count("foo", 3);
    return arg;
}

static void *bar(void *arg)
{
    count("bar", 5);
    return arg;
}

static void spawn_foo_and_bar(void)
{
    CHECK_EQ(spawn(foo, NULL), 1);
    CHECK_EQ(spawn(bar, NULL), 2);
}

static void saw_foo_and_bar(void)
{
    CHECK_STR(trace, "foo1 bar2 foo1 bar2 foo1 bar2 foo- bar2 bar2 bar- ");
}

TEST(foo_and_bar_do_not_notice_who_runs_them) { on_both(spawn_foo_and_bar, saw_foo_and_bar); }

/* ---- results are fresh ---- */

static void *asks_then_yields(void *arg)
{
    (void)arg;
    CHECK(get_tid() == 1);
    CHECK_EQ(hk_sched_yield(), 0); /* in the seed: the tid again */
    CHECK(get_tid() == 1);
    HK_CORO(inner, foo, NULL, NULL);
    CHECK_STEP(hk_coro_send(inner, NULL), "returned 0");
    return NULL;
}

static void spawn_asker(void) { spawn(asks_then_yields, NULL); }
static void saw_fresh_results(void) { CHECK_STR(trace, "foo1 foo1 foo1 foo- "); }

/* Case 39. */
TEST(a_yield_after_get_tid_gives_nothing_of_it) { on_both(spawn_asker, saw_fresh_results); }

/* ---- a mailbox: a call that parks, and tasks that complete it ---- */

enum { SLOTS = 4 };

static struct box {
    intptr_t letters[SLOTS];
    int count;
    struct receive *readers, **end;
} box;

struct receive {
    hk_call call;
    struct box *box;
    struct receive *next;
};

static void receive_handle(hk_call *call)
{
    struct receive *r = HK_CONTAINER(call, struct receive, call);
    struct box *b = r->box;
    if (b->count > 0) {
        intptr_t letter = b->letters[0];
        memmove(b->letters, b->letters + 1, (size_t)--b->count * sizeof *b->letters);
        hk_call_complete(call, letter);
        return;
    }
    if (b->readers == NULL) b->end = &b->readers;
    *b->end = r;
    b->end = &r->next;
    r->next = NULL;
}

static int receive_abort(hk_call *call)
{
    struct receive *r = HK_CONTAINER(call, struct receive, call), **link = &r->box->readers;
    while (*link != r) link = &(*link)->next;
    *link = r->next;
    if (r->next == NULL) r->box->end = link;
    note("abort ");
    return HK_ABORTED;
}

static int receive_describe(const hk_call *call, char *buf, size_t size)
{
    (void)call;
    return snprintf(buf, size, "a letter");
}

static const hk_call_type receive_type = { .name = "receive",
                                           .handle = receive_handle,
                                           .abort = receive_abort,
                                           .describe = receive_describe };

static intptr_t receive(struct box *b)
{
    return HK_TRAP(struct receive, HK_CALL(receive_type), .box = b);
}

/* No call: a plain function that completes somebody's. */
static void put(struct box *b, intptr_t letter)
{
    struct receive *r = b->readers;
    if (r == NULL) {
        b->letters[b->count++] = letter;
    } else {
        b->readers = r->next;
        hk_call_complete(&r->call, letter);
    }
}

static void *reader(void *arg)
{
    for (;;) {
        intptr_t letter = receive(&box);
        note("%c%s ", (int)hk_num(arg), number_text(letter));
        if (letter <= 0) return hk_val(letter);
    }
}

static void *writer(void *arg)
{
    for (int i = 1; i <= 3; i++) {
        put(&box, i);
        put(&box, i + 10);
        hk_sched_yield();
    }
    put(&box, 0);
    put(&box, 0);
    return arg;
}

static void spawn_readers_and_writer(void)
{
    spawn(reader, hk_val('a'));
    spawn(reader, hk_val('b'));
    spawn(writer, NULL);
}

static void saw_letters(void) { CHECK_STR(trace, "a1 b11 a2 b12 a3 b13 a0 b0 "); }

TEST(a_call_of_ones_own_may_park_and_be_completed_by_a_task)
{
    on_both(spawn_readers_and_writer, saw_letters);
}

/* ---- kill: abort, once, and nothing is lost ---- */

static hk_tid victim;

static void *kills_a_parked_one(void *arg)
{
    CHECK_EQ(kill_task(victim), 1);
    put(&box, 5); /* goes to the one that is left */
    hk_sched_yield();
    put(&box, 0);
    return arg;
}

static void spawn_victim(void)
{
    victim = spawn(reader, hk_val('a'));
    spawn(reader, hk_val('b'));
    spawn(kills_a_parked_one, NULL);
}

static void saw_victim(void) { CHECK_STR(trace, "abort a-ECANCELED b5 b0 "); }

TEST(a_killed_reader_leaves_the_queue_and_no_letter_is_lost) { on_both(spawn_victim, saw_victim); }

static void *completes_then_kills(void *arg)
{
    put(&box, 5); /* the victim's; it has not run yet */
    CHECK_EQ(kill_task(victim), 1);
    return arg;
}

static void spawn_done_and_killed(void)
{
    victim = spawn(reader, hk_val('a'));
    spawn(completes_then_kills, NULL);
}

static void saw_done_then_cancelled(void) { CHECK_STR(trace, "a5 a-ECANCELED "); }

/* Done beats the cancel that comes after it: the letter is reported, the next call is refused. */
TEST(one_killed_after_its_call_was_complete_gets_the_result_then_the_kill)
{
    on_both(spawn_done_and_killed, saw_done_then_cancelled);
}

static void *cancels_then_completes(void *arg)
{
    CHECK_EQ(kill_task(victim), 1);
    put(&box, 5); /* nobody reads: it stays */
    return arg;
}

static void spawn_killed_and_done(void)
{
    box.count = 0;
    victim = spawn(reader, hk_val('a'));
    spawn(cancels_then_completes, NULL);
}

static void saw_cancelled_only(void)
{
    CHECK_STR(trace, "abort a-ECANCELED ");
    CHECK(box.count == 1 && box.letters[0] == 5);
}

TEST(one_killed_before_the_letter_came_leaves_it_in_the_box)
{
    on_both(spawn_killed_and_done, saw_cancelled_only);
}

/* ---- abort that comes later ---- */

static void *keeper(void *arg)
{
    note("kept %s ", number_text(keep()));
    note("then %s ", number_text(keep()));
    return arg;
}

static void *kills_three_times(void *arg)
{
    keep_abort_answer = HK_ABORT_LATER;
    for (int i = 0; i < 3; i++) CHECK_EQ(kill_task(victim), 1);
    CHECK_EQ(keep_aborts, 1);
    hk_sched_yield();
    CHECK_STR(trace, ""); /* still parked */
    hk_call_complete(kept, 7);
    return arg;
}

static void spawn_latecomer(void)
{
    victim = spawn(keeper, NULL);
    spawn(kills_three_times, NULL);
}

static void saw_late_completion(void)
{
    CHECK_STR(trace, "kept 7 then -ECANCELED ");
    CHECK_EQ(keep_aborts, 1);
}

/* Case 63. */
TEST(abort_is_asked_once_and_later_means_the_completion_decides)
{
    on_both(spawn_latecomer, saw_late_completion);
}

/* ---- a task that was never started ---- */

static void *kills_the_next(void *arg)
{
    CHECK_EQ(kill_task(victim), 1);
    return arg;
}

static void spawn_stillborn(void)
{
    spawn(kills_the_next, NULL);
    victim = spawn(keeper, NULL);
}

static void saw_nothing(void) { CHECK_STR(trace, ""); }

TEST(one_killed_before_it_began_never_runs) { on_both(spawn_stillborn, saw_nothing); }
