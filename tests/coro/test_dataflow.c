/* SPDX-License-Identifier: MIT */
/* Data flow: coroutines that are sent to, in pipelines.
 *
 * Items are pushed from a source through filters to sinks; close goes the same way, so that each
 * stage ends before the next one. Cases 36 (grepclose) and 37: through a stage that lives in
 * another thread, behind a queue, and through one in another process, behind a pipe. The course's
 * programs themselves are in examples/, with their transcripts. */
#include "support/steps.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static const hk_coro_options primed = { .primed = true };

/* ---- stages; each closes what it sends to when it is closed ---- */

struct filter {
    const char *pattern;
    hk_coro *target;
};

static void *filters(void *arg)
{
    const struct filter *f = arg;
    void *line;
    while (!hk_is_err(line = hk_yield(NULL)))
        if (strstr(line, f->pattern) != NULL) hk_coro_send(f->target, line);
    note("filter %s closes; ", f->pattern);
    hk_step step = hk_coro_close(f->target); /* FINISHED where another one has closed it */
    CHECK(step.outcome == HK_RETURNED || step.outcome == HK_FINISHED);
    return line;
}

static void *prints(void *arg)
{
    void *line;
    while (!hk_is_err(line = hk_yield(NULL))) note("%s: %s; ", (char *)arg, (char *)line);
    note("%s closes; ", (char *)arg);
    return line;
}

struct broadcast {
    hk_coro *targets[3];
};

static void *broadcasts(void *arg)
{
    const struct broadcast *b = arg;
    void *line;
    while (!hk_is_err(line = hk_yield(NULL)))
        for (int i = 0; i < 3; i++) hk_coro_send(b->targets[i], line);
    for (int i = 0; i < 3; i++) CHECK_STEP(hk_coro_close(b->targets[i]), "returned 0");
    return line;
}

static void *text(const char *literal) { return (void *)(uintptr_t)literal; }

static const char *const lines[] = { "python generators rock", "no snakes here",
                                     "python sources close", "rock and stone" };

static void push_lines(hk_coro *to)
{
    for (size_t i = 0; i < HK_LEN(lines); i++)
        CHECK_EQ(hk_coro_send(to, text(lines[i])).outcome, HK_YIELDED);
}

/* ---- within a thread ---- */

/* grepclose.py. */
static void *grep(void *arg)
{
    note("Looking for %s; ", (char *)arg);
    void *line;
    while (!hk_is_err(line = hk_yield(NULL)))
        if (strstr(line, arg) != NULL) note("%s; ", (char *)line);
    if (line == hk_val(-ECANCELED)) note("Going away. Goodbye");
    return line;
}

TEST(grepclose)
{
    HK_CORO(g, grep, text("python"), &primed);
    push_lines(g);
    CHECK_STEP(hk_coro_close(g), "returned 0");
    CHECK_STR(trace, "Looking for python; python generators rock; python sources close; "
                     "Going away. Goodbye");
}

TEST(close_goes_from_the_source_to_the_sink)
{
    HK_CORO(sink, prints, text("sink"), &primed);
    HK_CORO(second, filters, (&(struct filter){ "rock", sink }), &primed);
    HK_CORO(first, filters, (&(struct filter){ "python", second }), &primed);
    push_lines(first);
    CHECK_STEP(hk_coro_close(first), "returned 0");
    CHECK_STR(trace, "sink: python generators rock; "
                     "filter python closes; filter rock closes; sink closes; ");
}

TEST(broadcast_reaches_all_and_so_does_its_close)
{
    HK_CORO(a, prints, text("a"), &primed);
    HK_CORO(b, filters, (&(struct filter){ "python", a }), &primed);
    HK_CORO(c, prints, text("c"), &primed);
    HK_CORO(d, prints, text("d"), &primed);
    HK_CORO(all, broadcasts, (&(struct broadcast){ { b, c, d } }), &primed);
    hk_coro_send(all, text("rock"));
    hk_coro_send(all, text("python"));
    CHECK_STEP(hk_coro_close(all), "returned 0");
    CHECK_STR(trace, "c: rock; d: rock; a: python; c: python; d: python; "
                     "filter python closes; a closes; c closes; d closes; ");
}

/* Two sources, one sink: it is resumed by whoever has something. */
TEST(many_may_send_to_one_sink)
{
    HK_CORO(sink, prints, text("sink"), &primed);
    HK_CORO(a, filters, (&(struct filter){ "rock", sink }), &primed);
    HK_CORO(b, filters, (&(struct filter){ "python", sink }), &primed);
    hk_coro_send(a, text("rock 1"));
    hk_coro_send(b, text("python 2"));
    hk_coro_send(a, text("python 3"));
    CHECK_STR(trace, "sink: rock 1; sink: python 2; ");
}

static hk_coro *head;

static void *sends_to_its_own_head(void *arg)
{
    void *line;
    while (!hk_is_err(line = hk_yield(NULL))) note("%s ", step_text(hk_coro_send(head, line)));
    (void)arg;
    return line;
}

