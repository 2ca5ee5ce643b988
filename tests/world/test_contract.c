/* SPDX-License-Identifier: MIT */
/* The contract of a world, tested against its table alone: each world must pass this program.
 *
 * Here: readiness, time, waking, direct calls; operations are in test_operations.c. Of real worlds
 * alone (WORLD_TEST_REAL): urgent data, duplicates, files, blocking descriptors and what a kernel
 * knows of them, which a simulated world does not have; wake-ups by other threads and by signals,
 * which its wait never waits for; a descriptor for a foreign loop, and fork, which are of the
 * kernel. */
#include "support/net.h"
#include "support/world.h"
#include "support/tools.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- readiness ---- */

WORLD_TEST(watching_tells_the_present)
{
    int fds[2];
    world_local_pair(w, fds);
    CHECK_EQ(world_write(w, fds[1], "x", 1), 1);
    CHECK_EQ(w->table->watch(w, fds[0], HK__READABLE, world_ticket(fds[0], 7)), 0);
    CHECK_EQ(world_look_for(w, world_ticket(fds[0], 7), HK__READABLE), HK__READABLE);
    CHECK_EQ(world_look(w, 0, world_ticket(fds[0], 7), NULL), 0); /* an edge, told once */
    CHECK_EQ(world_write(w, fds[1], "y", 1), 1);
    CHECK_EQ(world_look_for(w, world_ticket(fds[0], 7), HK__READABLE), HK__READABLE);
    w->table->unwatch(w, fds[0], world_ticket(fds[0], 7));
    world_close(w, fds[0]);
    world_close(w, fds[1]);
}

WORLD_TEST(second_direction_widens)
{
    int fds[2];
    world_local_pair(w, fds);
    hk__ticket t = world_ticket(fds[0], 1);
    CHECK_EQ(w->table->watch(w, fds[0], HK__READABLE, t), 0);
    CHECK_EQ(world_look(w, 0, t, NULL), 0);
    CHECK_EQ(w->table->watch(w, fds[0], HK__READABLE | HK__WRITABLE, t), 0);
    CHECK_EQ(world_look_for(w, t, HK__WRITABLE), HK__WRITABLE);
    CHECK_EQ(world_write(w, fds[1], "x", 1), 1);
    CHECK(world_look_for(w, t, HK__READABLE) & HK__READABLE);
    w->table->unwatch(w, fds[0], t);
    world_close(w, fds[0]);
    world_close(w, fds[1]);
}

WORLD_TEST(end_and_hangup)
{
    int fds[2];
    world_local_pair(w, fds);
    hk__ticket t = world_ticket(fds[0], 1);
    CHECK_EQ(w->table->watch(w, fds[0], HK__READABLE, t), 0);
    world_shutdown(w, fds[1], SHUT_WR);
    CHECK_EQ(world_look_for(w, t, HK__HANGUP), HK__READABLE | HK__HANGUP);
    world_close(w, fds[1]);
    CHECK_EQ(world_look_for(w, t, HK__WRITABLE), HK__READABLE | HK__WRITABLE | HK__HANGUP);
    w->table->unwatch(w, fds[0], t);
    world_close(w, fds[0]);
}

WORLD_TEST_REAL(urgent_data)
{
    int fds[2];
    net_tcp_pair(fds);
    hk__ticket t = world_ticket(fds[0], 1);
    CHECK_EQ(w->table->watch(w, fds[0], HK__READABLE, t), 0);
    CHECK_EQ(send(fds[1], "!", 1, MSG_OOB), 1);
    CHECK(world_look_for(w, t, HK__URGENT) & HK__URGENT);
    w->table->unwatch(w, fds[0], t);
    close(fds[0]);
    close(fds[1]);
}

WORLD_TEST(silence_after_unwatch)
{
    int fds[2], others;
    world_local_pair(w, fds);
    CHECK_EQ(w->table->watch(w, fds[0], HK__READABLE, world_ticket(fds[0], 1)), 0);
    CHECK_EQ(world_write(w, fds[1], "x", 1), 1);
    w->table->unwatch(w, fds[0], world_ticket(fds[0], 1));
    CHECK_EQ(world_look(w, world_now(w) + HK_MS(5), world_ticket(fds[0], 1), &others), 0);
    CHECK_EQ(others, 0);
    /* The same number again is another file: only the new ticket comes. */
    CHECK_EQ(w->table->watch(w, fds[0], HK__READABLE, world_ticket(fds[0], 2)), 0);
    CHECK_EQ(world_look(w, world_now(w) + HK_SEC(5), world_ticket(fds[0], 2), &others),
             HK__READABLE);
    CHECK_EQ(others, 0);
    w->table->unwatch(w, fds[0], world_ticket(fds[0], 2));
    world_close(w, fds[0]);
    world_close(w, fds[1]);
}

