/* SPDX-License-Identifier: MIT */
/* Sanitizers and Valgrind see into coroutines: bugs that were put there are reported.
 *
 * Each bug is committed in a child whose output is read. Every test is for one tool, and skipped
 * where that one does not watch. */
#include "harness/harness.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hocket/coro.h>

#include "support/tools.h"

#ifdef HK__ASAN
/* gcc's library does not look for it unless told. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "detect_stack_use_after_return=1"; }
#endif

static char output[1 << 16];

static void read_all(int fd)
{
    size_t used = 0;
    for (ssize_t n; (n = read(fd, output + used, sizeof output - 1 - used)) > 0;) used += (size_t)n;
    output[used] = '\0';
}

/* How the child ended, as an exit status; what it said is in output. */
static int run_child(void (*commit)(void))
{
    int ends[2], status;
    CHECK_EQ(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        dup2(ends[1], STDERR_FILENO);
        close(ends[1]);
        commit();
        exit(0);
    }
    close(ends[1]);
    read_all(ends[0]);
    close(ends[0]);
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static __attribute__((unused)) void check_reported(void (*commit)(void), const char *text)
{
    CHECK(run_child(commit) != 0);
    if (!CHECK(strstr(output, text))) fprintf(stderr, "instead of \"%s\":\n%s", text, output);
}

static void run_in_coroutine(hk_entry *body)
{
    hk_coro *co = hk_coro_create(body, NULL, NULL);
    hk_coro_send(co, NULL);
    hk_coro_send(co, NULL);
    hk_coro_destroy(co);
}

static char *volatile escaped;

static __attribute__((unused)) void *overflow_heap(void *arg)
{
    arg = hk_yield(arg);
    escaped = malloc(10);
    escaped[10] = 1;
    free(escaped);
    return arg;
}

static __attribute__((unused)) void *overflow_array(void *arg)
{
    char array[10];
    escaped = array;
    arg = hk_yield(arg);
    escaped[10] = 1;
    return arg;
}

static __attribute__((noinline)) void escape(void)
{
    char array[10];
    escaped = array;
}

static __attribute__((unused)) void *use_after_return(void *arg)
{
    escape();
    arg = hk_yield(arg);
    escaped[3] = 1;
    return arg;
}

static __attribute__((unused)) void *keep_pointer_to_frame(void *arg)
{
    char array[100];
    escaped = array;
    return hk_yield(arg);
}

#ifdef HK__ASAN

static void commit_heap_overflow(void) { run_in_coroutine(overflow_heap); }
static void commit_stack_overflow(void) { run_in_coroutine(overflow_array); }
static void commit_use_after_return(void) { run_in_coroutine(use_after_return); }

static hk_coro *destroyed(void)
{
    hk_coro *co = hk_coro_create(keep_pointer_to_frame, NULL, NULL);
    hk_coro_send(co, NULL);
    hk_coro_destroy(co);
    return co;
}

static void commit_use_of_destroyed(void) { hk_coro_send(destroyed(), NULL); }

TEST(asan_sees_heap_overflow) { check_reported(commit_heap_overflow, "heap-buffer-overflow"); }
TEST(asan_sees_stack_overflow) { check_reported(commit_stack_overflow, "stack-buffer-overflow"); }
TEST(asan_sees_use_after_return)
{
    check_reported(commit_use_after_return, "stack-use-after-return");
}
TEST(asan_sees_use_of_a_destroyed_coroutine)
{
    check_reported(commit_use_of_destroyed, "use-after-poison");
}

/* LeakSanitizer: what a parked coroutine holds is no leak; what it lost is. (Where frames are
 * checked for use after return, their variables lie elsewhere and are not seen: what is held here
 * is held in a register.) */

static void *hold(void *arg)
{
    char *held = malloc(1000);
    arg = hk_yield(arg);
    free(held);
    return arg;
}

static void *lose(void *arg)
{
    for (int i = 0; i < 20; i++) escaped = malloc(1000);
    escaped = NULL;
    return hk_yield(arg);
}

static void park_holding(void) { hk_coro_send(hk_coro_create(hold, NULL, NULL), NULL); }

static void park_losing(void) { hk_coro_send(hk_coro_create(lose, NULL, NULL), NULL); }

TEST(lsan_sees_what_a_coroutine_lost) { check_reported(park_losing, "detected memory leaks"); }

TEST(lsan_sees_what_a_coroutine_holds)
{
    CHECK_EQ(run_child(park_holding), 0);
    CHECK_STR(output, "");
}

#endif
#ifdef HK__TSAN

static int shared;
static pthread_barrier_t barrier;

static void *write_shared(void *arg)
{
    for (int i = 0; i < 1000; i++) shared++;
    arg = hk_yield(arg);
    for (int i = 0; i < 1000; i++) shared++;
    return arg;
}

static void *write_when_both_are_there(void *arg)
{
    pthread_barrier_wait(&barrier);
    return write_shared(arg);
}

static void *race(void *arg)
{
    run_in_coroutine(write_when_both_are_there);
    return arg;
}

static void commit_race(void)
{
    pthread_t thread[2];
    pthread_barrier_init(&barrier, NULL, 2);
    for (int i = 0; i < 2; i++) pthread_create(&thread[i], NULL, race, NULL);
    for (int i = 0; i < 2; i++) pthread_join(thread[i], NULL);
}

TEST(tsan_sees_a_race_of_two_coroutines, .seconds = 20)
{
    check_reported(commit_race, "data race");
    CHECK(strstr(output, "write_shared"));
}

/* One thread's coroutines take turns: that is order enough. */
static void take_turns(void)
{
    hk_coro *co[2];
    for (int i = 0; i < 2; i++) co[i] = hk_coro_create(write_shared, NULL, NULL);
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < 2; i++) hk_coro_send(co[i], NULL);
    for (int i = 0; i < 2; i++) hk_coro_destroy(co[i]);
}

