// netnotes/socket/socket.hpp: the socket
// SPDX-License-Identifier: MIT
//
// A socket is an end of a conversation, held by the kernel; the program holds a small number that stands for
// it, the *descriptor*. It need not be an end of a connection: a datagram socket has none, and a listening
// socket only makes them. This header owns the descriptor (it is closed exactly once, whatever happens), and
// handles once, here, what every program otherwise gets wrong for itself:
//
//   a signal interrupts a call (EINTR)       the call goes on, with the time that is left
//   the peer is gone (SIGPIPE)               an error, not the death of the process
//   a timeout                                a point in time: a peer that sends a byte a second cannot stretch
//                                            it; and it is reported as errc::timed_out, never as EAGAIN
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
// Each call has two forms. The plain one throws std::system_error. The one with a std::error_code at its end
// does not throw; it is for outcomes that a program expects, as Python's connect_ex is for connect.
//
//   Python                          C                                here
//   socket(family, type)            socket                           socket{family, type}
//   bind, listen, accept            bind, listen, accept4            bind, listen, accept
//   connect / connect_ex            connect                          connect(where) / connect(where, error)
//   recv / recv_into                recv                             recv(buffer): the buffer is yours; recv_exact
//   send / sendall                  send / a loop                    send / send_all
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
// Below it:      socket/buffer.hpp, time and bytes; socket/options.hpp; socket/address.hpp, names; socket/stop.hpp
// The notes:     socket 至 公共用途的套接字函数 (sockets and their methods); examples 01, 05 and 10

#ifndef NETNOTES_SOCKET_SOCKET_HPP
#define NETNOTES_SOCKET_SOCKET_HPP

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <new>
#include <optional>
#include <ratio>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

#include "../ip/endpoint.hpp"
#include "address.hpp"
#include "buffer.hpp"
#include "options.hpp"
#include "stop.hpp"

namespace netnotes {

// ---- The socket ----------------------------------------------------------------------------------------

enum class shutdown_direction : int { receive = SHUT_RD, send = SHUT_WR, both = SHUT_RDWR };

/// A socket, owned: moved, never copied, closed by the destructor.
///
/// Whether a call waits is decided by its mode: it waits for ever (as made), for a time (set_timeout,
/// set_deadline), or not at all (set_blocking(false): errc::operation_would_block). stop_with() ends a wait
/// early with errc::operation_canceled. Two threads may use one socket, one to send and one to receive, but
/// no thread may close it or change its mode while another uses it.
class socket {
  public:
    using native_handle_type = int;

    /// None: is_open() is false.
    socket() noexcept = default;
    /// A new one. `protocol` 0 is the only one that goes with family and type.
    explicit socket(address_family family, socket_type type, int protocol = 0);
    socket(address_family family, socket_type type, int protocol, std::error_code& error) noexcept;
    /// Takes over a descriptor that is open. `blocking` is the mode in which it is; it is not changed.
    explicit socket(native_handle_type descriptor, bool blocking = true) noexcept
        : descriptor_{descriptor}, blocking_{blocking} {}
    socket(socket&& other) noexcept { swap(other); }
    socket& operator=(socket&& other) noexcept {
        socket{std::move(other)}.swap(*this);
        return *this;
    }
    ~socket() {
        std::error_code ignored;
        if (is_open()) close(ignored);
    }
    void swap(socket& other) noexcept {
        std::swap(descriptor_, other.descriptor_);
        std::swap(blocking_, other.blocking_);
        std::swap(timeout_, other.timeout_);
        std::swap(deadline_, other.deadline_);
        std::swap(stop_, other.stop_);
        std::swap(answer_time_, other.answer_time_);
        std::swap(answer_end_, other.answer_end_);
        std::swap(is_cut_, other.is_cut_);
        std::swap(takes_notes_, other.takes_notes_);
    }

    [[nodiscard]] bool is_open() const noexcept { return descriptor_ >= 0; }
    [[nodiscard]] native_handle_type native_handle() const noexcept { return descriptor_; }
    /// Gives the descriptor away: it is the caller's to close. It is non-blocking if a timeout, a deadline, a stop or
    /// set_blocking(false) was in force.
    [[nodiscard]] native_handle_type release() noexcept { return std::exchange(descriptor_, -1); }

    // -- as a server

    /// Gives the socket its own address; port 0 lets the system choose. errc::address_in_use, and
    /// errc::permission_denied below port 1024 (ip(7)).
    void bind(const socket_address& where);
    void bind(const socket_address& where, std::error_code& error) noexcept;
    /// Lets connections come in. `backlog` is how many may be complete and not yet accepted, and Linux lets in
    /// one more; it is capped by net.core.somaxconn. Nobody beyond is *refused*: his SYN is dropped and tried
    /// again, so he is late (listen(2)). A negative number stands for the most that the system allows.
    void listen(int backlog = SOMAXCONN);
    void listen(int backlog, std::error_code& error) noexcept;

