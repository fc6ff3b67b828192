// netnotes 0.2.0, socket.hpp in one file: copy it, include it, and nothing else is needed. Do not edit:
// include/single/generate.cmake made it from include/netnotes/socket.hpp, where it can be read in chapters.
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
// netnotes/socket.hpp: sockets, their names, and how a wait is stopped
// SPDX-License-Identifier: MIT
//
// A socket is one end of a communication. The kernel holds the socket, and the program holds a small number that stands
// for it: the descriptor. Two programs communicate by sockets in this order:
//
//        server                                     client
//          socket, bind, listen                       socket
//          accept() <───────── handshake ──────────── connect
//            └─> a new socket  <────── bytes ───────> send_all, recv
//          close                                      close
//
//        net::socket listener{net::address_family::inet, net::socket_type::stream};     // namespace net = netnotes
//        listener.bind(net::endpoint{net::ipv4_address::any(), 6666});
//        listener.listen();
//        auto [client, peer] = listener.accept();
//        client.send_all("hello\r\n");
//
// The class socket closes its descriptor exactly once. It also handles what programs often get wrong:
//
//    a signal interrupts a call      the call continues, and waits for the rest of its time
//    the peer has closed             a send fails with an error; the signal SIGPIPE does not end the process
//    a timeout                       becomes a point in time, so a peer that sends slowly cannot extend it
//    an error                        names the call and the address: "bind 0.0.0.0:80: Permission denied"
//
// Most programs use tcp.hpp or udp.hpp, which build on this module.
//
// Chapters, lowest first:
//     socket/stop.hpp         asking a program to stop: a request that wakes every wait, Ctrl-C and SIGTERM
//     socket/time.hpp         how long a call waits
//     socket/buffer.hpp       room to receive into, bytes to send
//     socket/address.hpp      the names of sockets
//     socket/interfaces.hpp   the network interfaces of this machine, with their addresses
//     socket/options.hpp      options as types
//     socket/wait.hpp         when a call cannot go on: which errors mean "later", and one poll(2)
//     socket/file.hpp         files that a socket sends
//     socket/whole_file.hpp   a file that is whole or not there
//     socket/random.hpp       a key that nobody guesses
//     socket/resolve.hpp      the names of hosts, within a time limit
//     socket/handle.hpp       an open socket: its descriptor, its options, its endpoints, how long its calls wait
//     socket/message.hpp      what travels beside the bytes of a datagram
//     socket/socket.hpp       the socket, with a table from Python and C to netnotes
//     socket/descriptors.hpp  descriptors that travel over a Unix socket, and the user at its other end
//     socket/stale.hpp        the file that a Unix socket leaves behind
//     socket/iostream.hpp     a connection as a std::iostream, as Python's makefile()
//
// The notes:     网络编程, socket, Socket 对象(内建)方法 (sockets and their methods)
// Examples:      01_first_socket, 05_socket_methods

#ifndef NETNOTES_SOCKET_HPP
#define NETNOTES_SOCKET_HPP


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

// netnotes/socket/address.hpp: the names of sockets
// SPDX-License-Identifier: MIT
//
// A socket's name depends on its family. TCP and UDP use an address and a port. A conversation inside one machine uses
// a path in the file system. The kernel takes every name as a `sockaddr`, a structure whose first field tells its real
// type. This header converts our values to that structure and back. Only this header deals with byte order, structure
// sizes and interface numbers.
//
//        endpoint 192.0.2.1:80  ──┐                        ┌──> sockaddr_in    bytes on the wire: 00 50 c0 00 02 01
//        endpoint [fe80::1%2]:80 ─┼──> socket_address ─────┼──> sockaddr_in6   port, address, and the 2 beside it
//        unix_endpoint "/run/x"  ─┘                        └──> sockaddr_un
//
// On this page:  unix_endpoint · socket_address
// Above it:      socket/resolve.hpp, the names of hosts
// The notes:     socket, Python创建socket (families), socket 简单服务器 (gethostname); examples 01 and 10

#ifndef NETNOTES_SOCKET_ADDRESS_HPP
#define NETNOTES_SOCKET_ADDRESS_HPP

#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>




namespace netnotes {

namespace detail {
struct write_net_endpoint_or_net_unix_endpoint_around_the_text;  // see tests/package/mistakes.txt
}

// ---- Names of sockets ----------------------------------------------------------------------------------

/// The family of a socket's addresses (socket(2)).
enum class address_family : int { unspecified = AF_UNSPEC, inet = AF_INET, inet6 = AF_INET6, local = AF_UNIX };

/// How a socket moves its bytes (socket(2)).
enum class socket_type : int {
    stream = SOCK_STREAM,               ///< a connection, bytes in order without borders: TCP.
    datagram = SOCK_DGRAM,              ///< no connection, single messages: UDP.
    sequenced_packet = SOCK_SEQPACKET,  ///< a connection that keeps the messages' borders; AF_UNIX has it
    raw = SOCK_RAW,                     ///< whole packets of a protocol below the ports: ICMP. For root (raw(7))
};

/// The name of a socket for conversations inside one machine (unix(7)). It is a path in the file system, a name in the
/// kernel's *abstract* namespace (Linux), or empty. An abstract name needs no file and vanishes with its socket.
class unix_endpoint {
  public:
    static constexpr std::size_t max_size = sizeof(sockaddr_un::sun_path);  ///< 108 bytes; abstract, one fewer

    /// Creates an empty name, as a client without bind() has.
    unix_endpoint() noexcept = default;
    /// Takes a path. Throws std::invalid_argument if it is empty, holds a NUL, or is longer than max_size.
    explicit unix_endpoint(std::string_view path) : unix_endpoint{path, kind::path} {
        if (path.empty() || path.find('\0') != path.npos)
            throw std::invalid_argument{"a socket's path is empty or contains a NUL"};
    }
    /// Returns an abstract name of any bytes. Throws std::invalid_argument if it is longer than max_size.
    static unix_endpoint abstract(std::string_view name) { return {name, kind::abstract}; }

    /// Returns the path, or the bytes of an abstract name; empty for an unnamed endpoint.
    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    /// Returns true if the name is abstract: it lies in the kernel, and there is no file of this name.
    [[nodiscard]] bool is_abstract() const noexcept { return is_abstract_; }
    /// Returns true for a socket that was never bound, for example a client.
    [[nodiscard]] bool is_unnamed() const noexcept { return name_.empty() && !is_abstract_; }
    /// Returns the path, `@name` for an abstract name (as ss(8) does), or `(unnamed)`, for a terminal or a log. A peer
    /// chooses its name, so the text is visible(): a line feed in the name is `\n`. name() has the bytes themselves.
    [[nodiscard]] std::string to_string() const {
        return is_unnamed() ? "(unnamed)" : visible(is_abstract_ ? detail::joined('@', name_) : name_);
    }
    friend bool operator==(const unix_endpoint&, const unix_endpoint&) = default;
    /// Writes to_string().
    template <class Traits>
    friend std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out,
                                                        const unix_endpoint& name) {
        const std::string text = name.to_string();
        return out << std::basic_string_view<char, Traits>(text.data(), text.size());
    }

  private:
    enum class kind : bool { path, abstract };  // no bool: {"127.0.0.1", 80} must not fit
    unix_endpoint(std::string_view name, kind what) : name_{name}, is_abstract_{what == kind::abstract} {
        if (name.size() + is_abstract_ > max_size)
            throw std::invalid_argument{"a Unix socket's name has at most " + std::to_string(max_size) + " bytes"};
    }
    std::string name_;
    bool is_abstract_ = false;
};

/// The address of a socket of any family, which the kernel calls a sockaddr. It hides byte order, structure sizes and
/// zones.
class socket_address {
  public:
    /// Creates an address without a family.
    socket_address() noexcept = default;
    /// Takes an IP endpoint. A zone that is not a number is the name of an interface. Throws std::system_error if no
    /// interface has that name.
    socket_address(const endpoint& where);  // NOLINT(google-explicit-constructor)
    socket_address(const unix_endpoint& where) noexcept;
    template <class Text, class Advice = detail::write_net_endpoint_or_net_unix_endpoint_around_the_text>
    requires std::is_convertible_v<const Text&, std::string_view>
    socket_address(const Text&) = delete;

    /// Returns the family, or address_family::unspecified if there is no address.
    [[nodiscard]] address_family family() const noexcept { return static_cast<address_family>(storage_.any.sa_family); }
    /// Returns true for an address with a port, of IPv4 or IPv6.
    [[nodiscard]] bool is_ip() const noexcept {
        return family() == address_family::inet || family() == address_family::inet6;
    }
    /// Returns the IP endpoint. Its zone is the interface's number: `fe80::1%2`. Throws
    /// std::invalid_argument if this is not the address of an IP socket.
    [[nodiscard]] endpoint ip() const;
    /// Returns the name of a Unix socket. The name is empty if there is no address, as for a datagram whose sender did
    /// not bind.
    [[nodiscard]] unix_endpoint local() const;
    /// Returns the text of the endpoint, or `(no address)`.
    [[nodiscard]] std::string to_string() const;

    /// Returns the bytes of the address and their number, for system calls. resize() takes the number that a call
    /// has written.
    [[nodiscard]] const sockaddr* data() const noexcept { return &storage_.any; }
    [[nodiscard]] sockaddr* data() noexcept { return &storage_.any; }
    [[nodiscard]] socklen_t size() const noexcept { return size_; }
    void resize(socklen_t size) noexcept {
        // Behind a path of 108 bytes the kernel keeps and counts a NUL, but does not accept it back (unix(7), BUGS).
        size_ = family() == address_family::local ? detail::min(size, socklen_t{sizeof(sockaddr_un)}) : size;
    }
    static constexpr socklen_t capacity = sizeof(sockaddr_storage);

    friend bool operator==(const socket_address& a, const socket_address& b) {
        if (a.is_ip() && b.is_ip()) return a.ip() == b.ip();  // flow labels and padding do not count
        if (a.family() == address_family::unspecified) return b.family() == a.family();  // the kernel's size is 0
        return a.size_ == b.size_ && std::memcmp(a.data(), b.data(), a.size_) == 0;
    }
    /// Writes to_string().
    template <class Traits>
    friend std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out,
                                                        const socket_address& address) {
        const std::string text = address.to_string();
        return out << std::basic_string_view<char, Traits>(text.data(), text.size());
    }

  private:
    union {
        sockaddr_storage whole{};  // first, so that all of it is zero
        sockaddr any;
        sockaddr_in inet;
        sockaddr_in6 inet6;
        sockaddr_un local;
    } storage_;
    socklen_t size_ = sizeof(sa_family_t);
};

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {
inline std::error_code last_error() noexcept { return {errno, std::system_category()}; }
/// Returns true if a call failed because the system has no IPv6, and `::` means more than IPv6. Without the protocol
/// there is no socket (EAFNOSUPPORT). If IPv6 is switched off, there is no address (EADDRNOTAVAIL).
inline bool may_do_without_ipv6(const endpoint& where, const std::error_code& error) noexcept {
    return where.address() == ip_address{ipv6_address::any()} &&
           (error.value() == EAFNOSUPPORT || error.value() == EADDRNOTAVAIL) &&
           error.category() == std::system_category();
}
/// Throws the error with the joined texts in front. Not inlined: it is cold, and a hundred functions call it.
[[noreturn, gnu::cold, gnu::noinline]] inline void throw_error(const std::error_code& error, const text_part& a,
                                                    const text_part& b = {}, const text_part& c = {},
                                                    const text_part& d = {}, const text_part& e = {},
                                                    const text_part& f = {}, const text_part& g = {},
                                                    const text_part& h = {}, const text_part& i = {}) {
    throw std::system_error{error, joined(a, b, c, d, e, f, g, h, i)};
}
}  // namespace detail

// ---- socket_address

inline socket_address::socket_address(const endpoint& where) {
    if (where.address().is_v4()) {
        storage_.inet.sin_family = AF_INET;
        storage_.inet.sin_port = htons(where.port());
        storage_.inet.sin_addr.s_addr = htonl(where.address().v4().to_uint());
        size_ = sizeof storage_.inet;
        return;
    }
    const ipv6_address address = where.address().v6();
    const auto octets = address.to_octets();
    storage_.inet6.sin6_family = AF_INET6;
    storage_.inet6.sin6_port = htons(where.port());
    std::memcpy(&storage_.inet6.sin6_addr, octets.data(), octets.size());
    size_ = sizeof storage_.inet6;
    if (const std::string_view zone = address.zone(); !zone.empty()) {
        std::uint32_t index = 0;
        const auto [end, error] = std::from_chars(zone.data(), zone.data() + zone.size(), index);
        if (error != std::errc{} || end != zone.data() + zone.size()) {
            index = ::if_nametoindex(std::string{zone}.c_str());
            if (index == 0) detail::throw_error(detail::last_error(), "zone of ", address.to_string());
        }
        storage_.inet6.sin6_scope_id = index;
    }
}

inline socket_address::socket_address(const unix_endpoint& where) noexcept {
    storage_.local.sun_family = AF_UNIX;
    if (where.is_unnamed()) return;
    const std::size_t nul = where.is_abstract() ? 1 : 0;  // an abstract name begins with a NUL, a path ends with a NUL
    std::memcpy(storage_.local.sun_path + nul, where.name().data(), where.name().size());
    const std::size_t size = detail::min(where.name().size() + 1, unix_endpoint::max_size);
    size_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + size);
}

inline endpoint socket_address::ip() const {
    if (family() == address_family::inet)
        return {ipv4_address{ntohl(storage_.inet.sin_addr.s_addr)}, ntohs(storage_.inet.sin_port)};
    if (family() != address_family::inet6)
        throw std::invalid_argument{detail::joined("not the address of an IP socket: ", to_string())};
    std::array<std::uint8_t, 16> octets{};
    std::memcpy(octets.data(), &storage_.inet6.sin6_addr, octets.size());
    // (An IPv4-mapped address has no zone, whatever getaddrinfo() puts there.)
    const ipv6_address address = ipv6_address{octets}.with_zone_number(storage_.inet6.sin6_scope_id);
    return {address, ntohs(storage_.inet6.sin6_port)};
}

inline unix_endpoint socket_address::local() const {
    if (family() == address_family::unspecified) return {};
    if (family() != address_family::local)
        throw std::invalid_argument{detail::joined("not the address of a Unix socket: ", to_string())};
    const std::size_t size = size_ > offsetof(sockaddr_un, sun_path) ? size_ - offsetof(sockaddr_un, sun_path) : 0;
    if (size == 0) return {};
    if (storage_.local.sun_path[0] == '\0') return unix_endpoint::abstract({storage_.local.sun_path + 1, size - 1});
    return unix_endpoint{std::string_view{storage_.local.sun_path, ::strnlen(storage_.local.sun_path, size)}};
}

inline std::string socket_address::to_string() const {
    if (is_ip()) return ip().to_string();
    if (family() == address_family::local) return local().to_string();
    if (family() == address_family::unspecified) return "(no address)";
    return detail::joined("(address family ", std::to_string(storage_.any.sa_family), ')');
}

namespace detail {
/// Converts an address without throwing. Fails if its zone names no interface.
inline socket_address to_socket_address(const endpoint& where, std::error_code& error) noexcept {
    error.clear();
    try {
        return where;
    } catch (const std::system_error& failure) {
        error = failure.code();
    } catch (const std::bad_alloc&) {
        error = std::make_error_code(std::errc::not_enough_memory);
    }
    return {};
}
}  // namespace detail

}  // namespace netnotes

#endif  // NETNOTES_SOCKET_ADDRESS_HPP

// netnotes/socket/buffer.hpp: bytes
// SPDX-License-Identifier: MIT
//
// The calls of a socket take a buffer: room to receive into, or bytes to send.
//
// On this page:  mutable_buffer, const_buffer, as_text
// The notes:     recv, send (公共用途的套接字函数); example 05

#ifndef NETNOTES_SOCKET_BUFFER_HPP
#define NETNOTES_SOCKET_BUFFER_HPP

#include <concepts>
#include <cstddef>
#include <span>
#include <string_view>
#include <type_traits>



