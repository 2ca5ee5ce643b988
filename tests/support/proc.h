/* SPDX-License-Identifier: MIT */
/* What tests of child processes share. */
#ifndef SUPPORT_PROC_H
#define SUPPORT_PROC_H

#include "support/net.h"

#include <sys/pidfd.h>
#include <unistd.h>

/* Valgrind knows no pidfd. */
static inline bool proc_have_pidfds(void)
{
    int fd = pidfd_open(getpid(), 0);
    if (fd >= 0) close(fd);
    return fd >= 0;
}

/* A TASK_TEST that starts processes. */
#define PROC_TEST(id, ...) \
    static void *task_##id(void *arg); \
    TEST(id, ##__VA_ARGS__) \
    { \
        if (!proc_have_pidfds()) SKIP("no pidfd_open here"); \
        CHECK_EQ(hk_run(task_##id, NULL, NULL), 0); \
    } \
    static void *task_##id(void *arg)

#endif
