// netnotes/socket/socket.hpp: the socket
// SPDX-License-Identifier: MIT
//
// A socket is an end of a conversation, held by the kernel. The program holds a small number for it, the *descriptor*.
// A socket need not be an end of a connection: a datagram socket has no connection, and a listening socket only
// accepts them. This header owns the descriptor and closes it exactly once. It also handles here, in one place, the
// things that programs often get wrong:
//
//   a signal interrupts a call (EINTR)       the call goes on, with the time that is left
//   the peer is gone (SIGPIPE)               an error, not the death of the process
//   a timeout                                a point in time: a peer that sends a byte a second cannot extend
//                                            it. It is reported as errc::timed_out, never as EAGAIN
//   a child process inherits descriptors     close-on-exec, always
//   what failed, and on what                 "bind 0.0.0.0:80: Permission denied"
//
//        server                                     client
//          socket{inet, stream}                       socket{inet, stream}
//          bind({any, 6666})                          |
//          listen()                                   |
//          accept() <───────── handshake ──────────── connect({"192.0.2.1", 6666})
//            └─> a new socket  <───── bytes ────────> send_all, recv
//
// Each call has two forms. The plain form throws std::system_error. The form with a std::error_code at its end
// does not throw. Use it for outcomes that a program expects, as Python's connect_ex is for connect.
//
//   Python                          C                                here
//   socket(family, type)            socket                           socket{family, type}
//   bind, listen, accept            bind, listen, accept4            bind, listen, accept
//   connect / connect_ex            connect                          connect(where) / connect(where, error)
//   recv / recv_into                recv                             recv(buffer): the buffer is yours; recv_exact
//   send / sendall                  send / a loop                    send / send_all
//   sendfile                        sendfile                         send_file
//   recvfrom, sendto                recvmsg, sendto                  recv_from, send_to
//   close, shutdown                 close, shutdown                  close, shutdown; and the destructor
//   getpeername, getsockname        the same                         peer_endpoint, local_endpoint
//   setsockopt, getsockopt          the same                         set_option, get_option
//   settimeout, gettimeout          poll before every call           set_timeout, set_deadline, timeout
//   setblocking                     fcntl(O_NONBLOCK)                set_blocking
//   fileno, detach                  the int itself                   native_handle, release
//   makefile                        fdopen                           socket_iostream, in socket/iostream.hpp
//   socketpair, getaddrinfo         the same                         socket_pair, resolve
//
// On this page:  socket · socket_pair
// Below it:      socket/handle.hpp, what all sockets have; socket/buffer.hpp, bytes; socket/time.hpp, timeouts
// The notes:     socket 至 公共用途的套接字函数 (sockets and their methods); examples 01, 05 and 10

#ifndef NETNOTES_SOCKET_SOCKET_HPP
#define NETNOTES_SOCKET_SOCKET_HPP

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include "../ip/algorithm.hpp"
#include "../ip/endpoint.hpp"
#include "buffer.hpp"
#include "file.hpp"
#include "handle.hpp"
#include "message.hpp"
#include "time.hpp"

namespace netnotes {

// ---- The socket ----------------------------------------------------------------------------------------

/// A socket with the calls that move bytes. See socket_handle for its lifetime, its modes and its options.
class socket : public socket_handle {
  public:
    using socket_handle::socket_handle;

    /// Creates an empty socket: is_open() returns false.
    socket() noexcept = default;
    /// Creates a socket. `protocol` 0 selects the only protocol of this family and type. Throws std::system_error.
    explicit socket(address_family family, socket_type type, int protocol = 0);
    socket(address_family family, socket_type type, int protocol, std::error_code& error) noexcept;

    // -- as a server

    /// Gives the socket its own address; port 0 lets the system choose. errc::address_in_use, and
    /// errc::permission_denied below port 1024 (ip(7)).
    void bind(const socket_address& where);
    void bind(const socket_address& where, std::error_code& error) noexcept;
    /// Lets connections come in. `backlog` is the number of complete connections that accept() has not taken yet. Linux
    /// admits one more, and net.core.somaxconn caps the number. A further client is not *refused*: the kernel drops its
    /// SYN, and the client retransmits it and connects late (listen(2)). A negative number means the system's maximum.
    void listen(int backlog = SOMAXCONN);
    void listen(int backlog, std::error_code& error) noexcept;

