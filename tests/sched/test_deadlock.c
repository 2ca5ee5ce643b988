/* SPDX-License-Identifier: MIT */
/* What the report of a deadlock says, to the letter: every task, what it waits for, and the cycles.
 * In virtual time, so that it is the same from run to run. */
#include "support/said.h"
#include "support/steps.h"

static int simulate(void *main_task)
{
    const hk_sim_options fifo = { .policy = HK_SIM_FIFO };
    return hk_sim_run((hk_entry *)(uintptr_t)main_task, NULL, &fifo, NULL);
}

static int listen_to(hk_entry *main_task)
{
    return said_by(simulate, (void *)(uintptr_t)main_task);
}

/* Only the report: its lines are indented. */
static void cut_report(void)
{
    char *at = strchr(said, '\n');
    while (at != NULL && strncmp(at + 1, "hocket:   ", 10) == 0) at = strchr(at + 1, '\n');
    if (at != NULL) at[1] = '\0';
}

static void check_deadlock(hk_entry *main_task, const char *report)
{
    CHECK_EQ(listen_to(main_task), -EDEADLK);
    cut_report();
    CHECK_STR(said, report);
}

#define DEADLOCK(tasks) "hocket: deadlock: nothing can ever run again: " tasks " tasks\n"

/* ---- a lock, of a call of one's own that names its owner ---- */

struct lock {
    const char *name;
    hk_tid owner;
};

struct lock_call {
    hk_call call;
    struct lock *lock;
};

static struct lock *lock_of(const hk_call *call)
{
    return HK_CONTAINER(call, struct lock_call, call)->lock;
}

/* Nobody here ever lets go. */
static void lock_handle(hk_call *call)
{
    struct lock *lock = lock_of(call);
    if (lock->owner != 0) return;
    lock->owner = hk_call_tid(call);
    hk_call_complete(call, 0);
}

static int lock_abort(hk_call *call)
{
    (void)call;
    return HK_ABORTED;
}

static int lock_describe(const hk_call *call, char *buf, size_t size)
{
    return snprintf(buf, size, "%s", lock_of(call)->name);
}

static int64_t lock_owner(const hk_call *call) { return lock_of(call)->owner; }

static const hk_call_type lock_type = { .name = "lock",
                                        .handle = lock_handle,
                                        .abort = lock_abort,
                                        .describe = lock_describe,
                                        .owner = lock_owner };

static int take(struct lock *lock)
{
    return (int)HK_TRAP(struct lock_call, HK_CALL(lock_type), .lock = lock);
}

static void *takes(void *arg) { return hk_val(take(arg)); }

/* ---- philosophers ---- */

enum { MOST = 100 };
static struct lock forks[MOST];
static char fork_names[MOST][16];
static unsigned seats, tables;

struct seat {
    unsigned left, right;
};

static void *thinks(void *arg)
{
    const struct seat *seat = arg;
    int r = take(&forks[seat->left]);
    if (r == 0) r = hk_sched_yield();
    return hk_val(r == 0 ? take(&forks[seat->right]) : r);
}

static void set_table(void)
{
    for (unsigned i = 0; i < seats * tables; i++) {
        snprintf(fork_names[i], sizeof fork_names[i], "fork %u", i);
        forks[i] = (struct lock){ .name = fork_names[i] };
    }
}

static void *dines(void *arg)
{
    static const char *const names[] = { "plato", "kant", "hegel" };
    set_table();
    for (unsigned i = 0; i < seats * tables; i++) {
        const unsigned first = i / seats * seats;
        struct seat seat = { i, first + (i + 1) % seats };
        hk_spawn_with(
            HK_ROOT, thinks, &seat,
            &(hk_coro_options){ .name = i < 3 ? names[i] : "guest", .arg_size = sizeof seat });
    }
    return arg;
}

TEST(two_locks_crossed)
{
    seats = 2, tables = 1;
    check_deadlock(
        dines,
        DEADLOCK("2") "hocket:   task 2      plato                waiting for fork 1, 0.000 s\n"
                      "hocket:   task 3      kant                 waiting for fork 0, 0.000 s\n"
                      "hocket:   cycle: task 2 'plato' waits for fork 1: task 3 'kant',\n"
                      "hocket:          which waits for fork 0: task 2 'plato'\n");
}

