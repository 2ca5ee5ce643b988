/* SPDX-License-Identifier: MIT */
/* The thread pool.
 *
 * One queue and one lock: what is done here takes a system call that blocks, so the lock is no
 * matter. A thread starts when work finds none idle, up to a limit, so that a few calls that take
 * seconds do not hold up the rest; those beyond the usual number leave when there has been nothing
 * to do for a while. What is finished is pushed on its client's list, and the client's loop is
 * woken if it sleeps. */
#include "world/pool.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

enum { USUAL_THREADS = 4, MOST_THREADS = 16, IDLE_SECONDS = 5 };

struct hk__pool_item {
    struct hk__pool_item *next;
    struct hk__pool_client *client;
    hk__ticket ticket;
    hk__operation operation;
    int64_t result;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t some_work = PTHREAD_COND_INITIALIZER, nobody_left = PTHREAD_COND_INITIALIZER;

/* Under the lock. */
static struct {
    struct hk__pool_item *first, **last; /* what no thread has begun */
    int queued, idle, threads;
    int clients;                  /* 0: the threads are to end */
    pthread_t gone[MOST_THREADS]; /* threads that have left, to be joined */
    int gone_count;
} pool = { .last = &pool.first };

/* ---- what is finished ---- */

static void give(struct hk__pool_item *item)
{
    struct hk__pool_client *client = item->client;
    item->next = __atomic_load_n(&client->done, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&client->done, &item->next, item, true, __ATOMIC_SEQ_CST,
                                        __ATOMIC_RELAXED)) {}
}

/* From here on the item is the client's. The count of workers keeps the client itself. */
static void give_and_tell(struct hk__pool_item *item)
{
    struct hk__pool_client *client = item->client;
    hk__world *world = client->world;
    __atomic_fetch_add(&client->workers, 1, __ATOMIC_SEQ_CST);
    give(item);
    void (*notify)(void *arg) = __atomic_load_n(&world->notify, __ATOMIC_ACQUIRE);
    if (notify != NULL)
        notify(world->notify_arg);
    else
        world->table->wake(world);
    __atomic_fetch_sub(&client->workers, 1, __ATOMIC_RELEASE);
}

static struct hk__pool_item *reversed(struct hk__pool_item *newest)
{
    struct hk__pool_item *list = NULL;
    while (newest != NULL) {
        struct hk__pool_item *next = newest->next;
        newest->next = list;
        list = newest;
        newest = next;
    }
    return list;
}

int hk__pool_take_some(struct hk__pool_client *client, hk__event *ret_events, int capacity)
{
    int count = 0;
    while (count < capacity && hk__pool_any(client)) {
        if (client->taken == NULL)
            client->taken = reversed(__atomic_exchange_n(&client->done, NULL, __ATOMIC_ACQUIRE));
        struct hk__pool_item *item = client->taken;
        client->taken = item->next;
        ret_events[count++] =
            (hk__event){ .kind = HK__EVENT_DONE, .ticket = item->ticket, .result = item->result };
        free(item);
    }
    return count;
}

/* ---- threads ---- */

static struct hk__pool_item *take_first(void)
{
    struct hk__pool_item *item = pool.first;
    pool.first = item->next;
    if (pool.first == NULL) pool.last = &pool.first;
    pool.queued--;
    return item;
}

/* Under the lock. False: the thread is to leave. The usual number stays, however many have waited
 * too long at once. */
static bool await_work(void)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += IDLE_SECONDS;
    pool.idle++;
    int r = 0;
    while (pool.first == NULL && pool.clients > 0 && (r == 0 || pool.threads <= USUAL_THREADS))
        r = pool.threads > USUAL_THREADS ? pthread_cond_timedwait(&some_work, &lock, &until)
                                         : pthread_cond_wait(&some_work, &lock);
    pool.idle--;
    return pool.first != NULL;
}