    struct accepted;
    /// Waits for the next connection and returns it. The new socket has no timeout. It does not wait if this socket
    /// does not, and the stop of this socket ends its calls, too. A connection that ended in the queue is skipped.
    ///
    /// If no descriptor or memory is left (EMFILE, ENFILE, ENOBUFS, ENOMEM), the first form tries again every 100 ms,
    /// up to the socket's timeout. So `for (;;) serve(listener.accept());` survives many clients. The second form
    /// reports the error.
    accepted accept();
    accepted accept(std::error_code& error) noexcept;

    // -- as a client

    /// Opens a connection on a stream socket and waits until it is established or has failed. On a datagram socket,
    /// fixes the peer of send() and recv(). Fails with errc::connection_refused, timed_out, network_unreachable, ...
    /// After a failure make a new socket, because POSIX does not define the state of this socket. After
    /// set_blocking(false) it fails with errc::operation_in_progress, and the kernel continues to connect.
    ///
    /// A stream never connects to itself. TCP can connect a port of this host to the same port if no program listens
    /// on it (a simultaneous open, RFC 9293 §3.5). The socket would then read its own bytes. So connect() resets such
    /// a connection and fails with errc::connection_refused.
    void connect(const socket_address& where);
    void connect(const socket_address& where, std::error_code& error) noexcept;

    // -- both

    /// Receives at least one byte and at most buffer.size(); returns their number. Returns 0 at the end of the stream,
    /// and then at every call. A receive is not a message: bytes sent in one piece may arrive in many, and the reverse.
    /// With an empty buffer it always returns 0, so pass room. `flags` are the flags of recv(2). With MSG_DONTWAIT this
    /// call does not wait, and MSG_WAITALL holds only for a socket without a timeout.
    std::size_t recv(mutable_buffer buffer, int flags = 0);
    std::size_t recv(mutable_buffer buffer, std::error_code& error, int flags = 0) noexcept;
    /// Receives exactly buffer.size() bytes, in as many receives as that takes. The timeout is for the whole call.
    /// Returns 0 if the stream ended before the first byte, so `while (s.recv_exact(header))` loops over messages. An
    /// end in the middle is errc::protocol_error. On an error the second form returns the number of bytes in the
    /// buffer, and the next call may continue behind them. With an empty buffer it returns 0 and receives nothing.
    std::size_t recv_exact(mutable_buffer buffer);
    std::size_t recv_exact(mutable_buffer buffer, std::error_code& error) noexcept;
    /// Hands bytes to the kernel and returns how many it took, perhaps not all. The kernel may not have sent them yet,
    /// and they may never arrive. Fails with errc::broken_pipe, connection_reset.
    std::size_t send(const_buffer bytes, int flags = 0);
    std::size_t send(const_buffer bytes, std::error_code& error, int flags = 0) noexcept;
    /// Sends all bytes or fails. The timeout is for the whole call. On an error the second form returns how many bytes
    /// the kernel took, and what() of the first form says it. After a failed call that may wait, close() sends a reset,
    /// because an orderly end would say that all bytes were sent. A later call that succeeds cancels this.
    void send_all(const_buffer bytes);
    std::size_t send_all(const_buffer bytes, std::error_code& error) noexcept;
    /// Sends a file, or a part of it, without a copy in user space (sendfile(2)): see socket/file.hpp. Returns the
    /// number of bytes. It is less than options.count if the file ends before. Other files than regular ones are read
    /// and sent in blocks. The timeout is for the whole call. Reading from a slow disk may take longer.
    ///
    /// If the file cannot be opened or read, the connection stays as it is. After other failures, and after a part of
    /// the file was sent, close() sends a reset, as after send_all(). On an error the second form returns the number of
    /// bytes that the kernel took. It is not noexcept because options.progress may throw.
    std::uint64_t send_file(const input_file& file, const send_file_options& options = {});
    std::uint64_t send_file(const input_file& file, const send_file_options& options, std::error_code& error);

