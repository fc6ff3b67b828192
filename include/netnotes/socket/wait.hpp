// netnotes/socket/wait.hpp: waiting when a call would block
// SPDX-License-Identifier: MIT
//
// The sockets of this library share two things: the list of errors that mean "later", and one poll(2) for a descriptor
// and a stop.
//
//        recv(2) ── EAGAIN ──> poll(descriptor, stop, the time that is left) ──> recv(2) again
//                                     ├── the stop was requested: errc::operation_canceled
//                                     └── no time is left:        errc::timed_out
//
// All names here are in detail: programs use socket/socket.hpp.

#ifndef NETNOTES_SOCKET_WAIT_HPP
#define NETNOTES_SOCKET_WAIT_HPP

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <system_error>

#include "address.hpp"
#include "stop.hpp"
#include "time.hpp"

namespace netnotes::detail {

inline bool would_block(int error) noexcept { return error == EAGAIN || error == EWOULDBLOCK; }
/// Returns true for an error of accept() that will not pass.
inline bool is_not_listening(const std::error_code& error) noexcept {
    return error.value() == EBADF || error.value() == EINVAL || error.value() == ENOTSOCK;
}
/// Returns true for a shortage in accept() or in the code that makes room for a connection. It may pass, and the client
/// waits in the queue.
inline bool is_shortage(int error) noexcept {
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}
/// The pause before the next attempt. Without it, attempts would keep a processor busy.
inline constexpr duration accept_pause = std::chrono::milliseconds{100};

/// The connection failed while it stood in the queue; that is no fault of the listener's (accept(2), "Error handling").
/// The next connection may work.
inline bool is_passed_over(int error) noexcept {
    for (const int each :
         {ECONNABORTED, ENETDOWN, EPROTO, ENOPROTOOPT, EHOSTDOWN, ENONET, EHOSTUNREACH, ENETUNREACH})
        if (error == each) return true;
    return false;
}

/// Calls poll(2) until a descriptor is ready. Fails with errc::timed_out at `until`; signals do not end the wait.
inline void poll_until(pollfd* watched, std::size_t count, time_point until, std::error_code& error) noexcept {
    for (;;) {
        timespec left{};
        if (until != time_point::max()) {
            const time_point now = clock::now();
            left = to_timespec(until > now ? until - now : duration::zero());
        }
        const int ready =
            ::ppoll(watched, count, until == time_point::max() ? nullptr : &left, nullptr);
        if (ready < 0 && errno == EINTR) continue;  // with the time that is left
        error = ready < 0 ? last_error() : ready == 0 ? std::make_error_code(std::errc::timed_out) : std::error_code{};
        return;
    }
}

/// Waits for a descriptor (-1: no descriptor) and for a stop (nullptr: no stop).
inline void wait_for(int descriptor, short events, const stop_event* stop, time_point until,
                     std::error_code& error) noexcept {
    pollfd watched[2] = {{descriptor, events, 0}, {stop ? stop->native_handle() : -1, POLLIN, 0}};
    poll_until(watched, 2, until, error);
    if (!error && watched[1].revents != 0) error = std::make_error_code(std::errc::operation_canceled);
}

/// Returns true if connect() has begun to connect this stream to itself. The local endpoint is known as soon as
/// connect(2) returns, even if connecting continues in the background. The wildcard address stands for the loopback
/// address.
inline bool meets_itself(int descriptor, const socket_address& where) noexcept {
    if (!where.is_ip()) return false;
    socket_address local;
    socklen_t size = socket_address::capacity;
    if (::getsockname(descriptor, local.data(), &size) != 0) return false;
    local.resize(size);
    if (!local.is_ip()) return false;
    const endpoint own = local.ip(), other = where.ip();
    if (own.port() != other.port()) return false;
    const auto without_needless_zone = [](const ip_address& address) {  // ::1%lo is ::1; fe80::1 is on many links
        const ip_address plain = address.unmapped();
        return plain.is_v4() || plain.is_link_local() ? plain : ip_address{plain.v6().with_zone({})};
    };
    const ip_address wanted = without_needless_zone(other.address());
    if (!wanted.is_unspecified() && without_needless_zone(own.address()) != wanted) return false;
    int type = 0;
    socklen_t type_size = sizeof type;  // a datagram socket may be its own peer
    return ::getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &type_size) == 0 && type == SOCK_STREAM;
}
/// Resets a connection and leaves the socket unconnected (connect(2), AF_UNSPEC).
inline void dissolve(int descriptor) noexcept {
    const sockaddr nobody{.sa_family = AF_UNSPEC, .sa_data = {}};
    ::connect(descriptor, &nobody, sizeof nobody);
}

}  // namespace netnotes::detail

#endif  // NETNOTES_SOCKET_WAIT_HPP
