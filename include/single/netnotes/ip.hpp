// netnotes 0.2.0, ip.hpp in one file: copy it, include it, and nothing else is needed. Do not edit:
// include/single/generate.cmake made it from include/netnotes/ip.hpp, where it can be read in chapters.
// netnotes/ip/version.hpp: the version, which every chapter includes
// SPDX-License-Identifier: MIT
//
// The test stands outside the include guard on purpose. If one-file headers of two releases meet in one program, the
// compiler reports that here. Otherwise it would report strange errors about classes that are defined twice.

#if __cplusplus < 202002L
#error "netnotes needs C++20: compile with -std=c++20"
#endif

#if defined(NETNOTES_VERSION) && NETNOTES_VERSION != 200
#error "netnotes headers of two versions meet here: take all of them from one release"
#endif

#ifndef NETNOTES_IP_VERSION_HPP
#define NETNOTES_IP_VERSION_HPP

#define NETNOTES_VERSION 200  // major * 10000 + minor * 100 + patch

#endif  // NETNOTES_IP_VERSION_HPP
// netnotes/ip.hpp: addresses, networks, endpoints and ports
// SPDX-License-Identifier: MIT
//
// An IP address is a number that names one network interface: 32 bits for IPv4, 128 bits for IPv6. A network is a range
// of addresses that begin with the same bits. A port is a 16-bit number that selects a socket on a host. An address
// together with a port is an endpoint.
//
//        192.168.1.77           11000000 10101000 00000001 01001101      an address
//        192.168.1.0/24         └──── 24 bits: network ──┘ └ host ┘      its network: all addresses that begin so
//        192.168.1.77:6666                                               an endpoint: the address, and port 6666
//
// This module parses, prints, compares and computes these values. It makes no system call. All of it is constexpr, so
// the compiler checks an address that stands in your source:
//
//        static_assert("192.168.1.0/24"_net.contains("192.168.1.77"_ip));
//        "192.168.1.256"_ip                 // error: octet 4 is 256, above 255, at character 10
//
// A text from a user is parsed while the program runs. The function parse() returns nullopt if the text is wrong; the
// constructor throws an error that names the reason and the place.
//
//        text ──parse──> ipv4_address ─┐                    ┌─> network     address / prefix length
//        text ──parse──> ipv6_address ─┴──> ip_address ─────┤
//                                                           └─> endpoint    address : port
//
// Chapters, lowest first:
//     ip/version.hpp     the version of the library
//     ip/text.hpp        how addresses are read and written, and the errors that say where a text is wrong
//     ip/address.hpp     IPv4 and IPv6 addresses
//     ip/arithmetic.hpp  the addresses before and behind an address, and distances
//     ip/network.hpp     networks: prefixes, netmasks, subnets, ranges
//     ip/interface.hpp   an address together with its network: 192.168.1.77/24
//     ip/special.hpp     ranges that mean something, and the classes A to E
//     ip/number.hpp      numbers in a text from a stranger
//     ip/endpoint.hpp    an address and a port; classes of ports, services
//     ip/keyed_hash.hpp  a hash that nobody can compute without the key
//     ip/tcp_state.hpp   the eleven states of a TCP connection
//
// The notes:     端口 (ports), IP地址 (IP addresses), 子网掩码 (netmasks)
// Examples:      02_ip_addresses, 03_subnet_masks, 04_ports_and_services

#ifndef NETNOTES_IP_HPP
#define NETNOTES_IP_HPP


// netnotes/ip/address.hpp: addresses
// SPDX-License-Identifier: MIT
//
// An IP address is a number; everything else on this page is notation or arithmetic on that number. An IPv4 address has
// 32 bits, an IPv6 address 128:
//
//        192.168.1.77      11000000 10101000 00000001 01001101       four octets, in decimal
//        2001:db8::1       2001 0db8 0000 0000 0000 0000 0000 0001   eight groups, in hexadecimal; "::" is zeros
//
// This chapter asks the operating system nothing. It is values: constexpr throughout, no allocation but in to_string(),
// so a wrong literal does not compile:
//
//        "192.168.1.256"_ip                 // error: octet 4 is 256, above 255, at character 10
//
// Parsing is strict and says what it dislikes, and where; ip/text.hpp tells why.
//
// is_global() and is_global_unicast() need a table: include ip/special.hpp where you ask them.
//
// On this page:  ipv4_address · ipv6_address · ip_address · the literal _ip
// The notes:     IP地址 (IP addresses); example 02

#ifndef NETNOTES_IP_ADDRESS_HPP
#define NETNOTES_IP_ADDRESS_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

// netnotes/ip/text.hpp: how addresses are read and written
// SPDX-License-Identifier: MIT
//
// The machinery under ip.hpp, and a page on two small grammars. Most people never include this file.
//
//        "192.0.2.1"                             <->  0xc0000201                  dotted decimal
//        "2001:db8::1"                           <->  2001:0db8:0:0:0:0:0:1       RFC 4291 §2.2, RFC 5952
//        "::ffff:192.0.2.1"                      <->  ... ffff c000 0201          an IPv4 tail
//        "fe80::1%eth0"                          <->  number and zone             RFC 4007 §11
//
// Reading is strict where the C library is not. inet_aton() takes 192.168.010.1 for 192.168.8.1, because a leading zero
// means octal in C. It takes 10.1 for 10.0.0.1. If a filter and a server read the same text as two addresses, the
// filter is useless (RFC 6943 §3.1.1). Both texts are therefore refused here. A reader stops at the first error and
// names it with its place: "octet 4 is 256, above 255, at character 6".
//
// Writing has one form for each address (RFC 5952 §4): lower case and no leading zeros. The longest run of zero groups,
// the first of equals, becomes "::", but only if it is longer than one group. Equal addresses have equal texts, so a
// text may serve as a key in a log.
//
// A text from a stranger is not printed as it is. It may hold a line's end that forges a line of the log. It may hold
// an escape sequence that controls the terminal. visible() and quoted() write such characters as escape sequences of
// C++.
//
// On this page:  parse_failure, parse_error · visible, quoted · printable, what every value of ip.hpp can do · 128 bits
// ·
//                reading IPv4, IPv6, numbers · writing them
// The notes:     IP地址 (IP addresses); example 02

#ifndef NETNOTES_IP_TEXT_HPP
#define NETNOTES_IP_TEXT_HPP

#include <array>
#include <bit>
#include <charconv>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <version>
#ifdef __cpp_lib_format
#include <format>
#endif

// netnotes/ip/algorithm.hpp: the few algorithms that the chapters need
// SPDX-License-Identifier: MIT
//
// <algorithm> has 14,000 lines, and a program that includes it waits for them in every compilation. The chapters below
// coro.hpp need six of its functions, in the forms that stand here. A chapter that needs more includes <algorithm>.
//
// On this page:  min, max, clamp · copy_n · find_if · sort

#ifndef NETNOTES_IP_ALGORITHM_HPP
#define NETNOTES_IP_ALGORITHM_HPP

#include <cstddef>
#include <cstring>
#include <type_traits>
#include <utility>

// A namespace of its own: the addresses have a base class in detail. For a program that also has `using namespace std`,
// find_if() of addresses would otherwise be two functions that fit equally well, and would not compile.
namespace netnotes::detail::algorithms {

/// Returns the smaller value, and `a` if they are equal.
template <class T>
[[nodiscard]] constexpr const T& min(const T& a, const T& b) {
    return b < a ? b : a;
}
/// Returns the larger value, and `a` if they are equal.
template <class T>
[[nodiscard]] constexpr const T& max(const T& a, const T& b) {
    return a < b ? b : a;
}

/// Returns `value`, or the limit that it passes.
template <class T>
[[nodiscard]] constexpr const T& clamp(const T& value, const T& low, const T& high) {
    return value < low ? low : high < value ? high : value;
}

/// Copies `count` items, and returns the place behind the last copy. The two places must not overlap.
template <class T>
constexpr T* copy_n(const T* from, std::size_t count, T* to) noexcept {
    static_assert(std::is_trivially_copyable_v<T>);
    if (std::is_constant_evaluated()) {
        for (std::size_t i = 0; i < count; ++i) to[i] = from[i];
    } else if (count > 0) {  // memcpy() refuses a null pointer even for no bytes
        std::memcpy(to, from, count * sizeof(T));
    }
    return to + count;
}

/// Returns the first place whose item fulfils the condition, or `last`.
template <class Place, class Condition>
[[nodiscard]] constexpr Place find_if(Place first, Place last, Condition condition) {
    while (first != last && !condition(*first)) ++first;
    return first;
}

/// Sorts `count` items, the smallest first. Heap sort: it takes count · log(count) steps for any input, and no memory.
template <class T>
constexpr void sort(T* items, std::size_t count) {
    // In a heap no parent is smaller than its two children, so the largest item is the first.
    const auto sink = [&](std::size_t parent, std::size_t size) {
        for (std::size_t child; (child = 2 * parent + 1) < size; parent = child) {
            if (child + 1 < size && items[child] < items[child + 1]) ++child;
            if (!(items[parent] < items[child])) return;
            std::swap(items[parent], items[child]);
        }
    };
    for (std::size_t parent = count / 2; parent > 0; --parent) sink(parent - 1, count);
    for (std::size_t size = count; size > 1; --size) {
        std::swap(items[0], items[size - 1]);
        sink(0, size - 1);
    }
}

}  // namespace netnotes::detail::algorithms

namespace netnotes::detail {
using namespace algorithms;  // a lookup by the types of arguments does not follow this
}

#endif  // NETNOTES_IP_ALGORITHM_HPP



namespace netnotes {

// ---- Why a text was refused ----------------------------------------------------------------------------

/// The error in a text and its place. It is cheap to make: only message() composes the sentence.
class parse_failure {
  public:
    constexpr parse_failure() noexcept = default;
    /// In the pattern '#' stands for the item's number, '%' for the offending value, '@' for that value as
    /// a character. The pattern must outlive the failure: here it is always a literal.
    constexpr parse_failure(std::string_view pattern, std::size_t position, std::uint32_t item = 0,
                            std::uint32_t value = 0) noexcept
        : pattern_{pattern}, position_{position}, item_{item}, value_{value} {}

    /// Returns the offending character's place, counted from 0; the text's size if something is missing.
    [[nodiscard]] constexpr std::size_t position() const noexcept { return position_; }
    /// Returns the failure for a longer text, in which this text begins at `offset` characters.
    constexpr void shift(std::ptrdiff_t offset) noexcept { position_ += static_cast<std::size_t>(offset); }
    /// Returns a sentence, for example `octet 4 is 256, above 255, at character 6`.
    [[nodiscard, gnu::cold]] std::string message() const;

  private:
    std::string_view pattern_;
    std::size_t position_ = 0;
    std::uint32_t item_ = 0;
    std::uint32_t value_ = 0;
};

/// Thrown by the constructors that take text. what() quotes the text and gives the failure's message.
class parse_error : public std::invalid_argument {
  public:
    [[gnu::cold]] parse_error(std::string_view kind, std::string_view text, const parse_failure& failure);
    /// Returns the reason and the place of the fault.
    [[nodiscard]] const parse_failure& failure() const noexcept { return failure_; }

  private:
    parse_failure failure_;
};

// ---- A stranger's text ---------------------------------------------------------------------------------

/// Returns the text in a form that is safe for a terminal and a line of a log. Valid UTF-8 stays, except for characters
/// that control the output or cannot be seen. These are the controls, the separators of lines, characters that change
/// the direction of writing, characters without width, and noncharacters. The controls include U+0080 to U+009F; U+009B
/// means ESC [ (ECMA-48 §5.4). These characters become `\n`, `\r`, `\t`, `\u202e` and the like. U+0000 to U+001F,
/// U+007F and each byte that is no UTF-8 (RFC 3629) become `\x1b` and the like. A backslash and a quotation mark stay,
/// so a text that is visible already does not change.
[[nodiscard]] std::string visible(std::string_view text);
/// Returns the text, made visible, in quotation marks. A quotation mark inside becomes `\"` and a backslash two, so
/// that the text cannot pretend to have ended.
[[nodiscard]] std::string quoted(std::string_view text);

/// A number of 128 bits, as two halves: an IPv6 address as a number, or a distance between two. (`unsigned __int128` is
/// not standard C++, and not every compiler has it.) Arithmetic is modulo 2^128, as for the built-in unsigned types. A
/// regular value. No operation throws.
struct uint128 {
    std::uint64_t high = 0;  ///< the 64 bits of the larger weight
    std::uint64_t low = 0;   ///< the 64 bits of the smaller weight

    /// Compares as numbers.
    friend constexpr auto operator<=>(const uint128&, const uint128&) noexcept = default;
    /// Returns the number that has the bits of both, of any, of exactly one, or of none of the operands.
    friend constexpr uint128 operator&(uint128 a, uint128 b) noexcept { return {a.high & b.high, a.low & b.low}; }
    friend constexpr uint128 operator|(uint128 a, uint128 b) noexcept { return {a.high | b.high, a.low | b.low}; }
    friend constexpr uint128 operator^(uint128 a, uint128 b) noexcept { return {a.high ^ b.high, a.low ^ b.low}; }
    friend constexpr uint128 operator~(uint128 a) noexcept { return {~a.high, ~a.low}; }
    /// Returns `a` shifted to the left. `bits` is 0 to 128.
    friend constexpr uint128 operator<<(uint128 a, unsigned bits) noexcept {
        if (bits >= 64) return {bits == 128 ? 0 : a.low << (bits - 64), 0};
        return bits == 0 ? a : uint128{a.high << bits | a.low >> (64 - bits), a.low << bits};
    }
    /// Returns `a` shifted to the right. `bits` is 0 to 128.
    friend constexpr uint128 operator>>(uint128 a, unsigned bits) noexcept {
        if (bits >= 64) return {0, bits == 128 ? 0 : a.high >> (bits - 64)};
        return bits == 0 ? a : uint128{a.high >> bits, a.low >> bits | a.high << (64 - bits)};
    }
    friend constexpr uint128 operator+(uint128 a, uint128 b) noexcept {
        const std::uint64_t sum = a.low + b.low;
        return {a.high + b.high + (sum < a.low ? 1 : 0), sum};
    }
    friend constexpr uint128 operator-(uint128 a, uint128 b) noexcept {
        return {a.high - b.high - (a.low < b.low ? 1 : 0), a.low - b.low};
    }
};

namespace detail {

using netnotes::uint128;

/// A number of `bits` ones at the low end; bits from 0 to 128.
constexpr uint128 ones(unsigned bits) noexcept { return (uint128{0, 1} << bits) - uint128{0, 1}; }
constexpr unsigned bit_width(uint128 value) noexcept {
    return static_cast<unsigned>(value.high != 0 ? 64 + std::bit_width(value.high) : std::bit_width(value.low));
}
constexpr unsigned trailing_zeros(uint128 value) noexcept {
    return static_cast<unsigned>(value.low != 0 ? std::countr_zero(value.low) : 64 + std::countr_zero(value.high));
}

/// An IPv6 zone ("eth0", "2"), kept inside the address. Interface names have at most 15 characters (IFNAMSIZ is 16), so
/// the zone needs no allocation.
struct zone_name {
    std::array<char, 15> text{};
    std::uint8_t size = 0;
    [[nodiscard]] constexpr std::string_view view() const noexcept { return {text.data(), size}; }
    // Compares only the characters that are used. This is faster for the usual empty zone. It also stays constexpr in
    // libstdc++'s debug mode (g++ 12), where comparing the arrays does not.
    friend constexpr bool operator==(const zone_name& a, const zone_name& b) noexcept { return a.view() == b.view(); }
    friend constexpr std::strong_ordering operator<=>(const zone_name& a, const zone_name& b) noexcept {
        return a.view().compare(b.view()) <=> 0;
    }
};

constexpr std::uint64_t mix(std::uint64_t x) noexcept {  // the finaliser of MurmurHash3: every bit reaches every bit
    x = (x ^ (x >> 33)) * 0xff51afd7ed558ccd;
    x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53;
    return x ^ (x >> 33);
}

/// The text functions of every value of this header. A value defines `write`, which writes into a buffer of at least
/// `text_capacity` characters. This class adds the functions that the standard library's types have.
template <class Value>
struct printable {
    /// Returns the canonical text. It is the only function of this header that allocates.
    [[nodiscard]] std::string to_string() const {
        char text[Value::text_capacity];
        return {text, self().write(text)};
    }
    /// Works like std::to_chars: writes to [first, last) without a terminating NUL and returns the end. Returns
    /// errc::value_too_large if the text does not fit. Value::text_capacity characters always suffice.
    constexpr std::to_chars_result to_chars(char* first, char* last) const noexcept {
        if (last - first >= static_cast<std::ptrdiff_t>(Value::text_capacity)) return {self().write(first), {}};
        char text[Value::text_capacity]{};
        const char* const end = self().write(text);
        if (last - first < end - text) return {last, std::errc::value_too_large};
        return {detail::copy_n(text, static_cast<std::size_t>(end - text), first), {}};
    }
    /// Writes the text to a stream, with the stream's width and fill, as for a string.
    template <class Traits>
    friend std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, const Value& value) {
        char text[Value::text_capacity];
        return out << std::basic_string_view<char, Traits>(text, static_cast<std::size_t>(value.write(text) - text));
    }
    friend constexpr auto operator<=>(const printable&, const printable&) noexcept = default;