    struct accepted;
    /// Waits for the next connection. The new socket waits without a limit, or not at all if this one does not
    /// wait, and is stopped by what stops this one. A connection that died in the queue is passed over.
    ///
    /// Where descriptors or memory are short (EMFILE, ENFILE, ENOBUFS, ENOMEM) the first form tries again every 100 ms, as
    /// long as this socket may wait: so `for (;;) serve(listener.accept());` survives a crowd. The second form reports it.
    accepted accept();
    accepted accept(std::error_code& error) noexcept;

    // -- as a client

    /// For a stream, opens a connection and waits until it stands or has failed. For a datagram socket, fixes
    /// whom send() goes to and recv() hears from. After a failure make a new socket: POSIX leaves this one's
    /// state open. errc::connection_refused, timed_out, network_unreachable, ...
    ///
    /// A stream never connects to itself. Where nobody listens on a port from which the system takes the clients' own
    /// ports, TCP can open a connection from that port to that port, and then reads what it has sent (a simultaneous
    /// open, RFC 9293 §3.5). It is reset here, and the error is errc::connection_refused: nobody listens there.
    void connect(const socket_address& where);
    void connect(const socket_address& where, std::error_code& error) noexcept;

    // -- both

    /// At most buffer.size() bytes, at least one; 0 at the end of the stream, and then at every call. It is not
    /// a message: what the peer sent in one piece may come in many, and the reverse. (With an empty buffer the
    /// answer is always 0, so do not ask.) `flags` as in recv(2); with MSG_DONTWAIT this call does not wait, and
    /// MSG_WAITALL holds only for a socket that waits for ever.
    std::size_t recv(mutable_buffer buffer, int flags = 0);
    std::size_t recv(mutable_buffer buffer, std::error_code& error, int flags = 0) noexcept;
    /// Exactly buffer.size() bytes, however many receives that takes; the timeout is for the whole. 0 when the stream
    /// had ended before the first of them, so that `while (s.recv_exact(header))` is a loop over messages; an end in
    /// the middle is errc::protocol_error. The second form returns how many bytes stand in the buffer beside the
    /// error, and the next call may go on behind them. For an empty buffer nobody is asked, and the answer is 0.
    std::size_t recv_exact(mutable_buffer buffer);
    std::size_t recv_exact(mutable_buffer buffer, std::error_code& error) noexcept;
    /// Hands bytes to the kernel and returns how many it took, perhaps not all. That they were taken does not
    /// mean that they have arrived, or have been sent at all. errc::broken_pipe, connection_reset.
    std::size_t send(const_buffer bytes, int flags = 0);
    std::size_t send(const_buffer bytes, std::error_code& error, int flags = 0) noexcept;
    /// All bytes, or an error. The timeout is for the whole. The second form returns how many the kernel took
    /// before the error, so that no byte's fate is unknown on this side; the first says it in what(). If a call that may
    /// wait fails, and none after it succeeds, close() sends a reset: an orderly end would say that all has been sent.
    void send_all(const_buffer bytes);
    std::size_t send_all(const_buffer bytes, std::error_code& error) noexcept;

    struct received {
        std::span<std::byte> bytes;  ///< the part of the buffer that was filled
        socket_address sender;       ///< of no family when a Unix socket without a name has sent it
        bool truncated = false;      ///< the datagram was longer than the buffer; what did not fit is lost
        /// To which of this host's addresses it came, if tell_local_address() asked for that; else 0.0.0.0. For
        /// a datagram to a broadcast address or an IPv4 group it is the address from which to answer; for one to
        /// an IPv6 group it is not known.
        ip_address local{};
    };
    /// One datagram and its sender. An empty datagram is a datagram: bytes is empty and the sender is set.
    received recv_from(mutable_buffer buffer, int flags = 0);
    received recv_from(mutable_buffer buffer, std::error_code& error, int flags = 0) noexcept;
    /// One datagram, whole or not at all: errc::message_size when it is too long for the protocol.
    void send_to(const_buffer bytes, const socket_address& where, int flags = 0);
    void send_to(const_buffer bytes, const socket_address& where, std::error_code& error, int flags = 0) noexcept;
    /// The same from one of this host's addresses, received::local: the sender of a question takes an answer only from
    /// the address that it asked. 0.0.0.0 and :: leave the choice to the system. errc::invalid_argument,
    /// network_unreachable when the host has no such address.
    void send_to(const_buffer bytes, const socket_address& where, const ip_address& from, int flags = 0);
    void send_to(const_buffer bytes, const socket_address& where, const ip_address& from, std::error_code& error,
                 int flags = 0) noexcept;
    /// From now on each datagram tells to which address it came: IP_PKTINFO (ip(7)), IPV6_RECVPKTINFO (RFC 3542 §6.1).
    /// It costs no system call, but some 70 ns for each datagram, so it is on only where it is needed:
    /// for sockets on the wildcard address. udp_socket and async_datagram call it for those.
    void tell_local_address();
    void tell_local_address(std::error_code& error) noexcept;

