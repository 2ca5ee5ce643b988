/* SPDX-License-Identifier: MIT */
/* State Threads: a thread per connection on one processor, on epoll (which it must be asked for).
 *
 * It has condition variables and mutexes, and no channels: those here are what a program writes
 * with conditions, which on one processor need no mutex. The manual's way to yield, st_usleep(0),
 * goes through the heap of timeouts and asks the kernel about descriptors each time round; where
 * others are sure to run, threads that signal each other by turns do the same, a hundred times
 * quicker, and that is what the row yield measures. A thread that is alone yields by st_usleep(0),
 * and so does one that holds the mutex for which all others wait.
 *
 * A thread sleeps from when the scheduler last read the clock, so those that are started in a long
 * row wake too early: their lateness is below zero.
 *
 * Stacks are of 16 KiB, and the default of 64 KiB in the row memory; neither has a guard. Files are
 * read by plain system calls: st_read blocks as well for them. */
#include "peer.h"

#include <st.h>

enum { STACK = 16 * 1024 };

static st_thread_t spawn(void *(*body)(void *), void *arg)
{
    st_thread_t thread = st_thread_create(body, arg, 1, STACK);
    if (!thread) peer_fail("no thread: %s", strerror(errno));
    return thread;
}

static void join(st_thread_t *threads, long size)
{
    for (long i = 0; i < size; i++) st_thread_join(threads[i], NULL);
}

static void *pointer(uint64_t number) { return (void *)(uintptr_t)number; }

/* Runs size threads with that body, whose argument is a number, and waits for all. */
static void run_all(void *(*body)(void *), long size)
{
    st_thread_t *threads = peer_alloc((size_t)size, sizeof *threads);
    for (long i = 0; i < size; i++) threads[i] = spawn(body, pointer((uint64_t)i));
    join(threads, size);
    free(threads);
}

static struct peer_share share;

/* ---- yield ---- */

static st_cond_t last; /* on which waits who gave way last */
static long alive;

static void give_way(st_cond_t mine)
{
    if (alive == 1) {
        st_usleep(0);
        return;
    }
    st_cond_signal(last);
    last = mine;
    st_cond_wait(mine);
}

static void leave(void)
{
    alive--;
    st_cond_signal(last);
}

#define YIELDER(k) \
    static void *yielder_##k(void *mine) \
    { \
        for (long i = 0; i < share.turns; i++) { \
            PEER_MARK(k); \
            peer_tick(); \
            give_way(mine); \
        } \
        leave(); \
        return NULL; \
    }
PEER_EACH_SITE(YIELDER)

static void yield(long size, long count)
{
#define NAME(k) yielder_##k,
    void *(*const bodies[])(void *) = { PEER_EACH_SITE(NAME) };
    share = peer_plan(size, count);
    last = st_cond_new();
    alive = size;
    st_thread_t *threads = peer_alloc((size_t)size, sizeof *threads);
    for (long i = 0; i < size; i++) threads[i] = spawn(bodies[i % PEER_SITES], st_cond_new());
    join(threads, size);
    peer_report(share.total, (uint64_t)share.total);
}

/* ---- spawn and join ---- */

static uint64_t sum;

static void *adder(void *arg)
{
    sum += (uintptr_t)arg;
    return NULL;
}

static void spawn_batches(long size, long count)
{
    sum = 0;
    for (long done = 0; done < count; done += size) run_all(adder, size);
}

static void spawn_join(long size, long count)
{
    count = peer_whole(count, size);
    spawn_batches(size, count / 10);
    peer_begin();
    spawn_batches(size, count);
    peer_end();
    peer_report(count, sum);
}

/* ---- channels ---- */

struct channel {
    long *items, capacity, used, first;
    st_cond_t not_empty, not_full;
};

static void channel_init(struct channel *c, long capacity)
{
    c->items = peer_alloc((size_t)capacity, sizeof *c->items);
    c->capacity = capacity;
    c->used = c->first = 0;
    c->not_empty = st_cond_new();
    c->not_full = st_cond_new();
}

static void channel_finish(struct channel *c)
{
    free(c->items);
    st_cond_destroy(c->not_empty);
    st_cond_destroy(c->not_full);
}

