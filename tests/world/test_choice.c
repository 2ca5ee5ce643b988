/* SPDX-License-Identifier: MIT */
/* Which world a scheduler gets, and what it says of it. */
#include "support/net.h"
#include "support/no_ring.h"

#include <stdlib.h>

static char line[200];

static void *tell_world(void *arg)
{
    CHECK(hk_sched_world(NULL, line, sizeof line) > 0);
    return arg;
}

static int run_in(const hk_world *world, const char *variable)
{
    line[0] = '\0';
    if (variable != NULL)
        setenv("HOCKET_WORLD", variable, 1);
    else
        unsetenv("HOCKET_WORLD");
    return hk_run(tell_world, NULL, &(hk_run_options){ .world = world });
}

static bool begins_with(const char *text) { return strncmp(line, text, strlen(text)) == 0; }

static bool there_is_a_ring(void) { return run_in(hk_world_uring(), NULL) == 0; }

TEST(ring_where_there_is_one)
{
    if (!there_is_a_ring()) SKIP("no io_uring here");
    CHECK_EQ(run_in(NULL, NULL), 0);
    CHECK(begins_with("uring (256 entries, "));
    CHECK_EQ(run_in(NULL, "uring:8"), 0);
    CHECK(begins_with("uring (8 entries, "));
}

/* Refused: epoll instead, which says so; one that was named is that one or a failure. */
TEST(epoll_where_a_filter_refuses_the_ring)
{
    if (!no_ring()) SKIP("no seccomp here");
    CHECK_EQ(run_in(NULL, NULL), 0);
    if (strstr(line, "not implemented") != NULL) SKIP("built without io_uring");
    CHECK_STR(line, "epoll (io_uring: Operation not permitted)");
    CHECK_EQ(run_in(hk_world_uring(), NULL), -EPERM);
    CHECK_EQ(run_in(NULL, "uring"), -EPERM);
    CHECK_EQ(run_in(NULL, "epoll"), 0);
    CHECK_STR(line, "epoll");
}

TEST(the_environment_decides)
{
    CHECK_EQ(run_in(hk_world_uring(), "epoll"), 0);
    CHECK_STR(line, "epoll");
    CHECK_EQ(run_in(hk_world_epoll(), ""), 0);
    CHECK_STR(line, "epoll");
    CHECK_EQ(run_in(NULL, "uring:0"), -EINVAL);
    CHECK_EQ(run_in(NULL, "kqueue"), -EINVAL);
}
