/* SPDX-License-Identifier: MIT */
/* Runs p05_eyeballs.c: dial ADDRESS MS prints what the other side says, or why there is nothing. */
#include <hocket.h>
#include <stdio.h>
#include <stdlib.h>

int dial(const char *address, int64_t timeout);

static void *start(void *arg)
{
    char **argv = arg;
    HK_FD(fd, dial(argv[1], HK_MS(atol(argv[2]))));
    char buf[100];
    ssize_t n = fd;
    while (n >= 0 && (n = hk_read(fd, buf, sizeof buf)) > 0) fwrite(buf, 1, (size_t)n, stdout);
    return hk_val(n);
}

int main(int argc, char **argv)
{
    int r = hk_run(start, argv, NULL);
    if (r < 0) printf("%d: %s\n", -r, hk_why());
    return r < 0;
}
