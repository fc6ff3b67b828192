// netnotes/udp/socket.hpp: datagrams
// SPDX-License-Identifier: MIT
//
// UDP adds two things to IP: ports, and a checksum. Both addresses are in IP's header; UDP's own 8 bytes are both
// ports, the length, and the checksum (RFC 768). What it keeps are the borders of messages: one send is one
// receive, whole or not at all. What it promises is nothing: a datagram may be lost, come twice, or overtake
// another, and nobody is told. (A *damaged* one is never delivered; the checksum sees to that.) A program that
// needs more than that must do it itself, and must not flood a path that is full (RFC 8085 §3.1). Many do,
// and mostly across the Internet, not only, as the notes have it, in local networks: QUIC, WebRTC, NTP, WireGuard, DNS.
//
//        sender                                       receiver
//          | send_to("one") ────────────────────────>  | recv_from() -> "one", and who sent it
//          | send_to("two") ────── ✗                   |                               nobody is told
//          | send_to("three") ──────────────────────>  | recv_from(4 bytes) -> "thre", truncated: "e" is gone
//          | send_to("")  ──────────────────────────>  | recv_from() -> no bytes, and a sender: a datagram too
//
// How large may one be? 65,507 bytes over IPv4 (65,535 less 20 for IP and 8 for UDP), 65,527 over IPv6; the
// notes say "64 KB". But above the path's MTU, often 1,500, it travels in fragments, and one lost fragment
// loses all (RFC 8085 §3.2). 1,200 bytes pass nearly everywhere: QUIC relies on them (RFC 9000 §14).
//
// *Connecting* a UDP socket sends nothing. It notes the peer: then datagrams of others are not delivered, send()
// needs no address, and "nobody listens there" (ICMP port unreachable) is reported, by the next call, as
// errc::connection_refused. An unconnected socket never hears of it, whatever udp(7) says.
//
// A host has several addresses, and a server on the wildcard address (0.0.0.0, ::) is asked at any of them. Its answer
// must leave from that very address: a connected client and every firewall drop an answer that comes from another. So
// such a socket is told with each datagram to which address it came, and keeps that beside the sender:
//
//        client ── "?" to 192.0.2.9 ──> recv_from() -> "?", sender: the client, who asked 192.0.2.9
//               <── "!" from 192.0.2.9 ── send_to("!", sender)            and not from the host's first address
//
// A datagram costs a system call and little else, so whoever has many saves calls:
//
//        send_batch   recv_batch                  many datagrams in one call: sendmmsg(2), recvmmsg(2)
//        send_segments   enable_receive_offload   many in one buffer, which the kernel cuts up: udp(7)
//
// On this page:  sizes · datagram_peer · udp_socket: sending, receiving, batches, segments, multicast · datagram_batch
// The notes:     UDP, UDP特点, udp端口号动态变化解释, udp 发送数据, udp绑定, udp echo 服务器, udp广播, 单全双工信息收发
//                (UDP, its ports, sending, binding, echo, broadcast, full duplex); examples 06 to 09

#ifndef NETNOTES_UDP_SOCKET_HPP
#define NETNOTES_UDP_SOCKET_HPP

#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "../socket/socket.hpp"

namespace netnotes {

// ---- Sizes ---------------------------------------------------------------------------------------------

/// The largest payload that the protocol allows: its length field of 16 bits counts UDP's header of 8 bytes, and
/// over IPv4 the packet's, which counts IP's header of 20 as well (RFC 768, RFC 791 §3.1).
inline constexpr std::size_t max_datagram_v4 = 65'535 - 20 - 8;
inline constexpr std::size_t max_datagram_v6 = 65'535 - 8;
/// Of the two, the one for that peer. An IPv4-mapped address is reached over IPv4.
[[nodiscard]] constexpr std::size_t max_datagram(const ip_address& to) noexcept {
    return to.unmapped().is_v4() ? max_datagram_v4 : max_datagram_v6;
}

/// The number of a network interface, "eth0" or "lo" (RFC 3493 §4.1); 1 and up. Throws std::system_error where
/// there is none of that name.
[[nodiscard]] inline unsigned interface_index(const std::string& name) {
    const unsigned index = ::if_nametoindex(name.c_str());
    if (index == 0) detail::throw_error(detail::last_error(), "interface ", name);
    return index;
}

// ---- The socket ----------------------------------------------------------------------------------------

/// The other end of an exchange: its endpoint, and to which of this host's addresses it has written. send_to() and
/// send_batch() answer from that address.
class datagram_peer : public endpoint {
  public:
    constexpr datagram_peer() noexcept = default;
    constexpr datagram_peer(const endpoint& where, const ip_address& local = {}) noexcept
        : endpoint{where}, local_{local} {}
    using endpoint::endpoint;

