// netnotes/poll/poll.hpp: waiting with poll(2)
// SPDX-License-Identifier: MIT
//
// poll(2) is select(2) without the limit of 1,024: the program passes a list of descriptors at every call.
//
// On this page:  poll_poller
// The notes:     select 优缺点 (select, and what poll does better); example 27

#ifndef NETNOTES_POLL_POLL_HPP
#define NETNOTES_POLL_POLL_HPP

#include <poll.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <span>
#include <system_error>
#include <vector>

#include "../ip/algorithm.hpp"
#include "interest.hpp"

namespace netnotes {

namespace detail {
static_assert(POLLIN == 0x1 && POLLPRI == 0x2 && POLLOUT == 0x4 && POLLERR == 0x8 && POLLHUP == 0x10 &&
              POLLRDHUP == 0x2000);
}  // namespace detail

/// Waits with poll(2). Each entry of its list has the descriptor, the interest, and room for the answer, so the poller
/// copies nothing before a call. But the kernel checks every descriptor at every call.
///
/// add(), modify() and remove() take constant time. Only add() makes a system call, to check that the descriptor is
/// open. Only add() takes memory: 56 bytes for each descriptor, and 4 for each number up to the highest.
class poll_poller : public detail::takes_objects<poll_poller> {
  public:
    using takes_objects::add, takes_objects::modify, takes_objects::remove;
    static constexpr bool has_edge = false;  ///< add() and modify() refuse trigger::edge
    // There is no batch size: each wait() reports all ready descriptors.

    /// Creates an empty poller. It has no descriptor and no memory of its own yet.
    poll_poller() noexcept = default;
    poll_poller(poll_poller&&) noexcept = default;
    poll_poller& operator=(poll_poller&&) noexcept = default;

    /// Adds a descriptor. Throws the errors of the concept poller, or std::bad_alloc; then the poller is unchanged. A
    /// regular file is always ready.
    void add(int descriptor, interest what, std::uint64_t token, trigger how = trigger::level) {
        constexpr const char* attempt = "poll add ";
        detail::require_open(attempt, descriptor);  // so the number is not negative
        detail::require_no_edge(how, attempt, descriptor);
        const auto number = static_cast<std::size_t>(descriptor);
        if (place_of(descriptor) != nowhere) detail::refuse(EEXIST, attempt, descriptor);
        if (number >= places_.size()) places_.resize(number + 1, nowhere);
        const std::size_t size = watched_.size();
        if (size == watched_.capacity()) watched_.reserve(detail::max<std::size_t>(64, 2 * size));
        if (size == who_.capacity()) who_.reserve(watched_.capacity());
        // The caller may be in the middle of the last wait()'s events, so events_ must not move. Room for more events
        // is taken here, because wait() must not fail for lack of memory.
        if (detail::max(events_.size(), room_.size()) <= size) room_.resize(watched_.capacity());
        watched_.push_back({descriptor, to_raw(what), 0});
        who_.push_back({descriptor, how == trigger::one_shot, token});
        places_[number] = static_cast<std::uint32_t>(size);
    }
    /// Replaces the interest, the token and the trigger. It makes no system call and takes no memory. Throws the errors
    /// of the concept poller.
    void modify(int descriptor, interest what, std::uint64_t token, trigger how = trigger::level) {
        constexpr const char* attempt = "poll modify ";
        const std::uint32_t place = place_of(descriptor);
        if (place == nowhere) detail::refuse(ENOENT, attempt, descriptor);
        detail::require_no_edge(how, attempt, descriptor);
        watched_[place] = {descriptor, to_raw(what), 0};
        who_[place] = {descriptor, how == trigger::one_shot, token};
    }
    /// Removes a descriptor; does nothing if the poller does not have it. It makes no system call.
    void remove(int descriptor) noexcept {
        const std::uint32_t place = place_of(descriptor);
        if (place == nowhere) return;
        watched_[place] = watched_.back();  // the last entry fills the gap
        who_[place] = who_.back();
        places_[static_cast<std::size_t>(who_[place].descriptor)] = place;
        places_[static_cast<std::size_t>(descriptor)] = nowhere;
        watched_.pop_back();
        who_.pop_back();
    }

    /// Waits for events; never returns early. A descriptor that was closed before remove() is reported once as an error
    /// (POLLNVAL) and then removed. Throws std::system_error if poll(2) fails, for example because RLIMIT_NOFILE was
    /// lowered below the number of descriptors.
    std::span<const event> wait(wait_time timeout) {
        if (room_.size() > events_.size()) events_.swap(room_);
        for (detail::countdown time{timeout};;) {
            const timespec left = detail::to_timespec(time.left());
            const int ready =
                ::ppoll(watched_.data(), watched_.size(), time.left() == never ? nullptr : &left, nullptr);
            if (ready < 0 && errno != EINTR) detail::throw_error(detail::last_error(), "poll");
            if (ready > 0) return collect(static_cast<std::size_t>(ready));
            if (time.is_over() && ready == 0) return {};
        }
    }

  private:
    struct registration {
        int descriptor;  ///< also kept here, because a reported one-shot descriptor is -1 in watched_ until modify()
        bool one_shot;
        std::uint64_t token;
    };
    static constexpr std::uint32_t nowhere = ~std::uint32_t{0};
    static short to_raw(interest what) noexcept { return static_cast<short>(detail::to_bits(what)); }
    static interest from_raw(short raw) noexcept {
        const interest ready = detail::to_interest(static_cast<std::uint16_t>(raw));
        return (raw & POLLNVAL) != 0 ? ready | interest::error : ready;
    }
    std::uint32_t place_of(int descriptor) const noexcept {
        const auto number = static_cast<std::size_t>(descriptor);  // a negative number becomes larger than all others
        return number < places_.size() ? places_[number] : nowhere;
    }
    std::span<const event> collect(std::size_t ready) noexcept {
        std::size_t count = 0;
        for (std::size_t place = 0; count < ready && place < watched_.size();) {
            const short raw = watched_[place].revents;
            if (raw != 0) events_[count++] = {who_[place].token, from_raw(raw)};
            if ((raw & POLLNVAL) != 0) {
                remove(who_[place].descriptor);  // another descriptor has moved to this place: check it too
                continue;
            }
            if (raw != 0 && who_[place].one_shot) watched_[place].fd = -1;  // poll(2) ignores negative numbers
            ++place;
        }
        return {events_.data(), count};
    }

    std::vector<pollfd> watched_;        // the list for poll(2)
    std::vector<registration> who_;      // the token and trigger for the same index of watched_
    std::vector<std::uint32_t> places_;  // for each descriptor: its index in watched_ and who_
    std::vector<event> events_, room_;
};
static_assert(poller<poll_poller>);

}  // namespace netnotes

#endif  // NETNOTES_POLL_POLL_HPP
