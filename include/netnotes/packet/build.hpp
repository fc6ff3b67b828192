// netnotes/packet/build.hpp: frames made of plain values
// SPDX-License-Identifier: MIT
//
// A header is a struct whose members have the names of the RFC and useful defaults. write() puts headers and payload
// one behind the other:
//
//        std::vector<std::byte> frame;
//        packet::write(frame, packet::ethernet{.destination = router, .source = card},
//              packet::ipv4{.source = "192.0.2.1"_ip.v4(), .destination = "198.51.100.7"_ip.v4()},
//              packet::tcp{.source_port = 40944, .destination_port = 80, .flags = packet::tcp_flag::syn,
//                          .options = packet::tcp_options{}.maximum_segment_size(1460).sack_permitted()},
//              "payload");
//
// Lengths, offsets, checksums and the numbers of the next protocol are std::optional members. Those without a value are
// computed. Those with a value are written as they are, so a test can tell any lie:
//
//        packet::udp{.source_port = 53, .length = 7};            // a length that no receiver should accept
//        packet::ipv4{.total_length = 0, .header_checksum = 0};
//
// The function from() makes the struct of a view and copies every bit, also reserved bits, the checksum and the padding
// of options. So a header that was parsed can be changed in one place and written again.
//
// On this page:  header_options, ipv4_options, tcp_options · ethernet · vlan · arp · ipv4 · ipv6 · ipv6_header ·
//                ipv6_fragment · icmp · icmpv6 · udp · tcp · trailer · write
// The notes:     TCP报文首部

#ifndef NETNOTES_PACKET_BUILD_HPP
#define NETNOTES_PACKET_BUILD_HPP

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include "../ip/address.hpp"
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

// ---- Options -------------------------------------------------------------------------------------------

/// The bytes of the options of IPv4 or TCP: at most 40. Options that do not fit are dropped, and fits() is false then.
/// write() pads with zeros to a multiple of four bytes.
class header_options {
  public:
    static constexpr std::size_t capacity = 40;  ///< bytes

    constexpr header_options() noexcept = default;
    /// Copies bytes as they are, padding included.
    constexpr explicit header_options(std::span<const std::byte> raw) noexcept { append(raw); }

    /// Appends bytes as they are.
    constexpr void append(std::span<const std::byte> raw) noexcept {
        fits_ = fits_ && raw.size() <= capacity - size_;
        if (!fits_) return;
        std::copy(raw.begin(), raw.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(size_));
        size_ += raw.size();
    }
    /// Appends an option of a single byte: 0 ends the list, 1 does nothing.
    constexpr void append(std::uint8_t kind) noexcept {
        const std::byte byte{kind};
        append(std::span{&byte, 1});
    }
    /// Appends an option with its length and data. `data` has at most 38 bytes.
    constexpr void append(std::uint8_t kind, std::span<const std::byte> data) noexcept {
        const std::array head{std::byte{kind}, static_cast<std::byte>(data.size() + 2)};
        fits_ = fits_ && data.size() + head.size() <= capacity - size_;
        append(head);
        append(data);
    }
    /// Returns the options so far.
    [[nodiscard]] constexpr std::span<const std::byte> bytes() const noexcept { return {bytes_.data(), size_}; }
    /// Returns the size with padding, a multiple of four.
    [[nodiscard]] constexpr std::size_t padded_size() const noexcept { return (size_ + 3) / 4 * 4; }
    /// Returns false if an option was dropped.
    [[nodiscard]] constexpr bool fits() const noexcept { return fits_; }

  protected:
    template <class... Numbers>
    constexpr void append_numbers(std::uint8_t kind, Numbers... numbers) noexcept {
        std::array<std::byte, (sizeof(Numbers) + ... + 0)> data{};
        std::byte* to = data.data();
        ((detail::store<std::endian::big>(to, numbers), to += sizeof numbers), ...);
        append(kind, data);
    }

  private:
    std::array<std::byte, capacity> bytes_{};
    std::size_t size_ = 0;
    bool fits_ = true;
};

