/* SPDX-License-Identifier: MIT */
/* Benches with processes. */
#include "stage.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hocket.h>

#include "bench.h"

static void pin(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((unsigned)cpu, &set);
    sched_setaffinity(0, sizeof set, &set); /* one processor less is no failure */
}

struct stage_process stage_start(int cpu, void (*body)(void *arg), void *arg)
{
    struct stage_process process = { .pid = fork() };
    if (process.pid < 0) bench_fail("fork: %s", strerror(errno));
    if (process.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        pin(cpu);
        body(arg);
        _exit(0);
    }
    if (clock_getcpuclockid(process.pid, &process.clock) != 0) bench_fail("a process has no clock");
    return process;
}

void stage_stop(const struct stage_process *process)
{
    kill(process->pid, SIGKILL);
    waitpid(process->pid, NULL, 0);
}

double stage_cpu(const struct stage_process *process)
{
    struct timespec t;
    if (clock_gettime(process->clock, &t) < 0) bench_fail("a server is gone");
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

int stage_listen(uint16_t *ret_port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) < 0 ||
        listen(listener, 4096) < 0 || getsockname(listener, (struct sockaddr *)&address, &size) < 0)
        bench_fail("listen: %s", strerror(errno));
    *ret_port = address.sin_port;
    return listener;
}

bool stage_allow_descriptors(int count)
{
    const rlim_t wanted = (rlim_t)count + 64;
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max < wanted) limit.rlim_max = wanted;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0) return true;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur >= wanted;
}

void *stage_share(unsigned long size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) bench_fail("mmap: %s", strerror(errno));
    return memory;
}

bool stage_has_uring(void)
{
    hk_run_options options = { .world = hk_world_uring() };
    hk_sched *s = hk_sched_create(&options);
    hk_sched_destroy(s);
    return s != NULL;
}