namespace netnotes {

namespace detail {
template <class Byte>
concept byte_like = sizeof(Byte) == 1 && std::is_trivially_copyable_v<Byte>;
template <class Range>
concept bytes_range = requires(Range& range) {
    { std::size(range) } -> std::convertible_to<std::size_t>;
    requires byte_like<std::remove_cvref_t<decltype(*std::data(range))>>;
};
template <class Pointer>
concept text_pointer = std::is_pointer_v<Pointer> && std::is_convertible_v<Pointer, const char*>;
class borrowed_socket;
// What a compiler shows for a mistake: see tests/package/mistakes.txt.
struct write_std_span_buffer_first_size;
struct give_a_buffer_to_receive_into_not_a_size;
struct bytes_to_send_are_text_or_a_range_of_bytes;
struct room_to_receive_is_a_range_of_char_or_std_byte_that_is_not_const;
}  // namespace detail

/// Room to receive into, made from any contiguous bytes: an array, a std::array, std::string, std::vector or std::span
/// of std::byte, char or unsigned char. The buffer does not own its memory and does not grow.
class mutable_buffer : public std::span<std::byte> {
  public:
    using std::span<std::byte>::span;
    constexpr mutable_buffer(std::span<std::byte> bytes) noexcept : std::span<std::byte>{bytes} {}
    template <detail::bytes_range Range>
    mutable_buffer(Range&& range) noexcept  // NOLINT(bugprone-forwarding-reference-overload)
        requires(!std::is_const_v<std::remove_reference_t<decltype(*std::data(range))>>)
        : std::span<std::byte>{reinterpret_cast<std::byte*>(std::data(range)), std::size(range)} {}
    template <class Range, class Advice = detail::room_to_receive_is_a_range_of_char_or_std_byte_that_is_not_const>
    requires(requires(Range& range) { std::data(range); } &&
             !(detail::bytes_range<Range> && requires(Range& range) { *std::data(range) = {}; }))
    mutable_buffer(Range&&) = delete;
    template <class Number, class Advice = detail::give_a_buffer_to_receive_into_not_a_size>
    requires std::is_arithmetic_v<Number>
    mutable_buffer(Number) = delete;
};

/// Bytes to send, made from any contiguous bytes or from text. The NUL at the end of a literal is not sent. No type can
/// tell a literal from another *const* array of char, so a NUL at the end of such an array is not sent either. An array
/// of char that is not const is refused, because it is seldom full: use `std::span{buffer}.first(size)`.
class const_buffer : public std::span<const std::byte> {
  public:
    using std::span<const std::byte>::span;
    constexpr const_buffer(std::span<const std::byte> bytes) noexcept : std::span<const std::byte>{bytes} {}
    const_buffer(const std::string_view& text) noexcept
        : std::span<const std::byte>{reinterpret_cast<const std::byte*>(text.data()), text.size()} {}
    template <detail::text_pointer Pointer>
    const_buffer(Pointer text) noexcept : const_buffer{std::string_view{text}} {}
    template <detail::byte_like Byte, std::size_t Size>
    const_buffer(Byte (&array)[Size]) noexcept
        : std::span<const std::byte>{reinterpret_cast<const std::byte*>(array),
                                     Size - (std::is_same_v<Byte, const char> && array[Size - 1] == Byte{})} {}
    template <std::size_t Size, class Advice = detail::write_std_span_buffer_first_size>
    const_buffer(char (&array)[Size]) = delete;
    template <class Number, class Advice = detail::bytes_to_send_are_text_or_a_range_of_bytes>
    requires std::is_arithmetic_v<Number>
    const_buffer(Number) = delete;
    template <class Range, class Advice = detail::bytes_to_send_are_text_or_a_range_of_bytes>
    requires(requires(const Range& range) { std::data(range); } && !detail::bytes_range<const Range>)
    const_buffer(const Range&) = delete;
    template <detail::bytes_range Range>
    const_buffer(const Range& range) noexcept
        : std::span<const std::byte>{reinterpret_cast<const std::byte*>(std::data(range)), std::size(range)} {}
};

namespace detail {
/// Returns the bytes of a value, for an option of a socket. (std::as_bytes() makes the compiler check each type.)
template <class Value>
std::span<const std::byte> bytes_of(const Value& value) noexcept {
    return {reinterpret_cast<const std::byte*>(&value), sizeof value};
}
/// Returns the bytes of a value, to fill them.
template <class Value>
std::span<std::byte> room_of(Value& value) noexcept {
    return {reinterpret_cast<std::byte*>(&value), sizeof value};
}
}  // namespace detail

/// Returns received bytes as text, without a copy and without a check: a peer may send anything.
inline std::string_view as_text(std::span<const std::byte> bytes) noexcept {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace netnotes

#endif  // NETNOTES_SOCKET_BUFFER_HPP

// netnotes/socket/descriptors.hpp: descriptors that travel over a Unix socket
// SPDX-License-Identifier: MIT
//
// A Unix socket joins two programs of one machine. So it can carry more than bytes: open descriptors, and the identity
// of the peer. A number alone would mean nothing in another process. The kernel therefore installs the same open file
// in the receiver, under a new number (unix(7), SCM_RIGHTS).
//
//        process 1                                               process 2
//        descriptor 5 ──┐ send_descriptors ───────────────────>  recv_descriptors ┌── descriptor 9
//                       └──────────────> one open file <──────────────────────────┘
//
//        net::send_descriptors(there, std::array{file, client.native_handle()}, "two of them");
//
//        auto got = net::recv_descriptors(here, buffer);
//        net::socket client{got.descriptors[1].release()};
//
// A server uses this to hand a connection to a worker, and systemd to hand a listener to a server. peer_credentials()
// tells which user runs the peer, as the kernel knows it, so the peer cannot lie.
//
// On this page (coro/descriptors.hpp has the same for tasks):
//                owned_descriptor · send_descriptors · recv_descriptors · credentials · peer_credentials
// The notes:     公共用途的套接字函数; fileno(); unix(7), cmsg(3)

#ifndef NETNOTES_SOCKET_DESCRIPTORS_HPP
#define NETNOTES_SOCKET_DESCRIPTORS_HPP

#include <poll.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>



// netnotes/socket/socket.hpp: the socket
// SPDX-License-Identifier: MIT
//
// A socket is an end of a conversation, held by the kernel. The program holds a small number for it, the *descriptor*.
// A socket need not be an end of a connection: a datagram socket has no connection, and a listening socket only
// accepts them. This header owns the descriptor and closes it exactly once. It also handles here, in one place, the
// things that programs often get wrong:
//
//   a signal interrupts a call (EINTR)       the call goes on, with the time that is left
//   the peer is gone (SIGPIPE)               an error, not the death of the process
//   a timeout                                a point in time: a peer that sends a byte a second cannot extend
//                                            it. It is reported as errc::timed_out, never as EAGAIN
//   a child process inherits descriptors     close-on-exec, always
//   what failed, and on what                 "bind 0.0.0.0:80: Permission denied"
//
//        server                                     client
//          socket{inet, stream}                       socket{inet, stream}
//          bind({any, 6666})                          |
//          listen()                                   |
//          accept() <───────── handshake ──────────── connect({"192.0.2.1", 6666})
//            └─> a new socket  <───── bytes ────────> send_all, recv
//
// Each call has two forms. The plain form throws std::system_error. The form with a std::error_code at its end
// does not throw. Use it for outcomes that a program expects, as Python's connect_ex is for connect.
//
//   Python                          C                                here
//   socket(family, type)            socket                           socket{family, type}
//   bind, listen, accept            bind, listen, accept4            bind, listen, accept
//   connect / connect_ex            connect                          connect(where) / connect(where, error)
//   recv / recv_into                recv                             recv(buffer): the buffer is yours; recv_exact
//   send / sendall                  send / a loop                    send / send_all
//   sendfile                        sendfile                         send_file
//   recvfrom, sendto                recvmsg, sendto                  recv_from, send_to
//   close, shutdown                 close, shutdown                  close, shutdown; and the destructor
//   getpeername, getsockname        the same                         peer_endpoint, local_endpoint
//   setsockopt, getsockopt          the same                         set_option, get_option
//   settimeout, gettimeout          poll before every call           set_timeout, set_deadline, timeout
//   setblocking                     fcntl(O_NONBLOCK)                set_blocking
//   fileno, detach                  the int itself                   native_handle, release
//   makefile                        fdopen                           socket_iostream, in socket/iostream.hpp
//   socketpair, getaddrinfo         the same                         socket_pair, resolve
//
// On this page:  socket · socket_pair
// Below it:      socket/handle.hpp, what all sockets have; socket/buffer.hpp, bytes; socket/time.hpp, timeouts
// The notes:     socket 至 公共用途的套接字函数 (sockets and their methods); examples 01, 05 and 10

#ifndef NETNOTES_SOCKET_SOCKET_HPP
#define NETNOTES_SOCKET_SOCKET_HPP

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <system_error>
#include <utility>




// netnotes/socket/file.hpp: files that a socket sends
// SPDX-License-Identifier: MIT
//
// A server of files could read each block into its own memory and send it from there. The bytes would then be copied
// twice: from the kernel to the program, and back. sendfile(2) moves them inside the kernel.
//
//        read, send     file ──> [ the kernel's cache ] ──> [ the program's buffer ] ──> [ the socket's queue ]
//        sendfile       file ──> [ the kernel's cache ] ───────────────────────────────> [ the socket's queue ]
//
//        stream.send_file("kernel.img");                                            // the whole file
//        stream.send_file("kernel.img", {.offset = 1000, .count = 500});            // bytes 1000 to 1499
//        stream.send_file(descriptor, {.progress = [&](std::uint64_t sent) { bar.show(sent); }});
//
// sendfile(2) refuses some files, for example a file of /proc or a pipe. They are then read and sent in blocks.
//
// On this page:  input_file · send_file_options · progress_callback
// Above it:      socket/socket.hpp, socket::send_file(); coro/send_file.hpp, the same for tasks
// The notes:     send, sendall (公共用途的套接字函数); tftp下载 (a server of files); sendfile(2)

#ifndef NETNOTES_SOCKET_FILE_HPP
#define NETNOTES_SOCKET_FILE_HPP

#include <fcntl.h>
#include <signal.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>




namespace netnotes {

/// A file to read: a path, or a descriptor that is already open. The file is opened at once; an error is kept, and the
/// call that uses the file reports it. A file that was opened by path is closed with this object. A descriptor still
/// belongs to the caller, who must keep it open as long as this object is used.
class input_file {
  public:
    /// Borrows an open descriptor.
    input_file(int descriptor) noexcept  // NOLINT(google-explicit-constructor)
        : descriptor_{descriptor}, error_{descriptor < 0 ? EBADF : 0} {}
    /// Opens the file for reading. Does not wait for the other end of a FIFO: without a writer it is empty.
    input_file(const char* path) : path_{path}, is_owned_{true} {  // NOLINT(google-explicit-constructor)
        descriptor_ = ::open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (descriptor_ < 0)
            error_ = errno;
        else
            ::fcntl(descriptor_, F_SETFL, 0);  // only open() must not wait: a read waits for the writer of a FIFO
    }
    /// Opens the file, like the constructor above. It also takes a std::filesystem::path.
    template <class Path>
    requires requires(const Path& path) {
        { path.c_str() } -> std::same_as<const char*>;
    }
    input_file(const Path& path) : input_file{path.c_str()} {}  // NOLINT(google-explicit-constructor)
    input_file(input_file&& other) noexcept
        : path_{std::move(other.path_)},
          descriptor_{std::exchange(other.descriptor_, -1)},
          error_{std::exchange(other.error_, EBADF)},
          is_owned_{std::exchange(other.is_owned_, false)} {}
    input_file& operator=(input_file&&) = delete;
    ~input_file() {
        if (is_owned_ && descriptor_ >= 0) ::close(descriptor_);
    }

    /// Returns the descriptor, or -1 if the file could not be opened.
    [[nodiscard]] int native_handle() const noexcept { return descriptor_; }
    /// Returns why the file could not be opened, or no error.
    [[nodiscard]] std::error_code error() const noexcept { return {error_, std::system_category()}; }
    /// Returns the path, or "descriptor 3".
    [[nodiscard]] std::string name() const {
        return is_owned_ ? path_ : detail::joined("descriptor ", std::to_string(descriptor_));
    }

  private:
    std::string path_;
    int descriptor_ = -1;
    int error_ = 0;  // a value of errno
    bool is_owned_ = false;
};

namespace detail {
/// Refers to a function object, or keeps a pointer to a function. Of std::function it has only the call.
template <class... Arguments>
class function_reference {
  public:
    constexpr function_reference() noexcept = default;
    template <class Call>
    constexpr explicit function_reference(Call& call) noexcept {
        if constexpr (std::is_function_v<std::remove_pointer_t<std::remove_cv_t<Call>>>) {
            using pointer = std::decay_t<Call>;
            const pointer kept = call;
            object_ = reinterpret_cast<void*>(kept);  // POSIX: a void* holds it (dlsym)
            if (kept)
                call_ = [](void* object, Arguments... arguments) { reinterpret_cast<pointer>(object)(arguments...); };
        } else {
            object_ = const_cast<std::remove_cv_t<Call>*>(&call);
            call_ = [](void* object, Arguments... arguments) { (*static_cast<Call*>(object))(arguments...); };
        }
    }
    [[nodiscard]] constexpr explicit operator bool() const noexcept { return call_ != nullptr; }
    void operator()(Arguments... arguments) const {
        if (call_) call_(object_, arguments...);
    }

  private:
    void* object_ = nullptr;
    void (*call_)(void*, Arguments...) = nullptr;
};
}  // namespace detail

/// Refers to a function `void(std::uint64_t sent)`: a plain function, or an object such as a lambda. It does not own
/// the object, which must live until the call that uses it has ended. A lambda written inside that call does.
class progress_callback {
  public:
    constexpr progress_callback() noexcept = default;
    template <class Call>
    requires(std::invocable<Call&, std::uint64_t> && !std::same_as<std::remove_cvref_t<Call>, progress_callback>)
    constexpr progress_callback(Call&& call) noexcept : call_{call} {}  // NOLINT(google-explicit-constructor)
    /// Returns true if there is a function to call.
    [[nodiscard]] constexpr explicit operator bool() const noexcept { return static_cast<bool>(call_); }
    /// Calls the function with the number of bytes that were sent so far; does nothing without a function.
    void operator()(std::uint64_t sent) const { call_(sent); }

  private:
    detail::function_reference<std::uint64_t> call_;
};

/// The settings of send_file().
struct send_file_options {
    std::uint64_t offset = 0;  ///< The first byte to send. The file's own position is neither used nor changed.
    /// The number of bytes to send, at most. The default sends up to the present end of the file.
    std::uint64_t count = std::numeric_limits<std::uint64_t>::max();
    /// Called after each part with the number of bytes that were sent since the call began. If it throws, send_file()
    /// ends with that exception.
    progress_callback progress{};
};

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

/// Calls sendfile(2) without a SIGPIPE. send(2) has the flag MSG_NOSIGNAL for this, but sendfile(2) has no flags. So
/// the signal is blocked during the call, and taken away if the call has raised it.
inline ssize_t sendfile_quietly(int to, int from, off_t& offset, std::size_t count) noexcept {
    sigset_t pipe, before, pending;
    ::sigemptyset(&pipe);
    ::sigaddset(&pipe, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &pipe, &before);
    // An earlier SIGPIPE that the program has blocked by itself is not ours to take.
    const bool is_earlier =
        ::sigismember(&before, SIGPIPE) == 1 && ::sigpending(&pending) == 0 && ::sigismember(&pending, SIGPIPE) == 1;
    const ssize_t sent = ::sendfile(to, from, &offset, count);
    const int error = errno;
    constexpr timespec at_once{};
    // A call that sent a part before it failed has raised the signal too, and returns the size of that part.
    const bool may_have_raised = sent < 0 ? error == EPIPE : static_cast<std::size_t>(sent) < count;
    if (may_have_raised && !is_earlier)
        while (::sigtimedwait(&pipe, nullptr, &at_once) < 0 && errno == EINTR) {
        }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    errno = error;
    return sent;
}

/// The bytes of a file that are still to be sent, and how they are taken from it.
class file_part {
  public:
    static constexpr std::size_t largest_step = std::size_t{2} << 20;  ///< for progress, deadlines and other tasks
    static constexpr std::size_t block = std::size_t{16} << 10;        ///< to read without sendfile

    file_part(const input_file& file, const send_file_options& options, std::error_code& error) noexcept
        : file_{file.native_handle()}, left_{options.count} {
        constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<off_t>::max());
        error = file.error();
        if (!error && options.offset > most) error = std::make_error_code(std::errc::value_too_large);
        if (error) return;
        offset_ = static_cast<off_t>(options.offset);
        left_ = detail::min(left_, most - options.offset);
        // With the size known, no last call is needed that only finds the end. And Linux before 6.5 holds the last bytes
        // back for 200 ms if sendfile(2) is asked for more than there is. (A file of /proc says that it is empty.)
        struct stat status {};
        if (::fstat(file_, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0)
            left_ = detail::min(left_, static_cast<std::uint64_t>(detail::max<off_t>(status.st_size - offset_, 0)));
    }
    [[nodiscard]] bool is_done() const noexcept { return left_ == 0; }
    [[nodiscard]] std::uint64_t sent() const noexcept { return sent_; }

    /// Sends once with sendfile(2), at most `most` bytes. Returns its result; 0 is the end of the file.
    ssize_t step(int to, std::size_t most) noexcept {
        const ssize_t size =
            sendfile_quietly(to, file_, offset_, static_cast<std::size_t>(detail::min<std::uint64_t>(left_, most)));
        if (size >= 0) count(static_cast<std::size_t>(size));
        return size;
    }
    /// Returns true if an error of step() means that the file must be read. A file that fails for another reason
    /// (a directory, no permission) then fails again when it is read, with that reason.
    [[nodiscard]] static bool is_refused(int error) noexcept {
        return error == EINVAL || error == ENOSYS || error == ESPIPE || error == EOPNOTSUPP || error == EOVERFLOW;
    }
    /// Reads the next bytes and returns their number; 0 is the end of the file. Call taken() after they were sent. A
    /// pipe or a terminal may keep its reader waiting. Without `may_wait` they fail with errc::invalid_seek.
    std::size_t read(std::byte* room, std::size_t room_size, bool may_wait, std::error_code& error) noexcept {
        const auto size = static_cast<std::size_t>(detail::min<std::uint64_t>(left_, room_size));
        for (;;) {
            const ssize_t got = has_position_ ? ::pread(file_, room, size, offset_) : ::read(file_, room, size);
            if (got >= 0) {
                error.clear();
                return static_cast<std::size_t>(got);
            }
            if (errno == ESPIPE && has_position_ && offset_ == 0 &&
                may_wait) {  // a pipe can only be read from where it is
                has_position_ = false;
                continue;
            }
            if (errno == EINTR) continue;
            error = last_error();
            return 0;
        }
    }
    /// Counts bytes of read() that were sent.
    void taken(std::size_t size) noexcept {
        offset_ += static_cast<off_t>(size);
        count(size);
    }

  private:
    void count(std::size_t size) noexcept {
        left_ -= size;
        sent_ += size;
    }

    int file_;
    bool has_position_ = true;
    off_t offset_ = 0;
    std::uint64_t left_, sent_ = 0;
};

}  // namespace detail

}  // namespace netnotes

#endif  // NETNOTES_SOCKET_FILE_HPP

// netnotes/socket/handle.hpp: an open socket, whatever it is used for
// SPDX-License-Identifier: MIT
//
// A socket is held by the kernel. The program holds a small number for it, the *descriptor*. This class owns the
// descriptor. It has the calls that all sockets share: options, endpoints of both sides, shutdown, and timeouts.
// The class socket adds the calls that move bytes.
//
//        set_blocking(false)     a call returns at once: errc::operation_would_block
//        set_timeout(2s)         a call ends within two seconds: errc::timed_out
//        set_deadline(end)       all calls end by this moment
//        stop_with(stop)         a request to stop ends each wait: errc::operation_canceled
//
// On this page:  socket_handle · shutdown_direction
// The notes:     公共用途的套接字函数 (the functions that all sockets have); example 05

#ifndef NETNOTES_SOCKET_HANDLE_HPP
#define NETNOTES_SOCKET_HANDLE_HPP

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <span>
#include <string>
#include <system_error>
#include <utility>




// netnotes/socket/options.hpp: the options of a socket, as types
// SPDX-License-Identifier: MIT
//
// setsockopt(2) takes any bytes for any option. A type for each option has the right size, and refuses values out of
// range.
//
//        net::socket stream{net::address_family::inet, net::socket_type::stream};
//        stream.set_option(net::option::keep_alive{true});
//        auto size = stream.get_option<net::option::receive_buffer>();
//
// On this page:  option::reuse_address, reuse_port, keep_alive, broadcast, receive_buffer, send_buffer, ipv6_only,
// linger The notes:     setsockopt, getsockopt (公共用途的套接字函数); example 05

#ifndef NETNOTES_SOCKET_OPTIONS_HPP
#define NETNOTES_SOCKET_OPTIONS_HPP

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <type_traits>



// netnotes/socket/time.hpp: how long a call waits
// SPDX-License-Identifier: MIT
//
// Every timeout of the library is measured on one clock, and saturates: the longest duration waits for ever.
//
//        stream.set_timeout(2s);                        // namespace net = netnotes; using std::chrono literals
//        stream.set_timeout(std::chrono::hours::max()); // never
//        stream.set_deadline(net::clock::now() + 1min); // a point in time, for many calls together
//
// On this page:  clock, duration, time_point, never, wait_time
// The notes:     socket.settimeout() (公共用途的套接字函数); example 05

#ifndef NETNOTES_SOCKET_TIME_HPP
#define NETNOTES_SOCKET_TIME_HPP

#include <cstdint>
#include <ctime>
#include <limits>
#include <ratio>
#include <stdexcept>
#include <type_traits>
#include <utility>
// <chrono> also has calendars and time zones, for which every compilation waits a tenth of a second. The waits of
// <semaphore> take durations and points in time, and libstdc++ defines both there, with the clocks and the literals.
#ifdef _GLIBCXX_RELEASE
#include <semaphore>
#else
#include <chrono>
#endif




namespace netnotes {

// ---- Time and bytes ------------------------------------------------------------------------------------

/// The clock that measures all waiting. No program can set it.
using clock = std::chrono::steady_clock;
using duration = clock::duration;
using time_point = clock::time_point;

/// The timeout that never expires. Zero means *now*: a call that cannot finish at once fails with errc::timed_out.
inline constexpr duration never = duration::max();

namespace detail {
struct write_a_time_with_its_unit_like_5s_or_500ms;  // what a compiler shows: see tests/package/mistakes.txt

/// Converts a duration to another unit and saturates where std::chrono would overflow: hours::max() is `To`'s maximum.
/// Rounds up to a whole unit, so that no wait is too short. Throws std::invalid_argument for NaN.
template <class To, class Rep, class Period>
constexpr To saturated(const std::chrono::duration<Rep, Period>& time) {
    if constexpr (std::is_floating_point_v<Rep>) {
        if (time.count() != time.count()) throw std::invalid_argument{"the duration is not a number (NaN)"};
        const std::chrono::duration<long double, typename To::period> exact{time};
        if (exact.count() >= static_cast<long double>(To::max().count())) return To::max();
        if (exact.count() <= static_cast<long double>(To::min().count())) return To::min();
        return std::chrono::ceil<To>(exact);
    } else {
        using factor = std::ratio_divide<Period, typename To::period>;
        constexpr auto times = static_cast<std::uint64_t>(factor::num), by = static_cast<std::uint64_t>(factor::den);
        constexpr auto most = static_cast<std::uint64_t>(To::max().count());
        const bool is_negative = std::cmp_less(time.count(), 0);
        const auto count = static_cast<std::uint64_t>(time.count());
        const std::uint64_t size = is_negative ? 0 - count : count, rest = size % by;
        // size * times / by, without a product that is larger than the result: the whole part, then that of the rest.
        std::uint64_t part = 0, left = 0;
        if constexpr (by - 1 <= std::numeric_limits<std::uint64_t>::max() / times) {
            part = rest * times / by;
            left = rest * times % by;
        } else {
            for (int bit = 63; bit >= 0; --bit) {  // as on paper, in base 2: left < by, which has at most 63 bits
                left = 2 * left;
                part = 2 * part + (left >= by);
                if (left >= by) left -= by;
                if ((times >> bit & 1) == 0) continue;
                left += rest;
                part += left >= by;
                if (left >= by) left -= by;
            }
        }
        if (left > 0 && !is_negative) ++part;
        if (size / by > most / times || part > most - size / by * times) return is_negative ? To::min() : To::max();
        const auto result = static_cast<typename To::rep>(size / by * times + part);
        return To{is_negative ? -result : result};
    }
}
}  // namespace detail

/// A time to wait, made from a duration of any unit, floating-point ones included. A time that is too long for
/// `duration` (292 years) becomes `never`, and so does infinity. So hours::max() waits for ever and does not overflow
/// to the past. A negative time counts as zero in every wait. Throws std::invalid_argument for NaN.
class wait_time : public duration {
  public:
    constexpr wait_time() noexcept : duration{duration::zero()} {}
    constexpr wait_time(duration time) noexcept : duration{time} {}
    template <class Rep, class Period>
    constexpr wait_time(const std::chrono::duration<Rep, Period>& time) : duration{detail::saturated<duration>(time)} {}
    template <class Number, class Advice = detail::write_a_time_with_its_unit_like_5s_or_500ms>
    requires std::is_arithmetic_v<Number>
    wait_time(Number) = delete;
};

namespace detail {
inline time_point later(time_point start, duration time) noexcept {
    return time > time_point::max() - start ? time_point::max() : start + time;  // `never` would overflow
}
inline time_point end_of(duration timeout) noexcept { return later(clock::now(), detail::max(timeout, duration::zero())); }

/// Counts down a timeout over the parts of a call.
class time_left {
  public:
    explicit time_left(duration timeout) noexcept : end_{timeout == never ? time_point::max() : end_of(timeout)} {}
    [[nodiscard]] duration now() const noexcept {
        return end_ == time_point::max() ? never : detail::max(end_ - clock::now(), duration::zero());
    }