/// The options of an IPv4 header.
class ipv4_options : public header_options {
  public:
    using header_options::header_options;
    /// Asks each router to look into the packet (RFC 2113).
    constexpr ipv4_options& router_alert() noexcept {
        append_numbers(static_cast<std::uint8_t>(ipv4_option::router_alert), std::uint16_t{0});
        return *this;
    }
};

/// The options of a TCP header. The calls can be chained.
class tcp_options : public header_options {
  public:
    using header_options::header_options;
    /// Appends an option of TCP and returns this list; so do the functions below. packet/tcp.hpp says what each option
    /// means.
    constexpr tcp_options& no_operation() noexcept { return append(1), *this; }
    constexpr tcp_options& maximum_segment_size(std::uint16_t bytes) noexcept { return add(2, bytes); }
    constexpr tcp_options& window_scale(std::uint8_t bits) noexcept { return add(3, bits); }
    constexpr tcp_options& sack_permitted() noexcept { return add(4); }
    constexpr tcp_options& timestamps(std::uint32_t value, std::uint32_t echo_reply) noexcept {
        return add(8, value, echo_reply);
    }
    constexpr tcp_options& selective_acknowledgment(const tcp_block& block) noexcept {
        return add(5, block.first.to_uint(), block.last.to_uint());
    }

  private:
    template <class... Numbers>
    constexpr tcp_options& add(std::uint8_t kind, Numbers... numbers) noexcept {
        append_numbers(kind, numbers...);
        return *this;
    }
};

// ---- Headers -------------------------------------------------------------------------------------------

/// An Ethernet header. Without a type it gets the type of the next header. In front of other bytes it gets their length
/// (IEEE 802.3).
struct ethernet {
    mac_address destination = mac_address::broadcast();
    mac_address source{};
    std::optional<ether_type> type{};
    [[nodiscard]] static constexpr ethernet from(const ethernet_view& view) noexcept {
        return {view.destination(), view.source(), view.type()};
    }
};

/// A VLAN tag. The header in front of it gets the type 0x8100 for it, unless it has a type.
struct vlan {
    std::uint16_t identifier = 0;  ///< 0 to 4095
    std::uint8_t priority = 0;     ///< 0 to 7
    bool drop_eligible = false;
    std::optional<ether_type> type{};
    [[nodiscard]] static constexpr vlan from(const vlan_view& view) noexcept {
        return {static_cast<std::uint16_t>(view.identifier()), static_cast<std::uint8_t>(view.priority()),
                view.drop_eligible(), view.type()};
    }
};

/// An ARP packet for Ethernet and IPv4.
struct arp {
    arp_operation operation = arp_operation::request;
    mac_address sender_hardware_address{};
    ipv4_address sender_protocol_address{};
    mac_address target_hardware_address{};
    ipv4_address target_protocol_address{};
    /// Returns a copy of a packet for which view.is_ethernet_ipv4() is true. Other packets lose their sizes.
    [[nodiscard]] static constexpr arp from(const arp_view& view) noexcept {
        return {view.operation(), view.sender_hardware_address(), view.sender_protocol_address(),
                view.target_hardware_address(), view.target_protocol_address()};
    }
};

/// An IPv4 header.
struct ipv4 {
    std::uint8_t version = 4;
    std::optional<std::uint8_t> internet_header_length{};  ///< words of four bytes
    std::uint8_t type_of_service = 0;
    std::optional<std::uint16_t> total_length{};  ///< bytes, header included
    std::uint16_t identification = 0;
    bool reserved = false;
    bool dont_fragment = false;
    bool more_fragments = false;
    std::uint32_t fragment_offset = 0;  ///< bytes, a multiple of eight
    std::uint8_t time_to_live = 64;
    std::optional<ip_protocol> protocol{};
    std::optional<std::uint16_t> header_checksum{};
    ipv4_address source{};
    ipv4_address destination{};
    ipv4_options options{};
    [[nodiscard]] static constexpr ipv4 from(const ipv4_view& view) noexcept {
        return {static_cast<std::uint8_t>(view.version()),
                static_cast<std::uint8_t>(view.internet_header_length()),
                view.type_of_service(),
                view.total_length(),
                view.identification(),
                view.reserved(),
                view.dont_fragment(),
                view.more_fragments(),
                view.fragment_offset(),
                view.time_to_live(),
                view.protocol(),
                view.header_checksum(),
                view.source(),
                view.destination(),
                ipv4_options{view.options().bytes()}};
    }
};

