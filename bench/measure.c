/* SPDX-License-Identifier: MIT */
/* Measuring: by turns, in many rounds, medians.
 *
 * What else runs on the machine disturbs a round, so each is short and counts processor time, and
 * what is compared stands side by side. The ratio is the median of the rounds' ratios: a slow
 * second slows both. */
#include "bench.h"

#include <math.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

enum { ROUNDS = 101 };

int bench_rounds = ROUNDS;

uint64_t bench_mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * 0x9e3779b97f4a7c15;
    return hash ^ hash >> 29;
}

long bench_fitting(long wanted, double bytes_each)
{
    double kib = 0;
    char line[128];
    FILE *file = fopen("/proc/meminfo", "r");
    if (!file) return wanted;
    while (kib == 0 && fgets(line, sizeof line, file)) sscanf(line, "MemAvailable: %lf", &kib);
    fclose(file);
    long fits = (long)(kib * 1024 * 0.7 / bytes_each);
    if (fits >= wanted) return wanted;
    bench_say("memory for %ld tasks instead of %ld", fits, wanted);
    return fits;
}

void bench_run_race(bench_work *const *work, int contenders, long count, struct bench_race *ret)
{
    double ns[BENCH_CONTENDERS][ROUNDS], ratio[BENCH_CONTENDERS][ROUNDS];
    int rounds = bench_quick ? 1 : bench_rounds;
    *ret = (struct bench_race){ .ours = work[0], .count = count };
    if (bench_counting) return;                                       /* that is done row by row */
    for (int round = bench_quick ? 0 : -1; round < rounds; round++) { /* one to warm up */
        for (int i = 0; i < contenders; i++) {
            if (!work[i]) continue;
            uint64_t hash = 0;
            double each = (double)work[i](count, &hash) / (double)count;
            if (ret->hash[i] != 0 && ret->hash[i] != hash)
                bench_fail("contender %d did other work in round %d", i, round);
            ret->hash[i] = hash;
            if (round < 0) continue;
            ns[i][round] = each;
            ratio[i][round] = ns[0][round] / each;
        }
    }
    for (int i = 0; i < contenders; i++) {
        ret->median[i] = work[i] ? bench_median(ns[i], rounds) : NAN;
        ret->least[i] = work[i] ? ns[i][0] : NAN;
        ret->ratio[i] = work[i] ? bench_median(ratio[i], rounds) : NAN;
    }
}

void bench_emit_race(const char *name, const struct bench_race *race, int floor)
{
    if (bench_counting) {
        if (bench_wanted(name)) bench_count(name, race->ours, race->count);
        return;
    }
    struct bench_value row = { .value = race->median[0],
                               .least = race->least[0],
                               .floor = floor ? race->median[floor] : NAN,
                               .ratio = floor ? race->ratio[floor] : NAN,
                               .hash = race->hash[0],
                               .floor_hash = floor ? race->hash[floor] : 0 };
    snprintf(row.name, sizeof row.name, "%s", name);
    bench_emit(&row);
}
