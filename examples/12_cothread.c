/* SPDX-License-Identifier: MIT */
/* A coroutine hosted in a thread.
 *
 * `threaded` is a coroutine like any other: it receives items and passes them on. That its target
 * lives in another thread, behind a queue, is its own affair; the source cannot tell. Closing it
 * puts the end on the queue, the thread closes its part of the pipeline, and is joined.
 *
 * A coroutine belongs to the thread that started it, so the thread makes its own. */
#include "dataflow.h"

#include <pthread.h>

struct queue {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    void *items[4];
    unsigned put, taken;
};

static void queue_put(struct queue *q, void *item)
{
    pthread_mutex_lock(&q->lock);
    while (q->put - q->taken == HK_LEN(q->items)) pthread_cond_wait(&q->changed, &q->lock);
    q->items[q->put++ % HK_LEN(q->items)] = item;
    pthread_cond_broadcast(&q->changed);
    pthread_mutex_unlock(&q->lock);
}

static void *queue_get(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    while (q->put == q->taken) pthread_cond_wait(&q->changed, &q->lock);
    void *item = q->items[q->taken++ % HK_LEN(q->items)];
    pthread_cond_broadcast(&q->changed);
    pthread_mutex_unlock(&q->lock);
    return item;
}

static void *host(void *queue)
{
    HK_CORO(out, printer, NULL, &primed);
    HK_CORO(target, grep, &(struct grep){ "python", out }, &primed);
    void *item;
    while ((item = queue_get(queue)) != NULL) hk_coro_send(target, item);
    return NULL;
}

static void *threaded(void *arg)
{
    struct queue q = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, { NULL }, 0, 0 };
    pthread_t thread;
    int error = pthread_create(&thread, NULL, host, &q);
    if (error != 0) return hk_val(-error);
    void *item;
    while (!hk_is_err(item = hk_yield(NULL))) queue_put(&q, item);
    queue_put(&q, NULL);
    pthread_join(thread, NULL);
    return NULL;
}

int main(void)
{
    HK_CORO(target, threaded, NULL, &primed);
    source(target);
}