/// An IPv6 header.
struct ipv6 {
    std::uint8_t version = 6;
    std::uint8_t traffic_class = 0;
    std::uint32_t flow_label = 0;                   ///< 20 bits
    std::optional<std::uint16_t> payload_length{};  ///< bytes, without this header
    std::optional<ip_protocol> next_header{};
    std::uint8_t hop_limit = 64;
    ipv6_address source{};
    ipv6_address destination{};
    [[nodiscard]] static constexpr ipv6 from(const ipv6_view& view) noexcept {
        return {static_cast<std::uint8_t>(view.version()),
                view.traffic_class(),
                view.flow_label(),
                view.payload_length(),
                view.next_header(),
                view.hop_limit(),
                view.source(),
                view.destination()};
    }
};

/// An extension header of IPv6. `contents` are its bytes from the third on. They are not copied, so they must live
/// until write() returns. Their size is 6 and a multiple of eight more.
struct ipv6_header {
    ip_protocol kind = ip_protocol::hop_by_hop;
    std::optional<ip_protocol> next_header{};
    std::optional<std::uint8_t> length{};  ///< units of eight bytes behind the first eight
    std::span<const std::byte> contents{};
    [[nodiscard]] static constexpr ipv6_header from(const ipv6_extension& view) noexcept {
        return {view.kind(), view.next_header(), detail::load_8(view.bytes().data() + 1), view.bytes().subspan(2)};
    }
};

/// The extension header of a fragment.
struct ipv6_fragment {
    std::optional<ip_protocol> next_header{};
    std::uint32_t fragment_offset = 0;  ///< bytes, a multiple of eight
    bool more_fragments = false;
    std::uint32_t identification = 0;
};

/// An ICMP message: a header and its payload.
struct icmp {
    icmp_type type = icmp_type::echo_request;
    std::uint8_t code = 0;
    std::optional<std::uint16_t> checksum{};
    std::uint32_t rest_of_header = 0;  ///< of an echo: identifier << 16 | sequence number
    [[nodiscard]] static constexpr icmp from(const icmp_view& view) noexcept {
        return {view.type(), view.code(), view.checksum(), view.rest_of_header()};
    }
};

/// An ICMPv6 message: a header and its payload.
struct icmpv6 {
    icmpv6_type type = icmpv6_type::echo_request;
    std::uint8_t code = 0;
    std::optional<std::uint16_t> checksum{};
    std::uint32_t rest_of_header = 0;  ///< of an echo: identifier << 16 | sequence number
    [[nodiscard]] static constexpr icmpv6 from(const icmpv6_view& view) noexcept {
        return {view.type(), view.code(), view.checksum(), view.rest_of_header()};
    }
};

/// A UDP header.
struct udp {
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;
    std::optional<std::uint16_t> length{};    ///< bytes, header included
    std::optional<std::uint16_t> checksum{};  ///< 0 sends a datagram without a checksum
    [[nodiscard]] static constexpr udp from(const udp_view& view) noexcept {
        return {view.source_port(), view.destination_port(), view.length(), view.checksum()};
    }
};