/* A duplicate keeps the file open: what was unwatched stays silent all the same. */
WORLD_TEST_REAL(duplicate_is_no_ghost)
{
    int fds[2], others;
    net_local_pair(SOCK_STREAM, fds);
    CHECK_EQ(w->table->watch(w, fds[0], HK__READABLE, world_ticket(fds[0], 1)), 0);
    int copy = dup(fds[0]);
    w->table->unwatch(w, fds[0], world_ticket(fds[0], 1));
    close(fds[0]);
    CHECK_EQ(write(fds[1], "x", 1), 1);
    CHECK_EQ(world_look(w, world_now(w) + HK_MS(5), world_ticket(fds[0], 1), &others), 0);
    CHECK_EQ(others, 0);
    close(copy);
    close(fds[1]);
}

/* Closed without a word, and the number came again: watching works. */
WORLD_TEST(number_reused_behind_its_back)
{
    int fds[2], again[2];
    world_local_pair(w, fds);
    CHECK_EQ(w->table->watch(w, fds[0], HK__READABLE, world_ticket(fds[0], 1)), 0);
    world_close(w, fds[0]);
    world_close(w, fds[1]);
    world_local_pair(w, again);
    CHECK_EQ(again[0], fds[0]);
    CHECK_EQ(w->table->watch(w, again[0], HK__READABLE, world_ticket(again[0], 1)), 0);
    CHECK_EQ(world_write(w, again[1], "x", 1), 1);
    CHECK_EQ(world_look_for(w, world_ticket(again[0], 1), HK__READABLE), HK__READABLE);
    w->table->unwatch(w, again[0], world_ticket(again[0], 1));
    world_close(w, again[0]);
    world_close(w, again[1]);
}

WORLD_TEST_REAL(what_cannot_be_watched)
{
    char path[] = "/tmp/hocket-test-XXXXXX";
    int fd = mkstemp(path);
    CHECK_EQ(w->table->watch(w, fd, HK__READABLE, world_ticket(fd, 1)), -EPERM);
    close(fd);
    unlink(path);
}

WORLD_TEST(what_is_not_there_cannot_be_watched)
{
    int fds[2];
    CHECK_EQ(w->table->watch(w, 999, HK__READABLE, world_ticket(999, 1)), -EBADF);
    world_pipe(w, fds);
    world_close(w, fds[0]);
    CHECK_EQ(w->table->watch(w, fds[0], HK__READABLE, world_ticket(fds[0], 1)), -EBADF);
    w->table->unwatch(w, fds[0], world_ticket(fds[0], 1)); /* not that it matters */
    world_close(w, fds[1]);
}

/* The ends of a pipe are no sockets: each hears of the other's end. */
WORLD_TEST(ends_of_a_pipe)
{
    int fds[2];
    char c;
    signal(SIGPIPE, SIG_IGN);
    for (int first = 0; first < 2; first++) {
        world_pipe(w, fds);
        hk__ticket t = world_ticket(fds[1 - first], 1);
        unsigned direction = first == 0 ? HK__WRITABLE : HK__READABLE;
        CHECK_EQ(w->table->watch(w, fds[1 - first], direction, t), 0);
        world_look(w, 0, t, NULL);
        world_close(w, fds[first]);
        CHECK_EQ(world_look_for(w, t, HK__HANGUP), HK__READABLE | HK__WRITABLE | HK__HANGUP);
        if (first == 0) CHECK_EQ(world_write(w, fds[1], "x", 1), -EPIPE);
        if (first == 1) CHECK_EQ(world_read(w, fds[0], &c, 1), 0);
        w->table->unwatch(w, fds[1 - first], t);
        world_close(w, fds[1 - first]);
    }
}

