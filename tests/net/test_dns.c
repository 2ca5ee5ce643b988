/* SPDX-License-Identifier: MIT */
/* hocket-dns against a small name server in the same scheduler: what it answers depends on the
 * name. */
#include "support/net.h"

#include <hocket/dns.h>

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

enum { NO_SUCH = 3, BROKEN = 2, A = 1, AAAA = 28 };

static int udp, tcp, asked;

/* Appends one record: the name of the question, this address. */
static size_t put_record(unsigned char *to, int type, const void *address, size_t size)
{
    const unsigned char head[12] = { 0xc0, 12, 0, (unsigned char)type, 0, 1, 0, 0,
                                     0,    60, 0, (unsigned char)size };
    memcpy(to, head, sizeof head);
    memcpy(to + sizeof head, address, size);
    return sizeof head + size;
}

static bool asks(const unsigned char *query, const char *label)
{
    return query[12] == strlen(label) && memcmp(query + 13, label, query[12]) == 0;
}

/* Turns a query into its answer; 0: says nothing. */
static size_t answer(unsigned char *m, size_t size, bool by_tcp)
{
    size_t end = 12;
    while (end < size && m[end] != 0) end += m[end] + 1u;
    const int type = m[end + 1] << 8 | m[end + 2];
    end += 5;
    asked++;
    m[2] |= 0x80;
    m[3] = 0x80;
    memset(m + 8, 0, 4); /* nothing but the question and what is put behind it */
    if (asks(m, "silent")) return 0;
    if (asks(m, "broken")) m[3] |= BROKEN;
    if (asks(m, "broken")) return end;
    if (asks(m, "large") && !by_tcp) {
        m[2] |= 2; /* truncated */
        return end;
    }
    if (asks(m, "none") || !(asks(m, "both") || asks(m, "four") || asks(m, "large"))) {
        m[3] |= NO_SUCH;
        return end;
    }
    if (type == A) {
        m[7] = 1;
        return end + put_record(m + end, A, "\x7f\0\0\1", 4);
    }
    if (type == AAAA && asks(m, "both")) {
        m[7] = 1;
        return end + put_record(m + end, AAAA, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16);
    }
    return end;
}

static void *udp_server(void *arg)
{
    unsigned char m[1024];
    hk_addr from = { .len = sizeof from.sa };
    ssize_t n;
    while ((n = hk_recvfrom(udp, m, 512, 0, (struct sockaddr *)&from.sa, &from.len)) > 0) {
        size_t size = answer(m, (size_t)n, false);
        if (size > 0) hk_sendto(udp, m, size, 0, (struct sockaddr *)&from.sa, from.len);
        from.len = sizeof from.sa;
    }
    return arg;
}

static int tcp_answer(int fd, void *arg)
{
    HK_STREAM(s, fd);
    unsigned char size[2], m[1024];
    (void)arg;
    while (hk_stream_read_all(&s, size, 2) == 2) {
        size_t n = (size_t)(size[0] << 8 | size[1]);
        if (n > 512 || hk_stream_read_all(&s, m, n) != (ssize_t)n) break;
        n = answer(m, n, true);
        size[0] = (unsigned char)(n >> 8);
        size[1] = (unsigned char)n;
        hk_stream_write(&s, size, 2);
        hk_stream_write(&s, m, n);
        if (hk_stream_flush(&s) < 0) break;
    }
    return 0;
}

static void *tcp_server(void *arg)
{
    hk_serve(tcp, tcp_answer, NULL);
    return arg;
}

static hk_tid servers[2];

static void begin(int64_t timeout)
{
    hk_addr here;
    char text[HK_NET_TEXT], address[HK_NET_TEXT + 8];
    tcp = -1;
    for (int i = 0; i < 50 && tcp < 0; i++) { /* one number, free for both */
        if (i > 0) hk_close(udp);
        udp = hk_net_bind("udp:127.0.0.1:0");
        CHECK_EQ(hk_net_local(udp, &here), 0);
        hk_net_format(&here, text, sizeof text);
        snprintf(address, sizeof address, "tcp:%s", text);
        tcp = hk_net_listen(address, 100);
    }
    CHECK(tcp >= 0);
    servers[0] = hk_spawn(HK_ROOT, udp_server, NULL);
    servers[1] = hk_spawn(HK_ROOT, tcp_server, NULL);
    const hk_dns_options options = { .servers = text, .timeout = timeout, .tries = 2 };
    CHECK_EQ(hk_dns_start(&options), 0);
}

static void end(void)
{
    for (int i = 0; i < 2; i++) {
        hk_task_kill(servers[i]);
        hk_task_wait(servers[i], NULL);
    }
    hk_close(udp);
}

static int open_fds(void)
{
    int count = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (readdir(dir) != NULL) count++;
    closedir(dir);
    return count;
}

static const char *resolved(const char *address)
{
    static char line[300];
    hk_addr list[4];
    size_t used = 0;
    int n = hk_net_resolve(address, list, 4);
    if (n < 0) return strerrorname_np(-n);
    for (int i = 0; i < n; i++) {
        char text[HK_NET_TEXT];
        hk_net_format(&list[i], text, sizeof text);
        used += (size_t)snprintf(line + used, sizeof line - used, i > 0 ? " %s" : "%s", text);
    }
    return line;
}

