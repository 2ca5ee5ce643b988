/* SPDX-License-Identifier: MIT */
/* 14. Run a program, feed it, collect at most 64 KiB of its output, within two seconds;
 * nothing of it survives this function. */
#include <hocket.h>
#include <string.h>

struct feeding {
    int *fd;
    const char *text;
};
static void *feed(struct feeding *f)
{
    HK_FD(fd, hk_fd_take(f->fd)); /* closing it is the child's end of input */
    ssize_t n = hk_write(fd, f->text, strlen(f->text));
    return hk_val(n == -EPIPE ? 0 : n);
}
HK_ENTRY(feed, struct feeding)

ssize_t filter(const char *const *argv, const char *input, char *buf, size_t size, int *ret_status)
{
    HK_SCOPE(limit, HK_SEC(2));
    HK_PROC(proc); /* leaving kills and reaps it */
    int r = hk_proc_start(
        &proc, &(hk_proc_options){
                   .argv = argv, .in = HK_PIPE, .out = HK_PIPE, .kill_after = HK_MS(500) });
    if (r < 0) return r;
    HK_GROUP(g, NULL);
    hk_go(&g, feed, &proc.in, input);
    size_t got = 0;
    ssize_t n = 0;
    while (got < size && (n = hk_read(proc.out, buf + got, size - got)) > 0) got += (size_t)n;
    if (n >= 0) n = hk_proc_wait(&proc, ret_status);
    n = hk_scope_close(&limit, hk_group_close(&g, n));
    return n < 0 ? n : (ssize_t)got;
}