    /// The address of this host that the peer has written to; for a broadcast or an IPv4 group, the one from which to
    /// answer. 0.0.0.0 where it is not known: then the system chooses, as it does for `::`. It is known on a socket that
    /// is bound to the wildcard address (udp_options::local_address), but not of a datagram to an IPv6 group.
    [[nodiscard]] constexpr const ip_address& local_address() const noexcept { return local_; }

  private:
    ip_address local_{};
};

struct udp_options {
    /// Several sockets on one port. Each of them gets a datagram to a group or a broadcast address; one to the host's
    /// own address goes to one of them only. All must say so, and anyone who does can join in (socket(7)).
    bool reuse_address = false;
    /// An IPv6 socket that is not to speak with IPv4 peers, as ::ffff:a.b.c.d, as well (RFC 3493 §5.3).
    bool ipv6_only = false;
    /// Ask the kernel to segment and to merge, where it can. false gives the same datagrams in more system calls.
    bool kernel_offload = true;
    /// A socket on the wildcard address is told with each datagram to which address it came (see the first page). It
    /// costs no system call, but some 70 ns for each datagram; false saves them where no datagram is
    /// answered. A socket on one address answers from there in any case.
    bool local_address = true;
};

class datagram_batch;

/// A UDP socket. How long its calls wait is said as for every socket: for ever, set_timeout, set_deadline (then
/// errc::timed_out), set_blocking(false) (errc::operation_would_block), stop_with (errc::operation_canceled).
/// Two threads may use one, one to send and one to receive.
///
/// A socket hears only those multicast groups that it has joined itself. Linux would otherwise deliver to a socket on
/// the wildcard address what *any* program on the host has joined (IP_MULTICAST_ALL, ip(7)).
class udp_socket : private socket {
  public:
    /// None: is_open() is false.
    udp_socket() noexcept = default;
    /// Without an address, and its port is 0: nobody can send to it yet. It is given a port by bind(), or by its first
    /// send or connect(), from the system's range; one that only receives waits for ever. Throws std::system_error.
    explicit udp_socket(address_family family, udp_options options = {});
    udp_socket(address_family family, udp_options options, std::error_code& error) noexcept;
    /// Bound to that address. Port 0 lets the system choose: local_endpoint() tells. Throws std::system_error:
    /// errc::address_in_use, permission_denied below port 1024, address_not_available.
    ///
    /// On a system without IPv6 `::` is 0.0.0.0, unless the options say ipv6_only: then it is the system's error.
    explicit udp_socket(const endpoint& where, udp_options options = {});
    udp_socket(const endpoint& where, udp_options options, std::error_code& error) noexcept;
    /// Takes over a UDP socket over IPv4 or IPv6, as it is: with its limits, and the stop that it obeys.
    explicit udp_socket(socket&& taken) noexcept : socket{std::move(taken)} { take_notes(); }

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

    /// The same as a plain socket.
    [[nodiscard]] socket into_socket() && noexcept { return std::move(*this); }

    /// Gives the socket its address, as the constructor does.
    void bind(const endpoint& where);
    void bind(const endpoint& where, std::error_code& error) noexcept;
    /// Port 0 as long as there is none; the address is the wildcard until bind() or connect() names one.
    [[nodiscard]] endpoint local_endpoint() const { return socket::local_endpoint().ip(); }
    [[nodiscard]] endpoint local_endpoint(std::error_code& error) const noexcept;
    /// Of a connected socket; else errc::not_connected.
    [[nodiscard]] endpoint peer_endpoint() const { return socket::peer_endpoint().ip(); }
    [[nodiscard]] endpoint peer_endpoint(std::error_code& error) const noexcept;

    // -- one peer

    /// Notes the peer: from now on only his datagrams are let in, and send() goes to him. Nothing is sent, so it never
    /// waits, and says nothing about whether he is there. What had come from others before is still in the queue, so
    /// look at the sender. It may be called again, for another peer.
    void connect(const endpoint& peer);
    void connect(const endpoint& peer, std::error_code& error) noexcept;
    /// Forgets him: everybody's datagrams are let in again, under the same port. (Linux takes away a port that it has
    /// chosen itself, so it is bound anew here; should somebody else have got it in that moment: errc::address_in_use.)
    void disconnect();
    void disconnect(std::error_code& error) noexcept;

