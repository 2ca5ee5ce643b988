/* SPDX-License-Identifier: MIT */
/* Threads as coroutines.
 *
 * Whoever resumes a coroutine is one, so a thread has an hk__stackful too: it drives whatever it
 * resumes, may not yield, and its stack is the system's. It is made when the thread first resumes a
 * coroutine. What the thread keeps for itself goes back when it ends, through a pthread key. */
#include "coro/thread.h"

#include <pthread.h>
#include <stdlib.h>

#include "coro/coro.h"
#include "coro/stack.h"

__thread hk__thread hk__here __attribute__((tls_model("initial-exec")));
static __thread hk__stackful self __attribute__((tls_model("initial-exec")));
static __thread bool watched __attribute__((tls_model("initial-exec")));

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static bool have_key;

/* The C++ runtime's record of the exceptions that this thread handles; not there in plain C. */
struct hk__cxx_exceptions *__cxa_get_globals(void) __attribute__((weak));

bool hk__thread_is(const hk_coro *co) { return co == &self.coro; }

/* Other destructors may run coroutines after this one: then it is called once more. */
static void end(void *unused)
{
    (void)unused;
    watched = false;
    hk__stack_thread_ends();
    hk__overflow_thread_ends();
    free(self.seldom.why);
    self.seldom.why = NULL;
}

static void make_key(void) { have_key = pthread_key_create(&key, end) == 0; }

/* Without a key, or without memory for its value, what is kept is lost with the thread: address
 * space, and memory of as many stacks as are hot. */
static void watch_end(void)
{
    watched = true;
    pthread_once(&once, make_key);
    if (have_key) pthread_setspecific(key, &self);
}

void hk__thread_watch_end(void)
{
    if (HK__UNLIKELY(!watched)) watch_end();
}

/* AddressSanitizer must know where the stack lies that it comes back to. */
static void find_own_stack(void)
{
#ifdef HK__ASAN
    pthread_attr_t attributes;
    void *low;
    size_t size, most = (size_t)1 << 31;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0) return;
    pthread_attr_getstack(&attributes, &low, &size);
    pthread_attr_destroy(&attributes);
    self.size = (uint32_t)(size < most ? size : most);
    self.stack = (char *)low + size - self.size;
#endif
}

static void begin(void)
{
    self.coro.state = HK__BOUND;
    self.coro.leaf = &self.coro;
    find_own_stack();
#ifdef HK__TSAN
    self.fiber = __tsan_get_current_fiber();
#endif
    if (__cxa_get_globals) hk__here.exceptions = __cxa_get_globals();
    hk__overflow_thread_begins();
    hk__thread_watch_end();
    hk__here.self = &self.coro;
}

hk_coro *hk__thread_enter(void)
{
    if (HK__UNLIKELY(hk__here.self == NULL)) begin();
    return hk__here.self;
}
