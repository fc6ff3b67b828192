// netnotes/udp/socket.hpp: datagrams
// SPDX-License-Identifier: MIT
//
// UDP adds two things to IP: ports, and a checksum. Both addresses are in IP's header; UDP's own 8 bytes are both
// ports, the length, and the checksum (RFC 768). UDP keeps the borders of messages: one send is one receive, whole or
// not at all. UDP promises no delivery: a datagram may be lost, arrive twice, or overtake another, without a report.
// The checksum keeps a *damaged* datagram from being delivered. A program that needs more must do it itself, and must
// not flood a path that is full (RFC 8085 §3.1). The notes see UDP in local networks, but most such programs work
// across the Internet: QUIC, WebRTC, NTP, WireGuard, DNS.
//
//        sender                                       receiver
//          | send_to("one") ────────────────────────>  | recv_from() -> "one", and who sent it
//          | send_to("two") ────── ✗                   |                               nobody is told
//          | send_to("three") ──────────────────────>  | recv_from(4 bytes) -> "thre", truncated: "e" is gone
//          | send_to("")  ──────────────────────────>  | recv_from() -> no bytes, and a sender: a datagram too
//
// A datagram holds up to 65,507 bytes over IPv4 (65,535 less 20 for IP and 8 for UDP) and 65,527 over IPv6. The notes
// say "64 KB". Above the path's MTU, often 1,500, a datagram travels in fragments, and one lost fragment loses the
// whole datagram (RFC 8085 §3.2). Datagrams of 1,200 bytes pass nearly everywhere: QUIC relies on them (RFC 9000 §14).
//
// *Connecting* a UDP socket sends nothing. It notes the peer: then datagrams of others are not delivered, and send()
// needs no address. If no program listens there (ICMP port unreachable), the next call fails with
// errc::connection_refused. An unconnected socket gets no such error, whatever udp(7) says.
//
// A host has several addresses, and a server on the wildcard address (0.0.0.0, ::) is asked at any of them. Its answer
// must leave from that very address: a connected client and every firewall drop an answer from another address. So the
// kernel tells such a socket to which address each datagram came, and the socket keeps this beside the sender:
//
//        client ── "?" to 192.0.2.9 ──> recv_from() -> "?", sender: the client, who asked 192.0.2.9
//               <── "!" from 192.0.2.9 ── send_to("!", sender)            and not from the host's first address
//
// On this page:  udp_socket: sending and receiving
// Below it:      udp/datagram.hpp, sizes and senders; udp/batch.hpp, many datagrams at once; udp/multicast.hpp, groups
// The notes:     UDP, UDP特点, udp端口号动态变化解释, udp 发送数据, udp绑定, udp echo 服务器, udp广播, 单全双工信息收发
//                (UDP, its ports, sending, binding, echo, broadcast, full duplex); examples 06 to 09

#ifndef NETNOTES_UDP_SOCKET_HPP
#define NETNOTES_UDP_SOCKET_HPP

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <system_error>
#include <utility>

#include "../socket/buffer.hpp"
#include "batch.hpp"

namespace netnotes {

// ---- The socket ----------------------------------------------------------------------------------------

/// The settings of a udp_socket.
struct udp_options {
    /// Allows several sockets on one port. Each of them gets a datagram to a group or a broadcast address; only one
    /// socket gets a datagram to the host's own address. All sockets must set it, and any program may do so
    /// (socket(7)).
    bool reuse_address = false;
    /// Keeps an IPv6 socket from exchanging datagrams with IPv4 peers as ::ffff:a.b.c.d (RFC 3493 §5.3).
    bool ipv6_only = false;
    /// Shares the port with other sockets of this user that set it too: the kernel distributes the senders among them.
    bool reuse_port = false;
    /// Asks the kernel to segment and to merge, where it can. false gives the same datagrams in more system calls.
    bool kernel_offload = true;
    /// Makes a socket on the wildcard address report to which address each datagram came (see the first page). It costs
    /// no system call, but some 70 ns for each datagram; set false if no datagram is answered. A socket bound to a
    /// single address always answers from there.
    bool local_address = true;
};

/// A UDP socket. Its calls wait without a limit by default. The functions set_timeout() and set_deadline() limit them
/// (errc::timed_out). After set_blocking(false) no call waits (errc::operation_would_block). With stop_with() a stop
/// ends them (errc::operation_canceled). Two threads may share a socket: one thread sends and one thread receives.
///
/// A socket receives only from multicast groups that it has joined itself. Linux would otherwise deliver to a socket on
/// the wildcard address what *any* program on the host has joined (IP_MULTICAST_ALL, ip(7)).
class udp_socket : public batch_socket {
  public:
    /// Creates an empty socket: is_open() returns false.
    udp_socket() noexcept = default;
    /// Creates a socket without an address. Its port is 0, so no peer can send to it yet. The call bind() gives it a
    /// port, or its first send or connect() takes a port from the system's range. Before that, a receive gets no
    /// datagram. Throws std::system_error.
    explicit udp_socket(address_family family, udp_options options = {});
    udp_socket(address_family family, udp_options options, std::error_code& error) noexcept;
    /// Creates a socket and binds it to `where`. With port 0 the system chooses a port, which local_endpoint() returns.
    /// Throws std::system_error: errc::address_in_use, permission_denied below port 1024, address_not_available.
    ///
    /// On a system without IPv6, `::` is taken as 0.0.0.0. With ipv6_only set, the system's error is thrown instead.
    explicit udp_socket(const endpoint& where, udp_options options = {});
    udp_socket(const endpoint& where, udp_options options, std::error_code& error) noexcept;
    /// Takes over a UDP socket over IPv4 or IPv6, with its timeouts and its stop.
    explicit udp_socket(socket&& taken) noexcept : batch_socket{std::move(taken)} { take_notes(); }