/* Full, it is not writable; room for more is an event, and the only one. */
WORLD_TEST(room_is_told)
{
    static char big[1 << 16];
    int fds[2];
    for (int kind = 0; kind < 3; kind++) {
        if (kind == 0) world_pipe(w, fds);
        if (kind == 1) world_local_pair(w, fds);
        if (kind == 2) world_tcp_pair(w, fds);
        hk__ticket t = world_ticket(fds[1], 2);
        CHECK_EQ(w->table->watch(w, fds[1], HK__WRITABLE, t), 0);
        CHECK_EQ(world_look_for(w, t, HK__WRITABLE), HK__WRITABLE);
        int64_t n;
        for (int i = 0; i < 5000 && (n = world_write(w, fds[1], big, sizeof big)) > 0; i++) {}
        CHECK_EQ(n, -EAGAIN);
        if (kind < 2) CHECK_EQ(world_look(w, 0, t, NULL), 0); /* TCP: the kernel grows its buffer */
        while ((n = world_read(w, fds[0], big, sizeof big)) > 0) {}
        CHECK_EQ(n, -EAGAIN);
        CHECK_EQ(world_look_for(w, t, HK__WRITABLE), HK__WRITABLE);
        CHECK(world_write(w, fds[1], big, 1000) > 0);
        w->table->unwatch(w, fds[1], t);
        world_close(w, fds[0]);
        world_close(w, fds[1]);
    }
}

/* An event that was not taken yet belongs to the watch that is over, not to the next. */
WORLD_TEST(stale_event_of_an_older_generation)
{
    int fds[2], others;
    char c;
    world_local_pair(w, fds);
    CHECK_EQ(w->table->watch(w, fds[0], HK__READABLE, world_ticket(fds[0], 1)), 0);
    CHECK_EQ(world_write(w, fds[1], "x", 1), 1);
    CHECK_EQ(world_read(w, fds[0], &c, 1), 1);
    w->table->unwatch(w, fds[0], world_ticket(fds[0], 1));
    CHECK_EQ(w->table->watch(w, fds[0], HK__READABLE, world_ticket(fds[0], 2)), 0);
    CHECK_EQ(world_look(w, world_now(w) + HK_MS(5), world_ticket(fds[0], 2), &others), 0);
    CHECK_EQ(others, 0);
    w->table->unwatch(w, fds[0], world_ticket(fds[0], 2));
    world_close(w, fds[0]);
    world_close(w, fds[1]);
}

WORLD_TEST(more_events_than_fit)
{
    int fds[10][2];
    bool seen[10] = { false };
    for (int i = 0; i < 10; i++) {
        world_local_pair(w, fds[i]);
        CHECK_EQ(world_write(w, fds[i][1], "x", 1), 1);
        CHECK_EQ(w->table->watch(w, fds[i][0], HK__READABLE, world_ticket(fds[i][0], 5)), 0);
    }
    hk__event events[3];
    for (int count, turn = 0; turn < 10 && (count = w->table->wait(w, events, 3, 0)) > 0; turn++) {
        CHECK(count <= 3);
        for (int e = 0; e < count; e++)
            for (int i = 0; i < 10; i++)
                if (events[e].ticket.slot == (uint32_t)fds[i][0]) seen[i] = true;
    }
    for (int i = 0; i < 10; i++) {
        CHECK(seen[i]);
        w->table->unwatch(w, fds[i][0], world_ticket(fds[i][0], 5));
        world_close(w, fds[i][0]);
        world_close(w, fds[i][1]);
    }
}

/* More than a small ring has room for, twice: what the kernel could not say at once it says later,
 * and goes on watching. */
WORLD_TEST(more_readiness_than_room)
{
    enum { PAIRS = 60 };
    static int fds[PAIRS][2];
    char c;
    for (int i = 0; i < PAIRS; i++) {
        world_local_pair(w, fds[i]);
        CHECK_EQ(w->table->watch(w, fds[i][0], HK__READABLE, world_ticket(fds[i][0], 5)), 0);
    }
    for (int round = 0; round < 3; round++) {
        static bool seen[PAIRS];
        int count = 0;
        memset(seen, 0, sizeof seen);
        for (int i = 0; i < PAIRS; i++) CHECK_EQ(world_write(w, fds[i][1], "x", 1), 1);
        for (int64_t limit = world_now(w) + HK_SEC(5); count < PAIRS && world_now(w) < limit;) {
            hk__event events[16];
            int got = w->table->wait(w, events, 16, limit);
            for (int e = 0; e < got; e++) {
                int i = 0;
                while ((uint32_t)fds[i][0] != events[e].ticket.slot) i++;
                count += !seen[i];
                seen[i] = true;
            }
        }
        CHECK_EQ(count, PAIRS);
        for (int i = 0; i < PAIRS; i++) CHECK_EQ(world_read(w, fds[i][0], &c, 1), 1);
    }
    for (int i = 0; i < PAIRS; i++) {
        w->table->unwatch(w, fds[i][0], world_ticket(fds[i][0], 5));
        world_close(w, fds[i][0]);
        CHECK_EQ(world_read(w, fds[i][1], &c, 1), 0); /* it really is closed */
        world_close(w, fds[i][1]);
    }
}