TEST(three_philosophers)
{
    seats = 3, tables = 1;
    check_deadlock(
        dines,
        DEADLOCK("3") "hocket:   task 2      plato                waiting for fork 1, 0.000 s\n"
                      "hocket:   task 3      kant                 waiting for fork 2, 0.000 s\n"
                      "hocket:   task 4      hegel                waiting for fork 0, 0.000 s\n"
                      "hocket:   cycle: task 2 'plato' waits for fork 1: task 3 'kant',\n"
                      "hocket:          which waits for fork 2: task 4 'hegel',\n"
                      "hocket:          which waits for fork 0: task 2 'plato'\n");
}

TEST(a_long_cycle_is_cut)
{
    seats = 40, tables = 1;
    CHECK_EQ(listen_to(dines), -EDEADLK);
    CHECK_EQ(said_times("cycle: "), 1);
    CHECK_EQ(said_times("which waits for"), 31);
    CHECK(strstr(said, "which waits for fork 32: task 34 'guest',\n"
                       "hocket:          and so on: 40 tasks\n") != NULL);
}

TEST(many_cycles_are_cut)
{
    seats = 2, tables = 20;
    CHECK_EQ(listen_to(dines), -EDEADLK);
    CHECK_EQ(said_times("cycle: "), 16);
    CHECK(strstr(said, "hocket:   and 4 more cycles\n") != NULL);
}

/* ---- mutexes, which say who holds them ---- */

static hk_mutex pen, paper;

static void *writes(void *arg)
{
    hk_mutex *first = arg, *second = first == &pen ? &paper : &pen;
    int r = hk_mutex_lock(first);
    if (r == 0) r = hk_sched_yield();
    return hk_val(r == 0 ? hk_mutex_lock(second) : r);
}

static void *two_write(void *arg)
{
    pen = (hk_mutex){ .name = "pen" };
    paper = (hk_mutex){ .name = "paper" };
    hk_spawn_with(HK_ROOT, writes, &pen, &(hk_coro_options){ .name = "plato" });
    hk_spawn_with(HK_ROOT, writes, &paper, &(hk_coro_options){ .name = "kant" });
    return arg;
}

TEST(two_mutexes_crossed)
{
    check_deadlock(two_write,
                   DEADLOCK("2") "hocket:   task 2      plato                waiting for mutex "
                                 "'paper', held by task 3 'kant', 0.000 s\n"
                                 "hocket:   task 3      kant                 waiting for mutex "
                                 "'pen', held by task 2 'plato', 0.000 s\n"
                                 "hocket:   cycle: task 2 'plato' waits for mutex 'paper', held by "
                                 "task 3 'kant',\n"
                                 "hocket:          which waits for mutex 'pen', held by task 2 "
                                 "'plato'\n");
}

/* ---- groups ---- */

static struct lock ledger;

static void *waits_for_children(void *arg)
{
    (void)arg;
    ledger = (struct lock){ .name = "the ledger" };
    CHECK_EQ(take(&ledger), 0);
    HK_GROUP(clerks, &(hk_group_options){ .name = "clerks" });
    for (int i = 0; i < 3; i++) hk_spawn(&clerks, takes, &ledger);
    return hk_val(hk_group_close(&clerks, 0));
}

/* One of the three is enough. */
TEST(a_task_waits_for_itself_through_its_children)
{
    CHECK_EQ(listen_to(waits_for_children), -EDEADLK);
    cut_report();
    CHECK(strstr(said,
                 "hocket:   task 2      takes                waiting for the ledger, 0.000 s, in "
                 "group clerks\n") != NULL);
    CHECK(strstr(said, "hocket:   cycle: task 1 'main' waits for the end of group clerks of 3 "
                       "tasks: task 2 'takes',\n"
                       "hocket:          which waits for the ledger: task 1 'main'\n") != NULL);
    CHECK_EQ(said_times("cycle: "), 1);
}

static hk_event never;

static void *waits_for_ever(void *arg)
{
    (void)arg;
    return hk_val(hk_event_wait(&never));
}

static int inner_line;