    using socket::close;
    using socket::deadline;
    using socket::get_option;
    using socket::is_blocking;
    using socket::is_open;
    using socket::native_handle;
    using socket::release;
    using socket::set_blocking;
    using socket::set_deadline;
    using socket::set_option;
    using socket::set_timeout;
    using socket::stop_with;
    using socket::take_error;
    using socket::timeout;
    using socket::wait;

    /// Returns this socket as a plain socket.
    [[nodiscard]] socket into_socket() && noexcept { return std::move(*this); }

    /// Gives the socket its address, as the constructor does.
    void bind(const endpoint& where);
    void bind(const endpoint& where, std::error_code& error) noexcept;
    /// Returns the address and port of this socket. The port is 0 until the socket has a port. The address is the
    /// wildcard until bind() or connect() sets an address.
    [[nodiscard]] endpoint local_endpoint() const { return socket::local_endpoint().ip(); }
    [[nodiscard]] endpoint local_endpoint(std::error_code& error) const noexcept;
    /// Returns the peer of a connected socket. Throws errc::not_connected for an unconnected socket.
    [[nodiscard]] endpoint peer_endpoint() const { return socket::peer_endpoint().ip(); }
    [[nodiscard]] endpoint peer_endpoint(std::error_code& error) const noexcept;

    // -- one peer

    /// Notes the peer: from now on only its datagrams are let in, and send() sends to it. Nothing is sent, so connect()
    /// never waits, and it does not show that the peer is there. Earlier datagrams of others are still in the queue, so
    /// check the sender.
    ///
    /// connect() may be called again, for another peer, and keeps the port. It first forgets the old peer as
    /// disconnect() does, because Linux would keep the source address for that peer. After a failure the socket has no
    /// peer.
    void connect(const endpoint& peer);
    void connect(const endpoint& peer, std::error_code& error) noexcept;
    /// Forgets the peer: datagrams from every sender are let in again, under the same port. Linux takes away a port
    /// that it chose itself, so disconnect() binds it again. If another socket has taken the port in that moment, it
    /// fails with errc::address_in_use.
    void disconnect();
    void disconnect(std::error_code& error) noexcept;

    // -- sending

    /// Sends one datagram, whole or not at all. It waits while the send buffer is full. A datagram that was sent may
    /// still be lost, and a receiver may not exist. `flags` are the flags of send(2).
    ///
    /// A server answers with MSG_DONTWAIT: a full buffer is then errc::operation_would_block, and the answer is lost.
    /// Otherwise any neighbour could stop it for seconds. The kernel keeps datagrams to a neighbour that does not
    /// answer ARP, and they fill the send buffer (arp(7)). A forged sender is such a neighbour.
    ///
    /// Throws std::system_error, for example
    /// errc::message_size above the limit, which what() names. To a broadcast address without option::broadcast it is
    /// permission_denied. To port 0, which no socket can have, it is invalid_argument. Without a route it is
    /// network_unreachable.
    ///
    /// To received::sender it leaves from the address that the sender has written to: `send_to(bytes, got.sender)`. To
    /// choose another address of this host, call `send_to(bytes, {to, from})`. It fails with errc::invalid_argument or
    /// network_unreachable if this host does not have the address.
    void send_to(const_buffer bytes, const datagram_peer& to, int flags = 0);
    void send_to(const_buffer bytes, const datagram_peer& to, std::error_code& error, int flags = 0) noexcept;
    /// Sends one datagram to the peer of a connected socket; without a peer: errc::destination_address_required.
    /// errc::connection_refused is about an *earlier* datagram. This datagram was then not sent, and the next call may
    /// send it.
    void send(const_buffer bytes, int flags = 0);
    void send(const_buffer bytes, std::error_code& error, int flags = 0) noexcept;

