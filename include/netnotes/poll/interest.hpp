// netnotes/poll/interest.hpp: waiting for many descriptors at once
// SPDX-License-Identifier: MIT
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
// A socket is not, as the notes have it, a device with a driver. Its protocol knows whether it is ready, and wakes
// those who sleep in the socket's queue; so nothing is asked round and round while nothing happens.
//
// The kernel answers in three ways, and there is a poller for each; what is written for one runs on all:
//
//                           select_poller            poll_poller              epoll_poller
//   it is handed            three sets of bits       a list of descriptors    nothing: it keeps the list itself
//   descriptors             below FD_SETSIZE, 1024   any                      any
//   a wait looks at         all, up to the highest   all                      those that are ready
//   triggers                level, one_shot          level, one_shot          level, one_shot, edge
//   read, write, urgent     yes                      yes                      yes
//   peer_done               no: read, it brings 0    yes                      yes
//   hang_up, error          as read; error as write  yes, and unasked         yes, and unasked
//   a wait brings           all that is ready        all that is ready        128, the rest at the next
//   a regular file          is always ready          is always ready          is refused
//   closed, not removed     error, once; forgotten   error, once; forgotten   forgotten, if there is no duplicate
//
// select(2) and poll(2) are handed the whole list at every call, and the kernel asks each descriptor on it in
// turn before it sleeps and after it has been woken. With epoll(7) a descriptor to which something happens puts
// itself on a list of the ready, and a wait looks at that list only, so its cost follows what is active and not
// what is connected: to find one ready among 19,900 takes select and poll 10 ms, and epoll 4 us. Where all are
// active it gains little. And the "callback" of the notes is the kernel's own: the program still has to ask.
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
// On this page:  interest · trigger · event · the concept poller
// Beside it:     poll/select.hpp, poll/poll.hpp, poll/epoll.hpp, the three pollers
// Above it:      server/reactor.hpp, a whole server on any poller
// The notes:     单进程服务器,非阻塞模式 (asking each in turn), select版 TCP服务器 (select), 包含writeList服务器 (write
//                queues), epoll版-TCP服务器 (epoll); examples 18 to 21

#ifndef NETNOTES_POLL_INTEREST_HPP
#define NETNOTES_POLL_INTEREST_HPP

#include <fcntl.h>
#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <span>
#include <string>
#include <system_error>

#include "../socket/socket.hpp"

namespace netnotes {

/// What one waits for, and what has come. A set of flags: test a bit, never compare the whole, for an error
/// and a hang-up come along unasked. (The notes test `events == EPOLLIN` and so lose every client that resets.)
/// The values are those of epoll(7) and poll(2): what the kernel reports need not be translated.
enum class interest : std::uint32_t {
    none = 0,
    read = 0x1,          ///< bytes, a connection to accept, or the end of the stream
    urgent = 0x2,        ///< TCP's urgent data is there: a receive stops at its mark, though there is more behind it
    write = 0x4,         ///< room in the send buffer, or a connect() that is done
    error = 0x8,         ///< socket::take_error() tells which. Only reported, never asked for
    hang_up = 0x10,      ///< both directions are finished. Only reported, never asked for
    peer_done = 0x2000,  ///< the peer has shut down its sending side; bytes may still wait to be read
};
constexpr interest operator|(interest a, interest b) noexcept {
    return static_cast<interest>(static_cast<std::uint32_t>(a) | static_cast<std::uint32_t>(b));
}
constexpr interest& operator|=(interest& a, interest b) noexcept { return a = a | b; }
/// Have the two sets a flag in common?
constexpr bool any_of(interest set, interest flags) noexcept {
    return (static_cast<std::uint32_t>(set) & static_cast<std::uint32_t>(flags)) != 0;
}

namespace detail {
constexpr std::uint32_t to_bits(interest what) noexcept { return static_cast<std::uint32_t>(what); }
constexpr interest to_interest(std::uint32_t bits) noexcept { return static_cast<interest>(bits & 0x201f); }
}  // namespace detail

enum class trigger {
    level,     ///< reported as long as it lasts
    edge,      ///< reported when it begins, and whenever more comes. Where the poller has it: has_edge
    one_shot,  ///< reported once; then nothing until modify() arms it again
};

/// One descriptor that can go on. The token is what was given to add(): a number that says whose it is. Not
/// the descriptor: that may have been closed, and its number given to another, by an earlier event of the
/// same batch. A token with a generation in it tells the two apart (server/reactor.hpp does so).
struct event {
    std::uint64_t token = 0;
    interest ready = interest::none;
};

/// A way to wait, for one thread. add() and modify() throw std::system_error:
///
///     errc::bad_file_descriptor        add: it is not open
///     errc::file_exists                add: it is there already
///     errc::no_such_file_or_directory  modify: it is not there
///     errc::operation_not_supported    edge, where there is none
///     errc::value_too_large            add: this poller can never hold a descriptor of that number. (Any other
///                                      error is a shortage, of memory say, and may pass)
///
/// remove() of what is not there does nothing; a descriptor must be removed *before* it is closed, for its number
/// may soon stand for something else. wait() waits until something is ready or the time has passed (then the span
/// is empty), whatever signals come. Its events are valid until the next wait(): adding and removing do not touch
/// them. A poller may also have `time_point now() const noexcept`, a clock of its own: a reactor_server goes by it. So a
/// test lets time pass as it likes.
template <class Poller>
concept poller = requires(Poller& poller, int descriptor, interest what, std::uint64_t token, trigger how,
                          duration timeout) {
    { Poller::has_edge } -> std::convertible_to<bool>;
    poller.add(descriptor, what, token, how);
    poller.modify(descriptor, what, token, how);
    poller.remove(descriptor);
    { poller.wait(timeout) } -> std::convertible_to<std::span<const event>>;
};

namespace detail {
/// The time of a wait that may have to begin anew. The clock is read only where it has something to say: for `never`
/// and for zero, which are most of a busy server's waits, it is not.
class countdown {
  public:
    explicit countdown(duration timeout) noexcept
        : left_{std::max(timeout, duration::zero())}, until_{is_limited() ? end_of(left_) : time_point::max()} {}
    [[nodiscard]] duration left() const noexcept { return left_; }
    /// Has it run out? Looks at the clock, and brings left() up to date.
    [[nodiscard]] bool is_over() noexcept {
        if (is_limited()) left_ = std::max(until_ - clock::now(), duration::zero());
        return left_ == duration::zero();
    }

  private:
    bool is_limited() const noexcept { return left_ != never && left_ != duration::zero(); }
    duration left_;
    time_point until_;
};
}  // namespace detail

namespace detail {
[[noreturn]] inline void refuse(int error, const char* attempt, int descriptor, const char* why = "") {
    throw_error(std::error_code{error, std::system_category()}, attempt, std::to_string(descriptor), why);
}
/// select(2) and poll(2) learn of a descriptor when they are called, so what epoll_ctl(2) refuses is asked here.
inline void require_open(const char* attempt, int descriptor) {
    if (::fcntl(descriptor, F_GETFD) < 0) refuse(errno, attempt, descriptor);
}
inline void require_no_edge(trigger how, const char* attempt, int descriptor) {
    if (how == trigger::edge) refuse(EOPNOTSUPP, attempt, descriptor, ", edge-triggered: that takes an epoll_poller");
}
}  // namespace detail

}  // namespace netnotes

#endif  // NETNOTES_POLL_INTEREST_HPP
