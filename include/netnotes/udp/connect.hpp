// netnotes/udp/connect.hpp: a UDP socket for one peer, found by its name
// SPDX-License-Identifier: MIT
//
// A client that asks one server needs the server's address, a socket of the same family, and connect(). This call does
// all three:
//
//     udp_socket server = udp_connect("ntp.example.net", 123);
//     server.set_timeout(2s);
//     server.send(request);
//     auto answer = server.recv_from(buffer);                          from this server only
//
//        "ntp.example.net" ── resolve() ──> 2001:db8::1   no route from here
//                                           192.0.2.1     connected
//
// The call cannot tell whether a server is there, because UDP has no handshake: it sends nothing. It takes the first
// address to which this host has a route. A host without IPv6 so comes to the IPv4 address of a server.
//
// On this page:  udp_connect
// Above it:      coro/connect.hpp (async_udp_connect), the same for tasks
// The notes:     udp 发送、接收数据; example 06

#ifndef NETNOTES_UDP_CONNECT_HPP
#define NETNOTES_UDP_CONNECT_HPP

#include <cstdint>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include "../socket/resolve.hpp"
#include "socket.hpp"

namespace netnotes {

/// Looks up the host and returns a socket that is connected to the first of its addresses that this host can reach. It
/// receives from this peer only, and send() sends to it: see udp_socket::connect().
///
/// Sends nothing. Blocks while the name is looked up, at most for `timeout` (errc::timed_out); with an address it does
/// not block. Throws the errors of resolve(). Throws the error of the first address if this host can reach none, for
/// example errc::network_unreachable; what() names the host.
[[nodiscard]] udp_socket udp_connect(const std::string& host, std::uint16_t port, wait_time timeout = never,
                                     udp_options options = {});

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

/// Returns a socket that is connected to the first endpoint to which that is possible.
inline udp_socket connect_to_first_route(std::span<const endpoint> found, const std::string& host, std::uint16_t port,
                                         udp_options options) {
    std::error_code first;
    for (const endpoint& each : found) {
        std::error_code error;
        udp_socket made{each.address().is_v4() ? address_family::inet : address_family::inet6, options, error};
        if (!error) made.connect(each, error);
        if (!error) return made;
        if (!first) first = error;
    }
    throw_error(first, "connect a UDP socket to ", host, " port ", std::to_string(port));
}

}  // namespace detail

inline udp_socket udp_connect(const std::string& host, std::uint16_t port, wait_time timeout, udp_options options) {
    const auto found = resolve(host, std::to_string(port), {.type = socket_type::datagram}, timeout);
    return detail::connect_to_first_route(found, host, port, options);
}

}  // namespace netnotes

#endif  // NETNOTES_UDP_CONNECT_HPP
