// netnotes/packet/checksum.hpp: how a receiver notices a damaged packet
// SPDX-License-Identifier: MIT
//
// IP, ICMP, UDP and TCP share one checksum (RFC 1071). The sender adds up the header's numbers of 16 bits. A carry out
// of the 16 bits is added at the other end (one's complement). The sum's complement goes into the header:
//
//        4500 + 0073 + 0000 + 4000 + 4011 + 0000 + c0a8 + 0001 + c0a8 + 00c7  =  2479c
//                                                                479c + 2     =  479e,  its complement is b861
//
// The receiver adds up everything, the checksum too. The result is ffff if nothing was damaged. The sum has two useful
// properties. It does not depend on the order of bytes in memory, so whole machine words can be summed. And it can be
// corrected without the rest of the packet: a router that changes the time to live needs only the old and the new
// value.
//
// The checksum finds every single wrong bit, but it misses words that were swapped. UDP and TCP also sum a
// *pseudo-header*: the addresses, the protocol and the length. So a packet that reaches a wrong host is noticed.
//
// Ethernet has a stronger checksum behind each frame: the CRC-32 (IEEE 802.3 §3.2.9). The card checks and removes it,
// so captures seldom contain it.
//
// On this page:  internet_sum, internet_checksum · pseudo_header · updated_checksum · crc32 · checksum_state
// The notes:     TCP报文首部 (检验和)

#ifndef NETNOTES_PACKET_CHECKSUM_HPP
#define NETNOTES_PACKET_CHECKSUM_HPP

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

#include "../ip/address.hpp"
#include "bytes.hpp"
#include "names.hpp"

namespace netnotes::packet {

namespace detail {

/// Converts between a number as the wire holds it and the number that the processor loads from there.
constexpr std::uint16_t wire_order(std::uint16_t value) noexcept {
    return std::endian::native == std::endian::big ? value : static_cast<std::uint16_t>(value << 8 | value >> 8);
}
constexpr std::uint32_t fold_32(std::uint64_t sum) noexcept {
    const std::uint64_t once = (sum & 0xffff'ffff) + (sum >> 32);
    return static_cast<std::uint32_t>(once + (once >> 32));
}
/// Brings a sum of 64 bits back to 16 bits by adding its carries. Only the sum 0 becomes 0.
constexpr std::uint16_t fold(std::uint64_t sum) noexcept {
    const std::uint32_t half = fold_32(sum);
    const std::uint32_t once = (half & 0xffff) + (half >> 16);
    return static_cast<std::uint16_t>(once + (once >> 16));
}
constexpr std::uint64_t add_with_carry(std::uint64_t sum, std::uint64_t word) noexcept {
    sum += word;
    return sum + (sum < word ? 1 : 0);
}
template <class Word>
constexpr std::uint64_t native(const std::byte* from) noexcept {
    return load<Word, std::endian::native>(from);
}

/// Returns the one's complement sum of the bytes, in the processor's order, not folded. An odd byte at the end counts
/// as if a zero followed it (RFC 1071 §1).
constexpr std::uint64_t sum_of(const std::byte* from, std::size_t size, std::uint64_t sum = 0) noexcept {
    // The carries are counted beside the sum and added at the end: an addition and a carry for each eight bytes.
    std::uint64_t carries = 0;
    const auto add = [&](std::uint64_t word) {
        sum += word;
        carries += sum < word ? 1 : 0;
    };
    while (size >= 32) {
        add(native<std::uint64_t>(from));
        add(native<std::uint64_t>(from + 8));
        add(native<std::uint64_t>(from + 16));
        add(native<std::uint64_t>(from + 24));
        from += 32;
        size -= 32;
    }
    if (size >= 16) {
        add(native<std::uint64_t>(from));
        add(native<std::uint64_t>(from + 8));
        from += 16;
        size -= 16;
    }
    if (size >= 8) {
        add(native<std::uint64_t>(from));
        from += 8;
        size -= 8;
    }
    std::uint64_t rest = carries;  // at most 7 bytes more: three terms, which cannot overflow
    if (size >= 4) {
        rest += native<std::uint32_t>(from);
        from += 4;
        size -= 4;
    }
    if (size >= 2) {
        rest += native<std::uint16_t>(from);
        from += 2;
        size -= 2;
    }
    if (size > 0) rest += wire_order(static_cast<std::uint16_t>(load_8(from) << 8));
    return add_with_carry(sum, rest);
}

}  // namespace detail

// ---- The checksum of the Internet ----------------------------------------------------------------------

/// Adds up the pieces of a packet (RFC 1071). A piece may have an odd number of bytes: the next piece continues in the
/// middle of a 16-bit number. A regular value.
class internet_sum {
  public:
    constexpr internet_sum() noexcept = default;

    /// Adds bytes.
    constexpr internet_sum& add(std::span<const std::byte> piece) noexcept {
        const std::uint64_t sum = detail::sum_of(piece.data(), piece.size());
        sum_ = detail::add_with_carry(sum_, is_odd_ ? detail::swapped(detail::fold(sum)) : sum);
        is_odd_ ^= piece.size() % 2 != 0;
        return *this;
    }
    /// Adds a number of 16 bits, which stands on the wire with the byte of the larger weight first.
    constexpr internet_sum& add(std::uint16_t number) noexcept {
        const std::uint16_t wire = detail::wire_order(number);
        sum_ = detail::add_with_carry(sum_, is_odd_ ? detail::swapped(wire) : wire);
        return *this;
    }
    /// Adds a number of 32 bits.
    constexpr internet_sum& add(std::uint32_t number) noexcept {
        return add(static_cast<std::uint16_t>(number >> 16)).add(static_cast<std::uint16_t>(number));
    }
    /// Adds an address, four bytes.
    constexpr internet_sum& add(ipv4_address address) noexcept { return add(address.to_uint()); }
    /// Adds an address, sixteen bytes. The zone is not sent and not added.
    constexpr internet_sum& add(const ipv6_address& address) noexcept {
        const uint128 value = address.to_uint();
        for (const std::uint64_t half : {value.high, value.low})
            add(static_cast<std::uint32_t>(half >> 32)).add(static_cast<std::uint32_t>(half));
        return *this;
    }

