// netnotes/packet/fields.hpp: every field of a frame, by name
// SPDX-License-Identifier: MIT
//
// A header is a row of fields. This page has one table of them, and the table drives every printer of print.hpp. A row
// has the name that Wireshark's filters use, the name that the RFC uses, and the place in bits:
//
//        tcp.srcport        source port         TCP, bit 0, 16 bits       decimal
//        tcp.hdr_len        data offset         TCP, bit 96, 4 bits       words of four bytes
//        tcp.flags.syn      SYN                 TCP, bit 110, 1 bit       0 or 1
//        tcp.len            (no field)          computed                  bytes of the payload
//
//        text_of(frame, "tcp.srcport")          "40944", as `tshark -T fields -e tcp.srcport` prints it
//        place_of(frame, *find_field("ip.ttl")) byte 22 of the frame, 8 bits
//
// A filter of Wireshark asks such a field too: `tcp.dstport == 80`.
//
// On this page:  field_format, field, field_place · all_fields, find_field · place_of, value_of, text_of
// The notes:     网络分析工具 (filters), TCP报文首部; example 30

#ifndef NETNOTES_PACKET_FIELDS_HPP
#define NETNOTES_PACKET_FIELDS_HPP

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "../ip/address.hpp"
#include "bytes.hpp"
#include "dns.hpp"
#include "frame.hpp"
#include "names.hpp"

namespace netnotes::packet {

/// How a field is written.
enum class field_format : std::uint8_t {
    decimal,
    hexadecimal,  ///< 0x and the digits
    bit,          ///< 0 or 1
    words,        ///< a number of words of four bytes, written as bytes
    ipv4,
    ipv6,
    mac,
    computed,  ///< not a field of a header: a text that follows from several
};

/// A field of a header.
struct field {
    std::string_view filter_name;  ///< as in Wireshark's filters and for `tshark -e`
    std::string_view name;         ///< as in the RFC, short enough for its box
    layer header{};                ///< in which header it stands
    std::uint16_t first_bit = 0;   ///< from the beginning of the header
    std::uint16_t bit_count = 0;   ///< 0 for a computed text
    field_format format{};
    std::uint8_t digits = 0;  ///< of the hexadecimal form; 0 means as many as the bits need
    /// Returns whether this frame has the field. nullptr: whenever it has the header.
    bool (*applies)(const frame_view&) = nullptr;
    /// Returns where the field's first byte is, if that is not fixed: an option, an extension header.
    std::optional<std::size_t> (*locate)(const frame_view&) = nullptr;
    /// Returns a computed text.
    std::optional<std::string> (*compute)(const frame_view&) = nullptr;
};

/// Where a field stands in a frame.
struct field_place {
    std::size_t first_bit = 0;  ///< from the beginning of the frame; the most significant bit of a byte comes first
    std::size_t bit_count = 0;

