// Frames that several tests of packet use, and a function that reads everything of a frame.
// SPDX-License-Identifier: MIT

#pragma once

#include "packet.hpp"

/// Fills in the checksums of IPv4 and of the transport, as the plain functions of checksum.hpp compute them.
inline std::vector<std::byte> with_checksums(std::vector<std::byte> frame) {
    const packet::frame_view view = packet::dissect(frame);
    if (view.ipv4()) {
        const std::size_t at = view.network_offset();
        packet::detail::store_16(frame.data() + at + 10, 0);
        packet::detail::store_16(frame.data() + at + 10,
                                 packet::internet_checksum(std::span{frame}.subspan(at, view.ipv4()->header_size())));
    }
    std::size_t field = 0;
    if (view.tcp()) field = 16;
    if (view.udp()) field = 6;
    if (view.icmp() || view.icmpv6()) field = 2;
    if (field == 0) return frame;
    const std::size_t at = view.transport_offset();
    packet::detail::store_16(frame.data() + at + field, 0);
    const auto segment =
        std::span<const std::byte>{frame}.subspan(at, view.payload_offset() + view.payload().size() - at);
    const auto size = static_cast<std::uint32_t>(segment.size());
    packet::internet_sum sum;
    if (view.ipv4() && !view.icmp())
        sum = packet::pseudo_header(view.ipv4()->source(), view.ipv4()->destination(), view.protocol(), size);
    if (view.ipv6()) {
        auto destination = view.ipv6()->destination();
        for (const auto& each : view.ipv6()->extensions()) destination = each.final_destination().value_or(destination);
        sum = packet::pseudo_header(view.ipv6()->source(), destination, view.protocol(), size);
    }
    packet::detail::store_16(frame.data() + at + field, packet::internet_checksum(segment, sum));
    return frame;
}

struct named_frame {
    std::string_view name;
    std::vector<std::byte> bytes;
};

/// A frame of each kind. All are right, with right checksums.
inline const std::vector<named_frame>& good_frames() {
    static const std::string cards = "02005e100002 02005e100001 ";
    static const std::string v4 = "c0000201 c6336407 ";
    static const std::string v6 = "20010db8000000000000000000000001 20010db8000000000000000000000002 ";
    static const std::vector<named_frame> all{
        {"SYN", with_checksums(hex(cards + "0800 4500 003c 1234 4000 4006 0000" + v4 +
                                   "9ff0 1a0a 12345678 00000000 a002 faf0 0000 0000"
                                   "020405b4 0402 080a 00112233 00000000 01 030307"))},
        {"data, padded", with_checksums(hex(cards + "0800 4500 002b 1235 4000 4006 0000" + v4 +
                                            "9ff0 1a0a 12345679 00000001 5018 faf0 0000 0000 616263 000000"))},
        {"UDP with IPv4 options", with_checksums(hex(cards + "0800 4618 0023 1236 0000 4011 0000" + v4 +
                                                     "94040000 1a0a 0035 000b 0000 616263"))},
        {"UDP over IPv6",
         with_checksums(hex(cards + "86dd 6000 0000 000c 11 40" + v6 + "1a0a 0035 000c 0000 61626364"))},
        {"TCP over IPv6", with_checksums(hex(cards + "86dd 600a bcde 0014 06 40" + v6 +
                                             "9ff0 1a0a 12345679 00000001 5011 faf0 0000 0000"))},
        {"ICMP echo", with_checksums(hex(cards + "0800 4500 0024 1237 4000 4001 0000" + v4 +
                                         "0800 0000 1234 0001 0011223344556677"))},
        {"multicast listener report behind an extension header",
         with_checksums(hex("333300000016 02005e100001 86dd 6000 0000 0024 00 01"
                            "fe800000000000000000000000000001 ff020000000000000000000000000016"
                            "3a00 05020000 0100 8f00 0000 0000 0001 04000000 ff0200000000000000000001ff000002"))},
        {"neighbour solicitation",
         with_checksums(hex("3333ff000002 02005e100001 86dd 6000 0000 0020 3a ff"
                            "fe800000000000000000000000000001 ff0200000000000000000001ff000002"
                            "8700 0000 00000000 fe800000000000000000000000000002 0101 02005e100001"))},
        {"ARP, padded", hex("ffffffffffff 02005e100001 0806 0001 0800 06 04 0001 02005e100001 c0000201 000000000000"
                            "c0000207 000000000000000000000000000000000000")},
        {"two VLAN tags", with_checksums(hex(cards + "88a8 2064 8100 6007 0800 4500 001f 1238 0000 4011 0000" + v4 +
                                             "1a0a 0035 000b 0000 616263"))},
        {"spanning tree over IEEE 802.3", hex("0180c2000000 02005e100001 0026 424203 0000 00 00 00 8000 02005e100001 "
                                              "00000000 8000 02005e100001 8001 0000"
                                              "1400 0200 0f00 0000000000000000")},
        {"IPv4 over IEEE 802.3", with_checksums(hex(cards + "0027 aaaa03 000000 0800 4500 001f 1238 0000 4011 0000" +
                                                    v4 + "1a0a 0035 000b 0000 616263"))},
        {"source route of IPv6", with_checksums(hex(cards + "86dd 6000 0000 0024 2b 40" + v6 +
                                                    "1102 0001 00000000 20010db8000000000000000000000099"
                                                    "1a0a 0035 000c 0000 61626364"))},
        {"unknown protocol", hex(cards + "88cc 0207 04 02005e100001")},
    };
    return all;
}
inline std::vector<std::byte> good_frame(std::string_view name) {
    for (const auto& each : good_frames())
        if (each.name == name) return each.bytes;
    throw std::invalid_argument{"no such frame"};
}

