// netnotes 0.1.0, http.hpp in one file: copy it, include it, and nothing else is needed. Do not edit:
// include/single/generate.cmake made it from include/netnotes/http.hpp, where it can be read in chapters.
// netnotes/ip/version.hpp: the version, which every chapter includes
// SPDX-License-Identifier: MIT
//
// The test stands outside the include guard on purpose. If one-file headers of two releases meet in one program, the
// compiler reports that here. Otherwise it would report strange errors about classes that are defined twice.

#if __cplusplus < 202002L
#error "netnotes needs C++20: compile with -std=c++20"
#endif

#if defined(NETNOTES_VERSION) && NETNOTES_VERSION != 100
#error "netnotes headers of two versions meet here: take all of them from one release"
#endif

#ifndef NETNOTES_IP_VERSION_HPP
#define NETNOTES_IP_VERSION_HPP

#define NETNOTES_VERSION 100  // major * 10000 + minor * 100 + patch

#endif  // NETNOTES_IP_VERSION_HPP
// netnotes/http.hpp: the protocol of the web
// SPDX-License-Identifier: MIT
//
// HTTP is a conversation in text. The client asks for a target, the server answers, and then the client may ask again
// on the same connection. With `nc -C localhost 8000` you can type a request yourself:
//
//        client                                     server
//          GET /notes HTTP/1.1        ───────────>
//          Host: example.com
//          (an empty line)
//                                     <───────────  HTTP/1.1 200 OK
//                                                   Content-Length: 6
//                                                   (an empty line)
//                                                   hello
//
// The difficult question is where a message ends. If a proxy and a server answer it differently, an attacker can hide a
// second request inside the first: request smuggling. So the parser of this module is strict, has no lenient mode, and
// says why it refuses a message, with the line, the place and the section of the RFC.
//
// Values, parser and connection know no socket and no clock. The server and the client drive them.
//
// Chapters, lowest first:
//     http/syntax.hpp       which characters HTTP allows where
//     http/status.hpp       methods, and the numbers of answers
//     http/fields.hpp       the lines between the first line and the body
//     http/date.hpp         points in time
//     http/target.hpp       the second word of a request: path and query, percent coding
//     http/media.hpp        what kind of text or picture a body is
//     http/message.hpp      a request and a response, as values
//
// This speaks HTTP/1.0 and HTTP/1.1 without TLS. For https put nginx or another proxy in front.
//
// The notes:     Python Internet 模块, TCP长/短连接的应用场景, asyncio、async/await、aiohttp
// Sources:       RFC 9110 (meaning), RFC 9112 (bytes)

#ifndef NETNOTES_HTTP_HPP
#define NETNOTES_HTTP_HPP


// netnotes/http/date.hpp: points in time as HTTP writes them
// SPDX-License-Identifier: MIT
//
//        Sun, 06 Nov 1994 08:49:37 GMT       the form to write: always GMT, always 29 characters
//        Sunday, 06-Nov-94 08:49:37 GMT      an old form, which a recipient must still read (RFC 850)
//        Sun Nov  6 08:49:37 1994            an older form: what asctime() of C prints
//
// Programs compare dates, so they must not depend on the language of the machine: strftime() writes `So, 06 Nov` where
// the locale is German. Here names of days and months are always English.
//
// The second form has a year of two digits. A date that seems to be more than 50 years in the future is meant to be in
// the past century (RFC 9110 §5.6.7), so that reader needs to know which year it is now.
//
// On this page:  time_point, write_date, read_date
// Sources:       RFC 9110 §5.6.7

#ifndef NETNOTES_HTTP_DATE_HPP
#define NETNOTES_HTTP_DATE_HPP

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
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

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <version>
#ifdef __cpp_lib_format
#include <format>
#endif



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

    /// The offending character's place, counted from 0; the text's size if something is missing.
    [[nodiscard]] constexpr std::size_t position() const noexcept { return position_; }
    /// Returns the failure for a longer text, in which this text begins at `offset` characters.
    constexpr void shift(std::ptrdiff_t offset) noexcept { position_ += static_cast<std::size_t>(offset); }
    /// Returns a sentence, for example `octet 4 is 256, above 255, at character 6`.
    [[nodiscard]] std::string message() const;

  private:
    std::string_view pattern_;
    std::size_t position_ = 0;
    std::uint32_t item_ = 0;
    std::uint32_t value_ = 0;
};

/// Thrown by the constructors that take text. what() quotes the text and gives the failure's message.
class parse_error : public std::invalid_argument {
  public:
    parse_error(std::string_view kind, std::string_view text, const parse_failure& failure);
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
        return {std::copy(static_cast<const char*>(text), end, first), {}};
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
inline constexpr auto hexadecimal_value = [] {
    std::array<std::uint8_t, 256> values{};
    for (unsigned c = 0; c < 256; ++c)
        values[c] = static_cast<std::uint8_t>(c >= '0' && c <= '9'   ? c - '0'
                                              : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                              : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                                     : 0xff);
    return values;
}();

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
    uint128 address;     // the groups read so far, the last one lowest; after "::" only those behind it
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
inline constexpr auto octet_texts = [] {
    std::array<std::array<char, 4>, 256> texts{};
    for (unsigned octet = 0; octet < 256; ++octet) {
        unsigned size = 0;
        if (octet >= 100) texts[octet][size++] = static_cast<char>('0' + octet / 100);
        if (octet >= 10) texts[octet][size++] = static_cast<char>('0' + octet / 10 % 10);
        texts[octet][size++] = static_cast<char>('0' + octet % 10);
        texts[octet][size] = '.';
    }
    return texts;
}();

/// Needs room for 16 characters. The last characters may be overwritten without being part of the text.
constexpr char* write_ipv4(char* out, std::uint32_t value) noexcept {
    for (int shift = 24; shift >= 0; shift -= 8) {
        const unsigned octet = value >> shift & 0xff;
        const auto [a, b, c, d] = octet_texts[octet];  // all four before any store, so that they become one
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
    return std::copy(first, digits.data() + digits.size(), out);
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
        out = std::copy(zone.text.begin(), zone.text.begin() + zone.size, out);
    }
    return out;
}

}  // namespace detail

