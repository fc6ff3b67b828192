// netnotes/packet/icmp.hpp: what hosts and routers tell each other about packets
// SPDX-License-Identifier: MIT
//
// IP drops packets without a word; ICMP reports some of the losses (RFC 792 for IPv4, RFC 4443 for IPv6). All messages
// begin alike:
//
//         0                   1                   2                   3
//         0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//        ┌───────────────┬───────────────┬───────────────────────────────┐
//        │     type      │     code      │           checksum            │
//        ├───────────────┴───────────────┼───────────────────────────────┤
//        │          identifier           │        sequence number        │   of an echo; other types use it otherwise
//        ├───────────────────────────────┴───────────────────────────────┤
//        │                   data, or the packet in question …           │
//        └───────────────────────────────────────────────────────────────┘
//
// ping sends echo requests, and the host answers each with its data. An error quotes the beginning of the packet that
// caused it: its IP header and at least eight bytes more, in which the ports stand. So the sender knows which of its
// connections is meant. No error answers an error, or two hosts could go on for ever.
//
// For IPv6, ICMPv6 has also the work of ARP: neighbour discovery finds cards and routers (RFC 4861).
//
// On this page:  icmp_type, icmp_view · icmpv6_type, icmpv6_view · router_advertisement, prefix_information
// The notes:     TCP/IP协议(族), 各协议之间的关系

#ifndef NETNOTES_PACKET_ICMP_HPP
#define NETNOTES_PACKET_ICMP_HPP

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "../ip/address.hpp"
#include "checksum.hpp"
#include "names.hpp"
#include "view.hpp"

namespace netnotes::packet {

// ---- ICMP ----------------------------------------------------------------------------------------------

/// Types of ICMP messages (RFC 792; IANA's "ICMP Type Numbers").
enum class icmp_type : std::uint8_t {
    echo_reply = 0,
    destination_unreachable = 3,
    source_quench = 4,  ///< deprecated by RFC 6633
    redirect = 5,
    echo_request = 8,
    router_advertisement = 9,
    router_solicitation = 10,
    time_exceeded = 11,
    parameter_problem = 12,
    timestamp_request = 13,
    timestamp_reply = 14,
};

/// Returns the name of the type, or "" for a number that this module does not name.
[[nodiscard]] constexpr std::string_view to_string(icmp_type type) noexcept {
    switch (type) {
        case icmp_type::echo_reply: return "echo reply";
        case icmp_type::destination_unreachable: return "destination unreachable";
        case icmp_type::source_quench: return "source quench";
        case icmp_type::redirect: return "redirect";
        case icmp_type::echo_request: return "echo request";
        case icmp_type::router_advertisement: return "router advertisement";
        case icmp_type::router_solicitation: return "router solicitation";
        case icmp_type::time_exceeded: return "time exceeded";
        case icmp_type::parameter_problem: return "parameter problem";
        case icmp_type::timestamp_request: return "timestamp request";
        case icmp_type::timestamp_reply: return "timestamp reply";
    }
    return "";
}

/// An ICMP message (RFC 792). The header has 8 bytes; the meaning of the last four depends on the type.
class icmp_view : public header_view {
  public:
    /// Returns nullopt if fewer than 8 bytes are there; `why` then says so.
    [[nodiscard]] static constexpr std::optional<icmp_view> parse(std::span<const std::byte> bytes,
                                                                  packet_failure& why) noexcept {
        return detail::view_maker::parse<icmp_view>(bytes, why);
    }

