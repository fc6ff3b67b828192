// netnotes/poll/interest.hpp: waiting for many descriptors at once
// SPDX-License-Identifier: MIT
//
// A thread has a thousand connections. If it waits in recv() for one connection, it misses the others. If it asks each
// connection in turn, it keeps a processor busy to hear "nothing" (the notes' 非阻塞 server). So it asks the kernel one
// question: *which of these descriptors are ready?* A poller asks this question.
//
//        poller.add(listener, read)          poller.add(a, read)          poller.add(b, read | write)
//                         \                          |                          /
//                          └──────────────  poller.wait(timeout)  ─────────────┘
//                                                    |
//                            { token of a: read }  { token of b: write }          handle them, wait again
//
// A socket is not a device with a driver, as the notes say. Its protocol in the kernel knows when it becomes ready. It
// then wakes the threads that sleep in the socket's wait queue, so the kernel does not check in a loop.
//
// The kernel has three such calls, and each has a poller here. Code for one poller runs on all three:
//
//                            select_poller            poll_poller              epoll_poller
//    passed at each wait     three sets of bits       a list of descriptors    nothing: the kernel keeps the list
//    descriptors             below FD_SETSIZE, 1024   any                      any
//    a wait checks           all, up to the highest   all                      the ready descriptors
//    triggers                level, one_shot          level, one_shot          level, one_shot, edge
//    read, write, urgent     yes                      yes                      yes
//    peer_done               no: read, and recv is 0  yes                      yes
//    hang_up, error          as read; error as write  yes, always reported     yes, always reported
//    a wait returns          all ready descriptors    all ready descriptors    at most 128; the next wait the rest
//    a regular file          is always ready          is always ready          is refused
//    closed before remove()  an error once, then      an error once, then      removed, unless a duplicate is open
//                            removed                  removed
//
// select(2) and poll(2) get the whole list at every call. The kernel checks each descriptor on it before it sleeps and
// after it wakes. With epoll(7) a descriptor that becomes ready is put on a ready list, and a wait looks at that list
// only. So its cost depends on the active descriptors, not on all. To find one ready descriptor among 19,900, select
// and poll take 10 ms, and epoll takes 4 us. If all descriptors are active, epoll gains little. The "callback" of the
// notes happens inside the kernel: the program still has to call epoll_wait().
//
// *Level* or *edge*? A level-triggered descriptor is reported at every wait while it has bytes to read. So you may read
// a part of them. An edge-triggered descriptor is reported when *new* bytes arrive. Then read until "would block", or
// the rest stays unread until the peer sends again. The notes say that a program must handle an edge-triggered event at
// once or lose it. That is wrong: it may handle the event at any time, but the event is not reported again.
//
// "Ready" is a hint, not a promise: a datagram with a bad checksum makes a socket ready, and the receive then drops it
// (select(2), BUGS). So make the descriptors in a poller non-blocking, and expect "would block" as a normal result.
//
// On this page:  interest · trigger · event · the concepts poller and has_native_handle
// Beside it:     poll/select.hpp, poll/poll.hpp, poll/epoll.hpp, the three pollers
// Above it:      server/reactor.hpp, a whole server on any poller
// The notes:     单进程服务器,非阻塞模式 (asking each in turn), select版 TCP服务器 (select), 包含writeList服务器 (write
//                queues), epoll版-TCP服务器 (epoll); examples 18 to 21

#ifndef NETNOTES_POLL_INTEREST_HPP
#define NETNOTES_POLL_INTEREST_HPP

#include <fcntl.h>
#include <sys/epoll.h>

#include <cerrno>
#include <concepts>
#include <cstdint>
#include <span>
#include <string>
#include <system_error>

#include "../ip/algorithm.hpp"
#include "../socket/socket.hpp"
#include "../socket/time.hpp"