namespace detail {
/// Joins texts and characters. (g++ 12 -O3 wrongly warns of an overlapping copy in every "text" + std::string{}: its
/// bug 105651.)
template <class... Parts>
std::string joined(const Parts&... parts) {
    std::string text;
    ((text += parts), ...);
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
    return (point & 0xfffe) == 0xfffe || std::any_of(std::begin(all), std::end(all), [&](const range& each) {
               return each.first <= point && point <= each.last;
           });
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
    const auto append_hex = [&](char kind, char32_t value, unsigned digits) {
        to += '\\';
        to += kind;
        while (digits-- > 0) to += hexadecimal_digits[value >> 4 * digits & 0xf];
    };
    while (!text.empty()) {
        char32_t point = 0;
        const std::size_t size = read_utf8(text, point);
        if (size > 0 && !is_invisible(point)) {
            if (is_quoted && (point == '"' || point == '\\')) to += '\\';
            to += text.substr(0, size);
        } else if (size == 1 && (point == '\n' || point == '\r' || point == '\t')) {
            to += point == '\n' ? "\\n" : point == '\r' ? "\\r" : "\\t";
        } else if (size < 2) {
            append_hex('x', static_cast<unsigned char>(text[0]), 2);
        } else if (point <= 0xffff) {
            append_hex('u', point, 4);
        } else
            append_hex('U', point, 8);
        text.remove_prefix(std::max<std::size_t>(size, 1));
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
inline std::string quoted_beginning(std::string_view text) {
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


namespace netnotes::http {

/// A date of HTTP: seconds since 1970 in UTC, leap seconds not counted. std::chrono::floor<seconds> makes it out of
/// system_clock::now().
using time_point = std::chrono::sys_seconds;

/// Returns the date as HTTP writes it, 29 characters: `Sun, 06 Nov 1994 08:49:37 GMT`. Years outside 0 to 9999 become
/// the first or the last second of that range.
[[nodiscard]] std::string write_date(time_point when);
/// Reads a date in any of the three forms of RFC 9110 §5.6.7. Returns nullopt if the text is not such a date, if the
/// date does not exist (30 February), or if it is before 1 January of the year 1. The day of the week is only checked
/// to be the name of a day. `now` decides the century where the year has two digits.
[[nodiscard]] std::optional<time_point> read_date(std::string_view text, time_point now) noexcept;
/// Reads a date, where `now` is the time of the system's clock.
[[nodiscard]] inline std::optional<time_point> read_date(std::string_view text) noexcept {
    return read_date(text, std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()));
}

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

inline constexpr std::array<std::string_view, 7> day_names{"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                           "Thursday", "Friday", "Saturday"};
inline constexpr std::string_view month_names = "JanFebMarAprMayJunJulAugSepOctNovDec";

/// Reads a date from left to right. After the first character that does not fit, everything fails.
class date_reader {
  public:
    constexpr explicit date_reader(std::string_view text) noexcept : rest_{text} {}

    constexpr bool skip(std::string_view what) noexcept {
        if (!rest_.starts_with(what)) return false;
        rest_.remove_prefix(what.size());
        return true;
    }
    /// Reads exactly `digits` digits; with `is_padded` the first may be a space instead.
    constexpr bool number(unsigned digits, int& value, bool is_padded = false) noexcept {
        if (rest_.size() < digits) return false;
        value = 0;
        for (unsigned i = 0; i < digits; ++i) {
            const char c = is_padded && i == 0 && rest_[0] == ' ' ? '0' : rest_[i];
            if (netnotes::detail::digit_value(c) > 9) return false;
            value = value * 10 + (c - '0');
        }
        rest_.remove_prefix(digits);
        return true;
    }
    constexpr bool month(unsigned& value) noexcept {
        const std::string_view name = rest_.substr(0, 3);
        if (name.size() != 3) return false;
        for (value = 1; value <= 12; ++value)
            if (month_names.substr(std::size_t{3} * (value - 1), 3) == name) return skip(name);
        return false;
    }
    /// Reads the name of a day: all of it, or its first three letters.
    constexpr bool day_name(bool is_short) noexcept {
        for (const std::string_view name : day_names)
            if (skip(is_short ? name.substr(0, 3) : name)) return true;
        return false;
    }
    constexpr bool time_of_day(int& hour, int& minute, int& second) noexcept {
        return number(2, hour) && skip(":") && number(2, minute) && skip(":") && number(2, second);
    }
    [[nodiscard]] constexpr bool at_end() const noexcept { return rest_.empty(); }
    [[nodiscard]] constexpr std::string_view rest() const noexcept { return rest_; }

  private:
    std::string_view rest_;
};

inline void put_digits(std::string& out, unsigned value, unsigned digits) {
    for (unsigned weight = digits == 4 ? 1000 : 10; weight > 0; weight /= 10)
        out += static_cast<char>('0' + value / weight % 10);
}

}  // namespace detail

inline std::string write_date(time_point when) {
    namespace chrono = std::chrono;
    constexpr time_point first = chrono::sys_days{chrono::year{0} / 1 / 1};
    constexpr time_point last = chrono::sys_days{chrono::year{10000} / 1 / 1} - chrono::seconds{1};
    when = when < first ? first : when > last ? last : when;
    const auto day = chrono::floor<chrono::days>(when);
    const chrono::year_month_day date{day};
    const auto second = static_cast<unsigned>((when - day).count());
    std::string text;
    text.reserve(29);
    text += detail::day_names[chrono::weekday{day}.c_encoding()].substr(0, 3);
    text += ", ";
    detail::put_digits(text, static_cast<unsigned>(date.day()), 2);
    text += ' ';
    text += detail::month_names.substr(std::size_t{3} * (static_cast<unsigned>(date.month()) - 1), 3);
    text += ' ';
    detail::put_digits(text, static_cast<unsigned>(static_cast<int>(date.year())), 4);
    text += ' ';
    detail::put_digits(text, second / 3600, 2);
    text += ':';
    detail::put_digits(text, second / 60 % 60, 2);
    text += ':';
    detail::put_digits(text, second % 60, 2);
    text += " GMT";
    return text;
}

inline std::optional<time_point> read_date(std::string_view text, time_point now) noexcept {
    namespace chrono = std::chrono;
    int day = 0, year = 0, hour = 0, minute = 0, second = 0;
    unsigned month = 0;
    detail::date_reader in{text};
    bool is_read = false;
    if (const std::size_t comma = text.find(','); comma == 3) {  // Sun, 06 Nov 1994 08:49:37 GMT
        is_read = in.day_name(true) && in.skip(", ") && in.number(2, day) && in.skip(" ") && in.month(month) &&
                  in.skip(" ") && in.number(4, year) && in.skip(" ") && in.time_of_day(hour, minute, second) &&
                  in.skip(" GMT");
    } else if (comma != text.npos) {  // Sunday, 06-Nov-94 08:49:37 GMT
        is_read = in.day_name(false) && in.skip(", ") && in.number(2, day) && in.skip("-") && in.month(month) &&
                  in.skip("-") && in.number(2, year) && in.skip(" ") && in.time_of_day(hour, minute, second) &&
                  in.skip(" GMT");
        const int this_year = static_cast<int>(chrono::year_month_day{chrono::floor<chrono::days>(now)}.year());
        year += this_year / 100 * 100;
        if (year > this_year + 50) year -= 100;
    } else {  // Sun Nov  6 08:49:37 1994
        is_read = in.day_name(true) && in.skip(" ") && in.month(month) && in.skip(" ") && in.number(2, day, true) &&
                  in.skip(" ") && in.time_of_day(hour, minute, second) && in.skip(" ") && in.number(4, year);
    }
    const chrono::year_month_day date{chrono::year{year}, chrono::month{month},
                                      chrono::day{static_cast<unsigned>(day)}};
    if (!is_read || !in.at_end() || year < 1 || !date.ok()) return std::nullopt;
    if (hour > 23 || minute > 59 || second > 60) return std::nullopt;  // 60: a leap second, which is the next one here
    return chrono::sys_days{date} + chrono::hours{hour} + chrono::minutes{minute} + chrono::seconds{second};
}

}  // namespace netnotes::http

#endif  // NETNOTES_HTTP_DATE_HPP

// netnotes/http/fields.hpp: the lines between the first line and the body
// SPDX-License-Identifier: MIT
//
// A field is a line "name: value". A message has a list of them. The order is kept, and a name may come twice:
//
//        Host: example.com                    find("host")         "example.com"
//        Accept: text/html                    find("accept")       "text/html", the first of two
//        Accept: image/png                    joined("accept")     "text/html, image/png", which means the same
//        Cookie: seen=1
//
//        http::fields fields{{"Content-Type", "text/html"}};
//        fields.add("Set-Cookie", "seen=1");
//        fields.set("Content-Type", "text/plain");
//        for (const auto& [name, value] : fields) std::cout << name << " = " << value << '\n';
//
// A value that a stranger chose is dangerous here. If it holds a line's end, the text behind it becomes a field of its
// own, or a second response: "/home\r\nSet-Cookie: admin=1" (CWE-113). So add() and set() refuse such a value. All text
// of a list lies in one string, so a list of nine fields needs two allocations and not eighteen.
//
// On this page:  field, fields
// Sources:       RFC 9110 §5

#ifndef NETNOTES_HTTP_FIELDS_HPP
#define NETNOTES_HTTP_FIELDS_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>


// netnotes/http/syntax.hpp: which characters HTTP allows where
// SPDX-License-Identifier: MIT
//
// HTTP is text, and most of its security is in one question: which character may stand where? Two programs that answer
// it differently see two different messages in the same bytes. This page answers it once, in a table, for all chapters.
//
//        GET /notes HTTP/1.1      GET is a token        tokens: methods, names of fields, some values
//        Host: example.com        Host is a token; the value is text without control characters
//
// A token is one character or more of letters, digits and ! # $ % & ' * + - . ^ _ ` | ~ (RFC 9110 §5.6.2). The value of
// a field may hold spaces, tabs, visible characters, and bytes above 0x7f, which mean nothing (RFC 9110 §5.5).
//
// HTTP ignores the case of names of fields, but only for the letters of ASCII. The functions of <cctype> would ask the
// locale, and in a Turkish locale `HOST` and `host` are two names.
//
// On this page:  is_token, is_field_value, same_name · trimmed · read_decimal
// Sources:       RFC 9110 §5.5, §5.6.2, §5.6.3; RFC 5234 §B.1

#ifndef NETNOTES_HTTP_SYNTAX_HPP
#define NETNOTES_HTTP_SYNTAX_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>



namespace netnotes::http {

namespace detail {

enum character : std::uint8_t {
    token_character = 1,   // may stand in a token
    value_character = 2,   // may stand in the value of a field: no control character but the tab
    target_character = 4,  // may stand in the target of a request: visible, in ASCII, and no '#'
    plain_character = 8,   // stands in a URI as it is: RFC 3986 §2.3 calls it unreserved
};

inline constexpr auto characters = [] {
    std::array<std::uint8_t, 256> kinds{};
    for (unsigned c = 0; c < 256; ++c) {
        const bool is_alphanumeric = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
        unsigned kind = 0;
        if (is_alphanumeric ||
            (c != 0 && c < 128 &&
             std::string_view{"!#$%&'*+-.^_`|~"}.find(static_cast<char>(c)) != std::string_view::npos))
            kind |= token_character;
        if (c == '\t' || (c >= ' ' && c != 0x7f)) kind |= value_character;
        if (c > ' ' && c < 0x7f && c != '#') kind |= target_character;
        if (is_alphanumeric || c == '-' || c == '.' || c == '_' || c == '~') kind |= plain_character;
        kinds[c] = static_cast<std::uint8_t>(kind);
    }
    return kinds;
}();

constexpr bool is(character kind, char c) noexcept { return (characters[static_cast<unsigned char>(c)] & kind) != 0; }
/// Returns the place of the first character that is not of this kind, or the text's size.
constexpr std::size_t span_of(character kind, std::string_view text, std::size_t from = 0) noexcept {
    while (from < text.size() && is(kind, text[from])) ++from;
    return from;
}

constexpr char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 32) : c; }

}  // namespace detail

/// Returns true if the text is a token: a method, the name of a field (RFC 9110 §5.6.2). An empty text is no token.
[[nodiscard]] constexpr bool is_token(std::string_view text) noexcept {
    return !text.empty() && detail::span_of(detail::token_character, text) == text.size();
}
/// Returns true if the text may be the value of a field: it holds no control character except tabs (RFC 9110 §5.5).
[[nodiscard]] constexpr bool is_field_value(std::string_view text) noexcept {
    return detail::span_of(detail::value_character, text) == text.size();
}
/// Returns true if two names are equal, where the case of ASCII letters does not count (RFC 9110 §5.1).
[[nodiscard]] constexpr bool same_name(std::string_view a, std::string_view b) noexcept {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i)
        if (detail::lower(a[i]) != detail::lower(b[i])) return false;
    return true;
}

/// Returns the text without spaces and tabs at its ends (RFC 9110 §5.6.3).
[[nodiscard]] constexpr std::string_view trimmed(std::string_view text) noexcept {
    const auto is_space = [](char c) { return c == ' ' || c == '\t'; };
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
    return text;
}

/// Reads a number of decimal digits and nothing else: no sign, no space, no empty text. Returns nullopt for any other
/// text and for a number above 2^64-1. The functions of the C library take `+5`, ` 5` and `0x5`, and wrap or saturate
/// silently. A length that two programs read differently ends a message at two places.
[[nodiscard]] constexpr std::optional<std::uint64_t> read_decimal(std::string_view text) noexcept {
    if (text.empty()) return std::nullopt;
    std::uint64_t number = 0;
    for (const char c : text) {
        const std::uint64_t digit = netnotes::detail::digit_value(c);
        if (digit > 9) return std::nullopt;
        if (number > (~std::uint64_t{0} - digit) / 10) return std::nullopt;
        number = number * 10 + digit;
    }
    return number;
}

namespace detail {

/// Calls visit(part) for each element of a list with commas, for example `keep-alive, Upgrade`; empty elements count
/// for nothing (RFC 9110 §5.6.1). Do not use it for lists that may hold quoted commas.
template <class Visit>
constexpr void for_each_element(std::string_view list, Visit visit) {
    while (!list.empty()) {
        const std::size_t comma = list.find(',');
        const std::string_view part = trimmed(list.substr(0, comma));
        if (!part.empty()) visit(part);
        list = comma == list.npos ? std::string_view{} : list.substr(comma + 1);
    }
}

}  // namespace detail

}  // namespace netnotes::http

