/* SPDX-License-Identifier: MIT */
/* A coroutine hosted in another process.
 *
 * `piped` forks a child and writes what it receives into a pipe, a line each. The child reads the
 * lines and sends them to its own part of the pipeline. Closing goes the same way: the pipe is
 * closed, the child reads the end of the file and closes its coroutines. */
#include "dataflow.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void host(int fd)
{
    HK_CORO(out, printer, NULL, &primed);
    HK_CORO(target, grep, &(struct grep){ "python", out }, &primed);
    FILE *lines = fdopen(fd, "r");
    char line[256];
    while (fgets(line, sizeof line, lines) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        hk_coro_send(target, line);
    }
    fclose(lines);
}

static void *piped(void *arg)
{
    int ends[2];
    if (pipe(ends) < 0) return hk_val(-errno);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        close(ends[1]);
        host(ends[0]);
        fflush(stdout);
        _exit(0);
    }
    close(ends[0]);
    void *item = child < 0 ? hk_val(-errno) : NULL;
    while (!hk_is_err(item) && !hk_is_err(item = hk_yield(NULL)))
        if (dprintf(ends[1], "%s\n", (char *)item) < 0) item = hk_val(-errno);
    close(ends[1]);
    if (child > 0) waitpid(child, NULL, 0);
    return item;
}

int main(void)
{
    HK_CORO(target, piped, NULL, &primed);
    source(target);
}