static void channel_push(struct channel *c, long item)
{
    while (c->used == c->capacity) st_cond_wait(c->not_full);
    long end = c->first + c->used++;
    c->items[end < c->capacity ? end : end - c->capacity] = item;
    st_cond_signal(c->not_empty);
}

static long channel_pop(struct channel *c)
{
    while (c->used == 0) st_cond_wait(c->not_empty);
    long item = c->items[c->first];
    c->first = c->first + 1 < c->capacity ? c->first + 1 : 0;
    c->used--;
    st_cond_signal(c->not_full);
    return item;
}

static struct channel there, back;
static long messages;

static void *producer(void *arg)
{
    for (long i = 0; i < messages; i++) channel_push(&there, i);
    return arg;
}

static void *consumer(void *arg)
{
    for (long i = 0; i < messages; i++) sum += (uint64_t)channel_pop(&there);
    return arg;
}

static void pump(long capacity, long count)
{
    sum = 0;
    messages = count;
    channel_init(&there, capacity);
    st_thread_t both[] = { spawn(producer, NULL), spawn(consumer, NULL) };
    join(both, 2);
    channel_finish(&there);
}

static void channel_buffered(long size, long count)
{
    pump(size, count / 10 + 1);
    peer_begin();
    pump(size, count);
    peer_end();
    peer_report(count, sum);
}

static void *asker(void *ret_n)
{
    long n = 0;
    for (long i = 0; i < messages; i += 2) {
        channel_push(&there, n);
        n = channel_pop(&back) + 1;
    }
    *(long *)ret_n = n - 1;
    return NULL;
}

static void *answerer(void *arg)
{
    for (long i = 0; i < messages; i += 2) channel_push(&back, channel_pop(&there) + 1);
    return arg;
}

static long ping_pong(long count)
{
    long n;
    messages = count;
    channel_init(&there, 1);
    channel_init(&back, 1);
    st_thread_t both[] = { spawn(asker, &n), spawn(answerer, NULL) };
    join(both, 2);
    channel_finish(&there);
    channel_finish(&back);
    return n;
}

static void channel_handoff(long size, long count)
{
    (void)size;
    count = peer_whole(count, 2);
    ping_pong(count / 10 + 1);
    peer_begin();
    long n = ping_pong(count);
    peer_end();
    peer_report(count, (uint64_t)n);
}

/* ---- mutex ---- */

static st_mutex_t mutex;
static long counter;

static void *locker(void *arg)
{
    for (long i = 0; i < share.turns; i++) {
        st_mutex_lock(mutex);
        st_usleep(0);
        counter++;
        peer_tick();
        st_mutex_unlock(mutex);
    }
    return arg;
}

static void mutex_handoff(long size, long count)
{
    share = peer_plan(size, count);
    counter = -share.warm * size;
    mutex = st_mutex_new();
    run_all(locker, size);
    peer_report(share.total, (uint64_t)counter);
}

/* ---- ring ---- */

static struct channel *ring_channels;
static long ring_size;

static void *passer(void *arg)
{
    long k = (long)(uintptr_t)arg;
    struct channel *from = &ring_channels[k], *to = &ring_channels[(k + 1) % ring_size];
    for (long i = 0; i < share.turns; i++) {
        long token = channel_pop(from);
        peer_tick();
        channel_push(to, token + 1);
    }
    return NULL;
}

static void ring(long size, long count)
{
    share = peer_plan(size, count);
    ring_size = size;
    ring_channels = peer_alloc((size_t)size, sizeof *ring_channels);
    for (long k = 0; k < size; k++) channel_init(&ring_channels[k], 1);
    channel_push(&ring_channels[0], -share.warm * size);
    run_all(passer, size);
    peer_report(share.total, (uint64_t)channel_pop(&ring_channels[0]));
}

/* ---- skynet ---- */

struct subtree {
    long first, leaves;
};

static void *node(void *arg)
{
    struct subtree *me = arg, below[10];
    st_thread_t children[10];
    if (me->leaves == 1) return pointer((uint64_t)me->first);
    uint64_t said = 0;
    for (int i = 0; i < 10; i++) {
        below[i].leaves = me->leaves / 10;
        below[i].first = me->first + below[i].leaves * i;
        children[i] = spawn(node, &below[i]);
    }
    for (int i = 0; i < 10; i++) {
        void *one;
        st_thread_join(children[i], &one);
        said += (uintptr_t)one;
    }
    return pointer(said);
}