  private:
    time_point end_;
};

/// Converts a time for ppoll(2) and pselect(2), rounded up to nanoseconds, so that they never return early. Where
/// time_t has 32 bits the kernel refuses more than 68 years (EINVAL), so 68 years are the longest.
inline timespec to_timespec(duration time) noexcept {
    using std::chrono::nanoseconds, std::chrono::seconds;
    const nanoseconds whole = std::chrono::ceil<nanoseconds>(time);
    constexpr std::int64_t longest = std::numeric_limits<time_t>::max();
    return {static_cast<time_t>(detail::min<std::int64_t>(whole / seconds{1}, longest)),
            static_cast<decltype(timespec::tv_nsec)>((whole % seconds{1}).count())};
}
}  // namespace detail

}  // namespace netnotes

#endif  // NETNOTES_SOCKET_TIME_HPP


namespace netnotes {

// ---- Options -------------------------------------------------------------------------------------------

/// A socket option as a type: `socket.set_option(option::keep_alive{true})`, `socket.get_option<option::linger>()`.
/// An option without a type is set by level, name and value, as in C.
namespace option {

/// An option that is on or off.
template <int Level, int Name>
struct flag {
    bool value = true;
    using native_type = int;
    static constexpr int level = Level, name = Name;
    constexpr native_type to_native() const noexcept { return value; }
    static constexpr bool from_native(native_type native) noexcept { return native != 0; }
};
/// A number below `Least` is errc::invalid_argument when it is set.
template <int Level, int Name, int Least = std::numeric_limits<int>::min()>
struct number {
    int value;
    using native_type = int;
    static constexpr int level = Level, name = Name;
    constexpr bool is_in_range() const noexcept { return value >= Least; }
    constexpr native_type to_native() const noexcept { return value; }
    static constexpr int from_native(native_type native) noexcept { return native; }
};

/// Allows bind() although connections of an earlier run are still in TIME_WAIT on the same port. On Linux it helps only
/// if the earlier socket had it too, so set it from the first run on. It never allows two listeners at once.
using reuse_address = flag<SOL_SOCKET, SO_REUSEADDR>;
/// Lets several sockets of one user bind the same port. The kernel distributes the clients among them.
using reuse_port = flag<SOL_SOCKET, SO_REUSEPORT>;
/// Probes a silent peer. It is off by default, and the first probe is by default sent after two hours (tcp(7)).
using keep_alive = flag<SOL_SOCKET, SO_KEEPALIVE>;
/// Allows datagrams to a broadcast address. Without it the kernel refuses them with EACCES.
using broadcast = flag<SOL_SOCKET, SO_BROADCAST>;
/// The size of a buffer in bytes. Linux sets twice the number, for its own book-keeping, and returns the doubled number
/// (socket(7)). Linux would take a negative number as the maximum; here it fails with errc::invalid_argument.
using receive_buffer = number<SOL_SOCKET, SO_RCVBUF, 0>;
using send_buffer = number<SOL_SOCKET, SO_SNDBUF, 0>;
/// Keeps an IPv6 socket from serving IPv4 clients as ::ffff:a.b.c.d.
using ipv6_only = flag<IPPROTO_IPV6, IPV6_V6ONLY>;

/// Is true for a listening socket. The option can only be read.
using accepts_connections = flag<SOL_SOCKET, SO_ACCEPTCONN>;

/// Sets what close() does with bytes that are not yet acknowledged. With nullopt the kernel goes on sending them in the
/// background. With a number of seconds close() waits for at most this time. With zero close() discards them and sends
/// a reset. A negative number fails with errc::invalid_argument. A time that is too long for the kernel becomes the
/// kernel's maximum, 68 years.
struct linger {
    std::optional<std::chrono::seconds> value;
    using native_type = ::linger;
    static constexpr int level = SOL_SOCKET, name = SO_LINGER;

    constexpr linger() noexcept = default;
    constexpr linger(std::nullopt_t) noexcept {}
    constexpr linger(const std::optional<std::chrono::seconds>& time) noexcept : value{time} {}
    /// Takes minutes and hours, too; half a second does not compile.
    template <class Rep, class Period>
    requires std::is_convertible_v<std::chrono::duration<Rep, Period>, std::chrono::seconds>
    constexpr linger(const std::chrono::duration<Rep, Period>& time) noexcept
        : value{detail::saturated<std::chrono::seconds>(time)} {}

    constexpr bool is_in_range() const noexcept { return !value || value->count() >= 0; }
    native_type to_native() const noexcept {
        const auto seconds = value.value_or(std::chrono::seconds::zero()).count();
        return {value ? 1 : 0, static_cast<int>(detail::clamp<std::int64_t>(seconds, 0, std::numeric_limits<int>::max()))};
    }
    static std::optional<std::chrono::seconds> from_native(native_type native) noexcept {
        return native.l_onoff ? std::optional{std::chrono::seconds{native.l_linger}} : std::nullopt;
    }
};

}  // namespace option

}  // namespace netnotes

#endif  // NETNOTES_SOCKET_OPTIONS_HPP

// netnotes/socket/stop.hpp: asking a program to stop
// SPDX-License-Identifier: MIT
//
// A server waits: in accept(), in recv(), in epoll_wait(). How does a program ask it to stop? Closing the server's
// socket from another thread does not wake it, and the kernel may give the descriptor's number to another file. A flag
// that a signal handler sets is seen only after the wait. A wait that begins just after the check of the flag never
// ends. The wait itself can see a descriptor, so a stop is a descriptor.
//
//        main thread                     signal handler, or another thread
//          | run(stop): waits for clients
//          |            and for `stop`   <──── stop.request_stop()
//          | finishes what is under way
//          v returns
//
// Once requested, a stop stays requested: a later wait for it returns at once.
//
// A fork(2) copies the flag and shares the descriptor. The parent's request would wake a child that waits, but a child
// that does not wait would miss it. A signal to one child would stop all children. So a child makes the event its own,
// and its parent asks it by a signal: become_own_after_fork() and in_child(), as forking_server does.
//
// On this page:  stop_event · stop_on_signals
// The notes:     their servers end by Ctrl-C and a traceback (socket 简单服务器); examples 10, 15, 16 and 21

#ifndef NETNOTES_SOCKET_STOP_HPP
#define NETNOTES_SOCKET_STOP_HPP

#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <system_error>



namespace netnotes {

/// A request to stop. A program can wait for it: an eventfd(2) becomes readable and stays readable.
class stop_event {
  public:
    /// Creates an event that is not requested. Throws std::system_error if no descriptor is left.
    stop_event() : descriptor_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} {
        if (descriptor_ < 0) throw std::system_error{errno, std::system_category(), "eventfd"};
    }
    stop_event(const stop_event&) = delete;
    stop_event& operator=(const stop_event&) = delete;
    ~stop_event() { ::close(descriptor_); }

    /// Requests the stop: ends all waits for it, now and later. Call it from any thread, repeatedly, and from a signal
    /// handler: write(2) is on the list of functions that are safe there (signal-safety(7)).
    void request_stop() noexcept { request(); }
    /// Returns true after request_stop(). Any thread may call it.
    [[nodiscard]] bool stop_requested() const noexcept { return requested_.load(std::memory_order_acquire); }
    /// Returns the descriptor for poll(2) and its relatives. It is readable from the request on; do not read from it,
    /// because that would undo the request.
    [[nodiscard]] int native_handle() const noexcept { return descriptor_; }

    /// Makes this event the child's own. Call it in a child made by fork(2), while the child has one thread. The
    /// descriptor number stays, so every object that uses the event continues to use it. The event is requested if it
    /// was requested when the child was made. Throws std::system_error if no descriptor is left.
    void become_own_after_fork() const {
        const int own = ::eventfd(stop_requested() ? 1 : 0, EFD_CLOEXEC | EFD_NONBLOCK);
        const bool done = own >= 0 && ::dup3(own, descriptor_, O_CLOEXEC) >= 0;
        const int error = errno;
        if (own >= 0) ::close(own);
        if (!done) throw std::system_error{error, std::system_category(), "eventfd of a child"};
    }

  private:
    friend class stop_on_signals;

    void request() const noexcept {
        const int saved = errno;  // a signal handler must leave errno unchanged
        requested_.store(true, std::memory_order_release);
        const std::uint64_t one = 1;
        [[maybe_unused]] const auto written =
            ::write(descriptor_, &one, sizeof one);  // if it is full, it is readable, too
        errno = saved;
    }

    static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler must not wait for a lock");
    int descriptor_;
    mutable std::atomic<bool> requested_{false};  // mutable: a signal requests it in a child that holds it const
};

/// While this object lives, SIGINT (Ctrl-C) and SIGTERM request a stop instead of killing the process. This holds even
/// if SIGINT was ignored, as a shell does for a command started with `&`. A process may have a single such object at a
/// time, because signals belong to the process.
class stop_on_signals {
  public:
    /// Handles both signals from now on. Throws std::logic_error if such an object exists already, std::system_error if
    /// sigaction(2) fails.
    explicit stop_on_signals(stop_event& event) {
        const stop_event* none = nullptr;
        if (!target.compare_exchange_strong(none, &event))
            throw std::logic_error{"stop_on_signals: only one object may exist at a time"};
        struct sigaction action {};
        action.sa_handler = handle;
        // Without SA_RESTART, so that a program which waits in read() for its user comes out of it too.
        for (; taken_ < signals.size(); ++taken_)
            if (::sigaction(signals[taken_], &action, &before_[taken_]) != 0) {
                const std::error_code error{errno, std::system_category()};
                give_back();
                throw std::system_error{error, "sigaction"};
            }
    }
    stop_on_signals(const stop_on_signals&) = delete;
    stop_on_signals& operator=(const stop_on_signals&) = delete;
    /// Restores the earlier signal handlers.
    ~stop_on_signals() { give_back(); }

    /// Makes SIGTERM request a stop of `event` in a child made by fork(2), until the child ends. SIGINT does so, too,
    /// unless the program ignores it or handles it itself. The parent's signal handling does not change. Make the event
    /// the child's own first, and block both signals from before the fork until now.
    static void in_child(const stop_event& event) noexcept {
        target.store(&event);
        handling.store(0);  // another thread of the parent may have been at it
        struct sigaction action {};
        struct sigaction before {};
        action.sa_handler = handle;
        ::sigaction(SIGTERM, &action, nullptr);
        ::sigaction(SIGINT, nullptr, &before);
        if (before.sa_handler == SIG_DFL) ::sigaction(SIGINT, &action, nullptr);
    }

  private:
    static void handle(int) noexcept {
        ++handling;
        if (const stop_event* const event = target.load()) event->request();
        --handling;
    }
    void give_back() noexcept {
        while (taken_ > 0) --taken_, ::sigaction(signals[taken_], &before_[taken_], nullptr);
        target.store(nullptr);
        while (handling.load() != 0) {
        }  // in another thread; the event may be gone as soon as we return
    }
    static constexpr std::array signals{SIGINT, SIGTERM};
    static inline constinit std::atomic<const stop_event*> target{nullptr};
    static inline constinit std::atomic<int> handling{0};
    std::array<struct sigaction, signals.size()> before_{};
    std::size_t taken_ = 0;
};

}  // namespace netnotes

#endif  // NETNOTES_SOCKET_STOP_HPP


// netnotes/socket/wait.hpp: waiting when a call would block
// SPDX-License-Identifier: MIT
//
// The sockets of this library share two things: the list of errors that mean "later", and one poll(2) for a descriptor
// and a stop.
//
//        recv(2) ── EAGAIN ──> poll(descriptor, stop, the time that is left) ──> recv(2) again
//                                     ├── the stop was requested: errc::operation_canceled
//                                     └── no time is left:        errc::timed_out
//
// All names here are in detail: programs use socket/socket.hpp.

#ifndef NETNOTES_SOCKET_WAIT_HPP
#define NETNOTES_SOCKET_WAIT_HPP

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <system_error>





namespace netnotes::detail {

inline bool would_block(int error) noexcept { return error == EAGAIN || error == EWOULDBLOCK; }
/// Returns true for an error of accept() that will not pass.
inline bool is_not_listening(const std::error_code& error) noexcept {
    return error.value() == EBADF || error.value() == EINVAL || error.value() == ENOTSOCK;
}
/// Returns true for a shortage in accept() or in the code that makes room for a connection. It may pass, and the client
/// waits in the queue.
inline bool is_shortage(int error) noexcept {
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}
/// The pause before the next attempt. Without it, attempts would keep a processor busy.
inline constexpr duration accept_pause = std::chrono::milliseconds{100};

/// The connection failed while it stood in the queue; that is no fault of the listener's (accept(2), "Error handling").
/// The next connection may work.
inline bool is_passed_over(int error) noexcept {
    for (const int each :
         {ECONNABORTED, ENETDOWN, EPROTO, ENOPROTOOPT, EHOSTDOWN, ENONET, EHOSTUNREACH, ENETUNREACH})
        if (error == each) return true;
    return false;
}

/// Calls poll(2) until a descriptor is ready. Fails with errc::timed_out at `until`; signals do not end the wait.
inline void poll_until(pollfd* watched, std::size_t count, time_point until, std::error_code& error) noexcept {
    for (;;) {
        timespec left{};
        if (until != time_point::max()) {
            const time_point now = clock::now();
            left = to_timespec(until > now ? until - now : duration::zero());
        }
        const int ready =
            ::ppoll(watched, count, until == time_point::max() ? nullptr : &left, nullptr);
        if (ready < 0 && errno == EINTR) continue;  // with the time that is left
        error = ready < 0 ? last_error() : ready == 0 ? std::make_error_code(std::errc::timed_out) : std::error_code{};
        return;
    }
}

/// Waits for a descriptor (-1: no descriptor) and for a stop (nullptr: no stop).
inline void wait_for(int descriptor, short events, const stop_event* stop, time_point until,
                     std::error_code& error) noexcept {
    pollfd watched[2] = {{descriptor, events, 0}, {stop ? stop->native_handle() : -1, POLLIN, 0}};
    poll_until(watched, 2, until, error);
    if (!error && watched[1].revents != 0) error = std::make_error_code(std::errc::operation_canceled);
}

/// Returns true if connect() has begun to connect this stream to itself. The local endpoint is known as soon as
/// connect(2) returns, even if connecting continues in the background. The wildcard address stands for the loopback
/// address.
inline bool meets_itself(int descriptor, const socket_address& where) noexcept {
    if (!where.is_ip()) return false;
    socket_address local;
    socklen_t size = socket_address::capacity;
    if (::getsockname(descriptor, local.data(), &size) != 0) return false;
    local.resize(size);
    if (!local.is_ip()) return false;
    const endpoint own = local.ip(), other = where.ip();
    if (own.port() != other.port()) return false;
    const auto without_needless_zone = [](const ip_address& address) {  // ::1%lo is ::1; fe80::1 is on many links
        const ip_address plain = address.unmapped();
        return plain.is_v4() || plain.is_link_local() ? plain : ip_address{plain.v6().with_zone({})};
    };
    const ip_address wanted = without_needless_zone(other.address());
    if (!wanted.is_unspecified() && without_needless_zone(own.address()) != wanted) return false;
    int type = 0;
    socklen_t type_size = sizeof type;  // a datagram socket may be its own peer
    return ::getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &type_size) == 0 && type == SOCK_STREAM;
}
/// Resets a connection and leaves the socket unconnected (connect(2), AF_UNSPEC).
inline void dissolve(int descriptor) noexcept {
    const sockaddr nobody{.sa_family = AF_UNSPEC, .sa_data = {}};
    ::connect(descriptor, &nobody, sizeof nobody);
}

}  // namespace netnotes::detail

#endif  // NETNOTES_SOCKET_WAIT_HPP


namespace netnotes {

namespace detail {
struct descriptor_messages;  // of socket/descriptors.hpp
class limits_lifted;         // of tcp/pump.hpp

/// A point in time that the sending thread moves while the receiving thread reads it. Relaxed, because no other memory
/// depends on it.
class shared_time_point {
  public:
    [[nodiscard]] time_point load() const noexcept {
        return time_point{duration{since_epoch_.load(std::memory_order_relaxed)}};
    }
    void store(time_point when) noexcept {
        since_epoch_.store(when.time_since_epoch().count(), std::memory_order_relaxed);
    }

  private:
    std::atomic<duration::rep> since_epoch_{time_point::max().time_since_epoch().count()};
};
}

/// Which direction of a connection shutdown() ends.
enum class shutdown_direction : int { receive = SHUT_RD, send = SHUT_WR, both = SHUT_RDWR };

/// The error of a call that cannot finish now on a socket that does not block. A short name for
/// std::errc::operation_would_block (EAGAIN): `if (error == netnotes::would_block) continue;`.
inline constexpr std::errc would_block = std::errc::operation_would_block;

/// Owns a socket. A handle can be moved but not copied, and its destructor closes the socket.
///
/// The mode of the socket decides whether a call waits. A new socket waits without a limit. set_timeout() and
/// set_deadline() limit the wait, and set_blocking(false) forbids it: errc::operation_would_block. stop_with() ends a
/// wait early with errc::operation_canceled. Two threads may share a socket: one thread sends and one thread receives.
/// No thread may close the socket or change its mode while another thread uses it.
class socket_handle {
  public:
    using native_handle_type = int;

    /// Creates an empty handle: is_open() returns false.
    socket_handle() noexcept = default;
    /// Takes over an open descriptor. `blocking` tells its present mode, which is not changed.
    explicit socket_handle(native_handle_type descriptor, bool blocking = true) noexcept
        : descriptor_{descriptor}, blocking_{blocking} {}
    socket_handle(socket_handle&& other) noexcept { swap(other); }
    socket_handle& operator=(socket_handle&& other) noexcept {
        socket_handle{std::move(other)}.swap(*this);
        return *this;
    }
    ~socket_handle() {
        std::error_code ignored;
        if (is_open()) close(ignored);
    }
    void swap(socket_handle& other) noexcept {
        std::swap(descriptor_, other.descriptor_);
        std::swap(blocking_, other.blocking_);
        std::swap(timeout_, other.timeout_);
        std::swap(deadline_, other.deadline_);
        std::swap(stop_, other.stop_);
        std::swap(answer_time_, other.answer_time_);
        const time_point answer_end = answer_end_.load();
        answer_end_.store(other.answer_end_.load());
        other.answer_end_.store(answer_end);
        std::swap(is_cut_, other.is_cut_);
        std::swap(takes_notes_, other.takes_notes_);
        std::swap(was_tried_to_receive_, other.was_tried_to_receive_);
        std::swap(was_tried_to_send_, other.was_tried_to_send_);
    }

    /// Returns false after close() and release(), and for a socket that was moved away.
    [[nodiscard]] bool is_open() const noexcept { return descriptor_ >= 0; }
    /// Returns the descriptor, which the socket keeps; -1 if it is closed.
    [[nodiscard]] native_handle_type native_handle() const noexcept { return descriptor_; }
    /// Returns the descriptor, which the caller must close. It is non-blocking if a timeout, a deadline, a stop or
    /// set_blocking(false) was in force.
    [[nodiscard]] native_handle_type release() noexcept { return std::exchange(descriptor_, -1); }

    /// Ends one direction of the connection, or both, and leaves the descriptor open. After shutdown(send) the peer
    /// reads the end of the stream, and its bytes can still be received.
    void shutdown(shutdown_direction direction);
    void shutdown(shutdown_direction direction, std::error_code& error) noexcept;
    /// Closes the descriptor. The connection ends with its last descriptor (fork and dup make more). If received bytes
    /// were not read, the kernel sends a reset instead of an orderly end. The destructor does the same.
    void close();
    void close(std::error_code& error) noexcept;

    /// Returns the address of this end or of the peer. An error of the kernel leaves it empty: errc::not_connected, for
    /// example.
    [[nodiscard]] socket_address local_endpoint() const;
    [[nodiscard]] socket_address local_endpoint(std::error_code& error) const noexcept;
    [[nodiscard]] socket_address peer_endpoint() const;
    [[nodiscard]] socket_address peer_endpoint(std::error_code& error) const noexcept;

    /// Sets an option. Fails with errc::invalid_argument for a value out of the option's range.
    template <class Option>
    void set_option(const Option& option) {
        if constexpr (requires { option.is_in_range(); })
            if (!option.is_in_range())
                fail(std::make_error_code(std::errc::invalid_argument), "set an option out of its range");
        const auto native = option.to_native();
        set_option(Option::level, Option::name, detail::bytes_of(native));
    }
    template <class Option>
    void set_option(const Option& option, std::error_code& error) noexcept {
        if constexpr (requires { option.is_in_range(); })
            if (!option.is_in_range()) {
                error = std::make_error_code(std::errc::invalid_argument);
                return;
            }
        const auto native = option.to_native();
        set_option(Option::level, Option::name, detail::bytes_of(native), error);
    }
    /// Returns the option's value: bool, int, ..., as the option's type says.
    template <class Option>
    [[nodiscard]] auto get_option() const {
        typename Option::native_type native{};
        get_option(Option::level, Option::name, detail::room_of(native));
        return Option::from_native(native);
    }
    /// Sets an option as in C, if the option has no type here. All forms throw std::system_error. SO_RCVTIMEO and
    /// SO_SNDTIMEO have no effect on the calls of this class, which continue to wait: set_timeout() limits them.
    void set_option(int level, int name, std::span<const std::byte> value);
    void set_option(int level, int name, std::span<const std::byte> value, std::error_code& error) noexcept;
    void set_option(int level, int name, int value) { set_option(level, name, detail::bytes_of(value)); }
    /// Returns how many bytes of `value` were filled.
    std::size_t get_option(int level, int name, std::span<std::byte> value) const;
    std::size_t get_option(int level, int name, std::span<std::byte> value, std::error_code& error) const noexcept;
    /// Returns and clears the error that occurred in the background (SO_ERROR), or no error.
    [[nodiscard]] std::error_code take_error() noexcept;

    // -- how long a call may take

    // These throw std::system_error if the descriptor cannot be switched. The mode then stays as it was.

