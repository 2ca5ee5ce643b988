/* SPDX-License-Identifier: MIT */
/* Random programs of tasks, and models that know what each call in them must come to.
 *
 * A program is a text: `spawn1{ send0 sleep:3 } spawn2{ recv0! } kill1`. generate.c makes one from
 * a seed, text.c reads and prints it, play.c has its tasks run it. Whatever a task is about to do,
 * the models are told first: cause.c knows of scopes, groups and kills who may still wait; model.c
 * knows each object as a few lines of plain code, and so which of the waiting calls an operation
 * settles, and how. Between any two steps of any tasks check.c compares: exactly those calls must
 * be settled, with those results. So an effect is checked when it takes place, not when its task
 * hears of it. */
#ifndef RANDOM_RANDOM_H
#define RANDOM_RANDOM_H

#include <hocket.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* ---- programs ---- */

enum theme {
    FLOW,
    SCOPES,
    GROUPS,
    TASKS,
    CHANNELS,
    EVENTS,
    COUNTS,
    TIMES,
    LOCKS,
    BROADCASTS,
    VALUES,
    BYTES,
    THEMES
};

/* name, theme, objects of its kind, flags */
#define RANDOM_OPS(X) \
    X(sleep, FLOW, 0, WAITS | LIGHT | ARG) \
    X(yield, FLOW, 0, WAITS | LIGHT) \
    X(fail, FLOW, 0, ARG | RARE) \
    X(return, FLOW, 0, RARE) \
    X(exit, FLOW, 0, RARE) \
    X(scope, SCOPES, 0, BODY | ARG) \
    X(shield, SCOPES, 0, BODY | ARG) \
    X(soft, SCOPES, 0, BODY | ARG) \
    X(rearm, SCOPES, 0, ARG) \
    X(cancel, SCOPES, 0, TO_SCOPE) \
    X(all, GROUPS, 0, BODY | ARG) \
    X(any, GROUPS, 0, BODY | ARG) \
    X(first, GROUPS, 0, BODY | ARG) \
    X(alone, GROUPS, 0, BODY | ARG) \
    X(stop, GROUPS, 0, TO_SCOPE | ARG) \
    X(gwait, GROUPS, 0, WAITS | TO_SCOPE) \
    X(spawn, FLOW, 0, BODY | TASK) \
    X(daemon, TASKS, 0, BODY | TASK) \
    X(light, TASKS, 0, BODY | TASK) \
    X(root, TASKS, 0, BODY | TASK) \
    X(start, TASKS, 0, BODY | TASK) \
    X(started, TASKS, 0, 0) \
    X(kill, TASKS, 0, TO_TASK | LIGHT) \
    X(join, TASKS, 0, WAITS | TO_TASK | LIGHT) \
    X(send, CHANNELS, 4, WAITS | LIGHT) \
    X(recv, CHANNELS, 4, WAITS | LIGHT) \
    X(close, CHANNELS, 4, LIGHT | RARE) \
    X(abandon, CHANNELS, 4, LIGHT | RARE) \
    X(select, CHANNELS, 0, WAITS | BODY | ARG) \
    X(tick, TIMES, 2, WAITS | LIGHT) \
    X(token, TIMES, 2, WAITS | LIGHT) \
    X(set, EVENTS, 2, LIGHT) \
    X(clear, EVENTS, 2, LIGHT) \
    X(wait, EVENTS, 2, WAITS | LIGHT) \
    X(resolve, EVENTS, 2, LIGHT) \
    X(refuse, EVENTS, 2, LIGHT | RARE) \
    X(await, EVENTS, 2, WAITS | LIGHT) \
    X(acquire, COUNTS, 3, WAITS | LIGHT) \
    X(release, COUNTS, 3, LIGHT) \
    X(barrier, COUNTS, 2, WAITS | LIGHT) \
    X(add, COUNTS, 2, LIGHT) \
    X(done, COUNTS, 2, LIGHT) \
    X(drain, COUNTS, 2, WAITS | LIGHT) \
    X(lock, LOCKS, 2, WAITS | BODY) \
    X(read, LOCKS, 2, WAITS | BODY) \
    X(write, LOCKS, 2, WAITS | BODY) \
    X(cwait, LOCKS, 2, WAITS) \
    X(notify, LOCKS, 2, LIGHT) \
    X(wake, LOCKS, 2, LIGHT) \
    X(once, LOCKS, 2, WAITS | BODY) \
    X(tell, BROADCASTS, 2, WAITS | LIGHT) \
    X(hear, BROADCASTS, 4, WAITS | LIGHT) \
    X(subscribe, BROADCASTS, 4, LIGHT) \
    X(leave, BROADCASTS, 4, LIGHT) \
    X(hush, BROADCASTS, 2, LIGHT | RARE) \
    X(with, VALUES, 2, BODY) \
    X(put, BYTES, 2, WAITS | LIGHT | ARG) \
    X(get, BYTES, 2, WAITS | LIGHT | ARG)

