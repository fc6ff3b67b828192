// netnotes/packet/frame_view.hpp: what a frame holds, and whether it arrived undamaged
// SPDX-License-Identifier: MIT
//
// A frame_view knows where each header of a frame is. Its accessors make the view of a header when they are asked, so a
// program pays only for the headers that it reads:
//
//        if (const auto tcp = frame.tcp())
//            std::cout << tcp->source_port() << '\n';
//        if (frame.checksum_state() == packet::checksum_state::bad)
//            std::cout << "damaged on its way\n";
//
// The checksum of a transport also covers a *pseudo header*: the addresses, the protocol and the length. So a packet
// that a router delivered to the wrong host is noticed, too (RFC 9293 §3.1, RFC 768, RFC 8200 §8.1).
//
//        ┌──────────────┬──────────────┬───┬──────────┬────────┐ ┌───────────┬─────────┐
//        │ source       │ destination  │ 0 │ protocol │ length │ │ transport │ payload │   the sum is 0xffff
//        └──────────────┴──────────────┴───┴──────────┴────────┘ └───────────┴─────────┘
//                    the pseudo header, which is not sent             the segment
//
// A capture of the own host shows checksums that look wrong, because the network card writes them after the capture.
// Such a checksum is *partial*: it holds the sum of the pseudo header only.
//
// On this page:  length_source · frame_view, with its checksum
// Above it:      packet/frame.hpp: dissect(), which makes a frame_view
// The notes:     TCP/IP协议(族), 各协议之间的关系, 网络分析工具

#ifndef NETNOTES_PACKET_FRAME_VIEW_HPP
#define NETNOTES_PACKET_FRAME_VIEW_HPP

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>
#include <string_view>

#include "checksum.hpp"
#include "ethernet.hpp"
#include "icmp.hpp"
#include "ipv4.hpp"
#include "ipv6.hpp"
#include "names.hpp"
#include "tcp.hpp"
#include "udp.hpp"
#include "view.hpp"

namespace netnotes::packet {

/// Says which length ended the payload of a frame.
enum class length_source : std::uint8_t {
    frame,                ///< no length: the payload goes to the end of the frame
    capture,              ///< the capture ends before the payload does
    ieee_802_3_length,    ///< the third field of an IEEE 802.3 frame
    arp_address_sizes,    ///< an ARP packet ends behind its addresses
    ipv4_total_length,    ///< the field of IPv4
    ipv6_payload_length,  ///< the field of IPv6
    udp_length,           ///< the field of UDP, which is smaller than IP's
};

/// Returns the name of the length, for example `IPv4 total length`.
[[nodiscard]] constexpr std::string_view to_string(length_source which) noexcept {
    constexpr std::string_view names[]{
        "frame",     "capture", "IEEE 802.3 length", "ARP address sizes", "IPv4 total length", "IPv6 payload length",
        "UDP length"};
    const auto index = static_cast<std::size_t>(which);
    return index < std::size(names) ? names[index] : "unknown length";
}

namespace detail {
class dissector;
}  // namespace detail

/// A frame with the places of its headers. It is a value of 80 bytes, valid as long as the bytes of the frame. The
/// function dissect() makes it.
class frame_view {
  public:
    /// Returns the captured bytes.
    [[nodiscard]] constexpr std::span<const std::byte> bytes() const noexcept { return {data_, size_}; }
    /// Returns how many bytes the frame had when it was captured.
    [[nodiscard]] constexpr std::size_t size_on_the_wire() const noexcept { return wire_; }
    /// Returns true if the frame has a readable header of that layer.
    [[nodiscard]] constexpr bool has(layer which) const noexcept {
        switch (which) {
            case layer::ethernet: return has_ethernet_;
            case layer::vlan: return vlan_count_ > 0;
            case layer::arp:
            case layer::ipv4:
            case layer::ipv6: return network_layer_ == which;
            case layer::ipv6_extension: return has_extension_;
            case layer::icmp:
            case layer::icmpv6:
            case layer::udp:
            case layer::tcp: return transport_layer_ == which;
            default: return false;
        }
    }