    /// Limits every call from now on to this time, all its parts and waits together; then it fails with
    /// errc::timed_out. `never` removes the limit. With zero or less a call does everything that needs no wait, and
    /// fails where it would have to wait.
    void set_timeout(wait_time timeout);
    /// Ends all calls from now on at this moment. Use it for an exchange of many calls that has a limit as a whole.
    /// Once the moment has passed, one more receive and one more send are tried, without a wait: what is there already
    /// can be taken. After that each call fails with errc::timed_out, however fast the peer sends.
    void set_deadline(time_point deadline);
    /// Makes every call from now on also fail with errc::timed_out if nothing has been sent for `time`. So a peer that
    /// sends single bytes and never a whole request cannot hold a server, while a dialogue has no limit. The time
    /// begins now, and again with each send of at least one byte. A send in another thread also gives new time to a
    /// receive that waits already. It holds beside set_timeout() and set_deadline(). `never` removes it.
    void set_answer_timeout(wait_time time);
    /// Returns the time that set_timeout() has set, otherwise `never`.
    [[nodiscard]] duration timeout() const noexcept { return timeout_; }
    /// Returns the moment that set_deadline() has set.
    [[nodiscard]] time_point deadline() const noexcept { return deadline_; }
    /// Sets whether calls may wait. With false no call waits: a call that cannot finish at once fails with
    /// errc::operation_would_block. With true calls wait again, without a limit.
    void set_blocking(bool blocking);
    /// Returns false after set_blocking(false).
    [[nodiscard]] bool is_blocking() const noexcept { return blocking_; }
    /// Lets a stop end the calls. Once it is requested, every call that may wait fails with errc::operation_canceled.
    /// The event must outlive the socket's last call. Accepted sockets follow the same event.
    void stop_with(const stop_event& stop);

    /// Waits until the socket can be read (POLLIN) or written (POLLOUT), an error included, or until `until`.
    /// For calls of your own on native_handle(). set_answer_timeout() and stop_with() end this wait, too.
    void wait(short events, time_point until, std::error_code& error) const noexcept;

  protected:
    // For sockets that make system calls of their own, under the same rules.
    time_point end_of_call() const noexcept;  // without the answer's, which moves with each send
    bool is_too_late(time_point until) const noexcept;
    template <class Call>
    auto attempt(Call call, short events, int flags, time_point until, std::error_code& error) const noexcept;
    [[noreturn, gnu::cold]] void fail(const std::error_code& error, const std::string& what) const;
    /// Makes recv_from() give the kernel room for notes. Never call it for a Unix socket: there the notes could be
    /// descriptors that a stranger passes, and no code would close them.
    void take_notes() noexcept { takes_notes_ = true; }
    [[noreturn, gnu::cold]] void fail_with_peer(const std::error_code& error, const std::string& what) const;
    std::error_code forbidden(short events) const noexcept;
    void wait_for(int descriptor, short events, time_point until, std::error_code& error) const noexcept;
    void wait_a_moment(time_point until, std::error_code& error) const noexcept;

    native_handle_type descriptor_ = -1;
    bool blocking_ = true;
    bool takes_notes_ = false;
    duration timeout_ = never;
    time_point deadline_ = time_point::max();
    const stop_event* stop_ = nullptr;
    duration answer_time_ = never;
    mutable detail::shared_time_point answer_end_;
    bool is_cut_ = false;  ///< the last send_all() has failed
    // The deadline has passed and one call was tried since. Each is used by one thread: the receiver or the sender.
    mutable bool was_tried_to_receive_ = false, was_tried_to_send_ = false;

  private:
    friend detail::descriptor_messages;
    friend detail::limits_lifted;
    // O_NONBLOCK is set whenever a call must not wait inside the kernel: there it could neither be timed nor
    // stopped. (recv() would do with a flag, but accept() and connect() have none.)
    void change_mode(bool blocking, duration timeout, time_point deadline, const stop_event* stop) {
        change_mode(blocking, timeout, deadline, stop, answer_time_);
    }
    void change_mode(bool blocking, duration timeout, time_point deadline, const stop_event* stop,
                     duration answer_time);
    bool has_no_port() const noexcept;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

/// "listen on 0.0.0.0:80: Address already in use"
inline void socket_handle::fail(const std::error_code& error, const std::string& what) const {
    std::error_code unknown;
    const socket_address local = local_endpoint(unknown);
    detail::throw_error(error, what, unknown ? "" : " on ", unknown ? "" : local.to_string());
}

/// Throws with a text like "recv from 192.0.2.1:80: Connection reset by peer". The peer's address is read only now,
/// because only an error needs it. After a reset the kernel no longer knows it. The text then names the own endpoint:
/// "recv from the peer of 192.0.2.7:40000".
inline void socket_handle::fail_with_peer(const std::error_code& error, const std::string& what) const {
    std::error_code unknown;
    const socket_address peer = peer_endpoint(unknown);
    const std::string name = unknown ? "" : peer.to_string();
    if (!name.empty() && name.front() != '(') detail::throw_error(error, what, ' ', name);  // not "(unnamed)"
    const socket_address own = local_endpoint(unknown);
    if (unknown || !own.is_ip()) detail::throw_error(error, what, " the peer");
    detail::throw_error(error, what, " the peer of ", own.to_string());
}

inline void socket_handle::wait(short events, time_point until, std::error_code& error) const noexcept {
    if (is_open()) return wait_for(descriptor_, events, until, error);
    error = std::make_error_code(std::errc::bad_file_descriptor);  // poll(2) would ignore it and wait
}
inline void socket_handle::wait_for(int descriptor, short events, time_point until,
                                    std::error_code& error) const noexcept {
    for (;;) {
        const time_point answer_end = answer_end_.load();
        detail::wait_for(descriptor, events, stop_, detail::min(until, answer_end), error);
        // A send in another thread has perhaps moved the end meanwhile. Then the wait is not over.
        if (error != std::errc::timed_out || until <= answer_end || answer_end_.load() == answer_end) return;
    }
}
/// Pauses before the next attempt, if the event cannot be polled for.
inline void socket_handle::wait_a_moment(time_point until, std::error_code& error) const noexcept {
    until = detail::min(until, answer_end_.load());
    detail::wait_for(-1, 0, stop_, detail::min(until, clock::now() + std::chrono::milliseconds{5}), error);
    if (error == std::errc::timed_out && clock::now() < until) error.clear();
}

inline time_point socket_handle::end_of_call() const noexcept {
    return timeout_ == never ? deadline_ : detail::end_of(timeout_);
}
/// Returns true if a call of many parts has used up its time, although no part had to wait: a fast peer must not carry
/// it past its limit. A call that may not wait has no such limit. It ends at the first part that would wait.
inline bool socket_handle::is_too_late(time_point until) const noexcept {
    return until != time_point::max() && timeout_ > duration::zero() && clock::now() >= until;
}

/// Returns the error that forbids a call to begin. If a peer always has bytes for us, no call waits. Without this check
/// such a program would miss its deadline or a stop, because only a wait notices them.
inline std::error_code socket_handle::forbidden(short events) const noexcept {
    if (stop_ && stop_->stop_requested()) return std::make_error_code(std::errc::operation_canceled);
    const time_point answer_end = answer_end_.load();
    const time_point end = detail::min(deadline_, answer_end);
    if (end == time_point::max()) return {};
    const time_point now = clock::now();
    if (now < end) return {};
    bool& was_tried = events == POLLOUT ? was_tried_to_send_ : was_tried_to_receive_;
    if (now >= answer_end || was_tried) return std::make_error_code(std::errc::timed_out);
    was_tried = true;
    return {};
}

/// A datagram socket gets a port with its first send or connect. If all ports are in use, the kernel returns EAGAIN.
inline bool socket_handle::has_no_port() const noexcept {
    std::error_code error;
    const socket_address local = local_endpoint(error);
    return !error && local.is_ip() && local.ip().port() == 0;
}

/// Makes the system call. Repeats it if a signal interrupted it, and waits if the call would block and may wait.
/// Without a deadline, a call that succeeds at once costs only that system call and no look at the clock.
template <class Call>
auto socket_handle::attempt(Call call, short events, int flags, time_point until,
                            std::error_code& error) const noexcept {
    decltype(call()) result = -1;
    if ((error = forbidden(events))) return result;
    // poll() may report a descriptor as ready although the call would block. It sees our own queue, but not the
    // queue of the Unix socket that send_to() names. It reports a datagram with a wrong checksum, and a datagram
    // socket that was shut down, as readable. Another thread may also be faster. None of these may spin or lose the
    // time limit.
    const int max_in_a_row = events == POLLOUT ? 1 : 16;
    for (int polls_in_a_row = 0;;) {
        result = call();
        if (result >= 0) {
            if (events == POLLOUT && result > 0 && answer_time_ != never)
                answer_end_.store(detail::end_of(answer_time_));
            error.clear();
            return result;
        }
        if (errno == EINTR) continue;
        error = detail::last_error();
        if (!detail::would_block(errno) || !blocking_ || (flags & (MSG_DONTWAIT | MSG_ERRQUEUE)) != 0) return result;
        if (events == POLLOUT && has_no_port()) {
            error = std::make_error_code(std::errc::address_not_available);
            return result;
        }
        if (until == time_point::min()) until = end_of_call();
        if (polls_in_a_row++ < max_in_a_row) {
            wait(events, until, error);
        } else {
            wait_a_moment(until, error);
            polls_in_a_row = 0;
        }
        if (error) return result;
    }
}

inline void socket_handle::change_mode(bool blocking, duration timeout, time_point deadline, const stop_event* stop,
                                       duration answer_time) {
    const auto waits = [](bool is_blocking, duration time, time_point end, const stop_event* event, duration answer) {
        return is_blocking && time == never && end == time_point::max() && !event && answer == never;
    };
    const bool in_kernel = waits(blocking, timeout, deadline, stop, answer_time);
    if (in_kernel != waits(blocking_, timeout_, deadline_, stop_, answer_time_)) {
        const int flags = ::fcntl(descriptor_, F_GETFL);
        if (flags < 0 || ::fcntl(descriptor_, F_SETFL, in_kernel ? flags & ~O_NONBLOCK : flags | O_NONBLOCK) < 0)
            fail(detail::last_error(), "fcntl");
    }
    blocking_ = blocking;
    timeout_ = timeout;
    deadline_ = deadline;
    was_tried_to_receive_ = was_tried_to_send_ = false;
    stop_ = stop;
    answer_time_ = answer_time;
}

inline void socket_handle::set_timeout(wait_time timeout) { change_mode(true, timeout, time_point::max(), stop_); }
inline void socket_handle::set_deadline(time_point deadline) { change_mode(true, never, deadline, stop_); }
inline void socket_handle::set_answer_timeout(wait_time time) {
    change_mode(blocking_, timeout_, deadline_, stop_, time);
    answer_end_.store(detail::end_of(time));
}
inline void socket_handle::set_blocking(bool blocking) { change_mode(blocking, never, time_point::max(), stop_); }
inline void socket_handle::stop_with(const stop_event& stop) { change_mode(blocking_, timeout_, deadline_, &stop); }

inline void socket_handle::shutdown(shutdown_direction direction, std::error_code& error) noexcept {
    error = ::shutdown(descriptor_, static_cast<int>(direction)) == 0 ? std::error_code{} : detail::last_error();
}
inline void socket_handle::shutdown(shutdown_direction direction) {
    std::error_code error;
    shutdown(direction, error);
    if (error) fail_with_peer(error, "shutdown of the connection to");
}

inline void socket_handle::close(std::error_code& error) noexcept {
    constexpr ::linger reset{1, 0};
    if (is_cut_) ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    // Never close twice, not even after EINTR: on Linux the descriptor is already closed. Another thread may have
    // opened a file with the same number (close(2)).
    error = ::close(release()) == 0 ? std::error_code{} : detail::last_error();
}
inline void socket_handle::close() {
    std::error_code error;
    close(error);
    if (error) detail::throw_error(error, "close");
}

inline socket_address socket_handle::local_endpoint(std::error_code& error) const noexcept {
    socket_address address;
    socklen_t size = socket_address::capacity;
    error = ::getsockname(descriptor_, address.data(), &size) == 0 ? std::error_code{} : detail::last_error();
    address.resize(size);
    return address;
}
inline socket_address socket_handle::local_endpoint() const {
    std::error_code error;
    const socket_address address = local_endpoint(error);
    if (error) detail::throw_error(error, "getsockname");
    return address;
}

inline socket_address socket_handle::peer_endpoint(std::error_code& error) const noexcept {
    socket_address address;
    socklen_t size = socket_address::capacity;
    error = ::getpeername(descriptor_, address.data(), &size) == 0 ? std::error_code{} : detail::last_error();
    address.resize(size);
    return address;
}
inline socket_address socket_handle::peer_endpoint() const {
    std::error_code error;
    const socket_address address = peer_endpoint(error);
    if (error) detail::throw_error(error, "getpeername");
    return address;
}

inline void socket_handle::set_option(int level, int name, std::span<const std::byte> value,
                                      std::error_code& error) noexcept {
    error = ::setsockopt(descriptor_, level, name, value.data(), static_cast<socklen_t>(value.size())) == 0
                ? std::error_code{}
                : detail::last_error();
}
inline void socket_handle::set_option(int level, int name, std::span<const std::byte> value) {
    std::error_code error;
    set_option(level, name, value, error);
    if (error) fail(error, detail::joined("setsockopt(", std::to_string(level), ", ", std::to_string(name), ')'));
}
inline std::size_t socket_handle::get_option(int level, int name, std::span<std::byte> value,
                                             std::error_code& error) const noexcept {
    socklen_t size = static_cast<socklen_t>(value.size());
    error = ::getsockopt(descriptor_, level, name, value.data(), &size) == 0 ? std::error_code{} : detail::last_error();
    return error ? 0 : size;
}
inline std::size_t socket_handle::get_option(int level, int name, std::span<std::byte> value) const {
    std::error_code error;
    const std::size_t size = get_option(level, name, value, error);
    if (error) fail(error, detail::joined("getsockopt(", std::to_string(level), ", ", std::to_string(name), ')'));
    return size;
}
inline std::error_code socket_handle::take_error() noexcept {
    int pending = 0;
    std::error_code error;
    get_option(SOL_SOCKET, SO_ERROR, detail::room_of(pending), error);
    return error ? error : std::error_code{pending, std::system_category()};
}

}  // namespace netnotes

#endif  // NETNOTES_SOCKET_HANDLE_HPP

// netnotes/socket/message.hpp: what travels beside the bytes of a datagram
// SPDX-License-Identifier: MIT
//
// recvmsg(2) and sendmsg(2) take control messages beside the bytes (cmsg(3)). Every UDP server needs two of them. The
// first says to which of the host's addresses a datagram came. The second says from which address the answer leaves.
// Others tell the interface, the time to live that is left, and when the datagram arrived.
//
//        a host with 192.0.2.1 and 192.0.2.2, its socket on 0.0.0.0
//        client ── to 192.0.2.2 ──> recvmsg: IP_PKTINFO says 192.0.2.2
//        client <── from 192.0.2.2 ── sendmsg: IP_PKTINFO says 192.0.2.2      else the client would not take the answer
//
//        receiver.tell_details();
//        net::datagram_details details;
//        auto got = receiver.recv_from(buffer, details);       // details.interface_index, details.hop_limit, ...
//
// On this page:  datagram_details. The other names are in detail: programs use received::local and send_to() of
//                socket/socket.hpp, or udp.hpp
// The notes:     UDP, udp绑定 (which address a datagram came to); ip(7), ipv6(7), socket(7)

#ifndef NETNOTES_SOCKET_MESSAGE_HPP
#define NETNOTES_SOCKET_MESSAGE_HPP

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <optional>
#include <system_error>




namespace netnotes {

/// The facts that the kernel reports beside the bytes of a datagram, after socket::tell_details().
struct datagram_details {
    /// The address that the datagram was sent to: one of this host, a group, or a broadcast address. If it is not
    /// known: 0.0.0.0.
    ip_address destination{};
    unsigned interface_index = 0;           ///< the interface that it came in by: if_indextoname(3), or 0
    std::optional<std::uint8_t> hop_limit;  ///< the time to live that was left: IP_RECVTTL, IPV6_RECVHOPLIMIT
    /// When the kernel took it from the network: SO_TIMESTAMPNS (socket(7)). It is the time of day, which can be set.
    std::optional<std::chrono::system_clock::time_point> arrived;
};

namespace detail {

/// Copies the data of a control message. Returns false if the kernel has cut the message off (MSG_CTRUNC), because the
/// program has asked for more messages than its buffer holds.
template <class Data>
bool read_note(cmsghdr& part, Data& data) noexcept {
    if (part.cmsg_len < CMSG_LEN(sizeof data)) return false;
    std::memcpy(&data, CMSG_DATA(&part), sizeof data);
    return true;
}

/// The facts that the kernel reports beside a datagram's bytes. They are the address to which it came, and the size of
/// each datagram if the kernel has merged several (UDP_GRO).
struct datagram_notes {
    static constexpr std::size_t capacity =
        CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(in_pktinfo)) + CMSG_SPACE(sizeof(in6_pktinfo));

    ip_address local{};        ///< our own address, from which to answer; 0.0.0.0 if it is not known
    bool is_to_group = false;  ///< it came to a multicast or a broadcast address
    std::size_t segment = 0;   ///< 0: it is one datagram

    static datagram_notes of(msghdr& header) noexcept {
        datagram_notes notes;
        if (header.msg_controllen == 0) return notes;
        for (cmsghdr* part = CMSG_FIRSTHDR(&header); part; part = CMSG_NXTHDR(&header, part)) {
            const auto is = [&](int level, int type) { return part->cmsg_level == level && part->cmsg_type == type; };
            if (is(IPPROTO_IP, IP_PKTINFO)) {
                in_pktinfo info;
                if (!read_note(*part, info)) continue;
                // For a broadcast or a group, the local address is the address from which to answer (ip(7)).
                notes.local = ipv4_address{ntohl(info.ipi_spec_dst.s_addr)};
                // A datagram that came before IP_PKTINFO was set has no local address. Then a multicast group and
                // 255.255.255.255 are recognised, and the broadcast address of a subnet counts as our own.
                const std::uint32_t to = ntohl(info.ipi_addr.s_addr);
                notes.is_to_group = info.ipi_spec_dst.s_addr == htonl(INADDR_ANY)
                                        ? IN_MULTICAST(to) || to == INADDR_BROADCAST
                                        : info.ipi_addr.s_addr != info.ipi_spec_dst.s_addr;
            } else if (is(IPPROTO_IPV6, IPV6_PKTINFO)) {
                in6_pktinfo info;
                if (!read_note(*part, info)) continue;
                if (IN6_IS_ADDR_V4MAPPED(&info.ipi6_addr)) continue;  // IP_PKTINFO reports this better
                sockaddr_in6 raw{};
                raw.sin6_family = AF_INET6;
                raw.sin6_addr = info.ipi6_addr;
                raw.sin6_scope_id = IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr) ? info.ipi6_ifindex : 0;
                notes.is_to_group = IN6_IS_ADDR_MULTICAST(&info.ipi6_addr);
                if (notes.is_to_group) continue;
                socket_address local;
                std::memcpy(local.data(), &raw, sizeof raw);
                local.resize(sizeof raw);
                notes.local = local.ip().address();
            } else if (is(IPPROTO_UDP, 104)) {  // UDP_GRO, which old headers lack
                int value = 0;
                if (!read_note(*part, value)) continue;
                notes.segment = value > 0 ? static_cast<std::size_t>(value) : 0;
            }
        }
        return notes;
    }
};

/// Room for all control messages of a datagram, and the reader of datagram_details. Every receive gives this room:
/// after tell_details() the kernel puts the details before the local address, and drops what does not fit.
struct details_note {
    static constexpr std::size_t capacity =
        datagram_notes::capacity + 2 * CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(timespec));
    using buffer = std::array<char, capacity>;  // to be aligned as a cmsghdr

    static datagram_details of(msghdr& header) noexcept {
        datagram_details details;
        if (header.msg_controllen == 0) return details;
        for (cmsghdr* part = CMSG_FIRSTHDR(&header); part; part = CMSG_NXTHDR(&header, part)) {
            const auto is = [&](int level, int type) { return part->cmsg_level == level && part->cmsg_type == type; };
            if (is(IPPROTO_IP, IP_PKTINFO)) {
                in_pktinfo info;
                if (!read_note(*part, info)) continue;
                details.destination = ipv4_address{ntohl(info.ipi_addr.s_addr)};
                details.interface_index = static_cast<unsigned>(info.ipi_ifindex);
            } else if (is(IPPROTO_IPV6, IPV6_PKTINFO)) {
                in6_pktinfo info;
                if (!read_note(*part, info)) continue;
                if (IN6_IS_ADDR_V4MAPPED(&info.ipi6_addr)) continue;  // IP_PKTINFO comes too
                std::array<std::uint8_t, 16> octets{};
                std::memcpy(octets.data(), &info.ipi6_addr, octets.size());
                details.destination = ipv6_address{octets};
                details.interface_index = info.ipi6_ifindex;
            } else if (is(IPPROTO_IP, IP_TTL) || is(IPPROTO_IPV6, IPV6_HOPLIMIT)) {
                int value = 0;
                if (!read_note(*part, value)) continue;
                details.hop_limit = static_cast<std::uint8_t>(value);
            } else if (is(SOL_SOCKET, SO_TIMESTAMPNS)) {
                timespec time;
                if (!read_note(*part, time)) continue;
                details.arrived = std::chrono::system_clock::time_point{
                    std::chrono::duration_cast<std::chrono::system_clock::duration>(
                        std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec})};
            }
        }
        return details;
    }
};

/// The control message that tells the kernel from which address a datagram is to leave.
class source_note {
  public:
    source_note() noexcept = default;
    /// Chooses the address. With 0.0.0.0 and :: the system chooses. Fails if the zone of the address names no
    /// interface.
    void choose(const ip_address& from, std::error_code& error) noexcept {
        size_ = 0;
        error.clear();
        if (from.is_unspecified()) return;
        const socket_address address = to_socket_address({from.unmapped(), 0}, error);
        if (error) return;
        if (address.family() == address_family::inet) {
            sockaddr_in raw;
            std::memcpy(&raw, address.data(), sizeof raw);
            in_pktinfo info{};  // without an interface: the routing table chooses the way
            info.ipi_spec_dst = raw.sin_addr;
            write(IPPROTO_IP, IP_PKTINFO, info);
        } else {
            sockaddr_in6 raw;
            std::memcpy(&raw, address.data(), sizeof raw);
            in6_pktinfo info{};
            info.ipi6_addr = raw.sin6_addr;
            info.ipi6_ifindex = raw.sin6_scope_id;
            write(IPPROTO_IPV6, IPV6_PKTINFO, info);
        }
    }
    [[nodiscard]] const char* data() const noexcept { return bytes_.data(); }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    static constexpr std::size_t capacity = CMSG_SPACE(sizeof(in6_pktinfo));
    /// Adds the control message to `message`. This object must live until the message is sent.
    void add_to(msghdr& message) noexcept {
        if (size_ == 0) return;
        message.msg_control = bytes_.data();
        message.msg_controllen = static_cast<decltype(message.msg_controllen)>(size_);  // socklen_t in musl
    }

