// netnotes/packet/ethernet.hpp: from card to card
// SPDX-License-Identifier: MIT
//
// An Ethernet frame goes from one network card to another card of the same link (IEEE 802.3 §3):
//
//        6 bytes        6 bytes     2 bytes     46 to 1500 bytes      4 bytes
//       ┌──────────────┬───────────┬───────────┬─────────────────────┬──────┐
//       │ destination  │  source   │ 0x0800    │ IPv4 packet         │ CRC  │
//       └──────────────┴───────────┴───────────┴─────────────────────┴──────┘
//
// A shorter payload is padded to 46 bytes, so a reader must not take everything behind the header for payload: IP has
// its own length. The third field has two meanings. From 0x0600 on the field names the protocol (Ethernet II). Up to
// 1500 it is the payload's length (IEEE 802.3), and a header of logical link control (LLC) follows.
//
// A switch that carries several virtual LANs puts a tag of four bytes behind the addresses (IEEE 802.1Q):
//
//       ┌──────────────┬───────────┬────────┬───┬─┬────────────┬───────────┬──────────
//       │ destination  │  source   │ 0x8100 │pri│d│ identifier │ 0x0800    │ IPv4 …        pri: priority, 3 bits
//       └──────────────┴───────────┴────────┴───┴─┴────────────┴───────────┴──────────     d: drop eligible, 1 bit
//
// The address resolution protocol asks which card has an IP address (RFC 826). The question goes to every card of the
// link, the answer to the asking card only. Nothing proves that an answer is true: this is how ARP spoofing works.
//
// On this page:  ethernet_view · vlan_view · arp_operation, arp_view
// The notes:     TCP/IP协议(族), ARP; 网络分析工具

#ifndef NETNOTES_PACKET_ETHERNET_HPP
#define NETNOTES_PACKET_ETHERNET_HPP

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "../ip/address.hpp"
#include "names.hpp"
#include "view.hpp"

namespace netnotes::packet {

/// The header of an Ethernet frame: 14 bytes, without the CRC behind the frame (IEEE 802.3 §3.1).
class ethernet_view : public header_view {
  public:
    /// Returns nullopt if fewer than 14 bytes are there; `why` then says so.
    [[nodiscard]] static constexpr std::optional<ethernet_view> parse(std::span<const std::byte> bytes,
                                                                      packet_failure& why) noexcept {
        return detail::view_maker::parse<ethernet_view>(bytes, why);
    }

    // Both load eight bytes of the header at once, and drop two of them.
    /// Returns the address of the card that shall take the frame, or of the card that sent it.
    [[nodiscard]] constexpr mac_address destination() const noexcept { return mac_address{get_64(0) >> 16}; }
    [[nodiscard]] constexpr mac_address source() const noexcept { return mac_address{get_64(4)}; }
    /// Returns the third field as it is: a protocol from 0x0600 on, a length up to 1500. Other values mean nothing.
    [[nodiscard]] constexpr std::uint16_t type_or_length() const noexcept { return get_16(12); }
    /// Returns true for an IEEE 802.3 frame, whose third field is the length of its payload.
    [[nodiscard]] constexpr bool has_length() const noexcept { return type_or_length() <= 1500; }
    /// Returns the protocol of the payload. Ask has_length() first; a length is no protocol.
    [[nodiscard]] constexpr ether_type type() const noexcept { return static_cast<ether_type>(type_or_length()); }

  private:
    friend detail::view_maker;
    using header_view::header_view;
    static constexpr std::size_t check(const std::byte*, std::size_t size, packet_failure& why) noexcept {
        if (size >= 14) return 14;
        why = packet_failure::cut_short(layer::ethernet, 0, size, 14);
        return 0;
    }
};

/// The rest of a VLAN tag: two bytes of control information, and the type of the next header (IEEE 802.1Q §9.6). The
/// type 0x8100 in front of it belongs to the header outside.
class vlan_view : public header_view {
  public:
    /// Returns nullopt if fewer than 4 bytes are there; `why` then says so.
    [[nodiscard]] static constexpr std::optional<vlan_view> parse(std::span<const std::byte> bytes,
                                                                  packet_failure& why) noexcept {
        return detail::view_maker::parse<vlan_view>(bytes, why);
    }

    /// Returns all 16 bits of control information.
    [[nodiscard]] constexpr std::uint16_t control_information() const noexcept { return get_16(0); }
    /// Returns the priority code point, 0 to 7.
    [[nodiscard]] constexpr unsigned priority() const noexcept { return control_information() >> 13u; }
    /// Returns the drop eligible indicator: a congested switch may drop this frame first.
    [[nodiscard]] constexpr bool drop_eligible() const noexcept { return (control_information() & 0x1000) != 0; }
    /// Returns the number of the virtual LAN, 0 to 4095. 0 stands for "priority only", and 4095 is reserved.
    [[nodiscard]] constexpr unsigned identifier() const noexcept { return control_information() & 0x0fffu; }
    /// Returns the field behind the tag, which has the meaning of ethernet_view::type_or_length().
    [[nodiscard]] constexpr std::uint16_t type_or_length() const noexcept { return get_16(2); }
    [[nodiscard]] constexpr bool has_length() const noexcept { return type_or_length() <= 1500; }
    [[nodiscard]] constexpr ether_type type() const noexcept { return static_cast<ether_type>(type_or_length()); }