    /// Says goodbye in one direction, or both, and leaves the descriptor open. After shutdown(send) the peer
    /// reads the end of the stream, and can still be heard.
    void shutdown(shutdown_direction direction);
    void shutdown(shutdown_direction direction, std::error_code& error) noexcept;
    /// Gives back the descriptor. The connection ends when its last descriptor does (fork and dup make more);
    /// bytes that have come and were not read turn the goodbye into a reset. The destructor does the same.
    void close();
    void close(std::error_code& error) noexcept;

    [[nodiscard]] socket_address local_endpoint() const;
    [[nodiscard]] socket_address local_endpoint(std::error_code& error) const noexcept;
    [[nodiscard]] socket_address peer_endpoint() const;
    [[nodiscard]] socket_address peer_endpoint(std::error_code& error) const noexcept;

    /// errc::invalid_argument for a value out of the option's range.
    template <class Option>
    void set_option(const Option& option) {
        if constexpr (requires { option.is_in_range(); })
            if (!option.is_in_range())
                fail(std::make_error_code(std::errc::invalid_argument), "set an option out of its range");
        const auto native = option.to_native();
        set_option(Option::level, Option::name, std::as_bytes(std::span{&native, 1}));
    }
    template <class Option>
    void set_option(const Option& option, std::error_code& error) noexcept {
        if constexpr (requires { option.is_in_range(); })
            if (!option.is_in_range()) {
                error = std::make_error_code(std::errc::invalid_argument);
                return;
            }
        const auto native = option.to_native();
        set_option(Option::level, Option::name, std::as_bytes(std::span{&native, 1}), error);
    }
    /// The option's value: bool, int, ... as its type has it.
    template <class Option>
    [[nodiscard]] auto get_option() const {
        typename Option::native_type native{};
        get_option(Option::level, Option::name, std::as_writable_bytes(std::span{&native, 1}));
        return Option::from_native(native);
    }
    /// As in C, for options that have no type here. All forms throw std::system_error. (SO_RCVTIMEO and SO_SNDTIMEO
    /// have no effect on the calls of this class, which go on waiting: set_timeout() is what limits them.)
    void set_option(int level, int name, std::span<const std::byte> value);
    void set_option(int level, int name, std::span<const std::byte> value, std::error_code& error) noexcept;
    void set_option(int level, int name, int value) { set_option(level, name, std::as_bytes(std::span{&value, 1})); }
    /// Returns how many bytes of `value` were filled.
    std::size_t get_option(int level, int name, std::span<std::byte> value) const;
    std::size_t get_option(int level, int name, std::span<std::byte> value, std::error_code& error) const noexcept;
    /// SO_ERROR: what went wrong in the background, told once; no error when nothing did.
    [[nodiscard]] std::error_code take_error() noexcept;

    // -- how long a call may take

    // These throw std::system_error when the descriptor cannot be switched; the mode is then what it was.

    /// Every call from now on takes at most so long, all its parts and waits together; then errc::timed_out.
    /// `never` is for ever, zero or less is now.
    void set_timeout(wait_time timeout);
    /// All calls from now on end by that moment: for an exchange of many calls that as a whole has a limit.
    void set_deadline(time_point deadline);
    /// Every call from now on also fails with errc::timed_out when nothing has been sent for `time`. So a peer cannot keep
    /// a server by a byte now and then that is never a whole request; and a dialogue may last for ever. The time begins
    /// now, and again with each send. It holds beside set_timeout() and set_deadline(). `never` ends it.
    void set_answer_timeout(wait_time time);
    /// `never` unless set_timeout() said otherwise.
    [[nodiscard]] duration timeout() const noexcept { return timeout_; }
    [[nodiscard]] time_point deadline() const noexcept { return deadline_; }
    /// false: no call waits; what it cannot do at once is errc::operation_would_block. true: they wait again,
    /// for ever.
    void set_blocking(bool blocking);
    [[nodiscard]] bool is_blocking() const noexcept { return blocking_; }
    /// Once a stop is requested, every call that may wait ends with errc::operation_canceled, at once. The event
    /// must outlive the socket's last call. Accepted sockets follow the same event.
    void stop_with(const stop_event& stop);

    /// Waits until the socket can be read (POLLIN) or written (POLLOUT), an error included, or until `until`.
    /// For calls of your own on native_handle().
    void wait(short events, time_point until, std::error_code& error) const noexcept;

  protected:
    // For sockets that make system calls of their own, under the same rules.
    time_point end_of_call() const noexcept;
    template <class Call>
    auto attempt(Call call, short events, int flags, time_point until, std::error_code& error) const noexcept;
    [[noreturn]] void fail(const std::error_code& error, const std::string& what) const;
    /// recv_from() gives the kernel room for notes. Never on a Unix socket: there they could be descriptors that a
    /// stranger passes, and that nobody would close.
    void take_notes() noexcept { takes_notes_ = true; }

