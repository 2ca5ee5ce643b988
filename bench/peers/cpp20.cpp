/* SPDX-License-Identifier: MIT */
/* C++20: the compiler makes coroutines without stacks, and a program brings the rest. Here that is
 * the least that deserves the names: a generator that can be sent to, tasks in groups, a queue of
 * those that are ready. So these rows are a floor for stackless coroutines; who adds timers,
 * channels and cancellation pays for them.
 *
 * One coroutine goes to the next one by symmetric transfer, without coming back to a loop. Frames
 * are kept for reuse, a list for each size, instead of going through malloc each time. */
#include "peer.h"

#include <array>
#include <coroutine>
#include <cstddef>
#include <new>
#include <utility>
#include <vector>

namespace
{

/* Where coroutine frames come from: lists of free ones, by sizes of 32 bytes. */
class frames
{
    struct block {
        block *next;
    };
    static constexpr size_t grain = 32, classes = 16;
    static inline std::array<block *, classes> free_blocks{};

  public:
    static void *take(size_t size)
    {
        size_t k = (size - 1) / grain;
        if (k >= classes) return ::operator new(size);
        block *b = free_blocks[k];
        if (!b) return ::operator new((k + 1) * grain);
        free_blocks[k] = b->next;
        return b;
    }

    static void give(void *memory, size_t size)
    {
        size_t k = (size - 1) / grain;
        if (k >= classes) return ::operator delete(memory);
        free_blocks[k] = new (memory) block{ free_blocks[k] };
    }
};

/* ---- generators ---- */

/* Yields values, and is sent values in turn. */
template <typename T> class generator
{
  public:
    struct promise_type {
        T yielded, sent;

        struct exchange {
            promise_type &promise;
            bool await_ready() noexcept { return false; }
            void await_suspend(std::coroutine_handle<>) noexcept {}
            T await_resume() noexcept { return promise.sent; }
        };

        generator get_return_object() { return generator(handle::from_promise(*this)); }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_always final_suspend() noexcept { return {}; }
        exchange yield_value(T value) noexcept
        {
            yielded = value;
            return { *this };
        }
        void return_void() {}
        void unhandled_exception() { throw; }
    };

    generator(generator &&other) noexcept : coroutine(std::exchange(other.coroutine, {})) {}
    generator &operator=(generator &&) = delete;
    ~generator()
    {
        if (coroutine) coroutine.destroy();
    }

    T send(T value)
    {
        coroutine.promise().sent = value;
        coroutine.resume();
        return coroutine.promise().yielded;
    }

  private:
    using handle = std::coroutine_handle<promise_type>;
    explicit generator(handle h) : coroutine(h) {}
    handle coroutine;
};

/* By macro: a template that yields is more than g++ 12 can bear. */
#define SUCCESSOR(k) \
    generator<uint64_t> successor_##k() \
    { \
        uint64_t v = co_yield 0; \
        for (;;) { \
            PEER_MARK(k); \
            v = co_yield v + 1; \
        } \
    }
PEER_EACH_SITE(SUCCESSOR)

uint64_t drive(std::vector<generator<uint64_t>> &generators, long count)
{
    uint64_t sum = 0;
    for (size_t i = 0, first = 0; i < (size_t)count; i += PEER_SITES) {
#define SEND(k) \
    PEER_MARK(k); \
    sum += generators[first + k].send(i + k);
        PEER_EACH_SITE(SEND)
        first = first + PEER_SITES < generators.size() ? first + PEER_SITES : 0;
    }
    return sum;
}

void send_yield(long size, long count)
{
    std::vector<generator<uint64_t>> generators;
    for (long i = 0; i < size; i += PEER_SITES) {
#define MAKE(k) generators.push_back(successor_##k());
        PEER_EACH_SITE(MAKE)
    }
    count = peer_whole(count, PEER_SITES);
    drive(generators, peer_whole(count / 10, PEER_SITES));
    peer_begin();
    uint64_t sum = drive(generators, count);
    peer_end();
    peer_report(count, sum);
}

/* ---- the scheduler ---- */

/* Coroutines that are ready, in the order in which they became so; a ring in one array. */
class ready_queue
{
    std::vector<std::coroutine_handle<>> ring{ 1024 };
    size_t first = 0, used = 0;

    void grow()
    {
        std::vector<std::coroutine_handle<>> larger(ring.size() * 2);
        for (size_t i = 0; i < used; i++) larger[i] = ring[(first + i) & (ring.size() - 1)];
        ring.swap(larger);
        first = 0;
    }

  public:
    void push(std::coroutine_handle<> h)
    {
        if (used == ring.size()) grow();
        ring[(first + used++) & (ring.size() - 1)] = h;
    }