#endif  // NETNOTES_HTTP_SYNTAX_HPP


namespace netnotes::http {

/// One field, as two views into text that lies elsewhere.
struct field {
    std::string_view name;
    std::string_view value;
    friend constexpr bool operator==(const field&, const field&) noexcept = default;
};

/// An ordered list of fields. Names are found whatever their case. The views that it returns are valid until the list
/// is changed, moved or destroyed.
class fields {
  public:
    class iterator;
    using value_type = field;
    using const_iterator = iterator;

    fields() noexcept = default;
    /// Makes a list. Throws as add() does.
    fields(std::initializer_list<field> list) {
        for (const auto& [name, value] : list) add(name, value);
    }

    /// Appends a field, even if one with that name is there. Spaces and tabs at the value's ends are dropped. Throws
    /// std::invalid_argument if the name is no token, or if the value holds a control character other than a tab.
    void add(std::string_view name, std::string_view value);
    /// Makes this the only field with that name. It takes the place of the first one. Throws as add() does.
    void set(std::string_view name, std::string_view value);
    /// Removes all fields with that name, and returns how many there were.
    std::size_t erase(std::string_view name) noexcept {
        return std::erase_if(entries_, [&](const entry& each) { return same_name(name_of(each), name); });
    }
    /// Removes all fields, and keeps the memory.
    void clear() noexcept {
        entries_.clear();
        text_.clear();
    }

