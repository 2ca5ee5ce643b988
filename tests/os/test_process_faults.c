/* SPDX-License-Identifier: MIT */
/* Every call that starts, watches or reaps a process fails once: then somebody is told, and neither
 * a process nor a descriptor is left. */
#include "support/faults.h"
#include "support/proc.h"

#include <stdlib.h>
#include <sys/wait.h>

static int errors;

static void *run_one(void *arg)
{
    char buf[16];
    int status;
    const char *const argv[] = { "cat", NULL };
    faults_arm((int)hk_num(arg));
    ssize_t n = hk_proc_run(&(hk_proc_options){ .argv = argv, .err = HK_NULL }, "hello", 5, buf,
                            sizeof buf, &status);
    const char *name;
    bool failed = faults_disarm(&name);
    printf("%s: %zd\n", name, n);
    if (n < 0)
        errors++;
    else if (!failed)
        CHECK_EQ(n, 5);
    return hk_val(failed);
}

TEST(no_failure_leaves_a_process, .seconds = 20)
{
    int n = 1;
    if (!proc_have_pidfds()) SKIP("no pidfd_open here");
    while (hk_run(run_one, hk_val(n), NULL) == 1) {
        siginfo_t info = { 0 };
        CHECK_EQ(waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT), -1);
        n++;
    }
    CHECK(n > 10);
    CHECK(errors > 8);
}
