/* SPDX-License-Identifier: MIT */
/* Asio, without Boost: C++20 coroutines on its io_context and its epoll reactor.
 *
 * As the manual advises for speed in one thread: no locks (ASIO_CONCURRENCY_HINT_UNSAFE), and the
 * context's own executor in every type instead of the one that can be any. Channels are those of
 * asio::experimental; what can be sent or received without waiting is tried first. Asio has no
 * mutex for coroutines and no group of them: the one is a channel that holds a token, the other
 * counts completions and says the last one in a channel.
 *
 * Files need io_uring, which the distribution's Asio is built without: plain system calls then. */
#include "peer.h"

#include <asio.hpp>
#include <asio/experimental/channel.hpp>
#include <chrono>
#include <limits>
#include <memory>
#include <vector>

namespace
{

using asio::error_code;
using executor = asio::io_context::executor_type;
using task = asio::awaitable<void, executor>;
using asio::ip::tcp;
using socket_type = asio::basic_stream_socket<tcp, executor>;
using timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                         asio::wait_traits<std::chrono::steady_clock>, executor>;
using channel = asio::experimental::basic_channel<executor, asio::experimental::channel_traits<>,
                                                  void(error_code, long)>;

constexpr asio::use_awaitable_t<executor> use_awaitable;

asio::io_context context(ASIO_CONCURRENCY_HINT_UNSAFE);

/* Tasks that somebody waits for together. */
class group
{
    long left = 0;
    channel last{ context, 1 };

  public:
    void spawn(task t)
    {
        left++;
        asio::co_spawn(context, std::move(t), [this](std::exception_ptr e) {
            if (e) std::rethrow_exception(e);
            if (--left == 0) last.try_send(error_code{}, 0);
        });
    }