  private:
    friend class detail::borrowed_socket;  // of coro/io/socket.hpp
    // O_NONBLOCK is set whenever a call must not wait inside the kernel: there it could neither be timed nor
    // stopped. (recv() would do with a flag, but accept() and connect() have none.)
    void change_mode(bool blocking, duration timeout, time_point deadline, const stop_event* stop) {
        change_mode(blocking, timeout, deadline, stop, answer_time_);
    }
    void change_mode(bool blocking, duration timeout, time_point deadline, const stop_event* stop, duration answer_time);
    std::error_code forbidden() const noexcept;
    void wait_a_moment(time_point until, std::error_code& error) const noexcept;
    bool has_no_port() const noexcept;
    std::size_t recv_until(mutable_buffer buffer, int flags, time_point until, std::error_code& error) noexcept;
    std::size_t send_until(const_buffer bytes, int flags, time_point until, std::error_code& error) noexcept;
    [[noreturn]] void fail_with_peer(const std::error_code& error, const std::string& what) const;

    native_handle_type descriptor_ = -1;
    bool blocking_ = true;
    bool takes_notes_ = false;
    duration timeout_ = never;
    time_point deadline_ = time_point::max();
    const stop_event* stop_ = nullptr;
    duration answer_time_ = never;
    time_point answer_end_ = time_point::max();
    bool is_cut_ = false;  ///< the last send_all() has failed
};

struct socket::accepted {
    socket connection;
    socket_address peer;
};

/// Two connected sockets without names, for parent and child or for two threads (socketpair(2)).
[[nodiscard]] std::pair<socket, socket> socket_pair(socket_type type = socket_type::stream);

// ========================================================================================================
// How it is done. A reader who only uses sockets can stop here.
// ========================================================================================================

namespace detail {
inline bool would_block(int error) noexcept { return error == EAGAIN || error == EWOULDBLOCK; }
/// Of accept(): an error that will not pass.
inline bool is_not_listening(const std::error_code& error) noexcept {
    return error.value() == EBADF || error.value() == EINVAL || error.value() == ENOTSOCK;
}
/// Of accept(), and of what makes room for a connection: it may pass, and the client waits in the queue.
inline bool is_shortage(int error) noexcept {
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}
/// ... and how long to wait before the next attempt, which would else keep a processor busy.
inline constexpr duration accept_pause = std::chrono::milliseconds{100};
}  // namespace detail

// ---- making, waiting, failing

inline socket::socket(address_family family, socket_type type, int protocol, std::error_code& error) noexcept
    : descriptor_{::socket(static_cast<int>(family), static_cast<int>(type) | SOCK_CLOEXEC, protocol)} {
    error = is_open() ? std::error_code{} : detail::last_error();
}

inline socket::socket(address_family family, socket_type type, int protocol) {
    std::error_code error;
    socket{family, type, protocol, error}.swap(*this);
    if (error) detail::throw_error(error, "socket");
}

/// "listen on 0.0.0.0:80: Address already in use"
inline void socket::fail(const std::error_code& error, const std::string& what) const {
    std::error_code unknown;
    const socket_address local = local_endpoint(unknown);
    detail::throw_error(error, what, unknown ? "" : " on ", unknown ? "" : local.to_string());
}

/// "recv from 192.0.2.1:80: Connection reset by peer". The peer is asked for only now that it is needed; once
/// the connection is gone the kernel has forgotten him, and our own address must do.
inline void socket::fail_with_peer(const std::error_code& error, const std::string& what) const {
    std::error_code unknown;
    const socket_address peer = peer_endpoint(unknown);
    if (unknown) fail(error, detail::joined(what, " the peer"));
    detail::throw_error(error, what, ' ', peer.to_string());
}

namespace detail {
inline time_point later(time_point start, duration time) noexcept {
    return time > time_point::max() - start ? time_point::max() : start + time;  // `never` would overflow
}
inline time_point end_of(duration timeout) noexcept { return later(clock::now(), std::max(timeout, duration::zero())); }

/// Converts a time for ppoll(2) and pselect(2), rounded up to nanoseconds, so that they never return early. Where time_t
/// has 32 bits the kernel refuses more than 68 years (EINVAL), so 68 years are the longest.
inline timespec to_timespec(duration time) noexcept {
    using std::chrono::nanoseconds, std::chrono::seconds;
    const nanoseconds whole = std::chrono::ceil<nanoseconds>(time);
    constexpr std::int64_t longest = std::numeric_limits<time_t>::max();
    return {static_cast<time_t>(std::min<std::int64_t>(whole / seconds{1}, longest)),
            static_cast<decltype(timespec::tv_nsec)>((whole % seconds{1}).count())};
}

/// poll(2) until one of them is ready, errc::timed_out when none was by then, whatever signals come.
inline void poll_until(std::span<pollfd> watched, time_point until, std::error_code& error) noexcept {
    for (;;) {
        timespec left{};
        if (until != time_point::max()) {
            const time_point now = clock::now();
            left = to_timespec(until > now ? until - now : duration::zero());
        }
        const int ready =
            ::ppoll(watched.data(), watched.size(), until == time_point::max() ? nullptr : &left, nullptr);
        if (ready < 0 && errno == EINTR) continue;  // with the time that is left
        error = ready < 0 ? last_error() : ready == 0 ? std::make_error_code(std::errc::timed_out) : std::error_code{};
        return;
    }
}

/// Waits for a descriptor (or none, -1) and for a stop (or none).
inline void wait_for(int descriptor, short events, const stop_event* stop, time_point until,
                     std::error_code& error) noexcept {
    pollfd watched[2] = {{descriptor, events, 0}, {stop ? stop->native_handle() : -1, POLLIN, 0}};
    poll_until(watched, until, error);
    if (!error && watched[1].revents != 0) error = std::make_error_code(std::errc::operation_canceled);
}
}  // namespace detail

inline void socket::wait(short events, time_point until, std::error_code& error) const noexcept {
    if (!is_open()) {  // poll(2) would pass over it, and wait
        error = std::make_error_code(std::errc::bad_file_descriptor);
        return;
    }
    detail::wait_for(descriptor_, events, stop_, until, error);
}
/// For what cannot be polled: to look again now and then.
inline void socket::wait_a_moment(time_point until, std::error_code& error) const noexcept {
    detail::wait_for(-1, 0, stop_, std::min(until, clock::now() + std::chrono::milliseconds{5}), error);
    if (error == std::errc::timed_out && clock::now() < until) error.clear();
}

inline time_point socket::end_of_call() const noexcept {
    return std::min(answer_end_, timeout_ == never ? deadline_ : detail::end_of(timeout_));
}

/// What forbids a call even to begin. Without this a peer who always has something for us would carry the
/// program past its deadline, or past a stop, without one wait in which they could be noticed.
inline std::error_code socket::forbidden() const noexcept {
    if (stop_ && stop_->stop_requested()) return std::make_error_code(std::errc::operation_canceled);
    const time_point end = std::min(deadline_, answer_end_);
    if (end != time_point::max() && clock::now() >= end) return std::make_error_code(std::errc::timed_out);
    return {};
}

/// A datagram socket is given a port by its first send or connect, and when all are in use the kernel says EAGAIN.
inline bool socket::has_no_port() const noexcept {
    std::error_code error;
    const socket_address local = local_endpoint(error);
    return !error && local.is_ip() && local.ip().port() == 0;
}

/// Makes the system call, again when a signal interrupted it, and waits where it could not go on and may wait.
/// Without a deadline a call that succeeds at once costs that one system call and no look at the clock.
template <class Call>
auto socket::attempt(Call call, short events, int flags, time_point until, std::error_code& error) const noexcept {
    decltype(call()) result = -1;
    if ((error = forbidden())) return result;
    // poll() may say that a call can go on which cannot. It sees our own queue, but not that of the Unix socket whom
    // send_to() names. It calls a datagram readable whose checksum is wrong, and a datagram socket that was shut down;
    // and another thread may be faster. Neither the processor nor the time limit may be lost on that.
    const int max_in_a_row = events == POLLOUT ? 1 : 16;
    for (int polls_in_a_row = 0;;) {
        result = call();
        if (result >= 0) {
            error.clear();
            return result;
        }
        if (errno == EINTR) continue;
        error = detail::last_error();
        if (!detail::would_block(errno) || !blocking_ || (flags & (MSG_DONTWAIT | MSG_ERRQUEUE)) != 0) return result;
        if (events == POLLOUT && has_no_port()) {
            error = std::make_error_code(std::errc::address_not_available);
            return result;
        }
        if (until == time_point::min()) until = end_of_call();
        if (polls_in_a_row++ < max_in_a_row) {
            wait(events, until, error);
        } else {
            wait_a_moment(until, error);
            polls_in_a_row = 0;
        }
        if (error) return result;
    }
}

inline void socket::change_mode(bool blocking, duration timeout, time_point deadline, const stop_event* stop,
                                duration answer_time) {
    const auto waits = [](bool is_blocking, duration time, time_point end, const stop_event* event, duration answer) {
        return is_blocking && time == never && end == time_point::max() && !event && answer == never;
    };
    const bool in_kernel = waits(blocking, timeout, deadline, stop, answer_time);
    if (in_kernel != waits(blocking_, timeout_, deadline_, stop_, answer_time_)) {
        const int flags = ::fcntl(descriptor_, F_GETFL);
        if (flags < 0 || ::fcntl(descriptor_, F_SETFL, in_kernel ? flags & ~O_NONBLOCK : flags | O_NONBLOCK) < 0)
            fail(detail::last_error(), "fcntl");
    }
    blocking_ = blocking;
    timeout_ = timeout;
    deadline_ = deadline;
    stop_ = stop;
    answer_time_ = answer_time;
}

inline void socket::set_timeout(wait_time timeout) { change_mode(true, timeout, time_point::max(), stop_); }
inline void socket::set_deadline(time_point deadline) { change_mode(true, never, deadline, stop_); }
inline void socket::set_answer_timeout(wait_time time) {
    change_mode(blocking_, timeout_, deadline_, stop_, time);
    answer_end_ = detail::end_of(time);
}
inline void socket::set_blocking(bool blocking) { change_mode(blocking, never, time_point::max(), stop_); }
inline void socket::stop_with(const stop_event& stop) { change_mode(blocking_, timeout_, deadline_, &stop); }

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
    error = ::listen(descriptor_, backlog < 0 ? SOMAXCONN : backlog) == 0 ? std::error_code{} : detail::last_error();
}
inline void socket::listen(int backlog) {
    std::error_code error;
    listen(backlog, error);
    if (error) fail(error, "listen");
}

