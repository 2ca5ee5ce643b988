/* SPDX-License-Identifier: MIT */
/* http_vs_nginx: "Hello, World!" over HTTP/1.1, 64 connections that are kept, from memory:
 * processor time of the server for each request, and requests a second.
 *
 * Ours is http_hocket.c; the floor is nginx with a configuration of its own and one process. They
 * serve by turns, from one processor; wrk loads them from the other. A server's clock is read
 * before and after each of its rounds. Where nginx or wrk is missing, the rows are left out. */
#include "bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 9, OURS = 0, NGINX = 1, SERVERS = 2, CONNECTIONS = 64 };

struct server {
    pid_t pid;
    clockid_t clock;
    int port;
};

static struct {
    char hocket[PATH_MAX], folder[64];
    struct server server[SERVERS];
} stage;

static const char body[] = "Hello, World!";

/* ---- programs ---- */

/* The server stands beside this program. */
static bool find_hocket(void)
{
    ssize_t n = readlink("/proc/self/exe", stage.hocket, sizeof stage.hocket - 16);
    while (n > 0 && stage.hocket[n - 1] != '/') n--;
    if (n <= 0) return false;
    strcpy(stage.hocket + n, "http_hocket");
    return access(stage.hocket, X_OK) == 0;
}

static bool is_there(const char *program)
{
    char command[128];
    snprintf(command, sizeof command, "command -v %s >/dev/null 2>&1", program);
    return system(command) == 0;
}

static void pin(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((unsigned)cpu, &set);
    sched_setaffinity(0, sizeof set, &set); /* one processor less is no failure */
}

static pid_t fork_child(int cpu)
{
    pid_t pid = fork();
    if (pid < 0) bench_fail("fork: %s", strerror(errno));
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        pin(cpu);
    }
    return pid;
}

static void exec_or_die(char *const *argv)
{
    execvp(argv[0], argv);
    bench_fail("%s: %s", argv[0], strerror(errno));
}

/* ---- servers ---- */

/* One that is free at this moment. */
static int find_port(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) < 0)
        bench_fail("bind: %s", strerror(errno));
    close(fd);
    return ntohs(address.sin_port);
}

static void start_hocket(struct server *s)
{
    char address[32];
    snprintf(address, sizeof address, "tcp:127.0.0.1:%d", s->port);
    s->pid = fork_child(0);
    if (s->pid == 0) exec_or_die((char *[]){ stage.hocket, address, NULL });
}

static const char nginx_conf[] =
    "daemon off;\n"
    "master_process off;\n"
    "pid pid;\n"
    "error_log error.log;\n"
    "events { worker_connections 1024; }\n"
    "http {\n"
    "  access_log off;\n"
    "  default_type text/plain;\n"
    "  keepalive_requests 1000000000;\n"
    "  client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3;\n"
    "  uwsgi_temp_path t4; scgi_temp_path t5;\n"
    "  server { listen 127.0.0.1:%d; location / { return 200 \"%s\"; } }\n"
    "}\n";

static void start_nginx(struct server *s)
{
    char path[96];
    snprintf(path, sizeof path, "%s/nginx.conf", stage.folder);
    FILE *file = fopen(path, "w");
    if (file == NULL) bench_fail("%s: %s", path, strerror(errno));
    fprintf(file, nginx_conf, s->port, body);
    fclose(file);
    s->pid = fork_child(0);
    if (s->pid == 0)
        exec_or_die(
            (char *[]){ "nginx", "-p", stage.folder, "-c", "nginx.conf", "-e", "error.log", NULL });
}

static int dial(int port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
    close(fd);
    return -1;
}

/* One request, until it listens. The body must be the one that is meant. */
static void greet(const struct server *s)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    char answer[2048];
    size_t used = 0;
    ssize_t n;
    int fd = -1;
    for (int i = 0; i < 500 && (fd = dial(s->port)) < 0; i++) usleep(10000);
    if (fd < 0 || send(fd, request, sizeof request - 1, MSG_NOSIGNAL) < 0)
        bench_fail("a server does not listen");
    shutdown(fd, SHUT_WR);
    while (used < sizeof answer - 1 &&
           (n = recv(fd, answer + used, sizeof answer - 1 - used, 0)) > 0)
        used += (size_t)n;
    close(fd);
    answer[used] = '\0';
    const char *end = strstr(answer, "\r\n\r\n");
    if (strncmp(answer, "HTTP/1.1 200 ", 13) != 0 || end == NULL || strcmp(end + 4, body) != 0)
        bench_fail("a server answered '%s'", answer);
}

