/* SPDX-License-Identifier: MIT */
/* The runner: starts every test in a process of its own and judges how it ended.
 *
 * The runner itself stays clean: one thread, no library state, a fork for each test, so a test
 * cannot disturb the next one, and all of it works under Valgrind, the sanitizers and an emulator.
 * One loop does everything: fill the free places, wait for output, collect who has ended, kill who
 * is late. A passed test says nothing; the output of a failed one is printed whole. */
#include "harness/inside.h"
#include "support/no_ring.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_JOBS = 64, MAX_OUTPUT = 1 << 20, DEFAULT_SECONDS = 10 };

/* One test under way. */
struct job {
    struct test *test; /* NULL: this place is free */
    pid_t pid;
    int fd; /* of its output; -1: at its end */
    int64_t started_ns;
    bool late;
    struct verdict *verdict;
    char *output;
    size_t size;
};

static struct {
    int jobs, factor, repeat;
    bool slow, verbose, list, no_ring, except;
    char **patterns;
} options = { .jobs = 2, .factor = 1, .repeat = 1 };

static struct test *tests, **tests_end = &tests;
static struct job jobs[MAX_JOBS];
static int passed, failed, skipped, left_out;

void test_register(struct test *test)
{
    *tests_end = test;
    tests_end = &test->next;
}

static int64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

/* tests/coro/test_send.c and `simple` make coro/send.simple. */
static const char *full_name(const struct test *test)
{
    static char name[200];
    const char *start = strstr(test->file, "tests/");
    for (const char *next; start && (next = strstr(start + 1, "tests/"));) start = next;
    start = start ? start + 6 : test->file;
    const char *slash = strrchr(start, '/');
    const char *stem = slash ? slash + 1 : start;
    if (strncmp(stem, "test_", 5) == 0) stem += 5;
    snprintf(name, sizeof name, "%.*s%.*s.%s", slash ? (int)(slash + 1 - start) : 0, start,
             (int)strcspn(stem, "."), stem, test->name);
    return name;
}

/* A pattern is a piece of the name, or a glob for all of it; --except: which are left out. */
static bool is_selected(const struct test *test)
{
    const char *name = full_name(test);
    if (!*options.patterns) return true;
    for (char **p = options.patterns; *p; p++)
        if (strstr(name, *p) || fnmatch(*p, name, 0) == 0) return !options.except;
    return options.except;
}

/* In the new process: output goes to the runner, nothing comes in. */
static void become_test(struct job *job, int out)
{
    int null = open("/dev/null", O_RDONLY);

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int i = 0; i < options.jobs; i++)
        if (jobs[i].test && jobs[i].fd >= 0) close(jobs[i].fd);
    dup2(null, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    if (null > STDERR_FILENO) close(null);
    close(out);
    inside_run(job->test, job->verdict, options.factor);
}

static void die(const char *what)
{
    perror(what);
    exit(2);
}

