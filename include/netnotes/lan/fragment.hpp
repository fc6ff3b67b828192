// netnotes/lan/fragment.hpp: cutting a packet that is too long for a link
// SPDX-License-Identifier: MIT
//
// Each link has a largest packet, its MTU. A longer packet is cut into fragments, which travel as packets of their own and are
// joined by the destination only (RFC 791 §3.2):
//
//        4,028 bytes, MTU 1500        20 │ 4,008 bytes of payload
//
//        offset    0, more follow     20 │ 1,480 bytes
//        offset 1480, more follow     20 │ 1,480 bytes
//        offset 2960, the last        20 │ 1,048 bytes
//
// An offset counts units of eight bytes, so all fragments but the last have a multiple of eight bytes. A fragment may be cut
// again. If the sender has set "don't fragment", a router drops the packet instead, and tells the sender the MTU by ICMP
// (type 3, code 4). TCP uses that to find the largest packet for the whole way (RFC 1191).
//
// On this page:  cut_into_fragments
// The notes:     TCP/IP协议(族), IP; exercise 52

#ifndef NETNOTES_LAN_FRAGMENT_HPP
#define NETNOTES_LAN_FRAGMENT_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "../packet/build.hpp"
#include "../packet/ipv4.hpp"

namespace netnotes::lan {

/// Cuts a packet into packets of at most `mtu` bytes. Each result begins with `room` free bytes, for a header in front.
/// The packet may be a fragment itself. A packet that fits gives one result. Options
/// without the copy flag stand in the first fragment only (RFC 791 §3.1). Returns nothing if the MTU has no room for eight
/// bytes of payload, and for a fragment that ends behind byte 65,535 ("ping of death"): its pieces could not say where they
/// belong.
[[nodiscard]] inline std::vector<std::vector<std::byte>> cut_into_fragments(const packet::ipv4_view& whole,
                                                                            std::size_t mtu, std::size_t room) {
    std::vector<std::vector<std::byte>> pieces;
    packet::ipv4 header = packet::ipv4::from(whole);
    header.total_length.reset();
    header.header_checksum.reset();
    packet::ipv4_options later;
    for (const packet::option& each : whole.options())
        if ((each.kind & 0x80) != 0) later.append(each.kind, each.data);
    const auto payload = whole.payload();
    if (whole.fragment_offset() + payload.size() > 65'535) return {};
    std::size_t at = 0;
    do {
        const std::size_t header_size = 20 + header.options.padded_size();
        if (mtu < header_size + 8) return {};
        const bool is_last = payload.size() - at <= mtu - header_size;
        const std::size_t size = is_last ? payload.size() - at : (mtu - header_size) / 8 * 8;
        header.internet_header_length.reset();
        header.fragment_offset = whole.fragment_offset() + static_cast<std::uint32_t>(at);
        header.more_fragments = whole.more_fragments() || !is_last;
        std::vector<std::byte> piece(room);
        packet::write(piece, header, payload.subspan(at, size));
        pieces.push_back(std::move(piece));
        at += size;
        header.options = later;
    } while (at < payload.size());
    return pieces;
}

}  // namespace netnotes::lan

#endif  // NETNOTES_LAN_FRAGMENT_HPP