  private:
    template <class Info>
    void write(int level, int type, const Info& info) noexcept {
        cmsghdr header{};
        header.cmsg_level = level;
        header.cmsg_type = type;
        header.cmsg_len = CMSG_LEN(sizeof info);
        bytes_ = {};
        std::memcpy(bytes_.data(), &header, sizeof header);
        std::memcpy(bytes_.data() + CMSG_LEN(0), &info, sizeof info);
        size_ = CMSG_SPACE(sizeof info);
    }
    alignas(cmsghdr) std::array<char, capacity> bytes_;
    std::size_t size_ = 0;
};

}  // namespace detail

}  // namespace netnotes

#endif  // NETNOTES_SOCKET_MESSAGE_HPP



namespace netnotes {

// ---- The socket ----------------------------------------------------------------------------------------

/// A socket with the calls that move bytes. See socket_handle for its lifetime, its modes and its options.
class socket : public socket_handle {
  public:
    using socket_handle::socket_handle;

    /// Creates an empty socket: is_open() returns false.
    socket() noexcept = default;
    /// Creates a socket. `protocol` 0 selects the only protocol of this family and type. Throws std::system_error.
    explicit socket(address_family family, socket_type type, int protocol = 0);
    socket(address_family family, socket_type type, int protocol, std::error_code& error) noexcept;

    // -- as a server

    /// Gives the socket its own address; port 0 lets the system choose. errc::address_in_use, and
    /// errc::permission_denied below port 1024 (ip(7)).
    void bind(const socket_address& where);
    void bind(const socket_address& where, std::error_code& error) noexcept;
    /// Lets connections come in. `backlog` is the number of complete connections that accept() has not taken yet. Linux
    /// admits one more, and net.core.somaxconn caps the number. A further client is not *refused*: the kernel drops its
    /// SYN, and the client retransmits it and connects late (listen(2)). A negative number means the system's maximum.
    void listen(int backlog = SOMAXCONN);
    void listen(int backlog, std::error_code& error) noexcept;

    struct accepted;
    /// Waits for the next connection and returns it. The new socket has no timeout. It does not wait if this socket
    /// does not, and the stop of this socket ends its calls, too. A connection that ended in the queue is skipped.
    ///
    /// If no descriptor or memory is left (EMFILE, ENFILE, ENOBUFS, ENOMEM), the first form tries again every 100 ms,
    /// up to the socket's timeout. So `for (;;) serve(listener.accept());` survives many clients. The second form
    /// reports the error.
    accepted accept();
    accepted accept(std::error_code& error) noexcept;

    // -- as a client

    /// Opens a connection on a stream socket and waits until it is established or has failed. On a datagram socket,
    /// fixes the peer of send() and recv(). Fails with errc::connection_refused, timed_out, network_unreachable, ...
    /// After a failure make a new socket, because POSIX does not define the state of this socket. After
    /// set_blocking(false) it fails with errc::operation_in_progress, and the kernel continues to connect.
    ///
    /// A stream never connects to itself. TCP can connect a port of this host to the same port if no program listens
    /// on it (a simultaneous open, RFC 9293 §3.5). The socket would then read its own bytes. So connect() resets such
    /// a connection and fails with errc::connection_refused.
    void connect(const socket_address& where);
    void connect(const socket_address& where, std::error_code& error) noexcept;

    // -- both

    /// Receives at least one byte and at most buffer.size(); returns their number. Returns 0 at the end of the stream,
    /// and then at every call. A receive is not a message: bytes sent in one piece may arrive in many, and the reverse.
    /// With an empty buffer it always returns 0, so pass room. `flags` are the flags of recv(2). With MSG_DONTWAIT this
    /// call does not wait, and MSG_WAITALL holds only for a socket without a timeout.
    std::size_t recv(mutable_buffer buffer, int flags = 0);
    std::size_t recv(mutable_buffer buffer, std::error_code& error, int flags = 0) noexcept;
    /// Receives exactly buffer.size() bytes, in as many receives as that takes. The timeout is for the whole call.
    /// Returns 0 if the stream ended before the first byte, so `while (s.recv_exact(header))` loops over messages. An
    /// end in the middle is errc::protocol_error. On an error the second form returns the number of bytes in the
    /// buffer, and the next call may continue behind them. With an empty buffer it returns 0 and receives nothing.
    std::size_t recv_exact(mutable_buffer buffer);
    std::size_t recv_exact(mutable_buffer buffer, std::error_code& error) noexcept;
    /// Hands bytes to the kernel and returns how many it took, perhaps not all. The kernel may not have sent them yet,
    /// and they may never arrive. Fails with errc::broken_pipe, connection_reset.
    std::size_t send(const_buffer bytes, int flags = 0);
    std::size_t send(const_buffer bytes, std::error_code& error, int flags = 0) noexcept;
    /// Sends all bytes or fails. The timeout is for the whole call. On an error the second form returns how many bytes
    /// the kernel took, and what() of the first form says it. After a failed call that may wait, close() sends a reset,
    /// because an orderly end would say that all bytes were sent. A later call that succeeds cancels this.
    void send_all(const_buffer bytes);
    std::size_t send_all(const_buffer bytes, std::error_code& error) noexcept;
    /// Sends a file, or a part of it, without a copy in user space (sendfile(2)): see socket/file.hpp. Returns the
    /// number of bytes. It is less than options.count if the file ends before. Other files than regular ones are read
    /// and sent in blocks. The timeout is for the whole call. Reading from a slow disk may take longer.
    ///
    /// If the file cannot be opened or read, the connection stays as it is. After other failures, and after a part of
    /// the file was sent, close() sends a reset, as after send_all(). On an error the second form returns the number of
    /// bytes that the kernel took. It is not noexcept because options.progress may throw.
    std::uint64_t send_file(const input_file& file, const send_file_options& options = {});
    std::uint64_t send_file(const input_file& file, const send_file_options& options, std::error_code& error);

    /// The result of recv_from(): a datagram, its sender, and the address of ours that it came to.
    struct received {
        std::span<std::byte> bytes;  ///< the part of the buffer that was filled
        socket_address sender;       ///< without a family if the sender is a Unix socket without a name
        bool truncated = false;      ///< the datagram was longer than the buffer, and its rest is lost
        /// The address of this host that the datagram was sent to, after tell_local_address(); else 0.0.0.0. For a
        /// datagram to a broadcast address or an IPv4 group, it is the address from which to answer. For a datagram
        /// to an IPv6 group it is not known.
        ip_address local{};
    };
    /// Receives one datagram and returns it with its sender. For an empty datagram `bytes` is empty and the sender is
    /// set.
    received recv_from(mutable_buffer buffer, int flags = 0);
    received recv_from(mutable_buffer buffer, std::error_code& error, int flags = 0) noexcept;
    /// Sends one datagram, whole or not at all. Fails with errc::message_size if it is too long for the protocol.
    void send_to(const_buffer bytes, const socket_address& where, int flags = 0);
    void send_to(const_buffer bytes, const socket_address& where, std::error_code& error, int flags = 0) noexcept;
    /// Sends one datagram from the given address of this host, for example received::local. A client takes an answer
    /// only from the address that it asked. With 0.0.0.0 and :: the system chooses. Fails with errc::invalid_argument
    /// or network_unreachable if the host has no such address.
    void send_to(const_buffer bytes, const socket_address& where, const ip_address& from, int flags = 0);
    void send_to(const_buffer bytes, const socket_address& where, const ip_address& from, std::error_code& error,
                 int flags = 0) noexcept;
    /// Makes recv_from() report to which address each datagram was sent: IP_PKTINFO (ip(7)), IPV6_RECVPKTINFO (RFC 3542
    /// §6.1). It costs no system call, but some 70 ns for each datagram, so it is off by default. It is needed for
    /// sockets on the wildcard address. udp_socket and async_datagram call it for those sockets.
    void tell_local_address();
    void tell_local_address(std::error_code& error) noexcept;
    /// Does the same as recv_from() above, and fills `details`: the destination, the interface, the hops left, and the
    /// time of arrival. Call tell_details() once before the datagrams arrive; details that the kernel does not report
    /// stay empty. For datagram sockets over IPv4 and IPv6.
    received recv_from(mutable_buffer buffer, datagram_details& details, int flags = 0);
    received recv_from(mutable_buffer buffer, datagram_details& details, std::error_code& error,
                       int flags = 0) noexcept;
    void tell_details();
    void tell_details(std::error_code& error) noexcept;

  private:
    received receive_datagram(mutable_buffer buffer, std::span<char> control, datagram_details* details, int flags,
                              std::error_code& error) noexcept;
    friend class detail::borrowed_socket;  // of coro/io/socket.hpp
    friend detail::descriptor_messages;
    accepted accept_until(time_point until, std::error_code& error) noexcept;
    std::size_t recv_until(mutable_buffer buffer, int flags, time_point until, std::error_code& error) noexcept;
    std::size_t send_until(const_buffer bytes, int flags, time_point until, std::error_code& error) noexcept;
    std::size_t send_all_until(const_buffer bytes, time_point until, std::error_code& error) noexcept;
};

struct socket::accepted {
    socket connection;
    socket_address peer;
};

/// Returns two connected sockets without names, for parent and child or for two threads (socketpair(2)).
[[nodiscard]] std::pair<socket, socket> socket_pair(socket_type type = socket_type::stream);

// ========================================================================================================
// How it is done. A reader who only uses sockets can stop here.
// ========================================================================================================

// ---- making, waiting, failing

inline socket::socket(address_family family, socket_type type, int protocol, std::error_code& error) noexcept
    : socket_handle{::socket(static_cast<int>(family), static_cast<int>(type) | SOCK_CLOEXEC, protocol)} {
    error = is_open() ? std::error_code{} : detail::last_error();
}

inline socket::socket(address_family family, socket_type type, int protocol) {
    std::error_code error;
    socket{family, type, protocol, error}.swap(*this);
    if (error) detail::throw_error(error, "socket");
}

// ---- the calls

inline void socket::bind(const socket_address& where, std::error_code& error) noexcept {
    error = ::bind(descriptor_, where.data(), where.size()) == 0 ? std::error_code{} : detail::last_error();
}
inline void socket::bind(const socket_address& where) {
    std::error_code error;
    bind(where, error);
    if (error) detail::throw_error(error, "bind ", where.to_string());
}

inline void socket::listen(int backlog, std::error_code& error) noexcept {
    const int length = backlog < 0 ? std::numeric_limits<int>::max() : backlog;
    error = ::listen(descriptor_, length) == 0 ? std::error_code{} : detail::last_error();
}
inline void socket::listen(int backlog) {
    std::error_code error;
    listen(backlog, error);
    if (error) fail(error, "listen");
}

inline socket::accepted socket::accept_until(time_point until, std::error_code& error) noexcept {
    accepted result;
    const bool new_waits_in_kernel = blocking_ && !stop_;
    for (;;) {
        const int descriptor = attempt(
            [&] {
                socklen_t size = socket_address::capacity;
                const int made = ::accept4(descriptor_, result.peer.data(), &size,
                                           SOCK_CLOEXEC | (new_waits_in_kernel ? 0 : SOCK_NONBLOCK));
                result.peer.resize(size);
                return made;
            },
            POLLIN, 0, until, error);
        if (descriptor >= 0) {
            result.connection.descriptor_ = descriptor;
            result.connection.blocking_ = blocking_;
            result.connection.stop_ = stop_;
            return result;
        }
        if (!detail::is_passed_over(error.value())) return result;
        if (until != time_point::max() && clock::now() >= until) {  // however many have died
            error = std::make_error_code(std::errc::timed_out);
            return result;
        }
    }
}
inline socket::accepted socket::accept(std::error_code& error) noexcept { return accept_until(end_of_call(), error); }
inline socket::accepted socket::accept() {
    const time_point until = end_of_call();  // of all attempts together
    for (;;) {
        std::error_code error;
        accepted result = accept_until(until, error);
        if (!error) return result;
        if (!blocking_ || !detail::is_shortage(error.value()) || clock::now() >= until) fail(error, "accept");
        std::error_code is_over;
        detail::wait_for(-1, 0, stop_, detail::min(until, clock::now() + detail::accept_pause), is_over);
        if (is_over == std::errc::operation_canceled) fail(is_over, "accept");
    }
}

inline void socket::connect(const socket_address& where, std::error_code& error) noexcept {
    if ((error = forbidden(POLLOUT))) return;
    const time_point until = end_of_call();
    const auto is_alone = [&] {
        if (!detail::meets_itself(descriptor_, where)) return false;
        detail::dissolve(descriptor_);
        error = std::make_error_code(std::errc::connection_refused);
        return true;
    };
    while (::connect(descriptor_, where.data(), where.size()) != 0) {
        error = detail::last_error();
        if (detail::would_block(errno) && where.family() != address_family::local) {
            error = std::make_error_code(std::errc::address_not_available);  // see has_no_port()
            return;
        }
        if (detail::would_block(errno) && blocking_) {
            wait_a_moment(until, error);  // nothing can be polled for a place in a Unix listener's queue (unix(7))
            if (error) return;
            continue;
        }
        // In that queue an interrupted connect() has not begun. Elsewhere it continues by itself, and a
        // second call would only fail with EALREADY. From here on it is treated like a non-blocking connect().
        if (error.value() == EINTR && where.family() == address_family::local) continue;
        if (error.value() != EINTR && error.value() != EINPROGRESS) return;
        if (is_alone()) return;
        if (error.value() != EINTR && !blocking_) return;
        wait(POLLOUT, until, error);
        if (!error) error = take_error();
        return;
    }
    if (!is_alone()) error.clear();
}
inline void socket::connect(const socket_address& where) {
    std::error_code error;
    connect(where, error);
    if (error) detail::throw_error(error, "connect ", where.to_string());
}

inline std::size_t socket::recv_until(mutable_buffer buffer, int flags, time_point until,
                                      std::error_code& error) noexcept {
    const auto size =
        attempt([&] { return ::recv(descriptor_, buffer.data(), buffer.size(), flags); }, POLLIN, flags, until, error);
    return size < 0 ? 0 : static_cast<std::size_t>(size);
}
inline std::size_t socket::recv(mutable_buffer buffer, std::error_code& error, int flags) noexcept {
    return recv_until(buffer, flags, time_point::min(), error);
}
inline std::size_t socket::recv(mutable_buffer buffer, int flags) {
    std::error_code error;
    const std::size_t size = recv(buffer, error, flags);
    if (error) fail_with_peer(error, "recv from");
    return size;
}

inline std::size_t socket::recv_exact(mutable_buffer buffer, std::error_code& error) noexcept {
    error.clear();
    const time_point until = end_of_call();
    std::size_t filled = 0;
    while (filled < buffer.size()) {
        if (filled > 0 && is_too_late(until)) {
            error = std::make_error_code(std::errc::timed_out);
            return filled;
        }
        const std::size_t size = recv_until(buffer.subspan(filled), 0, until, error);
        if (error) return filled;
        if (size == 0) {
            if (filled > 0) error = std::make_error_code(std::errc::protocol_error);
            return filled;
        }
        filled += size;
    }
    return filled;
}
inline std::size_t socket::recv_exact(mutable_buffer buffer) {
    std::error_code error;
    const std::size_t filled = recv_exact(buffer, error);
    if (error)
        fail_with_peer(
            error,
            detail::joined("recv_exact (", std::to_string(filled), " of ", std::to_string(buffer.size()), " bytes",
                           error == std::errc::protocol_error ? ", then the end of the stream" : "", ") from"));
    return filled;
}

inline std::size_t socket::send_until(const_buffer bytes, int flags, time_point until,
                                      std::error_code& error) noexcept {
    const auto size = attempt([&] { return ::send(descriptor_, bytes.data(), bytes.size(), flags | MSG_NOSIGNAL); },
                              POLLOUT, flags, until, error);
    return size < 0 ? 0 : static_cast<std::size_t>(size);
}
inline std::size_t socket::send(const_buffer bytes, std::error_code& error, int flags) noexcept {
    return send_until(bytes, flags, time_point::min(), error);
}
inline std::size_t socket::send(const_buffer bytes, int flags) {
    std::error_code error;
    const std::size_t size = send(bytes, error, flags);
    if (error) fail_with_peer(error, "send to");
    return size;
}

inline std::size_t socket::send_all_until(const_buffer bytes, time_point until, std::error_code& error) noexcept {
    std::size_t sent = 0;
    do {
        if (sent > 0 && is_too_late(until)) {  // the kernel takes part of the bytes whenever its buffer fills
            error = std::make_error_code(std::errc::timed_out);
            break;
        }
        sent += send_until(bytes.subspan(sent), 0, until, error);
    } while (!error && sent < bytes.size());
    is_cut_ = error && blocking_;  // a caller that does not wait keeps the rest and sends it later
    return sent;
}
inline std::size_t socket::send_all(const_buffer bytes, std::error_code& error) noexcept {
    return send_all_until(bytes, end_of_call(), error);
}
inline void socket::send_all(const_buffer bytes) {
    std::error_code error;
    const std::size_t sent = send_all(bytes, error);
    if (error)
        fail_with_peer(error, detail::joined("send_all (", std::to_string(sent), " of ", std::to_string(bytes.size()),
                                             " bytes sent) to"));
}

inline std::uint64_t socket::send_file(const input_file& file, const send_file_options& options,
                                       std::error_code& error) {
    detail::file_part part{file, options, error};
    if (error) return 0;
    const time_point until = end_of_call();
    const bool is_in_steps = options.progress || until != time_point::max();
    bool is_read = false, is_file_error = false;
    while (!error && !part.is_done()) {
        if (part.sent() > 0 && is_too_late(until)) {
            error = std::make_error_code(std::errc::timed_out);
            break;
        }
        const std::uint64_t before = part.sent();
        if (is_read) {
            // A pipe or a terminal may keep its reader waiting. The limits of the call hold for that wait, too.
            if (!blocking_ || stop_ || until != time_point::max() || answer_time_ != never) {
                wait_for(file.native_handle(), POLLIN, blocking_ ? until : time_point{}, error);
                if (error == std::errc::timed_out && !blocking_) error = std::make_error_code(would_block);
            }
            std::byte room[detail::file_part::block];
            std::span<const std::byte> bytes{room, error ? 0 : part.read(room, sizeof room, true, error)};
            is_file_error = static_cast<bool>(error);
            while (!error && !bytes.empty()) {
                const std::size_t size = send_until(bytes, 0, until, error);
                part.taken(size);
                bytes = bytes.subspan(size);
            }
        } else {
            const std::size_t most = is_in_steps ? detail::file_part::largest_step : 0x7fff'f000;  // sendfile(2)
            attempt([&] { return part.step(descriptor_, most); }, POLLOUT, 0, until, error);
            if ((is_read = error && part.is_refused(error.value()))) {
                error.clear();
                continue;
            }
        }
        if (part.sent() == before) break;  // the end of the file, or an error
        is_cut_ = blocking_;               // in case the callback throws
        options.progress(part.sent());
    }
    is_cut_ = error && blocking_ && (part.sent() > 0 || !is_file_error);
    return part.sent();
}
inline std::uint64_t socket::send_file(const input_file& file, const send_file_options& options) {
    std::error_code error;
    const std::uint64_t sent = send_file(file, options, error);
    if (file.error()) detail::throw_error(file.error(), "open ", file.name());
    if (error)
        fail_with_peer(error, detail::joined("send_file ", file.name(), " (", std::to_string(sent), " bytes sent) to"));
    return sent;
}

inline void socket::tell_local_address(std::error_code& error) noexcept {
    const int on = 1;
    const auto yes = detail::bytes_of(on);
    const socket_address local = local_endpoint(error);
    if (!error && !local.is_ip()) error = std::make_error_code(std::errc::address_family_not_supported);
    if (error) return;
    if (local.family() == address_family::inet6) set_option(IPPROTO_IPV6, IPV6_RECVPKTINFO, yes, error);
    if (!error) set_option(IPPROTO_IP, IP_PKTINFO, yes, error);  // an IPv6 socket's IPv4 side has it as well
    if (!error) take_notes();
}
inline void socket::tell_local_address() {
    std::error_code error;
    tell_local_address(error);
    if (error) fail(error, "tell_local_address");
}

inline void socket::tell_details(std::error_code& error) noexcept {
    const int on = 1;
    const auto yes = detail::bytes_of(on);
    tell_local_address(error);
    if (error) return;
    std::error_code is_v4;
    set_option(IPPROTO_IPV6, IPV6_RECVHOPLIMIT, yes, is_v4);
    set_option(IPPROTO_IP, IP_RECVTTL, yes, error);
    if (!error) set_option(SOL_SOCKET, SO_TIMESTAMPNS, yes, error);
}
inline void socket::tell_details() {
    std::error_code error;
    tell_details(error);
    if (error) fail(error, "tell_details");
}

inline socket::received socket::receive_datagram(mutable_buffer buffer, std::span<char> control,
                                                 datagram_details* details, int flags,
                                                 std::error_code& error) noexcept {
    received result;
    const auto size = attempt(
        [&] {  // recvmsg() and not recvfrom(), which does not tell that a datagram was cut off
            iovec part{buffer.data(), buffer.size()};
            msghdr message{};
            message.msg_name = result.sender.data();
            message.msg_namelen = socket_address::capacity;
            message.msg_iov = &part;
            message.msg_iovlen = 1;
            message.msg_control = takes_notes_ ? control.data() : nullptr;
            message.msg_controllen = static_cast<decltype(message.msg_controllen)>(takes_notes_ ? control.size() : 0);
            const auto got = ::recvmsg(descriptor_, &message, flags);
            if (got >= 0) {
                result.sender.resize(message.msg_namelen);
                result.truncated = (message.msg_flags & MSG_TRUNC) != 0;
                if (message.msg_controllen > 0) result.local = detail::datagram_notes::of(message).local;
                if (details) *details = detail::details_note::of(message);  // all empty if nothing was reported
            }
            return got;
        },
        POLLIN, flags, time_point::min(), error);
    if (size > 0) result.bytes = buffer.first(detail::min(static_cast<std::size_t>(size), buffer.size()));
    return result;
}
inline socket::received socket::recv_from(mutable_buffer buffer, std::error_code& error, int flags) noexcept {
    alignas(cmsghdr) detail::details_note::buffer notes;  // after tell_details() the kernel reports more than the address
    return receive_datagram(buffer, notes, nullptr, flags, error);
}
inline socket::received socket::recv_from(mutable_buffer buffer, datagram_details& details, std::error_code& error,
                                          int flags) noexcept {
    alignas(cmsghdr) detail::details_note::buffer notes;
    return receive_datagram(buffer, notes, &details, flags, error);
}
inline socket::received socket::recv_from(mutable_buffer buffer, datagram_details& details, int flags) {
    std::error_code error;
    const received result = recv_from(buffer, details, error, flags);
    if (error) fail(error, "recv_from");
    return result;
}
inline socket::received socket::recv_from(mutable_buffer buffer, int flags) {
    std::error_code error;
    const received result = recv_from(buffer, error, flags);
    if (error) fail(error, "recv_from");
    return result;
}

inline void socket::send_to(const_buffer bytes, const socket_address& where, std::error_code& error,
                            int flags) noexcept {
    attempt(
        [&] {
            return ::sendto(descriptor_, bytes.data(), bytes.size(), flags | MSG_NOSIGNAL, where.data(), where.size());
        },
        POLLOUT, flags, time_point::min(), error);
}
inline void socket::send_to(const_buffer bytes, const socket_address& where, int flags) {
    std::error_code error;
    send_to(bytes, where, error, flags);
    if (error) detail::throw_error(error, "send_to ", where.to_string(), " (", std::to_string(bytes.size()), " bytes)");
}

inline void socket::send_to(const_buffer bytes, const socket_address& where, const ip_address& from,
                            std::error_code& error, int flags) noexcept {
    detail::source_note source;
    source.choose(from, error);
    if (error) return;
    if (source.size() == 0) return send_to(bytes, where, error, flags);
    iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
    msghdr message{};
    message.msg_name = const_cast<sockaddr*>(where.data());
    message.msg_namelen = where.size();
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    source.add_to(message);
    attempt([&] { return ::sendmsg(descriptor_, &message, flags | MSG_NOSIGNAL); }, POLLOUT, flags, time_point::min(),
            error);
}
inline void socket::send_to(const_buffer bytes, const socket_address& where, const ip_address& from, int flags) {
    std::error_code error;
    send_to(bytes, where, from, error, flags);
    if (error)
        detail::throw_error(error, "send_to ", where.to_string(), " from ", from.to_string(), " (",
                            std::to_string(bytes.size()), " bytes)");
}

inline std::pair<socket, socket> socket_pair(socket_type type) {
    int descriptors[2];
    if (::socketpair(AF_UNIX, static_cast<int>(type) | SOCK_CLOEXEC, 0, descriptors) != 0)
        detail::throw_error(detail::last_error(), "socketpair");
    return {socket{descriptors[0]}, socket{descriptors[1]}};
}

}  // namespace netnotes

