/* SPDX-License-Identifier: MIT */
/* Seeds are run in a child process, so that one that crashes or never ends is known too. Of a
 * program that fails statements are left out, as long as what is left still fails under one of a
 * few schedules: each attempt is a child again. */
#include "random/random.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SCHEDULES = 8, SEED_SECONDS = 30, TRY_SECONDS = 5, SHRINK_SECONDS = 20 };

struct shrinking {
    struct program program;
    uint64_t seed; /* under which it failed last */
    time_t end;
};

/* 0: it passed. */
static int wait_for(pid_t pid)
{
    int status = -1;
    waitpid(pid, &status, 0);
    return status;
}

static bool fails_with(const struct program *p, uint64_t seed)
{
    fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0) {
        alarm(TRY_SECONDS);
        if (freopen("/dev/null", "w", stderr) == NULL) _exit(0);
        _exit(run_program(p, seed, false) ? 0 : 1);
    }
    return pid > 0 && wait_for(pid) != 0;
}

static bool still_fails(struct shrinking *s)
{
    if (time(NULL) >= s->end) return false;
    if (fails_with(&s->program, s->seed)) return true;
    for (uint64_t seed = 1; seed <= SCHEDULES; seed++)
        if (fails_with(&s->program, seed)) {
            s->seed = seed;
            return true;
        }
    return false;
}

/* True: something could be left out. A select keeps an arm. */
static bool shrink_list(struct shrinking *s, struct stmt **first, bool keeps_one)
{
    bool any = false;
    struct stmt **link = first;
    while (*link != NULL) {
        struct stmt *one = *link;
        *link = one->next;
        if (!(keeps_one && *first == NULL) && still_fails(s)) {
            any = true;
            continue;
        }
        *link = one;
        if (one->body != NULL && shrink_list(s, &one->body, one->op == OP_select)) any = true;
        link = &one->next;
    }
    return any;
}

static void shrink(uint64_t seed)
{
    static struct shrinking s;
    s = (struct shrinking){ .seed = seed, .end = time(NULL) + SHRINK_SECONDS };
    generate(&s.program, seed);
    while (shrink_list(&s, &s.program.main, false)) {}
    fprintf(stderr, "smaller: %s --schedule %llu --program '", program_name,
            (unsigned long long)s.seed);
    print_in_a_line(&s.program);
    fprintf(stderr, "'\n");
}

static void tell(uint64_t seed, int status)
{
    static struct program p;
    if (!WIFSIGNALED(status)) return; /* it has said so itself */
    fprintf(stderr, "seed %llu: %s\n", (unsigned long long)seed,
            WTERMSIG(status) == SIGALRM ? "it does not end" : strsignal(WTERMSIG(status)));
    generate(&p, seed);
    print_program(&p);
    fprintf(stderr, "again: %s --seed %llu\n", program_name, (unsigned long long)seed);
}

bool run_seeds(uint64_t first, uint64_t count)
{
    uint64_t *at =
        mmap(NULL, sizeof *at, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) return false;
    fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0) {
        for (*at = first; *at < first + count; ++*at) {
            alarm(SEED_SECONDS);
            if (!run_seed(*at, false)) _exit(1);
        }
        _exit(0);
    }
    const int status = pid > 0 ? wait_for(pid) : -1;
    const uint64_t seed = *at;
    munmap(at, sizeof *at);
    if (status == 0) return true;
    tell(seed, status);
    shrink(seed);
    return false;
}
