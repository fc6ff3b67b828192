// netnotes/packet/ipv6.hpp: from host to host, over IPv6
// SPDX-License-Identifier: MIT
//
// The header of IPv6 always has 40 bytes (RFC 8200 §3):
//
//         0                   1                   2                   3
//         0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//        ┌───────┬───────────────┬───────────────────────────────────────┐
//        │version│ traffic class │              flow label               │
//        ├───────┴───────────────┴───────┬───────────────┬───────────────┤
//        │        payload length         │  next header  │   hop limit   │
//        ├───────────────────────────────┴───────────────┴───────────────┤
//        │                   source address, 16 bytes                    │
//        ├───────────────────────────────────────────────────────────────┤
//        │                 destination address, 16 bytes                 │
//        └───────────────────────────────────────────────────────────────┘
//
// What IPv4 keeps in options stands in extension headers. Each header names the next header, and the last names TCP,
// UDP or ICMPv6:
//
//        IPv6          hop-by-hop       fragment         TCP
//        next: 0  ───> next: 44   ───>  next: 6   ───>   …
//
// Routers do not fragment IPv6 packets and compute no checksum. A sender that needs fragments adds the fragment header
// itself. A router reports a packet that is too large by ICMPv6.
//
// A payload length of 0 in front of hop-by-hop options is a jumbogram (RFC 2675). In front of TCP it is segmentation
// offload in a capture of the sending host. Then the payload goes to the end of the bytes.
//
// On this page:  ipv6_view · ipv6_extension, ipv6_extension_range
// The notes:     TCP/IP协议(族), IP地址

#ifndef NETNOTES_PACKET_IPV6_HPP
#define NETNOTES_PACKET_IPV6_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>

#include "../ip/address.hpp"
#include "names.hpp"
#include "view.hpp"

namespace netnotes::packet {

namespace detail {
class dissector;
}  // namespace detail

// ---- Extension headers ---------------------------------------------------------------------------------

/// Returns true if an extension header of that number may stand between IPv6 and the protocol that it carries. ESP is
/// not among them: what follows it is encrypted.
[[nodiscard]] constexpr bool is_ipv6_extension(ip_protocol protocol) noexcept {
    switch (protocol) {
        case ip_protocol::hop_by_hop:
        case ip_protocol::routing:
        case ip_protocol::fragment:
        case ip_protocol::authentication:
        case ip_protocol::destination_options:
        case ip_protocol::mobility:
        case ip_protocol::host_identity:
        case ip_protocol::shim6: return true;
        default: return false;
    }
}

/// An extension header of IPv6 (RFC 8200 §4). Accessors of a kind return 0, false or an empty range for other kinds.
class ipv6_extension {
  public:
    constexpr ipv6_extension() noexcept = default;
    /// Returns nullopt if the header is cut short, or if `kind` is no extension header; `why` then says so. `bytes`
    /// begin with the header.
    [[nodiscard]] static constexpr std::optional<ipv6_extension> parse(ip_protocol kind,
                                                                       std::span<const std::byte> bytes,
                                                                       packet_failure& why) noexcept {
        std::size_t needed = 8;
        if (!is_ipv6_extension(kind)) {
            why = packet_failure{layer::ipv6_extension, 0, "protocol % is no extension header",
                                 static_cast<std::uint32_t>(kind)};
            return std::nullopt;
        }
        if (bytes.size() >= 2 && kind != ip_protocol::fragment) {
            const std::size_t units = detail::load_8(bytes.data() + 1);
            // The authentication header counts words of four bytes and leaves two out (RFC 4302 §2.2).
            needed = kind == ip_protocol::authentication ? (units + 2) * 4 : (units + 1) * 8;
        }
        if (bytes.size() < needed) {
            why = packet_failure::cut_short(layer::ipv6_extension, 0, bytes.size(), needed);
            return std::nullopt;
        }
        return ipv6_extension{kind, bytes.first(needed)};
    }

    /// Returns which extension this is. The header in front of it names it.
    [[nodiscard]] constexpr ip_protocol kind() const noexcept { return kind_; }
    [[nodiscard]] constexpr std::span<const std::byte> bytes() const noexcept { return bytes_; }
    /// Returns what follows: a further extension header, or the protocol of the payload.
    [[nodiscard]] constexpr ip_protocol next_header() const noexcept { return static_cast<ip_protocol>(get_8(0)); }

    /// Returns the options of a hop-by-hop or destination options header.
    [[nodiscard]] constexpr ipv6_option_range options() const noexcept {
        if (kind_ != ip_protocol::hop_by_hop && kind_ != ip_protocol::destination_options) return {};
        return {bytes_.subspan(2), 2};
    }

