/* SPDX-License-Identifier: MIT */
/* Storms: everything that the outside world does, a great deal of it at once. What must hold:
 * nobody gets another's bytes, nothing is left over, whoever is not concerned goes on. Each prints
 * its seed; STORM_SEED in the environment repeats it. The slow ones are the same, and longer. */
#include "support/proc.h"
#include "support/tools.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t state;

static void begin(void)
{
    const char *text = getenv("STORM_SEED");
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    state =
        text != NULL ? strtoull(text, NULL, 0) : (uint64_t)now.tv_nsec << 20 ^ (uint64_t)now.tv_sec;
    printf("STORM_SEED=%#llx\n", (unsigned long long)state);
    state |= 1;
}

/* Below n. (xorshift*) */
static unsigned chance(unsigned n)
{
    state ^= state >> 12, state ^= state << 25, state ^= state >> 27;
    return (unsigned)((state * UINT64_C(2685821657736338717) >> 33) % n);
}

static int effort(int usual, bool slow)
{
    return (tools_none() ? usual : usual / 10 + 1) * (slow ? 20 : 1);
}

/* The lowest number that is free: what was opened and is closed again leaves no gap above it. */
static int lowest_free(void)
{
    int fd = dup(0);
    close(fd);
    return fd;
}

/* ---- a number that means one file after the other ---- */

struct channel {
    int fd[2]; /* read here, written there; -1: closed */
    char tag;
    hk_tid reader;
};

static const char *wrong;

/* Reads until its descriptor is no more; every byte must be its own. It calls again only while the
 * number is its own: else it would be this program that reads from another. */
static void *read_own(void *arg)
{
    struct channel *c = arg;
    const int fd = c->fd[0];
    const char tag = c->tag;
    const hk_tid self = hk_task_self();
    char buf[64];
    ssize_t n = 1;
    while (n > 0 && c->reader == self && c->fd[0] == fd) {
        if (chance(4) == 0) {
            n = hk_fd_wait(fd, HK_READ) == 0;
            continue;
        }
        n = hk_read(fd, buf, 1 + chance(sizeof buf));
        for (ssize_t i = 0; i < n; i++)
            if (buf[i] != tag) wrong = "another's bytes";
    }
    if (n < 0 && n != -EBADF && n != -ECANCELED && n != -ECONNRESET) wrong = strerror((int)-n);
    return NULL;
}

static void open_channel(struct channel *c)
{
    static char tags;
    c->tag = (char)(1 + (unsigned char)tags++ % 100);
    switch (chance(3)) {
    case 0: net_pipe(c->fd); break;
    case 1: net_local_pair(SOCK_STREAM, c->fd); break;
    default: net_tcp_pair(c->fd);
    }
    c->reader = hk_spawn(HK_ROOT, read_own, c);
}

static void close_end(struct channel *c, int end)
{
    int fd = c->fd[end];
    c->fd[end] = -1;
    if (fd >= 0) hk_close(fd);
}

static void write_some(const struct channel *c)
{
    char buf[64];
    memset(buf, c->tag, sizeof buf);
    if (c->fd[1] >= 0) hk_write(c->fd[1], buf, 1 + chance(sizeof buf));
}

static void reuse_storm(int rounds)
{
    enum { CHANNELS = 32 };
    static struct channel c[CHANNELS];
    for (int i = 0; i < CHANNELS; i++) open_channel(&c[i]);
    for (int i = 0; i < rounds && wrong == NULL; i++) {
        struct channel *it = &c[chance(CHANNELS)];
        switch (chance(8)) {
        case 0: /* closed under its reader, and the number comes back at once */
            close_end(it, 0);
            close_end(it, 1);
            open_channel(it);
            break;
        case 1: close_end(it, chance(2)); break;
        case 2: hk_task_kill(it->reader); break;
        case 3: hk_sched_yield(); break;
        case 4:
            if (chance(20) == 0) hk_sleep(HK_US(50));
            break;
        default: write_some(it);
        }
        if (it->fd[0] < 0 || it->fd[1] < 0) {
            close_end(it, 0);
            close_end(it, 1);
            open_channel(it);
        }
    }
    for (int i = 0; i < CHANNELS; i++) {
        close_end(&c[i], 0);
        close_end(&c[i], 1);
    }
    CHECK_STR(wrong, NULL);
}

TASK_TEST(numbers_come_back, .seconds = 20)
{
    begin();
    reuse_storm(effort(20000, false));
    return NULL;
}

TASK_TEST(numbers_come_back_for_long, .seconds = 120, .slow = true)
{
    begin();
    reuse_storm(effort(20000, true));
    return NULL;
}

/* ---- a kill at every call of a program ---- */

enum when { BEFORE, WHILE, AFTER };

