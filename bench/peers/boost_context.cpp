/* SPDX-License-Identifier: MIT */
/* Boost.Context: a switch, and nothing that decides who runs next. So it has one row, generators;
 * boost_fiber is the scheduler on top of it.
 *
 * The values go through a variable that both sides see, as the manual does it. Stacks are pooled
 * ones of 64 KiB; which stacks makes no difference to eight generators. */
#include "peer.h"

#include <boost/context/fiber.hpp>
#include <boost/context/pooled_fixedsize_stack.hpp>
#include <memory>
#include <utility>
#include <vector>

namespace context = boost::context;

namespace
{

struct generator {
    context::fiber fiber;
    uint64_t value;
};

template <int K> context::fiber body(context::fiber &&driver, generator &self)
{
    for (;;) {
        PEER_MARK(K);
        self.value++;
        driver = std::move(driver).resume();
    }
}

template <int K> void make(generator &self, context::pooled_fixedsize_stack &stacks)
{
    self.fiber = context::fiber(std::allocator_arg, stacks, [&self](context::fiber &&driver) {
        return body<K>(std::move(driver), self);
    });
}

template <int K> inline uint64_t send(generator &to, uint64_t value)
{
    PEER_MARK(K);
    to.value = value;
    to.fiber = std::move(to.fiber).resume();
    return to.value;
}

uint64_t drive(std::vector<generator> &generators, long count)
{
    uint64_t sum = 0;
    for (size_t i = 0, first = 0; i < (size_t)count; i += PEER_SITES) {
#define SEND(k) sum += send<k>(generators[first + k], i + k);
        PEER_EACH_SITE(SEND)
        first = first + PEER_SITES < generators.size() ? first + PEER_SITES : 0;
    }
    return sum;
}

void send_yield(long size, long count)
{
    if (size < 1) peer_fail("there must be a generator");
    size = peer_whole(size, PEER_SITES);
    context::pooled_fixedsize_stack stacks(64 * 1024);
    std::vector<generator> generators((size_t)size);
    for (size_t i = 0; i < generators.size(); i += PEER_SITES) {
#define MAKE(k) make<k>(generators[i + k], stacks);
        PEER_EACH_SITE(MAKE)
    }
    count = peer_whole(count, PEER_SITES);
    drive(generators, peer_whole(count / 10, PEER_SITES));
    peer_begin();
    uint64_t sum = drive(generators, count);
    peer_end();
    peer_report(count, sum);
}

const peer_row rows[] = { { "send_yield", send_yield }, { nullptr, nullptr } };

} /* namespace */

int main(int argc, char **argv) { return peer_main(argc, argv, rows); }
