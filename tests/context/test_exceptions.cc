/* SPDX-License-Identifier: MIT */
/* C++ exceptions stay in their coroutine: those being handled, and those on their way. */
#include "harness/harness.h"

#include <exception>
#include <stdexcept>
#include <string>

#include <hocket/coro.h>

#include "support/tools.h"

/* Yields from a catch block, then throws again what it caught there. */
static void *catcher(void *arg)
{
    std::string name = static_cast<const char *>(arg);
    try {
        try {
            throw std::runtime_error(name);
        } catch (const std::runtime_error &) {
            CHECK(!hk_is_err(hk_yield(NULL)));
            CHECK(std::current_exception() != nullptr);
            throw;
        }
    } catch (const std::runtime_error &e) {
        CHECK_STR(e.what(), name.c_str());
        CHECK(!hk_is_err(hk_yield(NULL)));
        CHECK_STR(e.what(), name.c_str());
    }
    CHECK(std::current_exception() == nullptr);
    return NULL;
}

TEST(parked_in_catch_blocks)
{
    char names[3][8] = { "first", "second", "third" };
    hk_coro *co[3];
    for (int i = 0; i < 3; i++) co[i] = hk_coro_create(catcher, names[i], NULL);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 3; i++) {
            hk_coro *next = co[(i * 2 + round) % 3];
            CHECK_EQ(hk_coro_send(next, NULL).outcome, round < 2 ? HK_YIELDED : HK_RETURNED);
            CHECK(std::current_exception() == nullptr);
        }
    }
    for (int i = 0; i < 3; i++) CHECK_EQ(hk_coro_destroy(co[i]), 0);
}

/* A destructor that runs because of an exception, and yields. */
struct yields_when_unwound {
    ~yields_when_unwound()
    {
        CHECK_EQ(std::uncaught_exceptions(), 1);
        CHECK(!hk_is_err(hk_yield(NULL)));
        CHECK_EQ(std::uncaught_exceptions(), 1);
    }
};

static void *unwinder(void *arg)
{
    try {
        yields_when_unwound guard;
        throw 7;
    } catch (int seven) {
        CHECK_EQ(seven, 7);
    }
    return arg;
}

TEST(parked_while_unwinding)
{
    hk_coro *a = hk_coro_create(unwinder, NULL, NULL), *b = hk_coro_create(unwinder, NULL, NULL);
    CHECK_EQ(hk_coro_send(a, NULL).outcome, HK_YIELDED);
    CHECK_EQ(std::uncaught_exceptions(), 0);
    CHECK_EQ(hk_coro_send(b, NULL).outcome, HK_YIELDED);
    CHECK_EQ(hk_coro_send(a, NULL).outcome, HK_RETURNED);
    CHECK_EQ(hk_coro_send(b, NULL).outcome, HK_RETURNED);
    CHECK_EQ(hk_coro_destroy(a), 0);
    CHECK_EQ(hk_coro_destroy(b), 0);
}

/* A coroutine that is resumed in a catch block handles nothing. */
static void *onlooker(void *arg)
{
    CHECK(std::current_exception() == nullptr);
    return arg;
}

TEST(resumed_in_a_catch_block)
{
    hk_coro *co = hk_coro_create(onlooker, NULL, NULL);
    try {
        throw 1;
    } catch (int) {
        CHECK_EQ(hk_coro_send(co, NULL).outcome, HK_RETURNED);
        CHECK(std::current_exception() != nullptr);
    }
    CHECK_EQ(hk_coro_destroy(co), 0);
}

static void *thrower(void *) { throw std::runtime_error("out of the body"); }

TEST(exception_leaves_a_body, .aborts = "out of the body")
{
    hk_coro_send(hk_coro_create(thrower, NULL, NULL), NULL);
}