    // -- sending

    /// One datagram, whole or not at all. It waits only while the send buffer is full, which is seldom. That it was
    /// sent does not mean that it arrives, or that anybody is there. Throws std::system_error: errc::message_size
    /// above the limit, which what() names; permission_denied to a broadcast address without option::broadcast;
    /// invalid_argument to port 0, where nobody can be; network_unreachable. `flags` as in send(2).
    ///
    /// To received::sender it leaves from the address that the sender has written to: `send_to(bytes, got.sender)`. Any
    /// other of this host's addresses can be chosen: `send_to(bytes, {to, from})`. errc::invalid_argument or
    /// network_unreachable when this host has no such address (any more).
    void send_to(const_buffer bytes, const datagram_peer& to, int flags = 0);
    void send_to(const_buffer bytes, const datagram_peer& to, std::error_code& error, int flags = 0) noexcept;
    /// The same to the peer of a connected socket; else errc::destination_address_required. errc::connection_refused
    /// is about an *earlier* datagram; this one was then not sent, and the next try may well be.
    void send(const_buffer bytes, int flags = 0);
    void send(const_buffer bytes, std::error_code& error, int flags = 0) noexcept;

    // -- receiving

    struct received {
        std::span<std::byte> bytes;  ///< the part of the buffer that was filled; an empty datagram fills none
        /// An IPv4 peer of an IPv6 socket is ::ffff:a.b.c.d; see ip_address::unmapped(). Port 0 is legal here: the
        /// sender wants no answer (RFC 768), and Linux would send him none.
        datagram_peer sender;
        bool truncated = false;  ///< the datagram was longer than the buffer, and the rest of it is gone
    };
    /// Waits for one datagram; one system call where it is there already, and no allocation. A connected socket hears
    /// its peer only, and throws errc::connection_refused when one of its own datagrams found nobody; then it can go
    /// on. `flags` as in recv(2); with MSG_DONTWAIT this call does not wait, with MSG_PEEK the datagram stays.
    received recv_from(mutable_buffer buffer, int flags = 0);
    received recv_from(mutable_buffer buffer, std::error_code& error, int flags = 0) noexcept;

    // -- many datagrams in one system call

    /// Waits for one datagram and takes as many as there are, up to the batch's count (recvmmsg(2)), in their order.
    /// The result lies in the batch and is valid until its next use. An error that shows up behind the first datagram
    /// is told by the next call.
    std::span<const received> recv_batch(datagram_batch& batch);
    std::span<const received> recv_batch(datagram_batch& batch, std::error_code& error) noexcept;

    struct outgoing {
        const_buffer bytes;
        datagram_peer to{};  ///< left out on a connected socket
    };
    /// Sends all, in their order, 64 with a system call (sendmmsg(2)). The second form returns how many were sent
    /// before the error: it is the datagram with that number that failed, and none behind it was sent. Only a refusal
    /// that comes in while the batch is under way is left for a later call to tell.
    void send_batch(std::span<const outgoing> datagrams);
    std::size_t send_batch(std::span<const outgoing> datagrams, std::error_code& error) noexcept;

    // -- many datagrams in one buffer

    /// Sends the bytes as datagrams of `size` bytes each, the last one as short as it is; of no bytes, none. The kernel
    /// is handed up to 64 of them at a time and cuts them apart as late as it can (UDP_SEGMENT, udp(7), Linux 4.18).
    /// Where it cannot, because it is older, or they exceed the interface's MTU, they go out as a batch: the same
    /// datagrams. Returns, or says in what(), how many datagrams were sent before the error. `to` may be left out on a
    /// connected socket. errc::invalid_argument for size 0.
    void send_segments(const_buffer bytes, std::size_t size, const datagram_peer& to = {});
    std::size_t send_segments(const_buffer bytes, std::size_t size, const datagram_peer& to,
                              std::error_code& error) noexcept;

    /// Lets the kernel hand over in one piece what came from one sender in a row (UDP_GRO, udp(7), Linux 5.0);
    /// recv_batch() takes it apart again, so it brings the same datagrams, and may bring more of them than its count.
    /// It cannot be undone. From now on a batch's size must be datagram_batch::any_size (else errc::invalid_argument),
    /// and recv_from(), which could not tell two datagrams from one, is errc::operation_not_supported; both whether
    /// the kernel helps or not. Returns whether it does.
    bool enable_receive_offload();
    bool enable_receive_offload(std::error_code& error) noexcept;

