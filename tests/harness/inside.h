/* SPDX-License-Identifier: MIT */
/* What the files of the harness share: the runner (harness.c) and the test's own process
 * (inside.c). */
#ifndef HARNESS_INSIDE_H
#define HARNESS_INSIDE_H

#include "harness/harness.h"

#include <sys/types.h>

/* What a test's process tells the runner, in memory that both see. A test that forks adds to it
 * from its children, too. */
struct verdict {
    int failures;  /* checks that failed, leaks included */
    bool finished; /* the body returned */
    bool skipped;
    char why[200]; /* of the skip */
};

/* Runs the test in this process, which is its own; never returns. */
void inside_run(const struct test *test, struct verdict *verdict, int factor)
    __attribute__((noreturn));

/* Open descriptors and where they lead. */
struct fd_list {
    int count;
    struct {
        int fd;
        char target[120];
    } list[512];
};
void leaks_list_fds(struct fd_list *ret_list);
void leaks_check_fds(const struct fd_list *before, const struct fd_list *after);
void leaks_check_children(void);
/* Children, grandchildren ... of a process, at most max. */
int leaks_descendants(pid_t pid, pid_t *ret_list, int max);

#endif
