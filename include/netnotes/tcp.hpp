// netnotes/tcp.hpp: connections
// SPDX-License-Identifier: MIT      version 0.1.0      copy with: ip_text.hpp ip.hpp stop.hpp socket_address.hpp socket.hpp
//
// TCP makes of a network that loses, doubles and reorders packets a pipe of bytes in each direction: what goes
// in at one end comes out at the other, all of it, in order, once, or the connection fails. It is reliable
// because it numbers every byte and sends again what is not acknowledged (RFC 9293 §2.2), not because it is
// "connection-oriented". What it does not keep are the borders between two sends: a receive is not a message.
//
//        client                                             server
//          |                                        tcp_listener{where}      socket, bind, listen
//        tcp_stream{where}   ──── SYN ─────────────────>  |
//          |                 <─── SYN, ACK ─────────────  |   the kernel answers; the program need not have
//          |                 ──── ACK ─────────────────>  |   called accept() yet
//          |                                        accept() -> stream, peer
//        send_all("hello")   ──── 5 bytes ─────────────>  recv() -> "hel", recv() -> "lo"
//        shutdown(send)      ──── FIN ─────────────────>  recv() -> 0: no more will come
//        recv() -> "bye"     <─── 3 bytes ──────────────  send_all("bye"): the other half is still open
//        recv() -> 0         <─── FIN ──────────────────  close()
//
// Whoever closes first keeps the connection's ghost for a minute (TIME_WAIT), and with it the port. A server
// that closes first could then not be started again on that port; hence listeners set SO_REUSEADDR, from the
// first run on, for on Linux it helps only if the earlier socket had it too.
//
// On this page:  tcp_stream · tcp_listener
// Above it:      tcp_server.hpp, servers that block
// The notes:     TCP服务器, TCP客户端 (server and client); example 10

#ifndef NETNOTES_TCP_HPP
#define NETNOTES_TCP_HPP

#if defined(NETNOTES_VERSION) && NETNOTES_VERSION != 100
#error "netnotes headers of two versions meet here: take all of them from one release"
#endif
#define NETNOTES_VERSION 100  // major * 10000 + minor * 100 + patch

#include <netinet/tcp.h>

#include <string>
#include <utility>

#include "socket.hpp"

namespace netnotes {

namespace option {
/// Send small pieces at once instead of waiting for the acknowledgment of those before (Nagle's algorithm,
/// RFC 9293 §3.7.4). Two small writes and then a read cost 40 ms without it. Accepted sockets inherit it.
using no_delay = flag<IPPROTO_TCP, TCP_NODELAY>;
}  // namespace option

/// One end of a TCP connection: the socket's calls that make sense for it.
class tcp_stream : private socket {
  public:
    /// None: is_open() is false.
    tcp_stream() noexcept = default;
    /// Takes over a connected stream socket.
    explicit tcp_stream(socket&& connected) noexcept : socket{std::move(connected)} {}
    /// Connects, and waits for it: as long as the system tries, about two minutes when nobody answers.
    /// Throws std::system_error.
    explicit tcp_stream(const endpoint& where) : tcp_stream{connect(where)} {}
    /// Connects within `timeout`, or errc::timed_out. The limit is for connecting only.
    static tcp_stream connect(const endpoint& where, duration timeout = never);
    static tcp_stream connect(const endpoint& where, duration timeout, std::error_code& error);
    /// Resolves the host and tries its addresses one after another, in the order of RFC 6724, until one
    /// answers: "localhost" may be ::1 first and 127.0.0.1 next. `timeout` is for all tries together, but not
    /// for the resolver. What is thrown is the last address's error.
    static tcp_stream connect(const std::string& host, std::uint16_t port, duration timeout = never);

    using socket::close;
    using socket::deadline;
    using socket::get_option;
    using socket::is_blocking;
    using socket::is_open;
    using socket::native_handle;
    using socket::recv;
    using socket::release;
    using socket::send;
    using socket::send_all;
    using socket::set_blocking;
    using socket::set_deadline;
    using socket::set_option;
    using socket::set_timeout;
    using socket::shutdown;
    using socket::stop_with;
    using socket::take_error;
    using socket::timeout;
    using socket::wait;

