/* SPDX-License-Identifier: MIT */
/* Boost.Fiber, with its default scheduler (round robin) on one thread.
 *
 * Stacks are fixedsize_stack of 16 KiB (the benches that Boost brings along have 8, too few for the
 * dynamic linker on a processor with AVX-512), and malloc is told not to give what is freed back to
 * the system: that was quicker in every row than pooled_fixedsize_stack, which the manual
 * recommends, and touches less memory. Only the row memory has the stacks that a program gets which
 * does not ask: default_stack, 128 KiB without a guard.
 *
 * The spinlocks inside are compiled in: the library of the distribution is built for many threads.
 * Files are read by plain system calls, for Boost.Fiber has nothing of its own for them. */
#include "peer.h"

#include <boost/fiber/all.hpp>
#include <chrono>
#include <malloc.h>
#include <memory>
#include <utility>
#include <vector>

namespace fibers = boost::fibers;

namespace
{

fibers::fixedsize_stack stacks(16 * 1024);

template <typename Function> fibers::fiber spawn(Function &&function)
{
    return fibers::fiber(std::allocator_arg, stacks, std::forward<Function>(function));
}

void join(std::vector<fibers::fiber> &all)
{
    for (auto &one : all) one.join();
    all.clear();
}

/* ---- yield ---- */

template <int K> void yielder(long turns)
{
    for (long i = 0; i < turns; i++) {
        PEER_MARK(K);
        peer_tick();
        boost::this_fiber::yield();
    }
}

void yield(long size, long count)
{
#define YIELDER(k) yielder<k>,
    void (*const bodies[])(long) = { PEER_EACH_SITE(YIELDER) };
    auto share = peer_plan(size, count);
    std::vector<fibers::fiber> all;
    all.reserve((size_t)size);
    for (long i = 0; i < size; i++)
        all.push_back(spawn([body = bodies[i % PEER_SITES], share] { body(share.turns); }));
    join(all);
    peer_report(share.total, (uint64_t)share.total);
}

/* ---- spawn and join ---- */

uint64_t spawn_batches(long size, long count)
{
    uint64_t sum = 0;
    std::vector<fibers::fiber> batch;
    batch.reserve((size_t)size);
    for (long done = 0; done < count; done += size) {
        for (long i = 0; i < size; i++) batch.push_back(spawn([&sum, i] { sum += (uint64_t)i; }));
        join(batch);
    }
    return sum;
}

void spawn_join(long size, long count)
{
    count = peer_whole(count, size);
    spawn_batches(size, count / 10);
    peer_begin();
    uint64_t sum = spawn_batches(size, count);
    peer_end();
    peer_report(count, sum);
}

/* ---- channels ---- */

uint64_t pump(long capacity, long count)
{
    fibers::buffered_channel<long> channel((size_t)capacity);
    uint64_t sum = 0;
    auto producer = spawn([&] {
        for (long i = 0; i < count; i++) channel.push(i);
        channel.close();
    });
    auto consumer = spawn([&] {
        long item;
        while (channel.pop(item) == fibers::channel_op_status::success) sum += (uint64_t)item;
    });
    producer.join();
    consumer.join();
    return sum;
}

void channel_buffered(long size, long count)
{
    if (size < 2 || (size & (size - 1)) != 0)
        peer_fail("Boost.Fiber's buffered channels have a capacity of 2, 4, 8, ...");
    pump(size, count / 10 + 1);
    peer_begin();
    uint64_t sum = pump(size, count);
    peer_end();
    peer_report(count, sum);
}

long ping_pong(long count)
{
    fibers::unbuffered_channel<long> there, back;
    long last = 0;
    auto a = spawn([&] {
        for (long i = 0; i < count; i += 2) {
            there.push(last);
            last = back.value_pop() + 1;
        }
        there.close();
    });
    auto b = spawn([&] {
        long n;
        while (there.pop(n) == fibers::channel_op_status::success) back.push(n + 1);
    });
    a.join();
    b.join();
    return last - 1;
}

void channel_handoff(long, long count)
{
    count = peer_whole(count, 2);
    ping_pong(count / 10 + 1);
    peer_begin();
    long last = ping_pong(count);
    peer_end();
    peer_report(count, (uint64_t)last);
}

/* ---- mutex ---- */

void mutex_handoff(long size, long count)
{
    auto share = peer_plan(size, count);
    fibers::mutex mutex;
    long counter = -share.warm * size;
    std::vector<fibers::fiber> all;
    for (long i = 0; i < size; i++)
        all.push_back(spawn([&] {
            for (long turn = 0; turn < share.turns; turn++) {
                std::unique_lock<fibers::mutex> lock(mutex);
                boost::this_fiber::yield();
                counter++;
                peer_tick();
            }
        }));
    join(all);
    peer_report(share.total, (uint64_t)counter);
}

/* ---- ring ---- */

void ring(long size, long count)
{
    auto share = peer_plan(size, count);
    using channel = fibers::buffered_channel<long>;
    std::vector<std::unique_ptr<channel>> from;
    for (long k = 0; k < size; k++) from.push_back(std::make_unique<channel>(2));
    std::vector<fibers::fiber> all;
    for (long k = 0; k < size; k++)
        all.push_back(spawn([&, k] {
            for (long turn = 0; turn < share.turns; turn++) {
                long token = from[(size_t)k]->value_pop();
                peer_tick();
                from[(size_t)((k + 1) % size)]->push(token + 1);
            }
        }));
    from[0]->push(-share.warm * size);
    join(all);
    peer_report(share.total, (uint64_t)from[0]->value_pop());
}

/* ---- skynet ---- */

/* Children run at once, and say what they have to say into a place that the parent joins for. */
uint64_t subtree(long first, long leaves)
{
    if (leaves == 1) return (uint64_t)first;
    uint64_t said[10], sum = 0;
    fibers::fiber children[10];
    for (int i = 0; i < 10; i++)
        children[i] =
            fibers::fiber(fibers::launch::dispatch, std::allocator_arg, stacks,
                          [=, &said] { said[i] = subtree(first + leaves / 10 * i, leaves / 10); });
    for (int i = 0; i < 10; i++) {
        children[i].join();
        sum += said[i];
    }
    return sum;
}

void skynet(long size, long count)
{
    uint64_t sum = 0;
    peer_begin();
    spawn([&] { sum = subtree(0, size); }).join();
    peer_end();
    peer_report(count, sum);
}

/* ---- timers ---- */

void timers(long size, long)
{
    uint64_t asked = 0;
    peer_late_prepare(size);
    std::vector<fibers::fiber> all;
    all.reserve((size_t)size);
    peer_begin();
    for (long i = 0; i < size; i++)
        all.push_back(spawn([i, &asked] {
            long ms = peer_sleep_ms(i);
            int64_t start = peer_now();
            asked += (uint64_t)ms;
            boost::this_fiber::sleep_for(std::chrono::milliseconds(ms));
            peer_woke(start, ms);
        }));
    for (auto &one : all) one.join();
    peer_end();
    peer_report_timers(asked);
}

/* ---- memory ---- */

void memory(long size, long)
{
    fibers::mutex mutex;
    fibers::condition_variable never;
    long parked = 0;
    peer_memory_begin();
    for (long i = 0; i < size; i++)
        fibers::fiber(std::allocator_arg, fibers::default_stack(), [&] {
            std::unique_lock<fibers::mutex> lock(mutex);
            parked++;
            never.wait(lock);
        }).detach();
    while (parked < size) boost::this_fiber::yield();
    peer_memory_end(size);
}

/* ---- files ---- */

void files(long size, long)
{
    uint64_t sum = 0;
    std::vector<fibers::fiber> all;
    all.reserve((size_t)size);
    peer_begin();
    for (long i = 0; i < size; i++) all.push_back(spawn([i, &sum] { sum += peer_read_file(i); }));
    join(all);
    peer_end();
    peer_report(size, sum);
}

const peer_row rows[] = {
    { "yield", yield },
    { "spawn_join", spawn_join },
    { "channel_buffered", channel_buffered },
    { "channel_handoff", channel_handoff },
    { "mutex_handoff", mutex_handoff },
    { "ring", ring },
    { "skynet", skynet },
    { "timers", timers },
    { "memory", memory },
    { "files", files },
    { nullptr, nullptr },
};

} /* namespace */

int main(int argc, char **argv)
{
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    mallopt(M_TOP_PAD, 64 << 20);
    return peer_main(argc, argv, rows);
}