namespace netnotes {

/// A set of flags: the events to wait for, or the events that happened. Test single flags with any_of(). Do not compare
/// the whole set, because error and hang_up are always reported. (The notes test `events == EPOLLIN`, so they lose
/// every client that resets.) The values are the same as in epoll(7) and poll(2).
enum class interest : std::uint32_t {
    none = 0,
    read = 0x1,          ///< There are bytes, a connection to accept, or the end of the stream.
    urgent = 0x2,        ///< TCP has urgent data. A receive stops at its mark, even if more bytes follow.
    write = 0x4,         ///< The send buffer has room, or a connect() has finished.
    error = 0x8,         ///< An error: socket::take_error() returns it. Always reported; do not ask for it.
    hang_up = 0x10,      ///< Both directions have ended. Always reported; do not ask for it.
    peer_done = 0x2000,  ///< The peer has shut down its sending side. Bytes may still be unread.
};
/// Returns the flags of both sets.
constexpr interest operator|(interest a, interest b) noexcept {
    return static_cast<interest>(static_cast<std::uint32_t>(a) | static_cast<std::uint32_t>(b));
}
/// Adds the flags of `b` to `a`, and returns `a`.
constexpr interest& operator|=(interest& a, interest b) noexcept { return a = a | b; }
/// Returns true if the two sets have a flag in common.
constexpr bool any_of(interest set, interest flags) noexcept {
    return (static_cast<std::uint32_t>(set) & static_cast<std::uint32_t>(flags)) != 0;
}

namespace detail {
constexpr std::uint32_t to_bits(interest what) noexcept { return static_cast<std::uint32_t>(what); }
constexpr interest to_interest(std::uint32_t bits) noexcept { return static_cast<interest>(bits & 0x201f); }
}  // namespace detail

/// How often a poller reports a descriptor that is ready.
enum class trigger {
    level,     ///< At every wait while it is ready.
    edge,      ///< When it becomes ready, and again when more bytes arrive. Only if the poller has has_edge == true.
    one_shot,  ///< Once, and then never until modify() arms it again.
};

/// A descriptor that is ready. `token` is the number that was given to add(). It is not the descriptor. The program may
/// have closed that for an earlier event of the same batch, and its number may now belong to another file. A token that
/// contains a generation tells the two files apart, as in server/reactor.hpp.
struct event {
    std::uint64_t token = 0;
    interest ready = interest::none;
};

/// An object that tells its descriptor, for example a socket, a listener, a stop_event or an async_udp.
template <class Object>
concept has_native_handle = requires(const Object& object) {
    { object.native_handle() } -> std::same_as<int>;
};

/// A set of descriptors that one thread waits for. Poller::has_edge says if it offers trigger::edge. The functions
/// add() and modify() throw std::system_error:
///
///     errc::bad_file_descriptor        add: the descriptor is not open
///     errc::file_exists                add: the descriptor is in the poller already
///     errc::no_such_file_or_directory  modify: the descriptor is not in the poller
///     errc::operation_not_supported    trigger::edge, and the poller has no edge
///     errc::value_too_large            add: the descriptor's number is too high for this poller. (Any other
///                                      error is a shortage, for example of memory, and may pass)
///
/// Call remove() *before* you close a descriptor, because the kernel may soon give its number to another file. For a
/// descriptor that is not in the poller it does nothing.
///
/// The function wait() returns the events when a descriptor is ready, or an empty span after `timeout`. Signals do not
/// end it. The events are valid until the next wait(); the calls add() and remove() do not change them.
///
/// The pollers of this library take a socket, a listener or any other object with native_handle() instead of its
/// descriptor: `poller.add(listener, interest::read, 0)`. The object must outlive its stay in the poller.
///
/// A poller may also have a clock, `time_point now() const noexcept`. A reactor_server then uses this clock, so a test
/// can control the time.
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
/// Gives a poller the calls for objects with native_handle(). The poller adds `using takes_objects::add` and the
/// others.
template <class Poller>
class takes_objects {
  public:
    void add(const has_native_handle auto& object, interest what, std::uint64_t token, trigger how = trigger::level) {
        static_cast<Poller&>(*this).add(object.native_handle(), what, token, how);
    }
    void modify(const has_native_handle auto& object, interest what, std::uint64_t token,
                trigger how = trigger::level) {
        static_cast<Poller&>(*this).modify(object.native_handle(), what, token, how);
    }
    void remove(const has_native_handle auto& object) noexcept {
        static_cast<Poller&>(*this).remove(object.native_handle());
    }
};

/// The remaining time of a wait that a signal may interrupt. For `never` and zero it does not read the clock; most
/// waits of a busy server use these two.
class countdown {
  public:
    explicit countdown(duration timeout) noexcept
        : left_{detail::max(timeout, duration::zero())}, until_{is_limited() ? end_of(left_) : time_point::max()} {}
    [[nodiscard]] duration left() const noexcept { return left_; }
    /// Returns true if the time is over. Reads the clock and updates left().
    [[nodiscard]] bool is_over() noexcept {
        if (is_limited()) left_ = detail::max(until_ - clock::now(), duration::zero());
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
/// Throws if the descriptor is not open, as epoll_ctl(2) does. select(2) and poll(2) would fail only at the wait.
inline void require_open(const char* attempt, int descriptor) {
    if (::fcntl(descriptor, F_GETFD) < 0) refuse(errno, attempt, descriptor);
}
inline void require_no_edge(trigger how, const char* attempt, int descriptor) {
    if (how == trigger::edge) refuse(EOPNOTSUPP, attempt, descriptor, ": edge-triggered needs an epoll_poller");
}
}  // namespace detail

}  // namespace netnotes

#endif  // NETNOTES_POLL_INTEREST_HPP
