/* SPDX-License-Identifier: MIT */
/* parked_*, stackless_*: what a task costs that waits: memory, page tables, mappings.
 *
 * A million tasks with stacks, ten million without, parked in a call; what the process had before
 * is taken off. Then all are completed and run to their end, or nobody would know that they were
 * tasks. The floor touches one page at the top of as many stacks. */
#include "bench.h"

#include <hocket.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "floor.h"
#include "park.h"

struct memory {
    double rss_kib, page_table_kib, maps;
};

static double kib_of(const char *text, const char *key)
{
    const char *line = strstr(text, key);
    if (!line) bench_fail("/proc/self/status has no %s", key);
    return strtod(line + strlen(key), NULL);
}

static struct memory memory_now(void)
{
    struct memory m = { 0 };
    char text[4096];
    FILE *file = fopen("/proc/self/status", "r");
    if (!file) bench_fail("/proc/self/status: %s", strerror(errno));
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    m.rss_kib = kib_of(text, "\nVmRSS:");
    m.page_table_kib = kib_of(text, "\nVmPTE:");
    file = fopen("/proc/self/maps", "r");
    if (!file) bench_fail("/proc/self/maps: %s", strerror(errno));
    for (int c; (c = getc(file)) != EOF;) m.maps += c == '\n';
    fclose(file);
    return m;
}

static struct memory difference(struct memory before)
{
    struct memory now = memory_now();
    return (struct memory){ now.rss_kib - before.rss_kib,
                            now.page_table_kib - before.page_table_kib, now.maps - before.maps };
}

static void emit(const char *name, double value, double floor, uint64_t hash)
{
    struct bench_value row = { .value = value,
                               .least = NAN,
                               .floor = floor,
                               .ratio = floor > 0 ? value / floor : NAN,
                               .hash = hash };
    snprintf(row.name, sizeof row.name, "%s", name);
    bench_emit(&row);
}

static long tasks, ended;

static void *task(void *arg)
{
    park();
    ended++;
    return arg;
}

/* All parked tasks go on to their end. */
static void wake_all(void)
{
    while (unpark()) {}
    while (ended < tasks) hk_sched_yield();
}

/* ---- with stacks ---- */

static struct memory floor_of(long count)
{
    struct memory before = memory_now();
    char *stacks = bare_stacks((size_t)count);
    for (long i = 0; i < count; i++) bare_top(stacks, (size_t)i)[-1] = 1;
    struct memory more = difference(before);
    bare_free(stacks, (size_t)count);
    return more;
}

static void *measure(void *arg)
{
    tasks = bench_quick ? 1000 : bench_fitting(1000000, 4500);
    struct memory floor = floor_of(tasks), before = memory_now();
    for (long i = 0; i < tasks; i++)
        if (hk_spawn(HK_ROOT, task, NULL) < 0) bench_fail("no memory for task %ld", i);
    while (parked.count < tasks) hk_sched_yield();
    struct memory more = difference(before);
    wake_all();
    uint64_t hash = bench_mix(1, (uint64_t)ended);
    double n = (double)tasks;
    emit("parked_rss_kib", more.rss_kib / n, floor.rss_kib / n, hash);
    emit("parked_page_table_kib", more.page_table_kib / n, floor.page_table_kib / n, hash);
    emit("parked_maps", more.maps, floor.maps, hash);
    return NULL;
}

static void run(void)
{
    int r = hk_run(measure, NULL, NULL);
    if (r != 0) bench_fail("parked: hk_run says %d", r);
}

static const struct bench_row rows[] = {
    { "parked_rss_kib", "KiB/task", "<= 4.4", 4.4, false },
    { "parked_page_table_kib", "KiB/task", "<= 0.15", 0.15, false },
    { "parked_maps", "maps", "<= 200", 200, false },
    { 0 },
};
const struct bench bench_parked = { rows, run };

/* ---- without ---- */

struct frame {
    hk_coro co;
    struct park park;
};

static hk_step step(hk_coro *co, void *in)
{
    struct frame *f = HK_CONTAINER(co, struct frame, co);
    HK_BEGIN(co);
    f->park.call.type = &park_type;
    HK_AWAIT(co, &f->park.call);
    ended++;
    HK_END(co, NULL);
}

static void *measure_stackless(void *arg)
{
    tasks = bench_quick ? 1000 : bench_fitting(10000000, 300);
    struct memory before = memory_now();
    size_t bytes = (size_t)tasks * sizeof(struct frame);
    struct frame *frames = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (frames == MAP_FAILED) bench_fail("no memory for frames");
    for (long i = 0; i < tasks; i++) {
        hk_stackless_init(&frames[i].co, step, NULL);
        if (hk_spawn_stackless(HK_ROOT, &frames[i].co, NULL) < 0)
            bench_fail("no memory for task %ld", i);
    }
    while (parked.count < tasks) hk_sched_yield();
    struct memory more = difference(before);
    wake_all();
    emit("stackless_parked_bytes", more.rss_kib * 1024 / (double)tasks, sizeof(struct frame),
         bench_mix(1, (uint64_t)ended));
    munmap(frames, bytes);
    return NULL;
}

static void run_stackless(void)
{
    int r = hk_run(measure_stackless, NULL, NULL);
    if (r != 0) bench_fail("stackless: hk_run says %d", r);
}

static const struct bench_row rows_stackless[] = {
    { "stackless_parked_bytes", "B/task", "-", 0, false },
    { 0 },
};
const struct bench bench_stackless = { rows_stackless, run_stackless };