    /// Returns the value of the first field with that name, or nullopt if no field has it.
    [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const noexcept {
        for (const entry& each : entries_)
            if (same_name(name_of(each), name)) return value_of(each);
        return std::nullopt;
    }
    /// Returns true if a field with that name is there.
    [[nodiscard]] bool contains(std::string_view name) const noexcept { return find(name).has_value(); }
    /// Returns how many fields have that name.
    [[nodiscard]] std::size_t count(std::string_view name) const noexcept {
        return static_cast<std::size_t>(std::count_if(
            entries_.begin(), entries_.end(), [&](const entry& each) { return same_name(name_of(each), name); }));
    }
    /// Returns the values of all fields with that name, in order.
    [[nodiscard]] std::vector<std::string_view> all(std::string_view name) const {
        std::vector<std::string_view> values;
        for (const entry& each : entries_)
            if (same_name(name_of(each), name)) values.push_back(value_of(each));
        return values;
    }
    /// Returns the values of all fields with that name as one list with ", " between them, which means the same
    /// (RFC 9110 §5.3). Set-Cookie is the exception: its values may hold commas.
    [[nodiscard]] std::string joined(std::string_view name) const {
        std::string list;
        bool is_first = true;
        for (const entry& each : entries_) {
            if (!same_name(name_of(each), name)) continue;
            if (!is_first) list += ", ";
            is_first = false;
            list += value_of(each);
        }
        return list;
    }
    /// Returns true if the list of values of that name has this element, whatever its case: `Connection: keep-alive,
    /// Upgrade` has "upgrade".
    [[nodiscard]] bool has_element(std::string_view name, std::string_view element) const noexcept {
        bool found = false;
        for (const entry& each : entries_)
            if (same_name(name_of(each), name))
                detail::for_each_element(value_of(each),
                                         [&](std::string_view part) { found = found || same_name(part, element); });
        return found;
    }

    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
    [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }
    /// Returns the field with this number, counted from 0. The number must be below size().
    [[nodiscard]] field operator[](std::size_t at) const noexcept {
        return {name_of(entries_[at]), value_of(entries_[at])};
    }
    [[nodiscard]] iterator begin() const noexcept;
    [[nodiscard]] iterator end() const noexcept;

    /// Compares names whatever their case, values, and the order.
    friend bool operator==(const fields& a, const fields& b) noexcept {
        if (a.size() != b.size()) return false;
        for (std::size_t i = 0; i < a.size(); ++i)
            if (!same_name(a[i].name, b[i].name) || a[i].value != b[i].value) return false;
        return true;
    }

  private:
    struct entry {
        std::uint32_t name_at, name_size, value_at, value_size;
    };

    [[nodiscard]] std::string_view name_of(const entry& each) const noexcept {
        return std::string_view{text_}.substr(each.name_at, each.name_size);
    }
    [[nodiscard]] std::string_view value_of(const entry& each) const noexcept {
        return std::string_view{text_}.substr(each.value_at, each.value_size);
    }
    [[nodiscard]] bool is_own(std::string_view text) const noexcept {
        const std::less<const char*> before;
        return !before(text.data(), text_.data()) && before(text.data(), text_.data() + text_.size());
    }
    entry append(std::string_view name, std::string_view value);

    // The text of a removed field stays here until clear(). A program that sets one field again and again in the same
    // list would be strange, so nothing is moved together.
    std::string text_;
    std::vector<entry> entries_;
};

/// Goes through a list of fields, and gives each as two views.
class fields::iterator {
  public:
    using iterator_category = std::input_iterator_tag;
    using value_type = field;
    using difference_type = std::ptrdiff_t;
    using reference = field;
    using pointer = void;

    iterator() noexcept = default;
    field operator*() const noexcept { return (*list_)[at_]; }
    iterator& operator++() noexcept {
        ++at_;
        return *this;
    }
    iterator operator++(int) noexcept {
        iterator before = *this;
        ++at_;
        return before;
    }
    friend bool operator==(const iterator&, const iterator&) noexcept = default;

  private:
    friend fields;
    iterator(const fields* list, std::size_t at) noexcept : list_{list}, at_{at} {}

    const fields* list_ = nullptr;
    std::size_t at_ = 0;
};

inline fields::iterator fields::begin() const noexcept { return {this, 0}; }
inline fields::iterator fields::end() const noexcept { return {this, entries_.size()}; }

inline fields::entry fields::append(std::string_view name, std::string_view value) {
    value = trimmed(value);
    if (!is_token(name))
        throw std::invalid_argument{"the name of an HTTP field is a token (RFC 9110 §5.1), and " + quoted(name) +
                                    " is not"};
    if (!is_field_value(value))
        throw std::invalid_argument{"the value of the HTTP field " + quoted(name) +
                                    " holds a control character (RFC 9110 §5.5): " + quoted(value.substr(0, 200))};
    if (name.size() + value.size() > 0x7fff'ffff - std::min<std::size_t>(text_.size(), 0x7fff'ffff))
        throw std::length_error{"a list of HTTP fields has at most 2 GiB"};
    // Views into this very list would be invalid after the string has grown.
    const std::string copy = is_own(name) || is_own(value) ? std::string{name}.append(value) : std::string{};
    if (!copy.empty()) {
        name = std::string_view{copy}.substr(0, name.size());
        value = std::string_view{copy}.substr(name.size());
    }
    const entry made{static_cast<std::uint32_t>(text_.size()), static_cast<std::uint32_t>(name.size()),
                     static_cast<std::uint32_t>(text_.size() + name.size()), static_cast<std::uint32_t>(value.size())};
    text_.append(name).append(value);
    return made;
}

inline void fields::add(std::string_view name, std::string_view value) {
    const entry made = append(name, value);
    entries_.push_back(made);
}

inline void fields::set(std::string_view name, std::string_view value) {
    const entry made = append(name, value);
    const auto is_same = [&](const entry& each) { return same_name(name_of(each), name_of(made)); };
    const auto first = std::find_if(entries_.begin(), entries_.end(), is_same);
    if (first == entries_.end()) return entries_.push_back(made);
    *first = made;
    entries_.erase(std::remove_if(first + 1, entries_.end(), is_same), entries_.end());
}

}  // namespace netnotes::http

#endif  // NETNOTES_HTTP_FIELDS_HPP

// netnotes/http/media.hpp: what kind of text or picture a body is
// SPDX-License-Identifier: MIT
//
// A browser does not look at the name of a file. It believes the field Content-Type, which has a media type and perhaps
// a charset:
//
//        Content-Type: text/html; charset=utf-8
//
// Without a charset a browser guesses, and a guess can turn text into a script (an old trick with UTF-7). So every text
// type of this table says utf-8. What the table does not know is application/octet-stream: bytes to be saved.
//
// On this page:  media_type_of
// Sources:       RFC 9110 §8.3; the registry of IANA; RFC 9239 (JavaScript)

#ifndef NETNOTES_HTTP_MEDIA_HPP
#define NETNOTES_HTTP_MEDIA_HPP

#include <cstddef>
#include <string_view>



namespace netnotes::http {

namespace detail {
struct media_of_suffix {
    std::string_view suffix, type;
};
inline constexpr media_of_suffix media_types[] = {
    {"html", "text/html; charset=utf-8"},
    {"htm", "text/html; charset=utf-8"},
    {"css", "text/css; charset=utf-8"},
    {"js", "text/javascript; charset=utf-8"},
    {"mjs", "text/javascript; charset=utf-8"},
    {"json", "application/json"},
    {"txt", "text/plain; charset=utf-8"},
    {"md", "text/markdown; charset=utf-8"},
    {"csv", "text/csv; charset=utf-8"},
    {"xml", "application/xml"},
    {"svg", "image/svg+xml"},
    {"png", "image/png"},
    {"jpg", "image/jpeg"},
    {"jpeg", "image/jpeg"},
    {"gif", "image/gif"},
    {"webp", "image/webp"},
    {"avif", "image/avif"},
    {"ico", "image/vnd.microsoft.icon"},
    {"bmp", "image/bmp"},
    {"mp3", "audio/mpeg"},
    {"ogg", "audio/ogg"},
    {"wav", "audio/wav"},
    {"mp4", "video/mp4"},
    {"webm", "video/webm"},
    {"woff", "font/woff"},
    {"woff2", "font/woff2"},
    {"ttf", "font/ttf"},
    {"otf", "font/otf"},
    {"pdf", "application/pdf"},
    {"wasm", "application/wasm"},
    {"zip", "application/zip"},
    {"gz", "application/gzip"},
    {"tar", "application/x-tar"},
    {"webmanifest", "application/manifest+json"},
};
}  // namespace detail

/// Returns the media type that belongs to the end of a file's name, where case does not count: "page.html" and
/// "/a/PAGE.HTML" give "text/html; charset=utf-8". Returns "application/octet-stream" for a name that has no known end.
/// The text is a constant.
[[nodiscard]] constexpr std::string_view media_type_of(std::string_view file_name) noexcept {
    const std::size_t dot = file_name.find_last_of("./");
    if (dot != file_name.npos && file_name[dot] == '.')
        for (const auto& [suffix, type] : detail::media_types)
            if (same_name(file_name.substr(dot + 1), suffix)) return type;
    return "application/octet-stream";
}

}  // namespace netnotes::http