    /// The result of recv_from(): a datagram, its sender, and the address of ours that it came to.
    struct received {
        std::span<std::byte> bytes;  ///< the part of the buffer that was filled
        socket_address sender;       ///< without a family if the sender is a Unix socket without a name
        bool truncated = false;      ///< the datagram was longer than the buffer, and its rest is lost
        /// The address of this host that the datagram was sent to, after tell_local_address(); else 0.0.0.0. For a
        /// datagram to a broadcast address or an IPv4 group, it is the address from which to answer. For a datagram
        /// to an IPv6 group it is not known.
        ip_address local{};
    };
    /// Receives one datagram and returns it with its sender. For an empty datagram `bytes` is empty and the sender is
    /// set.
    received recv_from(mutable_buffer buffer, int flags = 0);
    received recv_from(mutable_buffer buffer, std::error_code& error, int flags = 0) noexcept;
    /// Sends one datagram, whole or not at all. Fails with errc::message_size if it is too long for the protocol.
    void send_to(const_buffer bytes, const socket_address& where, int flags = 0);
    void send_to(const_buffer bytes, const socket_address& where, std::error_code& error, int flags = 0) noexcept;
    /// Sends one datagram from the given address of this host, for example received::local. A client takes an answer
    /// only from the address that it asked. With 0.0.0.0 and :: the system chooses. Fails with errc::invalid_argument
    /// or network_unreachable if the host has no such address.
    void send_to(const_buffer bytes, const socket_address& where, const ip_address& from, int flags = 0);
    void send_to(const_buffer bytes, const socket_address& where, const ip_address& from, std::error_code& error,
                 int flags = 0) noexcept;
    /// Makes recv_from() report to which address each datagram was sent: IP_PKTINFO (ip(7)), IPV6_RECVPKTINFO (RFC 3542
    /// §6.1). It costs no system call, but some 70 ns for each datagram, so it is off by default. It is needed for
    /// sockets on the wildcard address. udp_socket and async_datagram call it for those sockets.
    void tell_local_address();
    void tell_local_address(std::error_code& error) noexcept;
    /// Does the same as recv_from() above, and fills `details`: the destination, the interface, the hops left, and the
    /// time of arrival. Call tell_details() once before the datagrams arrive; details that the kernel does not report
    /// stay empty. For datagram sockets over IPv4 and IPv6.
    received recv_from(mutable_buffer buffer, datagram_details& details, int flags = 0);
    received recv_from(mutable_buffer buffer, datagram_details& details, std::error_code& error,
                       int flags = 0) noexcept;
    void tell_details();
    void tell_details(std::error_code& error) noexcept;

