/* SPDX-License-Identifier: MIT */
/* GNU Pth: threads by priorities, on select. Its scheduler looks at every waiting thread whenever
 * it runs, and each switch asks the kernel for the time and for signals. So it has its figures
 * where few threads wait; sizes at which it would take minutes end with a sentence instead.
 *
 * Channels here are a ring under a mutex with conditions, as the manual has it; message ports, its
 * own queues, have no capacity, and their waits are events like the conditions'. Threads are
 * started with 16 KiB of stack, and with the default of 64 KiB in the row memory; neither has a
 * guard. Files are read by plain system calls: pth_read asks select first whether a file is ready,
 * which it always is. */
#include "peer.h"

#include <pth.h>

enum { STACK = 16 * 1024 };

static pth_attr_t small;
static struct peer_share share;
static uint64_t sum;

/* Ends where a row would take minutes. */
static void must_be_few(long size, long most)
{
    if (size > most)
        peer_fail("Pth walks over its threads at every switch: %ld are too many to wait for", size);
}

static pth_t spawn(void *(*body)(void *), void *arg)
{
    pth_t thread = pth_spawn(small, body, arg);
    if (!thread) peer_fail("no thread: %s", strerror(errno));
    return thread;
}

static void join(pth_t *threads, long size)
{
    for (long i = 0; i < size; i++)
        if (!pth_join(threads[i], NULL)) peer_fail("pth_join: %s", strerror(errno));
}

static void *pointer(uint64_t number) { return (void *)(uintptr_t)number; }

/* Runs size threads with that body, whose argument is a number, and waits for all. */
static void run_all(void *(*body)(void *), long size)
{
    pth_t *threads = peer_alloc((size_t)size, sizeof(pth_t));
    for (long i = 0; i < size; i++) threads[i] = spawn(body, pointer((uint64_t)i));
    join(threads, size);
    free(threads);
}

/* ---- yield ---- */

#define YIELDER(k) \
    static void *yielder_##k(void *arg) \
    { \
        for (long i = 0; i < share.turns; i++) { \
            PEER_MARK(k); \
            peer_tick(); \
            pth_yield(NULL); \
        } \
        return arg; \
    }
PEER_EACH_SITE(YIELDER)

static void yield(long size, long count)
{
#define NAME(k) yielder_##k,
    void *(*const bodies[])(void *) = { PEER_EACH_SITE(NAME) };
    must_be_few(size, 1000);
    share = peer_plan(size, count);
    pth_t *threads = peer_alloc((size_t)size, sizeof(pth_t));
    for (long i = 0; i < size; i++) threads[i] = spawn(bodies[i % PEER_SITES], NULL);
    join(threads, size);
    peer_report(share.total, (uint64_t)share.total);
}

/* ---- spawn and join ---- */

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
    must_be_few(size, 10000);
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
    pth_mutex_t mutex;
    pth_cond_t not_empty, not_full;
};

static void channel_init(struct channel *c, long capacity)
{
    c->items = peer_alloc((size_t)capacity, sizeof *c->items);
    c->capacity = capacity;
    c->used = c->first = 0;
    pth_mutex_init(&c->mutex);
    pth_cond_init(&c->not_empty);
    pth_cond_init(&c->not_full);
}

static void channel_push(struct channel *c, long item)
{
    pth_mutex_acquire(&c->mutex, FALSE, NULL);
    while (c->used == c->capacity) pth_cond_await(&c->not_full, &c->mutex, NULL);
    long end = c->first + c->used++;
    c->items[end < c->capacity ? end : end - c->capacity] = item;
    if (c->used == 1) pth_cond_notify(&c->not_empty, FALSE);
    pth_mutex_release(&c->mutex);
}

static long channel_pop(struct channel *c)
{
    pth_mutex_acquire(&c->mutex, FALSE, NULL);
    while (c->used == 0) pth_cond_await(&c->not_empty, &c->mutex, NULL);
    long item = c->items[c->first];
    c->first = c->first + 1 < c->capacity ? c->first + 1 : 0;
    if (c->used-- == c->capacity) pth_cond_notify(&c->not_full, FALSE);
    pth_mutex_release(&c->mutex);
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
    pth_t both[] = { spawn(producer, NULL), spawn(consumer, NULL) };
    join(both, 2);
    free(there.items);
}

static void channel_buffered(long size, long count)
{
    pump(size, count / 10 + 1);
    peer_begin();
    pump(size, count);
    peer_end();
    peer_report(count, sum);
}

static void *asker(void *ret_last)
{
    for (long n = 0; n < messages; n += 2) {
        channel_push(&there, n);
        *(long *)ret_last = channel_pop(&back);
    }
    return NULL;
}

static void *answerer(void *arg)
{
    for (long i = 0; i < messages; i += 2) channel_push(&back, channel_pop(&there) + 1);
    return arg;
}

static long ping_pong(long count)
{
    long last;
    messages = count;
    channel_init(&there, 1);
    channel_init(&back, 1);
    pth_t both[] = { spawn(asker, &last), spawn(answerer, NULL) };
    join(both, 2);
    free(there.items);
    free(back.items);
    return last;
}