    /// Returns the place of the byte in which the field begins.
    [[nodiscard]] constexpr std::size_t first_byte() const noexcept { return first_bit / 8; }
    /// Returns how many bytes hold a bit of the field.
    [[nodiscard]] constexpr std::size_t byte_count() const noexcept {
        return (first_bit + bit_count + 7) / 8 - first_byte();
    }
    friend constexpr bool operator==(const field_place&, const field_place&) noexcept = default;
};

/// Returns where a header begins in the frame, in bytes, or nullopt if the frame does not have it. For VLAN it is the
/// first tag, for IPv6's extension headers the fragment header. DNS is looked
/// for at the UDP ports 53, 5353 (multicast DNS, RFC 6762) and 5355 (LLMNR, RFC 4795).
[[nodiscard]] constexpr std::optional<std::size_t> place_of(const frame_view& frame, layer header) noexcept;

namespace detail::fields {

using text = std::optional<std::string>;

template <class View>
std::optional<std::size_t> option_at(const View& header, std::size_t header_at, std::uint8_t kind, std::size_t size,
                                     std::size_t skipped = 0) {
    const auto found = header.options().find(kind);
    if (!found || found->data.size() != size) return std::nullopt;
    return header_at + static_cast<std::size_t>(found->data.data() - header.bytes().data()) + skipped;
}
template <tcp_option Kind, std::size_t Size, std::size_t Skipped = 0>
std::optional<std::size_t> tcp_option_at(const frame_view& frame) {
    const auto header = frame.tcp();
    if (!header) return std::nullopt;
    return option_at(*header, frame.transport_offset(), static_cast<std::uint8_t>(Kind), Size, Skipped);
}
inline std::optional<dns_view> dns_of(const frame_view& frame) {
    packet_failure why;
    return place_of(frame, layer::dns) ? dns_view::parse(frame.payload(), why) : std::nullopt;
}
/// tshark writes 1 for good, 0 for bad, 2 for unknown, and 3 for absent.
inline std::string state(checksum_state value) {
    switch (value) {
        case checksum_state::good: return "1";
        case checksum_state::absent: return "3";
        case checksum_state::unknown: return "2";
        default: return "0";
    }
}
template <layer Header>
text transport_state(const frame_view& frame) {
    if (!frame.has(Header)) return std::nullopt;
    return state(frame.checksum_state());
}
/// The texts of all records for which `read` has a text, with commas between them.
template <class Read>
text each_record(const frame_view& frame, Read read) {
    const auto message = dns_of(frame);
    text all;
    if (!message) return all;
    for (const dns_record& record : message->records()) {
        const text found = read(record);
        if (found) all = all ? netnotes::detail::joined(*all, ",", *found) : *found;
    }
    return all;
}
inline std::string dns_text(const dns_name_view& name) { return name.is_root() ? "<Root>" : name.to_string(); }
inline bool is_ethernet_ii(const frame_view& frame) { return frame.ethernet() && !frame.ethernet()->has_length(); }
inline bool is_802_3(const frame_view& frame) { return frame.ethernet() && frame.ethernet()->has_length(); }
inline bool is_usual_arp(const frame_view& frame) { return frame.arp() && frame.arp()->is_ethernet_ipv4(); }
inline bool is_echo(const frame_view& frame) { return frame.icmp() && frame.icmp()->is_echo(); }
inline bool is_echo_6(const frame_view& frame) { return frame.icmpv6() && frame.icmpv6()->is_echo(); }
inline bool has_question(const frame_view& frame) {
    const auto message = dns_of(frame);
    return message && message->questions().begin() != message->questions().end();
}
/// tshark gives the tags of providers (IEEE 802.1ad) other names.
inline std::optional<std::size_t> customer_tag(const frame_view& frame) {
    for (std::size_t i = 0; i < frame.vlan_count(); ++i) {
        const auto type = i == 0 ? frame.ethernet()->type() : frame.vlan(i - 1)->type();
        if (type != ether_type::provider_vlan) return 14 + 4 * i;
    }
    return std::nullopt;
}
constexpr auto derived(std::string_view filter_name, std::string_view name, layer header,
                       text (*compute)(const frame_view&)) {
    return field{filter_name, name, header, 0, 0, field_format::computed, 0, nullptr, nullptr, compute};
}

// clang-format off
using enum field_format;
inline constexpr field all[]{
    derived("frame.len", "frame length", layer::payload, [](const frame_view& f) -> text { return std::to_string(f.size_on_the_wire()); }),
    derived("frame.cap_len", "captured length", layer::payload, [](const frame_view& f) -> text { return std::to_string(f.bytes().size()); }),
    {"eth.dst", "destination", layer::ethernet, 0, 48, mac},
    {"eth.src", "source", layer::ethernet, 48, 48, mac},
    {"eth.type", "type", layer::ethernet, 96, 16, hexadecimal, 4, is_ethernet_ii},
    {"eth.len", "length", layer::ethernet, 96, 16, decimal, 0, is_802_3},
    {"vlan.priority", "priority", layer::vlan, 0, 3, decimal, 0, nullptr, customer_tag},
    {"vlan.dei", "DEI", layer::vlan, 3, 1, bit, 0, nullptr, customer_tag},
    {"vlan.id", "identifier", layer::vlan, 4, 12, decimal, 0, nullptr, customer_tag},
    {"vlan.etype", "type", layer::vlan, 16, 16, hexadecimal, 4,
        [](const frame_view& f) { return !f.vlan(f.vlan_count() - 1)->has_length(); }, customer_tag},
    {"arp.hw.type", "hardware type", layer::arp, 0, 16, decimal},
    {"arp.proto.type", "protocol type", layer::arp, 16, 16, hexadecimal, 4},
    {"arp.hw.size", "hw. size", layer::arp, 32, 8, decimal},
    {"arp.proto.size", "proto. size", layer::arp, 40, 8, decimal},
    {"arp.opcode", "operation", layer::arp, 48, 16, decimal},
    {"arp.src.hw_mac", "sender hardware address", layer::arp, 64, 48, mac, 0, is_usual_arp},
    {"arp.src.proto_ipv4", "sender protocol address", layer::arp, 112, 32, ipv4, 0, is_usual_arp},
    {"arp.dst.hw_mac", "target hardware address", layer::arp, 144, 48, mac, 0, is_usual_arp},
    {"arp.dst.proto_ipv4", "target protocol address", layer::arp, 192, 32, ipv4, 0, is_usual_arp},
    {"ip.version", "version", layer::ipv4, 0, 4, decimal},
    {"ip.hdr_len", "IHL", layer::ipv4, 4, 4, words},
    {"ip.dsfield.dscp", "DSCP", layer::ipv4, 8, 6, decimal},
    {"ip.dsfield.ecn", "ECN", layer::ipv4, 14, 2, decimal},
    {"ip.len", "total length", layer::ipv4, 16, 16, decimal},
    {"ip.id", "identification", layer::ipv4, 32, 16, hexadecimal, 4},
    {"ip.flags.rb", "0", layer::ipv4, 48, 1, bit},
    {"ip.flags.df", "DF", layer::ipv4, 49, 1, bit},
    {"ip.flags.mf", "MF", layer::ipv4, 50, 1, bit},
    {"ip.frag_offset", "fragment offset", layer::ipv4, 51, 13, decimal},
    {"ip.ttl", "time to live", layer::ipv4, 64, 8, decimal},
    {"ip.proto", "protocol", layer::ipv4, 72, 8, decimal},
    {"ip.checksum", "header checksum", layer::ipv4, 80, 16, hexadecimal, 4},
    {"ip.src", "source address", layer::ipv4, 96, 32, ipv4},
    {"ip.dst", "destination address", layer::ipv4, 128, 32, ipv4},
    derived("ip.checksum.status", "header checksum state", layer::ipv4, [](const frame_view& f) -> text {
        if (!f.ipv4()) return std::nullopt;
        return state(f.ipv4()->header_checksum_state());
    }),
    {"ipv6.version", "version", layer::ipv6, 0, 4, decimal},
    {"ipv6.tclass", "traffic class", layer::ipv6, 4, 8, hexadecimal, 8},
    {"ipv6.flow", "flow label", layer::ipv6, 12, 20, hexadecimal, 6},
    {"ipv6.plen", "payload length", layer::ipv6, 32, 16, decimal},
    {"ipv6.nxt", "next header", layer::ipv6, 48, 8, decimal},
    {"ipv6.hlim", "hop limit", layer::ipv6, 56, 8, decimal},
    {"ipv6.src", "source address", layer::ipv6, 64, 128, ipv6},
    {"ipv6.dst", "destination address", layer::ipv6, 192, 128, ipv6},
    {"ipv6.fraghdr.nxt", "next header", layer::ipv6_extension, 0, 8, decimal},
    {"ipv6.fraghdr.offset", "fragment offset", layer::ipv6_extension, 16, 13, decimal},
    {"ipv6.fraghdr.more", "M", layer::ipv6_extension, 31, 1, bit},
    {"ipv6.fraghdr.ident", "identification", layer::ipv6_extension, 32, 32, hexadecimal, 8},
    {"icmp.type", "type", layer::icmp, 0, 8, decimal},
    {"icmp.code", "code", layer::icmp, 8, 8, decimal},
    {"icmp.checksum", "checksum", layer::icmp, 16, 16, hexadecimal, 4},
    derived("icmp.checksum.status", "checksum state", layer::icmp, transport_state<layer::icmp>),
    {"icmp.ident", "identifier", layer::icmp, 32, 16, decimal, 0, is_echo},
    {"icmp.seq", "sequence number", layer::icmp, 48, 16, decimal, 0, is_echo},
    {"icmpv6.type", "type", layer::icmpv6, 0, 8, decimal},
    {"icmpv6.code", "code", layer::icmpv6, 8, 8, decimal},
    {"icmpv6.checksum", "checksum", layer::icmpv6, 16, 16, hexadecimal, 4},
    derived("icmpv6.checksum.status", "checksum state", layer::icmpv6, transport_state<layer::icmpv6>),
    {"icmpv6.echo.identifier", "identifier", layer::icmpv6, 32, 16, hexadecimal, 4, is_echo_6},
    {"icmpv6.echo.sequence_number", "sequence number", layer::icmpv6, 48, 16, decimal, 0, is_echo_6},
    {"udp.srcport", "source port", layer::udp, 0, 16, decimal},
    {"udp.dstport", "destination port", layer::udp, 16, 16, decimal},
    {"udp.length", "length", layer::udp, 32, 16, decimal},
    {"udp.checksum", "checksum", layer::udp, 48, 16, hexadecimal, 4},
    derived("udp.checksum.status", "checksum state", layer::udp, transport_state<layer::udp>),
    {"tcp.srcport", "source port", layer::tcp, 0, 16, decimal},
    {"tcp.dstport", "destination port", layer::tcp, 16, 16, decimal},
    {"tcp.seq_raw", "sequence number", layer::tcp, 32, 32, decimal},
    {"tcp.ack_raw", "acknowledgment number", layer::tcp, 64, 32, decimal},
    {"tcp.hdr_len", "data offset", layer::tcp, 96, 4, words},
    {"tcp.flags.cwr", "CWR", layer::tcp, 104, 1, bit},
    {"tcp.flags.ece", "ECE", layer::tcp, 105, 1, bit},
    {"tcp.flags.urg", "URG", layer::tcp, 106, 1, bit},
    {"tcp.flags.ack", "ACK", layer::tcp, 107, 1, bit},
    {"tcp.flags.push", "PSH", layer::tcp, 108, 1, bit},
    {"tcp.flags.reset", "RST", layer::tcp, 109, 1, bit},
    {"tcp.flags.syn", "SYN", layer::tcp, 110, 1, bit},
    {"tcp.flags.fin", "FIN", layer::tcp, 111, 1, bit},
    {"tcp.window_size_value", "window", layer::tcp, 112, 16, decimal},
    {"tcp.checksum", "checksum", layer::tcp, 128, 16, hexadecimal, 4},
    {"tcp.urgent_pointer", "urgent pointer", layer::tcp, 144, 16, decimal},
    derived("tcp.flags", "flags", layer::tcp, [](const frame_view& f) -> text {
        if (!f.tcp()) return std::nullopt;
        const unsigned bits = (f.tcp()->reserved() & 15) << 8 | f.tcp()->flags().to_uint();
        std::string digits = "0x";
        for (unsigned shift = 16; shift > 0; shift -= 4) digits += netnotes::detail::hexadecimal_digits[bits >> (shift - 4) & 15];
        return digits;
    }),
    derived("tcp.checksum.status", "checksum state", layer::tcp, transport_state<layer::tcp>),
    derived("tcp.len", "payload size", layer::tcp, [](const frame_view& f) -> text {
        if (!f.tcp()) return std::nullopt;
        return std::to_string(transport_payload_size(f));
    }),
    {"tcp.options.mss_val", "maximum segment size", layer::tcp, 0, 16, decimal, 0, nullptr, tcp_option_at<tcp_option::maximum_segment_size, 2>},
    {"tcp.options.wscale.shift", "window scale", layer::tcp, 0, 8, decimal, 0, nullptr, tcp_option_at<tcp_option::window_scale, 1>},
    {"tcp.options.timestamp.tsval", "timestamp value", layer::tcp, 0, 32, decimal, 0, nullptr, tcp_option_at<tcp_option::timestamps, 8>},
    {"tcp.options.timestamp.tsecr", "timestamp echo reply", layer::tcp, 0, 32, decimal, 0, nullptr, tcp_option_at<tcp_option::timestamps, 8, 4>},
    {"dns.id", "ID", layer::dns, 0, 16, hexadecimal, 4},
    {"dns.flags.response", "QR", layer::dns, 16, 1, bit},
    {"dns.flags.opcode", "opcode", layer::dns, 17, 4, decimal},
    {"dns.flags.authoritative", "AA", layer::dns, 21, 1, bit, 0, [](const frame_view& f) { return dns_of(f)->header().is_response; }},
    {"dns.flags.truncated", "TC", layer::dns, 22, 1, bit},
    {"dns.flags.recdesired", "RD", layer::dns, 23, 1, bit},
    {"dns.flags.recavail", "RA", layer::dns, 24, 1, bit, 0, [](const frame_view& f) { return dns_of(f)->header().is_response; }},
    {"dns.flags.rcode", "RCODE", layer::dns, 28, 4, decimal, 0, [](const frame_view& f) { return dns_of(f)->header().is_response; }},
    {"dns.count.queries", "QDCOUNT", layer::dns, 32, 16, decimal},
    {"dns.count.answers", "ANCOUNT", layer::dns, 48, 16, decimal},
    {"dns.count.auth_rr", "NSCOUNT", layer::dns, 64, 16, decimal},
    {"dns.count.add_rr", "ARCOUNT", layer::dns, 80, 16, decimal},
    derived("dns.qry.name", "question", layer::dns, [](const frame_view& f) -> text {
        if (!has_question(f)) return std::nullopt;
        return dns_text(dns_of(f)->questions().begin()->name);
    }),
    derived("dns.qry.type", "question type", layer::dns, [](const frame_view& f) -> text {
        if (!has_question(f)) return std::nullopt;
        return std::to_string(static_cast<unsigned>(dns_of(f)->questions().begin()->type));
    }),
    derived("dns.a", "addresses", layer::dns, [](const frame_view& f) {
        return each_record(f, [](const dns_record& r) -> text {
            if (r.type != dns_type::a || !r.address()) return std::nullopt;
            return r.address()->to_string();
        });
    }),
    derived("dns.aaaa", "IPv6 addresses", layer::dns, [](const frame_view& f) {
        return each_record(f, [](const dns_record& r) -> text {
            if (r.type != dns_type::aaaa || !r.address()) return std::nullopt;
            return r.address()->to_string();
        });
    }),
    derived("dns.cname", "aliases", layer::dns, [](const frame_view& f) {
        return each_record(f, [](const dns_record& r) -> text {
            if (r.type != dns_type::cname || !r.target()) return std::nullopt;
            return dns_text(*r.target());
        });
    }),
};
// clang-format on

}  // namespace detail::fields

/// Every field that this module knows, header by header, in the order of the headers' bits.
inline constexpr std::span<const field> all_fields{detail::fields::all};

/// Returns the field that Wireshark calls `filter_name`, or nullptr.
[[nodiscard]] constexpr const field* find_field(std::string_view filter_name) noexcept {
    for (const field& each : all_fields)
        if (each.filter_name == filter_name) return &each;
    return nullptr;
}

constexpr std::optional<std::size_t> place_of(const frame_view& frame, layer header) noexcept {
    if (header == layer::payload) return frame.payload_offset();
    if (header == layer::dns) {
        const auto udp = frame.udp();
        const auto is_dns = [](std::uint16_t port) { return port == dns_port || port == 5353 || port == 5355; };
        if (!udp || (!is_dns(udp->source_port()) && !is_dns(udp->destination_port()))) return std::nullopt;
        if (frame.payload().size() < dns_view::header_size) return std::nullopt;
        return frame.payload_offset();
    }
    if (!frame.has(header)) return std::nullopt;
    switch (header) {
        case layer::ethernet: return 0;
        case layer::vlan: return 14;
        case layer::arp:
        case layer::ipv4:
        case layer::ipv6: return frame.network_offset();
        case layer::ipv6_extension: {
            std::size_t at = frame.network_offset() + 40;
            for (const ipv6_extension& each : frame.ipv6()->extensions()) {
                if (each.kind() == ip_protocol::fragment) return at;
                at += each.bytes().size();
            }
            return std::nullopt;
        }
        default: return frame.transport_offset();
    }
}

/// Returns where the field stands, or nullopt if the frame does not have it, and for a computed text.
[[nodiscard]] constexpr std::optional<field_place> place_of(const frame_view& frame, const field& which) {
    if (which.bit_count == 0) return std::nullopt;
    const auto header = place_of(frame, which.header);
    if (!header || (which.applies != nullptr && !which.applies(frame))) return std::nullopt;
    const auto at = which.locate != nullptr ? which.locate(frame) : header;
    if (!at) return std::nullopt;
    const field_place place{*at * 8 + which.first_bit, which.bit_count};
    if ((place.first_bit + place.bit_count + 7) / 8 > frame.bytes().size()) return std::nullopt;
    return place;
}

/// Returns the bits of a field as a number. Returns nullopt if the frame does not have the field, and for more than 64
/// bits.
[[nodiscard]] constexpr std::optional<std::uint64_t> value_of(const frame_view& frame, const field& which) {
    const auto place = place_of(frame, which);
    if (!place || place->bit_count > 64) return std::nullopt;
    std::uint64_t value = 0;
    for (std::size_t bit = place->first_bit; bit < place->first_bit + place->bit_count; ++bit)
        value = value << 1 | (std::to_integer<unsigned>(frame.bytes()[bit / 8]) >> (7 - bit % 8) & 1);
    return value;
}

/// Returns the field as `tshark -T fields` prints it, or nullopt if the frame does not have it.
[[nodiscard]] inline std::optional<std::string> text_of(const frame_view& frame, const field& which) {
    if (which.compute != nullptr) return which.compute(frame);
    const auto place = place_of(frame, which);
    if (!place) return std::nullopt;
    if (which.format == field_format::ipv6) {
        const std::byte* const at = frame.bytes().data() + place->first_byte();
        return ipv6_address{uint128{detail::load_64(at), detail::load_64(at + 8)}}.to_string();
    }
    const std::uint64_t value = *value_of(frame, which);
    switch (which.format) {
        case field_format::words: return std::to_string(value * 4);
        case field_format::ipv4: return ipv4_address{static_cast<std::uint32_t>(value)}.to_string();
        case field_format::mac: return mac_address{value}.to_string();
        case field_format::hexadecimal: {
            std::string text = "0x";
            for (unsigned digit = which.digits != 0 ? which.digits : (which.bit_count + 3u) / 4; digit-- > 0;)
                text += netnotes::detail::hexadecimal_digits[value >> 4 * digit & 15];
            return text;
        }
        default: return std::to_string(value);
    }
}
/// Returns the field that Wireshark calls `filter_name`, or nullopt if the frame does not have it or the name is
/// unknown.
[[nodiscard]] inline std::optional<std::string> text_of(const frame_view& frame, std::string_view filter_name) {
    // For tshark the version of IPv6 is a version of IP, too.
    if (filter_name == "ip.version" && frame.ipv6()) filter_name = "ipv6.version";
    const field* const which = find_field(filter_name);
    return which != nullptr ? text_of(frame, *which) : std::nullopt;
}

}  // namespace netnotes::packet

#endif  // NETNOTES_PACKET_FIELDS_HPP
