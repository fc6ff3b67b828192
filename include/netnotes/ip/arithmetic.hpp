// netnotes/ip/arithmetic.hpp: the addresses before and behind an address
// SPDX-License-Identifier: MIT
//
// An address is a number, so it has neighbours, and two addresses have a distance:
//
//        192.168.1.254 ── + 1 ──> 192.168.1.255 ── + 1 ──> 192.168.2.0
//                      <────────────── - 2 ───────────────
//
//        static_assert("192.168.1.254"_ip + 2 == "192.168.2.0"_ip);
//        static_assert("192.168.2.0"_ip - "192.168.1.254"_ip == 2);
//
// An integer type wraps at its end. An address must not: a loop that passes 255.255.255.255 would go on with 0.0.0.0,
// another host. So a step beyond the first or the last address throws std::out_of_range, as Python's ipaddress raises.
//
// On this page:  + - += -= for ipv4_address, ipv6_address, ip_address
// The notes:     IP地址 (IP addresses); example 02

#ifndef NETNOTES_IP_ARITHMETIC_HPP
#define NETNOTES_IP_ARITHMETIC_HPP

#include <concepts>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <type_traits>

#include "address.hpp"

namespace netnotes {

namespace detail {

template <class Address>
concept address_value =
    std::same_as<Address, ipv4_address> || std::same_as<Address, ipv6_address> || std::same_as<Address, ip_address>;
/// A count of addresses. Not bool and not a character: `address + true` is a slip of the pen.
template <class Count>
concept address_count =
    std::integral<Count> && !std::same_as<Count, bool> && !std::same_as<Count, char> && !std::same_as<Count, wchar_t> &&
    !std::same_as<Count, char8_t> && !std::same_as<Count, char16_t> && !std::same_as<Count, char32_t> &&
    sizeof(Count) <= sizeof(std::uint64_t);

/// The address as a number, and back. The zone of an IPv6 address stays.
constexpr uint128 number_of(ipv4_address address) noexcept { return {0, address.to_uint()}; }
constexpr uint128 number_of(const ipv6_address& address) noexcept { return address.to_uint(); }
constexpr uint128 number_of(const ip_address& address) noexcept {
    return address.is_v4() ? number_of(address.v4()) : number_of(address.v6());
}
constexpr ipv4_address with_number(ipv4_address, uint128 number) noexcept {
    return ipv4_address{static_cast<std::uint32_t>(number.low)};
}
constexpr ipv6_address with_number(const ipv6_address& like, uint128 number) {
    const ipv6_address moved{number};
    return like.zone().empty() || moved.ipv4_mapped() ? moved : moved.with_zone(like.zone());
}
constexpr ip_address with_number(const ip_address& like, uint128 number) {
    if (like.is_v4()) return with_number(like.v4(), number);
    return with_number(like.v6(), number);
}
constexpr unsigned width_of(ipv4_address) noexcept { return ipv4_address::width; }
constexpr unsigned width_of(const ipv6_address&) noexcept { return ipv6_address::width; }
constexpr unsigned width_of(const ip_address& address) noexcept { return address.width(); }

/// Returns the address `count` steps up, or down. Throws std::out_of_range beyond the ends.
template <class Address>
constexpr Address moved(const Address& from, bool is_up, uint128 count) {
    const uint128 number = number_of(from);
    const uint128 room = is_up ? ones(width_of(from)) - number : number;
    if (count > room)
        throw std::out_of_range{is_up ? "a step beyond the last address" : "a step below the first address"};
    return with_number(from, is_up ? number + count : number - count);
}
template <class Count>
constexpr uint128 magnitude(Count count) noexcept {
    const auto bits = static_cast<std::uint64_t>(count);  // of a negative number: modulo 2^64
    return {0, count < 0 ? std::uint64_t{0} - bits : bits};
}
template <class Count>
constexpr bool is_negative(Count count) noexcept {
    if constexpr (std::is_signed_v<Count>) return count < 0;
    return false;
}

}  // namespace detail

/// Returns the address that lies `count` addresses higher; a negative count goes down. The zone of an IPv6 address
/// stays, except in an IPv4-mapped address, which has none. Throws std::out_of_range beyond the first and the last
/// address.
template <detail::address_value Address, detail::address_count Count>
[[nodiscard]] constexpr Address operator+(const Address& address, Count count) {
    return detail::moved(address, !detail::is_negative(count), detail::magnitude(count));
}
/// Returns the address that lies `count` addresses lower; a negative count goes up. Throws as operator+.
template <detail::address_value Address, detail::address_count Count>
[[nodiscard]] constexpr Address operator-(const Address& address, Count count) {
    return detail::moved(address, detail::is_negative(count), detail::magnitude(count));
}
/// Returns the IPv6 address that lies `count` addresses higher; see operator+ above. For steps of more than 64 bits.
[[nodiscard]] constexpr ipv6_address operator+(const ipv6_address& address, uint128 count) {
    return detail::moved(address, true, count);
}
/// Returns the IPv6 address that lies `count` addresses lower; see operator+ above.
[[nodiscard]] constexpr ipv6_address operator-(const ipv6_address& address, uint128 count) {
    return detail::moved(address, false, count);
}

/// Moves the address up by `count`. Returns the address. Throws as operator+, and the address is then as before.
template <detail::address_value Address, detail::address_count Count>
constexpr Address& operator+=(Address& address, Count count) {
    return address = address + count;
}
/// Moves the address down by `count`. Returns the address. Throws as operator-, and the address is then as before.
template <detail::address_value Address, detail::address_count Count>
constexpr Address& operator-=(Address& address, Count count) {
    return address = address - count;
}

/// Returns how far `to` lies above `from`; negative when it lies below. Never throws for two IPv4 addresses.
/// Throws std::invalid_argument for addresses of two families or of two zones, which have no distance. Throws
/// std::out_of_range for a distance that 64 bits cannot hold: `to.to_uint() - from.to_uint()` has 128 bits.
template <detail::address_value Address>
[[nodiscard]] constexpr std::int64_t operator-(const Address& to, const Address& from) {
    if constexpr (std::same_as<Address, ip_address>)
        if (to.is_v4() != from.is_v4()) throw std::invalid_argument{"no distance between an IPv4 and an IPv6 address"};
    if (detail::with_number(to, {}) != detail::with_number(from, {}))
        throw std::invalid_argument{"no distance between addresses in different zones"};
    const bool is_above = to >= from;
    const uint128 distance =
        is_above ? detail::number_of(to) - detail::number_of(from) : detail::number_of(from) - detail::number_of(to);
    constexpr auto largest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (distance.high != 0 || distance.low > largest + (is_above ? 0 : 1))
        throw std::out_of_range{"the distance between the addresses has more than 64 bits"};
    return static_cast<std::int64_t>(is_above ? distance.low : std::uint64_t{0} - distance.low);
}

}  // namespace netnotes

#endif  // NETNOTES_IP_ARITHMETIC_HPP