#endif  // NETNOTES_SOCKET_SOCKET_HPP


namespace netnotes {

/// Owns a descriptor and closes it in its destructor. It can be moved, not copied.
class owned_descriptor {
  public:
    /// Creates an empty owner: is_open() returns false.
    owned_descriptor() noexcept = default;
    /// Takes over an open descriptor.
    explicit owned_descriptor(int descriptor) noexcept : descriptor_{descriptor} {}
    owned_descriptor(owned_descriptor&& other) noexcept : descriptor_{other.release()} {}
    owned_descriptor& operator=(owned_descriptor&& other) noexcept {
        owned_descriptor taken{std::move(other)};
        std::swap(descriptor_, taken.descriptor_);
        return *this;
    }
    ~owned_descriptor() {
        if (is_open()) ::close(descriptor_);
    }
    /// Returns false after release(), and for an object that was moved away.
    [[nodiscard]] bool is_open() const noexcept { return descriptor_ >= 0; }
    /// Returns the descriptor, which this object keeps; -1 if it is closed.
    [[nodiscard]] int native_handle() const noexcept { return descriptor_; }
    /// Returns the descriptor, which the caller must close.
    [[nodiscard]] int release() noexcept { return std::exchange(descriptor_, -1); }

  private:
    int descriptor_ = -1;
};

/// The most descriptors that one message can carry (SCM_MAX_FD of the kernel).
inline constexpr std::size_t max_descriptors = 253;

/// Sends the bytes, and with the first of them the descriptors. They stay open here, and the caller may close them once
/// the call has returned. At least one byte is needed, because a stream carries no message without bytes. Fails with
/// errc::invalid_argument without bytes or with more than max_descriptors. In all else it is like socket::send_all().
/// On an error the second form returns how many bytes the kernel took. If it took any, the descriptors have left as
/// well.
void send_descriptors(socket& to, std::span<const int> descriptors, const_buffer bytes);
std::size_t send_descriptors(socket& to, std::span<const int> descriptors, const_buffer bytes,
                             std::error_code& error) noexcept;

/// A message with descriptors.
struct received_descriptors {
    std::span<std::byte> bytes;                 ///< the part of the buffer that was filled; empty: end of the stream
    std::vector<owned_descriptor> descriptors;  ///< in the order of the sender, close-on-exec
    bool truncated = false;                     ///< a datagram was longer than the buffer, and its rest is lost
};
/// Receives bytes, and the descriptors that came with them. On a stream one call never mixes the bytes of two messages
/// with descriptors (unix(7)).
///
/// If a message brings more descriptors than `max_count`, all of its descriptors are closed, and the call fails with
/// errc::message_size. If this process may open no more descriptors, it fails with errc::too_many_files_open in the
/// same way. So a stranger cannot fill the process with descriptors that no code knows. The second form then still
/// returns the bytes. A plain recv() takes no descriptors: the kernel closes them.
[[nodiscard]] received_descriptors recv_descriptors(socket& from, mutable_buffer buffer, std::size_t max_count = 16);
[[nodiscard]] received_descriptors recv_descriptors(socket& from, mutable_buffer buffer, std::size_t max_count,
                                                    std::error_code& error);

/// The process at the other end of a Unix socket, at the time when it connected or called listen() or socketpair().
struct credentials {
    pid_t process = 0;
    uid_t user = 0;
    gid_t group = 0;
    friend bool operator==(const credentials&, const credentials&) = default;
};
/// Returns the credentials of a connected Unix socket's peer (SO_PEERCRED). Throws std::system_error, for example
/// errc::not_connected. For a socket of another family it is errc::operation_not_supported.
[[nodiscard]] credentials peer_credentials(const socket& connection);
[[nodiscard]] credentials peer_credentials(const socket& connection, std::error_code& error) noexcept;

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {
struct descriptor_messages {
    using room = std::array<char, CMSG_SPACE(sizeof(int) * max_descriptors)>;  // to be aligned as a cmsghdr
    /// Room for data that the kernel puts before the descriptors if the program has asked for it: the sender's
    /// credentials and its pidfd (SO_PASSCRED, SO_PASSPIDFD, unix(7)).
    static constexpr std::size_t room_before = CMSG_SPACE(sizeof(::ucred)) + CMSG_SPACE(sizeof(int));

    static std::size_t send(socket& to, std::span<const int> descriptors, const_buffer bytes,
                            std::error_code& error) noexcept {
        error = std::make_error_code(std::errc::invalid_argument);
        if (bytes.empty() || descriptors.size() > max_descriptors) return 0;
        alignas(cmsghdr) room control{};
        iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
        msghdr message{};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        if (!descriptors.empty()) {
            message.msg_control = control.data();
            message.msg_controllen =
                static_cast<decltype(message.msg_controllen)>(CMSG_SPACE(descriptors.size_bytes()));
            cmsghdr header{};
            header.cmsg_level = SOL_SOCKET;
            header.cmsg_type = SCM_RIGHTS;
            header.cmsg_len = static_cast<decltype(header.cmsg_len)>(CMSG_LEN(descriptors.size_bytes()));
            std::memcpy(control.data(), &header, sizeof header);
            std::memcpy(control.data() + CMSG_LEN(0), descriptors.data(), descriptors.size_bytes());
        }
        const time_point until = to.end_of_call();  // of both parts together
        const auto first = to.attempt([&] { return ::sendmsg(to.native_handle(), &message, MSG_NOSIGNAL); }, POLLOUT, 0,
                                      until, error);
        if (first < 0) return 0;
        const auto sent = static_cast<std::size_t>(first);
        return sent == bytes.size() ? sent : sent + to.send_all_until(bytes.subspan(sent), until, error);
    }

    static received_descriptors receive(socket& from, mutable_buffer buffer, std::size_t max_count,
                                        std::error_code& error) {
        max_count = detail::min(max_count, max_descriptors);
        received_descriptors result;
        result.descriptors.reserve(max_count + room_before / sizeof(int));  // before the call: an exception after it would lose descriptors
        alignas(cmsghdr) std::array<char, room_before + std::tuple_size_v<room>> control{};
        msghdr message{};
        const auto size = from.attempt(
            [&] {
                iovec part{buffer.data(), buffer.size()};
                message = {};
                message.msg_iov = &part;
                message.msg_iovlen = 1;
                message.msg_control = control.data();
                // CMSG_SPACE() rounds up, and the kernel would use that room for one descriptor more.
                message.msg_controllen =
                    static_cast<decltype(message.msg_controllen)>(room_before + CMSG_LEN(sizeof(int) * max_count));
                return ::recvmsg(from.native_handle(), &message, MSG_CMSG_CLOEXEC);
            },
            POLLIN, 0, time_point::min(), error);
        if (size < 0) return result;
        result.bytes = buffer.first(detail::min(static_cast<std::size_t>(size), buffer.size()));
        result.truncated = (message.msg_flags & MSG_TRUNC) != 0;
        if (message.msg_controllen > 0)
            for (cmsghdr* part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part)) {
                constexpr int pidfd_of_sender = 4;  // SCM_PIDFD, which old headers lack
                if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == pidfd_of_sender) {
                    int unwanted = -1;
                    if (read_note(*part, unwanted)) static_cast<void>(owned_descriptor{unwanted});
                }
                if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
                for (std::size_t at = CMSG_LEN(0); at + sizeof(int) <= part->cmsg_len; at += sizeof(int)) {
                    int descriptor = -1;
                    std::memcpy(&descriptor, reinterpret_cast<const char*>(part) + at, sizeof descriptor);
                    result.descriptors.emplace_back(descriptor);
                }
            }
        // Without credentials their room holds some descriptors more than the caller wants.
        if ((message.msg_flags & MSG_CTRUNC) != 0 || result.descriptors.size() > max_count) {
            error = std::make_error_code(result.descriptors.size() < max_count ? std::errc::too_many_files_open
                                                                               : std::errc::message_size);
            result.descriptors.clear();
        }
        return result;
    }

    [[noreturn]] static void fail(const socket& connection, const std::error_code& error, const char* what) {
        connection.fail_with_peer(error, what);
    }
};
}  // namespace detail

inline std::size_t send_descriptors(socket& to, std::span<const int> descriptors, const_buffer bytes,
                                    std::error_code& error) noexcept {
    return detail::descriptor_messages::send(to, descriptors, bytes, error);
}
inline void send_descriptors(socket& to, std::span<const int> descriptors, const_buffer bytes) {
    std::error_code error;
    send_descriptors(to, descriptors, bytes, error);
    if (error) detail::descriptor_messages::fail(to, error, "send_descriptors to");
}

inline received_descriptors recv_descriptors(socket& from, mutable_buffer buffer, std::size_t max_count,
                                             std::error_code& error) {
    return detail::descriptor_messages::receive(from, buffer, max_count, error);
}
inline received_descriptors recv_descriptors(socket& from, mutable_buffer buffer, std::size_t max_count) {
    std::error_code error;
    received_descriptors result = recv_descriptors(from, buffer, max_count, error);
    if (error) detail::descriptor_messages::fail(from, error, "recv_descriptors from");
    return result;
}

inline credentials peer_credentials(const socket& connection, std::error_code& error) noexcept {
    ::ucred raw{};
    const std::size_t size =
        connection.get_option(SOL_SOCKET, SO_PEERCRED, detail::room_of(raw), error);
    if (error || size < sizeof raw) return {};
    const socket_address local = connection.local_endpoint(error);
    if (!error && local.family() != address_family::local)
        error = std::make_error_code(std::errc::operation_not_supported);
    else if (!error && raw.pid == 0 && raw.uid == static_cast<uid_t>(-1))  // the kernel's word for "nobody"
        error = std::make_error_code(std::errc::not_connected);
    return error ? credentials{} : credentials{raw.pid, raw.uid, raw.gid};
}
inline credentials peer_credentials(const socket& connection) {
    std::error_code error;
    const credentials result = peer_credentials(connection, error);
    if (error) detail::throw_error(error, "peer_credentials");
    return result;
}

}  // namespace netnotes

#endif  // NETNOTES_SOCKET_DESCRIPTORS_HPP



// netnotes/socket/interfaces.hpp: the network interfaces of this machine
// SPDX-License-Identifier: MIT
//
// An interface is a place where a host meets a network: a card, a wireless adapter, the loopback inside the machine.
// Each interface has a name, a number, and any number of addresses. A socket that is bound to 0.0.0.0 or :: listens on
// all of them.
//
//        for (const net::network_interface& each : net::interfaces())          // namespace net = netnotes
//            for (const net::interface_address& mine : each.addresses)
//                std::cout << each.name << ' ' << mine.address << '\n';        // lo 127.0.0.1/8
//
//        lo    ── 127.0.0.1/8   ::1/128                      up, loopback
//        eth0  ── 192.168.1.77/24   fe80::1%2/64             up, 02:42:c0:a8:01:4d
//                      │         └── prefix: which neighbours need no router
//                      └── address: its zone is the interface's number, because fe80::/10 exists on every link
//
// On this page:  network_interface, interface_address · interfaces, interface_index
// The notes:     IP地址 (ifconfig, ip addr); example 02

#ifndef NETNOTES_SOCKET_INTERFACES_HPP
#define NETNOTES_SOCKET_INTERFACES_HPP

#include <ifaddrs.h>
#include <net/if.h>
#include <sys/socket.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>





namespace netnotes {

/// An address of an interface.
struct interface_address {
    /// The address and its network. The zone of a link-local address is the interface's number: fe80::1%2/64.
    ip_interface address;
    /// Where a datagram reaches all hosts of the network. Only an IPv4 address can have it.
    std::optional<ip_address> broadcast;
    /// The other end, when the address was given for a link of two hosts (PPP, a tunnel).
    std::optional<ip_address> peer;
};

/// An interface as it was when interfaces() asked the kernel. A value: it does not follow later changes.
struct network_interface {
    std::string name;    ///< "eth0", "lo"
    unsigned index = 0;  ///< the kernel's number, 1 and up; see interface_index(). 0 if the interface has just gone
    bool is_up = false;  ///< an administrator has switched it on
    bool is_running = false;         ///< the link works: a cable is in it, an access point answers
    bool is_loopback = false;        ///< what leaves here arrives here
    bool is_point_to_point = false;  ///< the link has exactly one other end
    bool can_broadcast = false;      ///< a datagram can reach all hosts of the link
    bool can_multicast = false;      ///< a socket can join groups on it
    /// The address below IP: six bytes as "02:42:c0:a8:01:4d" for Ethernet and Wi-Fi. Empty where the link has none.
    std::string hardware_address;
    std::vector<interface_address> addresses;  ///< in the kernel's order; other families than IP are left out
};

/// Returns the number of the network interface "eth0" or "lo" (RFC 3493 §4.1), 1 or more. Throws std::system_error if
/// no interface has that name.
[[nodiscard]] inline unsigned interface_index(const std::string& name) {
    const unsigned index = ::if_nametoindex(name.c_str());
    if (index == 0) detail::throw_error(detail::last_error(), "interface ", name);
    return index;
}

/// Returns the interfaces of this machine, or of the network namespace in which the program runs, in the kernel's
/// order. Asks the kernel each time, and does not wait for any host: getifaddrs(3). Throws std::system_error when the
/// kernel refuses (no memory, no descriptor). Threads may call it at once.
[[nodiscard]] std::vector<network_interface> interfaces();
/// Does the same, and reports a failure in `error` instead. Returns an empty list then.
[[nodiscard]] std::vector<network_interface> interfaces(std::error_code& error);

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

/// Returns the address in the kernel's structure. Returns std::nullopt for a null pointer and for other families.
inline std::optional<ip_address> ip_of(const sockaddr* from) {
    if (!from) return std::nullopt;
    const int family = from->sa_family;
    if (family != AF_INET && family != AF_INET6) return std::nullopt;
    socket_address address;
    const socklen_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    std::memcpy(address.data(), from, size);
    address.resize(size);
    return address.ip().address();
}

/// How many leading ones a netmask has. The kernel keeps prefixes, so no mask has a hole.
inline unsigned prefix_length_of(const sockaddr* mask, unsigned width) {
    // (The kernel gives no mask with an address that has no network: it stands alone.)
    const auto bits = ip_of(mask);
    if (!bits) return width;
    if (bits->is_v4()) return static_cast<unsigned>(std::countl_one(bits->v4().to_uint()));
    unsigned length = 0;
    for (const std::uint8_t octet : bits->v6().to_octets()) length += static_cast<unsigned>(std::popcount(octet));
    return length;
}

/// The kernel's struct sockaddr_ll (packet(7)). <netpacket/packet.h> and <linux/if_packet.h> both define it, and cannot
/// be included together. So a header that is copied into programs includes neither.
struct link_address {
    std::uint16_t family, protocol;
    std::int32_t interface;
    std::uint16_t type;
    std::uint8_t packet_type, size;
    std::uint8_t bytes[8];
};

/// Returns the bytes of AF_PACKET's address as text: "02:42:c0:a8:01:4d".
inline std::string hardware_address_of(const sockaddr* from) {
    link_address link{};
    std::memcpy(&link, from, sizeof link);
    const std::size_t size = detail::min<std::size_t>(link.size, sizeof link.bytes);
    std::string text;
    bool is_any = false;
    for (std::size_t i = 0; i < size; ++i) {
        if (i > 0) text += ':';
        text += {hexadecimal_digits[link.bytes[i] >> 4], hexadecimal_digits[link.bytes[i] & 0xf]};
        is_any = is_any || link.bytes[i] != 0;
    }
    return is_any ? text : std::string{};  // the loopback's address is all zeros, which is no address
}

/// Stores `other` as the peer or the broadcast address of `mine`. In getifaddrs(3) one field has both meanings:
/// ifa_dstaddr and ifa_broadaddr are the same union. The flags of the link do not decide. An Ethernet link, too, may
/// have a peer: `ip address add 10.7.0.1 peer 10.7.0.2 dev eth0`. The host bits of a broadcast address are all ones
/// (RFC 919 §7). A network of two addresses, or of a single address, has no broadcast address.
inline void set_other(interface_address& mine, const ip_address& other, const network_interface& link) {
    const network around = mine.address.network();
    if (other == mine.address.address()) return;  // without a peer, glibc repeats the address itself
    if (other.is_v4() && around.is_v4() && link.can_broadcast && around.host_width() > 1 &&
        (other.v4().to_uint() | around.netmask().v4().to_uint()) == ~std::uint32_t{0})
        mine.broadcast = other;
    else
        mine.peer = other;
}

}  // namespace detail

inline std::vector<network_interface> interfaces(std::error_code& error) {
    std::vector<network_interface> found;
    ifaddrs* list = nullptr;
    if (::getifaddrs(&list) != 0) {
        error = detail::last_error();
        return found;
    }
    error.clear();
    const struct guard {
        ifaddrs* list;
        ~guard() { ::freeifaddrs(list); }
    } freed{list};
    // The kernel lists all links first, then all IPv4 addresses, then all IPv6 addresses. An alias of old, "eth0:1", is
    // an address of eth0 with a label, not an interface.
    for (const ifaddrs* entry = list; entry; entry = entry->ifa_next) {
        const std::string_view label{entry->ifa_name};
        const std::string_view name = label.substr(0, label.find(':'));
        const auto is_same = [&](const network_interface& each) { return each.name == name; };
        auto place = detail::find_if(found.begin(), found.end(), is_same);
        if (place == found.end()) {
            network_interface added;
            added.name = name;
            added.index = ::if_nametoindex(added.name.c_str());
            added.is_up = entry->ifa_flags & IFF_UP;
            added.is_running = entry->ifa_flags & IFF_RUNNING;
            added.is_loopback = entry->ifa_flags & IFF_LOOPBACK;
            added.is_point_to_point = entry->ifa_flags & IFF_POINTOPOINT;
            added.can_broadcast = entry->ifa_flags & IFF_BROADCAST;
            added.can_multicast = entry->ifa_flags & IFF_MULTICAST;
            place = found.insert(place, std::move(added));
        }
        if (!entry->ifa_addr) continue;
        if (entry->ifa_addr->sa_family == AF_PACKET) {
            place->hardware_address = detail::hardware_address_of(entry->ifa_addr);
            continue;
        }
        const auto address = detail::ip_of(entry->ifa_addr);
        if (!address) continue;
        interface_address mine{
            ip_interface{*address, detail::prefix_length_of(entry->ifa_netmask, address->width())}, {}, {}};
        if (const auto other = detail::ip_of(entry->ifa_dstaddr)) detail::set_other(mine, *other, *place);
        place->addresses.push_back(mine);
    }
    return found;
}

