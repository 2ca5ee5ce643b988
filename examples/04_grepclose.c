/* SPDX-License-Identifier: MIT */
/* A coroutine that is pushed into, and how it ends.
 *
 * Closing a coroutine resumes it once more: the yield where it waits returns an error. It cleans
 * up and returns, as any function does. No destructor, no exception: an error value and a return.
 *
 * The first send of all cannot carry a line, because no yield is there yet to receive it. The
 * option `primed` runs the body up to its first yield when it is created. */
#include <hocket.h>
#include <stdio.h>
#include <string.h>

static void *grep(void *pattern)
{
    printf("Looking for %s\n", (char *)pattern);
    void *line;
    while (!hk_is_err(line = hk_yield(NULL)))
        if (strstr(line, pattern) != NULL) puts(line);
    puts("Going away. Goodbye");
    return NULL;
}

int main(void)
{
    HK_CORO(g, grep, "python", &(hk_coro_options){ .primed = true });
    hk_coro_send(g, "Yeah, but no, but yeah, but no");
    hk_coro_send(g, "A series of tubes");
    hk_coro_send(g, "python generators rock!");
    hk_coro_close(g);
}
