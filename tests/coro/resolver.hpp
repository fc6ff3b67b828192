// tests/coro/resolver.hpp: a resolver of the test's own. It answers for *.test, when it is told to. Link with --wrap=getaddrinfo

#pragma once

#include <netnotes/coro/connect.hpp>
#include <netnotes/coro/lookup.hpp>

#include "../back_end.hpp"
#include "../support.hpp"

#include <sys/resource.h>
#include <sys/wait.h>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace net = netnotes;
using namespace std::chrono_literals;
using support::open_descriptors;


namespace coro_tests {

/// What the resolver does, and what it was asked.
inline class {
  public:
    /// How many must be at work at a time before any of them answers.
    void hold(int until_so_many) {
        std::unique_lock lock{mutex_};
        is_open_ = true;
        changed_.notify_all();
        changed_.wait(lock, [this] { return inside_ == 0; });  // those whom the last test has abandoned
        threshold_ = until_so_many;
        inside_ = most_ = asked_ = 0;
        is_open_ = until_so_many == 0;
    }
    void let_go() {
        const std::lock_guard lock{mutex_};
        is_open_ = true;
        changed_.notify_all();
    }
    void enter() {
        std::unique_lock lock{mutex_};
        ++asked_;
        most_ = std::max(most_, ++inside_);
        if (threshold_ > 0 && inside_ >= threshold_) is_open_ = true;
        changed_.notify_all();
        changed_.wait(lock, [this] { return is_open_; });
        --inside_;
        changed_.notify_all();
    }
    void wait_until_inside(int so_many) {
        std::unique_lock lock{mutex_};
        changed_.wait(lock, [&] { return inside_ >= so_many; });
    }
    [[nodiscard]] int most() {
        const std::lock_guard lock{mutex_};
        return most_;
    }
    [[nodiscard]] int asked() {
        const std::lock_guard lock{mutex_};
        return asked_;
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    int threshold_ = 0, inside_ = 0, most_ = 0, asked_ = 0;
    bool is_open_ = true;
} resolver;

inline const std::map<std::string, std::vector<const char*>> hosts{
    {"one.test", {"192.0.2.1"}},
    {"both.test", {"2001:db8::1", "2001:db8::2", "192.0.2.1"}},
    {"here.test", {"127.0.0.2", "127.0.0.1"}},
};

}  // namespace coro_tests

using namespace coro_tests;

extern "C" {
int __real_getaddrinfo(const char*, const char*, const addrinfo*, addrinfo**);
int __wrap_getaddrinfo(const char* host, const char* service, const addrinfo* hints, addrinfo** found) {
    const std::string name = host ? host : "";
    if (!name.ends_with(".test")) return __real_getaddrinfo(host, service, hints, found);
    resolver.enter();
    const auto known = hosts.find(name);
    if (known == hosts.end()) return EAI_NONAME;
    addrinfo** end = found;
    for (const char* address : known->second) {
        if (const int error = __real_getaddrinfo(address, service, hints, end)) return error;
        while (*end) end = &(*end)->ai_next;
    }
    return 0;
}
}

namespace coro_tests {

struct end_of_task {
    std::error_code code;
    std::string what;
};
template <class T>
inline net::task<end_of_task> end_of(net::task<T> what) {
    end_of_task end;
    try {
        co_await std::move(what);
    } catch (const net::cancelled&) {
        end = end_of_task{std::make_error_code(std::errc::operation_canceled), "cancelled"};
    } catch (const std::system_error& error) {
        end = end_of_task{error.code(), error.what()};
    }
    co_return end;
}

/// A server that does not answer: its queue is full, and the kernel drops what comes.
class silent_server {
  public:
    explicit silent_server(const std::string& address)
        : listener_{support::listening(net::ip_address{address}, 0)}, inside_{support::client_of(listener_)} {}
    [[nodiscard]] net::endpoint where() const { return listener_.local_endpoint().ip(); }

  private:
    net::socket listener_, inside_;
};

/// A port at which nobody listens, and nobody else can: it is bound.
class closed_port {
  public:
    explicit closed_port(const std::string& address) : bound_{net::address_family::inet, net::socket_type::stream} {
        bound_.bind(net::endpoint{net::ip_address{address}, 0});
    }
    [[nodiscard]] net::endpoint where() const { return bound_.local_endpoint().ip(); }

  private:
    net::socket bound_;
};

inline net::endpoint nobody_yet() { return {net::ip_address{"127.0.0.1"}, 0}; }

using endpoints = std::vector<net::endpoint>;

}  // namespace coro_tests
