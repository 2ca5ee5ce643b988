/* SPDX-License-Identifier: MIT */
/* Ours: tasks with stacks, as a program would write them: groups for what belongs together,
 * channels, locks, the POSIX calls with hk_ before them. All options are the defaults; with --small
 * before the row, tasks have small stacks without guards, and the rows are those in which what a
 * task costs is what is measured; with --epoll and --uring the servers wait on that and as others
 * do: asleep at once where nothing has come; with --parser the HTTP server is that of the bench
 * http_vs_nginx.
 *
 * The echo server is that of the bench echo. */
#include <hocket.h>

#include <fcntl.h>
#include <limits.h>

#include "bench.h"
#include "echo.h"
#include "peer.h"

typedef HK_CHAN(uint64_t) numbers;

/* What several rows need: the plan of their tasks, and a sum. */
static struct peer_share share;
static uint64_t sum;

static void must(int r, const char *what)
{
    if (r < 0) peer_fail("%s: %s", what, strerror(-r));
}

static const hk_coro_options small_stacks = { .stack = 2048, .unguarded = true };
static const hk_coro_options *of_tasks; /* NULL: the defaults */

static void spawn(hk_group *g, hk_entry *fn, void *arg)
{
    hk_tid tid = of_tasks ? hk_spawn_with(g, fn, arg, of_tasks) : hk_spawn(g, fn, arg);
    if (tid < 0) peer_fail("no memory for a task");
}

/* A row whose work is done by a task. */
struct work {
    void (*run)(long size, long count);
    long size, count;
};

/* A page of a file lies there too. */
static const hk_coro_options buffer_stacks = { .stack = 8192, .unguarded = true };

static void *run_work(void *arg)
{
    const struct work *work = arg;
    work->run(work->size, work->count);
    return NULL;
}

static void in_task(void (*run)(long size, long count), long size, long count)
{
    struct work work = { run, size, count };
    must(hk_run(run_work, &work, NULL), "hk_run");
}

/* ---- send and yield ---- */

#define GENERATOR(k) \
    static void *generator_##k(void *arg) \
    { \
        uintptr_t v = (uintptr_t)hk_yield(NULL); \
        while (!hk_is_err((void *)v)) { \
            PEER_MARK(k); \
            v = (uintptr_t)hk_yield((void *)(v + 1)); \
        } \
        return NULL; \
    }
PEER_EACH_SITE(GENERATOR)

static uint64_t drive(hk_coro *const *generators, long size, long count)
{
    uint64_t answers = 0;
    for (long i = 0, at = 0; i < count; i += PEER_SITES) {
        hk_coro *const *to = generators + at;
#define SEND(k) \
    PEER_MARK(k); \
    answers += (uintptr_t)hk_coro_send(to[k], (void *)(uintptr_t)(i + (k))).value;
        PEER_EACH_SITE(SEND)
        at = at + PEER_SITES < size ? at + PEER_SITES : 0;
    }
    return answers;
}

static void send_yield(long size, long count)
{
#define GENERATOR_NAME(k) generator_##k,
    static hk_entry *const bodies[] = { PEER_EACH_SITE(GENERATOR_NAME) };
    size = peer_whole(size, PEER_SITES);
    count = peer_whole(count, PEER_SITES);
    hk_coro **generators = peer_alloc((size_t)size, sizeof *generators);
    for (long i = 0; i < size; i++) {
        generators[i] =
            hk_coro_create(bodies[i % PEER_SITES], NULL, &(hk_coro_options){ .primed = true });
        if (!generators[i]) peer_fail("no memory for a generator");
    }
    drive(generators, size, peer_whole(count / 10, PEER_SITES));
    peer_begin();
    sum = drive(generators, size, count);
    peer_end();
    for (long i = 0; i < size; i++) must(hk_coro_destroy(generators[i]), "hk_coro_destroy");
    free(generators);
    peer_report(count, sum);
}

/* ---- yield ---- */

#define YIELDER(k) \
    static void *yielder_##k(void *arg) \
    { \
        for (long i = 0; i < share.turns; i++) { \
            PEER_MARK(k); \
            peer_tick(); \
            if (hk_sched_yield() < 0) break; \
        } \
        return NULL; \
    }
PEER_EACH_SITE(YIELDER)

