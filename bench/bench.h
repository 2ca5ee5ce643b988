/* SPDX-License-Identifier: MIT */
/* The benches: what their files share.
 *
 * A bench is a function that measures one row of the table or several. It runs in a process of its
 * own, forked from a small one, so that no row sees the memory that another left behind. Contenders
 * for one row do the same work by turns: ours first, then the floors, round after round; each
 * gives a hash of the work it did, and equal work must give equal hashes. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdbool.h>
#include <stdint.h>

/* A line of the table, as it is known before it is measured. */
struct bench_row {
    const char *name, *unit, *aim;
    double limit;      /* the aim as a number, negative: not less than that; of the value, */
    bool limits_ratio; /* or of the ratio to the floor */
};

/* The benches, each with the rows it fills; the last row has no name. */
struct bench {
    const struct bench_row *rows;
    void (*run)(void);
};
extern const struct bench bench_send, bench_yield_2, bench_yield_1000, bench_yield_100000,
    bench_call, bench_timer, bench_spawn, bench_parked, bench_stackless, bench_echo_syscalls,
    bench_echo_1_64, bench_echo_1_4096, bench_echo_64_64, bench_echo_64_4096, bench_echo_1000_64,
    bench_echo_1000_4096, bench_echo_10000_64, bench_echo_10000_4096, bench_spin, bench_accept,
    bench_file_cached, bench_file_direct, bench_http, bench_channel, bench_scope, bench_cancel,
    bench_cancel_stackless, bench_sim, bench_wake, bench_step;

/* A row as it was measured. NAN: none. */
struct bench_value {
    char name[32];
    double value, least, floor, ratio;
    uint64_t hash, floor_hash; /* of the work; 0: none */
};

extern bool bench_quick;    /* little work, no figures worth printing: a test of the benches */
extern bool bench_counting; /* little work under callgrind, for scripts/bench_check.py */

/* Hands a measured row to the table. */
void bench_emit(const struct bench_value *value);
/* Whether somebody wants to see this row. */
bool bench_wanted(const char *name);
/* Ends this bench with a sentence. */
void bench_fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
/* A line about what goes on. */
void bench_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- measuring ---- */

int64_t bench_now(void);     /* ns */
int64_t bench_cpu_now(void); /* ns of the processor that this thread has had */
void bench_sort(double *values, int count);
double bench_median(double *values, int count); /* sorts them */
uint64_t bench_mix(uint64_t hash, uint64_t value);
/* So many of those that are wanted fit into memory: the machine may be small. */
long bench_fitting(long wanted, double bytes_each);

/* Does the work `count` times. Returns the ns it took. */
typedef int64_t bench_work(long count, uint64_t *ret_hash);

enum { BENCH_CONTENDERS = 4 };

struct bench_race {
    double median[BENCH_CONTENDERS], least[BENCH_CONTENDERS]; /* ns for each of the count */
    double ratio[BENCH_CONTENDERS]; /* the first against this one, median of the rounds */
    uint64_t hash[BENCH_CONTENDERS];
    bench_work *ours;
    long count;
};

extern int bench_rounds; /* of a race: where one is long, fewer will do */

/* Has the contenders run by turns. A contender that is NULL is left out. */
void bench_run_race(bench_work *const *work, int contenders, long count, struct bench_race *ret);
/* Contender 0 as row `name`, with contender `floor` (0: none) beside it. */
void bench_emit_race(const char *name, const struct bench_race *race, int floor);

/* ---- counting (count.c) ---- */

/* What the counts depend on, for instance "gcc-12 x86_64"; NULL: they would mean nothing here, or
 * nobody counts. */
const char *bench_count_key(void);
/* Has callgrind note the instructions of little work of a row, and of more. */
void bench_count(const char *name, bench_work *work, long count);

#endif