TEST(tsan_sees_no_race_of_coroutines_that_take_turns)
{
    CHECK_EQ(run_child(take_turns), 0);
    CHECK_STR(output, "");
}

#endif
#if !SANITIZED && __has_include(<valgrind/memcheck.h>)

/* Its report may go anywhere, so it is asked how many errors it saw. */
static void exit_by_errors(unsigned before) { _exit(VALGRIND_COUNT_ERRORS > before ? 7 : 0); }

static void *read_uninitialised(void *arg)
{
    volatile char array[10];
    arg = hk_yield(arg);
    if (array[3] == 'x') fputs("x", stdout);
    return arg;
}

static void commit_uninitialised_read(void)
{
    unsigned before = VALGRIND_COUNT_ERRORS;
    run_in_coroutine(read_uninitialised);
    exit_by_errors(before);
}

/* A frame of a destroyed coroutine is nobody's memory. */
static void commit_use_of_dead_frame(void)
{
    unsigned before = VALGRIND_COUNT_ERRORS;
    run_in_coroutine(keep_pointer_to_frame);
    escaped[5] = 1;
    exit_by_errors(before);
}

static void *behave(void *arg)
{
    char text[40];
    snprintf(text, sizeof text, "%f", 1.5);
    return hk_yield(arg);
}

static void commit_nothing(void)
{
    unsigned before = VALGRIND_COUNT_ERRORS;
    for (int i = 0; i < 100; i++) run_in_coroutine(behave);
    exit_by_errors(before);
}

TEST(valgrind_sees_nothing_in_what_is_right)
{
    if (!ON_VALGRIND) SKIP("for Valgrind");
    CHECK_EQ(run_child(commit_nothing), 0);
}

TEST(valgrind_sees_an_uninitialised_read)
{
    if (!ON_VALGRIND) SKIP("for Valgrind");
    CHECK(run_child(commit_uninitialised_read) != 0);
}

TEST(valgrind_sees_use_of_a_dead_frame)
{
    if (!ON_VALGRIND) SKIP("for Valgrind");
    CHECK(run_child(commit_use_of_dead_frame) != 0);
}

#endif