#endif  // NETNOTES_HTTP_MEDIA_HPP

// netnotes/http/message.hpp: a request and a response, as values
// SPDX-License-Identifier: MIT
//
// A message of HTTP is a first line, fields, an empty line, and perhaps a body:
//
//        GET /notes?page=2 HTTP/1.1        HTTP/1.1 200 OK
//        Host: example.com                 Content-Type: text/plain; charset=utf-8
//                                          Content-Length: 6
//
//                                          hello
//
// Here both are values: they can be made by hand, changed, compared and tested without a network.
//
//        http::request ask{"GET", "/notes?page=2", {{"Host", "example.com"}}};
//        std::cout << ask.path();                                      // /notes
//        std::cout << ask.query("page").value_or("1");                 // 2
//
//        http::response{200, "hello\n"};                               // text/plain; charset=utf-8
//        http::response{200, "<p>hello", "text/html; charset=utf-8"};
//        http::redirect("/login/");
//        http::not_found(ask);
//
// A server gives a request to its handler when the head is there, while the body may still be on its way. So a request
// has two ways to its body. body() returns the text that the request holds, for example from a test. text() and recv()
// are tasks that wait for the bytes of a connection. This page only declares them, and http/server.hpp has their code.
// Without a connection they return what body() holds, so a handler can be tested with a request made by hand.
//
// A response has a text as its body, or a body_source: a file, or pieces that a task makes one after the other. The
// chapters above this one derive from body_source, and this page only carries it.
//
// On this page:  body_source · request · response, not_found, redirect
// Sources:       RFC 9112 §2; RFC 9110 §6
// The notes:     Python Internet 模块

#ifndef NETNOTES_HTTP_MESSAGE_HPP
#define NETNOTES_HTTP_MESSAGE_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>




// netnotes/http/status.hpp: what a client asks for, and how the server answers in a number
// SPDX-License-Identifier: MIT
//
// The first word of a request is its method, and the first number of a response is its status:
//
//        GET /notes HTTP/1.1           the method: what to do with the target
//        HTTP/1.1 404 Not Found        the status: 1xx wait, 2xx done, 3xx elsewhere, 4xx your fault, 5xx my fault
//
// Three properties of methods decide what programs may do without asking (RFC 9110 §9.2):
//   - A safe method only reads, so a browser may follow a link. GET, HEAD, OPTIONS and TRACE are safe.
//   - An idempotent method has the same effect once or twice, so a client may send it again after a lost connection.
//     Safe methods, PUT and DELETE are idempotent. POST is not: it may order two books.
//   - HEAD is GET without the body.
//
// A method that this table does not know is `method::other`, and its text stays readable. A server answers it with 501.
//
// On this page:  method, name_of, read_method, is_safe, is_idempotent · status
// Sources:       RFC 9110 §9, §15, §16.1; RFC 5789 (PATCH); RFC 6585 (428, 429, 431)
// The notes:     Python Internet 模块

#ifndef NETNOTES_HTTP_STATUS_HPP
#define NETNOTES_HTTP_STATUS_HPP

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace netnotes::http {

/// The methods of RFC 9110 §9, and PATCH. `delete` is a word of C++, so DELETE has a trailing underscore.
enum class method : std::uint8_t { other, get, head, post, put, delete_, connect, options, trace, patch };

/// Returns the method's name as it is sent, and "" for `method::other`.
[[nodiscard]] constexpr std::string_view name_of(method what) noexcept {
    switch (what) {
        case method::get: return "GET";
        case method::head: return "HEAD";
        case method::post: return "POST";
        case method::put: return "PUT";
        case method::delete_: return "DELETE";
        case method::connect: return "CONNECT";
        case method::options: return "OPTIONS";
        case method::trace: return "TRACE";
        case method::patch: return "PATCH";
        case method::other: break;
    }
    return {};
}
/// Returns the method with this name, and `method::other` for any other text. Case counts: `get` is not GET
/// (RFC 9110 §9.1).
[[nodiscard]] constexpr method read_method(std::string_view name) noexcept {
    method what = method::other;
    switch (name.size()) {
        case 3: what = name[0] == 'G' ? method::get : method::put; break;
        case 4: what = name[0] == 'P' ? method::post : method::head; break;
        case 5: what = name[0] == 'P' ? method::patch : method::trace; break;
        case 6: what = method::delete_; break;
        case 7: what = name[0] == 'O' ? method::options : method::connect; break;
        default: return method::other;
    }
    return name == name_of(what) ? what : method::other;
}
/// Returns true if the method only reads (RFC 9110 §9.2.1).
[[nodiscard]] constexpr bool is_safe(method what) noexcept {
    return what == method::get || what == method::head || what == method::options || what == method::trace;
}
/// Returns true if doing it twice has the effect of doing it once (RFC 9110 §9.2.2).
[[nodiscard]] constexpr bool is_idempotent(method what) noexcept {
    return is_safe(what) || what == method::put || what == method::delete_;
}

/// The status of a response: a number from 100 to 999, with a name for the usual ones. A plain number converts to it.
///
///        http::response{404, "no such page\n"}       http::response{http::status::not_found, "no such page\n"}
class status {
  public:
    /// Makes the status 200.
    constexpr status() noexcept = default;
    /// Takes a number. Throws std::invalid_argument if it is not in 100 to 999, because a status has three digits.
    constexpr status(int code) : code_{static_cast<std::uint16_t>(code)} {
        if (code < 100 || code > 999) throw std::invalid_argument{"an HTTP status is a number from 100 to 999"};
    }
    /// Returns the number.
    [[nodiscard]] constexpr int code() const noexcept { return code_; }
    /// Returns the first digit: 1 to 9. A client that does not know a status treats it like x00 (RFC 9110 §15).
    [[nodiscard]] constexpr int kind() const noexcept { return code_ / 100; }
    /// Returns true for 1xx: the real response is still to come.
    [[nodiscard]] constexpr bool is_interim() const noexcept { return kind() == 1; }
    /// Returns true for 2xx.
    [[nodiscard]] constexpr bool is_success() const noexcept { return kind() == 2; }
    /// Returns true for 3xx.
    [[nodiscard]] constexpr bool is_redirect() const noexcept { return kind() == 3; }
    /// Returns true for 4xx and 5xx.
    [[nodiscard]] constexpr bool is_error() const noexcept { return kind() == 4 || kind() == 5; }
    /// Returns true if a response with this status may have a body: 1xx, 204 and 304 have none (RFC 9110 §6.4.1).
    [[nodiscard]] constexpr bool allows_body() const noexcept { return kind() != 1 && code_ != 204 && code_ != 304; }
    /// Returns the standard words, for example "Not Found", or "" for a number without any. A client must not use them
    /// (RFC 9112 §4): they are for people who read the bytes.
    [[nodiscard]] constexpr std::string_view reason() const noexcept;
    /// Returns number and words: "404 Not Found".
    [[nodiscard]] std::string to_string() const {
        std::string text = std::to_string(code_);
        if (!reason().empty()) (text += ' ') += reason();
        return text;
    }
    friend constexpr bool operator==(status, status) noexcept = default;

    static const status continue_, switching_protocols;
    static const status ok, created, accepted, no_content, reset_content, partial_content;
    static const status moved_permanently, found, see_other, not_modified, temporary_redirect, permanent_redirect;
    static const status bad_request, unauthorized, forbidden, not_found, method_not_allowed, not_acceptable,
        request_timeout, conflict, gone, length_required, precondition_failed, content_too_large, uri_too_long,
        unsupported_media_type, range_not_satisfiable, expectation_failed, upgrade_required, too_many_requests,
        request_header_fields_too_large;
    static const status internal_server_error, not_implemented, bad_gateway, service_unavailable, gateway_timeout,
        http_version_not_supported;

  private:
    std::uint16_t code_ = 200;
};

inline constexpr status status::continue_{100}, status::switching_protocols{101};
inline constexpr status status::ok{200}, status::created{201}, status::accepted{202}, status::no_content{204},
    status::reset_content{205}, status::partial_content{206};
inline constexpr status status::moved_permanently{301}, status::found{302}, status::see_other{303},
    status::not_modified{304}, status::temporary_redirect{307}, status::permanent_redirect{308};
inline constexpr status status::bad_request{400}, status::unauthorized{401}, status::forbidden{403},
    status::not_found{404}, status::method_not_allowed{405}, status::not_acceptable{406}, status::request_timeout{408},
    status::conflict{409}, status::gone{410}, status::length_required{411}, status::precondition_failed{412},
    status::content_too_large{413}, status::uri_too_long{414}, status::unsupported_media_type{415},
    status::range_not_satisfiable{416}, status::expectation_failed{417}, status::upgrade_required{426},
    status::too_many_requests{429}, status::request_header_fields_too_large{431};
inline constexpr status status::internal_server_error{500}, status::not_implemented{501}, status::bad_gateway{502},
    status::service_unavailable{503}, status::gateway_timeout{504}, status::http_version_not_supported{505};

constexpr std::string_view status::reason() const noexcept {
    switch (code_) {
        case 100: return "Continue";
        case 101: return "Switching Protocols";
        case 200: return "OK";
        case 201: return "Created";
        case 202: return "Accepted";
        case 203: return "Non-Authoritative Information";
        case 204: return "No Content";
        case 205: return "Reset Content";
        case 206: return "Partial Content";
        case 300: return "Multiple Choices";
        case 301: return "Moved Permanently";
        case 302: return "Found";
        case 303: return "See Other";
        case 304: return "Not Modified";
        case 305: return "Use Proxy";
        case 307: return "Temporary Redirect";
        case 308: return "Permanent Redirect";
        case 400: return "Bad Request";
        case 401: return "Unauthorized";
        case 402: return "Payment Required";
        case 403: return "Forbidden";
        case 404: return "Not Found";
        case 405: return "Method Not Allowed";
        case 406: return "Not Acceptable";
        case 407: return "Proxy Authentication Required";
        case 408: return "Request Timeout";
        case 409: return "Conflict";
        case 410: return "Gone";
        case 411: return "Length Required";
        case 412: return "Precondition Failed";
        case 413: return "Content Too Large";
        case 414: return "URI Too Long";
        case 415: return "Unsupported Media Type";
        case 416: return "Range Not Satisfiable";
        case 417: return "Expectation Failed";
        case 421: return "Misdirected Request";
        case 422: return "Unprocessable Content";
        case 426: return "Upgrade Required";
        case 428: return "Precondition Required";
        case 429: return "Too Many Requests";
        case 431: return "Request Header Fields Too Large";
        case 500: return "Internal Server Error";
        case 501: return "Not Implemented";
        case 502: return "Bad Gateway";
        case 503: return "Service Unavailable";
        case 504: return "Gateway Timeout";
        case 505: return "HTTP Version Not Supported";
        default: return {};
    }
}

}  // namespace netnotes::http