    [[nodiscard]] endpoint local_endpoint() const { return socket::local_endpoint().ip(); }
    /// errc::not_connected once a reset has come.
    [[nodiscard]] endpoint peer_endpoint() const { return socket::peer_endpoint().ip(); }
    /// The same end as a plain socket.
    [[nodiscard]] socket into_socket() && noexcept { return std::move(*this); }
};

struct listen_options {
    int backlog = SOMAXCONN;  ///< see socket::listen()
    /// An IPv6 wildcard listener also takes IPv4 clients, as ::ffff:a.b.c.d, unless this is set (RFC 3493 §5.3).
    bool ipv6_only = false;
    /// Share the port with other listeners that say the same.
    bool reuse_port = false;
};

/// A socket that makes connections. SO_REUSEADDR is set, for the reason on the first page.
class tcp_listener : private socket {
  public:
    tcp_listener() noexcept = default;
    /// socket, options, bind, listen. Port 0 lets the system choose: local_endpoint() tells. Bind the wildcard
    /// address to be reached from outside; the host's own name often stands for 127.0.1.1, and then only this
    /// host reaches the server. Throws std::system_error: errc::address_in_use, permission_denied.
    explicit tcp_listener(const endpoint& where, listen_options options = {});

    struct accepted {
        tcp_stream stream;
        endpoint peer;  ///< `peer.address().unmapped()` where IPv4 clients come to an IPv6 listener
    };
    /// Waits for the next connection; see socket::accept().
    accepted accept();
    accepted accept(std::error_code& error) noexcept;

    using socket::close;
    using socket::get_option;
    using socket::is_open;
    using socket::native_handle;
    using socket::set_blocking;
    using socket::set_deadline;
    using socket::set_option;
    using socket::set_timeout;
    using socket::stop_with;

    [[nodiscard]] endpoint local_endpoint() const { return socket::local_endpoint().ip(); }
    [[nodiscard]] socket into_socket() && noexcept { return std::move(*this); }
};

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {
inline address_family family_of(const endpoint& where) noexcept {
    return where.address().is_v4() ? address_family::inet : address_family::inet6;
}
inline socket connect_by(const endpoint& where, time_point until, std::error_code& error) {
    socket_address address;
    try {
        address = socket_address{where};
    } catch (const std::system_error& failure) {  // its zone is no interface
        error = failure.code();
        return {};
    }
    socket connecting{family_of(where), socket_type::stream, 0, error};
    if (error) return {};
    if (until != time_point::max()) connecting.set_deadline(until);
    connecting.connect(address, error);
    if (error) return {};
    if (until != time_point::max()) connecting.set_blocking(true);
    return connecting;
}
}  // namespace detail

inline tcp_stream tcp_stream::connect(const endpoint& where, duration timeout, std::error_code& error) {
    return tcp_stream{detail::connect_by(where, detail::end_of(timeout), error)};
}
inline tcp_stream tcp_stream::connect(const endpoint& where, duration timeout) {
    std::error_code error;
    tcp_stream stream = connect(where, timeout, error);
    if (error) detail::throw_error(error, "connect ", where.to_string());
    return stream;
}
inline tcp_stream tcp_stream::connect(const std::string& host, std::uint16_t port, duration timeout) {
    const auto endpoints = resolve(host, port);
    const time_point until = detail::end_of(timeout);
    std::error_code error;
    for (const endpoint& where : endpoints) {
        tcp_stream stream{detail::connect_by(where, until, error)};
        if (!error) return stream;
    }
    std::string last;
    if (endpoints.size() > 1)
        last = detail::joined(" (the last of ", std::to_string(endpoints.size()),
                              " addresses: ", endpoints.back().to_string(), ')');
    detail::throw_error(error, "connect ", host, ':', std::to_string(port), last);
}

inline tcp_listener::tcp_listener(const endpoint& where, listen_options options)
    : socket{detail::family_of(where), socket_type::stream} {
    set_option(option::reuse_address{});
    if (options.reuse_port) set_option(option::reuse_port{});
    // Said either way: the default is a setting of the system (net.ipv6.bindv6only).
    if (where.address().is_v6()) set_option(option::ipv6_only{options.ipv6_only});
    bind(where);
    listen(options.backlog);
}

inline tcp_listener::accepted tcp_listener::accept(std::error_code& error) noexcept {
    socket::accepted made = socket::accept(error);
    if (error) return {};
    return {tcp_stream{std::move(made.connection)}, made.peer.ip()};
}
inline tcp_listener::accepted tcp_listener::accept() {
    socket::accepted made = socket::accept();
    return {tcp_stream{std::move(made.connection)}, made.peer.ip()};
}

}  // namespace netnotes

#endif  // NETNOTES_TCP_HPP
