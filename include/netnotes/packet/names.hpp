// netnotes/packet/names.hpp: the words that every chapter of packet uses
// SPDX-License-Identifier: MIT
//
// A frame is a nest of layers. Each header names the protocol of the next header, with a number of a registry:
//
//        ┌─ Ethernet ──────────┬─ IPv4 ───────────────┬─ TCP ────────────┬─ payload ─┐
//        │ ether_type 0x0800 ──┼> ip_protocol 6 ──────┼> ports 40944 80  │ GET / …   │
//        └─────────────────────┴──────────────────────┴──────────────────┴───────────┘
//
// A network card has an address, too: 48 bits, of which the first three bytes name the manufacturer (IEEE 802). It is
// valid on one link only. A router replaces it at every hop, whereas the IP addresses stay.
//
//        constexpr packet::mac_address card{"02:00:5e:10:00:01"};
//        static_assert(!card.is_multicast() && card.is_locally_administered());
//
// A header that cannot be read is reported as a packet_failure: which layer, why, and at which byte of the frame. Two
// kinds differ. A *malformed* header was sent so, or was damaged on its way. A frame that is *cut short* was whole on
// the wire, but the capture kept its beginning only (tcpdump -s 96).
//
// On this page:  layer · packet_failure · link_type · ether_type · ip_protocol · mac_address
// The notes:     TCP/IP协议(族), 各协议之间的关系

#ifndef NETNOTES_PACKET_NAMES_HPP
#define NETNOTES_PACKET_NAMES_HPP

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "../ip/address.hpp"
#include "../ip/text.hpp"
#include "bytes.hpp"

namespace netnotes::packet {

// ---- Layers and failures -------------------------------------------------------------------------------

/// The headers that this module knows, from the outside of a frame to its inside.
enum class layer : std::uint8_t {
    ethernet,
    vlan,
    arp,
    ipv4,
    ipv6,
    ipv6_extension,
    icmp,
    icmpv6,
    udp,
    tcp,
    dns,
    payload,
    capture,  ///< no header of the frame, but the file in which the frame was recorded
};

/// Returns the name of a layer as the protocol's RFC writes it, for example `IPv4`.
[[nodiscard]] constexpr std::string_view to_string(layer which) noexcept {
    constexpr std::string_view names[]{"Ethernet", "VLAN", "ARP", "IPv4", "IPv6",    "IPv6 extension", "ICMP",
                                       "ICMPv6",   "UDP",  "TCP", "DNS",  "payload", "capture file"};
    const auto index = static_cast<std::size_t>(which);
    return index < std::size(names) ? names[index] : "unknown layer";
}

/// Says which header could not be read, why, and where. It is a literal type and allocates nothing; only message()
/// composes the sentence. A default-constructed object stands for success and converts to false.
class packet_failure {
  public:
    constexpr packet_failure() noexcept = default;
    /// Reports a malformed header. In the pattern '%' stands for `value` and '#' for `limit`. The pattern must outlive
    /// the failure: in this module it is always a literal. `offset` counts the bytes before the offending field.
    constexpr packet_failure(layer where, std::size_t offset, const char* pattern, std::uint32_t value = 0,
                             std::uint32_t limit = 0) noexcept
        : pattern_{pattern}, offset_{offset}, value_{value}, limit_{limit}, where_{where} {}
    /// Returns a failure which says that the capture ends inside a header. `present` bytes of the `needed` bytes are
    /// there, and the header begins at `offset`.
    [[nodiscard]] static constexpr packet_failure cut_short(layer where, std::size_t offset, std::size_t present,
                                                            std::size_t needed) noexcept {
        packet_failure failure{where, offset + present, "cut short: % of # bytes are there",
                               static_cast<std::uint32_t>(present), static_cast<std::uint32_t>(needed)};
        failure.is_cut_short_ = true;
        return failure;
    }