/* With an event on its way, too. */
WORLD_TEST(unwatch_lets_go_of_the_file)
{
    char c;
    for (int event = 0; event < 2; event++) {
        for (unsigned directions = 1; directions <= 3; directions++) {
            int fds[2];
            world_tcp_pair(w, fds);
            hk__ticket t = world_ticket(fds[0], directions);
            CHECK_EQ(w->table->watch(w, fds[0], directions, t), 0);
            CHECK_EQ(w->table->watch(w, fds[0], directions, t), 0);
            if (event) {
                CHECK_EQ(world_write(w, fds[1], "x", 1), 1);
                CHECK_EQ(world_read(w, fds[0], &c, 1), 1);
            }
            w->table->unwatch(w, fds[0], t);
            world_close(w, fds[0]);
            CHECK(world_shows(w, fds[1]));
            CHECK_EQ(world_read(w, fds[1], &c, 1), 0);
            world_close(w, fds[1]);
        }
    }
}

WORLD_TEST(unwatched_port_is_free)
{
    struct sockaddr_in address;
    int fd = world_listen(w, &address), again = world_socket(w, AF_INET);
    CHECK_EQ(world_bind(w, again, &address, sizeof address), -EADDRINUSE);
    CHECK_EQ(w->table->watch(w, fd, HK__READABLE, world_ticket(fd, 1)), 0);
    w->table->unwatch(w, fd, world_ticket(fd, 1));
    world_close(w, fd);
    CHECK_EQ(world_bind(w, again, &address, sizeof address), 0);
    world_close(w, again);
}

TEST(destroyed_world_lets_go_of_files)
{
    for (unsigned entries = 0; entries <= 8; entries += 8) {
        hk__world *w = world_open(hk__world_uring, entries);
        int fds[2];
        char c;
        if (w == NULL) return;
        net_local_pair(SOCK_STREAM, fds);
        CHECK_EQ(w->table->watch(w, fds[0], HK__READABLE | HK__WRITABLE, world_ticket(fds[0], 1)),
                 0);
        w->table->destroy(w);
        close(fds[0]);
        CHECK_EQ(recv(fds[1], &c, 1, MSG_DONTWAIT), 0);
        close(fds[1]);
    }
}

/* The number is another file while an event of the old one is on its way. */
WORLD_TEST(number_reused_with_events_in_flight)
{
    for (uint32_t generation = 1; generation < 200; generation++) {
        int fds[2];
        hk__event events[8];
        world_local_pair(w, fds);
        hk__ticket t = world_ticket(fds[0], generation);
        CHECK_EQ(w->table->watch(w, fds[0], HK__READABLE, t), 0);
        int count = generation % 3 == 0 ? w->table->wait(w, events, 8, 0) : 0;
        CHECK_EQ(count, 0); /* nothing is there: whatever were told would be of the one before */
        CHECK_EQ(world_write(w, fds[1], "x", 1), 1);
        if (generation % 2 == 0) world_look_for(w, t, HK__READABLE);
        if (generation % 5 == 0) CHECK_EQ(world_write(w, fds[1], "y", 1), 1);
        w->table->unwatch(w, fds[0], t);
        world_close(w, fds[0]);
        world_close(w, fds[1]);
    }
    hk__event events[8];
    CHECK_EQ(w->table->wait(w, events, 8, 0), 0);
}

/* ---- time ---- */

WORLD_TEST(wait_is_never_early)
{
    static const int64_t durations[] = { 1, 1000, 50000, 999999, HK_MS(1), 1000001, HK_MS(3) };
    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < HK_LEN(durations); i++) {
            int64_t until = world_now(w) + durations[i];
            CHECK_EQ(world_look(w, until, world_ticket(0, 0), NULL), 0);
            CHECK(world_now(w) >= until);
        }
    }
}

