/* SPDX-License-Identifier: MIT */
/* tail -f FILE | grep PATTERN, as two generators.
 *
 *     follow FILE PATTERN [COUNT]     ends after COUNT lines, or with Ctrl-C
 *
 * A pipeline that pulls: main asks grep for a line, grep asks follow, and follow sleeps while there
 * is none. That sleep is a system call, so it passes through grep and main up to the scheduler;
 * none of the three knows about the others' waiting. */
#include <hocket.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Yields the lines that are appended to a file from now on. */
static void *follow(void *path)
{
    FILE *file = fopen(path, "r");
    if (file == NULL) return hk_val(hk_fail(-errno, "%s", (char *)path));
    fseek(file, 0, SEEK_END);
    char line[1024];
    size_t used = 0;
    void *r = NULL;
    while (!hk_is_err(r)) {
        line[used] = '\0';
        if (fgets(line + used, (int)(sizeof line - used), file) != NULL) used = strlen(line);
        if (used == sizeof line - 1 || (used > 0 && line[used - 1] == '\n')) {
            used = 0;
            r = hk_yield(line);
        } else if (feof(file)) {
            clearerr(file);
            r = hk_val(hk_sleep(HK_MS(50)));
        }
    }
    fclose(file);
    return r;
}

struct grep {
    const char *pattern;
    hk_coro *lines;
};

static void *grep(void *arg)
{
    struct grep *self = arg;
    void *line;
    int r;
    while ((r = hk_coro_next(self->lines, &line)) > 0)
        if (strstr(line, self->pattern) != NULL && hk_is_err(hk_yield(line))) break;
    return hk_val(r);
}

static void *start(void *arg)
{
    char **argv = arg;
    HK_CORO(lines, follow, argv[1], NULL);
    HK_CORO(matches, grep, &(struct grep){ argv[2], lines }, NULL);
    long left = argv[3] != NULL ? atol(argv[3]) : -1;
    void *line;
    int r = 0;
    while (left-- != 0 && (r = hk_coro_next(matches, &line)) > 0) {
        fputs(line, stdout);
        fflush(stdout);
    }
    return hk_val(r < 0 ? r : 0);
}

int main(int argc, char **argv)
{
    if (argc < 3 || argc > 4) {
        fprintf(stderr, "usage: %s FILE PATTERN [COUNT]\n", argv[0]);
        return 2;
    }
    int r = hk_run(start, argv, NULL);
    if (r < 0) fprintf(stderr, "%s: %s\n", argv[0], hk_why());
    return r < 0;
}
