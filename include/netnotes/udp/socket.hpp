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
// A datagram costs a system call and little else, so a program with many datagrams saves calls:
//
//        send_batch   recv_batch                  many datagrams in one call: sendmmsg(2), recvmmsg(2)
//        send_segments   enable_receive_offload   many in one buffer, which the kernel cuts up: udp(7)
//
// On this page:  udp_socket: sending, receiving, batches, segments
// Below it:      udp/datagram.hpp, sizes and senders; udp/batch.hpp, datagram_batch; udp/multicast.hpp, groups
// The notes:     UDP, UDP特点, udp端口号动态变化解释, udp 发送数据, udp绑定, udp echo 服务器, udp广播, 单全双工信息收发
//                (UDP, its ports, sending, binding, echo, broadcast, full duplex); examples 06 to 09

#ifndef NETNOTES_UDP_SOCKET_HPP
#define NETNOTES_UDP_SOCKET_HPP

#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include "../ip/algorithm.hpp"
#include "../socket/buffer.hpp"
#include "batch.hpp"
#include "multicast.hpp"

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
class udp_socket : public multicast_socket {
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
    explicit udp_socket(socket&& taken) noexcept : multicast_socket{std::move(taken)} { take_notes(); }

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
    /// check the sender. connect() may be called again, for another peer.
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

    using received = received_datagram;
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

    // -- many datagrams in one system call

    /// Waits for one datagram and returns as many as there are, up to the batch's count (recvmmsg(2)), in their order.
    /// The result lies in the batch and is valid until its next use. If an error occurs behind the first datagram, the
    /// next call reports it.
    std::span<const received> recv_batch(datagram_batch& batch);
    std::span<const received> recv_batch(datagram_batch& batch, std::error_code& error) noexcept;

    using outgoing = outgoing_datagram;
    /// Sends all datagrams, in their order, 64 in one system call (sendmmsg(2)). The second form returns how many were
    /// sent before the error. That number is the index of the datagram that failed, and no datagram behind it was sent.
    /// Only a refusal that arrives while the batch is being sent is left for a later call to report. A server passes
    /// MSG_DONTWAIT, as for send_to().
    void send_batch(std::span<const outgoing> datagrams, int flags = 0);
    std::size_t send_batch(std::span<const outgoing> datagrams, std::error_code& error, int flags = 0) noexcept;

    // -- many datagrams in one buffer

    /// Sends the bytes as datagrams of `size` bytes each; the last datagram holds the rest. Without bytes it sends no
    /// datagram. The kernel takes up to 64 at a time and cuts them apart as late as it can (UDP_SEGMENT, udp(7), Linux
    /// 4.18). If it cannot, because it is older or they exceed the interface's MTU, the same datagrams go out as a
    /// batch. Returns the number of datagrams sent; what() says it after an error. `to` may be left out on a connected
    /// socket. Fails with errc::invalid_argument for size 0.
    void send_segments(const_buffer bytes, std::size_t size, const datagram_peer& to = {}, int flags = 0);
    std::size_t send_segments(const_buffer bytes, std::size_t size, const datagram_peer& to, std::error_code& error,
                              int flags = 0) noexcept;

    /// Lets the kernel deliver consecutive datagrams of one sender in one piece (UDP_GRO, udp(7), Linux 5.0). Returns
    /// false if the kernel does not know the option. It cannot be switched off. Throws std::system_error, and then
    /// nothing has changed.
    ///
    /// From now on, whatever the result, receive with recv_batch() only. It takes the piece apart again, so it returns
    /// the same datagrams, perhaps more than its count. Its batch must have the size datagram_batch::any_size, or it
    /// fails with errc::invalid_argument. recv_from() could not separate the datagrams of a piece, so it fails with
    /// errc::operation_not_supported.
    bool enable_receive_offload();
    bool enable_receive_offload(std::error_code& error) noexcept;

  private:
    static constexpr std::size_t max_at_once = 64;  // datagrams in a system call; UDP_SEGMENT takes no more (udp(7))

    void prepare(udp_options options, std::error_code& error) noexcept;
    received receive(mutable_buffer buffer, datagram_details* details, int flags, std::error_code& error) noexcept;
    static bool may_do_without_ipv6(const endpoint& where, udp_options options, const std::error_code& error) noexcept;
    template <class Datagram>
    std::size_t send_many(std::size_t count, Datagram datagram, time_point until, int flags,
                          std::error_code& error) noexcept;
    bool kernel_can_segment() noexcept;
    std::error_code send_merged(const_buffer bytes, std::size_t size, const socket_address& to,
                                const detail::source_note& source, time_point until, int flags) noexcept;