    /// Returns the first three fields, which every message has.
    [[nodiscard]] constexpr icmp_type type() const noexcept { return static_cast<icmp_type>(get_8(0)); }
    [[nodiscard]] constexpr std::uint8_t code() const noexcept { return get_8(1); }
    [[nodiscard]] constexpr std::uint16_t checksum() const noexcept { return get_16(2); }
    /// Returns the last four bytes of the header as a number.
    [[nodiscard]] constexpr std::uint32_t rest_of_header() const noexcept { return get_32(4); }
    /// Returns the number by which ping knows its own echoes; valid if is_echo() is true.
    [[nodiscard]] constexpr std::uint16_t identifier() const noexcept { return get_16(4); }
    /// Returns the number of the echo; valid if is_echo() is true.
    [[nodiscard]] constexpr std::uint16_t sequence_number() const noexcept { return get_16(6); }
    [[nodiscard]] constexpr bool is_echo() const noexcept {
        return type() == icmp_type::echo_request || type() == icmp_type::echo_reply;
    }
    /// Returns true if the message reports an error and quotes the packet that caused it.
    [[nodiscard]] constexpr bool is_error() const noexcept {
        return type() == icmp_type::destination_unreachable || type() == icmp_type::source_quench ||
               type() == icmp_type::redirect || type() == icmp_type::time_exceeded ||
               type() == icmp_type::parameter_problem;
    }
    /// Returns the beginning of the packet that caused the error, from its IP header on. It is empty for other
    /// messages.
    [[nodiscard]] constexpr std::span<const std::byte> quoted() const noexcept {
        return is_error() ? payload() : std::span<const std::byte>{};
    }
    /// Returns the largest packet that the next link takes (RFC 1191 §4), if this message is "fragmentation needed".
    [[nodiscard]] constexpr std::optional<std::uint16_t> next_hop_mtu() const noexcept {
        if (type() != icmp_type::destination_unreachable || code() != 4) return std::nullopt;
        return get_16(6);
    }
    /// Returns the better router that a redirect names.
    [[nodiscard]] constexpr std::optional<ipv4_address> gateway() const noexcept {
        if (type() != icmp_type::redirect) return std::nullopt;
        return get_ipv4(4);
    }
    /// Returns the place of the byte in the quoted packet that caused a parameter problem.
    [[nodiscard]] constexpr std::optional<std::uint8_t> pointer() const noexcept {
        if (type() != icmp_type::parameter_problem) return std::nullopt;
        return get_8(4);
    }
    /// Returns good or bad. The view must have the whole message, which the checksum covers.
    [[nodiscard]] constexpr netnotes::packet::checksum_state checksum_state() const noexcept {
        return internet_checksum(bytes()) == 0 ? netnotes::packet::checksum_state::good
                                               : netnotes::packet::checksum_state::bad;
    }

  private:
    friend detail::view_maker;
    using header_view::header_view;
    static constexpr std::size_t check(const std::byte*, std::size_t size, packet_failure& why) noexcept {
        if (size >= 8) return 8;
        why = packet_failure::cut_short(layer::icmp, 0, size, 8);
        return 0;
    }
};

// ---- ICMPv6 --------------------------------------------------------------------------------------------

/// Types of ICMPv6 messages (RFC 4443, RFC 4861; IANA's "ICMPv6 Parameters"). Types below 128 are errors.
enum class icmpv6_type : std::uint8_t {
    destination_unreachable = 1,
    packet_too_big = 2,
    time_exceeded = 3,
    parameter_problem = 4,
    echo_request = 128,
    echo_reply = 129,
    multicast_listener_query = 130,
    multicast_listener_report = 131,
    multicast_listener_done = 132,
    router_solicitation = 133,
    router_advertisement = 134,
    neighbor_solicitation = 135,
    neighbor_advertisement = 136,
    redirect = 137,
    multicast_listener_report_v2 = 143,
};

/// Returns the name of the type, or "" for a number that this module does not name.
[[nodiscard]] constexpr std::string_view to_string(icmpv6_type type) noexcept {
    switch (type) {
        case icmpv6_type::destination_unreachable: return "destination unreachable";
        case icmpv6_type::packet_too_big: return "packet too big";
        case icmpv6_type::time_exceeded: return "time exceeded";
        case icmpv6_type::parameter_problem: return "parameter problem";
        case icmpv6_type::echo_request: return "echo request";
        case icmpv6_type::echo_reply: return "echo reply";
        case icmpv6_type::multicast_listener_query: return "multicast listener query";
        case icmpv6_type::multicast_listener_report: return "multicast listener report";
        case icmpv6_type::multicast_listener_done: return "multicast listener done";
        case icmpv6_type::router_solicitation: return "router solicitation";
        case icmpv6_type::router_advertisement: return "router advertisement";
        case icmpv6_type::neighbor_solicitation: return "neighbor solicitation";
        case icmpv6_type::neighbor_advertisement: return "neighbor advertisement";
        case icmpv6_type::redirect: return "redirect";
        case icmpv6_type::multicast_listener_report_v2: return "multicast listener report v2";
    }
    return "";
}

/// The statements of a router about its link (RFC 4861 §4.2). Times are in the units of the names.
struct router_advertisement {
    std::uint8_t current_hop_limit = 0;  ///< what hosts should use; 0 says nothing
    bool managed = false;                ///< addresses come from DHCPv6
    bool other_configuration = false;    ///< DHCPv6 has other information
    std::uint16_t router_lifetime_seconds = 0;
    std::uint32_t reachable_milliseconds = 0;
    std::uint32_t retransmission_milliseconds = 0;
};

/// A prefix of a link, an option of router advertisements (RFC 4861 §4.6.2).
struct prefix_information {
    ipv6_address prefix;
    std::uint8_t prefix_length = 0;
    bool on_link = false;     ///< hosts reach these addresses without a router
    bool autonomous = false;  ///< hosts may make themselves an address from it (RFC 4862)
    std::uint32_t valid_seconds = 0;
    std::uint32_t preferred_seconds = 0;
};

/// An ICMPv6 message (RFC 4443). Accessors of a type return nullopt for messages of other types, and for messages that
/// are too short to have the field.
class icmpv6_view : public header_view {
  public:
    /// Returns nullopt if fewer than 8 bytes are there; `why` then says so.
    [[nodiscard]] static constexpr std::optional<icmpv6_view> parse(std::span<const std::byte> bytes,
                                                                    packet_failure& why) noexcept {
        return detail::view_maker::parse<icmpv6_view>(bytes, why);
    }