static void skynet(long size, long count)
{
    void *said;
    struct subtree root = { 0, size };
    peer_begin();
    st_thread_join(spawn(node, &root), &said);
    peer_end();
    peer_report(count, (uintptr_t)said);
}

/* ---- timers ---- */

static void *sleeper(void *arg)
{
    long ms = peer_sleep_ms((long)(uintptr_t)arg);
    int64_t start = peer_now();
    sum += (uint64_t)ms;
    st_usleep((st_utime_t)ms * 1000);
    peer_woke(start, ms);
    return NULL;
}

static void timers(long size, long count)
{
    (void)count;
    peer_late_prepare(size);
    peer_begin();
    run_all(sleeper, size);
    peer_end();
    peer_report_timers(sum);
}

/* ---- memory ---- */

static st_cond_t never;
static long parked;

static void *waiter(void *arg)
{
    parked++;
    st_cond_wait(never);
    return arg;
}

static void memory(long size, long count)
{
    (void)count;
    never = st_cond_new();
    peer_memory_begin();
    for (long i = 0; i < size; i++)
        if (!st_thread_create(waiter, NULL, 0, 0))
            peer_fail("no thread after %ld: %s", i, strerror(errno));
    while (parked < size) st_usleep(0);
    peer_memory_end(size);
}

/* ---- files ---- */

static void *reader(void *arg)
{
    sum += peer_read_file((long)(uintptr_t)arg);
    return NULL;
}

static void files(long size, long count)
{
    (void)count;
    peer_begin();
    run_all(reader, size);
    peer_end();
    peer_report(size, sum);
}

/* ---- servers ---- */

static void *serve_echo(void *arg)
{
    st_netfd_t client = arg;
    char buffer[PEER_BUFFER];
    ssize_t n;
    while ((n = st_read(client, buffer, sizeof buffer, ST_UTIME_NO_TIMEOUT)) > 0)
        if (st_write(client, buffer, (size_t)n, ST_UTIME_NO_TIMEOUT) != n) break;
    st_netfd_close(client);
    return NULL;
}

static void *serve_http(void *arg)
{
    st_netfd_t client = arg;
    char buffer[PEER_BUFFER];
    size_t used = 0, length;
    ssize_t n;
    while (used < sizeof buffer &&
           (n = st_read(client, buffer + used, sizeof buffer - used, ST_UTIME_NO_TIMEOUT)) > 0) {
        used += (size_t)n;
        const char *answer = peer_http_answer(buffer, used, &length);
        if (!answer) continue;
        if (st_write(client, answer, length, ST_UTIME_NO_TIMEOUT) < 0) break;
        used = 0;
    }
    st_netfd_close(client);
    return NULL;
}

static void serve(void *(*body)(void *))
{
    st_netfd_t listener = st_netfd_open_socket(peer_listen());
    for (;;) {
        st_netfd_t client = st_accept(listener, NULL, NULL, ST_UTIME_NO_TIMEOUT);
        if (!client) peer_fail("accept: %s", strerror(errno));
        peer_nodelay(st_netfd_fileno(client));
        if (!st_thread_create(body, client, 0, STACK)) peer_fail("no thread for a connection");
    }
}

static void echo(long size, long count)
{
    (void)size, (void)count;
    serve(serve_echo);
}

static void http(long size, long count)
{
    (void)size, (void)count;
    serve(serve_http);
}

int main(int argc, char **argv)
{
    static const struct peer_row rows[] = {
        { "yield", yield },
        { "spawn_join", spawn_join },
        { "channel_buffered", channel_buffered },
        { "channel_handoff", channel_handoff },
        { "mutex_handoff", mutex_handoff },
        { "ring", ring },
        { "skynet", skynet },
        { "timers", timers },
        { "memory", memory },
        { "files", files },
        { "echo", echo },
        { "http", http },
        { NULL, NULL },
    };
    if (st_set_eventsys(ST_EVENTSYS_ALT) < 0 || st_init() < 0)
        peer_fail("State Threads does not begin: %s", strerror(errno));
    return peer_main(argc, argv, rows);
}
