// tests/fuzz/packet_frame.cpp: any bytes as a frame
// SPDX-License-Identifier: MIT
//
// The first byte chooses the link and how many bytes the capture has lost. What dissect() finds must lie within the bytes.
// The two ways through a frame must agree. Each layer, built again, must have the same bytes. The checksum of a frame
// must be what the views say with the addresses around them.

#include "fuzz.hpp"

#include <functional>
#include <vector>

#include <netnotes/packet.hpp>

#include "../packet/rebuilt.hpp"

using namespace netnotes::packet;
using fuzz::require;

namespace {

void check_place(std::span<const std::byte> part, std::span<const std::byte> whole) {
    if (part.empty()) return;
    require(!std::less<>{}(part.data(), whole.data()) && part.data() + part.size() <= whole.data() + whole.size(),
            "a view lies within the frame");
    // An address sanitizer sees what lies outside.
    std::uint64_t sum = 0;
    for (const std::byte each : part) sum += std::to_integer<std::uint64_t>(each);
    require(sum <= part.size() * 255, "bytes are bytes");
}
template <class Form>
void check_options(const option_range<Form>& options, std::span<const std::byte> whole) {
    std::size_t seen = 0;
    for (const option& each : options) {
        check_place(each.data, whole);
        seen += 1 + each.data.size();
    }
    require(seen <= options.bytes().size(), "options do not overlap");
    check_place(options.bytes(), whole);
    require(options.failure().message().size() < 200, "a failure has a sentence");
}
void check_views(const frame_view& frame) {
    const auto whole = frame.bytes();
    check_place(frame.payload(), whole);
    check_place(frame.trailer(), whole);
    for (std::size_t i = 0; i < frame.vlan_count(); ++i) check_place(frame.vlan(i)->bytes(), whole);
    if (const auto arp = frame.arp()) {
        check_place(arp->sender_hardware_bytes(), whole);
        check_place(arp->target_protocol_bytes(), whole);
    }
    if (const auto ip = frame.ipv4()) {
        check_place(ip->bytes(), whole);
        check_options(ip->options(), whole);
    }
    if (const auto ip = frame.ipv6()) {
        check_place(ip->bytes(), whole);
        for (const ipv6_extension& each : ip->extensions()) {
            check_place(each.bytes(), whole);
            check_options(each.options(), whole);
            (void)each.final_destination();
        }
        check_place(ip->extensions().last().payload, whole);
    }
    if (const auto icmp = frame.icmp()) check_place(icmp->quoted(), whole);
    if (const auto icmp = frame.icmpv6()) {
        check_place(icmp->bytes(), whole);
        check_options(icmp->options(), whole);
        (void)icmp->target_address();
        (void)icmp->router_advertisement();
        (void)icmp->prefix_information();
    }
    if (const auto udp = frame.udp()) check_place(udp->bytes(), whole);
    if (const auto tcp = frame.tcp()) {
        check_place(tcp->bytes(), whole);
        check_options(tcp->options(), whole);
        require(tcp->selective_acknowledgments().size() <= 4, "the header has room for four blocks");
    }
}
void check_checksum(const frame_view& frame) {
    const auto state = frame.checksum_state();
    if (state == checksum_state::unknown) return;
    const auto ipv4 = frame.ipv4();
    const auto ipv6 = frame.ipv6();
    if (ipv4 && frame.tcp())
        require(state == frame.tcp()->checksum_state(ipv4->source(), ipv4->destination()), "TCP over IPv4");
    if (ipv4 && frame.udp())
        require(state == frame.udp()->checksum_state(ipv4->source(), ipv4->destination()), "UDP over IPv4");
    if (frame.icmp()) require(state == frame.icmp()->checksum_state(), "ICMP");
    if (ipv6 && !frame.has(layer::ipv6_extension)) {
        if (frame.tcp())
            require(state == frame.tcp()->checksum_state(ipv6->source(), ipv6->destination()), "TCP over IPv6");
        if (frame.udp())
            require(state == frame.udp()->checksum_state(ipv6->source(), ipv6->destination()), "UDP over IPv6");
        if (frame.icmpv6())
            require(state == frame.icmpv6()->checksum_state(ipv6->source(), ipv6->destination()), "ICMPv6");
    }
}
void check_agreement(const frame_view& a, const frame_view& b) {
    require(a.network_offset() == b.network_offset() && a.transport_offset() == b.transport_offset() &&
                a.payload_offset() == b.payload_offset() && a.payload().size() == b.payload().size() &&
                a.trailer().size() == b.trailer().size() && a.protocol() == b.protocol() &&
                a.is_fragment() == b.is_fragment() && a.payload_ended_by() == b.payload_ended_by() &&
                a.failure() == b.failure() && a.checksum_state() == b.checksum_state(),
            "the short way and the long way find the same");
    for (std::uint8_t i = 0; i <= static_cast<std::uint8_t>(layer::capture); ++i)
        require(a.has(layer{i}) == b.has(layer{i}), "the same layers");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    constexpr link_type links[]{link_type::ethernet,        link_type::raw_ip,   link_type::null_loopback,
                                link_type::linux_cooked,    link_type::raw_ipv4, link_type::raw_ipv6,
                                link_type::linux_cooked_v2, link_type::loop};
    const link_type link = links[data[0] & 7];
    const std::size_t lost = data[0] >> 3;
    // A vector of exactly this size: nothing behind it may be read.
    const auto* const begin = reinterpret_cast<const std::byte*>(data + 1);
    const std::vector<std::byte> bytes(begin, begin + size - 1);
    const frame_view frame = dissect(bytes, bytes.size() + lost, link);
    check_views(frame);
    check_checksum(frame);
    check_agreement(frame, detail::dissector::run(bytes, bytes.size() + lost, link));
    require(frame.is_cut_short() == (lost > 0), "bytes are missing exactly if they are");
    require(!frame.failure().is_cut_short() || lost > 0, "only a capture cuts short");
    require(!frame.failure() || frame.failure().offset() <= bytes.size(), "a failure has a place in the frame");
    require(rebuilt(frame) == bytes, "built again, the same bytes");
    return 0;
}
