// netnotes/poll/select.hpp: waiting with select(2)
// SPDX-License-Identifier: MIT
//
// select(2) is the oldest of the three calls, and every system has it. The program passes three sets of bits and gets
// three sets back. Descriptors must be below 1,024.
//
// On this page:  select_poller
// The notes:     select原理, select 优缺点; example 19

#ifndef NETNOTES_POLL_SELECT_HPP
#define NETNOTES_POLL_SELECT_HPP

#include <fcntl.h>
#include <sys/select.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <span>
#include <system_error>
#include <utility>

#include "../ip/algorithm.hpp"
#include "interest.hpp"

namespace netnotes {

/// Waits with select(2), for few descriptors. The kernel writes its answer over the three sets that it gets, so the
/// poller copies them for each call.
///
/// The sets have FD_SETSIZE bits, 1024 with glibc on every machine. The notes say 2048 on 64-bit machines, which is
/// wrong. They name /proc/sys/fs/file-max, but that limits the open files of the whole system. No macro and no other
/// kernel raises the limit, because glibc fixes the size of fd_set.
///
/// The *number* of each descriptor must be below the limit, not their count. A program with 1100 open files cannot wait
/// for a new socket. The C interface does not check: FD_SET writes beyond the end of the set and destroys other data.
/// Here add() throws.
///
/// The object has about 25 kB, and takes no other memory.
class select_poller : public detail::takes_objects<select_poller> {
  public:
    using takes_objects::add, takes_objects::modify, takes_objects::remove;
    static constexpr bool has_edge = false;  ///< add() and modify() refuse trigger::edge
    /// The most events that a wait() returns: all ready descriptors.
    static constexpr std::size_t batch = FD_SETSIZE;

    /// Creates an empty poller.
    select_poller() noexcept = default;
    select_poller(select_poller&& other) noexcept : list_{std::exchange(other.list_, {})} {}
    select_poller& operator=(select_poller&& other) noexcept {
        std::swap(list_, other.list_);
        return *this;
    }

    /// Adds a descriptor. Throws the errors of the concept poller: errc::value_too_large from FD_SETSIZE on. A regular
    /// file is always ready.
    void add(int descriptor, interest what, std::uint64_t token, trigger how = trigger::level) {
        constexpr const char* attempt = "select add ";
        if (descriptor >= FD_SETSIZE) refuse_number(attempt, descriptor);
        detail::require_open(attempt, descriptor);
        detail::require_no_edge(how, attempt, descriptor);
        if (FD_ISSET(descriptor, &list_.present)) detail::refuse(EEXIST, attempt, descriptor);
        FD_SET(descriptor, &list_.present);
        list_.end = detail::max(list_.end, descriptor + 1);
        set(descriptor, what, token, how);
    }
    /// Replaces the interest, the token and the trigger. It makes no system call and takes no memory. Throws the errors
    /// of the concept poller.
    void modify(int descriptor, interest what, std::uint64_t token, trigger how = trigger::level) {
        constexpr const char* attempt = "select modify ";
        if (!is_present(descriptor)) detail::refuse(ENOENT, attempt, descriptor);
        detail::require_no_edge(how, attempt, descriptor);
        set(descriptor, what, token, how);
    }
    /// Removes a descriptor; does nothing if the poller does not have it. It makes no system call.
    void remove(int descriptor) noexcept {
        if (!is_present(descriptor)) return;
        ask_for(descriptor, interest::none);
        FD_CLR(descriptor, &list_.present);
        while (list_.end > 0 && !FD_ISSET(list_.end - 1, &list_.present)) --list_.end;
    }

    /// Waits for events; never returns early. If a descriptor was closed before remove(), the whole select(2) fails
    /// with EBADF. The poller then finds that descriptor, reports it once as an error, and removes it. Throws
    /// std::system_error if select(2) fails for another reason.
    std::span<const event> wait(wait_time timeout) {
        for (detail::countdown time{timeout};;) {
            sets found = list_.asked;
            const timespec left = detail::to_timespec(time.left());
            const int ready = ::pselect(list_.end, &found.read, &found.write, &found.urgent,
                                        time.left() == never ? nullptr : &left, nullptr);
            if (ready < 0 && errno != EINTR && errno != EBADF)
                detail::throw_error(detail::last_error(), "select");
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
        int end = 0;  ///< the highest descriptor plus one: select(2) stops there
        std::array<std::uint64_t, FD_SETSIZE> tokens{};
    };

    [[noreturn]] static void refuse_number(const char* attempt, int descriptor) {
        static_assert(FD_SETSIZE == 1024, "the text below and the first page name this number");
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
    /// Turns select's answer into events and returns their number. `left` is the number of bits set in the three sets.
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
    /// Reports and removes every descriptor that is no longer open. Returns the number of events.
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
