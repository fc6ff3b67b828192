// netnotes/poll/select.hpp: waiting with select(2)
// SPDX-License-Identifier: MIT
//
// The oldest way, and every system has it: three sets of bits in, three sets of bits out, at most 1,024 descriptors.
//
// On this page:  select_poller
// The notes:     select原理, select 优缺点; example 19

#ifndef NETNOTES_POLL_SELECT_HPP
#define NETNOTES_POLL_SELECT_HPP

#include <fcntl.h>
#include <sys/select.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <span>
#include <system_error>
#include <utility>

#include "interest.hpp"

namespace netnotes {

/// select(2): in every system, and for few descriptors. It is handed three sets of bits, and writes its answer over
/// them; so they are copied for each call.
///
/// The sets have FD_SETSIZE bits, 1024 with glibc on every machine. (Not 2048 where there are 64 bits, as the notes
/// have it; and /proc/sys/fs/file-max, to which they refer, is how many files the whole system may have open. Nor does
/// a macro or another kernel raise it: the kernel has no limit, glibc's fd_set is as large as it is.) What has to be
/// below is the *number* of each descriptor, not their count: a program that has 1100 files open cannot wait for one
/// socket that it opens then. And nothing stops a program that tries: FD_SET writes beyond the end of the set, and what
/// was there is lost. Here add() refuses.
///
/// No memory is taken after it is made; about 25 kB.
class select_poller {
  public:
    static constexpr bool has_edge = false;
    /// One wait() reports all that is ready, so that none can hide behind the others.
    static constexpr std::size_t batch = FD_SETSIZE;

    select_poller() noexcept = default;
    select_poller(select_poller&& other) noexcept : list_{std::exchange(other.list_, {})} {}
    select_poller& operator=(select_poller&& other) noexcept {
        std::swap(list_, other.list_);
        return *this;
    }

    /// errc::value_too_large from FD_SETSIZE on. A regular file is always ready. See poller for the rest.
    void add(int descriptor, interest what, std::uint64_t token, trigger how = trigger::level) {
        constexpr const char* attempt = "select add ";
        if (descriptor >= FD_SETSIZE) refuse_number(attempt, descriptor);
        detail::require_open(attempt, descriptor);
        detail::require_no_edge(how, attempt, descriptor);
        if (FD_ISSET(descriptor, &list_.present)) detail::refuse(EEXIST, attempt, descriptor);
        FD_SET(descriptor, &list_.present);
        list_.end = std::max(list_.end, descriptor + 1);
        set(descriptor, what, token, how);
    }
    /// No system call, and no allocation: it changes some bits, which the next wait() takes along.
    void modify(int descriptor, interest what, std::uint64_t token, trigger how = trigger::level) {
        constexpr const char* attempt = "select modify ";
        if (!is_present(descriptor)) detail::refuse(ENOENT, attempt, descriptor);
        detail::require_no_edge(how, attempt, descriptor);
        set(descriptor, what, token, how);
    }
    void remove(int descriptor) noexcept {
        if (!is_present(descriptor)) return;
        ask_for(descriptor, interest::none);
        FD_CLR(descriptor, &list_.present);
        while (list_.end > 0 && !FD_ISSET(list_.end - 1, &list_.present)) --list_.end;
    }

    /// Never returns early. A descriptor that was closed without remove() makes select(2) fail as a whole (EBADF):
    /// it is looked for, reported once as an error, and forgotten.
    std::span<const event> wait(wait_time timeout) {
        for (detail::countdown time{timeout};;) {
            sets found = list_.asked;
            const timespec left = detail::to_timespec(time.left());
            const int ready = ::pselect(list_.end, &found.read, &found.write, &found.urgent,
                                        time.left() == never ? nullptr : &left, nullptr);
            if (ready < 0 && errno != EINTR && errno != EBADF)
                throw std::system_error{errno, std::system_category(), "select"};
            const std::size_t count = ready > 0 ? collect(found, ready) : ready < 0 && errno == EBADF ? forget() : 0;
            if (count > 0 || (time.is_over() && ready == 0)) return {events_.data(), count};
        }
    }

  private:
    struct sets {
        fd_set read{}, write{}, urgent{};
    };
    struct list {
        sets asked;
        fd_set present{}, one_shot{};
        int end = 0;  ///< one above the highest descriptor, where select(2) may stop looking
        std::array<std::uint64_t, FD_SETSIZE> tokens{};
    };

    [[noreturn]] static void refuse_number(const char* attempt, int descriptor) {
        static_assert(FD_SETSIZE == 1024, "the text below, and the first page, name the number");
        detail::refuse(EOVERFLOW, attempt, descriptor, ": a descriptor must be below FD_SETSIZE, 1024");
    }
    bool is_present(int descriptor) const noexcept {
        return descriptor >= 0 && descriptor < FD_SETSIZE && FD_ISSET(descriptor, &list_.present);
    }
    static void put(int descriptor, bool member, fd_set& set) noexcept {
        if (member)
            FD_SET(descriptor, &set);
        else
            FD_CLR(descriptor, &set);
    }
    void ask_for(int descriptor, interest what) noexcept {
        put(descriptor, any_of(what, interest::read), list_.asked.read);
        put(descriptor, any_of(what, interest::write), list_.asked.write);
        put(descriptor, any_of(what, interest::urgent), list_.asked.urgent);
    }
    void set(int descriptor, interest what, std::uint64_t token, trigger how) noexcept {
        ask_for(descriptor, what);
        put(descriptor, how == trigger::one_shot, list_.one_shot);
        list_.tokens[static_cast<std::size_t>(descriptor)] = token;
    }
    /// `left` counts down select's answer, the bits that are set in all three sets.
    std::size_t collect(const sets& found, int left) noexcept {
        std::size_t count = 0;
        for (int descriptor = 0; left > 0 && descriptor < list_.end; ++descriptor) {
            interest ready = interest::none;
            if (FD_ISSET(descriptor, &found.read)) ready |= interest::read, --left;
            if (FD_ISSET(descriptor, &found.write)) ready |= interest::write, --left;
            if (FD_ISSET(descriptor, &found.urgent)) ready |= interest::urgent, --left;
            if (ready == interest::none) continue;
            events_[count++] = {list_.tokens[static_cast<std::size_t>(descriptor)], ready};
            if (FD_ISSET(descriptor, &list_.one_shot)) ask_for(descriptor, interest::none);
        }
        return count;
    }
    std::size_t forget() noexcept {
        std::size_t count = 0;
        for (int descriptor = list_.end - 1; descriptor >= 0; --descriptor) {
            if (!FD_ISSET(descriptor, &list_.present) || ::fcntl(descriptor, F_GETFD) >= 0) continue;
            events_[count++] = {list_.tokens[static_cast<std::size_t>(descriptor)], interest::error};
            remove(descriptor);
        }
        return count;
    }

    list list_;
    std::array<event, batch> events_{};
};
static_assert(poller<select_poller>);

}  // namespace netnotes

#endif  // NETNOTES_POLL_SELECT_HPP