    // -- receiving

    /// Waits for one datagram and returns it. It makes one system call if the datagram is there already, and does not
    /// allocate. A connected socket receives from its peer only. It throws errc::connection_refused if no socket took
    /// an earlier datagram of its own; then the socket still works. `flags` are the flags of recv(2): with MSG_DONTWAIT
    /// this call does not wait, with MSG_PEEK the datagram stays in the queue.
    received recv_from(mutable_buffer buffer, int flags = 0);
    received recv_from(mutable_buffer buffer, std::error_code& error, int flags = 0) noexcept;
    /// Does the same as recv_from() above, and fills `details`: see socket::recv_from(). Call tell_details() once
    /// before.
    received recv_from(mutable_buffer buffer, datagram_details& details, int flags = 0);
    received recv_from(mutable_buffer buffer, datagram_details& details, std::error_code& e, int flags = 0) noexcept;
    using socket::tell_details;

  private:
    void prepare(udp_options options, std::error_code& error) noexcept;
    received receive(mutable_buffer buffer, datagram_details* details, int flags, std::error_code& error) noexcept;
    static bool may_do_without_ipv6(const endpoint& where, udp_options options, const std::error_code& error) noexcept;

    bool wants_local_address_ = true;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

// ---- making

inline void udp_socket::prepare(udp_options options, std::error_code& error) noexcept {
    if (options.reuse_address) set_option(option::reuse_address{}, error);
    if (!error && options.reuse_port) set_option(option::reuse_port{}, error);
    if (error) return;
    take_notes();
    offload_allowed_ = options.kernel_offload;
    wants_local_address_ = options.local_address;
    const int off = 0;
    const auto no = detail::bytes_of(off);
    std::error_code too_old;  // IPV6_MULTICAST_ALL is of Linux 4.20
    set_option(IPPROTO_IP, IP_MULTICAST_ALL, no, too_old);
    if (!is_v6()) return;
    set_option(IPPROTO_IPV6, IPV6_MULTICAST_ALL, no, too_old);
    // Set in both cases, because the default is a setting of the system (net.ipv6.bindv6only).
    set_option(option::ipv6_only{options.ipv6_only}, error);
}

inline udp_socket::udp_socket(address_family family, udp_options options, std::error_code& error) noexcept
    : batch_socket{family, socket_type::datagram, 0, error} {
    if (!error) prepare(options, error);
    if (error) *this = udp_socket{};
}
inline udp_socket::udp_socket(address_family family, udp_options options) {
    std::error_code error;
    *this = udp_socket{family, options, error};
    if (error) detail::throw_error(error, "UDP socket");
}
/// A program that listens on `::` means "everywhere". Without IPv6, everywhere is 0.0.0.0.
inline bool udp_socket::may_do_without_ipv6(const endpoint& where, udp_options options,
                                            const std::error_code& error) noexcept {
    return !options.ipv6_only && detail::may_do_without_ipv6(where, error);
}
inline udp_socket::udp_socket(const endpoint& where, udp_options options, std::error_code& error) noexcept
    : udp_socket{detail::family_of_address(where.address()), options, error} {
    if (!error) bind(where, error);
    if (error) *this = udp_socket{};
    if (may_do_without_ipv6(where, options, error))
        *this = udp_socket{endpoint{ipv4_address::any(), where.port()}, options, error};
}
inline udp_socket::udp_socket(const endpoint& where, udp_options options) {
    std::error_code error;
    *this = udp_socket{detail::family_of_address(where.address()), options, error};
    const bool is_made = !error;
    if (is_made) bind(where, error);
    if (may_do_without_ipv6(where, options, error))
        *this = udp_socket{endpoint{ipv4_address::any(), where.port()}, options};
    else if (error)
        detail::throw_error(error, is_made ? "bind " : "UDP socket", is_made ? where.to_string() : "");
}

inline void udp_socket::bind(const endpoint& where, std::error_code& error) noexcept {
    const socket_address address = detail::to_socket_address(where, error);
    // Before it is bound: the first datagram may be there when bind(2) returns.
    if (!error && wants_local_address_ && where.address().is_unspecified()) tell_local_address(error);
    if (!error) socket::bind(address, error);
}
inline void udp_socket::bind(const endpoint& where) {
    std::error_code error;
    bind(where, error);
    if (error) detail::throw_error(error, "bind ", where.to_string());
}

inline endpoint udp_socket::local_endpoint(std::error_code& error) const noexcept {
    const socket_address address = socket::local_endpoint(error);
    return error ? endpoint{} : address.ip();
}
inline endpoint udp_socket::peer_endpoint(std::error_code& error) const noexcept {
    const socket_address address = socket::peer_endpoint(error);
    return error ? endpoint{} : address.ip();
}

// ---- one peer

inline void udp_socket::connect(const endpoint& peer, std::error_code& error) noexcept {
    std::error_code has_no_peer;
    static_cast<void>(socket::peer_endpoint(has_no_peer));
    if (!has_no_peer) {
        disconnect(error);
        if (error) return;
    }
    const socket_address address = detail::to_socket_address(peer, error);
    if (!error) socket::connect(address, error);
}
inline void udp_socket::connect(const endpoint& peer) {
    std::error_code error;
    connect(peer, error);
    if (error) detail::throw_error(error, "connect ", peer.to_string());
}

inline void udp_socket::disconnect(std::error_code& error) noexcept {
    const endpoint before = local_endpoint(error);
    const sockaddr nobody{.sa_family = AF_UNSPEC, .sa_data = {}};  // connect(2)
    if (!error && ::connect(native_handle(), &nobody, sizeof nobody) != 0) error = detail::last_error();
    if (error) return;
    const endpoint after = local_endpoint(error);
    if (!error && after.port() != before.port()) bind({after.address(), before.port()}, error);
}
inline void udp_socket::disconnect() {
    std::error_code error;
    disconnect(error);
    if (error) fail(error, "disconnect");
}

// ---- sending

inline void udp_socket::send_to(const_buffer bytes, const datagram_peer& to, std::error_code& error,
                                int flags) noexcept {
    const socket_address address = detail::to_socket_address(to, error);
    if (!error) socket::send_to(bytes, address, to.local_address(), error, flags);
}
inline void udp_socket::send_to(const_buffer bytes, const datagram_peer& to, int flags) {
    std::error_code error;
    send_to(bytes, to, error, flags);
    if (error)
        detail::throw_error(error, "send_to ", to.to_string(), detail::from_local(to),
                            detail::datagram_size(bytes.size(), to.address(), error));
}
inline void udp_socket::send(const_buffer bytes, std::error_code& error, int flags) noexcept {
    socket::send(bytes, error, flags);
}
inline void udp_socket::send(const_buffer bytes, int flags) {
    std::error_code error;
    send(bytes, error, flags);
    if (!error) return;
    std::error_code unknown;
    const endpoint peer = peer_endpoint(unknown);
    if (unknown) fail(error, "send");
    detail::throw_error(error, "send to ", peer.to_string(),
                        detail::datagram_size(bytes.size(), peer.address(), error));
}

// ---- receiving

inline udp_socket::received udp_socket::receive(mutable_buffer buffer, datagram_details* details, int flags,
                                                std::error_code& error) noexcept {
    if (receive_offload_) {
        error = std::make_error_code(std::errc::operation_not_supported);
        return {};
    }
    const socket::received got =
        details ? socket::recv_from(buffer, *details, error, flags) : socket::recv_from(buffer, error, flags);
    if (error || !got.sender.is_ip()) return {};
    return {got.bytes, datagram_peer{got.sender.ip(), got.local}, got.truncated};
}
inline udp_socket::received udp_socket::recv_from(mutable_buffer buffer, std::error_code& error, int flags) noexcept {
    return receive(buffer, nullptr, flags, error);
}
inline udp_socket::received udp_socket::recv_from(mutable_buffer buffer, datagram_details& details,
                                                  std::error_code& error, int flags) noexcept {
    return receive(buffer, &details, flags, error);
}
inline udp_socket::received udp_socket::recv_from(mutable_buffer buffer, int flags) {
    std::error_code error;
    const received result = receive(buffer, nullptr, flags, error);
    if (error) fail(error, "recv_from");
    return result;
}
inline udp_socket::received udp_socket::recv_from(mutable_buffer buffer, datagram_details& details, int flags) {
    std::error_code error;
    const received result = receive(buffer, &details, flags, error);
    if (error) fail(error, "recv_from");
    return result;
}

}  // namespace netnotes

#endif  // NETNOTES_UDP_SOCKET_HPP