/// A TCP header.
struct tcp {
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;
    sequence sequence_number{};
    sequence acknowledgment_number{};
    std::optional<std::uint8_t> data_offset{};  ///< words of four bytes
    std::uint8_t reserved = 0;                  ///< 4 bits
    tcp_flags flags{};
    std::uint16_t window = 65535;
    std::optional<std::uint16_t> checksum{};
    std::uint16_t urgent_pointer = 0;
    tcp_options options{};
    [[nodiscard]] static constexpr tcp from(const tcp_view& view) noexcept {
        return {view.source_port(),
                view.destination_port(),
                view.sequence_number(),
                view.acknowledgment_number(),
                static_cast<std::uint8_t>(view.data_offset()),
                static_cast<std::uint8_t>(view.reserved()),
                view.flags(),
                view.window(),
                view.checksum(),
                view.urgent_pointer(),
                tcp_options{view.options().bytes()}};
    }
};

/// Bytes behind the packet, which no length counts: padding, or the CRC. It must be the last argument of write().
struct trailer {
    std::span<const std::byte> bytes{};
};

// ---- Writing -------------------------------------------------------------------------------------------

namespace detail {

template <class Layer, class... Others>
concept any_of = (std::same_as<Layer, Others> || ...);
template <class Layer>
concept header_struct =
    any_of<Layer, ethernet, vlan, arp, ipv4, ipv6, ipv6_header, ipv6_fragment, icmp, icmpv6, udp, tcp>;
template <class Layer>
concept payload_bytes = std::convertible_to<const Layer&, std::span<const std::byte>> ||
    std::convertible_to<const Layer&, std::string_view>;
/// The types that write() accepts.
template <class Layer>
concept writable = header_struct<Layer> || payload_bytes<Layer> || std::same_as<Layer, trailer>;

constexpr std::size_t size_of(const ethernet&) noexcept { return 14; }
constexpr std::size_t size_of(const vlan&) noexcept { return 4; }
constexpr std::size_t size_of(const arp&) noexcept { return 28; }
constexpr std::size_t size_of(const ipv4& header) noexcept { return 20 + header.options.padded_size(); }
constexpr std::size_t size_of(const ipv6&) noexcept { return 40; }
constexpr std::size_t size_of(const ipv6_header& header) noexcept { return 2 + header.contents.size(); }
constexpr std::size_t size_of(const ipv6_fragment&) noexcept { return 8; }
constexpr std::size_t size_of(const icmp&) noexcept { return 8; }
constexpr std::size_t size_of(const icmpv6&) noexcept { return 8; }
constexpr std::size_t size_of(const udp&) noexcept { return 8; }
constexpr std::size_t size_of(const tcp& header) noexcept { return 20 + header.options.padded_size(); }
constexpr std::size_t size_of(const trailer& last) noexcept { return last.bytes.size(); }
template <payload_bytes Payload>
constexpr std::size_t size_of(const Payload& payload) noexcept {
    if constexpr (std::convertible_to<const Payload&, std::span<const std::byte>>)
        return std::span<const std::byte>{payload}.size();
    else
        return std::string_view{payload}.size();
}

/// The EtherType of the next header; nullopt if it has no EtherType.
constexpr std::optional<ether_type> ether_type_of(const auto& next) noexcept {
    using next_type = std::remove_cvref_t<decltype(next)>;
    if constexpr (std::same_as<next_type, ipv4>) return ether_type::ipv4;
    if constexpr (std::same_as<next_type, ipv6>) return ether_type::ipv6;
    if constexpr (std::same_as<next_type, arp>) return ether_type::arp;
    if constexpr (std::same_as<next_type, vlan>) return ether_type::vlan;
    return std::nullopt;
}
/// The protocol number of the next header.
constexpr ip_protocol ip_protocol_of(const auto& next) noexcept {
    using next_type = std::remove_cvref_t<decltype(next)>;
    if constexpr (std::same_as<next_type, ipv6_header>) return next.kind;
    if constexpr (std::same_as<next_type, ipv6_fragment>) return ip_protocol::fragment;
    if constexpr (std::same_as<next_type, tcp>) return ip_protocol::tcp;
    if constexpr (std::same_as<next_type, udp>) return ip_protocol::udp;
    if constexpr (std::same_as<next_type, icmp>) return ip_protocol::icmp;
    if constexpr (std::same_as<next_type, icmpv6>) return ip_protocol::icmpv6;
    if constexpr (std::same_as<next_type, ipv4>) return ip_protocol::ipv4;
    if constexpr (std::same_as<next_type, ipv6>) return ip_protocol::ipv6;
    return ip_protocol{253};  // for experiments (RFC 3692)
}

/// Writes layers from the outside to the inside. A header is completed when everything behind it is written.
class frame_writer {
  public:
    constexpr explicit frame_writer(std::byte* to) noexcept : to_{to} {}

