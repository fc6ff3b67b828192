// netnotes 0.2.0, lan.hpp in one file: copy it, include it, and nothing else is needed. Do not edit:
// include/single/generate.cmake made it from include/netnotes/lan.hpp, where it can be read in chapters.
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
// netnotes/lan.hpp: a network on your desk: hubs, switches, hosts and routers, simulated
// SPDX-License-Identifier: MIT
//
// This module is what the notes use Packet Tracer for. You connect devices by cables, send a ping, and watch each frame on its
// way. All of it happens inside your program: the module has no socket, no clock and no thread, and cannot touch a real
// network.
//
//        lan::network net{7};                                    // 7: the seed of everything that happens by chance
//        auto& a = net.host("A", "10.0.1.2/24");
//        auto& b = net.host("B", "10.0.1.3/24");
//        auto& s = net.learning_switch("S");
//        net.connect(a, s);
//        net.connect(b, s, {.delay = 10ms, .loss = lan::per_cent(1)});
//        const auto& result = a.ping("10.0.1.3");
//        net.run();                                              // until nothing happens any more
//        std::cout << result.text() << s.tables();
//        net.save(file);                                         // a capture file: Wireshark opens it
//
// The frames are real: every byte is what a real host would send, and packet.hpp reads them. Time is virtual, so an hour costs
// nothing. Equal programs with equal seeds give equal bytes, on every machine and with every compiler. So a transcript can
// be a test, and a fault that was seen once can be seen again.
//
// The simulation knows IPv4 only, no IPv6. It has no spanning tree, no VLANs, no DHCP, and of the routing protocols RIP.
//
// Chapters, lowest first:
//     lan/event.hpp           virtual time, chance, and the list of what happens next
//     lan/cable.hpp           frames, and what a cable does to them
//     lan/network.hpp         nodes, cables between them, and the loop that moves frames
//     lan/switch.hpp          hubs and switches
//     lan/arp.hpp             which card has this IP address?
//     lan/route.hpp           where next? The table of routes
//     lan/fragment.hpp        cutting a packet that is too long for a link
//     lan/message.hpp         what programs and IP tell each other
//     lan/ip_node.hpp         what hosts and routers have in common
//     lan/host.hpp            hosts, with ping and traceroute
//     lan/nat.hpp             many hosts behind one address
//     lan/rip.hpp             routers that tell each other their routes
//     lan/router.hpp          routers
//     lan/net_file.hpp        networks written as text
//     lan/print.hpp           what happened, as text
//     lan/draw.hpp            maps and sequence diagrams, as text
//     lan/svg.hpp             maps and sequence diagrams, as pictures
//     lan/tcp_settings.hpp    the numbers of a TCP, and the wait before it sends again
//     lan/tcp_queues.hpp      bytes before they are acknowledged, and bytes before they are read
//     lan/tcp_congestion.hpp  how much may be under way
//     lan/tcp_sender.hpp      what leaves a TCP, and when
//     lan/tcp_machine.hpp     one end of a TCP connection, without a net and without a clock
//     lan/tcp_cookie.hpp      initial sequence numbers that nobody guesses, and SYN cookies
//     lan/tcp_listener.hpp    a port at which connections arrive
//     lan/tcp_stack.hpp       the TCP of a host: connections, listeners, and the table between them
//     lan/name_service.hpp    name servers and resolvers
//     lan/attacks.hpp         attacks, inside the simulation only, and a guard against one of them
//
// The notes:     Packet Tracer (sections N85 to N87), 子网掩码 (N26), tcp半链接攻击, dns攻击, arp攻击 (N60 to N63)

#ifndef NETNOTES_LAN_HPP
#define NETNOTES_LAN_HPP


// netnotes/lan/arp.hpp: which card has this IP address? The cache of answers
// SPDX-License-Identifier: MIT
//
// A host that sends an IP packet to a neighbour needs the address of the neighbour's card. It asks all cards of the
// link and keeps the answer (RFC 826). An answer may become wrong, so each entry has a state (RFC 4861 §7.3 for IPv6;
// Linux does the same for ARP, arp(7)):
//
//                    first packet                  answer                       30 s
//          (no entry) ──────────▶ incomplete ─────────────────▶ reachable ──────────────▶ stale
//                                     │ three questions,            ▲                       │ next packet
//                                     │ a second apart              │ answer                ▼
//                                     ▼                             └────── probe ◀────── delay
//                                  failed ◀─── three questions ───────────────┘     5 s
//
//          incomplete   packets wait in a queue; if no answer comes, their senders get "host unreachable"
//          stale        the address is used, but it must be checked soon
//          probe        asks the known card only
//          permanent    entered by the administrator: never asked, never changed
//
// Nothing proves that an answer is true. A question tells the address of the asking host as well, and the host that is
// asked believes it. That saves a question, and is how ARP spoofing works. Static entries are a defence.
//
// On this page:  arp_state · arp_settings · arp_cache
// The notes:     ARP; Packet Tracer; ARP欺骗 (ARP spoofing)

#ifndef NETNOTES_LAN_ARP_HPP
#define NETNOTES_LAN_ARP_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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

// netnotes/packet/names.hpp: the words that every chapter of packet uses
// SPDX-License-Identifier: MIT
//
// A frame is a nest of layers. Each header names the protocol of the next header, with a number of a registry:
//
//        ┌─ Ethernet ──────────┬─ IPv4 ───────────────┬─ TCP ────────────┬─ payload ─┐
//        │ ether_type 0x0800 ──┼> ip_protocol 6 ──────┼> ports 40944 80  │ GET / …   │
//        └─────────────────────┴──────────────────────┴──────────────────┴───────────┘
//
// A network card has an address, too: 48 bits, of which the first three bytes name the manufacturer (IEEE 802). It is
// valid on one link only. A router replaces it at every hop, whereas the IP addresses stay.
//
//        constexpr packet::mac_address card{"02:00:5e:10:00:01"};
//        static_assert(!card.is_multicast() && card.is_locally_administered());
//
// A header that cannot be read is reported as a packet_failure: which layer, why, and at which byte of the frame. Two
// kinds differ. A *malformed* header was sent so, or was damaged on its way. A frame that is *cut short* was whole on
// the wire, but the capture kept its beginning only (tcpdump -s 96).
//
// On this page:  layer · packet_failure · link_type · ether_type · ip_protocol · mac_address
// The notes:     TCP/IP协议(族), 各协议之间的关系

#ifndef NETNOTES_PACKET_NAMES_HPP
#define NETNOTES_PACKET_NAMES_HPP

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>



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


namespace netnotes::packet {

// ---- Layers and failures -------------------------------------------------------------------------------

/// The headers that this module knows, from the outside of a frame to its inside.
enum class layer : std::uint8_t {
    ethernet,
    vlan,
    arp,
    ipv4,
    ipv6,
    ipv6_extension,
    icmp,
    icmpv6,
    udp,
    tcp,
    dns,
    payload,
    capture,  ///< no header of the frame, but the file in which the frame was recorded
};

/// Returns the name of a layer as the protocol's RFC writes it, for example `IPv4`.
[[nodiscard]] constexpr std::string_view to_string(layer which) noexcept {
    constexpr std::string_view names[]{"Ethernet", "VLAN", "ARP", "IPv4", "IPv6",    "IPv6 extension", "ICMP",
                                       "ICMPv6",   "UDP",  "TCP", "DNS",  "payload", "capture file"};
    const auto index = static_cast<std::size_t>(which);
    return index < std::size(names) ? names[index] : "unknown layer";
}

/// Says which header could not be read, why, and where. It is a literal type and allocates nothing; only message()
/// composes the sentence. A default-constructed object stands for success and converts to false.
class packet_failure {
  public:
    constexpr packet_failure() noexcept = default;
    /// Reports a malformed header. In the pattern '%' stands for `value` and '#' for `limit`. The pattern must outlive
    /// the failure: in this module it is always a literal. `offset` counts the bytes before the offending field.
    constexpr packet_failure(layer where, std::size_t offset, const char* pattern, std::uint32_t value = 0,
                             std::uint32_t limit = 0) noexcept
        : pattern_{pattern}, offset_{offset}, value_{value}, limit_{limit}, where_{where} {}
    /// Returns a failure which says that the capture ends inside a header. `present` bytes of the `needed` bytes are
    /// there, and the header begins at `offset`.
    [[nodiscard]] static constexpr packet_failure cut_short(layer where, std::size_t offset, std::size_t present,
                                                            std::size_t needed) noexcept {
        packet_failure failure{where, offset + present, "cut short: % of # bytes are there",
                               static_cast<std::uint32_t>(present), static_cast<std::uint32_t>(needed)};
        failure.is_cut_short_ = true;
        return failure;
    }

    /// Returns true if something failed.
    [[nodiscard]] constexpr explicit operator bool() const noexcept { return pattern_ != nullptr; }
    /// Returns the layer whose header could not be read.
    [[nodiscard]] constexpr layer where() const noexcept { return where_; }
    /// Returns the place of the offending field, in bytes from the beginning of the frame. If only a header was parsed,
    /// the place counts from the beginning of the header. If the capture is cut short, it is the place of its end.
    [[nodiscard]] constexpr std::size_t offset() const noexcept { return offset_; }
    /// Returns true if more bytes would be needed and the capture has no more. Returns false for a malformed header.
    [[nodiscard]] constexpr bool is_cut_short() const noexcept { return is_cut_short_; }
    /// Returns this failure as a malformed header, with another reason, at the beginning of the header that lacks
    /// bytes. A length field, not the capture, has left too few bytes for it.
    [[nodiscard]] constexpr packet_failure as_malformed(const char* pattern) const noexcept {
        packet_failure other = *this;
        other.pattern_ = pattern;
        other.offset_ -= value_;
        other.is_cut_short_ = false;
        return other;
    }
    /// Returns the reason as it was given, with its placeholders; it is the same text for all failures of a kind.
    [[nodiscard]] constexpr std::string_view pattern() const noexcept { return pattern_ ? pattern_ : ""; }
    /// Moves the place by `bytes`: a header that was parsed alone begins there in its frame.
    constexpr void shift(std::size_t bytes) noexcept { offset_ += bytes; }
    /// Returns a sentence, for example `TCP: data offset is 3 words, below 5, at byte 46`. Returns "" for success.
    [[nodiscard]] std::string message() const;

    /// Compares everything; two reasons are equal if their texts are.
    friend constexpr bool operator==(const packet_failure& a, const packet_failure& b) noexcept {
        return a.pattern() == b.pattern() && a.offset_ == b.offset_ && a.value_ == b.value_ && a.limit_ == b.limit_ &&
               a.where_ == b.where_ && a.is_cut_short_ == b.is_cut_short_;
    }

  private:
    const char* pattern_ = nullptr;
    std::size_t offset_ = 0;  // of a capture file, too, which may have more than 4 GiB
    std::uint32_t value_ = 0;
    std::uint32_t limit_ = 0;
    layer where_ = layer::ethernet;
    bool is_cut_short_ = false;
};

inline std::string packet_failure::message() const {
    if (!*this) return {};
    std::string text{to_string(where_)};
    text += ": ";
    for (const char c : pattern()) {
        if (c == '%' || c == '#')
            text += std::to_string(c == '%' ? value_ : limit_);
        else
            text += c;
    }
    return netnotes::detail::joined(text, ", at byte ", std::to_string(offset_));
}

// ---- Numbers of registries -----------------------------------------------------------------------------

/// Says with which header a captured frame begins: the LINKTYPE_ values of pcap and pcapng files
/// (tcpdump.org/linktypes).
enum class link_type : std::uint16_t {
    null_loopback = 0,      ///< four bytes with the address family, in the byte order of the capturing host (BSD)
    ethernet = 1,           ///< Ethernet II or IEEE 802.3
    raw_ip = 101,           ///< no header: the first nibble says IPv4 or IPv6
    loop = 108,             ///< like null_loopback, in network byte order (OpenBSD)
    linux_cooked = 113,     ///< 16 bytes that Linux writes for the interface "any"
    raw_ipv4 = 228,         ///< no header: IPv4
    raw_ipv6 = 229,         ///< no header: IPv6
    linux_cooked_v2 = 276,  ///< 20 bytes, the newer form
};

/// Names the protocol inside an Ethernet frame (IEEE 802.3 §3.2.6; the registry is IANA's "IEEE 802 Numbers"). A number
/// below 0x0600 is not an ether_type but a length.
enum class ether_type : std::uint16_t {
    ipv4 = 0x0800,
    arp = 0x0806,
    wake_on_lan = 0x0842,
    vlan = 0x8100,  ///< IEEE 802.1Q, a customer's tag
    ipv6 = 0x86dd,
    slow_protocols = 0x8809,  ///< link aggregation
    mpls = 0x8847,
    pppoe_discovery = 0x8863,
    pppoe_session = 0x8864,
    eapol = 0x888e,
    provider_vlan = 0x88a8,  ///< IEEE 802.1ad, a provider's tag outside of the customer's
    lldp = 0x88cc,
    old_provider_vlan = 0x9100,  ///< what switches used before 802.1ad
};

/// Returns the name of the protocol, or "" for a number that this module does not name.
[[nodiscard]] constexpr std::string_view to_string(ether_type type) noexcept {
    switch (type) {
        case ether_type::ipv4: return "IPv4";
        case ether_type::arp: return "ARP";
        case ether_type::wake_on_lan: return "Wake-on-LAN";
        case ether_type::vlan: return "802.1Q VLAN";
        case ether_type::ipv6: return "IPv6";
        case ether_type::slow_protocols: return "slow protocols";
        case ether_type::mpls: return "MPLS";
        case ether_type::pppoe_discovery: return "PPPoE discovery";
        case ether_type::pppoe_session: return "PPPoE session";
        case ether_type::eapol: return "EAPOL";
        case ether_type::provider_vlan: return "802.1ad VLAN";
        case ether_type::lldp: return "LLDP";
        case ether_type::old_provider_vlan: return "VLAN 0x9100";
    }
    return "";
}

/// Names the protocol inside an IP packet (IANA's "Protocol Numbers"). IPv6 numbers its extension headers here, too.
enum class ip_protocol : std::uint8_t {
    hop_by_hop = 0,  ///< IPv6 extension
    icmp = 1,
    igmp = 2,
    ipv4 = 4,  ///< IPv4 inside IP, a tunnel
    tcp = 6,
    udp = 17,
    ipv6 = 41,      ///< IPv6 inside IP, a tunnel
    routing = 43,   ///< IPv6 extension
    fragment = 44,  ///< IPv6 extension
    gre = 47,
    esp = 50,
    authentication = 51,  ///< IPv6 extension, and a header of IPv4
    icmpv6 = 58,
    no_next_header = 59,       ///< IPv6: nothing follows
    destination_options = 60,  ///< IPv6 extension
    ospf = 89,
    pim = 103,
    vrrp = 112,
    sctp = 132,
    mobility = 135,  ///< IPv6 extension
    udp_lite = 136,
    host_identity = 139,  ///< IPv6 extension
    shim6 = 140,          ///< IPv6 extension
};

/// Returns the name of the protocol, or "" for a number that this module does not name.
[[nodiscard]] constexpr std::string_view to_string(ip_protocol protocol) noexcept {
    switch (protocol) {
        case ip_protocol::hop_by_hop: return "hop-by-hop options";
        case ip_protocol::icmp: return "ICMP";
        case ip_protocol::igmp: return "IGMP";
        case ip_protocol::ipv4: return "IPv4";
        case ip_protocol::tcp: return "TCP";
        case ip_protocol::udp: return "UDP";
        case ip_protocol::ipv6: return "IPv6";
        case ip_protocol::routing: return "routing";
        case ip_protocol::fragment: return "fragment";
        case ip_protocol::gre: return "GRE";
        case ip_protocol::esp: return "ESP";
        case ip_protocol::authentication: return "authentication";
        case ip_protocol::icmpv6: return "ICMPv6";
        case ip_protocol::no_next_header: return "no next header";
        case ip_protocol::destination_options: return "destination options";
        case ip_protocol::ospf: return "OSPF";
        case ip_protocol::pim: return "PIM";
        case ip_protocol::vrrp: return "VRRP";
        case ip_protocol::sctp: return "SCTP";
        case ip_protocol::mobility: return "mobility";
        case ip_protocol::udp_lite: return "UDP-Lite";
        case ip_protocol::host_identity: return "HIP";
        case ip_protocol::shim6: return "Shim6";
    }
    return "";
}

// ---- The address of a network card ---------------------------------------------------------------------

/// The address of a network card: 48 bits (IEEE 802 §8.2, "MAC address", EUI-48). A regular value; it sorts as a
/// number.
class mac_address : public netnotes::detail::printable<mac_address> {
  public:
    static constexpr unsigned width = 48;             ///< bits
    static constexpr std::size_t text_capacity = 17;  ///< room that the text needs

    /// Creates 00:00:00:00:00:00, which no card has. ARP requests hold it for the address that they ask for.
    constexpr mac_address() noexcept = default;
    /// Takes the number of which 0x0200'5e10'0001 is 02:00:5e:10:00:01. The upper 16 bits are dropped.
    constexpr explicit mac_address(std::uint64_t value) noexcept : value_{value & 0xffff'ffff'ffff} {}
    /// Takes six octets in the order in which they are written, which is also the order of the wire.
    constexpr explicit mac_address(const std::array<std::uint8_t, 6>& octets) noexcept {
        for (const std::uint8_t octet : octets) value_ = value_ << 8 | octet;
    }
    /// Reads six groups of two hexadecimal digits, separated by colons or by hyphens. Throws parse_error.
    constexpr explicit mac_address(std::string_view text) {
        parse_failure why;
        const auto read = parse(text, why);
        if (!read) throw parse_error{"MAC address", text, why};
        *this = *read;
    }
    /// Reads a text like the constructor, but returns nullopt for an unreadable text; `why` then names the error.
    static constexpr std::optional<mac_address> parse(std::string_view text, parse_failure& why) noexcept {
        std::uint64_t value = 0;
        for (std::size_t i = 0; i < text_capacity; ++i) {
            if (i == text.size()) return why = parse_failure{"a MAC address has 17 characters", i}, std::nullopt;
            const auto c = static_cast<unsigned char>(text[i]);
            const bool is_separator = i % 3 == 2;
            const unsigned digit = netnotes::detail::hexadecimal_value[c];
            const bool fits =
                is_separator ? (c == ':' || c == '-') && c == static_cast<unsigned char>(text[2]) : digit < 16;
            if (!fits) return why = parse_failure{"unexpected character @", i, 0, c}, std::nullopt;
            if (!is_separator) value = value << 4 | digit;
        }
        if (text.size() > text_capacity)
            return why = parse_failure{"a MAC address has 17 characters", text_capacity}, std::nullopt;
        return mac_address{value};
    }
    static constexpr std::optional<mac_address> parse(std::string_view text) noexcept {
        parse_failure why;
        return parse(text, why);
    }
    /// Returns ff:ff:ff:ff:ff:ff: every card on the link.
    static constexpr mac_address broadcast() noexcept { return mac_address{0xffff'ffff'ffff}; }

    /// Returns the address as a number below 2^48, or as its six octets.
    [[nodiscard]] constexpr std::uint64_t to_uint() const noexcept { return value_; }
    [[nodiscard]] constexpr std::array<std::uint8_t, 6> to_octets() const noexcept {
        std::array<std::uint8_t, 6> octets{};
        for (unsigned i = 0; i < 6; ++i) octets[i] = static_cast<std::uint8_t>(value_ >> (40 - 8 * i));
        return octets;
    }
    /// Returns true for 00:00:00:00:00:00.
    [[nodiscard]] constexpr bool is_unspecified() const noexcept { return value_ == 0; }
    /// Returns true for ff:ff:ff:ff:ff:ff.
    [[nodiscard]] constexpr bool is_broadcast() const noexcept { return value_ == 0xffff'ffff'ffff; }
    /// Returns true if the address names a group: the lowest bit of the first octet, which is sent first. A broadcast
    /// is a group, too.
    [[nodiscard]] constexpr bool is_multicast() const noexcept { return (value_ >> 40 & 1) != 0; }
    /// Returns true if an administrator or a program chose the address, not a manufacturer.
    [[nodiscard]] constexpr bool is_locally_administered() const noexcept { return (value_ >> 40 & 2) != 0; }
    /// Returns the first 24 bits, which the IEEE assigns to a manufacturer (OUI).
    [[nodiscard]] constexpr std::uint32_t manufacturer() const noexcept {
        return static_cast<std::uint32_t>(value_ >> 24);
    }

    /// Returns a well-mixed hash without a secret: a hostile peer can choose colliding addresses.
    [[nodiscard]] constexpr std::uint64_t hash() const noexcept { return netnotes::detail::mix(value_); }
    /// Writes 17 characters and returns their end.
    constexpr char* write(char* out) const noexcept {
        for (int shift = 40; shift >= 0; shift -= 8) {
            *out++ = netnotes::detail::hexadecimal_digits[value_ >> (shift + 4) & 0xf];
            *out++ = netnotes::detail::hexadecimal_digits[value_ >> shift & 0xf];
            if (shift > 0) *out++ = ':';
        }
        return out;
    }

    friend constexpr auto operator<=>(const mac_address&, const mac_address&) noexcept = default;

  private:
    std::uint64_t value_ = 0;
};

}  // namespace netnotes::packet

#endif  // NETNOTES_PACKET_NAMES_HPP

// netnotes/lan/network.hpp: nodes, cables between them, and the loop that moves frames
// SPDX-License-Identifier: MIT
//
// A network holds nodes and cables. A node is anything with ports: a host, a switch, or a class of your own. It hears
// of two things only: a frame has arrived at a port, or a time has come.
//
//        class repeater : public lan::node {
//          public:
//            repeater(lan::network& net, std::string_view name) : node{net, name} { add_ports(2); }
//            std::string_view kind() const noexcept override { return "repeater"; }
//            void receive(unsigned port, const lan::frame& frame) override { send(1 - port, frame); }
//        };
//        ...
//        auto& r = net.add<repeater>("R");
//        net.connect(a, r);                           // takes the next free port; r[1] names a certain port
//
// The network moves in three ways. step() goes on to the next frame that arrives somewhere: it is the button "Forward"
// of Packet Tracer. run() goes on until nothing happens any more. run_until() goes on to a point in time.
//
// Everything that entered a cable is kept, also what the cable lost: passages() returns it, and save() writes a capture
// file with an interface for each cable, which Wireshark opens.
//
// On this page:  port · node · passage · cable · network
// The notes:     Packet Tracer; examples 32 to 34

#ifndef NETNOTES_LAN_NETWORK_HPP
#define NETNOTES_LAN_NETWORK_HPP

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>


// netnotes/packet/pcapng.hpp: pcapng, the capture file with interfaces and comments
// SPDX-License-Identifier: MIT
//
// Wireshark writes this format. The file is a row of blocks. Each begins with its type and ends with its length again,
// so a reader can skip a block that it does not know:
//
//        4 bytes   4 bytes    length - 12 bytes, a multiple of 4                       4 bytes
//       ┌────────┬──────────┬────────────────────────────────────────────────────────┬──────────┐
//       │  type  │  length  │ fixed part │ data │ options: code, size, value; …; 0 0 │  length  │
//       └────────┴──────────┴────────────────────────────────────────────────────────┴──────────┘
//
//        0a0d0d0a   begins a section: byte order, version. Joining two files gives a file with two sections.
//        1          describes an interface: link type, snapshot length; options: its name, how long a tick is
//        6          a packet: interface, time, sizes, bytes; options: comments
//        3          a packet without a time, of the section's first interface
//        2          a packet, as older programs wrote it
//
// Interfaces are numbered anew in each section. The reader here counts them through the whole file, so that an index
// means one interface.
//
// On this page:  pcapng_reader · pcapng_writer
// Source:        draft-ietf-opsawg-pcapng
// The notes:     Wireshark (N84); example 30

#ifndef NETNOTES_PACKET_PCAPNG_HPP
#define NETNOTES_PACKET_PCAPNG_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <optional>
#include <ostream>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>


// netnotes/packet/record.hpp: a captured packet, and the time at which it was captured
// SPDX-License-Identifier: MIT
//
// A capture file is a list of records. Each record has the bytes of a packet, its size on the wire, and a time. The
// two sizes differ if the program that captured kept only the beginning of each packet (its *snapshot length*).
//
// A time in a file is a number of ticks. How long a tick is, differs from file to file, and in pcapng from interface to
// interface. Its option if_tsresol has one byte:
//
//        bit 7       bits 6 to 0
//       ┌───┬───────────────────┐
//       │ 0 │         6         │    a tick has 10^-6 seconds, which is also what counts without the option
//       ├───┼───────────────────┤
//       │ 1 │        10         │    a tick has 2^-10 seconds
//       └───┴───────────────────┘
//
// Here every time becomes a count of nanoseconds since 1970, rounded down. The ticks remain beside it.
//
// On this page:  capture_time · time_resolution · max_record_size · capture_options · capture_interface, capture_record
// The notes:     Wireshark (N84); example 30

#ifndef NETNOTES_PACKET_RECORD_HPP
#define NETNOTES_PACKET_RECORD_HPP

#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <optional>
#include <span>
#include <string_view>




namespace netnotes::packet {

/// A point in time, in nanoseconds since 1970-01-01 00:00 UTC. It can name the years from 1678 to 2261.
using capture_time = std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds>;

/// How long a tick of a capture file is. A regular value; no operation throws.
class time_resolution {
  public:
    /// Creates 10^-6 seconds, which counts where a file names no resolution.
    constexpr time_resolution() noexcept = default;
    /// Takes the byte of the option if_tsresol (draft-ietf-opsawg-pcapng §4.2). Every byte is valid.
    constexpr explicit time_resolution(std::uint8_t if_tsresol) noexcept : byte_{if_tsresol} {}
    /// Returns 10^-9 seconds.
    static constexpr time_resolution nanoseconds() noexcept { return time_resolution{9}; }

    /// Returns the resolution as the option if_tsresol writes it.
    [[nodiscard]] constexpr std::uint8_t to_byte() const noexcept { return byte_; }
    /// Returns true if the unit is a power of two, and false if it is a power of ten.
    [[nodiscard]] constexpr bool is_binary() const noexcept { return byte_ >= 0x80; }
    /// Returns n of 10^-n or 2^-n seconds, from 0 to 127.
    [[nodiscard]] constexpr unsigned exponent() const noexcept { return byte_ & 0x7fu; }

    /// Returns the time of `ticks` ticks after 1970, moved by `offset` seconds (if_tsoffset), rounded down to
    /// nanoseconds. Returns nullopt if 64 bits of nanoseconds cannot hold the time.
    [[nodiscard]] constexpr std::optional<capture_time> at(std::uint64_t ticks, std::int64_t offset = 0) const noexcept;

    friend constexpr bool operator==(time_resolution, time_resolution) noexcept = default;

  private:
    std::uint8_t byte_ = 6;
};

namespace detail {

/// Reads a number that begins at byte `at`. The bytes must be there.
template <class Number>
constexpr Number number_at(std::span<const std::byte> bytes, std::size_t at, bool big_endian) noexcept {
    return big_endian ? load<Number, std::endian::big>(bytes.data() + at)
                      : load<Number, std::endian::little>(bytes.data() + at);
}
inline std::string_view as_text(std::span<const std::byte> bytes) noexcept {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
/// Returns true if the bytes, fewer than four, are those with which the big-endian number begins.
constexpr bool begins_as(std::span<const std::byte> bytes, std::uint32_t number) noexcept {
    for (std::size_t i = 0; i < bytes.size(); ++i)
        if (bytes[i] != static_cast<std::byte>(number >> (24 - 8 * i))) return false;
    return true;
}
/// Returns the size that an item of pcapng takes in the file: a multiple of 4.
constexpr std::size_t padded(std::size_t size) noexcept { return (size + 3) & ~std::size_t{3}; }

}  // namespace detail

/// The largest record or block of a capture file that is read or written, with its headers: 16 MiB, which is also
/// libpcap's bound for a block. A record that claims more is malformed. So the memory that a reader of pieces needs has
/// a bound, whatever a length in the file claims.
inline constexpr std::uint32_t max_record_size = 16 << 20;

/// An option of a pcapng block: a number that says what it is, and its value without padding.
struct capture_option {
    static constexpr std::uint16_t end = 0, comment = 1, interface_name = 2, interface_description = 3,
                                   interface_time_resolution = 9, interface_time_offset = 14, section_application = 4;
    std::uint16_t code = 0;
    std::span<const std::byte> value;

    /// Returns the value as text, up to the first NUL, which some programs write at its end. The text may hold any
    /// other byte: use visible() before you print it.
    [[nodiscard]] std::string_view text() const noexcept {
        const std::string_view whole = detail::as_text(value);
        return whole.substr(0, whole.find('\0'));
    }
};

/// The options of a block, read one after the other while you iterate. A broken option ends the list: what came before
/// it stays. The bytes must outlive the list. Nothing here throws or allocates.
class capture_options {
  public:
    constexpr capture_options() noexcept = default;
    /// Takes the bytes behind a block's fixed part.
    constexpr capture_options(std::span<const std::byte> bytes, bool big_endian) noexcept
        : bytes_{bytes}, big_endian_{big_endian} {}

    /// Reads the next option with each step.
    class iterator {
      public:
        using value_type = capture_option;
        using difference_type = std::ptrdiff_t;
        constexpr iterator() noexcept = default;
        constexpr explicit iterator(const capture_options& whole) noexcept
            : rest_{whole.bytes_}, big_endian_{whole.big_endian_} {
            read();
        }
        constexpr const capture_option& operator*() const noexcept { return now_; }
        constexpr const capture_option* operator->() const noexcept { return &now_; }
        constexpr iterator& operator++() noexcept { return read(), *this; }
        constexpr void operator++(int) noexcept { read(); }
        friend constexpr bool operator==(const iterator& a, std::default_sentinel_t) noexcept { return a.ended_; }

      private:
        constexpr void read() noexcept {
            ended_ = true;
            if (rest_.size() < 4) return;
            now_.code = detail::number_at<std::uint16_t>(rest_, 0, big_endian_);
            const std::size_t size = detail::number_at<std::uint16_t>(rest_, 2, big_endian_);
            if (now_.code == capture_option::end || detail::padded(size) > rest_.size() - 4) return;
            now_.value = rest_.subspan(4, size);
            rest_ = rest_.subspan(4 + detail::padded(size));
            ended_ = false;
        }
        std::span<const std::byte> rest_;
        capture_option now_;
        bool big_endian_ = false, ended_ = true;
    };
    [[nodiscard]] constexpr iterator begin() const noexcept { return iterator{*this}; }
    [[nodiscard]] constexpr std::default_sentinel_t end() const noexcept { return {}; }

    /// Returns the first option of this code, or nullopt.
    [[nodiscard]] constexpr std::optional<capture_option> find(std::uint16_t code) const noexcept {
        for (const capture_option& option : *this)
            if (option.code == code) return option;
        return std::nullopt;
    }
    /// Returns the text of the first option of this code, or an empty text.
    [[nodiscard]] std::string_view text(std::uint16_t code) const noexcept {
        const auto found = find(code);
        return found ? found->text() : std::string_view{};
    }

  private:
    friend class capture_reader;  // which moves the bytes
    std::span<const std::byte> bytes_;
    bool big_endian_ = false;
};

/// Where packets were captured. A pcap file has a single interface without a name.
struct capture_interface {
    link_type link{};
    std::uint32_t snapshot_length = 0;  ///< most bytes that were kept of a packet; 0 means all
    time_resolution resolution{};
    std::int64_t time_offset = 0;  ///< seconds, which every time of this interface lacks (if_tsoffset)
    capture_options options{};     ///< of pcapng

    /// Returns the name, such as `eth0`, or an empty text. Use visible() before you print it.
    [[nodiscard]] std::string_view name() const noexcept { return options.text(capture_option::interface_name); }
    [[nodiscard]] std::string_view description() const noexcept {
        return options.text(capture_option::interface_description);
    }
};

/// A captured packet. It points into the file's bytes, which must outlive it.
struct capture_record {
    std::span<const std::byte> bytes;  ///< what was captured
    std::size_t original_size = 0;     ///< bytes on the wire, at least bytes.size() in a file that tells the truth
    /// When it was captured. nullopt if the file does not say (a simple packet block), or if a capture_time cannot hold
    /// it.
    std::optional<capture_time> time{};
    std::uint64_t ticks = 0;          ///< the time as it stands in the file; see capture_interface::resolution
    std::size_t interface_index = 0;  ///< into interfaces() of the reader, counted through all sections
    link_type link{};                 ///< what the packet begins with
    capture_options options{};        ///< of pcapng
    std::size_t offset = 0;           ///< where the record begins in the file

    /// Returns true if the capture kept less of the packet than was on the wire.
    [[nodiscard]] constexpr bool is_cut_short() const noexcept { return bytes.size() < original_size; }
    /// Returns the first comment, or an empty text. Use visible() before you print it.
    [[nodiscard]] std::string_view comment() const noexcept { return options.text(capture_option::comment); }
};

namespace detail {

/// The common end of the readers' loops: `for (const capture_record& record : reader)`.
template <class Reader>
class record_iterator {
  public:
    using value_type = capture_record;
    using difference_type = std::ptrdiff_t;
    constexpr record_iterator() noexcept = default;
    constexpr explicit record_iterator(Reader& reader) : reader_{&reader}, now_{reader.next()} {}
    constexpr const capture_record& operator*() const noexcept { return *now_; }
    constexpr const capture_record* operator->() const noexcept { return &*now_; }
    constexpr record_iterator& operator++() { return now_ = reader_->next(), *this; }
    constexpr void operator++(int) { now_ = reader_->next(); }
    friend constexpr bool operator==(const record_iterator& a, std::default_sentinel_t) noexcept { return !a.now_; }

  private:
    Reader* reader_ = nullptr;
    std::optional<capture_record> now_;
};

inline constexpr std::array<std::uint64_t, 20> powers_of_ten = [] {
    std::array<std::uint64_t, 20> powers{1};
    for (std::size_t i = 1; i < powers.size(); ++i) powers[i] = powers[i - 1] * 10;
    return powers;
}();

}  // namespace detail

constexpr std::optional<capture_time> time_resolution::at(std::uint64_t ticks, std::int64_t offset) const noexcept {
    constexpr std::uint64_t billion = 1'000'000'000;
    const unsigned n = exponent();
    std::uint64_t seconds = 0, nanoseconds = 0;  // nanoseconds below a billion
    if (!is_binary() && n <= 9) {
        seconds = ticks / detail::powers_of_ten[n];
        nanoseconds = ticks % detail::powers_of_ten[n] * detail::powers_of_ten[9 - n];
    } else if (!is_binary()) {
        const std::uint64_t whole = n - 9 > 19 ? 0 : ticks / detail::powers_of_ten[n - 9];
        seconds = whole / billion;
        nanoseconds = whole % billion;
    } else {
        seconds = n > 63 ? 0 : ticks >> n;
        const std::uint64_t rest = n > 63 ? ticks : ticks & ((std::uint64_t{1} << n) - 1);
        // rest * 10^9 / 2^n, where the product has up to 94 bits: its upper part holds what is above the lowest 32.
        const std::uint64_t low = (rest & 0xffff'ffff) * billion, upper = (rest >> 32) * billion + (low >> 32);
        if (n < 32)
            nanoseconds = low >> n;  // rest has fewer than 32 bits
        else if (n < 96)
            nanoseconds = upper >> (n - 32);
    }
    // The sum of seconds and offset, as its distance from 1970. Unsigned numbers hold each distance without overflow.
    const auto moved = static_cast<std::uint64_t>(offset);
    const bool is_before = offset < 0 && seconds < 0 - moved;  // 1970
    const std::uint64_t distance = is_before ? 0 - moved - seconds : seconds + moved;
    constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max();
    const std::uint64_t one_more = is_before ? 1 : 0;  // there is one more negative number than positive ones
    if ((offset >= 0 && seconds > most - moved) || distance > most / billion + one_more) return std::nullopt;
    // Before 1970 the nanoseconds lead back from the second: 1.25 s before is 2 s before and 0.75 s after.
    const std::uint64_t whole = is_before ? distance * billion - nanoseconds : distance * billion + nanoseconds;
    if (whole > most + one_more) return std::nullopt;
    return capture_time{std::chrono::nanoseconds{static_cast<std::int64_t>(is_before ? 0 - whole : whole)}};
}

}  // namespace netnotes::packet

#endif  // NETNOTES_PACKET_RECORD_HPP


namespace netnotes::packet {

/// Reads a pcapng file that lies in memory. It allocates a table of the interfaces and nothing else. A file in which the
/// descriptions of interfaces take more than max_record_size is refused, so the table stays below 80 MiB. The bytes must
/// outlive the reader and its records.
class pcapng_reader {
  public:
    /// Begins before the first block; next() reads.
    explicit pcapng_reader(std::span<const std::byte> file) noexcept : file_{file} {}

    /// Returns true if the bytes begin as a pcapng file does.
    [[nodiscard]] static constexpr bool recognizes(std::span<const std::byte> file) noexcept {
        return file.size() >= 4 && detail::number_at<std::uint32_t>(file, 0, true) == section_header;
    }

    /// Returns the next packet and takes note of the sections and interfaces before it. Returns nullopt at the end, and
    /// before the first block that is cut short or malformed; failure() then says why. Throws std::bad_alloc only.
    std::optional<capture_record> next();
    /// Reads on from the record that next() would return. A record that was read is not returned again.
    [[nodiscard]] detail::record_iterator<pcapng_reader> begin() {
        return detail::record_iterator<pcapng_reader>{*this};
    }
    [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

    /// Returns why reading ended before the end of the file. It converts to false as long as no error was met.
    [[nodiscard]] const packet_failure& failure() const noexcept { return failure_; }
    /// Returns true if the file ended within a block.
    [[nodiscard]] bool is_cut_short() const noexcept { return failure_.is_cut_short(); }

    /// Returns the byte order of the section that was read last.
    [[nodiscard]] bool is_big_endian() const noexcept { return big_endian_; }
    /// Returns the interfaces that were described before the record that was read last, of all sections.
    [[nodiscard]] std::span<const capture_interface> interfaces() const noexcept { return interfaces_; }
    /// Returns how many sections were begun.
    [[nodiscard]] std::size_t section_count() const noexcept { return section_count_; }
    /// Returns the options of the section that was read last: comments, and the application that wrote it.
    [[nodiscard]] const capture_options& section_options() const noexcept { return section_options_; }

  private:
    friend class capture_reader;  // which reads a file piece by piece
    static constexpr std::uint32_t section_header = 0x0a0d0d0a, interface_description = 1, obsolete_packet = 2,
                                   simple_packet = 3, enhanced_packet = 6;
    struct block {
        std::uint32_t type = 0;
        std::size_t offset = 0;           // in the file
        std::span<const std::byte> body;  // between the two lengths
    };

    template <class Number>
    [[nodiscard]] Number load(std::span<const std::byte> bytes, std::size_t at) const noexcept {
        return detail::number_at<Number>(bytes, at, big_endian_);
    }
    // Each of these returns false after it has set failure_.
    bool fail(std::size_t offset, const char* pattern, std::size_t value = 0, std::uint32_t limit = 0) noexcept {
        failure_ = packet_failure{layer::capture, offset, pattern, static_cast<std::uint32_t>(value), limit};
        return false;
    }
    bool cut_short(std::size_t needed) noexcept {
        needed_ = needed;
        failure_ = packet_failure::cut_short(layer::capture, position(), file_.size() - at_, needed);
        return false;
    }
    /// Returns the place in the file of the next byte to read.
    [[nodiscard]] std::size_t position() const noexcept { return before_ + at_; }
    /// Reads on at this position of the file, in a part of the file that begins there. Forgets that bytes were missing.
    void go_on(std::span<const std::byte> part, std::size_t position) noexcept {
        file_ = part;
        at_ = 0;
        before_ = position;
        failure_ = {};
    }
    bool next_block(block& found) noexcept;
    bool read_byte_order() noexcept;
    bool read_section(const block& from) noexcept;
    bool read_interface(const block& from);
    bool read_packet(const block& from, capture_record& record) noexcept;

    std::span<const std::byte> file_;  // the whole file, or a part of it
    std::size_t at_ = 0;
    std::size_t before_ = 0;  // bytes of the file before the part
    std::size_t needed_ = 0;  // bytes that the block has which was cut short
    bool big_endian_ = false;
    std::size_t section_count_ = 0;
    std::size_t first_interface_ = 0;  // of the section
    std::size_t interface_bytes_ = 0;  // of the file, which describe interfaces
    std::vector<capture_interface> interfaces_;
    capture_options section_options_;
    packet_failure failure_;
};

/// Writes a pcapng file with one section to a stream: named interfaces, comments, times in nanoseconds. The numbers are
/// little-endian on every machine, so equal packets make equal files. The stream must outlive the writer. An error of
/// the stream is the stream's: ask it, or let it throw.
///
///     pcapng_writer writer{file, {.application = "netnotes"}};
///     const auto link = writer.add_interface({.name = "link h1–s1"});
///     writer.write(link, time, bytes, {.comment = "this frame is lost on the way"});
class pcapng_writer {
  public:
    /// The computer and the program that write the file.
    struct section {
        std::string_view comment{};      ///< UTF-8, as all texts here
        std::string_view application{};  ///< the program that writes
    };
    /// A source of packets.
    struct interface {
        std::string_view name{};
        std::string_view description{};
        std::string_view comment{};
        link_type link = link_type::ethernet;
        std::uint32_t snapshot_length = 0;  ///< a longer packet is cut; 0 means that no packet is
    };
    /// The optional parts of a record beside its bytes and its time.
    struct details {
        std::string_view comment{};
        std::optional<std::size_t> original_size{};  ///< bytes on the wire; the size of the packet if you do not say
    };

    /// Writes the section's header. Throws std::length_error for a text above 65,535 bytes, as each function here does.
    explicit pcapng_writer(std::ostream& out) : pcapng_writer{out, section{}} {}
    pcapng_writer(std::ostream& out, const section& about) : out_{&out} {
        number(0x1a2b3c4d, 4);
        number(1, 2);
        number(0, 2);
        number(std::numeric_limits<std::uint64_t>::max(), 8);  // the length of the section: not known
        text(capture_option::comment, about.comment);
        text(capture_option::section_application, about.application);
        finish(0x0a0d0d0a);
    }

    /// Describes an interface and returns its number, counted from 0. You can add interfaces at any time.
    std::uint32_t add_interface(const interface& about) {
        number(static_cast<std::uint16_t>(about.link), 2);
        number(0, 2);
        number(about.snapshot_length, 4);
        text(capture_option::comment, about.comment);
        text(capture_option::interface_name, about.name);
        text(capture_option::interface_description, about.description);
        const char resolution = static_cast<char>(time_resolution::nanoseconds().to_byte());
        text(capture_option::interface_time_resolution, {&resolution, 1});
        finish(1);
        snapshot_lengths_.push_back(about.snapshot_length);
        return static_cast<std::uint32_t>(snapshot_lengths_.size() - 1);
    }

    /// Writes a packet. Throws std::out_of_range for an interface that was not added, for a time before 1970, for an
    /// original size of 4 GiB or more, and for a block above max_record_size; then nothing was written.
    void write(std::uint32_t interface_number, capture_time time, std::span<const std::byte> bytes) {
        write(interface_number, time, bytes, details{});
    }
    void write(std::uint32_t interface_number, capture_time time, std::span<const std::byte> bytes,
               const details& more) {
        const std::size_t original = more.original_size.value_or(bytes.size());
        const auto snapshot_length = snapshot_lengths_.at(interface_number);
        if (time.time_since_epoch().count() < 0) throw std::out_of_range{"a pcapng file holds no times before 1970"};
        if (snapshot_length != 0) bytes = bytes.first(std::min<std::size_t>(bytes.size(), snapshot_length));
        if (original > 0xffff'ffff) throw std::out_of_range{"a pcapng file holds packets below 4 GiB only"};
        const std::size_t options = more.comment.empty() ? 0 : 8 + detail::padded(more.comment.size());
        if (bytes.size() > max_record_size - 32 || detail::padded(bytes.size()) + options > max_record_size - 32)
            throw std::out_of_range{"a record of a capture file has at most 16 MiB"};
        const auto ticks = static_cast<std::uint64_t>(time.time_since_epoch().count());
        number(interface_number, 4);
        number(ticks >> 32, 4);
        number(ticks, 4);
        number(bytes.size(), 4);
        number(original, 4);
        append(detail::as_text(bytes));
        text(capture_option::comment, more.comment);
        finish(6);
    }

  private:
    static constexpr std::size_t max_text_size = 65'535;
    void number(std::uint64_t value, unsigned size) {
        for (; size > 0; --size, value >>= 8) body_ += static_cast<char>(value & 0xff);
    }
    void append(std::string_view bytes) {
        body_ += bytes;
        body_.append(detail::padded(bytes.size()) - bytes.size(), '\0');
    }
    void text(std::uint16_t code, std::string_view value) {
        if (value.size() > max_text_size) {
            body_.clear();
            has_options_ = false;
            throw std::length_error{"a text in a pcapng file has at most 65,535 bytes"};
        }
        if (value.empty()) return;
        number(code, 2);
        number(value.size(), 2);
        append(value);
        has_options_ = true;
    }
    void finish(std::uint32_t type) {
        if (has_options_) number(0, 4);
        has_options_ = false;
        std::string whole;
        whole.swap(body_);
        const std::size_t length = whole.size() + 12;
        number(type, 4);
        number(length, 4);
        out_->write(body_.data(), static_cast<std::streamsize>(body_.size()));
        out_->write(whole.data(), static_cast<std::streamsize>(whole.size()));
        out_->write(body_.data() + 4, 4);
        whole.clear();
        body_.swap(whole);  // its room is used again
    }
    std::ostream* out_;
    std::string body_;
    bool has_options_ = false;
    std::vector<std::uint32_t> snapshot_lengths_;
};

// ---- Reading -------------------------------------------------------------------------------------------

/// The byte order stands in the section's header itself, behind a type that reads the same from both sides.
inline bool pcapng_reader::read_byte_order() noexcept {
    switch (detail::number_at<std::uint32_t>(file_, at_ + 8, true)) {
        case 0x1a2b3c4d: return big_endian_ = true, true;
        case 0x4d3c2b1a: return big_endian_ = false, true;
        default: return fail(position() + 8, "the section names no byte order"), false;
    }
}

inline bool pcapng_reader::next_block(block& found) noexcept {
    const std::size_t rest = file_.size() - at_;
    if (section_count_ == 0) {  // is it such a file at all?
        if (rest < 4 ? !detail::begins_as(file_, section_header) : !recognizes(file_))
            return fail(0, "the file does not begin as a pcapng file does");
    }
    if (rest < 12) return cut_short(12);
    if (detail::number_at<std::uint32_t>(file_, at_, true) == section_header && !read_byte_order()) return false;
    const auto whole = file_.subspan(at_);
    const std::size_t length = load<std::uint32_t>(whole, 4);
    if (length < 12) return fail(position() + 4, "length of the block is %, below #", length, 12);
    if (length % 4 != 0) return fail(position() + 4, "length of the block is %, no multiple of #", length, 4);
    if (length > max_record_size)
        return fail(position() + 4, "length of the block is %, above #", length, max_record_size);
    if (length > rest) return cut_short(length);
    if (load<std::uint32_t>(whole, length - 4) != length)
        return fail(position() + length - 4, "the block does not end with its length, %", length);
    found = {load<std::uint32_t>(whole, 0), position(), whole.subspan(8, length - 12)};
    at_ += length;
    return true;
}

inline bool pcapng_reader::read_section(const block& from) noexcept {
    if (from.body.size() < 16)
        return fail(from.offset + 4, "length of the section header is %, below #", from.body.size() + 12, 28);
    if (load<std::uint16_t>(from.body, 4) != 1)
        return fail(from.offset + 12, "version is %, and # is known", load<std::uint16_t>(from.body, 4), 1), false;
    ++section_count_;
    first_interface_ = interfaces_.size();
    section_options_ = capture_options{from.body.subspan(16), big_endian_};
    return true;
}

inline bool pcapng_reader::read_interface(const block& from) {
    if (from.body.size() < 8)
        return fail(from.offset + 4, "length of the interface's block is %, below #", from.body.size() + 12, 20), false;
    interface_bytes_ += from.body.size() + 12;
    if (interface_bytes_ > max_record_size)
        return fail(from.offset, "the interfaces take % bytes, above #", interface_bytes_, max_record_size), false;
    capture_interface found;
    found.link = static_cast<link_type>(load<std::uint16_t>(from.body, 0));
    found.snapshot_length = load<std::uint32_t>(from.body, 4);
    found.options = capture_options{from.body.subspan(8), big_endian_};
    if (const auto option = found.options.find(capture_option::interface_time_resolution)) {
        if (option->value.size() != 1)
            return fail(from.offset, "size of if_tsresol is %, and it should be #", option->value.size(), 1), false;
        found.resolution = time_resolution{std::to_integer<std::uint8_t>(option->value[0])};
    }
    if (const auto option = found.options.find(capture_option::interface_time_offset)) {
        if (option->value.size() != 8)
            return fail(from.offset, "size of if_tsoffset is %, and it should be #", option->value.size(), 8), false;
        found.time_offset = static_cast<std::int64_t>(load<std::uint64_t>(option->value, 0));
    }
    interfaces_.push_back(found);
    return true;
}

inline bool pcapng_reader::read_packet(const block& from, capture_record& record) noexcept {
    const bool is_simple = from.type == simple_packet, is_obsolete = from.type == obsolete_packet;
    const std::size_t fixed_size = is_simple ? 4 : 20;
    const auto& body = from.body;
    if (body.size() < fixed_size)
        return fail(from.offset + 4, "length of the packet's block is %, below #", body.size() + 12,
                    static_cast<std::uint32_t>(fixed_size + 12));
    const std::size_t number = is_simple     ? 0
                               : is_obsolete ? load<std::uint16_t>(body, 0)
                                             : load<std::uint32_t>(body, 0);
    if (number >= interfaces_.size() - first_interface_)
        return fail(from.offset + 8, "interface is %, and the section has described #", number,
                    static_cast<std::uint32_t>(interfaces_.size() - first_interface_));
    record.interface_index = first_interface_ + number;
    const capture_interface& where = interfaces_[record.interface_index];
    record.link = where.link;
    record.offset = from.offset;
    record.original_size = load<std::uint32_t>(body, fixed_size - 4);
    std::size_t size = 0;
    if (is_simple) {
        size = record.original_size;
        if (where.snapshot_length != 0) size = std::min<std::size_t>(size, where.snapshot_length);
    } else {
        record.ticks = std::uint64_t{load<std::uint32_t>(body, 4)} << 32 | load<std::uint32_t>(body, 8);
        record.time = where.resolution.at(record.ticks, where.time_offset);
        size = load<std::uint32_t>(body, 12);
    }
    if (size > body.size() - fixed_size)
        return fail(from.offset + 4 + fixed_size, "size of the packet is %, and its block has room for #", size,
                    static_cast<std::uint32_t>(body.size() - fixed_size));
    record.bytes = body.subspan(fixed_size, size);
    // Some programs forget to pad the packet if no option follows.
    const std::size_t options = std::min(fixed_size + detail::padded(size), body.size());
    if (!is_simple) record.options = capture_options{body.subspan(options), big_endian_};
    return true;
}

inline std::optional<capture_record> pcapng_reader::next() {
    std::optional<capture_record> record;  // the only thing that is returned, so nothing is copied
    block found;
    while (!failure_ && (at_ < file_.size() || section_count_ == 0)) {
        const std::size_t before = at_;
        if (!next_block(found)) break;
        detail::load_ahead(file_, before, at_ - before);
        switch (found.type) {
            case section_header: read_section(found); break;
            case interface_description: read_interface(found); break;
            case obsolete_packet:
            case simple_packet:
            case enhanced_packet:
                if (!read_packet(found, record.emplace())) record.reset();
                return record;
            default: break;  // names, statistics, secrets, and blocks of other programs
        }
    }
    return record;
}

}  // namespace netnotes::packet

#endif  // NETNOTES_PACKET_PCAPNG_HPP

// netnotes/lan/cable.hpp: what a cable does to a frame
// SPDX-License-Identifier: MIT
//
// A cable has two ends. A frame that goes in at one end comes out at the other end, later. Pushing all its bits into
// the cable takes time (the rate), and then each bit needs time for the way (the delay).
//
//        A ├───────────── 10 ms, 100 Mbit/s ─────────────┤ S1
//
//        a frame of 1,514 bytes:  123 us until its last bit is in the cable, and 10 ms until that bit is out
//
// Real cables, and above all radio links, lose frames. Networks also deliver frames twice or in another order. Here all
// of that happens on request: by chance with a stated probability, or to a certain frame.
//
//        cable.lose_nth(3);                           // the third frame that enters from now on does not arrive
//        cable.cut_at(2s);                            // from this time on nothing arrives
//        cable.judge = [](unsigned from, const lan::frame& entering) { ... };   // your own decision about each frame
//
// On this page:  frame · fate · cable_settings
// The notes:     Packet Tracer; 网线 (cables)

#ifndef NETNOTES_LAN_CABLE_HPP
#define NETNOTES_LAN_CABLE_HPP

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

// netnotes/lan/event.hpp: virtual time, chance, and the list of what happens next
// SPDX-License-Identifier: MIT
//
// A simulated network has no clock. It has a list of events, each with its time. The loop takes the earliest event,
// sets the time to it, and lets it happen. That adds later events to the list:
//
//        time          serial   event
//        0.000 000 s        1   A sends an ARP request                 happens now, and adds event 4
//        0.010 000 s        4   the request arrives at the switch
//        1.000 000 s        2   A's patience for an answer ends
//        1.000 000 s        3   B's patience ends                      equal times: the smaller serial number is first
//
// A second of this time costs no time of yours, and an hour without an event costs nothing at all. The order depends on
// two numbers only. So the same program does the same on every machine, in every run.
//
// Chance is reproducible as well. The distributions of <random> give other numbers in each standard library, and
// floating point may differ between processors. The generator here uses whole numbers only: equal seeds give equal
// networks.
//
// On this page:  virtual_time, time_text · random_numbers · event_queue
// The notes:     Packet Tracer; examples 32 to 34

#ifndef NETNOTES_LAN_EVENT_HPP
#define NETNOTES_LAN_EVENT_HPP

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>



namespace netnotes::lan {

/// A point in time, in nanoseconds since the network began. Durations have the same type: `now() + 10ms`.
using virtual_time = std::chrono::nanoseconds;

/// Returns the time in seconds with six digits behind the point, for example `0.010000`. Nanoseconds are cut off.
[[nodiscard]] inline std::string time_text(virtual_time time) {
    const bool is_negative = time.count() < 0;
    const auto magnitude = static_cast<std::uint64_t>(is_negative ? -(time.count() + 1) : time.count()) + is_negative;
    const std::string micros = std::to_string(magnitude / 1000 % 1'000'000);
    std::string text = is_negative ? "-" : "";
    text += std::to_string(magnitude / 1'000'000'000);
    text += '.';
    text.append(6 - micros.size(), '0');
    return text += micros;
}

/// A generator of random numbers (SplitMix64, by Steele, Lea and Flood, 2014). It is fast and has a period of 2^64. It
/// is no secret: a reader of a few numbers can compute all others. A regular value; equal seeds give equal numbers
/// everywhere.
class random_numbers {
  public:
    constexpr explicit random_numbers(std::uint64_t seed) noexcept : state_{seed} {}

    /// Returns the next number of 64 bits.
    constexpr std::uint64_t next() noexcept {
        std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }
    /// Returns a number from 0 to `bound` - 1, each equally likely. Returns 0 for the bound 0.
    constexpr std::uint64_t below(std::uint64_t bound) noexcept {
        if (bound < 2) return 0;
        // The remainder alone would favour small numbers: the numbers above the last whole multiple are thrown again.
        const std::uint64_t rest = (std::numeric_limits<std::uint64_t>::max() % bound + 1) % bound;
        std::uint64_t number = next();
        while (number > std::numeric_limits<std::uint64_t>::max() - rest) number = next();
        return number % bound;
    }
    /// Returns true with a probability of `per_million` / 1,000,000. Uses no number if the answer is certain.
    constexpr bool chance(std::uint32_t per_million) noexcept {
        if (per_million == 0) return false;
        return per_million >= 1'000'000 || below(1'000'000) < per_million;
    }

    friend constexpr bool operator==(const random_numbers&, const random_numbers&) noexcept = default;

  private:
    std::uint64_t state_;
};

/// Events in the order of their times. Equal times keep the order in which the events were added. Event is a movable
/// type.
///
/// Adding and taking an event costs O(log n). Cancelling costs O(1): the place in the list stays until its time comes,
/// or until more than half of all places belong to cancelled events.
template <class Event>
class event_queue {
  public:
    /// Names an added event. The default value names no event. A ticket stays valid for ever: after its event has
    /// happened, it names no event any more.
    struct ticket {
        std::uint64_t serial = 0;
        std::uint32_t slot = 0;
        friend constexpr bool operator==(const ticket&, const ticket&) noexcept = default;
    };
    struct item {
        virtual_time time;
        Event event;
    };

    /// Adds an event, and returns a ticket to remove it with. Throws std::bad_alloc only.
    ticket add(virtual_time time, Event event) {
        std::uint32_t slot = 0;
        if (free_.empty()) {
            slot = static_cast<std::uint32_t>(slots_.size());
            slots_.push_back({});
            if (free_.capacity() < slots_.size()) free_.reserve(2 * slots_.size());  // so that freeing cannot fail
        } else {
            slot = free_.back();
            free_.pop_back();
        }
        const ticket name{++last_serial_, slot};
        order_.push_back({time, name});
        std::push_heap(order_.begin(), order_.end(), is_later);
        slots_[slot] = {name.serial, std::move(event)};
        ++size_;
        return name;
    }
    /// Removes an event that has not happened. Returns false if the ticket names none.
    bool cancel(ticket which) noexcept {
        if (!find(which)) return false;
        release(which.slot);
        if (order_.size() > 64 && size_ < order_.size() / 2) {
            std::erase_if(order_, [this](const entry& each) { return !find(each.name); });
            std::make_heap(order_.begin(), order_.end(), is_later);
        }
        return true;
    }
    /// Returns the event that a ticket names, or nullptr. It is valid until the next call of add(), cancel() or take().
    [[nodiscard]] const Event* find(ticket which) const noexcept {
        const bool exists =
            which.slot < slots_.size() && which.serial != 0 && slots_[which.slot].serial == which.serial;
        return exists ? &slots_[which.slot].event : nullptr;
    }
    /// Returns the time of the earliest event, or nullopt if there is no event.
    [[nodiscard]] std::optional<virtual_time> next_time() {
        drop_cancelled();
        return order_.empty() ? std::nullopt : std::optional{order_.front().time};
    }
    /// Removes the earliest event and returns it. Returns nullopt if there is no event.
    std::optional<item> take() {
        drop_cancelled();
        if (order_.empty()) return std::nullopt;
        const entry first = order_.front();
        pop();
        std::optional<item> taken{item{first.time, std::move(slots_[first.name.slot].event)}};
        release(first.name.slot);
        return taken;
    }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

  private:
    struct entry {
        virtual_time time;
        ticket name;
    };
    struct slot_state {
        std::uint64_t serial = 0;  // 0: the slot is free
        Event event{};
    };
    static bool is_later(const entry& a, const entry& b) noexcept {
        return a.time != b.time ? a.time > b.time : a.name.serial > b.name.serial;
    }
    void pop() noexcept {
        std::pop_heap(order_.begin(), order_.end(), is_later);
        order_.pop_back();
    }
    void drop_cancelled() noexcept {
        while (!order_.empty() && !find(order_.front().name)) pop();
    }
    void release(std::uint32_t slot) noexcept {
        slots_[slot] = {};
        free_.push_back(slot);
        --size_;
    }

    std::vector<entry> order_;  // a heap, the earliest first
    std::vector<slot_state> slots_;
    std::vector<std::uint32_t> free_;
    std::size_t size_ = 0;
    std::uint64_t last_serial_ = 0;
};

}  // namespace netnotes::lan

#endif  // NETNOTES_LAN_EVENT_HPP


namespace netnotes::lan {

/// The bytes of an Ethernet frame, from the destination address to the end of the payload, without the CRC. A value
/// that is cheap to copy: copies share the bytes, which nobody can change. A hub that repeats a frame to ten ports
/// copies no byte.
class frame {
  public:
    /// Creates a frame without bytes. No cable transports it.
    frame() noexcept = default;
    /// Takes the bytes. Throws std::bad_alloc only.
    explicit frame(std::vector<std::byte> bytes)
        : bytes_{std::make_shared<const std::vector<std::byte>>(std::move(bytes))} {}

    /// Returns the bytes; a copy of the frame shares them.
    [[nodiscard]] std::span<const std::byte> bytes() const noexcept {
        return bytes_ ? std::span<const std::byte>{*bytes_} : std::span<const std::byte>{};
    }
    /// Returns the number of bytes.
    [[nodiscard]] std::size_t size() const noexcept { return bytes_ ? bytes_->size() : 0; }
    /// Returns true if the frame has no bytes.
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }

  private:
    std::shared_ptr<const std::vector<std::byte>> bytes_;
};

/// The fate of a frame that enters a cable.
enum class fate : std::uint8_t {
    delivered,
    delayed,     ///< arrives later than frames that entered after it
    doubled,     ///< arrives twice
    lost,        ///< by chance
    taken_out,   ///< by lose_nth(), or by cable::judge
    cut,         ///< the cable is cut
    too_long,    ///< longer than the cable's MTU and an Ethernet header
    overflowed,  ///< too many frames wait for the cable, because its rate is too low
};

/// Returns what a capture says about a frame of this fate, for example `lost on the way`. It is empty for delivered.
[[nodiscard]] constexpr std::string_view to_string(fate what) noexcept {
    switch (what) {
        case fate::delivered: return "";
        case fate::delayed: return "delayed: later frames overtake it";
        case fate::doubled: return "arrives twice";
        case fate::lost: return "lost on the way";
        case fate::taken_out: return "lost on the way, as the script says";
        case fate::cut: return "lost: the cable is cut";
        case fate::too_long: return "dropped: longer than the MTU of the cable";
        case fate::overflowed: return "dropped: too many frames wait for the cable";
    }
    return "";
}
/// Returns true if the frame reaches the other end.
[[nodiscard]] constexpr bool arrives(fate what) noexcept {
    return what == fate::delivered || what == fate::delayed || what == fate::doubled;
}

/// Returns a probability in the unit of cable_settings: per_cent(1) is 10,000 of a million.
[[nodiscard]] constexpr std::uint32_t per_cent(std::uint32_t percentage) noexcept { return percentage * 10'000; }

/// The properties of a cable. Probabilities are parts of a million, from 0 to 1,000,000; each frame is judged by
/// itself.
struct cable_settings {
    /// How long a bit is on its way. 10 us is the delay of two kilometres of glass fibre. Must not be negative.
    virtual_time delay = std::chrono::microseconds{10};
    /// Bits per second in each direction; 0 stands for no limit. A frame takes its own time and that of 24 bytes more:
    /// the preamble, the CRC, and the gap between frames (IEEE 802.3 §3.1.1, §4.4.2).
    std::uint64_t rate = 0;
    /// Most bytes of an IP packet. The interfaces at both ends take it over.
    std::size_t mtu = 1500;
    std::uint32_t loss = 0;                                ///< probability that a frame is lost
    std::uint32_t duplication = 0;                         ///< probability that a frame arrives twice
    std::uint32_t reordering = 0;                          ///< probability that a frame is delayed by `lateness`
    virtual_time lateness = std::chrono::milliseconds{1};  ///< must not be negative
    std::size_t max_queue = 1000;  ///< frames that wait for a cable with a limited rate, in each direction
};

}  // namespace netnotes::lan

#endif  // NETNOTES_LAN_CABLE_HPP



namespace netnotes::lan {

class network;
class node;
class cable;
class hub;
class learning_switch;
class ip_node;
class host;
class router;

/// A port of a node, for network::connect(). A node converts to its next free port.
struct port {
    node* owner = nullptr;
    unsigned number = 0;
    port(node& which);
    port(node& which, unsigned index) noexcept : owner{&which}, number{index} {}
};

/// Anything with ports. Derive from it, and let the network create it: `net.add<my_node>("X")`. The network owns its
/// nodes and keeps them in their places, so references to them stay valid as long as the network.
class node {
  public:
    /// Takes a name of 1 to 32 characters: letters, digits, `-`, `_` and `.`. Throws std::invalid_argument for another
    /// name, and if a node of the network has the name already.
    node(network& net, std::string_view name);
    virtual ~node() = default;
    node(const node&) = delete;
    node& operator=(const node&) = delete;

    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    /// Returns the network of the node.
    [[nodiscard]] network& net() const noexcept { return *net_; }
    /// Returns the number of the node, counted from 1 in the order of creation.
    [[nodiscard]] unsigned number() const noexcept { return number_; }
    [[nodiscard]] unsigned port_count() const noexcept { return static_cast<unsigned>(ports_.size()); }
    /// Returns the cable at a port, or nullptr if the port has no cable or does not exist.
    [[nodiscard]] cable* cable_at(unsigned port) const noexcept {
        return port < ports_.size() ? ports_[port].wire : nullptr;
    }
    /// Returns a port, for network::connect(). Throws std::out_of_range for a port that the node does not have.
    [[nodiscard]] port operator[](unsigned number);
    /// Returns the hardware address of a port: 02:00, the node's number in two bytes, and the port's number in two
    /// bytes. Hubs and switches do not use it.
    [[nodiscard]] packet::mac_address port_address(unsigned port) const noexcept {
        return packet::mac_address{std::uint64_t{0x0200} << 32 | std::uint64_t{number_ & 0xffff} << 16 |
                                   (port & 0xffff)};
    }

    /// Returns what the node is, for maps and tables, for example `host`.
    [[nodiscard]] virtual std::string_view kind() const noexcept { return "node"; }
    /// Returns the tables of the node as text, one line for each entry. It is empty if the node has none.
    [[nodiscard]] virtual std::string tables() const { return {}; }
    /// Returns the node as a device of that kind, or nullptr. A router is a host, too. It works without run-time type
    /// information.
    [[nodiscard]] virtual learning_switch* as_switch() noexcept { return nullptr; }
    [[nodiscard]] virtual ip_node* as_ip_node() noexcept { return nullptr; }
    [[nodiscard]] virtual host* as_host() noexcept { return nullptr; }
    [[nodiscard]] virtual router* as_router() noexcept { return nullptr; }
    /// Treats a frame that has arrived at a port. The frame may be kept.
    virtual void receive(unsigned port, const frame& arrived) = 0;

  protected:
    /// Adds ports without a cable.
    void add_ports(unsigned count) { ports_.resize(ports_.size() + count); }
    /// Sends a frame into the cable at a port. Without a cable the frame is lost, as on a real port.
    void send(unsigned port, const frame& out);
    /// Returns true if connect() may add ports to the node. A hub and a switch have as many ports as they need.
    [[nodiscard]] virtual bool grows() const noexcept { return false; }
    /// Called after a cable was connected to a port.
    virtual void connected(unsigned port) { (void)port; }

  private:
    friend network;
    friend port;
    struct port_state {
        cable* wire = nullptr;
        unsigned end = 0;  // 0 or 1: which end of the cable
    };
    [[nodiscard]] unsigned free_port();

    network* net_;
    std::string name_;
    unsigned number_;
    std::vector<port_state> ports_;
};

/// A frame that entered a cable, and its fate.
struct passage {
    virtual_time sent{};     ///< when the node sent it
    virtual_time arrived{};  ///< when it is at the other end; of a lost frame, when it would be
    const cable* wire = nullptr;
    unsigned from = 0;  ///< the end where it entered, 0 or 1
    lan::fate fate{};
    lan::frame frame{};

    /// Returns the node at the end where the frame went in, or where it came out.
    [[nodiscard]] const node& sender() const noexcept;
    [[nodiscard]] const node& receiver() const noexcept;
};

/// A cable between two ports.
class cable {
  public:
    /// Decides about a frame; `from` is the end where it enters. Return fate::delivered to let the cable decide.
    using judgement = std::function<fate(unsigned from, const frame& entering)>;

    /// The settings of the cable. You may change them at any time. It counts for frames that enter from then on.
    cable_settings settings;
    /// If set, this function judges each frame first. For tests and demonstrations.
    judgement judge;

    /// Returns the node at an end, 0 or 1. End 0 was named first in network::connect().
    [[nodiscard]] node& end(unsigned which) const noexcept { return *ends_[which & 1].owner; }
    /// Returns the number of the port at an end.
    [[nodiscard]] unsigned port_at(unsigned which) const noexcept { return ends_[which & 1].number; }
    /// Returns the names of both ends, for example `A–S1`. A node of several ports shows the number: `R.0–S1.2`.
    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    /// Returns the number of the cable, counted from 0. It is its interface number in a capture file.
    [[nodiscard]] std::size_t number() const noexcept { return number_; }

    /// Takes out the n-th frame that enters from now on, counted from 1, in either direction. Several calls add up.
    /// Does nothing for 0.
    void lose_nth(std::uint64_t n) {
        if (n > 0) doomed_.push_back(entered_[0] + entered_[1] + n);
    }
    /// Takes out the n-th frame that enters at an end, 0 or 1, from now on.
    void lose_nth(std::uint64_t n, unsigned from) {
        if (n > 0) doomed_from_[from & 1].push_back(entered_[from & 1] + n);
    }
    /// Loses every frame that enters at this time or later, and every frame that would arrive then.
    void cut_at(virtual_time when) { cut_ = when; }
    /// Ends a cut at this time. Frames that were lost before stay lost.
    void mend_at(virtual_time when) { mend_ = when; }
    /// Returns true if the cable is cut at `when`.
    [[nodiscard]] bool is_cut(virtual_time when) const noexcept {
        return cut_ && when >= *cut_ && !(mend_ && *mend_ >= *cut_ && when >= *mend_);
    }
    /// Returns how many frames have entered at an end, 0 or 1, lost frames included.
    [[nodiscard]] std::uint64_t entered(unsigned from) const noexcept { return entered_[from & 1]; }

  private:
    friend network;
    cable(port a, port b, const cable_settings& how, std::size_t number)
        : settings{how}, ends_{a, b}, number_{number} {}
    static bool take_out(std::vector<std::uint64_t>& doomed, std::uint64_t number) {
        return std::erase(doomed, number) > 0;
    }

    std::array<port, 2> ends_;
    std::string name_;
    std::size_t number_;
    std::array<std::uint64_t, 2> entered_{};
    std::array<virtual_time, 2> busy_until_{};
    std::array<std::vector<virtual_time>, 2> queue_;  // when the waiting frames begin to enter
    std::vector<std::uint64_t> doomed_;
    std::array<std::vector<std::uint64_t>, 2> doomed_from_;
    std::optional<virtual_time> cut_, mend_;
};

/// A simulated network. It touches no real interface: it has no socket, no clock and no thread. Equal programs with
/// equal seeds make equal networks, byte by byte, on every machine. Use it in one thread at a time. It cannot be copied
/// or moved.
class network {
  public:
    using action = std::function<void()>;
    /// Says whether run() waits for a timer. A background timer, for example that of a periodic message, does not keep
    /// run() going.
    enum class timer_kind : std::uint8_t { foreground, background };

  private:
    struct happening {
        action call;  // of a timer
        frame arriving;
        const cable* wire = nullptr;
        std::size_t record = no_record;  // of the passage, and
        std::size_t generation = 0;      // how often passages had been forgotten before it was made
        unsigned end = 0;
        timer_kind kind = timer_kind::foreground;
    };
    static constexpr std::size_t no_record = static_cast<std::size_t>(-1);

  public:
    using timer = event_queue<happening>::ticket;

    /// Creates an empty network at the time 0.
    explicit network(std::uint64_t seed = 1) : random_{seed} {}
    network(const network&) = delete;
    network& operator=(const network&) = delete;

    // ---- Building

    /// Creates a node of your own class and returns it. Its constructor gets the network, the name, and the other
    /// arguments.
    template <std::derived_from<node> Node, class... Arguments>
    Node& add(std::string_view name, Arguments&&... arguments) {
        auto made = std::make_unique<Node>(*this, name, std::forward<Arguments>(arguments)...);
        Node& result = *made;
        by_name_.emplace(made->name(), made.get());
        nodes_.push_back(std::move(made));
        return result;
    }
    /// Creates a hub and returns it; include lan/switch.hpp.
    lan::hub& hub(std::string_view name);
    /// Creates a switch and returns it; include lan/switch.hpp.
    lan::learning_switch& learning_switch(std::string_view name);
    /// Creates a host with an interface such as `10.0.1.2/24`, and returns it; include lan/host.hpp. Throws
    /// parse_error.
    lan::host& host(std::string_view name, std::string_view interface);
    /// Creates a router with an interface for each text, and returns it; include lan/router.hpp. Throws parse_error.
    lan::router& router(std::string_view name, std::initializer_list<std::string_view> interfaces);

    /// Connects two ports by a cable, and returns the cable. Throws std::invalid_argument if a port has a cable
    /// already, if a node has no free port, if both ports are the same, or if a setting is out of range.
    cable& connect(port a, port b, const cable_settings& how = {});

    /// Returns the node with the name `name`, or nullptr.
    [[nodiscard]] node* find(std::string_view name) const noexcept {
        const auto found = by_name_.find(name);
        return found == by_name_.end() ? nullptr : found->second;
    }
    [[nodiscard]] std::span<const std::unique_ptr<node>> nodes() const noexcept { return nodes_; }
    [[nodiscard]] std::span<const std::unique_ptr<cable>> cables() const noexcept { return cables_; }

    // ---- Time

    /// Returns the virtual time.
    [[nodiscard]] virtual_time now() const noexcept { return now_; }
    /// Returns the generator of the network. Nodes of your own should use it too.
    [[nodiscard]] random_numbers& random() noexcept { return random_; }
    /// Calls `call` after `delay`. A negative delay counts as 0, and a longer delay than 146 years as 146 years.
    /// Returns a timer to cancel it with. Throws std::bad_alloc only.
    timer after(virtual_time delay, action call, timer_kind kind = timer_kind::foreground) {
        foreground_ += kind == timer_kind::foreground;
        happening what;
        what.call = std::move(call);
        what.kind = kind;
        return events_.add(now_ + std::clamp(delay, virtual_time{}, max_delay), std::move(what));
    }
    /// Cancels a timer. Returns false if it has been called already, was cancelled, or never was.
    bool cancel(timer which) noexcept {
        const happening* const found = events_.find(which);
        if (found == nullptr || !found->call) return false;
        foreground_ -= found->kind == timer_kind::foreground;
        return events_.cancel(which);
    }

    /// Moves on until a frame has arrived at a node and was treated there. Returns that frame's passage, which is valid
    /// until the network moves again. Returns nullptr if no frame is on its way and no foreground timer is left.
    const passage* step();
    /// Moves on until no frame is on its way and no foreground timer is left. Returns false if `max_events` events have
    /// happened before that. A loop of switches, for example, never comes to rest.
    bool run(std::size_t max_events = 1'000'000);
    /// Moves on to a point in time, and lets everything happen that happens until then. Returns false after
    /// `max_events` events; the time is then earlier. Does nothing if the time has passed already.
    bool run_until(virtual_time time, std::size_t max_events = 1'000'000);
    bool run_for(virtual_time duration, std::size_t max_events = 1'000'000) {
        return run_until(now_ + duration, max_events);
    }
    /// Returns how many events wait: frames on their way, and timers.
    [[nodiscard]] std::size_t pending() const noexcept { return events_.size(); }

    // ---- What has happened

    /// Returns every frame that has entered a cable, in the order of the times at which they were sent.
    [[nodiscard]] std::span<const passage> passages() const noexcept { return passages_; }
    /// Forgets the passages, for example what prepared an experiment.
    void forget_passages() noexcept {
        passages_.clear();
        ++generation_;
    }
    /// Keeps at most `max_count` passages from now on. Later frames are transported, but not kept.
    void keep_passages(std::size_t max_count) { max_passages_ = max_count; }
    /// Writes the passages as a pcapng file: an interface for each cable, with its name, and a comment at each frame
    /// that did not simply arrive. The time 0 is 1970-01-01. Errors of the stream are the stream's.
    void save(std::ostream& out) const;

  private:
    friend node;
    static constexpr std::size_t max_frames = 1'000'000;                // on their way at the same time
    static constexpr virtual_time max_delay = virtual_time::max() / 2;  // so that a time has room behind it
    void transmit(cable& wire, unsigned from, const frame& entering);
    void deliver(const cable& wire, unsigned from, const frame& entering, virtual_time when, std::size_t record);
    fate judge(cable& wire, unsigned from, const frame& entering);
    /// Lets the next event happen, if there is one.
    void happen();

    virtual_time now_{};
    random_numbers random_;
    event_queue<happening> events_;
    std::size_t foreground_ = 0;
    std::size_t frames_ = 0;
    std::vector<std::unique_ptr<node>> nodes_;
    std::vector<std::unique_ptr<cable>> cables_;
    std::map<std::string, node*, std::less<>> by_name_;
    std::vector<passage> passages_;
    std::size_t max_passages_ = 1'000'000;
    std::size_t generation_ = 0;
    passage last_;
    bool frame_arrived_ = false;
};

// ---- How it is done ------------------------------------------------------------------------------------

inline port::port(node& which) : owner{&which}, number{which.free_port()} {}

inline node::node(network& net, std::string_view name)
    : net_{&net}, name_{name}, number_{static_cast<unsigned>(net.nodes().size() + 1)} {
    const auto fits = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
               c == '.';
    };
    if (name.empty() || name.size() > 32 || !std::all_of(name.begin(), name.end(), fits))
        throw std::invalid_argument{netnotes::detail::quoted_beginning(name) +
                                    " is no name of a node: 1 to 32 letters, digits, '-', '_' and '.'"};
    if (net.find(name) != nullptr) throw std::invalid_argument{"two nodes have the name " + name_};
}
inline port node::operator[](unsigned number) {
    if (number >= port_count()) throw std::out_of_range{name_ + " has no port " + std::to_string(number)};
    return {*this, number};
}
inline unsigned node::free_port() {
    for (unsigned i = 0; i < port_count(); ++i)
        if (ports_[i].wire == nullptr) return i;
    if (!grows()) throw std::invalid_argument{name_ + " has no free port"};
    add_ports(1);
    return port_count() - 1;
}
inline void node::send(unsigned port, const frame& out) {
    if (port < ports_.size() && ports_[port].wire != nullptr) net_->transmit(*ports_[port].wire, ports_[port].end, out);
}

inline const node& passage::sender() const noexcept { return wire->end(from); }
inline const node& passage::receiver() const noexcept { return wire->end(1 - from); }

inline cable& network::connect(port a, port b, const cable_settings& how) {
    for (const port& each : {a, b}) {
        if (&each.owner->net() != this) throw std::invalid_argument{each.owner->name() + " is in another network"};
        if (each.number >= each.owner->port_count() || each.owner->cable_at(each.number) != nullptr)
            throw std::invalid_argument{"port " + std::to_string(each.number) + " of " + each.owner->name() +
                                        " has a cable already"};
    }
    if (a.owner == b.owner && a.number == b.number)
        throw std::invalid_argument{"a cable leads from " + a.owner->name() + " to the same port"};
    if (how.delay < virtual_time{} || how.lateness < virtual_time{})
        throw std::invalid_argument{"the delay of a cable is negative"};
    if (how.mtu < 68 || how.mtu > 65'535)  // RFC 791 §3.2: every module forwards 68 bytes without fragmentation
        throw std::invalid_argument{"an MTU is 68 to 65535 bytes, not " + std::to_string(how.mtu)};
    cables_.push_back(std::unique_ptr<cable>{new cable{a, b, how, cables_.size()}});
    cable& made = *cables_.back();
    for (unsigned end = 0; end < 2; ++end) {
        const port& at = made.ends_[end];
        at.owner->ports_[at.number] = {&made, end};
        if (end == 1) made.name_ += "\u2013";
        made.name_ += at.owner->name();
        if (at.owner->port_count() > 1 || at.owner->grows()) made.name_ += "." + std::to_string(at.number);
    }
    for (const port& each : made.ends_) each.owner->connected(each.number);
    return made;
}

inline fate network::judge(cable& wire, unsigned from, const frame& entering) {
    const std::uint64_t mine = ++wire.entered_[from], all = wire.entered_[0] + wire.entered_[1];
    if (entering.empty() || entering.size() > wire.settings.mtu + 14) return fate::too_long;
    if (wire.judge)
        if (const fate decided = wire.judge(from, entering); decided != fate::delivered) return decided;
    const bool by_all = cable::take_out(wire.doomed_, all), by_end = cable::take_out(wire.doomed_from_[from], mine);
    if (by_all || by_end) return fate::taken_out;
    if (random_.chance(wire.settings.loss)) return fate::lost;
    if (random_.chance(wire.settings.duplication)) return fate::doubled;
    if (random_.chance(wire.settings.reordering)) return fate::delayed;
    return fate::delivered;
}

inline void network::deliver(const cable& wire, unsigned from, const frame& entering, virtual_time when,
                             std::size_t record) {
    happening what;
    what.arriving = entering;
    what.wire = &wire;
    what.end = 1 - from;
    what.record = record;
    what.generation = generation_;
    events_.add(std::max(when, now_), std::move(what));  // a delay may have been made negative meanwhile
    ++frames_;
}

inline void network::transmit(cable& wire, unsigned from, const frame& entering) {
    const cable_settings& how = wire.settings;
    fate what = judge(wire, from, entering);
    virtual_time begins = now_, ends = now_;
    if (how.rate > 0 && what != fate::too_long) {
        auto& waiting = wire.queue_[from];
        std::erase_if(waiting, [this](virtual_time begin) { return begin <= now_; });
        begins = std::max(now_, wire.busy_until_[from]);
        const std::uint64_t bits = (std::max<std::size_t>(entering.size(), 60) + 24) * std::uint64_t{8};
        ends = begins + virtual_time{static_cast<std::int64_t>((bits * 1'000'000'000 + how.rate - 1) / how.rate)};
        if (waiting.size() >= how.max_queue) {
            what = fate::overflowed;
        } else {
            wire.busy_until_[from] = ends;
            if (begins > now_) waiting.push_back(begins);
        }
    }
    if (frames_ >= max_frames && arrives(what)) what = fate::overflowed;  // a loop of switches makes more and more
    virtual_time arrives_at = ends + how.delay;
    if (what == fate::delayed) arrives_at += how.lateness;
    if (wire.is_cut(now_) || (arrives(what) && wire.is_cut(arrives_at))) what = fate::cut;
    std::size_t record = no_record;
    if (passages_.size() < max_passages_) {
        record = passages_.size();
        passages_.push_back({now_, arrives_at, &wire, from, what, entering});
    }
    if (!arrives(what)) return;
    deliver(wire, from, entering, arrives_at, record);
    if (what == fate::doubled) deliver(wire, from, entering, arrives_at, record);
}

inline void network::happen() {
    auto next = events_.take();
    frame_arrived_ = false;
    if (!next) return;
    now_ = next->time;
    happening& what = next->event;
    if (what.call) {
        foreground_ -= what.kind == timer_kind::foreground;
        return what.call();
    }
    --frames_;
    frame_arrived_ = true;
    // The passage may have been forgotten meanwhile, so a copy serves step().
    last_ = {now_, now_, what.wire, 1 - what.end, fate::delivered, what.arriving};
    if (what.generation == generation_ && what.record < passages_.size()) last_ = passages_[what.record];
    what.wire->end(what.end).receive(what.wire->port_at(what.end), what.arriving);
}

inline const passage* network::step() {
    while (frames_ > 0 || foreground_ > 0) {
        happen();
        if (frame_arrived_) return &last_;
    }
    return nullptr;
}
inline bool network::run(std::size_t max_events) {
    for (; frames_ > 0 || foreground_ > 0; --max_events) {
        if (max_events == 0) return false;
        happen();
    }
    return true;
}
inline bool network::run_until(virtual_time time, std::size_t max_events) {
    for (auto next = events_.next_time(); next && *next <= time; next = events_.next_time(), --max_events) {
        if (max_events == 0) return false;
        happen();
    }
    now_ = std::max(now_, time);
    return true;
}

inline void network::save(std::ostream& out) const {
    packet::pcapng_writer writer{out, {.application = "netnotes"}};
    for (const auto& each : cables_) writer.add_interface({.name = each->name()});
    for (const passage& each : passages_)
        writer.write(static_cast<std::uint32_t>(each.wire->number()), packet::capture_time{each.sent},
                     each.frame.bytes(), {.comment = to_string(each.fate)});
}

}  // namespace netnotes::lan

#endif  // NETNOTES_LAN_NETWORK_HPP


namespace netnotes::lan {

/// The state of an entry; the picture at the head of this page shows how they follow each other.
enum class arp_state : std::uint8_t { incomplete, reachable, stale, delay, probe, failed, permanent };

/// Returns the name of the state.
[[nodiscard]] constexpr std::string_view to_string(arp_state state) noexcept {
    constexpr std::string_view names[]{"incomplete", "reachable", "stale", "delay", "probe", "failed", "permanent"};
    const auto index = static_cast<std::size_t>(state);
    return index < std::size(names) ? names[index] : "unknown";
}

/// The limits and times of a cache. The defaults are Linux's, arp(7).
struct arp_settings {
    virtual_time retransmit = std::chrono::seconds{1};  ///< time between two questions
    unsigned max_broadcasts = 3;                        ///< questions to all cards before the entry fails
    unsigned max_probes = 3;                            ///< questions to the known card before the entry fails
    virtual_time reachable = std::chrono::seconds{30};  ///< how long an answer counts as fresh
    virtual_time delay = std::chrono::seconds{5};       ///< how long a stale entry is used before it is checked
    std::size_t max_entries = 1024;                     ///< entries that are not permanent
    std::size_t max_waiting = 64;                       ///< packets that wait for one answer; the oldest is dropped
};

/// The neighbours on one link. The interface that owns the cache gives it the three services.
class arp_cache {
  public:
    using bytes = std::vector<std::byte>;
    /// The functions of the node that the table needs.
    struct services {
        /// Sends an ARP request for `target`, to all cards or to one card.
        std::function<void(ipv4_address target, packet::mac_address to)> ask;
        /// Sends a packet in a frame to a card. The packet begins at byte 14; the first 14 bytes are for the header.
        std::function<void(packet::mac_address to, bytes&& packet)> transmit;
        /// Takes a packet whose receiver did not answer.
        std::function<void(bytes&& packet)> give_up;
    };
    /// A neighbour and its card, as far as they are known.
    struct entry {
        arp_state state = arp_state::incomplete;
        packet::mac_address address{};
        virtual_time confirmed{};  ///< when an ARP packet named the address last
        unsigned tries = 0;        ///< questions since the last answer
        std::vector<bytes> waiting{};
        network::timer timer{};
    };

    arp_settings settings;

    arp_cache(network& net, services use) : net_{&net}, use_{std::move(use)} {}
    arp_cache(const arp_cache&) = delete;
    arp_cache& operator=(const arp_cache&) = delete;

    /// Sends a packet to a neighbour, now or when its card is known.
    void send(ipv4_address neighbour, bytes&& packet);
    /// Notes the address of an ARP packet. An answer to a question of ours makes the entry
    /// reachable. Other news change an existing entry; they make a new entry only if `may_create` is true.
    void heard(ipv4_address neighbour, packet::mac_address address, bool is_answer, bool may_create);
    /// Adds a permanent entry. ARP packets do not change it.
    void add_static(ipv4_address neighbour, packet::mac_address address);
    /// Removes an entry with its waiting packets. Returns false if it does not exist.
    bool remove(ipv4_address neighbour);
    /// Removes all entries but permanent ones.
    void clear();

    /// Returns the card of a neighbour, or nullopt if it is not known.
    [[nodiscard]] std::optional<packet::mac_address> find(ipv4_address neighbour) const;
    /// Returns the state of a neighbour's entry now, or nullopt if it does not exist.
    [[nodiscard]] std::optional<arp_state> state_of(ipv4_address neighbour) const;
    /// Returns the entries, sorted by address. An entry that is too old for `reachable` still says so; ask state_of().
    [[nodiscard]] const std::map<ipv4_address, entry>& entries() const noexcept { return entries_; }

  private:
    using place = std::map<ipv4_address, entry>::iterator;
    [[nodiscard]] static bool is_known(arp_state state) noexcept {
        return state != arp_state::incomplete && state != arp_state::failed;
    }
    [[nodiscard]] arp_state now_of(const entry& which) const noexcept {
        const bool is_old = net_->now() - which.confirmed >= settings.reachable;
        return which.state == arp_state::reachable && is_old ? arp_state::stale : which.state;
    }
    place create(ipv4_address neighbour);
    void schedule(ipv4_address neighbour, entry& which, virtual_time delay, network::timer_kind kind) {
        net_->cancel(which.timer);
        which.timer = net_->after(
            delay, [this, neighbour] { expired(neighbour); }, kind);
    }
    void ask(ipv4_address neighbour, entry& which) {
        ++which.tries;
        schedule(neighbour, which, settings.retransmit, network::timer_kind::foreground);
        use_.ask(neighbour, which.state == arp_state::probe ? which.address : packet::mac_address::broadcast());
    }
    void expired(ipv4_address neighbour);

    network* net_;
    services use_;
    std::map<ipv4_address, entry> entries_;
};

// ---- How it is done ------------------------------------------------------------------------------------

inline arp_cache::place arp_cache::create(ipv4_address neighbour) {
    const auto permanent = std::count_if(entries_.begin(), entries_.end(),
                                         [](const auto& each) { return each.second.state == arp_state::permanent; });
    if (entries_.size() - static_cast<std::size_t>(permanent) >= settings.max_entries) {
        // The entry that was confirmed least recently makes room, as long as it is neither in use nor permanent.
        auto oldest = entries_.end();
        for (auto each = entries_.begin(); each != entries_.end(); ++each)
            if (each->second.state != arp_state::permanent && each->second.waiting.empty() &&
                (oldest == entries_.end() || each->second.confirmed < oldest->second.confirmed))
                oldest = each;
        if (oldest == entries_.end()) return oldest;
        net_->cancel(oldest->second.timer);
        entries_.erase(oldest);
    }
    return entries_.try_emplace(neighbour).first;
}

inline void arp_cache::send(ipv4_address neighbour, bytes&& packet) {
    auto found = entries_.find(neighbour);
    if (found == entries_.end()) found = create(neighbour);
    if (found == entries_.end()) return use_.give_up(std::move(packet));
    entry& which = found->second;
    which.state = now_of(which);
    if (which.state == arp_state::stale) {
        which.state = arp_state::delay;
        schedule(neighbour, which, settings.delay, network::timer_kind::background);
    }
    if (is_known(which.state)) return use_.transmit(which.address, std::move(packet));
    if (which.waiting.size() >= std::max<std::size_t>(settings.max_waiting, 1))
        which.waiting.erase(which.waiting.begin());
    which.waiting.push_back(std::move(packet));
    if (which.state == arp_state::failed || which.tries == 0) {
        which.state = arp_state::incomplete;
        which.tries = 0;
        ask(neighbour, which);
    }
}

inline void arp_cache::expired(ipv4_address neighbour) {
    const auto found = entries_.find(neighbour);
    if (found == entries_.end()) return;
    entry& which = found->second;
    if (which.state == arp_state::delay) {
        which.state = arp_state::probe;
        which.tries = 0;
        return ask(neighbour, which);
    }
    if (which.state != arp_state::incomplete && which.state != arp_state::probe) return;
    const unsigned most = which.state == arp_state::probe ? settings.max_probes : settings.max_broadcasts;
    if (which.tries < most) return ask(neighbour, which);
    which.state = arp_state::failed;
    which.tries = 0;
    auto lost = std::exchange(which.waiting, {});
    for (bytes& each : lost) use_.give_up(std::move(each));
}

inline void arp_cache::heard(ipv4_address neighbour, packet::mac_address address, bool is_answer, bool may_create) {
    auto found = entries_.find(neighbour);
    if (found == entries_.end()) {
        if (!may_create) return;
        found = create(neighbour);
        if (found == entries_.end()) return;
    }
    entry& which = found->second;
    if (which.state == arp_state::permanent) return;
    if (!is_answer && is_known(which.state) && which.address == address) return;  // no news
    which.state = is_answer ? arp_state::reachable : arp_state::stale;
    which.address = address;
    which.confirmed = net_->now();
    which.tries = 0;
    net_->cancel(which.timer);
    // Sending may call back into this cache, so the queue leaves it first.
    auto ready = std::exchange(which.waiting, {});
    for (bytes& each : ready) send(neighbour, std::move(each));
}

inline void arp_cache::add_static(ipv4_address neighbour, packet::mac_address address) {
    entry& which = entries_[neighbour];
    net_->cancel(which.timer);
    which.state = arp_state::permanent;
    which.address = address;
    auto ready = std::exchange(which.waiting, {});
    for (bytes& each : ready) send(neighbour, std::move(each));
}
inline bool arp_cache::remove(ipv4_address neighbour) {
    const auto found = entries_.find(neighbour);
    if (found == entries_.end()) return false;
    net_->cancel(found->second.timer);
    entries_.erase(found);
    return true;
}
inline void arp_cache::clear() {
    for (auto& [neighbour, each] : entries_)
        if (each.state != arp_state::permanent) net_->cancel(each.timer);
    std::erase_if(entries_, [](const auto& each) { return each.second.state != arp_state::permanent; });
}

inline std::optional<packet::mac_address> arp_cache::find(ipv4_address neighbour) const {
    const auto found = entries_.find(neighbour);
    if (found == entries_.end() || !is_known(found->second.state)) return std::nullopt;
    return found->second.address;
}
inline std::optional<arp_state> arp_cache::state_of(ipv4_address neighbour) const {
    const auto found = entries_.find(neighbour);
    if (found == entries_.end()) return std::nullopt;
    return now_of(found->second);
}

}  // namespace netnotes::lan

#endif  // NETNOTES_LAN_ARP_HPP

// netnotes/lan/attacks.hpp: attacks, inside the simulation only, and a guard against one of them
// SPDX-License-Identifier: MIT
//
// To understand a defence, one must see the attack. The attackers of this page are nodes of a simulated network. They
// have no socket and no device, so nothing that they do leaves the program. A test checks that.
//
//        attack             what it uses                              what helps
//        syn_flooder        a SYN costs the server memory             SYN cookies (lan/tcp_cookie.hpp)
//        arp_spoofer        ARP believes every answer                 arp_inspection on the switch; static entries
//        dns_spoofer        the first answer that fits is believed    random id and port, capitals by chance
//        lying_resolver     a server can say what it wants            other servers, DNSSEC (lan/name_service.hpp)
//
//        A: "who has 10.0.0.1?"                        the cache of A, poisoned:
//        M: "10.0.0.1 is at M", without being asked        10.0.0.1   M        instead of the gateway's card
//             A ──── switch ──── gateway
//                      │                               from then on M sees, and may change, what A and the
//                      M                               gateway tell each other: the man in the middle
//
// On this page:  syn_flooder · arp_spoofer · arp_inspection · dns_spoofer
// The notes:     tcp半链接攻击, dns攻击, arp攻击; examples 35 to 37

#ifndef NETNOTES_LAN_ATTACKS_HPP
#define NETNOTES_LAN_ATTACKS_HPP

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>


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

// netnotes/packet/build.hpp: frames made of plain values
// SPDX-License-Identifier: MIT
//
// A header is a struct whose members have the names of the RFC and useful defaults. write() puts headers and payload
// one behind the other:
//
//        std::vector<std::byte> frame;
//        packet::write(frame, packet::ethernet{.destination = router, .source = card},
//              packet::ipv4{.source = "192.0.2.1"_ip.v4(), .destination = "198.51.100.7"_ip.v4()},
//              packet::tcp{.source_port = 40944, .destination_port = 80, .flags = packet::tcp_flag::syn,
//                          .options = packet::tcp_options{}.maximum_segment_size(1460).sack_permitted()},
//              "payload");
//
// Lengths, offsets, checksums and the numbers of the next protocol are std::optional members. Those without a value are
// computed. Those with a value are written as they are, so a test can tell any lie:
//
//        packet::udp{.source_port = 53, .length = 7};            // a length that no receiver should accept
//        packet::ipv4{.total_length = 0, .header_checksum = 0};
//
// The function from() makes the struct of a view and copies every bit, also reserved bits, the checksum and the padding
// of options. So a header that was parsed can be changed in one place and written again.
//
// On this page:  header_options, ipv4_options, tcp_options · ethernet · vlan · arp · ipv4 · ipv6 · ipv6_header ·
//                ipv6_fragment · icmp · icmpv6 · udp · tcp · trailer · write
// The notes:     TCP报文首部

#ifndef NETNOTES_PACKET_BUILD_HPP
#define NETNOTES_PACKET_BUILD_HPP

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>


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

// netnotes/packet/ethernet.hpp: from card to card
// SPDX-License-Identifier: MIT
//
// An Ethernet frame goes from one network card to another card of the same link (IEEE 802.3 §3):
//
//        6 bytes        6 bytes     2 bytes     46 to 1500 bytes      4 bytes
//       ┌──────────────┬───────────┬───────────┬─────────────────────┬──────┐
//       │ destination  │  source   │ 0x0800    │ IPv4 packet         │ CRC  │
//       └──────────────┴───────────┴───────────┴─────────────────────┴──────┘
//
// A shorter payload is padded to 46 bytes, so a reader must not take everything behind the header for payload: IP has
// its own length. The third field has two meanings. From 0x0600 on the field names the protocol (Ethernet II). Up to
// 1500 it is the payload's length (IEEE 802.3), and a header of logical link control (LLC) follows.
//
// A switch that carries several virtual LANs puts a tag of four bytes behind the addresses (IEEE 802.1Q):
//
//       ┌──────────────┬───────────┬────────┬───┬─┬────────────┬───────────┬──────────
//       │ destination  │  source   │ 0x8100 │pri│d│ identifier │ 0x0800    │ IPv4 …        pri: priority, 3 bits
//       └──────────────┴───────────┴────────┴───┴─┴────────────┴───────────┴──────────     d: drop eligible, 1 bit
//
// The address resolution protocol asks which card has an IP address (RFC 826). The question goes to every card of the
// link, the answer to the asking card only. Nothing proves that an answer is true: this is how ARP spoofing works.
//
// On this page:  ethernet_view · vlan_view · arp_operation, arp_view
// The notes:     TCP/IP协议(族), ARP; 网络分析工具

#ifndef NETNOTES_PACKET_ETHERNET_HPP
#define NETNOTES_PACKET_ETHERNET_HPP

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>



// netnotes/packet/view.hpp: what every view of a header can do
// SPDX-License-Identifier: MIT
//
// A view looks at bytes that lie elsewhere: in a file, in a buffer, in an array. It holds their address and two sizes,
// and copies nothing. The bytes must outlive the view.
//
//        bytes()   ┌──────────────── header() ───────────────┬───────── payload() ─────────┐
//                  │ fixed fields            options         │ the next header, or data    │
//                  └─────────────────────────────────────────┴─────────────────────────────┘
//                  └─────────── header_size() ───────────────┘
//
// A view is made by its class's function parse(), which checks once whether the header is whole and consistent. If it
// is not, parse() returns nullopt and says why. Every accessor then reads within the bounds, so it needs no check and
// cannot fail. This is also why a view is fast: reading a field is one load and one swap of bytes.
//
//        packet::packet_failure why;
//        if (const auto header = packet::tcp_view::parse(bytes, why))
//            use(header->source_port());
//        else
//            std::cerr << why.message();         // TCP: data offset is 3 words, below 5, at byte 12
//
// Options are read lazily: a loop over options() looks at one option after the other. It stops at an option that is
// broken, and failure() then says why. A header with a broken option is still a header, and its fields are readable.
//
// On this page:  header_view · option, option_range
// The notes:     TCP报文首部 (选项)

#ifndef NETNOTES_PACKET_VIEW_HPP
#define NETNOTES_PACKET_VIEW_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>




namespace netnotes::packet {

namespace detail {
/// Makes views of headers that were checked already.
struct view_maker {
    template <class View>
    static constexpr View make(const std::byte* data, std::size_t header_size, std::size_t size) noexcept {
        return View{data, header_size, size};
    }
    /// Returns the header's size, or 0 and the reason in `why`. The place counts from `data`.
    template <class View>
    static constexpr std::size_t check(const std::byte* data, std::size_t size, packet_failure& why) noexcept {
        return View::check(data, size, why);
    }
    template <class View>
    static constexpr std::optional<View> parse(std::span<const std::byte> bytes, packet_failure& why) noexcept {
        const std::size_t header_size = View::check(bytes.data(), bytes.size(), why);
        if (header_size == 0) return std::nullopt;
        // A view counts in 32 bits. No packet is that long, but a span may be, for example a whole file.
        const std::size_t size = View::extent(bytes.data(), bytes.size());
        return View{bytes.data(), header_size, std::min<std::size_t>(size, 0xffff'ffff)};
    }
};
}  // namespace detail

/// The part that all views share: the bytes of a header and of its payload. The view is valid as long as the bytes.
class header_view {
  public:
    /// Returns the header and its payload.
    [[nodiscard]] constexpr std::span<const std::byte> bytes() const noexcept { return {data_, size_}; }
    /// Returns the header with its options.
    [[nodiscard]] constexpr std::span<const std::byte> header() const noexcept { return {data_, header_size_}; }
    /// Returns what follows the header, as far as it is there.
    [[nodiscard]] constexpr std::span<const std::byte> payload() const noexcept {
        return {data_ + header_size_, size_ - header_size_};
    }
    /// Returns the header's size in bytes.
    [[nodiscard]] constexpr std::size_t header_size() const noexcept { return header_size_; }

  protected:
    constexpr header_view(const std::byte* data, std::size_t header_size, std::size_t size) noexcept
        : data_{data}, header_size_{static_cast<std::uint32_t>(header_size)}, size_{static_cast<std::uint32_t>(size)} {}
    ~header_view() = default;
    /// How many of `size` bytes belong to header and payload. A header that has a length of its own says it here.
    static constexpr std::size_t extent(const std::byte*, std::size_t size) noexcept { return size; }
    constexpr header_view(const header_view&) noexcept = default;
    constexpr header_view& operator=(const header_view&) noexcept = default;

    [[nodiscard]] constexpr std::uint8_t get_8(std::size_t at) const noexcept { return detail::load_8(data_ + at); }
    [[nodiscard]] constexpr std::uint16_t get_16(std::size_t at) const noexcept { return detail::load_16(data_ + at); }
    [[nodiscard]] constexpr std::uint32_t get_32(std::size_t at) const noexcept { return detail::load_32(data_ + at); }
    [[nodiscard]] constexpr std::uint64_t get_48(std::size_t at) const noexcept { return detail::load_48(data_ + at); }
    [[nodiscard]] constexpr std::uint64_t get_64(std::size_t at) const noexcept { return detail::load_64(data_ + at); }
    [[nodiscard]] constexpr ipv4_address get_ipv4(std::size_t at) const noexcept { return ipv4_address{get_32(at)}; }
    [[nodiscard]] constexpr ipv6_address get_ipv6(std::size_t at) const noexcept {
        return ipv6_address{uint128{get_64(at), get_64(at + 8)}};
    }
    [[nodiscard]] constexpr std::span<const std::byte> get_bytes(std::size_t at, std::size_t count) const noexcept {
        return {data_ + at, count};
    }

  private:
    const std::byte* data_;
    std::uint32_t header_size_;
    std::uint32_t size_;
};

// ---- Options -------------------------------------------------------------------------------------------

/// An option of a header: its number, and the bytes behind number and length.
struct option {
    std::uint8_t kind = 0;
    std::span<const std::byte> data;
};

namespace detail {

/// The result of a step through options. `size` 0 is the end; then `pattern` tells whether an option is broken.
struct option_step {
    std::size_t size = 0;
    option found{};
    const char* pattern = nullptr;
    std::uint32_t value = 0;
    std::uint32_t limit = 0;
};

/// IPv4 and TCP: kind, length of the whole option, data. Kind 0 ends the list, kind 1 is a single byte (RFC 791 §3.1,
/// RFC 9293 §3.1).
template <layer Where>
struct classic_options {
    static constexpr layer where = Where;
    static constexpr option_step step(std::span<const std::byte> rest) noexcept {
        const std::uint8_t kind = load_8(rest.data());
        if (kind == 0) return {};
        if (kind == 1) return {1, {kind, {}}};
        if (rest.size() < 2) return {0, {}, "option % has no length", kind};
        const std::size_t length = load_8(rest.data() + 1);
        if (length < 2) return {0, {}, "option % has the length #, below 2", kind, static_cast<std::uint32_t>(length)};
        if (length > rest.size())
            return {
                0, {}, "option % needs # bytes, and the header ends before", kind, static_cast<std::uint32_t>(length)};
        return {length, {kind, rest.subspan(2, length - 2)}};
    }
};

/// IPv6 hop-by-hop and destination options: kind, length of the data, data. Kind 0 is a single byte (RFC 8200 §4.2).
struct ipv6_options_form {
    static constexpr layer where = layer::ipv6_extension;
    static constexpr option_step step(std::span<const std::byte> rest) noexcept {
        const std::uint8_t kind = load_8(rest.data());
        if (kind == 0) return {1, {kind, {}}};
        if (rest.size() < 2) return {0, {}, "option % has no length", kind};
        const std::size_t length = load_8(rest.data() + 1);
        if (length + 2 > rest.size())
            return {0,
                    {},
                    "option % needs # bytes, and the header ends before",
                    kind,
                    static_cast<std::uint32_t>(length + 2)};
        return {length + 2, {kind, rest.subspan(2, length)}};
    }
};

/// Neighbour discovery: kind, length in units of eight bytes, data (RFC 4861 §4.6).
struct neighbor_options_form {
    static constexpr layer where = layer::icmpv6;
    static constexpr option_step step(std::span<const std::byte> rest) noexcept {
        const std::uint8_t kind = load_8(rest.data());
        if (rest.size() < 2) return {0, {}, "option % has no length", kind};
        const std::size_t length = load_8(rest.data() + 1) * std::size_t{8};
        if (length == 0) return {0, {}, "option % has the length 0", kind};
        if (length > rest.size())
            return {
                0, {}, "option % needs # bytes, and the message ends before", kind, static_cast<std::uint32_t>(length)};
        return {length, {kind, rest.subspan(2, length - 2)}};
    }
};

}  // namespace detail

/// The options of a header, read one at a time. A loop over them ends at the end of the list, or at a broken option;
/// failure() tells the two apart. The range is valid as long as the bytes of the frame.
template <class Form>
class option_range {
  public:
    /// Reads the next option with each step.
    class iterator {
      public:
        using value_type = option;
        using difference_type = std::ptrdiff_t;
        using iterator_category = std::input_iterator_tag;
        using iterator_concept = std::forward_iterator_tag;
        using pointer = const option*;
        using reference = const option&;

        constexpr iterator() noexcept = default;
        constexpr const option& operator*() const noexcept { return step_.found; }
        constexpr const option* operator->() const noexcept { return &step_.found; }
        constexpr iterator& operator++() noexcept {
            rest_ = rest_.subspan(step_.size);
            step_ = rest_.empty() ? detail::option_step{} : Form::step(rest_);
            return *this;
        }
        constexpr iterator operator++(int) noexcept {
            const iterator before = *this;
            ++*this;
            return before;
        }
        friend constexpr bool operator==(const iterator& a, const iterator& b) noexcept {
            return a.rest_.data() == b.rest_.data() && a.rest_.size() == b.rest_.size();
        }
        friend constexpr bool operator==(const iterator& a, std::default_sentinel_t) noexcept {
            return a.step_.size == 0;
        }

      private:
        friend option_range;
        constexpr explicit iterator(std::span<const std::byte> rest) noexcept
            : rest_{rest}, step_{rest.empty() ? detail::option_step{} : Form::step(rest)} {}
        std::span<const std::byte> rest_;
        detail::option_step step_;
    };

    constexpr option_range() noexcept = default;
    /// Takes the bytes of the options, which begin at byte `offset` of their header.
    constexpr option_range(std::span<const std::byte> bytes, std::size_t offset) noexcept
        : bytes_{bytes}, offset_{offset} {}

    [[nodiscard]] constexpr iterator begin() const noexcept { return iterator{bytes_}; }
    [[nodiscard]] constexpr std::default_sentinel_t end() const noexcept { return {}; }
    /// Returns true if there is no option.
    [[nodiscard]] constexpr bool empty() const noexcept { return begin() == end(); }
    /// Returns all bytes of the options, padding included.
    [[nodiscard]] constexpr std::span<const std::byte> bytes() const noexcept { return bytes_; }
    /// Returns the first option with the number `kind`, or nullopt.
    [[nodiscard]] constexpr std::optional<option> find(std::uint8_t kind) const noexcept {
        for (const option& each : *this)
            if (each.kind == kind) return each;
        return std::nullopt;
    }
    /// Returns why the list cannot be read to its end, or success. The place counts from the beginning of the header.
    [[nodiscard]] constexpr packet_failure failure() const noexcept {
        iterator at = begin();
        while (at != end()) ++at;
        if (at.step_.pattern == nullptr) return {};
        const auto place = offset_ + bytes_.size() - at.rest_.size();
        return {Form::where, place, at.step_.pattern, at.step_.value, at.step_.limit};
    }

  private:
    std::span<const std::byte> bytes_;
    std::size_t offset_ = 0;
};

/// The options of TCP (RFC 9293 §3.1).
using tcp_option_range = option_range<detail::classic_options<layer::tcp>>;
/// The options of IPv4 (RFC 791 §3.1).
using ipv4_option_range = option_range<detail::classic_options<layer::ipv4>>;
/// The options of an extension header of IPv6 (RFC 8200 §4.2).
using ipv6_option_range = option_range<detail::ipv6_options_form>;
/// The options of neighbour discovery (RFC 4861 §4.6).
using neighbor_option_range = option_range<detail::neighbor_options_form>;

}  // namespace netnotes::packet

#endif  // NETNOTES_PACKET_VIEW_HPP


namespace netnotes::packet {

/// The header of an Ethernet frame: 14 bytes, without the CRC behind the frame (IEEE 802.3 §3.1).
class ethernet_view : public header_view {
  public:
    /// Returns nullopt if fewer than 14 bytes are there; `why` then says so.
    [[nodiscard]] static constexpr std::optional<ethernet_view> parse(std::span<const std::byte> bytes,
                                                                      packet_failure& why) noexcept {
        return detail::view_maker::parse<ethernet_view>(bytes, why);
    }

    // Both load eight bytes of the header at once, and drop two of them.
    /// Returns the address of the card that shall take the frame, or of the card that sent it.
    [[nodiscard]] constexpr mac_address destination() const noexcept { return mac_address{get_64(0) >> 16}; }
    [[nodiscard]] constexpr mac_address source() const noexcept { return mac_address{get_64(4)}; }
    /// Returns the third field as it is: a protocol from 0x0600 on, a length up to 1500. Other values mean nothing.
    [[nodiscard]] constexpr std::uint16_t type_or_length() const noexcept { return get_16(12); }
    /// Returns true for an IEEE 802.3 frame, whose third field is the length of its payload.
    [[nodiscard]] constexpr bool has_length() const noexcept { return type_or_length() <= 1500; }
    /// Returns the protocol of the payload. Ask has_length() first; a length is no protocol.
    [[nodiscard]] constexpr ether_type type() const noexcept { return static_cast<ether_type>(type_or_length()); }

  private:
    friend detail::view_maker;
    using header_view::header_view;
    static constexpr std::size_t check(const std::byte*, std::size_t size, packet_failure& why) noexcept {
        if (size >= 14) return 14;
        why = packet_failure::cut_short(layer::ethernet, 0, size, 14);
        return 0;
    }
};

/// The rest of a VLAN tag: two bytes of control information, and the type of the next header (IEEE 802.1Q §9.6). The
/// type 0x8100 in front of it belongs to the header outside.
class vlan_view : public header_view {
  public:
    /// Returns nullopt if fewer than 4 bytes are there; `why` then says so.
    [[nodiscard]] static constexpr std::optional<vlan_view> parse(std::span<const std::byte> bytes,
                                                                  packet_failure& why) noexcept {
        return detail::view_maker::parse<vlan_view>(bytes, why);
    }

    /// Returns all 16 bits of control information.
    [[nodiscard]] constexpr std::uint16_t control_information() const noexcept { return get_16(0); }
    /// Returns the priority code point, 0 to 7.
    [[nodiscard]] constexpr unsigned priority() const noexcept { return control_information() >> 13u; }
    /// Returns the drop eligible indicator: a congested switch may drop this frame first.
    [[nodiscard]] constexpr bool drop_eligible() const noexcept { return (control_information() & 0x1000) != 0; }
    /// Returns the number of the virtual LAN, 0 to 4095. 0 stands for "priority only", and 4095 is reserved.
    [[nodiscard]] constexpr unsigned identifier() const noexcept { return control_information() & 0x0fffu; }
    /// Returns the field behind the tag, which has the meaning of ethernet_view::type_or_length().
    [[nodiscard]] constexpr std::uint16_t type_or_length() const noexcept { return get_16(2); }
    [[nodiscard]] constexpr bool has_length() const noexcept { return type_or_length() <= 1500; }
    [[nodiscard]] constexpr ether_type type() const noexcept { return static_cast<ether_type>(type_or_length()); }

  private:
    friend detail::view_maker;
    using header_view::header_view;
    static constexpr std::size_t check(const std::byte*, std::size_t size, packet_failure& why) noexcept {
        if (size >= 4) return 4;
        why = packet_failure::cut_short(layer::vlan, 0, size, 4);
        return 0;
    }
};

/// Says what an ARP packet wants (RFC 826, RFC 903, RFC 2390).
enum class arp_operation : std::uint16_t {
    request = 1,
    reply = 2,
    reverse_request = 3,
    reverse_reply = 4,
    inverse_request = 8,
    inverse_reply = 9,
};

/// Returns the name of the operation, or "" for a number that this module does not name.
[[nodiscard]] constexpr std::string_view to_string(arp_operation operation) noexcept {
    switch (operation) {
        case arp_operation::request: return "request";
        case arp_operation::reply: return "reply";
        case arp_operation::reverse_request: return "reverse request";
        case arp_operation::reverse_reply: return "reverse reply";
        case arp_operation::inverse_request: return "inverse request";
        case arp_operation::inverse_reply: return "inverse reply";
    }
    return "";
}

/// An ARP packet (RFC 826). The packet gives the sizes of its addresses itself. For Ethernet and IPv4 they are 6 and 4
/// bytes, and then the typed accessors return the addresses. The accessors that return bytes work for all sizes.
class arp_view : public header_view {
  public:
    /// Returns nullopt if the addresses, whose sizes the packet announces, are not all there; `why` then says so.
    [[nodiscard]] static constexpr std::optional<arp_view> parse(std::span<const std::byte> bytes,
                                                                 packet_failure& why) noexcept {
        return detail::view_maker::parse<arp_view>(bytes, why);
    }

    /// Returns the kind of link: 1 is Ethernet.
    [[nodiscard]] constexpr std::uint16_t hardware_type() const noexcept { return get_16(0); }
    /// Returns the protocol whose addresses are asked for.
    [[nodiscard]] constexpr ether_type protocol_type() const noexcept { return static_cast<ether_type>(get_16(2)); }
    [[nodiscard]] constexpr std::uint8_t hardware_size() const noexcept { return get_8(4); }  ///< bytes
    [[nodiscard]] constexpr std::uint8_t protocol_size() const noexcept { return get_8(5); }  ///< bytes
    [[nodiscard]] constexpr arp_operation operation() const noexcept { return static_cast<arp_operation>(get_16(6)); }
    /// Returns true for addresses of Ethernet and of IPv4, the only kind that is in use.
    [[nodiscard]] constexpr bool is_ethernet_ipv4() const noexcept { return get_48(0) == 0x0001'0800'0604; }

    /// Returns the addresses in the packet's own sizes; so do the functions below.
    [[nodiscard]] constexpr std::span<const std::byte> sender_hardware_bytes() const noexcept {
        return get_bytes(8, hardware_size());
    }
    [[nodiscard]] constexpr std::span<const std::byte> sender_protocol_bytes() const noexcept {
        return get_bytes(8u + hardware_size(), protocol_size());
    }
    [[nodiscard]] constexpr std::span<const std::byte> target_hardware_bytes() const noexcept {
        return get_bytes(8u + hardware_size() + protocol_size(), hardware_size());
    }
    [[nodiscard]] constexpr std::span<const std::byte> target_protocol_bytes() const noexcept {
        return get_bytes(8u + 2u * hardware_size() + protocol_size(), protocol_size());
    }

    /// Returns the card that sends. Returns 00:00:00:00:00:00 if a hardware address has not 6 bytes.
    [[nodiscard]] constexpr mac_address sender_hardware_address() const noexcept {
        return mac(sender_hardware_bytes());
    }
    /// Returns the IP address that the sender claims. Returns 0.0.0.0 if a protocol address has not 4 bytes.
    [[nodiscard]] constexpr ipv4_address sender_protocol_address() const noexcept {
        return ip(sender_protocol_bytes());
    }
    /// Returns the card that is addressed. A request holds zeros here, because this is its question.
    [[nodiscard]] constexpr mac_address target_hardware_address() const noexcept {
        return mac(target_hardware_bytes());
    }
    /// Returns the IP address whose card is wanted.
    [[nodiscard]] constexpr ipv4_address target_protocol_address() const noexcept {
        return ip(target_protocol_bytes());
    }
    /// Returns true if the sender announces or defends its own address: sender and target are the same (RFC 5227 §1.1).
    [[nodiscard]] constexpr bool is_announcement() const noexcept {
        return is_ethernet_ipv4() && sender_protocol_address() == target_protocol_address();
    }
    /// Returns true if the sender asks whether an address is free: it gives 0.0.0.0 for itself (RFC 5227 §2.1.1).
    [[nodiscard]] constexpr bool is_probe() const noexcept {
        return is_ethernet_ipv4() && operation() == arp_operation::request &&
               sender_protocol_address().is_unspecified() && !target_protocol_address().is_unspecified();
    }

  private:
    friend detail::view_maker;
    using header_view::header_view;
    static constexpr std::size_t check(const std::byte* data, std::size_t size, packet_failure& why) noexcept {
        std::size_t needed = 8;
        if (size >= needed) needed += 2u * (detail::load_8(data + 4) + detail::load_8(data + 5));
        if (size >= needed) return needed;
        why = packet_failure::cut_short(layer::arp, 0, size, needed);
        return 0;
    }
    static constexpr mac_address mac(std::span<const std::byte> bytes) noexcept {
        return bytes.size() == 6 ? mac_address{detail::load_48(bytes.data())} : mac_address{};
    }
    static constexpr ipv4_address ip(std::span<const std::byte> bytes) noexcept {
        return bytes.size() == 4 ? ipv4_address{detail::load_32(bytes.data())} : ipv4_address{};
    }
};

}  // namespace netnotes::packet

#endif  // NETNOTES_PACKET_ETHERNET_HPP

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


// netnotes/packet/tcp.hpp: from program to program, as a stream of numbered bytes
// SPDX-License-Identifier: MIT
//
// A TCP segment carries bytes of a stream, and says which bytes of the other direction have arrived (RFC 9293 §3.1):
//
//         0                   1                   2                   3
//         0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//        ┌───────────────────────────────┬───────────────────────────────┐
//        │          source port          │       destination port        │
//        ├───────────────────────────────┴───────────────────────────────┤
//        │          sequence number: of the first byte, or of SYN        │
//        ├───────────────────────────────────────────────────────────────┤
//        │      acknowledgment number: of the next byte expected         │
//        ├───────┬───────┬─┬─┬─┬─┬─┬─┬─┬─┬───────────────────────────────┤
//        │ data  │       │C│E│U│A│P│R│S│F│            window:            │   the four bits between are reserved
//        │ offset│       │W│C│R│C│S│S│Y│I│   bytes that the sender of    │
//        │       │       │R│E│G│K│H│T│N│N│   this segment will accept    │
//        ├───────┴───────┴─┴─┴─┴─┴─┴─┴─┴─┼───────────────────────────────┤
//        │           checksum            │        urgent pointer         │
//        ├───────────────────────────────┴───────────────────────────────┤
//        │                    options, 0 to 40 bytes …                   │
//        └───────────────────────────────────────────────────────────────┘
//
// The data offset is the header's length in words of four bytes, so data begins after 20 to 60 bytes. TCP has no length
// of its own: IP's length ends the segment.
//
// Sequence numbers count modulo 2^32. After ffffffff comes 0, so "smaller" says nothing. Of two numbers that are less
// than 2^31 apart, one is before the other (RFC 9293 §3.4). That relation is no order: a can be before b, b before c,
// and c before a. The class sequence therefore has is_before(), and no operator <.
//
// On this page:  sequence · tcp_flag, tcp_flags · tcp_option · tcp_view
// The notes:     TCP报文首部, TCP三次握手

#ifndef NETNOTES_PACKET_TCP_HPP
#define NETNOTES_PACKET_TCP_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>






namespace netnotes::packet {

// ---- Sequence numbers ----------------------------------------------------------------------------------

/// The number of a byte in a TCP stream, modulo 2^32 (RFC 9293 §3.4). A value; comparisons other than == have names.
class sequence {
  public:
    constexpr sequence() noexcept = default;
    constexpr explicit sequence(std::uint32_t value) noexcept : value_{value} {}
    /// Returns the number.
    [[nodiscard]] constexpr std::uint32_t to_uint() const noexcept { return value_; }

    /// Moves by a count of bytes, and returns the new number. After 2^32 - 1 comes 0.
    constexpr sequence& operator+=(std::uint32_t bytes) noexcept { return value_ += bytes, *this; }
    constexpr sequence& operator-=(std::uint32_t bytes) noexcept { return value_ -= bytes, *this; }
    friend constexpr sequence operator+(sequence a, std::uint32_t bytes) noexcept { return a += bytes; }
    friend constexpr sequence operator-(sequence a, std::uint32_t bytes) noexcept { return a -= bytes; }
    /// Returns how many bytes lead from `b` to `a`, at least -2^31 and below 2^31.
    friend constexpr std::int32_t operator-(sequence a, sequence b) noexcept {
        return static_cast<std::int32_t>(a.value_ - b.value_);
    }
    friend constexpr bool operator==(sequence, sequence) noexcept = default;

    /// Returns true if fewer than 2^31 steps forward lead from this number to `other`, and at least one step.
    [[nodiscard]] constexpr bool is_before(sequence other) const noexcept { return other - *this > 0; }
    [[nodiscard]] constexpr bool is_after(sequence other) const noexcept { return other.is_before(*this); }
    /// Returns true if the number is one of the `size` numbers that begin with `first`. `size` may be up to 2^32 - 1.
    [[nodiscard]] constexpr bool is_in(sequence first, std::uint32_t size) const noexcept {
        return value_ - first.value_ < size;
    }

  private:
    std::uint32_t value_ = 0;
};

// ---- Flags ---------------------------------------------------------------------------------------------

/// A flag of TCP, with its bit in the header's fourteenth byte (RFC 9293 §3.1).
enum class tcp_flag : std::uint8_t {
    fin = 0x01,  ///< the sender has sent its last byte
    syn = 0x02,  ///< opens: the sequence number is the initial one
    rst = 0x04,  ///< resets: the connection does not exist any more
    psh = 0x08,  ///< the receiver should hand the data to the program at once
    ack = 0x10,  ///< the acknowledgment number is valid; set in every segment but the first
    urg = 0x20,  ///< the urgent pointer is valid
    ece = 0x40,  ///< congestion was experienced; in a SYN: can do that (RFC 3168 §6.1)
    cwr = 0x80,  ///< the congestion window was reduced
};

/// A set of flags: `tcp_flag::syn | tcp_flag::ack`. A regular value of one byte.
class tcp_flags {
  public:
    constexpr tcp_flags() noexcept = default;
    constexpr tcp_flags(tcp_flag flag) noexcept : bits_{static_cast<std::uint8_t>(flag)} {}
    /// Takes the header's byte: bit 0 is FIN, bit 7 is CWR.
    constexpr explicit tcp_flags(std::uint8_t bits) noexcept : bits_{bits} {}

    /// Returns the flags as the byte of the header.
    [[nodiscard]] constexpr std::uint8_t to_uint() const noexcept { return bits_; }
    /// Returns true if all flags of `others` are set.
    [[nodiscard]] constexpr bool has(tcp_flags others) const noexcept { return (bits_ & others.bits_) == others.bits_; }
    [[nodiscard]] constexpr bool fin() const noexcept { return has(tcp_flag::fin); }
    [[nodiscard]] constexpr bool syn() const noexcept { return has(tcp_flag::syn); }
    [[nodiscard]] constexpr bool rst() const noexcept { return has(tcp_flag::rst); }
    [[nodiscard]] constexpr bool psh() const noexcept { return has(tcp_flag::psh); }
    [[nodiscard]] constexpr bool ack() const noexcept { return has(tcp_flag::ack); }
    [[nodiscard]] constexpr bool urg() const noexcept { return has(tcp_flag::urg); }
    [[nodiscard]] constexpr bool ece() const noexcept { return has(tcp_flag::ece); }
    [[nodiscard]] constexpr bool cwr() const noexcept { return has(tcp_flag::cwr); }

    /// Returns the flags that are in any operand, or in both.
    friend constexpr tcp_flags operator|(tcp_flags a, tcp_flags b) noexcept {
        return tcp_flags{static_cast<std::uint8_t>(a.bits_ | b.bits_)};
    }
    friend constexpr tcp_flags operator&(tcp_flags a, tcp_flags b) noexcept {
        return tcp_flags{static_cast<std::uint8_t>(a.bits_ & b.bits_)};
    }
    friend constexpr tcp_flags operator~(tcp_flags a) noexcept {
        return tcp_flags{static_cast<std::uint8_t>(~a.bits_)};
    }
    friend constexpr bool operator==(tcp_flags, tcp_flags) noexcept = default;

  private:
    std::uint8_t bits_ = 0;
};

/// Returns a set of both flags.
constexpr tcp_flags operator|(tcp_flag a, tcp_flag b) noexcept { return tcp_flags{a} | tcp_flags{b}; }

// ---- Options -------------------------------------------------------------------------------------------

/// Numbers of TCP options (IANA's "TCP Option Kind Numbers"), as option::kind has them.
enum class tcp_option : std::uint8_t {
    end_of_list = 0,
    no_operation = 1,
    maximum_segment_size = 2,      ///< RFC 9293 §3.7.1
    window_scale = 3,              ///< RFC 7323 §2.2
    sack_permitted = 4,            ///< RFC 2018 §2
    selective_acknowledgment = 5,  ///< RFC 2018 §3
    timestamps = 8,                ///< RFC 7323 §3.2
    md5_signature = 19,            ///< RFC 2385
    user_timeout = 28,             ///< RFC 5482
    authentication = 29,           ///< RFC 5925
    multipath = 30,                ///< RFC 8684
    fast_open = 34,                ///< RFC 7413
};

/// The two clocks of the option "timestamps" (RFC 7323 §3.2).
struct tcp_timestamps {
    std::uint32_t value = 0;       ///< the sender's clock
    std::uint32_t echo_reply = 0;  ///< the last value that the sender has received
    friend constexpr bool operator==(const tcp_timestamps&, const tcp_timestamps&) noexcept = default;
};

/// Bytes that arrived behind a gap (RFC 2018 §3): the bytes from `first` on, before `last`.
struct tcp_block {
    sequence first;
    sequence last;
    friend constexpr bool operator==(const tcp_block&, const tcp_block&) noexcept = default;
};

/// The blocks of a selective acknowledgment: the header has room for four.
class tcp_blocks {
  public:
    [[nodiscard]] constexpr const tcp_block* begin() const noexcept { return blocks_.data(); }
    [[nodiscard]] constexpr const tcp_block* end() const noexcept { return blocks_.data() + size_; }
    /// Returns the number of blocks, or a block; `i` is below size().
    [[nodiscard]] constexpr std::size_t size() const noexcept { return size_; }
    [[nodiscard]] constexpr const tcp_block& operator[](std::size_t i) const noexcept { return blocks_[i]; }
    /// Adds a block. A fifth block is dropped.
    constexpr void push_back(const tcp_block& block) noexcept {
        if (size_ < blocks_.size()) blocks_[size_++] = block;
    }

  private:
    std::array<tcp_block, 4> blocks_{};
    std::size_t size_ = 0;
};

// ---- The header ----------------------------------------------------------------------------------------

/// The header of a TCP segment (RFC 9293 §3.1).
class tcp_view : public header_view {
  public:
    /// Returns nullopt if the header is cut short, or if its data offset is below 5; `why` then says so.
    [[nodiscard]] static constexpr std::optional<tcp_view> parse(std::span<const std::byte> bytes,
                                                                 packet_failure& why) noexcept {
        return detail::view_maker::parse<tcp_view>(bytes, why);
    }

    /// Returns a field of the header; so do the functions below.
    [[nodiscard]] constexpr std::uint16_t source_port() const noexcept { return get_16(0); }
    [[nodiscard]] constexpr std::uint16_t destination_port() const noexcept { return get_16(2); }
    [[nodiscard]] constexpr sequence sequence_number() const noexcept { return sequence{get_32(4)}; }
    /// Returns the number of the next byte that the sender expects. It is valid if flags().ack() is true.
    [[nodiscard]] constexpr sequence acknowledgment_number() const noexcept { return sequence{get_32(8)}; }
    /// Returns the header's length in words of four bytes, 5 to 15; header_size() has it in bytes.
    [[nodiscard]] constexpr unsigned data_offset() const noexcept { return get_8(12) >> 4u; }
    /// Returns the four bits between data offset and flags, which are 0 today. RFC 9768 uses the lowest of them.
    [[nodiscard]] constexpr unsigned reserved() const noexcept { return get_8(12) & 0xfu; }
    [[nodiscard]] constexpr tcp_flags flags() const noexcept { return tcp_flags{get_8(13)}; }
    /// Returns how many bytes the sender of this segment will accept, before the window scale is applied.
    [[nodiscard]] constexpr std::uint16_t window() const noexcept { return get_16(14); }
    [[nodiscard]] constexpr std::uint16_t checksum() const noexcept { return get_16(16); }
    /// Returns the distance from the sequence number to the byte behind the urgent data; valid if flags().urg() is
    /// true.
    [[nodiscard]] constexpr std::uint16_t urgent_pointer() const noexcept { return get_16(18); }
    /// Returns the options, which are read lazily; see tcp_option for their numbers.
    [[nodiscard]] constexpr tcp_option_range options() const noexcept {
        return {get_bytes(20, header_size() - 20), 20};
    }
    /// Returns how many sequence numbers the segment occupies: its bytes, and one each for SYN and FIN (RFC 9293 §3.4).
    [[nodiscard]] constexpr std::uint32_t segment_length() const noexcept {
        return static_cast<std::uint32_t>(payload().size()) + (flags().syn() ? 1 : 0) + (flags().fin() ? 1 : 0);
    }

    /// Returns the largest segment that the sender accepts, in bytes of data. Only a SYN should have it.
    [[nodiscard]] constexpr std::optional<std::uint16_t> maximum_segment_size() const noexcept {
        const auto found = find(tcp_option::maximum_segment_size, 2);
        if (!found) return std::nullopt;
        return detail::load_16(found->data.data());
    }
    /// Returns by how many bits the sender's later windows must be shifted to the left. A value above 14 counts as 14
    /// (RFC 7323 §2.3); it is returned as it stands.
    [[nodiscard]] constexpr std::optional<std::uint8_t> window_scale() const noexcept {
        const auto found = find(tcp_option::window_scale, 1);
        if (!found) return std::nullopt;
        return detail::load_8(found->data.data());
    }
    /// Returns true if the sender of this SYN understands selective acknowledgments.
    [[nodiscard]] constexpr bool is_sack_permitted() const noexcept {
        return find(tcp_option::sack_permitted, 0).has_value();
    }
    [[nodiscard]] constexpr std::optional<tcp_timestamps> timestamps() const noexcept {
        const auto found = find(tcp_option::timestamps, 8);
        if (!found) return std::nullopt;
        return tcp_timestamps{detail::load_32(found->data.data()), detail::load_32(found->data.data() + 4)};
    }
    /// Returns the blocks of the first selective acknowledgment, or no block.
    [[nodiscard]] constexpr tcp_blocks selective_acknowledgments() const noexcept {
        tcp_blocks blocks;
        const auto found = options().find(static_cast<std::uint8_t>(tcp_option::selective_acknowledgment));
        if (!found || found->data.size() % 8 != 0) return blocks;
        for (std::size_t at = 0; at < found->data.size(); at += 8)
            blocks.push_back({sequence{detail::load_32(found->data.data() + at)},
                              sequence{detail::load_32(found->data.data() + at + 4)}});
        return blocks;
    }

    /// Returns whether the checksum fits the segment and the addresses of the IP header around it. The view must have
    /// the whole segment.
    [[nodiscard]] constexpr netnotes::packet::checksum_state checksum_state(ipv4_address source,
                                                                            ipv4_address destination) const noexcept {
        return detail::state_of(pseudo_header(source, destination, ip_protocol::tcp, size()), bytes(), checksum());
    }
    [[nodiscard]] constexpr netnotes::packet::checksum_state checksum_state(
        const ipv6_address& source, const ipv6_address& destination) const noexcept {
        return detail::state_of(pseudo_header(source, destination, ip_protocol::tcp, size()), bytes(), checksum());
    }

  private:
    friend detail::view_maker;
    using header_view::header_view;
    static constexpr std::size_t check(const std::byte* data, std::size_t size, packet_failure& why) noexcept {
        if (size < 20) [[unlikely]] {
            why = packet_failure::cut_short(layer::tcp, 0, size, 20);
            return 0;
        }
        const std::size_t header_size = detail::load_8(data + 12) / 16 * 4u;
        if (header_size < 20 || header_size > size) [[unlikely]]
            return refuse(header_size, size, why);
        return header_size;
    }
    static constexpr std::size_t refuse(std::size_t header_size, std::size_t size, packet_failure& why) noexcept {
        if (header_size < 20)
            why = packet_failure{layer::tcp, 12, "data offset is % words, below #",
                                 static_cast<std::uint32_t>(header_size / 4), 5};
        else
            why = packet_failure::cut_short(layer::tcp, 0, size, header_size);
        return 0;
    }
    [[nodiscard]] constexpr std::uint32_t size() const noexcept { return static_cast<std::uint32_t>(bytes().size()); }
    /// The first option of that kind, if its data has the size that its RFC gives it.
    [[nodiscard]] constexpr std::optional<option> find(tcp_option kind, std::size_t data_size) const noexcept {
        const auto found = options().find(static_cast<std::uint8_t>(kind));
        return found && found->data.size() == data_size ? found : std::nullopt;
    }
};

}  // namespace netnotes::packet

#endif  // NETNOTES_PACKET_TCP_HPP

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



namespace netnotes::packet {

// ---- Options -------------------------------------------------------------------------------------------

/// The bytes of the options of IPv4 or TCP: at most 40. Options that do not fit are dropped, and fits() is false then.
/// write() pads with zeros to a multiple of four bytes.
class header_options {
  public:
    static constexpr std::size_t capacity = 40;  ///< bytes

    constexpr header_options() noexcept = default;
    /// Copies bytes as they are, padding included.
    constexpr explicit header_options(std::span<const std::byte> raw) noexcept { append(raw); }

    /// Appends bytes as they are.
    constexpr void append(std::span<const std::byte> raw) noexcept {
        fits_ = fits_ && raw.size() <= capacity - size_;
        if (!fits_) return;
        std::copy(raw.begin(), raw.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(size_));
        size_ += raw.size();
    }
    /// Appends an option of a single byte: 0 ends the list, 1 does nothing.
    constexpr void append(std::uint8_t kind) noexcept {
        const std::byte byte{kind};
        append(std::span{&byte, 1});
    }
    /// Appends an option with its length and data. `data` has at most 38 bytes.
    constexpr void append(std::uint8_t kind, std::span<const std::byte> data) noexcept {
        const std::array head{std::byte{kind}, static_cast<std::byte>(data.size() + 2)};
        fits_ = fits_ && data.size() + head.size() <= capacity - size_;
        append(head);
        append(data);
    }
    /// Returns the options so far.
    [[nodiscard]] constexpr std::span<const std::byte> bytes() const noexcept { return {bytes_.data(), size_}; }
    /// Returns the size with padding, a multiple of four.
    [[nodiscard]] constexpr std::size_t padded_size() const noexcept { return (size_ + 3) / 4 * 4; }
    /// Returns false if an option was dropped.
    [[nodiscard]] constexpr bool fits() const noexcept { return fits_; }

  protected:
    template <class... Numbers>
    constexpr void append_numbers(std::uint8_t kind, Numbers... numbers) noexcept {
        std::array<std::byte, (sizeof(Numbers) + ... + 0)> data{};
        std::byte* to = data.data();
        ((detail::store<std::endian::big>(to, numbers), to += sizeof numbers), ...);
        append(kind, data);
    }

  private:
    std::array<std::byte, capacity> bytes_{};
    std::size_t size_ = 0;
    bool fits_ = true;
};

/// The options of an IPv4 header.
class ipv4_options : public header_options {
  public:
    using header_options::header_options;
    /// Asks each router to look into the packet (RFC 2113).
    constexpr ipv4_options& router_alert() noexcept {
        append_numbers(static_cast<std::uint8_t>(ipv4_option::router_alert), std::uint16_t{0});
        return *this;
    }
};

/// The options of a TCP header. The calls can be chained.
class tcp_options : public header_options {
  public:
    using header_options::header_options;
    /// Appends an option of TCP and returns this list; so do the functions below. packet/tcp.hpp says what each option
    /// means.
    constexpr tcp_options& no_operation() noexcept { return append(1), *this; }
    constexpr tcp_options& maximum_segment_size(std::uint16_t bytes) noexcept { return add(2, bytes); }
    constexpr tcp_options& window_scale(std::uint8_t bits) noexcept { return add(3, bits); }
    constexpr tcp_options& sack_permitted() noexcept { return add(4); }
    constexpr tcp_options& timestamps(std::uint32_t value, std::uint32_t echo_reply) noexcept {
        return add(8, value, echo_reply);
    }
    constexpr tcp_options& selective_acknowledgment(const tcp_block& block) noexcept {
        return add(5, block.first.to_uint(), block.last.to_uint());
    }

  private:
    template <class... Numbers>
    constexpr tcp_options& add(std::uint8_t kind, Numbers... numbers) noexcept {
        append_numbers(kind, numbers...);
        return *this;
    }
};

// ---- Headers -------------------------------------------------------------------------------------------

/// An Ethernet header. Without a type it gets the type of the next header. In front of other bytes it gets their length
/// (IEEE 802.3).
struct ethernet {
    mac_address destination = mac_address::broadcast();
    mac_address source{};
    std::optional<ether_type> type{};
    [[nodiscard]] static constexpr ethernet from(const ethernet_view& view) noexcept {
        return {view.destination(), view.source(), view.type()};
    }
};

/// A VLAN tag. The header in front of it gets the type 0x8100 for it, unless it has a type.
struct vlan {
    std::uint16_t identifier = 0;  ///< 0 to 4095
    std::uint8_t priority = 0;     ///< 0 to 7
    bool drop_eligible = false;
    std::optional<ether_type> type{};
    [[nodiscard]] static constexpr vlan from(const vlan_view& view) noexcept {
        return {static_cast<std::uint16_t>(view.identifier()), static_cast<std::uint8_t>(view.priority()),
                view.drop_eligible(), view.type()};
    }
};

/// An ARP packet for Ethernet and IPv4.
struct arp {
    arp_operation operation = arp_operation::request;
    mac_address sender_hardware_address{};
    ipv4_address sender_protocol_address{};
    mac_address target_hardware_address{};
    ipv4_address target_protocol_address{};
    /// Returns a copy of a packet for which view.is_ethernet_ipv4() is true. Other packets lose their sizes.
    [[nodiscard]] static constexpr arp from(const arp_view& view) noexcept {
        return {view.operation(), view.sender_hardware_address(), view.sender_protocol_address(),
                view.target_hardware_address(), view.target_protocol_address()};
    }
};

/// An IPv4 header.
struct ipv4 {
    std::uint8_t version = 4;
    std::optional<std::uint8_t> internet_header_length{};  ///< words of four bytes
    std::uint8_t type_of_service = 0;
    std::optional<std::uint16_t> total_length{};  ///< bytes, header included
    std::uint16_t identification = 0;
    bool reserved = false;
    bool dont_fragment = false;
    bool more_fragments = false;
    std::uint32_t fragment_offset = 0;  ///< bytes, a multiple of eight
    std::uint8_t time_to_live = 64;
    std::optional<ip_protocol> protocol{};
    std::optional<std::uint16_t> header_checksum{};
    ipv4_address source{};
    ipv4_address destination{};
    ipv4_options options{};
    [[nodiscard]] static constexpr ipv4 from(const ipv4_view& view) noexcept {
        return {static_cast<std::uint8_t>(view.version()),
                static_cast<std::uint8_t>(view.internet_header_length()),
                view.type_of_service(),
                view.total_length(),
                view.identification(),
                view.reserved(),
                view.dont_fragment(),
                view.more_fragments(),
                view.fragment_offset(),
                view.time_to_live(),
                view.protocol(),
                view.header_checksum(),
                view.source(),
                view.destination(),
                ipv4_options{view.options().bytes()}};
    }
};

/// An IPv6 header.
struct ipv6 {
    std::uint8_t version = 6;
    std::uint8_t traffic_class = 0;
    std::uint32_t flow_label = 0;                   ///< 20 bits
    std::optional<std::uint16_t> payload_length{};  ///< bytes, without this header
    std::optional<ip_protocol> next_header{};
    std::uint8_t hop_limit = 64;
    ipv6_address source{};
    ipv6_address destination{};
    [[nodiscard]] static constexpr ipv6 from(const ipv6_view& view) noexcept {
        return {static_cast<std::uint8_t>(view.version()),
                view.traffic_class(),
                view.flow_label(),
                view.payload_length(),
                view.next_header(),
                view.hop_limit(),
                view.source(),
                view.destination()};
    }
};

/// An extension header of IPv6. `contents` are its bytes from the third on. They are not copied, so they must live
/// until write() returns. Their size is 6 and a multiple of eight more.
struct ipv6_header {
    ip_protocol kind = ip_protocol::hop_by_hop;
    std::optional<ip_protocol> next_header{};
    std::optional<std::uint8_t> length{};  ///< units of eight bytes behind the first eight
    std::span<const std::byte> contents{};
    [[nodiscard]] static constexpr ipv6_header from(const ipv6_extension& view) noexcept {
        return {view.kind(), view.next_header(), detail::load_8(view.bytes().data() + 1), view.bytes().subspan(2)};
    }
};

/// The extension header of a fragment.
struct ipv6_fragment {
    std::optional<ip_protocol> next_header{};
    std::uint32_t fragment_offset = 0;  ///< bytes, a multiple of eight
    bool more_fragments = false;
    std::uint32_t identification = 0;
};

/// An ICMP message: a header and its payload.
struct icmp {
    icmp_type type = icmp_type::echo_request;
    std::uint8_t code = 0;
    std::optional<std::uint16_t> checksum{};
    std::uint32_t rest_of_header = 0;  ///< of an echo: identifier << 16 | sequence number
    [[nodiscard]] static constexpr icmp from(const icmp_view& view) noexcept {
        return {view.type(), view.code(), view.checksum(), view.rest_of_header()};
    }
};

/// An ICMPv6 message: a header and its payload.
struct icmpv6 {
    icmpv6_type type = icmpv6_type::echo_request;
    std::uint8_t code = 0;
    std::optional<std::uint16_t> checksum{};
    std::uint32_t rest_of_header = 0;  ///< of an echo: identifier << 16 | sequence number
    [[nodiscard]] static constexpr icmpv6 from(const icmpv6_view& view) noexcept {
        return {view.type(), view.code(), view.checksum(), view.rest_of_header()};
    }
};

/// A UDP header.
struct udp {
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;
    std::optional<std::uint16_t> length{};    ///< bytes, header included
    std::optional<std::uint16_t> checksum{};  ///< 0 sends a datagram without a checksum
    [[nodiscard]] static constexpr udp from(const udp_view& view) noexcept {
        return {view.source_port(), view.destination_port(), view.length(), view.checksum()};
    }
};

/// A TCP header.
struct tcp {
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;
    sequence sequence_number{};
    sequence acknowledgment_number{};
    std::optional<std::uint8_t> data_offset{};  ///< words of four bytes
    std::uint8_t reserved = 0;                  ///< 4 bits
    tcp_flags flags{};
    std::uint16_t window = 65535;
    std::optional<std::uint16_t> checksum{};
    std::uint16_t urgent_pointer = 0;
    tcp_options options{};
    [[nodiscard]] static constexpr tcp from(const tcp_view& view) noexcept {
        return {view.source_port(),
                view.destination_port(),
                view.sequence_number(),
                view.acknowledgment_number(),
                static_cast<std::uint8_t>(view.data_offset()),
                static_cast<std::uint8_t>(view.reserved()),
                view.flags(),
                view.window(),
                view.checksum(),
                view.urgent_pointer(),
                tcp_options{view.options().bytes()}};
    }
};

/// Bytes behind the packet, which no length counts: padding, or the CRC. It must be the last argument of write().
struct trailer {
    std::span<const std::byte> bytes{};
};

// ---- Writing -------------------------------------------------------------------------------------------

namespace detail {

template <class Layer, class... Others>
concept any_of = (std::same_as<Layer, Others> || ...);
template <class Layer>
concept header_struct =
    any_of<Layer, ethernet, vlan, arp, ipv4, ipv6, ipv6_header, ipv6_fragment, icmp, icmpv6, udp, tcp>;
template <class Layer>
concept payload_bytes = std::convertible_to<const Layer&, std::span<const std::byte>> ||
    std::convertible_to<const Layer&, std::string_view>;
/// The types that write() accepts.
template <class Layer>
concept writable = header_struct<Layer> || payload_bytes<Layer> || std::same_as<Layer, trailer>;

constexpr std::size_t size_of(const ethernet&) noexcept { return 14; }
constexpr std::size_t size_of(const vlan&) noexcept { return 4; }
constexpr std::size_t size_of(const arp&) noexcept { return 28; }
constexpr std::size_t size_of(const ipv4& header) noexcept { return 20 + header.options.padded_size(); }
constexpr std::size_t size_of(const ipv6&) noexcept { return 40; }
constexpr std::size_t size_of(const ipv6_header& header) noexcept { return 2 + header.contents.size(); }
constexpr std::size_t size_of(const ipv6_fragment&) noexcept { return 8; }
constexpr std::size_t size_of(const icmp&) noexcept { return 8; }
constexpr std::size_t size_of(const icmpv6&) noexcept { return 8; }
constexpr std::size_t size_of(const udp&) noexcept { return 8; }
constexpr std::size_t size_of(const tcp& header) noexcept { return 20 + header.options.padded_size(); }
constexpr std::size_t size_of(const trailer& last) noexcept { return last.bytes.size(); }
template <payload_bytes Payload>
constexpr std::size_t size_of(const Payload& payload) noexcept {
    if constexpr (std::convertible_to<const Payload&, std::span<const std::byte>>)
        return std::span<const std::byte>{payload}.size();
    else
        return std::string_view{payload}.size();
}

/// The EtherType of the next header; nullopt if it has no EtherType.
constexpr std::optional<ether_type> ether_type_of(const auto& next) noexcept {
    using next_type = std::remove_cvref_t<decltype(next)>;
    if constexpr (std::same_as<next_type, ipv4>) return ether_type::ipv4;
    if constexpr (std::same_as<next_type, ipv6>) return ether_type::ipv6;
    if constexpr (std::same_as<next_type, arp>) return ether_type::arp;
    if constexpr (std::same_as<next_type, vlan>) return ether_type::vlan;
    return std::nullopt;
}
/// The protocol number of the next header.
constexpr ip_protocol ip_protocol_of(const auto& next) noexcept {
    using next_type = std::remove_cvref_t<decltype(next)>;
    if constexpr (std::same_as<next_type, ipv6_header>) return next.kind;
    if constexpr (std::same_as<next_type, ipv6_fragment>) return ip_protocol::fragment;
    if constexpr (std::same_as<next_type, tcp>) return ip_protocol::tcp;
    if constexpr (std::same_as<next_type, udp>) return ip_protocol::udp;
    if constexpr (std::same_as<next_type, icmp>) return ip_protocol::icmp;
    if constexpr (std::same_as<next_type, icmpv6>) return ip_protocol::icmpv6;
    if constexpr (std::same_as<next_type, ipv4>) return ip_protocol::ipv4;
    if constexpr (std::same_as<next_type, ipv6>) return ip_protocol::ipv6;
    return ip_protocol{253};  // for experiments (RFC 3692)
}

/// Writes layers from the outside to the inside. A header is completed when everything behind it is written.
class frame_writer {
  public:
    constexpr explicit frame_writer(std::byte* to) noexcept : to_{to} {}

    constexpr void write() noexcept { end_ = to_; }
    template <class Layer, class... Rest>
    constexpr void write(const Layer& layer, const Rest&... rest) noexcept {
        std::byte* const begin = to_;
        if constexpr (header_struct<Layer>) {
            to_ += size_of(layer);
            surround(layer);
            write(rest...);
            put(layer, begin, static_cast<std::size_t>(end_ - begin), rest...);
        } else if constexpr (std::same_as<Layer, trailer>) {
            static_assert(sizeof...(Rest) == 0, "a trailer is the last argument");
            std::copy(layer.bytes.begin(), layer.bytes.end(), to_);
            end_ = to_;
        } else {
            to_ += size_of(layer);
            if constexpr (std::convertible_to<const Layer&, std::span<const std::byte>>) {
                const std::span<const std::byte> bytes{layer};
                std::copy(bytes.begin(), bytes.end(), begin);
            } else {
                const std::string_view text{layer};
                std::transform(text.begin(), text.end(), begin, [](char c) { return static_cast<std::byte>(c); });
            }
            write(rest...);
        }
    }

  private:
    // The addresses that the checksum of a transport covers.
    constexpr void surround(const auto&) noexcept {}
    constexpr void surround(const ipv4& header) noexcept {
        addresses_ = internet_sum{}.add(header.source).add(header.destination);
    }
    constexpr void surround(const ipv6& header) noexcept {
        source_ = internet_sum{}.add(header.source);
        addresses_ = internet_sum{source_}.add(header.destination);
    }
    constexpr void surround(const ipv6_header& header) noexcept {
        // A route's contents: kind, stops that remain, four bytes, addresses.
        if (header.kind != ip_protocol::routing || header.contents.size() < 22) return;
        const auto left = load_8(header.contents.data() + 1);
        const auto kind = load_8(header.contents.data());
        const std::size_t addresses = (header.contents.size() - 6) / 16;
        if (left == 0 || (kind != 0 && kind != 2 && kind != 4)) return;
        addresses_ = internet_sum{source_}.add(header.contents.subspan(6 + (kind == 0 ? addresses - 1 : 0) * 16, 16));
    }
    constexpr std::uint16_t transport_checksum(const std::byte* from, std::size_t size, ip_protocol protocol) noexcept {
        return internet_sum{addresses_}
            .add(static_cast<std::uint16_t>(protocol))
            .add(static_cast<std::uint32_t>(size))
            .add(std::span{from, size})
            .checksum();
    }
    static constexpr ether_type type_of(std::optional<ether_type> given, std::size_t size,
                                        const auto&... rest) noexcept {
        if (given) return *given;
        std::optional<ether_type> found;
        first_of([&](const auto& next) { found = ether_type_of(next); }, rest...);
        return found.value_or(static_cast<ether_type>(size));
    }
    static constexpr ip_protocol protocol_of(std::optional<ip_protocol> given, const auto&... rest) noexcept {
        ip_protocol found = ip_protocol::no_next_header;
        first_of([&](const auto& next) { found = ip_protocol_of(next); }, rest...);
        return given.value_or(found);
    }
    static constexpr void first_of(auto&&) noexcept {}
    static constexpr void first_of(auto&& use, const auto& first, const auto&...) noexcept { use(first); }

    // Each completes a header at `at`, behind which everything up to `size` bytes is written.
    static constexpr void put(const ethernet& header, std::byte* at, std::size_t size, const auto&... rest) noexcept {
        store_48(at, header.destination.to_uint());
        store_48(at + 6, header.source.to_uint());
        store_16(at + 12, static_cast<std::uint16_t>(type_of(header.type, size - 14, rest...)));
    }
    static constexpr void put(const vlan& header, std::byte* at, std::size_t size, const auto&... rest) noexcept {
        const unsigned control =
            unsigned{header.priority} << 13 | (header.drop_eligible ? 0x1000u : 0u) | (header.identifier & 0xfffu);
        store_16(at, static_cast<std::uint16_t>(control));
        store_16(at + 2, static_cast<std::uint16_t>(type_of(header.type, size - 4, rest...)));
    }
    static constexpr void put(const arp& packet, std::byte* at, std::size_t, const auto&...) noexcept {
        store_48(at, 0x0001'0800'0604);  // Ethernet, IPv4, and the sizes of their addresses
        store_16(at + 6, static_cast<std::uint16_t>(packet.operation));
        store_48(at + 8, packet.sender_hardware_address.to_uint());
        store_32(at + 14, packet.sender_protocol_address.to_uint());
        store_48(at + 18, packet.target_hardware_address.to_uint());
        store_32(at + 24, packet.target_protocol_address.to_uint());
    }
    static constexpr void put(const ipv4& header, std::byte* at, std::size_t size, const auto&... rest) noexcept {
        const std::size_t header_size = size_of(header);
        const auto words = header.internet_header_length.value_or(static_cast<std::uint8_t>(header_size / 4));
        store_8(at, static_cast<std::uint8_t>(unsigned{header.version} << 4 | (words & 0xfu)));
        store_8(at + 1, header.type_of_service);
        store_16(at + 2, header.total_length.value_or(static_cast<std::uint16_t>(size)));
        store_16(at + 4, header.identification);
        const std::uint32_t flags = (header.reserved ? 0x8000u : 0u) | (header.dont_fragment ? 0x4000u : 0u) |
                                    (header.more_fragments ? 0x2000u : 0u);
        store_16(at + 6, static_cast<std::uint16_t>(flags | (header.fragment_offset / 8 & 0x1fff)));
        store_8(at + 8, header.time_to_live);
        store_8(at + 9, static_cast<std::uint8_t>(protocol_of(header.protocol, rest...)));
        store_16(at + 10, 0);
        store_32(at + 12, header.source.to_uint());
        store_32(at + 16, header.destination.to_uint());
        put_options(header.options, at + 20);
        store_16(at + 10, header.header_checksum.value_or(internet_checksum({at, header_size})));
    }
    static constexpr void put(const ipv6& header, std::byte* at, std::size_t size, const auto&... rest) noexcept {
        store_32(at, std::uint32_t{header.version} << 28 | std::uint32_t{header.traffic_class} << 20 |
                         (header.flow_label & 0xfffff));
        store_16(at + 4, header.payload_length.value_or(static_cast<std::uint16_t>(size - 40)));
        store_8(at + 6, static_cast<std::uint8_t>(protocol_of(header.next_header, rest...)));
        store_8(at + 7, header.hop_limit);
        for (const auto& [address, place] : {std::pair{&header.source, 8}, std::pair{&header.destination, 24}}) {
            store_64(at + place, address->to_uint().high);
            store_64(at + place + 8, address->to_uint().low);
        }
    }
    static constexpr void put(const ipv6_header& header, std::byte* at, std::size_t, const auto&... rest) noexcept {
        const std::size_t header_size = size_of(header);
        const std::size_t units =
            header.kind == ip_protocol::authentication ? header_size / 4 - 2 : (header_size + 7) / 8 - 1;
        store_8(at, static_cast<std::uint8_t>(protocol_of(header.next_header, rest...)));
        store_8(at + 1, header.length.value_or(static_cast<std::uint8_t>(units)));
        std::copy(header.contents.begin(), header.contents.end(), at + 2);
    }
    static constexpr void put(const ipv6_fragment& header, std::byte* at, std::size_t, const auto&... rest) noexcept {
        store_8(at, static_cast<std::uint8_t>(protocol_of(header.next_header, rest...)));
        store_8(at + 1, 0);
        store_16(at + 2,
                 static_cast<std::uint16_t>((header.fragment_offset & 0xfff8) | (header.more_fragments ? 1 : 0)));
        store_32(at + 4, header.identification);
    }
    static constexpr void put(const icmp& message, std::byte* at, std::size_t size, const auto&...) noexcept {
        put_message(message, at);
        if (!message.checksum) store_16(at + 2, internet_checksum({at, size}));
    }
    constexpr void put(const icmpv6& message, std::byte* at, std::size_t size, const auto&...) noexcept {
        put_message(message, at);
        if (!message.checksum) store_16(at + 2, transport_checksum(at, size, ip_protocol::icmpv6));
    }
    constexpr void put(const udp& header, std::byte* at, std::size_t size, const auto&...) noexcept {
        store_16(at, header.source_port);
        store_16(at + 2, header.destination_port);
        store_16(at + 4, header.length.value_or(static_cast<std::uint16_t>(size)));
        store_16(at + 6, header.checksum.value_or(0));
        if (header.checksum) return;
        const std::uint16_t checksum = transport_checksum(at, size, ip_protocol::udp);
        store_16(at + 6, checksum == 0 ? std::uint16_t{0xffff} : checksum);  // 0 means: no checksum (RFC 768)
    }
    constexpr void put(const tcp& header, std::byte* at, std::size_t size, const auto&...) noexcept {
        const auto words = header.data_offset.value_or(static_cast<std::uint8_t>(size_of(header) / 4));
        store_16(at, header.source_port);
        store_16(at + 2, header.destination_port);
        store_32(at + 4, header.sequence_number.to_uint());
        store_32(at + 8, header.acknowledgment_number.to_uint());
        store_8(at + 12, static_cast<std::uint8_t>(unsigned{words} << 4 | (header.reserved & 0xfu)));
        store_8(at + 13, header.flags.to_uint());
        store_16(at + 14, header.window);
        store_16(at + 16, header.checksum.value_or(0));
        store_16(at + 18, header.urgent_pointer);
        put_options(header.options, at + 20);
        if (!header.checksum) store_16(at + 16, transport_checksum(at, size, ip_protocol::tcp));
    }
    static constexpr void put_message(const auto& message, std::byte* at) noexcept {
        store_8(at, static_cast<std::uint8_t>(message.type));
        store_8(at + 1, message.code);
        store_16(at + 2, message.checksum.value_or(0));
        store_32(at + 4, message.rest_of_header);
    }
    static constexpr void put_options(const header_options& options, std::byte* at) noexcept {
        const auto bytes = options.bytes();
        std::fill(std::copy(bytes.begin(), bytes.end(), at), at + options.padded_size(), std::byte{0});
    }

    std::byte* to_;
    std::byte* end_ = nullptr;  // behind the bytes that the lengths count
    internet_sum source_;
    internet_sum addresses_;
};

}  // namespace detail

/// Writes headers and payload, in this order, into `out`. Returns the number of bytes, or 0 if they do not fit. The
/// payload is anything that converts to a span of bytes or to a std::string_view. Allocates nothing. If a packet is too
/// long for a length field of 16 bits, the field gets the lower 16 bits of the length.
template <detail::writable... Layers>
constexpr std::size_t write(std::span<std::byte> out, const Layers&... layers) noexcept {
    const std::size_t size = (detail::size_of(layers) + ... + 0);
    if (size > out.size()) return 0;
    detail::frame_writer{out.data()}.write(layers...);
    return size;
}
/// Appends headers and payload to `out`. Returns the number of bytes appended. The payload must not lie in `out`, whose
/// bytes may move.
template <detail::writable... Layers>
constexpr std::size_t write(std::vector<std::byte>& out, const Layers&... layers) {
    const std::size_t before = out.size();
    out.resize(before + (detail::size_of(layers) + ... + 0));
    return write(std::span{out}.subspan(before), layers...);
}

}  // namespace netnotes::packet

#endif  // NETNOTES_PACKET_BUILD_HPP

// netnotes/packet/dns_build.hpp: writing messages of the Domain Name System
// SPDX-License-Identifier: MIT
//
// The builder writes into the caller's bytes, and allocates nothing. A name whose end was written before ends with a
// pointer to that place, as in dns_name.hpp:
//
//        std::array<std::byte, packet::dns_udp_size> room;
//        packet::dns_builder response{room, {.id = query.id(), .is_response = true}};
//        response.question(name, packet::dns_type::a);
//        response.address(packet::dns_section::answer, name, 300, ipv4_address{"192.0.2.1"});
//        server.send_to(response.message(), peer);
//
// A record that does not fit is left out whole. The header then says that the message is truncated, and the client
// asks again over TCP (RFC 2181 §9).
//
// On this page:  dns_builder
// Source:        RFC 1035 §4
// The notes:     DNS (N61, N62); example 36

#ifndef NETNOTES_PACKET_DNS_BUILD_HPP
#define NETNOTES_PACKET_DNS_BUILD_HPP

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <stdexcept>
#include <string_view>



// netnotes/packet/dns.hpp: messages of the Domain Name System
// SPDX-License-Identifier: MIT
//
// A message is a header, the questions, and three lists of records. A response repeats the question:
//
//        ┌────────┬──────────────────┬───────────┬─────────┬───────────┬────────────┐
//        │   id   │ flags            │ questions │ answers │ authority │ additional │   16 bits each
//        ├────────┴──────────────────┴───────────┴─────────┴───────────┴────────────┤
//        │ www.example.com  A  IN                                                   │   question
//        │ www.example.com  A  IN  300 s  4 bytes: 192.0.2.1                        │   record: name, type, class,
//        │ …                                                                        │   seconds to live, data
//        └──────────────────────────────────────────────────────────────────────────┘
//
// The view checks the header when it is made. Questions and records are read while you iterate, because a name may have
// any size. A list ends before a record that cannot be read; check() reads the whole message and says why.
//
//        packet::packet_failure why;
//        if (const auto message = packet::dns_view::parse(datagram, why))
//            for (const packet::dns_record& record : message->answers())
//                if (const auto address = record.address()) std::cout << *address;
//
// Nothing here allocates or throws.
//
// On this page:  dns_opcode, dns_response_code, dns_header · dns_question · dns_view
// Below it:      packet/dns_record.hpp: dns_record, and what records hold
// Source:        RFC 1035 §4
// The notes:     DNS (N61, N62); example 36

#ifndef NETNOTES_PACKET_DNS_HPP
#define NETNOTES_PACKET_DNS_HPP

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>


// netnotes/packet/dns_name.hpp: names of DNS, as text and as they travel
// SPDX-License-Identifier: MIT
//
// A name is a list of labels. On the wire each label follows its length, and the root, which has no label, ends it:
//
//        www.example.com     3 w w w  7 e x a m p l e  3 c o m  0
//
// A message names the same things again and again. So a name may end with a *pointer* instead: two bytes whose upper
// two bits are set, and whose other 14 bits are a place in the message. There the name goes on.
//
//        at 12     7 e x a m p l e  3 c o m  0
//        at 40     3 w w w  c0 0c                      www.example.com once more, in 6 bytes
//
// A hostile pointer points to itself, or two point to each other, and a careless reader never ends. Two rules end it. A
// pointer must point before the labels that led to it. A whole name has at most 255 bytes. A third rule bounds the
// time: a name has at most 128 pointers. Otherwise 64 KiB could hold thousands of names, each with 8,000 pointers in a
// row. A lower bound would be too strict: a name may have 127 labels, each behind a pointer.
//
// Upper and lower case are equal in comparisons, but a name keeps its letters as they came (RFC 4343). A label may hold
// any byte. In text a dot within a label is written `\.`, and a byte that is not a visible character `\000` to `\255`.
//
// On this page:  dns_name_view · dns_name
// Source:        RFC 1035 §3.1, §4.1.4, §5.1
// The notes:     DNS (N61, N62); example 36

#ifndef NETNOTES_PACKET_DNS_NAME_HPP
#define NETNOTES_PACKET_DNS_NAME_HPP

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>





namespace netnotes::packet {

/// A name within a message, or within a dns_name. It points to the bytes, which must stay valid and must not change. It
/// was checked when it was made, so reading it cannot fail. Nothing here allocates but to_string().
class dns_name_view {
  public:
    static constexpr std::size_t max_size = 255;       ///< bytes of a name without pointers, its final 0 included
    static constexpr std::size_t max_label_size = 63;  ///< bytes
    static constexpr std::size_t max_pointers = 128;   ///< parse() refuses a name with more

    /// Creates the root, a name without labels.
    constexpr dns_name_view() noexcept = default;
    /// Reads the name that begins at byte `at` of the message. On success `at` is the place behind the name. Otherwise
    /// returns nullopt; `why` then says where the name is cut short or malformed.
    static constexpr std::optional<dns_name_view> parse(std::span<const std::byte> message, std::size_t& at,
                                                        packet_failure& why) noexcept;

    /// The labels, from the left. Each is a span of 1 to 63 bytes.
    class iterator {
      public:
        using value_type = std::span<const std::byte>;
        using difference_type = std::ptrdiff_t;
        constexpr iterator() noexcept = default;
        constexpr std::span<const std::byte> operator*() const noexcept {
            return message_.subspan(at_ + 1, detail::load_8(message_.data() + at_));
        }
        constexpr iterator& operator++() noexcept {
            at_ += 1u + detail::load_8(message_.data() + at_);
            return follow(), *this;
        }
        constexpr iterator operator++(int) noexcept {
            const iterator before = *this;
            ++*this;
            return before;
        }
        friend constexpr bool operator==(const iterator& a, const iterator& b) noexcept {
            return a.at_ == b.at_ && a.message_.data() == b.message_.data();
        }
        friend constexpr bool operator==(const iterator& a, std::default_sentinel_t) noexcept {
            return a.message_.empty() || a.message_[a.at_] == std::byte{0};
        }

      private:
        friend dns_name_view;
        constexpr iterator(std::span<const std::byte> message, std::size_t at) noexcept : message_{message}, at_{at} {
            if (!message.empty()) follow();
        }
        constexpr void follow() noexcept {
            while (detail::load_8(message_.data() + at_) >= 0xc0)
                at_ = detail::load_16(message_.data() + at_) & 0x3fffu;
        }
        std::span<const std::byte> message_;
        std::size_t at_ = 0;
    };
    [[nodiscard]] constexpr iterator begin() const noexcept { return {message_, at_}; }
    [[nodiscard]] constexpr std::default_sentinel_t end() const noexcept { return {}; }

    [[nodiscard]] constexpr bool is_root() const noexcept { return begin() == end(); }
    /// Returns how many bytes the name has without pointers, from 1 to 255.
    [[nodiscard]] constexpr std::size_t wire_size() const noexcept { return size_; }
    /// Returns `www.example.com`, without a dot at the end, and `.` for the root. The text is safe for a terminal.
    [[nodiscard]] std::string to_string() const;

    /// Returns true if the labels are equal; the case of the letters A to Z does not count.
    friend constexpr bool operator==(const dns_name_view& a, const dns_name_view& b) noexcept {
        return a.size_ == b.size_ && have_equal_labels(a.begin(), b.begin());
    }
    /// Returns a hash; equal names have equal hashes.
    [[nodiscard]] constexpr std::uint64_t hash() const noexcept {
        std::uint64_t value = size_;
        for (const auto label : *this)
            for (const std::byte byte : label) value = netnotes::detail::mix(value ^ lower(byte)) + label.size();
        return value;
    }
    /// Returns true if the name is `zone` or lies below it: www.example.com is within example.com.
    [[nodiscard]] constexpr bool is_within(const dns_name_view& zone) const noexcept {
        std::size_t rest = size_;
        for (iterator label = begin(); rest >= zone.size_; rest -= 1 + (*label++).size()) {
            if (rest == zone.size_) return have_equal_labels(label, zone.begin());
            if (label == end()) break;
        }
        return false;
    }

  private:
    friend class dns_name;
    friend class dns_builder;
    constexpr dns_name_view(std::span<const std::byte> message, std::size_t at, std::size_t size) noexcept
        : message_{message}, at_{at}, size_{size} {}
    static constexpr unsigned lower(std::byte byte) noexcept {
        const auto value = std::to_integer<unsigned>(byte);
        return value >= 'A' && value <= 'Z' ? value + ('a' - 'A') : value;
    }
    static constexpr bool have_equal_labels(iterator a, iterator b) noexcept {
        for (; a != std::default_sentinel && b != std::default_sentinel; ++a, ++b) {
            if (a == b) return true;  // the rest is the same memory
            const auto x = *a, y = *b;
            if (!std::equal(x.begin(), x.end(), y.begin(), y.end(),
                            [](std::byte c, std::byte d) { return lower(c) == lower(d); }))
                return false;
        }
        return a == std::default_sentinel && b == std::default_sentinel;
    }

    std::span<const std::byte> message_;
    std::size_t at_ = 0;
    std::size_t size_ = 1;
};

/// A name that owns its bytes: a regular value of 256 bytes without allocation. It is used to build messages, to
/// compare with names in messages, and as a key.
///
///     constexpr dns_name server{"www.example.com"};
///     if (record.name == server) …
class dns_name : public netnotes::detail::printable<dns_name> {
  public:
    static constexpr std::size_t text_capacity = 4 * dns_name_view::max_size;  ///< room that any name's text needs

    /// Creates the root.
    constexpr dns_name() noexcept = default;
    /// Reads `www.example.com`, with or without a dot at its end; "." is the root. `\.` is a dot within a label, `\\` a
    /// backslash, and `\032` the byte of that decimal number. Throws parse_error.
    constexpr explicit dns_name(std::string_view text) {
        parse_failure why;
        const auto read = parse(text, why);
        if (!read) throw parse_error{"DNS name", text, why};
        *this = *read;
    }
    /// Copies a name out of a message.
    constexpr explicit dns_name(const dns_name_view& name) noexcept {
        std::size_t at = 0;
        for (const auto label : name) {
            bytes_[at++] = static_cast<std::byte>(label.size());
            for (const std::byte byte : label) bytes_[at++] = byte;
        }
        bytes_[at] = std::byte{0};
        size_ = static_cast<std::uint8_t>(at + 1);
    }
    /// Reads a text like the constructor, but returns nullopt for an unreadable text; `why` then names the error.
    static constexpr std::optional<dns_name> parse(std::string_view text, parse_failure& why) noexcept;
    static constexpr std::optional<dns_name> parse(std::string_view text) noexcept {
        parse_failure why;
        return parse(text, why);
    }

    /// Returns the name as it travels, without pointers. It is valid as long as this object.
    [[nodiscard]] constexpr std::span<const std::byte> wire() const noexcept { return {bytes_.data(), size_}; }
    [[nodiscard]] constexpr std::size_t wire_size() const noexcept { return size_; }
    [[nodiscard]] constexpr bool is_root() const noexcept { return size_ == 1; }
    /// Converts to a view, so that every function that takes a name of a message takes this name, too. The view is
    /// valid as long as this object.
    constexpr operator dns_name_view() const noexcept { return {wire(), 0, size_}; }

    [[nodiscard]] constexpr std::uint64_t hash() const noexcept { return dns_name_view{*this}.hash(); }
    /// Writes the text of to_string() to `out`, without a NUL, and returns the place behind its last character. Make
    /// room for text_capacity characters.
    constexpr char* write(char* out) const noexcept;
    friend constexpr bool operator==(const dns_name& a, const dns_name& b) noexcept {
        return dns_name_view{a} == dns_name_view{b};
    }
    friend constexpr bool operator==(const dns_name& a, const dns_name_view& b) noexcept {
        return dns_name_view{a} == b;
    }

  private:
    std::array<std::byte, dns_name_view::max_size> bytes_{};
    std::uint8_t size_ = 1;
};

// ---- Reading and writing -------------------------------------------------------------------------------

constexpr std::optional<dns_name_view> dns_name_view::parse(std::span<const std::byte> message, std::size_t& at,
                                                            packet_failure& why) noexcept {
    std::size_t size = 1, place = at;
    std::size_t end = 0;     // behind the name; 0 until a pointer was followed
    std::size_t limit = at;  // what a pointer must point before
    std::size_t pointers = 0;
    for (;;) {
        if (place >= message.size()) return why = packet_failure::cut_short(layer::dns, place, 0, 1), std::nullopt;
        const unsigned length = detail::load_8(message.data() + place);
        if (length == 0) break;
        if (length >= 0xc0) {
            if (message.size() - place < 2)
                return why = packet_failure::cut_short(layer::dns, place, 1, 2), std::nullopt;
            const unsigned target = detail::load_16(message.data() + place) & 0x3fffu;
            if (target >= limit)
                return why = packet_failure{layer::dns, place, "pointer to byte %, not before byte #", target,
                                            static_cast<std::uint32_t>(limit)},
                       std::nullopt;
            if (++pointers > max_pointers)
                return why = packet_failure{layer::dns, place, "the name has more than # pointers", 0, max_pointers},
                       std::nullopt;
            if (end == 0) end = place + 2;
            place = limit = target;
            continue;
        }
        if (length > max_label_size)
            return why = packet_failure{layer::dns, place, "label type is %, which is unknown", length >> 6},
                   std::nullopt;
        if (message.size() - place - 1 < length)
            return why = packet_failure::cut_short(layer::dns, place, message.size() - place, length + 1), std::nullopt;
        size += length + 1;
        if (size > max_size)
            return why = packet_failure{layer::dns, place, "the name has more than # bytes", 0, max_size}, std::nullopt;
        place += length + 1;
    }
    const dns_name_view found{message, at, size};
    at = end != 0 ? end : place + 1;
    return found;
}

constexpr std::optional<dns_name> dns_name::parse(std::string_view text, parse_failure& why) noexcept {
    dns_name read;
    if (text == ".") return read;
    const auto refuse = [&](std::string_view pattern, std::size_t position, std::uint32_t item = 0,
                            std::uint32_t value = 0) {
        why = parse_failure{pattern, position, item, value};
        return std::nullopt;
    };
    if (text.empty()) return refuse("the name is empty", 0);
    std::size_t length_at = 0, at = 1;  // of the label that is being read, and of its next byte
    std::uint32_t label = 1;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const std::size_t start = i;
        auto byte = static_cast<unsigned char>(text[i]);
        if (byte == '.') {
            if (at == length_at + 1) return refuse("label # is empty", i, label);
            length_at = at++;
            ++label;
            continue;
        }
        if (byte == '\\') {
            if (++i == text.size()) return refuse("nothing follows the backslash", start);
            byte = static_cast<unsigned char>(text[i]);
            if (byte >= '0' && byte <= '9') {
                unsigned value = 0, digits = 0;
                for (; digits < 3 && i < text.size() && text[i] >= '0' && text[i] <= '9'; ++digits, ++i)
                    value = value * 10 + static_cast<unsigned>(text[i] - '0');
                --i;
                if (digits < 3) return refuse("three digits follow a backslash, or none", start);
                if (value > 255) return refuse("the byte is %, above 255", start, 0, value);
                byte = static_cast<unsigned char>(value);
            }
        }
        const std::size_t length = at - length_at;  // with this byte
        if (length > dns_name_view::max_label_size) return refuse("label # has more than 63 bytes", start, label);
        if (at >= dns_name_view::max_size - 1) return refuse("the name has more than 255 bytes", start);
        read.bytes_[at++] = static_cast<std::byte>(byte);
        read.bytes_[length_at] = static_cast<std::byte>(length);
    }
    // Behind the last label, or behind a dot, comes the root.
    const std::size_t end = at == length_at + 1 ? length_at : at;
    read.bytes_[end] = std::byte{0};
    read.size_ = static_cast<std::uint8_t>(end + 1);
    return read;
}

constexpr char* dns_name::write(char* out) const noexcept {
    if (is_root()) *out++ = '.';
    bool is_first = true;
    for (const auto label : dns_name_view{*this}) {
        if (!is_first) *out++ = '.';
        is_first = false;
        for (const std::byte each : label) {
            const auto byte = std::to_integer<unsigned>(each);
            if (byte == '.' || byte == '\\') {
                *out++ = '\\';
            } else if (byte <= ' ' || byte > '~') {
                *out++ = '\\';
                *out++ = static_cast<char>('0' + byte / 100);
                *out++ = static_cast<char>('0' + byte / 10 % 10);
                *out++ = static_cast<char>('0' + byte % 10);
                continue;
            }
            *out++ = static_cast<char>(byte);
        }
    }
    return out;
}

inline std::string dns_name_view::to_string() const { return dns_name{*this}.to_string(); }

/// Writes to_string() of the name to a stream, with the stream's width and fill.
template <class Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, const dns_name_view& name) {
    return out << dns_name{name};
}

}  // namespace netnotes::packet

template <>
struct std::hash<netnotes::packet::dns_name> {
    std::size_t operator()(const netnotes::packet::dns_name& name) const noexcept {
        return static_cast<std::size_t>(name.hash());
    }
};

#endif  // NETNOTES_PACKET_DNS_NAME_HPP

// netnotes/packet/dns_record.hpp: records of the Domain Name System, and what they hold
// SPDX-License-Identifier: MIT
//
// A record says something about a name. The type says what, and which form the data have:
//
//        ┌─────────────────┬──────┬───────┬─────────────────┬──────┬────────────────┐
//        │ name            │ type │ class │ seconds to live │ size │ data           │
//        ├─────────────────┼──────┼───────┼─────────────────┼──────┼────────────────┤
//        │ www.example.com │  A   │  IN   │       300       │   4  │ 192.0.2.1      │
//        │ example.com     │  NS  │  IN   │      86400      │   5  │ ns.example.com │   the name with a pointer
//        └─────────────────┴──────┴───────┴─────────────────┴──────┴────────────────┘
//
// Each accessor of a record is for one kind of data. It returns nullopt for another type, and for data that cannot be
// read. check() says why. Nothing here allocates or throws.
//
// On this page:  dns_type, dns_class, dns_section · what records hold · dns_record
// Source:        RFC 1035 §3.2, §3.3, RFC 2782 (SRV), RFC 3596 (AAAA), RFC 6891 (OPT)
// The notes:     DNS (N61, N62); example 36

#ifndef NETNOTES_PACKET_DNS_RECORD_HPP
#define NETNOTES_PACKET_DNS_RECORD_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>
#include <string_view>






namespace netnotes::packet {

/// The type of a record, or of the records that a question asks for (IANA, "Resource Record (RR) TYPEs").
enum class dns_type : std::uint16_t {
    a = 1,       ///< an IPv4 address
    ns = 2,      ///< the name of a server that has authority
    cname = 5,   ///< this name is an alias of another name
    soa = 6,     ///< how a zone is maintained
    ptr = 12,    ///< the name of an address
    mx = 15,     ///< a host that takes mail for this name
    txt = 16,    ///< texts
    aaaa = 28,   ///< an IPv6 address
    srv = 33,    ///< host and port of a service
    dname = 39,  ///< an alias of everything below a name
    opt = 41,    ///< no record, but more header
    ds = 43,
    rrsig = 46,
    nsec = 47,
    dnskey = 48,
    svcb = 64,
    https = 65,
    ixfr = 251,
    axfr = 252,
    any = 255,  ///< in questions: every type
    caa = 257,
};
/// Returns the type's name as zone files have it, such as `AAAA`, or "" for a number that this module does not name.
[[nodiscard]] constexpr std::string_view to_string(dns_type type) noexcept;

/// Internet, in practice.
enum class dns_class : std::uint16_t { internet = 1, chaos = 3, hesiod = 4, none = 254, any = 255 };

/// Which list of a message a record belongs to.
enum class dns_section : std::uint8_t { answer, authority, additional };

// ---- What records hold ---------------------------------------------------------------------------------

/// MX (RFC 1035 §3.3.9): the host with the smallest preference is tried first.
struct dns_mail_exchange {
    std::uint16_t preference = 0;
    dns_name_view exchange{};
};
/// SOA (RFC 1035 §3.3.13). All times are seconds.
struct dns_start_of_authority {
    dns_name_view primary_server{};
    dns_name_view mailbox{};    ///< with a dot for the @: hostmaster.example.com
    std::uint32_t serial = 0;   ///< grows with each change of the zone
    std::uint32_t refresh = 0;  ///< after which a secondary server looks for a change
    std::uint32_t retry = 0;
    std::uint32_t expire = 0;
    std::uint32_t minimum = 0;  ///< how long "this name does not exist" may be kept (RFC 2308)
};
/// SRV (RFC 2782): of equal priority, a host is chosen in proportion to its weight.
struct dns_service {
    std::uint16_t priority = 0;
    std::uint16_t weight = 0;
    std::uint16_t port = 0;
    dns_name_view target{};  ///< the root if there is no such service
};

namespace detail {

/// Items that follow each other in bytes that were checked before. `Item` has size_in() and from().
template <class Item>
class packed_list {
  public:
    class iterator {
      public:
        using value_type = typename Item::value_type;
        using difference_type = std::ptrdiff_t;
        constexpr iterator() noexcept = default;
        constexpr explicit iterator(std::span<const std::byte> rest) noexcept : rest_{rest} {}
        constexpr value_type operator*() const noexcept { return Item::from(rest_); }
        constexpr iterator& operator++() noexcept { return rest_ = rest_.subspan(Item::size_in(rest_)), *this; }
        constexpr iterator operator++(int) noexcept {
            const iterator before = *this;
            ++*this;
            return before;
        }
        friend constexpr bool operator==(const iterator& a, const iterator& b) noexcept {
            return a.rest_.data() == b.rest_.data() && a.rest_.size() == b.rest_.size();
        }
        friend constexpr bool operator==(const iterator& a, std::default_sentinel_t) noexcept {
            return a.rest_.empty();
        }

      private:
        std::span<const std::byte> rest_;
    };
    constexpr packed_list() noexcept = default;
    [[nodiscard]] constexpr iterator begin() const noexcept { return iterator{bytes_}; }
    [[nodiscard]] constexpr std::default_sentinel_t end() const noexcept { return {}; }
    [[nodiscard]] constexpr bool empty() const noexcept { return bytes_.empty(); }
    /// Returns nullopt if the last item does not end with the bytes.
    static constexpr std::optional<packed_list> check(std::span<const std::byte> bytes) noexcept {
        packed_list list;
        list.bytes_ = bytes;
        while (!bytes.empty()) {
            const std::size_t size = Item::size_in(bytes);
            if (size > bytes.size()) return std::nullopt;
            bytes = bytes.subspan(size);
        }
        return list;
    }

  private:
    std::span<const std::byte> bytes_;
};

struct character_string {
    using value_type = std::span<const std::byte>;
    static constexpr std::size_t size_in(std::span<const std::byte> bytes) noexcept {
        return 1u + load_8(bytes.data());
    }
    static constexpr value_type from(std::span<const std::byte> bytes) noexcept {
        return bytes.subspan(1, load_8(bytes.data()));
    }
};

}  // namespace detail

/// An option of an OPT record (RFC 6891 §6.1.2), for example a cookie (10).
struct dns_option {
    std::uint16_t code = 0;
    std::span<const std::byte> value{};

    using value_type = dns_option;
    /// Returns how many bytes the first option of `bytes` has, with its header.
    static constexpr std::size_t size_in(std::span<const std::byte> bytes) noexcept {
        return bytes.size() < 4 ? 4 : 4u + detail::load_16(bytes.data() + 2);
    }
    static constexpr dns_option from(std::span<const std::byte> bytes) noexcept {
        return {detail::load_16(bytes.data()), bytes.subspan(4, size_in(bytes) - 4)};
    }
};
/// The texts of a TXT record, each of 0 to 255 bytes. They may hold any bytes.
using dns_texts = detail::packed_list<detail::character_string>;
using dns_options = detail::packed_list<dns_option>;

/// OPT (RFC 6891): more header, in the place of a record. Type and class have another meaning there.
struct dns_extension {
    std::uint16_t udp_payload_size = 1232;  ///< bytes that the sender can receive
    std::uint8_t response_code_high = 0;    ///< the upper 8 of 12 bits
    std::uint8_t version = 0;
    bool is_dnssec_ok = false;  ///< the sender wants signatures (RFC 3225)
    dns_options options{};
};

/// A record of a message. It points into the message, which must outlive it.
class dns_record {
  public:
    dns_name_view name{};
    dns_type type{};
    dns_class record_class{};
    std::uint32_t time_to_live = 0;  ///< seconds for which the record may be kept
    dns_section section{};
    std::span<const std::byte> data{};  ///< as it stands in the message: names in it may have pointers to elsewhere
    std::size_t offset = 0;             ///< where the record begins in the message

    /// Returns the address of an A or AAAA record.
    [[nodiscard]] constexpr std::optional<ip_address> address() const noexcept;
    /// Returns the name that an NS, CNAME, PTR or DNAME record holds.
    [[nodiscard]] constexpr std::optional<dns_name_view> target() const noexcept;
    [[nodiscard]] constexpr std::optional<dns_mail_exchange> mail_exchange() const noexcept;
    /// Returns the texts of a TXT record, and an empty list for another type or if the data cannot be read.
    [[nodiscard]] constexpr dns_texts texts() const noexcept;
    [[nodiscard]] constexpr std::optional<dns_start_of_authority> start_of_authority() const noexcept;
    [[nodiscard]] constexpr std::optional<dns_service> service() const noexcept;
    [[nodiscard]] constexpr std::optional<dns_extension> extension() const noexcept;

    /// Returns why an accessor cannot read the data. The result converts to false if the data are right, for a type
    /// without an accessor, and for a record of an update that needs no data (RFC 2136 §2.4, §2.5).
    [[nodiscard]] constexpr packet_failure check() const noexcept;

  private:
    friend class dns_view;
    std::span<const std::byte> message_{};
    [[nodiscard]] constexpr std::size_t data_at() const noexcept {
        return static_cast<std::size_t>(data.data() - message_.data());
    }
    /// Reads `count` names, the last of which ends `behind` bytes before the data's end.
    template <std::size_t Count>
    constexpr std::optional<std::array<dns_name_view, Count>> names(std::size_t front, std::size_t behind,
                                                                    packet_failure& why) const noexcept;
    constexpr bool is_named() const noexcept {
        return type == dns_type::ns || type == dns_type::cname || type == dns_type::ptr || type == dns_type::dname;
    }
};

// ---- Reading -------------------------------------------------------------------------------------------

template <std::size_t Count>
constexpr std::optional<std::array<dns_name_view, Count>> dns_record::names(std::size_t front, std::size_t behind,
                                                                            packet_failure& why) const noexcept {
    const std::size_t end = data_at() + data.size();
    std::array<dns_name_view, Count> read;
    if (data.size() < front + behind + Count)
        return why = packet_failure{layer::dns, data_at(), "size of the data is %, below #",
                                    static_cast<std::uint32_t>(data.size()),
                                    static_cast<std::uint32_t>(front + behind + Count)},
               std::nullopt;
    std::size_t at = data_at() + front;
    for (dns_name_view& each : read) {
        const auto found = dns_name_view::parse(message_, at, why);
        if (!found) return std::nullopt;
        each = *found;
    }
    if (at + behind != end)
        return why = packet_failure{layer::dns, at, "the last name does not end where the data say"}, std::nullopt;
    return read;
}

constexpr std::optional<ip_address> dns_record::address() const noexcept {
    if (type == dns_type::a && data.size() == 4) return ipv4_address{detail::load_32(data.data())};
    if (type == dns_type::aaaa && data.size() == 16)
        return ipv6_address{uint128{detail::load_64(data.data()), detail::load_64(data.data() + 8)}};
    return std::nullopt;
}
constexpr std::optional<dns_name_view> dns_record::target() const noexcept {
    packet_failure why;
    const auto found = is_named() ? names<1>(0, 0, why) : std::nullopt;
    return found ? std::optional{(*found)[0]} : std::nullopt;
}
constexpr std::optional<dns_mail_exchange> dns_record::mail_exchange() const noexcept {
    packet_failure why;
    const auto found = type == dns_type::mx ? names<1>(2, 0, why) : std::nullopt;
    if (!found) return std::nullopt;
    return dns_mail_exchange{detail::load_16(data.data()), (*found)[0]};
}
constexpr dns_texts dns_record::texts() const noexcept {
    const auto found = type == dns_type::txt ? dns_texts::check(data) : std::nullopt;
    return found.value_or(dns_texts{});
}
constexpr std::optional<dns_start_of_authority> dns_record::start_of_authority() const noexcept {
    packet_failure why;
    const auto found = type == dns_type::soa ? names<2>(0, 20, why) : std::nullopt;
    if (!found) return std::nullopt;
    const auto number = [&](std::size_t i) { return detail::load_32(data.data() + data.size() - 20 + 4 * i); };
    return dns_start_of_authority{(*found)[0], (*found)[1], number(0), number(1), number(2), number(3), number(4)};
}
constexpr std::optional<dns_service> dns_record::service() const noexcept {
    packet_failure why;
    const auto found = type == dns_type::srv ? names<1>(6, 0, why) : std::nullopt;
    if (!found) return std::nullopt;
    const auto number = [&](std::size_t i) { return detail::load_16(data.data() + 2 * i); };
    return dns_service{number(0), number(1), number(2), (*found)[0]};
}
constexpr std::optional<dns_extension> dns_record::extension() const noexcept {
    const auto options = type == dns_type::opt ? dns_options::check(data) : std::nullopt;
    if (!options) return std::nullopt;
    return dns_extension{static_cast<std::uint16_t>(record_class), static_cast<std::uint8_t>(time_to_live >> 24),
                         static_cast<std::uint8_t>(time_to_live >> 16 & 0xff), (time_to_live & 0x8000) != 0, *options};
}

constexpr packet_failure dns_record::check() const noexcept {
    packet_failure why;
    const auto wrong_size = [&](std::uint32_t size) {
        return packet_failure{layer::dns, data_at(), "size of the data is %, and it should be #",
                              static_cast<std::uint32_t>(data.size()), size};
    };
    // An update names the records that it deletes, or that must exist, and leaves their data away.
    if (data.empty() && (record_class == dns_class::any || record_class == dns_class::none)) return why;
    switch (type) {
        case dns_type::a: return data.size() == 4 ? why : wrong_size(4);
        case dns_type::aaaa: return data.size() == 16 ? why : wrong_size(16);
        case dns_type::ns:
        case dns_type::cname:
        case dns_type::ptr:
        case dns_type::dname: names<1>(0, 0, why); break;
        case dns_type::mx: names<1>(2, 0, why); break;
        case dns_type::srv: names<1>(6, 0, why); break;
        case dns_type::soa: names<2>(0, 20, why); break;
        case dns_type::txt:
            if (!dns_texts::check(data)) why = {layer::dns, data_at(), "the last text does not end with the data"};
            break;
        case dns_type::opt:
            if (!extension()) why = {layer::dns, data_at(), "the last option does not end with the data"};
            break;
        default: break;
    }
    return why;
}

constexpr std::string_view to_string(dns_type type) noexcept {
    switch (type) {
        case dns_type::a: return "A";
        case dns_type::ns: return "NS";
        case dns_type::cname: return "CNAME";
        case dns_type::soa: return "SOA";
        case dns_type::ptr: return "PTR";
        case dns_type::mx: return "MX";
        case dns_type::txt: return "TXT";
        case dns_type::aaaa: return "AAAA";
        case dns_type::srv: return "SRV";
        case dns_type::dname: return "DNAME";
        case dns_type::opt: return "OPT";
        case dns_type::ds: return "DS";
        case dns_type::rrsig: return "RRSIG";
        case dns_type::nsec: return "NSEC";
        case dns_type::dnskey: return "DNSKEY";
        case dns_type::svcb: return "SVCB";
        case dns_type::https: return "HTTPS";
        case dns_type::ixfr: return "IXFR";
        case dns_type::axfr: return "AXFR";
        case dns_type::any: return "ANY";
        case dns_type::caa: return "CAA";
    }
    return "";
}

}  // namespace netnotes::packet

#endif  // NETNOTES_PACKET_DNS_RECORD_HPP



namespace netnotes::packet {

/// The port of DNS, of UDP and of TCP. Over TCP each message follows its size in two bytes (RFC 1035 §4.2.2).
inline constexpr std::uint16_t dns_port = 53;
/// Most bytes of a message over UDP, if the query has no OPT record that allows more (RFC 1035 §4.2.1).
inline constexpr std::size_t dns_udp_size = 512;

/// The task that a message gives the server.
enum class dns_opcode : std::uint8_t { query = 0, inverse_query = 1, status = 2, notify = 4, update = 5 };

/// How a server answers (RFC 1035 §4.1.1, RFC 6895 §2.3). The numbers above 15 need an OPT record.
enum class dns_response_code : std::uint16_t {
    no_error = 0,
    format_error = 1,
    server_failure = 2,
    name_error = 3,  ///< the name does not exist: NXDOMAIN
    not_implemented = 4,
    refused = 5,
    bad_version = 16,
};

/// The first four bytes of a message, as values. The defaults make a query to a recursive server.
struct dns_header {
    std::uint16_t id = 0;
    bool is_response = false;
    dns_opcode opcode = dns_opcode::query;  ///< 4 bits
    bool is_authoritative = false;
    bool is_truncated = false;  ///< records are missing: ask again over TCP
    bool is_recursion_desired = true;
    bool is_recursion_available = false;
    bool reserved = false;           ///< to be zero
    bool is_authentic_data = false;  ///< RFC 4035 §3.2.3
    bool is_checking_disabled = false;
    dns_response_code response_code = dns_response_code::no_error;  ///< the lower 4 bits

    /// Returns the 16 bits behind the id.
    [[nodiscard]] constexpr std::uint16_t flags() const noexcept {
        const auto bit = [](bool value, unsigned place) { return static_cast<unsigned>(value) << place; };
        return static_cast<std::uint16_t>(
            bit(is_response, 15) | (static_cast<unsigned>(opcode) & 15) << 11 | bit(is_authoritative, 10) |
            bit(is_truncated, 9) | bit(is_recursion_desired, 8) | bit(is_recursion_available, 7) | bit(reserved, 6) |
            bit(is_authentic_data, 5) | bit(is_checking_disabled, 4) | (static_cast<unsigned>(response_code) & 15));
    }
    [[nodiscard]] static constexpr dns_header from(std::uint16_t id, std::uint16_t flags) noexcept {
        const auto bit = [&](unsigned place) { return (flags >> place & 1) != 0; };
        return {.id = id,
                .is_response = bit(15),
                .opcode = static_cast<dns_opcode>(flags >> 11 & 15),
                .is_authoritative = bit(10),
                .is_truncated = bit(9),
                .is_recursion_desired = bit(8),
                .is_recursion_available = bit(7),
                .reserved = bit(6),
                .is_authentic_data = bit(5),
                .is_checking_disabled = bit(4),
                .response_code = static_cast<dns_response_code>(flags & 15)};
    }
    friend constexpr bool operator==(const dns_header&, const dns_header&) noexcept = default;
};

/// A question: which records of which name (RFC 1035 §4.1.2).
struct dns_question {
    dns_name_view name{};
    dns_type type{};
    dns_class query_class{};
    friend constexpr bool operator==(const dns_question&, const dns_question&) noexcept = default;
};

// ---- The view ------------------------------------------------------------------------------------------

/// A message, read from bytes that must outlive it. Over TCP leave the two bytes of the size away.
class dns_view {
  public:
    static constexpr std::size_t header_size = 12;

    /// Checks that the header is there. Otherwise returns nullopt, and `why` is cut short.
    static constexpr std::optional<dns_view> parse(std::span<const std::byte> message, packet_failure& why) noexcept {
        if (message.size() < header_size)
            return why = packet_failure::cut_short(layer::dns, 0, message.size(), header_size), std::nullopt;
        return dns_view{message};
    }
    static constexpr std::optional<dns_view> parse(std::span<const std::byte> message) noexcept {
        packet_failure why;
        return parse(message, why);
    }

    /// Returns the fields of the header, each by itself, or together. The counts are what the header announces: a list
    /// may have fewer items, if the message cannot be read.
    [[nodiscard]] constexpr std::uint16_t id() const noexcept { return word(0); }
    [[nodiscard]] constexpr std::uint16_t flags() const noexcept { return word(2); }
    [[nodiscard]] constexpr dns_header header() const noexcept { return dns_header::from(id(), flags()); }
    [[nodiscard]] constexpr std::uint16_t question_count() const noexcept { return word(4); }
    [[nodiscard]] constexpr std::uint16_t answer_count() const noexcept { return word(6); }
    [[nodiscard]] constexpr std::uint16_t authority_count() const noexcept { return word(8); }
    [[nodiscard]] constexpr std::uint16_t additional_count() const noexcept { return word(10); }
    /// Returns the whole message.
    [[nodiscard]] constexpr std::span<const std::byte> bytes() const noexcept { return message_; }

    template <class Item>
    class list;
    /// Returns the items of a section, which are read as the loop goes on; so do the functions below.
    [[nodiscard]] constexpr list<dns_question> questions() const noexcept;
    /// Returns the records of all three lists; dns_record::section tells them apart.
    [[nodiscard]] constexpr list<dns_record> records() const noexcept;
    [[nodiscard]] constexpr list<dns_record> answers() const noexcept;
    [[nodiscard]] constexpr list<dns_record> authorities() const noexcept;
    [[nodiscard]] constexpr list<dns_record> additionals() const noexcept;
    /// Returns the first OPT record's content, or nullopt.
    [[nodiscard]] constexpr std::optional<dns_extension> extension() const noexcept;

    /// Returns true if this is a response with the id, the opcode and the questions of the query (RFC 5452 §9.1). The
    /// case of names does not count. Any other message may be forged. The caller checks the sender's address and port.
    [[nodiscard]] constexpr bool is_response_to(const dns_view& query) const noexcept;
    /// Reads every question and record, and the data of each type that has an accessor. Returns the first failure, or
    /// an object that converts to false. Bytes behind the last record are no failure.
    [[nodiscard]] constexpr packet_failure check() const noexcept;

  private:
    constexpr explicit dns_view(std::span<const std::byte> message) noexcept : message_{message} {}
    [[nodiscard]] constexpr std::uint16_t word(std::size_t at) const noexcept {
        return detail::load_16(message_.data() + at);
    }
    constexpr bool read(dns_question& to, std::size_t& at, packet_failure& why) const noexcept;
    constexpr bool read(dns_record& to, std::size_t& at, packet_failure& why) const noexcept;
    [[nodiscard]] constexpr dns_section section_of(std::size_t index) const noexcept {
        return index < answer_count()                       ? dns_section::answer
               : index < answer_count() + authority_count() ? dns_section::authority
                                                            : dns_section::additional;
    }
    [[nodiscard]] constexpr std::size_t record_count() const noexcept {
        return std::size_t{answer_count()} + authority_count() + additional_count();
    }
    [[nodiscard]] constexpr list<dns_record> records(std::size_t first, std::size_t count) const noexcept;

    std::span<const std::byte> message_;
};

/// Questions or records, read one after the other while you iterate. The list ends before an item that cannot be read.
template <class Item>
class dns_view::list {
  public:
    /// Reads the next item with each step.
    class iterator {
      public:
        using value_type = Item;
        using difference_type = std::ptrdiff_t;
        constexpr iterator() noexcept = default;
        constexpr const Item& operator*() const noexcept { return now_; }
        constexpr const Item* operator->() const noexcept { return &now_; }
        constexpr iterator& operator++() noexcept { return read(), *this; }
        constexpr void operator++(int) noexcept { read(); }
        friend constexpr bool operator==(const iterator& a, std::default_sentinel_t) noexcept { return a.ended_; }

      private:
        friend list;
        constexpr iterator(const list& whole, std::size_t at) noexcept
            : message_{whole.message_}, at_{at}, index_{whole.first_}, last_{whole.first_ + whole.count_} {
            read();
        }
        constexpr void read() noexcept {
            packet_failure why;
            ended_ = index_ == last_ || !message_.read(now_, at_, why);
            if constexpr (requires { now_.section; })
                if (!ended_) now_.section = message_.section_of(index_);
            ++index_;
        }
        dns_view message_{std::span<const std::byte>{}};
        std::size_t at_ = 0, index_ = 0, last_ = 0;
        Item now_;
        bool ended_ = true;
    };
    /// Skips what comes before the list, which takes the more time the longer that is.
    [[nodiscard]] constexpr iterator begin() const noexcept;
    [[nodiscard]] constexpr std::default_sentinel_t end() const noexcept { return {}; }

  private:
    friend dns_view;
    constexpr list(const dns_view& message, std::size_t first, std::size_t count) noexcept
        : message_{message}, first_{first}, count_{count} {}
    dns_view message_;
    std::size_t first_, count_;  // of questions, or of the records of all lists
};

// ---- Reading -------------------------------------------------------------------------------------------

constexpr bool dns_view::read(dns_question& to, std::size_t& at, packet_failure& why) const noexcept {
    const auto name = dns_name_view::parse(message_, at, why);
    if (!name) return false;
    if (message_.size() - at < 4)
        return why = packet_failure::cut_short(layer::dns, at, message_.size() - at, 4), false;
    to = {*name, static_cast<dns_type>(word(at)), static_cast<dns_class>(word(at + 2))};
    at += 4;
    return true;
}

constexpr bool dns_view::read(dns_record& to, std::size_t& at, packet_failure& why) const noexcept {
    const std::size_t start = at;
    const auto name = dns_name_view::parse(message_, at, why);
    if (!name) return false;
    const std::size_t rest = message_.size() - at;
    if (rest < 10) return why = packet_failure::cut_short(layer::dns, at, rest, 10), false;
    const std::size_t size = word(at + 8);
    if (size > rest - 10) return why = packet_failure::cut_short(layer::dns, at + 10, rest - 10, size), false;
    to.name = *name;
    to.type = static_cast<dns_type>(word(at));
    to.record_class = static_cast<dns_class>(word(at + 2));
    to.time_to_live = detail::load_32(message_.data() + at + 4);
    to.data = message_.subspan(at + 10, size);
    to.offset = start;
    to.message_ = message_;
    at += 10 + size;
    return true;
}

template <class Item>
constexpr auto dns_view::list<Item>::begin() const noexcept -> iterator {
    std::size_t at = header_size;
    packet_failure why;
    iterator nothing;
    if constexpr (requires(Item item) { item.section; }) {
        dns_question question;
        for (std::size_t i = message_.question_count(); i > 0; --i)
            if (!message_.read(question, at, why)) return nothing;
        Item skipped;
        for (std::size_t i = 0; i < first_; ++i)
            if (!message_.read(skipped, at, why)) return nothing;
    }
    return iterator{*this, at};
}

constexpr dns_view::list<dns_question> dns_view::questions() const noexcept { return {*this, 0, question_count()}; }
constexpr dns_view::list<dns_record> dns_view::records() const noexcept { return {*this, 0, record_count()}; }
constexpr dns_view::list<dns_record> dns_view::answers() const noexcept { return {*this, 0, answer_count()}; }
constexpr dns_view::list<dns_record> dns_view::authorities() const noexcept {
    return {*this, answer_count(), authority_count()};
}
constexpr dns_view::list<dns_record> dns_view::additionals() const noexcept {
    return {*this, std::size_t{answer_count()} + authority_count(), additional_count()};
}

constexpr std::optional<dns_extension> dns_view::extension() const noexcept {
    for (const dns_record& record : additionals())
        if (const auto found = record.extension()) return found;
    return std::nullopt;
}

constexpr bool dns_view::is_response_to(const dns_view& query) const noexcept {
    const dns_header own = header(), asked = query.header();
    auto mine = questions().begin(), theirs = query.questions().begin();
    std::size_t equal = 0;
    for (auto end = std::default_sentinel; mine != end && theirs != end && *mine == *theirs; ++mine, ++theirs) ++equal;
    return own.is_response && !asked.is_response && own.id == asked.id && own.opcode == asked.opcode &&
           equal == question_count() && equal == query.question_count();
}

constexpr packet_failure dns_view::check() const noexcept {
    packet_failure why;
    std::size_t at = header_size;
    dns_question question;
    dns_record record;
    for (std::size_t i = question_count(); i > 0; --i)
        if (!read(question, at, why)) return why;
    for (std::size_t i = record_count(); i > 0; --i) {
        if (!read(record, at, why)) return why;
        if (const auto found = record.check()) return found;
    }
    return why;
}

}  // namespace netnotes::packet

#endif  // NETNOTES_PACKET_DNS_HPP



namespace netnotes::packet {

/// Writes a message into bytes that the caller owns. Questions come first, then answers, authorities and additional
/// records. Each function returns false if its item did not fit: then the message is as before, but marked as
/// truncated. Throws std::invalid_argument for an item of an earlier section than the last.
class dns_builder {
  public:
    /// Writes the header. Throws std::length_error if there is no room for its 12 bytes. More room than 65,535 bytes is
    /// not used.
    constexpr dns_builder(std::span<std::byte> room, const dns_header& header)
        : room_{room.first(std::min<std::size_t>(room.size(), 65'535))} {
        if (room.size() < dns_view::header_size) throw std::length_error{"a DNS message has at least 12 bytes"};
        std::fill_n(room_.begin(), dns_view::header_size, std::byte{0});
        detail::store_16(room_.data(), header.id);
        detail::store_16(room_.data() + 2, header.flags());
    }

    /// Writes a question. Returns false if it did not fit; so do the functions below.
    constexpr bool question(const dns_name_view& name, dns_type type, dns_class query_class = dns_class::internet) {
        begin(0);
        put_name(name, true);
        put_16(static_cast<std::uint16_t>(type));
        put_16(static_cast<std::uint16_t>(query_class));
        return finish();
    }

    /// Writes an A or AAAA record. The zone of an IPv6 address is dropped. Returns false if the record did not fit.
    constexpr bool address(dns_section section, const dns_name_view& name, std::uint32_t time_to_live,
                           const ip_address& address) {
        begin_record(section, name, address.is_v4() ? dns_type::a : dns_type::aaaa, time_to_live);
        if (address.is_v4()) {
            put_32(address.v4().to_uint());
        } else {
            for (const std::uint8_t octet : address.v6().to_octets()) put(static_cast<std::byte>(octet));
        }
        return finish_record();
    }
    /// Writes a record whose data are one name: NS, CNAME, PTR, DNAME. Returns false if it did not fit. Throws
    /// std::invalid_argument for another type.
    constexpr bool target(dns_section section, dns_type type, const dns_name_view& name, std::uint32_t time_to_live,
                          const dns_name_view& target) {
        if (type != dns_type::ns && type != dns_type::cname && type != dns_type::ptr && type != dns_type::dname)
            throw std::invalid_argument{"only NS, CNAME, PTR and DNAME records hold one name"};
        begin_record(section, name, type, time_to_live);
        put_name(target, type != dns_type::dname);  // RFC 6672 §2.5
        return finish_record();
    }
    constexpr bool mail_exchange(dns_section section, const dns_name_view& name, std::uint32_t time_to_live,
                                 const dns_mail_exchange& data) {
        begin_record(section, name, dns_type::mx, time_to_live);
        put_16(data.preference);
        put_name(data.exchange, true);
        return finish_record();
    }
    constexpr bool start_of_authority(dns_section section, const dns_name_view& name, std::uint32_t time_to_live,
                                      const dns_start_of_authority& data) {
        begin_record(section, name, dns_type::soa, time_to_live);
        put_name(data.primary_server, true);
        put_name(data.mailbox, true);
        for (const auto number : {data.serial, data.refresh, data.retry, data.expire, data.minimum}) put_32(number);
        return finish_record();
    }
    constexpr bool service(dns_section section, const dns_name_view& name, std::uint32_t time_to_live,
                           const dns_service& data) {
        begin_record(section, name, dns_type::srv, time_to_live);
        put_16(data.priority);
        put_16(data.weight);
        put_16(data.port);
        put_name(data.target, false);  // RFC 2782 forbids pointers here
        return finish_record();
    }
    /// Writes a TXT record. Without a text it holds one empty text. Returns false if the record did not fit. Throws
    /// std::length_error for a text above 255 bytes.
    constexpr bool texts(dns_section section, const dns_name_view& name, std::uint32_t time_to_live,
                         std::initializer_list<std::string_view> texts) {
        for (const std::string_view text : texts)
            if (text.size() > 255) throw std::length_error{"a text of a TXT record has at most 255 bytes"};
        begin_record(section, name, dns_type::txt, time_to_live);
        if (texts.size() == 0) put(std::byte{0});
        for (const std::string_view text : texts) {
            put(static_cast<std::byte>(text.size()));
            for (const char c : text) put(static_cast<std::byte>(c));
        }
        return finish_record();
    }
    /// Writes an OPT record, which belongs to the additional records. Returns false if it did not fit.
    constexpr bool extension(const dns_extension& data) {
        begin_record(dns_section::additional, dns_name_view{}, dns_type::opt,
                     std::uint32_t{data.response_code_high} << 24 | std::uint32_t{data.version} << 16 |
                         (data.is_dnssec_ok ? 0x8000u : 0u),
                     static_cast<dns_class>(data.udp_payload_size));
        for (const dns_option& option : data.options) {
            put_16(option.code);
            put_16(static_cast<std::uint16_t>(option.value.size()));
            put(option.value);
        }
        return finish_record();
    }
    /// Writes a record of any type. Returns false if it did not fit. The data must hold no pointers into another
    /// message.
    constexpr bool record(dns_section section, const dns_name_view& name, dns_type type, dns_class record_class,
                          std::uint32_t time_to_live, std::span<const std::byte> data) {
        begin_record(section, name, type, time_to_live, record_class);
        put(data);
        return finish_record();
    }

    /// Returns the message as it is now. It lies at the beginning of the caller's bytes.
    [[nodiscard]] constexpr std::span<const std::byte> message() const noexcept { return room_.first(size_); }
    /// Returns true if something did not fit.
    [[nodiscard]] constexpr bool is_truncated() const noexcept { return (detail::load_8(room_.data() + 2) & 2) != 0; }

  private:
    constexpr void put(std::byte byte) noexcept {
        if (at_ < room_.size())
            room_[at_++] = byte;
        else
            fits_ = false;
    }
    constexpr void put(std::span<const std::byte> bytes) noexcept {
        for (const std::byte byte : bytes) put(byte);
    }
    constexpr void put_16(std::uint16_t value) noexcept {
        put(static_cast<std::byte>(value >> 8));
        put(static_cast<std::byte>(value & 0xff));
    }
    constexpr void put_32(std::uint32_t value) noexcept {
        put_16(static_cast<std::uint16_t>(value >> 16));
        put_16(static_cast<std::uint16_t>(value & 0xffff));
    }
    /// Writes the labels up to the first place from which the rest of the name was written before.
    constexpr void put_name(const dns_name_view& name, bool with_pointer) noexcept {
        const std::size_t start = at_;
        std::size_t label_count = 0;
        auto label = name.begin();
        for (; label != name.end(); ++label, ++label_count) {
            const auto known = with_pointer ? find(label) : std::nullopt;
            if (known) {
                put_16(static_cast<std::uint16_t>(0xc000u | *known));
                break;
            }
            put(static_cast<std::byte>((*label).size()));
            put(*label);
        }
        if (label == name.end()) put(std::byte{0});
        // Now that the name is complete, others can point to it.
        if (!fits_) return;
        for (std::size_t place = start; label_count > 0; --label_count) {
            if (new_place_count_ == places_.size() || place >= 0x4000) break;
            places_[new_place_count_++] = static_cast<std::uint16_t>(place);
            place += 1u + detail::load_8(room_.data() + place);
        }
    }
    [[nodiscard]] constexpr std::optional<std::uint16_t> find(const dns_name_view::iterator& label) const noexcept {
        for (std::size_t i = 0; i < new_place_count_; ++i)
            if (dns_name_view::have_equal_labels(label, dns_name_view{room_.first(at_), places_[i], 0}.begin()))
                return places_[i];
        return std::nullopt;
    }
    constexpr void begin(unsigned list) {
        if (list < list_) throw std::invalid_argument{"the sections of a DNS message have an order"};
        list_ = list;
        at_ = size_;
        fits_ = true;
        new_place_count_ = place_count_;
    }
    constexpr bool finish() noexcept {
        const std::size_t count_at = 4 + 2 * list_;
        const auto count = detail::load_16(room_.data() + count_at);
        if (!fits_ || count == 0xffff) {
            room_[2] |= std::byte{2};
            return false;
        }
        detail::store_16(room_.data() + count_at, static_cast<std::uint16_t>(count + 1));
        size_ = at_;
        place_count_ = new_place_count_;
        return true;
    }
    constexpr void begin_record(dns_section section, const dns_name_view& name, dns_type type,
                                std::uint32_t time_to_live, dns_class record_class = dns_class::internet) {
        begin(1 + static_cast<unsigned>(section));
        put_name(name, true);
        put_16(static_cast<std::uint16_t>(type));
        put_16(static_cast<std::uint16_t>(record_class));
        put_32(time_to_live);
        data_at_ = at_ + 2;
        put_16(0);
    }
    constexpr bool finish_record() noexcept {
        if (fits_) detail::store_16(room_.data() + data_at_ - 2, static_cast<std::uint16_t>(at_ - data_at_));
        return finish();
    }

    std::span<std::byte> room_;
    std::size_t size_ = dns_view::header_size;  // of the message
    std::size_t at_ = dns_view::header_size;    // behind the part of the current item that was written
    std::size_t data_at_ = 0;
    unsigned list_ = 0;
    bool fits_ = true;
    std::array<std::uint16_t, 128> places_{};  // where labels begin; the first place_count_ are of finished items
    std::size_t place_count_ = 0, new_place_count_ = 0;
};

}  // namespace netnotes::packet

#endif  // NETNOTES_PACKET_DNS_BUILD_HPP


// netnotes/packet/frame.hpp: a whole frame, layer by layer
// SPDX-License-Identifier: MIT
//
// dissect() finds every header of a frame, from the outside to the inside:
//
//        captured: ┌──────────┬────────┬───────┬─────────────────┬─────────┐
//                  │ Ethernet │  IPv4  │  TCP  │    payload()    │ trailer │
//                  └──────────┴────────┴───────┴─────────────────┴─────────┘
//                                                                └ payload_ended_by(): ipv4_total_length
//
//        const packet::frame_view frame = packet::dissect(bytes);
//        if (const auto tcp = frame.tcp())
//            std::cout << tcp->source_port() << '\n';
//        if (frame.failure())
//            std::cerr << frame.failure().message() << '\n';
//
// A frame that breaks off in the middle is still useful. The frame_view has the headers in front of the break. Its
// payload is the rest of the bytes. A packet_failure names layer, reason and place. is_whole() is the strict question.
//
// Where a payload ends is not trivial. IPv4, IPv6, UDP and IEEE 802.3 have lengths. A short Ethernet frame is padded. A
// capture may keep the beginning of each frame only. The smallest of these ends counts, and payload_ended_by() names
// it.
//
// Tunnels are not entered. The payload of the outer packet is the inner one, so call dissect() again.
//
// On this page:  dissect · transport_payload_size
// Below it:      packet/frame_view.hpp: length_source, frame_view and the checksums
// The notes:     TCP/IP协议(族), 各协议之间的关系, 网络分析工具

#ifndef NETNOTES_PACKET_FRAME_HPP
#define NETNOTES_PACKET_FRAME_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>


// netnotes/packet/frame_view.hpp: what a frame holds, and whether it arrived undamaged
// SPDX-License-Identifier: MIT
//
// A frame_view knows where each header of a frame is. Its accessors make the view of a header when they are asked, so a
// program pays only for the headers that it reads:
//
//        if (const auto tcp = frame.tcp())
//            std::cout << tcp->source_port() << '\n';
//        if (frame.checksum_state() == packet::checksum_state::bad)
//            std::cout << "damaged on its way\n";
//
// The checksum of a transport also covers a *pseudo header*: the addresses, the protocol and the length. So a packet
// that a router delivered to the wrong host is noticed, too (RFC 9293 §3.1, RFC 768, RFC 8200 §8.1).
//
//        ┌──────────────┬──────────────┬───┬──────────┬────────┐ ┌───────────┬─────────┐
//        │ source       │ destination  │ 0 │ protocol │ length │ │ transport │ payload │   the sum is 0xffff
//        └──────────────┴──────────────┴───┴──────────┴────────┘ └───────────┴─────────┘
//                    the pseudo header, which is not sent             the segment
//
// A capture of the own host shows checksums that look wrong, because the network card writes them after the capture.
// Such a checksum is *partial*: it holds the sum of the pseudo header only.
//
// On this page:  length_source · frame_view, with its checksum
// Above it:      packet/frame.hpp: dissect(), which makes a frame_view
// The notes:     TCP/IP协议(族), 各协议之间的关系, 网络分析工具

#ifndef NETNOTES_PACKET_FRAME_VIEW_HPP
#define NETNOTES_PACKET_FRAME_VIEW_HPP

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>
#include <string_view>











namespace netnotes::packet {

/// Says which length ended the payload of a frame.
enum class length_source : std::uint8_t {
    frame,                ///< no length: the payload goes to the end of the frame
    capture,              ///< the capture ends before the payload does
    ieee_802_3_length,    ///< the third field of an IEEE 802.3 frame
    arp_address_sizes,    ///< an ARP packet ends behind its addresses
    ipv4_total_length,    ///< the field of IPv4
    ipv6_payload_length,  ///< the field of IPv6
    udp_length,           ///< the field of UDP, which is smaller than IP's
};

/// Returns the name of the length, for example `IPv4 total length`.
[[nodiscard]] constexpr std::string_view to_string(length_source which) noexcept {
    constexpr std::string_view names[]{
        "frame",     "capture", "IEEE 802.3 length", "ARP address sizes", "IPv4 total length", "IPv6 payload length",
        "UDP length"};
    const auto index = static_cast<std::size_t>(which);
    return index < std::size(names) ? names[index] : "unknown length";
}

namespace detail {
class dissector;
}  // namespace detail

/// A frame with the places of its headers. It is a value of 80 bytes, valid as long as the bytes of the frame. The
/// function dissect() makes it.
class frame_view {
  public:
    /// Returns the captured bytes.
    [[nodiscard]] constexpr std::span<const std::byte> bytes() const noexcept { return {data_, size_}; }
    /// Returns how many bytes the frame had when it was captured.
    [[nodiscard]] constexpr std::size_t size_on_the_wire() const noexcept { return wire_; }
    /// Returns true if the frame has a readable header of that layer.
    [[nodiscard]] constexpr bool has(layer which) const noexcept {
        switch (which) {
            case layer::ethernet: return has_ethernet_;
            case layer::vlan: return vlan_count_ > 0;
            case layer::arp:
            case layer::ipv4:
            case layer::ipv6: return network_layer_ == which;
            case layer::ipv6_extension: return has_extension_;
            case layer::icmp:
            case layer::icmpv6:
            case layer::udp:
            case layer::tcp: return transport_layer_ == which;
            default: return false;
        }
    }

    /// Returns the Ethernet header; nullopt if the frame has none, or if it is cut short.
    [[nodiscard]] constexpr std::optional<ethernet_view> ethernet() const noexcept {
        if (!has(layer::ethernet)) return std::nullopt;
        return detail::view_maker::make<ethernet_view>(data_, 14, size_);
    }
    /// Returns how many VLAN tags the frame has.
    [[nodiscard]] constexpr std::size_t vlan_count() const noexcept { return vlan_count_; }
    /// Returns a VLAN tag; the tag next to the addresses has index 0. Returns nullopt beyond the last tag.
    [[nodiscard]] constexpr std::optional<vlan_view> vlan(std::size_t index = 0) const noexcept {
        if (index >= vlan_count_) return std::nullopt;
        const std::size_t at = 14 + 4 * index;
        return detail::view_maker::make<vlan_view>(data_ + at, 4, size_ - at);
    }
    [[nodiscard]] constexpr std::optional<arp_view> arp() const noexcept {
        if (!has(layer::arp)) return std::nullopt;
        return detail::view_maker::make<arp_view>(data_ + network_, network_end_ - network_, network_end_ - network_);
    }
    /// Returns the IPv4 header; its payload() ends where the packet ends.
    [[nodiscard]] constexpr std::optional<ipv4_view> ipv4() const noexcept {
        if (!has(layer::ipv4)) return std::nullopt;
        const std::size_t header_size = (detail::load_8(data_ + network_) & 0xfu) * 4;
        return detail::view_maker::make<ipv4_view>(data_ + network_, header_size, network_end_ - network_);
    }
    /// Returns the IPv6 header; its payload() ends where the packet ends.
    [[nodiscard]] constexpr std::optional<ipv6_view> ipv6() const noexcept {
        if (!has(layer::ipv6)) return std::nullopt;
        return detail::view_maker::make<ipv6_view>(data_ + network_, 40, network_end_ - network_);
    }
    [[nodiscard]] constexpr std::optional<icmp_view> icmp() const noexcept {
        if (!has(layer::icmp)) return std::nullopt;
        return detail::view_maker::make<icmp_view>(data_ + transport_, payload_ - transport_,
                                                   payload_end_ - transport_);
    }
    [[nodiscard]] constexpr std::optional<icmpv6_view> icmpv6() const noexcept {
        if (!has(layer::icmpv6)) return std::nullopt;
        return detail::view_maker::make<icmpv6_view>(data_ + transport_, payload_ - transport_,
                                                     payload_end_ - transport_);
    }
    [[nodiscard]] constexpr std::optional<udp_view> udp() const noexcept {
        if (!has(layer::udp)) return std::nullopt;
        return detail::view_maker::make<udp_view>(data_ + transport_, payload_ - transport_, payload_end_ - transport_);
    }
    [[nodiscard]] constexpr std::optional<tcp_view> tcp() const noexcept {
        if (!has(layer::tcp)) return std::nullopt;
        return detail::view_maker::make<tcp_view>(data_ + transport_, payload_ - transport_, payload_end_ - transport_);
    }

    /// Returns the protocol behind IP and its extension headers. Without IP it is ip_protocol::no_next_header.
    [[nodiscard]] constexpr ip_protocol protocol() const noexcept { return protocol_; }
    /// Returns true for a part of an IP packet. A first part has the header of its transport, a later part has not.
    [[nodiscard]] constexpr bool is_fragment() const noexcept { return is_fragment_; }
    /// Returns what follows the last readable header, as far as it was captured and as its length says.
    [[nodiscard]] constexpr std::span<const std::byte> payload() const noexcept {
        return {data_ + payload_, payload_end_ - payload_};
    }
    /// Returns which length ended the payload.
    [[nodiscard]] constexpr length_source payload_ended_by() const noexcept { return ended_by_; }
    /// Returns what follows the network's packet: padding of a short frame, or its CRC.
    [[nodiscard]] constexpr std::span<const std::byte> trailer() const noexcept {
        return {data_ + network_end_, size_ - network_end_};
    }

    /// Returns the first thing that is wrong, or success. Places count from the beginning of the frame.
    [[nodiscard]] constexpr const packet_failure& failure() const noexcept { return failure_; }
    /// Returns true if bytes are missing: the capture kept the frame's beginning only.
    [[nodiscard]] constexpr bool is_cut_short() const noexcept { return size_ < wire_; }
    /// Returns true if every byte was captured and every header could be read.
    [[nodiscard]] constexpr bool is_whole() const noexcept { return !failure_ && !is_cut_short(); }

    /// Checks the checksum of the transport: TCP, UDP, ICMP or ICMPv6. Returns absent if the frame has none of these.
    /// Returns unknown for a fragment, and if bytes are missing. The header of IPv4 has a checksum of its own, see
    /// ipv4_view::header_checksum_state().
    [[nodiscard]] constexpr netnotes::packet::checksum_state checksum_state() const noexcept;

    /// Returns where the header of the network layer begins, in bytes from the beginning of the frame.
    [[nodiscard]] constexpr std::size_t network_offset() const noexcept { return network_; }
    /// Returns where the header of the transport begins. Without a transport it is where the payload begins.
    [[nodiscard]] constexpr std::size_t transport_offset() const noexcept { return transport_; }
    /// Returns where the payload begins.
    [[nodiscard]] constexpr std::size_t payload_offset() const noexcept { return payload_; }

  private:
    friend detail::dissector;
    constexpr frame_view() noexcept = default;

    [[nodiscard]] constexpr std::uint64_t sum_ipv6_addresses(std::uint64_t sum) const noexcept;

    const std::byte* data_ = nullptr;
    std::uint32_t size_ = 0;
    std::uint32_t wire_ = 0;
    std::uint32_t network_ = 0;
    std::uint32_t transport_ = 0;
    std::uint32_t payload_ = 0;
    std::uint32_t payload_end_ = 0;
    std::uint32_t network_end_ = 0;
    layer network_layer_ = layer::payload;    // or ARP, IPv4, IPv6
    layer transport_layer_ = layer::payload;  // or ICMP, ICMPv6, UDP, TCP
    ip_protocol protocol_ = ip_protocol::no_next_header;
    length_source ended_by_ = length_source::frame;
    bool has_ethernet_ = false;
    bool has_extension_ = false;
    std::uint8_t vlan_count_ = 0;
    bool is_fragment_ = false;
    bool is_incomplete_ = false;  // a length announces more than is there
    packet_failure failure_;
};

// ========================================================================================================
// The checksum
// ========================================================================================================

constexpr checksum_state frame_view::checksum_state() const noexcept {
    using enum netnotes::packet::checksum_state;
    const std::size_t size = payload_end_ - transport_;
    const std::byte* const segment = data_ + transport_;
    std::size_t field = 0;
    if (has(layer::tcp))
        field = 16;
    else if (has(layer::udp))
        field = 6;
    else if (has(layer::icmp) || has(layer::icmpv6))
        field = 2;
    else
        return absent;
    const std::uint64_t value = detail::native<std::uint16_t>(segment + field);
    if (has(layer::udp) && value == 0 && has(layer::ipv4)) return absent;
    if (is_fragment_ || is_incomplete_) return unknown;

    // Summed as the bytes stand in memory: the addresses lie one behind the other in both headers.
    std::uint64_t pseudo = 0;
    if (!has(layer::icmp)) {
        pseudo = std::uint64_t{detail::wire_order(static_cast<std::uint16_t>(size))} +
                 detail::wire_order(static_cast<std::uint16_t>(size >> 16)) +
                 detail::wire_order(static_cast<std::uint16_t>(protocol_));
        if (has(layer::ipv4))
            pseudo = detail::sum_of(data_ + network_ + 12, 8, pseudo);
        else
            pseudo = sum_ipv6_addresses(pseudo);
    }
    const std::uint64_t sum = detail::sum_of(segment, size, pseudo);
    if (has(layer::udp) && value == 0) return bad;  // over IPv6 (RFC 8200 §8.1)
    if (detail::fold(sum) == 0xffff) return good;
    if (!has(layer::icmp) && detail::fold(pseudo) == value) return partial;
    return has(layer::ipv4) && ended_by_ == length_source::frame ? unknown : bad;  // segmentation offload
}
constexpr std::uint64_t frame_view::sum_ipv6_addresses(std::uint64_t sum) const noexcept {
    sum = detail::sum_of(data_ + network_ + 8, 16, sum);
    if (has(layer::ipv6_extension)) {
        for (const ipv6_extension& each : ipv6()->extensions())
            if (const auto end = each.final_destination()) {
                const auto octets = end->to_octets();
                for (std::size_t i = 0; i < octets.size(); i += 2)
                    sum += detail::wire_order(static_cast<std::uint16_t>(octets[i] << 8 | octets[i + 1]));
                return sum;
            }
    }
    return detail::sum_of(data_ + network_ + 24, 16, sum);
}

}  // namespace netnotes::packet

#endif  // NETNOTES_PACKET_FRAME_VIEW_HPP









namespace netnotes::packet {

namespace detail {

/// Walks through a frame from header to header. Its functions for rare cases are not inlined.
class dissector {
  public:
    constexpr dissector(std::span<const std::byte> captured, std::size_t on_the_wire) noexcept {
        frame_.data_ = captured.data();
        frame_.size_ = limit_ = static_cast<std::uint32_t>(captured.size());
        frame_.wire_ = wire_limit_ = static_cast<std::uint32_t>(std::max(on_the_wire, captured.size()));
    }

    /// Reads the frames that make up nearly all traffic, without a call: Ethernet, IP without fragments and extension
    /// headers, and a whole TCP, UDP or ICMP behind it. Leaves all other frames, and all broken ones, to run().
    static constexpr frame_view read(std::span<const std::byte> captured, std::size_t on_the_wire) noexcept {
        const std::byte* const data = captured.data();
        const auto size = static_cast<std::uint32_t>(captured.size());
        const auto rare = [&] { return run(captured, on_the_wire, link_type::ethernet); };
        if (size < 14 + 20 + 8) return rare();
        const std::uint32_t type = load_16(data + 12);
        std::uint32_t transport = 0, end = 0;
        ip_protocol protocol{};
        layer network_layer = layer::ipv4;
        auto ended_by = length_source::ipv4_total_length;
        if (type == ipv4) [[likely]] {
            const std::uint32_t first = load_8(data + 14);
            transport = 14 + (first & 0xf) * 4;
            end = 14u + load_16(data + 14 + 2);
            const bool is_plain = first - 0x45 <= 0x4f - 0x45 && (load_16(data + 14 + 6) & 0x3fff) == 0;
            if (!is_plain || end > size) return rare();
            protocol = static_cast<ip_protocol>(load_8(data + 14 + 9));
        } else {
            if (type != ipv6 || size < 14 + 40) return rare();
            transport = 14 + 40;
            end = transport + load_16(data + 14 + 4);
            if (load_8(data + 14) >> 4 != 6 || end > size) return rare();
            protocol = static_cast<ip_protocol>(load_8(data + 14 + 6));
            network_layer = layer::ipv6;
            ended_by = length_source::ipv6_payload_length;
        }
        // Negative if IPv4's length is smaller than its header.
        const auto left = static_cast<std::int32_t>(end - transport);
        const std::byte* const header = data + transport;
        std::int32_t header_size = 8;
        layer transport_layer = layer::tcp;
        if (left < 8) return rare();
        if (protocol == ip_protocol::tcp) {
            header_size = left < 20 ? 0 : load_8(header + 12) / 16 * 4;
            if (header_size < 20 || header_size > left) return rare();
        } else if (protocol == ip_protocol::udp) {
            if (load_16(header + 4) != left) return rare();
            transport_layer = layer::udp;
        } else if (protocol == (type == ipv4 ? ip_protocol::icmp : ip_protocol::icmpv6)) {
            transport_layer = type == ipv4 ? layer::icmp : layer::icmpv6;
        } else {
            return rare();
        }
        frame_view frame;
        frame.data_ = data;
        frame.size_ = size;
        frame.wire_ = std::max(static_cast<std::uint32_t>(on_the_wire), size);
        frame.network_ = 14;
        frame.transport_ = transport;
        frame.payload_ = transport + static_cast<std::uint32_t>(header_size);
        frame.payload_end_ = end;
        frame.network_end_ = end;
        frame.network_layer_ = network_layer;
        frame.transport_layer_ = transport_layer;
        frame.protocol_ = protocol;
        frame.ended_by_ = ended_by;
        frame.has_ethernet_ = true;
        return frame;
    }
    /// Reads any frame.
    [[gnu::noinline]] static constexpr frame_view run(std::span<const std::byte> captured, std::size_t on_the_wire,
                                                      link_type link) noexcept {
        dissector walker{captured, on_the_wire};
        walker.walk(link);
        return walker.frame_;
    }

  private:
    constexpr void walk(link_type link) noexcept {
        std::uint32_t type = 0;
        if (link == link_type::ethernet && frame_.size_ >= 14) [[likely]] {
            frame_.has_ethernet_ = true;
            at_ = 14;
            type = detail::load_16(frame_.data_ + 12);
            if (type != ipv4 && type != ipv6) type = unwrap(type);
        } else {
            type = link_header(link);
        }
        frame_.network_ = frame_.transport_ = at_;
        if (type == ipv4) [[likely]]
            read_ipv4();
        else if (type == ipv6)
            read_ipv6();
        else
            read_other(type);
        frame_.payload_ = at_;
        frame_.payload_end_ = limit_;
    }

    static constexpr std::uint32_t ipv4 = 0x0800, ipv6 = 0x86dd, arp = 0x0806;
    static constexpr std::uint32_t unknown = 0x10000;  // no protocol that is read here

    constexpr const std::byte* here() const noexcept { return frame_.data_ + at_; }
    constexpr std::uint32_t left() const noexcept { return limit_ - at_; }
    constexpr bool capture_ends_here() const noexcept { return limit_ < wire_limit_; }

    /// Keeps the first failure. `why` counts from the header that begins at at_.
    [[gnu::cold, gnu::noinline]] constexpr void fail(packet_failure why) noexcept {
        if (frame_.failure_) return;
        if (why.is_cut_short() && !capture_ends_here())
            why = why.as_malformed("the header needs # bytes, and % are left");
        why.shift(at_);
        frame_.failure_ = why;
    }
    /// A length of `announced` bytes from at_ on ends beyond the bytes that are there.
    [[gnu::cold, gnu::noinline]] constexpr void exceed(layer where, std::size_t field, std::uint32_t announced,
                                                       const char* pattern) noexcept {
        frame_.is_incomplete_ = true;
        if (announced > wire_limit_ - at_)
            fail({where, field, pattern, announced, wire_limit_ - at_});
        else
            wire_limit_ = at_ + announced;
        frame_.ended_by_ = capture_ends_here() ? length_source::capture : length_source::frame;
    }

    // ---- The link ----

    [[gnu::noinline]] constexpr std::uint32_t unwrap(std::uint32_t type) noexcept {
        while (type == 0x8100 || type == 0x88a8 || type == 0x9100) {
            packet_failure why;
            if (detail::view_maker::check<vlan_view>(here(), left(), why) == 0) return fail(why), unknown;
            type = detail::load_16(here() + 2);
            at_ += 4;
            if (++frame_.vlan_count_ == 255) return unknown;
        }
        if (type > 1500) return type;
        bound(type, layer::ethernet, length_source::ieee_802_3_length, at_ - 2);
        // Logical link control with the subnetwork access protocol: ether_type behind eight bytes (RFC 1042).
        if (left() < 8 || detail::load_48(here()) != 0xaaaa'0300'0000) return unknown;
        type = detail::load_16(here() + 6);
        at_ += 8;
        return type;
    }
    /// Ends the frame's contents after `length` bytes.
    constexpr void bound(std::uint32_t length, layer where, length_source source, std::size_t field) noexcept {
        // fail() will add at_, but the field stands before it.
        if (length > left()) return exceed(where, field - at_, length, "length is % bytes, and # are there");
        limit_ = wire_limit_ = at_ + length;
        frame_.ended_by_ = source;
    }
    [[gnu::noinline]] constexpr std::uint32_t link_header(link_type link) noexcept {
        const auto need = [&](std::uint32_t bytes) {
            if (left() >= bytes) return true;
            fail(packet_failure::cut_short(layer::ethernet, 0, left(), bytes));
            return false;
        };
        switch (link) {
            case link_type::ethernet: return need(14), unknown;
            case link_type::raw_ip: {
                if (!need(1)) return unknown;
                const unsigned version = detail::load_8(here()) >> 4u;
                return version == 6 ? ipv6 : version == 4 ? ipv4 : unknown;
            }
            case link_type::raw_ipv4: return ipv4;
            case link_type::raw_ipv6: return ipv6;
            case link_type::null_loopback:
            case link_type::loop: {
                if (!need(4)) return unknown;
                std::uint32_t family = detail::load_32(here());
                if (family > 0xffff) family = detail::load_little_32(here());
                at_ += 4;
                // AF_INET is 2 everywhere; AF_INET6 is 10, 24, 28 or 30.
                if (family == 2) return ipv4;
                return family == 10 || family == 24 || family == 28 || family == 30 ? ipv6 : unknown;
            }
            case link_type::linux_cooked: {
                if (!need(16)) return unknown;
                at_ += 16;
                return detail::load_16(here() - 2);
            }
            case link_type::linux_cooked_v2: {
                if (!need(20)) return unknown;
                at_ += 20;
                return detail::load_16(here() - 20);
            }
        }
        return unknown;
    }

    // ---- The network ----

    [[gnu::noinline]] constexpr void read_other(std::uint32_t type) noexcept {
        frame_.network_end_ = limit_;
        if (capture_ends_here()) frame_.ended_by_ = length_source::capture;
        if (type != arp) return cut_payload();
        packet_failure why;
        const std::size_t size = detail::view_maker::check<arp_view>(here(), left(), why);
        if (size == 0) return fail(why);
        frame_.network_layer_ = layer::arp;
        at_ += static_cast<std::uint32_t>(size);
        frame_.transport_ = at_;
        limit_ = frame_.network_end_ = at_;
        frame_.ended_by_ = length_source::arp_address_sizes;
    }

    constexpr void read_ipv4() noexcept {
        packet_failure why;
        const auto size = static_cast<std::uint32_t>(detail::view_maker::check<ipv4_view>(here(), left(), why));
        if (size == 0) [[unlikely]]
            return refuse(why);
        frame_.network_layer_ = layer::ipv4;
        const std::byte* const header = here();
        end_network(detail::load_16(header + 2), layer::ipv4, 2, length_source::ipv4_total_length);
        at_ += size;
        frame_.protocol_ = static_cast<ip_protocol>(detail::load_8(header + 9));
        const std::uint32_t fragment = detail::load_16(header + 6);
        if ((fragment & 0x3fff) != 0) [[unlikely]] {
            frame_.is_fragment_ = true;
            if ((fragment & 0x1fff) != 0) return end_without_transport();
        }
        read_transport(frame_.protocol_);
    }

    constexpr void read_ipv6() noexcept {
        packet_failure why;
        if (detail::view_maker::check<ipv6_view>(here(), left(), why) == 0) [[unlikely]]
            return refuse(why);
        frame_.network_layer_ = layer::ipv6;
        const std::byte* const header = here();
        const auto next = static_cast<ip_protocol>(detail::load_8(header + 6));
        const std::uint32_t length = detail::load_16(header + 4);
        end_network(ipv6_view::is_endless(header) ? 0 : length + 40, layer::ipv6, 4,
                    length_source::ipv6_payload_length);
        at_ += 40;
        frame_.protocol_ = next;
        if (is_ipv6_extension(next)) [[unlikely]]
            return read_extensions(next);
        read_transport(next);
    }
    [[gnu::noinline]] constexpr void read_extensions(ip_protocol next) noexcept {
        bool is_later = false;
        while (!is_later && is_ipv6_extension(next)) {
            packet_failure why;
            const auto header = ipv6_extension::parse(next, {here(), left()}, why);
            frame_.protocol_ = next;
            if (!header) {
                fail(why);
                return end_without_transport();
            }
            frame_.has_extension_ = true;
            next = header->next_header();
            frame_.is_fragment_ = frame_.is_fragment_ || header->is_part();
            is_later = header->fragment_offset() != 0;
            at_ += static_cast<std::uint32_t>(header->bytes().size());
        }
        frame_.protocol_ = next;
        if (is_later) return end_without_transport();
        read_transport(next);
    }

    /// Ends the packet after `length` bytes from at_ on; 0 means that it goes to the end.
    constexpr void end_network(std::uint32_t length, layer where, std::size_t field, length_source source) noexcept {
        if (length - 1 < left()) [[likely]] {
            limit_ = wire_limit_ = at_ + length;
            frame_.ended_by_ = source;
        } else if (length != 0) {
            exceed(where, field, length, "length is % bytes, and # are there");
        } else if (capture_ends_here()) {
            frame_.ended_by_ = length_source::capture;
            frame_.is_incomplete_ = true;
        }
        frame_.network_end_ = limit_;
    }
    [[gnu::cold, gnu::noinline]] constexpr void refuse(const packet_failure& why) noexcept {
        fail(why);
        frame_.network_end_ = limit_;
        if (capture_ends_here()) frame_.ended_by_ = length_source::capture;
    }
    constexpr void end_without_transport() noexcept {
        frame_.transport_ = at_;
        cut_payload();
    }
    /// Reports payload bytes that the capture has lost, unless a header has failed before.
    constexpr void cut_payload() noexcept {
        if (capture_ends_here()) [[unlikely]]
            fail(packet_failure::cut_short(layer::payload, 0, left(), wire_limit_ - at_));
    }

    // ---- The transport ----

    constexpr void read_transport(ip_protocol protocol) noexcept {
        frame_.transport_ = at_;
        if (protocol == ip_protocol::tcp) return read_plain<tcp_view>(layer::tcp);
        if (protocol == ip_protocol::udp) return read_udp();
        if (protocol == ip_protocol::icmp && frame_.has(layer::ipv4)) return read_plain<icmp_view>(layer::icmp);
        if (protocol == ip_protocol::icmpv6 && frame_.has(layer::ipv6)) return read_plain<icmpv6_view>(layer::icmpv6);
        cut_payload();
    }
    template <class View>
    constexpr void read_plain(layer which) noexcept {
        packet_failure why;
        const std::size_t size = detail::view_maker::check<View>(here(), left(), why);
        if (size == 0) [[unlikely]]
            return fail(why);
        frame_.transport_layer_ = which;
        at_ += static_cast<std::uint32_t>(size);
        cut_payload();
    }
    constexpr void read_udp() noexcept {
        packet_failure why;
        if (detail::view_maker::check<udp_view>(here(), left(), why) == 0) [[unlikely]]
            return fail(why);
        frame_.transport_layer_ = layer::udp;
        const std::uint32_t length = detail::load_16(here() + 4);
        if (length != left() && length != 0) [[unlikely]]
            end_udp(length);
        at_ += 8;
        cut_payload();
    }
    [[gnu::noinline]] constexpr void end_udp(std::uint32_t length) noexcept {
        if (length < left()) {
            limit_ = wire_limit_ = at_ + length;
            frame_.ended_by_ = length_source::udp_length;
        } else if (!frame_.is_fragment_) {  // the later fragments have the rest
            exceed(layer::udp, 4, length, "length is % bytes, and # are there");
        }
    }

    frame_view frame_;
    std::uint32_t at_ = 0;          // where the next header begins
    std::uint32_t limit_ = 0;       // the end that the innermost length gives, within the captured bytes
    std::uint32_t wire_limit_ = 0;  // the same on the wire: larger than limit_ if the capture lacks bytes
};

}  // namespace detail

/// Finds the headers of a frame of which `captured` bytes were kept and which had `on_the_wire` bytes, and returns a
/// view of them. It never throws: frame_view::failure() says which header could not be read. The view is valid as long
/// as the bytes.
[[nodiscard]] constexpr frame_view dissect(std::span<const std::byte> captured, std::size_t on_the_wire,
                                           link_type link = link_type::ethernet) noexcept {
    return link == link_type::ethernet ? detail::dissector::read(captured, on_the_wire)
                                       : detail::dissector::run(captured, on_the_wire, link);
}
/// Finds the headers of a whole frame, and returns a view of them.
[[nodiscard]] constexpr frame_view dissect(std::span<const std::byte> frame,
                                           link_type link = link_type::ethernet) noexcept {
    return dissect(frame, frame.size(), link);
}

/// Returns how many bytes of payload the transport had on the wire, as the length of IP says. The capture may have kept
/// fewer. Without IP, or if IP gives no length, it is the size of payload().
[[nodiscard]] constexpr std::size_t transport_payload_size(const frame_view& frame) noexcept {
    const std::size_t front = frame.payload_offset() - frame.network_offset();  // the headers from IP on
    std::size_t announced = 0;
    if (const auto packet = frame.ipv4()) announced = packet->total_length();
    if (const auto packet = frame.ipv6(); packet && packet->payload_length() > 0)
        announced = packet->payload_length() + packet->header_size();
    return std::max(frame.payload().size(), announced > front ? announced - front : 0);
}

}  // namespace netnotes::packet

#endif  // NETNOTES_PACKET_FRAME_HPP

// netnotes/lan/host.hpp: hosts, with ping and traceroute
// SPDX-License-Identifier: MIT
//
// A host has an interface and a default gateway, the router for all networks but its own. A destination in its own
// network is a neighbour: the host asks for it by ARP. For any other destination it asks for the gateway. The netmask
// decides:
//
//        10.0.1.2/24   →  10.0.2.2     first 24 bits differ: to the gateway
//        10.0.1.2/8    →  10.0.2.2     first 8 bits are equal: "a neighbour". ARP asks, and no host answers.
//
// ping sends echo requests and counts the answers (RFC 1122 §3.2.2.6). traceroute sends datagrams to a port that no
// program uses, with the time to live 1, 2, 3 and so on. The router at which it becomes 0 reports that, and so shows
// its address. The last report is another: the destination says that its port is closed.
//
//        lan::network net;
//        auto& a = net.host("A", "10.0.1.2/24");
//        a.default_gateway("10.0.1.1");
//        const auto& result = a.ping("10.0.2.2");
//        net.run();
//        std::cout << result.text();
//
// On this page:  ping_options, ping_session · trace_options, trace_session · host
// The notes:     ping, 默认网关 (default gateway), 子网掩码; examples 32 to 34

#ifndef NETNOTES_LAN_HOST_HPP
#define NETNOTES_LAN_HOST_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// netnotes/lan/ip_node.hpp: what hosts and routers have in common: IP on top of Ethernet
// SPDX-License-Identifier: MIT
//
// Each port of a host or a router is an interface with a hardware address and an IP address. This page moves packets
// between the interfaces and the protocols above:
//
//             ping, UDP, TCP             error messages
//                 │    ▲                      │
//                 ▼    │ for this node?       ▼
//          ┌────── routes ◀──── not for this node: only a router goes on (lan/router.hpp)
//          │           ▲
//          ▼           │ checksum right? join fragments
//         ARP        IPv4
//          │           ▲
//          ▼           │ for this card, or for all?
//        ═════════ the cable ═════════
//
// A node that has to drop a packet tells the sender by ICMP: no route, no answer to ARP, no program at this port, too
// long. It quotes the beginning of the packet. Some packets get no such answer, or messages would breed messages: other
// errors, broadcasts, packets whose source is a broadcast, and fragments after the first (RFC 1122 §3.2.2). A node also
// limits how many errors it sends each second (RFC 1812 §4.3.2.8), or an attacker could make it a source of noise.
//
// Hooks for the protocols above: on_protocol() takes packets of a protocol, for example the segments of TCP. on_udp()
// takes datagrams. on_error() hears of ICMP errors. send_packet() and send_udp() send.
//
// IPv4 only: neither IPv6 nor neighbour discovery is simulated. ICMP redirects are neither sent nor obeyed. A node counts ARP
// packets in which another card claims its address. It does not probe an address before it uses it, and does not defend it
// (RFC 5227 §2.1, §2.4).
//
// On this page:  ip_node
// The notes:     IP, ICMP, UDP; Packet Tracer; examples 32 to 34

#ifndef NETNOTES_LAN_IP_NODE_HPP
#define NETNOTES_LAN_IP_NODE_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>


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





// netnotes/packet/reassembly.hpp: joining the fragments of IPv4 and IPv6
// SPDX-License-Identifier: MIT
//
// A packet that is too long for a link is cut. Each fragment has a header of its own, the number of the packet, its
// place, and a bit that says whether more follow:
//
//        packet of 4,000 bytes      ├────────────────────────────────────────────┤
//        at 0, more                 ├── 1,480 ──┤
//        at 1480, more                          ├── 1,480 ──┤
//        at 2960, last                                      ├──── 1,040 ─────────┤
//
// Fragments arrive in any order, and some never do. So a receiver must forget packets that stay incomplete, or a sender
// of single fragments fills its memory. Here both limits are arguments: the memory, and the time. There is no clock:
// each fragment comes with its time.
//
// If fragments overlap and differ, then for IPv4 the bytes that came first count, and the result says that there was a
// difference. For IPv6 the whole packet is discarded, because no honest sender does that (RFC 5722, RFC 8200 §4.5).
//
// On this page:  ip_fragment · reassembly_limits, reassembly · reassembler
// The notes:     TCP/IP协议(族), IP地址

#ifndef NETNOTES_PACKET_REASSEMBLY_HPP
#define NETNOTES_PACKET_REASSEMBLY_HPP

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <list>
#include <map>
#include <optional>
#include <span>
#include <vector>





// netnotes/packet/pieces.hpp: bytes that arrive in any order
// SPDX-License-Identifier: MIT
//
// Fragments of a packet and segments of a stream may arrive late, twice, or with a part that arrived before. This page
// keeps what has arrived, as pieces that do not touch the same byte twice:
//
//        held      ├── abc ──┤                ├── ghi ──┤
//        arrives          ├──── cdefgX ───────────┤
//        held      ├── abc ──┼──── def ───────┼── ghi ──┤        the byte X differs from h: the first byte wins
//
// Two receivers may decide differently which of two bytes counts. An attacker uses that: the program that looks for
// attacks reads one text, the victim the other. So a difference is never resolved silently here.
//
// On this page:  pieces (for reassembly.hpp and follow.hpp)
// The notes:     TCP/IP协议(族)

#ifndef NETNOTES_PACKET_PIECES_HPP
#define NETNOTES_PACKET_PIECES_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <span>
#include <utility>
#include <vector>

namespace netnotes::packet::detail {

/// Bytes with their places, which do not overlap. Allocates a node and a block of memory for each piece.
class pieces {
  public:
    /// How many bytes a piece costs besides its content: the node of the map, the vector, and what malloc() keeps.
    static constexpr std::size_t piece_cost = 112;

    struct insertion {
        std::size_t stored = 0;           ///< bytes that were new
        std::size_t repeated = 0;         ///< bytes that had arrived before, equal or not
        std::size_t different = 0;        ///< bytes that had arrived before and differ
        std::uint64_t difference_at = 0;  ///< place of the first byte that differs
    };

    [[nodiscard]] bool empty() const noexcept { return held_.empty(); }
    /// Returns the place of the first byte. There must be a piece.
    [[nodiscard]] std::uint64_t first() const noexcept { return held_.begin()->first; }
    /// Returns how many bytes are held.
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    /// Returns the place behind the last byte, 0 if nothing is held.
    [[nodiscard]] std::uint64_t end() const noexcept {
        return held_.empty() ? 0 : std::prev(held_.end())->first + std::prev(held_.end())->second.size();
    }
    /// Returns how much memory the pieces take, about.
    [[nodiscard]] std::size_t memory() const noexcept { return size_ + held_.size() * piece_cost; }
    /// Returns how much memory at most a piece of that size may add, wherever it lies.
    [[nodiscard]] std::size_t cost_of(std::uint64_t at, std::size_t size) const noexcept {
        std::size_t parts = 1;
        for (auto i = held_.lower_bound(at); i != held_.end() && i->first < at + size; ++i) ++parts;
        return size + parts * piece_cost;
    }

    /// Keeps the bytes whose places are empty.
    insertion insert(std::uint64_t at, std::span<const std::byte> bytes) {
        insertion done;
        auto next = held_.upper_bound(at);
        if (next != held_.begin() && std::prev(next)->first + std::prev(next)->second.size() > at) --next;
        while (!bytes.empty()) {
            if (next == held_.end() || next->first > at) {  // the bytes before the next piece are new
                const std::size_t room =
                    next == held_.end()
                        ? bytes.size()
                        : static_cast<std::size_t>(std::min<std::uint64_t>(next->first - at, bytes.size()));
                held_.emplace_hint(next, at, std::vector<std::byte>(bytes.begin(), bytes.begin() + diff(room)));
                size_ += room;
                done.stored += room;
                at += room;
                bytes = bytes.subspan(room);
                continue;
            }
            const std::size_t from = static_cast<std::size_t>(at - next->first);
            const auto there = std::span<const std::byte>{next->second}.subspan(from);
            compare(done, at, bytes, there);
            const std::size_t common = std::min(bytes.size(), there.size());
            at += common;
            bytes = bytes.subspan(common);
            ++next;
        }
        return done;
    }
    /// Counts the bytes in which a repetition differs from the first copy.
    static void compare(insertion& done, std::uint64_t at, std::span<const std::byte> bytes,
                        std::span<const std::byte> there) noexcept {
        const std::size_t common = std::min(bytes.size(), there.size());
        done.repeated += common;
        for (std::size_t i = 0; i < common; ++i) {
            if (bytes[i] == there[i]) continue;
            if (done.different++ == 0) done.difference_at = at + i;
        }
    }
    /// Counts the bytes that are held already, and how many of them differ. Keeps nothing.
    void compare_with(insertion& done, std::uint64_t at, std::span<const std::byte> bytes) const noexcept {
        auto piece = held_.upper_bound(at);
        if (piece != held_.begin()) --piece;
        for (; piece != held_.end() && piece->first < at + bytes.size(); ++piece) {
            const std::uint64_t from = std::max(piece->first, at);
            if (from >= piece->first + piece->second.size()) continue;
            compare(done, from, bytes.subspan(static_cast<std::size_t>(from - at)),
                    std::span<const std::byte>{piece->second}.subspan(static_cast<std::size_t>(from - piece->first)));
        }
    }
    /// Removes the first piece and returns its bytes. There must be a piece.
    std::vector<std::byte> take_first() noexcept {
        std::vector<std::byte> bytes = std::move(held_.begin()->second);
        held_.erase(held_.begin());
        size_ -= bytes.size();
        return bytes;
    }
    /// Removes the bytes from the place `at` on, and returns how many there were.
    std::size_t cut_at(std::uint64_t at) noexcept {
        const std::size_t before = size_;
        while (end() > at) {
            const auto last = std::prev(held_.end());
            const auto stays = static_cast<std::size_t>(std::max(at, last->first) - last->first);
            size_ -= last->second.size() - stays;
            last->second.resize(stays);
            if (stays == 0) held_.erase(last);
        }
        return before - size_;
    }
    /// Appends the bytes of all pieces, from the first to the last.
    void copy_to(std::vector<std::byte>& all) const {
        all.reserve(all.size() + size_);
        for (const auto& [at, bytes] : held_) all.insert(all.end(), bytes.begin(), bytes.end());
    }
    void clear() noexcept {
        held_.clear();
        size_ = 0;
    }

  private:
    static std::ptrdiff_t diff(std::size_t size) noexcept { return static_cast<std::ptrdiff_t>(size); }
    std::map<std::uint64_t, std::vector<std::byte>> held_;
    std::size_t size_ = 0;
};

}  // namespace netnotes::packet::detail

#endif  // NETNOTES_PACKET_PIECES_HPP



namespace netnotes::packet {

/// A fragment of a packet. Its payload points into the frame.
struct ip_fragment {
    ip_address source{};
    ip_address destination{};
    std::uint32_t identification = 0;  ///< the number that all fragments of the packet have
    ip_protocol protocol{};            ///< of the packet's payload; of IPv6 the first fragment's counts
    std::uint32_t offset = 0;          ///< place of the payload within the packet's payload, in bytes
    bool has_more = false;             ///< another fragment follows
    std::span<const std::byte> payload{};
    std::size_t missing = 0;  ///< bytes of the payload that the capture has cut off

    /// Returns nullopt if the packet is no fragment.
    [[nodiscard]] static constexpr std::optional<ip_fragment> from(const ipv4_view& packet) noexcept {
        if (!packet.is_fragment()) return std::nullopt;
        const std::size_t size = packet.bytes().size();
        return ip_fragment{.source = packet.source(),
                           .destination = packet.destination(),
                           .identification = packet.identification(),
                           .protocol = packet.protocol(),
                           .offset = packet.fragment_offset(),
                           .has_more = packet.more_fragments(),
                           .payload = packet.payload(),
                           .missing = packet.total_length() > size ? packet.total_length() - size : 0};
    }
    /// Returns nullopt if the packet has no fragment header, or if that says that the packet is whole (RFC 6946).
    [[nodiscard]] static constexpr std::optional<ip_fragment> from(const ipv6_view& packet) noexcept {
        const auto payload = packet.payload();
        std::size_t at = 0;
        for (const ipv6_extension& header : packet.extensions()) {
            at += header.bytes().size();
            if (header.kind() != ip_protocol::fragment) continue;
            if (!header.is_part()) return std::nullopt;
            const std::size_t announced = packet.payload_length();
            return ip_fragment{.source = packet.source(),
                               .destination = packet.destination(),
                               .identification = header.identification(),
                               .protocol = header.next_header(),
                               .offset = header.fragment_offset(),
                               .has_more = header.more_fragments(),
                               .payload = payload.subspan(at),
                               .missing = announced > payload.size() ? announced - payload.size() : 0};
        }
        return std::nullopt;
    }
};

/// Bounds for time and memory, with the numbers of Linux.
struct reassembly_limits {
    /// Bytes that all incomplete packets together may take, with the cost of managing them. If a fragment does not
    /// fit, the packets that have waited longest are dropped. One whole packet, at most 65,535 bytes, comes in
    /// addition.
    std::size_t max_memory = 4 << 20;
    /// How long a packet may stay incomplete after its first fragment. RFC 8200 §4.5 says 60 seconds.
    /// It must not be negative.
    std::chrono::nanoseconds timeout = std::chrono::seconds{60};
};

/// The result of a fragment.
struct reassembly {
    /// The effect of a fragment.
    enum class outcome : std::uint8_t {
        kept,       ///< the packet still misses bytes
        complete,   ///< the packet is whole: see `payload`
        repeated,   ///< every byte had arrived before
        discarded,  ///< IPv6: fragments of this packet overlap
        refused,    ///< the fragment cannot be part of a packet: see `failure`
    };
    outcome what = outcome::kept;
    /// The payload of the whole packet. It is valid until the next call of the reassembler.
    std::span<const std::byte> payload{};
    ip_protocol protocol{};           ///< of the whole packet
    std::size_t different_bytes = 0;  ///< bytes that had arrived before with another value, in the whole packet so far
    std::size_t dropped_packets = 0;  ///< packets that this call dropped: too old, or no memory
    packet_failure failure{};         ///< its place counts from the beginning of the packet's payload

    /// Returns true if the packet is whole.
    [[nodiscard]] constexpr bool is_complete() const noexcept { return what == outcome::complete; }
};

/// Joins fragments. It allocates within the limits. Use one object in one thread at a time.
///
///     reassembler fragments{{.max_memory = 1 << 20}};
///     if (const auto fragment = ip_fragment::from(header))
///         if (const auto whole = fragments.add(*fragment, time); whole.is_complete())
///             tcp_view::parse(whole.payload, why) …
class reassembler {
  public:
    static constexpr std::uint32_t max_payload_size = 65'535;  ///< bytes of a packet

    reassembler() = default;
    explicit reassembler(const reassembly_limits& limits) : limits_{limits} {}
    reassembler(reassembler&&) noexcept = default;
    reassembler& operator=(reassembler&&) noexcept = default;

    /// Takes a fragment that was captured at `now`, and returns what became of it. A fragment larger than the whole
    /// memory is refused. Throws std::bad_alloc only.
    reassembly add(const ip_fragment& fragment, capture_time now);

    /// Returns how many packets are incomplete.
    [[nodiscard]] std::size_t size() const noexcept { return waiting_.size(); }
    /// Returns how many bytes they take, never more than reassembly_limits::max_memory.
    [[nodiscard]] std::size_t memory() const noexcept { return memory_; }
    /// Drops the packets whose time is over, and returns their number. add() drops them, too.
    std::size_t drop_expired(capture_time now);

  private:
    struct key {
        ip_address source, destination;
        std::uint32_t identification;
        ip_protocol protocol;  // not of IPv6
        friend auto operator<=>(const key&, const key&) = default;
    };
    struct packet {
        key name;
        capture_time first_time;
        detail::pieces held{};
        std::optional<std::uint64_t> end{};  // known when the last fragment has arrived
        std::optional<ip_protocol> protocol{};
        std::size_t different = 0;
        bool is_discarded = false;
    };
    using place = std::list<packet>::iterator;
    static constexpr std::size_t packet_cost = sizeof(packet) + sizeof(key) + 128;  // with the nodes of list and map

    static std::optional<packet_failure> refusal(const ip_fragment& fragment, const packet* whole) noexcept;
    void drop(place which) {
        memory_ -= packet_cost + which->held.memory();
        known_.erase(which->name);
        waiting_.erase(which);
    }

    reassembly_limits limits_;
    std::list<packet> waiting_;  // the oldest first
    std::map<key, place> known_;
    std::size_t memory_ = 0;
    std::vector<std::byte> complete_;
};

// ---- How it is done ------------------------------------------------------------------------------------

inline std::size_t reassembler::drop_expired(capture_time now) {
    std::size_t count = 0;
    // A capture may go back in time: a packet that seems to come from the future stays. Unsigned numbers cannot
    // overflow.
    const auto is_over = [&](capture_time first) {
        const auto age = static_cast<std::uint64_t>(now.time_since_epoch().count()) -
                         static_cast<std::uint64_t>(first.time_since_epoch().count());
        return now > first && age > static_cast<std::uint64_t>(limits_.timeout.count());
    };
    for (; !waiting_.empty() && is_over(waiting_.front().first_time); ++count) drop(waiting_.begin());
    return count;
}

inline std::optional<packet_failure> reassembler::refusal(const ip_fragment& fragment, const packet* whole) noexcept {
    const layer where = fragment.source.is_v4() ? layer::ipv4 : layer::ipv6_extension;
    const std::uint64_t end = fragment.offset + std::uint64_t{fragment.payload.size()};
    const auto refuse = [&](const char* pattern, std::uint64_t value, std::uint64_t limit) {
        return packet_failure{where, fragment.offset, pattern, static_cast<std::uint32_t>(value),
                              static_cast<std::uint32_t>(limit)};
    };
    if (fragment.missing > 0)
        return packet_failure::cut_short(where, fragment.offset, fragment.payload.size(),
                                         fragment.payload.size() + fragment.missing);
    if (end > max_payload_size) return refuse("the fragment ends at byte %, behind byte #", end, max_payload_size);
    if (fragment.has_more && fragment.payload.size() % 8 != 0)
        return refuse("a fragment in the middle has % bytes, no multiple of #", fragment.payload.size(), 8);
    if (fragment.payload.empty()) return refuse("the fragment is empty", 0, 0);
    if (whole == nullptr || whole->is_discarded) return std::nullopt;
    if (whole->end && (end > *whole->end || (!fragment.has_more && end != *whole->end)))
        return refuse("the fragment ends at byte %, and the packet at byte #", end, *whole->end);
    if (!fragment.has_more && end < whole->held.end())
        return refuse("the last fragment ends at byte %, and others at byte #", end, whole->held.end());
    return std::nullopt;
}

inline reassembly reassembler::add(const ip_fragment& fragment, capture_time now) {
    reassembly result;
    result.dropped_packets = drop_expired(now);
    const bool is_v6 = fragment.source.is_v6();
    const key name{fragment.source, fragment.destination, fragment.identification,
                   is_v6 ? ip_protocol::fragment : fragment.protocol};
    const auto refuse = [&](const packet_failure& why) {
        result.what = reassembly::outcome::refused;
        result.failure = why;
        return result;
    };
    auto found = known_.find(name);
    if (const auto why = refusal(fragment, found == known_.end() ? nullptr : &*found->second)) return refuse(*why);

    if (found != known_.end() && found->second->is_discarded) {
        result.what = reassembly::outcome::discarded;
        return result;
    }
    // Room first, so that the limit holds at every moment. The packet of this call may itself be dropped.
    const std::uint64_t at = fragment.offset;
    std::size_t cost = 0;
    const auto does_not_fit = [&] {
        found = known_.find(name);
        cost = found == known_.end() ? packet_cost + fragment.payload.size() + detail::pieces::piece_cost
                                     : found->second->held.cost_of(at, fragment.payload.size());
        return memory_ + cost > limits_.max_memory;
    };
    while (does_not_fit()) {
        if (waiting_.empty())
            return refuse({is_v6 ? layer::ipv6_extension : layer::ipv4, fragment.offset,
                           "the fragment needs % bytes of memory, above #", static_cast<std::uint32_t>(cost),
                           static_cast<std::uint32_t>(limits_.max_memory)});
        drop(waiting_.begin());
        ++result.dropped_packets;
    }
    if (found == known_.end()) {
        waiting_.push_back({.name = name, .first_time = now});
        try {
            found = known_.emplace(name, std::prev(waiting_.end())).first;
        } catch (...) {
            waiting_.pop_back();
            throw;
        }
        memory_ += packet_cost;
    }
    const place where = found->second;
    memory_ -= where->held.memory();
    detail::pieces::insertion done;
    try {
        done = where->held.insert(at, fragment.payload);
    } catch (...) {
        memory_ += where->held.memory();
        throw;
    }
    memory_ += where->held.memory();
    where->different += done.different;
    result.different_bytes = where->different;
    // A fragment that came twice is no overlap, if it is equal (RFC 8200 §4.5 allows that).
    if (is_v6 && done.repeated > 0 && (done.stored > 0 || done.different > 0)) {
        memory_ -= where->held.memory();
        where->held.clear();
        where->is_discarded = true;
        result.what = reassembly::outcome::discarded;
        return result;
    }
    if (!fragment.has_more) where->end = at + fragment.payload.size();
    if (fragment.offset == 0 || !where->protocol) where->protocol = fragment.protocol;
    result.protocol = *where->protocol;
    if (where->end && where->held.size() == *where->end) {
        complete_.clear();
        where->held.copy_to(complete_);
        drop(where);
        result.payload = complete_;
        result.what = reassembly::outcome::complete;
        return result;
    }
    if (done.stored == 0) result.what = reassembly::outcome::repeated;
    return result;
}

}  // namespace netnotes::packet

#endif  // NETNOTES_PACKET_REASSEMBLY_HPP



// netnotes/lan/fragment.hpp: cutting a packet that is too long for a link
// SPDX-License-Identifier: MIT
//
// Each link has a largest packet, its MTU. A longer packet is cut into fragments, which travel as packets of their own and are
// joined by the destination only (RFC 791 §3.2):
//
//        4,028 bytes, MTU 1500        20 │ 4,008 bytes of payload
//
//        offset    0, more follow     20 │ 1,480 bytes
//        offset 1480, more follow     20 │ 1,480 bytes
//        offset 2960, the last        20 │ 1,048 bytes
//
// An offset counts units of eight bytes, so all fragments but the last have a multiple of eight bytes. A fragment may be cut
// again. If the sender has set "don't fragment", a router drops the packet instead, and tells the sender the MTU by ICMP
// (type 3, code 4). TCP uses that to find the largest packet for the whole way (RFC 1191).
//
// On this page:  cut_into_fragments
// The notes:     TCP/IP协议(族), IP; exercise 52

#ifndef NETNOTES_LAN_FRAGMENT_HPP
#define NETNOTES_LAN_FRAGMENT_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>




namespace netnotes::lan {

/// Cuts a packet into packets of at most `mtu` bytes. Each result begins with `room` free bytes, for a header in front.
/// The packet may be a fragment itself. A packet that fits gives one result. Options
/// without the copy flag stand in the first fragment only (RFC 791 §3.1). Returns nothing if the MTU has no room for eight
/// bytes of payload, and for a fragment that ends behind byte 65,535 ("ping of death"): its pieces could not say where they
/// belong.
[[nodiscard]] inline std::vector<std::vector<std::byte>> cut_into_fragments(const packet::ipv4_view& whole,
                                                                            std::size_t mtu, std::size_t room) {
    std::vector<std::vector<std::byte>> pieces;
    packet::ipv4 header = packet::ipv4::from(whole);
    header.total_length.reset();
    header.header_checksum.reset();
    packet::ipv4_options later;
    for (const packet::option& each : whole.options())
        if ((each.kind & 0x80) != 0) later.append(each.kind, each.data);
    const auto payload = whole.payload();
    if (whole.fragment_offset() + payload.size() > 65'535) return {};
    std::size_t at = 0;
    do {
        const std::size_t header_size = 20 + header.options.padded_size();
        if (mtu < header_size + 8) return {};
        const bool is_last = payload.size() - at <= mtu - header_size;
        const std::size_t size = is_last ? payload.size() - at : (mtu - header_size) / 8 * 8;
        header.internet_header_length.reset();
        header.fragment_offset = whole.fragment_offset() + static_cast<std::uint32_t>(at);
        header.more_fragments = whole.more_fragments() || !is_last;
        std::vector<std::byte> piece(room);
        packet::write(piece, header, payload.subspan(at, size));
        pieces.push_back(std::move(piece));
        at += size;
        header.options = later;
    } while (at < payload.size());
    return pieces;
}

}  // namespace netnotes::lan

#endif  // NETNOTES_LAN_FRAGMENT_HPP

// netnotes/lan/message.hpp: what programs and IP tell each other
// SPDX-License-Identifier: MIT
//
// A program that sends says how: the time to live, whether routers may cut the packet, its source. It gets datagrams,
// and reports about packets that did not arrive. Such a report quotes the packet:
//
//        ┌─ IPv4 ──────────┬─ ICMP ──────────────┬─ quoted: IPv4 ───┬─ 8 bytes or more ─┐
//        │ from the router │ type 11, code 0     │ the lost packet  │ its ports         │
//        └─────────────────┴─────────────────────┴──────────────────┴───────────────────┘
//
// On this page:  packet_options · icmp_report, icmp_error_text · datagram · ip_counters · error_limit
// The notes:     IP, ICMP, UDP

#ifndef NETNOTES_LAN_MESSAGE_HPP
#define NETNOTES_LAN_MESSAGE_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>







namespace netnotes::lan {

/// How a packet is sent.
struct packet_options {
    std::uint8_t time_to_live = 64;
    bool dont_fragment = false;
    std::uint8_t type_of_service = 0;
    std::optional<ipv4_address> source{};  ///< nullopt: the address of the interface that sends
    std::optional<unsigned> port{};        ///< for broadcasts and groups: the interface; nullopt: the first
};

/// An ICMP error that reached this node, or that this node made for a packet of its own.
struct icmp_report {
    ipv4_address from{};  ///< the node that reports
    packet::icmp_type type{};
    std::uint8_t code = 0;
    std::uint16_t next_hop_mtu = 0;  ///< of "fragmentation needed"
    packet::ipv4_view quoted;        ///< the beginning of the packet; its payload has at least 8 bytes, if it had them
};

/// A UDP datagram that has arrived. The payload is valid during the call.
struct datagram {
    endpoint source{};
    endpoint destination{};
    std::span<const std::byte> payload{};
    unsigned port = 0;  ///< the interface at which it arrived
};

/// Counts of the packets that a node has delivered, forwarded and dropped.
struct ip_counters {
    std::uint64_t delivered = 0;   ///< to a protocol of this node
    std::uint64_t forwarded = 0;   ///< to another link
    std::uint64_t malformed = 0;   ///< headers that could not be read, or with a wrong checksum
    std::uint64_t not_for_us = 0;  ///< for another card or another host
    std::uint64_t no_route = 0;
    std::uint64_t errors_sent = 0;      ///< ICMP errors
    std::uint64_t errors_withheld = 0;  ///< because of the limit
    std::uint64_t conflicts = 0;        ///< ARP packets in which another card claims an address of this node
};

/// How many ICMP errors a node sends: `burst` at once, and then one in each `interval`.
struct error_limit {
    unsigned burst = 6;
    virtual_time interval = std::chrono::seconds{1};
};

/// Returns what ping says about an ICMP error, for example `destination host unreachable`.
[[nodiscard]] inline std::string icmp_error_text(packet::icmp_type type, unsigned code, unsigned mtu = 0) {
    if (type == packet::icmp_type::time_exceeded)
        return code == 0 ? "time to live exceeded" : "fragment reassembly time exceeded";
    if (type == packet::icmp_type::destination_unreachable) {
        constexpr std::string_view names[]{"network", "host", "protocol", "port"};
        if (code < 4) return "destination " + std::string{names[code]} + " unreachable";
        if (code == 4) return "fragmentation needed, MTU " + std::to_string(mtu);
    }
    return "ICMP type " + std::to_string(static_cast<unsigned>(type)) + " code " + std::to_string(code);
}

}  // namespace netnotes::lan

#endif  // NETNOTES_LAN_MESSAGE_HPP


// netnotes/lan/route.hpp: where next? The table of routes
// SPDX-License-Identifier: MIT
//
// A host and a router decide the next step of each packet by a table. Of all routes whose network contains the
// destination, the route with the longest prefix wins, because it knows the destination best (RFC 1812 §5.2.4.3):
//
//        network         via          port
//        10.0.1.0/24     directly     0          the next hop is the destination itself
//        10.0.0.0/8      10.0.1.1     0
//        10.9.0.0/16     10.0.1.7     0          10.9.3.4 is in both networks above: this route has the longer prefix
//        0.0.0.0/0       10.0.1.1     0          the default route contains every address, and has the shortest prefix
//
// The address "via" is the next router. It does not stand in the packet: it is only asked for by ARP, and the frame
// goes to its card.
//
// On this page:  route_origin · route · next_hop · route_table
// The notes:     路由表 (routing table), 默认网关 (default gateway); example 33

#ifndef NETNOTES_LAN_ROUTE_HPP
#define NETNOTES_LAN_ROUTE_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>




namespace netnotes::lan {

/// Says who has entered a route. Of two routes to the same network the earlier origin wins.
enum class route_origin : std::uint8_t {
    connected,  ///< an interface lies in the network
    entered,    ///< by the administrator
    learnt,     ///< by a routing protocol
};

/// Returns the name of the origin.
[[nodiscard]] constexpr std::string_view to_string(route_origin origin) noexcept {
    constexpr std::string_view names[]{"connected", "static", "RIP"};
    const auto index = static_cast<std::size_t>(origin);
    return index < std::size(names) ? names[index] : "unknown";
}

/// A row of the table: where packets to a network go.
struct route {
    netnotes::network destination{};    ///< of IPv4
    std::optional<ipv4_address> via{};  ///< the next router; nullopt if the destination is a neighbour
    unsigned port = 0;                  ///< of the interface that sends
    route_origin origin = route_origin::entered;
    unsigned metric = 0;  ///< how far the network is, for routing protocols

    friend bool operator==(const route&, const route&) noexcept = default;
};

/// The next step of a packet: the neighbour that gets it, and the port that leads there.
struct next_hop {
    ipv4_address neighbour{};
    unsigned port = 0;

    friend bool operator==(const next_hop&, const next_hop&) noexcept = default;
};

/// A table of routes.
class route_table {
  public:
    /// Adds a route, or replaces the route of the same origin to the same network. Throws std::invalid_argument for a
    /// network of IPv6.
    void add(const route& added) {
        if (!added.destination.is_v4()) throw std::invalid_argument{"lan.hpp routes IPv4 only"};
        remove(added.destination, added.origin);
        // Sorted: a longer prefix first, then by address, then by origin. So the first match is the best.
        const auto place = std::upper_bound(routes_.begin(), routes_.end(), added, is_before);
        const auto index = place - routes_.begin();
        routes_.insert(place, added);
        keys_.insert(keys_.begin() + index, key_of(added.destination));
    }
    /// Removes the route of that origin to the network. Returns false if it does not exist.
    bool remove(const netnotes::network& destination, route_origin origin) {
        for (std::size_t i = 0; i < routes_.size(); ++i) {
            if (routes_[i].destination != destination || routes_[i].origin != origin) continue;
            routes_.erase(routes_.begin() + static_cast<std::ptrdiff_t>(i));
            keys_.erase(keys_.begin() + static_cast<std::ptrdiff_t>(i));
            return true;
        }
        return false;
    }
    /// Returns the best route to a destination, or nullptr. It is valid until the table changes.
    [[nodiscard]] const route* find(ipv4_address destination) const noexcept {
        const std::uint32_t address = destination.to_uint();
        for (std::size_t i = 0; i < keys_.size(); ++i)
            if ((address & keys_[i].mask) == keys_[i].base) return &routes_[i];
        return nullptr;
    }
    /// Returns the neighbour that is next on the way to a destination, or nullopt if no route leads there.
    [[nodiscard]] std::optional<next_hop> next(ipv4_address destination) const noexcept {
        const route* const best = find(destination);
        if (best == nullptr) return std::nullopt;
        return next_hop{best->via.value_or(destination), best->port};
    }
    /// Returns the routes, those with the longest prefix first.
    [[nodiscard]] std::span<const route> routes() const noexcept { return routes_; }
    /// Returns a line for each route.
    [[nodiscard]] std::string text() const {
        std::string all;
        for (const route& each : routes_) {
            std::string line = each.destination.to_string();
            line.resize(std::max<std::size_t>(line.size() + 1, 20), ' ');
            line += each.via ? "via " + each.via->to_string() : "directly";
            line.resize(std::max<std::size_t>(line.size() + 1, 40), ' ');
            line += "port " + std::to_string(each.port) + "  ";
            line += to_string(each.origin);
            if (each.origin == route_origin::learnt) line += ", metric " + std::to_string(each.metric);
            all += line + "\n";
        }
        return all;
    }

  private:
    struct key {
        std::uint32_t base, mask;
    };
    static key key_of(const netnotes::network& which) noexcept {
        return {which.address().v4().to_uint(), which.netmask().v4().to_uint()};
    }
    static bool is_before(const route& a, const route& b) noexcept {
        if (a.destination.prefix_length() != b.destination.prefix_length())
            return a.destination.prefix_length() > b.destination.prefix_length();
        if (a.destination != b.destination) return a.destination < b.destination;
        return a.origin < b.origin;
    }
    std::vector<route> routes_;
    std::vector<key> keys_;  // beside each route what find() compares, in little memory
};

}  // namespace netnotes::lan

#endif  // NETNOTES_LAN_ROUTE_HPP


namespace netnotes::lan {

/// A node with IP. Use host or router, or derive from it.
class ip_node : public node {
  public:
    /// Takes packets of a protocol. The view's payload is the whole payload; fragments are joined already.
    using protocol_handler = std::function<void(const packet::ipv4_view& packet)>;
    using datagram_handler = std::function<void(const datagram& arrived)>;
    using error_handler = std::function<void(const icmp_report& report)>;
    using bytes = std::vector<std::byte>;

    ip_node(network& net, std::string_view name) : node{net, name}, fragments_{{1 << 20, reassembly_time}} {}

    // ---- Configuration

    /// Adds an interface, that is, a port with an address such as 10.0.1.2/24, and the route to its network. Returns
    /// the number of the port. Throws std::invalid_argument for an address that no host can have.
    unsigned add_interface(const ip_interface& address);
    /// Returns the address of an interface with its network. Throws std::out_of_range if there is no such port.
    [[nodiscard]] const ip_interface& interface(unsigned port = 0) const { return interfaces_.at(port)->address; }
    /// Returns the IP address of an interface.
    [[nodiscard]] ipv4_address address(unsigned port = 0) const { return interfaces_.at(port)->ip; }
    /// Returns the hardware address of an interface.
    [[nodiscard]] packet::mac_address hardware_address(unsigned port = 0) const { return interfaces_.at(port)->mac; }
    void set_hardware_address(unsigned port, packet::mac_address address) { interfaces_.at(port)->mac = address; }
    /// Returns the largest packet that the interface sends: the MTU of its cable.
    [[nodiscard]] std::size_t mtu(unsigned port = 0) const {
        const cable* const wire = cable_at(port);
        return wire != nullptr ? wire->settings.mtu : 1500;
    }
    [[nodiscard]] arp_cache& arp(unsigned port = 0) { return interfaces_.at(port)->neighbours; }
    [[nodiscard]] const arp_cache& arp(unsigned port = 0) const { return interfaces_.at(port)->neighbours; }
    [[nodiscard]] route_table& routes() noexcept { return routes_; }
    [[nodiscard]] const route_table& routes() const noexcept { return routes_; }
    /// Adds a route through a neighbour. Throws parse_error for an unreadable text, and std::invalid_argument if the
    /// neighbour is in none of the interfaces' networks.
    void add_route(std::string_view network, std::string_view via);
    void add_route(const netnotes::network& destination, ipv4_address via);
    /// Adds the default route.
    void default_gateway(std::string_view via) { add_route("0.0.0.0/0", via); }
    /// Takes packets to a group (224.0.0.0/4) from now on.
    void join(ipv4_address group) { groups_.insert(group); }
    error_limit icmp_limit;

    // ---- Sending and receiving

    /// Sends a packet. Fragments it if it is too long for the first link. Returns false if there is no route to the
    /// destination, or if the packet would be longer than 65,535 bytes; then nothing was sent.
    bool send_packet(ipv4_address destination, packet::ip_protocol protocol, std::span<const std::byte> payload,
                     const packet_options& how = {});
    /// Sends a UDP datagram. Returns false as send_packet() does.
    bool send_udp(std::uint16_t source_port, const endpoint& destination, std::span<const std::byte> payload,
                  const packet_options& how = {});
    /// Takes the packets of a protocol, for example TCP. An empty handler gives the protocol up. ICMP and UDP are
    /// treated here, and cannot be taken.
    void on_protocol(packet::ip_protocol protocol, protocol_handler handler) {
        protocols_[protocol] = std::move(handler);
    }
    /// Takes the datagrams to a port. An empty handler closes the port.
    void on_udp(std::uint16_t port, datagram_handler handler) {
        if (handler)
            ports_[port] = std::move(handler);
        else
            ports_.erase(port);
    }
    /// Adds a function that hears of every ICMP error.
    void on_error(error_handler handler) { error_handlers_.push_back(std::move(handler)); }
    /// Announces an address by ARP, as hosts do after they have got it (RFC 5227 §2.3).
    void announce(unsigned port = 0) {
        send_arp(port, packet::arp_operation::request, address(port), {}, address(port));
    }

    /// Returns how many packets came, left, and were dropped.
    [[nodiscard]] const ip_counters& counters() const noexcept { return counters_; }
    /// Returns the source address of a packet to that destination, or nullopt if there is no route.
    [[nodiscard]] std::optional<ipv4_address> source_for(ipv4_address destination) const;
    [[nodiscard]] bool is_local(ipv4_address address) const noexcept;
    /// Returns ARP entries and routes.
    [[nodiscard]] inline std::string tables() const override;
    [[nodiscard]] ip_node* as_ip_node() noexcept override { return this; }
    inline void receive(unsigned port, const frame& arrived) override;

  protected:
    static constexpr std::size_t room = 14;  ///< in front of each packet, for the header of Ethernet
    static constexpr virtual_time reassembly_time = std::chrono::seconds{30};

    struct interface_state {
        ip_interface address;
        ipv4_address ip;
        ipv4_address broadcast;
        packet::mac_address mac;
        arp_cache neighbours;
    };

    /// Treats a packet that is for another host. A host drops it.
    virtual void forward(unsigned port, const packet::ipv4_view& packet) {
        (void)port, (void)packet;
        ++counters_.not_for_us;
    }
    /// Treats a packet that has arrived, before anything is decided about it. Returns true if it is done with the
    /// packet.
    virtual bool intercept(unsigned port, const packet::ipv4_view& packet) {
        (void)port, (void)packet;
        return false;
    }
    /// Treats an answer to an echo request.
    virtual void echo_reply(const packet::ipv4_view& packet, const packet::icmp_view& message) {
        (void)packet, (void)message;
    }
    /// Routes a packet with room in front, and sends it. The packet is whole and has a right checksum.
    void route_packet(bytes&& packet);
    /// Sends a packet with room in front to a neighbour; cuts it if it is too long.
    void transmit(next_hop to, bytes&& packet);
    /// Tells the sender of a packet what became of it.
    void send_error(packet::icmp_type type, std::uint8_t code, const packet::ipv4_view& about, std::uint32_t rest = 0);
    void deliver(unsigned port, const packet::ipv4_view& packet);
    [[nodiscard]] bool is_for_us(ipv4_address destination) const noexcept;
    /// Returns true for an address that names no single host: a broadcast, also of a network of ours, or a group.
    [[nodiscard]] bool is_for_many(ipv4_address address) const noexcept;
    /// Joins a fragment to the others. Calls `use` with the whole packet when it is complete.
    void join_fragments(const packet::ipv4_view& part, const std::function<void(const packet::ipv4_view&)>& use);
    [[nodiscard]] std::span<const std::unique_ptr<interface_state>> interfaces() const noexcept { return interfaces_; }
    ip_counters counters_;

  private:
    using fragment_key = std::tuple<ipv4_address, ipv4_address, std::uint16_t, packet::ip_protocol>;
    static constexpr std::size_t max_incomplete =
        1024;  // packets whose sender will hear that they did not become whole
    static constexpr std::size_t max_quoted = 576 - 28;  // an error has at most 576 bytes (RFC 1812 §4.3.2.3)
    struct incomplete {
        bytes first{};  // the beginning of the fragment with the offset 0, to be quoted
        network::timer timer{};
    };
    void send_arp(unsigned port, packet::arp_operation operation, ipv4_address target, packet::mac_address target_card,
                  ipv4_address sender, packet::mac_address to = packet::mac_address::broadcast());
    void receive_arp(unsigned port, std::span<const std::byte> body);
    void receive_packet(unsigned port, std::span<const std::byte> body, bool is_for_all);
    void receive_icmp(const packet::ipv4_view& packet);
    void receive_udp(unsigned port, const packet::ipv4_view& packet);
    void report(const icmp_report& what) {
        for (const error_handler& each : error_handlers_) each(what);
    }
    [[nodiscard]] bool may_send_error();

    std::vector<std::unique_ptr<interface_state>> interfaces_;
    route_table routes_;
    std::set<ipv4_address> groups_{ipv4_address{224, 0, 0, 1}};  // all hosts (RFC 1112 §4)
    std::map<packet::ip_protocol, protocol_handler> protocols_;
    std::map<std::uint16_t, datagram_handler> ports_;
    std::vector<error_handler> error_handlers_;
    packet::reassembler fragments_;
    std::map<fragment_key, incomplete> incomplete_;
    std::uint16_t identification_ = 0;
    unsigned errors_left_ = 0;
    virtual_time errors_counted_{};
    bool has_sent_error_ = false;
};

// ---- Configuration -------------------------------------------------------------------------------------

inline unsigned ip_node::add_interface(const ip_interface& address) {
    const bool is_v4 = address.address().is_v4();
    const ipv4_address ip = is_v4 ? address.address().v4() : ipv4_address{};
    const netnotes::network link = address.network();
    if (!is_v4 || ip.is_unspecified() || ip.is_multicast() || ip.is_reserved() || ip.is_loopback())
        throw std::invalid_argument{address.to_string() + " is no IPv4 address that an interface can have"};
    if (link.host_width() > 1 && (link.first() == address.address() || link.last() == address.address()))
        throw std::invalid_argument{address.to_string() + " is the address of the network or of its broadcast"};
    const unsigned port = static_cast<unsigned>(interfaces_.size());
    arp_cache::services use{[this, port](ipv4_address target, packet::mac_address to) {
                                send_arp(port, packet::arp_operation::request, target, {}, this->address(port), to);
                            },
                            [this, port](packet::mac_address to, bytes&& packet) {
                                packet::detail::store_48(packet.data(), to.to_uint());
                                packet::detail::store_48(packet.data() + 6, hardware_address(port).to_uint());
                                packet::detail::store_16(packet.data() + 12,
                                                         static_cast<std::uint16_t>(packet::ether_type::ipv4));
                                send(port, frame{std::move(packet)});
                            },
                            [this](bytes&& packet) {
                                packet::packet_failure why;
                                if (const auto view = packet::ipv4_view::parse(std::span{packet}.subspan(room), why))
                                    send_error(packet::icmp_type::destination_unreachable, 1, *view);
                            }};
    const auto broadcast = link.broadcast() ? link.broadcast()->v4() : ipv4_address::broadcast();
    auto made = std::unique_ptr<interface_state>{
        new interface_state{address, ip, broadcast, port_address(port), {net(), std::move(use)}}};
    routes_.add({link, std::nullopt, port, route_origin::connected, 0});
    interfaces_.push_back(std::move(made));
    add_ports(1);
    return port;
}

inline void ip_node::add_route(std::string_view network, std::string_view via) {
    add_route(netnotes::network{network}, ipv4_address{via});
}
inline void ip_node::add_route(const netnotes::network& destination, ipv4_address via) {
    for (unsigned port = 0; port < interfaces_.size(); ++port) {
        if (!interfaces_[port]->address.network().contains(via)) continue;
        return routes_.add({destination, via, port, route_origin::entered, 0});
    }
    throw std::invalid_argument{name() + " has no interface in a network with " + via.to_string() +
                                ", so that cannot be its next router"};
}

inline bool ip_node::is_local(ipv4_address address) const noexcept {
    return std::any_of(interfaces_.begin(), interfaces_.end(), [&](const auto& each) { return each->ip == address; });
}
inline bool ip_node::is_for_many(ipv4_address address) const noexcept {
    return address.is_broadcast() || address.is_multicast() ||
           std::any_of(interfaces_.begin(), interfaces_.end(),
                       [&](const auto& each) { return each->broadcast == address && each->ip != address; });
}
inline bool ip_node::is_for_us(ipv4_address destination) const noexcept {
    if (destination.is_broadcast()) return true;
    if (destination.is_multicast()) return groups_.contains(destination);
    for (const auto& each : interfaces_)
        if (each->ip == destination || each->broadcast == destination) return true;
    return false;
}
inline std::optional<ipv4_address> ip_node::source_for(ipv4_address destination) const {
    if (is_local(destination)) return destination;
    const auto next = routes_.next(destination);
    if (!next) return std::nullopt;
    return interfaces_[next->port]->ip;
}

inline std::string ip_node::tables() const {
    std::string text = routes_.text();
    for (unsigned port = 0; port < interfaces_.size(); ++port)
        for (const auto& [neighbour, entry] : arp(port).entries()) {
            std::string line = neighbour.to_string();
            line.resize(std::max<std::size_t>(line.size() + 1, 20), ' ');
            line += arp(port).find(neighbour) ? "at " + entry.address.to_string() : "not known           ";
            line += " port " + std::to_string(port) + "  ARP, ";
            line += to_string(*arp(port).state_of(neighbour));
            text += line + "\n";
        }
    return text;
}

// ---- Sending -------------------------------------------------------------------------------------------

inline bool ip_node::send_packet(ipv4_address destination, packet::ip_protocol protocol,
                                 std::span<const std::byte> payload, const packet_options& how) {
    if (payload.size() > 65'535 - 20 || interfaces_.empty()) return false;
    const bool is_for_all = destination.is_broadcast() || destination.is_multicast();
    const unsigned port = how.port.value_or(0);
    if (port >= interfaces_.size()) return false;
    const auto source = how.source ? how.source : is_for_all ? interfaces_[port]->ip : source_for(destination);
    if (!source) return false;
    bytes packet(room);
    packet.reserve(room + 20 + payload.size());
    packet::write(packet,
                  packet::ipv4{.type_of_service = how.type_of_service,
                               .identification = ++identification_,
                               .dont_fragment = how.dont_fragment,
                               .time_to_live = how.time_to_live,
                               .protocol = protocol,
                               .source = *source,
                               .destination = destination},
                  payload);
    if (is_for_all)
        transmit({destination, port}, std::move(packet));
    else
        route_packet(std::move(packet));
    return true;
}

inline bool ip_node::send_udp(std::uint16_t source_port, const endpoint& destination,
                              std::span<const std::byte> payload, const packet_options& how) {
    if (!destination.address().is_v4() || payload.size() > 65'535 - 28) return false;
    const ipv4_address to = destination.address().v4();
    packet_options exact = how;
    const bool is_for_all = to.is_broadcast() || to.is_multicast();
    if (!exact.source && is_for_all && how.port.value_or(0) < interfaces_.size())
        exact.source = interfaces_[how.port.value_or(0)]->ip;
    if (!exact.source) exact.source = source_for(to);
    if (!exact.source) return false;
    bytes segment;  // the checksum covers the addresses, so the datagram is made behind a header that is dropped
    packet::write(segment, packet::ipv4{.source = *exact.source, .destination = to},
                  packet::udp{.source_port = source_port, .destination_port = destination.port()}, payload);
    return send_packet(to, packet::ip_protocol::udp, std::span{segment}.subspan(20), exact);
}

inline void ip_node::route_packet(bytes&& packet) {
    packet::packet_failure why;
    const auto view = packet::ipv4_view::parse(std::span{packet}.subspan(room), why);
    if (!view) return;
    if (is_local(view->destination())) {  // to ourselves: no cable is involved
        net().after({}, [this, kept = std::move(packet)] {
            packet::packet_failure ignored;
            if (const auto own = packet::ipv4_view::parse(std::span{kept}.subspan(room), ignored)) deliver(0, *own);
        });
        return;
    }
    const auto next = routes_.next(view->destination());
    if (!next) {
        ++counters_.no_route;
        return send_error(packet::icmp_type::destination_unreachable, 0, *view);
    }
    transmit(*next, std::move(packet));
}

inline void ip_node::transmit(next_hop to, bytes&& packet) {
    interface_state& out = *interfaces_[to.port];
    const auto send_one = [&](bytes&& ready) {
        if (to.neighbour.is_multicast()) {  // RFC 1112 §6.4: 23 bits of the group's address
            const packet::mac_address group{std::uint64_t{0x0100'5e00'0000} | (to.neighbour.to_uint() & 0x7f'ffff)};
            packet::detail::store_48(ready.data(), group.to_uint());
        } else if (to.neighbour.is_broadcast() || to.neighbour == out.broadcast) {
            packet::detail::store_48(ready.data(), packet::mac_address::broadcast().to_uint());
        } else {
            return out.neighbours.send(to.neighbour, std::move(ready));
        }
        packet::detail::store_48(ready.data() + 6, out.mac.to_uint());
        packet::detail::store_16(ready.data() + 12, static_cast<std::uint16_t>(packet::ether_type::ipv4));
        send(to.port, frame{std::move(ready)});
    };
    const std::size_t most = mtu(to.port);
    if (packet.size() - room <= most) return send_one(std::move(packet));
    packet::packet_failure why;
    const auto view = packet::ipv4_view::parse(std::span{packet}.subspan(room), why);
    if (!view) return;
    if (view->dont_fragment())
        return send_error(packet::icmp_type::destination_unreachable, 4, *view, static_cast<std::uint32_t>(most));
    for (bytes& piece : cut_into_fragments(*view, most, room)) send_one(std::move(piece));
}

inline bool ip_node::may_send_error() {
    if (!has_sent_error_) errors_left_ = icmp_limit.burst;
    has_sent_error_ = true;
    if (const auto interval = icmp_limit.interval.count(); interval > 0) {
        const auto earned = static_cast<std::uint64_t>((net().now() - errors_counted_).count() / interval);
        errors_left_ = static_cast<unsigned>(std::min<std::uint64_t>(icmp_limit.burst, errors_left_ + earned));
        errors_counted_ += virtual_time{static_cast<std::int64_t>(earned) * interval};
    } else {
        errors_left_ = icmp_limit.burst;
    }
    if (errors_left_ == 0) return ++counters_.errors_withheld, false;
    --errors_left_;
    return true;
}

inline void ip_node::send_error(packet::icmp_type type, std::uint8_t code, const packet::ipv4_view& about,
                                std::uint32_t rest) {
    const ipv4_address source = about.source(), destination = about.destination();
    if (source.is_unspecified() || source.is_loopback() || is_for_many(source)) return;
    if (is_for_many(destination) || about.fragment_offset() != 0) return;
    if (about.protocol() == packet::ip_protocol::icmp) {
        packet::packet_failure why;
        const auto message = packet::icmp_view::parse(about.payload(), why);
        if (!message || message->is_error()) return;
    }
    if (is_local(source)) {  // about our own packet: no need to send anything
        const bool is_too_long = type == packet::icmp_type::destination_unreachable && code == 4;
        return report({source, type, code, is_too_long ? static_cast<std::uint16_t>(rest) : std::uint16_t{0}, about});
    }
    if (!may_send_error()) return;
    const auto quoted = about.bytes().first(std::min(about.bytes().size(), max_quoted));
    bytes message;
    packet::write(message, packet::icmp{.type = type, .code = code, .rest_of_header = rest}, quoted);
    packet_options how{.type_of_service = 0xc0};  // internetwork control (RFC 1812 §4.3.2.5)
    if (is_local(destination)) how.source = destination;
    if (send_packet(source, packet::ip_protocol::icmp, message, how)) ++counters_.errors_sent;
}

inline void ip_node::send_arp(unsigned port, packet::arp_operation operation, ipv4_address target,
                              packet::mac_address target_card, ipv4_address sender, packet::mac_address to) {
    bytes packet;
    packet.reserve(42);
    const packet::mac_address mine = hardware_address(port);
    packet::write(packet, packet::ethernet{.destination = to, .source = mine},
                  packet::arp{.operation = operation,
                              .sender_hardware_address = mine,
                              .sender_protocol_address = sender,
                              .target_hardware_address = target_card,
                              .target_protocol_address = target});
    send(port, frame{std::move(packet)});
}

// ---- Receiving -----------------------------------------------------------------------------------------

inline void ip_node::receive(unsigned port, const frame& arrived) {
    packet::packet_failure why;
    const auto header = packet::ethernet_view::parse(arrived.bytes(), why);
    if (!header || port >= interfaces_.size()) return;
    const bool is_for_all = header->destination().is_multicast();
    if (!is_for_all && header->destination() != hardware_address(port)) return void(++counters_.not_for_us);
    if (header->type() == packet::ether_type::ipv4)
        receive_packet(port, header->payload(), is_for_all);
    else if (header->type() == packet::ether_type::arp)
        receive_arp(port, header->payload());
}

inline void ip_node::receive_arp(unsigned port, std::span<const std::byte> body) {
    packet::packet_failure why;
    const auto packet = packet::arp_view::parse(body, why);
    if (!packet || !packet->is_ethernet_ipv4()) return void(++counters_.malformed);
    const ipv4_address sender = packet->sender_protocol_address(), mine = address(port);
    const packet::mac_address card = packet->sender_hardware_address();
    const bool is_request = packet->operation() == packet::arp_operation::request;
    const bool is_for_us = packet->target_protocol_address() == mine;
    if (sender == mine) {
        if (card != hardware_address(port)) ++counters_.conflicts;  // another host has our address (RFC 5227)
        return;
    }
    if (!sender.is_unspecified() && !sender.is_multicast() && !sender.is_broadcast() && !card.is_multicast()) {
        const bool is_answer = !is_request && is_for_us && packet->target_hardware_address() == hardware_address(port);
        arp(port).heard(sender, card, is_answer, is_request && is_for_us);
    }
    if (is_request && is_for_us) send_arp(port, packet::arp_operation::reply, sender, card, mine, card);
}

inline void ip_node::receive_packet(unsigned port, std::span<const std::byte> body, bool is_for_all) {
    packet::packet_failure why;
    const auto packet = packet::ipv4_view::parse(body, why);
    if (!packet || packet->total_length() == 0 || packet->is_cut_short() ||
        packet->header_checksum_state() != packet::checksum_state::good)
        return void(++counters_.malformed);
    const ipv4_address source = packet->source();
    if (source.is_loopback() || is_for_many(source) || is_local(source))
        return void(++counters_.malformed);  // no honest packet from outside has such a source
    // To all cards, but to one address: it could make every host of the link answer at once (RFC 1122 §3.3.6).
    if (is_for_all && !is_for_many(packet->destination())) return void(++counters_.not_for_us);
    if (intercept(port, *packet)) return;
    if (is_for_us(packet->destination())) return deliver(port, *packet);
    if (is_for_all) return void(++counters_.not_for_us);  // such a packet is never forwarded (RFC 1812 §5.3.4)
    forward(port, *packet);
}

inline void ip_node::join_fragments(const packet::ipv4_view& part,
                                    const std::function<void(const packet::ipv4_view&)>& use) {
    const fragment_key key{part.source(), part.destination(), part.identification(), part.protocol()};
    const auto fragment = packet::ip_fragment::from(part);
    if (!fragment) return use(part);
    const auto result = fragments_.add(*fragment, packet::capture_time{net().now()});
    const auto known = incomplete_.find(key);
    if (result.is_complete()) {
        packet::ipv4 header = packet::ipv4::from(part);
        bytes whole;
        if (known != incomplete_.end()) {
            net().cancel(known->second.timer);
            incomplete_.erase(known);
        }
        if (result.payload.size() > 65'535 - 20) return void(++counters_.malformed);
        header.internet_header_length.reset();
        header.total_length.reset();
        header.header_checksum.reset();
        header.more_fragments = false;
        header.fragment_offset = 0;
        header.options = {};
        packet::write(whole, header, result.payload);
        packet::packet_failure why;
        if (const auto view = packet::ipv4_view::parse(whole, why)) use(*view);
        return;
    }
    if (result.what == packet::reassembly::outcome::refused) return void(++counters_.malformed);
    if (known == incomplete_.end() && incomplete_.size() >= max_incomplete) return;
    const auto place = known != incomplete_.end() ? known : incomplete_.try_emplace(key).first;
    if (part.fragment_offset() == 0) {
        const auto beginning = part.bytes().first(std::min(part.bytes().size(), max_quoted));
        place->second.first.assign(beginning.begin(), beginning.end());
    }
    if (known != incomplete_.end()) return;
    // RFC 1122 §3.3.2: after a time the fragments are dropped, and the sender hears of it if the first fragment is
    // there.
    place->second.timer = net().after(reassembly_time, [this, key] {
        const auto late = incomplete_.find(key);
        if (late == incomplete_.end()) return;
        const bytes first = std::move(late->second.first);
        incomplete_.erase(late);
        packet::packet_failure why;
        if (const auto view = packet::ipv4_view::parse(first, why))
            send_error(packet::icmp_type::time_exceeded, 1, *view);
    });
}

inline void ip_node::deliver(unsigned port, const packet::ipv4_view& packet) {
    if (packet.is_fragment())
        return join_fragments(packet, [this, port](const packet::ipv4_view& whole) { deliver(port, whole); });
    ++counters_.delivered;
    if (packet.protocol() == packet::ip_protocol::icmp) return receive_icmp(packet);
    if (packet.protocol() == packet::ip_protocol::udp) return receive_udp(port, packet);
    const auto found = protocols_.find(packet.protocol());
    if (found != protocols_.end() && found->second) {
        const protocol_handler handler = found->second;  // it may replace itself
        return handler(packet);
    }
    send_error(packet::icmp_type::destination_unreachable, 2, packet);
}

inline void ip_node::receive_icmp(const packet::ipv4_view& packet) {
    packet::packet_failure why;
    const auto message = packet::icmp_view::parse(packet.payload(), why);
    if (!message || message->checksum_state() != packet::checksum_state::good) return void(++counters_.malformed);
    if (message->type() == packet::icmp_type::echo_reply) return echo_reply(packet, *message);
    if (message->type() == packet::icmp_type::echo_request) {
        // An echo to all hosts of a link would make all of them answer at once: the "smurf" attack (RFC 2644).
        if (!is_local(packet.destination())) return;
        bytes answer;
        packet::write(answer,
                      packet::icmp{.type = packet::icmp_type::echo_reply, .rest_of_header = message->rest_of_header()},
                      message->payload());
        send_packet(packet.source(), packet::ip_protocol::icmp, answer,
                    {.type_of_service = packet.type_of_service(), .source = packet.destination()});
        return;
    }
    if (!message->is_error()) return;
    const auto quoted = packet::ipv4_view::parse(message->quoted(), why);
    if (!quoted) return void(++counters_.malformed);
    report({packet.source(), message->type(), message->code(), message->next_hop_mtu().value_or(0), *quoted});
}

inline void ip_node::receive_udp(unsigned port, const packet::ipv4_view& packet) {
    packet::packet_failure why;
    const auto header = packet::udp_view::parse(packet.payload(), why);
    const auto is_good = [&] {
        const auto state = header->checksum_state(packet.source(), packet.destination());
        return state == packet::checksum_state::good || state == packet::checksum_state::absent;
    };
    if (!header || header->is_cut_short() || !is_good()) return void(++counters_.malformed);
    const auto found = ports_.find(header->destination_port());
    if (found == ports_.end() || !found->second) {
        if (is_local(packet.destination())) send_error(packet::icmp_type::destination_unreachable, 3, packet);
        return;
    }
    const datagram_handler handler = found->second;  // it may replace itself
    handler({{packet.source(), header->source_port()},
             {packet.destination(), header->destination_port()},
             header->payload(),
             port});
}

}  // namespace netnotes::lan

#endif  // NETNOTES_LAN_IP_NODE_HPP


namespace netnotes::lan {

/// The result of an echo request or of a probe of traceroute.
enum class probe_outcome : std::uint8_t {
    waiting,
    answered,   ///< by the destination
    reported,   ///< a node reports an error: see type and code
    no_answer,  ///< until the timeout
    no_route,   ///< this host knows no way
};

/// How ping() asks.
struct ping_options {
    unsigned count = 1;     ///< requests, 1 to 65,535
    std::size_t size = 56;  ///< bytes of data in each, at most 65,507
    std::uint8_t time_to_live = 64;
    bool dont_fragment = false;
    virtual_time interval = std::chrono::seconds{1};  ///< between two requests
    virtual_time timeout = std::chrono::seconds{5};   ///< how long the host waits for each answer
};

/// A run of ping.
class ping_session {
  public:
    /// A request and its answer.
    struct echo {
        probe_outcome what = probe_outcome::waiting;
        ipv4_address from{};  ///< the node that has answered or reported
        packet::icmp_type type{};
        std::uint8_t code = 0;
        std::uint16_t mtu = 0;          ///< of "fragmentation needed"
        std::uint8_t time_to_live = 0;  ///< that the answer had left
        std::size_t size = 0;           ///< bytes of data in the answer
        virtual_time sent{};
        virtual_time round_trip{};
    };
    /// Returns the address that is asked.
    [[nodiscard]] ipv4_address destination() const noexcept { return destination_; }
    /// Returns the requests that were sent, in order. The first has the sequence number 1.
    [[nodiscard]] const std::vector<echo>& echoes() const noexcept { return echoes_; }
    /// Returns how many requests were answered by the destination.
    [[nodiscard]] std::size_t answered() const noexcept {
        std::size_t count = 0;
        for (const echo& each : echoes_) count += each.what == probe_outcome::answered;
        return count;
    }
    /// Returns true if no request is to be sent, and no answer is waited for.
    [[nodiscard]] bool is_done() const noexcept { return is_done_; }
    /// Returns a line for each request, as ping prints it, and a line with the numbers.
    [[nodiscard]] std::string text() const;

  private:
    friend class host;
    ipv4_address destination_;
    ping_options how_;
    std::uint16_t identifier_ = 0;
    std::vector<echo> echoes_;
    std::size_t open_ = 0;  // requests without an outcome
    std::vector<network::timer> timers_;
    bool is_done_ = false;
};

/// How traceroute() asks.
struct trace_options {
    unsigned max_hops = 30;
    virtual_time timeout = std::chrono::seconds{5};  ///< how long the host waits for each report
    std::uint16_t first_port = 33434;  ///< the destination port of the first probe; each next is one higher
};

/// A run of traceroute.
class trace_session {
  public:
    /// A router on the way, or the destination.
    struct hop {
        probe_outcome what = probe_outcome::waiting;
        ipv4_address from{};
        packet::icmp_type type{};
        std::uint8_t code = 0;
        virtual_time sent{};
        virtual_time round_trip{};
    };
    /// Returns the address at the end of the way.
    [[nodiscard]] ipv4_address destination() const noexcept { return destination_; }
    /// Returns the probes; the first had the time to live 1.
    [[nodiscard]] const std::vector<hop>& hops() const noexcept { return hops_; }
    /// Returns true if the destination has answered.
    [[nodiscard]] bool has_arrived() const noexcept {
        return !hops_.empty() && hops_.back().what == probe_outcome::answered;
    }
    [[nodiscard]] bool is_done() const noexcept { return is_done_; }
    /// Returns a line for each hop, as traceroute prints it.
    [[nodiscard]] std::string text() const;

  private:
    friend class host;
    ipv4_address destination_;
    trace_options how_;
    std::uint16_t source_port_ = 0;
    std::vector<hop> hops_;
    network::timer timer_{};
    bool is_done_ = false;
};

/// A host with one interface, or with several.
class host : public ip_node {
  public:
    /// Throws parse_error for an unreadable address; see ip_node::add_interface().
    host(network& net, std::string_view name, std::string_view interface) : host{net, name} {
        add_interface(ip_interface{interface});
    }
    [[nodiscard]] std::string_view kind() const noexcept override { return "host"; }
    [[nodiscard]] host* as_host() noexcept override { return this; }

    /// Begins to send echo requests, and returns their answers so far. The result changes while the network runs, and
    /// stays valid as long as the host. Throws parse_error for an unreadable address.
    const ping_session& ping(std::string_view destination, const ping_options& how = {}) {
        return ping(ipv4_address{destination}, how);
    }
    const ping_session& ping(ipv4_address destination, const ping_options& how = {});
    /// Begins to look for the routers on the way to a destination, and returns the routers so far. The result changes
    /// while the network runs.
    const trace_session& traceroute(std::string_view destination, const trace_options& how = {}) {
        return traceroute(ipv4_address{destination}, how);
    }
    const trace_session& traceroute(ipv4_address destination, const trace_options& how = {});

  protected:
    host(network& net, std::string_view name) : ip_node{net, name} {
        on_error([this](const icmp_report& what) { hear(what); });
    }
    inline void echo_reply(const packet::ipv4_view& packet, const packet::icmp_view& message) override;

  private:
    void send_echo(ping_session& session);
    void finish(ping_session& session, std::size_t index);
    /// Returns the newest run of ping with an identifier, or nullptr. After 65,536 runs an identifier is used again.
    [[nodiscard]] ping_session* find_ping(std::uint16_t identifier) noexcept {
        const std::size_t runs = pings_.size(), back = (runs - identifier) & 0xffff;
        return back < runs ? &pings_[runs - back - 1] : nullptr;
    }
    void send_probe(trace_session& session);
    void finish(trace_session& session);
    void hear(const icmp_report& what);

    std::deque<ping_session> pings_;  // a deque keeps its elements in their places
    std::deque<trace_session> traces_;
};

// ---- ping ----------------------------------------------------------------------------------------------

inline const ping_session& host::ping(ipv4_address destination, const ping_options& how) {
    pings_.emplace_back();
    ping_session& session = pings_.back();
    session.destination_ = destination;
    session.how_ = how;
    session.how_.count = std::clamp(how.count, 1u, 65'535u);
    session.how_.size = std::min<std::size_t>(how.size, 65'507);
    session.identifier_ = static_cast<std::uint16_t>(pings_.size());
    net().after({}, [this, &session] { send_echo(session); });
    return session;
}

inline void host::send_echo(ping_session& session) {
    const std::size_t index = session.echoes_.size();
    ping_session::echo sent;
    sent.sent = net().now();
    session.echoes_.push_back(sent);
    session.timers_.emplace_back();
    ++session.open_;
    bytes data(session.how_.size);
    for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<std::byte>(i & 0xff);
    bytes message;
    const auto sequence = static_cast<std::uint16_t>(index + 1);
    packet::write(message,
                  packet::icmp{.type = packet::icmp_type::echo_request,
                               .rest_of_header = std::uint32_t{session.identifier_} << 16 | sequence},
                  data);
    session.timers_[index] = net().after(session.how_.timeout, [this, &session, index] {
        session.echoes_[index].what = probe_outcome::no_answer;
        finish(session, index);
    });
    if (session.echoes_.size() < session.how_.count)
        net().after(session.how_.interval, [this, &session] { send_echo(session); });
    const packet_options how{.time_to_live = session.how_.time_to_live, .dont_fragment = session.how_.dont_fragment};
    if (!send_packet(session.destination_, packet::ip_protocol::icmp, message, how) &&
        session.echoes_[index].what == probe_outcome::waiting) {
        session.echoes_[index].what = probe_outcome::no_route;
        finish(session, index);
    }
}

inline void host::finish(ping_session& session, std::size_t index) {
    net().cancel(session.timers_[index]);
    session.echoes_[index].round_trip = net().now() - session.echoes_[index].sent;
    --session.open_;
    session.is_done_ = session.open_ == 0 && session.echoes_.size() == session.how_.count;
}

inline void host::echo_reply(const packet::ipv4_view& packet, const packet::icmp_view& message) {
    const std::size_t index = message.sequence_number() - std::size_t{1};
    ping_session* const found = find_ping(message.identifier());
    if (found == nullptr) return;
    ping_session& session = *found;
    if (index >= session.echoes_.size() || session.echoes_[index].what != probe_outcome::waiting) return;
    ping_session::echo& answered = session.echoes_[index];
    answered.what = probe_outcome::answered;
    answered.from = packet.source();
    answered.time_to_live = packet.time_to_live();
    answered.size = message.payload().size();
    finish(session, index);
}

inline void host::hear(const icmp_report& what) {
    const auto quoted = what.quoted.payload();
    if (quoted.size() < 8) return;
    if (what.quoted.protocol() == packet::ip_protocol::icmp) {
        packet::packet_failure why;
        const auto message = packet::icmp_view::parse(quoted, why);
        if (!message || message->type() != packet::icmp_type::echo_request) return;
        const std::size_t index = message->sequence_number() - std::size_t{1};
        ping_session* const found = find_ping(message->identifier());
        if (found == nullptr) return;
        ping_session& session = *found;
        if (what.quoted.destination() != session.destination_ || index >= session.echoes_.size()) return;
        ping_session::echo& concerned = session.echoes_[index];
        if (concerned.what != probe_outcome::waiting) return;
        concerned.what = probe_outcome::reported;
        concerned.from = what.from;
        concerned.type = what.type;
        concerned.code = what.code;
        concerned.mtu = what.next_hop_mtu;
        return finish(session, index);
    }
    if (what.quoted.protocol() != packet::ip_protocol::udp) return;
    const auto source_port = packet::detail::load_16(quoted.data());
    const auto port = packet::detail::load_16(quoted.data() + 2);
    for (trace_session& session : traces_) {
        if (session.is_done_ || session.source_port_ != source_port || session.hops_.empty()) continue;
        trace_session::hop& last = session.hops_.back();
        const std::size_t expected = session.how_.first_port + session.hops_.size() - 1;
        if (port != static_cast<std::uint16_t>(expected) || last.what != probe_outcome::waiting) continue;
        const bool is_port = what.type == packet::icmp_type::destination_unreachable && what.code == 3;
        last.what = is_port && what.from == session.destination_ ? probe_outcome::answered : probe_outcome::reported;
        last.from = what.from;
        last.type = what.type;
        last.code = what.code;
        return finish(session);
    }
}

// ---- traceroute ----------------------------------------------------------------------------------------

inline const trace_session& host::traceroute(ipv4_address destination, const trace_options& how) {
    traces_.emplace_back();
    trace_session& session = traces_.back();
    session.destination_ = destination;
    session.how_ = how;
    session.source_port_ = static_cast<std::uint16_t>(49'152 + traces_.size() % 16'384);
    net().after({}, [this, &session] { send_probe(session); });
    return session;
}

inline void host::send_probe(trace_session& session) {
    session.hops_.push_back({.sent = net().now()});
    const auto port = static_cast<std::uint16_t>(session.how_.first_port + session.hops_.size() - 1);
    const auto time_to_live = static_cast<std::uint8_t>(std::min<std::size_t>(session.hops_.size(), 255));
    session.timer_ = net().after(session.how_.timeout, [this, &session] {
        session.hops_.back().what = probe_outcome::no_answer;
        finish(session);
    });
    const std::vector<std::byte> data(32);
    if (!send_udp(session.source_port_, {session.destination_, port}, data, {.time_to_live = time_to_live}) &&
        session.hops_.back().what == probe_outcome::waiting) {
        session.hops_.back().what = probe_outcome::no_route;
        finish(session);
    }
}

inline void host::finish(trace_session& session) {
    net().cancel(session.timer_);
    trace_session::hop& last = session.hops_.back();
    last.round_trip = net().now() - last.sent;
    const bool goes_on = last.what == probe_outcome::no_answer ||
                         (last.what == probe_outcome::reported && last.type == packet::icmp_type::time_exceeded);
    session.is_done_ = !goes_on || session.hops_.size() >= session.how_.max_hops;
    if (!session.is_done_) net().after({}, [this, &session] { send_probe(session); });
}

// ---- As text -------------------------------------------------------------------------------------------

namespace detail {
/// Returns a duration in milliseconds with three digits behind the point.
inline std::string milliseconds(virtual_time time) {
    const std::string micros = std::to_string(time.count() / 1000 % 1000);
    return std::to_string(time.count() / 1'000'000) + "." + std::string(3 - micros.size(), '0') + micros + " ms";
}
}  // namespace detail

inline std::string ping_session::text() const {
    std::string all;
    for (std::size_t i = 0; i < echoes_.size(); ++i) {
        const echo& each = echoes_[i];
        const std::string number = "seq=" + std::to_string(i + 1);
        switch (each.what) {
            case probe_outcome::waiting: all += number + " is waiting for its answer\n"; break;
            case probe_outcome::no_answer: all += number + " no answer\n"; break;
            case probe_outcome::no_route: all += number + " no route: network unreachable\n"; break;
            case probe_outcome::answered:
                all += std::to_string(each.size + 8) + " bytes from " + each.from.to_string() + ": " + number +
                       " ttl=" + std::to_string(each.time_to_live) + " time=" + detail::milliseconds(each.round_trip) +
                       "\n";
                break;
            case probe_outcome::reported:
                all += "from " + each.from.to_string() + ": " + number + " " +
                       icmp_error_text(each.type, each.code, each.mtu) + "\n";
                break;
        }
    }
    return all + std::to_string(echoes_.size()) + " sent, " + std::to_string(answered()) + " answered\n";
}

inline std::string trace_session::text() const {
    std::string all;
    for (std::size_t i = 0; i < hops_.size(); ++i) {
        const hop& each = hops_[i];
        const std::string number = std::to_string(i + 1);
        all += std::string(number.size() < 2 ? 1 : 0, ' ') + number + "  ";
        switch (each.what) {
            case probe_outcome::waiting: all += "..."; break;
            case probe_outcome::no_answer: all += "*"; break;
            case probe_outcome::no_route: all += "no route: network unreachable"; break;
            case probe_outcome::answered:
            case probe_outcome::reported:
                all += each.from.to_string() + "  " + detail::milliseconds(each.round_trip);
                if (each.what == probe_outcome::reported && each.type != packet::icmp_type::time_exceeded)
                    all += "  " + icmp_error_text(each.type, each.code);
                break;
        }
        all += '\n';
    }
    return all;
}

inline lan::host& network::host(std::string_view name, std::string_view interface) {
    return add<lan::host>(name, interface);
}

}  // namespace netnotes::lan

#endif  // NETNOTES_LAN_HOST_HPP

// netnotes/lan/name_service.hpp: name servers and resolvers in a simulated network
// SPDX-License-Identifier: MIT
//
// A resolver asks a name server by UDP, and believes the first answer that fits. Nothing proves who sent it. What
// "fits" means is therefore all that protects the resolver (RFC 5452 §9.1):
//
//        query    10.0.0.2:51812 ──> 10.0.0.53:53    id 40312, www.exAMPle.Com ?
//        answer   10.0.0.53:53 ──> 10.0.0.2:51812    id 40312, www.exAMPle.Com = 192.0.2.80
//                     │                   │              │           │
//                     the server          the port that  the id      the question, letter by letter, if the
//                     that was asked      asked          of the query   resolver mixes capitals ("0x20")
//
// An attacker who does not see the query must guess the rest. An id that counts upwards and a port that never changes
// leave nothing to guess. A random id leaves 65,536 possibilities, a random port multiplies them by 16,384, and each
// letter of the name by two.
//
// All of that is in vain if the server itself lies. A hijacked resolver gives its answers with the right id from the
// right port: compare answers of several servers, or better, check signatures (DNSSEC, RFC 4033).
//
// On this page:  name_server · lying_resolver · resolver_habits · stub_resolver
// The notes:     dns服务器被劫持, dns欺骗; example 36

#ifndef NETNOTES_LAN_NAME_SERVICE_HPP
#define NETNOTES_LAN_NAME_SERVICE_HPP

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>









namespace netnotes::lan {

/// A host that answers questions about IPv4 addresses of names, at port 53.
class name_server : public host {
  public:
    static constexpr std::uint16_t port = 53;

    name_server(network& net, std::string_view name, std::string_view interface) : host{net, name, interface} {
        on_udp(port, [this](const datagram& arrived) { answer(arrived); });
    }
    [[nodiscard]] std::string_view kind() const noexcept override { return "name server"; }

    /// Adds a name, or changes its address. Throws parse_error for an unreadable name.
    void add(std::string_view name, ipv4_address address) {
        const packet::dns_name wanted{name};
        std::erase_if(names_, [&](const auto& each) { return each.first == wanted; });
        names_.emplace_back(wanted, address);
    }
    /// How long the server thinks before it answers, for example because it has to ask others.
    virtual_time delay{};
    /// Returns the number of queries so far.
    [[nodiscard]] std::uint64_t queries() const noexcept { return queries_; }

  protected:
    /// Returns the address of a name, or nullopt if the name does not exist.
    [[nodiscard]] virtual std::optional<ipv4_address> look_up(const packet::dns_name_view& name) const {
        for (const auto& [known, address] : names_)
            if (packet::dns_name_view{known} == name) return address;
        return std::nullopt;
    }

  private:
    void answer(const datagram& arrived) {
        using packet::dns_response_code, packet::dns_opcode;
        const auto query = packet::dns_view::parse(arrived.payload);
        if (!query || query->header().is_response || query->question_count() != 1) return;
        const auto questions = query->questions();
        if (questions.begin() == questions.end()) return;
        const packet::dns_question question = *questions.begin();
        ++queries_;
        std::array<std::byte, packet::dns_udp_size> space;
        const bool is_query = query->header().opcode == dns_opcode::query;
        const auto address = is_query ? look_up(question.name) : std::nullopt;
        packet::dns_builder response{space,
                                     {.id = query->id(),
                                      .is_response = true,
                                      .opcode = query->header().opcode,
                                      .is_authoritative = true,
                                      .response_code = !is_query ? dns_response_code::not_implemented
                                                       : address ? dns_response_code::no_error
                                                                 : dns_response_code::name_error}};
        response.question(question.name, question.type, question.query_class);  // the name with its capitals
        // A name that exists, but not with this type, has an empty answer without an error (RFC 2308 §2.2).
        if (address && question.type == packet::dns_type::a && question.query_class == packet::dns_class::internet)
            response.address(packet::dns_section::answer, question.name, 300, *address);
        std::vector<std::byte> message(response.message().begin(), response.message().end());
        net().after(delay, [this, to = arrived.source, message = std::move(message)] { send_udp(port, to, message); });
    }
    std::vector<std::pair<packet::dns_name, ipv4_address>> names_;
    std::uint64_t queries_ = 0;
};

/// A name server that was hijacked: it answers truly, but for some names (dns服务器被劫持).
class lying_resolver : public name_server {
  public:
    using name_server::name_server;
    /// Lies about a name from now on. Throws parse_error for an unreadable name.
    void lie(std::string_view name, ipv4_address address) { lies_.emplace_back(packet::dns_name{name}, address); }

  protected:
    [[nodiscard]] std::optional<ipv4_address> look_up(const packet::dns_name_view& name) const override {
        for (const auto& [known, address] : lies_)
            if (packet::dns_name_view{known} == name) return address;
        return name_server::look_up(name);
    }

  private:
    std::vector<std::pair<packet::dns_name, ipv4_address>> lies_;
};

/// The values of a query that a forger must guess. The defaults follow RFC 5452 §9.2. A lesson may make the numbers
/// smaller.
struct resolver_habits {
    bool random_id = true;              ///< false: each query has the next number
    unsigned id_bits = 16;              ///< 1 to 16; other numbers count as the nearest of these
    bool random_port = true;            ///< false: all queries come from `first_port`
    std::uint16_t first_port = 49'152;  ///< the first port that is used
    std::uint16_t port_count = 16'384;  ///< how many ports are used: at least 1, and none above 65,535
    bool mixed_case = false;            ///< capitals by chance, and an answer must repeat them
    virtual_time timeout = std::chrono::seconds{2};

    /// Returns how many ids and how many ports the resolver draws from.
    [[nodiscard]] constexpr std::uint64_t ids() const noexcept {
        return std::uint64_t{1} << std::clamp(id_bits, 1u, 16u);
    }
    [[nodiscard]] constexpr std::uint64_t ports() const noexcept {
        return std::clamp<std::uint64_t>(port_count, 1, 65'536u - first_port);
    }
    /// Returns among how many answers a forger must guess that knows the name and sees no query. If it draws answers by
    /// chance, it needs as many tries, on average.
    [[nodiscard]] double possibilities(const packet::dns_name_view& name) const noexcept {
        double all = random_id ? static_cast<double>(ids()) : 1;
        if (random_port) all *= static_cast<double>(ports());
        if (mixed_case)
            for (const auto label : name)
                for (const std::byte each : label)
                    if (is_letter(each)) all *= 2;
        return all;
    }
    [[nodiscard]] static constexpr bool is_letter(std::byte each) noexcept {
        const auto small = std::to_integer<unsigned>(each) | 0x20u;
        return small >= 'a' && small <= 'z';
    }
};

/// The part of a host that asks for addresses. It must live as long as the network runs. While it waits for an answer
/// it takes the datagrams to its port; no program of the host may use the ports of its resolver_habits.
class stub_resolver {
  public:
    /// A question and its result.
    struct lookup {
        packet::dns_name name{};         ///< as it was asked, with its capitals
        std::vector<std::byte> query{};  ///< the question as it was sent
        std::uint16_t id = 0;
        std::uint16_t port = 0;  ///< from which it was asked
        std::optional<ipv4_address> address{};
        bool is_done = false;
        unsigned wrong_sender = 0;    ///< answers that came from elsewhere, or were sent to another address
        unsigned wrong_id = 0;        ///< answers with another id
        unsigned wrong_question = 0;  ///< answers that repeat another name, type or class, or not exactly one question
        network::timer timer{};
    };

    stub_resolver(host& owner, ipv4_address server, const resolver_habits& habits = {})
        : host_{&owner}, server_{server}, habits_{habits} {}
    stub_resolver(const stub_resolver&) = delete;
    stub_resolver& operator=(const stub_resolver&) = delete;

    /// Asks for the address of a name, and returns what is known of the answer. The result changes while the network
    /// runs, and stays valid as long as the resolver. Throws parse_error for an unreadable name.
    const lookup& ask(std::string_view name) {
        random_numbers& random = host_->net().random();
        lookup& asked = lookups_.emplace_back();
        std::string text{name};
        if (habits_.mixed_case)
            for (char& each : text)
                if (resolver_habits::is_letter(static_cast<std::byte>(each)) && random.chance(500'000))
                    each = static_cast<char>(each ^ 0x20);
        asked.name = packet::dns_name{text};
        asked.id = static_cast<std::uint16_t>((habits_.random_id ? random.next() : next_id_++) % habits_.ids());
        asked.port = habits_.first_port;
        if (habits_.random_port) asked.port = static_cast<std::uint16_t>(asked.port + random.below(habits_.ports()));
        std::array<std::byte, packet::dns_udp_size> space;
        packet::dns_builder query{space, {.id = asked.id}};
        query.question(asked.name, packet::dns_type::a);
        asked.query.assign(query.message().begin(), query.message().end());
        open_.push_back(&asked);
        host_->on_udp(asked.port, [this](const datagram& arrived) { hear(arrived); });
        asked.timer = host_->net().after(habits_.timeout, [this, &asked] { finish(asked); });
        host_->send_udp(asked.port, {server_, name_server::port}, query.message());
        return asked;
    }
    /// Returns how the resolver asks and what it believes.
    [[nodiscard]] const resolver_habits& habits() const noexcept { return habits_; }

  private:
    /// Shows a datagram to all questions that were asked from its port: if ports are few, several may share one.
    void hear(const datagram& arrived) {
        const auto asked = open_;  // judge() removes what is answered
        for (lookup* const each : asked)
            if (each->port == arrived.destination.port()) judge(*each, arrived);
    }
    /// The rules of RFC 5452 §9.1: addresses and ports of both sides, the id, and the question with name, type and
    /// class. Habits may ask that the answer repeats the capitals, too.
    void judge(lookup& asked, const datagram& arrived) {
        const bool is_to_us = arrived.destination.address() == host_->source_for(server_);
        if (arrived.source != endpoint{server_, name_server::port} || !is_to_us) return void(++asked.wrong_sender);
        const auto answer = packet::dns_view::parse(arrived.payload);
        if (!answer || !answer->header().is_response || answer->header().opcode != packet::dns_opcode::query) return;
        if (answer->id() != asked.id) return void(++asked.wrong_id);
        const auto query = packet::dns_view::parse(asked.query);
        if (!query || !answer->is_response_to(*query) || !repeats_capitals(*answer, asked.name))
            return void(++asked.wrong_question);
        asked.address = address_in(*answer, asked.name);
        host_->net().cancel(asked.timer);
        finish(asked);
    }
    /// Returns true if the answer writes the name as the question did, or if the habits do not ask for that.
    [[nodiscard]] bool repeats_capitals(const packet::dns_view& answer, const packet::dns_name& name) const noexcept {
        if (!habits_.mixed_case) return true;
        const packet::dns_name copy{(*answer.questions().begin()).name};
        return std::equal(copy.wire().begin(), copy.wire().end(), name.wire().begin(), name.wire().end());
    }
    /// Returns the address of a name, or of the name that it is an alias of. Records about other names say nothing that
    /// was asked, so they are passed over (RFC 5452 §6).
    static std::optional<ipv4_address> address_in(const packet::dns_view& answer,
                                                  const packet::dns_name& name) noexcept {
        packet::dns_name_view wanted{name};
        for (const packet::dns_record& each : answer.answers()) {
            if (each.record_class != packet::dns_class::internet || !(each.name == wanted)) continue;
            if (const auto address = each.address(); address && address->is_v4()) return address->v4();
            if (each.type == packet::dns_type::cname) wanted = each.target().value_or(wanted);
        }
        return std::nullopt;
    }
    void finish(lookup& asked) {
        if (asked.is_done) return;
        asked.is_done = true;
        std::erase(open_, &asked);
        const bool is_used =
            std::any_of(open_.begin(), open_.end(), [&](const lookup* each) { return each->port == asked.port; });
        if (!is_used) host_->on_udp(asked.port, {});
    }

    host* host_;
    ipv4_address server_;
    resolver_habits habits_;
    std::deque<lookup> lookups_;  // a deque keeps its elements in their places
    std::vector<lookup*> open_;   // that wait for an answer
    std::uint16_t next_id_ = 1;
};

}  // namespace netnotes::lan

#endif  // NETNOTES_LAN_NAME_SERVICE_HPP



namespace netnotes::lan {

/// A host that sends SYNs in the name of hosts that do not exist. Nobody answers the SYN+ACKs, so each SYN occupies a
/// place in the server's backlog until the server gives it up.
class syn_flooder : public host {
  public:
    syn_flooder(network& net, std::string_view name, std::string_view interface) : host{net, name, interface} {}
    [[nodiscard]] std::string_view kind() const noexcept override { return "attacker"; }

    /// Sends `count` SYNs, one after each `interval`. Their sources are the addresses from `first_source` on.
    void flood(const endpoint& victim, unsigned count, virtual_time interval,
               ipv4_address first_source = {203, 0, 113, 1}) {
        if (count == 0) return;
        send_syn(victim, first_source);
        const ipv4_address next{first_source.to_uint() + 1};
        net().after(interval, [this, victim, count, interval, next] { flood(victim, count - 1, interval, next); });
    }
    /// Returns how many packets were sent so far.
    [[nodiscard]] std::uint64_t sent() const noexcept { return sent_; }

  private:
    void send_syn(const endpoint& victim, ipv4_address source) {
        const auto random = net().random().next();
        packet::tcp syn{.source_port = static_cast<std::uint16_t>(1024 + random % 60'000),
                        .destination_port = victim.port(),
                        .sequence_number = packet::sequence{static_cast<std::uint32_t>(random >> 32)},
                        .flags = packet::tcp_flag::syn};
        syn.options.maximum_segment_size(1460);
        std::vector<std::byte> made;
        packet::write(made, packet::ipv4{.source = source, .destination = victim.address().v4()}, syn);
        packet_options how;
        how.source = source;
        sent_ += send_packet(victim.address().v4(), packet::ip_protocol::tcp, std::span{made}.subspan(20), how);
    }
    std::uint64_t sent_ = 0;
};

/// A node that makes two hosts send to it what they mean to send to each other. It passes everything on, so they notice
/// nothing, and it can read and change what it passes on.
class arp_spoofer : public node {
  public:
    /// Looks at a packet that two hosts believe to exchange directly. Returns false to drop it.
    using reader = std::function<bool(const packet::frame_view& frame)>;

    arp_spoofer(network& net, std::string_view name) : node{net, name} { add_ports(1); }
    [[nodiscard]] std::string_view kind() const noexcept override { return "attacker"; }
    /// Returns the address of the attacker's card.
    [[nodiscard]] packet::mac_address hardware_address() const noexcept { return port_address(0); }
    reader read;

    /// Tells `a` that the attacker's card is that of `b`, and tells `b` that it is that of `a`, each `interval`,
    /// `count` times. Caches forget and learn, so an attacker must repeat itself. First it asks for the true cards of
    /// both.
    void poison(ipv4_address a, ipv4_address b, virtual_time interval = std::chrono::seconds{10}, unsigned count = 6) {
        victims_ = {a, b};
        for (const ipv4_address each : victims_)
            send_arp({.operation = packet::arp_operation::request,
                      .sender_hardware_address = hardware_address(),
                      .target_protocol_address = each},
                     packet::mac_address::broadcast());
        net().after(std::chrono::milliseconds{10}, [this, interval, count] { lie(interval, count); });
    }
    /// Returns how many packets were passed on.
    [[nodiscard]] std::uint64_t passed_on() const noexcept { return passed_on_; }

    void receive(unsigned, const frame& arrived) override {
        const packet::frame_view view = packet::dissect(arrived.bytes());
        const auto ethernet = view.ethernet();
        if (!ethernet) return;
        if (const auto arp = view.arp()) {
            if (arp->is_ethernet_ipv4() && arp->operation() == packet::arp_operation::reply)
                cards_.insert_or_assign(arp->sender_protocol_address(), arp->sender_hardware_address());
            return;
        }
        const auto ip = view.ipv4();
        if (!ip || ethernet->destination() != hardware_address()) return;
        const auto card = cards_.find(ip->destination());
        if (card == cards_.end()) return;
        if (read && !read(view)) return;
        ++passed_on_;
        std::vector<std::byte> bytes(arrived.bytes().begin(), arrived.bytes().end());
        packet::detail::store_48(bytes.data(), card->second.to_uint());
        packet::detail::store_48(bytes.data() + 6, hardware_address().to_uint());
        send(0, frame{std::move(bytes)});
    }

  private:
    void lie(virtual_time interval, unsigned count) {
        for (std::size_t i = 0; i < 2; ++i) {
            const auto card = cards_.find(victims_[i]);
            if (card == cards_.end()) continue;
            send_arp({.operation = packet::arp_operation::reply,
                      .sender_hardware_address = hardware_address(),
                      .sender_protocol_address = victims_[1 - i],
                      .target_hardware_address = card->second,
                      .target_protocol_address = victims_[i]},
                     card->second);
        }
        if (count > 1) net().after(interval, [this, interval, count] { lie(interval, count - 1); });
    }
    void send_arp(const packet::arp& what, packet::mac_address to) {
        std::vector<std::byte> bytes;
        packet::write(bytes, packet::ethernet{.destination = to, .source = hardware_address()}, what);
        send(0, frame{std::move(bytes)});
    }
    std::array<ipv4_address, 2> victims_{};
    std::map<ipv4_address, packet::mac_address> cards_;
    std::uint64_t passed_on_ = 0;
};

/// Dynamic ARP inspection: a guard for a switch. It knows which card has which address and behind which port the card
/// is. An ARP packet that says something else is dropped. Real switches learn the table from DHCP.
///
///     lan::arp_inspection inspection;
///     inspection.bind(a.address(), a.hardware_address(), 0);
///     s.add_guard(inspection.guard());
class arp_inspection {
  public:
    /// Enters a host: its address, its card, and the port of the switch.
    void bind(ipv4_address address, packet::mac_address card, unsigned port) { table_[address] = {card, port}; }
    /// Returns true if the frame may pass: it is no ARP packet, or its sender has the address that it claims. The
    /// sender 0.0.0.0 asks before it has an address (RFC 5227), and claims nothing.
    [[nodiscard]] bool operator()(unsigned port, const packet::frame_view& frame) const {
        const auto arp = frame.arp();
        if (!arp) return true;
        if (!arp->is_ethernet_ipv4()) return false;
        const auto ethernet = frame.ethernet();
        if (!ethernet || ethernet->source() != arp->sender_hardware_address()) return false;
        if (arp->sender_protocol_address().is_unspecified()) return true;
        const auto found = table_.find(arp->sender_protocol_address());
        return found != table_.end() && found->second.card == arp->sender_hardware_address() &&
               found->second.port == port;
    }
    /// Returns a guard for learning_switch::add_guard(). This object must outlive the switch.
    [[nodiscard]] std::function<bool(unsigned, const packet::frame_view&)> guard() const {
        return [this](unsigned port, const packet::frame_view& frame) { return (*this)(port, frame); };
    }

  private:
    struct binding {
        packet::mac_address card;
        unsigned port = 0;
    };
    std::map<ipv4_address, binding> table_;
};

/// A host that sends answers in the name of a name server, and guesses what makes them fit. It does not see the
/// queries.
class dns_spoofer : public host {
  public:
    dns_spoofer(network& net, std::string_view name, std::string_view interface) : host{net, name, interface} {}
    [[nodiscard]] std::string_view kind() const noexcept override { return "attacker"; }

    /// Sends `count` forged answers to `client`, one after each `interval`. Each says that `name` has the address
    /// `lie`, and guesses id, port and capitals by chance among what the resolver's `habits` leave open. The forger
    /// knows every value that they do not vary: `id` is the next id of a resolver that counts.
    void forge(ipv4_address client, ipv4_address server, std::string_view name, ipv4_address lie,
               const resolver_habits& habits, std::uint16_t id, unsigned count, virtual_time interval) {
        for (unsigned i = 0; i < count; ++i)
            net().after(i * interval, [this, client, server, text = std::string{name}, lie, habits, id] {
                send_answer(client, server, text, lie, habits, id);
            });
    }
    /// Returns how many packets were sent so far.
    [[nodiscard]] std::uint64_t sent() const noexcept { return sent_; }

  private:
    void send_answer(ipv4_address client, ipv4_address server, std::string name, ipv4_address lie,
                     const resolver_habits& habits, std::uint16_t id) {
        random_numbers& random = net().random();
        std::uint16_t port = habits.first_port;
        if (habits.random_id) id = static_cast<std::uint16_t>(random.below(habits.ids()));
        if (habits.random_port) port = static_cast<std::uint16_t>(port + random.below(habits.ports()));
        if (habits.mixed_case)
            for (char& each : name)
                if (resolver_habits::is_letter(static_cast<std::byte>(each)) && random.chance(500'000))
                    each = static_cast<char>(each ^ 0x20);
        const packet::dns_name asked{name};
        std::array<std::byte, packet::dns_udp_size> space;
        packet::dns_builder answer{space, {.id = id, .is_response = true, .is_authoritative = true}};
        answer.question(asked, packet::dns_type::a);
        answer.address(packet::dns_section::answer, asked, 86'400, lie);
        packet_options how;
        how.source = server;
        sent_ += send_udp(name_server::port, {client, port}, answer.message(), how);
    }
    std::uint64_t sent_ = 0;
};

}  // namespace netnotes::lan

#endif  // NETNOTES_LAN_ATTACKS_HPP


// netnotes/lan/draw.hpp: maps and sequence diagrams, as text
// SPDX-License-Identifier: MIT
//
// A map shows how the nodes hang together, as a tree from the first node on. A sequence diagram has a column for each node and a
// row for each frame; time goes downwards:
//
//        A  10.0.1.2/24                        A       S       B
//        └── S                        0.000000 |------>|       |   ARP: where is 10.0.1.3? tell 10.0.1.2
//            └── B  10.0.1.3/24       0.000010 |       |------>|   ARP: where is 10.0.1.3? tell 10.0.1.2
//                                     0.000020 |       |   x---|   ARP: 10.0.1.3 is at …  [lost on the way]
//
// On this page:  map_text · sequence_diagram
// The notes:     Packet Tracer; examples 32 to 34

#ifndef NETNOTES_LAN_DRAW_HPP
#define NETNOTES_LAN_DRAW_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>



// netnotes/lan/print.hpp: what happened, as text
// SPDX-License-Identifier: MIT
//
// Three tables about the frames of a network:
//
//        hops       a line for each frame on each cable: time, cable, hardware addresses, and what is inside
//        witnesses  who saw what: a line for each frame, a column for each host
//        addresses  hardware pair and IP pair of each hop side by side: what changes on the way, and what does not
//
// On this page:  hop_line · hops · witnesses · addresses · all_tables
// The notes:     Packet Tracer; examples 32 to 34

#ifndef NETNOTES_LAN_PRINT_HPP
#define NETNOTES_LAN_PRINT_HPP

#include <algorithm>
#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>


// netnotes/packet/print.hpp: a frame as a line, a tree, a hex dump, and the RFC's box
// SPDX-License-Identifier: MIT
//
// Four printers show the same frame, from far away to very near. All but the first are driven by the table of
// fields.hpp:
//
//        summary      10.0.0.1 → 10.0.0.2 TCP 74 40944 → 6666 [SYN] Seq=0 Win=64240 Len=0 MSS=1460
//
//        tree         TCP, 20 bytes from byte 34
//                         source port: 40944
//                         …
//
//        hex_dump     0020  00 02[9f f0]1a 0a 00 00 00 00 00 00 00 00 50 02  .. .......... P.
//
//        box          ┌───────────────────────────────┬───────────────────────────────┐
//                     │          source port          │       destination port        │
//                     │             40944             │             6666              │
//                     ├───────────────────────────────┴───────────────────────────────┤
//
// Texts that come from the frame are names of DNS only, and these are safe for a terminal.
//
// On this page:  summary · tree · hex_dump · box
// The notes:     网络分析工具, TCP报文首部; examples 29, 30

#ifndef NETNOTES_PACKET_PRINT_HPP
#define NETNOTES_PACKET_PRINT_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

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




namespace netnotes::packet {

/// Returns the frame in one line: addresses, protocol, size on the wire, and the main fields of the protocol. Sequence
/// numbers stand as the header has them, not relative to the first. The line of a long DNS message ends with "...".
[[nodiscard]] std::string summary(const frame_view& frame);
/// Returns a paragraph for each header, with a line for each of its fields. A last line says what could not be read.
[[nodiscard]] std::string tree(const frame_view& frame);
/// Returns the bytes as lines of sixteen, in hexadecimal digits and as characters. The bytes of `marked` stand in
/// brackets.
[[nodiscard]] std::string hex_dump(std::span<const std::byte> bytes, std::optional<field_place> marked = std::nullopt);
/// Returns the header as its RFC draws it, 32 bits in a row, with the frame's values in it. Ethernet has 48 bits in a
/// row. Returns an empty text if the frame does not have the header.
[[nodiscard]] std::string box(const frame_view& frame, layer header);

namespace detail {

/// Appends texts and numbers.
class line {
  public:
    template <class... Parts>
    line& add(const Parts&... parts) {
        (append(parts), ...);
        return *this;
    }
    std::string text;

  private:
    void append(std::string_view part) { text += part; }
    void append(const char* part) { text += part; }
    void append(const std::string& part) { text += part; }
    void append(std::uint64_t number) { text += std::to_string(number); }
};

inline void add_tcp(line& to, const frame_view& frame, const tcp_view& header) {
    to.add(header.source_port(), " → ", header.destination_port(), " [");
    constexpr std::string_view names[]{"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"};
    bool is_first = true;
    for (unsigned bit = 0; bit < 8; ++bit) {
        if ((header.flags().to_uint() >> bit & 1) == 0) continue;
        to.add(is_first ? "" : ", ", names[bit]);
        is_first = false;
    }
    to.add(is_first ? "<None>" : "", "] Seq=", header.sequence_number().to_uint());
    if (header.flags().ack()) to.add(" Ack=", header.acknowledgment_number().to_uint());
    to.add(" Win=", header.window(), " Len=", transport_payload_size(frame));
    for (const option& each : header.options()) {
        const auto* const data = each.data.data();
        const std::size_t size = each.data.size();
        switch (static_cast<tcp_option>(each.kind)) {
            case tcp_option::maximum_segment_size:
                if (size == 2) to.add(" MSS=", load_16(data));
                break;
            case tcp_option::window_scale:
                if (size == 1) to.add(" WS=", std::uint64_t{1} << std::min<unsigned>(load_8(data), 14));
                break;
            case tcp_option::sack_permitted: to.add(" SACK_PERM"); break;
            case tcp_option::timestamps:
                if (size == 8) to.add(" TSval=", load_32(data), " TSecr=", load_32(data + 4));
                break;
            default: break;
        }
    }
}

/// A hostile message names a long name in each of 5,000 records: 64 KiB would become 5 MB. So a line ends early.
inline constexpr std::size_t max_dns_text = 4096;

inline void add_dns(line& to, const dns_view& message) {
    const auto is_full = [&] { return to.text.size() > max_dns_text && (to.add(" ..."), true); };
    const dns_header header = message.header();
    to.add(header.opcode == dns_opcode::query ? "Standard query" : "Operation");
    if (header.is_response) to.add(" response");
    to.add(" 0x");
    for (unsigned shift = 16; shift > 0; shift -= 4)
        to.text += netnotes::detail::hexadecimal_digits[message.id() >> (shift - 4) & 15];
    const auto add_type = [&](dns_type type) {
        const std::string_view name = to_string(type);
        if (name.empty())
            to.add(" TYPE", static_cast<std::uint64_t>(type));
        else
            to.add(" ", name);
    };
    if (header.is_response) {
        switch (header.response_code) {
            case dns_response_code::no_error: break;
            case dns_response_code::format_error: to.add(" Format error"); break;
            case dns_response_code::server_failure: to.add(" Server failure"); break;
            case dns_response_code::name_error: to.add(" No such name"); break;
            case dns_response_code::not_implemented: to.add(" Not implemented"); break;
            case dns_response_code::refused: to.add(" Refused"); break;
            default: to.add(" error ", static_cast<std::uint64_t>(header.response_code));
        }
    }
    for (const dns_question& question : message.questions()) {
        if (is_full()) return;
        add_type(question.type);
        to.add(" ", question.name.to_string());
    }
    for (const dns_record& record : message.records()) {
        if (is_full()) return;
        add_type(record.type);
        if (const auto address = record.address()) to.add(" ", address->to_string());
        if (const auto target = record.target()) to.add(" ", target->to_string());
        if (const auto mail = record.mail_exchange()) to.add(" ", mail->preference, " ", mail->exchange.to_string());
        if (const auto service = record.service())
            to.add(" ", service->priority, " ", service->weight, " ", service->port, " ", service->target.to_string());
        if (const auto zone = record.start_of_authority()) to.add(" ", zone->primary_server.to_string());
    }
}

inline void add_arp(line& to, const arp_view& arp) {
    const std::string sender = arp.sender_protocol_address().to_string(),
                      target = arp.target_protocol_address().to_string();
    if (arp.operation() == arp_operation::request)
        to.add("Who has ", target, "? Tell ", sender);
    else
        to.add(sender, " is at ", arp.sender_hardware_address().to_string());
}

/// Returns the text behind the names of both ends: the innermost protocol, the size, and its main fields.
inline void add_protocol(line& to, const frame_view& frame) {
    const auto start = [&](std::string_view name) { to.add(name, " ", frame.size_on_the_wire(), " "); };
    if (const auto tcp = frame.tcp()) {
        start("TCP");
        add_tcp(to, frame, *tcp);
    } else if (const auto message = fields::dns_of(frame)) {
        start("DNS");
        add_dns(to, *message);
    } else if (const auto udp = frame.udp()) {
        start("UDP");
        // A length of 0 is a jumbogram's, or of segmentation offload.
        const std::size_t size = udp->length() >= 8 ? udp->length() - 8u : frame.payload().size();
        to.add(udp->source_port(), " → ", udp->destination_port(), " Len=", size);
    } else if (const auto icmp = frame.icmp()) {
        start("ICMP");
        to.add(to_string(icmp->type()));
        if (icmp->is_echo()) to.add(" id=", icmp->identifier(), " seq=", icmp->sequence_number());
    } else if (const auto icmpv6 = frame.icmpv6()) {
        start("ICMPv6");
        to.add(to_string(icmpv6->type()));
        if (icmpv6->is_echo()) to.add(" id=", icmpv6->identifier(), " seq=", icmpv6->sequence_number());
    } else if (frame.arp()) {
        start("ARP");
        if (frame.arp()->is_ethernet_ipv4()) add_arp(to, *frame.arp());
    } else if (frame.ipv4() || frame.ipv6()) {
        const std::string_view name = to_string(frame.protocol());
        start(name.empty() ? "IP" : name);
        if (frame.is_fragment())
            to.add("fragment");
        else
            to.add("protocol ", static_cast<std::uint64_t>(frame.protocol()));
    } else {
        start(frame.ethernet() ? "Ethernet" : "frame");
        if (frame.ethernet() && !frame.ethernet()->has_length()) to.add(*text_of(frame, "eth.type"));
    }
}

/// Returns the size of a header in bytes; the header is in the frame.
inline std::size_t header_size(const frame_view& frame, layer header) {
    switch (header) {
        case layer::ethernet: return 14;
        case layer::vlan: return 4;
        case layer::arp: return frame.arp()->header_size();
        case layer::ipv4: return frame.ipv4()->header_size();
        case layer::ipv6: return 40;
        case layer::ipv6_extension: return 8;
        case layer::udp: return 8;
        case layer::tcp: return frame.tcp()->header_size();
        case layer::icmp: return frame.icmp()->header_size();
        case layer::icmpv6: return frame.icmpv6()->header_size();
        case layer::dns: return 12;
        default: return 0;
    }
}

/// Returns the field for a reader: with the names that numbers have.
inline std::string explained(const frame_view& frame, const field& which, const std::string& text) {
    if (which.filter_name == "ip.checksum.status") return std::string{to_string(frame.ipv4()->header_checksum_state())};
    if (which.filter_name.ends_with(".checksum.status")) return std::string{to_string(frame.checksum_state())};
    const std::uint64_t value = value_of(frame, which).value_or(0);
    std::string_view name;
    if (which.format == field_format::words)
        return netnotes::detail::joined(std::to_string(value), " words, ", text, " bytes");
    if (which.filter_name == "eth.type" || which.filter_name == "vlan.etype" || which.filter_name == "arp.proto.type")
        name = to_string(static_cast<ether_type>(value));
    if (which.filter_name == "ip.proto" || which.filter_name == "ipv6.nxt" || which.filter_name == "ipv6.fraghdr.nxt")
        name = to_string(static_cast<ip_protocol>(value));
    if (which.filter_name == "arp.opcode") name = to_string(static_cast<arp_operation>(value));
    if (which.filter_name == "icmp.type") name = to_string(static_cast<icmp_type>(value));
    if (which.filter_name == "icmpv6.type") name = to_string(static_cast<icmpv6_type>(value));
    return name.empty() ? text : netnotes::detail::joined(text, " (", name, ")");
}

/// A cell of a box: some bits in one row, with a name and a value.
struct box_cell {
    std::size_t first = 0, count = 0;  // bits of the row
    std::vector<std::string> lines;

    [[nodiscard]] std::size_t width() const noexcept { return 2 * count - 1; }
    /// Breaks the name between words, and words that are too long between letters.
    void put(std::string_view name, const std::string& value) {
        std::string now;
        const auto finish = [&] {
            if (!now.empty()) lines.push_back(now);
            now.clear();
        };
        while (!name.empty()) {
            const std::string_view word = name.substr(0, name.find(' '));
            name.remove_prefix(std::min(word.size() + 1, name.size()));
            if (!now.empty() && now.size() + 1 + word.size() > width()) finish();
            if (!now.empty()) now += ' ';
            for (const char c : word) {
                if (now.size() == width()) finish();
                now += c;
            }
        }
        finish();
        if (!value.empty()) lines.push_back(value.substr(0, width()));
    }
};

/// Draws rows of cells. Each row has the same number of bits.
class box_drawing {
  public:
    explicit box_drawing(std::size_t row_bits) : row_bits_{row_bits} {
        std::string tens, ones;
        for (std::size_t bit = 0; bit < row_bits; ++bit) {
            tens += bit % 10 == 0 ? static_cast<char>('0' + bit / 10) : ' ';
            tens += ' ';
            ones += static_cast<char>('0' + bit % 10);
            ones += ' ';
        }
        tens.erase(tens.find_last_not_of(' ') + 1);
        ones.pop_back();
        text_ += ' ' + tens + "\n " + ones + '\n';
    }
    void row(const std::vector<box_cell>& cells) {
        std::vector<bool> edges(row_bits_ + 1);
        edges[0] = true;
        for (const box_cell& each : cells) edges[each.first + each.count] = true;
        rule(edges);
        std::size_t height = 1;
        for (const box_cell& each : cells) height = std::max(height, each.lines.size());
        for (std::size_t i = 0; i < height; ++i) {
            text_ += "│";
            for (const box_cell& each : cells) {
                // The value stands in the last line of each cell of the row, the name from the first line on.
                std::string part;
                if (!each.lines.empty() && i + 1 == height)
                    part = each.lines.back();
                else if (i + 1 < each.lines.size())
                    part = each.lines[i];
                const std::size_t space = each.width() - std::min(part.size(), each.width());
                text_ += std::string(space / 2, ' ') + part + std::string(space - space / 2, ' ');
                text_ += "│";
            }
            text_ += '\n';
        }
        above_ = edges;
    }
    std::string finish() {
        rule(std::vector<bool>(row_bits_ + 1), true);
        return std::move(text_);
    }

  private:
    void rule(const std::vector<bool>& below, bool is_last = false) {
        const bool is_first = above_.empty();
        std::size_t last = row_bits_;  // a last row may be shorter
        while (last > 0 && !below[last] && (is_first || !above_[last])) --last;
        for (std::size_t bit = 0; bit <= last; ++bit) {
            const bool up = !is_first && above_[bit], down = !is_last && below[bit];
            if (bit == 0)
                text_ += is_first ? "┌" : is_last ? "└" : "├";
            else if (bit == last)
                text_ += !up ? "┐" : down ? "┤" : "┘";
            else
                text_ += up ? (down ? "┼" : "┴") : down ? "┬" : "─";
            if (bit < last) text_ += "─";
        }
        text_ += '\n';
    }
    std::size_t row_bits_;
    std::string text_;
    std::vector<bool> above_;
};

}  // namespace detail

inline std::string summary(const frame_view& frame) {
    detail::line all;
    if (const auto ip = frame.ipv4())
        all.add(ip->source().to_string(), " → ", ip->destination().to_string(), " ");
    else if (const auto ip6 = frame.ipv6())
        all.add(ip6->source().to_string(), " → ", ip6->destination().to_string(), " ");
    else if (const auto ethernet = frame.ethernet())
        all.add(ethernet->source().to_string(), " → ", ethernet->destination().to_string(), " ");
    detail::add_protocol(all, frame);
    if (frame.failure()) all.add(all.text.ends_with(' ') ? "[" : " [", frame.failure().message(), "]");
    if (all.text.ends_with(' ')) all.text.pop_back();
    return all.text;
}

inline std::string tree(const frame_view& frame) {
    detail::line all;
    all.add("Frame, ", frame.bytes().size(), " bytes");
    if (frame.is_cut_short()) all.add(" of ", frame.size_on_the_wire(), " on the wire");
    all.add("\n");
    std::optional<layer> header;
    for (const field& each : all_fields) {
        if (each.header == layer::payload) continue;
        auto text = text_of(frame, each);
        if (!text) continue;
        if (text->size() > detail::max_dns_text) text->replace(detail::max_dns_text, text->npos, "...");
        if (each.header != header) {
            header = each.header;
            all.add(to_string(*header), ", ", detail::header_size(frame, *header), " bytes from byte ",
                    *place_of(frame, *header), "\n");
        }
        all.add("    ", each.name, ": ", detail::explained(frame, each, *text), "\n");
    }
    if (!frame.payload().empty())
        all.add("Payload, ", frame.payload().size(), " bytes from byte ", frame.payload_offset(), ", ended by ",
                to_string(frame.payload_ended_by()), "\n");
    if (!frame.trailer().empty()) all.add("Trailer, ", frame.trailer().size(), " bytes\n");
    if (frame.failure()) all.add("Failure: ", frame.failure().message(), "\n");
    return all.text;
}

inline std::string hex_dump(std::span<const std::byte> bytes, std::optional<field_place> marked) {
    constexpr std::string_view digits = netnotes::detail::hexadecimal_digits;
    const std::size_t first = marked ? marked->first_byte() : bytes.size();
    const std::size_t last = marked ? first + marked->byte_count() : bytes.size();  // behind the marked bytes
    unsigned offset_bits = 16;  // a frame of the loopback interface may have more than 64 KiB
    while (offset_bits < 64 && bytes.size() > std::uint64_t{1} << offset_bits) offset_bits += 4;
    std::string text;
    for (std::size_t row = 0; row < bytes.size(); row += 16) {
        for (unsigned shift = offset_bits; shift > 0; shift -= 4) text += digits[row >> (shift - 4) & 15];
        text += ' ';
        for (std::size_t at = row; at <= row + 16; ++at) {
            const bool is_marked = at >= first && at < last;
            const bool was_marked = at > row && at - 1 >= first && at - 1 < last;
            const bool is_in_row = at < row + 16 && at < bytes.size();
            text += is_marked && !was_marked && is_in_row ? '[' : was_marked && !(is_marked && is_in_row) ? ']' : ' ';
            if (at == row + 16) break;
            const auto value = at < bytes.size() ? std::to_integer<unsigned>(bytes[at]) : 0u;
            text += at < bytes.size() ? digits[value >> 4] : ' ';
            text += at < bytes.size() ? digits[value & 15] : ' ';
        }
        text += ' ';
        for (std::size_t at = row; at < std::min(row + 16, bytes.size()); ++at) {
            const auto value = std::to_integer<unsigned>(bytes[at]);
            text += value >= ' ' && value <= '~' ? static_cast<char>(value) : '.';
        }
        text += '\n';
    }
    return text;
}

inline std::string box(const frame_view& frame, layer header) {
    const auto start = place_of(frame, header);
    if (!start || detail::header_size(frame, header) == 0) return {};
    const std::size_t row_bits = header == layer::ethernet ? 48 : 32;
    const std::size_t end = detail::header_size(frame, header) * 8;
    struct part {
        std::size_t first, count;
        std::string_view name;
        std::string value;
    };
    std::vector<part> parts;
    std::size_t at = 0;
    const auto fill = [&](std::size_t to) {  // bits without a name: reserved, or options
        if (to <= at) return;
        const bool is_option = to == end && to - at >= 32 && (header == layer::tcp || header == layer::ipv4);
        parts.push_back({at, to - at, is_option ? "options" : "", ""});
        at = to;
    };
    for (const field& each : all_fields) {
        const auto place = each.header == header ? place_of(frame, each) : std::nullopt;
        if (!place || place->first_bit < *start * 8 + at || place->first_bit + place->bit_count > *start * 8 + end)
            continue;
        if (each.locate != nullptr && header == layer::tcp) continue;  // options have no fixed place
        fill(place->first_bit - *start * 8);
        // The box has the number that stands in the header: words, not bytes.
        parts.push_back(
            {at, each.bit_count, each.name,
             each.format == field_format::words ? std::to_string(*value_of(frame, each)) : *text_of(frame, each)});
        at += each.bit_count;
    }
    fill(end);
    detail::box_drawing drawing{row_bits};
    std::vector<detail::box_cell> row;
    for (const part& each : parts) {
        std::size_t first = each.first, count = each.count;
        bool is_continued = false;
        while (count > 0) {
            const std::size_t in_row = first % row_bits;
            // Several whole rows become one high cell.
            const bool is_high = in_row == 0 && count > row_bits;
            const std::size_t bits = is_high ? row_bits : std::min(count, row_bits - in_row);
            const std::size_t taken = is_high ? count / row_bits * row_bits : bits;
            detail::box_cell cell{in_row, bits, {}};
            if (is_continued)
                cell.put("...", "");
            else
                cell.put(each.name, each.value);
            row.push_back(cell);
            if (in_row + bits == row_bits || first + taken == end) {
                drawing.row(row);
                row.clear();
            }
            first += taken;
            count -= taken;
            is_continued = true;
        }
    }
    return drawing.finish();
}

}  // namespace netnotes::packet

#endif  // NETNOTES_PACKET_PRINT_HPP




namespace netnotes::lan {

namespace detail {
/// Appends blanks up to a width, which counts characters of UTF-8, and two more.
inline void pad(std::string& text, std::size_t begin, std::size_t width) {
    std::size_t columns = 0;
    for (std::size_t i = begin; i < text.size(); ++i) columns += (static_cast<unsigned char>(text[i]) & 0xc0) != 0x80;
    if (columns < width) text.append(width - columns, ' ');
    text += "  ";
}
/// Aligns the columns of a table. The last column is not filled up.
inline std::string aligned(const std::vector<std::vector<std::string>>& rows) {
    std::vector<std::size_t> widths;
    const auto width_of = [](std::string_view text) {
        return static_cast<std::size_t>(std::count_if(
            text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
    };
    for (const auto& row : rows)
        for (std::size_t i = 0; i < row.size(); ++i) {
            if (i == widths.size()) widths.push_back(0);
            widths[i] = std::max(widths[i], width_of(row[i]));
        }
    std::string text;
    for (const auto& row : rows) {
        std::string line;
        for (std::size_t i = 0; i < row.size(); ++i) {
            const std::size_t begin = line.size();
            line += row[i];
            if (i + 1 < row.size()) pad(line, begin, widths[i]);
        }
        while (line.ends_with(' ')) line.pop_back();
        text += line + "\n";
    }
    return text;
}
inline std::string way_of(const passage& which) { return which.sender().name() + " \u2192 " + which.receiver().name(); }
/// Says what is in a frame, in a few words: `ARP: where is 10.0.1.3?`, `ICMP echo request 10.0.1.2 → 10.0.1.3`.
inline std::string contents_of(const frame& which) {
    const packet::frame_view view = packet::dissect(which.bytes());
    if (const auto arp = view.arp()) {
        if (arp->is_announcement()) return "ARP: I have " + arp->sender_protocol_address().to_string();
        if (arp->operation() == packet::arp_operation::request)
            return "ARP: where is " + arp->target_protocol_address().to_string() + "? tell " +
                   arp->sender_protocol_address().to_string();
        return "ARP: " + arp->sender_protocol_address().to_string() + " is at " +
               arp->sender_hardware_address().to_string();
    }
    const auto ip = view.ipv4();
    if (!ip) return packet::summary(view);
    std::string text = packet::summary(view);
    text += " ttl=" + std::to_string(ip->time_to_live());
    return text;
}
}  // namespace detail

/// Returns a frame's passage in one line: time, way, contents, and the fate of a frame that did not simply arrive.
[[nodiscard]] inline std::string hop_line(const passage& which) {
    std::string text = time_text(which.sent) + "  " + detail::way_of(which) + "  " + detail::contents_of(which.frame);
    if (which.fate != fate::delivered) text += netnotes::detail::joined("  [", to_string(which.fate), "]");
    return text;
}

/// Returns a line for each passage, in columns.
[[nodiscard]] inline std::string hops(std::span<const passage> passages) {
    std::vector<std::vector<std::string>> rows;
    for (const passage& each : passages) {
        std::string what = detail::contents_of(each.frame);
        if (each.fate != fate::delivered) what += netnotes::detail::joined("  [", to_string(each.fate), "]");
        rows.push_back({time_text(each.sent), detail::way_of(each), what});
    }
    return detail::aligned(rows);
}

/// Returns a table of frames and hosts. A cell says `sent`, or `for me` for a frame to this host or to all hosts. It says
/// `ignored` for a frame to another host, and `-` if the frame never came. Frames that a device repeats on several cables make
/// one line. Hubs and switches have no column.
[[nodiscard]] inline std::string witnesses(const network& net, std::span<const passage> passages) {
    std::vector<node*> hosts;
    for (const auto& each : net.nodes())
        if (each->kind() != "hub" && each->kind() != "switch") hosts.push_back(each.get());
    std::vector<std::vector<std::string>> lines;
    std::map<const std::byte*, std::size_t> line_of;  // copies of a frame share their bytes
    const auto column = [&](const node& which) {
        return static_cast<std::size_t>(std::find(hosts.begin(), hosts.end(), &which) - hosts.begin());
    };
    for (const passage& each : passages) {
        const std::byte* const bytes = each.frame.bytes().data();
        const auto [known_line, is_new] = line_of.try_emplace(bytes, lines.size());
        if (is_new) {
            lines.emplace_back(hosts.size() + 1, "-");
            lines.back().back() = detail::contents_of(each.frame);
        }
        auto& cells = lines[known_line->second];
        if (const auto i = column(each.sender()); i < hosts.size()) cells[i] = "sent";
        const auto i = column(each.receiver());
        if (i >= hosts.size() || !arrives(each.fate)) continue;
        packet::packet_failure why;
        const auto header = packet::ethernet_view::parse(each.frame.bytes(), why);
        const unsigned port = each.wire->port_at(1 - each.from);
        const ip_node* const known = hosts[i]->as_ip_node();
        const auto mine = known != nullptr ? known->hardware_address(port) : hosts[i]->port_address(port);
        const bool is_for_it = header && (header->destination().is_multicast() || header->destination() == mine);
        cells[i] = is_for_it ? "for me" : "ignored";
    }
    std::vector<std::vector<std::string>> rows{{}};
    for (const node* each : hosts) rows[0].push_back(each->name());
    rows[0].push_back("frame");
    for (auto& each : lines) rows.push_back(std::move(each));
    return detail::aligned(rows);
}

/// Returns a table of the IP packets: the pair of hardware addresses and the pair of IP addresses on each cable, with the time to
/// live and the header's checksum.
[[nodiscard]] inline std::string addresses(std::span<const passage> passages) {
    std::vector<std::vector<std::string>> rows{{"way", "hardware addresses", "IP addresses", "ttl", "checksum", ""}};
    for (const passage& each : passages) {
        const packet::frame_view view = packet::dissect(each.frame.bytes());
        const auto ethernet = view.ethernet();
        const auto ip = view.ipv4();
        if (!ethernet || !ip) continue;
        std::string checksum = "0x";
        for (unsigned shift = 16; shift > 0; shift -= 4)
            checksum += netnotes::detail::hexadecimal_digits[ip->header_checksum() >> (shift - 4) & 0xf];
        checksum += ip->header_checksum_state() == packet::checksum_state::good ? " right" : " wrong";
        std::string what;
        if (const auto icmp = view.icmp()) what = std::string{to_string(icmp->type())};
        if (const auto udp = view.udp())
            what = "UDP " + std::to_string(udp->source_port()) + " \u2192 " + std::to_string(udp->destination_port());
        if (const auto tcp = view.tcp())
            what = "TCP " + std::to_string(tcp->source_port()) + " \u2192 " + std::to_string(tcp->destination_port());
        rows.push_back({detail::way_of(each),
                        ethernet->source().to_string() + " \u2192 " + ethernet->destination().to_string(),
                        ip->source().to_string() + " \u2192 " + ip->destination().to_string(),
                        std::to_string(ip->time_to_live()), checksum, what});
    }
    return detail::aligned(rows);
}

/// Returns the tables of all nodes that have one, each below the node's name.
[[nodiscard]] inline std::string all_tables(const network& net) {
    std::string text;
    for (const auto& each : net.nodes()) {
        const std::string table = each->tables();
        if (!table.empty()) text += netnotes::detail::joined(each->kind(), " ", each->name(), "\n", table, "\n");
    }
    return text;
}

}  // namespace netnotes::lan

#endif  // NETNOTES_LAN_PRINT_HPP


namespace netnotes::lan {

namespace detail {

/// A node's place in the tree that both drawings share: the first node is the root, and a cable leads to each other node.
struct tree_place {
    node* which = nullptr;
    std::size_t parent = 0;  // index of the place from which it was found; of a root its own index
    std::size_t depth = 0;
    const cable* wire = nullptr;  // that leads to the parent
};
/// Returns all nodes, in depth-first order. A node without a way to the first node begins a tree of its own.
inline std::vector<tree_place> tree_of(const network& net) {
    // The cables of each node, in the order of its ports. Nodes are numbered from 1 in the order of creation.
    std::vector<tree_place> order;
    std::vector<bool> is_known(net.nodes().size() + 1);
    for (const auto& root : net.nodes()) {
        if (is_known[root->number()]) continue;
        std::vector<tree_place> waiting{{root.get(), order.size(), 0, nullptr}};
        while (!waiting.empty()) {
            const tree_place next = waiting.back();
            waiting.pop_back();
            if (is_known[next.which->number()]) continue;
            is_known[next.which->number()] = true;
            const std::size_t index = order.size();
            order.push_back(next);
            for (unsigned port = next.which->port_count(); port-- > 0;) {
                const cable* const wire = next.which->cable_at(port);
                if (wire == nullptr) continue;
                node& other = &wire->end(0) == next.which ? wire->end(1) : wire->end(0);
                if (!is_known[other.number()]) waiting.push_back({&other, index, next.depth + 1, wire});
            }
        }
    }
    return order;
}
/// Returns a share of a million in per cent, for example `0.5 %`.
inline std::string percentage(std::uint32_t per_million) {
    std::string text = std::to_string(per_million / 10'000), rest = std::to_string(per_million % 10'000 + 10'000);
    rest[0] = '.';
    while (rest.ends_with('0')) rest.pop_back();
    return text + (rest.size() > 1 ? rest : "") + " %";
}
/// Returns a rate with the largest unit that leaves a whole number, for example `10 Mbit/s`.
inline std::string rate_text(std::uint64_t rate) {
    for (const auto& [size, unit] : {std::pair{1'000'000'000u, " Gbit/s"}, {1'000'000u, " Mbit/s"}, {1000u, " kbit/s"}})
        if (rate % size == 0) return std::to_string(rate / size) + unit;
    return std::to_string(rate) + " bit/s";
}
/// Returns what a cable does beyond the usual, for example `10.000 ms, loses 1 %`.
inline std::string cable_text(const cable& wire) {
    const cable_settings usual, &how = wire.settings;
    std::string text;
    const auto add = [&](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
    if (how.delay != usual.delay) add(milliseconds(how.delay));
    if (how.rate != 0) add(rate_text(how.rate));
    if (how.mtu != usual.mtu) add("MTU " + std::to_string(how.mtu));
    if (how.loss != 0) add("loses " + percentage(how.loss));
    if (how.duplication != 0) add("doubles " + percentage(how.duplication));
    if (how.reordering != 0) add("delays " + percentage(how.reordering));
    return text;
}
inline std::string addresses_of(node& which) {
    std::string text;
    if (const ip_node* const known = which.as_ip_node())
        for (unsigned port = 0; port < known->port_count(); ++port)
            text += (port == 0 ? "" : "  ") + known->interface(port).to_string();
    return text;
}

}  // namespace detail

/// Returns a map of the network as a tree, a line for each node. Cables that would close a circle stand in lines below.
[[nodiscard]] inline std::string map_text(const network& net) {
    const auto order = detail::tree_of(net);
    std::string text;
    std::set<const cable*> drawn;
    std::vector<bool> goes_on;  // for each depth: does another child follow?
    for (std::size_t i = 0; i < order.size(); ++i) {
        const detail::tree_place& each = order[i];
        // Another child of the same parent follows before the tree leaves that parent.
        bool has_sibling = false;
        for (std::size_t j = i + 1; j < order.size() && order[j].depth >= each.depth; ++j)
            has_sibling = has_sibling || (order[j].depth == each.depth && each.depth > 0);
        goes_on.resize(each.depth);
        for (std::size_t depth = 1; depth < each.depth; ++depth) text += goes_on[depth] ? "│   " : "    ";
        if (each.depth > 0) text += has_sibling ? "├── " : "└── ";
        goes_on.push_back(has_sibling);
        text += each.which->name();
        if (const std::string addresses = detail::addresses_of(*each.which); !addresses.empty())
            text += "  " + addresses;
        else
            text += netnotes::detail::joined("  ", each.which->kind());
        if (each.wire != nullptr) {
            drawn.insert(each.wire);
            if (const std::string how = detail::cable_text(*each.wire); !how.empty()) text += "  (" + how + ")";
        }
        text += "\n";
    }
    for (const auto& each : net.cables())
        if (!drawn.contains(each.get())) text += "and a cable " + each->name() + "\n";
    return text;
}

/// Returns a sequence diagram: a column for each node, a row for each passage.
[[nodiscard]] inline std::string sequence_diagram(const network& net, std::span<const passage> passages) {
    constexpr std::size_t width = 8;
    const auto order = detail::tree_of(net);
    std::vector<std::size_t> columns(net.nodes().size() + 1);
    std::string empty, text(11, ' ');
    for (std::size_t i = 0; i < order.size(); ++i) {
        columns[order[i].which->number()] = i * width;
        empty += "|" + std::string(i + 1 < order.size() ? width - 1 : 0, ' ');
        std::string name = order[i].which->name().substr(0, width - 1);
        name.resize(width, ' ');
        text += name;
    }
    while (text.ends_with(' ')) text.pop_back();
    text += "\n";
    for (const passage& each : passages) {
        const std::size_t from = columns[each.sender().number()], to = columns[each.receiver().number()];
        std::string row = empty;
        const std::size_t left = std::min(from, to), right = std::max(from, to);
        const bool is_lost = !arrives(each.fate);
        if (left == right) {  // a cable from a node to itself
            row[left] = is_lost ? 'x' : 'o';
        } else {
            for (std::size_t at = left + 1; at < right; ++at) row[at] = '-';
            if (is_lost) {  // the arrow ends in the middle
                const std::size_t middle = (left + right) / 2;
                for (std::size_t at = left + 1; at < right; ++at)
                    if (from < to ? at > middle : at < middle) row[at] = at % width == 0 ? '|' : ' ';
                row[middle] = 'x';
            } else {
                row[from < to ? right - 1 : left + 1] = from < to ? '>' : '<';
            }
        }
        text += time_text(each.sent) + "   " + row + "   " + detail::contents_of(each.frame);
        if (each.fate != fate::delivered) text += netnotes::detail::joined("  [", to_string(each.fate), "]");
        text += "\n";
    }
    return text;
}

}  // namespace netnotes::lan

#endif  // NETNOTES_LAN_DRAW_HPP






// netnotes/lan/nat.hpp: many hosts behind one address
// SPDX-License-Identifier: MIT
//
// A home has one public address and many devices. The router replaces the source address of each packet that leaves, and
// remembers that, to undo it in the answer (RFC 3022). Two devices may use the same port, so the router replaces the port
// too, if it must. This is network address and port translation, NAPT:
//
//        inside                    router                     outside
//        10.0.1.2:40000  ───▶   203.0.113.1:40000   ───▶   198.51.100.7:80
//        10.0.1.3:40000  ───▶   203.0.113.1:40001   ───▶   198.51.100.7:80       the port was taken
//
// So the sentence "IP addresses do not change on the way" does not hold behind such a router. Each change of an address also
// changes the checksums of IP and of TCP or UDP, which cover it. They are updated, not computed again (RFC 1624).
//
// A mapping belongs to the inside address and port alone, whatever the destination is (RFC 4787 §4.1). It ends after a time
// without a packet from inside. From outside nobody can reach a device that has not sent first: that is no protection by
// intention, but it works as such. A static mapping opens a port on purpose. A device inside can reach it by the outside
// address as well: the router then translates both ends, and sends the packet back inside (hairpinning, RFC 4787 §6).
//
// An echo has no port, so its identifier takes that place (RFC 5508). An ICMP error quotes a packet, in which the router
// translates as well. Fragments are joined first, because only the first of them has the ports.
//
// On this page:  nat_mapping · nat_table · nat_rewrite
// The notes:     NAT (beyond the notes); example 34

#ifndef NETNOTES_LAN_NAT_HPP
#define NETNOTES_LAN_NAT_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <tuple>








namespace netnotes::lan {

/// One line of the table: an inside address and port, and the outside port that stands for them.
struct nat_mapping {
    packet::ip_protocol protocol{};
    ipv4_address inside{};
    std::uint16_t inside_port = 0;  ///< of an echo: its identifier
    std::uint16_t outside_port = 0;
    virtual_time used{};  ///< when a packet from inside used it last
    bool is_static = false;
};

/// The table of mappings of a router.
class nat_table {
  public:
    /// How long a mapping stays without a packet: RFC 4787 §4.3, RFC 5508 §3.2 and RFC 5382 §5 say at least so.
    virtual_time udp_timeout = std::chrono::minutes{5};
    virtual_time icmp_timeout = std::chrono::seconds{60};
    virtual_time tcp_timeout = std::chrono::minutes{124};
    std::size_t max_mappings = 16'384;

    /// Returns the mapping of an inside address and port; makes a new mapping if that is necessary. It keeps the
    /// port, if that is free outside. Returns nullptr if the table is full. The result is valid until the next call.
    const nat_mapping* outbound(packet::ip_protocol protocol, ipv4_address inside, std::uint16_t port,
                                virtual_time now) {
        const inside_key key{protocol, inside, port};
        if (const auto found = by_inside_.find(key); found != by_inside_.end()) {
            nat_mapping& known = mappings_.at({protocol, found->second});
            if (!is_over(known, now)) return known.used = now, &known;
            drop({protocol, found->second});
        }
        if (mappings_.size() >= max_mappings) drop_expired(now);
        if (mappings_.size() >= max_mappings) return nullptr;
        std::uint16_t outside = port;
        for (unsigned tries = 0; is_taken({protocol, outside}, now); ++tries) {
            if (tries > 0xffff) return nullptr;
            // Ports below 1024 belong to servers; identifiers of echoes have no such rule, but need no other either.
            outside =
                outside < 1024 || outside == 0xffff ? std::uint16_t{1024} : static_cast<std::uint16_t>(outside + 1);
        }
        return add({protocol, inside, port, outside, now, false});
    }
    /// Opens an outside port for an inside server. Replaces a mapping that uses the outside port, and a mapping of the inside
    /// address and port: that has one outside port only.
    void add_static(packet::ip_protocol protocol, std::uint16_t outside_port, ipv4_address inside,
                    std::uint16_t inside_port) {
        drop({protocol, outside_port});
        if (const auto found = by_inside_.find({protocol, inside, inside_port}); found != by_inside_.end())
            drop({protocol, found->second});
        add({protocol, inside, inside_port, outside_port, {}, true});
    }
    /// Returns the mapping of an outside port, or nullptr. A packet from outside does not prolong it (RFC 4787 §4.3 permits
    /// that; otherwise a stranger could keep it alive).
    [[nodiscard]] const nat_mapping* inbound(packet::ip_protocol protocol, std::uint16_t outside_port,
                                             virtual_time now) const {
        const auto found = mappings_.find({protocol, outside_port});
        return found == mappings_.end() || is_over(found->second, now) ? nullptr : &found->second;
    }
    [[nodiscard]] std::size_t size() const noexcept { return mappings_.size(); }
    /// Returns a line for each mapping that is not over.
    [[nodiscard]] std::string text(virtual_time now) const {
        std::string all;
        for (const auto& [key, each] : mappings_) {
            if (is_over(each, now)) continue;
            std::string line = "NAT " + std::string{to_string(each.protocol)};
            line.resize(10, ' ');
            line += each.inside.to_string() + ":" + std::to_string(each.inside_port) + " is outside port " +
                    std::to_string(each.outside_port);
            all += line + (each.is_static ? ", static\n" : "\n");
        }
        return all;
    }

  private:
    using inside_key = std::tuple<packet::ip_protocol, ipv4_address, std::uint16_t>;
    using outside_key = std::tuple<packet::ip_protocol, std::uint16_t>;
    [[nodiscard]] bool is_over(const nat_mapping& which, virtual_time now) const noexcept {
        const virtual_time timeout = which.protocol == packet::ip_protocol::udp    ? udp_timeout
                                     : which.protocol == packet::ip_protocol::icmp ? icmp_timeout
                                                                                   : tcp_timeout;
        return !which.is_static && now - which.used >= timeout;
    }
    bool is_taken(const outside_key& key, virtual_time now) {
        const auto found = mappings_.find(key);
        if (found == mappings_.end()) return false;
        if (!is_over(found->second, now)) return true;
        drop(key);
        return false;
    }
    const nat_mapping* add(const nat_mapping& made) {
        by_inside_[{made.protocol, made.inside, made.inside_port}] = made.outside_port;
        return &(mappings_[{made.protocol, made.outside_port}] = made);
    }
    void drop(const outside_key& key) {
        const auto found = mappings_.find(key);
        if (found == mappings_.end()) return;
        by_inside_.erase({found->second.protocol, found->second.inside, found->second.inside_port});
        mappings_.erase(found);
    }
    void drop_expired(virtual_time now) {
        for (auto each = mappings_.begin(); each != mappings_.end();) {
            const auto here = each++;
            if (is_over(here->second, now)) drop(here->first);
        }
    }

    std::map<outside_key, nat_mapping> mappings_;
    std::map<inside_key, std::uint16_t> by_inside_;
};

/// Which address and port of a packet are meant.
enum class nat_side : std::uint8_t { source, destination };

/// Returns the port that a translation would replace: of TCP and UDP that of the side, of an echo the identifier. The packet
/// begins with its IPv4 header and is no later fragment. Returns nullopt for other packets, and if the port is not there.
[[nodiscard]] inline std::optional<std::uint16_t> nat_port(const packet::ipv4_view& packet, nat_side side) noexcept {
    const auto payload = packet.payload();
    if (payload.size() < 8) return std::nullopt;
    if (packet.protocol() == packet::ip_protocol::icmp) {
        const auto type = static_cast<packet::icmp_type>(payload[0]);
        const bool is_echo = type == packet::icmp_type::echo_request || type == packet::icmp_type::echo_reply;
        return is_echo ? std::optional{packet::detail::load_16(payload.data() + 4)} : std::nullopt;
    }
    if (packet.protocol() != packet::ip_protocol::tcp && packet.protocol() != packet::ip_protocol::udp)
        return std::nullopt;
    return packet::detail::load_16(payload.data() + (side == nat_side::source ? 0 : 2));
}

/// Replaces address and port of a packet, and updates the checksums. nat_port() must have found the port. `bytes` begin with
/// the IPv4 header; the payload may be cut short, as it is in the quotation of an ICMP error.
inline void nat_rewrite(std::span<std::byte> bytes, nat_side side, ipv4_address address, std::uint16_t port) noexcept {
    using packet::detail::load_16, packet::detail::load_32, packet::detail::store_16, packet::detail::store_32;
    std::byte* const ip = bytes.data();
    std::byte* const place = ip + (side == nat_side::source ? 12 : 16);
    const std::uint32_t before = load_32(place), after = address.to_uint();
    store_16(ip + 10, packet::updated_checksum(load_16(ip + 10), before, after));
    store_32(place, after);

    const std::size_t header_size = (std::to_integer<std::size_t>(ip[0]) & 0xf) * 4;
    std::byte* const transport = ip + header_size;
    const std::size_t size = bytes.size() - header_size;
    const auto protocol = static_cast<packet::ip_protocol>(ip[9]);
    const bool is_icmp = protocol == packet::ip_protocol::icmp;
    std::byte* const port_place = transport + (is_icmp ? 4 : side == nat_side::source ? 0 : 2);
    const std::size_t checksum_at = is_icmp ? 2 : protocol == packet::ip_protocol::udp ? 6 : 16;
    const std::uint16_t old_port = load_16(port_place);
    store_16(port_place, port);
    if (checksum_at + 2 > size) return;  // a quotation of eight bytes ends before the checksum of TCP
    std::uint16_t checksum = load_16(transport + checksum_at);
    if (protocol == packet::ip_protocol::udp && checksum == 0) return;  // the sender computed none
    checksum = packet::updated_checksum(checksum, old_port, port);
    if (!is_icmp) checksum = packet::updated_checksum(checksum, before, after);  // addresses: the pseudo-header
    if (protocol == packet::ip_protocol::udp && checksum == 0) checksum = 0xffff;
    store_16(transport + checksum_at, checksum);
}

}  // namespace netnotes::lan

#endif  // NETNOTES_LAN_NAT_HPP


// netnotes/lan/net_file.hpp: networks written as text
// SPDX-License-Identifier: MIT
//
// A network and what happens in it, without a compiler. A line is a statement; the rest of a line behind `#` is a
// comment:
//
//        host A 10.0.1.2/24 via 10.0.1.1            # a host, and its default gateway
//        host B 10.0.2.2/24 via 10.0.2.1
//        switch S1
//        router R 10.0.1.1/24 10.0.2.1/24
//        link A S1 10ms loss 1%
//        link S1 R.0                                # port 0 of R; without the number the next free port
//        link R.1 B
//        ping A B count 3                           # an action: the next begins when nothing happens any more
//
// Statements that build:                                           Options:
//     hub NAME
//     switch NAME                                                  ageing TIME, table SIZE
//     host NAME ADDRESS/PREFIX                                     via ADDRESS
//     router NAME ADDRESS/PREFIX...                                rip, nat PORT
//     link END END                                                 TIME, RATE, mtu BYTES, loss SHARE, double SHARE,
//                                                                  late SHARE, queue FRAMES, lose NUMBER
//     route NODE NETWORK via ADDRESS
//     arp NODE ADDRESS MAC        a permanent entry
//     open ROUTER tcp|udp PORT ADDRESS PORT      NAPT: an outside port for a server inside
//     seed NUMBER                 of what happens by chance
//
// Actions, done in their order:
//     ping FROM TO                                                 count, size, ttl, every TIME, df
//     traceroute FROM TO                                           hops NUMBER
//     udp FROM TO PORT WORD       sends a datagram
//     wait TIME                   lets time pass
//     cut END END, mend END END   the cable between two nodes
//     flush NODE                  forgets what a switch has learnt, or the ARP cache of a host
//     show NODE                   its tables
//
// A TIME is a number with a unit: ns, us, ms, s or min. A RATE has kbit, Mbit or Gbit. A SHARE has %. No blank stands
// between a number and its unit. FROM and TO are names of nodes; TO may be an address. An error names the line, and says
// what was expected.
//
// On this page:  net_file_error · scenario
// The notes:     Packet Tracer; examples 32 to 34

#ifndef NETNOTES_LAN_NET_FILE_HPP
#define NETNOTES_LAN_NET_FILE_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>


// netnotes/lan/router.hpp: routers
// SPDX-License-Identifier: MIT
//
// A router is a host with several interfaces that passes packets on. For each packet that is not for itself it does
// this (RFC 1812 §5.2):
//
//        1  looks for the route with the longest matching prefix        none: "network unreachable" to the sender
//        2  decrements the time to live                                 it becomes 0: "time to live exceeded"
//        3  updates the header's checksum                               for the one changed byte only (RFC 1624)
//        4  cuts the packet if the next link needs it                   "don't fragment": "fragmentation needed"
//        5  asks by ARP for the card of the next hop                    no answer: "host unreachable"
//        6  sends a new frame from its own card to that card
//
// So the pair of hardware addresses is new on each link, and the IP addresses stay. Without step 2 a packet in a loop
// of routes would circle for ever.
//
//        lan::network net{1};
//        auto& a = net.host("A", "10.0.1.2/24");
//        auto& b = net.host("B", "10.0.2.2/24");
//        auto& r = net.router("R", {"10.0.1.1/24", "10.0.2.1/24"});
//        net.connect(a, r[0]);
//        net.connect(r[1], b);
//        r.add_route("10.0.3.0/24", "10.0.2.2");      // or r.enable_rip(), if the neighbours speak it too
//        r.masquerade(1);                             // NAPT for everything that leaves port 1
//
// On this page:  router
// The notes:     路由器 (router); Packet Tracer; examples 33 and 34

#ifndef NETNOTES_LAN_ROUTER_HPP
#define NETNOTES_LAN_ROUTER_HPP

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>




// netnotes/lan/rip.hpp: routers that tell each other their routes
// SPDX-License-Identifier: MIT
//
// The routing information protocol is the smallest of its kind (RFC 2453). Every 30 seconds each router sends its table to its
// neighbours, by UDP to the group 224.0.0.9, port 520. A neighbour adds 1 to each distance and keeps what is shorter:
//
//        R1 says: 10.0.1.0/24, distance 1        R2 hears: 10.0.1.0/24 via R1, distance 2
//                                                R2 says:  10.0.1.0/24, distance 2          R3 hears: distance 3
//
//        0        1        2                 4        6        8          12        16            20            24
//        ┌────────┬────────┬─────────────────┬────────┬────────┬──────────┬─────────┬─────────────┬─────────────┐
//        │command │version │        0        │ family │  tag   │ address  │ netmask │  next hop   │  distance   │  … up to 25
//        └────────┴────────┴─────────────────┴────────┴────────┴──────────┴─────────┴─────────────┴─────────────┘
//
// A distance of 16 means: unreachable. A route that nobody repeats for 180 seconds becomes unreachable, and is forgotten 120
// seconds later. News are sent at once, after a short random wait.
//
// Bad news travel slowly. If R1 loses its network, R2 might offer its own route to it, which leads through R1: both count up to
// 16. So a router tells the neighbour from which it has a route that the network is unreachable here (split horizon with
// poisoned reverse). In larger loops the routers still count up; 16 is small for that reason.
//
// RIP believes every neighbour. RFC 2453 has a password in plain text; this page has none. It answers requests for a whole
// table, but not for single routes.
//
// On this page:  rip_settings · rip_speaker
// The notes:     动态路由 (dynamic routes); example 33

#ifndef NETNOTES_LAN_RIP_HPP
#define NETNOTES_LAN_RIP_HPP

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>






namespace netnotes::lan {

/// The times of RFC 2453 §3.8.
struct rip_settings {
    virtual_time interval = std::chrono::seconds{30};  ///< between two updates, plus or minus up to a sixth
    virtual_time timeout = std::chrono::seconds{180};  ///< without news a route becomes unreachable
    virtual_time garbage = std::chrono::seconds{120};  ///< and after this time it is forgotten
    std::set<unsigned> passive{};                      ///< ports on which nothing is sent: only hosts are there
    std::size_t max_routes = 1000;
};

/// Speaks RIP version 2 for a node, and keeps the learnt routes in its table. The node must outlive it, and the network must
/// not run after it is gone. router::enable_rip() makes it.
class rip_speaker {
  public:
    static constexpr unsigned infinity = 16;

    rip_speaker(ip_node& node, const rip_settings& how) : node_{&node}, settings_{how} {
        node_->join(group);
        node_->on_udp(port_number, [this](const datagram& arrived) { hear(arrived); });
        node_->net().after({}, [this] { begin(); });
    }
    rip_speaker(const rip_speaker&) = delete;
    rip_speaker& operator=(const rip_speaker&) = delete;

    /// Returns how many updates were sent: on every port one, if it fits into a message.
    [[nodiscard]] std::uint64_t updates_sent() const noexcept { return updates_sent_; }
    /// Returns how many routes are known, unreachable routes included.
    [[nodiscard]] std::size_t size() const noexcept { return known_.size(); }

  private:
    static constexpr ipv4_address group{224, 0, 0, 9};
    static constexpr std::uint16_t port_number = 520, family = 2;
    enum class command : std::uint8_t { request = 1, response = 2 };
    struct known_route {
        ipv4_address via{};
        unsigned port = 0;
        unsigned metric = infinity;
        bool is_changed = false;
        network::timer timer{};
    };
    struct entry {
        std::uint32_t address = 0, mask = 0, next_hop = 0, metric = 0;
    };

    void begin();
    void hear(const datagram& arrived);
    void hear_request(const datagram& arrived);
    void learn(const netnotes::network& destination, ipv4_address via, unsigned port, unsigned metric);
    void update_table(const netnotes::network& destination, const known_route& now);
    void lose(const netnotes::network& destination);
    void keep(const netnotes::network& destination, known_route& which);
    void send_table(unsigned port, const endpoint& to, bool changes_only);
    void send_to_all(bool changes_only);
    void trigger();
    void send(unsigned port, const endpoint& to, command what, std::span<const entry> entries);
    static entry entry_for(const netnotes::network& which, unsigned metric) {
        return {which.address().v4().to_uint(), which.netmask().v4().to_uint(), 0, metric};
    }
    void schedule_update() {
        const virtual_time sixth = settings_.interval / 6;
        const auto spread = virtual_time{static_cast<std::int64_t>(
            node_->net().random().below(static_cast<std::uint64_t>(std::max<std::int64_t>(2 * sixth.count(), 1))))};
        node_->net().after(
            settings_.interval - sixth + spread,
            [this] {
                send_to_all(false);
                schedule_update();
            },
            network::timer_kind::background);
    }

    ip_node* node_;
    rip_settings settings_;
    std::map<netnotes::network, known_route> known_;
    bool is_triggered_ = false;
    std::uint64_t updates_sent_ = 0;
};

// ---- How it is done ------------------------------------------------------------------------------------

inline void rip_speaker::begin() {
    // RFC 2453 §3.9.1: an entry of the family 0 and the distance 16 asks for the whole table.
    for (unsigned port = 0; port < node_->port_count(); ++port) {
        if (settings_.passive.contains(port)) continue;
        std::vector<std::byte> message(24);
        message[0] = static_cast<std::byte>(command::request);
        message[1] = std::byte{2};
        packet::detail::store_32(message.data() + 20, infinity);
        node_->send_udp(port_number, {group, port_number}, message, {.time_to_live = 1, .port = port});
    }
    send_to_all(false);
    schedule_update();
}

inline void rip_speaker::send(unsigned port, const endpoint& to, command what, std::span<const entry> entries) {
    constexpr std::size_t most = 25;
    for (; !entries.empty(); entries = entries.subspan(std::min(most, entries.size()))) {
        const auto part = entries.first(std::min(most, entries.size()));
        std::vector<std::byte> message(4 + 20 * part.size());
        message[0] = static_cast<std::byte>(what);
        message[1] = std::byte{2};
        for (std::size_t i = 0; i < part.size(); ++i) {
            std::byte* const at = message.data() + 4 + 20 * i;
            packet::detail::store_16(at, family);
            packet::detail::store_32(at + 4, part[i].address);
            packet::detail::store_32(at + 8, part[i].mask);
            packet::detail::store_32(at + 12, part[i].next_hop);
            packet::detail::store_32(at + 16, part[i].metric);
        }
        node_->send_udp(port_number, to, message, {.time_to_live = 1, .port = port});
        ++updates_sent_;
    }
}

inline void rip_speaker::send_table(unsigned port, const endpoint& to, bool changes_only) {
    std::vector<entry> entries;
    if (!changes_only)
        for (const route& each : node_->routes().routes())
            if (each.origin != route_origin::learnt) entries.push_back(entry_for(each.destination, 1));
    for (const auto& [destination, each] : known_) {
        if (changes_only && !each.is_changed) continue;
        entries.push_back(entry_for(destination, each.port == port ? infinity : each.metric));  // poisoned reverse
    }
    send(port, to, command::response, entries);
}

inline void rip_speaker::send_to_all(bool changes_only) {
    for (unsigned port = 0; port < node_->port_count(); ++port)
        if (!settings_.passive.contains(port)) send_table(port, {group, port_number}, changes_only);
    for (auto& [destination, each] : known_) each.is_changed = false;
}

inline void rip_speaker::trigger() {
    if (is_triggered_) return;
    is_triggered_ = true;
    // RFC 2453 §3.10.1: 1 to 5 seconds, so that several changes travel together.
    const auto wait = std::chrono::milliseconds{1000 + node_->net().random().below(4000)};
    node_->net().after(wait, [this] {
        is_triggered_ = false;
        send_to_all(true);
    });
}

inline void rip_speaker::hear(const datagram& arrived) {
    const auto message = arrived.payload;
    const bool is_neighbour = node_->interface(arrived.port).network().contains(arrived.source.address());
    if (message.size() < 4 || (message.size() - 4) % 20 != 0 || !is_neighbour) return;
    const auto version = std::to_integer<unsigned>(message[1]);
    if (version != 2) return;
    if (message[0] == static_cast<std::byte>(command::request)) return hear_request(arrived);
    // A response comes from port 520, or anybody's program could send one (RFC 2453 §3.9.2).
    if (message[0] != static_cast<std::byte>(command::response) || arrived.source.port() != port_number) return;
    for (std::size_t at = 4; at < message.size(); at += 20) {
        const std::byte* const from = message.data() + at;
        const std::uint32_t mask = packet::detail::load_32(from + 8), distance = packet::detail::load_32(from + 16);
        const ipv4_address address{packet::detail::load_32(from + 4)}, next{packet::detail::load_32(from + 12)};
        const int ones = std::countl_one(mask);
        const bool is_mask = ones == 32 || (mask << ones) == 0;
        if (packet::detail::load_16(from) != family || !is_mask || distance < 1 || distance > infinity) continue;
        // RFC 2453 §3.9.2: unicast networks only, and of the network 0 nothing but the default route.
        const bool is_zero = address.to_uint() >> 24 == 0 && mask != 0;
        if (is_zero || address.is_multicast() || address.is_reserved() || address.is_loopback()) continue;
        if ((address.to_uint() & ~mask) != 0) continue;
        const netnotes::network destination{address, static_cast<unsigned>(ones), host_bits::cleared};
        const bool is_usable =
            !next.is_unspecified() && !node_->is_local(next) && node_->interface(arrived.port).network().contains(next);
        learn(destination, is_usable ? next : arrived.source.address().v4(), arrived.port,
              std::min<unsigned>(distance + 1, infinity));
    }
}

inline void rip_speaker::hear_request(const datagram& arrived) {
    const auto message = arrived.payload;
    const bool is_for_all = message.size() == 24 && packet::detail::load_16(message.data() + 4) == 0 &&
                            packet::detail::load_32(message.data() + 20) == infinity;
    if (is_for_all) send_table(arrived.port, arrived.source, false);
}

inline void rip_speaker::learn(const netnotes::network& destination, ipv4_address via, unsigned port, unsigned metric) {
    for (const route& each : node_->routes().routes())
        if (each.destination == destination && each.origin != route_origin::learnt) return;  // we know better
    auto found = known_.find(destination);
    if (found == known_.end()) {
        if (metric >= infinity || known_.size() >= settings_.max_routes) return;
        found = known_.try_emplace(destination).first;
    }
    known_route& now = found->second;
    const bool is_same = now.via == via && now.port == port;
    if (is_same && now.metric == metric) {
        if (metric < infinity) keep(destination, now);
        return;
    }
    if (!is_same && metric >= now.metric) return;
    if (metric >= infinity) return lose(destination);
    now.via = via;
    now.port = port;
    now.metric = metric;
    now.is_changed = true;
    keep(destination, now);
    update_table(destination, now);
    trigger();
}

inline void rip_speaker::keep(const netnotes::network& destination, known_route& which) {
    node_->net().cancel(which.timer);
    which.timer = node_->net().after(
        settings_.timeout, [this, destination] { lose(destination); }, network::timer_kind::background);
}

inline void rip_speaker::lose(const netnotes::network& destination) {
    const auto found = known_.find(destination);
    if (found == known_.end() || found->second.metric >= infinity) return;
    known_route& now = found->second;
    now.metric = infinity;
    now.is_changed = true;
    node_->net().cancel(now.timer);
    now.timer = node_->net().after(
        settings_.garbage, [this, destination] { known_.erase(destination); }, network::timer_kind::background);
    update_table(destination, now);
    trigger();
}

inline void rip_speaker::update_table(const netnotes::network& destination, const known_route& now) {
    if (now.metric >= infinity)
        node_->routes().remove(destination, route_origin::learnt);
    else
        node_->routes().add({destination, now.via, now.port, route_origin::learnt, now.metric});
}

}  // namespace netnotes::lan

#endif  // NETNOTES_LAN_RIP_HPP


namespace netnotes::lan {

/// A router. It can also do what a host can, for example ping().
class router : public host {
  public:
    /// Throws parse_error for an unreadable address; see ip_node::add_interface().
    router(network& net, std::string_view name, std::span<const std::string_view> interfaces) : host{net, name} {
        for (const std::string_view each : interfaces) add_interface(ip_interface{each});
    }
    [[nodiscard]] std::string_view kind() const noexcept override { return "router"; }
    [[nodiscard]] router* as_router() noexcept override { return this; }

    /// Begins to exchange routes with the neighbours. A second call does nothing.
    void enable_rip(const rip_settings& how = {}) {
        if (!rip_) rip_ = std::make_unique<rip_speaker>(*this, how);
    }
    /// Returns the speaker of RIP, or nullptr.
    [[nodiscard]] const rip_speaker* rip() const noexcept { return rip_.get(); }

    /// Translates the source of all packets that leave a port to the address of that port, and their answers back.
    /// Throws std::out_of_range for a port that the router does not have.
    void masquerade(unsigned outside) {
        (void)interface(outside);
        outside_ = outside;
    }
    /// Opens an outside port for a server inside; call masquerade() too.
    void forward_port(packet::ip_protocol protocol, std::uint16_t outside_port, const endpoint& inside) {
        nat_.add_static(protocol, outside_port, inside.address().v4(), inside.port());
    }
    /// Returns the table of translated ports.
    [[nodiscard]] nat_table& nat() noexcept { return nat_; }
    [[nodiscard]] std::string tables() const override { return ip_node::tables() + nat_.text(net().now()); }

  protected:
    inline void forward(unsigned port, const packet::ipv4_view& packet) override;
    inline bool intercept(unsigned port, const packet::ipv4_view& packet) override;

  private:
    /// Replaces the source of a packet that leaves. Returns false if that is not possible.
    bool translate_out(std::span<std::byte> packet);
    bool translate_in(unsigned port, const packet::ipv4_view& packet);
    /// Returns the place of the packet that an ICMP error quotes, or 0 if the packet is no such error. An error with a wrong
    /// checksum does not count, because a new checksum would make it look right (RFC 5508 §4.1).
    static std::size_t quotation(const packet::ipv4_view& packet) noexcept;
    /// Replaces the address at a place of the header, 12 or 16, and updates the header's checksum.
    static void replace_address(std::span<std::byte> packet, std::size_t place, ipv4_address by) noexcept {
        using packet::detail::load_16, packet::detail::load_32, packet::detail::store_16, packet::detail::store_32;
        const std::uint32_t before = load_32(packet.data() + place);
        store_16(packet.data() + 10, packet::updated_checksum(load_16(packet.data() + 10), before, by.to_uint()));
        store_32(packet.data() + place, by.to_uint());
    }
    static void renew_icmp_checksum(std::span<std::byte> packet, std::size_t header_size) noexcept {
        packet::detail::store_16(packet.data() + header_size + 2, 0);
        packet::detail::store_16(packet.data() + header_size + 2,
                                 packet::internet_checksum(packet.subspan(header_size)));
    }

    std::optional<unsigned> outside_;
    nat_table nat_;
    std::unique_ptr<rip_speaker> rip_;
};

// ---- How it is done ------------------------------------------------------------------------------------

inline void router::forward(unsigned port, const packet::ipv4_view& packet) {
    const auto next = routes().next(packet.destination());
    if (!next) {
        ++counters_.no_route;
        return send_error(packet::icmp_type::destination_unreachable, 0, packet);
    }
    if (packet.time_to_live() <= 1) return send_error(packet::icmp_type::time_exceeded, 0, packet);
    // Before anything is changed, so that the error quotes the packet as it came.
    if (packet.dont_fragment() && packet.bytes().size() > mtu(next->port))
        return send_error(packet::icmp_type::destination_unreachable, 4, packet,
                          static_cast<std::uint32_t>(mtu(next->port)));
    const bool is_translated = outside_ && next->port == *outside_ && port != *outside_;
    if (is_translated && packet.is_fragment())
        return join_fragments(packet, [this, port](const packet::ipv4_view& whole) { forward(port, whole); });

    const auto source = packet.bytes();
    bytes copy;
    copy.reserve(room + source.size());
    copy.resize(room);
    copy.insert(copy.end(), source.begin(), source.end());
    std::byte* const header = copy.data() + room;
    const std::uint16_t before = packet::detail::load_16(header + 8);  // time to live and protocol
    const auto after = static_cast<std::uint16_t>(before - 0x0100);
    packet::detail::store_16(header + 8, after);
    packet::detail::store_16(header + 10, packet::updated_checksum(packet.header_checksum(), before, after));
    if (is_translated && !translate_out(std::span{copy}.subspan(room))) return void(++counters_.no_route);
    ++counters_.forwarded;
    transmit(*next, std::move(copy));
}

inline bool router::intercept(unsigned port, const packet::ipv4_view& packet) {
    if (!outside_ || packet.destination() != address(*outside_)) return false;
    if (!packet.is_fragment()) return translate_in(port, packet);
    join_fragments(packet, [this, port](const packet::ipv4_view& whole) {
        if (!translate_in(port, whole)) deliver(port, whole);
    });
    return true;
}

inline std::size_t router::quotation(const packet::ipv4_view& packet) noexcept {
    packet::packet_failure why;
    if (packet.protocol() != packet::ip_protocol::icmp) return 0;
    const auto message = packet::icmp_view::parse(packet.payload(), why);
    if (!message || !message->is_error() || message->checksum_state() != packet::checksum_state::good) return 0;
    return packet.header_size() + 8;
}

inline bool router::translate_out(std::span<std::byte> packet) {
    packet::packet_failure why;
    const auto view = packet::ipv4_view::parse(packet, why);
    if (!view) return false;
    const ipv4_address outside = address(*outside_);
    if (const std::size_t at = quotation(*view)) {
        // An error about a packet from outside: the quotation shows the inside address as its destination.
        const auto quoted = packet::ipv4_view::parse(packet.subspan(at), why);
        const auto inside_port = quoted ? nat_port(*quoted, nat_side::destination) : std::nullopt;
        const nat_mapping* const known =
            inside_port ? nat_.outbound(quoted->protocol(), quoted->destination(), *inside_port, net().now()) : nullptr;
        if (known == nullptr) return false;
        nat_rewrite(packet.subspan(at), nat_side::destination, outside, known->outside_port);
        renew_icmp_checksum(packet, view->header_size());
        replace_address(packet, 12, outside);
        return true;
    }
    const auto inside_port = nat_port(*view, nat_side::source);
    if (!inside_port) return false;
    const nat_mapping* const known = nat_.outbound(view->protocol(), view->source(), *inside_port, net().now());
    if (known == nullptr) return false;
    nat_rewrite(packet, nat_side::source, outside, known->outside_port);
    return true;
}

inline bool router::translate_in(unsigned port, const packet::ipv4_view& packet) {
    packet::packet_failure why;
    const nat_mapping* known = nullptr;
    const std::size_t at = quotation(packet);
    if (at != 0) {
        // An error about a packet from inside, which has left with the outside address as its source.
        const auto quoted = packet::ipv4_view::parse(packet.bytes().subspan(at), why);
        const auto outside_port = quoted ? nat_port(*quoted, nat_side::source) : std::nullopt;
        if (outside_port && quoted->source() == address(*outside_))
            known = nat_.inbound(quoted->protocol(), *outside_port, net().now());
    } else if (const auto outside_port = nat_port(packet, nat_side::destination)) {
        // An echo request is for the router itself: only the answer to a request from inside is translated.
        const bool is_request = packet.protocol() == packet::ip_protocol::icmp &&
                                packet.payload()[0] == static_cast<std::byte>(packet::icmp_type::echo_request);
        if (!is_request) known = nat_.inbound(packet.protocol(), *outside_port, net().now());
    }
    if (known == nullptr) return false;
    const ipv4_address inside = known->inside;
    const std::uint16_t inside_port = known->inside_port;
    bytes copy{packet.bytes().begin(), packet.bytes().end()};
    // From inside to the outside address: the answer must come back here, so the source is translated, too (RFC 4787 §6).
    if (port != *outside_ && !translate_out(copy)) return ++counters_.no_route, true;
    if (at != 0) {
        nat_rewrite(std::span{copy}.subspan(at), nat_side::source, inside, inside_port);
        renew_icmp_checksum(copy, packet.header_size());
        replace_address(copy, 16, inside);
    } else {
        nat_rewrite(copy, nat_side::destination, inside, inside_port);
    }
    if (const auto view = packet::ipv4_view::parse(copy, why)) forward(port, *view);
    return true;
}

inline lan::router& network::router(std::string_view name, std::initializer_list<std::string_view> interfaces) {
    return add<lan::router>(name, std::span<const std::string_view>{interfaces.begin(), interfaces.size()});
}

}  // namespace netnotes::lan

#endif  // NETNOTES_LAN_ROUTER_HPP

// netnotes/lan/switch.hpp: hubs and switches
// SPDX-License-Identifier: MIT
//
// Both connect the cables of a local network. A frame passes them without change; they have no address of their own.
//
//        hub       repeats every frame to all other ports. Every host sees everything.
//
//        switch    learns: a frame from 02:..:01 came in at port 1, so this card is behind port 1.
//                  From then on it sends frames for 02:..:01 to port 1 only.
//
//                        address            port   age
//                        02:00:00:01:00:00  1      0.3 s        the forwarding database (fdb)
//                        02:00:00:02:00:00  2      12.0 s
//
// A switch *floods*, that is, it does as a hub, in three cases: the frame is a broadcast, it is a multicast, or the address is
// not in the table. So an ARP request reaches every host, each time. An entry that nobody confirms is dropped after five
// minutes, so a host may be moved to another port (IEEE 802.1Q §8.7, §8.8.3). Sixteen groups, 01:80:c2:00:00:00 to :0f, are for
// the switch itself, and no switch passes their frames on (IEEE 802.1Q §8.6.3).
//
// The table has a limited size. An attacker can fill it with invented addresses. The switch then floods everything, as a hub
// does: this is MAC flooding. A switch also believes every source address. A guard can look at each frame first:
//
//        s.add_guard([&](unsigned port, const packet::frame_view& frame) { return !frame.arp() || is_true(port, *frame.arp()); });
//
// Two switches that are connected twice form a loop. A broadcast then circles for ever, and more copies come with each round.
// Real switches prevent that with the spanning tree protocol, which this page leaves out.
//
// On this page:  hub · learning_switch
// The notes:     Packet Tracer: 集线器 (hub), 交换机 (switch); example 32

#ifndef NETNOTES_LAN_SWITCH_HPP
#define NETNOTES_LAN_SWITCH_HPP

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>





namespace netnotes::lan {

/// Repeats each frame to all other ports (IEEE 802.3 §27). The frame keeps its destination; other hosts ignore it.
class hub : public node {
  public:
    hub(network& net, std::string_view name) : node{net, name} {}
    [[nodiscard]] std::string_view kind() const noexcept override { return "hub"; }
    void receive(unsigned port, const frame& arrived) override {
        for (unsigned i = 0; i < port_count(); ++i)
            if (i != port) send(i, arrived);
    }

  protected:
    [[nodiscard]] bool grows() const noexcept override { return true; }
};

/// Sends each frame to the port behind which its destination is, as far as it knows.
class learning_switch : public node {
  public:
    /// Looks at a frame that has arrived at a port. Returns false to drop it; the switch then does not learn from it.
    using guard = std::function<bool(unsigned port, const packet::frame_view& frame)>;
    struct entry {
        unsigned port = 0;
        virtual_time seen{};  ///< when a frame from this address came in last
        bool is_static = false;
    };

    /// How long an entry stays without a frame from its address (IEEE 802.1Q §8.8.3).
    virtual_time ageing = std::chrono::seconds{300};
    /// Most learnt entries. When the table is full, new addresses are not learnt.
    std::size_t max_entries = 8192;

    learning_switch(network& net, std::string_view name) : node{net, name} {}
    [[nodiscard]] std::string_view kind() const noexcept override { return "switch"; }
    [[nodiscard]] learning_switch* as_switch() noexcept override { return this; }

    /// Binds an address to a port for ever. Frames from it that come in elsewhere do not change that.
    void add_static(packet::mac_address address, unsigned port) { entries_[address] = {port, {}, true}; }
    /// Forgets the entry of an address. Returns false if it does not exist.
    bool remove(packet::mac_address address) { return entries_.erase(address) > 0; }
    /// Forgets all learnt entries. Static entries stay.
    void clear() {
        std::erase_if(entries_, [](const auto& each) { return !each.second.is_static; });
    }
    /// Adds a guard. Frames pass the guards in the order in which they were added.
    void add_guard(guard check) { guards_.push_back(std::move(check)); }
    /// Returns how many frames guards have dropped.
    [[nodiscard]] std::uint64_t guarded() const noexcept { return guarded_; }
    /// Returns how many frames were flooded.
    [[nodiscard]] std::uint64_t flooded() const noexcept { return flooded_; }

    /// Returns the port behind which an address is, or nullopt if the switch does not know it.
    [[nodiscard]] std::optional<unsigned> port_of(packet::mac_address address) const {
        const auto found = entries_.find(address);
        if (found == entries_.end() || is_old(found->second)) return std::nullopt;
        return found->second.port;
    }
    /// Returns the forwarding database, without entries that are too old, sorted by address.
    [[nodiscard]] std::map<packet::mac_address, entry> forwarding_database() const {
        auto all = entries_;
        std::erase_if(all, [this](const auto& each) { return is_old(each.second); });
        return all;
    }
    /// Returns a line for each entry: address, port, and how old it is.
    [[nodiscard]] std::string tables() const override {
        std::string text;
        for (const auto& [address, found] : forwarding_database()) {
            text += address.to_string() + "  port " + std::to_string(found.port);
            text += found.is_static ? "  static\n" : "  " + time_text(net().now() - found.seen) + " s ago\n";
        }
        return text;
    }
    inline void receive(unsigned port, const frame& arrived) override;

  protected:
    [[nodiscard]] bool grows() const noexcept override { return true; }

  private:
    [[nodiscard]] bool is_old(const entry& which) const noexcept {
        return !which.is_static && net().now() - which.seen >= ageing;
    }
    void learn(packet::mac_address source, unsigned port);

    std::map<packet::mac_address, entry> entries_;
    std::vector<guard> guards_;
    std::uint64_t guarded_ = 0;
    std::uint64_t flooded_ = 0;
    virtual_time next_sweep_{};
};

// ---- How it is done ------------------------------------------------------------------------------------

inline void learning_switch::learn(packet::mac_address source, unsigned port) {
    // A group never sends: such a source is a fault or a trick, and must not catch the frames for the group.
    if (source.is_multicast() || source.is_unspecified()) return;
    const auto found = entries_.find(source);
    if (found != entries_.end()) {
        if (!found->second.is_static) found->second = {port, net().now(), false};
        return;
    }
    // Looking for old entries takes long, and an attacker can make the switch look: so once a second must do.
    if (entries_.size() >= max_entries && net().now() >= next_sweep_) {
        std::erase_if(entries_, [this](const auto& each) { return is_old(each.second); });
        next_sweep_ = net().now() + std::chrono::seconds{1};
    }
    if (entries_.size() < max_entries) entries_.emplace(source, entry{port, net().now(), false});
}

inline void learning_switch::receive(unsigned port, const frame& arrived) {
    packet::packet_failure why;
    const auto header = packet::ethernet_view::parse(arrived.bytes(), why);
    if (!header) return;  // a fragment of a frame, as after a collision
    if (!guards_.empty()) {
        const packet::frame_view whole = packet::dissect(arrived.bytes());
        for (const guard& check : guards_)
            if (!check(port, whole)) return void(++guarded_);
    }
    learn(header->source(), port);
    const packet::mac_address destination = header->destination();
    if ((destination.to_uint() & ~std::uint64_t{0xf}) == 0x0180'c200'0000) return;
    if (!destination.is_multicast()) {
        if (const auto known = port_of(destination)) {
            if (*known != port) send(*known, arrived);  // otherwise it has reached its destination already
            return;
        }
    }
    ++flooded_;
    for (unsigned i = 0; i < port_count(); ++i)
        if (i != port) send(i, arrived);
}

inline lan::hub& network::hub(std::string_view name) { return add<lan::hub>(name); }
inline lan::learning_switch& network::learning_switch(std::string_view name) { return add<lan::learning_switch>(name); }

}  // namespace netnotes::lan

#endif  // NETNOTES_LAN_SWITCH_HPP


namespace netnotes::lan {

/// A fault in the text of a network. what() begins with the line: `line 4: no node has the name "B9"`.
class net_file_error : public std::invalid_argument {
  public:
    net_file_error(std::size_t line, const std::string& message)
        : std::invalid_argument{"line " + std::to_string(line) + ": " + message}, line_{line} {}
    /// Returns the number of the line, counted from 1.
    [[nodiscard]] std::size_t line() const noexcept { return line_; }

  private:
    std::size_t line_;
};

/// A network and its actions, read from a text. The network must outlive it.
///
///     lan::network net;
///     lan::scenario play{net, text};
///     for (std::size_t i = 0; i < play.size(); ++i) say(play.statement(i), '\n', play.perform(i));
class scenario {
  public:
    static constexpr std::size_t max_text = 1 << 20;  ///< bytes of a text

    /// Builds the nodes and cables. Throws net_file_error for a text that it cannot read; the network may then have a
    /// part of the nodes.
    scenario(network& net, std::string_view text);

    /// Returns how many actions there are.
    [[nodiscard]] std::size_t size() const noexcept { return actions_.size(); }
    /// Returns the statement of an action, without its comment.
    [[nodiscard]] const std::string& statement(std::size_t index) const { return actions_.at(index).statement; }
    /// Begins an action. Then let the network run, and ask result().
    void begin(std::size_t index);
    /// Returns what the action has brought: for a ping what ping prints. It may be empty.
    [[nodiscard]] std::string result(std::size_t index) const;
    /// Begins an action, runs the network until nothing happens any more, and returns the result. The result says so if
    /// `max_events` events were not enough.
    std::string perform(std::size_t index, std::size_t max_events = 1'000'000);

  private:
    struct action {
        std::string statement;
        std::size_t line = 0;
        std::function<void(action&)> begin{};
        const ping_session* ping = nullptr;
        const trace_session* trace = nullptr;
        const node* shown = nullptr;
        std::string text{};
    };
    class reader;
    network* net_;
    std::vector<action> actions_;
};

// ---- How it is done ------------------------------------------------------------------------------------

/// Reads the words of a line.
class scenario::reader {
  public:
    reader(scenario& into, network& net, std::string_view line, std::size_t number)
        : into_{&into}, net_{&net}, number_{number} {
        line = line.substr(0, line.find('#'));
        const auto is_blank = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
        for (std::size_t at = 0; at < line.size();) {
            if (is_blank(line[at])) {
                ++at;
                continue;
            }
            std::size_t end = at;
            while (end < line.size() && !is_blank(line[end])) ++end;
            words_.push_back(line.substr(at, end - at));
            statement_ += (statement_.empty() ? "" : " ") + netnotes::visible(words_.back());
            at = end;
        }
    }
    void read();

  private:
    [[noreturn]] void fail(const std::string& message) const { throw net_file_error{number_, message}; }
    [[noreturn]] void expected(std::string_view what) const {
        std::string found =
            at_ < words_.size() ? netnotes::detail::quoted_beginning(words_[at_]) : "the end of the line";
        fail(netnotes::detail::joined("expected ", what, ", and found ", found));
    }
    [[nodiscard]] bool at_end() const noexcept { return at_ == words_.size(); }
    /// Takes the next word if it is this word.
    bool take(std::string_view word) {
        if (at_end() || words_[at_] != word) return false;
        ++at_;
        return true;
    }
    std::string_view word(std::string_view what) {
        if (at_end()) expected(what);
        return words_[at_++];
    }
    /// Reads what a constructor reads from a text, and reports its error with the line.
    template <class Value, class... More>
    Value value(std::string_view what, const More&... more) {
        if (at_end()) expected(what);
        try {
            return Value{words_[at_++], more...};
        } catch (const std::invalid_argument& error) {
            fail(netnotes::detail::joined("expected ", what, ": ", error.what()));
        }
    }
    std::uint32_t number(std::string_view what, std::uint32_t least, std::uint32_t most) {
        std::uint32_t read = 0;
        parse_failure why;
        const std::string_view text = at_end() ? std::string_view{} : words_[at_];
        if (!netnotes::detail::read_number(text.data(), text.data() + text.size(), most, read, why) || read < least)
            expected(netnotes::detail::joined(what, " from ", std::to_string(least), " to ", std::to_string(most)));
        ++at_;
        return read;
    }
    struct unit {
        std::string_view name;
        std::uint64_t size;
    };
    /// Reads a number with a unit, for example `1.5ms`. Returns nullopt if the next word is something else.
    std::optional<std::uint64_t> measure(std::span<const unit> units, std::uint64_t most);
    std::optional<virtual_time> time() {
        static constexpr unit units[]{
            {"ns", 1}, {"us", 1000}, {"ms", 1'000'000}, {"s", 1'000'000'000}, {"min", 60'000'000'000}};
        const auto read = measure(units, 3'600'000'000'000);
        return read ? std::optional{virtual_time{static_cast<std::int64_t>(*read)}} : std::nullopt;
    }
    virtual_time time(std::string_view what) {
        const auto read = time();
        if (!read) expected(netnotes::detail::joined(what, ", for example 10ms, at most an hour"));
        return *read;
    }
    std::uint32_t share() {
        static constexpr unit units[]{{"%", 10'000}};
        const auto read = measure(units, 1'000'000);
        if (!read) expected("a share from 0% to 100%");
        return static_cast<std::uint32_t>(*read);
    }
    lan::node& node(std::string_view what) {
        const std::string_view name = word(what);
        if (lan::node* const found = net_->find(name)) return *found;
        --at_;
        fail(netnotes::detail::joined("no node has the name ", netnotes::detail::quoted_beginning(name)));
    }
    template <auto Cast>
    auto& node_as(std::string_view what) {
        lan::node& found = node(what);
        if (auto* const right = (found.*Cast)()) return *right;
        fail(netnotes::detail::joined("expected ", what, ", and ", found.name(), " is a ", found.kind()));
    }
    port end();
    ipv4_address target();
    cable& cable_between();
    void read_switch();
    void read_router();
    void read_link();
    void read_ping();
    void read_udp();
    /// Calls `build`, and reports what it throws with the line.
    template <class Build>
    decltype(auto) built(Build build) const {
        try {
            return build();
        } catch (const net_file_error&) {
            throw;
        } catch (const std::exception& error) {
            fail(error.what());
        }
    }
    void add(std::function<void(action&)> begin) {
        action made;
        made.statement = statement_;
        made.line = number_;
        made.begin = std::move(begin);
        into_->actions_.push_back(std::move(made));
    }
    void finish() const {
        if (!at_end()) expected("the end of the line");
    }

    scenario* into_;
    network* net_;
    std::size_t number_;
    std::vector<std::string_view> words_;
    std::string statement_;
    std::size_t at_ = 0;
};

inline std::optional<std::uint64_t> scenario::reader::measure(std::span<const unit> units, std::uint64_t most) {
    if (at_end()) return std::nullopt;
    const std::string_view text = words_[at_];
    const std::size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
    const std::size_t point = std::min(text.substr(0, digits).find('.'), digits);
    if (digits == 0 || point == 0 || point > 12 || digits - point > 7) return std::nullopt;
    for (const unit& each : units) {
        if (text.substr(digits) != each.name) continue;
        std::uint64_t whole = 0, rest = 0, scale = 1;
        for (const char c : text.substr(0, point)) whole = whole * 10 + netnotes::detail::digit_value(c);
        for (const char c : text.substr(std::min(point + 1, digits), digits - std::min(point + 1, digits))) {
            if (c == '.') return std::nullopt;
            rest = rest * 10 + netnotes::detail::digit_value(c);
            scale *= 10;
        }
        if (whole > most / each.size) return std::nullopt;
        const std::uint64_t result = whole * each.size + rest * each.size / scale;  // rest is below a million
        if (result > most) return std::nullopt;
        ++at_;
        return result;
    }
    return std::nullopt;
}

inline port scenario::reader::end() {
    const std::string_view name = word("a node");
    if (lan::node* const found = net_->find(name)) return built([&] { return port{*found}; });
    const std::size_t dot = name.rfind('.');
    lan::node* const owner = dot == name.npos ? nullptr : net_->find(name.substr(0, dot));
    if (owner == nullptr)
        fail(netnotes::detail::joined("no node has the name ", netnotes::detail::quoted_beginning(name)));
    std::uint32_t number = 0;
    parse_failure why;
    const std::string_view digits = name.substr(dot + 1);
    if (!netnotes::detail::read_number(digits.data(), digits.data() + digits.size(), 0xffff, number, why))
        fail(netnotes::detail::joined("expected the number of a port behind ", owner->name(), "."));
    return built([&] { return (*owner)[number]; });
}

inline ipv4_address scenario::reader::target() {
    if (at_end()) expected("a node or an address");
    if (const auto read = ipv4_address::parse(words_[at_])) return ++at_, *read;
    return node_as<&node::as_ip_node>("a node with an address, or an address").address();
}

inline cable& scenario::reader::cable_between() {
    lan::node &a = node("a node"), &b = node("a node");
    for (const auto& each : net_->cables())
        if ((&each->end(0) == &a && &each->end(1) == &b) || (&each->end(0) == &b && &each->end(1) == &a)) return *each;
    fail(netnotes::detail::joined("no cable connects ", a.name(), " and ", b.name()));
}

inline void scenario::reader::read_switch() {
    const auto name = word("a name");
    auto& made = built([&]() -> auto& { return net_->learning_switch(name); });
    while (!at_end())
        if (take("ageing"))
            made.ageing = time("a time");
        else if (take("table"))
            made.max_entries = number("a number of entries", 0, 1'000'000);
        else
            expected("ageing, table, or the end of the line");
}

inline void scenario::reader::read_router() {
    const auto name = word("a name");
    std::vector<std::string_view> interfaces;
    while (!at_end() && words_[at_].find('/') != std::string_view::npos) interfaces.push_back(words_[at_++]);
    if (interfaces.empty()) expected("an interface, for example 10.0.1.1/24");
    auto& made =
        built([&]() -> auto& { return net_->add<lan::router>(name, std::span<const std::string_view>{interfaces}); });
    while (!at_end())
        if (take("rip"))
            made.enable_rip();
        else if (take("nat"))
            made.masquerade(number("the outside port", 0, static_cast<std::uint32_t>(interfaces.size() - 1)));
        else
            expected("another interface, rip, nat, or the end of the line");
}

inline void scenario::reader::read_link() {
    static constexpr unit rates[]{{"bit", 1}, {"kbit", 1000}, {"Mbit", 1'000'000}, {"Gbit", 1'000'000'000}};
    const port a = end(), b = end();
    cable_settings how;
    std::vector<std::uint32_t> doomed;
    while (!at_end()) {
        if (const auto delay = time()) {
            if (*delay > std::chrono::seconds{10}) fail("a cable delays by 10 s at most");
            how.delay = *delay;
        } else if (const auto rate = measure(rates, 1'000'000'000'000)) {
            if (*rate < 1000) fail("a cable has 1 kbit a second at least");
            how.rate = *rate;
        } else if (take("mtu")) {
            how.mtu = number("an MTU", 68, 65'535);
        } else if (take("loss")) {
            how.loss = share();
        } else if (take("double")) {
            how.duplication = share();
        } else if (take("late")) {
            how.reordering = share();
        } else if (take("queue")) {
            how.max_queue = number("a number of frames", 0, 1'000'000);
        } else if (take("lose")) {
            doomed.push_back(number("the number of a frame", 1, 1'000'000'000));
        } else {
            expected(
                "a time such as 10ms, a rate such as 100Mbit, mtu, loss, double, late, queue, lose, or the end of the "
                "line");
        }
    }
    cable& made = built([&]() -> cable& { return net_->connect(a, b, how); });
    for (const std::uint32_t each : doomed) made.lose_nth(each);
}

inline void scenario::reader::read_ping() {
    lan::host& from = node_as<&node::as_host>("a host or a router");
    const ipv4_address to = target();
    ping_options how;
    while (!at_end())
        if (take("count"))
            how.count = number("a number of requests", 1, 65'535);
        else if (take("size"))
            how.size = number("a number of bytes", 0, 65'507);
        else if (take("ttl"))
            how.time_to_live = static_cast<std::uint8_t>(number("a time to live", 1, 255));
        else if (take("every"))
            how.interval = time("a time");
        else if (take("df"))
            how.dont_fragment = true;
        else
            expected("count, size, ttl, every, df, or the end of the line");
    add([&from, to, how](action& mine) { mine.ping = &from.ping(to, how); });
}

inline void scenario::reader::read_udp() {
    auto& from = node_as<&node::as_ip_node>("a host or a router");
    const ipv4_address to = target();
    const auto port = static_cast<std::uint16_t>(number("a port", 1, 65'535));
    const std::string data{word("a word to send")};
    add([&from, to, port, data](action& mine) {
        const bool is_sent = from.send_udp(40'000, {to, port}, std::as_bytes(std::span{data}));
        mine.text = is_sent ? "" : "no route: network unreachable\n";
    });
}

inline void scenario::reader::read() {
    if (words_.empty()) return;
    if (take("hub")) {
        const auto name = word("a name");
        built([&] { net_->hub(name); });
    } else if (take("switch")) {
        read_switch();
    } else if (take("host")) {
        const auto name = word("a name");
        if (at_end() || words_[at_].find('/') == std::string_view::npos)  // without a prefix a host has no neighbours
            expected("an interface, for example 10.0.1.2/24");
        const std::string_view interface = words_[at_++];
        auto& made = built([&]() -> auto& { return net_->host(name, interface); });
        if (take("via")) {
            const auto gateway = word("the address of the default gateway");
            built([&] { made.default_gateway(gateway); });
        } else if (!at_end()) {
            expected("via, or the end of the line");
        }
    } else if (take("router")) {
        read_router();
    } else if (take("link")) {
        read_link();
    } else if (take("route")) {
        auto& from = node_as<&node::as_ip_node>("a host or a router");
        const auto network = word("a network, for example 10.0.3.0/24");
        if (!take("via")) expected("via");
        const auto via = word("the address of the next router");
        built([&] { from.add_route(network, via); });
    } else if (take("arp")) {
        auto& from = node_as<&node::as_ip_node>("a host or a router");
        const auto neighbour = value<ipv4_address>("an address");
        const auto card = value<packet::mac_address>("a hardware address");
        unsigned port = 0;
        while (port < from.port_count() && !from.interface(port).network().contains(neighbour)) ++port;
        if (port == from.port_count()) fail(neighbour.to_string() + " is no neighbour of " + from.name());
        from.arp(port).add_static(neighbour, card);
    } else if (take("open")) {
        auto& from = node_as<&node::as_router>("a router");
        const bool is_tcp = take("tcp");
        if (!is_tcp && !take("udp")) expected("tcp or udp");
        const auto outside = static_cast<std::uint16_t>(number("a port", 1, 65'535));
        const auto inside = value<ipv4_address>("an address");
        const auto port = static_cast<std::uint16_t>(number("a port", 1, 65'535));
        from.forward_port(is_tcp ? packet::ip_protocol::tcp : packet::ip_protocol::udp, outside, {inside, port});
    } else if (take("seed")) {
        net_->random() = random_numbers{number("a number", 0, 0xffff'ffff)};
    } else if (take("ping")) {
        read_ping();
    } else if (take("traceroute")) {
        lan::host& from = node_as<&node::as_host>("a host or a router");
        const ipv4_address to = target();
        trace_options how;
        if (take("hops")) how.max_hops = number("a number of hops", 1, 255);
        add([&from, to, how](action& mine) { mine.trace = &from.traceroute(to, how); });
    } else if (take("udp")) {
        read_udp();
    } else if (take("wait")) {
        const virtual_time duration = time("a time");
        add([duration, net = net_](action&) { net->after(duration, [] {}); });
    } else if (take("cut")) {
        cable& which = cable_between();
        add([&which, net = net_](action&) { which.cut_at(net->now()); });
    } else if (take("mend")) {
        cable& which = cable_between();
        add([&which, net = net_](action&) { which.mend_at(net->now()); });
    } else if (take("flush")) {
        lan::node& which = node("a node");
        add([&which](action&) {
            if (auto* const known = which.as_switch()) known->clear();
            if (auto* const known = which.as_ip_node())
                for (unsigned i = 0; i < known->port_count(); ++i) known->arp(i).clear();
        });
    } else if (take("show")) {
        const lan::node& which = node("a node");
        add([&which](action& mine) { mine.shown = &which; });
    } else {
        expected(
            "hub, switch, host, router, link, route, arp, open, seed, ping, traceroute, udp, wait, cut, mend, flush or "
            "show");
    }
    finish();
}

inline scenario::scenario(network& net, std::string_view text) : net_{&net} {
    if (text.size() > max_text) throw net_file_error{1, "the text has more than 1,048,576 bytes"};
    if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);  // the byte order mark that some editors write
    for (std::size_t number = 1; !text.empty(); ++number) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        reader{*this, net, text.substr(0, end), number}.read();
        text.remove_prefix(std::min(end + 1, text.size()));
    }
}

inline void scenario::begin(std::size_t index) {
    action& which = actions_.at(index);
    if (net_->now() > std::chrono::hours{250'000})
        throw net_file_error{which.line, "more than 28 years have passed in this network"};
    which.begin(which);
}

inline std::string scenario::result(std::size_t index) const {
    const action& which = actions_.at(index);
    if (which.ping != nullptr) return which.ping->text();
    if (which.trace != nullptr) return which.trace->text();
    if (which.shown != nullptr) return which.shown->tables();
    return which.text;
}

inline std::string scenario::perform(std::size_t index, std::size_t max_events) {
    begin(index);
    const bool is_over = net_->run(max_events);
    std::string text = result(index);
    if (!is_over)
        text += "still busy after " + std::to_string(max_events) + " events: is there a loop of switches or hubs?\n";
    return text;
}

}  // namespace netnotes::lan

#endif  // NETNOTES_LAN_NET_FILE_HPP






// netnotes/lan/svg.hpp: maps and sequence diagrams, as pictures
// SPDX-License-Identifier: MIT
//
// Scalable vector graphics are text that every browser draws. The picture has the map of the network above, and the sequence
// diagram below it:
//
//        <svg xmlns="http://www.w3.org/2000/svg" width="…" height="…">
//        <rect …/> <text …>A</text>                   a node
//        <line … marker-end="url(#tip)"/>             a frame on its way: the arrow slopes, because it needs time
//
// On this page:  svg
// Source:        W3C, Scalable Vector Graphics 2
// The notes:     Packet Tracer; examples 32 to 34

#ifndef NETNOTES_LAN_SVG_HPP
#define NETNOTES_LAN_SVG_HPP

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>



namespace netnotes::lan {

namespace detail {

/// Writes elements of SVG. All numbers are whole pixels, so the text is equal on every machine.
class svg_writer {
  public:
    void line(std::size_t x1, std::size_t y1, std::size_t x2, std::size_t y2, std::string_view more) {
        text_ += "<line x1=\"" + std::to_string(x1) + "\" y1=\"" + std::to_string(y1) + "\" x2=\"" +
                 std::to_string(x2) + "\" y2=\"" + std::to_string(y2) + "\" ";
        text_.append(more).append("/>\n");
    }
    void box(std::size_t x, std::size_t y, std::size_t width, std::size_t height, std::string_view more) {
        text_ += "<rect x=\"" + std::to_string(x) + "\" y=\"" + std::to_string(y) + "\" width=\"" +
                 std::to_string(width) + "\" height=\"" + std::to_string(height) + "\" ";
        text_.append(more).append("/>\n");
    }
    void write(std::size_t x, std::size_t y, std::string_view what, std::string_view more = {}) {
        text_ += "<text x=\"" + std::to_string(x) + "\" y=\"" + std::to_string(y) + "\" ";
        text_.append(more).append(">");
        for (const char c : what) {
            if (c == '<')
                text_ += "&lt;";
            else if (c == '>')
                text_ += "&gt;";
            else if (c == '&')
                text_ += "&amp;";
            else
                text_ += c;
        }
        text_ += "</text>\n";
    }
    std::string finish(std::size_t width, std::size_t height) {
        std::string all = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + std::to_string(width);
        all += "\" height=\"" + std::to_string(height) + "\" ";
        all += "font-family=\"sans-serif\" font-size=\"12\" text-anchor=\"middle\">\n";
        all += "<defs><marker id=\"tip\" markerWidth=\"10\" markerHeight=\"8\" refX=\"9\" refY=\"4\" orient=\"auto\">";
        all += "<path d=\"M0,0 L10,4 L0,8 z\"/></marker></defs>\n";
        all += "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n";
        return all += text_ + "</svg>\n";
    }

  private:
    std::string text_;
};

}  // namespace detail

/// Returns a picture of the network: the map, and below it the sequence diagram of the passages, at most `max_frames` of them.
[[nodiscard]] inline std::string svg(const network& net, std::span<const passage> passages,
                                     std::size_t max_frames = 500) {
    constexpr std::size_t step_x = 150, step_y = 70, margin = 80, column = 110, row = 26;
    const auto order = detail::tree_of(net);
    detail::svg_writer out;

    // The map: depth goes to the right, and each leaf has a line of its own.
    std::vector<std::pair<std::size_t, std::size_t>> places(net.nodes().size() + 1);
    std::size_t line = 0, most_depth = 0;
    for (std::size_t i = 0; i < order.size(); ++i) {
        if (i > 0 && order[i].depth <= order[i - 1].depth) ++line;
        places[order[i].which->number()] = {margin + order[i].depth * step_x, 40 + line * step_y};
        most_depth = std::max(most_depth, order[i].depth);
    }
    for (const auto& each : net.cables()) {
        const auto [x1, y1] = places[each->end(0).number()];
        const auto [x2, y2] = places[each->end(1).number()];
        out.line(x1, y1, x2, y2, "stroke=\"gray\" stroke-width=\"2\"");
        if (const std::string how = detail::cable_text(*each); !how.empty())
            out.write((x1 + x2) / 2, (y1 + y2) / 2 - 6, how, "font-size=\"10\"");
    }
    for (const detail::tree_place& each : order) {
        const auto [x, y] = places[each.which->number()];
        const bool is_router = each.which->kind() == "router", is_host = each.which->kind() == "host";
        out.box(x - 32, y - 14, 64, 28,
                is_host     ? "rx=\"2\" fill=\"#e8f0ff\" stroke=\"black\""
                : is_router ? "rx=\"14\" fill=\"#ffe8d0\" stroke=\"black\""
                            : "rx=\"2\" fill=\"#e8ffe8\" stroke=\"black\"");
        out.write(x, y + 4, each.which->name());
        out.write(x, y + 28, detail::addresses_of(*each.which), "font-size=\"9\"");
    }
    const std::size_t top = 40 + (line + 1) * step_y;

    // The sequence diagram.
    passages = passages.first(std::min(passages.size(), max_frames));
    std::vector<std::size_t> columns(net.nodes().size() + 1);
    for (std::size_t i = 0; i < order.size(); ++i) columns[order[i].which->number()] = margin + i * column;
    const std::size_t bottom = top + 20 + passages.size() * row, right = margin + order.size() * column;
    for (const detail::tree_place& each : order) {
        const std::size_t x = columns[each.which->number()];
        out.write(x, top, each.which->name());
        out.line(x, top + 8, x, bottom, "stroke=\"lightgray\"");
    }
    for (std::size_t i = 0; i < passages.size(); ++i) {
        const passage& each = passages[i];
        const std::size_t y = top + 20 + i * row, from = columns[each.sender().number()];
        const std::size_t to = columns[each.receiver().number()], middle = (from + to) / 2;
        out.write(4, y + 8, time_text(each.sent), "font-size=\"9\" text-anchor=\"start\"");
        if (arrives(each.fate)) {
            out.line(from, y, to, y + 12, "stroke=\"black\" marker-end=\"url(#tip)\"");
        } else {
            out.line(from, y, middle, y + 6, "stroke=\"red\"");
            out.write(middle, y + 10, "x", "fill=\"red\"");
        }
        std::string what = detail::contents_of(each.frame);
        if (each.fate != fate::delivered) what += netnotes::detail::joined(" [", to_string(each.fate), "]");
        out.write(right, y + 10, what, "font-size=\"11\" text-anchor=\"start\"");
    }
    return out.finish(std::max(right + 460, 2 * margin + most_depth * step_x), bottom + 20);
}

}  // namespace netnotes::lan

#endif  // NETNOTES_LAN_SVG_HPP


// netnotes/lan/tcp_congestion.hpp: how much may be under way
// SPDX-License-Identifier: MIT
//
// The peer's window says what the peer has room for. Nobody says what the network between has room for, so a sender
// tries. It keeps a second window, the congestion window, and never has more bytes under way than the smaller window
// allows (RFC 5681). It grows while acknowledgments come, and shrinks when a segment is lost:
//
//        cwnd                       x  three acknowledgments say the same: a segment is lost
//         │                 x      x│       fast retransmit: send it again, without waiting for the timer
//         │            x  x │    x  │      fast recovery: half the window, and on
//         │        x        │  x    │
//         │     x           x       x ─ ssthresh ─
//         │   x                      │       x       the timer expires: the network is silent
//         │  x                       │    x          slow start: begin with one segment
//         │ x                        x x
//         └──────────────────────────────────────── time
//          slow start       congestion avoidance
//
// In slow start each acknowledgment of new bytes adds a segment, so the window doubles in a round trip. From the
// threshold ssthresh on it grows by about a segment in a round trip: congestion avoidance.
//
// An acknowledgment that repeats the previous acknowledgment means that a segment arrived behind a gap. The third
// repetition in a row is taken as proof. Until the gap is filled, each further repetition allows a new segment, because
// it says that a segment has arrived. If the acknowledgment that follows fills the gap only in part, the next segment
// is lost as well, and is sent at once (RFC 6582, "NewReno").
//
// On this page:  congestion_window
// The notes:     TCP (流量控制, 拥塞控制)

#ifndef NETNOTES_LAN_TCP_CONGESTION_HPP
#define NETNOTES_LAN_TCP_CONGESTION_HPP

#include <algorithm>
#include <cstdint>



namespace netnotes::lan {

/// The congestion window of a sender, in bytes (RFC 5681, RFC 6582). A value.
class congestion_window {
  public:
    constexpr congestion_window() noexcept = default;
    /// Begins a connection. `segment` is how many bytes a segment carries. `initial_segments` 0 is RFC 5681's rule:
    /// four segments of up to 1095 bytes, three of up to 2190, else two.
    constexpr congestion_window(std::uint32_t segment, unsigned initial_segments, packet::sequence first) noexcept
        : segment_{std::max(segment, 1u)}, recover_{first} {
        const unsigned rule = segment_ > 2190 ? 2 : segment_ > 1095 ? 3 : 4;
        initial_ = segment_ * (initial_segments == 0 ? rule : std::min(initial_segments, 1000u));
        size_ = initial_;
    }

    /// Returns how many bytes may be under way. The first two repeated acknowledgments each allow a segment more (RFC
    /// 3042).
    [[nodiscard]] constexpr std::uint32_t size() const noexcept {
        return size_ + (is_recovering_ ? 0 : std::min(duplicates_, 2u) * segment_);
    }
    [[nodiscard]] constexpr std::uint32_t threshold() const noexcept { return threshold_; }
    [[nodiscard]] constexpr bool is_recovering() const noexcept { return is_recovering_; }
    [[nodiscard]] constexpr bool is_slow_start() const noexcept { return size_ < threshold_; }

    /// Takes the acknowledgment of `bytes` new bytes, up to `acknowledged`; `in_flight` are not acknowledged yet.
    /// Returns true if the segment that now is the first unacknowledged one must be sent again.
    constexpr bool new_bytes(std::uint32_t bytes, packet::sequence acknowledged, std::uint32_t in_flight) noexcept {
        duplicates_ = 0;
        if (!is_recovering_) {
            grow(bytes);
            return false;
        }
        if (acknowledged.is_before(recover_)) {  // a part: the next segment is lost, too (RFC 6582 §3.2, step 3)
            size_ -= std::min(bytes, size_ - segment_);
            if (bytes >= segment_) size_ += segment_;
            return true;
        }
        is_recovering_ = false;
        size_ = std::min(threshold_, std::max(in_flight, segment_) + segment_);
        return false;
    }
    /// Takes an acknowledgment that repeats the previous acknowledgment. `next` is the next new sequence number.
    /// Returns true if the first unacknowledged segment must be sent again: fast retransmit.
    constexpr bool repeated(packet::sequence acknowledged, packet::sequence next, std::uint32_t in_flight) noexcept {
        if (is_recovering_) {
            size_ = std::min(size_ + segment_, largest);  // a segment has left the network
            return false;
        }
        if (++duplicates_ != 3) return false;
        // After a timeout the repetitions may come from segments that were sent twice (RFC 6582 §4).
        if (has_timed_out_ && !acknowledged.is_after(recover_)) return false;
        halve(in_flight);
        size_ = threshold_ + 3 * segment_;
        recover_ = next;
        is_recovering_ = true;
        has_timed_out_ = false;
        return true;
    }
    /// Reports that the timer has expired. `is_first` is false if the same segment was repeated before.
    constexpr void timed_out(packet::sequence next, std::uint32_t in_flight, bool is_first) noexcept {
        if (is_first) halve(in_flight);
        size_ = segment_;
        duplicates_ = 0;
        is_recovering_ = false;
        has_timed_out_ = true;
        recover_ = next;
    }
    /// Reports that nothing was sent for longer than the timeout, so the window is out of date (RFC 5681 §4.1).
    constexpr void was_idle() noexcept { size_ = std::min(size_, initial_); }
    /// Takes another size of segments: the path carries smaller packets only.
    constexpr void segment_size(std::uint32_t bytes) noexcept {
        segment_ = std::max(bytes, 1u);
        size_ = std::max(size_, segment_);
    }

  private:
    static constexpr std::uint32_t largest = 1u << 30;  // the largest window of TCP

    constexpr void grow(std::uint32_t bytes) noexcept {
        const std::uint32_t step =
            is_slow_start()
                ? std::min(bytes, segment_)  // an acknowledgment of many bytes counts as one segment
                : std::max(1u, static_cast<std::uint32_t>(std::uint64_t{segment_} * segment_ / std::max(size_, 1u)));
        size_ = std::min(size_ + step, largest);
    }
    constexpr void halve(std::uint32_t in_flight) noexcept { threshold_ = std::max(in_flight / 2, 2 * segment_); }

    std::uint32_t segment_ = 536;
    std::uint32_t initial_ = 536;
    std::uint32_t size_ = 536;
    std::uint32_t threshold_ = largest;  // as high as possible, so the first loss decides (RFC 5681 §3.1)
    unsigned duplicates_ = 0;
    bool is_recovering_ = false;
    bool has_timed_out_ = false;
    packet::sequence recover_;  // recovery ends when everything before this number is acknowledged
};

}  // namespace netnotes::lan

#endif  // NETNOTES_LAN_TCP_CONGESTION_HPP

// netnotes/lan/tcp_cookie.hpp: initial sequence numbers that nobody guesses, and SYN cookies
// SPDX-License-Identifier: MIT
//
// Where does a connection begin to count? If a stranger could guess, the stranger could send segments in the name of
// the peer. So the number is the output of a keyed hash of both endpoints, plus a clock that makes each next connection
// between the same endpoints begin later (RFC 6528):
//
//        ISN = clock of 4 us + hash(secret, our address and port, the peer's address and port)
//
// A SYN cookie is an initial number as well, of a server that remembers nothing (RFC 4987 §3.6). A SYN costs an
// attacker 60 bytes. If it cost the server an entry in a table until the handshake ends, the table would soon be full:
// the SYN flood. The server therefore writes into its number what it would have remembered, and forgets the SYN:
//
//        ┌───────┬─────┬──────────────────────────────────────────────────┐
//        │ t     │ MSS │ hash(secret, both endpoints, the SYN's number, t) │    t: minutes, about; MSS: one of eight
//        │ 5 bit │ 3   │ 24 bits                                          │
//        └───────┴─────┴──────────────────────────────────────────────────┘
//
// A client that exists acknowledges the number plus one, so the cookie comes back. The server computes the hash again.
// If it is equal, and t is recent, the connection stands. A forged source address never sees the number, and has one
// chance in 16 million per guess. The price: options that do not fit are lost, above all the window scale.
//
// On this page:  initial_sequence() · syn_cookies
// Below it:      ip/keyed_hash.hpp
// The notes:     tcp半链接攻击; example 35

#ifndef NETNOTES_LAN_TCP_COOKIE_HPP
#define NETNOTES_LAN_TCP_COOKIE_HPP

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>


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



namespace netnotes::lan {

using netnotes::keyed_hash;

/// Returns the number with which a connection begins (RFC 9293 §3.4.1, RFC 6528 §3): the time in units of 4 us, and a
/// hash.
[[nodiscard]] constexpr packet::sequence initial_sequence(const keyed_hash::key& secret, const endpoint& local,
                                                          const endpoint& remote,
                                                          std::chrono::nanoseconds now) noexcept {
    const auto clock = static_cast<std::uint64_t>(now.count()) / 4000;
    return packet::sequence{static_cast<std::uint32_t>(clock + keyed_hash{secret}.add(local).add(remote).value())};
}

/// Makes and checks SYN cookies (RFC 4987 §3.6). A value; it remembers the secret and nothing of any SYN.
class syn_cookies {
  public:
    /// The largest segments that a cookie can tell. A client's is rounded down to one of them.
    static constexpr std::array<std::uint16_t, 8> segment_sizes{216, 536, 768, 1024, 1220, 1360, 1440, 1460};
    /// How long t stays the same. A cookie is valid for one to two of them.
    static constexpr std::chrono::nanoseconds period = std::chrono::seconds{64};

    constexpr explicit syn_cookies(const keyed_hash::key& secret) noexcept : secret_{secret} {}

    /// Returns the server's initial number for a SYN with the number `peers_initial` and that MSS.
    [[nodiscard]] constexpr packet::sequence make(const endpoint& local, const endpoint& remote,
                                                  packet::sequence peers_initial, std::uint16_t segment_size,
                                                  std::chrono::nanoseconds now) const noexcept {
        std::uint32_t index = 0;
        while (index + 1 < segment_sizes.size() && segment_sizes[index + 1] <= segment_size) ++index;
        const std::uint64_t time = time_of(now);
        return packet::sequence{static_cast<std::uint32_t>(time & 31) << 27 | index << 24 |
                                hash(local, remote, peers_initial, time)};
    }
    /// Checks the cookie that an ACK has brought back. Returns the client's MSS, or nullopt if the cookie is forged or
    /// old.
    [[nodiscard]] constexpr std::optional<std::uint16_t> check(packet::sequence cookie, const endpoint& local,
                                                               const endpoint& remote, packet::sequence peers_initial,
                                                               std::chrono::nanoseconds now) const noexcept {
        const std::uint64_t time = time_of(now);
        for (std::uint64_t age = 0; age < 2 && age <= time; ++age) {
            if (((time - age) & 31) != cookie.to_uint() >> 27) continue;
            if (hash(local, remote, peers_initial, time - age) != (cookie.to_uint() & 0xff'ffff)) return std::nullopt;
            return segment_sizes[cookie.to_uint() >> 24 & 7];
        }
        return std::nullopt;
    }

  private:
    [[nodiscard]] static constexpr std::uint64_t time_of(std::chrono::nanoseconds now) noexcept {
        return static_cast<std::uint64_t>(now / period);
    }
    [[nodiscard]] constexpr std::uint32_t hash(const endpoint& local, const endpoint& remote, packet::sequence initial,
                                               std::uint64_t time) const noexcept {
        return static_cast<std::uint32_t>(
            keyed_hash{secret_}.add(local).add(remote).add(initial.to_uint()).add(time).value() & 0xff'ffff);
    }
    keyed_hash::key secret_;
};

}  // namespace netnotes::lan

#endif  // NETNOTES_LAN_TCP_COOKIE_HPP

// netnotes/lan/tcp_listener.hpp: a port at which connections arrive
// SPDX-License-Identifier: MIT
//
// A listener stays in LISTEN. For each SYN it makes a machine of its own, which is *half-open* until the client's ACK:
//
//        SYN ──> ┌─ half-open: at most backlog ─┐ ──ACK──> ┌─ waiting: at most backlog ─┐ ──accept()──> the program
//                │ SYN-RECEIVED, one a client   │          │ ESTABLISHED                │
//                └──────────────────────────────┘          └────────────────────────────┘
//
// Both queues have a limit. If half-open connections use up the first, further SYNs are dropped, and clients are shut
// out. A SYN flood aims at this. With SYN cookies the listener answers such a SYN without an entry
// (lan/tcp_cookie.hpp). The client's ACK then makes the connection out of nothing.
//
// If the second queue is full, because the program does not accept, the last ACK of a handshake is dropped. The client
// believes to be connected, and sends. Its bytes are not acknowledged, so it sends them again, and with luck there is
// room.
//
// On this page:  syn_cookie_use · listener_options · tcp_listener
// The notes:     tcp半链接攻击, listen的参数 (backlog); example 35

#ifndef NETNOTES_LAN_TCP_LISTENER_HPP
#define NETNOTES_LAN_TCP_LISTENER_HPP

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <utility>




// netnotes/lan/tcp_machine.hpp: one end of a TCP connection, without a net and without a clock
// SPDX-License-Identifier: MIT
//
// Segments and the time go in; segments and a deadline come out. So a lesson can lose the last acknowledgment and wait
// four minutes in no time, and a test can try every order in which segments arrive.
//
//        ┌─ program ──────────────┐         ┌─ tcp_machine ─┐         ┌─ network ──────────────┐
//        │ connect() listen()     │ ──────> │               │ ──────> │ next()                 │
//        │ send() shutdown()      │         │   a state,    │         │                        │
//        │ readable() consume()   │ <────── │ numbers, and  │ <────── │ receive()              │
//        │ close() abort()        │         │  two queues   │ <────── │ expired(), at deadline │
//        └────────────────────────┘         └───────────────┘         └────────────────────────┘
//
// After each call, take segments from next() until it returns nullopt. The machine knows ports and no addresses: the
// caller puts an IP header in front (packet::write) and checks the checksum of each segment that arrives
// (tcp_view::checksum_state).
//
//        lan::tcp_machine client{{}, 40000, 80};
//        client.connect(packet::sequence{1000}, 0s);
//        while (const auto segment = client.next(0s)) say(segment->header.flags.syn());
//
// A segment that arrives is treated as RFC 9293 §3.10.7 says, step by step. Three checks of RFC 5961 protect against a
// stranger who guesses numbers. A RST must have exactly the number that is expected. A SYN never ends a connection. An
// acknowledgment must not be older than the largest window. A segment that fails such a check is answered by a
// *challenge acknowledgment*: the true peer then answers with a RST that has the right number.
//
// Not spoken: selective acknowledgments, time stamps, Fast Open. They are options; the peer does without them if our
// SYN does not offer them. Bytes in a SYN are not taken, so the peer sends them again, as Linux does.
//
// On this page:  tcp_machine · reset_for()
// The notes:     TCP三次握手, 四次挥手, tcp十种状态, TCP的2MSL问题

#ifndef NETNOTES_LAN_TCP_MACHINE_HPP
#define NETNOTES_LAN_TCP_MACHINE_HPP

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>

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



// netnotes/lan/tcp_sender.hpp: what leaves a TCP, and when
// SPDX-License-Identifier: MIT
//
// This chapter is the half of the TCP machine that speaks; lan/tcp_machine.hpp is the half that listens. Everything
// that leaves is decided at one place, next(): the caller asks for segments until it returns nullopt.
//
// The variables have the names of RFC 9293 §3.3.1. Each SYN, each byte and each FIN has a sequence number:
//
//           ISS    SND.UNA            cursor       SND.NXT                 edge: SND.UNA + the smaller window
//            │      │                  │            │                       │
//        ────┼──────┼──────────────────┼────────────┼───────────────────────┼─────────────────────
//             acked     under way        was sent,       may be sent            must wait
//                                        goes again
//
// The RFC has no such cursor. It says where to go on sending. Usually it is SND.NXT. When the timer expires, the cursor
// goes back to SND.UNA, and the sender goes on from there as if nothing had been sent. SND.NXT stays, because the peer
// may acknowledge everything before it.
//
// A sender does not send just because it may (RFC 9293 §3.8.6.2.1). It sends a full segment at once. It sends a small
// segment if nothing is under way, or if nothing more will follow, or if it fills half the peer's largest window. With
// tcp_settings::nagle off, small segments go at once.
//
// A window of zero could last for ever, because the segment that opens it carries no data, and no timer protects it.
// So the sender tries a byte now and then: the zero-window probe (§3.8.6.1). Its answer tells the window.
//
// On this page:  tcp_segment · detail::tcp_sender, the base of tcp_machine
// The notes:     TCP三次握手, 四次挥手, 保活

#ifndef NETNOTES_LAN_TCP_SENDER_HPP
#define NETNOTES_LAN_TCP_SENDER_HPP

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <system_error>
#include <utility>





// netnotes/lan/tcp_queues.hpp: bytes before they are acknowledged, and bytes before they are read
// SPDX-License-Identifier: MIT
//
// TCP sits between two programs that do not wait for each other, so it has a queue at each end. The sender keeps each
// byte until the peer acknowledges it, because the byte may be lost. The receiver keeps each byte until its program
// reads it:
//
//        sender      ├─ acknowledged ─┼─ under way ─┼─ not sent yet ─┤
//                         forgotten   ^ SND.UNA     ^ SND.NXT
//
//        receiver    ├─ read ─┼─ may be read ─┼── gap ──┼─ arrived early ─┤       ^ the window's edge
//                    forgotten                ^ RCV.NXT                  └───────┘
//
// The receiver's window is its promise: bytes before the edge will be kept. A promise is never taken back (RFC 9293
// §3.8.6, SHLD-14). The edge moves on only by a worthwhile step, half the buffer or a whole segment. Without this rule
// a slow reader would announce three bytes, get three, and announce three again: the silly window syndrome
// (§3.8.6.2.2).
//
// On this page:  send_queue · receive_queue
// The notes:     TCP (滑动窗口)

#ifndef NETNOTES_LAN_TCP_QUEUES_HPP
#define NETNOTES_LAN_TCP_QUEUES_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>




namespace netnotes::lan {

namespace detail {
/// Bytes that are added behind and taken away in front. They lie in a row, so a part is a span.
class byte_queue {
  public:
    [[nodiscard]] std::size_t size() const noexcept { return bytes_.size() - begin_; }
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }
    [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return std::span{bytes_}.subspan(begin_); }
    void append(std::span<const std::byte> more) { bytes_.insert(bytes_.end(), more.begin(), more.end()); }
    void drop(std::size_t count) noexcept {
        begin_ += std::min(count, size());
        if (begin_ == bytes_.size()) {
            bytes_.clear();
            begin_ = 0;
        } else if (begin_ > bytes_.size() / 2) {  // each byte is moved once at most, on average
            bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(begin_));
            begin_ = 0;
        }
    }
    void clear() noexcept {
        bytes_.clear();
        begin_ = 0;
    }

  private:
    std::vector<std::byte> bytes_;
    std::size_t begin_ = 0;
};
}  // namespace detail

/// The bytes that a program has sent and the peer has not acknowledged.
class send_queue {
  public:
    explicit send_queue(std::size_t capacity) noexcept : capacity_{capacity} {}

    /// Takes as many bytes as there is room for, and returns their count.
    std::size_t append(std::span<const std::byte> bytes) {
        const std::size_t taken = std::min(bytes.size(), room());
        queue_.append(bytes.first(taken));
        return taken;
    }
    [[nodiscard]] std::size_t room() const noexcept { return capacity_ - std::min(capacity_, queue_.size()); }
    [[nodiscard]] std::uint32_t size() const noexcept { return static_cast<std::uint32_t>(queue_.size()); }
    /// Returns a part of the queue. It is valid until the next append() or acknowledged().
    [[nodiscard]] std::span<const std::byte> part(std::size_t at, std::size_t size) const noexcept {
        return queue_.bytes().subspan(at, size);
    }
    /// Forgets the first bytes, which the peer has.
    void acknowledged(std::size_t bytes) noexcept { queue_.drop(bytes); }
    void clear() noexcept { queue_.clear(); }

  private:
    std::size_t capacity_;
    detail::byte_queue queue_;
};

/// The bytes that have arrived and the program has not read: bytes in order, bytes behind a gap, and the peer's FIN. At
/// most as much as the window has promised is kept, whatever the peer sends.
class receive_queue {
  public:
    /// `capacity` is at most 2^30 bytes. A window moves on by `segment` bytes at least.
    receive_queue(std::size_t capacity, std::uint32_t segment) noexcept
        : capacity_{static_cast<std::uint32_t>(std::min<std::size_t>(capacity, largest))},
          step_{std::max(1u, std::min(capacity_ / 2, segment))} {}

    /// Begins with the peer's first byte, one behind its SYN.
    void begin(packet::sequence first) noexcept {
        next_ = first;
        edge_ = first + capacity_;
    }
    /// Returns RCV.NXT, the number of the next byte in order.
    [[nodiscard]] packet::sequence next() const noexcept { return next_; }
    /// Returns RCV.WND: how many bytes from next() on will be kept.
    [[nodiscard]] std::uint32_t window() const noexcept { return static_cast<std::uint32_t>(edge_ - next_); }
    /// Moves the window's edge as far as there is room, if that is worth a step. Returns the window.
    std::uint32_t open_window() noexcept {
        const packet::sequence possible = next_ + (capacity_ - std::min(capacity_, unread()));
        if (possible - edge_ >= static_cast<std::int32_t>(step_)) edge_ = possible;
        return window();
    }
    /// Makes the promise larger, by less than a unit of the window scale: the announced window was rounded up.
    void promise(std::uint32_t window) noexcept {
        if (edge_.is_before(next_ + window)) edge_ = next_ + window;
    }
    /// Returns true if the peer should learn at once that the program has read: the window was below half the buffer,
    /// and would double.
    [[nodiscard]] bool wants_update() const noexcept {
        if (has_finished_ || window() > capacity_ / 2) return false;
        const std::uint32_t possible = capacity_ - std::min(capacity_, unread());
        return possible >= window() + step_ && possible >= 2 * window();
    }

    /// The result of arrived().
    struct arrival {
        std::uint32_t in_order = 0;  ///< bytes that may now be read
        bool left_gap = false;       ///< bytes are missing before the new bytes, or a gap was filled
        bool has_finished = false;   ///< the FIN is the next in order, and was taken
    };
    /// Takes the bytes of a segment that begin with the number `at`, and returns what they changed. Bytes that were
    /// there before, and bytes outside the window, are dropped. Throws std::bad_alloc.
    arrival arrived(packet::sequence at, std::span<const std::byte> bytes, bool fin) {
        arrival found;
        if (has_finished_) return found;
        if (at.is_before(next_)) {
            const auto old = static_cast<std::uint32_t>(next_ - at);
            bytes = bytes.subspan(std::min<std::size_t>(old, bytes.size()));
            at = next_;
        }
        const auto offset = static_cast<std::uint32_t>(at - next_);
        const std::size_t room = window() - std::min(window(), offset);
        if (bytes.size() > room) {
            bytes = bytes.first(room);
            fin = false;
        }
        if (fin) finish_ = place_ + offset + bytes.size();
        found.left_gap = offset != 0 || !early_.empty();
        const std::uint64_t before = place_;
        if (offset == 0) {
            take(bytes);
            early_.remove_before(place_);
        } else if (early_.cost_of(place_ + offset, bytes.size()) + early_.memory() <=
                   4 * std::uint64_t{capacity_} + 4096) {
            early_.insert(place_ + offset, bytes);  // a flood of one-byte pieces ends at the limit above
        }
        while (!early_.empty() && early_.first() == place_) take(early_.take_first());
        found.in_order = static_cast<std::uint32_t>(place_ - before);
        if (place_ == finish_) {
            next_ += 1;
            found.has_finished = has_finished_ = true;
            early_.clear();
        }
        return found;
    }

    /// Returns the bytes that may be read. They are valid until the next arrived() or consume().
    [[nodiscard]] std::span<const std::byte> readable() const noexcept { return ready_.bytes(); }
    /// Forgets the first bytes, which the program has read.
    void consume(std::size_t count) noexcept { ready_.drop(count); }
    /// Returns true if the peer's FIN has arrived, and everything before it.
    [[nodiscard]] bool has_finished() const noexcept { return has_finished_; }
    /// Returns how many bytes wait behind a gap.
    [[nodiscard]] std::size_t early() const noexcept { return early_.size(); }
    void clear() noexcept {
        ready_.clear();
        early_.clear();
    }

  private:
    static constexpr std::size_t largest = 1u << 30;

    /// The pieces behind a gap, without the parts that a later segment has filled.
    class pieces : public packet::detail::pieces {
      public:
        void remove_before(std::uint64_t place) {
            while (!empty() && first() < place) {
                const std::uint64_t at = first();
                const std::vector<std::byte> piece = take_first();
                if (at + piece.size() <= place) continue;
                insert(place, std::span{piece}.subspan(static_cast<std::size_t>(place - at)));
            }
        }
    };

    [[nodiscard]] std::uint32_t unread() const noexcept { return static_cast<std::uint32_t>(ready_.size()); }
    void take(std::span<const std::byte> bytes) {
        ready_.append(bytes);
        place_ += bytes.size();
        next_ += static_cast<std::uint32_t>(bytes.size());
    }

    std::uint32_t capacity_;
    std::uint32_t step_;
    packet::sequence next_;
    packet::sequence edge_;
    std::uint64_t place_ = 0;  // bytes in order so far: the place of next_ in the stream
    std::uint64_t finish_ = std::numeric_limits<std::uint64_t>::max();
    bool has_finished_ = false;
    detail::byte_queue ready_;
    pieces early_;
};

}  // namespace netnotes::lan

#endif  // NETNOTES_LAN_TCP_QUEUES_HPP

// netnotes/lan/tcp_settings.hpp: the numbers of a TCP, and the wait before it sends again
// SPDX-License-Identifier: MIT
//
// A TCP has a dozen numbers: how large a segment may be, how long to wait for an acknowledgment, when to give up. A
// kernel hides them behind sysctl names. Here they are members of one struct, so a lesson can set each of them:
//
//        lan::tcp_settings quick{.maximum_segment_lifetime = 1s, .keep_alive_idle = 10s};
//
// The most interesting number is measured: the retransmission timeout (RTO). Too short, and the sender repeats what has
// arrived; too long, and a lost segment stops the connection for seconds. RFC 6298 keeps two averages of the round-trip
// time R, the time itself and how much it varies:
//
//        first measurement       SRTT = R                            RTTVAR = R / 2
//        each later one          RTTVAR = 3/4 RTTVAR + 1/4 |SRTT - R|
//                                SRTT = 7/8 SRTT + 1/8 R
//        always                  RTO = SRTT + 4 RTTVAR, at least one second
//        each time it expires    RTO doubles, up to a minute
//
// A segment that was sent twice is never measured, because its acknowledgment could belong to either copy (Karn's
// rule).
//
// Time is a std::chrono::nanoseconds: the time since any beginning that the caller chooses. Nothing here reads a clock.
//
// On this page:  tcp_settings · retransmission_timeout
// The notes:     TCP的2MSL问题, 保活 (keep-alive)

#ifndef NETNOTES_LAN_TCP_SETTINGS_HPP
#define NETNOTES_LAN_TCP_SETTINGS_HPP

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace netnotes::lan {

/// The numbers of a connection. The defaults are the RFCs'. Where an RFC leaves a choice, the default is Linux's.
struct tcp_settings {
    /// The largest number of bytes in a segment that we ask the peer to send: 64 to 65495. Ethernet's is 1460.
    std::uint16_t maximum_segment_size = 1460;
    std::size_t send_buffer = 65'536;     ///< bytes that send() takes before they are acknowledged
    std::size_t receive_buffer = 65'535;  ///< bytes that arrive before the program reads them; at most 2^30
    /// Offers to scale windows (RFC 7323 §2). Without it, no window is larger than 65535 bytes.
    bool window_scale = true;
    /// Holds small segments back until earlier bytes are acknowledged (Nagle's algorithm, RFC 9293 §3.7.4).
    bool nagle = true;
    /// How long an acknowledgment may wait for company: below 500 ms (RFC 9293 §3.8.6.3). Zero sends each at once.
    std::chrono::nanoseconds delayed_acknowledgment = std::chrono::milliseconds{200};

    std::chrono::nanoseconds initial_timeout =
        std::chrono::seconds{1};                                      ///< before the first measurement (RFC 6298 §2.1)
    std::chrono::nanoseconds min_timeout = std::chrono::seconds{1};   ///< RFC 6298 §2.4; Linux has 200 ms
    std::chrono::nanoseconds max_timeout = std::chrono::seconds{60};  ///< RFC 6298 §2.5
    /// Repetitions of a SYN before connect() fails. Seven take three minutes (RFC 9293 §3.8.3, MUST-23).
    unsigned max_syn_retransmissions = 7;
    /// Repetitions of a segment before the connection fails. It must not fail before 100 s (RFC 9293 §3.8.3).
    unsigned max_retransmissions = 12;
    /// Segments that may be sent before the first acknowledgment. Zero is RFC 5681's rule: two to four. RFC 6928 has
    /// 10.
    unsigned initial_window = 0;

    /// MSL, the longest time that a segment may be under way. TIME-WAIT lasts twice as long (RFC 9293 §3.4.2).
    std::chrono::nanoseconds maximum_segment_lifetime = std::chrono::minutes{2};
    /// How long FIN-WAIT-2 may last after close(). Zero is for ever. Linux has 60 s (tcp_fin_timeout, tcp(7)).
    std::chrono::nanoseconds fin_wait_2_timeout{};

    /// Silence after which a probe asks whether the peer is there. Zero, the default, is off (RFC 9293 §3.8.4,
    /// MUST-25).
    std::chrono::nanoseconds keep_alive_idle{};
    std::chrono::nanoseconds keep_alive_interval = std::chrono::seconds{75};  ///< between two probes
    unsigned keep_alive_count = 9;                                            ///< probes without an answer

    /// Challenge acknowledgments in five seconds (RFC 5961 §7). A forger could otherwise make us send without limit.
    unsigned max_challenges = 10;
};

/// How long to wait for an acknowledgment (RFC 6298). A value.
class retransmission_timeout {
  public:
    using duration = std::chrono::nanoseconds;

    constexpr retransmission_timeout() noexcept = default;
    constexpr explicit retransmission_timeout(const tcp_settings& settings) noexcept
        : min_{settings.min_timeout},
          max_{std::max(settings.max_timeout, settings.min_timeout)},
          base_{std::min(settings.initial_timeout, max_)} {}

    /// Takes the time from a segment to its acknowledgment. The segment was sent once (Karn's rule: RFC 6298 §3).
    constexpr void measure(duration round_trip) noexcept {
        const duration sample = std::max(round_trip, duration{1});
        if (smoothed_ == duration::zero()) {
            smoothed_ = sample;
            variation_ = sample / 2;
        } else {
            const duration error = smoothed_ > sample ? smoothed_ - sample : sample - smoothed_;
            variation_ = (3 * variation_ + error) / 4;
            smoothed_ = (7 * smoothed_ + sample) / 8;
        }
        base_ = std::clamp(smoothed_ + 4 * variation_, min_, max_);
        doublings_ = 0;
    }
    /// Doubles the timeout, because it has expired (RFC 6298 §5.5).
    constexpr void back_off() noexcept {
        if (value() < max_) ++doublings_;
    }
    /// Reports that a SYN was sent more than once: data begins with at least three seconds (RFC 6298 §5.7).
    constexpr void syn_was_repeated() noexcept {
        doublings_ = 0;
        base_ = std::clamp(std::max(base_, duration{std::chrono::seconds{3}}), min_, max_);
    }
    /// Returns the timeout that holds now.
    [[nodiscard]] constexpr duration value() const noexcept { return after(doublings_); }
    /// Returns the timeout after `doublings` doublings, for other timers that double (zero-window probes).
    [[nodiscard]] constexpr duration after(unsigned doublings) const noexcept {
        duration wait = base_;
        for (unsigned i = 0; i < doublings && wait < max_; ++i) wait *= 2;
        return std::min(wait, max_);
    }
    /// Returns SRTT, zero before the first measurement.
    [[nodiscard]] constexpr duration round_trip() const noexcept { return smoothed_; }
    /// Returns RTTVAR, zero before the first measurement.
    [[nodiscard]] constexpr duration variation() const noexcept { return variation_; }

  private:
    duration min_ = std::chrono::seconds{1};
    duration max_ = std::chrono::seconds{60};
    duration base_ = std::chrono::seconds{1};
    duration smoothed_{};
    duration variation_{};
    unsigned doublings_ = 0;
};

}  // namespace netnotes::lan

#endif  // NETNOTES_LAN_TCP_SETTINGS_HPP


namespace netnotes::lan {

/// A segment to send: packet::write() makes its bytes, behind an IP header.
struct tcp_segment {
    packet::tcp header;
    std::span<const std::byte> payload;  ///< valid until the next call of a member of the machine
    /// Returns how many sequence numbers the segment occupies (RFC 9293 §3.4).
    [[nodiscard]] std::uint32_t length() const noexcept {
        return static_cast<std::uint32_t>(payload.size()) + (header.flags.syn() ? 1 : 0) + (header.flags.fin() ? 1 : 0);
    }
};

namespace detail {

/// The send side of a connection, with all timers.
class tcp_sender {
  public:
    using time = std::chrono::nanoseconds;
    static constexpr time never = time::max();  ///< a deadline that does not come

    /// Returns the next segment to send, or nullopt. Call it after each other call, until it returns nullopt.
    [[nodiscard]] std::optional<tcp_segment> next(time now) noexcept {
        now_ = std::max(now_, now);
        if (reset_) return tcp_segment{*std::exchange(reset_, std::nullopt), {}};
        switch (state_) {
            case tcp_state::closed:
            case tcp_state::listen: return std::nullopt;
            case tcp_state::syn_sent:
            case tcp_state::syn_received:
                if (cursor_ == iss_) return synchronize();
                break;
            case tcp_state::fin_wait_2:
            case tcp_state::time_wait: break;
            default:
                if (auto segment = text()) return segment;
        }
        if (keep_alive_probe_) {
            // A number that the peer has acknowledged: the peer must answer that it knows (RFC 9293 §3.8.4).
            keep_alive_probe_ = false;
            return leaving({.sequence_number = nxt_ - 1, .flags = packet::tcp_flag::ack}, {});
        }
        if (acknowledge_now_) return leaving({.sequence_number = nxt_, .flags = packet::tcp_flag::ack}, {});
        return std::nullopt;
    }

    /// Returns when to call expired(): never if there is nothing to wait for.
    [[nodiscard]] time deadline() const noexcept {
        return std::min({retransmit_at_, persist_at_, acknowledge_at_, end_at_, keep_alive_at()});
    }
    /// Takes the time. Call it at the deadline; an early call does nothing.
    void expired(time now) noexcept {
        now_ = std::max(now_, now);
        if (now_ >= end_at_) return end({});
        if (now_ >= acknowledge_at_) acknowledge_now();
        if (now_ >= retransmit_at_) retransmit();
        if (now_ >= persist_at_) probe_window();
        if (now_ >= keep_alive_at()) keep_alive();
    }

    [[nodiscard]] tcp_state state() const noexcept { return state_; }
    /// Returns why the connection has ended: connection_refused, connection_reset, timed_out, host_unreachable, or
    /// connection_aborted after abort(). No error means that it runs, or that it ended as it should.
    [[nodiscard]] std::error_code failure() const noexcept { return failure_; }
    [[nodiscard]] std::uint16_t local_port() const noexcept { return local_port_; }
    /// Returns the peer's port, 0 in LISTEN.
    [[nodiscard]] std::uint16_t remote_port() const noexcept { return remote_port_; }

    /// Returns how many bytes send() would take.
    [[nodiscard]] std::size_t room() const noexcept { return queue_.room(); }
    /// Returns the bytes that send() took and the peer has not acknowledged.
    [[nodiscard]] std::size_t unacknowledged() const noexcept { return queue_.size(); }
    /// Returns SND.UNA, the first number that is not acknowledged.
    [[nodiscard]] packet::sequence send_unacknowledged() const noexcept { return una_; }
    /// Returns SND.NXT, the next new number.
    [[nodiscard]] packet::sequence send_next() const noexcept { return nxt_; }
    /// Returns SND.WND, the peer's window in bytes.
    [[nodiscard]] std::uint32_t send_window() const noexcept { return window_; }
    /// Returns how many bytes of data a full segment carries.
    [[nodiscard]] std::uint32_t segment_size() const noexcept { return mss_; }
    [[nodiscard]] const congestion_window& congestion() const noexcept { return congestion_; }
    [[nodiscard]] const retransmission_timeout& timeout() const noexcept { return timeout_; }
    /// Returns how many segments were sent more than once.
    [[nodiscard]] std::uint64_t retransmissions() const noexcept { return total_retransmissions_; }
    /// Returns how long TIME-WAIT still lasts, zero in every other state.
    [[nodiscard]] time time_wait_left(time now) const noexcept {
        return state_ == tcp_state::time_wait ? std::max(time::zero(), end_at_ - now) : time::zero();
    }

  protected:
    tcp_sender(const tcp_settings& settings, std::uint16_t local_port, std::uint16_t remote_port)
        : settings_{settings},
          local_port_{local_port},
          remote_port_{remote_port},
          queue_{settings.send_buffer},
          receive_{settings.receive_buffer, settings.maximum_segment_size},
          timeout_{settings} {
        const std::size_t most = std::min<std::size_t>(settings.receive_buffer, 1u << 30);
        while (settings.window_scale && offered_shift_ < 14 && (most >> offered_shift_) > 65'535) ++offered_shift_;
    }
    ~tcp_sender() = default;
    tcp_sender(const tcp_sender&) = default;
    tcp_sender(tcp_sender&&) noexcept = default;
    tcp_sender& operator=(const tcp_sender&) = default;
    tcp_sender& operator=(tcp_sender&&) noexcept = default;

    /// Begins the numbers of our direction.
    void number_from(packet::sequence initial) noexcept {
        iss_ = una_ = nxt_ = cursor_ = urgent_end_ = initial;
        front_ = initial + 1;
    }
    /// Begins a connection whose SYNs are exchanged: the peer's options are known.
    void synchronized() noexcept {
        congestion_ = congestion_window{mss_, settings_.initial_window, iss_};
        if (syn_repeated_) timeout_.syn_was_repeated();
        if (syn_repeated_) congestion_ = congestion_window{mss_, 1, iss_};  // RFC 5681 §3.1
    }
    /// Returns the number of our FIN, sent or not.
    [[nodiscard]] packet::sequence finish() const noexcept { return front_ + queue_.size(); }
    [[nodiscard]] bool is_finish_acknowledged() const noexcept { return finishing_ && una_ == finish() + 1; }
    /// Returns true if the peer has seen our SYN and we have seen the peer's.
    [[nodiscard]] bool is_synchronized() const noexcept {
        return state_ != tcp_state::closed && state_ != tcp_state::listen && state_ != tcp_state::syn_sent &&
               state_ != tcp_state::syn_received;
    }
    /// Returns true if data or a FIN may still leave.
    [[nodiscard]] bool is_sending() const noexcept {
        return is_synchronized() && state_ != tcp_state::fin_wait_2 && state_ != tcp_state::time_wait;
    }

    void acknowledge_now() noexcept {
        acknowledge_now_ = true;
        acknowledge_at_ = never;
    }
    /// Acknowledges together with data, or a little later.
    void acknowledge_soon() noexcept {
        if (settings_.delayed_acknowledgment <= time::zero() || acknowledge_at_ != never)  // every second: §3.8.6.3
            return acknowledge_now();
        if (!acknowledge_now_) acknowledge_at_ = now_ + settings_.delayed_acknowledgment;
    }
    /// Sends a reset with that number, in place of everything else.
    void send_reset(packet::sequence number) noexcept {
        reset_ = packet::tcp{.source_port = local_port_,
                             .destination_port = remote_port_,
                             .sequence_number = number,
                             .flags = packet::tcp_flag::rst,
                             .window = 0};
    }
    /// Sends a reset that belongs to the connection, then ends it.
    void reset_and_end(std::error_code why) noexcept {
        send_reset(nxt_);
        reset_->flags = packet::tcp_flag::rst | packet::tcp_flag::ack;
        reset_->acknowledgment_number = receive_.next();
        end(why);
    }
    /// Forgets the connection.
    void end(std::error_code why) noexcept {
        state_ = tcp_state::closed;
        failure_ = why;
        queue_.clear();
        retransmit_at_ = persist_at_ = acknowledge_at_ = end_at_ = never;
        acknowledge_now_ = keep_alive_probe_ = resend_front_ = false;
    }
    void wait_two_lifetimes() noexcept {
        state_ = tcp_state::time_wait;
        retransmit_at_ = persist_at_ = never;
        end_at_ = now_ + 2 * settings_.maximum_segment_lifetime;
    }
    /// Starts the timer of the first unacknowledged segment, or stops it.
    void restart_timer() noexcept {
        retransmit_at_ = una_ == nxt_ || una_ == cursor_ ? never : now_ + timeout_.value();
    }

    tcp_settings settings_;
    std::uint16_t local_port_;
    std::uint16_t remote_port_;
    tcp_state state_ = tcp_state::closed;
    std::error_code failure_;
    time now_{};

    packet::sequence iss_, una_, nxt_, cursor_;  // cursor_ is between una_ and nxt_
    packet::sequence front_;                     // the number of the queue's first byte
    packet::sequence wl1_, wl2_;                 // the segment that told the window last: SND.WL1, SND.WL2
    packet::sequence urgent_end_;                // behind the last urgent byte: SND.UP
    std::uint32_t window_ = 0;
    std::uint32_t max_window_ = 0;
    std::uint32_t mss_ = 536;  // without the option (RFC 9293 §3.7.1, MUST-15)
    send_queue queue_;
    receive_queue receive_;
    unsigned offered_shift_ = 0;  // the window scale that our SYN offers
    unsigned send_shift_ = 0;     // the peer's windows are shifted by this
    unsigned receive_shift_ = 0;  // ours are
    bool peer_scales_ = true;     // the peer's SYN had the option, or has not come yet
    bool finishing_ = false;      // a FIN follows the queue
    bool passive_ = false;        // began in LISTEN
    bool syn_repeated_ = false;
    bool acknowledge_now_ = false;
    bool keep_alive_probe_ = false;
    bool resend_front_ = false;  // fast retransmit
    bool force_ = false;         // a zero-window probe, or a small segment that has waited long enough

    congestion_window congestion_;
    retransmission_timeout timeout_;
    unsigned retransmissions_ = 0;  // of the same segment
    unsigned window_probes_ = 0;    // doublings of the persist timer
    unsigned silent_probes_ = 0;    // of them without an answer
    unsigned keep_alives_ = 0;      // without an answer
    std::uint64_t total_retransmissions_ = 0;
    std::optional<packet::sequence> timed_;  // the end of the segment whose round trip is measured
    time timed_at_{};
    time last_sent_{};
    time last_heard_{};

    time retransmit_at_ = never;
    time persist_at_ = never;
    time acknowledge_at_ = never;
    time end_at_ = never;  // 2 MSL, or the end of FIN-WAIT-2
    std::optional<packet::tcp> reset_;

  private:
    using flag = packet::tcp_flag;

    /// Completes a segment that goes now. Everything but a SYN carries the acknowledgment.
    tcp_segment leaving(packet::tcp header, std::span<const std::byte> payload) noexcept {
        header.source_port = local_port_;
        header.destination_port = remote_port_;
        if (header.flags.ack()) {
            header.acknowledgment_number = receive_.next();
            acknowledge_now_ = false;
            acknowledge_at_ = never;
        }
        const std::uint32_t window = receive_.open_window();
        const unsigned shift = header.flags.syn() ? 0 : receive_shift_;  // a SYN's own window is never scaled
        header.window =
            static_cast<std::uint16_t>(std::min<std::uint32_t>((window + (1u << shift) - 1) >> shift, 65'535));
        if (header.flags.ack() && !header.flags.syn()) receive_.promise(std::uint32_t{header.window} << shift);
        if (urgent_end_.is_after(header.sequence_number) && !header.flags.syn()) {
            header.flags = header.flags | flag::urg;
            header.urgent_pointer =
                static_cast<std::uint16_t>(std::min<std::int32_t>(urgent_end_ - header.sequence_number, 65'535));
        }
        last_sent_ = now_;
        return {header, payload};
    }
    /// Counts the numbers of a segment that goes now, which begins at the cursor.
    void count(std::uint32_t numbers) noexcept {
        const packet::sequence end = cursor_ + numbers;
        if (cursor_.is_before(nxt_)) {
            ++total_retransmissions_;
            timed_.reset();
        } else if (!timed_) {
            timed_ = end;
            timed_at_ = now_;
        }
        cursor_ = end;
        if (nxt_.is_before(end)) nxt_ = end;
        if (retransmit_at_ == never) retransmit_at_ = now_ + timeout_.value();
        persist_at_ = never;
    }

    tcp_segment synchronize() noexcept {
        packet::tcp header{.sequence_number = iss_, .flags = flag::syn};
        if (state_ == tcp_state::syn_received) header.flags = flag::syn | flag::ack;
        header.options.maximum_segment_size(settings_.maximum_segment_size);
        if (settings_.window_scale && peer_scales_)
            header.options.no_operation().window_scale(static_cast<std::uint8_t>(offered_shift_));
        count(1);
        return leaving(header, {});
    }

    /// Returns a segment with data or a FIN, if it may go.
    std::optional<tcp_segment> text() noexcept {
        if (resend_front_) {
            resend_front_ = false;
            if (una_.is_before(nxt_)) {
                const packet::sequence saved = std::exchange(cursor_, una_);
                const std::uint32_t most = std::min(mss_, static_cast<std::uint32_t>(nxt_ - una_));
                auto segment = piece(std::min(most, queue_.size()), nxt_.is_after(finish()));
                if (cursor_.is_before(saved)) cursor_ = saved;
                return segment;
            }
        }
        const packet::sequence end = finish();
        if (cursor_.is_after(end)) return std::nullopt;  // the FIN was sent
        const auto unsent = static_cast<std::uint32_t>(end - cursor_);
        if (unsent == 0 && !finishing_) return std::nullopt;
        if (cursor_ == una_ && cursor_ == nxt_ && now_ - last_sent_ > timeout_.value()) congestion_.was_idle();

        const bool is_idle = cursor_ == una_;
        const std::int32_t room = una_ + std::min(window_, congestion_.size()) - cursor_;
        std::uint32_t size = std::min({unsent, mss_, static_cast<std::uint32_t>(std::max(room, 0))});
        const bool with_fin = finishing_ && size == unsent && static_cast<std::int64_t>(size) < room;
        const bool is_full = size == mss_;
        const bool is_rest = size == unsent && (!settings_.nagle || nxt_ == una_ || with_fin);
        const bool is_half = 2 * size >= max_window_ && (!settings_.nagle || nxt_ == una_);
        const bool is_again = cursor_.is_before(nxt_);
        if ((size != 0 || with_fin) && (is_full || is_rest || is_half || is_again)) {
            force_ = false;
            return piece(size, with_fin);
        }
        if (!is_idle) return std::nullopt;  // an acknowledgment will come, or the timer
        if (!force_) {
            if (persist_at_ == never) {
                window_probes_ = silent_probes_ = 0;
                persist_at_ = now_ + timeout_.value();
            }
            retransmit_at_ = never;
            return std::nullopt;
        }
        force_ = false;
        if (size != 0) return piece(size, false);  // small, but it has waited long enough (RFC 9293 §3.8.6.2.1, case 4)
        // A probe: the next byte, or the FIN, although there is no room (RFC 9293 §3.8.6.1, MUST-36).
        size = std::min(unsent, 1u);
        auto segment = piece(size, size == 0);
        cursor_ = una_;  // it is not expected to arrive, so nothing is under way
        retransmit_at_ = never;
        timed_.reset();
        persist_at_ = now_ + timeout_.after(window_probes_);
        return segment;
    }
    /// Makes a segment of `size` bytes from the cursor on.
    tcp_segment piece(std::uint32_t size, bool with_fin) noexcept {
        const auto at = static_cast<std::uint32_t>(cursor_ - front_);
        const auto bytes = queue_.part(at, size);
        packet::tcp header{.sequence_number = cursor_, .flags = flag::ack};
        if (size != 0 && at + size == queue_.size())
            header.flags = header.flags | flag::psh;  // nothing more to wait for
        with_fin = with_fin && at + size == queue_.size();
        if (with_fin) header.flags = header.flags | flag::fin;
        count(size + (with_fin ? 1 : 0));
        return leaving(header, bytes);
    }

    void retransmit() noexcept {
        const bool is_syn = state_ == tcp_state::syn_sent || state_ == tcp_state::syn_received;
        if (retransmissions_ >= (is_syn ? settings_.max_syn_retransmissions : settings_.max_retransmissions)) {
            if (state_ == tcp_state::syn_received && passive_) return listen_again();
            return end(make_error_code(std::errc::timed_out));
        }
        if (is_syn)
            syn_repeated_ = true;
        else
            congestion_.timed_out(nxt_, static_cast<std::uint32_t>(nxt_ - una_), retransmissions_ == 0);
        ++retransmissions_;
        timeout_.back_off();
        timed_.reset();
        cursor_ = una_;
        resend_front_ = false;
        retransmit_at_ = never;  // next() starts it again
    }
    void probe_window() noexcept {
        if (++silent_probes_ > settings_.max_retransmissions) return end(make_error_code(std::errc::timed_out));
        ++window_probes_;
        force_ = true;
        persist_at_ = never;
    }

    [[nodiscard]] time keep_alive_at() const noexcept {
        const bool may = is_synchronized() && state_ != tcp_state::time_wait && una_ == nxt_ && persist_at_ == never;
        if (!may || settings_.keep_alive_idle <= time::zero()) return never;
        return last_heard_ + settings_.keep_alive_idle + keep_alives_ * settings_.keep_alive_interval;
    }
    void keep_alive() noexcept {
        if (keep_alives_ >= settings_.keep_alive_count) return reset_and_end(make_error_code(std::errc::timed_out));
        ++keep_alives_;
        keep_alive_probe_ = true;
    }

  protected:
    /// Goes back to LISTEN: the SYN that we have answered came to nothing.
    void listen_again() noexcept {
        end({});
        if (finishing_) return;  // the program has closed meanwhile
        state_ = tcp_state::listen;
        remote_port_ = 0;
        retransmissions_ = 0;
        syn_repeated_ = false;
        peer_scales_ = true;
        timeout_ = retransmission_timeout{settings_};
        timed_.reset();
    }
};

}  // namespace detail

}  // namespace netnotes::lan

#endif  // NETNOTES_LAN_TCP_SENDER_HPP


namespace netnotes::lan {

/// Returns the RST that answers a segment to a port where there is no connection (RFC 9293 §3.10.7.1). Returns nullopt
/// for a RST, which is never answered: two hosts would otherwise reset each other for ever.
[[nodiscard]] constexpr std::optional<packet::tcp> reset_for(const packet::tcp_view& segment) noexcept {
    if (segment.flags().rst()) return std::nullopt;
    packet::tcp reset{
        .source_port = segment.destination_port(), .destination_port = segment.source_port(), .window = 0};
    if (segment.flags().ack()) {
        reset.sequence_number = segment.acknowledgment_number();
        reset.flags = packet::tcp_flag::rst;
    } else {
        reset.acknowledgment_number = segment.sequence_number() + segment.segment_length();
        reset.flags = packet::tcp_flag::rst | packet::tcp_flag::ack;
    }
    return reset;
}

/// One end of a connection, as RFC 9293 describes it. It has the timer of RFC 6298, the congestion control of RFC 5681
/// and 6582, window scaling (RFC 7323 §2), and the checks of RFC 5961. No call blocks. A value: a copy is the same
/// connection at that moment.
class tcp_machine : public detail::tcp_sender {
  public:
    /// Makes a machine in CLOSED. The peer's port may be 0 before listen().
    explicit tcp_machine(const tcp_settings& settings, std::uint16_t local_port, std::uint16_t remote_port = 0)
        : tcp_sender{settings, local_port, remote_port} {}

    // ---- What the program calls

    /// Opens actively: sends a SYN with the number `initial` (RFC 9293 §3.10.1). The number should be hard to guess;
    /// see initial_sequence(). Does nothing unless the state is CLOSED or LISTEN.
    void connect(packet::sequence initial, time now) {
        if (state_ != tcp_state::closed && state_ != tcp_state::listen) return;
        if (state_ == tcp_state::closed) *this = tcp_machine{settings_, local_port_, remote_port_};
        begin(now);
        passive_ = false;
        number_from(initial);
        state_ = tcp_state::syn_sent;
    }
    /// Opens passively: waits for a SYN from any port, and answers it with the number `initial`.
    void listen(packet::sequence initial) {
        if (state_ != tcp_state::closed) return;
        *this = tcp_machine{settings_, local_port_, remote_port_};
        passive_ = true;
        listen_number_ = initial;
        state_ = tcp_state::listen;
    }
    /// Opens as if the handshake had taken place: the peer has acknowledged our SYN with a cookie (see syn_cookies).
    /// Each number is that of the side's SYN. Neither side scales its windows.
    void establish(packet::sequence ours, packet::sequence peers, std::uint16_t peer_segment_size, time now) {
        if (state_ != tcp_state::closed) return;
        *this = tcp_machine{settings_, local_port_, remote_port_};
        begin(now);
        passive_ = true;
        number_from(ours);
        receive_.begin(peers + 1);
        take_segment_size(peer_segment_size);
        una_ = nxt_ = cursor_ = ours + 1;
        wl1_ = peers;
        wl2_ = una_;
        synchronized();
        state_ = tcp_state::established;
    }
    /// Queues bytes, and returns how many were taken: as many as there is room for, none after shutdown(). In SYN-SENT
    /// and SYN-RECEIVED they wait for the connection. Throws std::bad_alloc.
    std::size_t send(std::span<const std::byte> bytes) {
        const bool may = state_ == tcp_state::established || state_ == tcp_state::close_wait ||
                         state_ == tcp_state::syn_sent || state_ == tcp_state::syn_received;
        return may && !finishing_ ? queue_.append(bytes) : 0;
    }
    std::size_t send(std::string_view text) { return send(std::as_bytes(std::span{text.data(), text.size()})); }
    /// Queues bytes and marks them as urgent, so that the peer's program learns of them early (RFC 9293 §3.8.5).
    /// Returns how many bytes were taken. The RFC demands this call, but new programs should not use it (RFC 6093).
    std::size_t send_urgent(std::span<const std::byte> bytes) {
        const std::size_t taken = send(bytes);
        if (taken != 0) urgent_end_ = finish();
        return taken;
    }
    /// Ends our direction: a FIN follows what was sent. Receiving goes on. This is CLOSE of RFC 9293 §3.10.4, and
    /// shutdown(SHUT_WR) of a socket.
    void shutdown() noexcept {
        switch (state_) {
            case tcp_state::listen:
            case tcp_state::syn_sent: return end({});
            case tcp_state::syn_received:  // a FIN may follow our SYN; it goes when the peer has acknowledged that
            case tcp_state::established:
                finishing_ = true;
                state_ = state_ == tcp_state::established ? tcp_state::fin_wait_1 : state_;
                break;
            case tcp_state::close_wait:
                finishing_ = true;
                state_ = tcp_state::last_ack;
                break;
            default: break;
        }
    }
    /// Ends both directions, as close() of a socket does. Bytes that the program has not read, and bytes that arrive
    /// later, are answered by a RST: they are lost, and the peer should know (RFC 9293 §3.6.1).
    void close(time now) noexcept {
        now_ = std::max(now_, now);
        discards_ = true;
        if (is_synchronized() && state_ != tcp_state::time_wait && !receive_.readable().empty())
            return reset_and_end({});
        shutdown();
        wait_for_finish();
    }
    /// Ends the connection at once, with a RST if the peer knows of it (RFC 9293 §3.10.5).
    void abort() noexcept {
        const bool tell = state_ == tcp_state::syn_received || state_ == tcp_state::established ||
                          state_ == tcp_state::fin_wait_1 || state_ == tcp_state::fin_wait_2 ||
                          state_ == tcp_state::close_wait;
        const bool was_open = state_ != tcp_state::closed && state_ != tcp_state::listen;
        if (tell) send_reset(nxt_);
        receive_.clear();
        end(was_open ? make_error_code(std::errc::connection_aborted) : std::error_code{});
    }

    /// Returns the bytes that have arrived in order. They are valid until the next call of receive() or consume().
    [[nodiscard]] std::span<const std::byte> readable() const noexcept { return receive_.readable(); }
    /// Forgets the first bytes, which the program has read. The window may open: call next().
    void consume(std::size_t count) noexcept {
        receive_.consume(count);
        urgent_received_ -= std::min(urgent_received_, count);
        if (is_synchronized() && state_ != tcp_state::time_wait && receive_.wants_update()) acknowledge_now();
    }
    /// Returns true if the peer has sent its FIN, and everything before it has arrived. Once readable() is empty, too,
    /// recv() of a socket would return 0.
    [[nodiscard]] bool has_peer_finished() const noexcept { return receive_.has_finished(); }
    /// Returns how many urgent bytes are to be read.
    [[nodiscard]] std::size_t urgent() const noexcept { return urgent_received_; }

    // ---- What the network calls

    /// Takes a segment for this connection: its ports fit, and its checksum is good (RFC 9293 §3.10.7). Throws
    /// std::bad_alloc.
    void receive(const packet::tcp_view& segment, time now) {
        now_ = std::max(now_, now);
        switch (state_) {
            case tcp_state::closed:
                if (const auto reset = reset_for(segment)) reset_ = reset;
                return;
            case tcp_state::listen: return in_listen(segment);
            case tcp_state::syn_sent: return in_syn_sent(segment);
            default: return in_synchronized(segment);
        }
    }
    /// Takes an ICMP error about a segment of ours (RFC 9293 §3.9.2.2). `is_hard` is true for "protocol", "port
    /// unreachable". A hard error ends an attempt to connect; any other error changes nothing, because routes recover,
    /// and because a stranger could have sent it (RFC 5927).
    void unreachable(bool is_hard) noexcept {
        if (is_hard && state_ == tcp_state::syn_sent) end(make_error_code(std::errc::host_unreachable));
    }
    /// Reports that a path carries packets of at most `bytes` bytes (ICMP "fragmentation needed"). Sends again what was
    /// too large. Values below 68 count as 68 (RFC 791).
    void path_mtu(std::uint16_t bytes) noexcept {
        const std::uint32_t size = std::max<std::uint32_t>(bytes, 68) - 40;
        if (size >= mss_) return;
        mss_ = size;
        congestion_.segment_size(size);
        cursor_ = una_;
        timed_.reset();
    }
    /// Returns true if the machine waits in TIME-WAIT, and this SYN begins a new connection whose numbers cannot be
    /// taken for old ones. The host may then forget this machine and hand the SYN to its listener (RFC 9293 §3.6.1,
    /// MAY-2).
    [[nodiscard]] bool gives_way_to(const packet::tcp_view& segment) const noexcept {
        const auto flags = segment.flags();
        return state_ == tcp_state::time_wait && flags.syn() && !flags.rst() && !flags.ack() &&
               segment.sequence_number().is_after(receive_.next());
    }
    /// Returns RCV.NXT, the number of the next byte from the peer.
    [[nodiscard]] packet::sequence receive_next() const noexcept { return receive_.next(); }
    /// Returns RCV.WND, how many bytes from there on will be kept.
    [[nodiscard]] std::uint32_t receive_window() const noexcept { return receive_.window(); }
    /// Returns true if the program has called close().
    [[nodiscard]] bool is_closed_by_program() const noexcept { return discards_; }

  private:
    void begin(time now) noexcept {
        now_ = std::max(now_, now);
        last_heard_ = now_;
        failure_ = {};
    }
    void take_segment_size(std::uint16_t peers) noexcept {
        // Not below Linux's least: a peer that asks for segments of one byte costs forty times what it gets.
        mss_ = std::clamp<std::uint32_t>(peers, 48, settings_.maximum_segment_size);
    }
    /// Takes the peer's SYN: its number, its window, and its options.
    void take_syn(const packet::tcp_view& syn) noexcept {
        peers_initial_ = syn.sequence_number();
        receive_.begin(peers_initial_ + 1);
        take_segment_size(syn.maximum_segment_size().value_or(536));
        const auto shift = syn.window_scale();
        peer_scales_ = shift.has_value();
        const bool scale = settings_.window_scale && peer_scales_;  // both sides or neither (RFC 7323 §2.2)
        send_shift_ = scale ? std::min<unsigned>(*shift, 14) : 0;
        receive_shift_ = scale ? offered_shift_ : 0;
        window_ = max_window_ = syn.window();  // the window in a SYN is not scaled
        wl1_ = peers_initial_;
        wl2_ = syn.flags().ack() ? syn.acknowledgment_number() : iss_;
    }

    // §3.10.7.2
    void in_listen(const packet::tcp_view& segment) noexcept {
        const auto flags = segment.flags();
        if (flags.rst()) return;
        if (flags.ack()) {
            remote_port_ = segment.source_port();
            send_reset(segment.acknowledgment_number());
            remote_port_ = 0;
            return;
        }
        if (!flags.syn() || flags.fin()) return;  // SYN with FIN is no connection that a program wants
        begin(now_);
        remote_port_ = segment.source_port();
        number_from(listen_number_);
        take_syn(segment);
        state_ = tcp_state::syn_received;
    }

    // §3.10.7.3
    void in_syn_sent(const packet::tcp_view& segment) noexcept {
        const auto flags = segment.flags();
        const packet::sequence ack = segment.acknowledgment_number();
        const bool acknowledges = flags.ack() && ack.is_after(iss_) && !ack.is_after(nxt_);
        if (flags.ack() && !acknowledges) {  // of an earlier connection: RFC 9293 figure 8
            if (!flags.rst()) send_reset(ack);
            return;
        }
        if (flags.rst()) {
            if (acknowledges) end(make_error_code(std::errc::connection_refused));
            return;
        }
        if (!flags.syn()) return;
        last_heard_ = now_;
        take_syn(segment);
        if (!acknowledges) {  // both sides open at the same time: RFC 9293 figure 7
            state_ = tcp_state::syn_received;
            cursor_ = iss_;
            retransmit_at_ = never;
            return;
        }
        established(ack);
        acknowledge_now();
    }
    /// Our SYN is acknowledged.
    void established(packet::sequence ack) noexcept {
        state_ = finishing_ ? tcp_state::fin_wait_1 : tcp_state::established;
        una_ = iss_ + 1;
        if (cursor_.is_before(una_)) cursor_ = una_;
        if (timed_ && !timed_->is_after(ack)) {
            timeout_.measure(now_ - timed_at_);
            timed_.reset();
        }
        retransmissions_ = 0;
        synchronized();
        restart_timer();
    }

    // §3.10.7.4
    void in_synchronized(const packet::tcp_view& segment) {
        auto flags = segment.flags();
        packet::sequence number = segment.sequence_number();
        if (state_ == tcp_state::syn_received && flags.syn() && !flags.rst() && number == peers_initial_) {
            // The SYN again: our answer was lost. Or, if both sides opened, the peer's SYN with its acknowledgment.
            if (!flags.ack()) return repeat_syn();
            flags = flags & ~packet::tcp_flags{packet::tcp_flag::syn};
            number += 1;
        }
        const auto length =
            static_cast<std::uint32_t>(segment.payload().size()) + (flags.syn() ? 1 : 0) + (flags.fin() ? 1 : 0);
        // First, the sequence number.
        if (!is_acceptable(number, length)) {
            if (flags.rst()) return;
            if (state_ == tcp_state::time_wait && flags.fin()) end_at_ = now_ + 2 * settings_.maximum_segment_lifetime;
            // A full buffer must not stop acknowledgments: with a window of zero nothing else is acceptable.
            if (number == receive_.next() && flags.ack() && !flags.syn() && is_fresh(segment))
                take_acknowledgment(segment, number, 1);
            if (state_ == tcp_state::closed) return;
            // Two ends that disagree about the numbers would answer each other for ever. Only a segment without bytes
            // can be part of such a war, because bytes come from a timer.
            return length == 0 ? challenge() : acknowledge_now();
        }
        last_heard_ = now_;
        keep_alives_ = 0;
        silent_probes_ = 0;
        // Second, RST (RFC 5961 §3.2).
        if (flags.rst()) {
            if (number != receive_.next()) return challenge();
            if (state_ == tcp_state::syn_received && passive_) return listen_again();
            if (state_ == tcp_state::syn_received) return end(make_error_code(std::errc::connection_refused));
            const bool is_over =
                state_ == tcp_state::closing || state_ == tcp_state::last_ack || state_ == tcp_state::time_wait;
            return end(is_over ? std::error_code{} : make_error_code(std::errc::connection_reset));
        }
        // Fourth, SYN (RFC 5961 §4.2). There is no third: security labels are gone.
        if (flags.syn()) return challenge();
        // Fifth, the acknowledgment.
        if (!flags.ack()) return;
        if (state_ == tcp_state::syn_received) {
            const packet::sequence ack = segment.acknowledgment_number();
            if (!ack.is_after(una_) || ack.is_after(nxt_)) return send_reset(ack);
            window_ = max_window_ = std::uint32_t{segment.window()} << send_shift_;
            wl1_ = number;
            wl2_ = ack;
            established(ack);
        }
        if (!is_fresh(segment)) {
            challenge();
            return;
        }
        if (!take_acknowledgment(segment, number, length)) return;
        if (state_ == tcp_state::time_wait || state_ == tcp_state::closed) return;
        // Sixth, urgent data.
        if (flags.urg()) take_urgent(number + segment.urgent_pointer());
        // Seventh, the bytes, and eighth, FIN.
        if (length != 0) take_text(number, segment.payload(), flags.fin());
    }

    [[nodiscard]] bool is_acceptable(packet::sequence number, std::uint32_t length) const noexcept {
        const packet::sequence next = receive_.next();
        const std::uint32_t window = receive_.window();
        if (length == 0) return window == 0 ? number == next : number.is_in(next, window);
        if (window == 0) return false;
        return number.is_in(next, window) || (number + (length - 1)).is_in(next, window) ||
               (number.is_before(next) && (number + length).is_after(next));
    }
    /// Returns false for an acknowledgment of bytes that were never sent. Returns false, too, if the acknowledgment is
    /// older than the largest window (RFC 5961 §5).
    [[nodiscard]] bool is_fresh(const packet::tcp_view& segment) const noexcept {
        const packet::sequence ack = segment.acknowledgment_number();
        return !ack.is_after(nxt_) && !ack.is_before(una_ - max_window_);
    }
    /// Sends the SYN and its acknowledgment again.
    void repeat_syn() noexcept {
        cursor_ = iss_;
        timed_.reset();
        syn_repeated_ = true;
    }
    void challenge() noexcept {
        if (now_ - challenges_since_ >= std::chrono::seconds{5}) {
            challenges_since_ = now_;
            challenges_ = 0;
        }
        if (challenges_ < settings_.max_challenges) {
            ++challenges_;
            acknowledge_now();
        }
    }

    /// Takes the acknowledgment and the window. Returns false if the segment needs nothing more.
    bool take_acknowledgment(const packet::tcp_view& segment, packet::sequence number, std::uint32_t length) noexcept {
        const packet::sequence ack = segment.acknowledgment_number();
        const std::uint32_t window = std::uint32_t{segment.window()} << send_shift_;
        const bool is_news = ack.is_after(una_);
        // Repeated: nothing new, while bytes are under way (RFC 5681 §2).
        if (ack == una_ && length == 0 && window == window_ && cursor_ != una_) {
            if (congestion_.repeated(ack, nxt_, static_cast<std::uint32_t>(nxt_ - una_))) resend_front_ = true;
        }
        if (is_news) take_new_acknowledgment(ack);
        // The window, unless an older segment tells it (§3.10.7.4, SND.WL1 and SND.WL2).
        if (!ack.is_before(una_) && (wl1_.is_before(number) || (wl1_ == number && !ack.is_before(wl2_)))) {
            const bool opens = window_ == 0 && window != 0;
            window_ = window;
            max_window_ = std::max(max_window_, window);
            wl1_ = number;
            wl2_ = ack;
            if (opens) persist_at_ = never;
        }
        silent_probes_ = 0;
        keep_alives_ = 0;
        if (is_finish_acknowledged()) finish_acknowledged();
        return state_ != tcp_state::closed;
    }
    void take_new_acknowledgment(packet::sequence ack) noexcept {
        const auto bytes = static_cast<std::uint32_t>(ack - una_);
        if (timed_ && !timed_->is_after(ack)) {
            timeout_.measure(now_ - timed_at_);
            timed_.reset();
        }
        const auto of_queue = std::min(static_cast<std::uint32_t>(ack - front_), queue_.size());
        queue_.acknowledged(of_queue);
        front_ += of_queue;
        una_ = ack;
        if (cursor_.is_before(una_)) cursor_ = una_;
        if (urgent_end_.is_before(una_)) urgent_end_ = una_;
        retransmissions_ = 0;
        window_probes_ = 0;
        if (congestion_.new_bytes(bytes, ack, static_cast<std::uint32_t>(nxt_ - una_))) resend_front_ = true;
        restart_timer();  // RFC 6298 §5.3: an acknowledgment of new bytes starts the timer anew
    }
    void finish_acknowledged() noexcept {
        switch (state_) {
            case tcp_state::fin_wait_1: state_ = tcp_state::fin_wait_2; return wait_for_finish();
            case tcp_state::closing: return wait_two_lifetimes();
            case tcp_state::last_ack: return end({});
            default: return;
        }
    }
    /// After close() the peer's FIN may not come for ever.
    void wait_for_finish() noexcept {
        if (state_ == tcp_state::fin_wait_2 && discards_ && settings_.fin_wait_2_timeout > time::zero())
            end_at_ = now_ + settings_.fin_wait_2_timeout;
    }

    void take_urgent(packet::sequence end) noexcept {
        const std::int32_t ahead = end - receive_.next();
        const std::size_t unread = receive_.readable().size();
        if (ahead > 0) urgent_received_ = std::max(urgent_received_, unread + static_cast<std::size_t>(ahead));
    }
    void take_text(packet::sequence number, std::span<const std::byte> bytes, bool fin) {
        const bool receives =
            state_ == tcp_state::established || state_ == tcp_state::fin_wait_1 || state_ == tcp_state::fin_wait_2;
        if (!receives) return acknowledge_now();  // behind the peer's FIN nothing can be new
        if (discards_ && (number + static_cast<std::uint32_t>(bytes.size())).is_after(receive_.next()) &&
            !bytes.empty())
            return reset_and_end({});  // no program will read it
        const auto found = receive_.arrived(number, bytes, fin);
        // A gap, and its end, are acknowledged at once, so that the peer can send again early (RFC 5681 §4.2).
        if (found.left_gap || found.in_order == 0)
            acknowledge_now();
        else
            acknowledge_soon();
        if (!found.has_finished) return;
        acknowledge_now();
        switch (state_) {
            case tcp_state::established: state_ = tcp_state::close_wait; return;
            case tcp_state::fin_wait_1:  // our FIN is not acknowledged yet, or the state would be another
                state_ = tcp_state::closing;
                return;
            default:  // FIN-WAIT-2
                return wait_two_lifetimes();
        }
    }

    packet::sequence listen_number_;
    packet::sequence peers_initial_;  // IRS
    std::size_t urgent_received_ = 0;
    bool discards_ = false;  // the program has called close()
    time challenges_since_{};
    unsigned challenges_ = 0;
};

}  // namespace netnotes::lan

#endif  // NETNOTES_LAN_TCP_MACHINE_HPP


namespace netnotes::lan {

/// When a listener uses SYN cookies. Linux has the same three (net.ipv4.tcp_syncookies 0, 1 and 2).
enum class syn_cookie_use : std::uint8_t { never, when_full, always };

/// The queues of a listener.
struct listener_options {
    std::size_t backlog = 128;  ///< the limit of half-open connections, and that of connections that wait for accept()
    syn_cookie_use cookies = syn_cookie_use::when_full;
};

/// A port at which connections arrive. It knows no network: segments and the time go in, segments and a deadline come
/// out.
class tcp_listener {
  public:
    using time = std::chrono::nanoseconds;
    static constexpr time never = time::max();

    /// Counts of a listener, in SYNs or ACKs.
    struct counters {
        std::uint64_t syns = 0;            ///< SYNs of new clients
        std::uint64_t dropped_syns = 0;    ///< because a queue was full
        std::uint64_t cookies_sent = 0;    ///< SYNs that were answered by a cookie
        std::uint64_t cookies_passed = 0;  ///< ACKs with a good cookie
        std::uint64_t cookies_failed = 0;  ///< ACKs with a cookie that is forged or old
        std::uint64_t established = 0;     ///< handshakes that ended well
        std::uint64_t expired = 0;         ///< half-open connections that were dropped
        std::uint64_t waits_dropped = 0;   ///< last ACKs that were dropped, because connections wait for accept()
    };
    /// A segment to a client.
    struct outgoing {
        endpoint local;
        endpoint remote;
        tcp_segment segment;
    };
    /// A handshake that has ended: the machine of the connection.
    struct arrived_connection {
        endpoint local;
        endpoint remote;
        tcp_machine machine;
    };

    tcp_listener(std::uint16_t port, const tcp_settings& settings, const listener_options& how,
                 const keyed_hash::key& secret)
        : port_{port}, settings_{settings}, how_{how}, secret_{secret}, cookies_{secret} {}

    /// Takes a segment that belongs to no connection. Returns the connection whose handshake it has ended, if any.
    /// `waiting` is how many connections wait for accept(). Throws std::bad_alloc.
    std::optional<arrived_connection> receive(const endpoint& local, const endpoint& remote,
                                              const packet::tcp_view& segment, std::size_t waiting, time now) {
        now_ = std::max(now_, now);
        const auto found = half_open_.find({remote, local});
        if (found != half_open_.end()) return continued(found, segment, waiting);
        const auto flags = segment.flags();
        if (flags.rst()) return std::nullopt;
        if (flags.ack()) return returned(local, remote, segment, waiting);
        if (!flags.syn() || flags.fin()) return std::nullopt;
        ++counters_.syns;
        const bool is_full = half_open_.size() >= how_.backlog || waiting >= how_.backlog;
        if (how_.cookies == syn_cookie_use::always || (is_full && how_.cookies == syn_cookie_use::when_full)) {
            bake(local, remote, segment);
            return std::nullopt;
        }
        if (is_full) {
            ++counters_.dropped_syns;
            return std::nullopt;
        }
        tcp_machine machine{settings_, port_};
        machine.listen(initial_sequence(secret_, local, remote, now));
        machine.receive(segment, now);
        half_open_.emplace(key{remote, local}, std::move(machine));
        return std::nullopt;
    }

    /// Returns the next segment to send, or nullopt.
    [[nodiscard]] std::optional<outgoing> next(time now) {
        now_ = std::max(now_, now);
        if (answer_) return std::exchange(answer_, std::nullopt);
        for (auto& [ends, machine] : half_open_)
            if (auto segment = machine.next(now)) return outgoing{ends.second, ends.first, *segment};
        return std::nullopt;
    }
    [[nodiscard]] time deadline() const noexcept {
        time first = never;
        for (const auto& each : half_open_) first = std::min(first, each.second.deadline());
        return first;
    }
    void expired(time now) {
        now_ = std::max(now_, now);
        for (auto each = half_open_.begin(); each != half_open_.end();) {
            each->second.expired(now);
            const bool is_over = each->second.state() != tcp_state::syn_received;
            counters_.expired += is_over;
            each = is_over ? half_open_.erase(each) : std::next(each);
        }
    }

    /// Returns the port, in host byte order.
    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
    /// Returns how many half-open connections there are.
    [[nodiscard]] std::size_t half_open() const noexcept { return half_open_.size(); }
    [[nodiscard]] const listener_options& options() const noexcept { return how_; }
    [[nodiscard]] const counters& count() const noexcept { return counters_; }

  private:
    using key = std::pair<endpoint, endpoint>;  // the client, and our address

    std::optional<arrived_connection> continued(std::map<key, tcp_machine>::iterator found,
                                                const packet::tcp_view& segment, std::size_t waiting) {
        const auto flags = segment.flags();
        const bool may_end = flags.ack() && !flags.rst() && !flags.syn();
        if (may_end && waiting >= how_.backlog) {
            ++counters_.waits_dropped;
            return std::nullopt;
        }
        tcp_machine& machine = found->second;
        machine.receive(segment, now_);
        if (machine.state() == tcp_state::syn_received) return std::nullopt;
        std::optional<arrived_connection> done;
        if (machine.state() != tcp_state::listen && machine.state() != tcp_state::closed) {
            ++counters_.established;
            done.emplace(arrived_connection{found->first.second, found->first.first, std::move(machine)});
        }
        half_open_.erase(found);
        return done;
    }

    /// Answers a SYN by a cookie, and forgets the SYN.
    void bake(const endpoint& local, const endpoint& remote, const packet::tcp_view& syn) noexcept {
        ++counters_.cookies_sent;
        const auto cookie =
            cookies_.make(local, remote, syn.sequence_number(), syn.maximum_segment_size().value_or(536), now_);
        packet::tcp header{.source_port = port_,
                           .destination_port = remote.port(),
                           .sequence_number = cookie,
                           .acknowledgment_number = syn.sequence_number() + 1,
                           .flags = packet::tcp_flag::syn | packet::tcp_flag::ack};
        header.window = static_cast<std::uint16_t>(std::min<std::size_t>(settings_.receive_buffer, 65'535));
        header.options.maximum_segment_size(settings_.maximum_segment_size);
        answer_ = outgoing{local, remote, {header, {}}};
    }
    /// Takes an ACK without an entry: it brings a cookie back, or it is nobody's.
    std::optional<arrived_connection> returned(const endpoint& local, const endpoint& remote,
                                               const packet::tcp_view& segment, std::size_t waiting) {
        const packet::sequence cookie = segment.acknowledgment_number() - 1;
        const packet::sequence initial = segment.sequence_number() - 1;
        std::optional<std::uint16_t> size;
        if (counters_.cookies_sent > 0) size = cookies_.check(cookie, local, remote, initial, now_);
        if (!size) {
            counters_.cookies_failed += counters_.cookies_sent > 0;
            if (const auto reset = reset_for(segment)) answer_ = outgoing{local, remote, {*reset, {}}};
            return std::nullopt;
        }
        if (waiting >= how_.backlog) {
            ++counters_.waits_dropped;
            return std::nullopt;
        }
        ++counters_.cookies_passed;
        ++counters_.established;
        tcp_machine machine{settings_, port_, remote.port()};
        machine.establish(cookie, initial, *size, now_);
        machine.receive(segment, now_);
        return arrived_connection{local, remote, std::move(machine)};
    }

    std::uint16_t port_;
    tcp_settings settings_;
    listener_options how_;
    keyed_hash::key secret_;
    syn_cookies cookies_;
    std::map<key, tcp_machine> half_open_;
    std::optional<outgoing> answer_;
    counters counters_;
    time now_{};
};

}  // namespace netnotes::lan

#endif  // NETNOTES_LAN_TCP_LISTENER_HPP





// netnotes/lan/tcp_stack.hpp: the TCP of a host: connections, listeners, and the table between them
// SPDX-License-Identifier: MIT
//
// A machine knows one connection; a host has many. The stack looks up to which one a segment belongs: by both addresses
// and both ports. A segment of no connection goes to the listener of its port. If there is no listener, it gets a RST:
//
//        segment ──> addresses and ports in the table? ──yes──> that connection
//                         │ no, or TIME-WAIT that gives way to a SYN
//                         ▼
//                    a listener at the port? ──yes──> half-open, and later a connection
//                         │ no
//                         ▼
//                        RST
//
// Programs of a simulated host are functions. The stack calls them when something has changed, and they look what it
// was:
//
//        lan::network net{1};
//        auto& a = net.host("A", "10.0.0.1/24");
//        auto& b = net.host("B", "10.0.0.2/24");
//        net.connect(a, b);
//        lan::tcp_stack client{a}, server{b};
//        server.listen(80, [](lan::tcp_connection& peer) {
//            peer.on_change = [](lan::tcp_connection& it) { it.send(it.read()); };      // an echo
//        });
//        auto& connection = client.connect({"10.0.0.2", 80});
//        connection.send("hello");
//        net.run();
//        say(connection.read());
//
// On this page:  tcp_connection · tcp_stack
// The notes:     TCP通信过程, tcp半链接攻击; examples 31 and 35

#ifndef NETNOTES_LAN_TCP_STACK_HPP
#define NETNOTES_LAN_TCP_STACK_HPP

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>










namespace netnotes::lan {

class tcp_stack;

/// A connection of a host. It stays valid until release(), or as long as its stack. Once the program has called close(),
/// it stays valid only until its state is CLOSED: a timer that uses the connection must be cancelled before that.
class tcp_connection {
  public:
    /// Called after something has changed: bytes have arrived, there is room again, the state is another.
    std::function<void(tcp_connection&)> on_change;

    /// Returns the endpoint of this end, or of the peer.
    [[nodiscard]] const endpoint& local() const noexcept { return local_; }
    [[nodiscard]] const endpoint& remote() const noexcept { return remote_; }
    /// Returns the connection's protocol machine, or its state alone.
    [[nodiscard]] const tcp_machine& machine() const noexcept { return machine_; }
    [[nodiscard]] tcp_state state() const noexcept { return machine_.state(); }
    /// Returns true if the peer has finished, and everything was read.
    [[nodiscard]] bool has_ended() const noexcept {
        return machine_.readable().empty() && (machine_.has_peer_finished() || state() == tcp_state::closed);
    }

    /// Sends bytes, and returns how many were taken: see tcp_machine::send().
    std::size_t send(std::span<const std::byte> bytes);
    std::size_t send(std::string_view text) { return send(std::as_bytes(std::span{text.data(), text.size()})); }
    /// Returns the bytes that have arrived, and forgets them.
    std::string read();
    /// Ends our direction: a FIN follows.
    void shutdown();
    /// Ends both directions; see tcp_machine::close().
    void close();
    /// Ends the connection with a RST.
    void abort();

  private:
    friend tcp_stack;
    tcp_connection(tcp_stack& owner, const endpoint& local, const endpoint& remote, tcp_machine machine)
        : owner_{&owner}, local_{local}, remote_{remote}, machine_{std::move(machine)} {}
    tcp_stack* owner_;
    endpoint local_, remote_;
    tcp_machine machine_;
};

/// The TCP of a host. It takes the segments of the host from its construction on, and must live as long as the network
/// runs. It cannot be copied or moved.
class tcp_stack {
  public:
    using accept_handler = std::function<void(tcp_connection&)>;

    explicit tcp_stack(ip_node& host, const tcp_settings& settings = {})
        : host_{&host}, settings_{settings}, secret_{host.net().random().next(), host.net().random().next()} {
        host.on_protocol(packet::ip_protocol::tcp, [this](const packet::ipv4_view& packet) { receive(packet); });
        host.on_error([this](const icmp_report& report) { hear(report); });
    }
    tcp_stack(const tcp_stack&) = delete;
    tcp_stack& operator=(const tcp_stack&) = delete;
    ~tcp_stack() {
        host_->on_protocol(packet::ip_protocol::tcp, {});
        host_->net().cancel(timer_);
    }

    /// Returns the settings of connections and listeners that begin from now on.
    tcp_settings& settings() noexcept { return settings_; }

    /// Opens a port. `accepted` is called for each connection; without it, connections wait for accept(). Throws
    /// std::invalid_argument if the port has a listener.
    void listen(std::uint16_t port, accept_handler accepted = {}, const listener_options& how = {}) {
        const auto [place, is_new] = ports_.try_emplace(port, open_port{{port, settings_, how, secret_}, {}, {}});
        if (!is_new) throw std::invalid_argument{"port " + std::to_string(port) + " has a listener"};
        place->second.accepted = std::move(accepted);
    }
    /// Returns the listener of a port. Throws std::out_of_range if the port has none.
    [[nodiscard]] const tcp_listener& listener(std::uint16_t port) const { return ports_.at(port).listener; }
    /// Returns the connection that has waited longest, or nullptr.
    tcp_connection* accept(std::uint16_t port) {
        auto& waiting = ports_.at(port).waiting;
        if (waiting.empty()) return nullptr;
        tcp_connection* const first = waiting.front();
        waiting.pop_front();
        return first;
    }
    /// Opens a connection from this local port, 0 for a free port, and returns it. Its SYN leaves when the network
    /// runs. Throws std::invalid_argument if there is no route, or if both ends are in use already.
    tcp_connection& connect(const endpoint& remote, std::uint16_t local_port = 0) {
        const auto source = host_->source_for(remote.address().v4());
        if (!source) throw std::invalid_argument{host_->name() + " has no route to " + remote.to_string()};
        if (local_port == 0) local_port = free_port(*source, remote);
        const endpoint local{*source, local_port};
        tcp_machine machine{settings_, local.port(), remote.port()};
        machine.connect(initial_sequence(secret_, local, remote, now()), now());
        tcp_connection& made = add(local, remote, std::move(machine));
        wake();
        return made;
    }
    /// Forgets a connection that is closed. Returns false, and does nothing, while its state is another.
    bool release(tcp_connection& which) {
        if (which.state() != tcp_state::closed) return false;
        for (auto& [port, open] : ports_) std::erase(open.waiting, &which);
        return connections_.erase({which.local(), which.remote()}) > 0;
    }
    /// Returns the connections, closed ones included, until they are released or forgotten: a connection that the
    /// program has closed is forgotten when its state is CLOSED.
    [[nodiscard]] std::vector<tcp_connection*> connections() const {
        std::vector<tcp_connection*> all;
        for (const auto& each : connections_) all.push_back(each.second.get());
        return all;
    }
    /// Returns a line for each listener and each connection, as `ss -tan` prints it.
    [[nodiscard]] std::string table() const {
        std::string text;
        const auto line = [&text](std::string_view state, std::string_view local, std::string_view remote) {
            text += std::string{state} + std::string(std::max<std::size_t>(state.size(), 13) - state.size() + 1, ' ');
            text += std::string{local} + std::string(std::max<std::size_t>(local.size(), 21) - local.size() + 1, ' ');
            text += std::string{remote} + '\n';
        };
        for (const auto& [port, open] : ports_) {
            line(to_string(tcp_state::listen), "*:" + std::to_string(port), "*");
            if (open.listener.half_open() > 0)
                line(to_string(tcp_state::syn_received), "*:" + std::to_string(port),
                     std::to_string(open.listener.half_open()) + " half-open");
        }
        for (const auto& [ends, each] : connections_)
            line(to_string(each->state()), ends.first.to_string(), ends.second.to_string());
        return text;
    }
    [[nodiscard]] ip_node& host() const noexcept { return *host_; }
    /// Returns how many segments were dropped because they could not be read, or because their checksum was wrong.
    [[nodiscard]] std::uint64_t malformed() const noexcept { return malformed_; }

  private:
    friend tcp_connection;
    using key = std::pair<endpoint, endpoint>;  // local, remote
    struct open_port {
        tcp_listener listener;
        accept_handler accepted;
        std::deque<tcp_connection*> waiting;
    };

    struct written {
        ipv4_address source;
        ipv4_address destination;
        std::vector<std::byte> bytes;  // the first 20 are an IP header that is not used
    };

    [[nodiscard]] virtual_time now() const noexcept { return host_->net().now(); }
    std::uint16_t free_port(ipv4_address source, const endpoint& remote) {
        // Random ports make a forger's guess harder (RFC 6056 §3.3.1).
        for (unsigned tries = 0; tries < 1000; ++tries) {
            const auto port = static_cast<std::uint16_t>(49'152 + host_->net().random().below(16'384));
            if (!connections_.contains({endpoint{source, port}, remote})) return port;
        }
        throw std::invalid_argument{"no free port to " + remote.to_string()};
    }
    tcp_connection& add(const endpoint& local, const endpoint& remote, tcp_machine machine) {
        auto made = std::unique_ptr<tcp_connection>{new tcp_connection{*this, local, remote, std::move(machine)}};
        const auto [place, is_new] = connections_.try_emplace({local, remote}, std::move(made));
        if (!is_new) throw std::invalid_argument{"a connection from " + local.to_string() + " exists"};
        return *place->second;
    }

    void receive(const packet::ipv4_view& packet) {
        if (!host_->is_local(packet.destination())) return;  // to all hosts: no connection (RFC 9293 §3.9.2.3, MUST-57)
        packet::packet_failure why;
        const auto segment = packet::tcp_view::parse(packet.payload(), why);
        if (!segment ||
            segment->checksum_state(packet.source(), packet.destination()) != packet::checksum_state::good) {
            ++malformed_;
            return;
        }
        const endpoint local{packet.destination(), segment->destination_port()};
        const endpoint remote{packet.source(), segment->source_port()};
        auto found = connections_.find({local, remote});
        const auto port = ports_.find(local.port());
        const bool is_over = found != connections_.end() && found->second->machine_.is_closed_by_program() &&
                             found->second->machine_.gives_way_to(*segment);
        if (is_over && port != ports_.end()) {
            connections_.erase(found);
            found = connections_.end();
        }
        if (found != connections_.end()) {
            tcp_connection& here = *found->second;
            here.machine_.receive(*segment, now());
            changed(here);
        } else if (port != ports_.end()) {
            open_port& open = port->second;
            if (auto done = open.listener.receive(local, remote, *segment, open.waiting.size(), now())) {
                tcp_connection& made = add(done->local, done->remote, std::move(done->machine));
                if (open.accepted)
                    open.accepted(made);
                else
                    open.waiting.push_back(&made);
                changed({done->local, done->remote});
            }
        } else if (const auto reset = reset_for(*segment)) {
            transmit(local, remote, {*reset, {}});
        }
        flush();
    }
    /// An ICMP error quotes the segment that did not arrive: its ports, and its sequence number (RFC 5927 §4.1).
    void hear(const icmp_report& report) {
        if (report.quoted.protocol() != packet::ip_protocol::tcp || report.quoted.payload().size() < 8) return;
        const std::byte* const ports = report.quoted.payload().data();
        const endpoint local{report.quoted.source(), packet::detail::load_16(ports)};
        const endpoint remote{report.quoted.destination(), packet::detail::load_16(ports + 2)};
        const packet::sequence number{packet::detail::load_32(ports + 4)};
        const auto found = connections_.find({local, remote});
        if (found == connections_.end() || report.type != packet::icmp_type::destination_unreachable) return;
        tcp_machine& machine = found->second->machine_;
        if (number.is_before(machine.send_unacknowledged()) || !number.is_before(machine.send_next())) return;
        if (report.code == 4)
            machine.path_mtu(report.next_hop_mtu);
        else
            machine.unreachable(report.code == 2 || report.code == 3);
        changed(*found->second);
        wake();
    }
    /// Tells the program that something has changed, unless the program has released the connection meanwhile.
    void changed(const key& ends) {
        if (const auto found = connections_.find(ends); found != connections_.end()) changed(*found->second);
    }
    void changed(tcp_connection& which) {
        if (!which.on_change) return;
        const auto function = which.on_change;  // it may replace itself
        function(which);
    }
    /// Writes a segment for flush(), which sends it: a host may talk to itself, and then be called again at once.
    void transmit(const endpoint& local, const endpoint& remote, const tcp_segment& segment) {
        // The pseudo-header needs both addresses, so an IP header is written in front, and left to the host after that.
        std::vector<std::byte> bytes;
        packet::write(bytes, packet::ipv4{.source = local.address().v4(), .destination = remote.address().v4()},
                      segment.header, segment.payload);
        leaving_.push_back({local.address().v4(), remote.address().v4(), std::move(bytes)});
    }
    /// Sends what all machines have to say, and sets the timer. A connection that nobody needs any more is forgotten.
    void flush() {
        for (auto each = connections_.begin(); each != connections_.end();) {
            tcp_connection& here = *each->second;
            while (const auto segment = here.machine_.next(now())) transmit(here.local_, here.remote_, *segment);
            const bool is_over = here.state() == tcp_state::closed && here.machine_.is_closed_by_program();
            each = is_over ? connections_.erase(each) : std::next(each);
        }
        virtual_time first = tcp_machine::never;
        for (auto& [number, open] : ports_) {
            while (const auto out = open.listener.next(now())) transmit(out->local, out->remote, out->segment);
            first = std::min(first, open.listener.deadline());
        }
        for (const auto& each : connections_) first = std::min(first, each.second->machine_.deadline());
        if (first != timer_at_) {
            host_->net().cancel(timer_);
            timer_at_ = first;
            if (first != tcp_machine::never) timer_ = host_->net().after(first - now(), [this] { expired(); });
        }
        for (const auto& each : std::exchange(leaving_, {})) {
            packet_options how;
            how.dont_fragment = true;  // so that a router reports a smaller MTU on the path (RFC 1191)
            how.source = each.source;
            host_->send_packet(each.destination, packet::ip_protocol::tcp, std::span{each.bytes}.subspan(20), how);
        }
    }
    void expired() {
        timer_at_ = tcp_machine::never;
        for (auto& [number, open] : ports_) open.listener.expired(now());
        // First all machines, and then the functions of the program, which may release connections.
        std::vector<key> news;
        for (const auto& [ends, each] : connections_) {
            const tcp_state before = each->state();
            each->machine_.expired(now());
            if (each->state() != before) news.push_back(ends);
        }
        for (const key& ends : news) changed(ends);
        flush();
    }
    /// Lets the segments leave when the network runs: a program may be in the middle of its function.
    void wake() {
        if (is_waking_) return;
        is_waking_ = true;
        host_->net().after({}, [this] {
            is_waking_ = false;
            flush();
        });
    }

    ip_node* host_;
    tcp_settings settings_;
    keyed_hash::key secret_;
    std::map<key, std::unique_ptr<tcp_connection>> connections_;
    std::map<std::uint16_t, open_port> ports_;
    std::vector<written> leaving_;
    network::timer timer_{};
    virtual_time timer_at_ = tcp_machine::never;
    bool is_waking_ = false;
    std::uint64_t malformed_ = 0;
};

inline std::size_t tcp_connection::send(std::span<const std::byte> bytes) {
    const std::size_t taken = machine_.send(bytes);
    if (taken > 0) owner_->wake();
    return taken;
}
inline std::string tcp_connection::read() {
    const auto bytes = machine_.readable();
    std::string text(bytes.size(), '\0');
    std::transform(bytes.begin(), bytes.end(), text.begin(), [](std::byte b) { return static_cast<char>(b); });
    machine_.consume(bytes.size());
    if (!text.empty()) owner_->wake();
    return text;
}
inline void tcp_connection::shutdown() {
    machine_.shutdown();
    owner_->wake();
}
inline void tcp_connection::close() {
    machine_.close(owner_->now());
    owner_->wake();
}
inline void tcp_connection::abort() {
    machine_.abort();
    owner_->wake();
}

}  // namespace netnotes::lan

#endif  // NETNOTES_LAN_TCP_STACK_HPP

// netnotes/packet.hpp: every byte on the wire
// SPDX-License-Identifier: MIT
//
// What a program sends with one call travels as a frame: its bytes, and in front of them a header of each layer.
//
//        ┌─ Ethernet ─────┬─ IPv4 ─────────────┬─ TCP ──────────────┬─ payload ──────┐
//        │ which card     │ which host         │ which program,     │ GET / HTTP/1.1 │
//        │ 14 bytes       │ 20 to 60 bytes     │ which byte; 20–60  │ …              │
//        └────────────────┴────────────────────┴────────────────────┴────────────────┘
//
// This module reads and writes such frames. It opens no socket and has no clock: bytes and time come in, bytes go out. A
// view of a header checks the bytes once, when it is made. After that no accessor can fail or read past the end. Views
// copy nothing and allocate nothing.
//
// A header that cannot be read is reported with its layer, the reason, and the byte's place. A frame that the capture cut
// short is told apart from a malformed frame.
//
//        const packet::frame_view frame = packet::dissect(bytes);
//        if (const auto tcp = frame.tcp()) std::cout << tcp->source_port() << " to " << tcp->destination_port();
//        if (!frame.is_whole()) std::cerr << frame.failure().message();
//
// Chapters, lowest first:
//     packet/bytes.hpp      numbers on the wire: network byte order
//     packet/names.hpp      layers, failures, numbers of registries, MAC addresses
//     packet/checksum.hpp   the checksums of the Internet and of Ethernet
//     packet/view.hpp       what every view of a header can do; options
//     packet/ethernet.hpp   Ethernet, VLAN tags, ARP
//     packet/ipv4.hpp       the header of IPv4
//     packet/ipv6.hpp       the header of IPv6 and its extension headers
//     packet/icmp.hpp       ICMP and ICMPv6 with neighbour discovery
//     packet/udp.hpp        the header of UDP
//     packet/tcp.hpp        the header of TCP, its options, and sequence numbers
//     packet/frame_view.hpp  what a frame holds, and whether its checksum is right
//     packet/frame.hpp      a whole frame: dissect() finds every layer
//     packet/build.hpp      frames made of plain values
//     packet/record.hpp     a captured packet, and the time at which it was captured
//     packet/pcap.hpp       pcap, the capture file that every tool reads
//     packet/pcapng.hpp     pcapng, the capture file with interfaces and comments
//     packet/capture.hpp    reading a capture file, whichever of the two formats it has
//     packet/pieces.hpp     bytes that arrive in any order
//     packet/reassembly.hpp joining the fragments of IPv4 and IPv6
//     packet/follow.hpp     following TCP streams through a capture
//     packet/dns_name.hpp   names of DNS, as text and as they travel
//     packet/dns_record.hpp records of the Domain Name System, and what they hold
//     packet/dns.hpp        messages of the Domain Name System
//     packet/dns_build.hpp  writing messages of the Domain Name System
//     packet/fields.hpp     every field of a frame, by name
//     packet/print.hpp      a frame as a line, a tree, a hex dump, and the RFC's box
//
// The notes:     TCP/IP协议(族), TCP报文首部, 网络分析工具

#ifndef NETNOTES_PACKET_HPP
#define NETNOTES_PACKET_HPP


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





#endif  // NETNOTES_IP_HPP



// netnotes/packet/capture.hpp: reading a capture file, whichever of the two formats it has
// SPDX-License-Identifier: MIT
//
// Two formats are in use, and their first bytes tell which one a file has:
//
//        a1 b2 c3 d4, or another of four magics    pcap, pcap.hpp
//        0a 0d 0d 0a                               pcapng, pcapng.hpp
//
//        packet::capture_reader reader{bytes};
//        for (const packet::capture_record& record : reader)
//            std::cout << record.bytes.size() << " bytes on " << reader.interfaces()[record.interface_index].name();
//        if (reader.is_cut_short()) std::cout << "the file ends within a packet";
//
// The reader takes bytes and opens no file. The bytes are a whole file, or they come in pieces, as read(2) gives them:
//
//        packet::capture_reader reader;
//        while (const std::size_t size = read_some(buffer)) {
//            reader.add(std::span{buffer}.first(size));
//            for (const packet::capture_record& record : reader) say(record.bytes.size());
//        }
//        reader.finish();                                       // now is_cut_short() knows
//
// So a file may be larger than memory, or a pipe into which tcpdump still writes. A record lies in the piece that was
// given. Only a record that the end of a piece cuts is copied, and completed with the beginning of the next piece:
//
//        ├─────────────── piece ──────────────┼─────────────── piece ──────────────┤
//        │ record │  record  │ record │ rec   │ ord │ record │   record   │ record  │
//                                     └── copied ─┘
//
// Pieces of 256 KiB are large enough: larger pieces are not read faster.
//
// On this page:  capture_reader
// The notes:     Wireshark (N84); example 30

#ifndef NETNOTES_PACKET_CAPTURE_HPP
#define NETNOTES_PACKET_CAPTURE_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <utility>
#include <variant>
#include <vector>

// netnotes/packet/pcap.hpp: pcap, the capture file that every tool reads
// SPDX-License-Identifier: MIT
//
// tcpdump writes this format. A header of 24 bytes says how the rest is to be read. Then each packet follows its own
// header of 16 bytes:
//
//        0          4       6       8             16          20          24
//       ┌──────────┬───────┬───────┬─────────────┬───────────┬───────────┐
//       │ a1b2c3d4 │   2   │   4   │ 0         0 │ snapshot  │ link type │   of the file
//       └──────────┴───────┴───────┴─────────────┴───────────┴───────────┘
//       ┌──────────┬──────────┬──────────┬──────────┬──────────────────┐
//       │ seconds  │ fraction │ captured │ original │ the packet       │     of each packet
//       └──────────┴──────────┴──────────┴──────────┴──────────────────┘
//
// The numbers have the byte order of the machine that wrote them. The first number, the *magic*, tells which: its bytes
// are a1 b2 c3 d4 or d4 c3 b2 a1. The magic a1b23c4d says that the fraction counts nanoseconds instead of microseconds.
// A reader that does not know this magic loses three digits.
//
// A program that is killed while it captures leaves a file that ends within a record. That is no broken file: the
// reader returns every whole record, and then failure() is cut short.
//
// On this page:  pcap_reader · pcap_writer
// Source:        draft-ietf-opsawg-pcap
// The notes:     Wireshark (N84); example 30

#ifndef NETNOTES_PACKET_PCAP_HPP
#define NETNOTES_PACKET_PCAP_HPP

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <ostream>
#include <span>
#include <stdexcept>
#include <utility>




namespace netnotes::packet {

/// The largest packet that the common tools accept in a file whose header names no larger size: 262,144 bytes. If it
/// names a larger size, packets of that size are accepted, up to max_record_size with their header.
inline constexpr std::uint32_t max_captured_size = 262'144;

/// Reads a pcap file that lies in memory. It allocates nothing and throws nothing. The bytes must outlive the reader
/// and its records.
///
///     pcap_reader reader{bytes};
///     for (const capture_record& record : reader) …
///     if (reader.failure()) std::cerr << reader.failure().message();
class pcap_reader {
  public:
    /// Reads the header. If that fails, failure() is set and next() returns nullopt.
    constexpr explicit pcap_reader(std::span<const std::byte> file) noexcept;

    /// Returns true if the bytes begin as a pcap file does.
    [[nodiscard]] static constexpr bool recognizes(std::span<const std::byte> file) noexcept {
        return file.size() >= 4 && kind_of(file) != unknown;
    }

    /// Returns the next packet. Returns nullopt at the end, and after the first record that is cut short or malformed;
    /// failure() then says why.
    constexpr std::optional<capture_record> next() noexcept;
    /// Reads on from the record that next() would return. A record that was read is not returned again.
    [[nodiscard]] constexpr detail::record_iterator<pcap_reader> begin() noexcept {
        return detail::record_iterator<pcap_reader>{*this};
    }
    [[nodiscard]] constexpr std::default_sentinel_t end() const noexcept { return {}; }

    /// Returns why reading ended before the end of the file. It converts to false as long as no error was met.
    [[nodiscard]] constexpr const packet_failure& failure() const noexcept { return failure_; }
    /// Returns true if the file ended within its header or within a record.
    [[nodiscard]] constexpr bool is_cut_short() const noexcept { return failure_.is_cut_short(); }

    /// Returns true if the host that wrote the file stores the byte of the larger weight first.
    [[nodiscard]] constexpr bool is_big_endian() const noexcept { return (kind_ & 2) != 0; }
    /// Returns the only interface of the file, which has no name.
    [[nodiscard]] constexpr std::span<const capture_interface> interfaces() const noexcept { return {&interface_, 1}; }
    /// Returns how many bytes at the end of each packet are Ethernet's check sequence. Most files do not say: then 0.
    [[nodiscard]] constexpr std::size_t check_sequence_size() const noexcept { return check_sequence_size_; }

  private:
    friend class capture_reader;  // which reads a file piece by piece
    enum kind : unsigned { micro_little = 0, nano_little = 1, micro_big = 2, nano_big = 3, unknown = 4 };
    static constexpr kind kind_of(std::span<const std::byte> file) noexcept {
        switch (detail::number_at<std::uint32_t>(file, 0, true)) {
            case 0xa1b2c3d4: return micro_big;
            case 0xa1b23c4d: return nano_big;
            case 0xd4c3b2a1: return micro_little;
            case 0x4d3cb2a1: return nano_little;
            default: return unknown;
        }
    }
    template <class Number>
    constexpr Number load(std::size_t at) const noexcept {
        return detail::number_at<Number>(file_, at, is_big_endian());
    }
    constexpr std::nullopt_t fail(std::size_t offset, const char* pattern, std::uint32_t value = 0,
                                  std::uint32_t limit = 0) noexcept {
        failure_ = packet_failure{layer::capture, offset, pattern, value, limit};
        return std::nullopt;
    }
    constexpr std::nullopt_t cut_short(std::size_t needed) noexcept {
        needed_ = needed;
        failure_ = packet_failure::cut_short(layer::capture, position(), file_.size() - at_, needed);
        return std::nullopt;
    }
    /// Returns the place in the file of the next byte to read.
    [[nodiscard]] constexpr std::size_t position() const noexcept { return before_ + at_; }
    /// Reads on at this position of the file, in a part of the file that begins there. Forgets that bytes were missing.
    constexpr void go_on(std::span<const std::byte> part, std::size_t position) noexcept {
        file_ = part;
        at_ = 0;
        before_ = position;
        failure_ = {};
    }

    std::span<const std::byte> file_;  // the whole file, or a part of it
    std::size_t at_ = 0;
    std::size_t before_ = 0;  // bytes of the file before the part
    std::size_t needed_ = 0;  // bytes that the record has which was cut short
    kind kind_ = unknown;
    unsigned minor_version_ = 4;
    std::uint32_t largest_ = 0;  // packet
    std::size_t check_sequence_size_ = 0;
    capture_interface interface_;
    packet_failure failure_;
};

/// Writes a pcap file with nanoseconds to a stream. The numbers are little-endian on every machine, so equal packets
/// make equal files. The stream must outlive the writer. An error of the stream is the stream's: ask it, or let it
/// throw.
class pcap_writer {
  public:
    /// Writes the header. A packet longer than the snapshot length is cut, and its original size is kept.
    explicit pcap_writer(std::ostream& out, link_type link = link_type::ethernet,
                         std::uint32_t snapshot_length = max_captured_size)
        : out_{&out}, snapshot_length_{snapshot_length} {
        put(0xa1b23c4d, 2 | 4u << 16, 0, 0, snapshot_length, static_cast<std::uint32_t>(link));
    }

    /// Writes a packet of `original_size` bytes, which is the size of `bytes` if you do not say otherwise.
    /// Throws std::out_of_range for a time before 1970 or after 2106-02-07, which the file cannot hold, for an original
    /// size above 4,294,967,295, and for a record above max_record_size. Then nothing was written.
    void write(capture_time time, std::span<const std::byte> bytes, std::optional<std::size_t> original_size = {}) {
        const std::size_t original = original_size.value_or(bytes.size());
        const auto nanoseconds = time.time_since_epoch().count();
        if (nanoseconds < 0 || nanoseconds / 1'000'000'000 > 0xffff'ffff)
            throw std::out_of_range{"a pcap file holds times from 1970 to 2106 only"};
        if (original > 0xffff'ffff) throw std::out_of_range{"a pcap file holds packets below 4 GiB only"};
        bytes = bytes.first(std::min<std::size_t>(bytes.size(), snapshot_length_));
        if (bytes.size() > max_record_size - 16) throw std::out_of_range{"a record of a capture file has at most 16 MiB"};
        put(static_cast<std::uint32_t>(nanoseconds / 1'000'000'000),
            static_cast<std::uint32_t>(nanoseconds % 1'000'000'000), static_cast<std::uint32_t>(bytes.size()),
            static_cast<std::uint32_t>(original));
        out_->write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    }

  private:
    template <class... Numbers>
    void put(Numbers... numbers) {
        std::array<char, 4 * sizeof...(numbers)> bytes;
        std::size_t at = 0;
        for (const std::uint32_t number : {static_cast<std::uint32_t>(numbers)...})
            for (unsigned shift = 0; shift < 32; shift += 8) bytes[at++] = static_cast<char>(number >> shift & 0xff);
        out_->write(bytes.data(), bytes.size());
    }
    std::ostream* out_;
    std::uint32_t snapshot_length_;
};

// ---- Reading -------------------------------------------------------------------------------------------

constexpr pcap_reader::pcap_reader(std::span<const std::byte> file) noexcept : file_{file} {
    if (file.size() < 4) {
        if (detail::begins_as(file, 0xa1b2c3d4) || detail::begins_as(file, 0xa1b23c4d) ||
            detail::begins_as(file, 0xd4c3b2a1) || detail::begins_as(file, 0x4d3cb2a1))
            cut_short(24);
        else
            fail(0, "the file does not begin as a pcap file does");
        return;
    }
    kind_ = kind_of(file);
    if (kind_ == unknown) {
        fail(0, "the file does not begin as a pcap file does");
        return;
    }
    if (file.size() < 24) {
        cut_short(24);
        return;
    }
    if (load<std::uint16_t>(4) != 2) {
        fail(4, "version is %, and # is known", load<std::uint16_t>(4), 2);
        return;
    }
    minor_version_ = load<std::uint16_t>(6);
    interface_.snapshot_length = load<std::uint32_t>(16);
    largest_ = std::min(std::max(interface_.snapshot_length, max_captured_size), max_record_size - 16);
    const auto link = load<std::uint32_t>(20);
    interface_.link = static_cast<link_type>(link & 0xffff);
    if ((link & 0x0400'0000) != 0) check_sequence_size_ = link >> 28 << 1;  // it is counted in 16 bits
    if ((kind_ & 1) != 0) interface_.resolution = time_resolution::nanoseconds();
    at_ = 24;
}

constexpr std::optional<capture_record> pcap_reader::next() noexcept {
    if (failure_ || at_ == file_.size()) return std::nullopt;
    const std::size_t rest = file_.size() - at_;
    if (rest < 16) return cut_short(16);
    std::size_t size = load<std::uint32_t>(at_ + 8), original_size = load<std::uint32_t>(at_ + 12);
    // Before version 2.3 the two sizes had changed places. In version 2.3 some programs wrote them one way, some the
    // other.
    if (minor_version_ < 3 || (minor_version_ == 3 && size > original_size)) std::swap(size, original_size);
    if (size > largest_)
        return fail(position() + 8, "captured size is %, above #", static_cast<std::uint32_t>(size), largest_);
    if (size > rest - 16) return cut_short(16 + size);
    detail::load_ahead(file_, at_, 16 + size);
    capture_record record;
    const std::uint64_t fraction = load<std::uint32_t>(at_ + 4);
    const std::uint64_t ticks_of_a_second = (kind_ & 1) != 0 ? 1'000'000'000 : 1'000'000;
    record.ticks = load<std::uint32_t>(at_) * ticks_of_a_second + fraction;
    record.time = interface_.resolution.at(record.ticks);
    record.bytes = file_.subspan(at_ + 16, size);
    record.original_size = original_size;
    record.link = interface_.link;
    record.offset = position();
    at_ += 16 + size;
    return record;
}

}  // namespace netnotes::packet

#endif  // NETNOTES_PACKET_PCAP_HPP




namespace netnotes::packet {

/// Reads a capture file of either format, packet by packet: a file that lies in memory, or a file that comes in pieces.
/// Both give the same records, offsets and failures. Offsets count from the beginning of the file.
///
/// The bytes of a whole file must outlive the reader and its records. With pieces, a record and the texts of interfaces()
/// are valid until the next call of next(), add() or finish().
///
/// A whole file costs no memory but the table of a pcapng file's interfaces. With pieces, the reader also keeps what these
/// interfaces say, and one record: 256 KiB, or up to max_record_size for a file with larger records. It allocates as
/// bytes arrive, and not what a length claims. Different readers may be used in different threads.
class capture_reader {
  public:
    /// Begins a file that comes in pieces.
    capture_reader() noexcept : reader_{pcap_reader{{}}} { go_on({}); }
    /// Takes the whole file. If the format is unknown, next() returns nullopt and failure() says so.
    explicit capture_reader(std::span<const std::byte> file) noexcept : reader_{chosen(file)}, is_whole_{true} {}
    capture_reader(capture_reader&&) noexcept = default;
    capture_reader& operator=(capture_reader&&) noexcept = default;

    /// Gives the next piece of the file, of any size. It must stay unchanged until next() has returned nullopt. After a
    /// failure the piece is ignored. Throws std::logic_error if next() has not returned nullopt since the last piece, and
    /// if the file is whole already.
    void add(std::span<const std::byte> piece);
    /// Says that no more pieces come. If a record lacks bytes, the file is cut short: failure() says so as soon as next()
    /// has returned nullopt. Does nothing if the file is whole already.
    void finish();

    /// Returns the next packet. Returns nullopt at the end, and after the last packet before an error; failure() then
    /// names the error. With pieces, it also returns nullopt if the next packet needs another piece; failure() is then
    /// false. Throws std::bad_alloc only.
    std::optional<capture_record> next() {
        auto record = is_pcapng() ? pcapng()->next() : pcap()->next();
        if (!record && !is_whole_) record = next_of_next_part();
        return record;
    }
    /// Reads on from the record that next() would return. A record that was read is not returned again.
    [[nodiscard]] detail::record_iterator<capture_reader> begin() {
        return detail::record_iterator<capture_reader>{*this};
    }
    [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

    /// Returns true for pcapng, false for pcap and for a file of neither format.
    [[nodiscard]] bool is_pcapng() const noexcept { return reader_.index() == 1; }
    /// Returns the interfaces that are known so far. In pcapng an interface may be described behind the first packets.
    [[nodiscard]] std::span<const capture_interface> interfaces() const noexcept {
        return is_pcapng() ? pcapng()->interfaces() : pcap()->interfaces();
    }
    /// Returns why reading ended before the end of the file. It converts to false as long as no error was met.
    [[nodiscard]] const packet_failure& failure() const noexcept {
        return is_pcapng() ? pcapng()->failure() : pcap()->failure();
    }
    /// Returns true if the file ended within a header, a record or a block. Every whole record was returned before.
    [[nodiscard]] bool is_cut_short() const noexcept { return failure().is_cut_short(); }
    /// Returns the byte order of the file, or of its section that was read last.
    [[nodiscard]] bool is_big_endian() const noexcept {
        return is_pcapng() ? pcapng()->is_big_endian() : pcap()->is_big_endian();
    }

  private:
    using either = std::variant<pcap_reader, pcapng_reader>;
    static either chosen(std::span<const std::byte> file) noexcept {
        if (!file.empty() && file[0] == std::byte{0x0a}) return either{std::in_place_type<pcapng_reader>, file};
        return either{std::in_place_type<pcap_reader>, file};
    }
    [[nodiscard]] pcap_reader* pcap() noexcept { return std::get_if<0>(&reader_); }
    [[nodiscard]] pcapng_reader* pcapng() noexcept { return std::get_if<1>(&reader_); }
    [[nodiscard]] const pcap_reader* pcap() const noexcept { return std::get_if<0>(&reader_); }
    [[nodiscard]] const pcapng_reader* pcapng() const noexcept { return std::get_if<1>(&reader_); }

    /// Where the bytes lie that the reader of the format reads now.
    enum class source : std::uint8_t { nothing, piece, room };

    [[gnu::cold]] std::optional<capture_record> next_of_next_part();
    bool begin_part();
    void leave_part();
    /// Lets the reader of the format read this part, at position_. At the beginning the part tells the format.
    void go_on(std::span<const std::byte> part) noexcept {
        if (is_pcapng())
            pcapng()->go_on(part, position_);
        else
            pcap()->go_on(part, position_);
    }
    void keep_interfaces();
    void append_to_room(std::span<const std::byte> bytes);

    either reader_;
    bool is_whole_ = false;  // nothing can come any more
    bool is_finished_ = false;
    source source_ = source::nothing;
    std::size_t position_ = 0;          // in the file, of the first byte that no part has had as a whole record
    std::size_t needed_ = 0;            // bytes from there on: more than the room has
    std::vector<std::byte> room_;       // the beginning of the record at position_
    std::span<const std::byte> piece_;  // what is behind it
    std::vector<std::unique_ptr<std::byte[]>> kept_;  // options of interfaces
    std::size_t kept_count_ = 0;                      // of these interfaces
};

// ---- Pieces --------------------------------------------------------------------------------------------

inline void capture_reader::add(std::span<const std::byte> piece) {
    if (is_whole_ || is_finished_) throw std::logic_error{"capture_reader: a piece behind the end of the file"};
    if (failure()) return;
    if (source_ != source::nothing || !piece_.empty())
        throw std::logic_error{"capture_reader: the records of the last piece are not read yet"};
    piece_ = piece;
}

inline void capture_reader::finish() {
    if (is_whole_) return;
    is_finished_ = true;
    if (source_ == source::nothing && piece_.empty()) next_of_next_part();  // nothing is left but the beginning of a record
}

inline std::optional<capture_record> capture_reader::next_of_next_part() {
    if (!begin_part()) return std::nullopt;
    return next();
}

/// Goes on to the next part: a piece, or the record that its end has cut, or what is left of the next piece. Returns
/// false if no bytes are left.
inline bool capture_reader::begin_part() {
    if (failure() && !is_cut_short()) {
        if (std::exchange(source_, source::nothing) != source::nothing) keep_interfaces();
        return false;
    }
    leave_part();
    if (piece_.empty()) {
        if (!is_finished_) return false;
        is_whole_ = true;  // so a record that lacks bytes is cut short
    }
    std::span<const std::byte> part;
    if (room_.empty()) {
        source_ = source::piece;
        part = std::exchange(piece_, {});
    } else {
        source_ = source::room;
        const std::size_t size = std::min(needed_ - room_.size(), piece_.size());
        append_to_room(piece_.first(size));
        piece_ = piece_.subspan(size);
        part = room_;
    }
    if (position_ == 0)
        reader_ = chosen(part);
    else
        go_on(part);
    return true;
}

/// Keeps what will be needed of the part that was read. Its bytes may change afterwards.
inline void capture_reader::leave_part() {
    if (source_ != source::nothing) {
        keep_interfaces();
        const auto take = [&](const auto& from) {
            position_ = from.position();
            needed_ = from.needed_;
            return from.file_.subspan(from.at_);
        };
        const auto rest = is_pcapng() ? take(*pcapng()) : take(*pcap());
        if (source_ == source::piece)
            append_to_room(rest);
        else if (rest.empty())
            room_.clear();
        source_ = source::nothing;
    }
    go_on({});
}

/// Copies the options of new interfaces, which lie in the part. Nobody asks for the options of the section.
inline void capture_reader::keep_interfaces() {
    if (!is_pcapng()) return;
    pcapng()->section_options_ = {};
    const auto added = std::span{pcapng()->interfaces_}.subspan(kept_count_);
    std::size_t size = 0;
    for (const capture_interface& each : added) size += each.options.bytes_.size();
    if (size > 0) kept_.push_back(std::make_unique<std::byte[]>(size));
    std::byte* to = size > 0 ? kept_.back().get() : nullptr;
    for (capture_interface& each : added) {
        const auto from = std::exchange(each.options.bytes_, {to, each.options.bytes_.size()});
        to = std::copy(from.begin(), from.end(), to);
    }
    kept_count_ += added.size();
}

/// Grows by what has arrived, not by what a length claims.
inline void capture_reader::append_to_room(std::span<const std::byte> bytes) {
    const std::size_t size = room_.size() + bytes.size();
    if (size > room_.capacity())
        room_.reserve(std::min<std::size_t>(std::max<std::size_t>(size * 2, max_captured_size + 64), max_record_size));
    room_.insert(room_.end(), bytes.begin(), bytes.end());
}

}  // namespace netnotes::packet

#endif  // NETNOTES_PACKET_CAPTURE_HPP








// netnotes/packet/follow.hpp: following TCP streams through a capture
// SPDX-License-Identifier: MIT
//
// Segments go in, in the order in which they were captured. The bytes of each stream come out in the order in which the
// programs sent them:
//
//        captured:   1-100   301-400   101-200   1-100 again              the receiver acknowledges 401
//        events:     data    (kept)    data      retransmission           gap of 100 bytes, data 301-400
//
// A segment behind a gap is kept until the gap is filled. Most gaps are filled, because TCP sends lost bytes again. The
// follower stops waiting for a gap for only three reasons. The receiver acknowledged bytes behind the gap: then it has
// them, and only the capture lacks them. Or the memory is used up. Or the capture ends. That the other side speaks, or
// that a FIN arrives, proves nothing.
//
// A FIN behind a gap is only a claim, because anybody can forge it. The stream ends there when everything before the FIN
// was reported. If bytes behind the FIN come first, or an acknowledgment of such bytes, the FIN is reported as `outside`
// and ignored. So it hides no bytes. Of two FINs behind a gap the first counts.
//
// A hostile sender sends the same bytes twice with different content, so that the observer and the receiver read
// different texts. Here the bytes that came first count, and each difference is an event.
//
// Memory has a bound, and no clock runs. If the bound is reached, the streams that were silent longest are dropped.
//
// On this page:  tcp_segment · tcp_stream, stream_event · follow_limits · tcp_follower
// Source:        RFC 9293 §3.4, §3.10.7
// The notes:     TCP三次握手, 网络分析工具 (follow stream)

#ifndef NETNOTES_PACKET_FOLLOW_HPP
#define NETNOTES_PACKET_FOLLOW_HPP

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>






namespace netnotes::packet {

/// A segment of TCP with the addresses of its packet.
struct tcp_segment {
    ip_address source{};
    ip_address destination{};
    tcp_view header;               ///< with the payload, as far as it was captured
    std::size_t payload_size = 0;  ///< bytes of the payload on the wire; at least what header.payload() has

    /// Takes the segment out of a frame. Returns nullopt if the frame has no TCP header, and for a fragment, which
    /// reassembly.hpp joins with the others first. The frame's bytes must outlive the segment.
    [[nodiscard]] static constexpr std::optional<tcp_segment> from(const frame_view& frame) noexcept {
        const auto header = frame.tcp();
        if (!header || frame.is_fragment()) return std::nullopt;
        const std::size_t size = transport_payload_size(frame);
        if (const auto packet = frame.ipv4())
            return tcp_segment{packet->source(), packet->destination(), *header, size};
        if (const auto packet = frame.ipv6())
            return tcp_segment{packet->source(), packet->destination(), *header, size};
        return std::nullopt;
    }
};

/// Says which end of a stream has sent. The client has opened the connection; if the beginning is not in the capture,
/// the client is the end whose segment was seen first.
enum class stream_side : std::uint8_t { client, server };

/// A connection of TCP.
struct tcp_stream {
    std::uint64_t number = 0;  ///< counted from 0 in the order in which the streams appear, as Wireshark's tcp.stream
    endpoint client{};
    endpoint server{};
    bool has_beginning = false;  ///< its first segment was a SYN
};

/// An observation of the follower. It is valid during the call of the handler only.
struct stream_event {
    /// The kind of an observation.
    enum class kind : std::uint8_t {
        opened,          ///< a new stream; always its first event
        data,            ///< `bytes` are the next bytes of the side
        gap,             ///< `size` bytes are missing, and will not come: see `reason`
        retransmission,  ///< `size` bytes from `at` on had arrived before
        conflict,        ///< `size` of the bytes that had arrived before differ, the first at `at`; the old bytes count
        outside,         ///< what cannot belong here is ignored: bytes far away or behind the end, a FIN that
                         ///< disagrees (`at` is its number, `size` is 0), or a RST
        finished,        ///< the side has sent its FIN, and all bytes before it were reported
        reset,           ///< the side has sent a RST
        dropped,         ///< the stream was forgotten to save memory; always its last event
    };
    /// Why bytes are missing.
    enum class gap_reason : std::uint8_t {
        acknowledged,  ///< the receiver has the bytes; the capture has not
        memory,        ///< no more memory to wait for them
        end,           ///< the capture ended, or a new connection has the same ports
    };
    kind what{};
    const tcp_stream& stream;
    stream_side side{};
    sequence at{};                       ///< the number of the first byte that the event is about
    std::size_t size = 0;                ///< bytes
    std::span<const std::byte> bytes{};  ///< of data
    gap_reason reason{};                 ///< of a gap
};

/// Bounds for the memory of a tcp_follower.
struct follow_limits {
    /// Bytes that all streams together may take: bytes behind gaps, the history, and the cost of managing them. A
    /// stream needs about a kilobyte; with less nothing is followed.
    std::size_t max_memory = 64 << 20;
    /// How many of the last reported bytes of each side are kept, to compare retransmissions with. With 0 a
    /// retransmission is compared with bytes behind a gap only.
    std::size_t history = 4096;
};

namespace detail {

/// A reference to a handler, without an allocation. It is valid during the call that it was made for.
class event_sink {
  public:
    template <class Handler>
    explicit event_sink(Handler& handler) noexcept
        : handler_{const_cast<void*>(static_cast<const void*>(std::addressof(handler)))},
          call_{[](void* to, const stream_event& event) { (*static_cast<Handler*>(to))(event); }} {}
    void operator()(const stream_event& event) const { call_(handler_, event); }

  private:
    void* handler_;
    void (*call_)(void*, const stream_event&);
};

}  // namespace detail

/// Follows all TCP streams of a capture. Use one object in one thread at a time.
///
///     tcp_follower follower{{.max_memory = 16 << 20}};
///     follower.add(segment, [&](const stream_event& event) {
///         if (event.what == stream_event::kind::data) …
///     });
///
/// Each function passes its events to the handler, in order, before it returns. The handler must not call the follower.
/// An exception of the handler leaves the function; then only the destructor may be called.
class tcp_follower {
  public:
    tcp_follower() = default;
    explicit tcp_follower(const follow_limits& limits) : limits_{limits} {}
    tcp_follower(const tcp_follower&) = delete;
    tcp_follower& operator=(const tcp_follower&) = delete;

    /// Takes the next segment of the capture. Throws std::bad_alloc, and any exception of the handler.
    template <class Handler>
    void add(const tcp_segment& segment, Handler&& handler) {
        add_to(segment, detail::event_sink{handler});
    }
    /// Ends the capture: reports what is still behind gaps. The streams are not forgotten.
    template <class Handler>
    void finish(Handler&& handler) {
        const detail::event_sink sink{handler};
        for (auto each = streams_.rbegin(); each != streams_.rend(); ++each)
            flush(*each, stream_event::gap_reason::end, sink);
    }

    /// Returns how many streams are known.
    [[nodiscard]] std::size_t size() const noexcept { return streams_.size(); }
    /// Returns how many bytes the streams take, never more than follow_limits::max_memory.
    [[nodiscard]] std::size_t memory() const noexcept { return memory_; }

  private:
    using kind = stream_event::kind;
    /// The bytes that one side sends. Places count from the first byte of the side, which has place 0.
    struct half {
        std::optional<sequence> initial{};  // the number of the SYN, seen or computed
        std::optional<sequence> next{};     // the number of the next byte to report; nullopt until a segment was seen
        std::uint64_t place = 0;            // of that byte
        detail::pieces behind_gap{};
        std::optional<std::uint64_t> end{};  // place of the FIN; a claim until is_finished, behind all kept bytes
        bool is_finished = false;            // everything before the FIN was reported
        std::vector<std::byte> history{};    // the last bytes before `place`
    };
    using ends = std::pair<endpoint, endpoint>;  // the smaller first
    struct stream {
        tcp_stream about;
        ends key;
        std::array<half, 2> halves{};
        bool is_reset = false;
    };
    using place = std::list<stream>::iterator;
    static constexpr std::size_t stream_cost = sizeof(stream) + sizeof(ends) + 160;  // with the nodes of list and map
    static constexpr std::int64_t max_window = std::int64_t{1} << 30;                // RFC 7323 §2.3

    static std::size_t cost(const half& of) noexcept { return of.behind_gap.memory() + of.history.capacity(); }
    static std::int64_t place_of(const half& of, sequence number) noexcept {
        return static_cast<std::int64_t>(of.place) + (number - *of.next);
    }
    static sequence number_of(const half& of, std::uint64_t where) noexcept {
        return *of.next + static_cast<std::uint32_t>(where - of.place);
    }
    static stream_event event(kind what, const stream& of, stream_side side, sequence at, std::size_t size) noexcept {
        return {.what = what, .stream = of.about, .side = side, .at = at, .size = size};
    }

    void add_to(const tcp_segment& segment, const detail::event_sink& sink);
    stream& find(const tcp_segment& segment, stream_side& side, const detail::event_sink& sink);
    void acknowledge(stream& in, stream_side side, sequence number, const detail::event_sink& sink);
    void end_at(stream& in, stream_side side, std::uint64_t where, const detail::event_sink& sink);
    void deny_end(stream& in, stream_side side, const detail::event_sink& sink);
    void accept(stream& in, stream_side side, std::uint64_t where, std::span<const std::byte> bytes,
                const detail::event_sink& sink);
    void keep(stream& in, stream_side side, std::uint64_t where, std::span<const std::byte> bytes,
              const detail::event_sink& sink);
    void report_repetition(const stream& in, stream_side side, std::uint64_t where,
                           const detail::pieces::insertion& done, const detail::event_sink& sink);
    void report_data(stream& in, stream_side side, std::span<const std::byte> bytes, const detail::event_sink& sink);
    void report_gap(stream& in, stream_side side, std::uint64_t to, stream_event::gap_reason reason,
                    const detail::event_sink& sink);
    void drain(stream& in, stream_side side, const detail::event_sink& sink);
    void flush(stream& in, stream_event::gap_reason reason, const detail::event_sink& sink);
    void remember(half& in, std::span<const std::byte> bytes);
    bool forget_history(stream& in) noexcept;
    bool make_room(std::size_t size, const stream* keep, const detail::event_sink& sink);
    void forget(place which);

    follow_limits limits_;
    std::list<stream> streams_;  // the stream that was silent longest is the last
    std::map<ends, place> known_;
    std::size_t memory_ = 0;
    std::uint64_t next_number_ = 0;
};

// ---- Which stream --------------------------------------------------------------------------------------

inline void tcp_follower::forget(place which) {
    for (const half& each : which->halves) memory_ -= cost(each);
    memory_ -= stream_cost;
    known_.erase(which->key);
    streams_.erase(which);
}

/// Drops streams until that much memory is free. `keep` stays. Returns false if that is not enough.
inline bool tcp_follower::make_room(std::size_t size, const stream* keep, const detail::event_sink& sink) {
    while (memory_ + size > limits_.max_memory) {
        if (streams_.empty() || &streams_.back() == keep) return false;
        stream& oldest = streams_.back();
        flush(oldest, stream_event::gap_reason::memory, sink);
        sink(event(kind::dropped, oldest, stream_side::client, {}, 0));
        forget(std::prev(streams_.end()));
    }
    return true;
}

inline tcp_follower::stream& tcp_follower::find(const tcp_segment& segment, stream_side& side,
                                                const detail::event_sink& sink) {
    const endpoint from{segment.source, segment.header.source_port()};
    const endpoint to{segment.destination, segment.header.destination_port()};
    const ends key = from < to ? ends{from, to} : ends{to, from};
    const tcp_flags flags = segment.header.flags();
    auto found = known_.find(key);
    if (found != known_.end()) {
        stream& in = *found->second;
        side = from == in.about.client && from != in.about.server ? stream_side::client
               : from == in.about.server                          ? stream_side::server
                                                                  : stream_side::client;
        const half& mine = in.halves[static_cast<std::size_t>(side)];
        // A new connection with the same ports begins with another number (RFC 6528). A SYN with the same number is
        // sent again, even after a RST, which may have come from a router on the way.
        const bool is_first = flags.syn() && !flags.ack();
        const bool is_new = is_first && mine.initial && *mine.initial != segment.header.sequence_number();
        if (is_first) in.is_reset = false;
        if (!is_new) {
            streams_.splice(streams_.begin(), streams_, found->second);
            return in;
        }
        flush(in, stream_event::gap_reason::end, sink);
        forget(found->second);
    }
    const bool is_answer = flags.syn() && flags.ack();
    side = is_answer ? stream_side::server : stream_side::client;
    make_room(stream_cost, nullptr, sink);
    streams_.push_front({.about = {.number = next_number_,
                                   .client = is_answer ? to : from,
                                   .server = is_answer ? from : to,
                                   .has_beginning = flags.syn()},
                         .key = key});
    try {
        known_.emplace(key, streams_.begin());
    } catch (...) {
        streams_.pop_front();
        throw;
    }
    memory_ += stream_cost;
    ++next_number_;
    sink(event(kind::opened, streams_.front(), side, segment.header.sequence_number(), 0));
    return streams_.front();
}

// ---- What a segment says -------------------------------------------------------------------------------

inline void tcp_follower::add_to(const tcp_segment& segment, const detail::event_sink& sink) {
    const tcp_flags flags = segment.header.flags();
    const sequence number = segment.header.sequence_number();
    if (limits_.max_memory < stream_cost) return;
    stream_side side{};
    stream& in = find(segment, side, sink);
    half& mine = in.halves[static_cast<std::size_t>(side)];
    if (flags.ack()) {
        acknowledge(in, side == stream_side::client ? stream_side::server : stream_side::client,
                    segment.header.acknowledgment_number(), sink);
    }
    const sequence first = flags.syn() ? number + 1 : number;  // of the payload
    if (flags.rst() && !mine.next) {  // the number of a segment that refuses a connection may be 0
        if (!std::exchange(in.is_reset, true)) sink(event(kind::reset, in, side, number, 0));
        return;
    }
    if (!mine.initial) mine.initial = first - 1;
    if (!mine.next) mine.next = first;
    const std::int64_t where = place_of(mine, first), now = static_cast<std::int64_t>(mine.place);
    const auto payload = segment.header.payload();
    const std::int64_t end = where + static_cast<std::int64_t>(std::max(segment.payload_size, payload.size()));
    const bool is_behind_end = mine.end && end > where && end > static_cast<std::int64_t>(*mine.end);
    if (where > now + max_window || where < now - max_window || (is_behind_end && mine.is_finished) ||
        (flags.rst() && where < now))
        return sink(event(kind::outside, in, side, number, payload.size()));
    if (flags.rst()) {
        if (!std::exchange(in.is_reset, true)) sink(event(kind::reset, in, side, number, 0));
        return;
    }
    if (is_behind_end) deny_end(in, side, sink);
    // A keep-alive repeats the last byte, with any content, or no byte (RFC 9293 §3.8.4).
    const bool is_keep_alive = payload.size() <= 1 && where == now - 1 && !flags.syn() && !flags.fin();
    if (!payload.empty() && !is_keep_alive) {
        if (where >= 0) {
            accept(in, side, static_cast<std::uint64_t>(where), payload, sink);
        } else {  // bytes from before the first segment that was captured
            const std::size_t early = std::min(static_cast<std::size_t>(-where), payload.size());
            sink(event(kind::retransmission, in, side, first, early));
            if (early < payload.size()) accept(in, side, 0, payload.subspan(early), sink);
        }
    }
    if (flags.fin() && !mine.is_finished && end >= static_cast<std::int64_t>(mine.place))
        end_at(in, side, static_cast<std::uint64_t>(end), sink);
    drain(in, side, sink);
}

/// Takes a FIN that lies where the reported bytes end, or behind a gap.
inline void tcp_follower::end_at(stream& in, stream_side side, std::uint64_t where, const detail::event_sink& sink) {
    half& of = in.halves[static_cast<std::size_t>(side)];
    if (where > of.place) {
        const bool agrees = of.end ? *of.end == where : of.behind_gap.end() <= where;
        if (!agrees) return sink(event(kind::outside, in, side, number_of(of, where), 0));
        of.end = where;
        return;
    }
    if (of.end && *of.end != where) deny_end(in, side, sink);
    of.end = where;
    memory_ -= of.behind_gap.memory();
    const std::size_t behind = of.behind_gap.cut_at(where);
    memory_ += of.behind_gap.memory();
    if (behind > 0) sink(event(kind::outside, in, side, number_of(of, where), behind));
}

/// Forgets a FIN that lies behind a gap, because the sender has sent more.
inline void tcp_follower::deny_end(stream& in, stream_side side, const detail::event_sink& sink) {
    half& of = in.halves[static_cast<std::size_t>(side)];
    const std::uint64_t where = *of.end;
    of.end.reset();
    sink(event(kind::outside, in, side, number_of(of, where), 0));
}

/// What the receiver has acknowledged is no longer missing in the stream, but in the capture.
inline void tcp_follower::acknowledge(stream& in, stream_side side, sequence number, const detail::event_sink& sink) {
    half& of = in.halves[static_cast<std::size_t>(side)];
    if (!of.initial) of.initial = number - 1;
    if (!of.next) return;
    const std::int64_t where = place_of(of, number);
    if (of.end && !of.is_finished && where > static_cast<std::int64_t>(*of.end) + 1) deny_end(in, side, sink);
    while (!of.behind_gap.empty() && where > static_cast<std::int64_t>(of.behind_gap.first())) {
        report_gap(in, side, of.behind_gap.first(), stream_event::gap_reason::acknowledged, sink);
        drain(in, side, sink);
    }
    if (of.behind_gap.empty() && of.end && of.place < *of.end && where > static_cast<std::int64_t>(*of.end)) {
        report_gap(in, side, *of.end, stream_event::gap_reason::acknowledged, sink);
        drain(in, side, sink);
    }
}

inline void tcp_follower::accept(stream& in, stream_side side, std::uint64_t where, std::span<const std::byte> bytes,
                                 const detail::event_sink& sink) {
    half& to = in.halves[static_cast<std::size_t>(side)];
    if (where > to.place) return keep(in, side, where, bytes, sink);
    // Repeated bytes are compared with the history. Bytes that wait behind a gap came first, too.
    detail::pieces::insertion done;
    const std::size_t old = static_cast<std::size_t>(std::min<std::uint64_t>(to.place - where, bytes.size()));
    const std::size_t known = std::min(static_cast<std::size_t>(to.place - where), to.history.size());
    const std::size_t skipped =
        static_cast<std::size_t>(to.place - where) - known;  // bytes that are not known any more
    if (skipped < old)
        detail::pieces::compare(done, where + skipped, bytes.subspan(skipped, old - skipped),
                                std::span<const std::byte>{to.history}.last(known));
    done.repeated = old;
    auto fresh = bytes.subspan(old);
    to.behind_gap.compare_with(done, to.place, fresh);
    report_repetition(in, side, where, done, sink);
    while (!fresh.empty()) {
        const std::uint64_t start = to.place;
        std::size_t size = fresh.size();
        if (!to.behind_gap.empty())
            size = static_cast<std::size_t>(std::min<std::uint64_t>(size, to.behind_gap.first() - to.place));
        if (size > 0) report_data(in, side, fresh.first(size), sink);
        drain(in, side, sink);
        fresh = fresh.subspan(static_cast<std::size_t>(std::min<std::uint64_t>(to.place - start, fresh.size())));
    }
}

/// Keeps bytes behind a gap, if there is room for them. Otherwise the follower stops waiting for the stream's first gap,
/// and for the next one, until there is room, or until these bytes are the next ones.
inline void tcp_follower::keep(stream& in, stream_side side, std::uint64_t where, std::span<const std::byte> bytes,
                               const detail::event_sink& sink) {
    half& to = in.halves[static_cast<std::size_t>(side)];
    while (!make_room(to.behind_gap.cost_of(where, bytes.size()), &in, sink)) {
        if (forget_history(in)) continue;
        const std::uint64_t first = to.behind_gap.empty() ? where : std::min(where, to.behind_gap.first());
        report_gap(in, side, first, stream_event::gap_reason::memory, sink);
        if (first < where) drain(in, side, sink);
        if (where <= to.place) return accept(in, side, where, bytes, sink);
    }
    memory_ -= to.behind_gap.memory();
    detail::pieces::insertion done;
    try {
        done = to.behind_gap.insert(where, bytes);
    } catch (...) {
        memory_ += to.behind_gap.memory();
        throw;
    }
    memory_ += to.behind_gap.memory();
    report_repetition(in, side, where, done, sink);
}

// ---- What is reported ----------------------------------------------------------------------------------

inline void tcp_follower::report_repetition(const stream& in, stream_side side, std::uint64_t where,
                                            const detail::pieces::insertion& done, const detail::event_sink& sink) {
    const half& of = in.halves[static_cast<std::size_t>(side)];
    if (done.repeated > 0) sink(event(kind::retransmission, in, side, number_of(of, where), done.repeated));
    if (done.different > 0) sink(event(kind::conflict, in, side, number_of(of, done.difference_at), done.different));
}

inline void tcp_follower::remember(half& in, std::span<const std::byte> bytes) {
    const std::size_t most = limits_.history;
    if (most == 0) return;
    if (in.history.capacity() == 0) {
        if (most > limits_.max_memory - memory_) return;  // no stream is dropped for it
        in.history.reserve(most);
        memory_ += in.history.capacity();
    }
    bytes = bytes.last(std::min(bytes.size(), most));
    const std::size_t stays = std::min(in.history.size(), most - bytes.size());
    in.history.erase(in.history.begin(), in.history.end() - static_cast<std::ptrdiff_t>(stays));
    in.history.insert(in.history.end(), bytes.begin(), bytes.end());
}

/// Gives the memory of both histories back. Returns false if there was none.
inline bool tcp_follower::forget_history(stream& in) noexcept {
    const std::size_t before = memory_;
    for (half& each : in.halves) {
        memory_ -= each.history.capacity();
        std::vector<std::byte>{}.swap(each.history);  // (`history = {}` would keep the memory)
    }
    return memory_ < before;
}

inline void tcp_follower::report_data(stream& in, stream_side side, std::span<const std::byte> bytes,
                                      const detail::event_sink& sink) {
    half& of = in.halves[static_cast<std::size_t>(side)];
    stream_event data = event(kind::data, in, side, *of.next, bytes.size());
    data.bytes = bytes;
    of.place += bytes.size();
    *of.next += static_cast<std::uint32_t>(bytes.size());
    remember(of, bytes);
    sink(data);
}

inline void tcp_follower::report_gap(stream& in, stream_side side, std::uint64_t to, stream_event::gap_reason reason,
                                     const detail::event_sink& sink) {
    half& of = in.halves[static_cast<std::size_t>(side)];
    const auto size = static_cast<std::size_t>(to - of.place);
    stream_event gap = event(kind::gap, in, side, *of.next, size);
    gap.reason = reason;
    of.place = to;
    *of.next += static_cast<std::uint32_t>(size);
    of.history.clear();  // its bytes must be those just before `place`
    sink(gap);
}

inline void tcp_follower::drain(stream& in, stream_side side, const detail::event_sink& sink) {
    half& of = in.halves[static_cast<std::size_t>(side)];
    while (!of.behind_gap.empty() && of.behind_gap.first() == of.place) {
        memory_ -= of.behind_gap.memory();
        const auto bytes = of.behind_gap.take_first();
        memory_ += of.behind_gap.memory();
        report_data(in, side, bytes, sink);
    }
    if (of.end && of.place == *of.end && !std::exchange(of.is_finished, true))
        sink(event(kind::finished, in, side, *of.next, 0));
}

inline void tcp_follower::flush(stream& in, stream_event::gap_reason reason, const detail::event_sink& sink) {
    for (const stream_side side : {stream_side::client, stream_side::server}) {
        half& of = in.halves[static_cast<std::size_t>(side)];
        while (!of.behind_gap.empty()) {
            report_gap(in, side, of.behind_gap.first(), reason, sink);
            drain(in, side, sink);
        }
        if (of.end && of.place < *of.end) {
            report_gap(in, side, *of.end, reason, sink);
            drain(in, side, sink);
        }
    }
}

}  // namespace netnotes::packet

#endif  // NETNOTES_PACKET_FOLLOW_HPP

















#endif  // NETNOTES_PACKET_HPP


#endif  // NETNOTES_LAN_HPP
