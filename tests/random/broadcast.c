/* SPDX-License-Identifier: MIT */
/* Broadcast channels as they are meant. */
#include "random/random.h"

#include <errno.h>

enum { TOPICS = 2, LISTENERS = 4 };

static struct topic *topic_of(struct run *run, int listener)
{
    return &run->topic[listener % TOPICS];
}

/* Items that somebody has yet to receive. */
static int held(const struct run *run, int topic)
{
    const int next = run->topic[topic].next;
    int oldest = next;
    for (int i = topic; i < LISTENERS; i += TOPICS)
        if (run->listener[i].open && run->listener[i].at < oldest) oldest = run->listener[i].at;
    return next - oldest;
}

static bool has_listener(const struct run *run, int topic)
{
    for (int i = topic; i < LISTENERS; i += TOPICS)
        if (run->listener[i].open) return true;
    return false;
}

static struct listener *youngest_that_waits(struct run *run, int topic)
{
    struct listener *found = NULL;
    for (int i = topic; i < LISTENERS; i += TOPICS) {
        struct listener *l = &run->listener[i];
        if (l->open && l->receivers.count > 0 && l->at < run->topic[topic].next &&
            (found == NULL || l->since > found->since))
            found = l;
    }
    return found;
}

static void store(struct run *run, int topic, intptr_t item)
{
    struct topic *t = &run->topic[topic];
    if (!has_listener(run, topic)) return;
    t->item[t->next++ % 4] = item;
    for (struct listener *l; (l = youngest_that_waits(run, topic)) != NULL;) {
        l->at++;
        model_serve(run, &l->receivers, 1, item);
    }
}

/* There may be room. */
static void admit(struct run *run, int topic)
{
    struct topic *t = &run->topic[topic];
    while (t->senders.count > 0 && held(run, topic) < t->capacity) {
        const intptr_t item = model_item_of(t->senders.entry[0]);
        model_serve(run, &t->senders, 0, 0);
        store(run, topic, item);
    }
}

intptr_t broadcast_tell(struct run *run, int i, intptr_t item)
{
    if (run->topic[i].closed) return -EPIPE;
    if (held(run, i) == run->topic[i].capacity) return MUST_WAIT;
    store(run, i, item);
    return 0;
}

bool broadcast_is_ready(const struct run *run, int i)
{
    const struct listener *l = &run->listener[i];
    const struct topic *t = &run->topic[i % TOPICS];
    return !l->open || l->at < t->next || t->closed;
}

intptr_t broadcast_hear(struct run *run, int i, intptr_t *ret_item)
{
    struct listener *l = &run->listener[i];
    if (!broadcast_is_ready(run, i)) return MUST_WAIT;
    if (!l->open || l->at == topic_of(run, i)->next) return 0;
    *ret_item = topic_of(run, i)->item[l->at++ % 4];
    admit(run, i % TOPICS);
    return 1;
}

static void hush(struct run *run, int i)
{
    run->topic[i].closed = true;
    model_serve_all(run, &run->topic[i].senders, -EPIPE);
    for (int n = i; n < LISTENERS; n += TOPICS)
        model_serve_all(run, &run->listener[n].receivers, 0);
}

void broadcast_act(struct run *run, const struct stmt *s)
{
    struct listener *l = &run->listener[s->object];
    switch (s->op) {
    case OP_subscribe:
        l->open = true;
        l->since = ++run->subscriptions;
        l->at = topic_of(run, s->object)->next;
        hk_subscriber_open(&l->real, topic_of(run, s->object)->real);
        break;
    case OP_leave:
        l->open = false;
        model_serve_all(run, &l->receivers, 0);
        admit(run, s->object % TOPICS);
        hk_subscriber_close(&l->real);
        break;
    case OP_hush:
        hush(run, s->object);
        hk_broadcast_close(run->topic[s->object].real);
        break;
    default: break;
    }
}

void broadcast_withdraw(struct run *run, const struct task *t)
{
    for (int i = 0; i < TOPICS; i++) line_remove(&run->topic[i].senders, t);
    for (int i = 0; i < LISTENERS; i++) line_remove(&run->listener[i].receivers, t);
}

/* Two have listened from the beginning. */
void broadcast_open(struct run *run)
{
    for (int i = 0; i < TOPICS; i++) {
        run->topic[i].capacity = i + 1;
        hk_broadcast_open(&run->topic[i].real, (size_t)i + 1);
        broadcast_act(run, &(struct stmt){ .op = OP_subscribe, .object = i });
    }
}

void broadcast_close(struct run *run)
{
    intptr_t item;
    for (int i = 0; i < LISTENERS; i++)
        if (run->listener[i].real.raw.receivers.first != NULL)
            random_fail("somebody still waits for subscriber %d", i);
    for (int i = 0; i < TOPICS; i++) hk_broadcast_destroy(&run->topic[i].real);
    for (int i = 0; i < LISTENERS; i++)
        if (hk_subscriber_recv(&run->listener[i].real, &item) != 0)
            random_fail("subscriber %d hears of a channel that is gone", i);
}
