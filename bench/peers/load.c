/* SPDX-License-Identifier: MIT */
/* Load for the echo servers of bench-peers: the generator of the echo benches as a program.
 *
 *     peers_load PORT CONNECTIONS MILLISECONDS
 *
 * It connects, sends for a quarter of the time to warm the server up, prints `ready` and waits for
 * a line: so whoever measures can look at the server's clock between. Then it sends for all of the
 * time, prints `done` as soon as the last answer is there, and a line of what its clients saw. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "bench.h"
#include "echo.h"

enum { SIZE = 64, MOST = 4 << 20 };

static void raise_limit(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static void say(const char *line)
{
    puts(line);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    if (argc != 4) bench_fail("usage: peers_load PORT CONNECTIONS MILLISECONDS");
    const int connections = atoi(argv[2]);
    const int64_t ns = atol(argv[3]) * 1000000;
    if (connections < 1 || ns < 1) bench_fail("nothing to do");
    raise_limit();
    load_open(htons((uint16_t)atoi(argv[1])), connections, SIZE);
    load_follow(&(struct echo_order){ .requests = MOST, .ns = ns / 4 + 1 });
    say("ready");
    if (getchar() == EOF) return 1;
    const int64_t start = bench_now();
    const long requests = load_follow(&(struct echo_order){ .requests = MOST, .ns = ns });
    const int64_t took = bench_now() - start;
    say("done");
    const struct echo_answer sum = load_sum();
    printf("requests=%ld wall_ns=%lld p50_us=%.1f p99_us=%.1f p999_us=%.1f\n", requests,
           (long long)took, sum.p50_us, sum.p99_us, sum.p999_us);
    return 0;
}