static void yield(long size, long count)
{
#define YIELDER_NAME(k) yielder_##k,
    static hk_entry *const bodies[] = { PEER_EACH_SITE(YIELDER_NAME) };
    share = peer_plan(size, count);
    HK_GROUP(all, NULL);
    for (long i = 0; i < size; i++) spawn(&all, bodies[i % PEER_SITES], NULL);
    must((int)hk_group_close(&all, 0), "a task");
    peer_report(share.total, (uint64_t)share.total);
}

/* ---- spawn and join ---- */

static void *child(void *arg)
{
    sum += (uintptr_t)arg;
    return NULL;
}

static void spawn_batches(long size, long count)
{
    sum = 0;
    for (long done = 0; done < count; done += size) {
        HK_GROUP(batch, NULL);
        for (long i = 0; i < size; i++) spawn(&batch, child, (void *)(uintptr_t)i);
        must((int)hk_group_close(&batch, 0), "a task");
    }
}

static void spawn_join(long size, long count)
{
    count = peer_whole(count, size);
    spawn_batches(size, count / 10 + 1);
    peer_begin();
    spawn_batches(size, count);
    peer_end();
    peer_report(count, sum);
}

/* ---- channels ---- */

struct transfer {
    numbers there, back;
    long count;
};

static void *produce(void *arg)
{
    struct transfer *t = arg;
    for (uint64_t i = 0; i < (uint64_t)t->count; i++)
        if (hk_chan_send(t->there, &i) < 0) break;
    hk_chan_close(t->there);
    return NULL;
}

static uint64_t consume(long capacity, long count)
{
    uint64_t item, items = 0;
    HK_CHANNEL(numbers, items_there, (size_t)capacity);
    struct transfer t = { .there = items_there, .count = count };
    HK_GROUP(both, NULL);
    spawn(&both, produce, &t);
    while (hk_chan_recv(t.there, &item) > 0) items += item;
    must((int)hk_group_close(&both, 0), "the producer");
    return items;
}

static void channel_buffered(long size, long count)
{
    consume(size, count / 10 + 1);
    peer_begin();
    sum = consume(size, count);
    peer_end();
    peer_report(count, sum);
}

static void *answer(void *arg)
{
    struct transfer *t = arg;
    uint64_t n;
    while (hk_chan_recv(t->there, &n) > 0) {
        n++;
        if (hk_chan_send(t->back, &n) < 0) break;
    }
    return NULL;
}

static uint64_t ping_pong(long capacity, long count)
{
    uint64_t last = 0;
    HK_CHANNEL(numbers, there, (size_t)capacity);
    HK_CHANNEL(numbers, back, (size_t)capacity);
    struct transfer t = { there, back, count };
    HK_GROUP(both, NULL);
    spawn(&both, answer, &t);
    for (uint64_t n = 0; n < (uint64_t)count; n += 2)
        if (hk_chan_send(there, &n) < 0 || hk_chan_recv(back, &last) != 1) break;
    hk_chan_close(there);
    must((int)hk_group_close(&both, 0), "the other task");
    return last;
}

static void channel_handoff(long size, long count)
{
    count = peer_whole(count, 2);
    ping_pong(size, count / 10 + 1);
    peer_begin();
    sum = ping_pong(size, count);
    peer_end();
    peer_report(count, sum);
}

/* ---- mutex ---- */

static hk_mutex mutex = { .name = "mutex" };

static void *section(void *arg)
{
    long *counter = arg;
    for (long i = 0; i < share.turns; i++) {
        must(hk_mutex_lock(&mutex), "hk_mutex_lock");
        must(hk_sched_yield(), "hk_sched_yield");
        ++*counter;
        peer_tick();
        hk_mutex_unlock(&mutex);
    }
    return NULL;
}

static void mutex_handoff(long size, long count)
{
    share = peer_plan(size, count);
    long counter = -share.warm * size;
    HK_GROUP(all, NULL);
    for (long i = 0; i < size; i++) spawn(&all, section, &counter);
    must((int)hk_group_close(&all, 0), "a task");
    peer_report(share.total, (uint64_t)counter);
}

/* ---- ring ---- */

struct member {
    numbers from, to;
};

