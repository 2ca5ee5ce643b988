/* SPDX-License-Identifier: MIT */
/* C++: a generator is a range, and its cleanup is destructors.
 *
 * The header is C; what C++ adds is thirty lines. `generator` owns a coroutine made of a lambda
 * and can be read by a range-for. Leaving that loop early closes the coroutine: its yield returns
 * false, its body returns, and every object on its stack is destroyed on the way, as in any
 * function. An exception must not leave a body: it would have nowhere to go on that stack. */
#include <hocket.h>

#include <cstdio>
#include <new>
#include <string>
#include <utility>

template <class F> class generator
{
  public:
    explicit generator(F f) : body(std::move(f)), co(hk_coro_create(run, this, nullptr))
    {
        if (co == nullptr) throw std::bad_alloc();
    }
    generator(const generator &) = delete; /* the coroutine knows our address */
    ~generator() { hk_coro_leave(&co); }

    struct end_t {
    };
    class iterator
    {
      public:
        explicit iterator(hk_coro *source) : co(source) { ++*this; }
        iterator &operator++()
        {
            more = hk_coro_next(co, &item) > 0;
            return *this;
        }
        int operator*() const { return int(hk_num(item)); }
        bool operator!=(end_t) const { return more; }

      private:
        hk_coro *co;
        void *item = nullptr;
        bool more = false;
    };
    iterator begin() { return iterator(co); }
    end_t end() { return {}; }

  private:
    static void *run(void *self)
    {
        static_cast<generator *>(self)->body();
        return nullptr;
    }
    F body;
    hk_coro *co;
};

/* true: go on; false: nobody reads any more. */
static bool give(int n) { return !hk_is_err(hk_yield(hk_val(n))); }

struct guard {
    std::string name;
    ~guard() { std::printf("%s is destroyed\n", name.c_str()); }
};

int main()
{
    int first = 1;
    generator fibonacci([&] {
        guard g{ "an object on the coroutine's stack" };
        for (int a = first, b = 1; give(a); b += std::exchange(a, b)) {}
    });
    for (int n : fibonacci) {
        if (n > 50) break;
        std::printf("%d\n", n);
    }
    std::puts("enough");
}