namespace detail {
/// The connection failed while it stood in the queue; that is no fault of the listener's (accept(2), "Error handling").
/// The next one may be well.
inline bool is_passed_over(int error) noexcept {
    constexpr std::array errors{ECONNABORTED, ENETDOWN, EPROTO,       ENOPROTOOPT,
                                EHOSTDOWN,    ENONET,   EHOSTUNREACH, ENETUNREACH};
    return std::find(errors.begin(), errors.end(), error) != errors.end();
}
}  // namespace detail

inline socket::accepted socket::accept(std::error_code& error) noexcept {
    accepted result;
    const bool new_waits_in_kernel = blocking_ && !stop_;
    const time_point until = end_of_call();
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
inline socket::accepted socket::accept() {
    const time_point until = end_of_call();
    for (;;) {
        std::error_code error;
        accepted result = accept(error);
        if (!error) return result;
        if (!blocking_ || !detail::is_shortage(error.value()) || clock::now() >= until) fail(error, "accept");
        std::error_code is_over;
        detail::wait_for(-1, 0, stop_, std::min(until, clock::now() + detail::accept_pause), is_over);
        if (is_over == std::errc::operation_canceled) fail(is_over, "accept");
    }
}

namespace detail {
/// Has connect() just begun to connect this stream to itself? The local endpoint is known as soon as connect(2) returns,
/// also when it goes on in the background. The wildcard address stands for the loopback one.
inline bool meets_itself(int descriptor, const socket_address& where) noexcept {
    if (!where.is_ip()) return false;
    socket_address local;
    socklen_t size = socket_address::capacity;
    if (::getsockname(descriptor, local.data(), &size) != 0) return false;
    local.resize(size);
    if (!local.is_ip()) return false;
    const endpoint own = local.ip(), other = where.ip();
    if (own.port() != other.port()) return false;
    const ip_address wanted = other.address().unmapped();
    if (!wanted.is_unspecified() && own.address().unmapped() != wanted) return false;
    int type = 0;
    socklen_t type_size = sizeof type;  // a datagram socket may well be its own peer
    return ::getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &type_size) == 0 && type == SOCK_STREAM;
}
/// Resets a connection and leaves the socket without one (connect(2), AF_UNSPEC).
inline void dissolve(int descriptor) noexcept {
    const sockaddr nobody{.sa_family = AF_UNSPEC, .sa_data = {}};
    ::connect(descriptor, &nobody, sizeof nobody);
}
}  // namespace detail