#endif  // NETNOTES_HTTP_STATUS_HPP


// netnotes/http/target.hpp: what a request is about
// SPDX-License-Identifier: MIT
//
// The second word of a request is its target. It has four forms (RFC 9112 §3.2):
//
//        GET /notes/a%20b?page=2 HTTP/1.1              origin form: path and query
//        GET http://example.com/notes HTTP/1.1         absolute form, to a proxy; a server must take it, too
//        OPTIONS * HTTP/1.1                            asterisk form: the whole server
//        CONNECT example.com:443 HTTP/1.1              authority form: a tunnel, which a server refuses
//
// A character that no URI may hold is written as a percent sign and two hexadecimal digits. When to decode them is
// the source of many holes, so this page keeps two rules:
//   - Split first, then decode, and decode once. In /a%2Fb the slash is a part of a name. A program that decodes first
//     sees two names, and a check made before no longer holds. `%252e` is the text `%2e` and not a dot.
//   - A path with %00 is refused. For C the name of the file ends there, so /secret%00.html would pass for HTML.
//
//        "/a%2Fb/c%20d?x=1"    path()      "/a%2Fb/c d"              all is decoded but the slash
//                              segments()  { "a/b", "c d" }          split, then decoded
//                              query()     "x=1"                     as it came: http/form.hpp reads it
//
// On this page:  percent_decode, percent_encode · target
// Sources:       RFC 9112 §3.2; RFC 3986 §2, §3.3

#ifndef NETNOTES_HTTP_TARGET_HPP
#define NETNOTES_HTTP_TARGET_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>




namespace netnotes::http {

/// Replaces each percent sign and its two hexadecimal digits by their byte. Returns nullopt if two digits are missing
/// behind a percent sign. The result may hold any byte, NUL too.
[[nodiscard]] std::optional<std::string> percent_decode(std::string_view text);
/// Returns the text with every byte as %XX except letters, digits, `-` `.` `_` `~` (RFC 3986 §2.3) and the characters
/// in `also_plain`. For a path with slashes pass "/".
[[nodiscard]] std::string percent_encode(std::string_view text, std::string_view also_plain = {});

/// The target of a request, read into its parts. It owns its text.
class target {
  public:
    enum class form : std::uint8_t {
        origin,    ///< "/notes?page=2"
        absolute,  ///< "http://example.com/notes?page=2"
        asterisk,  ///< "*"
    };

    /// Makes the target "/".
    target() : text_{"/"}, path_{"/"}, raw_path_size_{1} {}
    /// Reads a target. Throws parse_error, whose message has the reason and the place.
    explicit target(std::string_view text);
    /// Reads a target. Returns nullopt if it is not in origin, absolute or asterisk form, and for a character that no
    /// URI has, for a wrong percent coding in the path, and for %00 there. `why` then has the reason and its place. A
    /// query may hold any visible characters of ASCII, because browsers send them; `#` is refused everywhere.
    [[nodiscard]] static std::optional<target> parse(std::string_view text, parse_failure& why);

    /// Returns which form the text has.
    [[nodiscard]] form which() const noexcept { return form_; }
    /// Returns the whole text as it came.
    [[nodiscard]] const std::string& text() const noexcept { return text_; }
    /// Returns host and port of the absolute form, for example "example.com:8000", and "" for the other forms.
    [[nodiscard]] std::string_view authority() const noexcept { return part(authority_at_, authority_size_); }
    /// Returns the path, decoded, except that an encoded slash stays `%2F`. It begins with '/'; for "*" it is "*". Use
    /// it to compare with a path that the program knows. To look up names of files take segments().
    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    /// Returns the path as it came.
    [[nodiscard]] std::string_view raw_path() const noexcept {
        return raw_path_size_ == 0 ? std::string_view{"/"} : part(raw_path_at_, raw_path_size_);
    }
    /// Returns the parts of the path between slashes, split first and decoded then: "/a%2Fb/c" has "a/b" and "c", and
    /// "/a/" has "a" and "". Dots are parts like others: whoever maps them to files must refuse "..", and any "/".
    [[nodiscard]] std::vector<std::string> segments() const;
    /// Returns the text behind the first '?', as it came, and "" without a '?'.
    [[nodiscard]] std::string_view query() const noexcept { return part(query_at_, text_.size() - query_at_); }
    /// Returns true if there is a '?', even one with nothing behind it.
    [[nodiscard]] bool has_query() const noexcept { return has_query_; }

