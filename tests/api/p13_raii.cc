/* SPDX-License-Identifier: MIT */
/* 13. C++: RAII and lambdas over the C header; what <hocket.hpp> would hold, then a program. */
#include <hocket.h>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

namespace hk
{
inline intptr_t check(intptr_t r)
{
    if (r < 0) throw std::system_error(int(-r), std::generic_category(), hk_why());
    return r;
}

class group
{
    hk_group g_;

  public:
    explicit group(const hk_group_options *o = nullptr) { hk_group_open(&g_, o); }
    ~group() { hk_group_leave(&g_); } // also on exceptions: children are gone before the frame is
    group(const group &) = delete;
    // the lambda lives on the heap: it may own things
    template <class F> hk_tid go(F f)
    {
        auto *p = new F(std::move(f));
        hk_coro_options o{};
        // the body never ran: what it owns is still freed
        o.arg_release = [](void *a) { delete static_cast<F *>(a); };
        hk_tid tid = hk_spawn_with(
            &g_,
            [](void *a) -> void * {
                std::unique_ptr<F> f(static_cast<F *>(a));
                try {
                    (*f)();
                    return nullptr;
                } catch (const std::system_error &e) {
                    return hk_val(hk_fail(-e.code().value(), "%s", e.what()));
                } catch (const std::exception &e) {
                    return hk_val(hk_fail(-EPROTO, "%s", e.what()));
                }
            },
            p, &o);
        return hk_tid(check(tid)); // spawn failed: arg_release has run
    }
    void close(intptr_t r = 0) { check(hk_group_close(&g_, r)); }
};
class fd
{
    int fd_;

  public:
    explicit fd(int f) : fd_(int(check(f))) {}
    fd(fd &&o) noexcept : fd_(std::exchange(o.fd_, -1)) {}
    ~fd()
    {
        if (fd_ >= 0) hk_close(fd_);
    }
    operator int() const { return fd_; }
};
} // namespace hk

static void *fetch_two(void *)
{
    std::string a, b;
    auto fetch = [](const char *where, std::string *out) {
        hk::fd s(hk_net_dial(where));
        char buf[1024];
        while (auto n = hk::check(hk_read(s, buf, sizeof buf))) out->append(buf, size_t(n));
    };
    hk::group g;
    g.go([&] { fetch("tcp:a:80", &a); });
    g.go([&] { fetch("tcp:b:80", &b); });
    g.close();
    hk_chan_of<int> sizes;
    hk_chan_open(&sizes, 2);
    int n = int(a.size() + b.size());
    return hk_val(hk_chan_send(sizes, &n));
}
int main() { return hk_run(fetch_two, nullptr, nullptr) < 0; }