  private:
    constexpr const Value& self() const noexcept { return static_cast<const Value&>(*this); }
};

template <class Value>
concept text_value = std::is_base_of_v<printable<Value>, Value>;

// ---- Reading -------------------------------------------------------------------------------------------

/// Returns the digit's value, above 9 if the character is no digit.
constexpr unsigned digit_value(char c) noexcept { return static_cast<unsigned char>(c) - unsigned{'0'}; }

/// One table look-up a character instead of three comparisons; 0xff is no digit.
struct hexadecimal_values {
    std::uint8_t of[256]{};  // no std::array: each of its operator[] costs the compiler a call
    constexpr hexadecimal_values() noexcept {
        for (std::uint8_t& value : of) value = 0xff;
        for (unsigned digit = 0; digit < 16; ++digit)
            of[digit < 10 ? '0' + digit : 'a' + digit - 10] = of[digit < 10 ? '0' + digit : 'A' + digit - 10] =
                static_cast<std::uint8_t>(digit);
    }
    constexpr unsigned operator[](unsigned char c) const noexcept { return of[c]; }
};
inline constexpr hexadecimal_values hexadecimal_value;

/// The failure branches are out of line, so that the path through a valid text stays short.
constexpr bool refuse(parse_failure& why, std::string_view pattern, std::ptrdiff_t position, std::uint32_t item = 0,
                      std::uint32_t value = 0) noexcept {
    why = parse_failure{pattern, static_cast<std::size_t>(position), item, value};
    return false;
}
constexpr bool refuse_character(parse_failure& why, const char* first, const char* at) noexcept {
    return refuse(why, "unexpected character @", at - first, 0, static_cast<unsigned char>(*at));
}

/// Reads all of [first, last) as a decimal number up to `limit`, without sign or leading zeros.
constexpr bool read_number(const char* first, const char* last, std::uint32_t limit, std::uint32_t& value,
                           parse_failure& why) noexcept {
    std::uint64_t number = 0;
    if (first == last) return refuse(why, "a number is missing", 0);
    for (const char* p = first; p != last; ++p) {
        if (digit_value(*p) > 9) return refuse_character(why, first, p);
        if (number <= limit) number = number * 10 + digit_value(*p);  // beyond the limit it only has to stay there
    }
    if (*first == '0' && last - first > 1) return refuse(why, "a leading zero", 0);
    if (number > limit) return refuse(why, "the number is above %", 0, 0, limit);
    value = static_cast<std::uint32_t>(number);
    return true;
}

/// Reads all of [first, last) as dotted decimal.
constexpr bool read_ipv4(const char* const first, const char* const last, std::uint32_t& value,
                         parse_failure& why) noexcept {
    std::uint32_t address = 0;
    const char* p = first;
    if (p == last) return refuse(why, "the address is empty", 0);
    for (std::uint32_t octet = 1; octet <= 4; ++octet) {
        if (octet > 1) {
            if (p == last) return refuse(why, "only # of 4 octets", last - first, octet - 1);
            if (*p != '.') return refuse_character(why, first, p);
            ++p;
        }
        const char* const start = p;
        if (p == last || *p == '.') return refuse(why, "octet # is missing", p - first, octet);
        std::uint32_t number = digit_value(*p);
        if (number > 9) return refuse_character(why, first, p);
        for (++p; p != last && digit_value(*p) <= 9; ++p) {
            number = number * 10 + digit_value(*p);
            // Before the number of digits: "0377" is refused because C would read it as octal.
            if (*start == '0') return refuse(why, "octet # has a leading zero", start - first, octet);
            if (p - start == 3) return refuse(why, "octet # has more than three digits", start - first, octet);
        }
        if (number > 255) return refuse(why, "octet # is %, above 255", start - first, octet, number);
        address = address << 8 | number;
    }
    if (p != last) {
        if (*p == '.') return refuse(why, "more than 4 octets", p - first);
        return refuse_character(why, first, p);
    }
    value = address;
    return true;
}

/// Reads all of [first, last) as a zone. It accepts the characters that the name of an interface may hold, except
/// characters that end the zone in `[fe80::1%eth0]:80` or `fe80::%eth0/64`.
constexpr bool read_zone(const char* first, const char* last, zone_name& zone, parse_failure& why) noexcept {
    if (first == last) return refuse(why, "the zone is missing", 0);
    if (last - first > static_cast<std::ptrdiff_t>(zone.text.size()))
        return refuse(why, "a zone of more than 15 characters", 0);
    zone_name read;
    for (const char* p = first; p != last; ++p) {
        if (*p <= ' ' || *p > '~' || *p == '%' || *p == '/' || *p == '[' || *p == ']')
            return refuse_character(why, first, p);
        read.text[read.size++] = *p;
    }
    zone = read;
    return true;
}

/// Reads all of [first, last) as IPv6: groups of hexadecimal digits, perhaps one "::", perhaps an IPv4 tail.
constexpr bool read_ipv6(const char* const first, const char* const last, uint128& value, zone_name& zone,
                         parse_failure& why) noexcept {
    uint128 address;     // the groups read so far, the last group lowest; after "::" only the groups behind it
    uint128 front;       // the groups before "::", already in their place
    unsigned count = 0;  // of all groups
    bool gap = false;    // has "::" been seen?
    const char* p = first;
    if (p == last) return refuse(why, "the address is empty", 0);
    if (*p == ':') {
        if (p + 1 == last || p[1] != ':') return refuse(why, "a single ':' at the start", 0);
        gap = true;
        p += 2;
    }
    while (p != last && *p != '%') {
        if (*p == ':') return refuse(why, "a second '::', or ':::'", p - first);
        if (count == 8) return refuse(why, "more than 8 groups", p - first);
        const char* const start = p;
        unsigned group = 0;
        for (; p != last && hexadecimal_value[static_cast<unsigned char>(*p)] < 16; ++p) {
            if (p - start == 4) return refuse(why, "group # has more than four digits", start - first, count + 1);
            group = group << 4 | hexadecimal_value[static_cast<unsigned char>(*p)];
        }
        if (p != last && *p == '.') {  // what looked like a group is the first octet of an IPv4 tail
            if (count > 6) return refuse(why, "no room for an IPv4 address after # groups", start - first, count);
            const char* tail_end = p;
            while (tail_end != last && *tail_end != '%') ++tail_end;
            std::uint32_t tail = 0;
            if (!read_ipv4(start, tail_end, tail, why)) return why.shift(start - first), false;
            address = address << 32 | uint128{0, tail};
            count += 2;
            p = tail_end;
            break;
        }
        if (p == start) return refuse_character(why, first, p);
        address = address << 16 | uint128{0, group};
        ++count;
        if (p == last || *p == '%') break;
        if (*p != ':') return refuse_character(why, first, p);
        ++p;
        if (p == last || *p == '%') return refuse(why, "a single ':' at the end", p - 1 - first);
        if (*p == ':') {
            if (gap) return refuse(why, "a second '::', or ':::'", p - first);
            gap = true;
            front = address << 16 * (8 - count);
            address = {};
            ++p;
        }
    }
    if (!gap && count < 8) return refuse(why, "only # of 8 groups, and no '::'", p - first, count);
    if (gap && count == 8) return refuse(why, "'::' stands for one group at least, and 8 are there", p - first);
    value = front | address;
    if (p != last) {
        ++p;
        if (!read_zone(p, last, zone, why)) return why.shift(p - first), false;
        // unmapped() would lose the zone without a word.
        if (value.high == 0 && value.low >> 32 == 0xffff)
            return refuse(why, "an IPv4-mapped address has no zone", p - 1 - first);
    }
    return true;
}

// ---- Writing -------------------------------------------------------------------------------------------

/// The texts "0." to "255.". Writing an octet takes one look-up and one four-byte store. So printing an address is some
/// thirty times faster than inet_ntop(), which calls snprintf().
struct octet_texts {
    char of[256][4]{};
    constexpr octet_texts() noexcept {
        for (unsigned octet = 0; octet < 256; ++octet) {
            char* out = of[octet];
            if (octet >= 100) *out++ = static_cast<char>('0' + octet / 100);
            if (octet >= 10) *out++ = static_cast<char>('0' + octet / 10 % 10);
            *out++ = static_cast<char>('0' + octet % 10);
            *out = '.';
        }
    }
};
inline constexpr octet_texts octet_text;

/// Needs room for 16 characters. The last characters may be overwritten without being part of the text.
constexpr char* write_ipv4(char* out, std::uint32_t value) noexcept {
    for (int shift = 24; shift >= 0; shift -= 8) {
        const unsigned octet = value >> shift & 0xff;
        const auto [a, b, c, d] = octet_text.of[octet];  // all four before any store, so that they become one
        out[0] = a, out[1] = b, out[2] = c, out[3] = d;
        out += 2 + (octet >= 10) + (octet >= 100);
    }
    return out - 1;
}

/// Writes the number in decimal; std::to_chars is not constexpr before C++23.
constexpr char* write_number(char* out, std::uint32_t value) noexcept {
    std::array<char, 10> digits{};
    char* first = digits.data() + digits.size();
    do {
        *--first = static_cast<char>('0' + value % 10);
    } while ((value /= 10) != 0);
    return detail::copy_n(first, static_cast<std::size_t>(digits.data() + digits.size() - first), out);
}

inline constexpr std::string_view hexadecimal_digits = "0123456789abcdef";

/// Needs room for 64 characters.
constexpr char* write_ipv6(char* out, uint128 value, const zone_name& zone) noexcept {
    std::array<std::uint16_t, 8> groups{};
    for (unsigned i = 0; i < 4; ++i) {
        groups[i] = static_cast<std::uint16_t>(value.high >> (48 - 16 * i));
        groups[i + 4] = static_cast<std::uint16_t>(value.low >> (48 - 16 * i));
    }
    unsigned gap = 8, zeros = 1;  // where the longest run of zero groups begins, and its length: one is no run
    for (unsigned i = 0; i < 8; ++i) {
        unsigned run = 0;
        while (i + run < 8 && groups[i + run] == 0) ++run;
        if (run > zeros) gap = i, zeros = run;
        i += run;
    }
    // RFC 5952 §5: the IPv4 part of a mapped address is written as IPv4.
    const bool mapped = value.high == 0 && value.low >> 32 == 0xffff;
    for (unsigned i = 0; i < (mapped ? 6u : 8u);) {
        if (i == gap) {
            *out++ = ':';
            if (i == 0) *out++ = ':';
            i += zeros;
            continue;
        }
        const unsigned group = groups[i];
        if (group >= 0x1000) *out++ = hexadecimal_digits[group >> 12];
        if (group >= 0x100) *out++ = hexadecimal_digits[group >> 8 & 0xf];
        if (group >= 0x10) *out++ = hexadecimal_digits[group >> 4 & 0xf];
        *out++ = hexadecimal_digits[group & 0xf];
        if (++i < 8) *out++ = ':';
    }
    if (mapped) out = write_ipv4(out, static_cast<std::uint32_t>(value.low));
    if (zone.size > 0) {
        *out++ = '%';
        out = detail::copy_n(zone.text.data(), zone.size, out);
    }
    return out;
}

}  // namespace detail

namespace detail {
/// A text or a character, for joined(). It refers to the text and does not own it.
class text_part {
  public:
    constexpr text_part() noexcept = default;
    constexpr text_part(std::string_view text) noexcept : text_{text} {}
    constexpr text_part(const char* text) noexcept : text_{text} {}
    text_part(const std::string& text) noexcept : text_{text} {}
    constexpr text_part(char character) noexcept : character_{character}, is_character_{true} {}
    void append_to(std::string& text) const {
        if (is_character_) text += character_;
        text += text_;
    }

  private:
    std::string_view text_{};
    char character_ = '\0';
    bool is_character_ = false;
};
/// Joins texts and characters. It is no template, because each of its hundred calls would make another function. (g++
/// 12 -O3 wrongly warns of an overlapping copy in every "text" + std::string{}: its bug 105651.)
inline std::string joined(const text_part& a, const text_part& b = {}, const text_part& c = {}, const text_part& d = {},
                          const text_part& e = {}, const text_part& f = {}, const text_part& g = {},
                          const text_part& h = {}, const text_part& i = {}) {
    std::string text;
    for (const text_part* const part : {&a, &b, &c, &d, &e, &f, &g, &h, &i}) part->append_to(text);
    return text;
}
}  // namespace detail

inline std::string parse_failure::message() const {
    std::string text;
    for (const char c : pattern_) {
        if (c == '#') {
            text += std::to_string(item_);
        } else if (c == '%') {
            text += std::to_string(value_);
        } else if (c != '@') {
            text += c;
        } else if (value_ > ' ' && value_ <= '~') {
            text += {'\'', static_cast<char>(value_), '\''};
        } else {
            text += {'0', 'x', detail::hexadecimal_digits[value_ >> 4 & 0xf], detail::hexadecimal_digits[value_ & 0xf]};
        }
    }
    return detail::joined(text, ", at character ", std::to_string(position_));
}

