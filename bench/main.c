/* SPDX-License-Identifier: MIT */
/* hocket-bench: runs the benches, prints the table, writes it down for programs to read.
 *
 * Each bench runs in a child, which sends its rows through a pipe. With --quick the work is tiny
 * and hashes of it take the place of the figures: then it is a test, and its output is always the
 * same. */
#include "bench.h"

#include <errno.h>
#include <fnmatch.h>
#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

static const struct bench *const benches[] = {
    &bench_send,
    &bench_yield_2,
    &bench_yield_1000,
    &bench_yield_100000,
    &bench_call,
    &bench_timer,
    &bench_spawn,
    &bench_parked,
    &bench_stackless,
    &bench_echo_syscalls,
    &bench_echo_1_64,
    &bench_echo_1_4096,
    &bench_echo_64_64,
    &bench_echo_64_4096,
    &bench_echo_1000_64,
    &bench_echo_1000_4096,
    &bench_echo_10000_64,
    &bench_echo_10000_4096,
    &bench_spin,
    &bench_file_cached,
    &bench_file_direct,
    &bench_accept,
    &bench_http,
    &bench_channel,
    &bench_scope,
    &bench_cancel,
    &bench_cancel_stackless,
    &bench_sim,
    &bench_wake,
    &bench_step,
};
enum { BENCHES = sizeof benches / sizeof *benches, ROWS = 128, PATTERNS = 32 };

bool bench_quick, bench_counting;

static const char *patterns[PATTERNS];
static int pattern_count;
static struct bench_value results[ROWS];
static int result_count;
static int to_parent = -1;

/* ---- for the benches ---- */

bool bench_wanted(const char *name)
{
    for (int i = 0; i < pattern_count; i++) {
        if (bench_counting && strcmp(patterns[i], name) == 0) return true;
        if (bench_counting) continue; /* no figure is asked for twice */
        char glob[256];
        snprintf(glob, sizeof glob, "*%s*", patterns[i]);
        if (fnmatch(glob, name, 0) == 0) return true;
    }
    return pattern_count == 0;
}

void bench_emit(const struct bench_value *value)
{
    if (!bench_wanted(value->name)) return;
    if (write(to_parent, value, sizeof *value) != sizeof *value) bench_fail("the table is gone");
}