enum op {
#define X(name, ...) OP_##name,
    RANDOM_OPS(X)
#undef X
        OPS
};

enum {
    WAITS = 1,
    BODY = 2,
    LIGHT = 4,
    ARG = 8,
    TO_SCOPE = 16,
    TO_TASK = 32,
    RARE = 64,
    TASK = 128
};

struct op_info {
    const char *name;
    enum theme theme;
    unsigned objects, flags;
};
extern const struct op_info op_info[OPS];

struct stmt {
    enum op op;
    int object;   /* of its kind; the number of a task or scope */
    int arg;      /* in steps of time, UNIT */
    int limit;    /* of a group; of a lock: its task ends with it */
    bool goes_on; /* does not unwind where it is cancelled */
    struct stmt *body, *next;
};

enum { MAX_TASKS = 24, MAX_SCOPES = 32, MAX_STMTS = 160, MAX_ARMS = 6, UNIT = 1000 };

struct program {
    struct stmt *main; /* what task 0 does */
    struct stmt stmt[MAX_STMTS];
    int stmts, tasks, scopes; /* tasks, scopes: numbers in use */
};

void generate(struct program *p, uint64_t seed);
/* False: it cannot be read; what is wrong is on stderr. */
bool parse(struct program *p, const char *text);
void format_stmt(const struct stmt *s, char *buf, size_t size); /* without its body */
void print_program(const struct program *p);
void print_in_a_line(const struct program *p);

/* ---- a program that runs ---- */

/* What is in force. */
enum { CUT = 1, STOP = 2, NO_WAIT = 4, SOFT = 8 };

struct scope {
    const struct stmt *stmt;
    struct scope *outer; /* of the same task */
    struct task *owner;
    bool open, cancelled, expired, shield;
    unsigned own;                /* STOP, NO_WAIT, SOFT */
    int64_t deadline, grace_end; /* INT64_MAX: none */
    hk_scope *real;

    bool is_group, is_closing, cut, won;
    bool failed_in_time; /* the first failure came before the deadline */
    enum op policy;
    hk_group *group;
    int live, daemons, limit;
    int error, failures;
    intptr_t result; /* of the body */
};

/* What a task waits for. */
struct wait {
    bool active;
    bool decided; /* the model says that it is settled, with */
    bool hidden;  /* the call is not ours to look at */
    bool opaque;  /* of the result only what is checked at its end is known */
    enum op op;
    int object;
    const hk_call *call;
    intptr_t result;
    intptr_t item; /* that it sends, or must have received */
    int64_t due, decided_at;
    const struct stmt *stmt;
    int committed; /* select: the arm; -1: none yet. Condition: 1: it takes the mutex again */
    intptr_t arm_result;
    intptr_t arm_item[MAX_ARMS];
};

union call {
    hk_call call;
    hk_sync_call sync;
    hk_wait_call wait;
    hk_sleep_call sleep;
    hk_tick_call tick;
    hk_select_call select;
    hk_condition_call condition;
    hk_io_call io;
};

