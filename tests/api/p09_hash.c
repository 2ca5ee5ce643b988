/* SPDX-License-Identifier: MIT */
/* 9. Hash files in parallel, at most 8 at a time, with a progress line every 200 ms. */
#include <hocket.h>
#include <fcntl.h>
#include <stdio.h>

struct progress {
    uint64_t bytes;
    int files, total;
};
struct hashing {
    const char *path;
    uint64_t *ret_hash;
    struct progress *p;
};
struct chunk {
    const unsigned char *data;
    size_t n;
    uint64_t hash;
};

static void *mix(void *arg) /* runs on the thread pool: the CPU-bound part */
{
    struct chunk *c = arg;
    for (size_t i = 0; i < c->n; i++) c->hash = (c->hash ^ c->data[i]) * 0x100000001b3u;
    return NULL;
}

static void *hash_file(struct hashing *h)
{
    HK_FD(fd, hk_open(h->path, O_RDONLY, 0));
    if (fd < 0) return hk_val(hk_fail(fd, "open %s", h->path));
    unsigned char buf[16384];
    struct chunk c = { buf, 0, 0xcbf29ce484222325u };
    ssize_t n;
    while ((n = hk_read(fd, buf, sizeof buf)) > 0) {
        c.n = (size_t)n;
        hk_offload(mix, &c); /* waits even where cancelled: the pool uses our stack until then */
        h->p->bytes += (uint64_t)n;
    }
    if (n == 0) *h->ret_hash = c.hash, h->p->files++;
    return hk_val(n);
}
HK_ENTRY(hash_file, struct hashing)

static void *report(void *arg)
{
    struct progress *p = arg;
    while (hk_sleep(HK_MS(200)) == 0)
        fprintf(stderr, "\r%d/%d files, %llu bytes", p->files, p->total,
                (unsigned long long)p->bytes);
    return NULL;
}

int hash_all(const char *const *paths, uint64_t *hashes, int n)
{
    struct progress p = { .total = n };
    HK_GROUP(background, NULL);
    hk_spawn(&background, report, &p);
    HK_GROUP(files, (&(hk_group_options){ .limit = 8 }));
    for (int i = 0; i < n; i++) hk_go(&files, hash_file, paths[i], &hashes[i], &p);
    int r = (int)hk_group_close(&files, 0);
    hk_group_cancel(&background, "done");
    return (int)hk_group_close(&background, r);
}
