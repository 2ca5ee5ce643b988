/* SPDX-License-Identifier: MIT */
/* rwlock: one queue for readers and writers, so that nobody overtakes.
 *
 *   number  of a wait: what it will be told when its turn comes */
#include "sync/sync.h"

#include "base/say.h"

static void owner_ended(hk__held *held);

/* Lets in whoever is next, and readers behind a reader. */
static void admit(hk_rwlock *l)
{
    for (hk_sync_call *c; l->writer.tid == 0 && (c = l->waiters.first) != NULL;) {
        bool writes = c->call.type == &hk__rwlock_write_type;
        if (writes && l->readers > 0) return;
        hk__queue_remove(&l->waiters, c);
        if (writes)
            hk__owner_set(&l->writer, hk_call_tid(&c->call));
        else
            l->readers++;
        hk__owner_watch(&l->writer, &l->waiters, owner_ended);
        hk__call_ends(&c->call, c->number);
    }
}

static void owner_ended(hk__held *held)
{
    hk_rwlock *l = HK_CONTAINER(held, hk_rwlock, writer.held);
    hk__owner_died(&l->writer, &l->waiters);
    admit(l);
}

static void enter(hk_call *call)
{
    hk_sync_call *c = hk__sync_of(call);
    hk_rwlock *l = c->object;
    c->number = 0;
    if (l->writer.tid == hk_call_tid(call)) {
        hk_call_complete(call, -EDEADLK);
        return;
    }
    if (hk__owner_is_gone(&l->writer, hk__sched_of(call))) {
        hk__owner_set(&l->writer, 0);
        c->number = -EOWNERDEAD;
    }
    hk__sync_park(c);
    hk__owner_watch(&l->writer, &l->waiters, owner_ended);
    if (l->waiters.first == c) admit(l);
}

void hk__rwlock_read_handle(hk_call *call) { enter(call); }
void hk__rwlock_write_handle(hk_call *call) { enter(call); }

int hk__rwlock_abort(hk_call *call)
{
    hk_rwlock *l = hk__sync_of(call)->object;
    hk__owner_leave(&l->writer, hk__sync_of(call));
    admit(l); /* readers, behind a writer that is gone */
    return HK_ABORTED;
}

int64_t hk__rwlock_owner(const hk_call *call)
{
    const hk_rwlock *l = hk__sync_of(call)->object;
    return l->writer.tid;
}

int hk_rwlock_read(hk_rwlock *l)
{
    if (l->writer.tid == 0 && l->waiters.first == NULL && hk__sched_quick() != NULL) {
        l->readers++;
        return 0;
    }
    return hk__sync_wait(&hk__rwlock_read_type, l);
}

int hk_rwlock_write(hk_rwlock *l)
{
    if (l->writer.tid == 0 && l->readers == 0 && hk__sched_quick() != NULL) {
        l->writer.tid = hk__here.self->root->tid;
        return 0;
    }
    return hk__sync_wait(&hk__rwlock_write_type, l);
}

static void unlock(hk_rwlock *l, const hk_sched *s, int64_t tid)
{
    if (l->writer.tid != 0 ? l->writer.tid != tid : l->readers == 0)
        hk__owner_misuse("rwlock", l->name, &l->writer, s, tid);
    if (l->writer.tid != 0)
        hk__owner_set(&l->writer, 0);
    else
        l->readers--;
    admit(l);
}

void hk__rwlock_unlock_handle(hk_call *call)
{
    unlock(hk__sync_of(call)->object, hk__sched_of(call), hk_call_tid(call));
    hk_call_complete(call, 0);
}

void hk_rwlock_unlock(hk_rwlock *l)
{
    const int64_t tid = hk__owner_here(&l->writer);
    if (tid != 0) {
        unlock(l, hk__here.sched, tid);
        return;
    }
    hk_sync_call call;
    hk_rwlock_unlock_prepare(&call, l);
    if (hk_trap(&call.call) == -ENOSYS) hk__owner_misuse("rwlock", l->name, &l->writer, NULL, 0);
}