    /// Returns true if something failed.
    [[nodiscard]] constexpr explicit operator bool() const noexcept { return pattern_ != nullptr; }
    /// Returns the layer whose header could not be read.
    [[nodiscard]] constexpr layer where() const noexcept { return where_; }
    /// Returns the place of the offending field, in bytes from the beginning of the frame. If only a header was parsed,
    /// the place counts from the beginning of the header. If the capture is cut short, it is the place of its end.
    [[nodiscard]] constexpr std::size_t offset() const noexcept { return offset_; }
    /// Returns true if more bytes would be needed and the capture has no more. Returns false for a malformed header.
    [[nodiscard]] constexpr bool is_cut_short() const noexcept { return is_cut_short_; }
    /// Returns this failure as a malformed header, with another reason, at the beginning of the header that lacks
    /// bytes. A length field, not the capture, has left too few bytes for it.
    [[nodiscard]] constexpr packet_failure as_malformed(const char* pattern) const noexcept {
        packet_failure other = *this;
        other.pattern_ = pattern;
        other.offset_ -= value_;
        other.is_cut_short_ = false;
        return other;
    }
    /// Returns the reason as it was given, with its placeholders; it is the same text for all failures of a kind.
    [[nodiscard]] constexpr std::string_view pattern() const noexcept { return pattern_ ? pattern_ : ""; }
    /// Moves the place by `bytes`: a header that was parsed alone begins there in its frame.
    constexpr void shift(std::size_t bytes) noexcept { offset_ += bytes; }
    /// Returns a sentence, for example `TCP: data offset is 3 words, below 5, at byte 46`. Returns "" for success.
    [[nodiscard]] std::string message() const;

    /// Compares everything; two reasons are equal if their texts are.
    friend constexpr bool operator==(const packet_failure& a, const packet_failure& b) noexcept {
        return a.pattern() == b.pattern() && a.offset_ == b.offset_ && a.value_ == b.value_ && a.limit_ == b.limit_ &&
               a.where_ == b.where_ && a.is_cut_short_ == b.is_cut_short_;
    }