static struct {
    int at, count; /* the call that is hit; calls so far */
    enum when when;
    const char *victim;
    struct sockaddr_in address;
    int good;
} plan;

static void *kill_it(void *tid)
{
    if (plan.when == AFTER) hk_sleep(1);
    hk_task_kill((hk_tid)hk_num(tid));
    return NULL;
}

/* Stands before each call. */
static void step(const char *who)
{
    if (++plan.count != plan.at) return;
    plan.victim = who;
    if (plan.when == BEFORE)
        hk_task_kill(hk_task_self());
    else
        hk_spawn(HK_ROOT, kill_it, hk_val(hk_task_self()));
}
#define STEP(who, call) (step(who), (call))

struct peer {
    int fd;
    const char *name;
};
static void drop(struct peer *p) { hk_close(p->fd); }

static void *echo(struct peer *p)
{
    HK_FD(fd, p->fd);
    char buf[100];
    ssize_t n;
    while ((n = STEP(p->name, hk_read(fd, buf, sizeof buf))) > 0)
        if (STEP(p->name, hk_write(fd, buf, (size_t)n)) != n) break;
    return NULL;
}
HK_ENTRY_OWNING(echo, struct peer, drop)

static void *client(void *arg)
{
    const char *name = arg;
    char out[400], in[400];
    HK_FD(fd, socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    memset(out, *name, sizeof out);
    if (STEP(name, hk_connect(fd, (struct sockaddr *)&plan.address, sizeof plan.address)) < 0)
        return NULL;
    if (STEP(name, hk_send(fd, out, sizeof out, 0)) != sizeof out) return NULL;
    if (hk_shutdown(fd, SHUT_WR) < 0) return NULL;
    if (STEP(name, hk_recv(fd, in, sizeof in, MSG_WAITALL)) != sizeof in) return NULL;
    if (STEP(name, hk_sleep(1)) < 0) return NULL;
    if (memcmp(in, out, sizeof in) == 0) plan.good++;
    return NULL;
}

static void *server(void *arg)
{
    HK_FD(listener, *(int *)arg);
    for (int i = 0;; i++) {
        int fd = STEP("server", hk_accept(listener, NULL, NULL));
        if (fd < 0) return NULL;
        hk_go(HK_ROOT, echo, fd, "echo");
    }
}

static void *program(void *arg)
{
    static const char *names[] = { "a", "b", "c" };
    hk_tid clients[3], tid;
    int listener = net_listen(&plan.address, 8);
    (void)arg;
    tid = hk_spawn(HK_ROOT, server, &listener);
    for (int i = 0; i < 3; i++) clients[i] = hk_spawn(HK_ROOT, client, (void *)(uintptr_t)names[i]);
    for (int i = 0; i < 3; i++) hk_task_wait(clients[i], NULL);
    hk_task_kill(tid);
    hk_task_wait(tid, NULL);
    return NULL;
}

TEST(a_kill_at_every_call, .seconds = 30)
{
    int free_before = lowest_free(), hits = 0;
    for (int when = BEFORE; when <= AFTER; when++) {
        for (int at = 1;; at++) {
            memset(&plan, 0, sizeof plan);
            plan.at = at;
            plan.when = (enum when)when;
            CHECK_EQ(hk_run(program, NULL, NULL), 0);
            CHECK_EQ(lowest_free(), free_before);
            if (plan.victim == NULL) break;
            hits++;
            bool is_server = strcmp(plan.victim, "server") == 0;
            if (plan.good < (is_server ? 0 : 2))
                test_fail("call %d, %d: %s hit, %d good", at, when, plan.victim, plan.good);
        }
        CHECK_EQ(plan.good, 3);
    }
    CHECK(hits > 40);
}

/* ---- pieces as small as can be ---- */

struct trickle {
    int fd;
    size_t size;
    bool sockets;
};

static char byte_at(size_t i) { return (char)(i * 7 + i / 251); }

static void *pour(void *arg)
{
    struct trickle *t = arg;
    char *all = malloc(t->size);
    for (size_t i = 0; i < t->size; i++) all[i] = byte_at(i);
    CHECK_EQ(t->sockets ? hk_send(t->fd, all, t->size, 0) : hk_write(t->fd, all, t->size), t->size);
    free(all);
    hk_close(t->fd);
    return NULL;
}

static void drain(int fd, size_t size)
{
    char buf[8];
    size_t got = 0;
    ssize_t n;
    while ((n = hk_read(fd, buf, 1 + chance(3))) > 0)
        for (ssize_t i = 0; i < n; i++)
            if (buf[i] != byte_at(got++)) wrong = "bytes out of order";
    CHECK_EQ(n, 0);
    CHECK_EQ(got, size);
    CHECK_STR(wrong, NULL);
    hk_close(fd);
}

TASK_TEST(small_pieces, .seconds = 20)
{
    begin();
    for (int kind = 0; kind < 3; kind++) {
        int fd[2];
        if (kind == 0) net_pipe(fd);
        if (kind == 1) net_local_pair(SOCK_STREAM, fd);
        if (kind == 2) net_tcp_pair(fd);
        if (kind > 0) net_set_buffer(fd[1], SO_SNDBUF, 1);
        if (kind == 1) net_set_buffer(fd[0], SO_RCVBUF, 1);
        if (kind == 0) fcntl(fd[1], F_SETPIPE_SZ, 4096);
        struct trickle t = { fd[1], (size_t)effort(30000, false), kind > 0 };
        hk_tid tid = hk_spawn(HK_ROOT, pour, &t);
        drain(fd[0], t.size);
        hk_task_wait(tid, NULL);
    }
    return NULL;
}

/* ---- interrupted without end ---- */

static int stop;
static void nothing(int number) { (void)number; }

static void *ping(void *arg)
{
    int *fd = arg;
    char buf[300];
    memset(buf, 'x', sizeof buf);
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        CHECK_EQ(hk_write(fd[1], buf, sizeof buf), sizeof buf);
        for (size_t got = 0; got < sizeof buf;) {
            ssize_t n = hk_read(fd[0], buf, sizeof buf);
            if (!CHECK(n > 0)) return NULL;
            got += (size_t)n;
        }
        CHECK_EQ(hk_sleep(HK_US(100)), 0);
    }
    hk_close(fd[0]);
    hk_close(fd[1]);
    return NULL;
}