inline void socket::connect(const socket_address& where, std::error_code& error) noexcept {
    if ((error = forbidden())) return;
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
        // In that queue an interrupted connect() has not begun. Elsewhere it goes on by itself, and a second one would
        // only be told EALREADY: from here on it is the same as one that was not to wait.
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
        if (filled > 0 && until != time_point::max() && clock::now() >= until) {  // see send_all()
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
    if (size > 0 && answer_time_ != never) answer_end_ = detail::end_of(answer_time_);
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

inline std::size_t socket::send_all(const_buffer bytes, std::error_code& error) noexcept {
    const time_point until = end_of_call();
    std::size_t sent = 0;
    do {
        // The kernel takes part of the bytes whenever its buffer fills, so the limit is looked at here too:
        // a fast reader must not carry a long transfer past it without one wait.
        if (sent > 0 && until != time_point::max() && clock::now() >= until) {
            error = std::make_error_code(std::errc::timed_out);
            break;
        }
        sent += send_until(bytes.subspan(sent), 0, until, error);
    } while (!error && sent < bytes.size());
    is_cut_ = error && blocking_;  // one that does not wait keeps the rest, and sends it later
    return sent;
}
inline void socket::send_all(const_buffer bytes) {
    std::error_code error;
    const std::size_t sent = send_all(bytes, error);
    if (error)
        fail_with_peer(error, detail::joined("send_all (", std::to_string(sent), " of ", std::to_string(bytes.size()),
                                             " bytes sent) to"));
}

namespace detail {
/// What the kernel tells of a datagram beside its bytes: the size of each of several that it has merged (UDP_GRO), and
/// to which address they came.
struct datagram_notes {
    static constexpr std::size_t capacity =
        CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(in_pktinfo)) + CMSG_SPACE(sizeof(in6_pktinfo));
    using buffer = std::array<char, capacity>;  // to be aligned as a cmsghdr

    ip_address local{};        ///< one's own address, from which to answer; 0.0.0.0 when that is not known
    bool is_to_group = false;  ///< it came to a multicast or a broadcast address
    std::size_t segment = 0;   ///< 0: it is one datagram

    static datagram_notes of(msghdr& header) noexcept {
        datagram_notes notes;
        if (header.msg_controllen == 0) return notes;
        for (cmsghdr* part = CMSG_FIRSTHDR(&header); part; part = CMSG_NXTHDR(&header, part)) {
            const auto is = [&](int level, int type) { return part->cmsg_level == level && part->cmsg_type == type; };
            if (is(IPPROTO_IP, IP_PKTINFO)) {
                in_pktinfo info;
                std::memcpy(&info, CMSG_DATA(part), sizeof info);
                // A broadcast's or a group's local address is the one from which one would answer (ip(7)).
                notes.local = ipv4_address{ntohl(info.ipi_spec_dst.s_addr)};
                notes.is_to_group = info.ipi_addr.s_addr != info.ipi_spec_dst.s_addr;
            } else if (is(IPPROTO_IPV6, IPV6_PKTINFO)) {
                in6_pktinfo info;
                std::memcpy(&info, CMSG_DATA(part), sizeof info);
                if (IN6_IS_ADDR_V4MAPPED(&info.ipi6_addr)) continue;  // IP_PKTINFO knows that better
                sockaddr_in6 raw{};
                raw.sin6_family = AF_INET6;
                raw.sin6_addr = info.ipi6_addr;
                raw.sin6_scope_id = IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr) ? info.ipi6_ifindex : 0;
                notes.is_to_group = IN6_IS_ADDR_MULTICAST(&info.ipi6_addr);
                if (notes.is_to_group) continue;
                socket_address local;
                std::memcpy(local.data(), &raw, sizeof raw);
                local.resize(sizeof raw);
                notes.local = local.ip().address();
            } else if (is(IPPROTO_UDP, 104)) {  // UDP_GRO, which old headers lack
                int value = 0;
                std::memcpy(&value, CMSG_DATA(part), sizeof value);
                notes.segment = value > 0 ? static_cast<std::size_t>(value) : 0;
            }
        }
        return notes;
    }
};

/// The word to the kernel from which address a datagram is to leave.
class source_note {
  public:
    source_note() noexcept = default;
    /// 0.0.0.0 and :: say nothing. The zone of the address may be no interface: then there is an error.
    void choose(const ip_address& from, std::error_code& error) noexcept {
        size_ = 0;
        error.clear();
        if (from.is_unspecified()) return;
        try {
            const socket_address address{endpoint{from.unmapped(), 0}};
            if (address.family() == address_family::inet) {
                sockaddr_in raw;
                std::memcpy(&raw, address.data(), sizeof raw);
                in_pktinfo info{};  // without an interface: which way is the routing table's affair
                info.ipi_spec_dst = raw.sin_addr;
                write(IPPROTO_IP, IP_PKTINFO, info);
            } else {
                sockaddr_in6 raw;
                std::memcpy(&raw, address.data(), sizeof raw);
                in6_pktinfo info{};
                info.ipi6_addr = raw.sin6_addr;
                info.ipi6_ifindex = raw.sin6_scope_id;
                write(IPPROTO_IPV6, IPV6_PKTINFO, info);
            }
        } catch (const std::system_error& failure) {
            error = failure.code();
        } catch (const std::bad_alloc&) {
            error = std::make_error_code(std::errc::not_enough_memory);
        }
    }
    [[nodiscard]] const char* data() const noexcept { return bytes_.data(); }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    static constexpr std::size_t capacity = CMSG_SPACE(sizeof(in6_pktinfo));
    /// Says so in a message; this object must live until it is sent.
    void add_to(msghdr& message) noexcept {
        if (size_ == 0) return;
        message.msg_control = bytes_.data();
        message.msg_controllen = size_;
    }

  private:
    template <class Info>
    void write(int level, int type, const Info& info) noexcept {
        cmsghdr header{};
        header.cmsg_level = level;
        header.cmsg_type = type;
        header.cmsg_len = CMSG_LEN(sizeof info);
        bytes_ = {};
        std::memcpy(bytes_.data(), &header, sizeof header);
        std::memcpy(bytes_.data() + CMSG_LEN(0), &info, sizeof info);
        size_ = CMSG_SPACE(sizeof info);
    }
    alignas(cmsghdr) std::array<char, capacity> bytes_;
    std::size_t size_ = 0;
};
}  // namespace detail

