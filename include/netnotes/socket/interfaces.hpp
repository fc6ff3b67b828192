// netnotes/socket/interfaces.hpp: the network interfaces of this machine
// SPDX-License-Identifier: MIT
//
// An interface is a place where a host meets a network: a card, a wireless adapter, the loopback inside the machine.
// Each interface has a name, a number, and any number of addresses. A socket that is bound to 0.0.0.0 or :: listens on
// all of them.
//
//        for (const net::network_interface& each : net::interfaces())          // namespace net = netnotes
//            for (const net::interface_address& mine : each.addresses)
//                std::cout << each.name << ' ' << mine.address << '\n';        // lo 127.0.0.1/8
//
//        lo    ── 127.0.0.1/8   ::1/128                      up, loopback
//        eth0  ── 192.168.1.77/24   fe80::1%2/64             up, 02:42:c0:a8:01:4d
//                      │         └── prefix: which neighbours need no router
//                      └── address: its zone is the interface's number, because fe80::/10 exists on every link
//
// On this page:  network_interface, interface_address · interfaces, interface_index
// The notes:     IP地址 (ifconfig, ip addr); example 02

#ifndef NETNOTES_SOCKET_INTERFACES_HPP
#define NETNOTES_SOCKET_INTERFACES_HPP

#include <ifaddrs.h>
#include <net/if.h>
#include <sys/socket.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "../ip/algorithm.hpp"
#include "../ip/interface.hpp"
#include "address.hpp"

namespace netnotes {

/// An address of an interface.
struct interface_address {
    /// The address and its network. The zone of a link-local address is the interface's number: fe80::1%2/64.
    ip_interface address;
    /// Where a datagram reaches all hosts of the network. Only an IPv4 address can have it.
    std::optional<ip_address> broadcast;
    /// The other end, when the address was given for a link of two hosts (PPP, a tunnel).
    std::optional<ip_address> peer;
};

/// An interface as it was when interfaces() asked the kernel. A value: it does not follow later changes.
struct network_interface {
    std::string name;    ///< "eth0", "lo"
    unsigned index = 0;  ///< the kernel's number, 1 and up; see interface_index(). 0 if the interface has just gone
    bool is_up = false;  ///< an administrator has switched it on
    bool is_running = false;         ///< the link works: a cable is in it, an access point answers
    bool is_loopback = false;        ///< what leaves here arrives here
    bool is_point_to_point = false;  ///< the link has exactly one other end
    bool can_broadcast = false;      ///< a datagram can reach all hosts of the link
    bool can_multicast = false;      ///< a socket can join groups on it
    /// The address below IP: six bytes as "02:42:c0:a8:01:4d" for Ethernet and Wi-Fi. Empty where the link has none.
    std::string hardware_address;
    std::vector<interface_address> addresses;  ///< in the kernel's order; other families than IP are left out
};

/// Returns the number of the network interface "eth0" or "lo" (RFC 3493 §4.1), 1 or more. Throws std::system_error if
/// no interface has that name.
[[nodiscard]] inline unsigned interface_index(const std::string& name) {
    const unsigned index = ::if_nametoindex(name.c_str());
    if (index == 0) detail::throw_error(detail::last_error(), "interface ", name);
    return index;
}

/// Returns the interfaces of this machine, or of the network namespace in which the program runs, in the kernel's
/// order. Asks the kernel each time, and does not wait for any host: getifaddrs(3). Throws std::system_error when the
/// kernel refuses (no memory, no descriptor). Threads may call it at once.
[[nodiscard]] std::vector<network_interface> interfaces();
/// Does the same, and reports a failure in `error` instead. Returns an empty list then.
[[nodiscard]] std::vector<network_interface> interfaces(std::error_code& error);

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

/// Returns the address in the kernel's structure. Returns std::nullopt for a null pointer and for other families.
inline std::optional<ip_address> ip_of(const sockaddr* from) {
    if (!from) return std::nullopt;
    const int family = from->sa_family;
    if (family != AF_INET && family != AF_INET6) return std::nullopt;
    socket_address address;
    const socklen_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    std::memcpy(address.data(), from, size);
    address.resize(size);
    return address.ip().address();
}

/// How many leading ones a netmask has. The kernel keeps prefixes, so no mask has a hole.
inline unsigned prefix_length_of(const sockaddr* mask, unsigned width) {
    // (The kernel gives no mask with an address that has no network: it stands alone.)
    const auto bits = ip_of(mask);
    if (!bits) return width;
    if (bits->is_v4()) return static_cast<unsigned>(std::countl_one(bits->v4().to_uint()));
    unsigned length = 0;
    for (const std::uint8_t octet : bits->v6().to_octets()) length += static_cast<unsigned>(std::popcount(octet));
    return length;
}

/// The kernel's struct sockaddr_ll (packet(7)). <netpacket/packet.h> and <linux/if_packet.h> both define it, and cannot
/// be included together. So a header that is copied into programs includes neither.
struct link_address {
    std::uint16_t family, protocol;
    std::int32_t interface;
    std::uint16_t type;
    std::uint8_t packet_type, size;
    std::uint8_t bytes[8];
};

/// Returns the bytes of AF_PACKET's address as text: "02:42:c0:a8:01:4d".
inline std::string hardware_address_of(const sockaddr* from) {
    link_address link{};
    std::memcpy(&link, from, sizeof link);
    const std::size_t size = detail::min<std::size_t>(link.size, sizeof link.bytes);
    std::string text;
    bool is_any = false;
    for (std::size_t i = 0; i < size; ++i) {
        if (i > 0) text += ':';
        text += {hexadecimal_digits[link.bytes[i] >> 4], hexadecimal_digits[link.bytes[i] & 0xf]};
        is_any = is_any || link.bytes[i] != 0;
    }
    return is_any ? text : std::string{};  // the loopback's address is all zeros, which is no address
}

/// Stores `other` as the peer or the broadcast address of `mine`. In getifaddrs(3) one field has both meanings:
/// ifa_dstaddr and ifa_broadaddr are the same union. The flags of the link do not decide. An Ethernet link, too, may
/// have a peer: `ip address add 10.7.0.1 peer 10.7.0.2 dev eth0`. The host bits of a broadcast address are all ones
/// (RFC 919 §7). A network of two addresses, or of a single address, has no broadcast address.
inline void set_other(interface_address& mine, const ip_address& other, const network_interface& link) {
    const network around = mine.address.network();
    if (other == mine.address.address()) return;  // without a peer, glibc repeats the address itself
    if (other.is_v4() && around.is_v4() && link.can_broadcast && around.host_width() > 1 &&
        (other.v4().to_uint() | around.netmask().v4().to_uint()) == ~std::uint32_t{0})
        mine.broadcast = other;
    else
        mine.peer = other;
}

}  // namespace detail