    auto join() { return last.async_receive(use_awaitable); }
};

/* Runs a task, and all that come of it, to the end. */
void run(task t)
{
    asio::co_spawn(context, std::move(t), [](std::exception_ptr e) {
        if (e) std::rethrow_exception(e);
    });
    context.restart();
    context.run();
}

/* ---- yield ---- */

template <int K> task yielder(long turns)
{
    for (long i = 0; i < turns; i++) {
        PEER_MARK(K);
        peer_tick();
        co_await asio::post(use_awaitable);
    }
}

void yield(long size, long count)
{
#define YIELDER(k) yielder<k>,
    task (*const bodies[])(long) = { PEER_EACH_SITE(YIELDER) };
    auto share = peer_plan(size, count);
    group all;
    for (long i = 0; i < size; i++) all.spawn(bodies[i % PEER_SITES](share.turns));
    context.run();
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
        for (long i = 0; i < size; i++) batch.spawn(add(sum, i));
        co_await batch.join();
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

/* ---- channels ---- */

task produce(channel &items, long count)
{
    for (long i = 0; i < count; i++)
        if (!items.try_send(error_code{}, i))
            co_await items.async_send(error_code{}, i, use_awaitable);
}

task consume(channel &items, long count, uint64_t &sum)
{
    auto take = [&sum](error_code, long item) { sum += (uint64_t)item; };
    for (long i = 0; i < count; i++)
        if (!items.try_receive(take)) sum += (uint64_t) co_await items.async_receive(use_awaitable);
}

uint64_t pump(long capacity, long count)
{
    uint64_t sum = 0;
    channel items(context, (size_t)capacity);
    group both;
    both.spawn(produce(items, count));
    both.spawn(consume(items, count, sum));
    context.restart();
    context.run();
    return sum;
}

void channel_buffered(long size, long count)
{
    pump(size, count / 10 + 1);
    peer_begin();
    uint64_t sum = pump(size, count);
    peer_end();
    peer_report(count, sum);
}

task ask(channel &there, channel &back, long count, long &ret)
{
    for (long n = 0; n < count; n += 2) {
        co_await there.async_send(error_code{}, n, use_awaitable);
        ret = co_await back.async_receive(use_awaitable);
    }
}

task answer(channel &there, channel &back, long count)
{
    for (long i = 0; i < count; i += 2) {
        long n = co_await there.async_receive(use_awaitable);
        co_await back.async_send(error_code{}, n + 1, use_awaitable);
    }
}

long ping_pong(long capacity, long count)
{
    long last = 0;
    channel there(context, (size_t)capacity), back(context, (size_t)capacity);
    group both;
    both.spawn(answer(there, back, count));
    both.spawn(ask(there, back, count, last));
    context.restart();
    context.run();
    return last;
}

void channel_handoff(long size, long count)
{
    count = peer_whole(count, 2);
    ping_pong(size, count / 10 + 1);
    peer_begin();
    long last = ping_pong(size, count);
    peer_end();
    peer_report(count, (uint64_t)last);
}

/* ---- mutex ---- */

task lock_by_turns(channel &mutex, long turns, long &counter)
{
    for (long i = 0; i < turns; i++) {
        co_await mutex.async_receive(use_awaitable);
        co_await asio::post(use_awaitable);
        counter++;
        peer_tick();
        mutex.try_send(error_code{}, 0);
    }
}

void mutex_handoff(long size, long count)
{
    auto share = peer_plan(size, count);
    long counter = -share.warm * size;
    channel mutex(context, 1);
    group all;
    mutex.try_send(error_code{}, 0);
    for (long i = 0; i < size; i++) all.spawn(lock_by_turns(mutex, share.turns, counter));
    context.run();
    peer_report(share.total, (uint64_t)counter);
}

/* ---- ring ---- */

task pass(channel &from, channel &to, long turns)
{
    for (long i = 0; i < turns; i++) {
        long token = co_await from.async_receive(use_awaitable);
        peer_tick();
        to.try_send(error_code{}, token + 1);
    }
}

void ring(long size, long count)
{
    auto share = peer_plan(size, count);
    std::vector<std::unique_ptr<channel>> from;
    group all;
    for (long k = 0; k < size; k++) from.push_back(std::make_unique<channel>(context, 1));
    for (long k = 0; k < size; k++)
        all.spawn(pass(*from[(size_t)k], *from[(size_t)((k + 1) % size)], share.turns));
    from[0]->try_send(error_code{}, -share.warm * size);
    context.run();
    uint64_t hops = 0;
    from[0]->try_receive([&hops](error_code, long token) { hops = (uint64_t)token; });
    peer_report(share.total, hops);
}

/* ---- skynet ---- */

task subtree(long first, long leaves, uint64_t &ret)
{
    if (leaves == 1) {
        ret = (uint64_t)first;
        co_return;
    }
    uint64_t said[10];
    group children;
    for (int i = 0; i < 10; i++)
        children.spawn(subtree(first + leaves / 10 * i, leaves / 10, said[i]));
    co_await children.join();
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

/* ---- timers ---- */

task sleep_once(long ms)
{
    int64_t start = peer_now();
    timer t(context, std::chrono::milliseconds(ms));
    co_await t.async_wait(use_awaitable);
    peer_woke(start, ms);
}

void timers(long size, long)
{
    uint64_t asked = 0;
    group all;
    peer_late_prepare(size);
    peer_begin();
    for (long i = 0; i < size; i++) {
        asked += (uint64_t)peer_sleep_ms(i);
        all.spawn(sleep_once(peer_sleep_ms(i)));
    }
    context.run();
    peer_end();
    peer_report_timers(asked);
}

/* ---- memory ---- */

task park(channel &never, long &parked)
{
    parked++;
    co_await never.async_receive(use_awaitable);
}

void memory(long size, long)
{
    long parked = 0;
    channel never(context);
    group all;
    peer_memory_begin();
    for (long i = 0; i < size; i++) all.spawn(park(never, parked));
    while (parked < size) context.run_one();
    peer_memory_end(size);
}

/* ---- files ---- */

task read_file(long i, uint64_t &sum)
{
    sum += peer_read_file(i);
    co_return;
}

void files(long size, long)
{
    uint64_t sum = 0;
    group all;
    peer_begin();
    for (long i = 0; i < size; i++) all.spawn(read_file(i, sum));
    context.run();
    peer_end();
    peer_report(size, sum);
}

/* ---- servers ---- */

task serve_echo(socket_type client)
{
    char buffer[PEER_BUFFER];
    error_code e;
    auto token = asio::redirect_error(use_awaitable, e);
    while (!e) {
        size_t n = co_await client.async_read_some(asio::buffer(buffer), token);
        if (!e) co_await asio::async_write(client, asio::buffer(buffer, n), token);
    }
}

task serve_http(socket_type client)
{
    char buffer[PEER_BUFFER];
    size_t used = 0, length;
    error_code e;
    auto token = asio::redirect_error(use_awaitable, e);
    while (!e && used < sizeof buffer) {
        used += co_await client.async_read_some(asio::buffer(buffer + used, sizeof buffer - used),
                                                token);
        const char *text = peer_http_answer(buffer, used, &length);
        if (e || !text) continue;
        co_await asio::async_write(client, asio::buffer(text, length), token);
        used = 0;
    }
}

task accept_all(task (*session)(socket_type))
{
    asio::basic_socket_acceptor<tcp, executor> listener(context);
    listener.assign(tcp::v4(), peer_listen());
    for (;;) {
        socket_type client = co_await listener.async_accept(use_awaitable);
        client.set_option(tcp::no_delay(true));
        asio::co_spawn(context, session(std::move(client)), asio::detached);
    }
}

void echo(long, long) { run(accept_all(serve_echo)); }
void http(long, long) { run(accept_all(serve_http)); }

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
    { "echo", echo },
    { "http", http },
    { nullptr, nullptr },
};

} /* namespace */

int main(int argc, char **argv) { return peer_main(argc, argv, rows); }