    /// Returns the first three fields, which every message has.
    [[nodiscard]] constexpr icmpv6_type type() const noexcept { return static_cast<icmpv6_type>(get_8(0)); }
    [[nodiscard]] constexpr std::uint8_t code() const noexcept { return get_8(1); }
    [[nodiscard]] constexpr std::uint16_t checksum() const noexcept { return get_16(2); }
    /// Returns the last four bytes of the header as a number.
    [[nodiscard]] constexpr std::uint32_t rest_of_header() const noexcept { return get_32(4); }
    /// Returns the number by which ping knows its own echoes; valid if is_echo() is true.
    [[nodiscard]] constexpr std::uint16_t identifier() const noexcept { return get_16(4); }
    /// Returns the number of the echo; valid if is_echo() is true.
    [[nodiscard]] constexpr std::uint16_t sequence_number() const noexcept { return get_16(6); }
    [[nodiscard]] constexpr bool is_echo() const noexcept {
        return type() == icmpv6_type::echo_request || type() == icmpv6_type::echo_reply;
    }
    /// Returns true if the message reports an error and quotes the packet that caused it.
    [[nodiscard]] constexpr bool is_error() const noexcept { return get_8(0) < 128; }
    /// Returns the beginning of the packet that caused the error, from its IPv6 header on.
    [[nodiscard]] constexpr std::span<const std::byte> quoted() const noexcept {
        return is_error() ? payload() : std::span<const std::byte>{};
    }
    /// Returns the largest packet that the next link takes, if this message is "packet too big" (RFC 8201).
    [[nodiscard]] constexpr std::optional<std::uint32_t> mtu() const noexcept {
        if (type() != icmpv6_type::packet_too_big) return std::nullopt;
        return get_32(4);
    }
    /// Returns the place of the byte in the quoted packet that caused a parameter problem.
    [[nodiscard]] constexpr std::optional<std::uint32_t> pointer() const noexcept {
        if (type() != icmpv6_type::parameter_problem) return std::nullopt;
        return get_32(4);
    }