void bench_say(const char *format, ...)
{
    if (bench_quick) return;
    va_list args;
    va_start(args, format);
    fputs("    ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

/* ---- the table ---- */

static const struct bench_row *row_of(const char *name)
{
    for (int i = 0; i < BENCHES; i++)
        for (const struct bench_row *row = benches[i]->rows; row->name; row++)
            if (strcmp(row->name, name) == 0) return row;
    bench_fail("nobody knows a row '%s'", name);
}

static const char *number(double value, int digits, char *buf, size_t size)
{
    if (isnan(value)) return "-";
    snprintf(buf, size, "%.*f", digits, value);
    return buf;
}

static bool misses(double limit, double measured)
{
    return (limit > 0 && measured > limit) || (limit < 0 && measured < -limit);
}

static void print_row(const struct bench_value *v)
{
    const struct bench_row *row = row_of(v->name);
    char value[32], least[32], floor[32], ratio[32];
    double measured = row->limits_ratio ? v->ratio : v->value;
    int digits = v->value >= 1000 ? 0 : 2;
    printf("%-24s %10s %-9s %10s %10s %7s  %-9s%s\n", v->name,
           number(v->value, digits, value, sizeof value), row->unit,
           number(v->least, digits, least, sizeof least),
           number(v->floor, digits, floor, sizeof floor), number(v->ratio, 2, ratio, sizeof ratio),
           row->aim, misses(row->limit, measured) ? "missed" : "");
}

static void print_table(void)
{
    printf("%-24s %10s %-9s %10s %10s %7s  %s\n", "name", "value", "unit", "least", "floor",
           "ratio", "aim");
    for (int i = 0; i < result_count; i++) print_row(&results[i]);
}

static void print_hashes(void)
{
    for (int i = 0; i < result_count; i++) {
        const struct bench_value *v = &results[i];
        printf("%-24s %016llx", v->name, (unsigned long long)v->hash);
        printf("%s\n", v->floor_hash == 0 || v->floor_hash == v->hash ? "" : " not as the floor");
    }
}

static void json_number(FILE *file, const char *key, double value)
{
    fprintf(file, ", \"%s\": ", key);
    if (isnan(value))
        fputs("null", file);
    else
        fprintf(file, "%.6g", value);
}

static void write_json(const char *path)
{
    FILE *file = fopen(path, "w");
    if (!file) bench_fail("%s: %s", path, strerror(errno));
    for (int i = 0; i < result_count; i++) {
        const struct bench_value *v = &results[i];
        fprintf(file, "%s{\"name\": \"%s\"", i == 0 ? "[\n  " : ",\n  ", v->name);
        json_number(file, "value", v->value);
        fprintf(file, ", \"unit\": \"%s\"", row_of(v->name)->unit);
        json_number(file, "floor", v->floor);
        json_number(file, "ratio", v->ratio);
        json_number(file, "least", v->least);
        fputc('}', file);
    }
    fputs(result_count == 0 ? "[]\n" : "\n]\n", file);
    if (fclose(file) != 0) bench_fail("%s: %s", path, strerror(errno));
}

/* build/bench.json, whatever the build folder is called. */
static const char *default_json(void)
{
    static char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 16);
    for (int up = 0; up < 2 && n > 0; up++)
        while (n > 0 && path[--n] != '/') {}
    if (n <= 0) return "bench.json";
    strcpy(path + n, "/bench.json");
    return path;
}

/* ---- running ---- */

/* One bench in a child. True: it came to its end. */
static bool run(const struct bench *bench)
{
    int pipe_ends[2];
    if (pipe(pipe_ends) < 0) bench_fail("pipe: %s", strerror(errno));
    fflush(NULL);
    pid_t child = fork();
    if (child < 0) bench_fail("fork: %s", strerror(errno));
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(pipe_ends[0]);
        to_parent = pipe_ends[1];
        bench->run();
        exit(0);
    }
    close(pipe_ends[1]);
    struct bench_value value;
    while (read(pipe_ends[0], &value, sizeof value) == sizeof value)
        if (result_count < ROWS) results[result_count++] = value;
    close(pipe_ends[0]);
    int status;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool any_wanted(const struct bench *bench)
{
    for (const struct bench_row *row = bench->rows; row->name; row++)
        if (bench_wanted(row->name)) return true;
    return false;
}

static int run_all(void)
{
    int wanted = 0, done = 0, failed = 0;
    for (int i = 0; i < BENCHES; i++) wanted += any_wanted(benches[i]);
    for (int i = 0; i < BENCHES; i++) {
        if (!any_wanted(benches[i])) continue;
        done++;
        if (!bench_quick) fprintf(stderr, "[%d/%d] %s ...\n", done, wanted, benches[i]->rows->name);
        if (run(benches[i])) continue;
        failed++;
        fprintf(stderr, "hocket-bench: %s failed\n", benches[i]->rows->name);
    }
    if (wanted == 0) fputs("hocket-bench: no row has such a name (--list)\n", stderr);
    return wanted == 0 ? 2 : failed > 0;
}

/* What the counts depend on, for those who compare them. */
static int count(void)
{
    const char *key = bench_count_key();
    puts(key != NULL ? key : "nothing to count");
    return key != NULL ? run_all() : 77;
}

static void list(void)
{
    for (int i = 0; i < BENCHES; i++)
        for (const struct bench_row *row = benches[i]->rows; row->name; row++)
            if (bench_wanted(row->name)) printf("%-24s %-9s %s\n", row->name, row->unit, row->aim);
}

static const char usage[] =
    "usage: hocket-bench [OPTION]... [PATTERN]...\n"
    "Measures Hocket beside the floor under it and prints a table.\n"
    "  --only PATTERN  rows whose name contains it (as a shell pattern); may be repeated\n"
    "  --json FILE     where the table is written too (bench.json in the build folder)\n"
    "  --quick         tiny work, hashes of it in place of figures: a test of the benches\n"
    "  --count         tiny work of the rows of these very names, noted by callgrind, which must "
    "run "
    "us\n"
    "  --list          the rows and their aims\n"
    "  --help          this text\n";

static void add_pattern(const char *pattern)
{
    if (pattern_count < PATTERNS) patterns[pattern_count++] = pattern;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        { "only", required_argument, NULL, 'o' },
        { "json", required_argument, NULL, 'j' },
        { "quick", no_argument, NULL, 'q' },
        { "list", no_argument, NULL, 'l' },
        { "count", no_argument, NULL, 'c' },
        { "help", no_argument, NULL, 'h' },
        { 0 },
    };
    const char *json = NULL;
    bool only_list = false;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'o') add_pattern(optarg);
        if (c == 'j') json = optarg;
        if (c == 'q' || c == 'c') bench_quick = true;
        if (c == 'c') bench_counting = true;
        if (c == 'l') only_list = true;
        if (c == 'h' || c == '?') {
            fputs(usage, c == 'h' ? stdout : stderr);
            return c == 'h' ? 0 : 2;
        }
    }
    while (optind < argc) add_pattern(argv[optind++]);
    if (only_list) {
        list();
        return 0;
    }
    if (bench_counting) return count();
    int status = run_all();
    if (bench_quick)
        print_hashes();
    else
        print_table();
    if (!bench_quick || json) write_json(json ? json : default_json());
    return status;
}
