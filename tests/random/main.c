/* SPDX-License-Identifier: MIT */
/* hocket_random [--first N] [--seeds N]: runs programs from so many seeds; --seed N: that one,
 * each turn of a task on stderr; --program TEXT [--preemptions N]: every schedule of that one, or
 * with --schedule N that of a seed; --schedules all: of each in schedules.c. The last line: "seeds:
 * N", "schedules: N". Leaves with 1 where a run has failed. */
#include "random/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t number(const char *text) { return strtoull(text, NULL, 10); }

int main(int argc, char **argv)
{
    uint64_t first = 1, seeds = 1000;
    const char *text = NULL;
    bool all = false, one = false;
    uint64_t schedule = 0;
    program_name = argv[0];
    int preemptions = 2;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--first") == 0)
            first = number(argv[i + 1]);
        else if (strcmp(argv[i], "--seeds") == 0)
            seeds = number(argv[i + 1]);
        else if (strcmp(argv[i], "--seed") == 0)
            return run_seed(number(argv[i + 1]), true) ? 0 : 1;
        else if (strcmp(argv[i], "--schedules") == 0)
            all = true;
        else if (strcmp(argv[i], "--program") == 0)
            text = argv[i + 1];
        else if (strcmp(argv[i], "--schedule") == 0)
            one = true, schedule = number(argv[i + 1]);
        else if (strcmp(argv[i], "--preemptions") == 0)
            preemptions = atoi(argv[i + 1]);
        else
            return 2;
    }
    if (one) {
        static struct program p;
        program_text = text;
        return text != NULL && parse(&p, text) && run_program(&p, schedule, true) ? 0 : 1;
    }
    if (text != NULL || all) {
        const uint64_t schedules =
            all ? run_schedules(preemptions) : run_every_schedule(text, preemptions);
        printf("schedules: %llu\n", (unsigned long long)schedules);
        return schedules > 0 ? 0 : 1;
    }
    if (!run_seeds(first, seeds)) return 1;
    printf("seeds: %llu\n", (unsigned long long)seeds);
    return 0;
}
