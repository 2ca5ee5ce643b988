/* SPDX-License-Identifier: MIT */
/* Follows log files as `tail -F` does: prints each new line with the name of its file, and goes on
 * where a file is rotated away and made anew, or cut short.
 *
 * The directories are watched by inotify, whose descriptor is read like any other. An event is only
 * a hint that something may have happened there: then each log of that directory is looked at. What
 * was read, which file it was, and whether the name means another one by now, is asked of the file
 * system, so events that come late, twice, or not at all (a full queue) do no harm. */
#define _GNU_SOURCE /* memmem */
#include <errno.h>
#include <fcntl.h>
#include <hocket.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_LOGS = 64, LINE = 16384 };
enum { HINTS = IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE };

struct log {
    const char *path;
    int watch; /* of its directory */
    int fd;    /* -1: it is not there */
    size_t used;
    char line[LINE]; /* the beginning of one */
};

static struct log logs[MOST_LOGS];
static size_t log_count;
static const char *wanted, *command;
static long lines, new_files, cuts;

/* ---- a line ---- */

/* The command gets the line as its input; the logs wait for it, and are caught up with then. */
static int run_command(const char *line, size_t size)
{
    const char *const argv[] = { "sh", "-c", command, NULL };
    int status = 0;
    ssize_t r = hk_proc_run(&(hk_proc_options){ .argv = argv }, line, size, NULL, 0, &status);
    if (r == 0 && status != 0) fprintf(stderr, "follow_log: '%s': status %d\n", command, status);
    return (int)r;
}

static int tell(const struct log *log, const char *line, size_t size)
{
    char out[PATH_MAX + LINE + 4];
    int length = snprintf(out, sizeof out, "%s: %.*s\n", log->path, (int)size, line);
    if (wanted != NULL && memmem(line, size, wanted, strlen(wanted)) == NULL) return 0;
    lines++;
    ssize_t n = hk_write(STDOUT_FILENO, out, (size_t)length);
    if (n >= 0 && command != NULL) n = run_command(line, size);
    return n < 0 ? (int)n : 0;
}

/* Tells the lines that are complete; where `all`, the rest too. */
static int tell_lines(struct log *log, bool all)
{
    char *line = log->line, *end = log->line + log->used, *newline;
    int r = 0;
    while (r == 0 && (newline = memchr(line, '\n', (size_t)(end - line))) != NULL) {
        r = tell(log, line, (size_t)(newline - line));
        line = newline + 1;
    }
    if (r == 0 && line < end && (all || (line == log->line && log->used == LINE))) {
        r = tell(log, line, (size_t)(end - line));
        line = end;
    }
    log->used = (size_t)(end - line);
    memmove(log->line, line, log->used);
    return r;
}

/* ---- a file ---- */

static int read_on(struct log *log)
{
    ssize_t n;
    int r = 0;
    while (r == 0 && (n = hk_read(log->fd, log->line + log->used, LINE - log->used)) != 0) {
        if (n < 0) return (int)n;
        log->used += (size_t)n;
        r = tell_lines(log, false);
    }
    return r;
}

/* A file that has become shorter than what was read of it was cut, and begins anew. */
static int read_new(struct log *log)
{
    struct stat now;
    if (log->fd < 0) return 0;
    if (fstat(log->fd, &now) == 0 && now.st_size < lseek(log->fd, 0, SEEK_CUR)) {
        cuts++;
        log->used = 0;
        lseek(log->fd, 0, SEEK_SET);
    }
    return read_on(log);
}

/* Whether the name leads to another file than the one that is open. */
static bool is_another(const struct log *log)
{
    struct stat named, open;
    if (stat(log->path, &named) < 0) return false; /* rotated away, and no new one yet */
    return log->fd < 0 || fstat(log->fd, &open) < 0 || named.st_ino != open.st_ino ||
           named.st_dev != open.st_dev;
}