    /// Returns the Ethernet header; nullopt if the frame has none, or if it is cut short.
    [[nodiscard]] constexpr std::optional<ethernet_view> ethernet() const noexcept {
        if (!has(layer::ethernet)) return std::nullopt;
        return detail::view_maker::make<ethernet_view>(data_, 14, size_);
    }
    /// Returns how many VLAN tags the frame has.
    [[nodiscard]] constexpr std::size_t vlan_count() const noexcept { return vlan_count_; }
    /// Returns a VLAN tag; the tag next to the addresses has index 0. Returns nullopt beyond the last tag.
    [[nodiscard]] constexpr std::optional<vlan_view> vlan(std::size_t index = 0) const noexcept {
        if (index >= vlan_count_) return std::nullopt;
        const std::size_t at = 14 + 4 * index;
        return detail::view_maker::make<vlan_view>(data_ + at, 4, size_ - at);
    }
    [[nodiscard]] constexpr std::optional<arp_view> arp() const noexcept {
        if (!has(layer::arp)) return std::nullopt;
        return detail::view_maker::make<arp_view>(data_ + network_, network_end_ - network_, network_end_ - network_);
    }
    /// Returns the IPv4 header; its payload() ends where the packet ends.
    [[nodiscard]] constexpr std::optional<ipv4_view> ipv4() const noexcept {
        if (!has(layer::ipv4)) return std::nullopt;
        const std::size_t header_size = (detail::load_8(data_ + network_) & 0xfu) * 4;
        return detail::view_maker::make<ipv4_view>(data_ + network_, header_size, network_end_ - network_);
    }
    /// Returns the IPv6 header; its payload() ends where the packet ends.
    [[nodiscard]] constexpr std::optional<ipv6_view> ipv6() const noexcept {
        if (!has(layer::ipv6)) return std::nullopt;
        return detail::view_maker::make<ipv6_view>(data_ + network_, 40, network_end_ - network_);
    }
    [[nodiscard]] constexpr std::optional<icmp_view> icmp() const noexcept {
        if (!has(layer::icmp)) return std::nullopt;
        return detail::view_maker::make<icmp_view>(data_ + transport_, payload_ - transport_,
                                                   payload_end_ - transport_);
    }
    [[nodiscard]] constexpr std::optional<icmpv6_view> icmpv6() const noexcept {
        if (!has(layer::icmpv6)) return std::nullopt;
        return detail::view_maker::make<icmpv6_view>(data_ + transport_, payload_ - transport_,
                                                     payload_end_ - transport_);
    }
    [[nodiscard]] constexpr std::optional<udp_view> udp() const noexcept {
        if (!has(layer::udp)) return std::nullopt;
        return detail::view_maker::make<udp_view>(data_ + transport_, payload_ - transport_, payload_end_ - transport_);
    }
    [[nodiscard]] constexpr std::optional<tcp_view> tcp() const noexcept {
        if (!has(layer::tcp)) return std::nullopt;
        return detail::view_maker::make<tcp_view>(data_ + transport_, payload_ - transport_, payload_end_ - transport_);
    }

    /// Returns the protocol behind IP and its extension headers. Without IP it is ip_protocol::no_next_header.
    [[nodiscard]] constexpr ip_protocol protocol() const noexcept { return protocol_; }
    /// Returns true for a part of an IP packet. A first part has the header of its transport, a later part has not.
    [[nodiscard]] constexpr bool is_fragment() const noexcept { return is_fragment_; }
    /// Returns what follows the last readable header, as far as it was captured and as its length says.
    [[nodiscard]] constexpr std::span<const std::byte> payload() const noexcept {
        return {data_ + payload_, payload_end_ - payload_};
    }
    /// Returns which length ended the payload.
    [[nodiscard]] constexpr length_source payload_ended_by() const noexcept { return ended_by_; }
    /// Returns what follows the network's packet: padding of a short frame, or its CRC.
    [[nodiscard]] constexpr std::span<const std::byte> trailer() const noexcept {
        return {data_ + network_end_, size_ - network_end_};
    }

    /// Returns the first thing that is wrong, or success. Places count from the beginning of the frame.
    [[nodiscard]] constexpr const packet_failure& failure() const noexcept { return failure_; }
    /// Returns true if bytes are missing: the capture kept the frame's beginning only.
    [[nodiscard]] constexpr bool is_cut_short() const noexcept { return size_ < wire_; }
    /// Returns true if every byte was captured and every header could be read.
    [[nodiscard]] constexpr bool is_whole() const noexcept { return !failure_ && !is_cut_short(); }

