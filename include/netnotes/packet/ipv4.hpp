// netnotes/packet/ipv4.hpp: from host to host, over IPv4
// SPDX-License-Identifier: MIT
//
// An IPv4 packet goes from host to host through any number of routers (RFC 791 §3.1):
//
//         0                   1                   2                   3
//         0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//        ┌───────┬───────┬───────────┬───┬───────────────────────────────┐
//        │version│length │  services │ecn│         total length          │   length: of the header, in words of 4 bytes
//        ├───────┴───────┴───────────┴───┼─┬─┬─┬─────────────────────────┤
//        │        identification         │0│D│M│     fragment offset     │   D: do not fragment, M: more fragments
//        ├───────────────┬───────────────┼─┴─┴─┴─────────────────────────┤
//        │ time to live  │   protocol    │        header checksum        │   protocol: 6 TCP, 17 UDP, 1 ICMP
//        ├───────────────┴───────────────┴───────────────────────────────┤
//        │                        source address                         │
//        ├───────────────────────────────────────────────────────────────┤
//        │                      destination address                      │
//        ├───────────────────────────────────────────────────────────────┤
//        │                   options, 0 to 40 bytes …                    │
//        └───────────────────────────────────────────────────────────────┘
//
// Each router decrements the time to live. At 0 it drops the packet and tells the sender by ICMP: a loop of routes ends
// so, and traceroute uses it. A packet that is too long for a link may be sent in fragments; only the destination joins
// them.
//
// Bytes behind the total length are no payload: they are the padding of a short Ethernet frame, or its CRC. A total
// length of 0 occurs in captures of the sending host: its card splits one large packet later and fills in the lengths
// (segmentation offload). Then the payload goes to the end of the bytes.
//
// On this page:  ipv4_option · ipv4_view
// The notes:     TCP/IP协议(族), IP地址

#ifndef NETNOTES_PACKET_IPV4_HPP
#define NETNOTES_PACKET_IPV4_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "../ip/address.hpp"
#include "checksum.hpp"
#include "names.hpp"
#include "view.hpp"

namespace netnotes::packet {

/// Numbers of IPv4 options (RFC 791 §3.1, IANA's "IP Option Numbers"), as option::kind has them.
enum class ipv4_option : std::uint8_t {
    end_of_list = 0,
    no_operation = 1,
    record_route = 7,
    timestamp = 68,
    loose_source_route = 131,
    strict_source_route = 137,
    router_alert = 148,  ///< RFC 2113
};

/// The header of an IPv4 packet (RFC 791 §3.1).
class ipv4_view : public header_view {
  public:
    /// Returns nullopt if the header is cut short, has another version than 4, or announces impossible lengths; `why`
    /// then says so. The payload may be shorter than announced: the view has what is there.
    [[nodiscard]] static constexpr std::optional<ipv4_view> parse(std::span<const std::byte> bytes,
                                                                  packet_failure& why) noexcept {
        return detail::view_maker::parse<ipv4_view>(bytes, why);
    }