static void *connect_again(void *arg)
{
    struct sockaddr_in address;
    HK_FD(listener, net_listen(&address, 8));
    (void)arg;
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        HK_FD(fd, socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        CHECK_EQ(hk_connect(fd, (struct sockaddr *)&address, sizeof address), 0);
        HK_FD(other, hk_accept(listener, NULL, NULL));
        CHECK(other >= 0);
        CHECK_EQ(hk_send(fd, "abc", 3, 0), 3);
        char buf[8];
        CHECK_EQ(hk_recv(other, buf, 3, MSG_WAITALL), 3);
    }
    return NULL;
}

static void *programs(void *arg)
{
    char buf[16];
    const char *const argv[] = { "cat", NULL };
    (void)arg;
    if (!proc_have_pidfds()) return NULL;
    do
        CHECK_EQ(hk_proc_run(&(hk_proc_options){ .argv = argv }, "abc", 3, buf, sizeof buf, NULL),
                 3);
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED));
    return NULL;
}

static void *all_kinds(void *arg)
{
    int pairs[3][2];
    (void)arg;
    net_pipe(pairs[0]);
    net_local_pair(SOCK_STREAM, pairs[1]);
    net_tcp_pair(pairs[2]);
    hk_tid tid[5] = { hk_spawn(HK_ROOT, connect_again, NULL), hk_spawn(HK_ROOT, programs, NULL) };
    for (int i = 0; i < 3; i++) tid[2 + i] = hk_spawn(HK_ROOT, ping, pairs[i]);
    for (int i = 0; i < 5; i++) hk_task_wait(tid[i], NULL);
    return NULL;
}

static int ended;
static void *run_all_kinds(void *arg)
{
    CHECK_EQ(hk_run(all_kinds, arg, NULL), 0);
    __atomic_add_fetch(&ended, 1, __ATOMIC_RELEASE);
    return NULL;
}

TEST(interrupted_without_end, .seconds = 30)
{
    enum { THREADS = 2 };
    struct sigaction action = { .sa_handler = nothing }; /* without SA_RESTART */
    pthread_t thread[THREADS];
    sigaction(SIGUSR1, &action, NULL);
    for (int i = 0; i < THREADS; i++) pthread_create(&thread[i], NULL, run_all_kinds, NULL);
    for (int i = 0; __atomic_load_n(&ended, __ATOMIC_ACQUIRE) < THREADS; i++) {
        if (i == effort(400, false)) __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
        for (int j = 0; j < THREADS; j++) pthread_kill(thread[j], SIGUSR1);
        usleep(1000);
    }
    for (int i = 0; i < THREADS; i++) pthread_join(thread[i], NULL);
}

/* ---- peers that come and vanish ---- */

static struct {
    struct sockaddr_in address;
    int listener, born, served, clients, good, well_behaved;
} crowd;