inline std::vector<network_interface> interfaces() {
    std::error_code error;
    auto found = interfaces(error);
    if (error) detail::throw_error(error, "interfaces of this machine");
    return found;
}

}  // namespace netnotes

#endif  // NETNOTES_SOCKET_INTERFACES_HPP

// netnotes/socket/iostream.hpp: a connection as a C++ stream
// SPDX-License-Identifier: MIT
//
// Python's s.makefile() gives a file on a socket, so that a program can read it line by line. Here it is a
// std::iostream: std::getline, <<, >> and everything that takes a stream work on the connection.
//
//        recv ──> [ 4 KiB read, not yet taken ] ──> getline, >>
//        <<, put ──> [ 4 KiB written, not yet sent ] ──> send_all     when full, at std::flush, and before
//                                                                     every receive that may wait
//
// The flush before a receive prevents a deadlock, in which both sides wait for a question that is still in the other
// side's buffer. A timeout of the socket holds for each receive and each flush. If a receive or flush fails, the stream
// becomes bad() and error() returns the reason. The buffer itself never throws. A buffer can only report an end, so
// eof() is true as well: ask bad() first. Text arrives as the peer sends it: lines of network protocols end in "\r\n",
// and getline leaves the '\r'. The stream has no limit on a line, so it is not for peers that you do not trust.
//
// On this page:  socket_iostream
// The notes:     s.makefile() (公共用途的套接字函数); example 05

#ifndef NETNOTES_SOCKET_IOSTREAM_HPP
#define NETNOTES_SOCKET_IOSTREAM_HPP

#include <array>
#include <cstddef>
#include <istream>
#include <streambuf>
#include <system_error>
#include <utility>



namespace netnotes {

/// The buffer between a std::iostream and a connected stream socket, which it does not own.
class socket_streambuf : public std::streambuf {
  public:
    /// `stream` is the stream that uses this buffer: it becomes bad() when a receive fails. Without it a failed receive
    /// looks like the end of the stream, and error() tells the difference.
    explicit socket_streambuf(socket& connection, std::ios* stream = nullptr) noexcept
        : connection_{connection}, stream_{stream} {
        setp(out_.data(), out_.data() + out_.size());
    }
    socket_streambuf(const socket_streambuf&) = delete;
    socket_streambuf& operator=(const socket_streambuf&) = delete;
    ~socket_streambuf() override { socket_streambuf::sync(); }  // its own: what is derived from it is gone

    /// Returns why the stream is bad, or no error after an orderly end.
    [[nodiscard]] const std::error_code& error() const noexcept { return error_; }

  protected:
    int_type underflow() override {
        if (sync() != 0) return fail();
        const std::size_t size = connection_.recv(in_, error_);
        if (error_) return fail();
        setg(in_.data(), in_.data(), in_.data() + size);
        return size == 0 ? traits_type::eof() : traits_type::to_int_type(*gptr());
    }
    int_type overflow(int_type c) override {
        if (sync() != 0) return traits_type::eof();
        if (traits_type::eq_int_type(c, traits_type::eof())) return traits_type::not_eof(c);
        return sputc(traits_type::to_char_type(c));
    }
    int sync() override {
        const auto pending = static_cast<std::size_t>(pptr() - pbase());
        if (pending == 0) return 0;
        // After a failed send nothing more is sent, because it would arrive behind a gap. After a failed receive the
        // conversation can continue, for example if the peer was only late.
        if (!send_error_) connection_.send_all(std::span{out_}.first(pending), send_error_);
        setp(out_.data(), out_.data() + out_.size());  // sent or lost
        error_ = send_error_;
        return error_ ? -1 : 0;
    }

  private:
    /// Makes the stream bad. setstate() sets the state before it throws. The exception must not leave a buffer. If the
    /// program has asked for exceptions, the stream itself throws afterwards.
    int_type fail() noexcept {
        try {
            if (stream_) stream_->setstate(std::ios::badbit);
        } catch (const std::ios_base::failure&) {
        }
        return traits_type::eof();
    }

    socket& connection_;
    std::ios* stream_;
    std::error_code error_, send_error_;
    std::array<char, 4096> in_{};
    std::array<char, 4096> out_{};
};

/// A std::iostream on a connection. It owns the socket. The destructor sends the buffered bytes and closes the socket.
/// If the peer does not read, the destructor waits, so give the socket a timeout.
/// Use it only with sockets that wait: `set_blocking(false)` would make every pause of the peer an error.
class socket_iostream : public std::iostream {
  public:
    explicit socket_iostream(socket connection)
        : std::iostream{nullptr}, connection_{std::move(connection)}, buffer_{connection_, this} {
        rdbuf(&buffer_);
    }
    /// Returns the connection, for example for its options and its deadline.
    [[nodiscard]] socket& connection() noexcept { return connection_; }
    [[nodiscard]] const std::error_code& error() const noexcept { return buffer_.error(); }

  private:
    socket connection_;
    socket_streambuf buffer_;
};

}  // namespace netnotes

#endif  // NETNOTES_SOCKET_IOSTREAM_HPP



// netnotes/socket/random.hpp: a key that nobody guesses
// SPDX-License-Identifier: MIT
//
// A secret must come from the kernel. It gathers what nobody can predict, such as the times of interrupts, and makes a
// stream of random bytes of that. A clock is no secret: a stranger knows the hour, and tries its microseconds.
//
//        interrupts, devices ──> the kernel's generator ── getrandom(2) ──> key ──> keyed_hash
//
// On this page:  random_key()
// Below it:      ip/keyed_hash.hpp
// The notes:     tcp半链接攻击; example 35

#ifndef NETNOTES_SOCKET_RANDOM_HPP
#define NETNOTES_SOCKET_RANDOM_HPP

#include <sys/auxv.h>
#include <sys/random.h>

#include <cstring>



namespace netnotes {

/// Returns a new random key. Does not wait. Each process has 16 random bytes of the kernel (AT_RANDOM, getauxval(3)).
/// They are the key if the kernel has no better ones yet, which happens only while the machine boots.
[[nodiscard]] inline keyed_hash::key random_key() noexcept {
    keyed_hash::key made;
    static_assert(sizeof made == 16);
    if (::getrandom(&made, sizeof made, GRND_NONBLOCK) != sizeof made)
        if (const void* const at_start = reinterpret_cast<const void*>(::getauxval(AT_RANDOM)))
            std::memcpy(&made, at_start, sizeof made);
    return made;
}

}  // namespace netnotes

#endif  // NETNOTES_SOCKET_RANDOM_HPP

// netnotes/socket/resolve.hpp: the names of hosts
// SPDX-License-Identifier: MIT
//
// People use names of hosts, and packets carry addresses. A resolver turns a name into addresses, often several:
// "localhost" may be ::1 and 127.0.0.1. It asks the file /etc/hosts, then the name servers (DNS).
//
//        resolve("www.example.org", 80)      ──> 2001:db8::1, 192.0.2.1        in the order in which to try them
//        resolve_name(192.0.2.1)             ──> "web7.example.net"            the way back, if the owner has set it
//        canonical_name("www.example.org")   ──> "web7.example.net"            the name behind the aliases
//
// A name server may not answer, and the resolver then blocks for many seconds. Each function therefore takes a time
// limit and a stop.
//
// On this page:  resolve · resolve_hints · canonical_name · resolve_name · resolver_category
// Above it:      tcp/connect.hpp, which tries the addresses; coro/lookup.hpp, the same for tasks
// The notes:     socket 简单服务器 (gethostname); examples 01 and 10

#ifndef NETNOTES_SOCKET_RESOLVE_HPP
#define NETNOTES_SOCKET_RESOLVE_HPP

#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>






namespace netnotes {

/// Returns the category of the errors of name resolution, with the system's words: "Name or service not known".
[[nodiscard]] const std::error_category& resolver_category() noexcept;

/// The most threads of calls with a time limit or a stop at a time. Threads that such calls left behind count, too.
inline constexpr int max_resolver_threads = 128;

/// Restrictions of the answers of resolve(): getaddrinfo(3).
struct resolve_hints {
    address_family family = address_family::unspecified;  ///< inet or inet6 for only this family.
    socket_type type = socket_type::stream;
    bool to_bind = false;  ///< an empty host is then the wildcard address, else the loopback address.
    /// Takes only an address, not a name, and as service only a number. Then no file and no name server is asked.
    bool numeric_only = false;
};

/// Returns the endpoints of a host (name or address) and a service (name or number), in the order in which to try them
/// (RFC 6724). It blocks, for seconds if a name server does not answer: getaddrinfo(3). The forms with a timeout below
/// limit that.
///
/// A service that begins like a number (a digit, a sign, a space) must be a decimal number from 0 to 65535. Otherwise
/// the error is EAI_SERVICE, because getaddrinfo() would take 65616 for port 80, and " 80" and "+80" as well. Some
/// hosts are numbers for inet_aton(3) but not for ip_address: `127.1`, `0177.0.0.1`, `0x7f000001`, `2130706433`. For
/// such a host the error is EAI_NONAME. Otherwise a filter in front of this function could see a different address (RFC
/// 6943 §3.1.1).
[[nodiscard]] std::vector<endpoint> resolve(const std::string& host, const std::string& service,
                                            resolve_hints hints = {});
[[nodiscard]] std::vector<endpoint> resolve(const std::string& host, const std::string& service, resolve_hints hints,
                                            std::error_code& error);
/// Returns the endpoints of a host and a port. It takes any integer, so a number beyond 65535 is an error and not a
/// different port.
template <std::integral Port>
[[nodiscard]] std::vector<endpoint> resolve(const std::string& host, Port port, resolve_hints hints = {}) {
    return resolve(host, std::to_string(port), hints);
}

/// Does the same as resolve() above, but waits no longer than `timeout` (errc::timed_out) and not beyond a stop
/// (errc::operation_canceled; nullptr: no stop). getaddrinfo(3) cannot be interrupted. So it runs in a thread of its
/// own, which the caller leaves behind when the time is up; it ends when the name server has answered or failed. If the
/// host is an address or empty, no thread is started. A timeout of zero finds only such a host.
///
/// If no name server answers, each call leaves a thread behind for a while. So that they do not pile up, at most
/// max_resolver_threads run in a process. A further call fails at once with errc::resource_unavailable_try_again.
[[nodiscard]] std::vector<endpoint> resolve(const std::string& host, const std::string& service, resolve_hints hints,
                                            wait_time timeout, const stop_event* stop = nullptr);
[[nodiscard]] std::vector<endpoint> resolve(const std::string& host, const std::string& service, resolve_hints hints,
                                            wait_time timeout, const stop_event* stop, std::error_code& error);

/// Returns the official name of a host, behind all aliases (AI_CANONNAME): `www.example.org` may be `web7.example.net`.
/// Returns an address as it is. The time limit is that of resolve(). Throws std::system_error.
[[nodiscard]] std::string canonical_name(const std::string& host, wait_time timeout = never,
                                         const stop_event* stop = nullptr);

/// Returns the name of the host that has this address (getnameinfo(3)), or nullopt if it has no name. The port does not
/// matter. The time limit is that of resolve(). Throws std::system_error if no name server answers.
///
/// The owner of an address chooses its name and may lie. Before you trust the name, resolve() it and compare.
[[nodiscard]] std::optional<std::string> resolve_name(const endpoint& where, wait_time timeout = never,
                                                      const stop_event* stop = nullptr);

// ========================================================================================================
// How it is done
// ========================================================================================================

inline const std::error_category& resolver_category() noexcept {
    static const struct final_category final : std::error_category {
        [[nodiscard]] const char* name() const noexcept override { return "resolver"; }
        [[nodiscard]] std::string message(int code) const override {
            if (code == EAI_SERVICE) return "unknown service, or a port beyond 65535";
            return ::gai_strerror(code);
        }
    } category;
    return category;
}

namespace detail {
/// Returns true if the service begins as strtol(3) lets a number begin. Of service names (RFC 6335 §5.1) only names
/// like "3com-tsmux" begin so, with a digit, and they hold a letter behind it.
inline bool is_like_number(std::string_view service) noexcept {
    if (service.empty()) return false;
    if (digit_value(service.front()) > 9)
        return std::string_view{"+- \t\n\v\f\r"}.find(service.front()) != service.npos;
    if (service.starts_with("0x") || service.starts_with("0X")) return true;
    for (const char c : service)
        if (('a' <= c && c <= 'z') || ('A' <= c && c <= 'Z')) return false;
    return true;
}
inline bool is_port(std::string_view service) noexcept {
    std::uint32_t port = 0;
    parse_failure why;
    return read_number(service.data(), service.data() + service.size(), 65535, port, why);
}
/// Returns true if inet_aton(3), which getaddrinfo() calls first, reads the host as an IPv4 address but we do not. It
/// takes one to four numbers, decimal, octal or hexadecimal, and reads no further than a space.
inline bool is_number_of_old(std::string_view host) noexcept {
    host = host.substr(0, host.find_first_of(" \t\n\v\f\r"));
    if (host.empty() || digit_value(host.front()) > 9 || ipv4_address::parse(host)) return false;
    for (;;) {
        const std::string_view part = host.substr(0, host.find('.'));
        const bool is_hexadecimal = part.starts_with("0x") || part.starts_with("0X");
        for (const char c : part.substr(is_hexadecimal ? 2 : 0))
            if (is_hexadecimal ? hexadecimal_value[static_cast<unsigned char>(c)] >= 16 : digit_value(c) > 9) return false;
        if (part.size() == host.size()) return true;
        host.remove_prefix(part.size() + 1);
    }
}
}  // namespace detail

inline std::vector<endpoint> resolve(const std::string& host, const std::string& service, resolve_hints hints,
                                     std::error_code& error) {
    // C would read only the text before a NUL. The name "*" is glibc's old word for an empty host, so a name from a
    // stranger could reach this host by it.
    if (host.find('\0') != host.npos || service.find('\0') != service.npos || host == "*" ||
        detail::is_number_of_old(host)) {
        error = {EAI_NONAME, resolver_category()};
        return {};
    }
    if (detail::is_like_number(service) && !detail::is_port(service)) {
        error = {EAI_SERVICE, resolver_category()};
        return {};
    }
    addrinfo wanted{};
    wanted.ai_family = static_cast<int>(hints.family);
    wanted.ai_socktype = static_cast<int>(hints.type);  // one answer for each address, not for every type
    wanted.ai_flags = (hints.to_bind ? AI_PASSIVE : 0) | (hints.numeric_only ? AI_NUMERICHOST | AI_NUMERICSERV : 0);
    addrinfo* found = nullptr;
    const int code = ::getaddrinfo(host.empty() ? nullptr : host.c_str(), service.empty() ? nullptr : service.c_str(),
                                   &wanted, &found);
    error = code == EAI_SYSTEM ? detail::last_error()
            : code != 0        ? std::error_code{code, resolver_category()}
                               : std::error_code{};
    std::vector<endpoint> endpoints;
    if (error) return endpoints;
    const struct guard {
        addrinfo* list;
        ~guard() { ::freeaddrinfo(list); }
    } freed{found};
    for (const addrinfo* entry = found; entry; entry = entry->ai_next) {
        socket_address address;
        std::memcpy(address.data(), entry->ai_addr, entry->ai_addrlen);
        address.resize(entry->ai_addrlen);
        if (address.is_ip()) endpoints.push_back(address.ip());
    }
    return endpoints;
}
namespace detail {
/// For messages: "www.example.org:80", "[2001:db8::1]:80". A host may come from a stranger, so control characters are
/// escaped.
inline std::string with_service(std::string_view host, std::string_view service) {
    const bool has_colons = host.find(':') != host.npos;
    return joined(has_colons ? "[" : "", visible(host), has_colons ? "]" : "", service.empty() ? "" : ":",
                  visible(service));
}
}  // namespace detail
inline std::vector<endpoint> resolve(const std::string& host, const std::string& service, resolve_hints hints) {
    std::error_code error;
    auto endpoints = resolve(host, service, hints, error);
    if (error) detail::throw_error(error, "resolve ", detail::with_service(host, service));
    return endpoints;
}

// ---- within a time limit

namespace detail {
/// Counts the threads of the resolver in this process.
class resolver_threads {
  public:
    /// Counts one more, or returns false if there are as many as may be.
    static bool begin() noexcept {
        // A child of fork() has none of these threads, because only the thread that calls fork() is copied.
        static const int forks = ::pthread_atfork(nullptr, nullptr, [] { running_ = 0; });
        static_cast<void>(forks);
        if (running_.fetch_add(1) < max_resolver_threads) return true;
        end();
        return false;
    }
    static void end() noexcept { running_.fetch_sub(1); }

  private:
    static inline std::atomic<int> running_{0};
};

/// A call of the resolver in a thread of its own. Two hold it: the caller and the thread. The last owner deletes it.
class resolver_call {
  public:
    resolver_call(const resolver_call&) = delete;
    resolver_call& operator=(const resolver_call&) = delete;

    /// Runs the call and waits for its end. With an error the thread may still run, so its results must not be read.
    void finish(time_point until, const stop_event* stop, std::error_code& error) noexcept {
        if (until == time_point::max() && !stop) {
            error.clear();
            return run();
        }
        if (until <= clock::now()) {  // a fast resolver would win against a timeout of zero, but only sometimes
            error = std::make_error_code(std::errc::timed_out);
            return;
        }
        event_ = ::eventfd(0, EFD_CLOEXEC);
        if (event_ < 0) {
            error = last_error();
            return;
        }
        if (!resolver_threads::begin()) {
            error = std::make_error_code(std::errc::resource_unavailable_try_again);
            return;
        }
        // The new thread blocks all signals, so that the kernel delivers them to the program's own threads.
        sigset_t all, before;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &before);
        holders_ = 2;
        pthread_t thread;
        const int failure = ::pthread_create(&thread, nullptr, &resolver_call::work, this);
        ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
        if (failure != 0) {
            resolver_threads::end();
            holders_ = 1;
            error = {failure, std::system_category()};
            return;
        }
        ::pthread_detach(thread);
        wait_for(event_, POLLIN, stop, until, error);
        // The eventfd has reported the end, so this loop ends at once. The atomic makes the thread's results visible.
        while (!error && !has_ended_.load(std::memory_order_acquire)) {
        }
    }
    struct release {  // for std::unique_ptr, or any owner that calls it
        void operator()(resolver_call* call) const noexcept {
            if (--call->holders_ == 0) delete call;
        }
    };

  protected:
    resolver_call() noexcept = default;
    virtual ~resolver_call() {
        if (event_ >= 0) ::close(event_);
    }
    virtual void run() noexcept = 0;

  private:
    static void* work(void* object) noexcept {
        auto* const call = static_cast<resolver_call*>(object);
        call->run();
        resolver_threads::end();
        call->has_ended_.store(true, std::memory_order_release);
        constexpr std::uint64_t one = 1;
        static_cast<void>(!::write(call->event_, &one, sizeof one));
        release{}(call);
        return nullptr;
    }
    std::atomic<int> holders_{1};
    std::atomic<bool> has_ended_{false};
    int event_ = -1;
};
/// Owns the caller's share of a call.
template <class Call>
class held_call {
  public:
    explicit held_call(Call* call) noexcept : call_{call} {}
    held_call(const held_call&) = delete;
    held_call& operator=(const held_call&) = delete;
    ~held_call() { resolver_call::release{}(call_); }
    Call* operator->() const noexcept { return call_; }

  private:
    Call* call_;
};

struct resolving final : resolver_call {
    resolving(const std::string& of_host, const std::string& of_service, resolve_hints with)
        : host{of_host}, service{of_service}, hints{with} {}
    void run() noexcept override {
        try {
            found = resolve(host, service, hints, error);
        } catch (...) {
            error = std::make_error_code(std::errc::not_enough_memory);
        }
    }
    const std::string host, service;
    const resolve_hints hints;
    std::vector<endpoint> found;
    std::error_code error;
};
struct resolving_canonical final : resolver_call {
    explicit resolving_canonical(const std::string& of_host) : host{of_host} {}
    void run() noexcept override {
        addrinfo wanted{}, *list = nullptr;
        wanted.ai_socktype = SOCK_STREAM;
        wanted.ai_flags = AI_CANONNAME;
        code = ::getaddrinfo(host.c_str(), nullptr, &wanted, &list);
        if (code == EAI_SYSTEM) system_error = errno;
        if (code != 0) return;
        try {
            name = list->ai_canonname ? list->ai_canonname : host;
        } catch (...) {
            code = EAI_MEMORY;
        }
        ::freeaddrinfo(list);
    }
    const std::string host;
    std::string name;
    int code = 0, system_error = 0;
};
struct resolving_name final : resolver_call {
    explicit resolving_name(const socket_address& of) noexcept : address{of} {}
    void run() noexcept override {
        code = ::getnameinfo(address.data(), address.size(), name, sizeof name, nullptr, 0, NI_NAMEREQD);
        if (code == EAI_SYSTEM) system_error = errno;
    }
    const socket_address address;
    char name[NI_MAXHOST] = {};
    int code = 0, system_error = 0;
};
inline std::error_code resolver_error(int code, int system_error) noexcept {
    if (code == EAI_SYSTEM) return {system_error, std::system_category()};
    return code == 0 ? std::error_code{} : std::error_code{code, resolver_category()};
}
}  // namespace detail

