// netnotes/poll/epoll.hpp: waiting with epoll(7)
// SPDX-License-Identifier: MIT
//
// The kernel keeps the list of descriptors, and puts each descriptor that becomes ready on a second list. A wait looks
// at the second list only. So its cost depends on the active descriptors, not on all.
//
// On this page:  epoll_poller
// The notes:     epoll版-TCP服务器, epoll使用说明; example 21

#ifndef NETNOTES_POLL_EPOLL_HPP
#define NETNOTES_POLL_EPOLL_HPP

#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include "../ip/algorithm.hpp"
#include "../socket/time.hpp"
#include "interest.hpp"

namespace netnotes {

namespace detail {
static_assert(EPOLLIN == 0x1 && EPOLLPRI == 0x2 && EPOLLOUT == 0x4 && EPOLLERR == 0x8 && EPOLLHUP == 0x10 &&
              EPOLLRDHUP == 0x2000);
}  // namespace detail

/// Waits with epoll(7), on Linux. The number of descriptors is limited only by RLIMIT_NOFILE, memory, and
/// fs.epoll.max_user_watches; each descriptor takes about 160 bytes in the kernel. After a move only destruction and
/// assignment are allowed.
class epoll_poller : public detail::takes_objects<epoll_poller> {
  public:
    using takes_objects::add, takes_objects::modify, takes_objects::remove;
    static constexpr bool has_edge = true;  ///< add() and modify() accept trigger::edge
    /// The most events that a wait() returns. The next wait() returns the rest, before it repeats earlier events. This
    /// makes a server fast: a single system call returns a whole batch.
    static constexpr std::size_t batch = 128;

    /// Creates an empty poller. Throws std::system_error if no descriptor or memory is left.
    epoll_poller() : descriptor_{::epoll_create1(EPOLL_CLOEXEC)} {
        if (descriptor_ < 0) detail::throw_error(detail::last_error(), "epoll_create1");
    }
    epoll_poller(epoll_poller&& other) noexcept : descriptor_{std::exchange(other.descriptor_, -1)} {}
    epoll_poller& operator=(epoll_poller&& other) noexcept {
        std::swap(descriptor_, other.descriptor_);
        return *this;
    }
    ~epoll_poller() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }

    /// Adds a descriptor. Throws the errors of the concept poller. Also throws errc::operation_not_permitted for a
    /// regular file, which would always be ready.
    void add(int descriptor, interest what, std::uint64_t token, trigger how = trigger::level) {
        control(EPOLL_CTL_ADD, descriptor, what, token, how, "epoll add ");
    }
    /// Replaces the interest, the token and the trigger. A descriptor that is ready now is reported again, even with an
    /// edge trigger.
    void modify(int descriptor, interest what, std::uint64_t token, trigger how = trigger::level) {
        control(EPOLL_CTL_MOD, descriptor, what, token, how, "epoll modify ");
    }
    /// Removes a descriptor; does nothing if the poller does not have it. Closing a descriptor does not always remove
    /// it, because epoll watches the open file behind it. A duplicate (dup, fork) keeps the file open. The poller would
    /// then continue to report it, and no call could remove it.
    void remove(int descriptor) noexcept { ::epoll_ctl(descriptor_, EPOLL_CTL_DEL, descriptor, nullptr); }

    /// Waits for events; never returns early. `timeout` is rounded up to whole milliseconds, the unit of epoll_wait(2).
    /// A timeout above 24 days, the most that an int holds, is waited for in parts. Throws std::system_error if
    /// epoll_wait(2) fails.
    std::span<const event> wait(wait_time timeout) {
        for (detail::countdown time{timeout};;) {
            const int ready =
                ::epoll_wait(descriptor_, raw_.data(), static_cast<int>(raw_.size()), milliseconds(time.left()));
            if (ready < 0 && errno != EINTR) detail::throw_error(detail::last_error(), "epoll_wait");
            if (ready > 0 || (time.is_over() && ready == 0)) {
                for (std::size_t i = 0; i < static_cast<std::size_t>(ready); ++i)
                    events_[i] = {raw_[i].data.u64, static_cast<interest>(raw_[i].events)};  // has known flags only
                return {events_.data(), static_cast<std::size_t>(ready)};
            }
        }
    }

  private:
    static int milliseconds(duration timeout) noexcept {
        if (timeout == never) return -1;
        const auto rounded = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
        return static_cast<int>(detail::clamp<std::int64_t>(rounded, 0, std::numeric_limits<int>::max()));
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
        if (::epoll_ctl(descriptor_, operation, descriptor, &raw) != 0) {
            const std::error_code error = detail::last_error();
            detail::throw_error(error, attempt, std::to_string(descriptor));
        }
    }

    int descriptor_;
    std::array<epoll_event, batch> raw_{};
    std::array<event, batch> events_{};
};
static_assert(poller<epoll_poller>);

}  // namespace netnotes

#endif  // NETNOTES_POLL_EPOLL_HPP