static void *work(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&lock);
    while (pool.first != NULL || await_work()) {
        struct hk__pool_item *item = take_first();
        pthread_mutex_unlock(&lock);
        item->result = hk__perform(&item->operation);
        give_and_tell(item);
        pthread_mutex_lock(&lock);
    }
    pool.gone[pool.gone_count++] = pthread_self();
    if (--pool.threads == 0) pthread_cond_broadcast(&nobody_left);
    pthread_mutex_unlock(&lock);
    return NULL;
}

/* Under the lock; each of these is past it. */
static void join_gone(void)
{
    while (pool.gone_count > 0) pthread_join(pool.gone[--pool.gone_count], NULL);
}

/* Signals are the business of the user's threads. */
static int start_thread(void)
{
    pthread_t thread;
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int r = pthread_create(&thread, NULL, work, NULL);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (r == 0) pool.threads++;
    return -r;
}

/* ---- clients ---- */

/* Under the lock. */
static int append(struct hk__pool_item *item)
{
    join_gone();
    if (pool.queued >= pool.idle && pool.threads < MOST_THREADS && start_thread() < 0 &&
        pool.threads == 0)
        return -ENOMEM;
    if (!item->client->joined && pool.clients++ == 0) pthread_cond_broadcast(&nobody_left);
    item->client->joined = true;
    item->next = NULL;
    *pool.last = item;
    pool.last = &item->next;
    pool.queued++;
    pthread_cond_signal(&some_work);
    return 0;
}

int hk__pool_submit(struct hk__pool_client *client, const hk__operation *operation,
                    hk__ticket ticket)
{
    struct hk__pool_item *item = malloc(sizeof *item);
    if (item == NULL) return -ENOMEM;
    *item = (struct hk__pool_item){ .client = client, .ticket = ticket, .operation = *operation };
    pthread_mutex_lock(&lock);
    int r = append(item);
    pthread_mutex_unlock(&lock);
    if (r < 0) free(item);
    return r;
}

static struct hk__pool_item *remove_queued(const struct hk__pool_client *client, hk__ticket ticket)
{
    for (struct hk__pool_item **link = &pool.first; *link != NULL; link = &(*link)->next) {
        struct hk__pool_item *item = *link;
        if (item->client != client || item->ticket.slot != ticket.slot ||
            item->ticket.generation != ticket.generation)
            continue;
        *link = item->next;
        if (pool.last == &item->next) pool.last = link;
        pool.queued--;
        return item;
    }
    return NULL;
}

bool hk__pool_cancel(struct hk__pool_client *client, hk__ticket ticket)
{
    if (!client->joined) return false;
    pthread_mutex_lock(&lock);
    struct hk__pool_item *item = remove_queued(client, ticket);
    pthread_mutex_unlock(&lock);
    if (item == NULL) return false;
    item->result = -ECANCELED;
    give_and_tell(item);
    return true;
}

void hk__pool_leave(struct hk__pool_client *client)
{
    if (!client->joined) return;
    while (__atomic_load_n(&client->workers, __ATOMIC_ACQUIRE) != 0) sched_yield();
    pthread_mutex_lock(&lock);
    if (--pool.clients == 0) pthread_cond_broadcast(&some_work);
    /* Another client may come meanwhile: then they stay. */
    while (pool.threads > 0 && pool.clients == 0) pthread_cond_wait(&nobody_left, &lock);
    join_gone();
    client->joined = false;
    pthread_mutex_unlock(&lock);
}

/* ---- forks ---- */

static void lock_before_fork(void) { pthread_mutex_lock(&lock); }
static void unlock_after_fork(void) { pthread_mutex_unlock(&lock); }

/* The child has no threads, and what was queued is the parent's. */
static void begin_anew(void)
{
    pthread_mutex_unlock(&lock);
    pthread_cond_init(&some_work, NULL);
    pthread_cond_init(&nobody_left, NULL);
    pool.first = NULL;
    pool.last = &pool.first;
    pool.queued = pool.idle = pool.threads = pool.clients = pool.gone_count = 0;
}

static __attribute__((constructor)) void watch_forks(void)
{
    pthread_atfork(lock_before_fork, unlock_after_fork, begin_anew);
}
