/* SPDX-License-Identifier: MIT */
/* 6. Worker pool over channels: back-pressure by capacity, the first error stops everything. */
#include <hocket.h>

struct job {
    int id;
    const char *path;
};
struct answer {
    int id;
    long lines;
};
typedef HK_CHAN(struct job) job_chan;
typedef HK_CHAN(struct answer) answer_chan;

static long count_lines(const char *path)
{
    HK_FD(fd, hk_open(path, 0, 0));
    if (fd < 0) return hk_fail(fd, "open %s", path);
    char buf[8192];
    ssize_t n;
    long lines = 0;
    while ((n = hk_read(fd, buf, sizeof buf)) > 0)
        for (ssize_t i = 0; i < n; i++) lines += buf[i] == '\n';
    return n < 0 ? n : lines;
}

struct worker {
    job_chan jobs;
    answer_chan answers;
};
static void *worker(struct worker *w)
{
    struct job job;
    int r;
    while ((r = hk_chan_recv(w->jobs, &job)) > 0) {
        struct answer a = { job.id, count_lines(job.path) };
        if (a.lines < 0) return hk_val(a.lines);
        if ((r = hk_chan_send(w->answers, &a)) < 0) break;
    }
    return hk_val(r);
}
HK_ENTRY(worker, struct worker)

struct feed {
    job_chan jobs;
    const char *const *paths;
    int n;
};
static void *feed(struct feed *f)
{
    int r = 0;
    for (int i = 0; i < f->n && r == 0; i++)
        r = hk_chan_send(f->jobs, (&(struct job){ i, f->paths[i] }));
    hk_chan_close(f->jobs);
    return hk_val(r);
}
HK_ENTRY(feed, struct feed)

static void *run_workers(struct worker *w) /* fan-in: the answers end when the last worker has */
{
    HK_GROUP(workers, NULL);
    for (int i = 0; i < 8; i++) hk_go(&workers, worker, w->jobs, w->answers);
    intptr_t r = hk_group_close(&workers, 0);
    hk_chan_close(w->answers);
    return hk_val(r);
}
HK_ENTRY(run_workers, struct worker)

int count_all(const char *const *paths, int n, long *ret_total)
{
    HK_CHANNEL(job_chan, jobs, 16);
    HK_CHANNEL(answer_chan, answers, 16);
    HK_GROUP(g, NULL);
    hk_go(&g, feed, jobs, paths, n);
    hk_go(&g, run_workers, jobs, answers);
    struct answer a;
    long total = 0;
    int r;
    while ((r = hk_chan_recv(answers, &a)) > 0) total += a.lines;
    r = (int)hk_group_close(&g, r); /* -ENOENT; hk_why(): "... open b.txt: No such file" */
    if (r == 0) *ret_total = total;
    return r;
}