  private:
    friend detail::view_maker;
    using header_view::header_view;
    static constexpr std::size_t check(const std::byte*, std::size_t size, packet_failure& why) noexcept {
        if (size >= 4) return 4;
        why = packet_failure::cut_short(layer::vlan, 0, size, 4);
        return 0;
    }
};

/// Says what an ARP packet wants (RFC 826, RFC 903, RFC 2390).
enum class arp_operation : std::uint16_t {
    request = 1,
    reply = 2,
    reverse_request = 3,
    reverse_reply = 4,
    inverse_request = 8,
    inverse_reply = 9,
};

/// Returns the name of the operation, or "" for a number that this module does not name.
[[nodiscard]] constexpr std::string_view to_string(arp_operation operation) noexcept {
    switch (operation) {
        case arp_operation::request: return "request";
        case arp_operation::reply: return "reply";
        case arp_operation::reverse_request: return "reverse request";
        case arp_operation::reverse_reply: return "reverse reply";
        case arp_operation::inverse_request: return "inverse request";
        case arp_operation::inverse_reply: return "inverse reply";
    }
    return "";
}

/// An ARP packet (RFC 826). The packet gives the sizes of its addresses itself. For Ethernet and IPv4 they are 6 and 4
/// bytes, and then the typed accessors return the addresses. The accessors that return bytes work for all sizes.
class arp_view : public header_view {
  public:
    /// Returns nullopt if the addresses, whose sizes the packet announces, are not all there; `why` then says so.
    [[nodiscard]] static constexpr std::optional<arp_view> parse(std::span<const std::byte> bytes,
                                                                 packet_failure& why) noexcept {
        return detail::view_maker::parse<arp_view>(bytes, why);
    }

    /// Returns the kind of link: 1 is Ethernet.
    [[nodiscard]] constexpr std::uint16_t hardware_type() const noexcept { return get_16(0); }
    /// Returns the protocol whose addresses are asked for.
    [[nodiscard]] constexpr ether_type protocol_type() const noexcept { return static_cast<ether_type>(get_16(2)); }
    [[nodiscard]] constexpr std::uint8_t hardware_size() const noexcept { return get_8(4); }  ///< bytes
    [[nodiscard]] constexpr std::uint8_t protocol_size() const noexcept { return get_8(5); }  ///< bytes
    [[nodiscard]] constexpr arp_operation operation() const noexcept { return static_cast<arp_operation>(get_16(6)); }
    /// Returns true for addresses of Ethernet and of IPv4, the only kind that is in use.
    [[nodiscard]] constexpr bool is_ethernet_ipv4() const noexcept { return get_48(0) == 0x0001'0800'0604; }

    /// Returns the addresses in the packet's own sizes; so do the functions below.
    [[nodiscard]] constexpr std::span<const std::byte> sender_hardware_bytes() const noexcept {
        return get_bytes(8, hardware_size());
    }
    [[nodiscard]] constexpr std::span<const std::byte> sender_protocol_bytes() const noexcept {
        return get_bytes(8u + hardware_size(), protocol_size());
    }
    [[nodiscard]] constexpr std::span<const std::byte> target_hardware_bytes() const noexcept {
        return get_bytes(8u + hardware_size() + protocol_size(), hardware_size());
    }
    [[nodiscard]] constexpr std::span<const std::byte> target_protocol_bytes() const noexcept {
        return get_bytes(8u + 2u * hardware_size() + protocol_size(), protocol_size());
    }

    /// Returns the card that sends. Returns 00:00:00:00:00:00 if a hardware address has not 6 bytes.
    [[nodiscard]] constexpr mac_address sender_hardware_address() const noexcept {
        return mac(sender_hardware_bytes());
    }
    /// Returns the IP address that the sender claims. Returns 0.0.0.0 if a protocol address has not 4 bytes.
    [[nodiscard]] constexpr ipv4_address sender_protocol_address() const noexcept {
        return ip(sender_protocol_bytes());
    }
    /// Returns the card that is addressed. A request holds zeros here, because this is its question.
    [[nodiscard]] constexpr mac_address target_hardware_address() const noexcept {
        return mac(target_hardware_bytes());
    }
    /// Returns the IP address whose card is wanted.
    [[nodiscard]] constexpr ipv4_address target_protocol_address() const noexcept {
        return ip(target_protocol_bytes());
    }
    /// Returns true if the sender announces or defends its own address: sender and target are the same (RFC 5227 §1.1).
    [[nodiscard]] constexpr bool is_announcement() const noexcept {
        return is_ethernet_ipv4() && sender_protocol_address() == target_protocol_address();
    }
    /// Returns true if the sender asks whether an address is free: it gives 0.0.0.0 for itself (RFC 5227 §2.1.1).
    [[nodiscard]] constexpr bool is_probe() const noexcept {
        return is_ethernet_ipv4() && operation() == arp_operation::request &&
               sender_protocol_address().is_unspecified() && !target_protocol_address().is_unspecified();
    }

  private:
    friend detail::view_maker;
    using header_view::header_view;
    static constexpr std::size_t check(const std::byte* data, std::size_t size, packet_failure& why) noexcept {
        std::size_t needed = 8;
        if (size >= needed) needed += 2u * (detail::load_8(data + 4) + detail::load_8(data + 5));
        if (size >= needed) return needed;
        why = packet_failure::cut_short(layer::arp, 0, size, needed);
        return 0;
    }
    static constexpr mac_address mac(std::span<const std::byte> bytes) noexcept {
        return bytes.size() == 6 ? mac_address{detail::load_48(bytes.data())} : mac_address{};
    }
    static constexpr ipv4_address ip(std::span<const std::byte> bytes) noexcept {
        return bytes.size() == 4 ? ipv4_address{detail::load_32(bytes.data())} : ipv4_address{};
    }
};

}  // namespace netnotes::packet

#endif  // NETNOTES_PACKET_ETHERNET_HPP
