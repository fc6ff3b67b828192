// netnotes/packet/udp.hpp: from program to program, one message at a time
// SPDX-License-Identifier: MIT
//
// UDP adds to IP only what is needed to find the program, and a checksum (RFC 768):
//
//         0                   1                   2                   3
//         0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//        ┌───────────────────────────────┬───────────────────────────────┐
//        │          source port          │       destination port        │
//        ├───────────────────────────────┼───────────────────────────────┤
//        │       length, 8 and more      │           checksum            │
//        └───────────────────────────────┴───────────────────────────────┘
//
// Over IPv4 the checksum 0 means that the sender computed none. A checksum that happens to be 0 is sent as ffff, which
// is the same number in one's complement. Over IPv6 a receiver discards a datagram without a checksum (RFC 8200 §8.1).
//
// On this page:  udp_view
// The notes:     UDP, UDP特点

#ifndef NETNOTES_PACKET_UDP_HPP
#define NETNOTES_PACKET_UDP_HPP

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

/// The header of a UDP datagram (RFC 768).
class udp_view : public header_view {
  public:
    /// Returns nullopt if fewer than 8 bytes are there, or if the length is below 8; `why` then says so. A length of 0
    /// is accepted: a jumbogram has it (RFC 2675 §4). The payload then goes to the end of the bytes.
    [[nodiscard]] static constexpr std::optional<udp_view> parse(std::span<const std::byte> bytes,
                                                                 packet_failure& why) noexcept {
        return detail::view_maker::parse<udp_view>(bytes, why);
    }

    /// Returns a field of the header; so do the functions below.
    [[nodiscard]] constexpr std::uint16_t source_port() const noexcept { return get_16(0); }
    [[nodiscard]] constexpr std::uint16_t destination_port() const noexcept { return get_16(2); }
    /// Returns the length of header and payload in bytes, as the sender gave it.
    [[nodiscard]] constexpr std::uint16_t length() const noexcept { return get_16(4); }
    [[nodiscard]] constexpr std::uint16_t checksum() const noexcept { return get_16(6); }
    /// Returns true if payload bytes are missing: the length announces more than is there.
    [[nodiscard]] constexpr bool is_cut_short() const noexcept { return bytes().size() < length(); }

    /// Returns whether the checksum fits the datagram and the addresses of the IPv4 header around it.
    [[nodiscard]] constexpr netnotes::packet::checksum_state checksum_state(ipv4_address source,
                                                                            ipv4_address destination) const noexcept {
        if (checksum() == 0) return netnotes::packet::checksum_state::absent;
        return state(pseudo_header(source, destination, ip_protocol::udp, size()));
    }
    /// Returns whether the checksum fits the datagram and the addresses of the IPv6 header around it. A missing
    /// checksum is bad.
    [[nodiscard]] constexpr netnotes::packet::checksum_state checksum_state(
        const ipv6_address& source, const ipv6_address& destination) const noexcept {
        if (checksum() == 0) return netnotes::packet::checksum_state::bad;
        return state(pseudo_header(source, destination, ip_protocol::udp, size()));
    }

  private:
    friend detail::view_maker;
    using header_view::header_view;
    static constexpr std::size_t check(const std::byte* data, std::size_t size, packet_failure& why) noexcept {
        if (size < 8) [[unlikely]] {
            why = packet_failure::cut_short(layer::udp, 0, size, 8);
            return 0;
        }
        if (const std::uint32_t length = detail::load_16(data + 4); length - 1 < 7) [[unlikely]] {
            why = packet_failure{layer::udp, 4, "length is % bytes, below #", length, 8};
            return 0;
        }
        return 8;
    }
    static constexpr std::size_t extent(const std::byte* data, std::size_t size) noexcept {
        const std::size_t length = detail::load_16(data + 4);
        return length == 0 ? size : std::min(size, length);
    }
    [[nodiscard]] constexpr std::uint32_t size() const noexcept {
        return length() != 0 ? length() : static_cast<std::uint32_t>(bytes().size());
    }
    [[nodiscard]] constexpr netnotes::packet::checksum_state state(internet_sum pseudo) const noexcept {
        if (is_cut_short()) return netnotes::packet::checksum_state::unknown;
        return detail::state_of(pseudo, bytes(), checksum());
    }
};

}  // namespace netnotes::packet

#endif  // NETNOTES_PACKET_UDP_HPP
