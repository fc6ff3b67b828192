// What the tests of poll share: one test for select, poll and epoll alike, unless its name says otherwise.
// SPDX-License-Identifier: MIT

#pragma once

#include <netnotes/poll.hpp>

#include "../catch.hpp"
#include "../support.hpp"

#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <limits>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using net::interest, net::trigger, net::any_of;

static std::atomic<int> looks_at_the_clock{0};
// Not under a sanitizer, which has put its own function in that place, and looks at the clock before main() begins.
// Then the test that counts is skipped.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define WITH_THE_OWN_CLOCK
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define WITH_THE_OWN_CLOCK
#endif
#endif
#ifndef WITH_THE_OWN_CLOCK
/// In the place of the C library's, which the standard library's clocks call. The kernel's answer is the same.
extern "C" int clock_gettime(clockid_t which, timespec* time) noexcept {
    looks_at_the_clock.fetch_add(1, std::memory_order_relaxed);
    return static_cast<int>(::syscall(SYS_clock_gettime, which, time));
}
#endif

namespace poll_tests {

constexpr net::duration now{};

#define ON_EVERY_POLLER(name) TEMPLATE_TEST_CASE(name, "", net::select_poller, net::poll_poller, net::epoll_poller)
#define ON_SELECT_AND_POLL(name) TEMPLATE_TEST_CASE(name, "", net::select_poller, net::poll_poller)

/// As the first page of poll.hpp says: what select has no word for comes as readable or writable.
template <class Poller>
constexpr bool is_select = std::is_same_v<Poller, net::select_poller>;
template <class Poller>
const std::string name_of = is_select<Poller>  ? "select"
                            : Poller::has_edge ? "epoll"
                                               : "poll";

template <class Poller>
bool exists_for(trigger how) {
    return how != trigger::edge || Poller::has_edge;
}

/// The events of one wait, copied out of the poller.
template <class Poller>
std::vector<net::event> events_of(Poller& poller, net::duration timeout = now) {
    const auto events = poller.wait(timeout);
    return {events.begin(), events.end()};
}
/// Returns the readiness of the only event. Without an event the result is interest::none.
template <class Poller>
interest ready_of(Poller& poller, net::duration timeout = now) {
    const auto events = events_of(poller, timeout);
    REQUIRE(events.size() <= 1);
    return events.empty() ? interest::none : events[0].ready;
}
/// ... of one among others.
template <class Poller>
interest ready_of_token(Poller& poller, std::uint64_t token) {
    interest ready = interest::none;
    for (const net::event& happened : poller.wait(now))
        if (happened.token == token) ready |= happened.ready;
    return ready;
}
constexpr bool all_of(interest set, interest flags) {
    return (static_cast<unsigned>(set) & static_cast<unsigned>(flags)) == static_cast<unsigned>(flags);
}

inline std::size_t bytes_waiting(int descriptor) {
    int count = 0;
    REQUIRE(::ioctl(descriptor, FIONREAD, &count) == 0);
    return static_cast<std::size_t>(count);
}
/// A TCP peer's bytes have travelled when they can be counted here. (Bytes of a socket pair arrive at once.)
inline void wait_until_readable(const net::socket& stream) {
    std::error_code error;
    stream.wait(POLLIN, net::time_point::max(), error);
    REQUIRE_FALSE(error);
}
/// ... and the end of the stream, too.
inline void wait_until_done(const net::socket& stream) {
    std::error_code error;
    stream.wait(POLLRDHUP, net::time_point::max(), error);
    REQUIRE_FALSE(error);
}
inline void reset(net::socket stream) { stream.set_option(net::option::linger{0s}); }  // and closes it

/// An eventfd that is readable, or not: the smallest thing that can be waited for.
class flag {
  public:
    explicit flag(bool up) : descriptor_{::eventfd(up ? 1 : 0, EFD_NONBLOCK | EFD_CLOEXEC)} {
        if (descriptor_ < 0) throw std::system_error{errno, std::system_category(), "eventfd"};
    }
    flag(flag&& other) noexcept : descriptor_{std::exchange(other.descriptor_, -1)} {}
    flag& operator=(flag&&) = delete;
    ~flag() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    void raise() const { REQUIRE(::eventfd_write(descriptor_, 1) == 0); }
    void lower() const {
        eventfd_t value = 0;
        REQUIRE(::eventfd_read(descriptor_, &value) == 0);
    }
    [[nodiscard]] int native_handle() const { return descriptor_; }

  private:
    int descriptor_;
};

std::atomic<int> signals_seen{0};

/// Sends SIGUSR1 to the thread that made it, again and again, as long as it lives.
class signal_storm {
  public:
    signal_storm() {
        struct sigaction action {};
        action.sa_handler = [](int) { ++signals_seen; };
        REQUIRE(::sigaction(SIGUSR1, &action, &before_) == 0);
        sender_ = std::thread{[this, target = ::pthread_self()] {
            while (!done_) {
                ::pthread_kill(target, SIGUSR1);
                std::this_thread::sleep_for(2ms);  // a rhythm; nothing is won by it
            }
        }};
    }
    ~signal_storm() {
        done_ = true;
        sender_.join();
        ::sigaction(SIGUSR1, &before_, nullptr);
    }

  private:
    struct sigaction before_ {};
    std::atomic<bool> done_{false};
    std::thread sender_;
};

}  // namespace poll_tests

using namespace poll_tests;
