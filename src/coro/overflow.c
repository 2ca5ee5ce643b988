/* SPDX-License-Identifier: MIT */
/* A stack overflow is told in one line that says whose, how large the stack was, and what to do.
 *
 * A fault in the guard page of the coroutine that runs is an overflow; what the kernel calls it is
 * no help, since it differs with the kind of guard. The handler needs a stack of its own, so each
 * thread that resumes coroutines gets one, unless it has one already. After the line the fault goes
 * where it would have gone without us: to the handler that was there before, or to the default
 * action, which leaves a core where it happened. */
#include "coro/thread.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include "base/say.h"
#include "coro/coro.h"
#include "coro/slab.h"

enum { HANDLER_ROOM = 32 * 1024 };

static struct sigaction before[2]; /* of SIGSEGV and SIGBUS */
static __thread char *alternate __attribute__((tls_model("initial-exec")));

static bool is_overflow(const char *address)
{
    hk_coro *self = hk__here.self;
    if (!self) return false;
    hk__stackful *owner = hk__stack_owner(self);
    if (hk__thread_is(&owner->coro) || owner->size < HK__STACK_LEAST) return false;
    return (uintptr_t)address - (uintptr_t)owner->stack < hk__page_size();
}

static const char *name_of(const hk_coro *co, const char *otherwise)
{
    const char *name = hk__name_given(co);
    return name ? name : otherwise;
}

static void report(void)
{
    hk__stackful *owner = hk__stack_owner(hk__here.self);
    const hk_coro *co = &owner->coro, *root = co->root;
    const char *advice = "give it more with hk_coro_options.stack";
    unsigned kib = owner->size / 1024;
    if (co->tid)
        hk__say("stack overflow in task %lld '%s' (%u KiB): %s", (long long)co->tid,
                name_of(co, "task"), kib, advice);
    else if (root && root->tid)
        hk__say("stack overflow in coroutine '%s' of task %lld '%s' (%u KiB): %s",
                name_of(co, "coroutine"), (long long)root->tid, name_of(root, "task"), kib, advice);
    else
        hk__say("stack overflow in coroutine '%s' (%u KiB): %s", name_of(co, "coroutine"), kib,
                advice);
}

/* A fault happens again when we return, so that its core shows the place; a signal that was sent
 * does not, and is sent again. */
static void pass_on(int sig, siginfo_t *info, void *context)
{
    struct sigaction *old = &before[sig == SIGBUS];
    bool sent = info->si_code <= 0;
    if (old->sa_flags & SA_SIGINFO) {
        old->sa_sigaction(sig, info, context);
    } else if (old->sa_handler == SIG_IGN && sent) {
        return;
    } else if (old->sa_handler == SIG_DFL || old->sa_handler == SIG_IGN) {
        sigaction(sig, old, NULL);
        if (sent) raise(sig);
    } else {
        old->sa_handler(sig);
    }
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
    if (info->si_code > 0 && is_overflow(info->si_addr)) report();
    pass_on(sig, info, context);
}

/* With the mask and the flags that the old handler expects, since it is called from ours. */
static void install(void)
{
    static const int signals[] = { SIGSEGV, SIGBUS };
    for (int i = 0; i < 2; i++) {
        if (sigaction(signals[i], NULL, &before[i]) < 0) continue;
        struct sigaction ours = { .sa_sigaction = on_fault, .sa_mask = before[i].sa_mask };
        ours.sa_flags = SA_SIGINFO | SA_ONSTACK | (before[i].sa_flags & (SA_NODEFER | SA_RESTART));
        sigaction(signals[i], &ours, NULL);
    }
}

static size_t alternate_size(void)
{
    size_t page = hk__page_size(), frame = getauxval(AT_MINSIGSTKSZ);
    if (frame < (size_t)MINSIGSTKSZ) frame = (size_t)MINSIGSTKSZ;
    return (frame + HANDLER_ROOM + page - 1) & ~(page - 1);
}

void hk__overflow_thread_begins(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    stack_t now;
    pthread_once(&once, install);
    if (alternate || sigaltstack(NULL, &now) < 0 || !(now.ss_flags & SS_DISABLE)) return;
    size_t page = hk__page_size(), size = alternate_size();
    char *low = mmap(NULL, page + size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (low == MAP_FAILED) return;
    stack_t ours = { .ss_sp = low + page, .ss_size = size };
    if (mprotect(low, page, PROT_NONE) < 0 || sigaltstack(&ours, NULL) < 0) {
        munmap(low, page + size);
        return;
    }
    alternate = low;
    hk__thread_watch_end();
}

/* Somebody may have replaced it meanwhile: then it is not ours to disable. */
void hk__overflow_thread_ends(void)
{
    stack_t now, none = { .ss_flags = SS_DISABLE };
    if (!alternate) return;
    size_t page = hk__page_size();
    if (sigaltstack(NULL, &now) == 0 && now.ss_sp == alternate + page) sigaltstack(&none, NULL);
    munmap(alternate, page + alternate_size());
    alternate = NULL;
}
