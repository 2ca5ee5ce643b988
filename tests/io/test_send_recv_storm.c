/* SPDX-License-Identifier: MIT */
/* hk_send_recv by chance: two sides that send and receive as they like, for as long as they like,
 * and are cut by deadlines and kills meanwhile. Each byte tells where in its stream it stands, so
 * nothing is lost, nothing comes twice, and what a call says it has sent is what the peer gets. */
#include "support/asker.h"

#include <errno.h>
#include <stdlib.h>

enum { ROUNDS = 60, ROOM = 24000 };

struct side {
    int fd;
    uint64_t chance;
    size_t sent, received; /* so far */
    bool is_over;          /* it sends no more */
    const struct side *peer;
    char out[ROOM], in[ROOM];
};

/* A call to be made. */
struct act {
    struct side *side;
    int kind;
    size_t out, in;
    int64_t timeout;
};

enum { BOTH, SEND, RECV };

/* Below n. (xorshift*) */
static unsigned chance(struct side *s, unsigned n)
{
    s->chance ^= s->chance >> 12, s->chance ^= s->chance << 25, s->chance ^= s->chance >> 27;
    return (unsigned)((s->chance * UINT64_C(2685821657736338717) >> 33) % n);
}

static void take(struct side *s, const char *bytes, ssize_t n)
{
    for (ssize_t i = 0; i < n; i++)
        if (bytes[i] != asker_byte(s->received + (size_t)i)) {
            test_fail("byte %zu is not what was sent", s->received + (size_t)i);
            break;
        }
    if (n > 0) s->received += (size_t)n;
}

/* Into the memory of what goes out, where there is room for it. */
static ssize_t send_recv(struct side *s, size_t out, size_t in)
{
    size_t sent = 0;
    char *to = out % 2 == 0 ? s->out : s->in;
    const ssize_t n = hk_send_recv(s->fd, s->out, out, to, in, &sent);
    CHECK(sent <= out && (n < 0 || sent == out));
    s->sent += sent;
    take(s, to, n);
    return n;
}

static ssize_t act_now(const struct act *a)
{
    struct side *s = a->side;
    ssize_t n;
    for (size_t i = 0; i < a->out; i++) s->out[i] = asker_byte(s->sent + i);
    if (a->kind == BOTH) return send_recv(s, a->out, a->in);
    if (a->kind == SEND) {
        n = hk_send(s->fd, s->out, a->out, 0);
        if (n > 0) s->sent += (size_t)n;
    } else {
        n = hk_recv(s->fd, s->in, a->in, 0);
        take(s, s->in, n);
    }
    return n;
}

static void *act(void *arg)
{
    struct act *a = arg;
    HK_SCOPE(limit, a->timeout);
    const ssize_t n = act_now(a);
    CHECK(n > 0 || n == -ECANCELED || (n == 0 && a->side->peer->is_over));
    hk_scope_close(&limit, n);
    return NULL;
}

static size_t some(struct side *s, unsigned most) { return 1 + chance(s, 1 + chance(s, most)); }

static void do_something(struct side *s)
{
    struct act a = { .side = s, .kind = (int)chance(s, 5) };
    if (a.kind > RECV) a.kind = BOTH;
    if (a.kind != RECV) a.out = chance(s, 8) == 0 ? some(s, ROOM - 1) : some(s, 300);
    if (a.kind == BOTH && chance(s, 10) == 0) a.out = 0;
    a.in = some(s, 2000);
    const int64_t most = chance(s, 3) == 0 ? HK_US(20) : HK_MS(2);
    a.timeout = chance(s, (unsigned)most);
    if (chance(s, 3) != 0) return (void)act(&a);
    const int64_t until_kill = a.timeout;
    a.timeout = HK_MS(20);
    const hk_tid tid = hk_spawn(HK_ROOT, act, &a);
    if (chance(s, 2) == 0)
        hk_sleep(until_kill);
    else
        hk_sched_yield();
    hk_task_kill(tid);
    hk_task_wait(tid, NULL);
}

static void *is_a_side(void *arg)
{
    struct side *s = arg;
    for (int i = 0; i < ROUNDS && !test_has_failed(); i++) {
        do_something(s);
        if (chance(s, 10) == 0) hk_sleep(HK_US(chance(s, 300)));
    }
    s->is_over = true;
    CHECK_EQ(hk_shutdown(s->fd, SHUT_WR), 0);
    ssize_t n;
    while ((n = hk_send_recv(s->fd, NULL, 0, s->in, sizeof s->in, NULL)) > 0) take(s, s->in, n);
    CHECK_EQ(n, 0);
    return NULL;
}

static void storm(void (*make)(int ret_fds[2]), unsigned seed)
{
    static struct side side[2];
    int fds[2];
    hk_tid tid[2];
    make(fds);
    for (int i = 0; i < 2; i++) {
        if (seed % 3 == 1) net_set_buffer(fds[i], SO_SNDBUF, 1);
        side[i] = (struct side){ .fd = fds[i],
                                 .chance = seed * 2654435761u + (unsigned)i + 1,
                                 .peer = &side[!i] };
        tid[i] = hk_spawn(HK_ROOT, is_a_side, &side[i]);
    }
    for (int i = 0; i < 2; i++) hk_task_wait(tid[i], NULL);
    CHECK_EQ(side[0].sent, side[1].received);
    CHECK_EQ(side[1].sent, side[0].received);
    CHECK_EQ(hk_close(fds[0]), 0);
    CHECK_EQ(hk_close(fds[1]), 0);
    if (test_has_failed()) printf("seed %u\n", seed);
}

static void storms(int count)
{
    static unsigned seed;
    if (SANITIZED) count = count / 4 + 1;
    for (int i = 0; i < count && !test_has_failed(); i++) {
        storm(asker_local, ++seed);
        storm(asker_tcp, ++seed);
    }
}

ALL_WAYS(nothing_is_lost, .seconds = 60)
{
    storms(25);
    return NULL;
}

ALL_WAYS(nothing_is_lost_in_many, .seconds = 200, .slow = true)
{
    storms(300);
    return NULL;
}

static void simulated(void) { storms(2); }
TEST(sim_nothing_is_lost, .seconds = 60) { sim_run_seeds(simulated, 12); }
