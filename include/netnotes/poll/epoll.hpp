// netnotes/poll/epoll.hpp: waiting with epoll(7)
// SPDX-License-Identifier: MIT
//
// The kernel keeps the list of descriptors, and a descriptor to which something happens puts itself on a list of the ready. So
// a wait costs what is active, and not what is connected.
//
// On this page:  epoll_poller
// The notes:     epoll版-TCP服务器, epoll使用说明; example 21

#ifndef NETNOTES_POLL_EPOLL_HPP
#define NETNOTES_POLL_EPOLL_HPP

#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include "interest.hpp"

namespace netnotes {

namespace detail {
static_assert(EPOLLIN == 0x1 && EPOLLPRI == 0x2 && EPOLLOUT == 0x4 && EPOLLERR == 0x8 && EPOLLHUP == 0x10 &&
              EPOLLRDHUP == 0x2000);
}  // namespace detail

/// epoll(7), Linux. No limit of its own on the number of descriptors; there are RLIMIT_NOFILE, memory, and
/// fs.epoll.max_user_watches, about 160 bytes each.
class epoll_poller {
  public:
    static constexpr bool has_edge = true;
    /// How many events one wait() brings at most; the rest comes with the next, before those that have been
    /// reported come again. One system call for a whole batch is half the secret of a fast server.
    static constexpr std::size_t batch = 128;

    /// Throws std::system_error when no descriptor is to be had.
    epoll_poller() : descriptor_{::epoll_create1(EPOLL_CLOEXEC)} {
        if (descriptor_ < 0) throw std::system_error{errno, std::system_category(), "epoll_create1"};
    }
    epoll_poller(epoll_poller&& other) noexcept : descriptor_{std::exchange(other.descriptor_, -1)} {}
    epoll_poller& operator=(epoll_poller&& other) noexcept {
        std::swap(descriptor_, other.descriptor_);
        return *this;
    }
    ~epoll_poller() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }

    /// errc::file_exists when it is there already, errc::operation_not_permitted for a regular file, which is
    /// always ready.
    void add(int descriptor, interest what, std::uint64_t token, trigger how = trigger::level) {
        control(EPOLL_CTL_ADD, descriptor, what, token, how, "epoll add ");
    }
    /// Changes what is waited for. Also looks anew: what is ready now is reported, by an edge trigger too.
    void modify(int descriptor, interest what, std::uint64_t token, trigger how = trigger::level) {
        control(EPOLL_CTL_MOD, descriptor, what, token, how, "epoll modify ");
    }
    /// Closing a descriptor does not always remove it: the interest belongs to the open file behind it, and a
    /// duplicate (dup, fork) keeps that alive. It would go on being reported, and could no longer be removed.
    void remove(int descriptor) noexcept { ::epoll_ctl(descriptor_, EPOLL_CTL_DEL, descriptor, nullptr); }

    /// Never returns early: time is rounded up to the next millisecond, the unit of epoll_wait(2), and what is
    /// longer than the 24 days that fit into its int is waited for in parts.
    std::span<const event> wait(wait_time timeout) {
        for (detail::countdown time{timeout};;) {
            const int ready =
                ::epoll_wait(descriptor_, raw_.data(), static_cast<int>(raw_.size()), milliseconds(time.left()));
            if (ready < 0 && errno != EINTR) throw std::system_error{errno, std::system_category(), "epoll_wait"};
            if (ready > 0 || (time.is_over() && ready == 0)) {
                for (std::size_t i = 0; i < static_cast<std::size_t>(ready); ++i)
                    events_[i] = {raw_[i].data.u64, static_cast<interest>(raw_[i].events)};  // no more than was asked
                return {events_.data(), static_cast<std::size_t>(ready)};
            }
        }
    }

  private:
    static int milliseconds(duration timeout) noexcept {
        if (timeout == never) return -1;
        const auto rounded = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
        return static_cast<int>(std::clamp<std::int64_t>(rounded, 0, std::numeric_limits<int>::max()));
    }
    static constexpr std::uint32_t to_raw(interest what, trigger how) noexcept {
        const std::uint32_t bits = how == trigger::edge       ? std::uint32_t{EPOLLET}
                                   : how == trigger::one_shot ? std::uint32_t{EPOLLONESHOT}
                                                              : 0u;
        return bits | detail::to_bits(what);
    }
    void control(int operation, int descriptor, interest what, std::uint64_t token, trigger how, const char* attempt) {
        epoll_event raw{};
        raw.events = to_raw(what, how);
        raw.data.u64 = token;
        if (::epoll_ctl(descriptor_, operation, descriptor, &raw) != 0)
            throw std::system_error{errno, std::system_category(), detail::joined(attempt, std::to_string(descriptor))};
    }

    int descriptor_;
    std::array<epoll_event, batch> raw_{};
    std::array<event, batch> events_{};
};
static_assert(poller<epoll_poller>);

}  // namespace netnotes

#endif  // NETNOTES_POLL_EPOLL_HPP