    friend bool operator==(const target& a, const target& b) noexcept { return a.text_ == b.text_; }

  private:
    [[nodiscard]] std::string_view part(std::size_t at, std::size_t size) const noexcept {
        return at >= text_.size() ? std::string_view{} : std::string_view{text_}.substr(at, size);
    }

    std::string text_;
    std::string path_;
    std::size_t authority_at_ = 0, authority_size_ = 0;
    std::size_t raw_path_at_ = 0, raw_path_size_ = 0;
    std::size_t query_at_ = static_cast<std::size_t>(-1);
    form form_ = form::origin;
    bool has_query_ = false;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

/// Returns the byte of the two hexadecimal digits behind the percent sign at `at`, or -1.
constexpr int percent_byte(std::string_view text, std::size_t at) noexcept {
    if (text.size() - at < 3) return -1;
    const unsigned high = netnotes::detail::hexadecimal_value[static_cast<unsigned char>(text[at + 1])];
    const unsigned low = netnotes::detail::hexadecimal_value[static_cast<unsigned char>(text[at + 2])];
    return high > 15 || low > 15 ? -1 : static_cast<int>(high << 4 | low);
}

/// Finds what is wrong with the percent coding of a path. Returns its place, or npos. `is_nul` tells the two apart.
constexpr std::size_t wrong_percent(std::string_view path, bool& is_nul) noexcept {
    is_nul = false;
    for (std::size_t at = path.find('%'); at != path.npos; at = path.find('%', at + 3)) {
        const int byte = percent_byte(path, at);
        is_nul = byte == 0;
        if (byte <= 0) return at;
    }
    return std::string_view::npos;
}

/// Decodes what is known to be right.
inline std::string decoded(std::string_view text, bool keeps_slash) {
    std::string result;
    result.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            result += text[i];
            continue;
        }
        const auto byte = static_cast<char>(percent_byte(text, i));
        if (byte == '/' && keeps_slash)
            result += "%2F";
        else
            result += byte;
        i += 2;
    }
    return result;
}

/// Returns the place of the first character that no host and port have, or npos. It is not a full check of the syntax:
/// it keeps out what would mean two things to two programs, like `a@b`, `a/b` and `a,b`.
constexpr std::size_t wrong_in_authority(std::string_view text) noexcept {
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (!is(plain_character, c) && std::string_view{"%!$&'()*+;=:[]"}.find(c) == std::string_view::npos) return i;
    }
    return std::string_view::npos;
}
/// Returns true if the text is a host, or a host with a port: "example.com", "192.0.2.1:80", "[2001:db8::1]:80". The
/// host may be empty only if all is.
constexpr bool is_authority(std::string_view text) noexcept {
    if (wrong_in_authority(text) != text.npos) return false;
    std::string_view host = text, port;
    if (text.starts_with('[')) {
        const std::size_t bracket = text.find(']');
        if (bracket == text.npos) return false;
        host = text.substr(1, bracket - 1);
        for (const char c : host)
            if (netnotes::detail::hexadecimal_value[static_cast<unsigned char>(c)] > 15 && c != ':' && c != '.')
                return false;
        text.remove_prefix(bracket + 1);
        if (!text.empty() && text[0] != ':') return false;
        port = text.substr(text.empty() ? 0 : 1);
    } else {
        if (host.find_first_of("[]") != host.npos) return false;
        const std::size_t colon = text.find(':');
        host = text.substr(0, colon);
        if (colon != text.npos) port = text.substr(colon + 1);
    }
    for (const char c : port)
        if (netnotes::detail::digit_value(c) > 9) return false;
    return !host.empty() || text.empty();
}

}  // namespace detail

inline std::optional<std::string> percent_decode(std::string_view text) {
    for (std::size_t at = text.find('%'); at != text.npos; at = text.find('%', at + 3))
        if (detail::percent_byte(text, at) < 0) return std::nullopt;
    return detail::decoded(text, false);
}

inline std::string percent_encode(std::string_view text, std::string_view also_plain) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string result;
    result.reserve(text.size());
    for (const char c : text) {
        if (detail::is(detail::plain_character, c) || also_plain.find(c) != also_plain.npos) {
            result += c;
            continue;
        }
        const auto byte = static_cast<unsigned char>(c);
        ((result += '%') += digits[byte >> 4]) += digits[byte & 15];
    }
    return result;
}

inline std::optional<target> target::parse(std::string_view text, parse_failure& why) {
    const auto refused = [&](std::string_view reason, std::size_t place) {
        why = parse_failure{reason, place};
        return std::nullopt;
    };
    if (text.empty()) return refused("the target is empty", 0);
    if (const std::size_t wrong = detail::span_of(detail::target_character, text); wrong != text.size())
        return refused("a character that no target has; it is written as a percent sign and two digits", wrong);
    target read;
    read.text_ = text;
    if (text == "*") {
        read.form_ = form::asterisk;
        read.path_ = text;
        read.raw_path_size_ = 1;
        return read;
    }
    std::size_t path = 0;
    if (text[0] != '/') {
        constexpr std::string_view schemes[] = {"http://", "https://"};
        for (const std::string_view scheme : schemes)
            if (same_name(text.substr(0, scheme.size()), scheme)) path = scheme.size();
        if (path == 0) return refused("a target begins with '/', or with http:// and a host", 0);
        read.form_ = form::absolute;
        read.authority_at_ = path;
        path = std::min(text.find_first_of("/?", path), text.size());
        read.authority_size_ = path - read.authority_at_;
        const std::string_view authority = text.substr(read.authority_at_, read.authority_size_);
        if (authority.empty() || !detail::is_authority(authority))
            return refused("behind http:// comes a host, and perhaps a port", read.authority_at_);
    }
    const std::size_t question = std::min(text.find('?', path), text.size());
    const std::string_view raw = text.substr(path, question - path);
    bool is_nul = false;
    if (const std::size_t wrong = detail::wrong_percent(raw, is_nul); wrong != raw.npos)
        return refused(is_nul ? "a path holds no NUL" : "behind a percent sign come two hexadecimal digits",
                       path + wrong);
    read.raw_path_at_ = path;
    read.raw_path_size_ = raw.size();
    read.path_ = raw.empty() ? "/" : detail::decoded(raw, true);
    read.has_query_ = question < text.size();
    if (read.has_query_) read.query_at_ = question + 1;
    return read;
}

inline target::target(std::string_view text) {
    parse_failure why;
    auto read = parse(text, why);
    if (!read) throw parse_error{"HTTP request target", text, why};
    *this = *std::move(read);
}

inline std::vector<std::string> target::segments() const {
    std::vector<std::string> parts;
    std::string_view rest = raw_path();
    if (form_ == form::asterisk) return parts;
    while (!rest.empty()) {
        rest.remove_prefix(1);  // the slash
        const std::size_t slash = std::min(rest.find('/'), rest.size());
        parts.push_back(detail::decoded(rest.substr(0, slash), false));
        rest.remove_prefix(slash);
    }
    return parts;
}

}  // namespace netnotes::http

#endif  // NETNOTES_HTTP_TARGET_HPP


namespace netnotes {

template <class T>
class task;  // coro/task.hpp: include http/server.hpp to call the members that return a task

namespace http {

/// A body that comes in pieces. The server derives from it for the body of a request that is still arriving; files and
/// generators derive from it for the body of a response.
class body_source {
  public:
    body_source() noexcept = default;
    body_source(const body_source&) = delete;
    body_source& operator=(const body_source&) = delete;
    virtual ~body_source() = default;

