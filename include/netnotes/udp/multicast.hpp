// netnotes/udp/multicast.hpp: datagrams to groups
// SPDX-License-Identifier: MIT
//
// A datagram to a group reaches every socket that has joined the group (RFC 1112, RFC 4291 §2.7). IPv6 has no
// broadcast; a group does that work.
//
//        group    224.0.0.0/4 or ff00::/8
//        join     the kernel tells the routers of the link that a program here listens (IGMP, MLD)
//        TTL      0 stays on this host, 1 stays on this link, and each router takes one
//
//        net::udp_socket receiver{{net::ipv4_address::any(), 6666}};        // namespace net = netnotes
//        receiver.join(net::ip_address{"239.255.77.1"});
//
// On this page:  multicast_socket, the part of udp_socket that knows groups
// The notes:     udp广播 (broadcast); example 08

#ifndef NETNOTES_UDP_MULTICAST_HPP
#define NETNOTES_UDP_MULTICAST_HPP

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include "../socket/buffer.hpp"
#include "../socket/interfaces.hpp"
#include "../socket/socket.hpp"
#include "datagram.hpp"

namespace netnotes {

/// The calls of a UDP socket that concern groups. Programs use it as a part of udp_socket.
class multicast_socket : protected socket {
  public:
    // A group is an address in 224.0.0.0/4 or ff00::/8. A socket joins a group on one interface. The parameter
    // `interface` is the number of that interface (interface_index); 0 lets the routing table choose. For an IPv6 group
    // the zone suffices: ff02::1234%eth0. An IPv6 socket that is not ipv6_only may join IPv4 groups as well. RFC 3678
    // §5.1 defines the calls.

    /// Joins the group: the socket receives datagrams to the group and this socket's port. Bind that port first, on the
    /// wildcard address. Fails with errc::address_in_use if it has joined already, no_such_device without an interface
    /// or a route.
    void join(const ip_address& group, unsigned interface = 0);
    void join(const ip_address& group, unsigned interface, std::error_code& error) noexcept;
    /// Leaves the group. Fails with errc::address_not_available if the socket is no member. Closing leaves all groups.
    void leave(const ip_address& group, unsigned interface = 0);
    void leave(const ip_address& group, unsigned interface, std::error_code& error) noexcept;
    /// Joins the group for datagrams of that source only: source-specific multicast. 232.0.0.0/8 and ff3x::/32 are
    /// reserved for it (RFC 4607). May be called for several sources, but not together with the plain join().
    void join(const ip_address& group, const ip_address& source, unsigned interface = 0);
    void join(const ip_address& group, const ip_address& source, unsigned interface, std::error_code& error) noexcept;
    void leave(const ip_address& group, const ip_address& source, unsigned interface = 0);
    void leave(const ip_address& group, const ip_address& source, unsigned interface, std::error_code& error) noexcept;

    /// Sets the interface by which this socket's datagrams to groups leave; 0 lets the routing table choose.
    void set_multicast_interface(unsigned interface);
    void set_multicast_interface(unsigned interface, std::error_code& error) noexcept;
    /// Sets whether members on this host, this socket included, receive the datagrams that this socket sends. They do
    /// by default. (Datagrams that leave by the interface "lo" come back in any case.)
    void set_multicast_loop(bool loop);
    void set_multicast_loop(bool loop, std::error_code& error) noexcept;
    /// Returns true if members on this host receive what this socket sends.
    [[nodiscard]] bool multicast_loop() const;
    /// Sets how far a datagram to a group may go, 0 to 255. With 0 it stays on this host; with 1, the default, on this
    /// link. Every router on the way needs 1 more. IPv6 calls it the hop limit. Fails with errc::invalid_argument out
    /// of range.
    void set_multicast_ttl(int ttl);
    void set_multicast_ttl(int ttl, std::error_code& error) noexcept;
    /// Returns how far a datagram to a group may go.
    [[nodiscard]] int multicast_ttl() const;

  protected:
    using socket::socket;
    multicast_socket() noexcept = default;
    explicit multicast_socket(socket&& taken) noexcept : socket{std::move(taken)} {}
    bool is_v6() const noexcept;