static void channel_handoff(long size, long count)
{
    (void)size;
    count = peer_whole(count, 2);
    ping_pong(peer_whole(count / 10 + 1, 2));
    peer_begin();
    long last = ping_pong(count);
    peer_end();
    peer_report(count, (uint64_t)last);
}

/* ---- mutex ---- */

static pth_mutex_t mutex = PTH_MUTEX_INIT;
static long counter;

static void *locker(void *arg)
{
    for (long i = 0; i < share.turns; i++) {
        pth_mutex_acquire(&mutex, FALSE, NULL);
        pth_yield(NULL);
        counter++;
        peer_tick();
        pth_mutex_release(&mutex);
    }
    return arg;
}

static void mutex_handoff(long size, long count)
{
    must_be_few(size, 100);
    share = peer_plan(size, count);
    counter = -share.warm * size;
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
    must_be_few(size, 1000);
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
    pth_t children[10];
    if (me->leaves == 1) return pointer((uint64_t)me->first);
    uint64_t said = 0;
    for (int i = 0; i < 10; i++) {
        below[i].leaves = me->leaves / 10;
        below[i].first = me->first + below[i].leaves * i;
        children[i] = spawn(node, &below[i]);
    }
    for (int i = 0; i < 10; i++) {
        void *one = NULL;
        if (!pth_join(children[i], &one)) peer_fail("pth_join: %s", strerror(errno));
        said += (uintptr_t)one;
    }
    return pointer(said);
}

static void skynet(long size, long count)
{
    void *said = NULL;
    struct subtree root = { 0, size };
    must_be_few(size, 10000);
    peer_begin();
    pth_join(spawn(node, &root), &said);
    peer_end();
    peer_report(count, (uintptr_t)said);
}

/* ---- timers ---- */

static void *sleeper(void *arg)
{
    long ms = peer_sleep_ms((long)(uintptr_t)arg);
    int64_t start = peer_now();
    sum += (uint64_t)ms;
    pth_nap(pth_time(ms / 1000, ms % 1000 * 1000));
    peer_woke(start, ms);
    return NULL;
}

static void timers(long size, long count)
{
    (void)count;
    must_be_few(size, 1000);
    peer_late_prepare(size);
    peer_begin();
    run_all(sleeper, size);
    peer_end();
    peer_report_timers(sum);
}

/* ---- memory ---- */

static pth_cond_t never = PTH_COND_INIT;
static long parked;

static void *waiter(void *arg)
{
    pth_mutex_acquire(&mutex, FALSE, NULL);
    parked++;
    pth_cond_await(&never, &mutex, NULL);
    return arg;
}

static void memory(long size, long count)
{
    (void)count;
    must_be_few(size, 10000);
    peer_memory_begin();
    for (long i = 0; i < size; i++)
        if (!pth_spawn(PTH_ATTR_DEFAULT, waiter, NULL))
            peer_fail("no thread after %ld: %s", i, strerror(errno));
    while (parked < size) pth_yield(NULL);
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
    must_be_few(size, 10000);
    peer_begin();
    run_all(reader, size);
    peer_end();
    peer_report(size, sum);
}

/* ---- servers ---- */

static void *serve_echo(void *arg)
{
    int client = (int)(uintptr_t)arg;
    char buffer[PEER_BUFFER];
    ssize_t n;
    while ((n = pth_read(client, buffer, sizeof buffer)) > 0)
        if (pth_write(client, buffer, (size_t)n) != n) break;
    close(client);
    return NULL;
}

static void *serve_http(void *arg)
{
    int client = (int)(uintptr_t)arg;
    char buffer[PEER_BUFFER];
    size_t used = 0, length;
    ssize_t n;
    while (used < sizeof buffer &&
           (n = pth_read(client, buffer + used, sizeof buffer - used)) > 0) {
        used += (size_t)n;
        const char *answer = peer_http_answer(buffer, used, &length);
        if (!answer) continue;
        if (pth_write(client, answer, length) < 0) break;
        used = 0;
    }
    close(client);
    return NULL;
}

static void serve(void *(*body)(void *))
{
    int client, listener = peer_listen();
    fcntl(listener, F_SETFL, 0); /* Pth's calls wait only where the descriptor says so */
    pth_attr_set(small, PTH_ATTR_JOINABLE, FALSE);
    while ((client = pth_accept(listener, NULL, NULL)) >= 0) {
        if (client >= FD_SETSIZE) { /* what select can watch ends here */
            close(client);
            continue;
        }
        peer_nodelay(client);
        spawn(body, pointer((uint64_t)client));
    }
    peer_fail("accept: %s", strerror(errno));
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
    if (!pth_init()) peer_fail("Pth does not begin: %s", strerror(errno));
    small = pth_attr_new();
    pth_attr_set(small, PTH_ATTR_STACK_SIZE, STACK);
    return peer_main(argc, argv, rows);
}
