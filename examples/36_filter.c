/* SPDX-License-Identifier: MIT */
/* Runs a program, feeds it its own standard input, collects at most 64 KiB of what it prints.
 *
 * Usage: filter PROGRAM [ARGUMENT ...]. Nothing of the program survives the function that started
 * it: not where it prints more than that, not where it reads nothing or never ends. A second task
 * feeds it, since a program may print before it has read everything: with one task for both, each
 * would wait for the other. All of it has two seconds. */
#include <hocket.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct feeding {
    int *fd;
    const char *data;
    size_t size;
};
static void *feed(struct feeding *f)
{
    HK_FD(fd, hk_fd_take(f->fd)); /* closing it is the program's end of input */
    ssize_t n = hk_write(fd, f->data, f->size);
    return hk_val(n == -EPIPE ? 0 : n);
}
HK_ENTRY(feed, struct feeding)

static ssize_t filter(const char *const *argv, const char *in, size_t in_size, char *buf,
                      size_t size, int *ret_status)
{
    HK_SCOPE(limit, HK_SEC(2));
    HK_PROC(proc); /* leaving ends and reaps it */
    int r = hk_proc_start(&proc, &(hk_proc_options){ .argv = argv, .in = HK_PIPE, .out = HK_PIPE });
    if (r < 0) return r;
    HK_GROUP(feeder, NULL);
    hk_go(&feeder, feed, &proc.in, in, in_size);
    size_t got = 0;
    ssize_t n = 0;
    while (got < size && (n = hk_read(proc.out, buf + got, size - got)) > 0) got += (size_t)n;
    hk_close(hk_fd_take(&proc.out)); /* a program that prints more is told that nobody reads */
    if (n >= 0) n = hk_proc_wait(&proc, ret_status);
    hk_group_cancel(&feeder, "the program has ended");
    n = hk_scope_close(&limit, hk_group_close(&feeder, n));
    return n < 0 ? n : (ssize_t)got;
}

static void *start(void *argv)
{
    static char in[1 << 20], out[1 << 16];
    size_t size = 0;
    ssize_t n;
    int status = 0;
    while (size < sizeof in && (n = hk_read(STDIN_FILENO, in + size, sizeof in - size)) > 0)
        size += (size_t)n;
    n = filter(argv, in, size, out, sizeof out, &status);
    if (n == -ETIMEDOUT) return hk_val(hk_fail(-ETIME, "it took more than two seconds"));
    if (n < 0) return hk_val(n);
    hk_write(STDOUT_FILENO, out, (size_t)n);
    return hk_val(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: filter PROGRAM [ARGUMENT ...]\n");
        return 2;
    }
    int r = hk_run(start, argv + 1, NULL);
    if (r < 0) fprintf(stderr, "filter: %s\n", *hk_why() != '\0' ? hk_why() : strerror(-r));
    return r < 0 ? 1 : r;
}