    enum class segmentation : char { untried, kernel, here } segmentation_ = segmentation::untried;
    bool offload_allowed_ = true;
    bool receive_offload_ = false;
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
    : multicast_socket{family, socket_type::datagram, 0, error} {
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
    const socket_address address = detail::to_socket_address(peer, error);
    if (!error) socket::connect(address, error);
}
inline void udp_socket::connect(const endpoint& peer) { socket::connect(peer); }

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

/// `datagram(number, address, source, error)` returns the payload of that datagram. It sets its destination (without a
/// family: no destination) and the address from which the datagram is to leave.
template <class Datagram>
std::size_t udp_socket::send_many(std::size_t count, Datagram datagram, time_point until, int flags,
                                  std::error_code& error) noexcept {
    mmsghdr messages[max_at_once];  // not set to zero: a batch of two should not cost that of 64
    iovec parts[max_at_once];
    sockaddr_in6 names[max_at_once];
    detail::source_note sources[max_at_once];
    for (std::size_t sent = 0;;) {
        if (sent > 0 && until != time_point::max() && clock::now() >= until) {  // a fast path outruns every limit
            error = std::make_error_code(std::errc::timed_out);
            return sent;
        }
        std::error_code not_an_address;
        std::size_t ready = 0;
        for (; ready < detail::min(max_at_once, count - sent); ++ready) {
            socket_address to;
            const const_buffer bytes = datagram(sent + ready, to, sources[ready], not_an_address);
            if (not_an_address) break;
            parts[ready] = {const_cast<std::byte*>(bytes.data()), bytes.size()};  // sendmmsg() only reads it
            messages[ready] = {};
            messages[ready].msg_hdr.msg_iov = &parts[ready];
            messages[ready].msg_hdr.msg_iovlen = 1;
            sources[ready].add_to(messages[ready].msg_hdr);
            if (!to.is_ip()) continue;
            std::memcpy(&names[ready], to.data(), to.size());
            messages[ready].msg_hdr.msg_name = &names[ready];
            messages[ready].msg_hdr.msg_namelen = to.size();
        }
        if (ready > 0) {
            // sendmmsg() stops at the datagram that fails. Unless that is the first datagram, it drops the error.
            // A second call from there reports it.
            const int taken = attempt(
                [&] {
                    return ::sendmmsg(native_handle(), messages, static_cast<unsigned>(ready), flags | MSG_NOSIGNAL);
                },
                POLLOUT, flags, until, error);
            if (taken < 0) return sent;
            sent += static_cast<std::size_t>(taken);
            if (static_cast<std::size_t>(taken) < ready) continue;
        }
        error = not_an_address;
        if (error || sent == count) return sent;
    }
}

inline std::size_t udp_socket::send_batch(std::span<const outgoing> datagrams, std::error_code& error,
                                          int flags) noexcept {
    error.clear();
    if (datagrams.empty()) return 0;
    return send_many(
        datagrams.size(),
        [&](std::size_t number, socket_address& address, detail::source_note& source, std::error_code& bad) {
            const auto& [bytes, to] = datagrams[number];
            if (to != endpoint{}) address = detail::to_socket_address(to, bad);
            if (!bad) source.choose(to.local_address(), bad);
            return bytes;
        },
        end_of_call(), flags, error);
}
inline void udp_socket::send_batch(std::span<const outgoing> datagrams, int flags) {
    std::error_code error;
    const std::size_t sent = send_batch(datagrams, error, flags);
    if (!error) return;
    const auto& [bytes, to] = datagrams[sent];
    std::error_code unknown;
    const endpoint where = to == endpoint{} ? peer_endpoint(unknown) : static_cast<const endpoint&>(to);
    detail::throw_error(error, "send_batch (", std::to_string(sent), " of ", std::to_string(datagrams.size()),
                        " datagrams sent) to ", where.to_string(), detail::from_local(to),
                        detail::datagram_size(bytes.size(), where.address(), error));
}

// ---- segments

/// A kernel that does not know UDP_SEGMENT would ignore it and send one long datagram, so we ask it first.
inline bool udp_socket::kernel_can_segment() noexcept {
    if (segmentation_ == segmentation::untried) {
        int size = 0;
        std::error_code error;
        if (offload_allowed_) get_option(IPPROTO_UDP, UDP_SEGMENT, detail::room_of(size), error);
        segmentation_ = error || !offload_allowed_ ? segmentation::here : segmentation::kernel;
    }
    return segmentation_ == segmentation::kernel;
}

inline std::error_code udp_socket::send_merged(const_buffer bytes, std::size_t size, const socket_address& to,
                                               const detail::source_note& source, time_point until,
                                               int flags) noexcept {
    const auto segment = static_cast<std::uint16_t>(size);
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof segment) + detail::source_note::capacity> control{};
    iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
    msghdr message{};
    if (to.is_ip()) {
        message.msg_name = const_cast<sockaddr*>(to.data());
        message.msg_namelen = to.size();
    }
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = static_cast<decltype(message.msg_controllen)>(CMSG_SPACE(sizeof segment) + source.size());
    std::memcpy(control.data() + CMSG_SPACE(sizeof segment), source.data(), source.size());
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = IPPROTO_UDP;
    header->cmsg_type = UDP_SEGMENT;
    header->cmsg_len = CMSG_LEN(sizeof segment);
    std::memcpy(CMSG_DATA(header), &segment, sizeof segment);
    std::error_code error;
    attempt([&] { return ::sendmsg(native_handle(), &message, flags | MSG_NOSIGNAL); }, POLLOUT, flags, until, error);
    return error;
}