static void *member(void *arg)
{
    struct member *m = arg;
    uint64_t token;
    for (long i = 0; i < share.turns; i++) {
        must(hk_chan_recv(m->from, &token), "hk_chan_recv");
        token++;
        peer_tick();
        must(hk_chan_send(m->to, &token), "hk_chan_send");
    }
    return NULL;
}

static void ring(long size, long count)
{
    share = peer_plan(size, count);
    uint64_t token = (uint64_t)(-share.warm * size);
    struct member *members = peer_alloc((size_t)size, sizeof *members);
    for (long k = 0; k < size; k++) must(hk_chan_open(&members[k].from, 1), "hk_chan_open");
    HK_GROUP(all, NULL);
    for (long k = 0; k < size; k++) {
        members[k].to = members[(k + 1) % size].from;
        spawn(&all, member, &members[k]);
    }
    must(hk_chan_send(members[0].from, &token), "hk_chan_send");
    must((int)hk_group_close(&all, 0), "a task");
    must(hk_chan_recv(members[0].from, &token), "hk_chan_recv");
    for (long k = 0; k < size; k++) hk_chan_destroy(&members[k].from);
    free(members);
    peer_report(share.total, token);
}

/* ---- skynet ---- */

struct node {
    long first, leaves;
    uint64_t said;
};

static void *node(void *arg)
{
    struct node *self = arg, children[10];
    if (self->leaves == 1) {
        self->said = (uint64_t)self->first;
        return NULL;
    }
    const long each = self->leaves / 10;
    HK_GROUP(ten, NULL);
    for (int i = 0; i < 10; i++) {
        children[i] = (struct node){ .first = self->first + each * i, .leaves = each };
        spawn(&ten, node, &children[i]);
    }
    must((int)hk_group_close(&ten, 0), "a child");
    self->said = 0;
    for (int i = 0; i < 10; i++) self->said += children[i].said;
    return NULL;
}

static void skynet(long size, long count)
{
    struct node root = { .first = 0, .leaves = size };
    peer_begin();
    HK_GROUP(all, NULL);
    spawn(&all, node, &root);
    must((int)hk_group_close(&all, 0), "the tree");
    peer_end();
    peer_report(count, root.said);
}

/* ---- timers ---- */

static void *sleeper(void *arg)
{
    long ms = peer_sleep_ms((long)(uintptr_t)arg);
    int64_t start = peer_now();
    sum += (uint64_t)ms;
    must(hk_sleep(HK_MS(ms)), "hk_sleep");
    peer_woke(start, ms);
    return NULL;
}

static void timers(long size, long count)
{
    peer_late_prepare(size);
    peer_begin();
    HK_GROUP(all, NULL);
    for (long i = 0; i < size; i++) spawn(&all, sleeper, (void *)(uintptr_t)i);
    must((int)hk_group_close(&all, 0), "a sleeper");
    peer_end();
    peer_report_timers(sum);
}

/* ---- memory ---- */

static hk_event never = { .name = "never" };
static long parked;

static void *waiter(void *arg)
{
    parked++;
    must(hk_event_wait(&never), "hk_event_wait");
    return NULL;
}

static void memory(long size, long count)
{
    peer_memory_begin();
    for (long i = 0; i < size; i++) spawn(HK_ROOT, waiter, NULL);
    while (parked < size) hk_sched_yield();
    peer_memory_end(size);
}

/* ---- files ---- */

static void *reader(void *arg)
{
    char bytes[PEER_FILE_SIZE];
    int fd = hk_open(peer_path((long)(uintptr_t)arg), O_RDONLY | O_CLOEXEC, 0);
    must(fd, "hk_open");
    if (hk_pread(fd, bytes, sizeof bytes, 0) != sizeof bytes) peer_fail("a file is short");
    must(hk_close(fd), "hk_close");
    sum += peer_file_value(bytes);
    return NULL;
}

static void files(long size, long count)
{
    if (of_tasks != NULL) of_tasks = &buffer_stacks;
    peer_begin();
    HK_GROUP(all, NULL);
    for (long i = 0; i < size; i++) spawn(&all, reader, (void *)(uintptr_t)i);
    must((int)hk_group_close(&all, 0), "a reader");
    peer_end();
    peer_report(size, sum);
}

/* ---- servers ---- */

static hk_run_options as_others = { .spin = -1 };
static const hk_run_options *of_servers; /* NULL: the defaults */

