/* SPDX-License-Identifier: MIT */
/* The test harness. A test file is a list of
 *
 *     TEST(sleeps_in_order, .seconds = 60)
 *     {
 *         CHECK(hk_now() > 0);
 *         CHECK_EQ(hk_sleep(0), 0);
 *     }
 *
 * and that is all: tests register themselves. Each runs in a process of its own, under a time
 * limit, and must leave as many descriptors and child processes as it found. A failed CHECK prints
 * what it saw and the test goes on, to fail at its end. All of it may be used from any task, from
 * any thread, and from processes that the test forks. */
#ifndef HARNESS_H
#define HARNESS_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct test_options {
    int seconds;        /* time limit; 0: 10 s. --time-factor multiplies it */
    bool slow;          /* runs only with --slow */
    bool must_fail;     /* passes if the test fails (and what was printed contains `prints`) */
    const char *prints; /* stdout or stderr must contain this */
    const char *aborts; /* the test must abort, with this on stderr */
    int signal;         /* the test must die of this signal */
    int exits;          /* the test must leave by exit() with this number */
};

struct test {
    const char *name, *file;
    int line;
    void (*body)(void);
    struct test_options options;
    struct test *next; /* the harness's own, like all that follows */
    int runs_left;
};

/* A test. The options are fields of struct test_options; none is needed. */
#define TEST(id, ...) \
    static void test_##id(void); \
    static struct test test_of_##id = { .name = #id, \
                                        .file = __FILE__, \
                                        .line = __LINE__, \
                                        .body = test_##id, \
                                        .options = { __VA_ARGS__ } }; \
    __attribute__((constructor)) static void register_##id(void) { test_register(&test_of_##id); } \
    static void test_##id(void)

/* Each is true where the check held, so that `if (!CHECK(p)) return;` reads well. */
#define CHECK(condition) test_check(!!(condition), #condition, __FILE__, __LINE__)
/* Integers and pointers; prints both. */
#define CHECK_EQ(a, b) test_check_eq((intmax_t)(a), (intmax_t)(b), #a, #b, __FILE__, __LINE__)
/* Strings, NULL allowed. */
#define CHECK_STR(a, b) test_check_str((a), (b), #a, #b, __FILE__, __LINE__)
/* Leaves the body of the test (so: stands in it), which then counts as skipped. */
#define SKIP(why) \
    do { \
        test_skip(why); \
        return; \
    } while (0)

void test_register(struct test *test);
bool test_check(bool ok, const char *text, const char *file, int line);
bool test_check_eq(intmax_t a, intmax_t b, const char *a_text, const char *b_text, const char *file,
                   int line);
bool test_check_str(const char *a, const char *b, const char *a_text, const char *b_text,
                    const char *file, int line);
void test_skip(const char *why);
/* A check of this test has failed. */
bool test_has_failed(void);
/* Fails the test with a message of one's own. */
void test_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* How much slower than usual this run is (--time-factor): 1, or more under Valgrind and qemu. */
int test_time_factor(void);

#ifdef __cplusplus
}
#endif

#endif