namespace detail {

/// Returns true if a reader does not see the character, or if the character changes how others are seen.
constexpr bool is_invisible(char32_t point) noexcept {
    struct range {
        char32_t first, last;
    };
    constexpr range all[]{
        {0x00, 0x1f},     {0x7f, 0x9f},       {0xad, 0xad},       {0x34f, 0x34f},     {0x61c, 0x61c},
        {0x115f, 0x1160}, {0x17b4, 0x17b5},   {0x180b, 0x180f},   {0x200b, 0x200f},   {0x2028, 0x202e},
        {0x2060, 0x206f}, {0x3164, 0x3164},   {0xfdd0, 0xfdef},   {0xfeff, 0xfeff},   {0xffa0, 0xffa0},
        {0xfff0, 0xfffb}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
    };
    for (const range& each : all)
        if (each.first <= point && point <= each.last) return true;
    return (point & 0xfffe) == 0xfffe;
}

/// Reads the character of UTF-8 (RFC 3629) with which the text begins. Returns how many bytes it has, 0 if they are no
/// character: cut off, longer than needed, a surrogate, or above U+10FFFF.
constexpr std::size_t read_utf8(std::string_view text, char32_t& point) noexcept {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned lead = byte(0);
    point = lead;
    if (lead < 0x80) return 1;
    if (lead < 0xc2 || lead > 0xf4) return 0;
    const std::size_t size = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (text.size() < size) return 0;
    point = lead & (0x7fu >> size);
    for (std::size_t i = 1; i < size; ++i) {
        if ((byte(i) & 0xc0) != 0x80) return 0;
        point = point << 6 | (byte(i) & 0x3fu);
    }
    constexpr char32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    return point < least[size] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff) ? 0 : size;
}

inline void append_visible(std::string& to, std::string_view text, bool is_quoted) {
    while (!text.empty()) {
        char32_t point = 0;
        const std::size_t size = read_utf8(text, point);
        const std::string_view bytes = text.substr(0, detail::max<std::size_t>(size, 1));
        text.remove_prefix(bytes.size());
        // A string is appended to in one place: each other place would put its code here once more.
        char escape[10] = {'\\'};
        std::size_t length = 1;
        if (size > 0 && !is_invisible(point)) {
            if (!is_quoted || (point != '"' && point != '\\')) length = 0;
            for (const char byte : bytes) escape[length++] = byte;
        } else if (size == 1 && (point == '\n' || point == '\r' || point == '\t')) {
            escape[length++] = point == '\n' ? 'n' : point == '\r' ? 'r' : 't';
        } else {
            if (size == 0) point = static_cast<unsigned char>(bytes[0]);
            unsigned digits = size < 2 ? 2 : point <= 0xffff ? 4 : 8;
            escape[length++] = digits == 2 ? 'x' : digits == 4 ? 'u' : 'U';
            while (digits-- > 0) escape[length++] = hexadecimal_digits[point >> 4 * digits & 0xf];
        }
        to.append(escape, length);
    }
}

}  // namespace detail

inline std::string visible(std::string_view text) {
    std::string shown;
    shown.reserve(text.size());
    detail::append_visible(shown, text, false);
    return shown;
}
inline std::string quoted(std::string_view text) {
    std::string shown{'"'};
    shown.reserve(text.size() + 2);
    detail::append_visible(shown, text, true);
    return shown += '"';
}

namespace detail {
/// Returns the text in quotation marks, cut if it is long, so that an error fits in a line.
[[gnu::cold]] inline std::string quoted_beginning(std::string_view text) {
    constexpr std::size_t most = 64;
    std::string shown = quoted(text.substr(0, most));
    if (text.size() > most) shown.insert(shown.size() - 1, "...");
    return shown;
}
}  // namespace detail

inline parse_error::parse_error(std::string_view kind, std::string_view text, const parse_failure& failure)
    : std::invalid_argument{detail::joined(detail::quoted_beginning(text), " is no ", kind, ": ", failure.message())},
      failure_{failure} {}

}  // namespace netnotes

#ifdef __cpp_lib_format
template <netnotes::detail::text_value Value>
struct std::formatter<Value, char> : std::formatter<std::string_view, char> {
    auto format(const Value& value, auto& context) const {
        char text[Value::text_capacity];
        const char* const end = value.write(text);
        return std::formatter<std::string_view, char>::format({text, static_cast<std::size_t>(end - text)}, context);
    }
};
#endif

#endif  // NETNOTES_IP_TEXT_HPP


namespace netnotes {

namespace detail {
/// Bytes of a packet or a message: a span, an array, a string, a vector of elements of one byte.
template <class Bytes>
concept wire_bytes = requires(const Bytes& bytes) {
    std::size(bytes);
    static_cast<std::uint8_t>(bytes[0]);
    requires sizeof(bytes[0]) == 1;
};
}  // namespace detail

// ---- IPv4 ----------------------------------------------------------------------------------------------

/// The classes of RFC 791, told by the leading bits: 0…, 10…, 110…; and of RFC 1112 §4: 1110… (multicast), 1111…
/// (reserved).
/// History since 1993, when prefixes of any length replaced them (CIDR, RFC 4632); still taught and asked.
enum class ipv4_class : char { a = 'A', b = 'B', c = 'C', d = 'D', e = 'E' };

/// An IPv4 address (RFC 791): a 32-bit number. It names an *interface*, not a computer (RFC 1122 §3.3.4.1).
class ipv4_address : public detail::printable<ipv4_address> {
  public:
    static constexpr unsigned width = 32;             ///< bits
    static constexpr std::size_t text_capacity = 16;  ///< room that any address's text needs, INET_ADDRSTRLEN

    /// 0.0.0.0
    constexpr ipv4_address() noexcept = default;
    /// Takes the number in host byte order: 0x7f000001 is 127.0.0.1.
    constexpr explicit ipv4_address(std::uint32_t value) noexcept : value_{value} {}
    constexpr ipv4_address(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) noexcept
        : value_{std::uint32_t{a} << 24 | std::uint32_t{b} << 16 | std::uint32_t{c} << 8 | d} {}
    /// Takes four octets in the order in which they are written, which is also the order of the wire.
    constexpr explicit ipv4_address(std::array<std::uint8_t, 4> octets) noexcept
        : ipv4_address{octets[0], octets[1], octets[2], octets[3]} {}
    /// Takes four bytes out of a packet or a message, in the order of the wire: `from_bytes(message.subspan(4, 4))`.
    /// Returns nullopt for another number of bytes.
    template <detail::wire_bytes Bytes>
    static constexpr std::optional<ipv4_address> from_bytes(const Bytes& bytes) noexcept {
        if (std::size(bytes) != 4) return std::nullopt;
        std::array<std::uint8_t, 4> octets{};
        for (std::size_t i = 0; i < octets.size(); ++i) octets[i] = static_cast<std::uint8_t>(bytes[i]);
        return ipv4_address{octets};
    }
    /// Reads dotted decimal: four parts from 0 to 255, without leading zeros. Throws parse_error.
    constexpr explicit ipv4_address(std::string_view text) {
        if (parse_failure why; !detail::read_ipv4(text.data(), text.data() + text.size(), value_, why))
            throw parse_error{"IPv4 address", text, why};
    }
    /// Reads a text like the constructor, but returns nullopt for an unreadable text; `why` then names the error.
    static constexpr std::optional<ipv4_address> parse(std::string_view text, parse_failure& why) noexcept {
        std::uint32_t value{};
        if (!detail::read_ipv4(text.data(), text.data() + text.size(), value, why)) return std::nullopt;
        return ipv4_address{value};
    }
    static constexpr std::optional<ipv4_address> parse(std::string_view text) noexcept {
        parse_failure why;
        return parse(text, why);
    }

    /// Returns 0.0.0.0. A socket bound to it receives at every local address (INADDR_ANY, ip(7)).
    static constexpr ipv4_address any() noexcept { return {}; }
    /// Returns 127.0.0.1, this host.
    static constexpr ipv4_address loopback() noexcept { return {127, 0, 0, 1}; }
    /// Returns 255.255.255.255: every host on this link. No router forwards it (RFC 919 §7).
    static constexpr ipv4_address broadcast() noexcept { return ipv4_address{0xffffffff}; }

    /// Returns the address as a number, the first octet on top (host byte order), or as its four octets.
    [[nodiscard]] constexpr std::uint32_t to_uint() const noexcept { return value_; }
    [[nodiscard]] constexpr std::array<std::uint8_t, 4> to_octets() const noexcept {
        return {octet(24), octet(16), octet(8), octet(0)};
    }
    /// Returns the class that the first bits of the address had before CIDR, A to E: see ip/special.hpp.
    [[nodiscard]] constexpr ipv4_class address_class() const noexcept;

    /// Returns true for 0.0.0.0 (RFC 1122 §3.2.1.3(a)).
    [[nodiscard]] constexpr bool is_unspecified() const noexcept { return value_ == 0; }
    /// Returns true in 127.0.0.0/8, all of it (RFC 1122 §3.2.1.3(g)); the notes leave 127.0.0.0 out.
    [[nodiscard]] constexpr bool is_loopback() const noexcept { return in(0x7f000000, 8); }
    /// Returns true in 10/8, 172.16/12, 192.168/16 (RFC 1918 §3). Other ranges are not global either: see
    /// special_range.
    [[nodiscard]] constexpr bool is_private() const noexcept {
        return in(0x0a000000, 8) || in(0xac100000, 12) || in(0xc0a80000, 16);
    }
    /// Returns true in 169.254/16 (RFC 3927).
    [[nodiscard]] constexpr bool is_link_local() const noexcept { return in(0xa9fe0000, 16); }
    /// Returns true in 224.0.0.0/4, all of it: a group has no host part that could be all ones (RFC 1112 §4).
    [[nodiscard]] constexpr bool is_multicast() const noexcept { return in(0xe0000000, 4); }
    /// Returns true in 240.0.0.0/4 (RFC 1112 §4). 255.255.255.255 lies in it and is the limited broadcast.
    [[nodiscard]] constexpr bool is_reserved() const noexcept { return in(0xf0000000, 4); }
    [[nodiscard]] constexpr bool is_broadcast() const noexcept { return value_ == 0xffffffff; }
    /// Returns true in 192.0.2/24, 198.51.100/24, 203.0.113/24, which are for examples in texts (RFC 5737).
    [[nodiscard]] constexpr bool is_documentation() const noexcept {
        return in(0xc0000200, 24) || in(0xc6336400, 24) || in(0xcb007100, 24);
    }
    /// Returns true in 100.64/10, between a provider and its customers (RFC 6598).
    [[nodiscard]] constexpr bool is_shared() const noexcept { return in(0x64400000, 10); }
    /// Returns true in 198.18/15 (RFC 2544).
    [[nodiscard]] constexpr bool is_benchmarking() const noexcept { return in(0xc6120000, 15); }
    /// Returns true if the address may be reachable from everywhere, by the IANA registry. Returns false for a
    /// multicast group that is local to the link or to an organisation (RFC 5771, RFC 2365).
    [[nodiscard]] constexpr bool is_global() const noexcept;
    /// Returns true if the address is global and belongs to a single host; see ipv6_address::is_global_unicast().
    [[nodiscard]] constexpr bool is_global_unicast() const noexcept;

    /// Returns the name under which DNS keeps the name of this address: `1.2.0.192.in-addr.arpa` (RFC 1035 §3.5).
    [[nodiscard]] std::string reverse_pointer() const;
    /// Returns a well-mixed hash without a secret: a hostile peer can choose colliding addresses.
    [[nodiscard]] constexpr std::uint64_t hash() const noexcept { return detail::mix(value_); }
    /// Writes the text of to_string() to `out`, without a NUL, and returns the place behind its last character. Make
    /// room for text_capacity characters.
    constexpr char* write(char* out) const noexcept { return detail::write_ipv4(out, value_); }

    friend constexpr auto operator<=>(const ipv4_address&, const ipv4_address&) noexcept = default;

  private:
    constexpr std::uint8_t octet(unsigned shift) const noexcept { return static_cast<std::uint8_t>(value_ >> shift); }
    constexpr bool in(std::uint32_t block, unsigned prefix) const noexcept {
        return (value_ ^ block) >> (32 - prefix) == 0;
    }

    std::uint32_t value_ = 0;
};

// ---- IPv6 ----------------------------------------------------------------------------------------------

/// An IPv6 address (RFC 4291) and, where it has one, its zone (RFC 4007): `fe80::1%eth0`. Link-local
/// addresses mean something else on every link, so the zone takes part in comparison.
///
/// ::ffff:192.0.2.1 is an IPv4-mapped address: a dual-stack socket shows its IPv4 peers in this form. The is_…
/// questions look at the IPv4 address inside, because ::ffff:127.0.0.1 must not pass a filter (the fault of
/// CVE-2024-24790). Translators and tunnels put IPv4 addresses into other IPv6 addresses, too. There is_global() and
/// is_global_unicast() look inside, and embedded_ipv4() returns what they see.
class ipv6_address : public detail::printable<ipv6_address> {
  public:
    static constexpr unsigned width = 128;            ///< bits
    static constexpr std::size_t text_capacity = 64;  ///< 45 for the longest address, '%' and 15 for the zone

    /// ::
    constexpr ipv6_address() noexcept = default;
    /// Takes sixteen octets in the order of the wire.
    constexpr explicit ipv6_address(const std::array<std::uint8_t, 16>& octets) noexcept {
        for (unsigned i = 0; i < 8; ++i) {
            value_.high = value_.high << 8 | octets[i];
            value_.low = value_.low << 8 | octets[i + 8];
        }
    }
    /// Takes sixteen bytes out of a packet or a message, in the order of the wire. Returns nullopt for another number
    /// of bytes. The address has no zone.
    template <detail::wire_bytes Bytes>
    static constexpr std::optional<ipv6_address> from_bytes(const Bytes& bytes) noexcept {
        if (std::size(bytes) != 16) return std::nullopt;
        std::array<std::uint8_t, 16> octets{};
        for (std::size_t i = 0; i < octets.size(); ++i) octets[i] = static_cast<std::uint8_t>(bytes[i]);
        return ipv6_address{octets};
    }
    /// Takes the address as a number of 128 bits, without a zone; see to_uint().
    constexpr explicit ipv6_address(uint128 value) noexcept : value_{value} {}
    /// Takes an IPv4 address into its IPv4-mapped form, ::ffff:a.b.c.d (RFC 4291 §2.5.5.2).
    constexpr explicit ipv6_address(ipv4_address address) noexcept
        : value_{0, std::uint64_t{0xffff} << 32 | address.to_uint()} {}
    /// Reads any form of RFC 4291 §2.2, a zone after '%' allowed. Throws parse_error.
    constexpr explicit ipv6_address(std::string_view text) {
        if (parse_failure why; !detail::read_ipv6(text.data(), text.data() + text.size(), value_, zone_, why))
            throw parse_error{"IPv6 address", text, why};
    }
    /// Returns nullopt if the text is not such an address; `why` then has the reason and the place.
    static constexpr std::optional<ipv6_address> parse(std::string_view text, parse_failure& why) noexcept {
        ipv6_address address;
        if (!detail::read_ipv6(text.data(), text.data() + text.size(), address.value_, address.zone_, why))
            return std::nullopt;
        return address;
    }
    static constexpr std::optional<ipv6_address> parse(std::string_view text) noexcept {
        parse_failure why;
        return parse(text, why);
    }

    /// Returns ::. A socket bound to it receives at every local address, of IPv4 too if it is dual-stack (ipv6(7)).
    static constexpr ipv6_address any() noexcept { return {}; }
    /// Returns ::1. Datagrams to it stay on this host.
    static constexpr ipv6_address loopback() noexcept { return ipv6_address{detail::uint128{0, 1}, {}}; }