static void *serve(struct peer *p)
{
    HK_FD(fd, p->fd);
    char buf[256];
    ssize_t n;
    while ((n = hk_read(fd, buf, sizeof buf)) > 0 && (n = hk_write(fd, buf, (size_t)n)) > 0) {}
    if (n < 0 && n != -ECONNRESET && n != -EPIPE && n != -ECANCELED) wrong = strerror((int)-n);
    crowd.served++;
    return NULL;
}
HK_ENTRY_OWNING(serve, struct peer, drop)

static void *accept_all(void *arg)
{
    int fd;
    (void)arg;
    while ((fd = hk_accept(crowd.listener, NULL, NULL)) >= 0) {
        crowd.born++;
        hk_go(HK_ROOT, serve, fd, "");
    }
    if (fd != -ECANCELED) wrong = strerror(-fd);
    return NULL;
}

static void reset(int fd)
{
    struct linger hard = { .l_onoff = 1 };
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    hk_close(fd);
}

static bool converse(int fd)
{
    char out[200], in[200];
    memset(out, 'a' + (int)chance(26), sizeof out);
    return hk_send(fd, out, sizeof out, 0) == sizeof out && hk_shutdown(fd, SHUT_WR) == 0 &&
           hk_recv(fd, in, sizeof in, MSG_WAITALL) == sizeof in && memcmp(in, out, sizeof in) == 0;
}

static void *come_and_go(void *arg)
{
    char byte;
    (void)arg;
    HK_FD(fd, socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (fd < 0) return NULL; /* EMFILE is on */
    if (hk_connect(fd, (struct sockaddr *)&crowd.address, sizeof crowd.address) < 0) return NULL;
    crowd.clients++;
    unsigned manner = chance(6);
    if (manner >= 2 && manner < 5) hk_send(fd, "half of something", 17, 0);
    switch (manner) {
    case 0: break;                           /* closed at once */
    case 1: reset(hk_fd_take(&fd)); break;   /* reset at once */
    case 2: reset(hk_fd_take(&fd)); break;   /* reset with data under way */
    case 3: hk_recv(fd, &byte, 1, 0); break; /* gone with an answer unread: a reset too */
    case 4: hk_shutdown(fd, SHUT_WR); break; /* half closed, then gone */
    default:
        crowd.well_behaved++;
        if (converse(fd)) crowd.good++;
    }
    return NULL;
}

static void fork_in_the_midst(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(hk_sleep(1) == -ECHILD && hk_read(crowd.listener, &pid, 1) == -ECHILD ? 0 : 1);
    int status = -1;
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
}

static void limit_descriptors(bool few)
{
    static struct rlimit old;
    if (old.rlim_cur == 0) getrlimit(RLIMIT_NOFILE, &old);
    struct rlimit limit = { few ? (rlim_t)lowest_free() + 2 : old.rlim_cur, old.rlim_max };
    setrlimit(RLIMIT_NOFILE, &limit);
}

static void crowd_storm(int rounds)
{
    /* Room for all: where a queue overflows the kernel may reset who has connected. */
    crowd.listener = net_listen(&crowd.address, 4096);
    hk_tid server = hk_spawn(HK_ROOT, accept_all, NULL);
    for (int i = 0; i < rounds && wrong == NULL; i++) {
        for (unsigned n = 1 + chance(20); n > 0; n--) hk_spawn(HK_ROOT, come_and_go, NULL);
        bool few = chance(40) == 0;
        if (few) limit_descriptors(true);
        if (chance(rounds > 50 ? (unsigned)rounds / 5 : 10) == 0) fork_in_the_midst();
        hk_sched_yield();
        if (chance(3) == 0) hk_sleep(HK_US(200));
        if (few) limit_descriptors(false);
    }
    hk_task_info list[2];
    for (int i = 0; hk_sched_tasks(NULL, list, 2) > 2 && i < 5000; i++) hk_sleep(HK_MS(1));
    CHECK_EQ(hk_sched_tasks(NULL, list, 2), 2); /* the server and this one */
    hk_task_kill(server);
    hk_task_wait(server, NULL);
    hk_close(crowd.listener);
    CHECK_EQ(crowd.served, crowd.born);
    CHECK_EQ(crowd.good, crowd.well_behaved);
    CHECK(crowd.clients > rounds);
    CHECK_STR(wrong, NULL);
}

static void *run_crowd(void *rounds)
{
    crowd_storm((int)hk_num(rounds));
    return NULL;
}

TEST(peers_come_and_vanish, .seconds = 30)
{
    begin();
    signal(SIGPIPE, SIG_DFL);
    CHECK_EQ(hk_run(run_crowd, hk_val(effort(300, false)), NULL), 0);
}

TEST(peers_come_and_vanish_for_long, .seconds = 200, .slow = true)
{
    begin();
    CHECK_EQ(hk_run(run_crowd, hk_val(effort(300, true)), NULL), 0);
}