    // -- multicast: a datagram to a group reaches every socket that has joined it (RFC 1112, RFC 4291 §2.7)
    //
    // A group is 224.0.0.0/4 or ff00::/8, and is joined on one interface: `interface` is its number (interface_index),
    // 0 lets the routing table choose, and of an IPv6 group the zone will do: ff02::1234%eth0. An IPv6 socket that is
    // not ipv6_only may join IPv4 groups as well. The calls are those of RFC 3678 §5.1.

    /// Hears what is sent to the group and to this socket's port; so bind that port first, on the wildcard address.
    /// errc::address_in_use when it has joined already, no_such_device without an interface or a route.
    void join(const ip_address& group, unsigned interface = 0);
    void join(const ip_address& group, unsigned interface, std::error_code& error) noexcept;
    /// errc::address_not_available when it is no member. Closing leaves all.
    void leave(const ip_address& group, unsigned interface = 0);
    void leave(const ip_address& group, unsigned interface, std::error_code& error) noexcept;
    /// Only what that source sends to it: source-specific multicast, for which 232.0.0.0/8 and ff3x::/32 are there
    /// (RFC 4607). May be called for several sources, but not together with the plain join().
    void join(const ip_address& group, const ip_address& source, unsigned interface = 0);
    void join(const ip_address& group, const ip_address& source, unsigned interface, std::error_code& error) noexcept;
    void leave(const ip_address& group, const ip_address& source, unsigned interface = 0);
    void leave(const ip_address& group, const ip_address& source, unsigned interface, std::error_code& error) noexcept;

    /// By which interface this socket's datagrams to groups leave; 0 is again the routing table's choice.
    void set_multicast_interface(unsigned interface);
    void set_multicast_interface(unsigned interface, std::error_code& error) noexcept;
    /// Whether members on this host hear what this socket sends, itself included; they do unless told otherwise. (What
    /// leaves by the interface "lo" comes back in any case: that is what it is for.)
    void set_multicast_loop(bool loop);
    void set_multicast_loop(bool loop, std::error_code& error) noexcept;
    [[nodiscard]] bool multicast_loop() const;
    /// How far a datagram to a group may go, 0 to 255: 0 stays on this host, 1, the default, on this link, and every
    /// router on the way takes one more. IPv6 calls it the hop limit. errc::invalid_argument out of range.
    void set_multicast_ttl(int ttl);
    void set_multicast_ttl(int ttl, std::error_code& error) noexcept;
    [[nodiscard]] int multicast_ttl() const;

  private:
    static constexpr std::size_t max_at_once = 64;  // datagrams in a system call; UDP_SEGMENT takes no more (udp(7))

    void prepare(udp_options options, std::error_code& error) noexcept;
    static bool may_do_without_ipv6(const endpoint& where, udp_options options, const std::error_code& error) noexcept;
    template <class Datagram>
    std::size_t send_many(std::size_t count, Datagram datagram, time_point until, std::error_code& error) noexcept;
    bool kernel_can_segment() noexcept;
    std::error_code send_merged(const_buffer bytes, std::size_t size, const socket_address& to,
                                const detail::source_note& source, time_point until) noexcept;
    bool is_v6() const noexcept;
    void membership(int name, const ip_address& group, const ip_address* source, unsigned interface,
                    std::error_code& error) noexcept;
    void membership(int name, const ip_address& group, const ip_address* source, unsigned interface);
    template <class ValueV4>
    void set_multicast(int name_v4, const ValueV4& value_v4, int name_v6, int value, std::error_code& error) noexcept;
    int get_multicast(int name_v4, int name_v6) const;

    enum class segmentation : char { untried, kernel, here } segmentation_ = segmentation::untried;
    bool offload_allowed_ = true;
    bool receive_offload_ = false;
    bool wants_local_address_ = true;
};

/// Room for many datagrams, made once and used again and again by udp_socket::recv_batch(), which allocates nothing.
/// It takes count * size bytes and about 550 more for each datagram; with any_size 18 KB more for each.
class datagram_batch {
  public:
    /// A size that no datagram exceeds, merged by the kernel or not.
    static constexpr std::size_t any_size = 65'535;

    /// For 1 to 1,024 datagrams (more than UIO_MAXIOV recvmmsg(2) does not take), each of 1 byte to any_size; what is
    /// longer will be truncated. Else std::invalid_argument.
    explicit datagram_batch(std::size_t count = 64, std::size_t size = 2048);
    datagram_batch(datagram_batch&&) noexcept = default;
    datagram_batch& operator=(datagram_batch&&) noexcept = default;

