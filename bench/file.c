/* SPDX-License-Identifier: MIT */
/* file_cached: reading what the kernel has in its cache; the floor is preadv2 with RWF_NOWAIT.
 * file_direct: random pages past the cache, by 32 tasks; the floors are 32 and 4 threads that call
 * pread.
 *
 * The file lies beside the benches and has no name: so it goes with the process. */
#define _GNU_SOURCE
#include "bench.h"

#include <hocket.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, BIG = 65536, DEPTH = 32, FEW = 4 };

static int cached, direct = -1;
static long pages;
static char *memory;

static void fill(int fd)
{
    for (long i = 0; i < pages; i++) {
        for (int k = 0; k < PAGE / 8; k++) ((long *)(void *)memory)[k] = i;
        if (pwrite(fd, memory, PAGE, i * PAGE) != PAGE) bench_fail("writing: %s", strerror(errno));
    }
    fsync(fd);
}

static void make_file(long count)
{
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 32);
    while (n > 0 && path[n - 1] != '/') n--;
    strcpy(path + (n > 0 ? n : 0), "file-XXXXXX");
    pages = count;
    memory = mmap(NULL, DEPTH * BIG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    cached = mkstemp(path);
    if (cached < 0 || memory == MAP_FAILED) bench_fail("%s: %s", path, strerror(errno));
    direct = open(path, O_RDONLY | O_DIRECT);
    unlink(path);
    fill(cached);
}

/* ---- cached ---- */

enum reader { OURS, NOWAIT, PLAIN };

static inline int64_t read_cached(enum reader how, size_t size, long count, uint64_t *ret_hash)
{
    int64_t start = bench_cpu_now();
    for (long i = 0; i < count; i++) {
        const off_t offset = i * BIG % (pages * PAGE - BIG + 1);
        struct iovec one = { memory, size };
        ssize_t n = how == OURS     ? hk_pread(cached, memory, size, offset)
                    : how == NOWAIT ? preadv2(cached, &one, 1, offset, RWF_NOWAIT)
                                    : pread(cached, memory, size, offset);
        if (n != (ssize_t)size) bench_fail("a cached read says %zd", n);
        *ret_hash = bench_mix(*ret_hash, (uint64_t) * (long *)(void *)memory);
    }
    return bench_cpu_now() - start;
}

#define CACHED(name, how, size) \
    static int64_t name(long count, uint64_t *ret_hash) \
    { \
        return read_cached(how, size, count, ret_hash); \
    }
CACHED(ours_4k, OURS, PAGE)
CACHED(nowait_4k, NOWAIT, PAGE)
CACHED(plain_4k, PLAIN, PAGE)
CACHED(ours_64k, OURS, BIG)
CACHED(nowait_64k, NOWAIT, BIG)
CACHED(plain_64k, PLAIN, BIG)

static void race(const char *name, bench_work *const *work, long count)
{
    struct bench_race result;
    if (!bench_wanted(name)) return;
    bench_run_race(work, 3, count, &result);
    bench_say("%s: against plain pread %.2f", name, result.ratio[2]);
    bench_emit_race(name, &result, 1);
}

static void *measure_cached(void *arg)
{
    static bench_work *const small[] = { ours_4k, nowait_4k, plain_4k };
    static bench_work *const big[] = { ours_64k, nowait_64k, plain_64k };
    make_file(256);
    race("file_cached_4k", small, bench_quick ? 64 : 4000);
    race("file_cached_64k", big, bench_quick ? 64 : 500);
    return arg;
}

/* ---- direct ---- */

static struct {
    long next, count; /* atomic */
    uint64_t sum;     /* likewise */
    pthread_barrier_t ready;
} job;

static off_t place(long i) { return (off_t)(bench_mix(7, (uint64_t)i) % (uint64_t)pages) * PAGE; }