TASK_TEST(dns_answers)
{
    begin(HK_SEC(5));
    int before = open_fds();
    CHECK_STR(resolved("tcp:four.test:80"), "127.0.0.1:80");
    const char *both = resolved("tcp:both.test:80");
    CHECK(strcmp(both, "127.0.0.1:80 [::1]:80") == 0 || strcmp(both, "[::1]:80 127.0.0.1:80") == 0);
    CHECK_STR(resolved("tcp:none.test:80"), "ENOENT");
    CHECK(strstr(hk_why(), "no such host") != NULL);
    CHECK_STR(resolved("tcp:broken.test:80"), "EREMOTEIO");
    CHECK(asked > 0);
    CHECK_EQ(open_fds(), before);
    end();
    return NULL;
}

TASK_TEST(dns_asks_again_by_tcp)
{
    begin(HK_SEC(5));
    int before = open_fds();
    CHECK_STR(resolved("tcp:large.test:80"), "127.0.0.1:80");
    net_settle(); /* the server's side of it */
    CHECK_EQ(open_fds(), before);
    end();
    return NULL;
}

TASK_TEST(dns_gives_a_silent_server_up)
{
    begin(HK_MS(20));
    int before = open_fds();
    CHECK_STR(resolved("tcp:silent.test:80"), "EREMOTEIO");
    CHECK(asked >= 4); /* two questions, two tries */
    CHECK_EQ(open_fds(), before);
    end();
    return NULL;
}

static void *asks_for(void *arg)
{
    hk_addr list[4];
    hk_net_resolve(arg, list, 4);
    return NULL;
}

TASK_TEST(dns_killed_at_every_point)
{
    static const char *const names[] = { "tcp:silent.test:1", "tcp:four.test:1",
                                         "tcp:large.test:1" };
    begin(HK_SEC(5));
    for (int turns = 0; turns < 24; turns++) {
        int before = open_fds();
        hk_tid tid = hk_spawn(HK_ROOT, asks_for, (void *)(uintptr_t)names[turns % 3]);
        for (int i = 0; i < turns / 3; i++) hk_sleep(i > 4 ? HK_MS(1) : 0);
        hk_task_kill(tid);
        hk_task_wait(tid, NULL);
        net_settle();
        CHECK_EQ(open_fds(), before);
    }
    end();
    return NULL;
}

/* What a look-up was, is something else from now on. */
static void use_memory_again(void)
{
    enum { BLOCKS = 64, SIZE = 1024 };
    void *blocks[BLOCKS];
    for (int i = 0; i < BLOCKS; i++) blocks[i] = memset(malloc(SIZE), 0xa5, SIZE);
    for (int i = 0; i < BLOCKS; i++) free(blocks[i]);
}

/* Neither a deadline nor a wait for a socket outlives the look-up that it was for. */
TASK_TEST(dns_leaves_nothing_behind)
{
    begin(HK_MS(20));
    hk_addr list[4];
    CHECK_EQ(hk_net_resolve("tcp:four.test:1", list, 4), 1); /* before its deadline */
    use_memory_again();
    hk_sleep(HK_MS(25));
    for (int i = 0; i < 3; i++) {
        hk_tid tid = hk_spawn(HK_ROOT, asks_for, (void *)(uintptr_t) "tcp:silent.test:1");
        hk_sleep(HK_MS(1));
        hk_task_kill(tid);
        hk_task_wait(tid, NULL);
        use_memory_again();
        int both[2]; /* perhaps the numbers of c-ares' sockets */
        net_local_pair(SOCK_STREAM, both);
        CHECK_EQ(hk_write(both[0], "x", 1), 1);
        CHECK_EQ(hk_read(both[1], list, 1), 1);
        hk_close(both[0]);
        hk_close(both[1]);
        hk_sleep(HK_MS(25));
    }
    end();
    return NULL;
}

static int results[100], left = 100;

static void *asks_one_of_many(void *arg)
{
    const int i = (int)hk_num(arg);
    hk_addr list[4];
    results[i] = hk_net_resolve(i % 2 ? "tcp:both.test:1" : "tcp:none.test:1", list, 4);
    left--;
    return NULL;
}

TASK_TEST(dns_a_hundred_at_once)
{
    begin(HK_SEC(5));
    for (int i = 0; i < 100; i++) hk_spawn(HK_ROOT, asks_one_of_many, hk_val(i));
    for (int i = 0; i < 5000 && left > 0; i++) hk_sleep(HK_MS(1));
    CHECK_EQ(left, 0);
    for (int i = 0; i < 100; i++) CHECK_EQ(results[i], i % 2 ? 2 : -ENOENT);
    end();
    return NULL;
}

TEST(dns_where_nobody_drives)
{
    hk_addr list[4];
    CHECK_EQ(hk_dns_start(&(hk_dns_options){ .servers = "127.0.0.1:9" }), 0);
    CHECK_EQ(hk_net_resolve("tcp:four.test:1", list, 4), -ENOSYS);
    CHECK_EQ(hk_dns_start(&(hk_dns_options){ .servers = "not an address" }), -EINVAL);
}