WORLD_TEST(a_time_that_is_over_is_no_wait)
{
    int64_t before = world_now(w);
    for (int i = 0; i < 100; i++) {
        world_look(w, 0, world_ticket(0, 0), NULL);
        world_look(w, 1, world_ticket(0, 0), NULL);
        world_look(w, before, world_ticket(0, 0), NULL);
    }
    CHECK(world_now(w) - before < HK_SEC(1));
}

static void slack_is_none(hk__world *w)
{
    (void)w;
    CHECK_EQ(prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0), 1);
}

TEST(timer_slack_is_given_back)
{
    int before = prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0);
    world_run(world_open(hk__world_epoll, 0), slack_is_none);
    CHECK_EQ(prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0), before);
    world_run(world_open(hk__world_uring, 0), slack_is_none);
    CHECK_EQ(prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0), before);
}

static void on_alarm(int signal) { (void)signal; }

WORLD_TEST_REAL(interrupted_wait_returns_nothing)
{
    struct sigaction sa = { .sa_handler = on_alarm };
    struct itimerval tick = { { 0, 2000 }, { 0, 2000 } }, off = { { 0, 0 }, { 0, 0 } };
    sigaction(SIGALRM, &sa, NULL);
    setitimer(ITIMER_REAL, &tick, NULL);
    hk__event events[4];
    for (int i = 0; i < 5; i++) CHECK_EQ(w->table->wait(w, events, 4, INT64_MAX), 0);
    setitimer(ITIMER_REAL, &off, NULL);
}

/* ---- waking ---- */

WORLD_TEST(wake_before_the_wait)
{
    hk__event events[4];
    w->table->wake(w);
    w->table->wake(w);
    CHECK_EQ(w->table->wait(w, events, 4, INT64_MAX), 0); /* returns, and shows no event */
    int64_t until = world_now(w) + HK_MS(3);
    CHECK_EQ(w->table->wait(w, events, 4, until), 0); /* both are used up */
    CHECK(world_now(w) >= until);
}

struct waker {
    hk__world *w;
    int times;
};

static void *wake_later(void *arg)
{
    struct waker *k = arg;
    for (int i = 0; i < k->times; i++) {
        usleep(1000);
        k->w->table->wake(k->w);
    }
    return NULL;
}

WORLD_TEST_REAL(wake_during_the_wait)
{
    struct waker k = { w, 1 };
    pthread_t thread;
    hk__event events[4];
    for (int i = 0; i < 20; i++) {
        pthread_create(&thread, NULL, wake_later, &k);
        CHECK_EQ(w->table->wait(w, events, 4, INT64_MAX), 0);
        pthread_join(thread, NULL);
    }
}

static void *wake_fast(void *arg)
{
    struct waker *k = arg;
    for (int i = 0; i < k->times; i++) k->w->table->wake(k->w);
    return NULL;
}

/* The last of many wakes is never lost, whatever the wait is doing. */
WORLD_TEST_REAL(wake_at_any_moment)
{
    for (int i = 0; i < 300; i++) {
        struct waker k = { w, 1 + i % 5 };
        pthread_t thread;
        hk__event events[4];
        pthread_create(&thread, NULL, wake_fast, &k);
        CHECK_EQ(w->table->wait(w, events, 4, INT64_MAX), 0);
        pthread_join(thread, NULL);
        w->table->wait(w, events, 4, 0); /* the rest of them */
    }
}

WORLD_TEST(wake_does_not_hide_events)
{
    int fds[2];
    world_local_pair(w, fds);
    CHECK_EQ(w->table->watch(w, fds[0], HK__READABLE, world_ticket(fds[0], 1)), 0);
    for (int i = 0; i < 10; i++) {
        w->table->wake(w);
        CHECK_EQ(world_write(w, fds[1], "x", 1), 1);
        CHECK_EQ(world_look_for(w, world_ticket(fds[0], 1), HK__READABLE), HK__READABLE);
    }
    w->table->unwatch(w, fds[0], world_ticket(fds[0], 1));
    world_close(w, fds[0]);
    world_close(w, fds[1]);
}

static hk__world *woken_by_signal;

static void wake_in_handler(int signal)
{
    (void)signal;
    int saved = errno;
    errno = 12345;
    woken_by_signal->table->wake(woken_by_signal);
    CHECK_EQ(errno, 12345);
    errno = saved;
}

