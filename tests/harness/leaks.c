/* SPDX-License-Identifier: MIT */
/* What a test must not leave behind: descriptors and child processes.
 *
 * Both are read from /proc before and after the body. Children that are left over are named, then
 * killed by their number and collected, so that no test outlives its run. */
#include "harness/inside.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int by_number(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }

void leaks_list_fds(struct fd_list *ret_list)
{
    DIR *dir = opendir("/proc/self/fd");
    struct dirent *entry;
    int max = (int)(sizeof ret_list->list / sizeof *ret_list->list);

    ret_list->count = 0;
    if (!dir) return;
    while ((entry = readdir(dir)) && ret_list->count < max) {
        int fd = atoi(entry->d_name);
        if (entry->d_name[0] == '.' || fd == dirfd(dir)) continue;
        char *target = ret_list->list[ret_list->count].target;
        ssize_t length =
            readlinkat(dirfd(dir), entry->d_name, target, sizeof ret_list->list->target - 1);
        target[length < 0 ? 0 : length] = '\0';
        ret_list->list[ret_list->count++].fd = fd;
    }
    closedir(dir);
    qsort(ret_list->list, (size_t)ret_list->count, sizeof *ret_list->list, by_number);
}

void leaks_check_fds(const struct fd_list *before, const struct fd_list *after)
{
    int b = 0, a = 0;

    while (b < before->count || a < after->count) {
        int was = b < before->count ? before->list[b].fd : INT32_MAX;
        int is = a < after->count ? after->list[a].fd : INT32_MAX;
        if (is < was) {
            test_fail("leaked fd %d -> %s", is, after->list[a++].target);
        } else if (was < is) {
            test_fail("closed fd %d -> %s, which was open before", was, before->list[b++].target);
        } else {
            if (strcmp(before->list[b].target, after->list[a].target) != 0)
                test_fail("fd %d was %s and is %s", is, before->list[b].target,
                          after->list[a].target);
            a++, b++;
        }
    }
}

/* Appends the children of one process to the list; returns its new length. */
static int add_children(pid_t pid, pid_t *list, int count, int max)
{
    char path[300];
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *threads = opendir(path);
    struct dirent *entry;

    while (threads && (entry = readdir(threads))) {
        int child;
        snprintf(path, sizeof path, "/proc/%d/task/%s/children", (int)pid, entry->d_name);
        FILE *file = entry->d_name[0] == '.' ? NULL : fopen(path, "re");
        while (file && count < max && fscanf(file, "%d", &child) == 1) list[count++] = child;
        if (file) fclose(file);
    }
    if (threads) closedir(threads);
    return count;
}

int leaks_descendants(pid_t pid, pid_t *ret_list, int max)
{
    int count = add_children(pid, ret_list, 0, max);
    for (int i = 0; i < count; i++) count = add_children(ret_list[i], ret_list, count, max);
    return count;
}

static void name_of(pid_t pid, char *name, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file || !fgets(name, (int)size, file)) snprintf(name, size, "?");
    name[strcspn(name, "\n")] = '\0';
    if (file) fclose(file);
}

void leaks_check_children(void)
{
    pid_t list[64], pid;
    char name[64];
    int status, count;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        test_fail("leaked a child process: %d was never waited for", (int)pid);
    if (pid < 0 && errno == ECHILD) return;
    count = leaks_descendants(getpid(), list, 64);
    if (!count) test_fail("leaked a child process that is still running");
    for (int i = 0; i < count; i++) {
        name_of(list[i], name, sizeof name);
        test_fail("leaked a child process: %d (%s) is still running", (int)list[i], name);
    }
    for (int i = 0; i < count; i++) {
        kill(list[i], SIGKILL);
        waitpid(list[i], NULL, 0);
    }
}