static void *nests(void *arg)
{
    inner_line = __LINE__ + 1;
    HK_GROUP(inner, NULL);
    hk_spawn(&inner, waits_for_ever, NULL);
    hk_spawn(&inner, takes, arg);
    return hk_val(hk_group_close(&inner, 0));
}

static void *waits_for_grandchildren(void *arg)
{
    (void)arg;
    ledger = (struct lock){ .name = "the ledger" };
    never = (hk_event){ .name = "never" };
    CHECK_EQ(take(&ledger), 0);
    HK_GROUP(outer, &(hk_group_options){ .name = "outer" });
    hk_spawn_with(&outer, nests, &ledger, &(hk_coro_options){ .name = "clerk" });
    CHECK_EQ(hk_group_wait(&outer), -ECANCELED);
    return hk_val(hk_group_close(&outer, -ECANCELED));
}

TEST(a_cycle_through_groups_and_who_waits_besides)
{
    char line[200];
    CHECK_EQ(listen_to(waits_for_grandchildren), -EDEADLK);
    cut_report();
    CHECK_EQ(said_times("cycle: "), 1);
    CHECK(strstr(said, "hocket:   cycle: task 1 'main' waits for the end of group outer of 1 task: "
                       "task 2 'clerk',\n"
                       "hocket:          which waits for the end of the group of "
                       "test_deadlock.c:") != NULL);
    CHECK(strstr(said, " of 2 tasks: task 4 'takes',\n"
                       "hocket:          which waits for the ledger: task 1 'main'\n") != NULL);
    snprintf(
        line, sizeof line,
        "hocket:   task 3      waits_for_ever       waiting for event 'never', 0.000 s, in the "
        "group of %s:%d\n",
        __FILE__, inner_line);
    CHECK(strstr(said, line) != NULL);
}

/* Daemons are no reason to wait. */
static void *has_a_daemon(void *arg)
{
    (void)arg;
    ledger = (struct lock){ .name = "the ledger" };
    never = (hk_event){ .name = "never" };
    CHECK_EQ(take(&ledger), 0);
    HK_GROUP(g, NULL);
    hk_spawn_with(&g, takes, &ledger, &(hk_coro_options){ .daemon = true });
    hk_spawn(&g, waits_for_ever, NULL);
    return hk_val(hk_group_close(&g, 0));
}

TEST(a_daemon_is_part_of_no_cycle)
{
    CHECK_EQ(listen_to(has_a_daemon), -EDEADLK);
    CHECK_EQ(said_times("cycle: "), 0);
    CHECK_EQ(said_times("hocket:   task "), 3);
}

/* ---- without a cycle ---- */

static void *alone(void *arg)
{
    never = (hk_event){ .name = "never" };
    hk_task_name("hamlet");
    return waits_for_ever(arg);
}

TEST(nobodys_event)
{
    check_deadlock(alone,
                   "hocket: deadlock: nothing can ever run again: 1 task\n"
                   "hocket:   task 1      hamlet               waiting for event 'never', 0.000 "
                   "s\n");
}

typedef HK_CHAN(int) int_chan;
struct peers {
    int_chan in, out;
};

static void *asks_first(struct peers *p)
{
    int item, r = hk_chan_recv(p->in, &item);
    return hk_val(r > 0 ? hk_chan_send(p->out, &item) : r);
}
HK_ENTRY(asks_first, struct peers)

static void *both_ways(void *arg)
{
    HK_CHANNEL(int_chan, up, 1);
    HK_CHANNEL(int_chan, down, 1);
    HK_GROUP(g, &(hk_group_options){ .name = "peers" });
    hk_go(&g, asks_first, up, down);
    hk_go(&g, asks_first, down, up);
    return hk_val(hk_group_close(&g, hk_num(arg)));
}

TEST(channels_both_ways)
{
    CHECK_EQ(listen_to(both_ways), -EDEADLK);
    cut_report();
    CHECK(strstr(said, "hocket:   task 2      asks_first           waiting for to receive from "
                       "channel 'up', which is empty, 0.000 s, in group peers\n"
                       "hocket:   task 3      asks_first           waiting for to receive from "
                       "channel 'down', which is empty, 0.000 s, in group peers\n") != NULL);
    CHECK_EQ(said_times("cycle: "), 0);
}