static void start(struct server *s, void (*how)(struct server *s))
{
    s->port = find_port();
    how(s);
    if (clock_getcpuclockid(s->pid, &s->clock) != 0) bench_fail("a server has no clock");
    greet(s);
}

static void stop(const struct server *s)
{
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);
}

static double cpu_of(const struct server *s)
{
    struct timespec t;
    if (clock_gettime(s->clock, &t) < 0) bench_fail("a server is gone");
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* ---- load ---- */

/* One run of wrk. Returns the requests; *ret_rate: each second. */
static long load(int port, double *ret_rate)
{
    char url[64], connections[16], output[4096];
    int ends[2];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", port);
    snprintf(connections, sizeof connections, "%d", CONNECTIONS);
    if (pipe(ends) < 0) bench_fail("pipe: %s", strerror(errno));
    pid_t pid = fork_child(1);
    if (pid == 0) {
        dup2(ends[1], 1);
        exec_or_die((char *[]){ "wrk", "-t", "1", "-c", connections, "-d", "1s", url, NULL });
    }
    close(ends[1]);
    size_t used = 0;
    ssize_t n;
    while ((n = read(ends[0], output + used, sizeof output - 1 - used)) > 0) used += (size_t)n;
    output[used] = '\0';
    close(ends[0]);
    waitpid(pid, NULL, 0);
    const char *rate = strstr(output, "Requests/sec:"), *count = strstr(output, " requests in ");
    if (rate == NULL || count == NULL || strstr(output, "Socket errors") != NULL ||
        strstr(output, "Non-2xx") != NULL)
        bench_fail("wrk says: %s", output);
    while (count > output && count[-1] != ' ') count--;
    *ret_rate = atof(rate + strlen("Requests/sec:"));
    return atol(count);
}

struct figures {
    double cpu_us[ROUNDS], rate[ROUNDS];
};

static void serve_round(int server, struct figures *ret, int round)
{
    double rate, cpu = cpu_of(&stage.server[server]);
    long requests = load(stage.server[server].port, &rate);
    cpu = cpu_of(&stage.server[server]) - cpu;
    if (round < 0) return;
    ret->cpu_us[round] = cpu / (double)requests;
    ret->rate[round] = rate;
}

/* ---- the rows ---- */

static void emit(const char *name, double *ours, double *nginx, bool more_is_better)
{
    double ratio[ROUNDS];
    uint64_t hash = bench_mix(1, sizeof body);
    for (int i = 0; i < ROUNDS; i++) ratio[i] = ours[i] / nginx[i];
    struct bench_value row = { .value = bench_median(ours, ROUNDS),
                               .floor = bench_median(nginx, ROUNDS),
                               .ratio = bench_median(ratio, ROUNDS),
                               .hash = hash,
                               .floor_hash = hash };
    row.least = more_is_better ? NAN : ours[0];
    snprintf(row.name, sizeof row.name, "%s", name);
    bench_emit(&row);
}

static void measure(void)
{
    static struct figures f[SERVERS];
    int rounds = bench_quick ? 0 : ROUNDS;
    for (int round = bench_quick ? 0 : -1; round < rounds; round++)
        for (int i = 0; i < SERVERS; i++) {
            int server = round % 2 == 0 ? i : SERVERS - 1 - i;
            serve_round(server, &f[server], round);
        }
    emit("http_vs_nginx", f[OURS].cpu_us, f[NGINX].cpu_us, false);
    emit("http_rate", f[OURS].rate, f[NGINX].rate, true);
}

static void remove_folder(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", stage.folder);
    if (system(command) != 0) bench_say("%s is left", stage.folder);
}

static void run(void)
{
    setenv("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", 1); /* where daemons are, too */
    const char *missing = !find_hocket()       ? "libhttp-parser"
                          : !is_there("nginx") ? "nginx"
                          : !is_there("wrk")   ? "wrk"
                                               : NULL;
    if (missing != NULL) {
        bench_say("http_vs_nginx is left out: there is no %s", missing);
        return;
    }
    snprintf(stage.folder, sizeof stage.folder, "/tmp/hocket-bench-XXXXXX");
    if (mkdtemp(stage.folder) == NULL) bench_fail("%s: %s", stage.folder, strerror(errno));
    start(&stage.server[OURS], start_hocket);
    start(&stage.server[NGINX], start_nginx);
    measure();
    for (int i = 0; i < SERVERS; i++) stop(&stage.server[i]);
    remove_folder();
}

static const struct bench_row rows[] = {
    { "http_vs_nginx", "us/req", "<= 1x", 1, true },
    { "http_rate", "req/s", "-", 0, false },
    { 0 },
};
const struct bench bench_http = { rows, run };
