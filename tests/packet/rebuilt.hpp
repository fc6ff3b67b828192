// Takes a frame apart and writes each layer again: what tests, fuzzers and packet_fields compare with the frame's bytes.
// SPDX-License-Identifier: MIT

#pragma once

#include <netnotes/packet.hpp>

#include <vector>

inline std::vector<std::byte> rebuilt(const netnotes::packet::frame_view& frame) {
    namespace packet = netnotes::packet;
    const auto bytes = frame.bytes();
    std::vector<std::byte> out;
    if (frame.ethernet()) packet::write(out, packet::ethernet::from(*frame.ethernet()));
    for (std::size_t i = 0; i < frame.vlan_count(); ++i) packet::write(out, packet::vlan::from(*frame.vlan(i)));
    packet::write(out, bytes.subspan(out.size(), frame.network_offset() - out.size()));  // other headers of the link
    if (const auto arp = frame.arp()) {
        if (arp->is_ethernet_ipv4())
            packet::write(out, packet::arp::from(*arp));
        else
            packet::write(out, arp->header());
    }
    if (frame.ipv4()) packet::write(out, packet::ipv4::from(*frame.ipv4()));
    if (frame.ipv6()) {
        packet::write(out, packet::ipv6::from(*frame.ipv6()));
        for (const auto& each : frame.ipv6()->extensions()) packet::write(out, packet::ipv6_header::from(each));
    }
    if (frame.icmp()) packet::write(out, packet::icmp::from(*frame.icmp()));
    if (frame.icmpv6()) packet::write(out, packet::icmpv6::from(*frame.icmpv6()));
    if (frame.udp()) packet::write(out, packet::udp::from(*frame.udp()));
    if (frame.tcp()) packet::write(out, packet::tcp::from(*frame.tcp()));
    // Behind UDP there may be bytes that its length does not count, but IP's does.
    packet::write(out, bytes.first(bytes.size() - frame.trailer().size()).subspan(frame.payload_offset()),
                  packet::trailer{frame.trailer()});
    return out;
}