/// Reads everything that a frame has, and returns a number made of it: AddressSanitizer sees what lies outside.
inline std::uint64_t touch(const packet::frame_view& frame) {
    std::uint64_t sum = 0;
    const auto bytes = [&](std::span<const std::byte> each) {
        for (const std::byte b : each) sum = sum * 31 + std::to_integer<std::uint64_t>(b);
    };
    const auto options = [&](const auto& range) {
        for (const auto& each : range) {
            sum += each.kind;
            bytes(each.data);
        }
        sum += range.failure().message().size();
    };
    bytes(frame.payload());
    bytes(frame.trailer());
    sum += frame.failure().message().size() + static_cast<unsigned>(frame.checksum_state());
    if (const auto ethernet = frame.ethernet()) sum += ethernet->source().to_uint() + ethernet->payload().size();
    for (std::size_t i = 0; i < frame.vlan_count(); ++i) sum += frame.vlan(i)->identifier();
    if (const auto arp = frame.arp()) {
        bytes(arp->sender_hardware_bytes());
        bytes(arp->target_protocol_bytes());
        sum += arp->sender_hardware_address().to_uint() + arp->target_protocol_address().to_uint();
    }
    if (const auto ip = frame.ipv4()) {
        options(ip->options());
        bytes(ip->header());
        bytes(ip->payload());
        sum += static_cast<unsigned>(ip->header_checksum_state());
    }
    if (const auto ip = frame.ipv6()) {
        for (const auto& each : ip->extensions()) {
            options(each.options());
            bytes(each.bytes());
            sum += each.fragment_offset() + each.identification() + each.segments_left();
            if (const auto end = each.final_destination()) sum += end->to_uint().low;
        }
        bytes(ip->extensions().last().payload);
        sum += ip->destination().to_uint().low + ip->extensions().failure().message().size();
    }
    if (const auto icmp = frame.icmp()) {
        bytes(icmp->quoted());
        sum += icmp->rest_of_header() + icmp->next_hop_mtu().value_or(0);
    }
    if (const auto icmp = frame.icmpv6()) {
        options(icmp->options());
        bytes(icmp->quoted());
        if (const auto target = icmp->target_address()) sum += target->to_uint().low;
        if (const auto router = icmp->router_advertisement()) sum += router->reachable_milliseconds;
        if (const auto prefix = icmp->prefix_information()) sum += prefix->prefix_length;
    }
    if (const auto udp = frame.udp()) bytes(udp->bytes());
    if (const auto tcp = frame.tcp()) {
        options(tcp->options());
        bytes(tcp->bytes());
        sum += tcp->selective_acknowledgments().size() + tcp->maximum_segment_size().value_or(0);
    }
    return sum;
}