    /// Returns how many bytes there are in all, or nullopt if this is known only at the end. In a response such a body
    /// is sent in chunks.
    [[nodiscard]] virtual std::optional<std::uint64_t> size() const noexcept { return std::nullopt; }
    /// Waits for the next piece, which is valid until the next call. No bytes: the body has ended.
    [[nodiscard]] virtual task<std::span<const std::byte>> next() = 0;
};

/// A request: method, target, fields, and a body. It owns everything, so it may outlive the bytes it was read from.
///
/// The version is 1.0 or 1.1, and fields() of a received request are as they came. A request can be moved, not copied.
class request {
  public:
    /// Makes `GET /`.
    request() = default;
    /// Makes a request. The target is in origin, absolute or asterisk form, with its query: "/notes?page=2". Throws
    /// std::invalid_argument if the method is no token, and parse_error if the text is no target.
    request(std::string_view method, std::string_view target, http::fields fields = {}, std::string body = {})
        : request{http::target{target}, method, std::move(fields), std::move(body)} {}
    /// Makes a request with a method of the table. Throws as above, also for `method::other`.
    request(http::method method, std::string_view target, http::fields fields = {}, std::string body = {})
        : request{name_of(method), target, std::move(fields), std::move(body)} {}
    /// Makes a request with a target that was read before. Throws std::invalid_argument if the method is no token.
    request(http::target target, std::string_view method, http::fields fields = {}, std::string body = {})
        : method_{read_method(method)}, target_{std::move(target)}, fields_{std::move(fields)}, body_{std::move(body)} {
        if (!is_token(method))
            throw std::invalid_argument{"the method of an HTTP request is a token, not " + quoted(method)};
        if (method_ == http::method::other) other_method_ = method;
    }

    /// Returns the method, or `method::other`; then method_name() has its text.
    [[nodiscard]] http::method method() const noexcept { return method_; }
    [[nodiscard]] std::string_view method_name() const noexcept {
        return method_ == http::method::other ? std::string_view{other_method_} : name_of(method_);
    }
    [[nodiscard]] const http::target& target() const noexcept { return target_; }
    /// Returns the path, decoded, except that an encoded slash stays `%2F`: see target::path().
    [[nodiscard]] const std::string& path() const noexcept { return target_.path(); }
    /// Returns the text behind '?', as it came.
    [[nodiscard]] std::string_view query() const noexcept { return target_.query(); }
    /// Returns the value of the first parameter of the query with that name, decoded: for "?name=a+b%21" it returns "a
    /// b!". Returns nullopt if there is no such parameter or if its percent coding is wrong. http/form.hpp reads them
    /// all.
    [[nodiscard]] std::optional<std::string> query(std::string_view name) const;

    /// Returns the number behind `HTTP/1.`: 0 or 1.
    [[nodiscard]] int minor_version() const noexcept { return minor_version_; }
    void set_minor_version(int minor) noexcept { minor_version_ = minor; }

    [[nodiscard]] const http::fields& fields() const noexcept { return fields_; }
    [[nodiscard]] http::fields& fields() noexcept { return fields_; }
    /// Returns the value of the first field with that name, or nullopt.
    [[nodiscard]] std::optional<std::string_view> field(std::string_view name) const noexcept {
        return fields_.find(name);
    }
    /// Returns host and port as the client named them, for example "example.com:8000". An absolute target has them,
    /// else the field Host (RFC 9112 §3.2.2). Returns "" if both are missing. They come from a stranger: compare them
    /// with a list, and never build a link for others out of them.
    [[nodiscard]] std::string_view host() const noexcept {
        return target_.which() == target::form::absolute ? target_.authority() : fields_.find("Host").value_or("");
    }

    /// Returns the body as far as the request holds it: the text of the constructor or of set_body(). On a server it is
    /// empty; use text() or recv() there.
    [[nodiscard]] const std::string& body() const noexcept { return body_; }
    void set_body(std::string body) noexcept { body_ = std::move(body); }

    /// Waits for the whole body and returns it. A second call returns "". Throws as http/server.hpp says, above all if
    /// the body is too large. Include http/server.hpp to call it.
    [[nodiscard]] task<std::string> text();
    /// Waits for the next bytes of the body. They are valid until the next call. No bytes: the body has ended. Include
    /// http/server.hpp to call it.
    [[nodiscard]] task<std::span<const std::byte>> recv();
    /// Gives the request a body that is still arriving. The source must outlive the request, or be taken away again
    /// with nullptr. For authors of servers.
    void set_source(body_source* source) noexcept { source_ = source; }
    [[nodiscard]] body_source* source() const noexcept { return source_; }

    request(request&&) = default;
    request& operator=(request&&) = default;

  private:
    http::method method_ = http::method::get;
    int minor_version_ = 1;
    std::string other_method_;
    http::target target_;
    http::fields fields_;
    std::string body_;
    body_source* source_ = nullptr;
};

/// A response: status, fields, and a body. The server adds Date, Content-Length or Transfer-Encoding, and Connection.
///
/// The members are open, because every combination has a meaning. A response can be moved, not copied.
class response {
  public:
    /// Makes 200 without a body.
    response() = default;
    /// Makes a response with a body of text. An empty body gets no Content-Type. Throws std::invalid_argument if the
    /// media type could not be a field's value.
    response(http::status code, std::string text = {}, std::string_view media_type = "text/plain; charset=utf-8")
        : status{code}, body{std::move(text)} {
        if (!body.empty()) fields.set("Content-Type", media_type);
    }
    /// Makes a response whose body comes from a source.
    response(http::status code, std::unique_ptr<body_source> from, std::string_view media_type)
        : status{code}, source{std::move(from)} {
        fields.set("Content-Type", media_type);
    }

    http::status status;                  ///< 200 unless set
    http::fields fields;                  ///< the server adds more: see above
    std::string body;                     ///< the body, if `source` is empty
    std::unique_ptr<body_source> source;  ///< the body, if it is no text in memory

    /// Sets a field and returns the response, so that calls can follow each other. Throws as fields::set() does.
    response& with(std::string_view name, std::string_view value) & {
        fields.set(name, value);
        return *this;
    }
    response&& with(std::string_view name, std::string_view value) && {
        fields.set(name, value);
        return std::move(*this);
    }
};

/// Returns 404 with a short text that names the path.
[[nodiscard]] inline response not_found(const request& ask) {
    return {status::not_found, "404: nothing is at " + quoted(ask.path().substr(0, 200)) + "\n"};
}
/// Returns a response that sends the client to another place: a path ("/login/") or a whole URL. The status is 303 for
/// "look there with GET", 307 or 308 for "send the same request there", 302 and 301 as old programs do. Throws
/// std::invalid_argument if the status is no redirect, or if `location` is empty or holds a character that no URL has:
/// take percent_encode() for text of strangers.
[[nodiscard]] inline response redirect(std::string_view location, status how = status::see_other) {
    if (!how.is_redirect()) throw std::invalid_argument{how.to_string() + " is no redirect"};
    for (const char c : location)
        if (c <= ' ' || c > '~')
            throw std::invalid_argument{"no URL to redirect to: " + quoted(location.substr(0, 200))};
    if (location.empty()) throw std::invalid_argument{"a redirect needs a place"};
    response answer{how};
    answer.fields.set("Location", location);
    return answer;
}

// ========================================================================================================
// How it is done
// ========================================================================================================

inline std::optional<std::string> request::query(std::string_view name) const {
    const auto decode = [](std::string_view text) {
        std::string spaced{text};
        for (char& c : spaced)
            if (c == '+') c = ' ';
        return percent_decode(spaced);
    };
    std::string_view rest = query();
    while (!rest.empty()) {
        const std::size_t end = std::min(rest.find('&'), rest.size());
        const std::string_view part = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        const std::size_t equals = std::min(part.find('='), part.size());
        if (decode(part.substr(0, equals)) == name) return decode(part.substr(std::min(equals + 1, part.size())));
    }
    return std::nullopt;
}

}  // namespace http
}  // namespace netnotes

#endif  // NETNOTES_HTTP_MESSAGE_HPP





#endif  // NETNOTES_HTTP_HPP
