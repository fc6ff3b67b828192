// netnotes/poll.hpp: waiting for many descriptors at once
// SPDX-License-Identifier: MIT      version 0.1.0      copy with: ip_text.hpp ip.hpp stop.hpp socket_address.hpp socket.hpp
//
// One thread, a thousand connections. It cannot wait in recv() for one of them, for then it is deaf to the
// others, and it cannot ask each in turn, for then it burns a processor to hear "nothing" (the notes' 非阻塞
// server). So it asks the kernel one question: *which of these can go on now?* That is a poller.
//
//        poller.add(listener, read)          poller.add(a, read)          poller.add(b, read | write)
//                         \                          |                          /
//                          └──────────────  poller.wait(timeout)  ─────────────┘
//                                                    |
//                            { token of a: read }  { token of b: write }          handle them, wait again
//
// epoll(7) keeps the list of descriptors in the kernel, where each of them, when something happens to it, puts
// itself on a list of the ready. A wait looks at that list only, so its cost follows what is active and not
// what is connected. (select(2) and poll(2) are handed the whole list at every call and walk it.)
//
// *Level* or *edge*? A level-triggered descriptor is reported at every wait as long as there is something to
// read: read a part, and you are reminded. An edge-triggered one is reported when something *new* arrives:
// then read until there is no more, or the rest lies there until the peer happens to send again. The notes
// say that edge-triggered events must be handled at once or are lost. They may be handled at any time; what
// is not repeated is the announcement.
//
// A readiness is a hint, not a promise: a datagram with a bad checksum wakes you and is dropped when you look
// (select(2), BUGS). So descriptors in a poller are non-blocking, and "would block" is a normal answer.
//
// On this page:  interest · event · trigger · the concept poller · epoll_poller
// Above it:      reactor.hpp, a whole server on any poller
// The notes:     epoll版-TCP服务器 (the epoll server); example 21

#ifndef NETNOTES_POLL_HPP
#define NETNOTES_POLL_HPP

#if defined(NETNOTES_VERSION) && NETNOTES_VERSION != 100
#error "netnotes headers of two versions meet here: take all of them from one release"
#endif
#define NETNOTES_VERSION 100  // major * 10000 + minor * 100 + patch

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <concepts>
#include <cstdint>
#include <limits>
#include <span>

#include "socket.hpp"

namespace netnotes {

/// What one waits for, and what has come. A set of flags: test a bit, never compare the whole, for an error
/// and a hang-up come along unasked. (The notes test `events == EPOLLIN` and so lose every client that resets.)
enum class interest : std::uint32_t {
    none = 0,
    read = 1,       ///< bytes, a connection to accept, or the end of the stream
    write = 2,      ///< room in the send buffer, or a connect() that is done
    peer_done = 4,  ///< the peer has shut down its sending side; bytes may still wait to be read
    hang_up = 8,    ///< both directions are finished. Only reported, never asked for
    error = 16,     ///< socket::take_error() tells which. Only reported, never asked for
    urgent = 32,    ///< TCP's urgent data is there: a receive stops at its mark, though there is more behind it
};
constexpr interest operator|(interest a, interest b) noexcept {
    return static_cast<interest>(static_cast<std::uint32_t>(a) | static_cast<std::uint32_t>(b));
}
constexpr interest& operator|=(interest& a, interest b) noexcept { return a = a | b; }
/// Have the two sets a flag in common?
constexpr bool any_of(interest set, interest flags) noexcept {
    return (static_cast<std::uint32_t>(set) & static_cast<std::uint32_t>(flags)) != 0;
}

enum class trigger {
    level,     ///< reported as long as it lasts
    edge,      ///< reported when it begins, and whenever more comes
    one_shot,  ///< reported once; then nothing until modify() arms it again
};

/// One descriptor that can go on. The token is what was given to add(): a number that says whose it is. Not
/// the descriptor: that may have been closed, and its number given to another, by an earlier event of the
/// same batch. A token with a generation in it tells the two apart (reactor.hpp does so).
struct event {
    std::uint64_t token = 0;
    interest ready = interest::none;
};

/// A way to wait. add() and modify() throw std::system_error; a descriptor must be removed *before* it is
/// closed. wait() waits until something is ready or the time has passed (then the span is empty), whatever
/// signals come; the events are valid until the next wait().
template <class Poller>
concept poller = requires(Poller& poller, int descriptor, interest what, std::uint64_t token, trigger how,
                          duration timeout) {
    poller.add(descriptor, what, token, how);
    poller.modify(descriptor, what, token, how);
    poller.remove(descriptor);
    { poller.wait(timeout) } -> std::convertible_to<std::span<const event>>;
};

/// epoll(7), Linux. No limit of its own on the number of descriptors; there are RLIMIT_NOFILE, memory, and
/// fs.epoll.max_user_watches, about 160 bytes each.
class epoll_poller {
  public:
    /// How many events one wait() brings at most; the rest comes with the next. One system call for a whole
    /// batch is half the secret of a fast server.
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
    std::span<const event> wait(duration timeout) {
        const time_point until = detail::end_of(timeout);
        for (;;) {
            const int ready =
                ::epoll_wait(descriptor_, raw_.data(), static_cast<int>(raw_.size()), milliseconds(timeout));
            if (ready > 0 || (ready == 0 && clock::now() >= until)) {
                for (std::size_t i = 0; i < static_cast<std::size_t>(ready); ++i)
                    events_[i] = {raw_[i].data.u64, from_raw(raw_[i].events)};
                return {events_.data(), static_cast<std::size_t>(ready)};
            }
            if (ready < 0 && errno != EINTR) throw std::system_error{errno, std::system_category(), "epoll_wait"};
            if (until != time_point::max()) timeout = until - clock::now();
        }
    }

  private:
    static int milliseconds(duration timeout) noexcept {
        if (timeout == never) return -1;
        const auto rounded = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
        return static_cast<int>(std::clamp<std::int64_t>(rounded, 0, std::numeric_limits<int>::max()));
    }
    static constexpr std::uint32_t to_raw(interest what, trigger how) noexcept {
        std::uint32_t raw = how == trigger::edge       ? std::uint32_t{EPOLLET}
                            : how == trigger::one_shot ? std::uint32_t{EPOLLONESHOT}
                                                       : 0u;
        if (any_of(what, interest::read)) raw |= EPOLLIN;
        if (any_of(what, interest::write)) raw |= EPOLLOUT;
        if (any_of(what, interest::peer_done)) raw |= EPOLLRDHUP;
        if (any_of(what, interest::urgent)) raw |= EPOLLPRI;
        return raw;
    }
    static constexpr interest from_raw(std::uint32_t raw) noexcept {
        interest ready = interest::none;
        if (raw & EPOLLIN) ready |= interest::read;
        if (raw & EPOLLOUT) ready |= interest::write;
        if (raw & EPOLLRDHUP) ready |= interest::peer_done;
        if (raw & EPOLLHUP) ready |= interest::hang_up;
        if (raw & EPOLLERR) ready |= interest::error;
        if (raw & EPOLLPRI) ready |= interest::urgent;
        return ready;
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

#endif  // NETNOTES_POLL_HPP