    constexpr void write() noexcept { end_ = to_; }
    template <class Layer, class... Rest>
    constexpr void write(const Layer& layer, const Rest&... rest) noexcept {
        std::byte* const begin = to_;
        if constexpr (header_struct<Layer>) {
            to_ += size_of(layer);
            surround(layer);
            write(rest...);
            put(layer, begin, static_cast<std::size_t>(end_ - begin), rest...);
        } else if constexpr (std::same_as<Layer, trailer>) {
            static_assert(sizeof...(Rest) == 0, "a trailer is the last argument");
            std::copy(layer.bytes.begin(), layer.bytes.end(), to_);
            end_ = to_;
        } else {
            to_ += size_of(layer);
            if constexpr (std::convertible_to<const Layer&, std::span<const std::byte>>) {
                const std::span<const std::byte> bytes{layer};
                std::copy(bytes.begin(), bytes.end(), begin);
            } else {
                const std::string_view text{layer};
                std::transform(text.begin(), text.end(), begin, [](char c) { return static_cast<std::byte>(c); });
            }
            write(rest...);
        }
    }

  private:
    // The addresses that the checksum of a transport covers.
    constexpr void surround(const auto&) noexcept {}
    constexpr void surround(const ipv4& header) noexcept {
        addresses_ = internet_sum{}.add(header.source).add(header.destination);
    }
    constexpr void surround(const ipv6& header) noexcept {
        source_ = internet_sum{}.add(header.source);
        addresses_ = internet_sum{source_}.add(header.destination);
    }
    constexpr void surround(const ipv6_header& header) noexcept {
        // A route's contents: kind, stops that remain, four bytes, addresses.
        if (header.kind != ip_protocol::routing || header.contents.size() < 22) return;
        const auto left = load_8(header.contents.data() + 1);
        const auto kind = load_8(header.contents.data());
        const std::size_t addresses = (header.contents.size() - 6) / 16;
        if (left == 0 || (kind != 0 && kind != 2 && kind != 4)) return;
        addresses_ = internet_sum{source_}.add(header.contents.subspan(6 + (kind == 0 ? addresses - 1 : 0) * 16, 16));
    }
    constexpr std::uint16_t transport_checksum(const std::byte* from, std::size_t size, ip_protocol protocol) noexcept {
        return internet_sum{addresses_}
            .add(static_cast<std::uint16_t>(protocol))
            .add(static_cast<std::uint32_t>(size))
            .add(std::span{from, size})
            .checksum();
    }
    static constexpr ether_type type_of(std::optional<ether_type> given, std::size_t size,
                                        const auto&... rest) noexcept {
        if (given) return *given;
        std::optional<ether_type> found;
        first_of([&](const auto& next) { found = ether_type_of(next); }, rest...);
        return found.value_or(static_cast<ether_type>(size));
    }
    static constexpr ip_protocol protocol_of(std::optional<ip_protocol> given, const auto&... rest) noexcept {
        ip_protocol found = ip_protocol::no_next_header;
        first_of([&](const auto& next) { found = ip_protocol_of(next); }, rest...);
        return given.value_or(found);
    }
    static constexpr void first_of(auto&&) noexcept {}
    static constexpr void first_of(auto&& use, const auto& first, const auto&...) noexcept { use(first); }

