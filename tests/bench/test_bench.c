/* SPDX-License-Identifier: MIT */
/* The benches do their work: a quick run of each, which prints hashes of it. */
#include "support/tools.h"
#include "harness/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* build/bench/hocket-bench beside build/tests/hocket_tests; false: it was not built. */
static bool find_bench(char *path, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", path, size - 32);
    for (int up = 0; up < 2 && n > 0; up++)
        while (n > 0 && path[--n] != '/') continue;
    if (n <= 0) return false;
    strcpy(path + n, "/bench/hocket-bench");
    return access(path, X_OK) == 0;
}

/* What it prints for an option, at most size bytes; its exit status. */
static int run_bench(const char *path, const char *option, char *text, size_t size)
{
    char command[600];
    snprintf(command, sizeof command, "'%s' %s 2>&1", path, option);
    FILE *pipe = popen(command, "r");
    if (!pipe) return -1;
    text[fread(text, 1, size - 1, pipe)] = '\0';
    int status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Rows that a machine may have to leave out: no ring, no nginx, no disk. */
static bool may_be_missing(const char *row)
{
    return strstr(row, "uring") || strstr(row, "http") || strstr(row, "file_");
}

TEST(benches_do_their_work, .seconds = 60)
{
    char path[512], text[8192], rows[8192];
    if (IS_GCC_TSAN) SKIP("it takes nearly ten milliseconds to make a task, of so many");
    if (!find_bench(path, sizeof path)) SKIP("no hocket-bench beside the tests");
    int status = run_bench(path, "--quick", text, sizeof text);
    if (status == 126 || status == 127) SKIP("hocket-bench cannot be run here by its name");
    if (!CHECK_EQ(status, 0)) printf("%s\n", text);
    CHECK(!strstr(text, "not as the floor"));
    CHECK_EQ(run_bench(path, "--list", rows, sizeof rows), 0);
    int listed = 0;
    for (char *row = strtok(rows, "\n"); row != NULL; row = strtok(NULL, "\n")) {
        row[strcspn(row, " ") + 1] = '\0';
        listed++;
        if (!may_be_missing(row) && !CHECK(strstr(text, row))) printf("no row %s\n", row);
    }
    CHECK(listed > 40);
}