/* ---- others besides ---- */

static void *waits_for(void *arg) { return hk_val(hk_task_wait(hk_num(arg), NULL)); }

static void *dine_while_others_wait(void *arg)
{
    hk_sleep(HK_MS(2500));
    never = (hk_event){ .name = "never" };
    dines(arg);
    hk_spawn_with(HK_ROOT, waits_for, hk_val(3), &(hk_coro_options){ .name = "heir" });
    hk_sleep(HK_MS(1500));
    return waits_for_ever(arg);
}

TEST(others_wait_too)
{
    seats = 2, tables = 1;
    check_deadlock(
        dine_while_others_wait,
        DEADLOCK("4") "hocket:   task 1      main                 waiting for event 'never', 0.000 "
                      "s\n"
                      "hocket:   task 2      plato                waiting for fork 1, 1.500 s\n"
                      "hocket:   task 3      kant                 waiting for fork 0, 1.500 s\n"
                      "hocket:   task 4      heir                 waiting for the end of task 3 "
                      "'kant', 1.500 s\n"
                      "hocket:   cycle: task 2 'plato' waits for fork 1: task 3 'kant',\n"
                      "hocket:          which waits for fork 0: task 2 'plato'\n");
}

/* Some live: that is no deadlock, but can be asked for. */
static void *prints_while_alive(void *arg)
{
    dines(arg);
    hk_sleep(HK_SEC(1));
    hk_sched_print(NULL);
    hk_sched_stop(NULL, 0);
    return NULL;
}

TEST(a_cycle_while_others_live_is_printed)
{
    seats = 2, tables = 1;
    CHECK_EQ(listen_to(prints_while_alive), 0);
    CHECK_STR(said, "hocket: tasks: 3 tasks\n"
                    "hocket:   task 1      main                 running\n"
                    "hocket:   task 2      plato                waiting for fork 1, 1.000 s\n"
                    "hocket:   task 3      kant                 waiting for fork 0, 1.000 s\n"
                    "hocket:   cycle: task 2 'plato' waits for fork 1: task 3 'kant',\n"
                    "hocket:          which waits for fork 0: task 2 'plato'\n");
}

/* ---- what a wait refuses ---- */

/* Who holds the ledger waits for a task that waits for the ledger. */
static void *waits_across_a_lock(void *arg)
{
    ledger = (struct lock){ .name = "the ledger" };
    CHECK_EQ(take(&ledger), 0);
    hk_tid clerk = hk_spawn(HK_ROOT, takes, &ledger);
    hk_sched_yield();
    CHECK_NUMBER(hk_task_wait(clerk, NULL), "-EDEADLK");
    hk_tid other = hk_spawn(HK_ROOT, waits_for, hk_val(clerk));
    hk_sched_yield();
    CHECK_NUMBER(hk_task_wait(other, NULL), "-EDEADLK");
    hk_task_kill(clerk);
    CHECK_EQ(hk_task_wait(other, NULL), 0);
    return arg;
}

TEST(a_wait_that_closes_a_ring_of_locks_is_refused) { CHECK_EQ(listen_to(waits_across_a_lock), 0); }

/* A ring that the caller is not part of is looked at, and left. */
static void *waits_for_a_ring(void *arg)
{
    dines(arg);
    hk_sleep(HK_SEC(1));
    return waits_for(hk_val(2));
}

TEST(a_wait_for_a_task_of_a_ring_waits)
{
    seats = 3, tables = 1;
    CHECK_EQ(listen_to(waits_for_a_ring), -EDEADLK);
    CHECK(strstr(said, "main                 waiting for the end of task 2 'plato'") != NULL);
}

static void *waits_for_its_starter(void *arg) { return hk_val(hk_task_wait(hk_num(arg), NULL)); }

static void *starts(void *arg)
{
    (void)arg;
    HK_GROUP(g, NULL);
    CHECK_NUMBER(hk_spawn_started(&g, waits_for_its_starter, hk_val(hk_task_self()), NULL),
                 "-EDEADLK");
    return hk_val(hk_group_close(&g, 0));
}

TEST(who_is_started_cannot_wait_for_its_starter) { CHECK_EQ(listen_to(starts), 0); }