    /// Returns the address as a number of 128 bits: ::1 is uint128{0, 1}. The zone is not in it.
    [[nodiscard]] constexpr uint128 to_uint() const noexcept { return value_; }
    [[nodiscard]] constexpr std::array<std::uint8_t, 16> to_octets() const noexcept {
        std::array<std::uint8_t, 16> octets{};
        for (unsigned i = 0; i < 8; ++i) {
            octets[i] = static_cast<std::uint8_t>(value_.high >> (56 - 8 * i));
            octets[i + 8] = static_cast<std::uint8_t>(value_.low >> (56 - 8 * i));
        }
        return octets;
    }
    /// Returns the zone, an interface's name or number, or an empty text. It is valid as long as this object.
    [[nodiscard]] constexpr std::string_view zone() const noexcept { return zone_.view(); }
    /// Returns the same address in another zone, or without a zone for "". Throws parse_error for a zone of more than
    /// 15 characters, or for a zone that could not be read back.
    [[nodiscard]] constexpr ipv6_address with_zone(std::string_view zone) const {
        parse_failure why;
        ipv6_address changed{value_, {}};
        if (zone.empty()) return changed;
        if (is_mapped()) throw parse_error{"zone", zone, parse_failure{"an IPv4-mapped address has no zone", 0}};
        if (!detail::read_zone(zone.data(), zone.data() + zone.size(), changed.zone_, why))
            throw parse_error{"zone", zone, why};
        return changed;
    }
    /// Returns the same address in the zone of the interface with this number, or without a zone for 0. An IPv4-mapped
    /// address has no zone and stays as it is.
    [[nodiscard]] ipv6_address with_zone_number(std::uint32_t number) const noexcept {
        ipv6_address changed{value_, {}};
        if (number == 0 || is_mapped()) return changed;
        parse_failure none;  // digits are a zone
        const std::string digits = std::to_string(number);
        static_cast<void>(detail::read_zone(digits.data(), digits.data() + digits.size(), changed.zone_, none));
        return changed;
    }

    /// Returns the IPv4 address inside ::ffff:a.b.c.d, otherwise nullopt.
    [[nodiscard]] constexpr std::optional<ipv4_address> ipv4_mapped() const noexcept {
        if (!is_mapped()) return std::nullopt;
        return ipv4_address{static_cast<std::uint32_t>(value_.low)};
    }
    /// Returns the router's IPv4 address inside a 6to4 address, 2002:a.b.c.d::/48 (RFC 3056 §2).
    [[nodiscard]] constexpr std::optional<ipv4_address> six_to_four() const noexcept {
        if (value_.high >> 48 != 0x2002) return std::nullopt;
        return ipv4_address{static_cast<std::uint32_t>(value_.high >> 16)};
    }
    struct teredo_parts {
        ipv4_address server;
        ipv4_address client;
    };
    /// Returns the server and the client inside a Teredo address, 2001::/32; the client is stored inverted (RFC 4380
    /// §4).
    [[nodiscard]] constexpr std::optional<teredo_parts> teredo() const noexcept {
        if (value_.high >> 32 != 0x20010000) return std::nullopt;
        return teredo_parts{ipv4_address{static_cast<std::uint32_t>(value_.high)},
                            ipv4_address{static_cast<std::uint32_t>(~value_.low)}};
    }