struct task {
    int id;
    const struct stmt *stmt;
    hk_tid tid;
    struct scope *base, *top; /* the group it is in, its innermost scope */
    bool born, runs, ended, killed, is_daemon, is_light;
    bool is_started;       /* by hk_spawn_started */
    bool said;             /* that it has started */
    struct task *starter;  /* that waits for its word; NULL: nobody does */
    struct scope resort;   /* around all of a task of HK_ROOT */
    intptr_t value;        /* that it ends with */
    const void *values[2]; /* of the context variables, where it is now */
    struct wait wait;
    union call call;
    intptr_t item; /* that is received */
    void *future;
    hk_exit exit;
    hk_arm arm[MAX_ARMS];
    intptr_t arm_item[MAX_ARMS];
};

struct entry {
    struct task *task;
    int arm; /* -1: not of a select */
};

/* Who waits for an object, in order. */
struct line {
    struct entry entry[MAX_TASKS * 2];
    int count;
};

typedef HK_CHAN(intptr_t) item_chan;

struct chan_model {
    item_chan real;
    int capacity;
    bool ordered, closed, abandoned;
    intptr_t item[4];
    int count;
    struct line senders, receivers;
};

struct mutex_model {
    hk_mutex real;
    struct task *owner; /* it may have ended */
    struct line waiters;
};

struct rwlock_model {
    hk_rwlock real;
    struct task *writer;
    int readers;
    struct line waiters;
};

struct once_model {
    hk_once real;
    struct task *runner; /* it may have ended */
    bool is_done;
    struct line waiters;
};

typedef HK_BROADCAST(intptr_t) item_broadcast;
typedef HK_SUBSCRIBER(intptr_t) item_subscriber;

struct topic {
    item_broadcast real;
    int capacity;
    bool closed;
    int next; /* the number of the item that is sent next */
    intptr_t item[4];
    struct line senders;
};

/* Number i is of topic i % 2. */
struct listener {
    item_subscriber real;
    bool open;
    int since; /* the youngest is served first */
    int at;    /* the number of the item that comes next */
    struct line receivers;
};

/* Each byte is the number of those before it. */
struct pipe_model {
    int fds[2];
    int written, read;
    struct task *writer, *reader; /* that are at it; one at a time */
};

struct run {
    const struct program *program;
    uint64_t seed, random;
    bool failed, quiet;
    struct task task[MAX_TASKS];
    struct scope scope[MAX_SCOPES];
    intptr_t next_item;
    int released; /* items that nobody received */
    int must_release;
    int64_t started;

    struct chan_model chan[4];
    struct {
        hk_event real;
        bool is_set;
        struct line waiters;
    } event[2];
    struct {
        hk_future real;
        bool is_set;
        int error;
        struct line waiters;
    } future[2];
    struct {
        hk_semaphore real;
        uint64_t count;
        struct line waiters;
    } semaphore[3];
    struct {
        hk_barrier real;
        struct line waiters;
    } barrier[2];
    struct {
        hk_waitgroup real;
        int64_t count;
        struct line waiters;
    } waitgroup[2];
    struct {
        hk_limiter real;
        struct line waiters;
        int64_t granted;
    } limiter[2];
    struct {
        hk_ticker real;
        int64_t opened, ticks;
    } ticker[2];
    struct mutex_model mutex[2];
    struct rwlock_model rwlock[2];
    struct {
        hk_condition real;
        struct line waiters; /* with the mutex of that number */
    } condition[2];
    struct once_model once[2];
    struct topic topic[2];
    struct listener listener[4];
    int subscriptions;
    struct pipe_model pipe[2];
};

/* One at a time, since the scheduler's callbacks have no room for an argument. */
extern struct run *the_run;

/* The first failure of a run: says it, with the program and the command that has it again. */
void random_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
uint64_t chance(uint64_t *state, uint64_t below);

