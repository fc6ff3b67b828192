// tests/coro/tasks.hpp: tasks, pipes and a receiving call that several tests of loops need

#pragma once

#include <netnotes/coro/descriptor.hpp>
#include <netnotes/coro/loop.hpp>

#include "../back_end.hpp"
#include "../support.hpp"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <memory>
#include <new>
#include <optional>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace net = netnotes;
using namespace std::chrono_literals;
using support::open_descriptors;


namespace coro_tests {

inline constexpr net::loop_options in_virtual_time{.virtual_time = true};

/// Counts how many of it live.
class counted {
  public:
    explicit counted(int& alive) : alive_{&alive} { ++*alive_; }
    counted(counted&& other) noexcept : alive_{std::exchange(other.alive_, nullptr)} {}
    ~counted() {
        if (alive_) --*alive_;
    }

  private:
    int* alive_;
};

/// Owns a descriptor.
class handle {
  public:
    explicit handle(int descriptor) : descriptor_{descriptor} { REQUIRE(descriptor_ >= 0); }
    handle(handle&& other) noexcept : descriptor_{std::exchange(other.descriptor_, -1)} {}
    ~handle() { close(); }
    void close() {
        if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
    }
    [[nodiscard]] int get() const { return descriptor_; }

  private:
    int descriptor_;
};
struct pipe_ends {
    handle read, write;
};
inline pipe_ends make_pipe() {
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) == 0);
    return {handle{ends[0]}, handle{ends[1]}};
}
inline void put(int descriptor, const std::string& text) {
    REQUIRE(::write(descriptor, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
}
/// What there is, until there is no more.
inline std::string get(int descriptor) {
    std::string all;
    std::array<char, 4'096> some{};
    for (;;) {
        const ssize_t got = ::read(descriptor, some.data(), some.size());
        if (got <= 0) return all;
        all.append(some.data(), static_cast<std::size_t>(got));
    }
}
/// Until it takes no more; how many.
inline std::size_t fill(int descriptor) {
    const std::string some(65'536, 'x');
    std::size_t all = 0;
    for (std::size_t size = some.size(); size > 0;) {
        const ssize_t taken = ::write(descriptor, some.data(), size);
        if (taken < 0)
            size /= 2;
        else
            all += static_cast<std::size_t>(taken);
    }
    return all;
}

/// A receiving call, as coro/stream.hpp has them: what has come is taken at once.
class reading final : public net::detail::io_operation {
  public:
    reading(net::detail::io_node& node, std::span<char> room) : io_operation{node, direction::read}, room_{room} {}
    std::size_t await_resume() const {
        if (error_ != 0) throw std::system_error{error_, std::system_category(), "read"};
        return size_;
    }

  private:
    bool attempt() noexcept override {
        return receive([&] { return ::read(node_.descriptor(), room_.data(), room_.size()); }, size_, room_.size());
    }
    std::span<char> room_;
    std::size_t size_ = 0;
};
using node_owner = std::unique_ptr<net::detail::io_node, net::detail::io_node::retire>;

inline bool is_cancelled(const std::system_error& error) { return error.code() == std::errc::operation_canceled; }

inline net::task<> nothing() { co_return; }
inline net::task<int> number(int value) { co_return value; }
inline net::task<int> number_after(net::duration time, int value) {
    co_await net::sleep_for(time);
    co_return value;
}
inline net::task<> fails_after(net::duration time, std::string why) {
    co_await net::sleep_for(time);
    throw std::runtime_error{why};
}
/// Sleeps until it is cancelled, and says so.
inline net::task<> waits_for_ever(bool& was_cancelled) {
    try {
        co_await net::sleep_for(net::never);
    } catch (const net::cancelled&) {
        was_cancelled = true;
        throw;
    }
}
inline net::task<> holds(counted) { co_await net::sleep_for(net::never); }

/// Makes a loop's next wait fail, for good: another file takes the place of its epoll descriptor, or of its ring.
inline void break_loop(int after) {
    for (int descriptor = after; descriptor < after + 8; ++descriptor) {
        std::error_code error;
        const auto what = std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(descriptor), error);
        const bool is_found =
            what.string().find("eventpoll") != std::string::npos || what.string().find("io_uring") != std::string::npos;
        if (error || !is_found) continue;
        const handle other{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
        REQUIRE(::dup3(other.get(), descriptor, O_CLOEXEC) == descriptor);
        return;
    }
    FAIL("no descriptor found that it waits with");
}
/// The number that the next descriptor will have.
inline int next_descriptor() {
    const handle probe{::eventfd(0, EFD_CLOEXEC)};
    return probe.get();
}

}  // namespace coro_tests

using namespace coro_tests;