inline void socket::tell_local_address(std::error_code& error) noexcept {
    const int on = 1;
    const auto yes = std::as_bytes(std::span{&on, 1});
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

inline socket::received socket::recv_from(mutable_buffer buffer, std::error_code& error, int flags) noexcept {
    received result;
    alignas(cmsghdr) detail::datagram_notes::buffer notes;
    const auto size = attempt(
        [&] {  // recvmsg() and not recvfrom(), which does not tell that a datagram was cut off
            iovec part{buffer.data(), buffer.size()};
            msghdr message{};
            message.msg_name = result.sender.data();
            message.msg_namelen = socket_address::capacity;
            message.msg_iov = &part;
            message.msg_iovlen = 1;
            message.msg_control = takes_notes_ ? notes.data() : nullptr;
            message.msg_controllen = takes_notes_ ? notes.size() : 0;
            const auto got = ::recvmsg(descriptor_, &message, flags);
            if (got >= 0) {
                result.sender.resize(message.msg_namelen);
                result.truncated = (message.msg_flags & MSG_TRUNC) != 0;
                if (message.msg_controllen > 0) result.local = detail::datagram_notes::of(message).local;
            }
            return got;
        },
        POLLIN, flags, time_point::min(), error);
    if (size > 0) result.bytes = buffer.first(std::min(static_cast<std::size_t>(size), buffer.size()));
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

inline void socket::shutdown(shutdown_direction direction, std::error_code& error) noexcept {
    error = ::shutdown(descriptor_, static_cast<int>(direction)) == 0 ? std::error_code{} : detail::last_error();
}
inline void socket::shutdown(shutdown_direction direction) {
    std::error_code error;
    shutdown(direction, error);
    if (error) fail_with_peer(error, "shutdown of the connection to");
}

inline void socket::close(std::error_code& error) noexcept {
    constexpr ::linger reset{1, 0};
    if (is_cut_) ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    // Never a second time, not even after EINTR: on Linux the descriptor is gone by then, and its number may
    // already belong to what another thread has just opened (close(2)).
    error = ::close(release()) == 0 ? std::error_code{} : detail::last_error();
}
inline void socket::close() {
    std::error_code error;
    close(error);
    if (error) detail::throw_error(error, "close");
}

inline socket_address socket::local_endpoint(std::error_code& error) const noexcept {
    socket_address address;
    socklen_t size = socket_address::capacity;
    error = ::getsockname(descriptor_, address.data(), &size) == 0 ? std::error_code{} : detail::last_error();
    address.resize(size);
    return address;
}
inline socket_address socket::local_endpoint() const {
    std::error_code error;
    const socket_address address = local_endpoint(error);
    if (error) detail::throw_error(error, "getsockname");
    return address;
}

inline socket_address socket::peer_endpoint(std::error_code& error) const noexcept {
    socket_address address;
    socklen_t size = socket_address::capacity;
    error = ::getpeername(descriptor_, address.data(), &size) == 0 ? std::error_code{} : detail::last_error();
    address.resize(size);
    return address;
}
inline socket_address socket::peer_endpoint() const {
    std::error_code error;
    const socket_address address = peer_endpoint(error);
    if (error) detail::throw_error(error, "getpeername");
    return address;
}

inline void socket::set_option(int level, int name, std::span<const std::byte> value, std::error_code& error) noexcept {
    error = ::setsockopt(descriptor_, level, name, value.data(), static_cast<socklen_t>(value.size())) == 0
                ? std::error_code{}
                : detail::last_error();
}
inline void socket::set_option(int level, int name, std::span<const std::byte> value) {
    std::error_code error;
    set_option(level, name, value, error);
    if (error) fail(error, detail::joined("setsockopt(", std::to_string(level), ", ", std::to_string(name), ')'));
}
inline std::size_t socket::get_option(int level, int name, std::span<std::byte> value,
                                      std::error_code& error) const noexcept {
    socklen_t size = static_cast<socklen_t>(value.size());
    error = ::getsockopt(descriptor_, level, name, value.data(), &size) == 0 ? std::error_code{} : detail::last_error();
    return error ? 0 : size;
}
inline std::size_t socket::get_option(int level, int name, std::span<std::byte> value) const {
    std::error_code error;
    const std::size_t size = get_option(level, name, value, error);
    if (error) fail(error, detail::joined("getsockopt(", std::to_string(level), ", ", std::to_string(name), ')'));
    return size;
}
inline std::error_code socket::take_error() noexcept {
    int pending = 0;
    std::error_code error;
    get_option(SOL_SOCKET, SO_ERROR, std::as_writable_bytes(std::span{&pending, 1}), error);
    return error ? error : std::error_code{pending, std::system_category()};
}

inline std::pair<socket, socket> socket_pair(socket_type type) {
    int descriptors[2];
    if (::socketpair(AF_UNIX, static_cast<int>(type) | SOCK_CLOEXEC, 0, descriptors) != 0)
        detail::throw_error(detail::last_error(), "socketpair");
    return {socket{descriptors[0]}, socket{descriptors[1]}};
}

}  // namespace netnotes

#endif  // NETNOTES_SOCKET_SOCKET_HPP