  private:
    void membership(int name, const ip_address& group, const ip_address* source, unsigned interface,
                    std::error_code& error) noexcept;
    void membership(int name, const ip_address& group, const ip_address* source, unsigned interface);
    template <class ValueV4>
    void set_multicast(int name_v4, const ValueV4& value_v4, int name_v6, int value, std::error_code& error) noexcept;
    int get_multicast(int name_v4, int name_v6) const;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

inline bool multicast_socket::is_v6() const noexcept {
    std::error_code error;
    return socket::local_endpoint(error).family() == address_family::inet6;
}

inline void multicast_socket::membership(int name, const ip_address& group, const ip_address* source,
                                         unsigned interface, std::error_code& error) noexcept {
    // The option level follows the group: an IPv6 socket takes IPv4's options for its IPv4 side (Linux).
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
        return set_option(level, name, detail::bytes_of(request), error);
    }
    const socket_address from = detail::to_socket_address({source->unmapped(), 0}, error);
    if (error) return;
    group_source_req request{};
    request.gsr_interface = interface;
    std::memcpy(&request.gsr_group, address.data(), address.size());
    std::memcpy(&request.gsr_source, from.data(), from.size());
    set_option(level, name, detail::bytes_of(request), error);
}
inline void multicast_socket::membership(int name, const ip_address& group, const ip_address* source,
                                         unsigned interface) {
    std::error_code error;
    membership(name, group, source, interface, error);
    if (!error) return;
    const bool joins = name == MCAST_JOIN_GROUP || name == MCAST_JOIN_SOURCE_GROUP;
    fail(error, detail::joined(joins ? "join " : "leave ", group.to_string(), source ? " from " : "",
                               source ? source->to_string() : ""));
}

inline void multicast_socket::join(const ip_address& group, unsigned interface) {
    membership(MCAST_JOIN_GROUP, group, nullptr, interface);
}
inline void multicast_socket::join(const ip_address& group, unsigned interface, std::error_code& error) noexcept {
    membership(MCAST_JOIN_GROUP, group, nullptr, interface, error);
}
inline void multicast_socket::leave(const ip_address& group, unsigned interface) {
    membership(MCAST_LEAVE_GROUP, group, nullptr, interface);
}
inline void multicast_socket::leave(const ip_address& group, unsigned interface, std::error_code& error) noexcept {
    membership(MCAST_LEAVE_GROUP, group, nullptr, interface, error);
}
inline void multicast_socket::join(const ip_address& group, const ip_address& source, unsigned interface) {
    membership(MCAST_JOIN_SOURCE_GROUP, group, &source, interface);
}
inline void multicast_socket::join(const ip_address& group, const ip_address& source, unsigned interface,
                                   std::error_code& error) noexcept {
    membership(MCAST_JOIN_SOURCE_GROUP, group, &source, interface, error);
}
inline void multicast_socket::leave(const ip_address& group, const ip_address& source, unsigned interface) {
    membership(MCAST_LEAVE_SOURCE_GROUP, group, &source, interface);
}
inline void multicast_socket::leave(const ip_address& group, const ip_address& source, unsigned interface,
                                    std::error_code& error) noexcept {
    membership(MCAST_LEAVE_SOURCE_GROUP, group, &source, interface, error);
}

/// Sets both options on an IPv6 socket, because it may send to IPv4 groups too.
template <class ValueV4>
void multicast_socket::set_multicast(int name_v4, const ValueV4& value_v4, int name_v6, int value,
                                     std::error_code& error) noexcept {
    const bool v6 = is_v6();
    if (v6) set_option(IPPROTO_IPV6, name_v6, detail::bytes_of(value), error);
    if (v6 && error) return;
    std::error_code v4_error;
    set_option(IPPROTO_IP, name_v4, detail::bytes_of(value_v4), v4_error);
    if (!v6) error = v4_error;
}
inline int multicast_socket::get_multicast(int name_v4, int name_v6) const {
    int value = 0;
    const bool v6 = is_v6();
    get_option(v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? name_v6 : name_v4, detail::room_of(value));
    return value;
}

inline void multicast_socket::set_multicast_interface(unsigned interface, std::error_code& error) noexcept {
    ip_mreqn request{};
    request.imr_ifindex = static_cast<int>(interface);
    set_multicast(IP_MULTICAST_IF, request, IPV6_MULTICAST_IF, static_cast<int>(interface), error);
}
inline void multicast_socket::set_multicast_interface(unsigned interface) {
    std::error_code error;
    set_multicast_interface(interface, error);
    if (error) fail(error, detail::joined("multicast interface ", std::to_string(interface)));
}

inline void multicast_socket::set_multicast_loop(bool loop, std::error_code& error) noexcept {
    set_multicast(IP_MULTICAST_LOOP, static_cast<int>(loop), IPV6_MULTICAST_LOOP, loop, error);
}
inline void multicast_socket::set_multicast_loop(bool loop) {
    std::error_code error;
    set_multicast_loop(loop, error);
    if (error) fail(error, "multicast loop");
}
inline bool multicast_socket::multicast_loop() const {
    return get_multicast(IP_MULTICAST_LOOP, IPV6_MULTICAST_LOOP) != 0;
}

inline void multicast_socket::set_multicast_ttl(int ttl, std::error_code& error) noexcept {
    if (ttl < 0) {  // to the kernel, -1 means the default
        error = std::make_error_code(std::errc::invalid_argument);
        return;
    }
    set_multicast(IP_MULTICAST_TTL, ttl, IPV6_MULTICAST_HOPS, ttl, error);
}
inline void multicast_socket::set_multicast_ttl(int ttl) {
    std::error_code error;
    set_multicast_ttl(ttl, error);
    if (error) fail(error, detail::joined("multicast TTL ", std::to_string(ttl)));
}
inline int multicast_socket::multicast_ttl() const { return get_multicast(IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS); }

}  // namespace netnotes

#endif  // NETNOTES_UDP_MULTICAST_HPP
