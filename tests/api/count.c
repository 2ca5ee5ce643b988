/* SPDX-License-Identifier: MIT */
/* Runs p06_pool.c: count PATH... prints how many lines there are, or what was wrong. */
#include <hocket.h>
#include <stdio.h>

int count_all(const char *const *paths, int n, long *ret_total);

struct all {
    const char *const *paths;
    int n;
    long total;
};

static void *start(void *arg)
{
    struct all *all = arg;
    return hk_val(count_all(all->paths, all->n, &all->total));
}

int main(int argc, char **argv)
{
    struct all all = { (const char *const *)argv + 1, argc - 1, -1 };
    int r = hk_run(start, &all, NULL);
    if (r < 0) printf("%d: %s\n", -r, hk_why());
    printf("%ld lines\n", all.total);
    return r < 0;
}