    /* Whoever is next; if there is nobody, a coroutine that returns to run(). */
    std::coroutine_handle<> pop()
    {
        if (used == 0) return std::noop_coroutine();
        auto h = ring[first];
        first = (first + 1) & (ring.size() - 1);
        used--;
        return h;
    }

    void run()
    {
        while (used > 0) pop().resume();
    }
} ready;

struct yield_now {
    bool await_ready() noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> me)
    {
        ready.push(me);
        return ready.pop();
    }
    void await_resume() noexcept {}
};

/* Tasks that somebody waits for together. */
class group
{
    long left = 0;
    std::coroutine_handle<> waiter{};

  public:
    void enter() { left++; }

    /* A task ends; returns who runs next. */
    std::coroutine_handle<> leave()
    {
        return --left == 0 && waiter ? std::exchange(waiter, {}) : ready.pop();
    }

    bool await_ready() noexcept { return left == 0; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> me)
    {
        waiter = me;
        return ready.pop();
    }
    void await_resume() noexcept {}
};

/* A coroutine that belongs to a group, from when it is spawned until it ends and is gone. */
struct task {
    struct promise_type {
        group *home = nullptr;

        struct end {
            bool await_ready() noexcept { return false; }
            std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> me) noexcept
            {
                group *home = me.promise().home;
                me.destroy();
                return home->leave();
            }
            void await_resume() noexcept {}
        };

        static void *operator new(size_t size) { return frames::take(size); }
        static void operator delete(void *memory, size_t size) { frames::give(memory, size); }
        task get_return_object()
        {
            return { std::coroutine_handle<promise_type>::from_promise(*this) };
        }
        std::suspend_always initial_suspend() noexcept { return {}; }
        end final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() { throw; }
    };

    std::coroutine_handle<promise_type> coroutine;
};

void spawn(group &home, task t)
{
    home.enter();
    t.coroutine.promise().home = &home;
    ready.push(t.coroutine);
}

/* Runs a task, and all that come of it, to the end. */
void run(task t)
{
    group root;
    spawn(root, t);
    ready.run();
}

/* ---- yield ---- */

template <int K> task yielder(long turns)
{
    for (long i = 0; i < turns; i++) {
        PEER_MARK(K);
        peer_tick();
        co_await yield_now{};
    }
}

void yield(long size, long count)
{
#define YIELDER(k) yielder<k>,
    task (*const bodies[])(long) = { PEER_EACH_SITE(YIELDER) };
    auto share = peer_plan(size, count);
    group all;
    for (long i = 0; i < size; i++) spawn(all, bodies[i % PEER_SITES](share.turns));
    ready.run();
    peer_report(share.total, (uint64_t)share.total);
}

/* ---- spawn and join ---- */

task add(uint64_t &sum, long i)
{
    sum += (uint64_t)i;
    co_return;
}

task spawn_batches(long size, long count, uint64_t &sum)
{
    sum = 0;
    for (long done = 0; done < count; done += size) {
        group batch;
        for (long i = 0; i < size; i++) spawn(batch, add(sum, i));
        co_await batch;
    }
}

void spawn_join(long size, long count)
{
    uint64_t sum;
    count = peer_whole(count, size);
    run(spawn_batches(size, count / 10, sum));
    peer_begin();
    run(spawn_batches(size, count, sum));
    peer_end();
    peer_report(count, sum);
}

/* ---- skynet ---- */

task subtree(long first, long leaves, uint64_t &ret)
{
    if (leaves == 1) {
        ret = (uint64_t)first;
        co_return;
    }
    std::array<uint64_t, 10> said;
    group children;
    for (int i = 0; i < 10; i++)
        spawn(children, subtree(first + leaves / 10 * i, leaves / 10, said[(size_t)i]));
    co_await children;
    ret = 0;
    for (uint64_t one : said) ret += one;
}

void skynet(long size, long count)
{
    uint64_t sum = 0;
    peer_begin();
    run(subtree(0, size, sum));
    peer_end();
    peer_report(count, sum);
}

/* ---- memory ---- */

task park(long &parked)
{
    parked++;
    co_await std::suspend_always{};
}

void memory(long size, long)
{
    long parked = 0;
    group all;
    peer_memory_begin();
    for (long i = 0; i < size; i++) spawn(all, park(parked));
    ready.run();
    if (parked != size) peer_fail("only %ld tasks are parked", parked);
    peer_memory_end(size);
}

const peer_row rows[] = {
    { "send_yield", send_yield }, { "yield", yield },   { "spawn_join", spawn_join },
    { "skynet", skynet },         { "memory", memory }, { nullptr, nullptr },
};

} /* namespace */

int main(int argc, char **argv) { return peer_main(argc, argv, rows); }
