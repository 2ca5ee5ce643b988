/* SPDX-License-Identifier: MIT */
/* Arbitrary bytes in arbitrary pieces through a stream with a small buffer, taken out by lines, by
 * delimiters, by counts and by peeking: each call must give what stands at its place in the bytes.
 * The first bytes of the input say how the rest is cut and taken. */
#include <hocket.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "not true: %s\n", #condition); \
            abort(); \
        } \
    } while (0)

enum { BEFORE = 4 }; /* buffer, seed of the pieces, seed of the calls, delimiter */

struct job {
    const char *data, *end; /* what was not taken yet */
    uint8_t buffer, pieces, calls, delimiter;
    int ends[2];
};

static uint32_t chance(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 16;
}

static void *feed(void *arg)
{
    struct job *job = arg;
    HK_FD(fd, job->ends[1]);
    uint32_t seed = job->pieces;
    for (const char *at = job->data, *end = job->end; at < end;) {
        size_t n = 1 + chance(&seed) % (chance(&seed) % 4 == 0 ? 100 : 4);
        if (n > (size_t)(end - at)) n = (size_t)(end - at);
        CHECK(hk_write(fd, at, n) == (ssize_t)n);
        at += n;
        hk_sched_yield();
    }
    return NULL;
}

static void took(struct job *job, const char *data, size_t size)
{
    CHECK(size <= (size_t)(job->end - job->data));
    CHECK(memcmp(data, job->data, size) == 0);
    job->data += size;
}

/* A line is too long for the buffer, or there is no delimiter: what is there is taken otherwise. */
static int take_rest(struct job *job, hk_stream *s, int error, size_t buffer)
{
    char *data;
    ssize_t n = hk_stream_peek(s, 0, &data);
    CHECK(n > 0 && (error == -ENODATA ? data[0] == job->data[0] : (size_t)n == buffer));
    CHECK(error == -ENODATA || error == -EMSGSIZE);
    took(job, data, (size_t)n);
    hk_stream_skip(s, (size_t)n);
    return 1;
}

static int take_line(struct job *job, hk_stream *s, size_t buffer)
{
    char *line;
    size_t size;
    const char *newline = memchr(job->data, '\n', (size_t)(job->end - job->data));
    int r = hk_stream_line(s, &line, &size);
    if (r < 0) return take_rest(job, s, r, buffer);
    if (r == 0) return 0;
    CHECK(line[size] == '\0');
    took(job, line, size);
    if (newline != NULL && newline > job->data && *job->data == '\r') job->data++;
    CHECK(job->data == (newline != NULL ? newline : job->end));
    if (newline != NULL) job->data++;
    return 1;
}

static int take_until(struct job *job, hk_stream *s, size_t buffer)
{
    static const char *const delimiters[] = { "\n", "\r\n", "\r\n\r\n", "aa", "aab", "abab" };
    const char *delimiter = delimiters[job->delimiter % HK_LEN(delimiters)];
    char *data;
    size_t size, length = strlen(delimiter);
    const char *there = memmem(job->data, (size_t)(job->end - job->data), delimiter, length);
    int r = hk_stream_until(s, delimiter, length, &data, &size);
    if (r < 0) return take_rest(job, s, r, buffer);
    if (r == 0) return 0;
    took(job, data, size);
    CHECK(job->data == there);
    job->data += length;
    return 1;
}

static int take_count(struct job *job, hk_stream *s, size_t count)
{
    char data[256];
    ssize_t n = hk_stream_read_all(s, data, count);
    CHECK(n >= 0 && (n == (ssize_t)count || n == job->end - job->data));
    took(job, data, (size_t)n);
    return n > 0;
}

static int take_peeked(struct job *job, hk_stream *s, size_t count, size_t buffer)
{
    char *data;
    if (count > buffer) count = buffer;
    ssize_t n = hk_stream_peek(s, count, &data);
    CHECK(n >= (ssize_t)count || n == job->end - job->data);
    if (n == 0) return 0;
    size_t taken = n < (ssize_t)count ? (size_t)n : count;
    took(job, data, taken);
    hk_stream_skip(s, taken);
    return 1;
}

static void *take(void *arg)
{
    struct job *job = arg;
    HK_FD(fd, job->ends[0]);
    const size_t buffer = 1u + job->buffer % 64;
    uint32_t seed = job->calls;
    HK_STREAM_WITH(s, fd, (&(hk_stream_options){ .in_size = buffer }));
    for (int r = 1; r > 0;) {
        size_t count = 1 + chance(&seed) % 100;
        switch (chance(&seed) % 4) {
        case 0: r = take_line(job, &s, buffer); break;
        case 1: r = take_until(job, &s, buffer); break;
        case 2: r = take_count(job, &s, count); break;
        default: r = take_peeked(job, &s, count, buffer);
        }
    }
    CHECK(job->data == job->end);
    return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static hk_sched *sched;
    if (sched == NULL) sched = hk_sched_create(&(hk_run_options){ .world = hk_world_epoll() });
    if (size < BEFORE) return 0;
    struct job job = { (const char *)data + BEFORE,
                       (const char *)data + size,
                       data[0],
                       data[1],
                       data[2],
                       data[3],
                       { -1, -1 } };
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, job.ends) == 0);
    CHECK(hk_sched_spawn(sched, feed,
                         &(struct job){ job.data, job.end, .pieces = job.pieces,
                                        .ends = { -1, job.ends[1] } }) > 0);
    CHECK(hk_sched_spawn(sched, take, &job) > 0);
    CHECK(hk_sched_run(sched) == 0);
    return 0;
}