    /// Returns the address whose card is wanted or announced, or the better router of a redirect (RFC 4861 §4.3 to
    /// §4.5).
    [[nodiscard]] constexpr std::optional<ipv6_address> target_address() const noexcept {
        const bool has_target = type() == icmpv6_type::neighbor_solicitation ||
                                type() == icmpv6_type::neighbor_advertisement || type() == icmpv6_type::redirect;
        if (!has_target || bytes().size() < 24) return std::nullopt;
        return get_ipv6(8);
    }
    /// Returns true if the sender of a neighbour advertisement is a router.
    [[nodiscard]] constexpr bool is_router() const noexcept { return advertises() && (get_8(4) & 0x80) != 0; }
    /// Returns true if a neighbour advertisement answers a solicitation.
    [[nodiscard]] constexpr bool is_solicited() const noexcept { return advertises() && (get_8(4) & 0x40) != 0; }
    /// Returns true if a neighbour advertisement replaces what the receiver knows.
    [[nodiscard]] constexpr bool is_override() const noexcept { return advertises() && (get_8(4) & 0x20) != 0; }
    [[nodiscard]] constexpr std::optional<netnotes::packet::router_advertisement> router_advertisement()
        const noexcept {
        if (type() != icmpv6_type::router_advertisement || bytes().size() < 16) return std::nullopt;
        return netnotes::packet::router_advertisement{
            get_8(4), (get_8(5) & 0x80) != 0, (get_8(5) & 0x40) != 0, get_16(6), get_32(8), get_32(12)};
    }
    /// Returns the options of neighbour discovery. Other messages have no options.
    [[nodiscard]] constexpr neighbor_option_range options() const noexcept {
        const std::size_t from = options_offset();
        if (from == 0 || from > bytes().size()) return {};
        return {bytes().subspan(from), from};
    }
    /// Returns the card of the sender (option 1) or of the target (option 2).
    [[nodiscard]] constexpr std::optional<mac_address> source_link_layer_address() const noexcept { return card(1); }
    [[nodiscard]] constexpr std::optional<mac_address> target_link_layer_address() const noexcept { return card(2); }
    /// Returns the first prefix of a router advertisement (option 3).
    [[nodiscard]] constexpr std::optional<netnotes::packet::prefix_information> prefix_information() const noexcept {
        const auto found = options().find(3);
        if (!found || found->data.size() != 30) return std::nullopt;
        const std::byte* const at = found->data.data();
        const auto flags = detail::load_8(at + 1);
        return netnotes::packet::prefix_information{
            ipv6_address{uint128{detail::load_64(at + 14), detail::load_64(at + 22)}},
            detail::load_8(at),
            (flags & 0x80) != 0,
            (flags & 0x40) != 0,
            detail::load_32(at + 2),
            detail::load_32(at + 6)};
    }

    /// Returns whether the checksum fits the message and the addresses of the IPv6 header around it. The view must have
    /// the whole message.
    [[nodiscard]] constexpr netnotes::packet::checksum_state checksum_state(
        const ipv6_address& source, const ipv6_address& destination) const noexcept {
        return detail::state_of(
            pseudo_header(source, destination, ip_protocol::icmpv6, static_cast<std::uint32_t>(bytes().size())),
            bytes(), checksum());
    }

  private:
    friend detail::view_maker;
    using header_view::header_view;
    static constexpr std::size_t check(const std::byte*, std::size_t size, packet_failure& why) noexcept {
        if (size >= 8) return 8;
        why = packet_failure::cut_short(layer::icmpv6, 0, size, 8);
        return 0;
    }
    [[nodiscard]] constexpr bool advertises() const noexcept { return type() == icmpv6_type::neighbor_advertisement; }
    [[nodiscard]] constexpr std::size_t options_offset() const noexcept {
        switch (type()) {
            case icmpv6_type::router_solicitation: return 8;
            case icmpv6_type::router_advertisement: return 16;
            case icmpv6_type::neighbor_solicitation:
            case icmpv6_type::neighbor_advertisement: return 24;
            case icmpv6_type::redirect: return 40;
            default: return 0;
        }
    }
    [[nodiscard]] constexpr std::optional<mac_address> card(std::uint8_t kind) const noexcept {
        const auto found = options().find(kind);
        if (!found || found->data.size() != 6) return std::nullopt;
        return mac_address{detail::load_48(found->data.data())};
    }
};

}  // namespace netnotes::packet

#endif  // NETNOTES_PACKET_ICMP_HPP
