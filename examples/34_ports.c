/* SPDX-License-Identifier: MIT */
/* A port scanner: the ports of a host on which somebody listens.
 *
 *     ports HOST [FIRST-LAST [AT_ONCE]]     try it: ports localhost 1-65535
 *
 * A number of tasks take ports from one counter, so that many at once are being asked and never
 * more. A port that does not answer within a second is given up: its dial stands in a scope. */
#include <hocket.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PORTS = 65536, AT_ONCE = 500 };

struct scan {
    const char *host;
    int first, last, at_once;
    int next; /* port */
    bool open[PORTS];
    int unknown, error; /* ports that could not be asked, and why the last one was not */
};

/* A socket that finds nobody may find itself, where the system chose the very port that it asks. */
static bool found_itself(int fd)
{
    hk_addr here, there;
    return hk_net_local(fd, &here) == 0 && hk_net_peer(fd, &there) == 0 && here.len == there.len &&
           memcmp(&here.sa, &there.sa, here.len) == 0;
}

static void ask(struct scan *scan, int port)
{
    char address[300];
    snprintf(address, sizeof address, "tcp:%s:%d", scan->host, port);
    HK_SCOPE(limit, HK_SEC(1));
    HK_FD(fd, hk_net_dial(address));
    int r = (int)hk_scope_close(&limit, fd);
    if (r >= 0) {
        scan->open[port] = !found_itself(fd);
    } else if (r != -ECONNREFUSED && r != -ETIMEDOUT) {
        scan->unknown++;
        scan->error = r;
    }
}

static void *worker(void *arg)
{
    struct scan *scan = arg;
    while (scan->next <= scan->last) ask(scan, scan->next++);
    return NULL;
}

static void *scan_all(void *arg)
{
    struct scan *scan = arg;
    hk_addr addr;
    char address[300];
    snprintf(address, sizeof address, "tcp:%s:1", scan->host);
    int r = hk_net_resolve(address, &addr, 1);
    if (r < 0) {
        fprintf(stderr, "ports: %s\n", hk_why());
        return hk_val(r);
    }
    HK_GROUP(workers, NULL);
    for (int i = 0; i < scan->at_once && r >= 0; i++) r = (int)hk_spawn(&workers, worker, scan);
    return hk_val(hk_group_close(&workers, r < 0 ? r : 0));
}

static void print(const struct scan *scan)
{
    int count = 0;
    for (int port = scan->first; port <= scan->last; port++)
        if (scan->open[port]) {
            printf("%d\n", port);
            count++;
        }
    printf("%d of %d ports are open\n", count, scan->last - scan->first + 1);
    if (scan->unknown > 0)
        printf("%d could not be asked: %s\n", scan->unknown, strerror(-scan->error));
}

static bool read_range(const char *text, struct scan *scan)
{
    char rest;
    int n = sscanf(text, "%d-%d%c", &scan->first, &scan->last, &rest);
    if (n == 1) n = sscanf(text, "%d%c", &scan->last, &rest) + 1;
    return n == 2 && scan->first > 0 && scan->first <= scan->last && scan->last < PORTS;
}

int main(int argc, char **argv)
{
    static struct scan scan = { .first = 1, .last = 1024, .at_once = AT_ONCE };
    bool help = argc == 2 && strcmp(argv[1], "--help") == 0;
    bool right = argc >= 2 && argc <= 4 && !help;
    if (right && argc >= 3) right = read_range(argv[2], &scan);
    if (right && argc == 4) right = (scan.at_once = atoi(argv[3])) > 0;
    if (!right) {
        fputs("usage: ports HOST [FIRST-LAST [AT_ONCE]]\n"
              "Prints the ports on which somebody listens. 1-1024 and 500 unless told otherwise.\n",
              help ? stdout : stderr);
        return help ? 0 : 2;
    }
    scan.host = argv[1];
    scan.next = scan.first;
    if (hk_run(scan_all, &scan, NULL) < 0) return 1;
    print(&scan);
    return 0;
}