    /// Checks the checksum of the transport: TCP, UDP, ICMP or ICMPv6. Returns absent if the frame has none of these.
    /// Returns unknown for a fragment, and if bytes are missing. The header of IPv4 has a checksum of its own, see
    /// ipv4_view::header_checksum_state().
    [[nodiscard]] constexpr netnotes::packet::checksum_state checksum_state() const noexcept;

    /// Returns where the header of the network layer begins, in bytes from the beginning of the frame.
    [[nodiscard]] constexpr std::size_t network_offset() const noexcept { return network_; }
    /// Returns where the header of the transport begins. Without a transport it is where the payload begins.
    [[nodiscard]] constexpr std::size_t transport_offset() const noexcept { return transport_; }
    /// Returns where the payload begins.
    [[nodiscard]] constexpr std::size_t payload_offset() const noexcept { return payload_; }

  private:
    friend detail::dissector;
    constexpr frame_view() noexcept = default;

    [[nodiscard]] constexpr std::uint64_t sum_ipv6_addresses(std::uint64_t sum) const noexcept;

    const std::byte* data_ = nullptr;
    std::uint32_t size_ = 0;
    std::uint32_t wire_ = 0;
    std::uint32_t network_ = 0;
    std::uint32_t transport_ = 0;
    std::uint32_t payload_ = 0;
    std::uint32_t payload_end_ = 0;
    std::uint32_t network_end_ = 0;
    layer network_layer_ = layer::payload;    // or ARP, IPv4, IPv6
    layer transport_layer_ = layer::payload;  // or ICMP, ICMPv6, UDP, TCP
    ip_protocol protocol_ = ip_protocol::no_next_header;
    length_source ended_by_ = length_source::frame;
    bool has_ethernet_ = false;
    bool has_extension_ = false;
    std::uint8_t vlan_count_ = 0;
    bool is_fragment_ = false;
    bool is_incomplete_ = false;  // a length announces more than is there
    packet_failure failure_;
};

// ========================================================================================================
// The checksum
// ========================================================================================================

constexpr checksum_state frame_view::checksum_state() const noexcept {
    using enum netnotes::packet::checksum_state;
    const std::size_t size = payload_end_ - transport_;
    const std::byte* const segment = data_ + transport_;
    std::size_t field = 0;
    if (has(layer::tcp))
        field = 16;
    else if (has(layer::udp))
        field = 6;
    else if (has(layer::icmp) || has(layer::icmpv6))
        field = 2;
    else
        return absent;
    const std::uint64_t value = detail::native<std::uint16_t>(segment + field);
    if (has(layer::udp) && value == 0 && has(layer::ipv4)) return absent;
    if (is_fragment_ || is_incomplete_) return unknown;

    // Summed as the bytes stand in memory: the addresses lie one behind the other in both headers.
    std::uint64_t pseudo = 0;
    if (!has(layer::icmp)) {
        pseudo = std::uint64_t{detail::wire_order(static_cast<std::uint16_t>(size))} +
                 detail::wire_order(static_cast<std::uint16_t>(size >> 16)) +
                 detail::wire_order(static_cast<std::uint16_t>(protocol_));
        if (has(layer::ipv4))
            pseudo = detail::sum_of(data_ + network_ + 12, 8, pseudo);
        else
            pseudo = sum_ipv6_addresses(pseudo);
    }
    const std::uint64_t sum = detail::sum_of(segment, size, pseudo);
    if (has(layer::udp) && value == 0) return bad;  // over IPv6 (RFC 8200 §8.1)
    if (detail::fold(sum) == 0xffff) return good;
    if (!has(layer::icmp) && detail::fold(pseudo) == value) return partial;
    return has(layer::ipv4) && ended_by_ == length_source::frame ? unknown : bad;  // segmentation offload
}
constexpr std::uint64_t frame_view::sum_ipv6_addresses(std::uint64_t sum) const noexcept {
    sum = detail::sum_of(data_ + network_ + 8, 16, sum);
    if (has(layer::ipv6_extension)) {
        for (const ipv6_extension& each : ipv6()->extensions())
            if (const auto end = each.final_destination()) {
                const auto octets = end->to_octets();
                for (std::size_t i = 0; i < octets.size(); i += 2)
                    sum += detail::wire_order(static_cast<std::uint16_t>(octets[i] << 8 | octets[i + 1]));
                return sum;
            }
    }
    return detail::sum_of(data_ + network_ + 24, 16, sum);
}

}  // namespace netnotes::packet

#endif  // NETNOTES_PACKET_FRAME_VIEW_HPP