static int look_at(struct log *log)
{
    int r = read_new(log);
    while (r == 0 && is_another(log)) {
        int fd = open(log->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0) return 0; /* gone again, or not for us */
        r = read_new(log);    /* what came between the last look and its end */
        if (r == 0) r = tell_lines(log, true);
        if (log->fd >= 0) hk_close(log->fd);
        log->fd = fd;
        new_files++;
        if (r == 0) r = read_new(log);
    }
    return r;
}

/* ---- all of them ---- */

static int look_where(int watch, bool everywhere)
{
    int r = 0;
    for (size_t i = 0; i < log_count && r == 0; i++)
        if (everywhere || logs[i].watch == watch) r = look_at(&logs[i]);
    return r;
}

static ssize_t follow(int notify)
{
    _Alignas(struct inotify_event) char buf[4096];
    ssize_t n = 0;
    int r = look_where(0, true); /* what came before the first event */
    while (r == 0 && (n = hk_read(notify, buf, sizeof buf)) > 0) {
        for (const char *at = buf; r == 0 && at < buf + n;) {
            const struct inotify_event *event = (const void *)at;
            r = look_where(event->wd, event->mask & IN_Q_OVERFLOW);
            at += sizeof *event + event->len;
        }
    }
    return r < 0 ? r : n;
}

/* Watched first, opened then: so nothing is missed in between. */
static int add(int notify, const char *path)
{
    struct log *log = &logs[log_count++];
    char copy[PATH_MAX];
    snprintf(copy, sizeof copy, "%s", path);
    log->path = path;
    log->watch = inotify_add_watch(notify, dirname(copy), HINTS);
    if (log->watch < 0) return hk_fail(-errno, "%s: cannot watch its directory", path);
    log->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (log->fd < 0 && errno != ENOENT) return hk_fail(-errno, "%s", path);
    if (log->fd >= 0) lseek(log->fd, 0, SEEK_END);
    return 0;
}

static void *end_on_signal(void *all)
{
    HK_SIGNALS(stop, SIGINT, SIGTERM);
    hk_task_started(NULL);
    int r = hk_signals_wait(&stop);
    if (r > 0) hk_group_cancel((hk_group *)all, "a signal");
    return hk_val(r < 0 ? r : 0);
}

static void *start(void *paths)
{
    HK_FD(notify, inotify_init1(IN_CLOEXEC));
    if (notify < 0) return hk_val(-errno);
    for (char **path = paths; *path != NULL && log_count < MOST_LOGS; path++) {
        int r = add(notify, *path);
        if (r < 0) return hk_val(r);
    }
    HK_GROUP(all, NULL);
    hk_tid tid = hk_spawn_started(&all, end_on_signal, &all, NULL);
    fprintf(stderr, "following %zu files\n", log_count);
    intptr_t r = hk_group_close(&all, tid < 0 ? tid : follow(notify));
    for (size_t i = 0; i < log_count; i++) hk_fd_leave(&logs[i].fd);
    fprintf(stderr, "%ld lines, %ld new files, %ld cut short\n", lines, new_files, cuts);
    return hk_val(r);
}

static const char usage[] =
    "usage: follow_log [-g TEXT] [-x COMMAND] FILE ...\n"
    "Prints the lines that are appended to each file, also after it was rotated, until SIGINT or\n"
    "SIGTERM.\n"
    "  -g TEXT     only lines that contain it\n"
    "  -x COMMAND  for each line that is printed, runs it in a shell with the line as its input\n";

int main(int argc, char **argv)
{
    int option;
    if (argc == 2 && strcmp(argv[1], "--help") == 0) return fputs(usage, stdout) < 0;
    while ((option = getopt(argc, argv, "g:x:")) != -1) {
        if (option == 'g') wanted = optarg;
        if (option == 'x') command = optarg;
        if (option == '?') break;
    }
    if (option != -1 || optind == argc) {
        fputs(usage, stderr);
        return 2;
    }
    int r = hk_run(start, argv + optind, &(hk_run_options){ .stack = 128 * 1024 });
    if (r < 0) fprintf(stderr, "follow_log: %s: %s\n", hk_why(), strerror(-r));
    return r < 0;
}