/* cause.c */
unsigned cause_of(const struct task *t);
int refusal_of(unsigned cause); /* 0, -ECANCELED, -ESHUTDOWN */
bool caused_by(const struct scope *s);
void age(struct run *run); /* deadlines that are over */
void cancel_scope(struct scope *s);
void open_scope(struct run *run, struct task *t, struct scope *s, int64_t timeout);
void move_deadline(struct scope *s, int64_t timeout);
intptr_t scope_result(const struct scope *s, intptr_t result);
void group_close_begins(struct run *run, struct scope *g, struct task *t, intptr_t result);
void starter_lets_go(struct task *t); /* it has said its word */
void task_ends(struct run *run, struct task *t, intptr_t value);

/* model.c: an operation begins, which may decide it, and others. */
void objects_open(struct run *run);
void objects_close(struct run *run);
void model_begin(struct run *run, struct task *t);
void model_act(struct run *run, const struct stmt *s);       /* one that never waits */
void model_withdraw(struct run *run, struct task *t);        /* it is cancelled */
void model_commit(struct run *run, struct task *t, int arm); /* the arm that a select took */
bool model_arm_ready(struct run *run, const struct task *t, const struct stmt *arm);
void model_serve(struct run *run, const struct line *line, intptr_t result, intptr_t item);
void model_serve_all(struct run *run, const struct line *line, intptr_t result);
intptr_t model_item_of(struct entry e);                 /* that a sender sends */
void model_task_ended(struct run *run, struct task *t); /* for who waits for that */
void model_settled(struct run *run, struct task *t);    /* in its own time: sleep, tick, token */
void decide(struct wait *w, intptr_t result);
void line_add(struct line *line, struct task *t, int arm);
void line_remove(struct line *line, const struct task *t);

/* broadcast.c. What an operation comes to, or MUST_WAIT. */
enum { MUST_WAIT = INTPTR_MIN };
intptr_t broadcast_tell(struct run *run, int i, intptr_t item);
intptr_t broadcast_hear(struct run *run, int i, intptr_t *ret_item);
bool broadcast_is_ready(const struct run *run, int i);
void broadcast_act(struct run *run, const struct stmt *s);
void broadcast_withdraw(struct run *run, const struct task *t);
void broadcast_open(struct run *run);
void broadcast_close(struct run *run);

/* bytes.c */
hk_call *bytes_prepare(struct run *run, struct task *t, const struct stmt *s);
bool bytes_possible(const struct run *run, const struct stmt *s);
void bytes_settled(struct run *run, struct task *t);
void bytes_withdraw(struct run *run, const struct task *t);
void bytes_open(struct run *run);
void bytes_close(struct run *run);

/* locks.c */
void locks_begin(struct run *run, struct task *t);
void locks_cancel(struct run *run, struct task *t); /* a wait for a condition, at its beginning */
void locks_act(struct run *run, const struct stmt *s);
void locks_unlock(struct run *run, const struct stmt *s);
void locks_once_ends(struct run *run, const struct stmt *s, intptr_t result);
void locks_withdraw(struct run *run, struct task *t);
void locks_admit(struct run *run); /* whoever waits behind those that were withdrawn */
void locks_break(struct run *run, const struct task *t);
void locks_look(struct run *run);
void locks_check(struct run *run);

/* check.c */
void check_all(struct run *run);
void find_started(struct run *run);
bool waits_for(const struct run *run, const struct task *t, const struct task *who);
void check_at_end(struct run *run);

/* play.c: the main task of one run. */
void *play(void *run);

/* run.c. Policies by seed: first come first served, random, PCT. */
extern const char *program_name; /* of the command that runs it again */
extern const char *program_text; /* NULL: it is one from a seed */
bool run_program(const struct program *p, uint64_t seed, bool traced);
bool run_seed(uint64_t seed, bool traced);
/* A program under every schedule with that many preemptions: how many there were; 0: it failed. */
uint64_t run_every_schedule(const char *text, int preemptions);
/* schedules.c: small programs, one for each that can go wrong. Likewise. */
uint64_t run_schedules(int preemptions);
/* shrink.c: seeds from first on; stops at one that fails, and says a smaller program that does. */
bool run_seeds(uint64_t first, uint64_t count);

#endif