/* cycle: a pipeline that feeds itself is refused, not endless. */
TEST(a_cycle_in_a_pipeline_is_refused)
{
    HK_CORO(tail, sends_to_its_own_head, NULL, &primed);
    HK_CORO(first, filters, (&(struct filter){ "", tail }), &primed);
    head = first;
    CHECK_STEP(hk_coro_send(first, text("x")), "yielded 0");
    CHECK_STR(trace, "refused EALREADY ");
}

/* ---- a stage in another thread, behind a queue ---- */

enum { QUEUE = 8 };

struct thread_host {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    const void *items[QUEUE];
    unsigned head, tail;
    hk_entry *stage; /* that lives there */
    void *arg;
};

static void put(struct thread_host *h, const void *item)
{
    pthread_mutex_lock(&h->lock);
    while (h->tail - h->head == QUEUE) pthread_cond_wait(&h->changed, &h->lock);
    h->items[h->tail++ % QUEUE] = item;
    pthread_cond_broadcast(&h->changed);
    pthread_mutex_unlock(&h->lock);
}

static const void *take(struct thread_host *h)
{
    pthread_mutex_lock(&h->lock);
    while (h->tail == h->head) pthread_cond_wait(&h->changed, &h->lock);
    const void *item = h->items[h->head++ % QUEUE];
    pthread_cond_broadcast(&h->changed);
    pthread_mutex_unlock(&h->lock);
    return item;
}

static void *hosts(void *arg)
{
    struct thread_host *h = arg;
    HK_CORO(stage, h->stage, h->arg, &primed); /* started here: it belongs to this thread */
    const void *item;
    while ((item = take(h)) != NULL) hk_coro_send(stage, text(item));
    CHECK_STEP(hk_coro_close(stage), "returned 0");
    return NULL;
}

/* The stage as others see it: what it is sent goes into the queue, its close to the other side. */
static void *threaded(void *arg)
{
    struct thread_host *h = arg;
    pthread_mutex_init(&h->lock, NULL);
    pthread_cond_init(&h->changed, NULL);
    pthread_create(&h->thread, NULL, hosts, h);
    void *item;
    while (!hk_is_err(item = hk_yield(NULL))) put(h, item);
    note("thread closes; ");
    put(h, NULL);
    pthread_join(h->thread, NULL);
    pthread_cond_destroy(&h->changed);
    pthread_mutex_destroy(&h->lock);
    return item;
}

static char heard[200];
static pthread_t heard_on;

static void *remembers(void *arg)
{
    void *line;
    heard_on = pthread_self();
    while (!hk_is_err(line = hk_yield(NULL))) strcat(strcat(heard, line), "; ");
    note("sink closes; ");
    (void)arg;
    return line;
}

/* Case 37. */
TEST(close_goes_through_a_stage_in_another_thread)
{
    struct thread_host host = { .stage = remembers };
    HK_CORO(stage, threaded, &host, &primed);
    HK_CORO(first, filters, (&(struct filter){ "python", stage }), &primed);
    for (int i = 0; i < 3; i++) push_lines(first);
    CHECK_STEP(hk_coro_close(first), "returned 0");
    CHECK_STR(trace, "filter python closes; thread closes; sink closes; ");
    CHECK_STR(heard, "python generators rock; python sources close; "
                     "python generators rock; python sources close; "
                     "python generators rock; python sources close; ");
    CHECK(!pthread_equal(heard_on, pthread_self()));
}

/* ---- a stage in another process, behind a pipe: its end of file is the close ---- */

/* In the child: lines from the pipe are sent on; exits with what the sink made of them. */
static void be_the_other_process(int fd)
{
    HK_CORO(sink, remembers, NULL, &primed);
    FILE *in = fdopen(fd, "r");
    char line[100];
    while (fgets(line, sizeof line, in) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        hk_coro_send(sink, line);
    }
    CHECK_STEP(hk_coro_close(sink), "returned 0");
    CHECK_STR(heard, "python generators rock; python sources close; ");
    CHECK_STR(trace, "sink closes; ");
    fclose(in);
    _exit(strcmp(trace, "sink closes; ") == 0 ? 42 : 1);
}

static void *piped(void *arg)
{
    int *status = arg, ends[2];
    void *line;
    CHECK_EQ(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[1]);
        trace_clear();
        be_the_other_process(ends[0]);
    }
    close(ends[0]);
    while (!hk_is_err(line = hk_yield(NULL))) CHECK(dprintf(ends[1], "%s\n", (char *)line) > 0);
    note("pipe closes; ");
    close(ends[1]);
    CHECK_EQ(waitpid(pid, status, 0), pid);
    return line;
}

/* Case 37. */
TEST(close_goes_through_a_stage_in_another_process)
{
    int status = -1;
    HK_CORO(stage, piped, &status, &(hk_coro_options){ .primed = true, .stack = 1 << 20 });
    HK_CORO(first, filters, (&(struct filter){ "python", stage }), &primed);
    push_lines(first);
    CHECK_STEP(hk_coro_close(first), "returned 0");
    CHECK_STR(trace, "filter python closes; pipe closes; ");
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 42);
}
