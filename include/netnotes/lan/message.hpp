// netnotes/lan/message.hpp: what programs and IP tell each other
// SPDX-License-Identifier: MIT
//
// A program that sends says how: the time to live, whether routers may cut the packet, its source. It gets datagrams,
// and reports about packets that did not arrive. Such a report quotes the packet:
//
//        ┌─ IPv4 ──────────┬─ ICMP ──────────────┬─ quoted: IPv4 ───┬─ 8 bytes or more ─┐
//        │ from the router │ type 11, code 0     │ the lost packet  │ its ports         │
//        └─────────────────┴─────────────────────┴──────────────────┴───────────────────┘
//
// On this page:  packet_options · icmp_report, icmp_error_text · datagram · ip_counters · error_limit
// The notes:     IP, ICMP, UDP

#ifndef NETNOTES_LAN_MESSAGE_HPP
#define NETNOTES_LAN_MESSAGE_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "../ip/address.hpp"
#include "../ip/endpoint.hpp"
#include "../packet/icmp.hpp"
#include "../packet/ipv4.hpp"
#include "event.hpp"

namespace netnotes::lan {

/// How a packet is sent.
struct packet_options {
    std::uint8_t time_to_live = 64;
    bool dont_fragment = false;
    std::uint8_t type_of_service = 0;
    std::optional<ipv4_address> source{};  ///< nullopt: the address of the interface that sends
    std::optional<unsigned> port{};        ///< for broadcasts and groups: the interface; nullopt: the first
};

/// An ICMP error that reached this node, or that this node made for a packet of its own.
struct icmp_report {
    ipv4_address from{};  ///< the node that reports
    packet::icmp_type type{};
    std::uint8_t code = 0;
    std::uint16_t next_hop_mtu = 0;  ///< of "fragmentation needed"
    packet::ipv4_view quoted;        ///< the beginning of the packet; its payload has at least 8 bytes, if it had them
};

/// A UDP datagram that has arrived. The payload is valid during the call.
struct datagram {
    endpoint source{};
    endpoint destination{};
    std::span<const std::byte> payload{};
    unsigned port = 0;  ///< the interface at which it arrived
};

/// Counts of the packets that a node has delivered, forwarded and dropped.
struct ip_counters {
    std::uint64_t delivered = 0;   ///< to a protocol of this node
    std::uint64_t forwarded = 0;   ///< to another link
    std::uint64_t malformed = 0;   ///< headers that could not be read, or with a wrong checksum
    std::uint64_t not_for_us = 0;  ///< for another card or another host
    std::uint64_t no_route = 0;
    std::uint64_t errors_sent = 0;      ///< ICMP errors
    std::uint64_t errors_withheld = 0;  ///< because of the limit
    std::uint64_t conflicts = 0;        ///< ARP packets in which another card claims an address of this node
};

/// How many ICMP errors a node sends: `burst` at once, and then one in each `interval`.
struct error_limit {
    unsigned burst = 6;
    virtual_time interval = std::chrono::seconds{1};
};

/// Returns what ping says about an ICMP error, for example `destination host unreachable`.
[[nodiscard]] inline std::string icmp_error_text(packet::icmp_type type, unsigned code, unsigned mtu = 0) {
    if (type == packet::icmp_type::time_exceeded)
        return code == 0 ? "time to live exceeded" : "fragment reassembly time exceeded";
    if (type == packet::icmp_type::destination_unreachable) {
        constexpr std::string_view names[]{"network", "host", "protocol", "port"};
        if (code < 4) return "destination " + std::string{names[code]} + " unreachable";
        if (code == 4) return "fragmentation needed, MTU " + std::to_string(mtu);
    }
    return "ICMP type " + std::to_string(static_cast<unsigned>(type)) + " code " + std::to_string(code);
}

}  // namespace netnotes::lan

#endif  // NETNOTES_LAN_MESSAGE_HPP