static void echo_row(long size, long count)
{
    static struct echo_count unused;
    echo_hocket(peer_listen(), &unused, of_servers, false);
}

/* By hand, as the peers do it. */
static void *serve_http(void *arg)
{
    HK_FD(fd, (int)hk_num(arg));
    char buffer[PEER_BUFFER];
    size_t used = 0, length;
    ssize_t n = hk_recv(fd, buffer, sizeof buffer, 0);
    while (n > 0) {
        used += (size_t)n;
        const char *answer = peer_http_answer(buffer, used, &length);
        if (answer) {
            used = 0;
            n = hk_send_recv(fd, answer, length, buffer, sizeof buffer, NULL);
        } else if (used < sizeof buffer) {
            n = hk_recv(fd, buffer + used, sizeof buffer - used, 0);
        } else {
            break;
        }
    }
    return NULL;
}

static void *accept_http(void *arg)
{
    const int listener = peer_listen();
    int fd;
    while ((fd = hk_accept(listener, NULL, NULL)) >= 0) {
        peer_nodelay(fd);
        spawn(HK_ROOT, serve_http, hk_val(fd));
    }
    return hk_val(fd);
}

static void http_row(long size, long count)
{
    must(hk_run(accept_http, NULL, of_servers), "hk_run");
}

/* The program beside this one, which parses. */
static const char *http_program(void)
{
    static char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 16);
    while (n > 0 && path[n - 1] != '/') n--;
    if (n > 0) strcpy(path + n, "http_hocket");
    return path;
}

static void parser_row(long size, long count)
{
    execl(http_program(), "http_hocket", "tcp:127.0.0.1:0", (char *)NULL);
    peer_fail("%s: %s", http_program(), strerror(errno));
}

/* ---- the table ---- */

#define IN_TASK(name) \
    static void name##_in_task(long size, long count) { in_task(name, size, count); }
IN_TASK(yield)
IN_TASK(spawn_join)
IN_TASK(channel_buffered)
IN_TASK(channel_handoff)
IN_TASK(mutex_handoff)
IN_TASK(ring)
IN_TASK(skynet)
IN_TASK(timers)
IN_TASK(memory)
IN_TASK(files)

static const struct peer_row rows[] = {
    { "send_yield", send_yield },
    { "yield", yield_in_task },
    { "spawn_join", spawn_join_in_task },
    { "channel_buffered", channel_buffered_in_task },
    { "channel_handoff", channel_handoff_in_task },
    { "mutex_handoff", mutex_handoff_in_task },
    { "ring", ring_in_task },
    { "skynet", skynet_in_task },
    { "timers", timers_in_task },
    { "memory", memory_in_task },
    { "files", files_in_task },
    { "echo", echo_row },
    { "http", http_row },
    { NULL, NULL },
};

static const struct peer_row server_rows[] = {
    { "echo", echo_row },
    { "http", http_row },
    { NULL, NULL },
};

static const struct peer_row parser_rows[] = {
    { "http", parser_row },
    { NULL, NULL },
};

static const struct peer_row small_rows[] = {
    { "yield", yield_in_task },
    { "spawn_join", spawn_join_in_task },
    { "skynet", skynet_in_task },
    { "timers", timers_in_task },
    { "memory", memory_in_task },
    { "files", files_in_task },
    { NULL, NULL },
};

/* Which rows an option stands for; NULL: it is none. */
static const struct peer_row *rows_of(const char *option)
{
    if (strcmp(option, "--small") == 0) {
        of_tasks = &small_stacks;
        return small_rows;
    }
    const bool is_epoll = strcmp(option, "--epoll") == 0;
    if (is_epoll || strcmp(option, "--uring") == 0) {
        as_others.world = is_epoll ? hk_world_epoll() : hk_world_uring();
        of_servers = &as_others;
        return server_rows;
    }
    /* Nothing, where that program was not built. */
    if (strcmp(option, "--parser") == 0)
        return access(http_program(), X_OK) == 0 ? parser_rows : parser_rows + 1;
    return NULL;
}

int main(int argc, char **argv)
{
    const struct peer_row *chosen = argc > 1 ? rows_of(argv[1]) : NULL;
    if (!chosen) return peer_main(argc, argv, rows);
    argv[1] = argv[0];
    return peer_main(argc - 1, argv + 1, chosen);
}