    // Each completes a header at `at`, behind which everything up to `size` bytes is written.
    static constexpr void put(const ethernet& header, std::byte* at, std::size_t size, const auto&... rest) noexcept {
        store_48(at, header.destination.to_uint());
        store_48(at + 6, header.source.to_uint());
        store_16(at + 12, static_cast<std::uint16_t>(type_of(header.type, size - 14, rest...)));
    }
    static constexpr void put(const vlan& header, std::byte* at, std::size_t size, const auto&... rest) noexcept {
        const unsigned control =
            unsigned{header.priority} << 13 | (header.drop_eligible ? 0x1000u : 0u) | (header.identifier & 0xfffu);
        store_16(at, static_cast<std::uint16_t>(control));
        store_16(at + 2, static_cast<std::uint16_t>(type_of(header.type, size - 4, rest...)));
    }
    static constexpr void put(const arp& packet, std::byte* at, std::size_t, const auto&...) noexcept {
        store_48(at, 0x0001'0800'0604);  // Ethernet, IPv4, and the sizes of their addresses
        store_16(at + 6, static_cast<std::uint16_t>(packet.operation));
        store_48(at + 8, packet.sender_hardware_address.to_uint());
        store_32(at + 14, packet.sender_protocol_address.to_uint());
        store_48(at + 18, packet.target_hardware_address.to_uint());
        store_32(at + 24, packet.target_protocol_address.to_uint());
    }
    static constexpr void put(const ipv4& header, std::byte* at, std::size_t size, const auto&... rest) noexcept {
        const std::size_t header_size = size_of(header);
        const auto words = header.internet_header_length.value_or(static_cast<std::uint8_t>(header_size / 4));
        store_8(at, static_cast<std::uint8_t>(unsigned{header.version} << 4 | (words & 0xfu)));
        store_8(at + 1, header.type_of_service);
        store_16(at + 2, header.total_length.value_or(static_cast<std::uint16_t>(size)));
        store_16(at + 4, header.identification);
        const std::uint32_t flags = (header.reserved ? 0x8000u : 0u) | (header.dont_fragment ? 0x4000u : 0u) |
                                    (header.more_fragments ? 0x2000u : 0u);
        store_16(at + 6, static_cast<std::uint16_t>(flags | (header.fragment_offset / 8 & 0x1fff)));
        store_8(at + 8, header.time_to_live);
        store_8(at + 9, static_cast<std::uint8_t>(protocol_of(header.protocol, rest...)));
        store_16(at + 10, 0);
        store_32(at + 12, header.source.to_uint());
        store_32(at + 16, header.destination.to_uint());
        put_options(header.options, at + 20);
        store_16(at + 10, header.header_checksum.value_or(internet_checksum({at, header_size})));
    }
    static constexpr void put(const ipv6& header, std::byte* at, std::size_t size, const auto&... rest) noexcept {
        store_32(at, std::uint32_t{header.version} << 28 | std::uint32_t{header.traffic_class} << 20 |
                         (header.flow_label & 0xfffff));
        store_16(at + 4, header.payload_length.value_or(static_cast<std::uint16_t>(size - 40)));
        store_8(at + 6, static_cast<std::uint8_t>(protocol_of(header.next_header, rest...)));
        store_8(at + 7, header.hop_limit);
        for (const auto& [address, place] : {std::pair{&header.source, 8}, std::pair{&header.destination, 24}}) {
            store_64(at + place, address->to_uint().high);
            store_64(at + place + 8, address->to_uint().low);
        }
    }
    static constexpr void put(const ipv6_header& header, std::byte* at, std::size_t, const auto&... rest) noexcept {
        const std::size_t header_size = size_of(header);
        const std::size_t units =
            header.kind == ip_protocol::authentication ? header_size / 4 - 2 : (header_size + 7) / 8 - 1;
        store_8(at, static_cast<std::uint8_t>(protocol_of(header.next_header, rest...)));
        store_8(at + 1, header.length.value_or(static_cast<std::uint8_t>(units)));
        std::copy(header.contents.begin(), header.contents.end(), at + 2);
    }
    static constexpr void put(const ipv6_fragment& header, std::byte* at, std::size_t, const auto&... rest) noexcept {
        store_8(at, static_cast<std::uint8_t>(protocol_of(header.next_header, rest...)));
        store_8(at + 1, 0);
        store_16(at + 2,
                 static_cast<std::uint16_t>((header.fragment_offset & 0xfff8) | (header.more_fragments ? 1 : 0)));
        store_32(at + 4, header.identification);
    }
    static constexpr void put(const icmp& message, std::byte* at, std::size_t size, const auto&...) noexcept {
        put_message(message, at);
        if (!message.checksum) store_16(at + 2, internet_checksum({at, size}));
    }
    constexpr void put(const icmpv6& message, std::byte* at, std::size_t size, const auto&...) noexcept {
        put_message(message, at);
        if (!message.checksum) store_16(at + 2, transport_checksum(at, size, ip_protocol::icmpv6));
    }
    constexpr void put(const udp& header, std::byte* at, std::size_t size, const auto&...) noexcept {
        store_16(at, header.source_port);
        store_16(at + 2, header.destination_port);
        store_16(at + 4, header.length.value_or(static_cast<std::uint16_t>(size)));
        store_16(at + 6, header.checksum.value_or(0));
        if (header.checksum) return;
        const std::uint16_t checksum = transport_checksum(at, size, ip_protocol::udp);
        store_16(at + 6, checksum == 0 ? std::uint16_t{0xffff} : checksum);  // 0 means: no checksum (RFC 768)
    }
    constexpr void put(const tcp& header, std::byte* at, std::size_t size, const auto&...) noexcept {
        const auto words = header.data_offset.value_or(static_cast<std::uint8_t>(size_of(header) / 4));
        store_16(at, header.source_port);
        store_16(at + 2, header.destination_port);
        store_32(at + 4, header.sequence_number.to_uint());
        store_32(at + 8, header.acknowledgment_number.to_uint());
        store_8(at + 12, static_cast<std::uint8_t>(unsigned{words} << 4 | (header.reserved & 0xfu)));
        store_8(at + 13, header.flags.to_uint());
        store_16(at + 14, header.window);
        store_16(at + 16, header.checksum.value_or(0));
        store_16(at + 18, header.urgent_pointer);
        put_options(header.options, at + 20);
        if (!header.checksum) store_16(at + 16, transport_checksum(at, size, ip_protocol::tcp));
    }
    static constexpr void put_message(const auto& message, std::byte* at) noexcept {
        store_8(at, static_cast<std::uint8_t>(message.type));
        store_8(at + 1, message.code);
        store_16(at + 2, message.checksum.value_or(0));
        store_32(at + 4, message.rest_of_header);
    }
    static constexpr void put_options(const header_options& options, std::byte* at) noexcept {
        const auto bytes = options.bytes();
        std::fill(std::copy(bytes.begin(), bytes.end(), at), at + options.padded_size(), std::byte{0});
    }