    [[nodiscard]] std::size_t count() const noexcept { return slots_.size(); }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

  private:
    friend class udp_socket;
    struct slot {
        iovec part;
        socket_address sender;
        alignas(cmsghdr) detail::datagram_notes::buffer control;
    };
    void prepare() noexcept;
    void take_apart(std::size_t filled);

    std::size_t size_;
    std::unique_ptr<std::byte[]> bytes_;
    std::vector<slot> slots_;
    std::vector<mmsghdr> messages_;
    std::vector<udp_socket::received> received_;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {
/// The zone of an address may be no interface; for calls that do not throw.
inline socket_address to_socket_address(const endpoint& where, std::error_code& error) noexcept {
    error.clear();
    try {
        return where;
    } catch (const std::system_error& failure) {
        error = failure.code();
    } catch (const std::bad_alloc&) {
        error = std::make_error_code(std::errc::not_enough_memory);
    }
    return {};
}
/// Behind "send_to 192.0.2.1:80": how much it was, and what the limit is, if that is the trouble.
inline std::string datagram_size(std::size_t size, const ip_address& to, const std::error_code& error) {
    std::string limit;
    if (size > max_datagram(to))
        limit = joined("; a datagram over IPv", to.unmapped().is_v4() ? '4' : '6', " holds at most ",
                       std::to_string(max_datagram(to)));
    else if (error == std::errc::message_size)
        limit = "; the path takes less in one piece";
    return joined(" (", std::to_string(size), " bytes", limit, ')');
}
/// Behind "send_to 192.0.2.1:80": " from 192.0.2.9", if that was chosen.
inline std::string from_local(const datagram_peer& to) {
    return to.local_address().is_unspecified() ? "" : joined(" from ", to.local_address().to_string());
}
inline address_family family_of_address(const ip_address& address) noexcept {
    return address.is_v4() ? address_family::inet : address_family::inet6;
}
}  // namespace detail

// ---- making

inline void udp_socket::prepare(udp_options options, std::error_code& error) noexcept {
    if (options.reuse_address) set_option(option::reuse_address{}, error);
    if (error) return;
    take_notes();
    offload_allowed_ = options.kernel_offload;
    wants_local_address_ = options.local_address;
    const int off = 0;
    const auto no = std::as_bytes(std::span{&off, 1});
    std::error_code too_old;  // IPV6_MULTICAST_ALL is of Linux 4.20
    set_option(IPPROTO_IP, IP_MULTICAST_ALL, no, too_old);
    if (!is_v6()) return;
    set_option(IPPROTO_IPV6, IPV6_MULTICAST_ALL, no, too_old);
    // Said either way: the default is a setting of the system (net.ipv6.bindv6only).
    set_option(option::ipv6_only{options.ipv6_only}, error);
}

inline udp_socket::udp_socket(address_family family, udp_options options, std::error_code& error) noexcept
    : socket{family, socket_type::datagram, 0, error} {
    if (!error) prepare(options, error);
    if (error) *this = udp_socket{};
}
inline udp_socket::udp_socket(address_family family, udp_options options) {
    std::error_code error;
    *this = udp_socket{family, options, error};
    if (error) detail::throw_error(error, "UDP socket");
}
/// A program that listens on `::` means "everywhere", and where there is no IPv6 everywhere is 0.0.0.0.
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

inline bool udp_socket::is_v6() const noexcept {
    std::error_code error;
    return socket::local_endpoint(error).family() == address_family::inet6;
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

/// `datagram(number, address, source, error)` is the payload of that datagram, and gives its destination (of no family,
/// there is none) and the address from which it is to leave.
template <class Datagram>
std::size_t udp_socket::send_many(std::size_t count, Datagram datagram, time_point until,
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
        for (; ready < std::min(max_at_once, count - sent); ++ready) {
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
            // It stops at the datagram that fails and, unless that is the first, forgets why. Asked again from there,
            // it tells.
            const int taken = attempt(
                [&] { return ::sendmmsg(native_handle(), messages, static_cast<unsigned>(ready), MSG_NOSIGNAL); },
                POLLOUT, 0, until, error);
            if (taken < 0) return sent;
            sent += static_cast<std::size_t>(taken);
            if (static_cast<std::size_t>(taken) < ready) continue;
        }
        error = not_an_address;
        if (error || sent == count) return sent;
    }
}

inline std::size_t udp_socket::send_batch(std::span<const outgoing> datagrams, std::error_code& error) noexcept {
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
        end_of_call(), error);
}
inline void udp_socket::send_batch(std::span<const outgoing> datagrams) {
    std::error_code error;
    const std::size_t sent = send_batch(datagrams, error);
    if (!error) return;
    const auto& [bytes, to] = datagrams[sent];
    std::error_code unknown;
    const endpoint where = to == endpoint{} ? peer_endpoint(unknown) : static_cast<const endpoint&>(to);
    detail::throw_error(error, "send_batch (", std::to_string(sent), " of ", std::to_string(datagrams.size()),
                        " datagrams sent) to ", where.to_string(), detail::from_local(to),
                        detail::datagram_size(bytes.size(), where.address(), error));
}

// ---- segments

/// A kernel that does not know UDP_SEGMENT would overlook it, and send one long datagram; so it is asked first.
inline bool udp_socket::kernel_can_segment() noexcept {
    if (segmentation_ == segmentation::untried) {
        int size = 0;
        std::error_code error;
        if (offload_allowed_) get_option(IPPROTO_UDP, UDP_SEGMENT, std::as_writable_bytes(std::span{&size, 1}), error);
        segmentation_ = error || !offload_allowed_ ? segmentation::here : segmentation::kernel;
    }
    return segmentation_ == segmentation::kernel;
}

inline std::error_code udp_socket::send_merged(const_buffer bytes, std::size_t size, const socket_address& to,
                                               const detail::source_note& source, time_point until) noexcept {
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
    message.msg_controllen = CMSG_SPACE(sizeof segment) + source.size();
    std::memcpy(control.data() + CMSG_SPACE(sizeof segment), source.data(), source.size());
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = IPPROTO_UDP;
    header->cmsg_type = UDP_SEGMENT;
    header->cmsg_len = CMSG_LEN(sizeof segment);
    std::memcpy(CMSG_DATA(header), &segment, sizeof segment);
    std::error_code error;
    attempt([&] { return ::sendmsg(native_handle(), &message, MSG_NOSIGNAL); }, POLLOUT, 0, until, error);
    return error;
}

inline std::size_t udp_socket::send_segments(const_buffer bytes, std::size_t size, const datagram_peer& to,
                                             std::error_code& error) noexcept {
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
    // What is merged must itself be no longer than a datagram.
    const std::size_t together = std::min(max_at_once, max_datagram_v4 / size);
    while (together > 1 && sent + 1 < count && kernel_can_segment()) {
        if (sent > 0 && until != time_point::max() && clock::now() >= until) {
            error = std::make_error_code(std::errc::timed_out);
            return sent;
        }
        error = send_merged(from(sent, together), size, address, from_where, until);
        // A segment longer than the MTU, a device or a socket without checksums (EINVAL, EMSGSIZE, EIO): the batch
        // below either manages, or tells what is really wrong.
        constexpr std::array refusals{EINVAL, EMSGSIZE, EIO, EOPNOTSUPP, ENOPROTOOPT};
        if (error && std::find(refusals.begin(), refusals.end(), error.value()) != refusals.end()) break;
        if (error) return sent;
        sent += std::min(together, count - sent);
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
                       until, error);
}
inline void udp_socket::send_segments(const_buffer bytes, std::size_t size, const datagram_peer& to) {
    std::error_code error;
    const std::size_t sent = send_segments(bytes, size, to, error);
    if (!error) return;
    std::error_code unknown;
    const endpoint where = to == endpoint{} ? peer_endpoint(unknown) : static_cast<const endpoint&>(to);
    detail::throw_error(error, "send_segments (", std::to_string(sent), " datagrams sent) to ", where.to_string(),
                        detail::from_local(to),
                        detail::datagram_size(std::min(size, bytes.size()), where.address(), error));
}

// ---- receiving

inline udp_socket::received udp_socket::recv_from(mutable_buffer buffer, std::error_code& error, int flags) noexcept {
    if (receive_offload_) {
        error = std::make_error_code(std::errc::operation_not_supported);
        return {};
    }
    const socket::received got = socket::recv_from(buffer, error, flags);
    if (error || !got.sender.is_ip()) return {};
    return {got.bytes, datagram_peer{got.sender.ip(), got.local}, got.truncated};
}
inline udp_socket::received udp_socket::recv_from(mutable_buffer buffer, int flags) {
    std::error_code error;
    const received result = recv_from(buffer, error, flags);
    if (error) fail(error, "recv_from");
    return result;
}

inline bool udp_socket::enable_receive_offload(std::error_code& error) noexcept {
    error.clear();
    const int on = 1;
    std::error_code refused = std::make_error_code(std::errc::no_protocol_option);
    if (offload_allowed_) set_option(IPPROTO_UDP, UDP_GRO, std::as_bytes(std::span{&on, 1}), refused);
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

inline datagram_batch::datagram_batch(std::size_t count, std::size_t size) : size_{size} {
    if (count < 1 || count > 1024 || size < 1 || size > any_size)
        throw std::invalid_argument{"a batch is of 1 to 1024 datagrams, of 1 to 65535 bytes"};
    bytes_.reset(new std::byte[count * size]);  // not zeroed
    slots_.resize(count);
    messages_.resize(count);
    for (std::size_t i = 0; i < count; ++i) {
        slots_[i].part = {bytes_.get() + i * size, size};
        messages_[i].msg_hdr.msg_iov = &slots_[i].part;
        messages_[i].msg_hdr.msg_iovlen = 1;
        messages_[i].msg_hdr.msg_name = slots_[i].sender.data();
    }
    // Linux merges up to 64, and a local sender's segments may come as they were sent: 64, or 128 in newer kernels.
    received_.reserve(size == any_size ? count * 128 : count);
}

inline void datagram_batch::prepare() noexcept {
    received_.clear();
    for (std::size_t i = 0; i < messages_.size(); ++i) {  // the kernel has written over them
        msghdr& header = messages_[i].msg_hdr;
        header.msg_namelen = socket_address::capacity;
        header.msg_control = slots_[i].control.data();
        header.msg_controllen = static_cast<socklen_t>(slots_[i].control.size());
        header.msg_flags = 0;
    }
}

/// Of each message its datagrams: one, unless the kernel says of which size it has merged several.
inline void datagram_batch::take_apart(std::size_t filled) {
    for (std::size_t i = 0; i < filled; ++i) {
        msghdr& header = messages_[i].msg_hdr;
        slots_[i].sender.resize(header.msg_namelen);
        const detail::datagram_notes notes = detail::datagram_notes::of(header);
        const datagram_peer sender =
            slots_[i].sender.is_ip() ? datagram_peer{slots_[i].sender.ip(), notes.local} : datagram_peer{};
        std::span<std::byte> rest{bytes_.get() + i * size_, std::min<std::size_t>(messages_[i].msg_len, size_)};
        for (; notes.segment > 0 && rest.size() > notes.segment; rest = rest.subspan(notes.segment))
            received_.push_back({rest.first(notes.segment), sender, false});
        received_.push_back({rest, sender, (header.msg_flags & MSG_TRUNC) != 0});
    }
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
    } catch (const std::bad_alloc&) {  // a kernel that merges more than any has so far
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

// ---- multicast

inline void udp_socket::membership(int name, const ip_address& group, const ip_address* source, unsigned interface,
                                   std::error_code& error) noexcept {
    // The level is that of the group: an IPv6 socket takes IPv4's options for its IPv4 side (Linux).
    const bool v4 = group.unmapped().is_v4();
    const socket_address address = detail::to_socket_address({group.unmapped(), 0}, error);
    if (error) return;
    if (!v4 && interface == 0) {
        sockaddr_in6 zoned;
        std::memcpy(&zoned, address.data(), sizeof zoned);
        interface = zoned.sin6_scope_id;
    }
    const int level = v4 ? IPPROTO_IP : IPPROTO_IPV6;
    if (!source) {
        group_req request{};
        request.gr_interface = interface;
        std::memcpy(&request.gr_group, address.data(), address.size());
        return set_option(level, name, std::as_bytes(std::span{&request, 1}), error);
    }
    const socket_address from = detail::to_socket_address({source->unmapped(), 0}, error);
    if (error) return;
    group_source_req request{};
    request.gsr_interface = interface;
    std::memcpy(&request.gsr_group, address.data(), address.size());
    std::memcpy(&request.gsr_source, from.data(), from.size());
    set_option(level, name, std::as_bytes(std::span{&request, 1}), error);
}
inline void udp_socket::membership(int name, const ip_address& group, const ip_address* source, unsigned interface) {
    std::error_code error;
    membership(name, group, source, interface, error);
    if (!error) return;
    const bool joins = name == MCAST_JOIN_GROUP || name == MCAST_JOIN_SOURCE_GROUP;
    fail(error, detail::joined(joins ? "join " : "leave ", group.to_string(), source ? " from " : "",
                               source ? source->to_string() : ""));
}

inline void udp_socket::join(const ip_address& group, unsigned interface) {
    membership(MCAST_JOIN_GROUP, group, nullptr, interface);
}
inline void udp_socket::join(const ip_address& group, unsigned interface, std::error_code& error) noexcept {
    membership(MCAST_JOIN_GROUP, group, nullptr, interface, error);
}
inline void udp_socket::leave(const ip_address& group, unsigned interface) {
    membership(MCAST_LEAVE_GROUP, group, nullptr, interface);
}
inline void udp_socket::leave(const ip_address& group, unsigned interface, std::error_code& error) noexcept {
    membership(MCAST_LEAVE_GROUP, group, nullptr, interface, error);
}
inline void udp_socket::join(const ip_address& group, const ip_address& source, unsigned interface) {
    membership(MCAST_JOIN_SOURCE_GROUP, group, &source, interface);
}
inline void udp_socket::join(const ip_address& group, const ip_address& source, unsigned interface,
                             std::error_code& error) noexcept {
    membership(MCAST_JOIN_SOURCE_GROUP, group, &source, interface, error);
}
inline void udp_socket::leave(const ip_address& group, const ip_address& source, unsigned interface) {
    membership(MCAST_LEAVE_SOURCE_GROUP, group, &source, interface);
}
inline void udp_socket::leave(const ip_address& group, const ip_address& source, unsigned interface,
                              std::error_code& error) noexcept {
    membership(MCAST_LEAVE_SOURCE_GROUP, group, &source, interface, error);
}

/// On an IPv6 socket both, for it may send to IPv4 groups too.
template <class ValueV4>
void udp_socket::set_multicast(int name_v4, const ValueV4& value_v4, int name_v6, int value,
                               std::error_code& error) noexcept {
    const bool v6 = is_v6();
    if (v6) set_option(IPPROTO_IPV6, name_v6, std::as_bytes(std::span{&value, 1}), error);
    if (v6 && error) return;
    std::error_code v4_error;
    set_option(IPPROTO_IP, name_v4, std::as_bytes(std::span{&value_v4, 1}), v4_error);
    if (!v6) error = v4_error;
}
inline int udp_socket::get_multicast(int name_v4, int name_v6) const {
    int value = 0;
    const bool v6 = is_v6();
    get_option(v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? name_v6 : name_v4, std::as_writable_bytes(std::span{&value, 1}));
    return value;
}

inline void udp_socket::set_multicast_interface(unsigned interface, std::error_code& error) noexcept {
    ip_mreqn request{};
    request.imr_ifindex = static_cast<int>(interface);
    set_multicast(IP_MULTICAST_IF, request, IPV6_MULTICAST_IF, static_cast<int>(interface), error);
}
inline void udp_socket::set_multicast_interface(unsigned interface) {
    std::error_code error;
    set_multicast_interface(interface, error);
    if (error) fail(error, detail::joined("multicast interface ", std::to_string(interface)));
}

inline void udp_socket::set_multicast_loop(bool loop, std::error_code& error) noexcept {
    set_multicast(IP_MULTICAST_LOOP, static_cast<int>(loop), IPV6_MULTICAST_LOOP, loop, error);
}
inline void udp_socket::set_multicast_loop(bool loop) {
    std::error_code error;
    set_multicast_loop(loop, error);
    if (error) fail(error, "multicast loop");
}
inline bool udp_socket::multicast_loop() const { return get_multicast(IP_MULTICAST_LOOP, IPV6_MULTICAST_LOOP) != 0; }

inline void udp_socket::set_multicast_ttl(int ttl, std::error_code& error) noexcept {
    if (ttl < 0) {  // to the kernel, -1 means the default
        error = std::make_error_code(std::errc::invalid_argument);
        return;
    }
    set_multicast(IP_MULTICAST_TTL, ttl, IPV6_MULTICAST_HOPS, ttl, error);
}
inline void udp_socket::set_multicast_ttl(int ttl) {
    std::error_code error;
    set_multicast_ttl(ttl, error);
    if (error) fail(error, detail::joined("multicast TTL ", std::to_string(ttl)));
}
inline int udp_socket::multicast_ttl() const { return get_multicast(IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS); }

}  // namespace netnotes

#endif  // NETNOTES_UDP_SOCKET_HPP