inline std::size_t udp_socket::send_segments(const_buffer bytes, std::size_t size, const datagram_peer& to,
                                             std::error_code& error, int flags) noexcept {
    if (size == 0) {
        error = std::make_error_code(std::errc::invalid_argument);
        return 0;
    }
    error.clear();
    socket_address address;
    detail::source_note from_where;
    if (to != endpoint{}) address = detail::to_socket_address(to, error);
    if (!error) from_where.choose(to.local_address(), error);
    if (error || bytes.empty()) return 0;
    const std::size_t count = bytes.size() / size + (bytes.size() % size != 0);
    const auto from = [&](std::size_t first, std::size_t segments) {
        const auto rest = std::span<const std::byte>{bytes}.subspan(first * size);
        return const_buffer{segments > rest.size() / size ? rest : rest.first(segments * size)};
    };
    const time_point until = end_of_call();
    std::size_t sent = 0;
    // A merged piece must itself be no longer than a datagram.
    const std::size_t together = detail::min(max_at_once, max_datagram_v4 / size);
    while (together > 1 && sent + 1 < count && kernel_can_segment()) {
        if (sent > 0 && until != time_point::max() && clock::now() >= until) {
            error = std::make_error_code(std::errc::timed_out);
            return sent;
        }
        error = send_merged(from(sent, together), size, address, from_where, until, flags);
        // The kernel refuses a segment longer than the MTU, and a device or a socket without checksums (EINVAL,
        // EMSGSIZE, EIO). The batch below then succeeds or reports the real error.
        const int refusal = error.value();
        if (refusal == EINVAL || refusal == EMSGSIZE || refusal == EIO || refusal == EOPNOTSUPP || refusal == ENOPROTOOPT)
            break;
        if (error) return sent;
        sent += detail::min(together, count - sent);
    }
    error.clear();
    if (sent == count) return sent;
    const std::size_t first = sent;
    return first + send_many(
                       count - first,
                       [&](std::size_t number, socket_address& name, detail::source_note& source, std::error_code&) {
                           name = address;
                           source = from_where;
                           return from(first + number, 1);
                       },
                       until, flags, error);
}
inline void udp_socket::send_segments(const_buffer bytes, std::size_t size, const datagram_peer& to, int flags) {
    std::error_code error;
    const std::size_t sent = send_segments(bytes, size, to, error, flags);
    if (!error) return;
    std::error_code unknown;
    const endpoint where = to == endpoint{} ? peer_endpoint(unknown) : static_cast<const endpoint&>(to);
    detail::throw_error(error, "send_segments (", std::to_string(sent), " datagrams sent) to ", where.to_string(),
                        detail::from_local(to),
                        detail::datagram_size(detail::min(size, bytes.size()), where.address(), error));
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

inline bool udp_socket::enable_receive_offload(std::error_code& error) noexcept {
    error.clear();
    const int on = 1;
    std::error_code refused = std::make_error_code(std::errc::no_protocol_option);
    if (offload_allowed_) set_option(IPPROTO_UDP, UDP_GRO, detail::bytes_of(on), refused);
    if (refused && refused != std::errc::no_protocol_option) {
        error = refused;
        return false;
    }
    receive_offload_ = true;
    return !refused;
}
inline bool udp_socket::enable_receive_offload() {
    std::error_code error;
    const bool merges = enable_receive_offload(error);
    if (error) fail(error, "enable_receive_offload");
    return merges;
}

inline std::span<const udp_socket::received> udp_socket::recv_batch(datagram_batch& batch,
                                                                    std::error_code& error) noexcept {
    if (receive_offload_ && batch.size() < datagram_batch::any_size) {
        error = std::make_error_code(std::errc::invalid_argument);
        return {};
    }
    batch.prepare();
    const int filled = attempt(
        [&] {
            return ::recvmmsg(native_handle(), batch.messages_.data(), static_cast<unsigned>(batch.count()),
                              MSG_WAITFORONE, nullptr);
        },
        POLLIN, 0, end_of_call(), error);
    if (filled < 0) return {};
    try {
        batch.take_apart(static_cast<std::size_t>(filled));
    } catch (const std::bad_alloc&) {  // a kernel that merges more than any kernel has so far
        error = std::make_error_code(std::errc::not_enough_memory);
    }
    return batch.received_;
}
inline std::span<const udp_socket::received> udp_socket::recv_batch(datagram_batch& batch) {
    std::error_code error;
    const auto result = recv_batch(batch, error);
    if (error) fail(error, "recv_batch");
    return result;
}

}  // namespace netnotes

#endif  // NETNOTES_UDP_SOCKET_HPP