    /// Returns the sum of 16 bits with all carries added. It is 0xffff for a packet whose checksum is right.
    [[nodiscard]] constexpr std::uint16_t sum() const noexcept { return detail::wire_order(detail::fold(sum_)); }
    /// Returns the sum's complement, which a sender puts into the header. The header's own field must have been 0.
    [[nodiscard]] constexpr std::uint16_t checksum() const noexcept { return static_cast<std::uint16_t>(~sum()); }

    /// Compares sums, not the pieces that led to them.
    friend constexpr bool operator==(const internet_sum& a, const internet_sum& b) noexcept {
        return a.sum() == b.sum() && a.is_odd_ == b.is_odd_;
    }

  private:
    std::uint64_t sum_ = 0;  // in the processor's order of bytes
    bool is_odd_ = false;    // the next byte belongs to the lower half of a number
};

/// Returns the checksum of the bytes (RFC 1071). Begin with the pseudo_header() for UDP, TCP and ICMPv6. For bytes that
/// contain a correct checksum the result is 0.
[[nodiscard]] constexpr std::uint16_t internet_checksum(std::span<const std::byte> bytes,
                                                        internet_sum begin = {}) noexcept {
    return begin.add(bytes).checksum();
}

/// Returns the sum of the pseudo-header, which UDP and TCP add in front of their own header. It has the addresses, the
/// protocol, and the length in bytes of header and data (RFC 9293 §3.1, RFC 768).
[[nodiscard]] constexpr internet_sum pseudo_header(ipv4_address source, ipv4_address destination, ip_protocol protocol,
                                                   std::uint32_t length) noexcept {
    return internet_sum{}.add(source).add(destination).add(static_cast<std::uint16_t>(protocol)).add(length);
}
/// Returns the sum for IPv6 (RFC 8200 §8.1). If the packet has a routing header, `destination` is the last address of
/// the route.
[[nodiscard]] constexpr internet_sum pseudo_header(const ipv6_address& source, const ipv6_address& destination,
                                                   ip_protocol protocol, std::uint32_t length) noexcept {
    return internet_sum{}.add(source).add(destination).add(length).add(static_cast<std::uint16_t>(protocol));
}

/// Returns the checksum after a 16- or 32-bit number of the packet changed from `before` to `after` (RFC 1624, equation
/// 3). The number must begin at an even byte. A router that decrements the time to live needs no more than this. UDP's
/// checksum 0 means "no checksum", so do not update it.
template <class Number>
requires(std::same_as<Number, std::uint16_t> || std::same_as<Number, std::uint32_t>)
    [[nodiscard]] constexpr std::uint16_t
    updated_checksum(std::uint16_t checksum, Number before, Number after) noexcept {
    return internet_sum{}
        .add(static_cast<std::uint16_t>(~checksum))
        .add(static_cast<Number>(~before))
        .add(after)
        .checksum();
}

/// Says what a checksum tells about a packet.
enum class checksum_state : std::uint8_t {
    good,
    bad,      ///< the packet was damaged, rewritten without care, or the sender lied
    absent,   ///< UDP over IPv4 without a checksum, or a layer that has none
    partial,  ///< only the pseudo-header is summed: the sending card computes the rest (offload), after the capture
    unknown,  ///< not all summed bytes are there: a fragment, or a frame that was cut short
};

/// Returns the name of the state, for example `good`.
[[nodiscard]] constexpr std::string_view to_string(checksum_state state) noexcept {
    constexpr std::string_view names[]{"good", "bad", "absent", "partial", "unknown"};
    const auto index = static_cast<std::size_t>(state);
    return index < std::size(names) ? names[index] : "unknown";
}

namespace detail {
/// Judges the checksum `field` of a segment that begins with the pseudo-header's sum.
constexpr checksum_state state_of(internet_sum pseudo, std::span<const std::byte> segment,
                                  std::uint16_t field) noexcept {
    if (internet_sum{pseudo}.add(segment).sum() == 0xffff) return checksum_state::good;
    return field == pseudo.sum() ? checksum_state::partial : checksum_state::bad;
}
}  // namespace detail

// ---- The checksum of Ethernet --------------------------------------------------------------------------

namespace detail {
inline constexpr auto crc32_table = [] {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        std::uint32_t value = byte;
        for (int bit = 0; bit < 8; ++bit) value = value >> 1 ^ ((value & 1) != 0 ? 0xedb8'8320 : 0);
        table[byte] = value;
    }
    return table;
}();
}  // namespace detail

/// Returns the CRC-32 of Ethernet, which stands behind the frame with the byte of the smallest weight first (IEEE 802.3
/// §3.2.9). A longer text may be computed piece by piece: `before` is the result for the earlier pieces.
[[nodiscard]] constexpr std::uint32_t crc32(std::span<const std::byte> bytes, std::uint32_t before = 0) noexcept {
    std::uint32_t value = ~before;
    for (const std::byte each : bytes)
        value = value >> 8 ^ detail::crc32_table[(value ^ std::to_integer<std::uint32_t>(each)) & 0xff];
    return ~value;
}

}  // namespace netnotes::packet

#endif  // NETNOTES_PACKET_CHECKSUM_HPP