  private:
    const char* pattern_ = nullptr;
    std::size_t offset_ = 0;  // of a capture file, too, which may have more than 4 GiB
    std::uint32_t value_ = 0;
    std::uint32_t limit_ = 0;
    layer where_ = layer::ethernet;
    bool is_cut_short_ = false;
};

inline std::string packet_failure::message() const {
    if (!*this) return {};
    std::string text{to_string(where_)};
    text += ": ";
    for (const char c : pattern()) {
        if (c == '%' || c == '#')
            text += std::to_string(c == '%' ? value_ : limit_);
        else
            text += c;
    }
    return netnotes::detail::joined(text, ", at byte ", std::to_string(offset_));
}

// ---- Numbers of registries -----------------------------------------------------------------------------

/// Says with which header a captured frame begins: the LINKTYPE_ values of pcap and pcapng files
/// (tcpdump.org/linktypes).
enum class link_type : std::uint16_t {
    null_loopback = 0,      ///< four bytes with the address family, in the byte order of the capturing host (BSD)
    ethernet = 1,           ///< Ethernet II or IEEE 802.3
    raw_ip = 101,           ///< no header: the first nibble says IPv4 or IPv6
    loop = 108,             ///< like null_loopback, in network byte order (OpenBSD)
    linux_cooked = 113,     ///< 16 bytes that Linux writes for the interface "any"
    raw_ipv4 = 228,         ///< no header: IPv4
    raw_ipv6 = 229,         ///< no header: IPv6
    linux_cooked_v2 = 276,  ///< 20 bytes, the newer form
};

/// Names the protocol inside an Ethernet frame (IEEE 802.3 §3.2.6; the registry is IANA's "IEEE 802 Numbers"). A number
/// below 0x0600 is not an ether_type but a length.
enum class ether_type : std::uint16_t {
    ipv4 = 0x0800,
    arp = 0x0806,
    wake_on_lan = 0x0842,
    vlan = 0x8100,  ///< IEEE 802.1Q, a customer's tag
    ipv6 = 0x86dd,
    slow_protocols = 0x8809,  ///< link aggregation
    mpls = 0x8847,
    pppoe_discovery = 0x8863,
    pppoe_session = 0x8864,
    eapol = 0x888e,
    provider_vlan = 0x88a8,  ///< IEEE 802.1ad, a provider's tag outside of the customer's
    lldp = 0x88cc,
    old_provider_vlan = 0x9100,  ///< what switches used before 802.1ad
};

/// Returns the name of the protocol, or "" for a number that this module does not name.
[[nodiscard]] constexpr std::string_view to_string(ether_type type) noexcept {
    switch (type) {
        case ether_type::ipv4: return "IPv4";
        case ether_type::arp: return "ARP";
        case ether_type::wake_on_lan: return "Wake-on-LAN";
        case ether_type::vlan: return "802.1Q VLAN";
        case ether_type::ipv6: return "IPv6";
        case ether_type::slow_protocols: return "slow protocols";
        case ether_type::mpls: return "MPLS";
        case ether_type::pppoe_discovery: return "PPPoE discovery";
        case ether_type::pppoe_session: return "PPPoE session";
        case ether_type::eapol: return "EAPOL";
        case ether_type::provider_vlan: return "802.1ad VLAN";
        case ether_type::lldp: return "LLDP";
        case ether_type::old_provider_vlan: return "VLAN 0x9100";
    }
    return "";
}

/// Names the protocol inside an IP packet (IANA's "Protocol Numbers"). IPv6 numbers its extension headers here, too.
enum class ip_protocol : std::uint8_t {
    hop_by_hop = 0,  ///< IPv6 extension
    icmp = 1,
    igmp = 2,
    ipv4 = 4,  ///< IPv4 inside IP, a tunnel
    tcp = 6,
    udp = 17,
    ipv6 = 41,      ///< IPv6 inside IP, a tunnel
    routing = 43,   ///< IPv6 extension
    fragment = 44,  ///< IPv6 extension
    gre = 47,
    esp = 50,
    authentication = 51,  ///< IPv6 extension, and a header of IPv4
    icmpv6 = 58,
    no_next_header = 59,       ///< IPv6: nothing follows
    destination_options = 60,  ///< IPv6 extension
    ospf = 89,
    pim = 103,
    vrrp = 112,
    sctp = 132,
    mobility = 135,  ///< IPv6 extension
    udp_lite = 136,
    host_identity = 139,  ///< IPv6 extension
    shim6 = 140,          ///< IPv6 extension
};

/// Returns the name of the protocol, or "" for a number that this module does not name.
[[nodiscard]] constexpr std::string_view to_string(ip_protocol protocol) noexcept {
    switch (protocol) {
        case ip_protocol::hop_by_hop: return "hop-by-hop options";
        case ip_protocol::icmp: return "ICMP";
        case ip_protocol::igmp: return "IGMP";
        case ip_protocol::ipv4: return "IPv4";
        case ip_protocol::tcp: return "TCP";
        case ip_protocol::udp: return "UDP";
        case ip_protocol::ipv6: return "IPv6";
        case ip_protocol::routing: return "routing";
        case ip_protocol::fragment: return "fragment";
        case ip_protocol::gre: return "GRE";
        case ip_protocol::esp: return "ESP";
        case ip_protocol::authentication: return "authentication";
        case ip_protocol::icmpv6: return "ICMPv6";
        case ip_protocol::no_next_header: return "no next header";
        case ip_protocol::destination_options: return "destination options";
        case ip_protocol::ospf: return "OSPF";
        case ip_protocol::pim: return "PIM";
        case ip_protocol::vrrp: return "VRRP";
        case ip_protocol::sctp: return "SCTP";
        case ip_protocol::mobility: return "mobility";
        case ip_protocol::udp_lite: return "UDP-Lite";
        case ip_protocol::host_identity: return "HIP";
        case ip_protocol::shim6: return "Shim6";
    }
    return "";
}

// ---- The address of a network card ---------------------------------------------------------------------

/// The address of a network card: 48 bits (IEEE 802 §8.2, "MAC address", EUI-48). A regular value; it sorts as a
/// number.
class mac_address : public netnotes::detail::printable<mac_address> {
  public:
    static constexpr unsigned width = 48;             ///< bits
    static constexpr std::size_t text_capacity = 17;  ///< room that the text needs