    /// Returns a fragment's place in bytes (RFC 8200 §4.5).
    [[nodiscard]] constexpr std::uint32_t fragment_offset() const noexcept {
        return is_fragment() ? (detail::load_16(bytes_.data() + 2) & 0xfff8u) : 0;
    }
    [[nodiscard]] constexpr bool more_fragments() const noexcept { return is_fragment() && (get_8(3) & 1) != 0; }
    /// Returns the number that all fragments of a packet share.
    [[nodiscard]] constexpr std::uint32_t identification() const noexcept {
        return is_fragment() ? detail::load_32(bytes_.data() + 4) : 0;
    }
    /// Returns true if only a part of the packet follows. A fragment header may also stand in front of a whole packet
    /// (an atomic fragment, RFC 6946).
    [[nodiscard]] constexpr bool is_part() const noexcept { return fragment_offset() != 0 || more_fragments(); }

    /// Returns the kind of a routing header: 0 source route, deprecated (RFC 5095); 2 mobile IPv6; 4 segment routing.
    [[nodiscard]] constexpr std::uint8_t routing_type() const noexcept { return is_routing() ? get_8(2) : 0; }
    /// Returns how many stops remain.
    [[nodiscard]] constexpr std::uint8_t segments_left() const noexcept { return is_routing() ? get_8(3) : 0; }
    /// Returns the address at which the route ends, which the checksum of UDP and TCP covers (RFC 8200 §8.1). Returns
    /// nullopt if no stop remains, or for a kind of route that this module does not know. Then the packet's own
    /// destination counts.
    [[nodiscard]] constexpr std::optional<ipv6_address> final_destination() const noexcept {
        if (segments_left() == 0 || bytes_.size() < 24) return std::nullopt;
        std::size_t at = 8;                                                    // segment routing: the list is reversed
        if (routing_type() == 0) at = (bytes_.size() - 8) / 16 * 16 - 16 + 8;  // source route: the last address
        if (routing_type() != 0 && routing_type() != 2 && routing_type() != 4) return std::nullopt;
        return ipv6_address{uint128{detail::load_64(bytes_.data() + at), detail::load_64(bytes_.data() + at + 8)}};
    }

  private:
    constexpr ipv6_extension(ip_protocol kind, std::span<const std::byte> bytes) noexcept
        : bytes_{bytes}, kind_{kind} {}
    [[nodiscard]] constexpr std::uint8_t get_8(std::size_t at) const noexcept {
        return bytes_.empty() ? std::uint8_t{0} : detail::load_8(bytes_.data() + at);
    }
    [[nodiscard]] constexpr bool is_fragment() const noexcept { return kind_ == ip_protocol::fragment; }
    [[nodiscard]] constexpr bool is_routing() const noexcept { return kind_ == ip_protocol::routing; }

    std::span<const std::byte> bytes_;
    ip_protocol kind_ = ip_protocol::no_next_header;
};

/// The extension headers of a packet, one after the other. A loop ends in front of the payload, or behind the header of
/// a fragment that is not the first. It also ends at a header that is cut short; then failure() says so.
class ipv6_extension_range {
  public:
    /// Reads the next header with each step.
    class iterator {
      public:
        using value_type = ipv6_extension;
        using difference_type = std::ptrdiff_t;
        using iterator_category = std::input_iterator_tag;
        using iterator_concept = std::forward_iterator_tag;
        using pointer = const ipv6_extension*;
        using reference = const ipv6_extension&;

        constexpr iterator() noexcept = default;
        constexpr const ipv6_extension& operator*() const noexcept { return found_; }
        constexpr const ipv6_extension* operator->() const noexcept { return &found_; }
        constexpr iterator& operator++() noexcept {
            rest_ = rest_.subspan(found_.bytes().size());
            next_ = found_.next_header();
            look(found_.fragment_offset() != 0);
            return *this;
        }
        constexpr iterator operator++(int) noexcept {
            const iterator before = *this;
            ++*this;
            return before;
        }
        friend constexpr bool operator==(const iterator& a, const iterator& b) noexcept {
            return a.rest_.data() == b.rest_.data() && a.has_ended_ == b.has_ended_;
        }
        friend constexpr bool operator==(const iterator& a, std::default_sentinel_t) noexcept { return a.has_ended_; }

      private:
        friend ipv6_extension_range;
        constexpr iterator(ip_protocol next, std::span<const std::byte> rest) noexcept : rest_{rest}, next_{next} {
            look(false);
        }
        constexpr void look(bool is_later_fragment) noexcept {
            found_ = {};
            has_ended_ = true;
            if (is_later_fragment || !is_ipv6_extension(next_)) return;
            const auto read = ipv6_extension::parse(next_, rest_, failure_);
            if (read) found_ = *read;
            has_ended_ = !read;
        }
        std::span<const std::byte> rest_;
        ipv6_extension found_;
        packet_failure failure_;
        ip_protocol next_ = ip_protocol::no_next_header;
        bool has_ended_ = true;
    };

    /// The header behind the extension headers.
    struct end_of_chain {
        ip_protocol protocol = ip_protocol::no_next_header;  ///< of the payload
        std::span<const std::byte> payload;
        packet_failure failure;  ///< why a header could not be read; its place counts from the first extension header
    };