    /// Returns the IPv4 host that a packet to this address may reach, because a translator or a tunnel extracts the
    /// IPv4 address. Returns nullopt if the address has no such form:
    ///
    ///     ::ffff:a.b.c.d        IPv4-mapped                                        RFC 4291 §2.5.5.2
    ///     ::a.b.c.d             IPv4-compatible, deprecated; :: and ::1 are not    RFC 4291 §2.5.5.1
    ///     ::ffff:0:a.b.c.d      IPv4-translated, of the first stateless translator RFC 2765 §2.1
    ///     64:ff9b::a.b.c.d      NAT64, the well-known prefix                       RFC 6052 §2.1
    ///     64:ff9b:1:…:a.b.c.d   NAT64 in one network, read as a prefix of /96      RFC 8215, RFC 6052 §2.2
    ///     2002:a.b.c.d::        6to4, the router                                   RFC 3056 §2
    ///     2001:0:…              Teredo, the client                                 RFC 4380 §4
    ///     …:0:5efe:a.b.c.d      ISATAP under any prefix, also 200:5efe             RFC 5214 §6.1
    ///
    /// A network may use prefixes of its own for NAT64 (RFC 6052 §2.2); no address tells that.
    [[nodiscard]] constexpr std::optional<ipv4_address> embedded_ipv4() const noexcept {
        const auto low = static_cast<std::uint32_t>(value_.low);
        if (is_mapped() || is_compatible() || is_translated() || is_nat64()) return ipv4_address{low};
        if (value_.high >> 16 == 0x0064'ff9b'0001) return ipv4_address{low};
        if (const auto router = six_to_four()) return router;
        if (const auto parts = teredo()) return parts->client;
        // The bits "universal" and "group" of the interface identifier do not count (RFC 4291 §2.5.1).
        if ((value_.low >> 32 & ~std::uint64_t{0x0300'0000}) == 0x5efe && !is_multicast()) return ipv4_address{low};
        return std::nullopt;
    }

    /// Returns true for ::, and for an IPv4 address inside for which ipv4_address::is_unspecified() does.
    [[nodiscard]] constexpr bool is_unspecified() const noexcept {
        return ask(&ipv4_address::is_unspecified, value_ == detail::uint128{});
    }
    [[nodiscard]] constexpr bool is_loopback() const noexcept {
        return ask(&ipv4_address::is_loopback, value_ == detail::uint128{0, 1});
    }
    /// Returns true in fc00::/7, unique local addresses (RFC 4193), which correspond to 10/8 of IPv4.
    [[nodiscard]] constexpr bool is_private() const noexcept { return ask(&ipv4_address::is_private, in(0xfc00, 7)); }
    [[nodiscard]] constexpr bool is_link_local() const noexcept {
        return ask(&ipv4_address::is_link_local, in(0xfe80, 10));
    }
    /// Returns true in fec0::/10, deprecated in 2004 (RFC 3879).
    [[nodiscard]] constexpr bool is_site_local() const noexcept { return in(0xfec0, 10); }
    [[nodiscard]] constexpr bool is_multicast() const noexcept {
        return ask(&ipv4_address::is_multicast, in(0xff00, 8));
    }
    /// Returns true in the blocks that IANA's IPv6 address space registry marks "Reserved by IETF". These are all
    /// blocks but 2000::/3, fc00::/7, fe80::/9 and ff00::/8. (The block 0000::/8 contains ::1. The block fec0::/10 is
    /// reserved, too; see is_site_local().)
    [[nodiscard]] constexpr bool is_reserved() const noexcept {
        return ask(&ipv4_address::is_reserved, !in(0x2000, 3) && !in(0xfc00, 7) && !in(0xfe80, 9) && !in(0xff00, 8));
    }
    /// Returns true in 2001:db8::/32 (RFC 3849) and 3fff::/20 (RFC 9637).
    [[nodiscard]] constexpr bool is_documentation() const noexcept {
        return ask(&ipv4_address::is_documentation, value_.high >> 32 == 0x20010db8 || in(0x3fff, 16, 0, 4));
    }
    /// Returns true in 2001:2::/48 (RFC 5180).
    [[nodiscard]] constexpr bool is_benchmarking() const noexcept {
        return ask(&ipv4_address::is_benchmarking, value_.high >> 16 == 0x200100020000);
    }
    /// Returns true if routers of the whole Internet forward packets to the address, as ipv4_address::is_global() says.
    /// For multicast the scope nibble decides, and only 0xe is global (RFC 4291 §2.7). An address with an IPv4 address
    /// inside is global only if the IPv4 address is global, too; see embedded_ipv4().
    [[nodiscard]] constexpr bool is_global() const noexcept;
    /// Returns true if the address is global and is no group. It must also lie in the part of IPv6 that IANA assigns
    /// (2000::/3) or be a form of IPv4 (mapped, NAT64). Ask this question before connecting to an address from a
    /// stranger. The answer is false for loopback, private, site-local, reserved and deprecated addresses, also inside
    /// other addresses.
    /// Ask it of the endpoint that you then connect to, because a name may resolve differently the second time.
    [[nodiscard]] constexpr bool is_global_unicast() const noexcept;

    /// Returns all eight groups with all their zeros: 2001:0db8:0000:0000:0000:0000:0000:0001.
    [[nodiscard]] std::string exploded() const;
    /// Returns thirty-two hexadecimal digits, the last first, under ip6.arpa (RFC 3596 §2.5).
    [[nodiscard]] std::string reverse_pointer() const;
    [[nodiscard]] constexpr std::uint64_t hash() const noexcept {
        return detail::mix(detail::mix(value_.high) ^ value_.low);
    }
    constexpr char* write(char* out) const noexcept { return detail::write_ipv6(out, value_, zone_); }

    friend constexpr auto operator<=>(const ipv6_address&, const ipv6_address&) noexcept = default;

  private:
    friend class ip_address;
    constexpr ipv6_address(detail::uint128 value, const detail::zone_name& zone) noexcept
        : value_{value}, zone_{zone} {}
    constexpr bool in(std::uint64_t group, unsigned prefix, std::uint64_t next = 0, unsigned more = 0) const noexcept {
        return ((value_.high >> 32) ^ (group << 16 | next)) >> (32 - prefix - more) == 0;
    }
    constexpr bool is_mapped() const noexcept { return value_.high == 0 && value_.low >> 32 == 0xffff; }
    constexpr bool is_compatible() const noexcept {
        return value_.high == 0 && value_.low >> 32 == 0 && value_.low > 1;
    }
    constexpr bool is_translated() const noexcept { return value_.high == 0 && value_.low >> 32 == 0xffff'0000; }
    constexpr bool is_nat64() const noexcept { return value_.high == 0x0064'ff9b'0000'0000 && value_.low >> 32 == 0; }
    // Not by way of ipv4_mapped(): g++ 12 at -O2 takes its optional for uninitialised and warns.
    constexpr bool ask(bool (ipv4_address::*question)() const noexcept, bool answer) const noexcept {
        return is_mapped() ? (ipv4_address{static_cast<std::uint32_t>(value_.low)}.*question)() : answer;
    }

    detail::uint128 value_;
    detail::zone_name zone_;
};

// ---- Either --------------------------------------------------------------------------------------------

/// An IPv4 or an IPv6 address. IPv4 sorts before IPv6; 127.0.0.1 and ::ffff:127.0.0.1 are different values.
class ip_address : public detail::printable<ip_address> {
  public:
    static constexpr std::size_t text_capacity = ipv6_address::text_capacity;

    /// 0.0.0.0
    constexpr ip_address() noexcept = default;
    constexpr ip_address(ipv4_address address) noexcept : value_{0, address.to_uint()} {}
    constexpr ip_address(const ipv6_address& address) noexcept
        : is_v6_{true}, value_{address.value_}, zone_{address.zone_} {}
    /// Reads a text with a colon as IPv6, any other text as IPv4. Throws parse_error.
    constexpr explicit ip_address(std::string_view text)
        : ip_address{text.find(':') == text.npos ? ip_address{ipv4_address{text}} : ip_address{ipv6_address{text}}} {}
    /// Takes four bytes as IPv4 and sixteen as IPv6, in the order of the wire. Returns nullopt for another number of
    /// bytes.
    template <detail::wire_bytes Bytes>
    static constexpr std::optional<ip_address> from_bytes(const Bytes& bytes) noexcept {
        if (std::size(bytes) == 4) return ipv4_address::from_bytes(bytes);
        return ipv6_address::from_bytes(bytes);
    }
    static constexpr std::optional<ip_address> parse(std::string_view text, parse_failure& why) noexcept {
        if (text.find(':') == text.npos) {
            const auto v4 = ipv4_address::parse(text, why);
            return v4 ? std::optional{ip_address{*v4}} : std::nullopt;
        }
        const auto v6 = ipv6_address::parse(text, why);
        return v6 ? std::optional{ip_address{*v6}} : std::nullopt;
    }
    static constexpr std::optional<ip_address> parse(std::string_view text) noexcept {
        parse_failure why;
        return parse(text, why);
    }

    /// Returns the family of the address.
    [[nodiscard]] constexpr bool is_v4() const noexcept { return !is_v6_; }
    [[nodiscard]] constexpr bool is_v6() const noexcept { return is_v6_; }
    /// Returns the number of bits, 32 or 128.
    [[nodiscard]] constexpr unsigned width() const noexcept { return is_v6_ ? 128 : 32; }
    /// Returns the address in its own family. Throws std::logic_error if the address is of the other family.
    [[nodiscard]] constexpr ipv4_address v4() const {
        return is_v6_ ? throw std::logic_error{"v4() of an IPv6 address"} : as_v4();
    }
    [[nodiscard]] constexpr ipv6_address v6() const {
        return is_v6_ ? as_v6() : throw std::logic_error{"v6() of an IPv4 address"};
    }
    /// Returns the IPv4 address inside an IPv4-mapped IPv6 address, and every other address unchanged. Use it to
    /// compare and count the peers of a dual-stack listener.
    [[nodiscard]] constexpr ip_address unmapped() const noexcept {
        const auto mapped = is_v6_ ? as_v6().ipv4_mapped() : std::nullopt;
        return mapped ? ip_address{*mapped} : *this;
    }
    /// Returns the IPv4 address inside an IPv6 address of any of the known forms; see ipv6_address::embedded_ipv4().
    /// Returns nullopt for all others, and for an IPv4 address, which is inside nothing.
    [[nodiscard]] constexpr std::optional<ipv4_address> embedded_ipv4() const noexcept {
        return is_v6_ ? as_v6().embedded_ipv4() : std::nullopt;
    }
    /// Returns the next address, or nullopt beyond the last address. The zone stays.
    [[nodiscard]] constexpr std::optional<ip_address> next() const noexcept {
        if (value_ == detail::ones(width())) return std::nullopt;
        return ip_address{is_v6_, value_ + detail::uint128{0, 1}, zone_};
    }
    /// Returns the previous address, or nullopt before the first address. The zone stays.
    [[nodiscard]] constexpr std::optional<ip_address> previous() const noexcept {
        if (value_ == detail::uint128{}) return std::nullopt;
        return ip_address{is_v6_, value_ - detail::uint128{0, 1}, zone_};
    }

    /// Calls `question` with the ipv4_address or the ipv6_address, and returns its answer.
    constexpr auto visit(auto&& question) const { return is_v6_ ? question(as_v6()) : question(as_v4()); }

    // The questions that both families answer. Their comments stand at ipv4_address and ipv6_address.
    /// Returns what the same function of the address's family returns; so do the functions below.
    // clang-format off
    [[nodiscard]] constexpr bool is_unspecified() const noexcept {
        return is_v6_ ? as_v6().is_unspecified() : as_v4().is_unspecified();
    }
    [[nodiscard]] constexpr bool is_loopback() const noexcept {
        return is_v6_ ? as_v6().is_loopback() : as_v4().is_loopback();
    }
    [[nodiscard]] constexpr bool is_private() const noexcept {
        return is_v6_ ? as_v6().is_private() : as_v4().is_private();
    }
    [[nodiscard]] constexpr bool is_link_local() const noexcept {
        return is_v6_ ? as_v6().is_link_local() : as_v4().is_link_local();
    }
    [[nodiscard]] constexpr bool is_multicast() const noexcept {
        return is_v6_ ? as_v6().is_multicast() : as_v4().is_multicast();
    }
    [[nodiscard]] constexpr bool is_reserved() const noexcept {
        return is_v6_ ? as_v6().is_reserved() : as_v4().is_reserved();
    }
    [[nodiscard]] constexpr bool is_documentation() const noexcept {
        return is_v6_ ? as_v6().is_documentation() : as_v4().is_documentation();
    }
    [[nodiscard]] constexpr bool is_benchmarking() const noexcept {
        return is_v6_ ? as_v6().is_benchmarking() : as_v4().is_benchmarking();
    }
    [[nodiscard]] constexpr bool is_global() const noexcept;
    [[nodiscard]] constexpr bool is_global_unicast() const noexcept;
    [[nodiscard]] std::string reverse_pointer() const {
        return is_v6_ ? as_v6().reverse_pointer() : as_v4().reverse_pointer();
    }
    [[nodiscard]] constexpr std::uint64_t hash() const noexcept { return is_v6_ ? as_v6().hash() : as_v4().hash(); }
    constexpr char* write(char* out) const noexcept { return is_v6_ ? as_v6().write(out) : as_v4().write(out); }
    // clang-format on

    friend constexpr auto operator<=>(const ip_address&, const ip_address&) noexcept = default;

  private:
    friend class network;
    template <class Output>
    friend constexpr Output summarize(ip_address first, const ip_address& last, Output out);
    constexpr ip_address(bool is_v6, detail::uint128 value, const detail::zone_name& zone = {}) noexcept
        : is_v6_{is_v6},
          value_{value},
          zone_{is_v6 && ipv6_address{value, zone}.is_mapped() ? detail::zone_name{} : zone} {}
    constexpr ipv4_address as_v4() const noexcept { return ipv4_address{static_cast<std::uint32_t>(value_.low)}; }
    constexpr ipv6_address as_v6() const noexcept { return ipv6_address{value_, zone_}; }

    bool is_v6_ = false;
    detail::uint128 value_;
    detail::zone_name zone_;
};

// ---- Longer texts --------------------------------------------------------------------------------------

inline std::string ipv4_address::reverse_pointer() const {
    return detail::joined(ipv4_address{octet(0), octet(8), octet(16), octet(24)}.to_string(), ".in-addr.arpa");
}

inline std::string ipv6_address::exploded() const {
    std::string text;
    for (const std::uint8_t octet : to_octets()) {
        if (text.size() % 5 == 4) text += ':';
        text += {detail::hexadecimal_digits[octet >> 4], detail::hexadecimal_digits[octet & 0xf]};
    }
    return zone().empty() ? text : detail::joined(text, '%', zone());
}

inline std::string ipv6_address::reverse_pointer() const {
    const auto octets = to_octets();
    std::string text;
    for (std::size_t i = octets.size(); i-- > 0;)
        text += {detail::hexadecimal_digits[octets[i] & 0xf], '.', detail::hexadecimal_digits[octets[i] >> 4], '.'};
    text += "ip6.arpa";
    return text;
}

/// Needs `using namespace netnotes::literals;`. A wrong text is an error of the compiler.
namespace literals {
/// Returns the address of the text: `"192.0.2.1"_ip`.
consteval ip_address operator""_ip(const char* text, std::size_t size) {
    return ip_address{std::string_view{text, size}};
}
}  // namespace literals

}  // namespace netnotes

template <netnotes::detail::text_value Value>
struct std::hash<Value> {
    constexpr std::size_t operator()(const Value& value) const noexcept {
        return static_cast<std::size_t>(value.hash());
    }
};

#endif  // NETNOTES_IP_ADDRESS_HPP

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

// netnotes/ip/endpoint.hpp: endpoints, ports and services
// SPDX-License-Identifier: MIT
//
// A *port* is a 16-bit number that picks one socket behind an address, separately for TCP and for UDP. Address and port
// together are an *endpoint*:
//
//        192.0.2.1:80        [2001:db8::1]:80        brackets, because IPv6 has colons, too
//
// On this page:  endpoint · parse_port, read_port · host_port, parse_host_port, read_host_port · port_class,
//                classify_port · service, find_service · the literal _endpoint
// The notes:     端口 (ports), 端口分类 (classes of ports); example 04

#ifndef NETNOTES_IP_ENDPOINT_HPP
#define NETNOTES_IP_ENDPOINT_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>




namespace netnotes {

// ---- Endpoints -----------------------------------------------------------------------------------------

namespace detail {
struct write_an_address_and_a_port_in_braces;  // what a compiler shows for a mistake: see tests/package/mistakes.txt
}  // namespace detail

/// An address and a port: where a socket listens, or whom it talks to. The port is in host byte order; it
/// is turned round only where the system's own structure is filled.
class endpoint : public detail::printable<endpoint> {
  public:
    static constexpr std::size_t text_capacity = ip_address::text_capacity + 8;

    /// 0.0.0.0:0
    constexpr endpoint() noexcept = default;
    constexpr endpoint(const ip_address& address, std::uint16_t port) noexcept : address_{address}, port_{port} {}
    constexpr endpoint(ipv4_address address, std::uint16_t port) noexcept : address_{address}, port_{port} {}
    constexpr endpoint(const ipv6_address& address, std::uint16_t port) noexcept : address_{address}, port_{port} {}
    /// Throws parse_error when the text is not an address. (A name is not: see resolve() in socket.hpp.)
    constexpr endpoint(std::string_view address, std::uint16_t port) : address_{address}, port_{port} {}
    template <class Port, class Advice = detail::write_an_address_and_a_port_in_braces>
    requires std::is_arithmetic_v<Port>
    endpoint(Port) = delete;
    /// From `192.0.2.1:80` or `[2001:db8::1]:80`: without brackets, where does the address end? (RFC 3986
    /// §3.2.2.) Throws parse_error.
    constexpr explicit endpoint(std::string_view text) {
        parse_failure why;
        const auto read = parse(text, why);
        if (!read) throw parse_error{"endpoint", text, why};
        *this = *read;
    }
    /// Returns nullopt if the text is no endpoint; `why` then says why.
    static constexpr std::optional<endpoint> parse(std::string_view text, parse_failure& why) noexcept {
        const auto refused = [&](std::string_view pattern, std::size_t position) {
            why = parse_failure{pattern, position};
            return std::nullopt;
        };
        const bool bracketed = text.starts_with('[');
        const std::size_t colon = bracketed ? detail::min(text.find(']'), text.size() - 1) + 1 : text.find(':');
        if (bracketed && text[colon - 1] != ']') return refused("']' is missing", text.size());
        if (colon >= text.size() || text[colon] != ':')
            return refused("':' and a port are missing", detail::min(colon, text.size()));
        if (!bracketed && text.find(':', colon + 1) != text.npos)
            return refused("a second ':'; an IPv6 address needs brackets before a port", text.find(':', colon + 1));
        const std::string_view host = bracketed ? text.substr(1, colon - 2) : text.substr(0, colon);
        ip_address address;
        if (bracketed) {
            const auto v6 = ipv6_address::parse(host, why);
            if (!v6) return why.shift(1), std::nullopt;
            address = *v6;
        } else {
            const auto v4 = ipv4_address::parse(host, why);
            if (!v4) return std::nullopt;
            address = *v4;
        }
        std::uint32_t port = 0;
        if (!detail::read_number(text.data() + colon + 1, text.data() + text.size(), 65535, port, why))
            return why.shift(static_cast<std::ptrdiff_t>(colon + 1)), std::nullopt;
        return endpoint{address, static_cast<std::uint16_t>(port)};
    }
    static constexpr std::optional<endpoint> parse(std::string_view text) noexcept {
        parse_failure why;
        return parse(text, why);
    }

    /// Returns the address, or the port in host byte order.
    [[nodiscard]] constexpr ip_address address() const noexcept { return address_; }
    [[nodiscard]] constexpr std::uint16_t port() const noexcept { return port_; }

    /// Returns a number that is equal for equal endpoints, for std::hash.
    [[nodiscard]] constexpr std::uint64_t hash() const noexcept { return detail::mix(address_.hash() + port_); }
    /// Writes the text of to_string() to `out`, without a NUL, and returns the place behind its last character. Make
    /// room for text_capacity characters.
    constexpr char* write(char* out) const noexcept {
        if (address_.is_v6()) *out++ = '[';
        out = address_.write(out);
        if (address_.is_v6()) *out++ = ']';
        *out++ = ':';
        return detail::write_number(out, port_);
    }
    friend constexpr auto operator<=>(const endpoint&, const endpoint&) noexcept = default;

  private:
    ip_address address_;
    std::uint16_t port_ = 0;
};

// ---- Ports and hosts, as a user types them -------------------------------------------------------------

/// Reads a port: a decimal number from 0 to 65535, without sign, spaces and leading zeros. Returns nullopt if the text
/// is something else; `why` then says why.
constexpr std::optional<std::uint16_t> parse_port(std::string_view text, parse_failure& why) noexcept {
    std::uint32_t port = 0;
    if (!detail::read_number(text.data(), text.data() + text.size(), 65535, port, why)) return std::nullopt;
    return static_cast<std::uint16_t>(port);
}
constexpr std::optional<std::uint16_t> parse_port(std::string_view text) noexcept {
    parse_failure why;
    return parse_port(text, why);
}
/// Does the same for an argument of a program: `read_port(argv[1])`. Throws parse_error, whose what() is for example
/// `"66666" is no port: the number is above 65535, at character 0`.
constexpr std::uint16_t read_port(std::string_view text) {
    parse_failure why;
    const auto port = parse_port(text, why);
    if (!port) throw parse_error{"port", text, why};
    return *port;
}

/// A host and a port, for tcp_stream::connect(), async_connect() and resolve(). The host is a name or an address, and
/// nobody has looked it up yet.
struct host_port {
    std::string host;  ///< without brackets: `example.net`, `192.0.2.1`, `2001:db8::1`
    std::uint16_t port = 0;

    host_port() = default;
    host_port(std::string name_or_address, std::uint16_t its_port) : host{std::move(name_or_address)}, port{its_port} {}
    /// Returns `example.net:80`, with brackets around an IPv6 address.
    [[nodiscard]] std::string to_string() const {
        const bool has_colon = host.find(':') != host.npos;
        return detail::joined(has_colon ? "[" : "", host, has_colon ? "]:" : ":", std::to_string(port));
    }
    friend bool operator==(const host_port&, const host_port&) = default;
};

/// Reads `example.net:80`, `192.0.2.1:80` or `[2001:db8::1]:80`. With a default port the text may end behind the host.
/// Returns nullopt if the text is something else; `why` then says why.
///
/// A host between brackets must be an IPv6 address. Any other host may be a name, so it must not be empty and has no
/// space, control character, '/', '@', '[' or ']'.
inline std::optional<host_port> parse_host_port(std::string_view text, parse_failure& why,
                                                std::optional<std::uint16_t> default_port = std::nullopt) {
    const auto refused = [&](std::string_view pattern, std::size_t at, unsigned char character = 0) {
        why = parse_failure{pattern, at, 0, character};
        return std::nullopt;
    };
    const bool bracketed = text.starts_with('[');
    const std::size_t bracket = text.find(']');
    if (bracketed && bracket == text.npos) return refused("']' is missing", text.size());
    const std::size_t end = detail::min(bracketed ? bracket + 1 : text.find(':'), text.size());
    const std::string_view host = bracketed ? text.substr(1, end - 2) : text.substr(0, end);
    if (bracketed && !ipv6_address::parse(host, why)) return why.shift(1), std::nullopt;
    if (host.empty()) return refused("a host is missing", 0);
    for (std::size_t at = 0; !bracketed && at < end; ++at) {
        const auto c = static_cast<unsigned char>(text[at]);
        if (c <= ' ' || c == 0x7f || c == '/' || c == '@' || c == '[' || c == ']')
            return refused("unexpected character @", at, c);
    }
    if (end == text.size() && default_port) return host_port{std::string{host}, *default_port};
    if (end == text.size() || text[end] != ':') return refused("':' and a port are missing", end);
    if (const std::size_t second = text.find(':', end + 1); !bracketed && second != text.npos)
        return refused("a second ':'; an IPv6 address needs brackets before a port", second);
    const auto port = parse_port(text.substr(end + 1), why);
    if (!port) return why.shift(static_cast<std::ptrdiff_t>(end + 1)), std::nullopt;
    return host_port{std::string{host}, *port};
}
/// Does the same for an argument of a program: `read_host_port(argv[1])`. Throws parse_error.
inline host_port read_host_port(std::string_view text, std::optional<std::uint16_t> default_port = std::nullopt) {
    parse_failure why;
    auto read = parse_host_port(text, why, default_port);
    if (!read) throw parse_error{"host and port", text, why};
    return *std::move(read);
}

// ---- Ports and services --------------------------------------------------------------------------------

/// How IANA divides the ports (RFC 6335 §6): system 0 to 1023, user 1024 to 49151, dynamic from 49152. The ports that a
/// system gives out for port 0 are another range: Linux takes 32768 to 60999 (ip(7)).
enum class port_class { well_known, registered, dynamic };

/// Returns the class of a port.
constexpr port_class classify_port(std::uint16_t port) noexcept {
    return port < 1024 ? port_class::well_known : port < 49152 ? port_class::registered : port_class::dynamic;
}

/// The two protocols that have ports and services in the table below.
enum class transport { tcp, udp };

/// A service and the port that IANA gave it, under its registered name.
struct service {
    std::string_view name;
    std::uint16_t port;
    netnotes::transport transport;
    std::string_view purpose;
};

/// The notes' services, corrected (FTP's control port is 21, not 20), together with further services that are in use
/// today.
inline constexpr std::array<service, 27> services{{
    {"ftp-data", 20, transport::tcp, "the server's source port of active-mode FTP data"},
    {"ftp", 21, transport::tcp, "file transfer, the control connection"},
    {"ssh", 22, transport::tcp, "secure shell and file copy"},
    {"telnet", 23, transport::tcp, "command line without any secrecy"},
    {"smtp", 25, transport::tcp, "mail from server to server"},
    {"domain", 53, transport::tcp, "names to addresses: long answers and zone transfers"},
    {"domain", 53, transport::udp, "names to addresses"},
    {"bootps", 67, transport::udp, "DHCP, the server's side"},
    {"bootpc", 68, transport::udp, "DHCP, the client's side"},
    {"tftp", 69, transport::udp, "trivial file transfer, the request only"},
    {"gopher", 70, transport::tcp, "menus and texts, before the web"},
    {"http", 80, transport::tcp, "web pages"},
    {"pop3", 110, transport::tcp, "fetching mail"},
    {"sunrpc", 111, transport::tcp, "the RPC port mapper"},
    {"nntp", 119, transport::tcp, "news articles"},
    {"ntp", 123, transport::udp, "the time of day"},
    {"imap", 143, transport::tcp, "mailboxes that stay on the server (IMAP4)"},
    {"snmp", 161, transport::udp, "asking and setting network devices"},
    {"https", 443, transport::tcp, "web pages over TLS"},
    {"https", 443, transport::udp, "web pages over QUIC (HTTP/3)"},
    {"submissions", 465, transport::tcp, "handing in mail over TLS"},
    {"router", 520, transport::udp, "RIP: routers tell each other their routes"},
    {"submission", 587, transport::tcp, "handing in mail"},
    {"imaps", 993, transport::tcp, "IMAP over TLS"},
    {"pop3s", 995, transport::tcp, "POP3 over TLS"},
    {"nfs", 2049, transport::tcp, "files of another host as if they were here"},
    {"ircu", 6667, transport::tcp, "internet relay chat; browsers refuse 6665 to 6669, so no HTTP there"},
}};

/// Returns the service with this name or this port, or nullptr if the table does not have it. resolve() in socket.hpp
/// asks the system's own table.
constexpr const service* find_service(std::string_view name, transport protocol) noexcept {
    for (const service& each : services)
        if (each.name == name && each.transport == protocol) return &each;
    return nullptr;
}
constexpr const service* find_service(std::uint16_t port, transport protocol) noexcept {
    for (const service& each : services)
        if (each.port == port && each.transport == protocol) return &each;
    return nullptr;
}

/// Needs `using namespace netnotes::literals;`. A wrong text is an error of the compiler.
namespace literals {
/// Returns the endpoint of the text: `"192.0.2.1:80"_endpoint`.
consteval endpoint operator""_endpoint(const char* text, std::size_t size) {
    return endpoint{std::string_view{text, size}};
}
}  // namespace literals

}  // namespace netnotes

#endif  // NETNOTES_IP_ENDPOINT_HPP

// netnotes/ip/interface.hpp: an address together with its network
// SPDX-License-Identifier: MIT
//
// A host's configuration says both at once: 192.168.1.77/24 is the host's own address, and the network in which its
// neighbours are. The class network keeps the leading bits only, because a network is a set of addresses. This class
// keeps all bits:
//
//        192.168.1.77 / 24
//        address  192.168.1.77              this host
//        network  192.168.1.0/24            the addresses that it reaches without a router
//
//        constexpr ip_interface mine{"192.168.1.77/24"};
//        static_assert(mine.network().contains("192.168.1.20"_ip));
//
// Python calls the same value ipaddress.ip_interface.
//
// On this page:  ip_interface
// The notes:     子网掩码 (netmasks); examples 02 and 03

#ifndef NETNOTES_IP_INTERFACE_HPP
#define NETNOTES_IP_INTERFACE_HPP

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string_view>

// netnotes/ip/network.hpp: networks
// SPDX-License-Identifier: MIT
//
// A *network* is a run of leading bits that its addresses share (the prefix); what remains numbers the hosts inside.
// The netmask is that same prefix length, spelled as an address:
//
//        192.168.1.77 / 24                  11000000 10101000 00000001 | 01001101
//        netmask  255.255.255.0             11111111 11111111 11111111 | 00000000
//        network  192.168.1.0               11000000 10101000 00000001 | 00000000   host part all zeros
//        last     192.168.1.255             11000000 10101000 00000001 | 11111111   ... all ones
//
//        static_assert("192.168.1.0/24"_net.contains("192.168.1.77"_ip));
//
// On this page:  network · ip_range · summarize, collapse, exclude · the literal _net
// The notes:     子网掩码 (netmasks); example 03

#ifndef NETNOTES_IP_NETWORK_HPP
#define NETNOTES_IP_NETWORK_HPP

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>




namespace netnotes {

// ---- Networks ------------------------------------------------------------------------------------------

/// Says how to treat an address with bits outside its prefix, such as 192.168.1.77/24. Refusing it catches typing
/// errors. Clearing the bits gives the network in which the address lies.
enum class host_bits { refused, cleared };

/// Consecutive items, computed one at a time and never stored: the addresses or the subnets of a network.
template <class Item>
class ip_range;

/// An address and a prefix length: the block of all addresses that begin with the same bits (CIDR, RFC 4632).
/// `larger mask` means more ones and so a *smaller* network; the notes say the opposite.
class network : public detail::printable<network> {
  public:
    static constexpr std::size_t text_capacity = ip_address::text_capacity + 4;

    /// Creates 0.0.0.0/0, all of IPv4.
    constexpr network() noexcept = default;
    /// Creates the network of an address and a prefix. Throws std::invalid_argument if the prefix is longer than the
    /// address, or if host bits are set and refused. A zone is dropped: a network is a set of numbers, not a place.
    constexpr network(const ip_address& address, unsigned prefix_length, host_bits rule = host_bits::refused)
        : base_{address.is_v6_, address.value_}, prefix_length_{static_cast<std::uint8_t>(prefix_length)} {
        if (prefix_length > base_.width()) throw std::invalid_argument{"prefix length beyond the width of the address"};
        if (rule == host_bits::refused && (base_.value_ & hosts_mask()) != detail::uint128{})
            throw std::invalid_argument{"bits are set in the host part of the address of a network"};
        base_.value_ = base_.value_ & ~hosts_mask();
    }
    /// Reads `192.0.2.0/24` or `2001:db8::/32`. For IPv4 it also reads a netmask, `192.0.2.0/255.255.255.0`, or a host
    /// mask, `192.0.2.0/0.0.0.255`. An address without a prefix is the network of that address alone. A netmask must
    /// be a run of ones and then zeros. The mask 255.0.255.0 was legal once (RFC 950) and is not now (RFC 4632 §3.1).
    /// Throws parse_error.
    constexpr explicit network(std::string_view text, host_bits rule = host_bits::refused) {
        parse_failure why;
        const auto read = parse(text, rule, why);
        if (!read) throw parse_error{"network", text, why};
        *this = *read;
    }
    /// Returns nullopt for a text that the constructor refuses; `why` then has the reason and the place.
    static constexpr std::optional<network> parse(std::string_view text, host_bits rule, parse_failure& why) noexcept {
        const std::size_t slash = detail::min(text.find('/'), text.size());
        const auto address = ip_address::parse(text.substr(0, slash), why);
        if (!address) return std::nullopt;
        const auto refused = [&](std::string_view pattern, std::size_t position, std::uint32_t value = 0) {
            why = parse_failure{pattern, position, 0, value};
            return std::nullopt;
        };
        if (address->zone_.size > 0) return refused("a network has no zone", text.find('%'));
        std::uint32_t prefix_length = address->width();
        if (slash < text.size()) {
            const std::string_view tail = text.substr(slash + 1);
            if (address->is_v4() && tail.find('.') != tail.npos) {
                const auto mask = ipv4_address::parse(tail, why);
                if (!mask) return why.shift(static_cast<std::ptrdiff_t>(slash + 1)), std::nullopt;
                const std::uint32_t bits = mask->to_uint();
                const int ones = std::countl_one(bits), zeros = std::countl_zero(bits);
                const bool is_netmask = ones + std::countr_zero(bits) >= 32;
                if (!is_netmask && zeros + std::countr_one(bits) != 32)
                    return refused("the mask is not a run of ones and then zeros", slash + 1);
                prefix_length = static_cast<std::uint32_t>(is_netmask ? ones : zeros);
            } else if (!detail::read_number(tail.data(), tail.data() + tail.size(), address->width(), prefix_length,
                                            why)) {
                return why.shift(static_cast<std::ptrdiff_t>(slash + 1)), std::nullopt;
            }
        }
        if (rule == host_bits::refused &&
            (address->value_ & detail::ones(address->width() - prefix_length)) != detail::uint128{})
            return refused("bits are set beyond the first %", 0, prefix_length);
        return network{*address, prefix_length, host_bits::cleared};
    }
    static constexpr std::optional<network> parse(std::string_view text, host_bits rule = host_bits::refused) noexcept {
        parse_failure why;
        return parse(text, rule, why);
    }
    static constexpr std::optional<network> parse(std::string_view text, parse_failure& why) noexcept {
        return parse(text, host_bits::refused, why);
    }

    /// Returns the lowest address: all host bits are zero.
    [[nodiscard]] constexpr ip_address address() const noexcept { return base_; }
    /// Returns how many bits of an address belong to the network.
    [[nodiscard]] constexpr unsigned prefix_length() const noexcept { return prefix_length_; }
    /// Returns how many bits are left for the hosts.
    [[nodiscard]] constexpr unsigned host_width() const noexcept { return base_.width() - prefix_length_; }
    [[nodiscard]] constexpr bool is_v4() const noexcept { return base_.is_v4(); }
    [[nodiscard]] constexpr bool is_v6() const noexcept { return base_.is_v6(); }
    [[nodiscard]] constexpr ip_address netmask() const noexcept {
        return {is_v6(), detail::ones(base_.width()) & ~hosts_mask()};
    }
    [[nodiscard]] constexpr ip_address hostmask() const noexcept { return {is_v6(), hosts_mask()}; }

    /// Returns the lowest or the highest address of the network.
    [[nodiscard]] constexpr ip_address first() const noexcept { return base_; }
    [[nodiscard]] constexpr ip_address last() const noexcept { return {is_v6(), base_.value_ | hosts_mask()}; }
    /// Returns the broadcast address: the last address of an IPv4 network, which reaches all its hosts (RFC 919).
    /// Returns nullopt for a /31 or /32 (RFC 3021) and for IPv6, where multicast does that work.
    [[nodiscard]] constexpr std::optional<ip_address> broadcast() const noexcept {
        return is_v4() && host_width() > 1 ? std::optional{last()} : std::nullopt;
    }
    /// Returns the first address that a host may have. IPv4 keeps the all-zeros address for the network itself. IPv6
    /// keeps it for "any router of this subnet" (RFC 4291 §2.6.1). Links of two hosts (/31 RFC 3021, /127 RFC 6164) use
    /// both addresses.
    [[nodiscard]] constexpr ip_address first_host() const noexcept { return host_width() > 1 ? *base_.next() : base_; }
    [[nodiscard]] constexpr ip_address last_host() const noexcept { return broadcast() ? *last().previous() : last(); }

    /// Returns the number of addresses, 2 to the host_width(). Returns nullopt if 64 bits cannot hold the number.
    [[nodiscard]] constexpr std::optional<std::uint64_t> address_count() const noexcept {
        return host_width() < 64 ? std::optional{std::uint64_t{1} << host_width()} : std::nullopt;
    }
    /// Returns the number of addresses that a host may have: for IPv4 two fewer, except in a /31 or /32.
    [[nodiscard]] constexpr std::optional<std::uint64_t> host_count() const noexcept {
        const std::uint64_t kept = host_width() <= 1 ? 0 : is_v4() ? 2 : 1;
        return address_count() ? std::optional{*address_count() - kept} : std::nullopt;
    }
    /// Returns address_count() in decimal digits, exact for every network: 2^128 has 39 digits.
    [[nodiscard]] std::string address_count_string() const;

    /// Returns true if the address lies in this network, whatever its zone. Returns false for an address of the other
    /// family: ::ffff:192.0.2.1 is not in 192.0.2.0/24, but its unmapped() is.
    [[nodiscard]] constexpr bool contains(const ip_address& address) const noexcept {
        return address.is_v6_ == base_.is_v6_ && (address.value_ & ~hosts_mask()) == base_.value_;
    }
    [[nodiscard]] constexpr bool contains(const network& other) const noexcept {
        return prefix_length_ <= other.prefix_length_ && contains(other.base_);
    }
    /// Returns true if the networks share an address. Then one network contains the other: prefixes nest or are apart.
    [[nodiscard]] constexpr bool overlaps(const network& other) const noexcept {
        return contains(other) || other.contains(*this);
    }

    /// Returns the network with a prefix of `prefix_length` bits around this network. Throws std::invalid_argument for
    /// a longer prefix.
    [[nodiscard]] constexpr network supernet(unsigned prefix_length) const {
        if (prefix_length > prefix_length_)
            throw std::invalid_argument{"the prefix of a supernet is not longer than the network's"};
        return {base_, prefix_length, host_bits::cleared};
    }
    /// Returns the networks with a prefix of `prefix_length` bits inside this network, lowest first, without allocating
    /// memory. Throws std::invalid_argument if the prefix is shorter than the network's, or longer than an address.
    [[nodiscard]] constexpr ip_range<network> subnets(unsigned prefix_length) const;
    /// Returns every address that a host may have, in order.
    [[nodiscard]] constexpr ip_range<ip_address> hosts() const noexcept;
    /// Returns the address at `index`; the first has index 0. Throws std::out_of_range beyond the last, and for a
    /// negative index: last() is the last address.
    template <std::integral Index>
    requires(sizeof(Index) <= sizeof(std::uint64_t)) [[nodiscard]] constexpr ip_address operator[](Index index) const {
        if constexpr (std::is_signed_v<Index>)  // an implicit conversion would turn -1 into 2^64 - 1
            if (index < 0) throw std::out_of_range{"negative index into a network"};
        const auto offset = static_cast<std::uint64_t>(index);
        if (address_count() && offset >= *address_count())
            throw std::out_of_range{"index beyond the last address of the network"};
        return {is_v6(), base_.value_ + detail::uint128{0, offset}};
    }

    /// Returns the address at an index of 128 bits: an IPv6 network may have more than 2^64 addresses. Throws
    /// std::out_of_range beyond the last address.
    [[nodiscard]] constexpr ip_address operator[](uint128 index) const {
        if (index > hosts_mask()) throw std::out_of_range{"index beyond the last address of the network"};
        return {is_v6(), base_.value_ + index};
    }

    /// Returns the prefix length of the smallest IPv4 network that has room for this number of hosts. Returns nullopt
    /// for more than 2^32 - 2 hosts. 1,500 hosts need a /21: the notes' 255.255.0.0 wastes 64,000 addresses.
    static constexpr std::optional<unsigned> prefix_length_for_hosts(std::uint64_t hosts) noexcept {
        for (unsigned prefix_length = 33; prefix_length-- > 0;)
            if (hosts <= *network{ipv4_address{}, prefix_length}.host_count()) return prefix_length;
        return std::nullopt;
    }

    /// Returns a number that is equal for equal networks, for std::hash.
    [[nodiscard]] constexpr std::uint64_t hash() const noexcept { return detail::mix(base_.hash() + prefix_length_); }
    /// Writes the text of to_string() to `out`, without a NUL, and returns the place behind its last character. Make
    /// room for text_capacity characters.
    constexpr char* write(char* out) const noexcept {
        out = base_.write(out);
        *out++ = '/';
        return detail::write_number(out, prefix_length_);
    }

    /// Compares by address; of equal addresses the larger network comes first.
    friend constexpr auto operator<=>(const network&, const network&) noexcept = default;

  private:
    friend class ip_range<network>;
    constexpr detail::uint128 hosts_mask() const noexcept { return detail::ones(host_width()); }

    ip_address base_;
    std::uint8_t prefix_length_ = 0;
};

/// Addresses or networks of one size in order, which are computed one after the other: the result of hosts() and
/// subnets().
template <class Item>
class ip_range {
  public:
    /// Goes through the range. It is a forward iterator; the range need not outlive it. operator* makes its value, so
    /// for C++17 it is an input iterator.
    class iterator {
      public:
        using value_type = Item;
        using difference_type = std::ptrdiff_t;
        using pointer = void;
        using reference = Item;

        constexpr iterator() noexcept = default;
        constexpr Item operator*() const noexcept { return at_; }
        constexpr iterator& operator++() noexcept {
            ended_ = at_ == last_;  // the last address of all has no successor, so the end cannot be "one beyond"
            if (!ended_) at_ = successor(at_);
            return *this;
        }
        constexpr iterator operator++(int) noexcept {
            const iterator before = *this;
            ++*this;
            return before;
        }
        friend constexpr bool operator==(const iterator&, const iterator&) noexcept = default;

      private:
        friend ip_range;
        constexpr iterator(const Item& at, const Item& last, bool ended) noexcept
            : at_{at}, last_{last}, ended_{ended} {}
        Item at_;
        Item last_;
        bool ended_ = true;
    };

    [[nodiscard]] constexpr iterator begin() const noexcept { return {first_, last_, false}; }
    [[nodiscard]] constexpr iterator end() const noexcept { return {last_, last_, true}; }

  private:
    friend class network;
    constexpr ip_range(const Item& first, const Item& last) noexcept : first_{first}, last_{last} {}  // both included
    static constexpr ip_address successor(const ip_address& address) noexcept { return *address.next(); }
    static constexpr network successor(network block) noexcept {
        block.base_ = *block.last().next();
        return block;
    }
    Item first_;
    Item last_;
};

constexpr ip_range<ip_address> network::hosts() const noexcept { return {first_host(), last_host()}; }
constexpr ip_range<network> network::subnets(unsigned prefix_length) const {
    if (prefix_length < prefix_length_)
        throw std::invalid_argument{"the prefix of a subnet is not shorter than the network's"};
    return {network{base_, prefix_length}, network{last(), prefix_length, host_bits::cleared}};
}

/// Writes the fewest networks that together hold exactly the addresses from `first` to `last`, in order, and returns
/// the place behind the last network. There are at most 62 of them for IPv4 and 254 for IPv6. Throws
/// std::invalid_argument if the families or the zones differ, or if last < first. A common zone is dropped, because a
/// network has no zone.
template <class Output>
constexpr Output summarize(ip_address first, const ip_address& last, Output out) {
    if (first.is_v6() != last.is_v6() || first.zone_ != last.zone_ || last < first)
        throw std::invalid_argument{"not a range: last is below first, or of another family or zone"};
    for (;;) {
        // The block that begins here is as large as both its alignment and the rest of the range allow.
        const auto rest = last.value_ - first.value_;
        const unsigned room = rest == detail::ones(128) ? 128 : detail::bit_width(rest + detail::uint128{0, 1}) - 1;
        const unsigned aligned =
            first.value_ == detail::uint128{} ? first.width() : detail::trailing_zeros(first.value_);
        const network block{first, first.width() - detail::min(room, aligned)};
        *out++ = block;
        if (block.last().value_ == last.value_) return out;
        first = *block.last().next();
    }
}

/// Sorts the networks, drops each network that lies in another, and joins pairs that make a whole. Returns the part of
/// the span that holds the result; the rest of the span is unspecified. It is a template because span and sort() take
/// the compiler as long as a whole chapter: only a program that calls it pays for them.
template <class Networks = std::span<network>>
constexpr Networks collapse(std::type_identity_t<Networks> networks) {
    detail::sort(networks.data(), networks.size());
    std::size_t kept = 0;
    for (const network block : networks) {
        if (kept > 0 && networks[kept - 1].contains(block)) continue;
        networks[kept++] = block;
        // The last two may be the halves of a network, which may again be a half, and so on up.
        while (kept > 1 && networks[kept - 1].prefix_length() > 0) {
            const unsigned prefix_length = networks[kept - 1].prefix_length();
            const network whole = networks[kept - 1].supernet(prefix_length - 1);
            if (networks[kept - 2] != network{whole.address(), prefix_length}) break;
            networks[--kept - 1] = whole;
        }
    }
    return networks.first(kept);
}

/// Writes the networks that remain of `outer` without `inner`, from the largest to the smallest, and returns the place
/// behind the last network. There is a network for every bit by which the prefixes differ. Throws std::invalid_argument
/// unless `inner` lies in `outer`.
template <class Output>
constexpr Output exclude(const network& outer, const network& inner, Output out) {
    if (!outer.contains(inner)) throw std::invalid_argument{"the network to exclude is not inside"};
    for (unsigned prefix_length = outer.prefix_length(); prefix_length < inner.prefix_length(); ++prefix_length)
        for (const network half :
             network{inner.address(), prefix_length, host_bits::cleared}.subnets(prefix_length + 1))
            if (!half.contains(inner)) *out++ = half;
    return out;
}

inline std::string network::address_count_string() const {
    std::string digits{"1"};  // the lowest first, doubled once for every host bit
    for (unsigned bit = 0; bit < host_width(); ++bit) {
        int carry = 0;
        for (char& digit : digits) {
            const int doubled = 2 * (digit - '0') + carry;
            digit = static_cast<char>('0' + doubled % 10);
            carry = doubled / 10;
        }
        if (carry > 0) digits += '1';
    }
    for (std::size_t i = 0, last = digits.size() - 1; i < last; ++i, --last) std::swap(digits[i], digits[last]);
    return digits;
}

/// Needs `using namespace netnotes::literals;`. A wrong text is an error of the compiler.
namespace literals {
/// Returns the network of the text: `"192.0.2.0/24"_net`.
consteval network operator""_net(const char* text, std::size_t size) { return network{std::string_view{text, size}}; }
}  // namespace literals

}  // namespace netnotes

#endif  // NETNOTES_IP_NETWORK_HPP


namespace netnotes {

/// An address and the prefix length of the network in which it lies (RFC 4632 §3.1, RFC 4291 §2.3). A regular value: it
/// compares, hashes and prints as `192.168.1.77/24`. All members are safe to call from several threads, and none of
/// them blocks.
class ip_interface : public detail::printable<ip_interface> {
  public:
    /// The longest text in bytes.
    static constexpr std::size_t text_capacity = ip_address::text_capacity + 4;

    /// Makes 0.0.0.0/0.
    constexpr ip_interface() noexcept = default;
    /// Keeps both. The zone of a link-local address stays. Throws std::invalid_argument when the prefix is longer than
    /// the address: 32 bits for IPv4, 128 for IPv6.
    constexpr ip_interface(const ip_address& address, unsigned prefix_length)
        : address_{address}, prefix_length_{static_cast<std::uint8_t>(prefix_length)} {
        if (prefix_length > address.width())
            throw std::invalid_argument{"prefix length beyond the width of the address"};
    }
    /// Reads the texts that network reads: `192.168.1.77/24`, `192.168.1.77/255.255.255.0`, `2001:db8::7/64`. An
    /// address alone has the longest prefix. Throws parse_error, which tells the position of the fault.
    constexpr explicit ip_interface(std::string_view text) {
        parse_failure why;
        const auto read = parse(text, why);
        if (!read) throw parse_error{"interface address", text, why};
        *this = *read;
    }
    /// Reads the same texts. Returns std::nullopt for any other text, and `why` then tells the fault. Never throws.
    static constexpr std::optional<ip_interface> parse(std::string_view text, parse_failure& why) noexcept {
        const std::size_t slash = text.find('/');
        const auto address = ip_address::parse(text.substr(0, slash), why);
        if (!address) return std::nullopt;
        if (slash == text.npos) return ip_interface{*address, address->width()};
        // A network has no zone, so its parser sees the text without one. The same number of characters must stay in
        // front of a fault that it finds.
        const std::size_t zone = text.substr(0, slash).find('%');
        if (zone != text.npos) {
            std::uint32_t prefix_length = 0;
            const std::string_view tail = text.substr(slash + 1);
            if (!detail::read_number(tail.data(), tail.data() + tail.size(), address->width(), prefix_length, why))
                return why.shift(static_cast<std::ptrdiff_t>(slash + 1)), std::nullopt;
            return ip_interface{*address, prefix_length};
        }
        const auto block = netnotes::network::parse(text, host_bits::cleared, why);
        if (!block) return std::nullopt;
        return ip_interface{*address, block->prefix_length()};
    }
    /// Reads the same texts. Returns std::nullopt for any other text.
    static constexpr std::optional<ip_interface> parse(std::string_view text) noexcept {
        parse_failure why;
        return parse(text, why);
    }

    /// Returns the address with all its bits, and with its zone.
    [[nodiscard]] constexpr const ip_address& address() const noexcept { return address_; }
    /// Returns the number of bits that the network's addresses share.
    [[nodiscard]] constexpr unsigned prefix_length() const noexcept { return prefix_length_; }
    /// Returns the network in which the address lies, without a zone.
    [[nodiscard]] constexpr netnotes::network network() const noexcept {
        return {address_, prefix_length_, host_bits::cleared};
    }

    /// Returns the hash value for std::hash.
    [[nodiscard]] constexpr std::uint64_t hash() const noexcept {
        return detail::mix(address_.hash() + prefix_length_);
    }
    /// Writes the text at `out`, which has room for text_capacity bytes. Returns the end of the text.
    constexpr char* write(char* out) const noexcept {
        out = address_.write(out);
        *out++ = '/';
        return detail::write_number(out, prefix_length_);
    }

    /// Compares by address, then by prefix length.
    friend constexpr auto operator<=>(const ip_interface&, const ip_interface&) noexcept = default;

  private:
    ip_address address_;
    std::uint8_t prefix_length_ = 0;
};

}  // namespace netnotes

#endif  // NETNOTES_IP_INTERFACE_HPP

// netnotes/ip/keyed_hash.hpp: a hash that nobody can compute without the key
// SPDX-License-Identifier: MIT
//
// A hash table finds an entry fast because its entries spread over many chains. A stranger who chooses the entries, and
// can compute the hash, chooses entries that share a chain. Each search then walks along all of them:
//
//        hash without a key          hash with a key that the stranger does not know
//        chain 0  a─b─c─d─e─f        chain 0  c
//        chain 1                     chain 1  a─f
//        chain 2                     chain 2  d
//        chain 3                     chain 3  b─e
//
// A server sorts its clients by their addresses, and strangers choose those: a host has 2^64 addresses of its IPv6
// network, and the sender of a datagram can forge any. SipHash is made for such tables (Aumasson and Bernstein, 2012).
// It takes some 20 ns.
//
// On this page:  keyed_hash
// Above it:      socket/random.hpp: a random key; lan/tcp_cookie.hpp: SYN cookies; coro/serve.hpp
// The notes:     tcp半链接攻击; example 35

#ifndef NETNOTES_IP_KEYED_HASH_HPP
#define NETNOTES_IP_KEYED_HASH_HPP

#include <array>
#include <bit>
#include <cstdint>



namespace netnotes {

/// A hash that nobody can compute without the key: SipHash-2-4 (Aumasson and Bernstein, 2012), over numbers of 64 bits.
class keyed_hash {
  public:
    /// A secret of 128 bits; make it random.
    struct key {
        std::uint64_t first = 0;
        std::uint64_t second = 0;
    };
    constexpr explicit keyed_hash(const key& secret) noexcept
        : v_{secret.first ^ 0x736f6d6570736575, secret.second ^ 0x646f72616e646f6d, secret.first ^ 0x6c7967656e657261,
             secret.second ^ 0x7465646279746573} {}

    /// Takes a number into the hash, or the address and the port of an endpoint.
    constexpr keyed_hash& add(std::uint64_t number) noexcept {
        v_[3] ^= number;
        mix();
        mix();
        v_[0] ^= number;
        size_ += 8;
        return *this;
    }
    constexpr keyed_hash& add(const endpoint& end) noexcept {
        if (end.address().is_v4()) return add(std::uint64_t{end.address().v4().to_uint()} << 16 | end.port());
        const auto address = end.address().v6().to_uint();
        return add(address.high).add(address.low).add(end.port());
    }
    /// Returns the hash of the numbers so far.
    [[nodiscard]] constexpr std::uint64_t value() const noexcept {
        keyed_hash end = *this;
        end.add(std::uint64_t{size_ & 0xff} << 56);  // the last block: no rest, and the length
        end.v_[2] ^= 0xff;
        for (unsigned i = 0; i < 4; ++i) end.mix();
        return end.v_[0] ^ end.v_[1] ^ end.v_[2] ^ end.v_[3];
    }

  private:
    constexpr void mix() noexcept {
        v_[0] += v_[1];
        v_[2] += v_[3];
        v_[1] = std::rotl(v_[1], 13) ^ v_[0];
        v_[3] = std::rotl(v_[3], 16) ^ v_[2];
        v_[0] = std::rotl(v_[0], 32);
        v_[2] += v_[1];
        v_[0] += v_[3];
        v_[1] = std::rotl(v_[1], 17) ^ v_[2];
        v_[3] = std::rotl(v_[3], 21) ^ v_[0];
        v_[2] = std::rotl(v_[2], 32);
    }
    std::array<std::uint64_t, 4> v_;
    std::uint32_t size_ = 0;
};

}  // namespace netnotes

#endif  // NETNOTES_IP_KEYED_HASH_HPP


// netnotes/ip/number.hpp: numbers in a text from a stranger
// SPDX-License-Identifier: MIT
//
// A port, the size of a chunk, a length in a header: protocols write numbers as text, and a peer may write anything
// there. The functions of the C library are too friendly for that. strtol(3) skips spaces, takes a sign, stops at the
// first letter without a word, and reads "010" as 8 if it may choose the base. Two programs that read one text as two
// numbers disagree about where a message ends, and an attacker uses that (request smuggling, RFC 9112 §11.2). So these
// functions take the whole text or nothing:
//
//        parse_number<std::uint16_t>("65535")      65535
//        parse_number<std::uint16_t>("65536")      nullopt: the number is above 65535
//        parse_number<unsigned>("+1")              nullopt: unexpected character '+', at character 0
//        parse_number<unsigned>("01")              nullopt: a leading zero, at character 0
//        parse_number<std::size_t>("1aF", 16)      431
//        parse_number<int>("-7")                   -7: only a signed type takes a minus
//
// On this page:  parse_number, read_number
// Beside it:     ip/endpoint.hpp: parse_port
// The notes:     端口 (ports); example 04

#ifndef NETNOTES_IP_NUMBER_HPP
#define NETNOTES_IP_NUMBER_HPP

#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>



namespace netnotes {

namespace detail {
template <class Number>
concept readable_number = std::is_integral_v<Number> && !std::is_same_v<std::remove_cv_t<Number>, bool> &&
    sizeof(Number) <= sizeof(std::uint64_t);
/// Reads a whole text as a number of which the magnitude is at most `most`, or `most_negative` behind a minus.
constexpr bool read_whole_number(std::string_view text, unsigned base, std::uint64_t most, std::uint64_t most_negative,
                                 std::uint64_t& value, parse_failure& why) noexcept;
}  // namespace detail

/// Reads the whole text as a number in that base, 2 to 36. Returns nullopt if the text is something else, or if the
/// type cannot hold the number; `why` then says why. Takes no space and no plus. Takes a minus only for a signed type,
/// and not in front of 0. Takes no leading zero in base 10, where it could mean an octal number. In other bases leading
/// zeros are usual: the chunk "00ff". Digits above 9 are letters of either case, without a prefix such as 0x.
template <detail::readable_number Number>
constexpr std::optional<Number> parse_number(std::string_view text, parse_failure& why, unsigned base = 10) noexcept {
    using unsigned_number = std::make_unsigned_t<Number>;
    constexpr bool is_signed = std::is_signed_v<Number>;
    constexpr std::uint64_t most = static_cast<unsigned_number>(-1) >> (is_signed ? 1 : 0);
    std::uint64_t value = 0;
    if (!detail::read_whole_number(text, base, most, is_signed ? most + 1 : 0, value, why)) return std::nullopt;
    return static_cast<Number>(value);
}
template <detail::readable_number Number>
constexpr std::optional<Number> parse_number(std::string_view text, unsigned base = 10) noexcept {
    parse_failure why;
    return parse_number<Number>(text, why, base);
}
/// Does the same for an argument of a program: `read_number<int>(argv[1])`. Throws parse_error, whose what() is for
/// example `"12x" is no number: unexpected character 'x', at character 2`.
template <detail::readable_number Number>
constexpr Number read_number(std::string_view text, unsigned base = 10) {
    parse_failure why;
    const auto number = parse_number<Number>(text, why, base);
    if (!number) throw parse_error{"number", text, why};
    return *number;
}

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

constexpr bool read_whole_number(std::string_view text, unsigned base, std::uint64_t most, std::uint64_t most_negative,
                                 std::uint64_t& value, parse_failure& why) noexcept {
    const char* const first = text.data();
    const char* const last = first + text.size();
    const bool is_negative = most_negative > 0 && text.starts_with('-');
    const char* const digits = first + (is_negative ? 1 : 0);
    const std::uint64_t limit = is_negative ? most_negative : most;
    if (base < 2 || base > 36) return refuse(why, "base % is not one of 2 to 36", 0, 0, base);
    if (digits == last) return refuse(why, "a number is missing", digits - first);
    std::uint64_t number = 0;
    bool is_above = false;
    for (const char* p = digits; p != last; ++p) {
        unsigned digit = digit_value(*p);
        if (digit > 9) {
            const unsigned letter = (static_cast<unsigned char>(*p) | 0x20u) - unsigned{'a'};
            digit = letter < 26 ? letter + 10 : 36;
        }
        if (digit >= base) return refuse_character(why, first, p);
        is_above = is_above || number > (limit - digit) / base;  // a wrong character is reported first
        if (!is_above) number = number * base + digit;
    }
    if (*digits == '0' && ((base == 10 && last - digits > 1) || (is_negative && number == 0)))
        return refuse(why, is_negative ? "a zero behind the minus" : "a leading zero", digits - first);
    if (is_above && limit > 0xffff'ffff) return refuse(why, "the number is too large", digits - first);
    if (is_above)
        return refuse(why, is_negative ? "the number is below -%" : "the number is above %", digits - first, 0,
                      static_cast<std::uint32_t>(limit));
    value = is_negative ? std::uint64_t{0} - number : number;
    return true;
}

}  // namespace detail

}  // namespace netnotes

#endif  // NETNOTES_IP_NUMBER_HPP

// netnotes/ip/special.hpp: ranges of addresses that mean something
// SPDX-License-Identifier: MIT
//
// Some ranges of addresses have a meaning of their own: loopback, private networks, documentation, NAT64 and others.
// IANA keeps them in two registries, and this chapter has both as tables. Before such ranges there were the classes A
// to E.
//
//        10.0.0.0/8 ── Private-Use, RFC 1918 ── a router may forward it, but not beyond an organisation
//
// On this page:  special_range · find_special_range · is_global, is_global_unicast · ipv4_class_range
// The notes:     A–E类IP地址 (classes), 私有ip (private addresses); example 02

#ifndef NETNOTES_IP_SPECIAL_HPP
#define NETNOTES_IP_SPECIAL_HPP

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>




namespace netnotes {

// ---- Special-purpose ranges ----------------------------------------------------------------------------

/// A row of the IANA IPv4 or IPv6 Special-Purpose Address Registry (RFC 6890, RFC 8190), as of October 2025.
/// Where the registry says "not applicable" (6to4, Teredo, abandoned ranges) the answer here is no.
struct special_range {
    network block;
    std::string_view name;
    std::string_view reference;
    bool source;              ///< may be the source of a packet that crosses a router.
    bool destination;         ///< may be the destination of such a packet.
    bool forwardable;         ///< a router may forward packets to it.
    bool globally_reachable;  ///< packets may cross the borders of an organisation.
    bool reserved;            ///< IP itself requires that every implementation treats it specially
};

namespace detail {
constexpr special_range row(std::string_view block, std::string_view name, std::string_view reference,
                            std::string_view flags) {
    return {network{block},  name,           reference, flags[0] == 'S', flags[1] == 'D', flags[2] == 'F',
            flags[3] == 'G', flags[4] == 'R'};
}
}  // namespace detail

inline constexpr std::array ipv4_special_ranges{
    detail::row("0.0.0.0/8", "This network", "RFC 791 §3.2", "S---R"),
    detail::row("0.0.0.0/32", "This host on this network", "RFC 1122 §3.2.1.3", "S---R"),
    detail::row("10.0.0.0/8", "Private-Use", "RFC 1918", "SDF--"),
    detail::row("100.64.0.0/10", "Shared Address Space", "RFC 6598", "SDF--"),
    detail::row("127.0.0.0/8", "Loopback", "RFC 1122 §3.2.1.3", "----R"),
    detail::row("169.254.0.0/16", "Link Local", "RFC 3927", "SD--R"),
    detail::row("172.16.0.0/12", "Private-Use", "RFC 1918", "SDF--"),
    detail::row("192.0.0.0/24", "IETF Protocol Assignments", "RFC 6890 §2.1", "-----"),
    detail::row("192.0.0.0/29", "IPv4 Service Continuity Prefix", "RFC 7335", "SDF--"),
    detail::row("192.0.0.8/32", "IPv4 dummy address", "RFC 7600", "S----"),
    detail::row("192.0.0.9/32", "Port Control Protocol Anycast", "RFC 7723", "SDFG-"),
    detail::row("192.0.0.10/32", "Traversal Using Relays around NAT Anycast", "RFC 8155", "SDFG-"),
    detail::row("192.0.0.170/32", "NAT64/DNS64 Discovery", "RFC 8880, RFC 7050", "----R"),
    detail::row("192.0.0.171/32", "NAT64/DNS64 Discovery", "RFC 8880, RFC 7050", "----R"),
    detail::row("192.0.2.0/24", "Documentation (TEST-NET-1)", "RFC 5737", "-----"),
    detail::row("192.31.196.0/24", "AS112-v4", "RFC 7535", "SDFG-"),
    detail::row("192.52.193.0/24", "AMT", "RFC 7450", "SDFG-"),
    detail::row("192.88.99.0/24", "Deprecated (6to4 Relay Anycast)", "RFC 7526", "-----"),
    detail::row("192.88.99.2/32", "6a44-relay anycast address", "RFC 6751", "SDF--"),
    detail::row("192.168.0.0/16", "Private-Use", "RFC 1918", "SDF--"),
    detail::row("192.175.48.0/24", "Direct Delegation AS112 Service", "RFC 7534", "SDFG-"),
    detail::row("198.18.0.0/15", "Benchmarking", "RFC 2544", "SDF--"),
    detail::row("198.51.100.0/24", "Documentation (TEST-NET-2)", "RFC 5737", "-----"),
    detail::row("203.0.113.0/24", "Documentation (TEST-NET-3)", "RFC 5737", "-----"),
    detail::row("240.0.0.0/4", "Reserved", "RFC 1112 §4", "----R"),
    detail::row("255.255.255.255/32", "Limited Broadcast", "RFC 8190, RFC 919 §7", "-D--R"),
};

inline constexpr std::array ipv6_special_ranges{
    detail::row("::1/128", "Loopback Address", "RFC 4291", "----R"),
    detail::row("::/128", "Unspecified Address", "RFC 4291", "S---R"),
    detail::row("::ffff:0:0/96", "IPv4-mapped Address", "RFC 4291", "----R"),
    detail::row("64:ff9b::/96", "IPv4-IPv6 Translation", "RFC 6052", "SDFG-"),
    detail::row("64:ff9b:1::/48", "IPv4-IPv6 Translation", "RFC 8215", "SDF--"),
    detail::row("100::/64", "Discard-Only Address Block", "RFC 6666", "SDF--"),
    detail::row("100:0:0:1::/64", "Dummy IPv6 Prefix", "RFC 9780", "S----"),
    detail::row("2001::/23", "IETF Protocol Assignments", "RFC 2928", "-----"),
    detail::row("2001::/32", "TEREDO", "RFC 4380, RFC 8190", "SDF--"),
    detail::row("2001:1::1/128", "Port Control Protocol Anycast", "RFC 7723", "SDFG-"),
    detail::row("2001:1::2/128", "Traversal Using Relays around NAT Anycast", "RFC 8155", "SDFG-"),
    detail::row("2001:1::3/128", "DNS-SD Service Registration Protocol Anycast", "RFC 9665", "SDFG-"),
    detail::row("2001:2::/48", "Benchmarking", "RFC 5180", "SDF--"),
    detail::row("2001:3::/32", "AMT", "RFC 7450", "SDFG-"),
    detail::row("2001:4:112::/48", "AS112-v6", "RFC 7535", "SDFG-"),
    detail::row("2001:10::/28", "Deprecated (previously ORCHID)", "RFC 4843", "-----"),
    detail::row("2001:20::/28", "ORCHIDv2", "RFC 7343", "SDFG-"),
    detail::row("2001:30::/28", "Drone Remote ID Protocol Entity Tags", "RFC 9374", "SDFG-"),
    detail::row("2001:db8::/32", "Documentation", "RFC 3849", "-----"),
    detail::row("2002::/16", "6to4", "RFC 3056", "SDF--"),
    detail::row("2620:4f:8000::/48", "Direct Delegation AS112 Service", "RFC 7534", "SDFG-"),
    detail::row("3fff::/20", "Documentation", "RFC 9637", "-----"),
    detail::row("5f00::/16", "Segment Routing (SRv6) SIDs", "RFC 9602", "SDF--"),
    detail::row("fc00::/7", "Unique-Local", "RFC 4193, RFC 8190", "SDF--"),
    detail::row("fe80::/10", "Link-Local Unicast", "RFC 4291", "SD--R"),
};

namespace detail {
/// The row with the longest prefix that holds the address, or the table's end. (Not a pointer that may be
/// null: for g++ with -fsanitize=undefined a comparison with nullptr is no constant, and is_global() would be none.)
constexpr auto find_row(const auto& table, const ip_address& address) noexcept {
    auto best = table.end();
    for (auto row = table.begin(); row != table.end(); ++row)
        if (row->block.contains(address) &&
            (best == table.end() || row->block.prefix_length() > best->block.prefix_length()))
            best = row;
    return best;
}
}  // namespace detail

/// Returns the row with the longest prefix that contains the address. Returns nullptr if no row does: then the address
/// is ordinary, or multicast.
constexpr const special_range* find_special_range(const ip_address& address) noexcept {
    const auto found = [&](const auto& table) -> const special_range* {
        const auto row = detail::find_row(table, address);
        return row == table.end() ? nullptr : &*row;
    };
    return address.is_v6() ? found(ipv6_special_ranges) : found(ipv4_special_ranges);
}

constexpr bool ipv4_address::is_global() const noexcept {
    if (is_multicast()) return !in(0xe0000000, 24) && !in(0xef000000, 8);
    const auto row = detail::find_row(ipv4_special_ranges, *this);
    return row == ipv4_special_ranges.end() || row->globally_reachable;
}

constexpr bool ipv6_address::is_global() const noexcept {
    if (const auto mapped = ipv4_mapped()) return mapped->is_global();
    if (is_multicast()) return (value_.high >> 48 & 0xf) == 0xe;
    const auto inside = embedded_ipv4();
    if (inside && !inside->is_global()) return false;
    const auto row = detail::find_row(ipv6_special_ranges, *this);
    return row == ipv6_special_ranges.end() || row->globally_reachable;
}
constexpr bool ipv6_address::is_global_unicast() const noexcept {
    if (const auto inside = embedded_ipv4(); inside && !inside->is_global_unicast()) return false;
    return (in(0x2000, 3) || is_mapped() || is_nat64()) && is_global();
}

constexpr bool ipv4_address::is_global_unicast() const noexcept { return is_global() && !is_multicast(); }

constexpr bool ip_address::is_global() const noexcept {
    return is_v6_ ? as_v6().is_global() : as_v4().is_global();
}

constexpr bool ip_address::is_global_unicast() const noexcept {
    return is_v6_ ? as_v6().is_global_unicast() : as_v4().is_global_unicast();
}

// ---- The classes of old --------------------------------------------------------------------------------

/// A line of the notes' table of classes, with corrected numbers. The notes' ranges name *hosts*, leave out networks
/// that the notes then count, and end class C in the wrong binary number.
struct ipv4_class_range {
    ipv4_class letter;
    network block;  ///< all addresses that begin with the class's leading bits
    std::string_view leading_bits;
    unsigned network_octets;          ///< 0 for D and E, which are not divided into networks.
    std::uint32_t networks;           ///< 2^7, 2^14, 2^21
    std::uint32_t hosts_per_network;  ///< without the all-zeros and the all-ones host
};

/// Of the 128 networks of class A, 0 and 127 are special: 126 remain. 128.0, 191.255 and 223.255.255 were
/// reserved once and are ordinary now (RFC 5735 dropped them). A class A network holds 16,777,214 hosts.
inline constexpr std::array<ipv4_class_range, 5> ipv4_class_ranges{{
    {ipv4_class::a, network{"0.0.0.0/1"}, "0", 1, 1u << 7, (1u << 24) - 2},
    {ipv4_class::b, network{"128.0.0.0/2"}, "10", 2, 1u << 14, (1u << 16) - 2},
    {ipv4_class::c, network{"192.0.0.0/3"}, "110", 3, 1u << 21, (1u << 8) - 2},
    {ipv4_class::d, network{"224.0.0.0/4"}, "1110", 0, 0, 0},
    {ipv4_class::e, network{"240.0.0.0/4"}, "1111", 0, 0, 0},
}};

constexpr ipv4_class ipv4_address::address_class() const noexcept {
    return ipv4_class_ranges[static_cast<std::size_t>(detail::min(std::countl_one(value_), 4))].letter;
}

}  // namespace netnotes

#endif  // NETNOTES_IP_SPECIAL_HPP

// netnotes/ip/tcp_state.hpp: the eleven states of a TCP connection
// SPDX-License-Identifier: MIT
//
// Each end of a connection is in one of eleven states (RFC 9293 §3.3.2, figure 5). The states of the two ends need not be
// equal: between them lies the time that a segment is under way.
//
//        CLOSED ──connect()──> SYN-SENT ────────SYN+ACK────────> ESTABLISHED        opening
//        LISTEN ──SYN────────> SYN-RECEIVED ────ACK────────────> ESTABLISHED
//
//        ESTABLISHED ──close()──> FIN-WAIT-1 ──ACK──> FIN-WAIT-2 ──FIN──> TIME-WAIT ──2 MSL──> CLOSED
//                                      └──────FIN───> CLOSING ─────ACK───────┘
//        ESTABLISHED ──FIN──> CLOSE-WAIT ──close()──> LAST-ACK ──ACK──> CLOSED
//
// The kernel tells the state of a socket (tcp/state.hpp), and the TCP of this library's own network has the same states
// (lan/tcp_machine.hpp). So the names stand here, below both.
//
// On this page:  tcp_state
// The notes:     tcp十种状态 (states)

#ifndef NETNOTES_IP_TCP_STATE_HPP
#define NETNOTES_IP_TCP_STATE_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace netnotes {

/// The eleven states (RFC 9293 §3.3.2). The notes count ten, and use the eleventh, CLOSED. The numbers are Linux's,
/// also in /proc/net/tcp.
enum class tcp_state : std::uint8_t {
    established = 1,   ///< Both sides may send.
    syn_sent = 2,      ///< Our connect() has sent a SYN and has no answer yet.
    syn_received = 3,  ///< A SYN was received and answered; the last acknowledgment is missing.
    fin_wait_1 = 4,    ///< We have sent a FIN, and it is not acknowledged.
    fin_wait_2 = 5,    ///< Our FIN is acknowledged; the peer may still send.
    time_wait = 6,     ///< Both sides have closed, and we closed first; old segments must expire.
    closed = 7,        ///< There is no connection: not yet, or no longer.
    close_wait = 8,    ///< The peer has closed, and our program has not yet called close().
    last_ack = 9,      ///< We have closed, too; the last acknowledgment is missing.
    listen = 10,       ///< A listener. Each connection has its own state.
    closing = 11,      ///< Both sides sent a FIN at the same time.
};
/// Returns the state's name as in RFC 9293: "SYN-SENT", "FIN-WAIT-1", "CLOSED". Returns "UNKNOWN" for any other number.
[[nodiscard]] constexpr std::string_view to_string(tcp_state state) noexcept {
    constexpr std::array<std::string_view, 12> names{"UNKNOWN",    "ESTABLISHED", "SYN-SENT",  "SYN-RECEIVED",
                                                     "FIN-WAIT-1", "FIN-WAIT-2",  "TIME-WAIT", "CLOSED",
                                                     "CLOSE-WAIT", "LAST-ACK",    "LISTEN",    "CLOSING"};
    const auto number = static_cast<std::size_t>(state);
    return names[number < names.size() ? number : 0];
}

}  // namespace netnotes

#endif  // NETNOTES_IP_TCP_STATE_HPP




#endif  // NETNOTES_IP_HPP