static void start(struct job *job, struct test *test)
{
    int ends[2];

    if (!job->verdict) {
        job->verdict = mmap(NULL, sizeof *job->verdict, PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (job->verdict == MAP_FAILED) die("mmap");
        job->output = malloc(MAX_OUTPUT + 1);
        if (!job->output) die("malloc");
    }
    memset(job->verdict, 0, sizeof *job->verdict);
    fflush(NULL);
    if (pipe2(ends, O_CLOEXEC) < 0) die("pipe2");
    job->pid = fork();
    if (job->pid < 0) die("fork");
    if (job->pid == 0) {
        close(ends[0]);
        job->test = test;
        job->fd = -1;
        become_test(job, ends[1]);
    }
    close(ends[1]);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    job->test = test;
    job->fd = ends[0];
    job->started_ns = now_ns();
    job->late = false;
    job->size = 0;
}

/* Takes what the pipe holds; what is over the limit is thrown away. */
static void read_output(struct job *job)
{
    char more[4096];
    ssize_t got;

    while (job->fd >= 0 && (got = read(job->fd, more, sizeof more)) != 0) {
        if (got < 0) {
            if (errno == EAGAIN) return;
            break;
        }
        size_t take = MAX_OUTPUT - job->size;
        if (take > (size_t)got) take = (size_t)got;
        memcpy(job->output + job->size, more, take);
        job->size += take;
    }
    if (job->fd >= 0) close(job->fd);
    job->fd = -1;
}

/* Why a test that had to end in its own special way did not; "" where it did. */
static void judge_ending(const struct job *job, int status, char *why, size_t size)
{
    const struct test_options *o = &job->test->options;
    int number = o->aborts ? SIGABRT : o->signal;

    *why = '\0';
    if (number && !(WIFSIGNALED(status) && WTERMSIG(status) == number))
        snprintf(why, size, "did not die of signal %d (%s)", number, strsignal(number));
    else if (o->aborts && !strstr(job->output, o->aborts))
        snprintf(why, size, "aborted, but without saying \"%s\"", o->aborts);
    else if (number)
        return;
    else if (WIFSIGNALED(status))
        snprintf(why, size, "died of signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else if (o->exits && (job->verdict->finished || WEXITSTATUS(status) != o->exits))
        snprintf(why, size, "did not exit with %d", o->exits);
    else if (!o->exits && !job->verdict->finished)
        snprintf(why, size, "called exit(%d) before its end", WEXITSTATUS(status));
    else if (!o->exits && WEXITSTATUS(status) != 0)
        snprintf(why, size, "exited with %d", WEXITSTATUS(status));
}

/* Why the test failed; "" where it passed. */
static void judge(const struct job *job, int status, char *why, size_t size)
{
    const struct test_options *o = &job->test->options;
    int limit = (o->seconds ? o->seconds : DEFAULT_SECONDS) * options.factor;

    if (job->late)
        snprintf(why, size, "timed out after %d s", limit);
    else if (job->verdict->failures)
        snprintf(why, size, "%d failed check%s", job->verdict->failures,
                 job->verdict->failures == 1 ? "" : "s");
    else
        judge_ending(job, status, why, size);
    if (!o->must_fail) {
        if (!*why && o->prints && !strstr(job->output, o->prints))
            snprintf(why, size, "did not print \"%s\"", o->prints);
    } else if (!*why) {
        snprintf(why, size, "passed, and should have failed");
    } else if (o->prints && !strstr(job->output, o->prints) && !strstr(why, o->prints)) {
        char was[160];
        snprintf(was, sizeof was, "%.150s", why);
        snprintf(why, size, "failed without saying \"%s\": %s", o->prints, was);
    } else {
        *why = '\0';
    }
}

/* The runner's last line about a test. */
static void report(struct job *job, int status)
{
    char why[400];
    double seconds = (double)(now_ns() - job->started_ns) * 1e-9;

    job->output[job->size] = '\0';
    judge(job, status, why, sizeof why);
    if (*why) {
        failed++;
        printf("%s:%d: FAILED %s: %s\n", job->test->file, job->test->line, full_name(job->test),
               why);
        if (job->size) printf("%s", job->output);
        if (job->size && job->output[job->size - 1] != '\n') printf("\n");
    } else if (job->verdict->skipped) {
        skipped++;
        printf("skipped %s: %s\n", full_name(job->test), job->verdict->why);
    } else {
        passed++;
        if (options.verbose) printf("passed %s (%.2f s)\n", full_name(job->test), seconds);
    }
    fflush(stdout);
}

/* Ends a test that is late, with all its children, each by its number. */
static void kill_late(struct job *job)
{
    const struct test_options *o = &job->test->options;
    int64_t limit = o->seconds ? o->seconds : DEFAULT_SECONDS;
    pid_t list[64];

    if (job->late || now_ns() - job->started_ns < limit * options.factor * 1000000000) return;
    job->late = true;
    int count = leaks_descendants(job->pid, list, 64);
    kill(job->pid, SIGKILL);
    for (int i = 0; i < count; i++) kill(list[i], SIGKILL);
}

/* Waits for output or an end, then looks at every job. */
static void turn(void)
{
    struct pollfd fds[MAX_JOBS];
    int count = 0, wait_ms = 20, status;

    for (int i = 0; i < options.jobs; i++) {
        if (!jobs[i].test) continue;
        if (jobs[i].fd >= 0)
            fds[count++] = (struct pollfd){ .fd = jobs[i].fd, .events = POLLIN };
        else
            wait_ms = 1; /* about to end: its pipe is closed */
    }
    poll(fds, (nfds_t)count, wait_ms);
    for (int i = 0; i < options.jobs; i++) {
        struct job *job = &jobs[i];
        if (!job->test) continue;
        pid_t ended = waitpid(job->pid, &status, WNOHANG);
        read_output(job);
        if (ended == job->pid) {
            if (job->fd >= 0) close(job->fd); /* a leaked child may hold the other end */
            job->fd = -1;
            report(job, status);
            job->test = NULL;
        } else {
            kill_late(job);
        }
    }
}

/* The next test to start; NULL at the end. */
static struct test *next_test(void)
{
    for (; tests; tests = tests->next)
        if (tests->runs_left-- > 0) return tests;
    return NULL;
}

static void run_all(void)
{
    struct test *test = next_test();
    int running;

    do {
        running = 0;
        for (int i = 0; i < options.jobs; i++) {
            if (!jobs[i].test && test) {
                start(&jobs[i], test);
                test = next_test();
            }
            running += jobs[i].test != NULL;
        }
        if (running) turn();
    } while (running);
}

static void select_tests(void)
{
    for (struct test *t = tests; t; t = t->next) {
        bool wanted = is_selected(t);
        if (wanted && options.list)
            printf("%s%s\n", full_name(t), t->options.slow ? " (slow)" : "");
        if (wanted && t->options.slow && !options.slow) left_out++, wanted = false;
        t->runs_left = wanted && !options.list ? options.repeat : 0;
    }
}

static int usage(FILE *to)
{
    fprintf(to, "usage: hocket_tests [-v] [-j JOBS] [--slow] [--list] [--repeat N]\n"
                "                    [--time-factor N] [--no-ring] [--except] [PATTERN ...]\n");
    return to == stderr ? 2 : 0;
}

int main(int argc, char **argv)
{
    static const struct option known[] = {
        { "list", no_argument, NULL, 'l' },         { "slow", no_argument, NULL, 's' },
        { "repeat", required_argument, NULL, 'r' }, { "time-factor", required_argument, NULL, 't' },
        { "verbose", no_argument, NULL, 'v' },      { "jobs", required_argument, NULL, 'j' },
        { "help", no_argument, NULL, 'h' },         { "no-ring", no_argument, NULL, 'n' },
        { "except", no_argument, NULL, 'e' },       { NULL, 0, NULL, 0 },
    };
    for (int c; (c = getopt_long(argc, argv, "hj:lv", known, NULL)) != -1;) {
        switch (c) {
        case 'j': options.jobs = atoi(optarg); break;
        case 'e': options.except = true; break;
        case 'l': options.list = true; break;
        case 'n': options.no_ring = true; break;
        case 'r': options.repeat = atoi(optarg); break;
        case 's': options.slow = true; break;
        case 't': options.factor = atoi(optarg); break;
        case 'v': options.verbose = true; break;
        case 'h': return usage(stdout);
        default: return usage(stderr);
        }
    }
    if (options.jobs < 1 || options.jobs > MAX_JOBS || options.factor < 1 || options.repeat < 1)
        return usage(stderr);
    options.patterns = argv + optind;
    select_tests();
    if (options.list) return 0;
    if (options.no_ring && !no_ring()) die("--no-ring");
    run_all();
    if (!passed && !failed && !skipped && *options.patterns) {
        fprintf(stderr, "no test has such a name\n");
        return 2;
    }
    if (left_out) printf("%d slow tests left for --slow\n", left_out);
    printf("%d passed, %d failed", passed, failed);
    if (skipped) printf(", %d skipped", skipped);
    printf("\n");
    return failed != 0;
}