inline std::vector<network_interface> interfaces(std::error_code& error) {
    std::vector<network_interface> found;
    ifaddrs* list = nullptr;
    if (::getifaddrs(&list) != 0) {
        error = detail::last_error();
        return found;
    }
    error.clear();
    const struct guard {
        ifaddrs* list;
        ~guard() { ::freeifaddrs(list); }
    } freed{list};
    // The kernel lists all links first, then all IPv4 addresses, then all IPv6 addresses. An alias of old, "eth0:1", is
    // an address of eth0 with a label, not an interface.
    for (const ifaddrs* entry = list; entry; entry = entry->ifa_next) {
        const std::string_view label{entry->ifa_name};
        const std::string_view name = label.substr(0, label.find(':'));
        const auto is_same = [&](const network_interface& each) { return each.name == name; };
        auto place = detail::find_if(found.begin(), found.end(), is_same);
        if (place == found.end()) {
            network_interface added;
            added.name = name;
            added.index = ::if_nametoindex(added.name.c_str());
            added.is_up = entry->ifa_flags & IFF_UP;
            added.is_running = entry->ifa_flags & IFF_RUNNING;
            added.is_loopback = entry->ifa_flags & IFF_LOOPBACK;
            added.is_point_to_point = entry->ifa_flags & IFF_POINTOPOINT;
            added.can_broadcast = entry->ifa_flags & IFF_BROADCAST;
            added.can_multicast = entry->ifa_flags & IFF_MULTICAST;
            place = found.insert(place, std::move(added));
        }
        if (!entry->ifa_addr) continue;
        if (entry->ifa_addr->sa_family == AF_PACKET) {
            place->hardware_address = detail::hardware_address_of(entry->ifa_addr);
            continue;
        }
        const auto address = detail::ip_of(entry->ifa_addr);
        if (!address) continue;
        interface_address mine{
            ip_interface{*address, detail::prefix_length_of(entry->ifa_netmask, address->width())}, {}, {}};
        if (const auto other = detail::ip_of(entry->ifa_dstaddr)) detail::set_other(mine, *other, *place);
        place->addresses.push_back(mine);
    }
    return found;
}

inline std::vector<network_interface> interfaces() {
    std::error_code error;
    auto found = interfaces(error);
    if (error) detail::throw_error(error, "interfaces of this machine");
    return found;
}

}  // namespace netnotes

#endif  // NETNOTES_SOCKET_INTERFACES_HPP