    /// Creates 00:00:00:00:00:00, which no card has. ARP requests hold it for the address that they ask for.
    constexpr mac_address() noexcept = default;
    /// Takes the number of which 0x0200'5e10'0001 is 02:00:5e:10:00:01. The upper 16 bits are dropped.
    constexpr explicit mac_address(std::uint64_t value) noexcept : value_{value & 0xffff'ffff'ffff} {}
    /// Takes six octets in the order in which they are written, which is also the order of the wire.
    constexpr explicit mac_address(const std::array<std::uint8_t, 6>& octets) noexcept {
        for (const std::uint8_t octet : octets) value_ = value_ << 8 | octet;
    }
    /// Reads six groups of two hexadecimal digits, separated by colons or by hyphens. Throws parse_error.
    constexpr explicit mac_address(std::string_view text) {
        parse_failure why;
        const auto read = parse(text, why);
        if (!read) throw parse_error{"MAC address", text, why};
        *this = *read;
    }
    /// Reads a text like the constructor, but returns nullopt for an unreadable text; `why` then names the error.
    static constexpr std::optional<mac_address> parse(std::string_view text, parse_failure& why) noexcept {
        std::uint64_t value = 0;
        for (std::size_t i = 0; i < text_capacity; ++i) {
            if (i == text.size()) return why = parse_failure{"a MAC address has 17 characters", i}, std::nullopt;
            const auto c = static_cast<unsigned char>(text[i]);
            const bool is_separator = i % 3 == 2;
            const unsigned digit = netnotes::detail::hexadecimal_value[c];
            const bool fits =
                is_separator ? (c == ':' || c == '-') && c == static_cast<unsigned char>(text[2]) : digit < 16;
            if (!fits) return why = parse_failure{"unexpected character @", i, 0, c}, std::nullopt;
            if (!is_separator) value = value << 4 | digit;
        }
        if (text.size() > text_capacity)
            return why = parse_failure{"a MAC address has 17 characters", text_capacity}, std::nullopt;
        return mac_address{value};
    }
    static constexpr std::optional<mac_address> parse(std::string_view text) noexcept {
        parse_failure why;
        return parse(text, why);
    }
    /// Returns ff:ff:ff:ff:ff:ff: every card on the link.
    static constexpr mac_address broadcast() noexcept { return mac_address{0xffff'ffff'ffff}; }

    /// Returns the address as a number below 2^48, or as its six octets.
    [[nodiscard]] constexpr std::uint64_t to_uint() const noexcept { return value_; }
    [[nodiscard]] constexpr std::array<std::uint8_t, 6> to_octets() const noexcept {
        std::array<std::uint8_t, 6> octets{};
        for (unsigned i = 0; i < 6; ++i) octets[i] = static_cast<std::uint8_t>(value_ >> (40 - 8 * i));
        return octets;
    }
    /// Returns true for 00:00:00:00:00:00.
    [[nodiscard]] constexpr bool is_unspecified() const noexcept { return value_ == 0; }
    /// Returns true for ff:ff:ff:ff:ff:ff.
    [[nodiscard]] constexpr bool is_broadcast() const noexcept { return value_ == 0xffff'ffff'ffff; }
    /// Returns true if the address names a group: the lowest bit of the first octet, which is sent first. A broadcast
    /// is a group, too.
    [[nodiscard]] constexpr bool is_multicast() const noexcept { return (value_ >> 40 & 1) != 0; }
    /// Returns true if an administrator or a program chose the address, not a manufacturer.
    [[nodiscard]] constexpr bool is_locally_administered() const noexcept { return (value_ >> 40 & 2) != 0; }
    /// Returns the first 24 bits, which the IEEE assigns to a manufacturer (OUI).
    [[nodiscard]] constexpr std::uint32_t manufacturer() const noexcept {
        return static_cast<std::uint32_t>(value_ >> 24);
    }

    /// Returns a well-mixed hash without a secret: a hostile peer can choose colliding addresses.
    [[nodiscard]] constexpr std::uint64_t hash() const noexcept { return netnotes::detail::mix(value_); }
    /// Writes 17 characters and returns their end.
    constexpr char* write(char* out) const noexcept {
        for (int shift = 40; shift >= 0; shift -= 8) {
            *out++ = netnotes::detail::hexadecimal_digits[value_ >> (shift + 4) & 0xf];
            *out++ = netnotes::detail::hexadecimal_digits[value_ >> shift & 0xf];
            if (shift > 0) *out++ = ':';
        }
        return out;
    }

    friend constexpr auto operator<=>(const mac_address&, const mac_address&) noexcept = default;

  private:
    std::uint64_t value_ = 0;
};

}  // namespace netnotes::packet

#endif  // NETNOTES_PACKET_NAMES_HPP