/* Before the wait, so that the interruption cannot be what ends it; and during it. */
WORLD_TEST_REAL(wake_from_a_signal_handler)
{
    struct sigaction sa = { .sa_handler = wake_in_handler, .sa_flags = SA_RESTART };
    struct itimerval once = { { 0, 0 }, { 0, 1000 } };
    hk__event events[4];
    woken_by_signal = w;
    sigaction(SIGALRM, &sa, NULL);
    for (int i = 0; i < 20; i++) {
        raise(SIGALRM);
        CHECK_EQ(w->table->wait(w, events, 4, INT64_MAX), 0);
        setitimer(ITIMER_REAL, &once, NULL);
        CHECK_EQ(w->table->wait(w, events, 4, INT64_MAX), 0);
        w->table->wait(w, events, 4, 0); /* an interruption, and its wake, may be two */
    }
}

WORLD_TEST(peek_shows_events)
{
    int fds[2];
    hk__event events[4];
    world_local_pair(w, fds);
    CHECK_EQ(w->table->watch(w, fds[0], HK__READABLE, world_ticket(fds[0], 3)), 0);
    for (int i = 0; i < 100; i++) CHECK_EQ(w->table->peek(w, events, 4), 0);
    CHECK_EQ(world_write(w, fds[1], "x", 1), 1);
    int64_t limit = world_now(w) + HK_SEC(5);
    int count = 0;
    while (count == 0 && world_now(w) < limit) count = w->table->peek(w, events, 4);
    CHECK_EQ(count, 1);
    CHECK_EQ(events[0].ticket.slot, fds[0]);
    CHECK_EQ(events[0].ticket.generation, 3);
    CHECK_EQ(events[0].kind, HK__EVENT_READY);
    CHECK_EQ(events[0].ready, HK__READABLE);
    CHECK_EQ(w->table->peek(w, events, 4), 0);
    w->table->unwatch(w, fds[0], world_ticket(fds[0], 3));
    world_close(w, fds[0]);
    world_close(w, fds[1]);
}

/* The child gives back what it inherited, and the parent does not notice. */
WORLD_TEST_REAL(inherited_by_a_child)
{
    int fds[2], status;
    hk__event events[4];
    net_local_pair(SOCK_STREAM, fds);
    hk__ticket t = world_ticket(fds[0], 1);
    CHECK_EQ(w->table->watch(w, fds[0], HK__READABLE, t), 0);
    for (int i = 0; i < 2; i++) {
        pid_t child = fork();
        if (child == 0) {
            int fd = w->table->descriptor(w);
            w->table->inherited(w);
            _exit(fcntl(fd, F_GETFD) < 0 ? 0 : 1);
        }
        CHECK_EQ(waitpid(child, &status, 0), child);
        CHECK_EQ(status, 0);
        w->table->wake(w);
        CHECK_EQ(w->table->wait(w, events, 4, INT64_MAX), 0);
        CHECK_EQ(write(fds[1], "x", 1), 1);
        CHECK_EQ(world_look_for(w, t, HK__READABLE), HK__READABLE);
    }
    w->table->unwatch(w, fds[0], t);
    close(fds[0]);
    close(fds[1]);
}

WORLD_TEST_REAL(descriptor_tells_a_foreign_loop)
{
    int fds[2], fd = w->table->descriptor(w);
    hk__event events[4];
    CHECK(!world_is_readable(fd, 0));
    w->table->wake(w);
    CHECK(world_is_readable(fd, 1000));
    CHECK_EQ(w->table->wait(w, events, 4, 0), 0);
    CHECK(!world_is_readable(fd, 0));
    net_local_pair(SOCK_STREAM, fds);
    CHECK_EQ(w->table->watch(w, fds[0], HK__READABLE, world_ticket(fds[0], 1)), 0);
    CHECK(!world_is_readable(fd, 0));
    CHECK_EQ(write(fds[1], "x", 1), 1);
    CHECK(world_is_readable(fd, 1000));
    CHECK_EQ(world_look(w, 0, world_ticket(fds[0], 1), NULL), HK__READABLE);
    CHECK(!world_is_readable(fd, 0));
    w->table->unwatch(w, fds[0], world_ticket(fds[0], 1));
    close(fds[0]);
    close(fds[1]);
}

