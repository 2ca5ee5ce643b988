/* SPDX-License-Identifier: MIT */
/* What a parked task waits for, in words: describe, the table of tasks, the deadlock report. */
#include "support/sim.h"
#include "support/steps.h"

struct letter {
    hk_call call;
    const char *from;
};

static void letter_handle(hk_call *call) { kept = call; }

static int letter_describe(const hk_call *call, char *buf, size_t size)
{
    return snprintf(buf, size, "a letter from %s", HK_CONTAINER(call, struct letter, call)->from);
}

static int no_abort(hk_call *call)
{
    (void)call;
    return HK_ABORTED;
}

static const hk_call_type letter_type = {
    .name = "letter", .handle = letter_handle, .abort = no_abort, .describe = letter_describe
};

static int cannot_describe(const hk_call *call, char *buf, size_t size)
{
    (void)call;
    (void)buf;
    (void)size;
    return -EIO;
}

static const hk_call_type mute_type = {
    .name = "mute", .handle = letter_handle, .abort = no_abort, .describe = cannot_describe
};

static void *waits_for_letter(void *arg)
{
    hk_task_name("reader of %s", (const char *)arg);
    return hk_val(HK_TRAP(struct letter, HK_CALL(letter_type), .from = arg));
}

static void *waits_mutely(void *arg)
{
    (void)arg;
    return hk_val(HK_TRAP(struct letter, HK_CALL(mute_type)));
}

static void *keeps(void *arg)
{
    (void)arg;
    return hk_val(keep());
}

static void *consumes_reader(void *arg)
{
    HK_CORO(co, waits_for_letter, arg, NULL);
    return hk_coro_send(co, NULL).value;
}

static struct {
    hk_coro co;
    struct letter letter;
} frame;

static hk_step stackless_reader(hk_coro *co, void *in)
{
    HK_BEGIN(co);
    frame.letter = (struct letter){ HK_CALL(letter_type), .from = "bob" };
    HK_AWAIT(co, &frame.letter.call);
    HK_END(co, hk_val(frame.letter.call.result));
}

static void *name(const char *text) { return (void *)(uintptr_t)text; }

static void check_row(const hk_task_info *info, const char *task, const char *state,
                      const char *waits)
{
    CHECK_STR(info->name, task);
    CHECK_STR(info->state, state);
    CHECK_STR(info->waits, waits);
    CHECK(!info->killed);
}

static void *looks_at_the_table(void *arg)
{
    hk_task_info list[8];
    (void)arg;
    hk_stackless_init(&frame.co, stackless_reader, NULL);
    hk_tid tids[] = { hk_spawn(HK_ROOT, waits_for_letter, name("alice")),
                      hk_spawn(HK_ROOT, waits_mutely, NULL),
                      hk_spawn(HK_ROOT, keeps, NULL),
                      hk_spawn(HK_ROOT, consumes_reader, name("carol")),
                      hk_spawn_stackless(HK_ROOT, &frame.co, "stackless"),
                      hk_spawn(HK_ROOT, keeps, NULL) };
    CHECK_EQ(hk_sched_tasks(NULL, list, HK_LEN(list)), 7);
    check_row(&list[1], "waits_for_letter", "ready", ""); /* as its function is called */
    hk_sched_yield();
    CHECK_EQ(hk_sched_tasks(NULL, list, HK_LEN(list)), 7);
    CHECK(list[1].waited == 0 && list[5].waited == 0); /* no time has passed */
    check_row(&list[0], "main", "running", "");
    check_row(&list[1], "reader of alice", "waiting", "a letter from alice");
    check_row(&list[2], "waits_mutely", "waiting", "mute");
    check_row(&list[3], "keeps", "waiting", "keep");
    /* A name given in a generator is the task's, and so is what the generator waits for. */
    check_row(&list[4], "reader of carol", "waiting", "a letter from carol");
    check_row(&list[5], "stackless", "waiting", "a letter from bob");
    for (size_t i = 0; i < HK_LEN(tids); i++) CHECK_EQ(list[i + 1].tid, tids[i]);
    CHECK_EQ(hk_sched_tasks(NULL, list, 2), 7); /* how many there are, not how many fit */
    CHECK_EQ(hk_sched_tasks(NULL, NULL, 0), 7);
    for (size_t i = 0; i < HK_LEN(tids); i++) CHECK_EQ(hk_task_kill(tids[i]), 1);
    hk_sched_tasks(NULL, list, HK_LEN(list));
    CHECK(list[1].killed && list[5].killed && !list[0].killed);
    return NULL;
}

TEST(the_table_says_what_each_task_waits_for)
{
    CHECK_EQ(sim_once(looks_at_the_table, NULL), 0);
    CHECK_EQ(hk_sched_tasks(NULL, NULL, 0), 0); /* no scheduler here */
}

static void *waits_for_a_novel(void *arg)
{
    static char novel[500];
    hk_task_info list[2];
    memset(novel, 'x', sizeof novel - 1);
    hk_tid tid = hk_spawn(HK_ROOT, waits_for_letter, novel);
    hk_sched_yield();
    hk_sched_tasks(NULL, list, HK_LEN(list));
    CHECK_EQ(strlen(list[1].waits), sizeof list[1].waits - 1);
    CHECK_EQ(strlen(list[1].name), sizeof list[1].name - 1);
    hk_task_kill(tid);
    return arg;
}

TEST(long_descriptions_and_names_are_cut) { CHECK_EQ(sim_once(waits_for_a_novel, NULL), 0); }

static void *deadlocks(void *arg)
{
    hk_spawn(HK_ROOT, waits_for_letter, name("alice"));
    return waits_for_letter(arg);
}

TEST(a_deadlock_is_reported_with_what_everybody_waits_for,
     .prints = "hocket: deadlock: nothing can ever run again: 2 tasks\n"
               "hocket:   task 1      reader of bob        waiting for a letter from bob, ")
{
    CHECK_EQ(sim_once(deadlocks, name("bob")), -EDEADLK);
}

static void *sleeps(void *arg)
{
    (void)arg;
    return hk_val(hk_sleep(HK_SEC(1000)));
}

static void *waits_for(void *arg) { return hk_val(hk_task_wait(hk_num(arg), NULL)); }

static void *looks_at_built_in_calls(void *arg)
{
    hk_task_info list[4];
    hk_tid sleeper = hk_spawn_with(HK_ROOT, sleeps, NULL, &(hk_coro_options){ .name = "sleeper" });
    hk_tid waiter = hk_spawn(HK_ROOT, waits_for, hk_val(sleeper));
    hk_sleep(HK_MS(1)); /* the timer is armed by now */
    CHECK_EQ(hk_sched_tasks(NULL, list, HK_LEN(list)), 3);
    CHECK_STR(list[1].waits, "sleep, 999.999 s left");
    CHECK_STR(list[2].waits, "the end of task 2 'sleeper'");
    CHECK_EQ((list[1].waited + 500) / 1000, 1000); /* kept to some 100 ns */
    CHECK_EQ((list[2].waited + 500) / 1000, 1000);
    hk_task_kill(sleeper);
    hk_task_kill(waiter);
    return arg;
}

TEST(built_in_calls_describe_themselves) { CHECK_EQ(sim_once(looks_at_built_in_calls, NULL), 0); }
