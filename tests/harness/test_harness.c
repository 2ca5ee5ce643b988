/* SPDX-License-Identifier: MIT */
/* The harness's own tests: each kind of failure must be seen, and for the right reason. */
#include "harness/harness.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

TEST(passes)
{
    int one = 1;
    const char *nothing = NULL;
    CHECK(one);
    CHECK(CHECK_EQ(one + 1, 2) && CHECK_STR("a", "a") && CHECK_STR(nothing, NULL));
    CHECK(test_time_factor() >= 1);
}

TEST(failing_check, .must_fail = true, .prints = "failed: 1 > 2") { CHECK(1 > 2); }

TEST(failing_check_goes_on, .must_fail = true, .prints = "2 failed checks")
{
    CHECK(1 > 2);
    CHECK(1 > 3);
}

TEST(failing_equality, .must_fail = true, .prints = "2 + 2 == 5: 4 != 5") { CHECK_EQ(2 + 2, 5); }

TEST(failing_string, .must_fail = true, .prints = "    \"left\"\n    \"right\"")
{
    CHECK_STR("left", "right");
}

TEST(failing_check_in_forked_child, .must_fail = true, .prints = "1 failed check")
{
    pid_t pid = fork();
    if (pid == 0) {
        CHECK(!"in the child");
        _exit(0);
    }
    CHECK_EQ(waitpid(pid, NULL, 0), pid);
}

TEST(failing_check_before_a_crash, .must_fail = true, .prints = "1 failed check", .aborts = "down")
{
    CHECK(!"before the crash");
    fputs("down\n", stderr);
    abort();
}

TEST(leaked_fd, .must_fail = true, .prints = " -> /dev/null") { CHECK(dup(STDIN_FILENO) >= 0); }

TEST(closed_fd, .must_fail = true, .prints = "closed fd 0 -> /dev/null") { close(STDIN_FILENO); }

TEST(replaced_fd, .must_fail = true, .prints = "fd 0 was /dev/null and is pipe:")
{
    CHECK_EQ(dup2(STDOUT_FILENO, STDIN_FILENO), STDIN_FILENO);
}

TEST(leaked_child, .must_fail = true, .prints = "is still running")
{
    if (fork() == 0) {
        for (;;) pause();
    }
}

TEST(leaked_zombie, .must_fail = true, .prints = "was never waited for")
{
    siginfo_t info;
    pid_t pid = fork();
    if (pid == 0) _exit(0);
    waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
}

TEST(too_slow, .must_fail = true, .seconds = 1, .prints = "timed out after")
{
    for (;;) pause();
}

TEST(child_of_a_slow_one_is_killed, .must_fail = true, .seconds = 1, .prints = "timed out after")
{
    fork();
    for (;;) pause();
}

TEST(crash, .must_fail = true, .prints = "died of signal 11")
{
    signal(SIGSEGV, SIG_DFL);
    raise(SIGSEGV);
}

TEST(early_exit, .must_fail = true, .prints = "called exit(0) before its end") { exit(0); }

TEST(aborts, .aborts = "the reason")
{
    fputs("this is the reason\n", stderr);
    abort();
}

TEST(aborts_with_other_text, .must_fail = true, .aborts = "the reason", .prints = "without saying")
{
    fputs("quite another one\n", stderr);
    abort();
}

TEST(aborts_not, .must_fail = true, .aborts = "x", .prints = "did not die of signal 6")
{
    fputs("x\n", stderr);
}

TEST(dies_of_signal, .signal = SIGSEGV) { raise(SIGSEGV); }

TEST(dies_of_other_signal, .must_fail = true, .signal = SIGSEGV, .prints = "did not die of")
{
    raise(SIGTERM);
}

TEST(exits, .exits = 3) { exit(3); }

TEST(exits_otherwise, .must_fail = true, .exits = 3, .prints = "did not exit with 3") { exit(4); }

TEST(exits_not, .must_fail = true, .exits = 3, .prints = "did not exit with 3") {}

TEST(prints, .prints = "hello") { printf("hello\n"); }

TEST(long_output, .must_fail = true, .prints = "the end")
{
    for (int i = 0; i < 10000; i++) printf("line %d\n", i);
    CHECK(!"the end");
}
