/* SPDX-License-Identifier: MIT */
/* The same seed gives the same run: to the byte, in every build and on every machine, against a
 * trace that is in the tree. And a run asks the kernel for nothing but memory. */
#include "support/sim.h"
#include "support/tools.h"

#include <hocket/net.h>
#include <hocket/offload.h>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int echo(int fd, void *arg)
{
    char buf[16];
    ssize_t n;
    while ((n = hk_read(fd, buf, sizeof buf)) > 0) hk_write(fd, buf, (size_t)n);
    return 0;
}

static void *serves(void *arg)
{
    hk_task_name("server");
    hk_serve((int)hk_num(arg), echo, NULL);
    return NULL;
}

static void *asks(void *arg)
{
    char buf[16];
    hk_task_name("client %d", (int)hk_num(arg));
    int fd = hk_net_dial("tcp:localhost:80");
    hk_sleep(HK_MS(hk_num(arg)));
    hk_write(fd, "question", 8);
    hk_recv(fd, buf, 8, MSG_WAITALL);
    hk_close(fd);
    return NULL;
}

static void *halves(void *arg) { return hk_val(hk_num(arg) / 2); }

static void *scenario(void *arg)
{
    hk_tid clients[3];
    int listener = hk_net_listen("tcp:*:80", 5), ends[2];
    char c;
    hk_tid server = hk_spawn(HK_ROOT, serves, hk_val(listener));
    for (int i = 0; i < 3; i++) clients[i] = hk_spawn(HK_ROOT, asks, hk_val(i));
    hk_pipe(ends);
    hk_write(ends[1], "x", 1);
    hk_read(ends[0], &c, 1);
    hk_offload(halves, hk_val(84));
    for (int i = 0; i < 3; i++) hk_task_wait(clients[i], NULL);
    hk_close(listener);
    hk_task_wait(server, NULL);
    return NULL;
}

/* ---- the same trace ---- */

static const char expected[] =
#include "sim/trace.inc"
    ;

static char trace[1 << 14];
static size_t size;

static void keep(void *arg, const char *line)
{
    if (size < sizeof trace)
        size += (size_t)snprintf(trace + size, sizeof trace - size, "%s\n", line);
}

/* Where it is meant to change: this prints what tests/sim/trace.inc is to be. */
static void print_trace(void)
{
    for (char *line = strtok(trace, "\n"); line != NULL; line = strtok(NULL, "\n"))
        printf("    \"%s\\n\"\n", line);
}

TEST(the_trace_is_the_one_in_the_tree)
{
    hk_sim_options options = { .seed = 42, .trace = keep };
    hk_sim_result result, again;
    CHECK_EQ(hk_sim_run(scenario, NULL, &options, &result), 0);
    setenv("SOME_OTHER_ENVIRONMENT", trace, 1);
    void *moved = malloc(12345);
    CHECK_EQ(hk_sim_run(scenario, NULL, &(hk_sim_options){ .seed = 42 }, &again), 0);
    free(moved);
    CHECK_EQ(result.trace, again.trace);
    CHECK_EQ(result.switches, again.switches);
    if (!CHECK(strcmp(trace, expected) == 0)) print_trace();
}

TEST(another_seed_is_another_run)
{
    hk_sim_result a, b;
    CHECK_EQ(hk_sim_run(scenario, NULL, &(hk_sim_options){ .seed = 1 }, &a), 0);
    CHECK_EQ(hk_sim_run(scenario, NULL, &(hk_sim_options){ .seed = 2 }, &b), 0);
    CHECK(a.trace != b.trace);
}

/* ---- no system call but for memory ---- */

static const int allowed[] = {
    SYS_mmap,          SYS_munmap,     SYS_mprotect,
    SYS_madvise,       SYS_mremap,     SYS_brk,
    SYS_write,         SYS_exit_group, 440 /* process_madvise */,
#ifdef HK_CONTEXT_REFERENCE
    SYS_rt_sigprocmask /* the C library's, at each switch */
#endif
};

static bool forbid_the_rest(void)
{
    enum { COUNT = sizeof allowed / sizeof allowed[0] };
    struct sock_filter program[COUNT + 3] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    };
    for (int i = 0; i < COUNT; i++)
        program[i + 1] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
                                                      (unsigned)allowed[i], COUNT - i, 0);
    program[COUNT + 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    program[COUNT + 2] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    const struct sock_fprog filter = { .len = COUNT + 3, .filter = program };
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

/* How the child ended that ran it so; `more` is called afterwards. */
static int run_confined(void (*more)(void))
{
    pid_t child = fork();
    if (child == 0) {
        int r = 0;
        if (!forbid_the_rest()) _exit(77);
        /* One by one: between runs of many the time is looked at, to tell how far they are. */
        for (unsigned i = 0; i < 40 && r == 0; i++) {
            hk_sim_options options = { .policy = i < 20 ? HK_SIM_RANDOM : HK_SIM_PCT, .seed = i };
            r = hk_sim_run(scenario, NULL, &options, NULL);
        }
        more();
        _exit(r == 0 ? 0 : 1);
    }
    int status;
    CHECK_EQ(waitpid(child, &status, 0), child);
    return status;
}

static void ask_nothing(void) {}
static void ask_the_kernel(void) { getppid(); }

/* What a thread and a process do once is done before. */
TEST(a_run_makes_no_system_call)
{
    if (SANITIZED || ON_VALGRIND || on_emulator()) SKIP("the tool makes system calls of its own");
    CHECK_EQ(hk_sim_run(scenario, NULL, NULL, NULL), 0);
    int status = run_confined(ask_nothing);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) SKIP("no seccomp here");
    CHECK_EQ(status, 0);
    CHECK(WIFSIGNALED(run_confined(ask_the_kernel)));
}