WORLD_TEST_REAL(its_descriptors_are_close_on_exec)
{
    int first = w->table->descriptor(w), next = dup(0);
    for (int fd = first; fd < next; fd++) CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    close(next);
}

/* ---- direct calls ---- */

/* Empty is -EAGAIN, and so is full. */
static void never_waits(hk__world *w, int in, int out)
{
    static char big[1 << 16];
    char buf[8];
    int64_t n;
    CHECK_EQ(world_read(w, in, buf, sizeof buf), -EAGAIN);
    CHECK_EQ(world_write(w, out, "abc", 3), 3);
    CHECK(world_shows(w, in));
    CHECK_EQ(world_read(w, in, buf, sizeof buf), 3);
    CHECK_EQ(world_read(w, in, buf, sizeof buf), -EAGAIN);
    int writes = 0;
    while ((n = world_write(w, out, big, sizeof big)) > 0 && ++writes < 5000) {}
    CHECK_EQ(n, -EAGAIN);
}

WORLD_TEST(direct_never_waits)
{
    int fds[2];
    for (int kind = 0; kind < 3; kind++) {
        if (kind == 0) world_pipe(w, fds);
        if (kind == 1) world_local_pair(w, fds);
        if (kind == 2) world_tcp_pair(w, fds);
        never_waits(w, fds[0], fds[1]);
        world_close(w, fds[0]);
        world_close(w, fds[1]);
    }
}

/* The descriptor's own flags stay as they are. */
static void never_waits_though_it_blocks(hk__world *w, int fds[2])
{
    never_waits(w, fds[0], fds[1]);
    for (int i = 0; i < 2; i++) {
        CHECK(!net_is_nonblocking(fds[i]));
        close(fds[i]);
    }
}

WORLD_TEST_REAL(direct_never_waits_on_blocking_sockets)
{
    int fds[2];
    net_tcp_pair(fds);
    never_waits_though_it_blocks(w, fds);
    net_local_pair(SOCK_STREAM, fds);
    never_waits_though_it_blocks(w, fds);
    net_local_pair(SOCK_DGRAM, fds);
    never_waits_though_it_blocks(w, fds);
}

WORLD_TEST_REAL(direct_never_waits_on_blocking_pipes)
{
    int fds[2];
    net_pipe(fds);
    never_waits_though_it_blocks(w, fds);
}

/* A kernel or driver without RWF_NOWAIT: a note says so. */
WORLD_TEST_REAL(direct_polls_where_it_must)
{
    int fds[2];
    char buf[8];
    net_pipe(fds);
    struct iovec one = { buf, sizeof buf };
    hk__direct d = { .kind = HK__DIRECT_READ, .fd = fds[0], .vector = &one, .count = 1 };
    CHECK_EQ(w->table->direct(w, &d), -EAGAIN);
    CHECK(d.spent);
    d.note |= HK__NOTE_POLL;
    CHECK_EQ(w->table->direct(w, &d), -EAGAIN);
    CHECK(d.spent);
    static char big[10000];
    struct iovec all = { big, sizeof big };
    hk__direct out = { .kind = HK__DIRECT_WRITE, .fd = fds[1], .vector = &all, .count = 1 };
    CHECK_EQ(world_write(w, fds[1], NULL, 0), 0);
    out.note = d.note;
    int64_t n, sum = 0;
    while ((n = w->table->direct(w, &out)) > 0) sum += n;
    CHECK_EQ(n, -EAGAIN);
    CHECK(sum > 0);
    CHECK_EQ(w->table->direct(w, &d), 8);
    close(fds[0]);
    close(fds[1]);
}

WORLD_TEST(direct_on_nonsense)
{
    char buf[8] = { 0 };
    int fds[2];
    world_pipe(w, fds);
    CHECK_EQ(world_transfer(w, HK__DIRECT_RECV, fds[0], buf, 8), -ENOTSOCK);
    CHECK_EQ(world_shutdown(w, fds[0], SHUT_RD), -ENOTSOCK);
    /* -EAGAIN, where the kernel knows no read that does not wait: an operation says it then. */
    int64_t r = world_transfer(w, HK__DIRECT_PREAD, fds[0], buf, 8);
    CHECK(r == -ESPIPE || r == -EAGAIN);
    CHECK_EQ(world_read(w, fds[1], buf, 8), -EBADF);
    CHECK_EQ(world_write(w, fds[0], buf, 8), -EBADF);
    CHECK_EQ(world_close(w, fds[0]), 0);
    CHECK_EQ(world_close(w, fds[0]), -EBADF);
    CHECK_EQ(world_read(w, fds[0], buf, 8), -EBADF);
    CHECK_EQ(world_close(w, fds[1]), 0);
    int fd = world_socket(w, AF_INET);
    CHECK_EQ(world_read(w, fd, buf, 8), -ENOTCONN);
    CHECK_EQ(world_write(w, fd, buf, 8), -EPIPE);
    CHECK_EQ(world_shutdown(w, fd, SHUT_RD), -ENOTCONN);
    world_close(w, fd);
}

