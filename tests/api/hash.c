/* SPDX-License-Identifier: MIT */
/* Runs p09_hash.c: hash PATH... prints each file's hash, or what was wrong. */
#include <hocket.h>
#include <stdio.h>

enum { MOST = 1000 };
int hash_all(const char *const *paths, uint64_t *hashes, int n);

struct all {
    const char *const *paths;
    int n;
    uint64_t hashes[MOST];
};

static void *start(void *arg)
{
    struct all *all = arg;
    return hk_val(hash_all(all->paths, all->hashes, all->n));
}

int main(int argc, char **argv)
{
    static struct all all;
    all.paths = (const char *const *)argv + 1;
    all.n = argc - 1 < MOST ? argc - 1 : MOST;
    int r = hk_run(start, &all, NULL);
    if (r < 0) printf("%d: %s\n", -r, hk_why());
    for (int i = 0; r >= 0 && i < all.n; i++)
        printf("%016llx %s\n", (unsigned long long)all.hashes[i], all.paths[i]);
    return r < 0;
}