inline std::vector<endpoint> resolve(const std::string& host, const std::string& service, resolve_hints hints,
                                     wait_time timeout, const stop_event* stop, std::error_code& error) {
    if (hints.numeric_only || host.empty() || ip_address::parse(host)) return resolve(host, service, hints, error);
    const detail::held_call call{new detail::resolving{host, service, hints}};
    call->finish(timeout == never ? time_point::max() : detail::end_of(timeout), stop, error);
    if (error) return {};
    error = call->error;
    return std::move(call->found);
}
inline std::vector<endpoint> resolve(const std::string& host, const std::string& service, resolve_hints hints,
                                     wait_time timeout, const stop_event* stop) {
    std::error_code error;
    auto endpoints = resolve(host, service, hints, timeout, stop, error);
    if (error) detail::throw_error(error, "resolve ", detail::with_service(host, service));
    return endpoints;
}

inline std::string canonical_name(const std::string& host, wait_time timeout, const stop_event* stop) {
    std::error_code error;
    if (ip_address::parse(host)) return host;
    const bool is_bad = host.empty() || host.find('\0') != host.npos || host == "*" || detail::is_number_of_old(host);
    if (is_bad) detail::throw_error({EAI_NONAME, resolver_category()}, "canonical name of ", visible(host));
    const detail::held_call call{new detail::resolving_canonical{host}};
    call->finish(timeout == never ? time_point::max() : detail::end_of(timeout), stop, error);
    if (!error) error = detail::resolver_error(call->code, call->system_error);
    if (error) detail::throw_error(error, "canonical name of ", visible(host));
    return std::move(call->name);
}

inline std::optional<std::string> resolve_name(const endpoint& where, wait_time timeout, const stop_event* stop) {
    std::error_code error;
    const detail::held_call call{new detail::resolving_name{socket_address{where}}};
    call->finish(timeout == never ? time_point::max() : detail::end_of(timeout), stop, error);
    if (!error && call->code == EAI_NONAME) return std::nullopt;
    if (!error) error = detail::resolver_error(call->code, call->system_error);
    if (error) detail::throw_error(error, "name of ", where.address().to_string());
    return std::string{call->name};
}

}  // namespace netnotes

#endif  // NETNOTES_SOCKET_RESOLVE_HPP


// netnotes/socket/stale.hpp: the file that a Unix socket leaves behind
// SPDX-License-Identifier: MIT
//
// A Unix socket with a path makes a file, and close() does not remove it. If a server ends without unlink(2), for
// example because it was killed, the file stays. The next start then fails: "Address already in use". To remove every
// such file before bind() would be wrong: it takes the path away from a server that runs.
//
//        /run/my.sock  ── no socket is bound to it ────> stale: may be replaced
//                      ── a socket is bound to it ─────> in use, even if it does not accept just now
//                      ── it is no socket ─────────────> another kind of file: never removed
//
//        net::socket listener{net::address_family::local, net::socket_type::stream};
//        net::bind_replacing_stale(listener, net::unix_endpoint{"/run/my.sock"});
//        listener.listen();
//
// On this page:  is_stale · bind_replacing_stale
// The notes:     bind, close (公共用途的套接字函数); unix(7)

#ifndef NETNOTES_SOCKET_STALE_HPP
#define NETNOTES_SOCKET_STALE_HPP

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>




namespace netnotes {

/// Returns true if the path is a socket to which no open socket is bound any more. An abstract name is never stale. The
/// check makes no connection, so a running server does not notice it. Throws std::system_error if the answer cannot be
/// found, for example errc::permission_denied.
[[nodiscard]] bool is_stale(const unix_endpoint& where);
[[nodiscard]] bool is_stale(const unix_endpoint& where, std::error_code& error) noexcept;

/// Binds like socket::bind(), but replaces a stale socket at that path. Throws errc::address_in_use if a socket is bound
/// there or if the file is no socket. If two processes do this at the same time, one of them gets the path and the other
/// gets the error: the folder is locked meanwhile (flock(2)). If the folder cannot be locked, it replaces nothing and
/// throws that error: errc::permission_denied, for example, in a folder that this process may not read.
void bind_replacing_stale(socket& unbound, const unix_endpoint& where);
void bind_replacing_stale(socket& unbound, const unix_endpoint& where, std::error_code& error);

// ========================================================================================================
// How it is done
// ========================================================================================================

inline bool is_stale(const unix_endpoint& where, std::error_code& error) noexcept {
    error.clear();
    if (where.is_abstract() || where.is_unnamed()) return false;
    struct stat status {};
    if (::lstat(where.name().c_str(), &status) != 0) {
        if (errno != ENOENT) error = detail::last_error();
        return false;
    }
    if (!S_ISSOCK(status.st_mode)) return false;
    // A datagram socket: its connect() only looks who is there. For a stream socket that is there it fails with
    // EPROTOTYPE, and the server sees no client.
    socket probe{address_family::local, socket_type::datagram, 0, error};
    if (error) return false;
    probe.connect(where, error);  // does not wait
    const bool is_refused = error == std::errc::connection_refused;
    // A datagram socket that is connected to another socket refuses us with EPERM. It is in use.
    if (is_refused || error == std::errc::wrong_protocol_type || error == std::errc::operation_not_permitted ||
        error == std::errc::no_such_file_or_directory)
        error.clear();
    return is_refused;
}
inline bool is_stale(const unix_endpoint& where) {
    std::error_code error;
    const bool result = is_stale(where, error);
    if (error) detail::throw_error(error, "is_stale ", where.to_string());
    return result;
}

inline void bind_replacing_stale(socket& unbound, const unix_endpoint& where, std::error_code& error) {
    unbound.bind(where, error);
    if (error != std::errc::address_in_use || where.is_abstract()) return;
    const std::error_code in_use = error;
    const std::string& path = where.name();
    const auto slash = path.rfind('/');
    const std::string folder = slash == path.npos ? "." : path.substr(0, slash + 1);
    const owned_descriptor lock{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    std::error_code not_locked = lock.is_open() ? std::error_code{} : detail::last_error();
    while (lock.is_open() && ::flock(lock.native_handle(), LOCK_EX) != 0) {
        if (errno == EINTR) continue;
        not_locked = detail::last_error();
        break;
    }
    if (!is_stale(where, error)) {
        error = in_use;
        return;
    }
    if (not_locked) {
        error = not_locked;
        return;
    }
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
        error = detail::last_error();
        return;
    }
    unbound.bind(where, error);
}
inline void bind_replacing_stale(socket& unbound, const unix_endpoint& where) {
    std::error_code error;
    bind_replacing_stale(unbound, where, error);
    if (error) detail::throw_error(error, "bind ", where.to_string());
}

}  // namespace netnotes

#endif  // NETNOTES_SOCKET_STALE_HPP




// netnotes/socket/whole_file.hpp: a file that is whole or not there
// SPDX-License-Identifier: MIT
//
// A program that writes what it receives straight into a file leaves half a file when the connection breaks. The next
// program takes that half for the whole, and the old content is lost. So the bytes go into another file, in the same
// folder and without a name. It gets the name when all bytes are there:
//
//        (no name: O_TMPFILE)  <── write, write, write ... finish():  link(2), which never replaces,
//        kernel.img                                                   and rename(2), which replaces in one step
//
// A file without a name vanishes with the process that has it, even if that is killed. Where a file system knows no
// such files it has a name that nobody asks for, ".netnotes-part-...", until then.
//
// On this page:  existing_file; for authors of downloads: whole_file
// Above it:      tftp/file.hpp, http/download.hpp
// The notes:     tftp 客户端 示例代码 (`open(name, "w")`); open(2), rename(2)

#ifndef NETNOTES_SOCKET_WHOLE_FILE_HPP
#define NETNOTES_SOCKET_WHOLE_FILE_HPP

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>



// netnotes/socket/owner.hpp: a pointer that owns
// SPDX-License-Identifier: MIT
//
// An owner deletes its object when it is destroyed, so no path out of a function can forget the object:
//
//     first{new object}            first ──> object
//     second{std::move(first)}     second ──> object        `first` is empty now
//
// std::unique_ptr does the same. But <memory> takes five times as long to compile as this page. So a chapter that needs
// only an owner, such as tcp/reader.hpp, includes this page.
//
// On this page:  owner

#ifndef NETNOTES_SOCKET_OWNER_HPP
#define NETNOTES_SOCKET_OWNER_HPP

#include <cstddef>
#include <utility>

namespace netnotes::detail {

/// Releases an object with delete.
template <class T>
struct deleting {
    void operator()(T* object) const noexcept { delete object; }
};
/// Releases an array with delete[].
template <class T>
struct deleting<T[]> {
    void operator()(T* first) const noexcept { delete[] first; }
};
/// Names the type of the object, or of an element if T is an array.
template <class T>
struct owned {
    using type = T;
};
template <class T>
struct owned<T[]> {
    using type = T;
};

/// Owns an object, or an array if T is `U[]`. Calls `Release{}(object)` when the owner is destroyed. It can be moved,
/// not copied.
template <class T, class Release = deleting<T>>
class owner {
  public:
    /// Names the type that the owner points to.
    using element = typename owned<T>::type;

    /// Makes an empty owner.
    constexpr owner() noexcept = default;
    /// Makes an empty owner.
    constexpr owner(std::nullptr_t) noexcept {}
    /// Takes the object. nullptr makes an empty owner.
    constexpr explicit owner(element* object) noexcept : object_{object} {}
    /// Takes the object of `other`, which is empty afterwards.
    constexpr owner(owner&& other) noexcept : object_{other.release()} {}
    /// Takes the object of `other`, which is empty afterwards, and releases the old object.
    constexpr owner& operator=(owner&& other) noexcept {
        reset(other.release());
        return *this;
    }
    /// Releases the object, if there is one.
    constexpr ~owner() {
        if (object_) Release{}(object_);
    }

    /// Returns the object, which the caller now owns, and leaves this owner empty.
    [[nodiscard]] constexpr element* release() noexcept { return std::exchange(object_, nullptr); }
    /// Takes `object`, then releases the old object, if there is one.
    constexpr void reset(element* object = nullptr) noexcept {
        if (element* const old = std::exchange(object_, object)) Release{}(old);
    }
    /// Returns the object, which this owner keeps; nullptr if it is empty.
    [[nodiscard]] constexpr element* get() const noexcept { return object_; }
    /// Returns the object. The owner must not be empty.
    [[nodiscard]] constexpr element& operator*() const noexcept { return *object_; }
    /// Accesses a member of the object. The owner must not be empty.
    [[nodiscard]] constexpr element* operator->() const noexcept { return object_; }
    /// Returns an element of the array. `index` is not checked.
    [[nodiscard]] constexpr element& operator[](std::size_t index) const noexcept { return object_[index]; }
    /// Returns true if it owns an object.
    constexpr explicit operator bool() const noexcept { return object_ != nullptr; }

  private:
    element* object_ = nullptr;
};

}  // namespace netnotes::detail

#endif  // NETNOTES_SOCKET_OWNER_HPP


namespace netnotes {

/// The fate of an old file that has the name of the new file.
enum class existing_file {
    keep,     ///< it stays, and the new file fails: errc::file_exists
    replace,  ///< by the new file, when the new file is whole
};

static_assert(sizeof(off_t) >= 8, "files of 2 GiB and more need a 64-bit off_t: compile with -D_FILE_OFFSET_BITS=64");

namespace detail {

/// An open file.
class file_descriptor {
  public:
    file_descriptor() noexcept = default;
    explicit file_descriptor(int number) noexcept : number_{number} {}
    file_descriptor(file_descriptor&& other) noexcept : number_{std::exchange(other.number_, -1)} {}
    file_descriptor& operator=(file_descriptor&& other) noexcept {
        std::swap(number_, other.number_);
        return *this;
    }
    ~file_descriptor() {
        if (number_ >= 0) ::close(number_);
    }
    [[nodiscard]] int number() const noexcept { return number_; }
    [[nodiscard]] bool is_open() const noexcept { return number_ >= 0; }

  private:
    int number_ = -1;
};

/// A file that appears under its name when it is whole, and not before. If this is destroyed earlier there is nothing.
class whole_file {
  public:
    /// Makes the file beside its target. Throws std::system_error with the path: errc::file_exists, permission_denied,
    /// no_such_file_or_directory for the folder, ...; errc::operation_not_permitted where the target is no regular
    /// file.
    explicit whole_file(const std::string& path, existing_file policy = existing_file::replace);
    /// Makes the file in an open folder. `name` has no slash.
    whole_file(file_descriptor folder, std::string name, existing_file policy)
        : whole_file{std::move(folder), name, policy, name} {}
    whole_file(whole_file&& other) noexcept;
    whole_file& operator=(whole_file&&) = delete;
    ~whole_file();

    /// Takes the next bytes. Small pieces gather until they are worth a system call.
    void write(std::span<const std::byte> bytes, std::error_code& error) noexcept;
    /// Asks the file system for room, and sets errc::no_space_on_device if it has too little. No room is reserved,
    /// because otherwise a stranger could take the whole disk with one datagram.
    void expect(std::uint64_t size, std::error_code& error) noexcept;
    /// Gives the file its name. Sets errc::file_exists if the name was taken meanwhile and the old file is to be kept.
    void finish(std::error_code& error) noexcept;

  private:
    whole_file(file_descriptor folder, std::string name, existing_file policy, const std::string& shown);
    bool make_unnamed() noexcept;
    void make_part(const std::string& shown);
    void write_out(const std::byte* bytes, std::size_t size, std::error_code& error) noexcept;
    void flush(std::error_code& error) noexcept;
    int give_name() noexcept;

    static constexpr std::size_t write_behind = 16 * 1024;
    file_descriptor folder_, file_;
    std::string name_, part_;  // in that folder
    existing_file policy_;
    detail::owner<std::byte[]> buffer_{};
    std::size_t gathered_ = 0;
    bool has_part_ = false;  // under that name; else it is without one, or done
};

// ========================================================================================================
// How it is done
// ========================================================================================================

inline constexpr std::string_view part_prefix = ".netnotes-part-";
/// Another one each time.
inline std::string part_name() {
    static std::atomic<unsigned> number{0};
    std::string name{part_prefix};
    name += std::to_string(::getpid());
    name += '-';
    return name += std::to_string(++number);
}

/// The name is a stranger's, perhaps, and what() goes to a log: see quoted().
[[noreturn]] inline void throw_system(int code, const char* attempt, std::string_view name) {
    throw std::system_error{code, std::system_category(), attempt + netnotes::quoted(name)};
}
inline std::string folder_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    return slash == path.npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}
inline std::string name_in_folder(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    return slash == path.npos ? path : path.substr(slash + 1);
}
inline file_descriptor open_folder(const std::string& path) {
    file_descriptor folder{::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
    if (!folder.is_open()) throw_system(errno, "open the folder ", path);
    return folder;
}
/// "/proc/self/fd/7": what a descriptor stands for, as a path.
class descriptor_path {
  public:
    explicit descriptor_path(int number) noexcept {
        char* const end = detail::copy_n(prefix.data(), prefix.size(), text_.data());
        *std::to_chars(end, text_.data() + text_.size() - 1, number).ptr = '\0';
    }
    [[nodiscard]] const char* c_str() const noexcept { return text_.data(); }

  private:
    static constexpr std::string_view prefix = "/proc/self/fd/";
    std::array<char, prefix.size() + 12> text_{};
};

inline whole_file::whole_file(const std::string& path, existing_file policy)
    : whole_file{open_folder(folder_of(path)), name_in_folder(path), policy, path} {}
inline whole_file::whole_file(file_descriptor folder, std::string name, existing_file policy, const std::string& shown)
    : folder_{std::move(folder)}, name_{std::move(name)}, policy_{policy} {
    if (name_.empty()) throw_system(EISDIR, "create ", shown);
    struct stat status {};
    if (::fstatat(folder_.number(), name_.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) {
        // Said early, for the peer need not send anything then; what counts is finish().
        if (policy_ == existing_file::keep) throw_system(EEXIST, "create ", shown);
        if (!S_ISREG(status.st_mode)) throw_system(EPERM, "replace what is no file, ", shown);
    } else if (errno != ENOENT)
        throw_system(errno, "create ", shown);
    if (!make_unnamed()) make_part(shown);
    // Who replaces a file does not mean to change who may read it.
    if (status.st_nlink > 0) static_cast<void>(::fchmod(file_.number(), status.st_mode & 0777));
}
/// Without a name; it will be named by way of /proc. False where there is no /proc, or no such file can be made.
inline bool whole_file::make_unnamed() noexcept {
    const descriptor_path here{folder_.number()};
    file_ = file_descriptor{::open(here.c_str(), O_WRONLY | O_TMPFILE | O_CLOEXEC, 0666)};
    return file_.is_open();
}
inline void whole_file::make_part(const std::string& shown) {
    do {
        part_ = part_name();
        file_ = file_descriptor{
            ::openat(folder_.number(), part_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666)};
    } while (!file_.is_open() && errno == EEXIST);  // of one killed; NOLINT(clang-analyzer-unix.Errno): openat set it
    if (!file_.is_open()) throw_system(errno, "create ", shown);
    has_part_ = true;
}
inline whole_file::whole_file(whole_file&& other) noexcept
    : folder_{std::move(other.folder_)},
      file_{std::move(other.file_)},
      name_{std::move(other.name_)},
      part_{std::move(other.part_)},
      policy_{other.policy_},
      buffer_{std::move(other.buffer_)},
      gathered_{other.gathered_},
      has_part_{std::exchange(other.has_part_, false)} {}
inline whole_file::~whole_file() {
    if (has_part_) ::unlinkat(folder_.number(), part_.c_str(), 0);
}

inline void whole_file::expect(std::uint64_t size, std::error_code& error) noexcept {
    struct statvfs disk {};
    if (size > static_cast<std::uint64_t>(std::numeric_limits<off_t>::max()))
        error = std::make_error_code(std::errc::file_too_large);
    else if (::fstatvfs(file_.number(), &disk) == 0 && disk.f_blocks > 0 && size / disk.f_frsize > disk.f_bavail)
        error = std::make_error_code(std::errc::no_space_on_device);
}
inline void whole_file::write(std::span<const std::byte> bytes, std::error_code& error) noexcept {
    if (bytes.size() >= write_behind / 2) {  // large blocks are worth a system call each
        flush(error);
        if (!error) write_out(bytes.data(), bytes.size(), error);
        return;
    }
    if (!buffer_) buffer_.reset(new (std::nothrow) std::byte[write_behind]);
    if (!buffer_) {
        error = std::make_error_code(std::errc::not_enough_memory);
        return;
    }
    while (!bytes.empty() && !error) {
        const std::size_t size = detail::min(bytes.size(), write_behind - gathered_);
        std::memcpy(buffer_.get() + gathered_, bytes.data(), size);
        gathered_ += size;
        bytes = bytes.subspan(size);
        if (gathered_ == write_behind) flush(error);
    }
}
inline void whole_file::write_out(const std::byte* bytes, std::size_t size, std::error_code& error) noexcept {
    while (size > 0) {
        const ssize_t written = ::write(file_.number(), bytes, size);
        if (written >= 0) {
            bytes += written;
            size -= static_cast<std::size_t>(written);
        } else if (errno != EINTR) {
            error = {errno, std::system_category()};
            return;
        }
    }
}
inline void whole_file::flush(std::error_code& error) noexcept {
    write_out(buffer_.get(), std::exchange(gathered_, 0), error);
}
inline void whole_file::finish(std::error_code& error) noexcept {
    flush(error);
    // NFS tells of a full disk only at close(2). So a duplicate is closed before the file gets its name: the file
    // itself might be gone once it is closed.
    if (error) return;
    if (const int same = ::dup(file_.number()); same >= 0 && ::close(same) != 0)
        error = {errno, std::system_category()};
    if (error) return;
    if (const int failure = give_name(); failure != 0) error = {failure, std::system_category()};
}
/// Gives errno, or 0.
inline int whole_file::give_name() noexcept try {
    const int folder = folder_.number();
    if (!has_part_) {
        const descriptor_path here{file_.number()};
        const auto link_as = [&](const std::string& name) {
            return ::linkat(AT_FDCWD, here.c_str(), folder, name.c_str(), AT_SYMLINK_FOLLOW) == 0;
        };
        if (policy_ == existing_file::keep) return link_as(name_) ? 0 : errno;
        do part_ = part_name();
        while (!(has_part_ = link_as(part_)) && errno == EEXIST);
        if (!has_part_) return errno;
    }
    if (policy_ == existing_file::keep) {
        // By its number, because musl has had the function only since 1.2.5.
        constexpr unsigned no_replace = 1;  // RENAME_NOREPLACE, linux/fs.h
        if (::syscall(SYS_renameat2, folder, part_.c_str(), folder, name_.c_str(), no_replace) != 0) {
            if (errno != EINVAL && errno != ENOSYS) return errno;
            // It cannot do that; then a second name, and the destructor takes away the first.
            return ::linkat(folder, part_.c_str(), folder, name_.c_str(), 0) == 0 ? 0 : errno;
        }
    } else if (::renameat(folder, part_.c_str(), folder, name_.c_str()) != 0)
        return errno;
    has_part_ = false;
    return 0;
} catch (const std::bad_alloc&) {
    return ENOMEM;
}

}  // namespace detail
}  // namespace netnotes

#endif  // NETNOTES_SOCKET_WHOLE_FILE_HPP


#endif  // NETNOTES_SOCKET_HPP