    /// Takes the number of the first header and the bytes behind the IPv6 header.
    constexpr ipv6_extension_range(ip_protocol first, std::span<const std::byte> bytes) noexcept
        : bytes_{bytes}, first_{first} {}
    [[nodiscard]] constexpr iterator begin() const noexcept { return {first_, bytes_}; }
    [[nodiscard]] constexpr std::default_sentinel_t end() const noexcept { return {}; }
    /// Returns true if there is no extension header.
    [[nodiscard]] constexpr bool empty() const noexcept { return begin() == end(); }
    /// Walks over all extension headers and returns what follows them.
    [[nodiscard]] constexpr end_of_chain last() const noexcept {
        iterator at = begin();
        while (at != end()) ++at;
        at.failure_.shift(at.failure_ ? bytes_.size() - at.rest_.size() : 0);
        return {at.next_, at.rest_, at.failure_};
    }
    /// Returns why a header could not be read, or success. The place counts from the first extension header.
    [[nodiscard]] constexpr packet_failure failure() const noexcept { return last().failure; }

  private:
    std::span<const std::byte> bytes_;
    ip_protocol first_;
};

// ---- The header ----------------------------------------------------------------------------------------

/// The header of an IPv6 packet (RFC 8200 §3).
class ipv6_view : public header_view {
  public:
    /// Returns nullopt if the header is cut short or has another version than 6; `why` then says so. The payload may be
    /// shorter than announced: the view has what is there.
    [[nodiscard]] static constexpr std::optional<ipv6_view> parse(std::span<const std::byte> bytes,
                                                                  packet_failure& why) noexcept {
        return detail::view_maker::parse<ipv6_view>(bytes, why);
    }

    /// Returns 6.
    [[nodiscard]] constexpr unsigned version() const noexcept { return get_8(0) >> 4u; }
    /// Returns the traffic class, whose parts are the next two fields.
    [[nodiscard]] constexpr std::uint8_t traffic_class() const noexcept {
        return static_cast<std::uint8_t>(get_16(0) >> 4);
    }
    /// Returns the differentiated services code point, 0 to 63 (RFC 2474 §3).
    [[nodiscard]] constexpr unsigned differentiated_services() const noexcept { return traffic_class() >> 2u; }
    /// Returns the congestion field, 0 to 3 (RFC 3168 §5).
    [[nodiscard]] constexpr unsigned congestion_notification() const noexcept { return traffic_class() & 3u; }
    /// Returns the number of 20 bits that all packets of a flow share (RFC 6437).
    [[nodiscard]] constexpr std::uint32_t flow_label() const noexcept { return get_32(0) & 0xfffffu; }
    /// Returns the length in bytes of everything behind this header, extension headers included.
    [[nodiscard]] constexpr std::uint16_t payload_length() const noexcept { return get_16(4); }
    /// Returns the protocol of the next header, which may be an extension header.
    [[nodiscard]] constexpr ip_protocol next_header() const noexcept { return static_cast<ip_protocol>(get_8(6)); }
    /// Returns how many routers the packet may still pass.
    [[nodiscard]] constexpr std::uint8_t hop_limit() const noexcept { return get_8(7); }
    [[nodiscard]] constexpr ipv6_address source() const noexcept { return get_ipv6(8); }
    [[nodiscard]] constexpr ipv6_address destination() const noexcept { return get_ipv6(24); }
    /// Returns the extension headers. Their last() has the protocol and the payload behind them.
    [[nodiscard]] constexpr ipv6_extension_range extensions() const noexcept { return {next_header(), payload()}; }
    /// Returns true if payload bytes are missing: the payload length announces more than is there.
    [[nodiscard]] constexpr bool is_cut_short() const noexcept { return payload().size() < payload_length(); }

  private:
    friend detail::view_maker;
    friend detail::dissector;
    using header_view::header_view;
    static constexpr std::size_t check(const std::byte* data, std::size_t size, packet_failure& why) noexcept {
        if (size >= 40 && detail::load_8(data) >> 4 == 6) [[likely]]
            return 40;
        if (size > 0 && detail::load_8(data) >> 4 != 6)
            why = packet_failure{layer::ipv6, 0, "version is %, not #", detail::load_8(data) / 16u, 6};
        else
            why = packet_failure::cut_short(layer::ipv6, 0, size, 40);
        return 0;
    }
    static constexpr std::size_t extent(const std::byte* data, std::size_t size) noexcept {
        const std::size_t length = detail::load_16(data + 4);
        return is_endless(data) ? size : std::min(size, 40 + length);
    }
    /// Returns true if the length field says nothing about the payload's length.
    static constexpr bool is_endless(const std::byte* data) noexcept {
        const auto next = static_cast<ip_protocol>(detail::load_8(data + 6));
        return detail::load_16(data + 4) == 0 && (next == ip_protocol::tcp || next == ip_protocol::hop_by_hop);
    }
};

}  // namespace netnotes::packet

#endif  // NETNOTES_PACKET_IPV6_HPP