  private:
    received receive_datagram(mutable_buffer buffer, std::span<char> control, datagram_details* details, int flags,
                              std::error_code& error) noexcept;
    friend class detail::borrowed_socket;  // of coro/io/socket.hpp
    friend detail::descriptor_messages;
    accepted accept_until(time_point until, std::error_code& error) noexcept;
    std::size_t recv_until(mutable_buffer buffer, int flags, time_point until, std::error_code& error) noexcept;
    std::size_t send_until(const_buffer bytes, int flags, time_point until, std::error_code& error) noexcept;
    std::size_t send_all_until(const_buffer bytes, time_point until, std::error_code& error) noexcept;
};

struct socket::accepted {
    socket connection;
    socket_address peer;
};

/// Returns two connected sockets without names, for parent and child or for two threads (socketpair(2)).
[[nodiscard]] std::pair<socket, socket> socket_pair(socket_type type = socket_type::stream);

// ========================================================================================================
// How it is done. A reader who only uses sockets can stop here.
// ========================================================================================================

// ---- making, waiting, failing

inline socket::socket(address_family family, socket_type type, int protocol, std::error_code& error) noexcept
    : socket_handle{::socket(static_cast<int>(family), static_cast<int>(type) | SOCK_CLOEXEC, protocol)} {
    error = is_open() ? std::error_code{} : detail::last_error();
}

inline socket::socket(address_family family, socket_type type, int protocol) {
    std::error_code error;
    socket{family, type, protocol, error}.swap(*this);
    if (error) detail::throw_error(error, "socket");
}

// ---- the calls

inline void socket::bind(const socket_address& where, std::error_code& error) noexcept {
    error = ::bind(descriptor_, where.data(), where.size()) == 0 ? std::error_code{} : detail::last_error();
}
inline void socket::bind(const socket_address& where) {
    std::error_code error;
    bind(where, error);
    if (error) detail::throw_error(error, "bind ", where.to_string());
}

inline void socket::listen(int backlog, std::error_code& error) noexcept {
    const int length = backlog < 0 ? std::numeric_limits<int>::max() : backlog;
    error = ::listen(descriptor_, length) == 0 ? std::error_code{} : detail::last_error();
}
inline void socket::listen(int backlog) {
    std::error_code error;
    listen(backlog, error);
    if (error) fail(error, "listen");
}

inline socket::accepted socket::accept_until(time_point until, std::error_code& error) noexcept {
    accepted result;
    const bool new_waits_in_kernel = blocking_ && !stop_;
    for (;;) {
        const int descriptor = attempt(
            [&] {
                socklen_t size = socket_address::capacity;
                const int made = ::accept4(descriptor_, result.peer.data(), &size,
                                           SOCK_CLOEXEC | (new_waits_in_kernel ? 0 : SOCK_NONBLOCK));
                result.peer.resize(size);
                return made;
            },
            POLLIN, 0, until, error);
        if (descriptor >= 0) {
            result.connection.descriptor_ = descriptor;
            result.connection.blocking_ = blocking_;
            result.connection.stop_ = stop_;
            return result;
        }
        if (!detail::is_passed_over(error.value())) return result;
        if (until != time_point::max() && clock::now() >= until) {  // however many have died
            error = std::make_error_code(std::errc::timed_out);
            return result;
        }
    }
}
inline socket::accepted socket::accept(std::error_code& error) noexcept { return accept_until(end_of_call(), error); }
inline socket::accepted socket::accept() {
    const time_point until = end_of_call();  // of all attempts together
    for (;;) {
        std::error_code error;
        accepted result = accept_until(until, error);
        if (!error) return result;
        if (!blocking_ || !detail::is_shortage(error.value()) || clock::now() >= until) fail(error, "accept");
        std::error_code is_over;
        detail::wait_for(-1, 0, stop_, detail::min(until, clock::now() + detail::accept_pause), is_over);
        if (is_over == std::errc::operation_canceled) fail(is_over, "accept");
    }
}

inline void socket::connect(const socket_address& where, std::error_code& error) noexcept {
    if ((error = forbidden(POLLOUT))) return;
    const time_point until = end_of_call();
    const auto is_alone = [&] {
        if (!detail::meets_itself(descriptor_, where)) return false;
        detail::dissolve(descriptor_);
        error = std::make_error_code(std::errc::connection_refused);
        return true;
    };
    while (::connect(descriptor_, where.data(), where.size()) != 0) {
        error = detail::last_error();
        if (detail::would_block(errno) && where.family() != address_family::local) {
            error = std::make_error_code(std::errc::address_not_available);  // see has_no_port()
            return;
        }
        if (detail::would_block(errno) && blocking_) {
            wait_a_moment(until, error);  // nothing can be polled for a place in a Unix listener's queue (unix(7))
            if (error) return;
            continue;
        }
        // In that queue an interrupted connect() has not begun. Elsewhere it continues by itself, and a
        // second call would only fail with EALREADY. From here on it is treated like a non-blocking connect().
        if (error.value() == EINTR && where.family() == address_family::local) continue;
        if (error.value() != EINTR && error.value() != EINPROGRESS) return;
        if (is_alone()) return;
        if (error.value() != EINTR && !blocking_) return;
        wait(POLLOUT, until, error);
        if (!error) error = take_error();
        return;
    }
    if (!is_alone()) error.clear();
}
inline void socket::connect(const socket_address& where) {
    std::error_code error;
    connect(where, error);
    if (error) detail::throw_error(error, "connect ", where.to_string());
}

inline std::size_t socket::recv_until(mutable_buffer buffer, int flags, time_point until,
                                      std::error_code& error) noexcept {
    const auto size =
        attempt([&] { return ::recv(descriptor_, buffer.data(), buffer.size(), flags); }, POLLIN, flags, until, error);
    return size < 0 ? 0 : static_cast<std::size_t>(size);
}
inline std::size_t socket::recv(mutable_buffer buffer, std::error_code& error, int flags) noexcept {
    return recv_until(buffer, flags, time_point::min(), error);
}
inline std::size_t socket::recv(mutable_buffer buffer, int flags) {
    std::error_code error;
    const std::size_t size = recv(buffer, error, flags);
    if (error) fail_with_peer(error, "recv from");
    return size;
}

inline std::size_t socket::recv_exact(mutable_buffer buffer, std::error_code& error) noexcept {
    error.clear();
    const time_point until = end_of_call();
    std::size_t filled = 0;
    while (filled < buffer.size()) {
        if (filled > 0 && is_too_late(until)) {
            error = std::make_error_code(std::errc::timed_out);
            return filled;
        }
        const std::size_t size = recv_until(buffer.subspan(filled), 0, until, error);
        if (error) return filled;
        if (size == 0) {
            if (filled > 0) error = std::make_error_code(std::errc::protocol_error);
            return filled;
        }
        filled += size;
    }
    return filled;
}
inline std::size_t socket::recv_exact(mutable_buffer buffer) {
    std::error_code error;
    const std::size_t filled = recv_exact(buffer, error);
    if (error)
        fail_with_peer(
            error,
            detail::joined("recv_exact (", std::to_string(filled), " of ", std::to_string(buffer.size()), " bytes",
                           error == std::errc::protocol_error ? ", then the end of the stream" : "", ") from"));
    return filled;
}

inline std::size_t socket::send_until(const_buffer bytes, int flags, time_point until,
                                      std::error_code& error) noexcept {
    const auto size = attempt([&] { return ::send(descriptor_, bytes.data(), bytes.size(), flags | MSG_NOSIGNAL); },
                              POLLOUT, flags, until, error);
    return size < 0 ? 0 : static_cast<std::size_t>(size);
}
inline std::size_t socket::send(const_buffer bytes, std::error_code& error, int flags) noexcept {
    return send_until(bytes, flags, time_point::min(), error);
}
inline std::size_t socket::send(const_buffer bytes, int flags) {
    std::error_code error;
    const std::size_t size = send(bytes, error, flags);
    if (error) fail_with_peer(error, "send to");
    return size;
}

inline std::size_t socket::send_all_until(const_buffer bytes, time_point until, std::error_code& error) noexcept {
    std::size_t sent = 0;
    do {
        if (sent > 0 && is_too_late(until)) {  // the kernel takes part of the bytes whenever its buffer fills
            error = std::make_error_code(std::errc::timed_out);
            break;
        }
        sent += send_until(bytes.subspan(sent), 0, until, error);
    } while (!error && sent < bytes.size());
    is_cut_ = error && blocking_;  // a caller that does not wait keeps the rest and sends it later
    return sent;
}
inline std::size_t socket::send_all(const_buffer bytes, std::error_code& error) noexcept {
    return send_all_until(bytes, end_of_call(), error);
}
inline void socket::send_all(const_buffer bytes) {
    std::error_code error;
    const std::size_t sent = send_all(bytes, error);
    if (error)
        fail_with_peer(error, detail::joined("send_all (", std::to_string(sent), " of ", std::to_string(bytes.size()),
                                             " bytes sent) to"));
}

inline std::uint64_t socket::send_file(const input_file& file, const send_file_options& options,
                                       std::error_code& error) {
    detail::file_part part{file, options, error};
    if (error) return 0;
    const time_point until = end_of_call();
    const bool is_in_steps = options.progress || until != time_point::max();
    bool is_read = false, is_file_error = false;
    while (!error && !part.is_done()) {
        if (part.sent() > 0 && is_too_late(until)) {
            error = std::make_error_code(std::errc::timed_out);
            break;
        }
        const std::uint64_t before = part.sent();
        if (is_read) {
            // A pipe or a terminal may keep its reader waiting. The limits of the call hold for that wait, too.
            if (!blocking_ || stop_ || until != time_point::max() || answer_time_ != never) {
                wait_for(file.native_handle(), POLLIN, blocking_ ? until : time_point{}, error);
                if (error == std::errc::timed_out && !blocking_) error = std::make_error_code(would_block);
            }
            std::byte room[detail::file_part::block];
            std::span<const std::byte> bytes{room, error ? 0 : part.read(room, sizeof room, true, error)};
            is_file_error = static_cast<bool>(error);
            while (!error && !bytes.empty()) {
                const std::size_t size = send_until(bytes, 0, until, error);
                part.taken(size);
                bytes = bytes.subspan(size);
            }
        } else {
            const std::size_t most = is_in_steps ? detail::file_part::largest_step : 0x7fff'f000;  // sendfile(2)
            attempt([&] { return part.step(descriptor_, most); }, POLLOUT, 0, until, error);
            if ((is_read = error && part.is_refused(error.value()))) {
                error.clear();
                continue;
            }
        }
        if (part.sent() == before) break;  // the end of the file, or an error
        is_cut_ = blocking_;               // in case the callback throws
        options.progress(part.sent());
    }
    is_cut_ = error && blocking_ && (part.sent() > 0 || !is_file_error);
    return part.sent();
}
inline std::uint64_t socket::send_file(const input_file& file, const send_file_options& options) {
    std::error_code error;
    const std::uint64_t sent = send_file(file, options, error);
    if (file.error()) detail::throw_error(file.error(), "open ", file.name());
    if (error)
        fail_with_peer(error, detail::joined("send_file ", file.name(), " (", std::to_string(sent), " bytes sent) to"));
    return sent;
}

inline void socket::tell_local_address(std::error_code& error) noexcept {
    const int on = 1;
    const auto yes = detail::bytes_of(on);
    const socket_address local = local_endpoint(error);
    if (!error && !local.is_ip()) error = std::make_error_code(std::errc::address_family_not_supported);
    if (error) return;
    if (local.family() == address_family::inet6) set_option(IPPROTO_IPV6, IPV6_RECVPKTINFO, yes, error);
    if (!error) set_option(IPPROTO_IP, IP_PKTINFO, yes, error);  // an IPv6 socket's IPv4 side has it as well
    if (!error) take_notes();
}
inline void socket::tell_local_address() {
    std::error_code error;
    tell_local_address(error);
    if (error) fail(error, "tell_local_address");
}

inline void socket::tell_details(std::error_code& error) noexcept {
    const int on = 1;
    const auto yes = detail::bytes_of(on);
    tell_local_address(error);
    if (error) return;
    std::error_code is_v4;
    set_option(IPPROTO_IPV6, IPV6_RECVHOPLIMIT, yes, is_v4);
    set_option(IPPROTO_IP, IP_RECVTTL, yes, error);
    if (!error) set_option(SOL_SOCKET, SO_TIMESTAMPNS, yes, error);
}
inline void socket::tell_details() {
    std::error_code error;
    tell_details(error);
    if (error) fail(error, "tell_details");
}

inline socket::received socket::receive_datagram(mutable_buffer buffer, std::span<char> control,
                                                 datagram_details* details, int flags,
                                                 std::error_code& error) noexcept {
    received result;
    const auto size = attempt(
        [&] {  // recvmsg() and not recvfrom(), which does not tell that a datagram was cut off
            iovec part{buffer.data(), buffer.size()};
            msghdr message{};
            message.msg_name = result.sender.data();
            message.msg_namelen = socket_address::capacity;
            message.msg_iov = &part;
            message.msg_iovlen = 1;
            message.msg_control = takes_notes_ ? control.data() : nullptr;
            message.msg_controllen = static_cast<decltype(message.msg_controllen)>(takes_notes_ ? control.size() : 0);
            const auto got = ::recvmsg(descriptor_, &message, flags);
            if (got >= 0) {
                result.sender.resize(message.msg_namelen);
                result.truncated = (message.msg_flags & MSG_TRUNC) != 0;
                if (message.msg_controllen > 0) result.local = detail::datagram_notes::of(message).local;
                if (details) *details = detail::details_note::of(message);  // all empty if nothing was reported
            }
            return got;
        },
        POLLIN, flags, time_point::min(), error);
    if (size > 0) result.bytes = buffer.first(detail::min(static_cast<std::size_t>(size), buffer.size()));
    return result;
}
inline socket::received socket::recv_from(mutable_buffer buffer, std::error_code& error, int flags) noexcept {
    alignas(cmsghdr) detail::details_note::buffer notes;  // after tell_details() the kernel reports more than the address
    return receive_datagram(buffer, notes, nullptr, flags, error);
}
inline socket::received socket::recv_from(mutable_buffer buffer, datagram_details& details, std::error_code& error,
                                          int flags) noexcept {
    alignas(cmsghdr) detail::details_note::buffer notes;
    return receive_datagram(buffer, notes, &details, flags, error);
}
inline socket::received socket::recv_from(mutable_buffer buffer, datagram_details& details, int flags) {
    std::error_code error;
    const received result = recv_from(buffer, details, error, flags);
    if (error) fail(error, "recv_from");
    return result;
}
inline socket::received socket::recv_from(mutable_buffer buffer, int flags) {
    std::error_code error;
    const received result = recv_from(buffer, error, flags);
    if (error) fail(error, "recv_from");
    return result;
}

inline void socket::send_to(const_buffer bytes, const socket_address& where, std::error_code& error,
                            int flags) noexcept {
    attempt(
        [&] {
            return ::sendto(descriptor_, bytes.data(), bytes.size(), flags | MSG_NOSIGNAL, where.data(), where.size());
        },
        POLLOUT, flags, time_point::min(), error);
}
inline void socket::send_to(const_buffer bytes, const socket_address& where, int flags) {
    std::error_code error;
    send_to(bytes, where, error, flags);
    if (error) detail::throw_error(error, "send_to ", where.to_string(), " (", std::to_string(bytes.size()), " bytes)");
}

inline void socket::send_to(const_buffer bytes, const socket_address& where, const ip_address& from,
                            std::error_code& error, int flags) noexcept {
    detail::source_note source;
    source.choose(from, error);
    if (error) return;
    if (source.size() == 0) return send_to(bytes, where, error, flags);
    iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
    msghdr message{};
    message.msg_name = const_cast<sockaddr*>(where.data());
    message.msg_namelen = where.size();
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    source.add_to(message);
    attempt([&] { return ::sendmsg(descriptor_, &message, flags | MSG_NOSIGNAL); }, POLLOUT, flags, time_point::min(),
            error);
}
inline void socket::send_to(const_buffer bytes, const socket_address& where, const ip_address& from, int flags) {
    std::error_code error;
    send_to(bytes, where, from, error, flags);
    if (error)
        detail::throw_error(error, "send_to ", where.to_string(), " from ", from.to_string(), " (",
                            std::to_string(bytes.size()), " bytes)");
}

inline std::pair<socket, socket> socket_pair(socket_type type) {
    int descriptors[2];
    if (::socketpair(AF_UNIX, static_cast<int>(type) | SOCK_CLOEXEC, 0, descriptors) != 0)
        detail::throw_error(detail::last_error(), "socketpair");
    return {socket{descriptors[0]}, socket{descriptors[1]}};
}

}  // namespace netnotes

#endif  // NETNOTES_SOCKET_SOCKET_HPP