WORLD_TEST_REAL(direct_on_files)
{
    char path[] = "/tmp/hocket-test-XXXXXX", buf[8];
    int fd = mkstemp(path);
    int64_t written = world_transfer(w, HK__DIRECT_WRITE, fd, (void *)"abc", 3);
    CHECK(written == 3 || written == -EAGAIN); /* not every file system promises not to wait */
    if (written < 0) CHECK_EQ(write(fd, "abc", 3), 3);
    if (!on_emulator()) { /* it cannot be asked not to wait */
        CHECK_EQ(world_transfer(w, HK__DIRECT_READ, fd, buf, 8), 0);
        CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
        CHECK_EQ(world_transfer(w, HK__DIRECT_READ, fd, buf, 8), 3);
    }
    CHECK_EQ(world_transfer(w, HK__DIRECT_RECV, fd, buf, 8), -ENOTSOCK);
    CHECK_EQ(world_transfer(w, HK__DIRECT_CLOSE, fd, NULL, 0), 0);
    CHECK_EQ(world_transfer(w, HK__DIRECT_CLOSE, fd, NULL, 0), -EBADF);
    CHECK_EQ(world_transfer(w, HK__DIRECT_READ, fd, buf, 8), -EBADF);
    unlink(path);
}

/* Short means empty where it does, and only there. */
static bool spent_after_a_short_read(hk__world *w, int fds[2])
{
    char buf[64];
    struct iovec one = { buf, sizeof buf };
    hk__direct d = { .kind = HK__DIRECT_READ, .fd = fds[0], .vector = &one, .count = 1 };
    CHECK_EQ(world_write(w, fds[1], "abc", 3), 3);
    CHECK(world_shows(w, fds[0]));
    CHECK_EQ(w->table->direct(w, &d), 3);
    bool spent = d.spent;
    world_close(w, fds[0]);
    world_close(w, fds[1]);
    return spent;
}

WORLD_TEST(direct_knows_when_short_is_empty)
{
    int fds[2];
    world_tcp_pair(w, fds);
    CHECK(spent_after_a_short_read(w, fds));
    world_local_pair(w, fds);
    CHECK(spent_after_a_short_read(w, fds));
    world_pipe(w, fds);
    CHECK(spent_after_a_short_read(w, fds));
}

/* The simulated world knows it of these too. */
WORLD_TEST_REAL(short_is_not_empty_where_there_are_borders)
{
    int fds[2];
    net_local_pair(SOCK_DGRAM, fds);
    CHECK(!spent_after_a_short_read(w, fds));
    net_local_pair(SOCK_SEQPACKET, fds);
    CHECK(!spent_after_a_short_read(w, fds));
}

static void no_descriptors_left(int (*open)(unsigned entries, hk__world **ret_world), int needed)
{
    struct rlimit old, low;
    getrlimit(RLIMIT_NOFILE, &old);
    int next = dup(0);
    close(next);
    for (int room = 0; room < needed; room++) {
        hk__world *w = NULL;
        low = (struct rlimit){ (rlim_t)(next + room), old.rlim_max };
        setrlimit(RLIMIT_NOFILE, &low);
        int r = open(0, &w);
        setrlimit(RLIMIT_NOFILE, &old);
        CHECK_EQ(r, -EMFILE);
        CHECK(w == NULL);
    }
}

TEST(epoll_world_without_descriptors_leaks_none) { no_descriptors_left(hk__world_epoll, 2); }

TEST(uring_world_without_descriptors_leaks_none)
{
    hk__world *w = world_open(hk__world_uring, 0);
    if (w == NULL) return;
    w->table->destroy(w);
    no_descriptors_left(hk__world_uring, 3);
}