static void *read_some(bool ours, char *buf)
{
    long i;
    while ((i = __atomic_fetch_add(&job.next, 1, __ATOMIC_RELAXED)) < job.count) {
        ssize_t n =
            ours ? hk_pread(direct, buf, PAGE, place(i)) : pread(direct, buf, PAGE, place(i));
        if (n != PAGE) bench_fail("a direct read says %zd", n);
        __atomic_fetch_add(&job.sum, (uint64_t) * (long *)(void *)buf, __ATOMIC_RELAXED);
    }
    return NULL;
}

static void *task(void *arg) { return read_some(true, memory + hk_num(arg) * PAGE); }

static void *thread(void *arg)
{
    pthread_barrier_wait(&job.ready);
    return read_some(false, memory + hk_num(arg) * PAGE);
}

static int64_t processor(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t (*watch)(void); /* the clock that counts */

static void begin(long count)
{
    job.next = 0;
    job.sum = 1;
    job.count = count;
}

static int64_t by_tasks(long count, uint64_t *ret_hash)
{
    hk_tid tids[DEPTH];
    begin(count);
    int64_t start = watch();
    for (int i = 0; i < DEPTH; i++) tids[i] = hk_spawn(HK_ROOT, task, hk_val(i));
    for (int i = 0; i < DEPTH; i++) hk_task_wait(tids[i], NULL);
    *ret_hash = job.sum;
    return watch() - start;
}

static int64_t by_threads(int depth, long count, uint64_t *ret_hash)
{
    pthread_t threads[DEPTH];
    begin(count);
    pthread_barrier_init(&job.ready, NULL, (unsigned)depth + 1);
    for (int i = 0; i < depth; i++)
        if (pthread_create(&threads[i], NULL, thread, hk_val(i)) != 0) bench_fail("no threads");
    int64_t start = watch();
    pthread_barrier_wait(&job.ready);
    for (int i = 0; i < depth; i++) pthread_join(threads[i], NULL);
    *ret_hash = job.sum;
    return watch() - start;
}

static int64_t by_many(long count, uint64_t *ret_hash)
{
    return by_threads(DEPTH, count, ret_hash);
}
static int64_t by_few(long count, uint64_t *ret_hash) { return by_threads(FEW, count, ret_hash); }

static void race_direct(const char *name, const char *name_few, int64_t (*clock)(void))
{
    static bench_work *const work[] = { by_tasks, by_many, by_few };
    struct bench_race result;
    if (!bench_wanted(name) && !bench_wanted(name_few)) return;
    watch = clock;
    bench_run_race(work, 3, bench_quick ? 64 : 1000, &result);
    bench_emit_race(name, &result, 1);
    bench_emit_race(name_few, &result, 2);
}

static void *measure_direct(void *arg)
{
    make_file(bench_quick ? 256 : 65536);
    if (direct < 0) { /* a file system that knows no O_DIRECT */
        bench_say("no O_DIRECT here");
        direct = cached;
    }
    race_direct("file_direct", "file_direct_over_4", bench_now);
    race_direct("file_direct_cpu", "file_direct_cpu_over_4", processor);
    return arg;
}

static void run_cached(void)
{
    int r = hk_run(measure_cached, NULL, NULL);
    if (r != 0) bench_fail("file_cached: hk_run says %d", r);
}

static void run_direct(void)
{
    int r = hk_run(measure_direct, NULL, NULL);
    if (r != 0) bench_fail("file_direct: hk_run says %d", r);
}

static const struct bench_row rows_cached[] = {
    { "file_cached_4k", "ns", "<= 1.1x", 1.1, true },
    { "file_cached_64k", "ns", "<= 1.1x", 1.1, true },
    { 0 },
};
const struct bench bench_file_cached = { rows_cached, run_cached };

static const struct bench_row rows_direct[] = {
    { "file_direct", "ns/read", "<= 1x", 1, true },
    { "file_direct_over_4", "ns/read", "<= 0.5x", 0.5, true },
    { "file_direct_cpu", "ns/read", "<= 0.5x", 0.5, true },
    { "file_direct_cpu_over_4", "ns/read", "-", 0, true },
    { 0 },
};
const struct bench bench_file_direct = { rows_direct, run_direct };