    std::byte* to_;
    std::byte* end_ = nullptr;  // behind the bytes that the lengths count
    internet_sum source_;
    internet_sum addresses_;
};

}  // namespace detail

/// Writes headers and payload, in this order, into `out`. Returns the number of bytes, or 0 if they do not fit. The
/// payload is anything that converts to a span of bytes or to a std::string_view. Allocates nothing. If a packet is too
/// long for a length field of 16 bits, the field gets the lower 16 bits of the length.
template <detail::writable... Layers>
constexpr std::size_t write(std::span<std::byte> out, const Layers&... layers) noexcept {
    const std::size_t size = (detail::size_of(layers) + ... + 0);
    if (size > out.size()) return 0;
    detail::frame_writer{out.data()}.write(layers...);
    return size;
}
/// Appends headers and payload to `out`. Returns the number of bytes appended. The payload must not lie in `out`, whose
/// bytes may move.
template <detail::writable... Layers>
constexpr std::size_t write(std::vector<std::byte>& out, const Layers&... layers) {
    const std::size_t before = out.size();
    out.resize(before + (detail::size_of(layers) + ... + 0));
    return write(std::span{out}.subspan(before), layers...);
}

}  // namespace netnotes::packet

#endif  // NETNOTES_PACKET_BUILD_HPP
