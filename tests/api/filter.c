/* SPDX-License-Identifier: MIT */
/* Runs p14_subprocess.c and p14b_short.c: filter TEXT COMMAND... feeds the text to the command,
 * prints at most 64 KiB of what that says, and exits as it did. */
#include <hocket.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#ifdef WITH_SIZE /* p14b */
ssize_t filter(const char *const *argv, const char *in, size_t n, char *out, size_t size,
               int *ret_status);
#define INPUT(text) (text), strlen(text)
#else
ssize_t filter(const char *const *argv, const char *input, char *buf, size_t size, int *ret_status);
#define INPUT(text) (text)
#endif

static char out[65536];
static int status;

static void *start(void *arg)
{
    char **argv = arg;
    const char *const *command = (const char *const *)argv + 2;
    ssize_t n = filter(command, INPUT(argv[1]), out, sizeof out, &status);
    if (n > 0) fwrite(out, 1, (size_t)n, stdout);
    return hk_val(n);
}

int main(int argc, char **argv)
{
    int r = hk_run(start, argv, NULL);
    if (r < 0) printf("%d: %s\n", -r, hk_why());
    return r < 0 ? 100 : WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
