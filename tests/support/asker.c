/* SPDX-License-Identifier: MIT */
/* What tests of hk_send_recv share. */
#include "support/asker.h"

#include <errno.h>
#include <limits.h>

static hk_sched *sched(void) { return hk__here.sched; }

static hk__world *world(void) { return sched()->world; }

static bool is_ring(void) { return strcmp(world()->table->name, "uring") == 0; }

static bool decree(int many)
{
    if (!is_ring()) {
        test_skip("no io_uring");
        return false;
    }
    world()->together = true;
    world()->many = many;
    sched()->together = many < 0;
    return true;
}

bool asker_together(void) { return decree(INT_MAX); }

bool asker_of_many(void) { return decree(-1); }

bool asker_apart(void)
{
    if (is_ring()) world()->together = false;
    return true;
}

bool asker_is_together(void) { return is_ring() && world()->together; }

bool asker_receives_by_request(void) { return asker_is_together() && !sched()->together; }

void *asker_main(void *arg)
{
    struct asker *a = arg;
    a->result = hk_send_recv(a->fd, a->out, a->out_size, a->in, sizeof a->in, &a->sent);
    a->done = true;
    return NULL;
}

void asker_begin(struct asker *a, int fd, const char *out, size_t size)
{
    *a = (struct asker){ .fd = fd, .out = out, .out_size = size };
    a->tid = hk_spawn(HK_ROOT, asker_main, a);
}

void asker_start(struct asker *a, int fd, const char *out, size_t size)
{
    asker_begin(a, fd, out, size);
    net_settle();
}

void asker_wait(struct asker *a)
{
    hk_task_wait(a->tid, NULL);
    CHECK(a->done);
}

static const struct hk__descriptor *known(int fd)
{
    static const struct hk__descriptor nothing;
    const struct hk__descriptors *all = &sched()->descriptors;
    return (unsigned)fd < all->count ? &all->table[fd] : &nothing;
}

bool asker_is_handed_in(int fd) { return known(fd)->receives; }

bool asker_is_watched(int fd) { return known(fd)->watched != 0; }

void asker_learn(int fd, int peer)
{
    char byte;
    CHECK_EQ(net_put(peer, "?", 1), 1);
    CHECK_EQ(hk_recv(fd, &byte, 1, 0), 1);
}

void asker_tcp(int ret_fds[2])
{
    net_tcp_pair(ret_fds);
    asker_learn(ret_fds[0], ret_fds[1]);
}

void asker_local(int ret_fds[2])
{
    net_local_pair(SOCK_STREAM, ret_fds);
    asker_learn(ret_fds[0], ret_fds[1]);
}

void asker_close(const int fds[2])
{
    CHECK_EQ(hk_close(fds[0]), 0);
    net_close(fds[1]);
}

bool asker_peer_gets(int peer, const char *text)
{
    char buf[256];
    size_t got = 0;
    int64_t n;
    for (int tries = 0; tries < 2000 && got < strlen(text); tries++) {
        n = net_take(peer, buf + got, sizeof buf - got);
        if (n == 0 || (n < 0 && n != -EAGAIN)) return false;
        if (n > 0)
            got += (size_t)n;
        else
            hk_sleep(HK_US(200));
    }
    return got == strlen(text) && memcmp(buf, text, got) == 0 &&
           net_take(peer, buf, sizeof buf) == -EAGAIN;
}

size_t asker_fill(int fd)
{
    static const char zeros[4096];
    size_t size = 0;
    int64_t n;
    while ((n = net_put(fd, zeros, sizeof zeros)) > 0) size += (size_t)n;
    CHECK_EQ(n, -EAGAIN);
    return size;
}

char asker_byte(size_t i) { return (char)(i * 7 + i / 251 + 1); }

const char *asker_bytes(size_t size)
{
    static char bytes[400000];
    if (!CHECK(size <= sizeof bytes)) return NULL;
    for (size_t i = 0; i < size; i++) bytes[i] = asker_byte(i);
    return bytes;
}

bool asker_drain(int peer, size_t from, size_t size)
{
    char buf[1000];
    size_t done = 0;
    for (int tries = 0; tries < 5000 && done < size;) {
        const size_t wanted = size - done < sizeof buf ? size - done : sizeof buf;
        const int64_t n = net_take(peer, buf, wanted);
        if (n == 0 || (n < 0 && n != -EAGAIN)) return false;
        if (n < 0) {
            tries++;
            hk_sleep(HK_US(200));
            continue;
        }
        for (int64_t i = 0; i < n; i++)
            if (buf[i] != asker_byte(from + done + (size_t)i)) return false;
        done += (size_t)n;
    }
    return done == size;
}