    /// Returns 4.
    [[nodiscard]] constexpr unsigned version() const noexcept { return get_8(0) >> 4u; }
    /// Returns the header's length in words of four bytes, 5 to 15; header_size() has it in bytes.
    [[nodiscard]] constexpr unsigned internet_header_length() const noexcept { return get_8(0) & 0xfu; }
    /// Returns the whole second byte. RFC 791 called it type of service; it is now split into the next two fields.
    [[nodiscard]] constexpr std::uint8_t type_of_service() const noexcept { return get_8(1); }
    /// Returns the differentiated services code point, 0 to 63: how urgent the packet is (RFC 2474 §3).
    [[nodiscard]] constexpr unsigned differentiated_services() const noexcept { return get_8(1) >> 2u; }
    /// Returns the congestion field, 0 to 3: 0 not capable, 1 and 2 capable, 3 congestion experienced (RFC 3168 §5).
    [[nodiscard]] constexpr unsigned congestion_notification() const noexcept { return get_8(1) & 3u; }
    /// Returns the length of header and payload in bytes, as the sender gave it. 0: see the head of this page.
    [[nodiscard]] constexpr std::uint16_t total_length() const noexcept { return get_16(2); }
    /// Returns the number that all fragments of a packet share.
    [[nodiscard]] constexpr std::uint16_t identification() const noexcept { return get_16(4); }
    /// Returns the bit that must be 0 (RFC 791 §3.1; RFC 3514, of the first of April, calls it the evil bit).
    [[nodiscard]] constexpr bool reserved() const noexcept { return (get_8(6) & 0x80) != 0; }
    [[nodiscard]] constexpr bool dont_fragment() const noexcept { return (get_8(6) & 0x40) != 0; }
    [[nodiscard]] constexpr bool more_fragments() const noexcept { return (get_8(6) & 0x20) != 0; }
    /// Returns the fragment's place in bytes. The header counts in units of eight bytes; this is the product.
    [[nodiscard]] constexpr std::uint32_t fragment_offset() const noexcept { return (get_16(6) & 0x1fffu) * 8u; }
    /// Returns true for a part of a packet, the first part too.
    [[nodiscard]] constexpr bool is_fragment() const noexcept { return (get_16(6) & 0x3fff) != 0; }
    /// Returns how many routers the packet may still pass.
    [[nodiscard]] constexpr std::uint8_t time_to_live() const noexcept { return get_8(8); }
    [[nodiscard]] constexpr ip_protocol protocol() const noexcept { return static_cast<ip_protocol>(get_8(9)); }
    [[nodiscard]] constexpr std::uint16_t header_checksum() const noexcept { return get_16(10); }
    [[nodiscard]] constexpr ipv4_address source() const noexcept { return get_ipv4(12); }
    [[nodiscard]] constexpr ipv4_address destination() const noexcept { return get_ipv4(16); }
    /// Returns the options, which are read lazily; see ipv4_option for their numbers.
    [[nodiscard]] constexpr ipv4_option_range options() const noexcept {
        return {get_bytes(20, header_size() - 20), 20};
    }
    /// Returns good or bad. The checksum covers the header only.
    [[nodiscard]] constexpr checksum_state header_checksum_state() const noexcept {
        const std::uint64_t sum = detail::sum_of(header().data(), header_size());
        return detail::fold(sum) == 0xffff ? checksum_state::good : checksum_state::bad;
    }
    /// Returns true if payload bytes are missing: the total length announces more than is there.
    [[nodiscard]] constexpr bool is_cut_short() const noexcept { return bytes().size() < total_length(); }

  private:
    friend detail::view_maker;
    using header_view::header_view;
    static constexpr std::size_t check(const std::byte* data, std::size_t size, packet_failure& why) noexcept {
        if (size < 20) [[unlikely]]
            return refuse(data, size, why);
        const std::size_t first = detail::load_8(data), header_size = (first & 0xf) * 4,
                          total = detail::load_16(data + 2);
        if (first >> 4 != 4 || header_size < 20 || header_size > size || (total < header_size && total != 0))
            [[unlikely]]
            return refuse(data, size, why);
        return header_size;
    }
    static constexpr std::size_t refuse(const std::byte* data, std::size_t size, packet_failure& why) noexcept {
        const unsigned first = size > 0 ? detail::load_8(data) : 0x45u;
        const unsigned words = first & 0xf;
        if (first >> 4 != 4)
            why = packet_failure{layer::ipv4, 0, "version is %, not #", first >> 4, 4};
        else if (words < 5)
            why = packet_failure{layer::ipv4, 0, "header length is % words, below #", words, 5};
        else if (size < words * 4)
            why = packet_failure::cut_short(layer::ipv4, 0, size, std::max(20u, words * 4));
        else
            why = packet_failure{layer::ipv4, 2, "total length is % bytes, below the # bytes of the header",
                                 detail::load_16(data + 2), words * 4};
        return 0;
    }
    static constexpr std::size_t extent(const std::byte* data, std::size_t size) noexcept {
        const std::size_t total = detail::load_16(data + 2);
        return total == 0 ? size : std::min(size, total);
    }
};

}  // namespace netnotes::packet

#endif  // NETNOTES_PACKET_IPV4_HPP
